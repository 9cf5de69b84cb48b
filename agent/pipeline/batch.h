/*
 * What the pipeline does with batches beyond component.h: it builds, merges, seals and counts references.
 *
 *   blocks   memory that items point into, a list; moves to another batch whole
 *   map      in place of blocks, once a sealed batch was moved to disk (shelf.h): all items, in their order
 *   items    one array; merging appends to it
 *
 * Invariant: every item stands whole in one block or in the map; the sum of item sizes == size; the sum of item records
 * == records; what the budget was charged == charged. A block moves only when it is trimmed, and its items move with
 * it. What the blocks were charged stays charged when they are gone, since the map takes their place. No item of
 * logs contains a line feed or carriage return: exporters write lines, and the rest of such an item would be an action
 * of its own in a bulk. While a batch is `apart`, nothing that is done to it touches the budget.
 *
 * If a batch has one small item, nearly all of its memory is bookkeeping. That is charged as well, and at once: the
 * delivery, and the sends to one or two destinations, are made later and cannot be refused then.
 */
#ifndef OXP_BATCH_H
#define OXP_BATCH_H

#include <sys/queue.h>

#include "pipeline/budget.h"

enum { BATCH_OVERHEAD = 1024 }; /* delivery, terms of the ledger, sends, and what malloc() adds */

struct batch_block {
	struct batch_block *next;
	size_t size; /* of data, without the padding */
	char data[];
};

struct left_out {
	uint64_t records, bytes;
};

static inline void left_out_add(struct left_out *to, uint64_t records, uint64_t bytes)
{
	to->records += records;
	to->bytes += bytes;
}

/* A row of the spool that holds items of the batch, for one route of its source. */
struct batch_row {
	uint64_t id;
	size_t route;
};

/* Whoever put it there is told once whether the batch was taken, and frees it. */
struct batch_note {
	struct batch_note *next;
	void (*end)(struct batch_note *, bool taken);
};

/* A file in memory that has the items of a batch, one behind the other, with BATCH_PADDING behind them. */
struct batch_map {
	char *data; /* NULL: the items are in blocks */
	size_t size; /* with the padding */
	void (*unmap)(void *context, const struct batch_map *); /* the batch is gone */
	void *context;
};

TAILQ_HEAD(batch_list, batch); /* those that wait longest come first */

/* Only batch.c writes it. */
struct batch {
	TAILQ_ENTRY(batch) entry;
	struct batch_list *waits_in; /* NULL: in none */
	struct mono_time waits_since;
	struct budget *budget;
	enum signal signal;
	unsigned refs;
	struct batch_block *blocks; /* newest first */
	struct batch_map map;
	struct batch_item *items;
	size_t count, room;
	size_t size, charged;
	size_t mapped_charge; /* what its blocks were charged, until they went */
	size_t reserved; /* what is left of batch_reserve(), part of `charged` */
	bool apart; /* between batch_reserve() and batch_unreserve() */
	uint64_t records;
	struct left_out dropped, merged; /* by steps: not in it any more, not counted yet */
	struct batch *aside; /* what sampling left out of it, as the other steps made it; NULL: nothing, or not asked */
	uint64_t *tokens;
	size_t token_count, token_room;
	struct batch_row *rows;
	size_t row_count, row_room;
	struct batch_note *notes; /* none once it was taken */
};

struct batch *batch_new(struct budget *, enum signal) MUST_CHECK; /* NULL: no room */
void batch_unref(struct batch *); /* the last one frees it; the others come from batch_keep() */
unsigned batch_refs(const struct batch *);

/* Items that no place names (PLACE_NAMED) get that generation, and the offsets from *next on. */
void batch_give_places(struct batch *, uint64_t generation, uint64_t *next);
/* Other bytes for the last item. 0 or -ENOMEM, as of batch_add(). */
int batch_replace_last(struct batch *, const char *data, size_t size) MUST_CHECK;
/* Moves all of *from behind what `into` has; *from is NULL afterwards. -ENOMEM leaves both as they were. */
int batch_merge(struct batch *into, struct batch **from) MUST_CHECK;
/* A step left an item out: dropped, or merged into the one before it. */
void batch_leave_out(struct batch *, const struct batch_item *, bool merged);
/* Takes over what is beside the batch; NULL: nothing. */
void batch_set_aside(struct batch *, struct batch *aside);
/* What was left out has been counted. */
void batch_forget_left_out(struct batch *);
void batch_row_add(struct batch *, size_t route, uint64_t id);
void batch_note_add(struct batch *, struct batch_note *);
/* It was taken: each note ends. If the batch goes before, they end as not taken. */
void batch_taken(struct batch *);
/* Moves what the collector is to be told; `to` has none. */
void batch_take_tokens(struct batch *to, struct batch *from);
/* The batch's tokens and rows, which are the caller's from now on; NULL if there are none. */
uint64_t *batch_give_tokens(struct batch *, size_t *ret_count);
struct batch_row *batch_give_rows(struct batch *, size_t *ret_count);

/* Puts it at the end of a list, from which it goes by itself when it is freed. */
void batch_wait(struct batch *, struct batch_list *, struct mono_time now);
void batch_wait_end(struct batch *); /* fine if it is in none */
/* From now on the items stand in the map, which the batch owns, and the blocks are gone: any pointer into them is void.
 * Of a sealed batch that nobody reads. */
void batch_move(struct batch *, const struct batch_map *);

void batch_check(const struct batch *);

#endif
