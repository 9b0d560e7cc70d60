#!/bin/sh
# A file stays under 800 lines and a function under 80, unless LIMITS excuses it.
# Beauty is lost in the tail: this is the tail.
set -eu
cd "${top_srcdir:-.}"

excused() { # file [function]: named in LIMITS with a reason
	grep -q "^$1${2:+:$2}[[:space:]]" LIMITS
}

wrong=0
for file in base/*.[ch] dedup/*.[ch] wire/*.[ch] vmm/*.[ch] broker/*.[ch] devices/*.[ch] disk/*.[ch] net/*.[ch] cli/*.[ch]; do
	lines=$(wc -l < "$file")
	if [ "$lines" -gt 800 ] && ! excused "$file"; then
		echo "$file has $lines lines"; wrong=1
	fi
	# a function starts at a line that is "{" alone, behind its name
	# Words without blanks.
	# shellcheck disable=SC2013
	for long in $(awk '/^[a-z].*\(/ { sub(/\(.*/, ""); n = split($0, w, /[ *]/); name = w[n] }
		/^{$/ { start = FNR } /^}$/ { if (start && FNR - start > 80) print name; start = 0 }' "$file"); do
		if ! excused "$file" "$long"; then
			echo "$file: $long() has more than 80 lines"; wrong=1
		fi
	done
done
exit $wrong
