#include "state/spooled.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

/* An empty payload is an empty blob, not NULL. */
static void bind_bytes(sqlite3_stmt *q, int at, struct bytes b)
{
	sqlite3_bind_blob64(q, at, b.size ? b.data : "", b.size, SQLITE_STATIC);
}

/* How far the caller's pieces have been read. */
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

static int put_piece(struct database *d, const struct op_spool *op, size_t part, struct bytes piece)
{
	sqlite3_stmt *q = database_statement(d, PUT_SPOOL);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)(op->id + part));
	sqlite3_bind_text(q, 2, op->op.key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, part ? 0 : (sqlite3_int64)op->amount.records);
	sqlite3_bind_int64(q, 4, part ? 0 : (sqlite3_int64)op->amount.bytes);
	sqlite3_bind_int64(q, 5, (sqlite3_int64)payload_checksum(piece));
	bind_bytes(q, 6, piece);
	sqlite3_bind_int64(q, 7, part ? 0 : (sqlite3_int64)spool_parts(op->size));
	return database_finish(q);
}

int spooled_put(struct database *d, struct op *any)
{
	const struct op_spool *op = op_spool(any);
	size_t left = op->size, room = left < STATE_PAYLOAD_MAX ? left : STATE_PAYLOAD_MAX;
	struct gather from = { op->pieces, 0 };
	char *piece = malloc(room + 1);
	int failed = !piece ? -ENOMEM : d->nameless ? -ESTALE : 0;

	for (size_t part = 0; part < spool_parts(op->size) && !failed; part++) {
		size_t size = left < room ? left : room;
		gather(&from, piece, size);
		left -= size;
		failed = put_piece(d, op, part, (struct bytes){ piece, size });
	}
	free(piece);
	return failed;
}

int spooled_drop(struct database *d, struct op *any)
{
	struct op_row *op = op_row(any);
	sqlite3_stmt *q = database_statement(d, DELETE_SPOOL);
	int row;

	op->freed = 0;
	op->gone = false;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)op->id);
	while ((row = database_row(q)) > 0) {
		const char *key = (const char *)sqlite3_column_text(q, 0);
		op->gone = true;
		op->freed += (uint64_t)sqlite3_column_int64(q, 1);
		free(any->key);
		any->key = oxp_strdup(key ? key : "");
	}
	database_reset(q);
	return row;
}

int spooled_set_aside(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, KEEP_DAMAGED);
	int failed;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)op_row(op)->id);
	failed = database_finish(q);
	if (!failed)
		failed = database_finish(database_statement(d, BOUND_DAMAGED));
	if (failed)
		return failed;
	return spooled_drop(d, op);
}

int spooled_recover(struct database *d, uint64_t *ret_count)
{
	int failed = database_finish(database_statement(d, KEEP_STRANGE));

	*ret_count = 0;
	if (!failed)
		failed = database_finish(database_statement(d, DELETE_STRANGE));
	if (!failed)
		*ret_count = (uint64_t)sqlite3_changes(d->db);
	if (!failed)
		failed = database_finish(database_statement(d, BOUND_DAMAGED));
	return failed == -ENOSPC ? 0 : failed;
}

static struct bytes column_bytes(sqlite3_stmt *q, int column)
{
	const void *data = sqlite3_column_blob(q, column);

	return (struct bytes){ data, (size_t)sqlite3_column_bytes(q, column) };
}

/* Reads the pieces of the row in order. */
static int read_pieces(struct database *d, struct spool_row *row, uint64_t parts)
{
	sqlite3_stmt *q = database_statement(d, PIECES_SPOOL);
	uint64_t seen = 0;
	int more, failed = 0;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)row->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)(row->id + parts));
	row->sound = row->id <= STATE_SPOOL_ID_MAX && parts <= spool_parts(STATE_SPOOL_PAYLOAD_MAX);
	while ((more = row->sound ? database_row(q) : 0) > 0 && !failed) {
		struct bytes piece = column_bytes(q, 1);
		seen++;
		row->sound = payload_checksum(piece) == (uint64_t)sqlite3_column_int64(q, 0);
		failed = op_append(&row->payload, piece);
	}
	row->sound = row->sound && seen == parts && failed != -ENOSPC;
	sqlite3_reset(q);
	if (row->sound && !failed && d->spool_fits)
		row->sound = d->spool_fits(buffer_bytes(&row->payload), &row->amount);
	failed = failed == -ENOSPC ? 0 : failed;
	return more < 0 ? more : failed;
}

/* If SQLite cannot read a page, its row is damaged like any other. */
static int spool_verdict(struct spool_row *row, int failed)
{
	if (failed != -EBADMSG)
		return failed;
	row->sound = false;
	return 0;
}

int spooled_read(struct database *d, const char *key, uint64_t after, struct spool_row *ret)
{
	sqlite3_stmt *q = database_statement(d, NEXT_SPOOL);
	uint64_t parts = 0;
	int found;

	buffer_clear(&ret->payload);
	ret->payload.ceiling = STATE_SPOOL_PAYLOAD_MAX;
	sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)after);
	found = database_row(q);
	ret->found = found > 0;
	if (ret->found) {
		ret->id = (uint64_t)sqlite3_column_int64(q, 0);
		ret->amount = (struct ledger_amount){ (uint64_t)sqlite3_column_int64(q, 1),
			(uint64_t)sqlite3_column_int64(q, 2) };
		parts = (uint64_t)sqlite3_column_int64(q, 3);
	}
	if (q)
		sqlite3_reset(q);
	return ret->found ? spool_verdict(ret, read_pieces(d, ret, parts)) : found;
}

int spooled_take(struct database *d, struct op *any)
{
	struct op_take *op = op_take(any);

	return spooled_read(d, any->key, op->after, &op->row);
}

/* A row's header has the lengths, so no payload is read. If the query had to sort, as for GROUP BY, SQLite would load
 * all payloads into memory. */
int spooled_sizes(struct database *d, int (*visit)(void *, const struct spooled_size *), void *context)
{
	sqlite3_stmt *q;
	int row = 1;
	int failed = strange_db_errno(d->db,
		sqlite3_prepare_v2(d->db, "SELECT key, length(payload), id, parts > 0 FROM spool", -1, &q, NULL));

	while (!failed && (row = database_row(q)) > 0) {
		const char *key = (const char *)sqlite3_column_text(q, 0);
		failed = visit(context, &(struct spooled_size){ .key = key ? key : "",
						.bytes = (uint64_t)sqlite3_column_int64(q, 1),
						.id = (uint64_t)sqlite3_column_int64(q, 2),
						.first = sqlite3_column_int(q, 3) != 0 });
	}
	sqlite3_finalize(q);
	if (failed)
		return failed;
	return row;
}
