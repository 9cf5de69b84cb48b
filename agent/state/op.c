#include "state/op.h"

#include <stdlib.h>
#include <xxhash.h>

static const size_t sizes[OP_KINDS] = {
	[OP_POSITION] = sizeof(struct op_position),
	[OP_FORGET] = sizeof(struct op_position),
	[OP_LEDGER] = sizeof(struct op_ledger),
	[OP_MOVE] = sizeof(struct op_move),
	[OP_SPOOL] = sizeof(struct op_spool),
	[OP_UNSPOOL] = sizeof(struct op_row),
	[OP_SET_ASIDE] = sizeof(struct op_row),
	[OP_TAKE] = sizeof(struct op_take),
	[OP_PARK] = sizeof(struct op_park),
	[OP_UNPARK] = sizeof(struct op_row),
	[OP_REPARK] = sizeof(struct op_repark),
	[OP_LIST] = sizeof(struct op_list),
};

struct op_position *op_position(struct op *op)
{
	OXP_ASSERT(op->kind == OP_POSITION || op->kind == OP_FORGET);
	return CONTAINER_OF(op, struct op_position, op);
}

struct op_ledger *op_ledger(struct op *op)
{
	OXP_ASSERT(op->kind == OP_LEDGER);
	return CONTAINER_OF(op, struct op_ledger, op);
}

struct op_move *op_move(struct op *op)
{
	OXP_ASSERT(op->kind == OP_MOVE);
	return CONTAINER_OF(op, struct op_move, op);
}

struct op_spool *op_spool(struct op *op)
{
	OXP_ASSERT(op->kind == OP_SPOOL);
	return CONTAINER_OF(op, struct op_spool, op);
}

struct op_row *op_row(struct op *op)
{
	OXP_ASSERT(op->kind == OP_UNSPOOL || op->kind == OP_SET_ASIDE || op->kind == OP_UNPARK);
	return CONTAINER_OF(op, struct op_row, op);
}

struct op_take *op_take(struct op *op)
{
	OXP_ASSERT(op->kind == OP_TAKE);
	return CONTAINER_OF(op, struct op_take, op);
}

struct op_park *op_park(struct op *op)
{
	OXP_ASSERT(op->kind == OP_PARK);
	return CONTAINER_OF(op, struct op_park, op);
}

struct op_repark *op_repark(struct op *op)
{
	OXP_ASSERT(op->kind == OP_REPARK);
	return CONTAINER_OF(op, struct op_repark, op);
}

struct op_list *op_list(struct op *op)
{
	OXP_ASSERT(op->kind == OP_LIST);
	return CONTAINER_OF(op, struct op_list, op);
}

struct op *op_add(struct state_change *c, enum op_kind kind, const char *key)
{
	struct op *op = oxp_new(sizes[kind]);

	op->kind = kind;
	op->key = oxp_strdup(key);
	*c->last = op;
	c->last = &op->next;
	return op;
}

static void free_texts(struct state_parked *r)
{
	free((char *)r->source);
	free((char *)r->destination);
	free((char *)r->reason);
	free((char *)r->signal);
	free((char *)r->payload.data);
}

void op_free(struct op *op)
{
	if (op->kind == OP_POSITION)
		free((char *)op_position(op)->position.path);
	else if (op->kind == OP_TAKE)
		spool_row_done(&op_take(op)->row);
	else if (op->kind == OP_PARK)
		free_texts(&op_park(op)->record);
	else if (op->kind == OP_REPARK)
		free(op_repark(op)->reason);
	else if (op->kind == OP_LIST)
		parked_rows_done(&op_list(op)->found);
	free(op->key);
	free(op);
}

int op_append(struct buffer *b, struct bytes more)
{
	return more.size ? buffer_append(b, more.data, more.size) : 0;
}

void spool_row_done(struct spool_row *row)
{
	buffer_done(&row->payload);
}

void parked_rows_done(struct parked_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free_texts(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct parked_rows){ .rows = NULL };
}

size_t spool_parts(size_t payload)
{
	return payload ? (payload + STATE_PAYLOAD_MAX - 1) / STATE_PAYLOAD_MAX : 1;
}

uint64_t payload_checksum(struct bytes payload)
{
	return XXH3_64bits(payload.data, payload.size);
}
