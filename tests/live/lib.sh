# shellcheck shell=bash
# lib.sh - what the live tests are written with; to be sourced
#
# A test is a script `<noun>-<claim>.sh` whose first two comment lines say the
# claim and why it matters.  It ends with 0 (the claim holds), 1 (it does not),
# 77 (skipped, with a reason) or 75: a guest did not come up under the emulated
# hardware of the lab, which tests/live/run may try once more.
#
# Tests wait for events with a deadline; they never just sleep.  Whatever they
# start is gone when they end, however they end.
set -eu
shopt -s inherit_errexit

root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
SAMEPAGE=${SAMEPAGE:-$root/build/samepage}
ORACLE=${ORACLE:-$root/build/live/oracle}
runtime=/run/samepage
[ "$(id -u)" = 0 ] || runtime=${XDG_RUNTIME_DIR:?}/samepage
scratch=$(mktemp -d "${TMPDIR:-/tmp}/samepage-test.XXXXXX")
domain=test$$ # of this test's guests, unless it says otherwise

# A guest under emulation boots in seconds; one that takes this long hangs.
ready_seconds=120
end_seconds=60

# For the kernel of a guest in the lab: emulated time is uneven, and what keeps an
# emulated processor from speculating only makes it slow.
lab_words=${LAB:+ no_timer_check tsc=reliable mitigations=off cryptomgr.notests}

declare -A guest_pid=()

say() {
	printf '%s  %s\n' "$(date +%T)" "$*"
}

fail() {
	say "FAILED: $*"
	exit 1
}

skip() {
	say "SKIPPED: $*"
	exit 77
}

# In the lab only: the test's own claim was not reached.
lab_fault() {
	say "LAB FAULT: $*"
	[ -n "${LAB:-}" ] || exit 1
	exit 75
}

# Once in about a hundred boots a guest's kernel dies in the lab on its entry trampoline: of a
# fault before it could switch to its own stack. That points to the emulated processor, and
# proves nothing: on hardware it is a failure like any other.
processor_failed() {
	local name
	for name in "${!guest_pid[@]}"; do
		! grep -s -q -a -F '</ENTRY_TRAMPOLINE>' "$scratch/$name.console" || return 0
	done
	return 1
}

