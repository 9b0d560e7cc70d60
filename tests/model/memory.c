/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - guest memory as the kernel keeps it, reduced to what sharing depends on */
#include "tests/model/world.h"

#include <errno.h>
#include <string.h>

#include "dedup/huge.h"
#include "tests/model/expect.h"

#define POISON 0xdb

/* Contents differ from the first byte on, or only far behind it, or hardly at all. */
static const uint8_t *content_bytes(uint32_t content)
{
	static uint8_t bytes[CONTENTS][PAGE_BYTES];

	if (bytes[1][0] == 0) {
		for (uint32_t i = 1; i < CONTENTS; i++)
			memset(bytes[i], i < CONTENTS - 2 ? (int)i : 1, PAGE_BYTES);
		bytes[CONTENTS - 2][PAGE_BYTES - 1] = 2;
		bytes[CONTENTS - 1][PAGE_BYTES / 2] = 3;
	}
	return bytes[content];
}

static uint8_t *page_at(const struct guest *guest, uint32_t page)
{
	return guest->bytes + (size_t)page * PAGE_BYTES;
}

void memory_create(struct guest *guest)
{
	guest->bytes = calloc(guest->pages, PAGE_BYTES);
	guest->expected = calloc(guest->pages, PAGE_BYTES);
	guest->table = calloc(guest->pages, sizeof(*guest->table));
	guest->huge = calloc(guest->pages / HUGE_PAGES + 1, sizeof(*guest->huge));
	expect(guest->bytes && guest->expected && guest->table && guest->huge);
}

void memory_free(struct guest *guest)
{
	free(guest->bytes);
	free(guest->expected);
	free(guest->table);
	free(guest->huge);
	free(guest->offers);
	free(guest->waiting);
	memset(guest, 0, sizeof(*guest));
}

/* Writers */

static void write_apply(uint8_t *bytes, const struct model_write *write)
{
	if (write->whole)
		memcpy(bytes, content_bytes(write->content), PAGE_BYTES);
	else
		bytes[write->offset] = write->value;
}

static void write_note(struct guest *guest, uint32_t page)
{
	if (world_random(guest->world, 1000) >= guest->world->config.miss_permille)
		guest->table[page].written = true;
}

static bool can_become_huge(const struct guest *guest, uint32_t first)
{
	return guest->becomes_huge && first + HUGE_PAGES <= guest->pages &&
	       guest->huge[first / HUGE_PAGES] == MODEL_UNTOUCHED;
}

/* A page that is touched first gets memory, and with it all others of a huge page. */
static void page_populate(struct guest *guest, uint32_t page)
{
	uint32_t first = page / HUGE_PAGES * HUGE_PAGES;

	guest->table[page].swapped = false;
	if (can_become_huge(guest, first)) {
		for (uint32_t i = first; i < first + HUGE_PAGES; i++)
			guest->table[i].own = true;
		guest->huge[page / HUGE_PAGES] = MODEL_WHOLE;
	} else if (guest->huge[page / HUGE_PAGES] == MODEL_UNTOUCHED) {
		guest->huge[page / HUGE_PAGES] = MODEL_SMALL;
	}
	guest->table[page].own = true;
}

/* Some of its pages have other memory now, or none. */
static void huge_cut(struct guest *guest, uint32_t first, uint32_t count)
{
	for (uint32_t i = first / HUGE_PAGES; i * HUGE_PAGES < first + count; i++) {
		bool is_used = false;

		for (uint32_t page = i * HUGE_PAGES; page < (i + 1) * HUGE_PAGES; page++)
			is_used |= page < guest->pages &&
				   (guest->table[page].own || guest->table[page].store);
		if (first <= i * HUGE_PAGES && (i + 1) * HUGE_PAGES <= first + count && !is_used)
			guest->huge[i] = MODEL_UNTOUCHED;
		else if (!is_used)
			guest->huge[i] = MODEL_SMALL;
		else if (guest->huge[i] == MODEL_WHOLE)
			guest->huge[i] = MODEL_PIECES;
	}
}

