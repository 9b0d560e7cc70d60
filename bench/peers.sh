# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and of the caller
# SPDX-License-Identifier: Apache-2.0
# peers.sh - the same guest under samepage and under QEMU; to be sourced after lib.sh
#
# A benchmark that needs Linux guests has two halves: the outer one finds images
# and a place to run, the inner one (--inside) measures, here or in the lab.

# shellcheck source=tests/live/place.sh
. "$root/tests/live/place.sh"

lab_cpus=1 # more lose guests when they boot many at once
memory_mib=128
guest_name=bench # where a command has several at once, it changes that
mem_merge=off    # whether QEMU lets KSM have its guest's memory
microvm_firmware=/usr/share/qemu/qboot.rom

# What a guest takes at most that measures, beside the time for which it does.
guest_seconds=240

# One that takes longer until it is READY hangs.
guest_up_seconds=120

# --- the outer half

# Runs this command's inner half where guests can run, with these arguments.
# The lab's own exit statuses are failures of the benchmark.
run_inside() { # lab-mib lab-seconds argument...
	local status=0 lab_mib=$1 lab_seconds=$2
	shift 2
	say "guests run $(place_reason)"
	if has_virtualisation; then
		"$here/$command_name" --inside "$@"
		return
	fi
	mkdir -p "$build/bench-lab"
	attended "$root/tests/lab/lab" -d "$build/bench-lab" -m "$lab_mib" -s "$lab_cpus" -t "$lab_seconds" -- \
		env SAMEPAGE_BUILD="$build" "$here/$command_name" --inside "$@" || status=$?
	[ $status -lt 124 ] || die "the lab failed: run it again"
	return $status
}

find_images() { # vmlinux | vmlinuz
	command -v jq > /dev/null || refuse "needs jq: ./demo installs it"
	kernel=$("$root/guest-images/kernel" linux-image-cloud-amd64 "$1")
	initrd=$("$root/guest-images/busybox")
}

# The initrd of the guest that disk and net measure in: busybox, guest-init, and the
# drivers, PCI's for samepage and MMIO's for the microvm.
# shellcheck disable=SC2317 # cache_entry calls it
make_initrd() { # directory
	local tree version name file
	tree=$("$root/guest-images/kernel" linux-image-cloud-amd64)
	version=$(cat "$tree/version")
	mkdir -p "$1/files/modules"
	cp "$here/guest-init" "$1/files/"
	for name in virtio_pci virtio_mmio virtio_blk virtio_net; do
		modprobe -d "$tree" -S "$version" --show-depends $name
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		cp "$file" "$1/files/modules/"
		basename "$file"
	done > "$1/files/modules.bench"
	(cd "$1/files" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | cat "$initrd" - > "$1/initrd"
	rm -r "$1/files"
}

find_measuring_images() {
	local digest entry
	PATH=$PATH:/usr/sbin:/sbin # where modprobe is
	# shellcheck source=guest-images/cache.sh
	. "$root/guest-images/cache.sh"
	find_images vmlinux
	digest=$(cache_digest "$here/guest-init" "$here/peers.sh" "$initrd" "$kernel")
	entry=$(cache_entry "bench-$digest" make_initrd)
	initrd=$entry/initrd
	tools_disk=$("$root/guest-images/debian-disk")
}

# --- the inner half

# In the lab, files come over 9p, and a program with fifty libraries would pay for
# each of them: programs, libraries and images move into memory first.
program_fetch() { # variable program
	local -n fetched=$1
	local file
	fetched=$2
	[ -n "${LAB:-}" ] || return 0
	mkdir -p "$scratch/lib"
	env -u LD_LIBRARY_PATH ldd "$2" | awk '$3 ~ /^\// { print $3 }' | while read -r file; do
		cp -L -u "$file" "$scratch/lib/"
	done
	cp "$2" "$scratch/"
	fetched=$scratch/$(basename "$2")
	export LD_LIBRARY_PATH=$scratch/lib
}

file_fetch() { # variable: a file's name, which changes
	local -n file=$1
	cp "$file" "$scratch/$1"
	file=$scratch/$1
}

peers_open() {
	command -v qemu-system-x86_64 > /dev/null || refuse "needs QEMU: packages/install bench"
	[ -r "$microvm_firmware" ] || refuse "this QEMU brings no $microvm_firmware"
	(exec 3<> /dev/kvm) 2> /dev/null || refuse "/dev/kvm does not open: there can be no guests"
	fleet_open
	at_end clean_up
	program_fetch qemu "$(command -v qemu-system-x86_64)"
	program_fetch samepage_program "$build/samepage"
	file_fetch microvm_firmware
	export SAMEPAGE_RUNDIR=$scratch/run
}

clean_up() {
	fleet_end
	rm -rf "$scratch"
}

# What each system gets for the same guest, as words in $guest_command. The
# microvm is QEMU's documented minimal one with the firmware made for it. It keeps
# its clock chip: without one, this kernel waits for it for three seconds.
guest_of() { # system kernel initrd kernel-command-line [option...]
	local system=$1 machine
	shift
	case $system in
	samepage)
		guest_command=("$samepage_program" run --name "$guest_name" --mem "${memory_mib}M"
			--kernel "$1" --initrd "$2" --cmdline "$3" "${@:4}")
		return
		;;
	microvm) machine=microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on,mem-merge=$mem_merge ;;
	q35) machine=q35,mem-merge=$mem_merge ;;
	esac
	guest_command=("$qemu" -machine "$machine" -accel kvm -cpu host -smp 1 -m "$memory_mib"
		-nodefaults -no-user-config -nographic -serial stdio -no-reboot
		-kernel "$1" -initrd "$2" -append "$3" "${@:4}")
	[ "$system" != microvm ] || guest_command+=(-bios "$microvm_firmware")
}

