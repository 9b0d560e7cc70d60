#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How a guest ends is the command's status: power off, reset, panic, triple fault.
# The registers are written as the firmware tables say it, by a guest that has nothing else.
. "$(dirname "$0")/lib.sh"
guest_skip_without_kvm --dedup off

expect_end() { # word status [option...]
	guest_start "$1" ends "$1" --dedup off "${@:3}"
	guest_ends_with "$1" "$2"
	guest_says "$1" '^READY$' || fail "$1 did not say READY"
	! guest_says "$1" WRONG || fail "$1 went on"
}
expect_end off 0
expect_end reset 3 --on-reboot exit
expect_end panic 4
expect_end fault 5
