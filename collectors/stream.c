#include "collectors/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/syslog_frame.h"

/* A reader that pauses after a small read has more to do at once: a single line costs as much as a hundred. The pipe's
 * or socket's own buffer holds several times that much, so no writer waits because of it. */
enum { REST_MS = 20, REST_BELOW = 8 << 10, SLACK = 1024, AREA_MAX = 2 * STREAM_CHUNK };

enum { LAST_READS = 32 }; /* of what the kernel still has when the process ends */

/* Memory. */

static size_t ceiling(const struct stream_kind *k)
{
	return 2 * k->lines->line_max + 2 * STREAM_CHUNK;
}

/* What a stream may hold whatever the others do. */
static size_t free_of_each(const struct stream_kind *k)
{
	return smaller(STREAM_FREE, quota_part(&k->unfinished, STREAM_FREE_ALL) / k->streams);
}

static void charge(struct stream *s)
{
	size_t each = free_of_each(s->kind), now = s->pending.size > each ? s->pending.size - each : 0;

	quota_change(&s->kind->unfinished, s->charged, now);
	s->charged = now;
}

static bool is_crowded(const struct stream *s)
{
	return s->charged > 0 && quota_is_over(&s->kind->unfinished);
}

/* Takes the shared memory to read into, unless the stream has some of its own. */
static char *room_to_read(struct stream *s, size_t chunk)
{
	struct buffer *area = &s->kind->area, own = s->pending;

	if (own.room - own.size < chunk && area->room > 0 && buffer_append(area, own.data, own.size) == 0) {
		s->pending = *area;
		buffer_init(area, ceiling(s->kind));
		buffer_done(&own);
	}
	return buffer_reserve_step(&s->pending, chunk, STREAM_CHUNK);
}

static bool append_exactly(struct buffer *b, struct bytes what)
{
	char *to = buffer_reserve_step(b, what.size, 1);

	if (!to)
		return false;
	memcpy(to, what.data, what.size);
	b->size += what.size;
	return true;
}

/* What is left of a read goes into memory of its size; the large memory is for the stream that reads next, unless it
 * is larger than a read needs. */
static void give_back_area(struct stream *s)
{
	struct buffer *area = &s->kind->area, rest;

	if (s->pending.room <= s->pending.size + s->pending.size / 4 + SLACK)
		return;
	if (s->pending.size > STREAM_CHUNK || s->pending.room > AREA_MAX) {
		buffer_trim(&s->pending);
		return;
	}
	buffer_init(&rest, s->pending.ceiling);
	if (s->pending.size > 0 && !append_exactly(&rest, buffer_bytes(&s->pending)))
		return;
	buffer_done(area);
	*area = s->pending;
	area->size = 0;
	s->pending = rest;
}

/* What is dealt with goes. */
static void drop_front(struct stream *s, size_t size)
{
	struct buffer *p = &s->pending;

	s->seen = s->searched = 0;
	p->size -= size;
	if (p->size > 0)
		memmove(p->data, p->data + size, p->size);
	charge(s);
}

/* Messages of a stream of frames. */

struct framed {
	size_t at, size; /* the message; of size 0 there is none */
	size_t end; /* of it and what belongs to it */
	size_t more; /* bytes of it that are still to come and are skipped */
	bool unframed;
};

/* Many senders put a line end behind their frames. */
static size_t gap_of(struct bytes b)
{
	size_t gap = 0;

	while (gap < b.size && (b.data[gap] == '\n' || b.data[gap] == '\r' || b.data[gap] == '\0'))
		gap++;
	return gap;
}

static bool read_frame(struct bytes b, size_t max, bool force, const struct syslog_frame *frame, struct framed *ret)
{
	size_t there = b.size - frame->head;

	if (there < frame->size && there < max && !force)
		return false;
	ret->size = there < frame->size ? there : frame->size;
	ret->at += frame->head;
	ret->end = ret->at + ret->size;
	ret->more = frame->size - ret->size;
	return true;
}

