#!/bin/bash
# With --image a guest boots the kernel, initrd and command line that GRUB's configuration on its disk names.
# Users have disks with systems on them, not kernels; and nothing of a foreign disk may need root or a mount.
# lab seconds: 60
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

parameters="console=ttyS0 quiet panic=-1 nokaslr cryptomgr.notests$lab_words"
disk=$scratch/disk

make_disk() {
	mkdir -p "$scratch/tree/boot/grub"
	cp "$GUEST_KERNEL" "$scratch/tree/boot/vmlinuz-1"
	cp "$GUEST_INITRD" "$scratch/tree/boot/initrd-1"
	ln -s boot/vmlinuz-1 "$scratch/tree/vmlinuz"
	cat > "$scratch/tree/boot/grub/grub.cfg" <<-END
		set default="saved"
		submenu 'Others' {
			menuentry 'Wrong' { linux /boot/none; }
		}
		menuentry 'The one' --id saved {
			insmod ext2
			search --no-floppy --label --set=root none
			linux	/vmlinuz $parameters samepage.run=cpus
			initrd	/boot/initrd-1
		}
	END
	truncate -s 64M "$disk"
	echo 'start=1MiB, size=62MiB' | sfdisk --quiet --no-reread --no-tell-kernel --label gpt "$disk"
	mke2fs -q -t ext4 -d "$scratch/tree" -E offset=1048576 "$disk" 62M
	chmod a=r "$disk"
}

start() { # name option...
	guest_launch "$@" --mem 128M
}

make_disk
before=$(sha256sum < "$disk")
start its-own --image "$disk,overlay" --cpus 2
guest_ready its-own
guest_says its-own '^CPUS 2' 30 || fail "the command line is not that of the image"
guest_ends_with its-own 0

start mine --image "$disk,ro" --cmdline "$parameters samepage.run=memory"
guest_ready mine
guest_says mine '^MEMORY' 30 || fail "--cmdline does not replace that of the image"
guest_ends_with mine 0

# It finds its kernel again when it reboots.
booted_twice() {
	[ "$(grep -a -c '^READY' "$scratch/again.console")" -ge 2 ]
}
start again --image "$disk,ro" --cmdline "$parameters samepage.run=reboot"
await $ready_seconds booted_twice || fail "it does not boot a second time"
"$SAMEPAGE" kill again
guest_ends_with again 6
[ "$(sha256sum < "$disk")" = "$before" ] || fail "the disk was written to"
expect_nothing_left
