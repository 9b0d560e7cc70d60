/* SPDX-License-Identifier: Apache-2.0 */
/* guest_census.c - what a guest's process tells of single pages, and their bytes */
#include "cli/guest_census.h"

#include <errno.h>
#include <sys/uio.h>

#include "wire/control.h"

static int parts_write(int fd, const struct iovec *parts, int count, off_t offset, struct fail *why)
{
	size_t length = 0;
	ssize_t n;

	for (int i = 0; i < count; i++)
		length += parts[i].iov_len;
	n = pwritev(fd, parts, count, offset);
	if (n < 0)
		return fail_errno(why, errno, "cannot write what was asked for");
	if ((size_t)n < length)
		return fail_set(why, ENOSPC, "cannot write all that was asked for");
	return 0;
}

int guest_census_write(struct machine *machine, struct gmem_share *share, int fd, struct fail *why)
{
	struct control_census head = { .pages =
					       gmem_bytes(machine_gmem(machine)) / GMEM_PAGE_SIZE };
	AUTO_FREE uint32_t *entries = NULL;
	struct iovec parts[2];
	int rc;

	if (!share)
		return fail_set(why, ENOTSUP,
				"guest '%s' does not share its memory (--dedup off): there is "
				"nothing to explain",
				machine_name(machine));
	entries = calloc(head.pages, sizeof(*entries));
	rc = entries ? gmem_share_census(share, entries, &head.store) : -ENOMEM;
	if (rc < 0)
		return fail_errno(why, -rc, "guest '%s' cannot tell what its pages are",
				  machine_name(machine));
	parts[0] = (struct iovec){ &head, sizeof(head) };
	parts[1] = (struct iovec){ entries, head.pages * sizeof(*entries) };
	return parts_write(fd, parts, ARRAY_SIZE(parts), 0, why);
}

int guest_pages_write(struct machine *machine, uint64_t count, int fd, struct fail *why)
{
	struct gmem *gmem = machine_gmem(machine);
	struct iovec parts[CONTROL_PAGES_MAX];
	uint32_t numbers[CONTROL_PAGES_MAX];
	size_t bytes = count * sizeof(numbers[0]);

	if (count == 0 || count > CONTROL_PAGES_MAX)
		return fail_set(why, EINVAL, "so many pages cannot be read at once");
	if (pread(fd, numbers, bytes, 0) != (ssize_t)bytes)
		return fail_set(why, EINVAL, "the numbers of pages are missing");
	for (uint64_t i = 0; i < count; i++) {
		uint64_t offset = numbers[i] * GMEM_PAGE_SIZE;

		if (offset >= gmem_bytes(gmem))
			return fail_set(why, EINVAL, "guest '%s' has no page %u",
					machine_name(machine), numbers[i]);
		parts[i] = (struct iovec){ (char *)gmem_base(gmem) + offset, GMEM_PAGE_SIZE };
	}
	return parts_write(fd, parts, (int)count, (off_t)bytes, why);
}
