/*
 * The embedded store keeps rows, throws the oldest out by age and by size, survives damage, and shows what it has.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/show.h"
#include "unit/scratch.h"

enum { LIMIT = 1 << 20 };

static const int64_t start_ns = 1700000000123000000;

struct fixture {
	char folder[64], why[300];
	struct store *store;
	struct store_limits limits;
};

static void open_store(struct fixture *f)
{
	assert_int_equal(store_open(f->folder, &f->limits, &f->store, f->why, sizeof f->why), 0);
}

static int is_refused(struct fixture *f, const char *why)
{
	int failed = store_open(f->folder, &f->limits, &f->store, f->why, sizeof f->why);

	assert_true(failed != 0 && !f->store);
	assert_non_null(strstr(f->why, why));
	return failed;
}

/* A test that fails before it is opened again leaves nothing to close. */
static void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static void reopen(struct fixture *f)
{
	close_store(f);
	open_store(f);
}

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);

	f->limits = (struct store_limits){ LIMIT, DURATION_S(3600) };
	snprintf(f->folder, sizeof f->folder, "/tmp/oxp-store-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	open_store(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	scratch_remove(f->folder);
	free(f);
	return 0;
}

static struct wall_time second(int64_t n)
{
	return (struct wall_time){ start_ns + DURATION_S(n).ns };
}

static void name_of(const struct fixture *f, const char *file, char to[128])
{
	snprintf(to, 128, "%s/%s", f->folder, file);
}

static int64_t number(const struct fixture *f, const char *sql)
{
	char name[128];
	sqlite3 *db;
	sqlite3_stmt *q;
	int64_t value;

	name_of(f, "store.db", name);
	assert_int_equal(sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	value = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return value;
}

static void change(const struct fixture *f, const char *sql)
{
	char name[128];
	sqlite3 *db;

	name_of(f, "store.db", name);
	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static struct store_span span(const char *trace, const char *id, int64_t ms)
{
	return (struct store_span){ .trace_id = trace,
		.span_id = id,
		.parent_id = "",
		.service = "api",
		.name = "GET /",
		.details = "{}",
		.start_ns = (uint64_t)(start_ns + DURATION_MS(ms).ns),
		.end_ns = (uint64_t)(start_ns + DURATION_MS(ms + 12).ns) };
}

static void put_log(struct fixture *f, int64_t at, const char *id, const char *body)
{
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_log(f->store, second(at), id, bytes_of(body)), 0);
	assert_int_equal(store_end(f->store, second(at), true), 0);
}

static void test_rows_are_kept_once(void **state)
{
	struct fixture *f = *state;
	struct store_span one = span("t1", "s1", 0), two = span("t1", "s2", 5);

	for (int i = 0; i < 2; i++) {
		put_log(f, 0, "1-0", "{\"message\":\"one\"}");
		put_log(f, 0, "1-18", "plain");
		assert_int_equal(store_begin(f->store), 0);
		assert_int_equal(store_span(f->store, second(0), &one), 0);
		assert_int_equal(store_span(f->store, second(0), &two), 0);
		assert_int_equal(store_end(f->store, second(1), true), 0);
		reopen(f);
	}
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 2);
	assert_int_equal(number(f, "SELECT count(*) FROM spans"), 2);
	assert_int_equal(number(f, "SELECT time = '2023-11-14T22:13:20' FROM logs_readable"), 1);
	assert_int_equal(number(f, "SELECT ms = 12 FROM spans_readable"), 1);
}

static void test_what_is_not_wanted_is_not_kept(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_sample(f->store, second(0), bytes_of("up"), 1), 0);
	assert_int_equal(store_end(f->store, second(0), false), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM samples"), 0);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_end(f->store, second(0), true), 0);
}

