/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio_blk.c - a disk, driven through its rings by good and by hostile drivers */
#include "tests/unit/suite.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "devices/virtio_blk.h"
#include "tests/unit/driver.h"
#include "tests/unit/scratch.h"

#define DISK_BYTES   (1u << 20)
#define DISK_SECTORS (DISK_BYTES / 512)
#define UNTOUCHED    0xee /* what a status is before it is one */

static struct driver driver;
static struct disk *disk;
static struct virtio_blk *blk;
static struct fail why;
static char path[128];

static void disk_make(void)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint8_t sector[512];

	ck_assert_int_ge(fd, 0);
	for (unsigned int i = 0; i < DISK_SECTORS; i++) {
		memset(sector, (int)(i % 251), sizeof(sector));
		if (write(fd, sector, sizeof(sector)) != sizeof(sector))
			ck_abort();
	}
	close(fd);
}

static void plug(bool read_only, unsigned int cpus)
{
	struct disk_config config = { .file = path, .read_only = read_only };
	struct virtio_blk_setup setup = { .name = "disk 0", .serial = "s-1", .cpus = cpus };

	driver_open(&driver);
	ck_assert_msg(disk_open(&config, driver.loop, &disk, &why) == 0, "%s", why.text);
	setup.disk = disk;
	setup.gmem = driver.gmem;
	setup.loop = driver.loop;
	ck_assert_int_eq(virtio_blk_create(&setup, &blk, &why), 0);
	driver_attach(&driver, virtio_blk_virtio(blk));
}

static void unplug(void)
{
	virtio_blk_free(blk);
	disk_close(disk);
	driver_close(&driver);
	blk = NULL;
	disk = NULL;
}

static void setup(void)
{
	scratch_make();
	snprintf(path, sizeof(path), "%s/disk", scratch_path);
	disk_make();
	plug(false, 1);
}

static void teardown(void)
{
	unplug();
	scratch_remove();
}

/* ------------------------------------------------------------------------- requests */

struct request {
	uint64_t header, data, status; /* gpa */
	uint32_t length;
};

static struct request request_make(uint32_t type, uint64_t sector, uint32_t length)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	struct request request = {
		.header = driver_alloc(&driver, sizeof(header), 16),
		.data = driver_alloc(&driver, length, 512),
		.status = driver_alloc(&driver, 1, 1),
		.length = length,
	};

	memcpy(driver_at(&driver, request.header, sizeof(header)), &header, sizeof(header));
	*(uint8_t *)driver_at(&driver, request.status, 1) = UNTOUCHED;
	return request;
}

static uint8_t status_of(const struct request *request)
{
	return *(uint8_t *)driver_at(&driver, request->status, 1);
}

static bool writes_memory(uint32_t type)
{
	return type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
}

static uint16_t add(const struct request *request, unsigned int queue, uint32_t type)
{
	struct driver_part parts[3] = { { request->header, 16, false } };
	unsigned int count = 1;

	if (request->length > 0)
		parts[count++] =
			(struct driver_part){ request->data, request->length, writes_memory(type) };
	parts[count++] = (struct driver_part){ request->status, 1, true };
	return driver_add(&driver, queue, parts, count);
}

static uint8_t run(const struct request *request, uint32_t type)
{
	uint16_t head = add(request, 0, type);
	struct driver_used used;

	driver_kick(&driver, 0);
	used = driver_wait(&driver, 0);
	ck_assert_uint_eq(used.head, head);
	return status_of(request);
}

static void *data_of(const struct request *request)
{
	return driver_at(&driver, request->data, request->length);
}

static uint8_t transfer(uint32_t type, uint64_t sector, uint8_t fill)
{
	struct request request = request_make(type, sector, 4096);

	memset(data_of(&request), fill, 4096);
	return run(&request, type);
}

static void expect_sector(uint64_t sector, uint8_t byte)
{
	struct request request = request_make(VIRTIO_BLK_T_IN, sector, 512);
	const uint8_t *data = data_of(&request);

	ck_assert_uint_eq(run(&request, VIRTIO_BLK_T_IN), VIRTIO_BLK_S_OK);
	for (unsigned int i = 0; i < 512; i++)
		if (data[i] != byte)
			ck_abort_msg("sector %u has %02x at %u", (unsigned int)sector, data[i], i);
}

/* ----------------------------------------------------------------------------- core */

