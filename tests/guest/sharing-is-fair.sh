#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Three calm guests share as soon, beside one that rewrites all of its memory all the time, as they do without it.
# A domain is for guests that do not know each other's load: the loudest must not have the broker to itself.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup on

calm_pages=1024
passes_more=4 # that a guest may need beside a noisy one
seconds=10    # for which the broker is watched
# Of a processor, that it may use then.  It would let one process have 25 (broker/guest.c), but pages
# that always change should not even come before it (dedup/due.c).
percent=5

guests_run() {
	local name
	for name in "${!guest_pid[@]}"; do
		! guest_is_gone "$name" || fail "$name ended: $(cat "$scratch/$name.console" "$scratch/$name.err")"
	done
}

# All but a tenth, since the guest's own code and stack are elsewhere, and a pass may be under way.
calm_share() { # prefix
	guests_run
	"$samepage" stats --json > "$scratch/stats"
	jq -e --arg prefix "$1" --argjson bytes $((calm_pages * 4096 * 9 / 10)) '[.guests[]
		| select((.name | startswith($prefix)) and .shared_bytes >= $bytes)] | length == 3' "$scratch/stats" > /dev/null
}

# Leaves in $passes how many the slowest of them needed.
calm_passes() { # prefix
	local number
	for number in 1 2 3; do
		guest_start "$1$number" noise calm --domain "$1"
	done
	await 90 calm_share "$1" || fail "calm guests do not share: $(cat "$scratch/stats")"
	passes=$(jq --arg prefix "$1" '[.guests[] | select(.name | startswith($prefix)) | .passes] | max' "$scratch/stats")
}

figure_of_noise() { # figure
	"$samepage" stats --json | jq "[.guests[] | select(.name == \"noise\") | .$1] | add // 0"
}

noise_is_looked_at() {
	guests_run
	[ "$(figure_of_noise passes)" -gt 5 ]
}

broker_seconds() {
	"$samepage" stats --json | jq '.domains[] | select(.name == "loud") | .broker_cpu_seconds'
}

calm_passes quiet
alone=$passes
say "alone: $alone passes"
"$samepage" kill quiet1 quiet2 quiet3
for number in 1 2 3; do
	guest_end "quiet$number"
done

# At the highest pace, and without tracking, which would leave it alone from the start.
guest_start noise noise noisy --domain loud --dedup-cpu 100 --hugepages thp
await 90 noise_is_looked_at || fail "nobody looks at the noisy guest"
calm_passes loud
say "beside a noisy guest: $passes passes"
[ "$passes" -le $((alone + passes_more)) ] || fail "calm guests need $passes passes beside a noisy one, $alone alone"

before=$(broker_seconds) looks=$(figure_of_noise passes)
sleep $seconds # an interval, not an event
after=$(broker_seconds)
say "the broker used $(jq -n "100 * ($after - $before) / $seconds | round")% of a processor" \
	"during $(($(figure_of_noise passes) - looks)) passes over the noisy guest"
jq -n -e "($after - $before) * 100 <= $seconds * $percent" > /dev/null ||
	fail "the broker used $before to $after s of processor time in $seconds s"
calm_share loud || fail "calm guests do not share any more: $(cat "$scratch/stats")"
"$samepage" stop noise loud1 loud2 loud3 --timeout 60
for name in noise loud1 loud2 loud3; do
	guest_ends_with "$name" 0
	guest_says "$name" '^OK' || fail "$name did not find what it wrote"
done
