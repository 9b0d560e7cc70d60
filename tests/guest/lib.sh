# shellcheck shell=bash
# lib.sh - what the tests with tiny guests are written with; to be sourced
#
# A test is a script `<noun>-<claim>.sh` whose first comment lines say the claim and why.
# It waits for events with a deadline; what it starts is gone when it ends.
set -eu
build=$(realpath "${top_builddir:-build}")
samepage=$build/samepage
scratch=$(mktemp -d)
export SAMEPAGE_RUNDIR="$scratch/run"
declare -A guest_pid=()
guest_runner=() # a command that starts what follows, in its own process

# For a test that has more than guests to take away.
clean_up_more() { :; }

clean_up() {
	local status=$?
	trap - EXIT
	[ $status = 0 ] || [ $status = 77 ] || tail -n 20 "$scratch"/*.console "$scratch"/*.err || true
	# A pid that was waited for is no longer ours.
	for name in "${!guest_pid[@]}"; do
		kill -KILL "${guest_pid[$name]}" 2> /dev/null || true
	done
	clean_up_more || true # what it started must end before it can be waited for
	wait
	rm -rf "$scratch"
	exit $status
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

say() {
	printf '%s  %s\n' "$(date +%T)" "$*"
}

fail() {
	say "FAILED: $*"
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
		sleep 0.1
	done
}

# Starts a guest in the background; its console goes to $scratch/NAME.console.
guest_start() { # name program words [option...]
	local name=$1 program=$2 words=$3
	shift 3
	"${guest_runner[@]}" "$samepage" run --kernel "$build/tests/guest/$program.elf" --cmdline "$words" --mem 8M --name "$name" \
		--console "$scratch/$name.console" "$@" < /dev/null 2> "$scratch/$name.err" &
	guest_pid["$name"]=$!
}

broker_pids() { # domain
	local process arguments
	for process in /proc/[0-9]*; do
		mapfile -d '' -t arguments 2> /dev/null < "$process/cmdline" || continue
		[ "${#arguments[@]}" -ge 3 ] || continue
		[[ ${arguments[1]} == broker && " ${arguments[*]} " == *" $1 "* ]] || continue
		echo "${process#/proc/}"
	done 2> /dev/null
}

guest_is_gone() { # name
	! kill -0 "${guest_pid[$1]}" 2> /dev/null
}

guest_says() { # name pattern
	grep -q -a -e "$2" "$scratch/$1.console" 2> /dev/null
}

# Leaves the exit status of the guest's process in $status.
guest_end() { # name
	await 60 guest_is_gone "$1" || fail "$1 does not end"
	status=0
	wait "${guest_pid[$1]}" || status=$?
	unset "guest_pid[$1]"
}

guest_ends_with() { # name expected-status
	guest_end "$1"
	[ "$status" = "$2" ] || fail "$1 ended with $status, not with $2"
	say "$1: $(tr '\n' ' ' < "$scratch/$1.console")- status $status"
}

# Not every /dev/kvm runs guests, and not every user may have one.
guest_skip_without_kvm() { # [option...]
	guest_start probe ends off "$@"
	guest_end probe
	[ $status = 1 ] || return 0
	! grep -q -e /dev/kvm -e '^samepage: KVM' -e 'processor refuses' -e userfaultfd "$scratch/probe.err" ||
		skip "$(cat "$scratch/probe.err")"
}
