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
#include "cli/verb.h"

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
	char *absolute;		     /* the whole path of it */
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
 * Reads a file and checks it. guest: NULL, or the only one that is wanted; then path may
 * be a directory, of whose files *.conf the one with this guest is taken. -ENOENT: there
 * is no such guest.
 */
CHECKED int fleet_file_open(const char *path, const char *guest,
			    const struct fleet_override *override, struct fleet_file **ret_file,
			    struct fail *why);

/*
 * For verbs that take FILE [NAME...]: the guests that are named, or all. They have no
 * terminal. NULL: the file or a name is wrong, which was said: STATUS_USAGE.
 */
struct fleet_file *fleet_file_of_call(const struct call *call);

/* The same from memory: bytes are copied. absolute: the file's whole path. */
CHECKED int fleet_file_parse(const char *path, const char *absolute, const char *bytes,
			     size_t length, const struct fleet_override *override,
			     struct fleet_file **ret_file, struct fail *why);

void fleet_file_free(struct fleet_file *file); /* NULL is fine */

/* Keeps only the members of these names, in the order of the file. -ENOENT. */
CHECKED int fleet_file_narrow(struct fleet_file *file, const char *const *names, size_t count,
			      struct fail *why);

/* NULL: there is none. */
const struct fleet_member *fleet_file_find(const struct fleet_file *file, const char *guest);

/* An array that the caller frees; the names are the file's. NULL: no memory. */
const char **fleet_file_names(const struct fleet_file *file);

#endif
