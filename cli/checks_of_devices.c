/* SPDX-License-Identifier: Apache-2.0 */
/* checks_of_devices.c - processor, KVM and other devices: whether guests can use them */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/checkup.h"

#define KVM	     "/dev/kvm"
#define USERFAULTFD  "/dev/userfaultfd"
#define USERS_SIZE   200
#define CPUINFO_SIZE 16384 /* room for all of the first processor */

static bool is_refusal(int rc)
{
	return rc == -EACCES || rc == -EPERM;
}

/* The group that may read and write a device; false: none but root's. */
static bool group_of(const struct host *host, const char *path, char *ret_name, size_t size)
{
	char whole[PATH_MAX];
	const struct group *group;
	struct stat st;

	host_path(host, path, whole);
	if (stat(whole, &st) < 0 || (st.st_mode & 060) != 060 || st.st_gid == 0)
		return false;
	group = getgrgid(st.st_gid);
	if (group)
		snprintf(ret_name, size, "%s", group->gr_name);
	return group;
}

/* A group is for good, an access list until the device is made anew. */
static void mend_permission(const struct host *host, const char *path, struct finding *finding)
{
	char group[64];

	if (group_of(host, path, group, sizeof(group)))
		finding_mend(finding, "usermod -aG %s %s  # then log in again", group, host->user);
	else
		finding_mend(finding, "setfacl -m u:%s:rw %s", host->user, path);
}

/* A word of /proc/cpuinfo, such as a flag. */
static bool cpu_has(const struct host *host, const char *word)
{
	char text[CPUINFO_SIZE];
	size_t length = strlen(word);

	if (!host_text(host, "/proc/cpuinfo", text, sizeof(text)))
		return false;
	for (const char *at = text; (at = strstr(at, word)); at += length)
		if (at > text && strchr(" \t", at[-1]) && strchr(" \n", at[length]))
			return true;
	return false;
}

static const char *kvm_module(const struct host *host)
{
	return cpu_has(host, "AuthenticAMD") || cpu_has(host, "svm") ? "kvm_amd" : "kvm_intel";
}

static void look_at_kvm(const struct host *host, struct finding *finding)
{
	char path[PATH_MAX], users[USERS_SIZE];
	struct fail why;
	int rc;

	host_path(host, KVM, path);
	host_users_of(host, KVM, users, sizeof(users));
	rc = host->try_kvm(path, &why);
	if (rc == 0) {
		finding_set(finding, VERDICT_OK, "%s can be used; by mode and access list, by: %s",
			    KVM, users);
	} else if (is_refusal(rc)) {
		finding_set(finding, VERDICT_BAD, "%s may not use %s; who may: %s", host->user, KVM,
			    users);
		mend_permission(host, KVM, finding);
	} else if (rc == -ENOENT || rc == -ENXIO || rc == -ENODEV) {
		finding_set(finding, VERDICT_BAD, "there is no %s, or nothing behind it", KVM);
		finding_mend(finding, "modprobe %s", kvm_module(host));
	} else {
		finding_set(finding, VERDICT_BAD, "%s", why.text);
	}
}

/* Without the processor's support, /dev/kvm may still open: for guests of a modest kind. */
static void look_at_virtualisation(const struct host *host, struct finding *finding)
{
	bool is_virtual = cpu_has(host, "hypervisor");
	char path[PATH_MAX];
	struct fail why;
	bool kvm_opens;

	if (cpu_has(host, "vmx") || cpu_has(host, "svm")) {
		finding_set(finding, VERDICT_OK, "the processor has %s%s",
			    cpu_has(host, "vmx") ? "VT-x" : "AMD-V",
			    is_virtual ? ", passed on to this virtual machine: guests are nested"
				       : "");
		return;
	}
	host_path(host, KVM, path);
	kvm_opens = host->try_kvm(path, &why) == 0;
	finding_set(finding, kvm_opens ? VERDICT_WARN : VERDICT_BAD,
		    "the processor%s has neither VT-x nor AMD-V%s",
		    is_virtual ? " of this virtual machine" : "",
		    kvm_opens ? ", although " KVM " opens: stock kernels may not run" : "");
	if (is_virtual)
		finding_mend(
			finding,
			"modprobe -r %s && modprobe %s nested=1  # on the host of this machine, "
			"which then has to get the host's processor",
			kvm_module(host), kvm_module(host));
	else
		finding_mend(finding,
			     "systemctl reboot --firmware-setup  # and switch it on there");
}

