/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi.c - the firmware tables with which a stock kernel finds its machine
 *
 * Layouts: ACPI specification 6.3, sections 5.2.5 (RSDP) to 5.2.12 (MADT). The
 * structs hold just the fields that are used, at their places; everything is
 * little-endian, as we are. The tables follow one another in one buffer, and
 * table_begin() and table_end() are the only ones to know headers and checksums.
 */
#include "vmm/acpi.h"

#include <assert.h>
#include <string.h>

#include "vmm/boot_layout.h"
#include "vmm/platform.h"
#include "vmm/vm.h"

#include "vmm/dsdt.hex"
#include "vmm/ssdt_pci.hex"

#define PACKED __attribute__((packed))

#define OEM_ID "SAMEPG"

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t full_checksum;
	uint8_t reserved[3];
} PACKED;

struct table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

/* Generic Address Structure */
struct address {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access;
	uint64_t address;
} PACKED;

#define SPACE_IO    1
#define ACCESS_BYTE 1

struct fadt {
	struct table_header header;
	uint8_t ignored1[109 - 36];
	uint16_t boot_flags; /* offset 109 */
	uint8_t reserved1;
	uint32_t flags; /* 112 */
	struct address reset_register;
	uint8_t reset_value; /* 128 */
	uint8_t ignored2[131 - 129];
	uint8_t minor_revision; /* 131 */
	uint64_t x_facs;
	uint64_t x_dsdt; /* 140 */
	uint8_t ignored3[244 - 148];
	struct address sleep_control; /* 244 */
	struct address sleep_status;
	char hypervisor[8]; /* 268 */
} PACKED;

_Static_assert(sizeof(struct fadt) == 276, "FADT of ACPI 6.3");
_Static_assert(sizeof(struct rsdp) == 36, "RSDP of ACPI 2 and later");

#define BOOT_NO_VGA (1u << 2)
/* not set: legacy devices, 8042, "no RTC" */

#define FADT_WBINVD	   (1u << 0)
#define FADT_NO_PWR_BUTTON (1u << 4) /* no fixed one: it is a device */
#define FADT_NO_SLP_BUTTON (1u << 5)
#define FADT_RESET_REG	   (1u << 10)
#define FADT_HW_REDUCED	   (1u << 20)

struct madt {
	struct table_header header;
	uint32_t lapic_address;
	uint32_t flags; /* bit 0, dual 8259: not set */
} PACKED;

struct madt_lapic {
	uint8_t type; /* 0 */
	uint8_t length;
	uint8_t processor;
	uint8_t apic_id;
	uint32_t flags; /* bit 0: enabled */
} PACKED;

struct madt_ioapic {
	uint8_t type; /* 1 */
	uint8_t length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} PACKED;

/* Non-maskable interrupts arrive at LINT1 of all processors. */
struct madt_lapic_nmi {
	uint8_t type; /* 4 */
	uint8_t length;
	uint8_t processor;
	uint16_t flags;
	uint8_t lint;
} PACKED;

struct mcfg {
	struct table_header header;
	uint8_t reserved[8];
	uint64_t address; /* of the bus below */
	uint16_t segment;
	uint8_t first_bus;
	uint8_t last_bus;
	uint8_t reserved2[4];
} PACKED;

_Static_assert(sizeof(struct mcfg) == 60, "MCFG with one segment, PCI Firmware 3.0");

struct builder {
	unsigned char *bytes;
	size_t used;
	uint64_t gpa; /* of bytes[0] */
	size_t table; /* where the table that is being made begins */
};

static void append(struct builder *builder, const void *bytes, size_t length)
{
	assert(length <= ACPI_MAX_BYTES - builder->used);
	memcpy(builder->bytes + builder->used, bytes, length);
	builder->used += length;
}

static uint8_t checksum(const unsigned char *bytes, size_t length)
{
	uint8_t sum = 0;

	while (length-- > 0)
		sum += *bytes++;
	return (uint8_t)-sum;
}

static struct table_header header_make(const char *signature, uint8_t revision)
{
	struct table_header header = { .revision = revision,
				       .oem_revision = 1,
				       .creator_revision = 1 };

	memcpy(header.signature, signature, sizeof(header.signature));
	memcpy(header.oem_id, OEM_ID, sizeof(header.oem_id));
	memcpy(header.oem_table_id, "SAMEPAGE", sizeof(header.oem_table_id));
	memcpy(header.creator_id, "SMPG", sizeof(header.creator_id));
	return header;
}

/* Appends the table's first part; header: its struct table_header, first in it. */
static void table_begin(struct builder *builder, const void *header, size_t length)
{
	builder->used = (builder->used + 15) & ~(size_t)15;
	builder->table = builder->used;
	append(builder, header, length);
}

/* Sets length and checksum; returns the table's address. */
static uint64_t table_end(struct builder *builder)
{
	unsigned char *bytes = builder->bytes + builder->table;
	uint32_t length = (uint32_t)(builder->used - builder->table);

	memcpy(bytes + offsetof(struct table_header, length), &length, sizeof(length));
	bytes[offsetof(struct table_header, checksum)] = 0;
	bytes[offsetof(struct table_header, checksum)] = checksum(bytes, length);
	return builder->gpa + builder->table;
}

