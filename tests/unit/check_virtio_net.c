/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio_net.c - frames pass whole, once and in order, whatever the guest does */
#include "devices/virtio_net.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "base/log.h"
#include "net/stream.h"
#include "tests/unit/driver.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

#define RX	     0
#define TX	     1
#define HEADER	     sizeof(struct virtio_net_hdr_v1)
#define BUFFER_BYTES 2048
#define NO_MERGING   (UINT64_MAX & ~VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF))

static struct driver driver;
static struct fake_net *fake;
static struct virtio_net *card;
static uint64_t memory; /* of the guest, for buffers: 1 MiB at least */
static uint8_t frame[HEADER + NET_FRAME_MAX], got[HEADER + NET_FRAME_MAX];
static const uint8_t mac[MAC_BYTES] = { 0x5e, 0, 0, 0, 0, 1 };

static void card_start(struct net *net, uint64_t features)
{
	struct virtio_net_setup setup = { .name = "network 0", .net = net };
	struct fail why;

	setup.gmem = driver.gmem;
	setup.loop = driver.loop;
	memcpy(setup.mac, mac, MAC_BYTES);
	ck_assert_int_eq(virtio_net_create(&setup, &card, &why), 0);
	driver_attach(&driver, virtio_net_virtio(card));
	driver_start(&driver, features);
}

static void start(unsigned int pairs, uint64_t features)
{
	driver_open(&driver);
	memory = driver_alloc(&driver, 16 << 20, GMEM_PAGE_SIZE);
	fake = fake_net_open(pairs);
	card_start(&fake->net, features);
}

static void stop(void)
{
	virtio_net_free(card);
	fake_net_close(fake);
	driver_close(&driver);
}

/* A header of zeroes, and a frame that is told from others by its mark. */
static void frame_make(uint32_t bytes, uint8_t mark)
{
	memset(frame, 0, HEADER);
	for (uint32_t i = 0; i < bytes; i++)
		frame[HEADER + i] = (uint8_t)(mark + i * 3 + i / 255);
}

/* ---------------------------------------------------------------- receiving */

static void host_sends(unsigned int pair, uint32_t bytes, uint8_t mark)
{
	frame_make(bytes, mark);
	ck_assert_int_eq(send(fake->others[pair], frame, HEADER + bytes, 0),
			 (ssize_t)(HEADER + bytes));
}

/* Frames that nobody takes must not keep the loop busy. */
static bool waits_for_frames(void)
{
	return (fake->net.pairs[0].events & EPOLLIN) != 0;
}

/* Buffers lie one behind the other, from the index on, in parts of this many bytes. */
static void offer_buffer(unsigned int queue, unsigned int index, uint32_t bytes)
{
	const struct driver_part part = { .gpa = memory + (uint64_t)index * bytes,
					  .length = bytes,
					  .is_writable = true };

	driver_add(&driver, queue, &part, 1);
}

static void offer_buffers(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		offer_buffer(RX, i, BUFFER_BYTES);
	driver_kick(&driver, RX);
}

/* The next frame, from buffers as above; returns its bytes, with its header. */
static uint32_t guest_receives(unsigned int queue, unsigned int index, uint32_t buffer_bytes)
{
	struct virtio_net_hdr_v1 header;
	struct driver_used used = driver_wait(&driver, queue);
	uint32_t bytes = used.written;

	memcpy(got, driver_at(&driver, memory + (uint64_t)index * buffer_bytes, bytes), bytes);
	memcpy(&header, got, sizeof(header));
	for (unsigned int i = 1; i < header.num_buffers; i++) {
		/* all but the last are full, and those that follow are there */
		ck_assert_uint_eq(used.written, buffer_bytes);
		ck_assert(driver_poll(&driver, queue, &used));
		memcpy(got + bytes,
		       driver_at(&driver, memory + (uint64_t)(index + i) * buffer_bytes,
				 used.written),
		       used.written);
		bytes += used.written;
	}
	return bytes;
}

