/*
 * A pattern that a value is held against: what `where` of a step consists of.
 *
 *	error|warn       one of these texts
 *	GET /health*     a * stands for any characters, also for none
 *	>=500            a number that is at least 500; also <, <=, >
 *	>250ms           the same for a duration: us, ms, s, m, h
 *	!GET *           anything else; also that there is no such value
 *
 * Letters have to have the same case. A text in which a number stands is compared as that number.
 */
#ifndef OXP_PATTERN_H
#define OXP_PATTERN_H

#include "base/bytes.h"

/* How the help of an option says it. */
#define PATTERN_HELP                                                                                                 \
	"each a text with * for any, or several with | between, or >, >=, <, <= and a number or duration, or ! and " \
	"one of these for what must not be."

enum pattern_kind { PATTERN_TEXT, PATTERN_LESS, PATTERN_AT_MOST, PATTERN_MORE, PATTERN_AT_LEAST };

struct pattern {
	enum pattern_kind kind;
	bool negated;
	struct bytes text; /* the texts, between | */
	double number; /* a duration in nanoseconds */
};

/* 0; or -EINVAL: empty, or no number behind < or >. The text must live as long as the pattern. */
int pattern_read(struct pattern *, const char *text) MUST_CHECK;
bool pattern_fits_text(const struct pattern *, struct bytes);
bool pattern_fits_number(const struct pattern *, double);
/* Whether it is a text, and each of its texts one of these words: any other would never fit, or always. */
bool pattern_is_of(const struct pattern *, const char *const *words, size_t count);
/* For a value that is not there. */
static inline bool pattern_fits_nothing(const struct pattern *p)
{
	return p->negated;
}

#endif
