/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_peer.h - a broker to test, in a process of its own, and what a guest says to it
 *
 * Whatever goes otherwise than it should fails the test.
 */
#ifndef TESTS_UNIT_BROKER_PEER_H
#define TESTS_UNIT_BROKER_PEER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/rundir.h"
#include "wire/broker.h"

#define RAM_PAGES 1000u

extern pid_t broker_pid;
extern char socket_path[RUNDIR_PATH_MAX];

void open_broker(void);
void close_broker(void);
void nap(void);
uint64_t deadline(void);
struct broker_report *ask_report(void);
uint64_t frames_now(uint64_t *ret_store_bytes);
void send_all(int fd, const void *bytes, int length);
int connect_broker(void);
void send_hello(int fd, const char *name, uint32_t pages);
int join(int fd, const char *name, struct digest_secret *ret_secret);
uint16_t receive(int fd, uint8_t *payload, uint32_t *ret_length);
uint32_t receive_answer(int fd);
const uint8_t *content(int value);
uint32_t probe(int fd, const struct digest_secret *secret, uint32_t page, int value);
uint32_t publish(int fd, const struct digest_secret *secret, uint32_t page, int value, int sent);
void release(int fd, uint32_t frame);
struct link_offer receive_offer(int fd);

#endif
