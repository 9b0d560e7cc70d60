# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# ksm.sh - the kernel's own merging, as the other side of a comparison; to be sourced after lib.sh
#
# ksm_open takes KSM over: nobody else may use it meanwhile, since ksmd's work
# for others can't be told from its work for us. ksm_close puts everything back.

# lib.sh's:
: "${build:?}"
ksm_dir=/sys/kernel/mm/ksm
# In the order in which they can be put back: an advisor sets pages_to_scan itself.
ksm_settings=(pages_to_scan sleep_millisecs use_zero_pages smart_scan advisor_mode run)
ksm_load_seconds=120
declare -A ksm_before=()
ksm_pids=()

ksm_read() { # file variable
	read -r "$2" < "$ksm_dir/$1"
}

ksm_write() { # file value
	echo "$2" > "$ksm_dir/$1" || die "KSM does not take $2 for $1"
}

# Someone else's memory that KSM would look at as well; their names, where the kernel tells.
ksm_others() {
	local process name names=() word value
	for process in /proc/[0-9]*; do
		while read -r word value; do
			case $word$value in
			ksm_mergeable:yes | ksm_merge_any:yes)
				read -r name < "$process/comm"
				names+=("$name (${process#/proc/})")
				break
				;;
			esac
		done 2> /dev/null < "$process/ksm_stat" || true
	done 2> /dev/null
	echo "${names[*]}"
}

ksm_counts_anything() {
	local file count
	for file in pages_shared pages_sharing pages_unshared pages_volatile; do
		ksm_read $file count
		[ "$count" = 0 ] || return 0
	done
	return 1
}

ksm_refuse_others() {
	local others scans_before scans
	others=$(ksm_others)
	[ -z "$others" ] || refuse "KSM would also merge memory of $others: end them first"
	! ksm_counts_anything || refuse "KSM already merges other programs' memory: end them first"
	# A kernel that does not name them shows them by having something to scan.
	ksm_read full_scans scans_before
	ksm_save
	ksm_full_speed
	ksm_write run 1
	nap 0.3
	ksm_read full_scans scans
	if [ "$scans" != "$scans_before" ] || ksm_counts_anything; then
		refuse "KSM finds other programs' memory to merge: end them first"
	fi
	ksm_write run 2
}

ksm_save() {
	local setting value
	for setting in "${ksm_settings[@]}"; do
		[ -e "$ksm_dir/$setting" ] || continue
		ksm_read "$setting" value
		# a choice shows as "[none] scan-time"
		[[ $value != *\[*\]* ]] || value=${value#*\[} value=${value%%\]*}
		ksm_before[$setting]=$value
	done
}

# Settings that this kernel has; what it lacks, it does as if it were off.
ksm_set() { # setting=value...
	local setting
	for setting in "$@"; do
		[ ! -e "$ksm_dir/${setting%%=*}" ] || ksm_write "${setting%%=*}" "${setting#*=}"
	done
}

ksm_full_speed() {
	ksm_set advisor_mode=none run=2 pages_to_scan=20000 sleep_millisecs=0 use_zero_pages=0 smart_scan=1
}

# Without run=2 on the way, which would take back what is merged already.
ksm_full_speed_on() {
	ksm_set pages_to_scan=20000 sleep_millisecs=0
}

# As the kernel starts.
ksm_defaults() {
	ksm_set advisor_mode=none run=2 pages_to_scan=100 sleep_millisecs=20 use_zero_pages=0 smart_scan=1
}

ksm_open() {
	[ -d $ksm_dir ] || refuse "this kernel has no KSM"
	[ -w $ksm_dir/run ] || refuse "cannot write KSM's settings in $ksm_dir"
	# shellcheck disable=SC2034 # for whoever measures its CPU
	ksmd_pid=$(pgrep -x -P 2 ksmd) || refuse "cannot see the kernel's thread ksmd, whose CPU would be measured"
	exec {ksm_lock}< $ksm_dir/run
	flock -n "$ksm_lock" || refuse "another benchmark uses KSM just now"
	ksm_refuse_others
}

# One process for each image; all have it when this returns. KSM is still.
ksm_load() { # image...
	local image pid state ready=${scratch:?}/ready deadline=$((SECONDS + ksm_load_seconds))
	ksm_write run 2
	rm -f "$ready".*
	for image in "$@"; do
		"$build/bench/mergeable" "$image" > "$ready.${#ksm_pids[@]}" < /dev/null &
		ksm_pids+=($!)
	done
	until [ "$(cat "$ready".* 2> /dev/null | wc -l)" = $# ]; do
		for pid in "${ksm_pids[@]}"; do
			read -r _ _ state _ < "/proc/$pid/stat"
			[ "$state" != Z ] || die "a process under KSM ended"
		done
		[ $SECONDS -lt $deadline ] || die "the images are not loaded after $ksm_load_seconds s"
		nap 0.05
	done
}

ksm_unload() {
	[ ${#ksm_pids[@]} = 0 ] || kill -KILL "${ksm_pids[@]}" 2> /dev/null || true
	[ ${#ksm_pids[@]} = 0 ] || wait "${ksm_pids[@]}" 2> /dev/null || true
	ksm_pids=()
	echo 2 > $ksm_dir/run
}

ksm_close() {
	local setting
	[ ${#ksm_before[@]} -gt 0 ] || return 0
	ksm_unload
	[ ! -e $ksm_dir/advisor_mode ] || echo none > $ksm_dir/advisor_mode
	for setting in "${ksm_settings[@]}"; do
		[ -n "${ksm_before[$setting]:-}" ] || continue
		echo "${ksm_before[$setting]}" > "$ksm_dir/$setting" ||
			say "cannot put KSM's $setting back to ${ksm_before[$setting]}"
	done
}
