/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_fleet_file.c - a file that defines guests, from somebody who means no good
 *
 * What comes out must be guests that samepage run would take as options: names that are
 * names, each once, and no path that is relative. What is refused is refused with a line.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cli/fleet_file.h"

static void expect_absolute(const char *path)
{
	if (path && path[0] != '/')
		abort();
}

static void expect_guest(const struct fleet_file *file, const struct fleet_member *member)
{
	const struct definition *definition = member->definition;
	struct fail why;

	if (!name_is_valid(member->name) || fleet_file_find(file, member->name) != member ||
	    definition_check(definition, true, &why) < 0)
		abort();
	expect_absolute(definition->kernel);
	expect_absolute(definition->initrd);
	expect_absolute(definition->ram_image);
	if (definition_console_is_file(definition))
		expect_absolute(definition->console);
	for (unsigned int i = 0; i < definition_disks(definition); i++)
		if (!strstr(definition_disk(definition, i), "://"))
			expect_absolute(definition_disk(definition, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct fleet_override override = { .detach = true };
	struct fleet_file *file;
	struct fail why = { "" };

	if (fleet_file_parse("f", "/d/f", (const char *)bytes, length, &override, &file, &why) <
	    0) {
		if (why.text[0] != 'f')
			abort();
		return 0;
	}
	if (file->member_count == 0 || file->member_count > FLEET_FILE_MAX_GUESTS)
		abort();
	/* the first ones: each looks at all that are before it */
	for (size_t i = 0; i < file->member_count && i < 32; i++)
		expect_guest(file, &file->members[i]);
	fleet_file_free(file);
	return 0;
}
