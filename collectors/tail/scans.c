/*
 * The scans of `tail` from begin to end: the question, the look at the disk in a lane (scan.h), and the answer,
 * worked through in steps of which a callback does some, since there may be ten thousand files. What is done about each
 * file stands in find.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tail/inner.h"

enum {
	LANE_FULL_MS = 250, /* so long until it is asked again */
	FILES_AT_ONCE = 64, /* opened, closed or looked for */
	LOST_AT_ONCE = 1024,
	UNSURE_SCANS = 8, /* so many in a row, then the answer is taken as it is */
	TAIL_FILES_MIN = 4 << 20,
	SCAN_REST = 10, /* a scan takes at most a tenth of the time, whatever comes and goes in the folders */
};

/* The steps: true, there is more to do. `scan_at` is how far each has come. */

/* Names that changed while the folders were read may be missing in the answer, and those of a folder that could not be
 * read. */
static bool hear_events(struct collector *c)
{
	if (tail_watch_read(&c->watch, tail_on_event, c))
		return true;
	c->unsure = (c->renames || c->scan.unlisted) && c->unsure_scans < UNSURE_SCANS;
	c->unsure_scans = c->unsure ? c->unsure_scans + 1 : 0;
	return false;
}

/* Before the files that have the names now. */
static bool look_at_rotated(struct collector *c)
{
	for (int i = 0; i < FILES_AT_ONCE && c->scan_at < c->scan.rotated_count && !c->unsure; i++)
		tail_look_at_rotated(c, &c->scan.rotated[c->scan_at++]);
	return c->scan_at < c->scan.rotated_count && !c->unsure;
}

static bool look_at_named(struct collector *c)
{
	for (int i = 0; i < FILES_AT_ONCE && c->scan_at < c->scan.count; i++) {
		struct tail_found *found = &c->scan.files[c->scan_at++];
		tail_look_at(c, found);
		free(found->path);
		found->path = NULL;
	}
	return c->scan_at < c->scan.count;
}

/* Those that were found have gone to the end of the list. */
static bool lose_unseen(struct collector *c)
{
	struct tail_file *f = NULL;

	for (int i = 0; i < FILES_AT_ONCE && (f = TAILQ_FIRST(&c->table.named)) && f->seen != c->scans; i++)
		tail_lose_name(c, f);
	return f && f->seen != c->scans;
}

static bool tend_gone(struct collector *c)
{
	struct tail_file *f = NULL;

	for (int i = 0; i < FILES_AT_ONCE && (f = TAILQ_FIRST(&c->table.gone)) && f->seen != c->scans; i++) {
		f->seen = c->scans;
		tail_table_pass(&c->table, f);
		tail_tend_gone(c, f);
	}
	return f && (f = TAILQ_FIRST(&c->table.gone)) && f->seen != c->scans;
}

static bool sift_positions(struct collector *c)
{
	return tail_table_sift(&c->table, &c->scan_at, tail_may_come_back, c);
}

/* An answer that may not show everything is good for what is known already; the rest is asked for again. */
static bool let_lost_go(struct collector *c)
{
	for (int i = 0; i < LOST_AT_ONCE && c->scan.lost.count > 0; i++)
		tail_lost_move(&c->scan.lost, c->unsure ? &c->lost : NULL);
	c->scan_again = c->scan_again || c->unsure;
	return c->scan.lost.count > 0;
}

static bool (*const steps[])(struct collector *) = {
	hear_events,
	look_at_rotated,
	look_at_named,
	lose_unseen,
	tend_gone,
	sift_positions,
	let_lost_go,
};

/* A limit of inotify has the errno of a full disk. */
static const char *why_not_watched(int error)
{
	return error == ENOSPC ? "fs.inotify.max_user_watches is reached" : strerror(error);
}

/* What a scan says of the machine. */
static void tell_limits(struct collector *c)
{
	if (c->scan.watch_failed && !c->watch_failed)
		host_log(c->reader.host, LOG_LEVEL_WARN,
			"cannot watch every folder: %s; what changes there is found by the sweep",
			why_not_watched(c->scan.watch_failed));
	if (c->scan.too_many && !c->too_many)
		host_log(c->reader.host, LOG_LEVEL_WARN,
			"too many files or folders match: the rest is left out; expected as many as half of `memory` "
			"has room for: narrow `paths`, or raise `memory`");
	c->watch_failed = c->scan.watch_failed != 0;
	c->too_many = c->scan.too_many;
	c->linked = c->scan.linked;
	c->silent = c->scan.silent;
	c->out_of_descriptors = false;
}

/* Once, since an app that has not begun is nothing unusual, but neither is a glob with a slip in it. */
static void tell_nothing(const struct collector *c)
{
	const struct option_list *paths = c->config->paths;

	host_log(c->reader.host, LOG_LEVEL_INFO, "no file is there yet that matches %s%s", paths->items[0],
		paths->count > 1 ? " or another of `paths`" : "");
}

static void no_more(struct collector *c)
{
	tail_scan_clear(&c->scan);
	c->scanning = c->working = false;
}

