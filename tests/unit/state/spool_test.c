/*
 * The spool is first in, first out for each key, over restarts and around damage; parked records have a ceiling; the
 * mapped ledger keeps its terms.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "folder.h"

#include "state/parked_each.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

/* What take() answered last. */
struct taken {
	struct folder *f;
	struct state_spooled row;
	char payload[3 * MIB];
};

static void on_taken(void *context, const struct state_spooled *row)
{
	struct taken *t = context;

	t->row = *row;
	assert_true(row->payload.size <= sizeof t->payload);
	if (row->payload.size)
		memcpy(t->payload, row->payload.data, row->payload.size);
	folder_answer(t->f, row->failed);
}

static int take(struct taken *t, const char *key, uint64_t after)
{
	t->f->asked++;
	state_spool_take(t->f->state, key, after, on_taken, t);
	return folder_wait(t->f);
}

static void ask_to_put(struct folder *f, const char *key, const struct state_payload *payload)
{
	struct state_change *c = state_change_new();

	state_change_spool(c, key, payload);
	folder_ask(f, &c);
}

static int put(struct folder *f, const char *key, const char *text)
{
	struct iovec piece = { (char *)text, strlen(text) };

	ask_to_put(f, key, &(struct state_payload){ .amount = { 1, piece.iov_len }, .pieces = &piece, .count = 1 });
	return folder_wait(f);
}

static int drop(struct folder *f, uint64_t id)
{
	f->asked++;
	state_spool_drop(f->state, &id, 1, folder_answer, f);
	return folder_wait(f);
}

static void assert_taken(struct taken *t, const char *payload)
{
	assert_int_equal(t->row.payload.size, strlen(payload));
	assert_memory_equal(t->payload, payload, strlen(payload));
}

static void test_first_in_first_out_over_a_restart(void **state)
{
	struct folder *f = *state;
	struct taken *t = oxp_new(sizeof *t);
	uint64_t first;

	t->f = f;
	assert_int_equal(take(t, "a", 0), -ENOENT);
	assert_int_equal(put(f, "a", "one"), 0);
	assert_int_equal(put(f, "b", "other"), 0);
	assert_int_equal(put(f, "a", "second"), 0);
	assert_int_equal(put(f, "a", ""), 0);
	folder_restart(f);
	assert_int_equal(folder_spool_bytes(f, "a"), 9);
	assert_int_equal(folder_spool_bytes(f, "b"), 5);
	assert_int_equal(take(t, "a", 0), 0);
	assert_taken(t, "one");
	assert_int_equal(t->row.amount.records, 1);
	assert_int_equal(t->row.amount.bytes, 3);
	first = t->row.id;
	assert_int_equal(take(t, "a", first), 0);
	assert_taken(t, "second");
	assert_int_equal(drop(f, first), 0);
	assert_int_equal(folder_spool_bytes(f, "a"), 6);
	assert_int_equal(take(t, "a", t->row.id), 0);
	assert_taken(t, "");
	assert_int_equal(take(t, "a", t->row.id), -ENOENT);
	assert_int_equal(drop(f, first), 0);
	assert_int_equal(folder_spool_bytes(f, "a"), 6);
	free(t);
}

/* Larger than a row, out of pieces that do not end where rows end. */
static void test_a_large_payload_comes_back_whole(void **state)
{
	struct folder *f = *state;
	struct taken *t = oxp_new(sizeof *t);
	char *all = oxp_new(2 * MIB + 5);
	struct iovec pieces[] = { { all, 10 }, { all + 10, 0 }, { all + 10, MIB }, { all + 10 + MIB, MIB - 5 } };

	t->f = f;
	for (size_t i = 0; i < 2 * MIB + 5; i++)
		all[i] = (char)(i * 31 >> 3);
	ask_to_put(f, "a", &(struct state_payload){ .pieces = pieces, .count = 4 });
	assert_int_equal(folder_spool_bytes(f, "a"), 2 * MIB + 5);
	assert_int_equal(folder_wait(f), 0);
	assert_int_equal(put(f, "a", "next"), 0);
	assert_int_equal(folder_number(f, "SELECT max(length(payload)) FROM spool"), MIB);
	folder_restart(f);
	assert_int_equal(take(t, "a", 0), 0);
	assert_int_equal(t->row.payload.size, 2 * MIB + 5);
	assert_memory_equal(t->payload, all, 2 * MIB + 5);
	assert_int_equal(drop(f, t->row.id), 0);
	assert_int_equal(folder_number(f, "SELECT count(*) FROM spool"), 1);
	assert_int_equal(take(t, "a", 0), 0);
	assert_taken(t, "next");
	free(all);
	free(t);
}

