/* SPDX-License-Identifier: Apache-2.0 */
/* library.c - a library that is loaded once somebody needs it */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const struct library *library, void *table, struct fail *why)
{
	void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return fail_set(why, ENOENT, "%s: %s", library->needs, dlerror());
	for (size_t i = 0; i < library->function_count; i++) {
		const struct library_function *function = &library->functions[i];
		void *address = dlsym(handle, function->name);

		if (!address)
			return fail_set(why, ENOENT, "the installed %s is too old: it has no %s",
					library->file, function->name);
		memcpy((char *)table + function->offset, &address, sizeof(address));
	}
	return 0;
}
