/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_virtio_pci.c - a guest's accesses to ports and addresses, with a virtio device behind
 *
 * The input is a list of accesses: the configuration space by its two ways, the BARs
 * wherever the guest has put them, its RAM. The device answers each chain at once or,
 * if the guest says so, after some more accesses. KVM is stood in for, so that messages
 * and doorbells are seen too. In the end the guest resets the device by the book, and
 * it must work like one that was never touched.
 */
#include "tests/fuzz/fuzz.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "devices/virtio_pci.h"
#include "vmm/platform.h"

#include "tests/unit/msi_stand_in.h"

#define RAM	 (UINT64_C(1) << 20)
#define QUEUES	 2u
#define SIZE	 16u
#define HELD_MAX (QUEUES * SIZE)
#define SLOT	 1u
#define READY	 (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

/* One access: where (see place_of()), how wide, what. */
struct access {
	uint8_t kind;
	uint8_t size_and_offset; /* two bits of size, and bits 16 and up of the offset */
	uint16_t offset;
	uint32_t value;
};

enum { CONFIG_SPACE, PORTS, BAR, DOORBELL, MEMORY, LOOP, HOLD, WINDOW, KINDS };

static struct gmem *gmem;
static struct loop *loop;
static struct loop_source *turn;
static struct virtio virtio;
static struct virtio_pci *pci;
static struct bus ports, addresses;
static struct pci_bus bus;
static uint8_t config_bytes[12];
static bool holds;
static struct {
	struct chain chain;
	unsigned int queue;
} held[HELD_MAX];
static unsigned int held_count;
static bool is_resetting;

static void expect(bool is_so)
{
	if (!is_so)
		abort();
}

/* -- the device -- */

static void hold_end(void)
{
	while (held_count > 0) {
		held_count--;
		if (is_resetting && held_count % 2)
			virtio_drop(&virtio, held[held_count].queue);
		else
			virtio_return(&virtio, held[held_count].queue, &held[held_count].chain, 0);
	}
	if (is_resetting) {
		is_resetting = false;
		virtio_drained(&virtio);
	}
}

static void on_serve(struct virtio *it, unsigned int queue)
{
	expect(it->phase != VIRTIO_IDLE);
	while (held_count < HELD_MAX) {
		if (!virtio_take(it, queue, &held[held_count].chain)) {
			if (!virtio_want_kicks(it, queue))
				break;
			continue;
		}
		held[held_count++].queue = queue;
		if (!holds) {
			held_count--;
			virtio_return(it, queue, &held[held_count].chain, 0);
		}
	}
	virtio_flush(it, queue);
}

static bool on_reset(struct virtio *it)
{
	is_resetting = held_count > 0;
	return !is_resetting;
}

static void on_config_write(struct virtio *it, uint32_t offset, const void *bytes, uint32_t size)
{
	expect(offset <= sizeof(config_bytes) && size <= sizeof(config_bytes) - offset);
	memcpy(config_bytes + offset, bytes, size);
}

static const struct virtio_type type = {
	.name = "fuzzed",
	.id = 4,
	.pci_class = 0xff0000,
	.serve = on_serve,
	.reset = on_reset,
	.config_write = on_config_write,
};

/* -- the machine -- */

static unsigned int turns_left;

static void on_turn(void *context)
{
	if (--turns_left == 0)
		loop_quit(loop, 0);
	else
		loop_wake(turn);
}

/* Whatever is due on the I/O thread, and what comes of it: some turns of its loop. */
static void loop_settle(void)
{
	turns_left = 4;
	loop_wake(turn);
	expect(loop_run(loop) == 0);
}

static void machine_open(void)
{
	struct virtio_config config = {
		.type = &type,
		.name = "fuzzed",
		.queues = QUEUES,
		.queue_size = SIZE,
		.config = config_bytes,
		.config_size = sizeof(config_bytes),
	};
	struct fail why;

	if (!gmem)
		expect(gmem_create(RAM, &gmem, &why) == 0);
	log_set_level(LOG_LEVEL_ERROR); /* of what a guest does wrong there is enough here */
	stand_in_open();
	holds = is_resetting = false;
	held_count = 0;
	expect(loop_create(&loop) == 0 && loop_add_wake(loop, on_turn, NULL, &turn) == 0);
	config.gmem = gmem;
	config.loop = loop;
	expect(virtio_init(&virtio, &config, &why) == 0);
	pci_bus_init(&bus);
	bus_init(&ports);
	bus_init(&addresses);
	expect(pci_bus_attach(&bus, &ports, &addresses) == 0);
	expect(virtio_pci_create(NULL, &bus, &virtio, &pci, &why) == 0);
}

static void machine_close(void)
{
	virtio_pci_free(pci);
	expect(stand_in.doorbell_count == 0);
	for (unsigned int i = 0; i < stand_in.msi_count; i++)
		expect(!stand_in.msis[i]);
	pci_bus_done(&bus);
	virtio_done(&virtio);
	loop_free(loop);
}

