/* SPDX-License-Identifier: Apache-2.0 */
/* sample_report.h - a report with something of everything, and names that mean harm */
#ifndef TESTS_UNIT_SAMPLE_REPORT_H
#define TESTS_UNIT_SAMPLE_REPORT_H

#include <string.h>

#include "cli/report.h"

#define HOSTILE_NAME   "</script><!--\"\\<b>"
#define HOSTILE_DOMAIN "a\"b\\c&'d"

/* The caller frees it. */
static inline struct report *sample_report(void)
{
	struct control_report guests[] = {
		{ .name = "web-1",
		  .domain = "shop",
		  .pid = 11,
		  .state = CONTROL_STATE_RUNNING,
		  .cpus = 2,
		  .uptime_ns = 1500000000,
		  .ram_bytes = UINT64_C(64) << 20,
		  .zero_bytes = 40960,
		  .merges_total = 17,
		  .dedup_cpu_ns = 123456789,
		  .guest_stats = { .age_ns = 500000000, .known = 1 << 4, .values = { [4] = 4096 } },
		  .network_count = 2,
		  .networks = { { .bytes_in = 7 }, { .frames_out = 8 } },
		  .disk_count = 1,
		  .disks = { { .written_bytes = 8192 } } },
		{ .name = HOSTILE_NAME,
		  .domain = HOSTILE_DOMAIN,
		  .pid = 12,
		  .state = CONTROL_STATE_CRASHED,
		  .ram_bytes = UINT64_C(1) << 40 },
	};
	struct report *report;
	struct fail why;

	if (report_build(guests, ARRAY_SIZE(guests), NULL, 0, &report, &why) < 0)
		abort();
	report->silent_guests = 3;
	return report;
}

#endif
