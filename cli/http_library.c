/* SPDX-License-Identifier: Apache-2.0 */
/* http_library.c - libmicrohttpd, loaded when metrics are served */
#include "cli/http_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define HTTP_ROW(name) { "MHD_" #name, offsetof(struct http_library, name) },
	HTTP_FUNCTIONS(HTTP_ROW)
#undef HTTP_ROW
};

int http_library_load(const struct http_library **ret_library, struct fail *why)
{
	static struct http_library library;
	void *handle = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return fail_set(why, ENOENT,
				"metrics over HTTP need libmicrohttpd (package libmicrohttpd12), "
				"--textfile does not: %s",
				dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(handle, functions[i].name);

		if (!function)
			return fail_set(why, ENOENT,
					"the installed libmicrohttpd is too old: it has no %s",
					functions[i].name);
		memcpy((char *)&library + functions[i].offset, &function, sizeof(function));
	}
	*ret_library = &library;
	return 0;
}
