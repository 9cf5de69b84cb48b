#include "collectors/tail/scans.h"

#include <stdlib.h>

enum {
	LANE_FULL_MS = 250, /* if the lane is full, it is asked again after this */
	FILES_AT_ONCE = 64, /* opened, closed or looked for */
	LOST_AT_ONCE = 1024,
	THINNED_AT_ONCE = 8,
	SCAN_REST = 10, /* a scan takes at most a tenth of the time, whatever comes and goes in the folders */
};

static void on_timer(void *context);
static void on_more(void *context);

void tail_scans_init(struct tail_scans *s, const struct tail_scans_parts *parts)
{
	struct host *host = parts->core->host;

	s->with = *parts;
	loop_timer_init(&s->timer, parts->core->loop, on_timer, s);
	loop_soon_init(&s->more, parts->core->loop, on_more, s);
	s->files = host_gauge(host, "files", "Files that are open and followed.");
	s->count = host_counter(host, "scans_total", "Times the folders were searched for files.");
}

void tail_scans_done(struct tail_scans *s)
{
	OXP_ASSERT(s->look.phase != TAIL_SCAN_IN_LANE);
	tail_scan_clear(&s->look.scan);
	loop_timer_done(&s->timer);
	loop_soon_done(&s->more);
}

/* Both are read now: the loop's time is that of its last turn. What is found out is saved before it is forgotten. */
static void look_at_clock(struct tail_scans *s)
{
	const struct clock *clock = loop_clock(s->with.core->loop);

	if (tail_births_look(&s->births, clock->wall(clock), clock->mono(clock)))
		tail_saver_commit(s->with.saver);
}

void tail_scans_start(struct tail_scans *s)
{
	look_at_clock(s);
	s->look.last = s->births.wall;
}

void tail_scans_remember(struct tail_scans *s, const struct position *at)
{
	if (at->generation != TAIL_KNOWN) {
		tail_births_saw(&s->births, at->birth_ns);
		return;
	}
	tail_births_read(&s->births, at->path);
	if (at->offset)
		s->look.last.ns = (int64_t)at->offset;
}

void tail_scans_remembered(struct tail_scans *s)
{
	if (tail_births_saw_all(&s->births))
		tail_saver_commit(s->with.saver);
}

bool tail_scans_is_under_way(const struct tail_scans *s)
{
	return s->look.phase != TAIL_SCAN_NONE;
}

/* The steps. True: there is more to do. `at` is how far the step has come. */

/* The answer may lack names that changed while the folders were read, and names in a folder that could not be read. */
static bool hear_events(struct tail_scans *s)
{
	if (tail_events_hear(s->with.events))
		return true;
	tail_doubts_judge(s->with.doubts, s->look.scan.unlisted || s->look.scan.clock_set);
	return false;
}

/* This comes before the files that have the names now. */
static bool look_at_rotated(struct tail_scans *s)
{
	const struct tail_scan *scan = &s->look.scan;

	if (s->with.doubts->unsure)
		return false;
	for (int i = 0; i < FILES_AT_ONCE && s->at < scan->rotated.count; i++)
		tail_finder_found_rotated(s->with.finder, &scan->rotated.items[s->at++]);
	return s->at < scan->rotated.count;
}

/* This comes before the files that have the names now, because some of those may be the copies. */
static bool look_at_copies(struct tail_scans *s)
{
	const struct tail_scan *scan = &s->look.scan;

	for (int i = 0; i < FILES_AT_ONCE && s->at < scan->copies.count; i++)
		tail_finder_found_copy(s->with.finder, &scan->copies.items[s->at++]);
	return s->at < scan->copies.count;
}

static bool look_at_named(struct tail_scans *s)
{
	struct tail_found_list *files = &s->look.scan.walk.files;

	for (int i = 0; i < FILES_AT_ONCE && s->at < files->count; i++) {
		tail_finder_found(s->with.finder, &files->items[s->at]);
		tail_found_spend(files, s->at++);
	}
	return s->at < files->count;
}

/* The files that were found have been moved to the end of the list. */
static bool lose_unseen(struct tail_scans *s)
{
	struct tail_file *f = NULL;

	for (int i = 0; i < FILES_AT_ONCE && (f = TAILQ_FIRST(&s->with.table->named)) && f->seen != s->look.number; i++)
		tail_finder_lose(s->with.finder, f);
	return f && f->seen != s->look.number;
}

