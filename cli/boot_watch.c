/* SPDX-License-Identifier: Apache-2.0 */
/* boot_watch.c - whether a guest that was started has booted */
#include "cli/boot_watch.h"

#include "base/clock.h"
#include "base/proc.h"

#define WORK_MAX_NS   (10 * NS_PER_SEC) /* of its processors: a distribution boots in less */
#define CALM_ONE_IN   4			/* it rests if it works for less than this part */
#define CALM_LOOKS    2
#define NOTHING_LOOKS 5 /* so soon a guest has begun, or somebody has paused it */

void boot_watch_process(struct boot_watch *watch, struct client *client, uint64_t now_ns)
{
	*watch = (struct boot_watch){ .client = *client, .looked_ns = now_ns };
	*client = (struct client)CLIENT_NONE;
	auto_close(&watch->client.fd); /* of those a guest has only a few */
	watch->client.fd = -1;
}

void boot_watch_begin(struct boot_watch *watch, const char *name, uint64_t now_ns)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	struct fail why;

	*watch = (struct boot_watch){ .client = CLIENT_NONE };
	if (client_connect(name, &client, &why) == 0)
		boot_watch_process(watch, &client, now_ns);
}

bool boot_watch_active(const struct boot_watch *watch)
{
	return watch->looked_ns != 0;
}

void boot_watch_end(struct boot_watch *watch)
{
	if (boot_watch_active(watch))
		client_close(&watch->client);
	watch->looked_ns = 0;
}

void boot_watch_look(struct boot_watch *watch, uint64_t now_ns)
{
	struct proc_threads vcpus;
	uint64_t busy_ns, passed_ns = now_ns - watch->looked_ns;

	if (!boot_watch_active(watch) || passed_ns < BOOT_WATCH_LOOK_NS)
		return;
	proc_threads_read(watch->client.pid, "vcpu", &vcpus);
	busy_ns = vcpus.ran_ns + vcpus.waited_ns;
	/* after the numbers were read: they may have been those of another process */
	if (client_wait_end(&watch->client, 0) == 0 || vcpus.ran_ns > WORK_MAX_NS) {
		boot_watch_end(watch);
		return;
	}
	if ((busy_ns - watch->busy_ns) * CALM_ONE_IN < passed_ns)
		watch->calm_looks++;
	else
		watch->calm_looks = 0;
	watch->looked_ns = now_ns;
	watch->busy_ns = busy_ns;
	if (watch->calm_looks >= (busy_ns > 0 ? CALM_LOOKS : NOTHING_LOOKS))
		boot_watch_end(watch);
}
