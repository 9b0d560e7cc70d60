# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and of the caller
# SPDX-License-Identifier: Apache-2.0
# memory.sh - what a fleet of guests costs the host; to be sourced after peers.sh and ksm.sh
#
# Taken is what the host's available memory has lost, so that all is counted: brokers,
# QEMU's own memory, and the kernel's for all of them.

look_every=10 # seconds

# Free pages that the kernel keeps at hand for each processor are none of MemAvailable: after much
# was given back they are some 20 MiB, which would count against whoever gave it back.
available_kib() {
	awk '$1 == "MemAvailable:" { kib += $2 } $1 == "count:" { kib += 4 * $2 } END { print kib }' \
		/proc/meminfo /proc/zoneinfo
}

# What the host has before a fleet: what has just ended gives its memory back meanwhile.
memory_before() {
	nap 3
	before_kib=$(available_kib)
}

used_mib() {
	echo $(((before_kib - $(available_kib)) / 1024))
}

# Until thirty seconds have brought less than 1 %, or the time is over.
memory_settle() { # seconds
	local deadline=$((SECONDS + $1)) was now=0 still=0
	was=$(used_mib)
	while [ $SECONDS -lt $deadline ] && [ $still -lt 3 ]; do
		nap $look_every
		now=$(used_mib)
		say "$now MiB used"
		if [ $((now * 100)) -lt $((was * 99)) ]; then
			still=0 was=$now
		else
			still=$((still + 1))
		fi
	done
}

# As JSON, of $guests guests: per guest, and for comparison what their processes' mappings add up to.
cost() { # kind
	local used pss
	used=$((before_kib - $(available_kib)))
	pss=$(for pid in $(fleet_pids); do
		awk '$1 == "Pss:" { print $2 }' "/proc/$pid/smaps_rollup"
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }')
	jq -c -n --arg kind "$1" --argjson used $used --argjson pss "$pss" --argjson guests "$guests" \
		'{ ($kind): { mib_per_guest: ($used / 1024 / $guests * 10 | round / 10),
			pss_mib_per_guest: ($pss / 1024 / $guests * 10 | round / 10) } }'
}

clean_up_all() {
	ksm_close
	clean_up
}
