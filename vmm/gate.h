/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - where vCPU threads wait while the guest is not to run
 *
 * Threads are inside (may run guest code) or outside. Holds are counted; while
 * there is one, or once the gate is shut for good, nobody gets inside. The gate
 * cannot make anybody come out: whoever holds it kicks the threads, and they call
 * gate_pass() again.
 */
#ifndef VMM_GATE_H
#define VMM_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
	pthread_mutex_t lock; /* protects all below; a leaf: nothing is locked inside it */
	pthread_cond_t moved; /* any of them changed */
	unsigned int holds;
	unsigned int inside;
	bool shut;
};

/* With one hold on it. */
void gate_init(struct gate *gate);
void gate_done(struct gate *gate);

/*
 * A guest thread: waits until nobody holds the gate, clears *kicked and is inside;
 * false: the gate is shut, and the thread is outside. was_inside: it comes from
 * inside, not for the first time.
 */
bool gate_pass(struct gate *gate, bool was_inside, volatile uint8_t *kicked);

/* Any thread. gate_hold() returns true for the first of the holds. */
bool gate_hold(struct gate *gate);
void gate_release(struct gate *gate);
void gate_shut(struct gate *gate);
bool gate_is_held(struct gate *gate);

/* Any thread that is outside: waits until all are. The caller has kicked them. */
void gate_wait_empty(struct gate *gate);

#endif
