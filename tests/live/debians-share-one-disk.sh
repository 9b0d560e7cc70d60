#!/bin/bash
# Eight guests boot from one Debian's disk image, each with an overlay, and share their memory; those with a systemd power themselves off.
# Many guests of one image is what sharing is for; the image itself must not change.
# lab seconds: 240
. "$(dirname "$0")/lib.sh"

count=8
whole=3 # so many run Debian's systemd, the others no more of it than a script: emulated processors are slow
ready_seconds=250
before=$(stat -c '%y %b' "$GUEST_DISK")
names=()
# All that boots a Debian, but of its services only the one that answers the power button.
units='fsck.mode=skip systemd.unit=samepage-run.service systemd.wants=systemd-logind.service'
# What its services would otherwise look for in vain.
for unit in systemd-binfmt.service systemd-network-generator.service systemd-machine-id-commit.service \
	modprobe@{configfs,dm_mod,drm,efi_pstore,fuse,loop}.service; do
	units+=" systemd.mask=$unit"
done
# The first boots as its image says, the others with fewer steps before Debian's own.
# One after the other: systemd gives up on devices that take longer than 90 s to appear.
for i in $(seq $count); do
	name=guest$i
	names+=("$name")
	# Each writes to its own disk, and reads that back.
	script="echo own $i > /srv/own; sync; echo 3 > /proc/sys/vm/drop_caches; cat /srv/own"
	power="systemctl start systemd-logind" # listens to the power button
	if [ "$i" = 1 ]; then
		guest_launch "$name" --image "$GUEST_DISK,overlay" --cmdline "$(debian_cmdline "$power; $script") $units" \
			--mem 192M --dedup-cpu 10
	elif [ "$i" -le $whole ]; then
		debian_start "$name" "$power; $script" "$units" --mem 192M --dedup-cpu 10
	else
		debian_start "$name" "mount -o remount,rw /; $script; sleep infinity" init=/usr/local/sbin/samepage-run \
			--mem 192M --dedup-cpu 10
	fi
	guest_says "$name" 'READY' $ready_seconds || lab_fault "$name was not READY after $ready_seconds seconds"
	guest_says "$name" "RUN| own $i\b" 180 || fail "$name does not read what it wrote"
	say "$name is up"
done
shared() { # bytes
	[ "$(domain_stat "$domain" reclaimed_bytes)" -ge "$1" ]
}
# At the least: kernel text and read-only data, libc; and systemd.
await 200 shared $((count * 24 * 1048576 + whole * 16 * 1048576)) ||
	fail "only $(domain_stat "$domain" reclaimed_bytes) bytes are reclaimed"
say "reclaimed: $(domain_stat "$domain" reclaimed_bytes) bytes"
"$SAMEPAGE" stop --timeout 240 "${names[@]:0:whole}" || fail "they do not stop"
for name in "${names[@]:0:whole}"; do
	guest_ends_with "$name" 0
done
"$SAMEPAGE" kill "${names[@]:whole}"
for name in "${names[@]:whole}"; do
	guest_ends_with "$name" 6
done
[ "$(stat -c '%y %b' "$GUEST_DISK")" = "$before" ] || fail "the image was written to"
expect_nothing_left