clean_up() {
	local status=$? name pid
	trap - EXIT
	trap '' INT TERM HUP # a second signal must not cut this short
	if [ $status = 1 ] && [ -n "${LAB:-}" ] && processor_failed; then
		say "LAB FAULT: a guest's kernel died where the emulated processor had just entered it"
		status=75
	fi
	if [ $status -ne 0 ] && [ $status -ne 77 ]; then
		for name in "${!guest_pid[@]}"; do
			echo "--- $name: console (last lines)"
			tail -n 40 "$scratch/$name.console" 2> /dev/null || true
			echo "--- $name: samepage's own words"
			tail -n 25 "$scratch/$name.err" 2> /dev/null || true
		done
	fi
	# A test may end before it knows the guests that it has started in other ways.
	for pid in "${guest_pid[@]}" $(own_pids run); do
		kill -KILL "$pid" 2> /dev/null || true
	done
	wait
	for pid in $(broker_pids); do
		kill -KILL "$pid" 2> /dev/null || true
	done
	# What a killed process could not take away itself must not stop the next test.
	for name in "${!guest_pid[@]}"; do
		rm -f "$runtime/guests/$name".*
	done
	rm -f "$runtime/domains/$domain"*
	rm -rf "$scratch"
	exit $status
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# Runs the command again and again until it succeeds or SECONDS are over.  Between two
# looks it rests for some time more than one takes: under emulation a look at the report
# is work, and takes the processor from the guests that are waited for.
await() { # seconds command...
	local deadline=$((SECONDS + $1)) began rest
	shift
	while :; do
		began=${EPOCHREALTIME/[.,]/}
		! "$@" || return 0
		[ $SECONDS -lt $deadline ] || return 1
		rest=$(((${EPOCHREALTIME/[.,]/} - began) * 3))
		rest=$((rest < 200000 ? 200000 : rest > 3000000 ? 3000000 : rest))
		printf -v rest '%d.%06d' $((rest / 1000000)) $((rest % 1000000))
		sleep "$rest"
	done
}

process_is_gone() { # pid
	! kill -0 "$1" 2> /dev/null
}

# --- brokers and other processes of samepage

own_pids() { # verb [domain]: of this test's domains, which all start with its own
	local process arguments
	for process in /proc/[0-9]*; do
		mapfile -d '' -t arguments 2> /dev/null < "$process/cmdline" || continue
		[ "${#arguments[@]}" -ge 3 ] || continue
		[[ ${arguments[0]} == *samepage && ${arguments[1]} == "$1" ]] || continue
		[[ "${arguments[*]} " =~ \ ${2:-$domain}([^0-9]) ]] || continue
		[ -z "${2:-}" ] || [ "${BASH_REMATCH[1]}" = ' ' ] || continue
		echo "${process#/proc/}"
	done 2> /dev/null
}

broker_pids() { # [domain]
	own_pids broker "$@"
}

broker_pid() { # domain
	broker_pids "$1" | head -n 1
}

no_broker_left() {
	[ -z "$(broker_pids)" ]
}

# --- guests

# Starts a guest of any kind in the background; its console goes to $scratch/NAME.console.
guest_launch() { # name option...
	local name=$1
	shift
	: > "$scratch/$name.console"
	# It must not outlive a test that is killed.
	setpriv --pdeathsig KILL "$SAMEPAGE" run --name "$name" --domain "$domain" --console "$scratch/$name.console" \
		"$@" < /dev/null > "$scratch/$name.out" 2> "$scratch/$name.err" &
	guest_pid["$name"]=$!
	echo boot >> "${BOOTS:-/dev/null}"
}

# Starts the busybox guest.
guest_start() { # name words-for-samepage.run [option...]
	local name=$1 words=$2 option kernel=$GUEST_KERNEL cmdline
	shift 2
	cmdline="console=ttyS0 quiet panic=-1 nokaslr cryptomgr.notests samepage.run=$words$lab_words"
	# The same kernel, unpacked: an emulated processor takes seconds for that.
	[ -z "${LAB:-}" ] || kernel=$GUEST_VMLINUX
	for option in "$@"; do
		case $option in
		--kernel) kernel='' ;;
		esac
	done
	[ -z "$kernel" ] || set -- --kernel "$kernel" "$@"
	guest_launch "$name" --mem 128M --initrd "$GUEST_INITRD" \
		--cmdline "$cmdline${GUEST_CMDLINE:+ $GUEST_CMDLINE}" "$@"
}

# The command line of the guest of guest-images/debian-disk, with a script for it to run.
debian_cmdline() { # script
	echo "$(cat "$(dirname "$GUEST_DISK")/cmdline") panic=-1$lab_words samepage.run=\"$1\""
}

# Starts that guest with less before its first process: the kernel is unpacked already, and the
# busybox guest's initrd does what Debian's own does in many more seconds.
debian_start() { # name script words-of-the-command-line [option...]
	local name=$1 cmdline
	cmdline="$(debian_cmdline "$2") $3"
	shift 3
	guest_launch "$name" --disk "$GUEST_DISK,overlay" --kernel "$GUEST_VMLINUX" --initrd "$GUEST_INITRD" \
		--cmdline "$cmdline" "$@"
}

# Waits for a line on the console; fails if the guest ends without it.
guest_says() { # name pattern seconds
	local tail_pid found=0
	exec {lines}< <(exec timeout "$3" tail -n +1 -s 0.1 -f --pid="${guest_pid[$1]}" "$scratch/$1.console")
	tail_pid=$!
	# In the background, so that a signal ends the wait.
	grep -q -m 1 -a -e "$2" <&"$lines" &
	wait $! || found=1
	kill "$tail_pid" 2> /dev/null || true
	exec {lines}<&-
	return $found
}

guest_ready() { # name...
	local name status
	for name in "$@"; do
		if guest_says "$name" '^READY' $ready_seconds; then
			! grep -a '^insmod: ' "$scratch/$name.console" || fail "$name lacks a driver"
			continue
		fi
		if process_is_gone "${guest_pid[$name]}"; then
			status=0
			wait "${guest_pid[$name]}" || status=$?
			# What samepage itself refuses is never the lab's fault.
			[ $status -gt 2 ] || fail "$name ended with $status before READY"
			lab_fault "$name ended with $status before READY"
		fi
		lab_fault "$name was not READY after $ready_seconds seconds"
	done
}

