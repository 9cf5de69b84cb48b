/*
 * A state folder of its own for each test, with a loop and a disk lane, and commits that are waited for.
 */
#ifndef OXP_TEST_STATE_FOLDER_H
#define OXP_TEST_STATE_FOLDER_H

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/lane.h"
#include "loop/loop.h"
#include "state/state.h"
#include "unit/scratch.h"

enum { FOLDER_MAX_BYTES = 16 << 20, LANE_DEPTH = 8, PATIENCE_S = 60, FOLDER_WHY = 300 };

struct folder {
	char path[64];
	struct loop *loop;
	struct lane *disk;
	struct state *state;
	char why[FOLDER_WHY];
	size_t asked, answered;
	int answers[64]; /* of commits, in the order they came */
};

static inline int folder_open(struct folder *f, const char *path, struct state **ret, char why[FOLDER_WHY])
{
	return state_open(&(struct state_options){ .path = path, .max = FOLDER_MAX_BYTES, .disk = f->disk }, ret, why,
		FOLDER_WHY);
}

static inline int folder_start(struct folder *f)
{
	assert_int_equal(loop_new(&clock_system, &f->loop), 0);
	assert_int_equal(lane_new(f->loop, "disk", LANE_DEPTH, &f->disk), 0);
	return folder_open(f, f->path, &f->state, f->why);
}

static inline void folder_stop(struct folder *f)
{
	lane_free(f->disk);
	state_close(f->state);
	loop_free(f->loop);
	f->loop = NULL;
	f->disk = NULL;
	f->state = NULL;
}

static inline void folder_restart(struct folder *f)
{
	folder_stop(f);
	assert_int_equal(folder_start(f), 0);
}

struct folder_key {
	const char *key;
	uint64_t bytes;
};

static inline void folder_see_key(void *context, const char *key, uint64_t bytes)
{
	struct folder_key *k = context;

	if (strcmp(k->key, key) == 0)
		k->bytes = bytes;
}

/* What the spool has under that key. */
static inline uint64_t folder_spool_bytes(const struct folder *f, const char *key)
{
	struct folder_key k = { key, 0 };

	state_spool_keys(f->state, folder_see_key, &k);
	return k.bytes;
}

static inline int folder_setup(void **state)
{
	struct folder *f = oxp_new(sizeof *f);

	snprintf(f->path, sizeof f->path, "/tmp/oxp-state-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	assert_int_equal(folder_start(f), 0);
	*state = f;
	return 0;
}

static inline int folder_teardown(void **state)
{
	struct folder *f = *state;

	folder_stop(f);
	scratch_remove(f->path);
	free(f);
	return 0;
}

static inline void folder_answer(void *context, int failed)
{
	struct folder *f = context;

	f->answers[f->answered++ % COUNT_OF(f->answers)] = failed;
}

/* Turns the loop until all that was asked for is answered; the last answer. */
static inline int folder_wait(struct folder *f)
{
	struct mono_time begun = clock_system.mono(&clock_system);

	while (f->answered < f->asked) {
		loop_turn(f->loop, DURATION_MS(100));
		assert_true(mono_since(clock_system.mono(&clock_system), begun).ns < DURATION_S(PATIENCE_S).ns);
	}
	return f->answers[(f->answered - 1) % COUNT_OF(f->answers)];
}

static inline void folder_ask(struct folder *f, struct state_change **change)
{
	f->asked++;
	state_commit(f->state, change, folder_answer, f);
}

static inline int folder_commit(struct folder *f, struct state_change *change)
{
	folder_ask(f, &change);
	return folder_wait(f);
}

/* All of the records or none. */
static inline int folder_park(struct folder *f, const struct state_parked *records, size_t count)
{
	struct state_change *c = state_change_new();

	for (size_t i = 0; i < count; i++)
		state_change_park(c, &records[i]);
	return folder_commit(f, c);
}

static inline void folder_file(const struct folder *f, const char *name, char to[128])
{
	snprintf(to, 128, "%s/%s", f->path, name);
}

static inline bool folder_has(const struct folder *f, const char *name)
{
	char path[128];

	folder_file(f, name, path);
	return access(path, F_OK) == 0;
}

/* Another hand on the database, while nobody else has it or beside them. */
static inline void folder_sql(const struct folder *f, const char *sql)
{
	char name[128];
	sqlite3 *db;

	folder_file(f, "state.db", name);
	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static inline int64_t folder_number(const struct folder *f, const char *sql)
{
	char name[128];
	sqlite3 *db;
	sqlite3_stmt *q;
	int64_t value;

	folder_file(f, "state.db", name);
	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	value = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return value;
}

#endif
