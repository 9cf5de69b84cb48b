/*
 * Three streams of lines over real pipes, with a clock that stands still.
 */
#ifndef OXP_STREAM_BENCH_H
#define OXP_STREAM_BENCH_H

#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/stream.h"
#include "config/option.h"
#include "unit/fake_host.h"

#ifndef LINE_MAX_HERE
#define LINE_MAX_HERE (64 << 10)
#endif
enum { STREAMS = 3, MEMORY = 64 << 20, PATIENCE_MS = 1000, FLUSH_MS_HERE = 500 };

struct bench {
	struct still_clock clock;
	struct loop *loop;
	struct host host;
	struct lines lines;
	struct patience patience;
	struct stream_kind kind;
	struct stream streams[STREAMS];
	int writers[STREAMS];
	unsigned ended, unframed;
	int error;
};

static inline void on_ended(struct stream *s, int error)
{
	struct bench *b = CONTAINER_OF(s->kind, struct bench, kind);

	b->ended++;
	b->error = error;
}

static inline void on_unframed(struct stream_kind *kind, unsigned count)
{
	CONTAINER_OF(kind, struct bench, kind)->unframed += count;
}

static inline void go_on(void *context)
{
	struct bench *b = context;

	for (size_t i = 0; i < STREAMS; i++)
		stream_go_on(&b->streams[i]);
}

static inline void bench_init(struct bench *b, enum stream_framing framing)
{
	*b = (struct bench){ .clock = STILL_CLOCK };
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	fake_host_init(&b->host, b->loop, NULL, MEMORY);
	b->host.signals = SIGNAL_LOGS;
	lines_init(&b->lines, &b->host, LINES_AUTO, LINE_MAX_HERE);
	patience_init(&b->patience, &b->host, DURATION_MS(PATIENCE_MS), go_on, b);
	stream_kind_init(&b->kind, &b->host, &b->lines, &b->patience, STREAMS);
	b->kind.flush = DURATION_MS(FLUSH_MS_HERE);
	b->kind.framing = framing;
	b->host.unfinished.most = 64 << 10;
	b->kind.ended = on_ended;
	b->kind.unframed = on_unframed;
	for (size_t i = 0; i < STREAMS; i++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
		assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) > 0);
		b->writers[i] = ends[1];
		stream_init(&b->streams[i], &b->kind, ends[0]);
	}
}

static inline void bench_done(struct bench *b)
{
	for (size_t i = 0; i < STREAMS; i++) {
		int fd = b->streams[i].fd;
		stream_done(&b->streams[i]);
		close(fd);
		if (b->writers[i] >= 0)
			close(b->writers[i]);
	}
	assert_int_equal(b->host.unfinished.held, 0);
	stream_kind_done(&b->kind);
	patience_done(&b->patience);
	lines_done(&b->lines);
	fake_host_done(&b->host);
	loop_free(b->loop);
}

static inline void turns(struct bench *b)
{
	for (int i = 0; i < 8; i++)
		loop_turn(b->loop, DURATION_MS(0));
}

/* What was given to the lane comes back. */
static inline void settle(struct bench *b)
{
	turns(b);
	for (int i = 0; i < 1200 && lines_lane_is_busy(&b->kind.lane); i++) {
		loop_turn(b->loop, DURATION_MS(50));
		turns(b);
	}
	assert_false(lines_lane_is_busy(&b->kind.lane));
}

static inline void pass(struct bench *b, int64_t ms)
{
	settle(b);
	b->clock.ns += ms * 1000000;
	settle(b);
}

static inline void put(struct bench *b, size_t stream, const char *data, size_t size)
{
	assert_int_equal(write(b->writers[stream], data, size), size);
}

static inline void put_text(struct bench *b, size_t stream, const char *text)
{
	put(b, stream, text, strlen(text));
}

#endif
