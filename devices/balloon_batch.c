/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balloon_batch.c - the pages of one chain of a balloon, on their way back to the host
 *
 * Page numbers come in the order in which the guest found free pages. They are sorted,
 * so that neighbours become one piece: each piece costs a change of mappings.
 */
#include "devices/balloon_batch.h"

#include <assert.h>
#include <stdlib.h>

#include "vmm/gmem.h"

/* Whoever gives the last piece back wakes the I/O thread. Any thread. */
static void on_piece_done(struct gmem_discard *discard, int error)
{
	struct balloon_batch *batch = ((struct balloon_piece *)discard)->batch;

	/* what could not be given back stays with the guest, and does no harm */
	atomic_fetch_add(&batch->returned_pages, discard->returned);
	if (atomic_fetch_sub(&batch->under_way, 1) == 1)
		loop_wake(batch->wake);
}

static void piece_set(struct balloon_batch *batch, unsigned int index, uint64_t first,
		      uint64_t count)
{
	batch->pieces[index] = (struct balloon_piece){
		.discard = { .first = first, .count = count, .done = on_piece_done },
		.batch = batch,
	};
}

static void pieces_send(struct balloon_batch *batch, unsigned int count)
{
	/* all of them first: the first may be done before the second is sent */
	atomic_store(&batch->under_way, count);
	for (unsigned int i = 0; i < count; i++)
		batch->hooks.discard(batch->hooks.discard_context, &batch->pieces[i].discard);
	if (count == 0)
		loop_wake(batch->wake);
}

static int compare_pages(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* Sorts the pages; those that follow each other become one piece, equal ones too. */
static unsigned int pieces_of_pages(struct balloon_batch *batch, uint64_t *pages,
				    unsigned int count)
{
	unsigned int pieces = 0;

	qsort(pages, count, sizeof(*pages), compare_pages);
	for (unsigned int i = 0; i < count; i++) {
		struct gmem_discard *last = pieces ? &batch->pieces[pieces - 1].discard : NULL;

		if (last && pages[i] <= last->first + last->count)
			last->count = pages[i] - last->first + 1;
		else
			piece_set(batch, pieces++, pages[i], 1);
	}
	return pieces;
}

/* The next page numbers of the list. Returns how many, or -EFAULT: one is not RAM. */
static int list_read(struct balloon_batch *batch, uint64_t pages[BALLOON_BATCH_PAGES])
{
	uint32_t numbers[BALLOON_BATCH_PAGES];
	uint64_t left = batch->list_bytes - batch->list_used;
	size_t wanted = left < sizeof(numbers) ? (size_t)left : sizeof(numbers);
	size_t bytes = chain_read(&batch->chain, batch->list_used, numbers, wanted);
	size_t count = bytes / sizeof(numbers[0]);

	batch->list_used += bytes;
	for (size_t i = 0; i < count; i++)
		if (gmem_page_of(batch->gmem, numbers[i] * GMEM_PAGE_SIZE, 1, &pages[i]) < 0)
			return -EFAULT;
	return (int)count;
}

static void batch_end(struct balloon_batch *batch)
{
	batch->is_busy = false;
	batch->hooks.ended(batch, batch->hooks.context);
}

static void batch_step(struct balloon_batch *batch)
{
	uint64_t pages[BALLOON_BATCH_PAGES];
	int count = 0;

	if (!batch->is_cut_short && batch->list_used < batch->list_bytes) {
		count = list_read(batch, pages);
		if (count < 0)
			batch->hooks.refuse("a page for the balloon is not memory",
					    batch->hooks.context);
	}
	if (count <= 0)
		batch_end(batch);
	else
		pieces_send(batch, pieces_of_pages(batch, pages, (unsigned int)count));
}

/* Also called late, when another chain is on its way already. */
static void on_wake(void *context)
{
	struct balloon_batch *batch = context;

	if (batch->is_busy && atomic_load(&batch->under_way) == 0)
		batch_step(batch);
}

void balloon_batch_start_list(struct balloon_batch *batch)
{
	assert(!batch->is_busy);
	batch->is_busy = true;
	batch->is_cut_short = false;
	batch->list_used = 0;
	batch->list_bytes = batch->chain.readable_bytes;
	pieces_send(batch, 0);
}

/* The whole pages of a part; what is not whole has something else in it. */
static void piece_of_part(struct balloon_batch *batch, unsigned int index, const struct iovec *part)
{
	uint64_t start = (uint64_t)((unsigned char *)part->iov_base -
				    (unsigned char *)gmem_base(batch->gmem));
	uint64_t first = (start + GMEM_PAGE_SIZE - 1) / GMEM_PAGE_SIZE;
	uint64_t end = (start + part->iov_len) / GMEM_PAGE_SIZE;

	piece_set(batch, index, first, end > first ? end - first : 0);
}

void balloon_batch_start_parts(struct balloon_batch *batch)
{
	unsigned int pieces = 0;

	assert(!batch->is_busy);
	batch->is_busy = true;
	batch->is_cut_short = false;
	batch->list_used = batch->list_bytes = 0;
	for (unsigned int i = 0; i < batch->chain.writable_count; i++) {
		piece_of_part(batch, pieces, &chain_writable(&batch->chain)[i]);
		pieces += batch->pieces[pieces].discard.count > 0;
	}
	pieces_send(batch, pieces);
}

void balloon_batch_cut_short(struct balloon_batch *batch)
{
	batch->is_cut_short = true;
}

int balloon_batch_init(struct balloon_batch *batch, struct gmem *gmem, struct loop *loop,
		       const struct balloon_batch_hooks *hooks)
{
	batch->gmem = gmem;
	batch->hooks = *hooks;
	return loop_add_wake(loop, on_wake, batch, &batch->wake);
}

void balloon_batch_done(struct balloon_batch *batch)
{
	assert(atomic_load(&batch->under_way) == 0);
	loop_remove(batch->wake);
	batch->wake = NULL;
}
