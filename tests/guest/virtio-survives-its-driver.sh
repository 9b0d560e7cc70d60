#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A virtio device serves by polling and by interrupts, wherever its BAR is; driven wrongly it says so once, and a reset mends it.
# Unit tests show the registers and rings; this shows doorbells, messages and BARs through the kernel.
. "$(dirname "$0")/lib.sh"
guest_skip_without_kvm --dedup off

guest_start virtio virtio '' --dedup off
guest_ends_with virtio 0
! guest_says virtio WRONG || fail "an answer is wrong"
guest_says virtio '^OK$' || fail "the guest did not get to its end"
lines=$(grep -c 'drives it wrongly' "$scratch/virtio.err" || true)
[ "$lines" = 1 ] || fail "$lines lines about a device that was driven wrongly, not 1"
