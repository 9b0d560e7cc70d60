#!/bin/bash
# Guests on one base image each see what they wrote, while pages that they read are merged, and the base stays as it was.
# A device's data on its way into a page must not get lost when the page is shared in that moment.
# lab seconds: 110
. "$(dirname "$0")/lib.sh"

base=$scratch/base
truncate -s 32M "$base"
guest_start maker disk:fill:vda:5,poweroff --disk "$base"
guest_ready maker
guest_says maker '^DISK fill /dev/vda 5 RIGHT' 60 || fail "the base was not written"
guest_ends_with maker 0
before=$(sha256sum < "$base")

# Each comes up with the others paused, since emulated processors are few.
seconds=40
names=(first second third)
number=20
for name in "${names[@]}"; do
	number=$((number + 1))
	guest_start "$name" "disk:check:vda:5,disk:verify:vda:$seconds,disk:fill:vda:$number,disk:check:vda:$number,poweroff" \
		--disk "$base,overlay=$scratch" --cpus 2 --dedup-cpu 100
	guest_ready "$name"
	"$SAMEPAGE" pause "$name"
done

status=0
"$SAMEPAGE" run --name refused --kernel "$GUEST_KERNEL" --disk "$base" 2> "$scratch/refused" || status=$?
if [ $status != 1 ] || ! grep -q 'in use by another guest' "$scratch/refused"; then
	fail "a base of overlays can be written: status $status: $(cat "$scratch/refused")"
fi

for name in "${names[@]}"; do
	"$SAMEPAGE" resume "$name"
done
# The same requests in each guest: their buffers hold equal pages.
most=0
all_are_verified() {
	local now
	now=$(stats | jq '[.guests[].merges_total] | add // 0')
	[ "$now" -le "$most" ] || most=$now
	[ "$(cat "$scratch"/{first,second,third}.console | grep -c '^DISK verify')" = 3 ]
}
await 240 all_are_verified || fail "not all guests have finished"
say "$most merges meanwhile"
number=20
for name in "${names[@]}"; do
	number=$((number + 1))
	guest_end "$name" 120
	grep '^DISK' "$scratch/$name.console"
	for said in 'check /dev/vda 5' "verify /dev/vda $seconds" "fill /dev/vda $number" "check /dev/vda $number"; do
		grep -q "^DISK $said RIGHT" "$scratch/$name.console" || fail "$name does not say: $said RIGHT"
	done
	[ "$status" = 0 ] || fail "$name ended with $status"
done
[ "$most" -gt 1000 ] || fail "hardly anything was merged"
[ "$(sha256sum < "$base")" = "$before" ] || fail "the base has changed"
expect_nothing_left
