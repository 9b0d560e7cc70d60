/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_discard.c - gives pages of guest memory back to the host
 *
 * The direct way drops memory under the queue's lock, so that nothing can begin to be
 * shared meanwhile: dropping a page over a mapping of the store would bring a frame
 * to light.
 */
#include "vmm/gmem_discard.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/gmem.h"
#include "vmm/gmem_huge.h"
#include "vmm/map_over.h"

#define STEP_PAGES UINT64_C(512) /* claimed at once: bounds how long a device waits */

/*
 * What can become huge pages is mapped anew: with the mapping goes the kernel's table of small
 * ones. Returns whether that was done.
 */
static bool map_anew(const struct gmem_huge *huge, unsigned char *address, uint64_t bytes)
{
	if (!gmem_huge_is_on(huge) || (uintptr_t)address % GMEM_HUGE_SIZE != 0 ||
	    bytes != GMEM_HUGE_SIZE || map_over(address, bytes, MAP_ANONYMOUS, -1, 0) < 0)
		return false;
	gmem_huge_advise(huge, address, bytes);
	(void)madvise(address, bytes, MADV_DONTDUMP);
	return true;
}

static int range_drop(const struct gmem_huge *huge, unsigned char *address, uint64_t bytes)
{
	if (bytes == 0 || map_anew(huge, address, bytes))
		return 0;
	return madvise(address, bytes, MADV_DONTNEED) < 0 ? -errno : 0;
}

/* Page by page past those that are pinned. */
static int drop_directly(struct discard_queue *queue, const struct gmem_huge *huge,
			 struct gmem_discard *discard)
{
	uint64_t end = discard->first + discard->count, n;
	int error = 0;

	for (uint64_t at = discard->first; at<end; at += n> 0 ? n : 1) {
		int rc;

		n = pins_claim(queue->pins, at, end - at < STEP_PAGES ? end - at : STEP_PAGES);
		rc = range_drop(huge, queue->base + at * GMEM_PAGE_SIZE, n * GMEM_PAGE_SIZE);
		pins_unclaim(queue->pins, at, n);
		if (rc == 0)
			discard->returned += n;
		else if (error == 0)
			error = rc;
	}
	return error;
}

static void append(struct discard_queue *queue, struct gmem_discard *discard)
{
	uint64_t one = 1;

	discard->next = NULL;
	if (queue->head) {
		queue->tail->next = discard;
		queue->tail = discard;
		return; /* whoever was first has woken the thread */
	}
	queue->head = queue->tail = discard;
	if (write(queue->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: awake already */
}

void gmem_discard(struct gmem *gmem, struct gmem_discard *discard)
{
	struct discard_queue *queue = gmem_discards(gmem);
	uint64_t pages = queue->pins->pages;
	int error;

	discard->returned = 0;
	if (discard->first > pages || discard->count > pages - discard->first) {
		discard->done(discard, -EFAULT);
		return;
	}
	pthread_mutex_lock(&queue->lock);
	if (queue->mode == DISCARD_QUEUE) {
		append(queue, discard);
		pthread_mutex_unlock(&queue->lock);
		return;
	}
	error = queue->mode == DISCARD_DIRECT ? drop_directly(queue, gmem_huge(gmem), discard)
					      : -ECANCELED;
	/* else the kernel would put huge pages together again, of memory that was given away */
	gmem_huge_end(gmem);
	pthread_mutex_unlock(&queue->lock);
	discard->done(discard, error);
}

/* The queue */

void discard_queue_init(struct discard_queue *queue, unsigned char *base, struct pins *pins)
{
	*queue = (struct discard_queue){ .base = base, .pins = pins, .wake_fd = -1 };
	pthread_mutex_init(&queue->lock, NULL);
}

void discard_queue_done(struct discard_queue *queue)
{
	pthread_mutex_destroy(&queue->lock);
}

void discard_queue_open(struct discard_queue *queue, int wake_fd)
{
	pthread_mutex_lock(&queue->lock);
	queue->mode = DISCARD_QUEUE;
	queue->wake_fd = wake_fd;
	pthread_mutex_unlock(&queue->lock);
}

struct gmem_discard *discard_queue_take(struct discard_queue *queue)
{
	struct gmem_discard *list;

	pthread_mutex_lock(&queue->lock);
	list = queue->head;
	queue->head = queue->tail = NULL;
	pthread_mutex_unlock(&queue->lock);
	return list;
}

void discard_queue_close(struct discard_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->mode = DISCARD_REFUSE;
	queue->wake_fd = -1;
	pthread_mutex_unlock(&queue->lock);
	for (struct gmem_discard *discard = discard_queue_take(queue), *next; discard;
	     discard = next) {
		next = discard->next;
		discard->done(discard, -ECANCELED);
	}
}