START_TEST(sectors_are_written_and_read)
{
	driver_start(&driver, DRIVER_EVERYTHING);
	expect_sector(3, 3);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, 8, 0xaa), VIRTIO_BLK_S_OK);
	expect_sector(7, 7);
	for (uint64_t sector = 8; sector < 16; sector++)
		expect_sector(sector, 0xaa);
	expect_sector(16, 16);
	expect_sector(DISK_SECTORS - 1, (DISK_SECTORS - 1) % 251);
}
END_TEST

START_TEST(the_guest_reads_what_disk_it_is)
{
	struct virtio_blk_config config;
	struct virtio *virtio = virtio_blk_virtio(blk);
	struct request request = request_make(VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES);

	virtio_read_config(virtio, 0, &config, sizeof(config));
	ck_assert_uint_eq(config.capacity, DISK_SECTORS);
	ck_assert_uint_eq(config.blk_size, 512);
	ck_assert_uint_eq(config.seg_max, 254);
	ck_assert_uint_eq(config.physical_block_exp, 3);
	ck_assert_uint_eq(config.num_queues, 1);
	ck_assert(!(virtio_offered_features(virtio) & VIRTIO_FEATURE(VIRTIO_BLK_F_RO)));
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(run(&request, VIRTIO_BLK_T_GET_ID), VIRTIO_BLK_S_OK);
	ck_assert_str_eq(data_of(&request), "s-1");
}
END_TEST

START_TEST(a_request_may_be_split_anywhere)
{
	struct request request = request_make(VIRTIO_BLK_T_OUT, 40, 1024);
	/* header and the first bytes of the data, the rest, and status behind nothing */
	struct driver_part parts[] = {
		{ request.header, 1, false },	    { request.header + 1, 15, false },
		{ request.data, 100, false },	    { request.data + 100, 411, false },
		{ request.data + 511, 513, false }, { request.status, 1, true },
	};
	struct driver_part back[] = {
		{ request.header, 16, false },
		{ request.data, 3, true },
		{ request.data + 3, 1022, true }, /* with the status at its end */
	};
	uint8_t *data = data_of(&request);

	driver_start(&driver, DRIVER_EVERYTHING);
	memset(data, 0x77, 1024);
	driver_add(&driver, 0, parts, 6);
	driver_kick(&driver, 0);
	driver_wait(&driver, 0);
	ck_assert_uint_eq(status_of(&request), VIRTIO_BLK_S_OK);
	*(uint32_t *)driver_at(&driver, request.header, 4) = VIRTIO_BLK_T_IN;
	memset(data, 0, 1024);
	driver_alloc(&driver, 4096, 4096);
	data[1024] = UNTOUCHED;
	driver_add_indirect(&driver, 0, back, 3);
	driver_kick(&driver, 0);
	ck_assert_uint_eq(driver_wait(&driver, 0).written, 1025);
	ck_assert_uint_eq(data[1024], VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(data[0], 0x77);
	ck_assert_uint_eq(data[1023], 0x77);
}
END_TEST

START_TEST(many_requests_are_in_flight_on_many_queues)
{
	struct request requests[4][32];

	unplug();
	plug(false, 4);
	driver_start(&driver, DRIVER_EVERYTHING);
	for (unsigned int queue = 0; queue < 4; queue++) {
		for (unsigned int i = 0; i < 32; i++) {
			requests[queue][i] =
				request_make(VIRTIO_BLK_T_IN, (queue * 32 + i) * 8, 4096);
			add(&requests[queue][i], queue, VIRTIO_BLK_T_IN);
		}
		driver_kick(&driver, queue);
	}
	for (unsigned int queue = 0; queue < 4; queue++)
		for (unsigned int i = 0; i < 32; i++)
			driver_wait(&driver, queue);
	for (unsigned int queue = 0; queue < 4; queue++)
		for (unsigned int i = 0; i < 32; i++) {
			const uint8_t *data = data_of(&requests[queue][i]);

			ck_assert_uint_eq(status_of(&requests[queue][i]), VIRTIO_BLK_S_OK);
			ck_assert_uint_eq(data[0], (queue * 32 + i) * 8 % 251);
			ck_assert_uint_eq(data[4095], ((queue * 32 + i) * 8 + 7) % 251);
		}
	/* one interrupt may stand for many answers, but there is one */
	for (unsigned int queue = 0; queue < 4; queue++)
		ck_assert_uint_ge(driver.queues[queue].notifications, 1);
}
END_TEST

static uint8_t clear(uint32_t type, const struct virtio_blk_discard_write_zeroes *ranges,
		     unsigned int count)
{
	uint32_t bytes = (uint32_t)(count * sizeof(*ranges));
	struct request request = request_make(type, 0, bytes);

	if (bytes > 0)
		memcpy(data_of(&request), ranges, bytes);
	return run(&request, type);
}

START_TEST(ranges_become_zeroes)
{
	const struct virtio_blk_discard_write_zeroes ranges[] = {
		{ .sector = 8, .num_sectors = 3 },
		{ .sector = 100, .num_sectors = 16, .flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP },
		{ .sector = DISK_SECTORS - 1, .num_sectors = 1 },
	};

	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, ranges, 3), VIRTIO_BLK_S_OK);
	expect_sector(7, 7);
	expect_sector(8, 0);
	expect_sector(10, 0);
	expect_sector(11, 11);
	expect_sector(100, 0);
	expect_sector(115, 0);
	expect_sector(116, 116);
	expect_sector(DISK_SECTORS - 1, 0);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_DISCARD, ranges, 1), VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(a_driver_without_flushes_gets_each_write_flushed)
{
	struct disk_counters counters;

	driver_start(&driver, DRIVER_EVERYTHING & ~VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH));
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, 0, 1), VIRTIO_BLK_S_OK);
	disk_count(disk, &counters);
	ck_assert_uint_eq(counters.requests[DISK_FLUSH], 1);
	driver_reset(&driver);
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, 0, 1), VIRTIO_BLK_S_OK);
	disk_count(disk, &counters);
	ck_assert_uint_eq(counters.requests[DISK_FLUSH], 1);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_FLUSH, NULL, 0), VIRTIO_BLK_S_OK);
	disk_count(disk, &counters);
	ck_assert_uint_eq(counters.requests[DISK_FLUSH], 2);
}
END_TEST

