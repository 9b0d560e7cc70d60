/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_page.c - the report as one page for a browser
 *
 * The template is printed as it is, up to the next @{NAME}, for which its part is printed.
 * Tables are made here, so that they are there without any script; curve and maps are made
 * by the script, of the data that is part of the page.
 */
#include "cli/report_page.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "cli/figure.h"
#include "config.h"

static const char template_text[] =
#include "cli/report_page.html.inc"
	;
static const char style_text[] =
#include "cli/report_page.css.inc"
	;
static const char script_text[] =
#include "cli/report_page.js.inc"
	;

/* Text of somebody else's, as content or in an attribute. */
static void escaped_print(const char *text, FILE *to)
{
	for (; *text; text++) {
		if (strchr("&<>\"'", *text))
			fprintf(to, "&#%d;", *text);
		else
			putc(*text, to);
	}
}

/* Tables */

static void table_begin(const char *subject, FILE *to)
{
	fprintf(to,
		"<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th class=\"word\">%s</th>",
		subject);
}

static void table_heads(const struct figure_set *set, FILE *to)
{
	for (size_t i = 0; i < set->count; i++) {
		fprintf(to, "<th scope=\"col\" title=\"");
		escaped_print(set->figures[i].help, to);
		fprintf(to, "\">%s</th>", set->figures[i].title);
	}
}

static void table_body(FILE *to)
{
	fputs("</tr></thead>\n<tbody>\n", to);
}

static void table_end(FILE *to)
{
	fputs("</tbody>\n</table></div>\n", to);
}

static void row_begin(const char *name, FILE *to)
{
	fputs("<tr><th scope=\"row\">", to);
	escaped_print(name, to);
	fputs("</th>", to);
}

static void word_cell(const char *word, FILE *to)
{
	fputs("<td class=\"word\">", to);
	escaped_print(word, to);
	fputs("</td>", to);
}

/* What it is of stands in the cell, so that whoever reads the page needs no table's heads. */
static void figure_cell(const char *kind, const char *name, const struct figure *figure,
			const void *subject, FILE *to)
{
	fprintf(to, "\n<td data-figure=\"%s ", kind);
	escaped_print(name, to);
	fprintf(to, " %s\" data-value=\"", figure->key);
	figure_print(figure, subject, to);
	fputs("\">", to);
	figure_print_rounded(figure, subject, to);
	fputs("</td>", to);
}

static void figure_cells(const char *kind, const char *name, const struct figure_set *set,
			 const void *subject, FILE *to)
{
	for (size_t i = 0; i < set->count; i++)
		figure_cell(kind, name, &set->figures[i], subject, to);
	fputs("</tr>\n", to);
}

static void guests_print(const struct report *report, FILE *to)
{
	table_begin("Guest", to);
	fputs("<th class=\"word\">Domain</th><th>Process</th><th class=\"word\">State</th>", to);
	table_heads(&guest_figures, to);
	table_body(to);
	for (size_t i = 0; i < report->guest_count; i++) {
		const struct control_report *figures = &report->guests[i].figures;

		row_begin(figures->name, to);
		word_cell(figures->domain, to);
		fprintf(to, "<td>%u</td>", figures->pid);
		word_cell(control_state_name(figures->state), to);
		figure_cells("guest", figures->name, &guest_figures, &report->guests[i], to);
	}
	table_end(to);
}

static void domains_print(const struct report *report, FILE *to)
{
	table_begin("Domain", to);
	table_heads(&domain_figures, to);
	table_body(to);
	for (size_t i = 0; i < report->domain_count; i++) {
		row_begin(report->domains[i].name, to);
		figure_cells("domain", report->domains[i].name, &domain_figures,
			     &report->domains[i], to);
	}
	table_end(to);
}

static void total_print(const struct report *report, FILE *to)
{
	table_begin("", to);
	table_heads(&total_figures, to);
	table_body(to);
	row_begin("all domains", to);
	figure_cells("total", "all", &total_figures, report, to);
	table_end(to);
}

/* The networks, or the disks, of all guests; nothing where there are none. */
static void devices_of_kind_print(const struct report *report, bool disks, FILE *to)
{
	const struct figure_set *set = disks ? &disk_figures : &network_figures;
	bool is_begun = false;

	for (size_t i = 0; i < report->guest_count; i++) {
		const struct control_report *figures = &report->guests[i].figures;
		uint32_t count = disks ? figures->disk_count : figures->network_count;

		for (uint32_t j = 0; j < count; j++) {
			char name[WIRE_TEXT_SIZE + 16];

			if (!is_begun) {
				fprintf(to, "<section>\n<h2>%s</h2>\n",
					disks ? "Disks" : "Networks");
				table_begin("Guest", to);
				table_heads(set, to);
				table_body(to);
			}
			is_begun = true;
			snprintf(name, sizeof(name), "%s %u", figures->name, j);
			row_begin(name, to);
			figure_cells(disks ? "disk" : "network", name, set,
				     disks ? (const void *)&figures->disks[j]
					   : (const void *)&figures->networks[j],
				     to);
		}
	}
	if (is_begun) {
		table_end(to);
		fputs("</section>\n", to);
	}
}

