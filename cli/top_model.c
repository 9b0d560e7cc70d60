/* SPDX-License-Identifier: Apache-2.0 */
/* top_model.c - what samepage top shows: rows made of one report after the other */
#include "cli/top_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* What the next rates are measured from. */
struct counters {
	uint32_t pid; /* of a guest */
	uint64_t at_ns;
	uint64_t merges;
	uint64_t breaks;
	uint64_t cpu_ns; /* a domain's: its broker's, and nothing else is counted */
};

struct entry {
	struct top_row row; /* first: rows are sorted as such */
	struct counters counters;
};

/* Sorted by name, so that one can be found. */
struct entries {
	struct entry *list;
	size_t count;
};

struct top_model {
	struct entries guests;
	struct entries domains;
	const struct top_row **shown; /* room for all of either */
	struct fail complaint;
	bool has_report;
};

static const enum top_column rate_columns[] = { TOP_MERGES, TOP_BREAKS, TOP_CPU, TOP_BROKER_CPU };

static int compare_names(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return strcmp(left->row.name, right->row.name);
}

static void entries_sort(struct entries *entries)
{
	qsort(entries->list, entries->count, sizeof(*entries->list), compare_names);
}

static struct entry *entries_find(const struct entries *entries, const char *name)
{
	struct entry key = { 0 };

	if (entries->count == 0)
		return NULL;
	snprintf(key.row.name, sizeof(key.row.name), "%s", name);
	return bsearch(&key, entries->list, entries->count, sizeof(key), compare_names);
}

static struct entry *entries_add(struct entries *entries, const char *name)
{
	struct entry *entry = &entries->list[entries->count++];

	*entry = (struct entry){ 0 };
	top_row_init(&entry->row, name);
	return entry;
}

/* ---------------------------------------------------------------- rates */

/* Whether the same who counted `before` has gone on to count `now`. */
static bool counters_go_on(const struct counters *now, const struct counters *before)
{
	return now->pid == before->pid && now->at_ns > before->at_ns &&
	       now->merges >= before->merges && now->breaks >= before->breaks &&
	       now->cpu_ns >= before->cpu_ns;
}

static double per_second(uint64_t now, uint64_t before, uint64_t elapsed_ns)
{
	return (double)(now - before) * (double)NS_PER_SEC / (double)elapsed_ns;
}

static double cpu_percent(const struct counters *now, const struct counters *before)
{
	return per_second(now->cpu_ns, before->cpu_ns, now->at_ns - before->at_ns) * 100 /
	       (double)NS_PER_SEC;
}

/* ---------------------------------------------------------------- guests */

static void guest_set_figures(struct top_row *row, const struct report_guest *guest)
{
	const struct control_report *figures = &guest->figures;

	snprintf(row->domain, sizeof(row->domain), "%s", figures->domain);
	row->state = control_state_name(figures->state);
	row->values[TOP_GUESTS] = 1;
	row->values[TOP_RAM] = (double)figures->ram_bytes;
	row->values[TOP_PRIVATE] = (double)figures->populated_bytes;
	row->values[TOP_SHARED] = (double)figures->shared_bytes;
	row->values[TOP_ZERO] = (double)figures->zero_bytes;
	row->values[TOP_RETURNED] = (double)figures->returned_bytes;
	row->values[TOP_RECLAIMED] = (double)guest->reclaimed_bytes;
	row->values[TOP_PSS] = (double)figures->pss_bytes;
	row->values[TOP_OVERHEAD] = (double)figures->overhead_bytes;
	top_row_sum_up(row);
}

static void guests_add(struct entries *guests, const struct report_guest *guest,
		       const struct entries *before)
{
	const struct control_report *figures = &guest->figures;
	struct entry *entry = entries_add(guests, figures->name);
	const struct entry *old = entries_find(before, figures->name);
	struct counters *now = &entry->counters;
	double *values = entry->row.values;

	*now = (struct counters){ .pid = figures->pid,
				  .at_ns = figures->uptime_ns,
				  .merges = figures->merges_total,
				  .breaks = figures->breaks_total,
				  .cpu_ns = figures->dedup_cpu_ns };
	guest_set_figures(&entry->row, guest);
	if (!old || !counters_go_on(now, &old->counters))
		return;
	values[TOP_MERGES] =
		per_second(now->merges, old->counters.merges, now->at_ns - old->counters.at_ns);
	values[TOP_BREAKS] =
		per_second(now->breaks, old->counters.breaks, now->at_ns - old->counters.at_ns);
	values[TOP_CPU] = cpu_percent(now, &old->counters);
}

