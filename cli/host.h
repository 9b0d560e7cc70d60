/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - what the doctor asks of this machine
 *
 * Files are read below `root`, and what only a try can tell goes through functions, so
 * that a test can make up a machine of any kind.
 */
#ifndef CLI_HOST_H
#define CLI_HOST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/fail.h"
#include "wire/control.h"

struct host {
	const char *root; /* before each path; "": this machine */
	const char *user; /* who asks */
	uid_t uid;
	const char *programs;	 /* where they are looked for: a $PATH */
	const char *runtime_dir; /* of this user's guests */

	/* 0, or -errno and the sentence */
	int (*try_kvm)(const char *path, struct fail *why);
	int (*try_userfaultfd)(struct fail *why);
	int (*try_io_uring)(void);
	int (*try_device)(const char *path); /* opens it for reading and writing */

	const struct control_report *guests; /* that run; borrowed */
	size_t guest_count;
};

/* This machine. The host borrows from the process's environment. */
void host_init(struct host *host, const struct control_report *guests, size_t guest_count);

/* The path below the root. */
void host_path(const struct host *host, const char *path, char ret_path[PATH_MAX]);

bool host_has(const struct host *host, const char *path);

/* What a file holds, cut to size - 1 bytes, without the line's end. False: unreadable. */
bool host_text(const struct host *host, const char *path, char *ret_text, size_t size);

/* A file that begins with a number; false: it can't be read, or does not. */
bool host_number(const struct host *host, const char *path, uint64_t *ret_number);

/* The number behind "KEY:" or "KEY" at the beginning of a line. */
bool host_figure(const struct host *host, const char *path, const char *key, uint64_t *ret_number);

/* Whether a program of this name is there. */
bool host_has_program(const struct host *host, const char *name);

/*
 * Who may read and write a device, as its owner, its mode and its access list say:
 * "root, group kvm (ann, bob), user carol". Cut where there is no room.
 */
void host_users_of(const struct host *host, const char *path, char *ret_text, size_t size);

#endif
