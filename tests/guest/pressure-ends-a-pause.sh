#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest that rests for long between two passes looks again at once when the host becomes short of memory.
# That is when memory is wanted back; who only asks after each pass hears of it when the rest is over anyway.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
[ -r /proc/pressure/memory ] || skip "the kernel does not tell of pressure"
# shellcheck disable=SC2016 # it is the other shell's $0
bash -c 'printf "some 20000 2000000\0" >> "$0"' /proc/pressure/memory 2> /dev/null || skip "the kernel lets this user set no trigger"
guest_skip_without_kvm --dedup on

pause_ms=4500 # the shortest that shows anything
tight=
presser=

clean_up_more() {
	"$samepage" ps | awk 'NR > 1 { print $1 }' | xargs -r "$samepage" kill
	[ -z "$presser" ] || wait "$presser"
	[ -z "$tight" ] || rmdir "$tight"
}

# A group of processes that have to make do with little memory, by either version of cgroups.
tight_make() {
	local own version
	for version in memory ''; do
		own=$(awk -F : -v controllers="$version" '$2 == controllers { print $3 }' /proc/self/cgroup)
		[ -n "$own" ] || continue
		tight=$(awk -v controllers="$version" '$3 == (controllers == "" ? "cgroup2" : "cgroup") && \
			(controllers == "" || $4 ~ controllers) { print $2; exit }' /proc/mounts)$own/tight.$$
		mkdir "$tight" 2> /dev/null || continue
		if [ -z "$version" ]; then
			echo +memory > "${tight%/*}/cgroup.subtree_control" && echo 16M > "$tight/memory.high"
		else
			echo 16M > "$tight/memory.limit_in_bytes"
		fi 2> /dev/null && return
		rmdir "$tight"
	done
	tight=
	skip "no group of processes can be short of memory here"
}

# What is written to a file is memory until it is on the disk.
press() {
	(echo "$BASHPID" > "$tight/cgroup.procs" && timeout 10 head -c 400M /dev/zero > "$scratch/pressed") || true
	rm -f "$scratch/pressed"
}

stalled_us() {
	sed -n 's/^some .*total=//p' /proc/pressure/memory
}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

passes() {
	"$samepage" stats --json | jq '.guests[0].passes'
}

# Leaves in $passed_ms when that was.
pass_await() {
	local before end=$((SECONDS + 60))
	before=$(passes)
	while [ "$(passes)" = "$before" ]; do
		[ $SECONDS -lt $end ] || fail "no pass ends within a minute: $("$samepage" ps)"
		sleep 0.05
	done
	passed_ms=$(now_ms)
}

# Leaves in $pause how long the last one was, which is long.
pause_await() {
	local last
	pause=0
	while [ $pause -lt $pause_ms ]; do
		[ $SECONDS -lt $deadline ] || skip "passes cost so little here that pauses are $pause ms"
		last=${passed_ms:-$(now_ms)}
		pass_await
		pause=$((passed_ms - last))
	done
}

# Whether a pause with a host short of memory is shorter. Left alone, they only become longer.
pressure_shortens_it() {
	local stalled begin_ms=$passed_ms
	stalled=$(stalled_us)
	press &
	presser=$!
	pass_await
	took=$((passed_ms - begin_ms))
	wait $presser
	presser=
	stalled=$((($(stalled_us) - stalled) / 1000))
	say "behind a pause of $pause ms came one of $took ms; processes waited for memory for $stalled ms"
	[ $stalled -gt 100 ] || skip "nobody could be made to wait for memory"
	[ $took -lt $((pause * 3 / 4)) ]
}

# Nothing is tracked, so that passes are dear, and seldom; nobody has anything in common with it.
tight_make
head -c 256M /dev/urandom > "$scratch/image"
SAMEPAGE_PLAIN_KERNEL=1 "$samepage" run --ram-image "$scratch/image" --paused --name alone --detach
await 20 test "$(passes)" -ge 0 || fail "the guest does not report"

# On a machine with much other work it can take a while until anybody is short of memory.
deadline=$((SECONDS + 150))
shortened=
for attempt in 1 2 3 4 5; do
	pause_await
	if pressure_shortens_it; then
		shortened=1
		break
	fi
done
[ -n "$shortened" ] || fail "in $attempt attempts no pause was cut short"