/* -- the guest -- */

static uint64_t get(const struct bus *on, uint64_t where, unsigned int size)
{
	uint64_t value = 0;

	bus_access(on, where, false, &value, size);
	return value;
}

static void put(const struct bus *on, uint64_t where, uint64_t value, unsigned int size)
{
	bus_access(on, where, true, &value, size);
}

static uint64_t space(unsigned int offset)
{
	return PLATFORM_ECAM_ADDRESS + (SLOT << 15) + offset;
}

static uint64_t bar_start(unsigned int bar)
{
	return get(&addresses, space(PCI_BASE_ADDRESS_0 + 4 * bar), 4) & ~UINT64_C(15);
}

static void touch(const struct bus *on, uint64_t where, const struct access *access)
{
	unsigned int size = 1u << (access->size_and_offset & 3);

	if (access->kind & 0x80)
		put(on, where, access->value | (uint64_t)access->value << 32, size);
	else
		get(on, where, size);
}

static void memory_write(const struct access *access)
{
	if (gmem_write(gmem, access->offset, &access->value, sizeof(access->value)) < 0)
		abort();
}

static void play(const struct access *access)
{
	uint32_t offset = access->offset | (uint32_t)(access->size_and_offset >> 2) << 16;

	switch (access->kind % KINDS) {
	case CONFIG_SPACE:
		touch(&addresses, space(0) + offset % 512, access);
		break;
	case PORTS:
		touch(&ports, offset % 2 ? PLATFORM_PCI_PORT + offset / 2 % 10 : offset, access);
		break;
	case BAR:
		touch(&addresses, bar_start(0) + offset % 0x8010, access);
		break;
	case DOORBELL:
		if (!stand_in_ring(bar_start(0) + 0x3000 + offset % 16))
			virtio_kick(&virtio, offset % QUEUES);
		break;
	case MEMORY:
		memory_write(access);
		break;
	case LOOP:
		loop_settle();
		break;
	case HOLD:
		holds = offset % 2;
		if (!holds)
			hold_end();
		break;
	default:
		touch(&addresses, PLATFORM_PCI_WINDOW + offset * UINT64_C(64), access);
		break;
	}
}

/* -- by the book -- */

static void queue_set(uint64_t bar)
{
	put(&addresses, bar + VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	expect(get(&addresses, bar + VIRTIO_PCI_COMMON_Q_SIZE, 2) == SIZE);
	put(&addresses, bar + VIRTIO_PCI_COMMON_Q_DESCLO, 0x1000, 8);
	put(&addresses, bar + VIRTIO_PCI_COMMON_Q_AVAILLO, 0x2000, 8);
	put(&addresses, bar + VIRTIO_PCI_COMMON_Q_USEDLO, 0x3000, 8);
	put(&addresses, bar + VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

static void expect_works(void)
{
	const struct vring_desc desc = { .addr = 0x4000, .len = 8, .flags = VRING_DESC_F_WRITE };
	const uint16_t available[3] = { 0, 1, 0 }, none[2] = { 0, 0 };
	const uint64_t bar = PLATFORM_PCI_WINDOW;
	uint16_t used[2];

	put(&addresses, space(PCI_BASE_ADDRESS_0), bar, 4);
	put(&addresses, space(PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
	put(&addresses, bar + VIRTIO_PCI_COMMON_STATUS, 0, 1);
	loop_settle();
	holds = false;
	hold_end();
	expect(get(&addresses, bar + VIRTIO_PCI_COMMON_STATUS, 1) == 0);
	put(&addresses, bar + VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	put(&addresses, bar + VIRTIO_PCI_COMMON_GF, 1, 4);
	put(&addresses, bar + VIRTIO_PCI_COMMON_STATUS, READY, 1);
	expect(get(&addresses, bar + VIRTIO_PCI_COMMON_STATUS, 1) == READY);
	queue_set(bar);
	if (gmem_write(gmem, 0x1000, &desc, sizeof(desc)) < 0 ||
	    gmem_write(gmem, 0x2000, available, sizeof(available)) < 0 ||
	    gmem_write(gmem, 0x3000, none, sizeof(none)) < 0)
		abort();
	put(&addresses, bar + VIRTIO_PCI_COMMON_STATUS, READY | VIRTIO_CONFIG_S_DRIVER_OK, 1);
	loop_settle();
	expect(gmem_read(gmem, 0x3000, used, sizeof(used)) == 0 && used[1] == 1);
	put(&addresses, bar + VIRTIO_PCI_COMMON_STATUS, 0, 1);
	loop_settle();
	expect(virtio.phase == VIRTIO_IDLE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	machine_open();
	for (; length >= sizeof(struct access); length -= sizeof(struct access)) {
		struct access access;

		memcpy(&access, bytes, sizeof(access));
		bytes += sizeof(access);
		play(&access);
	}
	loop_settle();
	expect_works();
	machine_close();
	memset(gmem_base(gmem), 0, RAM);
	return 0;
}