/* A write to a frame gives the page memory of its own, with the frame's bytes. */
static void write_land(struct guest *guest, const struct model_write *write)
{
	page_populate(guest, write->page);
	write_apply(page_at(guest, write->page), write);
	write_apply(guest->expected + (size_t)write->page * PAGE_BYTES, write);
	write_note(guest, write->page);
}

void guest_write(struct guest *guest, const struct model_write *write)
{
	if (!guest->table[write->page].held) {
		write_land(guest, write);
		return;
	}
	if (guest->waiting_count == guest->waiting_room) {
		guest->waiting_room = guest->waiting_room * 2 + 16;
		guest->waiting =
			realloc(guest->waiting, guest->waiting_room * sizeof(*guest->waiting));
		expect(guest->waiting);
	}
	guest->waiting[guest->waiting_count++] = *write;
	guest->world->waits++;
}

/* Devices */

static struct model_write write_any(struct world *world, uint32_t first, uint32_t count)
{
	return (struct model_write){
		.page = first + world_random(world, count),
		.whole = world_chance(world, 70),
		.content = (uint8_t)world_random(world, CONTENTS),
		.value = (uint8_t)world_random(world, 2),
		.offset = (uint16_t)(world_random(world, 4) * (PAGE_BYTES / 4)),
	};
}

/*
 * The kernel takes hold of memory of the guest's own: a frame is copied first. While the
 * page is being exchanged nobody can pin it, and the request would begin later.
 */
void device_begin(struct guest *guest, uint32_t first)
{
	struct model_page *page = &guest->table[first];

	if (guest->request_count == REQUESTS_MAX || page->held)
		return;
	page_populate(guest, first);
	page->pins++;
	guest->requests[guest->request_count++] = (struct model_request){
		.write = write_any(guest->world, first, 1),
		.exchanges = page->exchanges,
	};
}

/* Data for memory that the page has no longer is lost. */
void device_complete(struct guest *guest)
{
	struct model_request request = guest->requests[0];
	struct model_page *page = &guest->table[request.write.page];

	if (guest->request_count == 0)
		return;
	guest->request_count--;
	memmove(guest->requests, guest->requests + 1, guest->request_count * sizeof(request));
	if (page->exchanges == request.exchanges)
		write_apply(page_at(guest, request.write.page), &request.write);
	write_apply(guest->expected + (size_t)request.write.page * PAGE_BYTES, &request.write);
	write_note(guest, request.write.page);
	page->pins--;
}

static bool is_pinned(const struct guest *guest, uint32_t page)
{
	if (guest->table[page].pins > 0)
		guest->world->pinned++;
	return guest->table[page].pins > 0;
}

static void write_near(struct world *world, struct guest *guest, uint32_t first, uint32_t count)
{
	struct model_write write = write_any(world, first, count);

	if (!world_chance(world, 15))
		guest_write(guest, &write);
	else if (world_chance(world, 50))
		device_begin(guest, write.page);
	else
		device_complete(guest);
}

void world_disturb(struct world *world, struct guest *near, uint32_t first, uint32_t count)
{
	if (world->calm || !world_chance(world, world->config.disturb_percent))
		return;
	for (uint32_t i = world_random(world, 3); i > 0; i--)
		write_near(world, near, first, count);
	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		if (world->guests[i].alive && world_chance(world, 30))
			write_near(world, &world->guests[i], 0, world->guests[i].pages);
}

void memory_swap_some(struct guest *guest)
{
	for (uint32_t i = 0; i < 8; i++) {
		struct model_page *page = &guest->table[world_random(guest->world, guest->pages)];

		if (page->own)
			page->swapped = !page->swapped;
		if (page->swapped) /* the kernel splits what it swaps out */
			guest->huge[(page - guest->table) / HUGE_PAGES] = MODEL_SMALL;
	}
}

/* The store */

