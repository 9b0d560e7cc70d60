/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_library.h - libmicrohttpd, loaded when metrics are served
 *
 * It brings eleven libraries along (TLS, big numbers ...), which would cost each guest
 * memory, and time at its start: doc/decisions/0017-metrics-over-http.md.
 */
#ifndef CLI_HTTP_LIBRARY_H
#define CLI_HTTP_LIBRARY_H

#include <microhttpd.h>

#include "base/auto.h"
#include "base/fail.h"

/* The functions that we use; libmicrohttpd.so calls them MHD_NAME. */
#define HTTP_FUNCTIONS(each)                                                                       \
	each(add_response_header) each(create_response_from_buffer) each(destroy_response)         \
		each(get_daemon_info) each(get_timeout) each(queue_response) each(run)             \
			each(start_daemon) each(stop_daemon)

struct http_library {
#define HTTP_POINTER(name) __typeof__(MHD_##name) *name;
	HTTP_FUNCTIONS(HTTP_POINTER)
#undef HTTP_POINTER
};

/* It stays loaded. */
CHECKED int http_library_load(const struct http_library **ret_library, struct fail *why);

#endif
