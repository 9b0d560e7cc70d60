/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_seed.h - a random number that guests of one domain have in common
 *
 * It follows from the domain's name and from RUNDIR/seed: random bytes that nobody else can read,
 * made when they are first asked for, and there until the host reboots, or until RUNDIR goes
 * otherwise. Whoever knows the numbers of some domains learns nothing of another one's.
 */
#ifndef CLI_DOMAIN_SEED_H
#define CLI_DOMAIN_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

/* Of one guest, which keeps its number as long as it runs. */
struct domain_seed {
	const char *domain; /* its name, borrowed; NULL: this guest has no number */
	bool is_known;
	uint64_t number;
};

/* RUNDIR must be there. */
CHECKED int domain_seed_get(struct domain_seed *seed, uint64_t *ret_number, struct fail *why);

#endif
