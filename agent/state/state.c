#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "loop/lane.h"
#include "state/change.h"
#include "state/slots.h"

/* Of state.max: parked records have a quarter, positions and what SQLite adds a sixteenth, the spool the rest. */
enum { PARKED_SHARE = 4, POSITIONS_SHARE = 16 };
/* Routes of all configurations since the spool was empty: more are not ours. */
enum { SPOOL_KEYS_MAX = 1000 };

/* Bytes of payload in the spool, of one key. */
struct spool_key {
	struct spool_key *next;
	char *key;
	uint64_t bytes;
};

/*
 * Invariant: `writing` is what the lane has; the loop touches `database` only before the lane's first job and after
 * its last. Counts and bytes are the loop's, and include what is on its way to the disk.
 */
struct state {
	struct lane *disk;
	struct path_folder folder;
	struct database database;
	struct slots *slots;
	struct spool_key *keys;
	size_t key_count;
	uint64_t id, max, set_aside, damaged;
	uint64_t generation;
	uint64_t generation_saved, commits; /* what the transaction under way saves */
	enum state_loss loss;
	uint64_t spool_id, spool_rows, spool_bytes, parked_count, parked_bytes;
	struct state_change *waiting, **waiting_last;
	struct state_change *writing;
	struct job job;
	int lock;
	bool corrupt; /* seen while running: to be looked at by the next start */
	int trouble; /* of the last commit; 0 or -errno */
	uint64_t failures;
	void (*tell)(void *, const struct state *);
	void (*tell_damaged)(void *, const char *key, uint64_t id, const struct ledger_amount *);
	void *context;
};

static const char database_name[] = "state.db";

static void write_changes(struct job *job);
static void changes_written(struct job *job);

/* Opening. */

static int name_holder(int lock, const char *path, char *why, size_t room)
{
	char pid[32] = "";

	if (pread(lock, pid, sizeof pid - 1, 0) < 0)
		pid[0] = '\0';
	snprintf(why, room, "%s is in use by a running agent, pid %s; give each agent a state of its own", path, pid);
	return -EBUSY;
}

static int lock_folder(struct state *s, const char *path, char *why, size_t room)
{
	char pid[32];
	int length = snprintf(pid, sizeof pid, "%d", getpid());

	s->lock = path_ours_open(s->folder.fd, "lock", O_RDWR | O_CREAT);
	if (s->lock < 0) {
		snprintf(why, room, "cannot use %s/lock: %s", path, path_why(s->lock));
		return s->lock;
	}
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return name_holder(s->lock, path, why, room);
	/* The pid is for people: a full disk is no reason not to start. */
	if ((ftruncate(s->lock, 0) == 0 || errno == ENOSPC) &&
		(pwrite(s->lock, pid, (size_t)length, 0) == length || errno == ENOSPC))
		return 0;
	length = errno;
	snprintf(why, room, "cannot write %s/lock: %s", path, strerror(length));
	return -length;
}

static struct spool_key *find_key(struct state *s, const char *key)
{
	struct spool_key *k = s->keys;

	while (k && strcmp(k->key, key) != 0)
		k = k->next;
	if (k)
		return k;
	k = oxp_new(sizeof *k);
	k->key = oxp_strdup(key);
	k->next = s->keys;
	s->keys = k;
	s->key_count++;
	return k;
}

static void forget_keys(struct state *s)
{
	for (struct spool_key *k; (k = s->keys);) {
		s->keys = k->next;
		free(k->key);
		free(k);
	}
	s->key_count = s->spool_bytes = 0;
}

/* Lengths stand in a row's head, so no payload is read. For GROUP BY, or anything else that sorts, SQLite would take
 * all of them into memory. */
static int read_spool_bytes(struct state *s)
{
	sqlite3_stmt *q;
	int row = 1;
	int failed = database_errno(
		sqlite3_prepare_v2(s->database.db, "SELECT key, length(payload), id FROM spool", -1, &q, NULL));

	while (!failed && (row = database_row(q)) > 0) {
		const char *text = (const char *)sqlite3_column_text(q, 0);
		uint64_t bytes = (uint64_t)sqlite3_column_int64(q, 1), id = (uint64_t)sqlite3_column_int64(q, 2);
		struct spool_key *key = find_key(s, text ? text : "");
		key->bytes += bytes;
		s->spool_bytes += bytes;
		s->spool_id = id > s->spool_id ? id : s->spool_id;
		failed = s->key_count > SPOOL_KEYS_MAX ? -EBADMSG : 0;
	}
	sqlite3_finalize(q);
	return failed ? failed : row;
}

