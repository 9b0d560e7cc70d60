/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c - what the kernel says of processes, in /proc */
#include "base/proc.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

/* A line "Key: number kB" of the kernel's. */
struct figure {
	const char *key;
	uint64_t *bytes;
};

static void line_take(const char *line, const struct figure *figures, size_t count)
{
	uint64_t kib;

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(figures[i].key);

		if (strncmp(line, figures[i].key, length) == 0 &&
		    sscanf(line + length, ": %" SCNu64 " kB", &kib) == 1)
			*figures[i].bytes = kib * 1024;
	}
}

/* What is not there stays as it is. */
static void figures_read(const char *path, const struct figure *figures, size_t count)
{
	FILE *file = fopen(path, "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		line_take(line, figures, count);
	if (file)
		fclose(file);
}

/* One reading for both: the kernel walks all of the memory for it. */
void proc_memory(uint64_t *ret_pss_bytes, uint64_t *ret_huge_bytes)
{
	const struct figure figures[] = {
		{ "Pss", ret_pss_bytes },
		{ "AnonHugePages", ret_huge_bytes },
	};

	*ret_pss_bytes = *ret_huge_bytes = 0;
	figures_read("/proc/self/smaps_rollup", figures, ARRAY_SIZE(figures));
}

uint64_t proc_pss_bytes(void)
{
	uint64_t pss_bytes, huge_bytes;

	proc_memory(&pss_bytes, &huge_bytes);
	return pss_bytes;
}

uint64_t proc_huge_bytes(void)
{
	uint64_t pss_bytes, huge_bytes;

	proc_memory(&pss_bytes, &huge_bytes);
	return huge_bytes;
}

uint64_t proc_anonymous_bytes(void)
{
	uint64_t bytes = 0;
	const struct figure figure = { "RssAnon", &bytes };

	figures_read("/proc/self/status", &figure, 1);
	return bytes;
}

uint64_t proc_memory_available_bytes(void)
{
	uint64_t bytes = UINT64_MAX;
	const struct figure figure = { "MemAvailable", &bytes };

	figures_read("/proc/meminfo", &figure, 1);
	return bytes;
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

/* A line of what the kernel says of a thread; "" where it has ended. */
static void task_read(pid_t pid, const char *task, const char *what, char *line, int size)
{
	char path[320];
	FILE *file;

	line[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%ld/task/%s/%s", (long)pid, task, what);
	file = fopen(path, "re");
	if (file && !fgets(line, size, file))
		line[0] = '\0';
	if (file)
		fclose(file);
}

/* proc(5): "number (name) state", the name with any characters. NULL: of another name. */
static const char *task_state(const char *line, const char *name)
{
	const char *begin = strchr(line, '('), *end = strrchr(line, ')');

	if (!begin || !end || strncmp(begin + 1, name, strlen(name)) != 0)
		return NULL;
	return end[1] == ' ' ? end + 2 : NULL;
}

/* Documentation/scheduler/sched-stats.rst: the first two numbers. */
static void task_add(pid_t pid, const char *task, const char *name, struct proc_threads *threads)
{
	uint64_t ran, waited;
	const char *state;
	char line[512];

	task_read(pid, task, "stat", line, sizeof(line));
	state = task_state(line, name);
	if (!state)
		return;
	threads->count++;
	threads->runnable += *state == 'R';
	task_read(pid, task, "schedstat", line, sizeof(line));
	if (sscanf(line, "%" SCNu64 " %" SCNu64, &ran, &waited) != 2)
		return;
	threads->ran_ns += ran;
	threads->waited_ns += waited;
	if (waited > threads->waited_most_ns)
		threads->waited_most_ns = waited;
}

void proc_threads_read(pid_t pid, const char *name, struct proc_threads *ret_threads)
{
	const struct dirent *task;
	char path[64];
	DIR *tasks;

	*ret_threads = (struct proc_threads){ 0 };
	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	tasks = opendir(path);
	if (!tasks)
		return;
	while ((task = readdir(tasks)))
		if (task->d_name[0] != '.')
			task_add(pid, task->d_name, name, ret_threads);
	closedir(tasks);
}
