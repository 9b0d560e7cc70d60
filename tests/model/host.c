/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - two guests' memories and a broker's half, on the real kernel */
#include "tests/model/host.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/race.h"
#include "dedup/huge.h"
#include "tests/model/expect.h"

const struct memory_ops *host_memory_ops = &remap_ops;

/* The broker's half */

static int on_write(void *context, uint32_t frame, const void *bytes)
{
	struct host *host = context;

	return store_write(&host->store, frame, bytes);
}

static void on_punch(void *context, uint32_t frame)
{
	struct host *host = context;

	store_punch(&host->store, frame, 1);
}

static void on_offer(void *context, uint32_t client, const struct catalog_item *item,
		     uint32_t frame)
{
	struct host *host = context;
	struct host_guest *guest = host->guests;

	while (guest->client != client)
		guest++;
	expect(guest->offer_count < ARRAY_SIZE(guest->offers));
	guest->offers[guest->offer_count++] = (struct link_offer){
		.page = item->page,
		.frame = frame,
		.digest_low = item->digest.low,
	};
}

static const struct catalog_ops catalog_ops = {
	.write = on_write,
	.punch = on_punch,
	.offer = on_offer,
};

/* The link */

static int host_probe(void *context, const struct catalog_item *items, uint32_t count,
		      uint32_t *ret_answers)
{
	struct host_guest *guest = context;

	if (guest->broker != guest->host->broker)
		return -ECONNRESET;
	for (uint32_t i = 0; i < count; i++)
		expect(catalog_probe(guest->host->catalog, guest->client, &items[i],
				     &ret_answers[i]) == 0);
	return 0;
}

static int host_publish(void *context, const struct catalog_item *items, const void *const *pages,
			uint32_t count, uint32_t *ret_answers)
{
	struct host_guest *guest = context;
	RACES_WITH_GUEST;

	if (guest->broker != guest->host->broker)
		return -ECONNRESET;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t bytes[PAGE_BYTES];

		memcpy(bytes, pages[i], PAGE_BYTES);
		expect(catalog_publish(guest->host->catalog, guest->client, &items[i], bytes,
				       &ret_answers[i]) == 0);
	}
	return 0;
}

static int host_release(void *context, const uint32_t *frames, uint32_t count)
{
	struct host_guest *guest = context;

	if (guest->broker != guest->host->broker)
		return -ECONNRESET;
	for (uint32_t i = 0; i < count; i++)
		expect(catalog_release(guest->host->catalog, guest->client, frames[i]) == 0);
	return 0;
}

static int host_offers(void *context, struct link_offer *ret_offers, uint32_t max)
{
	struct host_guest *guest = context;
	uint32_t count = guest->offer_count < max ? guest->offer_count : max;

	if (guest->broker != guest->host->broker)
		return -ECONNRESET;
	memcpy(ret_offers, guest->offers, count * sizeof(*ret_offers));
	guest->offer_count -= count;
	memmove(guest->offers, guest->offers + count, guest->offer_count * sizeof(*guest->offers));
	return (int)count;
}

static const struct link_ops host_link_ops = {
	.probe = host_probe,
	.publish = host_publish,
	.release = host_release,
	.offers = host_offers,
};

/* Steps */

void host_fill(const struct host_guest *guest, uint32_t page, int value)
{
	memset(host_page(guest, page), value, PAGE_BYTES);
}

void host_frame_fill(struct host *host, uint32_t frame, int value)
{
	uint8_t bytes[PAGE_BYTES];

	memset(bytes, value, sizeof(bytes));
	expect(store_write(&host->store, frame, bytes) == 0);
}

enum look host_look(struct host_guest *guest, uint32_t page)
{
	uint8_t look;

	expect(remap_ops.look(&guest->remap, page, 1, &look) == 0);
	return (enum look)look;
}

void host_map_frames(struct host_guest *guest, uint32_t first, uint32_t count, uint32_t frame)
{
	for (uint32_t i = 0; i < count; i++) {
		host_frame_fill(guest->host, frame + i, 1 + (int)i);
		host_fill(guest, first + i, 1 + (int)i);
	}
	expect(remap_ops.hold(&guest->remap, first, count, 0) == 0);
	expect(remap_ops.share(&guest->remap, first, count, frame) == 0);
	remap_ops.wake(&guest->remap, first, count);
}

/* Life */

#define HUGE_BYTES ((size_t)HUGE_PAGES * PAGE_BYTES)

