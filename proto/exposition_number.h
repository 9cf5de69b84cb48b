/*
 * Numbers of the exposition formats: text to double and back.
 *
 * Accepts what both text 0.0.4 and OpenMetrics 1.0 ("Numbers") agree on: decimal with an optional fraction and
 * exponent, NaN, Inf and Infinity in any case, with a sign. Hexadecimal, underscores and numbers that overflow a double
 * are refused. The usual short decimals are converted without strtod(), exactly: both the digits and the power of ten
 * fit a double.
 */
#ifndef OXP_EXPOSITION_NUMBER_H
#define OXP_EXPOSITION_NUMBER_H

#include "base/bytes.h"

enum {
	EXPOSITION_NUMBER_MAX = 1024, /* the longest text taken as a number */
	EXPOSITION_NUMBER_SIZE = 32, /* room for any number written */
};

bool exposition_number_parse(struct bytes text, double *ret) MUST_CHECK;
/* All of the text, in milliseconds: a whole number with an optional minus. */
bool exposition_integer_parse(struct bytes text, int64_t *ret) MUST_CHECK;
/* The shortest text that reads back as the same double; NaN, +Inf and -Inf by these names. Returns its length. */
size_t exposition_number_format(double value, char to[EXPOSITION_NUMBER_SIZE]);
/* At most 20 bytes. */
size_t exposition_integer_format(int64_t value, char to[EXPOSITION_NUMBER_SIZE]);

#endif
