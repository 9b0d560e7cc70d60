/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_image_boot.c - kernel, initrd and command line out of small disk images
 *
 * The images are made here, of directories, by sfdisk and mke2fs; grub-fstest reads them.
 */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/image_boot.h"
#include "cli/image_files.h"
#include "tests/unit/scratch.h"

#define PARTITIONS_MAX 2

static const char system_path[] = "/usr/sbin:/usr/bin:/sbin:/bin";

static struct image_boot boot;
static struct image_limits limits;
static struct fail why;
static char image[128];

static void shell(const char *format, ...) PRINTF(1, 2);

static void shell(const char *format, ...)
{
	char command[4096];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	setenv("PATH", system_path, 1);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

static void setup(void)
{
	scratch_make();
	setenv("PATH", system_path, 1);
	snprintf(image, sizeof(image), "%s/disk", scratch_path);
	boot = IMAGE_BOOT_NONE;
	limits = (struct image_limits){ .bytes = UINT64_C(1) << 30, .seconds = 60 };
	why.text[0] = '\0';
}

static void teardown(void)
{
	image_boot_done(&boot);
	scratch_remove();
}

/* A file of a partition to be. */
static void put(int partition, const char *path, const char *text)
{
	char name[512];
	FILE *file;

	snprintf(name, sizeof(name), "%s/%d%s", scratch_path, partition, path);
	shell("mkdir -p \"$(dirname '%s')\"", name);
	file = fopen(name, "we");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* Partitions 1 and 2 from what was put there, 4 MiB each. */
static void make_disk(void)
{
	shell("cd %s && mkdir -p 1 2 && rm -f disk && truncate -s 10M disk && sfdisk --quiet --no-reread --no-tell-kernel disk << 'END'\n"
	      "label: gpt\n"
	      "start=1MiB, size=4MiB\n"
	      "start=5MiB, size=4MiB\n"
	      "END\n",
	      scratch_path);
	for (int i = 0; i < PARTITIONS_MAX; i++)
		shell("cd %s && mke2fs -q -F -t ext2 -d %d -E offset=%d disk 4M", scratch_path,
		      i + 1, (1 + 4 * i) << 20);
}

static int find(void)
{
	int rc;

	image_boot_done(&boot);
	rc = image_boot_find(image, &limits, &boot, &why);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child is left behind */
	return rc;
}

static void expect_found(const char *cmdline)
{
	ck_assert_msg(find() == 0, "%s", why.text);
	ck_assert_str_eq(boot.cmdline, cmdline);
}

static void expect_file(int fd, const char *bytes, size_t length)
{
	char path[64], *found = calloc(1, length + 1);
	struct stat st;
	int opened;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(opened, 0);
	ck_assert_int_eq(fstat(opened, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, length);
	ck_assert_int_eq(read(opened, found, length), (ssize_t)length);
	ck_assert_mem_eq(found, bytes, length);
	close(opened);
	free(found);
}

#define GRUB_ENTRY                                                                                 \
	"menuentry 'A system' {\n"                                                                 \
	"linux /boot/vmlinuz root=LABEL=x quiet\n"                                                 \
	"initrd /boot/one /boot/two\n"                                                             \
	"}\n"

START_TEST(grubs_entry_with_its_initrds_one_behind_the_other)
{
	put(1, "/boot/grub/grub.cfg", GRUB_ENTRY);
	put(1, "/boot/vmlinuz-6.1", "kernel");
	put(1, "/boot/one", "one");
	put(1, "/boot/two", "two.");
	shell("ln -s vmlinuz-6.1 %s/1/boot/vmlinuz", scratch_path);
	make_disk();
	expect_found("root=LABEL=x quiet console=ttyS0");
	ck_assert_str_eq(boot.title, "A system");
	ck_assert_str_eq(boot.kernel_path, "/boot/vmlinuz");
	expect_file(boot.kernel_fd, "kernel", 6);
	expect_file(boot.initrd_fd, "one\0two.", 8);
	ck_assert_int_eq(write(boot.kernel_fd, "x", 1), -1); /* nobody changes it any more */
	ck_assert_int_lt(ftruncate(boot.initrd_fd, 0), 0);
}
END_TEST

START_TEST(a_boot_partition_that_comes_second)
{
	put(1, "/etc/fstab", "");
	put(2, "/grub2/grub.cfg", "menuentry a { linux /k console=hvc0\n}");
	put(2, "/k", "kernel");
	make_disk();
	expect_found("console=hvc0");
	ck_assert_int_eq(boot.initrd_fd, -1);
}
END_TEST

START_TEST(a_kernel_on_another_partition)
{
	put(1, "/boot/grub/grub.cfg", "menuentry a { linux /k a\ninitrd /i\n}");
	put(1, "/i", "initrd");
	put(2, "/k", "kernel");
	make_disk();
	expect_found("a console=ttyS0");
	expect_file(boot.kernel_fd, "kernel", 6);
	expect_file(boot.initrd_fd, "initrd", 6);
}
END_TEST

START_TEST(a_disk_without_partitions)
{
	put(1, "/boot/grub/grub.cfg", "menuentry a { linux /k a\n}");
	put(1, "/k", "kernel");
	shell("cd %s && truncate -s 8M disk && mke2fs -q -F -t ext4 -d 1 disk", scratch_path);
	expect_found("a console=ttyS0");
}
END_TEST

START_TEST(boot_loader_entries_newest_first)
{
	put(1, "/loader/entries/a-6.9.conf", "linux /old\noptions nine\n");
	put(1, "/loader/entries/a-6.10.conf", "linux /new\noptions ten\ninitrd /i\n");
	put(1, "/loader/entries/b.conf", "efi /shell.efi\n");
	put(1, "/loader/entries/z.conf", "linux relative\n");
	put(1, "/loader/entries/README", "linux /readme\n");
	put(1, "/old", "old");
	put(1, "/new", "new");
	put(1, "/i", "i");
	make_disk();
	expect_found("ten console=ttyS0");
	expect_file(boot.kernel_fd, "new", 3);
	put(1, "/loader/loader.conf", "timeout 3\ndefault a-6.9*\n");
	make_disk();
	expect_found("nine console=ttyS0");
}
END_TEST

START_TEST(grub_with_boot_loader_entries)
{
	put(1, "/boot/grub2/grub.cfg",
	    "load_env\nset default=\"${saved_entry}\"\nset opts=\"root=x\"\nblscfg\n"
	    "menuentry 'Other' { linux /old other\n}");
	put(1, "/boot/loader/entries/a-1.conf", "linux /old\noptions $opts one\n");
	put(1, "/boot/loader/entries/a-2.conf", "linux /new\noptions $opts two\n");
	put(1, "/old", "old");
	put(1, "/new", "new");
	make_disk();
	expect_found("root=x two console=ttyS0");
	put(1, "/boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=a-1\n####");
	make_disk();
	expect_found("root=x one console=ttyS0");
	put(1, "/boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=Other\n####");
	make_disk();
	expect_found("other console=ttyS0");
}
END_TEST

START_TEST(a_configuration_that_leads_nowhere_does_not_hide_another)
{
	put(1, "/boot/grub/grub.cfg", "configfile (hd0,gpt2)/grub/grub.cfg\n");
	put(2, "/grub/grub.cfg", "menuentry a { linux /k a\n}");
	put(2, "/k", "kernel");
	make_disk();
	expect_found("a console=ttyS0");
}
END_TEST

/* No shell ever sees a name. */
START_TEST(names_are_only_names)
{
	put(1, "/boot/grub/grub.cfg",
	    "menuentry '$(touch /tmp/x) \x1b[2J' { linux '/$(touch pwned) -n \"x' a\n}");
	put(1, "/$(touch pwned) -n \"x", "kernel");
	make_disk();
	expect_found("a console=ttyS0");
	expect_file(boot.kernel_fd, "kernel", 6);
	ck_assert_str_eq(boot.title, "$(touch /tmp/x) ?[2J");
}
END_TEST

START_TEST(what_is_missing_is_named)
{
	put(1, "/etc/fstab", "");
	make_disk();
	ck_assert_int_eq(find(), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, image));
	ck_assert_ptr_nonnull(strstr(why.text, "--kernel"));
	put(1, "/boot/grub/grub.cfg", GRUB_ENTRY);
	make_disk();
	ck_assert_int_eq(find(), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "'/boot/vmlinuz'"));
	put(1, "/boot/vmlinuz", "kernel");
	make_disk();
	ck_assert_int_eq(find(), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "'/boot/one'"));
	put(1, "/boot/grub/grub.cfg", "menuentry 'Windows' { chainloader +1\n}");
	make_disk();
	ck_assert_int_eq(find(), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "'Windows'"));
}
END_TEST

