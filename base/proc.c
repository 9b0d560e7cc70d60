/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c - what the kernel says of this process, in /proc */
#include "base/proc.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t proc_pss_bytes(void)
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

uint64_t proc_mappings_limit(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	uint64_t limit = 0;

	if (file && fscanf(file, "%" SCNu64, &limit) != 1)
		limit = 0;
	if (file)
		fclose(file);
	return limit;
}