/*
 * What unprivileged users get otherwise handles no faults of the kernel's, such as KVM's,
 * and is not enough.
 */
static void look_at_userfaultfd(const struct host *host, struct finding *finding)
{
	char users[USERS_SIZE];
	uint64_t sysctl = 0;
	struct fail why;
	int rc = host->try_userfaultfd(&why);

	host_users_of(host, USERFAULTFD, users, sizeof(users));
	if (rc == 0) {
		finding_set(finding, VERDICT_OK, "%s may use it; %s is for: %s", host->user,
			    USERFAULTFD, users[0] ? users : "nobody, it is not there");
		return;
	}
	if (!is_refusal(rc)) {
		finding_set(finding, VERDICT_BAD, "%s", why.text);
		return;
	}
	if (!host_number(host, "/proc/sys/vm/unprivileged_userfaultfd", &sysctl))
		sysctl = 0;
	finding_set(finding, VERDICT_BAD,
		    "%s gets none that handles the kernel's faults: %s is for: %s; "
		    "vm.unprivileged_userfaultfd is %u",
		    host->user, USERFAULTFD, users[0] ? users : "nobody, it is not there",
		    (unsigned int)sysctl);
	if (host_has(host, USERFAULTFD))
		mend_permission(host, USERFAULTFD, finding);
	else
		finding_mend(finding, "sysctl -w vm.unprivileged_userfaultfd=1");
}

/* Disks work without, by threads of our own. */
static void look_at_io_uring(const struct host *host, struct finding *finding)
{
	static const char instead[] = "disks are read by threads instead, at more cost";
	uint64_t disabled = 0;
	int rc = host->try_io_uring();

	if (rc == 0) {
		finding_set(finding, VERDICT_OK, "disks can be read through io_uring");
	} else if (rc == -ENOSYS) {
		finding_set(finding, VERDICT_WARN, "this kernel has no io_uring: %s", instead);
	} else if (rc == -ENOMEM) {
		finding_set(finding, VERDICT_WARN, "too little memory may be locked: %s", instead);
		finding_mend(finding, "ulimit -l unlimited");
	} else if (host_number(host, "/proc/sys/kernel/io_uring_disabled", &disabled) &&
		   disabled > 0) {
		finding_set(finding, VERDICT_WARN, "kernel.io_uring_disabled is %u: %s",
			    (unsigned int)disabled, instead);
		finding_mend(finding, "sysctl -w kernel.io_uring_disabled=0");
	} else {
		finding_set(finding, VERDICT_WARN, "io_uring is refused (%s), as containers do: %s",
			    strerror(-rc), instead);
		finding_mend(finding, "podman run --security-opt seccomp=unconfined ...");
	}
}

static void look_at_vhost(const struct host *host, const char *path, const char *module,
			  const char *loss, struct finding *finding)
{
	char whole[PATH_MAX], users[USERS_SIZE];
	int rc;

	host_path(host, path, whole);
	host_users_of(host, path, users, sizeof(users));
	rc = host->try_device(whole);
	if (rc == 0) {
		finding_set(finding, VERDICT_OK, "%s opens; by mode and access list, for: %s", path,
			    users);
	} else if (is_refusal(rc)) {
		finding_set(finding, VERDICT_WARN, "%s may not open %s (who may: %s): %s",
			    host->user, path, users, loss);
		mend_permission(host, path, finding);
	} else {
		finding_set(finding, VERDICT_WARN, "there is no %s, or nothing behind it: %s", path,
			    loss);
		finding_mend(finding, "modprobe %s", module);
	}
}

static void look_at_vhost_net(const struct host *host, struct finding *finding)
{
	look_at_vhost(host, "/dev/vhost-net", "vhost_net",
		      "samepage itself carries the frames of tap devices", finding);
}

static void look_at_vhost_vsock(const struct host *host, struct finding *finding)
{
	look_at_vhost(host, "/dev/vhost-vsock", "vhost_vsock", "--vsock does not work", finding);
}

const struct check checks_of_devices[] = {
	{ "virtualisation", look_at_virtualisation },
	{ "kvm", look_at_kvm },
	{ "userfaultfd", look_at_userfaultfd },
	{ "io-uring", look_at_io_uring },
	{ "vhost-net", look_at_vhost_net },
	{ "vhost-vsock", look_at_vhost_vsock },
	{ 0 },
};
