/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio.c - what all virtio devices have in common, whatever carries them
 *
 * Theory of operation
 *
 * vCPU threads write settings under the lock, and only while the device is idle; the
 * I/O thread uses them while it is not. So what the guest has set is frozen by the
 * phase alone: nothing is copied, and nothing can be changed under a running device.
 *
 *	phase		who moves it on		what the guest reads as status
 *	IDLE		vCPU: DRIVER_OK		what it wrote
 *	STARTING	I/O thread		what it wrote
 *	ACTIVE		vCPU: status 0		what it wrote, and NEEDS_RESET
 *	RESETTING	I/O thread, drained	what it was, until IDLE: 0
 *
 * phase_move() is the only one to change it. A device that was never started is
 * reset on the spot, without the I/O thread: that is what every driver begins with,
 * and drivers sleep for a while when a reset takes longer than one read.
 */
#include "devices/virtio.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/log.h"

#define COMMON_FEATURES                                                                            \
	(VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |        \
	 VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX))

static void phase_move(struct virtio *virtio, enum virtio_phase phase)
{
	static const unsigned int may_follow[] = {
		[VIRTIO_IDLE] = 1u << VIRTIO_STARTING,
		[VIRTIO_STARTING] = 1u << VIRTIO_ACTIVE | 1u << VIRTIO_RESETTING,
		[VIRTIO_ACTIVE] = 1u << VIRTIO_RESETTING,
		[VIRTIO_RESETTING] = 1u << VIRTIO_IDLE,
	};

	assert(may_follow[virtio->phase] & 1u << phase);
	virtio->phase = phase;
}

/* ------------------------------------------------------------- for devices */

bool virtio_has_feature(const struct virtio *virtio, unsigned int bit)
{
	return virtio->driver_features & VIRTIO_FEATURE(bit);
}

bool virtio_queue_is_enabled(const struct virtio *virtio, unsigned int queue)
{
	return virtio->queues[queue].size != 0;
}

static void notify_config(struct virtio *virtio)
{
	if (virtio->carrier)
		virtio->carrier->notify_config(virtio->carrier_context);
}

void virtio_refuse(struct virtio *virtio, const char *reason)
{
	if (!virtio->has_complained)
		log_warn("%s: the guest drives it wrongly: %s; it stands still until the guest "
			 "resets it",
			 virtio->config.name, reason);
	virtio->has_complained = true;
	virtio->is_running = false;
	pthread_mutex_lock(&virtio->lock);
	if (virtio->phase == VIRTIO_ACTIVE)
		virtio->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	pthread_mutex_unlock(&virtio->lock);
	notify_config(virtio);
}

bool virtio_take(struct virtio *virtio, unsigned int queue, struct chain *ret_chain)
{
	const char *reason;
	int rc;

	if (!virtio->is_running)
		return false;
	rc = virtqueue_take(&virtio->queues[queue], ret_chain, &reason);
	if (rc < 0)
		virtio_refuse(virtio, reason);
	return rc > 0;
}

void virtio_untake(struct virtio *virtio, unsigned int queue)
{
	virtqueue_untake(&virtio->queues[queue]);
}

void virtio_return(struct virtio *virtio, unsigned int queue, const struct chain *chain,
		   uint32_t written)
{
	assert(virtio->queues[queue].in_flight > 0 && written <= chain->writable_bytes);
	virtqueue_return(&virtio->queues[queue], chain->head, written);
}

void virtio_return_unseen(struct virtio *virtio, unsigned int queue, const struct chain *chain,
			  uint32_t written)
{
	assert(virtio->queues[queue].in_flight > 0 && written <= chain->writable_bytes);
	virtqueue_return_unseen(&virtio->queues[queue], chain->head, written);
}

void virtio_drop(struct virtio *virtio, unsigned int queue)
{
	assert(virtio->queues[queue].in_flight > 0);
	virtqueue_drop(&virtio->queues[queue]);
}

void virtio_flush(struct virtio *virtio, unsigned int queue)
{
	if (virtqueue_should_notify(&virtio->queues[queue]) && virtio->carrier)
		virtio->carrier->notify_queue(virtio->carrier_context, queue);
}

bool virtio_want_kicks(struct virtio *virtio, unsigned int queue)
{
	return virtio->is_running && virtqueue_want_kicks(&virtio->queues[queue]);
}

