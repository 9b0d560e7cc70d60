/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.c - which contents a domain has seen, and which frame holds them
 *
 * Theory of operation
 *
 * An entry stands for one digest. It is either
 *
 *	claimed		client and page are set: that guest's page has this content,
 *			unshared. The claim is a hint; the page may have changed since.
 *	framed		a frame of the store holds the content.
 *
 *	absent --probe--> claimed --publish by a twin--> framed --last release--> absent
 *
 * Entries live in one array and are chained from hash buckets by their index, so
 * that they can be found from three sides: by digest (probe, publish), by claimant
 * and page (a page has at most one claim: its newest digest), and by frame (the
 * last release removes the entry).
 *
 * Guests are not believed. A claim costs nobody anything: at worst a twin
 * publishes for nothing. A publication is hashed here, from bytes that the guest
 * can't change any more, so that no guest can put bytes under a digest that are not
 * its own. And each sharer compares the whole page before it maps the frame.
 *
 * What a client can take up is bounded by the RAM it says it has: a claim a page, and a
 * reference a page with some to spare. Where half of all claims or half of the store
 * is in use, each gets only its part of the whole, by the size of its RAM; frames
 * are charged to whoever published them.
 *
 * With a limit of sharers, several entries can have one digest: full frames, and one
 * that is open. Who looks for a digest finds the open ones only.
 *
 * Invariants (catalog_check)
 *	- frame.references is the sum of that frame's counts over all ledgers, and
 *	  frame.sharers counts the ledgers
 *	- each client is charged with the frames that name it as their publisher
 *	- a framed entry's frame is in use and names the entry; each frame in use has one
 *	- a client's claim of a page names an entry that names the client and page
 */
#include "dedup/catalog.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dedup/claims.h"
#include "dedup/ledger.h"

#define ENTRY_NONE  UINT32_MAX
#define CLIENT_NONE UINT16_MAX /* the entry is framed */
/* References beyond one a page: answers and releases that are under way. */
#define REFERENCES_SPARE 8192u
/* Claims that are never too many, however small the store is. */
#define CLAIMS_SPARE (UINT64_C(1) << 20)

/* 16 bytes. 48 bits of a digest are enough to find by: nobody believes a digest anyway. */
struct entry {
	uint32_t tag_low; /* of the digest */
	uint32_t next;	  /* in the bucket, or in the list of free entries */
	uint32_t value;	  /* page of the claimant, or frame */
	uint16_t tag_high;
	uint16_t client; /* the claimant, or CLIENT_NONE */
};

struct client {
	uint32_t pages;
	struct claims claims;
	struct ledger ledger;
	uint64_t frames;     /* published and still in use */
	uint64_t cost_bytes; /* as of the last catalog_settle() */
};

struct catalog {
	const struct catalog_ops *ops;
	void *context;
	struct digest_secret secret;
	struct frames *frames;
	uint32_t *buckets; /* a power of two */
	uint32_t bucket_count;
	struct entry *entries;
	uint32_t entry_limit; /* allocated */
	uint32_t entry_top;   /* used at least once */
	uint32_t entry_free;  /* list through next */
	uint32_t entry_count;
	uint64_t claims;
	uint64_t references;
	uint32_t frame_limit;
	uint32_t max_sharers;	 /* 0: no limit */
	bool has_copies;	 /* there was a limit once: a digest may have several entries */
	uint64_t client_pages;	 /* of all clients */
	struct client **clients; /* NULL: number is free */
	uint32_t client_limit;
};

int catalog_create(uint32_t frame_limit, const struct digest_secret *secret,
		   const struct catalog_ops *ops, void *context, struct catalog **ret_catalog)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (!catalog)
		return -ENOMEM;
	catalog->ops = ops;
	catalog->context = context;
	catalog->secret = *secret;
	catalog->frame_limit = frame_limit;
	catalog->entry_free = ENTRY_NONE;
	if (frames_create(frame_limit, &catalog->frames) < 0) {
		free(catalog);
		return -ENOMEM;
	}
	*ret_catalog = catalog;
	return 0;
}

void catalog_set_max_sharers(struct catalog *catalog, uint32_t max_sharers)
{
	catalog->max_sharers = max_sharers;
	catalog->has_copies |= max_sharers > 0;
}

