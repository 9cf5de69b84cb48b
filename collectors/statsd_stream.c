#include "collectors/statsd_stream.h"

#include <errno.h>
#include <unistd.h>

static struct bytes from(struct bytes b, size_t at)
{
	return (struct bytes){ b.data + at, b.size - at };
}

static void forget(struct statsd_stream *s)
{
	buffer_done(&s->pending);
	buffer_init(&s->pending, STATSD_LINE_MAX);
}

/* A part of a line. `ends`: there is no more of it. */
static void take_part(struct statsd_stream *s, struct bytes part, bool ends)
{
	if (!s->skipping && s->pending.size == 0 && ends && part.size <= STATSD_LINE_MAX) {
		statsd_events_take(s->events, part);
		return;
	}
	if (!s->skipping && part.size > 0 && buffer_append(&s->pending, part.data, part.size)) {
		statsd_events_refuse(
			s->events, STATSD_REFUSED_SIZE, s->pending.size > 0 ? buffer_bytes(&s->pending) : part);
		s->skipping = true;
	}
	if (!ends)
		return;
	if (!s->skipping)
		statsd_events_take(s->events, buffer_bytes(&s->pending));
	s->skipping = false;
	forget(s);
}

/* Bytes of lines. The last line ends with them if `ends`. */
static void take_lines(struct statsd_stream *s, struct bytes text, bool ends)
{
	const char *last = text.size > 0 ? memrchr(text.data, '\n', text.size) : NULL;
	const char *first = last && (s->pending.size > 0 || s->skipping) ? memchr(text.data, '\n', text.size) : NULL;
	size_t at;

	if (first) {
		at = (size_t)(first - text.data) + 1;
		take_part(s, (struct bytes){ text.data, at - 1 }, true);
		text = from(text, at);
	}
	at = last ? (size_t)(last + 1 - text.data) : 0;
	if (at > 0)
		statsd_events_take(s->events, (struct bytes){ text.data, at });
	text = from(text, at);
	if (text.size > 0 || ends)
		take_part(s, text, ends);
}

/* Reads up to four bytes into `pending`. False: they are not all there yet. */
static bool take_length(struct statsd_stream *s, struct bytes *text, unsigned char ret[STATSD_LENGTH])
{
	size_t wanted = smaller(STATSD_LENGTH - s->pending.size, text->size);

	if (buffer_append(&s->pending, text->data, wanted))
		return false;
	*text = from(*text, wanted);
	if (s->pending.size < STATSD_LENGTH)
		return false;
	memcpy(ret, s->pending.data, STATSD_LENGTH);
	return true;
}

static bool set_length(struct statsd_stream *s, const unsigned char b[STATSD_LENGTH])
{
	s->left = (size_t)b[0] | (size_t)b[1] << 8;
	forget(s);
	if (b[2] == 0 && b[3] == 0)
		return true;
	statsd_events_refuse(s->events, STATSD_REFUSED_FRAME, (struct bytes){ NULL, 0 });
	return false;
}

static bool read_length(struct statsd_stream *s, struct bytes *text)
{
	unsigned char b[STATSD_LENGTH];

	return !take_length(s, text, b) || set_length(s, b);
}

/* By the first four bytes. A line that says something has more than three; a line feed may be part of a length. */
static bool tell_framing(struct statsd_stream *s, struct bytes *text)
{
	unsigned char b[STATSD_LENGTH];

	if (!take_length(s, text, b))
		return true;
	s->framing = memchr(b, '\0', sizeof b) ? STATSD_LENGTHS : STATSD_LINES;
	if (s->framing == STATSD_LENGTHS)
		return set_length(s, b);
	forget(s);
	take_lines(s, (struct bytes){ (const char *)b, sizeof b }, false);
	return true;
}

/* Takes bytes as they come, cut anywhere. False: the stream cannot be read on. */
static bool feed(struct statsd_stream *s, struct bytes text)
{
	while (text.size > 0) {
		size_t size;
		if (s->framing == STATSD_LINES) {
			take_lines(s, text, false);
			return true;
		}
		if (s->left == 0) {
			if (s->framing == STATSD_UNKNOWN ? !tell_framing(s, &text) : !read_length(s, &text))
				return false;
			continue;
		}
		size = smaller(s->left, text.size);
		s->left -= size;
		take_lines(s, (struct bytes){ text.data, size }, s->left == 0);
		text = from(text, size);
	}
	return true;
}

/* What waits is a line without its end. Of a message that has not come whole the last line may be cut. */
static void end(struct statsd_stream *s)
{
	if (s->framing != STATSD_LENGTHS)
		take_part(s, (struct bytes){ NULL, 0 }, true);
	else if (s->left > 0 || s->pending.size > 0)
		statsd_events_refuse(s->events, STATSD_REFUSED_FRAME, (struct bytes){ NULL, 0 });
	s->ended(s);
}

static void on_ready(void *context, int fd, unsigned what)
{
	struct statsd_stream *s = context;
	char chunk[STATSD_CHUNK];
	ssize_t count = read(fd, chunk, sizeof chunk);

	(void)what;
	s->last = loop_now(host_loop(s->events->host));
	if (count > 0 && !feed(s, (struct bytes){ chunk, (size_t)count }))
		s->ended(s);
	else if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
		end(s);
}

void statsd_stream_init(
	struct statsd_stream *s, struct statsd_events *events, int fd, void (*ended)(struct statsd_stream *))
{
	*s = (struct statsd_stream){ .events = events, .fd = fd, .ended = ended };
	buffer_init(&s->pending, STATSD_LINE_MAX);
	s->last = loop_now(host_loop(events->host));
	loop_watch_init(&s->watch, host_loop(events->host), fd, on_ready, s);
	loop_watch_set(&s->watch, WATCH_READ);
}

void statsd_stream_done(struct statsd_stream *s)
{
	loop_watch_done(&s->watch);
	buffer_done(&s->pending);
}
