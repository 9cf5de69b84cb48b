/*
 * An offer that is answered when it is on disk: of a door with `ack: disk`, or of any door while the process ends.
 *
 *   offer → places, steps → rows for each route, one commit → on disk: counted, open batch; the answer
 *                                                           └ failed: nothing has happened; 503
 */
#ifndef OXP_SPOOL_OFFER_H
#define OXP_SPOOL_OFFER_H

#include "pipeline/source.h"
#include "spool/restore.h"
#include "state/state.h"

/* host_offer_spooled(). If done() is NULL, nobody is answered: what could not be written to disk is taken as by
 * host_offer(). */
enum admit offer_to_disk(
	struct state *, struct source *, struct batch **, void (*done)(void *, int failed), void *context) MUST_CHECK;

/* While rows of a source with one route are yet to be read: it goes behind them, and comes from there. What could not
 * be written is dropped{full}. */
enum admit offer_behind(struct state *, struct restores *, struct source *, struct batch **) MUST_CHECK;

/* host_leave(): once it is on disk it is counted and freed. */
enum admit offer_and_leave(
	struct state *, struct source *, struct batch **, void (*done)(void *, int failed), void *context) MUST_CHECK;

#endif
