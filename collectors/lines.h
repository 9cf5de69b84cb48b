/*
 * Lines of bytes become items of a batch: what collectors of log lines have in common.
 *
 * A line that is a JSON object is an item where it stands; any other becomes {"message": …}, in memory of the same
 * batch. Longer than line_max it is cut, marked ("truncated": true) and counted; one that is empty, or only a CR, is
 * passed over. The collector brings the bytes in blocks of a batch (so that BATCH_PADDING stands behind them), and
 * counts a slice with lines_count() once the pipeline has it: what is not taken has not happened.
 */
#ifndef OXP_COLLECTORS_LINES_H
#define OXP_COLLECTORS_LINES_H

#include "component.h"
#include "proto/json_line.h"

/* One for each collector. */
struct lines {
	const struct json_scan *scan;
	bool text; /* lines are no JSON, whatever they look like */
	uint64_t line_max;
	struct buffer message; /* a line that becomes {"message": …} */
	uint64_t *lines, *bytes, *not_json, *cut, *cut_bytes, *empty;
};

/*
 * Bytes that follow one another, on their way into a batch. The last group begins as zero.
 *
 * Invariant: took <= size; data[0] to data[took - 1] are dealt with.
 */
struct line_slice {
	struct lines *lines;
	struct batch *batch;

	const char *data; /* in a block of the batch */
	size_t size;
	uint64_t generation, offset; /* of data[0] */
	bool skipping; /* inside a line that was cut; also when the slice has been worked through */

	size_t took;
	char *text; /* what is left of the block for messages */
	size_t text_room;
	uint64_t not_json, cut, cut_bytes, empty;
	bool failed; /* no room for an item: the batch is of no use */
};

enum lines_format { LINES_AUTO, LINES_JSON, LINES_TEXT };
extern const char *const lines_formats[]; /* for an option row */
#define LINES_FORMAT_HELP \
	"What a line is; auto and json: a JSON object, anything else becomes {\"message\": …}; text: always that."
#define LINES_MAX_HELP "Longest line; longer ones are cut, marked and counted."

/* With the counters that are shown. line_max may be lowered later. */
void lines_init(struct lines *, struct host *, enum lines_format, uint64_t line_max);
void lines_done(struct lines *); /* fine on zeroed memory */

/* One line without its end, at data + at: for those who find the ends by themselves. */
void lines_add(struct line_slice *, size_t at, size_t size);
/* All whole lines. */
void lines_split(struct line_slice *);
/* Behind lines_split(): of the line that has no end yet, what belongs to a cut line is passed over, and what is longer
 * than line_max is cut here. With `last`, it ends here. Whatever else is left keeps standing behind `took`. */
void lines_rest(struct line_slice *, bool last);
/* Counts what the slice took, as so many records: the batch may be gone by then. */
void lines_count(const struct line_slice *, uint64_t records);

#endif
