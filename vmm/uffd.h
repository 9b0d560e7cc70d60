/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uffd.h - userfaultfd in write-protect mode: makes writers wait
 *
 * Linux 5.19 or newer (write protection of shared memory). Newer features are used
 * where the kernel has them. Kernel faults must be served too, since KVM's are:
 * that takes access to /dev/userfaultfd (6.1), or CAP_SYS_PTRACE, or the sysctl
 * vm.unprivileged_userfaultfd. Open it before privileges are dropped.
 *
 * Nobody reads the descriptor: whoever protects a range also wakes it.
 */
#ifndef VMM_UFFD_H
#define VMM_UFFD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"

struct uffd {
	int fd;
	/* WP_UNPOPULATED (6.4): protecting a page that is not there works as well */
	bool protects_unpopulated;
};

/* plain: do without what Linux 6.1 does not have. */
CHECKED int uffd_open(bool plain, struct uffd *ret_uffd, struct fail *why);
void uffd_close(struct uffd *uffd);

/* Ranges are page-aligned. Errors are -errno. */
CHECKED int uffd_register(const struct uffd *uffd, void *address, size_t length);
void uffd_unregister(const struct uffd *uffd, void *address, size_t length);

/* The range must be registered and lie in one mapping. */
CHECKED int uffd_protect(const struct uffd *uffd, void *address, size_t length);
/* Also wakes. */
void uffd_unprotect(const struct uffd *uffd, void *address, size_t length);
/* Works on whatever is mapped there by now. */
void uffd_wake(const struct uffd *uffd, void *address, size_t length);

#endif
