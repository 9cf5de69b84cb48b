#include "state/change.h"

#include <stdlib.h>

struct state_change *state_change_new(void)
{
	struct state_change *c = oxp_new(sizeof *c);

	c->last = &c->first;
	return c;
}

void spool_row_done(struct spool_row *row)
{
	buffer_done(&row->payload);
	buffer_done(&row->meta);
}

static void op_free(struct op *op)
{
	for (size_t i = 0; i < OP_TEXTS; i++)
		free(op->texts[i]);
	free(op->key);
	buffer_done(&op->copy);
	buffer_done(&op->meta);
	spool_row_done(&op->row);
	parked_rows_done(&op->parked);
	free(op);
}

void state_change_free(struct state_change *c)
{
	if (!c)
		return;
	for (struct op *op; (op = c->first);) {
		c->first = op->next;
		op_free(op);
	}
	free(c);
}

struct op *change_add(struct state_change *c, enum op_kind kind, const char *key)
{
	struct op *op = oxp_new(sizeof *op);

	op->kind = kind;
	op->key = oxp_strdup(key);
	*c->last = op;
	c->last = &op->next;
	return op;
}

int change_append(struct buffer *b, struct bytes more)
{
	return more.size ? buffer_append(b, more.data, more.size) : 0;
}

size_t spool_parts(size_t payload)
{
	return payload ? (payload + STATE_PAYLOAD_MAX - 1) / STATE_PAYLOAD_MAX : 1;
}

void state_change_position(struct state_change *c, const char *collector, const struct position *position)
{
	struct op *op = change_add(c, OP_POSITION, collector);

	op->position = *position;
	op->texts[0] = oxp_strdup(position->path ? position->path : "");
}

void state_change_forget(struct state_change *c, const char *collector, uint64_t generation)
{
	change_add(c, OP_FORGET, collector)->position.generation = generation;
}

void state_change_ledger(struct state_change *c, const char *key, const struct ledger_terms *terms)
{
	change_add(c, OP_LEDGER, key)->terms = *terms;
}

static void copy_payload(struct op *op, struct bytes payload)
{
	int failed;

	buffer_init(&op->copy, payload.size);
	failed = change_append(&op->copy, payload);
	OXP_ASSERT(!failed && "out of memory");
	op->own = (struct iovec){ op->copy.data, op->copy.size };
	op->pieces = &op->own;
	op->piece_count = 1;
	op->size = payload.size;
}

void state_change_spool(struct state_change *c, const char *key, const struct state_payload *payload)
{
	struct op *op = change_add(c, OP_SPOOL, key);
	int failed;

	op->amount = payload->amount;
	op->pieces = payload->pieces;
	op->piece_count = payload->count;
	op->ret_id = payload->ret_id;
	for (size_t i = 0; i < payload->count; i++)
		op->size += payload->pieces[i].iov_len;
	buffer_init(&op->meta, payload->meta.size);
	failed = change_append(&op->meta, payload->meta);
	OXP_ASSERT(!failed && "out of memory");
}

void state_change_unspool(struct state_change *c, uint64_t id)
{
	change_add(c, OP_UNSPOOL, "")->id = id;
}

void state_change_park(struct state_change *c, const struct state_parked *record)
{
	struct op *op = change_add(c, OP_PARK, "");

	op->at = record->at;
	op->tries = record->tries;
	op->position.generation = record->generation;
	op->position.offset = record->offset;
	op->texts[0] = oxp_strdup(record->source);
	op->texts[1] = oxp_strdup(record->destination);
	op->texts[2] = oxp_strdup(record->reason);
	op->texts[3] = oxp_strdup(record->signal);
	op->records = record->records;
	op->placed = record->placed;
	op->size = record->payload.size;
	if (op->size <= STATE_PAYLOAD_MAX) /* else it is refused when committed */
		copy_payload(op, record->payload);
}

void state_change_unpark(struct state_change *c, uint64_t id)
{
	change_add(c, OP_UNPARK, "")->id = id;
}

void state_change_repark(struct state_change *c, uint64_t id, uint32_t tries, const char *reason)
{
	struct op *op = change_add(c, OP_REPARK, "");

	op->id = id;
	op->tries = tries;
	op->texts[0] = oxp_strdup(reason);
}

void state_change_move(struct state_change *c, const char *key, const struct ledger_amount *amount,
	enum ledger_term from, enum ledger_term to)
{
	struct op *op = change_add(c, OP_MOVE, key);

	op->amount = *amount;
	op->from = from;
	op->to = to;
}
