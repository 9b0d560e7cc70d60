/* SPDX-License-Identifier: Apache-2.0 */
/* check_msix.c - a table of messages: masked, pending, rewritten, at any width */
#include "devices/msix.h"

#include <errno.h>
#include <linux/pci_regs.h>

#include "tests/unit/msi_stand_in.h"
#include "tests/unit/suite.h"

#define VECTORS 5u
#define BYTES	(VECTORS * MSIX_ENTRY_BYTES)
#define MASKED	1u

static struct pci_function function;
static struct msix *msix;
static unsigned int flags_at; /* where the capability's flags are */

static void start(void)
{
	stand_in_open();
	pci_function_init(&function, 1, 2, 3);
	ck_assert_int_eq(msix_create(NULL, &function, VECTORS, 0, 0x4000, 0x5000, &msix), 0);
	flags_at = function.config[PCI_CAPABILITY_LIST] + PCI_MSIX_FLAGS;
}

static void stop(void)
{
	msix_free(msix);
	for (unsigned int i = 0; i < stand_in.msi_count; i++)
		ck_assert_ptr_null(stand_in.msis[i]);
}

/* As the bus does it: the bits that may change. */
static void set_flags(uint16_t flags)
{
	uint16_t can_change =
		(uint16_t)(function.writable[flags_at] | function.writable[flags_at + 1] << 8);
	uint16_t old = (uint16_t)pci_config_get(&function, flags_at, 2);

	pci_config_set(&function, flags_at, 2, (old & ~can_change) | (flags & can_change));
	msix_config_written(msix);
}

static void set_entry(unsigned int vector, uint64_t address, uint32_t value, uint32_t control)
{
	uint32_t at = vector * MSIX_ENTRY_BYTES;

	msix_table_write(msix, at, (uint32_t)address, 4);
	msix_table_write(msix, at + 4, address >> 32, 4);
	msix_table_write(msix, at + 8, value, 4);
	msix_table_write(msix, at + 12, control, 4);
}

static unsigned int delivered(unsigned int vector)
{
	return stand_in.msis[vector]->delivered;
}

/* ---------------------------------------------------------------------------- core */

START_TEST(a_vector_says_what_its_entry_holds)
{
	start();
	set_flags(PCI_MSIX_FLAGS_ENABLE);
	for (unsigned int i = 0; i < VECTORS; i++) {
		set_entry(i, 0x1fee00000 + i, 0x30 + i, 0);
		msix_signal(msix, i);
		ck_assert_uint_eq(delivered(i), 1);
		ck_assert_uint_eq(stand_in.msis[i]->address, 0x1fee00000 + i);
		ck_assert_uint_eq(stand_in.msis[i]->value, 0x30 + i);
		ck_assert_int_eq(msix_fd(msix, i), stand_in.msis[i]->fd);
	}
	stop();
}
END_TEST

START_TEST(what_is_masked_waits)
{
	start();
	set_flags(PCI_MSIX_FLAGS_ENABLE);
	set_entry(1, 0xfee00000, 0x41, MASKED);
	msix_signal(msix, 1);
	msix_signal(msix, 1);
	ck_assert_uint_eq(delivered(1), 0);
	ck_assert_uint_eq(msix_pending_read(msix, 0, 8), 1u << 1);
	msix_table_write(msix, MSIX_ENTRY_BYTES + 12, 0, 4);
	ck_assert_uint_eq(delivered(1), 1);
	ck_assert_uint_eq(msix_pending_read(msix, 0, 8), 0);
	msix_table_write(msix, MSIX_ENTRY_BYTES + 12, MASKED, 4);
	msix_signal(msix, 1);
	ck_assert_uint_eq(delivered(1), 1);
	stop();
}
END_TEST

