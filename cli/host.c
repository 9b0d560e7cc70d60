/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - what the doctor asks of this machine */
#include "cli/host.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <liburing.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/rundir.h"
#include "vmm/kvm.h"
#include "vmm/uffd.h"

#define FILE_BYTES  16384
#define ACL_BYTES   4096
#define READ_WRITE  6u /* of one of the three parts of a mode */
#define MODE_OWNER  6u /* where these parts begin */
#define MODE_GROUP  3u
#define MODE_OTHERS 0u

/* ------------------------------------------------------------ this machine */

static int try_kvm(const char *path, struct fail *why)
{
	AUTO_CLOSE int fd = -1;

	return kvm_open_at(path, &fd, why);
}

static int try_userfaultfd(struct fail *why)
{
	struct uffd uffd;
	int rc = uffd_open(false, &uffd, why);

	if (rc == 0)
		uffd_close(&uffd);
	return rc;
}

static int try_io_uring(void)
{
	struct io_uring ring;
	int rc = io_uring_queue_init(1, &ring, 0);

	if (rc == 0)
		io_uring_queue_exit(&ring);
	return rc;
}

static int try_device(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : 0;
}

static const char *user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? user->pw_name : NULL;
}

void host_init(struct host *host, const struct control_report *guests, size_t guest_count)
{
	static char user[64], runtime_dir[RUNDIR_PATH_MAX];
	const char *path = getenv("PATH"), *name = user_name(geteuid());
	struct fail why;

	if (name)
		snprintf(user, sizeof(user), "%s", name);
	else
		snprintf(user, sizeof(user), "%u", (unsigned int)geteuid());
	if (rundir_base_path(runtime_dir, &why) < 0)
		runtime_dir[0] = '\0';
	*host = (struct host){
		.root = "",
		.user = user,
		.uid = geteuid(),
		.programs = path ? path : "/usr/bin:/bin",
		.runtime_dir = runtime_dir,
		.try_kvm = try_kvm,
		.try_userfaultfd = try_userfaultfd,
		.try_io_uring = try_io_uring,
		.try_device = try_device,
		.guests = guests,
		.guest_count = guest_count,
	};
}

/* ------------------------------------------------------------------- files */

void host_path(const struct host *host, const char *path, char ret_path[PATH_MAX])
{
	if (snprintf(ret_path, PATH_MAX, "%s%s", host->root, path) >= PATH_MAX)
		ret_path[0] = '\0'; /* which is no file */
}

bool host_has(const struct host *host, const char *path)
{
	char whole[PATH_MAX];

	host_path(host, path, whole);
	return access(whole, F_OK) == 0;
}

bool host_text(const struct host *host, const char *path, char *ret_text, size_t size)
{
	char whole[PATH_MAX];
	FILE *file;
	size_t length;

	host_path(host, path, whole);
	file = fopen(whole, "re");
	if (!file)
		return false;
	length = fread(ret_text, 1, size - 1, file);
	fclose(file);
	while (length > 0 && ret_text[length - 1] == '\n')
		length--;
	ret_text[length] = '\0';
	return length > 0;
}

bool host_number(const struct host *host, const char *path, uint64_t *ret_number)
{
	char text[64];

	return host_text(host, path, text, sizeof(text)) &&
	       sscanf(text, "%" SCNu64, ret_number) == 1;
}

bool host_figure(const struct host *host, const char *path, const char *key, uint64_t *ret_number)
{
	char text[FILE_BYTES];
	size_t length = strlen(key);

	if (!host_text(host, path, text, sizeof(text)))
		return false;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && (line[length] == ':' || line[length] == ' '))
			return sscanf(line + length + 1, "%" SCNu64, ret_number) == 1;
	}
	return false;
}

bool host_has_program(const struct host *host, const char *name)
{
	char path[PATH_MAX], whole[PATH_MAX];

	for (const char *dir = host->programs; dir; dir = strchr(dir, ':')) {
		dir += *dir == ':';
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(dir, ":"), dir, name) >=
		    (int)sizeof(path))
			continue;
		host_path(host, path, whole);
		if (access(whole, X_OK) == 0)
			return true;
	}
	return false;
}

/* -------------------------------------------------------------------- users */

/* A list of words that is cut where there is no room for more. */
struct words {
	char *text;
	size_t size, length;
};

static void words_add(struct words *words, const char *format, ...) PRINTF(2, 3);

static void words_add(struct words *words, const char *format, ...)
{
	size_t room = words->size - words->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(words->text + words->length, room, format, args);
	va_end(args);
	if (n > 0)
		words->length += (size_t)n < room ? (size_t)n : room - 1;
}

static const char *separator(const struct words *words)
{
	return words->length > 0 ? ", " : "";
}

static void add_user(struct words *words, uid_t uid)
{
	const char *name = user_name(uid);

	if (name)
		words_add(words, "%s%s", separator(words), name);
	else
		words_add(words, "%suser %u", separator(words), (unsigned int)uid);
}

static void add_group(struct words *words, gid_t gid)
{
	const struct group *group = getgrgid(gid);

	if (!group) {
		words_add(words, "%sgroup %u", separator(words), (unsigned int)gid);
		return;
	}
	words_add(words, "%sgroup %s", separator(words), group->gr_name);
	for (char **member = group->gr_mem; *member; member++)
		words_add(words, "%s%s", member == group->gr_mem ? " (" : ", ", *member);
	if (*group->gr_mem)
		words_add(words, ")");
}

static bool may_read_and_write(mode_t mode, unsigned int part)
{
	return (mode >> part & READ_WRITE) == READ_WRITE;
}

/* With an access list, the mode's group stands for the most that anybody on it may do. */
static void add_access_list(struct words *words, const char *path, mode_t mode, gid_t owning_group)
{
	char bytes[ACL_BYTES];
	const struct posix_acl_xattr_header *header = (const void *)bytes;
	const struct posix_acl_xattr_entry *entries = (const void *)(header + 1);
	ssize_t n = getxattr(path, "system.posix_acl_access", bytes, sizeof(bytes));
	bool is_masked = !may_read_and_write(mode, MODE_GROUP);
	size_t count;

	if (n < (ssize_t)sizeof(*header)) {
		if (!is_masked)
			add_group(words, owning_group);
		return;
	}
	count = is_masked ? 0 : ((size_t)n - sizeof(*header)) / sizeof(entries[0]);
	for (size_t i = 0; i < count; i++) {
		if ((entries[i].e_perm & READ_WRITE) != READ_WRITE)
			continue;
		if (entries[i].e_tag == ACL_USER)
			add_user(words, entries[i].e_id);
		else if (entries[i].e_tag == ACL_GROUP)
			add_group(words, entries[i].e_id);
		else if (entries[i].e_tag == ACL_GROUP_OBJ)
			add_group(words, owning_group);
	}
}

void host_users_of(const struct host *host, const char *path, char *ret_text, size_t size)
{
	struct words words = { ret_text, size, 0 };
	char whole[PATH_MAX];
	struct stat st;

	ret_text[0] = '\0';
	host_path(host, path, whole);
	if (stat(whole, &st) < 0)
		return;
	if (may_read_and_write(st.st_mode, MODE_OTHERS)) {
		words_add(&words, "everybody");
		return;
	}
	if (may_read_and_write(st.st_mode, MODE_OWNER))
		add_user(&words, st.st_uid);
	add_access_list(&words, whole, st.st_mode, st.st_gid);
}
