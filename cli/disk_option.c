/* SPDX-License-Identifier: Apache-2.0 */
/* disk_option.c - --disk FILE[,ro][,raw][,overlay[=DIR]][,serial=TEXT] */
#include "cli/disk_option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One word, up to a single comma; what a parser has of the text. */
struct word {
	const char *rest; /* behind the comma; NULL: this was the last */
	char text[PATH_MAX];
};

static int word_next(struct word *word, const char *option, struct fail *why)
{
	const char *from = word->rest;
	size_t length = 0;

	while (*from && (from[0] != ',' || from[1] == ',')) {
		if (length == sizeof(word->text) - 1)
			return fail_set(why, ENAMETOOLONG, "--disk '%.40s...' is too long", option);
		word->text[length++] = *from;
		from += *from == ',' ? 2 : 1;
	}
	word->text[length] = '\0';
	word->rest = *from ? from + 1 : NULL;
	return 0;
}

/* %n becomes the name. */
static int expand(const char *pattern, const char *name, char ret_path[PATH_MAX], bool *ret_named,
		  struct fail *why)
{
	size_t room = PATH_MAX;

	*ret_named = false;
	for (const char *from = pattern; *from;) {
		bool is_name = strncmp(from, "%n", 2) == 0;
		const char *text = is_name && name ? name : from;
		int length = is_name && name ? (int)strlen(name) : is_name ? 2 : 1;

		if ((size_t)length >= room)
			return fail_set(why, ENAMETOOLONG, "--disk '%.40s...' is too long",
					pattern);
		memcpy(ret_path, text, (size_t)length);
		ret_path += length;
		room -= (size_t)length;
		from += is_name ? 2 : 1;
		*ret_named |= is_name;
	}
	*ret_path = '\0';
	return 0;
}

static int take_serial(const char *value, struct disk_option *option, struct fail *why)
{
	size_t length = strlen(value);

	for (size_t i = 0; i < length; i++)
		if (value[i] <= ' ' || value[i] > '~')
			length = 0;
	if (length == 0 || length > VIRTIO_BLK_MAX_SERIAL)
		return fail_set(why, EINVAL,
				"--disk: serial '%s' is not 1 to %d visible characters", value,
				VIRTIO_BLK_MAX_SERIAL);
	memcpy(option->serial, value, length + 1);
	return 0;
}

static int take_word(const char *word, const char *name, struct disk_option *option,
		     struct fail *why)
{
	bool is_named;

	if (strcmp(word, "ro") == 0) {
		option->read_only = true;
	} else if (strcmp(word, "raw") == 0) {
		option->raw = true;
	} else if (strcmp(word, "overlay") == 0) {
		option->overlay = true;
	} else if (strncmp(word, "overlay=", 8) == 0 && word[8]) {
		option->overlay = true;
		return expand(word + 8, name, option->overlay_dir, &is_named, why);
	} else if (strncmp(word, "serial=", 7) == 0) {
		return take_serial(word + 7, option, why);
	} else {
		return fail_set(why, EINVAL,
				"--disk does not know '%s': say ro, raw, overlay, overlay=DIR or "
				"serial=TEXT, and write a comma in a file's name twice",
				word);
	}
	return 0;
}

int disk_option_parse(const char *text, const char *name, struct disk_option *ret_option,
		      struct fail *why)
{
	struct disk_option option = { .read_only = false };
	struct word word = { .rest = text };
	bool is_named;
	int rc = word_next(&word, text, why);

	if (rc == 0)
		rc = expand(word.text, name, option.file, &is_named, why);
	if (rc == 0 && !option.file[0])
		rc = fail_set(why, EINVAL, "--disk '%s' names no file", text);
	while (rc == 0 && word.rest) {
		rc = word_next(&word, text, why);
		if (rc == 0)
			rc = take_word(word.text, name, &option, why);
	}
	if (rc < 0)
		return rc;
	if (option.read_only && option.overlay)
		return fail_set(why, EINVAL,
				"--disk '%s': ro and overlay exclude each other: an overlay is "
				"there to be written",
				option.file);
	option.is_each_guests = option.read_only || option.overlay || is_named;
	*ret_option = option;
	return 0;
}

static void text_print(const char *text, FILE *to)
{
	for (; *text; text++)
		fprintf(to, *text == ',' ? ",%c" : "%c", *text);
}

/* What is not absolute begins at the directory; an address of a server is no path. */
static void path_print(const char *path, const char *directory, FILE *to)
{
	if (*path && *path != '/' && !strstr(path, "://"))
		text_print(directory, to);
	text_print(path, to);
}

static void word_print(const char *word, bool is_file, const char *directory, FILE *to)
{
	static const char overlay[] = "overlay=";
	size_t length = sizeof(overlay) - 1;

	if (is_file) {
		path_print(word, directory, to);
	} else if (strncmp(word, overlay, length) == 0) {
		fputs(",overlay=", to);
		path_print(word + length, directory, to);
	} else {
		fputc(',', to);
		text_print(word, to);
	}
}

int disk_option_resolve(const char *text, const char *directory, char **ret_text)
{
	struct word word = { .rest = text };
	bool is_file = true;
	struct fail why;
	size_t size;
	FILE *to = open_memstream(ret_text, &size);
	int rc = to ? 0 : -ENOMEM;

	for (; rc == 0 && word.rest; is_file = false) {
		rc = word_next(&word, text, &why);
		if (rc == 0)
			word_print(word.text, is_file, directory, to);
	}
	if (to && fclose(to) != 0 && rc == 0)
		rc = -ENOMEM;
	if (rc < 0 && to) {
		free(*ret_text);
		*ret_text = NULL;
	}
	return rc;
}

struct disk_config disk_option_config(const struct disk_option *option)
{
	return (struct disk_config){
		.file = option->file,
		.read_only = option->read_only,
		.overlay = option->overlay,
		.overlay_dir = option->overlay_dir[0] ? option->overlay_dir : NULL,
		.raw = option->raw,
	};
}
