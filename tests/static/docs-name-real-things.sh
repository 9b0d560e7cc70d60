#!/bin/sh
# Every file and every function that a README or a document names exists where it says.
# Text is not compiled: without this, the first rename makes it lie.
set -eu
cd "${top_srcdir:-.}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

documents() {
	find . -name '*.md' -not -path './.git/*' -not -path './*build*/*' -not -path './samepage-[0-9]*/*' |
		sed 's,^\./,,' | sort
}

complain() { # document: words
	echo "$1: $2" >> "$scratch/wrong"
}

# What GitHub and GitLab make of a heading.
anchors() { # document
	sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 -]//g; s/ /-/g'
}

# [text](target): the file exists, the anchor too, and `function()` is defined there.
check_links() { # document
	grep -o '\[[^][]*\]([^() ]*)' "$1" | while read -r link; do
		target=${link##*](}
		target=${target%)}
		text=${link%%](*}
		case $target in
		http://* | https://* | mailto:*) continue ;;
		esac
		file=${target%%#*}
		path=$(dirname "$1")/$file
		[ -n "$file" ] || path=$1
		[ -e "$path" ] || {
			complain "$1" "links to $file, which does not exist"
			continue
		}
		case $target in
		*.md#*)
			anchors "$path" | grep -q -x "${target#*#}" ||
				complain "$1" "links to $target: there is no such heading"
			;;
		esac
		case $text in
		*'`'*'()`'*)
			name=${text#*\`}
			name=${name%%(*}
			# A definition begins its line, and its parameters follow.
			grep -q "^[a-z].*[ *]$name(" "$path" ||
				complain "$1" "$name() is not defined in $file"
			;;
		esac
	done
}

# `folder/file`, with a folder of the tree: exists, from the root or from the document.
check_paths() { # document
	# shellcheck disable=SC2016 # backquotes of Markdown
	grep -v '^    ' "$1" | grep -o '`[^` ]*/[^` ]*`' | tr -d '`' | while read -r path; do
		case $path in
		*[!A-Za-z0-9_./-]* | *[A-Z][A-Z][A-Z]* | /* | build/*) continue ;;
		esac
		[ -d "${path%%/*}" ] || continue
		[ -e "$path" ] || [ -e "$(dirname "$1")/$path" ] || complain "$1" "names $path, which does not exist"
	done
}

# `file.c` alone: exists in the document's folder, or somewhere.
check_files() { # document
	# shellcheck disable=SC2016
	grep -o '`[a-z0-9_][a-z0-9_]*\.[ch]`' "$1" | tr -d '`' | while read -r file; do
		[ -e "$(dirname "$1")/$file" ] || ls ./*/"$file" > /dev/null 2>&1 ||
			complain "$1" "names $file, which does not exist"
	done
}

# `function()` without a link: our own or the system's, but one that the sources know.
check_functions() { # document
	# shellcheck disable=SC2016
	grep -o '`[a-z_0-9][a-z_0-9]*()`' "$1" | tr -d '`()' | while read -r name; do
		[ "$name" != noun_verb ] || continue # in HACKING.md: how names are made
		grep -q "\\<$name(" ./*/*.[ch] || complain "$1" "names $name(), which no source has"
	done
}

: > "$scratch/wrong"
documents > "$scratch/documents"
[ -s "$scratch/documents" ] || { echo "there are no documents"; exit 1; }
while read -r document; do
	for check in links paths files functions; do
		"check_$check" "$document"
	done
done < "$scratch/documents"
sort -u "$scratch/wrong"
[ ! -s "$scratch/wrong" ]
