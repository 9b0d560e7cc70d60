#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# samepage top shows what stats reports, at 80x24 with and without colour, obeys its keys and the size of its window,
# waits for no guest, and leaves the terminal as it was. A screen that lies, freezes or breaks the shell is worse than none.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
command -v tmux > /dev/null || skip "tmux is missing"
guest_skip_without_kvm --dedup on
unset NO_COLOR

# One server for all: one that ends with its last session would still be ending when the next session looks for it.
echo 'set -s exit-empty off' > "$scratch/tmux.conf"
tmux=(tmux -S "$scratch/tmux" -f "$scratch/tmux.conf")
clean_up_more() {
	"${tmux[@]}" kill-server 2> /dev/null
	[ ! -e "$scratch/stopped" ] || kill -CONT "$(cat "$scratch/stopped")" 2> /dev/null
	"$samepage" ps | awk 'NR > 1 { print $1 }' | xargs -r "$samepage" kill
}

# ------------------------------------------------------------ the guests

fleet_start() { # name image count [option...]
	local name=$1 image=$2 count=$3
	shift 3
	"$samepage" run --ram-image "$image" --paused --name "$name" --count "$count" --dedup-cpu 100 --detach "$@" < /dev/null
}

frames_are() { # domain-pattern frames mappings
	"$samepage" stats --json | jq -e --arg domain "$1" --argjson frames "$2" --argjson mapped "$3" \
		'.domains[] | select(.name | test($domain)) | .frames == $frames and .shared_mappings == $mapped' > /dev/null
}

head -c 8M /dev/urandom > "$scratch/twin.ram"
truncate -s 16M "$scratch/twin.ram"
head -c 4M "$scratch/twin.ram" > "$scratch/web.ram"
fleet_start twin "$scratch/twin.ram" 3
fleet_start web "$scratch/web.ram" 2 --domain web
await 60 frames_are '^@twin' 2048 6144 || fail "the guests do not share: $("$samepage" stats)"
await 60 frames_are '^web' 1024 2048 || fail "the guests do not share: $("$samepage" stats)"

# ------------------------------------------------------------ the screen

colour=$(printf '\033\\[3[1-7]m')
green=$(printf '\033\\[32m')

# In a shell, so that its terminal can be looked at before and behind.
top_start() { # TERM [argument...]
	local term=$1
	shift
	cat > "$scratch/session" <<- END
		TERM=$term; export TERM; stty -g > '$scratch/stty.before'
		'$samepage' top $*
		echo \$? > '$scratch/status'; stty -g > '$scratch/stty.after'; printf 'the shell %s here\\n' is; exec sleep 600
	END
	rm -f "$scratch/status" "$scratch/stty.after"
	"${tmux[@]}" new-session -d -s top -x 80 -y 24 "sh '$scratch/session'"
}

press() { # key...
	"${tmux[@]}" send-keys -t top "$@"
}

screen() { # [option...]
	"${tmux[@]}" capture-pane -p -t top "$@"
}

shows() { # pattern
	screen | grep -q -e "$1"
}

await_screen() { # pattern
	await 30 shows "$1" || fail "the screen does not show '$1': $(screen)"
}

top_is_gone() {
	[ -s "$scratch/status" ] && [ -s "$scratch/stty.after" ] && shows '^the shell is here'
}

assert_restored() {
	await 30 top_is_gone || fail "samepage top does not end: $(screen)"
	[ "$(cat "$scratch/status")" = 0 ] || fail "it ended with $(cat "$scratch/status"): $(screen)"
	cmp "$scratch/stty.before" "$scratch/stty.after" || fail "the terminal's settings are others"
	[ "$("${tmux[@]}" display-message -p -t top '#{cursor_flag}#{alternate_on}')" = 10 ] ||
		fail "the terminal has no cursor, or is on its second screen"
	"${tmux[@]}" kill-session -t top
}

# ------------------------------------------------------------ figures

# name -> value of a column, from the lines below the heading; the bar has no blanks in it.
column_of() { # title
	awk -v title="$1" '
		$1 == "NAME" { for (i = 1; i <= NF; i++) if ($i == title) column = i; next }
		/^q quit/ || /^samepage top/ || /^$/ { column = 0 }
		column && NF { print $1, $column }'
}

# Of all guests, in MiB, as the JSON has them.
json_mib() { # jq-expression
	"$samepage" stats --json | jq -r ".guests[] | \"\(.name) \(.$1)\"" | awk '{ printf "%s %.1f\n", $1, $2 / 1048576 }'
}

