#!/bin/bash
# On a Debian that has only the package and what it asks for, the manual's first example boots a stock kernel.
# It is what somebody types who has just installed samepage, and nothing of the build is there to help.
# lab seconds: 45
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../examples/lib.sh"
clean=$root/build/deb/root
[ -x "$clean/usr/bin/samepage" ] || skip "tests/packages/deb-installs-on-a-clean-debian.sh has left no root in build/deb"

examples_load "$SAMEPAGE"
example=$(example_with samepage.1 '--kernel vmlinuz')
command=$(< "$example.script")
cp "$GUEST_KERNEL" "$clean/root/vmlinuz"
cp "$GUEST_INITRD" "$clean/root/initrd.img"
rm -rf "$clean/run/samepage"

# Its processes end with this one; its mounts are in a namespace of their own.
# Nobody types anything at it; but its terminal has to stay open.
mkfifo "$scratch/terminal"
exec 7<> "$scratch/terminal"
unshare --mount sh -c "mount -t proc proc '$clean/proc' && mount --rbind /dev '$clean/dev' &&
	exec chroot '$clean' sh -c 'cd /root && exec $command'" > "$scratch/clean.console" 2> "$scratch/clean.err" <&7 &
guest_pid[clean]=$!
guest_says clean '^READY' "$ready_seconds" || lab_fault "the guest was not READY after $ready_seconds seconds"
say "it is up"
name=$(chroot "$clean" samepage ps | awk 'NR == 2 { print $1 }')
[ -n "$name" ] || fail "it is not listed: $(chroot "$clean" samepage ps)"
chroot "$clean" samepage stop "$name" || fail "it cannot be stopped"
guest_ends_with clean 0
touch "$example.out"
examples_done
