/*
 * Operations of a change as rows of state.db, and rows back into memory. In the disk lane, but for loading at start.
 *
 * A payload is spooled in pieces of at most a MiB, each with a checksum, under ids that follow one another: the first
 * carries what is known of the whole. The checksum of the first covers the meta bytes as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <xxhash.h>

#include "state/change.h"

uint64_t payload_checksum(struct bytes payload, struct bytes meta)
{
	return XXH3_64bits_withSeed(payload.data, payload.size, meta.size ? XXH3_64bits(meta.data, meta.size) : 0);
}

static void bind_numbers(sqlite3_stmt *q, int first, const sqlite3_int64 *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sqlite3_bind_int64(q, first + (int)i, numbers[i]);
}

static void bind_text(sqlite3_stmt *q, int at, const char *text)
{
	sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC);
}

/* An empty payload is an empty blob, not NULL. */
static void bind_bytes(sqlite3_stmt *q, int at, struct bytes b)
{
	sqlite3_bind_blob64(q, at, b.size ? b.data : "", b.size, SQLITE_STATIC);
}

static int put_position(struct database *d, struct op *op)
{
	const struct position *p = &op->position;
	sqlite3_stmt *q = database_statement(d, PUT_POSITION);
	const sqlite3_int64 numbers[] = { (sqlite3_int64)p->generation, (sqlite3_int64)p->dev, (sqlite3_int64)p->inode,
		p->birth_ns, (sqlite3_int64)p->head_hash, p->head_size, (sqlite3_int64)p->offset,
		(sqlite3_int64)p->before_hash, p->before_size, (sqlite3_int64)p->head_at };

	bind_text(q, 1, op->key);
	bind_numbers(q, 2, numbers, COUNT_OF(numbers));
	bind_text(q, 2 + COUNT_OF(numbers), op->texts[0]);
	return database_finish(q);
}

static int forget_position(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, DELETE_POSITION);

	bind_text(q, 1, op->key);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)op->position.generation);
	return database_finish(q);
}

static int put_ledger(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, PUT_LEDGER);

	bind_text(q, 1, op->key);
	bind_bytes(q, 2, (struct bytes){ (const char *)&op->terms, sizeof op->terms });
	return database_finish(q);
}

/* The spool. */

/* Where reading has come to in pieces of the caller's. */
struct gather {
	const struct iovec *piece;
	size_t at;
};

static void gather(struct gather *g, char *to, size_t size)
{
	while (size > 0) {
		size_t here = g->piece->iov_len - g->at;
		if (here == 0) {
			g->piece++;
			g->at = 0;
			continue;
		}
		here = here < size ? here : size;
		memcpy(to, (const char *)g->piece->iov_base + g->at, here);
		to += here;
		size -= here;
		g->at += here;
	}
}

static int put_piece(struct database *d, const struct op *op, size_t part, struct bytes piece)
{
	sqlite3_stmt *q = database_statement(d, PUT_SPOOL);
	struct bytes meta = part ? (struct bytes){ NULL, 0 } : buffer_bytes(&op->meta);
	const sqlite3_int64 numbers[] = { part ? 0 : (sqlite3_int64)op->amount.records,
		part ? 0 : (sqlite3_int64)op->amount.bytes, (sqlite3_int64)payload_checksum(piece, meta) };

	sqlite3_bind_int64(q, 1, (sqlite3_int64)(op->id + part));
	bind_text(q, 2, op->key);
	bind_numbers(q, 3, numbers, COUNT_OF(numbers));
	bind_bytes(q, 6, piece);
	sqlite3_bind_int64(q, 7, part ? 0 : (sqlite3_int64)spool_parts(op->size));
	bind_bytes(q, 8, meta);
	return database_finish(q);
}

static int put_spool(struct database *d, struct op *op)
{
	size_t left = op->size, room = left < STATE_PAYLOAD_MAX ? left : STATE_PAYLOAD_MAX;
	struct gather from = { op->pieces, 0 };
	char *piece = malloc(room + 1);
	int failed = piece ? 0 : -ENOMEM;

	for (size_t part = 0; part < spool_parts(op->size) && !failed; part++) {
		size_t size = left < room ? left : room;
		gather(&from, piece, size);
		left -= size;
		failed = put_piece(d, op, part, (struct bytes){ piece, size });
	}
	free(piece);
	return failed;
}

