#include "pipeline/send.h"

#include <stdlib.h>

#include "pipeline/fetch.h"

enum { NOT_BEFORE_MAX_MS = 3600 * 1000 }; /* a destination that asks for a week is asked again after an hour */

static struct send *make(struct sender *sender, struct send_list *queue, struct delivery *delivery, size_t route,
	loop_callback *patience)
{
	struct send *send = oxp_new(sizeof *send);

	*send = (struct send){ .sender = sender,
		.queue = queue,
		.delivery = delivery,
		.route = route,
		.end = delivery->batch->count,
		.left = delivery->batch->count };
	loop_timer_init(&send->patience, delivery->of->loop, patience, send);
	return send;
}

struct send *send_new(struct sender *sender, struct send_list *queue, struct delivery *delivery, size_t route,
	loop_callback *patience)
{
	struct send *send = make(sender, queue, delivery, route, patience);

	TAILQ_INSERT_TAIL(queue, send, entry);
	return send;
}

struct send *send_beside(const struct send *like, size_t items, struct send_list *list)
{
	struct send *send = make(like->sender, list, like->delivery, like->route, like->patience.fire);

	OXP_ASSERT(items <= 1 && like->left > 0);
	for (send->first = like->first; !send_wants(like, send->first);)
		send->first++;
	send->end = send->first + items;
	send->left = items;
	send->under_way = true;
	send->begun = loop_now(like->delivery->of->loop);
	TAILQ_INSERT_TAIL(list, send, entry);
	return send;
}

void send_free(struct send *send)
{
	TAILQ_REMOVE(send->queue, send, entry);
	loop_timer_done(&send->patience);
	fetch_abandon(send->fetch);
	send_read_end(send);
	free(send->marks);
	free(send);
}

void send_read_begin(struct send *send)
{
	OXP_ASSERT(!send->read);
	send->read = batch_keep(send->delivery->batch);
}

void send_read_end(struct send *send)
{
	if (send->read)
		batch_unkeep(send->read);
	send->read = NULL;
}

bool send_failed(enum outcome outcome)
{
	return outcome == UNANSWERED || outcome == FAILED;
}

struct ledger_amount send_left(const struct send *send)
{
	const struct batch *b = send->delivery->batch;
	struct ledger_amount left = { 0, 0 };

	if (send->left == b->count)
		return (struct ledger_amount){ b->records, b->size };
	for (size_t i = send->first; i < send->end; i++)
		if (send_wants(send, i)) {
			left.records += b->items[i].records;
			left.bytes += b->items[i].size;
		}
	return left;
}

void send_need_marks(struct send *send)
{
	if (!send->marks)
		send->marks = oxp_new(send->end - send->first);
}

/* Pieces. */

/* Moves the items from `middle` on to a new send, which inherits the tries and strikes of this one. */
static void cut_at(struct send *send, size_t middle)
{
	struct send *rest = make(send->sender, send->queue, send->delivery, send->route, send->patience.fire);

	rest->first = middle;
	rest->end = send->end;
	rest->tries = send->tries;
	send->suspicion.tried = false;
	rest->suspicion = send->suspicion;
	rest->left = 0;
	if (send->marks) {
		rest->marks = oxp_new(send->end - middle);
		memcpy(rest->marks, send->marks + (middle - send->first), send->end - middle);
	}
	for (size_t i = rest->first; i < rest->end; i++)
		rest->left += send_wants(rest, i);
	send->end = middle;
	send->left -= rest->left;
	TAILQ_INSERT_AFTER(send->queue, send, rest, entry);
	delivery_split(send->delivery, send->route);
}

void send_halve(struct send *send)
{
	size_t middle = send->first, half = 0;

	OXP_ASSERT(send->left > 1);
	while (half < send->left / 2)
		half += send_wants(send, middle++);
	cut_at(send, middle);
}

bool send_is_cut_by(const struct send *send, uint64_t bytes)
{
	if (bytes == UINT64_MAX || send->left < 2)
		return false;
	return send_left(send).bytes > bytes + bytes / 4;
}

/* Of two or more items that are left, the first ones that fit stay. */
static void cut_to(struct send *send, uint64_t bytes)
{
	const struct batch *b = send->delivery->batch;
	uint64_t size = 0;
	size_t i = send->first, stay = 0;

	for (; stay < send->left - 1 && (size == 0 || size + b->items[i].size <= bytes); i++)
		if (send_wants(send, i)) {
			size += b->items[i].size;
			stay++;
		}
	cut_at(send, i);
}

bool send_cut(struct send *send, uint64_t bytes)
{
	if (!send_is_cut_by(send, bytes))
		return false;
	cut_to(send, bytes);
	return true;
}

void send_keep_within(struct send *send, uint64_t bytes)
{
	if (send->left >= 2 && send_left(send).bytes > bytes)
		cut_to(send, bytes);
}

/* What an exporter sees of a send. */

size_t send_first(const struct send *send)
{
	return send->first;
}

size_t send_end(const struct send *send)
{
	return send->end;
}

struct wall_time send_sealed(const struct send *send)
{
	return send->delivery->sealed;
}

bool send_wants(const struct send *send, size_t item)
{
	if (item < send->first || item >= send->end)
		return false;
	return !send->marks || send->marks[item - send->first] != MARK_SETTLED;
}

void send_context_set(struct send *send, void *context)
{
	send->context = context;
}

void *send_context(const struct send *send)
{
	return send->context;
}

void send_elsewhere(struct send *send)
{
	send->elsewhere = true;
}

void send_not_before(struct send *send, uint64_t ms)
{
	send->not_before_ms = ms < NOT_BEFORE_MAX_MS ? ms : NOT_BEFORE_MAX_MS;
}
