# shellcheck shell=bash
# apt.sh - apt without questions, and the suites it may take packages from; to be sourced

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2034
packages_list=$(dirname "${BASH_SOURCE[0]}")/list

apt_die() {
	echo "samepage: $*" >&2
	exit 1
}

# The machine's own words for where Debian comes from, with another suite: a
# mirror, a proxy or a key that was set up for this machine stays in use.
apt_source_with_suite() { # suite
	local base=${1%%-*} file
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		awk -v RS= -v ORS='\n\n' -v base="$base" -v suite="$1" '
			$0 ~ "(^|\n)Suites:([^\n]* )?" base "( |\n|$)" && !/(^|\n)Enabled: *no/ {
				gsub(/(^|\n)#[^\n]*/, "")
				sub(/^\n/, "")
				sub(/Suites:[^\n]*/, "Suites: " suite)
				sub(/Components:[^\n]*/, "Components: main")
				print
				exit
			}' "$file"
	done | awk -v RS= 'NR == 1' | grep . && return
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$file" ] || continue
		awk -v base="$base" -v suite="$1" '
			$1 == "deb" {
				line = $0
				if (sub("[ \t]" base "[ \t].*", " " suite " main", line)) {
					print line
					exit
				}
			}' "$file"
	done | head -n 1 | grep .
}

apt_suite_known() { # suite
	# The fields are apt's, not the shell's.
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(RELEASE) $(CODENAME)' 'Created-By: Packages' |
		tr ' ' '\n' | grep -qx "$1"
}

apt_enable_suite() { # suite
	local source file=/etc/apt/sources.list.d/samepage-$1
	apt_suite_known "$1" && return
	[ "$(id -u)" = 0 ] || apt_die "needs root to enable the suite $1"
	source=$(apt_source_with_suite "$1") ||
		apt_die "found no apt source of ${1%%-*} to derive $1 from: enable $1 by hand"
	case $source in
	deb*) file=$file.list ;;
	*) file=$file.sources ;;
	esac
	echo "samepage: enabling the suite $1 in $file" >&2
	printf '%s\n' "$source" > "$file"
}

# The suite, if it belongs to this release; else `-`: its own packages will do.
apt_suite() { # suite
	local release
	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	case $1 in
	"$release"-*) echo "$1" ;;
	*) echo - ;;
	esac
}
