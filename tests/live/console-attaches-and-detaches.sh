#!/bin/bash
# A guest's console can be watched and typed at from outside, by several, and left again, with what it said before.
# Whoever starts a guest in the background has no other way to look at it; and no watcher may hold it up.
. "$(dirname "$0")/lib.sh"

name=shell
flood_bytes=10000 # the lab's console takes some 2000 a second

# --- users: each has a process and a screen

declare -A user_pid=() user_keys=()

# A user at a terminal of its own, whose keys come through a pipe.
sit_down() { # user
	local fd
	mkfifo "$scratch/$1.keys"
	script -q -e -f -c "$SAMEPAGE console $name" "$scratch/$1.screen" < "$scratch/$1.keys" > /dev/null &
	user_pid[$1]=$!
	exec {fd}> "$scratch/$1.keys"
	user_keys[$1]=$fd
}

type_keys() { # user keys
	printf '%b' "$2" >&"${user_keys[$1]}"
}

screen_shows() { # user pattern
	grep -q -a -e "$2" "$scratch/$1.screen" 2> /dev/null
}

expect_screen() { # user pattern [seconds]
	await "${3:-30}" screen_shows "$1" "$2" || {
		tail -c 2000 "$scratch/$1.screen" 2> /dev/null || true
		fail "the screen of $1 does not show '$2'"
	}
}

expect_end() { # user
	local status=0
	await 30 process_is_gone "${user_pid[$1]}" || fail "$1 is still there"
	wait "${user_pid[$1]}" || status=$?
	[ $status = 0 ] || fail "$1 ended with $status"
	say "$1 ended with 0"
}

log_has() { # pattern
	"$SAMEPAGE" console --log $name 2> /dev/null | grep -q -a -e "$1"
}

# --- a guest in the background, with a console that goes nowhere

"$SAMEPAGE" run --name $name --domain "$domain" --mem 128M --kernel "$GUEST_KERNEL" --initrd "$GUEST_INITRD" \
	--cmdline "console=ttyS0 quiet panic=-1 nokaslr samepage.run=shell$lab_words" \
	--console none --detach < /dev/null
guest_pid[$name]=$(guest_stat $name pid)
echo boot >> "${BOOTS:-/dev/null}"
await $ready_seconds log_has '^READY' || lab_fault "$name was not READY after $ready_seconds seconds"

# --- attach, type, detach, attach again

sit_down first
expect_screen first '^READY'
# shellcheck disable=SC2016
type_keys first 'echo answer-$((6 * 7))\r'
expect_screen first 'answer-42'
# shellcheck disable=SC2016
type_keys first '\001xecho still-$((40 + 2))\r' # no key of this verb
expect_screen first 'still-42'
type_keys first '\001d'
expect_end first
screen_shows first "detached from '$name'" || fail "the first user was not told of the end"
[ "$(guest_stat $name state)" = running ] || fail "the guest did not outlive the one who watched"
sit_down second
expect_screen second 'answer-42'

# --- without a terminal: the end of the input is no end

# shellcheck disable=SC2016
printf 'echo piped-$((6 * 7))\n' | "$SAMEPAGE" console $name > "$scratch/pipe.screen" &
user_pid[pipe]=$!
expect_screen pipe 'piped-42'
expect_screen second 'piped-42'

# --- a flood, with one who does not read

"$SAMEPAGE" console --no-input $name > "$scratch/stopped.screen" < /dev/null &
user_pid[stopped]=$!
guest_pid[stopped]=$! # so that it does not outlive the test, stopped as it is
expect_screen stopped 'piped-42'
kill -STOP "${user_pid[stopped]}"
began=$SECONDS
# shellcheck disable=SC2016
type_keys second "yes flood | head -c $flood_bytes; "'echo over-$((6 * 7))\r'
expect_screen second '^flood'
timeout 20 "$SAMEPAGE" ps | grep -q $name || fail "the guest does not answer during a flood"
expect_screen second 'over-42' 180
say "$flood_bytes bytes took $((SECONDS - began)) seconds"
expect_screen pipe 'over-42'
kill -CONT "${user_pid[stopped]}"
expect_screen stopped 'over-42'

# --- a reboot detaches nobody

boots() { # user count
	[ "$(grep -c -a '^READY' "$scratch/$1.screen")" = "$2" ]
}
type_keys second 'reboot -f\r'
for user in second pipe; do
	await $ready_seconds boots $user 2 || lab_fault "$name was not READY again after $ready_seconds seconds"
done
# shellcheck disable=SC2016
type_keys second 'echo again-$((6 * 7))\r'
expect_screen second 'again-42'
log_has 'answer-42' || fail "what was said before the reboot is gone"

# --- what is refused

! "$SAMEPAGE" console nobody 2> "$scratch/refused" < /dev/null || fail "there is no guest 'nobody'"
grep -q "'nobody'" "$scratch/refused" || fail "the refusal does not name the guest"

# --- the guest ends, and with it everybody's watch

type_keys second 'exit\r'
for user in second pipe stopped; do
	expect_end $user
done
screen_shows second "'$name' has ended" || fail "the second user was not told of the end"
await $end_seconds process_is_gone "${guest_pid[$name]}" || fail "$name still runs"
expect_nothing_left
