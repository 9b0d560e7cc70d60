#!/bin/bash
# A stock Debian kernel boots as the bzImage that Debian ships and as the ELF file inside it (PVH).
# Both have an entry protocol of their own, with its own way to pass memory map and initrd.
. "$(dirname "$0")/lib.sh"

guest_start bzimage memory,poweroff --kernel "$GUEST_KERNEL"
guest_start elf memory,poweroff --kernel "$GUEST_VMLINUX"
guest_ready bzimage elf
guest_ends_with bzimage 0
guest_ends_with elf 0
memory_of() {
	sed -n 's/^MEMORY \([0-9]*\).*/\1/p' "$scratch/$1.console"
}
bzimage=$(memory_of bzimage) elf=$(memory_of elf)
[ "$bzimage" -gt 80000 ] || fail "the guest found only $bzimage kB of its 128 MiB"
[ $((bzimage > elf ? bzimage - elf : elf - bzimage)) -lt 4096 ] ||
	fail "the boot protocols give $bzimage kB and $elf kB of memory"
expect_nothing_left
