/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_vcpu.c - a vCPU on memory that is shared and given back below it
 *
 * The same as check_discard.c, with KVM's page tables between the writer and the memory.
 * The vCPU runs a few instructions in real mode: it goes over its pages, round after
 * round, and finds two words in each, both zero or what it wrote itself. Else, or when
 * it can't reach a page, the test ends. VCPU_SECONDS=N lets it run for longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"

#define PAGES	   128u	    /* seen from 64 KiB on; real mode sees 1 MiB */
#define PAGES_GPA  0x10000u /* PAGES_SEGMENT below */
#define TABLE	   0x2000u  /* of what was written last, a word a page */
#define STOP	   0x3000u  /* a word that ends the program */
#define ROUNDS	   0x3004u  /* a counter of 32 bits */
#define PORT_RIGHT 1
#define PORT_WRONG 2

/* BX: the page's place in the table; AX: the first word; DX: the other, always the same. */
/* NOLINTNEXTLINE(hicpp-no-assembler): instructions of a guest's are not C */
__asm__(".pushsection .rodata\n"
	".balign 4\n"
	"program_bytes: .long program_end - program\n"
	".code16\n"
	"program:\n"
	"	xorw	%bx, %bx\n"
	"	movw	$0x1000, %cx\n" /* the segment of the first page */
	"page:	movw	%cx, %es\n"
	"	movw	%es:0, %ax\n"
	"	testw	%ax, %ax\n"
	"	jz	first_is_right\n"
	"	cmpw	%ax, 0x2000(%bx)\n"
	"	jne	wrong\n"
	"first_is_right:\n"
	"	movw	%es:2048, %dx\n"
	"	testw	%dx, %dx\n"
	"	jz	both_are_right\n"
	"	subw	$0x7000, %dx\n"
	"	cmpw	%dx, %bx\n"
	"	jne	wrong\n"
	"both_are_right:\n"
	"	incw	%ax\n"
	"	andw	$7, %ax\n" /* few values, so that pages are often as they were */
	"	movw	%ax, %es:0\n"
	"	movw	%ax, 0x2000(%bx)\n"
	"	movw	%bx, %dx\n"
	"	addw	$0x7000, %dx\n"
	"	movw	%dx, %es:2048\n"
	"	addw	$2, %bx\n"
	"	addw	$0x100, %cx\n"
	"	cmpw	$256, %bx\n" /* 2 * PAGES */
	"	jb	page\n"
	"	incl	0x3004\n"
	"	cmpw	$0, 0x3000\n"
	"	je	program\n"
	"	outb	%al, $1\n"
	"	hlt\n"
	"wrong:	outb	%al, $2\n"
	"	hlt\n"
	"program_end:\n"
	".code64\n"
	".popsection\n");
extern const uint8_t program[];
extern const uint32_t program_bytes;

struct machine {
	int kvm, vm, vcpu;
	uint8_t *low; /* program, table and words; never shared */
	struct kvm_run *run;
	size_t run_bytes;
	pthread_t thread;
};

static void slot_set(const struct machine *machine, uint32_t slot, uint64_t gpa, void *memory,
		     uint64_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)memory,
	};

	expect(ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0);
}

/* All segments but ES begin at 0, and so does the program. */
static void vcpu_set_up(const struct machine *machine)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	expect(ioctl(machine->vcpu, KVM_GET_SREGS, &sregs) == 0);
	sregs.cs.base = sregs.cs.selector = 0;
	expect(ioctl(machine->vcpu, KVM_SET_SREGS, &sregs) == 0);
	expect(ioctl(machine->vcpu, KVM_SET_REGS, &regs) == 0);
}

