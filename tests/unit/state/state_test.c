/*
 * What was committed is there after a restart; one folder has one agent; what cannot be read is set aside; what a newer
 * version wrote is left alone.
 */
#include <fcntl.h>

#include "folder.h"

struct seen {
	size_t count;
	struct position last;
	char path[64];
};

static void see(void *context, const struct position *p)
{
	struct seen *s = context;

	s->count++;
	s->last = *p;
	snprintf(s->path, sizeof s->path, "%s", p->path);
}

static struct seen positions(struct folder *f, const char *collector)
{
	struct seen s = { .count = 0 };

	assert_int_equal(state_positions_load(f->state, collector, see, &s), 0);
	return s;
}

static const struct position sample = { .generation = 7,
	.dev = 64769,
	.inode = UINT64_MAX,
	.birth_ns = -5,
	.head_hash = UINT64_MAX - 1,
	.head_at = 17,
	.head_size = 1024,
	.offset = 4096,
	.before_hash = UINT64_MAX - 2,
	.before_size = 256,
	.path = "/var/log/app.log" };

static void test_positions_survive_a_restart(void **state)
{
	struct folder *f = *state;
	struct state_change *c = state_change_new();
	struct seen s;

	state_change_position(c, "tail", &sample);
	state_change_position(c, "audit", &(struct position){ .generation = 8 });
	assert_int_equal(folder_commit(f, c), 0);
	folder_restart(f);
	s = positions(f, "tail");
	assert_int_equal(s.count, 1);
	assert_string_equal(s.path, sample.path);
	assert_true(s.last.generation == sample.generation && s.last.offset == sample.offset);
	assert_true(s.last.dev == sample.dev && s.last.inode == sample.inode && s.last.birth_ns == sample.birth_ns);
	assert_true(s.last.before_hash == sample.before_hash && s.last.before_size == sample.before_size);
	assert_true(s.last.head_hash == sample.head_hash && s.last.head_size == sample.head_size);
	assert_true(s.last.head_at == sample.head_at);
	assert_string_equal(positions(f, "audit").path, "");
	assert_int_equal(positions(f, "other").count, 0);
}

static void test_a_row_is_replaced_and_forgotten(void **state)
{
	struct folder *f = *state;
	struct state_change *c = state_change_new();
	struct position moved = sample;

	moved.offset = 9000;
	state_change_position(c, "tail", &sample);
	state_change_position(c, "tail", &moved);
	assert_int_equal(folder_commit(f, c), 0);
	assert_int_equal(positions(f, "tail").count, 1);
	assert_int_equal(positions(f, "tail").last.offset, 9000);
	c = state_change_new();
	state_change_forget(c, "audit", moved.generation);
	assert_int_equal(folder_commit(f, c), 0);
	assert_int_equal(positions(f, "tail").count, 1);
	c = state_change_new();
	state_change_forget(c, "tail", moved.generation);
	assert_int_equal(folder_commit(f, c), 0);
	assert_int_equal(positions(f, "tail").count, 0);
}

static void test_generations_and_identity_outlive_the_run(void **state)
{
	struct folder *f = *state;
	uint64_t id = state_id(f->state), first = state_generation_next(f->state);
	struct state_change *c = state_change_new();

	assert_true(state_generation_next(f->state) > first);
	state_change_position(c, "tail", &sample);
	assert_int_equal(folder_commit(f, c), 0);
	folder_restart(f);
	assert_true(state_id(f->state) == id);
	assert_true(state_generation_next(f->state) > first + 1);
	assert_int_equal(state_set_aside(f->state), 0);
}

/* Another file with the same bytes in its place, as a restored backup is. */
static void replace_by_copy(const char *name)
{
	char copy[160], bytes[4096];
	FILE *from = fopen(name, "r"), *to;

	snprintf(copy, sizeof copy, "%s.copy", name);
	to = fopen(copy, "w");
	assert_true(from && to);
	for (size_t n; (n = fread(bytes, 1, sizeof bytes, from)) > 0;)
		assert_int_equal(fwrite(bytes, 1, n, to), n);
	assert_int_equal(fclose(from) | fclose(to) | rename(copy, name), 0);
}

static void test_a_copy_has_ids_of_its_own(void **state)
{
	struct folder *f = *state;
	uint64_t id = state_id(f->state);
	struct state_change *c = state_change_new();
	char name[128];

	state_change_position(c, "tail", &sample);
	assert_int_equal(folder_commit(f, c), 0);
	folder_stop(f);
	folder_file(f, "state.db", name);
	replace_by_copy(name);
	assert_int_equal(folder_start(f), 0);
	assert_true(state_is_copy(f->state) && state_id(f->state) != id);
	assert_int_equal(positions(f, "tail").count, 1);
	id = state_id(f->state);
	folder_restart(f);
	assert_true(!state_is_copy(f->state) && state_id(f->state) == id);
}

