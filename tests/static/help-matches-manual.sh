#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What --help says of a verb's options and what the manual says are the same, in both directions.
# Whoever adds an option forgets one of the two.
set -eu
top=${top_srcdir:-.}
samepage=${top_builddir:-.}/samepage
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# Options of one verb as its own help lists them; --help itself is described once for all verbs.
options_of_help() { # verb
	"$samepage" "$1" --help | sed -n 's/^  --\([a-z-]*\).*/\1/p' | grep -v -x help | sort
}

# Options of the tagged list below ".Ss samepage VERB".
options_of_manual() { # verb
	sed -n "/^\.Ss samepage $1\$/,/^\.S[sh] /s/^\.It Fl -\([a-z-]*\).*/\1/p" "$top/man/samepage.1" | sort
}

compare() { # verb what
	diff -u "$scratch/help" "$scratch/manual" > "$scratch/difference" || {
		echo "$1: $2 of --help (-) and of the manual (+) differ:"
		sed -n 's/^\([-+]\)\([a-z].*\)/\1\2/p' "$scratch/difference"
		failed=1
	}
}

verbs=$("$samepage" help | sed -n 's/^  \([a-z-]*\) .*/\1/p')
[ -n "$verbs" ] || { echo "samepage help lists no verbs"; exit 1; }
echo "$verbs" | sort > "$scratch/help"
sed -n 's/^\.Ss samepage //p' "$top/man/samepage.1" | sort > "$scratch/manual"
compare samepage verbs

for verb in $verbs; do
	options_of_help "$verb" > "$scratch/help" || true
	options_of_manual "$verb" > "$scratch/manual"
	compare "$verb" options
done

# The broker has a manual of its own.
options_of_help broker > "$scratch/help"
sed -n 's/^\.It Fl -\([a-z-]*\).*/\1/p' "$top/man/samepage-broker.8" | sort > "$scratch/manual"
compare broker options
exit $failed
