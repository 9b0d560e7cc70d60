#!/bin/bash
# Twenty guests come up as units of systemd; one that is killed starts again, and no broker goes with a guest.
# Units are prose until systemd has read them: here it does, in a container over this machine's own root.
set -eu
top=$(realpath "${top_srcdir:-.}")
build=$(realpath "${top_builddir:-build}")

skip() {
	echo "SKIPPED: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "a container with a systemd of its own takes root"
command -v systemd-nspawn > /dev/null || skip "systemd-nspawn is missing: install systemd-container"
[ -x /lib/systemd/systemd ] || skip "systemd is missing"
(exec 3<> /dev/kvm) 2> /dev/null || skip "/dev/kvm does not open"
[ -c /dev/userfaultfd ] || skip "there is no /dev/userfaultfd"

scratch=$(mktemp -d)
container=

fail() {
	echo "FAILED: $*"
	exit 1
}

clean_up() {
	[ -z "$container" ] || kill -KILL "$container" 2> /dev/null || true
	wait
	umount "$scratch/root" 2> /dev/null || true
	umount "$scratch" 2> /dev/null || true
	rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

mount -t tmpfs tmpfs "$scratch" || skip "nothing can be mounted here"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root" "$scratch/dev"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root" ||
	skip "no overlay can be mounted over /"
root=$scratch/root

make -s -C "$build" install DESTDIR="$root" prefix=/usr > "$scratch/install.log" 2>&1 || {
	cat "$scratch/install.log"
	exit 1
}
# Units have the paths that make knew; a build for another prefix would lead nowhere.
sed -i 's,^\(Exec[A-Za-z]*=-\?\)/[^ ]*/samepage,\1/usr/bin/samepage,' "$root"/usr/lib/systemd/system/samepage*
cp "$top/tests/fleet/inside-systemd.sh" "$root/usr/local/bin/inside-systemd"
# Examples that need a systemd are run in there.
. "$top/tests/examples/lib.sh"
examples_load "$build/samepage"
mkdir "$root/examples"
for example in $(examples_own); do
	cp "$example.script" "$root/examples"
done
# Copies, of which the container can change the group: that is udev's work, which is not there.
for device in kvm userfaultfd; do
	numbers=$(stat -c '%t %T' "/dev/$device")
	mknod -m 660 "$scratch/dev/$device" c $((0x${numbers% *})) $((0x${numbers#* }))
done
cat > "$root/etc/systemd/system/inside.service" <<-'UNIT'
	[Unit]
	After=basic.target samepage-broker.socket
	Requires=basic.target samepage-broker.socket
	SuccessAction=poweroff
	FailureAction=poweroff
	[Service]
	Type=oneshot
	ExecStart=/bin/bash /usr/local/bin/inside-systemd
	StandardOutput=file:/inside.log
	StandardError=file:/inside.log
UNIT

# A container is not registered here: that takes a systemd outside, too.
setsid systemd-nspawn --quiet --register=no --keep-unit --directory="$root" \
	--bind="$scratch/dev/kvm:/dev/kvm" --bind="$scratch/dev/userfaultfd:/dev/userfaultfd" \
	--console=pipe --boot systemd.unit=inside.service systemd.log_target=journal \
	< /dev/null > "$scratch/boot.log" 2>&1 &
container=$!
deadline=$((SECONDS + 240))
while kill -0 "$container" 2> /dev/null && [ $SECONDS -lt $deadline ]; do
	sleep 0.2
done
[ -e "$root/inside.log" ] || {
	cat "$scratch/boot.log"
	skip "systemd does not start in a container here"
}
cat "$root/inside.log"
[ -e "$root/inside.passed" ] || fail "see above"
for example in $(examples_own); do
	[ ! -e "$root/examples/${example##*/}.out" ] || cp "$root/examples/${example##*/}.out" "$example.out"
done
examples_done
