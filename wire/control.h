/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - what the command line says to a guest's process, and its answers
 *
 * The command line connects to the guest's control socket, sends a request and
 * reads one answer; then it may send another one on the same connection. It may
 * also keep the connection only to see it close: that is the guest's end.
 * Requests have no payload. A report is answered with the report, anything else
 * with an outcome, and a report that can't be made as well.
 */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include "wire/codec.h"

enum control_type {
	CONTROL_REPORT = 1,	  /* answer: CONTROL_REPORT_REPLY */
	CONTROL_POWER_BUTTON = 2, /* answered when pressed, not when the guest is down */
	CONTROL_QUIT = 3,	  /* answered, then the guest ends at once */
	CONTROL_PAUSE = 4,
	CONTROL_RESUME = 5,
	CONTROL_DUMP_RAM = 6, /* a writable descriptor comes with it (SCM_RIGHTS) */

	CONTROL_OUTCOME = 64,
	CONTROL_REPORT_REPLY = 65,
};

/* The numbers are libvirt's virDomainState, so that its tools can be served as they are. */
enum control_state {
	CONTROL_STATE_RUNNING = 1,
	CONTROL_STATE_PAUSED = 3,
	CONTROL_STATE_SHUTDOWN = 4, /* the power button was pressed, or it is being ended */
	CONTROL_STATE_CRASHED = 6,
};

/* "running", "paused", "shutdown", "crashed"; "unknown" for any other number. */
const char *control_state_name(enum control_state state);

/* A guest's figures by the definitions of samepage(1), THE REPORT. */
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
	uint64_t pss_bytes;	  /* the kernel's figure for the whole process */
	uint64_t breaks_total;
	uint64_t merges_total;
	uint64_t mappings;
	uint64_t mappings_limit;
	uint64_t dedup_cpu_ns;
	uint64_t passes;
	uint64_t overhead_bytes; /* what deduplication itself holds in this process */
};

#define CONTROL_SENTENCE_SIZE 512

struct control_outcome {
	uint32_t error; /* 0, or an errno value */
	char sentence[CONTROL_SENTENCE_SIZE];
};

#define CONTROL_MAX_PAYLOAD 1024
#define CONTROL_MAX_MESSAGE (WIRE_HEADER_SIZE + CONTROL_MAX_PAYLOAD)

/* Each writes a whole message and returns its length, or -EMSGSIZE. */
CHECKED int control_request_encode(enum control_type type, uint8_t *bytes, size_t size);
CHECKED int control_report_encode(const struct control_report *report, uint8_t *bytes, size_t size);
CHECKED int control_outcome_encode(const struct control_outcome *outcome, uint8_t *bytes,
				   size_t size);

/* From a message's header: -EPROTO unless it is one of the requests, with no payload. */
CHECKED int control_request_decode(const uint8_t header[WIRE_HEADER_SIZE],
				   enum control_type *ret_type);

/*
 * From a payload. -EPROTO: of another length, a number out of range, or a text
 * that is not printable: what is decoded can go to a terminal as it is.
 */
CHECKED int control_report_decode(const uint8_t *payload, size_t length,
				  struct control_report *ret_report);
CHECKED int control_outcome_decode(const uint8_t *payload, size_t length,
				   struct control_outcome *ret_outcome);

#endif