void virtio_avoid_kicks(struct virtio *virtio, unsigned int queue)
{
	virtqueue_avoid_kicks(&virtio->queues[queue]);
}

void virtio_kick(struct virtio *virtio, unsigned int queue)
{
	uint64_t one = 1;

	if (write(virtio->doorbells[queue].fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it rings already */
}

void virtio_serve_again(struct virtio *virtio, unsigned int queue)
{
	virtio_kick(virtio, queue);
}

void virtio_serve_steps(struct virtio *virtio, unsigned int queue, unsigned int most,
			bool (*step)(struct virtio *virtio, unsigned int queue))
{
	unsigned int steps = 0;

	while (steps < most && step(virtio, queue))
		steps++;
	if (steps == most)
		virtio_serve_again(virtio, queue);
}

void virtio_change_config(struct virtio *virtio, void (*change)(void *context), void *context)
{
	bool is_heard;

	pthread_mutex_lock(&virtio->lock);
	change(context);
	virtio->config_generation++;
	/* from DRIVER_OK on: it may have read what was before */
	is_heard = virtio->phase == VIRTIO_STARTING || virtio->phase == VIRTIO_ACTIVE;
	pthread_mutex_unlock(&virtio->lock);
	if (is_heard)
		notify_config(virtio);
}

int virtio_queue_kick_fd(const struct virtio *virtio, unsigned int queue)
{
	return virtio->doorbells[queue].fd;
}

int virtio_queue_call_fd(struct virtio *virtio, unsigned int queue)
{
	if (!virtio->carrier)
		return -1;
	return virtio->carrier->queue_call_fd(virtio->carrier_context, queue);
}

/* ----------------------------------------------------- on the I/O thread */

static void queue_serve(struct virtio *virtio, unsigned int queue)
{
	/* a queue that was handed over: its flags are somebody else's, too */
	if (!virtio->is_running || virtio->queues[queue].size == 0 ||
	    !virtio->doorbells[queue].source)
		return;
	virtqueue_avoid_kicks(&virtio->queues[queue]);
	virtio->config.type->serve(virtio, queue);
}

static void on_kick(void *context, uint32_t events)
{
	struct virtio_doorbell *doorbell = context;
	uint64_t count;

	if (read(doorbell->fd, &count, sizeof(count)) < 0)
		return;
	queue_serve(doorbell->virtio, doorbell->queue);
}

int virtio_queue_hand_over(struct virtio *virtio, unsigned int queue, bool to_other)
{
	struct virtio_doorbell *doorbell = &virtio->doorbells[queue];

	if (!to_other && !doorbell->source)
		return loop_add_fd(virtio->config.loop, doorbell->fd, EPOLLIN, on_kick, doorbell,
				   &doorbell->source);
	if (to_other) {
		loop_remove(doorbell->source);
		doorbell->source = NULL;
	}
	return 0;
}

static bool queues_start(struct virtio *virtio)
{
	for (unsigned int i = 0; i < virtio->config.queues; i++) {
		const char *reason;

		if (virtio->settings[i].is_enabled &&
		    virtqueue_start(
			    &virtio->queues[i], virtio->config.gmem, &virtio->settings[i].place,
			    virtio_has_feature(virtio, VIRTIO_RING_F_EVENT_IDX), &reason) < 0) {
			virtio_refuse(virtio, reason);
			return false;
		}
	}
	return true;
}

static void device_start(struct virtio *virtio)
{
	if (!queues_start(virtio))
		return;
	virtio->is_running = virtio->is_activated = true;
	if (virtio->config.type->activate && virtio->config.type->activate(virtio) < 0) {
		virtio_refuse(virtio, "it cannot work with what the guest has set");
		return;
	}
	for (unsigned int i = 0; i < virtio->config.queues; i++)
		queue_serve(virtio, i);
}

/* What the guest has set is void. Under the lock. */
static void settings_clear(struct virtio *virtio)
{
	virtio->status = 0;
	virtio->driver_features = 0;
	memset(virtio->settings, 0, sizeof(virtio->settings));
	for (unsigned int i = 0; i < virtio->config.queues; i++)
		virtio->settings[i].place.size = virtio->config.queue_size;
}

static void carrier_was_reset(struct virtio *virtio)
{
	if (virtio->carrier)
		virtio->carrier->was_reset(virtio->carrier_context);
}

void virtio_drained(struct virtio *virtio)
{
	for (unsigned int i = 0; i < virtio->config.queues; i++) {
		assert(virtio->queues[i].in_flight == 0);
		virtqueue_stop(&virtio->queues[i]);
	}
	/* first the carrier: a guest that reads 0 may set everything anew at once */
	carrier_was_reset(virtio);
	pthread_mutex_lock(&virtio->lock);
	phase_move(virtio, VIRTIO_IDLE);
	virtio->is_draining = false;
	settings_clear(virtio);
	pthread_mutex_unlock(&virtio->lock);
}

static void device_reset(struct virtio *virtio)
{
	bool is_drained = true;

	virtio->is_running = false;
	if (virtio->is_activated && virtio->config.type->reset)
		is_drained = virtio->config.type->reset(virtio);
	virtio->is_activated = false;
	if (is_drained)
		virtio_drained(virtio);
}

/* The phase was moved by a vCPU, more than once perhaps. */
static void on_change(void *context)
{
	struct virtio *virtio = context;
	bool starts, resets;

	pthread_mutex_lock(&virtio->lock);
	starts = virtio->phase == VIRTIO_STARTING;
	resets = virtio->phase == VIRTIO_RESETTING && !virtio->is_draining;
	if (starts)
		phase_move(virtio, VIRTIO_ACTIVE);
	if (resets)
		virtio->is_draining = true;
	pthread_mutex_unlock(&virtio->lock);
	if (starts)
		device_start(virtio);
	if (resets)
		device_reset(virtio);
}

/* ------------------------------------------------------------ for carriers */

void virtio_set_carrier(struct virtio *virtio, const struct virtio_carrier_ops *ops, void *context)
{
	virtio->carrier = ops;
	virtio->carrier_context = context;
}

uint64_t virtio_offered_features(const struct virtio *virtio)
{
	return virtio->config.features | COMMON_FEATURES;
}

void virtio_write_features(struct virtio *virtio, unsigned int half, uint32_t value)
{
	unsigned int shift = half * 32;

	if (half > 1)
		return;
	pthread_mutex_lock(&virtio->lock);
	if (virtio->phase == VIRTIO_IDLE && !(virtio->status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		virtio->driver_features &= ~(UINT64_C(0xffffffff) << shift);
		virtio->driver_features |= (uint64_t)value << shift;
	}
	pthread_mutex_unlock(&virtio->lock);
}

uint32_t virtio_read_features(struct virtio *virtio, unsigned int half)
{
	uint64_t features;

	pthread_mutex_lock(&virtio->lock);
	features = virtio->driver_features;
	pthread_mutex_unlock(&virtio->lock);
	return half > 1 ? 0 : (uint32_t)(features >> half * 32);
}

uint8_t virtio_read_status(struct virtio *virtio)
{
	uint8_t status;

	pthread_mutex_lock(&virtio->lock);
	status = virtio->status;
	pthread_mutex_unlock(&virtio->lock);
	return status;
}

static bool features_are_fine(const struct virtio *virtio)
{
	return !(virtio->driver_features & ~virtio_offered_features(virtio)) &&
	       virtio_has_feature(virtio, VIRTIO_F_VERSION_1);
}

/* A status that is not 0, under the lock. Returns whether the I/O thread has to act. */
static bool status_set(struct virtio *virtio, uint8_t status)
{
	bool had_driver = virtio->status & VIRTIO_CONFIG_S_DRIVER_OK;

	if (virtio->phase == VIRTIO_RESETTING)
		return false;
	if (!(virtio->status & VIRTIO_CONFIG_S_FEATURES_OK) && !features_are_fine(virtio))
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK))
		status &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	/* no bit is cleared but by a reset, and this one is ours to set */
	virtio->status |= status & (uint8_t)~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (had_driver || !(virtio->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return false;
	phase_move(virtio, VIRTIO_STARTING);
	return true;
}

/* The same for 0; ret_idle: the device is reset already. */
static bool status_clear(struct virtio *virtio, bool *ret_idle)
{
	*ret_idle = virtio->phase == VIRTIO_IDLE;
	if (*ret_idle) {
		settings_clear(virtio);
		return false;
	}
	if (virtio->phase == VIRTIO_RESETTING)
		return false;
	phase_move(virtio, VIRTIO_RESETTING);
	return true;
}

void virtio_write_status(struct virtio *virtio, uint8_t status)
{
	bool must_act, is_idle = false;

	pthread_mutex_lock(&virtio->lock);
	if (status == 0)
		must_act = status_clear(virtio, &is_idle);
	else
		must_act = status_set(virtio, status);
	pthread_mutex_unlock(&virtio->lock);
	if (must_act)
		loop_wake(virtio->change);
	if (is_idle)
		carrier_was_reset(virtio);
}

void virtio_read_queue(struct virtio *virtio, unsigned int queue,
		       struct virtio_queue_settings *ret_settings)
{
	pthread_mutex_lock(&virtio->lock);
	*ret_settings = virtio->settings[queue];
	pthread_mutex_unlock(&virtio->lock);
}

void virtio_write_queue(struct virtio *virtio, unsigned int queue,
			const struct virtio_queue_settings *settings)
{
	uint16_t size = settings->place.size;
	bool size_can_be = size > 0 && size <= virtio->config.queue_size && !(size & (size - 1));

	pthread_mutex_lock(&virtio->lock);
	if (virtio->phase == VIRTIO_IDLE && size_can_be && !virtio->settings[queue].is_enabled)
		virtio->settings[queue] = *settings;
	pthread_mutex_unlock(&virtio->lock);
}

void virtio_read_config(struct virtio *virtio, uint32_t offset, void *bytes, uint32_t size)
{
	const struct virtio_config *config = &virtio->config;
	uint32_t inside = 0;

	memset(bytes, 0, size);
	if (offset < config->config_size)
		inside = config->config_size - offset < size ? config->config_size - offset : size;
	if (inside == 0)
		return;
	pthread_mutex_lock(&virtio->lock);
	if (config->type->config_read)
		config->type->config_read(virtio, offset, bytes, inside);
	else
		memcpy(bytes, (const unsigned char *)config->config + offset, inside);
	pthread_mutex_unlock(&virtio->lock);
}

void virtio_write_config(struct virtio *virtio, uint32_t offset, const void *bytes, uint32_t size)
{
	const struct virtio_config *config = &virtio->config;

	if (!config->type->config_write || offset >= config->config_size ||
	    size > config->config_size - offset)
		return;
	pthread_mutex_lock(&virtio->lock);
	config->type->config_write(virtio, offset, bytes, size);
	pthread_mutex_unlock(&virtio->lock);
}

uint8_t virtio_read_generation(struct virtio *virtio)
{
	uint8_t generation;

	pthread_mutex_lock(&virtio->lock);
	generation = (uint8_t)virtio->config_generation;
	pthread_mutex_unlock(&virtio->lock);
	return generation;
}

/* -------------------------------------------------------------------- life */

static int doorbell_init(struct virtio *virtio, unsigned int queue)
{
	struct virtio_doorbell *doorbell = &virtio->doorbells[queue];

	doorbell->virtio = virtio;
	doorbell->queue = queue;
	doorbell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (doorbell->fd < 0)
		return -errno;
	return virtio_queue_hand_over(virtio, queue, false);
}

int virtio_init(struct virtio *virtio, const struct virtio_config *config, struct fail *why)
{
	int rc;

	assert(config->queues <= VIRTIO_MAX_QUEUES && config->queue_size <= VIRTQUEUE_MAX_SIZE);
	*virtio = (struct virtio){ .config = *config };
	pthread_mutex_init(&virtio->lock, NULL);
	for (unsigned int i = 0; i < config->queues; i++)
		virtio->doorbells[i].fd = -1;
	settings_clear(virtio);
	rc = loop_add_wake(config->loop, on_change, virtio, &virtio->change);
	for (unsigned int i = 0; rc == 0 && i < config->queues; i++)
		rc = doorbell_init(virtio, i);
	if (rc < 0) {
		virtio_done(virtio);
		return fail_errno(why, -rc, "cannot set up %s", config->name);
	}
	return 0;
}

void virtio_done(struct virtio *virtio)
{
	if (!virtio->config.type)
		return;
	for (unsigned int i = 0; i < virtio->config.queues; i++) {
		loop_remove(virtio->doorbells[i].source);
		auto_close(&virtio->doorbells[i].fd);
	}
	loop_remove(virtio->change);
	pthread_mutex_destroy(&virtio->lock);
	virtio->config.type = NULL;
}
