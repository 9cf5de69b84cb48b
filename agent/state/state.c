#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "loop/lane.h"

enum { VERSION = 1, PATH_ROOM = 4096, PAGE = 4096, CACHE_KIB = 512, BUSY_MS = 2000 };

static const char schema[] =
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
	"CREATE TABLE positions (collector TEXT, generation INTEGER, dev INTEGER, inode INTEGER, birth_ns INTEGER,"
	" head_hash INTEGER, head_size INTEGER, offset INTEGER, path TEXT, PRIMARY KEY (collector, generation)) "
	"WITHOUT ROWID;"
	"CREATE TABLE ledger (key TEXT PRIMARY KEY, terms BLOB) WITHOUT ROWID;"
	"CREATE TABLE spool (id INTEGER PRIMARY KEY, key TEXT, records INTEGER, bytes INTEGER, checksum INTEGER, "
	"payload BLOB);"
	/* Pages that the file owns and gives to positions when the disk is full. */
	"CREATE TABLE reserve (bytes BLOB); INSERT INTO reserve VALUES (zeroblob(262144)); DROP TABLE reserve;"
	"INSERT INTO meta VALUES ('generation', 0);";

/* The mapped ledger. */
struct slot {
	char key[STATE_KEY_MAX]; /* "" while free */
	struct ledger_terms terms;
};

struct slots {
	char magic[16]; /* "oxpecker ledger" */
	uint32_t version, slot_size, count, unused;
	struct slot slot[STATE_SLOTS];
};

enum op_kind { OP_POSITION, OP_FORGET, OP_LEDGER, OP_SPOOL, OP_UNSPOOL };

struct op {
	struct op *next;
	enum op_kind kind;
	char *key, *path; /* collector, or the ledger's key */
	struct position position;
	struct ledger_terms terms;
	struct ledger_amount amount; /* of OP_SPOOL */
	struct buffer payload;
	uint64_t id; /* of OP_UNSPOOL */
};

/* Also a link in the queue of commits. */
struct state_change {
	struct state_change *next;
	struct op *first, **last;
	void (*done)(void *, int failed);
	void *context;
};

/*
 * Invariant: `writing` is what the lane has; the loop touches db only before the lane's first job and after its last.
 */
struct state {
	struct lane *disk;
	sqlite3 *db;
	struct slots *slots;
	int lock;
	uint64_t id, generation, set_aside;
	uint64_t generation_saved; /* what the transaction under way saves */
	struct state_change *waiting, **waiting_last;
	struct state_change *writing;
	struct job job;
	int failed;
};

static int sqlite_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_READONLY:
		return -EROFS;
	default:
		return -EIO;
	}
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int read_number(sqlite3 *db, const char *sql, uint64_t *ret)
{
	sqlite3_stmt *s;
	int failed = sqlite_errno(sqlite3_prepare_v2(db, sql, -1, &s, NULL));

	if (failed)
		return failed;
	failed = sqlite3_step(s) == SQLITE_ROW ? 0 : -ENOENT;
	if (!failed)
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return failed;
}

/* Opening. */

static int lock_folder(struct state *s, const char *path, char *why, size_t room)
{
	char name[PATH_ROOM], pid[32] = "";

	snprintf(name, sizeof name, "%s/lock", path);
	s->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0) {
		snprintf(why, room, "cannot make %s: %s", name, strerror(errno));
		return -errno;
	}
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		if (pread(s->lock, pid, sizeof pid - 1, 0) < 0)
			pid[0] = '\0';
		snprintf(why, room, "%s is in use by a running agent, pid %s; give each agent a state of its own", path,
			pid);
		return -EBUSY;
	}
	snprintf(pid, sizeof pid, "%d", getpid());
	if (ftruncate(s->lock, 0) < 0 || pwrite(s->lock, pid, strlen(pid), 0) < 0) {
		snprintf(why, room, "cannot write %s: %s", name, strerror(errno));
		return -errno;
	}
	return 0;
}

