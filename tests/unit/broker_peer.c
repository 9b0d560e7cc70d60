/* SPDX-License-Identifier: Apache-2.0 */
/* broker_peer.c - a broker to test, and what a guest says to it */
#include "tests/unit/broker_peer.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sock.h"
#include "broker/broker.h"
#include "tests/unit/scratch.h"

/* A process without its guest's RAM is not believed to have one. */
uint8_t broker_peer_ram[RAM_PAGES * PAGE_BYTES];

pid_t broker_pid;
char socket_path[RUNDIR_PATH_MAX];

void open_broker(void)
{
	struct fail why;
	int listener;

	scratch_make();
	log_set_level(LOG_LEVEL_ERROR); /* liars make it talk */
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(rundir_path(RUNDIR_DOMAINS, "lab", ".sock", socket_path, &why), 0);
	ck_assert_int_eq(sock_listen(socket_path, &listener), 0);
	broker_pid = fork();
	ck_assert_int_ge(broker_pid, 0);
	if (broker_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* not longer than the test */
		_exit(broker_main("lab", listener, &why) == 0 ? 0 : 1);
	}
	close(listener);
}

void close_broker(void)
{
	kill(broker_pid, SIGKILL);
	ck_assert_int_eq(waitpid(broker_pid, NULL, 0), broker_pid);
	scratch_remove();
}

void nap(void)
{
	const struct timespec moment = { .tv_nsec = 5 * 1000 * 1000 };

	nanosleep(&moment, NULL);
}

uint64_t deadline(void)
{
	return now_ns() + 60 * NS_PER_SEC; /* for a sanitizer on a busy machine */
}

struct broker_report *ask_report(void)
{
	struct broker_report *report = NULL;
	struct fail why;
	int fd;

	ck_assert_int_eq(broker_ask(socket_path, BROKER_REPORT_REQUEST, &fd, &why), 0);
	ck_assert_int_eq(
		broker_report_take(socket_path, fd, now_ns() + 5 * NS_PER_SEC, &report, &why), 0);
	close(fd);
	return report;
}

uint64_t frames_now(uint64_t *ret_store_bytes)
{
	struct broker_report *report = ask_report();
	uint64_t frames = report->frames;

	*ret_store_bytes = report->store_bytes;
	free(report);
	return frames;
}

/* A guest's side of the connection */

void send_all(int fd, const void *bytes, int length)
{
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(sock_write_all(fd, bytes, (size_t)length), 0);
}

int connect_broker(void)
{
	int fd;

	ck_assert_int_eq(sock_connect(socket_path, false, &fd), 0);
	return fd;
}

void send_hello(int fd, const char *name, uint32_t pages)
{
	struct broker_hello hello = { .pages = pages };
	uint8_t bytes[128];

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	send_all(fd, bytes, broker_put_hello(bytes, sizeof(bytes), &hello));
}

/* Returns the store's descriptor. */
int join(int fd, const char *name, struct digest_secret *ret_secret)
{
	uint8_t bytes[WIRE_HEADER_SIZE + DIGEST_SECRET_BYTES + 4];
	struct broker_welcome welcome;
	struct wire_header header;
	int store_fd;

	send_hello(fd, name, RAM_PAGES);
	ck_assert_int_eq(sock_read_fd(fd, bytes, sizeof(bytes), &store_fd), sizeof(bytes));
	ck_assert_int_ge(store_fd, 0);
	ck_assert_int_eq(wire_header_decode(bytes, sizeof(bytes), &header), 0);
	ck_assert_uint_eq(header.type, BROKER_WELCOME);
	ck_assert_int_eq(broker_get_welcome(bytes + WIRE_HEADER_SIZE, header.length, &welcome), 0);
	*ret_secret = welcome.secret;
	return store_fd;
}

/* Returns the type of the next message and puts its payload into payload. */
uint16_t receive(int fd, uint8_t *payload, uint32_t *ret_length)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	struct wire_header header;

	ck_assert_int_eq(sock_read_all(fd, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(wire_header_decode(bytes, BROKER_REPLY_MAX, &header), 0);
	ck_assert_int_eq(sock_read_all(fd, payload, header.length), 0);
	*ret_length = header.length;
	return header.type;
}

uint32_t receive_answer(int fd)
{
	static uint8_t payload[BROKER_REPLY_MAX];
	uint32_t answer, count, length;

	ck_assert_uint_eq(receive(fd, payload, &length), BROKER_ANSWERS);
	ck_assert_int_eq(broker_get_numbers(payload, length, 1, &answer, &count), 0);
	ck_assert_uint_eq(count, 1);
	return answer;
}

const uint8_t *content(int value)
{
	static uint8_t page[PAGE_BYTES];

	memset(page, value, sizeof(page));
	return page;
}

uint32_t probe(int fd, const struct digest_secret *secret, uint32_t page, int value)
{
	struct catalog_item item = { page, 0, digest_page(content(value), secret) };
	uint8_t bytes[128];

	send_all(fd, bytes, broker_put_probe(bytes, sizeof(bytes), &item, 1));
	return receive_answer(fd);
}

uint32_t publish(int fd, const struct digest_secret *secret, uint32_t page, int value, int sent)
{
	struct catalog_item item = { page, 0, digest_page(content(value), secret) };
	uint8_t bytes[128];

	send_all(fd, bytes, broker_put_publish(bytes, sizeof(bytes), &item, 1));
	send_all(fd, content(sent), PAGE_BYTES);
	return receive_answer(fd);
}

void release(int fd, uint32_t frame)
{
	uint8_t bytes[64];

	send_all(fd, bytes, broker_put_numbers(bytes, sizeof(bytes), BROKER_RELEASE, &frame, 1));
}

struct link_offer receive_offer(int fd)
{
	static uint8_t payload[BROKER_REPLY_MAX];
	static struct link_offer offers[BROKER_OFFERS_MAX];
	uint32_t count, length;

	ck_assert_uint_eq(receive(fd, payload, &length), BROKER_OFFERS);
	ck_assert_int_eq(broker_get_offers(payload, length, offers, &count), 0);
	ck_assert_uint_eq(count, 1);
	return offers[0];
}
