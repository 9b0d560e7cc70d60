#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What Prometheus is told of 20 guests is what the report says, while guests are killed and while one hangs.
# An operator who is woken by a metric looks at the report next; and a monitoring that hangs with a guest tells nothing.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
command -v curl > /dev/null || skip "curl is missing"
promtool=$("${top_srcdir:-.}/packages/unpack" prometheus usr/bin/promtool) || skip "there is no promtool"
guest_skip_without_kvm --dedup on

count=20
pages=2048
exporter=
some=

clean_up_more() {
	[ -z "$exporter" ] || kill -KILL "$exporter" 2> /dev/null
	[ -z "$some" ] || kill -KILL "$some" 2> /dev/null
	"$samepage" ps | awk 'NR > 1 { print $1 }' | xargs -r "$samepage" kill
}

exporter_start() { # option...
	"$samepage" metrics "$@" > "$scratch/metrics.out" 2> "$scratch/metrics.err" &
	exporter=$!
}

exporter_ends_with_0() {
	local status=0
	kill -TERM "$exporter"
	wait "$exporter" || status=$?
	exporter=
	[ $status = 0 ] || fail "SIGTERM ended the exporter with $status: $(cat "$scratch/metrics.err")"
}

scrape() { # seconds
	curl -sS --fail --max-time "$1" "$url" > "$scratch/scrape"
}

is_accepted() {
	"$promtool" check metrics < "$1" > "$scratch/promtool" 2>&1 || fail "promtool: $(cat "$scratch/promtool")"
}

