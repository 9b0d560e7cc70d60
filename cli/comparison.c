/* SPDX-License-Identifier: Apache-2.0 */
/* comparison.c - a guest's unique pages against those of its neighbours, byte by byte */
#include "cli/comparison.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dedup/due.h"

typedef void page_fn(struct twins *twins, const uint8_t *page);

uint32_t numbers_thin(uint32_t *numbers, uint32_t count, uint32_t wanted)
{
	if (count <= wanted)
		return count;
	for (uint32_t i = 0; i < wanted; i++)
		numbers[i] = numbers[(uint64_t)i * count / wanted];
	return wanted;
}

/* Pages that the guest has to itself. */
static uint32_t unique_list(const struct census *guest, uint32_t *ret_numbers)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < guest->pages; i++)
		if (census_kind(guest->entries[i]) == CENSUS_UNIQUE)
			ret_numbers[count++] = i;
	return count;
}

/* Calm pages; of frames those that are not in `seen` yet. NULL: all of them. */
static uint32_t calm_list(const struct census *other, uint64_t *seen, uint32_t *ret_numbers)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < other->pages; i++) {
		uint32_t entry = other->entries[i], frame = census_frame(entry);
		unsigned int kind = census_kind(entry);

		if (kind != CENSUS_UNIQUE && kind != CENSUS_SHARED)
			continue;
		if (kind == CENSUS_SHARED && seen) {
			if (bit_is_set(seen, frame))
				continue;
			bit_put(seen, frame, true);
		}
		ret_numbers[count++] = i;
	}
	return count;
}

/* Reads the pages and does fn with each. */
static int pages_each(const char *name, const uint32_t *numbers, uint32_t count,
		      struct twins *twins, page_fn *fn, struct fail *why)
{
	struct page_reader *reader;
	int rc = page_reader_create(name, &reader, why);

	if (rc < 0)
		return rc;
	for (uint32_t at = 0, size; rc == 0 && at < count; at += size) {
		size = count - at < CONTROL_PAGES_MAX ? count - at : CONTROL_PAGES_MAX;
		rc = page_reader_read(reader, numbers + at, size, why);
		for (uint32_t i = 0; rc == 0 && i < size; i++)
			fn(twins, reader->bytes + (size_t)i * PAGE_BYTES);
	}
	page_reader_free(reader);
	return rc;
}

static int sample_take(const struct census *guest, uint32_t sample_max, struct twins *twins,
		       struct fail *why)
{
	AUTO_FREE uint32_t *numbers = malloc(guest->pages * sizeof(*numbers));
	uint32_t count;

	if (!numbers)
		return fail_errno(why, ENOMEM, "cannot compare pages");
	count = numbers_thin(numbers, unique_list(guest, numbers), sample_max);
	return pages_each(guest->name, numbers, count, twins, twins_add, why);
}

/* Compares up to `most` of the neighbour's pages; returns how many there are, or -errno. */
static int64_t neighbour_compare(const struct census *other, uint32_t most, uint64_t *seen,
				 struct twins *twins, struct fail *why)
{
	AUTO_FREE uint32_t *numbers = malloc(other->pages * sizeof(*numbers));
	uint32_t count;
	int rc;

	if (!numbers)
		return fail_errno(why, ENOMEM, "cannot compare pages");
	count = calm_list(other, seen, numbers);
	rc = pages_each(other->name, numbers, numbers_thin(numbers, count, most), twins,
			twins_compare, why);
	return rc < 0 ? rc : (int64_t)count;
}

static int neighbours_compare(const struct census *guest, const struct census *others, size_t count,
			      struct twins *twins, uint64_t *ret_comparable, struct fail *why)
{
	AUTO_FREE uint64_t *seen = calloc((CENSUS_FRAME_MASK + 1) / WORD_PAGES, sizeof(*seen));
	uint64_t comparable = 0;

	if (!seen)
		return fail_errno(why, ENOMEM, "cannot compare pages");
	for (size_t i = 0; i < count; i++) {
		/* the frames of another store have other numbers */
		bool is_here = others[i].store == guest->store;
		int64_t n = neighbour_compare(&others[i], (uint32_t)(COMPARED_PAGES_MAX / count),
					      is_here ? seen : NULL, twins, why);

		if (n >= 0)
			comparable += (uint64_t)n;
		else if (n != -ENOENT && n != -ECONNRESET)
			log_warn("not compared with all of guest '%s': %s", others[i].name,
				 why->text);
	}
	*ret_comparable = comparable;
	return 0;
}

int comparison_make(const struct census *guest, const struct census *others, size_t count,
		    uint32_t sample_max, struct twins_count *ret_count, uint64_t *ret_comparable,
		    struct fail *why)
{
	struct twins *twins;
	int rc = twins_create(sample_max, &twins);

	if (rc < 0)
		return fail_errno(why, -rc, "cannot compare pages");
	rc = sample_take(guest, sample_max, twins, why);
	if (rc == 0)
		rc = neighbours_compare(guest, others, count, twins, ret_comparable, why);
	if (rc == 0)
		*ret_count = twins_count(twins);
	twins_free(twins);
	return rc;
}
