#include "state/parked_rows.h"

#include <errno.h>
#include <stdlib.h>

enum { PAGE_BYTES = 1 << 20 };

static void bind_text(sqlite3_stmt *q, int at, const char *text)
{
	sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC);
}

/* A record that was parked before a kill is refused again now: it is no longer doubtful. */
static int know(struct database *d, const struct state_parked *r)
{
	sqlite3_stmt *q = database_statement(d, KNOW_PARKED);

	bind_text(q, 1, r->source);
	bind_text(q, 2, r->destination);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)r->generation);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)r->offset);
	return database_finish(q);
}

int parked_put(struct database *d, struct op *any)
{
	struct op_park *op = op_park(any);
	const struct state_parked *r = &op->record;
	sqlite3_stmt *q = database_statement(d, PUT_PARKED);
	const char *const texts[] = { r->source, r->destination, r->reason, r->signal };
	const sqlite3_int64 numbers[] = { r->tries, (sqlite3_int64)r->generation, (sqlite3_int64)r->offset,
		(sqlite3_int64)payload_checksum(r->payload), r->records, r->placed };
	int at = 1, failed;

	sqlite3_bind_int64(q, at++, r->at.ns);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		bind_text(q, at++, texts[i]);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		sqlite3_bind_int64(q, at++, numbers[i]);
	sqlite3_bind_blob64(q, at, r->payload.size ? r->payload.data : "", r->payload.size, SQLITE_STATIC);
	failed = database_finish(q);
	op->again = !failed && sqlite3_changes(d->db) == 0;
	if (r->known)
		*r->known = op->again;
	return op->again ? know(d, r) : failed;
}

int parked_delete(struct database *d, struct op *any)
{
	struct op_row *op = op_row(any);
	sqlite3_stmt *q = database_statement(d, DELETE_PARKED);
	int row;

	op->gone = false;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)op->id);
	while ((row = database_row(q)) > 0) {
		op->gone = true;
		op->freed = (uint64_t)sqlite3_column_int64(q, 0);
	}
	database_reset(q);
	return row;
}

int parked_change(struct database *d, struct op *any)
{
	const struct op_repark *op = op_repark(any);
	sqlite3_stmt *q = database_statement(d, CHANGE_PARKED);

	sqlite3_bind_int64(q, 1, op->tries);
	bind_text(q, 2, op->reason);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)op->id);
	return database_finish(q);
}

int parked_recover(struct database *d, uint64_t *ret_strange)
{
	static const enum statement rest[] = { BOUND_DAMAGED, MEND_PARKED, FORGET_DOUBTFUL, DOUBT_PARKED };
	int failed = database_finish(database_statement(d, KEEP_STRANGE_PARKED));

	*ret_strange = 0;
	if (!failed)
		failed = database_finish(database_statement(d, DELETE_STRANGE_PARKED));
	if (!failed)
		*ret_strange = (uint64_t)sqlite3_changes(d->db);
	for (size_t i = 0; i < COUNT_OF(rest) && !failed; i++)
		failed = database_finish(database_statement(d, rest[i]));
	return failed == -ENOSPC ? 0 : failed; /* the agent starts even if the disk is full */
}

/* Reading: columns as DATABASE_PARKED names them. */

static const char *column_text(sqlite3_stmt *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q, column);

	return text ? text : "";
}

struct state_parked parked_row_of(sqlite3_stmt *q)
{
	const void *data = sqlite3_column_blob(q, 13);
	struct bytes payload = { data, (size_t)sqlite3_column_bytes(q, 13) };
	bool asked = sqlite3_column_type(q, 13) != SQLITE_NULL;

	return (struct state_parked){
		.id = (uint64_t)sqlite3_column_int64(q, 0),
		.at = { sqlite3_column_int64(q, 1) },
		.source = column_text(q, 2),
		.destination = column_text(q, 3),
		.reason = column_text(q, 4),
		.signal = column_text(q, 5),
		.tries = (uint32_t)sqlite3_column_int64(q, 6),
		.generation = (uint64_t)sqlite3_column_int64(q, 7),
		.offset = (uint64_t)sqlite3_column_int64(q, 8),
		.damaged = asked && payload_checksum(payload) != (uint64_t)sqlite3_column_int64(q, 9),
		.records = (uint32_t)sqlite3_column_int64(q, 10),
		.placed = sqlite3_column_int64(q, 11),
		.size = (size_t)sqlite3_column_int64(q, 12),
		.payload = payload,
		.ready = sqlite3_column_int64(q, 14),
	};
}

