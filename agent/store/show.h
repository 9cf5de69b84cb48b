/*
 * `oxpecker show`: reads the embedded store from another process, and prints it for people or as JSON lines.
 *
 * A log line is shown with its own time, or, if it has none, with the time of its arrival. The lines that arrived last
 * are shown, in the order of their own times. Rows contain what programs wrote, which may not be safe on a terminal:
 * control characters are shown as question marks, in JSON as escapes.
 */
#ifndef OXP_STORE_SHOW_H
#define OXP_STORE_SHOW_H

#include <stdio.h>

#include "base/clock.h"
#include "proto/log_level.h"

enum { SHOW_LOGS = 1, SHOW_TRACES = 2, SHOW_METRICS = 4 };

struct store_show_options {
	uint64_t limit; /* the newest rows, oldest first; samples: of the newest snapshot, or since `since` */
	struct wall_time since; /* nothing older; 0 for all */
	const char *grep; /* only rows that contain this text; NULL: all, as below */
	const char *service; /* logs and traces: of this service */
	const char *trace; /* logs and traces: of traces whose id begins with this */
	enum severity level; /* logs: this or above; UNKNOWN: all */
	bool json; /* a JSON object a line */
	bool colour; /* even if `to` is not a terminal */
	bool follow; /* keeps printing new rows until nobody reads `to` */
};

/* SHOW_LOGS and so on; 0 for any other word. */
unsigned store_show_kind(const char *what);
/* `what` is "logs", "traces" or "metrics". 0, or -errno after a message on stderr. */
int store_show(const char *folder, const char *what, const struct store_show_options *, FILE *to) MUST_CHECK;

#endif
