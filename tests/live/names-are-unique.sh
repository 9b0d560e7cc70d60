#!/bin/bash
# A second guest of a name is refused, and the first one does not notice; --count names its guests itself.
# The name is how every other command finds the guest.
. "$(dirname "$0")/lib.sh"

guest_start taken idle
guest_ready taken
status=0
"$SAMEPAGE" run --kernel "$GUEST_KERNEL" --name taken --console none > "$scratch/out" 2> "$scratch/err" || status=$?
[ "$status" = 1 ] || fail "the second guest named 'taken' ended with $status: $(cat "$scratch/err")"
grep -q taken "$scratch/err" || fail "the refusal does not name the guest: $(cat "$scratch/err")"
"$SAMEPAGE" ps | grep -q taken || fail "the first guest is lost"
"$SAMEPAGE" kill taken
guest_ends_with taken 6

"$SAMEPAGE" run --kernel "$GUEST_KERNEL" --initrd "$GUEST_INITRD" --mem 128M --domain "$domain" \
	--cmdline "console=ttyS0 quiet panic=-1$lab_words" --name herd --count 3 --detach --console "$scratch/%n.console"
# All of them are known before the first is waited for: what this test has started must end with it.
for name in herd-1 herd-2 herd-3; do
	guest_pid["$name"]=$(guest_stat $name pid)
	[ -n "${guest_pid[$name]}" ] || fail "$name is not in the report"
done
guest_ready herd-1 herd-2 herd-3
"$SAMEPAGE" stop herd-1 herd-2 herd-3 --timeout 60
for name in herd-1 herd-2 herd-3; do
	await 20 process_is_gone "${guest_pid[$name]}" || fail "$name is still there"
done
expect_nothing_left