static bool tend_gone(struct tail_scans *s)
{
	const struct tail_file_list *gone = &s->with.table->gone;
	struct tail_file *f = NULL;

	for (int i = 0; i < FILES_AT_ONCE && (f = TAILQ_FIRST(gone)) && f->seen != s->look.number; i++) {
		tail_table_pass(s->with.table, f);
		tail_finder_tend_gone(s->with.finder, f);
	}
	return f && (f = TAILQ_FIRST(gone)) && f->seen != s->look.number;
}

static bool sift_positions(struct tail_scans *s)
{
	return tail_table_sift(s->with.table, &s->at, tail_finder_may_come_back, s->with.finder);
}

static bool thin_out_positions(struct tail_scans *s)
{
	bool more = true;

	for (int i = 0; i < THINNED_AT_ONCE && more; i++)
		more = tail_finder_thin_out(s->with.finder);
	return more;
}

/* An answer that may not show everything is good for what is known already; the rest is asked for again. */
static bool let_lost_go(struct tail_scans *s)
{
	struct tail_lost_list *lost = &s->look.scan.lost;
	bool unsure = s->with.doubts->unsure;

	for (int i = 0; i < LOST_AT_ONCE && lost->count > 0; i++) {
		if (unsure)
			tail_wanted_again(s->with.wanted, lost);
		else
			tail_lost_move(lost, NULL);
	}
	if (unsure)
		tail_wanted_scan(s->with.wanted, true);
	return lost->count > 0;
}

static bool (*const steps[])(struct tail_scans *) = {
	hear_events,
	look_at_rotated,
	look_at_copies,
	look_at_named,
	lose_unseen,
	tend_gone,
	sift_positions,
	thin_out_positions,
	let_lost_go,
};

/* Said once: an app that has not started yet is not unusual, but neither is a glob with a typing error. */
static void tell_nothing(const struct tail_scans *s)
{
	const struct option_list *paths = s->with.core->config->paths;

	host_log(s->with.core->host, LOG_LEVEL_INFO, "no file matches %s%s yet", paths->items[0],
		paths->count > 1 ? " or another of `paths`" : "");
}

static void no_more(struct tail_scans *s)
{
	tail_scan_clear(&s->look.scan);
	s->look.phase = TAIL_SCAN_NONE;
}

static void plan_next(struct tail_scans *s)
{
	const struct tail_core *core = s->with.core;
	int64_t rest = (s->took.ns + mono_since(loop_now(core->loop), s->answered).ns) * SCAN_REST;

	if (rest > core->config->sweep.ns)
		rest = core->config->sweep.ns; /* the machine slept */
	s->not_before = mono_after(loop_now(core->loop), (struct duration){ rest });
	s->drained = core->life != TAIL_LIVES && !s->with.wanted->scan;
	if (s->with.wanted->scan)
		tail_scans_begin(s);
	else
		loop_timer_set(&s->timer, core->config->sweep);
}

static void end_scan(struct tail_scans *s)
{
	const struct tail_doubts *doubts = s->with.doubts;
	struct tail_scan *scan = &s->look.scan;

	tail_machine_scanned(s->with.machine, scan);
	tail_troubles_scanned(s->with.troubles);
	tail_events_folders(s->with.events, &scan->walk.folders);
	no_more(s);
	*s->files = s->with.table->count;
	++*s->count;
	if (!s->look.complete && !doubts->unsure && s->with.table->count == 0)
		tell_nothing(s);
	s->look.complete = s->look.complete || !doubts->unsure;
	s->look.last = doubts->unsure ? s->look.last : s->look.began;
	if (!tail_doubts_any(doubts) && s->with.wanted->cuts.count == 0)
		tail_saver_know(s->with.saver, s->look.began);
	plan_next(s);
	s->with.over(s->with.context);
}

static void work_through(struct tail_scans *s)
{
	bool more = steps[s->step](s);

	s->step += !more;
	s->at = more ? s->at : 0;
	if (s->step == COUNT_OF(steps))
		end_scan(s);
	else
		loop_soon_run(&s->more);
}

static void on_scanned(struct job *job)
{
	struct tail_scans *s = CONTAINER_OF(CONTAINER_OF(job, struct tail_scan, job), struct tail_scans, look.scan);
	struct mono_time now = loop_now(s->with.core->loop);

	s->look.phase = TAIL_SCAN_ANSWERED;
	s->answered = now;
	s->took = s->look.scan.took;
	s->step = s->at = 0;
	tail_doubts_answered(s->with.doubts);
	s->look.number++;
	s->look.sweeps = mono_since(now, s->swept).ns >= s->with.core->config->sweep.ns;
	if (s->look.sweeps)
		s->swept = now;
	on_more(s);
}