# Series as {metric, guest, domain, value}.
series() {
	jq -R 'select(startswith("#") | not)
		| capture("^(?<metric>[a-z_]+)(?:[{](?<labels>.*)[}])? (?<value>[-0-9.]+)$")
		| .value |= tonumber
		| .labels as $labels | reduce ("guest", "domain", "state", "network", "disk") as $name (.;
			.[$name] = ($labels // "" | capture("(^|,)" + $name + "=\"(?<text>[^\"]*)\"").text // null))' "$scratch/scrape"
}

# Each number of `stats --json` as {metric, guest, domain, low, high}, of two reports between which the scrape was.
# PSS also depends on which other processes of samepage run just now; the overhead of a domain has its broker's in it.
expectations() { # before after
	jq -n --slurpfile before "$1" --slurpfile after "$2" '
		def metric: {dedup_cpu_seconds: "dedup_cpu_seconds_total", passes: "passes_total", reported_bytes: "reported_bytes_total",
			broker_cpu_seconds: "broker_cpu_seconds_total"}[.] // .;
		def slack: if . == "pss_bytes" or . == "overhead_bytes" then 4 * 1048576 else 0 end;
		def row($prefix; $names; $old; $new): $old | to_entries[] | select((.value | type) == "number" and .key != "pid")
			| .key as $key | {metric: ($prefix + ($key | metric)),
				low: (([$old[$key], $new[$key]] | min) - ($key | slack)),
				high: (([$old[$key], $new[$key]] | max) + ($key | slack))} + $names;
		$before[0] as $b | $after[0] as $a
		| ($b.guests[] | . as $old | ($a.guests[] | select(.name == $old.name)) as $new
			| row("samepage_guest_"; {guest: $old.name, domain: $old.domain}; $old; $new)),
		  ($b.domains[] | . as $old | ($a.domains[] | select(.name == $old.name)) as $new
			| row("samepage_domain_"; {guest: null, domain: $old.name}; $old; $new)),
		  row("samepage_"; {guest: null, domain: null}; $b.total; $a.total)'
}

agree() {
	"$samepage" stats --json > "$scratch/before"
	scrape 10 || return 1
	"$samepage" stats --json > "$scratch/after"
	expectations "$scratch/before" "$scratch/after" > "$scratch/expected"
	series > "$scratch/series"
	jq -n --slurpfile expected "$scratch/expected" --slurpfile series "$scratch/series" '
		($series | map({key: "\(.metric) \(.guest) \(.domain)", value: .value}) | from_entries) as $told
		| $expected | map(. as $row | $told["\(.metric) \(.guest) \(.domain)"] as $value
			| select($value == null or $value < $row.low or $value > $row.high) | . + {told: $value})' > "$scratch/wrong"
	[ "$(cat "$scratch/wrong")" = "[]" ]
}

is_shared() {
	"$samepage" stats --json | jq -e --argjson pages $pages --argjson count $count '
		.domains[0] | .frames == $pages and .shared_mappings == $pages * $count' > /dev/null
}

head -c $((pages * 4096)) /dev/urandom > "$scratch/image"
"$samepage" run --ram-image "$scratch/image" --paused --mem 8M --name web --domain shop --count $count --detach
exporter_start --listen 127.0.0.1:0
await 10 grep -q http "$scratch/metrics.out" || fail "nobody listens: $(cat "$scratch/metrics.err")"
url=$(cat "$scratch/metrics.out")
await 60 is_shared || fail "they don't share: $("$samepage" stats)"

# Two reports with nothing but waiting between them may still see a pass end.
await 30 agree || fail "metrics and report differ: $(cat "$scratch/wrong")"
is_accepted "$scratch/scrape"
rows=$(jq -s length "$scratch/expected")
[ "$rows" = $((count * 22 + 8 + 4)) ] || fail "$rows figures were compared: has the report other ones?"
say "$rows figures of the report agree, and promtool accepts $(grep -c '^# TYPE' "$scratch/scrape") metrics"

[ "$(curl -s -o /dev/null -w '%{http_code}' --head "$url")" = 200 ] || fail "HEAD is refused"
[ "$(curl -s -o /dev/null -w '%{http_code}' -d x "$url")" = 405 ] || fail "POST is not refused"
[ "$(curl -s -o /dev/null -w '%{http_code}' "${url%metrics}other")" = 404 ] || fail "there is a page that should not be"
curl -s "${url%metrics}" | grep -q 'href="/metrics"' || fail "the front page does not lead to the metrics"
address=${url#http://}
! "$samepage" metrics --listen "${address%/metrics}" > /dev/null 2> "$scratch/metrics.err" ||
	fail "a second one listens at the same place"
grep -q 'listens at .* already' "$scratch/metrics.err" || fail "it does not say why: $(cat "$scratch/metrics.err")"

# One more, for some guests: who was named counts from when it runs to when it does not.
"$samepage" metrics --listen 127.0.0.1:0 web-2 late > "$scratch/some.out" 2> "$scratch/some.err" &
some=$!
await 10 grep -q http "$scratch/some.out" || fail "nobody listens: $(cat "$scratch/some.err")"
some_are() { # names
	curl -sS --fail --max-time 10 "$(cat "$scratch/some.out")" > "$scratch/some" || return 1
	[ "$(sed -n 's/^samepage_guest_ram_bytes{guest="\([^"]*\)".*/\1/p' "$scratch/some" | tr '\n' ' ')" = "$1" ]
}
await 10 some_are "web-2 " || fail "not one of the two: $(cat "$scratch/some")"
grep -q "^samepage_domain_guests{domain=\"shop\"} $count\$" "$scratch/some" || fail "the domain is not whole"
"$samepage" run --ram-image "$scratch/image" --paused --mem 8M --name late --detach
await 10 some_are "late web-2 " || fail "it did not come: $(cat "$scratch/some")"
"$samepage" kill late
await 10 some_are "web-2 " || fail "it did not go: $(cat "$scratch/some")"
is_accepted "$scratch/some"
kill -TERM $some
wait $some || fail "SIGTERM ended the second one with $?: $(cat "$scratch/some.err")"
some=
say "guests that were named are told of as they come and go"

# Guests go while they are asked.
for n in $(seq 1 2 $count); do
	"$samepage" kill "web-$n" &
	killer=$!
	scrape 10 || fail "a scrape failed while web-$n was killed"
	is_accepted "$scratch/scrape"
	wait $killer || fail "web-$n was not killed"
done
only_the_living() {
	scrape 10 && [ "$(grep -c '^samepage_guest_ram_bytes{' "$scratch/scrape")" = $((count / 2)) ]
}
await 10 only_the_living || fail "the dead are still listed"
grep -q '^samepage_silent_guests 0$' "$scratch/scrape" || fail "the dead are counted as silent"

# One that hangs is counted and left out; the others are told of.
hung=$("$samepage" ps | awk '$1 == "web-2" { print $3 }')
kill -STOP "$hung"
sleep 1.1 # what is younger than a second is told again
scrape 9 || fail "a guest that hangs makes the scrape hang"
kill -CONT "$hung"
grep -q '^samepage_silent_guests 1$' "$scratch/scrape" || fail "it is not counted"
[ "$(grep -c '^samepage_guest_ram_bytes{' "$scratch/scrape")" = $((count / 2 - 1)) ] || fail "others are missing"
is_accepted "$scratch/scrape"
exporter_ends_with_0
! curl -s --max-time 5 "$url" > /dev/null || fail "somebody still listens"
say "guests that were killed or hang hold up nobody"

# A file for others to read, whole at any time.
"$samepage" metrics --textfile - | grep -q '^samepage_guest_ram_bytes{guest="web-2",domain="shop"} 8388608$' || fail "no text"
exporter_start --textfile "$scratch/samepage.prom" --interval 1
await 10 test -s "$scratch/samepage.prom" || fail "there is no file: $(cat "$scratch/metrics.err")"
first=$(stat -c %i "$scratch/samepage.prom")
is_written_again() {
	is_accepted "$scratch/samepage.prom"
	[ "$(stat -c %i "$scratch/samepage.prom")" != "$first" ]
}
await 10 is_written_again || fail "the file stays as it was"
exporter_ends_with_0
[ "$(find "$scratch" -name 'samepage.prom*' | wc -l)" = 1 ] || fail "half a file was left"
say "the file is written again and again"
