/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_census.h - what a guest's process tells of single pages, and their bytes
 *
 * For whoever may ask for a dump of all memory as well: the guest's own user. Both write
 * to a file that came with the request, and have the whole of it or an error. The loop's
 * thread; neither takes long, and the guest runs on.
 */
#ifndef CLI_GUEST_CENSUS_H
#define CLI_GUEST_CENSUS_H

#include "cli/machine.h"
#include "vmm/gmem_share.h"

/* CONTROL_CENSUS. share: NULL, and so -ENOTSUP, where the guest does not share. */
CHECKED int guest_census_write(struct machine *machine, struct gmem_share *share, int fd,
			       struct fail *why);

/* CONTROL_READ_PAGES. -EINVAL: too many, or a page that the guest does not have. */
CHECKED int guest_pages_write(struct machine *machine, uint64_t count, int fd, struct fail *why);

#endif
