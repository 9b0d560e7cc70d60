#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The probes that doc/probes.md promises, those of the source and those of the command are the same.
# A tracer that names a probe which is gone says nothing, and is believed.
set -eu
top=${top_srcdir:-.}
samepage=${top_builddir:-.}/samepage
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

differ() { # file what
	diff "$scratch/documented" "$1" && return
	echo "doc/probes.md (<) and $2 (>) differ"
	failed=1
}

# shellcheck disable=SC2016 # these are a table's backticks
sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$top/doc/probes.md" | sort > "$scratch/documented"
[ -s "$scratch/documented" ] || { echo "doc/probes.md has no probe"; exit 1; }

find "$top"/base "$top"/dedup "$top"/vmm "$top"/broker "$top"/disk "$top"/net "$top"/devices "$top"/cli -name '*.c' \
	-exec sed -n 's/.*\<PROBE[0-9](\([a-z_]*\),.*/\1/p' {} + | sort -u > "$scratch/source"
differ "$scratch/source" "the source"

if grep -q '^#define HAVE_SYS_SDT_H' "${top_builddir:-.}/config.h"; then
	readelf -n "$samepage" | sed -n '/Provider: samepage/{n;s/.*Name: //p;}' | sort -u > "$scratch/command"
	differ "$scratch/command" "the command's notes"
fi

# Numbers that a tracer prints for states.
states=$(sed -n '/^enum page_state {/,/^}/s/^\tPAGE_\([A-Z]*\),.*/\1/p' "$top/dedup/page.h" | grep -v '^STATES$' |
	awk '{ printf "%s%d %s", (NR == 1 ? "" : ", "), NR - 1, $0 }')
tr '\n' ' ' < "$top/doc/probes.md" | grep -q -F "$states" || {
	echo "doc/probes.md does not have the states as they are: $states"
	failed=1
}
exit $failed
