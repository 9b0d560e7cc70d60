/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_engine.c - the engine against a reference memory, at random
 *
 * Each scenario is a world (world.h) under some strain. A failure prints the seed:
 *
 *	MODEL_SEED=N	repeats it
 *	MODEL_STEPS=N	goes on for longer than make check does
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "dedup/huge.h"
#include "tests/model/expect.h"
#include "tests/model/world.h"

#define QUIET_PAGES 60u
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
	.give_percent = 4,
	.track_percent = 60,
	.miss_permille = 10,
	.eventful = true,
};

struct outcome {
	uint64_t waits;
	uint64_t declined;
	uint64_t dropped;
	uint64_t pinned;
	uint64_t split;
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
	outcome.dropped = world->dropped;
	outcome.pinned = world->pinned;
	outcome.split = world->split;
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
	uint64_t waits = 0, dropped = 0, pinned = 0;

	start("bytes stay right whatever happens, and equal pages end up shared");
	for (uint32_t i = 0; i < 8; i++) {
		config.seed = seed + i;
		config.disturb_percent = i < 4 ? 10 : 60;
		struct outcome outcome = run(&config, steps / 8, true);

		waits += outcome.waits;
		dropped += outcome.dropped;
		pinned += outcome.pinned;
	}
	/* else no writer met a held page, and so on */
	expect((waits > 0 && dropped > 0 && pinned > 0) || steps < 1000);
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

/* What is shared by more than the limit stays so; and copies of one content are many. */
static void bytes_stay_right_while_sharers_are_bounded(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;

	start("the same while the limit of sharers changes");
	config.sharers_percent = 5;
	for (uint32_t i = 0; i < 4; i++) {
		config.seed = seed + 1100 + i;
		run(&config, steps / 8, false);
	}
}

/* Twice as many pages as a huge page has, and some: the last ones are small for ever. */
static void huge_pages_are_whole_or_give_back_all(uint64_t seed, uint64_t steps)
{
	struct world_config config = ordinary;
	uint64_t split = 0;

	start("huge pages stay whole, or are split before anything in them is shared");
	config.pages_min = 2 * HUGE_PAGES;
	config.pages_max = 2 * HUGE_PAGES + 100;
	for (uint32_t i = 0; i < 6; i++) {
		config.seed = seed + 700 + i;
		config.huge_gain = i < 2 ? 1 : i < 4 ? 16 : 450;
		config.fail_permille = i % 2 ? 0 : 10;
		split += run(&config, steps / 40, true).split;
	}
	expect(split > 0 || steps < 1000);
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
	config.give_percent = 20;
	for (enum op op = OP_WRITTEN; op < OPS; op++) {
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
	config.give_percent = 20;
	for (uint64_t limit = 1; limit <= 64; limit += limit < 8 ? 1 : 8) {
		config.seed = seed + 600 + limit;
		config.mappings_limit = limit;
		declined += run(&config, steps / 8, false).declined;
	}
	expect(declined > 0);
}

/* Two guests with ten pages that are shared alone, and behind them a run of five. */
static void the_best_runs_get_mappings_first(uint64_t seed)
{
	struct world_config config = {
		.seed = seed,
		.pages_min = 40,
		.pages_max = 40,
		.frame_limit = 64,
		.mappings_limit = 16,
	};
	struct world *world = world_create(&config);

	start("the best runs get mappings first, and in the end the budget is used up");
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 15; n++) {
			struct model_write write = { .page = n < 10 ? 2 * n : 20 + n,
						     .whole = true,
						     .content = n < 10 ? 6 : (uint8_t)(n - 9) };

			guest_write(&world->guests[i], &write);
		}
	world_rest(world);
	for (uint32_t i = 0; i < 2; i++) {
		struct tally tally = engine_tally(world->guests[i].engine);

		for (uint32_t page = 30; page < 35; page++)
			expect(engine_page(world->guests[i].engine, page).state == PAGE_SHARED);
		expect(tally.mappings + 2 > config.mappings_limit);
		expect(tally.declined > 0 && tally.declined <= 10); /* however often asked */
	}
	world_free(world);
}

/* Six pages, which are the same in both guests, and shared as one run. */
static struct world *world_with_a_run(uint64_t seed, uint64_t mappings_limit)
{
	struct world_config config = {
		.seed = seed,
		.pages_min = 40,
		.pages_max = 40,
		.frame_limit = 64,
		.mappings_limit = mappings_limit,
	};
	struct world *world = world_create(&config);

	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t page = 10; page < 16; page++) {
			struct model_write write = { .page = page,
						     .whole = true,
						     .content = (uint8_t)(page - 9) };

			guest_write(&world->guests[i], &write);
		}
	world_settle(world);
	expect(engine_tally(world->guests[0].engine).mappings == 3);
	return world;
}

