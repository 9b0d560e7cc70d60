/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - the command line's end of a guest's control socket
 *
 * A client holds the guest's process too (pidfd), so that a process that took the
 * same number later is never taken for it. All calls block, but none for longer
 * than its timeout.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <sys/types.h>

#include "base/auto.h"
#include "base/fail.h"
#include "wire/control.h"

#define CLIENT_TIMEOUT_MS 5000 /* a report alone may take two seconds */
#define CLIENT_NO_TIMEOUT (-1)
#define CLIENT_END_MS	  10000 /* a guest that has agreed to end: giving back RAM takes time */

struct client {
	char name[WIRE_TEXT_SIZE]; /* the guest's */
	int fd;
	int pidfd;
	pid_t pid;
};

/* -ENOENT: no such guest runs; a socket that it left behind is removed. */
CHECKED int client_connect(const char *name, struct client *ret_client, struct fail *why);
void client_close(struct client *client);

/* The sentence for that; returns -ENOENT. */
int client_no_such_guest(const char *name, struct fail *why);

#define AUTO_CLIENT __attribute__((cleanup(client_close)))
#define CLIENT_NONE                                                                                \
	{                                                                                          \
		.fd = -1, .pidfd = -1                                                              \
	}

/*
 * Sends a request (with a descriptor, unless pass_fd < 0) and waits for its
 * outcome. What the guest refuses comes back as its error and sentence;
 * -ETIMEDOUT: no answer, -ECONNRESET: it ended meanwhile.
 */
CHECKED int client_request(struct client *client, enum control_type type, int pass_fd,
			   int timeout_ms, struct fail *why);
/* The same for requests of which a number is part. */
CHECKED int client_request_number(struct client *client, const struct control_request *request,
				  int pass_fd, int timeout_ms, struct fail *why);
CHECKED int client_report(struct client *client, struct control_report *ret_report,
			  struct fail *why);
/* -ENOTSUP: the guest does not share. */
CHECKED int client_history(struct client *client, struct history *ret_history, struct fail *why);

/* Waits until the guest's process has ended. -ETIMEDOUT. */
CHECKED int client_wait_end(struct client *client, int timeout_ms);

/*
 * Ends the guest at once: it is asked first, since a process that ends by itself
 * tidies up and has a status; where it does not obey, it is killed.
 */
CHECKED int client_end(struct client *client, struct fail *why);

/* A guest that runs, and whose report is missing. */
struct client_silent {
	char name[WIRE_TEXT_SIZE];
	struct fail why;
};

struct client_roll {
	struct control_report *reports; /* sorted by name */
	size_t count;
	struct client_silent *silent; /* sorted too */
	size_t silent_count;
};

/*
 * Asks all guests of this user for their reports, at the same time: one that does not
 * answer holds nobody up for longer than the timeout. Guests that end meanwhile are left out.
 */
CHECKED int client_roll_call(int timeout_ms, struct client_roll *ret_roll, struct fail *why);
void client_roll_done(struct client_roll *roll);

/*
 * The reports of a roll call, of whose silent guests it warns. The caller frees the array.
 */
CHECKED int client_report_all(struct control_report **ret_reports, size_t *ret_count,
			      struct fail *why);

#endif