static void test_the_ledger_goes_with_positions(void **state)
{
	struct folder *f = *state;
	struct ledger_terms terms = { .term = { [LEDGER_RECEIVED] = { 10, 1000 }, [15] = { 3, UINT64_MAX } } }, read;
	struct state_change *c = state_change_new();

	assert_false(state_ledger_load(f->state, "logs a b", &read));
	state_change_ledger(c, "logs a b", &terms);
	assert_int_equal(folder_commit(f, c), 0);
	folder_restart(f);
	assert_true(state_ledger_load(f->state, "logs a b", &read));
	assert_memory_equal(&read, &terms, sizeof terms);
	assert_false(state_ledger_load(f->state, "logs a", &read));
}

static void test_commits_are_answered_in_order(void **state)
{
	struct folder *f = *state;
	size_t before = f->answered;

	for (size_t i = 0; i < 40; i++) {
		struct state_change *c = state_change_new();
		state_change_position(c, "tail", &(struct position){ .generation = i, .offset = i });
		if (i % 10 == 3) /* too large, so refused: its neighbours are not */
			state_change_park(c, &(struct state_parked){ .source = "",
						     .destination = "",
						     .reason = "",
						     .signal = "logs",
						     .payload = { f->why, STATE_PAYLOAD_MAX + 1 } });
		folder_ask(f, &c);
	}
	folder_wait(f);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(f->answers[before + i], i % 10 == 3 ? -E2BIG : 0);
	assert_int_equal(positions(f, "tail").count, 36);
	assert_int_equal(state_parked_count(f->state), 0);
}

static void test_a_second_agent_is_refused(void **state)
{
	struct folder *f = *state;
	struct state *other = NULL;
	char why[FOLDER_WHY], pid[32];

	assert_int_equal(folder_open(f, f->path, &other, why), -EBUSY);
	snprintf(pid, sizeof pid, "pid %d", getpid());
	assert_non_null(strstr(why, pid));
	assert_non_null(strstr(why, f->path));
	assert_null(other);
}

static void overwrite(const struct folder *f, const char *name, const char *text)
{
	char path[128];
	int fd;

	folder_file(f, name, path);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_what_is_no_database_is_set_aside(void **state)
{
	struct folder *f = *state;
	uint64_t id = state_id(f->state);

	for (unsigned n = 1; n <= 2; n++) {
		char name[64];
		folder_stop(f);
		overwrite(f, "state.db",
			"a hundred bytes and more of something else than a database, so that it is read as damaged "
			"and not as new.");
		assert_int_equal(folder_start(f), 0);
		assert_int_equal(state_set_aside(f->state), 1);
		assert_true(state_id(f->state) != id);
		snprintf(name, sizeof name, "state.db.corrupt-%u", n);
		assert_true(folder_has(f, name));
	}
	assert_int_equal(positions(f, "tail").count, 0);
}

/* A page of positions is destroyed that nothing but a check would read. */
static void test_a_damaged_page_is_found_at_start(void **state)
{
	struct folder *f = *state;
	char name[128], noise[2048];
	struct stat info;
	int fd;

	for (uint64_t i = 0; i < 1000; i++) {
		struct state_change *c = state_change_new();
		state_change_position(c, "tail", &(struct position){ .generation = i, .path = f->path });
		folder_ask(f, &c);
	}
	folder_wait(f);
	folder_stop(f);
	folder_number(f, "SELECT count(*) FROM positions");
	folder_file(f, "state.db", name);
	fd = open(name, O_WRONLY);
	assert_int_equal(fstat(fd, &info), 0);
	memset(noise, 0xa5, sizeof noise);
	assert_int_equal(pwrite(fd, noise, sizeof noise, info.st_size - 4096), sizeof noise);
	close(fd);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 1);
	assert_true(folder_has(f, "state.db.corrupt-1"));
}

static void test_a_database_of_somebody_else_is_set_aside(void **state)
{
	struct folder *f = *state;

	folder_stop(f);
	folder_sql(f, "DROP TABLE positions; DELETE FROM meta; PRAGMA user_version = 0;");
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 1);
}

