/* SPDX-License-Identifier: Apache-2.0 */
/* net_option.c - --net, as people type it */
#include "cli/net_option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/forward.h"
#include "net/mac.h"

#define WORD_SIZE 128 /* longer than any value that can be meant */

/* One network, as it is being read. */
struct reading {
	struct machine_net *net;
	char tap[WORD_SIZE]; /* %n is still in it; empty: no tap */
	bool has_mac;
};

struct key {
	const char *name;   /* with '=' where a value follows */
	unsigned int kinds; /* of nets that have it, as bits */
	int (*take)(struct reading *reading, const char *value, struct fail *why);
};

#define KIND(kind) (1u << (kind))

static int take_mac(struct reading *reading, const char *value, struct fail *why)
{
	reading->has_mac = true;
	return mac_parse(value, reading->net->mac, why);
}

static int take_vhost(struct reading *reading, const char *value, struct fail *why)
{
	reading->net->vhost = strcmp(value, "on") == 0;
	if (!reading->net->vhost && strcmp(value, "off") != 0)
		return fail_set(why, EINVAL, "--net vhost='%s' is neither on nor off", value);
	return 0;
}

static int take_forward(struct reading *reading, const char *value, struct fail *why)
{
	struct net_config *config = &reading->net->config;

	if (config->forward_count == NET_MAX_FORWARDS)
		return fail_set(why, EINVAL, "--net user has more than %u forwards",
				NET_MAX_FORWARDS);
	return forward_parse(value, strlen(value), &config->forwards[config->forward_count++], why);
}

static int take_tap(struct reading *reading, const char *value, struct fail *why)
{
	if (!*value)
		return fail_set(why, EINVAL, "--net tap= needs the name of a tap device");
	reading->net->config.kind = NET_TAP;
	snprintf(reading->tap, sizeof(reading->tap), "%s", value);
	return 0;
}

static int take_user(struct reading *reading, const char *value, struct fail *why)
{
	reading->net->config.kind = NET_USER;
	return 0;
}

static int take_none(struct reading *reading, const char *value, struct fail *why)
{
	reading->net->config.kind = NET_NONE;
	return 0;
}

/* The first word says what carries the network; what may follow depends on it. */
static const struct key first_keys[] = {
	{ "tap=", 0, take_tap },
	{ "user", 0, take_user },
	{ "none", 0, take_none },
	{ NULL, 0, NULL },
};
static const struct key more_keys[] = {
	{ "mac=", KIND(NET_TAP) | KIND(NET_USER), take_mac },
	{ "vhost=", KIND(NET_TAP), take_vhost },
	{ "forward=", KIND(NET_USER), take_forward },
	{ NULL, 0, NULL },
};

static const struct key *key_find(const struct key *keys, const char *word)
{
	for (; keys->name; keys++) {
		size_t length = strlen(keys->name);
		bool has_value = keys->name[length - 1] == '=';

		if (has_value ? strncmp(word, keys->name, length) == 0
			      : strcmp(word, keys->name) == 0)
			return keys;
	}
	return NULL;
}

static int take_word(struct reading *reading, const char *word, bool is_first, struct fail *why)
{
	const struct key *key = key_find(is_first ? first_keys : more_keys, word);

	if (!key && is_first)
		return fail_set(why, EINVAL, "--net '%s' is neither tap=NAME nor user nor none",
				word);
	if (!key || (!is_first && !(key->kinds & KIND(reading->net->config.kind))))
		return fail_set(why, EINVAL, "--net: '%s' is not known, or not for such a network",
				word);
	return key->take(reading, word + strlen(key->name), why);
}

/* text: the words, with ',' between them. */
static int reading_take(struct reading *reading, const char *text, struct fail *why)
{
	bool is_first = true;
	int rc = 0;

	*reading->net = (struct machine_net){ .vhost = true };
	do {
		size_t length = strcspn(text, ",");
		char word[WORD_SIZE];

		if (length >= sizeof(word))
			return fail_set(why, EINVAL, "--net: '%.40s...' is too long", text);
		snprintf(word, sizeof(word), "%.*s", (int)length, text);
		rc = take_word(reading, word, is_first, why);
		is_first = false;
		text += length;
	} while (rc == 0 && *text++);
	return rc;
}

/* %n becomes the guest's name. */
static int expand_tap(const char *pattern, const char *guest, char ret_tap[IFNAMSIZ],
		      struct fail *why)
{
	const char *mark = strstr(pattern, "%n");
	int n = mark ? snprintf(ret_tap, IFNAMSIZ, "%.*s%s%s", (int)(mark - pattern), pattern,
				guest, mark + 2)
		     : snprintf(ret_tap, IFNAMSIZ, "%s", pattern);

	if (n >= IFNAMSIZ)
		return fail_set(
			why, EINVAL,
			"--net tap=%s would be longer than %d characters for the guest '%s'",
			pattern, IFNAMSIZ - 1, guest);
	return 0;
}

static int net_parse(const char *text, const char *guest, unsigned int cpus,
		     struct net_options *options, struct fail *why)
{
	unsigned int index = options->count;
	struct machine_net *net = &options->nets[index];
	struct reading reading = { .net = net };
	int rc = reading_take(&reading, text, why);

	if (rc < 0 || net->config.kind == NET_NONE)
		return rc;
	net->config.pairs = cpus < NET_MAX_PAIRS ? cpus : NET_MAX_PAIRS;
	if (!reading.has_mac)
		mac_of_guest(guest, index, net->mac);
	if (net->config.kind == NET_TAP) {
		net->config.tap = options->taps[index];
		rc = expand_tap(reading.tap, guest, options->taps[index], why);
	}
	options->count++;
	return rc;
}

int net_options_parse(const struct option_texts *texts, const char *guest, unsigned int cpus,
		      struct net_options *ret_options, struct fail *why)
{
	int rc = 0;

	ret_options->count = 0;
	if (texts->count > BOARD_MAX_NETS)
		return fail_set(why, EINVAL, "--net is given more than %d times", BOARD_MAX_NETS);
	for (unsigned int i = 0; rc == 0 && i < texts->count; i++)
		rc = net_parse(texts->texts[i], guest, cpus, ret_options, why);
	if (rc == 0 && texts->count > 1 && ret_options->count < texts->count)
		rc = fail_set(why, EINVAL, "--net none excludes other networks");
	return rc;
}

int net_options_check_shared(const struct option_texts *texts, struct fail *why)
{
	for (unsigned int i = 0; i < texts->count; i++) {
		struct machine_net net;
		struct reading reading = { .net = &net };
		int rc = reading_take(&reading, texts->texts[i], why);

		if (rc < 0)
			return rc;
		if (reading.has_mac)
			return fail_set(why, EINVAL,
					"--net %s: several guests can't have one Ethernet address",
					texts->texts[i]);
		if (net.config.forward_count > 0)
			return fail_set(why, EINVAL,
					"--net %s: several guests can't be behind one port",
					texts->texts[i]);
		if (net.config.kind == NET_TAP && !strstr(reading.tap, "%n"))
			return fail_set(why, EINVAL,
					"--net %s: several guests can't have one tap device: put "
					"%%n, which stands for the guest's name, into it",
					texts->texts[i]);
	}
	return 0;
}
