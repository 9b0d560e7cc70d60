#!/bin/bash
# With --net user a guest has an address, reaches the host's network, and answers at its forwards; its passt goes with it.
# Users have no other network without privileges; and what stays behind when a guest is killed would hold its ports.
. "$(dirname "$0")/network.sh"
. "$(dirname "$0")/lib.sh"

command -v passt > /dev/null || skip "passt is not installed"
port=18081

passt_pids() { # of this namespace
	local process
	for process in /proc/[0-9]*; do
		[[ $(cat "$process/comm" 2> /dev/null) == passt* ]] || continue
		[ "$(readlink "$process/ns/net")" = "$(readlink /proc/$$/ns/net)" ] || continue
		echo "${process#/proc/}"
	done
}
no_passt_left() {
	[ -z "$(passt_pids)" ]
}

serve 10.97.0.1 8
guest_start one "dhcp,serve:8,fetch:http://10.97.0.1:81/file,idle" --net user,forward=$port:80 --dedup-cpu 100
guest_says one '^ADDRESS 10.99.0.1' $ready_seconds || fail "no address by DHCP"
guest_says one '^FETCHED' 120 || fail "the guest does not reach the host's network"
expect_same "to the guest" "$served" "$(digest_said one FETCHED)"
expect_same "from the guest" "$(digest_said one SERVING)" "$(digest_of http://127.0.0.1:$port/file)"
! timeout 20 busybox wget -q -O /dev/null http://10.99.0.1:$port/file 2> /dev/null || fail "the forward is open to others than this host"
[ "$(passt_pids | wc -l)" = 1 ] || fail "not one passt: $(passt_pids)"

say "a second guest can't have the port"
status=0
"$SAMEPAGE" run --name two --domain "$domain" --kernel "$GUEST_KERNEL" --initrd "$GUEST_INITRD" \
	--net user,forward=$port:80 < /dev/null > "$scratch/two.out" 2>&1 || status=$?
[ $status = 1 ] || fail "it ended with $status: $(cat "$scratch/two.out")"
grep -q "$port" "$scratch/two.out" || fail "it does not say which port: $(cat "$scratch/two.out")"
[ "$(passt_pids | wc -l)" = 1 ] || fail "a passt was left behind: $(passt_pids)"

say "passt goes with its guest"
kill -KILL "${guest_pid[one]}"
guest_ends_with one 137
await 10 no_passt_left || fail "passt outlives its guest: $(passt_pids)"
guest_start three "dhcp,serve:1" --net user,forward=$port:80
guest_says three '^SERVING' $ready_seconds || fail "the port is not free again"
guest_ends_with three 0
await 10 no_passt_left || fail "passt outlives its guest: $(passt_pids)"
"$SAMEPAGE" ps > /dev/null # takes away what a killed guest could not
expect_nothing_left
