/* SPDX-License-Identifier: Apache-2.0 */
/* backends.c - the host's side of a machine's devices: what a reboot of the guest leaves alone */
#include "cli/backends.h"

#include <stdio.h>
#include <string.h>

#include "base/rundir.h"
#include "devices/agent.h"
#include "devices/hvc.h"

/* The host's ends of the virtio console's ports. */
static int ports_open(struct backends *backends, const struct machine_config *config,
		      struct loop *loop, struct fail *why)
{
	char path[RUNDIR_PATH_MAX];
	int rc = 0;

	if (config->has_second_console)
		rc = hvc_create(loop, &backends->hvc, why);
	if (rc < 0 || !config->has_agent)
		return rc;
	rc = rundir_path(RUNDIR_GUESTS, config->name, ".agent", path, why);
	return rc < 0 ? rc : agent_create(path, loop, &backends->agent, why);
}

static int disks_open(struct backends *backends, const struct machine_config *config,
		      struct loop *loop, struct fail *why)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < config->disk_count; i++)
		rc = disk_open(&config->disks[i].config, loop, &backends->disks[i], why);
	return rc;
}

static int nets_open(struct backends *backends, const struct machine_config *config,
		     struct fail *why)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < config->net_count; i++) {
		struct net_config net = config->nets[i].config;

		snprintf(backends->net_names[i], sizeof(backends->net_names[i]), "network %u", i);
		net.name = backends->net_names[i];
		rc = net_open(&net, &backends->nets[i], why);
	}
	return rc;
}

int backends_open(const struct machine_config *config, struct loop *loop,
		  struct backends *ret_backends, struct fail *why)
{
	struct backends *backends = ret_backends;
	int rc = ports_open(backends, config, loop, why);

	if (rc == 0)
		rc = disks_open(backends, config, loop, why);
	if (rc == 0)
		rc = nets_open(backends, config, why);
	return rc;
}

void backends_close(struct backends *backends)
{
	for (unsigned int i = 0; i < BOARD_MAX_DISKS; i++)
		disk_close(backends->disks[i]);
	for (unsigned int i = 0; i < BOARD_MAX_NETS; i++)
		net_close(backends->nets[i]);
	hvc_free(backends->hvc);
	agent_free(backends->agent);
}

void backends_plug(const struct backends *backends, const struct machine_config *config,
		   struct board_config *board)
{
	board->second_console = backends->hvc ? hvc_end(backends->hvc) : NULL;
	board->agent = backends->agent ? agent_end(backends->agent) : NULL;
	board->disk_count = config->disk_count;
	for (unsigned int i = 0; i < config->disk_count; i++)
		board->disks[i] = (struct board_disk){ .disk = backends->disks[i],
						       .serial = config->disks[i].serial };
	board->net_count = config->net_count;
	for (unsigned int i = 0; i < config->net_count; i++) {
		struct board_net *net = &board->nets[i];

		*net = (struct board_net){ .net = backends->nets[i],
					   .name = backends->net_names[i],
					   .vhost = config->nets[i].vhost };
		memcpy(net->mac, config->nets[i].mac, sizeof(net->mac));
	}
}
