/* SPDX-License-Identifier: Apache-2.0 */
/* check_checkup.c - every finding of the doctor, on a host that has it and on one that has not */
#include "tests/unit/suite.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cli/checkup.h"
#include "tests/unit/scratch.h"

static struct host host;
static struct finding finding;
static struct control_report guests[2];
static struct fail why;

/* What the tries come back with. */
static int kvm_rc, userfaultfd_rc, io_uring_rc, device_rc;

static int try_kvm(const char *path, struct fail *sentence)
{
	ck_assert_int_eq(strncmp(path, scratch_path, strlen(scratch_path)), 0);
	return kvm_rc < 0 ? fail_set(sentence, -kvm_rc, "KVM is broken") : 0;
}

static int try_userfaultfd(struct fail *sentence)
{
	return userfaultfd_rc < 0 ? fail_set(sentence, -userfaultfd_rc, "it is too old") : 0;
}

static int try_io_uring(void)
{
	return io_uring_rc;
}

static int try_device(const char *path)
{
	return device_rc ? device_rc : access(path, F_OK) == 0 ? 0 : -ENOENT;
}

/* A file below the root, with the directories that it is in. */
static void put(const char *path, const char *text)
{
	char whole[PATH_MAX];
	FILE *file;

	host_path(&host, path, whole);
	for (char *slash = whole + strlen(scratch_path); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	file = fopen(whole, "we");
	ck_assert_msg(file, "%s", whole);
	fputs(text, file);
	fclose(file);
}

static void put_mode(const char *path, mode_t mode, gid_t gid)
{
	char whole[PATH_MAX];

	put(path, "");
	host_path(&host, path, whole);
	ck_assert_int_eq(chmod(whole, mode), 0);
	if (gid != getgid() && chown(whole, (uid_t)-1, gid) < 0)
		ck_assert_int_ne(geteuid(), 0);
}

/* A host with which nothing is wrong. */
static void set_up(void)
{
	scratch_make();
	host = (struct host){
		.root = scratch_path,
		.user = "ann",
		.uid = getuid(),
		.programs = "/nowhere:/usr/bin",
		.runtime_dir = "/run/samepage",
		.try_kvm = try_kvm,
		.try_userfaultfd = try_userfaultfd,
		.try_io_uring = try_io_uring,
		.try_device = try_device,
		.guests = guests,
	};
	strcpy(guests[0].name, "blue");
	strcpy(guests[1].name, "red");
	guests[0].pid = 41;
	guests[1].pid = 42;
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx sse\n");
	put_mode("/dev/kvm", 0600, getgid());
	put_mode("/dev/userfaultfd", 0600, getgid());
	put_mode("/dev/vhost-net", 0600, getgid());
	put_mode("/dev/vhost-vsock", 0600, getgid());
	put("/proc/sys/vm/max_map_count", "1048576\n");
	put("/proc/sys/vm/unprivileged_userfaultfd", "0\n");
	put("/proc/sys/vm/overcommit_memory", "0\n");
	put("/proc/sys/kernel/io_uring_disabled", "0\n");
	put("/proc/meminfo",
	    "MemTotal: 9 kB\nCommitLimit:  1048576 kB\nCommitted_AS:  524288 kB\n");
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	put("/sys/kernel/mm/ksm/run", "0\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put_mode("/usr/bin/passt", 0755, getgid());
	put_mode("/usr/bin/grub-fstest", 0755, getgid());
	put("/run/samepage/x", "");
	kvm_rc = userfaultfd_rc = io_uring_rc = device_rc = 0;
}

static void tear_down(void)
{
	scratch_remove();
}

static void look(const char *name)
{
	static const struct check *const tables[] = { checks_of_devices, checks_of_memory,
						      checks_of_files };

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct check *check = tables[i]; check->name; check++)
			if (strcmp(check->name, name) == 0) {
				check->look(&host, &finding);
				return;
			}
	ck_abort_msg("there is no check %s", name);
}

/* found, mend: a part of it; mend "": there must be none. */
static void expect(const char *name, enum verdict verdict, const char *found, const char *mend)
{
	look(name);
	ck_assert_msg(finding.verdict == verdict, "%s: %s: %s", name, verdict_name(finding.verdict),
		      finding.found);
	ck_assert_msg(strstr(finding.found, found), "%s: found: %s", name, finding.found);
	ck_assert_msg(*mend ? strstr(finding.mend, mend) != NULL : finding.mend[0] == '\0',
		      "%s: mend: %s", name, finding.mend);
}

START_TEST(a_sound_host_has_nothing_to_mend)
{
	struct checkup checkup;

	checkup_make(&host, &checkup);
	for (size_t i = 0; i < checkup.count; i++) {
		ck_assert_msg(checkup.results[i].finding.verdict == VERDICT_OK, "%s: %s",
			      checkup.results[i].name, checkup.results[i].finding.found);
		ck_assert_str_eq(checkup.results[i].finding.mend, "");
		ck_assert_str_ne(checkup.results[i].finding.found, "");
	}
	ck_assert_uint_eq(checkup.count, 14);
	ck_assert_int_eq(checkup_worst(&checkup), VERDICT_OK);
}
END_TEST

START_TEST(the_processor_can_or_cannot)
{
	expect("virtualisation", VERDICT_OK, "VT-x", "");
	put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm hypervisor\n");
	expect("virtualisation", VERDICT_OK, "AMD-V, passed on to this virtual machine", "");
	put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu hypervisor\n");
	expect("virtualisation", VERDICT_WARN, "although /dev/kvm opens",
	       "modprobe -r kvm_amd && modprobe kvm_amd nested=1");
	kvm_rc = -ENOENT;
	expect("virtualisation", VERDICT_BAD, "neither VT-x nor AMD-V", "kvm_amd nested=1");
	/* parts of words are no flags */
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx_x xsvm\n");
	expect("virtualisation", VERDICT_BAD, "neither", "--firmware-setup");
}
END_TEST

START_TEST(kvm_opens_or_is_mended)
{
	expect("kvm", VERDICT_OK, "can be used", "");
	kvm_rc = -EACCES;
	expect("kvm", VERDICT_BAD, "ann may not use /dev/kvm", "setfacl -m u:ann:rw /dev/kvm");
	kvm_rc = -ENOENT;
	expect("kvm", VERDICT_BAD, "there is no /dev/kvm", "modprobe kvm_intel");
	put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: svm\n");
	expect("kvm", VERDICT_BAD, "there is no /dev/kvm", "modprobe kvm_amd");
	kvm_rc = -ENOTSUP;
	expect("kvm", VERDICT_BAD, "KVM is broken", "");
}
END_TEST

START_TEST(a_group_that_may_is_joined)
{
	const struct group *group = getgrnam("daemon");
	char whole[PATH_MAX];
	struct stat st;

	ck_assert_ptr_nonnull(group);
	put_mode("/dev/kvm", 0660, group->gr_gid);
	host_path(&host, "/dev/kvm", whole);
	if (stat(whole, &st) < 0 || st.st_gid != group->gr_gid)
		return; /* only root gives files away */
	expect("kvm", VERDICT_OK, "group daemon", "");
	kvm_rc = -EACCES;
	expect("kvm", VERDICT_BAD, "group daemon", "usermod -aG daemon ann");
}
END_TEST

START_TEST(who_may_is_told_by_mode_and_access_list)
{
	struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[5];
	} list = { { POSIX_ACL_XATTR_VERSION },
		   { { ACL_USER_OBJ, 6, (__u32)-1 },
		     { ACL_USER, 6, 54321 },
		     { ACL_GROUP_OBJ, 0, (__u32)-1 },
		     { ACL_MASK, 6, (__u32)-1 },
		     { ACL_OTHER, 0, (__u32)-1 } } };
	char users[200], whole[PATH_MAX];

	host_path(&host, "/dev/kvm", whole);
	if (setxattr(whole, "system.posix_acl_access", &list, sizeof(list), 0) == 0) {
		host_users_of(&host, "/dev/kvm", users, sizeof(users));
		ck_assert_ptr_nonnull(strstr(users, ", user 54321"));
		ck_assert_ptr_null(strstr(users, "group"));
		ck_assert_int_eq(chmod(whole, 0600), 0); /* the mask: nobody on the list may */
		host_users_of(&host, "/dev/kvm", users, sizeof(users));
		ck_assert_ptr_null(strstr(users, "54321"));
	}
	put_mode("/dev/vhost-net", 0666, getgid());
	host_users_of(&host, "/dev/vhost-net", users, sizeof(users));
	ck_assert_str_eq(users, "everybody");
	host_users_of(&host, "/dev/nothing", users, sizeof(users));
	ck_assert_str_eq(users, "");
	host_users_of(&host, "/dev/vhost-vsock", users, 3);
	ck_assert_uint_lt(strlen(users), 3);
}
END_TEST

