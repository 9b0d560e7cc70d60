#!/bin/bash
# With --max-sharers 2 four guests with the same pages need two copies of each; with 1 each shares with itself alone.
# How many others have a page is what the time of a write tells most about.
. "$(dirname "$0")/lib.sh"

# Each page twice in each guest, and nothing that runs there, so that the figures are exact.
distinct=2048
head -c $((distinct * 4096)) /dev/urandom > "$scratch/half.ram"
cat "$scratch/half.ram" "$scratch/half.ram" > "$scratch/whole.ram"

shares_as_asked() { # domain copies
	[ "$(domain_stat "$1" frames)" = $(($2 * distinct)) ] &&
		[ "$(domain_stat "$1" shared_mappings)" = $((4 * 2 * distinct)) ]
}

expect_copies() { # max-sharers copies
	local name names='' of=${domain}-$1
	for name in one two three four; do
		guest_launch "$name-$1" --domain "$of" --ram-image "$scratch/whole.ram" --paused \
			--dedup-cpu 100 --max-sharers "$1"
		names+=" $name-$1"
	done
	await 60 shares_as_asked "$of" "$2" ||
		fail "--max-sharers $1: $(domain_stat "$of" frames) frames for $(domain_stat "$of" shared_mappings) pages, not $2 copies of $distinct"
	[ "$(domain_stat "$of" max_sharers)" = "$1" ] || fail "the report does not say --max-sharers $1"
	say "--max-sharers $1: $(domain_stat "$of" frames) frames for $(domain_stat "$of" shared_mappings) pages"
	# shellcheck disable=SC2086
	"$SAMEPAGE" kill $names
}

expect_copies 4 1
expect_copies 2 2
expect_copies 1 4
