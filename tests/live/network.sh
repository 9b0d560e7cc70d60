# shellcheck shell=bash
# network.sh - a network of its own for a test of networks; to be sourced before lib.sh
#
# The test runs again in a namespace, where it may do as it likes, and which is gone when
# the test is. There is a way out, `up0`, behind which nobody answers, and a second
# address of this host, 10.97.0.1, which a guest reaches by that way.
# What lib.sh sets, and the tests use:
# shellcheck disable=SC2034,SC2154
set -eu

if [ -z "${OWN_NETWORK:-}" ]; then
	if ! OWN_NETWORK=1 unshare --net true 2> /dev/null; then
		echo "SKIPPED: no network namespace for this user"
		exit 77
	fi
	OWN_NETWORK=1 exec unshare --net "$0" "$@"
fi
if [ -n "${LAB:-}" ]; then
	for module in tun dummy vhost_net; do
		modprobe -a "$module"
	done
fi
busybox ip link set lo up
busybox ip link add name up0 type dummy
busybox ip address add 10.99.0.1/24 dev up0
busybox ip address add 10.97.0.1/32 dev lo
busybox ip link set up0 up
busybox ip route add default via 10.99.0.2

# Random bytes at http://ADDRESS:81/file; their digest in $served.
serve() { # address mib
	mkdir -p "$scratch/www"
	dd if=/dev/urandom of="$scratch/www/file" bs=1M count="$2" 2> /dev/null
	served=$(md5sum < "$scratch/www/file")
	setpriv --pdeathsig KILL busybox httpd -f -h "$scratch/www" -p "$1:81" &
	server=$!
	disown $server
}

# The digest of what is there.
digest_of() { # url
	timeout 120 busybox wget -q -O - "$1" | md5sum
}

# What the guest says that it serves, or has fetched.
digest_said() { # name word
	sed -n "s/^$2 //p" "$scratch/$1.console" | tr -d '\r'
}

expect_same() { # what digest digest
	[ "$2" = "$3" ] || fail "$1: other bytes arrived than were sent: $2, $3"
	say "$1: every byte arrived"
}