START_TEST(a_guest_may_want_each_write_flushed)
{
	const uint32_t wce = offsetof(struct virtio_blk_config, wce);
	struct virtio *virtio = virtio_blk_virtio(blk);
	struct disk_counters counters;
	uint8_t value = 0;

	driver_start(&driver, DRIVER_EVERYTHING);
	virtio_read_config(virtio, wce, &value, 1);
	ck_assert_uint_eq(value, 1);
	value = 0;
	virtio_write_config(virtio, wce, &value, 1);
	virtio_read_config(virtio, wce, &value, 1);
	ck_assert_uint_eq(value, 0);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, 0, 1), VIRTIO_BLK_S_OK);
	disk_count(disk, &counters);
	ck_assert_uint_eq(counters.requests[DISK_FLUSH], 1);
	/* the next driver has a cache, and without the feature it can't be without */
	driver_reset(&driver);
	driver_start(&driver, DRIVER_EVERYTHING & ~VIRTIO_FEATURE(VIRTIO_BLK_F_CONFIG_WCE));
	virtio_write_config(virtio, wce, &value, 1);
	virtio_write_config(virtio, wce - 1, &counters, 4);
	virtio_read_config(virtio, wce, &value, 1);
	ck_assert_uint_eq(value, 1);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, 0, 1), VIRTIO_BLK_S_OK);
	disk_count(disk, &counters);
	ck_assert_uint_eq(counters.requests[DISK_FLUSH], 1);
}
END_TEST

START_TEST(a_read_only_disk_is_not_written)
{
	const struct virtio_blk_discard_write_zeroes range = { .sector = 0, .num_sectors = 8 };

	unplug();
	plug(true, 1);
	ck_assert(virtio_offered_features(virtio_blk_virtio(blk)) &
		  VIRTIO_FEATURE(VIRTIO_BLK_F_RO));
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, 0, 1), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_DISCARD, &range, 1), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, &range, 1), VIRTIO_BLK_S_UNSUPP);
	expect_sector(1, 1);
}
END_TEST

