/* SPDX-License-Identifier: Apache-2.0 */
/* nbd_library.c - libnbd, loaded when the first disk needs it */
#include "disk/nbd_library.h"

#include <stddef.h>

#include "base/library.h"

static const struct library_function functions[] = {
#define NBD_ROW(name) { "nbd_" #name, offsetof(struct nbd_library, name) },
	NBD_FUNCTIONS(NBD_ROW)
#undef NBD_ROW
};

static const struct library libnbd = {
	.file = "libnbd.so.0",
	.needs = "disks of a server need libnbd (package libnbd0)",
	.functions = functions,
	.function_count = ARRAY_SIZE(functions),
};

int nbd_library_load(const struct nbd_library **ret_library, struct fail *why)
{
	static struct nbd_library library;
	int rc = library_load(&libnbd, &library, why);

	if (rc < 0)
		return rc;
	*ret_library = &library;
	return 0;
}
