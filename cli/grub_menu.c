/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grub_menu.c - what GRUB would boot, from its grub.cfg and its grubenv
 *
 * One pass over the configuration runs its commands, and notes for each menu entry
 * where its block is. Then the default entry's block is run in the same way. Nothing
 * is ever run twice, so that a hostile text costs no more than its length.
 *
 * What is open at a point of the text (conditions, blocks) is a stack of frames; a
 * command counts where all frames below it are active.
 */
#include "cli/grub_menu.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cli/grub_condition.h"
#include "cli/grub_script.h"

#define FRAMES_MAX   32
#define ENTRIES_MAX  256
#define COMMANDS_MAX 65536
#define NO_ENTRY     SIZE_MAX

enum frame_kind {
	FRAME_IF,
	FRAME_LOOP,
	FRAME_BLOCK,
	FRAME_SUBMENU, /* a block, too */
};

struct frame {
	enum frame_kind kind;
	bool is_active; /* with all frames below it */
	bool is_done;	/* if: no further branch can be taken */
	size_t entry;	/* whose block this is, or NO_ENTRY */
};

struct entry {
	char title[BOOT_TITLE_SIZE], id[BOOT_TITLE_SIZE];
	size_t parent; /* the submenu it is in, or NO_ENTRY */
	bool is_submenu;
	const char *start, *end; /* its block */
};

struct grub_menu {
	const char *environment;
	size_t environment_length;
	struct grub_variables variables;
	struct grub_command command; /* the one that is being run */
	struct frame frames[FRAMES_MAX];
	size_t frame_count, command_count;
	struct entry entries[ENTRIES_MAX];
	size_t entry_count;
	bool has_bls;
	struct boot_entry *boots; /* what `linux' and `initrd' write to; NULL outside of an entry */
};

static void copy_cut(char to[BOOT_TITLE_SIZE], const char *text)
{
	size_t length = strnlen(text, BOOT_TITLE_SIZE - 1);

	memcpy(to, text, length);
	to[length] = '\0';
}

/* ------------------------------------------------------------------- frames */

static bool is_active(const struct grub_menu *menu)
{
	return menu->frame_count == 0 || menu->frames[menu->frame_count - 1].is_active;
}

static int frame_push(struct grub_menu *menu, enum frame_kind kind, bool active, size_t entry)
{
	if (menu->frame_count == FRAMES_MAX)
		return -E2BIG;
	menu->frames[menu->frame_count] = (struct frame){
		.kind = kind,
		.is_active = active && is_active(menu),
		.is_done = !is_active(menu),
		.entry = entry,
	};
	menu->frame_count++;
	return 0;
}

/* The innermost frame, if it is of that kind. */
static struct frame *frame_top(struct grub_menu *menu, enum frame_kind kind)
{
	struct frame *top = menu->frame_count ? &menu->frames[menu->frame_count - 1] : NULL;

	return top && top->kind == kind ? top : NULL;
}

static void frame_pop(struct grub_menu *menu, enum frame_kind kind)
{
	if (frame_top(menu, kind))
		menu->frame_count--;
}

/* The end of a block ends what was left open in it. before: the text's part ahead of it. */
static void block_close(struct grub_menu *menu, const char *before)
{
	while (menu->frame_count > 0) {
		const struct frame *top = &menu->frames[--menu->frame_count];

		if (top->kind == FRAME_IF || top->kind == FRAME_LOOP)
			continue;
		if (top->entry != NO_ENTRY)
			menu->entries[top->entry].end = before;
		return;
	}
}

static size_t innermost_submenu(const struct grub_menu *menu)
{
	for (size_t i = menu->frame_count; i > 0; i--)
		if (menu->frames[i - 1].kind == FRAME_SUBMENU)
			return menu->frames[i - 1].entry;
	return NO_ENTRY;
}

/* ----------------------------------------------------------------- commands */

/* NAME=VALUE; all else sets nothing. */
static int assign(struct grub_menu *menu, const char *word)
{
	const char *equals = strchr(word, '=');

	if (!equals)
		return 0;
	return grub_variables_set(&menu->variables, word, (size_t)(equals - word), equals + 1);
}

static int run_set(struct grub_menu *menu, char *const *words, size_t count)
{
	return count == 2 ? assign(menu, words[1]) : 0;
}