static void client_free(struct client *client)
{
	if (!client)
		return;
	claims_done(&client->claims);
	ledger_done(&client->ledger);
	free(client);
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (uint32_t i = 0; i < catalog->client_limit; i++)
		client_free(catalog->clients[i]);
	free(catalog->clients);
	frames_free(catalog->frames);
	free(catalog->buckets);
	free(catalog->entries);
	free(catalog);
}

/* Entries */

static uint16_t tag_high(struct digest digest)
{
	return (uint16_t)(digest.low >> 32);
}

static bool entry_matches(const struct entry *entry, struct digest digest)
{
	return entry->tag_low == (uint32_t)digest.low && entry->tag_high == tag_high(digest);
}

static uint32_t *bucket_of(const struct catalog *catalog, uint32_t tag_low)
{
	return &catalog->buckets[tag_low & (catalog->bucket_count - 1)];
}

/* Whether the client may share with those who are behind the entry. */
static bool entry_is_open(const struct catalog *catalog, const struct entry *entry, uint32_t number)
{
	if (catalog->max_sharers == 0)
		return true;
	if (entry->client != CLIENT_NONE)
		return entry->client == number || catalog->max_sharers > 1;
	return frames_get(catalog->frames, entry->value)->sharers < catalog->max_sharers ||
	       ledger_has(&catalog->clients[number]->ledger, entry->value);
}

/* What the client's item can be shared with: a frame, else a claim, its own at last. */
static uint32_t entry_find(const struct catalog *catalog, uint32_t number,
			   const struct catalog_item *item)
{
	uint32_t index = catalog->bucket_count ? *bucket_of(catalog, (uint32_t)item->digest.low)
					       : ENTRY_NONE;
	uint32_t found = ENTRY_NONE;

	for (; index != ENTRY_NONE; index = catalog->entries[index].next) {
		const struct entry *entry = &catalog->entries[index];

		if (!entry_matches(entry, item->digest) || !entry_is_open(catalog, entry, number))
			continue;
		if (entry->client == CLIENT_NONE || !catalog->has_copies)
			return index;
		if (found == ENTRY_NONE || entry->client != number || entry->value != item->page)
			found = index;
	}
	return found;
}

static void entry_link(struct catalog *catalog, uint32_t index)
{
	uint32_t *bucket = bucket_of(catalog, catalog->entries[index].tag_low);

	catalog->entries[index].next = *bucket;
	*bucket = index;
}

