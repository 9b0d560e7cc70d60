#!/bin/bash
# An installed Debian, 4 processors and 4 GiB, serves through a forwarded port, reboots in place, and loses no byte of its disk.
# This is what people run; and the data of its disk arrives while its memory is merged at full speed.
# lab seconds: 330
. "$(dirname "$0")/network.sh"
. "$(dirname "$0")/lib.sh"

# A boot under emulation takes a minute, on one processor that four share more.
ready_seconds=300
port=18080
verify='fio --name=verify --filename=/srv/verify --size=24M --bs=4k --rw=randrw --direct=1 --iodepth=16'
verify="$verify --ioengine=io_uring --verify=crc32c --verify_fatal=1 --minimal"
# One script for both boots: the second finds what the first has written.
script="if [ -e /srv/booted ]; then echo SECOND BOOT; cksum /srv/booted; else"
script="$script echo state \$(systemctl is-system-running --wait); systemctl --failed --no-legend --plain; nproc; free -m;"
script="$script $verify > /dev/null && echo VERIFIED; cp /etc/fstab /srv/booted; cksum /srv/booted;"
script="$script systemctl --no-block reboot; fi"

answers() {
	curl -s -m 20 http://127.0.0.1:$port/ | grep -q 'Welcome to nginx'
}

guest_launch whole --image "$GUEST_DISK,overlay" --cmdline "$(debian_cmdline "$script")" --cpus 4 --mem 4G \
	--net user,forward=$port:80 --dedup-cpu 100
guest_says whole 'READY' $ready_seconds || lab_fault "the first boot was not READY after $ready_seconds seconds"
await 120 answers || fail "nginx does not answer"
say "nginx answers"
guest_says whole 'RUN| VERIFIED' 240 || fail "fio found an error, or no end"
say "fio found every byte"
guest_says whole 'RUN| SECOND BOOT' $((ready_seconds + 240)) || fail "it did not boot a second time"
say "it rebooted"
await 60 answers || fail "nginx does not answer after the reboot"
"$SAMEPAGE" stop --timeout 120 whole || fail "it does not stop"
guest_ends_with whole 0 30
console=$(tr -d '\r' < "$scratch/whole.console")
grep -q '^RUN| 4$' <<< "$console" || fail "not 4 processors"
grep -q '^RUN| state running' <<< "$console" || fail "its state is not 'running'"
[ "$(grep '/srv/booted' <<< "$console" | uniq | wc -l)" = 1 ] || fail "the second boot finds another file"
[ "$(grep -c '^RUN| .* /srv/booted' <<< "$console")" = 2 ] || fail "the second boot finds no file"
grep -q 'debian login:' <<< "$console" || fail "no login prompt"
grep -q '^RUN| .*\.service' <<< "$console" && fail "units failed: $(grep '\.service' <<< "$console")"
[ "$(awk '/^RUN\| Mem:/ { print ($3 > 3700) }' <<< "$console" | sort -u)" = 1 ] || fail "not 4 GiB"
expect_nothing_left
