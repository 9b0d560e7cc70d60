/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_bls_entry.c - an entry of the Boot Loader Specification, from a disk image that lies
 *
 * The input is the file; its first line is tried as its name and as a version, too.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bls_entry.h"

static void expect_entry(const struct bls_entry *entry)
{
	if (entry->boot.kernel[0] && entry->boot.kernel[0] != '/')
		abort();
	if (entry->boot.initrd_count > BOOT_INITRDS_MAX ||
	    strlen(entry->boot.cmdline) >= sizeof(entry->boot.cmdline) ||
	    strlen(entry->version) >= sizeof(entry->version))
		abort();
	if (bls_entry_compare(entry, entry) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *text = (const char *)bytes;
	const char *end = memchr(text, '\n', length);
	char line[BLS_TEXT_SIZE], name[BLS_TEXT_SIZE + 8], pattern[BLS_TEXT_SIZE];
	struct bls_entry entry;

	snprintf(line, sizeof(line), "%.*s", (int)(end ? end - text : (long)length), text);
	snprintf(name, sizeof(name), "%s.conf", line);
	if (bls_entry_parse("a.conf", text, length, NULL, NULL, &entry) == 0)
		expect_entry(&entry);
	if (bls_entry_parse(name, text, length, NULL, NULL, &entry) == 0)
		expect_entry(&entry);
	if (version_compare(line, "1.0-1") != -version_compare("1.0-1", line))
		abort();
	bls_loader_default(text, length, pattern);
	if (strnlen(pattern, sizeof(pattern)) == sizeof(pattern))
		abort();
	return 0;
}
