/*
 * Lines of bytes become items of a batch: what collectors of log lines have in common.
 *
 * A line that is a JSON object is an item where it stands; any other becomes {"message": …}, in memory of the same
 * batch. Longer than line_max it is cut, marked ("truncated": true) and counted; one that is empty, or only a CR, is
 * passed over. Where lines_join() has allowed it, what a container runtime wrote around lines is taken off, and lines
 * of one message are joined (line_join.h). The collector brings the bytes in blocks of a batch (so that BATCH_PADDING
 * stands behind them), and counts a slice with lines_count() once the pipeline has it: what is not taken has not
 * happened.
 */
#ifndef OXP_COLLECTORS_LINES_H
#define OXP_COLLECTORS_LINES_H

#include "collectors/line_join.h"
#include "component.h"

struct option_list;

/* One for each collector. */
struct lines {
	const struct json_scan *scan;
	enum lines_format format;
	uint64_t line_max;
	struct buffer message; /* a line that becomes another: {"message": …} */
	/* Makes an object in `message` of a line that is no JSON; false: it is none of its kind. May be NULL. */
	bool (*shape)(struct lines *, struct bytes line);
	void *shaper; /* shape()'s own */
	struct buffer origin; /* what tells where the slice at hand is from, up to the place; empty: it is not told */
	struct multiline multiline;
	struct line_start *start; /* multiline's; may be NULL */
	struct line_join join; /* of the slice at hand */
	struct line_queue *queue; /* what came out of it; NULL: nothing is ever joined */
	size_t early; /* what comes out now was not ended by what is behind it: the place of the last; else 0 */
	uint64_t *lines, *bytes, *not_json, *cut, *cut_bytes, *empty, *malformed;
};

/* Of lines that are dealt with. */
struct line_tally {
	uint64_t not_json, cut, cut_bytes, empty, malformed;
};

/*
 * Bytes that follow one another, on their way into a batch. The last group begins as zero.
 *
 * Invariant: took <= seen <= size; data[0] to data[took - 1] are dealt with. Behind that are whole lines whose message
 * may go on, up to `seen`, then the beginning of a line. Nothing but numbers is kept of them: the next slice begins
 * with them, or lines_end() deals with those that are whole.
 */
struct line_slice {
	struct lines *lines;
	struct batch *batch;

	const char *data; /* in a block of the batch, unless `apart` */
	size_t size;
	uint64_t generation, offset; /* of data[0] */
	bool skipping; /* inside a line that was cut; also when the slice has been worked through */
	bool apart; /* data is not the batch's: what becomes an item is copied */
	bool crowded; /* a line without its end is cut here: there is no room to wait for it */
	bool single; /* each line is a message by itself: nothing is joined */
	bool zeros; /* a line ends in a zero; line ends before and behind it are no part of it */
	bool lost; /* lines are only counted: there is no batch, data need not be in one, nothing is joined */
	enum lines_format format; /* AUTO until the first whole line, then for all that follow */

	size_t took, seen;
	char *text; /* what is left of the block for messages */
	size_t text_room;
	struct line_tally tally, sure; /* up to `seen`, up to `took` */
	struct {
		uint64_t records, bytes;
	} loss;
	bool cutting; /* the line at hand has no end here */
	bool failed; /* no room for an item: the batch is of no use */
};

/* For an option row: in the order of the enum, of lines that an app writes, and of those in a file. */
extern const char *const lines_formats[], *const lines_file_formats[];
#define LINES_FORMAT_HELP \
	"What a line is. auto, json: a JSON object; anything else becomes {\"message\": …}. text: always that."
#define LINES_FILE_FORMAT_HELP                                                                                   \
	"What a line is. json: a JSON object; anything else becomes {\"message\": …}. text: always that. cri, "  \
	"docker: a container runtime's envelope, which is taken off; lines that it split are joined. auto: the " \
	"first line of a file decides."
extern const char *const lines_shapes[]; /* bits of MULTILINE_… */
/* Which lines are one message, as two options say it. */
struct lines_multiline {
	const struct option_list *shapes;
	const char *start;
};
#define LINES_MULTILINE_OPTIONS(type, member)                                                                        \
	{ OPT_TEXTS(type, member.shapes), .name = "multiline", .choices = lines_shapes,                              \
		.example = "[java, python, go, node]", .help = "Languages whose stack traces become one message." }, \
	{                                                                                                            \
		OPT_TEXT(type, member.start), .name = "multiline_start", .example = "\\d{4}-\\d{2}-\\d{2}",          \
		.help = "Pattern that the first line of a message begins with, used instead of `multiline`. Other "  \
			"lines continue the message."                                                                \
	}
#define LINES_FLUSH_HELP \
	"A line without its end, or a message that could go on, is shipped if nothing more comes for this long."
#define LINES_MAX_HELP "Longest line; a longer one is cut, marked and counted."

/* With the counters that are shown. line_max may be lowered later. */
void lines_init(struct lines *, struct host *, enum lines_format, uint64_t line_max);
/* Whether the options are sound and go together; what does not is written into `why`. */
bool lines_multiline_check(const struct lines_multiline *, char *why, size_t room);
/* Allows messages of several lines, if they are asked for, of an app that writes them itself. */
void lines_join_messages(struct lines *, struct host *, const struct lines_multiline *);
/* Allows formats of container runtimes, too. */
void lines_join(struct lines *, struct host *, const struct lines_multiline *);
/* Every item of the next slice tells the file and its place in it: oxpecker.path and oxpecker.offset, unless it has a
 * member `oxpecker` of its own. A name that apps may have, as `log` of the Elastic Common Schema, would make an object
 * of it in the index, and an app's text of that name would be refused for ours, whichever comes first. */
void lines_origin(struct lines *, const char *path);
void lines_done(struct lines *); /* fine on zeroed memory */

/* One line without its end, at data + at: for those who find the ends by themselves. */
void lines_add(struct line_slice *, size_t at, size_t size);
/* All whole lines. */
void lines_split(struct line_slice *);
/* Behind lines_split(): of the line that has no end yet, what belongs to a cut line is passed over, and what is longer
 * than line_max, or crowded, is cut here. With `last`, it ends here. Whatever else is left keeps standing behind
 * `took`. */
void lines_rest(struct line_slice *, bool last);
/* Behind lines_rest(): nothing that is seen waits any longer. */
void lines_end(struct line_slice *);
/* The same before more of it may come. A message that ends so is known by the place of its end in place of its
 * beginning: after a kill it may be read again with more of its lines, and is another document then. */
void lines_end_early(struct line_slice *);
/* Whether pieces of one line are among what waits: whoever wrote them has not written the rest yet. */
bool lines_in_pieces(const struct line_slice *);
/* Nothing is needed of the slice's joins any more. */
void lines_forget(struct lines *);
/* Counts what the slice took, as so many records: the batch may be gone by then. */
void lines_count(const struct line_slice *, uint64_t records);

#endif
