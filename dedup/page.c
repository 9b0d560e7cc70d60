/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - names of a page's states and the arrows between them */
#include "dedup/page.h"

#include "base/auto.h"

static const char *const names[] = {
	[PAGE_PRIVATE] = "private",   [PAGE_CALM] = "calm",	      [PAGE_PROBED] = "probed",
	[PAGE_TWIN] = "twin",	      [PAGE_PUBLISHED] = "published", [PAGE_HELD] = "held",
	[PAGE_SHARED] = "shared",     [PAGE_BROKEN] = "broken",	      [PAGE_ZERO] = "zero",
	[PAGE_RETURNED] = "returned",
};
_Static_assert(ARRAY_SIZE(names) == PAGE_STATES, "each state has a name");

#define TO(state) (1u << (state))

static const unsigned int arrows[PAGE_STATES] = {
	[PAGE_PRIVATE] = TO(PAGE_CALM) | TO(PAGE_HELD) | TO(PAGE_RETURNED),
	[PAGE_CALM] = TO(PAGE_PRIVATE) | TO(PAGE_PROBED) | TO(PAGE_HELD) | TO(PAGE_RETURNED),
	[PAGE_PROBED] = TO(PAGE_PRIVATE) | TO(PAGE_CALM) | TO(PAGE_TWIN) | TO(PAGE_HELD) |
			TO(PAGE_RETURNED),
	[PAGE_TWIN] = TO(PAGE_PRIVATE) | TO(PAGE_PUBLISHED),
	[PAGE_PUBLISHED] = TO(PAGE_PRIVATE) | TO(PAGE_PROBED) | TO(PAGE_HELD),
	[PAGE_HELD] = TO(PAGE_PRIVATE) | TO(PAGE_SHARED) | TO(PAGE_ZERO),
	[PAGE_SHARED] = TO(PAGE_BROKEN) | TO(PAGE_RETURNED) |
			TO(PAGE_PRIVATE), /* PRIVATE: the store is lost */
	[PAGE_BROKEN] = TO(PAGE_PRIVATE),
	[PAGE_ZERO] = TO(PAGE_PRIVATE) | TO(PAGE_RETURNED),
	[PAGE_RETURNED] = TO(PAGE_PRIVATE),
};

const char *page_state_name(enum page_state state)
{
	return names[state];
}

int page_transition_is_valid(enum page_state from, enum page_state to)
{
	return (arrows[from] & TO(to)) != 0;
}
