/*
 * Makes items of a batch from lines: what collectors of log lines have in common.
 *
 * A line that is a JSON object is an item as it is; any other becomes {"message": …}, in memory of the same batch. A
 * line longer than line_max is cut, marked ("oxpecker.truncated": true) and counted; an empty line, or one with only
 * a CR, is skipped. If lines_join() was called, what a container runtime wrote around lines is stripped, and the
 * lines of a message are joined (line_join.h). The collector brings the bytes in blocks of a batch, so that
 * BATCH_PADDING follows them, and counts a slice with lines_count() once the pipeline has it: until then nothing has
 * happened.
 */
#ifndef OXP_COLLECTORS_LINES_H
#define OXP_COLLECTORS_LINES_H

#include "collectors/line_join.h"
#include "collectors/line_origin.h"
#include "collectors/lines_options.h"
#include "component.h"

/* One for each collector. */
struct lines {
	const struct json_scan *scan;
	enum lines_format format;
	uint64_t line_max;
	struct buffer message; /* a line that is rewritten: {"message": …} */
	/* Makes an object in `message` of a line that is not JSON, maybe in a lane. False: the line is not of its kind.
	 * May be NULL. */
	bool (*shape)(struct lines *, struct bytes line);
	void (*begin)(struct lines *); /* before shape() is called for a slice; on the loop. May be NULL */
	void *shaper; /* of both */
	struct line_origin origin; /* set before a slice */
	struct multiline multiline;
	struct line_start *start; /* multiline's; may be NULL */
	struct line_join join; /* of the current slice */
	struct line_queue *queue; /* what came out of `join`; NULL: nothing is ever joined */
	uint64_t *lines, *bytes, *not_json, *cut, *cut_bytes, *empty, *malformed, *shaped;
};

/* Counts of lines that were handled. */
struct line_tally {
	uint64_t not_json, cut, cut_bytes, empty, malformed, shaped;
};

/*
 * Consecutive bytes on their way into a batch. The last group of fields begins as zero.
 *
 * Invariant: took <= seen <= size; data[0] to data[took - 1] are handled. Behind them, up to `seen`, are whole lines
 * whose message may continue, and then the beginning of a line. Nothing but numbers is stored about those: the next
 * slice begins with them, or lines_end() handles the whole ones.
 */
struct line_slice {
	struct lines *lines;
	struct batch *batch;

	const char *data; /* in a block of the batch, unless `apart` */
	size_t size;
	uint64_t generation, offset; /* of data[0] */
	bool skipping; /* inside a line that was cut; also after the slice */
	bool apart; /* data is not in the batch: items are copied */
	bool crowded; /* a line without a line end is cut here: there is no room to wait for the rest */
	bool single; /* each line is a message: nothing is joined */
	bool zeros; /* a line ends in a zero; line ends before and behind that are not part of it */
	bool lost; /* lines are only counted: there is no batch and nothing is joined */
	bool parts_wait; /* lines that go on with what was parted wait: the slice ends before them */
	enum lines_format format; /* AUTO until the first whole line decides for all */

	struct join_parted parted; /* by lines_end(), before the slice; and by the end of the slice */
	size_t took, seen;
	char *text; /* what is left of the block for messages */
	size_t text_room;
	struct line_tally tally, sure; /* up to `seen`, up to `took` */
	struct {
		uint64_t records, bytes;
	} loss;
	bool cutting; /* the current line has no end here */
	bool waits; /* the line at `seen` waits, see parts_wait */
	bool failed; /* no room for an item: discard the batch */
};

/* Makes the counters. line_max may be lowered later. */
void lines_init(struct lines *, struct host *, enum lines_format, uint64_t line_max);
/* Enables messages of several lines, if the options say so, for an app that writes them itself. */
void lines_join_messages(struct lines *, struct host *, const struct lines_multiline *);
/* The same with the formats of container runtimes, too. */
void lines_join(struct lines *, struct host *, const struct lines_multiline *);
void lines_done(struct lines *); /* fine on zeroed memory */

/* Before each slice, on the loop. */
static inline void lines_begin(struct lines *l)
{
	if (l->begin)
		l->begin(l);
}

/* One line without its line end, at data + at: for callers that find the ends themselves. */
void lines_add(struct line_slice *, size_t at, size_t size);
/* All whole lines. */
void lines_split(struct line_slice *);
/* After lines_split(), for the line that has no end yet: the rest of a cut line is skipped, and a line that is longer
 * than line_max, or crowded, is cut here. With `last`, it ends here. Anything else stays behind `took`. */
void lines_rest(struct line_slice *, bool last);
/* After lines_rest(): ships everything up to `seen`, although more may come. */
void lines_end(struct line_slice *);
/* Whether pieces of a line are waiting: the rest has not been written yet. */
bool lines_in_pieces(const struct line_slice *);
/* The slice is in its batch: its open messages are not needed any more, nor is the memory that a long line has needed.
 * Called before the batch is offered, when the steps and the pipeline need memory of their own. */
void lines_forget(struct lines *);
/* Counts what the slice took, as that many records: the batch may be gone by then. */
void lines_count(const struct line_slice *, uint64_t records);

#endif
