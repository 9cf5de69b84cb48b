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
	size_t saving; /* parts of deliveries on their way to the spool */
};

enum { ROUTES_MAX = 16 };

/* What became of it at one route. */
struct delivery_part {
	struct ledger_terms terms;
	size_t pending; /* sends, and items on their way to the disk, that have not settled */
	bool saving; /* it is on its way to the spool */
};

/* Invariant: `pending` is the sum of that of the parts. */
struct delivery {
	TAILQ_ENTRY(delivery) entry;
	struct source *source;
	struct batch *batch; /* NULL once every destination has settled it */
	uint64_t *tokens;
	size_t token_count;
	struct wall_time sealed;
	struct batch_row *rows; /* of the spool, that it is in: for routes that have not settled */
	size_t row_count;
	size_t pending;
	struct delivery_part parts[]; /* one for each route of the source */
};
TAILQ_HEAD(delivery_list, delivery);

/* Takes the batch over; a send for each of the routes first … end - 1 will have to settle it. */
struct delivery *delivery_new(struct source *, struct batch **, size_t first, size_t end);
/* So many records and bytes of it ended as `term` at that route. */
void delivery_count(struct delivery *, size_t route, enum ledger_term, uint64_t records, uint64_t bytes);
/* So many of it were refused for good and have no place anywhere: counted as rejected, and lost to this run. */
void delivery_reject(struct delivery *, size_t route, uint64_t records, uint64_t bytes);
/* A send was split, or an item waits for the disk: one more has to settle at that route. */
void delivery_split(struct delivery *, size_t route);
/* An item that the source's keep() took is parked, or could not be. As with delivery_settled(). */
void delivery_parked(struct delivery *, size_t route, bool parked, const struct ledger_amount *);
/* What is left of it for the route of these rows is in the spool, too. */
void delivery_rows_add(struct delivery *, const struct batch_row *, size_t count);
/* A send has settled all of its part. When it was the route's last, the rows that are for that route leave the spool;
 * the delivery may be gone afterwards. */
void delivery_settled(struct delivery *, size_t route);

#endif
