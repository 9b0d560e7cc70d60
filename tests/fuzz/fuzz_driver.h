/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_driver.h - a driver that means no good, for any virtio device
 *
 * The input: what a target wants to know first, operations until one that is zero, and an
 * image of the guest's memory from DRIVER_IMAGE_GPA on, with a ring for each queue at a
 * fixed place in it. What the operations are, the target says.
 *
 * There is one guest, made once and cleared for each input.
 */
#ifndef TESTS_FUZZ_FUZZ_DRIVER_H
#define TESTS_FUZZ_FUZZ_DRIVER_H

#include <stdbool.h>

#include "devices/virtio.h"
#include "tests/fuzz/fuzz.h"

#define DRIVER_RAM (UINT64_C(1) << 20)

extern struct loop *driver_loop;
extern struct gmem *driver_gmem;
extern unsigned char *driver_ram;
extern uint64_t driver_features; /* agreed on; set by driver_start() */

void expect(bool holds);

/*
 * Takes an input apart: fills ret_setup, and the memory with the image. Returns the operations,
 * *ret_count bytes, or NULL: it is too short. The guest is made here.
 */
const uint8_t *driver_load(const uint8_t *bytes, size_t length, void *ret_setup, size_t setup_size,
			   size_t *ret_count);

/* Asks for these features, as far as they are offered, and puts all queues in their places. */
void driver_start(struct virtio *virtio, uint64_t features);

/* A few turns of the loop: what is endless must not end here. */
void driver_settle(void);

/* One chain more in the available ring, and a kick. */
void driver_offer(struct virtio *virtio, unsigned int queue);

/* Changes one byte of the image; place: counts sixteens. */
void driver_poke(uint8_t place, uint8_t value);

#endif