static int read_numbers(struct state *s)
{
	const struct {
		const char *sql;
		uint64_t *number;
	} rows[] = {
		{ "SELECT value FROM meta WHERE name = 'id'", &s->id },
		{ "SELECT value FROM meta WHERE name = 'generation'", &s->generation },
		{ "SELECT value FROM meta WHERE name = 'commits'", &s->commits },
		{ "SELECT count(*) FROM spool WHERE parts > 0", &s->spool_rows },
		{ "SELECT count(*) FROM parked", &s->parked_count },
		{ "SELECT coalesce(sum(length(payload)), 0) FROM parked", &s->parked_bytes },
	};
	int failed = parked_recover(&s->database);

	for (size_t i = 0; i < COUNT_OF(rows) && !failed; i++)
		failed = database_number(&s->database, rows[i].sql, rows[i].number);
	s->parked_bytes += s->parked_count * STATE_PARKED_ROW;
	return failed ? failed : read_spool_bytes(s);
}

static int open_once(struct state *s)
{
	int failed = database_open(&s->database, &s->folder, database_name, s->max);

	failed = failed ? failed : read_numbers(s);
	return failed == -ENOENT ? -EBADMSG : failed; /* a row that belongs there is missing */
}

static int open_database(struct state *s, const char *path, char *why, size_t room)
{
	int failed = open_once(s);

	if (failed == -EBADMSG) {
		database_close(&s->database, false);
		forget_keys(s);
		s->set_aside++;
		failed = path_ours_set_aside(s->folder.fd, database_name);
		failed = failed ? failed : open_once(s);
	}
	if (failed == -EPROTO)
		snprintf(why, room, "%s/%s was written by a newer oxpecker: run that, or give another path", path,
			database_name);
	else
		snprintf(why, room, "cannot use %s/%s: %s", path, database_name, path_why(failed));
	return failed;
}

/* What the ledger knows of the database, held against it. */
static enum state_loss compare(struct state *s, enum slots_found found)
{
	struct slots_known known = slots_known(s->slots);

	if (known.id == 0)
		return found == SLOTS_NEW && s->commits > 0 ? STATE_NO_LEDGER : STATE_NO_LOSS;
	if (s->database.made)
		return STATE_EMPTY;
	if (known.id != s->database.found_id)
		return STATE_OTHER;
	if (known.commits <= s->commits)
		return STATE_NO_LOSS;
	/* Numbers are used once: what was sent under those that it does not know has them. */
	s->generation = known.generation > s->generation ? known.generation : s->generation;
	s->commits = known.commits;
	return STATE_OLDER;
}

/* The ledger is told, with what is on disk by now. */
static void know(struct state *s)
{
	struct slots_known known = slots_known(s->slots);

	known.id = s->id;
	known.commits = s->commits;
	known.generation = s->generation_saved > known.generation ? s->generation_saved : known.generation;
	slots_know(s->slots, &known);
}

static int open_slots(struct state *s, const char *path, char *why, size_t room)
{
	bool aside = s->set_aside > 0;
	enum slots_found found;
	int failed = slots_open(&s->folder, "ledger", &s->slots, &found);

	if (failed) {
		snprintf(why, room, "cannot use %s/ledger: %s", path, path_why(failed));
		return failed;
	}
	s->set_aside += found == SLOTS_SET_ASIDE;
	s->loss = aside ? STATE_NO_LOSS : compare(s, found);
	know(s);
	return 0;
}

int state_open(const struct state_options *o, struct state **ret, char *why, size_t room)
{
	struct state *s = oxp_new(sizeof *s);
	int failed = path_folder_open(o->path, true, &s->folder);

	s->disk = o->disk;
	s->max = o->max;
	s->tell = o->trouble;
	s->tell_damaged = o->damaged;
	s->context = o->context;
	s->lock = -1;
	s->waiting_last = &s->waiting;
	s->job = (struct job){ .work = write_changes, .done = changes_written };
	snprintf(why, room, "cannot use %s: %s", o->path, path_why(failed));
	failed = failed ? failed : lock_folder(s, o->path, why, room);
	failed = failed ? failed : open_database(s, o->path, why, room);
	failed = failed ? failed : open_slots(s, o->path, why, room);
	if (failed)
		state_close(s);
	else
		*ret = s;
	return failed;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	OXP_ASSERT(!s->writing && !s->waiting);
	database_close(&s->database, !s->corrupt);
	slots_close(s->slots);
	if (s->lock >= 0)
		close(s->lock);
	path_folder_close(&s->folder);
	forget_keys(s);
	free(s);
}

