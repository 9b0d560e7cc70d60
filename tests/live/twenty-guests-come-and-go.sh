#!/bin/bash
# Twenty stock guests of one file come up by one command, share, are shown by top and told to Prometheus; who dies comes up again, and all go without a trace.
# This is what somebody does who keeps a fleet: what is left behind, or is told wrongly, adds up over a year.
# lab seconds: 220
. "$(dirname "$0")/lib.sh"
command -v tmux > /dev/null || skip "tmux is missing"
command -v curl > /dev/null || skip "curl is missing"

count=20
parallel=2
export SAMEPAGE_RUNDIR=$scratch/run # no other guest of this user counts
runtime=$SAMEPAGE_RUNDIR
file=$scratch/fleet.conf
cat > "$file" <<- END
	[defaults]
	kernel = $GUEST_VMLINUX
	initrd = $GUEST_INITRD
	cmdline = console=ttyS0 quiet panic=-1 nokaslr samepage.run=idle$lab_words
	mem = 96M
	console = %n.console
	[guest]
	name = fleet
	count = $count
END
tmux=(tmux -S "$scratch/tmux" -f /dev/null)
exporter=

# Guests that `up` starts, and their broker, are no children of this script.
fleet_pids() {
	grep -l -s -a -z -x -F "SAMEPAGE_RUNDIR=$runtime" /proc/[0-9]*/environ | cut -d / -f 3 | while read -r pid; do
		[ "$(readlink "/proc/$pid/exe")" != "$(realpath "$SAMEPAGE")" ] || echo "$pid"
	done
}

clean_up_fleet() {
	local pid
	"${tmux[@]}" kill-server 2> /dev/null || true
	[ -z "$exporter" ] || kill -KILL "$exporter" 2> /dev/null || true
	for pid in $(fleet_pids); do
		kill -KILL "$pid" 2> /dev/null || true
	done
	tail -n 3 "$scratch"/*.console || true
}
clean_up_all() {
	local status=$?
	trap '' INT TERM HUP
	[ $status = 0 ] || clean_up_fleet
	(exit $status) || clean_up # which ends with this status
	clean_up
}
trap clean_up_all EXIT

up() { # what it says
	"$SAMEPAGE" up --parallel $parallel "$file" > "$scratch/up" || fail "up ended with $?"
	grep -q "^$1" "$scratch/up" || fail "up does not say '$1': $(cat "$scratch/up")"
	say "up: $(cat "$scratch/up")"
}

ready_count() {
	grep -s -l -a '^READY' "$scratch"/fleet-*.console | wc -l
}

all_ready() {
	[ "$(ready_count)" = $count ]
}

all_share() {
	stats | jq -e --argjson count $count '[.guests[] | select(.shared_bytes > 4194304)] | length == $count' > /dev/null
}

# --- up

shmem_before=$(awk '/^Shmem:/ { print $2 }' /proc/meminfo)
up "$count started"
# The last ones may still boot; and one may be between its start and the line that tells of it.
[ "$(ready_count)" -ge $((count - parallel - 1)) ] ||
	fail "only $(ready_count) guests are ready when up ends: it starts more at once than $parallel"
await $((2 * ready_seconds)) all_ready || lab_fault "$(ready_count) of $count guests are ready"
await 240 all_share || fail "they don't share their memory: $("$SAMEPAGE" stats)"
ps_lists_all() {
	[ "$("$SAMEPAGE" ps --json | jq '.guests | length')" = $count ]
}
await 60 ps_lists_all || fail "ps does not list $count: $("$SAMEPAGE" ps)"
[ "$(stats | jq '.domains | length')" = 1 ] || fail "the guests of one file are in several domains"
say "$(stats | jq -c '.total')"

# --- looked at

"${tmux[@]}" new-session -d -s top -x 100 -y 40 "'$SAMEPAGE' top --interval 5"
top_shows_all() {
	[ "$("${tmux[@]}" capture-pane -p -t top | grep -c '^fleet-[0-9]* .*[0-9]')" = $count ]
}
await 120 top_shows_all || fail "top does not show them: $("${tmux[@]}" capture-pane -p -t top)"
"${tmux[@]}" kill-server

"$SAMEPAGE" metrics --listen 127.0.0.1:0 > "$scratch/metrics.out" 2> "$scratch/metrics.err" &
exporter=$!
all_are_scraped() {
	local url
	url=$(grep -o 'http://.*' "$scratch/metrics.out") &&
		curl -sS --fail --max-time 60 "$url" > "$scratch/scrape" 2> /dev/null &&
		[ "$(grep -c '^samepage_guest_shared_bytes{.*fleet-' "$scratch/scrape")" = $count ]
}
await 180 all_are_scraped || fail "not all report to Prometheus: $(cat "$scratch/metrics.err" "$scratch/scrape")"
kill "$exporter"
wait "$exporter" || true
exporter=

# --- one dies

victim=$("$SAMEPAGE" ps --json | jq '.guests[] | select(.name == "fleet-7") | .pid')
kill -KILL "$victim"
await 20 process_is_gone "$victim" || fail "SIGKILL did not end fleet-7"
rm "$scratch/fleet-7.console"
up "1 started.* 19 ran already, 0 not started"
await $ready_seconds all_ready || lab_fault "fleet-7 is not ready again"
await 240 all_share || fail "who came back does not share: $("$SAMEPAGE" stats)"
up "all $count run already"

# --- down

"$SAMEPAGE" down --timeout 240 "$file" > "$scratch/down" || fail "down ended with $?: $(cat "$scratch/down")"
say "down: $(cat "$scratch/down")"
grep -q "^$count off, 0 ended, 0 did not run, 0 failed" "$scratch/down" || fail "not all powered off: $(cat "$scratch/down")"
[ -z "$(fleet_pids)" ] || fail "a process is left: $(fleet_pids)"
left=$(find "$runtime" ! -type d)
[ -z "$left" ] || fail "left behind: $left"
memory_is_back() { # elsewhere, others have memory of this kind, too
	[ -z "${LAB:-}" ] || [ "$(awk '/^Shmem:/ { print $2 }' /proc/meminfo)" -lt $((shmem_before + 4096)) ]
}
await 20 memory_is_back || fail "the memory of a store is left: $(grep Shmem /proc/meminfo)"
