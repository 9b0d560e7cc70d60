/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_virtio_small.c - drivers of the rng, the balloon and the console that mean no good
 *
 * The input is fuzz_driver.h's, with a struct setup. What is outside of the device is ours:
 * pages that are given back must be the guest's, bytes must come from its memory and go
 * there, and however it is driven, a reset must come to its end. The core asserts that each
 * chain is returned once.
 */
#include "tests/fuzz/fuzz_driver.h"

#include <stdlib.h>
#include <string.h>

#include "devices/virtio_balloon.h"
#include "devices/virtio_console.h"
#include "devices/virtio_rng.h"

#define HELD_MAX     (2 * BALLOON_BATCH_PAGES)
#define ENDS	     2
#define CARRIED_ONCE 16384u

struct setup {
	uint32_t features;
	uint8_t device;
};

enum { DEVICE_RNG, DEVICE_BALLOON, DEVICE_CONSOLE, DEVICES };

enum {
	OP_END,
	OP_KICK,    /* a queue */
	OP_OFFER,   /* the same, with one chain more in the available ring */
	OP_CONFIG,  /* two more bytes: where, and what */
	OP_OUTSIDE, /* see outside() */
	OP_RESET,
	OP_POKE, /* two more bytes: where, and what */
	OPS,
};

static struct virtio_rng *rng;
static struct virtio_balloon *balloon;
static struct virtio_console *console;

/* -- outside of the balloon -- */

static struct gmem_discard *held[HELD_MAX];
static unsigned int held_count;
static bool holds;

static void let_go(void)
{
	while (held_count > 0) {
		struct gmem_discard *discard = held[--held_count];

		discard->returned = discard->count;
		discard->done(discard, 0);
	}
}

static void on_discard(void *context, struct gmem_discard *discard)
{
	expect(discard->count > 0 && discard->first < DRIVER_RAM / GMEM_PAGE_SIZE &&
	       discard->count <= DRIVER_RAM / GMEM_PAGE_SIZE - discard->first);
	for (unsigned int i = 0; i < held_count; i++)
		expect(held[i] != discard);
	expect(held_count < HELD_MAX);
	held[held_count++] = discard;
	if (!holds)
		let_go();
}

/* -- outside of the console -- */

static struct fuzz_end {
	struct console_end end; /* first */
	size_t room;		/* what it takes */
	size_t waiting;		/* what it has for the guest */
	bool is_open;
} ends[ENDS];

static void expect_guests(const struct iovec *parts, unsigned int count)
{
	size_t total = 0;

	for (unsigned int i = 0; i < count; i++) {
		const unsigned char *bytes = parts[i].iov_base;

		expect(bytes >= driver_ram && parts[i].iov_len <= DRIVER_RAM &&
		       (size_t)(bytes - driver_ram) <= DRIVER_RAM - parts[i].iov_len);
		total += parts[i].iov_len;
	}
	expect(total > 0 && total <= CARRIED_ONCE);
}

static size_t end_write(struct console_end *end, const struct iovec *parts, unsigned int count)
{
	struct fuzz_end *fuzz_end = (struct fuzz_end *)end;
	size_t taken = 0;

	expect_guests(parts, count);
	for (unsigned int i = 0; i < count; i++)
		taken += parts[i].iov_len;
	taken = taken < fuzz_end->room ? taken : fuzz_end->room;
	fuzz_end->room -= taken;
	return taken;
}

static size_t end_read(struct console_end *end, const struct iovec *parts, unsigned int count)
{
	struct fuzz_end *fuzz_end = (struct fuzz_end *)end;
	size_t given = 0;

	expect_guests(parts, count);
	expect(end->is_heard);
	for (unsigned int i = 0; i < count; i++) {
		size_t left = fuzz_end->waiting - given;
		size_t n = parts[i].iov_len < left ? parts[i].iov_len : left;

		memset(parts[i].iov_base, 0x5a, n);
		given += n;
	}
	fuzz_end->waiting -= given;
	return given;
}

static bool end_is_open(struct console_end *end)
{
	return ((struct fuzz_end *)end)->is_open;
}

static const struct console_end_ops end_ops = {
	.write = end_write,
	.read = end_read,
	.is_open = end_is_open,
};

