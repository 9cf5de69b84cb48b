#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/lane.h"
#include "state/lock.h"
#include "state/names.h"
#include "state/parked_rows.h"
#include "state/positions.h"
#include "state/restore.h"
#include "state/slots.h"
#include "state/spooled.h"
#include "state/transaction.h"
#include "state/usage.h"

/*
 * Invariant: `writing` belongs to the lane. The loop uses `database` only before the lane's first job and after its
 * last.
 */
struct state {
	struct lane *disk;
	struct busy_db busy;
	struct path_folder folder;
	struct database database;
	struct slots *slots;
	struct usage usage;
	uint64_t id, set_aside, damaged;
	uint64_t generation; /* the last number that was given out */
	struct transaction_numbers saved; /* saved by the transaction under way */
	enum state_loss loss;
	struct state_change *waiting, **waiting_last;
	struct state_change *writing;
	struct job job;
	struct job look;
	bool looking;
	char *path; /* as it is configured */
	/* What each of the two jobs found missing; the lane's while that job runs. NULL: nothing. */
	const char *missing_at_write, *missing_at_look;
	const char *missing; /* what was told last */
	int lock;
	bool corrupt; /* damage was seen, which the next start looks at */
	int trouble; /* of the last commit; 0 or -errno */
	char holder[BUSY_DB_HOLDER + 32]; /* of -EBUSY */
	uint64_t failures;
	void (*tell)(void *, const struct state *);
	void (*disturbed)(void *, const struct state *, enum state_disturbance);
	void (*tell_damaged)(void *, const char *key, uint64_t id, const struct ledger_amount *);
	void *context;
};

static const char database_name[] = "state.db";

static void write_changes(struct job *job);
static void changes_written(struct job *job);
static void look_at_names(struct job *job);
static void looked_at_names(struct job *job);

/* Opening. */

static int read_numbers(struct state *s)
{
	const struct {
		const char *sql;
		uint64_t *number;
	} rows[] = {
		{ "SELECT value FROM meta WHERE name = 'id'", &s->id },
		{ "SELECT value FROM meta WHERE name = 'generation'", &s->saved.generation },
		{ "SELECT value FROM meta WHERE name = 'commits'", &s->saved.commits },
	};
	uint64_t parked = 0, spooled = 0;
	int failed = parked_recover(&s->database, &parked);

	for (size_t i = 0; i < COUNT_OF(rows) && !failed; i++)
		failed = database_number(&s->database, rows[i].sql, rows[i].number);
	if (!failed && (s->saved.generation < DATABASE_AHEAD || s->saved.generation > STATE_GENERATION_MAX))
		failed = -EBADMSG;
	s->generation = s->saved.generation - DATABASE_AHEAD;
	if (!failed)
		failed = spooled_recover(&s->database, &spooled);
	s->damaged += parked + spooled;
	if (failed)
		return failed;
	return usage_read(&s->usage, &s->database);
}

static int open_once(struct state *s)
{
	int failed = database_open(&s->database, &s->folder, database_name, s->usage.max);

	if (failed == -EBUSY)
		database_find_holder(&s->database);
	if (!failed)
		failed = read_numbers(s);
	return failed == -ENOENT ? -EBADMSG : failed; /* a row that every database has is missing */
}

static int open_database(struct state *s, const char *path, char *why, size_t room)
{
	int failed = open_once(s);

	if (failed == -EBADMSG) {
		database_close(&s->database, false);
		usage_forget(&s->usage);
		s->set_aside++;
		failed = path_ours_set_aside(s->folder.fd, database_name);
		if (!failed)
			failed = open_once(s);
	}
	if (failed == -EPROTO)
		snprintf(why, room, "%s/%s was written by a newer oxpecker: run that one, or give another path", path,
			database_name);
	else if (failed == -EBUSY && s->database.holder[0])
		snprintf(why, room, "cannot use %s/%s: %s", path, database_name, s->database.holder);
	else
		snprintf(why, room, "cannot use %s/%s: %s", path, database_name, path_why(failed));
	return failed;
}

