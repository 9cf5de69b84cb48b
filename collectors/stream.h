/*
 * A descriptor whose bytes are log lines: a pipe, or a connection. It is read in slices, whole lines become items of a
 * batch, and what is left waits for its end.
 *
 *	pending: [ whole lines whose message may go on ][ read and not taken by the pipeline ][ a line without its end ]
 *
 * Invariant: seen <= searched <= pending.size; the first `seen` bytes of pending are such whole lines, and there is no
 * line's end behind them up to `searched`; `charged` of the bytes are in the kind's `held`.
 * Bounded: one line by line_max, and so is a message; all unfinished ones of a collector by held_max, beyond a small
 * part that each may have. A line that has no end is cut at either; one that nobody goes on with for `flush` goes out
 * as it is, and so does a message; where it is known that a writer is there, the line has STREAM_LINE_S. The memory
 * that is read into is one for all streams.
 */
#ifndef OXP_COLLECTORS_STREAM_H
#define OXP_COLLECTORS_STREAM_H

#include "collectors/lines.h"
#include "collectors/pace.h"
#include "collectors/patience.h"

enum {
	STREAM_CHUNK = 64 << 10, /* of one read */
	STREAM_CHUNK_MIN = 4 << 10, /* where lines take long */
	STREAM_FREE = 16 << 10, /* of an unfinished line, not counted; of many streams each has less */
	STREAM_FREE_ALL = 1 << 20, /* of all of them together */
	STREAM_LINE_S = 600, /* so long a writer has to end a line: blocks of little output are rare */
	STREAM_LAST_WORDS_MS = 1000, /* so long a writer is waited for when the process ends */
};

/* How messages end: in a line's end, or as they say at their beginning (RFC 6587, 3.4.1). */
enum stream_framing { STREAM_AUTO, STREAM_LINES, STREAM_OCTETS };

/* Whether a zero ends a message, as glibc's syslog() and Python's SysLogHandler have it. Only of one that begins as a
 * syslog message: in any other text it is a part of that. */
enum stream_zeros { ZEROS_UNKNOWN, ZEROS_NEVER, ZEROS_MAYBE, ZEROS_END };

struct stream;

/* What all streams of a collector share. */
struct stream_kind {
	struct host *host;
	struct lines *lines;
	struct patience *patience;
	struct duration flush;
	enum stream_framing framing;
	size_t free_each, held, held_max;
	uint64_t offset; /* bytes that items have come of */
	struct pace pace;
	struct buffer area; /* to read into, while no stream has it */
	bool comes_back; /* an end is none: another writer may come (a FIFO) */
	/* Its end was read (0), or reading failed (errno). Whatever it had is dealt with; it may be freed. */
	void (*ended)(struct stream *, int error);
	/* Whether somebody may go on with a line: then its end is waited for. NULL: nobody knows. */
	bool (*has_writer)(struct stream *);
	/* So many messages of streams of frames were none, and went out as lines. May be NULL. */
	void (*unframed)(struct stream_kind *, unsigned count);
};

struct stream {
	struct stream_kind *kind;
	int fd;
	struct loop_watch watch;
	struct loop_timer rest, flush;
	struct buffer pending;
	size_t seen, searched, charged;
	size_t pass; /* so many bytes to come belong to a frame that was cut */
	enum stream_framing framing; /* AUTO: not known yet */
	enum stream_zeros zeros;
	struct mono_time last; /* when something was read */
	int error; /* why it ended */
	unsigned unframed; /* messages of the slice at hand */
	bool ended, flushing, skipping;
	bool alone; /* the last read was an end: no writer is there at the moment */
};

/* For so many streams at a time. `ended`, and what else differs, is the caller's. */
void stream_kind_init(struct stream_kind *, struct host *, struct lines *, struct patience *, size_t streams);
void stream_kind_done(struct stream_kind *); /* behind its streams; fine on zeroed memory */

void stream_init(struct stream *, struct stream_kind *, int fd);
void stream_done(struct stream *); /* the descriptor is the caller's */
/* What could not be offered is offered again; patience's go_on() for each stream. It may end within. */
void stream_go_on(struct stream *);
/* What has no end goes out as it is, as if nobody had gone on with it for long. It may end within. */
void stream_flush(struct stream *);
/* While the process ends: whether its writer is gone, or has said nothing for a while, since `since` either; then what
 * has no end goes out. */
bool stream_is_quiet(struct stream *, struct mono_time since);
/* Deals with all that was read, and what the kernel still has, as if it had ended. patience_end() came before. */
void stream_finish(struct stream *);
/* Nothing is between the descriptor and the pipeline. */
static inline bool stream_is_empty(const struct stream *s)
{
	return s->pending.size == 0;
}

#endif