/* Removed, renamed or replaced: what would be written then is gone with the process. */
static void test_a_file_without_its_name_takes_nothing(void **state)
{
	struct fixture *f = *state;
	char name[128], aside[140];

	put_log(f, 1, "a", "{}");
	name_of(f, "store.db", name);
	snprintf(aside, sizeof aside, "%s.aside", name);
	assert_int_equal(rename(name, aside), 0);
	assert_int_equal(store_begin(f->store), -ESTALE);
	assert_int_equal(rename(aside, name), 0);
	put_log(f, 1, "b", "{}");
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 2);
}

static void test_the_old_goes(void **state)
{
	struct fixture *f = *state;
	struct store_span old = span("t", "s", 0);
	char id[32];

	assert_int_equal(store_begin(f->store), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof id, "%d", i);
		assert_int_equal(store_log(f->store, second(i < 900 ? 0 : 1), id, bytes_of("x")), 0);
	}
	assert_int_equal(store_span(f->store, second(0), &old), 0);
	assert_int_equal(store_sample(f->store, second(0), bytes_of("a"), 1), 0);
	assert_int_equal(store_sample(f->store, second(2), bytes_of("a"), 1), 0);
	assert_int_equal(store_end(f->store, second(3600), true), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 1000);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_end(f->store, second(3601), true), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 100);
	assert_int_equal(number(f, "SELECT count(*) FROM spans"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM samples"), 1);
}

/* Apps say when spans began: not at all, in another century, or in yesterday's trace that comes late. */
static void test_spans_are_as_old_as_they_are_here(void **state)
{
	static const uint64_t starts[] = { 0, 1, UINT64_MAX, INT64_MAX, 4000000000000000000, 1600000000000000000 };
	struct fixture *f = *state;
	char id[32];

	assert_int_equal(store_begin(f->store), 0);
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		struct store_span one = span("t", id, 0);
		one.start_ns = starts[i];
		snprintf(id, sizeof id, "%zu", i);
		assert_int_equal(store_span(f->store, second(0), &one), 0);
	}
	assert_int_equal(store_end(f->store, second(3600), true), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM spans WHERE start_ns >= 0"), COUNT_OF(starts));
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_end(f->store, second(3601), true), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM spans"), 0);
}

/* Its spans have no time of their own here, so they go; all else stays. */
static void test_a_file_of_version_1_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct store_span one = span("t", "1", 0);
	uint32_t id = store_id(f->store);

	put_log(f, 0, "first", "{}");
	close_store(f);
	change(f, "DROP TABLE spans; CREATE TABLE spans (start_ns INTEGER, end_ns INTEGER, trace_id TEXT, span_id TEXT,"
		  " parent_id TEXT, service TEXT, name TEXT, kind INTEGER, status INTEGER, details TEXT,"
		  " PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID; CREATE INDEX spans_start ON spans (start_ns);"
		  "INSERT INTO spans VALUES (1, 2, 't', 's', '', 'api', 'n', 1, 0, '{}'); PRAGMA user_version = 1");
	open_store(f);
	assert_true(store_id(f->store) == id);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_span(f->store, second(0), &one), 0);
	assert_int_equal(store_end(f->store, second(1), true), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM spans_readable"), 1);
	reopen(f);
	assert_int_equal(number(f, "SELECT count(*) FROM spans"), 1);
}

/* What `show` says to a person, instead of what SQLite does. */
static void assert_said(struct fixture *f, const char *what, int failed, const char *said)
{
	FILE *text = tmpfile();
	char all[1024] = "";
	int old = dup(STDERR_FILENO);

	assert_true(text && old >= 0 && dup2(fileno(text), STDERR_FILENO) >= 0);
	assert_int_equal(store_show(f->folder, what, &(struct store_show_options){ .limit = 1 }, stdout), failed);
	dup2(old, STDERR_FILENO);
	close(old);
	assert_true(pread(fileno(text), all, sizeof all - 1, 0) >= 0);
	fclose(text);
	assert_non_null(strstr(all, said));
	assert_null(strstr(all, "column"));
}

