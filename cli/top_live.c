/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_live.c - samepage top on a terminal: keys in, pictures out, until the user quits
 *
 * One loop waits for keys, signals, the interval and samples. Samples are collected by
 * threads (cli/top_sample.h), one at a time, so that a key is always answered at once, even
 * while a guest is not. While the user has paused, what still comes in is thrown away.
 */
#include "cli/top_live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "cli/end_signals.h"
#include "cli/screen.h"
#include "cli/targets.h"
#include "cli/top_sample.h"

#define MAX_SECONDS 86400

struct live {
	const struct call *call; /* of which guests */
	struct screen *screen;
	struct top_model *model;
	struct top_view view;
	struct loop *loop;
	struct loop_source *timer;
	int samples[2]; /* the pipe that samples come through */
	bool is_collecting;
	bool has_rates; /* two samples were taken */
	uint64_t asked_ns;
	struct fail why; /* what ended it, unless that was the user */
};

static void live_draw(struct live *live, bool anew)
{
	struct canvas *canvas;
	unsigned int width, height;
	struct fail why;

	screen_size(live->screen, &width, &height);
	if (canvas_create(width, height, &canvas, &why) < 0)
		return; /* the next one may come about */
	top_picture_draw(canvas, live->model, &live->view);
	screen_draw(live->screen, canvas, anew);
	canvas_free(canvas);
}

/* ------------------------------------------------------------ samples */

static void live_fail(struct live *live, int error)
{
	loop_quit(live->loop, error);
}

static void live_ask(struct live *live)
{
	int rc;

	if (live->is_collecting || live->view.is_paused)
		return;
	live->asked_ns = now_ns();
	rc = top_sample_start(live->samples[1], &live->why);
	if (rc < 0)
		live_fail(live, rc);
	else
		live->is_collecting = true;
}

/* The next sample is due an interval behind the last one's start; the second one soon. */
static void live_schedule(struct live *live)
{
	uint64_t seconds = live->has_rates ? live->view.interval_seconds : 1;
	uint64_t due_ns = live->asked_ns + seconds * NS_PER_SEC, now = now_ns();

	loop_arm(live->timer, due_ns > now + NS_PER_MS ? due_ns - now : NS_PER_MS);
}

static void on_timer(void *context)
{
	live_ask(context);
}

static int live_take(struct live *live, const struct top_sample *sample)
{
	int rc;

	if (!sample->report) {
		live->why = sample->why;
		return -EIO;
	}
	if (live->view.is_paused)
		return 0;
	targets_keep(live->call, sample->report);
	rc = top_model_take(live->model, sample->report, sample->at_ns, &live->why);
	if (rc < 0)
		return rc;
	live->has_rates = *live->view.clock != '\0';
	top_view_set_clock(&live->view);
	live_schedule(live);
	live_draw(live, false);
	return 0;
}

static void on_sample(void *context, uint32_t events)
{
	struct live *live = context;
	struct top_sample *sample;
	int rc = top_sample_receive(live->samples[0], &sample);

	if (rc == -EAGAIN || rc == -EINTR)
		return;
	if (rc < 0) {
		live_fail(live, fail_errno(&live->why, -rc, "cannot hear of the guests"));
		return;
	}
	live->is_collecting = false;
	rc = live_take(live, sample);
	top_sample_done(sample);
	free(sample);
	if (rc < 0)
		live_fail(live, rc);
}

/* ------------------------------------------------------------ keys */

static void press_quit(struct live *live)
{
	loop_quit(live->loop, 0);
}

static void press_help(struct live *live)
{
	live->view.shows_help = true;
}

static void press_kind(struct live *live)
{
	struct top_choice *choice = &live->view.choice;

	choice->kind = choice->kind == TOP_OF_GUESTS ? TOP_OF_DOMAINS : TOP_OF_GUESTS;
	live->view.first = 0;
}

static void sort_step(struct live *live, int step)
{
	struct top_choice *choice = &live->view.choice;
	enum top_column *sort = &choice->sort[choice->kind];

	*sort = top_column_step(*sort, choice->kind, step);
}

static void press_left(struct live *live)
{
	sort_step(live, -1);
}

static void press_right(struct live *live)
{
	sort_step(live, 1);
}

static void press_reverse(struct live *live)
{
	live->view.choice.is_reversed = !live->view.choice.is_reversed;
}

static void press_filter(struct live *live)
{
	char *domain = live->view.choice.domain;

	snprintf(domain, WIRE_TEXT_SIZE, "%s", top_model_next_domain(live->model, domain));
	live->view.first = 0;
}

static void press_pause(struct live *live)
{
	live->view.is_paused = !live->view.is_paused;
	live_ask(live);
}

static void press_longer(struct live *live)
{
	live->view.interval_seconds += live->view.interval_seconds < MAX_SECONDS;
	live_schedule(live);
}

static void press_shorter(struct live *live)
{
	live->view.interval_seconds -= live->view.interval_seconds > 1;
	live_schedule(live);
}

