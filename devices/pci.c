/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci.c - one PCI bus: functions, their configuration spaces, and where their BARs are
 *
 * A configuration space is an array of bytes and one of the bits in it that the guest
 * may change. That is all there is to writing, at any width and offset; BARs get their
 * size from the same bits. After a write the BARs are looked at again: what moved is
 * told, so that doorbells follow.
 *
 * There is no firmware that would set BARs: they are set here, in the order of the
 * functions, and decoding is off until the guest switches it on. A guest may put a BAR
 * anywhere; outside the window it answers nowhere, and of two at one address the
 * function with the lower slot answers.
 */
#include "devices/pci.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "vmm/platform.h"

#define ADDRESS_PORT   PLATFORM_PCI_PORT
#define ADDRESS_ENABLE UINT32_C(0x80000000)
#define DATA_OFFSET    4 /* of the region of ports */

#define ECAM_FUNCTION_SHIFT 12 /* bytes of one function: 4 KiB, 256 of them in use */
#define FUNCTIONS_PER_SLOT  8

/* Any PCI Express host: a generic one, that no driver cares about. */
#define BRIDGE_VENDOR 0x1b36
#define BRIDGE_DEVICE 0x0008
#define BRIDGE_CLASS  0x060000

uint32_t pci_config_get(const struct pci_function *function, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	memcpy(&value, function->config + offset, size);
	return value;
}

void pci_config_set(struct pci_function *function, unsigned int offset, unsigned int size,
		    uint32_t value)
{
	memcpy(function->config + offset, &value, size);
}

static unsigned int bar_register(unsigned int bar)
{
	return PCI_BASE_ADDRESS_0 + 4 * bar;
}

void pci_function_init(struct pci_function *function, uint16_t vendor, uint16_t device,
		       uint32_t class)
{
	*function = (struct pci_function){ .next_capability = PCI_STD_HEADER_SIZEOF };
	pci_config_set(function, PCI_VENDOR_ID, 2, vendor);
	pci_config_set(function, PCI_DEVICE_ID, 2, device);
	pci_config_set(function, PCI_CLASS_REVISION, 4, class << 8);
	function->writable[PCI_COMMAND] = PCI_COMMAND_MASTER;
	function->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	function->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	function->writable[PCI_INTERRUPT_LINE] = 0xff;
}

uint8_t pci_add_capability(struct pci_function *function, uint8_t id, uint8_t length)
{
	uint8_t at = function->next_capability;

	assert(length <= PCI_CONFIG_BYTES - at);
	function->config[at + PCI_CAP_LIST_ID] = id;
	if (function->last_capability)
		function->config[function->last_capability + PCI_CAP_LIST_NEXT] = at;
	else
		function->config[PCI_CAPABILITY_LIST] = at;
	function->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	function->last_capability = at;
	function->next_capability = (uint8_t)((at + length + 3) & ~3);
	return at;
}

struct window {
	uint32_t start, last;
	uint32_t fixed_bits; /* of a BAR's register: what it is */
	uint8_t decode;	     /* of the command register */
};

static const struct window memory_window = {
	.start = PLATFORM_PCI_WINDOW,
	.last = PLATFORM_PCI_WINDOW_LAST,
	.decode = PCI_COMMAND_MEMORY,
};
static const struct window port_window = {
	.start = PLATFORM_PCI_PORTS,
	.last = PLATFORM_PCI_PORTS_LAST,
	.fixed_bits = PCI_BASE_ADDRESS_SPACE_IO,
	.decode = PCI_COMMAND_IO,
};

static const struct window *bar_window(const struct pci_function *function, unsigned int bar)
{
	return function->bar_is_ports[bar] ? &port_window : &memory_window;
}

/* Whether [start, start + bytes) lies inside. */
static bool window_has(const struct window *window, uint32_t start, uint32_t bytes)
{
	return start >= window->start && start <= window->last && bytes - 1 <= window->last - start;
}

static int bar_place(struct pci_bus *bus, struct pci_function *function, unsigned int bar)
{
	const struct window *window = bar_window(function, bar);
	uint32_t *next = function->bar_is_ports[bar] ? &bus->next_port : &bus->next_gpa;
	uint32_t bytes = function->bar_bytes[bar], mask = ~(bytes - 1);
	uint32_t start = (*next + bytes - 1) & mask;

	assert(bytes >= (function->bar_is_ports[bar] ? 4 : PCI_BAR_MIN) && !(bytes & (bytes - 1)));
	if (!window_has(window, start, bytes))
		return -ENOSPC;
	pci_config_set(function, bar_register(bar), 4, start | window->fixed_bits);
	memcpy(&function->writable[bar_register(bar)], &mask, sizeof(mask));
	function->writable[PCI_COMMAND] |= window->decode;
	*next = start + bytes;
	return 0;
}

