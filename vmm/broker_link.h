/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_link.h - a guest's connection to the broker of its domain
 *
 * Implements link_ops of dedup/link.h over the wire. All calls from the dedup
 * thread, but for broker_link_interrupt() and broker_link_cut(). Calls may wait for the
 * broker.
 */
#ifndef VMM_BROKER_LINK_H
#define VMM_BROKER_LINK_H

#include "base/fail.h"
#include "dedup/link.h"

struct broker_link;

extern const struct link_ops broker_link_ops; /* context: struct broker_link */

/* name: the guest's; pages: of its RAM; max_sharers: of a frame, 0 for any number. */
CHECKED int broker_link_create(const char *domain, const char *name, uint32_t pages,
			       uint32_t max_sharers, struct broker_link **ret_link);
void broker_link_free(struct broker_link *link); /* NULL is fine */

/*
 * Connects, and starts the broker where there is none. The caller owns the store's
 * descriptor. -errno and why: try again later.
 */
CHECKED int broker_link_connect(struct broker_link *link, struct digest_secret *ret_secret,
				int *ret_store_fd, struct fail *why);

/* Becomes readable when offers come, or the broker goes; -1: not connected. */
int broker_link_fd(const struct broker_link *link);

/* Any thread: makes a call that waits for the broker fail, now and later. */
void broker_link_interrupt(struct broker_link *link);

/* Any thread: the same, but only until broker_link_mend(). */
void broker_link_cut(struct broker_link *link);
void broker_link_mend(struct broker_link *link);

#endif
