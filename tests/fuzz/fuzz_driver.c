/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_driver.c - a driver that means no good, for any virtio device */
#include "tests/fuzz/fuzz_driver.h"

#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define IMAGE_GPA      UINT64_C(0x1000)
#define IMAGE_BYTES    0xa000u
#define RING_SIZE      16u
#define RING_BYTES     0x400u /* a queue's place: descriptors, available ring, used ring */
#define AVAILABLE      0x100u
#define USED	       0x180u
#define OPERATIONS_MAX 64

struct loop *driver_loop;
struct gmem *driver_gmem;
unsigned char *driver_ram;
uint64_t driver_features;

static struct loop_source *turn;
static unsigned int turns; /* left */

void expect(bool holds)
{
	if (!holds)
		abort();
}

/* Ends the loop at its last turn: in each, all that is ready is dealt with. */
static void on_turn(void *context)
{
	if (--turns == 0)
		loop_quit(driver_loop, 0);
	else
		loop_wake(turn);
}

void driver_settle(void)
{
	turns = 4;
	loop_wake(turn);
	expect(loop_run(driver_loop) == 0);
}

static uint64_t ring_gpa(unsigned int queue)
{
	return IMAGE_GPA + (uint64_t)queue * RING_BYTES;
}

void driver_start(struct virtio *virtio, uint64_t features)
{
	const uint8_t status =
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;

	driver_features =
		(features | VIRTIO_FEATURE(VIRTIO_F_VERSION_1)) & virtio_offered_features(virtio);
	virtio_write_features(virtio, 0, (uint32_t)driver_features);
	virtio_write_features(virtio, 1, (uint32_t)(driver_features >> 32));
	virtio_write_status(virtio, status);
	for (unsigned int i = 0; i < virtio->config.queues; i++) {
		const struct virtio_queue_settings settings = {
			.place = { .descriptors = ring_gpa(i),
				   .available = ring_gpa(i) + AVAILABLE,
				   .used = ring_gpa(i) + USED,
				   .size = RING_SIZE },
			.is_enabled = true,
		};

		virtio_write_queue(virtio, i, &settings);
	}
	virtio_write_status(virtio, status | VIRTIO_CONFIG_S_DRIVER_OK);
	driver_settle();
}

void driver_offer(struct virtio *virtio, unsigned int queue)
{
	uint16_t *index = (uint16_t *)(void *)(driver_ram + ring_gpa(queue) + AVAILABLE + 2);

	(*index)++;
	virtio_kick(virtio, queue);
}

void driver_poke(uint8_t place, uint8_t value)
{
	driver_ram[IMAGE_GPA + (unsigned int)place * 16] = value;
}

static void guest_make(void)
{
	struct fail why;

	if (driver_loop)
		return;
	log_set_level(LOG_LEVEL_ERROR);
	expect(loop_create(&driver_loop) == 0 &&
	       loop_add_wake(driver_loop, on_turn, NULL, &turn) == 0);
	expect(gmem_create(DRIVER_RAM, &driver_gmem, &why) == 0);
	driver_ram = gmem_span(driver_gmem, 0, DRIVER_RAM);
}

static void image_load(const uint8_t *bytes, size_t length)
{
	memset(driver_ram, 0, DRIVER_RAM);
	memcpy(driver_ram + IMAGE_GPA, bytes, length < IMAGE_BYTES ? length : IMAGE_BYTES);
}

const uint8_t *driver_load(const uint8_t *bytes, size_t length, void *ret_setup, size_t setup_size,
			   size_t *ret_count)
{
	const uint8_t *operations = bytes + setup_size, *image;
	size_t end;

	if (length < setup_size)
		return NULL;
	guest_make();
	memcpy(ret_setup, bytes, setup_size);
	length -= setup_size;
	for (end = 0; end < length && end < OPERATIONS_MAX && operations[end] != 0; end++)
		;
	/* the zero itself belongs to the operations */
	image = operations + end + (end < length);
	image_load(image, length - (size_t)(image - operations));
	*ret_count = end;
	return operations;
}
