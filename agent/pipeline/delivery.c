#include "pipeline/delivery.h"

#include <stdlib.h>

void deliveries_init(
	struct deliveries *all, struct loop *loop, enum rewind rewind, const struct source_hooks *hooks, void *context)
{
	static const struct source_hooks none = { .park = NULL };

	*all = (struct deliveries){
		.loop = loop, .rewind = rewind, .hooks = hooks ? hooks : &none, .context = context
	};
	TAILQ_INIT(&all->list);
}

void deliveries_route(struct deliveries *all, struct sender *sender, struct ledger_row *row)
{
	OXP_ASSERT(all->route_count < ROUTES_MAX && TAILQ_EMPTY(&all->list));
	all->routes[all->route_count++] = (struct route){ .sender = sender, .row = row };
}

static void delivery_free(struct delivery *delivery)
{
	free(delivery->tokens);
	free(delivery->rows);
	free(delivery);
}

void deliveries_done(struct deliveries *all)
{
	struct delivery *delivery;

	while ((delivery = TAILQ_FIRST(&all->list))) {
		TAILQ_REMOVE(&all->list, delivery, entry);
		if (delivery->batch)
			batch_unref(delivery->batch);
		delivery_free(delivery);
	}
}

struct delivery *delivery_new(struct deliveries *all, struct batch **batch, size_t first, size_t end)
{
	struct batch *b = *batch;
	struct delivery *delivery = oxp_new(sizeof *delivery + all->route_count * sizeof delivery->parts[0]);

	delivery->of = all;
	delivery->batch = b;
	delivery->tokens = batch_give_tokens(b, &delivery->token_count);
	delivery->rows = batch_give_rows(b, &delivery->row_count);
	delivery->pending = end - first;
	for (size_t i = first; i < end; i++)
		delivery->parts[i].pending = 1;
	delivery->sealed = loop_wall(all->loop);
	delivery->since = loop_now(all->loop);
	TAILQ_INSERT_TAIL(&all->list, delivery, entry);
	*batch = NULL;
	return delivery;
}

struct delivery *delivery_restore(struct deliveries *all, struct batch **batch, size_t route, struct duration waited)
{
	struct delivery *delivery = delivery_new(all, batch, route, route + 1);

	delivery->restored = true;
	delivery->since.ns -= waited.ns;
	return delivery;
}

void delivery_count(struct delivery *delivery, size_t route, enum ledger_term term, uint64_t records, uint64_t bytes)
{
	struct ledger_row *row = delivery->of->routes[route].row;

	if (!row)
		return;
	ledger_add(row, term, records, bytes);
	ledger_take(row, LEDGER_HELD, records, bytes);
	delivery->parts[route].terms.term[term].records += records;
	delivery->parts[route].terms.term[term].bytes += bytes;
}

void delivery_save_counts(const struct delivery *delivery, size_t route)
{
	const struct ledger_row *row = delivery->of->routes[route].row;

	if (row)
		ledger_save(row);
}

void delivery_reject(struct delivery *delivery, size_t route, uint64_t records, uint64_t bytes)
{
	delivery_count(delivery, route, LEDGER_REJECTED, records, bytes);
	delivery->of->lost += records;
}

void delivery_give_up(struct delivery *delivery, size_t route, enum ledger_term term, const struct ledger_amount *left)
{
	delivery_count(delivery, route, term, left->records, left->bytes);
	delivery->of->lost += left->records;
}

void deliveries_not_left(struct deliveries *all, size_t route, const struct ledger_amount *left)
{
	struct ledger_terms became = { .term = { [LEDGER_DROPPED_EXIT] = *left } };
	struct ledger_row *row = all->routes[route].row;

	ledger_take(row, LEDGER_HELD, left->records, left->bytes);
	ledger_add(row, LEDGER_DROPPED_EXIT, left->records, left->bytes);
	ledger_settle(row, &became, false);
}

enum outcome delivery_refuse(const struct refusal *refusal)
{
	struct delivery *delivery = refusal->delivery;
	const struct deliveries *all = delivery->of;
	const struct batch_item *item = batch_item(delivery->batch, refusal->item);
	enum park park = all->hooks->park ? all->hooks->park(all->context, refusal) : PARK_NOT;