static void expect_frame(unsigned int index, uint32_t bytes, uint8_t mark)
{
	frame_make(bytes, mark);
	ck_assert_uint_eq(guest_receives(RX, index, BUFFER_BYTES), HEADER + bytes);
	ck_assert_mem_eq(got + HEADER, frame + HEADER, bytes);
}

static void expect_none(unsigned int queue)
{
	struct driver_used used;

	driver_settle(&driver);
	ck_assert(!driver_poll(&driver, queue, &used));
}

static struct net_flow counted(enum net_way way)
{
	struct net_flow flows[NET_WAYS];

	net_count(&fake->net, flows);
	return flows[way];
}

START_TEST(a_frame_arrives_in_one_buffer)
{
	struct virtio_net_hdr_v1 header;

	start(1, DRIVER_EVERYTHING);
	offer_buffers(2);
	host_sends(0, 60, 7);
	expect_frame(0, 60, 7);
	memcpy(&header, got, sizeof(header));
	ck_assert_uint_eq(header.num_buffers, 1);
	ck_assert_uint_ge(driver.queues[RX].notifications, 1);
	expect_none(RX);
	host_sends(0, BUFFER_BYTES - HEADER, 9);
	expect_frame(1, BUFFER_BYTES - HEADER, 9);
	ck_assert_uint_eq(counted(NET_IN).frames, 2);
	ck_assert_uint_eq(counted(NET_IN).bytes, 60 + BUFFER_BYTES - HEADER);
	host_sends(0, 60, 8);
	expect_none(RX);
	ck_assert(!waits_for_frames());
	stop();
}
END_TEST

START_TEST(a_large_frame_is_spread_and_shown_at_once)
{
	start(1, DRIVER_EVERYTHING);
	offer_buffers(100);
	for (unsigned int i = 0; i < 3; i++)
		host_sends(0, 9000, (uint8_t)i);
	host_sends(0, 65535, 99);
	for (unsigned int i = 0; i < 3; i++)
		expect_frame(i * 5, 9000, (uint8_t)i);
	expect_frame(15, 65535, 99);
	stop();
}
END_TEST

START_TEST(frames_wait_for_buffers_and_come_in_order)
{
	start(1, DRIVER_EVERYTHING);
	for (unsigned int i = 0; i < 30; i++)
		host_sends(0, 100 + i, (uint8_t)i);
	expect_none(RX);
	ck_assert(!waits_for_frames());
	/* again and again the guest has none, and again it has some */
	for (unsigned int i = 0; i < 30; i += 3) {
		for (unsigned int j = 0; j < 3; j++)
			offer_buffer(RX, j, BUFFER_BYTES);
		driver_kick(&driver, RX);
		for (unsigned int j = 0; j < 3; j++)
			expect_frame(j, 100 + i + j, (uint8_t)(i + j));
		expect_none(RX);
	}
	ck_assert_uint_eq(counted(NET_IN).lost, 0);
	stop();
}
END_TEST

START_TEST(a_frame_waits_for_its_last_buffers)
{
	start(1, DRIVER_EVERYTHING);
	offer_buffers(2);
	host_sends(0, 9000, 1);
	host_sends(0, 60, 2);
	expect_none(RX);
	offer_buffer(RX, 2, BUFFER_BYTES);
	driver_kick(&driver, RX);
	expect_none(RX);
	for (unsigned int i = 3; i < 6; i++)
		offer_buffer(RX, i, BUFFER_BYTES);
	driver_kick(&driver, RX);
	expect_frame(0, 9000, 1);
	expect_frame(5, 60, 2);
	stop();
}
END_TEST

