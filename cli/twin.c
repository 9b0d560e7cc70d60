/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twin.c - two pages that are almost the same, and why they may not be quite
 *
 * A kernel that is placed at random moves in steps of 2 MiB, and programs move in steps of
 * a page. So two values that both lie where such addresses do, and are as far apart as
 * such steps, are taken for the same address in two guests. In the kernel's code there
 * are also addresses of 4 bytes, of which the upper half is implied, at any offset.
 */
#include "cli/twin.h"

#include <stdbool.h>
#include <string.h>

#include "dedup/digest.h"

#define WORD 8u

/* arch/x86/include/asm: everything of the kernel's; what moves is aligned to 2 MiB. */
#define KERNEL_LOWEST UINT64_C(0xffff800000000000)
#define KERNEL_STEP   (UINT32_C(2) << 20)
/* Its code and data lie in the last 2 GiB, of which it uses the first one. */
#define KERNEL_CODE_LOW	 UINT32_C(0x80000000)
#define KERNEL_CODE_HIGH UINT32_C(0xc0000000)
/* Where Linux puts what is placed at random: programs from 0x55..., libraries at 0x7f... */
#define PROGRAM_LOWEST UINT64_C(0x500000000000)
#define PROGRAM_END    UINT64_C(0x800000000000)

static uint64_t word_at(const uint8_t *page, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, page + offset, sizeof(word));
	return word;
}

static uint32_t half_at(const uint8_t *page, uint32_t offset)
{
	uint32_t half;

	memcpy(&half, page + offset, sizeof(half));
	return half;
}

unsigned int twin_differences(const uint8_t *a, const uint8_t *b, unsigned int limit)
{
	unsigned int count = 0;

	for (uint32_t at = 0; at < PAGE_BYTES && count <= limit; at += WORD)
		count += word_at(a, at) != word_at(b, at);
	return count;
}

static bool are_of_kernel(uint64_t a, uint64_t b)
{
	return a != b && a >= KERNEL_LOWEST && b >= KERNEL_LOWEST && (a - b) % KERNEL_STEP == 0;
}

static bool are_of_program(uint64_t a, uint64_t b)
{
	return a != b && a >= PROGRAM_LOWEST && b >= PROGRAM_LOWEST && a < PROGRAM_END &&
	       b < PROGRAM_END && (a - b) % PAGE_BYTES == 0;
}

static bool is_of_code(uint32_t half)
{
	return half >= KERNEL_CODE_LOW && half < KERNEL_CODE_HIGH;
}

/*
 * Addresses of 4 bytes, whose first byte that differs is at `at`: their third or fourth.
 * Returns the offset behind them, or 0.
 */
static uint32_t behind_halves(const uint8_t *a, const uint8_t *b, uint32_t at)
{
	for (uint32_t back = 2; back <= 3; back++) {
		uint32_t start = at - back, x, y;

		if (back > at || start > PAGE_BYTES - sizeof(x))
			continue;
		x = half_at(a, start);
		y = half_at(b, start);
		if (is_of_code(x) && is_of_code(y) && (x - y) % KERNEL_STEP == 0)
			return start + (uint32_t)sizeof(x);
	}
	return 0;
}

/* What the bytes at `at` belong to, which differ; *ret_next: the offset behind that. */
static enum twin_cause cause_at(const uint8_t *a, const uint8_t *b, uint32_t at, uint32_t *ret_next)
{
	uint32_t word = at / WORD * WORD, behind;
	uint64_t x = word_at(a, word), y = word_at(b, word);

	*ret_next = word + WORD;
	if (are_of_kernel(x, y))
		return TWIN_KERNEL;
	if (are_of_program(x, y))
		return TWIN_PROGRAM;
	behind = behind_halves(a, b, at);
	if (behind == 0)
		return TWIN_OTHER;
	*ret_next = behind;
	return TWIN_KERNEL;
}

enum twin_cause twin_cause(const uint8_t *a, const uint8_t *b)
{
	enum twin_cause cause = TWIN_KERNEL;
	uint32_t next;

	for (uint32_t at = 0; at < PAGE_BYTES && cause != TWIN_OTHER; at = next) {
		enum twin_cause here = TWIN_KERNEL;

		next = at + 1;
		if (a[at] != b[at])
			here = cause_at(a, b, at, &next);
		if (here > cause)
			cause = here;
	}
	return cause;
}
