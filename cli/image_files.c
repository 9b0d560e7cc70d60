/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_files.c - files inside a disk image, read without mounting it
 *
 * The child writes straight into anonymous memory, so that there is no pipe to be kept
 * flowing: the limit on the size of files bounds its output, and we only wait for its end.
 */
#include "cli/image_files.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "cli/bls_entry.h"
#include "cli/end_signals.h"

#define TOOL_MEMORY_BYTES (UINT64_C(256) << 20) /* of addresses; it reads files piece by piece */
#define LIST_MAX_BYTES	  (UINT64_C(64) << 10)
#define STATUS_NO_TOOL	  127
#define ARGUMENT_SIZE	  (IMAGE_DEVICE_SIZE + 1024)

/* -------------------------------------------------------------------- child */

static void limit(int resource, uint64_t most)
{
	struct rlimit value = { most, most };

	if (setrlimit((__rlimit_resource_t)resource, &value) < 0)
		_exit(STATUS_NO_TOOL - 1);
}

/*
 * An image that gets the better of the tool finds a process that can read, but make,
 * change and remove no file. Where the kernel lacks Landlock, there is no such wall.
 */
static void forbid_writing(void)
{
	struct landlock_ruleset_attr rules = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
				     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
				     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
				     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
				     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	long fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		_exit(STATUS_NO_TOOL - 1);
}

/* Between fork and exec: only what is safe there. out: for what it prints, at its offset. */
static void child_main(char *const *arguments, int out, uint64_t out_bytes, pid_t parent)
{
	static const char *const names[] = { "grub-fstest", "grub2-fstest" };
	char locale[] = "LC_ALL=C", *const environment[] = { locale, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGXFSZ, SIG_DFL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(STATUS_NO_TOOL - 1);
	forbid_writing();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_AS, TOOL_MEMORY_BYTES);
	limit(RLIMIT_FSIZE, out_bytes);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		execvpe(names[i], arguments, environment);
	_exit(STATUS_NO_TOOL);
}

/*
 * Readable once the caller was told to end. The caller holds these signals until it has
 * a loop; they are only looked at here, and stay for it. Of one that is not held it dies.
 */
static int signals_watch(void)
{
	sigset_t set;

	end_signals_set(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* 0: the child ends; -ETIMEDOUT; -EINTR: the caller shall end. */
static int await_event(struct pollfd fds[2], uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now = now_ns();
		uint64_t left_ms = now < deadline_ns ? (deadline_ns - now) / NS_PER_MS : 0;
		int n = poll(fds, 2, (int)left_ms);

		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			return fds[0].revents ? 0 : -EINTR;
	}
}

/* As above; it is dead afterwards. */
static int await_end(pid_t child, uint64_t deadline_ns, int *ret_status)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	AUTO_CLOSE int signals_fd = signals_watch();
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
				{ .fd = signals_fd, .events = POLLIN } };
	int rc = pidfd < 0 || signals_fd < 0 ? -errno : await_event(fds, deadline_ns);

	if (rc < 0)
		kill(child, SIGKILL);
	while (waitpid(child, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return rc;
}

static int judge(int rc, int status, const struct image_files *files, struct fail *why)
{
	if (rc == -ETIMEDOUT)
		return fail_set(why, ETIMEDOUT, "grub-fstest did not get through with '%s' in time",
				files->image);
	if (rc == -EINTR)
		return fail_set(why, EINTR, "looking into '%s' was interrupted", files->image);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot wait for grub-fstest");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		return fail_set(why, EFBIG, "a file in '%s' is too large", files->image);
	if (WIFSIGNALED(status))
		return fail_set(why, EIO, "grub-fstest failed on '%s' (signal %d)", files->image,
				WTERMSIG(status));
	if (WEXITSTATUS(status) == STATUS_NO_TOOL)
		return fail_set(why, ENOPKG,
				"looking into a disk image needs grub-fstest: install the package "
				"grub-common");
	if (WEXITSTATUS(status) != 0)
		return fail_set(why, ENOENT, "grub-fstest could not read '%s'", files->image);
	return 0;
}

/* verb and argument: of grub-fstest; argument NULL: none. out: at its offset, up to max_bytes. */
static int run_tool(struct image_files *files, const char *verb, const char *argument, int out,
		    uint64_t max_bytes, struct fail *why)
{
	char *arguments[] = { (char[]){ "grub-fstest" }, files->image, strdupa(verb),
			      argument ? strdupa(argument) : NULL, NULL };
	off_t offset = lseek(out, 0, SEEK_CUR);
	pid_t parent = getpid(), child;
	int rc, status = 0;

	if (offset < 0)
		return fail_errno(why, errno, "cannot keep what is in '%s'", files->image);
	child = fork();
	if (child < 0)
		return fail_errno(why, errno, "cannot start grub-fstest");
	if (child == 0)
		child_main(arguments, out, (uint64_t)offset + max_bytes, parent);
	rc = await_end(child, files->deadline_ns, &status);
	return judge(rc, status, files, why);
}

/* ------------------------------------------------------------------- output */

int image_memory_create(const char *name, int *ret_fd, struct fail *why)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return fail_errno(why, errno, "cannot make anonymous memory");
	*ret_fd = fd;
	return 0;
}

