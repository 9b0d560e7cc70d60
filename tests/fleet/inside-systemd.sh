#!/bin/bash
# What units-look-after-guests.sh runs as a service of a systemd of its own.
set -eu
shopt -s inherit_errexit
export SAMEPAGE_RUNDIR=/run/samepage-units
mkdir -p /etc/systemd/system/samepage@.service.d

say() {
	printf '%s  %s\n' "$(date +%T)" "$*"
}

fail() {
	say "FAILED: $*"
	systemctl list-units --all --no-pager 'samepage*' || true
	journalctl --no-pager -n 60 || true
	exit 1
}

await() { # seconds command...
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}

main_pid() { # unit
	systemctl show --value --property MainPID "$1"
}

# As the manual has it.
example() { # text
	local script
	script=$(grep -l -F -e "$1" /examples/*.script) || fail "there is no example with '$1': change this test"
	(cd / && bash -e -u -o pipefail "$script") > "${script%script}out" 2>&1 || fail "$1: $(cat "${script%script}out")"
	cat "${script%script}out"
}

brokers() {
	systemctl list-units --plain --no-legend --state=active 'samepage-broker@*.service' | awk '{ print $1 }'
}

active_guests() {
	systemctl list-units --plain --no-legend --state=active 'samepage@*.service' | wc -l
}

all_share() { # guests
	samepage stats --json | grep -q "\"shared_mappings\":$(($1 * 1024))"
}

chgrp kvm /dev/kvm /dev/userfaultfd # as udev's rule does
# Guests without a CPU that runs can't obey their power button: 75 s would be long.
cat > /etc/systemd/system/samepage@.service.d/test.conf <<-'UNIT'
	[Service]
	ExecStop=
	ExecStop=-/usr/bin/samepage stop --timeout 0 %i
UNIT
systemctl daemon-reload

head -c 4M /dev/urandom > /etc/samepage/shop.ram
chmod 644 /etc/samepage/shop.ram
cat > /etc/samepage/shop.conf <<-'CONF'
	[defaults]
	ram-image = shop.ram
	paused = on
	log-level = info
	[guest]
	name = web
	count = 19
	[guest]
	name = db
CONF

say "a fleet comes up"
example 'systemctl enable' || fail "the fleet's unit did not start"
[ "$(systemctl is-enabled samepage-fleet@shop)" = enabled ] || fail "the fleet does not come up with the host"
[ "$(active_guests)" = 20 ] || fail "$(active_guests) units of guests are active, not 20"
[ "$(example 'samepage ps' | grep -c paused)" = 20 ] || fail "ps does not list 20 guests"
await 30 all_share 20 || fail "20 guests don't share their memory"

say "each guest is on its own, and so is the broker"
guest=$(main_pid samepage@web-3)
grep -q 'samepage-web-3.slice/samepage@web-3.service$' "/proc/$guest/cgroup" || fail "web-3 is in no slice of its own"
[ "$(ps -o user= -p "$guest")" = samepage ] || fail "web-3 is not run by samepage"
[ "$(systemctl show --value --property MemoryAccounting samepage-web-3.slice)" = yes ] || fail "no memory is counted"
[ "$(brokers | wc -l)" = 1 ] || fail "there is not one broker"
broker=$(main_pid "$(brokers)")
! grep -q 'samepage@' "/proc/$broker/cgroup" || fail "the broker lives with a guest"
! journalctl --no-pager -u 'samepage*' | grep -E 'samepage: .*(warning|error)' || fail "the fences are in the way"

say "a guest that is killed starts again"
killed=$(main_pid samepage@web-7)
kill -KILL "$killed"
# shellcheck disable=SC2317 # called by await
is_back() {
	local now
	now=$(main_pid samepage@web-7)
	[ "$now" != 0 ] && [ "$now" != "$killed" ] && systemctl --quiet is-active samepage@web-7
}
await 20 is_back || fail "web-7 did not come back"
await 30 all_share 20 || fail "who came back does not share"

say "no guest takes the broker with it"
for name in web-1 web-2 web-3; do
	systemctl stop "samepage@$name"
	[ "$(systemctl is-active "samepage@$name")" = inactive ] || fail "$name did not end cleanly"
done
example 'journalctl' | grep -q 'web-1: the guest has ended' || fail "the journal is not asked in this way"
[ "$(main_pid "$(brokers)")" = "$broker" ] || fail "the broker went with a guest"
await 30 all_share 17 || fail "the others don't share any more"

say "a second up starts what is missing"
samepage up --systemd /etc/samepage/shop.conf | tee /up.log
grep -q '^3 started in .*, 17 ran already, 0 not started$' /up.log || fail "up did not start three"
samepage up --systemd /etc/samepage/shop.conf | grep -q '^all 20 run already' || fail "up is not idempotent"

say "a wrong file is said, and keeps nobody else from running"
printf '[guest]\nname = lost\nmem = much\n' > /etc/samepage/wrong.conf
! systemctl start samepage@lost || fail "a wrong file starts"
journalctl --no-pager -u samepage@lost | grep -q 'wrong.conf:3: .*much' || fail "nobody says what is wrong"
systemctl stop samepage@lost
systemctl reset-failed samepage@lost
systemctl restart samepage@db || fail "another file's guest does not start"

say "nothing is left when the fleet goes down"
systemctl stop samepage-fleet@shop || fail "the fleet's unit did not stop"
[ "$(active_guests)" = 0 ] || fail "guests are left"
[ -z "$(brokers)" ] || fail "a broker is left"
! pgrep -x samepage || fail "a process is left"
left=$(find "$SAMEPAGE_RUNDIR" ! -type d ! -path '*/domains/starter')
[ -z "$left" ] || fail "left behind: $left"
[ -z "$(systemctl list-units --plain --no-legend --state=failed 'samepage*')" ] || fail "a unit has failed"
touch /inside.passed