/* Memory as gmem_create() maps it, in a reservation that keeps neighbours away. */
static uint8_t *memory_map(struct spare *ret_spare)
{
	size_t bytes = (size_t)HOST_PAGES * PAGE_BYTES;
	uint8_t *room = mmap(NULL, bytes + 2 * HUGE_BYTES, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *base = room + HUGE_BYTES - (uintptr_t)room % HUGE_BYTES;

	expect(room != MAP_FAILED);
	/* the rest goes with the process: nothing else comes next to it */
	expect(mprotect(base - PAGE_BYTES, bytes + PAGE_BYTES, PROT_READ | PROT_WRITE) == 0);
	expect(spare_create(ret_spare, base, bytes) == 0);
	expect(mprotect(base - PAGE_BYTES, PAGE_BYTES, PROT_NONE) == 0);
	expect(madvise(base, bytes, MADV_NOHUGEPAGE) == 0);
	expect(madvise(base, bytes, MADV_DONTDUMP) == 0);
	return base;
}

static void broker_start(struct host *host)
{
	struct fail why;

	host->broker++;
	expect(store_init(&host->store, "test", &why) == 0);
	for (size_t i = 0; i < sizeof(host->secret.bytes); i++)
		host->secret.bytes[i] = (uint8_t)(i * 7 + host->broker);
	expect(catalog_create(host->store.frames, &host->secret, &catalog_ops, host,
			      &host->catalog) == 0);
}

static void guest_link(struct host_guest *guest)
{
	struct host *host = guest->host;

	guest->broker = host->broker;
	remap_set_store(&guest->remap, dup(host->store.read_only_fd));
	expect(catalog_client_add(host->catalog, HOST_PAGES, &guest->client) == 0);
	engine_link_up(guest->engine, &host->secret);
}

static void guest_open(struct host *host, struct host_guest *guest, bool plain_kernel)
{
	struct engine_config config = {
		.pages = HOST_PAGES,
		.mappings_limit = 60000,
		.huge_gain = HOST_HUGE_GAIN,
		.memory = host_memory_ops,
		.memory_context = &guest->remap,
		.link = &host_link_ops,
		.link_context = guest,
	};
	struct fail why;

	guest->host = host;
	config.base = guest->base = memory_map(&guest->spare);
	expect(pins_init(&guest->pins, HOST_PAGES) == 0);
	if (remap_init(&guest->remap, guest->base, &guest->pins, plain_kernel, &why) < 0) {
		printf("skipped: %s\n", why.text);
		exit(SKIPPED);
	}
	guest->remap.spare = &guest->spare;
	expect(engine_create(&config, &guest->engine) == 0);
	guest_link(guest);
}

void host_change_broker(struct host *host)
{
	catalog_free(host->catalog);
	store_done(&host->store);
	broker_start(host);
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		host->guests[i].offer_count = 0;
		(void)engine_take_offers(host->guests[i].engine);
		expect(!engine_link_is_up(host->guests[i].engine));
		guest_link(&host->guests[i]);
	}
}

struct host *host_create(bool plain_kernel)
{
	struct host *host = calloc(1, sizeof(*host));

	expect(host);
	host->is_plain = plain_kernel;
	broker_start(host);
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		host->guests[i].client = UINT32_MAX;
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		guest_open(host, &host->guests[i], plain_kernel);
	return host;
}

void host_free(struct host *host)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		struct host_guest *guest = &host->guests[i];

		engine_free(guest->engine);
		remap_done(&guest->remap);
		pins_done(&guest->pins);
		spare_free(&guest->spare);
		munmap(guest->base, (size_t)HOST_PAGES * PAGE_BYTES);
	}
	catalog_free(host->catalog);
	store_done(&host->store);
	free(host);
}

uint64_t host_mappings(const struct host_guest *guest)
{
	unsigned long long from, to;
	uintptr_t base = (uintptr_t)guest->base;
	uint64_t count = 0;
	char line[512];
	FILE *file = fopen("/proc/self/maps", "re");

	expect(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx-%llx", &from, &to) == 2 && from >= base &&
		    to <= base + (uint64_t)HOST_PAGES * PAGE_BYTES)
			count++;
	fclose(file);
	return count;
}

void host_run_tests(const struct host_test *tests, size_t count, bool plain_kernel,
		    unsigned int seconds)
{
	for (size_t i = 0; i < count; i++) {
		struct host *host = host_create(plain_kernel);

		printf("- %s\n", tests[i].name);
		fflush(stdout);
		alarm(seconds); /* somebody waits for ever */
		tests[i].run(host);
		host_free(host);
	}
	alarm(0);
}

void host_run_all_kernels(const struct host_test *tests, size_t count, unsigned int seconds)
{
	for (int plain = 0; plain < 2; plain++) {
		printf("%s\n", plain ? "as Linux 6.1" : "as this kernel is");
		host_run_tests(tests, count, plain, seconds);
	}
}