static int give_away(struct guest *guest, uint32_t first, uint32_t count)
{
	uint32_t returned;
	int rc;

	guest->given_first = first;
	guest->given_count = count;
	rc = engine_discard(guest->engine, first, count, &returned);
	expect(returned == (rc == 0 ? count : 0));
	guest->given_count = 0;
	engine_take_offers(guest->engine);
	world_check(guest->world);
	return rc;
}

static void giving_away_keeps_to(uint64_t mappings_limit, uint64_t seed)
{
	struct world *world = world_with_a_run(seed, mappings_limit);
	struct guest *guest = &world->guests[0];

	expect(give_away(guest, 12, 1) == 0);
	expect(engine_tally(guest->engine).mappings == 5);
	expect(give_away(guest, 14, 1) == -ENOMEM);
	expect(engine_page(guest->engine, 14).state == PAGE_SHARED);
	expect(give_away(guest, 11, 2) == 0); /* needs no more than there are */
	expect(give_away(guest, 10, 6) == 0); /* even less */
	expect(engine_tally(guest->engine).mappings == 1);
	expect(engine_tally(guest->engine).states[PAGE_RETURNED] == 6);
	expect(engine_tally(guest->engine).breaks_total == 0);
	expect(give_away(guest, 30, 11) == -EFAULT);
	world_free(world);
}

static void giving_away_keeps_to_the_budget(uint64_t seed)
{
	start("memory is given back as long as there are mappings for it");
	giving_away_keeps_to(5, seed);
	giving_away_keeps_to(6, seed);
}

/* Two guests that nobody disturbs, and whose writes are all tracked, or none is. */
static struct world *quiet_world(uint64_t seed, bool tracked)
{
	struct world_config config = {
		.seed = seed,
		.pages_min = QUIET_PAGES,
		.pages_max = QUIET_PAGES,
		.frame_limit = 64,
		.mappings_limit = 1000,
		.track_percent = tracked ? 100 : 0,
	};
	struct world *world = world_create(&config);

	world_settle(world);
	return world;
}

static void write_whole(struct guest *guest, uint32_t page, uint8_t content)
{
	struct model_write write = { .page = page, .whole = true, .content = content };

	guest_write(guest, &write);
}

static void one_pass(struct guest *guest)
{
	int rc;

	do
		rc = engine_step(guest->engine);
	while (rc == 0);
	expect(rc == 1);
}

static void passes(struct world *world, uint32_t count)
{
	for (uint32_t pass = 0; pass < count; pass++)
		for (uint32_t i = 0; i < 2; i++)
			one_pass(&world->guests[i]);
}

static bool is_shared(const struct guest *guest, uint32_t page)
{
	return engine_page(guest->engine, page).state == PAGE_SHARED;
}

static void new_twins_are_shared_within_two_passes(uint64_t seed)
{
	start("a new twin is shared within two passes, of a page at rest too");
	for (uint32_t tracked = 0; tracked < 2; tracked++) {
		struct world *world = quiet_world(seed + 700, tracked);
		struct guest *first = &world->guests[0], *second = &world->guests[1];

		write_whole(first, 5, 3);
		world_settle(world);
		expect(engine_page(first->engine, 5).state == PAGE_PROBED);
		write_whole(second, 9, 3);
		one_pass(second);
		one_pass(second);
		engine_take_offers(first->engine);
		expect(is_shared(first, 5) && is_shared(second, 9));

		write_whole(first, 5, 4); /* both were shared before, and break */
		write_whole(second, 9, 4);
		for (uint32_t pass = 0; pass < 2; pass++) {
			one_pass(first);
			one_pass(second);
		}
		engine_take_offers(first->engine);
		expect(is_shared(first, 5) && is_shared(second, 9));
		world_free(world);
	}
}

