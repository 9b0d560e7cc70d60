#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# When a broker is killed its store's memory is free soon, whatever its guests have done with their pages.
# A store that one page pins would stay in memory until that guest ends, and no figure would say so.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup on

names=(a b)
domain=dead-broker-$$

# The process whose last word is the domain, which no other test's is.
broker_kill() {
	local process arguments
	for process in /proc/[0-9]*; do
		mapfile -d '' -t arguments 2> /dev/null < "$process/cmdline" || continue
		[[ ${#arguments[@]} -gt 2 && ${arguments[1]} == broker && ${arguments[-1]} == "$domain" ]] || continue
		kill -KILL "${process#/proc/}"
	done 2> /dev/null
}

clean_up_more() {
	broker_kill
}

# Device and inode of the stores that a guest maps: each is a file system of its own.
stores_of() { # name
	sed -n 's/^[^ ]* [^ ]* [^ ]* \([^ ]* [0-9]*\) .*samepage-store.*/\1/p' "/proc/${guest_pid[$1]}/maps" | sort -u
}

all_share() {
	"$samepage" stats --json > "$scratch/stats"
	jq -e --argjson guests ${#names[@]} '[.guests[] | select(.breaks_total >= 50 and .shared_bytes > 0)] | length == $guests' \
		"$scratch/stats" > /dev/null
}

no_guest_maps() { # store
	for name in "${names[@]}"; do
		! guest_is_gone "$name" || fail "$name ended: $(cat "$scratch/$name.console" "$scratch/$name.err")"
		! stores_of "$name" | grep -q -x -F -e "$1" || return 1
	done
}

for name in "${names[@]}"; do
	guest_start "$name" share "$name" --domain "$domain" --dedup-cpu 100
done
await 60 all_share || fail "nothing is shared and broken: $(cat "$scratch/stats")"
for round in 1 2 3; do
	mapfile -t stores < <(stores_of a)
	[ ${#stores[@]} = 1 ] || fail "round $round: not one store is mapped, but ${#stores[@]}"
	broker_kill
	await 60 no_guest_maps "${stores[0]}" || fail "round $round: the old store is still mapped: $(cat "$scratch/stats")"
	await 60 all_share || fail "round $round: nothing is shared any more"
	say "round $round: store ${stores[0]} is gone"
done
"$samepage" stats --json > "$scratch/stats"
jq -e '[.guests[].old_store_bytes] | add == 0' "$scratch/stats" > /dev/null || fail "the report says otherwise: $(cat "$scratch/stats")"
"$samepage" stop "${names[@]}" --timeout 60
for name in "${names[@]}"; do
	guest_ends_with "$name" 0
	guest_says "$name" '^OK' || fail "$name did not find what it wrote"
done
