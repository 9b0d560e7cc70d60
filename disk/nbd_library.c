/* SPDX-License-Identifier: Apache-2.0 */
/* nbd_library.c - libnbd, loaded when the first disk needs it */
#include "disk/nbd_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define NBD_ROW(name) { "nbd_" #name, offsetof(struct nbd_library, name) },
	NBD_FUNCTIONS(NBD_ROW)
#undef NBD_ROW
};

int nbd_library_load(const struct nbd_library **ret_library, struct fail *why)
{
	static struct nbd_library library;
	void *handle = dlopen("libnbd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return fail_set(why, ENOENT, "disks of a server need libnbd (package libnbd0): %s",
				dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(handle, functions[i].name);

		if (!function)
			return fail_set(why, ENOENT,
					"the installed libnbd is too old: it has no %s",
					functions[i].name);
		memcpy((char *)&library + functions[i].offset, &function, sizeof(function));
	}
	*ret_library = &library;
	return 0;
}
