/* SPDX-License-Identifier: Apache-2.0 */
/* check_pci.c - configuration spaces and BARs, at any width and from any side */
#include "devices/pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdatomic.h>

#include "vmm/platform.h"

#include "tests/unit/suite.h"

#define VENDOR	  0x1af4
#define DEVICE	  0x1234
#define CLASS	  0x010203
#define BAR_BYTES UINT32_C(0x8000)
#define ADDRESS	  PLATFORM_PCI_PORT
#define DATA	  (PLATFORM_PCI_PORT + 4)
#define ENABLE	  UINT32_C(0x80000000)
#define NOBODY	  UINT64_MAX

/* A function with one BAR that says which access came last. */
struct dummy {
	struct pci_function function;
	atomic_uint reads, writes, moves;
	atomic_uint gpa; /* as bar_moved() had it */
	atomic_uint offset, size;
	unsigned int config_writes;
};

static struct bus ports, addresses;
static struct pci_bus bus;
static struct dummy first, second;

static uint64_t on_read(void *context, unsigned int bar, uint32_t offset, unsigned int size)
{
	struct dummy *dummy = context;

	dummy->reads++;
	dummy->offset = offset;
	dummy->size = size;
	if (bar != 0 || offset > BAR_BYTES - size)
		abort();
	return dummy == &first ? 0x1111111111111111 : 0x2222222222222222;
}

static void on_write(void *context, unsigned int bar, uint32_t offset, uint64_t value,
		     unsigned int size)
{
	struct dummy *dummy = context;

	on_read(context, bar, offset, size);
	dummy->writes++;
}

static void on_moved(void *context, unsigned int bar, uint32_t gpa)
{
	struct dummy *dummy = context;

	dummy->moves++;
	dummy->gpa = gpa;
}

static void on_config_written(void *context, unsigned int offset, unsigned int size)
{
	struct dummy *dummy = context;

	dummy->config_writes++;
}

static const struct pci_function_ops dummy_ops = {
	.bar_read = on_read,
	.bar_write = on_write,
	.bar_moved = on_moved,
	.config_written = on_config_written,
};

static void dummy_init(struct dummy *dummy, uint32_t bar_bytes)
{
	memset(dummy, 0, sizeof(*dummy));
	pci_function_init(&dummy->function, VENDOR, DEVICE, CLASS);
	dummy->function.ops = &dummy_ops;
	dummy->function.context = dummy;
	dummy->function.bar_bytes[0] = bar_bytes;
}

/* Slots 1 and 2 hold the dummies. */
static void start(void)
{
	pci_bus_init(&bus);
	bus_init(&ports);
	bus_init(&addresses);
	ck_assert_int_eq(pci_bus_attach(&bus, &ports, &addresses), 0);
	dummy_init(&first, BAR_BYTES);
	dummy_init(&second, BAR_BYTES);
	ck_assert_int_eq(pci_add(&bus, &first.function), 0);
	ck_assert_int_eq(pci_add(&bus, &second.function), 0);
}

static void stop(void)
{
	pci_bus_done(&bus);
}

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

static uint64_t ones(unsigned int size)
{
	return NOBODY >> (64 - 8 * size);
}

static uint64_t ecam(unsigned int slot, unsigned int offset)
{
	return PLATFORM_ECAM_ADDRESS + (slot << 15) + offset;
}

static uint32_t config(unsigned int slot, unsigned int offset, unsigned int size)
{
	return (uint32_t)get(&addresses, ecam(slot, offset), size);
}

static void set_config(unsigned int slot, unsigned int offset, uint32_t value, unsigned int size)
{
	put(&addresses, ecam(slot, offset), value, size);
}

static void decode(unsigned int slot, bool is_on)
{
	set_config(slot, PCI_COMMAND, is_on ? PCI_COMMAND_MEMORY : 0, 2);
}

static void move(unsigned int slot, uint32_t gpa)
{
	set_config(slot, PCI_BASE_ADDRESS_0, gpa, 4);
}

