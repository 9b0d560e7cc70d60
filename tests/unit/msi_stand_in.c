/* SPDX-License-Identifier: Apache-2.0 */
/* msi_stand_in.c - vmm/msi.h without KVM, for tests of what is on a PCI bus */
#include "tests/unit/msi_stand_in.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

struct stand_in stand_in;

void stand_in_open(void)
{
	stand_in = (struct stand_in){ .msi_room = STAND_IN_MAX };
}

int msi_create(struct vm *vm, struct msi **ret_msi)
{
	struct msi *msi;

	if (stand_in.msi_room == 0 || stand_in.msi_count == STAND_IN_MAX)
		return -ENOSPC;
	msi = calloc(1, sizeof(*msi));
	if (!msi)
		return -ENOMEM;
	msi->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	stand_in.msi_room--;
	stand_in.msis[stand_in.msi_count++] = msi;
	*ret_msi = msi;
	return 0;
}

void msi_free(struct msi *msi)
{
	if (!msi)
		return;
	for (unsigned int i = 0; i < stand_in.msi_count; i++)
		if (stand_in.msis[i] == msi)
			stand_in.msis[i] = NULL;
	close(msi->fd);
	free(msi);
}

int msi_fd(const struct msi *msi)
{
	return msi->fd;
}

void msi_signal(struct msi *msi)
{
	if (msi->is_unmasked)
		msi->delivered++;
	else
		msi->is_pending = true;
}

int msi_set_message(struct msi *msi, uint64_t address, uint32_t value)
{
	if (stand_in.refuses_messages)
		return -EINVAL;
	msi->address = address;
	msi->value = value;
	msi->has_message = true;
	msi->messages++;
	return 0;
}

int msi_unmask(struct msi *msi)
{
	if (!msi->has_message)
		return -EINVAL;
	msi->is_unmasked = true;
	if (atomic_exchange(&msi->is_pending, false))
		msi->delivered++;
	return 0;
}

void msi_mask(struct msi *msi)
{
	msi->is_unmasked = false;
}

bool msi_is_pending(const struct msi *msi)
{
	return msi->is_pending;
}

/* Ports stand where no memory does. */
uint64_t stand_in_place(enum doorbell_space space, uint64_t address)
{
	return space == DOORBELL_PORT ? address | UINT64_C(1) << 63 : address;
}

int doorbell_add(struct vm *vm, enum doorbell_space space, uint64_t address, int fd)
{
	uint64_t gpa = stand_in_place(space, address);

	if (stand_in.refuses_doorbells || stand_in.doorbell_count == STAND_IN_MAX)
		return -ENOSPC;
	for (unsigned int i = 0; i < stand_in.doorbell_count; i++)
		if (stand_in.doorbells[i].gpa == gpa)
			return -EEXIST;
	stand_in.doorbells[stand_in.doorbell_count].gpa = gpa;
	stand_in.doorbells[stand_in.doorbell_count++].fd = fd;
	return 0;
}

void doorbell_remove(struct vm *vm, enum doorbell_space space, uint64_t address, int fd)
{
	uint64_t gpa = stand_in_place(space, address);

	for (unsigned int i = 0; i < stand_in.doorbell_count; i++)
		if (stand_in.doorbells[i].gpa == gpa && stand_in.doorbells[i].fd == fd) {
			stand_in.doorbells[i] = stand_in.doorbells[--stand_in.doorbell_count];
			return;
		}
}

bool stand_in_ring(uint64_t gpa)
{
	const uint64_t one = 1;

	for (unsigned int i = 0; i < stand_in.doorbell_count; i++)
		if (stand_in.doorbells[i].gpa == gpa)
			return write(stand_in.doorbells[i].fd, &one, sizeof(one)) > 0;
	return false;
}
