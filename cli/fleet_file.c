/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet_file.c - a file that defines guests, samepage.conf(5)
 *
 * Each section is a layer: what a [guest] says goes before [defaults], and what the
 * command line says goes before both. A list, such as that of disks, is replaced as a
 * whole. Paths are made absolute in the layer that they come from, since those of the
 * command line begin elsewhere.
 */
#include "cli/fleet_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cli/config_text.h"
#include "cli/disk_option.h"
#include "cli/run.h"

struct fleet_text {
	struct fleet_text *next;
	char text[];
};

/* What one section says. */
struct layer {
	struct definition definition;
	uint64_t given;
	unsigned int line; /* of its head; 0: there is none yet */
	bool is_guest;
};

static int fail_at(const struct fleet_file *file, unsigned int line, int rc, struct fail *why)
{
	struct fail sentence = *why;

	return fail_set(why, -rc, "%s:%u: %s", file->path, line, sentence.text);
}

/* ------------------------------------------------------------------- paths */

/* NULL: no memory. */
static const char *text_keep(struct fleet_file *file, const char *directory, const char *path)
{
	size_t size = strlen(directory) + strlen(path) + 1;
	struct fleet_text *text = malloc(sizeof(*text) + size);

	if (!text)
		return NULL;
	snprintf(text->text, size, "%s%s", directory, path);
	text->next = file->texts;
	file->texts = text;
	return text->text;
}

static int path_resolve(struct fleet_file *file, const char **path)
{
	if (!*path || **path == '/')
		return 0;
	*path = text_keep(file, file->directory, *path);
	return *path ? 0 : -ENOMEM;
}

static int disk_resolve(struct fleet_file *file, const char **disk)
{
	AUTO_FREE char *resolved = NULL;
	int rc;

	if (!*disk)
		return 0;
	rc = disk_option_resolve(*disk, file->directory, &resolved);
	if (rc == 0)
		*disk = text_keep(file, "", resolved);
	return rc == 0 && !*disk ? -ENOMEM : rc;
}

static int layer_resolve(struct fleet_file *file, struct definition *definition, struct fail *why)
{
	int rc = path_resolve(file, &definition->kernel);

	if (rc == 0)
		rc = path_resolve(file, &definition->initrd);
	if (rc == 0)
		rc = path_resolve(file, &definition->ram_image);
	if (rc == 0 && definition_console_is_file(definition))
		rc = path_resolve(file, &definition->console);
	if (rc == 0)
		rc = disk_resolve(file, &definition->image);
	for (unsigned int i = 0; rc == 0 && i < definition->disks.count; i++)
		rc = disk_resolve(file, &definition->disks.texts[i]);
	return rc < 0 ? fail_errno(why, -rc, "a path can't be made absolute") : 0;
}

/* ---------------------------------------------------------------- sections */

/* The layers below the guest's own; then its own; then the command line's. */
static int guest_add(struct fleet_file *file, const struct layer *defaults,
		     const struct layer *guest, const struct fleet_override *override,
		     struct fail *why)
{
	struct definition *definition;

	if (file->definition_count == FLEET_FILE_MAX_GUESTS)
		return fail_set(why, E2BIG, "a file has at most %u guests", FLEET_FILE_MAX_GUESTS);
	definition = &file->definitions[file->definition_count];
	*definition = (struct definition)DEFINITION_DEFAULTS;
	options_overlay(guest_options, defaults->given, &defaults->definition, definition);
	options_overlay(guest_options, guest->given, &guest->definition, definition);
	options_overlay(guest_options, override->given, override->definition, definition);
	file->lines[file->definition_count++] = guest->line;
	if (!definition->name)
		return fail_set(why, EINVAL, "this guest has no name: add a line name = ...");
	return definition_check(definition, override->detach, why);
}

