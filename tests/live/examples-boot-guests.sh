#!/bin/bash
# The examples of the manuals and of the README boot a stock kernel, and do with its guests what they say.
# Whoever types them has a distribution's kernel and no tiny guest of a test, and looks at what a real guest does.
# lab seconds: 90
. "$(dirname "$0")/network.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../examples/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
for tool in curl grub-fstest passt script; do
	command -v $tool > /dev/null || skip "$tool is missing: packages/install live"
done
export SAMEPAGE_RUNDIR=$scratch/run TMPDIR=$scratch
kernel=$GUEST_KERNEL
[ -z "${LAB:-}" ] || kernel=$GUEST_VMLINUX

# --- what they talk of: a kernel, an initrd, a disk with both, and the commands that fetch them

stand_in() { # command path
	printf '#!/bin/sh\necho %s\n' "$2" > "$examples_here/guest-images/$1"
	chmod +x "$examples_here/guest-images/$1"
}

make_disk() { # file
	mkdir -p "$scratch/tree/boot/grub"
	cp "$kernel" "$scratch/tree/boot/vmlinuz"
	cp "$GUEST_INITRD" "$scratch/tree/boot/initrd.img"
	cat > "$scratch/tree/boot/grub/grub.cfg" <<-END
		menuentry 'Debian' {
			linux /boot/vmlinuz quiet$lab_words
			initrd /boot/initrd.img
		}
	END
	truncate -s 128M "$1"
	echo 'start=1MiB, size=126MiB' | sfdisk --quiet --no-reread --no-tell-kernel --label gpt "$1"
	mke2fs -q -t ext4 -d "$scratch/tree" -E offset=1048576 "$1" 126M
}

begin() {
	examples_begin
	ln -s "$kernel" "$examples_here/vmlinuz"
	ln -s "$GUEST_INITRD" "$examples_here/initrd.img"
	mkdir "$examples_here/guest-images"
	stand_in kernel vmlinuz
	stand_in debian initrd.img
	stand_in debian-disk disk.img
}

# --- each of them

# In a shell of its own, so that a guest that the lab has lost can be told from an example that is wrong.
example() { # page text
	local example
	example=$(example_with "$1" "$2")
	(example_run "$example") > "$scratch/said" || {
		cat "$scratch/said"
		! grep -q 'nothing to be seen of READY' "$scratch/said" || lab_fault "a guest did not come up"
		exit 1
	}
	tail -n 1 "$scratch/said"
}

is_ready() { # guest
	"$SAMEPAGE" console --log "$1" 2> /dev/null | grep -q -a '^READY'
}

examples_load "$SAMEPAGE"
begin
make_disk "$examples_here/disk.img"
example README.md guest-images/kernel
example README.md guest-images/debian-disk

# All that needs guests which have booted is done with these two.
example README.md '--count 2 --detach'
for guest in web-1 web-2; do
	guest_pid[$guest]=$(guest_stat $guest pid)
	echo boot >> "${BOOTS:-/dev/null}"
	await $ready_seconds is_ready $guest || lab_fault "$guest was not READY after $ready_seconds seconds"
done
example samepage-balloon.1 'web-1 128M'
example samepage-balloon.1 '--all'
example README.md 'stop web-1'
[ "$("$SAMEPAGE" ps | wc -l)" = 1 ] || fail "a guest is left: $("$SAMEPAGE" ps)"
examples_done
