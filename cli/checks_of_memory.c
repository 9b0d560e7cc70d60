/* SPDX-License-Identifier: Apache-2.0 */
/* checks_of_memory.c - how the kernel treats guests' memory */
#include <inttypes.h>
#include <string.h>

#include "cli/checkup.h"

#define MIB		 (UINT64_C(1) << 20)
#define GUEST_MIB	 256 /* a guest's memory where nothing is said */
#define MAPPINGS	 "/proc/sys/vm/max_map_count"
#define MAPPINGS_DEFAULT 65530u	  /* the kernel's */
#define MAPPINGS_ADVISED 1048576u /* one for each page of 4 GiB */
#define KSM		 "/sys/kernel/mm/ksm"
#define HUGE_PAGES	 "/sys/kernel/mm/transparent_hugepage/enabled"

/* ---------------------------------------------------------------- mappings */

/* The guest that has most mappings; NULL: none runs. */
static const struct control_report *greediest_guest(const struct host *host)
{
	const struct control_report *most = NULL;

	for (size_t i = 0; i < host->guest_count; i++)
		if (!most || host->guests[i].mappings > most->mappings)
			most = &host->guests[i];
	return most;
}

static const struct control_report *guest_in_need(const struct host *host)
{
	for (size_t i = 0; i < host->guest_count; i++)
		if (host->guests[i].declined_bytes > 0)
			return &host->guests[i];
	return NULL;
}

/* Each stretch of shared pages is a mapping, so that in the worst case each page is. */
static void look_at_mappings(const struct host *host, struct finding *finding)
{
	const struct control_report *guest = guest_in_need(host);
	const struct control_report *most = greediest_guest(host);
	uint64_t limit = 0, advised;

	if (!host_number(host, MAPPINGS, &limit)) {
		finding_set(finding, VERDICT_WARN, "%s can't be read", MAPPINGS);
		return;
	}
	if (guest)
		finding_set(finding, VERDICT_WARN,
			    "guest '%s' leaves %" PRIu64 " MiB unshared: it may have no more than "
			    "%" PRIu64 " mappings",
			    guest->name, guest->declined_bytes / MIB, limit);
	else if (most && most->mappings > limit / 2)
		finding_set(finding, VERDICT_WARN,
			    "guest '%s' has %" PRIu64 " of %" PRIu64 " mappings that it may have",
			    most->name, most->mappings, limit);
	else if (!most && limit <= MAPPINGS_DEFAULT)
		finding_set(finding, VERDICT_WARN,
			    "vm.max_map_count is %" PRIu64 ": a guest of more than %" PRIu64
			    " MiB may be unable to share all that it could",
			    limit, limit * 4096 / MIB);
	else {
		finding_set(finding, VERDICT_OK,
			    "vm.max_map_count is %" PRIu64 "; no guest has more than %" PRIu64,
			    limit, most ? most->mappings : 0);
		return;
	}
	advised = limit >= MAPPINGS_ADVISED ? 2 * limit : MAPPINGS_ADVISED;
	finding_mend(finding, "sysctl -w vm.max_map_count=%" PRIu64, advised);
}

/* -------------------------------------------------------------------- KSM */