static void what_is_not_written_costs_no_look(uint64_t seed)
{
	struct world *world = quiet_world(seed + 710, true);
	struct guest *guest = &world->guests[0];
	uint64_t before;

	start("where nothing was written nothing is looked at, but for the sweep");
	for (uint8_t page = 0; page < 6; page++)
		write_whole(guest, page, 1 + page);
	world_settle(world);
	before = world->looked;
	for (uint32_t pass = 0; pass < 512; pass++)
		one_pass(guest);
	expect(world->looked - before == 2 * QUIET_PAGES);
	world_free(world);
}

static void restless_pages_are_looked_at_seldom(uint64_t seed)
{
	struct world *world = quiet_world(seed + 720, true);
	struct guest *guest = &world->guests[0];
	uint64_t before = world->looked, looks;

	start("a page that changes always is looked at less and less often, until it rests");
	for (uint32_t pass = 0; pass < 128; pass++) {
		write_whole(guest, 7, 1 + pass % 2);
		one_pass(guest);
	}
	looks = world->looked - before;
	/* the sweep comes once at the most */
	expect(looks >= 128 / 16 && looks <= 128 / 16 + 8 + QUIET_PAGES);
	for (uint32_t pass = 0; pass < 2 * 16 + 1; pass++)
		one_pass(guest);
	expect(engine_page(guest->engine, 7).state == PAGE_PROBED);
	world_free(world);
}

/* Once before it was ever read, and once after a write that nobody has seen yet. */
static void what_was_swapped_out_is_shared_soon_after(uint64_t seed)
{
	struct world *world = quiet_world(seed + 725, true);
	struct guest *guests = world->guests;

	start("a page that was swapped out is looked at seldom, and shared soon once it is back");
	for (uint8_t round = 0; round < 2; round++) {
		uint64_t before;

		write_whole(&guests[0], 5, 3 + round);
		write_whole(&guests[1], 9, 3 + round);
		guests[0].table[5].swapped = true;
		passes(world, 8);
		before = world->looked;
		passes(world, 32);
		expect(world->looked - before <= 32 / 8);
		expect(!is_shared(&guests[1], 9));
		guests[0].table[5].swapped = false;
		passes(world, 40);
		expect(is_shared(&guests[0], 5) && is_shared(&guests[1], 9));
		world_check(world);
	}
	world_free(world);
}

/* As many that a device is at work in as are tried at once, and behind them a free one. */
static void huge_pages_take_turns_to_be_split(uint64_t seed)
{
	enum { PINNED = 8 };
	struct world_config config = {
		.seed = seed + 740,
		.pages_min = (PINNED + 1) * HUGE_PAGES,
		.pages_max = (PINNED + 1) * HUGE_PAGES,
		.frame_limit = 64,
		.mappings_limit = 1000,
		.huge_gain = 1,
	};
	struct world *world = world_create(&config);
	struct guest *guest = &world->guests[0];

	start("huge pages that can't be split keep no other one from it");
	for (uint32_t i = 0; i <= PINNED; i++)
		device_begin(guest, (PINNED - i) * HUGE_PAGES);
	engine_expect_huge(guest->engine, false);
	one_pass(guest);
	expect(engine_keeps_huge(guest->engine, PINNED * HUGE_PAGES));
	device_complete(guest); /* the oldest */
	for (uint32_t i = 0; i < 2; i++)
		engine_take_offers(guest->engine);
	expect(!engine_keeps_huge(guest->engine, PINNED * HUGE_PAGES));
	expect(engine_keeps_huge(guest->engine, 0));
	world_check(world);
	world_free(world);
}

/* The link of this world takes no question from whoever gives memory away. */
static void who_gives_a_part_away_does_not_wait_for_the_rest(uint64_t seed)
{
	struct world_config config = {
		.seed = seed + 750,
		.pages_min = HUGE_PAGES,
		.pages_max = HUGE_PAGES,
		.frame_limit = 64,
		.mappings_limit = 1000,
		.huge_gain = HUGE_PAGES,
	};
	struct world *world = world_create(&config);
	struct guest *guest = &world->guests[0];

	start("what is left of a huge page is asked about when the memory is back");
	write_whole(guest, 3, 1);
	write_whole(guest, 5, 1);
	link_up(guest);
	engine_expect_huge(guest->engine, false);
	for (uint32_t pass = 0; pass < 3; pass++)
		one_pass(guest);
	expect(engine_keeps_huge(guest->engine, 0));
	expect(give_away(guest, 100, 10) == 0);
	expect(!engine_keeps_huge(guest->engine, 0));
	expect(is_shared(guest, 5));
	world_free(world);
}

