/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak.c - does to its memory all that a guest can do, and knows at any time what is in it
 *
 * It works on a few pages at a time, so that the others are calm: fills them, patches them,
 * makes long runs that other guests have too, gives some away through its balloon (as a list
 * or as a report of free pages) and uses them at once again; now and then it reboots. All of
 * its pages are checked every so many rounds, and once more when its power button is pressed.
 *
 * The command line is the seed, but for the time. Where it begins with "again", the
 * button reboots the guest, and it gives memory away only then.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "tests/guest/pattern.h"

#define PAGES	      1024u
#define PAGE_BYTES    4096u
#define PATCH	      160u /* pages at work at a time */
#define ROUNDS_THERE  24u
#define WRITES	      6u /* of each kind, each round */
#define RUN_PAGES     24u
#define CHECKS	      48u /* each round */
#define ROUNDS_ALL    48u /* between two checks of all pages */
#define GIVE_ONE_IN   4u  /* rounds */
#define REBOOT_ONE_IN 400u

/* -- the balloon device, by polling -- */

#define BALLOON	   (0x1af4u | 0x1045u << 16) /* vendor, device */
#define QUEUE_SIZE 8u
#define INFLATE	   0u
#define REPORT	   4u
#define GIVEN_MAX  16u /* stretches or pages of one request */
#define READY	   (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static struct queue {
	volatile struct vring_desc descriptors[QUEUE_SIZE];
	volatile uint16_t available[3 + QUEUE_SIZE]; /* flags, index, ring */
	volatile uint32_t used[2 + 2 * QUEUE_SIZE];  /* the first: flags, index */
	uint16_t number;
	uint16_t offered;
} __attribute__((aligned(64))) inflate, report;

static bool is_again;
static unsigned int slot;
static uintptr_t common, doorbells;
static uint32_t doorbell_step;

