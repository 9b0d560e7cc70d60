/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c - a guest's disk: written, read back, and every byte verified */
/*
 * Usage: disk fill DEVICE SEED
 *        disk check DEVICE SEED
 *        disk verify DEVICE SECONDS
 *
 * fill writes all of the device, and flushes; check reads all of it.  What a sector
 * should hold follows from its number and the seed.
 *
 * verify writes, zeroes, discards and reads at random for SECONDS, in several threads,
 * past the guest's page cache, and compares each sector with what it should hold, which
 * follows from its number and its generation.  A thread owns stripes of sectors, in one
 * half of the device so narrow that several share a block of the host.  Reads go to ever
 * new places of a buffer and stay there for a while: guests that do the same have equal
 * pages there, which are shared, and broken by the next read.  It says where in the
 * machine's memory the buffers lie.
 *
 * Says DISK and the words that it was called with, then RIGHT and how many requests it
 * made, or WRONG and the first sector; for what else goes wrong, FAILED and why.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "physical.h"

#define SECTOR	     512u
#define SECTOR_WORDS (SECTOR / sizeof(uint64_t))
#define MAX_SECTORS  32768u /* of the device that verify looks at */
#define THREADS	     4u
#define NARROW	     3u /* sectors of a stripe */
#define WIDE	     256u
#define BUFFER	     (4u << 20) /* of one thread; a multiple of what one request takes */
#define PIECE	     (WIDE * SECTOR)

enum { GENERATION_ZERO = 0, GENERATION_FIRST = 1, GENERATION_LAST = 250, GENERATION_UNKNOWN = 255 };

static const char *words;
static int device;
static uint32_t sectors;
static uint8_t generations[MAX_SECTORS];
static time_t end;

