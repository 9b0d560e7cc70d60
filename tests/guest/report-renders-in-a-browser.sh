#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The page of a report renders, has the figures of `stats --json`, leads from a cell to its equals, and asks nobody for anything.
# A picture of a fleet that shows other numbers than the fleet has, or that tells a third party who looks, is worse than none.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
command -v chromium > /dev/null || skip "chromium is missing"
guest_skip_without_kvm --dedup on

page=4096
names=(one two odd)

clean_up_more() {
	"$samepage" ps | awk 'NR > 1 { print $1 }' | xargs -r "$samepage" kill
}

random_pages() { # count
	head -c $(($1 * page)) /dev/urandom
}

# The same 256 pages, in one guest 128 KiB higher; the rest are its own, or zero.
random_pages 256 > "$scratch/equal"
{ cat "$scratch/equal"; random_pages 64; } > "$scratch/one.ram"
{ head -c $((32 * page)) /dev/zero; cat "$scratch/equal"; } > "$scratch/two.ram"
random_pages 128 > "$scratch/odd.ram"
for name in one two; do
	"$samepage" run --ram-image "$scratch/$name.ram" --paused --mem 4M --name $name --domain shop --detach
done
"$samepage" run --ram-image "$scratch/odd.ram" --paused --mem 4M --name odd --domain other --detach

is_shared() {
	"$samepage" stats --json > "$scratch/stats"
	jq -e '(.domains[] | select(.name == "shop") | .frames == 256 and .shared_mappings == 512)
		and (.guests[] | select(.name == "two") | .zero_bytes == 131072)' "$scratch/stats" > /dev/null
}
await 60 is_shared || fail "they don't share: $(cat "$scratch/stats")"

chromium_run() { # option...
	rm -rf "$scratch/profile"
	timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
		--disable-component-update --disable-sync --disable-default-apps --user-data-dir="$scratch/profile" \
		--window-size=1280,1600 --enable-logging=stderr --log-net-log="$scratch/net" --virtual-time-budget=10000 \
		"$@" 2> "$scratch/chromium"
}

# What a visitor's browser makes of the page.
render() { # page
	chromium_run --dump-dom "file://$1" > "$scratch/dom" || fail "chromium: $(tail -n 5 "$scratch/chromium")"
	grep -q '<html[^>]* data-ready="yes"' "$scratch/dom" || fail "the script did not run to its end: $(grep CONSOLE "$scratch/chromium")"
	! grep CONSOLE "$scratch/chromium" || fail "the browser complains"
}

# Each figure as the page shows it: {of, name, key, value}.
figures_of_page() {
	sed -n 's/^<td data-figure="\([^"]*\)" data-value="\([^"]*\)">.*/\1 \2/p' "$scratch/dom" |
		jq -R 'split(" ") | {path: .[:-1] | join(" "), value: .[-1] | tonumber}'
}

# Each figure of `stats --json`, with what it was before and after the page was made.
figures_of_stats() {
	jq -n --slurpfile before "$scratch/before" --slurpfile after "$scratch/after" '
		def rows($kind; $name; $old; $new): $old | to_entries[] | select((.value | type) == "number" and .key != "pid")
			| {path: "\($kind) \($name) \(.key)", low: ([.value, $new[.key]] | min), high: ([.value, $new[.key]] | max)};
		$before[0] as $b | $after[0] as $a
		| ($b.guests[] | .name as $name | rows("guest"; $name; .; ($a.guests[] | select(.name == $name)))),
		  ($b.domains[] | .name as $name | rows("domain"; $name; .; ($a.domains[] | select(.name == $name)))),
		  rows("total"; "all"; $b.total; $a.total)'
}

# PSS depends on which other processes of samepage run just now, and so does a broker's overhead.
agree() {
	"$samepage" stats --json > "$scratch/before"
	"$samepage" report --html "$scratch/report.html" || return 1
	"$samepage" stats --json > "$scratch/after"
	render "$scratch/report.html"
	figures_of_page > "$scratch/shown"
	figures_of_stats > "$scratch/expected"
	jq -n --slurpfile expected "$scratch/expected" --slurpfile shown "$scratch/shown" '
		def slack: if test("pss_bytes|overhead_bytes") then 4 * 1048576 else 0 end;
		($shown | map({key: .path, value: .value}) | from_entries) as $page
		| $expected | map(. as $row | $page[.path] as $value | ($row.path | slack) as $slack
			| select($value == null or $value < $row.low - $slack or $value > $row.high + $slack) | . + {shown: $value})' \
		> "$scratch/wrong"
	[ "$(cat "$scratch/wrong")" = "[]" ]
}

await 60 agree || fail "page and report differ: $(cat "$scratch/wrong")"
figures=$(jq -s length "$scratch/expected")
[ "$figures" = "$(jq -s length "$scratch/shown")" ] || fail "the page shows $(jq -s length "$scratch/shown") figures, not $figures"
[ "$figures" -ge $((3 * 21)) ] || fail "the report has only $figures figures"
say "$figures figures agree"