START_TEST(userfaultfd_is_there_or_permitted)
{
	char whole[PATH_MAX];

	expect("userfaultfd", VERDICT_OK, "ann may use it", "");
	userfaultfd_rc = -EPERM;
	expect("userfaultfd", VERDICT_BAD, "vm.unprivileged_userfaultfd is 0",
	       "setfacl -m u:ann:rw /dev/userfaultfd");
	host_path(&host, "/dev/userfaultfd", whole);
	ck_assert_int_eq(unlink(whole), 0);
	expect("userfaultfd", VERDICT_BAD, "not there", "sysctl -w vm.unprivileged_userfaultfd=1");
	userfaultfd_rc = -ENOTSUP;
	expect("userfaultfd", VERDICT_BAD, "it is too old", "");
}
END_TEST

START_TEST(io_uring_is_allowed_or_not)
{
	expect("io-uring", VERDICT_OK, "io_uring", "");
	io_uring_rc = -EPERM;
	expect("io-uring", VERDICT_WARN, "as containers do", "seccomp=unconfined");
	put("/proc/sys/kernel/io_uring_disabled", "2\n");
	expect("io-uring", VERDICT_WARN, "kernel.io_uring_disabled is 2",
	       "sysctl -w kernel.io_uring_disabled=0");
	io_uring_rc = -ENOMEM;
	expect("io-uring", VERDICT_WARN, "locked", "ulimit -l unlimited");
	io_uring_rc = -ENOSYS;
	expect("io-uring", VERDICT_WARN, "no io_uring", "");
}
END_TEST