static void give_up(const char *what)
{
	printf("DISK %s FAILED: %s: %s\n", words, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static void wrong(uint64_t sector)
{
	printf("DISK %s WRONG at %llu\n", words, (unsigned long long)sector);
	fflush(stdout);
	_exit(1);
}

static uint64_t word_of(uint64_t sector, uint64_t generation, uint64_t word)
{
	uint64_t x = (sector << 16 ^ generation << 8 ^ word) + 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void sector_fill(uint64_t *at, uint64_t sector, uint64_t generation)
{
	for (uint64_t i = 0; i < SECTOR_WORDS; i++)
		at[i] = generation == GENERATION_ZERO ? 0 : word_of(sector, generation, i);
}

static void sector_check(const uint64_t *at, uint64_t sector, uint64_t generation)
{
	for (uint64_t i = 0; generation != GENERATION_UNKNOWN && i < SECTOR_WORDS; i++)
		if (at[i] != (generation == GENERATION_ZERO ? 0 : word_of(sector, generation, i)))
			wrong(sector);
}

static void transfer(bool writes, uint64_t *at, uint64_t sector, uint32_t count)
{
	off_t offset = (off_t)(sector * SECTOR);
	ssize_t length = (ssize_t)count * SECTOR;

	if ((writes ? pwrite(device, at, (size_t)length, offset)
		    : pread(device, at, (size_t)length, offset)) != length)
		give_up(writes ? "write" : "read");
}

/* ------------------------------------------------------------------- fill and check */

static void all_sectors(bool writes, uint64_t seed)
{
	uint64_t *buffer = aligned_alloc(4096, PIECE), total = 0, bytes = 0;

	if (!buffer || ioctl(device, BLKGETSIZE64, &bytes) < 0)
		give_up("size");
	total = bytes / SECTOR;
	for (uint64_t sector = 0; sector < total; sector += WIDE) {
		uint32_t count = total - sector < WIDE ? (uint32_t)(total - sector) : WIDE;

		for (uint32_t i = 0; writes && i < count; i++)
			sector_fill(buffer + i * SECTOR_WORDS, sector + i, seed);
		transfer(writes, buffer, sector, count);
		for (uint32_t i = 0; !writes && i < count; i++)
			sector_check(buffer + i * SECTOR_WORDS, sector + i, seed);
	}
	if (writes && fsync(device) < 0)
		give_up("flush");
	printf("DISK %s RIGHT %llu\n", words, (unsigned long long)(total + WIDE - 1) / WIDE);
	free(buffer);
}

/* --------------------------------------------------------------------------- verify */

struct worker {
	pthread_t thread;
	uint32_t number;
	unsigned int seed;
	uint64_t *buffer;
	size_t place; /* the next piece of the buffer */
	uint64_t requests;
};

static void clear(unsigned long request, uint32_t sector, uint32_t count)
{
	uint64_t range[2] = { (uint64_t)sector * SECTOR, (uint64_t)count * SECTOR };

	if (ioctl(device, request, range) < 0)
		give_up(request == BLKDISCARD ? "discard" : "zero");
	memset(generations + sector, request == BLKDISCARD ? GENERATION_UNKNOWN : GENERATION_ZERO,
	       count);
}

static void write_some(uint64_t *at, uint32_t sector, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *generation = &generations[sector + i];

		*generation = *generation >= GENERATION_LAST ? GENERATION_FIRST : *generation + 1;
		sector_fill(at + i * SECTOR_WORDS, sector + i, *generation);
	}
	transfer(true, at, sector, count);
}

static void read_some(uint64_t *at, uint32_t sector, uint32_t count)
{
	transfer(false, at, sector, count);
	for (uint32_t i = 0; i < count; i++)
		sector_check(at + i * SECTOR_WORDS, sector + i, generations[sector + i]);
}

/* Some sectors of a stripe of this thread. */
static uint32_t choose(struct worker *worker, uint32_t *ret_count)
{
	uint32_t half = sectors / 2, r = (uint32_t)rand_r(&worker->seed);
	uint32_t width = r % 2 ? NARROW : WIDE, start = r % 2 ? 0 : half;
	uint32_t stripes = half / width / THREADS;
	uint32_t stripe = (uint32_t)rand_r(&worker->seed) % stripes * THREADS + worker->number;
	uint32_t skip = (uint32_t)rand_r(&worker->seed) % width;

	*ret_count = 1 + (uint32_t)rand_r(&worker->seed) % (width - skip);
	return start + stripe * width + skip;
}

static void *work(void *context)
{
	struct worker *worker = context;

	while (time(NULL) < end) {
		uint32_t count, sector = choose(worker, &count);
		uint64_t *at = worker->buffer + worker->place * (PIECE / sizeof(uint64_t));
		unsigned int what = (unsigned int)rand_r(&worker->seed) % 20;

		worker->place = (worker->place + 1) % (BUFFER / PIECE);
		if (what == 0)
			clear(BLKDISCARD, sector, count);
		else if (what == 1)
			clear(BLKZEROOUT, sector, count);
		else if (what == 2 && fsync(device) < 0)
			give_up("flush");
		else if (what < 11)
			write_some(at, sector, count);
		else
			read_some(at, sector, count);
		worker->requests++;
	}
	return NULL;
}

/* The same in every guest, so that their memory is alike. */
static void verify(unsigned int seconds)
{
	static struct worker workers[THREADS];
	uint64_t bytes, requests = 0;
	uint64_t *first;

	if (ioctl(device, BLKGETSIZE64, &bytes) < 0)
		give_up("size");
	sectors = bytes / SECTOR < MAX_SECTORS ? (uint32_t)(bytes / SECTOR) : MAX_SECTORS;
	memset(generations, GENERATION_UNKNOWN, sizeof(generations));
	end = time(NULL) + seconds;
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .number = i, .seed = i };
		workers[i].buffer = aligned_alloc(4096, BUFFER);
		if (!workers[i].buffer ||
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			give_up("thread");
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		requests += workers[i].requests;
	}
	first = workers[0].buffer;
	for (uint32_t sector = 0; sector + WIDE <= sectors; sector += WIDE)
		read_some(first, sector, WIDE);
	for (uint32_t i = 0; i < THREADS; i++)
		physical_blocks_print("DISK", workers[i].buffer, BUFFER);
	printf("DISK %s RIGHT %llu\n", words, (unsigned long long)requests);
}

int main(int count, char **arguments)
{
	static char text[256];

	for (int i = 1; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 1 ? " " : "",
			 arguments[i]);
	words = text;
	if (count != 4) {
		errno = EINVAL;
		give_up("usage");
	}
	device = open(arguments[2], O_DIRECT | (strcmp(arguments[1], "check") ? O_RDWR : O_RDONLY));
	if (device < 0)
		give_up("open");
	if (strcmp(arguments[1], "verify") == 0)
		verify((unsigned int)atoi(arguments[3]));
	else
		all_sectors(strcmp(arguments[1], "fill") == 0, (uint64_t)atoi(arguments[3]));
	return 0;
}
