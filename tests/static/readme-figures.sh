#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The table of figures in README.md is what bench/table prints of bench/figures.jsonl.
# A table that is kept by hand shows the figures of two years ago, or those that its author liked best.
set -eu
top=${top_srcdir:-.}
command -v jq > /dev/null || { echo "SKIPPED: jq is missing"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sed -n '/readme-figures\.sh/,/^[^<|]/p' "$top/README.md" | grep '^|' > "$scratch/shown" || true
"$top/bench/table" "$top/bench/figures.jsonl" > "$scratch/measured"
[ "$(wc -l < "$scratch/measured")" -gt 2 ] || { echo "bench/table prints nothing"; exit 1; }
diff -u "$scratch/measured" "$scratch/shown" || { echo "README.md does not show what bench/table prints (-)"; exit 1; }