START_TEST(vhost_is_loaded_or_not)
{
	char whole[PATH_MAX];

	expect("vhost-net", VERDICT_OK, "/dev/vhost-net opens", "");
	expect("vhost-vsock", VERDICT_OK, "/dev/vhost-vsock opens", "");
	device_rc = -EACCES;
	expect("vhost-net", VERDICT_WARN, "may not open", "setfacl -m u:ann:rw /dev/vhost-net");
	device_rc = 0;
	host_path(&host, "/dev/vhost-net", whole);
	ck_assert_int_eq(unlink(whole), 0);
	expect("vhost-net", VERDICT_WARN, "there is no", "modprobe vhost_net");
	host_path(&host, "/dev/vhost-vsock", whole);
	ck_assert_int_eq(unlink(whole), 0);
	expect("vhost-vsock", VERDICT_WARN, "--vsock does not work", "modprobe vhost_vsock");
}
END_TEST

START_TEST(mappings_are_enough_or_not)
{
	static const char mend[] = "sysctl -w vm.max_map_count=1048576";

	put("/proc/sys/vm/max_map_count", "65530\n");
	expect("mappings", VERDICT_WARN, "more than 255 MiB", mend);
	host.guest_count = 2;
	guests[0].mappings = 1000;
	guests[1].mappings = 2000;
	expect("mappings", VERDICT_OK, "no guest has more than 2000", "");
	guests[1].mappings = 40000;
	expect("mappings", VERDICT_WARN, "guest 'red' has 40000 of 65530", mend);
	guests[0].declined_bytes = UINT64_C(7) << 20;
	expect("mappings", VERDICT_WARN, "guest 'blue' leaves 7 MiB unshared", mend);
	put("/proc/sys/vm/max_map_count", "1048576\n");
	expect("mappings", VERDICT_WARN, "'blue'", "vm.max_map_count=2097152");
	put("/proc/sys/vm/max_map_count", "many\n");
	expect("mappings", VERDICT_WARN, "can't be read", "");
}
END_TEST

