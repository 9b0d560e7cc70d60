/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census.h - what each page of a guest is, and its bytes, asked from the command line
 *
 * A guest answers into a file in memory that we pass it. What is in there is copied
 * before it is looked at, and checked: the guest's process may be another's by now.
 */
#ifndef CLI_CENSUS_H
#define CLI_CENSUS_H

#include "cli/client.h"
#include "dedup/census.h"
#include "dedup/digest.h"

struct census {
	char name[WIRE_TEXT_SIZE]; /* the guest's */
	uint64_t store;		   /* frames of two guests are the same only where this is */
	uint32_t pages;
	uint32_t *entries; /* all of kinds below CENSUS_KINDS */
};

/* -ENOTSUP: the guest does not share. Others as with client_request(). */
CHECKED int census_ask(struct client *client, struct census *ret_census, struct fail *why);
void census_done(struct census *census);

/* A guest whose pages are read, some at a time. */
struct page_reader {
	struct client client;
	int fd;
	uint8_t bytes[CONTROL_PAGES_MAX * PAGE_BYTES];
};

CHECKED int page_reader_create(const char *name, struct page_reader **ret_reader, struct fail *why);
void page_reader_free(struct page_reader *reader); /* NULL is fine */

/* Up to CONTROL_PAGES_MAX pages, to reader->bytes. The guest may write to them meanwhile. */
CHECKED int page_reader_read(struct page_reader *reader, const uint32_t *numbers, uint32_t count,
			     struct fail *why);

#endif
