/* SPDX-License-Identifier: Apache-2.0 */
/* irq_routes.c - which interrupt each of KVM's numbers (GSI) stands for */
#include "vmm/irq_routes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "vmm/vm.h"

#define MAX_ROUTES (VM_MAX_GSI + IRQ_ROUTES_MAX_MSI)

static int table_send(const struct irq_routes *routes)
{
	return ioctl(routes->vm_fd, KVM_SET_GSI_ROUTING, routes->table) < 0 ? -errno : 0;
}

int irq_routes_init(struct irq_routes *routes, int vm_fd)
{
	*routes = (struct irq_routes){ .vm_fd = vm_fd };
	routes->table = calloc(1, sizeof(struct kvm_irq_routing) +
					  MAX_ROUTES * sizeof(struct kvm_irq_routing_entry));
	if (!routes->table)
		return -ENOMEM;
	pthread_mutex_init(&routes->lock, NULL);
	routes->table->nr = VM_MAX_GSI;
	for (__u32 i = 0; i < VM_MAX_GSI; i++)
		routes->table->entries[i] = (struct kvm_irq_routing_entry){
			.gsi = i,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = i },
		};
	return table_send(routes);
}

void irq_routes_done(struct irq_routes *routes)
{
	if (!routes->table)
		return;
	free(routes->table);
	routes->table = NULL;
	pthread_mutex_destroy(&routes->lock);
}

int irq_routes_alloc(struct irq_routes *routes, uint32_t *ret_gsi)
{
	int rc = -ENOSPC;

	pthread_mutex_lock(&routes->lock);
	for (uint32_t i = 0; rc < 0 && i < IRQ_ROUTES_MAX_MSI; i++) {
		if (routes->used[i])
			continue;
		routes->used[i] = 1;
		*ret_gsi = VM_MAX_GSI + i;
		rc = 0;
	}
	pthread_mutex_unlock(&routes->lock);
	return rc;
}

static struct kvm_irq_routing_entry *entry_find(struct irq_routes *routes, uint32_t gsi)
{
	for (uint32_t i = VM_MAX_GSI; i < routes->table->nr; i++)
		if (routes->table->entries[i].gsi == gsi)
			return &routes->table->entries[i];
	return NULL;
}

void irq_routes_release(struct irq_routes *routes, uint32_t gsi)
{
	struct kvm_irq_routing_entry *entry;

	pthread_mutex_lock(&routes->lock);
	routes->used[gsi - VM_MAX_GSI] = 0;
	entry = entry_find(routes, gsi);
	/* KVM hears of it with the next table: nobody signals it meanwhile */
	if (entry)
		*entry = routes->table->entries[--routes->table->nr];
	pthread_mutex_unlock(&routes->lock);
}

int irq_routes_set_message(struct irq_routes *routes, uint32_t gsi, uint64_t address,
			   uint32_t value)
{
	struct kvm_irq_routing_entry *entry, old;
	__u32 old_count;
	int rc;

	pthread_mutex_lock(&routes->lock);
	old_count = routes->table->nr;
	entry = entry_find(routes, gsi);
	if (!entry)
		entry = &routes->table->entries[routes->table->nr++];
	old = *entry;
	*entry = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = (__u32)address,
			   .address_hi = (__u32)(address >> 32),
			   .data = value },
	};
	rc = table_send(routes);
	if (rc < 0) { /* the guest's message: it must not spoil the table for others */
		*entry = old;
		routes->table->nr = old_count;
	}
	pthread_mutex_unlock(&routes->lock);
	return rc;
}