#define CONFIG(bits, offset)                                                                       \
	(*(volatile uint##bits##_t *)(PLATFORM_ECAM_ADDRESS + ((uintptr_t)slot << 15) + (offset)))
#define REGISTER(bits, offset) (*(volatile uint##bits##_t *)(common + (offset)))

static bool balloon_find(void)
{
	for (slot = 0; slot < 32; slot++)
		if (CONFIG(32, 0) == BALLOON)
			return true;
	return false;
}

static void structures_find(void)
{
	uintptr_t bar = CONFIG(32, PCI_BASE_ADDRESS_0) & ~15u;

	CONFIG(16, PCI_COMMAND) = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	for (unsigned int at = CONFIG(8, PCI_CAPABILITY_LIST), n = 0; at && n < 20;
	     at = CONFIG(8, at + PCI_CAP_LIST_NEXT), n++) {
		uint8_t type = CONFIG(8, at + VIRTIO_PCI_CAP_CFG_TYPE);
		uintptr_t place = bar + CONFIG(32, at + VIRTIO_PCI_CAP_OFFSET);

		if (CONFIG(8, at) != PCI_CAP_ID_VNDR || CONFIG(8, at + VIRTIO_PCI_CAP_BAR) != 0)
			continue;
		if (type == VIRTIO_PCI_CAP_COMMON_CFG)
			common = place;
		if (type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
			doorbells = place;
			doorbell_step = CONFIG(32, at + VIRTIO_PCI_NOTIFY_CAP_MULT);
		}
	}
}

static void address_set(unsigned int offset, volatile const void *ring)
{
	REGISTER(32, offset) = (uint32_t)(uintptr_t)ring;
	REGISTER(32, offset + 4) = 0;
}

static void queue_start(struct queue *queue, uint16_t number)
{
	queue->number = number;
	REGISTER(16, VIRTIO_PCI_COMMON_Q_SELECT) = number;
	REGISTER(16, VIRTIO_PCI_COMMON_Q_SIZE) = QUEUE_SIZE;
	address_set(VIRTIO_PCI_COMMON_Q_DESCLO, queue->descriptors);
	address_set(VIRTIO_PCI_COMMON_Q_AVAILLO, queue->available);
	address_set(VIRTIO_PCI_COMMON_Q_USEDLO, queue->used);
	REGISTER(16, VIRTIO_PCI_COMMON_Q_ENABLE) = 1;
}

static void balloon_start(void)
{
	static const uint32_t features[2] = { 1u << VIRTIO_BALLOON_F_REPORTING,
					      1u << (VIRTIO_F_VERSION_1 - 32) };

	if (!balloon_find())
		return;
	structures_find();
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = 0;
	while (REGISTER(8, VIRTIO_PCI_COMMON_STATUS) != 0)
		;
	for (unsigned int i = 0; i < 2; i++) {
		REGISTER(32, VIRTIO_PCI_COMMON_GFSELECT) = i;
		REGISTER(32, VIRTIO_PCI_COMMON_GF) = features[i];
	}
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = READY;
	queue_start(&inflate, INFLATE);
	queue_start(&report, REPORT);
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = READY | VIRTIO_CONFIG_S_DRIVER_OK;
}

/* One chain that begins at the first descriptor. */
static void queue_offer(struct queue *queue)
{
	queue->available[2 + queue->offered % QUEUE_SIZE] = 0;
	__asm__ volatile("" : : : "memory");
	queue->available[1] = ++queue->offered;
	*(volatile uint16_t *)(doorbells + queue->number * doorbell_step) = queue->number;
}

/* The same; waits for its end. */
static void queue_ask(struct queue *queue)
{
	queue_offer(queue);
	while ((uint16_t)(queue->used[0] >> 16) != queue->offered) {
		if (!(REGISTER(8, VIRTIO_PCI_COMMON_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET))
			continue;
		say("WRONG: the balloon refuses what is right\n");
		power_off();
	}
}

/* -- what is done with pages -- */

/* What was given away is zero or as it was, all of it; and stays so. */
static void given_settle(unsigned int page)
{
	if (run_length(page_at(page), 0, PAGE_WORDS) == PAGE_WORDS) {
		pages[page].word = 0;
		pages[page].patch_at = PAGE_WORDS;
	}
	page_check(page);
	if (random_below(2))
		page_fill(page, (page + 1) * WORD_OF_PATTERN);
}

static void stretches_report(unsigned int first)
{
	unsigned int starts[QUEUE_SIZE], counts[QUEUE_SIZE], n = 1 + random_below(QUEUE_SIZE);

	for (unsigned int i = 0; i < n; i++) {
		counts[i] = 1 + random_below(GIVEN_MAX);
		starts[i] = first + random_below(PATCH - counts[i]);
		report.descriptors[i].addr = (uintptr_t)page_at(starts[i]);
		report.descriptors[i].len = counts[i] * PAGE_BYTES;
		report.descriptors[i].flags =
			VRING_DESC_F_WRITE | (i + 1 < n ? VRING_DESC_F_NEXT : 0);
		report.descriptors[i].next = (uint16_t)(i + 1);
	}
	queue_ask(&report);
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int page = starts[i]; page < starts[i] + counts[i]; page++)
			given_settle(page);
}

static void pages_inflate(unsigned int first)
{
	static uint32_t list[GIVEN_MAX];

	for (unsigned int i = 0; i < GIVEN_MAX; i++)
		list[i] = (uint32_t)((uintptr_t)page_at(first + random_below(PATCH)) / PAGE_BYTES);
	inflate.descriptors[0].addr = (uintptr_t)list;
	inflate.descriptors[0].len = sizeof(list);
	inflate.descriptors[0].flags = 0;
	queue_ask(&inflate);
	for (unsigned int i = 0; i < GIVEN_MAX; i++)
		given_settle(list[i] - (uint32_t)((uintptr_t)REGION / PAGE_BYTES));
}

static void huge_describe(unsigned int first)
{
	report.descriptors[0].addr = (uintptr_t)page_at(first);
	report.descriptors[0].len = 512 * PAGE_BYTES;
	report.descriptors[0].flags = VRING_DESC_F_WRITE;
}

/* A huge page's worth, on its boundaries. */
static void huge_report(void)
{
	unsigned int first = random_below(PAGES / 512) * 512;

	huge_describe(first);
	queue_ask(&report);
	for (unsigned int page = first; page < first + 512; page++)
		given_settle(page);
}

static void give_away(unsigned int first)
{
	if (!doorbells || is_again)
		return;
	if (random_below(16) == 0)
		huge_report();
	else if (random_below(2))
		stretches_report(first);
	else
		pages_inflate(first);
}

/* As in all other guests. */
static void run_fill(unsigned int first)
{
	unsigned int start = first + random_below(PATCH - RUN_PAGES);

	for (unsigned int page = start; page < start + RUN_PAGES; page++)
		page_fill(page, (page + 1) * WORD_OF_PATTERN);
}

static void pages_write(unsigned int first)
{
	for (unsigned int i = 0; i < WRITES; i++) {
		page_fill(first + random_below(PATCH), random_below(PATTERNS) * WORD_OF_PATTERN);
		page_patch(first + random_below(PATCH));
	}
	if (random_below(ROUNDS_THERE / 2) == 0)
		run_fill(first);
	if (random_below(GIVE_ONE_IN) == 0)
		give_away(first);
}

static void all_check(void)
{
	for (unsigned int page = 0; page < PAGES; page++)
		page_check(page);
}

/* Also what a machine that was rebooted has is zero. */
static void begin(const char *words)
{
	while (*words)
		seed = seed * 31 + (uint64_t)*words++;
	seed += __builtin_ia32_rdtsc(); /* a reboot must not lead to the next one */
	for (unsigned int page = 0; page < PAGES; page++)
		pages[page].patch_at = PAGE_WORDS;
	for (unsigned int i = 0; i < CHECKS; i++)
		page_check(random_below(PAGES));
	for (unsigned int page = 0; page < PAGES; page++)
		if (random_below(8) != 0)
			page_fill(page, (page % 2 ? page + 1 : page % PATTERNS) * WORD_OF_PATTERN);
	balloon_start();
	say("READY\n");
}

/* With a report under way. */
static void reboot(uint64_t rounds)
{
	all_check();
	say_number("REBOOT ", rounds);
	say("\n");
	if (doorbells) {
		huge_describe(0);
		queue_offer(&report);
	}
	out8(PLATFORM_RESET_PORT, PLATFORM_RESET_VALUE);
}

void guest_main(const char *start_info)
{
	const char *words = guest_words(start_info);
	unsigned int first = 0;
	uint64_t rounds = 0;

	is_again = words_begin_with(words, "again");
	begin(words);
	for (; !(in8(PLATFORM_EVENT_PORT) & EVENT_BUTTON); rounds++) {
		if (rounds % ROUNDS_THERE == 0)
			first = random_below(PAGES - PATCH);
		pages_write(first);
		for (unsigned int i = 0; i < CHECKS; i++)
			page_check(random_below(PAGES));
		if (rounds % ROUNDS_ALL == ROUNDS_ALL - 1)
			all_check();
		if (random_below(REBOOT_ONE_IN) == 0 && !(in8(PLATFORM_EVENT_PORT) & EVENT_BUTTON))
			reboot(rounds);
	}
	if (is_again)
		reboot(rounds);
	all_check();
	say_number("OK ", rounds);
	power_off();
}
