/*
 * Finds what people do not want in their logs, by its shape: card numbers, bearer tokens, e-mail and IP addresses.
 *
 *   card    13–19 digits, alone or in groups of three and more with single spaces or dashes between them, that pass
 *           the Luhn check (ISO/IEC 7812-1), begin as cards of that length do, and are not part of a longer word or
 *           number, or of a UUID; so times in milliseconds and serial numbers seldom pass for one
 *   bearer  what follows the word Bearer (RFC 6750, 2.1); and JSON Web Tokens, which begin with eyJ and have two dots
 *   email   local part @ domain with a dot in it; the @ may be written %40
 *   ip      IPv4 in four decimal parts; IPv6 as of RFC 4291, 2.2
 *
 * Words consist of ASCII letters, digits and _; characters beyond ASCII end them.
 *
 * One pass over the text: sixteen bytes at a time are searched for the marks of a match, and each candidate looks at a
 * bounded number of bytes around it. No state is kept and nothing is tried again. The caller guarantees DETECT_PADDING
 * readable bytes behind the text; they never influence the result.
 */
#ifndef OXP_DETECT_H
#define OXP_DETECT_H

#include "base/bytes.h"

enum { DETECT_CARD = 1, DETECT_BEARER = 2, DETECT_EMAIL = 4, DETECT_IP = 8 };

enum { DETECT_PADDING = 16 };

/* Ways to look for candidates; all give the same answers. */
struct detect_skip {
	const char *name;
	/* The first byte from `at` on that may be the mark of a match, or `size`. */
	size_t (*next)(const unsigned char *text, size_t size, size_t at);
};
extern const struct detect_skip detect_skips[]; /* best first, ends with one without a name */

struct detector {
	unsigned what;
	const struct detect_skip *skip;
};

struct detected {
	size_t from, to;
};

void detector_init(struct detector *, unsigned what);
/* The first match that begins at `at` or later. */
bool detect_next(const struct detector *, struct bytes text, size_t at, struct detected *ret);

#endif
