/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_engine.c - the engine against a reference memory, at random
 *
 * Each scenario is a world (world.h) under some strain. A failure prints the seed:
 *
 *	MODEL_SEED=N	repeats it
 *	MODEL_STEPS=N	goes on for longer than make check does
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "tests/model/expect.h"
#include "tests/model/world.h"

#define FAULT_CALLS 12u /* each operation fails at its first, second, ... this call */

static struct world_config now; /* what on_abort() reports */
static const char *scenario;

static void on_abort(int signal)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "in '%s': world seed %llu, operation %d fails at call %u\n", scenario,
			 (unsigned long long)now.seed, (int)now.fail_op, now.fail_call);

	if (write(STDERR_FILENO, text, (size_t)n) != n)
		return;
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static const struct world_config ordinary = {
	.pages_min = 40,
	.pages_max = 160,
	.frame_limit = 4096,
	.mappings_limit = 1000000,
	.disturb_percent = 10,
	.eventful = true,
};

struct outcome {
	uint64_t waits;
	uint64_t declined;
};

static struct outcome run(const struct world_config *config, uint64_t steps, bool settle)
{
	struct world *world = world_create(config);
	struct outcome outcome;

	now = *config;
	for (uint64_t i = 0; i < steps; i++)
		world_step(world);
	if (settle)
		world_settle(world);
	outcome.waits = world->waits;
	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		if (world->guests[i].alive)
			world->declined += engine_tally(world->guests[i].engine).declined_total;
	outcome.declined = world->declined;
	world_free(world);
	return outcome;
}

static void start(const char *name)
{
	scenario = name;
	printf("- %s\n", name);
	fflush(stdout);
}

static void bytes_stay_right_at_random(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;
	uint64_t waits = 0;

	start("bytes stay right whatever happens, and equal pages end up shared");
	for (uint32_t i = 0; i < 8; i++) {
		config.seed = seed + i;
		config.disturb_percent = i < 4 ? 10 : 60;
		waits += run(&config, steps / 8, true).waits;
	}
	expect(waits > 0 || steps < 1000); /* else no writer met a held page */
}

static void bytes_stay_right_in_many_windows(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;

	start("the same where a pass takes several steps");
	config.seed = seed + 100;
	config.pages_min = PROBE_MAX + 1;
	config.pages_max = PROBE_MAX + 300;
	run(&config, steps / 40, false);
}

static void bytes_stay_right_when_anything_fails(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;

	start("the same while every operation fails now and then");
	config.fail_permille = 30;
	for (uint32_t i = 0; i < 4; i++) {
		config.seed = seed + 200 + i;
		run(&config, steps / 8, true);
	}
}

static void bytes_stay_right_when_digests_collide(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;

	start("the same where digests collide");
	config.collide_percent = 40;
	for (uint32_t i = 0; i < 2; i++) {
		config.seed = seed + 300 + i;
		run(&config, steps / 8, false);
	}
}

static void each_operation_can_fail(uint64_t seed)
{
	struct world_config config = ordinary;

	start("each operation fails once, at each of its calls in turn");
	config.eventful = false;
	config.pages_max = 80;
	for (enum op op = OP_LOOK; op < OPS; op++) {
		for (uint32_t call = 1; call <= FAULT_CALLS; call++) {
			config.seed = seed + 400 + call;
			config.fail_op = op;
			config.fail_call = call;
			run(&config, 60, true);
		}
	}
}

static void a_full_store_is_no_harm(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;

	start("a store that is full keeps pages private");
	for (uint32_t i = 0; i < 4; i++) {
		config.seed = seed + 500 + i;
		config.frame_limit = i;
		run(&config, steps / 16, false);
	}
}

static void mappings_are_a_budget(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;
	uint64_t declined = 0;

	start("mappings stay within their budget, and what that costs is counted");
	config.disturb_percent = 40;
	for (uint64_t limit = 1; limit <= 64; limit += limit < 8 ? 1 : 8) {
		config.seed = seed + 600 + limit;
		config.mappings_limit = limit;
		declined += run(&config, steps / 8, false).declined;
	}
	expect(declined > 0);
}

int main(void)
{
	uint64_t seed = number_from("MODEL_SEED", now_ns() % 1000000);
	uint64_t steps = number_from("MODEL_STEPS", 8000);

	signal(SIGABRT, on_abort);
	printf("MODEL_SEED=%llu MODEL_STEPS=%llu\n", (unsigned long long)seed,
	       (unsigned long long)steps);
	fflush(stdout);
	bytes_stay_right_at_random(seed, steps);
	bytes_stay_right_in_many_windows(seed, steps);
	bytes_stay_right_when_anything_fails(seed, steps);
	bytes_stay_right_when_digests_collide(seed, steps);
	each_operation_can_fail(seed);
	a_full_store_is_no_harm(seed, steps);
	mappings_are_a_budget(seed, steps);
	return 0;
}
