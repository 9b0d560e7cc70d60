#!/bin/bash
# What a guest puts into its balloon, or reports as free, is the host's again; and no page that the guest keeps is harmed.
# With and without sharing, while the guest rewrites and verifies its memory, and a page may be merged and given away at once.
# lab seconds: 200
. "$(dirname "$0")/lib.sh"

mib=1048576

figure() { # name key
	guest_stat "$1" "$2"
}
figure_is_at_least() { # name key bytes
	local now
	now=$(figure "$1" "$2")
	[ -n "$now" ] && [ "$now" != null ] && [ "$now" -ge "$3" ]
}
figure_is_below() { # name key bytes
	local now
	now=$(figure "$1" "$2")
	[ -n "$now" ] && [ "$now" -lt "$3" ]
}
pss_is_below() { # name bytes
	figure_is_below "$1" pss_bytes "$2"
}
tell() { # name
	say "$1: $(stats | jq -c --arg name "$1" '.guests[] | select(.name == $name) |
		{populated_bytes, shared_bytes, zero_bytes, pss_bytes, balloon_target_bytes, ballooned_bytes, reported_bytes}')"
}

# A guest that fills 60 percent of its memory, frees all of it, and goes on with 20 percent.
guest_fills() { # name dedup [words-before]
	guest_start "$1" "${3:-}pattern:6:60:1:2,pattern:20:20:1:1,idle" --mem 256M --dedup "$2" --dedup-cpu 50
	guest_ready "$1"
	guest_says "$1" '^PATTERN FILLED' 60 || fail "$1 did not fill its memory"
	await 30 figure_is_at_least "$1" pss_bytes $((128 * mib)) || fail "$1 uses less memory than it fills"
	tell "$1"
	guest_says "$1" '^PATTERN OK' 60 || fail "$1 did not come to an end with its memory"
}

did_its_work() { # name how-often
	[ "$(grep -a -c '^PATTERN OK' "$scratch/$1.console")" = "$2" ]
}

# It has written to its memory all the time, and read back what it wrote.
guest_is_well() { # name how-often
	await 120 did_its_work "$1" "$2" || fail "$1 did not do its work"
	! grep -a -e WRONG -e FAILED -e ENDED "$scratch/$1.console" || fail "$1 found a wrong byte"
	"$SAMEPAGE" stop "$1"
	guest_ends_with "$1" 0
}

reports() { # name dedup
	guest_fills "$1" "$2"
	await 60 figure_is_at_least "$1" reported_bytes $((64 * mib)) || fail "hardly anything is reported"
	await 60 pss_is_below "$1" $((128 * mib)) || fail "the reported memory does not come back"
	tell "$1"
	guest_is_well "$1" 2
}

balloon_is_empty() { # name
	[ "$(figure "$1" ballooned_bytes)" = 0 ]
}

inflates() { # name dedup
	local order=/sys/module/page_reporting/parameters/page_reporting_order before
	# Blocks larger than there are: from now on nothing is reported.
	guest_fills "$1" "$2" "write:64:$order,"
	before=$(figure "$1" reported_bytes)
	"$SAMEPAGE" balloon "$1" 120M
	await 60 figure_is_at_least "$1" ballooned_bytes $((100 * mib)) || fail "the balloon does not grow"
	await 60 pss_is_below "$1" $((128 * mib)) || fail "the balloon's memory does not come back"
	tell "$1"
	[ "$(figure "$1" reported_bytes)" = "$before" ] || fail "it came back by reports"
	[ "$(figure "$1" balloon_target_bytes)" = $((120 * mib)) ] || fail "the target is not the one that was set"
	"$SAMEPAGE" balloon "$1" | tee "$scratch/shown"
	grep -q '^usable ' "$scratch/shown" || fail "the guest says nothing of its memory"
	"$SAMEPAGE" balloon "$1" 256M
	await 60 balloon_is_empty "$1" || fail "the balloon does not shrink"
	guest_is_well "$1" 2
}

say "free page reporting"
reports reports on
say "balloon, with sharing"
inflates inflates-on on
say "balloon, without sharing"
inflates inflates-off off

# Pages that two guests share are freed, reported, put into the balloon and used anew, all at once.
say "pages that are shared"
for name in left right; do
	guest_start $name "$(pattern_rounds 6:40:1:3)" --dedup-cpu 50
done
guest_ready left right
sharing_has_been() {
	shared=$(stats | jq '[.guests[].shared_bytes] | add')
	[ "${shared:-0}" -gt $((4 * mib)) ]
}
await 60 sharing_has_been || fail "hardly anything is shared"
turns=4
for ((turn = 0; turn < turns; turn++)); do
	for size in 80M 128M; do
		for name in left right; do
			"$SAMEPAGE" balloon $name $size
		done
		sleep 1.5
	done
done
for size in 129M 15M; do
	! "$SAMEPAGE" balloon left $size 2> "$scratch/said" || fail "a target of $size was taken"
	grep -q "can keep 16 MiB to 128 MiB" "$scratch/said" || fail "it said: $(cat "$scratch/said")"
done
rounds_are_right 120 left right
"$SAMEPAGE" stop --timeout 120 left right || fail "they do not stop"
for name in left right; do
	guest_ends_with $name 0
done
say "$turns turns of both balloons, with $((shared / mib)) MiB shared at first"

say "a reboot"
has_booted_twice() { # name
	[ "$(grep -a -c '^READY' "$scratch/$1.console")" = 2 ]
}
guest_start again pattern:15:20,reboot
guest_ready again
"$SAMEPAGE" balloon again 100M
await 60 figure_is_at_least again ballooned_bytes $((28 * mib)) || fail "the balloon does not grow"
await 90 has_booted_twice again || fail "the guest does not boot again"
await 60 figure_is_at_least again ballooned_bytes $((28 * mib)) || fail "the target is forgotten"
"$SAMEPAGE" kill again
guest_end again

# A target that the guest can't meet: its balloon takes all that is free. Then a program takes 60 percent of
# its memory, and gets it from the balloon: nothing is killed.
say "a balloon that has taken too much"
guest_start squeezed scarce:12,pattern:8:4M:1:2,pattern:8:48M:1:2,show:/proc/vmstat,idle
guest_ready squeezed
"$SAMEPAGE" balloon squeezed 24M
guest_says squeezed '^SCARCE' 90 || fail "the balloon leaves memory free"
full=$(figure squeezed ballooned_bytes)
[ "$full" -gt $((32 * mib)) ] || fail "it is not the balloon that has it: $full"
await 90 figure_is_below squeezed ballooned_bytes $((full - 20 * mib)) || fail "the balloon keeps what the guest needs"
tell squeezed
guest_says squeezed '^oom_kill 0' 90 || fail "a program was killed"
guest_is_well squeezed 2

say "what can't be"
guest_start plain idle --balloon off
guest_ready plain
! "$SAMEPAGE" balloon plain 100M 2> "$scratch/said" || fail "a guest without a balloon was given a target"
grep -q "no driver for its balloon" "$scratch/said" || fail "it said: $(cat "$scratch/said")"
"$SAMEPAGE" kill plain
guest_end plain
expect_nothing_left
