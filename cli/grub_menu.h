/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grub_menu.h - what GRUB would boot, from its grub.cfg and its grubenv
 *
 * The configuration is run as GRUB runs it, as far as that decides what is booted:
 * variables, conditions, menus, `load_env', `blscfg'. Functions and loops are passed
 * over. A file exists if it is the environment block; the platform is a PC's BIOS.
 * Pure: text in, entry out, in time that the text's length bounds.
 */
#ifndef CLI_GRUB_MENU_H
#define CLI_GRUB_MENU_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "cli/boot_entry.h"

struct grub_menu;

/*
 * Both texts are borrowed for the life of the menu; environment may be NULL.
 * -EINVAL, -E2BIG: nothing that can be run; why says it.
 */
CHECKED int grub_menu_create(const char *config, size_t length, const char *environment,
			     size_t environment_length, struct grub_menu **ret_menu,
			     struct fail *why);
void grub_menu_free(struct grub_menu *menu); /* NULL is fine */

/* Whether entries of the Boot Loader Specification belong into it. */
bool grub_menu_has_bls(const struct grub_menu *menu);

/* Which entry is booted unless somebody intervenes: a number, a title or an id. */
const char *grub_menu_default(const struct grub_menu *menu);

/* Replaces variables in a text; a bls_expand, with the menu as context. */
int grub_menu_expand(void *menu, const char *text, char *to, size_t size);

/* Whether an entry of the configuration itself bears that title or id. */
bool grub_menu_names(const struct grub_menu *menu, const char *title_or_id);

/*
 * The default entry, among those of the configuration itself. -ENOENT: there is none,
 * or it starts no Linux kernel; why says it. Others as grub_menu_create().
 */
CHECKED int grub_menu_boots(struct grub_menu *menu, struct boot_entry *ret_entry, struct fail *why);

#endif
