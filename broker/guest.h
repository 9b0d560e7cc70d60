/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - what the broker keeps of each connection and each guest
 *
 * Internal to broker/. One thread.
 */
#ifndef BROKER_GUEST_H
#define BROKER_GUEST_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/history.h"
#include "base/loop.h"
#include "broker/allowance.h"
#include "broker/peer.h"
#include "broker/process.h"
#include "broker/store.h"
#include "dedup/catalog.h"
#include "wire/broker.h"

struct guest;

struct broker {
	const char *domain;
	int listen_fd;
	struct loop *loop;
	struct loop_source *incoming;
	struct loop_source *linger; /* armed while there is no guest */
	struct loop_source *tidy;
	struct loop_source *relief; /* armed while somebody is paused */
	bool relief_is_armed;
	struct digest_secret secret;
	struct store store;
	struct catalog *catalog;
	uint32_t max_sharers;	   /* the lowest that a guest asks for; 0: none does */
	struct guest *guests;	   /* oldest first; strangers too: who has not said HELLO */
	struct process *processes; /* that said HELLO once */
	uint32_t guest_count;	   /* of those that said HELLO */
	uint32_t stranger_count;
	struct allowance strangers;    /* processor time of all strangers together */
	struct allowance tidying;      /* the same, of emptying the store where nobody has frames */
	struct history history;	       /* enum broker_history */
	bool offers_wait;	       /* somebody has some that are not sent yet */
	struct guest *by_client[4096]; /* who gets the offers for a catalog client */
};

extern const struct catalog_ops broker_catalog_ops;

void broker_guests_init(struct broker *broker);
/* Takes over a connection of the process pid. */
void broker_connect(struct broker *broker, int fd, pid_t pid);
/* Gives back memory that nobody needs at the moment, and ends what leads to nothing. */
void broker_guests_tidy(struct broker *broker);
/* Lets those go on who have waited for long enough. */
void broker_guests_relieve(struct broker *broker);
void broker_guests_free(struct broker *broker);

/* report.c: the message that answers REPORT_REQUEST. The caller frees it. */
CHECKED int broker_report_make(struct broker *broker, uint8_t **ret_bytes, size_t *ret_length);

/* Keeps a point of the history where one is due. */
void broker_history_note(struct broker *broker);

/* For serve.c and report.c. */
struct guest {
	struct guest *next;
	struct broker *broker;
	struct peer *peer; /* NULL: the connection is over, the process is not */
	pid_t pid;
	struct process *process; /* NULL: has never said HELLO */
	struct allowance *time;	 /* who pays: its process, or strangers until it has joined */
	uint64_t since_ns;
	bool is_paused;	      /* has used up its time */
	bool is_guest;	      /* said HELLO: the fields below count */
	uint32_t pages;	      /* of RAM, as it says */
	uint32_t client;      /* in the catalog */
	uint32_t max_sharers; /* as it asked; 0: any number */
	char name[WIRE_TEXT_SIZE];
	struct link_offer offers[BROKER_OFFERS_MAX]; /* gathered while a message is served */
	uint32_t offer_count;
};

/* Makes a connection a guest's. pages: of RAM, as it says. */
CHECKED int guest_join(struct guest *guest, const struct broker_hello *hello);

/* What may wait for it to read: an offer that does keeps its frame in use. */
size_t guest_backlog_bytes(const struct guest *guest);

/* serve.c: a whole message; an error drops who sent it. */
CHECKED int guest_serve(struct guest *guest, const struct wire_header *header,
			const uint8_t *payload);
/* serve.c: what has been gathered for the guest. */
void guest_send_offers(struct guest *guest);

#endif
