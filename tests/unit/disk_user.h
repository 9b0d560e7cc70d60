/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_user.h - a user of one disk, for tests of disks
 *
 * user_begin(); the test opens user.disk with user.loop; ...; user_end().
 */
#ifndef TESTS_UNIT_DISK_USER_H
#define TESTS_UNIT_DISK_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "disk/disk.h"

#define USER_DISK_BYTES (1u << 20)
#define USER_REQUESTS	200

struct disk_user {
	struct loop *loop;
	struct disk *disk;
	unsigned int pending;
	int errors[USER_REQUESTS];
	bool is_done[USER_REQUESTS];
};

extern struct disk_user user; /* a test has one */

void user_begin(void);
void user_end(void); /* closes the disk */

/* A file of user_pattern(i) at each i. */
uint8_t user_pattern(size_t i);
void user_file(const char *at, size_t bytes);

/* number: below USER_REQUESTS, where its error is found. user_finish() waits for all. */
void user_submit(struct disk_request *request, size_t number);
void user_finish(void);

/* One request, and what became of it. */
int user_run(enum disk_op op, uint64_t offset, void *bytes, uint64_t length);
void user_expect(uint64_t offset, const uint8_t *expected, size_t length);

/*
 * Rounds of random requests of all kinds, split at random, many in flight, compared
 * with an array. The disk is USER_DISK_BYTES of user_pattern(). Prints its seed.
 */
void user_walk(unsigned int rounds);

#endif