/* Anything that is not a frame goes out as a line. */
static bool read_unframed(struct bytes b, size_t max, bool force, struct framed *ret)
{
	const char *end = memchr(b.data, '\n', b.size);

	if (!end && b.size <= max && !force)
		return false;
	ret->unframed = true;
	ret->size = end ? (size_t)(end - b.data) : b.size;
	ret->end = ret->at + ret->size + (end != NULL);
	return true;
}

/* The next message that can be handled, whole or longer than `max`; `force`: as much of it as has come. */
static bool next_message(struct bytes b, size_t max, bool force, struct framed *ret)
{
	struct syslog_frame frame;
	size_t gap = gap_of(b);

	*ret = (struct framed){ .at = gap, .end = gap };
	b = (struct bytes){ b.data + gap, b.size - gap };
	if (b.size == 0)
		return gap > 0;
	switch (syslog_frame_read(b, &frame)) {
	case SYSLOG_FRAME_WHOLE:
	case SYSLOG_FRAME_PART:
		return read_frame(b, max, force, &frame, ret);
	case SYSLOG_FRAME_UNKNOWN:
		return force && read_unframed(b, max, force, ret);
	case SYSLOG_FRAME_NONE:
		break;
	}
	return read_unframed(b, max, force, ret);
}

/* How much of what is pending is messages. */
static size_t measure_frames(struct stream *s, bool last)
{
	const struct buffer *p = &s->pending;
	struct framed m;
	size_t at = 0;

	while (at < p->size && next_message((struct bytes){ p->data + at, p->size - at }, s->kind->lines->line_max,
				       last || (at == 0 && is_crowded(s)), &m))
		at += m.end;
	return at;
}

/* The slice is what was measured. */
static void split_frames(struct stream_slice *x)
{
	struct line_slice *in = &x->in;
	struct framed m;

	in->single = true;
	while (!in->failed && in->took < in->size &&
		next_message(
			(struct bytes){ in->data + in->took, in->size - in->took }, in->lines->line_max, true, &m)) {
		in->cutting = m.more > 0;
		if (m.size > 0)
			lines_add(in, in->took + m.at, m.size);
		in->took += m.end;
		x->pass = m.more;
		x->unframed += m.unframed;
	}
	in->seen = in->took;
}

/* What still comes of a frame that was cut. */
static void pass_over(struct stream *s)
{
	size_t size = s->pass < s->pending.size ? s->pass : s->pending.size;

	if (size == 0)
		return;
	*s->kind->lines->cut_bytes += size;
	s->pass -= size;
	drop_front(s, size);
}

/* Lines. */

/* A zero with another message behind it, or nothing yet; a zero that somebody has logged is followed by other text. */
static bool ends_in_zero(struct bytes b)
{
	const char *end = b.data + b.size, *zero = memchr(b.data, '\0', b.size);

	while (zero && zero + 1 < end && zero[1] != '<')
		zero = memchr(zero + 1, '\0', (size_t)(end - zero - 1));
	return zero;
}

/* Decided by the first such zero, even if the bytes were taken for lines before. */
static void look_for_zeros(struct stream *s)
{
	const struct buffer *p = &s->pending;

	if (s->zeros == ZEROS_UNKNOWN)
		s->zeros = s->kind->lines->shape && *p->data == '<' ? ZEROS_MAYBE : ZEROS_NEVER;
	if (s->zeros == ZEROS_MAYBE && ends_in_zero((struct bytes){ p->data + s->searched, p->size - s->searched }))
		s->zeros = ZEROS_END;
}

static size_t measure_lines(struct stream *s, bool last)
{
	const struct buffer *p = &s->pending;
	size_t rest = p->size - s->seen;
	const char *end;

	look_for_zeros(s);
	end = memrchr(p->data + s->searched, s->zeros == ZEROS_END ? '\0' : '\n', p->size - s->searched);
	if (end)
		return (size_t)(end + 1 - p->data);
	s->searched = p->size;
	return last || (s->skipping && rest > 0) || rest > s->kind->lines->line_max || is_crowded(s) ? p->size : 0;
}

