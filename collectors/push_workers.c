#include "collectors/push_workers.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/random.h"
#include "base/text.h"

enum {
	PIECE = 8 << 10, /* of a page, in a callback */
	AT_ONCE = 300, /* series */
	STEPS_AT_ONCE = 16, /* of those, in a callback, while they are short: */
	STEPS_NS = 100000, /* this long together */
	AGAIN_MS = 1000, /* until it is tried again where there was no memory */
};

enum push_life {
	LIFE_NEW, /* until its first connection is known, within one call */
	LIFE_LIVE, /* it has a connection */
	LIFE_GONE, /* that has ended, and it may come back */
	LIFE_OVER, /* its death stands in the line */
};

/* Invariant: it is in the list until it is folded; `link` is there while it is LIFE_LIVE. */
struct push_worker {
	struct push_worker *next;
	char name[PUSH_WORKER_NAME_MAX + 1]; /* "": none */
	char label[2 * PUSH_WORKER_NAME_MAX + 1]; /* it, or a number, as it is written in a page */
	struct push_link *link; /* its connection; NULL: that has ended */
	struct push_worker_page page; /* that counts now; without a batch: none yet */
	uint64_t number; /* of the page */
	struct mono_time since; /* when its connection ended */
	enum push_life life;
	unsigned in_line; /* pages of it */
};

struct push_change {
	struct push_change *next;
	uint64_t number;
	struct push_worker *worker;
	struct push_worker_page page;
	bool death;
};

static struct loop *loop_of(const struct push_workers *all)
{
	return host_loop(all->host);
}

static void go_on(struct push_workers *all)
{
	loop_soon_run(&all->soon);
}

static void live(struct push_workers *all, struct push_worker *w, enum push_life life)
{
	all->live += (size_t)(life == LIFE_LIVE) - (size_t)(w->life == LIFE_LIVE);
	all->gone += (size_t)(life == LIFE_GONE) - (size_t)(w->life == LIFE_GONE);
	w->life = life;
	*all->live_shown = all->live;
	all->changed = true;
}

/* The line. */

static void wait_in_line(struct push_workers *all, struct push_worker *w, const struct push_worker_page *page)
{
	struct push_change *c = oxp_new(sizeof *c);

	c->worker = w;
	c->death = !page;
	if (page) {
		c->page = *page;
		w->in_line++;
	}
	*all->waiting_last = c;
	all->waiting_last = &c->next;
	c->number = ++all->changes;
	all->in_line++;
	go_on(all);
}

static void leave_line(struct push_workers *all, struct push_change **at)
{
	struct push_change *c = *at;

	*at = c->next;
	if (!c->next)
		all->waiting_last = at;
	all->in_line--;
	all->tries = 0;
	free(c);
}

static bool is_being_folded(const struct push_workers *all, const struct push_worker *w)
{
	return all->work == PUSH_FOLDS && all->waiting->death && all->waiting->worker == w;
}

/* Its process has come back before it was folded. */
static void revive(struct push_workers *all, struct push_worker *w)
{
	struct push_change **at = &all->waiting;

	if (is_being_folded(all, w)) {
		push_fold_done(&all->fold);
		all->fold = (struct push_fold){ 0 };
		all->work = PUSH_RESTS;
	}
	while (*at && !((*at)->death && (*at)->worker == w))
		at = &(*at)->next;
	OXP_ASSERT(*at);
	leave_line(all, at);
}

/* Workers come and go. */

bool push_worker_name_fine(const char *name, const char **why)
{
	size_t size = strlen(name);

	*why = "X-Oxpecker-Worker must be 1 to 128 bytes of UTF-8 without control characters";
	if (size == 0 || size > PUSH_WORKER_NAME_MAX || !utf8_valid(name, size))
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return true;
}

