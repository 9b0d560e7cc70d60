#!/bin/bash
# What a guest has written to a disk is there for the next one, and what the host can't write is an error of the guest.
# Raw images through io_uring and through threads, and other formats through a server.
# lab seconds: 100
. "$(dirname "$0")/lib.sh"

# Starts a guest that does these words, and waits for what they are to say.
disk_guest() { # name words said option...
	local name=$1 words=$2 said=$3
	shift 3
	guest_start "$name" "$words,poweroff" "$@"
	guest_ready "$name"
	guest_says "$name" "^DISK $said" 60 || fail "$name does not say: DISK $said"
	guest_ends_with "$name" 0
	say "$name: $said"
}

truncate -s 32M "$scratch/raw"
disk_guest writer disk:fill:vda:7,disk:check:vda:7 'check /dev/vda 7 RIGHT' --disk "$scratch/raw" --cpus 2
disk_guest reader disk:check:vda:7 'check /dev/vda 7 RIGHT' --disk "$scratch/raw,ro"
# Whose disk is empty first: nothing that was written is what it finds.
truncate -s 32M "$scratch/other"
disk_guest stranger disk:check:vda:7 'check /dev/vda 7 WRONG' --disk "$scratch/other"

export SAMEPAGE_NO_IO_URING=1
disk_guest threaded disk:verify:vda:5,disk:fill:vda:8 'fill /dev/vda 8 RIGHT' --disk "$scratch/raw"
grep -q '^DISK verify /dev/vda 5 RIGHT' "$scratch/threaded.console" || fail "the disk is wrong through threads"
unset SAMEPAGE_NO_IO_URING
disk_guest again disk:check:vda:8 'check /dev/vda 8 RIGHT' --disk "$scratch/raw"

# A file that its file system has no room for.
if unshare -m true 2> /dev/null; then
	mkdir "$scratch/small"
	guest_command=("$SAMEPAGE")
	# The last word is the shell's $0.
	cat > "$scratch/samepage-in-small" <<- EOF
		#!/bin/sh
		mount -t tmpfs -o size=8M none "$scratch/small" && truncate -s 32M "$scratch/small/disk" && exec "${guest_command[0]}" "\$@"
	EOF
	chmod +x "$scratch/samepage-in-small"
	samepage=$SAMEPAGE
	printf '#!/bin/sh\nexec unshare -m "%s" "$@"\n' "$scratch/samepage-in-small" > "$scratch/samepage"
	chmod +x "$scratch/samepage"
	SAMEPAGE=$scratch/samepage
	disk_guest cramped disk:fill:vda:9 'fill /dev/vda 9 FAILED: write: Input/output error' --disk "$scratch/small/disk"
	SAMEPAGE=$samepage
	[ "$(grep -c 'disk 0: No space left' "$scratch/cramped.err")" = 1 ] ||
		fail "samepage does not say once why: $(cat "$scratch/cramped.err")"
else
	say "not root: leaving out a full file system"
fi

# Another format, by its server.
if command -v qemu-nbd > /dev/null; then
	qemu-img create -q -f qcow2 "$scratch/qcow2" 32M
	# --fork: it serves when the command returns.
	qemu-nbd --fork --persistent --shared=2 --pid-file="$scratch/nbd.pid" --format=qcow2 --socket="$scratch/nbd" "$scratch/qcow2"
	guest_pid[server]=$(cat "$scratch/nbd.pid") # so that it goes when the test does
	address="nbd+unix:///?socket=$scratch/nbd"
	disk_guest served disk:verify:vda:5,disk:fill:vda:10 'fill /dev/vda 10 RIGHT' --disk "$address"
	grep -q '^DISK verify /dev/vda 5 RIGHT' "$scratch/served.console" || fail "the server's disk is wrong"
	disk_guest served-again disk:check:vda:10 'check /dev/vda 10 RIGHT' --disk "$address,ro"
	guest_start orphan disk:verify:vda:300,poweroff --disk "$address"
	guest_ready orphan
	await 20 grep -q . "$scratch/orphan.console"
	kill -KILL "${guest_pid[server]}"
	guest_says orphan '^DISK verify /dev/vda 300 FAILED' 60 || fail "a server that died is no error"
	guest_ends_with orphan 0
	unset 'guest_pid[server]'
	status=0
	"$SAMEPAGE" run --name refused --kernel "$GUEST_KERNEL" --disk "$scratch/qcow2" 2> "$scratch/refused" || status=$?
	if [ $status != 1 ] || ! grep -q 'qemu-nbd -f qcow2' "$scratch/refused"; then
		fail "qcow2 as raw: status $status: $(cat "$scratch/refused")"
	fi
else
	say "qemu-nbd is missing: leaving out other formats"
fi
expect_nothing_left
