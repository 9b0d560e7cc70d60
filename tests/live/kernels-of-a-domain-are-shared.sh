#!/bin/bash
# Guests of one domain have their kernels at one random address, and share them; those of another domain have another one.
# A kernel that has moved itself in each guest is the largest part of an idle guest that no other one has.
# lab seconds: 90
. "$(dirname "$0")/lib.sh"

unmoved=ffffffff81000000 # where nokaslr leaves it

# From a bzImage, as distributions have them.
start() { # name domain words [option...]
	local name=$1 domain=$2 words=$3
	shift 3
	guest_launch "$name" --kernel "$GUEST_KERNEL" --initrd "$GUEST_INITRD" --mem 128M \
		--cmdline "console=ttyS0 quiet panic=-1 cryptomgr.notests$lab_words samepage.run=address,$words" "$@"
	guest_ready "$name"
	guest_says "$name" '^ADDRESS-OF-KERNEL' 60 || fail "$name does not say where its kernel is"
}

addresses() { # name
	tr -d '\r' < "$scratch/$1.console" | sed -n 's/^ADDRESS-OF-KERNEL //p'
}

start one "$domain" idle --log-level debug
start two "$domain" idle
address=$(addresses one)
say "the kernels of the domain are at $address"
moved='is moved by 0x'
grep -q "$moved" "$scratch/one.err" || fail "the kernel was not moved: $(cat "$scratch/one.err")"
[ "$(addresses two)" = "$address" ] || fail "two guests of a domain: $address and $(addresses two)"

# Its own memory is that of a guest without randomised addresses: some 16 MiB. A kernel that has
# moved itself adds its image, 15 MiB.
own_memory_is_small() {
	local name
	for name in one two; do
		[ "$(guest_stat $name populated_bytes)" -lt $((24 << 20)) ] || return 1
	done
}
await 300 own_memory_is_small || fail "kernels are not shared: $(stats | jq -c '.guests[] | {name, populated_bytes, shared_bytes, huge_bytes}')"
stats | jq -c '.guests[] | {name, populated_bytes, shared_bytes, huge_bytes}'
"$SAMEPAGE" pause one two

# Boots again, at the same address.
start again "$domain" reboot
said_twice() {
	[ "$(addresses again | wc -l)" -ge 2 ]
}
await 90 said_twice || fail "it did not boot again"
[ "$(addresses again | sort -u)" = "$address" ] || fail "after a reboot: $(addresses again)"
"$SAMEPAGE" kill again
guest_end again

# There are some 450 addresses: two domains may have one in common, three will not.
for i in 1 2; do
	start "other$i" "$domain-$i" idle
	"$SAMEPAGE" kill "other$i"
	guest_end "other$i"
done
say "other domains: $(addresses other1) $(addresses other2)"
[ "$(addresses other1)" != "$address" ] || [ "$(addresses other2)" != "$address" ] ||
	fail "all domains have one address"

# Who wants to chooses alone, or not at all.
start own "$domain" idle --kaslr guest --log-level debug
! grep "$moved" "$scratch/own.err" || fail "samepage moved it"
GUEST_CMDLINE=nokaslr guest_start fixed address,idle --kernel "$GUEST_KERNEL"
guest_ready fixed
guest_says fixed '^ADDRESS-OF-KERNEL' 60 || fail "fixed does not say where its kernel is"
[ "$(addresses fixed)" = $unmoved ] || fail "nokaslr: $(addresses fixed)"
"$SAMEPAGE" kill one two own fixed
for name in one two own fixed; do
	guest_end $name
done
expect_nothing_left
