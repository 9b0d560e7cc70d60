/* SPDX-License-Identifier: Apache-2.0 */
/* uffd.c - userfaultfd in write-protect mode: makes writers wait */
#include "vmm/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

/* Newer than the headers of Debian 12; values from the kernel's uapi. */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

#define RELEASE_TRIES 1000 /* ten seconds */

#define FEATURES_NEEDED (UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM)

/* The device first: a file permission is the gentler way to allow it. */
static int descriptor_open(void)
{
	int flags = O_CLOEXEC | O_NONBLOCK, device, fd;

	device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (device >= 0) {
		fd = ioctl(device, USERFAULTFD_IOC_NEW, flags);
		close(device);
		if (fd >= 0)
			return fd;
	}
	fd = (int)syscall(SYS_userfaultfd, flags);
	return fd < 0 ? -errno : fd;
}

/* What the kernel offers; a descriptor can be asked only once. */
static int features_offered(uint64_t *ret_features)
{
	struct uffdio_api api = { .api = UFFD_API };
	AUTO_CLOSE int fd = descriptor_open();

	if (fd < 0)
		return fd;
	if (ioctl(fd, UFFDIO_API, &api) < 0)
		return -errno;
	*ret_features = api.features;
	return 0;
}

int uffd_open(bool plain, struct uffd *ret_uffd, struct fail *why)
{
	struct uffdio_api api = { .api = UFFD_API };
	AUTO_CLOSE int fd = -1;
	uint64_t offered = 0;
	int rc = features_offered(&offered);

	if (rc == -EPERM || rc == -EACCES)
		return fail_set(why, -rc,
				"userfaultfd is not permitted: give this user access to "
				"/dev/userfaultfd, or run with --dedup=off");
	if (rc == -ENOSYS || (rc == 0 && (offered & FEATURES_NEEDED) != FEATURES_NEEDED))
		return fail_set(why, ENOTSUP,
				"this kernel's userfaultfd cannot write-protect: sharing needs "
				"Linux 6.1 or newer; run with --dedup=off");
	if (rc < 0)
		return fail_errno(why, -rc, "cannot use userfaultfd");
	fd = descriptor_open();
	api.features = offered & (FEATURES_NEEDED | (plain ? 0 : UFFD_FEATURE_WP_UNPOPULATED));
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
		return fail_errno(why, errno, "cannot use userfaultfd");
	ret_uffd->protects_unpopulated = (api.features & UFFD_FEATURE_WP_UNPOPULATED) && !plain;
	ret_uffd->fd = TAKE_FD(fd);
	return 0;
}

void uffd_close(struct uffd *uffd)
{
	if (uffd->fd >= 0)
		close(uffd->fd);
	uffd->fd = -1;
}

static struct uffdio_range range_of(void *address, size_t length)
{
	return (struct uffdio_range){ .start = (uintptr_t)address, .len = length };
}

int uffd_register(const struct uffd *uffd, void *address, size_t length)
{
	struct uffdio_register request = {
		.range = range_of(address, length),
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	return ioctl(uffd->fd, UFFDIO_REGISTER, &request) < 0 ? -errno : 0;
}

void uffd_unregister(const struct uffd *uffd, void *address, size_t length)
{
	struct uffdio_range range = range_of(address, length);

	ioctl(uffd->fd, UFFDIO_UNREGISTER, &range);
}

static int set_protection(const struct uffd *uffd, void *address, size_t length, uint64_t mode)
{
	struct uffdio_writeprotect request = {
		.range = range_of(address, length),
		.mode = mode,
	};
	int rc;

	do { /* EAGAIN: the address space is changing under the call */
		rc = ioctl(uffd->fd, UFFDIO_WRITEPROTECT, &request);
	} while (rc < 0 && (errno == EAGAIN || errno == EINTR));
	return rc < 0 ? -errno : 0;
}

/*
 * A writer who is not let go sleeps for ever. So what lets it go is not given up because
 * the kernel is short of memory for a moment.
 */
static bool is_worth_a_try(int error, int tries)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

	if (tries >= RELEASE_TRIES || (error != EAGAIN && error != EINTR && error != ENOMEM))
		return false;
	if (tries > 0)
		nanosleep(&moment, NULL);
	return true;
}

int uffd_protect(const struct uffd *uffd, void *address, size_t length)
{
	int rc = set_protection(uffd, address, length, UFFDIO_WRITEPROTECT_MODE_WP);

	/* whatever part was protected must not keep anybody waiting */
	if (rc < 0)
		uffd_unprotect(uffd, address, length);
	return rc;
}

void uffd_unprotect(const struct uffd *uffd, void *address, size_t length)
{
	int rc, tries = 0;

	do {
		rc = set_protection(uffd, address, length, 0);
	} while (rc < 0 && is_worth_a_try(-rc, tries++));
	if (rc < 0)
		uffd_wake(uffd, address, length);
}

void uffd_wake(const struct uffd *uffd, void *address, size_t length)
{
	struct uffdio_range range = range_of(address, length);
	int tries = 0;

	while (ioctl(uffd->fd, UFFDIO_WAKE, &range) < 0 && is_worth_a_try(errno, tries++))
		;
}