START_TEST(the_disk_outlives_the_device)
{
	struct virtio_blk_setup setup = {
		.name = "disk 0", .cpus = 1, .disk = disk, .gmem = driver.gmem, .loop = driver.loop
	};
	struct request request = request_make(VIRTIO_BLK_T_OUT, 8, 4096);

	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, 16, 0x44), VIRTIO_BLK_S_OK);
	add(&request, 0, VIRTIO_BLK_T_OUT);
	driver_kick(&driver, 0);
	virtio_blk_free(blk); /* and nobody has reset it */
	ck_assert_int_eq(virtio_blk_create(&setup, &blk, &why), 0);
	driver_attach(&driver, virtio_blk_virtio(blk));
	driver_start(&driver, DRIVER_EVERYTHING);
	expect_sector(16, 0x44);
}
END_TEST

/* --------------------------------------------------------------------------- limits */

START_TEST(nothing_outside_of_the_disk_is_reached)
{
	static const uint64_t sectors[] = { DISK_SECTORS - 7,	  DISK_SECTORS,
					    UINT64_MAX / 512,	  UINT64_MAX / 512 + 1,
					    UINT64_MAX / 512 - 7, UINT64_MAX };
	const struct virtio_blk_discard_write_zeroes ranges[] = {
		{ .sector = DISK_SECTORS, .num_sectors = 1 },
		{ .sector = DISK_SECTORS - 1, .num_sectors = 2 },
		{ .sector = UINT64_MAX, .num_sectors = 2 },
		{ .sector = 0, .num_sectors = UINT32_MAX },
		{ .sector = UINT64_MAX / 512, .num_sectors = UINT32_MAX },
	};

	driver_start(&driver, DRIVER_EVERYTHING);
	for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
		ck_assert_uint_eq(transfer(VIRTIO_BLK_T_IN, sectors[i], 0), VIRTIO_BLK_S_IOERR);
		ck_assert_uint_eq(transfer(VIRTIO_BLK_T_OUT, sectors[i], 0), VIRTIO_BLK_S_IOERR);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		ck_assert_uint_eq(clear(VIRTIO_BLK_T_DISCARD, &ranges[i], 1), VIRTIO_BLK_S_IOERR);
		ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, &ranges[i], 1),
				  VIRTIO_BLK_S_IOERR);
	}
	expect_sector(DISK_SECTORS - 1, (DISK_SECTORS - 1) % 251);
	expect_sector(0, 0);
}
END_TEST

START_TEST(data_is_a_whole_number_of_sectors)
{
	struct request request;

	driver_start(&driver, DRIVER_EVERYTHING);
	request = request_make(VIRTIO_BLK_T_IN, 0, 511);
	ck_assert_uint_eq(run(&request, VIRTIO_BLK_T_IN), VIRTIO_BLK_S_IOERR);
	request = request_make(VIRTIO_BLK_T_OUT, 0, 513);
	ck_assert_uint_eq(run(&request, VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_IOERR);
	request = request_make(VIRTIO_BLK_T_DISCARD, 0, 15);
	ck_assert_uint_eq(run(&request, VIRTIO_BLK_T_DISCARD), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_DISCARD, NULL, 0), VIRTIO_BLK_S_IOERR);
}
END_TEST

START_TEST(ranges_have_a_bound)
{
	static struct virtio_blk_discard_write_zeroes ranges[4096];

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i].num_sectors = 1;
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, ranges, 16), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, ranges, 17), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, ranges, 4096), VIRTIO_BLK_S_IOERR);
}
END_TEST

START_TEST(a_longer_place_for_the_serial_stays_as_it_is)
{
	struct request request = request_make(VIRTIO_BLK_T_GET_ID, 0, 64);
	uint8_t *data = data_of(&request);

	driver_start(&driver, DRIVER_EVERYTHING);
	memset(data, 0x5a, 64);
	ck_assert_uint_eq(run(&request, VIRTIO_BLK_T_GET_ID), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(data[19], 0);
	ck_assert_uint_eq(data[20], 0x5a);
	request = request_make(VIRTIO_BLK_T_GET_ID, 0, 2);
	data = data_of(&request);
	ck_assert_uint_eq(run(&request, VIRTIO_BLK_T_GET_ID), VIRTIO_BLK_S_OK);
	ck_assert_mem_eq(data, "s-", 2);
}
END_TEST

/* --------------------------------------------------------------------------- misuse */

START_TEST(unknown_requests_are_answered)
{
	static const uint32_t types[] = { 2, 3, 5, 7, 9, 10, 12, 14, 0x80000000u, UINT32_MAX };
	const struct virtio_blk_discard_write_zeroes unmap = {
		.num_sectors = 1, .flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
	};
	const struct virtio_blk_discard_write_zeroes unknown = { .num_sectors = 1, .flags = 2 };

	driver_start(&driver, DRIVER_EVERYTHING);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		ck_assert_uint_eq(transfer(types[i], 0, 0xff), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_DISCARD, &unmap, 1), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, &unknown, 1), VIRTIO_BLK_S_UNSUPP);
	expect_sector(0, 0);
}
END_TEST

