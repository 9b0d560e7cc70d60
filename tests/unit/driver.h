/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.h - a guest's virtio driver for unit tests: rings in a small guest memory,
 * and a device that is served by a loop in the test's own thread
 *
 *   driver_open()      memory and loop exist: create the device with them
 *   driver_attach()    is the device's carrier from here on
 *   driver_start()     features, all queues, DRIVER_OK; runs the loop until it is active
 *   driver_add(), driver_kick(), driver_wait() ...
 *   driver_reset()     writes status 0; runs the loop until the device is idle
 *      ... the test frees the device ...
 *   driver_close()
 *
 * What does not come within half a minute fails the test. Chains that a driver would
 * not make are put together with driver_describe() and driver_offer().
 */
#ifndef TESTS_UNIT_DRIVER_H
#define TESTS_UNIT_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "devices/virtio.h"
#include "vmm/gmem.h"

#define DRIVER_MEMORY	   (UINT64_C(64) << 20)
#define DRIVER_QUEUE_SIZE  128
#define DRIVER_MAX_QUEUES  8
#define DRIVER_EVERYTHING  UINT64_MAX /* features: all that is offered */
#define DRIVER_NO_INDIRECT (UINT64_MAX & ~VIRTIO_FEATURE(28))

struct driver_queue {
	uint64_t descriptors, available, used; /* gpa */
	uint16_t size;
	uint16_t next_available, next_used;
	uint16_t free_count;
	uint16_t free[VIRTQUEUE_MAX_SIZE]; /* a stack of descriptors */
	unsigned int notifications;
};

struct driver {
	struct loop *loop;
	struct gmem *gmem;
	struct virtio *virtio; /* borrowed; NULL: none attached */
	uint64_t next_gpa;     /* all memory from here on is unused */
	struct loop_source *tick;
	bool (*is_done)(struct driver *driver, const void *context); /* ends the loop */
	const void *is_done_context;
	unsigned int ticks;
	unsigned int config_notifications, resets;
	struct driver_queue queues[DRIVER_MAX_QUEUES];
};

/* A part of a chain; those that the device reads come first. */
struct driver_part {
	uint64_t gpa;
	uint32_t length;
	bool is_writable; /* by the device */
};

struct driver_used {
	uint16_t head;
	uint32_t written;
};

void driver_open(struct driver *driver);
void driver_attach(struct driver *driver, struct virtio *virtio);
/* features: what the driver wants of what is offered; VERSION_1 it always wants. */
void driver_start(struct driver *driver, uint64_t features);
void driver_reset(struct driver *driver);
void driver_close(struct driver *driver); /* memory and loop */

/* Zeroed memory of the guest; alignment: a power of two. */
uint64_t driver_alloc(struct driver *driver, uint64_t bytes, uint64_t alignment);
void *driver_at(struct driver *driver, uint64_t gpa, size_t length);

/* Makes a chain and offers it. Returns its head. */
uint16_t driver_add(struct driver *driver, unsigned int queue, const struct driver_part *parts,
		    unsigned int count);
/* The same through a table of descriptors in memory. */
uint16_t driver_add_indirect(struct driver *driver, unsigned int queue,
			     const struct driver_part *parts, unsigned int count);
void driver_kick(struct driver *driver, unsigned int queue);

/* Whether a chain has been returned; it is free again then. */
bool driver_poll(struct driver *driver, unsigned int queue, struct driver_used *ret_used);
/* Runs the loop until a chain is returned. */
struct driver_used driver_wait(struct driver *driver, unsigned int queue);

/* Writes one descriptor; one place of the available ring. flags: VRING_DESC_F_*. */
void driver_describe(struct driver *driver, unsigned int queue, uint16_t index, uint64_t gpa,
		     uint32_t length, uint16_t flags, uint16_t next);
void driver_offer(struct driver *driver, unsigned int queue, uint16_t head);

/* Runs the loop until it holds. */
void driver_run_until(struct driver *driver,
		      bool (*is_done)(struct driver *driver, const void *context),
		      const void *context);
/* Runs the loop until the device has set NEEDS_RESET. */
void driver_wait_refusal(struct driver *driver);
/* Runs the loop until what is due by now has been dealt with. */
void driver_settle(struct driver *driver);

#endif