static uint64_t pages_populated(const struct guest *guest)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < guest->pages; i++)
		count += guest->table[i].own;
	return count;
}

static void pages_become_calm_at_any_caution(uint64_t seed)
{
	struct world *world = quiet_world(seed + 760, true);

	start("with the greatest caution equal pages are shared all the same");
	for (uint32_t i = 0; i < 2; i++) {
		engine_set_caution(world->guests[i].engine, UINT32_MAX);
		write_whole(&world->guests[i], 5, 3);
	}
	passes(world, 40);
	expect(is_shared(&world->guests[0], 5) && is_shared(&world->guests[1], 5));
	world_free(world);
}

/* A store with one frame, and two contents that both guests have. */
static void what_had_no_room_gets_it_soon(uint64_t seed)
{
	struct world_config config = {
		.seed = seed + 780,
		.pages_min = QUIET_PAGES,
		.pages_max = QUIET_PAGES,
		.frame_limit = 1,
		.mappings_limit = 1000,
		.track_percent = 100,
	};
	struct world *world = world_create(&config);
	struct guest *guests = world->guests;

	start("what the store had no room for is asked about again before the sweep");
	for (uint32_t i = 0; i < 2; i++) {
		write_whole(&guests[i], 5, 1);
		write_whole(&guests[i], 9, 2);
		link_up(&guests[i]);
	}
	passes(world, 20);
	expect(is_shared(&guests[0], 5) + is_shared(&guests[0], 9) == 1);
	for (uint32_t i = 0; i < 2; i++) /* no twins any more */
		write_whole(&guests[i], is_shared(&guests[i], 5) ? 5 : 9, (uint8_t)(3 + i));
	passes(world, 40);
	expect(is_shared(&guests[0], 5) + is_shared(&guests[0], 9) == 1);
	expect(is_shared(&guests[1], 5) + is_shared(&guests[1], 9) == 1);
	world_free(world);
}

/* Twice one huge page with 200 zeroes, never in the same places. */
static void what_was_to_gain_before_all_was_given_away_is_gone(uint64_t seed)
{
	struct world_config config = {
		.seed = seed + 770,
		.pages_min = HUGE_PAGES,
		.pages_max = HUGE_PAGES,
		.frame_limit = 64,
		.mappings_limit = 1000,
		.huge_gain = 300,
	};
	struct world *world = world_create(&config);
	struct guest *guest = &world->guests[0];

	start("what there was to gain before all was given away is gone");
	engine_expect_huge(guest->engine, true);
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t page = 0; page < HUGE_PAGES; page++)
			if (page / 200 != i)
				write_whole(guest, page, 1);
		one_pass(guest);
		expect(guest->huge[0] == MODEL_WHOLE);
		expect(give_away(guest, 0, HUGE_PAGES) == 0);
	}
	world_free(world);
}

static void figures_are_fresh_after_a_refresh(uint64_t seed)
{
	start("a report's figures are exact, without a look at all pages");
	for (uint32_t tracked = 0; tracked < 2; tracked++) {
		struct world *world = quiet_world(seed + 730, tracked);
		struct guest *guest = &world->guests[0];

		for (uint32_t round = 0; round < 200; round++) {
			for (uint32_t i = 0; i < GUESTS_MAX; i++)
				if (world->guests[i].alive)
					write_whole(&world->guests[i],
						    world_random(world, QUIET_PAGES),
						    (uint8_t)world_random(world, CONTENTS));
			if (round % 2)
				one_pass(&world->guests[round / 2 % 2]);
			expect(engine_refresh(guest->engine) == 0);
			expect(engine_tally(guest->engine).populated == pages_populated(guest));
		}
		world_free(world);
	}
}

static void broker_again(struct world *world)
{
	broker_die(world);
	broker_start(world);
	for (uint32_t i = 0; i < 2; i++) {
		engine_take_offers(world->guests[i].engine); /* finds that the link is gone */
		expect(engine_can_link(world->guests[i].engine));
		link_up(&world->guests[i]);
	}
}

static bool maps_old_store(const struct guest *guest)
{
	for (uint32_t page = 0; page < guest->pages; page++)
		if (guest->table[page].store && guest->table[page].store != guest->world->stores)
			return true;
	return false;
}

