/* SPDX-License-Identifier: Apache-2.0 */
/* check_vhost.c - what the kernel is told of a guest's queues; a kernel of our own listens */
#include "devices/vhost.h"

#include <linux/vhost.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/unit/driver.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"
#include "vmm/gmem_dirty.h"

#define DEVICE "/dev/null" /* what is opened: the requests end below */
#define QUEUES 3
#define MINE   (UINT64_C(1) << 15)

#define LOG_ALL (UINT64_C(1) << VHOST_F_LOG_ALL)

/* -- the kernel -- */

static struct {
	unsigned int requests, fail_at; /* 0: none fails */
	uint64_t offered, features, log;
	bool is_owned;
	uint32_t region_count;
	struct vhost_memory_region regions[GMEM_MAX_REGIONS];
	struct vhost_vring_state size[2], base[2];
	struct vhost_vring_addr addresses[2];
	int kick[2], call[2], error[2];
} kernel;

static int answer(unsigned long request, void *argument)
{
	const struct vhost_vring_state *state = argument;
	const struct vhost_vring_file *file = argument;
	const struct vhost_memory *memory = argument;

	switch (request) {
	case VHOST_SET_OWNER:
		kernel.is_owned = true;
		return 0;
	case VHOST_GET_FEATURES:
		memcpy(argument, &kernel.offered, sizeof(kernel.offered));
		return 0;
	case VHOST_SET_FEATURES:
		memcpy(&kernel.features, argument, sizeof(kernel.features));
		return 0;
	case VHOST_SET_MEM_TABLE:
		kernel.region_count = memory->nregions;
		ck_assert_uint_le(memory->nregions, GMEM_MAX_REGIONS);
		memcpy(kernel.regions, memory->regions, memory->nregions * sizeof(*kernel.regions));
		return 0;
	case VHOST_SET_LOG_BASE:
		memcpy(&kernel.log, argument, sizeof(kernel.log));
		return 0;
	case VHOST_SET_VRING_NUM:
		kernel.size[state->index] = *state;
		return 0;
	case VHOST_SET_VRING_BASE:
		kernel.base[state->index] = *state;
		return 0;
	case VHOST_SET_VRING_ADDR:
		kernel.addresses[state->index] = *(const struct vhost_vring_addr *)argument;
		return 0;
	case VHOST_SET_VRING_KICK:
		kernel.kick[file->index] = file->fd;
		return 0;
	case VHOST_SET_VRING_CALL:
		kernel.call[file->index] = file->fd;
		return 0;
	case VHOST_SET_VRING_ERR:
		kernel.error[file->index] = file->fd;
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}

/* In the C library's place. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (_IOC_TYPE(request) != VHOST_VIRTIO)
		return (int)syscall(SYS_ioctl, fd, request, argument);
	if (++kernel.requests == kernel.fail_at) {
		errno = EINVAL;
		return -1;
	}
	return answer(request, argument);
}

/* -- a device -- */

static struct driver driver;
static struct virtio virtio;
static struct vhost *vhost;
static unsigned int serves[QUEUES], errors;
static struct fail why;

static void on_serve(struct virtio *of, unsigned int queue)
{
	serves[queue]++;
	(void)!virtio_want_kicks(of, queue);
}

static bool on_reset(struct virtio *of)
{
	return true;
}

static void on_error(void *context)
{
	errors++;
	vhost_stop(vhost);
}

static const struct virtio_type type = {
	.name = "test",
	.id = 1,
	.serve = on_serve,
	.reset = on_reset,
};

static void start(uint64_t features)
{
	struct virtio_config config = {
		.type = &type, .name = "test", .features = MINE, .queues = QUEUES, .queue_size = 64
	};

	memset(&kernel, 0, sizeof(kernel));
	kernel.offered = UINT64_MAX;
	driver_open(&driver);
	gmem_dirty_want(gmem_dirty(driver.gmem));
	config.gmem = driver.gmem;
	config.loop = driver.loop;
	ck_assert_int_eq(virtio_init(&virtio, &config, &why), 0);
	driver_attach(&driver, &virtio);
	ck_assert_int_eq(vhost_open(DEVICE, 2, &vhost, &why), 0);
	driver_start(&driver, features);
	driver_settle(&driver);
	memset(serves, 0, sizeof(serves));
	kernel.requests = 0;
}

static void stop(void)
{
	vhost_close(vhost);
	virtio_done(&virtio);
	driver_close(&driver);
}

/* Whether a kick of the guest reaches the device. */
static bool is_ours(unsigned int queue)
{
	unsigned int before = serves[queue];

	driver_kick(&driver, queue);
	driver_settle(&driver);
	return serves[queue] > before;
}

START_TEST(the_kernel_gets_what_the_guest_has_set)
{
	start(DRIVER_EVERYTHING);
	ck_assert(kernel.is_owned);
	ck_assert_int_eq(vhost_start(vhost, &virtio, 1, MINE, on_error, NULL, &why), 0);
	ck_assert(vhost_is_started(vhost));
	ck_assert_uint_eq(kernel.features, virtio.driver_features | LOG_ALL);
	ck_assert_uint_eq(kernel.log, (uintptr_t)gmem_dirty_marks(gmem_dirty(driver.gmem)));
	ck_assert_uint_eq(kernel.region_count, 1);
	ck_assert_uint_eq(kernel.regions[0].guest_phys_addr, 0);
	ck_assert_uint_eq(kernel.regions[0].memory_size, DRIVER_MEMORY);
	ck_assert_uint_eq(kernel.regions[0].userspace_addr, (uintptr_t)gmem_base(driver.gmem));
	for (unsigned int i = 0; i < 2; i++) {
		const struct driver_queue *queue = &driver.queues[1 + i];
		uintptr_t base = (uintptr_t)gmem_base(driver.gmem);

		ck_assert_uint_eq(kernel.size[i].num, 64);
		ck_assert_uint_eq(kernel.base[i].num, 0);
		ck_assert_uint_eq(kernel.addresses[i].desc_user_addr, base + queue->descriptors);
		ck_assert_uint_eq(kernel.addresses[i].avail_user_addr, base + queue->available);
		ck_assert_uint_eq(kernel.addresses[i].used_user_addr, base + queue->used);
		ck_assert_uint_eq(kernel.addresses[i].flags, 1u << VHOST_VRING_F_LOG);
		ck_assert_uint_eq(kernel.addresses[i].log_guest_addr, queue->used);
		ck_assert_int_eq(kernel.kick[i], virtio_queue_kick_fd(&virtio, 1 + i));
		ck_assert_int_eq(kernel.call[i], -1); /* this carrier has none */
		ck_assert_int_ge(kernel.error[i], 0);
	}
	stop();
}
END_TEST

START_TEST(kicks_are_the_kernels_until_it_stops)
{
	uint64_t count;

	start(DRIVER_EVERYTHING);
	ck_assert(is_ours(0) && is_ours(1) && is_ours(2));
	ck_assert_int_eq(vhost_start(vhost, &virtio, 0, MINE, on_error, NULL, &why), 0);
	ck_assert(!is_ours(0) && !is_ours(1) && is_ours(2));
	ck_assert_int_eq(read(kernel.kick[0], &count, sizeof(count)), 8);
	vhost_kick(vhost);
	ck_assert_int_eq(read(kernel.kick[0], &count, sizeof(count)), 8);
	vhost_stop(vhost);
	ck_assert_int_eq(kernel.kick[0], -1);
	ck_assert_int_eq(kernel.call[1], -1);
	ck_assert(is_ours(0) && is_ours(1) && is_ours(2));
	ck_assert_int_eq(vhost_start(vhost, &virtio, 0, MINE, on_error, NULL, &why), 0);
	ck_assert(!is_ours(0));
	stop();
}
END_TEST

START_TEST(the_kernel_begins_where_the_queue_stands)
{
	struct driver_part part;
	struct chain chain;

	start(DRIVER_EVERYTHING);
	part = (struct driver_part){ .gpa = driver_alloc(&driver, 64, 64), .length = 64 };
	driver_add(&driver, 1, &part, 1);
	ck_assert(virtio_take(&virtio, 1, &chain));
	virtio_return(&virtio, 1, &chain, 0);
	ck_assert_int_eq(vhost_start(vhost, &virtio, 0, MINE, on_error, NULL, &why), 0);
	ck_assert_uint_eq(kernel.base[0].num, 0);
	ck_assert_uint_eq(kernel.base[1].num, 1);
	stop();
}
END_TEST

START_TEST(an_error_of_the_kernel_is_heard_once)
{
	uint64_t one = 1;

	start(DRIVER_EVERYTHING);
	ck_assert_int_eq(vhost_start(vhost, &virtio, 0, MINE, on_error, NULL, &why), 0);
	ck_assert_int_eq(write(kernel.error[1], &one, sizeof(one)), 8);
	ck_assert_int_eq(write(kernel.error[0], &one, sizeof(one)), 8);
	driver_settle(&driver);
	ck_assert_uint_eq(errors, 1);
	ck_assert(!vhost_is_started(vhost));
	ck_assert(is_ours(0));
	stop();
}
END_TEST

START_TEST(a_failure_at_any_point_leaves_the_queues_ours)
{
	unsigned int failures = 0;
	int rc = -1;

	start(DRIVER_EVERYTHING);
	while (rc < 0) {
		kernel.requests = 0;
		kernel.fail_at = ++failures;
		rc = vhost_start(vhost, &virtio, 0, MINE, on_error, NULL, &why);
		if (rc == 0)
			break;
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert(!vhost_is_started(vhost));
		kernel.fail_at = 0;
		ck_assert(is_ours(0) && is_ours(1));
	}
	/* memory, log, features, and six for each of two queues */
	ck_assert_uint_eq(failures, 1 + 1 + 1 + 2 * 6 + 1);
	stop();
}
END_TEST

START_TEST(what_the_driver_needs_the_kernel_must_have)
{
	start(DRIVER_EVERYTHING);
	ck_assert(vhost_can_serve(vhost, &virtio, MINE));
	stop();
	start(DRIVER_EVERYTHING);
	vhost_close(vhost);
	kernel.offered = UINT64_MAX & ~VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX);
	ck_assert_int_eq(vhost_open(DEVICE, 2, &vhost, &why), 0);
	ck_assert(!vhost_can_serve(vhost, &virtio, MINE));
	stop();
	start(UINT64_MAX & ~VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX));
	vhost_close(vhost);
	kernel.offered = UINT64_MAX & ~(VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX) | MINE);
	ck_assert_int_eq(vhost_open(DEVICE, 2, &vhost, &why), 0);
	ck_assert(vhost_can_serve(vhost, &virtio, 0));
	ck_assert(!vhost_can_serve(vhost, &virtio, MINE));
	stop();
}
END_TEST

