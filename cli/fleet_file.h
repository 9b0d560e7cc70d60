/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet_file.h - a file that defines guests, samepage.conf(5)
 *
 * What it says is checked as a whole before any guest is started: each sentence begins
 * with the file and the line. All guests of a file are one domain, unless it names
 * others: its name is drawn from the file's path, so that a guest that is started later
 * finds those that run.
 */
#ifndef CLI_FLEET_FILE_H
#define CLI_FLEET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/definition.h"

#define FLEET_FILE_MAX_BYTES  (1u << 20)
#define FLEET_FILE_MAX_GUESTS 1000u

/* One guest. */
struct fleet_member {
	char name[WIRE_TEXT_SIZE];
	const struct definition *definition;
	uint16_t index; /* of those that the definition stands for */
	unsigned int line;
};

struct fleet_text; /* what a value that is not in the file itself points to */

struct fleet_file {
	char *path;		     /* as it was named, for sentences */
	char *directory;	     /* absolute, with a slash at its end: where paths begin */
	char domain[WIRE_TEXT_SIZE]; /* of guests that name none */
	char *bytes;
	struct fleet_text *texts;
	struct definition *definitions;
	unsigned int *lines; /* where each of them begins */
	size_t definition_count;
	struct fleet_member *members;
	size_t member_count;
};

/* What the command line says of every guest goes before what the file says. */
struct fleet_override {
	const struct definition *definition;
	uint64_t given; /* rows of guest_options; 0: nothing */
	bool detach;
};

/*
 * Reads a file and checks it. guest: its member that is asked for, or NULL; then path may
 * be a directory, of whose files *.conf the one with this guest is taken. -ENOENT: there
 * is no such guest.
 */
CHECKED int fleet_file_open(const char *path, const char *guest,
			    const struct fleet_override *override, struct fleet_file **ret_file,
			    struct fail *why);

/* The same from memory: bytes are copied. absolute: the file's whole path. */
CHECKED int fleet_file_parse(const char *path, const char *absolute, const char *bytes,
			     size_t length, const struct fleet_override *override,
			     struct fleet_file **ret_file, struct fail *why);

void fleet_file_free(struct fleet_file *file); /* NULL is fine */

const struct fleet_member *fleet_file_find(const struct fleet_file *file, const char *guest);

#endif
