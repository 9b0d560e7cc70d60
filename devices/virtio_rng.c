/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_rng.c - randomness for the guest, from the host's kernel */
#include "devices/virtio_rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/random.h>

#define QUEUE_SIZE	 64
#define CHAINS_IN_ONE_GO 8
#define PCI_CLASS_OTHER	 0xff0000

struct virtio_rng {
	struct virtio virtio; /* first: the device is found by it */
	struct chain chain;   /* at hand */
};

/* Returns the bytes that were filled; fewer than asked for only on an error. */
static size_t fill(unsigned char *to, size_t length)
{
	size_t filled = 0;

	while (filled < length) {
		ssize_t n = getrandom(to + filled, length - filled, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		filled += (size_t)n;
	}
	return filled;
}

static uint32_t chain_fill(const struct chain *chain)
{
	const struct iovec *parts = chain_writable(chain);
	size_t total = 0;

	for (unsigned int i = 0; i < chain->writable_count; i++) {
		size_t left = VIRTIO_RNG_MAX_BYTES - total;
		size_t wanted = parts[i].iov_len < left ? parts[i].iov_len : left;
		size_t filled = fill(parts[i].iov_base, wanted);

		total += filled;
		if (filled < wanted || total == VIRTIO_RNG_MAX_BYTES)
			break;
	}
	chain_mark_written(chain, total);
	return (uint32_t)total;
}

static bool rng_step(struct virtio *virtio, unsigned int queue)
{
	struct chain *chain = &((struct virtio_rng *)virtio)->chain;
	bool is_sane;

	if (!virtio_take(virtio, queue, chain))
		return virtio_want_kicks(virtio, queue);
	is_sane = chain->readable_count == 0 && chain->writable_count > 0;
	virtio_return(virtio, queue, chain, is_sane ? chain_fill(chain) : 0);
	if (!is_sane)
		virtio_refuse(virtio, "a buffer for randomness can't be written to");
	return is_sane;
}

static void rng_serve(struct virtio *virtio, unsigned int queue)
{
	virtio_serve_steps(virtio, queue, CHAINS_IN_ONE_GO, rng_step);
	virtio_flush(virtio, queue);
}

static void rng_free(struct virtio *virtio)
{
	virtio_rng_free((struct virtio_rng *)virtio);
}

/* No buffer is held longer than a turn: there is nothing to do at a start or a reset. */
static const struct virtio_type rng_type = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.pci_class = PCI_CLASS_OTHER,
	.serve = rng_serve,
	.free = rng_free,
};

int virtio_rng_create(const struct virtio_rng_setup *setup, struct virtio_rng **ret_rng,
		      struct fail *why)
{
	struct virtio_config virtio = {
		.type = &rng_type,
		.name = setup->name,
		.queues = 1,
		.queue_size = QUEUE_SIZE,
		.gmem = setup->gmem,
		.loop = setup->loop,
	};
	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	int rc;

	if (!rng)
		return fail_errno(why, ENOMEM, "cannot make the %s device", setup->name);
	rc = virtio_init(&rng->virtio, &virtio, why);
	if (rc < 0) {
		virtio_rng_free(rng);
		return rc;
	}
	*ret_rng = rng;
	return 0;
}

void virtio_rng_free(struct virtio_rng *rng)
{
	if (!rng)
		return;
	virtio_done(&rng->virtio);
	free(rng);
}

struct virtio *virtio_rng_virtio(struct virtio_rng *rng)
{
	return &rng->virtio;
}
