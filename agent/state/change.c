#include "state/change.h"

#include <stdlib.h>

#include "state/op.h"

struct state_change *state_change_new(void)
{
	struct state_change *c = oxp_new(sizeof *c);

	c->last = &c->first;
	return c;
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

void state_change_position(struct state_change *c, const char *collector, const struct position *position)
{
	struct op_position *op = op_position(op_add(c, OP_POSITION, collector));

	op->position = *position;
	op->position.path = oxp_strdup(position->path ? position->path : "");
}

void state_change_forget(struct state_change *c, const char *collector, uint64_t generation)
{
	op_position(op_add(c, OP_FORGET, collector))->position.generation = generation;
}

void state_change_ledger(struct state_change *c, const char *key, const struct ledger_terms *terms)
{
	op_ledger(op_add(c, OP_LEDGER, key))->terms = *terms;
}

void state_change_move(struct state_change *c, const char *key, const struct ledger_amount *amount,
	enum ledger_term from, enum ledger_term to)
{
	struct op_move *op = op_move(op_add(c, OP_MOVE, key));

	op->amount = *amount;
	op->from = from;
	op->to = to;
}

void state_change_spool(struct state_change *c, const char *key, const struct state_payload *payload)
{
	struct op_spool *op = op_spool(op_add(c, OP_SPOOL, key));

	op->amount = payload->amount;
	op->pieces = payload->pieces;
	op->count = payload->count;
	op->ret_id = payload->ret_id;
	for (size_t i = 0; i < payload->count; i++)
		op->size += payload->pieces[i].iov_len;
}

void state_change_unspool(struct state_change *c, uint64_t id)
{
	op_row(op_add(c, OP_UNSPOOL, ""))->id = id;
}

static char *copy_of(struct bytes payload)
{
	char *copy = oxp_new(payload.size + 1);

	if (payload.size)
		memcpy(copy, payload.data, payload.size);
	return copy;
}

/* A payload that is too large is not copied: its change is refused when it is committed. */
void state_change_park(struct state_change *c, const struct state_parked *record)
{
	struct op_park *op = op_park(op_add(c, OP_PARK, ""));

	op->record = *record;
	op->record.source = oxp_strdup(record->source);
	op->record.destination = oxp_strdup(record->destination);
	op->record.reason = oxp_strdup(record->reason);
	op->record.signal = oxp_strdup(record->signal);
	op->record.payload.data = record->payload.size <= STATE_PAYLOAD_MAX ? copy_of(record->payload) : NULL;
}

void state_change_unpark(struct state_change *c, uint64_t id)
{
	op_row(op_add(c, OP_UNPARK, ""))->id = id;
}

void state_change_repark(struct state_change *c, uint64_t id, uint32_t tries, const char *reason)
{
	struct op_repark *op = op_repark(op_add(c, OP_REPARK, ""));

	op->id = id;
	op->tries = tries;
	op->reason = oxp_strdup(reason);
}