# The report inside is that of the table, and the curve ends there.
sed -n 's/.*id="page-data">\([^<]*\)<.*/\1/p' "$scratch/report.html" > "$scratch/inside"
jq -e '.report.domains[] | select(.name == "shop") | .frames == 256' "$scratch/inside" > /dev/null || fail "no report is inside"
jq -e --argjson page $page '[.history.domains[] | select(.name == "shop") | .points] | .[0]
	| .[0][1] == 0 and .[-1][1:3] == [256 * $page, 512 * $page] and length > 2
	and ([.[][0]] as $times | $times == ($times | sort))' "$scratch/inside" > /dev/null || fail "the curve is not that of the guests"
for part in '<option value="0">all domains' '<option value="1">domain other' '>guest two</option>' '<path d="M' 'data-cells="64"'; do
	grep -q "$part" "$scratch/dom" || fail "the page lacks $part"
done
[ "$(grep -o 'class="cells"' "$scratch/dom" | wc -l)" = ${#names[@]} ] || fail "not each guest has a map"

# Somebody points at the first cell of `one`: 16 pages, that are 32 pages higher in `two`.
nonce=$(sed -n "s/.*script-src 'nonce-\([0-9a-f]*\)'.*/\1/p" "$scratch/report.html")
point_at() { # guest column row
	sed "s|</body>|<script nonce=\"$nonce\">{const c=document.querySelector('canvas[aria-label\$=\" $1\"]'),b=c.getBoundingClientRect();\
c.dispatchEvent(new PointerEvent('pointermove',{clientX:b.left+1+$2*8+4,clientY:b.top+1+$3*8+4}));}</script></body>|" \
		"$scratch/report.html" > "$scratch/pointed.html"
	render "$scratch/pointed.html"
	sed -n '/id="map-says"/,/<\/p>/p' "$scratch/dom" > "$scratch/says"
}
point_at one 1 0
grep -q 'one 0x000010000–0x00001ffff: 16 pages shared' "$scratch/says" || fail "it says: $(cat "$scratch/says")"
grep -q 'two 0x000030000–0x00003ffff: 16 pages' "$scratch/says" || fail "it says: $(cat "$scratch/says")"
! grep -q odd "$scratch/says" || fail "it takes another domain's for the same: $(cat "$scratch/says")"
point_at odd 1 0
grep -q 'odd 0x000010000–0x00001ffff: 16 pages unique' "$scratch/says" || fail "it says: $(cat "$scratch/says")"
! grep -q 'same frames' "$scratch/says" || fail "unique pages have equals: $(cat "$scratch/says")"
say "pointing at a cell finds its equals"

# What pages asked for; the browser itself, which looks for updates, has no origin.
asked_for() {
	grep '"initiator":' "$scratch/net" | grep -v '"initiator":"not an origin"' | sed -n 's/.*"url":"\([^"]*\)".*/\1/p' |
		grep -v -e '^file:///' -e '^data:' -e '^chrome'
}
! asked_for || fail "the page leads outside"

# A page that wants to load something is kept from it: the policy works.
sed "s|</body>|<img src=\"http://127.0.0.1:9/x.png\"><script src=\"http://127.0.0.1:9/x.js\"></script></body>|" \
	"$scratch/report.html" > "$scratch/leak.html"
chromium_run --dump-dom "file://$scratch/leak.html" > "$scratch/dom" || fail "chromium: $(tail -n 5 "$scratch/chromium")"
[ "$(grep -c 'CONSOLE.*Content Security Policy' "$scratch/chromium")" -ge 2 ] || fail "nothing keeps a page from loading"
! asked_for || fail "a request has left the page"
# Without the policy they would be seen.
sed -i '/http-equiv="Content-Security-Policy"/d' "$scratch/leak.html"
chromium_run --dump-dom "file://$scratch/leak.html" > "$scratch/dom" || fail "chromium: $(tail -n 5 "$scratch/chromium")"
asked_for | grep -q '^http://127.0.0.1:9/x.png$' || fail "what a page asks for is not seen here"
say "nothing leaves the page"

# Tables are there without JavaScript, on standard output too; what cannot be written leaves what was there.
"$samepage" report --html - | grep -q 'data-figure="guest two ram_bytes" data-value="4194304"' || fail "no table in the file"
! "$samepage" report --html "$scratch/none/report.html" 2> "$scratch/error" || fail "a page went nowhere"
grep -q "$scratch/none" "$scratch/error" || fail "it does not say where: $(cat "$scratch/error")"
! "$samepage" report 2> /dev/null || fail "a report without a file was made"
[ "$(find "$scratch" -name 'report.html*' | wc -l)" = 1 ] || fail "half a file was left"