# Leaves the exit status of the guest's process in $status.
guest_end() { # name [seconds]
	await "${2:-$end_seconds}" process_is_gone "${guest_pid[$1]}" ||
		fail "$1 still runs after ${2:-$end_seconds} seconds"
	status=0
	wait "${guest_pid[$1]}" || status=$?
}

guest_ends_with() { # name expected-status [seconds]
	guest_end "$1" "${3:-$end_seconds}"
	[ "$status" = "$2" ] || fail "$1 ended with $status, not with $2"
	say "$1 ended with $2, as it should"
}

# --- the program pattern in a guest

# Starts anew until the test has seen what it waits for: how soon that is depends on the host.
# Ends the words for samepage.run.
pattern_rounds() { # seconds[:percent[:threads[:life]]]
	local rounds
	printf -v rounds "pattern:$1,%.0s" {1..40}
	echo "${rounds}idle"
}

rounds_said() { # name
	grep -a -c '^PATTERN \(OK\|ENDED\|FAILED\)' "$scratch/$1.console" || true
}

round_has_ended() { # name rounds-before
	[ "$(rounds_said "$1")" -gt "$2" ]
}

# Waits until each guest has verified all of its pages to the end of the round that is under way.
rounds_are_right() { # seconds name...
	local seconds=$1 name
	local -A ended
	shift
	for name in "$@"; do
		ended[$name]=$(rounds_said "$name")
	done
	for name in "$@"; do
		await "$seconds" round_has_ended "$name" "${ended[$name]}" || fail "$name: no word about its memory"
		! grep -a '^PATTERN \(WRONG\|ENDED\|FAILED\)' "$scratch/$name.console" || fail "$name: its memory is wrong"
	done
}

# --- the report

stats() {
	"$SAMEPAGE" stats --json
}

guest_stat() { # name key
	stats | jq -r --arg name "$1" --arg key "$2" '.guests[] | select(.name == $name) | .[$key]'
}

domain_stat() { # domain key
	stats | jq -r --arg name "$1" --arg key "$2" '.domains[] | select(.name == $name) | .[$key]'
}

# Merging has converged when every guest has been looked through twice more and hardly
# any page was gained or lost. A few break and merge again for ever in an idle guest: its
# kernel's timers write to a stack, and leave it as it was.
converged() { # seconds name...
	local seconds=$1
	shift
	settled_since=null
	await "$seconds" settled "$@" && return
	stats
	return 1
}

# One look; what was seen at the start of the stretch without change is in $settled_since.
# shellcheck disable=SC2016 # the variables are jq's
settled() { # name...
	local now
	now=$(stats | jq -c --argjson start "$settled_since" '
		[.guests[] | select(.name | IN($ARGS.positional[]))]
		| {given_back: map(.shared_bytes + .zero_bytes), passes: map(.passes)} as $now
		| ($start // $now) as $start
		| if ($now.passes | length) != ($ARGS.positional | length) then null
		elif [$start.given_back, $now.given_back] | transpose | any((.[0] - .[1] | fabs) > 16 * 4096) then $now
		else $start + {settled: ([$start.passes, $now.passes] | transpose | all(.[1] >= .[0] + 2))}
		end' --args "$@")
	settled_since=${now:-null}
	[[ $now == *'"settled":true'* ]]
}

# Nothing there bears the name of a guest or domain of this test.
runtime_is_clean() { # [name...]
	local name file
	for name in "${!guest_pid[@]}" "$@"; do
		[ ! -e "$runtime/guests/$name.sock" ] || return 1
	done
	for file in "$runtime"/domains/"$domain"*; do
		[ ! -e "$file" ] || return 1
	done
}

# The end of a test that ended all its guests: nothing may be left.
expect_nothing_left() {
	await 20 no_broker_left || fail "a broker outlives its guests"
	await 5 runtime_is_clean || fail "left in $runtime: $(find "$runtime" -type f -o -type s | tr '\n' ' ')"
}

GUEST_KERNEL=${GUEST_KERNEL:-$("$root/guest-images/kernel" linux-image-cloud-amd64 vmlinuz)}
GUEST_VMLINUX=${GUEST_VMLINUX:-$("$root/guest-images/kernel" linux-image-cloud-amd64 vmlinux)}
GUEST_DISK=${GUEST_DISK:-$("$root/guest-images/debian-disk")}
GUEST_INITRD=${GUEST_INITRD:-$("$root/guest-images/busybox")}
export GUEST_VMLINUX