system_title() { # system
	case $1 in
	samepage) echo samepage ;;
	*) echo "QEMU $1" ;;
	esac
}

# Runs $guest_command to its end; its console is then in $scratch/console.
guest_run() { # seconds
	local status=0
	timeout --foreground -k 5 $((guest_seconds + $1)) setpriv --pdeathsig KILL "${guest_command[@]}" \
		< /dev/null > "$scratch/console" 2>&1 &
	wait $! || status=$?
	fleet_end
	grep -q -a '^DONE' "$scratch/console" ||
		die "a guest did not finish ($status): ${guest_command[*]:0:3} ...: $(tail -n 15 "$scratch/console")"
}

# Starts $guest_command in the background, and waits until it is READY.
guest_up() { # number
	local console=$scratch/console.$1
	: > "$console"
	setpriv --pdeathsig KILL "${guest_command[@]}" < /dev/null > "$console" 2>&1 &
	disown # that it is killed in the end needs no word
	console_ready "$console" $guest_up_seconds ||
		die "guest $1 is not up: ${guest_command[*]:0:3} ...: $(tail -n 5 "$console")"
}

# Waits until READY is in the file: nothing is asked again and again, which would take time from
# who is to be measured.
console_ready() { # file seconds
	local follower status=0
	exec {lines}< <(exec timeout "$2" tail -n +1 -s 0.02 -f "$1")
	follower=$!
	grep -q -m 1 -a '^READY' <&"$lines" || status=1
	kill "$follower" 2> /dev/null || true
	exec {lines}<&-
	return $status
}

qemu_version() {
	"$qemu" --version | sed -n '1s/.*version //p'
}

in_lab() { # as JSON says it
	if [ -n "${LAB:-}" ]; then
		echo true
	else
		echo false
	fi
}

# The emulated hardware of the lab is slow enough to look broken to a kernel.
# shellcheck disable=SC2034 # the caller's
base_cmdline="console=ttyS0 quiet panic=-1 cryptomgr.notests${LAB:+ no_timer_check tsc=reliable}"

# shellcheck disable=SC2034 # for jq
jq_statistics='def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
		else (.[length / 2 - 1] + .[length / 2]) / 2 end;
	def round1: if . == null then null else . * 10 | round / 10 end;
	def round3: if . == null then null else . * 1000 | round / 1000 end;'
