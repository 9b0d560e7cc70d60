#!/bin/bash
# A guest whose memory spans the 32-bit hole finds all of it; a small one boots too.
# Memory above 4 GiB is another range of another memory map entry: easy to lose.
. "$(dirname "$0")/lib.sh"

guest_start large memory,poweroff --dedup off --mem 5G
guest_start small memory,poweroff --dedup off --mem 96M
guest_ready large small
guest_ends_with large 0
guest_ends_with small 0
large=$(sed -n 's/^MEMORY \([0-9]*\).*/\1/p' "$scratch/large.console")
[ "$large" -gt $((4700 * 1024)) ] || fail "the guest found $large kB of its 5 GiB"
expect_nothing_left
