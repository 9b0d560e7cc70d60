/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - samepage metrics: the report for Prometheus, served or in a file */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/end_signals.h"
#include "cli/exposition.h"
#include "cli/metrics_server.h"
#include "cli/new_file.h"
#include "cli/targets.h"

#define DEFAULT_PORT	9733
#define DEFAULT_ADDRESS "127.0.0.1"

struct settings {
	struct target_choice targets;
	const char *listen;
	const char *textfile;
	uint64_t interval_seconds; /* 0: once */
};

static const struct option options[] = {
	{ "listen", "ADDR[:PORT]", "serve http://ADDR:PORT/metrics; 127.0.0.1:9733 if not given",
	  OPTION_TEXT, offsetof(struct settings, listen), 0, 0, 0 },
	{ "textfile", "PATH", "write to a file instead; - is standard output", OPTION_TEXT,
	  offsetof(struct settings, textfile), 0, 0, 0 },
	{ "interval", "SECONDS", "write the file anew every so often", OPTION_NUMBER,
	  offsetof(struct settings, interval_seconds), 1, 86400, 0 },
	TARGETS_OPTIONS,
	{ 0 },
};

/* What runs until a signal ends it: a server, or a file that is written again and again. */
struct exporter {
	const struct call *call;
	const struct settings *settings; /* of the call */
	struct loop *loop;
	struct loop_source *signals[END_SIGNALS];
	struct loop_source *timer; /* of the file */
	struct metrics_server *server;
};

static int on_write(const void *context, FILE *to, struct fail *why)
{
	return exposition_collect(context, to, why);
}

static void on_end_signal(void *context, int number)
{
	struct exporter *exporter = context;

	loop_quit(exporter->loop, 0);
}

static void file_arm(struct exporter *exporter)
{
	loop_arm(exporter->timer, exporter->settings->interval_seconds * NS_PER_SEC);
}

/* One that cannot be written now may be written the next time. */
static void on_file_due(void *context)
{
	struct exporter *exporter = context;
	struct fail why;

	if (new_file_write(exporter->settings->textfile, on_write, exporter->call, &why) < 0)
		log_error("%s", why.text);
	file_arm(exporter);
}

static int exporter_serve(struct exporter *exporter, struct fail *why)
{
	const char *text = exporter->settings->listen;
	struct listen_address address;
	int rc = listen_address_parse(text ? text : DEFAULT_ADDRESS, DEFAULT_PORT, &address, why);

	if (rc == 0)
		rc = metrics_server_create(exporter->loop, &address, exporter->call,
					   &exporter->server, why);
	if (rc < 0)
		return rc;
	printf("http://%s/metrics\n", address.text);
	fflush(stdout); /* main() says that standard output failed */
	return 0;
}

static int exporter_write(struct exporter *exporter, struct fail *why)
{
	int rc = loop_add_timer(exporter->loop, on_file_due, exporter, &exporter->timer);

	if (rc < 0)
		return fail_errno(why, -rc, "cannot wait");
	rc = new_file_write(exporter->settings->textfile, on_write, exporter->call, why);
	if (rc == 0)
		file_arm(exporter);
	return rc;
}

static int exporter_run(struct exporter *exporter, struct fail *why)
{
	int rc;

	end_signals_hold();
	rc = loop_create(&exporter->loop);
	if (rc == 0)
		rc = end_signals_listen(exporter->loop, on_end_signal, exporter, exporter->signals);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot receive signals");
	rc = exporter->settings->textfile ? exporter_write(exporter, why)
					  : exporter_serve(exporter, why);
	if (rc < 0)
		return rc;
	rc = loop_run(exporter->loop);
	return rc < 0 ? fail_errno(why, -rc, "cannot wait for events") : 0;
}

static int metrics_check(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct listen_address address;

	if (settings->listen && settings->textfile)
		return fail_set(why, EINVAL, "--listen and --textfile exclude each other");
	if (settings->interval_seconds > 0 && !settings->textfile)
		return fail_set(why, EINVAL, "--interval needs --textfile");
	if (targets_check_optional(call, why) < 0)
		return -EINVAL;
	if (settings->listen)
		return listen_address_parse(settings->listen, DEFAULT_PORT, &address, why);
	return 0;
}

static int metrics_exec(const struct call *call, struct fail *why)
{
	struct exporter exporter = { .call = call, .settings = call->settings };
	int rc;

	if (exporter.settings->textfile && exporter.settings->interval_seconds == 0)
		return new_file_write(exporter.settings->textfile, on_write, call, why);
	rc = exporter_run(&exporter, why);
	metrics_server_free(exporter.server);
	loop_free(exporter.loop);
	return rc;
}

const struct verb verb_metrics = {
	.name = "metrics",
	.purpose = "serve the report to Prometheus, or write it to a file",
	.synopsis = "[OPTIONS] [" TARGETS_SYNOPSIS "]",
	.example = "  samepage metrics --listen 127.0.0.1:9733 --domain web\n"
		   "  samepage metrics --textfile /var/lib/prometheus/node-exporter/samepage.prom "
		   "--interval 30\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = metrics_check,
	.exec = metrics_exec,
};
