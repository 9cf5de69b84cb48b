#include "state/positions.h"

static void bind_text(sqlite3_stmt *q, int at, const char *text)
{
	sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC);
}

int positions_put(struct database *d, struct op *op)
{
	const struct position *p = &op_position(op)->position;
	sqlite3_stmt *q = database_statement(d, PUT_POSITION);
	const sqlite3_int64 numbers[] = { (sqlite3_int64)p->generation, (sqlite3_int64)p->dev, (sqlite3_int64)p->inode,
		p->birth_ns, (sqlite3_int64)p->head_hash, p->head_size, (sqlite3_int64)p->offset,
		(sqlite3_int64)p->before_hash, p->before_size, (sqlite3_int64)p->head_at, p->ended };

	bind_text(q, 1, op->key);
	for (int i = 0; i < (int)COUNT_OF(numbers); i++)
		sqlite3_bind_int64(q, 2 + i, numbers[i]);
	bind_text(q, 2 + COUNT_OF(numbers), p->path);
	return database_finish(q);
}

int positions_forget(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, DELETE_POSITION);

	bind_text(q, 1, op->key);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)op_position(op)->position.generation);
	return database_finish(q);
}

static void visit_row(sqlite3_stmt *q, void (*visit)(void *, const struct position *), void *context)
{
	const char *path = (const char *)sqlite3_column_text(q, 11);

	visit(context, &(struct position){ .generation = (uint64_t)sqlite3_column_int64(q, 0),
			       .dev = (uint64_t)sqlite3_column_int64(q, 1),
			       .inode = (uint64_t)sqlite3_column_int64(q, 2),
			       .birth_ns = sqlite3_column_int64(q, 3),
			       .head_hash = (uint64_t)sqlite3_column_int64(q, 4),
			       .head_size = (uint32_t)sqlite3_column_int64(q, 5),
			       .offset = (uint64_t)sqlite3_column_int64(q, 6),
			       .before_hash = (uint64_t)sqlite3_column_int64(q, 7),
			       .before_size = (uint16_t)sqlite3_column_int64(q, 8),
			       .head_at = (uint64_t)sqlite3_column_int64(q, 9),
			       .ended = sqlite3_column_int64(q, 10) == 1,
			       .path = path ? path : "" });
}

int positions_read(
	struct database *d, const char *collector, void (*visit)(void *, const struct position *), void *context)
{
	sqlite3_stmt *q;
	int row;
	int failed =
		strange_db_errno(d->db, sqlite3_prepare_v2(d->db,
						"SELECT generation, dev, inode, birth_ns, head_hash, head_size, offset,"
						" before_hash, before_size, head_at, ended, path"
						" FROM positions WHERE collector = ?",
						-1, &q, NULL));

	if (failed)
		return failed;
	bind_text(q, 1, collector);
	while ((row = database_row(q)) > 0)
		visit_row(q, visit, context);
	sqlite3_finalize(q);
	return row;
}

/* The ledger. */

static int put_terms(struct database *d, const char *key, const struct ledger_terms *terms)
{
	sqlite3_stmt *q = database_statement(d, PUT_LEDGER);

	bind_text(q, 1, key);
	sqlite3_bind_blob64(q, 2, terms, sizeof *terms, SQLITE_STATIC);
	return database_finish(q);
}

int saved_ledger_read(struct database *d, const char *key, struct ledger_terms *ret)
{
	sqlite3_stmt *q = database_statement(d, GET_LEDGER);
	int row;

	bind_text(q, 1, key);
	row = database_row(q);
	if (row > 0 && sqlite3_column_bytes(q, 0) == sizeof *ret)
		memcpy(ret, sqlite3_column_blob(q, 0), sizeof *ret);
	else
		row = row < 0 ? row : 0;
	database_reset(q);
	return row;
}

int saved_ledger_put(struct database *d, struct op *op)
{
	return put_terms(d, op->key, &op_ledger(op)->terms);
}

int saved_ledger_move(struct database *d, struct op *any)
{
	const struct op_move *op = op_move(any);
	struct ledger_terms terms;
	int row = saved_ledger_read(d, any->key, &terms);

	if (row <= 0)
		return row;
	ledger_move(&terms, op->from, op->to, &op->amount);
	return put_terms(d, any->key, &terms);
}
