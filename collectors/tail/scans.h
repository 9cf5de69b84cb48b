/*
 * The scans of `tail` from beginning to end: the question, the look at the disk in a lane (scan.h), and the answer. The
 * answer is handled in steps, some in each callback, since there may be ten thousand files. What is done about each
 * file is in find.c.
 */
#ifndef OXP_TAIL_SCANS_H
#define OXP_TAIL_SCANS_H

#include "collectors/tail/core.h"
#include "collectors/tail/events.h"
#include "collectors/tail/find.h"
#include "collectors/tail/look.h"

struct tail_scans_parts {
	const struct tail_core *core;
	struct tail_table *table;
	struct tail_finder *finder;
	struct tail_events *events;
	struct tail_machine *machine;
	struct tail_troubles *troubles;
	struct tail_doubts *doubts;
	struct tail_wanted *wanted;
	struct tail_saver *saver;
	void (*over)(void *context); /* a scan is over; another one may have begun */
	void *context;
};

struct tail_scans {
	struct tail_scans_parts with;
	struct tail_look look;
	struct tail_births births; /* core.births */
	struct loop_timer timer; /* until the next sweep, or until the next scan may begin */
	struct loop_soon more;
	size_t step, at; /* how far the answer is handled, or the question is put together */
	struct mono_time answered; /* the one under way */
	struct duration took; /* the look at the disk, of the one under way */
	struct mono_time not_before; /* the next one */
	struct mono_time swept; /* when idle files were last counted */
	bool drained; /* a scan has found nothing new since the agent began to end */
	uint64_t *files, *count;
};

void tail_scans_init(struct tail_scans *, const struct tail_scans_parts *);
void tail_scans_done(struct tail_scans *);
/* The start: files that were born by now existed before it. */
void tail_scans_start(struct tail_scans *);
/* What an earlier run has saved: each position, and then that these were all. */
void tail_scans_remember(struct tail_scans *, const struct position *);
void tail_scans_remembered(struct tail_scans *);
/* A scan begins now, or as soon as it may. */
void tail_scans_begin(struct tail_scans *);
bool tail_scans_is_under_way(const struct tail_scans *);
void tail_scans_stop(struct tail_scans *);

#endif
