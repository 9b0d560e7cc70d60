/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the memory of a domain's shared frames
 *
 * A file in memory, of fixed size and no memory of its own until frames are written.
 * Only the broker can write: guests get a descriptor on a mount for reading only
 * (store_file.h), whose private mappings are all they can make. Where nothing can be
 * mounted it is a memfd that was opened for reading: then a process of the broker's
 * user can open it anew for writing, if it wants to.
 */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

struct store {
	int fd;		  /* the broker's alone */
	int read_only_fd; /* for guests */
	uint32_t frames;  /* that the store can hold */
	bool is_guarded;  /* nobody else can come to write to it */
};

/* Room for as many frames as the host has memory. */
CHECKED int store_init(struct store *store, const char *domain, struct fail *why);
void store_done(struct store *store);

CHECKED int store_write(struct store *store, uint32_t frame, const void *bytes);
void store_punch(struct store *store, uint32_t frame, uint32_t count);

/* Memory in use, by the kernel's count. */
uint64_t store_bytes(const struct store *store);

#endif
