/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_plan.h - one guest of a definition, ready to be started
 *
 * A plan holds what a guest's configuration borrows: %n has become the guest's name.
 */
#ifndef CLI_GUEST_PLAN_H
#define CLI_GUEST_PLAN_H

#include "cli/definition.h"
#include "cli/guest.h"

struct guest_plan;

/*
 * The guest with this index, of a definition that was checked. domain: where the
 * definition names none. The definition's texts are borrowed.
 */
CHECKED int guest_plan_create(const struct definition *definition, uint16_t index,
			      const char *domain, bool detach, struct guest_plan **ret_plan,
			      struct fail *why);
void guest_plan_free(struct guest_plan *plan); /* NULL is fine */

/* The plan's. */
const struct guest_config *guest_plan_config(const struct guest_plan *plan);

#endif
