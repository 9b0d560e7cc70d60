#!/bin/bash
# A guest that is killed with SIGKILL, or interrupted, leaves no broker, no socket and no wrong name behind.
# The next guest of that name must start; a machine must not fill with what dead guests left.
. "$(dirname "$0")/lib.sh"

guest_start doomed idle
guest_start interrupted idle
guest_ready doomed interrupted
kill -KILL "${guest_pid[doomed]}"
guest_end doomed
kill -TERM "${guest_pid[interrupted]}"
guest_ends_with interrupted 6
await 20 no_broker_left || fail "a broker outlives its guests"
"$SAMEPAGE" ps | grep -q doomed && fail "ps lists a dead guest"
stats | jq -e '.guests | length == 0' > /dev/null || fail "stats lists a dead guest"
guest_start doomed poweroff
guest_ready doomed
guest_ends_with doomed 0
expect_nothing_left
