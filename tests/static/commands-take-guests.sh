#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command for guests takes one name, several, a domain or all; last words outlive their guest.
# Whoever keeps a fleet types names of many guests, and learns from a log why one is gone.
set -eu
samepage=$(realpath "${top_builddir:-build}")/samepage
scratch=$(mktemp -d)
export SAMEPAGE_RUNDIR="$scratch/run"
trap '"$samepage" kill --all > /dev/null 2>&1 || true; rm -rf "$scratch"' EXIT
(exec 3<> /dev/kvm) 2> /dev/null || { echo "SKIPPED: /dev/kvm does not open"; exit 77; }
cd "$scratch"

fail() {
	echo "FAILED: $*"
	exit 1
}

start() { # name option...
	local name=$1
	shift
	"$samepage" run --ram-image ram --paused --detach --name "$name" "$@"
}

# The names in what a command prints as JSON, one line for all or one for each.
names() { # command...
	"$samepage" "$@" --json > json || fail "$*: status $?"
	grep -o '"name":"[a-z]*-\?[0-9]*","domain":"[@a-z]*[^"]*","\(pid\|ram\)' json | cut -d '"' -f 4 | tr '\n' ' '
}

refused() { # word command...
	local word=$1
	shift
	! "$samepage" "$@" > out 2> err || fail "$* is not refused"
	grep -q -e "$word" err || fail "$*: $(cat err)"
}

head -c 2M /dev/urandom > ram
start web --count 3 --domain shop
start solo --log-level info

for verb in ps stats explain; do
	[ "$(names $verb web-2)" = "web-2 " ] || fail "$verb with one name: $(cat json)"
	[ "$(names $verb web-3 solo web-3)" = "solo web-3 " ] || fail "$verb with two names: $(cat json)"
	[ "$(names $verb --domain shop)" = "web-1 web-2 web-3 " ] || fail "$verb with a domain: $(cat json)"
	[ "$(names $verb --all)" = "solo web-1 web-2 web-3 " ] || fail "$verb with all: $(cat json)"
	refused "nobody" $verb nobody
	refused "domain 'nowhere'" $verb --domain nowhere
	refused "exclude" $verb --all web-1
done
[ "$(names ps)" = "$(names ps --all)" ] || fail "ps alone does not list all"
[ "$(names stats)" = "$(names stats --all)" ] || fail "stats alone does not list all"

# Those that look again and again: who does not run now may run at the next look.
told() { # target...
	"$samepage" metrics --textfile - "$@" > out || fail "metrics $*: status $?"
	sed -n 's/^samepage_guest_ram_bytes{guest="\([^"]*\)".*/\1/p' out | tr '\n' ' '
}
shown() { # target...
	"$samepage" top --batch --frames 1 --interval 1 "$@" > out || fail "top $*: status $?"
	sed '1,/^NAME/d; s/ .*//' out | tr '\n' ' '
}
for command in told shown; do
	[ "$($command)" = "solo web-1 web-2 web-3 " ] || fail "$command: $(cat out)"
	[ "$($command --all)" = "solo web-1 web-2 web-3 " ] || fail "$command with all: $(cat out)"
	[ "$($command web-3 nobody solo web-3)" = "solo web-3 " ] || fail "$command with names: $(cat out)"
	[ "$($command --domain shop)" = "web-1 web-2 web-3 " ] || fail "$command with a domain: $(cat out)"
	[ "$($command --domain nowhere)" = "" ] || fail "$command with a domain of nobody: $(cat out)"
done
told web-2 > /dev/null
grep -q '^samepage_domain_guests{domain="shop"} 3$' out || fail "a domain is no longer that of all its guests: $(cat out)"
! grep -q '{domain="solo' out || fail "there are other domains: $(cat out)"
for verb in metrics top; do
	refused "exclude" $verb --all web-1
	refused "exclude" $verb --all --domain shop
done

"$samepage" pause web-1 solo
"$samepage" pause --domain shop
"$samepage" pause --all
# They have nothing to run, which each of them says.
for guests in 'web-1 web-3' '--domain shop' '--all'; do
	# shellcheck disable=SC2086 # these are words
	refused "'web-3' was made of a RAM image" resume $guests
done
for verb in pause resume kill stop balloon logs; do
	refused "which guests" $verb
	refused "exclude" $verb --domain shop --all
done
refused "'nobody'" pause nobody
refused "'solo' has no driver" balloon solo
refused "can keep" balloon web-1 web-2 1M
refused "can keep" balloon --domain shop 1M
refused "one too many" console solo web-1

"$samepage" logs --all --follow > followed &
follower=$!
"$samepage" stop --timeout 0 --domain shop > out
[ "$(wc -l < out)" = 3 ] || fail "stop says: $(cat out)"
"$samepage" kill solo
wait $follower || fail "logs --follow ends with $?"
[ "$(names ps)" = "" ] || fail "still there: $(names ps)"
grep -q '^20..-..-..T..:..:..Z samepage solo: the guest has ended from outside$' followed ||
	fail "what was followed lacks the end: $(cat followed)"
"$samepage" logs solo | grep -q 'ended from outside' || fail "the last words are gone"
refused "has left no log" logs web-1

# The next guest of that name puts the words aside; they are still shown, before its own.
start solo --log-level info
"$samepage" kill --all
[ "$("$samepage" logs solo | grep -c 'ended from outside')" = 2 ] || fail "two lives: $("$samepage" logs solo)"
"$samepage" kill --all || fail "there is nothing to kill, and that is as wished"
[ "$(told)$(told --all)$(shown)$(shown --all)" = "" ] || fail "there is nobody to look at, and that is as wished"

# Where standard error is the journal, no file is made, and journalctl is asked.
mkdir bin
# shellcheck disable=SC2016 # the variable is the stand-in's
printf '#!/bin/sh\necho journalctl "$@"\n' > bin/journalctl
chmod +x bin/journalctl
(
	exec 2> journal
	JOURNAL_STREAM=$(stat -L -c %d:%i journal)
	export JOURNAL_STREAM
	start unit.1 --log-level info
)
[ ! -e run/guests/unit.1.log ] || fail "there is a log beside the journal"
said=$(PATH=$scratch/bin:$PATH "$samepage" logs unit.1 --follow)
[ "$said" = "journalctl -q -t samepage -g ^(unit[.]1):  -f" ] || fail "the journal is asked: $said"
"$samepage" kill unit.1
grep -q '^<6>unit.1: the guest has ended from outside$' journal || fail "the journal has: $(cat journal)"