static void test_damage_is_passed_over_and_kept(void **state)
{
	struct folder *f = *state;
	struct taken *t = oxp_new(sizeof *t);

	t->f = f;
	assert_int_equal(put(f, "a", "first"), 0);
	assert_int_equal(put(f, "a", "second"), 0);
	assert_int_equal(put(f, "a", "third"), 0);
	folder_restart(f);
	folder_sql(f, "UPDATE spool SET payload = x'666f7273' WHERE payload = x'6669727374'");
	folder_sql(f, "UPDATE spool SET checksum = checksum + 1 WHERE payload = CAST('second' AS BLOB)");
	assert_int_equal(take(t, "a", 0), 0);
	assert_taken(t, "third");
	assert_int_equal(state_spool_damaged(f->state), 2);
	assert_int_equal(take(t, "a", t->row.id), -ENOENT);
	folder_restart(f);
	assert_int_equal(folder_number(f, "SELECT count(*) FROM damaged"), 2);
	assert_int_equal(folder_number(f, "SELECT count(*) FROM spool"), 1);
	assert_int_equal(folder_spool_bytes(f, "a"), 5);
	free(t);
}

static void test_of_damage_only_so_much_is_kept(void **state)
{
	struct folder *f = *state;
	struct taken *t = oxp_new(sizeof *t);
	struct state_change *c = state_change_new();
	char letter = 'x';
	struct iovec x = { &letter, 1 };

	t->f = f;
	for (int i = 0; i < 70; i++)
		state_change_spool(c, "k", &(struct state_payload){ .amount = { 1, 1 }, .pieces = &x, .count = 1 });
	assert_int_equal(folder_commit(f, c), 0);
	folder_sql(f, "UPDATE spool SET checksum = 1");
	assert_int_equal(take(t, "k", 0), -ENOENT);
	assert_int_equal(state_spool_damaged(f->state), 70);
	folder_restart(f);
	assert_int_equal(folder_number(f, "SELECT count(*) FROM damaged"), 64);
	assert_int_equal(folder_number(f, "SELECT count(*) FROM spool"), 0);
	free(t);
}

static bool collect(void *context, uint64_t id, const struct ledger_amount *amount, struct bytes payload)
{
	struct buffer *b = context;

	(void)id;
	assert_int_equal(amount->records, 2);
	if (payload.data) /* NULL: it is damaged */
		assert_int_equal(buffer_append(b, payload.data, payload.size), 0);
	return b->size < 6;
}

static void test_loading_at_start(void **state)
{
	struct folder *f = *state;
	char letters[] = "aaxxbbccdd";
	struct iovec texts[5];
	uint64_t ids[COUNT_OF(texts)];
	struct state_change *c = state_change_new();
	struct buffer b;
	uint64_t damaged;

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		texts[i] = (struct iovec){ letters + 2 * i, 2 };
		state_change_spool(c, "k",
			&(struct state_payload){
				.amount = { 2, 2 }, .pieces = &texts[i], .count = 1, .ret_id = &ids[i] });
	}
	assert_int_equal(folder_commit(f, c), 0);
	for (size_t i = 1; i < COUNT_OF(ids); i++)
		assert_true(ids[i - 1] > 0 && ids[i] > ids[i - 1]);
	folder_restart(f);
	folder_sql(f, "UPDATE spool SET checksum = checksum + 1 WHERE payload = x'7878'");
	buffer_init(&b, 100);
	assert_int_equal(state_spool_load(f->state, "k", collect, &b, &damaged), 0);
	assert_int_equal(damaged, 1);
	assert_true(bytes_are(buffer_bytes(&b), "aabbcc"));
	buffer_clear(&b);
	assert_int_equal(state_spool_load(f->state, "none", collect, &b, &damaged), 0);
	assert_int_equal(b.size + damaged, 0);
	assert_int_equal(folder_spool_bytes(f, "k"), 8);
	buffer_done(&b);
}

