/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_pci.c - a virtio device as a PCI function
 *
 * The BAR of memory, a page for each structure:
 *
 *	0x0000	common configuration
 *	0x1000	interrupt status, one byte
 *	0x2000	the device's configuration
 *	0x3000	doorbells, four bytes a queue
 *	0x4000	MSI-X table
 *	0x5000	MSI-X pending bits
 *
 * A BAR of ports has the doorbells again, and comes first in the list of capabilities:
 * on AMD's processors a write to a port is much cheaper than one to memory, which KVM
 * has to decode.
 *
 * Registers are read at any width and offset: the whole structure is put together, and
 * what was asked for is cut out. They are written as the specification has it, each at
 * its own offset and width, addresses also in halves; anything else changes nothing.
 */
#include "devices/virtio_pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "devices/msix.h"
#include "vmm/msi.h"

#define VIRTIO_VENDOR	    0x1af4
#define VIRTIO_FIRST_DEVICE 0x1040
#define VIRTIO_REVISION	    1

#define BAR		0u
#define BAR_BYTES	UINT32_C(0x8000)
#define PORTS_BAR	1u
#define PORTS_BAR_BYTES UINT32_C(256)

#define PAGE_SHIFT	12
#define DOORBELL_BYTES	4u
#define CFG_ACCESS_DATA sizeof(struct virtio_pci_cap)

enum { PAGE_COMMON, PAGE_ISR, PAGE_CONFIG, PAGE_DOORBELLS, PAGE_TABLE, PAGE_PENDING };

#define PAGE_BASE(page) ((uint32_t)(page) << PAGE_SHIFT)

#define ISR_QUEUE  1u
#define ISR_CONFIG 2u

struct virtio_pci {
	struct pci_function function;
	struct virtio *virtio; /* borrowed */
	struct vm *vm;	       /* borrowed */
	struct msix *msix;
	unsigned int cfg_access; /* offset of that capability */
	uint32_t doorbells[2];	 /* of queue 0, by doorbell_space; 0: none. Under the bus's lock */
	atomic_uint isr;

	/* Any thread; one written by the guest alone. */
	_Atomic uint16_t config_vector;
	_Atomic uint16_t queue_vectors[VIRTIO_MAX_QUEUES];

	pthread_mutex_t lock; /* protects what follows; taken before the virtio's */
	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint16_t queue_select;
};

/* -- common configuration -- */

/* struct virtio_pci_common_cfg and what later versions have behind it */
struct common {
	struct virtio_pci_common_cfg cfg;
	uint16_t queue_notify_data;
	uint16_t queue_reset;
};

static void common_read_queue(struct virtio_pci *pci, struct virtio_pci_common_cfg *cfg)
{
	struct virtio_queue_settings settings;

	if (pci->queue_select >= pci->virtio->config.queues)
		return;
	virtio_read_queue(pci->virtio, pci->queue_select, &settings);
	cfg->queue_size = settings.place.size;
	cfg->queue_msix_vector = pci->queue_vectors[pci->queue_select];
	cfg->queue_enable = settings.is_enabled;
	cfg->queue_notify_off = pci->queue_select;
	cfg->queue_desc_lo = (uint32_t)settings.place.descriptors;
	cfg->queue_desc_hi = (uint32_t)(settings.place.descriptors >> 32);
	cfg->queue_avail_lo = (uint32_t)settings.place.available;
	cfg->queue_avail_hi = (uint32_t)(settings.place.available >> 32);
	cfg->queue_used_lo = (uint32_t)settings.place.used;
	cfg->queue_used_hi = (uint32_t)(settings.place.used >> 32);
}

static struct common common_assemble(struct virtio_pci *pci)
{
	struct virtio *virtio = pci->virtio;
	struct common common = { 0 };
	struct virtio_pci_common_cfg *cfg = &common.cfg;
	uint64_t offered = virtio_offered_features(virtio);

	cfg->device_feature_select = pci->device_feature_select;
	if (pci->device_feature_select < 2)
		cfg->device_feature = (uint32_t)(offered >> 32 * pci->device_feature_select);
	cfg->guest_feature_select = pci->driver_feature_select;
	cfg->guest_feature = virtio_read_features(virtio, pci->driver_feature_select);
	cfg->msix_config = pci->config_vector;
	cfg->num_queues = (uint16_t)virtio->config.queues;
	cfg->device_status = virtio_read_status(virtio);
	cfg->config_generation = virtio_read_generation(virtio);
	cfg->queue_select = pci->queue_select;
	common_read_queue(pci, cfg);
	return common;
}

static uint64_t common_read(struct virtio_pci *pci, uint32_t offset, unsigned int size)
{
	struct common common;
	uint64_t value = 0;

	if (offset > sizeof(common) - size)
		return 0;
	pthread_mutex_lock(&pci->lock);
	common = common_assemble(pci);
	pthread_mutex_unlock(&pci->lock);
	memcpy(&value, (const unsigned char *)&common + offset, size);
	return value;
}

