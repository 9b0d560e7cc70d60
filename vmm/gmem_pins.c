/* SPDX-License-Identifier: Apache-2.0 */
/* gmem_pins.c - which pages of guest memory must stay where they are for now */
#include "vmm/gmem_pins.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#define YIELDS 16 /* before sleeping: who holds the claim may need this processor */

int pins_init(struct pins *pins, uint64_t pages)
{
	void *counts = mmap(NULL, pages * sizeof(*pins->counts), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (counts == MAP_FAILED)
		return -errno;
	/* one pin must not cost a huge page of counters */
	(void)madvise(counts, pages * sizeof(*pins->counts), MADV_NOHUGEPAGE);
	*pins = (struct pins){ .counts = counts, .pages = pages };
	return 0;
}

void pins_done(struct pins *pins)
{
	if (pins->counts)
		munmap(pins->counts, pins->pages * sizeof(*pins->counts));
	pins->counts = NULL;
}

static void claim_wait(int tries)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 };

	if (tries < YIELDS)
		sched_yield();
	else
		nanosleep(&moment, NULL);
}

static int pin_take(atomic_ushort *count)
{
	unsigned short seen = atomic_load_explicit(count, memory_order_relaxed);

	for (int tries = 0;;) {
		if (seen == PIN_CLAIMED) {
			claim_wait(tries++);
			seen = atomic_load_explicit(count, memory_order_relaxed);
		} else if (seen == PINS_MAX) {
			return -EBUSY;
		} else if (atomic_compare_exchange_weak_explicit(
				   count, &seen, (unsigned short)(seen + 1), memory_order_acquire,
				   memory_order_relaxed)) {
			return 0;
		}
	}
}

int pins_take(struct pins *pins, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (pin_take(&pins->counts[first + i]) == 0)
			continue;
		pins_give(pins, first, i);
		return -EBUSY;
	}
	return 0;
}

void pins_give(struct pins *pins, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		unsigned short had = atomic_fetch_sub_explicit(&pins->counts[first + i], 1,
							       memory_order_release);

		assert(had > 0 && had <= PINS_MAX);
		(void)had;
	}
}

uint64_t pins_claim(struct pins *pins, uint64_t first, uint64_t count)
{
	uint64_t n = 0;

	while (n < count) {
		unsigned short nobody = 0;

		if (!atomic_compare_exchange_strong_explicit(&pins->counts[first + n], &nobody,
							     PIN_CLAIMED, memory_order_acquire,
							     memory_order_relaxed))
			break;
		n++;
	}
	return n;
}

void pins_unclaim(struct pins *pins, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		assert(atomic_load_explicit(&pins->counts[first + i], memory_order_relaxed) ==
		       PIN_CLAIMED);
		atomic_store_explicit(&pins->counts[first + i], 0, memory_order_release);
	}
}
