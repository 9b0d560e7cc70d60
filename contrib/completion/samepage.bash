# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Completion for bash. What can stand where is known to samepage itself, see cli/candidates.h.

# shellcheck disable=SC2207 # no blanks are in what samepage prints
_samepage() { # command word-to-replace
	local line=${COMP_LINE:0:COMP_POINT} kept last word
	local -a words
	# Not COMP_WORDS: those are broken at '=' and '@' as well.
	read -ra words <<< "$line"
	[[ $line != *[[:space:]] ]] || words+=('')
	while [ ${#words[@]} -gt 1 ] && [ "${words[0]}" != "$1" ]; do
		words=("${words[@]:1}")
	done
	[ ${#words[@]} -gt 1 ] || return 0
	last=${words[-1]}
	# Only what stands behind such a break is replaced.
	kept=${last%"${2#=}"}
	COMPREPLY=()
	while IFS=$'\t' read -r word _; do
		case $word in
		:files)
			compopt -o filenames 2> /dev/null
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "${last##*=}")
			;;
		:dirs)
			compopt -o filenames 2> /dev/null
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "${last##*=}")
			;;
		*)
			[[ $word != *= ]] || compopt -o nospace 2> /dev/null
			COMPREPLY+=("${word#"$kept"}")
			;;
		esac
	done < <("${1/#\~/$HOME}" complete -- "${words[@]:1}" 2> /dev/null)
}
complete -F _samepage samepage