/* Whoever can write to the volume can put a program into the schema. */
static void test_triggers_and_views_of_others_do_nothing(void **state)
{
	struct folder *f = *state;
	struct state_change *c;

	folder_stop(f);
	folder_sql(f, "CREATE TRIGGER a AFTER UPDATE ON meta BEGIN DELETE FROM positions; END;"
		      "CREATE TRIGGER b AFTER INSERT ON positions BEGIN DELETE FROM positions; END;"
		      "CREATE VIEW other AS SELECT * FROM spool;");
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 0);
	c = state_change_new();
	state_change_position(c, "tail", &(struct position){ .generation = 1, .offset = 512, .path = "a" });
	assert_int_equal(folder_commit(f, c), 0);
	folder_restart(f);
	assert_int_equal(positions(f, "tail").last.offset, 512);
}

/* Each would be asked at the start: the first two go on for ever, the next two compute what they
 * like with each row, the last one has more keys than we. */
static void test_tables_that_are_not_as_we_make_them_are_set_aside(void **state)
{
	static const char *const changes[] = {
		"DROP TABLE parked; CREATE VIEW parked AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r)"
		" SELECT n AS id, n AS source, n AS destination, n AS generation, n AS offset, n AS payload,"
		" 0 AS placed, 0 AS doubtful FROM r",
		"DROP TABLE spool; CREATE VIEW spool AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r)"
		" SELECT 1 AS id, 'k' AS key, 'x' AS payload, 1 AS parts FROM r",
		"CREATE INDEX i ON meta (coalesce(value, 1))",
		"ALTER TABLE parked ADD COLUMN more AS (source || destination)",
		"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 20000)"
		" INSERT INTO spool (key, payload) SELECT 'k' || n, 'x' FROM r",
	};
	struct folder *f = *state;

	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		folder_stop(f);
		folder_sql(f, changes[i]);
		assert_int_equal(folder_start(f), 0);
		assert_int_equal(state_set_aside(f->state), 1);
	}
}

static void test_a_newer_version_is_left_alone(void **state)
{
	struct folder *f = *state;

	folder_stop(f);
	folder_sql(f, "PRAGMA user_version = 99");
	assert_int_equal(folder_start(f), -EPROTO);
	assert_non_null(strstr(f->why, "newer"));
	assert_false(folder_has(f, "state.db.corrupt-1"));
	folder_sql(f, "PRAGMA user_version = 8");
	folder_restart(f);
}

/* The first version, as it was made. */
static const char version_1[] =
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
	"CREATE TABLE positions (collector TEXT, generation INTEGER, dev INTEGER, inode INTEGER, birth_ns INTEGER,"
	" head_hash INTEGER, head_size INTEGER, offset INTEGER, path TEXT, PRIMARY KEY (collector, generation)) "
	"WITHOUT ROWID;"
	"CREATE TABLE ledger (key TEXT PRIMARY KEY, terms BLOB) WITHOUT ROWID;"
	"CREATE TABLE spool (id INTEGER PRIMARY KEY, key TEXT, records INTEGER, bytes INTEGER, checksum INTEGER, "
	"payload BLOB);"
	"INSERT INTO meta VALUES ('generation', 41), ('id', 4711);"
	"INSERT INTO positions (collector, generation, offset) VALUES ('tail', 41, 512);"
	"INSERT INTO spool VALUES (3, 'k', 1, 2, 0, x'00'); PRAGMA user_version = 1;";

static void test_an_older_version_is_brought_forward(void **state)
{
	struct folder *f = *state;
	char name[128];

	folder_stop(f);
	for (size_t i = 0; i < 3; i++) {
		static const char *const files[] = { "state.db", "state.db-wal", "state.db-shm" };
		folder_file(f, files[i], name);
		unlink(name);
	}
	folder_sql(f, version_1);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 0);
	assert_true(state_id(f->state) == 4711);
	assert_true(state_generation_next(f->state) == 42);
	assert_int_equal(positions(f, "tail").last.offset, 512);
	assert_int_equal(positions(f, "tail").last.before_size, 0);
	assert_int_equal(folder_spool_bytes(f, "k"), 1);
}

static void test_the_folder_is_private_and_paths_are_bounded(void **state)
{
	struct folder *f = *state;
	char path[5000], why[FOLDER_WHY];
	struct state *other;
	struct stat info;

	snprintf(path, sizeof path, "%s/a/b/c", f->path);
	assert_int_equal(folder_open(f, path, &other, why), 0);
	state_close(other);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_int_equal(folder_open(f, path, &other, why), -ENAMETOOLONG);
	assert_true(strlen(why) < sizeof why);
}

