/* SPDX-License-Identifier: Apache-2.0 */
/* rest.c - for how long a guest that boots is left alone */
#include "vmm/rest.h"

#include "base/clock.h"

void rest_begin(struct rest *rest, uint64_t now_ns, uint64_t length_ns)
{
	atomic_store(&rest->length_ns, length_ns);
	atomic_store(&rest->until_ns, now_ns + length_ns);
}

/* Adds what the guest has waited since the last look, unless this is the first one at a new rest.
 */
static void waiting_count(struct rest *rest, uint64_t until_ns, uint64_t waited_ns)
{
	if (until_ns != rest->seen_ns)
		rest->longer_ns = 0;
	else if (waited_ns > rest->waited_ns)
		rest->longer_ns += waited_ns - rest->waited_ns;
	rest->seen_ns = until_ns;
	rest->waited_ns = waited_ns;
}

uint64_t rest_left_ns(struct rest *rest, uint64_t now_ns, uint64_t (*waited)(void))
{
	uint64_t until_ns = atomic_load(&rest->until_ns), most_ns;

	if (until_ns == rest->over_ns)
		return 0;
	waiting_count(rest, until_ns, waited());
	most_ns = REST_LENGTHENED_MAX * atomic_load(&rest->length_ns);
	until_ns += rest->longer_ns < most_ns ? rest->longer_ns : most_ns;
	if (now_ns < until_ns)
		return until_ns - now_ns;
	rest->over_ns = rest->seen_ns;
	return 0;
}

void rest_lengthen_no_more(struct rest *rest, uint64_t now_ns)
{
	if (rest->seen_ns <= now_ns)
		rest->over_ns = rest->seen_ns;
}
