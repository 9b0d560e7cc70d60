#!/bin/bash
# A service manager hears when a guest, or all guests of a file, run; and when they end. Nobody else says so.
# A unit that counts as started too early lets others start too early.
. "$(dirname "$0")/lib.sh"

head -c 1M /dev/urandom > "$scratch/ram"
printf '[guest]\nname = one\nram-image = ram\npaused = on\n' > "$scratch/one.conf"
printf '[guest]\nname = many\ncount = 3\nram-image = ram\npaused = on\n' > "$scratch/many.conf"

expect() { # file words: the lines begin so
	local said=$1 line
	shift
	for line in "$@"; do
		IFS= read -r got <&3 || fail "it says no $line"
		[[ $got == $line* ]] || fail "it says '$got', not '$line'"
	done 3< "$said"
	[ "$(wc -l < "$said")" = $# ] || fail "it says more than that: $(cat "$said")"
}

notified() {
	"$build/tests/fleet/notified" "$@"
}

status=0
notified -t READY "$build/samepage" run --config "$scratch/one.conf" > "$scratch/said" || status=$?
[ $status = 6 ] || fail "a guest that is ended gives status $status"
expect "$scratch/said" 'READY=1|MAINPID=' 'STOPPING=1|'
status=0
notified -t READY "$build/samepage" run --config "$scratch/many.conf" > "$scratch/said" || status=$?
expect "$scratch/said" 'READY=1|MAINPID=' 'STOPPING=1|'
grep -q '3 guests run' "$scratch/said" || fail "it does not say how many run"
# A guest that does not start is not ready.
status=0
notified "$build/samepage" run --config "$scratch/one.conf" --ram-image /nowhere > "$scratch/said" 2> "$scratch/err" || status=$?
[ $status = 1 ] || fail "a guest that does not start gives status $status"
[ ! -s "$scratch/said" ] || fail "a guest that does not start says $(cat "$scratch/said")"
