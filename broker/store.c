/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the memory of a domain's shared frames */
#include "broker/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/log.h"
#include "broker/store_file.h"
#include "dedup/digest.h"
#include "dedup/catalog.h"

static uint32_t host_frames(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);

	if (pages <= 0)
		pages = 1L << 20;
	return pages < (long)CATALOG_FRAME_MAX ? (uint32_t)pages : CATALOG_FRAME_MAX;
}

/* A second open file, without the right to write: dup() would keep it. */
static int reopen_read_only(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Where mounting is forbidden; the mode stops other users, and no one else. */
static int make_sealed(const char *name, struct store *store)
{
	store->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (store->fd >= 0)
		store->read_only_fd = reopen_read_only(store->fd);
	return store->read_only_fd >= 0 && fchmod(store->fd, 0400) == 0 ? 0 : -errno;
}

static int store_make(struct store *store, const char *name)
{
	int rc = store_file_create(name, &store->fd, &store->read_only_fd);

	store->is_guarded = rc == 0;
	if (rc < 0) {
		log_warn("the store can't be mounted (%s): processes of this user can open it "
			 "for writing",
			 strerror(-rc));
		rc = make_sealed(name, store);
	}
	if (rc == 0 && ftruncate(store->fd, (off_t)store->frames * PAGE_BYTES) < 0)
		rc = -errno;
	if (rc == 0 && !store->is_guarded &&
	    fcntl(store->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		rc = -errno;
	return rc;
}

int store_init(struct store *store, const char *domain, struct fail *why)
{
	char name[128];
	int rc;

	snprintf(name, sizeof(name), "samepage-store-%s", domain);
	*store = (struct store){ .fd = -1, .read_only_fd = -1, .frames = host_frames() };
	rc = store_make(store, name);
	if (rc < 0) {
		store_done(store);
		return fail_errno(why, -rc, "cannot make the store of domain %s", domain);
	}
	return 0;
}

void store_done(struct store *store)
{
	if (store->fd >= 0)
		close(store->fd);
	if (store->read_only_fd >= 0)
		close(store->read_only_fd);
	store->fd = store->read_only_fd = -1;
}

int store_write(struct store *store, uint32_t frame, const void *bytes)
{
	ssize_t n;

	if (frame >= store->frames) /* not every file's size is sealed */
		return -EFBIG;
	do {
		n = pwrite(store->fd, bytes, PAGE_BYTES, (off_t)frame * PAGE_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)PAGE_BYTES ? 0 : -ENOSPC;
}

void store_punch(struct store *store, uint32_t frame, uint32_t count)
{
	int rc;

	do {
		rc = fallocate(store->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       (off_t)frame * PAGE_BYTES, (off_t)count * PAGE_BYTES);
	} while (rc < 0 && errno == EINTR);
	/* a frame that can't be freed costs memory until it is written anew: say so */
	if (rc < 0)
		log_debug("cannot punch frame %u: errno %d", frame, errno);
}

uint64_t store_bytes(const struct store *store)
{
	struct stat st;

	return fstat(store->fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}
