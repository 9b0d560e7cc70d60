/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msi.c - interrupts that are messages, and doorbells that are descriptors
 *
 * Masking takes the eventfd away from KVM. Whoever signals does not notice: the
 * eventfd counts. So the pending bit is the eventfd itself. When KVM gets it back, what
 * was pending is signalled anew: KVM would also deliver what it finds there, but leave
 * it standing, so that it would be pending again at the next masking.
 */
#include "vmm/msi.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "vmm/vm_exit.h"

struct msi {
	struct vm *vm;
	uint32_t gsi;
	int fd;
	bool has_message;
	bool is_unmasked; /* KVM has the eventfd */
};

int msi_create(struct vm *vm, struct msi **ret_msi)
{
	struct msi *msi = calloc(1, sizeof(*msi));
	int rc;

	if (!msi)
		return -ENOMEM;
	msi->vm = vm;
	msi->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = msi->fd < 0 ? -errno : irq_routes_alloc(vm_irq_routes(vm), &msi->gsi);
	if (rc < 0) {
		auto_close(&msi->fd);
		free(msi);
		return rc;
	}
	*ret_msi = msi;
	return 0;
}

void msi_free(struct msi *msi)
{
	if (!msi)
		return;
	msi_mask(msi);
	irq_routes_release(vm_irq_routes(msi->vm), msi->gsi);
	close(msi->fd);
	free(msi);
}

int msi_fd(const struct msi *msi)
{
	return msi->fd;
}

void msi_signal(struct msi *msi)
{
	uint64_t one = 1;

	if (write(msi->fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: signalled already */
}

static int irqfd_set(const struct msi *msi, uint32_t flags)
{
	struct kvm_irqfd irqfd = { .fd = (__u32)msi->fd, .gsi = msi->gsi, .flags = flags };

	return ioctl(vm_fd(msi->vm), KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

int msi_set_message(struct msi *msi, uint64_t address, uint32_t value)
{
	int rc = irq_routes_set_message(vm_irq_routes(msi->vm), msi->gsi, address, value);

	if (rc == 0)
		msi->has_message = true;
	return rc;
}

int msi_unmask(struct msi *msi)
{
	uint64_t count;
	bool was_pending;
	int rc;

	if (msi->is_unmasked)
		return 0;
	if (!msi->has_message)
		return -EINVAL;
	was_pending = read(msi->fd, &count, sizeof(count)) > 0;
	rc = irqfd_set(msi, 0);
	msi->is_unmasked = rc == 0;
	if (was_pending)
		msi_signal(msi);
	return rc;
}

void msi_mask(struct msi *msi)
{
	if (msi->is_unmasked)
		(void)irqfd_set(msi, KVM_IRQFD_FLAG_DEASSIGN); /* it was assigned */
	msi->is_unmasked = false;
}

bool msi_is_pending(const struct msi *msi)
{
	struct pollfd fd = { .fd = msi->fd, .events = POLLIN };

	return !msi->is_unmasked && poll(&fd, 1, 0) > 0;
}

static int ioeventfd_set(struct vm *vm, enum doorbell_space space, uint64_t address, int fd,
			 uint32_t flags)
{
	/* length 0: writes of any width, which KVM also finds fastest */
	struct kvm_ioeventfd doorbell = { .addr = address, .len = 0, .fd = fd, .flags = flags };

	if (space == DOORBELL_PORT)
		doorbell.flags |= KVM_IOEVENTFD_FLAG_PIO;
	return ioctl(vm_fd(vm), KVM_IOEVENTFD, &doorbell) < 0 ? -errno : 0;
}

int doorbell_add(struct vm *vm, enum doorbell_space space, uint64_t address, int fd)
{
	return ioeventfd_set(vm, space, address, fd, 0);
}

void doorbell_remove(struct vm *vm, enum doorbell_space space, uint64_t address, int fd)
{
	/* it was assigned */
	(void)ioeventfd_set(vm, space, address, fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}
