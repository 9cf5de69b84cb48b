#include "admin/outgoing.h"

#include <stdlib.h>

#include "admin/metrics.h"
#include "agent_config.h"
#include "core.h"
#include "host.h"
#include "loop/lane.h"
#include "outlet.h"
#include "pipeline/sender.h"
#include "pipeline/source.h"
#include "proto/samples_item.h"
#include "proto/series_gone.h"
#include "spool/spool.h"

enum {
	ITEM_BYTES = 256 << 10, /* of an item, and one line more */
	SLICE_BYTES = 256 << 10, /* that are cut before the loop looks at other events */
	ITEMS_AT_ONCE = 16, /* the same: each is a batch, and a commit of the spool */
	SHED_AT_ONCE = 64, /* of what waits, in one callback */
	ENDED_MAX = 1 << 20, /* of series that have ended, in one round; of others nobody is told */
	ROUND_S = 60, /* how long a round may take */
	LAST_ROUND_MS = 2000, /* the same, when the process ends */
	/* A receiver takes no samples that are further ahead of its clock than that: Prometheus, write_handler.go,
	 * maxAheadTime. */
	AHEAD_MAX_MS = 10 * 60 * 1000,
	CATCH_UP = 16, /* behind a clock that was set back, time goes slower by this part */
};

enum outgoing_state { OUTGOING_IDLE, OUTGOING_ASKED, OUTGOING_LOOKING, OUTGOING_CUTTING, OUTGOING_STATES };

static const bool moves[OUTGOING_STATES][OUTGOING_STATES] = {
	[OUTGOING_IDLE] = { [OUTGOING_ASKED] = true },
	[OUTGOING_ASKED] = { [OUTGOING_LOOKING] = true, [OUTGOING_CUTTING] = true, [OUTGOING_IDLE] = true },
	[OUTGOING_LOOKING] = { [OUTGOING_CUTTING] = true, [OUTGOING_IDLE] = true },
	[OUTGOING_CUTTING] = { [OUTGOING_IDLE] = true },
};

/*
 * To one exporter.
 *
 * Invariant: there is a page from LOOKING on, kept as the taker's; `again` only if it is not idle.
 */
struct outgoing_way {
	struct outgoing_way *next;
	struct outgoing *all;
	const struct outlet *outlet;
	struct source *source;
	enum outgoing_state state;
	struct page_taker taker;
	struct loop_timer timer;
	struct loop_soon slice;
	struct http_page *page;
	struct samples_cut cut; /* of the page, then of `ended` */
	bool cutting_ended;
	int64_t at_ms; /* of the round under way, or of the last one, */
	struct mono_time collected; /* and when that was */
	bool ahead; /* of the clock, which was set back; and the log says so */
	bool again; /* another round is wanted when this one is over */
	bool stopped;
	bool shedding; /* and the log says so */
	bool cramped; /* there was no room for a page, and the log says so */
	bool excess; /* samples exceed a ceiling, and the log says so */
	/* The lane's while a job is under way. */
	struct job job;
	struct series_gone *gone;
	struct buffer ended; /* lines of series that have */
	int failed;
	size_t charged; /* taken for `gone` */
};

static void move(struct outgoing_way *w, enum outgoing_state to)
{
	OXP_ASSERT(moves[w->state][to]);
	w->state = to;
}

static const struct metrics_export *options(const struct outgoing_way *w)
{
	return &w->outlet->config->metrics;
}

static struct sender *sender_of(const struct outgoing_way *w)
{
	return w->outlet->sender;
}

/* What waits. */

static void shed(struct outgoing_way *w, enum ledger_term term)
{
	if (!w->shedding)
		host_log(w->outlet->host, LOG_LEVEL_WARN,
			"samples are dropped, the oldest first: %s; they are counted as dropped{%s}",
			term == LEDGER_DROPPED_AGE ? "they have waited longer than `age`"
						   : "more wait than `queue` or `memory` have room for",
			ledger_term_reason(term));
	w->shedding = true;
	sender_shed(sender_of(w), term);
}

/* Also what is yet to be read from the disk. */
static const struct ledger_amount *held(const struct outgoing_way *w)
{
	return &source_row(w->source, 0)->live->term[LEDGER_HELD];
}