static char *copy_of(struct bytes b)
{
	char *copy = malloc(b.size + 1);

	if (copy && b.size)
		memcpy(copy, b.data, b.size);
	return copy;
}

static int add_row(struct parked_rows *rows, const struct state_parked *r)
{
	struct state_parked *added, *grown = oxp_grow(rows->rows, &rows->room, rows->count + 1, sizeof *grown);
	char *payload = copy_of(r->payload);

	rows->rows = grown ? grown : rows->rows;
	if (!grown || !payload) {
		free(payload);
		return -ENOMEM;
	}
	added = &rows->rows[rows->count++];
	*added = *r;
	added->source = oxp_strdup(r->source);
	added->destination = oxp_strdup(r->destination);
	added->reason = oxp_strdup(r->reason);
	added->signal = oxp_strdup(r->signal);
	added->payload.data = payload;
	rows->bytes += r->payload.size;
	return 0;
}

/* Whether the page has to end before this row. */
static bool ends_before(const struct op_list *op, const struct state_parked *r)
{
	const struct parked_rows *page = &op->found;
	const struct state_parked *first = page->rows;

	if (page->count == 0)
		return false;
	if (page->bytes + r->payload.size > PAGE_BYTES)
		return true;
	return op->query.alike &&
	       (strcmp(first->source, r->source) != 0 || strcmp(first->destination, r->destination) != 0 ||
		       strcmp(first->signal, r->signal) != 0);
}

static int read_page(struct op_list *op, sqlite3_stmt *q)
{
	int row, failed = 0;

	while ((row = database_row(q)) > 0 && !failed) {
		const struct state_parked r = parked_row_of(q);
		if (ends_before(op, &r))
			break;
		failed = add_row(&op->found, &r);
	}
	return row < 0 ? row : failed;
}

int parked_list(struct database *d, struct op *any)
{
	struct op_list *op = op_list(any);
	sqlite3_stmt *q = database_statement(d, LAST_PARKED);
	uint64_t until = op->query.until ? op->query.until : INT64_MAX;
	int row = database_row(q);

	parked_rows_done(&op->found);
	op->found.last = row > 0 ? (uint64_t)sqlite3_column_int64(q, 0) : 0;
	database_reset(q);
	q = database_statement(d, LIST_PARKED);
	sqlite3_bind_int64(q, 1, op->query.payloads);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)op->query.after);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)until);
	if (any->key[0])
		bind_text(q, 4, any->key);
	sqlite3_bind_int64(q, 5, op->query.alike);
	sqlite3_bind_int64(q, 6, (sqlite3_int64)op->query.rows);
	row = row < 0 ? row : read_page(op, q);
	if (q) {
		sqlite3_reset(q);
		sqlite3_clear_bindings(q);
	}
	return row;
}

int parked_sum(
	struct database *d, const char *signal, const char *source, const char *destination, struct ledger_amount *ret)
{
	const char *const texts[] = { signal, source, destination };
	sqlite3_stmt *q;
	int row;
	int failed = strange_db_errno(d->db, sqlite3_prepare_v2(d->db,
						     "SELECT sum(records), sum(length(payload)) FROM parked"
						     " WHERE signal = ? AND source = ? AND destination = ?",
						     -1, &q, NULL));

	if (failed)
		return failed;
	for (int i = 0; i < (int)COUNT_OF(texts); i++)
		bind_text(q, 1 + i, texts[i]);
	row = database_row(q);
	if (row > 0)
		*ret = (struct ledger_amount){ (uint64_t)sqlite3_column_int64(q, 0),
			(uint64_t)sqlite3_column_int64(q, 1) };
	sqlite3_finalize(q);
	return row < 0 ? row : 0;
}
