#!/bin/bash
# Guests that rewrite and verify most of their memory while it is merged at full speed never read a wrong byte.
# Neither when a guest that shares with them is killed, nor when their broker is: what is mapped must live on.
# runs on: every kernel
# lab seconds: 140
. "$(dirname "$0")/lib.sh"

# First that the witness is not blind.
guest_start witness pattern-spoilt,poweroff
guest_ready witness
guest_says witness '^PATTERN WRONG' 60 || fail "the program does not notice a wrong byte"
guest_end witness

# Each comes up with the others paused, since emulated processors are few.
merging_seconds=30
guest_start victim "$(pattern_rounds 45:60:2)" --dedup-cpu 100
guest_ready victim
"$SAMEPAGE" pause victim
guest_start first "$(pattern_rounds 45:60:3)" --cpus 2 --dedup-cpu 100
guest_ready first
"$SAMEPAGE" pause first
guest_start second "$(pattern_rounds 45:60:2)" --dedup-cpu 100
guest_ready second
"$SAMEPAGE" resume victim
"$SAMEPAGE" resume first
for name in first second victim; do
	guest_says "$name" '^PATTERN FILLED' 90 || fail "$name did not fill its memory"
done
say "all three are writing"

nothing_is_wrong() {
	! grep -a -h '^PATTERN WRONG' "$scratch"/{first,second,victim}.console
}
# Over all guests, also those that have ended; one that is too busy to answer counts with
# what it said last. Sets $total.
declare -A said=()
total_of() { # figure
	local name value
	while read -r name value; do
		said[$1.$name]=$value
	done < <(stats | jq -r ".guests[] | \"\(.name) \(.$1)\"")
	total=0
	for name in "${!said[@]}"; do
		[[ $name != "$1".* ]] || total=$((total + said[$name]))
	done
}
total_of breaks_total
breaks=$total
total_of merges_total
merges=$total
start=$SECONDS
merges_have_grown() {
	nothing_is_wrong || fail "a guest read a wrong byte"
	total_of merges_total
	[ $total -gt "$1" ]
}
while [ $((SECONDS - start)) -lt $merging_seconds ]; do
	now=$total
	await 40 merges_have_grown "$now" || fail "merging stands still at $now merges"
done
now=$total
total_of breaks_total
say "$((now - merges)) merges and $((total - breaks)) breaks in $merging_seconds s"
stats | jq -c .
much_is_shared() {
	total_of shared_bytes
	[ $total -gt $((8 << 20)) ]
}
await 60 much_is_shared || fail "hardly anything is shared"

say "killing one guest"
kill -KILL "${guest_pid[victim]}"
guest_end victim
total_of merges_total
now=$total
await 40 merges_have_grown "$now" || fail "merging stopped when a guest was killed"

broker=$(broker_pid "$domain")
[ -n "$broker" ] || fail "found no broker of $domain"
say "killing the broker, process $broker"
kill -KILL "$broker"
there_is_another() {
	local now
	now=$(broker_pid "$domain")
	[ -n "$now" ] && [ "$now" != "$broker" ]
}
await 60 there_is_another || fail "no new broker came"
total_of merges_total
now=$total
await 40 merges_have_grown "$now" || fail "merging did not start again with the new broker"

rounds_are_right 180 first second
"$SAMEPAGE" stop --timeout 120 first second || fail "they do not stop"
for name in first second; do
	say "$name: $(grep -a '^PATTERN OK' "$scratch/$name.console" | tr -d '\r')"
	guest_ends_with "$name" 0
done
expect_nothing_left
