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
 * Invariants (catalog_check)
 *	- frame.references is the sum of that frame's counts over all ledgers
 *	- a framed entry's frame is in use and names the entry; each frame in use has one
 *	- a client's claim of a page names an entry that names the client and page
 */
#include "dedup/catalog.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dedup/ledger.h"

#define ENTRY_NONE  UINT32_MAX
#define CLIENT_NONE UINT32_MAX /* the entry is framed */
#define CLAIM_BLOCK 1024u

struct entry {
	struct digest digest;
	uint32_t next;	 /* in the bucket, or in the list of free entries */
	uint32_t client; /* the claimant, or CLIENT_NONE */
	uint32_t value;	 /* page of the claimant, or frame */
};

struct client {
	uint32_t pages;
	uint32_t claim_blocks;
	uint32_t **claims; /* entry of each page's claim, in blocks of CLAIM_BLOCK */
	struct ledger ledger;
	uint64_t cost_bytes; /* as of the last catalog_settle() */
	size_t memory_bytes;
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
	catalog->entry_free = ENTRY_NONE;
	if (frames_create(frame_limit, &catalog->frames) < 0) {
		free(catalog);
		return -ENOMEM;
	}
	*ret_catalog = catalog;
	return 0;
}

static void client_free(struct client *client)
{
	if (!client)
		return;
	for (uint32_t i = 0; i < client->claim_blocks; i++)
		free(client->claims[i]);
	free(client->claims);
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

static uint32_t *bucket_of(const struct catalog *catalog, struct digest digest)
{
	return &catalog->buckets[digest.low & (catalog->bucket_count - 1)];
}

static uint32_t entry_find(const struct catalog *catalog, struct digest digest)
{
	uint32_t index = catalog->bucket_count ? *bucket_of(catalog, digest) : ENTRY_NONE;

	while (index != ENTRY_NONE && !digest_equal(catalog->entries[index].digest, digest))
		index = catalog->entries[index].next;
	return index;
}

static void entry_link(struct catalog *catalog, uint32_t index)
{
	uint32_t *bucket = bucket_of(catalog, catalog->entries[index].digest);

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
	catalog->entries[index] = (struct entry){ .digest = digest };
	entry_link(catalog, index);
	catalog->entry_count++;
	*ret_index = index;
	return 0;
}

static void entry_remove(struct catalog *catalog, uint32_t index)
{
	uint32_t *link = bucket_of(catalog, catalog->entries[index].digest);

	while (*link != index)
		link = &catalog->entries[*link].next;
	*link = catalog->entries[index].next;
	catalog->entries[index].next = catalog->entry_free;
	catalog->entry_free = index;
	catalog->entry_count--;
}

/* Claims */

static uint32_t *claim_slot(const struct client *client, uint32_t page)
{
	uint32_t *block = client->claims[page / CLAIM_BLOCK];

	return block ? &block[page % CLAIM_BLOCK] : NULL;
}

/* The page's entry is no longer its claim: it got a frame, or another content. */
static void claim_forget(struct catalog *catalog, uint32_t number, uint32_t page)
{
	uint32_t *slot = claim_slot(catalog->clients[number], page);

	assert(slot && *slot != ENTRY_NONE);
	*slot = ENTRY_NONE;
	catalog->claims--;
}

/* A page has one claim: a newer one takes the place of the old. */
static void claim_drop(struct catalog *catalog, uint32_t number, uint32_t page)
{
	uint32_t *slot = claim_slot(catalog->clients[number], page);

	if (!slot || *slot == ENTRY_NONE)
		return;
	entry_remove(catalog, *slot);
	claim_forget(catalog, number, page);
}

static int claim_make(struct catalog *catalog, uint32_t number, const struct catalog_item *item)
{
	struct client *client = catalog->clients[number];
	uint32_t **block = &client->claims[item->page / CLAIM_BLOCK], index;
	int rc;

	if (!*block) {
		*block = malloc(CLAIM_BLOCK * sizeof(**block));
		if (!*block)
			return -ENOMEM;
		memset(*block, 0xff, CLAIM_BLOCK * sizeof(**block)); /* ENTRY_NONE */
		client->memory_bytes += CLAIM_BLOCK * sizeof(**block);
	}
	claim_drop(catalog, number, item->page);
	rc = entry_add(catalog, item->digest, &index);
	if (rc < 0)
		return rc;
	catalog->entries[index].client = number;
	catalog->entries[index].value = item->page;
	*claim_slot(client, item->page) = index;
	catalog->claims++;
	return 0;
}

/* References */

static int reference_add(struct catalog *catalog, uint32_t number, uint32_t frame)
{
	int rc = ledger_add(&catalog->clients[number]->ledger, frame);

	if (rc < 0)
		return rc;
	frames_get(catalog->frames, frame)->references++;
	catalog->references++;
	return 0;
}

/* The ledger has already forgotten them. */
static void references_drop(struct catalog *catalog, uint32_t number, uint32_t count)
{
	struct frame *frame = frames_get(catalog->frames, number);

	assert(frame && frame->references >= count);
	frame->references -= count;
	catalog->references -= count;
	if (frame->references > 0)
		return;
	entry_remove(catalog, frame->entry);
	frames_give_back(catalog->frames, number);
	catalog->ops->punch(catalog->context, number);
}

int catalog_release(struct catalog *catalog, uint32_t client, uint32_t frame)
{
	if (ledger_drop(&catalog->clients[client]->ledger, frame) < 0)
		return -EINVAL;
	references_drop(catalog, frame, 1);
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
	return claim_make(catalog, client, item) < 0 ? CATALOG_EXHAUSTED : CATALOG_ABSENT;
}

int catalog_probe(struct catalog *catalog, uint32_t client, const struct catalog_item *item,
		  uint32_t *ret_answer)
{
	const struct entry *entry;
	uint32_t index;

	if (item->page >= catalog->clients[client]->pages)
		return -EINVAL;
	index = entry_find(catalog, item->digest);
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
	struct catalog_item claim = { .page = entry->value, .digest = entry->digest };
	uint32_t claimant = entry->client, frame;

	if (frames_take(catalog->frames, &frame) < 0)
		return CATALOG_EXHAUSTED;
	if (catalog->ops->write(catalog->context, frame, bytes) < 0 ||
	    reference_add(catalog, client, frame) < 0) {
		frames_give_back(catalog->frames, frame);
		catalog->ops->punch(catalog->context, frame);
		return CATALOG_EXHAUSTED;
	}
	frames_get(catalog->frames, frame)->entry = index;
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
	index = entry_find(catalog, item->digest);
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
	client->claim_blocks = pages / CLAIM_BLOCK + 1;
	client->claims = calloc(client->claim_blocks, sizeof(uint32_t *));
	if (!client->claims) {
		client_free(client);
		return -ENOMEM;
	}
	client->memory_bytes = sizeof(*client) + client->claim_blocks * sizeof(uint32_t *);
	catalog->clients[number] = client;
	*ret_client = number;
	return 0;
}

static void on_removed_reference(void *context, uint32_t frame, uint32_t count)
{
	references_drop(context, frame, count);
}

void catalog_client_remove(struct catalog *catalog, uint32_t number)
{
	struct client *client = catalog->clients[number];

	for (uint32_t block = 0; block < client->claim_blocks; block++)
		for (uint32_t i = 0; client->claims[block] && i < CLAIM_BLOCK; i++)
			if (client->claims[block][i] != ENTRY_NONE)
				claim_drop(catalog, number, block * CLAIM_BLOCK + i);
	ledger_each(&client->ledger, on_removed_reference, catalog);
	client_free(client);
	catalog->clients[number] = NULL;
}

/* Sums */

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
			sums.memory_bytes += catalog->clients[i]->memory_bytes +
					     catalog->clients[i]->ledger.memory_bytes;
	return sums;
}

