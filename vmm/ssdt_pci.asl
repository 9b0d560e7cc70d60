/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssdt_pci.asl - the PCI root, for guests that have devices on it
 *
 * One bus. Its configuration space is where the MCFG table says; PNP0C02 keeps that
 * memory from being used for anything else. There is no _PRT: interrupts are MSI-X.
 */
#include "platform.h"

DefinitionBlock ("ssdt_pci.aml", "SSDT", 2, "SAMEPG", "SAMEPCI", 1)
{
	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_SEG, 0)
			Name (_BBN, 0)
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, PLATFORM_PCI_PORT, PLATFORM_PCI_PORT, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, PLATFORM_PCI_PORTS, PLATFORM_PCI_PORTS_LAST, 0,
					PLATFORM_PCI_PORTS_BYTES)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, PLATFORM_PCI_WINDOW, PLATFORM_PCI_WINDOW_LAST, 0,
					PLATFORM_PCI_WINDOW_BYTES)
			})
			/* All that the operating system asks for it may have: nobody else is here. */
			Method (_OSC, 4)
			{
				Return (Arg3)
			}
		}

		Device (ECAM)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, PLATFORM_ECAM_ADDRESS, PLATFORM_ECAM_BYTES)
			})
		}
	}
}