/* A section is complete: the next one, or the end of the file, has come. */
static int section_end(struct fleet_file *file, struct layer *defaults, struct layer *layer,
		       const struct fleet_override *override, struct fail *why)
{
	int rc;

	if (layer->line == 0)
		return 0;
	rc = layer_resolve(file, &layer->definition, why);
	if (rc == 0 && layer->is_guest)
		rc = guest_add(file, defaults, layer, override, why);
	else if (rc == 0)
		*defaults = *layer;
	return rc < 0 ? fail_at(file, layer->line, rc, why) : 0;
}

static int section_begin(const struct fleet_file *file, const struct layer *defaults,
			 const struct config_line *line, struct layer *ret_layer, struct fail *why)
{
	bool is_guest = strcmp(line->section, "guest") == 0;

	if (!is_guest && strcmp(line->section, "defaults") != 0)
		return fail_set(why, EINVAL,
				"there is no section [%.80s]: write [defaults], or [guest] and a "
				"line name = ...",
				line->section);
	if (!is_guest && defaults->line)
		return fail_set(why, EINVAL, "[defaults] is there already, in line %u",
				defaults->line);
	if (!is_guest && file->definition_count)
		return fail_set(why, EINVAL, "[defaults] has to stand before the first [guest]");
	*ret_layer = (struct layer){ .line = line->number, .is_guest = is_guest };
	return 0;
}

static int setting_take(const struct config_line *line, struct layer *layer, struct fail *why)
{
	if (layer->line == 0)
		return fail_set(why, EINVAL,
				"'%.80s' stands before the first section: put [defaults] or "
				"[guest] above it",
				line->name);
	if (!layer->is_guest && strcmp(line->name, "name") == 0)
		return fail_set(why, EINVAL, "a name is one guest's own: put it below [guest]");
	if (strcmp(line->name, "detach") == 0)
		return fail_set(why, EINVAL,
				"'detach' is the command's own: samepage up does so, or samepage "
				"run --detach");
	return option_assign(guest_options, line->name, line->value, &layer->definition,
			     &layer->given, why);
}

static int sections_parse(struct fleet_file *file, struct config_text *text,
			  const struct fleet_override *override, struct fail *why)
{
	struct layer defaults = { .line = 0 }, layer = { .line = 0 };
	struct config_line line;
	int rc;

	while ((rc = config_text_next(text, &line, why)) > 0) {
		if (line.section) {
			rc = section_end(file, &defaults, &layer, override, why);
			if (rc < 0)
				return rc;
			rc = section_begin(file, &defaults, &line, &layer, why);
		} else {
			rc = setting_take(&line, &layer, why);
		}
		if (rc < 0)
			break;
	}
	if (rc < 0)
		return fail_at(file, text->line, rc, why);
	rc = section_end(file, &defaults, &layer, override, why);
	if (rc == 0 && file->definition_count == 0)
		rc = fail_set(why, EINVAL, "%s has no guest: begin one with a line [guest]",
			      file->path);
	return rc;
}

/* ------------------------------------------------------------------ guests */

const struct fleet_member *fleet_file_find(const struct fleet_file *file, const char *guest)
{
	for (size_t i = 0; i < file->member_count; i++)
		if (strcmp(file->members[i].name, guest) == 0)
			return &file->members[i];
	return NULL;
}

const char **fleet_file_names(const struct fleet_file *file)
{
	const char **names = calloc(file->member_count + 1, sizeof(*names));

	for (size_t i = 0; names && i < file->member_count; i++)
		names[i] = file->members[i].name;
	return names;
}

static bool is_named(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

int fleet_file_narrow(struct fleet_file *file, const char *const *names, size_t count,
		      struct fail *why)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!fleet_file_find(file, names[i]))
			return fail_set(why, ENOENT, "%s has no guest '%s'", file->path, names[i]);
	for (size_t i = 0; i < file->member_count; i++)
		if (is_named(file->members[i].name, names, count))
			file->members[kept++] = file->members[i];
	file->member_count = kept;
	return 0;
}

