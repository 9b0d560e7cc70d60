#!/bin/bash
# Kernels that are not Debian 12's cloud kernel boot as well: its standard flavour, and both of backports.
# They bring other drivers and other expectations of firmware; users have these and later ones.
. "$(dirname "$0")/lib.sh"

[ -n "${GUEST_OTHER_KERNELS:-}" ] || skip "GUEST_OTHER_KERNELS is not set: tests/live/run does"
count=0
for kernel in $GUEST_OTHER_KERNELS; do
	count=$((count + 1))
	guest_start kernel$count cpus,memory,poweroff --kernel "$kernel" --mem 256M --cpus 2
	guest_ready kernel$count
	guest_ends_with kernel$count 0
	grep -q '^CPUS 2' "$scratch/kernel$count.console" || fail "$kernel: not two processors"
done
[ $count -ge 3 ] || fail "only $count kernels were tried"
expect_nothing_left