START_TEST(ksm_is_off_or_in_the_way)
{
	static const char mend[] = "echo 2 > /sys/kernel/mm/ksm/run";

	put("/sys/kernel/mm/ksm/run", "2\n");
	expect("ksm", VERDICT_OK, "KSM is off", "");
	put("/sys/kernel/mm/ksm/run", "1\n");
	put("/sys/kernel/mm/ksm/pages_sharing", "77\n");
	host.guest_count = 2;
	put("/proc/41/ksm_stat", "ksm_rmap_items 0\nksm_merge_any: no\n");
	put("/proc/42/ksm_merging_pages", "0\n");
	expect("ksm", VERDICT_WARN, "merged 77 pages", mend);
	put("/proc/41/ksm_stat", "ksm_rmap_items 0\nksm_merge_any: yes\n");
	expect("ksm", VERDICT_WARN, "memory of 1 guests", mend);
	put("/proc/42/ksm_merging_pages", "5\n");
	expect("ksm", VERDICT_WARN, "memory of 2 guests", mend);
}
END_TEST

START_TEST(huge_pages_are_on_or_off)
{
	char whole[PATH_MAX];

	expect("huge-pages", VERDICT_OK, "madvise", "");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	expect("huge-pages", VERDICT_OK, "always", "");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	expect("huge-pages", VERDICT_WARN, "off",
	       "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	host_path(&host, "/sys/kernel/mm/transparent_hugepage/enabled", whole);
	ck_assert_int_eq(unlink(whole), 0);
	expect("huge-pages", VERDICT_OK, "has no transparent", "");
}
END_TEST

START_TEST(memory_is_promised_or_counted)
{
	static const char mend[] = "sysctl -w vm.overcommit_memory=0";

	put("/proc/sys/vm/overcommit_memory", "1\n");
	expect("overcommit", VERDICT_OK, "is 1", "");
	put("/proc/sys/vm/overcommit_memory", "2\n");
	expect("overcommit", VERDICT_WARN, "512 MiB", mend);
	put("/proc/meminfo", "CommitLimit:  1048576 kB\nCommitted_AS:  1000000 kB\n");
	expect("overcommit", VERDICT_BAD, "47 MiB", mend);
	put("/proc/meminfo", "CommitLimit:  1000 kB\nCommitted_AS:  1000000 kB\n");
	expect("overcommit", VERDICT_BAD, " 0 MiB", mend);
}
END_TEST

START_TEST(the_tightest_cgroup_counts)
{
	put("/sys/fs/cgroup/a/b/memory.max", "2147483648\n");
	put("/sys/fs/cgroup/a/b/memory.current", "1048576\n");
	expect("memory-cgroup", VERDICT_WARN, "/a/b allows 2048 MiB, of which 1 ",
	       "echo max > /sys/fs/cgroup/a/b/memory.max");
	put("/sys/fs/cgroup/a/memory.max", "1073741824\n");
	expect("memory-cgroup", VERDICT_WARN, "/a allows 1024 MiB",
	       "echo max > /sys/fs/cgroup/a/memory.max");
	/* the first version's */
	put("/proc/self/cgroup", "4:memory:/c\n0::/\n");
	put("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "9223372036854771712\n");
	expect("memory-cgroup", VERDICT_OK, "no memory cgroup", "");
	put("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "1048576\n");
	expect("memory-cgroup", VERDICT_WARN, "/c allows 1 MiB",
	       "echo -1 > /sys/fs/cgroup/memory/c/memory.limit_in_bytes");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "0\n");
	expect("memory-cgroup", VERDICT_WARN, "cgroup / allows 0 MiB",
	       "echo -1 > /sys/fs/cgroup/memory/memory.limit_in_bytes");
	put("/proc/self/cgroup", "nonsense");
	expect("memory-cgroup", VERDICT_OK, "no memory cgroup", "");
}
END_TEST

START_TEST(programs_are_there_or_not)
{
	host.programs = "/usr/bin";
	expect("passt", VERDICT_OK, "passt is there", "");
	expect("grub-fstest", VERDICT_OK, "grub-fstest is there", "");
	host.programs = "/bin::/sbin";
	expect("passt", VERDICT_WARN, "--net user", "apt install passt");
	expect("grub-fstest", VERDICT_WARN, "--image", "apt install grub-common");
}
END_TEST

START_TEST(the_runtime_directory_is_private_or_mended)
{
	char whole[PATH_MAX];

	expect("runtime-dir", VERDICT_OK, "ann's alone", "");
	host_path(&host, "/run/samepage", whole);
	ck_assert_int_eq(chmod(whole, 0770), 0);
	expect("runtime-dir", VERDICT_BAD, "others may write", "chmod 700 /run/samepage");
	ck_assert_int_eq(chmod(whole, 0700), 0);
	host.uid++;
	expect("runtime-dir", VERDICT_BAD, "not a directory of ann's", "SAMEPAGE_RUNDIR");
	host.uid--;
	host.runtime_dir = "/run/other";
	expect("runtime-dir", VERDICT_OK, "is made when", "");
	host.runtime_dir = "/nowhere/at/all";
	expect("runtime-dir", VERDICT_BAD, "can't make",
	       "install -d -m 700 -o ann /nowhere/at/all");
	host.runtime_dir = "/run/samepage/x"; /* a file */
	expect("runtime-dir", VERDICT_BAD, "not a directory", "SAMEPAGE_RUNDIR");
}
END_TEST

/* The output of a checkup of the host as it is. */
static char *printed(bool json, enum verdict *ret_worst)
{
	struct checkup checkup;
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	checkup_make(&host, &checkup);
	*ret_worst = checkup_worst(&checkup);
	if (json)
		ck_assert_int_eq(checkup_print_json(&checkup, to, &why), 0);
	else
		checkup_print_text(&checkup, to);
	fclose(to);
	return text;
}

START_TEST(json_says_whether_the_host_is_usable)
{
	enum verdict worst;
	char *text = printed(true, &worst);
	json_t *whole = json_loads(text, 0, NULL);

	ck_assert(json_is_true(json_object_get(whole, "usable")));
	ck_assert_uint_eq(json_array_size(json_object_get(whole, "checks")), 14);
	json_decref(whole);
	free(text);
	kvm_rc = -EACCES;
	text = printed(true, &worst);
	whole = json_loads(text, 0, NULL);
	ck_assert_int_eq(worst, VERDICT_BAD);
	ck_assert(json_is_false(json_object_get(whole, "usable")));
	ck_assert_ptr_nonnull(strstr(text, "{\"name\":\"kvm\",\"verdict\":\"bad\",\"found\":"));
	ck_assert_ptr_nonnull(strstr(text, "\"mend\":\"setfacl -m u:ann:rw /dev/kvm\"}"));
	json_decref(whole);
	free(text);
}
END_TEST

START_TEST(text_has_the_mending_line_below_its_finding)
{
	enum verdict worst;
	char *text;

	host.programs = "/nowhere";
	text = printed(false, &worst);
	ck_assert_int_eq(worst, VERDICT_WARN);
	ck_assert_ptr_nonnull(strstr(text, "warn  passt           there is no passt: --net user "
					   "does not work\n                      mend: apt "
					   "install passt\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nGuests can run and share their memory; see"));
	free(text);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_sound_host_has_nothing_to_mend },
	{ "core", &the_processor_can_or_cannot },
	{ "core", &kvm_opens_or_is_mended },
	{ "core", &a_group_that_may_is_joined },
	{ "core", &who_may_is_told_by_mode_and_access_list },
	{ "core", &userfaultfd_is_there_or_permitted },
	{ "core", &io_uring_is_allowed_or_not },
	{ "core", &vhost_is_loaded_or_not },
	{ "core", &mappings_are_enough_or_not },
	{ "core", &ksm_is_off_or_in_the_way },
	{ "core", &huge_pages_are_on_or_off },
	{ "core", &memory_is_promised_or_counted },
	{ "core", &the_tightest_cgroup_counts },
	{ "core", &programs_are_there_or_not },
	{ "core", &the_runtime_directory_is_private_or_mended },
	{ "core", &json_says_whether_the_host_is_usable },
	{ "core", &text_has_the_mending_line_below_its_finding },
};

SUITE_MAIN_AROUND("checkup", tests, set_up, tear_down)