uint64_t state_id(const struct state *s)
{
	return s->id;
}

bool state_is_copy(const struct state *s)
{
	return s->database.copied;
}

enum state_loss state_loss(const struct state *s)
{
	return s->loss;
}

uint64_t state_store_known(const struct state *s)
{
	return slots_known(s->slots).store;
}

void state_store_know(struct state *s, uint64_t id)
{
	struct slots_known known = slots_known(s->slots);

	known.store = id;
	slots_know(s->slots, &known);
}

uint64_t state_set_aside(const struct state *s)
{
	return s->set_aside;
}

int state_trouble(const struct state *s)
{
	return s->trouble;
}

uint64_t state_failures(const struct state *s)
{
	return s->failures;
}

uint64_t state_spool_bytes_all(const struct state *s)
{
	return s->spool_bytes;
}

uint64_t state_generation_next(struct state *s)
{
	return ++s->generation;
}

struct ledger_terms *state_slot(struct state *s, const char *key)
{
	return slots_find(s->slots, key);
}

uint64_t state_spool_damaged(const struct state *s)
{
	return s->damaged;
}

uint64_t state_parked_count(const struct state *s)
{
	return s->parked_count;
}

uint64_t state_parked_bytes(const struct state *s)
{
	return s->parked_bytes;
}

uint64_t state_parked_max(const struct state *s)
{
	return s->max / PARKED_SHARE;
}

uint64_t state_spool_bytes(const struct state *s, const char *key)
{
	for (const struct spool_key *k = s->keys; k; k = k->next)
		if (strcmp(k->key, key) == 0)
			return k->bytes;
	return 0;
}

void state_spool_keys(const struct state *s, void (*visit)(void *, const char *key, uint64_t bytes), void *context)
{
	for (const struct spool_key *k = s->keys; k; k = k->next)
		visit(context, k->key, k->bytes);
}

/* Loading. */

static void visit_position(sqlite3_stmt *q, void (*visit)(void *, const struct position *), void *context)
{
	const char *path = (const char *)sqlite3_column_text(q, 10);

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
			       .path = path ? path : "" });
}

int state_positions_load(
	struct state *s, const char *collector, void (*visit)(void *, const struct position *), void *context)
{
	sqlite3_stmt *q;
	int row;
	int failed = database_errno(sqlite3_prepare_v2(s->database.db,
		"SELECT generation, dev, inode, birth_ns, head_hash, head_size, offset,"
		" before_hash, before_size, head_at, path"
		" FROM positions WHERE collector = ?",
		-1, &q, NULL));

	OXP_ASSERT(!s->writing); /* the lane has the database then */
	if (failed)
		return failed;
	sqlite3_bind_text(q, 1, collector, -1, SQLITE_STATIC);
	while ((row = database_row(q)) > 0)
		visit_position(q, visit, context);
	sqlite3_finalize(q);
	return row;
}

