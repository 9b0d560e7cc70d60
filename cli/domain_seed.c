/* SPDX-License-Identifier: Apache-2.0 */
/* domain_seed.c - a random number that guests of one domain have in common */
#include "cli/domain_seed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/rundir.h"
#include "base/siphash.h"

/* What is too short was not written to its end: its writer was killed, or there was no room. */
static bool key_read(const char *path, unsigned char key[SIPHASH_KEY_BYTES])
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && read(fd, key, SIPHASH_KEY_BYTES) == SIPHASH_KEY_BYTES;
}

static int key_make(const char *path, unsigned char key[SIPHASH_KEY_BYTES])
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0 || getrandom(key, SIPHASH_KEY_BYTES, 0) != SIPHASH_KEY_BYTES)
		return -errno;
	n = write(fd, key, SIPHASH_KEY_BYTES);
	if (n < 0)
		return -errno;
	return n == SIPHASH_KEY_BYTES ? 0 : -ENOSPC;
}

static int number_find(const char *domain, uint64_t *ret_number, struct fail *why)
{
	char base[RUNDIR_PATH_MAX], path[RUNDIR_PATH_MAX + sizeof("/seed")];
	unsigned char key[SIPHASH_KEY_BYTES];
	AUTO_CLOSE int lock = -1;
	int rc = rundir_base_path(base, why);

	if (rc == 0)
		rc = rundir_lock(RUNDIR_DOMAINS, true, &lock, why);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/seed", base);
	if (!key_read(path, key))
		rc = key_make(path, key);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot write '%s'", path);
	*ret_number = siphash(key, domain, strlen(domain));
	return 0;
}

int domain_seed_get(struct domain_seed *seed, uint64_t *ret_number, struct fail *why)
{
	if (!seed->is_known) {
		int rc = number_find(seed->domain, &seed->number, why);

		if (rc < 0)
			return rc;
		seed->is_known = true;
	}
	*ret_number = seed->number;
	return 0;
}