/* Six shared pages: one has broken and stays unique, one has no twin any more, one is pinned. */
static void the_store_of_a_dead_broker_is_let_go(uint64_t seed)
{
	struct world *world = quiet_world(seed + 790 - (seed + 790) % 5, true);
	struct guest *guests = world->guests;

	start("the store of a broker that died is let go, whatever lies over it");
	for (uint8_t i = 0; i < 6; i++)
		for (uint32_t guest = 0; guest < 2; guest++)
			write_whole(&guests[guest], 10 + i, 1 + i);
	passes(world, 40);
	for (uint32_t page = 10; page < 16; page++)
		expect(is_shared(&guests[0], page));
	guest_write(&guests[0], &(struct model_write){ .page = 12, .offset = 1, .value = 77 });
	passes(world, 1);
	device_begin(&guests[1], 14);
	broker_again(world);
	guest_write(&guests[1], &(struct model_write){ .page = 13, .offset = 1, .value = 78 });
	passes(world, 18);
	expect(engine_tally(guests[0].engine).restored_total == 0); /* it may still get a frame */
	expect(engine_tally(guests[0].engine).old_store > 0);
	expect(is_shared(&guests[0], 10) && is_shared(&guests[1], 15));
	passes(world, 10);
	expect(!maps_old_store(&guests[0]) && maps_old_store(&guests[1]));
	expect(engine_tally(guests[0].engine).restored_total >= 2); /* 12 and 13 */
	device_complete(&guests[1]);
	passes(world, 30);
	expect(!maps_old_store(&guests[1]) && engine_tally(guests[1].engine).old_store == 0);
	world_check(world);
	world_free(world);
}

/* Each leaves one page behind that stays unique. */
static void there_are_never_more_stores_than_numbers(uint64_t seed)
{
	struct world *world = quiet_world(seed + 800 - (seed + 800) % 5, true);
	struct guest *guests = world->guests;

	start("with pages over as many stores as there are numbers no link comes up");
	for (uint32_t n = 0; n < PAGE_STORES; n++) {
		for (uint32_t i = 0; i < 2; i++) {
			engine_set_caution(guests[i].engine, 0);
			write_whole(&guests[i], 2 * n, 1);
		}
		passes(world, 12);
		expect(is_shared(&guests[0], 2 * n));
		for (uint32_t i = 0; i < 2; i++) {
			guest_write(&guests[i],
				    &(struct model_write){ .page = 2 * n,
							   .offset = (uint16_t)(n + 1),
							   .value = (uint8_t)(80 + i) });
			expect(engine_refresh(guests[i].engine) == 0);
		}
		broker_die(world);
		broker_start(world);
		for (uint32_t i = 0; i < 2; i++) {
			engine_take_offers(guests[i].engine);
			if (n + 1 < PAGE_STORES)
				link_up(&guests[i]);
		}
		world_check(world);
	}
	for (uint32_t i = 0; i < 2; i++) {
		expect(!engine_can_link(guests[i].engine));
		expect(engine_tally(guests[i].engine).old_store == PAGE_STORES - 1);
		one_pass(&guests[i]);
		expect(engine_can_link(guests[i].engine));
		link_up(&guests[i]);
	}
	world_settle(world);
	world_free(world);
}

static struct world *crowded_world(uint64_t seed, uint64_t mappings_limit)
{
	struct world_config config = {
		.seed = seed - seed % 5,
		.pages_min = 60,
		.pages_max = 60,
		.frame_limit = 64,
		.mappings_limit = mappings_limit,
		.track_percent = 100,
	};

	return world_create(&config);
}

/* Eight pages that are shared alone take all there is; then there is a run of five. */
static void poor_runs_give_way_to_better_ones(uint64_t seed)
{
	struct world *world = crowded_world(seed + 810, 17);
	struct tally before;

	start("poor runs give way to better ones, and do not come back for them");
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 8; n++)
			write_whole(&world->guests[i], 1 + 2 * n, 6);
	world_rest(world);
	expect(is_shared(&world->guests[0], 15));
	expect(engine_tally(world->guests[0].engine).mappings == 17);
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 5; n++)
			write_whole(&world->guests[i], 40 + n, (uint8_t)(1 + n));
	world_rest(world);
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 5; n++)
			expect(is_shared(&world->guests[i], 40 + n));
	before = engine_tally(world->guests[0].engine);
	expect(before.evicted_total > 0 && before.evicted_total <= 4);
	expect(before.mappings <= 17 && before.mappings >= 15);
	world_rest(world);
	expect(engine_tally(world->guests[0].engine).restored_total == before.restored_total);
	world_free(world);
}

