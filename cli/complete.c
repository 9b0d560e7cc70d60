/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c - samepage complete: what could stand next, for the completion of shells */
#include "cli/candidates.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

static int complete_exec(const struct call *call, struct fail *why)
{
	candidates_print(call->operands, call->operand_count, stdout);
	return 0;
}

const struct verb verb_complete = {
	.name = "complete",
	.purpose = "print what could stand next on a command line (for shells)",
	.synopsis = "-- WORD...",
	.example = "  samepage complete -- stop web\n",
	.options = options,
	.min_operands = 1,
	.max_operands = -1,
	.is_internal = true,
	.exec = complete_exec,
};
