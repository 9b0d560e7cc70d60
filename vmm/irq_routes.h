/* SPDX-License-Identifier: Apache-2.0 */
/*
 * irq_routes.h - which interrupt each of KVM's numbers (GSI) stands for
 *
 * The first VM_MAX_GSI are the inputs of the I/O interrupt controller; the others are
 * handed out to MSIs. KVM takes the whole table each time; it is only sent when a
 * message changes.
 */
#ifndef VMM_IRQ_ROUTES_H
#define VMM_IRQ_ROUTES_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>

#include "base/auto.h"

#define IRQ_ROUTES_MAX_MSI 512

struct irq_routes {
	int vm_fd;	      /* borrowed */
	pthread_mutex_t lock; /* protects what follows; a leaf */
	uint8_t used[IRQ_ROUTES_MAX_MSI];
	struct kvm_irq_routing *table; /* room for all */
};

/* Sends the table of a VM without MSIs. */
CHECKED int irq_routes_init(struct irq_routes *routes, int vm_fd);
void irq_routes_done(struct irq_routes *routes); /* fine when zeroed */

/* -ENOSPC: all are handed out. Any thread, as the rest. */
CHECKED int irq_routes_alloc(struct irq_routes *routes, uint32_t *ret_gsi);
void irq_routes_release(struct irq_routes *routes, uint32_t gsi);

CHECKED int irq_routes_set_message(struct irq_routes *routes, uint32_t gsi, uint64_t address,
				   uint32_t value);

#endif