static void test_show_says_what_to_do_about_other_versions(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	change(f, "DROP TABLE spans; CREATE TABLE spans (start_ns INTEGER, trace_id TEXT, span_id TEXT);"
		  "PRAGMA user_version = 1");
	assert_said(f, "traces", -EPROTO, "Start the agent");
	assert_said(f, "logs", 0, "no logs in the store");
	change(f, "PRAGMA user_version = 99");
	assert_said(f, "logs", -EPROTO, "version 99");
	change(f, "PRAGMA user_version = 1");
	open_store(f);
	assert_said(f, "traces", 0, "no traces in the store");
}

static int64_t size_of(const struct fixture *f, const char *file)
{
	struct stat info;
	char name[128];

	name_of(f, file, name);
	return stat(name, &info) == 0 ? info.st_size : 0;
}

/* The oldest rows go, of whatever table, and the file is never larger than it may be. */
static void test_the_file_is_bounded(void **state)
{
	struct fixture *f = *state;
	char body[1000], id[32];

	memset(body, 'b', sizeof body);
	put_log(f, 0, "first", "the very first");
	for (int i = 1; i <= 400; i++) {
		assert_int_equal(store_begin(f->store), 0);
		for (int k = 0; k < 10; k++) {
			snprintf(id, sizeof id, "%d-%d", i, k);
			assert_int_equal(store_log(f->store, second(i), id, (struct bytes){ body, sizeof body }), 0);
		}
		assert_int_equal(store_sample(f->store, second(i), bytes_of("up"), i), 0);
		assert_int_equal(store_end(f->store, second(i), true), 0);
		assert_true(size_of(f, "store.db") <= LIMIT * 3 / 4);
		assert_true(size_of(f, "store.db") + size_of(f, "store.db-wal") <= LIMIT);
	}
	assert_int_equal(number(f, "SELECT count(*) FROM logs WHERE id = 'first'"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM logs WHERE at = (SELECT max(at) FROM logs)"), 10);
	assert_true(number(f, "SELECT count(*) FROM logs") > 200);
	assert_true(number(f, "SELECT count(*) FROM samples") > 20);
	assert_true(
		number(f, "SELECT abs(min(logs.at) - (SELECT min(at) FROM samples)) FROM logs") < DURATION_S(60).ns);
}

/* Otherwise an app that fills it once with spans of another century would have it to itself for ever. */
static void test_spans_from_the_future_give_way(void **state)
{
	struct fixture *f = *state;
	char body[1000], id[32];

	memset(body, 'b', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	for (int i = 0; i < 200; i++) {
		assert_int_equal(store_begin(f->store), 0);
		for (int k = 0; k < 10; k++) {
			struct store_span one = span("t", id, 0);
			snprintf(id, sizeof id, "%d-%d", i, k);
			one.details = body;
			one.start_ns = 4000000000000000000;
			if (i < 100)
				assert_int_equal(store_span(f->store, second(i), &one), 0);
			else
				assert_int_equal(store_log(f->store, second(i), id, bytes_of(body)), 0);
		}
		assert_int_equal(store_end(f->store, second(i), true), 0);
	}
	assert_int_equal(number(f, "SELECT count(*) FROM logs WHERE at = (SELECT max(at) FROM logs)"), 10);
	assert_true(number(f, "SELECT count(*) FROM logs") > 200);
	assert_int_equal(number(f, "SELECT count(*) FROM spans"), 0);
}

static void test_a_lower_limit_shrinks_the_file(void **state)
{
	struct fixture *f = *state;
	char body[1000], id[32];

	memset(body, 'b', sizeof body);
	f->limits.bytes = 16 << 20;
	reopen(f);
	assert_int_equal(store_begin(f->store), 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(id, sizeof id, "%d", i);
		assert_int_equal(store_log(f->store, second(i), id, (struct bytes){ body, sizeof body }), 0);
	}
	assert_int_equal(store_end(f->store, second(3600), true), 0);
	assert_true(number(f, "SELECT count(*) FROM logs") == 5000);
	f->limits.bytes = LIMIT;
	reopen(f);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_end(f->store, second(3600), true), 0);
	reopen(f);
	assert_true(size_of(f, "store.db") <= LIMIT * 3 / 4);
	assert_int_equal(number(f, "SELECT count(*) FROM logs WHERE id = '4999'"), 1);
}

static void damage(const struct fixture *f, const char *file, off_t from, off_t until)
{
	char name[128], noise[4096];
	int fd;

	name_of(f, file, name);
	memset(noise, 0xa5, sizeof noise);
	fd = open(name, O_WRONLY);
	for (off_t at = from; at < until; at += (off_t)sizeof noise)
		assert_int_equal(pwrite(fd, noise, sizeof noise, at), sizeof noise);
	close(fd);
}

static void test_damage_is_set_aside(void **state)
{
	struct fixture *f = *state;

	put_log(f, 0, "a", "before");
	close_store(f);
	damage(f, "store.db", 0, 4096);
	open_store(f);
	put_log(f, 1, "b", "after");
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 1);
	assert_true(size_of(f, "store.db.corrupt-1") > 0);
}

/* Found while writing: the transaction fails, the next has a new file. */
static void test_damage_found_late_is_set_aside(void **state)
{
	struct fixture *f = *state;
	int failed;

	put_log(f, 0, "a", "before");
	close_store(f);
	damage(f, "store.db", 4096, size_of(f, "store.db"));
	open_store(f);
	failed = store_begin(f->store);
	if (!failed)
		failed = store_log(f->store, second(1), "b", bytes_of("x"));
	assert_int_equal(failed, -EBADMSG);
	assert_true(store_end(f->store, second(1), false) <= 0);
	put_log(f, 2, "c", "after");
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 1);
	assert_true(size_of(f, "store.db.corrupt-1") > 0);
}

