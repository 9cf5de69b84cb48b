#include "collectors/patience.h"

/* When told that there is room, it waits a moment: an offer that found none gives memory back, and that is told,
 * too. */
enum { AGAIN_MS = 5, RECOVER_MS = 1000 };

struct patience_words {
	enum signal signal;
	const char *lost, *lost_help, *bytes_help; /* counters */
	const char *records;
};

static const struct patience_words of_lines = { SIGNAL_LOGS, "lost_lines_total",
	"Lines lost because the pipeline was full for longer than `patience`.",
	"Bytes of the lines in lost_lines_total.", "lines" };
static const struct patience_words of_spans = { SIGNAL_TRACES, "lost_spans_total",
	"Spans over UDP lost because the pipeline was full for longer than a second.",
	"Bytes of the spans in lost_spans_total.", "spans" };

static void on_again(void *context)
{
	struct patience *p = context;

	if (p->state == PATIENCE_WAITING)
		p->go_on(p->context);
}

static void on_over(void *context)
{
	struct patience *p = context;

	if (p->state != PATIENCE_WAITING)
		return;
	p->state = PATIENCE_LOSING;
	p->go_on(p->context);
}

static void init(struct patience *p, const struct patience_words *words)
{
	p->loop = host_loop(p->host);
	p->words = words;
	loop_timer_init(&p->over, p->loop, on_over, p);
	loop_timer_init(&p->again, p->loop, on_again, p);
	p->waits = host_counter(p->host, "waits_total", "Times reading paused because the pipeline was full.");
	p->lost = host_counter(p->host, words->lost, words->lost_help);
	p->lost_bytes = host_counter(p->host, "lost_bytes_total", words->bytes_help);
}

void patience_init(struct patience *p, struct host *host, struct duration span, loop_callback *go_on, void *context)
{
	*p = (struct patience){ .host = host, .span = span, .go_on = go_on, .context = context };
	init(p, &of_lines);
}

void patience_init_spans(
	struct patience *p, struct host *host, struct duration span, loop_callback *go_on, void *context)
{
	*p = (struct patience){ .host = host, .span = span, .go_on = go_on, .context = context };
	init(p, &of_spans);
}

void patience_done(struct patience *p)
{
	loop_timer_done(&p->over);
	loop_timer_done(&p->again);
}

bool patience_full(struct patience *p)
{
	if (p->state == PATIENCE_FINE && p->span.ns > 0 && !p->ending) {
		p->state = PATIENCE_WAITING;
		++*p->waits;
		loop_timer_set(&p->over, p->span);
	}
	return p->state == PATIENCE_WAITING;
}

static bool has_recovered(const struct patience *p)
{
	int64_t fine = mono_since(loop_now(p->loop), p->lost_at).ns;

	return fine >= p->span.ns && fine >= DURATION_MS(RECOVER_MS).ns;
}

void patience_taken(struct patience *p)
{
	p->loses = false;
	if (p->state == PATIENCE_FINE || (p->state == PATIENCE_LOSING && !has_recovered(p)))
		return;
	if (p->lost_now > 0)
		host_log(p->host, LOG_LEVEL_INFO, "there is room again; %llu %s were lost",
			(unsigned long long)p->lost_now, p->words->records);
	p->lost_now = 0;
	p->state = PATIENCE_FINE;
	loop_timer_clear(&p->over);
	loop_timer_clear(&p->again);
}

void patience_lost(struct patience *p, uint64_t records, uint64_t bytes)
{
	p->state = PATIENCE_LOSING;
	p->loses = true;
	p->lost_at = loop_now(p->loop);
	if (records == 0)
		return;
	if (p->lost_now == 0)
		host_log(p->host, LOG_LEVEL_WARN, "no room within `memory`: %s are lost, and counted",
			p->words->records);
	p->lost_now += records;
	*p->lost += records;
	*p->lost_bytes += bytes;
	host_lost(p->host, p->words->signal, records, bytes);
}

void patience_resume(struct patience *p)
{
	if (p->state == PATIENCE_WAITING && !loop_timer_pending(&p->again))
		loop_timer_set(&p->again, DURATION_MS(AGAIN_MS));
}

void patience_end(struct patience *p)
{
	p->ending = true;
	if (p->state == PATIENCE_WAITING)
		p->state = PATIENCE_LOSING;
	loop_timer_clear(&p->over);
	loop_timer_clear(&p->again);
}