static void test_a_start_does_not_take_the_spool_into_memory(void **state)
{
	struct folder *f = *state;
	char *text = oxp_new(MIB);

	memset(text, 'x', MIB - 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(put(f, i % 2 ? "a" : "b", text), 0);
	folder_stop(f);
	(void)sqlite3_memory_highwater(1);
	assert_int_equal(folder_start(f), 0);
	assert_true(sqlite3_memory_highwater(0) < 2 * MIB);
	assert_int_equal(folder_spool_bytes(f, "a"), 4 * (MIB - 1));
	assert_int_equal(state_spool_bytes_all(f->state), 8 * (MIB - 1));
	free(text);
}

/* Its checksum is right, and all of it would have to be in memory. */
static void test_a_row_larger_than_any_of_ours_is_damaged(void **state)
{
	enum { LARGE = 5 << 20 };
	struct folder *f = *state;
	char sql[200], *zeros = oxp_new(LARGE);
	struct buffer b;
	uint64_t damaged;

	assert_int_equal(put(f, "k", "ab"), 0);
	folder_stop(f);
	snprintf(sql, sizeof sql, "UPDATE spool SET payload = zeroblob(%d), checksum = %lld, records = 2", LARGE,
		(long long)XXH3_64bits(zeros, LARGE));
	folder_sql(f, sql);
	assert_int_equal(folder_start(f), 0);
	buffer_init(&b, LARGE);
	assert_int_equal(state_spool_load(f->state, "k", collect, &b, &damaged), 0);
	assert_int_equal(damaged, 1);
	assert_int_equal(b.size, 0);
	buffer_done(&b);
	free(zeros);
}

static void test_the_spool_leaves_room_for_the_rest(void **state)
{
	struct folder *f = *state;
	char *text = oxp_new(MIB);
	struct state_change *c = state_change_new();
	int failed = 0, kept = 0;

	memset(text, 'x', MIB - 1);
	for (; kept < 100 && !failed; kept++)
		failed = put(f, "a", text);
	assert_int_equal(failed, -ENOSPC);
	assert_int_equal(kept - 1, 16 - 4 - 1 - 1); /* a row counts a little more than what is in it */
	assert_true(folder_spool_bytes(f, "a") < (uint64_t)kept * MIB);
	state_change_position(c, "tail", &(struct position){ .generation = 1 });
	assert_int_equal(folder_commit(f, c), 0);
	assert_true(folder_number(f, "PRAGMA page_count") * 4096 <= FOLDER_MAX_BYTES);
	free(text);
}

/* Of many small rows, what SQLite needs for each is more than what is in them. */
static void test_small_rows_leave_it_too(void **state)
{
	struct folder *f = *state;
	char letter = 'x';
	struct iovec x = { &letter, 1 };
	int failed = 0;

	while (!failed) {
		struct state_change *c = state_change_new();
		for (int i = 0; i < 1000; i++)
			state_change_spool(c, "logs logs.collect.bulk logs.export.elasticsearch",
				&(struct state_payload){ .amount = { 1, 1 }, .pieces = &x, .count = 1 });
		failed = folder_commit(f, c);
	}
	assert_int_equal(failed, -ENOSPC);
	assert_int_equal(state_trouble(f->state), 0); /* said by the ceiling, not by the disk */
	for (uint64_t i = 1; i < 100; i++) {
		struct state_change *c = state_change_new();
		state_change_position(c, "tail", &(struct position){ .generation = i });
		assert_int_equal(folder_commit(f, c), 0);
	}
	folder_restart(f);
	failed = put(f, "a", "x");
	assert_true(failed == 0 || failed == -ENOSPC);
	folder_sql(f, "DELETE FROM spool");
	folder_restart(f);
	assert_int_equal(put(f, "a", "x"), 0);
}

static struct state_parked record(struct bytes payload)
{
	return (struct state_parked){ .at = { 1700000000000000000 },
		.source = "logs.collect.tail",
		.destination = "logs.export.elasticsearch",
		.reason = "400: no such field",
		.signal = "logs",
		.records = 1,
		.tries = 3,
		.generation = 7,
		.offset = UINT64_MAX,
		.payload = payload };
}

struct parked_seen {
	size_t count, damaged;
	uint64_t bytes;
};

static void see_parked(void *context, const struct state_parked *r)
{
	struct parked_seen *s = context;

	s->count++;
	s->damaged += r->damaged;
	s->bytes += r->payload.size;
	assert_int_equal(r->at.ns, 1700000000000000000);
	assert_string_equal(r->source, "logs.collect.tail");
	assert_string_equal(r->destination, "logs.export.elasticsearch");
	assert_string_equal(r->reason, "400: no such field");
	assert_int_equal(r->tries, 3);
	assert_true(r->generation == 7 && r->offset == UINT64_MAX);
}

static void test_parked_records_are_listed(void **state)
{
	struct folder *f = *state;
	const struct state_parked records[] = { record(bytes_of("{}")), record(bytes_of("")), record(bytes_of("abc")) };
	struct parked_seen s = { .count = 0 };

	assert_int_equal(folder_park(f, records, 3), 0);
	assert_int_equal(state_parked_each(f->path, see_parked, &s), 0);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.damaged, 0);
	assert_int_equal(s.bytes, 5);
	folder_restart(f);
	folder_sql(f, "UPDATE parked SET payload = x'00' WHERE length(payload) = 2");
	s = (struct parked_seen){ .count = 0 };
	assert_int_equal(state_parked_each(f->path, see_parked, &s), 0);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.damaged, 1);
	assert_int_equal(state_parked_count(f->state), 3);
	assert_true(state_parked_each("/nonexistent", see_parked, &s) < 0);
}

