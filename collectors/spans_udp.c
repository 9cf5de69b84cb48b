#include "collectors/spans_udp.h"

#include <stdio.h>

enum {
	PACE_MOST = 128 << 10, /* bytes of one callback, */
	PACE_LEAST = 4 << 10, /* where they take long */
	LAST_READS = 64, /* of what the kernel still has when the process ends */
	TELL_S = 60,
};

/* Some of the datagrams. Nothing of it counts before it is taken or lost. */
struct slice {
	size_t end; /* the first datagram behind it */
	size_t size, bad; /* bytes; datagrams that are refused whole */
	struct otlp_made sum;
	struct batch *batch; /* NULL: it is only counted */
	bool failed; /* no room */
	char why[OTLP_MADE_TEXT]; /* spans were refused */
	char why_bad[OTLP_MADE_TEXT];
};

static void refuse_datagram(struct slice *in, const struct spans_form *form, const char *why)
{
	if (in->bad++ == 0)
		snprintf(in->why_bad, sizeof in->why_bad, "not %s: %s", form->name, why);
}

static void add_to_batch(struct slice *in, const struct spans_form *form, struct bytes body, struct otlp_made *made)
{
	struct batch_item item = { .size = (uint32_t)made->size, .records = (uint32_t)made->spans };
	char *block = batch_block(in->batch, made->size);

	if (block)
		form->write(body, made, block);
	item.data = block;
	in->failed = !block || batch_add(in->batch, &item) < 0;
}

static void add_datagram(struct slice *in, const struct spans_udp *u, size_t i)
{
	struct bytes body = datagram_bytes(&u->reader, i);
	struct otlp_made made = { .spans = 0 };
	size_t at = 0;
	const char *why = u->form->plan(body, &made, &at);

	in->size += body.size;
	if (datagram_size(&u->reader, i) > body.size)
		why = "larger than 65,000 bytes";
	if (why) {
		refuse_datagram(in, u->form, why);
		return;
	}
	if (made.refused > 0 && in->sum.refused == 0)
		otlp_made_tell(&made, in->why, sizeof in->why);
	in->sum.spans += made.spans;
	in->sum.refused += made.refused;
	in->sum.refused_bytes += made.refused_bytes;
	if (in->batch && made.spans > 0)
		add_to_batch(in, u->form, body, &made);
}

/* As many as one callback should handle, and at least one. */
static void add_all(struct slice *in, const struct spans_udp *u)
{
	for (in->end = u->at; in->end < u->reader.count && !in->failed; in->end++) {
		if (in->end > u->at && in->size + datagram_bytes(&u->reader, in->end).size > u->pace.most)
			break;
		add_datagram(in, u, in->end);
	}
}

static void tell_refused(struct spans_udp *u, const struct slice *in)
{
	struct mono_time now = loop_now(host_loop(u->host));

	*u->refused += in->bad;
	if (in->bad == 0 || (u->told.ns && mono_since(now, u->told).ns < DURATION_S(TELL_S).ns))
		return;
	u->told = now;
	host_log(u->host, LOG_LEVEL_WARN, "a datagram is refused: %s", in->why_bad);
}

static bool offer(struct spans_udp *u, struct slice *in)
{
	in->batch = host_batch_new(u->host, SIGNAL_TRACES);
	if (!in->batch)
		return false;
	add_all(in, u);
	if (in->failed)
		return false;
	if (in->sum.spans > 0 && host_offer(u->host, &in->batch) != ADMIT_TAKEN)
		return false;
	patience_taken(u->patience);
	spans_tally_taken(u->tally, &in->sum, in->why);
	return true;
}

/* Spans that are refused have not been lost for want of room. */
static void lose(struct spans_udp *u, struct slice *in)
{
	*in = (struct slice){ .batch = NULL };
	add_all(in, u);
	patience_lost(u->patience, in->sum.spans, in->size - in->sum.refused_bytes);
	in->sum.spans = 0;
	spans_tally_taken(u->tally, &in->sum, in->why);
}

/* Offers some of what was read. False: it waits. */
static bool take(struct spans_udp *u)
{
	struct slice in = { .end = 0 };
	bool taken = spans_udp_is_empty(u) || offer(u, &in);

	batch_free(in.batch);
	if (!taken && patience_full(u->patience))
		return false;
	if (!taken)
		lose(u, &in);
	tell_refused(u, &in);
	u->at = spans_udp_is_empty(u) ? u->at : in.end;
	return true;
}

static void on_ready(void *context, int fd, unsigned what)
{
	struct spans_udp *u = context;

	(void)fd;
	(void)what;
	if (patience_waits(u->patience)) {
		loop_watch_set(&u->watch, 0);
		return;
	}
	u->at = 0;
	if (datagram_reader_next(&u->reader) == 0)
		return;
	u->last = loop_now(u->watch.loop);
	spans_udp_go_on(u);
}

void spans_udp_go_on(struct spans_udp *u)
{
	const struct clock *clock = loop_clock(u->watch.loop);
	struct mono_time began = clock->mono(clock);
	size_t before = u->at, size = 0;
	bool taken = take(u);

	for (size_t i = before; i < u->at; i++)
		size += datagram_bytes(&u->reader, i).size;
	pace_learn(&u->pace, size, mono_since(clock->mono(clock), began));
	if (taken && !spans_udp_is_empty(u))
		loop_soon_run(&u->more);
	loop_watch_set(&u->watch, taken && spans_udp_is_empty(u) ? WATCH_READ : 0);
}

static void on_more(void *context)
{
	struct spans_udp *u = context;

	if (!patience_waits(u->patience))
		spans_udp_go_on(u);
}

void spans_udp_finish(struct spans_udp *u)
{
	size_t count = 1;

	loop_watch_set(&u->watch, 0);
	for (int i = 0; i < LAST_READS && count > 0; i++) {
		while (!spans_udp_is_empty(u) && take(u))
			;
		u->at = 0;
		count = datagram_reader_next(&u->reader);
	}
	while (!spans_udp_is_empty(u) && take(u))
		;
}

void spans_udp_init(struct spans_udp *u, const struct spans_form *form, struct spans_tally *tally,
	struct patience *patience, int fd)
{
	*u = (struct spans_udp){ .host = tally->host, .form = form, .tally = tally, .patience = patience };
	datagram_reader_init(&u->reader, u->host, SIGNAL_TRACES, fd, SPANS_DATAGRAM_MAX);
	u->refused = host_counter(u->host, "datagrams_refused_total",
		"Datagrams refused whole: malformed, too large, or a call of a function that is not served.");
	u->pace = (struct pace){ .most = PACE_MOST, .least = PACE_LEAST, .ceiling = PACE_MOST };
	loop_soon_init(&u->more, host_loop(u->host), on_more, u);
	loop_watch_init(&u->watch, host_loop(u->host), fd, on_ready, u);
	loop_watch_set(&u->watch, WATCH_READ);
}

void spans_udp_done(struct spans_udp *u)
{
	if (!u->host)
		return;
	loop_watch_done(&u->watch);
	loop_soon_done(&u->more);
	datagram_reader_done(&u->reader);
}