/*
 * Lines NAME=VALUE of an environment block. What is chosen for the next boot only is
 * left out: nobody could take it back.
 */
static int run_load_env(struct grub_menu *menu, char *const *words, size_t count)
{
	const char *at = menu->environment, *end = at ? at + menu->environment_length : at;
	int rc = 0;

	menu->environment_length = 0; /* once will do */
	while (rc == 0 && at < end) {
		const char *line = at, *line_end = memchr(at, '\n', (size_t)(end - at));
		const char *equals;
		char value[GRUB_COMMAND_SIZE];

		line_end = line_end ? line_end : end;
		at = line_end < end ? line_end + 1 : end;
		equals = memchr(line, '=', (size_t)(line_end - line));
		if (*line == '#' || !equals || line_end - equals > (ptrdiff_t)sizeof(value) ||
		    strncmp(line, "next_entry=", strlen("next_entry=")) == 0)
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)(line_end - equals - 1), equals + 1);
		rc = grub_variables_set(&menu->variables, line, (size_t)(equals - line), value);
	}
	return rc;
}

static int run_blscfg(struct grub_menu *menu, char *const *words, size_t count)
{
	menu->has_bls = true;
	return 0;
}

/* An argument with blanks gets its quotes back: the kernel splits at blanks, too. */
static int add_argument(struct boot_entry *entry, const char *word)
{
	char quoted[BOOT_CMDLINE_SIZE];

	if (!strchr(word, ' '))
		return boot_entry_add_cmdline(entry, word);
	if ((size_t)snprintf(quoted, sizeof(quoted), "\"%s\"", word) >= sizeof(quoted))
		return -E2BIG;
	return boot_entry_add_cmdline(entry, quoted);
}

static int run_linux(struct grub_menu *menu, char *const *words, size_t count)
{
	struct boot_entry *entry = menu->boots;
	int rc;

	if (!entry || count < 2)
		return 0;
	entry->cmdline[0] = '\0';
	entry->initrd_count = 0;
	rc = boot_entry_set_kernel(entry, words[1]);
	for (size_t i = 2; rc == 0 && i < count; i++)
		rc = add_argument(entry, words[i]);
	return rc;
}

static int run_initrd(struct grub_menu *menu, char *const *words, size_t count)
{
	int rc = 0;

	if (!menu->boots)
		return 0;
	menu->boots->initrd_count = 0;
	for (size_t i = 1; rc == 0 && i < count; i++)
		rc = boot_entry_add_initrd(menu->boots, words[i]);
	return rc;
}

static const struct {
	const char *name;
	int (*run)(struct grub_menu *menu, char *const *words, size_t count);
} commands[] = {
	{ "set", run_set },	  { "load_env", run_load_env }, { "blscfg", run_blscfg },
	{ "linux", run_linux },	  { "linux16", run_linux },	{ "linuxefi", run_linux },
	{ "initrd", run_initrd }, { "initrd16", run_initrd },	{ "initrdefi", run_initrd },
};

/* All others, among them functions of the configuration's own, change nothing here. */
static int run_command(struct grub_menu *menu, char *const *words, size_t count)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(words[0], commands[i].name) == 0)
			return commands[i].run(menu, words, count);
	return count == 1 ? assign(menu, words[0]) : 0;
}

/* ------------------------------------------------------------------- blocks */

static const char *option_value(char *const *words, size_t count, const char *option)
{
	for (size_t i = 2; i + 1 < count; i++)
		if (strcmp(words[i], option) == 0)
			return words[i + 1];
	return "";
}

/* behind: the text behind the brace. Entries in excess can't be booted. */
static int entry_open(struct grub_menu *menu, char *const *words, size_t count, const char *behind)
{
	bool is_submenu = strcmp(words[0], "submenu") == 0;
	bool is_counted =
		is_active(menu) && count > 1 && menu->entry_count < ENTRIES_MAX && !menu->boots;
	struct entry *entry = &menu->entries[menu->entry_count];

	if (!is_counted)
		return frame_push(menu, FRAME_BLOCK, false, NO_ENTRY);
	copy_cut(entry->title, words[1]);
	copy_cut(entry->id, option_value(words, count, "--id"));
	entry->parent = innermost_submenu(menu);
	entry->is_submenu = is_submenu;
	entry->start = entry->end = behind;
	return frame_push(menu, is_submenu ? FRAME_SUBMENU : FRAME_BLOCK, is_submenu,
			  menu->entry_count++);
}

