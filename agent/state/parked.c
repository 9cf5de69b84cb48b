/*
 * Parked records as rows of state.db: put, listed, tried again, dropped, and their share of the saved ledger. In the
 * disk lane, but for what another process reads and what a start looks at.
 *
 * A record of a file is kept once, by its place. What a kill left ahead of the saved position is doubtful: it is read
 * again, and either refused again, which makes it certain, or taken, which makes it none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "state/change.h"

enum { PAGE_BYTES = 1 << 20, ROWS_FIRST = 16 };

static const struct bytes no_meta = { NULL, 0 };

static void bind_text(sqlite3_stmt *q, int at, const char *text)
{
	sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC);
}

/* It was parked before a kill, and is refused again now. */
static int know(struct database *d, const struct op *op)
{
	sqlite3_stmt *q = database_statement(d, KNOW_PARKED);

	bind_text(q, 1, op->texts[0]);
	bind_text(q, 2, op->texts[1]);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)op->position.generation);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)op->position.offset);
	return database_finish(q);
}

int parked_put(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, PUT_PARKED);
	struct bytes payload = buffer_bytes(&op->copy);
	const sqlite3_int64 numbers[] = { op->tries, (sqlite3_int64)op->position.generation,
		(sqlite3_int64)op->position.offset, (sqlite3_int64)payload_checksum(payload, no_meta), op->records,
		op->placed };
	int failed;

	sqlite3_bind_int64(q, 1, op->at.ns);
	for (int i = 0; i < OP_TEXTS; i++)
		bind_text(q, 2 + i, op->texts[i]);
	for (int i = 0; i < (int)COUNT_OF(numbers); i++)
		sqlite3_bind_int64(q, 2 + OP_TEXTS + i, numbers[i]);
	sqlite3_bind_blob64(
		q, 2 + OP_TEXTS + COUNT_OF(numbers), payload.size ? payload.data : "", payload.size, SQLITE_STATIC);
	failed = database_finish(q);
	op->again = !failed && sqlite3_changes(d->db) == 0;
	return op->again ? know(d, op) : failed;
}

int parked_delete(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, DELETE_PARKED);
	int row;

	op->freed = 0;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)op->id);
	while ((row = database_row(q)) > 0)
		op->freed = (uint64_t)sqlite3_column_int64(q, 0) + STATE_PARKED_ROW;
	database_finish(q);
	return row;
}

int parked_change(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, CHANGE_PARKED);

	sqlite3_bind_int64(q, 1, op->tries);
	bind_text(q, 2, op->texts[0]);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)op->id);
	return database_finish(q);
}

/* The saved row, changed by so much. */
int ledger_row_move(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, GET_LEDGER);
	int row;

	bind_text(q, 1, op->key);
	row = database_row(q);
	if (row > 0 && sqlite3_column_bytes(q, 0) == sizeof op->terms)
		memcpy(&op->terms, sqlite3_column_blob(q, 0), sizeof op->terms);
	else
		row = row < 0 ? row : 0;
	database_finish(q);
	if (row <= 0)
		return row;
	ledger_move(&op->terms, op->from, op->to, &op->amount);
	q = database_statement(d, PUT_LEDGER);
	bind_text(q, 1, op->key);
	sqlite3_bind_blob64(q, 2, &op->terms, sizeof op->terms, SQLITE_STATIC);
	return database_finish(q);
}

int parked_recover(struct database *d)
{
	int failed = database_finish(database_statement(d, FORGET_DOUBTFUL));

	failed = failed ? failed : database_finish(database_statement(d, DOUBT_PARKED));
	return failed == -ENOSPC ? 0 : failed; /* a full disk is no reason not to start */
}

/* Reading: columns as DATABASE_PARKED names them. */

static const char *column_text(sqlite3_stmt *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q, column);

	return text ? text : "";
}

static struct state_parked row_of(sqlite3_stmt *q)
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
		.damaged = asked && payload_checksum(payload, no_meta) != (uint64_t)sqlite3_column_int64(q, 9),
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

void parked_rows_done(struct parked_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free((char *)rows->rows[i].source);
		free((char *)rows->rows[i].destination);
		free((char *)rows->rows[i].reason);
		free((char *)rows->rows[i].signal);
		free((char *)rows->rows[i].payload.data);
	}
	free(rows->rows);
	*rows = (struct parked_rows){ .rows = NULL };
}

