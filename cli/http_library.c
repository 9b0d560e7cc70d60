/* SPDX-License-Identifier: Apache-2.0 */
/* http_library.c - libmicrohttpd, loaded when metrics are served */
#include "cli/http_library.h"

#include <stddef.h>

#include "base/library.h"

static const struct library_function functions[] = {
#define HTTP_ROW(name) { "MHD_" #name, offsetof(struct http_library, name) },
	HTTP_FUNCTIONS(HTTP_ROW)
#undef HTTP_ROW
};

static const struct library libmicrohttpd = {
	.file = "libmicrohttpd.so.12",
	.needs =
		"metrics over HTTP need libmicrohttpd (package libmicrohttpd12), --textfile does not",
	.functions = functions,
	.function_count = ARRAY_SIZE(functions),
};

int http_library_load(const struct http_library **ret_library, struct fail *why)
{
	static struct http_library library;
	int rc = library_load(&libmicrohttpd, &library, why);

	if (rc < 0)
		return rc;
	*ret_library = &library;
	return 0;
}