/* All pages that look through to the frame now show something else. */
static void frame_changes(struct world *world, uint32_t frame)
{
	const struct store *store = world->stores;

	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		const struct guest *guest = &world->guests[i];

		for (uint32_t page = 0; guest->alive && page < guest->pages; page++)
			if (guest->table[page].store == store &&
			    guest->table[page].frame == frame && !guest->table[page].own)
				memcpy(page_at(guest, page),
				       store->bytes + (size_t)frame * PAGE_BYTES, PAGE_BYTES);
	}
}

void store_fill(struct world *world, uint32_t frame, const void *bytes)
{
	expect(frame < world->stores->frames);
	expect(!world->stores->written[frame]);
	world->stores->written[frame] = true;
	memcpy(world->stores->bytes + (size_t)frame * PAGE_BYTES, bytes, PAGE_BYTES);
	frame_changes(world, frame);
}

void store_poison(struct world *world, uint32_t frame)
{
	expect(frame < world->stores->frames);
	world->stores->written[frame] = false;
	memset(world->stores->bytes + (size_t)frame * PAGE_BYTES, POISON, PAGE_BYTES);
	frame_changes(world, frame);
}

/* Mappings */

static bool starts_mapping(const struct guest *guest, uint32_t page)
{
	const struct model_page *here = &guest->table[page], *before = here - 1;

	if (page == 0)
		return true;
	return here->store != before->store || (here->store && here->frame != before->frame + 1);
}

uint64_t memory_mappings(const struct guest *guest)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < guest->pages; i++)
		count += starts_mapping(guest, i);
	return count;
}

/* Operations */

static int model_look(void *context, uint32_t first, uint32_t count, uint8_t *ret_looks)
{
	struct guest *guest = context;

	expect(first + count <= guest->pages);
	world_disturb(guest->world, guest, first, count);
	if (world_fails(guest->world, OP_LOOK))
		return -EIO;
	guest->world->looked += count;
	for (uint32_t i = 0; i < count; i++) {
		const struct model_page *page = &guest->table[first + i];

		if (page->own)
			ret_looks[i] = page->swapped ? LOOK_SWAP : LOOK_OWN;
		else /* the zero page, or a frame: in the page tables, or not yet */
			ret_looks[i] = world_chance(guest->world, 50) ? LOOK_OTHER : LOOK_NONE;
	}
	world_disturb(guest->world, guest, first, count);
	return 0;
}

/* Devices of the guest have their own way to note what they wrote, which needs no beginning. */
static int model_written(void *context, int begin, uint64_t *bits)
{
	struct guest *guest = context;
	bool all = !guest->tracks;

	world_disturb(guest->world, guest, 0, guest->pages);
	if (!guest->can_track)
		return -ENOTSUP;
	if (all && !begin)
		return -EAGAIN;
	guest->tracks = !world_fails(guest->world, OP_WRITTEN);
	if (!guest->tracks)
		return -EIO;
	for (uint32_t i = 0; i < guest->pages; i++)
		if (all || guest->table[i].written)
			bits[i / 64] |= UINT64_C(1) << (i % 64);
	world_disturb(guest->world, guest, 0, guest->pages);
	return 0;
}

static int model_watch(void *context, uint32_t first, uint32_t count, const uint64_t *bits)
{
	struct guest *guest = context;

	expect(first % 64 == 0 && first + count <= guest->pages);
	if (!guest->tracks)
		return -EAGAIN;
	world_disturb(guest->world, guest, first, count);
	guest->tracks = !world_fails(guest->world, OP_WATCH);
	if (!guest->tracks)
		return -EIO;
	for (uint32_t i = 0; i < count; i++)
		if (bits[i / 64] >> (i % 64) & 1)
			guest->table[first + i].written = false;
	world_disturb(guest->world, guest, first, count);
	return 0;
}

