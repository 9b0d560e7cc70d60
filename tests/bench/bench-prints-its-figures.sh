#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each benchmark that needs no Linux guest ends with a line of JSON that has what bench/all reads.
# They run for minutes and by hand: one that is broken would be noticed when a figure is needed.
set -eu
shopt -s inherit_errexit
top=$(realpath "${top_srcdir:-.}")
SAMEPAGE_BUILD=$(realpath "${top_builddir:-build}")
export SAMEPAGE_BUILD
scratch=$(mktemp -d)
export TMPDIR=$scratch
trap 'trap "" TERM; kill $(jobs -p) 2> /dev/null || true; wait; rm -rf "$scratch"' EXIT
ksm=/sys/kernel/mm/ksm
measured=0

fail() {
	echo "FAILED: $*"
	exit 1
}

# Nothing where somebody else uses KSM: they are that one's then.
ksm_settings() {
	(flock -w 30 9 && cd $ksm && grep . run pages_to_scan sleep_millisecs) 9< $ksm/run || true
}

# Values are this machine's affair: only what is there counts, and that bench/all can show it.
prints() { # jq-condition command [argument...]
	local condition=$1 status=0
	shift
	echo "+ $*"
	(flock -w 30 9 || true) 9< $ksm/run # who uses KSM just now may be done soon
	timeout 120 "$top/bench/$1" "${@:2}" < /dev/null > "$scratch/out" 2> "$scratch/err" || status=$?
	case $status in
	77)
		tail -n 1 "$scratch/err"
		return
		;;
	0) ;;
	*) fail "$1 ended with $status: $(tail -n 5 "$scratch/err")" ;;
	esac
	measured=$((measured + 1))
	tail -n 1 "$scratch/out" > "$scratch/json"
	jq -e --arg name "$1" 'has("ratio") and has("goal") and (.met | type) == "boolean" and .name == $name' \
		"$scratch/json" > /dev/null || fail "$1 says $(cat "$scratch/json")"
	jq -e "$condition" "$scratch/json" > /dev/null || fail "$1 has no $condition: $(cat "$scratch/json")"
	jq -r -L "$top/bench" 'include "rows"; rows | @tsv' "$scratch/json" | grep . || fail "bench/all can't show $1"
}

command -v jq > /dev/null || { echo "SKIPPED: jq is missing"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root"; exit 77; }
[ -w $ksm/run ] || { echo "SKIPPED: this kernel has no KSM"; exit 77; }
before=$(ksm_settings)
"$SAMEPAGE_BUILD/bench/synthetic" "$scratch" 2 16

prints '.samepage.reclaimed_pages == 1024 and .ksm.reclaimed_pages > 0' against-ksm "$scratch"/synthetic-*.ram
prints '.samepage.seconds_to_99 > 0 and .ksm_defaults.waited_seconds > 0' \
	burndown --patience 1 --svg "$scratch/svg" "$scratch"/synthetic-*.ram
[ ! -e "$scratch/svg" ] || grep -q '</svg>' "$scratch/svg" || fail "burndown's plot is cut off"
prints '.aimed_1.blocked.writes > 0 and .ksm_4.all.writes > 0' stall --runs 1 --seconds 1
prints '.samepage.median_ns > 0 and .ksm.writes > 0' break --runs 1
prints '(.points | length) == 3 and all(.points[]; .samepage.reclaimed_pages > 0)' scale --guests 2,3 --sizes 8,16
prints '.native.samepage.pieces > 0 and .native.ksm.pieces > 0' interference --native --runs 1 --idle 1

# One that is interrupted puts KSM's settings back, and leaves nothing.
timeout 60 "$top/bench/stall" --runs 1 --seconds 30 < /dev/null > /dev/null 2> "$scratch/err" &
pid=$!
sleep 2
kill -TERM $pid 2> /dev/null || true
wait $pid || true
after=$(ksm_settings)
[ -z "$before" ] || [ -z "$after" ] || [ "$after" = "$before" ] || fail "KSM's settings are not as before: $after"
[ -z "$(find "$scratch" -name 'samepage-bench.*')" ] || fail "left behind: $(find "$scratch" -name 'samepage-bench.*')"
[ $measured -gt 0 ] || { echo "SKIPPED: none can run here"; exit 77; }
