# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the benchmarks have in common; to be sourced
#
# A fleet: samepage with a run-time directory of its own, so that it sees no
# other guest of this user, and so that its processes are known by it: each of
# them, however it was started, has the directory in its environment.

root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
build=$(realpath -m "${SAMEPAGE_BUILD:-$root/build}")
command_name=$(basename "$0")
scratch=

say() {
	echo "$command_name: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# What this machine can't do is no failure: bench/all tells the two apart.
refuse() {
	say "$*"
	exit 77
}

# The command's head is its manual.
usage() { # exit-status
	sed -n '3,/^[^#]/s/^#\( \|$\)//p' "$0"
	exit "$1"
}

number_or_usage() { # text
	[[ $1 =~ ^[1-9][0-9]*$ ]] || usage 2
}

now_us() { # variable
	printf -v "$1" '%s' "${EPOCHREALTIME/[.,]/}"
}

# What a command has to undo, whatever ends it: once, as a whole, and with the status that it
# ends with. timeout(1) and terminals send a signal more than once.
at_end_command=:

at_end_run() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	$at_end_command
	exit $status
}

at_end() { # command
	at_end_command=$1
	trap at_end_run EXIT
	trap "trap '' INT TERM HUP; exit 130" INT
	trap "trap '' INT TERM HUP; exit 143" TERM
	trap "trap '' INT TERM HUP; exit 129" HUP
}

# A trap waits for a command in the foreground, but not for `wait`.
nap() { # seconds
	sleep "$1" &
	wait $!
}

# When merging came to rest, in microseconds, and the number of pages then.
# shellcheck disable=SC2034 # the caller's
watch() { # guests seconds pid... | ksm seconds pages
	local watcher status=0
	"$build/bench/watch" "$@" > "$scratch/watched" &
	watcher=$!
	wait $watcher || status=$?
	[ $status != 4 ] || die "while KSM was measured, memory of other programs joined ours: run it again"
	[ $status != 3 ] || die "merging goes on after $2 s"
	[ $status = 0 ] || die "cannot watch merging"
	read -r rest_us rest_pages < "$scratch/watched"
}

samepage() {
	SAMEPAGE_RUNDIR=$scratch/run "$build/samepage" "$@"
}

fleet_open() {
	local program
	for program in samepage bench/blocked bench/breaks bench/busy bench/cpu-clock bench/curve bench/mergeable bench/oracle bench/synthetic bench/until bench/watch; do
		[ -x "$build/$program" ] ||
			die "$build/$program does not exist: run ./demo, which builds it, or set SAMEPAGE_BUILD"
	done
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/samepage-bench.XXXXXX")
}

# The processes of this fleet, one a line.
fleet_pids() {
	local process entry
	[ -n "$scratch" ] || return 0
	for process in /proc/[0-9]*; do
		{
			while read -r -d '' entry; do
				[ "$entry" != "SAMEPAGE_RUNDIR=$scratch/run" ] || echo "${process#/proc/}"
			done < "$process/environ"
		} 2> /dev/null || true
	done
}

# Ends what is left of the fleet, however it is; what a guest owns is gone with it.
fleet_end() {
	local pids
	while mapfile -t pids < <(fleet_pids) && [ ${#pids[@]} -gt 0 ]; do
		kill -KILL "${pids[@]}" 2> /dev/null || true
		sleep 0.05
	done
}
