/* SPDX-License-Identifier: Apache-2.0 */
/* broker.c - what a guest and the broker of its domain say to each other */
#include "wire/broker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/sock.h"

static struct wire_reader read_payload(const void *payload, size_t length)
{
	return (struct wire_reader){ .bytes = payload, .size = length };
}

static int read_end(const struct wire_reader *reader)
{
	return wire_reader_is_done(reader) ? 0 : -EPROTO;
}

int broker_put_hello(void *buffer, size_t size, const struct broker_hello *hello)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	wire_put_text(&writer, hello->name);
	wire_put_u32(&writer, hello->pages);
	wire_put_u32(&writer, hello->max_sharers);
	return wire_finish(&writer, BROKER_HELLO);
}

int broker_get_hello(const void *payload, size_t length, struct broker_hello *ret_hello)
{
	struct wire_reader reader = read_payload(payload, length);

	wire_get_text(&reader, ret_hello->name);
	ret_hello->pages = wire_get_u32(&reader);
	ret_hello->max_sharers = wire_get_u32(&reader);
	return read_end(&reader);
}

int broker_put_start(void *buffer, size_t size, const char *domain)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	wire_put_text(&writer, domain);
	return wire_finish(&writer, BROKER_START);
}

int broker_get_start(const void *payload, size_t length, char ret_domain[WIRE_TEXT_SIZE])
{
	struct wire_reader reader = read_payload(payload, length);

	wire_get_text(&reader, ret_domain);
	return read_end(&reader);
}

int broker_put_welcome(void *buffer, size_t size, const struct broker_welcome *welcome)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	wire_put_bytes(&writer, welcome->secret.bytes, sizeof(welcome->secret.bytes));
	wire_put_u32(&writer, welcome->store_frames);
	return wire_finish(&writer, BROKER_WELCOME);
}

int broker_get_welcome(const void *payload, size_t length, struct broker_welcome *ret_welcome)
{
	struct wire_reader reader = read_payload(payload, length);

	wire_get_bytes(&reader, ret_welcome->secret.bytes, sizeof(ret_welcome->secret.bytes));
	ret_welcome->store_frames = wire_get_u32(&reader);
	return read_end(&reader);
}

static void put_items(struct wire_writer *writer, const struct catalog_item *items, uint32_t count,
		      bool with_wishes)
{
	wire_put_u32(writer, count);
	for (uint32_t i = 0; i < count; i++) {
		wire_put_u32(writer, items[i].page);
		wire_put_u64(writer, items[i].digest.low);
		wire_put_u64(writer, items[i].digest.high);
		if (with_wishes)
			wire_put_u32(writer, items[i].wish_plus);
	}
}

/* Counts come first and are checked before anything is read into a bounded array. */
static int get_count(struct wire_reader *reader, uint32_t max, uint32_t *ret_count)
{
	*ret_count = wire_get_u32(reader);
	return reader->failed || *ret_count > max ? -EPROTO : 0;
}

static int get_items(struct wire_reader *reader, uint32_t max, bool with_wishes,
		     struct catalog_item *ret_items, uint32_t *ret_count)
{
	int rc = get_count(reader, max, ret_count);

	for (uint32_t i = 0; rc == 0 && i < *ret_count; i++) {
		ret_items[i].page = wire_get_u32(reader);
		ret_items[i].digest.low = wire_get_u64(reader);
		ret_items[i].digest.high = wire_get_u64(reader);
		ret_items[i].wish_plus = with_wishes ? wire_get_u32(reader) : 0;
	}
	return rc;
}

int broker_put_probe(void *buffer, size_t size, const struct catalog_item *items, uint32_t count)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	put_items(&writer, items, count, false);
	return wire_finish(&writer, BROKER_PROBE);
}

int broker_get_probe(const void *payload, size_t length, struct catalog_item *ret_items,
		     uint32_t *ret_count)
{
	struct wire_reader reader = read_payload(payload, length);
	int rc = get_items(&reader, PROBE_MAX, false, ret_items, ret_count);

	return rc < 0 ? rc : read_end(&reader);
}

int broker_put_publish(void *buffer, size_t size, const struct catalog_item *items, uint32_t count)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	put_items(&writer, items, count, true);
	return wire_finish_with_tail(&writer, BROKER_PUBLISH, (size_t)count * PAGE_BYTES);
}