/* Down, where rows is above 0; the picture stops at the last row. */
static void scroll(struct live *live, long rows)
{
	size_t *first = &live->view.first;

	if (rows < 0 && *first < (size_t)-rows)
		*first = 0;
	else
		*first += (size_t)rows;
}

static long screenful(const struct live *live)
{
	unsigned int width, height;

	screen_size(live->screen, &width, &height);
	return (long)top_picture_rows(height);
}

static void press_up(struct live *live)
{
	scroll(live, -1);
}

static void press_down(struct live *live)
{
	scroll(live, 1);
}

static void press_page_up(struct live *live)
{
	scroll(live, -screenful(live));
}

static void press_page_down(struct live *live)
{
	scroll(live, screenful(live));
}

static void press_home(struct live *live)
{
	live->view.first = 0;
}

static void press_end(struct live *live)
{
	live->view.first = INT32_MAX;
}

static void press_anew(struct live *live)
{
	live_draw(live, true);
}

static const struct {
	int key;
	void (*press)(struct live *live);
} keys[] = {
	{ 'q', press_quit },
	{ '?', press_help },
	{ 'h', press_help },
	{ 'd', press_kind },
	{ '<', press_left },
	{ SCREEN_KEY_LEFT, press_left },
	{ '>', press_right },
	{ SCREEN_KEY_RIGHT, press_right },
	{ 'r', press_reverse },
	{ 'f', press_filter },
	{ 'p', press_pause },
	{ ' ', press_pause },
	{ '+', press_longer },
	{ '-', press_shorter },
	{ 'k', press_up },
	{ SCREEN_KEY_UP, press_up },
	{ 'j', press_down },
	{ SCREEN_KEY_DOWN, press_down },
	{ SCREEN_CTRL('B'), press_page_up },
	{ SCREEN_KEY_PAGE_UP, press_page_up },
	{ SCREEN_CTRL('F'), press_page_down },
	{ SCREEN_KEY_PAGE_DOWN, press_page_down },
	{ 'g', press_home },
	{ SCREEN_KEY_HOME, press_home },
	{ 'G', press_end },
	{ SCREEN_KEY_END, press_end },
	{ SCREEN_CTRL('L'), press_anew },
};

static void live_press(struct live *live, int key)
{
	if (live->view.shows_help && key != 'q') {
		live->view.shows_help = false;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].key == key)
			keys[i].press(live);
}

static void on_keys(void *context, uint32_t events)
{
	struct live *live = context;
	int key;

	if (events & (EPOLLHUP | EPOLLERR)) { /* the terminal is gone */
		loop_quit(live->loop, 0);
		return;
	}
	while ((key = screen_read_key(live->screen)) != SCREEN_KEY_NONE)
		live_press(live, key);
	live_draw(live, false);
}

/* ------------------------------------------------------------ the whole */

static void on_end(void *context, int number)
{
	press_quit(context);
}

/* Also after a stop: who was stopped is not told of the sizes that a window had meanwhile. */
static void on_resize(void *context, int number)
{
	struct live *live = context;

	screen_resize(live->screen);
	live_draw(live, true);
}

static int live_listen(struct live *live)
{
	struct loop_source *source, *ends[END_SIGNALS];
	int rc = loop_create(&live->loop);

	if (rc == 0)
		rc = loop_add_timer(live->loop, on_timer, live, &live->timer);
	if (rc == 0)
		rc = loop_add_fd(live->loop, live->samples[0], EPOLLIN, on_sample, live, &source);
	if (rc == 0)
		rc = loop_add_fd(live->loop, STDIN_FILENO, EPOLLIN, on_keys, live, &source);
	if (rc == 0)
		rc = loop_add_signal(live->loop, SIGWINCH, on_resize, live, &source);
	if (rc == 0)
		rc = loop_add_signal(live->loop, SIGCONT, on_resize, live, &source);
	if (rc == 0)
		rc = end_signals_listen(live->loop, on_end, live, ends);
	return rc;
}

/* From here on signals to end wait for the loop, which gives the terminal back. */
static int live_open(struct live *live, bool may_colour, struct fail *why)
{
	int rc;

	end_signals_hold();
	if (pipe2(live->samples, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_errno(why, errno, "cannot look after the screen");
	rc = top_model_create(&live->model, why);
	if (rc < 0)
		return rc;
	rc = screen_open(may_colour, &live->screen, why);
	if (rc < 0)
		return rc;
	rc = live_listen(live);
	return rc < 0 ? fail_errno(why, -rc, "cannot look after the screen") : 0;
}

static void live_close(struct live *live)
{
	screen_close(live->screen);
	top_model_free(live->model);
	loop_free(live->loop);
	auto_close(&live->samples[0]);
	auto_close(&live->samples[1]);
}

int top_live_run(const struct call *call, const struct top_view *view, bool may_colour,
		 struct fail *why)
{
	struct live live = { .call = call, .view = *view, .samples = { -1, -1 } };
	int rc = live_open(&live, may_colour, why);

	if (rc == 0) {
		live_draw(&live, true);
		live_ask(&live);
		rc = loop_run(live.loop);
		if (rc < 0)
			*why = live.why;
	}
	live_close(&live);
	return rc;
}