static int block_open(struct grub_menu *menu, char *const *words, size_t count, const char *behind)
{
	if (count == 0)
		return frame_push(menu, FRAME_BLOCK, true, NO_ENTRY);
	if (strcmp(words[0], "menuentry") == 0 || strcmp(words[0], "submenu") == 0)
		return entry_open(menu, words, count, behind);
	return frame_push(menu, FRAME_BLOCK, strcmp(words[0], "function") != 0, NO_ENTRY);
}

/* if and elif: the branch that follows is taken if it is the first that can be. */
static int branch(struct grub_menu *menu, char *const *words, size_t count)
{
	struct frame *frame;
	int rc = strcmp(words[0], "if") == 0 ? frame_push(menu, FRAME_IF, true, NO_ENTRY) : 0;

	frame = frame_top(menu, FRAME_IF);
	if (rc < 0 || !frame)
		return rc;
	frame->is_active =
		!frame->is_done && grub_condition(words + 1, count - 1, menu->environment);
	frame->is_done = frame->is_done || frame->is_active;
	return 0;
}

static void otherwise(struct grub_menu *menu)
{
	struct frame *frame = frame_top(menu, FRAME_IF);

	if (!frame)
		return;
	frame->is_active = !frame->is_done;
	frame->is_done = true;
}

/* A word that has a meaning at the start of a command, and a command behind it. */
static bool is_prefix(struct grub_menu *menu, const char *word)
{
	if (strcmp(word, "else") == 0)
		otherwise(menu);
	else if (strcmp(word, "fi") == 0)
		frame_pop(menu, FRAME_IF);
	else if (strcmp(word, "done") == 0)
		frame_pop(menu, FRAME_LOOP);
	else
		return strcmp(word, "then") == 0 || strcmp(word, "do") == 0;
	return true;
}

static bool is_loop(const char *word)
{
	return strcmp(word, "for") == 0 || strcmp(word, "while") == 0 || strcmp(word, "until") == 0;
}

static int run_words(struct grub_menu *menu, const char *behind)
{
	char *const *words = menu->command.words;
	size_t count = menu->command.count;

	for (; count > 0 && is_prefix(menu, *words); count--)
		words++;
	if (menu->command.stop == GRUB_STOP_OPEN)
		return block_open(menu, words, count, behind);
	if (count == 0)
		return 0;
	if (strcmp(words[0], "if") == 0 || strcmp(words[0], "elif") == 0)
		return branch(menu, words, count);
	if (is_loop(words[0]))
		return frame_push(menu, FRAME_LOOP, false, NO_ENTRY);
	return is_active(menu) ? run_command(menu, words, count) : 0;
}

static int run(struct grub_menu *menu, const char *at, const char *end)
{
	int rc = 0;

	menu->frame_count = 0;
	while (rc == 0 && at < end) {
		rc = grub_command_read(&at, end, &menu->variables, &menu->command);
		if (rc == 0 && ++menu->command_count > COMMANDS_MAX)
			rc = -E2BIG;
		if (rc == 0)
			rc = run_words(menu, at);
		if (rc == 0 && menu->command.stop == GRUB_STOP_CLOSE)
			block_close(menu, at - 1);
	}
	return rc;
}

static int refuse(int rc, struct fail *why)
{
	switch (rc) {
	case -ENOMEM:
		return fail_errno(why, ENOMEM, "cannot read GRUB's configuration");
	case -E2BIG:
	case -ENAMETOOLONG:
		return fail_set(why, -rc, "GRUB's configuration is larger than one can be");
	default:
		return fail_set(why, -rc, "GRUB's configuration is malformed");
	}
}

/* --------------------------------------------------------------- the default */

static bool entry_is(const struct entry *entry, const char *name, size_t length)
{
	return (strncmp(entry->title, name, length) == 0 && entry->title[length] == '\0') ||
	       (strncmp(entry->id, name, length) == 0 && entry->id[length] == '\0');
}

