#!/bin/bash
# However early or late samepage up is interrupted, what it says it has started runs, and nothing else does.
# A half-started guest would hold its name, and its memory, and answer to nobody.
. "$(dirname "$0")/lib.sh"

head -c 64K /dev/urandom > "$scratch/shop.ram"
printf '[guest]\nname = web\ncount = 60\nram-image = shop.ram\npaused = on\n' > "$scratch/shop.conf"
interrupted=0

only_guests_are_left() { # started
	[ "$(ours | wc -l)" -le $(($1 + 1)) ] # and their broker
}

for delay in 0.00 0.01 0.02 0.03 0.05 0.07 0.10 0.20; do
	: > "$scratch/up" # the signal may come before its shell opens it
	"$build/samepage" up --parallel 2 "$scratch/shop.conf" > "$scratch/up" 2> "$scratch/said" &
	up=$!
	sleep "$delay" # the moment is the test
	kill -INT $up 2> /dev/null || true
	status=0
	wait $up || status=$?
	started=$(grep -c ': started (' "$scratch/up" || true)
	[ "$(running)" = "$started" ] || fail "after $delay s $(running) run, and $started are said to"
	await 10 only_guests_are_left "$started" || fail "after $delay s starters are left"
	[ $status -ne 1 ] || interrupted=$((interrupted + 1))
	samepage up "$scratch/shop.conf" > "$scratch/up" || fail "the next up does not go on from there"
	[ "$(running)" = 60 ] || fail "the next up starts not all"
	samepage down --timeout 0 "$scratch/shop.conf" > /dev/null
	[ -z "$(find "$SAMEPAGE_RUNDIR" ! -type d)" ] || fail "something is left behind"
done
[ $interrupted -gt 0 ] || fail "no moment was early enough"
