/* SPDX-License-Identifier: Apache-2.0 */
/* check_catalog.c - twins become a frame, and every reference is accounted for */
#include "tests/unit/suite.h"

#include <errno.h>
#include <stdbool.h>

#include "dedup/catalog.h"

#define PAGES	    100000u
#define FRAMES	    64u
#define OFFERS_KEPT 64u

static struct catalog *catalog;
static struct digest_secret secret;
static uint8_t store[FRAMES][PAGE_BYTES];
static bool written[FRAMES];
static int write_result;

static struct offer {
	uint32_t client, page, frame;
	struct digest digest;
} offers[OFFERS_KEPT];
static uint32_t offer_count;

static int on_write(void *context, uint32_t frame, const void *bytes)
{
	ck_assert_uint_lt(frame, FRAMES);
	ck_assert(!written[frame]);
	if (write_result < 0)
		return write_result;
	written[frame] = true;
	memcpy(store[frame], bytes, PAGE_BYTES);
	return 0;
}

static void on_punch(void *context, uint32_t frame)
{
	written[frame] = false;
}

static void on_offer(void *context, uint32_t client, const struct catalog_item *item,
		     uint32_t frame)
{
	ck_assert_uint_lt(offer_count, OFFERS_KEPT);
	offers[offer_count++] = (struct offer){ client, item->page, frame, item->digest };
}

static const struct catalog_ops ops = { .write = on_write, .punch = on_punch, .offer = on_offer };

/* One domain with three guests, 0, 1 and 2. */
static void open_catalog(uint32_t frame_limit)
{
	for (size_t i = 0; i < sizeof(secret.bytes); i++)
		secret.bytes[i] = (uint8_t)(i + 1);
	ck_assert_int_eq(catalog_create(frame_limit, &secret, &ops, NULL, &catalog), 0);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t client;

		ck_assert_int_eq(catalog_client_add(catalog, PAGES, &client), 0);
		ck_assert_uint_eq(client, i);
	}
}

static const uint8_t *content(uint32_t number)
{
	static uint8_t page[PAGE_BYTES];

	memset(page, 1, sizeof(page));
	memcpy(page, &number, sizeof(number));
	return page;
}

static struct catalog_item item_of(uint32_t page, uint32_t number)
{
	return (struct catalog_item){ page, 0, digest_page(content(number), &secret) };
}

static uint32_t probe(uint32_t client, uint32_t page, uint32_t number)
{
	struct catalog_item item = item_of(page, number);
	uint32_t answer = 0;

	ck_assert_int_eq(catalog_probe(catalog, client, &item, &answer), 0);
	catalog_check(catalog);
	return answer;
}

static uint32_t publish(uint32_t client, uint32_t page, uint32_t number)
{
	struct catalog_item item = item_of(page, number);
	uint32_t answer = 0;

	ck_assert_int_eq(catalog_publish(catalog, client, &item, content(number), &answer), 0);
	catalog_check(catalog);
	return answer;
}

static void release(uint32_t client, uint32_t frame)
{
	ck_assert_int_eq(catalog_release(catalog, client, frame), 0);
	catalog_check(catalog);
}

/* Guests a and b have the content, in this page of each; both get a reference. */
static uint32_t make_frame(uint32_t a, uint32_t b, uint32_t page, uint32_t number)
{
	uint32_t frame;

	ck_assert_uint_eq(probe(a, page, number), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(b, page, number), CATALOG_TWIN);
	frame = publish(b, page, number);
	ck_assert_uint_le(frame, CATALOG_FRAME_MAX);
	return frame;
}

static void expect_sums(uint32_t frames, uint64_t references, uint64_t claims)
{
	struct catalog_sums sums = catalog_sums(catalog);

	ck_assert_uint_eq(sums.frames, frames);
	ck_assert_uint_eq(sums.references, references);
	ck_assert_uint_eq(sums.claims, claims);
	ck_assert_uint_gt(sums.memory_bytes, 0);
}

