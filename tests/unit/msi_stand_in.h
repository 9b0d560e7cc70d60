/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msi_stand_in.h - vmm/msi.h without KVM, for tests of what is on a PCI bus
 *
 * Linked before libvmm.a it takes the place of msi.c. It counts what a guest would see,
 * and it can refuse. One thread, but for msi_signal().
 */
#ifndef TESTS_UNIT_MSI_STAND_IN_H
#define TESTS_UNIT_MSI_STAND_IN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/msi.h"

#define STAND_IN_MAX 256

struct msi {
	uint64_t address;
	uint32_t value;
	bool has_message;
	atomic_bool is_unmasked;
	atomic_bool is_pending;
	atomic_uint delivered;
	unsigned int messages; /* set so many times */
	int fd;
};

struct stand_in {
	struct msi *msis[STAND_IN_MAX]; /* in the order of their creation */
	unsigned int msi_count;
	unsigned int msi_room; /* so many more may be created */
	bool refuses_messages;
	bool refuses_doorbells;
	struct {
		uint64_t gpa;
		int fd;
	} doorbells[STAND_IN_MAX];
	unsigned int doorbell_count;
};

extern struct stand_in stand_in;

void stand_in_open(void); /* nothing there, room for all */

/* Where a doorbell of that space is found in `doorbells`, and by stand_in_ring(). */
uint64_t stand_in_place(enum doorbell_space space, uint64_t address);

/* What KVM does with the guest's write: true, it rang somebody's doorbell. */
bool stand_in_ring(uint64_t gpa);

#endif
