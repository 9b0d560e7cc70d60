#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each verb has a page and each page a verb; --help and the page have the same purpose, options and examples.
# Whoever adds a verb or an option forgets one of the two.
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

# Options of the tagged lists of a page.
options_of_manual() { # page
	sed -n 's/^\.It Fl -\([a-z-]*\).*/\1/p' "$1" | sort
}

compare() { # verb what
	diff -u "$scratch/help" "$scratch/manual" > "$scratch/difference" || {
		echo "$1: $2 of --help (-) and of the manual (+) differ:"
		sed -n '3,$s/^\([-+]\)\(.*\)/\1\2/p' "$scratch/difference"
		failed=1
	}
}

# A command a line, however it is broken.
joined() {
	awk '/\\$/ { sub(/[ \t]*\\$/, ""); open = 1 } /\|$/ { open = 1 }
		{ sub(/^[ \t]+/, ""); printf "%s%s", $0, open ? " " : "\n"; open = 0 }' "$@"
}

# The verbs with a purpose each, as `samepage help` and as samepage(1) lists them.
"$samepage" help | sed -n 's/^  \([a-z-]*\)  *\(.*\)/\1: \2/p' > "$scratch/help"
[ -s "$scratch/help" ] || { echo "samepage help lists no verbs"; exit 1; }
verbs=$(sed 's/:.*//' "$scratch/help")
sed -n '/^\.It Xr samepage-[a-z-]* 1 Ta$/{s/^\.It Xr samepage-\([a-z-]*\) 1 Ta$/\1: /;N;s/\n//;p;}' "$top/man/samepage.1" > "$scratch/manual"
compare samepage "the verbs"

# Their pages.
sed -n 's/:.*//p' "$scratch/help" | sort > "$scratch/verbs"
mv "$scratch/verbs" "$scratch/help"
find "$top/man" -name 'samepage-*.1' | sed 's/.*samepage-\(.*\)\.1/\1/' | sort > "$scratch/manual"
compare samepage "pages of verbs"

for verb in $verbs; do
	page=$top/man/samepage-$verb.1
	[ -f "$page" ] || continue # which was said
	"$samepage" "$verb" --help > "$scratch/text"
	options_of_help "$verb" > "$scratch/help" || true
	options_of_manual "$page" > "$scratch/manual"
	compare "$verb" options
	sed -n 3p "$scratch/text" > "$scratch/help"
	sed -n 's/^\.Nd //p' "$page" > "$scratch/manual"
	compare "$verb" "the purpose"
	# The manual may have more examples.
	rm -rf "$scratch/examples"
	mkdir "$scratch/examples"
	"$top/tests/examples/extract" -v into="$scratch/examples" "$page"
	sed -n '/^example:/,/^$/s/^  //p' "$scratch/text" | sort > "$scratch/help"
	joined "$scratch"/examples/*.script > "$scratch/shown"
	grep -F -x -f "$scratch/help" "$scratch/shown" | sort -u > "$scratch/manual"
	compare "$verb" examples
	grep -q -x "  man samepage-$verb" "$scratch/text" || { echo "$verb: --help does not name the page"; failed=1; }
done

# The broker has a manual of its own.
options_of_help broker > "$scratch/help"
options_of_manual "$top/man/samepage-broker.8" > "$scratch/manual"
compare broker options

# All of them are installed.
find "$top/man" -name '*.[0-9]' | sed 's,.*/,,' | sort > "$scratch/help"
sed -n 's,^	man/\([^ ]*\) .*,\1,p' "$top/man/module.am" | sort > "$scratch/manual"
diff "$scratch/help" "$scratch/manual" || { echo "man/module.am (>) lists other pages than there are (<)"; failed=1; }
exit $failed
