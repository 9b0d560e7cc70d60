/* SPDX-License-Identifier: Apache-2.0 */
/* guest_report.c - a guest's figures, gathered in its own process */
#include "cli/guest_report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

/* The number behind "Pss:" in smaps_rollup, which is in KiB. */
static uint64_t pss_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	uint64_t kib = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pss: %" SCNu64 " kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib * 1024;
}

static uint64_t mapping_count(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	uint64_t count = 0;
	int c;

	while (file && (c = getc_unlocked(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

static uint64_t mapping_limit(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	uint64_t limit = 0;

	if (file && fscanf(file, "%" SCNu64, &limit) != 1)
		limit = 0;
	if (file)
		fclose(file);
	return limit;
}

/* For a guest that does not share: all its populated pages are its own. */
static uint64_t populated_bytes(struct gmem *gmem)
{
	uint64_t pages = gmem_bytes(gmem) / GMEM_PAGE_SIZE, count = 0, entries[512];
	off_t first = (off_t)((uintptr_t)gmem_base(gmem) / GMEM_PAGE_SIZE);
	AUTO_CLOSE int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	for (uint64_t page = 0; fd >= 0 && page < pages; page += ARRAY_SIZE(entries)) {
		uint64_t left = pages - page;
		size_t wanted = left < ARRAY_SIZE(entries) ? left : ARRAY_SIZE(entries);
		ssize_t n = pread(fd, entries, wanted * sizeof(entries[0]),
				  (first + (off_t)page) * (off_t)sizeof(entries[0]));

		for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(entries[0]); i++)
			count += (entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) != 0;
	}
	return count * GMEM_PAGE_SIZE;
}

static enum control_state state_of(struct machine *machine)
{
	enum vm_end end = vm_ended(machine_vm(machine));

	if (end == VM_END_PANIC || end == VM_END_TRIPLE_FAULT || end == VM_END_ERROR)
		return CONTROL_STATE_CRASHED;
	if (end != VM_END_NONE)
		return CONTROL_STATE_SHUTDOWN;
	return machine_is_paused(machine) ? CONTROL_STATE_PAUSED : CONTROL_STATE_RUNNING;
}

static void fill_shared(struct gmem_share *share, struct control_report *report)
{
	struct gmem_share_report figures;

	gmem_share_report(share, &figures);
	report->populated_bytes = figures.populated_bytes;
	report->shared_bytes = figures.shared_bytes;
	report->zero_bytes = figures.zero_bytes;
	report->breaks_total = figures.breaks_total;
	report->merges_total = figures.merges_total;
	report->mappings = figures.mappings;
	report->mappings_limit = figures.mappings_limit;
	report->dedup_cpu_ns = figures.cpu_ns;
	report->passes = figures.passes;
	report->overhead_bytes = figures.overhead_bytes;
}

void guest_report_fill(struct machine *machine, struct gmem_share *share,
		       struct control_report *report)
{
	*report = (struct control_report){ .pid = (uint32_t)getpid() };
	snprintf(report->name, sizeof(report->name), "%s", machine_name(machine));
	report->state = state_of(machine);
	report->ram_bytes = gmem_bytes(machine_gmem(machine));
	report->pss_bytes = pss_bytes();
	if (share) {
		fill_shared(share, report);
		return;
	}
	report->populated_bytes = populated_bytes(machine_gmem(machine));
	report->mappings = mapping_count();
	report->mappings_limit = mapping_limit();
}
