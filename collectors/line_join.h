/*
 * Makes messages of the lines of a file: strips what a container runtime wrote around them, joins the pieces of a line,
 * and joins the lines of a trace, each stream by itself.
 *
 *	lines of a file → text of a stream → whole lines → messages
 *
 * A message comes out when its last line is known: at the next line that does not belong to it, when it is too long, or
 * when the reader has waited long enough and calls line_join_end(). An open message borrows no memory. A reader that
 * can read the bytes again should not hold it, but call line_join_drop(): the same bytes make it again later.
 *
 * If pieces or messages were open in both streams all the time, there would be no offset to read from again. So once
 * the open messages span JOIN_SPAN_CALM bytes, a message ends at a line of the other stream, or at a line in pieces; at
 * the ceiling everything open ends.
 */
#ifndef OXP_LINE_JOIN_H
#define OXP_LINE_JOIN_H

#include "proto/container_line.h"
#include "proto/json_line.h"
#include "proto/multiline.h"
#include "proto/rfc3339.h"

enum lines_format {
	LINES_AUTO, /* the first whole line decides */
	LINES_JSON, /* a JSON object, otherwise text */
	LINES_TEXT, /* never JSON, even if it looks like it */
	LINES_CRI,
	LINES_DOCKER,
};

/* LINES_KEPT: a buffer that has grown beyond this is given back as soon as its slice is in a batch. */
enum { LINES_KEPT = 32 << 10 };
enum { JOIN_LINES_MAX = 1024, JOIN_SPAN_CALM = 16 << 10, LINE_TIME_MAX = sizeof "2016-10-06T00:17:09.669794202+00:00" };

/* What becomes one item. Valid within take(). */
struct line_message {
	struct bytes text; /* JSON_LINE_PADDING readable bytes behind it */
	struct bytes time; /* of its first line, as the runtime wrote it; may be empty */
	struct bytes extra; /* other members that the runtime wrote, with commas between them; may be empty */
	enum log_stream stream;
	uint64_t at; /* where its first line begins */
	uint64_t last; /* where its last line begins, or the last piece of that: no other message has it */
	const struct json_line *object; /* the text's index; NULL: it is not an object, or is not to be taken for one */
	bool cut; /* it continues in the next message */
};

/* One stream. `message` is the open message of several lines, `pieces` the line that is not whole. */
struct join_lane {
	struct buffer pieces, message, pieces_extra, message_extra;
	uint64_t pieces_at, message_at; /* their first byte */
	uint64_t pieces_last, message_last; /* where the last line of each begins; of `message`, as far as it is sure */
	char pieces_time[LINE_TIME_MAX], message_time[LINE_TIME_MAX];
	uint8_t pieces_time_size, message_time_size;
	bool in_pieces, in_message;
	unsigned lines;
	size_t sure; /* how much of `message` is certain to belong to it; the rest does if the next line does */
	struct multiline_state state;
};

/* How messages that line_join_end() has ended may go on, until the next line of their stream decides. All zero: they do
 * not. */
struct join_parted {
	struct multiline_state state[LOG_STREAMS];
	bool pieces[LOG_STREAMS];
	bool any;
};

struct line_join {
	const struct json_scan *scan;
	const struct multiline *multiline;
	size_t longest; /* the most bytes of a message, and of what overlapping messages span */
	uint64_t restart; /* the last offset to read again from: no message has lines on both sides of it */
	void (*take)(void *context, const struct line_message *);
	void *context;
	struct join_lane lanes[LOG_STREAMS];
	struct buffer decoded, extra;
	uint64_t malformed; /* lines that are not in the format; they are messages as they are */
};

void line_join_init(struct line_join *, size_t longest);
void line_join_done(struct line_join *); /* fine on zeroed memory */

/* The format of a file with that first whole line: CRI, DOCKER or JSON. */
enum lines_format line_join_detect(const struct json_scan *, struct bytes line);
/* The next whole line, without its end, with JSON_LINE_PADDING readable bytes behind it. */
void line_join_line(struct line_join *, enum lines_format, struct bytes line, uint64_t at);
/* Whether lines that were given are still open, and whether pieces of a line are among them. */
bool line_join_open(const struct line_join *);
bool line_join_in_pieces(const struct line_join *);
/* Where the oldest open line begins; `otherwise` if nothing is open. If that is the line that was given last, it is an
 * offset to read again from. */
uint64_t line_join_oldest(const struct line_join *, uint64_t otherwise);
void line_join_end(struct line_join *); /* ships what is open */
/* Before line_join_end(): adds what it will part. */
void line_join_parts(const struct line_join *, struct join_parted *);
/* Whether this line continues what was parted. If not, its stream has nothing parted any more. */
bool line_join_goes_on(struct line_join *, struct join_parted *, enum lines_format, struct bytes line);
void line_join_drop(struct line_join *); /* forgets what is open, and frees large memory */

#endif