static int bars_place(struct pci_bus *bus, struct pci_function *function)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < PCI_MAX_BARS; i++)
		if (function->bar_bytes[i])
			rc = bar_place(bus, function, i);
	return rc;
}

int pci_add(struct pci_bus *bus, struct pci_function *function)
{
	int rc;

	for (unsigned int slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		if (bus->slots[slot])
			continue;
		rc = bars_place(bus, function);
		if (rc == 0)
			bus->slots[slot] = function;
		return rc;
	}
	return -ENOSPC;
}

/* Where the BAR answers, by what the guest has set. */
static uint32_t bar_start(const struct pci_function *function, unsigned int bar)
{
	const struct window *window = bar_window(function, bar);
	uint32_t bytes = function->bar_bytes[bar];
	uint32_t start = pci_config_get(function, bar_register(bar), 4) & ~window->fixed_bits;

	if (bytes == 0 || !(function->config[PCI_COMMAND] & window->decode) ||
	    !window_has(window, start, bytes))
		return 0;
	return start;
}

static void bars_follow(struct pci_function *function)
{
	for (unsigned int i = 0; i < PCI_MAX_BARS; i++) {
		uint32_t start = bar_start(function, i);

		if (start == function->bar_starts[i])
			continue;
		function->bar_starts[i] = start;
		if (function->ops->bar_moved)
			function->ops->bar_moved(function->context, i, start);
	}
}

/* The configuration space of a function that is there; size: 1, 2 or 4, offset + size fits. */
static uint32_t config_read(struct pci_function *function, unsigned int offset, unsigned int size)
{
	if (function->ops && function->ops->config_read)
		function->ops->config_read(function->context, offset, size);
	return pci_config_get(function, offset, size);
}

static void config_write(struct pci_function *function, unsigned int offset, unsigned int size,
			 uint32_t value)
{
	uint32_t mask = 0, old = pci_config_get(function, offset, size);

	memcpy(&mask, function->writable + offset, size);
	pci_config_set(function, offset, size, (old & ~mask) | (value & mask));
	if (!function->ops)
		return;
	bars_follow(function);
	if (function->ops->config_written)
		function->ops->config_written(function->context, offset, size);
}

/* number: slot and function as both mechanisms have them. */
static uint32_t bus_config(struct pci_bus *bus, uint32_t number, unsigned int offset,
			   unsigned int size, bool is_write, uint32_t value)
{
	uint32_t slot = number / FUNCTIONS_PER_SLOT, ones = UINT32_MAX >> (32 - 8 * size);
	struct pci_function *function;

	if (slot >= PCI_MAX_SLOTS || number % FUNCTIONS_PER_SLOT != 0)
		return ones;
	pthread_mutex_lock(&bus->lock);
	function = bus->slots[slot];
	if (!function)
		value = ones;
	else if (offset + size > PCI_CONFIG_BYTES)
		value = 0; /* no extended capabilities */
	else if (is_write)
		config_write(function, offset, size, value);
	else
		value = config_read(function, offset, size);
	pthread_mutex_unlock(&bus->lock);
	return value;
}

/* -- the two ways to configuration spaces -- */

static uint64_t mechanism_read(void *context, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = context;
	uint32_t address;

	pthread_mutex_lock(&bus->lock);
	address = bus->address;
	pthread_mutex_unlock(&bus->lock);
	if (offset < DATA_OFFSET)
		return offset == 0 && size == 4 ? address : UINT64_MAX;
	if (!(address & ADDRESS_ENABLE) || (address >> 16 & 0xff) != 0)
		return UINT64_MAX;
	return bus_config(bus, address >> 8 & 0xff,
			  (address & 0xfc) + (unsigned int)offset - DATA_OFFSET, size, false, 0);
}

static void mechanism_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pci_bus *bus = context;
	uint32_t address;

	pthread_mutex_lock(&bus->lock);
	if (offset == 0 && size == 4)
		bus->address = (uint32_t)value;
	address = bus->address;
	pthread_mutex_unlock(&bus->lock);
	if (offset < DATA_OFFSET || !(address & ADDRESS_ENABLE) || (address >> 16 & 0xff) != 0)
		return;
	bus_config(bus, address >> 8 & 0xff, (address & 0xfc) + (unsigned int)offset - DATA_OFFSET,
		   size, true, (uint32_t)value);
}