static int model_hold(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct guest *guest = context;

	expect(count > 0 && first + count <= guest->pages);
	world_disturb(guest->world, guest, first, count);
	if (world_fails(guest->world, OP_HOLD))
		return -EAGAIN;
	for (uint32_t i = first; i < first + count; i++) {
		expect(i == first || !starts_mapping(guest, i));
		expect((guest->table[i].store != NULL) == !!over_store);
		expect(!guest->table[i].held);
		/* that would cut it up, and bring nothing back */
		expect(guest->huge[i / HUGE_PAGES] != MODEL_WHOLE);
	}
	for (uint32_t i = first; i < first + count; i++)
		if (is_pinned(guest, i))
			return -EBUSY;
	for (uint32_t i = first; i < first + count; i++)
		if (!guest->table[i].store && !guest->table[i].own)
			return -EAGAIN; /* nothing there to protect */
	for (uint32_t i = first; i < first + count; i++)
		guest->table[i].held = true;
	world_disturb(guest->world, guest, first, count);
	return 0;
}

static const uint8_t *model_frames(void *context, uint32_t frame, uint32_t count)
{
	struct guest *guest = context;

	world_disturb(guest->world, guest, 0, guest->pages);
	if (world_fails(guest->world, OP_FRAMES) || !guest->store ||
	    frame >= guest->store->frames || count > guest->store->frames - frame)
		return NULL;
	return guest->store->bytes + (size_t)frame * PAGE_BYTES;
}

static void expect_held(const struct guest *guest, uint32_t first, uint32_t count, int over_store)
{
	expect(count > 0 && first + count <= guest->pages);
	for (uint32_t i = first; i < first + count; i++) {
		expect(guest->table[i].held);
		expect(over_store < 0 || (guest->table[i].store != NULL) == !!over_store);
	}
}

static void pages_map(struct guest *guest, uint32_t first, uint32_t count, struct store *store,
		      uint32_t frame)
{
	for (uint32_t i = 0; i < count; i++)
		guest->table[first + i] = (struct model_page){
			.store = store,
			.frame = store ? frame + i : 0,
			.pins = guest->table[first + i].pins,
			.written = guest->table[first + i].written,
			.exchanges = guest->table[first + i].exchanges + 1,
		};
	huge_cut(guest, first, count);
}

static int model_share(void *context, uint32_t first, uint32_t count, uint32_t frame)
{
	struct guest *guest = context;

	world_disturb(guest->world, guest, first, count);
	expect_held(guest, first, count, -1);
	if (world_fails(guest->world, OP_SHARE))
		return -ENOMEM;
	/* the bytes decide: nothing but equal pages may come here */
	expect(memcmp(page_at(guest, first), guest->store->bytes + (size_t)frame * PAGE_BYTES,
		      (size_t)count * PAGE_BYTES) == 0);
	pages_map(guest, first, count, guest->store, frame);
	world_disturb(guest->world, guest, first, count);
	return 0;
}

static int model_discard(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct guest *guest = context;

	world_disturb(guest->world, guest, first, count);
	expect_held(guest, first, count, over_store);
	if (world_fails(guest->world, OP_DISCARD))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		expect(page_is_zero(page_at(guest, first + i)));
	pages_map(guest, first, count, NULL, 0);
	world_disturb(guest->world, guest, first, count);
	return 0;
}

/* One kernel in five can't. */
bool memory_can_restore(const struct world *world)
{
	return world->config.seed % 5 != 4;
}

static int model_restore(void *context, uint32_t first, uint32_t count)
{
	struct guest *guest = context;

	world_disturb(guest->world, guest, first, count);
	expect_held(guest, first, count, 1);
	for (uint32_t i = first + 1; i < first + count; i++)
		expect(!starts_mapping(guest, i));
	if (!memory_can_restore(guest->world))
		return -ENOTSUP;
	if (world_fails(guest->world, OP_RESTORE))
		return -ENOMEM;
	pages_map(guest, first, count, NULL, 0);
	for (uint32_t i = first; i < first + count; i++)
		guest->table[i].own = true;
	guest->world->restored += count;
	world_disturb(guest->world, guest, first, count);
	return 0;
}

