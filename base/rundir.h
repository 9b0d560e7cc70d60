/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rundir.h - where running guests and brokers are found
 *
 *   RUNDIR/guests/NAME.sock     control socket of a guest
 *   RUNDIR/guests/NAME.agent    leads to the agent in it, if it has a port for one
 *   RUNDIR/domains/NAME.sock    socket of a domain's broker
 *   RUNDIR/domains/starter      where a service manager starts brokers, if there is one
 *   RUNDIR/seed                 random bytes, from which each domain has a number (domain_seed.h)
 *   RUNDIR/<kind>/NAME.log      what its process has to say, or had when it ended
 *   RUNDIR/<kind>/NAME.old      what was said before that (log_file.h)
 *
 * RUNDIR is $SAMEPAGE_RUNDIR, else /run/samepage for root, else
 * $XDG_RUNTIME_DIR/samepage, else /tmp/samepage-UID. Directories have mode 0700
 * and belong to this user, or they are refused.
 */
#ifndef BASE_RUNDIR_H
#define BASE_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"

#define RUNDIR_PATH_MAX 108 /* what sockaddr_un holds, with the final NUL */

#define RUNDIR_BROKER_STARTER "starter"

enum rundir_kind { RUNDIR_GUESTS, RUNDIR_DOMAINS };

/* Makes the directories; idempotent. */
CHECKED int rundir_create(struct fail *why);

/* RUNDIR itself, whether or not it is there. */
CHECKED int rundir_base_path(char ret_path[RUNDIR_PATH_MAX], struct fail *why);

/*
 * RUNDIR/<kind>/NAME<suffix>, e.g. suffix ".sock". -ENAMETOOLONG where a socket's
 * address could not hold it.
 */
CHECKED int rundir_path(enum rundir_kind kind, const char *name, const char *suffix,
			char ret_path[RUNDIR_PATH_MAX], struct fail *why);

/*
 * Locks the directory of a kind until *ret_fd is closed, against others who make and
 * remove sockets there; leaves no file behind. wait false: -EAGAIN where it is locked.
 */
CHECKED int rundir_lock(enum rundir_kind kind, bool wait, int *ret_fd, struct fail *why);

/*
 * Names of all "*.sock" of a kind, sorted; the caller frees each and the array
 * with rundir_names_free(). No directory: no names. The names may be stale:
 * only a connection tells.
 */
CHECKED int rundir_names(enum rundir_kind kind, char ***ret_names, size_t *ret_count,
			 struct fail *why);
/* The same for files with another suffix than ".sock". */
CHECKED int rundir_names_with(enum rundir_kind kind, const char *suffix, char ***ret_names,
			      size_t *ret_count, struct fail *why);
void rundir_names_free(char **names, size_t count);

#endif