static uint64_t ecam_read(void *context, uint64_t offset, unsigned int size)
{
	return bus_config(context, (uint32_t)(offset >> ECAM_FUNCTION_SHIFT),
			  offset & ((1u << ECAM_FUNCTION_SHIFT) - 1), size, false, 0);
}

static void ecam_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	bus_config(context, (uint32_t)(offset >> ECAM_FUNCTION_SHIFT),
		   offset & ((1u << ECAM_FUNCTION_SHIFT) - 1), size, true, (uint32_t)value);
}

/* -- BARs -- */

/* Who answers at the address; the whole access lies inside of the BAR. */
static const struct pci_function *bar_find(struct pci_bus *bus, const struct window *window,
					   uint32_t address, unsigned int size,
					   unsigned int *ret_bar, uint32_t *ret_offset)
{
	const struct pci_function *found = NULL;

	pthread_mutex_lock(&bus->lock);
	for (unsigned int slot = 0; !found && slot < PCI_MAX_SLOTS; slot++) {
		const struct pci_function *function = bus->slots[slot];

		for (unsigned int i = 0; function && !found && i < PCI_MAX_BARS; i++) {
			uint32_t start = function->bar_starts[i], bytes = function->bar_bytes[i];

			if (start == 0 || bar_window(function, i) != window || address < start ||
			    size > bytes || address - start > bytes - size)
				continue;
			found = function;
			*ret_bar = i;
			*ret_offset = address - start;
		}
	}
	pthread_mutex_unlock(&bus->lock);
	return found;
}

static uint64_t window_read(struct pci_bus *bus, const struct window *window, uint64_t offset,
			    unsigned int size)
{
	uint32_t in_bar;
	unsigned int bar;
	const struct pci_function *function =
		bar_find(bus, window, window->start + (uint32_t)offset, size, &bar, &in_bar);

	if (!function)
		return UINT64_MAX;
	return function->ops->bar_read(function->context, bar, in_bar, size);
}

static void window_write(struct pci_bus *bus, const struct window *window, uint64_t offset,
			 uint64_t value, unsigned int size)
{
	uint32_t in_bar;
	unsigned int bar;
	const struct pci_function *function =
		bar_find(bus, window, window->start + (uint32_t)offset, size, &bar, &in_bar);

	if (function)
		function->ops->bar_write(function->context, bar, in_bar, value, size);
}

static uint64_t on_memory_read(void *context, uint64_t offset, unsigned int size)
{
	return window_read(context, &memory_window, offset, size);
}

static void on_memory_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	window_write(context, &memory_window, offset, value, size);
}

static uint64_t on_port_read(void *context, uint64_t offset, unsigned int size)
{
	return window_read(context, &port_window, offset, size);
}

static void on_port_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	window_write(context, &port_window, offset, value, size);
}

static const struct bus_ops mechanism_ops = { .read = mechanism_read, .write = mechanism_write };
static const struct bus_ops ecam_ops = { .read = ecam_read, .write = ecam_write };
static const struct bus_ops memory_ops = { .read = on_memory_read, .write = on_memory_write };
static const struct bus_ops ports_ops = { .read = on_port_read, .write = on_port_write };

/* -- life -- */

void pci_bus_init(struct pci_bus *bus)
{
	*bus = (struct pci_bus){ .next_gpa = PLATFORM_PCI_WINDOW, .next_port = PLATFORM_PCI_PORTS };
	pthread_mutex_init(&bus->lock, NULL);
	pci_function_init(&bus->bridge, BRIDGE_VENDOR, BRIDGE_DEVICE, BRIDGE_CLASS);
	bus->slots[0] = &bus->bridge;
}

void pci_bus_done(struct pci_bus *bus)
{
	pthread_mutex_destroy(&bus->lock);
}

int pci_bus_attach(struct pci_bus *bus, struct bus *ports, struct bus *addresses)
{
	const struct bus_region port_regions[] = {
		{ ADDRESS_PORT, 8, 4, &mechanism_ops, bus },
		{ PLATFORM_PCI_PORTS, PLATFORM_PCI_PORTS_BYTES, 4, &ports_ops, bus },
	};
	const struct bus_region address_regions[] = {
		{ PLATFORM_ECAM_ADDRESS, PLATFORM_ECAM_BYTES, 4, &ecam_ops, bus },
		{ PLATFORM_PCI_WINDOW, PLATFORM_PCI_WINDOW_BYTES, 8, &memory_ops, bus },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(port_regions); i++)
		rc = bus_add(ports, &port_regions[i]);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(address_regions); i++)
		rc = bus_add(addresses, &address_regions[i]);
	return rc;
}