/* What a neighbour on the volume has put into the schema: see base/strange_db.h. */
static void test_triggers_of_others_do_nothing(void **state)
{
	struct fixture *f = *state;

	put_log(f, 0, "a", "before");
	close_store(f);
	change(f, "CREATE TRIGGER t AFTER INSERT ON logs BEGIN DELETE FROM logs; END");
	open_store(f);
	put_log(f, 1, "b", "after");
	assert_int_equal(number(f, "SELECT count(*) FROM logs"), 2);
}

static void test_tables_of_others_are_set_aside(void **state)
{
	static const char *const changes[] = {
		"DROP TABLE logs; CREATE VIEW logs AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r)"
		" SELECT n AS at, n AS id, n AS body, n AS rowid FROM r",
		"CREATE INDEX i ON logs (upper(body))",
	};
	struct fixture *f = *state;
	char name[64];

	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		close_store(f);
		change(f, changes[i]);
		open_store(f);
		snprintf(name, sizeof name, "store.db.corrupt-%zu", i + 1);
		assert_true(size_of(f, name) > 0);
	}
}

/* Nobody asks for it but `show`, which would never end. */
static void test_show_asks_no_view_of_others(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	change(f, "DROP TABLE samples; CREATE VIEW samples AS"
		  " WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r)"
		  " SELECT n AS at, n AS series, n AS value, n AS rowid FROM r");
	assert_int_equal(store_show(f->folder, "metrics", &(struct store_show_options){ .limit = 1 }, stdout), -EIO);
	open_store(f);
}

static void test_a_newer_version_is_left_alone(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	change(f, "PRAGMA user_version = 9");
	assert_int_equal(is_refused(f, "newer"), -EPROTO);
	assert_int_equal(size_of(f, "store.db.corrupt-1"), 0);
}