/* Whether the kernel's own merging looks at this process. */
static bool ksm_sees(const struct host *host, uint32_t pid)
{
	char path[64], text[512];
	uint64_t pages;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/ksm_merging_pages", pid);
	if (host_number(host, path, &pages) && pages > 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/ksm_stat", pid);
	return host_text(host, path, text, sizeof(text)) && strstr(text, "ksm_merge_any: yes");
}

static void look_at_ksm(const struct host *host, struct finding *finding)
{
	uint64_t run = 0, pages = 0;
	size_t seen = 0;

	if (!host_number(host, KSM "/run", &run) || run != 1) {
		finding_set(finding, VERDICT_OK, "KSM is off");
		return;
	}
	if (!host_number(host, KSM "/pages_sharing", &pages))
		pages = 0;
	for (size_t i = 0; i < host->guest_count; i++)
		seen += ksm_sees(host, host->guests[i].pid);
	if (seen > 0)
		finding_set(finding, VERDICT_WARN,
			    "KSM looks at the memory of %zu guests: it slows sharing down, and "
			    "finds nothing that samepage does not",
			    seen);
	else
		finding_set(finding, VERDICT_WARN,
			    "KSM runs, for others than samepage's guests, and has merged %" PRIu64
			    " pages: it takes time of the processors",
			    pages);
	finding_mend(finding, "echo 2 > " KSM "/run");
}

/* -------------------------------------------------------------- huge pages */

static void look_at_huge_pages(const struct host *host, struct finding *finding)
{
	char text[64], *chosen;

	if (!host_text(host, HUGE_PAGES, text, sizeof(text)) || !(chosen = strchr(text, '['))) {
		finding_set(finding, VERDICT_OK, "this kernel has no transparent huge pages");
		return;
	}
	chosen++;
	chosen[strcspn(chosen, "]")] = '\0';
	if (strcmp(chosen, "never") != 0) {
		finding_set(finding, VERDICT_OK,
			    "transparent huge pages: %s; --hugepages decides for each guest",
			    chosen);
		return;
	}
	finding_set(finding, VERDICT_WARN,
		    "transparent huge pages are off: --hugepages has no effect, and guests boot "
		    "more slowly");
	finding_mend(finding, "echo madvise > " HUGE_PAGES);
}

/* -------------------------------------------------------------- overcommit */

/* With 2, all of a guest's memory counts when it is started, whatever is shared later. */
static void look_at_overcommit(const struct host *host, struct finding *finding)
{
	uint64_t mode = 0, limit_kib = 0, used_kib = 0, left_mib;

	if (!host_number(host, "/proc/sys/vm/overcommit_memory", &mode) || mode != 2) {
		finding_set(finding, VERDICT_OK, "vm.overcommit_memory is %" PRIu64, mode);
		return;
	}
	if (!host_figure(host, "/proc/meminfo", "CommitLimit", &limit_kib) ||
	    !host_figure(host, "/proc/meminfo", "Committed_AS", &used_kib))
		limit_kib = used_kib = 0;
	left_mib = limit_kib > used_kib ? (limit_kib - used_kib) / 1024 : 0;
	finding_set(finding, left_mib < GUEST_MIB ? VERDICT_BAD : VERDICT_WARN,
		    "vm.overcommit_memory is 2: guests may have %" PRIu64
		    " MiB more in all, as if nothing was shared",
		    left_mib);
	finding_mend(finding, "sysctl -w vm.overcommit_memory=0");
}

/* ----------------------------------------------------------- memory cgroup */

/* One level of this process's cgroup and those above it. */
struct level {
	const char *mount; /* where its hierarchy is */
	const char *limit, *usage;
	char path[PATH_MAX - 128];
};

/* The line of /proc/self/cgroup that says where memory is accounted. */
static bool level_find(const struct host *host, struct level *ret_level)
{
	static const struct {
		const char *key;
		struct level level;
	} hierarchies[] = {
		{ ":memory:",
		  { "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
		    "" } },
		{ "0::", { "/sys/fs/cgroup", "memory.max", "memory.current", "" } },
	};
	char text[4096];

	if (!host_text(host, "/proc/self/cgroup", text, sizeof(text)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		const char *line = strstr(text, hierarchies[i].key);

		if (!line)
			continue;
		line += strlen(hierarchies[i].key);
		*ret_level = hierarchies[i].level;
		snprintf(ret_level->path, sizeof(ret_level->path), "%.*s", (int)strcspn(line, "\n"),
			 line);
		return true;
	}
	return false;
}

static bool level_number(const struct host *host, const struct level *level, const char *file,
			 uint64_t *ret_bytes)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s/%s", level->mount,
		 strcmp(level->path, "/") == 0 ? "" : level->path, file);
	return host_number(host, path, ret_bytes);
}

/* Towards the root; false: this was the root. */
static bool level_up(struct level *level)
{
	char *slash = strrchr(level->path, '/');

	if (!slash || level->path[1] == '\0')
		return false;
	slash[slash == level->path] = '\0';
	return true;
}

/* Version 1 says "no limit" by a number that no machine reaches; version 2 by a word. */
static void look_at_memory_cgroup(const struct host *host, struct finding *finding)
{
	const uint64_t no_limit = UINT64_C(1) << 60;
	uint64_t limit, least = UINT64_MAX, usage = 0;
	struct level level, tightest = { 0 };
	bool goes_on = level_find(host, &level);

	for (; goes_on; goes_on = level_up(&level)) {
		if (!level_number(host, &level, level.limit, &limit) || limit >= no_limit ||
		    limit >= least)
			continue;
		least = limit;
		tightest = level;
	}
	if (least == UINT64_MAX) {
		finding_set(finding, VERDICT_OK, "no memory cgroup sets a limit");
		return;
	}
	if (!level_number(host, &tightest, tightest.usage, &usage))
		usage = 0;
	finding_set(finding, VERDICT_WARN,
		    "cgroup %.128s allows %" PRIu64 " MiB, of which %" PRIu64
		    " are in use: guests that are started here get no more in all",
		    tightest.path, least / MIB, usage / MIB);
	finding_mend(finding, "echo %s > %s%.128s/%s", strstr(tightest.limit, "max") ? "max" : "-1",
		     tightest.mount, strcmp(tightest.path, "/") == 0 ? "" : tightest.path,
		     tightest.limit);
}

const struct check checks_of_memory[] = {
	{ "mappings", look_at_mappings },	    { "ksm", look_at_ksm },
	{ "huge-pages", look_at_huge_pages },	    { "overcommit", look_at_overcommit },
	{ "memory-cgroup", look_at_memory_cgroup }, { 0 },
};