static void test_parked_records_have_a_ceiling(void **state)
{
	struct folder *f = *state;
	char *payload = oxp_new(512 * KIB);
	struct state_parked pair[] = { record((struct bytes){ payload, 512 * KIB }), record(bytes_of("")) };
	int kept = 0;

	while (kept < 20 && folder_park(f, pair, 1) == 0)
		pair[0].offset = (uint64_t)++kept;
	assert_int_equal(kept, 7); /* each counts a KiB beyond its payload */
	assert_int_equal(f->answers[(f->answered - 1) % COUNT_OF(f->answers)], -ENOSPC);
	pair[1] = pair[0];
	pair[0] = record(bytes_of(""));
	assert_int_equal(folder_park(f, pair, 2), -ENOSPC); /* all or none */
	assert_int_equal(state_parked_count(f->state), 7);
	assert_int_equal(folder_park(f, pair, 1), 0);
	folder_restart(f);
	assert_int_equal(state_parked_count(f->state), 8);
	assert_int_equal(state_parked_bytes(f->state), 7 * 512 * KIB + 8 * KIB);
	assert_int_equal(folder_park(f, pair, 2), -ENOSPC);
	free(payload);
}

static void test_mapped_terms_outlive_the_run(void **state)
{
	struct folder *f = *state;
	struct ledger_terms *terms = state_slot(f->state, "traces otlp jaeger");

	assert_int_equal(terms->term[LEDGER_RECEIVED].records, 0);
	terms->term[LEDGER_RECEIVED].records = 42;
	state_slot(f->state, "traces otlp store")->term[15].bytes = UINT64_MAX;
	folder_restart(f);
	assert_int_equal(state_slot(f->state, "traces otlp jaeger")->term[LEDGER_RECEIVED].records, 42);
	assert_true(state_slot(f->state, "traces otlp store")->term[15].bytes == UINT64_MAX);
	assert_int_equal(state_slot(f->state, "traces otlp")->term[0].records, 0);
	assert_int_equal(state_set_aside(f->state), 0);
}

static void test_slots_end(void **state)
{
	struct folder *f = *state;
	char key[32];

	for (int i = 0; i < STATE_SLOTS; i++) {
		snprintf(key, sizeof key, "key %d", i);
		assert_non_null(state_slot(f->state, key));
	}
	assert_null(state_slot(f->state, "one more"));
	assert_non_null(state_slot(f->state, "key 0"));
}

static void poke(struct folder *f, const void *data, size_t size, off_t at)
{
	char name[128];
	int fd;

	folder_file(f, "ledger", name);
	fd = open(name, O_WRONLY);
	assert_int_equal(pwrite(fd, data, size, at), size);
	close(fd);
}

/* Torn, foreign, of another size: each is set aside and begun anew. */
static void test_a_foreign_ledger_is_set_aside(void **state)
{
	struct folder *f = *state;
	char name[128];

	folder_file(f, "ledger", name);
	for (int i = 0; i < 3; i++) {
		state_slot(f->state, "key")->term[0].records = 9;
		folder_stop(f);
		if (i == 0)
			poke(f, "something else", 14, 0);
		if (i == 1)
			poke(f, "\377", 1, 33); /* the checksum of the header */
		if (i == 2)
			assert_int_equal(truncate(name, 5000), 0);
		assert_int_equal(folder_start(f), 0);
		assert_int_equal(state_set_aside(f->state), 1);
		assert_int_equal(state_slot(f->state, "key")->term[0].records, 0);
	}
	assert_true(folder_has(f, "ledger.corrupt-3"));
}

