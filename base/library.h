/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.h - a library that is loaded once somebody needs it
 *
 * What is linked costs each guest memory, and time at its start; what only few need is
 * loaded by them.
 */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"

/* Where the function's address goes in the table. */
struct library_function {
	const char *name;
	size_t offset;
};

struct library {
	const char *file;  /* as the loader finds it, e.g. "libnbd.so.0" */
	const char *needs; /* who needs what, and where it comes from, for the sentence */
	const struct library_function *functions;
	size_t function_count;
};

/* Fills the table. It stays loaded; again is fine. */
CHECKED int library_load(const struct library *library, void *table, struct fail *why);

#endif
