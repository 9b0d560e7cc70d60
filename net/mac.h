/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mac.h - a guest's Ethernet addresses
 *
 * A guest without an address of its own gets one that follows from its name: the
 * same at each start, on any host. The first byte is MAC_PREFIX (a single station's
 * address, locally administered), the other 40 bits are drawn from name and index.
 * Two guests of one name on two hosts of one network need addresses of their own.
 */
#ifndef NET_MAC_H
#define NET_MAC_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

#define MAC_BYTES     6
#define MAC_TEXT_SIZE 18 /* "5e:00:00:00:00:01" and its end */
#define MAC_PREFIX    0x5e

/* index: which of the guest's networks, from 0. */
void mac_of_guest(const char *name, unsigned int index, uint8_t ret_mac[MAC_BYTES]);

/* Six bytes in hexadecimal with ':' between them. -EINVAL for groups, and for 0. */
CHECKED int mac_parse(const char *text, uint8_t ret_mac[MAC_BYTES], struct fail *why);
void mac_print(const uint8_t mac[MAC_BYTES], char ret_text[MAC_TEXT_SIZE]);

#endif
