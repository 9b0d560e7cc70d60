/* SPDX-License-Identifier: Apache-2.0 */
/* check_broker_link.c - a guest's link believes a broker no more than the broker believes it */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/rundir.h"
#include "base/sock.h"
#include "tests/unit/scratch.h"
#include "vmm/broker_link.h"
#include "wire/broker.h"

#define RAM_PAGES 100u
#define FRAMES	  50u

/* A broker that says what it is told to, on a thread of its own, to each who connects */

enum greeting {
	GREET_WELL,
	GREET_WITHOUT_STORE,
	GREET_WITH_A_SHORT_STORE,
	GREET_WITH_A_WRITABLE_STORE,
	GREET_WITH_A_DIRECTORY,
	GREET_WITH_A_PIPE,
	GREET_WITH_ANOTHER_TYPE,
	GREET_WITH_ANOTHER_VERSION,
	GREET_WITH_ANOTHER_LENGTH,
	GREET_IN_PART,
	GREET_WITH_NOISE,
	GREET_NOBODY,
	GREETINGS,
};

static struct {
	pthread_t thread;
	int listener;
	enum greeting greeting;
	const uint8_t *says; /* after the first question */
	size_t says_length;
} broker;

static int make_store(enum greeting greeting)
{
	off_t size = (off_t)(greeting == GREET_WITH_A_SHORT_STORE ? FRAMES - 1 : FRAMES) *
		     (off_t)PAGE_BYTES;
	int fd = memfd_create("store", MFD_CLOEXEC), fds[2];
	char path[64];

	if (greeting == GREET_WITHOUT_STORE)
		return -1;
	if (greeting == GREET_WITH_A_DIRECTORY)
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (greeting == GREET_WITH_A_PIPE)
		return pipe2(fds, O_CLOEXEC) == 0 ? fds[0] : -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ftruncate(fd, size) < 0)
		return -1;
	return greeting == GREET_WITH_A_WRITABLE_STORE ? fd : open(path, O_RDONLY | O_CLOEXEC);
}

static void greet(int fd)
{
	struct broker_welcome welcome = { .store_frames = FRAMES };
	uint8_t bytes[WIRE_HEADER_SIZE + DIGEST_SECRET_BYTES + 4];
	int length = broker_put_welcome(bytes, sizeof(bytes), &welcome), rc;
	AUTO_CLOSE int store = make_store(broker.greeting);

	if (broker.greeting == GREET_WITH_ANOTHER_TYPE)
		bytes[4] = BROKER_ANSWERS;
	else if (broker.greeting == GREET_WITH_ANOTHER_VERSION)
		bytes[6]++;
	else if (broker.greeting == GREET_WITH_ANOTHER_LENGTH)
		bytes[0]--;
	else if (broker.greeting == GREET_IN_PART)
		length /= 2;
	else if (broker.greeting == GREET_WITH_NOISE)
		memset(bytes, 0xff, sizeof(bytes));
	rc = sock_write_fd(fd, bytes, (size_t)length, store);
	ck_assert_int_eq(rc, 0);
}

static void *broker_run(void *context)
{
	uint8_t bytes[4096];
	pid_t pid;
	int fd;

	while (sock_accept(broker.listener, false, &fd, &pid) == 0) {
		if (recv(fd, bytes, sizeof(bytes), 0) > 0 && broker.greeting != GREET_NOBODY) {
			greet(fd);
			if (broker.says && recv(fd, bytes, sizeof(bytes), 0) > 0 &&
			    sock_write_all(fd, broker.says, broker.says_length) < 0)
				break;
		}
		shutdown(fd, SHUT_WR);
		while (recv(fd, bytes, sizeof(bytes), 0) > 0)
			;
		close(fd);
	}
	return NULL;
}

static void open_broker(enum greeting greeting, const void *says, size_t length)
{
	char path[RUNDIR_PATH_MAX];
	struct fail why;

	scratch_make();
	broker.greeting = greeting;
	broker.says = says;
	broker.says_length = length;
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(rundir_path(RUNDIR_DOMAINS, "lab", ".sock", path, &why), 0);
	ck_assert_int_eq(sock_listen(path, &broker.listener), 0);
	ck_assert_int_eq(fcntl(broker.listener, F_SETFL, 0), 0); /* the thread waits in it */
	ck_assert_int_eq(pthread_create(&broker.thread, NULL, broker_run, NULL), 0);
}

static void close_broker(void)
{
	shutdown(broker.listener, SHUT_RDWR);
	pthread_join(broker.thread, NULL);
	close(broker.listener);
	scratch_remove();
}

/* A guest's side */

static struct broker_link *link_to_test;
static struct fail why;

static int greeted(void)
{
	struct digest_secret secret;
	int store_fd = -1, rc;

	ck_assert_int_eq(broker_link_create("lab", "web", RAM_PAGES, 0, &link_to_test), 0);
	rc = broker_link_connect(link_to_test, &secret, &store_fd, &why);
	ck_assert_int_eq(rc == 0, store_fd >= 0);
	if (store_fd >= 0)
		close(store_fd);
	return rc;
}

/* What a probe of two pages comes to. */
static int asked(uint32_t ret_answers[2])
{
	static const struct catalog_item items[2] = { { 1, 0, { 1, 1 } }, { 2, 0, { 2, 2 } } };

	ck_assert_int_eq(greeted(), 0);
	return broker_link_ops.probe(link_to_test, items, 2, ret_answers);
}

static int answer_of(const void *says, size_t length)
{
	uint32_t answers[2];
	int rc;

	open_broker(GREET_WELL, says, length);
	rc = asked(answers);
	broker_link_free(link_to_test);
	close_broker();
	return rc;
}

