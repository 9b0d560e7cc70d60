/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_seed.h - a random number that guests of one domain have in common
 *
 * It follows from the domain's name and from RUNDIR/seed: random bytes that nobody else can read,
 * made when they are first asked for, and there until the host reboots. Whoever knows the number of
 * one domain learns nothing of another one's.
 */
#ifndef CLI_DOMAIN_SEED_H
#define CLI_DOMAIN_SEED_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

/* domain: its name. RUNDIR must be there. */
CHECKED int domain_seed(const char *domain, uint64_t *ret_seed, struct fail *why);

#endif
