#!/bin/bash
# With --on-panic pause a panicked guest stands still: its console and memory can be looked at until somebody ends it.
# A panic that nobody can look into is a panic that comes again.
. "$(dirname "$0")/lib.sh"

says_panic() {
	"$SAMEPAGE" console --log broken | grep -q -a 'Kernel panic - not syncing'
}

is_crashed() {
	[ "$(guest_stat broken state)" = crashed ]
}

guest_start broken panic --on-panic pause --console none --mem 96M
is_crashed_or_gone() {
	is_crashed || process_is_gone "${guest_pid[broken]}"
}
await $ready_seconds is_crashed_or_gone || lab_fault "broken did not panic within $ready_seconds seconds"
is_crashed || {
	guest_end broken
	[ "$status" != 4 ] || fail "broken ended at its panic"
	lab_fault "broken ended with $status"
}
says_panic || fail "the console does not tell of the panic"
timeout 60 "$SAMEPAGE" console --no-input broken > "$scratch/followed" &
follower=$!
"$SAMEPAGE" dump-ram broken "$scratch/broken.ram" || fail "its memory can't be dumped"
[ "$(stat -c %s "$scratch/broken.ram")" = $((96 << 20)) ] || fail "the dump is not as large as the memory"
grep -q -a 'Kernel panic - not syncing' "$scratch/broken.ram" || fail "the kernel's log is not in the dump"
! "$SAMEPAGE" resume broken 2> "$scratch/refused" || fail "there is nothing to resume"
grep -q crashed "$scratch/refused" || fail "the refusal does not say why: $(cat "$scratch/refused")"
is_crashed || fail "a dump ended the crash"
"$SAMEPAGE" kill broken
guest_ends_with broken 4
wait $follower || fail "the console's follower ended with $?"
grep -q -a 'Kernel panic' "$scratch/followed" || fail "the console's follower saw nothing"

guest_start again panic --on-panic restart
guest_ready again
twice() {
	[ "$(grep -c -a '^READY' "$scratch/again.console")" -ge 2 ]
}
await $ready_seconds twice || lab_fault "again did not start again within $ready_seconds seconds"
"$SAMEPAGE" kill again
guest_ends_with again 6
expect_nothing_left
