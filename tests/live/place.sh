# shellcheck shell=bash
# place.sh - where guests can run, on this machine or only in the lab, and how to
# wait for what runs there; to be sourced

# Some machines offer a /dev/kvm without the processor's own virtualisation
# under it: it starts machines, but no stock kernel gets far in them.
has_virtualisation() {
	[ -n "${LAB:-}" ] && return
	grep -q -w -E 'svm|vmx' /proc/cpuinfo || return 1
	(exec 3<> /dev/kvm) 2> /dev/null
}

# One clause that says where and why.
place_reason() {
	if has_virtualisation; then
		echo "directly on this machine: it has hardware virtualisation"
	elif grep -q -w -E 'svm|vmx' /proc/cpuinfo; then
		echo "in the lab (emulated, some 20 times slower): /dev/kvm does not open here"
	else
		echo "in the lab (emulated, some 20 times slower): this machine has no hardware virtualisation"
	fi
}

# Runs a command and waits.  A signal that reaches only this shell ends the
# command too, and this shell not before it.
attended() { # command...
	local pid status=0
	"$@" &
	pid=$!
	# shellcheck disable=SC2064
	trap "trap '' INT TERM HUP; kill -TERM $pid 2> /dev/null || true; wait $pid || true; exit 130" INT TERM HUP
	wait $pid || status=$?
	trap - INT TERM HUP
	return $status
}
