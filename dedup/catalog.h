/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - which contents a domain has seen, and which frame holds them
 *
 * The broker's half of the engine. A digest in the catalog is either claimed (one
 * guest has such a page, and keeps it) or framed (the store holds it). The second
 * guest to show a claimed digest is its twin: it publishes its bytes, they become
 * a frame, and the claimant is offered that frame.
 *
 * Every reference that a guest gets (by an answer, a publication or an offer) it
 * must either keep mapped or release. One thread.
 */
#ifndef DEDUP_CATALOG_H
#define DEDUP_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "dedup/digest.h"
#include "dedup/frames.h"
#include "dedup/page.h"

/* Answers; any smaller number is a frame, with a reference for who asked. */
#define CATALOG_ABSENT	  UINT32_C(0xffffffff) /* remembered as the asker's claim */
#define CATALOG_TWIN	  UINT32_C(0xfffffffe) /* another page has it: publish yours */
#define CATALOG_REFUSED	  UINT32_C(0xfffffffd) /* the bytes are not what the digest says */
#define CATALOG_EXHAUSTED UINT32_C(0xfffffffc) /* no room, or no more for you: ask again later */
#define CATALOG_FRAME_MAX PAGE_FRAME_MAX

struct catalog_item {
	uint32_t page;	    /* of the client's RAM */
	uint32_t wish_plus; /* to publish: 1 + the frame that suits the page best; 0: any does */
	struct digest digest;
};

struct catalog_ops {
	/* Fills a frame with PAGE_BYTES; -errno: the frame is not used. */
	int (*write)(void *context, uint32_t frame, const void *bytes);
	/* The frame has no reference left: its memory can go. */
	void (*punch)(void *context, uint32_t frame);
	/* The client's claim has become a frame, with a reference for the client. */
	void (*offer)(void *context, uint32_t client, const struct catalog_item *item,
		      uint32_t frame);
};

struct catalog_sums {
	uint32_t frames;       /* in use */
	uint64_t references;   /* over all frames: mappings and answers under way */
	uint64_t claims;       /* digests that one guest has, and no frame */
	uint64_t memory_bytes; /* of the catalog itself */
};

struct catalog;

/* The secret is copied. frame_limit: frames that the store can hold. */
CHECKED int catalog_create(uint32_t frame_limit, const struct digest_secret *secret,
			   const struct catalog_ops *ops, void *context,
			   struct catalog **ret_catalog);
void catalog_free(struct catalog *catalog); /* NULL is fine; punches nothing */

/*
 * At most so many clients on one frame from now on: the next one gets a second copy, or
 * waits for somebody to share that with. 1: only within each client; 0: no limit. What
 * is shared by more stays so.
 */
void catalog_set_max_sharers(struct catalog *catalog, uint32_t max_sharers);

/* pages: how many the client's RAM has; items beyond are refused. */
CHECKED int catalog_client_add(struct catalog *catalog, uint32_t pages, uint32_t *ret_client);
/* Forgets its claims: nobody is left who could say that they still hold. */
void catalog_client_disclaim(struct catalog *catalog, uint32_t client);
/* Forgets its claims and gives its references back. */
void catalog_client_remove(struct catalog *catalog, uint32_t client);

/* Brings what these items will be looked up in nearer; a few at a time, before they are probed. */
void catalog_prefetch(const struct catalog *catalog, const struct catalog_item *items,
		      uint32_t count);

/* -EINVAL: no such page. Otherwise 0 and an answer. */
CHECKED int catalog_probe(struct catalog *catalog, uint32_t client, const struct catalog_item *item,
			  uint32_t *ret_answer);

/* bytes: PAGE_BYTES, private to the caller, so that they don't change any more. */
CHECKED int catalog_publish(struct catalog *catalog, uint32_t client,
			    const struct catalog_item *item, const void *bytes,
			    uint32_t *ret_answer);

/* -EINVAL: the client has no reference on that frame. */
CHECKED int catalog_release(struct catalog *catalog, uint32_t client, uint32_t frame);

/* In use. */
uint32_t catalog_frames(const struct catalog *catalog);
/* Whether somebody refers to the frame. */
bool catalog_frame_is_used(const struct catalog *catalog, uint32_t frame);

/*
 * Divides each frame's bytes evenly among its references; the odd bytes go to the
 * first client that refers to it. Over all clients the parts add up to the bytes of
 * the frames in use, exactly. Goes through all ledgers: for reports. -ENOMEM.
 */
CHECKED int catalog_settle(struct catalog *catalog);
/* The client's references now, and its part as of the last catalog_settle(). */
void catalog_client_cost(const struct catalog *catalog, uint32_t client, uint64_t *ret_references,
			 uint64_t *ret_cost_bytes);
struct catalog_sums catalog_sums(const struct catalog *catalog);

/* Asserts the invariants that catalog.c names. Slow; for tests. */
void catalog_check(const struct catalog *catalog);

#endif