/* Makes the folder and those above it. */
static int make_folder(const char *path)
{
	char part[PATH_ROOM];

	for (size_t i = 1; path[i - 1]; i++) {
		if (path[i] && path[i] != '/')
			continue;
		snprintf(part, sizeof part, "%.*s", (int)i, path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int open_database(struct state *s, const char *name, uint64_t max)
{
	char sql[256];
	uint64_t version = 0;
	int failed = sqlite_errno(
		sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));

	if (failed)
		return failed;
	sqlite3_busy_timeout(s->db, BUSY_MS);
	snprintf(sql, sizeof sql,
		"PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-%d;"
		"PRAGMA max_page_count=%llu; PRAGMA wal_autocheckpoint=256;",
		PAGE, CACHE_KIB, (unsigned long long)(max / PAGE));
	failed = run(s->db, sql);
	if (!failed)
		failed = read_number(s->db, "PRAGMA user_version", &version);
	if (!failed && version > VERSION)
		return -EPROTO;
	if (!failed && version == 0) {
		uint64_t id;
		if (getrandom(&id, sizeof id, 0) != sizeof id)
			return -EIO;
		snprintf(sql, sizeof sql, "INSERT INTO meta VALUES ('id', %lld); PRAGMA user_version=%d; COMMIT;",
			(long long)id, VERSION);
		failed = run(s->db, "BEGIN IMMEDIATE");
		failed = failed ? failed : run(s->db, schema);
		failed = failed ? failed : run(s->db, sql);
	}
	failed = failed ? failed : read_number(s->db, "SELECT value FROM meta WHERE name='id'", &s->id);
	return failed ? failed : read_number(s->db, "SELECT value FROM meta WHERE name='generation'", &s->generation);
}

static void set_aside(struct state *s, const char *name)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char from[PATH_ROOM + 8], to[PATH_ROOM];

	for (unsigned n = 1; n < 1000; n++) {
		if ((size_t)snprintf(to, sizeof to, "%s.corrupt-%u", name, n) >= sizeof to)
			return;
		if (access(to, F_OK) < 0)
			break;
	}
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		char target[PATH_ROOM + 8];
		snprintf(from, sizeof from, "%s%s", name, parts[i]);
		snprintf(target, sizeof target, "%s%s", to, parts[i]);
		if (rename(from, target) < 0 && errno != ENOENT)
			return;
	}
	s->set_aside++;
}

static bool slots_fit(const struct slots *m)
{
	return memcmp(m->magic, "oxpecker ledger", sizeof m->magic) == 0 && m->version == VERSION &&
	       m->slot_size == sizeof m->slot[0] && m->count == STATE_SLOTS;
}

static int map_slots(struct state *s, const char *path)
{
	char name[PATH_ROOM];
	struct slots *m;
	struct stat info;
	int fd, failed;
	bool fresh;

	snprintf(name, sizeof name, "%s/ledger", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &info) < 0)
		return -errno;
	fresh = info.st_size == 0;
	failed = posix_fallocate(fd, 0, sizeof *m);
	m = failed ? MAP_FAILED : mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (m == MAP_FAILED)
		return failed ? -failed : -errno;
	s->slots = m;
	if (slots_fit(m))
		return 0;
	s->set_aside += !fresh;
	memset(m, 0, sizeof *m);
	m->version = VERSION;
	m->slot_size = sizeof m->slot[0];
	m->count = STATE_SLOTS;
	memcpy(m->magic, "oxpecker ledger", sizeof m->magic);
	return 0;
}

static void write_changes(struct job *job);
static void changes_written(struct job *job);

int state_open(const struct state_options *o, struct state **ret, char *why, size_t room)
{
	const char *path = o->path;
	struct state *s = oxp_new(sizeof *s);
	char name[PATH_ROOM];
	int failed = make_folder(path);

	s->disk = o->disk;
	s->lock = -1;
	s->waiting_last = &s->waiting;
	s->job = (struct job){ .work = write_changes, .done = changes_written };
	snprintf(why, room, "cannot make %s: %s", path, strerror(-failed));
	if (!failed)
		failed = lock_folder(s, path, why, room);
	if (!failed) {
		snprintf(name, sizeof name, "%s/state.db", path);
		failed = open_database(s, name, o->max);
		if (failed == -EBADMSG || failed == -ENOENT) {
			sqlite3_close(s->db);
			set_aside(s, name);
			failed = open_database(s, name, o->max);
		}
		snprintf(why, room,
			failed == -EPROTO ? "%s was written by a newer oxpecker: run that, or give another path"
					  : "cannot use %s: %s",
			name, strerror(-failed));
	}
	if (!failed) {
		failed = map_slots(s, path);
		snprintf(why, room, "cannot use %s/ledger: %s", path, strerror(-failed));
	}
	if (failed) {
		state_close(s);
		return failed;
	}
	*ret = s;
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	OXP_ASSERT(!s->writing && !s->waiting);
	sqlite3_close(s->db);
	if (s->slots)
		munmap(s->slots, sizeof *s->slots);
	if (s->lock >= 0)
		close(s->lock);
	free(s);
}

uint64_t state_id(const struct state *s)
{
	return s->id;
}

uint64_t state_set_aside(const struct state *s)
{
	return s->set_aside;
}

uint64_t state_generation_next(struct state *s)
{
	return ++s->generation;
}

struct ledger_terms *state_slot(struct state *s, const char *key)
{
	OXP_ASSERT(strlen(key) < STATE_KEY_MAX);
	for (size_t i = 0; i < STATE_SLOTS; i++) {
		struct slot *slot = &s->slots->slot[i];
		if (strncmp(slot->key, key, STATE_KEY_MAX) == 0)
			return &slot->terms;
		if (!slot->key[0]) {
			snprintf(slot->key, sizeof slot->key, "%s", key);
			return &slot->terms;
		}
	}
	return NULL;
}