/* Compares the database with what the ledger knows of it. */
static enum state_loss compare(struct state *s, enum slots_found found)
{
	struct slots_known known = slots_known(s->slots);

	if (known.id == 0)
		return found == SLOTS_NEW && s->saved.commits > 0 ? STATE_NO_LEDGER : STATE_NO_LOSS;
	if (s->database.made)
		return STATE_EMPTY;
	if (known.id != s->database.found_id)
		return STATE_OTHER;
	/* A number is used once. Records were already sent under the numbers that the database does not know. */
	if (known.generation > s->generation && known.generation <= STATE_GENERATION_MAX)
		s->generation = known.generation;
	if (known.commits <= s->saved.commits)
		return STATE_NO_LOSS;
	s->saved.commits = known.commits;
	return STATE_OLDER;
}

/* Tells the ledger what is on disk now. */
static void know(struct state *s)
{
	struct slots_known known = slots_known(s->slots);

	known.id = s->id;
	known.commits = s->saved.commits;
	known.generation = s->saved.generation > known.generation ? s->saved.generation : known.generation;
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
	s->usage.max = o->max;
	database_init(&s->database, &s->busy, o->fits);
	s->tell = o->trouble;
	s->disturbed = o->disturbed;
	s->tell_damaged = o->damaged;
	s->context = o->context;
	s->lock = -1;
	s->waiting_last = &s->waiting;
	s->job = (struct job){ .work = write_changes, .done = changes_written };
	s->look = (struct job){ .work = look_at_names, .done = looked_at_names };
	s->path = oxp_strdup(o->path);
	snprintf(why, room, "cannot use %s: %s", o->path, path_why(failed));
	if (!failed)
		failed = lock_take(&s->folder, o->path, &s->lock, why, room);
	if (!failed)
		failed = restore_finish(&s->folder, o->path, why, room);
	if (!failed)
		failed = open_database(s, o->path, why, room);
	if (!failed)
		failed = open_slots(s, o->path, why, room);
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
	OXP_ASSERT(!s->writing && !s->waiting && !s->looking);
	if (s->slots)
		slots_save(s->slots);
	database_close(&s->database, !s->corrupt);
	slots_close(s->slots);
	if (s->lock >= 0)
		close(s->lock);
	path_folder_close(&s->folder);
	usage_forget(&s->usage);
	free(s->path);
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

const char *state_trouble_holder(const struct state *s)
{
	return s->trouble == -EBUSY ? s->holder : "";
}

void state_hurry(struct state *s)
{
	if (s)
		busy_db_hurry(&s->busy);
}

int state_trouble(const struct state *s)
{
	return s->trouble;
}

const char *state_missing(const struct state *s)
{
	return s->missing ? s->missing : "";
}

uint64_t state_failures(const struct state *s)
{
	return s->failures;
}

uint64_t state_spool_bytes_all(const struct state *s)
{
	return s->usage.spool_bytes;
}

uint64_t state_generation_next(struct state *s)
{
	return ++s->generation;
}

struct ledger_terms *state_slot(struct state *s, const char *key)
{
	return slots_find(s->slots, key);
}

void state_slots_save(struct state *s)
{
	slots_save(s->slots);
}

uint64_t state_spool_damaged(const struct state *s)
{
	return s->damaged;
}

uint64_t state_parked_count(const struct state *s)
{
	return s->usage.parked_count;
}

uint64_t state_parked_bytes(const struct state *s)
{
	return s->usage.parked_bytes;
}

uint64_t state_parked_max(const struct state *s)
{
	return usage_parked_max(&s->usage);
}

void state_spool_keys(const struct state *s, void (*visit)(void *, const char *key, uint64_t bytes), void *context)
{
	usage_spool_keys(&s->usage, visit, context);
}

/* Loading, before the lane owns the database. */

/* A large database is not checked at each start. If loading finds damage, the next start checks it. */
static int note_damage(struct state *s, int found)
{
	s->corrupt = s->corrupt || found == -EBADMSG;
	return found;
}

int state_positions_load(
	struct state *s, const char *collector, void (*visit)(void *, const struct position *), void *context)
{
	OXP_ASSERT(!s->writing);
	return note_damage(s, positions_read(&s->database, collector, visit, context));
}

bool state_ledger_load(struct state *s, const char *key, struct ledger_terms *ret)
{
	OXP_ASSERT(!s->writing);
	return note_damage(s, saved_ledger_read(&s->database, key, ret)) > 0;
}

struct ledger_amount state_parked_sum(struct state *s, const char *signal, const char *source, const char *destination)
{
	struct ledger_amount sum = { 0, 0 };

	OXP_ASSERT(!s->writing);
	note_damage(s, parked_sum(&s->database, signal, source, destination, &sum));
	return sum;
}

/* Sets aside a payload that a start found damaged. If the disk has no room to move it, it stays, and the next start
 * finds it again. */
static bool move_aside(struct state *s, uint64_t id)
{
	bool moved;
	struct state_change *c = state_change_new();
	struct op *op = op_add(c, OP_SET_ASIDE, "");

	op_row(op)->id = id;
	c->failed = transaction_run_one(&s->database, op);
	usage_correct(&s->usage, c);
	s->damaged++;
	moved = !c->failed;
	state_change_free(c);
	return moved;
}

int state_spool_load(struct state *s, const char *key,
	bool (*visit)(void *, uint64_t id, const struct ledger_amount *, struct bytes payload), void *context,
	uint64_t *ret_damaged)
{
	struct spool_row row = { .found = true };
	bool more = true;
	int failed = 0;

	OXP_ASSERT(!s->writing);
	*ret_damaged = 0;
	while (more && !failed && row.found) {
		failed = spooled_read(&s->database, key, row.id, &row);
		if (failed || !row.found)
			break;
		*ret_damaged += !row.sound;
		if (!row.sound && !move_aside(s, row.id))
			continue;
		more = visit(context, row.id, &row.amount,
			row.sound ? buffer_bytes(&row.payload) : (struct bytes){ NULL, 0 });
	}
	spool_row_done(&row);
	return note_damage(s, failed);
}

int state_generation_save(struct state *s)
{
	int failed;

	OXP_ASSERT(!s->writing);
	if (s->generation <= s->saved.generation)
		return 0;
	s->saved.generation = s->generation;
	s->saved.commits++;
	failed = transaction_save_numbers(&s->database, &s->saved);
	if (!failed)
		know(s);
	return failed;
}

/* The ledger's file. */

static void keep_slots(struct state *s)
{
	if (slots_mend(s->slots) > 0 && s->disturbed)
		s->disturbed(s->context, s, STATE_LEDGER_CUT);
	slots_save(s->slots);
}

/* Names. */

/* Runs in the disk lane. Removing `lock` lets another agent in. */
static const char *look_for_missing(const struct state *s)
{
	const struct names_file files[] = { { database_name, s->database.file }, { "state.db-wal", s->database.wal },
		{ "ledger", slots_file(s->slots) }, { "lock", s->lock }, { NULL, -1 } };

	return names_missing(s->path, &s->folder, files);
}

static void tell_missing(struct state *s, const char *missing)
{
	bool told = missing == s->missing;

	s->missing = missing;
	if (!told && s->disturbed)
		s->disturbed(s->context, s, missing ? STATE_GONE : STATE_BACK);
}

static void look_at_names(struct job *job)
{
	struct state *s = CONTAINER_OF(job, struct state, look);

	s->missing_at_look = look_for_missing(s);
}

static void looked_at_names(struct job *job)
{
	struct state *s = CONTAINER_OF(job, struct state, look);

	s->looking = false;
	tell_missing(s, s->missing_at_look);
}

void state_look(struct state *s)
{
	keep_slots(s);
	if (!s->looking)
		s->looking = lane_run(s->disk, &s->look) == 0;
}

/* Writing. */

/* Runs in the disk lane. */
static void write_changes(struct job *job)
{
	struct state *s = CONTAINER_OF(job, struct state, job);

	s->missing_at_write = look_for_missing(s);
	s->database.nameless = s->missing_at_write != NULL;
	transaction_run(&s->database, s->writing, &s->saved);
}

static void write_next(struct state *s)
{
	int failed;

	if (s->writing || !s->waiting) {
		slots_save(s->slots);
		return;
	}
	keep_slots(s);
	s->writing = s->waiting;
	s->saved.generation = s->generation;
	s->saved.commits++;
	s->waiting = NULL;
	s->waiting_last = &s->waiting;
	failed = lane_run(s->disk, &s->job);
	if (!failed)
		return;
	for (struct state_change *c = s->writing; c; c = c->next)
		c->failed = failed;
	changes_written(&s->job);
}

/* Looks for trouble in the changes just written. A commit of positions that succeeds does not show that there is room:
 * it may have needed no new block. */
static void look_for_trouble(struct state *s)
{
	int before = s->trouble;
	bool any = false;

	s->trouble = s->database.starved;
	if (!s->trouble)
		s->trouble = slots_failed(s->slots);
	for (const struct state_change *c = s->writing; c; c = c->next) {
		any = any || (!c->refused && !c->failed);
		if (c->refused || !c->failed || c->failed == -ESTALE)
			continue;
		s->failures++;
		s->trouble = c->failed;
		if (c->failed == -EBUSY)
			snprintf(s->holder, sizeof s->holder, "%s", s->database.holder);
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
	tell_missing(s, s->missing_at_write);
	s->writing = NULL;
	while ((c = all)) {
		all = c->next;
		s->corrupt = s->corrupt || c->failed == -EBADMSG;
		usage_correct(&s->usage, c);
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
	usage_admit(&s->usage, c);
	*s->waiting_last = c;
	s->waiting_last = &c->next;
	write_next(s);
}

/* The spool and parked records, while the agent runs. */

void state_spool_drop(
	struct state *s, const uint64_t *ids, size_t count, void (*done)(void *, int failed), void *context)
{
	struct state_change *c = state_change_new();

	for (size_t i = 0; i < count; i++)
		state_change_unspool(c, ids[i]);
	state_commit(s, &c, done, context);
}

struct list {
	struct op_list *op; /* of the change under way */
	void (*done)(void *, const struct state_parked_page *);
	void *context;
};

static void on_listed(void *context, int failed)
{
	struct list *l = context;
	const struct parked_rows *found = &l->op->found;

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

	*l = (struct list){ .op = op_list(op_add(c, OP_LIST, query->destination ? query->destination : "")),
		.done = done,
		.context = context };
	l->op->query = *query;
	l->op->query.destination = NULL;
	state_commit(s, &c, on_listed, l);
}

struct take {
	struct state *state;
	struct op_take *op; /* of the change under way */
	void (*done)(void *, const struct state_spooled *);
	void *context;
};

static void on_moved_aside(void *context, int failed)
{
	(void)context, (void)failed; /* if it failed, the next start finds the row again */
}

static void on_taken(void *context, int failed);

static void take_next(struct take *t, const char *key, uint64_t after)
{
	struct state_change *c = state_change_new();

	t->op = op_take(op_add(c, OP_TAKE, key));
	t->op->after = after;
	state_commit(t->state, &c, on_taken, t);
}

static void pass_damaged(struct take *t)
{
	struct state_change *c = state_change_new();
	const struct spool_row *row = &t->op->row;
	const char *key = t->op->op.key;

	t->state->damaged++;
	if (t->state->tell_damaged)
		t->state->tell_damaged(t->state->context, key, row->id, &row->amount);
	op_row(op_add(c, OP_SET_ASIDE, ""))->id = row->id;
	state_commit(t->state, &c, on_moved_aside, NULL);
	take_next(t, key, row->id);
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
				    .failed = failed       ? failed
					      : row->found ? 0
							   : -ENOENT,
				    .id = row->id,
				    .amount = row->amount,
				    .payload = buffer_bytes(&row->payload),
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