bool state_ledger_load(struct state *s, const char *key, struct ledger_terms *ret)
{
	sqlite3_stmt *q;
	bool found;

	OXP_ASSERT(!s->writing); /* the lane has the database then */
	if (sqlite3_prepare_v2(s->database.db, "SELECT terms FROM ledger WHERE key = ?", -1, &q, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
	found = sqlite3_step(q) == SQLITE_ROW && sqlite3_column_bytes(q, 0) == sizeof *ret;
	if (found)
		memcpy(ret, sqlite3_column_blob(q, 0), sizeof *ret);
	sqlite3_finalize(q);
	return found;
}

/* A payload that is not there any more. */
static void lower(struct state *s, const char *key, uint64_t bytes)
{
	s->spool_rows--;
	s->spool_bytes -= bytes;
	find_key(s, key)->bytes -= bytes;
}

struct ledger_amount state_parked_sum(struct state *s, const char *signal, const char *source, const char *destination)
{
	const char *const texts[] = { signal, source, destination };
	struct ledger_amount sum = { 0, 0 };
	sqlite3_stmt *q;

	OXP_ASSERT(!s->writing); /* the lane has the database then */
	if (sqlite3_prepare_v2(s->database.db,
		    "SELECT sum(records), sum(length(payload)) FROM parked"
		    " WHERE signal = ? AND source = ? AND destination = ?",
		    -1, &q, NULL) != SQLITE_OK)
		return sum;
	for (int i = 0; i < (int)COUNT_OF(texts); i++)
		sqlite3_bind_text(q, 1 + i, texts[i], -1, SQLITE_STATIC);
	if (database_row(q) > 0)
		sum = (struct ledger_amount){ (uint64_t)sqlite3_column_int64(q, 0),
			(uint64_t)sqlite3_column_int64(q, 1) };
	sqlite3_finalize(q);
	return sum;
}

/* A damaged payload at start. When the disk has no room for moving it, it stays, and the next start finds it again. */
static void move_aside(struct state *s, uint64_t id)
{
	struct state_change *c = state_change_new();
	struct op *op = change_add(c, OP_SET_ASIDE, "");
	int failed = database_run(&s->database, "BEGIN IMMEDIATE");

	op->id = id;
	failed = failed ? failed : op_run(&s->database, op);
	failed = failed ? failed : database_run(&s->database, "COMMIT");
	if (failed)
		database_run(&s->database, "ROLLBACK");
	else if (op->gone)
		lower(s, op->key, op->freed);
	s->damaged++;
	state_change_free(c);
}

int state_spool_load(struct state *s, const char *key,
	bool (*visit)(void *, uint64_t id, const struct ledger_amount *, struct bytes payload), void *context,
	uint64_t *ret_damaged)
{
	struct spool_row row = { .found = true };
	bool more = true;
	int failed = 0;

	OXP_ASSERT(!s->writing); /* the lane has the database then */
	*ret_damaged = 0;
	while (more && !failed && row.found) {
		failed = spool_read(&s->database, key, row.id, &row);
		if (failed || !row.found)
			break;
		if (row.sound) {
			more = visit(context, row.id, &row.amount, buffer_bytes(&row.payload));
			continue;
		}
		move_aside(s, row.id);
		++*ret_damaged;
	}
	spool_row_done(&row);
	return failed;
}

/* In the disk lane from here. */

static int run_change(struct database *d, struct state_change *c)
{
	bool grows = false;
	int failed = 0, owned;

	if (c->refused)
		return 0;
	for (struct op *op = c->first; op && !failed; op = op->next) {
		failed = op_run(d, op);
		grows = grows || op->kind == OP_SPOOL || op->kind == OP_PARK;
	}
	owned = failed ? failed : database_own(d);
	return grows ? owned : failed; /* positions go on with what is owned already */
}

static int save_numbers(struct state *s)
{
	sqlite3_stmt *q = database_statement(&s->database, PUT_NUMBERS);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)s->generation_saved);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)s->commits);
	return database_finish(q);
}

int state_generation_save(struct state *s)
{
	int failed;

	OXP_ASSERT(!s->writing);
	s->generation_saved = s->generation;
	s->commits++;
	failed = save_numbers(s);
	if (!failed)
		know(s);
	return failed;
}

/* Changes from one up to another, which may be NULL, as one transaction. */
static int transact(struct state *s, struct state_change *from, const struct state_change *until)
{
	int failed = database_run(&s->database, "BEGIN IMMEDIATE");

	for (struct state_change *c = from; c != until && !failed; c = c->next)
		failed = run_change(&s->database, c);
	failed = failed ? failed : save_numbers(s);
	failed = failed ? failed : database_run(&s->database, "COMMIT");
	if (failed)
		database_run(&s->database, "ROLLBACK");
	for (struct state_change *c = from; c != until; c = c->next)
		c->failed = c->refused ? c->refused : failed;
	return failed;
}

/* All together; when that fails, each alone. */
static void write_all(struct state *s)
{
	if (transact(s, s->writing, NULL) == 0 || !s->writing->next)
		return;
	for (struct state_change *c = s->writing; c; c = c->next)
		if (!c->refused)
			c->failed = transact(s, c, c->next);
}

static uint64_t bytes_in(const struct state_change *c)
{
	uint64_t bytes = 0;

	for (const struct op *op = c->first; op; op = op->next)
		bytes += op->kind == OP_SPOOL || op->kind == OP_PARK ? op->size : 0;
	return bytes;
}