static struct address io_register(uint16_t port)
{
	return (struct address){
		.space = SPACE_IO, .bit_width = 8, .access = ACCESS_BYTE, .address = port
	};
}

static uint64_t compiled_append(struct builder *builder, const unsigned char *code, size_t length)
{
	table_begin(builder, code, length);
	return table_end(builder);
}

static uint64_t fadt_append(struct builder *builder, uint64_t dsdt)
{
	struct fadt fadt = {
		.header = header_make("FACP", 6),
		.minor_revision = 3,
		.boot_flags = BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_NO_PWR_BUTTON | FADT_NO_SLP_BUTTON | FADT_RESET_REG |
			 FADT_HW_REDUCED,
		.reset_register = io_register(PLATFORM_RESET_PORT),
		.reset_value = PLATFORM_RESET_VALUE,
		.x_dsdt = dsdt,
		.sleep_control = io_register(PLATFORM_SLEEP_CONTROL_PORT),
		.sleep_status = io_register(PLATFORM_SLEEP_STATUS_PORT),
		.hypervisor = { 'S', 'A', 'M', 'E', 'P', 'A', 'G', 'E' },
	};

	table_begin(builder, &fadt, sizeof(fadt));
	return table_end(builder);
}

static uint64_t madt_append(struct builder *builder, unsigned int cpus)
{
	struct madt madt = {
		.header = header_make("APIC", 5),
		.lapic_address = PLATFORM_LAPIC_ADDRESS,
	};
	struct madt_ioapic ioapic = { .type = 1,
				      .length = sizeof(ioapic),
				      .address = PLATFORM_IOAPIC_ADDRESS };
	struct madt_lapic_nmi nmi = {
		.type = 4, .length = sizeof(nmi), .processor = 0xff, .lint = 1
	};

	table_begin(builder, &madt, sizeof(madt));
	for (unsigned int i = 0; i < cpus; i++) {
		struct madt_lapic lapic = { .length = sizeof(lapic),
					    .processor = (uint8_t)i,
					    .apic_id = (uint8_t)i,
					    .flags = 1 };

		append(builder, &lapic, sizeof(lapic));
	}
	append(builder, &ioapic, sizeof(ioapic));
	append(builder, &nmi, sizeof(nmi));
	return table_end(builder);
}

static uint64_t mcfg_append(struct builder *builder)
{
	struct mcfg mcfg = {
		.header = header_make("MCFG", 1),
		.address = PLATFORM_ECAM_ADDRESS,
		.last_bus = PLATFORM_ECAM_BYTES / 0x100000 - 1,
	};

	table_begin(builder, &mcfg, sizeof(mcfg));
	return table_end(builder);
}

#define MAX_TABLES 4 /* in the XSDT: all but the DSDT */

static uint64_t xsdt_append(struct builder *builder, const uint64_t *tables, size_t count)
{
	struct table_header header = header_make("XSDT", 1);

	table_begin(builder, &header, sizeof(header));
	append(builder, tables, count * sizeof(*tables));
	return table_end(builder);
}

static struct rsdp rsdp_make(uint64_t xsdt)
{
	struct rsdp rsdp = { .revision = 2, .length = sizeof(rsdp), .xsdt = xsdt };

	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.oem_id, OEM_ID, sizeof(rsdp.oem_id));
	rsdp.checksum = checksum((const unsigned char *)&rsdp, 20);
	rsdp.full_checksum = checksum((const unsigned char *)&rsdp, sizeof(rsdp));
	return rsdp;
}

size_t acpi_build(const struct acpi_config *config, uint64_t gpa,
		  unsigned char ret_bytes[ACPI_MAX_BYTES])
{
	struct builder builder = { .bytes = ret_bytes, .gpa = gpa, .used = sizeof(struct rsdp) };
	uint64_t tables[MAX_TABLES], dsdt;
	size_t count = 0;
	struct rsdp rsdp;

	assert(config->cpus >= 1 && config->cpus <= VM_MAX_CPUS);
	memset(ret_bytes, 0, ACPI_MAX_BYTES);
	dsdt = compiled_append(&builder, dsdt_aml_code, sizeof(dsdt_aml_code));
	tables[count++] = fadt_append(&builder, dsdt);
	tables[count++] = madt_append(&builder, config->cpus);
	if (config->has_pci) {
		tables[count++] =
			compiled_append(&builder, ssdt_pci_aml_code, sizeof(ssdt_pci_aml_code));
		tables[count++] = mcfg_append(&builder);
	}
	rsdp = rsdp_make(xsdt_append(&builder, tables, count));
	memcpy(ret_bytes, &rsdp, sizeof(rsdp));
	return builder.used;
}

int acpi_write(struct gmem *gmem, const struct acpi_config *config, uint64_t *ret_rsdp)
{
	unsigned char bytes[ACPI_MAX_BYTES];
	size_t length = acpi_build(config, LAYOUT_ACPI, bytes);
	int rc = gmem_write(gmem, LAYOUT_ACPI, bytes, length);

	if (rc < 0)
		return rc;
	*ret_rsdp = LAYOUT_ACPI;
	return 0;
}