START_TEST(buffers_of_many_parts_are_filled)
{
	struct driver_part parts[20];

	start(1, DRIVER_EVERYTHING);
	for (unsigned int i = 0; i < 20; i++)
		parts[i] = (struct driver_part){ .gpa = memory + i * 100,
						 .length = 100,
						 .is_writable = true };
	driver_add(&driver, RX, parts, 20);
	driver_add_indirect(&driver, RX, parts, 20);
	driver_kick(&driver, RX);
	host_sends(0, 1500, 1);
	ck_assert_uint_eq(driver_wait(&driver, RX).written, HEADER + 1500);
	frame_make(1500, 1);
	ck_assert_mem_eq(driver_at(&driver, memory + HEADER, 1500), frame + HEADER, 1500);
	host_sends(0, 1400, 2);
	ck_assert_uint_eq(driver_wait(&driver, RX).written, HEADER + 1400);
	frame_make(1400, 2);
	ck_assert_mem_eq(driver_at(&driver, memory + HEADER, 1400), frame + HEADER, 1400);
	stop();
}
END_TEST

START_TEST(a_ring_that_no_frame_fits_into_loses_it_and_goes_on)
{
	start(1, DRIVER_EVERYTHING);
	for (unsigned int i = 0; i < DRIVER_QUEUE_SIZE; i++)
		offer_buffer(RX, i, 16);
	driver_kick(&driver, RX);
	host_sends(0, DRIVER_QUEUE_SIZE * 16, 1);
	host_sends(0, 60, 2);
	frame_make(60, 2);
	ck_assert_uint_eq(guest_receives(RX, 0, 16), HEADER + 60);
	ck_assert_mem_eq(got + HEADER, frame + HEADER, 60);
	ck_assert_uint_eq(counted(NET_IN).lost, 1);
	stop();
}
END_TEST

START_TEST(without_merging_a_frame_has_one_buffer)
{
	struct virtio_net_hdr_v1 header;

	start(1, NO_MERGING);
	offer_buffers(3);
	host_sends(0, BUFFER_BYTES, 1); /* too large: lost, and nothing else with it */
	host_sends(0, 1000, 2);
	host_sends(0, 1000, 3);
	expect_frame(0, 1000, 2);
	memcpy(&header, got, sizeof(header));
	ck_assert_uint_eq(header.num_buffers, 1);
	expect_frame(1, 1000, 3);
	ck_assert_uint_eq(counted(NET_IN).lost, 1);
	stop();
}
END_TEST

START_TEST(a_buffer_of_gigabytes_is_only_as_long_as_a_frame)
{
	const struct driver_part part = { .gpa = memory, .length = 32 << 20, .is_writable = true };
	struct driver_part huge = part;

	start(1, DRIVER_EVERYTHING);
	huge.gpa = memory;
	driver_add(&driver, RX, &huge, 1);
	driver_kick(&driver, RX);
	host_sends(0, NET_FRAME_MAX, 5);
	ck_assert_uint_eq(driver_wait(&driver, RX).written, HEADER + NET_FRAME_MAX);
	frame_make(NET_FRAME_MAX, 5);
	ck_assert_mem_eq(driver_at(&driver, memory + HEADER, NET_FRAME_MAX), frame + HEADER,
			 NET_FRAME_MAX);
	stop();
}
END_TEST

START_TEST(a_reset_forgets_buffers_and_frames_at_hand)
{
	start(1, DRIVER_EVERYTHING);
	offer_buffers(2);
	host_sends(0, 9000, 1);
	expect_none(RX);
	driver_reset(&driver);
	driver_start(&driver, DRIVER_EVERYTHING);
	offer_buffers(6);
	host_sends(0, 60, 2);
	expect_frame(0, 60, 2);
	expect_none(RX);
	stop();
}
END_TEST

START_TEST(the_next_card_goes_on_with_the_same_net)
{
	start(1, DRIVER_EVERYTHING);
	offer_buffers(2);
	driver_settle(&driver);
	virtio_net_free(card);
	host_sends(0, 60, 1);
	card_start(&fake->net, DRIVER_EVERYTHING);
	offer_buffers(2);
	expect_frame(0, 60, 1);
	stop();
}
END_TEST

/* ------------------------------------------------------------------ sending */

