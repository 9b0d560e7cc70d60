# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and of the caller
# SPDX-License-Identifier: Apache-2.0
# images.sh - the same memory images in guests of samepage, and under KSM; to be sourced
# after lib.sh
#
# The caller's: $images, an array, and $patience_seconds. images_open comes first.

# shellcheck source=bench/ksm.sh
. "$here/ksm.sh"

dedup_cpu=100 # percent, of each guest

# --- what the images must be, and the machine

check_images() {
	local image bytes
	[ ${#images[@]} -gt 0 ] || usage 2
	for image in "${images[@]}"; do
		if ! [ -f "$image" ] || ! [ -r "$image" ]; then
			die "cannot read the image '$image'"
		fi
		bytes=$(stat -L -c %s "$image")
		if [ "$bytes" = 0 ] || [ $((bytes % 4096)) != 0 ]; then
			die "'$image' is no memory image: its $bytes bytes are not whole pages of 4096"
		fi
	done
}

check_machine() {
	local tool
	for tool in jq pgrep flock column; do
		command -v $tool > /dev/null || refuse "needs $tool: ./demo installs it"
	done
	[ "$(id -u)" = 0 ] || refuse "needs root: KSM's settings are root's"
	(exec 3<> /dev/kvm) 2> /dev/null || refuse "/dev/kvm does not open: there can be no guests"
}

check_memory() {
	local available
	available=$(awk '$1 == "MemAvailable:" { printf "%.0f\n", $2 * 1024 }' /proc/meminfo)
	# every page once for its owner and once in the store, at worst, and what belongs to it
	[ $((nonzero * 4096 * 9 / 4 + (256 << 20))) -lt "$available" ] ||
		refuse "the images hold $((nonzero >> 8)) MiB that are not zero: too much for the" \
			"$((available >> 20)) MiB available here"
}

# Zero pages are no part of the contest, so neither side may find any.
leave_out_zeroes() {
	local image blocks=0 i
	for image in "${images[@]}"; do
		blocks=$((blocks + $(stat -L -c '%b * %B' "$image")))
	done
	[ $((blocks / 4096)) -gt $((nonzero + nonzero / 1000 + 64)) ] || return 0
	say "the images have zero pages that are no holes: using copies without"
	for i in "${!images[@]}"; do
		cp --sparse=always "${images[i]}" "$scratch/image-$i"
		images[i]=$scratch/image-$i
	done
}

images_clean_up() {
	fleet_end
	ksm_close
	rm -rf "$scratch"
}

# A fleet that can run, and KSM to ourselves.
sides_open() {
	check_machine
	at_end images_clean_up
	fleet_open
	ksm_open
}

# Images without zeroes as well, and what is in them.
images_open() {
	check_images
	sides_open
	images_take
}

images_take() {
	oracle=$("$build/bench/oracle" "${images[@]}")
	nonzero=$(jq .nonzero_pages <<< "$oracle")
	say "${#images[@]} images, $(jq -r '"\(.pages) pages, \(.nonzero_pages) of them not zero, \(
		.distinct_nonzero_pages) different: \(.nonzero_pages - .distinct_nonzero_pages) can be reclaimed"' <<< "$oracle")"
	check_memory
	leave_out_zeroes
}

# --- samepage's side

# The processes of the fleet, by what they are.
fleet_sort() {
	local pid argv
	guest_pids=() broker_pids=()
	for pid in $(fleet_pids); do
		mapfile -d '' -t argv 2> /dev/null < "/proc/$pid/cmdline" || continue
		case ${argv[1]:-} in
		broker) broker_pids+=("$pid") ;;
		*) guest_pids+=("$pid") ;;
		esac
	done
}

# All threads but a guest's main one, and the broker, count from their birth.
guests_start() {
	local i pid first starting=() deadline=$((SECONDS + patience_seconds))
	for i in "${!images[@]}"; do
		samepage run --ram-image "${images[i]}" --paused --detach --domain bench \
			--name "guest-$i" --dedup-cpu "$dedup_cpu" < /dev/null &
		starting+=($!)
	done
	wait -n -p first "${starting[@]}" || die "a guest did not start"
	now_us start_us
	for pid in "${starting[@]}"; do
		[ "$pid" = "$first" ] || wait "$pid" || die "a guest did not start"
	done
	# the broker comes when the first guest that merges wants it
	until fleet_sort && [ ${#broker_pids[@]} -gt 0 ]; do
		[ $SECONDS -lt $deadline ] || die "the guests' broker does not come"
		nap 0.02
	done
	[ ${#guest_pids[@]} = ${#images[@]} ] ||
		die "${#images[@]} guests were started, ${#guest_pids[@]} are there"
}

cpu_ns() { # pid...
	"$build/bench/cpu-clock" "$@" | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# What is not deduplication in guests: their main threads have the machine to look after,
# and answer who wants a report.
guests_main_ns() {
	local pid
	for pid in "${guest_pids[@]}"; do
		cat "/proc/$pid/task/$pid/schedstat"
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# What has changed in the guests so far, and their passes.
look() {
	report=$(samepage stats --json)
	state=$(jq -c '{ changes: [.guests[] | .merges_total + .breaks_total], passes: [.guests[].passes] }' <<< "$report")
}

# Every guest has completed two more passes, in which none merged or broke anything.
guests_converge() {
	local deadline=$((SECONDS + patience_seconds)) was
	local wait=0.6 # a report costs the guests CPU: rather late than often
	watch guests "$patience_seconds" "${guest_pids[@]}"
	look
	was=$state
	while :; do
		nap "$wait"
		main_ns=$(guests_main_ns)
		samepage_ns=$(cpu_ns "${guest_pids[@]}" "${broker_pids[@]}")
		look
		case $(jq -n --argjson a "$was" --argjson b "$state" 'if $a.changes != $b.changes then "changed"
			elif [$a.passes, $b.passes] | transpose | map(.[1] >= .[0] + 2) | all then "converged"
			else "wait" end') in
		'"converged"') return 0 ;;
		'"changed"')
			watch guests "$patience_seconds" "${guest_pids[@]}"
			look
			was=$state
			;;
		esac
		[ $SECONDS -lt $deadline ] || die "samepage has not converged after $patience_seconds s"
		wait=$(jq -n "$wait * 1.5")
	done
}
