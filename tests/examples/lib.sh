# shellcheck shell=bash
# lib.sh - for tests that run what manuals and README show; to be sourced behind the lib.sh of another folder
#
# A test loads the examples, runs each of those that are its own in a directory where the files are that
# they talk of, and calls examples_done(), which fails where one of them was left out.
#
# `samepage` is the script `person` there: somebody at a terminal, who ends what would go on for ever.
examples_top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
examples_self=tests/${0##*/tests/}
examples_here=${scratch:?}/here
examples_seconds=120 # for one of them

# Those that name no test are examples-work.sh's.
examples_load() { # the command samepage
	export EXAMPLES_SAMEPAGE=$1
	mkdir -p "$scratch/examples" "$scratch/bin"
	(cd "$examples_top" && tests/examples/extract -v into="$scratch/examples" man/*.[0-9] README.md) ||
		fail "the examples can't be read"
	ln -s "$examples_top/tests/examples/person" "$scratch/bin/samepage"
	local example
	for example in $(examples_all); do
		[ -s "$example.runs" ] || [ -s "$example.reason" ] || echo tests/examples/examples-work.sh > "$example.runs"
	done
}

# An empty directory, where a README's build/samepage is the same command.
examples_begin() {
	rm -rf "$examples_here" "$scratch/exports"
	mkdir -p "$examples_here/build"
	ln -s "$scratch/bin/samepage" "$examples_here/build/samepage"
}

# An example is the path that its files have in common.
examples_all() {
	printf '%s\n' "$scratch"/examples/*.where | sed 's/\.where$//'
}

# This test's own, in the order of the pages.
examples_own() {
	grep -l -x -F -e "$examples_self" "$scratch"/examples/*.runs | sed 's/\.runs$//'
}

# The one that has not run yet and has this text in it.
example_with() { # page text
	local example page
	for example in $(examples_own); do
		read -r page < "$example.page"
		if [ ! -e "$example.out" ] && [ "$page" = "$1" ] && [[ $(< "$example.script") == *"$2"* ]]; then
			echo "$example"
			return
		fi
	done
	fail "$1 has no example with '$2' for $examples_self: change this test, or the example"
}

# As one types it: the next example of a page finds the variables of the one before.
example_run() { # example
	local status=0 pattern where began=$SECONDS
	read -r where < "$1.where"
	: > "$1.out"
	if [ -e "$1.file" ]; then
		cp "$1.script" "$examples_here/$(< "$1.file")"
		return
	fi
	sed "s,^,+ ," "$1.script"
	{
		# shellcheck disable=SC2016 # it is for the script
		printf 'set -e -u -o pipefail\n[ ! -e "$EXPORTS" ] || . "$EXPORTS"\nset -a\n'
		cat "$1.script"
		# shellcheck disable=SC2016
		printf 'export -p > "$EXPORTS"\n'
	} > "$scratch/script"
	(cd "$examples_here" && EXPORTS=$scratch/exports PATH=$scratch/bin:$PATH \
		exec timeout --foreground -k 5 $examples_seconds bash "$scratch/script") > "$1.out" 2>&1 < /dev/null || status=$?
	[ $status = 0 ] || fail "$where ends with $status: $(tail -n 20 "$1.out")"
	while read -r pattern; do
		grep -q -a -e "$pattern" "$1.out" || fail "$where does not say '$pattern': $(tail -n 20 "$1.out")"
	done < "$1.says"
	say "$where: $((SECONDS - began)) s"
}

examples_done() {
	local example
	for example in $(examples_own); do
		[ -e "$example.out" ] || fail "$(< "$example.where") was not run: $(< "$example.script")"
	done
}