static void mappings_without_shared_pages_are_given_back(uint64_t seed)
{
	struct world *world = crowded_world(seed + 820, 9);
	struct guest *guests = world->guests;

	start("a mapping in which nothing is shared is given back when others wait");
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 4; n++)
			write_whole(&guests[i], 1 + 2 * n, 6);
	world_rest(world);
	expect(engine_tally(guests[0].engine).mappings == 9);
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 3; n++) { /* three of four are nobody else's now */
			guest_write(&guests[i],
				    &(struct model_write){ .page = 1 + 2 * n,
							   .offset = (uint16_t)(1 + n),
							   .value = (uint8_t)(90 + i) });
			write_whole(&guests[i], 31 + 2 * n, 5);
		}
	world_rest(world);
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 3; n++)
			expect(is_shared(&guests[i], 31 + 2 * n));
	expect(engine_tally(guests[0].engine).mappings == 9);
	expect(engine_tally(guests[0].engine).evicted_total == 0);
	world_free(world);
}

static uint32_t offer_calls;

static int endless_offers(void *context, struct link_offer *ret_offers, uint32_t max)
{
	(void)context;
	offer_calls++;
	for (uint32_t i = 0; i < max; i++)
		ret_offers[i] = (struct link_offer){ .page = UINT32_MAX };
	return (int)max;
}

static int release_nothing(void *context, const uint32_t *frames, uint32_t count)
{
	(void)context;
	(void)frames;
	(void)count;
	return 0;
}

/* Else whoever drives the engine could not keep it to a budget. */
static void offers_are_taken_some_at_a_time(void)
{
	static const uint8_t memory[QUIET_PAGES * PAGE_BYTES];
	static const struct link_ops link = { .offers = endless_offers,
					      .release = release_nothing };
	struct guest guest = { .pages = QUIET_PAGES };
	struct world world = { .calm = true };
	const struct engine_config config = {
		.base = memory,
		.pages = QUIET_PAGES,
		.mappings_limit = 1000,
		.memory = &model_memory_ops,
		.memory_context = &guest,
		.link = &link,
	};

	start("offers are taken some at a time, however many there are");
	guest.world = &world;
	guest.table = calloc(QUIET_PAGES, sizeof(*guest.table));
	world.random = 1;
	expect(guest.table && engine_create(&config, &guest.engine) == 0);
	engine_link_up(guest.engine, &world.secret);
	expect(engine_step(guest.engine) == 1 && offer_calls == 1);
	expect(engine_take_offers(guest.engine) && offer_calls == 2);
	engine_free(guest.engine);
	free(guest.table);
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
	bytes_stay_right_while_sharers_are_bounded(seed, steps);
	huge_pages_are_whole_or_give_back_all(seed, steps);
	bytes_stay_right_when_digests_collide(seed, steps);
	each_operation_can_fail(seed);
	a_full_store_is_no_harm(seed, steps);
	mappings_are_a_budget(seed, steps);
	the_best_runs_get_mappings_first(seed);
	giving_away_keeps_to_the_budget(seed);
	new_twins_are_shared_within_two_passes(seed);
	what_is_not_written_costs_no_look(seed);
	restless_pages_are_looked_at_seldom(seed);
	what_was_swapped_out_is_shared_soon_after(seed);
	huge_pages_take_turns_to_be_split(seed);
	who_gives_a_part_away_does_not_wait_for_the_rest(seed);
	pages_become_calm_at_any_caution(seed);
	what_had_no_room_gets_it_soon(seed);
	what_was_to_gain_before_all_was_given_away_is_gone(seed);
	figures_are_fresh_after_a_refresh(seed);
	offers_are_taken_some_at_a_time();
	the_store_of_a_dead_broker_is_let_go(seed);
	there_are_never_more_stores_than_numbers(seed);
	poor_runs_give_way_to_better_ones(seed);
	mappings_without_shared_pages_are_given_back(seed);
	return 0;
}