/* A line for each figure that any guest tells: most tell few. */
static void statistics_print(const struct report *report, FILE *to)
{
	bool is_begun = false;

	for (size_t i = 0; i < report->guest_count; i++) {
		const struct control_report *figures = &report->guests[i].figures;

		if (figures->guest_stats.age_ns == 0)
			continue;
		if (!is_begun) {
			fputs("<section>\n<h2>What guests say of themselves</h2>\n", to);
			table_begin("Guest", to);
			fprintf(to, "<th scope=\"col\">%s</th>", statistic_age.title);
			table_heads(&statistic_figures, to);
			table_body(to);
		}
		is_begun = true;
		row_begin(figures->name, to);
		figure_cell("statistic", figures->name, &statistic_age, &figures->guest_stats, to);
		for (size_t j = 0; j < statistic_figures.count; j++) {
			if (statistic_is_known(&figures->guest_stats, j))
				figure_cell("statistic", figures->name,
					    &statistic_figures.figures[j], &figures->guest_stats,
					    to);
			else
				fputs("<td></td>", to);
		}
		fputs("</tr>\n", to);
	}
	if (is_begun) {
		table_end(to);
		fputs("</section>\n", to);
	}
}

/* Parts */

struct part {
	const struct report_page *page;
	const char *nonce;
	FILE *to;
	int rc;
};

static void part_nonce(struct part *part)
{
	fputs(part->nonce, part->to);
}

static void part_style(struct part *part)
{
	fputs(style_text, part->to);
}

static void part_script(struct part *part)
{
	fputs(script_text, part->to);
}

static void counted_print(size_t count, const char *noun, FILE *to)
{
	fprintf(to, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

static void part_guest_count(struct part *part)
{
	counted_print(part->page->report->guest_count, "guest", part->to);
}

static void part_domain_count(struct part *part)
{
	counted_print(part->page->report->domain_count, "domain", part->to);
}

static void part_total(struct part *part)
{
	total_print(part->page->report, part->to);
}

static void part_guests(struct part *part)
{
	guests_print(part->page->report, part->to);
}

static void part_domains(struct part *part)
{
	domains_print(part->page->report, part->to);
}

static void part_devices(struct part *part)
{
	statistics_print(part->page->report, part->to);
	devices_of_kind_print(part->page->report, false, part->to);
	devices_of_kind_print(part->page->report, true, part->to);
}

static void part_reclaimed(struct part *part)
{
	fprintf(part->to, "%.1f MiB", (double)part->page->report->reclaimed_bytes / (1 << 20));
}

static void part_overhead(struct part *part)
{
	fprintf(part->to, "%.1f MiB", (double)part->page->report->overhead_bytes / (1 << 20));
}

static void part_made(struct part *part)
{
	struct tm time;
	char text[64];

	if (localtime_r(&part->page->made, &time) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &time) > 0)
		fputs(text, part->to);
}

static void part_version(struct part *part)
{
	fputs(PACKAGE_VERSION, part->to);
}

/*
 * JSON has these characters in texts alone, where they may be written so. Then nothing in it
 * can look like the end of the element, or begin a comment.
 */
static int data_write(const char *bytes, size_t length, void *context)
{
	FILE *to = context;

	for (size_t i = 0; i < length; i++) {
		if (strchr("<>&", bytes[i]) && bytes[i])
			fprintf(to, "\\u%04x", bytes[i]);
		else
			putc(bytes[i], to);
	}
	return 0;
}

static void part_data(struct part *part)
{
	json_t *json = report_page_json(part->page);

	if (!json ||
	    json_dump_callback(json, data_write, part->to, JSON_COMPACT | JSON_ENSURE_ASCII) < 0)
		part->rc = -EIO;
	json_decref(json);
}

static const struct {
	const char *name;
	void (*print)(struct part *part);
} parts[] = {
	{ "data", part_data },
	{ "devices", part_devices },
	{ "domain_count", part_domain_count },
	{ "domains", part_domains },
	{ "guest_count", part_guest_count },
	{ "guests", part_guests },
	{ "made", part_made },
	{ "nonce", part_nonce },
	{ "overhead", part_overhead },
	{ "reclaimed", part_reclaimed },
	{ "script", part_script },
	{ "style", part_style },
	{ "total", part_total },
	{ "version", part_version },
};

/* name is not ended by NUL. */
static void part_print(struct part *part, const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strlen(parts[i].name) == length && memcmp(parts[i].name, name, length) == 0) {
			parts[i].print(part);
			return;
		}
	part->rc = -ENOENT; /* a template that its test has not seen */
}

static void template_print(struct part *part)
{
	const char *at = template_text, *mark, *end;

	while ((mark = strstr(at, "@{")) && (end = strchr(mark, '}'))) {
		fwrite(at, 1, (size_t)(mark - at), part->to);
		part_print(part, mark + 2, (size_t)(end - mark) - 2);
		at = end + 1;
	}
	fputs(at, part->to);
}

/* Unknown to whoever has chosen a name before. */
static int nonce_draw(char ret_nonce[33])
{
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	snprintf(ret_nonce, 33, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	return 0;
}

int report_page_print(const struct report_page *page, FILE *to, struct fail *why)
{
	char nonce[33];
	struct part part = { .page = page, .nonce = nonce, .to = to };

	part.rc = nonce_draw(nonce);
	if (part.rc == 0)
		template_print(&part);
	return part.rc < 0 ? fail_errno(why, -part.rc, "cannot write the page") : 0;
}
