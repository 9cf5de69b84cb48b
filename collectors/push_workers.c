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

#define PROCESS_MARK '\1' /* before a process, where a name would be: it is in none */

/* As the file knows it; that may be for longer than it is here. Its identity is the name, or the process. */
struct worker_owner {
	struct push_owner base; /* in front */
	char name[PUSH_WORKER_NAME_MAX + 1]; /* "": none */
	char process[1 + PEER_PROCESS_ROOM]; /* behind PROCESS_MARK, of one without a name; "": unknown */
};

/* Invariant: it is in the list until it is folded; `link` is there while it is LIFE_LIVE. */
struct push_worker {
	struct push_worker *next;
	struct worker_owner *owner;
	char label[2 * PUSH_WORKER_NAME_MAX + 1]; /* it, or a number, as it is written in a page */
	struct push_link *link; /* its connection; NULL: that has ended */
	struct push_worker_page page; /* that counts now; without a batch: none yet */
	uint64_t number; /* of the page */
	struct mono_time since; /* when its connection ended */
	enum push_life life;
	bool buried; /* it was dead in the last run, so nobody can come back as it */
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

static bool has_name(const struct push_worker *w)
{
	return w->owner->name[0];
}

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

	if (!has_name(w))
		snprintf(w->label, sizeof w->label, "%llu", (unsigned long long)number);
	for (const char *from = w->owner->name; *from; from++) {
		if (*from == '"' || *from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
}

static struct bytes identity_of(const struct worker_owner *o)
{
	return bytes_of(o->name[0] ? o->name : o->process);
}

/* Without a name, a process may be known. */
static struct push_worker *worker_new(struct push_workers *all, const char *name, const char *process)
{
	struct push_worker *w = oxp_new(sizeof *w);

	w->owner = oxp_new(sizeof *w->owner);
	snprintf(w->owner->name, sizeof w->owner->name, "%s", name);
	if (!*name && *process)
		snprintf(w->owner->process, sizeof w->owner->process, "%c%s", PROCESS_MARK, process);
	w->owner->base.kind = PUSH_WORKER;
	w->owner->base.id = push_file_number(all->file);
	w->owner->base.identity = identity_of(w->owner);
	write_label(w, ++all->numbers);
	*all->last = w;
	all->last = &w->next;
	return w;
}

/* For one of which a part is with the dead already it is too late. */
static bool may_come_back(const struct push_workers *all, const struct push_worker *w)
{
	return !w->buried && !(is_being_folded(all, w) && all->fold.stage >= FOLD_ADD);
}

static struct push_worker *find(const struct push_workers *all, const char *name)
{
	struct push_worker *w = all->first;

	while (w && (strcmp(w->owner->name, name) != 0 || !may_come_back(all, w)))
		w = w->next;
	return w;
}

/* The one of the last run whose process that is; NULL: none, or it had several. */
static struct push_worker *find_process(const struct push_workers *all, const char *process)
{
	struct push_worker *found = NULL;
	unsigned count = 0;

	for (struct push_worker *w = all->first; w && *process; w = w->next)
		if (w->life == LIFE_GONE && w->owner->process[0] && strcmp(w->owner->process + 1, process) == 0) {
			found = w;
			count++;
		}
	return count == 1 ? found : NULL;
}

static void page_free(struct push_workers *all, struct push_worker_page *p)
{
	batch_free(p->batch);
	push_file_remove(all->file, p->saved);
	*p = (struct push_worker_page){ .batch = NULL };
}

static void worker_free(struct push_workers *all, struct push_worker *w)
{
	struct push_worker **at = &all->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!w->next)
		all->last = at;
	page_free(all, &w->page);
	if (w->owner)
		push_file_disown(all->file, &w->owner->base);
	free(w->owner);
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

/* Without a name the connection was the worker; but if it ended with the last run, its process may live on. */
static bool may_be_back(const struct push_workers *all, const struct push_worker *w)
{
	return has_name(w) || (w == all->restored && w->owner->process[0]);
}

/* It has no connection: its gauges go. */
static void go(struct push_workers *all, struct push_worker *w)
{
	w->since = loop_now(loop_of(all));
	live(all, w, LIFE_GONE);
	if (!may_be_back(all, w))
		die(all, w);
	else if (all->gone > all->gone_max)
		die(all, gone_longest(all));
	else if (!loop_timer_pending(&all->ends))
		loop_timer_set(&all->ends, all->grace);
}

static void part(struct push_workers *all, struct push_worker *w)
{
	w->link->worker = NULL;
	w->link = NULL;
	go(all, w);
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

	if (w && strcmp(w->owner->name, name ? name : "") == 0)
		return w;
	if (w)
		part(all, w);
	w = name ? find(all, name) : find_process(all, link->process);
	return w ? w : worker_new(all, name ? name : "", link->process);
}

bool push_workers_full(const struct push_workers *all, const struct push_link *link)
{
	return loop_timer_pending(&all->again) || all->in_line >= PUSH_CHANGES_MAX ||
	       (link->worker && link->worker->in_line >= PUSH_LINE_MAX);
}

/* Saves so many bytes of a page. With its first one the worker is known to the next run. True: there is more. */
static bool save_some(struct push_workers *all, struct push_worker *w, struct push_saved *saved, size_t bytes)
{
	if (push_file_some(all->file, saved, bytes))
		return true;
	if (saved && !w->owner->base.listed)
		push_file_own(all->file, &w->owner->base);
	return false;
}

void push_workers_take(struct push_link *link, const char *name, const struct push_worker_page *page)
{
	struct push_workers *all = link->all;
	struct push_worker *w = worker_of(link, name);
	struct push_worker_page taken = *page;

	join(link, w);
	taken.saved = push_file_page(all->file, w->owner->base.id, page->text.text, page->text.format, true);
	(void)save_some(all, w, taken.saved, PUSH_SAVED_AT_ONCE);
	wait_in_line(all, w, &taken);
}

/* One change. */

static void change_is_done(struct push_workers *);

static void begin_fold(struct push_workers *all)
{
	const struct push_change *c = all->waiting;

	if (save_some(all, c->worker, c->page.saved, PIECE))
		return;

	if (!c->worker->page.batch) { /* it has nothing yet */
		change_is_done(all);
		return;
	}
	all->fold = (struct push_fold){ .host = all->host,
		.modes = &all->modes,
		.seed = all->seed,
		.dead = &all->dead.sum,
		.old = c->worker->page.text,
		.new = c->page.text,
		.ended = c->death };
	push_fold_begin(&all->fold);
	all->work = PUSH_FOLDS;
}

/* The file keeps what is in no sum that it has. */
static void bury(struct push_workers *all, struct push_worker *w)
{
	struct push_owner *owner = &w->owner->base;

	if (w->page.saved) {
		push_dead_keep(&all->dead, w->page.saved, owner, w->page.text.text.size);
		w->owner = NULL;
		w->page.saved = NULL;
	}
	worker_free(all, w);
}

static void replace_page(struct push_workers *all, struct push_worker *w, const struct push_change *c)
{
	size_t size = w->page.text.text.size;

	if (all->fold.kept > 0) {
		push_dead_keep_anew(&all->dead, w->page.saved, size);
		w->page.saved = NULL;
	} else if (push_dead_owes(&all->dead)) {
		push_dead_keep(&all->dead, w->page.saved, NULL, size);
		w->page.saved = NULL;
	}
	page_free(all, &w->page);
	w->page = c->page;
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
	all->changed = true;
	all->work = PUSH_RESTS;
	if (c->death) {
		++*all->folded;
		bury(all, w);
	} else {
		replace_page(all, w, c);
		w->number = ++all->numbers;
		w->in_line--;
	}
	all->fold = (struct push_fold){ 0 };
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
		page_free(all, &c->page);
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

static void begin_sum(struct push_workers *all)
{
	all->changed = false;
	all->summed_for = all->asks;
	all->summed = all->first;
	push_show_begin(&all->show);
	all->work = PUSH_SUMS;
}

/* The gauges of those that are gone are not there. */
static bool next_page(void *context, struct push_show_page *ret)
{
	struct push_workers *all = context;
	struct push_worker *w;

	while (all->summed && !all->summed->page.batch)
		all->summed = all->summed->next;
	w = all->summed;
	if (!w)
		return false;
	*ret = (struct push_show_page){
		.text = w->page.text, .worker = w->label, .number = w->number, .lives = w->link != NULL
	};
	all->summed = w->next;
	return true;
}

/* If there is no memory, what is shown stays, and so does `changed`. */
static void sum_some(struct push_workers *all)
{
	switch (push_show_some(&all->show)) {
	case PUSH_MORE:
		return;
	case PUSH_STUCK:
		all->work = PUSH_RESTS;
		all->changed = true;
		wait_for_memory(all);
		answer(all);
		return;
	case PUSH_DONE:
		all->work = PUSH_RESTS;
		all->short_of_memory = false;
		if (all->summed_for == all->asks)
			answer(all);
	}
}

/* What is to be done. */

static bool dead_due(const struct push_workers *all)
{
	return push_dead_due(&all->dead, loop_now(loop_of(all)));
}

static void save_dead(struct push_workers *all)
{
	all->work = push_dead_some(&all->dead, loop_now(loop_of(all))) ? PUSH_SAVES_DEAD : PUSH_RESTS;
}

static void begin_something(struct push_workers *all)
{
	if (dead_due(all))
		save_dead(all);
	else if (all->asked && (!all->waiting || all->waiting->number > all->wanted)) {
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
	case PUSH_SAVES_DEAD:
		save_dead(all);
		return;
	case PUSH_SUMS:
		sum_some(all);
	}
}

static bool has_work(const struct push_workers *all)
{
	return !loop_timer_pending(&all->again) &&
	       (all->work != PUSH_RESTS || all->waiting || all->asked || dead_due(all));
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

/* The sum of the dead may be due since the file was lost, or once more. */
static void on_look(void *context)
{
	struct push_workers *all = context;

	if (has_work(all))
		go_on(all);
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

/* What the last run has left. */

static void on_sum(void *context, struct bytes text)
{
	struct push_workers *all = context;

	push_dead_add(&all->dead, &all->modes, text);
	all->changed = true;
}

static void on_sum_ended(void *context, struct push_saved *saved)
{
	push_dead_added(&((struct push_workers *)context)->dead, saved);
}

/* Its pages follow. */
static bool on_owner(void *context, const struct push_owner *found)
{
	struct push_workers *all = context;
	char name[PUSH_WORKER_NAME_MAX + 1];
	bool is_process = found->identity.size > 0 && found->identity.data[0] == PROCESS_MARK;
	const char *why;
	struct push_worker *w;

	if (found->identity.size > PUSH_WORKER_NAME_MAX || memchr(found->identity.data, '\0', found->identity.size))
		return false;
	memcpy(name, found->identity.data, found->identity.size);
	name[found->identity.size] = '\0';
	if (name[0] && !push_worker_name_fine(name + is_process, &why))
		return false;
	w = is_process ? worker_new(all, "", name + 1) : worker_new(all, name, "");
	push_file_adopt(all->file, &w->owner->base, found, identity_of(w->owner));
	all->restored = w;
	return true;
}

static void on_page(void *context, struct push_found *found)
{
	struct push_workers *all = context;
	const struct push_worker_page page = { found->batch, { found->text, found->format }, found->saved };

	wait_in_line(all, all->restored, &page);
	all->restored_dead = found->marked;
	found->batch = NULL;
	found->saved = NULL;
}

/* If its latest page is marked, the worker was dead. */
static void on_ended(void *context)
{
	struct push_workers *all = context;
	struct push_worker *w = all->restored;

	w->buried = all->restored_dead;
	go(all, w);
	if (w->buried && w->life == LIFE_GONE)
		die(all, w);
	all->restored = NULL;
	all->restored_dead = false;
}

struct push_visit push_workers_visit(struct push_workers *all)
{
	return (struct push_visit){ on_sum, on_sum_ended, on_owner, on_page, on_ended, all };
}

void push_workers_init(struct push_workers *all, struct host *host, const struct push_workers_options *o)
{
	*all = (struct push_workers){
		.host = host, .modes = o->modes, .grace = o->grace, .gone_max = o->gone_max, .file = o->file
	};
	all->last = &all->first;
	all->waiting_last = &all->waiting;
	all->seed = random_next(host_random(host));
	push_dead_init(&all->dead, host, all->seed, all->file);
	push_file_watch(all->file, on_look, all);
	push_show_init(&all->show, host, all->seed,
		&(struct push_show_options){ &all->modes, &all->dead.sum, next_page, all });
	loop_soon_init(&all->soon, host_loop(host), on_soon, all);
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
	json_put_u64(w, "series", all->show.last.series);
	json_put_u64(w, "series_of_the_dead", all->dead.sum.series);
	push_show_report(&all->show, w);
	json_put_end(w);
}

int push_workers_relabel(struct push_workers *all, const struct option_items *items)
{
	return push_show_relabel(&all->show, items);
}

void push_workers_done(struct push_workers *all)
{
	if (!all->host)
		return;
	all->ready = NULL;
	push_fold_done(&all->fold);
	while (all->waiting) {
		page_free(all, &all->waiting->page);
		leave_line(all, &all->waiting);
	}
	while (all->first)
		worker_free(all, all->first);
	push_dead_done(&all->dead);
	push_show_done(&all->show);
	loop_soon_done(&all->soon);
	loop_timer_done(&all->again);
	loop_timer_done(&all->ends);
}