int broker_get_publish(const void *payload, size_t length, struct catalog_item *ret_items,
		       uint32_t *ret_count, const uint8_t **ret_bytes)
{
	struct wire_reader reader = read_payload(payload, length);
	int rc = get_items(&reader, PUBLISH_MAX, true, ret_items, ret_count);

	if (rc < 0)
		return rc;
	if (reader.failed || reader.size - reader.used != (size_t)*ret_count * PAGE_BYTES)
		return -EPROTO;
	*ret_bytes = reader.bytes + reader.used;
	return 0;
}

int broker_put_numbers(void *buffer, size_t size, enum broker_message type, const uint32_t *numbers,
		       uint32_t count)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	wire_put_u32(&writer, count);
	for (uint32_t i = 0; i < count; i++)
		wire_put_u32(&writer, numbers[i]);
	return wire_finish(&writer, (uint16_t)type);
}

int broker_get_numbers(const void *payload, size_t length, uint32_t max, uint32_t *ret_numbers,
		       uint32_t *ret_count)
{
	struct wire_reader reader = read_payload(payload, length);
	int rc = get_count(&reader, max, ret_count);

	for (uint32_t i = 0; rc == 0 && i < *ret_count; i++)
		ret_numbers[i] = wire_get_u32(&reader);
	return rc < 0 ? rc : read_end(&reader);
}

int broker_put_offers(void *buffer, size_t size, const struct link_offer *offers, uint32_t count)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	wire_put_u32(&writer, count);
	for (uint32_t i = 0; i < count; i++) {
		wire_put_u32(&writer, offers[i].page);
		wire_put_u32(&writer, offers[i].frame);
		wire_put_u64(&writer, offers[i].digest_low);
	}
	return wire_finish(&writer, BROKER_OFFERS);
}

int broker_get_offers(const void *payload, size_t length, struct link_offer *ret_offers,
		      uint32_t *ret_count)
{
	struct wire_reader reader = read_payload(payload, length);
	int rc = get_count(&reader, BROKER_OFFERS_MAX, ret_count);

	for (uint32_t i = 0; rc == 0 && i < *ret_count; i++) {
		ret_offers[i].page = wire_get_u32(&reader);
		ret_offers[i].frame = wire_get_u32(&reader);
		ret_offers[i].digest_low = wire_get_u64(&reader);
	}
	return rc < 0 ? rc : read_end(&reader);
}

int broker_put_report(void *buffer, size_t size, const struct broker_report *report)
{
	struct wire_writer writer;

	wire_start(&writer, buffer, size);
	wire_put_text(&writer, report->domain);
	wire_put_u64(&writer, report->frames);
	wire_put_u64(&writer, report->store_bytes);
	wire_put_u64(&writer, report->shared_mappings);
	wire_put_u64(&writer, report->overhead_bytes);
	wire_put_u64(&writer, report->cpu_ns);
	wire_put_u32(&writer, report->max_sharers);
	wire_put_u32(&writer, report->guest_count);
	for (uint32_t i = 0; i < report->guest_count; i++) {
		wire_put_u32(&writer, report->guests[i].pid);
		wire_put_text(&writer, report->guests[i].name);
		wire_put_u64(&writer, report->guests[i].held_pages);
		wire_put_u64(&writer, report->guests[i].cost_bytes);
	}
	return wire_finish(&writer, BROKER_REPORT);
}

int broker_get_report(const void *payload, size_t length, struct broker_report **ret_report)
{
	struct wire_reader reader = read_payload(payload, length);
	AUTO_FREE struct broker_report *report = NULL;
	struct broker_report head = { 0 };

	wire_get_text(&reader, head.domain);
	head.frames = wire_get_u64(&reader);
	head.store_bytes = wire_get_u64(&reader);
	head.shared_mappings = wire_get_u64(&reader);
	head.overhead_bytes = wire_get_u64(&reader);
	head.cpu_ns = wire_get_u64(&reader);
	head.max_sharers = wire_get_u32(&reader);
	if (get_count(&reader, BROKER_REPORT_MAX / WIRE_TEXT_SIZE, &head.guest_count) < 0)
		return -EPROTO;
	report = malloc(sizeof(*report) + head.guest_count * sizeof(report->guests[0]));
	if (!report)
		return -ENOMEM;
	*report = head;
	for (uint32_t i = 0; i < head.guest_count; i++) {
		report->guests[i].pid = wire_get_u32(&reader);
		wire_get_text(&reader, report->guests[i].name);
		report->guests[i].held_pages = wire_get_u64(&reader);
		report->guests[i].cost_bytes = wire_get_u64(&reader);
	}
	if (read_end(&reader) < 0)
		return -EPROTO;
	*ret_report = TAKE(report);
	return 0;
}

