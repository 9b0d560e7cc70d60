/* SPDX-License-Identifier: Apache-2.0 */
/* reset_vector.h - the only code of our firmware: what a reboot through the BIOS finds */
#ifndef VMM_RESET_VECTOR_H
#define VMM_RESET_VECTOR_H

#include "base/auto.h"
#include "vmm/gmem.h"

/* Writes it to its place, the last 16 bytes of the first MiB. */
CHECKED int reset_vector_write(struct gmem *gmem);

#endif
