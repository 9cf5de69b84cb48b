/*
 * Where a message of several lines begins: a regular expression, tried at the beginning of each line.
 *
 * The engine never backtracks, since such patterns run over every line of an app. The pattern becomes an automaton of
 * at most LINE_START_SYMBOLS symbols (Glushkov's construction), which are all followed at once, as the bits of one
 * word. A line costs at most LINE_START_REACH bytes times the symbols that are alive, usually one or two, and nothing
 * is allocated. It ends as soon as some beginning of the line matches.
 *
 * Understood: text, . [a-z] [^…] \d \w \s \D \W \S \t, \ before punctuation, ( | ), (?: ), * + ? {2} {2,} {2,4}, and a
 * ^ at the beginning, which changes nothing. Bytes, not characters: . takes one byte of UTF-8. Look-around, back
 * references, lazy repeats and anchors elsewhere are refused by name.
 */
#ifndef OXP_LINE_START_H
#define OXP_LINE_START_H

#include "base/bytes.h"

enum { LINE_START_SYMBOLS = 64, LINE_START_REACH = 256, LINE_START_DEPTH = 8 };

/*
 * Invariant: bit i of follow[j] is set if symbol i may come after symbol j; bit i of takes[c], if symbol i takes c.
 */
struct line_start {
	unsigned count;
	bool empty; /* matches the empty text, and so every line */
	uint64_t first, last; /* symbols that may begin, and end, a match */
	uint64_t follow[LINE_START_SYMBOLS];
	uint64_t takes[256];
};

/* NULL; or why it is not such a pattern, and *ret is undefined. */
const char *line_start_compile(const char *pattern, struct line_start *ret) MUST_CHECK;
bool line_start_is(const struct line_start *, struct bytes line);

#endif
