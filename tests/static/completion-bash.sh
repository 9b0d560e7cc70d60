#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bash completes verbs, options, their values and files, from what samepage itself knows.
# A completion that is written by hand is wrong from the first new option on.
set -eu
top=$(realpath "${top_srcdir:-.}")
PATH=$(realpath "${top_builddir:-build}"):$PATH
scratch=$(mktemp -d)
export SAMEPAGE_RUNDIR="$scratch/run"
trap 'rm -rf "$scratch"' EXIT
failed=0

# shellcheck source=contrib/completion/samepage.bash
. "$top/contrib/completion/samepage.bash"
cd "$scratch"
touch 'vmlinuz 6' vmlinuz
mkdir vm.d

# What bash would do at the end of the line, with the word behind the last break.
complete_line() { # line
	COMP_LINE=$1
	COMP_POINT=${#1}
	COMPREPLY=()
	local word=${1##*[[:space:]=@]}
	_samepage samepage "$word" samepage
	(IFS='|' && echo "${COMPREPLY[*]}")
}

expect() { # line candidates
	local got
	got=$(complete_line "$1")
	[ "$got" = "$2" ] && return
	echo "'$1' is completed to '$got', not to '$2'"
	failed=1
}

expect 'samepage bal' 'balloon'
expect 'samepage re' 'report|resume'
expect 'samepage help doc' 'doctor'
expect 'X=1 samepage help doc' 'doctor'
expect 'samepage run --on-' '--on-reboot|--on-panic'
expect 'samepage run --on-panic ' 'exit|restart|pause'
expect 'samepage run --on-panic=re' 'restart'
expect 'samepage run --on-panic=' 'exit|restart|pause'
expect 'samepage run --dedup o' 'on|off'
expect 'samepage run --net=t' 'tap='
expect 'samepage run --kernel vml' 'vmlinuz|vmlinuz 6'
expect 'samepage run --kernel=vml' 'vmlinuz|vmlinuz 6'
expect 'samepage stop --ti' '--timeout'
expect 'samepage stop --timeout ' ''
expect 'samepage no-such-verb ' ''
expect 'samepage stop nobody' ''

# Each verb of the help is offered, and each option of each verb's help.
while read -r verb _; do
	[[ "|$(complete_line "samepage ${verb:0:1}")|" == *"|$verb|"* ]] ||
		{ echo "$verb is not completed"; failed=1; }
	while read -r option; do
		[[ "|$(complete_line "samepage $verb ${option:0:3}")|" == *"|$option|"* ]] ||
			{ echo "$verb $option is not completed"; failed=1; }
	done < <(samepage "$verb" --help | grep -o '^  --[a-z-]*' | tr -d ' ')
done < <(samepage help | grep '^  ')

[ $failed = 0 ] || exit 1
(exec 3<> /dev/kvm) 2> /dev/null || { echo "names of guests are not tried: /dev/kvm does not open"; exit 0; }
trap 'samepage kill --all > /dev/null 2>&1 || true; rm -rf "$scratch"' EXIT
head -c 1M /dev/urandom > ram
samepage run --ram-image ram --paused --name twin --count 2 --domain shop --detach
samepage run --ram-image ram --paused --name solo --detach
expect 'samepage stop ' 'solo|twin-1|twin-2'
expect 'samepage stop twin-1 t' 'twin-2'
expect 'samepage console twin-1 ' ''
expect 'samepage stats --all ' ''
expect 'samepage metrics ' 'solo|twin-1|twin-2'
expect 'samepage metrics --domain sh' 'shop'
expect 'samepage top --domain=sh' 'shop'
expect 'samepage top twin-1 ' 'solo|twin-2'
expect 'samepage ps --domain sh' 'shop'
expect 'samepage ps --domain=sh' 'shop'
expect 'samepage run --domain ' 'shop'
# It is there once the guest begins to share.
for _ in $(seq 100); do
	[[ $(complete_line 'samepage ps --domain @') != solo.* ]] || break
	sleep 0.1
done
[[ $(complete_line 'samepage ps --domain @') == solo.* ]] || { echo "a private domain is not completed"; failed=1; }
samepage kill solo
expect 'samepage stop ' 'twin-1|twin-2'
exit $failed
