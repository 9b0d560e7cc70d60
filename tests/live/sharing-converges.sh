#!/bin/bash
# Four alike guests end up sharing at least 95 % of what their memory allows, and not one byte of it changes.
# The bound is counted offline from their dumped memory, by a program that shares no code with samepage.
# runs on: every kernel
# lab seconds: 100
. "$(dirname "$0")/lib.sh"

guests='one two three four'
for name in $guests; do
	guest_start "$name" idle --dedup-cpu 100
	guest_ready "$name"
done
for name in $guests; do
	"$SAMEPAGE" pause "$name"
	"$SAMEPAGE" dump-ram "$name" "$scratch/$name.before"
done
merges_before=$(stats | jq '[.guests[].merges_total] | add')
say "all are up; waiting for merging to converge"
# shellcheck disable=SC2086
converged 180 $guests || fail "merging did not converge"
stats | jq -c .
for name in $guests; do
	"$SAMEPAGE" dump-ram "$name" "$scratch/$name.after"
	before=$(sha256sum < "$scratch/$name.before")
	after=$(sha256sum < "$scratch/$name.after")
	[ "$before" = "$after" ] || fail "merging changed the memory of $name: $(
		cmp -l "$scratch/$name.before" "$scratch/$name.after" | head -n 3)"
done
merges_after=$(stats | jq '[.guests[].merges_total] | add')
say "$((merges_after - merges_before)) merges while paused, $merges_after in all"
possible=$("$ORACLE" "$scratch"/{one,two,three,four}.after)
possible=$(jq '.nonzero_pages - .distinct_nonzero_pages' <<< "$possible")
shared=$(($(domain_stat "$domain" shared_mappings) - $(domain_stat "$domain" frames)))
say "$shared of $possible possible pages are given back"
[ $((shared * 100)) -ge $((possible * 95)) ] || fail "that is less than 95 %"
[ "$shared" -le "$possible" ] || fail "that is more than can be"

# The guests go on as if nothing had been: their frames break, their kernels live.
for name in $guests; do
	"$SAMEPAGE" resume "$name"
	"$SAMEPAGE" stop "$name" --timeout 60
	guest_ends_with "$name" 0
done

# The same memory once more, this time given as images, unmerged when it is digested first.
for name in $guests; do
	"$SAMEPAGE" run --name "again-$name" --domain "$domain" --mem 128M --ram-image "$scratch/$name.before" \
		--paused --console none --dedup-cpu 100 \
		< /dev/null > "$scratch/again-$name.out" 2> "$scratch/again-$name.err" &
	guest_pid["again-$name"]=$!
done
guests_again='again-one again-two again-three again-four'
all_listed() {
	[ "$(stats | jq '[.guests[] | select(.name | startswith("again-"))] | length')" = 4 ]
}
await 30 all_listed || fail "guests from images did not start"
# shellcheck disable=SC2086
converged 180 $guests_again || fail "merging of the images did not converge"
for name in $guests; do
	"$SAMEPAGE" dump-ram "again-$name" "$scratch/$name.after"
	cmp "$scratch/$name.before" "$scratch/$name.after" || fail "merging changed an image"
	[ "$(guest_stat "again-$name" shared_bytes)" -gt 0 ] || fail "an image shares nothing"
	"$SAMEPAGE" kill "again-$name"
	guest_ends_with "again-$name" 6
done
expect_nothing_left