/* Puts the question together: files that lost their names, and those of earlier runs that have not been found yet. */

static bool add_saved(void *context, const struct tail_saved *saved)
{
	struct tail_scan *scan = context;
	const struct tail_identity then = { saved->at.dev, saved->at.inode, saved->at.birth_ns };

	if (!tail_saved_is_away(saved))
		tail_lost_add(&scan->lost, saved->path, &then);
	return true;
}

/* True: there is more to add. */
static bool tell_known(struct tail_scans *s)
{
	struct tail_scan *scan = &s->look.scan;

	if (s->look.phase == TAIL_SCAN_TOLD) {
		if (tail_table_mark(s->with.table, &s->at, &scan->marks))
			return true;
		s->look.phase = TAIL_SCAN_ASKED;
		s->at = 0;
	}
	return tail_table_sift(s->with.table, &s->at, add_saved, scan);
}

static void ask(struct tail_scans *s)
{
	struct tail_scan *scan = &s->look.scan;
	size_t saved;

	if (tell_known(s)) {
		loop_soon_run(&s->more);
		return;
	}
	scan->asked.room = tail_machine_budget(s->with.machine, s->with.table->cost, s->with.table->gone_cost);
	saved = scan->lost.count;
	tail_wanted_take(s->with.wanted, &scan->lost);
	tail_wanted_take_copies(s->with.wanted, &scan->cuts);
	s->look.phase = TAIL_SCAN_IN_LANE;
	if (lane_run(host_cpu_lane(s->with.core->host), &scan->job) == 0)
		return;
	while (scan->lost.count > saved)
		tail_wanted_again(s->with.wanted, &scan->lost);
	no_more(s);
	loop_timer_set(&s->timer, DURATION_MS(LANE_FULL_MS));
}

static void on_more(void *context)
{
	struct tail_scans *s = context;

	if (s->with.core->life == TAIL_STOPPED)
		no_more(s);
	else if (s->look.phase == TAIL_SCAN_ANSWERED)
		work_through(s);
	else
		ask(s);
}

/* A scan that was asked for waits a while, so that folders in which much comes and goes are not searched all the
 * time. */
static bool is_too_early(struct tail_scans *s)
{
	int64_t wait = mono_since(s->not_before, loop_now(s->with.core->loop)).ns;

	if (wait <= 0 || s->with.core->life != TAIL_LIVES)
		return false;
	loop_timer_set(&s->timer, (struct duration){ wait });
	return true;
}

/* While nobody ran, no event told of names that came and went. */
static struct tail_identity born_unseen(const struct tail_scans *s)
{
	bool wanted = !s->look.complete && s->with.finder->known_before.ns;

	return wanted ? tail_look_since(&s->look) : (struct tail_identity){ .birth_ns = 0 };
}

void tail_scans_begin(struct tail_scans *s)
{
	const struct tail_core *core = s->with.core;

	tail_wanted_scan(s->with.wanted, tail_scans_is_under_way(s));
	if (tail_scans_is_under_way(s) || core->life == TAIL_STOPPED || is_too_early(s))
		return;
	look_at_clock(s);
	s->look.scan = (struct tail_scan){ .asked = { .globs = core->globs,
						   .births = s->births,
						   .known_before = s->with.finder->known_before,
						   .unseen = born_unseen(s),
						   .clock = loop_clock(core->loop),
						   .inotify = s->with.events->watch.fd,
						   .all_silent = core->config->poll == POLL_ALWAYS ||
								 s->with.machine->watch_missing },
		.job = { .work = tail_scan_work, .done = on_scanned } };
	s->look.phase = TAIL_SCAN_TOLD;
	s->at = 0;
	s->look.began = s->births.wall;
	tail_doubts_scan_begins(s->with.doubts);
	ask(s);
}

static void on_timer(void *context)
{
	struct tail_scans *s = context;

	if (s->with.machine->watch_missing && !tail_scans_is_under_way(s))
		tail_events_begin(s->with.events);
	tail_scans_begin(s);
}

void tail_scans_stop(struct tail_scans *s)
{
	loop_timer_clear(&s->timer);
}