START_TEST(the_function_masks_all)
{
	start();
	set_flags(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (unsigned int i = 0; i < VECTORS; i++) {
		set_entry(i, 0xfee00000, i, 0);
		msix_signal(msix, i);
	}
	ck_assert_uint_eq(msix_pending_read(msix, 0, 4), (1u << VECTORS) - 1);
	set_flags(PCI_MSIX_FLAGS_ENABLE);
	for (unsigned int i = 0; i < VECTORS; i++)
		ck_assert_uint_eq(delivered(i), 1);
	set_flags(0);
	msix_signal(msix, 0);
	ck_assert_uint_eq(delivered(0), 1);
	stop();
}
END_TEST

START_TEST(a_message_can_change_while_it_is_live)
{
	start();
	set_flags(PCI_MSIX_FLAGS_ENABLE);
	set_entry(0, 0xfee00000, 0x41, 0);
	msix_table_write(msix, 0, 0x52fee01000, 8);
	msix_table_write(msix, 8, 0x42, 8);
	ck_assert_uint_eq(stand_in.msis[0]->address, 0x52fee01000);
	ck_assert_uint_eq(stand_in.msis[0]->value, 0x42);
	/* KVM is only told what it does not know: it takes its time for it */
	stand_in.msis[0]->messages = 0;
	for (unsigned int i = 0; i < 10; i++) {
		msix_table_write(msix, 12, MASKED, 4);
		msix_table_write(msix, 12, 0, 4);
		msix_table_write(msix, 8, 0x42, 4);
	}
	ck_assert_uint_eq(stand_in.msis[0]->messages, 0);
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- limits */

START_TEST(the_table_is_read_at_any_width)
{
	uint8_t table[BYTES + 16] = { 0 };

	start();
	for (unsigned int i = 0; i < BYTES; i += 4) {
		uint32_t word = i * 0x01010101u;

		msix_table_write(msix, i, word, 4);
		memcpy(table + i, &word, 4);
	}
	for (uint32_t offset = 0; offset < 4096; offset++)
		for (unsigned int size = 1; size <= 8; size *= 2) {
			uint64_t value = 0;

			if (offset + size <= BYTES)
				memcpy(&value, table + offset, size);
			ck_assert_uint_eq(msix_table_read(msix, offset, size), value);
		}
	stop();
}
END_TEST

START_TEST(the_table_is_written_in_whole_words)
{
	start();
	set_flags(PCI_MSIX_FLAGS_ENABLE);
	for (uint32_t offset = 0; offset < 4096; offset++)
		for (unsigned int size = 1; size <= 8; size *= 2) {
			uint64_t before, after;
			bool is_fine = size >= 4 && offset % size == 0 && offset + size <= BYTES;

			before = msix_table_read(msix, offset, size);
			msix_table_write(msix, offset, ~before, size);
			after = msix_table_read(msix, offset, size);
			ck_assert_int_eq(before != after, is_fine);
			msix_table_write(msix, offset, before, size);
		}
	stop();
}
END_TEST

START_TEST(pending_bits_end_with_the_vectors)
{
	start();
	for (unsigned int i = 0; i < VECTORS; i++)
		msix_signal(msix, i);
	for (uint32_t offset = 0; offset < 4096; offset++)
		for (unsigned int size = 1; size <= 8; size *= 2)
			ck_assert_uint_eq(msix_pending_read(msix, offset, size),
					  offset == 0 ? 0x1f : 0);
	ck_assert_uint_eq(msix_pending_read(msix, UINT32_MAX, 8), 0);
	stop();
}
END_TEST

START_TEST(vectors_out_of_range_are_nobody)
{
	static const unsigned int vectors[] = { VECTORS, 64, 0xffff, UINT32_MAX };

	start();
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		msix_signal(msix, vectors[i]);
		ck_assert_int_eq(msix_fd(msix, vectors[i]), -1);
	}
	ck_assert_uint_eq(msix_pending_read(msix, 0, 8), 0);
	ck_assert_uint_eq(pci_config_get(&function, flags_at, 2) & PCI_MSIX_FLAGS_QSIZE,
			  VECTORS - 1);
	set_flags(0xffff); /* its size is not the guest's */
	ck_assert_uint_eq(pci_config_get(&function, flags_at, 2) & PCI_MSIX_FLAGS_QSIZE,
			  VECTORS - 1);
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- faults */

START_TEST(a_message_that_kvm_refuses_can_be_mended)
{
	start();
	set_flags(PCI_MSIX_FLAGS_ENABLE);
	stand_in.refuses_messages = true;
	set_entry(0, 0xfee00000, 0x41, 0);
	msix_signal(msix, 0);
	ck_assert_uint_eq(delivered(0), 0);
	stand_in.refuses_messages = false;
	/* the same message: it is not taken for one that KVM has */
	msix_table_write(msix, 12, MASKED, 4);
	msix_table_write(msix, 12, 0, 4);
	ck_assert_uint_eq(delivered(0), 1);
	ck_assert_uint_eq(stand_in.msis[0]->value, 0x41);
	stop();
}
END_TEST

START_TEST(a_vm_without_room_gets_no_table)
{
	for (unsigned int room = 0; room < VECTORS; room++) {
		stand_in_open();
		stand_in.msi_room = room;
		pci_function_init(&function, 1, 2, 3);
		ck_assert_int_eq(msix_create(NULL, &function, VECTORS, 0, 0, 0, &msix), -ENOSPC);
		for (unsigned int i = 0; i < room; i++)
			ck_assert_ptr_null(stand_in.msis[i]);
	}
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_vector_says_what_its_entry_holds },
	{ "core", &what_is_masked_waits },
	{ "core", &the_function_masks_all },
	{ "core", &a_message_can_change_while_it_is_live },
	{ "limits", &the_table_is_read_at_any_width },
	{ "limits", &the_table_is_written_in_whole_words },
	{ "limits", &pending_bits_end_with_the_vectors },
	{ "limits", &vectors_out_of_range_are_nobody },
	{ "faults", &a_message_that_kvm_refuses_can_be_mended },
	{ "faults", &a_vm_without_room_gets_no_table },
};
SUITE_MAIN("msix", tests)