/* Loading. */

int state_positions_load(
	struct state *s, const char *collector, void (*visit)(void *, const struct position *), void *context)
{
	sqlite3_stmt *q;
	int failed = sqlite_errno(sqlite3_prepare_v2(s->db,
		"SELECT generation, dev, inode, birth_ns, head_hash, head_size, offset, path"
		" FROM positions WHERE collector = ?",
		-1, &q, NULL));

	if (failed)
		return failed;
	sqlite3_bind_text(q, 1, collector, -1, SQLITE_STATIC);
	while (sqlite3_step(q) == SQLITE_ROW)
		visit(context, &(struct position){ .generation = (uint64_t)sqlite3_column_int64(q, 0),
				       .dev = (uint64_t)sqlite3_column_int64(q, 1),
				       .inode = (uint64_t)sqlite3_column_int64(q, 2),
				       .birth_ns = sqlite3_column_int64(q, 3),
				       .head_hash = (uint64_t)sqlite3_column_int64(q, 4),
				       .head_size = (uint32_t)sqlite3_column_int64(q, 5),
				       .offset = (uint64_t)sqlite3_column_int64(q, 6),
				       .path = (const char *)sqlite3_column_text(q, 7) });
	return sqlite_errno(sqlite3_finalize(q));
}

bool state_ledger_load(struct state *s, const char *key, struct ledger_terms *ret)
{
	sqlite3_stmt *q;
	bool found;

	if (sqlite3_prepare_v2(s->db, "SELECT terms FROM ledger WHERE key = ?", -1, &q, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
	found = sqlite3_step(q) == SQLITE_ROW && sqlite3_column_bytes(q, 0) == sizeof *ret;
	if (found)
		memcpy(ret, sqlite3_column_blob(q, 0), sizeof *ret);
	sqlite3_finalize(q);
	return found;
}

/* Changes. */

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
		free(op->key);
		free(op->path);
		buffer_done(&op->payload);
		free(op);
	}
	free(c);
}

static struct op *add_op(struct state_change *c, enum op_kind kind, const char *key)
{
	struct op *op = oxp_new(sizeof *op);

	op->kind = kind;
	op->key = oxp_strdup(key);
	*c->last = op;
	c->last = &op->next;
	return op;
}

void state_change_position(struct state_change *c, const char *collector, const struct position *position)
{
	struct op *op = add_op(c, OP_POSITION, collector);

	op->position = *position;
	op->path = oxp_strdup(position->path ? position->path : "");
}

void state_change_forget(struct state_change *c, const char *collector, uint64_t generation)
{
	add_op(c, OP_FORGET, collector)->position.generation = generation;
}

void state_change_ledger(struct state_change *c, const char *key, const struct ledger_terms *terms)
{
	add_op(c, OP_LEDGER, key)->terms = *terms;
}

void state_change_spool(
	struct state_change *c, const char *key, const struct ledger_amount *amount, struct bytes payload)
{
	struct op *op = add_op(c, OP_SPOOL, key);
	int failed;

	op->amount = *amount;
	buffer_init(&op->payload, payload.size);
	failed = buffer_append(&op->payload, payload.data, payload.size);
	OXP_ASSERT(!failed && "out of memory");
}

void state_change_unspool(struct state_change *c, uint64_t id)
{
	add_op(c, OP_UNSPOOL, "")->id = id;
}

int state_spool_load(struct state *s, const char *key,
	bool (*visit)(void *, uint64_t id, const struct ledger_amount *, struct bytes payload), void *context,
	uint64_t *ret_damaged)
{
	sqlite3_stmt *q;
	bool more = true;
	int failed = sqlite_errno(sqlite3_prepare_v2(s->db,
		"SELECT id, records, bytes, checksum, payload FROM spool WHERE key = ?"
		" ORDER BY id",
		-1, &q, NULL));

	*ret_damaged = 0;
	if (failed)
		return failed;
	sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
	while (more && sqlite3_step(q) == SQLITE_ROW) {
		const struct ledger_amount amount = { (uint64_t)sqlite3_column_int64(q, 1),
			(uint64_t)sqlite3_column_int64(q, 2) };
		const struct bytes payload = { sqlite3_column_blob(q, 4), (size_t)sqlite3_column_bytes(q, 4) };
		if (XXH3_64bits(payload.data, payload.size) == (uint64_t)sqlite3_column_int64(q, 3))
			more = visit(context, (uint64_t)sqlite3_column_int64(q, 0), &amount, payload);
		else
			++*ret_damaged;
	}
	return sqlite_errno(sqlite3_finalize(q));
}