static void write_changes(struct job *job)
{
	struct state *s = CONTAINER_OF(job, struct state, job);

	write_all(s);
	for (const struct state_change *c = s->writing; c; c = c->next)
		if (!c->refused && c->failed == -ENOSPC)
			database_starve(&s->database, bytes_in(c));
}

/* On the loop again. */

static int admit_spool(struct state *s, struct op *op)
{
	uint64_t ceiling = s->max - s->max / PARKED_SHARE - s->max / POSITIONS_SHARE;

	if (op->size > STATE_SPOOL_PAYLOAD_MAX)
		return -E2BIG;
	if (s->spool_bytes + op->size + (s->spool_rows + 1) * STATE_SPOOL_ROW > ceiling)
		return -ENOSPC;
	op->id = s->spool_id + 1;
	s->spool_id += spool_parts(op->size);
	s->spool_rows++;
	s->spool_bytes += op->size;
	find_key(s, op->key)->bytes += op->size;
	if (op->ret_id)
		*op->ret_id = op->id;
	return 0;
}

static int admit_parked(struct state *s, const struct op *op)
{
	if (op->size > STATE_PAYLOAD_MAX)
		return -E2BIG;
	if (s->parked_bytes + op->size + STATE_PARKED_ROW > state_parked_max(s))
		return -ENOSPC;
	s->parked_bytes += op->size + STATE_PARKED_ROW;
	s->parked_count++;
	return 0;
}

static int admit_op(struct state *s, struct op *op)
{
	if (op->kind == OP_SPOOL)
		return admit_spool(s, op);
	return op->kind == OP_PARK ? admit_parked(s, op) : 0;
}

/* What had been counted in advance is not there. */
static void dismiss_op(struct state *s, const struct op *op)
{
	if (op->kind == OP_SPOOL)
		lower(s, op->key, op->size);
	if (op->kind == OP_PARK) {
		s->parked_bytes -= op->size + STATE_PARKED_ROW;
		s->parked_count--;
	}
}

/* What it found, and not what was counted in advance. */
static void settle_op(struct state *s, const struct op *op)
{
	if ((op->kind == OP_UNSPOOL || op->kind == OP_SET_ASIDE) && op->gone)
		lower(s, op->key, op->freed);
	if (op->kind == OP_PARK && op->again)
		dismiss_op(s, op);
	if (op->kind == OP_UNPARK && op->freed) {
		s->parked_bytes -= op->freed;
		s->parked_count--;
	}
}

/* Counts what the change brings before it is written; a ceiling refuses all of it. */
static void admit(struct state *s, struct state_change *c)
{
	struct op *op = c->first;

	while (op && !(c->refused = admit_op(s, op)))
		op = op->next;
	if (c->refused)
		for (struct op *undo = c->first; undo != op; undo = undo->next)
			dismiss_op(s, undo);
}

static void settle(struct state *s, const struct state_change *c)
{
	s->corrupt = s->corrupt || c->failed == -EBADMSG;
	for (const struct op *op = c->first; op && !c->refused; op = op->next)
		if (c->failed)
			dismiss_op(s, op);
		else
			settle_op(s, op);
}

static void write_next(struct state *s)
{
	int failed;

	if (s->writing || !s->waiting)
		return;
	s->writing = s->waiting;
	s->generation_saved = s->generation;
	s->commits++;
	s->waiting = NULL;
	s->waiting_last = &s->waiting;
	failed = lane_run(s->disk, &s->job);
	if (!failed)
		return;
	for (struct state_change *c = s->writing; c; c = c->next)
		c->failed = failed;
	changes_written(&s->job);
}

/* Of what was just written. A positions' commit that worked is no sign of room: it may have needed no new block. */
static void look_for_trouble(struct state *s)
{
	int before = s->trouble;
	bool any = false;

	s->trouble = s->database.starved;
	for (const struct state_change *c = s->writing; c; c = c->next) {
		int failed = c->refused ? 0 : c->failed;
		any = any || (!c->refused && !c->failed);
		s->failures += failed != 0;
		s->trouble = failed ? failed : s->trouble;
	}
	if (any)
		know(s);
	if (s->tell && s->trouble != before)
		s->tell(s->context, s);
}

