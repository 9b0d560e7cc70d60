/* SPDX-License-Identifier: Apache-2.0 */
/* check_store.c - frames keep their bytes, give memory back, and only the broker writes */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/store.h"
#include "dedup/digest.h"

static struct store store;
static uint8_t page[PAGE_BYTES];

static void open_store(void)
{
	struct fail why;

	ck_assert_int_eq(store_init(&store, "test", &why), 0);
	ck_assert_uint_gt(store.frames, 100);
}

static void fill_frame(uint32_t frame, int value)
{
	memset(page, value, sizeof(page));
	ck_assert_int_eq(store_write(&store, frame, page), 0);
}

static int read_frame(uint32_t frame)
{
	ck_assert_int_eq(pread(store.read_only_fd, page, PAGE_BYTES, (off_t)frame * PAGE_BYTES),
			 PAGE_BYTES);
	return page[PAGE_BYTES - 1];
}

START_TEST(a_frame_keeps_its_bytes)
{
	open_store();
	fill_frame(0, 1);
	fill_frame(99, 2);
	fill_frame(store.frames - 1, 3);
	ck_assert_int_eq(read_frame(0), 1);
	ck_assert_int_eq(read_frame(99), 2);
	ck_assert_int_eq(read_frame(store.frames - 1), 3);
	ck_assert_int_eq(read_frame(50), 0);
	store_done(&store);
}
END_TEST

START_TEST(a_punched_frame_gives_its_memory_back)
{
	open_store();
	ck_assert_uint_eq(store_bytes(&store), 0);
	fill_frame(0, 1);
	fill_frame(1, 2);
	ck_assert_uint_eq(store_bytes(&store), 2 * PAGE_BYTES);
	store_punch(&store, 0, 1);
	ck_assert_uint_eq(store_bytes(&store), PAGE_BYTES);
	ck_assert_int_eq(read_frame(0), 0);
	ck_assert_int_eq(read_frame(1), 2);
	fill_frame(0, 9);
	ck_assert_int_eq(read_frame(0), 9);
	store_done(&store);
}
END_TEST

START_TEST(private_mappings_are_all_that_a_guest_can_make)
{
	uint8_t *mapping;

	open_store();
	fill_frame(0, 1);
	mapping =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, store.read_only_fd, 0);
	ck_assert_ptr_ne(mapping, MAP_FAILED);
	mapping[PAGE_BYTES - 1] = 7; /* into a copy */
	ck_assert_int_eq(read_frame(0), 1);
	ck_assert_ptr_eq(
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, store.read_only_fd, 0),
		MAP_FAILED);
	ck_assert_int_eq(errno, EACCES);
	mapping = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, store.read_only_fd, 0);
	ck_assert_ptr_ne(mapping, MAP_FAILED);
	ck_assert_int_eq(mprotect(mapping, PAGE_BYTES, PROT_READ | PROT_WRITE), -1);
	store_done(&store);
}
END_TEST

START_TEST(the_guests_descriptor_changes_nothing)
{
	int fd;

	open_store();
	fd = store.read_only_fd;
	fill_frame(0, 1);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE_BYTES),
			 -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(read_frame(0), 1);
	store_done(&store);
}
END_TEST

/* Whoever it is: the owner and root may change modes, but there is no mode to change. */
static void expect_unwritable(int fd)
{
	static const int ways[] = { O_RDWR, O_WRONLY, O_RDWR | O_TRUNC };
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ck_assert_int_eq(fchmod(fd, 0666), -1);
	ck_assert_int_eq(chmod(path, 0666), -1);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		ck_assert_int_eq(open(path, ways[i] | O_CLOEXEC), -1);
	ck_assert_int_eq(truncate(path, 0), -1);
	ck_assert_int_eq(open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE), -1);
	ck_assert_int_eq(mount_setattr(fd, "", AT_EMPTY_PATH,
				       &(struct mount_attr){ .attr_clr = MOUNT_ATTR_RDONLY },
				       sizeof(struct mount_attr)),
			 -1);
}

START_TEST(nobody_opens_the_guests_descriptor_anew_for_writing)
{
	bool is_root = geteuid() == 0;

	open_store();
	fill_frame(0, 1);
	if (store.is_guarded)
		expect_unwritable(store.read_only_fd);
	if (is_root) { /* and another user not either, guarded or not */
		ck_assert_int_eq(seteuid(65534), 0);
		expect_unwritable(store.read_only_fd);
		ck_assert_int_eq(seteuid(0), 0);
	}
	ck_assert_int_eq(read_frame(0), 1);
	store_done(&store);
}
END_TEST

START_TEST(a_guests_mapping_changes_no_frame)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	uint8_t *mapping;
	int uffd;

	open_store();
	fill_frame(0, 1);
	mapping = mmap(NULL, 2 * PAGE_BYTES, PROT_READ, MAP_SHARED, store.read_only_fd, 0);
	ck_assert_ptr_ne(mapping, MAP_FAILED);
	ck_assert_int_eq(madvise(mapping, PAGE_BYTES, MADV_REMOVE), -1);
	/* frame 1 is a hole, which userfaultfd could fill if the mapping might be written to */
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api) == 0) {
		range.range.start = (uintptr_t)mapping;
		range.range.len = 2 * PAGE_BYTES;
		ck_assert_int_eq(ioctl(uffd, UFFDIO_REGISTER, &range), -1);
	}
	ck_assert_int_eq(read_frame(0), 1);
	ck_assert_int_eq(read_frame(1), 0);
	store_done(&store);
}
END_TEST

/* In a child of its own, which can't take this back. */
static void forbid_namespaces(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

static bool store_works_without_mounts(void)
{
	log_set_level(LOG_LEVEL_ERROR); /* it would warn of what we are after */
	forbid_namespaces();
	open_store();
	if (store.is_guarded || ftruncate(store.fd, 0) == 0 ||
	    ftruncate(store.fd, (off_t)store.frames * PAGE_BYTES * 2) == 0 ||
	    ftruncate(store.read_only_fd, 0) == 0)
		return false;
	fill_frame(3, 7);
	return read_frame(3) == 7;
}

START_TEST(where_nothing_can_be_mounted_the_size_is_sealed)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(store_works_without_mounts() ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_frame_behind_the_end_is_an_error)
{
	open_store();
	ck_assert_int_lt(store_write(&store, store.frames, page), 0);
	store_punch(&store, store.frames, 1);
	store_done(&store);
	store_done(&store); /* twice is once */
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_frame_keeps_its_bytes },
	{ "core", &a_punched_frame_gives_its_memory_back },
	{ "core", &private_mappings_are_all_that_a_guest_can_make },
	{ "misuse", &the_guests_descriptor_changes_nothing },
	{ "misuse", &nobody_opens_the_guests_descriptor_anew_for_writing },
	{ "misuse", &a_guests_mapping_changes_no_frame },
	{ "faults", &where_nothing_can_be_mounted_the_size_is_sealed },
	{ "limits", &a_frame_behind_the_end_is_an_error },
};

SUITE_MAIN("store", tests)
