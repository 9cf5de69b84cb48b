/*
 * A descriptor whose bytes are log lines: a pipe, or a connection. It is read in slices, whole lines become items of a
 * batch, and what is left waits for its end.
 *
 *	pending: [ read and not taken by the pipeline ][ a line without its end ]
 *
 * Invariant: the first `searched` bytes of pending hold no line's end; `charged` of its bytes are in the kind's `held`.
 * Bounded: one line by line_max, all unfinished ones of a collector by held_max, beyond a small part that each may
 * have. A line that has no end is cut at either; one that nobody goes on with for `flush` goes out as it is.
 */
#ifndef OXP_COLLECTORS_STREAM_H
#define OXP_COLLECTORS_STREAM_H

#include "collectors/lines.h"
#include "collectors/patience.h"

enum {
	STREAM_CHUNK = 64 << 10, /* of one read */
	STREAM_FREE = 16 << 10, /* of an unfinished line, not counted */
	STREAM_LAST_WORDS_MS = 1000, /* so long a writer is waited for when the process ends */
};

/* How messages end: in a line's end, or as they say at their beginning (RFC 6587, 3.4.1). */
enum stream_framing { STREAM_AUTO, STREAM_LINES, STREAM_OCTETS };

struct stream;

/* What all streams of a collector share. */
struct stream_kind {
	struct host *host;
	struct lines *lines;
	struct patience *patience;
	struct duration flush;
	enum stream_framing framing;
	size_t held, held_max;
	uint64_t offset; /* bytes that items have come of */
	/* Its end was read (0), or reading failed (errno), or it is no stream of that framing (EPROTO). Whatever it
	 * had is dealt with; it may be freed. */
	void (*ended)(struct stream *, int error);
};

struct stream {
	struct stream_kind *kind;
	int fd;
	struct loop_watch watch;
	struct loop_timer rest, flush;
	struct buffer pending;
	size_t searched, charged;
	enum stream_framing framing; /* AUTO: not known yet */
	struct mono_time last; /* when something was read */
	int error; /* why it ended */
	bool ended, flushing, skipping;
};

void stream_init(struct stream *, struct stream_kind *, int fd);
void stream_done(struct stream *); /* the descriptor is the caller's */
/* What could not be offered is offered again; patience's go_on() for each stream. It may end within. */
void stream_go_on(struct stream *);
/* Deals with all that was read, as if it had ended. patience_end() came before. */
void stream_finish(struct stream *);
/* Other bytes of the same: a pipe that was opened anew. */
void stream_replace(struct stream *, int fd);
/* Nothing is between the descriptor and the pipeline. */
static inline bool stream_is_empty(const struct stream *s)
{
	return s->pending.size == 0;
}

#endif
