#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest boots on huge pages, and what is worth sharing is shared all the same once it has booted.
# Huge pages that stayed would keep the memory that the report says was given back.
. "$(dirname "$0")/lib.sh"
command -v jq > /dev/null || skip "jq is missing"
guest_skip_without_kvm --dedup on

figure() { # name key
	"$samepage" stats --json | jq --arg name "$1" --arg key "$2" '.guests[] | select(.name == $name) | .[$key]'
}

has_some() { # name key
	local number
	number=$(figure "$1" "$2")
	[ "${number:-0}" -gt 0 ]
}

has_none() { # name key
	[ "$(figure "$1" "$2")" = 0 ]
}

for mode in off auto; do
	guest_start $mode share $mode --hugepages $mode --dedup-cpu 100
	await 30 guest_says $mode READY || fail "$mode does not start"
done
has_none off huge_bytes || fail "$(figure off huge_bytes) bytes are mapped huge with --hugepages off"
has_some auto huge_bytes || skip "the host has no huge page to give"
say "auto: $(figure auto huge_bytes) bytes are mapped huge while it boots"
await 60 has_some auto shared_bytes || fail "nothing of it is shared"
await 60 has_none auto huge_bytes || fail "$(figure auto huge_bytes) bytes stay mapped huge"
for mode in off auto; do
	"$samepage" stop $mode
	guest_ends_with $mode 0
	guest_says $mode OK || fail "$mode has lost a word"
done