static void guest_sends(uint32_t bytes, uint32_t first_part)
{
	const struct driver_part parts[2] = {
		{ .gpa = memory, .length = first_part },
		{ .gpa = memory + first_part, .length = (uint32_t)HEADER + bytes - first_part },
	};

	memcpy(driver_at(&driver, memory, HEADER + bytes), frame, HEADER + bytes);
	driver_add(&driver, TX, parts, parts[1].length > 0 ? 2 : 1);
	driver_kick(&driver, TX);
}

static void expect_sent(uint32_t bytes)
{
	driver_wait(&driver, TX);
	ck_assert_int_eq(recv(fake->others[0], got, sizeof(got), 0), (ssize_t)(HEADER + bytes));
	ck_assert_mem_eq(got, frame, HEADER + bytes);
}

static void expect_lost(uint32_t bytes)
{
	uint64_t lost = counted(NET_OUT).lost;

	guest_sends(bytes, HEADER);
	driver_wait(&driver, TX);
	ck_assert_int_eq(recv(fake->others[0], got, sizeof(got), 0), -1);
	ck_assert_uint_eq(counted(NET_OUT).lost, lost + 1);
}

START_TEST(a_frame_is_sent_however_it_is_cut)
{
	static const uint32_t cuts[] = { HEADER, 1, HEADER - 1, HEADER + 14, HEADER + 1500 };

	start(1, DRIVER_EVERYTHING);
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		frame_make(1500, (uint8_t)i);
		guest_sends(1500, cuts[i]);
		expect_sent(1500);
	}
	frame_make(NET_FRAME_MAX, 8);
	guest_sends(NET_FRAME_MAX, HEADER);
	expect_sent(NET_FRAME_MAX);
	frame_make(NET_FRAME_MIN, 9);
	guest_sends(NET_FRAME_MIN, HEADER);
	expect_sent(NET_FRAME_MIN);
	ck_assert_uint_eq(counted(NET_OUT).frames, ARRAY_SIZE(cuts) + 2);
	ck_assert_uint_eq(counted(NET_OUT).bytes,
			  1500 * ARRAY_SIZE(cuts) + NET_FRAME_MAX + NET_FRAME_MIN);
	stop();
}
END_TEST

START_TEST(a_full_net_makes_the_guest_wait_and_loses_nothing)
{
	unsigned int returned = 0, seen = 0;
	struct driver_used used;

	start(1, DRIVER_EVERYTHING);
	for (unsigned int i = 0; i < 60; i++) {
		const struct driver_part part = { .gpa = memory + i * 32768, .length = 30000 };

		frame_make(30000 - HEADER, (uint8_t)i);
		memcpy(driver_at(&driver, part.gpa, part.length), frame, part.length);
		driver_add(&driver, TX, &part, 1);
	}
	driver_kick(&driver, TX);
	driver_settle(&driver);
	while (driver_poll(&driver, TX, &used))
		returned++;
	ck_assert_uint_lt(returned, 60); /* else this test is none */
	while (seen < 60) {
		while (recv(fake->others[0], got, sizeof(got), 0) == 30000) {
			frame_make(30000 - HEADER, (uint8_t)seen++);
			ck_assert_mem_eq(got, frame, 30000);
		}
		driver_settle(&driver);
		while (driver_poll(&driver, TX, &used))
			returned++;
	}
	ck_assert_uint_eq(returned, 60);
	ck_assert_int_eq(recv(fake->others[0], got, sizeof(got), 0), -1);
	stop();
}
END_TEST

static void header_set(uint8_t flags, uint8_t gso_type, uint16_t gso_size, uint16_t csum_start,
		       uint16_t csum_offset)
{
	struct virtio_net_hdr_v1 header = { .flags = flags,
					    .gso_type = gso_type,
					    .hdr_len = 54,
					    .gso_size = gso_size,
					    .csum_start = csum_start,
					    .csum_offset = csum_offset };

	memcpy(frame, &header, sizeof(header));
}

#define NEEDS_CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM

