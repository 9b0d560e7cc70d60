#!/bin/bash
# The files that samepage.conf(5) and README.md show are understood, and their commands do what they say.
# Who writes a first file copies the manual's.
. "$(dirname "$0")/lib.sh"
manual=$(realpath "${top_srcdir:-.}")/man/samepage.conf.5
PATH=$build:$PATH
cd "$scratch"

# The blocks of the manual, one a file: block.1, block.2 ...
awk '/^\.Bd -literal/ { open = 1; n++; next } /^\.Ed/ { open = 0 } open { print > "block." n }' "$manual"
for block in block.*; do
	name=$(sed -n '1s/^# \(.*\.conf\)$/\1/p' "$block")
	[ -z "$name" ] || cp "$block" "$name"
done
if [ ! -s shop.conf ] || [ ! -s trial.conf ]; then
	fail "the examples have changed: change this test"
fi

# Its disks are not there, which is said of each guest by itself: status 1, and no line is wrong.
status=0
samepage up shop.conf > out 2> said || status=$?
[ $status = 1 ] || fail "shop.conf gives status $status: $(cat said)"
for guest in web-1 web-2 web-3 db; do
	grep -q "^samepage: $guest: .*$scratch/.*\.img" said || fail "$guest does not look for its image: $(cat said)"
done

commands=$(grep -l '^head -c' block.*)
sh -e "./$commands" > out || fail "the commands fail"
grep -q '^4 started in' out || fail "up does not start them"
grep -q '^0 off, 4 ended' out || fail "down does not take them down"
[ -z "$(find "$SAMEPAGE_RUNDIR" ! -type d)" ] || fail "something is left behind"
# The README's: a line of a block each.
ln -s "$build" build
cp trial.ram random.ram
grep '^    .*try\.conf' "$(dirname "$manual")/../README.md" > readme
[ "$(wc -l < readme)" = 4 ] || fail "the README's example has changed: change this test"
sh -e ./readme > out || fail "the README's commands fail"
for said in '^20 started in' '^all 20 run already' '20 ended'; do
	grep -q "$said" out || fail "the README's commands do something else"
done
[ -z "$(find "$SAMEPAGE_RUNDIR" ! -type d)" ] || fail "something is left behind"
# Each command that is shown is one: a verb and options that it knows.
grep -h '^samepage' block.* | while read -r _ verb rest; do
	samepage help "$verb" > options || fail "there is no verb $verb"
	for word in $rest; do
		case $word in
		--*) grep -q -- "^  $word" options || fail "$verb does not know $word" ;;
		esac
	done
done
