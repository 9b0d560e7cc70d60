/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.c - a guest's network: what carries its frames, whatever that is
 *
 * The event loop tells again and again of what is there. So a pair is in the loop only
 * while it is in use, and asks for frames only while somebody has room for them: a
 * guest without buffers makes frames wait in the kernel, and costs no time.
 */
#include "net/net.h"

#include <errno.h>

#include "base/log.h"
#include "base/parts.h"
#include "net/backend.h"

void net_init(struct net *net, const struct net_backend *backend, const char *name)
{
	net->backend = backend;
	net->name = name;
	net->is_up = true;
	for (unsigned int i = 0; i < NET_MAX_PAIRS; i++)
		net->pairs[i] = (struct net_pair){ .net = net, .index = i, .fd = -1 };
}

int net_open(const struct net_config *config, struct net **ret_net, struct fail *why)
{
	struct net *net = NULL;
	int rc = -EINVAL;

	switch (config->kind) {
	case NET_TAP:
		rc = tap_open(config, &net, why);
		break;
	case NET_USER:
		rc = passt_open(config, &net, why);
		break;
	case NET_NONE:
		return fail_set(why, EINVAL, "%s is none", config->name);
	}
	if (rc < 0)
		return rc;
	if (net->backend->count && !net->backend->count(net, net->before))
		log_debug("%s has no counters", net->name);
	*ret_net = net;
	return 0;
}

void net_close(struct net *net)
{
	if (!net)
		return;
	net_detach(net);
	for (unsigned int i = 0; i < NET_MAX_PAIRS; i++)
		auto_close(&net->pairs[i].fd);
	if (net->backend->close)
		net->backend->close(net);
	free(net);
}

const struct net_traits *net_traits(const struct net *net)
{
	return &net->traits;
}

int net_fd(const struct net *net, unsigned int pair)
{
	/* without headers it is not what a kernel's device would expect */
	return net->traits.has_header && pair < net->traits.pairs ? net->pairs[pair].fd : -1;
}

