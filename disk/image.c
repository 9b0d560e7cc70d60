/* SPDX-License-Identifier: Apache-2.0 */
/* image.c - a file or block device that holds the bytes of a disk, opened and locked */
#include "disk/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "disk/disk.h"

#define FILE_BLOCK_BYTES 4096u /* of the page cache */

/* Formats that start with a mark of their own, and what qemu-nbd calls them. */
static const struct {
	const char *mark;
	const char *name;
} formats[] = {
	{ "QFI\xfb", "qcow2" },
	{ "KDMV", "vmdk" },
	{ "vhdxfile", "vhdx" },
	{ "QED", "qed" },
};

static int file_open(const char *file, bool writable, struct stat *ret_st, struct fail *why)
{
	/* a pipe must not make us wait for its other end */
	AUTO_CLOSE int fd =
		open(file, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return fail_errno(why, errno, "cannot open disk '%s'%s", file,
				  writable && (errno == EACCES || errno == EROFS)
					  ? " for writing (,ro or ,overlay don't need that)"
					  : "");
	if (!S_ISREG(ret_st->st_mode) && !S_ISBLK(ret_st->st_mode))
		return fail_set(why, EINVAL, "disk '%s' is neither a file nor a block device",
				file);
	if (fcntl(fd, F_SETFL, 0) < 0)
		return fail_errno(why, errno, "cannot open disk '%s'", file);
	return TAKE_FD(fd);
}

/* A device that is mounted, or part of another, has an owner whom no lock tells of us. */
static int device_claim(const char *file, int *fd, bool writable, struct fail *why)
{
	int exclusive;

	if (!writable)
		return 0;
	exclusive = open(file, O_RDWR | O_CLOEXEC | O_EXCL);
	if (exclusive < 0)
		return fail_errno(why, errno,
				  "cannot have the block device '%s' alone (is it mounted?)", file);
	close(*fd);
	*fd = exclusive;
	return 0;
}

static int image_lock(const char *file, int fd, bool writable, struct fail *why)
{
	if (flock(fd, (writable ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return 0; /* a file system without locks: nothing to do about it */
	if (writable)
		return fail_set(why, EBUSY,
				"disk '%s' is in use by another guest, or given twice: give each a "
				"file of its own, or all this one with ,overlay or ,ro",
				file);
	return fail_set(why, EBUSY,
			"disk '%s' is in use by another guest, which writes to it: what ,ro or "
			",overlay read must not change",
			file);
}

static int image_measure(const char *file, const struct stat *st, struct image *image,
			 struct fail *why)
{
	unsigned int block_bytes = 0;

	image->block_bytes = FILE_BLOCK_BYTES;
	if (S_ISREG(st->st_mode)) {
		image->bytes = (uint64_t)st->st_size;
	} else {
		if (ioctl(image->fd, BLKGETSIZE64, &image->bytes) < 0)
			return fail_errno(why, errno, "cannot learn the size of disk '%s'", file);
		if (ioctl(image->fd, BLKPBSZGET, &block_bytes) == 0 && block_bytes >= DISK_SECTOR &&
		    (block_bytes & (block_bytes - 1)) == 0)
			image->block_bytes = block_bytes;
	}
	if (image->bytes == 0)
		return fail_set(why, EINVAL, "disk '%s' is empty", file);
	if (image->bytes % DISK_SECTOR)
		return fail_set(why, EINVAL,
				"disk '%s' has %" PRIu64
				" bytes, but disks are made of %u: `truncate -s %%%u FILE` makes "
				"it longer",
				file, image->bytes, DISK_SECTOR, DISK_SECTOR);
	return 0;
}

static int image_refuse_format(const char *file, int fd, struct fail *why)
{
	char start[16] = { 0 };

	if (pread(fd, start, sizeof(start), 0) < 0)
		return fail_errno(why, errno, "cannot read disk '%s'", file);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (memcmp(start, formats[i].mark, strlen(formats[i].mark)) == 0)
			return fail_set(why, EINVAL,
					"disk '%s' looks like %s, not like a raw image: serve it "
					"with `qemu-nbd -f %s -t -k SOCKET FILE` and name "
					"nbd+unix:///?socket=SOCKET, or say ,raw if it is raw",
					file, formats[i].name, formats[i].name);
	return 0;
}

int image_open(const char *file, bool writable, bool as_raw, struct image *ret_image,
	       struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	struct image image;
	struct stat st;
	int rc = 0;

	fd = file_open(file, writable, &st, why);
	if (fd < 0)
		return fd;
	if (S_ISBLK(st.st_mode))
		rc = device_claim(file, &fd, writable, why);
	if (rc == 0)
		rc = image_lock(file, fd, writable, why);
	image.fd = fd;
	if (rc == 0)
		rc = image_measure(file, &st, &image, why);
	if (rc == 0 && !as_raw)
		rc = image_refuse_format(file, fd, why);
	if (rc < 0)
		return rc;
	image.fd = TAKE_FD(fd);
	*ret_image = image;
	return 0;
}

void image_close(struct image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}
