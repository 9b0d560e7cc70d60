/* SPDX-License-Identifier: Apache-2.0 */
/* shutdown.c - let guests shut down, and end those that don't */
#include "cli/shutdown.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/client.h"

/* Leaves the client closed where there is nothing to wait for. */
static int button_press(const char *name, struct client *ret_client, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc < 0)
		return rc;
	rc = client_request(&client, CONTROL_POWER_BUTTON, -1, CLIENT_TIMEOUT_MS, why);
	/* ended meanwhile: as wished; silent: the deadline will deal with it */
	if (rc < 0 && rc != -ECONNRESET)
		log_answer("%s", why->text);
	*ret_client = client;
	client = (struct client)CLIENT_NONE;
	return 0;
}

static enum shutdown_outcome off_wait(struct client *client, uint64_t deadline_ns, struct fail *why)
{
	uint64_t now = now_ns();
	int left_ms = deadline_ns > now ? (int)((deadline_ns - now) / NS_PER_MS) : 0;
	int rc = client_wait_end(client, left_ms);

	if (rc != -ETIMEDOUT)
		return SHUTDOWN_OFF;
	return client_end(client, why) < 0 ? SHUTDOWN_FAILED : SHUTDOWN_ENDED;
}

int shutdown_guests(const char *const *names, size_t count, uint64_t timeout_seconds,
		    shutdown_fn *fn, void *context, struct fail *why)
{
	uint64_t deadline_ns = now_ns() + timeout_seconds * NS_PER_SEC;
	AUTO_FREE struct client *clients = calloc(count + 1, sizeof(*clients));

	if (!clients)
		return fail_errno(why, ENOMEM, "cannot stop the guests");
	for (size_t i = 0; i < count; i++) {
		int rc;

		clients[i] = (struct client)CLIENT_NONE;
		rc = button_press(names[i], &clients[i], why);
		if (rc < 0)
			fn(context, names[i], rc == -ENOENT ? SHUTDOWN_ABSENT : SHUTDOWN_FAILED,
			   why);
	}
	for (size_t i = 0; i < count; i++) {
		if (clients[i].pidfd >= 0)
			fn(context, names[i], off_wait(&clients[i], deadline_ns, why), why);
		client_close(&clients[i]);
	}
	return 0;
}
