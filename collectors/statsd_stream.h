/*
 * A connection that sends StatsD: lines, or as DogStatsD over a Unix stream messages of lines, each after its length in
 * four bytes, the least first. The first four bytes tell which: a line has no zero in it, and no message is of 64 KiB
 * or more.
 *
 * A line that has not come whole waits, up to STATSD_LINE_MAX bytes; a longer one is refused. The last line of a
 * message, or of a connection that ends, needs no line end.
 */
#ifndef OXP_COLLECTORS_STATSD_STREAM_H
#define OXP_COLLECTORS_STATSD_STREAM_H

#include "collectors/statsd_events.h"
#include "loop/loop.h"

enum {
	STATSD_LINE_MAX = 16 << 10,
	STATSD_CHUNK =
		8 << 10, /* of one read, in one callback: well under a millisecond if each line is a new series */
	STATSD_LENGTH = 4,
};

enum statsd_framing { STATSD_UNKNOWN, STATSD_LINES, STATSD_LENGTHS };

/*
 * Invariant: `pending` is the beginning of a line, without a line end, or of what tells the framing or a length;
 * `left` bytes of the message are still to come, and 0 stands for a length.
 */
struct statsd_stream {
	struct statsd_events *events;
	struct loop_watch watch;
	int fd;
	struct mono_time last; /* when something came, or it began */
	enum statsd_framing framing;
	size_t left;
	bool skipping; /* the line under way is too long */
	struct buffer pending;
	/* It has ended, and was read to its end; it may be freed. */
	void (*ended)(struct statsd_stream *);
};

/* Reads from the descriptor, which is the caller's, until `ended`. */
void statsd_stream_init(struct statsd_stream *, struct statsd_events *, int fd, void (*ended)(struct statsd_stream *));
void statsd_stream_done(struct statsd_stream *); /* fine on zeroed memory */

#endif
