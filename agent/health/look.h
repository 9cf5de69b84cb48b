/*
 * What a helper looks at, one function for each kind of check. It is given the words that the check wrote
 * (helped.h), and may block.
 */
#ifndef OXP_LOOK_H
#define OXP_LOOK_H

#include "base/base.h"

enum { LOOK_WORDS_MAX = 256, LOOK_WHY_MAX = 512 };

struct look_words {
	size_t count;
	char *words[LOOK_WORDS_MAX + 1]; /* ends with NULL */
};

/* True if it is fine; or `why`, one line. */
typedef bool look(const struct look_words *, char why[LOOK_WHY_MAX]);

look look_exec; /* of its command; only returns if that cannot be started */
look look_file; /* path, the highest age in ms or 0 */
look look_process; /* a number, or the path of a file */
look look_postgres; /* url */
look look_mysql; /* url, ca, "tls" or "", "trust anyone" or "" */
look look_redis; /* url, ca, "trust anyone" or "" */

#endif