/* What is left until the deadline; 0 would be for ever. */
static int receive_until(int fd, uint64_t deadline_ns)
{
	uint64_t now = now_ns(), left_ns = deadline_ns > now ? deadline_ns - now : 0;
	struct timeval patience = {
		.tv_sec = (time_t)(left_ns / NS_PER_SEC),
		.tv_usec = (suseconds_t)(left_ns % NS_PER_SEC / 1000) + 1,
	};

	if (patience.tv_usec > 999999)
		patience.tv_usec = 999999;
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ? -errno
											: 0;
}

/* The payload of an answer of this type. The caller frees it. */
static int answer_take(int fd, enum broker_message type, uint64_t deadline_ns,
		       uint8_t **ret_payload, size_t *ret_length)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	AUTO_FREE uint8_t *payload = NULL;
	struct wire_header header;
	int rc = receive_until(fd, deadline_ns);

	if (rc == 0)
		rc = sock_read_all(fd, bytes, sizeof(bytes));
	if (rc != 0)
		return rc < 0 ? rc : -ECONNRESET;
	rc = wire_header_decode(bytes, BROKER_REPORT_MAX, &header);
	if (rc < 0)
		return rc;
	payload = malloc(header.length + 1u);
	if (!payload)
		return -ENOMEM;
	rc = sock_read_all(fd, payload, header.length);
	if (rc != 0)
		return rc < 0 ? rc : -ECONNRESET;
	if (header.type != type)
		return -EPROTO;
	*ret_payload = TAKE(payload);
	*ret_length = header.length;
	return 0;
}

static int query_failed(const char *socket_path, int rc, struct fail *why)
{
	if (rc == -EAGAIN)
		return fail_set(why, EAGAIN, "the broker at %s does not answer", socket_path);
	return fail_errno(why, -rc, "cannot ask the broker at %s", socket_path);
}

int broker_ask(const char *socket_path, enum broker_message type, int *ret_fd, struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	uint8_t bytes[WIRE_HEADER_SIZE];
	struct wire_writer writer;
	int rc = sock_connect(socket_path, false, &fd);

	wire_start(&writer, bytes, sizeof(bytes));
	if (rc == 0)
		rc = wire_finish(&writer, (uint16_t)type);
	if (rc > 0)
		rc = sock_write_all(fd, bytes, (size_t)rc);
	if (rc < 0)
		return query_failed(socket_path, rc, why);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int broker_report_take(const char *socket_path, int fd, uint64_t deadline_ns,
		       struct broker_report **ret_report, struct fail *why)
{
	AUTO_FREE uint8_t *payload = NULL;
	size_t length;
	int rc = answer_take(fd, BROKER_REPORT, deadline_ns, &payload, &length);

	if (rc == 0)
		rc = broker_get_report(payload, length, ret_report);
	return rc < 0 ? query_failed(socket_path, rc, why) : 0;
}

int broker_report_query(const char *socket_path, int timeout_ms, struct broker_report **ret_report,
			struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	int rc = broker_ask(socket_path, BROKER_REPORT_REQUEST, &fd, why);

	return rc < 0 ? rc
		      : broker_report_take(socket_path, fd,
					   now_ns() + (uint64_t)timeout_ms * NS_PER_MS, ret_report,
					   why);
}

int broker_history_take(const char *socket_path, int fd, uint64_t deadline_ns,
			struct history *ret_history, struct fail *why)
{
	AUTO_FREE uint8_t *payload = NULL;
	size_t length;
	int rc = answer_take(fd, BROKER_HISTORY, deadline_ns, &payload, &length);

	if (rc == 0)
		rc = history_decode(payload, length, ret_history);
	return rc < 0 ? query_failed(socket_path, rc, why) : 0;
}
