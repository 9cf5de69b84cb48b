/*
 * One send of a sender's queue: which items it is about, and the pieces it comes apart into. The sender decides when.
 */
#ifndef OXP_SEND_H
#define OXP_SEND_H

#include "pipeline/delivery.h"

enum { MARK_OPEN, MARK_SETTLED, MARK_RETRY }; /* of an item, in send.marks */

TAILQ_HEAD(send_list, send); /* oldest first */

/* Whether something in a send may be why the destination fails. suspects.c writes it; pieces of a send inherit it. */
struct suspicion {
	unsigned strikes;
	uint64_t takings_seen; /* suspects.takings when it last failed */
	bool tried; /* with just these items */
	bool company; /* the destination took some of the same request */
	bool unanswered; /* its latest try had no answer */
	/* This try: its outcome says whose fault it is; the destination has just answered an empty send; the try before
	 * was of just these items, too. */
	bool on_trial, vouched, again;
};

/*
 * One batch, or a part of it, on its way to a destination. send.c makes it, cuts it and ends it; what a try comes to is
 * written by the sender that it belongs to.
 *
 * Invariant: `left` is how many items of first … end - 1 have not settled; marks is NULL while all or none have.
 */
struct send {
	TAILQ_ENTRY(send) entry;
	struct send_list *queue;
	struct sender *sender;
	struct delivery *delivery;
	size_t route;
	size_t first, end, left;
	unsigned char *marks;
	unsigned tries;
	struct suspicion suspicion;
	bool under_way, elsewhere; /* elsewhere: send_elsewhere() */
	bool impatient, called_back; /* this try: it took too long; a scout was taken while it got no answer */
	bool took_some, refused_some, failed_some, named; /* in this try */
	struct mono_time begun;
	uint64_t not_before_ms;
	uint64_t refused; /* send_partial() */
	struct loop_timer patience;
	const struct batch *read; /* that an exporter reads right now; NULL: none */
	struct fetch *fetch; /* it is read back from disk, and the exporter does not have it yet; NULL: it has */
	void *context;
};

/* All of the delivery's batch, at the end of the queue. `patience` is called when a try has taken too long. */
struct send *send_new(
	struct sender *, struct send_list *queue, struct delivery *, size_t route, loop_callback *patience);
/* The first item that `like` wants once more, or none: under way at once, in `list` and in no queue. It settles
 * nothing, and ends before `like` does. */
struct send *send_beside(const struct send *like, size_t items, struct send_list *list);
void send_free(struct send *); /* and out of the queue */
/* In between, the items of its batch stay where they are (shelf.h). */
void send_read_begin(struct send *);
void send_read_end(struct send *); /* fine if nothing is read */
bool send_failed(enum outcome);
/* The records and bytes that it has not settled. */
struct ledger_amount send_left(const struct send *);
void send_need_marks(struct send *);
/* Cuts it in two; the second stands behind it in the queue. Half of the items that are left, of two or more. */
void send_halve(struct send *);
/* Leaves as many items as fit into `bytes`, at least one. False: nothing was cut off, because little or nothing would
 * be. */
bool send_cut(struct send *, uint64_t bytes);
/* Leaves as many items as fit, at least one. */
void send_keep_within(struct send *, uint64_t bytes);
bool send_is_cut_by(const struct send *, uint64_t bytes); /* whether send_cut() would cut it */

#endif
