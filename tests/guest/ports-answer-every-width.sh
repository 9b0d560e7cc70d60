#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What nobody owns reads as ones, registers answer at any width, and no access ends the machine.
# Unit tests show it for the bus; this shows what the kernel makes of a guest's accesses on their way there.
. "$(dirname "$0")/lib.sh"
guest_skip_without_kvm --dedup off

guest_start ports ports '' --dedup off
guest_ends_with ports 0
! guest_says ports WRONG || fail "an answer is wrong"
guest_says ports '^OK$' || fail "the guest did not get to its end"
