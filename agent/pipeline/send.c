#include "pipeline/send.h"

#include <stdlib.h>

enum { NOT_BEFORE_MAX_MS = 3600 * 1000 }; /* a destination that asks for a week is asked again after an hour */

struct send *send_new(struct sender *s, struct delivery *d, size_t route, loop_callback *patience)
{
	struct send *n = oxp_new(sizeof *n);

	*n = (struct send){
		.sender = s, .delivery = d, .route = route, .end = d->batch->count, .left = d->batch->count
	};
	loop_timer_init(&n->patience, s->pipeline->loop, patience, n);
	return n;
}

void send_free(struct send *d)
{
	TAILQ_REMOVE(&d->sender->queue, d, entry);
	loop_timer_done(&d->patience);
	free(d->marks);
	free(d);
}

struct ledger_amount send_left(const struct send *d)
{
	const struct batch *b = d->delivery->batch;
	struct ledger_amount left = { 0, 0 };

	if (d->left == b->count)
		return (struct ledger_amount){ b->records, b->size };
	for (size_t i = d->first; i < d->end; i++)
		if (send_wants(d, i)) {
			left.records += b->items[i].records;
			left.bytes += b->items[i].size;
		}
	return left;
}

void send_need_marks(struct send *d)
{
	if (!d->marks)
		d->marks = oxp_new(d->end - d->first);
}

/* Pieces. */

/* The items from `middle` on are another send, which inherits what is known of this one. */
static void cut_at(struct send *d, size_t middle)
{
	struct send *rest = send_new(d->sender, d->delivery, d->route, d->patience.fire);

	rest->first = middle;
	rest->end = d->end;
	rest->tries = d->tries;
	rest->strikes = d->strikes;
	rest->company = d->company;
	rest->takings_seen = d->takings_seen;
	rest->left = 0;
	if (d->marks) {
		rest->marks = oxp_new(d->end - middle);
		memcpy(rest->marks, d->marks + (middle - d->first), d->end - middle);
	}
	for (size_t i = rest->first; i < rest->end; i++)
		rest->left += send_wants(rest, i);
	d->tried = false;
	d->end = middle;
	d->left -= rest->left;
	TAILQ_INSERT_AFTER(&d->sender->queue, d, rest, entry);
	delivery_split(d->delivery, d->route);
}

void send_halve(struct send *d)
{
	size_t middle = d->first, half = 0;

	OXP_ASSERT(d->left > 1);
	while (half < d->left / 2)
		half += send_wants(d, middle++);
	cut_at(d, middle);
}

bool send_is_cut_by(const struct send *d, uint64_t bytes)
{
	if (bytes == UINT64_MAX || d->left < 2)
		return false;
	return send_left(d).bytes > bytes + bytes / 4;
}

bool send_cut(struct send *d, uint64_t bytes)
{
	const struct batch *b = d->delivery->batch;
	uint64_t size = 0;
	size_t i = d->first, kept = 0;

	if (!send_is_cut_by(d, bytes))
		return false;
	for (; kept < d->left - 1 && (size == 0 || size + b->items[i].size <= bytes); i++)
		if (send_wants(d, i)) {
			size += b->items[i].size;
			kept++;
		}
	cut_at(d, i);
	return true;
}

/* What an exporter sees of it. */

size_t send_first(const struct send *d)
{
	return d->first;
}

size_t send_end(const struct send *d)
{
	return d->end;
}

struct wall_time send_sealed(const struct send *d)
{
	return d->delivery->sealed;
}

bool send_wants(const struct send *d, size_t item)
{
	return item >= d->first && item < d->end && (!d->marks || d->marks[item - d->first] != MARK_SETTLED);
}

void send_context_set(struct send *d, void *context)
{
	d->context = context;
}

void *send_context(const struct send *d)
{
	return d->context;
}

void send_elsewhere(struct send *d)
{
	d->elsewhere = true;
}

void send_not_before(struct send *d, uint64_t ms)
{
	d->not_before_ms = ms < NOT_BEFORE_MAX_MS ? ms : NOT_BEFORE_MAX_MS;
}