/* Lines that wait for the rest of their message are shipped before a line is cut, and at the end. */
static void split_lines(struct line_slice *in, bool last)
{
	lines_split(in);
	if (in->crowded && in->took < in->seen)
		lines_end(in);
	else
		lines_rest(in, last);
	if (last && !in->failed)
		lines_end(in);
}

/* Decided by the first bytes: a frame begins with a digit, and has a length and a priority. */
static void recognise(struct stream *s)
{
	struct syslog_frame frame;
	struct bytes all = buffer_bytes(&s->pending);

	if (s->framing != STREAM_AUTO)
		return;
	switch (syslog_frame_read(all, &frame)) {
	case SYSLOG_FRAME_NONE:
		s->framing = STREAM_LINES;
		break;
	case SYSLOG_FRAME_WHOLE:
	case SYSLOG_FRAME_PART:
		s->framing = STREAM_OCTETS;
		break;
	case SYSLOG_FRAME_UNKNOWN:
		break;
	}
}

/* How many bytes can be handled now. */
static size_t measure(struct stream *s, bool last)
{
	pass_over(s);
	if (s->pending.size == 0)
		return 0;
	recognise(s);
	if (s->framing == STREAM_OCTETS)
		return measure_frames(s, last);
	if (s->framing == STREAM_AUTO && !last)
		return 0;
	return measure_lines(s, last);
}

/* Offers. */

/* In the lane, or on the loop. */
static void split(void *slice)
{
	struct stream_slice *x = slice;

	memcpy(x->block, x->from, x->in.size);
	x->in.data = x->block;
	if (x->framed)
		split_frames(x);
	else
		split_lines(&x->in, x->last);
}

static struct stream_slice slice_of(const struct stream *s, size_t size, bool last)
{
	return (struct stream_slice){ .from = s->pending.data,
		.framed = s->framing == STREAM_OCTETS,
		.last = last,
		.in = { .lines = s->kind->lines,
			.data = s->pending.data,
			.size = size,
			.offset = s->kind->offset,
			.skipping = s->skipping,
			.zeros = s->zeros == ZEROS_END,
			.crowded = is_crowded(s) && size == s->pending.size && s->searched == size } };
}

/* Messages that may have line ends within them are as long as all of the slice, for what is known. */
static bool is_for_lane(const struct stream *s, const struct stream_slice *x)
{
	const struct stream_kind *k = s->kind;
	size_t held = x->framed || x->in.zeros ? x->in.size : s->seen;

	return !x->on_loop && k->lane.stage == LINES_IDLE && !k->finishing && !host_ends(k->host) &&
	       lines_are_long(&x->in, held);
}

static bool begin_in_lane(struct stream *s, const struct stream_slice *x)
{
	struct stream_kind *k = s->kind;

	if (!is_for_lane(s, x))
		return false;
	k->slice = *x;
	if (!lines_lane_begin(&k->lane, &k->slice.in))
		return false;
	k->slow = s;
	return true;
}

/* Whoever waits for room may have some now, although this one took it. */
static void was_taken(struct stream_kind *k)
{
	if (patience_waits(k->patience)) {
		k->wake = true;
		loop_soon_run(&k->go_on);
	}
	patience_taken(k->patience);
}

static enum admit offer(struct stream *s, struct stream_slice *x)
{
	struct host *host = s->kind->host;
	struct line_slice *in = &x->in;
	uint64_t records;

	in->batch = host_batch_new(host, SIGNAL_LOGS);
	x->block = in->batch ? batch_block(in->batch, in->size) : NULL;
	if (!x->block)
		return ADMIT_FULL;
	lines_begin(in->lines);
	if (begin_in_lane(s, x)) {
		in->batch = NULL;
		return ADMIT_WAITS;
	}
	split(x);
	lines_forget(in->lines);
	records = batch_records(in->batch);
	if (in->failed || (records > 0 && host_offer(host, &in->batch) != ADMIT_TAKEN))
		return ADMIT_FULL;
	lines_count(in, records);
	if (in->took > 0)
		was_taken(s->kind);
	return ADMIT_TAKEN;
}

static void lose(struct stream *s, struct stream_slice *x)
{
	x->in.lost = true;
	if (x->framed)
		split_frames(x);
	else
		split_lines(&x->in, x->last);
	lines_count(&x->in, 0);
	patience_lost(s->kind->patience, x->in.loss.records, x->in.loss.bytes);
}

