/*
 * One send of a sender's queue: which items it is about, and the pieces it comes apart into. The sender decides when.
 */
#ifndef OXP_SEND_H
#define OXP_SEND_H

#include "pipeline/sender.h"

enum { MARK_OPEN, MARK_SETTLED, MARK_RETRY }; /* of an item, in send.marks */

/* All of the delivery's batch; in no queue yet. `patience` is called when a try has taken too long. */
struct send *send_new(struct sender *, struct delivery *, size_t route, loop_callback *patience);
void send_free(struct send *); /* and out of the queue */
void send_need_marks(struct send *);
/* Cuts it in two; the second stands behind it in the queue. Half of the items that are left, of two or more. */
void send_halve(struct send *);
/* As many items as `bytes` hold, one at least, stay. False: nothing is cut off, or what would be is little. */
bool send_cut(struct send *, uint64_t bytes);
bool send_is_cut_by(const struct send *, uint64_t bytes); /* whether it would be */

#endif
