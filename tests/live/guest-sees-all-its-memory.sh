#!/bin/bash
# Guests whose memory ends below, at and above the 32-bit hole find all of it, and every byte at its edges is right; a small one boots.
# Memory above 4 GiB is another range of another memory map entry: easy to lose, and easy to share or to read a disk into at a wrong offset.
# lab seconds: 90
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

# The guest keeps its hands off all memory but that at the edges, which then sees its use.
truncate -s 32M "$scratch/raw"
much_is_merged() { # name
	[ "$(guest_stat "$1" merges_total)" -gt 1000 ]
}

edges_are_right() { # name size memmap mib-of-a-block...
	local name=$1 block said
	GUEST_CMDLINE=$3 guest_start "$name" "disk:verify:vda:4,$(pattern_rounds 10:75:2:4)" --mem "$2" \
		--dedup-cpu 50 --disk "$scratch/raw"
	shift 3
	guest_ready "$name"
	await 240 much_is_merged "$name" || fail "$name: hardly anything was merged: $(guest_stat "$name" merges_total) pages"
	rounds_are_right 300 "$name"
	grep -a -q '^DISK .* RIGHT' "$scratch/$name.console" || fail "$name: its disk is wrong"
	said=$(grep -a ' LIES IN' "$scratch/$name.console" | tr -d '\r')
	say "$name: $said"
	for block in "$@"; do
		grep -q "^PATTERN.* $block\b" <<< "$said" || fail "$name: nothing was written at $block MiB"
	done
	grep -q -E "^DISK.* (${*: -1}|${*: -2:1})\b" <<< "$said" || fail "$name: no disk was read to the last edges"
	"$SAMEPAGE" stop --timeout 120 "$name" || fail "$name does not stop"
	guest_ends_with "$name" 0
}
# shellcheck disable=SC2016 # that is how Linux writes it: what is reserved, and from where on
edges_are_right edge3 3G 'memmap=2880M$128M' 64 3008
# shellcheck disable=SC2016
edges_are_right edges6 6G 'memmap=2880M$128M memmap=2944M$4160M' 3008 4096 7104
expect_nothing_left
