/*
 * Delivery: what became of each sealed batch of a source, and telling the collector in order.
 *
 *   offers → [open batch] → sealed → one send a destination → settled by each → told, oldest first
 *
 * The collector hears settled() for its tokens in the order of its offers, whatever order the destinations finish
 * in, so that a position never passes bytes that are still on their way. The amounts of a batch are folded into the
 * rows' `settled` terms at that same moment.
 */
#ifndef OXP_DELIVERY_H
#define OXP_DELIVERY_H

#include <sys/queue.h>

#include "pipeline/batch.h"
#include "status/ledger.h"

struct source;
struct sender;
struct delivery;

/* A way from a source to a destination; the ledger has one row for each. */
struct route {
	struct sender *sender;
	struct ledger_row *row;
};

enum { ROUTES_MAX = 16 };

struct delivery {
	TAILQ_ENTRY(delivery) entry;
	struct source *source;
	struct batch *batch; /* NULL once every destination has settled it */
	uint64_t *tokens;
	size_t token_count;
	struct wall_time sealed;
	uint64_t spool_id; /* of a batch that was restored, else 0 */
	size_t pending; /* sends that have not settled their part of it */
	struct ledger_terms terms[]; /* one for each route of the source */
};
TAILQ_HEAD(delivery_list, delivery);

/* Takes the batch over; `pending` sends will have to settle it. */
struct delivery *delivery_new(struct source *, struct batch **, size_t pending);
/* So many records and bytes of it ended as `term` at that route. */
void delivery_count(struct delivery *, size_t route, enum ledger_term, uint64_t records, uint64_t bytes);
/* A send was split, or an item waits for the disk: one more has to settle. */
void delivery_split(struct delivery *);
/* An item that the source's keep() took is parked, or could not be. As with delivery_settled(). */
void delivery_parked(struct delivery *, size_t route, bool parked, const struct ledger_amount *);
/* A send has settled all of its part. The delivery may be gone afterwards. */
void delivery_settled(struct delivery *);

#endif
