#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest that floods its console gets the memory of one ring, and one who does not read holds up nobody.
# A guest must not be able to use up its host, nor a user who went to lunch stop a guest.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup off

lines=100000 # of 16 bytes: more than the ring and all buffers of sockets and pipes hold
name=flood

resident_kib() {
	sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/${guest_pid[$name]}/status"
}

screen_holds() { # user bytes
	[ "$(wc -c < "$scratch/$1.screen")" -ge "$2" ]
}

screen_shows() { # user pattern
	grep -q -a -e "$2" "$scratch/$1.screen" 2> /dev/null
}

# What was read and what is told to be lost, in bytes of the guest's. A line that the
# telling has cut off ends in a carriage return, which the guest never sends.
accounted() { # user
	LC_ALL=C awk '
		/^\[samepage: [0-9]+ bytes of console output were lost\]\r$/ { total += $2; next }
		/\r$/ { total += length($0) - 1; next }
		{ total += length($0) + 1 }
		END { print total }' "$scratch/$1.screen"
}

guest_start $name flood $lines --dedup off --console none --paused
# shellcheck disable=SC2016
await 30 sh -c '"$0" ps | grep -q paused' "$samepage" || fail "the guest does not start"

mkfifo "$scratch/full"
"$samepage" console --no-input $name > "$scratch/quick.screen" &
guest_pid[quick]=$! # whatever is started here ends like a guest
"$samepage" console $name < /dev/null > "$scratch/full" &
guest_pid[absent]=$!
exec {full}< "$scratch/full" # which is not read before the flood is over

"$samepage" resume $name
await 60 screen_holds quick 300000 || fail "the flood does not come"
before=$(resident_kib)
answers=0
until screen_shows quick OVER; do
	"$samepage" ps | grep -q running || fail "the guest does not answer"
	answers=$((answers + 1))
	[ $SECONDS -lt 300 ] || fail "the flood does not end"
	sleep 0.2
done
after=$(resident_kib)
say "resident: $before KiB, then $after KiB; ps was answered $answers times meanwhile"
# A sanitizer keeps what was freed.
ldd "$samepage" | grep -q libasan || [ $((after - before)) -lt 256 ] || fail "a flood takes memory"

cat <&"$full" > "$scratch/absent.screen" &
exec {full}<&-
await 30 screen_shows absent OVER || fail "who comes back does not get what is kept"
screen_shows absent 'bytes of console output were lost' || fail "who comes back is not told of its loss"
"$samepage" console --log $name > "$scratch/late.screen"
screen_shows late OVER || fail "the end is not kept"

printf 'aq' | "$samepage" console $name > "$scratch/typist.screen"
for user in quick absent; do
	guest_end $user
	[ "$status" = 0 ] || fail "$user ended with $status"
done
: > "$scratch/$name.console" # for those who tell of the end
guest_ends_with $name 0
await 30 screen_shows absent 'key q' || fail "the last words did not arrive"
said=$((lines * 16 + 5 + 2 * 6))
for user in quick absent typist; do
	[ "$(accounted $user)" = $said ] || fail "$user: $(accounted $user) of $said bytes are accounted for"
	say "$user: $(grep -c -a 'were lost' "$scratch/$user.screen" || true) gaps"
done