/* Among those of one submenu, by number, title or id; NO_ENTRY: none. */
static size_t entry_find(const struct grub_menu *menu, size_t parent, const char *name,
			 size_t length)
{
	char number_text[24];
	uint64_t number, place = 0;

	snprintf(number_text, sizeof(number_text), "%.*s", (int)(length < 23 ? length : 23), name);
	if (parse_number(number_text, 0, ENTRIES_MAX, &number) < 0)
		number = UINT64_MAX;
	for (size_t i = 0; i < menu->entry_count; i++) {
		if (menu->entries[i].parent != parent)
			continue;
		if (length < BOOT_TITLE_SIZE &&
		    (place == number || entry_is(&menu->entries[i], name, length)))
			return i;
		place++;
	}
	return NO_ENTRY;
}

/* The words of `default' lead from menu to submenu, with > between them. */
static size_t entry_default(const struct grub_menu *menu)
{
	const char *name = grub_menu_default(menu);
	size_t found = NO_ENTRY;

	for (size_t depth = 0; depth < FRAMES_MAX; depth++) {
		size_t length = strcspn(name, ">");
		size_t next = length ? entry_find(menu, found, name, length) : NO_ENTRY;

		if (next == NO_ENTRY) /* what is not there is the first, as in GRUB */
			next = entry_find(menu, found, "0", 1);
		if (next == NO_ENTRY || !menu->entries[next].is_submenu)
			return next;
		found = next;
		name += length + (name[length] == '>');
	}
	return NO_ENTRY;
}

const char *grub_menu_default(const struct grub_menu *menu)
{
	return grub_variables_get(&menu->variables, "default", strlen("default"));
}

bool grub_menu_names(const struct grub_menu *menu, const char *title_or_id)
{
	size_t length = strcspn(title_or_id, ">");

	for (size_t i = 0; length > 0 && i < menu->entry_count; i++)
		if (menu->entries[i].parent == NO_ENTRY && length < BOOT_TITLE_SIZE &&
		    entry_is(&menu->entries[i], title_or_id, length))
			return true;
	return false;
}

bool grub_menu_has_bls(const struct grub_menu *menu)
{
	return menu->has_bls;
}

int grub_menu_expand(void *menu, const char *text, char *to, size_t size)
{
	return grub_variables_expand(&((struct grub_menu *)menu)->variables, text, to, size);
}

int grub_menu_boots(struct grub_menu *menu, struct boot_entry *ret_entry, struct fail *why)
{
	size_t found = entry_default(menu);
	struct boot_entry entry;
	int rc;

	if (found == NO_ENTRY)
		return fail_set(why, ENOENT, "GRUB's menu is empty");
	boot_entry_init(&entry);
	boot_entry_set_title(&entry, menu->entries[found].title);
	menu->boots = &entry;
	rc = run(menu, menu->entries[found].start, menu->entries[found].end);
	menu->boots = NULL;
	if (rc < 0)
		return refuse(rc, why);
	if (!entry.kernel[0])
		return fail_set(why, ENOENT,
				"the default entry of GRUB's menu, '%s', starts no Linux kernel",
				entry.title);
	*ret_entry = entry;
	return 0;
}

/* ----------------------------------------------------------- create and free */

/* What GRUB itself sets before the configuration runs. */
static int preset(struct grub_menu *menu)
{
	static const char *const variables[][2] = {
		{ "prefix", "/boot/grub" },
		{ "root", "hd0" },
		{ "grub_cpu", "i386" },
		{ "grub_platform", "pc" },
		{ "feature_menuentry_id", "y" },
		{ "feature_menuentry_options", "y" },
		{ "feature_default_font_path", "y" },
		{ "feature_all_video_module", "y" },
		{ "feature_platform_search_hint", "y" },
		{ "feature_timeout_style", "y" },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(variables); i++)
		rc = grub_variables_set(&menu->variables, variables[i][0], strlen(variables[i][0]),
					variables[i][1]);
	return rc;
}

int grub_menu_create(const char *config, size_t length, const char *environment,
		     size_t environment_length, struct grub_menu **ret_menu, struct fail *why)
{
	struct grub_menu *menu = calloc(1, sizeof(*menu));
	int rc;

	if (!menu)
		return refuse(-ENOMEM, why);
	menu->environment = environment;
	menu->environment_length = environment_length;
	rc = preset(menu);
	if (rc == 0)
		rc = run(menu, config, config + length);
	if (rc < 0) {
		grub_menu_free(menu);
		return refuse(rc, why);
	}
	*ret_menu = menu;
	return 0;
}

void grub_menu_free(struct grub_menu *menu)
{
	if (!menu)
		return;
	grub_variables_done(&menu->variables);
	free(menu);
}
