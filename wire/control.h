/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - what the command line says to a guest's process, and its answers
 *
 * The command line connects to the guest's control socket, sends a request and
 * reads one answer; then it may send another one on the same connection. It may
 * also keep the connection only to see it close: that is the guest's end.
 * A request has no payload, or one number, as its type says. A report is answered
 * with the report, a history with the history, anything else with an outcome, and what
 * can't be made as well.
 */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include "wire/codec.h"
#include "wire/history.h"

enum control_type {
	CONTROL_REPORT = 1,	  /* answer: CONTROL_REPORT_REPLY */
	CONTROL_POWER_BUTTON = 2, /* answered when pressed, not when the guest is down */
	CONTROL_QUIT = 3,	  /* answered, then the guest ends at once */
	CONTROL_PAUSE = 4,
	CONTROL_RESUME = 5,
	CONTROL_DUMP_RAM = 6, /* a writable descriptor comes with it (SCM_RIGHTS) */
	/*
	 * number: which console, and CONTROL_CONSOLE_KEPT. One end of a pair of stream
	 * sockets comes with it. Once the outcome is 0, that pair carries what the guest
	 * says, from the oldest that is kept, and what is typed, as bare bytes, until
	 * either end closes it.
	 */
	CONTROL_CONSOLE = 7,
	CONTROL_BALLOON = 8, /* number: bytes of its memory that the guest shall keep */
	/*
	 * A descriptor of a file comes with it, to whose beginning the guest writes a struct
	 * control_census and an entry for each of its pages (dedup/census.h).
	 */
	CONTROL_CENSUS = 9,
	/*
	 * number: of pages, up to CONTROL_PAGES_MAX. A descriptor of a file comes with it that
	 * begins with so many page numbers (u32); behind them the guest writes the pages.
	 */
	CONTROL_READ_PAGES = 10,
	/*
	 * A descriptor of a file comes with it, to whose beginning the guest writes how it was
	 * defined: lines "name = value", as samepage.conf(5) has them.
	 */
	CONTROL_DEFINITION = 11,
	CONTROL_HISTORY = 12, /* answer: CONTROL_HISTORY_REPLY, a payload of wire/history.h */

	CONTROL_OUTCOME = 64,
	CONTROL_REPORT_REPLY = 65,
	CONTROL_HISTORY_REPLY = 66,
};

/* The figures of a guest's history: those of the report, in bytes, as of its thread's last look. */
enum control_history {
	CONTROL_HISTORY_POPULATED,
	CONTROL_HISTORY_SHARED,
	CONTROL_HISTORY_ZERO,
	CONTROL_HISTORY_RETURNED,
	CONTROL_HISTORY_FIGURES,
};
_Static_assert(CONTROL_HISTORY_FIGURES <= HISTORY_FIGURES, "each has room");

struct control_request {
	enum control_type type;
	uint64_t number; /* 0 where the type has none */
};

#define CONTROL_PAGES_MAX 256

struct control_census {
	uint64_t pages;
	uint64_t store; /* another number for each store; 0: none yet */
};

#define CONTROL_CONSOLE_SERIAL 0
#define CONTROL_CONSOLE_SECOND 1		  /* that of the virtio console */
#define CONTROL_CONSOLE_KEPT   (UINT64_C(1) << 8) /* closed behind what is kept now */

/* The numbers are libvirt's virDomainState, so that its tools can be served as they are. */
enum control_state {
	CONTROL_STATE_RUNNING = 1,
	CONTROL_STATE_PAUSED = 3,
	CONTROL_STATE_SHUTDOWN = 4, /* the power button was pressed, or it is being ended */
	CONTROL_STATE_CRASHED = 6,
};

/* "running", "paused", "shutdown", "crashed"; "unknown" for any other number. */
const char *control_state_name(enum control_state state);

/* What a guest says of its own memory: the tags of virtio's balloon. */
#define CONTROL_GUEST_STATS 16

struct control_guest_stats {
	uint64_t age_ns; /* since the guest said so; 0: it has said nothing */
	uint64_t known;	 /* a bit for each value that there is */
	uint64_t values[CONTROL_GUEST_STATS];
};

