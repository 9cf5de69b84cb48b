/*
 * Parking: what a destination refuses is written to disk, with the reason, before anything forgets it.
 *
 *   refused → [open group] → one commit → parked, its delivery goes on → the saved position may pass it
 *
 * A delivery is held until its refused items are on disk, so a kill loses none of them. State knows a record by its
 * place, so none is parked twice. One group is written while the next one fills; if that is full, refused items are
 * sent again later. What finds no room on disk is counted as rejected, and positions go on.
 */
#ifndef OXP_PARKING_H
#define OXP_PARKING_H

#include "loop/loop.h"
#include "pipeline/delivery.h"

enum { PARKING_GROUP_MAX = 4 << 20 /* bytes that one group copies: with two, what waits for the disk */ };

struct state;
struct parking_group;

struct parking {
	struct state *state;
	struct loop *loop;
	const struct log *log;
	struct parking_group *open; /* NULL: nothing waits */
	size_t writing; /* groups under way */
	struct loop_soon commit;
	bool full, large, failing; /* it was told that parking is full, that one is too large, that the disk fails */
};

void parking_init(struct parking *, struct loop *, struct state *, const struct log *);
/* As source_hooks.park. */
enum park parking_park(struct parking *, const struct refusal *);
/* Commits what waits, whatever is under way. For the end, when nothing more is sent. */
void parking_flush(struct parking *);
void parking_done(struct parking *);

#endif