static bool is_too_old(const struct outgoing_way *w, const struct send *send)
{
	struct mono_time now = loop_now(w->all->in.core->loop);

	return options(w)->age.ns > 0 && mono_since(now, send->delivery->since).ns > options(w)->age.ns;
}

static void keep_ceilings(struct outgoing_way *w)
{
	const struct send *send;
	size_t left = SHED_AT_ONCE;

	while (sender_oldest_waiting(sender_of(w)) && held(w)->bytes > options(w)->queue && left-- > 0)
		shed(w, LEDGER_DROPPED_FULL);
	left = SHED_AT_ONCE;
	while ((send = sender_oldest_waiting(sender_of(w))) && is_too_old(w, send) && left-- > 0)
		shed(w, LEDGER_DROPPED_AGE);
	if (w->shedding && held(w)->records == 0) {
		host_log(w->outlet->host, LOG_LEVEL_INFO, "no samples are dropped any more");
		w->shedding = false;
	}
}

/* Offering. */

static void lose(struct outgoing_way *w, uint64_t samples, uint64_t bytes)
{
	if (!w->shedding)
		host_log(w->outlet->host, LOG_LEVEL_WARN,
			"there is no room in memory for samples: they are counted as dropped{full}");
	w->shedding = true;
	source_lost(w->source, samples, bytes);
}

static enum admit offer(struct outgoing_way *w, struct batch **batch)
{
	struct spool *spool = w->all->in.spool;

	if (spool_is_reading(spool, w->source))
		return spool_offer_behind(spool, w->source, batch);
	if (options(w)->spool)
		return spool_offer_anyway(spool, w->source, batch);
	return source_offer(w->source, batch);
}

/* The oldest of what waits makes room for what a row of the spool takes. */
static void hand_over(struct outgoing_way *w, struct batch *batch)
{
	enum admit admitted = offer(w, &batch);

	if (admitted == ADMIT_FULL && sender_oldest_waiting(sender_of(w))) {
		shed(w, LEDGER_DROPPED_FULL);
		admitted = offer(w, &batch);
	}
	if (admitted != ADMIT_TAKEN)
		lose(w, batch_records(batch), batch_size(batch));
	batch_free(batch);
}

/* Whether there was room for it. */
static bool add_piece(const struct outgoing_way *w, struct batch *batch, const struct samples_piece *p)
{
	char head[SAMPLES_HEAD_MAX], *data;
	size_t first = samples_head_write(w->at_ms, w->cutting_ended, head), size = first + samples_piece_size(p);
	struct batch_item item = { .size = (uint32_t)size, .records = p->samples };

	data = batch ? batch_block(batch, size) : NULL;
	if (!data)
		return false;
	item.data = data;
	memcpy(data, head, first);
	samples_piece_put(p, data + first);
	return batch_add(batch, &item) == 0;
}

/* A batch of one piece, for which the oldest of what waits makes room. */
static struct batch *batch_of(struct outgoing_way *w, const struct samples_piece *p)
{
	for (;;) {
		struct batch *batch = source_batch_new(w->source);
		if (add_piece(w, batch, p))
			return batch;
		batch_free(batch);
		if (!sender_oldest_waiting(sender_of(w)))
			return NULL;
		shed(w, LEDGER_DROPPED_FULL);
	}
}

/* A round. */

static void begin_round(struct outgoing_way *w)
{
	bool ends = w->all->in.core->phase >= AGENT_DRAINING;

	if (w->stopped)
		return;
	keep_ceilings(w);
	move(w, OUTGOING_ASKED);
	metrics_want(w->all->in.metrics, &w->taker, ends ? DURATION_MS(LAST_ROUND_MS) : DURATION_S(ROUND_S));
}

static void end_round(struct outgoing_way *w)
{
	bool again = w->again;

	if (w->page) {
		metrics_left(&w->taker);
		http_page_release(w->page);
	}
	w->page = NULL;
	buffer_done(&w->ended);
	move(w, OUTGOING_IDLE);
	w->again = false;
	if (again)
		begin_round(w);
}

static void want(struct outgoing_way *w)
{
	if (w->state == OUTGOING_IDLE)
		begin_round(w);
	else
		w->again = true;
}

