#!/bin/bash
# An installed Debian, 4 processors and 4 GiB, serves through a forwarded port, reboots in place, powers itself off, and loses no byte.
# This is what people run; and its disk is read into memory that is merged, at full speed, with a second guest that does the same.
# lab seconds: 330
. "$(dirname "$0")/network.sh"
. "$(dirname "$0")/lib.sh"

# A boot under emulation takes a minute, on one processor that four share more.
ready_seconds=300
port=18080
entry=$(dirname "$GUEST_DISK")

# Several MiB of buffers, past the page cache and through it; `pattern` is the same in both guests.
# All is read once more when nothing of it is in memory any longer.
jobs='--directory=/srv --size=8M --bs=256k --iodepth=8 --ioengine=io_uring --rw=randwrite'
jobs+=' --verify_fatal=1 --verify_interval=4k --verify_state_save=0 --minimal'
jobs+=' --direct=1 --name=crc32c --verify=crc32c --name=sha256 --verify=sha256'
jobs+=' --direct=0 --name=pattern --bs=16k --verify=pattern --verify_pattern=%o --name=meta --verify=meta'
round="fio $jobs > /dev/null && sync && echo 3 > /proc/sys/vm/drop_caches && fio --verify_only $jobs > /dev/null && echo ROUND"

# The outside speaks to a script in the guest through what it asks the web server for.
told() { # word
	echo "until grep -q $1 /var/log/nginx/access.log; do $2; done"
}
tell() { # word
	curl -s -m 20 -o "$scratch/page" "http://127.0.0.1:$port/$1"
}
answers() {
	tell '' && grep -q 'Welcome to nginx' "$scratch/page"
}

# One script for both boots: the second finds what the first has written.
script="if [ -e /srv/booted ]; then echo SECOND BOOT; cksum /srv/booted; $(told be-off 'sleep 1'); systemctl poweroff;"
script+=" else echo state \$(systemctl is-system-running --wait); systemctl --failed --no-legend --plain; nproc; free -m;"
script+=" echo UP; $(told enough "$round || exit 1"); echo VERIFIED; cp /etc/fstab /srv/booted; cksum /srv/booted; systemctl --no-block reboot; fi"

# No more of Debian than what verifies its disk in the same way.
debian_start other "mount -o remount,rw /; while $round; do sleep 5; done; echo WRONG; sleep infinity" \
	init=/usr/local/sbin/samepage-run --mem 192M --dedup-cpu 20
guest_says other 'RUN| ROUND' 120 || fail "fio found an error in the second guest, or no end"
"$SAMEPAGE" pause other
say "the second guest is at work"

guest_launch whole --disk "$GUEST_DISK,overlay" --kernel "$entry/kernel" --initrd "$entry/initrd" \
	--cmdline "$(debian_cmdline "$script")" --cpus 4 --mem 4G --net user,forward=$port:80 --dedup-cpu 100
guest_says whole 'READY' $ready_seconds || lab_fault "the first boot was not READY after $ready_seconds seconds"
await 120 answers || fail "nginx does not answer"
say "nginx answers"
guest_says whole 'RUN| UP' $ready_seconds || fail "its system does not come to rest"

"$SAMEPAGE" resume other
merges=$(guest_stat whole merges_total) breaks=$(guest_stat whole breaks_total)
say "$merges merges and $breaks breaks so far"
grown() {
	[ "$(guest_stat whole merges_total)" -gt $((merges + 4000)) ] && [ "$(guest_stat whole breaks_total)" -gt $((breaks + 2000)) ]
}
await 240 grown || fail "hardly anything merges or breaks: $(stats | jq -c '.guests[] | {name, merges_total, breaks_total, passes}')"
tell enough
guest_says whole 'RUN| VERIFIED' 240 || fail "fio found an error, or no end"
say "fio found every byte, among $(($(guest_stat whole merges_total) - merges)) merges and $(($(guest_stat whole breaks_total) - breaks)) breaks"
! grep -a -q 'RUN| WRONG' "$scratch/other.console" || fail "fio found an error in the second guest"
"$SAMEPAGE" kill other
guest_end other

guest_says whole 'RUN| SECOND BOOT' $((ready_seconds + 240)) || fail "it did not boot a second time"
say "it rebooted"
await 60 answers || fail "nginx does not answer after the reboot"
tell be-off
guest_ends_with whole 0 240
console=$(tr -d '\r' < "$scratch/whole.console")
grep -q '^RUN| 4$' <<< "$console" || fail "not 4 processors"
grep -q '^RUN| state running' <<< "$console" || fail "its state is not 'running'"
[ "$(grep '/srv/booted' <<< "$console" | uniq | wc -l)" = 1 ] || fail "the second boot finds another file"
[ "$(grep -c '^RUN| .* /srv/booted' <<< "$console")" = 2 ] || fail "the second boot finds no file"
grep -q 'debian login:' <<< "$console" || fail "no login prompt"
grep -q '^RUN| .*\.service' <<< "$console" && fail "units failed: $(grep '\.service' <<< "$console")"
[ "$(awk '/^RUN\| Mem:/ { print ($3 > 3700) }' <<< "$console" | sort -u)" = 1 ] || fail "not 4 GiB"
expect_nothing_left
