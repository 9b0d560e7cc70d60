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

#include "base/loop.h"
#include "broker/peer.h"
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
	struct digest_secret secret;
	struct store store;
	struct catalog *catalog;
	struct guest *guests;	       /* connections as well, before they say HELLO */
	uint32_t guest_count;	       /* of those that said HELLO */
	struct guest *by_client[4096]; /* who gets the offers for a catalog client */
};

extern const struct catalog_ops broker_catalog_ops;

/* Takes over a connection of the process pid. */
void broker_connect(struct broker *broker, int fd, pid_t pid);
/* Gives back memory that nobody needs at the moment. */
void broker_guests_tidy(struct broker *broker);
void broker_guests_free(struct broker *broker);

/* report.c: the message that answers REPORT_REQUEST. The caller frees it. */
CHECKED int broker_report_make(struct broker *broker, uint8_t **ret_bytes, size_t *ret_length);

/* For report.c. */
struct guest {
	struct guest *next;
	struct broker *broker;
	struct peer *peer; /* NULL: the connection is over, the process is not */
	pid_t pid;
	int pidfd;
	struct loop_source *death; /* the pidfd */
	bool is_guest;		   /* said HELLO: the fields below count */
	uint32_t client;	   /* in the catalog */
	char name[WIRE_TEXT_SIZE];
	struct link_offer offers[BROKER_OFFERS_MAX]; /* gathered while a message is served */
	uint32_t offer_count;
};

#endif