/* Only what the guest gives away comes here, and nobody holds it. */
static int model_drop(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct guest *guest = context;
	bool over = false;
	uint32_t n = 0;

	world_disturb(guest->world, guest, first, count);
	expect(count > 0 && first >= guest->given_first);
	expect(first + count <= guest->given_first + guest->given_count);
	for (uint32_t i = first; i < first + count; i++) {
		over = over || guest->table[i].store;
		expect(!guest->table[i].held);
	}
	expect(over == !!over_store);
	if (world_fails(guest->world, OP_DROP))
		return -ENOMEM;
	while (n < count && !is_pinned(guest, first + n)) {
		const struct model_page *page = &guest->table[first + n++];

		guest->world->dropped += page->own || page->store;
	}
	if (n == 0) {
		guest->skipped++;
		return -EBUSY;
	}
	pages_map(guest, first, n, NULL, 0);
	memset(page_at(guest, first), 0, (size_t)n * PAGE_BYTES);
	memset(guest->expected + (size_t)first * PAGE_BYTES, 0, (size_t)n * PAGE_BYTES);
	guest->dropped += n;
	world_disturb(guest->world, guest, first, n);
	return (int)n;
}

/* Every other world's kernel does not tell. */
static int model_is_huge(void *context, uint32_t first)
{
	const struct guest *guest = context;

	expect(first % HUGE_PAGES == 0 && first + HUGE_PAGES <= guest->pages);
	return guest->world->config.seed % 2 ? -ENOTTY
					     : guest->huge[first / HUGE_PAGES] == MODEL_WHOLE;
}

/* Every other kernel takes the memory of zeroes away at once. */
static int model_split(void *context, uint32_t page)
{
	struct guest *guest = context;
	uint32_t first = page / HUGE_PAGES * HUGE_PAGES;

	world_disturb(guest->world, guest, first, HUGE_PAGES);
	expect(first + HUGE_PAGES <= guest->pages);
	if (world_fails(guest->world, OP_SPLIT))
		return -EAGAIN;
	for (uint32_t i = first; i < first + HUGE_PAGES; i++)
		if (is_pinned(guest, i))
			return -EBUSY;
	guest->world->split += guest->huge[page / HUGE_PAGES] >= MODEL_PIECES;
	for (uint32_t i = first; i < first + HUGE_PAGES; i++)
		if (guest->world->config.seed % 2 == 0 &&
		    guest->huge[page / HUGE_PAGES] >= MODEL_PIECES && guest->table[i].own &&
		    page_is_zero(page_at(guest, i)))
			guest->table[i].own = false;
	guest->huge[page / HUGE_PAGES] = MODEL_SMALL;
	world_disturb(guest->world, guest, first, HUGE_PAGES);
	return 0;
}

static void model_unhold(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct guest *guest = context;

	expect_held(guest, first, count, over_store);
	for (uint32_t i = first; i < first + count; i++)
		guest->table[i].held = false;
	world_disturb(guest->world, guest, first, count);
}

static void model_wake(void *context, uint32_t first, uint32_t count)
{
	struct guest *guest = context;
	uint32_t kept = 0;

	world_disturb(guest->world, guest, first, count);
	for (uint32_t i = first; i < first + count; i++)
		expect(!guest->table[i].held);
	for (uint32_t i = 0; i < guest->waiting_count; i++) {
		struct model_write write = guest->waiting[i];

		if (write.page >= first && write.page < first + count)
			write_land(guest, &write);
		else
			guest->waiting[kept++] = write;
	}
	guest->waiting_count = kept;
}

const struct memory_ops model_memory_ops = {
	.written = model_written,
	.watch = model_watch,
	.look = model_look,
	.hold = model_hold,
	.frames = model_frames,
	.share = model_share,
	.discard = model_discard,
	.restore = model_restore,
	.drop = model_drop,
	.is_huge = model_is_huge,
	.split = model_split,
	.unhold = model_unhold,
	.wake = model_wake,
};

void memory_check(const struct guest *guest)
{
	expect(guest->waiting_count == 0);
	for (uint32_t i = 0; i < guest->pages; i++)
		expect(!guest->table[i].held);
	expect(memcmp(guest->bytes, guest->expected, (size_t)guest->pages * PAGE_BYTES) == 0);
}
