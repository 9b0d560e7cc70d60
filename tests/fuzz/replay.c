/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - feeds a corpus to a fuzz target, where libFuzzer is not there to do it
 *
 * Each file as it is, each of its beginnings, and each with single bytes changed. The
 * arguments are files; without any, all of the target's corpus in the source tree.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define FILE_MAX 65536u

static unsigned int files;

/* In memory of exactly this size, so that a sanitizer sees one byte too many. */
static void feed(const uint8_t *bytes, size_t length)
{
	uint8_t *exact = malloc(length + (length == 0));

	if (!exact)
		abort();
	memcpy(exact, bytes, length);
	LLVMFuzzerTestOneInput(exact, length);
	free(exact);
}

static void feed_variations(uint8_t *bytes, size_t length)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff };
	/* long messages repeat themselves: their first part and every so many bytes do */
	size_t step = length > 512 ? 61 : 1;

	feed(bytes, length);
	for (size_t i = 0; i < length; i += i < 256 ? 1 : step) {
		feed(bytes, i);
		for (size_t j = 0; j < sizeof(changes); j++) {
			bytes[i] ^= changes[j];
			feed(bytes, length);
			bytes[i] ^= changes[j];
		}
	}
}

static int feed_file(const char *path)
{
	static uint8_t bytes[FILE_MAX];
	FILE *file = fopen(path, "re");
	size_t length;

	if (!file) {
		perror(path);
		return EXIT_FAILURE;
	}
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	feed_variations(bytes, length);
	files++;
	return EXIT_SUCCESS;
}

static int feed_corpus(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	int rc = EXIT_SUCCESS;

	if (!directory) {
		perror(path);
		return EXIT_FAILURE;
	}
	while (rc == EXIT_SUCCESS && (entry = readdir(directory))) {
		char file[4096 + 256];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		rc = feed_file(file);
	}
	closedir(directory);
	return rc;
}

int main(int count, char **arguments)
{
	const char *source = getenv("top_srcdir");
	char path[4096];
	int rc = EXIT_SUCCESS;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", source ? source : ".", CORPUS);
	if (count == 1)
		rc = feed_corpus(path);
	for (int i = 1; rc == EXIT_SUCCESS && i < count; i++)
		rc = feed_file(arguments[i]);
	printf("%u files\n", files);
	return files == 0 ? EXIT_FAILURE : rc;
}
