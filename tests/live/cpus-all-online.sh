#!/bin/bash
# Guests with 2, 4 and 32 virtual processors bring all of them online.
# The kernel finds them through ACPI and wakes them by interrupts: a fault there costs processors silently.
# lab seconds: 70
. "$(dirname "$0")/lib.sh"

for cpus in 2 4 32; do
	guest_start cpus$cpus cpus,poweroff --dedup off --cpus $cpus --mem 256M
	guest_ready cpus$cpus
	guest_ends_with cpus$cpus 0
	grep -q "^CPUS $cpus\$" <(tr -d '\r' < "$scratch/cpus$cpus.console") ||
		fail "not $cpus: $(grep CPUS "$scratch/cpus$cpus.console")"
done
expect_nothing_left