START_TEST(what_was_not_negotiated_is_not_done)
{
	const struct virtio_blk_discard_write_zeroes range = { .sector = 8, .num_sectors = 8 };

	driver_start(&driver, 0);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_DISCARD, &range, 1), VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(clear(VIRTIO_BLK_T_WRITE_ZEROES, &range, 1), VIRTIO_BLK_S_UNSUPP);
	expect_sector(8, 8);
}
END_TEST

/* Chains that no answer fits into. */
static const struct {
	uint32_t header, status; /* bytes; 0: there is none */
} unanswerable[] = { { 16, 0 }, { 15, 1 }, { 0, 1 }, { 1, 0 } };

START_TEST(a_chain_without_room_for_an_answer_stops_the_device)
{
	for (size_t i = 0; i < ARRAY_SIZE(unanswerable); i++) {
		struct request request = request_make(VIRTIO_BLK_T_IN, 0, 512);
		struct driver_part parts[2];
		unsigned int count = 0;

		driver_start(&driver, DRIVER_EVERYTHING);
		if (unanswerable[i].header)
			parts[count++] = (struct driver_part){ request.header,
							       unanswerable[i].header, false };
		if (unanswerable[i].status)
			parts[count++] = (struct driver_part){ request.status, 1, true };
		driver_add(&driver, 0, parts, count);
		driver_kick(&driver, 0);
		driver_wait_refusal(&driver);
		ck_assert_uint_eq(status_of(&request), UNTOUCHED);
		driver_reset(&driver);
	}
	driver_start(&driver, DRIVER_EVERYTHING);
	expect_sector(9, 9);
}
END_TEST

START_TEST(wrong_directions_are_errors)
{
	struct request request = request_make(VIRTIO_BLK_T_OUT, 0, 512);
	struct driver_part parts[] = { { request.header, 16, false },
				       { request.data, 512, true },
				       { request.status, 1, true } };

	driver_start(&driver, DRIVER_EVERYTHING);
	/* a write whose data we could only write: it has no data for us */
	memset(data_of(&request), 0x99, 512);
	driver_add(&driver, 0, parts, 3);
	driver_kick(&driver, 0);
	driver_wait(&driver, 0);
	expect_sector(0, 0);
	/* a read whose data we could only read: it has no room */
	parts[1].is_writable = false;
	*(uint32_t *)driver_at(&driver, request.header, 4) = VIRTIO_BLK_T_IN;
	driver_add(&driver, 0, parts, 3);
	driver_kick(&driver, 0);
	driver_wait(&driver, 0);
	ck_assert_uint_eq(*(uint8_t *)data_of(&request), 0x99);
	/* and a readable part behind a writable one is no chain at all */
	parts[1].is_writable = true;
	parts[2].is_writable = false;
	driver_add(&driver, 0, parts, 3);
	driver_kick(&driver, 0);
	driver_wait_refusal(&driver);
}
END_TEST

START_TEST(memory_at_and_past_the_end_of_ram)
{
	struct request request = request_make(VIRTIO_BLK_T_IN, 5, 512);
	struct driver_part parts[] = { { request.header, 16, false },
				       { DRIVER_MEMORY - 512, 512, true },
				       { request.status, 1, true } };
	static const struct {
		uint64_t gpa;
		uint32_t length;
	} outside[] = { { DRIVER_MEMORY - 511, 512 },
			{ DRIVER_MEMORY, 512 },
			{ UINT64_MAX - 511, 512 },
			{ UINT64_MAX - 255, 512 },
			{ 4096, UINT32_MAX } };

	driver_start(&driver, DRIVER_EVERYTHING);
	driver_add(&driver, 0, parts, 3);
	driver_kick(&driver, 0);
	driver_wait(&driver, 0);
	ck_assert_uint_eq(status_of(&request), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(*(uint8_t *)driver_at(&driver, DRIVER_MEMORY - 1, 1), 5);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		parts[1].gpa = outside[i].gpa;
		parts[1].length = outside[i].length;
		driver_add(&driver, 0, parts, 3);
		driver_kick(&driver, 0);
		driver_wait_refusal(&driver);
		driver_reset(&driver);
		driver_start(&driver, DRIVER_EVERYTHING);
	}
	expect_sector(6, 6);
}
END_TEST