static void took(struct stream *s, const struct stream_slice *x)
{
	const struct line_slice *in = &x->in;

	s->skipping = in->skipping;
	s->pass = x->pass;
	s->kind->offset += in->took;
	drop_front(s, in->took);
	s->seen = s->searched = in->seen - in->took;
	if (x->unframed && s->kind->unframed)
		s->kind->unframed(s->kind, x->unframed);
}

/* There was no room. False: it waits. */
static bool take_none(struct stream *s, const struct stream_slice *of)
{
	struct stream_slice x = slice_of(s, of->in.size, of->last);

	if (patience_full(s->kind->patience))
		return false;
	lose(s, &x);
	took(s, &x);
	return true;
}

/* False: it waits. */
static bool take_slice(struct stream *s, struct stream_slice *x)
{
	enum admit admit = offer(s, x);

	batch_free(x->in.batch);
	if (admit == ADMIT_FULL)
		return take_none(s, x);
	if (admit == ADMIT_TAKEN)
		took(s, x);
	return admit == ADMIT_TAKEN;
}

static bool take(struct stream *s, size_t size, bool last)
{
	struct stream_slice x = slice_of(s, size, last);

	return take_slice(s, &x);
}

/* What the lane had was too tight for it. */
static bool take_on_loop(struct stream *s, const struct stream_slice *of)
{
	struct stream_slice x = slice_of(s, of->in.size, of->last);

	x.on_loop = true;
	return take_slice(s, &x);
}

/* Its slice has come back from the lane. False: it waits. */
static bool take_back(struct stream *s)
{
	struct stream_kind *k = s->kind;
	const struct stream_slice x = k->slice;
	bool ready = k->lane.stage == LINES_READY, tight = k->lane.stage == LINES_TIGHT;

	k->slow = NULL;
	if (ready && k->lane.records > 0)
		lines_lane_offer(&k->lane);
	else
		lines_lane_forget(&k->lane);
	if (!ready)
		return tight ? take_on_loop(s, &x) : take_none(s, &x);
	lines_count(&x.in, k->lane.records);
	if (x.in.took > 0)
		was_taken(k);
	took(s, &x);
	return true;
}

/* What all streams split lines with is in the lane. Those that wait for it have their turn in the order they came. */
static void wait_for_lane(struct stream *s)
{
	struct stream_kind *k = s->kind;

	if (!s->in_line)
		TAILQ_INSERT_TAIL(&k->line, s, line_entry);
	s->in_line = true;
}

static void leave_line(struct stream *s)
{
	if (s->in_line)
		TAILQ_REMOVE(&s->kind->line, s, line_entry);
	s->in_line = false;
}

static void on_go_on(void *context)
{
	struct stream_kind *k = context;
	struct stream *s, *last;

	if (k->finishing)
		return;
	if (k->slow && !lines_lane_is_busy(&k->lane))
		stream_go_on(k->slow);
	if (k->wake) {
		k->wake = false;
		k->patience->go_on(k->patience->context);
		return;
	}
	last = TAILQ_LAST(&k->line, stream_line);
	for (bool more = last; more && (s = TAILQ_FIRST(&k->line));) {
		more = s != last;
		stream_go_on(s); /* it may be gone then */
	}
}

static void on_lane_told(void *context)
{
	struct stream_kind *k = CONTAINER_OF(context, struct stream_kind, slice);

	loop_soon_run(&k->go_on);
}

static void forget_slice(struct stream_kind *k)
{
	if (!k->slow)
		return;
	lines_lane_forget(&k->lane);
	k->slow = NULL;
	loop_soon_run(&k->go_on);
}

/* Whether the stream may go on: the slice that the lane had is taken first. */
static bool end_slice(struct stream *s)
{
	struct stream_kind *k = s->kind;

	if (!k->slow)
		return true;
	if (k->slow != s || lines_lane_is_busy(&k->lane)) {
		if (k->slow != s)
			wait_for_lane(s);
		return false;
	}
	if (!take_back(s))
		return false;
	if (TAILQ_EMPTY(&k->line))
		return true;
	wait_for_lane(s); /* for the others */
	loop_soon_run(&k->go_on);
	return false;
}

