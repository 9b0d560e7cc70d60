/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c - a guest's virtio driver for unit tests */
#include "tests/unit/driver.h"

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "base/clock.h"

#define TICK_NS	  (5 * NS_PER_MS)
#define TICKS_MAX 6000

/* ------------------------------------------------------------------ memory and loop */

static bool is_settled(struct driver *driver, const void *context)
{
	return driver->ticks >= 4;
}

static void look(struct driver *driver)
{
	if (driver->is_done && driver->is_done(driver, driver->is_done_context))
		loop_quit(driver->loop, 0);
}

static void on_tick(void *context)
{
	struct driver *driver = context;

	driver->ticks++;
	ck_assert_msg(driver->ticks < TICKS_MAX, "the device does not answer");
	loop_arm(driver->tick, TICK_NS);
	look(driver);
}

void driver_open(struct driver *driver)
{
	struct fail why;

	memset(driver, 0, sizeof(*driver));
	ck_assert_int_eq(gmem_create(DRIVER_MEMORY, &driver->gmem, &why), 0);
	ck_assert_int_eq(loop_create(&driver->loop), 0);
	ck_assert_int_eq(loop_add_timer(driver->loop, on_tick, driver, &driver->tick), 0);
	driver->next_gpa = GMEM_PAGE_SIZE; /* nothing lies at 0, so that a 0 is seen */
}

void driver_close(struct driver *driver)
{
	loop_free(driver->loop);
	gmem_free(driver->gmem);
	memset(driver, 0, sizeof(*driver));
}

void driver_run_until(struct driver *driver,
		      bool (*is_done)(struct driver *driver, const void *context),
		      const void *context)
{
	driver->ticks = 0;
	if (is_done(driver, context))
		return;
	driver->is_done = is_done;
	driver->is_done_context = context;
	loop_arm(driver->tick, TICK_NS);
	ck_assert_int_eq(loop_run(driver->loop), 0);
	driver->is_done = NULL;
}

void driver_settle(struct driver *driver)
{
	driver_run_until(driver, is_settled, NULL);
}

uint64_t driver_alloc(struct driver *driver, uint64_t bytes, uint64_t alignment)
{
	uint64_t gpa = (driver->next_gpa + alignment - 1) & ~(alignment - 1);

	ck_assert_uint_le(gpa + bytes, DRIVER_MEMORY);
	driver->next_gpa = gpa + bytes;
	return gpa;
}

void *driver_at(struct driver *driver, uint64_t gpa, size_t length)
{
	void *at = gmem_span(driver->gmem, gpa, length);

	ck_assert_ptr_nonnull(at);
	return at;
}

/* ---------------------------------------------------------------------- the carrier */

static void on_notify_queue(void *context, unsigned int queue)
{
	struct driver *driver = context;

	if (queue < DRIVER_MAX_QUEUES)
		driver->queues[queue].notifications++;
	look(driver);
}

static void on_notify_config(void *context)
{
	struct driver *driver = context;

	driver->config_notifications++;
	look(driver);
}

static int on_queue_call_fd(void *context, unsigned int queue)
{
	return -1;
}

static void on_was_reset(void *context)
{
	struct driver *driver = context;

	driver->resets++;
	look(driver);
}

static const struct virtio_carrier_ops carrier_ops = {
	.notify_queue = on_notify_queue,
	.notify_config = on_notify_config,
	.queue_call_fd = on_queue_call_fd,
	.was_reset = on_was_reset,
};

void driver_attach(struct driver *driver, struct virtio *virtio)
{
	driver->virtio = virtio;
	virtio_set_carrier(virtio, &carrier_ops, driver);
}

/* ------------------------------------------------------------------- start and reset */

static void queue_start(struct driver *driver, unsigned int index)
{
	struct driver_queue *queue = &driver->queues[index];
	struct virtio_queue_settings settings;
	uint16_t size;

	virtio_read_queue(driver->virtio, index, &settings);
	size = settings.place.size < DRIVER_QUEUE_SIZE ? settings.place.size : DRIVER_QUEUE_SIZE;
	ck_assert_uint_gt(size, 0);
	memset(queue, 0, sizeof(*queue));
	queue->size = size;
	queue->descriptors = driver_alloc(driver, 16u * size, 16);
	queue->available = driver_alloc(driver, 6u + 2u * size, 2);
	queue->used = driver_alloc(driver, 6u + 8u * size, 4);
	for (uint16_t i = size; i > 0; i--)
		queue->free[queue->free_count++] = (uint16_t)(i - 1);
	settings.place.descriptors = queue->descriptors;
	settings.place.available = queue->available;
	settings.place.used = queue->used;
	settings.place.size = size;
	settings.is_enabled = true;
	virtio_write_queue(driver->virtio, index, &settings);
}

