#!/bin/bash
# A guest of another domain that holds the very same pages gets none of them shared.
# Whoever shares a page can learn, by the time that a write takes, that somebody else has it too.
# lab seconds: 70
. "$(dirname "$0")/lib.sh"

other=${domain}other
guest_start ours-1 idle --dedup-cpu 50
guest_start ours-2 idle --dedup-cpu 50
guest_start theirs idle --dedup-cpu 50 --domain "$other"
for name in ours-1 ours-2 theirs; do
	guest_ready "$name"
	"$SAMEPAGE" pause "$name"
done
converged 180 ours-1 ours-2 theirs || fail "merging did not converge"
[ "$(broker_pid "$domain")" != "$(broker_pid "$other")" ] || fail "both domains have one broker"

# Every store that a process has open or mapped, by device and inode.
stores_of() { # pid
	{
		find "/proc/$1/fd" -lname '*samepage-store-*' -exec stat -L -c '%Hd %Ld %i' {} + 2> /dev/null |
			while read -r major minor inode; do
				printf '%02x:%02x %s\n' "$major" "$minor" "$inode"
			done
		awk '$6 ~ "samepage-store-" { print $4, $5 }' "/proc/$1/maps"
	} | sort -u
}
stores_of "${guest_pid[theirs]}" > "$scratch/theirs"
for name in ours-1 ours-2; do
	stores_of "${guest_pid[$name]}" > "$scratch/ours"
	[ -s "$scratch/ours" ] || fail "$name shares nothing at all"
	[ -z "$(comm -12 "$scratch/ours" "$scratch/theirs")" ] || fail "$name and the other domain map one store"
done

# What remains to the lonely guest is what it has in common with itself.
"$SAMEPAGE" dump-ram theirs "$scratch/theirs.ram"
possible=$("$ORACLE" "$scratch/theirs.ram" | jq '.nonzero_pages - .distinct_nonzero_pages')
shared=$(($(domain_stat "$other" shared_mappings) - $(domain_stat "$other" frames)))
say "the other domain gives back $shared pages, of $possible equal ones within its guest"
[ "$shared" -le "$possible" ] || fail "that is more than it has in common with itself"
ours=$(domain_stat "$domain" reclaimed_bytes)
theirs=$(domain_stat "$other" reclaimed_bytes)
say "two guests of one domain give back $ours bytes, the one alone $theirs"
[ "$(guest_stat ours-1 shared_bytes)" -gt $((4 << 20)) ] || fail "guests of one domain hardly share"
for name in ours-1 ours-2 theirs; do
	"$SAMEPAGE" kill "$name"
	guest_ends_with "$name" 6
done
expect_nothing_left
