/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msi.h - interrupts that are messages, and doorbells that are descriptors
 *
 * An MSI is an eventfd that KVM turns into an interrupt, without us (irqfd): a device
 * of ours writes to it, or the kernel does (vhost). While it is masked the eventfd
 * keeps what was signalled, and unmasking delivers it.
 *
 * A doorbell is an eventfd that KVM writes to when the guest writes to an address
 * (ioeventfd), without leaving the kernel.
 *
 * Any thread; one thread at a time for the same object. All are freed before the VM.
 */
#ifndef VMM_MSI_H
#define VMM_MSI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"

struct vm;
struct msi;

/* Masked, and without a message. -ENOSPC: the VM has as many as it can. */
CHECKED int msi_create(struct vm *vm, struct msi **ret_msi);
void msi_free(struct msi *msi); /* NULL is fine */

int msi_fd(const struct msi *msi); /* stays the msi's */
void msi_signal(struct msi *msi);

/* What is delivered from now on, as the guest's interrupt controller has it. */
CHECKED int msi_set_message(struct msi *msi, uint64_t address, uint32_t value);
CHECKED int msi_unmask(struct msi *msi);
void msi_mask(struct msi *msi);

/* Masked, and signalled since. */
bool msi_is_pending(const struct msi *msi);

/*
 * From now on a write of any width to gpa, or to a port, rings fd, until
 * doorbell_remove(). -EEXIST: another has this address. A port is the faster one where
 * KVM has to decode the guest's instruction to learn what was written to memory.
 */
enum doorbell_space { DOORBELL_MEMORY, DOORBELL_PORT };

CHECKED int doorbell_add(struct vm *vm, enum doorbell_space space, uint64_t address, int fd);
void doorbell_remove(struct vm *vm, enum doorbell_space space, uint64_t address, int fd);

#endif