static int keep_row(struct parked_rows *rows, const struct state_parked *r)
{
	size_t room = rows->room ? rows->room * 2 : ROWS_FIRST;
	struct state_parked *grown = rows->rows, *kept;
	char *payload = copy_of(r->payload);

	if (rows->count == rows->room)
		grown = realloc(rows->rows, room * sizeof *grown);
	if (!grown || !payload) {
		rows->rows = grown ? grown : rows->rows;
		free(payload);
		return -ENOMEM;
	}
	rows->room = rows->count == rows->room ? room : rows->room;
	rows->rows = grown;
	kept = &rows->rows[rows->count++];
	*kept = *r;
	kept->source = oxp_strdup(r->source);
	kept->destination = oxp_strdup(r->destination);
	kept->reason = oxp_strdup(r->reason);
	kept->signal = oxp_strdup(r->signal);
	kept->payload.data = payload;
	rows->bytes += r->payload.size;
	return 0;
}

/* Whether the page ends before this row. */
static bool ends_before(const struct op *op, const struct state_parked *r)
{
	const struct parked_rows *page = &op->parked;
	const struct state_parked *first = page->rows;

	if (page->count == 0)
		return false;
	if (page->bytes + r->payload.size > PAGE_BYTES)
		return true;
	return op->query.alike &&
	       (strcmp(first->source, r->source) != 0 || strcmp(first->destination, r->destination) != 0 ||
		       strcmp(first->signal, r->signal) != 0);
}

static int read_page(struct op *op, sqlite3_stmt *q)
{
	int row, failed = 0;

	while ((row = database_row(q)) > 0 && !failed) {
		const struct state_parked r = row_of(q);
		if (ends_before(op, &r))
			break;
		failed = keep_row(&op->parked, &r);
	}
	return row < 0 ? row : failed;
}

int parked_list(struct database *d, struct op *op)
{
	sqlite3_stmt *q = database_statement(d, LAST_PARKED);
	uint64_t until = op->query.until ? op->query.until : INT64_MAX;
	int row = database_row(q);

	parked_rows_done(&op->parked);
	op->parked.last = row > 0 ? (uint64_t)sqlite3_column_int64(q, 0) : 0;
	database_finish(q);
	q = database_statement(d, LIST_PARKED);
	sqlite3_bind_int64(q, 1, op->query.payloads);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)op->query.after);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)until);
	if (op->key[0])
		bind_text(q, 4, op->key);
	sqlite3_bind_int64(q, 5, op->query.alike);
	sqlite3_bind_int64(q, 6, (sqlite3_int64)op->query.rows);
	row = row < 0 ? row : read_page(op, q);
	if (q) {
		sqlite3_reset(q);
		sqlite3_clear_bindings(q);
	}
	return row;
}

static int each_row(sqlite3 *db, void (*visit)(void *, const struct state_parked *), void *context)
{
	sqlite3_stmt *q = NULL;
	int code = sqlite3_prepare_v2(db, DATABASE_PARKED " ORDER BY parked.id", -1, &q, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_int(q, 1, 1);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(q);
		if (code == SQLITE_ROW) {
			const struct state_parked r = row_of(q);
			visit(context, &r);
		}
	}
	sqlite3_finalize(q);
	return code;
}

/* Another process may ask while an agent runs, or after it. */
int state_parked_each(const char *folder, void (*visit)(void *, const struct state_parked *), void *context)
{
	struct path_folder at;
	char name[DATABASE_PATH];
	sqlite3 *db = NULL;
	int code, failed = path_folder_open(folder, false, &at);

	if (failed)
		return failed;
	path_folder_close(&at);
	if ((size_t)snprintf(name, sizeof name, "%s/state.db", at.name) >= sizeof name)
		return -ENAMETOOLONG;
	code = sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
	if (code == SQLITE_OK && database_guard(db) < 0)
		code = SQLITE_CORRUPT;
	if (code == SQLITE_OK)
		code = each_row(db, visit, context);
	sqlite3_close(db);
	return database_errno(code);
}