/* ---------------------------------------------------------------------------- core */

START_TEST(both_ways_lead_to_the_same)
{
	start();
	for (unsigned int slot = 0; slot < 4; slot++)
		for (unsigned int offset = 0; offset < PCI_CONFIG_BYTES; offset++)
			for (unsigned int size = 1; size <= 4; size *= 2) {
				if (offset % size != 0)
					continue;
				put(&ports, ADDRESS, ENABLE | slot << 11 | (offset & 0xfc), 4);
				ck_assert_uint_eq(get(&ports, DATA + offset % 4, size),
						  config(slot, offset, size));
			}
	ck_assert_uint_eq(config(1, PCI_VENDOR_ID, 4), VENDOR | DEVICE << 16);
	ck_assert_uint_eq(config(1, PCI_CLASS_REVISION, 4), CLASS << 8);
	ck_assert_uint_eq(config(0, PCI_CLASS_DEVICE, 2), 0x0600);
	stop();
}
END_TEST

START_TEST(who_is_not_there_reads_as_ones)
{
	start();
	for (unsigned int number = 0; number < 256; number++) {
		bool is_there = number % 8 == 0 && number / 8 < 3;

		for (unsigned int size = 1; size <= 4; size *= 2) {
			uint64_t gpa = PLATFORM_ECAM_ADDRESS + ((uint64_t)number << 12);

			ck_assert_int_eq(get(&addresses, gpa, size) != ones(size), is_there);
			put(&ports, ADDRESS, ENABLE | number << 8, 4);
			ck_assert_int_eq(get(&ports, DATA, size) != ones(size), is_there);
			if (!is_there)
				put(&addresses, gpa, 0, size);
		}
	}
	stop();
}
END_TEST

START_TEST(a_bar_tells_its_size)
{
	uint32_t gpa;

	start();
	gpa = config(2, PCI_BASE_ADDRESS_0, 4);
	ck_assert_uint_eq(gpa, PLATFORM_PCI_WINDOW + BAR_BYTES);
	set_config(2, PCI_BASE_ADDRESS_0, UINT32_MAX, 4);
	ck_assert_uint_eq(config(2, PCI_BASE_ADDRESS_0, 4), ~(BAR_BYTES - 1));
	for (unsigned int offset = PCI_BASE_ADDRESS_1; offset <= PCI_ROM_ADDRESS; offset += 4) {
		uint32_t before = config(2, offset, 4);

		set_config(2, offset, UINT32_MAX, 4);
		ck_assert_uint_eq(config(2, offset, 4), before); /* there is none */
	}
	stop();
}
END_TEST

START_TEST(a_bar_answers_where_it_is_while_it_is_switched_on)
{
	const uint64_t gpa = PLATFORM_PCI_WINDOW, elsewhere = PLATFORM_PCI_WINDOW + 0x1000000;

	start();
	ck_assert_uint_eq(get(&addresses, gpa, 8), NOBODY);
	decode(1, true);
	ck_assert_uint_eq(first.gpa, gpa);
	ck_assert_uint_eq(get(&addresses, gpa, 4), 0x11111111);
	move(1, (uint32_t)elsewhere);
	ck_assert_uint_eq(first.gpa, elsewhere);
	ck_assert_uint_eq(get(&addresses, gpa, 4), ones(4));
	ck_assert_uint_eq(get(&addresses, elsewhere + BAR_BYTES - 1, 1), 0x11);
	ck_assert_uint_eq(first.offset, BAR_BYTES - 1);
	put(&addresses, elsewhere + 0x10, 1, 2);
	ck_assert_uint_eq(first.writes, 1);
	ck_assert_uint_eq(first.size, 2);
	decode(1, false);
	ck_assert_uint_eq(first.gpa, 0);
	ck_assert_uint_eq(get(&addresses, elsewhere, 4), ones(4));
	ck_assert_uint_eq(first.moves, 3);
	ck_assert_uint_eq(second.reads + second.moves, 0);
	stop();
}
END_TEST

