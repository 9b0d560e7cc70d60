/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - where vCPU threads wait while the guest is not to run
 *
 * No kick is lost: a thread clears its kick flag under the lock and only where
 * nobody holds the gate; a holder sets the flag after it has taken its hold. So
 * a flag that was set for the present hold is never cleared before that is gone.
 */
#include "vmm/gate.h"

#include <assert.h>

void gate_init(struct gate *gate)
{
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->moved, NULL);
	gate->holds = 1;
	gate->inside = 0;
	gate->shut = false;
}

void gate_done(struct gate *gate)
{
	assert(gate->inside == 0);
	pthread_cond_destroy(&gate->moved);
	pthread_mutex_destroy(&gate->lock);
}

bool gate_pass(struct gate *gate, bool was_inside, volatile uint8_t *kicked)
{
	bool open;

	pthread_mutex_lock(&gate->lock);
	if (was_inside) {
		gate->inside--;
		pthread_cond_broadcast(&gate->moved);
	}
	while (gate->holds > 0 && !gate->shut)
		pthread_cond_wait(&gate->moved, &gate->lock);
	open = !gate->shut;
	if (open) {
		__atomic_store_n(kicked, 0, __ATOMIC_RELAXED);
		gate->inside++;
	}
	pthread_mutex_unlock(&gate->lock);
	return open;
}

bool gate_hold(struct gate *gate)
{
	bool first;

	pthread_mutex_lock(&gate->lock);
	first = gate->holds++ == 0;
	pthread_mutex_unlock(&gate->lock);
	return first;
}

void gate_release(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	assert(gate->holds > 0);
	gate->holds--;
	pthread_cond_broadcast(&gate->moved);
	pthread_mutex_unlock(&gate->lock);
}

void gate_shut(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->shut = true;
	pthread_cond_broadcast(&gate->moved);
	pthread_mutex_unlock(&gate->lock);
}

bool gate_is_held(struct gate *gate)
{
	bool held;

	pthread_mutex_lock(&gate->lock);
	held = gate->holds > 0;
	pthread_mutex_unlock(&gate->lock);
	return held;
}

void gate_wait_empty(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (gate->inside > 0)
		pthread_cond_wait(&gate->moved, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}
