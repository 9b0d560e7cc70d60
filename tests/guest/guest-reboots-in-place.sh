#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest that reboots starts anew in its process, again and again, and leaks neither descriptors nor memory.
# Detached, and with files named by relative paths: they are read again at each boot, when nobody looks any more.
. "$(dirname "$0")/lib.sh"
guest_skip_without_kvm --dedup off

boots_at_least() { # count
	[ "$(grep -a -c READY "$scratch/again.console")" -ge "$1" ]
}
descriptors() {
	find "/proc/$pid/fd" -mindepth 1 2> /dev/null | wc -l
}
resident_kib() {
	sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

cp "$build/tests/guest/ends.elf" "$scratch/kernel"
# An ignored SIGCHLD is handed on, and must not keep a fleet from hearing of its guests.
# With huge pages it would have more memory at one boot than at another.
(
	trap '' CHLD
	cd "$scratch"
	"$samepage" run --name again --detach --kernel kernel --cmdline reset --mem 8M --dedup off --hugepages off --console again.console
)
pid=$(pgrep -n -f 'run --name again --detach') || fail "it does not run"
guest_pid[again]=$pid
await 60 boots_at_least 5 || fail "it does not boot again"
resident=$(resident_kib)
await 120 boots_at_least 60 || fail "it does not go on to boot"
# Fewer than 40 are open at any time of a boot; one that each boot left would make it 60 more.
[ "$(descriptors)" -le 64 ] || fail "$(descriptors) descriptors are open"
[ "$(resident_kib)" -le $((resident + 1024)) ] || fail "$resident KiB have become $(resident_kib)"
# It is deaf to its power button: one that boots anew is not about to end.
timeout 1 "$samepage" stop again && fail "it has ended"
is_running() {
	"$samepage" ps | grep -q '^again .* running '
}
await 20 is_running || fail "it is not called running: $("$samepage" ps)"
"$samepage" kill again
await 20 guest_is_gone again || fail "it does not end"
unset 'guest_pid[again]'
