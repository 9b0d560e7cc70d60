/* SPDX-License-Identifier: Apache-2.0 */
/* disk_user.c - a user of one disk, for tests of disks */
#include "tests/unit/disk_user.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define DISK_BYTES    USER_DISK_BYTES
#define WALK_REQUESTS 40u

struct disk_user user;

static void on_watchdog(void *context)
{
	ck_abort_msg("the disk does not answer");
}

uint8_t user_pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 512 + 1);
}

void user_file(const char *at, size_t bytes)
{
	int fd = open(at, O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint8_t *content = malloc(bytes);

	for (size_t i = 0; i < bytes; i++)
		content[i] = user_pattern(i);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, content, bytes), (ssize_t)bytes);
	close(fd);
	free(content);
}

static void on_done(struct disk_request *request, int error)
{
	size_t i = (size_t)(uintptr_t)request->context;

	ck_assert(!user.is_done[i]);
	user.is_done[i] = true;
	user.errors[i] = error;
	if (--user.pending == 0)
		loop_quit(user.loop, 0);
}

void user_submit(struct disk_request *request, size_t number)
{
	request->done = on_done;
	request->context = (void *)(uintptr_t)number;
	user.is_done[number] = false;
	user.errors[number] = 1;
	user.pending++;
	disk_submit(user.disk, request);
	ck_assert(!user.is_done[number]); /* never from inside */
}

void user_finish(void)
{
	disk_start(user.disk);
	if (user.pending > 0)
		ck_assert_int_eq(loop_run(user.loop), 0);
	ck_assert_uint_eq(user.pending, 0);
}

/* One request, and what became of it. */
int user_run(enum disk_op op, uint64_t offset, void *bytes, uint64_t length)
{
	struct iovec part = { .iov_base = bytes, .iov_len = length };
	struct disk_request request = {
		.op = op, .offset = offset, .length = length, .parts = &part, .part_count = 1
	};

	user_submit(&request, 0);
	user_finish();
	return user.errors[0];
}

void user_expect(uint64_t offset, const uint8_t *expected, size_t length)
{
	uint8_t *found = malloc(length);

	memset(found, 0xee, length);
	ck_assert_int_eq(user_run(DISK_READ, offset, found, length), 0);
	for (size_t i = 0; i < length; i++)
		if (found[i] != expected[i]) /* an assertion for each byte takes its time */
			ck_abort_msg("byte %zu is %02x, not %02x", (size_t)offset + i, found[i],
				     expected[i]);
	free(found);
}

/* A seeded walk: requests of all kinds, some parts odd, compared with an array. */

struct model {
	uint8_t bytes[DISK_BYTES];
	uint8_t known[DISK_BYTES]; /* 0: discarded */
};

static struct model model;

static uint64_t state; /* of draw() */

/* The next of a row of numbers that looks random, below `limit`. */
static unsigned int draw(unsigned int limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(state >> 33) % limit;
}

static unsigned int cut(uint8_t *bytes, size_t length, struct iovec parts[8])
{
	unsigned int count = 0;

	while (count < 7 && length > 1) {
		size_t part = 1 + draw((unsigned int)length);

		parts[count++] = (struct iovec){ .iov_base = bytes, .iov_len = part };
		bytes += part;
		length -= part;
	}
	if (length > 0)
		parts[count++] = (struct iovec){ .iov_base = bytes, .iov_len = length };
	return count;
}

static void model_compare(uint64_t offset, const uint8_t *found, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (model.known[offset + i] && found[i] != model.bytes[offset + i])
			ck_abort_msg("byte %zu is %02x, not %02x", (size_t)offset + i, found[i],
				     model.bytes[offset + i]);
}

struct walk_request {
	struct disk_request request;
	struct iovec parts[8];
	uint8_t bytes[32768];
};

/* Disjoint by sectors, since overlapping ones are the guest's to order. */
static uint64_t walk_prepare(struct walk_request *walk, uint64_t offset, uint64_t end)
{
	static const enum disk_op ops[] = {
		DISK_READ,  DISK_READ,	  DISK_WRITE,	     DISK_WRITE,
		DISK_WRITE, DISK_DISCARD, DISK_WRITE_ZEROES, DISK_FLUSH
	};
	uint64_t length = 512u * (1 + draw(draw(4) ? 8 : 64));

	if (length > end - offset)
		length = end - offset;
	memset(walk->bytes, (int)draw(256), length);
	walk->request = (struct disk_request){
		.op = ops[draw(ARRAY_SIZE(ops))],
		.offset = offset,
		.length = length,
		.may_unmap = draw(2) != 0,
		.parts = walk->parts,
		.part_count = cut(walk->bytes, length, walk->parts),
	};
	return length;
}

static void walk_apply(const struct walk_request *walk)
{
	const struct disk_request *request = &walk->request;
	uint64_t offset = request->offset, length = request->length;

	if (request->op == DISK_READ) {
		model_compare(offset, walk->bytes, length);
	} else if (request->op == DISK_WRITE) {
		memcpy(model.bytes + offset, walk->bytes, length);
		memset(model.known + offset, 1, length);
	} else if (request->op == DISK_WRITE_ZEROES) {
		memset(model.bytes + offset, 0, length);
		memset(model.known + offset, 1, length);
	} else if (request->op == DISK_DISCARD) {
		memset(model.known + offset, 0, length);
	}
}

/* A part of the disk, request beside request, all in flight at the same time. */
static void walk_round(struct walk_request *walks)
{
	uint64_t start = 512u * draw(DISK_BYTES / 512), offset = start;
	size_t count = 0;

	while (count < WALK_REQUESTS && offset < DISK_BYTES) {
		offset += walk_prepare(&walks[count], offset, DISK_BYTES);
		count++;
	}
	for (size_t i = 0; i < count; i++)
		user_submit(&walks[i % 2 ? count - 1 - i / 2 : i / 2].request,
			    i); /* from both ends */
	user_finish();
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(user.errors[i], 0);
		walk_apply(&walks[i]);
	}
}

void user_walk(unsigned int rounds)
{
	struct walk_request *walks = calloc(WALK_REQUESTS, sizeof(*walks));
	state = now_ns();
	printf("seed %llu\n", (unsigned long long)state);
	for (size_t i = 0; i < DISK_BYTES; i++)
		model.bytes[i] = user_pattern(i);
	memset(model.known, 1, sizeof(model.known));
	while (rounds-- > 0)
		walk_round(walks);
	for (uint64_t at = 0; at < DISK_BYTES; at += sizeof(walks[0].bytes)) {
		ck_assert_int_eq(user_run(DISK_READ, at, walks[0].bytes, sizeof(walks[0].bytes)),
				 0);
		model_compare(at, walks[0].bytes, sizeof(walks[0].bytes));
	}
	free(walks);
}

void user_begin(void)
{
	struct loop_source *watchdog;

	memset(&user, 0, sizeof(user));
	ck_assert_int_eq(loop_create(&user.loop), 0);
	ck_assert_int_eq(loop_add_timer(user.loop, on_watchdog, NULL, &watchdog), 0);
	loop_arm(watchdog, 30 * NS_PER_SEC);
}

void user_end(void)
{
	disk_close(user.disk);
	loop_free(user.loop);
	memset(&user, 0, sizeof(user));
}