static uint64_t *address_at(struct virtqueue_place *place, uint32_t offset)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return &place->descriptors;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return &place->available;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return &place->used;
	default:
		return NULL;
	}
}

/* One of the three addresses, or a half of it. False: this is none. */
static bool address_write(struct virtqueue_place *place, uint32_t offset, uint64_t value,
			  unsigned int size)
{
	bool is_high = offset & 4;
	uint64_t *address = address_at(place, offset & ~4u);

	if (!address || (size != 4 && (size != 8 || is_high)))
		return false;
	if (size == 8)
		*address = value;
	else if (is_high)
		*address = (uint32_t)*address | value << 32;
	else
		*address = (*address & ~UINT64_C(0xffffffff)) | (uint32_t)value;
	return true;
}

static uint16_t vector_check(const struct virtio_pci *pci, uint64_t value)
{
	return value < msix_vectors(pci->msix) ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

/* The registers of the queue that is selected. */
static void common_write_queue(struct virtio_pci *pci, uint32_t offset, uint64_t value,
			       unsigned int size)
{
	struct virtio_queue_settings settings;
	struct virtqueue_place *place = &settings.place;

	if (pci->queue_select >= pci->virtio->config.queues)
		return;
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX && size == 2) {
		pci->queue_vectors[pci->queue_select] = vector_check(pci, value);
		return;
	}
	virtio_read_queue(pci->virtio, pci->queue_select, &settings);
	/* frozen; and what a reset forgets between these two calls must not come back */
	if (settings.is_enabled)
		return;
	if (offset == VIRTIO_PCI_COMMON_Q_SIZE && size == 2)
		place->size = (uint16_t)value;
	else if (offset == VIRTIO_PCI_COMMON_Q_ENABLE && size == 2 && value == 1)
		settings.is_enabled = true;
	else if (!address_write(place, offset, value, size))
		return;
	virtio_write_queue(pci->virtio, pci->queue_select, &settings);
}

static void common_write(struct virtio_pci *pci, uint32_t offset, uint64_t value, unsigned int size)
{
	pthread_mutex_lock(&pci->lock);
	if (offset == VIRTIO_PCI_COMMON_DFSELECT && size == 4)
		pci->device_feature_select = (uint32_t)value;
	else if (offset == VIRTIO_PCI_COMMON_GFSELECT && size == 4)
		pci->driver_feature_select = (uint32_t)value;
	else if (offset == VIRTIO_PCI_COMMON_GF && size == 4)
		virtio_write_features(pci->virtio, pci->driver_feature_select, (uint32_t)value);
	else if (offset == VIRTIO_PCI_COMMON_MSIX && size == 2)
		pci->config_vector = vector_check(pci, value);
	else if (offset == VIRTIO_PCI_COMMON_STATUS && size == 1)
		virtio_write_status(pci->virtio, (uint8_t)value);
	else if (offset == VIRTIO_PCI_COMMON_Q_SELECT && size == 2)
		pci->queue_select = (uint16_t)value;
	else
		common_write_queue(pci, offset, value, size);
	pthread_mutex_unlock(&pci->lock);
}

/* -- the BAR -- */

static uint64_t on_bar_read(void *context, unsigned int bar, uint32_t offset, unsigned int size)
{
	struct virtio_pci *pci = context;
	uint32_t inside = offset & ((1u << PAGE_SHIFT) - 1);
	uint64_t value = 0;

	if (bar == PORTS_BAR)
		return 0;
	switch (offset >> PAGE_SHIFT) {
	case PAGE_COMMON:
		return common_read(pci, inside, size);
	case PAGE_ISR:
		return inside == 0 ? atomic_exchange(&pci->isr, 0) : 0;
	case PAGE_CONFIG:
		virtio_read_config(pci->virtio, inside, &value, size);
		return value;
	case PAGE_TABLE:
		return msix_table_read(pci->msix, inside, size);
	case PAGE_PENDING:
		return msix_pending_read(pci->msix, inside, size);
	default:
		return 0;
	}
}

static void on_bar_write(void *context, unsigned int bar, uint32_t offset, uint64_t value,
			 unsigned int size)
{
	struct virtio_pci *pci = context;
	uint32_t inside = offset & ((1u << PAGE_SHIFT) - 1);

	switch (bar == PORTS_BAR ? PAGE_DOORBELLS : offset >> PAGE_SHIFT) {
	case PAGE_COMMON:
		common_write(pci, inside, value, size);
		break;
	case PAGE_CONFIG:
		virtio_write_config(pci->virtio, inside, &value, size);
		break;
	case PAGE_DOORBELLS: /* where KVM has no doorbell for it */
		if (inside / DOORBELL_BYTES < pci->virtio->config.queues)
			virtio_kick(pci->virtio, inside / DOORBELL_BYTES);
		break;
	case PAGE_TABLE:
		msix_table_write(pci->msix, inside, value, size);
		break;
	default:
		break;
	}
}