static void plan_next(struct collector *c)
{
	int64_t rest = mono_since(loop_now(c->loop), c->scan_began).ns * SCAN_REST;

	if (rest > c->config->sweep.ns)
		rest = c->config->sweep.ns; /* the machine slept, or the disk did */
	c->scan_after = mono_after(loop_now(c->loop), (struct duration){ rest });
	c->drained_scan = c->draining && !c->scan_again;
	if (c->scan_again)
		tail_begin_scan(c);
	else
		loop_timer_set(&c->sweep, c->config->sweep);
}

/* All that was there when the scan began is known, unless some could not be begun yet. The first time that is saved at
 * once, then with what moves. */
static void know(struct collector *c)
{
	bool first = c->known.ns == 0;

	if (c->unsure || c->put_off || c->packed_waiting > 0)
		return;
	c->known = c->looking;
	if (first && c->config->start == START_END)
		tail_commit(c);
}

static void end_scan(struct collector *c)
{
	tell_limits(c);
	tail_watch_folders(&c->watch, &c->scan.folders, &c->scan.folder_count);
	no_more(c);
	if (c->silent && !loop_timer_pending(&c->poll))
		loop_timer_set(&c->poll, c->config->poll_every);
	*c->open_files = c->table.count;
	++*c->scan_count;
	if (!c->had_scan && !c->unsure && c->table.count == 0)
		tell_nothing(c);
	c->had_scan = c->had_scan || !c->unsure;
	c->looked = c->unsure ? c->looked : c->looking;
	know(c);
	plan_next(c);
	if (c->unpack && c->unpack->waits && !c->scanning)
		tail_on_unpacked(&c->unpack->job);
}

static void work_through(struct collector *c)
{
	bool more = steps[c->step](c);

	c->step += !more;
	c->scan_at = more ? c->scan_at : 0;
	if (c->step == COUNT_OF(steps))
		end_scan(c);
	else
		loop_soon_run(&c->scan_soon);
}

static void scan_done(struct job *job)
{
	struct collector *c = CONTAINER_OF(CONTAINER_OF(job, struct tail_scan, job), struct collector, scan);

	c->in_lane = false;
	c->working = true;
	c->step = 0;
	c->scan_at = c->packed_waiting = 0;
	c->scans++;
	c->sweeping = mono_since(loop_now(c->loop), c->swept).ns >= c->config->sweep.ns;
	if (c->sweeping)
		c->swept = loop_now(c->loop);
	tail_on_scan_soon(c);
}

/* The question: files that lost their names, and those of earlier runs that have not been found yet. */

static bool add_saved(void *context, const struct tail_saved *s)
{
	struct collector *c = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };

	tail_lost_add(&c->scan.lost, s->path, &then);
	return true;
}

static void ask(struct collector *c)
{
	size_t saved;

	if (tail_table_sift(&c->table, &c->scan_at, add_saved, c)) {
		loop_soon_run(&c->scan_soon);
		return;
	}
	saved = c->scan.lost.count;
	while (c->lost.count > 0)
		tail_lost_move(&c->lost, &c->scan.lost);
	c->in_lane = lane_run(host_disk_lane(c->reader.host), &c->scan.job) == 0;
	if (c->in_lane)
		return;
	while (c->scan.lost.count > saved)
		tail_lost_move(&c->scan.lost, &c->lost);
	no_more(c);
	loop_timer_set(&c->sweep, DURATION_MS(LANE_FULL_MS));
}

void tail_on_scan_soon(void *context)
{
	struct collector *c = context;

	if (c->stopped)
		no_more(c);
	else if (c->working)
		work_through(c);
	else
		ask(c);
}

/* A scan that was asked for waits its turn, so that folders in which much comes and goes are not looked through all the
 * time. */
static bool is_too_early(struct collector *c)
{
	int64_t wait = mono_since(c->scan_after, loop_now(c->loop)).ns;

	if (wait <= 0 || c->draining)
		return false;
	loop_timer_set(&c->sweep, (struct duration){ wait });
	return true;
}

/* What it may take to know files: memory beside that of telemetry. */
static size_t files_max(const struct collector *c)
{
	size_t half = host_memory(c->reader.host) / 2;

	return half > TAIL_FILES_MIN ? half : TAIL_FILES_MIN;
}

void tail_begin_scan(struct collector *c)
{
	c->scan_again = c->scanning;
	if (c->scanning || c->stopped || is_too_early(c))
		return;
	c->scan = (struct tail_scan){ .globs = { &c->paths, &c->exclude },
		.cost_max = files_max(c),
		.inotify = c->watch.fd,
		.all_silent = c->config->poll == POLL_ALWAYS || c->watch_missing,
		.job = { .work = tail_scan_work, .done = scan_done } };
	c->scanning = true;
	c->scan_at = 0;
	c->scan_began = loop_now(c->loop);
	c->looking = loop_wall(c->loop);
	c->renames = c->put_off = false;
	ask(c);
}

void tail_on_sweep(void *context)
{
	struct collector *c = context;

	if (c->watch_missing && !c->scanning)
		tail_begin_watching(c);
	tail_begin_scan(c);
}
