#include "pipeline/delivery.h"

#include <stdlib.h>

#include "pipeline/pipeline.h"

struct delivery *delivery_new(struct source *source, struct batch **batch, size_t first, size_t end)
{
	struct batch *b = *batch;
	struct delivery *d = oxp_new(sizeof *d + source->route_count * sizeof d->parts[0]);

	d->source = source;
	d->batch = b;
	d->tokens = b->tokens;
	d->token_count = b->token_count;
	b->tokens = NULL;
	b->token_count = b->token_room = 0;
	d->rows = b->rows;
	d->row_count = b->row_count;
	b->rows = NULL;
	b->row_count = b->row_room = 0;
	d->pending = end - first;
	for (size_t i = first; i < end; i++)
		d->parts[i].pending = 1;
	d->sealed = loop_wall(source->pipeline->loop);
	TAILQ_INSERT_TAIL(&source->deliveries, d, entry);
	*batch = NULL;
	return d;
}

void delivery_count(struct delivery *d, size_t route, enum ledger_term term, uint64_t records, uint64_t bytes)
{
	struct ledger_row *row = d->source->routes[route].row;

	ledger_add(row, term, records, bytes);
	ledger_take(row, LEDGER_HELD, records, bytes);
	d->parts[route].terms.term[term].records += records;
	d->parts[route].terms.term[term].bytes += bytes;
}

void delivery_reject(struct delivery *d, size_t route, uint64_t records, uint64_t bytes)
{
	delivery_count(d, route, LEDGER_REJECTED, records, bytes);
	d->source->pipeline->lost += records;
}

void delivery_split(struct delivery *d, size_t route)
{
	d->parts[route].pending++;
	d->pending++;
}

static void fold(struct ledger_row *row, const struct ledger_terms *terms)
{
	for (int t = 0; t < LEDGER_TERMS; t++) {
		row->settled.term[t].records += terms->term[t].records;
		row->settled.term[t].bytes += terms->term[t].bytes;
		row->settled.term[LEDGER_RECEIVED].records += terms->term[t].records;
		row->settled.term[LEDGER_RECEIVED].bytes += terms->term[t].bytes;
	}
}

/* Tells the collector of the oldest delivery, and forgets it. */
static void tell(struct source *s, struct delivery *d)
{
	for (size_t i = 0; i < s->route_count; i++)
		fold(s->routes[i].row, &d->parts[i].terms);
	TAILQ_REMOVE(&s->deliveries, d, entry);
	for (size_t i = 0; s->settled && i < d->token_count; i++)
		s->settled(s->collector, d->tokens[i]);
	free(d->tokens);
	free(d->rows);
	free(d);
}

/* The rows of a route that has settled go to the end of the list, and from there out of it. */
static void unspool(struct delivery *d, size_t route)
{
	struct source *s = d->source;
	size_t kept = 0, count = d->row_count;

	for (size_t i = 0; i < count; i++) {
		struct batch_row row = d->rows[i];
		if (row.route == route)
			continue;
		d->rows[i] = d->rows[kept];
		d->rows[kept++] = row;
	}
	d->row_count = kept;
	if (kept < count)
		s->unspool(s->unspool_context, d->rows + kept, count - kept);
}

void delivery_rows_add(struct delivery *d, const struct batch_row *more, size_t count)
{
	struct batch_row *rows = oxp_new((d->row_count + count) * sizeof *rows);

	if (d->row_count > 0)
		memcpy(rows, d->rows, d->row_count * sizeof *rows);
	memcpy(rows + d->row_count, more, count * sizeof *rows);
	free(d->rows);
	d->rows = rows;
	d->row_count += count;
}

void delivery_settled(struct delivery *d, size_t route)
{
	struct source *s = d->source;
	struct batch *batch = d->batch;

	OXP_ASSERT(d->pending > 0 && d->parts[route].pending > 0);
	if (--d->parts[route].pending == 0)
		unspool(d, route);
	if (--d->pending > 0)
		return;
	d->batch = NULL;
	while ((d = TAILQ_FIRST(&s->deliveries)) && d->pending == 0)
		tell(s, d);
	batch_unref(batch);
}

void delivery_parked(struct delivery *d, size_t route, bool parked, const struct ledger_amount *amount)
{
	if (parked)
		delivery_count(d, route, LEDGER_PARKED, amount->records, amount->bytes);
	else
		delivery_reject(d, route, amount->records, amount->bytes);
	delivery_settled(d, route);
}
