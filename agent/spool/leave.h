/*
 * At the end of the process, what no destination has is written to disk, unless the next run can read it again.
 *
 *   SPOOL_SAVING   destinations are still asked. What is left of a delivery for a route goes to disk as well, and is
 *                  then in the spool in the same way as what a door put there.
 *   SPOOL_ENDING   nothing more is sent. The queues are emptied from their front, each send into the change of its
 *                  delivery.
 *
 * Changes point to the bytes that they write, and the memory for that has a ceiling: the next change is made when one
 * is on disk, in the callback of its commit. leave_hurry() ends the waiting.
 */
#ifndef OXP_SPOOL_LEAVE_H
#define OXP_SPOOL_LEAVE_H

#include "spool/lasting.h"
#include "spool/world.h"

struct leaving;
struct saving;

/* Only leave.c writes it. */
struct leave {
	const struct spool_world *world;
	void (*left)(void *context);
	void *context;
	struct loop_soon on; /* makes the next changes */
	struct lasting lasting; /* as of the last time that it was asked */
	struct saving *saving; /* the one that is being filled; NULL: none */
	struct leaving *leaving; /* the same */
	size_t bytes; /* of memory, in changes that are under way */
	size_t commits; /* of the end, under way */
	uint64_t lost; /* records that could not be put on disk */
	bool unsaved; /* saving failed: tried again at the end */
	bool hurried; /* the disk is slow: the rest goes at once */
	bool ending; /* leave_end() was called */
	bool asked; /* since then: `lasting` does not change any more */
	bool told; /* left() was called */
};

/* left() is called once, in SPOOL_ENDING, when everything has been given to state. */
void leave_init(struct leave *, const struct spool_world *, void (*left)(void *context), void *context);
void leave_done(struct leave *);
/* In SPOOL_SAVING. It runs again by itself while there is more; and by a call, since files lose their names. */
void leave_save(struct leave *);
/* In SPOOL_ENDING, with the pipeline halted. It runs again by itself until nothing is left. */
void leave_end(struct leave *);
/* Stops waiting for the disk. In SPOOL_ENDING. */
void leave_hurry(struct leave *);

#endif