START_TEST(reads_into_one_page_many_times_end)
{
	struct driver_part parts[64];
	struct request request = request_make(VIRTIO_BLK_T_IN, 0, 512);
	unsigned int count = 0;

	/* 40 requests that name the same page 62 times each: more than it can be pinned */
	driver_start(&driver, DRIVER_EVERYTHING);
	parts[count++] = (struct driver_part){ request.header, 16, false };
	while (count < 63)
		parts[count++] = (struct driver_part){ request.data, 512, true };
	parts[count++] = (struct driver_part){ request.status, 1, true };
	for (int i = 0; i < 40; i++)
		driver_add_indirect(&driver, 0, parts, count);
	driver_kick(&driver, 0);
	for (int i = 0; i < 40; i++)
		driver_wait(&driver, 0);
	expect_sector(2, 2);
}
END_TEST

START_TEST(a_reset_in_flight_ends_and_leaves_memory_alone)
{
	struct request requests[32];

	for (int round = 0; round < 20; round++) {
		driver_start(&driver, DRIVER_EVERYTHING);
		for (unsigned int i = 0; i < 32; i++) {
			uint32_t type = i % 2 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;

			requests[i] = request_make(type, 8 * i, 4096);
			add(&requests[i], 0, type);
		}
		driver_kick(&driver, 0);
		driver_reset(&driver);
		for (unsigned int i = 0; i < 32; i++) {
			memset(data_of(&requests[i]), 0x3c, 4096);
			*(uint8_t *)driver_at(&driver, requests[i].status, 1) = UNTOUCHED;
		}
		driver_settle(&driver);
		/* what the driver has back it uses for something else */
		for (unsigned int i = 0; i < 32; i++) {
			const uint8_t *data = data_of(&requests[i]);

			ck_assert_uint_eq(status_of(&requests[i]), UNTOUCHED);
			ck_assert_uint_eq(data[0], 0x3c);
			ck_assert_int_eq(memcmp(data, data + 1, 4095), 0);
		}
	}
}
END_TEST

/* --------------------------------------------------------------------------- faults */

START_TEST(what_the_host_cannot_do_is_an_error_of_the_guest)
{
	ck_assert_int_eq(truncate(path, 8192), 0);
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_IN, 8, 0), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_IN, 16, 0), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_IN, 9, 0), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(transfer(VIRTIO_BLK_T_IN, 0, 0), VIRTIO_BLK_S_OK);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &sectors_are_written_and_read },
	{ "core", &the_guest_reads_what_disk_it_is },
	{ "core", &a_request_may_be_split_anywhere },
	{ "core", &many_requests_are_in_flight_on_many_queues },
	{ "core", &ranges_become_zeroes },
	{ "core", &a_driver_without_flushes_gets_each_write_flushed },
	{ "core", &a_guest_may_want_each_write_flushed },
	{ "core", &a_read_only_disk_is_not_written },
	{ "core", &the_disk_outlives_the_device },
	{ "limits", &nothing_outside_of_the_disk_is_reached },
	{ "limits", &data_is_a_whole_number_of_sectors },
	{ "limits", &ranges_have_a_bound },
	{ "limits", &a_longer_place_for_the_serial_stays_as_it_is },
	{ "misuse", &unknown_requests_are_answered },
	{ "misuse", &what_was_not_negotiated_is_not_done },
	{ "misuse", &a_chain_without_room_for_an_answer_stops_the_device },
	{ "misuse", &wrong_directions_are_errors },
	{ "misuse", &memory_at_and_past_the_end_of_ram },
	{ "misuse", &reads_into_one_page_many_times_end },
	{ "misuse", &a_reset_in_flight_ends_and_leaves_memory_alone },
	{ "faults", &what_the_host_cannot_do_is_an_error_of_the_guest },
};

SUITE_MAIN_AROUND("virtio_blk", tests, setup, teardown)