START_TEST(offloads_pass_as_they_were_agreed_on)
{
	start(1, DRIVER_EVERYTHING);
	frame_make(3000, 1);
	header_set(NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 1448, 34, 16);
	guest_sends(3000, HEADER);
	expect_sent(3000);
	header_set(NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN, 1428, 54, 16);
	guest_sends(3000, HEADER);
	expect_sent(3000);
	/* offsets may point to the very end */
	header_set(NEEDS_CSUM, 0, 0, 2990, 8);
	guest_sends(3000, HEADER);
	expect_sent(3000);
	ck_assert_uint_eq(fake->offloads, NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN);
	driver_reset(&driver);
	ck_assert_uint_eq(fake->offloads, 0);
	stop();
}
END_TEST

START_TEST(headers_that_were_not_agreed_on_cost_the_frame)
{
	start(1, UINT64_MAX & ~(VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6) |
				VIRTIO_FEATURE(VIRTIO_NET_F_HOST_ECN)));
	frame_make(3000, 1);
	header_set(NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV6, 1448, 34, 16);
	expect_lost(3000);
	header_set(NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 1448, 34, 16);
	expect_lost(3000);
	header_set(NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP, 1448, 34, 6);
	expect_lost(3000);
	header_set(NEEDS_CSUM, 0x7f, 1448, 34, 6);
	expect_lost(3000);
	header_set(NEEDS_CSUM, VIRTIO_NET_HDR_GSO_ECN, 1448, 34, 6);
	expect_lost(3000);
	header_set(NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 0, 34, 16);
	expect_lost(3000);
	header_set(0, VIRTIO_NET_HDR_GSO_TCPV4, 1448, 34, 16);
	expect_lost(3000);
	header_set(NEEDS_CSUM, 0, 0, 2990, 9);
	expect_lost(3000);
	header_set(NEEDS_CSUM, 0, 0, 0xffff, 0xffff);
	expect_lost(3000);
	frame_make(NET_FRAME_MIN, 1);
	expect_lost(NET_FRAME_MIN - 1);
	driver_reset(&driver);
	driver_start(&driver, VIRTIO_FEATURE(VIRTIO_NET_F_MAC));
	frame_make(3000, 1);
	header_set(NEEDS_CSUM, 0, 0, 34, 16);
	expect_lost(3000);
	stop();
}
END_TEST

/* ----------------------------------------------------------- other networks */

