/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_option.h - --net, as people type it
 *
 *   tap=NAME[,mac=M][,vhost=on|off]	%n in NAME stands for the guest's name
 *   user[,forward=[ADDRESS:]HOST:GUEST[/udp]]...[,mac=M]
 *   none				what a guest without the option has, too
 */
#ifndef CLI_NET_OPTION_H
#define CLI_NET_OPTION_H

#include <net/if.h>
#include <stdbool.h>

#include "base/auto.h"
#include "base/fail.h"
#include "cli/board.h"
#include "cli/machine.h"
#include "cli/option.h"

/* The networks of one guest. */
struct net_options {
	struct machine_net nets[BOARD_MAX_NETS]; /* borrow from taps */
	unsigned int count;
	char taps[BOARD_MAX_NETS][IFNAMSIZ];
};

/* Of one guest; cpus: its vCPUs, which want a queue each. */
CHECKED int net_options_parse(const struct option_texts *texts, const char *guest,
			      unsigned int cpus, struct net_options *ret_options, struct fail *why);

/* What several guests of one command can't have in common: addresses, ports, taps. */
CHECKED int net_options_check_shared(const struct option_texts *texts, struct fail *why);

#endif