/* Invariants */

static void on_check(void *context, uint32_t frame, uint32_t count)
{
	uint32_t *counts = context;

	counts[frame] += count;
}

static void check_frames(const struct catalog *catalog)
{
	uint32_t top = frames_top(catalog->frames), used = 0;
	uint32_t *counts = calloc((size_t)top + 1, sizeof(*counts));

	assert(counts);
	for (uint32_t i = 0; i < catalog->client_limit; i++)
		if (catalog->clients[i])
			ledger_each(&catalog->clients[i]->ledger, on_check, counts);
	for (uint32_t i = 0; i < top; i++) {
		const struct frame *frame = frames_get(catalog->frames, i);

		assert(counts[i] == (frame ? frame->references : 0));
		if (!frame)
			continue;
		used++;
		assert(counts[i] > 0);
		assert(catalog->entries[frame->entry].client == CLIENT_NONE);
		assert(catalog->entries[frame->entry].value == i);
	}
	assert(used == frames_in_use(catalog->frames));
	free(counts);
}

void catalog_check(const struct catalog *catalog)
{
	uint64_t claims = 0;

	check_frames(catalog);
	for (uint32_t number = 0; number < catalog->client_limit; number++) {
		const struct client *client = catalog->clients[number];

		for (uint32_t page = 0; client && page < client->pages; page++) {
			const uint32_t *slot = claim_slot(client, page);

			if (!slot || *slot == ENTRY_NONE)
				continue;
			claims++;
			assert(catalog->entries[*slot].client == number);
			assert(catalog->entries[*slot].value == page);
			assert(entry_find(catalog, catalog->entries[*slot].digest) == *slot);
		}
	}
	assert(claims == catalog->claims);
	assert(catalog->entry_count == claims + frames_in_use(catalog->frames));
}