START_TEST(a_net_without_headers_gets_frames_alone)
{
	struct virtio_net_hdr_v1 header;
	struct net *net;
	struct fail why;
	uint32_t prefix = htonl(100);
	int fds[2];

	driver_open(&driver);
	memory = driver_alloc(&driver, 1 << 20, GMEM_PAGE_SIZE);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(stream_open(fds[0], "network 0", 65520, &net, &why), 0);
	card_start(net, DRIVER_EVERYTHING);
	ck_assert(!(virtio_offered_features(virtio_net_virtio(card)) &
		    (VIRTIO_FEATURE(VIRTIO_NET_F_CSUM) | VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO4) |
		     VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_FEATURE(VIRTIO_NET_F_MQ))));
	offer_buffers(2);
	frame_make(100, 1);
	ck_assert_int_eq(send(fds[1], &prefix, 4, 0), 4);
	ck_assert_int_eq(send(fds[1], frame + HEADER, 100, 0), 100);
	expect_frame(0, 100, 1);
	memcpy(&header, got, sizeof(header));
	ck_assert_uint_eq(header.num_buffers, 1);
	ck_assert_uint_eq(header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	ck_assert_uint_eq(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	guest_sends(100, HEADER);
	driver_wait(&driver, TX);
	ck_assert_int_eq(recv(fds[1], got, sizeof(got), MSG_DONTWAIT), 104);
	ck_assert_mem_eq(got, &prefix, 4);
	ck_assert_mem_eq(got + 4, frame + HEADER, 100);
	virtio_net_free(card);
	net_close(net);
	close(fds[1]);
	driver_close(&driver);
}
END_TEST

static bool heard_of_config(struct driver *of, const void *context)
{
	return of->config_notifications > 0;
}

static struct virtio_net_config config_read(void)
{
	struct virtio_net_config config = { 0 };

	virtio_read_config(virtio_net_virtio(card), 0, &config, sizeof(config));
	return config;
}

START_TEST(when_the_net_ends_the_link_goes_down)
{
	log_set_level(LOG_LEVEL_ERROR);
	start(1, DRIVER_EVERYTHING);
	ck_assert_uint_eq(config_read().status, VIRTIO_NET_S_LINK_UP);
	offer_buffers(2);
	close(fake->others[0]);
	fake->others[0] = -1;
	driver_run_until(&driver, heard_of_config, NULL);
	ck_assert_uint_eq(config_read().status, 0);
	/* what is sent now is lost, and returned */
	frame_make(60, 1);
	guest_sends(60, HEADER);
	driver_wait(&driver, TX);
	driver_reset(&driver);
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(config_read().status, 0);
	stop();
}
END_TEST

/* ----------------------------------------------------------------- commands */

static unsigned int control;

/* Returns the answer. */
static uint8_t command(uint8_t class, uint8_t number, const void *payload, uint32_t bytes)
{
	uint8_t *at = driver_at(&driver, memory + (1 << 20), 4096);
	const struct driver_part parts[] = {
		{ .gpa = memory + (1 << 20), .length = 2 },
		{ .gpa = memory + (1 << 20) + 2, .length = bytes },
		{ .gpa = memory + (1 << 20) + 2048, .length = 1, .is_writable = true },
	};

	at[0] = class;
	at[1] = number;
	memcpy(at + 2, payload, bytes);
	at[2048] = 0xee;
	driver_add(&driver, control, parts, 3);
	driver_kick(&driver, control);
	ck_assert_uint_eq(driver_wait(&driver, control).written, 1);
	return at[2048];
}

static uint8_t set_pairs(uint16_t pairs)
{
	return command(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &pairs, 2);
}

START_TEST(pairs_are_used_as_the_guest_says)
{
	start(3, DRIVER_EVERYTHING);
	control = 6;
	ck_assert_uint_eq(config_read().max_virtqueue_pairs, 3);
	ck_assert_uint_eq(fake->used, 1);
	offer_buffer(2, 0, BUFFER_BYTES);
	driver_kick(&driver, 2);
	ck_assert_uint_eq(set_pairs(2), VIRTIO_NET_OK);
	ck_assert_uint_eq(fake->used, 3);
	host_sends(1, 60, 4);
	ck_assert_uint_eq(guest_receives(2, 0, BUFFER_BYTES), HEADER + 60);
	ck_assert_uint_eq(set_pairs(0), VIRTIO_NET_ERR);
	ck_assert_uint_eq(set_pairs(4), VIRTIO_NET_ERR);
	ck_assert_uint_eq(set_pairs(0x8001), VIRTIO_NET_ERR);
	ck_assert_uint_eq(fake->used, 3);
	ck_assert_uint_eq(set_pairs(3), VIRTIO_NET_OK);
	ck_assert_uint_eq(set_pairs(1), VIRTIO_NET_OK);
	ck_assert_uint_eq(fake->used, 1);
	fake->fails_at = 2;
	ck_assert_uint_eq(set_pairs(3), VIRTIO_NET_ERR);
	ck_assert_uint_eq(fake->used, 1);
	fake->fails_at = 0;
	ck_assert_uint_eq(set_pairs(3), VIRTIO_NET_OK);
	driver_reset(&driver);
	ck_assert_uint_eq(fake->used, 1);
	stop();
}
END_TEST

START_TEST(without_several_pairs_the_control_queue_is_the_third)
{
	start(3, UINT64_MAX & ~VIRTIO_FEATURE(VIRTIO_NET_F_MQ));
	control = 2;
	ck_assert_uint_eq(set_pairs(2), VIRTIO_NET_ERR);
	ck_assert_uint_eq(command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, "\1", 1),
			  VIRTIO_NET_OK);
	/* queues that can't be in use then are not looked at */
	frame_make(60, 1);
	driver_kick(&driver, 5);
	driver_settle(&driver);
	stop();
}
END_TEST

