#!/bin/bash
# Through a tap device every byte arrives, with vhost and without, on two queues, while memory is merged, and over a pause.
# Frames are written into pages that sharing replaces at the same time: a byte lost there is lost silently.
# lab seconds: 60
. "$(dirname "$0")/network.sh"
. "$(dirname "$0")/lib.sh"

tap_is_there() {
	busybox ip link show "tap-$1" > /dev/null 2>&1
}

# The kernel's threads that serve a guest: of their own, or of its process (from 6.4 on).
kernel_serves() { # name
	cat /proc/[0-9]*/comm "/proc/${guest_pid[$1]}"/task/*/comm 2> /dev/null | grep -q "^vhost-${guest_pid[$1]}\$"
}

try() { # name vhost
	local name=$1 transfer
	say "vhost=$2"
	guest_start "$name" "address:10.98.0.2/24,serve:12,fetch:http://10.98.0.1:81/file,idle" \
		--net "tap=tap-%n,vhost=$2" --cpus 2 --dedup-cpu 100
	await 20 tap_is_there "$name" || fail "samepage made no tap device"
	busybox ip address add 10.98.0.1/24 dev "tap-$name"
	busybox ip link set "tap-$name" up
	serve 10.98.0.1 12
	guest_ready "$name"
	guest_says "$name" '^FETCHED' 120 || fail "the guest fetches nothing"
	if kernel_serves "$name"; then
		[ "$2" = on ] || fail "the kernel serves, and should not"
	else
		[ "$2" = off ] || fail "the kernel does not serve"
	fi
	expect_same "to the guest" "$served" "$(digest_said "$name" FETCHED)"
	expect_same "from the guest" "$(digest_said "$name" SERVING)" "$(digest_of http://10.98.0.2/file)"
	digest_of http://10.98.0.2/file > "$scratch/digest" &
	transfer=$!
	"$SAMEPAGE" pause "$name"
	"$SAMEPAGE" resume "$name"
	wait $transfer
	expect_same "with a pause" "$(digest_said "$name" SERVING)" "$(cat "$scratch/digest")"
	"$SAMEPAGE" stop "$name" --timeout 60
	guest_ends_with "$name" 0
	! tap_is_there "$name" || fail "the tap device is still there"
	kill $server
}

try slow off
[ ! -e /dev/vhost-net ] || try fast on
expect_nothing_left
