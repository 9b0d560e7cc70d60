/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_unpack.c - what a bzImage carries, unpacked
 *
 * Format: arch/x86/boot/compressed and scripts/Makefile.lib of Linux. gzip ends in the length
 * of its output by itself; behind other formats the kernel's build writes the same four bytes.
 * lz4 is its legacy frame: a magic number, then blocks, each behind its own length.
 */
#include "vmm/boot_unpack.h"

#define ZLIB_CONST /* it does not write to its input */
#include <lz4.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "vmm/boot_image.h"

#define LENGTH_BYTES 4
#define MAGIC_BYTES  6
/* Formats count in 32 bits, and a vmlinux without its symbols stays far below. */
#define UNPACKED_MAX (UINT64_C(512) << 20)
/* Kernels are packed with a dictionary of 32 or 128 MiB; what is used of it is what they unpack to.
 */
#define XZ_MEMORY_MAX (UINT64_C(256) << 20)
#define LZ4_MAGIC     4 /* bytes */

/* The input without the length behind it. True: it gave exactly out_length bytes. */
typedef bool unpack_fn(const unsigned char *in, size_t in_length, unsigned char *out,
		       size_t out_length);

static bool gzip_unpack(const unsigned char *in, size_t in_length, unsigned char *out,
			size_t out_length)
{
	z_stream stream = {
		.next_in = in,
		.avail_in = (uInt)(in_length + LENGTH_BYTES),
		.next_out = out,
		.avail_out = (uInt)out_length,
	};
	int rc;

	if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
		return false;
	rc = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return rc == Z_STREAM_END && stream.avail_out == 0;
}

static bool xz_unpack(const unsigned char *in, size_t in_length, unsigned char *out,
		      size_t out_length)
{
	uint64_t memory_max = XZ_MEMORY_MAX;
	size_t taken = 0, given = 0;

	return lzma_stream_buffer_decode(&memory_max, 0, NULL, in, &taken, in_length, out, &given,
					 out_length) == LZMA_OK &&
	       given == out_length;
}

static bool zstd_unpack(const unsigned char *in, size_t in_length, unsigned char *out,
			size_t out_length)
{
	return ZSTD_decompress(out, out_length, in, in_length) == out_length;
}

static bool lz4_unpack(const unsigned char *in, size_t in_length, unsigned char *out,
		       size_t out_length)
{
	size_t at = LZ4_MAGIC, given = 0;

	while (in_length - at >= sizeof(uint32_t) && given < out_length) {
		uint32_t block = boot_number_at(in + at);
		int n;

		at += sizeof(uint32_t);
		if (block > in_length - at)
			return false;
		n = LZ4_decompress_safe((const char *)in + at, (char *)out + given, (int)block,
					(int)(out_length - given));
		if (n <= 0)
			return false;
		at += block;
		given += (size_t)n;
	}
	return given == out_length;
}

static const struct format {
	unsigned char magic[MAGIC_BYTES];
	size_t magic_length;
	unpack_fn *unpack;
} formats[] = {
	{ { 0x1f, 0x8b, 0x08 }, 3, gzip_unpack },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, xz_unpack },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd_unpack },
	{ { 0x02, 0x21, 0x4c, 0x18 }, 4, lz4_unpack },
};

static unpack_fn *unpack_choose(const unsigned char *payload)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (memcmp(payload, formats[i].magic, formats[i].magic_length) == 0)
			return formats[i].unpack;
	return NULL;
}

int boot_unpack(const unsigned char *payload, size_t length, uint64_t room,
		unsigned char **ret_bytes, size_t *ret_length, struct fail *why)
{
	AUTO_FREE unsigned char *bytes = NULL;
	unpack_fn *unpack;
	uint32_t unpacked;

	if (room > UNPACKED_MAX)
		room = UNPACKED_MAX;
	if (length < MAGIC_BYTES + LENGTH_BYTES || length > room)
		return fail_set(why, EBADMSG, "it carries no kernel");
	unpack = unpack_choose(payload);
	if (!unpack)
		return fail_set(why, ENOTSUP,
				"it is packed in another way than gzip, xz, zstd or lz4");
	length -= LENGTH_BYTES;
	unpacked = boot_number_at(payload + length);
	if (unpacked == 0 || unpacked > room)
		return fail_set(why, EBADMSG, "its unpacked size makes no sense");
	bytes = malloc(unpacked);
	if (!bytes)
		return fail_errno(why, ENOMEM, "it cannot be unpacked");
	if (!unpack(payload, length, bytes, unpacked))
		return fail_set(why, EBADMSG, "what it carries does not unpack");
	*ret_bytes = TAKE(bytes);
	*ret_length = unpacked;
	return 0;
}