START_TEST(commands_do_what_they_say)
{
	static const uint8_t other[MAC_BYTES] = { 0x5e, 0, 0, 0, 0, 2 };
	uint64_t offloads = VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM);

	start(1, UINT64_MAX & ~VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO6));
	control = 2;
	ck_assert_uint_eq(fake->offloads, NET_CSUM | NET_TSO4 | NET_ECN);
	ck_assert_uint_eq(command(5, 0, &offloads, 8), VIRTIO_NET_OK);
	ck_assert_uint_eq(fake->offloads, NET_CSUM);
	offloads = VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO4);
	ck_assert_uint_eq(command(5, 0, &offloads, 8), VIRTIO_NET_OK);
	ck_assert_uint_eq(fake->offloads, 0); /* no segments without checksums */
	offloads = VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO6);
	ck_assert_uint_eq(command(5, 0, &offloads, 8), VIRTIO_NET_ERR);

	ck_assert_mem_eq(config_read().mac, mac, MAC_BYTES);
	ck_assert_uint_eq(command(1, 1, other, 6), VIRTIO_NET_OK);
	ck_assert_mem_eq(config_read().mac, other, MAC_BYTES);
	ck_assert_uint_eq(command(1, 1, "\x01\0\0\0\0\1", 6), VIRTIO_NET_ERR);
	ck_assert_mem_eq(config_read().mac, other, MAC_BYTES);
	ck_assert_uint_eq(command(1, 0, "\0\0\0\0\0\0\0\0", 8), VIRTIO_NET_OK);
	driver_reset(&driver);
	ck_assert_mem_eq(config_read().mac, mac, MAC_BYTES);
	stop();
}
END_TEST

START_TEST(commands_that_are_none_are_errors)
{
	start(1, DRIVER_EVERYTHING);
	control = 2;
	ck_assert_uint_eq(command(0, 77, "\1", 1), VIRTIO_NET_ERR);
	ck_assert_uint_eq(command(77, 0, "\1", 1), VIRTIO_NET_ERR);
	ck_assert_uint_eq(command(255, 255, "\1", 1), VIRTIO_NET_ERR);
	ck_assert_uint_eq(set_pairs(1), VIRTIO_NET_ERR); /* there is one pair */
	ck_assert_uint_eq(command(1, 1, "\x5e\0\0", 3), VIRTIO_NET_ERR);
	ck_assert_uint_eq(command(5, 0, "\0\0\0\0", 4), VIRTIO_NET_ERR);
	stop();
}
END_TEST

START_TEST(the_guest_reads_what_it_has)
{
	struct virtio_net_config config;

	start(2, DRIVER_EVERYTHING);
	config = config_read();
	ck_assert_mem_eq(config.mac, mac, MAC_BYTES);
	ck_assert_uint_eq(config.mtu, 1500);
	ck_assert_uint_eq(config.max_virtqueue_pairs, 2);
	virtio_write_config(virtio_net_virtio(card), 0, "\1\1\1\1\1\1", 6);
	ck_assert_mem_eq(config_read().mac, mac, MAC_BYTES);
	stop();
}
END_TEST

/* ------------------------------------------------------- what is done wrongly */

