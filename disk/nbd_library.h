/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nbd_library.h - libnbd, loaded when the first disk needs it
 *
 * It brings a dozen libraries along (XML, TLS ...), which would cost each guest memory,
 * and time at its start, that most have no use for.
 */
#ifndef DISK_NBD_LIBRARY_H
#define DISK_NBD_LIBRARY_H

#include <libnbd.h>

#include "base/auto.h"
#include "base/fail.h"

/* The functions that we use; libnbd.so calls them nbd_NAME. */
#define NBD_FUNCTIONS(each)                                                                        \
	each(aio_connect_uri) each(aio_disconnect) each(aio_flush) each(aio_get_direction)         \
		each(aio_get_fd) each(aio_is_closed) each(aio_is_dead) each(aio_is_ready)          \
			each(aio_notify_read) each(aio_notify_write) each(aio_pread)               \
				each(aio_pwrite) each(aio_trim) each(aio_zero) each(can_flush)     \
					each(can_trim) each(can_zero) each(close) each(create)     \
						each(get_block_size) each(get_errno)               \
							each(get_error) each(get_size)             \
								each(is_read_only) each(poll)

struct nbd_library {
#define NBD_POINTER(name) __typeof__(nbd_##name) *name;
	NBD_FUNCTIONS(NBD_POINTER)
#undef NBD_POINTER
};

/* Main thread. It stays loaded. */
CHECKED int nbd_library_load(const struct nbd_library **ret_library, struct fail *why);

#endif