assert_column() { # title key
	screen | column_of "$1" | sort > "$scratch/shown"
	json_mib "$2" | sort > "$scratch/expected"
	diff "$scratch/expected" "$scratch/shown" || fail "$1 is not what stats has as $2: $(screen)"
}

assert_sums() {
	local sums
	sums=$("$samepage" stats --json | jq -r '[([.guests[].ram_bytes] | add), ([.guests[].populated_bytes] | add),
		([.guests[].shared_bytes] | add), .total.reclaimed_bytes] | @tsv' |
		awk '{ printf "%.1f MiB: %.1f private, %.1f shared; %.1f MiB reclaimed", $1 / 2^20, $2 / 2^20, $3 / 2^20, $4 / 2^20 }')
	shows "^memory   ${sums%;*}, " || fail "the sums are not '$sums': $(screen)"
	shows "^sharing  ${sums#*; }, " || fail "the sums are not '$sums': $(screen)"
}

order() {
	screen | column_of NAME | awk '{ printf "%s ", $1 }'
}

order_is() { # names
	[ "$(order)" = "$1" ]
}

await_order() { # names
	await 30 order_is "$1" || fail "the order is not '$1': $(screen)"
}

for term in screen vt100; do
	top_start $term --interval 1
	await_screen '^twin-3 .*  *0\.0  *0\.0  *0\.0' # with rates
	[ "$(screen | awk '{ if (length($0) > 80) n++ } END { print NR, n + 0 }')" = "24 0" ] || fail "not 80x24: $(screen)"
	! grep -q 'MiB MiB\|nan' <(screen) || fail "nonsense: $(screen)"
	assert_sums
	assert_column RECLAIMED reclaimed_bytes
	await_order "twin-1 twin-2 twin-3 web-1 web-2 "
	# Half of a twin is shared, all of a web is.
	shows '^twin-1 .* ==========\.\.\.\.\.\.\.\.\. ' || fail "no bar of a half: $(screen)"
	shows '^web-1 .* ==* ' || fail "no whole bar: $(screen)"
	case $term in
	screen) screen -e | grep -q "$green=" || fail "shared is not green: $(screen -e)" ;;
	vt100) ! screen -e | grep -q "$colour" || fail "vt100 has colours: $(screen -e)" ;;
	esac

	# By each column in turn, and round to the first again; the column is shown whatever the width.
	press '<'
	for title in OVERHEAD CPU% BREAKS/s MERGES/s PSS RECLAIMED RETURNED ZERO SHARED PRIVATE MEMORY RAM STATE DOMAIN NAME; do
		await_screen "^NAME .*$title\|^$title "
		case $title in
		SHARED) await_screen 'by shared,' && assert_column SHARED shared_bytes ;;
		PRIVATE) await_screen 'by private,' && assert_column PRIVATE populated_bytes ;;
		RAM) await_screen 'by ram,' && assert_column RAM ram_bytes && await_order "twin-1 twin-2 twin-3 web-1 web-2 " ;;
		esac
		[ $title = NAME ] || press Left
	done
	press r
	await_order "web-2 web-1 twin-3 twin-2 twin-1 "
	press r f
	await_screen 'domain @twin[^ ]*: 3 guests'
	press f
	await_screen 'domain web: 2 guests'
	await_order "web-1 web-2 "
	press f d
	await_screen '^web  *2 '
	press '>' '>'
	await_screen 'by ram,'
	await_screen "^web .* 8\.0 "
	press d
	await_screen '^twin-1 '

	press p
	await_screen PAUSED
	press p + +
	await_screen 'every 3 s'
	press '?'
	await_screen 'any key: back'
	press x
	await_screen '^twin-1 '

	# Another size, and back.
	"${tmux[@]}" resize-window -t top -x 150 -y 12
	await_screen '^NAME .*PSS .*OVERHEAD'
	"${tmux[@]}" resize-window -t top -x 40 -y 8
	await_screen '^samepage top'
	[ "$(screen | grep -c '^twin')" -ge 3 ] || fail "8 lines show no guests: $(screen)"
	"${tmux[@]}" resize-window -t top -x 80 -y 24
	await_screen '^NAME .*RECLAIMED .*OVERHEAD$'
	press q
	assert_restored
	say "$term: shows, sorts, follows its window, and leaves the terminal as it was"
done

# ------------------------------------------------------------ no colours where none are wanted

for words in "NO_COLOR=1 top" "top --no-color"; do
	"${tmux[@]}" new-session -d -s top -x 80 -y 24 "TERM=screen ${words%top*} '$samepage' top ${words#*top}"
	await_screen '^web-2 '
	! screen -e | grep -q "$colour" || fail "$words has colours"
	"${tmux[@]}" kill-session -t top
