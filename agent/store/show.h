/*
 * `oxpecker show`: what the embedded store holds, read by another process, for people or as JSON lines.
 *
 * A log line is shown with the time that it says itself, else with that of its coming; the newest that came are shown,
 * in the order of their own times. Rows carry what programs wrote, and nobody asked them to be kind to terminals:
 * control characters are shown as question marks, in JSON as escapes.
 */
#ifndef OXP_STORE_SHOW_H
#define OXP_STORE_SHOW_H

#include <stdio.h>

#include "base/clock.h"
#include "proto/log_level.h"

enum { SHOW_LOGS = 1, SHOW_TRACES = 2, SHOW_METRICS = 4 };

struct store_show_options {
	uint64_t limit; /* so many of the newest, oldest first; of samples: of the newest snapshot, or since `since` */
	struct wall_time since; /* nothing older; 0 for all */
	const char *grep; /* only what has this text in it; NULL: all, as below */
	const char *service; /* logs and traces: of this service */
	const char *trace; /* logs and traces: of the trace whose id begins so */
	enum severity level; /* logs: this or above; UNKNOWN: all */
	bool json; /* a JSON object a line */
	bool colour; /* also when `to` is no terminal */
	bool follow; /* goes on with what comes, until nobody reads `to` any more */
};

/* SHOW_LOGS and so on; 0 for a word that is none of them. */
unsigned store_show_kind(const char *what);
/* `what` is "logs", "traces" or "metrics". 0, or -errno after a message on stderr. */
int store_show(const char *folder, const char *what, const struct store_show_options *, FILE *to) MUST_CHECK;

#endif
