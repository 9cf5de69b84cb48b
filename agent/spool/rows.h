/*
 * Rows of the spool: what a payload is made of, and how it becomes a batch again.
 *
 * A payload consists of items, one after another: place, size and number of records in this machine's byte order, then
 * the bytes. Because of the place, an item that was on its way when the process ended is sent again under the same id.
 * A row is about a MiB; a larger item is a row of its own. Items stay where they are until the change is written, so
 * the loop copies nothing.
 */
#ifndef OXP_SPOOL_ROWS_H
#define OXP_SPOOL_ROWS_H

#include "pipeline/sender.h"
#include "spool/lasting.h"
#include "state/change.h"

/* Items that are to become rows. It borrows their bytes. */
struct rows {
	struct rows *next; /* the caller's */
	size_t items;
	struct iovec *pieces; /* for each item its head and its bytes */
	struct row_item {
		uint64_t generation, offset;
		uint32_t size, records;
	} heads[];
};

size_t rows_cost(size_t items); /* bytes of memory */
struct rows *rows_of_batch(const struct batch *) __attribute__((returns_nonnull));
/* The items of a send that are ours (lasting.h), `items` of them: as lasting_ours() counted. */
struct rows *rows_of_send(const struct send *, const struct lasting *, size_t items) __attribute__((returns_nonnull));
void rows_free(struct rows *first); /* all of a list; NULL is fine */
size_t rows_count(const struct rows *); /* of one, not of a list */
/* Visits what a list has: for each run of items of one generation, how much they are. */
void rows_each(const struct rows *first,
	void (*visit)(void *context, uint64_t generation, const struct ledger_amount *), void *context);
/* Adds them to the change, under that key. If `ret` is not NULL, ret[…].id are their ids when state has the change. */
void rows_put(const struct rows *, struct state_change *, const char *key, struct batch_row *ret);
/* Whether a payload is made of whole items, at least one, that hold that much. As state_options.fits. */
bool rows_fit(struct bytes payload, const struct ledger_amount *) MUST_CHECK;
/* The items of a payload that fits, in a batch of their own. NULL: no room. */
struct batch *rows_unpack(struct source *, struct bytes payload) MUST_CHECK;

#endif
