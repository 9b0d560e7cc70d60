#!/bin/bash
# `samepage stop` lets a guest power itself off; where it does not listen, the deadline ends it.
# A guest stopped the hard way loses what it had not written yet.
. "$(dirname "$0")/lib.sh"

guest_start polite idle
guest_start deaf pattern:300:10:1
guest_start killed idle
guest_ready polite deaf killed
"$SAMEPAGE" ps | grep -q polite || fail "ps does not list the guest: $("$SAMEPAGE" ps)"
"$SAMEPAGE" stop polite --timeout 60 || fail "stop said $?"
guest_ends_with polite 0
grep -q 'POWER BUTTON' "$scratch/polite.console" || fail "the guest did not see its power button"
"$SAMEPAGE" kill killed || fail "kill said $?"
guest_ends_with killed 6
guest_says deaf '^PATTERN FILLED' 60 || fail "the load did not start"
# Paused processors can't answer the button.
"$SAMEPAGE" pause deaf
"$SAMEPAGE" stop deaf --timeout 3 || true
guest_ends_with deaf 6
expect_nothing_left
