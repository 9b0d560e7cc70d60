#!/bin/bash
# Kernels that are not Debian 12's cloud kernel boot, find PCI's memory, and use disk and network: its standard flavour, and backports.
# They bring other drivers and other expectations of firmware; users have these and later ones.
# lab seconds: 90
. "$(dirname "$0")/network.sh"
. "$(dirname "$0")/lib.sh"

[ -n "${GUEST_OTHER_KERNELS:-}" ] || skip "GUEST_OTHER_KERNELS is not set: tests/live/run does"
serve 10.97.0.1 2
truncate -s 32M "$scratch/raw"
words=cpus,show:/proc/iomem,dhcp,fetch:http://10.97.0.1:81/file,disk:verify:vda:3,poweroff
count=0
expect_line() { # pattern what
	grep -a -q "$1" "$scratch/kernel$count.console" || fail "$kernel: $2"
}

# Some as a bzImage, some as the ELF file inside it.
for pair in $GUEST_OTHER_KERNELS; do
	kernel=${pair%:*}
	count=$((count + 1))
	guest_start kernel$count $words --kernel "$kernel" --initrd "${pair#*:}" --mem 256M --cpus 2 --dedup-cpu 50 \
		--disk "$scratch/raw" --net user
	guest_ready kernel$count
	guest_ends_with kernel$count 0 120
	expect_line '^CPUS 2' "not two processors"
	# Under either of its names.
	expect_line ' : PCI \(MMCONFIG\|ECAM\) 0000 ' "no configuration space in memory"
	expect_line '^ADDRESS 10.99.0.1' "no address by DHCP"
	expect_line '^DISK verify /dev/vda 3 RIGHT' "the disk is wrong"
	expect_same "$kernel" "$served" "$(digest_said kernel$count FETCHED)"
done
[ $count -ge 3 ] || fail "only $count kernels were tried"
expect_nothing_left