START_TEST(a_welcome_that_is_none_ends_the_connection)
{
	for (int greeting = GREET_WELL; greeting < GREETINGS; greeting++) {
		int rc;

		open_broker((enum greeting)greeting, NULL, 0);
		rc = greeted();
		ck_assert_msg((rc == 0) == (greeting == GREET_WELL), "greeting %d: %d", greeting,
			      rc);
		ck_assert_int_eq(broker_link_fd(link_to_test) >= 0, greeting == GREET_WELL);
		broker_link_free(link_to_test);
		close_broker();
	}
}
END_TEST

/* Who is refused is not told: it can say at least where to look. */
START_TEST(a_guest_that_is_refused_points_to_the_brokers_log)
{
	open_broker(GREET_NOBODY, NULL, 0);
	ck_assert_int_eq(greeted(), -ECONNRESET);
	ck_assert_ptr_nonnull(strstr(why.text, "see its log"));
	broker_link_free(link_to_test);
	close_broker();
}
END_TEST

START_TEST(answers_that_are_none_end_the_connection)
{
	static uint8_t bytes[WIRE_HEADER_SIZE + BROKER_REPLY_MAX + 16];
	uint32_t numbers[3] = { 7, 8, 9 };
	struct link_offer offer = { .page = 1 };
	struct broker_hello hello = { .name = "a", .pages = 1 };
	int length = broker_put_numbers(bytes, sizeof(bytes), BROKER_ANSWERS, numbers, 2);

	ck_assert_int_eq(answer_of(bytes, (size_t)length), 0);
	ck_assert_int_lt(answer_of(bytes, (size_t)length - 1), 0); /* and then it hangs up */
	bytes[WIRE_HEADER_SIZE]++;
	ck_assert_int_eq(answer_of(bytes, (size_t)length), -EPROTO);
	bytes[WIRE_HEADER_SIZE + 3] = 0xff;
	ck_assert_int_eq(answer_of(bytes, (size_t)length), -EPROTO);
	length = broker_put_numbers(bytes, sizeof(bytes), BROKER_ANSWERS, numbers, 1);
	ck_assert_int_eq(answer_of(bytes, (size_t)length), -EPROTO);
	length = broker_put_numbers(bytes, sizeof(bytes), BROKER_ANSWERS, numbers, 3);
	ck_assert_int_eq(answer_of(bytes, (size_t)length), -EPROTO);
	length = broker_put_numbers(bytes, sizeof(bytes), BROKER_RELEASE, numbers, 2);
	ck_assert_int_eq(answer_of(bytes, (size_t)length), -EPROTO);
	length = broker_put_hello(bytes, sizeof(bytes), &hello);
	ck_assert_int_eq(answer_of(bytes, (size_t)length), -EPROTO);
	length = broker_put_offers(bytes, sizeof(bytes), &offer, 1);
	bytes[WIRE_HEADER_SIZE] = 2;
	ck_assert_int_eq(answer_of(bytes, (size_t)length), -EPROTO);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_int_eq(answer_of(bytes, sizeof(bytes)), -EPROTO);
	memset(bytes, 0, sizeof(bytes));
	ck_assert_int_eq(answer_of(bytes, sizeof(bytes)), -EPROTO);
}
END_TEST

START_TEST(offers_come_in_between_and_answers_out_of_turn_do_not)
{
	static uint8_t bytes[4096];
	struct link_offer offer = { .page = UINT32_MAX, .frame = FRAMES, .digest_low = 3 }, got[4];
	uint32_t numbers[2] = { 7, 8 }, answers[2];
	int length = broker_put_offers(bytes, sizeof(bytes), &offer, 1);

	/* what the numbers in it may be is the engine's to know */
	length += broker_put_numbers(bytes + length, sizeof(bytes) - (size_t)length, BROKER_ANSWERS,
				     numbers, 2);
	length += broker_put_numbers(bytes + length, sizeof(bytes) - (size_t)length, BROKER_ANSWERS,
				     numbers, 2); /* nobody asked */
	open_broker(GREET_WELL, bytes, (size_t)length);
	ck_assert_int_eq(asked(answers), 0);
	ck_assert_uint_eq(answers[1], 8);
	ck_assert_int_eq(broker_link_ops.offers(link_to_test, got, 1), 1);
	ck_assert_uint_eq(got[0].page, UINT32_MAX);
	ck_assert_int_lt(broker_link_ops.offers(link_to_test, got, 4), 0);
	broker_link_free(link_to_test);
	close_broker();
}
END_TEST

START_TEST(more_offers_than_there_are_pages_end_the_connection)
{
	enum { MESSAGES = 8 };
	static struct link_offer offers[BROKER_OFFERS_MAX];
	static uint8_t bytes[MESSAGES * (WIRE_HEADER_SIZE + BROKER_REPLY_MAX)];
	size_t length = 0;

	for (int i = 0; i < MESSAGES; i++)
		length += (size_t)broker_put_offers(bytes + length, sizeof(bytes) - length, offers,
						    BROKER_OFFERS_MAX);
	ck_assert_int_eq(answer_of(bytes, length), -EPROTO);
}
END_TEST

static const struct suite_test tests[] = {
	{ "misuse", &a_welcome_that_is_none_ends_the_connection },
	{ "misuse", &a_guest_that_is_refused_points_to_the_brokers_log },
	{ "misuse", &answers_that_are_none_end_the_connection },
	{ "misuse", &offers_come_in_between_and_answers_out_of_turn_do_not },
	{ "limits", &more_offers_than_there_are_pages_end_the_connection },
};

SUITE_MAIN("broker_link", tests)
