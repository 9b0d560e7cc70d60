/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_page.h - the report as one page for a browser
 *
 * The page is report_page.html, with style and script of the files beside it, which are part
 * of the program. It asks for nothing from outside, and says so to the browser
 * (Content-Security-Policy): what is no script or style of ours is not run, whatever a name
 * may look like.
 */
#ifndef CLI_REPORT_PAGE_H
#define CLI_REPORT_PAGE_H

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "cli/memory_map.h"
#include "cli/report.h"

/* What a page shows; borrowed. */
struct report_page {
	const struct report *report;
	const struct history *guest_histories;	/* of each guest; no points: it tells none */
	const struct history *domain_histories; /* of each domain */
	const struct memory_map *map;
	const size_t *map_guests; /* of each guest of the map, which of the report it is */
	uint64_t made_ns;	  /* the end of the curves, on the clock of the histories */
	time_t made;
};

CHECKED int report_page_print(const struct report_page *page, FILE *to, struct fail *why);

/* report_page_json.c: what the script draws. The caller owns it; NULL: no memory. */
CHECKED json_t *report_page_json(const struct report_page *page);

#endif
