#include "admin/metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/own_numbers.h"
#include "admin/snapshot.h"
#include "core.h"
#include "host.h"
#include "intake.h"
#include "pipeline/budget.h"
#include "proto/gzip.h"
#include "series/only.h"
#include "series/span_table.h"

enum {
	PAGE_BESIDE = OWN_NUMBERS_MAX + 1024, /* bytes of a page that are not of series; # EOF among them */
	PAGE_SPARE = 128 << 10, /* bytes that a page may have taken beyond its size, which is what it is charged for */
	PACKED_SPARE = 4 << 10, /* bytes gzip may take beyond half of the page; beyond that, the page goes out plain */
	HELD_PART = 8, /* pages that are being read while another is made may take this part of `memory` */
	HOLD_MIN_MS = 1000, /* readers keep a page at least this long before they are cut off for the next */
	ROOM_AGAIN_MS = 10,
	SLICE_BYTES = 64 << 10, /* bytes written before the loop looks at other events */
	TIME_LEFT_PART = 80, /* per cent of the time that Prometheus allows; a round takes no longer */
	TIME_LEFT_MAX_S = 60,
	CLASHED_S = 600, /* how long a format that nobody asks for any more counts as having clashes */
};

/* A page that is being read: its bytes, and how much of `memory` was taken for it. */
struct shown {
	struct shown *next;
	struct metrics *metrics;
	struct http_page *page;
	struct buffer bytes;
	size_t charge;
	struct mono_time since;
	size_t takers; /* that keep it, and cannot be cut off */
	bool plain;
};

static void write_slice(void *context);
static void begin_round(struct metrics *m, struct duration within);

/* Pages. */

static struct budget *budget(const struct metrics *m)
{
	return m->in.budget;
}

/* Whether the room that was taken with the series is free: no page being read uses it. */
static bool is_room_free(const struct metrics *m)
{
	const struct shown *s = m->shown;

	while (s && s->charge >= s->bytes.size)
		s = s->next;
	return !s && !m->page.data;
}

static void page_gone(void *context, struct bytes bytes)
{
	struct shown *s = context, **at = &s->metrics->shown;
	struct metrics *m = s->metrics;

	(void)bytes;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (s->plain && is_room_free(m) && s->bytes.room <= series_page_max(m->in.core->series) + PAGE_BESIDE) {
		m->page = s->bytes; /* the next page reuses its memory, and may have begun: nothing is written yet */
		buffer_clear(&m->page);
	} else {
		buffer_done(&s->bytes);
	}
	budget_give(budget(m), SIGNAL_METRICS, s->charge);
	free(s);
}

/* Moves the bytes into a page; the caller is its holder. */
static struct shown *show(struct metrics *m, struct buffer *bytes, size_t charge)
{
	struct shown *s = oxp_new(sizeof *s);

	*s = (struct shown){ .next = m->shown, .metrics = m, .bytes = *bytes, .charge = charge };
	*bytes = (struct buffer){ .ceiling = bytes->ceiling };
	s->since = loop_now(m->in.core->loop);
	s->page = http_page_new(buffer_bytes(&s->bytes), page_gone, s);
	m->shown = s;
	return s;
}

/* Takes the rest of the page from `memory`. Returns false if there is no room. */
static bool pay(struct metrics *m, struct shown *s)
{
	size_t due = s->bytes.size - s->charge;

	if (due > 0 && !budget_take(budget(m), SIGNAL_METRICS, due))
		return false;
	s->charge += due;
	return true;
}

/* Whether the next page may be made: all other pages are paid for and not too large. Cuts off readers that are in the
 * way. */
static bool has_room(struct metrics *m)
{
	size_t held = 0, most = budget(m)->limit / HELD_PART;
	bool room = true;

	for (struct shown *s = m->shown; s; s = s->next) {
		held += s->takers ? 0 : s->bytes.size;
		if ((s->takers || held <= most) && pay(m, s))
			continue;
		room = false;
		if (m->listen && mono_since(loop_now(m->in.core->loop), s->since).ns > DURATION_MS(HOLD_MIN_MS).ns)
			http_server_cut_page(m->listen, s->page);
	}
	return room;
}

/* Rounds. */

/* Returns how long the peer will wait. */
static struct duration time_left(const struct http_request *request)
{
	const char *text = request ? http_request_header(request, "X-Prometheus-Scrape-Timeout-Seconds") : NULL;
	double seconds = text ? strtod(text, NULL) : 0;

