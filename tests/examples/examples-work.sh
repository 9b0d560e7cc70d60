#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every example of the manuals and of the README does what it says, as it is typed there.
# It is what a newcomer tries first, and nobody who knows the program notices when it breaks.
#
# An example that is marked `runs: TEST` is that test's, which takes it by lib.sh of this folder; one that is
# marked `not run: WHY` is listed, with the reason. All others run here, with tiny guests for a kernel.
. "$(dirname "$0")/../fleet/lib.sh"
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

# Of fleet/lib.sh, which calls it at the end: guests and brokers, and a server of disks that an example started.
clean_up_more() {
	local process
	for process in $(ours) $(pgrep -x qemu-nbd); do
		! tr '\0' '\n' < "/proc/$process/environ" | grep -q -x "SAMEPAGE_RUNDIR=$SAMEPAGE_RUNDIR" || kill -KILL "$process"
	done 2> /dev/null
}
export TMPDIR=$scratch
for tool in curl grub-fstest jq mke2fs passt qemu-nbd script sfdisk; do
	command -v $tool > /dev/null || skip "$tool is missing: packages/install test live"
done
guest_skip_without_kvm --dedup on

# ------------------------------------------------------------ who runs what

examples_load "$samepage"
for example in $(examples_all); do
	where=$(< "$example.where")
	if [ -s "$example.reason" ]; then
		[ ! -s "$example.runs" ] || fail "$where is run, and it is not"
		say "not run: $where: $(head -n 1 "$example.script"): $(< "$example.reason")"
		continue
	fi
	test=$(< "$example.runs")
	[ -x "$examples_top/$test" ] || fail "$where is run by $test, which is no test"
	grep -q '^examples_done' "$examples_top/$test" || fail "$where is run by $test, which does not see to that"
	case $test in
	tests/live/*) ;;
	*) grep -q -F "$test" "$examples_top"/tests/*/*.am || fail "$where is run by $test, which nobody runs" ;;
	esac
done

# ------------------------------------------------------------ the files that they talk of

# A system whose kernel is a tiny guest.
disk_image() { # file
	mkdir -p "$scratch/tree/boot/grub"
	cp "$build/tests/guest/noise.elf" "$scratch/tree/boot/vmlinuz"
	echo initrd > "$scratch/tree/boot/initrd.img"
	cat > "$scratch/tree/boot/grub/grub.cfg" <<-END
		menuentry 'Tiny' {
			linux /boot/vmlinuz
			initrd /boot/initrd.img
		}
	END
	truncate -s 16M "$1"
	echo 'start=1MiB, size=14MiB' | sfdisk --quiet --no-reread --no-tell-kernel --label gpt "$1"
	mke2fs -q -t ext4 -d "$scratch/tree" -E offset=1048576 "$1" 14M
}
mkdir "$scratch/files"
cp "$build/tests/guest/noise.elf" "$scratch/files/vmlinuz"
echo initrd > "$scratch/files/initrd.img"
for name in debian web db; do
	disk_image "$scratch/files/$name.img"
done
truncate -s 1M "$scratch/files/tables.img"
qemu-img create -q -f qcow2 "$scratch/files/web.qcow2" 1M
for example in $(examples_all); do
	[ ! -e "$example.file" ] || [ "$(< "$example.file")" != shop.conf ] || cp "$example.script" "$scratch/files/shop.conf"
done

# ------------------------------------------------------------ the guests that they talk of

# shellcheck disable=SC2317 # called by await
is_ready() { # guest
	samepage console --log "$1" | grep -q READY
}

# web-1 to web-4 of domain web. Guests of this kind are never idle: they stand still where they may.
fleet_for() { # page
	local guest
	for guest in web-1 web-2 web-3 web-4; do
		samepage ps | grep -q "^$guest " || samepage run --kernel "$scratch/files/vmlinuz" --mem 16M --name $guest --domain web \
			--dedup-cpu 100 --log-level info --detach < /dev/null
	done
	case $1 in
	samepage-console.1 | samepage-resume.1 | samepage-stop.1) return ;;
	esac
	for guest in web-1 web-2 web-3 web-4; do
		await 30 is_ready $guest || fail "$guest does not come up"
	done
	samepage pause --domain web
}

# ------------------------------------------------------------ each of them

page='' own_fleet=''
for example in $(examples_own); do
	if [ "$(< "$example.page")" != "$page" ]; then
		page=$(< "$example.page")
		samepage kill --all
		examples_begin
		cp -r "$scratch/files/." "$examples_here"
	fi
	if grep -q -e '--name web' -e 'shop\.conf' "$example.script"; then
		samepage kill --all
		own_fleet=1 # it has a web-1 of its own
	elif grep -q samepage "$example.script"; then
		[ -z "$own_fleet" ] || samepage kill --all
		own_fleet=
		fleet_for "$page"
	fi
	example_run "$example"
done
examples_done
samepage kill --all
nobody_left() {
	[ -z "$(ours)" ]
}
await 60 nobody_left || fail "processes are left: $(ours)"
say "$(examples_own | wc -l) examples"
