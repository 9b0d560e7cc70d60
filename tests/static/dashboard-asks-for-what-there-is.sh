#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each metric that the dashboard asks for is one that `samepage metrics` tells: a panel without data is only seen when it is needed.
set -eu
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
samepage=${SAMEPAGE:-${abs_top_builddir:-$PWD/build}/samepage}
command -v jq > /dev/null || exit 77
dashboard=contrib/grafana/samepage.json

asked=$(jq -r '.. | .expr?, .query? | if type == "object" then .query else . end | strings' $dashboard |
	grep -o 'samepage_[a-z_]*' | sort -u)
told=$("$samepage" metrics --textfile - | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' | sort -u)
[ "$(wc -l <<< "$asked")" -ge 15 ] || {
	echo "only these metrics are found in $dashboard: $asked"
	exit 1
}
missing=$(comm -23 <(echo "$asked") <(echo "$told"))
[ -z "$missing" ] || {
	echo "$dashboard asks for what samepage does not tell: $missing"
	exit 1
}
# A rate is taken of what only grows, and of nothing else.
wrong=$(jq -r '.. | .expr? | strings' $dashboard | grep -o 'rate(samepage_[a-z_]*' | grep -v '_total$' || true)
[ -z "$wrong" ] || {
	echo "$dashboard takes a rate of what is no counter: $wrong"
	exit 1
}