/* What somebody else does, by turns. */
static void outside(unsigned int argument)
{
	struct virtio_balloon_report report;
	struct fuzz_end *end = &ends[argument & 1];
	unsigned int what = argument >> 1;

	if (balloon) {
		holds = argument & 1;
		if (!holds)
			let_go();
		virtio_balloon_report(balloon, &report);
		expect(report.ballooned_bytes <= DRIVER_RAM && report.target_bytes <= DRIVER_RAM);
		return;
	}
	if (what % 4 == 0) {
		end->is_open = !end->is_open;
		console_end_opened(&end->end, end->is_open);
	} else if (what % 4 == 1) {
		end->waiting += 100;
		console_end_is_ready(&end->end);
	} else {
		end->room += what % 4 == 2 ? 7 : 100000;
		console_end_is_ready(&end->end);
	}
}

/* -- the driver -- */

static void driver_reset(struct virtio *virtio)
{
	virtio_write_status(virtio, 0);
	driver_settle();
	let_go();
	driver_settle();
	expect(virtio_read_status(virtio) == 0);
}

/* Returns how many bytes it took. */
static size_t operate(struct virtio *virtio, const uint8_t *bytes, size_t left)
{
	unsigned int op = bytes[0] % OPS, argument = bytes[0] / OPS;
	unsigned int queue = argument % virtio->config.queues;
	uint32_t value;
	size_t taken = op == OP_CONFIG || op == OP_POKE ? 3 : 1;

	if (left < taken)
		return left;
	if (op == OP_OFFER) {
		driver_offer(virtio, queue);
	} else if (op == OP_KICK) {
		virtio_kick(virtio, queue);
	} else if (op == OP_CONFIG) {
		value = bytes[2] * UINT32_C(0x01010101);
		virtio_write_config(virtio, bytes[1], &value, sizeof(value));
		virtio_read_config(virtio, bytes[1], &value, sizeof(value));
	} else if (op == OP_OUTSIDE) {
		outside(argument);
	} else if (op == OP_RESET) {
		driver_reset(virtio);
		driver_start(virtio, driver_features);
	} else if (op == OP_POKE) {
		driver_poke(bytes[1], bytes[2]);
	}
	driver_settle();
	return taken;
}

static struct virtio *device_create(unsigned int device)
{
	const struct virtio_rng_setup rng_setup = { .name = "rng",
						    .gmem = driver_gmem,
						    .loop = driver_loop };
	const struct virtio_balloon_setup balloon_setup = {
		.name = "balloon", .gmem = driver_gmem, .loop = driver_loop, .discard = on_discard
	};
	const struct virtio_console_setup console_setup = { .name = "console",
							    .gmem = driver_gmem,
							    .loop = driver_loop,
							    .console = &ends[0].end,
							    .agent = &ends[1].end };
	struct fail why;

	rng = NULL;
	balloon = NULL;
	console = NULL;
	holds = false;
	for (unsigned int i = 0; i < ENDS; i++)
		ends[i] = (struct fuzz_end){ .end.ops = &end_ops, .is_open = true, .room = 1000 };
	if (device == DEVICE_RNG) {
		expect(virtio_rng_create(&rng_setup, &rng, &why) == 0);
		return virtio_rng_virtio(rng);
	}
	if (device == DEVICE_BALLOON) {
		expect(virtio_balloon_create(&balloon_setup, &balloon, &why) == 0);
		return virtio_balloon_virtio(balloon);
	}
	expect(virtio_console_create(&console_setup, &console, &why) == 0);
	return virtio_console_virtio(console);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct virtio *virtio;
	struct setup setup;
	size_t count;
	const uint8_t *operations = driver_load(bytes, length, &setup, sizeof(setup), &count);

	if (!operations)
		return 0;
	virtio = device_create(setup.device % DEVICES);
	driver_start(virtio, setup.features);
	for (size_t at = 0; at < count;)
		at += operate(virtio, operations + at, count - at);
	driver_reset(virtio);
	virtio_rng_free(rng);
	virtio_balloon_free(balloon);
	virtio_console_free(console);
	return 0;
}