START_TEST(a_queue_that_is_off_is_not_handed_over)
{
	start(DRIVER_EVERYTHING);
	virtqueue_stop(&virtio.queues[1]);
	ck_assert_int_eq(vhost_start(vhost, &virtio, 0, MINE, on_error, NULL, &why), -EINVAL);
	ck_assert_uint_eq(kernel.requests, 0);
	ck_assert(is_ours(0));
	stop();
}
END_TEST

START_TEST(what_can_not_be_opened_leaves_nothing)
{
	int before = open_descriptors();

	memset(&kernel, 0, sizeof(kernel));
	ck_assert_int_eq(vhost_open("/nonexistent", 2, &vhost, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "/nonexistent"));
	for (unsigned int i = 1; i <= 2; i++) {
		kernel.requests = 0;
		kernel.fail_at = i;
		ck_assert_int_eq(vhost_open(DEVICE, 2, &vhost, &why), -EINVAL);
	}
	ck_assert_int_eq(open_descriptors(), before);
	vhost_close(NULL);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &the_kernel_gets_what_the_guest_has_set },
	{ "core", &kicks_are_the_kernels_until_it_stops },
	{ "core", &the_kernel_begins_where_the_queue_stands },
	{ "core", &an_error_of_the_kernel_is_heard_once },
	{ "core", &what_the_driver_needs_the_kernel_must_have },
	{ "misuse", &a_queue_that_is_off_is_not_handed_over },
	{ "faults", &a_failure_at_any_point_leaves_the_queues_ours },
	{ "faults", &what_can_not_be_opened_leaves_nothing },
};
SUITE_MAIN("vhost", tests)