static void test_others_may_not_read_it(void **state)
{
	struct fixture *f = *state;
	struct stat info;
	char name[128];

	name_of(f, "store.db", name);
	assert_int_equal(stat(name, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

/* Show. */

static void assert_shown(struct fixture *f, const char *what, const struct store_show_options *o, const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	assert_int_equal(store_show(f->folder, what, o, to), 0);
	fclose(to);
	assert_string_equal(text, expected);
	free(text);
}

static const struct store_show_options plain = { .limit = 50 }, as_json = { .limit = 50, .json = true },
				       coloured = { .limit = 50, .colour = true };

static void test_logs_for_people(void **state)
{
	struct fixture *f = *state;

	put_log(f, 0, "1",
		"{\"time\":\"x\",\"level\":\"error\",\"msg\":\"no \\u001b[31m way\",\"user\":7,\"a\":{\"b\":[1]}}");
	put_log(f, 1, "2", "{\"level\":30,\"message\":\"pino ü\"}");
	put_log(f, 2, "3", "plain \033[2J text \xc2\x9b \xe2\x80\xaegpj.exe");
	put_log(f, 3, "4", "[1,2]");
	put_log(f, 4, "5", "{\"severity\":\"WARNING\",\"message\":\"hm\"}");
	assert_shown(f, "logs", &plain,
		"2023-11-14T22:13:20.123Z error no ?[31m way user=7 a={\"b\":[1]}\n"
		"2023-11-14T22:13:21.123Z info  pino ü\n"
		"2023-11-14T22:13:22.123Z plain ?[2J text ? ?gpj.exe\n"
		"2023-11-14T22:13:23.123Z [1,2]\n"
		"2023-11-14T22:13:24.123Z WARNING hm\n");
	assert_shown(f, "logs", &(struct store_show_options){ .limit = 1, .colour = true },
		"\033[2m2023-11-14T22:13:24.123Z\033[0m \033[33mWARNING\033[0m hm\033[2m\033[0m\n");
	assert_shown(f, "logs", &(struct store_show_options){ .limit = 50, .since = second(4), .json = true },
		"{\"severity\":\"WARNING\",\"message\":\"hm\"}\n");
}

/* By their own names and layouts; a line that says none has the time of its coming. */
static void test_logs_have_their_own_time(void **state)
{
	struct fixture *f = *state;

	put_log(f, 0, "1", "{\"@timestamp\":\"2023-11-14T22:13:05.250Z\",\"message\":\"third\"}");
	put_log(f, 0, "2", "{\"time\":1700000000000,\"msg\":\"fourth\"}");
	put_log(f, 0, "3", "{\"ts\":\"2023-11-14T22:13:06+00:10\",\"msg\":\"first\"}");
	put_log(f, 1, "4", "no time");
	put_log(f, 2, "5", "{\"asctime\":\"2023-11-14 22:04:00,500\",\"message\":\"second\"}");
	assert_shown(f, "logs", &plain,
		"2023-11-14T22:03:06.000Z       first\n"
		"2023-11-14T22:04:00.500Z       second asctime=\"2023-11-14 22:04:00,500\"\n"
		"2023-11-14T22:13:05.250Z       third\n"
		"2023-11-14T22:13:20.000Z       fourth\n"
		"2023-11-14T22:13:21.123Z no time\n");
	assert_shown(f, "logs", &(struct store_show_options){ .limit = 50, .since = second(-1) },
		"2023-11-14T22:13:20.000Z       fourth\n"
		"2023-11-14T22:13:21.123Z no time\n");
	/* The newest that came, though their own times are older. */
	assert_shown(f, "logs", &(struct store_show_options){ .limit = 2 },
		"2023-11-14T22:04:00.500Z       second asctime=\"2023-11-14 22:04:00,500\"\n"
		"2023-11-14T22:13:21.123Z no time\n");
}

static void test_logs_that_are_asked_for(void **state)
{
	static const struct {
		struct store_show_options o;
		const char *lines;
	} asked[] = {
		{ { .grep = "way" }, "{\"level\":\"error\",\"message\":\"no way\",\"service\":\"api\"}\n" },
		{ { .grep = "WAY" }, "" },
		{ { .grep = "%" }, "{\"at\":1700000004123000000,\"body\":\"100%\"}\n" },
		{ { .level = SEVERITY_WARN }, "{\"level\":\"error\",\"message\":\"no way\",\"service\":\"api\"}\n"
					      "{\"level\":40,\"msg\":\"pino\",\"traceId\":\"ABCD01\"}\n" },
		{ { .level = SEVERITY_FATAL }, "" },
		{ { .service = "api" }, "{\"level\":\"error\",\"message\":\"no way\",\"service\":\"api\"}\n"
					"{\"service\":{\"name\":\"api\"},\"trace\":{\"id\":\"abcd02\"}}\n"
					"{\"service.name\":\"api\",\"trace.id\":\"ef\"}\n" },
		{ { .service = "ap" }, "" },
		{ { .trace = "aBcD" }, "{\"level\":40,\"msg\":\"pino\",\"traceId\":\"ABCD01\"}\n"
				       "{\"service\":{\"name\":\"api\"},\"trace\":{\"id\":\"abcd02\"}}\n" },
		{ { .trace = "ef" }, "{\"service.name\":\"api\",\"trace.id\":\"ef\"}\n" },
		{ { .trace = "abcd", .service = "api", .grep = "02" },
			"{\"service\":{\"name\":\"api\"},\"trace\":{\"id\":\"abcd02\"}}\n" },
	};
	struct fixture *f = *state;

	put_log(f, 0, "1", "{\"level\":\"error\",\"message\":\"no way\",\"service\":\"api\"}");
	put_log(f, 1, "2", "{\"level\":40,\"msg\":\"pino\",\"traceId\":\"ABCD01\"}");
	put_log(f, 2, "3", "{\"service\":{\"name\":\"api\"},\"trace\":{\"id\":\"abcd02\"}}");
	put_log(f, 3, "4", "{\"service.name\":\"api\",\"trace.id\":\"ef\"}");
	put_log(f, 4, "5", "100%");
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		struct store_show_options o = asked[i].o;
		o.limit = 50;
		o.json = true;
		assert_shown(f, "logs", &o, asked[i].lines);
	}
}

/* What a terminal would take for a command is escaped, and the line is the same JSON. */
static void test_json_lines_do_nothing_to_a_terminal(void **state)
{
	struct fixture *f = *state;
	struct store_span one = span("t", "s", 0);

	one.name = "a\x7f\xc2\x9b"
		   "b";
	put_log(f, 0, "1",
		"{\t\"m\":\"a\x7f\xc2\x9b"
		"1m\"}");
	put_log(f, 1, "2",
		"\xc2\x9b"
		"1m");
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_span(f->store, second(0), &one), 0);
	assert_int_equal(store_sample(f->store, second(0), bytes_of("x{a=\"\x7f\"}"), 1), 0);
	assert_int_equal(store_end(f->store, second(1), true), 0);
	assert_shown(f, "logs", &as_json,
		"{ \"m\":\"a\\u007f\\u009b1m\"}\n{\"at\":1700000001123000000,\"body\":\"\\u009b1m\"}\n");
	assert_shown(f, "metrics", &as_json,
		"{\"at\":1700000000123000000,\"series\":\"x{a=\\\"\\u007f\\\"}\",\"value\":1.0}\n");
	assert_shown(f, "traces", &as_json,
		"{\"start_ns\":1700000000123000000,\"end_ns\":1700000000135000000,\"trace_id\":\"t\",\"span_id\":\"s\","
		"\"parent_id\":\"\",\"service\":\"api\",\"name\":\"a\\u007f\\u009bb\",\"details\":{}}\n");
}

static void test_logs_as_json_lines(void **state)
{
	struct fixture *f = *state;

	put_log(f, 0, "1", "{\"n\":1.10}");
	put_log(f, 0, "2", "not \"json\" \xff");
	assert_shown(f, "logs", &as_json,
		"{\"n\":1.10}\n{\"at\":1700000000123000000,\"body\":\"not \\\"json\\\" \xef\xbf\xbd\"}\n");
}

static void test_traces(void **state)
{
	struct fixture *f = *state;
	struct store_span root = span("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1111111111111111", 10),
			  other = span("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "3333333333333333", 12),
			  child = span("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "2222222222222222", 15);

	child.parent_id = root.span_id;
	child.status = 2;
	child.name = "SELECT\n1";
	child.service = "database of some length";
	child.details = "{\"x\":1}";
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_span(f->store, second(0), &child), 0);
	assert_int_equal(store_span(f->store, second(0), &other), 0);
	assert_int_equal(store_span(f->store, second(0), &root), 0);
	assert_int_equal(store_end(f->store, second(1), true), 0);
	assert_shown(f, "traces", &plain,
		"2023-11-14T22:13:20.133Z aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa api                  12.000 ms GET /\n"
		"2023-11-14T22:13:20.138Z aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa database of some length     12.000 ms   "
		"SELECT?1 (error)\n"
		"2023-11-14T22:13:20.135Z bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb api                  12.000 ms GET /\n");
	assert_shown(f, "traces", &(struct store_show_options){ .limit = 1, .json = true },
		"{\"start_ns\":1700000000138000000,\"end_ns\":1700000000150000000,"
		"\"trace_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"span_id\":\"2222222222222222\","
		"\"parent_id\":\"1111111111111111\",\"service\":\"database of some length\",\"name\":\"SELECT\\n1\","
		"\"details\":{\"x\":1}}\n");
}

static void test_errors_and_exceptions_of_spans(void **state)
{
	struct fixture *f = *state;
	struct store_span one = span("aa", "1", 0), two = span("bb", "2", 1);

	one.status = 2;
	one.details = "{\"status\":{\"message\":\"no "
		      "\\u001b[31mdatabase\",\"code\":2},\"events\":[{\"name\":\"retry\"},"
		      "{\"name\":\"exception\",\"attributes\":["
		      "{\"key\":\"exception.type\",\"value\":{\"stringValue\":\"IOError\"}},"
		      "{\"key\":\"exception.message\",\"value\":{\"stringValue\":\"refused\\nat a.c:1\"}}]}]}";
	two.details = "{\"status\":{\"message\":\"not shown\",\"code\":1},\"events\":[{\"attributes\":["
		      "{\"key\":\"exception.type\",\"value\":{\"stringValue\":\"Handled\"}}]},{\"attributes\":7}]}";
	two.service = "db";
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_span(f->store, second(0), &one), 0);
	assert_int_equal(store_span(f->store, second(0), &two), 0);
	assert_int_equal(store_end(f->store, second(1), true), 0);
	assert_shown(f, "traces", &plain,
		"2023-11-14T22:13:20.123Z aa                               api                  12.000 ms GET / "
		"(error)\n"
		"    error: no ?[31mdatabase\n"
		"    exception: IOError: refused\n"
		"2023-11-14T22:13:20.124Z bb                               db                   12.000 ms GET /\n"
		"    exception: Handled\n");
	assert_shown(f, "traces", &(struct store_show_options){ .limit = 5, .service = "db" },
		"2023-11-14T22:13:20.124Z bb                               db                   12.000 ms GET /\n"
		"    exception: Handled\n");
	assert_shown(f, "traces", &(struct store_show_options){ .limit = 5, .trace = "B", .grep = "Handled" },
		"2023-11-14T22:13:20.124Z bb                               db                   12.000 ms GET /\n"
		"    exception: Handled\n");
	assert_shown(f, "traces", &(struct store_show_options){ .limit = 5, .since = second(1) }, "");
	assert_shown(f, "traces", &(struct store_show_options){ .limit = 5, .grep = "nowhere" }, "");
}

static void test_the_newest_metrics(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_sample(f->store, second(0), bytes_of("up{a=\"b\"}"), 1), 0);
	assert_int_equal(store_sample(f->store, second(1), bytes_of("up{a=\"b\"}"), 0.5), 0);
	assert_int_equal(store_sample(f->store, second(1), bytes_of("x"), 0.0 / 0.0), 0);
	assert_int_equal(store_sample(f->store, second(1), bytes_of("y"), 1 / 0.0), 0);
	assert_int_equal(store_end(f->store, second(1), true), 0);
	assert_shown(f, "metrics", &plain,
		"2023-11-14T22:13:21.123Z up{a=\"b\"}                                                    0.5\n"
		"2023-11-14T22:13:21.123Z x                                                            NaN\n"
		"2023-11-14T22:13:21.123Z y                                                            +Inf\n");
	assert_shown(f, "metrics", &as_json,
		"{\"at\":1700000001123000000,\"series\":\"up{a=\\\"b\\\"}\",\"value\":0.5}\n"
		"{\"at\":1700000001123000000,\"series\":\"x\",\"value\":\"NaN\"}\n"
		"{\"at\":1700000001123000000,\"series\":\"y\",\"value\":\"+Inf\"}\n");
	assert_shown(f, "metrics", &(struct store_show_options){ .limit = 3, .since = second(0), .grep = "up{" },
		"2023-11-14T22:13:20.123Z up{a=\"b\"}                                                    1\n"
		"2023-11-14T22:13:21.123Z up{a=\"b\"}                                                    0.5\n");
}

