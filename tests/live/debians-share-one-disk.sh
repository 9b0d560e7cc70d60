#!/bin/bash
# Eight installed Debians boot from one disk image, each with an overlay, share their memory, and power themselves off.
# Many guests of one image is what sharing is for; the image itself must not change.
# lab seconds: 350
. "$(dirname "$0")/lib.sh"

count=8
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
# The first boots as its image says, the others with fewer steps before systemd.
# One after the other: systemd gives up on devices that take longer than 90 s to appear.
for i in $(seq $count); do
	name=guest$i
	names+=("$name")
	# Each writes to its own disk, and reads that back; then it listens to its power button.
	script="systemctl start systemd-logind; echo own $i > /srv/own; sync; echo 3 > /proc/sys/vm/drop_caches; cat /srv/own"
	if [ "$i" = 1 ]; then
		guest_launch "$name" --image "$GUEST_DISK,overlay" --cmdline "$(debian_cmdline "$script") $units" \
			--mem 192M --dedup-cpu 10
	else
		debian_start "$name" "$script" "$units" --mem 192M --dedup-cpu 10
	fi
	guest_says "$name" 'READY' $ready_seconds || lab_fault "$name was not READY after $ready_seconds seconds"
	guest_says "$name" "RUN| own $i\b" 180 || fail "$name does not read what it wrote"
	say "$name is up"
	"$SAMEPAGE" pause "$name" # emulated processors are few: the next one boots with one for itself
done
for name in "${names[@]}"; do
	"$SAMEPAGE" resume "$name"
done
shared() { # bytes
	[ "$(domain_stat "$domain" reclaimed_bytes)" -ge "$1" ]
}
# At the least: kernel text and read-only data, systemd, libc.
await 200 shared $((count * 40 * 1048576)) || fail "only $(domain_stat "$domain" reclaimed_bytes) bytes are reclaimed"
say "reclaimed: $(domain_stat "$domain" reclaimed_bytes) bytes"
"$SAMEPAGE" stop --timeout 240 "${names[@]}" || fail "they do not stop"
for name in "${names[@]}"; do
	guest_ends_with "$name" 0
done
[ "$(stat -c '%y %b' "$GUEST_DISK")" = "$before" ] || fail "the image was written to"
expect_nothing_left
