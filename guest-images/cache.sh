# shellcheck shell=bash
# cache.sh - where what is built from recipes lives, once per recipe; to be sourced
#
# An entry's name ends in a digest of everything that went into it, so that a
# changed recipe makes a new entry and an unchanged one is never built again.
# Entries appear under their name complete or not at all.

if [ -n "${SAMEPAGE_CACHE:-}" ]; then
	cache=$SAMEPAGE_CACHE
elif [ "$(id -u)" = 0 ]; then
	cache=/var/cache/samepage
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/samepage
fi
mkdir -p "$cache"
cache=$(realpath "$cache")

cache_digest() { # file...
	cat "$@" | sha256sum | cut -c 1-12
}

# Runs BUILDER with an empty directory, unless the entry exists; prints its path.
cache_entry() { # name builder
	local work
	if [ ! -d "$cache/$1" ]; then
		work=$(mktemp -d "$cache/.new.XXXXXX")
		# shellcheck disable=SC2064
		trap "trap '' INT TERM HUP; rm -rf --one-file-system '$work'" EXIT
		trap 'exit 1' INT TERM HUP
		# Not in an `if`: a failure in the builder must end the script.
		"$2" "$work" >&2
		chmod 755 "$work"
		mv -T "$work" "$cache/$1" 2> /dev/null || [ -d "$cache/$1" ]
	fi
	echo "$cache/$1"
}
