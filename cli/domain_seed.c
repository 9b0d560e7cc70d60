/* SPDX-License-Identifier: Apache-2.0 */
/* domain_seed.c - a random number that guests of one domain have in common */
#include "cli/domain_seed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/rundir.h"

#define SECRET_BYTES 192 /* what XXH3 mixes in at most */

/* What is too short was not written to its end: its writer was killed, or there was no room. */
static bool secret_read(const char *path, unsigned char secret[SECRET_BYTES])
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && read(fd, secret, SECRET_BYTES) == SECRET_BYTES;
}

static int secret_make(const char *path, unsigned char secret[SECRET_BYTES])
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0 || getrandom(secret, SECRET_BYTES, 0) != SECRET_BYTES)
		return -errno;
	n = write(fd, secret, SECRET_BYTES);
	if (n < 0)
		return -errno;
	return n == SECRET_BYTES ? 0 : -ENOSPC;
}

int domain_seed(const char *domain, uint64_t *ret_seed, struct fail *why)
{
	char base[RUNDIR_PATH_MAX], path[RUNDIR_PATH_MAX + sizeof("/seed")];
	unsigned char secret[SECRET_BYTES];
	AUTO_CLOSE int lock = -1;
	int rc = rundir_base_path(base, why);

	if (rc == 0)
		rc = rundir_lock(RUNDIR_DOMAINS, true, &lock, why);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/seed", base);
	if (!secret_read(path, secret))
		rc = secret_make(path, secret);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot write '%s'", path);
	*ret_seed = XXH3_64bits_withSecret(domain, strlen(domain), secret, sizeof(secret));
	return 0;
}