/* An app that shares the volume makes links where our files will be, or are. */
struct victim {
	char path[64];
	int64_t size;
};

static int64_t size_of(const char *path)
{
	struct stat info;

	return stat(path, &info) < 0 ? -1 : info.st_size;
}

static void make_victim(struct victim *v)
{
	int fd;

	snprintf(v->path, sizeof v->path, "/tmp/oxp-victim-XXXXXX");
	fd = mkstemp(v->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "dear", 4), 4);
	close(fd);
	v->size = 4;
}

static void assert_refused(struct folder *f, const char *name, const char *of)
{
	struct state *none = NULL;
	char why[FOLDER_WHY] = "";
	int failed = folder_open(f, f->path, &none, why);

	if (!failed || !strstr(why, of) || !strstr(why, "expected"))
		fail_msg("%s: %d %s", name, failed, why);
}

static void plant(struct folder *f, const char *name, const char *of)
{
	struct victim v;
	char path[128], none[128];

	make_victim(&v);
	folder_file(f, name, path);
	snprintf(none, sizeof none, "%s-none", v.path);
	for (int kind = 0; kind < 4; kind++) {
		(void)unlink(path);
		assert_int_equal(kind == 0   ? symlink(v.path, path)
				 : kind == 1 ? symlink(none, path)
				 : kind == 2 ? link(v.path, path)
					     : mkfifo(path, 0600),
			0);
		assert_refused(f, name, of);
	}
	assert_int_equal(size_of(v.path), 4);
	assert_int_equal(size_of(none), -1);
	unlink(path);
	unlink(v.path);
}

static void test_what_others_planted_in_the_folder_is_refused(void **state)
{
	static const char *const names[][2] = { { "lock", "lock" }, { "state.db", "state.db" },
		{ "state.db-wal", "state.db" }, { "state.db-shm", "state.db" }, { "state.db-journal", "state.db" },
		{ "ledger", "ledger" } };
	struct folder *f = *state;

	folder_stop(f);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		plant(f, names[i][0], names[i][1]);
	assert_int_equal(folder_start(f), 0);
}

static void test_the_files_are_private_whatever_the_umask(void **state)
{
	static const char *const names[] = { "lock", "state.db", "state.db-wal", "state.db-shm", "ledger" };
	struct folder *f = *state;
	char path[128], why[FOLDER_WHY];
	struct state *other;
	struct stat info;
	mode_t before = umask(0);

	snprintf(path, sizeof path, "%s/new", f->path);
	assert_int_equal(folder_open(f, path, &other, why), 0);
	umask(before);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/new/%s", f->path, names[i]);
		assert_int_equal(stat(path, &info), 0);
		assert_int_equal(info.st_mode & 0777, 0600);
	}
	state_close(other);
}

static void test_a_file_is_set_aside_beside_what_others_planted(void **state)
{
	struct folder *f = *state;
	char path[128], aside[128];
	struct victim v;
	FILE *file;

	make_victim(&v);
	folder_stop(f);
	folder_file(f, "state.db", path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("no database at all, but long enough to be looked at", file) >= 0);
	fclose(file);
	folder_file(f, "state.db.corrupt-1", aside);
	assert_int_equal(symlink(v.path, aside), 0);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 1);
	assert_true(folder_has(f, "state.db.corrupt-2"));
	assert_int_equal(size_of(v.path), 4);
	unlink(v.path);
}

static void commit_some(struct folder *f, int count)
{
	for (int i = 0; i < count; i++) {
		struct state_change *c = state_change_new();
		state_change_position(c, "tail", &(struct position){ .generation = state_generation_next(f->state) });
		assert_int_equal(folder_commit(f, c), 0);
	}
}

/* The bytes of one file become another's; it stays who it is. */
static void put_bytes(const char *from, const char *to)
{
	char bytes[4096];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n;

	assert_true(in && out);
	while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	fclose(out);
}

static void test_a_state_that_is_as_it_was_is_not_complained_of(void **state)
{
	struct folder *f = *state;

	assert_int_equal(state_loss(f->state), STATE_NO_LOSS);
	for (int i = 0; i < 3; i++) {
		commit_some(f, i);
		assert_int_equal(state_generation_save(f->state), 0);
		folder_restart(f);
		assert_int_equal(state_loss(f->state), STATE_NO_LOSS);
	}
}

