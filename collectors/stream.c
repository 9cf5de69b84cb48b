#include "collectors/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/syslog_frame.h"

/* A reader that rests after a small read has more to do at once: a line alone costs as much as a hundred. The pipe's or
 * socket's own buffer holds several times that much, so nobody waits for it. */
enum { REST_MS = 20, REST_BELOW = 8 << 10, SHRINK_ABOVE = 32 << 10 };

static void charge(struct stream *s)
{
	size_t now = s->pending.size > STREAM_FREE ? s->pending.size - STREAM_FREE : 0;

	s->kind->held += now;
	s->kind->held -= s->charged;
	s->charged = now;
}

/* What is dealt with goes; memory that an unfinished line does not need is not kept for it. */
static void drop_front(struct stream *s, size_t size)
{
	struct buffer *p = &s->pending, rest;

	s->searched = 0;
	p->size -= size;
	if (p->size > 0 && p->room - p->size <= SHRINK_ABOVE) {
		memmove(p->data, p->data + size, p->size);
		charge(s);
		return;
	}
	buffer_init(&rest, p->ceiling);
	if (p->size > 0 && buffer_append(&rest, p->data + size, p->size) < 0) {
		memmove(p->data, p->data + size, p->size);
		buffer_done(&rest);
	} else {
		buffer_done(p);
		*p = rest;
	}
	charge(s);
}

/* Frames. */

static void split_frames(struct line_slice *in)
{
	struct syslog_frame frame;

	while (!in->failed && syslog_frame_read((struct bytes){ in->data + in->took, in->size - in->took },
				      in->lines->line_max, &frame) == SYSLOG_FRAME_WHOLE) {
		lines_add(in, in->took + frame.head, frame.size);
		in->took += frame.head + frame.size;
	}
}

/* How much of what is pending is whole frames. What is no frame ends the stream. */
static size_t measure_frames(struct stream *s)
{
	const struct buffer *p = &s->pending;
	struct syslog_frame frame;
	enum syslog_framing found;
	size_t at = 0;

	while ((found = syslog_frame_read((struct bytes){ p->data + at, p->size - at }, s->kind->lines->line_max,
			&frame)) == SYSLOG_FRAME_WHOLE)
		at += frame.head + frame.size;
	if (at == 0 && (found == SYSLOG_FRAME_NONE || (s->charged > 0 && s->kind->held > s->kind->held_max))) {
		s->ended = true;
		s->error = EPROTO;
	}
	return at;
}

/* Lines. */

static bool is_crowded(const struct stream *s)
{
	return s->charged > 0 && s->kind->held > s->kind->held_max;
}

static size_t measure_lines(struct stream *s, bool last)
{
	const struct buffer *p = &s->pending;
	const char *end = memrchr(p->data + s->searched, '\n', p->size - s->searched);

	if (end)
		return (size_t)(end + 1 - p->data);
	s->searched = p->size;
	return last || s->skipping || p->size > s->kind->lines->line_max || is_crowded(s) ? p->size : 0;
}

