/* SPDX-License-Identifier: Apache-2.0 */
/* fleet_open.c - the file that defines a guest: reading it, or finding it in a directory */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cli/fleet_file.h"

static const char SUFFIX[] = ".conf";

/* At most one byte more than is allowed, so that the caller sees a file that is too long. */
static int bytes_read(int fd, char *bytes, size_t *ret_length)
{
	size_t length = 0;

	while (length <= FLEET_FILE_MAX_BYTES) {
		ssize_t n = read(fd, bytes + length, FLEET_FILE_MAX_BYTES + 1 - length);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		length += n > 0 ? (size_t)n : 0;
	}
	*ret_length = length;
	return 0;
}

static int file_read(const char *path, int fd, const struct fleet_override *override,
		     struct fleet_file **ret_file, struct fail *why)
{
	AUTO_FREE char *bytes = malloc(FLEET_FILE_MAX_BYTES + 1);
	AUTO_FREE char *absolute = realpath(path, NULL);
	size_t length = 0;
	int rc = !bytes ? -ENOMEM : !absolute ? -errno : bytes_read(fd, bytes, &length);

	if (rc < 0)
		return fail_errno(why, -rc, "cannot read '%s'", path);
	if (length > FLEET_FILE_MAX_BYTES)
		return fail_set(why, EFBIG, "'%s' is longer than %u KiB: it defines no guests",
				path, FLEET_FILE_MAX_BYTES >> 10);
	return fleet_file_parse(path, absolute, bytes, length, override, ret_file, why);
}

/* guest: NULL, or the only one that is wanted. Opened without waiting: it may be a pipe. */
static int file_open(const char *path, const char *guest, const struct fleet_override *override,
		     struct fleet_file **ret_file, struct fail *why)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct fleet_file *file;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(why, errno, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return fail_set(why, EINVAL, "'%s' is not a file", path);
	rc = file_read(path, fd, override, &file, why);
	if (rc < 0)
		return rc;
	rc = guest ? fleet_file_narrow(file, &guest, 1, why) : 0;
	if (rc < 0)
		fleet_file_free(file);
	else
		*ret_file = file;
	return rc;
}

static int is_config(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), suffix = sizeof(SUFFIX) - 1;

	return entry->d_name[0] != '.' && length > suffix &&
	       strcmp(entry->d_name + length - suffix, SUFFIX) == 0;
}

/*
 * One more file of the directory. A file that is wrong keeps no guest of another one
 * from its start; a guest that two files define keeps itself from it.
 */
static int directory_try(const char *path, const char *guest, const struct fleet_override *override,
			 struct fleet_file **found, struct fail *why)
{
	struct fleet_file *file;
	struct fail sentence;
	int rc = file_open(path, guest, override, &file, &sentence);

	if (rc < 0) {
		if (rc != -ENOENT)
			log_warn("%s", sentence.text);
		return 0;
	}
	if (*found) {
		rc = fail_set(why, EEXIST, "guest '%s' is in %s and in %s: take it out of one",
			      guest, (*found)->path, path);
		fleet_file_free(file);
		return rc;
	}
	*found = file;
	return 0;
}

static int directory_find(const char *directory, const char *guest,
			  const struct fleet_override *override, struct fleet_file **ret_file,
			  struct fail *why)
{
	struct fleet_file *found = NULL;
	struct dirent **entries;
	int rc = 0, count = scandir(directory, &entries, is_config, alphasort);

	if (count < 0)
		return fail_errno(why, errno, "cannot read the directory '%s'", directory);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);

		if (rc == 0 && n > 0 && (size_t)n < sizeof(path))
			rc = directory_try(path, guest, override, &found, why);
		free(entries[i]);
	}
	free(entries);
	if (rc == 0 && !found)
		rc = fail_set(why, ENOENT, "no file %s/*%s has a guest '%s'", directory, SUFFIX,
			      guest);
	if (rc < 0)
		fleet_file_free(found);
	else
		*ret_file = found;
	return rc;
}

int fleet_file_open(const char *path, const char *guest, const struct fleet_override *override,
		    struct fleet_file **ret_file, struct fail *why)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return file_open(path, guest, override, ret_file, why);
	if (!guest)
		return fail_set(why, EISDIR,
				"'%s' is a directory: name one of its files, or with --guest a "
				"guest that is in one",
				path);
	return directory_find(path, guest, override, ret_file, why);
}

struct fleet_file *fleet_file_of_call(const struct call *call)
{
	const struct fleet_override override = { .detach = true };
	struct fleet_file *file = NULL;
	struct fail why;
	int rc = fleet_file_open(call->operands[0], NULL, &override, &file, &why);

	if (rc == 0 && call->operand_count > 1)
		rc = fleet_file_narrow(file, (const char *const *)call->operands + 1,
				       (size_t)call->operand_count - 1, &why);
	if (rc == 0)
		return file;
	fprintf(stderr, "samepage: %s\n", why.text);
	fleet_file_free(file);
	return NULL;
}
