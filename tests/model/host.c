/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - two guests' memories and a broker's half, on the real kernel */
#include "tests/model/host.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/model/expect.h"

/* The broker's half */

static int on_write(void *context, uint32_t frame, const void *bytes)
{
	struct host *host = context;

	return store_write(&host->store, frame, bytes);
}

static void on_punch(void *context, uint32_t frame)
{
	struct host *host = context;

	store_punch(&host->store, frame);
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

	for (uint32_t i = 0; i < count; i++)
		expect(catalog_probe(guest->host->catalog, guest->client, &items[i],
				     &ret_answers[i]) == 0);
	return 0;
}

static int host_publish(void *context, const struct catalog_item *items, const void *const *pages,
			uint32_t count, uint32_t *ret_answers)
{
	struct host_guest *guest = context;

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

	for (uint32_t i = 0; i < count; i++)
		expect(catalog_release(guest->host->catalog, guest->client, frames[i]) == 0);
	return 0;
}

static int host_offers(void *context, struct link_offer *ret_offers, uint32_t max)
{
	struct host_guest *guest = context;
	uint32_t count = guest->offer_count < max ? guest->offer_count : max;

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

/* Life */

/* Memory as gmem_create() maps it, in a reservation that keeps neighbours away. */
static uint8_t *memory_map(void)
{
	size_t bytes = (size_t)HOST_PAGES * PAGE_BYTES;
	uint8_t *room = mmap(NULL, bytes + 2 * PAGE_BYTES, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *base = room + PAGE_BYTES;

	expect(room != MAP_FAILED);
	expect(mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0);
	expect(madvise(base, bytes, MADV_NOHUGEPAGE) == 0);
	expect(madvise(base, bytes, MADV_DONTDUMP) == 0);
	return base;
}

static void guest_open(struct host *host, struct host_guest *guest, bool plain_kernel)
{
	struct engine_config config = {
		.pages = HOST_PAGES,
		.mappings_limit = 60000,
		.memory = &remap_ops,
		.memory_context = &guest->remap,
		.link = &host_link_ops,
		.link_context = guest,
	};
	struct fail why;

	guest->host = host;
	config.base = guest->base = memory_map();
	if (remap_init(&guest->remap, guest->base, (uint64_t)HOST_PAGES * PAGE_BYTES, plain_kernel,
		       &why) < 0) {
		printf("skipped: %s\n", why.text);
		exit(SKIPPED);
	}
	remap_set_store(&guest->remap, dup(host->store.read_only_fd));
	expect(engine_create(&config, &guest->engine) == 0);
	expect(catalog_client_add(host->catalog, HOST_PAGES, &guest->client) == 0);
	engine_link_up(guest->engine, &host->secret);
}

struct host *host_create(bool plain_kernel)
{
	struct host *host = calloc(1, sizeof(*host));
	struct fail why;

	expect(host);
	expect(store_init(&host->store, "test", &why) == 0);
	for (size_t i = 0; i < sizeof(host->secret.bytes); i++)
		host->secret.bytes[i] = (uint8_t)(i * 7 + 1);
	expect(catalog_create(host->store.frames, &host->secret, &catalog_ops, host,
			      &host->catalog) == 0);
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
		munmap(guest->base - PAGE_BYTES, ((size_t)HOST_PAGES + 2) * PAGE_BYTES);
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