/* What the tool has written, as a text of its own. */
static int take_text(int fd, uint64_t max_bytes, char **ret_text, size_t *ret_length,
		     struct fail *why)
{
	AUTO_FREE char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size > max_bytes)
		return fail_errno(why, EIO, "cannot read what grub-fstest says");
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return fail_errno(why, ENOMEM, "cannot read what grub-fstest says");
	n = pread(fd, text, (size_t)st.st_size, 0);
	if (n != st.st_size)
		return fail_errno(why, EIO, "cannot read what grub-fstest says");
	*ret_text = TAKE(text);
	*ret_length = (size_t)n;
	return 0;
}

static int tool_text(struct image_files *files, const char *verb, const char *argument,
		     uint64_t max_bytes, char **ret_text, size_t *ret_length, struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	int rc = image_memory_create("image-text", &fd, why);

	if (rc == 0)
		rc = run_tool(files, verb, argument, fd, max_bytes, why);
	return rc < 0 ? rc : take_text(fd, max_bytes, ret_text, ret_length, why);
}

static int name_file(const struct image_files *files, unsigned int device, const char *path,
		     char to[ARGUMENT_SIZE], struct fail *why)
{
	int n = snprintf(to, ARGUMENT_SIZE, "%s%s", files->devices[device], path);

	if (n < 0 || n >= ARGUMENT_SIZE)
		return fail_set(why, ENAMETOOLONG, "a path in '%s' is too long", files->image);
	return 0;
}

int image_files_copy(struct image_files *files, unsigned int device, const char *path, int fd,
		     uint64_t max_bytes, struct fail *why)
{
	char name[ARGUMENT_SIZE];
	int rc = name_file(files, device, path, name, why);

	return rc < 0 ? rc : run_tool(files, "cat", name, fd, max_bytes, why);
}

int image_files_read(struct image_files *files, unsigned int device, const char *path,
		     uint64_t max_bytes, char **ret_text, size_t *ret_length, struct fail *why)
{
	char name[ARGUMENT_SIZE];
	int rc = name_file(files, device, path, name, why);

	return rc < 0 ? rc : tool_text(files, "cat", name, max_bytes, ret_text, ret_length, why);
}

int image_files_list(struct image_files *files, unsigned int device, const char *path,
		     char **ret_names, struct fail *why)
{
	char name[ARGUMENT_SIZE];
	size_t length;
	int rc = name_file(files, device, path, name, why);

	return rc < 0 ? rc : tool_text(files, "ls", name, LIST_MAX_BYTES, ret_names, &length, why);
}

/* ------------------------------------------------------------------ devices */

/*
 * Partitions and volumes of the image; not (host) and (proc), which are this machine's.
 * Names of volumes are the image's own: only plain ones.
 */
static bool is_device(const char *word)
{
	size_t length = strlen(word);

	if (length < 3 || length >= IMAGE_DEVICE_SIZE || word[length - 1] != ')')
		return false;
	for (size_t i = 1; i + 1 < length; i++)
		if (!isalnum((unsigned char)word[i]) && !strchr(",/._+-:", word[i]))
			return false;
	return strncmp(word, "(loop0,", 7) == 0 || strncmp(word, "(lvm/", 5) == 0 ||
	       strncmp(word, "(md/", 4) == 0;
}

static void add_device(struct image_files *files, const char *word)
{
	if (files->count < IMAGE_DEVICES_MAX)
		snprintf(files->devices[files->count++], IMAGE_DEVICE_SIZE, "%s", word);
}

static int compare_devices(const void *a, const void *b)
{
	return version_compare(a, b);
}

static int find_devices(struct image_files *files, struct fail *why)
{
	AUTO_FREE char *words = NULL;
	size_t length;
	char *rest;
	int rc = tool_text(files, "ls", NULL, LIST_MAX_BYTES, &words, &length, why);

	if (rc < 0)
		return rc;
	for (char *word = strtok_r(words, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (is_device(word) && files->count < IMAGE_DEVICES_MAX - 1)
			add_device(files, word);
	/* grub-fstest names the last partition first */
	qsort(files->devices, files->count, sizeof(*files->devices), compare_devices);
	add_device(files, "(loop0)"); /* a file system without partitions */
	return 0;
}

int image_files_init(struct image_files *files, const char *image, unsigned int seconds,
		     struct fail *why)
{
	AUTO_CLOSE int fd = open(image, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(why, errno, "cannot open the disk image '%s'", image);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail_set(why, EINVAL, "'%s' is neither a disk image nor a disk", image);
	*files = (struct image_files){ .deadline_ns = now_ns() + seconds * NS_PER_SEC };
	files->image = realpath(image, NULL);
	if (!files->image)
		return fail_errno(why, errno, "cannot open the disk image '%s'", image);
	rc = find_devices(files, why);
	if (rc < 0)
		image_files_done(files);
	return rc;
}

void image_files_done(struct image_files *files)
{
	free(files->image);
	files->image = NULL;
}