static bool work_off(struct stream *s)
{
	bool last = s->ended || s->flushing;
	size_t size;

	if (!end_slice(s))
		return false;
	while ((size = measure(s, last)) > 0)
		if (!take(s, size, last))
			return false;
	s->flushing = false;
	give_back_area(s);
	return true;
}

/* Reading. */

static void watch(struct stream *s, size_t got)
{
	if (got < REST_BELOW && got < s->kind->pace.most) {
		loop_watch_set(&s->watch, 0);
		loop_timer_set(&s->rest, DURATION_MS(REST_MS));
	} else {
		loop_timer_clear(&s->rest);
		loop_watch_set(&s->watch, WATCH_READ);
	}
}

static void work(struct stream *s, size_t got)
{
	if (!work_off(s)) {
		loop_watch_set(&s->watch, 0);
		loop_timer_clear(&s->rest);
		loop_timer_clear(&s->flush);
		return;
	}
	if (s->ended) {
		loop_watch_set(&s->watch, 0);
		loop_timer_clear(&s->flush);
		s->kind->ended(s, s->error);
		return;
	}
	if (s->pending.size > 0)
		loop_timer_set(&s->flush, s->kind->flush);
	else
		loop_timer_clear(&s->flush);
	watch(s, got);
}

/* What one read has brought: bytes, an end (0) or -1 with errno. */
static void hear(struct stream *s, ssize_t got)
{
	bool nothing = got < 0 && (errno == EAGAIN || errno == EINTR);

	s->alone = got == 0 && s->kind->comes_back;
	s->flushing = s->flushing || s->alone; /* the next writer begins a line */
	s->ended = got <= 0 && !nothing && !s->alone;
	s->error = s->ended && got < 0 ? errno : 0;
	if (got <= 0)
		return;
	s->pending.size += (size_t)got;
	s->last = loop_now(s->watch.loop);
	charge(s);
}

static void on_ready(void *context, int fd, unsigned what)
{
	struct stream *s = context;
	struct stream_kind *k = s->kind;
	const struct clock *clock = loop_clock(s->watch.loop);
	struct mono_time began = clock->mono(clock);
	size_t chunk = k->pace.most;
	char *room;
	ssize_t got;

	(void)what;
	if (patience_waits(k->patience)) {
		loop_watch_set(&s->watch, 0);
		return;
	}
	room = room_to_read(s, chunk);
	if (!room) { /* no memory at all for now */
		watch(s, 0);
		return;
	}
	got = read(fd, room, chunk);
	hear(s, got);
	work(s, got > 0 ? (size_t)got : 0); /* it may be gone then */
	pace_learn(&k->pace, got > 0 ? (size_t)got : 0, mono_since(clock->mono(clock), began));
}

static void on_rest(void *context)
{
	struct stream *s = context;

	if (!patience_waits(s->kind->patience))
		loop_watch_set(&s->watch, WATCH_READ);
}

/* Ships an unfinished line as it is, as after `flush`. The stream may end within. */
static void ship_unfinished(struct stream *s)
{
	if (patience_waits(s->kind->patience))
		return; /* set again when the writer's time is over */
	s->flushing = true;
	work(s, 0);
}

bool stream_is_quiet(struct stream *s, struct mono_time since)
{
	struct mono_time last = s->last.ns > since.ns ? s->last : since;

	if (!s->alone && duration_ms(mono_since(loop_now(s->watch.loop), last)) < STREAM_LAST_WORDS_MS)
		return false;
	if (stream_is_empty(s))
		return true;
	ship_unfinished(s); /* the next time it is shipped, unless there is no room */
	return false;
}

/* Half a line, and its writer is there: its next block has the rest. */
static bool is_half_a_line(struct stream *s)
{
	const struct buffer *p = &s->pending;
	struct duration silent = mono_since(loop_now(s->watch.loop), s->last);

	return s->kind->has_writer && p->size > 0 && p->data[p->size - 1] != '\n' &&
	       duration_ms(silent) < STREAM_LINE_S * 1000 && s->kind->has_writer(s);
}

