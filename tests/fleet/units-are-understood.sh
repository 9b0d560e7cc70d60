#!/bin/bash
# systemd understands every line of the units, and make install puts all that they need where it looks for it.
# It passes over what it does not understand, and a fence that is misspelt is none.
set -eu
build=$(realpath "${top_builddir:-build}")
command -v systemd-analyze > /dev/null || { echo "SKIPPED: systemd-analyze is missing: install systemd"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

make -s -C "$build" install DESTDIR="$scratch/root" prefix=/usr > "$scratch/install" 2>&1 || { cat "$scratch/install"; exit 1; }
for file in lib/systemd/system/samepage{@.service,-fleet@.service,-broker@.service,-broker.socket,.slice} \
	lib/sysusers.d/samepage.conf lib/tmpfiles.d/samepage.conf lib/udev/rules.d/60-samepage.rules; do
	[ -s "$scratch/root/usr/$file" ] || { echo "make install leaves out $file"; exit 1; }
done
# Templates are verified as instances; the command is where this build has it.
mkdir "$scratch/units"
for unit in "$scratch"/root/usr/lib/systemd/system/samepage*; do
	name=${unit##*/}
	sed "s,\(Exec[A-Za-z]*=-\?\)/[^ ]*/samepage,\1$build/samepage," "$unit" > "$scratch/units/$name"
	[ "${name/@./@web-1.}" = "$name" ] || cp "$scratch/units/$name" "$scratch/units/${name/@./@web-1.}"
	! grep '@[a-z_]*@' "$unit" || { echo "$name has a name for a path, and no path"; exit 1; }
done
SYSTEMD_UNIT_PATH="$scratch/units:" systemd-analyze verify --man=no "$scratch"/units/*[!@].* > "$scratch/said" 2>&1 || {
	cat "$scratch/said"
	exit 1
}
if grep samepage "$scratch/said"; then
	echo "systemd has something to say of the units"
	exit 1
fi
