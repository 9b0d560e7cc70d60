/* SPDX-License-Identifier: Apache-2.0 */
/* top_live.h - samepage top on a terminal: keys in, pictures out, until the user quits */
#ifndef CLI_TOP_LIVE_H
#define CLI_TOP_LIVE_H

#include "cli/top_picture.h"
#include "cli/verb.h"

/*
 * Of the guests that the call means. Where this returns, the terminal is as it was, also
 * after a signal to end.
 */
CHECKED int top_live_run(const struct call *call, const struct top_view *view, bool may_colour,
			 struct fail *why);

#endif