static void changes_written(struct job *job)
{
	struct state *s = CONTAINER_OF(job, struct state, job);
	struct state_change *c, *all = s->writing;

	look_for_trouble(s);
	s->writing = NULL;
	while ((c = all)) {
		all = c->next;
		settle(s, c);
		c->done(c->context, c->failed);
		state_change_free(c);
	}
	write_next(s);
}

void state_commit(struct state *s, struct state_change **change, void (*done)(void *, int failed), void *context)
{
	struct state_change *c = *change;

	*change = NULL;
	c->done = done;
	c->context = context;
	c->next = NULL;
	admit(s, c);
	*s->waiting_last = c;
	s->waiting_last = &c->next;
	write_next(s);
}

/* The spool and parked records, as changes. */

void state_spool_put(struct state *s, const char *key, const struct state_payload *payload,
	void (*done)(void *, int failed), void *context)
{
	struct state_change *c = state_change_new();

	state_change_spool(c, key, payload);
	state_commit(s, &c, done, context);
}

void state_spool_drop(
	struct state *s, const uint64_t *ids, size_t count, void (*done)(void *, int failed), void *context)
{
	struct state_change *c = state_change_new();

	for (size_t i = 0; i < count; i++)
		state_change_unspool(c, ids[i]);
	state_commit(s, &c, done, context);
}

void state_park(struct state *s, const struct state_parked *records, size_t count, void (*done)(void *, int failed),
	void *context)
{
	struct state_change *c = state_change_new();

	for (size_t i = 0; i < count; i++)
		state_change_park(c, &records[i]);
	state_commit(s, &c, done, context);
}

struct list {
	struct op *op; /* of the change under way */
	void (*done)(void *, const struct state_parked_page *);
	void *context;
};

static void on_listed(void *context, int failed)
{
	struct list *l = context;
	const struct parked_rows *found = &l->op->parked;

	l->done(l->context,
		&(struct state_parked_page){
			.failed = failed, .records = found->rows, .count = found->count, .last = found->last });
	free(l);
}

void state_parked_read(struct state *s, const struct state_parked_query *query,
	void (*done)(void *, const struct state_parked_page *), void *context)
{
	struct state_change *c = state_change_new();
	struct list *l = oxp_new(sizeof *l);

	*l = (struct list){ .op = change_add(c, OP_LIST, query->destination ? query->destination : ""),
		.done = done,
		.context = context };
	l->op->query = *query;
	l->op->query.destination = NULL;
	state_commit(s, &c, on_listed, l);
}

struct take {
	struct state *state;
	struct op *op; /* of the change under way */
	void (*done)(void *, const struct state_spooled *);
	void *context;
};

static void on_moved_aside(void *context, int failed)
{
	(void)context, (void)failed; /* when it failed, the next start finds it again */
}

static void on_taken(void *context, int failed);

static void take_next(struct take *t, const char *key, uint64_t after)
{
	struct state_change *c = state_change_new();

	t->op = change_add(c, OP_TAKE, key);
	t->op->id = after;
	state_commit(t->state, &c, on_taken, t);
}

static void pass_damaged(struct take *t)
{
	struct state_change *c = state_change_new();
	const struct op *taken = t->op;

	t->state->damaged++;
	if (t->state->tell_damaged)
		t->state->tell_damaged(t->state->context, taken->key, taken->row.id, &taken->row.amount);
	change_add(c, OP_SET_ASIDE, "")->id = taken->row.id;
	state_commit(t->state, &c, on_moved_aside, NULL);
	take_next(t, taken->key, taken->row.id);
}

static void on_taken(void *context, int failed)
{
	struct take *t = context;
	const struct spool_row *row = &t->op->row;

	if (!failed && row->found && !row->sound) {
		pass_damaged(t);
		return;
	}
	t->done(t->context, &(struct state_spooled){
				    .failed = failed ? failed : row->found ? 0 : -ENOENT,
				    .id = row->id,
				    .amount = row->amount,
				    .payload = buffer_bytes(&row->payload),
				    .meta = buffer_bytes(&row->meta),
			    });
	free(t);
}

void state_spool_take(struct state *s, const char *key, uint64_t after,
	void (*done)(void *, const struct state_spooled *), void *context)
{
	struct take *t = oxp_new(sizeof *t);

	*t = (struct take){ .state = s, .done = done, .context = context };
	take_next(t, key, after);
}
