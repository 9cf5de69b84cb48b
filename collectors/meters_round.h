/*
 * What a collector of metrics does with its meters besides feeding them: it shows them whenever a page is wanted, a
 * slice at a time, tells what is not shown, and frees bit by bit what the page does not have any more.
 */
#ifndef OXP_COLLECTORS_METERS_ROUND_H
#define OXP_COLLECTORS_METERS_ROUND_H

#include "collectors/refusals.h"
#include "collectors/relabelling.h"
#include "loop/loop.h"
#include "series/meters.h"

struct host;

/* Only meters_round.c writes it, but for the last two. */
struct meters_round {
	struct host *host;
	struct meters *meters;
	bool showing, wanted; /* host_collected() is due */
	bool changed, again; /* meters, since they are shown; they are shown a second time … */
	bool clearing; /* … for which the first is freed */
	struct loop_soon show, tidy;
	struct refusals refusals;
	struct relabelling *relabel; /* rules that they are shown through; NULL: none */
	const struct series_label *labels;
	size_t label_count;
	void (*end)(void *context); /* they have been shown. May be NULL */
	void *context;
};

/* The meters outlive it. */
void meters_round_init(struct meters_round *, struct host *, struct meters *);
/* Before they are shown: they go through these rules, if there are any, which see the labels. All of it outlives them;
 * meters that have rules get no labels by meters_new(). */
void meters_round_relabel(struct meters_round *, struct relabelling *, const struct series_label *labels, size_t count);
/* For collect(): host_collected() follows, from a later callback. */
void meters_round_collect(struct meters_round *);
/* Meters have changed, which their sender is told of. Who asks for a page after that may join a page under way: so if
 * they are being shown, they are shown once more. */
void meters_round_changed(struct meters_round *);
void meters_round_done(struct meters_round *); /* fine on zeroed memory */

#endif