	if (!(seconds > 0) || seconds > TIME_LEFT_MAX_S)
		seconds = TIME_LEFT_MAX_S;
	return (struct duration){ (int64_t)(seconds * TIME_LEFT_PART / 100 * 1e9) };
}

/* The round has no more pages to make. What came meanwhile, and wants one that was not made any more, has the next. */
static void end_round(struct metrics *m)
{
	const struct pull *p = m->pulls.first;
	const struct page_taker *t = m->takers;

	m->state = METRICS_IDLE;
	while (t && !t->due)
		t = t->next;
	if (p || t)
		begin_round(m, time_left(p ? p->request : NULL));
}

static int write_own(void *context, struct buffer *to)
{
	const struct metrics *m = context;

	return own_numbers_write(m->in.core, m->wish.format, m->wish.only, to);
}

/* Which page is made next. False: none. */
static bool choose_page(struct metrics *m)
{
	const struct pull *p = pulls_due(&m->pulls);
	const struct page_taker *t = m->takers;

	while (t && !t->now)
		t = t->next;
	series_only_release(m->wish.only);
	m->wish = p ? p->wish : t ? t->wish : (struct page_wish){ .format = EXPOSITION_TEXT };
	series_only_hold(m->wish.only);
	return p || t;
}

static void begin_page(void *context)
{
	struct metrics *m = context;

	if (!choose_page(m)) {
		end_round(m);
		return;
	}
	m->state = METRICS_WAITING;
	if (!has_room(m)) {
		loop_timer_set(&m->room, DURATION_MS(ROOM_AGAIN_MS));
		return;
	}
	m->state = METRICS_WRITING;
	buffer_clear(&m->page);
	if (m->page.room > series_page_max(m->in.core->series) + PAGE_BESIDE)
		buffer_done(&m->page); /* the buffer is from a time with more series */
	series_age(m->in.core->series, loop_now(m->in.core->loop));
	series_cursor_init(&m->cursor, m->in.core->series, m->wish.format);
	m->cursor.escaping = m->wish.escaping;
	m->cursor.only = m->wish.only;
	m->cursor.own = write_own;
	m->cursor.own_context = m;
	m->failed = 0;
	loop_soon_run(&m->slice);
}

/* All collectors have answered, or it is too late for the others. */
static void begin_pages(void *context)
{
	struct metrics *m = context;

	loop_timer_clear(&m->late);
	pulls_make_due(&m->pulls);
	m->collected = loop_wall(m->in.core->loop);
	for (struct page_taker *t = m->takers; t; t = t->next)
		t->now = t->due;
	m->most_clashes = 0;
	begin_page(m);
}

static void on_collected(void *context)
{
	struct metrics *m = context;

	if (m->state == METRICS_COLLECTING && --m->collecting == 0)
		begin_pages(m);
}

/* Counts one more as collecting while it asks the collectors, since one may answer at once. */
static void begin_round(struct metrics *m, struct duration within)
{
	struct mono_time deadline = mono_after(loop_now(m->in.core->loop), within);

	m->state = METRICS_COLLECTING;
	m->collecting = 1;
	loop_timer_set(&m->late, (struct duration){ within.ns + DURATION_MS(20).ns });
	for (struct intake *i = m->in.intakes->first; i; i = i->next)
		if (i->started && i->type->collect) {
			m->collecting++;
			i->type->collect(i->collector, deadline);
		}
	on_collected(m);
}

static void answer(const struct metrics *m, const struct pull *p, const struct shown *plain, const struct shown *small)
{
	static const char *const packed_headers[] = { "Content-Encoding", "gzip", "Vary", "Accept, Accept-Encoding",
		NULL };
	static const char *const plain_headers[] = { "Vary", "Accept, Accept-Encoding", NULL };
	bool packed = p->gzip && small;
	char type[PAGE_TYPE_SIZE];

	page_format_type(&p->format, type);
	if (m->failed)
		http_respond_text(p->request, 500, "text/plain", "the page is larger than this agent shows\n");
	else
		http_respond(p->request, &(struct http_answer){ .status = 200,
						 .content_type = type,
						 .headers = packed ? packed_headers : plain_headers,
						 .page = packed ? small->page : plain->page });
}

static void answer_all(struct metrics *m, const struct shown *plain, const struct shown *small)
{
	for (struct pull *p; (p = pulls_take(&m->pulls, &m->wish));) {
		answer(m, p, plain, small);
		pull_free(p);
	}
}

/* Shows the packed page, charged by its size. The rest of what was taken for it is given back. */
static struct shown *show_packed(struct metrics *m)
{
	size_t size = m->packed.size, charge = m->packed_charge;
	struct shown *small = NULL;

