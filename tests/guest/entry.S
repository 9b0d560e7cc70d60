/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.S - from PVH's 32-bit entry to C: long mode, the first 4 GiB at their own address
 *
 * Comes with a stack and the start info's address in ebx. All else that long mode needs
 * is made here; the tables stand below the guest's load address, where nobody needs them.
 */
#define TABLES 0x10000 /* six pages: level 4, level 3, four of level 2 */
#define PRESENT_WRITABLE 3
#define LARGE 0x80

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18 /* length of the name and of the value, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cld
	mov $TABLES, %edi
	mov $(6 * 4096 / 4), %ecx
	xor %eax, %eax
	rep stosl
	movl $(TABLES + 0x1000 + PRESENT_WRITABLE), TABLES
	movl $(TABLES + 0x2000 + PRESENT_WRITABLE), TABLES + 0x1000
	movl $(TABLES + 0x3000 + PRESENT_WRITABLE), TABLES + 0x1008
	movl $(TABLES + 0x4000 + PRESENT_WRITABLE), TABLES + 0x1010
	movl $(TABLES + 0x5000 + PRESENT_WRITABLE), TABLES + 0x1018
	mov $(TABLES + 0x2000), %edi
	mov $(LARGE + PRESENT_WRITABLE), %eax
1:	mov %eax, (%edi)
	add $8, %edi
	add $0x200000, %eax
	jnc 1b
	mov $TABLES, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x20, %eax /* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax /* EFER.LME */
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax /* PG */
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $2f

	.code64
2:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %ebx, %edi
	call guest_main
3:	hlt
	jmp 3b

	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff /* none, code, data */
gdt_pointer:
	.word 23
	.long gdt

	.section .note.GNU-stack, "", @progbits
