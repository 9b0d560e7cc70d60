#!/bin/bash
# A guest's second console, its agent's port and its vsock lead to the host, both ways, and to nobody else.
# A client that leaves makes room for the next; what was not asked for is not there; two guests cannot have one address.
# lab seconds: 50
. "$(dirname "$0")/lib.sh"

port=/sys/class/virtio-ports/vport0p1/name
words="show:$port,echo:/dev/vport0p1,write:SECOND:/dev/hvc0,echo:/dev/hvc0"
options=(--second-console --agent --rng off --balloon off) # ports are named after the place on the bus

# Sends a text, closes its half, and prints what comes back. ADDRESS: a path, or a context ID.
ask() { # address text
	timeout 20 perl - "$@" <<- 'END'
		use strict;
		use Socket;
		my ($address, $text) = @ARGV;
		my $is_path = $address =~ m,/,;
		my $name = $is_path ? pack_sockaddr_un($address) : pack("SSLLx4", 40, 0, 1000, $address);
		socket(my $peer, $is_path ? AF_UNIX : 40, SOCK_STREAM, 0) or die "socket: $!";
		connect($peer, $name) or die "connect: $!";
		if (!fork()) {
		    for (my $sent = 0; $sent < length($text);) {
		        $sent += syswrite($peer, $text, 65536, $sent) // die "write: $!";
		    }
		    shutdown($peer, 1);
		    exit 0;
		}
		for (my $came = 0; $came < length($text);) {
		    my $count = sysread($peer, my $bytes, 65536);
		    last unless $count;
		    $came += $count;
		    print $bytes;
		}
	END
}

ask_agent() { # guest text
	ask "$runtime/guests/$1.agent" "$2"
}

second_console_says() { # guest pattern
	"$SAMEPAGE" console --second --log "$1" | grep -a -q "$2"
}

say "the second console and the agent's port"
guest_start one "$words,idle" "${options[@]}"
guest_ready one
guest_says one '^org.qemu.guest_agent.0' 30 || fail "the agent's port has not the name that the agent looks for"
await 30 second_console_says one SECOND || fail "what the guest wrote to its second console is not kept"
! grep -a -q SECOND "$scratch/one.console" || fail "it came out at the first console"
printf 'typed\n' | timeout 20 "$SAMEPAGE" console --second one > "$scratch/second" || true
await 30 second_console_says one '^typed' || fail "what was typed did not reach the guest"
[ "$(stat -c %a "$runtime/guests/one.agent")" = 600 ] || fail "others can talk to the agent"
for i in 1 2 3; do
	[ "$(ask_agent one "question $i")" = "question $i" ] || fail "the agent's port does not answer $i"
done

say "a guest without them"
guest_start plain idle
guest_ready plain
! "$SAMEPAGE" console --second plain 2> "$scratch/said" || fail "there is a second console"
grep -q -e --second-console "$scratch/said" || fail "it said: $(cat "$scratch/said")"
[ ! -e "$runtime/guests/plain.agent" ] || fail "there is a socket for an agent"
"$SAMEPAGE" kill one plain
guest_end one
guest_end plain
[ ! -e "$runtime/guests/one.agent" ] || fail "the agent's socket is left over"

say "vsock"
if ! [ -e /dev/vhost-vsock ] && ! modprobe vhost_vsock; then
	! "$SAMEPAGE" run --kernel "$GUEST_KERNEL" --vsock 77 2> "$scratch/said" || fail "a device was promised"
	grep -q "load the host's kernel module vhost_vsock" "$scratch/said" || fail "it said: $(cat "$scratch/said")"
	expect_nothing_left
	exit 0
fi
guest_start talks vsock-echo,idle --vsock 77
guest_ready talks
guest_says talks '^VSOCK-ECHO LISTENS' 30 || fail "the guest has no vsock"
text=$(head -c 90000 "$GUEST_KERNEL" | base64 -w 0)
[ "$(ask 77 "$text")" = "$text" ] || fail "what comes back by vsock is not what was sent"
! "$SAMEPAGE" run --kernel "$GUEST_KERNEL" --vsock 77 --name other --console none 2> "$scratch/said" ||
	fail "two guests have one address"
grep -q "another guest of this host has --vsock 77" "$scratch/said" || fail "it said: $(cat "$scratch/said")"
"$SAMEPAGE" kill talks
guest_end talks
expect_nothing_left
