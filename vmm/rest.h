/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rest.h - for how long a guest that boots is left alone
 *
 * A guest that boots changes all that it has, and sharing would only slow it down. How long a
 * boot takes is not known; it takes longer where many boot at once and wait for processors. So
 * the time in which the guest waited for one does not count, up to a limit.
 *
 * rest_begin() may be called by any thread, everything else by one.
 */
#ifndef VMM_REST_H
#define VMM_REST_H

#include <stdatomic.h>
#include <stdint.h>

/* Twenty guests on a processor take twenty times as long. */
#define REST_LENGTHENED_MAX 20u

struct rest {
	atomic_uint_fast64_t until_ns;	/* when it ends at the soonest; each has its own */
	atomic_uint_fast64_t length_ns; /* of it, then */
	uint64_t seen_ns;		/* until_ns of the rest that longer_ns is of */
	uint64_t longer_ns;		/* for which the guest has waited in it */
	uint64_t waited_ns;		/* what waited() said last */
	uint64_t over_ns;		/* until_ns of the last rest that has ended */
};

/* From now on; a rest that is under way begins anew. Zeroes are a rest that is over. */
void rest_begin(struct rest *rest, uint64_t now_ns, uint64_t length_ns);

/*
 * What is left of it; 0: it is over. waited() tells for how long the guest has waited for
 * processors so far. That may fall, when a guest that reboots gets new threads: only by how much it
 * rises from call to call counts. So ask again after a second at most.
 */
uint64_t rest_left_ns(struct rest *rest, uint64_t now_ns, uint64_t (*waited)(void));

/* Nothing is left of it but the time that was asked for. */
void rest_lengthen_no_more(struct rest *rest, uint64_t now_ns);

#endif