START_TEST(capabilities_are_a_chain)
{
	static const uint8_t lengths[] = { 12, 5, 16, 3, 20 };
	struct dummy dummy;
	uint8_t at;

	dummy_init(&dummy, 0);
	ck_assert_uint_eq(dummy.function.config[PCI_STATUS] & PCI_STATUS_CAP_LIST, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++)
		ck_assert_uint_eq(
			pci_add_capability(&dummy.function, (uint8_t)(0x80 + i), lengths[i]) % 4,
			0);
	ck_assert_uint_ne(dummy.function.config[PCI_STATUS] & PCI_STATUS_CAP_LIST, 0);
	at = dummy.function.config[PCI_CAPABILITY_LIST];
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint8_t next = dummy.function.config[at + PCI_CAP_LIST_NEXT];

		ck_assert_uint_eq(dummy.function.config[at], 0x80 + i);
		ck_assert(next == 0 || next >= at + lengths[i]);
		ck_assert_int_eq(next == 0, i + 1 == ARRAY_SIZE(lengths));
		at = next;
	}
}
END_TEST

/* -------------------------------------------------------------------------- limits */

static bool changes_are_fine(const uint8_t *before, unsigned int offset, unsigned int size)
{
	for (unsigned int i = 0; i < PCI_CONFIG_BYTES; i++) {
		uint8_t changed = before[i] ^ first.function.config[i];

		if ((changed & ~first.function.writable[i]) != 0 ||
		    (changed && (i < offset || i >= offset + size)))
			return false;
	}
	return true;
}

/* At every offset and width: no bit changes but those that may. */
START_TEST(only_writable_bits_are_written)
{
	uint8_t before[PCI_CONFIG_BYTES];

	start();
	for (unsigned int offset = 0; offset < 4096; offset++)
		for (unsigned int size = 1; size <= 8; size *= 2) {
			memcpy(before, first.function.config, sizeof(before));
			put(&addresses, ecam(1, offset), NOBODY, size);
			put(&addresses, ecam(1, offset), 0, size);
			put(&addresses, ecam(1, offset), 0xa5a5a5a5a5a5a5a5, size);
			ck_assert_msg(changes_are_fine(before, offset, size), "offset %u, %u bytes",
				      offset, size);
		}
	ck_assert_uint_eq(config(1, PCI_VENDOR_ID, 4), VENDOR | DEVICE << 16);
	stop();
}
END_TEST

/* What lies behind a space in memory must not be read: the sanitizers look on. */
START_TEST(a_space_ends_after_its_256_bytes)
{
	start();
	for (unsigned int offset = PCI_CONFIG_BYTES; offset < 4096; offset++)
		for (unsigned int size = 1; size <= 4; size *= 2)
			if (offset + size <= 4096)
				ck_assert_uint_eq(config(1, offset, size), 0);
	memset(first.function.config + 252, 0x5a, 4);
	for (unsigned int offset = 252; offset < 256; offset++)
		for (unsigned int size = 1; size <= 8; size *= 2) {
			/* an access that is partly behind the end is not there at all */
			if (offset + size > PCI_CONFIG_BYTES && size <= 4)
				ck_assert_uint_eq(config(1, offset, size), 0);
			get(&addresses, ecam(1, offset), size);
			put(&addresses, ecam(1, offset), NOBODY, size);
			put(&ports, ADDRESS, ENABLE | 1 << 11 | 0xfc, 4);
			get(&ports, DATA + offset % 4, size);
			put(&ports, DATA + offset % 4, NOBODY, size);
		}
	/* over the end of the whole region, of a function, of the bus */
	ck_assert_uint_eq(get(&addresses, PLATFORM_ECAM_ADDRESS + PLATFORM_ECAM_BYTES - 2, 4),
			  ones(4));
	put(&addresses, PLATFORM_ECAM_ADDRESS + PLATFORM_ECAM_BYTES - 1, 0, 8);
	put(&addresses, PLATFORM_ECAM_ADDRESS - 1, NOBODY, 8);
	stop();
}
END_TEST