static void doorbells_remove(struct virtio_pci *pci, enum doorbell_space space)
{
	uint32_t first = pci->doorbells[space];

	for (unsigned int i = 0; first && i < pci->virtio->config.queues; i++)
		doorbell_remove(pci->vm, space, first + i * DOORBELL_BYTES,
				virtio_queue_kick_fd(pci->virtio, i));
	pci->doorbells[space] = 0;
}

static void on_bar_moved(void *context, unsigned int bar, uint32_t address)
{
	struct virtio_pci *pci = context;
	enum doorbell_space space = bar == PORTS_BAR ? DOORBELL_PORT : DOORBELL_MEMORY;
	uint32_t first = bar == PORTS_BAR ? address : address + PAGE_BASE(PAGE_DOORBELLS);
	int rc = 0;

	doorbells_remove(pci, space);
	if (address == 0)
		return;
	pci->doorbells[space] = first;
	for (unsigned int i = 0; rc == 0 && i < pci->virtio->config.queues; i++)
		rc = doorbell_add(pci->vm, space, first + i * DOORBELL_BYTES,
				  virtio_queue_kick_fd(pci->virtio, i));
	if (rc < 0) /* on_bar_write() rings them */
		log_debug("%s: no doorbells: %d", pci->virtio->config.name, rc);
}

/* -- configuration space: a window to the BAR, for firmware that can't map it -- */

static bool cfg_access_window(const struct virtio_pci *pci, uint32_t *ret_offset,
			      unsigned int *ret_size)
{
	const struct pci_function *function = &pci->function;
	uint32_t size = pci_config_get(function, pci->cfg_access + VIRTIO_PCI_CAP_LENGTH, 4);

	*ret_offset = pci_config_get(function, pci->cfg_access + VIRTIO_PCI_CAP_OFFSET, 4);
	*ret_size = size;
	return (size == 1 || size == 2 || size == 4) && *ret_offset <= BAR_BYTES - size &&
	       *ret_offset % size == 0 &&
	       pci_config_get(function, pci->cfg_access + VIRTIO_PCI_CAP_BAR, 1) == BAR;
}

static bool is_cfg_access(const struct virtio_pci *pci, unsigned int offset)
{
	return offset == pci->cfg_access + CFG_ACCESS_DATA;
}

static void on_config_read(void *context, unsigned int offset, unsigned int size)
{
	struct virtio_pci *pci = context;
	uint32_t in_bar;
	unsigned int length;

	if (is_cfg_access(pci, offset) && cfg_access_window(pci, &in_bar, &length))
		pci_config_set(&pci->function, offset, 4,
			       (uint32_t)on_bar_read(pci, BAR, in_bar, length));
}

static void on_config_written(void *context, unsigned int offset, unsigned int size)
{
	struct virtio_pci *pci = context;
	uint32_t in_bar;
	unsigned int length;

	msix_config_written(pci->msix);
	if (is_cfg_access(pci, offset) && cfg_access_window(pci, &in_bar, &length))
		on_bar_write(pci, BAR, in_bar, pci_config_get(&pci->function, offset, length),
			     length);
}

static const struct pci_function_ops function_ops = {
	.bar_read = on_bar_read,
	.bar_write = on_bar_write,
	.bar_moved = on_bar_moved,
	.config_read = on_config_read,
	.config_written = on_config_written,
};

/* -- what the device says to the guest -- */

static void on_notify_queue(void *context, unsigned int queue)
{
	struct virtio_pci *pci = context;

	atomic_fetch_or(&pci->isr, ISR_QUEUE);
	msix_signal(pci->msix, pci->queue_vectors[queue]);
}

static void on_notify_config(void *context)
{
	struct virtio_pci *pci = context;

	atomic_fetch_or(&pci->isr, ISR_CONFIG);
	msix_signal(pci->msix, pci->config_vector);
}

static int on_queue_call_fd(void *context, unsigned int queue)
{
	struct virtio_pci *pci = context;

	return msix_fd(pci->msix, pci->queue_vectors[queue]);
}

static void on_was_reset(void *context)
{
	struct virtio_pci *pci = context;

	atomic_store(&pci->isr, 0);
	pci->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		pci->queue_vectors[i] = VIRTIO_MSI_NO_VECTOR;
}

static const struct virtio_carrier_ops carrier_ops = {
	.notify_queue = on_notify_queue,
	.notify_config = on_notify_config,
	.queue_call_fd = on_queue_call_fd,
	.was_reset = on_was_reset,
};

