#!/bin/bash
# The figures of `samepage stats` are those that the kernel counts, within 1 %.
# A report that flatters is worse than none: people size machines by it.
# lab seconds: 70
. "$(dirname "$0")/lib.sh"

guests='one two three'
for name in $guests; do
	guest_start "$name" idle --dedup-cpu 100
	guest_ready "$name"
	"$SAMEPAGE" pause "$name"
done
# shellcheck disable=SC2086
converged 180 $guests || fail "merging did not converge"

broker=$(broker_pid "$domain")
[ -n "$broker" ] || fail "found no broker of $domain"
read -r store_blocks < <(find "/proc/$broker/fd" -lname '*samepage-store-*' -exec stat -L -c %b {} +)

# Sums over a guest's mappings, in bytes: pages mapped from the store, and own
# pages in the stretch of mappings, without gaps, that is the guest's memory. What the
# kernel has put beside it is none of it: guest memory is left out of core dumps (dd).
kernel_counts() { # pid
	awk -v ram=$((128 << 20)) '
		function stretch_end() {
			if (stretch_size * 1024 >= ram)
				own += stretch_own
			stretch_own = stretch_size = 0
		}
		/^[0-9a-f]+-[0-9a-f]+ / {
			split($1, bound, "-")
			of_store = $2 ~ /^rw/ && $6 ~ /samepage-store-/
			if (bound[1] != last_end || $2 !~ /^rw/ || (NF > 5 && !of_store && $6 !~ /^\[anon/))
				stretch_end()
			last_end = bound[2]
			next
		}
		$1 == "Size:" { size = $2; stretch_size += $2 }
		$1 == "Anonymous:" {
			anonymous = $2
			if (of_store)
				shared += size - $2
		}
		$1 == "VmFlags:" && (of_store || / dd( |$)/) { stretch_own += anonymous }
		END { stretch_end(); printf "%d %d\n", shared * 1024, own * 1024 }' "/proc/$1/smaps"
}

agree() { # what reported counted
	local difference=$(($2 > $3 ? $2 - $3 : $3 - $2))
	say "$1: reported $2, the kernel counts $3"
	[ $((difference * 100)) -le "$3" ] || fail "$1 differs by $difference bytes, more than 1 %"
}
# A pass may have ended while the kernel counted: the reports before and behind are the bounds.
agree_between() { # what reported-before reported-behind counted
	local low=$(($2 < $3 ? $2 : $3)) high=$(($2 > $3 ? $2 : $3))
	agree "$1" $(($4 < low ? low : $4 > high ? high : $4)) "$4"
}
figure() { # file name key
	jq --arg name "$2" --arg key "$3" '.guests[] | select(.name == $name) | .[$key]' "$1"
}
for name in $guests; do
	pid=$(guest_stat "$name" pid)
	stats > "$scratch/before.json"
	read -r shared own < <(kernel_counts "$pid")
	pss=$(awk '$1 == "Pss:" { print $2 * 1024 }' "/proc/$pid/smaps_rollup")
	stats > "$scratch/behind.json"
	[ "$shared" -gt 0 ] || fail "$name shares nothing"
	for key in shared:$shared populated:$own pss:$pss; do
		agree_between "$name ${key%:*}_bytes" "$(figure "$scratch/before.json" "$name" "${key%:*}_bytes")" \
			"$(figure "$scratch/behind.json" "$name" "${key%:*}_bytes")" "${key#*:}"
	done
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
# What is explained of a guest adds up to its RAM, and to what the report says of it.
# shellcheck disable=SC2016 # the variables are jq's
explained() { # name: an expression of what is explained ($e) and reported ($r) for each rule that is broken
	"$SAMEPAGE" explain --json "$1" > "$scratch/explained.json" || return 1
	jq -r --arg name "$1" --slurpfile all "$scratch/explained.json" '
		$all[0] as $e | (.guests[] | select(.name == $name)) as $r
		| [ "shared_between", "shared_within", "shared_alone", "zero", "returned", "unused", "unique", "changing",
			"huge", "pinned" ] as $parts
		| [ ([$parts[] | $e[. + "_bytes"]] | add) == $e.ram_bytes, "the parts are not the RAM",
			$e.ram_bytes == $r.ram_bytes, "ram_bytes",
			$e.shared_between_bytes + $e.shared_within_bytes + $e.shared_alone_bytes == $r.shared_bytes, "shared_bytes",
			$e.zero_bytes == $r.zero_bytes, "zero_bytes",
			$e.returned_bytes == $r.returned_bytes, "returned_bytes",
			$e.unique_bytes + $e.changing_bytes + $e.huge_bytes + $e.pinned_bytes == $r.populated_bytes, "populated_bytes",
			($e.neighbours | length) == 2, "neighbours",
			$e.neighbours[0].common_bytes >= $e.neighbours[1].common_bytes, "the best neighbour is not the first",
			$e.neighbours[0].common_bytes > 0, "nothing in common",
			$e.neighbours[0].common_bytes <= $e.shared_between_bytes, "more in common than is shared",
			$e.twins.sample_bytes <= $e.unique_bytes, "the sample is more than all",
			$e.twins.equal_bytes + $e.twins.near_bytes <= $e.twins.sample_bytes, "more twins than pages",
			$e.twins.near_bytes == $e.twins.kernel_addresses_bytes + $e.twins.program_addresses_bytes
				+ $e.twins.other_differences_bytes, "near_bytes" ]
		| . as $rules | range(0; length; 2) | select($rules[.] | not) | $rules[. + 1]' "$scratch/stats.json"
}

# The guests are paused, and merging has converged: still a page may change between the two questions.
explanation_agrees() { # name
	stats > "$scratch/stats.json"
	disagreements=$(explained "$1") || return 1
	[ -z "$disagreements" ]
}
for name in $guests; do
	await 30 explanation_agrees "$name" ||
		fail "$name: explain and stats disagree: $disagreements: $(cat "$scratch/explained.json")"
	say "$name: explained as it is reported"
done
! "$SAMEPAGE" explain no-such-guest 2> /dev/null || fail "a guest that is not there was explained"

# shellcheck disable=SC2086
"$SAMEPAGE" kill $guests
for name in $guests; do
	guest_ends_with "$name" 6
done
expect_nothing_left
