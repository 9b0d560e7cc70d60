#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is explained of a guest adds up, agrees with the report, and finds each page that is almost a neighbour's.
# A user who is told that nokaslr would help has to be able to rely on it.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup on

page=4096
common=256 kernel=48 program=24 other=12 own=32 # pages of each kind in the two images

pages() { # count
	head -c $(($1 * page)) /dev/urandom
}

# One word in each of `count` pages from `first` on.
words_put() { # image first count octal-word
	local i
	for ((i = $2; i < $2 + $3; i++)); do
		# shellcheck disable=SC2059 # the format is the word
		printf "$4" | dd of="$1" bs=1 seek=$((i * page + 808)) conv=notrunc status=none
	done
}

# They move by whole steps of 2 MiB and of a page.
image_differ() { # image digit: the one in which addresses differ
	local at=$common
	words_put "$1" $at $kernel '\125\125\2'"$2"'0\201\377\377\377\377'
	at=$((at + kernel))
	words_put "$1" $at $program '\120\2'"$2"'0\125\125\125\177\0\0'
	words_put "$1" $((at + program)) $other 'a word '"$2"
	pages $own >> "$1"
	pages 1 > "$scratch/twice"
	cat "$scratch/twice" "$scratch/twice" >> "$1"
}

pages $((common + kernel + program + other)) | tee "$scratch/a.ram" > "$scratch/b.ram"
image_differ "$scratch/a.ram" 0
image_differ "$scratch/b.ram" 4
for name in a b; do
	"$samepage" run --ram-image "$scratch/$name.ram" --paused --mem 8M --name $name --domain tiny --dedup-cpu 100 \
		< /dev/null 2> "$scratch/$name.err" &
	guest_pid[$name]=$!
done

# All is settled once each page is of the kind that it was made to be.
is_explained() { # name
	"$samepage" explain "$1" --json > "$scratch/explained" 2> /dev/null || return 1
	jq -e --argjson page $page --argjson common $common --argjson kernel $kernel --argjson program $program \
		--argjson other $other --argjson own $own '
		.shared_between_bytes == $common * $page and .shared_within_bytes == 2 * $page
		and .unique_bytes == ($kernel + $program + $other + $own) * $page and .changing_bytes == 0
		and .neighbours[0].common_bytes == $common * $page
		and (.twins | .sample_bytes == ($kernel + $program + $other + $own) * $page and .equal_bytes == 0
			and .kernel_addresses_bytes == $kernel * $page and .program_addresses_bytes == $program * $page
			and .other_differences_bytes == $other * $page
			and .near_bytes == ($kernel + $program + $other) * $page)' "$scratch/explained" > /dev/null
}

# shellcheck disable=SC2016 # the variables are jq's
agrees_with_the_report() { # name
	"$samepage" stats --json | jq -e --arg name "$1" --slurpfile explained "$scratch/explained" '
		$explained[0] as $e | .guests[] | select(.name == $name)
		| .ram_bytes == $e.ram_bytes and .zero_bytes == $e.zero_bytes and .returned_bytes == $e.returned_bytes
		and .shared_bytes == $e.shared_between_bytes + $e.shared_within_bytes + $e.shared_alone_bytes
		and .populated_bytes == $e.unique_bytes + $e.changing_bytes + $e.huge_bytes + $e.pinned_bytes
		and .ram_bytes == .shared_bytes + .populated_bytes + .zero_bytes + .returned_bytes + $e.unused_bytes' > /dev/null
}

for name in a b; do
	await 60 is_explained $name || fail "$name is not what it was made to be: $(cat "$scratch/explained")"
	agrees_with_the_report $name || fail "$name: explain and stats disagree: $(cat "$scratch/explained")"
	say "$name: $(cat "$scratch/explained")"
done
"$samepage" explain a | grep -q "^b .*1\.0 MiB" || fail "the table does not name the neighbour"
"$samepage" explain a --sample 0 --json | jq -e '.twins.sample_bytes == 0' > /dev/null || fail "--sample 0 reads pages"
! "$samepage" explain nobody 2> /dev/null || fail "a guest that is not there was explained"
"$samepage" kill a b
for name in a b; do
	guest_end $name
done
