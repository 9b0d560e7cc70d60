/* SPDX-License-Identifier: Apache-2.0 */
/* guest_report.c - a guest's figures, gathered in its own process */
#include "cli/guest_report.h"

#include <stdio.h>
#include <string.h>

#include "base/proc.h"
#include "vmm/pagemap.h"

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

/* For a guest that does not share: what its engine would count. */
static uint64_t populated_bytes(struct gmem *gmem)
{
	const unsigned char *base = gmem_base(gmem);
	uint64_t pages = gmem_bytes(gmem) / GMEM_PAGE_SIZE, count = 0;
	AUTO_CLOSE int fd = pagemap_open();
	uint8_t looks[512];

	for (uint64_t page = 0; fd >= 0 && page < pages; page += ARRAY_SIZE(looks)) {
		uint64_t left = pages - page;
		uint32_t n = left < ARRAY_SIZE(looks) ? (uint32_t)left : ARRAY_SIZE(looks);

		if (pagemap_look(fd, base + page * GMEM_PAGE_SIZE, n, looks) < 0)
			break;
		for (uint32_t i = 0; i < n; i++)
			count += looks[i] == LOOK_OWN || looks[i] == LOOK_SWAP;
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
	report->pss_bytes = proc_pss_bytes();
	if (share) {
		fill_shared(share, report);
		return;
	}
	report->populated_bytes = populated_bytes(machine_gmem(machine));
	report->mappings = mapping_count();
	report->mappings_limit = proc_mappings_limit();
}