done

# ------------------------------------------------------------ stopped and continued, in a window of another size

"${tmux[@]}" new-session -d -s top -x 80 -y 24 "TERM=screen PS1='stopped> ' bash --norc --noprofile"
press "'$samepage' top; exit" Enter
await_screen '^web-2 '
press C-z
await_screen '^stopped> '
"${tmux[@]}" resize-window -t top -x 90 -y 12
press fg Enter
foot_is_last() {
	[ "$(screen | sed -n '12s/ quit.*//p')" = q ]
}
await 10 foot_is_last || fail "drawn for another window: $(screen)"
"${tmux[@]}" kill-session -t top
say "stopped and continued: drawn for the window that it comes back to"

# ------------------------------------------------------------ whatever ends it

top_pid() {
	pgrep -f "^$samepage top" || true
}
for signal in INT TERM HUP; do
	top_start screen
	await_screen '^web-2 '
	kill -$signal "$(top_pid)"
	assert_restored
	say "SIG$signal: the terminal is as it was"
done

# ------------------------------------------------------------ many guests, and one that hangs

truncate -s 1M "$scratch/small.ram"
fleet_start crowd "$scratch/small.ram" 30
top_start screen --interval 1 --domain nobody
await_screen "no guest runs in domain 'nobody'"
press f # the next by name is web
await_screen 'domain web: 2 guests'
press f
await_screen '^crowd-16 '
await_screen ' 1-16 of 35$'
press C-f
await_screen ' 17-32 of 35$'
press G
await_screen '^web-2 '
"$samepage" ps | awk '$1 == "twin-2" { print $3 }' > "$scratch/stopped"
kill -STOP "$(cat "$scratch/stopped")"
await_screen '^twin-2  *silent '
await_screen "^guest 'twin-2' .* does not answer"
before=$(date +%s%N)
press d
await_screen '^web  *2 '
[ $((($(date +%s%N) - before) / 1000000)) -lt 1500 ] || fail "a key waited for a guest that hangs"
press d G
first=$(screen | head -n 1)
clock_went_on() {
	[ "$(screen | head -n 1)" != "$first" ]
}
await 10 clock_went_on || fail "the others' figures stand still: $(screen)"
kill -CONT "$(cat "$scratch/stopped")"
await_screen '^twin-2  *paused '
press q
assert_restored
say "thirty-five guests are scrolled through, and none holds up the others"

# ------------------------------------------------------------ on paper, and where there is no screen

"$samepage" top --batch --frames 2 --interval 1 > "$scratch/paper"
[ "$(grep -c '^samepage top' "$scratch/paper")" = 2 ] || fail "not two frames: $(cat "$scratch/paper")"
[ "$(grep -c '^crowd-' "$scratch/paper")" = 60 ] || fail "guests are missing: $(cat "$scratch/paper")"
! grep -q "$(printf '\033')" "$scratch/paper" || fail "paper has no colours"
column_of PRIVATE < "$scratch/paper" | sort -u > "$scratch/shown"
json_mib populated_bytes | sort -u | diff - "$scratch/shown" || fail "paper differs from stats"
"$samepage" top --batch --frames 1 --interval 1 --by-domain --sort overhead --domain web | grep -q '^web  *2 ' ||
	fail "no row for a domain"
refused() { # status words argument...
	local expected=$1 words=$2 status=0
	shift 2
	"$@" < /dev/null > "$scratch/out" 2>&1 || status=$?
	[ $status = "$expected" ] || fail "$*: $status, not $expected"
	grep -q -e "$words" "$scratch/out" || fail "$*: $(cat "$scratch/out")"
}
refused 1 'no terminal: --batch' "$samepage" top
refused 2 "'height' is none of name, domain" "$samepage" top --sort height
refused 2 'needs --batch' "$samepage" top --frames 2
for term in dumb no-such-terminal; do
	"${tmux[@]}" new-session -d -s top -x 80 -y 24 \
		"TERM=$term '$samepage' top 2> '$scratch/err'; echo \$? > '$scratch/status.$term'; exec sleep 600"
	await 30 test -s "$scratch/status.$term" || fail "$term: it does not end"
	[ "$(cat "$scratch/status.$term")" = 1 ] || fail "$term: status $(cat "$scratch/status.$term")"
	grep -q -e --batch "$scratch/err" || fail "$term: $(cat "$scratch/err")"
	"${tmux[@]}" kill-session -t top
done
say "paper has what the screen has, and what can't be drawn on is refused"