/* The names of libvirt's virDomainMemoryStatTags where it has any; NULL: no such value. */
const char *control_guest_stat_name(unsigned int tag);

#define CONTROL_MAX_NETWORKS 8

/* What has gone through a network card since the guest was started; in: to the guest. */
struct control_network {
	uint64_t frames_in, bytes_in, dropped_in;
	uint64_t frames_out, bytes_out, dropped_out;
};

#define CONTROL_MAX_DISKS 16

/* What became of a disk's requests since the guest was started. */
struct control_disk {
	uint64_t reads, read_bytes;
	uint64_t writes, written_bytes;
	uint64_t flushes;
	uint64_t clears, cleared_bytes; /* discarded, or zeroes that were not sent */
	uint64_t errors;		/* of all of these */
};

/* A guest's figures by the definitions of samepage-stats(1), THE REPORT. */
struct control_report {
	char name[WIRE_TEXT_SIZE];
	char domain[WIRE_TEXT_SIZE];
	uint32_t pid;
	enum control_state state;
	uint32_t cpus;
	uint64_t uptime_ns; /* since the process was ready to run */
	uint64_t ram_bytes;
	uint64_t populated_bytes; /* backed by memory of its own */
	uint64_t shared_bytes;	  /* mapped from the domain's store */
	uint64_t zero_bytes;	  /* all-zero pages that were handed back */
	uint64_t returned_bytes;  /* given away by the guest, and not written to since */
	uint64_t huge_bytes;	  /* mapped by huge pages */
	uint64_t pss_bytes;	  /* the kernel's figure for the whole process */
	uint64_t breaks_total;
	uint64_t merges_total;
	uint64_t mappings;
	uint64_t mappings_limit;
	uint64_t declined_bytes;  /* unshared for lack of mappings */
	uint64_t old_store_bytes; /* mapped from the store of an earlier broker */
	uint64_t dedup_cpu_ns;
	uint64_t passes;
	uint64_t writes_tracked; /* 1: KVM tells what was written; 0: each pass looks at all */
	uint64_t overhead_bytes; /* what deduplication itself holds in this process */
	uint64_t balloon_target_bytes; /* the guest shall keep; 0: it has no driver for that */
	uint64_t ballooned_bytes;      /* in the balloon, as the guest says */
	uint64_t reported_bytes;       /* handed back by free page reporting so far */
	struct control_guest_stats guest_stats;
	uint32_t network_count;
	struct control_network networks[CONTROL_MAX_NETWORKS];
	uint32_t disk_count;
	struct control_disk disks[CONTROL_MAX_DISKS];
};

#define CONTROL_SENTENCE_SIZE 512

struct control_outcome {
	uint32_t error; /* 0, or an errno value */
	char sentence[CONTROL_SENTENCE_SIZE];
};

#define CONTROL_MAX_REQUEST (WIRE_HEADER_SIZE + 8)
#define CONTROL_MAX_PAYLOAD 5376
_Static_assert(CONTROL_MAX_PAYLOAD >= HISTORY_MAX_PAYLOAD, "the longest answer");
#define CONTROL_MAX_MESSAGE (WIRE_HEADER_SIZE + CONTROL_MAX_PAYLOAD)

/* Each writes a whole message and returns its length, or -EMSGSIZE. */
CHECKED int control_request_encode(const struct control_request *request, uint8_t *bytes,
				   size_t size);
CHECKED int control_report_encode(const struct control_report *report, uint8_t *bytes, size_t size);
CHECKED int control_outcome_encode(const struct control_outcome *outcome, uint8_t *bytes,
				   size_t size);

/*
 * From what has come of a request. The whole request's length, and *ret_request once
 * `received` is that; less than a header is enough of none. -EPROTO: no request of ours.
 */
CHECKED int control_request_decode(const uint8_t *bytes, size_t received,
				   struct control_request *ret_request);

/*
 * From a payload. -EPROTO: of another length, a number out of range, or a text
 * that is not printable: what is decoded can go to a terminal as it is.
 */
CHECKED int control_report_decode(const uint8_t *payload, size_t length,
				  struct control_report *ret_report);
CHECKED int control_outcome_decode(const uint8_t *payload, size_t length,
				   struct control_outcome *ret_outcome);

#endif
