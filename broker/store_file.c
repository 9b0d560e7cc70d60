/* SPDX-License-Identifier: Apache-2.0 */
/* store_file.c - a file in memory that others can be given to read, and never to write */
#include "broker/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/sock.h"

static int write_line(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

/* As who we are outside: files have to belong to somebody. */
static int identity_map(uid_t uid, gid_t gid)
{
	char line[64];
	int rc;

	snprintf(line, sizeof(line), "%u %u 1", uid, uid);
	rc = write_line("/proc/self/uid_map", line);
	if (rc == 0)
		rc = write_line("/proc/self/setgroups", "deny");
	snprintf(line, sizeof(line), "%u %u 1", gid, gid);
	return rc == 0 ? write_line("/proc/self/gid_map", line) : rc;
}

/* Mounts of our own from here on, which nobody else sees. */
static int namespace_enter(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int rc = 0;

	if (unshare(CLONE_NEWNS) < 0)
		rc = unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? -errno : identity_map(uid, gid);
	if (rc == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		rc = -errno;
	return rc;
}

/* A tmpfs without a limit: what is in it is counted elsewhere. */
static int tmpfs_mount(void)
{
	AUTO_CLOSE int tmpfs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fd = -1;

	if (tmpfs >= 0 && fsconfig(tmpfs, FSCONFIG_SET_STRING, "size", "0", 0) == 0 &&
	    fsconfig(tmpfs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(tmpfs, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The second mount; only what is attached somewhere can be cloned. */
static int read_only_clone(int mount_fd)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	AUTO_CLOSE int clone = -1;

	if (move_mount(mount_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	clone = open_tree(mount_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (clone < 0 || mount_setattr(clone, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
		return -errno;
	return TAKE_FD(clone);
}

static int files_open(const char *name, int *ret_fd, int *ret_read_only_fd)
{
	AUTO_CLOSE int mount_fd = -1, clone_fd = -1, fd = -1;
	int rc = namespace_enter();

	if (rc < 0)
		return rc;
	mount_fd = tmpfs_mount();
	if (mount_fd < 0)
		return mount_fd;
	fd = openat(mount_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	clone_fd = read_only_clone(mount_fd);
	if (clone_fd < 0)
		return clone_fd;
	*ret_read_only_fd = openat(clone_fd, name, O_RDONLY | O_CLOEXEC);
	if (*ret_read_only_fd < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* In a child: the namespace is gone with it, and the mounts with their last file. */
static void child_run(const char *name, int parent)
{
	int fd = -1, read_only_fd = -1, rc = files_open(name, &fd, &read_only_fd);

	if (rc == 0)
		rc = sock_write_fd(parent, &rc, sizeof(rc), fd);
	if (rc == 0)
		rc = sock_write_fd(parent, &rc, sizeof(rc), read_only_fd);
	else if (sock_write_fd(parent, &rc, sizeof(rc), -1) < 0)
		_exit(2);
	_exit(rc == 0 ? 0 : 1);
}

static int file_receive(int child, int *ret_fd)
{
	int rc;

	if (sock_read_fd(child, &rc, sizeof(rc), ret_fd) != sizeof(rc))
		return -EIO;
	return rc == 0 && *ret_fd < 0 ? -EIO : rc;
}

int store_file_create(const char *name, int *ret_fd, int *ret_read_only_fd)
{
	AUTO_CLOSE int fd = -1, read_only_fd = -1, child = -1, parent = -1;
	int fds[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	child = fds[0];
	parent = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_run(name, parent);
	close(TAKE_FD(parent)); /* so that a child that dies is noticed */
	rc = file_receive(child, &fd);
	if (rc == 0)
		rc = file_receive(child, &read_only_fd);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return rc;
	*ret_fd = TAKE_FD(fd);
	*ret_read_only_fd = TAKE_FD(read_only_fd);
	return 0;
}