static void test_a_database_that_is_gone_is_told(void **state)
{
	struct folder *f = *state;
	char name[128];

	folder_file(f, "state.db", name);
	for (int i = 0; i < 2; i++) {
		commit_some(f, 1);
		folder_stop(f);
		assert_int_equal(i ? unlink(name) : truncate(name, 0), 0);
		assert_int_equal(folder_start(f), 0);
		assert_int_equal(state_loss(f->state), STATE_EMPTY);
		assert_int_equal(state_set_aside(f->state), 0);
		folder_restart(f); /* once */
		assert_int_equal(state_loss(f->state), STATE_NO_LOSS);
	}
}

/* Numbers that it does not know of are used: under the same id another line would be taken for what was sent. */
static void test_an_older_copy_is_told_and_uses_no_number_again(void **state)
{
	struct folder *f = *state;
	uint64_t id, generation;
	char name[128], copy[128];

	commit_some(f, 1);
	folder_stop(f);
	folder_file(f, "state.db", name);
	folder_file(f, "copy", copy);
	put_bytes(name, copy);
	assert_int_equal(folder_start(f), 0);
	commit_some(f, 3);
	id = state_id(f->state);
	generation = state_generation_next(f->state);
	folder_stop(f);
	put_bytes(copy, name);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_loss(f->state), STATE_OLDER);
	assert_true(state_id(f->state) == id);
	assert_true(state_generation_next(f->state) >= generation);
	assert_int_equal(positions(f, "tail").count, 1);
	folder_restart(f);
	assert_int_equal(state_loss(f->state), STATE_OLDER); /* until it has commits of its own */
	commit_some(f, 1);
	folder_restart(f);
	assert_int_equal(state_loss(f->state), STATE_NO_LOSS);
}

static void test_a_ledger_that_is_gone_or_anothers_is_told(void **state)
{
	struct folder *f = *state;
	char name[128], copy[128], other[128], why[FOLDER_WHY];
	struct state *second;

	commit_some(f, 1);
	folder_file(f, "ledger", name);
	for (int i = 0; i < 2; i++) {
		folder_stop(f);
		assert_int_equal(i ? unlink(name) : truncate(name, 0), 0);
		assert_int_equal(folder_start(f), 0);
		assert_int_equal(state_loss(f->state), STATE_NO_LEDGER);
	}
	folder_file(f, "other", other);
	assert_int_equal(folder_open(f, other, &second, why), 0);
	state_close(second);
	folder_stop(f);
	folder_file(f, "other/ledger", copy);
	put_bytes(copy, name);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_loss(f->state), STATE_OTHER);
	folder_restart(f);
	assert_int_equal(state_loss(f->state), STATE_NO_LOSS);
}

/* As the version before left it. */
static void test_a_ledger_that_knows_nothing_is_one_of_ours(void **state)
{
	struct folder *f = *state;
	struct stat info;
	char name[128];

	state_slot(f->state, "key")->term[0].records = 9;
	commit_some(f, 1);
	folder_stop(f);
	folder_file(f, "ledger", name);
	assert_int_equal(stat(name, &info), 0);
	assert_int_equal(truncate(name, info.st_size - 32), 0);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_loss(f->state), STATE_NO_LOSS);
	assert_int_equal(state_set_aside(f->state), 0);
	assert_int_equal(state_slot(f->state, "key")->term[0].records, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_positions_survive_a_restart),
		TEST(test_a_state_that_is_as_it_was_is_not_complained_of),
		TEST(test_a_database_that_is_gone_is_told),
		TEST(test_an_older_copy_is_told_and_uses_no_number_again),
		TEST(test_a_ledger_that_is_gone_or_anothers_is_told),
		TEST(test_a_ledger_that_knows_nothing_is_one_of_ours),
		TEST(test_what_others_planted_in_the_folder_is_refused),
		TEST(test_the_files_are_private_whatever_the_umask),
		TEST(test_a_file_is_set_aside_beside_what_others_planted),
		TEST(test_a_row_is_replaced_and_forgotten),
		TEST(test_generations_and_identity_outlive_the_run),
		TEST(test_a_copy_has_ids_of_its_own),
		TEST(test_the_ledger_goes_with_positions),
		TEST(test_commits_are_answered_in_order),
		TEST(test_a_second_agent_is_refused),
		TEST(test_what_is_no_database_is_set_aside),
		TEST(test_a_damaged_page_is_found_at_start),
		TEST(test_a_database_of_somebody_else_is_set_aside),
		TEST(test_triggers_and_views_of_others_do_nothing),
		TEST(test_tables_that_are_not_as_we_make_them_are_set_aside),
		TEST(test_a_newer_version_is_left_alone),
		TEST(test_an_older_version_is_brought_forward),
		TEST(test_the_folder_is_private_and_paths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
