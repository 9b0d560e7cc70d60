/* SPDX-License-Identifier: Apache-2.0 */
/* msix.c - the interrupts of a PCI function: a table of messages in one of its BARs */
#include "devices/msix.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/msi.h"

/* As the guest sees it; little-endian, as we are. */
struct entry {
	uint32_t address_low;
	uint32_t address_high;
	uint32_t value;
	uint32_t control; /* bit 0: masked */
};

_Static_assert(sizeof(struct entry) == MSIX_ENTRY_BYTES, "an entry of the table");

struct msix {
	struct pci_function *function; /* borrowed */
	uint8_t capability;
	unsigned int vectors;
	struct msi *msis[MSIX_MAX_VECTORS];

	pthread_mutex_t lock; /* protects what follows; after the bus's */
	bool is_enabled;
	bool is_masked; /* as a whole */
	struct entry entries[MSIX_MAX_VECTORS];
	struct entry live[MSIX_MAX_VECTORS]; /* the messages that KVM has */
};

/* Brings KVM to what the table says. */
static void vector_apply(struct msix *msix, unsigned int vector)
{
	const struct entry *entry = &msix->entries[vector];
	struct msi *msi = msix->msis[vector];
	int rc = 0;

	if (!msix->is_enabled || msix->is_masked ||
	    (entry->control & PCI_MSIX_ENTRY_CTRL_MASKBIT)) {
		msi_mask(msi);
		return;
	}
	if (memcmp(entry, &msix->live[vector], offsetof(struct entry, control)) != 0) {
		rc = msi_set_message(msi, (uint64_t)entry->address_high << 32 | entry->address_low,
				     entry->value);
		if (rc == 0)
			msix->live[vector] = *entry;
	}
	if (rc == 0)
		rc = msi_unmask(msi);
	if (rc < 0)
		log_debug("interrupt %u of a PCI function: %d", vector, rc);
}

uint64_t msix_table_read(struct msix *msix, uint32_t offset, unsigned int size)
{
	const unsigned char *table = (const unsigned char *)msix->entries;
	uint64_t value = 0;

	if (offset > msix->vectors * MSIX_ENTRY_BYTES - size)
		return 0;
	pthread_mutex_lock(&msix->lock);
	memcpy(&value, table + offset, size);
	pthread_mutex_unlock(&msix->lock);
	return value;
}

void msix_table_write(struct msix *msix, uint32_t offset, uint64_t value, unsigned int size)
{
	unsigned char *table = (unsigned char *)msix->entries;

	/* whole words, aligned, as the specification has it; others change nothing */
	if ((size != 4 && size != 8) || offset % size != 0 ||
	    offset > msix->vectors * MSIX_ENTRY_BYTES - size)
		return;
	pthread_mutex_lock(&msix->lock);
	memcpy(table + offset, &value, size);
	vector_apply(msix, offset / MSIX_ENTRY_BYTES);
	pthread_mutex_unlock(&msix->lock);
}

uint64_t msix_pending_read(struct msix *msix, uint32_t offset, unsigned int size)
{
	uint64_t value = 0;

	pthread_mutex_lock(&msix->lock);
	for (unsigned int bit = 0; bit < 8 * size; bit++) {
		uint64_t vector = (uint64_t)offset * 8 + bit;

		if (vector < msix->vectors && msi_is_pending(msix->msis[vector]))
			value |= UINT64_C(1) << bit;
	}
	pthread_mutex_unlock(&msix->lock);
	return value;
}

void msix_config_written(struct msix *msix)
{
	uint32_t flags =
		pci_config_get(msix->function, msix->capability + (unsigned int)PCI_MSIX_FLAGS, 2);
	bool is_enabled = flags & PCI_MSIX_FLAGS_ENABLE, is_masked = flags & PCI_MSIX_FLAGS_MASKALL;

	pthread_mutex_lock(&msix->lock);
	if (is_enabled != msix->is_enabled || is_masked != msix->is_masked) {
		msix->is_enabled = is_enabled;
		msix->is_masked = is_masked;
		for (unsigned int i = 0; i < msix->vectors; i++)
			vector_apply(msix, i);
	}
	pthread_mutex_unlock(&msix->lock);
}

unsigned int msix_vectors(const struct msix *msix)
{
	return msix->vectors;
}

void msix_signal(struct msix *msix, unsigned int vector)
{
	if (vector < msix->vectors)
		msi_signal(msix->msis[vector]);
}

int msix_fd(const struct msix *msix, unsigned int vector)
{
	return vector < msix->vectors ? msi_fd(msix->msis[vector]) : -1;
}

static void capability_add(struct msix *msix, unsigned int bar, uint32_t table_offset,
			   uint32_t pending_offset)
{
	struct pci_function *function = msix->function;
	unsigned int at;

	msix->capability = pci_add_capability(function, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	at = msix->capability;
	pci_config_set(function, at + PCI_MSIX_FLAGS, 2, msix->vectors - 1);
	pci_config_set(function, at + PCI_MSIX_TABLE, 4, table_offset | bar);
	pci_config_set(function, at + PCI_MSIX_PBA, 4, pending_offset | bar);
	function->writable[at + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
}

int msix_create(struct vm *vm, struct pci_function *function, unsigned int vectors,
		unsigned int bar, uint32_t table_offset, uint32_t pending_offset,
		struct msix **ret_msix)
{
	struct msix *msix = calloc(1, sizeof(*msix));
	int rc = 0;

	assert(vectors >= 1 && vectors <= MSIX_MAX_VECTORS);
	if (!msix)
		return -ENOMEM;
	msix->function = function;
	pthread_mutex_init(&msix->lock, NULL);
	while (rc == 0 && msix->vectors < vectors) {
		rc = msi_create(vm, &msix->msis[msix->vectors]);
		if (rc == 0)
			msix->entries[msix->vectors++].control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	if (rc < 0) {
		msix_free(msix);
		return rc;
	}
	capability_add(msix, bar, table_offset, pending_offset);
	*ret_msix = msix;
	return 0;
}

void msix_free(struct msix *msix)
{
	if (!msix)
		return;
	for (unsigned int i = 0; i < msix->vectors; i++)
		msi_free(msix->msis[i]);
	pthread_mutex_destroy(&msix->lock);
	free(msix);
}
