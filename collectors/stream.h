/*
 * A descriptor whose bytes are log lines: a pipe, or a connection. It is read in slices; whole lines become items of a
 * batch, and the rest waits for its line end.
 *
 *	pending: [ whole lines whose message may continue ][ read, not taken by the pipeline ][ a line without its end ]
 *
 * Invariant: seen <= searched <= pending.size; the first `seen` bytes of pending are such whole lines, and there is no
 * line end between them and `searched`; `charged` of the bytes count in `unfinished` of the kind. Bounded: a line or a
 * message by line_max; the unfinished lines of all collectors by host_unfinished(), not counting a small part of each.
 * An unfinished line is cut at either limit. What waits has memory of its size. A line or message that does not
 * continue within `flush` goes out as it is; if a writer is known to be there, a line has STREAM_LINE_S. All streams
 * read into the same memory.
 */
#ifndef OXP_COLLECTORS_STREAM_H
#define OXP_COLLECTORS_STREAM_H

#include <sys/queue.h>

#include "base/quota.h"
#include "collectors/lines_lane.h"
#include "collectors/pace.h"
#include "collectors/patience.h"

enum {
	STREAM_CHUNK = 64 << 10, /* of one read */
	STREAM_CHUNK_MIN = 4 << 10, /* where lines take long */
	STREAM_FREE = 16 << 10, /* bytes of an unfinished line that do not count; with many streams each has less */
	STREAM_FREE_ALL = 1 << 20, /* of all of them together, in all collectors */
	STREAM_LINE_S = 600, /* how long a writer has to end a line: blocks of little output are rare */
	STREAM_LAST_WORDS_MS = 1000, /* how long the end of the process waits for a writer */
};

/* How messages end: at a line end, or after the length that they begin with (RFC 6587, 3.4.1). */
enum stream_framing { STREAM_AUTO, STREAM_LINES, STREAM_OCTETS };

/* Whether a zero ends a message, as in glibc's syslog() and Python's SysLogHandler. Only if it begins as a syslog
 * message: in any other text a zero is a part of it. */
enum stream_zeros { ZEROS_UNKNOWN, ZEROS_NEVER, ZEROS_MAYBE, ZEROS_END };

struct stream;

/* A part of what is pending, on its way into a batch. Nothing has happened to the stream until it is taken. */
struct stream_slice {
	struct line_slice in;
	const char *from; /* in `pending` */
	char *block; /* of the batch, for a copy of it */
	size_t pass; /* the stream's, behind it */
	unsigned unframed; /* messages */
	bool framed, last;
	bool on_loop; /* even if it has long lines */
};

/* What all streams of a collector share. */
struct stream_kind {
	struct host *host;
	struct lines *lines;
	struct patience *patience;
	struct duration flush;
	enum stream_framing framing;
	size_t streams; /* there are no more at a time */
	struct quota_user unfinished;
	uint64_t offset; /* bytes that have become items */
	struct pace pace;
	struct buffer area; /* to read into, while no stream has it */
	struct lines_lane lane;
	struct stream_slice slice; /* that the lane has */
	struct stream *slow; /* whose slice that is; NULL: there is none */
	TAILQ_HEAD(stream_line, stream) line; /* streams that wait until the lane is free */
	struct loop_soon go_on; /* they may, or with `wake` all that wait for room */
	bool wake;
	bool finishing; /* nothing waits any more */
	bool comes_back; /* an end is not final: another writer may come (a FIFO) */
	/* Its end was read (0), or reading failed (errno). Everything it had was handled; it may be freed. */
	void (*ended)(struct stream *, int error);
	/* Whether a writer may continue a line, which is then waited for. NULL: unknown. */
	bool (*has_writer)(struct stream *);
	/* That many messages of streams of frames were not frames, and went out as lines. May be NULL. */
	void (*unframed)(struct stream_kind *, unsigned count);
};

struct stream {
	struct stream_kind *kind;
	int fd;
	struct loop_watch watch;
	struct loop_timer rest, flush;
	struct buffer pending;
	size_t seen, searched, charged;
	size_t pass; /* how many of the next bytes belong to a frame that was cut */
	enum stream_framing framing; /* AUTO: not known yet */
	enum stream_zeros zeros;
	struct mono_time last; /* when something was read */
	int error; /* why it ended */
	TAILQ_ENTRY(stream) line_entry;
	bool in_line;
	bool ended, flushing, skipping;
	bool alone; /* the last read found the end: there is no writer at the moment */
};

/* For that many streams at a time. The caller sets `ended` and whatever else differs. */
void stream_kind_init(struct stream_kind *, struct host *, struct lines *, struct patience *, size_t streams);
void stream_kind_done(struct stream_kind *); /* after its streams; fine on zeroed memory */

void stream_init(struct stream *, struct stream_kind *, int fd);
void stream_done(struct stream *); /* the descriptor is the caller's */
/* Offers again what found no room: patience's go_on() for each stream. The stream may end within. */
void stream_go_on(struct stream *);
/* While the process ends: whether the writer is gone, or has been silent for a while, counted from `since` at the
 * earliest; then an unfinished line goes out. */
bool stream_is_quiet(struct stream *, struct mono_time since);
/* Handles everything that was read and everything the kernel still has, as if the stream had ended. After
 * patience_end(). */
void stream_finish(struct stream *);
/* Whether nothing is left between the descriptor and the pipeline. */
static inline bool stream_is_empty(const struct stream *s)
{
	return s->pending.size == 0;
}

#endif
