#include "state/usage.h"

#include <errno.h>
#include <stdlib.h>

#include "state/spooled.h"

enum { PARKED_SHARE = 4, POSITIONS_SHARE = 16 };

/* Bytes of payload in the spool, of one key. */
struct usage_key {
	struct usage_key *next;
	char *key;
	uint64_t bytes;
};

static struct usage_key *find_key(struct usage *u, const char *key)
{
	struct usage_key *k = u->keys;

	while (k && strcmp(k->key, key) != 0)
		k = k->next;
	if (k)
		return k;
	k = oxp_new(sizeof *k);
	k->key = oxp_strdup(key);
	k->next = u->keys;
	u->keys = k;
	u->key_count++;
	return k;
}

static int add_row(void *context, const struct spooled_size *row)
{
	struct usage *u = context;

	find_key(u, row->key)->bytes += row->bytes;
	u->spool_bytes += row->bytes;
	u->spool_rows += row->first;
	if (row->id > u->spool_id && row->id <= STATE_SPOOL_ID_MAX)
		u->spool_id = row->id;
	return u->key_count > USAGE_KEYS_MAX ? -EBADMSG : 0;
}

int usage_read(struct usage *u, struct database *d)
{
	int failed = database_number(d, "SELECT count(*) FROM parked", &u->parked_count);

	if (!failed)
		failed = database_number(d, "SELECT coalesce(sum(length(payload)), 0) FROM parked", &u->parked_bytes);
	u->parked_bytes += u->parked_count * STATE_PARKED_ROW;
	if (failed)
		return failed;
	return spooled_sizes(d, add_row, u);
}

void usage_forget(struct usage *u)
{
	for (struct usage_key *k; (k = u->keys);) {
		u->keys = k->next;
		free(k->key);
		free(k);
	}
	*u = (struct usage){ .max = u->max };
}

static int admit_spool(struct usage *u, struct op_spool *op)
{
	uint64_t ceiling = u->max - u->max / PARKED_SHARE - u->max / POSITIONS_SHARE;

	if (op->size > STATE_SPOOL_PAYLOAD_MAX)
		return -E2BIG;
	if (u->spool_bytes + op->size + (u->spool_rows + 1) * STATE_SPOOL_ROW > ceiling)
		return -ENOSPC;
	op->id = u->spool_id + 1;
	u->spool_id += spool_parts(op->size);
	u->spool_rows++;
	u->spool_bytes += op->size;
	find_key(u, op->op.key)->bytes += op->size;
	if (op->ret_id)
		*op->ret_id = op->id;
	return 0;
}

static int admit_parked(struct usage *u, const struct op_park *op)
{
	size_t size = op->record.payload.size;

	if (size > STATE_PAYLOAD_MAX)
		return -E2BIG;
	if (u->parked_bytes + size + STATE_PARKED_ROW > usage_parked_max(u))
		return -ENOSPC;
	u->parked_bytes += size + STATE_PARKED_ROW;
	u->parked_count++;
	return 0;
}

static int admit_op(struct usage *u, struct op *op)
{
	if (op->kind == OP_SPOOL)
		return admit_spool(u, op_spool(op));
	return op->kind == OP_PARK ? admit_parked(u, op_park(op)) : 0;
}

static void spool_less(struct usage *u, const char *key, uint64_t bytes)
{
	u->spool_rows--;
	u->spool_bytes -= bytes;
	find_key(u, key)->bytes -= bytes;
}

static void parked_less(struct usage *u, uint64_t bytes)
{
	u->parked_count--;
	u->parked_bytes -= bytes + STATE_PARKED_ROW;
}

/* Takes back what was counted in advance and was not written. */
static void dismiss_op(struct usage *u, struct op *op)
{
	if (op->kind == OP_SPOOL)
		spool_less(u, op->key, op_spool(op)->size);
	else if (op->kind == OP_PARK)
		parked_less(u, op_park(op)->record.payload.size);
}

/* Takes off what was deleted, and what was there before and so was counted twice. */
static void correct_op(struct usage *u, struct op *op)
{
	if (op->kind == OP_PARK && op_park(op)->again)
		dismiss_op(u, op);
	else if ((op->kind == OP_UNSPOOL || op->kind == OP_SET_ASIDE) && op_row(op)->gone)
		spool_less(u, op->key, op_row(op)->freed);
	else if (op->kind == OP_UNPARK && op_row(op)->gone)
		parked_less(u, op_row(op)->freed);
}

void usage_admit(struct usage *u, struct state_change *c)
{
	struct op *op = c->first;

	while (op && !(c->refused = admit_op(u, op)))
		op = op->next;
	if (c->refused)
		for (struct op *undo = c->first; undo != op; undo = undo->next)
			dismiss_op(u, undo);
}

void usage_correct(struct usage *u, struct state_change *c)
{
	for (struct op *op = c->first; op && !c->refused; op = op->next)
		if (c->failed)
			dismiss_op(u, op);
		else
			correct_op(u, op);
}

uint64_t usage_parked_max(const struct usage *u)
{
	return u->max / PARKED_SHARE;
}

void usage_spool_keys(const struct usage *u, void (*visit)(void *, const char *key, uint64_t bytes), void *context)
{
	for (const struct usage_key *k = u->keys; k; k = k->next)
		visit(context, k->key, k->bytes);
}