	m->packed_charge = 0;
	if (size > 0)
		small = show(m, &m->packed, size);
	buffer_done(&m->packed);
	budget_give(budget(m), SIGNAL_METRICS, charge - size);
	return small;
}

/* Takers. */

void metrics_add_taker(struct metrics *m, struct page_taker *t)
{
	t->next = m->takers;
	m->takers = t;
}

void metrics_want(struct metrics *m, struct page_taker *t, struct duration within)
{
	t->due = true;
	if (m->state == METRICS_IDLE && !m->stopped)
		begin_round(m, within);
}

void metrics_left(struct page_taker *t)
{
	OXP_ASSERT(t->kept && t->kept->takers > 0);
	t->kept->takers--;
	t->kept = NULL;
}

static bool is_of(const struct page_taker *t, const struct page_wish *wish)
{
	return t->wish.format == wish->format && t->wish.escaping == wish->escaping &&
	       series_only_same(t->wish.only, wish->only);
}

/* The taker may leave the page before it is back here. */
static void give(struct metrics *m, struct page_taker *t, struct shown *plain)
{
	bool may_keep = !m->failed && !t->kept && pay(m, plain);

	t->due = t->now = false;
	if (!may_keep) {
		(void)!t->take(t, NULL, m->collected);
		return;
	}
	t->kept = plain;
	plain->takers++;
	if (!t->take(t, plain->page, m->collected))
		metrics_left(t);
}

static void give_all(struct metrics *m, struct shown *plain)
{
	for (struct page_taker *t = m->takers; t; t = t->next)
		if (t->now && is_of(t, &m->wish))
			give(m, t, plain);
}

static void on_stored(void *context)
{
	metrics_left(context);
}

static bool store(struct page_taker *t, struct http_page *page, struct wall_time at)
{
	const struct metrics *m = CONTAINER_OF(t, struct metrics, store);

	(void)at;
	return page && snapshot_take(m->in.core, page, on_stored, t);
}

static void show_page(struct metrics *m)
{
	struct shown *small = show_packed(m), *plain;

	if (m->page.room - m->page.size > PAGE_SPARE)
		buffer_trim(&m->page);
	plain = show(m, &m->page, 0);
	plain->plain = true;
	answer_all(m, plain, small);
	give_all(m, plain);
	if (small)
		http_page_release(small->page);
	http_page_release(plain->page);
	begin_page(m);
}

/* Runs in the CPU lane. */
static void pack(struct job *job)
{
	struct metrics *m = CONTAINER_OF(job, struct metrics, job);
	int failed = gzip_begin(m->gzip, &m->packed);

	if (!failed)
		failed = gzip_feed(m->gzip, m->page.data, m->page.size);
	if (failed || gzip_end(m->gzip))
		buffer_clear(&m->packed); /* then the page goes out plain */
}

static void packed(struct job *job)
{
	struct metrics *m = CONTAINER_OF(job, struct metrics, job);

	m->packing = false;
	show_page(m);
}

/* Takes room for the packed page. If there is none, the page goes out plain. */
static bool may_pack(struct metrics *m)
{
	size_t most = m->page.size / 2 + PACKED_SPARE;

	if (m->failed || !pulls_want_gzip(&m->pulls, &m->wish) || !budget_take(budget(m), SIGNAL_METRICS, most))
		return false;
	m->packed_charge = most;
	buffer_init(&m->packed, most);
	return true;
}

/* What clashes differs by format. A reader that had some and has gone says nothing of their end. */
static unsigned clashed_now(struct metrics *m)
{
	unsigned formats = m->clashed[m->wish.escaping], format = 1u << m->wish.format;
	struct mono_time *at = &m->clashed_at[m->wish.escaping], now = loop_now(m->in.core->loop);

	if (m->cursor.left_out > 0) {
		*at = now;
		return formats | format;
	}
	return mono_since(now, *at).ns < DURATION_S(CLASHED_S).ns ? formats & ~format : 0;
}

/* Says when names that are escaped begin to clash, and when that is over: in each way to escape them, whatever the
 * formats that readers ask for in turn. */