static int drop_spool(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, DELETE_SPOOL);
	int row;

	op->freed = 0;
	op->gone = false;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)op->id);
	while ((row = database_row(q)) > 0) {
		const char *key = (const char *)sqlite3_column_text(q, 0);
		op->gone = true;
		op->freed += (uint64_t)sqlite3_column_int64(q, 1);
		free(op->key);
		op->key = oxp_strdup(key ? key : "");
	}
	database_finish(q);
	return row;
}

static int set_aside(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, KEEP_DAMAGED);
	int failed;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)op->id);
	failed = database_finish(q);
	failed = failed ? failed : database_finish(database_statement(d, BOUND_DAMAGED));
	return failed ? failed : drop_spool(d, op);
}

static struct bytes column_bytes(sqlite3_stmt *q, int column)
{
	const void *data = sqlite3_column_blob(q, column);

	return (struct bytes){ data, (size_t)sqlite3_column_bytes(q, column) };
}

/* The pieces of the row behind one another. */
static int read_pieces(struct database *d, struct spool_row *row, uint64_t parts)
{
	sqlite3_stmt *q = database_statement(d, PIECES_SPOOL);
	uint64_t seen = 0;
	int more, failed = 0;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)row->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)(row->id + parts));
	row->sound = true;
	while ((more = database_row(q)) > 0 && row->sound && !failed) {
		struct bytes meta = seen++ ? (struct bytes){ NULL, 0 } : buffer_bytes(&row->meta);
		struct bytes piece = column_bytes(q, 1);
		row->sound = payload_checksum(piece, meta) == (uint64_t)sqlite3_column_int64(q, 0);
		failed = change_append(&row->payload, piece);
	}
	row->sound = row->sound && seen == parts && failed != -ENOSPC;
	sqlite3_reset(q);
	failed = failed == -ENOSPC ? 0 : failed;
	return more < 0 ? more : failed;
}

/* A page that SQLite cannot make sense of is a damaged row like any other. */
static int spool_verdict(struct spool_row *row, int failed)
{
	if (failed != -EBADMSG)
		return failed;
	row->sound = false;
	return 0;
}

int spool_read(struct database *d, const char *key, uint64_t after, struct spool_row *ret)
{
	sqlite3_stmt *q = database_statement(d, NEXT_SPOOL);
	uint64_t parts = 0;
	int found, failed = 0;

	buffer_clear(&ret->payload);
	buffer_clear(&ret->meta);
	ret->payload.ceiling = ret->meta.ceiling = STATE_SPOOL_PAYLOAD_MAX;
	bind_text(q, 1, key);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)after);
	found = database_row(q);
	ret->found = found > 0;
	if (ret->found) {
		struct bytes meta = column_bytes(q, 4);
		ret->id = (uint64_t)sqlite3_column_int64(q, 0);
		ret->amount = (struct ledger_amount){ (uint64_t)sqlite3_column_int64(q, 1),
			(uint64_t)sqlite3_column_int64(q, 2) };
		parts = (uint64_t)sqlite3_column_int64(q, 3);
		failed = change_append(&ret->meta, meta);
	}
	if (q)
		sqlite3_reset(q);
	if (!ret->found || failed)
		return found < 0 ? found : failed;
	return spool_verdict(ret, read_pieces(d, ret, parts));
}

static int take_spool(struct database *d, struct op *op)
{
	return spool_read(d, op->key, op->id, &op->row);
}

int op_run(struct database *d, struct op *op)
{
	static int (*const run[OP_KINDS])(struct database *, struct op *) = {
		[OP_POSITION] = put_position,
		[OP_FORGET] = forget_position,
		[OP_LEDGER] = put_ledger,
		[OP_SPOOL] = put_spool,
		[OP_UNSPOOL] = drop_spool,
		[OP_SET_ASIDE] = set_aside,
		[OP_TAKE] = take_spool,
		[OP_PARK] = parked_put,
		[OP_UNPARK] = parked_delete,
		[OP_REPARK] = parked_change,
		[OP_MOVE] = ledger_row_move,
		[OP_LIST] = parked_list,
	};

	return run[op->kind](d, op);
}
