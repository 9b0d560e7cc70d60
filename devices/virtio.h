/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio.h - what all virtio devices have in common, whatever carries them
 *
 * A device (disk, network ...) embeds a struct virtio, fills a struct virtio_type and
 * gets its queues served. The carrier (virtio_pci.c) turns the guest's registers into
 * the virtio_*() calls of the second half. Format: VIRTIO 1.2, sections 2 and 3.
 *
 * Life of a device, as the guest drives it:
 *
 *   idle --DRIVER_OK--> active --status 0--> resetting --drained--> idle
 *                          `--driven wrongly--> NEEDS_RESET --status 0--> ...
 *
 * Queue settings and features are taken over when it becomes active and do not change
 * until it is idle again, whatever the guest writes. A reset of an active device is
 * done when nothing is in flight any more; the guest reads a status that is not 0
 * until then. A device that is driven wrongly is stopped, sets NEEDS_RESET, and one
 * line is logged; what is in flight still completes.
 *
 * Threads: the type's functions run on the I/O thread, but for config_read and
 * config_write (vCPU threads, under the device's lock, never held by anything that
 * waits). The carrier's calls may come from any thread.
 */
#ifndef DEVICES_VIRTIO_H
#define DEVICES_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/virtqueue.h"

#define VIRTIO_MAX_QUEUES 34

/* Bits that are not of a device's type; <linux/virtio_config.h> has the rest. */
#define VIRTIO_FEATURE(bit) (UINT64_C(1) << (bit))

struct virtio;

struct virtio_type {
	const char *name;   /* for log lines: "disk", "network" */
	uint16_t id;	    /* VIRTIO_ID_* */
	uint32_t pci_class; /* 24 bits: class, subclass, interface */

	/*
	 * The guest has set DRIVER_OK; queues that it enabled can be used from here on.
	 * -errno: the device can't work like that; NEEDS_RESET follows.
	 */
	int (*activate)(struct virtio *virtio);
	/* The guest kicked the queue, or it was just activated. */
	void (*serve)(struct virtio *virtio, unsigned int queue);
	/*
	 * Stops; true: nothing is in flight. Else virtio_drained() follows, once. Chains
	 * that are in flight must still be returned, or dropped with virtio_drop().
	 */
	bool (*reset)(struct virtio *virtio);

	/*
	 * What the host's kernel does for the device stands still in between. The I/O thread
	 * is paused; calls don't nest. NULL: it does nothing.
	 */
	void (*pause)(struct virtio *virtio);
	void (*resume)(struct virtio *virtio);
	/* Frees the whole device. Main thread; neither vCPUs nor the I/O thread run. */
	void (*free)(struct virtio *virtio);

	/* The device's configuration; inside config_size. NULL: reads as given in `config`. */
	void (*config_read)(struct virtio *virtio, uint32_t offset, void *bytes, uint32_t size);
	/* NULL: the guest can't write there. */
	void (*config_write)(struct virtio *virtio, uint32_t offset, const void *bytes,
			     uint32_t size);
};

/* Filled by the device before virtio_init(). */
struct virtio_config {
	const struct virtio_type *type;
	const char *name;     /* of this device, for log lines: "disk 0"; borrowed */
	uint64_t features;    /* the device's own; the common ones are added */
	unsigned int queues;  /* up to VIRTIO_MAX_QUEUES */
	uint16_t queue_size;  /* the largest: a power of two up to VIRTQUEUE_MAX_SIZE */
	const void *config;   /* little-endian; borrowed, may be changed under lock */
	uint32_t config_size; /* bytes */
	struct gmem *gmem;    /* borrowed */
	struct loop *loop;    /* of the I/O thread; borrowed */
};

/* How the carrier tells the guest; any thread. */
struct virtio_carrier_ops {
	void (*notify_queue)(void *context, unsigned int queue);
	void (*notify_config)(void *context);
	/* Written to by who wants to notify without us (vhost); -1: the guest wants none. */
	int (*queue_call_fd)(void *context, unsigned int queue);
	/* The device is idle again after a reset. */
	void (*was_reset)(void *context);
};

enum virtio_phase { VIRTIO_IDLE, VIRTIO_STARTING, VIRTIO_ACTIVE, VIRTIO_RESETTING };

/* A queue as the guest sets it, before it is used. */
struct virtio_queue_settings {
	struct virtqueue_place place;
	bool is_enabled;
};

struct virtio {
	struct virtio_config config;
	const struct virtio_carrier_ops *carrier;
	void *carrier_context;

	pthread_mutex_t lock; /* protects what follows, up to the queues; a leaf */
	enum virtio_phase phase;
	uint8_t status;
	bool is_draining; /* resetting, and the type has been told */
	uint32_t config_generation;
	uint64_t driver_features;
	struct virtio_queue_settings settings[VIRTIO_MAX_QUEUES];

	/* The I/O thread's alone. */
	struct virtqueue queues[VIRTIO_MAX_QUEUES];
	struct loop_source *change; /* the phase has to change */
	bool has_complained;	    /* once in its life */
	bool is_activated;	    /* the type has been told, and not yet to reset */
	bool is_running;	    /* activated, and not driven wrongly */

	struct virtio_doorbell {
		struct virtio *virtio;
		unsigned int queue;
		int fd;			    /* an eventfd, for the virtio's life */
		struct loop_source *source; /* NULL: somebody else listens */
	} doorbells[VIRTIO_MAX_QUEUES];
};

/* -- for devices ------------------------------------------------------------- */

/* Main thread, before the I/O thread runs and after it has stopped. */
CHECKED int virtio_init(struct virtio *virtio, const struct virtio_config *config,
			struct fail *why);
void virtio_done(struct virtio *virtio); /* also after virtio_init() failed, or zeroed */

/* The rest: I/O thread. */
bool virtio_has_feature(const struct virtio *virtio, unsigned int bit);
bool virtio_queue_is_enabled(const struct virtio *virtio, unsigned int queue);

/*
 * Takes the next chain. False: there is none, or the device is not active, or the
 * guest drives it wrongly (which has been dealt with).
 */
bool virtio_take(struct virtio *virtio, unsigned int queue, struct chain *ret_chain);
void virtio_untake(struct virtio *virtio, unsigned int queue);

/*
 * Returns a chain that was taken, exactly once; the guest is told by virtio_flush().
 * virtio_drop(): the device is being reset, and the guest gets no answer.
 */
void virtio_return(struct virtio *virtio, unsigned int queue, const struct chain *chain,
		   uint32_t written);
/* The same, but the guest sees it only with the next one that is returned: at once. */
void virtio_return_unseen(struct virtio *virtio, unsigned int queue, const struct chain *chain,
			  uint32_t written);
void virtio_drop(struct virtio *virtio, unsigned int queue);
void virtio_flush(struct virtio *virtio, unsigned int queue);

/*
 * See virtqueue_want_kicks(). A queue that is being served has them off already, and
 * keeps them off until the device wants them again.
 */
bool virtio_want_kicks(struct virtio *virtio, unsigned int queue);
void virtio_avoid_kicks(struct virtio *virtio, unsigned int queue);

/* Serve this queue again soon: others first. For who has done enough in one go. */
void virtio_serve_again(struct virtio *virtio, unsigned int queue);

/*
 * What serve() usually is, but for the virtio_flush() at its end: steps until there is
 * nothing to do, or so many have been made that others come first. A step usually is
 *
 *	if (!virtio_take(...))
 *		return virtio_want_kicks(...);
 *	... virtio_return() it, now or later ...
 *	return true;
 */
void virtio_serve_steps(struct virtio *virtio, unsigned int queue, unsigned int most,
			bool (*step)(struct virtio *virtio, unsigned int queue));

/* The guest drives the device wrongly: stops it, sets NEEDS_RESET, logs one line. */
void virtio_refuse(struct virtio *virtio, const char *reason);

/* Nothing is in flight any more: answer to a reset() that said false. */
void virtio_drained(struct virtio *virtio);

/* Runs `change` with the configuration locked, then tells the guest that it changed. Any thread. */
void virtio_change_config(struct virtio *virtio, void (*change)(void *context), void *context);

/*
 * Gives a queue's kicks to somebody else (vhost), or takes them back. In between the
 * device is not served for it.
 */
CHECKED int virtio_queue_hand_over(struct virtio *virtio, unsigned int queue, bool to_other);
int virtio_queue_kick_fd(const struct virtio *virtio, unsigned int queue);
int virtio_queue_call_fd(struct virtio *virtio, unsigned int queue);

/* -- for carriers: any thread ------------------------------------------------- */

void virtio_set_carrier(struct virtio *virtio, const struct virtio_carrier_ops *ops, void *context);

uint64_t virtio_offered_features(const struct virtio *virtio);
void virtio_write_features(struct virtio *virtio, unsigned int half, uint32_t value);
uint32_t virtio_read_features(struct virtio *virtio, unsigned int half); /* the driver's */

uint8_t virtio_read_status(struct virtio *virtio);
void virtio_write_status(struct virtio *virtio, uint8_t status);

/* queue: below config.queues. Writes while not idle, and sizes that can't be, are ignored. */
void virtio_read_queue(struct virtio *virtio, unsigned int queue,
		       struct virtio_queue_settings *ret_settings);
void virtio_write_queue(struct virtio *virtio, unsigned int queue,
			const struct virtio_queue_settings *settings);

/* offset and size: any; outside of the configuration it reads as 0. */
void virtio_read_config(struct virtio *virtio, uint32_t offset, void *bytes, uint32_t size);
void virtio_write_config(struct virtio *virtio, uint32_t offset, const void *bytes, uint32_t size);
uint8_t virtio_read_generation(struct virtio *virtio);

void virtio_kick(struct virtio *virtio, unsigned int queue);

#endif
