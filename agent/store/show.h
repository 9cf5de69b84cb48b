/*
 * `oxpecker show`: what the embedded store holds, read by another process.
 */
#ifndef OXP_STORE_SHOW_H
#define OXP_STORE_SHOW_H

#include <stdio.h>

#include "base/base.h"

struct store_show_options {
	uint64_t limit; /* so many of the newest, oldest first; of samples: of the newest snapshot */
	bool json; /* a JSON object a line */
	bool colour;
};

/* `what` is "logs", "traces" or "metrics". 0, or -errno after a message on stderr. */
int store_show(const char *folder, const char *what, const struct store_show_options *, FILE *to) MUST_CHECK;

#endif
