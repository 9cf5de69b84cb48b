/*
 * Series that go out by themselves: for each exporter of metrics, at each interval, the page of a round (metrics.h)
 * becomes items (proto/samples_item.h), which go the way of all records: source, spool, sender.
 *
 *   OUTGOING_IDLE → OUTGOING_ASKED (a round is under way) → OUTGOING_LOOKING (the CPU lane: what has ended since the
 *   page before) → OUTGOING_CUTTING (items are made, in slices) → IDLE
 *
 * All samples of a round have one time. If the clock is set back, the times go on from the last one, a little slower
 * than time itself until the clock has caught up: a receiver takes nothing older than what it has, and rates stay
 * right. Set back by more than BACK_MAX_MS, it is followed at once: no receiver whose clock is right took the times
 * before. A series that the last page had and this one lacks has ended: its destination is told.
 *
 * Order: an exporter of metrics gets its items in order (exporter_type.in_order). While rows of an earlier run are yet
 * to be read, rounds go to disk behind them. What waits for a destination, on disk or not, has two ceilings, in bytes
 * and in age. Beyond these, and where there is no room in `memory`, the oldest goes, counted as dropped{full} or
 * dropped{age}. Without room for a page the round is left out, which the log says, and the oldest makes room for the
 * next. A sample that exceeds a ceiling of the parser, with what labels of its target it has, is dropped{ceiling}.
 *
 * When the process ends there is a round at once, and another when nothing comes in any more. While a destination is
 * away doors stay open, so one more comes when exit.within is nearly over.
 */
#ifndef OXP_OUTGOING_H
#define OXP_OUTGOING_H

#include "component.h"

struct budget;
struct core;
struct metrics;
struct outgoing_way;
struct outlet;
struct source;
struct spool;

struct outgoing_options {
	struct core *core;
	struct budget *budget;
	struct metrics *metrics;
	struct spool *spool;
};

/* Only outgoing.c writes it. */
struct outgoing {
	struct outgoing_options in;
	struct outgoing_way *first;
	bool quiet; /* nothing comes in any more: the last rounds were asked for */
};

void outgoing_init(struct outgoing *, const struct outgoing_options *);
/* An exporter of metrics, with the source that is routed to it alone. Before outgoing_start(). `any_names`: it takes
 * names that are not classic. */
void outgoing_add(struct outgoing *, const struct outlet *, struct source *, bool any_names);
void outgoing_start(struct outgoing *);
/* The process ends: a round at once. */
void outgoing_drain(struct outgoing *);
/* Nothing comes in any more: begins the last round. Whether that is over, and what it stands behind on disk is read; to
 * be asked until it is. */
bool outgoing_has_ended(struct outgoing *);
/* Nothing is offered any more. */
void outgoing_stop(struct outgoing *);
void outgoing_done(struct outgoing *); /* the lanes are empty, pages are still there; zeroed memory is fine */

#endif
