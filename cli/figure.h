/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figure.h - what a report counts, as tables: how a figure is called, and where it is
 *
 * One row serves `stats --json`, the page of `report --html` and the metrics, so that none of
 * them lacks what another has. samepage-stats(1), THE REPORT, says more of each.
 */
#ifndef CLI_FIGURE_H
#define CLI_FIGURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/report.h"

/* The kind gives the type of the field, and the unit that people see. */
enum figure_kind {
	FIGURE_COUNT,	 /* uint64_t */
	FIGURE_COUNT_32, /* uint32_t */
	FIGURE_BYTES,	 /* uint64_t */
	FIGURE_BALANCE,	 /* int64_t, bytes: may be below 0 while pages are being merged */
	FIGURE_TIME,	 /* uint64_t, ns; told in seconds */
};

/* Prometheus' words. */
enum figure_course {
	FIGURE_GAUGE,
	FIGURE_COUNTER, /* only grows, until what it belongs to starts anew */
};

struct figure {
	const char *key;    /* in JSON: a promise */
	size_t offset;	    /* in what the set is about */
	const char *metric; /* behind the prefix of its set; the same promise */
	const char *title;  /* for people */
	enum figure_kind kind;
	enum figure_course course;
	const char *help; /* a sentence without its full stop */
};

struct figure_set {
	const char *prefix; /* of its metrics */
	const struct figure *figures;
	size_t count;
};

extern const struct figure_set guest_figures;	  /* of a struct report_guest */
extern const struct figure_set statistic_figures; /* of a struct control_guest_stats */
extern const struct figure_set network_figures;	  /* of a struct control_network */
extern const struct figure_set disk_figures;	  /* of a struct control_disk */
extern const struct figure_set domain_figures;	  /* of a struct report_domain */
extern const struct figure_set total_figures;	  /* of a struct report */

extern const struct figure statistic_age; /* how old the statistics are */

/* Whether there is this one: a guest tells some of its statistics only. */
bool statistic_is_known(const struct control_guest_stats *stats, size_t index);

/* As JSON and metrics have it: an integer, or seconds with nine decimals. */
void figure_print(const struct figure *figure, const void *subject, FILE *to);
/* For people: "12.3 MiB", "1.25 s". */
void figure_print_rounded(const struct figure *figure, const void *subject, FILE *to);

/* Sets the key, or all of the set, in the object; 0, or -1 where memory runs out. */
CHECKED int figure_json(const struct figure *figure, const void *subject, json_t *object);
CHECKED int figures_json(const struct figure_set *set, const void *subject, json_t *object);

#endif
