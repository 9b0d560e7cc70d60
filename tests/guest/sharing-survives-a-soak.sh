#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Guests that check every word of their memory find no wrong one, whatever happens to them and to their broker at the same time.
# What goes wrong once in a thousand times shows only where everything happens at once, for long.
#
# SOAK_SECONDS says for how long (60).  The seed is printed: SOAK_SEED=N does the same to
# guests and broker again, in the same order.  What a host lets nobody do (swap on a file,
# limits of mappings, huge pages, KVM's log) is left out, and said.  What it lets us do must have
# had an effect by the end, or the test has shown less than it says.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup on

seconds=${SOAK_SECONDS:-60}
seed=${SOAK_SEED:-$((${EPOCHREALTIME/[.,]/} / 1000 % 30000))}
say "SOAK_SEED=$seed, $seconds seconds"
RANDOM=$seed
domain=soak$$
names=(a b c) # more would hardly get anywhere on two processors
declare -A paused=() most=()
figures=(merges_total breaks_total reported_bytes shared_bytes zero_bytes returned_bytes
	huge_bytes declined_bytes writes_tracked swapped)
# What must have been more than 0 at some time.
needed=(merges_total breaks_total reported_bytes shared_bytes zero_bytes returned_bytes)
for figure in "${figures[@]}"; do
	most[$figure]=0
done
group=
swap=

# Over all guests of a report on the input; true counts as 1.
figure_of() { # figure
	jq "[.guests[].$1 | if . == true then 1 else . // 0 end] | add // 0"
}

# --- what the host may have, or not

group_is_empty() {
	[ ! -s "$group/cgroup.procs" ]
}

clean_up_more() {
	local pid
	for pid in $(broker_pids "$domain"); do
		kill -KILL "$pid" 2> /dev/null || true
	done
	[ -z "$swap" ] || { swapoff "$swap" && rm -f "$swap"; } || true
	[ -z "$group" ] || { await 10 group_is_empty && rmdir "$group"; } || true
}

# All of the group's memory is pushed out by a write to $reclaim.
group_open() {
	local version root
	for version in 2 1; do
		root=$(findmnt -n -o TARGET -t "cgroup${version#1}" -O memory 2> /dev/null | head -n 1)
		[ $version = 1 ] || root=$(findmnt -n -o TARGET -t cgroup2 2> /dev/null | head -n 1)
		[ -n "$root" ] || continue
		[ $version = 1 ] || grep -q -w memory "$root/cgroup.subtree_control" 2> /dev/null || continue
		mkdir "$root/$domain" 2> /dev/null || continue
		group=$root/$domain
		reclaim=$group/memory.reclaim reclaim_words=64M
		[ ! -e "$reclaim" ] || return 0
		reclaim=$group/memory.force_empty reclaim_words=0
		[ ! -e "$reclaim" ] || return 0
		rmdir "$group"
		group=
	done
	return 1
}

# Not every file system has files that can be swap, so another place is tried.
swap_open() {
	local place file
	[ "$(id -u)" = 0 ] || { echo "not root"; return 1; }
	group_open || { echo "no group of processes whose memory can be reclaimed"; return 1; }
	for place in "$scratch" /var/tmp; do
		file=$(mktemp -p "$place" soak-swap.XXXXXX) || continue
		if fallocate -l 96M "$file" && mkswap "$file" > /dev/null && swapon "$file"; then
			swap=$file
			return 0
		fi
		rm -f "$file"
	done
	return 1
}

if swap_open > "$scratch/why" 2>&1; then
	needed+=(swapped)
else
	say "without swap: $(tail -n 1 "$scratch/why")"
	reclaim=/dev/null reclaim_words=
fi

# A guest that boots on huge pages, and then is tracked, shows that there are some and that KVM can.
trial_has() { # figure
	[ "$("$samepage" stats --json | figure_of "$1")" -gt 0 ]
}

trial() {
	guest_start trial soak trial --domain "$domain" --hugepages auto --dedup-cpu 100
	await 60 test -S "$SAMEPAGE_RUNDIR/guests/trial.sock" || fail "no guest begins"
	if await 5 trial_has huge_bytes; then
		needed+=(huge_bytes)
	else
		say "without huge pages: the host gives none ($(cat /sys/kernel/mm/transparent_hugepage/enabled 2>&1))"
	fi
	if await 30 trial_has writes_tracked; then
		needed+=(writes_tracked)
	else
		say "without tracking of writes: this KVM has no log with manual protection"
	fi
	kill -KILL "${guest_pid[trial]}"
	guest_end trial 2> /dev/null
	rm -f "$SAMEPAGE_RUNDIR/guests/trial.sock"
}
trial

# The limit that a guest reads is a file of ours, which only it sees.
budgets=(65530)
echo 65530 > "$scratch/mappings.65530"
if unshare -m true 2> /dev/null; then
	for budget in 20 200 1000; do
		echo $budget > "$scratch/mappings.$budget"
		budgets+=("$budget")
	done
	needed+=(declined_bytes)
else
	say "without a low mapping budget: no mount namespace is to be had"
fi

# In the group and behind the limit before it is samepage.
# shellcheck disable=SC2016 # they are of the shell that is started
started='[ -z "$1" ] || echo $$ > "$1/cgroup.procs"
	[ "$2" = 65530 ] || mount --bind "$3" /proc/sys/vm/max_map_count
	[ "$4" = 0 ] || export SAMEPAGE_PLAIN_KERNEL=1
	shift 4
	exec "$@"'

