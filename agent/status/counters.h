/*
 * The agent's own numbers: rows in one table, shown on /metrics as oxpecker_NAME and on /status.
 *
 * Code that counts holds a pointer to its row and adds to it; nothing is looked up. Rows are added at start-up and live
 * as long as the table.
 */
#ifndef OXP_COUNTERS_H
#define OXP_COUNTERS_H

#include "base/bytes.h"

enum counter_kind { COUNTER_GROWS, COUNTER_GAUGE };

struct counter {
	struct counter *next;
	enum counter_kind kind;
	char *name; /* without the prefix oxpecker_ */
	char *help;
	char *labels; /* component="logs.collect.tail", or "" */
	char *line; /* oxpecker_NAME{LABELS}, and a space: how its line of a page begins */
	uint64_t value;
	double (*read)(void *context); /* if set, called instead of reading `value` */
	void *context;
};

struct counters {
	struct counter *first;
};

/* The row with this name and these labels; it is added if it is missing. Rows stand in the order of their names, those
 * of one name in the order in which they came. */
struct counter *counter_row(
	struct counters *, enum counter_kind, const char *name, const char *labels, const char *help);
void counters_done(struct counters *);
/* Appends all rows in text 0.0.4, or in OpenMetrics, where a counter is named without the _total of its samples. 0,
 * -ENOSPC or -ENOMEM. */
int counters_write(const struct counters *, struct buffer *, bool openmetrics) MUST_CHECK;

#endif