/* Of what has ended, nobody has these. */
static void leave_out(struct outgoing_way *w, const struct samples_piece *p)
{
	if (w->cutting_ended)
		return;
	if (!w->excess)
		host_log(w->outlet->host, LOG_LEVEL_WARN,
			"samples with more than %d labels, with a time more than 10 min ahead, or another excess, are "
			"left out: they are counted as dropped{ceiling}",
			EXPOSITION_LABELS_MAX);
	w->excess = true;
	source_excess(w->source, p->excess, p->excess_bytes);
}

static void send_piece(struct outgoing_way *w, const struct samples_piece *p)
{
	struct batch *batch;

	if (p->excess > 0)
		leave_out(w, p);
	if (p->samples == 0)
		return;
	batch = batch_of(w, p);
	if (batch)
		hand_over(w, batch);
	else
		lose(w, p->samples, p->lines.size - p->excess_bytes - p->other_bytes);
}

/* The page, then what has ended. */
static void cut_slice(void *context)
{
	struct outgoing_way *w = context;
	size_t from = w->cut.at;
	struct samples_piece p;
	size_t items = 0;
	bool more;

	while ((more = samples_cut_next(&w->cut, options(w)->samples, ITEM_BYTES, &p))) {
		send_piece(w, &p);
		if (++items == ITEMS_AT_ONCE || w->cut.at - from >= SLICE_BYTES)
			break;
	}
	if (!more && w->cutting_ended) {
		end_round(w);
		return;
	}
	if (!more && w->cut.any_others && !w->cut.pass.timed) {
		samples_cut_timed(&w->cut, w->at_ms + AHEAD_MAX_MS);
	} else if (!more) {
		w->cutting_ended = true;
		samples_cut_init(&w->cut, buffer_bytes(&w->ended));
	}
	loop_soon_run(&w->slice);
}

static void begin_cutting(struct outgoing_way *w)
{
	move(w, OUTGOING_CUTTING);
	w->cutting_ended = false;
	samples_cut_init(&w->cut, http_page_bytes(w->page));
	loop_soon_run(&w->slice);
}

/* In the CPU lane. */
static void look(struct job *job)
{
	struct outgoing_way *w = CONTAINER_OF(job, struct outgoing_way, job);

	w->failed = series_gone_next(w->gone, http_page_bytes(w->page), &w->ended);
}

/* What is remembered of the page is within `memory`, too. */
static void charge(struct outgoing_way *w)
{
	struct budget *b = w->all->in.budget;

	budget_give(b, SIGNAL_METRICS, w->charged);
	w->charged = series_gone_size(w->gone);
	if (budget_take(b, SIGNAL_METRICS, w->charged))
		return;
	w->failed = -ENOMEM;
	series_gone_forget(w->gone);
	w->charged = 0;
}

static void looked(struct job *job)
{
	struct outgoing_way *w = CONTAINER_OF(job, struct outgoing_way, job);

	charge(w);
	if (w->failed)
		host_log(w->outlet->host, LOG_LEVEL_WARN,
			"there is no room in memory to find out which series end: they fade out instead");
	if (w->stopped)
		end_round(w);
	else
		begin_cutting(w);
}

/* There was no room for a page: what waits longest makes some until the next round. */
static void make_room(struct outgoing_way *w)
{
	if (!w->cramped)
		host_log(w->outlet->host, LOG_LEVEL_WARN,
			"a round of samples was left out: `memory` has no room for a page of them");
	w->cramped = true;
	for (size_t left = SHED_AT_ONCE; left > 0 && sender_oldest_waiting(sender_of(w)); left--)
		shed(w, LEDGER_DROPPED_FULL);
}

/* When that was, unless the clock was set since. */
static struct mono_time collected_at(const struct outgoing_way *w, struct wall_time at)
{
	const struct loop *loop = w->all->in.core->loop;
	struct mono_time now = loop_now(loop);
	int64_t ago = loop_wall(loop).ns - at.ns;

	if (ago > 0 && ago < DURATION_S(ROUND_S).ns)
		now.ns -= ago;
	return now;
}

