/* SPDX-License-Identifier: Apache-2.0 */
/* boot_unpack.h - what a bzImage carries, unpacked */
#ifndef VMM_BOOT_UNPACK_H
#define VMM_BOOT_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

/*
 * payload: as the fields payload_offset and payload_length of the setup header have it. By its
 * first bytes it is packed with gzip, xz, zstd or lz4, and its last four say how large it was:
 * not more than room, or nothing is unpacked. The caller frees *ret_bytes. -ENOTSUP: packed in
 * another way; -EBADMSG: broken, or too large.
 */
CHECKED int boot_unpack(const unsigned char *payload, size_t length, uint64_t room,
			unsigned char **ret_bytes, size_t *ret_length, struct fail *why);

#endif
