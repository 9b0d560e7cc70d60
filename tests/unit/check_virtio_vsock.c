/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio_vsock.c - what the host does not have is said, and leaves nothing behind */
#include "devices/virtio_vsock.h"

#include "tests/unit/driver.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

static struct driver driver;

static int create(const char *path, struct fail *why)
{
	struct virtio_vsock_setup setup = { .name = "vsock", .cid = 77, .path = path };
	struct virtio_vsock *vsock = NULL;
	int rc;

	driver_open(&driver);
	setup.gmem = driver.gmem;
	setup.loop = driver.loop;
	rc = virtio_vsock_create(&setup, &vsock, why);
	virtio_vsock_free(vsock);
	driver_close(&driver);
	return rc;
}

START_TEST(a_host_without_it_says_what_to_load)
{
	struct fail why = { "" };

	ck_assert_int_eq(create("/nowhere/vhost-vsock", &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "vhost_vsock"));
	ck_assert_ptr_nonnull(strstr(why.text, "/nowhere/vhost-vsock"));
}
END_TEST

START_TEST(a_failure_leaves_nothing_open)
{
	struct fail why;
	int before = open_descriptors();

	ck_assert_int_lt(create("/dev/null", &why), 0);
	ck_assert_int_lt(create("/nowhere", &why), 0);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

static const struct suite_test tests[] = {
	{ "faults", &a_host_without_it_says_what_to_load },
	{ "faults", &a_failure_leaves_nothing_open },
};
SUITE_MAIN("virtio_vsock", tests)
