/* SPDX-License-Identifier: Apache-2.0 */
/* checks_of_files.c - programs that samepage calls, and the directory that it needs */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/checkup.h"

static void look_at_program(const struct host *host, const char *program, const char *package,
			    const char *option, struct finding *finding)
{
	if (host_has_program(host, program)) {
		finding_set(finding, VERDICT_OK, "%s is there", program);
		return;
	}
	finding_set(finding, VERDICT_WARN, "there is no %s: %s does not work", program, option);
	finding_mend(finding, "apt install %s", package);
}

static void look_at_passt(const struct host *host, struct finding *finding)
{
	look_at_program(host, "passt", "passt", "--net user", finding);
}

static void look_at_grub_fstest(const struct host *host, struct finding *finding)
{
	look_at_program(host, "grub-fstest", "grub-common", "--image", finding);
}

/* It is made when it is needed, where that is allowed. */
static void look_for_place(const struct host *host, struct finding *finding)
{
	char parent[PATH_MAX], whole[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", host->runtime_dir);
	slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent] = '\0';
	host_path(host, parent, whole);
	if (access(whole, W_OK | X_OK) == 0) {
		finding_set(finding, VERDICT_OK, "%s is made when the first guest is started",
			    host->runtime_dir);
		return;
	}
	finding_set(finding, VERDICT_BAD, "%s can't make %s (%s)", host->user, host->runtime_dir,
		    strerror(errno));
	finding_mend(finding, "install -d -m 700 -o %s %s", host->user, host->runtime_dir);
}

static void look_at_runtime_directory(const struct host *host, struct finding *finding)
{
	char whole[PATH_MAX];
	struct stat st;

	host_path(host, host->runtime_dir, whole);
	if (lstat(whole, &st) < 0) {
		look_for_place(host, finding);
	} else if (!S_ISDIR(st.st_mode) || st.st_uid != host->uid) {
		finding_set(finding, VERDICT_BAD, "%s is not a directory of %s's (it is user %u's)",
			    host->runtime_dir, host->user, (unsigned int)st.st_uid);
		finding_mend(finding, "export SAMEPAGE_RUNDIR=%s-%s", host->runtime_dir,
			     host->user);
	} else if (st.st_mode & 022) {
		finding_set(finding, VERDICT_BAD, "others may write to %s (mode %04o)",
			    host->runtime_dir, st.st_mode & 07777);
		finding_mend(finding, "chmod 700 %s", host->runtime_dir);
	} else {
		finding_set(finding, VERDICT_OK, "%s is %s's alone", host->runtime_dir, host->user);
	}
}

const struct check checks_of_files[] = {
	{ "passt", look_at_passt },
	{ "grub-fstest", look_at_grub_fstest },
	{ "runtime-dir", look_at_runtime_directory },
	{ 0 },
};
