#!/bin/bash
# The figures of `samepage stats` are those that the kernel counts, within 1 %.
# A report that flatters is worse than none: people size machines by it.
. "$(dirname "$0")/lib.sh"

guests='one two three'
for name in $guests; do
	guest_start "$name" idle
	guest_ready "$name"
done
# shellcheck disable=SC2086
converged 180 $guests || fail "merging did not converge"
for name in $guests; do
	"$SAMEPAGE" pause "$name"
done
# shellcheck disable=SC2086
converged 180 $guests || fail "merging did not converge"

broker=$(broker_pid "$domain")
[ -n "$broker" ] || fail "found no broker of $domain"
read -r store_inode store_blocks < <(find "/proc/$broker/fd" -lname '/memfd:*' -exec stat -L -c '%i %b' {} + |
	sort -k 2 -n | tail -n 1)

# Sums over a guest's mappings, in bytes: pages mapped from the store, and own
# pages in the stretch of mappings, without gaps, that is the guest's memory.
kernel_counts() { # pid
	awk -v store="$store_inode" -v ram=$((128 << 20)) '
		function stretch_end() {
			if (stretch_size * 1024 >= ram)
				own += stretch_own
			stretch_own = stretch_size = 0
		}
		/^[0-9a-f]+-[0-9a-f]+ / {
			split($1, bound, "-")
			of_store = $5 == store
			if (bound[1] != last_end || $2 !~ /^rw/ || (NF > 5 && !of_store && $6 !~ /^\[anon/))
				stretch_end()
			last_end = bound[2]
			next
		}
		$1 == "Size:" { size = $2; stretch_size += $2 }
		$1 == "Anonymous:" {
			stretch_own += $2
			if (of_store)
				shared += size - $2
		}
		END { stretch_end(); printf "%d %d\n", shared * 1024, own * 1024 }' "/proc/$1/smaps"
}

agree() { # what reported counted
	local difference=$(($2 > $3 ? $2 - $3 : $3 - $2))
	say "$1: reported $2, the kernel counts $3"
	[ $((difference * 100)) -le "$3" ] || fail "$1 differs by $difference bytes, more than 1 %"
}
for name in $guests; do
	pid=$(guest_stat "$name" pid)
	read -r shared own < <(kernel_counts "$pid")
	[ "$shared" -gt 0 ] || fail "$name shares nothing"
	agree "$name shared_bytes" "$(guest_stat "$name" shared_bytes)" "$shared"
	agree "$name populated_bytes" "$(guest_stat "$name" populated_bytes)" "$own"
	pss=$(awk '$1 == "Pss:" { print $2 * 1024 }' "/proc/$pid/smaps_rollup")
	agree "$name pss_bytes" "$(guest_stat "$name" pss_bytes)" "$pss"
done
agree store_bytes "$(domain_stat "$domain" store_bytes)" $((store_blocks * 512))

# The parts add up.
stats > "$scratch/stats.json"
jq -e '.domains | map(.reclaimed_bytes) | add == ($all | .total.reclaimed_bytes)' \
	--argjson all "$(cat "$scratch/stats.json")" "$scratch/stats.json" > /dev/null ||
	fail "the domains' reclaimed_bytes do not add up to the total"
from_guests=$(jq '[.guests[].reclaimed_bytes] | add' "$scratch/stats.json")
in_total=$(jq .total.reclaimed_bytes "$scratch/stats.json")
agree "sum of the guests' reclaimed_bytes" "$from_guests" "$in_total"
# shellcheck disable=SC2086
"$SAMEPAGE" kill $guests
for name in $guests; do
	guest_ends_with "$name" 6
done
expect_nothing_left