/* In the disk lane from here. */

static int put_spool(sqlite3 *db, const struct op *op)
{
	sqlite3_stmt *q;
	int failed = sqlite_errno(sqlite3_prepare_v2(db,
		op->kind == OP_SPOOL ? "INSERT INTO spool (key, records, bytes, checksum, payload) VALUES (?,?,?,?,?)"
				     : "DELETE FROM spool WHERE id = ?",
		-1, &q, NULL));

	if (failed)
		return failed;
	if (op->kind == OP_SPOOL) {
		sqlite3_bind_text(q, 1, op->key, -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 2, (sqlite3_int64)op->amount.records);
		sqlite3_bind_int64(q, 3, (sqlite3_int64)op->amount.bytes);
		sqlite3_bind_int64(q, 4, (sqlite3_int64)XXH3_64bits(op->payload.data, op->payload.size));
		sqlite3_bind_blob(q, 5, op->payload.data, (int)op->payload.size, SQLITE_STATIC);
	} else {
		sqlite3_bind_int64(q, 1, (sqlite3_int64)op->id);
	}
	sqlite3_step(q);
	return sqlite_errno(sqlite3_finalize(q));
}

static int put_position(sqlite3 *db, const struct op *op)
{
	const struct position *p = &op->position;
	sqlite3_stmt *q;
	int failed = sqlite_errno(
		sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO positions VALUES (?,?,?,?,?,?,?,?,?)", -1, &q, NULL));
	const sqlite3_int64 numbers[] = { (sqlite3_int64)p->generation, (sqlite3_int64)p->dev, (sqlite3_int64)p->inode,
		p->birth_ns, (sqlite3_int64)p->head_hash, p->head_size, (sqlite3_int64)p->offset };

	if (failed)
		return failed;
	sqlite3_bind_text(q, 1, op->key, -1, SQLITE_STATIC);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		sqlite3_bind_int64(q, (int)i + 2, numbers[i]);
	sqlite3_bind_text(q, 9, op->path, -1, SQLITE_STATIC);
	sqlite3_step(q);
	return sqlite_errno(sqlite3_finalize(q));
}

static int put_other(sqlite3 *db, const struct op *op)
{
	sqlite3_stmt *q;
	bool forget = op->kind == OP_FORGET;
	int failed = sqlite_errno(sqlite3_prepare_v2(db,
		forget ? "DELETE FROM positions WHERE collector = ? AND generation = ?"
		       : "INSERT OR REPLACE INTO ledger VALUES (?,?)",
		-1, &q, NULL));

	if (failed)
		return failed;
	sqlite3_bind_text(q, 1, op->key, -1, SQLITE_STATIC);
	if (forget)
		sqlite3_bind_int64(q, 2, (sqlite3_int64)op->position.generation);
	else
		sqlite3_bind_blob(q, 2, &op->terms, sizeof op->terms, SQLITE_STATIC);
	sqlite3_step(q);
	return sqlite_errno(sqlite3_finalize(q));
}

static int put_op(sqlite3 *db, const struct op *op)
{
	if (op->kind == OP_POSITION)
		return put_position(db, op);
	return op->kind == OP_SPOOL || op->kind == OP_UNSPOOL ? put_spool(db, op) : put_other(db, op);
}

static void write_changes(struct job *job)
{
	struct state *s = CONTAINER_OF(job, struct state, job);
	char sql[100];

	s->failed = run(s->db, "BEGIN IMMEDIATE");
	for (const struct state_change *c = s->writing; c && !s->failed; c = c->next)
		for (const struct op *op = c->first; op && !s->failed; op = op->next)
			s->failed = put_op(s->db, op);
	snprintf(sql, sizeof sql, "UPDATE meta SET value = max(value, %llu) WHERE name = 'generation'",
		(unsigned long long)s->generation_saved);
	if (!s->failed)
		s->failed = run(s->db, sql);
	if (!s->failed)
		s->failed = run(s->db, "COMMIT");
	if (s->failed)
		run(s->db, "ROLLBACK");
}

/* On the loop again. */

static void write_next(struct state *s)
{
	if (s->writing || !s->waiting)
		return;
	s->writing = s->waiting;
	s->generation_saved = s->generation;
	s->waiting = NULL;
	s->waiting_last = &s->waiting;
	if (lane_run(s->disk, &s->job) == 0)
		return;
	s->failed = -EAGAIN;
	changes_written(&s->job);
}

static void changes_written(struct job *job)
{
	struct state *s = CONTAINER_OF(job, struct state, job);
	struct state_change *c, *all = s->writing;
	int failed = s->failed;

	s->writing = NULL;
	while ((c = all)) {
		all = c->next;
		c->done(c->context, failed);
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
	*s->waiting_last = c;
	s->waiting_last = &c->next;
	write_next(s);
}