START_TEST(the_address_port_takes_32_bits)
{
	const uint32_t address = ENABLE | 1 << 11;

	start();
	put(&ports, ADDRESS, address, 4);
	for (unsigned int i = 0; i < 4; i++) {
		put(&ports, ADDRESS + i, 0xff, 1);
		ck_assert_uint_eq(get(&ports, ADDRESS + i, 1), 0xff);
	}
	put(&ports, ADDRESS, 0xffff, 2);
	put(&ports, ADDRESS + 2, 0xffff, 2);
	ck_assert_uint_eq(get(&ports, ADDRESS, 4), address);
	ck_assert_uint_eq(get(&ports, DATA, 4), VENDOR | DEVICE << 16);
	/* not enabled, another bus */
	put(&ports, ADDRESS, 1 << 11, 4);
	ck_assert_uint_eq(get(&ports, DATA, 4), ones(4));
	put(&ports, ADDRESS, address | 1 << 16, 4);
	ck_assert_uint_eq(get(&ports, DATA, 4), ones(4));
	put(&ports, DATA, 0, 4);
	put(&ports, ADDRESS, UINT32_MAX, 4);
	ck_assert_uint_eq(get(&ports, DATA, 4), ones(4));
	put(&ports, DATA, 0, 4);
	ck_assert_uint_eq(first.config_writes + second.config_writes, 0);
	stop();
}
END_TEST

START_TEST(accesses_of_odd_width_come_in_parts)
{
	start();
	decode(1, true);
	for (unsigned int offset = 0; offset < 16; offset++)
		for (unsigned int size = 1; size <= 8; size++) {
			uint64_t gpa = PLATFORM_PCI_WINDOW + offset;

			ck_assert_uint_eq(get(&addresses, gpa, size),
					  0x1111111111111111 & ones(size));
			put(&addresses, gpa, 0, size);
		}
	/* the last byte of one BAR and the first of the next are two accesses */
	decode(2, true);
	get(&addresses, PLATFORM_PCI_WINDOW + BAR_BYTES - 2, 4);
	get(&addresses, PLATFORM_PCI_WINDOW + 2 * BAR_BYTES - 4, 8);
	get(&addresses, PLATFORM_PCI_WINDOW_LAST, 8);
	get(&addresses, PLATFORM_PCI_WINDOW - 4, 8);
	stop();
}
END_TEST

START_TEST(a_bus_has_32_slots)
{
	static struct dummy dummies[PCI_MAX_SLOTS];
	unsigned int added = 0;

	start();
	for (unsigned int i = 0; i < PCI_MAX_SLOTS; i++) {
		dummy_init(&dummies[i], BAR_BYTES);
		added += pci_add(&bus, &dummies[i].function) == 0;
	}
	ck_assert_uint_eq(added, PCI_MAX_SLOTS - 3);
	ck_assert_int_eq(pci_add(&bus, &dummies[0].function), -ENOSPC);
	ck_assert_uint_eq(config(31, PCI_VENDOR_ID, 2), VENDOR);
	stop();
}
END_TEST