START_TEST(equal_pages_become_one_frame)
{
	uint32_t frame;

	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	expect_sums(0, 0, 1);
	ck_assert_uint_eq(probe(1, 9, 1), CATALOG_TWIN);
	frame = publish(1, 9, 1);
	expect_sums(1, 2, 0);
	ck_assert(written[frame]);
	ck_assert_mem_eq(store[frame], content(1), PAGE_BYTES);
	ck_assert_uint_eq(probe(2, 7, 1), frame);
	expect_sums(1, 3, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(the_first_claimant_is_offered_the_frame)
{
	struct catalog_item item;
	uint32_t frame;

	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 9, 1), CATALOG_TWIN);
	frame = publish(1, 9, 1);
	ck_assert_uint_eq(offer_count, 1);
	ck_assert_uint_eq(offers[0].client, 0);
	ck_assert_uint_eq(offers[0].page, 5);
	ck_assert_uint_eq(offers[0].frame, frame);
	item = item_of(5, 1);
	ck_assert(digest_equal(offers[0].digest, item.digest));
	catalog_free(catalog);
}
END_TEST

START_TEST(a_guest_can_be_its_own_twin)
{
	uint32_t frame;

	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(0, 6, 1), CATALOG_TWIN);
	frame = publish(0, 6, 1);
	ck_assert_uint_eq(offer_count, 1);
	ck_assert_uint_eq(offers[0].client, 0);
	ck_assert_uint_eq(offers[0].page, 5);
	expect_sums(1, 2, 0);
	release(0, frame);
	release(0, frame);
	expect_sums(0, 0, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(asking_again_changes_nothing)
{
	open_catalog(FRAMES);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	expect_sums(0, 0, 1);
	catalog_free(catalog);
}
END_TEST

START_TEST(a_page_has_one_claim_its_newest)
{
	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(0, 5, 2), CATALOG_ABSENT);
	expect_sums(0, 0, 1);
	ck_assert_uint_eq(probe(1, 5, 1), CATALOG_ABSENT); /* forgotten */
	ck_assert_uint_eq(probe(2, 5, 2), CATALOG_TWIN);
	catalog_free(catalog);
}
END_TEST

START_TEST(a_published_page_gives_up_its_older_claim)
{
	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 9, 2), CATALOG_ABSENT);
	ck_assert_uint_le(publish(0, 5, 2), CATALOG_FRAME_MAX);
	expect_sums(1, 2, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(the_last_release_punches_the_frame)
{
	uint32_t frame;

	open_catalog(FRAMES);
	frame = make_frame(0, 1, 5, 1);
	release(0, frame);
	ck_assert(written[frame]);
	release(1, frame);
	ck_assert(!written[frame]);
	expect_sums(0, 0, 0);
	ck_assert_uint_eq(probe(2, 5, 1), CATALOG_ABSENT);
	catalog_free(catalog);
}
END_TEST

START_TEST(a_guest_that_goes_gives_all_back)
{
	uint32_t frame;

	open_catalog(FRAMES);
	frame = make_frame(0, 1, 5, 1);
	ck_assert_uint_eq(probe(1, 6, 2), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 7, 3), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 8, 3), CATALOG_TWIN);
	ck_assert_uint_ne(publish(1, 8, 3), frame);
	expect_sums(2, 4, 1);
	catalog_client_remove(catalog, 1);
	catalog_check(catalog);
	expect_sums(1, 1, 0);
	ck_assert(written[frame]);
	ck_assert_uint_eq(probe(0, 7, 3), CATALOG_ABSENT);
	catalog_client_remove(catalog, 0);
	catalog_check(catalog);
	expect_sums(0, 0, 0);
	for (uint32_t i = 0; i < FRAMES; i++)
		ck_assert(!written[i]);
	catalog_free(catalog);
}
END_TEST

