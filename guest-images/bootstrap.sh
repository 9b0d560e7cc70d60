# shellcheck shell=bash
# bootstrap.sh - a minimal Debian 12 through mmdebstrap, without a trace of where it came
# from; to be sourced after packages/apt.sh

release=bookworm

# One `deb` line for the release, from this machine's own sources.
mirror_line() {
	# The fields are apt's, not the shell's.
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		awk -v release=$release '$1 == release { print "deb", $2, release, "main"; exit }'
}

# Root's mounts are in a namespace of their own, so nothing stays mounted, however it
# ends.  Others get a user namespace with subordinate ids.
bootstrap_mode() {
	if [ "$(id -u)" = 0 ]; then
		echo root
		return
	fi
	command -v newuidmap > /dev/null || apt_die "install uidmap to build a Debian guest without root"
	grep -q -s -e "^$(id -un):" -e "^$(id -u):" /etc/subuid ||
		apt_die "$(id -un) has no subordinate ids in /etc/subuid: build the Debian guest as root"
	echo unshare
}

# Runs a command as one for whom the files' owners in a bootstrapped tree are real.
bootstrap_as_root() { # command...
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		unshare --map-auto --map-root-user "$@"
	fi
}

# Left out to keep it small: documentation, translations, apt's lists, the hardware
# database, which names devices that a virtual machine does not have, and Perl, which
# only a Debian needs that is not merged from its first package on.
bootstrap() { # format target packages
	local line mode option options=()
	line=$(mirror_line)
	[ -n "$line" ] || apt_die "apt knows no source of $release: add one, then apt-get update"
	mode=$(bootstrap_mode)
	# The machine's way to its mirrors: proxies, time-outs, credentials.
	while read -r option; do
		options+=("--aptopt=$option")
	done < <(apt-config dump | grep -E '^Acquire::(http|https|Retries)[: ]')
	# The hooks' $1 is the new root; the first file is where mmdebstrap leaves the options.
	# shellcheck disable=SC2016
	mmdebstrap --quiet --variant=minbase --mode="$mode" --format="$1" --include="usr-is-merged,$3" \
		"${options[@]}" \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/i18n/*' \
		--dpkgopt='path-exclude=/usr/share/zoneinfo/*/*' \
		--dpkgopt='path-exclude=/lib/udev/hwdb.d/*' \
		--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
		--customize-hook='rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap' \
		--customize-hook='rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*' \
		--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/*' \
		--customize-hook='find "$1/var/log" -type f -delete' \
		--customize-hook='rm -f "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/usr/lib/udev/hwdb.bin' \
		"$release" "$2" "$line"
}
