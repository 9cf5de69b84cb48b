/*
 * What no destination has when the process ends, on its way to the disk.
 *
 *   SPOOL_SAVING   destinations are still asked: what is left of a delivery for a route goes to disk besides, and is
 *                  then in the spool as what a door put there is
 *   SPOOL_ENDING   nothing is sent any more: the queues are emptied from their front, each send into the change of its
 *                  delivery
 *
 * Changes point to what they write, and what that takes has a ceiling: the next is made when the disk has them, in the
 * callback of their commit. leave_hurry() ends the waiting.
 */
#ifndef OXP_SPOOL_LEAVE_H
#define OXP_SPOOL_LEAVE_H

#include "spool/world.h"

struct leaving;
struct saving;

/* Only leave.c writes it. */
struct leave {
	const struct spool_world *world;
	void (*left)(void *context);
	void *context;
	struct loop_soon on; /* makes the next changes */
	struct saving *saving; /* that is being filled; NULL: none */
	struct leaving *leaving; /* likewise */
	size_t bytes; /* of memory, in changes that are under way */
	size_t commits; /* of the end, under way */
	uint64_t lost; /* records that could not be put on disk */
	bool unsaved; /* saving failed: tried again at the end */
	bool hurried; /* the disk is slow: the rest goes at once */
	bool told; /* left() was called */
};

/* left() is called once: in SPOOL_ENDING, when state has been given all there was. */
void leave_init(struct leave *, const struct spool_world *, void (*left)(void *context), void *context);
void leave_done(struct leave *);
/* In SPOOL_SAVING. Comes again by itself while there is more. */
void leave_save(struct leave *);
/* In SPOOL_ENDING, of a pipeline that is halted. Comes again by itself until nothing is left. */
void leave_end(struct leave *);
/* Waits for the disk no more. In SPOOL_ENDING. */
void leave_hurry(struct leave *);

#endif