START_TEST(bars_fill_the_window_and_no_more)
{
	static struct dummy large, larger, last;

	start();
	dummy_init(&large, PLATFORM_PCI_WINDOW_BYTES / 2);
	dummy_init(&larger, PLATFORM_PCI_WINDOW_BYTES);
	dummy_init(&last, PCI_BAR_MIN);
	ck_assert_int_eq(pci_add(&bus, &larger.function), -ENOSPC);
	ck_assert_int_eq(pci_add(&bus, &large.function), 0);
	ck_assert_uint_eq(config(3, PCI_BASE_ADDRESS_0, 4),
			  PLATFORM_PCI_WINDOW + PLATFORM_PCI_WINDOW_BYTES / 2);
	ck_assert_int_eq(pci_add(&bus, &last.function), -ENOSPC);
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- misuse */

START_TEST(a_bar_outside_of_the_window_answers_nowhere)
{
	static const uint32_t places[] = { 0,
					   0x8000,
					   0x100000,
					   PLATFORM_PCI_WINDOW - BAR_BYTES,
					   PLATFORM_PCI_WINDOW_LAST + 1,
					   PLATFORM_ECAM_ADDRESS,
					   PLATFORM_IOAPIC_ADDRESS,
					   PLATFORM_LAPIC_ADDRESS,
					   0xffff8000 };

	start();
	decode(1, true);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		move(1, places[i]);
		ck_assert_uint_eq(first.gpa, 0);
		ck_assert_uint_eq(config(1, PCI_BASE_ADDRESS_0, 4), places[i]);
		first.reads = 0;
		get(&addresses, places[i], 4);
		ck_assert_uint_eq(first.reads, 0);
	}
	move(1, PLATFORM_PCI_WINDOW_LAST + 1 - BAR_BYTES);
	ck_assert_uint_eq(get(&addresses, PLATFORM_PCI_WINDOW_LAST - 3, 4), 0x11111111);
	/* between the bytes of the register: wherever it is meanwhile, it is aligned */
	for (unsigned int value = 0; value < 256; value++)
		for (unsigned int byte = 0; byte < 4; byte++) {
			set_config(1, PCI_BASE_ADDRESS_0 + byte, value, 1);
			ck_assert_uint_eq(first.gpa % BAR_BYTES, 0);
			get(&addresses, PLATFORM_PCI_WINDOW, 8);
		}
	stop();
}
END_TEST

START_TEST(of_two_bars_at_one_place_the_first_answers)
{
	const uint32_t gpa = PLATFORM_PCI_WINDOW + 0x100000;

	start();
	decode(1, true);
	decode(2, true);
	move(2, gpa);
	ck_assert_uint_eq(get(&addresses, gpa, 4), 0x22222222);
	move(1, gpa);
	ck_assert_uint_eq(get(&addresses, gpa, 4), 0x11111111);
	decode(1, false);
	ck_assert_uint_eq(get(&addresses, gpa, 4), 0x22222222);
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- faults */

static atomic_bool should_move;

static void *mover(void *context)
{
	for (unsigned int i = 0; atomic_load(&should_move); i++) {
		move(1, PLATFORM_PCI_WINDOW + i % 64 * BAR_BYTES);
		decode(1, i % 3 != 0);
		decode(2, i % 5 != 0);
	}
	return NULL;
}

/* One processor moves a BAR, another uses it: each access is one BAR's, or nobody's. */
START_TEST(bars_move_under_those_who_use_them)
{
	pthread_t thread;

	start();
	atomic_store(&should_move, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, mover, NULL), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t gpa = PLATFORM_PCI_WINDOW + i % 0x200000;
		uint64_t value = get(&addresses, gpa & ~UINT64_C(7), 8);

		ck_assert(value == NOBODY || value == 0x1111111111111111 ||
			  value == 0x2222222222222222);
		put(&addresses, gpa, value, 1);
	}
	atomic_store(&should_move, false);
	pthread_join(thread, NULL);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &both_ways_lead_to_the_same },
	{ "core", &who_is_not_there_reads_as_ones },
	{ "core", &a_bar_tells_its_size },
	{ "core", &a_bar_answers_where_it_is_while_it_is_switched_on },
	{ "core", &capabilities_are_a_chain },
	{ "limits", &only_writable_bits_are_written },
	{ "limits", &a_space_ends_after_its_256_bytes },
	{ "limits", &the_address_port_takes_32_bits },
	{ "limits", &accesses_of_odd_width_come_in_parts },
	{ "limits", &a_bus_has_32_slots },
	{ "limits", &bars_fill_the_window_and_no_more },
	{ "misuse", &a_bar_outside_of_the_window_answers_nowhere },
	{ "misuse", &of_two_bars_at_one_place_the_first_answers },
	{ "faults", &bars_move_under_those_who_use_them },
};
SUITE_MAIN("pci", tests)
