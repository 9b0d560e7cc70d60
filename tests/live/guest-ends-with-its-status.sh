#!/bin/bash
# How a guest ends is samepage's exit status: powered off, rebooted, panicked, triple fault.
# Whoever supervises guests decides by it what to do next, and must not parse logs.
. "$(dirname "$0")/lib.sh"

guest_start off poweroff
guest_start reboot reboot --on-reboot exit
guest_ready off reboot
guest_ends_with off 0
guest_ends_with reboot 3
GUEST_CMDLINE=reboot=t guest_start fault reboot
guest_start panic panic
guest_ready fault panic
guest_ends_with panic 4
guest_ends_with fault 5
expect_nothing_left