/* Its last figures stand, and its counters too, for when it answers again. */
static void guests_add_silent(struct entries *guests, const char *name,
			      const struct entries *before)
{
	struct entry *entry = entries_add(guests, name);
	const struct entry *old = entries_find(before, name);

	if (old)
		*entry = *old;
	entry->row.state = "silent";
	for (size_t i = 0; i < ARRAY_SIZE(rate_columns); i++)
		entry->row.values[rate_columns[i]] = NAN;
}

/* ---------------------------------------------------------------- domains */

static bool broker_is_silent(const struct report *report, const char *domain)
{
	for (size_t i = 0; i < report->silent_count; i++)
		if (report->silent[i].is_broker && strcmp(report->silent[i].name, domain) == 0)
			return true;
	return false;
}

static void domains_add(struct entries *domains, const struct report_domain *domain, uint64_t at_ns,
			bool is_silent, const struct entries *before)
{
	struct entry *entry = entries_add(domains, domain->name);
	const struct entry *old = entries_find(before, domain->name);
	double *values = entry->row.values;

	entry->counters = (struct counters){ .at_ns = at_ns, .cpu_ns = domain->broker_cpu_ns };
	values[TOP_OVERHEAD] = (double)domain->overhead_bytes;
	if (is_silent)
		return;
	values[TOP_FRAMES] = (double)domain->frames;
	values[TOP_STORE] = (double)domain->store_bytes;
	if (old && counters_go_on(&entry->counters, &old->counters))
		values[TOP_BROKER_CPU] = cpu_percent(&entry->counters, &old->counters);
}

/* A domain is the sum of its guests, but for what its broker has. */
static void domains_add_guest(struct entries *domains, const struct top_row *guest)
{
	struct entry *domain = entries_find(domains, guest->domain);
	double overhead;

	if (!domain)
		return;
	overhead = domain->row.values[TOP_OVERHEAD];
	top_row_add(&domain->row, guest);
	domain->row.values[TOP_OVERHEAD] = overhead;
}

/* What is left of a domain of which nobody answers. */
static void domains_add_missing(struct entries *domains, const struct entries *guests)
{
	for (size_t i = 0; i < guests->count; i++) {
		const char *name = guests->list[i].row.domain;

		if (*name && !entries_find(domains, name)) {
			entries_add(domains, name);
			entries_sort(domains);
		}
	}
}

/* ---------------------------------------------------------------- the model */

int top_model_create(struct top_model **ret_model, struct fail *why)
{
	struct top_model *model = calloc(1, sizeof(*model));

	if (!model)
		return fail_errno(why, ENOMEM, "cannot show the guests");
	*ret_model = model;
	return 0;
}

void top_model_free(struct top_model *model)
{
	if (!model)
		return;
	free(model->guests.list);
	free(model->domains.list);
	free(model->shown);
	free(model);
}

static void guests_take(struct entries *guests, const struct report *report,
			const struct entries *before)
{
	for (size_t i = 0; i < report->guest_count; i++)
		guests_add(guests, &report->guests[i], before);
	for (size_t i = 0; i < report->silent_count; i++)
		if (!report->silent[i].is_broker)
			guests_add_silent(guests, report->silent[i].name, before);
	entries_sort(guests);
}

static void domains_take(struct entries *domains, const struct report *report, uint64_t at_ns,
			 const struct entries *guests, const struct entries *before)
{
	for (size_t i = 0; i < report->domain_count; i++)
		domains_add(domains, &report->domains[i], at_ns,
			    broker_is_silent(report, report->domains[i].name), before);
	entries_sort(domains);
	domains_add_missing(domains, guests);
	for (size_t i = 0; i < guests->count; i++)
		domains_add_guest(domains, &guests->list[i].row);
	for (size_t i = 0; i < domains->count; i++)
		top_row_sum_up(&domains->list[i].row);
}

