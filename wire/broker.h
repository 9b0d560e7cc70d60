/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.h - what a guest and the broker of its domain say to each other
 *
 *	guest			broker
 *	HELLO		-->
 *			<--	WELCOME, with a read-only descriptor of the store
 *	PROBE		-->
 *			<--	ANSWERS, one for each item
 *	PUBLISH		-->
 *			<--	ANSWERS
 *	RELEASE		-->	(no answer)
 *			<--	OFFERS, at any time after WELCOME
 *
 *	anyone
 *	REPORT_REQUEST	-->
 *			<--	REPORT
 *	HISTORY_REQUEST	-->
 *			<--	HISTORY
 *
 *	guest			who is about to be a broker
 *	START		-->	with the domain's listening socket
 *
 * Answers come in the order of the questions. Items, answers and frames mean what
 * dedup/catalog.h says. Payloads, after the header of codec.h:
 *
 *	HELLO		name[64]  u32 pages, the most sharers of a frame (0: any number)
 *	WELCOME		secret[192]  u32 frames that the store can hold
 *	PROBE		u32 n  n * { u32 page  u64 digest low  u64 digest high }
 *	PUBLISH		u32 n  n * { as of PROBE  u32 1 + the frame wished for, or 0 }
 *			n * 4096 bytes
 *	ANSWERS		u32 n  n * u32
 *	RELEASE		u32 n  n * u32 frame
 *	OFFERS		u32 n  n * { u32 page  u32 frame  u64 digest low }
 *	REPORT_REQUEST	(nothing)
 *	REPORT		domain[64]  u64 frames, store bytes, shared mappings, overhead bytes,
 *			CPU ns  u32 most sharers  u32 n  n * { u32 pid  name[64]  u64 held pages,
 *			cost bytes }
 *	START		domain[64]
 *	HISTORY_REQUEST	(nothing)
 *	HISTORY		as in wire/history.h
 *
 * A decoder returns -EPROTO for anything else, and the peer is dropped. It does not
 * know what a frame or page number may be: that is checked where it is used.
 */
#ifndef WIRE_BROKER_H
#define WIRE_BROKER_H

#include "base/fail.h"
#include "dedup/catalog.h"
#include "dedup/link.h"
#include "wire/codec.h"
#include "wire/history.h"

enum broker_message {
	BROKER_HELLO = 1,
	BROKER_WELCOME = 2,
	BROKER_PROBE = 3,
	BROKER_PUBLISH = 4,
	BROKER_ANSWERS = 5,
	BROKER_RELEASE = 6,
	BROKER_OFFERS = 7,
	BROKER_REPORT_REQUEST = 8,
	BROKER_REPORT = 9,
	BROKER_START = 10,
	BROKER_HISTORY_REQUEST = 11,
	BROKER_HISTORY = 12,
};

/* The figures of a broker's history: those of its report. */
enum broker_history {
	BROKER_HISTORY_FRAMES, /* in use; both in bytes */
	BROKER_HISTORY_MAPPED, /* pages of guests that refer to a frame */
	BROKER_HISTORY_FIGURES,
};
_Static_assert(BROKER_HISTORY_FIGURES <= HISTORY_FIGURES, "each has room");

#define BROKER_OFFERS_MAX  1024u
#define BROKER_ITEM_SIZE   20u
#define BROKER_PAGES_MAX   (1u << 28) /* of a guest's RAM: 1 TiB */
#define BROKER_HELLO_BYTES (WIRE_TEXT_SIZE + 8u)
#define BROKER_START_BYTES WIRE_TEXT_SIZE
/* Largest payloads: to the broker (PUBLISH), and to a guest (OFFERS). */
#define BROKER_REQUEST_MAX (4u + PUBLISH_MAX * (BROKER_ITEM_SIZE + 4u + PAGE_BYTES))
#define BROKER_REPLY_MAX   (4u + BROKER_OFFERS_MAX * 16u)
#define BROKER_REPORT_MAX  (1u << 20)

struct broker_hello {
	char name[WIRE_TEXT_SIZE];
	uint32_t pages;
	uint32_t max_sharers;
};

struct broker_welcome {
	struct digest_secret secret;
	uint32_t store_frames;
};