static int member_add(struct fleet_file *file, size_t definition, uint16_t index, struct fail *why)
{
	struct fleet_member member = { .definition = &file->definitions[definition],
				       .index = index,
				       .line = file->lines[definition] };
	const struct fleet_member *other;

	if (file->member_count == FLEET_FILE_MAX_GUESTS)
		return fail_set(why, E2BIG, "with this one the file has more than %u guests",
				FLEET_FILE_MAX_GUESTS);
	definition_name(member.definition, index, member.name);
	other = fleet_file_find(file, member.name);
	if (other)
		return fail_set(why, EEXIST,
				"there is a guest '%s' already, from line %u: give this one "
				"another name",
				member.name, other->line);
	file->members[file->member_count++] = member;
	return 0;
}

static int members_list(struct fleet_file *file, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < file->definition_count; i++) {
		for (uint16_t j = 0; rc == 0 && j < file->definitions[i].count; j++)
			rc = member_add(file, i, j, why);
		if (rc < 0)
			rc = fail_at(file, file->lines[i], rc, why);
	}
	return rc;
}

/* No user can name it, since names don't start with '@', and no other path has it. */
static void domain_draw(struct fleet_file *file, const char *absolute)
{
	char stem[24];

	snprintf(stem, sizeof(stem), "%s", strrchr(absolute, '/') + 1);
	for (char *c = stem; *c; c++)
		if (!isalnum((unsigned char)*c))
			*c = c == stem ? 'x' : '-';
	snprintf(file->domain, sizeof(file->domain), "@%s.%016llx", stem,
		 (unsigned long long)XXH3_64bits(absolute, strlen(absolute)));
}

void fleet_file_free(struct fleet_file *file)
{
	if (!file)
		return;
	while (file->texts) {
		struct fleet_text *text = file->texts;

		file->texts = text->next;
		free(text);
	}
	free(file->path);
	free(file->absolute);
	free(file->directory);
	free(file->bytes);
	free(file->definitions);
	free(file->lines);
	free(file->members);
	free(file);
}

/* NULL: no memory. */
static struct fleet_file *fleet_file_create(const char *path, const char *absolute,
					    const char *bytes, size_t length)
{
	struct fleet_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->path = strdup(path);
	file->absolute = strdup(absolute);
	file->directory = strndup(absolute, (size_t)(strrchr(absolute, '/') - absolute) + 1);
	file->bytes = malloc(length + 1);
	file->definitions = calloc(FLEET_FILE_MAX_GUESTS, sizeof(*file->definitions));
	file->lines = calloc(FLEET_FILE_MAX_GUESTS, sizeof(*file->lines));
	file->members = calloc(FLEET_FILE_MAX_GUESTS, sizeof(*file->members));
	if (!file->path || !file->absolute || !file->directory || !file->bytes ||
	    !file->definitions || !file->lines || !file->members) {
		fleet_file_free(file);
		return NULL;
	}
	memcpy(file->bytes, bytes, length);
	file->bytes[length] = '\0';
	return file;
}

int fleet_file_parse(const char *path, const char *absolute, const char *bytes, size_t length,
		     const struct fleet_override *override, struct fleet_file **ret_file,
		     struct fail *why)
{
	struct fleet_file *file = fleet_file_create(path, absolute, bytes, length);
	struct config_text text;
	int rc;

	if (!file)
		return fail_errno(why, ENOMEM, "cannot read '%s'", path);
	domain_draw(file, absolute);
	rc = config_text_init(file->bytes, length, &text, why);
	if (rc < 0)
		rc = fail_at(file, text.line, rc, why);
	if (rc == 0)
		rc = sections_parse(file, &text, override, why);
	if (rc == 0)
		rc = members_list(file, why);
	if (rc < 0) {
		fleet_file_free(file);
		return rc;
	}
	*ret_file = file;
	return 0;
}
