/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - guests, a broker and a kernel that are simple enough to be believed
 *
 * A world has the real engines and the real catalog, in one thread; everything that
 * surrounds them is modelled. Guest memory is an array that engines read, and beside
 * it a second array, `expected`, that only writers change: whatever engines do, the two
 * must stay equal. What a page maps is a note in a table. A frame that is punched is
 * filled with poison, and so is every page that still maps it.
 *
 * Writers are everywhere: each operation of memory and link lets some write before and
 * after it, mostly to the pages that it is about. A write to a held page waits for
 * the wake; a world with a writer that waits when the engine is done is broken.
 *
 * In some guests the memory notes which pages are written to. Now and then a write is not
 * noted, or all notes are lost.
 *
 * Devices write as well: a request pins its page and notes what memory the page has;
 * the data comes some time later, and goes there, wherever the page is by then.
 *
 * Any operation can be told to fail, at its n-th call or at random.
 */
#ifndef TESTS_MODEL_WORLD_H
#define TESTS_MODEL_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "dedup/engine.h"

#define GUESTS_MAX   4u
#define CONTENTS     7u /* of pages; 0 is all zero */
#define NO_CLIENT    UINT32_MAX
#define CLIENTS_PAST 64u /* connections that one guest can lose to one broker */
#define REQUESTS_MAX 12u /* of devices, under way in one guest */

enum op {
	OP_NONE,
	OP_WRITTEN,
	OP_WATCH,
	OP_LOOK,
	OP_HOLD,
	OP_FRAMES,
	OP_SHARE,
	OP_DISCARD,
	OP_RESTORE,
	OP_DROP,
	OP_SPLIT,
	OP_PROBE,	 /* the question is lost */
	OP_PROBE_ANSWER, /* the answer is: the catalog has acted on the question */
	OP_PUBLISH,
	OP_PUBLISH_ANSWER,
	OP_RELEASE,
	OP_OFFERS,
	OP_STORE_WRITE,
	OPS,
};

struct world_config {
	uint64_t seed;
	uint32_t pages_min, pages_max; /* of a guest */
	uint32_t frame_limit;
	uint64_t mappings_limit;
	unsigned int disturb_percent; /* chance of writers at each point */
	unsigned int give_percent;    /* of events: a guest gives pages away */
	uint32_t huge_gain;	      /* engine_config.huge_gain; 0: no huge pages */
	unsigned int collide_percent; /* of digests that are another content's */
	unsigned int fail_permille;   /* of all operations */
	unsigned int track_percent;   /* of guests: their writes are tracked */
	unsigned int sharers_percent; /* of steps that change how many may be on one frame */
	unsigned int miss_permille;   /* of writes there: not those */
	enum op fail_op;	      /* this one fails at its n-th call */
	uint32_t fail_call;
	bool eventful; /* brokers and guests come and go */
};

struct store {
	struct store *next; /* older */
	uint8_t *bytes;
	bool *written;
	uint32_t frames;
};

struct model_page {
	struct store *store; /* NULL: anonymous memory */
	uint32_t frame;
	bool own, swapped, held;
	bool written; /* since it was last watched */
	uint8_t pins;
	uint32_t exchanges; /* of the memory below it */
};

enum model_huge {
	MODEL_UNTOUCHED, /* it can become huge */
	MODEL_SMALL,
	MODEL_PIECES, /* mapped in parts: none of the memory comes back before all of it */
	MODEL_WHOLE,
};

struct model_write {
	uint32_t page;
	bool whole; /* else one byte */
	uint8_t content, value;
	uint16_t offset;
};

/* A device's request under way. */
struct model_request {
	struct model_write write;
	uint32_t exchanges; /* of the page when it began: where the data goes */
};

struct guest {
	struct world *world;
	bool alive;
	bool can_track, tracks; /* writes to its memory */
	uint32_t pages;
	uint8_t *bytes;	   /* what the engine and the guest see */
	uint8_t *expected; /* what they should see */
	struct model_page *table;
	uint8_t *huge;	   /* enum model_huge, of each HUGE_PAGES */
	bool becomes_huge; /* what is touched, where nothing of it was before */
	bool boots;	   /* no engine looks at it meanwhile */
	struct engine *engine;
	struct store *store;
	uint32_t client;
	uint32_t past[CLIENTS_PAST]; /* clients of broken connections: they live on */
	uint32_t past_count;
	struct link_offer *offers; /* under way */
	uint32_t offer_count, offer_room;
	struct model_write *waiting; /* writers that sleep in their fault */
	uint32_t waiting_count, waiting_room;
	struct model_request requests[REQUESTS_MAX];
	uint32_t request_count;
	uint32_t given_first, given_count; /* pages that the guest gives away now */
	uint32_t dropped, skipped;	   /* of those */
};

struct world {
	struct world_config config;
	uint64_t random;
	struct guest guests[GUESTS_MAX];
	struct store *stores; /* the newest is the broker's */
	struct catalog *catalog;
	struct digest_secret secret;
	uint32_t calls[OPS];
	uint64_t waits;	   /* writes that had to wait */
	uint64_t declined; /* for lack of mappings, over all guests */
	uint64_t dropped;  /* pages given back while they had memory or a frame */
	uint64_t split;	   /* huge pages */
	uint64_t pinned;   /* holds and drops that met a pin */
	uint64_t looked;   /* pages that were looked at */
	uint64_t restored; /* pages that got their bytes back as memory of the guest's own */
	bool calm;	   /* no writers, no faults, no collisions */
};

/* world.c */
struct world *world_create(const struct world_config *config);
/* Ends all guests; then nothing may be left in catalog and store. */
void world_free(struct world *world);
/* One random event, and a check of everything. */
void world_step(struct world *world);
/* No more events but engine steps. */
void world_rest(struct world *world);
/* The same; and whatever is equal ends up shared. */
void world_settle(struct world *world);
void world_check(struct world *world);

uint32_t world_random(struct world *world, uint32_t below);
bool world_chance(struct world *world, unsigned int percent);
/* Whether this call of the operation is to fail. */
bool world_fails(struct world *world, enum op op);

/* link.c: the broker, and connections to it */
void broker_start(struct world *world);
void broker_die(struct world *world);
void link_up(struct guest *guest);
void link_break(struct guest *guest);
extern const struct link_ops model_link_ops; /* context: struct guest */

/* memory.c: the kernel's part */
void memory_create(struct guest *guest);
void memory_free(struct guest *guest);
bool memory_can_restore(const struct world *world);
void memory_swap_some(struct guest *guest);
void memory_check(const struct guest *guest);
uint64_t memory_mappings(const struct guest *guest);
void guest_write(struct guest *guest, const struct model_write *write);
/* Begins a device's request, or completes the oldest: pages may be pinned meanwhile. */
void device_begin(struct guest *guest, uint32_t page);
void device_complete(struct guest *guest);
/* Lets writers of all guests write, mostly near the given pages of one of them. */
void world_disturb(struct world *world, struct guest *near, uint32_t first, uint32_t count);
void store_fill(struct world *world, uint32_t frame, const void *bytes);
void store_poison(struct world *world, uint32_t frame);
extern const struct memory_ops model_memory_ops; /* context: struct guest */

#endif