/* A frame has said how long it is, so its rest is waited for. */
static void on_flush(void *context)
{
	struct stream *s = context;

	if (s->framing == STREAM_OCTETS)
		return;
	if (is_half_a_line(s))
		loop_timer_set(&s->flush, s->kind->flush);
	else
		ship_unfinished(s);
}

/* Life. */

void stream_kind_init(
	struct stream_kind *k, struct host *host, struct lines *lines, struct patience *patience, size_t streams)
{
	*k = (struct stream_kind){ .host = host,
		.lines = lines,
		.patience = patience,
		.framing = STREAM_LINES,
		.streams = streams,
		.pace = { .most = STREAM_CHUNK / 4, .least = STREAM_CHUNK_MIN, .ceiling = STREAM_CHUNK } };
	TAILQ_INIT(&k->line);
	loop_soon_init(&k->go_on, host_loop(host), on_go_on, k);
	lines_lane_init(&k->lane, host, split, on_lane_told, &k->slice);
	buffer_init(&k->area, ceiling(k));
	quota_join(host_unfinished(host), &k->unfinished, lines->line_max + 2 * STREAM_CHUNK);
}

void stream_kind_done(struct stream_kind *k)
{
	if (k->host)
		loop_soon_done(&k->go_on);
	lines_lane_done(&k->lane);
	buffer_done(&k->area);
	quota_leave(&k->unfinished);
}

void stream_init(struct stream *s, struct stream_kind *kind, int fd)
{
	struct loop *loop = host_loop(kind->host);

	*s = (struct stream){ .kind = kind, .fd = fd, .framing = kind->framing, .last = loop_now(loop) };
	buffer_init(&s->pending, ceiling(kind));
	loop_watch_init(&s->watch, loop, fd, on_ready, s);
	loop_timer_init(&s->rest, loop, on_rest, s);
	loop_timer_init(&s->flush, loop, on_flush, s);
	if (!patience_waits(kind->patience))
		loop_watch_set(&s->watch, WATCH_READ);
}

void stream_done(struct stream *s)
{
	if (!s->kind)
		return;
	if (s->kind->slow == s)
		forget_slice(s->kind);
	leave_line(s);
	quota_change(&s->kind->unfinished, s->charged, 0);
	s->charged = 0;
	loop_watch_done(&s->watch);
	loop_timer_done(&s->rest);
	loop_timer_done(&s->flush);
	buffer_done(&s->pending);
}

void stream_go_on(struct stream *s)
{
	leave_line(s);
	work(s, STREAM_CHUNK);
}

/* There is no room. The kernel holds what was not read as long as a writer is there, for the next reader. */
static bool is_kept(struct stream *s)
{
	return s->ended || (patience_loses(s->kind->patience) && s->kind->has_writer && s->kind->has_writer(s));
}

/* The next reader is to begin with a whole line. */
static void read_line_end(struct stream *s)
{
	struct buffer *p = &s->pending;

	for (int i = 0; i < STREAM_CHUNK && p->size > 0 && p->data[p->size - 1] != '\n'; i++) {
		char *room = buffer_reserve(p, 1);
		if (!room || read(s->fd, room, 1) != 1)
			return;
		p->size++;
	}
}

void stream_finish(struct stream *s)
{
	char *room;
	ssize_t got = 1;

	s->kind->finishing = true;
	forget_slice(s->kind);
	leave_line(s);
	(void)work_off(s);
	for (int i = 0; i < LAST_READS && got > 0 && !is_kept(s) && (room = room_to_read(s, STREAM_CHUNK)); i++) {
		got = read(s->fd, room, STREAM_CHUNK);
		hear(s, got);
		(void)work_off(s);
	}
	if (!s->ended && is_kept(s))
		read_line_end(s);
	s->flushing = true;
	(void)work_off(s);
	loop_watch_set(&s->watch, 0);
	loop_timer_clear(&s->rest);
	loop_timer_clear(&s->flush);
}
