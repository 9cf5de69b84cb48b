/*
 * `oxpecker show`: what the embedded store holds, read by another process, for people or as JSON lines.
 *
 * Rows carry what programs wrote, and nobody asked them to be kind to terminals: control characters are shown as
 * question marks.
 */
#ifndef OXP_STORE_SHOW_H
#define OXP_STORE_SHOW_H

#include <stdio.h>

#include "base/clock.h"

struct store_show_options {
	uint64_t limit; /* so many of the newest, oldest first; of samples: of the newest snapshot */
	struct wall_time since; /* nothing older; 0 for all */
	bool json; /* a JSON object a line */
	bool colour; /* also when `to` is no terminal */
};

/* `what` is "logs", "traces" or "metrics". 0, or -errno after a message on stderr. */
int store_show(const char *folder, const char *what, const struct store_show_options *, FILE *to) MUST_CHECK;

#endif
