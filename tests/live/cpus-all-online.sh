#!/bin/bash
# Guests with 2 and with 4 virtual processors bring all of them online.
# The kernel finds them through ACPI and wakes them by interrupts: a fault there costs processors silently.
. "$(dirname "$0")/lib.sh"

guest_start two cpus,poweroff --dedup off --cpus 2
guest_ready two
guest_ends_with two 0
guest_start four cpus,poweroff --dedup off --cpus 4
guest_ready four
guest_ends_with four 0
grep -q '^CPUS 2' "$scratch/two.console" || fail "not 2: $(grep CPUS "$scratch/two.console")"
grep -q '^CPUS 4' "$scratch/four.console" || fail "not 4: $(grep CPUS "$scratch/four.console")"
expect_nothing_left