/* -- life -- */

/* Returns the offset of the capability, which is `length` bytes long. */
static unsigned int structure_add(struct virtio_pci *pci, uint8_t type, uint8_t bar,
				  uint32_t offset, uint32_t bytes, uint8_t length)
{
	struct virtio_pci_cap cap = {
		.cap_len = length, .cfg_type = type, .bar = bar, .offset = offset, .length = bytes
	};
	unsigned int at = pci_add_capability(&pci->function, PCI_CAP_ID_VNDR, length);

	memcpy(&pci->function.config[at + 2], (const unsigned char *)&cap + 2, sizeof(cap) - 2);
	return at;
}

static void doorbells_announce(struct virtio_pci *pci, uint8_t bar, uint32_t offset)
{
	uint32_t bytes = pci->virtio->config.queues * DOORBELL_BYTES;
	unsigned int at = structure_add(pci, VIRTIO_PCI_CAP_NOTIFY_CFG, bar, offset, bytes,
					sizeof(struct virtio_pci_notify_cap));

	pci_config_set(&pci->function, at + sizeof(struct virtio_pci_cap), 4, DOORBELL_BYTES);
}

static void structures_add(struct virtio_pci *pci)
{
	const uint8_t plain = sizeof(struct virtio_pci_cap);
	unsigned int at;

	structure_add(pci, VIRTIO_PCI_CAP_COMMON_CFG, BAR, PAGE_BASE(PAGE_COMMON),
		      sizeof(struct common), plain);
	structure_add(pci, VIRTIO_PCI_CAP_ISR_CFG, BAR, PAGE_BASE(PAGE_ISR), 1, plain);
	if (pci->virtio->config.config_size)
		structure_add(pci, VIRTIO_PCI_CAP_DEVICE_CFG, BAR, PAGE_BASE(PAGE_CONFIG),
			      pci->virtio->config.config_size, plain);
	doorbells_announce(pci, PORTS_BAR, 0); /* the first is what drivers take */
	doorbells_announce(pci, BAR, PAGE_BASE(PAGE_DOORBELLS));

	at = structure_add(pci, VIRTIO_PCI_CAP_PCI_CFG, BAR, 0, 0, plain + 4);
	pci->function.writable[at + VIRTIO_PCI_CAP_BAR] = 0xff;
	memset(&pci->function.writable[at + VIRTIO_PCI_CAP_OFFSET], 0xff, 4 + 4 + 4);
	pci->cfg_access = at;
}

int virtio_pci_create(struct vm *vm, struct pci_bus *bus, struct virtio *virtio,
		      struct virtio_pci **ret_pci, struct fail *why)
{
	const struct virtio_type *type = virtio->config.type;
	struct virtio_pci *pci = calloc(1, sizeof(*pci));
	uint16_t device = (uint16_t)(VIRTIO_FIRST_DEVICE + type->id);
	int rc;

	if (!pci)
		return fail_errno(why, ENOMEM, "cannot set up %s", virtio->config.name);
	pci->virtio = virtio;
	pci->vm = vm;
	pthread_mutex_init(&pci->lock, NULL);
	pci_function_init(&pci->function, VIRTIO_VENDOR, device, type->pci_class);
	pci->function.config[PCI_REVISION_ID] = VIRTIO_REVISION;
	pci_config_set(&pci->function, PCI_SUBSYSTEM_VENDOR_ID, 2, VIRTIO_VENDOR);
	pci_config_set(&pci->function, PCI_SUBSYSTEM_ID, 2, device);
	pci->function.ops = &function_ops;
	pci->function.context = pci;
	pci->function.bar_bytes[BAR] = BAR_BYTES;
	pci->function.bar_bytes[PORTS_BAR] = PORTS_BAR_BYTES;
	pci->function.bar_is_ports[PORTS_BAR] = true;
	structures_add(pci);
	on_was_reset(pci);
	rc = msix_create(vm, &pci->function, virtio->config.queues + 1, BAR, PAGE_BASE(PAGE_TABLE),
			 PAGE_BASE(PAGE_PENDING), &pci->msix);
	if (rc == 0)
		rc = pci_add(bus, &pci->function);
	if (rc < 0) {
		virtio_pci_free(pci);
		return fail_errno(why, -rc, "there is no room for %s", virtio->config.name);
	}
	virtio_set_carrier(virtio, &carrier_ops, pci);
	*ret_pci = pci;
	return 0;
}

void virtio_pci_free(struct virtio_pci *pci)
{
	if (!pci)
		return;
	virtio_set_carrier(pci->virtio, NULL, NULL);
	doorbells_remove(pci, DOORBELL_MEMORY);
	doorbells_remove(pci, DOORBELL_PORT);
	msix_free(pci->msix);
	pthread_mutex_destroy(&pci->lock);
	free(pci);
}
