/* SPDX-License-Identifier: Apache-2.0 */
/* hvc.c - the host's end of the guest's second console: a hub, and what was typed */
#include "devices/hvc.h"

#include <string.h>

#include "devices/console_hub.h"

#define TYPED_BYTES 256

struct hvc {
	struct console_end end; /* first */
	struct console_hub *hub;
	unsigned char typed[TYPED_BYTES];
	size_t typed_count;
};

static size_t on_input_room(void *context)
{
	const struct hvc *hvc = context;

	return sizeof(hvc->typed) - hvc->typed_count;
}

static void on_input(void *context, const void *bytes, size_t length)
{
	struct hvc *hvc = context;

	memcpy(hvc->typed + hvc->typed_count, bytes, length);
	hvc->typed_count += length;
	console_end_is_ready(&hvc->end);
}

static size_t hvc_write(struct console_end *end, const struct iovec *parts, unsigned int count)
{
	struct hvc *hvc = (struct hvc *)end;
	size_t total = 0;

	for (unsigned int i = 0; i < count; i++) {
		console_hub_feed(hvc->hub, parts[i].iov_base, parts[i].iov_len);
		total += parts[i].iov_len;
	}
	return total;
}

static size_t hvc_read(struct console_end *end, const struct iovec *parts, unsigned int count)
{
	struct hvc *hvc = (struct hvc *)end;
	size_t total = 0;

	for (unsigned int i = 0; i < count && total < hvc->typed_count; i++) {
		size_t left = hvc->typed_count - total;
		size_t n = parts[i].iov_len < left ? parts[i].iov_len : left;

		memcpy(parts[i].iov_base, hvc->typed + total, n);
		total += n;
	}
	hvc->typed_count -= total;
	memmove(hvc->typed, hvc->typed + total, hvc->typed_count);
	if (total > 0)
		console_hub_input_ready(hvc->hub);
	return total;
}

/* There is always somebody who listens: what was said is kept. */
static bool hvc_is_open(struct console_end *end)
{
	return true;
}

static const struct console_end_ops hvc_ops = {
	.write = hvc_write,
	.read = hvc_read,
	.is_open = hvc_is_open,
};

int hvc_create(struct loop *loop, struct hvc **ret_hvc, struct fail *why)
{
	AUTO_FREE struct hvc *hvc = calloc(1, sizeof(*hvc));
	struct console_hub_hooks hooks = {
		.input_room = on_input_room,
		.input = on_input,
		.context = hvc,
	};
	int rc = -ENOMEM;

	if (hvc)
		rc = console_hub_create(loop, &hooks, &hvc->hub);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot make the second console");
	hvc->end.ops = &hvc_ops;
	*ret_hvc = TAKE(hvc);
	return 0;
}

void hvc_free(struct hvc *hvc)
{
	if (!hvc)
		return;
	console_hub_flush(hvc->hub);
	console_hub_free(hvc->hub);
	free(hvc);
}

struct console_end *hvc_end(struct hvc *hvc)
{
	return &hvc->end;
}

int hvc_attach(struct hvc *hvc, int fd, bool kept_only, struct fail *why)
{
	return console_hub_attach(hvc->hub, fd, kept_only, why);
}