static void test_show_says_what_is_wrong(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_show(f->folder, "cats", &coloured, stdout), -EINVAL);
	assert_int_equal(store_show("/nonexistent", "logs", &coloured, stdout), -ENOENT);
	assert_shown(f, "logs", &coloured, "");
}

static void test_show_waits_for_no_fifo(void **state)
{
	char folder[] = "/tmp/oxp-show-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/store.db", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(120);
	assert_int_equal(store_show(folder, "logs", &coloured, stdout), -ENOENT);
	alarm(0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* An app that shares the volume makes links where the store's files will be. */
static void test_what_others_planted_is_refused(void **state)
{
	static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm", "store.db-journal" };
	struct fixture *f = *state;
	char victim[128], path[128];
	struct stat info;
	int fd;

	close_store(f);
	name_of(f, "victim", victim);
	fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "dear", 4), 4);
	close(fd);
	for (size_t i = 0; i < 2 * COUNT_OF(names); i++) {
		name_of(f, names[i / 2], path);
		(void)unlink(path);
		assert_int_equal(i % 2 ? link(victim, path) : symlink(victim, path), 0);
		assert_true(is_refused(f, "expected") < 0);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(stat(victim, &info), 0);
	assert_int_equal(info.st_size, 4);
	assert_int_equal(info.st_mode & 0777, 0644);
	open_store(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_rows_are_kept_once),
		TEST(test_what_is_not_wanted_is_not_kept),
		TEST(test_a_file_without_its_name_takes_nothing),
		TEST(test_the_old_goes),
		TEST(test_a_file_of_version_1_is_taken_over),
		TEST(test_show_says_what_to_do_about_other_versions),
		TEST(test_spans_are_as_old_as_they_are_here),
		TEST(test_spans_from_the_future_give_way),
		TEST(test_the_file_is_bounded),
		TEST(test_a_lower_limit_shrinks_the_file),
		TEST(test_damage_is_set_aside),
		TEST(test_damage_found_late_is_set_aside),
		TEST(test_triggers_of_others_do_nothing),
		TEST(test_tables_of_others_are_set_aside),
		TEST(test_show_asks_no_view_of_others),
		TEST(test_a_newer_version_is_left_alone),
		TEST(test_others_may_not_read_it),
		TEST(test_what_others_planted_is_refused),
		TEST(test_logs_for_people),
		TEST(test_logs_have_their_own_time),
		TEST(test_logs_that_are_asked_for),
		TEST(test_json_lines_do_nothing_to_a_terminal),
		TEST(test_errors_and_exceptions_of_spans),
		TEST(test_logs_as_json_lines),
		TEST(test_traces),
		TEST(test_the_newest_metrics),
		TEST(test_show_says_what_is_wrong),
		TEST(test_show_waits_for_no_fifo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
