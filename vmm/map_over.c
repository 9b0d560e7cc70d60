/* SPDX-License-Identifier: Apache-2.0 */
/* map_over.c - maps something else where guest RAM is, and never leaves a hole there */
#include "vmm/map_over.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/log.h"
#include "base/race.h"

static bool is_mapped(void *address, size_t length)
{
	return msync(address, length, MS_ASYNC) == 0 || errno != ENOMEM;
}

struct exchange {
	void *address;
	size_t length;
	void *from; /* NULL: a mapping of fd */
	int flags, fd;
	off_t offset;
};

static void *exchange_try(const struct exchange *exchange)
{
	if (exchange->from)
		return mremap(exchange->from, exchange->length, exchange->length,
			      MREMAP_MAYMOVE | MREMAP_FIXED, exchange->address);
	return mmap(exchange->address, exchange->length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | exchange->flags, exchange->fd,
		    exchange->offset);
}

/*
 * The kernel checks all its limits before it unmaps what was there, so a failure leaves
 * the pages as they were, unless the kernel itself ran out of memory half-way. Then
 * there is a hole in guest RAM, which only this same mapping can fill: a guest must
 * not go on without its memory.
 */
static int exchange_make(const struct exchange *exchange)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
	RACES_WITH_GUEST;

	for (int tries = 0; tries < 1000; tries++) {
		int error;

		if (exchange_try(exchange) == exchange->address)
			return 0;
		error = errno;
		if (is_mapped(exchange->address, exchange->length))
			return -error;
		nanosleep(&moment, NULL);
	}
	log_error("the host has no memory to map guest RAM: ending the guest");
	abort();
}

int map_over(void *address, size_t length, int flags, int fd, off_t offset)
{
	const struct exchange exchange = {
		.address = address, .length = length, .flags = flags, .fd = fd, .offset = offset
	};

	return exchange_make(&exchange);
}

int move_over(void *address, size_t length, void *from)
{
	const struct exchange exchange = { .address = address, .length = length, .from = from };

	return exchange_make(&exchange);
}
