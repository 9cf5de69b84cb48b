/*
 * Where a message of several lines begins: a regular expression, tried at the beginning of each line.
 *
 * No engine that can go back, as such patterns run over every line of an app: the pattern becomes an automaton of at
 * most LINE_START_PLACES places (Glushkov's construction), all of which are followed at once as bits of one word. A
 * line costs at most LINE_START_REACH bytes times the places that are alive, usually one or two, and nothing is
 * allocated. It ends at the first place where some beginning of the line matches.
 *
 * Understood: text, . [a-z] [^…] \d \w \s \D \W \S \t, \ before punctuation, ( | ), (?: ), * + ? {2} {2,} {2,4}, and
 * a ^ at the beginning, which changes nothing. Bytes, not characters: . takes one byte of UTF-8. Look-around, back
 * references, lazy repeats and anchors elsewhere are refused by name.
 */
#ifndef OXP_LINE_START_H
#define OXP_LINE_START_H

#include "base/bytes.h"

enum { LINE_START_PLACES = 64, LINE_START_REACH = 256, LINE_START_DEPTH = 8 };

/*
 * Invariant: bit i of follow[j] is set when place i may come after place j; bit i of takes[c] when place i takes c.
 */
struct line_start {
	unsigned count;
	bool empty; /* matches nothing at all, and so every line */
	uint64_t first, last; /* places that may begin, and end, a match */
	uint64_t follow[LINE_START_PLACES];
	uint64_t takes[256];
};

/* NULL, or why it is no such pattern; *ret is undefined then. */
const char *line_start_compile(const char *pattern, struct line_start *ret) MUST_CHECK;
bool line_start_is(const struct line_start *, struct bytes line);

#endif
