/* SPDX-License-Identifier: Apache-2.0 */
/* guest_report.c - a guest's figures, gathered in its own process */
#include "cli/guest_report.h"

#include <stdio.h>
#include <string.h>

#include "base/proc.h"
#include "devices/virtio_balloon.h"
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
	report->returned_bytes = figures.returned_bytes;
	report->breaks_total = figures.breaks_total;
	report->merges_total = figures.merges_total;
	report->mappings = figures.mappings;
	report->mappings_limit = figures.mappings_limit;
	report->declined_bytes = figures.declined_bytes;
	report->old_store_bytes = figures.old_store_bytes;
	report->dedup_cpu_ns = figures.cpu_ns;
	report->passes = figures.passes;
	report->writes_tracked = figures.tracks_writes;
	report->overhead_bytes = figures.overhead_bytes;
}

_Static_assert(CONTROL_GUEST_STATS == BALLOON_STATS, "a name for each figure");

static void fill_balloon(struct virtio_balloon *balloon, struct control_report *report)
{
	struct control_guest_stats *stats = &report->guest_stats;
	struct virtio_balloon_report figures;

	virtio_balloon_report(balloon, &figures);
	report->balloon_target_bytes = figures.has_driver ? figures.target_bytes : 0;
	report->ballooned_bytes = figures.ballooned_bytes;
	report->reported_bytes = figures.reported_bytes;
	stats->age_ns = figures.stats_age_ns;
	stats->known = figures.stats.known;
	memcpy(stats->values, figures.stats.values, sizeof(stats->values));
}

_Static_assert(CONTROL_MAX_NETWORKS >= BOARD_MAX_NETS, "room for each card");

static void fill_networks(struct machine *machine, struct control_report *report)
{
	struct net *net;

	for (uint32_t i = 0; (net = machine_net(machine, i)); i++) {
		struct net_flow flows[NET_WAYS];

		net_count(net, flows);
		report->networks[i] = (struct control_network){
			.frames_in = flows[NET_IN].frames,
			.bytes_in = flows[NET_IN].bytes,
			.dropped_in = flows[NET_IN].lost,
			.frames_out = flows[NET_OUT].frames,
			.bytes_out = flows[NET_OUT].bytes,
			.dropped_out = flows[NET_OUT].lost,
		};
		report->network_count = i + 1;
	}
}

_Static_assert(CONTROL_MAX_DISKS >= BOARD_MAX_DISKS, "room for each disk");

static void fill_disks(struct machine *machine, struct control_report *report)
{
	struct disk *disk;

	for (uint32_t i = 0; (disk = machine_disk(machine, i)); i++) {
		struct disk_counters count;

		disk_count(disk, &count);
		report->disks[i] = (struct control_disk){
			.reads = count.requests[DISK_READ],
			.read_bytes = count.bytes[DISK_READ],
			.writes = count.requests[DISK_WRITE],
			.written_bytes = count.bytes[DISK_WRITE],
			.flushes = count.requests[DISK_FLUSH],
			.clears = count.requests[DISK_DISCARD] + count.requests[DISK_WRITE_ZEROES],
			.cleared_bytes = count.bytes[DISK_DISCARD] + count.bytes[DISK_WRITE_ZEROES],
			.errors = count.errors,
		};
		report->disk_count = i + 1;
	}
}

void guest_report_fill(struct machine *machine, struct gmem_share *share,
		       struct control_report *report)
{
	*report = (struct control_report){ .pid = (uint32_t)getpid() };
	snprintf(report->name, sizeof(report->name), "%s", machine_name(machine));
	report->state = state_of(machine);
	report->ram_bytes = gmem_bytes(machine_gmem(machine));
	proc_memory(&report->pss_bytes, &report->huge_bytes);
	fill_networks(machine, report);
	fill_disks(machine, report);
	if (board_balloon(machine_board(machine)))
		fill_balloon(board_balloon(machine_board(machine)), report);
	if (share) {
		fill_shared(share, report);
		return;
	}
	report->populated_bytes = populated_bytes(machine_gmem(machine));
	report->mappings = mapping_count();
	report->mappings_limit = proc_mappings_limit();
}