	if (park == PARK_NOT)
		delivery_reject(delivery, refusal->route, item->records, item->size);
	if (park == PARK_AS_IT_IS)
		delivery_count(delivery, refusal->route, LEDGER_REJECTED, item->records, item->size);
	if (park == PARK_TAKEN)
		delivery_split(delivery, refusal->route);
	return park == PARK_LATER ? RETRY : REJECTED;
}

void delivery_split(struct delivery *delivery, size_t route)
{
	delivery->parts[route].pending++;
	delivery->pending++;
}

/* Tells the collector that the oldest delivery has settled, and frees it. The collector may offer more, which may
 * settle at once. */
static void tell(struct deliveries *all, struct delivery *delivery)
{
	for (size_t i = 0; i < all->route_count; i++)
		if (all->routes[i].row)
			ledger_settle(all->routes[i].row, &delivery->parts[i].terms, delivery->restored);
	TAILQ_REMOVE(&all->list, delivery, entry);
	for (size_t i = 0; all->hooks->settled && i < delivery->token_count; i++)
		all->hooks->settled(all->context, delivery->tokens[i]);
	delivery_free(delivery);
}

/* A route has settled: moves its spool rows to the end of the list, and deletes them from there. */
static void unspool(struct delivery *delivery, size_t route)
{
	const struct deliveries *all = delivery->of;
	size_t staying = 0, count = delivery->row_count;

	for (size_t i = 0; i < count; i++) {
		struct batch_row row = delivery->rows[i];
		if (row.route == route)
			continue;
		delivery->rows[i] = delivery->rows[staying];
		delivery->rows[staying++] = row;
	}
	delivery->row_count = staying;
	if (staying < count)
		all->hooks->unspool(all->context, delivery->rows + staying, count - staying);
}

void delivery_settled(struct delivery *delivery, size_t route)
{
	struct deliveries *all = delivery->of;
	struct batch *batch = delivery->batch;

	OXP_ASSERT(delivery->pending > 0 && delivery->parts[route].pending > 0);
	if (--delivery->parts[route].pending == 0)
		unspool(delivery, route);
	if (--delivery->pending > 0)
		return;
	delivery->batch = NULL;
	while ((delivery = TAILQ_FIRST(&all->list)) && delivery->pending == 0)
		tell(all, delivery);
	batch_unref(batch);
}

void delivery_parked(struct delivery *delivery, size_t route, enum ledger_term as, const struct ledger_amount *amount)
{
	if (as == LEDGER_REJECTED)
		delivery_reject(delivery, route, amount->records, amount->bytes);
	else
		delivery_count(delivery, route, as, amount->records, amount->bytes);
	delivery_settled(delivery, route);
}

/* The spool. */

bool delivery_has_rows(const struct delivery *delivery, size_t route)
{
	for (size_t i = 0; i < delivery->row_count; i++)
		if (delivery->rows[i].route == route)
			return true;
	return false;
}

bool delivery_is_saving(const struct delivery *delivery, size_t route)
{
	return delivery->parts[route].saving;
}

void delivery_save(struct delivery *delivery, size_t route)
{
	OXP_ASSERT(!delivery->parts[route].saving);
	delivery->parts[route].saving = true;
	delivery->of->routes[route].saving++;
	delivery_split(delivery, route);
}

static void add_rows(struct delivery *delivery, const struct batch_row *more, size_t count)
{
	struct batch_row *rows = oxp_new((delivery->row_count + count) * sizeof *rows);

	if (delivery->row_count > 0)
		memcpy(rows, delivery->rows, delivery->row_count * sizeof *rows);
	memcpy(rows + delivery->row_count, more, count * sizeof *rows);
	free(delivery->rows);
	delivery->rows = rows;
	delivery->row_count += count;
}

void delivery_saved(struct delivery *delivery, size_t route, const struct batch_row *rows, size_t count)
{
	OXP_ASSERT(delivery->parts[route].saving);
	delivery->parts[route].saving = false;
	delivery->of->routes[route].saving--;
	if (count > 0)
		add_rows(delivery, rows, count);
}
