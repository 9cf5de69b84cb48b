/*
 * Delivery: what became of each sealed batch of a source, and telling its collector in order.
 *
 *   offers → [open batch] → sealed → one send a destination → settled by each → told, oldest first
 *
 * settled() is called for the tokens in the order of the offers, whatever order the destinations finish in. So a
 * position never passes bytes that are still on their way. At the same moment the amounts of the batch are added to the
 * `settled` terms of the ledger's rows.
 */
#ifndef OXP_DELIVERY_H
#define OXP_DELIVERY_H

#include <sys/queue.h>

#include "loop/loop.h"
#include "pipeline/batch.h"
#include "status/ledger.h"

struct sender;
struct delivery;

enum { ROUTES_MAX = 16 };

/* One item that a destination will never take. */
struct refusal {
	struct delivery *delivery;
	size_t route, item;
	unsigned tries;
	const char *reason;
};

/* What becomes of it. */
enum park {
	PARK_NOT, /* nothing: it is counted as rejected, and lost */
	PARK_AS_IT_IS, /* it came from the parked records and stays there: rejected once more */
	PARK_TAKEN, /* it waits for the disk; delivery_parked() follows from a later callback */
	PARK_LATER, /* too much waits already: it is sent again, and refused again */
};

/* Whom a source tells. Each may be NULL, and is called with the context of the source. */
struct source_hooks {
	/* A destination has refused an item for good. NULL: PARK_NOT. */
	enum park (*park)(void *context, const struct refusal *);
	/* Everything in these rows has settled for their route, so the spool can delete them. Required if a batch has
	 * rows. */
	void (*unspool)(void *context, const struct batch_row *rows, size_t count);
	/* A batch of spans was taken, as it will be sent. */
	void (*taken)(void *context, const struct batch *);
	/* There is room, and somebody had found none: offer again. */
	void (*refill)(void *context);
	/* Every destination has settled the batch with this token, and all batches that were offered before it. */
	void (*settled)(void *context, uint64_t token);
	/* As those of collector_type. Without `lasting`, everything can be read again. */
	bool (*look)(void *context, bool anew);
	void (*lasting)(void *context, void (*add)(void *to, uint64_t generation), void *to);
	void (*lost)(void *context, uint64_t generation, const struct ledger_amount *);
};

/* From a source to one destination. */
struct route {
	struct sender *sender;
	struct ledger_row *row; /* NULL: whoever made the source keeps the books */
	size_t saving; /* how many of its deliveries are on their way to the spool */
};

/* All deliveries of one source. Only delivery.c writes it. */
struct deliveries {
	struct loop *loop;
	enum rewind rewind;
	const struct source_hooks *hooks;
	void *context;
	TAILQ_HEAD(delivery_list, delivery) list; /* oldest first */
	struct route routes[ROUTES_MAX];
	size_t route_count;
	uint64_t lost; /* records that are lost to this run */
};

/* What became of it at one route. */
struct delivery_part {
	struct ledger_terms terms;
	size_t pending; /* sends, and items on their way to the disk, that have not settled */
	bool saving; /* it is on its way to the spool */
};

/* Invariant: `pending` is the sum of that of the parts. */
struct delivery {
	TAILQ_ENTRY(delivery) entry;
	struct deliveries *of;
	struct batch *batch; /* NULL once every destination has settled it */
	uint64_t *tokens;
	size_t token_count;
	struct wall_time sealed;
	struct mono_time since; /* it waits; of a restored one, since when its records do */
	struct batch_row *rows; /* of the spool that hold it, for routes that have not settled */
	size_t row_count;
	bool restored; /* it came from the spool: the saved ledger has it as held */
	size_t pending;
	struct delivery_part parts[]; /* one for each route */
};

void deliveries_init(struct deliveries *, struct loop *, enum rewind, const struct source_hooks *, void *context);
void deliveries_route(struct deliveries *, struct sender *, struct ledger_row *);
void deliveries_done(struct deliveries *); /* forgets what is under way */

/* Takes the batch over; a send for each of the routes first … end - 1 will have to settle it. */
struct delivery *delivery_new(struct deliveries *, struct batch **, size_t first, size_t end);
/* The same for a batch that an earlier run left in the spool, and that has waited for so long. */
struct delivery *delivery_restore(struct deliveries *, struct batch **, size_t route, struct duration waited);
/* At that route, this many records and bytes of it ended as `term`. */
void delivery_count(struct delivery *, size_t route, enum ledger_term, uint64_t records, uint64_t bytes);
/* They were refused for good and are stored nowhere: counted as rejected, and lost to this run. */
void delivery_reject(struct delivery *, size_t route, uint64_t records, uint64_t bytes);
/* Nobody will send them, and they are stored nowhere: counted as that term, and lost to this run. */
void delivery_give_up(struct delivery *, size_t route, enum ledger_term, const struct ledger_amount *);
/* The same for records that no delivery has: they were on their way to the disk when the queue was emptied, or were
 * never offered. */
void deliveries_not_left(struct deliveries *, size_t route, const struct ledger_amount *);
/* An item is refused for good, and is parked if it can be. REJECTED: the item has settled. RETRY: it has to be sent,
 * and refused, again. */
enum outcome delivery_refuse(const struct refusal *) MUST_CHECK;
/* An item for which park() answered PARK_TAKEN is parked (LEDGER_PARKED), was parked by an earlier run (LEDGER_MERGED),
 * or could not be (LEDGER_REJECTED). As with delivery_settled(). */
void delivery_parked(struct delivery *, size_t route, enum ledger_term as, const struct ledger_amount *);
/* What became of it for that route outlives a kill. */
void delivery_save_counts(const struct delivery *, size_t route);
/* A send was split: one more has to settle at that route. */
void delivery_split(struct delivery *, size_t route);
/* A send has settled all of its part. If it was the route's last, the rows for that route are deleted from the spool.
 * The delivery may be gone afterwards. */
void delivery_settled(struct delivery *, size_t route);

/* Whether it is in the spool for that route, and whether it is on its way there. */
bool delivery_has_rows(const struct delivery *, size_t route);
bool delivery_is_saving(const struct delivery *, size_t route);
/* What is left of it for that route goes into the spool while destinations are still asked. The delivery is held until
 * delivery_saved(), with the rows or with none if that failed, and then delivery_settled(). */
void delivery_save(struct delivery *, size_t route);
void delivery_saved(struct delivery *, size_t route, const struct batch_row *, size_t count);

#endif
