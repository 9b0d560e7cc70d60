# shellcheck shell=bash
# lib.sh - what the tests of fleets are written with; to be sourced
set -eu
shopt -s inherit_errexit
build=$(realpath "${top_builddir:-build}")
scratch=$(mktemp -d /tmp/samepage-fleet-XXXXXX)
export SAMEPAGE_RUNDIR="$scratch/run"

samepage() {
	"$build/samepage" "$@"
}

fail() {
	echo "FAILED: $*"
	exit 1
}

skip() {
	echo "SKIPPED: $*"
	exit 77
}

await() { # seconds command...
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# Processes of this test's run-time directory: guests, starters, brokers.
ours() {
	local process
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/exe" 2> /dev/null)" = "$build/samepage" ] || continue
		tr '\0' '\n' < "$process/environ" 2> /dev/null | grep -q -x "SAMEPAGE_RUNDIR=$SAMEPAGE_RUNDIR" || continue
		echo "${process#/proc/}"
	done
}

pid_of() { # guest
	samepage ps | awk -v name="$1" '$1 == name { print $3 }'
}

running() {
	samepage ps | grep -c paused || true
}

clean_up() {
	local status=$?
	trap - EXIT
	# Numbers, one a word.
	# shellcheck disable=SC2046
	kill -KILL $(ours) 2> /dev/null || true
	rm -rf "$scratch"
	exit $status
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

(exec 3<> /dev/kvm) 2> /dev/null || skip "/dev/kvm does not open"
