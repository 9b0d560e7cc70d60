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

# A guest that works and does not rest keeps its place, and those behind it wait; a signal ends that at once.
printf '[guest]\nname = busy\ncount = 3\nkernel = %s\ncmdline = noisy\nmem = 16M\ndedup = off\n' \
	"$build/tests/guest/noise.elf" > "$scratch/busy.conf"
: > "$scratch/up"
"$build/samepage" up --parallel 1 "$scratch/busy.conf" > "$scratch/up" &
up=$!
await 20 grep -q '^busy-1: started' "$scratch/up" || fail "busy-1 was not started"
sleep 1 # within which the others would have been started
[ "$(grep -c ': started (' "$scratch/up")" = 1 ] || fail "others are started while busy-1 boots: $(cat "$scratch/up")"
kill -INT $up
status=0
wait $up || status=$?
[ $status = 1 ] || fail "up ends with $status, not with 1"
grep -q '^1 started .* 2 not started; interrupted$' "$scratch/up" || fail "the summary is wrong: $(cat "$scratch/up")"
[ -n "$(pid_of busy-1)" ] || fail "busy-1 ended with what had started it"
for descriptor in "/proc/$(pid_of busy-1)/fd"/*; do
	[[ $(readlink "$descriptor") != *pidfd* ]] || fail "a guest holds another process"
done
samepage down --timeout 0 "$scratch/busy.conf" > /dev/null
