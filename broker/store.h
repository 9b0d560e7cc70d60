/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the memory of a domain's shared frames
 *
 * A memfd of fixed size and no memory of its own until frames are written. Only
 * the broker can write: guests get a descriptor that was opened for reading, whose
 * private mappings are all they can make. The size is sealed, so that no mapping
 * ever ends behind the file. Writes are not sealed, since such a store could not
 * be punched, and frames would never be freed.
 */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

struct store {
	int fd;		  /* the broker's alone */
	int read_only_fd; /* for guests */
	uint32_t frames;  /* that the store can hold */
};

/* Room for as many frames as the host has memory. */
CHECKED int store_init(struct store *store, const char *domain, struct fail *why);
void store_done(struct store *store);

CHECKED int store_write(struct store *store, uint32_t frame, const void *bytes);
void store_punch(struct store *store, uint32_t frame);

/* Memory in use, by the kernel's count. */
uint64_t store_bytes(const struct store *store);

#endif