/* The time of the next round, which was collected then. */
static int64_t next_time(struct outgoing_way *w, struct wall_time at)
{
	struct mono_time now = collected_at(w, at);
	int64_t passed = mono_since(now, w->collected).ns / 1000000, clock_ms = at.ns / 1000000;
	int64_t paced = w->at_ms + passed - passed / CATCH_UP;
	bool back = clock_ms<paced, far = w->at_ms - clock_ms> AHEAD_MAX_MS;

	if (back && !w->ahead)
		host_log(w->outlet->host, LOG_LEVEL_WARN,
			far ? "the clock was set back: the times of samples follow it; a receiver that has later ones "
			      "refuses them"
			    : "the clock was set back: the times of samples go on slowly until it has caught up");
	w->ahead = back && !far;
	w->collected = now;
	if (!w->ahead)
		return clock_ms;
	return paced > w->at_ms ? paced : w->at_ms + 1;
}

static bool take_page(struct page_taker *t, struct http_page *page, struct wall_time at)
{
	struct outgoing_way *w = CONTAINER_OF(t, struct outgoing_way, taker);

	if (!page && !w->stopped)
		make_room(w);
	if (!page || w->stopped) {
		end_round(w);
		return false;
	}
	w->at_ms = next_time(w, at);
	w->page = http_page_hold(page);
	w->cramped = false;
	w->failed = 0;
	buffer_init(&w->ended, ENDED_MAX);
	w->job = (struct job){ .work = look, .done = looked };
	if (sender_of(w)->type->tells_ends && lane_run(w->all->in.core->cpu, &w->job) == 0)
		move(w, OUTGOING_LOOKING);
	else
		begin_cutting(w);
	return true;
}

static void on_timer(void *context)
{
	struct outgoing_way *w = context;

	loop_timer_set(&w->timer, options(w)->interval);
	if (w->state == OUTGOING_IDLE)
		begin_round(w);
}

void outgoing_init(struct outgoing *all, const struct outgoing_options *o)
{
	*all = (struct outgoing){ .in = *o };
}

void outgoing_add(struct outgoing *all, const struct outlet *outlet, struct source *source, bool any_names)
{
	struct outgoing_way *w = oxp_new(sizeof *w);
	struct loop *loop = all->in.core->loop;

	*w = (struct outgoing_way){ .next = all->first, .all = all, .outlet = outlet, .source = source };
	w->taker = (struct page_taker){ .wish = { .format = EXPOSITION_OPENMETRICS,
						.escaping = any_names ? EXPOSITION_UTF8 : EXPOSITION_UNDERSCORES,
						.natives = true },
		.take = take_page };
	w->gone = series_gone_new(random_next(&all->in.core->random));
	loop_timer_init(&w->timer, loop, on_timer, w);
	loop_soon_init(&w->slice, loop, cut_slice, w);
	metrics_add_taker(all->in.metrics, &w->taker);
	all->first = w;
}

void outgoing_start(struct outgoing *all)
{
	for (struct outgoing_way *w = all->first; w; w = w->next)
		loop_timer_set(&w->timer, options(w)->interval);
}

void outgoing_drain(struct outgoing *all)
{
	for (struct outgoing_way *w = all->first; w; w = w->next)
		want(w);
}

bool outgoing_has_ended(struct outgoing *all)
{
	bool ended = true;

	for (struct outgoing_way *w = all->first; w; w = w->next) {
		if (!all->quiet)
			want(w);
		ended = ended && w->state == OUTGOING_IDLE && !spool_is_reading(all->in.spool, w->source);
	}
	all->quiet = true;
	return ended;
}

void outgoing_stop(struct outgoing *all)
{
	for (struct outgoing_way *w = all->first; w; w = w->next) {
		w->stopped = true;
		w->again = false;
		loop_timer_clear(&w->timer);
		loop_soon_done(&w->slice);
		if (w->state == OUTGOING_CUTTING)
			end_round(w);
	}
}

void outgoing_done(struct outgoing *all)
{
	for (struct outgoing_way *w; (w = all->first);) {
		all->first = w->next;
		OXP_ASSERT(!w->page);
		loop_timer_done(&w->timer);
		loop_soon_done(&w->slice);
		budget_give(all->in.budget, SIGNAL_METRICS, w->charged);
		series_gone_free(w->gone);
		buffer_done(&w->ended);
		free(w);
	}
}