static void write_label(struct push_worker *w, uint64_t number)
{
	char *to = w->label;

	if (!w->name[0])
		snprintf(w->label, sizeof w->label, "%llu", (unsigned long long)number);
	for (const char *from = w->name; *from; from++) {
		if (*from == '"' || *from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
}

static struct push_worker *worker_new(struct push_workers *all, const char *name)
{
	struct push_worker *w = oxp_new(sizeof *w);

	snprintf(w->name, sizeof w->name, "%s", name ? name : "");
	write_label(w, ++all->numbers);
	*all->last = w;
	all->last = &w->next;
	return w;
}

/* For one of which a part is with the dead already it is too late. */
static struct push_worker *find(const struct push_workers *all, const char *name)
{
	struct push_worker *w = all->first;

	while (w && (strcmp(w->name, name) != 0 || (is_being_folded(all, w) && all->fold.stage >= FOLD_ADD)))
		w = w->next;
	return w;
}

static void worker_free(struct push_workers *all, struct push_worker *w)
{
	struct push_worker **at = &all->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!w->next)
		all->last = at;
	batch_free(w->page.batch);
	free(w);
}

static struct push_worker *gone_longest(const struct push_workers *all)
{
	struct push_worker *longest = NULL;

	for (struct push_worker *w = all->first; w; w = w->next)
		if (w->life == LIFE_GONE && (!longest || w->since.ns < longest->since.ns))
			longest = w;
	return longest;
}

static void die(struct push_workers *all, struct push_worker *w)
{
	live(all, w, LIFE_OVER);
	wait_in_line(all, w, NULL);
}

static void on_ends(void *context)
{
	struct push_workers *all = context;
	struct push_worker *w;
	struct duration age;

	while ((w = gone_longest(all))) {
		age = mono_since(loop_now(loop_of(all)), w->since);
		if (age.ns < all->grace.ns) {
			loop_timer_set(&all->ends, (struct duration){ all->grace.ns - age.ns });
			return;
		}
		die(all, w);
	}
}

/* The end of its connection: its gauges go. */
static void part(struct push_workers *all, struct push_worker *w)
{
	w->link->worker = NULL;
	w->link = NULL;
	w->since = loop_now(loop_of(all));
	live(all, w, LIFE_GONE);
	if (!w->name[0])
		die(all, w);
	else if (all->gone > all->gone_max)
		die(all, gone_longest(all));
	else if (!loop_timer_pending(&all->ends))
		loop_timer_set(&all->ends, all->grace);
}

static void join(struct push_link *link, struct push_worker *w)
{
	struct push_workers *all = link->all;

	if (w->link == link)
		return;
	if (w->life == LIFE_OVER)
		revive(all, w);
	if (w->link)
		w->link->worker = NULL;
	w->link = link;
	link->worker = w;
	live(all, w, LIFE_LIVE);
}

void push_link_closed(void *context)
{
	struct push_link *link = context;

	if (link->worker)
		part(link->all, link->worker);
	free(link);
}

/* A connection that says another name than before is another worker from now on. */
static struct push_worker *worker_of(struct push_link *link, const char *name)
{
	struct push_workers *all = link->all;
	struct push_worker *w = link->worker;

	if (w && strcmp(w->name, name ? name : "") == 0)
		return w;
	if (w)
		part(all, w);
	w = name ? find(all, name) : NULL;
	return w ? w : worker_new(all, name);
}

bool push_workers_full(const struct push_workers *all, const struct push_link *link)
{
	return loop_timer_pending(&all->again) || all->in_line >= PUSH_CHANGES_MAX ||
	       (link->worker && link->worker->in_line >= PUSH_LINE_MAX);
}

void push_workers_take(struct push_link *link, const char *name, const struct push_worker_page *page)
{
	struct push_worker *w = worker_of(link, name);

	join(link, w);
	wait_in_line(link->all, w, page);
}

/* One change. */

static void change_is_done(struct push_workers *);

static void begin_fold(struct push_workers *all)
{
	const struct push_change *c = all->waiting;

	if (!c->worker->page.batch) { /* it has nothing yet */
		change_is_done(all);
		return;
	}
	all->fold = (struct push_fold){ .host = all->host,
		.modes = &all->modes,
		.seed = all->seed,
		.dead = &all->dead,
		.old = c->worker->page.text,
		.new = c->page.text,
		.ended = c->death };
	push_fold_begin(&all->fold);
	all->work = PUSH_FOLDS;
}

static void change_is_done(struct push_workers *all)
{
	struct push_change *c = all->waiting;
	struct push_worker *w = c->worker;

	*all->lost += all->fold.lost;
	if (all->fold.lost > 0)
		host_log(all->host, LOG_LEVEL_WARN,
			"%llu series of a dead worker are lost: no more than %d are kept, nor two types of a name",
			(unsigned long long)all->fold.lost, PUSH_SERIES_MAX);
	push_fold_done(&all->fold);
	all->fold = (struct push_fold){ 0 };
	all->changed = true;
	all->work = PUSH_RESTS;
	if (c->death) {
		++*all->folded;
		worker_free(all, w);
	} else {
		batch_free(w->page.batch);
		w->page = c->page;
		w->number = ++all->numbers;
		w->in_line--;
	}
	leave_line(all, &all->waiting);
}

static void wait_for_memory(struct push_workers *all)
{
	if (!all->short_of_memory)
		host_log(all->host, LOG_LEVEL_WARN, "no room within `memory` to sum up workers; what is shown stays");
	all->short_of_memory = true;
	loop_timer_set(&all->again, DURATION_MS(AGAIN_MS));
}

/* Nothing gives memory back that this change could have. The worker's next page has all that this one had; a dead one
 * has no other. */
static void give_up_change(struct push_workers *all)
{
	struct push_change *c = all->waiting;
	struct push_worker *w = c->worker;

	host_log(all->host, LOG_LEVEL_ERROR, "no room within `memory` for %s; raise `memory`",
		c->death ? "what a dead worker counted, which is lost"
			 : "the page of a worker, whose next is waited for");
	if (c->death) {
		++*all->lost;
		++*all->folded;
		worker_free(all, w);
	} else {
		batch_free(c->page.batch);
		w->in_line--;
	}
	leave_line(all, &all->waiting);
}

static void fold_some(struct push_workers *all)
{
	switch (push_fold_some(&all->fold)) {
	case PUSH_MORE:
		return;
	case PUSH_DONE:
		change_is_done(all);
		return;
	case PUSH_STUCK:
		push_fold_done(&all->fold);
		all->fold = (struct push_fold){ 0 };
		all->work = PUSH_RESTS;
		if (++all->tries >= PUSH_TRIES_MAX)
			give_up_change(all);
		wait_for_memory(all);
	}
}

/* The sum. */

static void answer(struct push_workers *all)
{
	if (!all->asked)
		return;
	all->asked = false;
	if (all->ready)
		all->ready(all->context);
}

static void stop_summing(struct push_workers *all)
{
	if (all->walking)
		push_walk_done(&all->walk);
	all->walking = false;
	if (all->work == PUSH_STAGES)
		series_abandon(all->target);
	push_sum_done(&all->sum);
	all->work = PUSH_RESTS;
}

/* What is shown stays, and so does `changed`. */
static void give_up_sum(struct push_workers *all)
{
	stop_summing(all);
	all->changed = true;
	wait_for_memory(all);
	answer(all);
}

static void begin_sum(struct push_workers *all)
{
	push_sum_init(&all->sum, all->host, all->seed);
	all->changed = false;
	all->summed_for = all->asks;
	all->clashes = all->over_ceiling = all->bytes = 0;
	memset(all->left_out, 0, sizeof all->left_out);
	all->at = NULL;
	all->summed = all->first;
	all->work = PUSH_SUMS_DEAD;
}

static bool add_point(struct push_workers *all, const struct push_point *p)
{
	enum push_added added = push_sum_add(&all->sum, p);

	all->clashes += added == PUSH_CLASH || added == PUSH_ADDED_BEFORE;
	all->over_ceiling += added == PUSH_CEILING;
	return added != PUSH_NO_MEMORY;
}

static bool add_dead(struct push_workers *all, const struct push_total *t)
{
	struct push_point p = push_total_point(t, 0);

	if (t->family->format)
		push_sum_help(&all->sum, t->family->name, t->family->help, t->family->format);
	return add_point(all, &p);
}

static void sum_dead_some(struct push_workers *all)
{
	for (int i = 0; i < AT_ONCE; i++) {
		all->at = push_sum_next(&all->dead, all->at);
		if (!all->at) {
			all->work = PUSH_SUMS_PAGES;
			return;
		}
		if (!add_dead(all, all->at)) {
			give_up_sum(all);
			return;
		}
	}
}

/* The gauges of those that are gone are not there. */
static void on_point(void *context, const struct push_point *p)
{
	struct push_workers *all = context;

	if ((p->lasting || all->summed_lives) && !add_point(all, p))
		all->walk.failed = true;
}

static void on_help(void *context, struct bytes family, const struct exposition_meta *m)
{
	struct push_workers *all = context;

	push_sum_help(&all->sum, family, m->text, m->format);
}

static void begin_page(struct push_workers *all, struct push_worker *w)
{
	all->walking = true;
	all->summed_lives = w->link != NULL;
	all->walk = (struct push_walk){ .modes = &all->modes,
		.worker = w->label,
		.page = w->number,
		.point = on_point,
		.help = on_help,
		.context = all };
	push_walk_begin(&all->walk, w->page.text.text, w->page.text.format, all->seed);
}

static void page_is_done(struct push_workers *all)
{
	for (int i = 0; i < PUSH_LEFT_KINDS; i++)
		all->left_out[i] += all->walk.left_out[i];
	all->bytes += all->summed->page.text.text.size;
	push_walk_done(&all->walk);
	all->walking = false;
	all->summed = all->summed->next;
}

static void begin_staging(struct push_workers *all)
{
	if (!all->target && series_target_new(host_series(all->host), NULL, 0, &all->target) < 0) {
		give_up_sum(all);
		return;
	}
	relabelling_begin(&all->relabel, all->target, NULL, 0);
	series_begin(all->target);
	all->at = NULL;
	all->work = PUSH_STAGES;
}

static void sum_some(struct push_workers *all)
{
	while (all->summed && !all->summed->page.batch)
		all->summed = all->summed->next;
	if (!all->summed) {
		begin_staging(all);
		return;
	}
	if (!all->walking)
		begin_page(all, all->summed);
	if (push_walk_some(&all->walk, PIECE))
		return;
	if (all->walk.failed)
		give_up_sum(all);
	else
		page_is_done(all);
}

static void stage_family(struct push_workers *all, const struct push_family_total *f)
{
	struct exposition_meta meta = { .format = EXPOSITION_TEXT,
		.what = EXPOSITION_TYPE,
		.name = f->name,
		.quoted = f->first->quoted,
		.type = f->type };

	series_events.meta(all->target, &meta);
	if (!f->format)
		return;
	meta.format = f->format;
	meta.what = EXPOSITION_HELP;
	meta.text = f->help;
	series_events.meta(all->target, &meta);
}

static void stage(struct push_workers *all, const struct push_total *t)
{
	struct exposition_label labels[EXPOSITION_LABELS_MAX + 1];
	struct exposition_sample sample;

	if (t->family->first == t)
		stage_family(all, t->family);
	push_key_sample(t->item.key, labels, &sample);
	sample.value = push_total_value(t);
	if (all->relabel.rules)
		relabelling_events.sample(&all->relabel, &sample);
	else
		series_events.sample(all->target, &sample);
}

static void commit(struct push_workers *all)
{
	struct series_counts counts;

	series_commit(all->target, &counts);
	relabelling_end(&all->relabel, &counts);
	host_samples(all->host, &counts, all->bytes);
	refusals_tell(&all->refusals, all->host, "workers", &counts);
	all->shown_clashes = all->clashes;
	all->shown_over = all->over_ceiling;
	all->shown_series = all->sum.series;
	memcpy(all->shown_left, all->left_out, sizeof all->shown_left);
	all->short_of_memory = false;
	all->work = PUSH_RESTS;
	stop_summing(all);
	loop_soon_run(&all->tidy);
	if (all->summed_for == all->asks)
		answer(all);
}

static void stage_some(struct push_workers *all)
{
	for (int i = 0; i < AT_ONCE; i++) {
		all->at = push_sum_next(&all->sum, all->at);
		if (!all->at) {
			commit(all);
			return;
		}
		stage(all, all->at);
	}
}

/* What is to be done. */

static void begin_something(struct push_workers *all)
{
	if (all->asked && (!all->waiting || all->waiting->number > all->wanted)) {
		if (all->changed)
			begin_sum(all);
		else
			answer(all);
	} else if (all->waiting) {
		begin_fold(all);
	}
}

static void work(struct push_workers *all)
{
	switch (all->work) {
	case PUSH_RESTS:
		begin_something(all);
		return;
	case PUSH_FOLDS:
		fold_some(all);
		return;
	case PUSH_SUMS_DEAD:
		sum_dead_some(all);
		return;
	case PUSH_SUMS_PAGES:
		sum_some(all);
		return;
	case PUSH_STAGES:
		stage_some(all);
	}
}

static bool has_work(const struct push_workers *all)
{
	return !loop_timer_pending(&all->again) && (all->work != PUSH_RESTS || all->waiting || all->asked);
}

/* Whoever asks while a change waits for memory is answered with what is shown. */
static void on_soon(void *context)
{
	struct push_workers *all = context;
	const struct clock *clock = loop_clock(loop_of(all));
	struct mono_time began = clock->mono(clock);

	for (int i = 0; i < STEPS_AT_ONCE; i++) {
		work(all);
		if (!has_work(all) || mono_since(clock->mono(clock), began).ns > STEPS_NS)
			break;
	}
	if (loop_timer_pending(&all->again)) {
		if (all->asked && all->work == PUSH_RESTS)
			answer(all);
		return;
	}
	if (has_work(all))
		go_on(all);
}

static void on_again(void *context)
{
	go_on(context);
}

static void on_tidy(void *context)
{
	struct push_workers *all = context;

	if (all->target && series_tidy(all->target, AT_ONCE))
		loop_soon_run(&all->tidy);
}

bool push_workers_ask(struct push_workers *all)
{
	if (loop_timer_pending(&all->again) || (!all->changed && !all->waiting && all->work == PUSH_RESTS))
		return true;
	all->asked = true;
	all->asks++;
	all->wanted = all->changes;
	go_on(all);
	return false;
}

void push_workers_init(struct push_workers *all, struct host *host, const struct push_modes *modes,
	struct duration grace, size_t gone_max)
{
	*all = (struct push_workers){ .host = host, .modes = *modes, .grace = grace, .gone_max = gone_max };
	all->last = &all->first;
	all->waiting_last = &all->waiting;
	all->seed = random_next(host_random(host));
	push_sum_init(&all->dead, host, all->seed);
	loop_soon_init(&all->soon, host_loop(host), on_soon, all);
	loop_soon_init(&all->tidy, host_loop(host), on_tidy, all);
	loop_timer_init(&all->again, host_loop(host), on_again, all);
	loop_timer_init(&all->ends, host_loop(host), on_ends, all);
	all->live_shown = host_gauge(host, "push_workers", "Workers whose connection is open.");
	all->folded = host_counter(
		host, "push_workers_folded_total", "Workers that are dead. What they counted stays in the sum.");
	all->lost = host_counter(host, "push_series_lost_total",
		"Series of dead workers that are in no sum any more, since there are too many.");
}

void push_workers_report(const struct push_workers *all, struct json_writer *w)
{
	json_put_object(w, "workers");
	json_put_u64(w, "live", all->live);
	json_put_u64(w, "gone", all->gone);
	json_put_u64(w, "folded", *all->folded);
	json_put_u64(w, "series", all->shown_series);
	json_put_u64(w, "series_of_the_dead", all->dead.series);
	json_put_object(w, "left_out");
	json_put_u64(w, "quantiles", all->shown_left[PUSH_LEFT_QUANTILES]);
	json_put_u64(w, "created", all->shown_left[PUSH_LEFT_CREATED]);
	json_put_u64(w, "too_large", all->shown_left[PUSH_LEFT_EXCESS]);
	json_put_u64(w, "native_histograms", all->shown_left[PUSH_LEFT_NATIVE]);
	json_put_u64(w, "clashes", all->shown_clashes);
	json_put_u64(w, "over_ceiling", all->shown_over);
	json_put_end(w);
	relabelling_report(&all->relabel, w);
	refusals_report(&all->refusals, w);
	json_put_end(w);
}

int push_workers_relabel(struct push_workers *all, const struct option_items *items)
{
	return relabelling_init(&all->relabel, all->host, items);
}

void push_workers_done(struct push_workers *all)
{
	if (!all->host)
		return;
	all->ready = NULL;
	stop_summing(all);
	push_fold_done(&all->fold);
	while (all->waiting) {
		batch_free(all->waiting->page.batch);
		leave_line(all, &all->waiting);
	}
	while (all->first)
		worker_free(all, all->first);
	push_sum_done(&all->dead);
	series_target_free(all->target);
	relabelling_done(&all->relabel);
	loop_soon_done(&all->soon);
	loop_soon_done(&all->tidy);
	loop_timer_done(&all->again);
	loop_timer_done(&all->ends);
}
