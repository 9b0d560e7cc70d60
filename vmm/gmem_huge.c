/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_huge.c - huge pages below guest memory, for as long as they are wanted
 *
 * Nothing here fails: a host without huge pages, or without any to spare, gives small
 * ones, and the guest is none the wiser.
 */
#include "vmm/gmem_huge.h"

#include <sys/mman.h>

#include "base/log.h"
#include "base/proc.h"
#include "vmm/gmem.h"

void gmem_huge_init(struct gmem_huge *huge, unsigned char *base, uint64_t bytes)
{
	*huge = (struct gmem_huge){ .base = base, .bytes = bytes };
	/* a kernel without huge pages is no reason to fail */
	(void)madvise(base, bytes, MADV_NOHUGEPAGE);
}

void gmem_set_hugepages(struct gmem *gmem, enum gmem_hugepages hugepages)
{
	gmem_huge(gmem)->hugepages = hugepages;
}

enum gmem_hugepages gmem_hugepages(struct gmem *gmem)
{
	return gmem_huge(gmem)->hugepages;
}

bool gmem_huge_is_on(const struct gmem_huge *huge)
{
	return huge && atomic_load(&huge->is_on);
}

/*
 * For its boot a guest gets huge pages only where the host could give it all of its RAM
 * at once: else what it does not even ask for would push out what others use. What it has
 * of an earlier boot is about to be given back, and it can have as much again.
 */
static bool host_has_room(const struct gmem_huge *huge)
{
	uint64_t has = proc_anonymous_bytes();

	return huge->hugepages == GMEM_HUGEPAGES_THP || has >= huge->bytes ||
	       proc_memory_available_bytes() >= huge->bytes - has;
}

void gmem_huge_begin(struct gmem *gmem)
{
	struct gmem_huge *huge = gmem_huge(gmem);

	if (huge->hugepages == GMEM_HUGEPAGES_OFF || gmem_huge_is_on(huge) || !host_has_room(huge))
		return;
	if (madvise(huge->base, huge->bytes, MADV_HUGEPAGE) == 0)
		atomic_store(&huge->is_on, true);
	else
		log_debug("no huge pages: %m");
}

void gmem_huge_end(struct gmem *gmem)
{
	struct gmem_huge *huge = gmem_huge(gmem);

	if (huge->hugepages == GMEM_HUGEPAGES_AUTO && atomic_exchange(&huge->is_on, false))
		(void)madvise(huge->base, huge->bytes, MADV_NOHUGEPAGE);
}

bool gmem_huge_is_used(struct gmem *gmem)
{
	const struct gmem_huge *huge = gmem_huge(gmem);

	if (huge->hugepages == GMEM_HUGEPAGES_THP)
		return gmem_huge_is_on(huge);
	return huge->hugepages != GMEM_HUGEPAGES_OFF && proc_huge_bytes() > 0;
}

void gmem_huge_advise(const struct gmem_huge *huge, void *address, uint64_t bytes)
{
	(void)madvise(address, bytes, gmem_huge_is_on(huge) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}