struct broker_report_guest {
	char name[WIRE_TEXT_SIZE];
	uint32_t pid;
	uint64_t held_pages; /* references: mappings, and answers under way */
	uint64_t cost_bytes; /* this guest's part of the frames that it refers to */
};

struct broker_report {
	char domain[WIRE_TEXT_SIZE];
	uint64_t frames;
	uint64_t store_bytes;
	uint64_t shared_mappings;
	uint64_t overhead_bytes; /* the broker's own memory, the store left out */
	uint64_t cpu_ns;
	uint32_t max_sharers; /* 0: no limit */
	uint32_t guest_count;
	struct broker_report_guest guests[];
};

/*
 * Encoders write a whole message into buffer and return its length, or -EMSGSIZE.
 * Decoders take a payload and return 0 or -EPROTO.
 */
CHECKED int broker_put_hello(void *buffer, size_t size, const struct broker_hello *hello);
CHECKED int broker_get_hello(const void *payload, size_t length, struct broker_hello *ret_hello);

CHECKED int broker_put_start(void *buffer, size_t size, const char *domain);
CHECKED int broker_get_start(const void *payload, size_t length, char ret_domain[WIRE_TEXT_SIZE]);

CHECKED int broker_put_welcome(void *buffer, size_t size, const struct broker_welcome *welcome);
CHECKED int broker_get_welcome(const void *payload, size_t length,
			       struct broker_welcome *ret_welcome);

CHECKED int broker_put_probe(void *buffer, size_t size, const struct catalog_item *items,
			     uint32_t count);
/* ret_items has room for PROBE_MAX. */
CHECKED int broker_get_probe(const void *payload, size_t length, struct catalog_item *ret_items,
			     uint32_t *ret_count);

/* The message without the pages' bytes, which the sender sends behind it. */
CHECKED int broker_put_publish(void *buffer, size_t size, const struct catalog_item *items,
			       uint32_t count);
/* ret_items has room for PUBLISH_MAX; *ret_bytes points into the payload. */
CHECKED int broker_get_publish(const void *payload, size_t length, struct catalog_item *ret_items,
			       uint32_t *ret_count, const uint8_t **ret_bytes);

/* type: BROKER_ANSWERS (up to PROBE_MAX) or BROKER_RELEASE (up to RELEASE_MAX). */
CHECKED int broker_put_numbers(void *buffer, size_t size, enum broker_message type,
			       const uint32_t *numbers, uint32_t count);
/* ret_numbers has room for max. */
CHECKED int broker_get_numbers(const void *payload, size_t length, uint32_t max,
			       uint32_t *ret_numbers, uint32_t *ret_count);

CHECKED int broker_put_offers(void *buffer, size_t size, const struct link_offer *offers,
			      uint32_t count);
/* ret_offers has room for BROKER_OFFERS_MAX. */
CHECKED int broker_get_offers(const void *payload, size_t length, struct link_offer *ret_offers,
			      uint32_t *ret_count);

CHECKED int broker_put_report(void *buffer, size_t size, const struct broker_report *report);
/* The caller frees *ret_report. Also -ENOMEM. */
CHECKED int broker_get_report(const void *payload, size_t length,
			      struct broker_report **ret_report);

/*
 * A question to the broker at this socket: BROKER_REPORT_REQUEST or BROKER_HISTORY_REQUEST.
 * Never waits. -ECONNREFUSED, -ENOENT: there is none. The caller closes *ret_fd.
 */
CHECKED int broker_ask(const char *socket_path, enum broker_message type, int *ret_fd,
		       struct fail *why);

/*
 * Its answer, by the deadline (now_ns()), which may be over: what has come is still read.
 * -EAGAIN: it was silent until then.
 * socket_path is for the sentence. The caller frees *ret_report.
 */
CHECKED int broker_report_take(const char *socket_path, int fd, uint64_t deadline_ns,
			       struct broker_report **ret_report, struct fail *why);
CHECKED int broker_history_take(const char *socket_path, int fd, uint64_t deadline_ns,
				struct history *ret_history, struct fail *why);

/* Both, within timeout_ms. */
CHECKED int broker_report_query(const char *socket_path, int timeout_ms,
				struct broker_report **ret_report, struct fail *why);

#endif
