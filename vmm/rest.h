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
	atomic_uint_fast64_t
		until_ns; /* when it ends at the soonest; one is told from another by it */
	atomic_uint_fast64_t length_ns; /* of it, then */
	uint64_t seen_ns;		/* until_ns of the rest that waited_ns was noted for */
	uint64_t waited_ns;		/* how long the guest had waited before it */
	uint64_t over_ns;		/* until_ns of the last rest that has ended */
};

/* From now on; a rest that is under way begins anew. Zeroes are a rest that is over. */
void rest_begin(struct rest *rest, uint64_t now_ns, uint64_t length_ns);

/*
 * What is left of it; 0: it is over. waited() tells for how long the guest has waited for
 * processors since it was started, and is asked at the beginning and where the rest would be over.
 * As long as the answer depends on that, it is at most a second: then ask again.
 */
uint64_t rest_left_ns(struct rest *rest, uint64_t now_ns, uint64_t (*waited)(void));

/* Nothing is left of it but the time that was asked for. */
void rest_lengthen_no_more(struct rest *rest, uint64_t now_ns);

#endif
