/* SPDX-License-Identifier: Apache-2.0 */
/* check_gate.c - threads stop at the gate, every time they are asked to */
#include "vmm/gate.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/suite.h"

#define THREADS 4

static struct gate gate;
static volatile uint8_t kicked[THREADS];
static _Atomic unsigned long steps;

/* Runs as a vCPU does: until kicked, then to the gate. */
static void *runner(void *context)
{
	volatile uint8_t *kick = context;
	bool inside = gate_pass(&gate, false, kick);

	while (inside) {
		steps++;
		if (__atomic_load_n(kick, __ATOMIC_RELAXED))
			inside = gate_pass(&gate, true, kick);
	}
	return NULL;
}

static void hold(void)
{
	if (gate_hold(&gate))
		for (int i = 0; i < THREADS; i++)
			__atomic_store_n(&kicked[i], 1, __ATOMIC_RELAXED);
	gate_wait_empty(&gate);
}

static void shut(void)
{
	gate_shut(&gate);
	for (int i = 0; i < THREADS; i++)
		__atomic_store_n(&kicked[i], 1, __ATOMIC_RELAXED);
}

static void run_threads(void (*while_they_run)(void))
{
	pthread_t threads[THREADS];

	gate_init(&gate);
	steps = 0;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, runner, (void *)(uintptr_t)&kicked[i]),
			0);
	while_they_run();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	gate_done(&gate);
}

static void pause_and_resume(void)
{
	for (int i = 0; i < 200; i++) {
		unsigned long before;

		gate_release(&gate);
		hold();
		before = steps;
		for (volatile int spin = 0; spin < 1000; spin++)
			;
		ck_assert_uint_eq(steps, before);
	}
	shut();
}

START_TEST(nobody_runs_while_the_gate_is_held)
{
	run_threads(pause_and_resume);
}
END_TEST

static void pause_twice(void)
{
	hold(); /* beside the one that it was born with */
	gate_release(&gate);
	ck_assert(gate_is_held(&gate));
	ck_assert_uint_eq(steps, 0);
	gate_release(&gate);
	ck_assert(!gate_is_held(&gate));
	while (steps == 0)
		;
	shut();
}

START_TEST(holds_are_counted)
{
	run_threads(pause_twice);
}
END_TEST

START_TEST(a_shut_gate_lets_waiting_threads_go_home)
{
	run_threads(shut);
	ck_assert_uint_eq(steps, 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &nobody_runs_while_the_gate_is_held },
	{ "core", &holds_are_counted },
	{ "limits", &a_shut_gate_lets_waiting_threads_go_home },
};
SUITE_MAIN("gate", tests)
