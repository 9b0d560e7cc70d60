/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsdt.asl - the devices that a guest can only know from its firmware
 *
 * Hardware-reduced: there are no fixed power registers, so the power button is a
 * device whose events come through a Generic Event Device and its interrupt.
 * Processors are in the MADT alone.
 */
#include "platform.h"

DefinitionBlock ("dsdt.aml", "DSDT", 2, "SAMEPG", "SAMEPAGE", 1)
{
	Name (_S5, Package () { PLATFORM_SLEEP_TYPE_OFF, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PLATFORM_COM1_PORT, PLATFORM_COM1_PORT, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { PLATFORM_COM1_IRQ }
			})
		}

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PLATFORM_RTC_PORT, PLATFORM_RTC_PORT, 1, 2)
			})
		}

		Device (PANC)
		{
			Name (_HID, "QEMU0001")
			Name (_STA, 0x0f)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PLATFORM_PVPANIC_PORT, PLATFORM_PVPANIC_PORT, 1, 1)
			})
		}

		Device (PWRB)
		{
			Name (_HID, EisaId ("PNP0C0C"))
			Name (_STA, 0x0f)
		}

		Device (GED0)
		{
			Name (_HID, "ACPI0013")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { PLATFORM_EVENT_IRQ }
			})
			OperationRegion (EVTR, SystemIO, PLATFORM_EVENT_PORT, 1)
			Field (EVTR, ByteAcc, NoLock, WriteAsZeros)
			{
				EVNT, 8
			}
			/* Reading the event register takes the events out of it. */
			Method (_EVT, 1, Serialized)
			{
				Local0 = EVNT
				If (Local0 & 1)
				{
					Notify (PWRB, 0x80)
				}
			}
		}
	}
}
