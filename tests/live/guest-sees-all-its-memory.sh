#!/bin/bash
# Guests whose memory ends below, at and above the 32-bit hole find all of it; a small one boots too.
# Memory above 4 GiB is another range of another memory map entry: easy to lose.
. "$(dirname "$0")/lib.sh"

for size in 3 4 6; do
	guest_start mem$size memory,poweroff --dedup off --mem ${size}G
	guest_ready mem$size
	guest_ends_with mem$size 0
	found=$(sed -n 's/^MEMORY \([0-9]*\).*/\1/p' "$scratch/mem$size.console")
	[ "$found" -gt $((size * 950 * 1024)) ] || fail "the guest found $found kB of its $size GiB"
done
guest_start small memory,poweroff --dedup off --mem 96M
guest_ready small
guest_ends_with small 0
expect_nothing_left