/* Others can write to the folder. Whoever maps a file that is cut down gets SIGBUS. */
static void test_a_ledger_that_is_cut_down_is_written_anew(void **state)
{
	struct folder *f = *state;
	struct ledger_terms *terms = state_slot(f->state, "traces otlp jaeger");
	char name[128];

	folder_file(f, "ledger", name);
	terms->term[LEDGER_RECEIVED].records = 42;
	assert_int_equal(truncate(name, 0), 0);
	terms->term[LEDGER_HELD].records = 41;
	assert_int_equal(folder_commit(f, state_change_new()), 0);
	folder_restart(f);
	assert_int_equal(state_set_aside(f->state), 0);
	assert_int_equal(state_loss(f->state), STATE_NO_LOSS);
	terms = state_slot(f->state, "traces otlp jaeger");
	assert_int_equal(terms->term[LEDGER_RECEIVED].records, 42);
	assert_int_equal(terms->term[LEDGER_HELD].records, 41);
}

/* Killed between the key and its checksum: no such row. */
static void test_a_torn_key_is_no_key(void **state)
{
	struct folder *f = *state;

	state_slot(f->state, "first")->term[0].records = 1;
	state_slot(f->state, "second")->term[0].records = 2;
	folder_stop(f);
	poke(f, "fir\0x", 5, 40);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 0);
	assert_int_equal(state_slot(f->state, "second")->term[0].records, 2);
	assert_int_equal(state_slot(f->state, "fir")->term[0].records, 0);
}

static bool see_row(void *context, uint64_t id, const struct ledger_amount *amount, struct bytes payload)
{
	(void)context, (void)id, (void)amount, (void)payload;
	return true;
}

/* Writes noise over the root of the spool's index, which nothing reads before the spool is loaded. */
static void damage_index(const struct folder *f)
{
	int64_t page = folder_number(f, "SELECT rootpage FROM sqlite_master WHERE name = 'spool_first'");
	char name[128], noise[2 * KIB];
	int fd;

	folder_file(f, "state.db", name);
	memset(noise, 0xa5, sizeof noise);
	fd = open(name, O_WRONLY);
	assert_int_equal(pwrite(fd, noise, sizeof noise, (page - 1) * 4 * KIB), sizeof noise);
	close(fd);
}

/* A large file is checked only after a kill. */
static void test_damage_that_loading_finds_is_looked_at_by_the_next_start(void **state)
{
	struct folder *f = *state;
	struct iovec piece = { oxp_new(MIB), MIB };
	uint64_t damaged;

	for (int i = 0; i < 5; i++) {
		ask_to_put(f, "a", &(struct state_payload){ .amount = { 1, MIB }, .pieces = &piece, .count = 1 });
		assert_int_equal(folder_wait(f), 0);
	}
	free(piece.iov_base);
	folder_stop(f);
	damage_index(f);
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 0);
	assert_int_equal(state_spool_load(f->state, "a", see_row, NULL, &damaged), -EBADMSG);
	folder_restart(f);
	assert_int_equal(state_set_aside(f->state), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_first_in_first_out_over_a_restart),
		TEST(test_a_large_payload_comes_back_whole),
		TEST(test_damage_is_passed_over_and_kept),
		TEST(test_of_damage_only_so_much_is_kept),
		TEST(test_loading_at_start),
		TEST(test_a_start_does_not_take_the_spool_into_memory),
		TEST(test_damage_that_loading_finds_is_looked_at_by_the_next_start),
		TEST(test_a_row_larger_than_any_of_ours_is_damaged),
		TEST(test_the_spool_leaves_room_for_the_rest),
		TEST(test_small_rows_leave_it_too),
		TEST(test_parked_records_are_listed),
		TEST(test_parked_records_have_a_ceiling),
		TEST(test_mapped_terms_outlive_the_run),
		TEST(test_slots_end),
		TEST(test_a_foreign_ledger_is_set_aside),
		TEST(test_a_ledger_that_is_cut_down_is_written_anew),
		TEST(test_a_torn_key_is_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