bool net_is_up(const struct net *net)
{
	return __atomic_load_n(&net->is_up, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ waiting */

static void pair_set_events(struct net_pair *pair, uint32_t events)
{
	if (pair->events == events)
		return;
	pair->events = events;
	/* it fails only for a descriptor that is not in the set */
	if (pair->source && loop_set_events(pair->source, events) < 0)
		net_end(pair->net, "it can't be waited for");
}

static void pair_leave_loop(struct net_pair *pair)
{
	loop_remove(pair->source);
	pair->source = NULL;
	pair->events = 0;
}

static void on_room(struct net_pair *pair)
{
	struct net *net = pair->net;

	if (net->backend->flush && net->backend->flush(net, pair->index) == -EAGAIN)
		return;
	pair_set_events(pair, pair->events & ~(uint32_t)EPOLLOUT);
	if (net_is_up(net))
		net->watcher.writable(net->watcher.context, pair->index);
}

static void on_events(void *context, uint32_t events)
{
	struct net_pair *pair = context;
	struct net *net = pair->net;

	if (events & pair->events & EPOLLOUT)
		on_room(pair);
	/* what came before the end is still delivered */
	if (pair->source && (events & pair->events & EPOLLIN))
		net->watcher.readable(net->watcher.context, pair->index);
	else if (pair->source && (events & (EPOLLERR | EPOLLHUP)))
		net_end(net, "its other end is gone");
}

static int pair_join_loop(struct net_pair *pair)
{
	pair->events = 0;
	return loop_add_fd(pair->net->loop, pair->fd, 0, on_events, pair, &pair->source);
}

void net_want_frames(struct net *net, unsigned int pair, bool wanted)
{
	uint32_t events = net->pairs[pair].events & ~(uint32_t)EPOLLIN;

	if (net->pairs[pair].source)
		pair_set_events(&net->pairs[pair], wanted ? events | EPOLLIN : events);
}

void net_wait_for_room(struct net *net, unsigned int pair)
{
	if (net->pairs[pair].source)
		pair_set_events(&net->pairs[pair], net->pairs[pair].events | EPOLLOUT);
}

void net_end(struct net *net, const char *reason)
{
	if (!net_is_up(net))
		return;
	__atomic_store_n(&net->is_up, false, __ATOMIC_RELAXED);
	log_debug("%s has ended: %s", net->name, reason);
	for (unsigned int i = 0; i < net->traits.pairs; i++)
		pair_leave_loop(&net->pairs[i]);
	if (net->loop)
		net->watcher.ended(net->watcher.context);
}

/* ------------------------------------------------------------------- in use */

static int last_pair_drop(struct net *net)
{
	struct net_pair *pair = &net->pairs[net->used_pairs - 1];

	/* out of the loop first: a pair that is not in use reports an error for ever */
	pair_leave_loop(pair);
	net->used_pairs--;
	return net->backend->use_pair(net, pair->index, false);
}

static int next_pair_add(struct net *net)
{
	struct net_pair *pair = &net->pairs[net->used_pairs];
	int rc = net->backend->use_pair(net, pair->index, true);

	if (rc < 0)
		return rc;
	net->used_pairs++;
	return pair_join_loop(pair);
}

int net_use_pairs(struct net *net, unsigned int pairs)
{
	unsigned int before = net->used_pairs;
	int rc = 0;

	if (pairs == 0 || pairs > net->traits.pairs)
		return -EINVAL;
	while (rc == 0 && net_is_up(net) && net->used_pairs > pairs)
		rc = last_pair_drop(net);
	while (rc == 0 && net_is_up(net) && net->used_pairs < pairs)
		rc = next_pair_add(net);
	/* frames for pairs that nobody serves would be lost */
	while (rc < 0 && net->used_pairs > before)
		(void)!last_pair_drop(net);
	return rc;
}

void net_set_offloads(struct net *net, unsigned int offloads)
{
	if (net->backend->set_offloads)
		net->backend->set_offloads(net, offloads & net->traits.offloads);
}

int net_attach(struct net *net, struct loop *loop, const struct net_watcher *watcher,
	       struct fail *why)
{
	int rc = 0;

	net->loop = loop;
	net->watcher = *watcher;
	if (net_is_up(net)) {
		rc = pair_join_loop(&net->pairs[0]);
		net->used_pairs = 1;
		net_set_offloads(net, 0);
	}
	if (rc < 0) {
		net->loop = NULL;
		return fail_errno(why, -rc, "cannot wait for the frames of %s", net->name);
	}
	return 0;
}

void net_detach(struct net *net)
{
	if (!net->loop)
		return;
	if (net_use_pairs(net, 1) < 0)
		log_debug("%s keeps more than one queue", net->name);
	for (unsigned int i = 0; i < net->traits.pairs; i++)
		pair_leave_loop(&net->pairs[i]);
	net->loop = NULL;
}

/* ----------------------------------------------------------------- counting */

static void count_add(uint64_t *count, uint64_t n)
{
	__atomic_fetch_add(count, n, __ATOMIC_RELAXED);
}

static uint64_t count_read(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* bytes: with the net's header. */
static void flow_add(struct net *net, enum net_way way, size_t bytes)
{
	size_t header = net->traits.has_header ? NET_HEADER_BYTES : 0;

	count_add(&net->flows[way].frames, 1);
	count_add(&net->flows[way].bytes, bytes < header ? 0 : bytes - header);
}

void net_lost(struct net *net, enum net_way way)
{
	count_add(&net->flows[way].lost, 1);
}

static struct net_flow flow_since(const struct net_flow *now, const struct net_flow *before)
{
	return (struct net_flow){ .frames = now->frames - before->frames,
				  .bytes = now->bytes - before->bytes,
				  .lost = now->lost - before->lost };
}

void net_count(const struct net *net, struct net_flow ret_flows[NET_WAYS])
{
	struct net_flow others[NET_WAYS];
	bool has_others = net->backend->count && net->backend->count(net, others);

	for (unsigned int way = 0; way < NET_WAYS; way++) {
		struct net_flow ours = { .frames = count_read(&net->flows[way].frames),
					 .bytes = count_read(&net->flows[way].bytes),
					 .lost = count_read(&net->flows[way].lost) };

		ret_flows[way] = has_others ? flow_since(&others[way], &net->before[way]) : ours;
		if (has_others)
			ret_flows[way].lost += ours.lost;
	}
}

/* -------------------------------------------------------------------- frames */

int net_send(struct net *net, unsigned int pair, const struct iovec *parts, unsigned int count)
{
	int rc;

	if (!net_is_up(net)) {
		net_lost(net, NET_OUT);
		return 0; /* as if the cable were cut */
	}
	rc = net->backend->send(net, pair, parts, count);
	if (rc == 0)
		flow_add(net, NET_OUT, parts_length(parts, count));
	return rc;
}

ssize_t net_receive(struct net *net, unsigned int pair, const struct iovec *parts,
		    unsigned int count)
{
	ssize_t n;

	if (!net_is_up(net))
		return -EAGAIN;
	n = net->backend->receive(net, pair, parts, count);
	if (n >= 0)
		flow_add(net, NET_IN, (size_t)n);
	return n;
}