static void machine_open(struct machine *machine, struct host_guest *guest)
{
	int bytes;

	machine->vm = ioctl(machine->kvm, KVM_CREATE_VM, 0);
	expect(machine->vm >= 0);
	machine->low =
		mmap(NULL, PAGES_GPA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(machine->low != MAP_FAILED);
	memcpy(machine->low, program, program_bytes);
	slot_set(machine, 0, 0, machine->low, PAGES_GPA);
	slot_set(machine, 1, PAGES_GPA, guest->base, PAGES * PAGE_BYTES);
	machine->vcpu = ioctl(machine->vm, KVM_CREATE_VCPU, 0);
	bytes = ioctl(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	expect(machine->vcpu >= 0 && bytes > 0);
	machine->run_bytes = (size_t)bytes;
	machine->run = mmap(NULL, machine->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    machine->vcpu, 0);
	expect(machine->run != MAP_FAILED);
	vcpu_set_up(machine);
}

static void machine_close(struct machine *machine)
{
	munmap(machine->run, machine->run_bytes);
	munmap(machine->low, PAGES_GPA);
	close(machine->vcpu);
	close(machine->vm);
}

static void *vcpu_run(void *context)
{
	const struct machine *machine = context;

	while (ioctl(machine->vcpu, KVM_RUN, 0) < 0)
		expect(errno == EINTR || errno == EAGAIN);
	expect(machine->run->exit_reason == KVM_EXIT_IO);
	expect(machine->run->io.port == PORT_RIGHT);
	return NULL;
}

struct merger {
	struct host_guest *guest;
	int side[PAGES]; /* which of its two frames a page maps; -1: none */
	uint64_t random;
	uint64_t shared, dropped, restored;
};

static uint32_t merger_random(struct merger *merger, uint32_t below)
{
	merger->random = merger->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(merger->random >> 33) % below;
}

/* Each page has two frames, so that the one it maps is never written to. */
static void page_share(struct merger *merger, uint32_t page)
{
	struct host_guest *guest = merger->guest;
	int side = merger->side[page] == 0, over_store = merger->side[page] >= 0;
	uint32_t frame = page + (side ? PAGES : 0);
	static uint8_t bytes[PAGE_BYTES];

	memcpy(bytes, host_page(guest, page), PAGE_BYTES);
	expect(store_write(&guest->host->store, frame, bytes) == 0);
	if (remap_ops.hold(&guest->remap, page, 1, over_store) < 0)
		return;
	if (memcmp(host_page(guest, page), bytes, PAGE_BYTES) == 0) {
		expect(remap_ops.share(&guest->remap, page, 1, frame) == 0);
		merger->side[page] = side;
		merger->shared++;
	} else {
		remap_ops.unhold(&guest->remap, page, 1, over_store);
	}
	remap_ops.wake(&guest->remap, page, 1);
}

static void pages_drop(struct merger *merger, uint32_t first, uint32_t count)
{
	int over_store = 0;

	for (uint32_t page = first; page < first + count; page++)
		over_store = over_store || merger->side[page] >= 0;
	expect(remap_ops.drop(&merger->guest->remap, first, count, over_store) == (int)count);
	for (uint32_t page = first; page < first + count; page++)
		merger->side[page] = -1;
	merger->dropped += count;
}

/* While the vCPU writes to them, and reads. */
static void page_restore(struct merger *merger, uint32_t page)
{
	struct host_guest *guest = merger->guest;

	if (merger->side[page] < 0 || remap_ops.hold(&guest->remap, page, 1, 1) < 0)
		return;
	expect(remap_ops.restore(&guest->remap, page, 1) == 0);
	remap_ops.wake(&guest->remap, page, 1);
	merger->side[page] = -1;
	merger->restored++;
}

static void merger_turn(struct merger *merger)
{
	uint32_t page = merger_random(merger, PAGES), room = PAGES - page;
	uint32_t count = 1 + merger_random(merger, 12);

	if (merger_random(merger, 8) == 0)
		pages_drop(merger, page, count < room ? count : room);
	else if (merger_random(merger, 4) == 0)
		page_restore(merger, page);
	else
		page_share(merger, page);
}

static void vcpu_finds_what_it_wrote(struct host *host, int kvm)
{
	const char *text = getenv("VCPU_SECONDS");
	uint64_t seconds = text ? strtoull(text, NULL, 10) : 2;
	struct machine machine = { .kvm = kvm };
	struct merger merger = { .guest = &host->guests[0], .random = now_ns() };
	uint64_t end = now_ns() + seconds * NS_PER_SEC;
	volatile uint32_t *rounds;

	memset(merger.side, 0xff, sizeof(merger.side));
	machine_open(&machine, merger.guest);
	rounds = (volatile uint32_t *)(void *)(machine.low + ROUNDS);
	alarm(120 + (unsigned int)seconds); /* a vCPU sleeps for ever */
	expect(pthread_create(&machine.thread, NULL, vcpu_run, &machine) == 0);
	while (now_ns() < end || *rounds == 0 || merger.shared < 100 || merger.dropped < 100 ||
	       merger.restored < 100)
		merger_turn(&merger);
	*(volatile uint16_t *)(void *)(machine.low + STOP) = 1;
	expect(pthread_join(machine.thread, NULL) == 0);
	printf("  %u rounds, %llu shared, %llu given back, %llu restored\n", *rounds,
	       (unsigned long long)merger.shared, (unsigned long long)merger.dropped,
	       (unsigned long long)merger.restored);
	machine_close(&machine);
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		printf("skipped: cannot open /dev/kvm: %s\n", strerror(errno));
		return SKIPPED;
	}
	for (int plain = 0; plain < 2; plain++) {
		struct host *host = host_create(plain);

		printf("- %s\n", plain ? "as Linux 6.1" : "as this kernel is");
		fflush(stdout);
		vcpu_finds_what_it_wrote(host, kvm);
		host_free(host);
	}
	close(kvm);
	return 0;
}