static void tell_clashes(struct metrics *m)
{
	const struct series_cursor *c = &m->cursor;
	enum exposition_escaping way = m->wish.escaping;
	const char *name = page_escaping_name(way);
	unsigned clashed;

	if (m->failed || m->wish.only || way == EXPOSITION_UTF8)
		return;
	*m->clashes = c->left_out > m->most_clashes ? c->left_out : m->most_clashes;
	m->most_clashes = *m->clashes;
	clashed = clashed_now(m);
	if (clashed && !m->clashed[way])
		log_warn(m->in.core->log, "metrics",
			"%llu samples are not shown where names are escaped with %s, the first of %s: its name, or "
			"that "
			"of one of its labels, is then another's; a reader that asks for escaping=allow-utf-8 gets "
			"them",
			(unsigned long long)c->left_out, name, c->first_left_out);
	else if (!clashed && m->clashed[way])
		log_info(m->in.core->log, "metrics", "all samples are shown again where names are escaped with %s",
			name);
	m->clashed[way] = clashed;
}

static void end_page(struct metrics *m)
{
	m->job = (struct job){ .work = pack, .done = packed };
	tell_clashes(m);
	if (!m->failed && m->wish.format == EXPOSITION_OPENMETRICS)
		m->failed = buffer_text(&m->page, "# EOF\n");
	m->packing = may_pack(m) && lane_run(m->in.core->cpu, &m->job) == 0;
	if (!m->packing)
		show_page(m);
}

static void write_slice(void *context)
{
	struct metrics *m = context;
	size_t most = series_page_max(m->in.core->series) + PAGE_BESIDE;
	int more;

	m->page.ceiling = most > m->page.ceiling ? most : m->page.ceiling;
	more = series_write_some(&m->cursor, &m->page, SLICE_BYTES);
	if (more > 0) {
		loop_soon_run(&m->slice);
		return;
	}
	m->failed = more;
	end_page(m);
}

void metrics_pull(void *context, struct http_request *request)
{
	struct metrics *m = context;

	pulls_add(&m->pulls, request);
	if (m->state == METRICS_IDLE)
		begin_round(m, time_left(request));
}

void metrics_gone(void *context, struct http_request *request)
{
	struct metrics *m = context;

	pulls_gone(&m->pulls, request);
}

static bool has_series(const struct metrics *m)
{
	for (const struct intake *i = m->in.intakes->first; i; i = i->next)
		if (i->type->collect && (!i->type->has_series || i->type->has_series(i->collector)))
			return true;
	return false;
}

/* Gives the embedded store the page that a pull would show. */
static void on_snapshot(void *context)
{
	struct metrics *m = context;

	loop_timer_set(&m->snapshot, m->in.snapshot);
	if (has_series(m))
		metrics_want(m, &m->store, DURATION_S(TIME_LEFT_MAX_S));
}

void metrics_init(struct metrics *m, const struct metrics_options *o)
{
	struct loop *loop = o->core->loop;

	*m = (struct metrics){ .in = *o };
	m->clashes = &counter_row(&o->core->counters, COUNTER_GAUGE, "metrics_name_clashes", "",
		"Samples that the last pages with escaped names left out, since they were called like others.")
			      ->value;
	loop_timer_init(&m->late, loop, begin_pages, m);
	loop_timer_init(&m->room, loop, begin_page, m);
	loop_timer_init(&m->snapshot, loop, on_snapshot, m);
	loop_soon_init(&m->slice, loop, write_slice, m);
	m->store = (struct page_taker){ .wish = { .format = EXPOSITION_TEXT }, .take = store };
	metrics_add_taker(m, &m->store);
	m->gzip = gzip_new();
	OXP_ASSERT(m->gzip && "out of memory");
}

void metrics_done(struct metrics *m)
{
	pulls_done(&m->pulls);
	series_only_release(m->wish.only);
	loop_timer_done(&m->late);
	loop_timer_done(&m->room);
	loop_timer_done(&m->snapshot);
	loop_soon_done(&m->slice);
	buffer_done(&m->page);
	buffer_done(&m->packed);
	gzip_free(m->gzip);
}

void metrics_add(struct metrics *m, struct intake *i)
{
	struct ledger_row *row = ledger_row(&m->in.core->ledger, "metrics", i->host->name, "series");

	host_set_samples(i->host, row, on_collected, m);
}

static bool collects(const struct intakes *all)
{
	for (const struct intake *i = all->first; i; i = i->next)
		if (i->type->collect)
			return true;
	return false;
}

void metrics_start(struct metrics *m, struct http_server *listen)
{
	m->listen = listen;
	if (collects(m->in.intakes) && m->in.snapshot.ns > 0)
		loop_timer_set(&m->snapshot, m->in.snapshot);
}

void metrics_stop(struct metrics *m)
{
	m->listen = NULL;
	m->stopped = true;
}
