#!/bin/sh
# An include never points up: a layer knows only those below it.
# What is wrong here would make the pure parts untestable without the whole.
set -eu
cd "${top_srcdir:-.}"

allowed() { # folder: the folders that it may include
	case $1 in
	base) echo base ;;
	dedup) echo base dedup ;;
	wire) echo base dedup wire ;;
	vmm) echo base dedup wire vmm ;;
	broker) echo base dedup wire broker ;;
	disk) echo base disk ;;
	net) echo base net ;;
	devices) echo base vmm disk net devices ;;
	cli) echo base dedup wire vmm broker disk net devices cli ;;
	esac
}

wrong=0
for folder in base dedup wire vmm broker disk net devices cli; do
	for file in "$folder"/*.[ch]; do
		# Words without blanks.
		# shellcheck disable=SC2013
		for included in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
			case " $(allowed "$folder") " in
			*" $included "*) ;;
			*) echo "$file includes $included/, which is not below $folder/"; wrong=1 ;;
			esac
		done
	done
done
# the engine is pure: neither KVM nor sockets nor mappings
if grep -nE '#include <(linux/|sys/(socket|mman|ioctl)\.h)' dedup/*.[ch]; then
	echo "dedup/ must not know the kernel"; wrong=1
fi
exit $wrong
