#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest that gives memory away and reboots goes on to do so while its broker hangs.
# Only the thread that talks to the broker gives memory back: waited for, a broker that hangs would end every guest that reboots.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup on

domain=hung$$

clean_up_more() {
	local pid
	for pid in $(broker_pids "$domain"); do
		kill -KILL "$pid" 2> /dev/null || true
	done
}

has_merged() {
	"$samepage" stats --json > "$scratch/stats"
	jq -e '.guests[0].merges_total > 0' "$scratch/stats" > /dev/null
}
boots() {
	grep -a -c READY "$scratch/a.console" || true
}
boots_at_least() { # count
	! guest_is_gone a || fail "it ended: $(cat "$scratch/a.err")"
	[ "$(boots)" -ge "$1" ]
}

# Whoever asks for a report waits for the thread, but not for ever.
thread_waits() {
	local begin=$SECONDS
	"$samepage" stats > /dev/null
	[ $((SECONDS - begin)) -ge 2 ]
}

guest_start a soak again --domain "$domain" --dedup-cpu 100
await 60 has_merged || fail "it does not share: $(cat "$scratch/stats")"
mapfile -t brokers < <(broker_pids "$domain")
kill -STOP "${brokers[@]}"
await 20 thread_waits || fail "nobody asks the broker anything"
for _ in 1 2 3; do
	before=$(boots) begin=$SECONDS
	"$samepage" stop a --timeout 300 & # it waits in vain
	guest_pid[button]=$!
	await 15 boots_at_least $((before + 1)) || fail "it does not reboot"
	kill "${guest_pid[button]}"
	unset 'guest_pid[button]'
	say "boot $((before + 1)) after $((SECONDS - begin)) s"
done
! guest_says a WRONG || fail "it has read a wrong word"
"$samepage" kill a
guest_ends_with a 6