static bool is_started(struct driver *driver, const void *context)
{
	return driver->virtio->phase == VIRTIO_ACTIVE ||
	       (virtio_read_status(driver->virtio) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0;
}

void driver_start(struct driver *driver, uint64_t features)
{
	uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	struct virtio *virtio = driver->virtio;

	features &= virtio_offered_features(virtio);
	features |= VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
	virtio_write_status(virtio, status);
	virtio_write_features(virtio, 0, (uint32_t)features);
	virtio_write_features(virtio, 1, (uint32_t)(features >> 32));
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	virtio_write_status(virtio, status);
	ck_assert_uint_eq(virtio_read_status(virtio), status);
	ck_assert_uint_le(virtio->config.queues, DRIVER_MAX_QUEUES);
	for (unsigned int i = 0; i < virtio->config.queues; i++)
		queue_start(driver, i);
	virtio_write_status(virtio, status | VIRTIO_CONFIG_S_DRIVER_OK);
	driver_run_until(driver, is_started, NULL);
}

static bool is_reset(struct driver *driver, const void *context)
{
	return virtio_read_status(driver->virtio) == 0;
}

void driver_reset(struct driver *driver)
{
	virtio_write_status(driver->virtio, 0);
	driver_run_until(driver, is_reset, NULL);
}

static bool is_refused(struct driver *driver, const void *context)
{
	return (virtio_read_status(driver->virtio) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0;
}

void driver_wait_refusal(struct driver *driver)
{
	driver_run_until(driver, is_refused, NULL);
}

/* ---------------------------------------------------------------------------- chains */

void driver_describe(struct driver *driver, unsigned int queue, uint16_t index, uint64_t gpa,
		     uint32_t length, uint16_t flags, uint16_t next)
{
	struct vring_desc descriptor = { .addr = gpa, .len = length, .flags = flags, .next = next };

	ck_assert_int_eq(gmem_write(driver->gmem, driver->queues[queue].descriptors + 16u * index,
				    &descriptor, sizeof(descriptor)),
			 0);
}

void driver_offer(struct driver *driver, unsigned int queue, uint16_t head)
{
	struct driver_queue *ring = &driver->queues[queue];
	uint16_t *available = driver_at(driver, ring->available, 6u + 2u * ring->size);

	available[2 + ring->next_available % ring->size] = head;
	ring->next_available++;
	__atomic_store_n(&available[1], ring->next_available, __ATOMIC_RELEASE);
}

static uint16_t take_free(struct driver_queue *ring)
{
	ck_assert_uint_gt(ring->free_count, 0);
	return ring->free[--ring->free_count];
}

uint16_t driver_add(struct driver *driver, unsigned int queue, const struct driver_part *parts,
		    unsigned int count)
{
	struct driver_queue *ring = &driver->queues[queue];
	uint16_t head = take_free(ring), index = head;

	for (unsigned int i = 0; i < count; i++) {
		bool is_last = i + 1 == count;
		uint16_t next = is_last ? 0 : take_free(ring);

		driver_describe(driver, queue, index, parts[i].gpa, parts[i].length,
				(uint16_t)((parts[i].is_writable ? VRING_DESC_F_WRITE : 0) |
					   (is_last ? 0 : VRING_DESC_F_NEXT)),
				next);
		index = next;
	}
	driver_offer(driver, queue, head);
	return head;
}

uint16_t driver_add_indirect(struct driver *driver, unsigned int queue,
			     const struct driver_part *parts, unsigned int count)
{
	uint16_t head = take_free(&driver->queues[queue]);
	uint64_t gpa = driver_alloc(driver, 16u * count, 16);
	struct vring_desc *table = driver_at(driver, gpa, 16u * count);

	for (unsigned int i = 0; i < count; i++) {
		bool is_last = i + 1 == count;

		table[i].addr = parts[i].gpa;
		table[i].len = parts[i].length;
		table[i].flags = (uint16_t)((parts[i].is_writable ? VRING_DESC_F_WRITE : 0) |
					    (is_last ? 0 : VRING_DESC_F_NEXT));
		table[i].next = (uint16_t)(is_last ? 0 : i + 1);
	}
	driver_describe(driver, queue, head, gpa, 16u * count, VRING_DESC_F_INDIRECT, 0);
	driver_offer(driver, queue, head);
	return head;
}

void driver_kick(struct driver *driver, unsigned int queue)
{
	virtio_kick(driver->virtio, queue);
}

/* Gives the descriptors of a chain back; it is as driver_add() made it. */
static void chain_free(struct driver *driver, struct driver_queue *ring, uint16_t head)
{
	uint16_t index = head;

	for (unsigned int i = 0; i < ring->size; i++) {
		struct vring_desc descriptor;

		ck_assert_int_eq(gmem_read(driver->gmem, ring->descriptors + 16u * index,
					   &descriptor, sizeof(descriptor)),
				 0);
		if (ring->free_count < ring->size)
			ring->free[ring->free_count++] = index;
		if (!(descriptor.flags & VRING_DESC_F_NEXT) || descriptor.next >= ring->size)
			return;
		index = descriptor.next;
	}
}

bool driver_poll(struct driver *driver, unsigned int queue, struct driver_used *ret_used)
{
	struct driver_queue *ring = &driver->queues[queue];
	uint16_t *available = driver_at(driver, ring->available, 6u + 2u * ring->size);
	const uint16_t *used = driver_at(driver, ring->used, 6u + 8u * ring->size);
	uint16_t next = __atomic_load_n(&used[1], __ATOMIC_ACQUIRE);
	struct vring_used_elem element;

	if (next == ring->next_used)
		return false;
	memcpy(&element, used + 2 + 4u * (ring->next_used % ring->size), sizeof(element));
	ck_assert_uint_lt(element.id, ring->size);
	ring->next_used++;
	available[2 + ring->size] = ring->next_used; /* the event index: tell us of the next */
	chain_free(driver, ring, (uint16_t)element.id);
	*ret_used = (struct driver_used){ .head = (uint16_t)element.id, .written = element.len };
	return true;
}

static bool has_used(struct driver *driver, const void *context)
{
	const struct driver_queue *ring = context;
	const uint16_t *used = driver_at(driver, ring->used, 4);

	return __atomic_load_n(&used[1], __ATOMIC_ACQUIRE) != ring->next_used;
}

struct driver_used driver_wait(struct driver *driver, unsigned int queue)
{
	struct driver_used used;

	driver_run_until(driver, has_used, &driver->queues[queue]);
	ck_assert(driver_poll(driver, queue, &used));
	return used;
}
