#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian package satisfies lintian, and brings on a Debian that has nothing else all that samepage needs, and a guest runs.
# A package is what most people get to see of samepage; what the build host happened to have is missing on theirs.
# The live test package-boots-a-guest.sh boots a stock kernel with what is installed here.
. "$(dirname "$0")/../guest/lib.sh"
for tool in dh lintian mmdebstrap; do
	command -v $tool > /dev/null || skip "$tool is missing: packages/install deb image"
done
[ "$(id -u)" = 0 ] || skip "needs root, to install a package"
guest_skip_without_kvm --dedup off
top=$(realpath "${top_srcdir:-.}")
# shellcheck source=packages/apt.sh
. "$top/packages/apt.sh"
# shellcheck source=guest-images/bootstrap.sh
. "$top/guest-images/bootstrap.sh"

"$top/packages/deb" "$build" > "$scratch/packages" 2> "$scratch/lintian" || fail "no packages: $(cat "$scratch/lintian")"
package=$(grep '/samepage_' "$scratch/packages") || fail "these are no packages: $(cat "$scratch/packages")"
! grep '^W:' "$scratch/lintian" || fail "lintian warns"
say "$(basename "$package") satisfies lintian"

root=$build/deb/root
rm -rf --one-file-system "$root"
# In a namespace of its own, so that nothing stays mounted. The hooks' $1 is the new root.
# shellcheck disable=SC2016
unshare --mount mmdebstrap --quiet --dpkgopt=force-unsafe-io --variant=minbase --mode=root --format=directory \
	--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	--customize-hook="copy-in $package /root" \
	--customize-hook='chroot "$1" apt-get install -q -y -o APT::Install-Recommends=true /root/'"$(basename "$package")" \
	--customize-hook='rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/var/lib/apt/lists/*' \
	bookworm "$root" "$(mirror_line)" > "$scratch/installed" 2>&1 || fail "it is not installed: $(tail -n 20 "$scratch/installed")"

inside() { # command...
	unshare --mount --pid --fork --mount-proc --kill-child env -u SAMEPAGE_RUNDIR chroot "$root" "$@"
}
inside samepage version | grep -q '^samepage [0-9]' || fail "samepage does not run"
inside id samepage | grep -q '(kvm)' || fail "there is no user samepage in group kvm"
for page in "$top"/man/*.[0-9]; do
	file=share/man/man${page##*.}/${page##*/}.gz
	[ -s "$root/usr/$file" ] || fail "/usr/$file is not in the package"
done
for file in share/bash-completion/completions/samepage share/zsh/vendor-completions/_samepage lib/tmpfiles.d/samepage.conf \
	lib/udev/rules.d/60-samepage.rules lib/systemd/system/samepage@.service lib/systemd/system/samepage-fleet@.service; do
	[ -s "$root/usr/$file" ] || fail "/usr/$file is not in the package"
done
for tool in grub-fstest passt; do
	inside sh -c "command -v $tool" > /dev/null || fail "$tool is not recommended"
done
inside samepage metrics --textfile - | grep -q '^samepage_build_info' || fail "no metrics"
# The libraries that are loaded when they are needed.
[ -n "$(find "$root/usr/lib" -name 'libmicrohttpd.so.12')" ] || fail "libmicrohttpd is not recommended"
[ -n "$(find "$root/lib/" "$root/usr/lib" -name 'libncursesw.so.6')" ] || fail "ncurses is not recommended"

cp "$build/tests/guest/ends.elf" "$root/root/kernel"
rm -f "$root/dev/kvm"
mknod "$root/dev/kvm" c "0x$(stat -c %t /dev/kvm)" "0x$(stat -c %T /dev/kvm)"
status=0
inside timeout 60 samepage run --kernel /root/kernel --cmdline off --mem 8M --dedup off > "$scratch/ran" 2>&1 < /dev/null || status=$?
[ $status = 0 ] || fail "a guest ends with $status: $(cat "$scratch/ran")"
grep -a -q READY "$scratch/ran" || fail "a guest says nothing: $(cat "$scratch/ran")"

# All of it goes again.
inside dpkg --purge samepage > "$scratch/purged" 2>&1 || fail "it cannot be removed: $(cat "$scratch/purged")"
left=$(find "$root/usr" "$root/etc" "$root/lib/systemd" -name '*samepage*' ! -path '*/samepage.deb' | head)
[ -z "$left" ] || fail "left behind: $left"
inside apt-get install -q -y "/root/$(basename "$package")" > "$scratch/again" 2>&1 || fail "not a second time: $(cat "$scratch/again")"