/* One chain of one or two parts that the device must refuse. */
static const struct wrong {
	unsigned int queue;
	unsigned int count;
	struct driver_part parts[2]; /* gpa counts from `memory` */
} wrongs[] = {
	{ TX, 1, { { 0, HEADER - 1, false } } },
	{ TX, 1, { { 0, HEADER + 60, true } } },
	{ TX, 2, { { 0, HEADER + 60, false }, { 4096, 60, true } } },
	{ TX, 1, { { 0, HEADER + NET_FRAME_MAX + 1, false } } },
	{ TX, 1, { { 0, 16 << 20, false } } },
	{ TX, 1, { { 0, 0, false } } },
	{ RX, 1, { { 0, 2048, false } } },
	{ RX, 2, { { 0, HEADER, false }, { 4096, 2048, true } } },
	{ RX, 1, { { 0, HEADER - 1, true } } },
	{ RX, 1, { { 0, 0, true } } },
	{ 2, 1, { { 0, 2, false } } },
	{ 2, 2, { { 0, 1, false }, { 4096, 1, true } } },
	{ 2, 1, { { 0, 1, true } } },
	/* the end of RAM, and sums that wrap */
	{ TX, 1, { { DRIVER_MEMORY - 100, 200, false } } },
	{ RX, 1, { { DRIVER_MEMORY - 100, 200, true } } },
	{ RX, 1, { { UINT64_MAX - 100, 2048, true } } },
	{ TX, 1, { { UINT64_MAX - 100, 0xffffffff, false } } },
};

START_TEST(what_is_no_request_stops_the_card_until_its_reset)
{
	log_set_level(LOG_LEVEL_ERROR);
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct driver_part parts[2];

		start(1, DRIVER_EVERYTHING);
		if (wrongs[i].queue != RX) {
			offer_buffers(1);
			driver_settle(&driver);
			ck_assert(waits_for_frames());
		}
		memcpy(parts, wrongs[i].parts, sizeof(parts));
		for (unsigned int j = 0; j < 2; j++)
			if (parts[j].gpa < DRIVER_MEMORY / 2)
				parts[j].gpa += memory;
		driver_add(&driver, wrongs[i].queue, parts, wrongs[i].count);
		driver_kick(&driver, wrongs[i].queue);
		driver_wait_refusal(&driver);
		ck_assert_uint_eq(driver.config_notifications, 1);
		/* frames and kicks change nothing */
		host_sends(0, 60, 1);
		driver_kick(&driver, RX);
		driver_kick(&driver, TX);
		driver_settle(&driver);
		ck_assert_uint_eq(driver.config_notifications, 1);
		ck_assert(!waits_for_frames());
		driver_reset(&driver);
		driver_start(&driver, DRIVER_EVERYTHING);
		offer_buffers(1);
		expect_frame(0, 60, 1);
		stop();
	}
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	int before = open_descriptors();

	start(3, DRIVER_EVERYTHING);
	offer_buffers(20);
	host_sends(0, 9000, 1);
	driver_settle(&driver);
	stop();
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_frame_arrives_in_one_buffer },
	{ "core", &a_large_frame_is_spread_and_shown_at_once },
	{ "core", &frames_wait_for_buffers_and_come_in_order },
	{ "core", &a_frame_waits_for_its_last_buffers },
	{ "core", &buffers_of_many_parts_are_filled },
	{ "core", &without_merging_a_frame_has_one_buffer },
	{ "core", &a_frame_is_sent_however_it_is_cut },
	{ "core", &offloads_pass_as_they_were_agreed_on },
	{ "core", &a_net_without_headers_gets_frames_alone },
	{ "core", &pairs_are_used_as_the_guest_says },
	{ "core", &without_several_pairs_the_control_queue_is_the_third },
	{ "core", &commands_do_what_they_say },
	{ "core", &the_guest_reads_what_it_has },
	{ "core", &a_reset_forgets_buffers_and_frames_at_hand },
	{ "core", &the_next_card_goes_on_with_the_same_net },
	{ "core", &nothing_is_left_behind },
	{ "limits", &a_full_net_makes_the_guest_wait_and_loses_nothing },
	{ "limits", &a_ring_that_no_frame_fits_into_loses_it_and_goes_on },
	{ "limits", &a_buffer_of_gigabytes_is_only_as_long_as_a_frame },
	{ "misuse", &headers_that_were_not_agreed_on_cost_the_frame },
	{ "misuse", &commands_that_are_none_are_errors },
	{ "misuse", &what_is_no_request_stops_the_card_until_its_reset },
	{ "faults", &when_the_net_ends_the_link_goes_down },
};
SUITE_MAIN("virtio_net", tests)