# --- what may happen

guest_begin() { # name: each time with other options
	local name=$1 modes=(off auto thp) budget=${budgets[RANDOM % ${#budgets[@]}]}
	local mode=${modes[RANDOM % 3]} plain=$((RANDOM % 4 == 0)) sharers=$((RANDOM % 4)) private=()
	local sharer_options=()
	[ "$budget" = 65530 ] || private=(unshare -m)
	[ $sharers != 0 ] || sharer_options=(--max-sharers $((1 + RANDOM % 3)))
	guest_runner=("${private[@]}" bash -c "$started" soak "$group" "$budget" "$scratch/mappings.$budget" "$plain")
	rm -f "$SAMEPAGE_RUNDIR/guests/$name.sock" # of the one that was killed
	guest_start "$name" soak "$name$RANDOM" --domain "$domain" --dedup-cpu 100 --hugepages "$mode" \
		"${sharer_options[@]}"
	unset "paused[$name]"
	await 60 test -S "$SAMEPAGE_RUNDIR/guests/$name.sock" || fail "$name does not begin"
}

look() {
	local name
	for name in "${names[@]}"; do
		! grep -a -H WRONG "$scratch/$name.console" || fail "a guest has read a wrong word (SOAK_SEED=$seed)"
		! guest_is_gone "$name" || fail "$name ended by itself (SOAK_SEED=$seed)"
	done
}

swapped_of() { # pid
	awk '/^VmSwap/ { n = $2 } END { print n * 1024 }' "/proc/$1/status" 2> /dev/null || echo 0
}

measure() {
	local figure name value swapped=0
	"$samepage" stats --json > "$scratch/stats"
	for name in "${names[@]}"; do
		swapped=$((swapped + $(swapped_of "${guest_pid[$name]}")))
	done
	for figure in "${figures[@]}"; do
		value=$swapped
		[ "$figure" = swapped ] || value=$(figure_of "$figure" < "$scratch/stats")
		[ "$value" -le "${most[$figure]}" ] || most[$figure]=$value
	done
}

resume_all() {
	local name
	for name in "${!paused[@]}"; do
		"$samepage" resume "$name"
		unset "paused[$name]"
	done
}

happen_pause() { # name: until the next event
	"$samepage" pause "$1"
	paused[$1]=yes
}

happen_kill() { # name
	kill -KILL "${guest_pid[$1]}"
	guest_end "$1" 2> /dev/null
	guest_begin "$1"
}

happen_stop() { # name: by its power button, so that it checks all of its memory before
	"$samepage" stop "$1" --timeout 30 || true
	guest_finish "$1"
	guest_begin "$1"
}

happen_broker() {
	local pid
	for pid in $(broker_pids "$domain"); do
		kill -KILL "$pid" 2> /dev/null || true
	done
}

# As much as can be in half a second; what can't is no failure.
happen_swap() {
	# shellcheck disable=SC2016 # they are of the shell that is started
	timeout 0.5 bash -c 'echo "$1" > "$2"' swap "$reclaim_words" "$reclaim" 2> /dev/null || true
}

# A button that is pressed while the machine starts anew is pressed in vain.
guest_finish() { # name
	guest_end "$1"
	[ "$status" != 6 ] || ! grep -q -a REBOOT "$scratch/$1.console" || return 0
	[ "$status" = 0 ] || fail "$1 ended with $status (SOAK_SEED=$seed)"
	guest_says "$1" '^OK' || fail "$1 did not find what it wrote (SOAK_SEED=$seed): $(cat "$scratch/$1.console")"
}

# The same draws whatever comes of them, so that a seed stands for an order of events.
happen() {
	local dice=$((RANDOM % 100)) name=${names[RANDOM % ${#names[@]}]} event
	if [ $dice -lt 25 ]; then
		event='pause'
	elif [ $dice -lt 38 ]; then
		event='kill'
	elif [ $dice -lt 46 ]; then
		event='stop'
	elif [ $dice -lt 70 ]; then
		event='broker'
	else
		event='swap'
	fi
	echo "$event $name" >> "$scratch/events.err" # a failure shows its end
	"happen_$event" "$name"
}

for name in "${names[@]}"; do
	guest_begin "$name"
done
# What is left to chance has not come about yet: it gets twice as much time again.
misses_something() {
	local figure
	for figure in "${needed[@]}"; do
		[ "${most[$figure]}" -gt 0 ] || return 0
	done
	return 1
}

begin=$SECONDS events=0
while [ $((SECONDS - begin)) -lt "$seconds" ] ||
	{ [ $((SECONDS - begin)) -lt $((3 * seconds)) ] && misses_something; }; do
	# The guests have to get somewhere between two blows.
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	resume_all
	measure
	happen
	look
	events=$((events + 1))
done
resume_all
"$samepage" stop "${names[@]}" --timeout 30 || true
for name in "${names[@]}"; do
	guest_finish "$name"
done
say "$events events: $(cut -d ' ' -f 1 "$scratch/events.err" | sort | uniq -c | tr -s ' \n' ' ')"
for figure in "${figures[@]}"; do
	say "most $figure at a time: ${most[$figure]}"
done
# Else nothing was shown.
for figure in "${needed[@]}"; do
	[ "${most[$figure]}" -gt 0 ] || fail "no $figure at any time"
done