/* Doubles the buckets once there are as many entries. All used entries are linked. */
static int buckets_grow(struct catalog *catalog)
{
	uint32_t count = catalog->bucket_count ? catalog->bucket_count * 2 : 1024;
	uint32_t old_count = catalog->bucket_count, *old = catalog->buckets;
	uint32_t *buckets;

	if (catalog->entry_count < old_count || count > UINT32_MAX / 2)
		return 0;
	buckets = malloc(count * sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	memset(buckets, 0xff, count * sizeof(*buckets)); /* ENTRY_NONE */
	catalog->buckets = buckets;
	catalog->bucket_count = count;
	for (uint32_t i = 0; i < old_count; i++) {
		for (uint32_t index = old[i], next; index != ENTRY_NONE; index = next) {
			next = catalog->entries[index].next;
			entry_link(catalog, index);
		}
	}
	free(old);
	return 0;
}

static int entries_grow(struct catalog *catalog)
{
	uint32_t limit = catalog->entry_limit ? catalog->entry_limit * 2 : 1024;
	struct entry *entries;

	if (catalog->entry_free != ENTRY_NONE || catalog->entry_top < catalog->entry_limit)
		return 0;
	if (limit > UINT32_MAX / 2)
		return -ENOSPC;
	entries = realloc(catalog->entries, limit * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	catalog->entries = entries;
	catalog->entry_limit = limit;
	return 0;
}

static int entry_add(struct catalog *catalog, struct digest digest, uint32_t *ret_index)
{
	uint32_t index;
	int rc = buckets_grow(catalog);

	if (rc == 0)
		rc = entries_grow(catalog);
	if (rc < 0)
		return rc;
	index = catalog->entry_free;
	if (index != ENTRY_NONE)
		catalog->entry_free = catalog->entries[index].next;
	else
		index = catalog->entry_top++;
	catalog->entries[index] =
		(struct entry){ .tag_low = (uint32_t)digest.low, .tag_high = tag_high(digest) };
	entry_link(catalog, index);
	catalog->entry_count++;
	*ret_index = index;
	return 0;
}

static void entry_remove(struct catalog *catalog, uint32_t index)
{
	uint32_t *link = bucket_of(catalog, catalog->entries[index].tag_low);

	while (*link != index)
		link = &catalog->entries[*link].next;
	*link = catalog->entries[index].next;
	catalog->entries[index].next = catalog->entry_free;
	catalog->entry_free = index;
	catalog->entry_count--;
}

/* Claims */

/* The page's entry is no longer its claim: it got a frame, or another content. */
static void claim_forget(struct catalog *catalog, uint32_t number, uint32_t page)
{
	claims_drop(&catalog->clients[number]->claims, page);
	catalog->claims--;
}

/* A page has one claim: a newer one takes the place of the old. */
static void claim_drop(struct catalog *catalog, uint32_t number, uint32_t page)
{
	uint32_t index = claims_get(&catalog->clients[number]->claims, page);

	if (index == CLAIM_NONE)
		return;
	entry_remove(catalog, index);
	claim_forget(catalog, number, page);
}

static int claim_make(struct catalog *catalog, uint32_t number, const struct catalog_item *item)
{
	uint32_t index;
	int rc;

	claim_drop(catalog, number, item->page);
	rc = entry_add(catalog, item->digest, &index);
	if (rc < 0)
		return rc;
	rc = claims_add(&catalog->clients[number]->claims, item->page, index);
	if (rc < 0) {
		entry_remove(catalog, index);
		return rc;
	}
	catalog->entries[index].client = (uint16_t)number;
	catalog->entries[index].value = item->page;
	catalog->claims++;
	return 0;
}

/* References */

/* Past the half of what there is, nobody gets more than its part of the whole. */
static bool client_may_take(const struct catalog *catalog, const struct client *client,
			    uint64_t taken_by_client, uint64_t taken, uint64_t limit)
{
	return taken < limit / 2 ||
	       (taken < limit && taken_by_client <= limit * client->pages / catalog->client_pages);
}

static int reference_add(struct catalog *catalog, uint32_t number, uint32_t frame)
{
	struct client *client = catalog->clients[number];
	int count;

	if (client->ledger.held >= (uint64_t)client->pages + REFERENCES_SPARE)
		return -EDQUOT;
	count = ledger_add(&client->ledger, frame);
	if (count < 0)
		return count;
	if (count == 1)
		frames_get(catalog->frames, frame)->sharers++;
	frames_get(catalog->frames, frame)->references++;
	catalog->references++;
	return 0;
}

static void frame_charge(struct catalog *catalog, uint32_t number, uint32_t client)
{
	frames_get(catalog->frames, number)->publisher = (uint16_t)client;
	catalog->clients[client]->frames++;
}

/* The ledger has already forgotten them; gone: it has none of this frame any more. */
static void references_drop(struct catalog *catalog, uint32_t number, uint32_t count, bool gone)
{
	struct frame *frame = frames_get(catalog->frames, number);

	assert(frame && frame->references >= count && frame->sharers >= gone);
	frame->references -= count;
	frame->sharers -= gone;
	catalog->references -= count;
	if (frame->references > 0)
		return;
	if (frame->publisher != FRAME_NOBODY)
		catalog->clients[frame->publisher]->frames--;
	entry_remove(catalog, frame->entry);
	frames_give_back(catalog->frames, number);
	catalog->ops->punch(catalog->context, number);
}

int catalog_release(struct catalog *catalog, uint32_t client, uint32_t frame)
{
	int count = ledger_drop(&catalog->clients[client]->ledger, frame);

	if (count < 0)
		return -EINVAL;
	references_drop(catalog, frame, 1, count == 0);
	return 0;
}

/* Probe and publish */

static uint32_t answer_frame(struct catalog *catalog, uint32_t client,
			     const struct catalog_item *item, uint32_t frame)
{
	claim_drop(catalog, client, item->page);
	return reference_add(catalog, client, frame) < 0 ? CATALOG_EXHAUSTED : frame;
}

static uint32_t answer_claim(struct catalog *catalog, uint32_t client,
			     const struct catalog_item *item)
{
	uint64_t limit = 2 * (uint64_t)catalog->frame_limit + CLAIMS_SPARE;

	if (!client_may_take(catalog, catalog->clients[client],
			     catalog->clients[client]->claims.count, catalog->claims, limit))
		return CATALOG_EXHAUSTED;
	return claim_make(catalog, client, item) < 0 ? CATALOG_EXHAUSTED : CATALOG_ABSENT;
}

void catalog_prefetch(const struct catalog *catalog, const struct catalog_item *items,
		      uint32_t count)
{
	if (catalog->bucket_count == 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(bucket_of(catalog, (uint32_t)items[i].digest.low));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = *bucket_of(catalog, (uint32_t)items[i].digest.low);

		if (index != ENTRY_NONE)
			__builtin_prefetch(&catalog->entries[index]);
	}
}

int catalog_probe(struct catalog *catalog, uint32_t client, const struct catalog_item *item,
		  uint32_t *ret_answer)
{
	const struct entry *entry;
	uint32_t index;

	if (item->page >= catalog->clients[client]->pages)
		return -EINVAL;
	index = entry_find(catalog, client, item);
	if (index == ENTRY_NONE) {
		*ret_answer = answer_claim(catalog, client, item);
		return 0;
	}
	entry = &catalog->entries[index];
	if (entry->client == CLIENT_NONE)
		*ret_answer = answer_frame(catalog, client, item, entry->value);
	else if (entry->client == client && entry->value == item->page)
		*ret_answer = CATALOG_ABSENT;
	else {
		claim_drop(catalog, client, item->page);
		*ret_answer = CATALOG_TWIN;
	}
	return 0;
}

/* claimed -> framed transition: the twin's bytes become a frame that both refer to. */
static uint32_t entry_publish(struct catalog *catalog, uint32_t client,
			      const struct catalog_item *item, uint32_t index, const void *bytes)
{
	struct entry *entry = &catalog->entries[index];
	struct catalog_item claim = { .page = entry->value, .digest = item->digest };
	uint32_t claimant = entry->client, frame;

	if (!client_may_take(catalog, catalog->clients[client], catalog->clients[client]->frames,
			     frames_in_use(catalog->frames), catalog->frame_limit) ||
	    frames_take(catalog->frames, item->wish_plus - 1u, &frame) < 0)
		return CATALOG_EXHAUSTED;
	if (catalog->ops->write(catalog->context, frame, bytes) < 0 ||
	    reference_add(catalog, client, frame) < 0) {
		frames_give_back(catalog->frames, frame);
		catalog->ops->punch(catalog->context, frame);
		return CATALOG_EXHAUSTED;
	}
	frames_get(catalog->frames, frame)->entry = index;
	frame_charge(catalog, frame, client);
	entry->client = CLIENT_NONE;
	entry->value = frame;
	claim_forget(catalog, claimant, claim.page);
	claim_drop(catalog, client, item->page); /* of what the page held before */
	if ((claimant != client || claim.page != item->page) &&
	    reference_add(catalog, claimant, frame) == 0)
		catalog->ops->offer(catalog->context, claimant, &claim, frame);
	return frame;
}

int catalog_publish(struct catalog *catalog, uint32_t client, const struct catalog_item *item,
		    const void *bytes, uint32_t *ret_answer)
{
	uint32_t index;

	if (item->page >= catalog->clients[client]->pages)
		return -EINVAL;
	if (!digest_equal(digest_page(bytes, &catalog->secret), item->digest)) {
		*ret_answer = CATALOG_REFUSED;
		return 0;
	}
	index = entry_find(catalog, client, item);
	if (index == ENTRY_NONE) /* the claimant has gone meanwhile */
		*ret_answer = answer_claim(catalog, client, item);
	else if (catalog->entries[index].client == CLIENT_NONE)
		*ret_answer = answer_frame(catalog, client, item, catalog->entries[index].value);
	else
		*ret_answer = entry_publish(catalog, client, item, index, bytes);
	return 0;
}

/* Clients */

static int client_number(struct catalog *catalog, uint32_t *ret_number)
{
	uint32_t limit = catalog->client_limit ? catalog->client_limit * 2 : 16;
	struct client **clients;

	for (uint32_t i = 0; i < catalog->client_limit; i++) {
		if (!catalog->clients[i]) {
			*ret_number = i;
			return 0;
		}
	}
	if (limit >= FRAME_NOBODY)
		return -EUSERS;
	clients = realloc(catalog->clients, limit * sizeof(struct client *));
	if (!clients)
		return -ENOMEM;
	memset(clients + catalog->client_limit, 0,
	       (limit - catalog->client_limit) * sizeof(struct client *));
	*ret_number = catalog->client_limit;
	catalog->clients = clients;
	catalog->client_limit = limit;
	return 0;
}

int catalog_client_add(struct catalog *catalog, uint32_t pages, uint32_t *ret_client)
{
	struct client *client;
	uint32_t number;
	int rc = client_number(catalog, &number);

	if (rc < 0)
		return rc;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	ledger_init(&client->ledger);
	client->pages = pages;
	rc = claims_init(&client->claims, pages);
	if (rc < 0) {
		client_free(client);
		return rc;
	}
	catalog->clients[number] = client;
	catalog->client_pages += pages;
	*ret_client = number;
	return 0;
}

static void on_removed_reference(void *context, uint32_t frame, uint32_t count)
{
	references_drop(context, frame, count, true);
}

/* What outlives its publisher is charged to nobody. */
static void charges_forget(struct catalog *catalog, uint32_t number)
{
	uint32_t top = catalog->clients[number]->frames > 0 ? frames_top(catalog->frames) : 0;

	for (uint32_t i = 0; i < top; i++) {
		struct frame *frame = frames_get(catalog->frames, i);

		if (frame && frame->publisher == number)
			frame->publisher = FRAME_NOBODY;
	}
}

static void on_removed_claim(void *context, uint32_t page, uint32_t index)
{
	struct catalog *catalog = context;
	uint32_t number = catalog->entries[index].client;

	entry_remove(catalog, index);
	claim_forget(catalog, number, page);
}

void catalog_client_disclaim(struct catalog *catalog, uint32_t number)
{
	claims_each(&catalog->clients[number]->claims, on_removed_claim, catalog);
}

void catalog_client_remove(struct catalog *catalog, uint32_t number)
{
	struct client *client = catalog->clients[number];

	catalog_client_disclaim(catalog, number);
	ledger_each(&client->ledger, on_removed_reference, catalog);
	charges_forget(catalog, number);
	catalog->client_pages -= client->pages;
	client_free(client);
	catalog->clients[number] = NULL;
}

/* Sums */

uint32_t catalog_frames(const struct catalog *catalog)
{
	return frames_in_use(catalog->frames);
}

bool catalog_frame_is_used(const struct catalog *catalog, uint32_t frame)
{
	return frames_get(catalog->frames, frame) != NULL;
}

struct settlement {
	struct catalog *catalog;
	struct client *client;
	uint8_t *odd_bytes_taken; /* one a frame */
};

static void on_settle(void *context, uint32_t number, uint32_t count)
{
	struct settlement *settlement = context;
	uint32_t references = frames_get(settlement->catalog->frames, number)->references;

	settlement->client->cost_bytes += (uint64_t)count * (PAGE_BYTES / references);
	if (!settlement->odd_bytes_taken[number])
		settlement->client->cost_bytes += PAGE_BYTES % references;
	settlement->odd_bytes_taken[number] = 1;
}

int catalog_settle(struct catalog *catalog)
{
	struct settlement settlement = { .catalog = catalog };

	settlement.odd_bytes_taken = calloc((size_t)frames_top(catalog->frames) + 1, 1);
	if (!settlement.odd_bytes_taken)
		return -ENOMEM;
	for (uint32_t i = 0; i < catalog->client_limit; i++) {
		settlement.client = catalog->clients[i];
		if (!settlement.client)
			continue;
		settlement.client->cost_bytes = 0;
		ledger_each(&settlement.client->ledger, on_settle, &settlement);
	}
	free(settlement.odd_bytes_taken);
	return 0;
}

void catalog_client_cost(const struct catalog *catalog, uint32_t client, uint64_t *ret_references,
			 uint64_t *ret_cost_bytes)
{
	*ret_references = catalog->clients[client]->ledger.held;
	*ret_cost_bytes = catalog->clients[client]->cost_bytes;
}

struct catalog_sums catalog_sums(const struct catalog *catalog)
{
	struct catalog_sums sums = {
		.frames = frames_in_use(catalog->frames),
		.references = catalog->references,
		.claims = catalog->claims,
		.memory_bytes = frames_memory_bytes(catalog->frames) +
				catalog->bucket_count * sizeof(*catalog->buckets) +
				catalog->entry_limit * sizeof(*catalog->entries),
	};

	for (uint32_t i = 0; i < catalog->client_limit; i++)
		if (catalog->clients[i])
			sums.memory_bytes += sizeof(struct client) +
					     catalog->clients[i]->claims.memory_bytes +
					     catalog->clients[i]->ledger.memory_bytes;
	return sums;
}

/* Invariants */

struct counts {
	uint32_t *references, *sharers; /* of each frame, over the ledgers */
};

static void on_check(void *context, uint32_t frame, uint32_t count)
{
	struct counts *counts = context;

	counts->references[frame] += count;
	counts->sharers[frame]++;
}

static void check_frame(const struct catalog *catalog, uint32_t number, const struct frame *frame)
{
	const struct entry *entry = &catalog->entries[frame->entry];

	assert(frame->references > 0);
	assert(entry->client == CLIENT_NONE && entry->value == number);
	assert(frame->publisher == FRAME_NOBODY || catalog->clients[frame->publisher]);
}

static void check_charges(const struct catalog *catalog)
{
	uint32_t top = frames_top(catalog->frames);

	for (uint32_t number = 0; number < catalog->client_limit; number++) {
		uint64_t frames = 0;

		for (uint32_t i = 0; catalog->clients[number] && i < top; i++) {
			const struct frame *frame = frames_get(catalog->frames, i);

			frames += frame && frame->publisher == number;
		}
		assert(!catalog->clients[number] || catalog->clients[number]->frames == frames);
	}
}

static void check_frames(const struct catalog *catalog)
{
	uint32_t top = frames_top(catalog->frames), used = 0;
	struct counts counts = { .references = calloc((size_t)top + 1, sizeof(uint32_t)),
				 .sharers = calloc((size_t)top + 1, sizeof(uint32_t)) };

	assert(counts.references && counts.sharers);
	for (uint32_t i = 0; i < catalog->client_limit; i++)
		if (catalog->clients[i])
			ledger_each(&catalog->clients[i]->ledger, on_check, &counts);
	for (uint32_t i = 0; i < top; i++) {
		const struct frame *frame = frames_get(catalog->frames, i);

		assert(counts.references[i] == (frame ? frame->references : 0));
		assert(counts.sharers[i] == (frame ? frame->sharers : 0));
		if (frame)
			check_frame(catalog, i, frame);
		used += frame != NULL;
	}
	assert(used == frames_in_use(catalog->frames));
	free(counts.references);
	free(counts.sharers);
}

static bool entry_is_linked(const struct catalog *catalog, uint32_t index)
{
	uint32_t at = *bucket_of(catalog, catalog->entries[index].tag_low);

	while (at != ENTRY_NONE && at != index)
		at = catalog->entries[at].next;
	return at == index;
}

struct claims_seen {
	const struct catalog *catalog;
	uint32_t number;
	uint64_t count;
};

static void on_check_claim(void *context, uint32_t page, uint32_t index)
{
	struct claims_seen *seen = context;

	assert(seen->catalog->entries[index].client == seen->number);
	assert(seen->catalog->entries[index].value == page);
	assert(entry_is_linked(seen->catalog, index));
	seen->count++;
}

void catalog_check(const struct catalog *catalog)
{
	struct claims_seen seen = { .catalog = catalog };

	check_frames(catalog);
	check_charges(catalog);
	for (; seen.number < catalog->client_limit; seen.number++) {
		const struct client *client = catalog->clients[seen.number];
		uint64_t before = seen.count;

		if (!client)
			continue;
		claims_each(&client->claims, on_check_claim, &seen);
		assert(seen.count - before == client->claims.count);
	}
	assert(seen.count == catalog->claims);
	assert(catalog->entry_count == seen.count + frames_in_use(catalog->frames));
}
