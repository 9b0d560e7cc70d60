#!/bin/sh
# The example in README.md that needs no bootable guest works as it is typed there.
# It is the first thing that a newcomer tries; nobody notices when it breaks.
set -eu
top=$(realpath "${top_srcdir:-.}")
build=$(realpath "${top_builddir:-build}")
scratch=$(mktemp -d)
export SAMEPAGE_RUNDIR="$scratch/run"
trap '"$build/samepage" kill twin-1 twin-2 twin-3 twin-4 > /dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

(exec 3<> /dev/kvm) 2> /dev/null || { echo "SKIPPED: /dev/kvm does not open"; exit 77; }

# The indented block behind the comment that names this test.
sed -n '/readme-examples\.sh/,/^[^ <]/s/^    //p' "$top/README.md" > "$scratch/example"
[ "$(grep -c samepage "$scratch/example")" = 3 ] || { echo "the example has changed: change this test"; exit 1; }

ln -s "$build" "$scratch/build"
cd "$scratch"
while read -r command; do
	echo "+ $command"
	case $command in
	*stats*)
		# A newcomer is slower than this script: "after a moment".
		tries=0
		until build/samepage stats --json | grep -q '"frames":16384.*"shared_mappings":65536'; do
			tries=$((tries + 1))
			[ $tries -lt 300 ] || { build/samepage stats; echo "they don't share"; exit 1; }
			sleep 0.1
		done
		;;
	esac
	sh -c "$command" < /dev/null
done < "$scratch/example"
build/samepage ps | grep twin && { echo "a guest is left"; exit 1; }
exit 0
