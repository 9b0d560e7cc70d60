/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform.h - where the guest finds what has no bus of its own
 *
 * Plain numbers only: dsdt.asl includes this file, too, so that the devices and
 * the tables that describe them cannot drift apart.
 */
#ifndef VMM_PLATFORM_H
#define VMM_PLATFORM_H

#define PLATFORM_COM1_PORT 0x3f8
#define PLATFORM_COM1_IRQ  4

#define PLATFORM_RTC_PORT 0x70

#define PLATFORM_PVPANIC_PORT 0x505

/* Sleep control, sleep status, reset, power event: one byte each. */
#define PLATFORM_POWER_PORT	    0x600
#define PLATFORM_SLEEP_CONTROL_PORT 0x600
#define PLATFORM_SLEEP_STATUS_PORT  0x601
#define PLATFORM_RESET_PORT	    0x602
#define PLATFORM_EVENT_PORT	    0x603
#define PLATFORM_EVENT_IRQ	    5

#define PLATFORM_SLEEP_TYPE_OFF 5
#define PLATFORM_RESET_VALUE	1

/* PCI: ports of configuration mechanism 1; one bus of 4 KiB a function; room for BARs. */
#define PLATFORM_PCI_PORT	  0xcf8
#define PLATFORM_ECAM_ADDRESS	  0xe0000000
#define PLATFORM_ECAM_BYTES	  0x00100000
#define PLATFORM_PCI_WINDOW	  0xc0000000
#define PLATFORM_PCI_WINDOW_BYTES 0x10000000
#define PLATFORM_PCI_WINDOW_LAST  0xcfffffff
#define PLATFORM_PCI_PORTS	  0xc000
#define PLATFORM_PCI_PORTS_BYTES  0x2000
#define PLATFORM_PCI_PORTS_LAST	  0xdfff

#define PLATFORM_IOAPIC_ADDRESS 0xfec00000
#define PLATFORM_LAPIC_ADDRESS	0xfee00000

#endif
