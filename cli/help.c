/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - samepage help: the verbs, or one of them */
#include <errno.h>

#include "cli/verb.h"

static const struct option options[] = { { 0 } };

static int help_check(const struct call *call, struct fail *why)
{
	if (call->operand_count && !verb_find(call->operands[0]))
		return fail_set(why, EINVAL, "there is no verb '%s'", call->operands[0]);
	return 0;
}

static int help_exec(const struct call *call, struct fail *why)
{
	if (call->operand_count)
		verb_print_help(verb_find(call->operands[0]));
	else
		verbs_print();
	return 0;
}

const struct verb verb_help = {
	.name = "help",
	.purpose = "list the verbs, or explain one",
	.synopsis = "[VERB]",
	.example = "  samepage help run\n",
	.options = options,
	.operands = OPERANDS_VERBS,
	.max_operands = 1,
	.check = help_check,
	.exec = help_exec,
};