/* Known from the first byte on: a frame begins with a digit, and then there is a length and a priority. */
static void recognise(struct stream *s)
{
	struct syslog_frame frame;
	struct bytes all = buffer_bytes(&s->pending);

	if (s->framing != STREAM_AUTO)
		return;
	switch (syslog_frame_read(all, SIZE_MAX, &frame)) {
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

/* How many bytes can be dealt with now. */
static size_t measure(struct stream *s, bool last)
{
	if (s->pending.size == 0)
		return 0;
	recognise(s);
	if (s->framing == STREAM_OCTETS)
		return measure_frames(s);
	if (s->framing == STREAM_AUTO && !last)
		return 0;
	return measure_lines(s, last);
}

/* Offers. */

static void split(struct stream *s, struct line_slice *in, bool last)
{
	if (s->framing == STREAM_OCTETS) {
		split_frames(in);
		return;
	}
	lines_split(in);
	lines_rest(in, last);
}

static struct line_slice slice_of(const struct stream *s, size_t size)
{
	return (struct line_slice){ .lines = s->kind->lines,
		.data = s->pending.data,
		.size = size,
		.offset = s->kind->offset,
		.skipping = s->skipping,
		.crowded = s->framing != STREAM_OCTETS && is_crowded(s) && !memrchr(s->pending.data, '\n', size) };
}

static bool offer(struct stream *s, struct line_slice *in, bool last)
{
	struct host *host = s->kind->host;
	uint64_t records;
	char *block;

	in->batch = host_batch_new(host, SIGNAL_LOGS);
	block = in->batch ? batch_block(in->batch, in->size) : NULL;
	if (!block)
		return false;
	memcpy(block, in->data, in->size);
	in->data = block;
	split(s, in, last);
	if (in->failed)
		return false;
	records = batch_records(in->batch);
	if (records > 0 && host_offer(host, &in->batch) != ADMIT_TAKEN)
		return false;
	lines_count(in, records);
	patience_taken(s->kind->patience);
	return true;
}

static void lose(struct stream *s, struct line_slice *in, bool last)
{
	in->lost = true;
	split(s, in, last);
	lines_count(in, 0);
	patience_lost(s->kind->patience, in->loss.records, in->loss.bytes);
}

/* False: it waits. */
static bool take(struct stream *s, size_t size, bool last)
{
	struct line_slice in = slice_of(s, size);
	bool taken = offer(s, &in, last);

	batch_free(in.batch);
	if (!taken) {
		if (patience_full(s->kind->patience))
			return false;
		in = slice_of(s, size);
		lose(s, &in, last);
	}
	s->skipping = in.skipping;
	s->kind->offset += size;
	drop_front(s, size);
	return true;
}

/* The end of a frame that never came, or what came behind the last whole one. */
static void drop_rest(struct stream *s)
{
	if (s->pending.size > 0)
		s->error = EPROTO;
	drop_front(s, s->pending.size);
}

static bool work_off(struct stream *s)
{
	bool last = s->ended || s->flushing;
	size_t size;

	while ((size = measure(s, last)) > 0)
		if (!take(s, size, last))
			return false;
	s->flushing = false;
	if (s->ended)
		drop_rest(s);
	return true;
}

/* Reading. */

static void watch(struct stream *s, size_t got)
{
	if (got < REST_BELOW) {
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

static void on_ready(void *context, int fd, unsigned what)
{
	struct stream *s = context;
	char *room;
	ssize_t got;

	(void)what;
	if (patience_waits(s->kind->patience)) {
		loop_watch_set(&s->watch, 0);
		return;
	}
	room = buffer_reserve(&s->pending, STREAM_CHUNK);
	if (!room) { /* no memory at all for now */
		watch(s, 0);
		return;
	}
	got = read(fd, room, STREAM_CHUNK);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		got = 0;
	else if (got <= 0)
		s->ended = true;
	s->error = got < 0 ? errno : 0;
	s->pending.size += got > 0 ? (size_t)got : 0;
	if (got > 0)
		s->last = loop_now(s->watch.loop);
	charge(s);
	work(s, got > 0 ? (size_t)got : 0);
}

static void on_rest(void *context)
{
	struct stream *s = context;

	if (!patience_waits(s->kind->patience))
		loop_watch_set(&s->watch, WATCH_READ);
}

static void on_flush(void *context)
{
	struct stream *s = context;

	if (patience_waits(s->kind->patience))
		return; /* asked for again when that is over */
	s->flushing = s->framing != STREAM_OCTETS;
	work(s, 0);
}

/* Life. */

void stream_init(struct stream *s, struct stream_kind *kind, int fd)
{
	struct loop *loop = host_loop(kind->host);

	*s = (struct stream){ .kind = kind, .fd = fd, .framing = kind->framing, .last = loop_now(loop) };
	buffer_init(&s->pending, kind->lines->line_max + 2 * STREAM_CHUNK);
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
	s->kind->held -= s->charged;
	s->charged = 0;
	loop_watch_done(&s->watch);
	loop_timer_done(&s->rest);
	loop_timer_done(&s->flush);
	buffer_done(&s->pending);
}

void stream_go_on(struct stream *s)
{
	work(s, STREAM_CHUNK);
}

void stream_finish(struct stream *s)
{
	s->flushing = true;
	(void)work_off(s);
	loop_watch_set(&s->watch, 0);
	loop_timer_clear(&s->rest);
	loop_timer_clear(&s->flush);
}

void stream_replace(struct stream *s, int fd)
{
	struct loop *loop = s->watch.loop;

	loop_watch_done(&s->watch);
	s->fd = fd;
	loop_watch_init(&s->watch, loop, fd, on_ready, s);
	if (!patience_waits(s->kind->patience))
		loop_watch_set(&s->watch, WATCH_READ);
}