START_TEST(claims_go_without_the_references)
{
	uint32_t frame;

	open_catalog(FRAMES);
	frame = make_frame(0, 1, 5, 1);
	ck_assert_uint_eq(probe(1, 7, 3), CATALOG_ABSENT);
	expect_sums(1, 2, 1);
	catalog_client_disclaim(catalog, 1);
	catalog_check(catalog);
	expect_sums(1, 2, 0);
	ck_assert(written[frame]);
	ck_assert_uint_eq(probe(0, 7, 3), CATALOG_ABSENT);
	catalog_client_disclaim(catalog, 0);
	catalog_client_disclaim(catalog, 0);
	expect_sums(1, 2, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(a_number_is_used_again_without_the_past)
{
	uint64_t references, cost;
	uint32_t client;

	open_catalog(FRAMES);
	make_frame(0, 1, 5, 1);
	catalog_client_remove(catalog, 1);
	ck_assert_int_eq(catalog_client_add(catalog, 10, &client), 0);
	ck_assert_uint_eq(client, 1);
	catalog_client_cost(catalog, 1, &references, &cost);
	ck_assert_uint_eq(references, 0);
	ck_assert_uint_eq(cost, 0);
	catalog_free(catalog);
}
END_TEST

/* 4096 bytes among 3, 7, 11, ... references leave odd bytes: somebody bears them. */
START_TEST(costs_add_up_to_the_frames_exactly)
{
	uint64_t sum = 0, references, cost;

	open_catalog(FRAMES);
	for (uint32_t number = 0; number < 20; number++) {
		make_frame(number % 3, (number + 1) % 3, number, number);
		for (uint32_t more = 0; more < number * 2 + 1; more++)
			probe(more % 3, 100 + more, number);
		ck_assert_int_eq(catalog_settle(catalog), 0);
		sum = 0;
		for (uint32_t client = 0; client < 3; client++) {
			catalog_client_cost(catalog, client, &references, &cost);
			sum += cost;
		}
		ck_assert_uint_eq(sum, (uint64_t)(number + 1) * PAGE_BYTES);
	}
	catalog_free(catalog);
}
END_TEST

START_TEST(an_equal_part_costs_the_same)
{
	uint64_t references, cost;

	open_catalog(FRAMES);
	make_frame(0, 1, 5, 1);
	ck_assert_int_eq(catalog_settle(catalog), 0);
	for (uint32_t client = 0; client < 2; client++) {
		catalog_client_cost(catalog, client, &references, &cost);
		ck_assert_uint_eq(references, 1);
		ck_assert_uint_eq(cost, PAGE_BYTES / 2);
	}
	catalog_free(catalog);
}
END_TEST

START_TEST(a_full_store_exhausts_and_recovers)
{
	uint32_t frame;

	open_catalog(1);
	frame = make_frame(0, 1, 5, 1);
	ck_assert_uint_eq(probe(0, 6, 2), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 6, 2), CATALOG_TWIN);
	ck_assert_uint_eq(publish(1, 6, 2), CATALOG_EXHAUSTED);
	expect_sums(1, 2, 1); /* the claim stands */
	release(0, frame);
	release(1, frame);
	ck_assert_uint_eq(publish(1, 6, 2), frame);
	expect_sums(1, 2, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(more_references_than_a_ledger_counts_are_refused)
{
	struct catalog_item item;
	uint32_t frame, answer;

	open_catalog(FRAMES);
	frame = make_frame(0, 1, 5, 1);
	item = item_of(6, 1);
	for (uint32_t i = 1; i < UINT16_MAX; i++) {
		ck_assert_int_eq(catalog_probe(catalog, 0, &item, &answer), 0);
		ck_assert_uint_eq(answer, frame);
	}
	ck_assert_uint_eq(probe(0, 6, 1), CATALOG_EXHAUSTED);
	ck_assert_uint_eq(publish(0, 6, 1), CATALOG_EXHAUSTED);
	ck_assert_uint_eq(probe(2, 6, 1), frame); /* others can */
	expect_sums(1, UINT16_MAX + 2, 0);
	catalog_free(catalog);
}
END_TEST

/* Clients 3, 4, 5 beside the three. */
static void add_clients(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t client;

		ck_assert_int_eq(catalog_client_add(catalog, PAGES, &client), 0);
		ck_assert_uint_eq(client, 3 + i);
	}
}

START_TEST(a_frame_has_so_many_sharers_and_the_next_gets_a_copy)
{
	uint32_t first, second;

	open_catalog(FRAMES);
	add_clients(3);
	catalog_set_max_sharers(catalog, 2);
	first = make_frame(0, 1, 5, 1);
	ck_assert_uint_eq(probe(2, 5, 1), CATALOG_ABSENT); /* waits for one to share with */
	ck_assert_uint_eq(probe(2, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(3, 5, 1), CATALOG_TWIN);
	second = publish(3, 5, 1);
	ck_assert_uint_ne(second, first);
	ck_assert_uint_eq(offers[offer_count - 1].client, 2);
	ck_assert_uint_eq(offers[offer_count - 1].frame, second);
	ck_assert_mem_eq(store[second], content(1), PAGE_BYTES);
	ck_assert_uint_eq(probe(4, 5, 1), CATALOG_ABSENT);
	expect_sums(2, 4, 1);
	release(0, first); /* one place is free */
	ck_assert_uint_eq(probe(4, 5, 1), first);
	ck_assert_uint_eq(probe(5, 5, 1), CATALOG_ABSENT);
	expect_sums(2, 4, 1);
	catalog_client_remove(catalog, 3);
	catalog_check(catalog);
	ck_assert_uint_eq(probe(5, 5, 1), second);
	expect_sums(2, 4, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(sharers_are_guests_and_not_pages)
{
	uint32_t frame;

	open_catalog(FRAMES);
	catalog_set_max_sharers(catalog, 2);
	frame = make_frame(0, 1, 5, 1);
	for (uint32_t page = 10; page < 20; page++) {
		ck_assert_uint_eq(probe(0, page, 1), frame);
		ck_assert_uint_eq(probe(1, page, 1), frame);
	}
	ck_assert_uint_eq(publish(1, 20, 1), frame);
	ck_assert_uint_eq(probe(2, 5, 1), CATALOG_ABSENT);
	release(0, frame); /* ten are left */
	ck_assert_uint_eq(probe(2, 5, 1), CATALOG_ABSENT);
	catalog_free(catalog);
}
END_TEST

START_TEST(with_one_sharer_a_guest_shares_with_itself_alone)
{
	uint32_t frame;

	open_catalog(FRAMES);
	catalog_set_max_sharers(catalog, 1);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(publish(1, 5, 1), 0); /* its own claim becomes a frame */
	expect_sums(1, 1, 1);
	ck_assert_uint_eq(probe(0, 6, 1), CATALOG_TWIN);
	frame = publish(0, 6, 1);
	ck_assert_uint_eq(frame, 1);
	expect_sums(2, 3, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(without_a_limit_again_copies_grow_together)
{
	uint32_t first, second;

	open_catalog(FRAMES);
	add_clients(3);
	catalog_set_max_sharers(catalog, 1);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 5, 1), CATALOG_ABSENT);
	catalog_set_max_sharers(catalog, 0);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_TWIN); /* the other's claim, not its own */
	first = publish(0, 5, 1);
	ck_assert_uint_le(first, CATALOG_FRAME_MAX);
	expect_sums(1, 2, 0);
	catalog_set_max_sharers(catalog, 2);
	second = make_frame(2, 3, 5, 1);
	catalog_set_max_sharers(catalog, 0);
	ck_assert_uint_eq(probe(4, 5, 1), second);
	ck_assert_uint_eq(probe(5, 5, 1), second);
	ck_assert_uint_ne(first, second);
	catalog_free(catalog);
}
END_TEST

START_TEST(a_guest_refers_to_no_more_than_it_has_pages_and_some)
{
	struct catalog_item item = { 0 };
	uint32_t client, answer = 0, given = 0;

	open_catalog(FRAMES);
	make_frame(0, 1, 5, 1);
	ck_assert_int_eq(catalog_client_add(catalog, 10, &client), 0);
	item = item_of(3, 1);
	for (uint32_t i = 0; i < 20000; i++) {
		ck_assert_int_eq(catalog_probe(catalog, client, &item, &answer), 0);
		given += answer == 0;
	}
	ck_assert_uint_eq(answer, CATALOG_EXHAUSTED);
	ck_assert_uint_ge(given, 10);
	ck_assert_uint_le(given, 10 + 8192);
	ck_assert_uint_eq(probe(2, 6, 1), 0); /* others can */
	release(client, 0);
	ck_assert_uint_eq(probe(client, 3, 1), 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(who_fills_the_store_leaves_the_others_their_part)
{
	uint32_t client, answer = 0, hog_frames = 0;

	open_catalog(FRAMES);
	for (client = 0; client < 3; client++)
		catalog_client_remove(catalog, client);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(catalog_client_add(catalog, 1000, &client), 0);
	for (uint32_t number = 0; number < FRAMES; number++) { /* pages of nobody else's */
		probe(0, number, 1000 + number);
		answer = publish(0, number, 1000 + number);
		hog_frames += answer <= CATALOG_FRAME_MAX;
	}
	ck_assert_uint_eq(answer, CATALOG_EXHAUSTED);
	ck_assert_uint_ge(hog_frames, FRAMES / 2);
	ck_assert_uint_le(hog_frames, FRAMES / 2 + 1);
	for (uint32_t number = 0; number < FRAMES / 2 - 1; number++) {
		probe(1, number, 2000 + number);
		ck_assert_uint_le(publish(1, number, 2000 + number), CATALOG_FRAME_MAX);
	}
	catalog_client_remove(catalog, 0);
	catalog_check(catalog);
	expect_sums(FRAMES / 2 - 1, FRAMES / 2 - 1, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(who_claims_everything_leaves_the_others_their_part)
{
	enum { LIMIT = (1 << 20) + 2 * FRAMES };
	uint32_t hog, honest, answer = 0, claimed = 0;
	struct catalog_item item = { 0 };

	open_catalog(FRAMES);
	for (uint32_t client = 0; client < 3; client++)
		catalog_client_remove(catalog, client);
	ck_assert_int_eq(catalog_client_add(catalog, LIMIT, &hog), 0);
	ck_assert_int_eq(catalog_client_add(catalog, LIMIT, &honest), 0);
	for (uint32_t page = 0; page < LIMIT; page++) {
		item = (struct catalog_item){ page, 0, { page, 1 } };
		ck_assert_int_eq(catalog_probe(catalog, hog, &item, &answer), 0);
		claimed += answer == CATALOG_ABSENT;
	}
	ck_assert_uint_eq(answer, CATALOG_EXHAUSTED);
	ck_assert_uint_ge(claimed, LIMIT / 2);
	ck_assert_uint_le(claimed, LIMIT / 2 + 1);
	ck_assert_uint_eq(probe(honest, 5, 1), CATALOG_ABSENT);
	catalog_free(catalog);
}
END_TEST

START_TEST(many_digests_are_all_found_again)
{
	enum { MANY = 20000 };
	struct catalog_item item;
	uint32_t answer;

	open_catalog(FRAMES);
	for (uint32_t i = 0; i < MANY; i++) {
		item = item_of(i, i);
		ck_assert_int_eq(catalog_probe(catalog, 0, &item, &answer), 0);
		ck_assert_uint_eq(answer, CATALOG_ABSENT);
	}
	catalog_check(catalog);
	for (uint32_t i = 0; i < MANY; i++) {
		item = item_of(i, i);
		ck_assert_int_eq(catalog_probe(catalog, 1, &item, &answer), 0);
		ck_assert_uint_eq(answer, CATALOG_TWIN);
	}
	expect_sums(0, 0, MANY);
	catalog_client_remove(catalog, 0);
	catalog_check(catalog);
	expect_sums(0, 0, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(a_page_beyond_the_guest_s_memory_is_refused)
{
	struct catalog_item item = { .page = PAGES };
	uint32_t answer = 77;

	open_catalog(FRAMES);
	ck_assert_int_eq(catalog_probe(catalog, 0, &item, &answer), -EINVAL);
	ck_assert_int_eq(catalog_publish(catalog, 0, &item, content(1), &answer), -EINVAL);
	ck_assert_uint_eq(answer, 77);
	ck_assert_uint_eq(probe(0, PAGES - 1, 1), CATALOG_ABSENT);
	expect_sums(0, 0, 1);
	catalog_free(catalog);
}
END_TEST

START_TEST(what_was_not_given_can_not_be_released)
{
	uint32_t frame;

	open_catalog(FRAMES);
	frame = make_frame(0, 1, 5, 1);
	ck_assert_int_eq(catalog_release(catalog, 2, frame), -EINVAL);
	ck_assert_int_eq(catalog_release(catalog, 0, frame + 1), -EINVAL);
	ck_assert_int_eq(catalog_release(catalog, 0, CATALOG_ABSENT), -EINVAL);
	release(0, frame);
	ck_assert_int_eq(catalog_release(catalog, 0, frame), -EINVAL);
	catalog_check(catalog);
	expect_sums(1, 1, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(bytes_that_are_not_the_digest_s_are_refused)
{
	struct catalog_item item;
	uint32_t answer;

	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	item = item_of(9, 1);
	ck_assert_int_eq(catalog_publish(catalog, 1, &item, content(2), &answer), 0);
	ck_assert_uint_eq(answer, CATALOG_REFUSED);
	catalog_check(catalog);
	expect_sums(0, 0, 1);
	ck_assert_uint_eq(offer_count, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(publishing_unasked_is_a_claim_or_a_reference)
{
	uint32_t frame;

	open_catalog(FRAMES);
	ck_assert_uint_eq(publish(0, 5, 1), CATALOG_ABSENT); /* nobody else has it */
	expect_sums(0, 0, 1);
	frame = publish(0, 5, 1); /* one's own claim */
	ck_assert_uint_le(frame, CATALOG_FRAME_MAX);
	expect_sums(1, 1, 0);
	ck_assert_uint_eq(offer_count, 0);
	ck_assert_uint_eq(publish(1, 5, 1), frame);
	expect_sums(1, 2, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(a_frame_that_can_not_be_written_is_not_used)
{
	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	write_result = -ENOSPC;
	ck_assert_uint_eq(publish(1, 9, 1), CATALOG_EXHAUSTED);
	expect_sums(0, 0, 1);
	ck_assert_uint_eq(offer_count, 0);
	write_result = 0;
	ck_assert_uint_le(publish(1, 9, 1), CATALOG_FRAME_MAX);
	expect_sums(1, 2, 0);
	catalog_free(catalog);
}
END_TEST

START_TEST(the_claimant_can_go_before_its_twin_publishes)
{
	open_catalog(FRAMES);
	ck_assert_uint_eq(probe(0, 5, 1), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(1, 9, 1), CATALOG_TWIN);
	catalog_client_remove(catalog, 0);
	catalog_check(catalog);
	ck_assert_uint_eq(publish(1, 9, 1), CATALOG_ABSENT);
	expect_sums(0, 0, 1);
	catalog_free(catalog);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &equal_pages_become_one_frame },
	{ "core", &the_first_claimant_is_offered_the_frame },
	{ "core", &a_guest_can_be_its_own_twin },
	{ "core", &asking_again_changes_nothing },
	{ "core", &a_page_has_one_claim_its_newest },
	{ "core", &a_published_page_gives_up_its_older_claim },
	{ "core", &the_last_release_punches_the_frame },
	{ "core", &a_guest_that_goes_gives_all_back },
	{ "core", &claims_go_without_the_references },
	{ "core", &a_number_is_used_again_without_the_past },
	{ "core", &costs_add_up_to_the_frames_exactly },
	{ "core", &an_equal_part_costs_the_same },
	{ "limits", &a_full_store_exhausts_and_recovers },
	{ "limits", &more_references_than_a_ledger_counts_are_refused },
	{ "limits", &many_digests_are_all_found_again },
	{ "misuse", &a_page_beyond_the_guest_s_memory_is_refused },
	{ "misuse", &what_was_not_given_can_not_be_released },
	{ "misuse", &bytes_that_are_not_the_digest_s_are_refused },
	{ "misuse", &publishing_unasked_is_a_claim_or_a_reference },
	{ "faults", &a_frame_that_can_not_be_written_is_not_used },
	{ "faults", &the_claimant_can_go_before_its_twin_publishes },
	{ "core", &a_frame_has_so_many_sharers_and_the_next_gets_a_copy },
	{ "core", &sharers_are_guests_and_not_pages },
	{ "core", &with_one_sharer_a_guest_shares_with_itself_alone },
	{ "core", &without_a_limit_again_copies_grow_together },
	{ "limits", &a_guest_refers_to_no_more_than_it_has_pages_and_some },
	{ "limits", &who_fills_the_store_leaves_the_others_their_part },
	{ "limits", &who_claims_everything_leaves_the_others_their_part },
};

SUITE_MAIN("catalog", tests)
