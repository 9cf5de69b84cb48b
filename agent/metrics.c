#include "metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "agent.h"
#include "http/accept.h"
#include "proto/gzip.h"
#include "snapshot.h"

enum {
	PAGE_MAX = 64 << 20, /* a page that is larger is answered 500 */
	SLICE_BYTES = 64 << 10, /* written between two looks at what else is ready */
	TIME_LEFT_PART = 80, /* of 100: what a round takes of the time Prometheus leaves */
	TIME_LEFT_MAX_S = 60,
};

struct pull {
	struct pull *next;
	struct http_request *request;
	bool gzip;
};

static void write_slice(void *context);

/* The time that whoever asks will wait. */
static struct duration time_left(const struct http_request *request)
{
	const char *text = request ? http_request_header(request, "X-Prometheus-Scrape-Timeout-Seconds") : NULL;
	double seconds = text ? strtod(text, NULL) : 0;

	if (!(seconds > 0) || seconds > TIME_LEFT_MAX_S)
		seconds = TIME_LEFT_MAX_S;
	return (struct duration){ (int64_t)(seconds * TIME_LEFT_PART / 100 * 1e9) };
}

static void begin_writing(struct metrics *m)
{
	loop_timer_clear(&m->late);
	m->state = METRICS_WRITING;
	buffer_clear(&m->page);
	series_cursor_init(&m->cursor, m->agent->series);
	m->failed = 0;
	loop_soon_run(&m->slice);
}

static void on_collected(void *context)
{
	struct metrics *m = context;

	if (m->state == METRICS_COLLECTING && --m->collecting == 0)
		begin_writing(m);
}

static void on_late(void *context)
{
	begin_writing(context);
}

/* One more is counted as collecting while the collectors are asked, since one may answer at once. */
static void begin_round(struct metrics *m, struct duration within)
{
	struct mono_time deadline = mono_after(loop_now(m->agent->loop), within);

	m->state = METRICS_COLLECTING;
	m->collecting = 1;
	loop_timer_set(&m->late, (struct duration){ within.ns + DURATION_MS(20).ns });
	for (struct intake *i = m->agent->intakes; i; i = i->next)
		if (i->started && i->type->collect) {
			m->collecting++;
			i->type->collect(i->collector, deadline);
		}
	on_collected(m);
}

static int write_own_numbers(struct metrics *m)
{
	struct agent *a = m->agent;
	int failed = counters_write(&a->counters, &m->page);

	if (!failed)
		failed = report_ledger_metrics(&a->ledger, &m->page);
	return failed ? failed : report_slices(loop_slices(a->loop), &m->page);
}

static void answer(struct metrics *m, const struct pull *p)
{
	static const char *const packed_headers[] = { "Content-Encoding", "gzip", "Vary", "Accept-Encoding", NULL };
	static const char *const plain_headers[] = { "Vary", "Accept-Encoding", NULL };
	bool packed = p->gzip && m->packed.size > 0;
	const struct buffer *from = packed ? &m->packed : &m->page;
	struct buffer copy;

	buffer_init(&copy, PAGE_MAX);
	if (m->failed || buffer_append(&copy, from->data, from->size) < 0)
		http_respond_text(p->request, 500, "text/plain", "the page is larger than this agent shows\n");
	else
		http_respond(p->request, &(struct http_answer){ .status = 200,
						 .content_type = "text/plain; version=0.0.4; charset=utf-8",
						 .headers = packed ? packed_headers : plain_headers,
						 .body = &copy });
	buffer_done(&copy);
}

static void end_round(struct metrics *m)
{
	struct pull *p, *pulls = m->pulls;

	m->pulls = NULL;
	m->state = METRICS_IDLE;
	m->want_gzip = false;
	while ((p = pulls)) {
		pulls = p->next;
		http_context_set(p->request, NULL);
		answer(m, p);
		free(p);
	}
	if (m->snapshot_due)
		snapshot_take(m->agent, buffer_bytes(&m->page));
	m->snapshot_due = false;
	buffer_done(&m->packed);
	buffer_done(&m->page);
}

/* In the CPU lane. */
static void pack(struct job *job)
{
	struct metrics *m = CONTAINER_OF(job, struct metrics, job);
	int failed = gzip_begin(m->gzip, &m->packed);

	if (!failed)
		failed = gzip_feed(m->gzip, m->page.data, m->page.size);
	if (failed || gzip_end(m->gzip))
		buffer_clear(&m->packed); /* then it goes out plain */
}

static void packed(struct job *job)
{
	struct metrics *m = CONTAINER_OF(job, struct metrics, job);

	m->packing = false;
	end_round(m);
}

static void end_page(struct metrics *m)
{
	m->job = (struct job){ .work = pack, .done = packed };
	if (!m->failed)
		m->failed = write_own_numbers(m);
	m->packing = m->want_gzip && !m->failed && lane_run(m->agent->cpu, &m->job) == 0;
	if (!m->packing)
		end_round(m);
}

static void write_slice(void *context)
{
	struct metrics *m = context;
	int more = series_write_some(&m->cursor, &m->page, SLICE_BYTES);

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
	struct pull *p = oxp_new(sizeof *p);

	p->request = request;
	p->gzip = http_accepts_gzip(http_request_header(request, "Accept-Encoding"));
	p->next = m->pulls;
	m->pulls = p;
	http_context_set(request, p);
	if (m->state != METRICS_WRITING)
		m->want_gzip = m->want_gzip || p->gzip;
	if (m->state == METRICS_IDLE)
		begin_round(m, time_left(request));
}

void metrics_gone(void *context, struct http_request *request)
{
	struct metrics *m = context;
	struct pull *p = http_context(request);

	for (struct pull **at = &m->pulls; p && *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			free(p);
			return;
		}
}

/* The embedded store takes what a pull would show. */
static void on_snapshot(void *context)
{
	struct metrics *m = context;

	loop_timer_set(&m->snapshot, m->agent->config->store.snapshot);
	m->snapshot_due = true;
	if (m->state == METRICS_IDLE)
		begin_round(m, DURATION_S(TIME_LEFT_MAX_S));
}

void metrics_init(struct metrics *m, struct agent *a)
{
	*m = (struct metrics){ .agent = a };
	buffer_init(&m->page, PAGE_MAX);
	buffer_init(&m->packed, PAGE_MAX);
	loop_timer_init(&m->late, a->loop, on_late, m);
	loop_timer_init(&m->snapshot, a->loop, on_snapshot, m);
	loop_soon_init(&m->slice, a->loop, write_slice, m);
	m->gzip = gzip_new();
	OXP_ASSERT(m->gzip && "out of memory");
}

void metrics_done(struct metrics *m)
{
	struct pull *p;

	while ((p = m->pulls)) {
		m->pulls = p->next;
		free(p);
	}
	loop_timer_done(&m->late);
	loop_timer_done(&m->snapshot);
	loop_soon_done(&m->slice);
	buffer_done(&m->page);
	buffer_done(&m->packed);
	gzip_free(m->gzip);
}

void metrics_add(struct metrics *m, struct intake *i)
{
	i->host->collected = on_collected;
	i->host->context = m;
	i->host->samples = ledger_row(&m->agent->ledger, "metrics", i->host->name, "series");
}

static bool collects(const struct agent *a)
{
	for (const struct intake *i = a->intakes; i; i = i->next)
		if (i->type->collect)
			return true;
	return false;
}

void metrics_start(struct metrics *m)
{
	if (collects(m->agent) && m->agent->config->store.snapshot.ns > 0)
		loop_timer_set(&m->snapshot, m->agent->config->store.snapshot);
}
