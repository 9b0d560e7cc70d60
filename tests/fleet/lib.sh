# shellcheck shell=bash
# lib.sh - what the tests of fleets are written with; to be sourced
. "$(dirname "${BASH_SOURCE[0]}")/../guest/lib.sh"
shopt -s inherit_errexit

samepage() {
	"$build/samepage" "$@"
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

clean_up_more() {
	# Numbers, one a word.
	# shellcheck disable=SC2046
	kill -KILL $(ours) 2> /dev/null
}

(exec 3<> /dev/kvm) 2> /dev/null || skip "/dev/kvm does not open"
