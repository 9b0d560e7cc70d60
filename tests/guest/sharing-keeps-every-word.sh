#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Guests that rewrite pages while these are shared and broken find in each of them what they wrote.
# Sharing that loses one store of a guest would be worse than none.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup on

names=(a b c)
least=100 # merges and breaks of each guest

# Each of them, so that one guest alone can't stand for all.
all_have_merged_and_broken() {
	for name in "${names[@]}"; do
		! guest_is_gone "$name" || fail "$name ended: $(cat "$scratch/$name.console" "$scratch/$name.err")"
	done
	"$samepage" stats --json > "$scratch/stats"
	jq -e --argjson least $least --argjson guests ${#names[@]} '[.guests[]
		| select(.merges_total >= $least and .breaks_total >= $least)] | length == $guests' \
		"$scratch/stats" > /dev/null
}

for name in "${names[@]}"; do
	guest_start "$name" share "$name" --domain tiny --dedup-cpu 100
done
await 60 all_have_merged_and_broken || fail "pages are not merged and broken: $(cat "$scratch/stats")"
jq -r '.guests[] | "\(.name): \(.merges_total) merges, \(.breaks_total) breaks, \(.shared_bytes) bytes shared"' \
	"$scratch/stats"
jq -e '.domains[0] | .shared_mappings > .frames' "$scratch/stats" > /dev/null ||
	fail "no two pages are one frame: $(cat "$scratch/stats")"
"$samepage" stop "${names[@]}" --timeout 60
for name in "${names[@]}"; do
	guest_ends_with "$name" 0
	! guest_says "$name" WRONG || fail "$name has what it must not have: $(cat "$scratch/$name.console")"
	guest_says "$name" '^OK' || fail "$name did not find what it wrote"
done
