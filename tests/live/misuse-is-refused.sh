#!/bin/bash
# What cannot work is refused with one clear sentence and a status of its own, and leaves nothing behind.
# The first thing that most people see of a program is one of its error messages.
. "$(dirname "$0")/lib.sh"

# Runs samepage and holds its answer against what it should be.
refused() { # expected-status word command...
	local expected=$1 word=$2 status=0 lines
	shift 2
	timeout 60 "$@" < /dev/null > "$scratch/out" 2> "$scratch/err" || status=$?
	lines=$(wc -l < "$scratch/err")
	say "$status: $(cat "$scratch/err")"
	[ "$status" = "$expected" ] || fail "status $status instead of $expected: $*"
	if [ "$lines" != 1 ]; then
		fail "$lines lines on stderr instead of one: $*"
	fi
	grep -q -i -e "$word" "$scratch/err" || fail "the sentence does not say '$word': $*"
	runtime_is_clean refused || fail "something is left in $runtime: $*"
	no_broker_left || await 20 no_broker_left || fail "a broker is left: $*"
}
run=("$SAMEPAGE" run --domain "$domain" --name refused --console none)
kernel=(--kernel "$GUEST_KERNEL")

head -c 100000 /dev/urandom > "$scratch/noise"
head -c 300000 "$GUEST_KERNEL" > "$scratch/short"
head -c 100 "$GUEST_VMLINUX" > "$scratch/short-elf"
: > "$scratch/empty"
truncate -s 200M "$scratch/huge"
mkdir "$scratch/directory"

# Options
refused 2 'kernel' "${run[@]}"
refused 2 'no-such-option' "${run[@]}" --no-such-option
refused 2 'mem' "${run[@]}" "${kernel[@]}" --mem 12parsecs
refused 2 'mem' "${run[@]}" "${kernel[@]}" --mem 0
refused 2 'cpus' "${run[@]}" "${kernel[@]}" --cpus 0
refused 2 'cpus' "${run[@]}" "${kernel[@]}" --cpus 1000
refused 2 'name' "${run[@]}" "${kernel[@]}" --name ../escape
refused 2 'domain' "${run[@]}" "${kernel[@]}" --domain ../escape
refused 2 'no-such-verb' "$SAMEPAGE" no-such-verb
# Files
refused 1 "$scratch/missing" "${run[@]}" --kernel "$scratch/missing"
refused 1 "$scratch/directory" "${run[@]}" --kernel "$scratch/directory"
refused 1 "$scratch/empty" "${run[@]}" --kernel "$scratch/empty"
refused 1 "$scratch/noise" "${run[@]}" --kernel "$scratch/noise"
refused 1 "$scratch/short" "${run[@]}" --kernel "$scratch/short"
refused 1 "$scratch/short-elf" "${run[@]}" --kernel "$scratch/short-elf"
refused 1 "$scratch/missing" "${run[@]}" "${kernel[@]}" --initrd "$scratch/missing"
refused 1 'initrd' "${run[@]}" "${kernel[@]}" --initrd "$scratch/huge" --mem 128M
refused 1 'mem' "${run[@]}" "${kernel[@]}" --initrd "$GUEST_INITRD" --mem 8M
# Disks
truncate -s 1M "$scratch/disk"
printf 'QFI\373' > "$scratch/qcow2"
truncate -s 1M "$scratch/qcow2"
refused 2 "'rw'" "${run[@]}" "${kernel[@]}" --disk "$scratch/disk,rw"
refused 2 'several guests' "${run[@]}" "${kernel[@]}" --disk "$scratch/disk" --count 2
refused 1 "$scratch/missing" "${run[@]}" "${kernel[@]}" --disk "$scratch/missing"
refused 1 'empty' "${run[@]}" "${kernel[@]}" --disk "$scratch/empty,ro"
refused 1 'truncate' "${run[@]}" "${kernel[@]}" --disk "$scratch/noise"
refused 1 'qemu-nbd' "${run[@]}" "${kernel[@]}" --disk "$scratch/qcow2"
refused 1 'in use' "${run[@]}" "${kernel[@]}" --disk "$scratch/disk" --disk "$scratch/disk"
refused 1 "$scratch/missing" "${run[@]}" "${kernel[@]}" --disk "$scratch/disk,overlay=$scratch/missing"
refused 1 "$scratch/missing" "${run[@]}" "${kernel[@]}" --disk "nbd+unix:///?socket=$scratch/missing"
# The machine
if unshare -m true 2> /dev/null; then
	# The last word of each is the shell's $0.
	# shellcheck disable=SC2016
	absent=(unshare -m sh -c 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"' sh)
	# shellcheck disable=SC2016
	useless=(unshare -m sh -c 'mount --bind /dev/null /dev/kvm && exec "$@"' sh)
	refused 1 '/dev/kvm' "${absent[@]}" "${run[@]}" "${kernel[@]}"
	refused 1 '/dev/kvm' "${useless[@]}" "${run[@]}" "${kernel[@]}"
else
	say "not root: leaving out a machine without /dev/kvm"
fi
# Verbs for guests that are not there
for verb in stop kill pause resume; do
	refused 1 'nobody' "$SAMEPAGE" $verb nobody
done
refused 1 'nobody' "$SAMEPAGE" dump-ram nobody "$scratch/dump"
[ ! -e "$scratch/dump" ] || fail "a failed dump left a file"
expect_nothing_left
