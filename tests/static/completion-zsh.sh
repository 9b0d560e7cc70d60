#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# zsh completes verbs, options, values and files at its prompt, from what samepage itself knows.
# Its completion system has rules of its own, which only a shell with a terminal follows.
set -eu
top=$(realpath "${top_srcdir:-.}")
PATH=$(realpath "${top_builddir:-build}"):$PATH
scratch=$(mktemp -d)
export SAMEPAGE_RUNDIR="$scratch/run"
trap 'rm -rf "$scratch"' EXIT
command -v zsh > /dev/null || { echo "SKIPPED: there is no zsh"; exit 77; }

touch "$scratch/vmlinuz"
cp "$top/contrib/completion/_samepage" "$scratch/"
cat > "$scratch/check" << 'END'
zmodload zsh/zpty
cd $1
zpty shell "TERM=dumb zsh -f -i"
# Without a prompt, and with what is typed between marks by a key that prints the line.
zpty -w shell "PS1= PS2= RPS1="
zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit && compinit -u -d $1/dump"
zpty -w shell 'show() { print -r -- "<<$BUFFER>>"; BUFFER=; }; zle -N show; bindkey "^X" show'
zpty -w shell 'unsetopt list_beep auto_menu auto_list; echo rea""dy'
zpty -r -m shell line "*ready*" || exit 1

failed=0
expect() { # line completed
	local answer
	zpty -w -n shell "$1"$'\t\x18'
	zpty -r -m shell answer "*<<*>>*"
	answer=${${answer##*<<}%%>>*}
	[[ $answer == "$2" ]] && return
	print -r -- "'$1' is completed to '$answer', not to '$2'"
	failed=1
}
expect 'samepage bal' 'samepage balloon '
expect 'samepage help doc' 'samepage help doctor '
expect 'samepage run --on-p' 'samepage run --on-panic '
expect 'samepage run --on-panic re' 'samepage run --on-panic restart '
expect 'samepage run --on-panic=re' 'samepage run --on-panic=restart '
expect 'samepage run --net=t' 'samepage run --net=tap='
expect 'samepage run --kernel vml' 'samepage run --kernel vmlinuz '
expect 'samepage run --kernel=vml' 'samepage run --kernel=vmlinuz '
expect 'samepage stop nobod' 'samepage stop nobod'
[[ -z ${2:-} ]] || expect "samepage stop tw" "samepage stop $2 "
[[ -z ${2:-} ]] || expect "samepage ps --domain sh" "samepage ps --domain shop "
zpty -d shell
exit $failed
END

guest=
if (exec 3<> /dev/kvm) 2> /dev/null; then
	guest=twin
	trap 'samepage kill --all > /dev/null 2>&1 || true; rm -rf "$scratch"' EXIT
	head -c 1M /dev/urandom > "$scratch/ram"
	samepage run --ram-image "$scratch/ram" --paused --name twin --domain shop --detach
else
	echo "names of guests are not tried: /dev/kvm does not open"
fi
timeout 60 zsh -f "$scratch/check" "$scratch" $guest
