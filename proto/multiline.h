/*
 * Which lines are one message: the stack traces of Java, Python, Go and Node, and messages whose first line matches a
 * pattern (line_start.h).
 *
 * A trace begins with the line that names the error, or with its first frame; what a logger wrote before it is a
 * separate message. So ordinary lines never wait for the next one. Each shape is a small machine over whole lines;
 * several can be enabled at once and run side by side. With a pattern, a message continues up to the next line that
 * begins one.
 *
 * Shapes as their runtimes print them: java.lang.Throwable.printStackTrace; traceback.print_exception with chains and
 * groups; runtime.gopanic, runtime.throw and http.Server's recover; V8's Error.stack with properties and the source
 * line of an uncaught one.
 */
#ifndef OXP_MULTILINE_H
#define OXP_MULTILINE_H

#include "proto/line_start.h"

enum { MULTILINE_JAVA = 1, MULTILINE_PYTHON = 2, MULTILINE_GO = 4, MULTILINE_NODE = 8, MULTILINE_SHAPES = 4 };

enum line_role {
	LINE_ALONE, /* a message by itself; an open one ends before it */
	LINE_FIRST, /* begins a message, which may continue; an open one ends before it */
	LINE_MORE, /* belongs to the open message, and so do the MAYBEs before it */
	LINE_MAYBE, /* belongs to it if a MORE follows: the blank line between two parts of a trace */
};

struct multiline {
	unsigned shapes; /* MULTILINE_… */
	const struct line_start *start; /* in place of shapes; may be NULL */
};

/* The state of one stream. All zero: nothing is open. */
struct multiline_state {
	uint8_t at[MULTILINE_SHAPES];
	bool open;
};

static inline bool multiline_wanted(const struct multiline *m)
{
	return m->shapes || m->start;
}

/* Takes the stream's next line, without its line end. After ALONE, and before FIRST, nothing is open. */
enum line_role multiline_next(const struct multiline *, struct multiline_state *, struct bytes line);
/* Ends what is open. */
void multiline_end(struct multiline_state *);

#endif
