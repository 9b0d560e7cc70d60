#!/bin/bash
# Twenty guests of one file come up, once; what is missing is started again; when they go nothing is left of them.
# An operator runs this every day, and must be able to run it twice.
. "$(dirname "$0")/lib.sh"

head -c 1M /dev/urandom > "$scratch/shop.ram"
cat > "$scratch/shop.conf" <<'CONF'
[defaults]
ram-image = shop.ram
paused = on

[guest]
name = web
count = 19

[guest]
name = db
mem = 2M
CONF
cd /

# shellcheck disable=SC2317 # called by await
shares() { # guests
	samepage stats --json | grep -q "\"shared_mappings\":$(($1 * 256))"
}

samepage up --parallel 4 "$scratch/shop.conf" > "$scratch/up"
grep -q '^web-1: started (' "$scratch/up" || fail "no progress is shown"
[ "$(grep -c ': started (' "$scratch/up")" = 20 ] || fail "not 20 starts are shown"
grep -q '^20 started in .*, 0 ran already, 0 not started$' "$scratch/up" || fail "the summary is wrong"
[ "$(running)" = 20 ] || fail "$(running) guests run, not 20"
await 60 shares 20 || fail "guests of one file don't share"

[ "$(samepage up "$scratch/shop.conf")" = "all 20 run already: nothing was done" ] || fail "a second up does something"

kill -KILL "$(pid_of web-7)"
samepage up "$scratch/shop.conf" > "$scratch/up"
grep -q '^1 started in .*, 19 ran already' "$scratch/up" || fail "web-7 was not started alone"
await 60 shares 20 || fail "who came back does not share"

sed -i 's/^mem = 2M/mem = 3M/' "$scratch/shop.conf"
samepage up "$scratch/shop.conf" > "$scratch/up" 2> "$scratch/said"
grep -q '1 run otherwise than the file says' "$scratch/up" || fail "the summary hides what changed"
grep -q '^samepage: db: .*what differs: mem)' "$scratch/said" || fail "nobody says what changed"
[ "$(wc -l < "$scratch/said")" = 1 ] || fail "others changed, too"

# A guest that can't start is said, and keeps none of the others from it.
samepage down --timeout 0 "$scratch/shop.conf" db web-3 > /dev/null
sed -i 's/^mem = 3M/&\nram-image = gone.ram/' "$scratch/shop.conf"
status=0
samepage up "$scratch/shop.conf" > "$scratch/up" 2> "$scratch/said" || status=$?
[ $status = 1 ] || fail "a guest that does not start gives status $status"
grep -q "^samepage: db: .*$scratch/gone.ram" "$scratch/said" || fail "nobody says why db does not start"
grep -q '^1 started in .*, 18 ran already, 1 not started$' "$scratch/up" || fail "web-3 was not started"

status=0
samepage up "$scratch/shop.conf" nobody 2> "$scratch/said" || status=$?
[ $status = 2 ] || fail "an unknown name gives status $status"
grep -q "has no guest 'nobody'" "$scratch/said" || fail "an unknown name is not named"

samepage down --timeout 0 "$scratch/shop.conf" > "$scratch/down"
grep -q '19 ended, 1 did not run, 0 failed' "$scratch/down" || fail "the summary of down is wrong"
left=$(find "$SAMEPAGE_RUNDIR" ! -type d)
[ -z "$left" ] || fail "left behind: $left"
[ -z "$(ours)" ] || fail "processes are left: $(ours)"
grep -l "$scratch/shop.ram" /proc/[0-9]*/maps 2> /dev/null && fail "the image is still mapped"
[ "$(samepage down "$scratch/shop.conf")" = "none of 20 ran: nothing was done" ] || fail "a second down does something"
exit 0