START_TEST(what_is_no_image_is_refused)
{
	shell("head -c 100000 /dev/urandom > %s", image);
	ck_assert_int_eq(find(), -ENOENT);
	shell(": > %s", image);
	ck_assert_int_lt(find(), 0);
	shell("rm %s && mkdir %s", image, image);
	ck_assert_int_eq(find(), -EINVAL);
	shell("rmdir %s", image);
	ck_assert_int_eq(find(), -ENOENT);
	shell("mkfifo %s", image); /* nobody waits for its writer */
	ck_assert_int_eq(find(), -EINVAL);
}
END_TEST

START_TEST(nothing_stays_open)
{
	int before;

	put(1, "/boot/grub/grub.cfg", "menuentry a { linux /k a\ninitrd /i\n}");
	put(1, "/k", "kernel");
	make_disk();
	before = open_descriptors();
	ck_assert_int_eq(find(), -ENOENT);
	ck_assert_int_eq(open_descriptors(), before);
	put(1, "/i", "initrd");
	make_disk();
	ck_assert_int_eq(find(), 0);
	ck_assert_int_eq(open_descriptors(), before + 2);
	image_boot_done(&boot);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(a_missing_tool_is_a_sentence)
{
	put(1, "/etc/fstab", "");
	make_disk();
	setenv("PATH", scratch_path, 1);
	ck_assert_int_eq(find(), -ENOPKG);
	ck_assert_ptr_nonnull(strstr(why.text, "grub-common"));
}
END_TEST

/* Puts a program in the tool's place. */
static void fake_tool(const char *text)
{
	put(1, "/grub-fstest", text);
	shell("chmod +x %s/1/grub-fstest && : > %s", scratch_path, image);
	shell("cd %s && cp 1/grub-fstest .", scratch_path);
	setenv("PATH", scratch_path, 1);
}

START_TEST(a_tool_without_end_is_ended)
{
	struct image_files files;

	fake_tool("#!/bin/sh\nexec /bin/sleep 1000\n");
	ck_assert_int_eq(image_files_init(&files, image, 0, &why), -ETIMEDOUT);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

/* A guest that is being put together holds these signals for its loop. */
START_TEST(who_is_told_to_end_does_not_wait_for_the_tool)
{
	struct image_files files;
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	fake_tool("#!/bin/sh\nexec /bin/sleep 1000\n");
	raise(SIGTERM);
	ck_assert_int_eq(image_files_init(&files, image, 1000, &why), -EINTR);
	ck_assert_ptr_nonnull(strstr(why.text, "interrupted"));
	ck_assert_int_eq(find(), -EINTR);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	sigpending(&ends);
	ck_assert(sigismember(&ends, SIGTERM));
}
END_TEST

START_TEST(a_tool_that_dies_or_floods_is_an_error)
{
	fake_tool("#!/bin/sh\nkill -SEGV $$\n");
	ck_assert_int_eq(find(), -EIO);
	fake_tool("#!/bin/sh\nexec /usr/bin/yes\n");
	ck_assert_int_eq(find(), -EFBIG);
}
END_TEST

/* It can be a hostile image that decides what the tool does. */
START_TEST(the_tool_can_write_nothing)
{
	static const char *const attempts[] = { "echo x >> disk", "echo x > new", "/bin/rm old",
						"/bin/mkdir dir", "/bin/ln -s x link" };
	char listing[256];

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
		return; /* the kernel has no way to keep it from that */
	shell("touch %s/old", scratch_path);
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		snprintf(listing, sizeof(listing),
			 "#!/bin/sh\ncd %s && %s && exit 0\nkill -USR1 $$\n", scratch_path,
			 attempts[i]);
		fake_tool(listing);
		ck_assert_msg(find() == -EIO, "%s: %s", attempts[i], why.text);
	}
	shell("cd %s && test -e old && test ! -s disk && test ! -e new", scratch_path);
}
END_TEST

/* A guest that can write to its image could have the host allocate by its wish. */
START_TEST(what_does_not_fit_the_guest_is_not_read)
{
	put(1, "/boot/grub/grub.cfg", GRUB_ENTRY);
	put(1, "/boot/vmlinuz", "kernel");
	put(1, "/boot/one", "one");
	shell("truncate -s 600M %s/1/boot/two", scratch_path); /* costs the guest nothing */
	make_disk();
	limits.bytes = 8 << 20;
	ck_assert_msg(find() == -EFBIG, "%s", why.text);
	ck_assert_ptr_nonnull(strstr(why.text, "'/boot/two'"));
	ck_assert_ptr_nonnull(strstr(why.text, "too large for the guest"));
	limits.bytes = 6 + 3 + 1;
	put(1, "/boot/two", "two.");
	make_disk();
	ck_assert_int_eq(find(), -EFBIG);
	limits.bytes += 4;
	make_disk();
	expect_found("root=LABEL=x quiet console=ttyS0");
	expect_file(boot.initrd_fd, "one\0two.", 8);
	limits.bytes = 5;
	ck_assert_int_eq(find(), -EFBIG);
	ck_assert_ptr_nonnull(strstr(why.text, "'/boot/vmlinuz'"));
}
END_TEST

/* Only what belongs to the image is asked for its files. */
START_TEST(the_machines_own_devices_are_left_out)
{
	struct image_files files;

	fake_tool("#!/bin/sh\necho '(proc) (loop0) (loop0,gpt1) (host) (hd0) (lvm/a-b) (lvm/x)y) "
		  "(md/0) (loop0,gpt1)/etc'\n");
	ck_assert_int_eq(image_files_init(&files, image, 60, &why), 0);
	ck_assert_uint_eq(files.count, 4);
	ck_assert_str_eq(files.devices[0], "(loop0,gpt1)");
	ck_assert_str_eq(files.devices[1], "(lvm/a-b)");
	ck_assert_str_eq(files.devices[2], "(md/0)");
	ck_assert_str_eq(files.devices[3], "(loop0)");
	image_files_done(&files);
}
END_TEST

START_TEST(a_file_has_a_largest_size)
{
	struct image_files files;
	char *text = NULL;
	size_t length;

	put(1, "/ten", "0123456789");
	make_disk();
	ck_assert_int_eq(image_files_init(&files, image, 60, &why), 0);
	ck_assert_int_eq(image_files_read(&files, 0, "/ten", 10, &text, &length, &why), 0);
	ck_assert_str_eq(text, "0123456789");
	ck_assert_uint_eq(length, 10);
	free(text);
	ck_assert_int_eq(image_files_read(&files, 0, "/ten", 9, &text, &length, &why), -EFBIG);
	ck_assert_int_eq(image_files_read(&files, 0, "/", 9, &text, &length, &why), -ENOENT);
	image_files_done(&files);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &grubs_entry_with_its_initrds_one_behind_the_other },
	{ "core", &a_boot_partition_that_comes_second },
	{ "core", &a_kernel_on_another_partition },
	{ "core", &a_disk_without_partitions },
	{ "core", &boot_loader_entries_newest_first },
	{ "core", &grub_with_boot_loader_entries },
	{ "core", &a_configuration_that_leads_nowhere_does_not_hide_another },
	{ "misuse", &names_are_only_names },
	{ "misuse", &what_is_missing_is_named },
	{ "misuse", &what_is_no_image_is_refused },
	{ "faults", &nothing_stays_open },
	{ "faults", &a_missing_tool_is_a_sentence },
	{ "faults", &a_tool_without_end_is_ended },
	{ "faults", &who_is_told_to_end_does_not_wait_for_the_tool },
	{ "faults", &a_tool_that_dies_or_floods_is_an_error },
	{ "faults", &the_tool_can_write_nothing },
	{ "limits", &what_does_not_fit_the_guest_is_not_read },
	{ "faults", &the_machines_own_devices_are_left_out },
	{ "faults", &a_file_has_a_largest_size },
};

static bool has_tools(void)
{
	setenv("PATH", system_path, 1);
	return system("command -v grub-fstest mke2fs sfdisk > /dev/null") == 0;
}

int main(void)
{
	if (!has_tools()) {
		puts("skipped: needs grub-fstest, mke2fs and sfdisk");
		return 77;
	}
	return suite_run("image_boot", tests, ARRAY_SIZE(tests), setup, teardown);
}