int top_model_take(struct top_model *model, const struct report *report, uint64_t at_ns,
		   struct fail *why)
{
	size_t guest_limit = report->guest_count + report->silent_count;
	size_t domain_limit = report->domain_count + guest_limit;
	struct top_model next = { .has_report = true };

	next.guests.list = calloc(guest_limit + 1, sizeof(*next.guests.list));
	next.domains.list = calloc(domain_limit + 1, sizeof(*next.domains.list));
	next.shown = calloc(domain_limit + 1, sizeof(*next.shown)); /* the larger of both */
	if (!next.guests.list || !next.domains.list || !next.shown) {
		free(next.guests.list);
		free(next.domains.list);
		free(next.shown);
		return fail_errno(why, ENOMEM, "cannot show the guests");
	}
	guests_take(&next.guests, report, &model->guests);
	domains_take(&next.domains, report, at_ns, &next.guests, &model->domains);
	if (report->silent_count > 0)
		next.complaint = report->silent[0].why;
	free(model->guests.list);
	free(model->domains.list);
	free(model->shown);
	*model = next;
	return 0;
}

/* ---------------------------------------------------------------- what is seen */

static bool row_is_chosen(const struct top_row *row, enum top_kind kind,
			  const struct top_choice *choice)
{
	const char *domain = kind == TOP_OF_GUESTS ? row->domain : row->name;

	return *choice->domain == '\0' || strcmp(choice->domain, domain) == 0;
}

static size_t entries_count(const struct entries *entries, enum top_kind kind,
			    const struct top_choice *choice)
{
	size_t count = 0;

	for (size_t i = 0; i < entries->count; i++)
		count += row_is_chosen(&entries->list[i].row, kind, choice);
	return count;
}

/* Of nobody all is 0, once it is known that there is nobody. */
static void domains_sum_up(const struct top_model *model, const struct top_choice *choice,
			   struct top_row *ret_sum)
{
	const struct entries *domains = &model->domains;

	top_row_init(ret_sum, "total");
	for (size_t i = 0; i < domains->count; i++)
		if (row_is_chosen(&domains->list[i].row, TOP_OF_DOMAINS, choice))
			top_row_add(ret_sum, &domains->list[i].row);
	if (model->has_report && entries_count(domains, TOP_OF_DOMAINS, choice) == 0)
		memset(ret_sum->values, 0, sizeof(ret_sum->values));
	top_row_sum_up(ret_sum);
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct top_choice *choice = context;

	return top_row_compare(*(const struct top_row *const *)a, *(const struct top_row *const *)b,
			       choice->sort[choice->kind], choice->is_reversed);
}

const struct top_row *const *top_model_rows(struct top_model *model,
					    const struct top_choice *choice, size_t *ret_count,
					    struct top_row *ret_sum)
{
	const struct entries *entries =
		choice->kind == TOP_OF_GUESTS ? &model->guests : &model->domains;
	struct top_choice order = *choice;
	size_t count = 0;

	domains_sum_up(model, choice, ret_sum);
	for (size_t i = 0; i < entries->count; i++)
		if (row_is_chosen(&entries->list[i].row, choice->kind, choice))
			model->shown[count++] = &entries->list[i].row;
	if (count > 0)
		qsort_r(model->shown, count, sizeof(*model->shown), compare_rows, &order);
	*ret_count = count;
	return model->shown;
}

void top_model_count(const struct top_model *model, const struct top_choice *choice,
		     size_t *ret_guests, size_t *ret_domains)
{
	*ret_guests = entries_count(&model->guests, TOP_OF_GUESTS, choice);
	*ret_domains = entries_count(&model->domains, TOP_OF_DOMAINS, choice);
}

const char *top_model_next_domain(const struct top_model *model, const char *domain)
{
	for (size_t i = 0; i < model->domains.count; i++)
		if (strcmp(model->domains.list[i].row.name, domain) > 0)
			return model->domains.list[i].row.name;
	return "";
}

const char *top_model_complaint(const struct top_model *model)
{
	return *model->complaint.text ? model->complaint.text : NULL;
}
