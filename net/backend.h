/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend.h - what a kind of net is made of; for net/ alone
 *
 * A backend embeds a struct net, first, and opens a descriptor a pair, which is not
 * blocking. Waiting on descriptors is done here, for all kinds.
 */
#ifndef NET_BACKEND_H
#define NET_BACKEND_H

#include "net/net.h"

struct net_backend {
	int (*send)(struct net *net, unsigned int pair, const struct iovec *parts,
		    unsigned int count);
	ssize_t (*receive)(struct net *net, unsigned int pair, const struct iovec *parts,
			   unsigned int count);
	/* There is room again. -EAGAIN: not yet enough. NULL: nothing to be done. */
	int (*flush)(struct net *net, unsigned int pair);
	int (*use_pair)(struct net *net, unsigned int pair, bool used); /* NULL: there is one */
	void (*set_offloads)(struct net *net, unsigned int offloads);	/* NULL: there are none */
	/*
	 * Flows as somebody else has counted them, since whenever; false: not now. NULL: what
	 * goes through net_send() and net_receive() is all there is. Any thread.
	 */
	bool (*count)(const struct net *net, struct net_flow ret_flows[NET_WAYS]);
	void (*close)(struct net *net); /* descriptors are closed by net_close() */
};

struct net_pair {
	struct net *net;
	unsigned int index;
	int fd;
	uint32_t events;	    /* waited for: EPOLLIN, EPOLLOUT */
	struct loop_source *source; /* NULL: not attached, or not in use */
};

struct net {
	const struct net_backend *backend;
	const char *name;
	struct net_traits traits;
	struct net_pair pairs[NET_MAX_PAIRS]; /* traits.pairs of them */
	unsigned int used_pairs;
	bool is_up; /* atomic */

	struct net_flow flows[NET_WAYS];  /* atomic; the loop's thread counts */
	struct net_flow before[NET_WAYS]; /* the backend's count when it was opened */

	struct loop *loop; /* NULL: not attached */
	struct net_watcher watcher;
};

/* Before a backend sets its traits: no pair has a descriptor. */
void net_init(struct net *net, const struct net_backend *backend, const char *name);

/* Waits until the pair can be written to; then flush() and the watcher's writable(). */
void net_wait_for_room(struct net *net, unsigned int pair);

/* Nothing comes or goes any more, for this reason. */
void net_end(struct net *net, const char *reason);

CHECKED int tap_open(const struct net_config *config, struct net **ret_net, struct fail *why);
CHECKED int passt_open(const struct net_config *config, struct net **ret_net, struct fail *why);

#endif
