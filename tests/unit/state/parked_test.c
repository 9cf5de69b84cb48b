/*
 * Parked records: once for each place, with what the saved position says of them, listed in pages, tried again,
 * dropped, and their share of the saved ledger moved in the same commit.
 */
#include "unit/state/folder.h"

static struct state_parked record(uint64_t offset)
{
	return (struct state_parked){ .at = { 1700000000000000000 },
		.source = "tail",
		.destination = "out",
		.reason = "400",
		.signal = "logs",
		.tries = 1,
		.records = 1,
		.generation = 5,
		.offset = offset,
		.placed = true,
		.payload = { "{\"a\":1}", 7 } };
}

/* Parks so many, from offset 0 on. */
static void park_many(struct folder *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct state_parked r = record(i);
		assert_int_equal(folder_park(f, &r, 1), 0);
	}
}

static void save_position(struct folder *f, uint64_t offset)
{
	struct state_change *c = state_change_new();

	state_change_position(c, "tail", &(struct position){ .generation = 5, .offset = offset });
	assert_int_equal(folder_commit(f, c), 0);
}

struct seen {
	struct folder *folder;
	size_t count, ready, payload, size;
	uint64_t first, end, last;
	uint32_t tries;
};

static void see(void *context, const struct state_parked_page *page)
{
	struct seen *s = context;

	s->count = page->count;
	s->last = page->last;
	for (size_t i = 0; i < page->count; i++) {
		const struct state_parked *r = &page->records[i];
		s->ready += r->ready;
		s->payload += r->payload.size;
		s->first = i ? s->first : r->id;
		s->end = r->id;
		s->tries = r->tries;
		assert_int_equal(r->size, s->size ? s->size : 7);
		assert_false(r->damaged);
		assert_string_equal(r->source, "tail");
		assert_string_equal(r->signal, "logs");
	}
	folder_answer(s->folder, page->failed);
}

static struct seen list(struct folder *f, const struct state_parked_query *query)
{
	struct seen s = { .folder = f };

	f->asked++;
	state_parked_read(f->state, query, see, &s);
	assert_int_equal(folder_wait(f), 0);
	return s;
}

static const struct state_parked_query all = { .rows = 100 };

static void test_a_place_is_parked_once(void **state)
{
	struct folder *f = *state;
	struct state_parked r = record(1), other = record(1);
	bool known = false;

	assert_int_equal(folder_park(f, &r, 1), 0);
	assert_int_equal(folder_park(f, &r, 1), 0);
	other.destination = "elsewhere";
	assert_int_equal(folder_park(f, &other, 1), 0);
	other.placed = false; /* of a door: with other bytes it is another one, which its writer gave the same name */
	other.known = &known;
	assert_int_equal(folder_park(f, &other, 1), 0);
	assert_false(known);
	assert_int_equal(folder_park(f, &other, 1), 0);
	assert_true(known);
	other.payload = bytes_of("another");
	assert_int_equal(folder_park(f, &other, 1), 0);
	assert_false(known);
	assert_int_equal(state_parked_count(f->state), 4);
	assert_int_equal(state_parked_bytes(f->state), 4 * (7 + STATE_PARKED_ROW));
	assert_int_equal(list(f, &all).count, 4);
	assert_int_equal(state_parked_sum(f->state, "logs", "tail", "elsewhere").records, 3);
	assert_int_equal(state_parked_sum(f->state, "logs", "tail", "elsewhere").bytes, 21);
	assert_int_equal(state_parked_sum(f->state, "traces", "tail", "elsewhere").records, 0);
}

/* As the version before could leave it over a kill. */
static void test_what_was_parked_twice_is_there_once(void **state)
{
	struct folder *f = *state;
	struct state_parked r = record(1), nameless = record(1);

	r.placed = nameless.placed = false;
	nameless.generation = 0;
	assert_int_equal(folder_park(f, &r, 1), 0);
	assert_int_equal(folder_park(f, &nameless, 1), 0);
	assert_int_equal(folder_park(f, &nameless, 1), 0);
	folder_stop(f);
	folder_sql(f, "DROP INDEX parked_once; ALTER TABLE positions DROP COLUMN ended; PRAGMA user_version = 6;"
		      "INSERT INTO parked (source, destination, generation, offset, checksum, placed, payload)"
		      " SELECT source, destination, generation, offset, checksum, placed, payload FROM parked"
		      " WHERE generation > 0");
	assert_int_equal(folder_start(f), 0);
	assert_int_equal(state_set_aside(f->state), 0);
	assert_int_equal(state_parked_count(f->state), 3);
}

static void test_ready_when_the_position_is_past_it(void **state)
{
	struct folder *f = *state;

	save_position(f, 0);
	park_many(f, 4);
	assert_int_equal(list(f, &all).ready, 0);
	save_position(f, 2);
	assert_int_equal(list(f, &all).count, 4);
	assert_int_equal(list(f, &all).ready, 2);
	assert_int_equal(list(f, &(struct state_parked_query){ .rows = 100, .alike = true }).count, 2);
}

/* Killed between parking and position: what is refused again stays, what passes then is gone. */
static void test_what_a_kill_left_is_doubtful(void **state)
{
	struct folder *f = *state;
	struct state_parked again = record(1);

	save_position(f, 1);
	park_many(f, 3);
	folder_restart(f);
	assert_int_equal(list(f, &all).count, 3);
	assert_int_equal(list(f, &all).ready, 1);
	assert_int_equal(folder_park(f, &again, 1), 0);
	save_position(f, 3);
	assert_int_equal(list(f, &all).count, 2);
	assert_int_equal(list(f, &all).ready, 2);
	folder_restart(f);
	assert_int_equal(list(f, &all).count, 2);
	assert_int_equal(state_parked_count(f->state), 2);
	assert_int_equal(folder_number(f, "SELECT sum(offset) FROM parked"), 1);
}

static void test_pages(void **state)
{
	struct folder *f = *state;
	struct seen s;

	park_many(f, 10);
	s = list(f, &(struct state_parked_query){ .rows = 4 });
	assert_int_equal(s.count, 4);
	assert_int_equal(s.payload, 0);
	assert_int_equal(s.last, 10);
	s = list(f, &(struct state_parked_query){ .after = s.end, .until = 9, .rows = 100, .payloads = true });
	assert_int_equal(s.count, 5);
	assert_int_equal(s.payload, 35);
	assert_int_equal(s.first, 5);
	assert_int_equal(list(f, &(struct state_parked_query){ .rows = 9, .destination = "x" }).count, 0);
	assert_int_equal(list(f, &(struct state_parked_query){ .rows = 9, .destination = "out" }).count, 9);
}

static void test_a_page_is_at_most_a_mebibyte(void **state)
{
	struct folder *f = *state;
	char *payload = oxp_new(500 << 10);
	struct seen s = { .folder = f, .size = 500 << 10 };

	for (uint64_t i = 0; i < 4; i++) {
		struct state_parked r = record(i);
		r.payload = (struct bytes){ payload, 500 << 10 };
		assert_int_equal(folder_park(f, &r, 1), 0);
	}
	free(payload);
	f->asked++;
	state_parked_read(f->state, &(struct state_parked_query){ .rows = 9, .payloads = true }, see, &s);
	assert_int_equal(folder_wait(f), 0);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.payload, 1000 << 10);
}

static void test_tried_again_and_dropped_with_the_ledger(void **state)
{
	struct folder *f = *state;
	struct ledger_terms terms = { .term = { [LEDGER_RECEIVED] = { 2, 14 }, [LEDGER_PARKED] = { 2, 14 } } };
	struct state_change *c = state_change_new();

	park_many(f, 2);
	state_change_ledger(c, "logs tail out", &terms);
	state_change_repark(c, 2, 4, "still");
	state_change_unpark(c, 1);
	state_change_unpark(c, 77);
	state_change_move(c, "logs tail out", &(struct ledger_amount){ 1, 7 }, LEDGER_PARKED, LEDGER_DELIVERED);
	state_change_move(c, "no such row", &(struct ledger_amount){ 1, 7 }, LEDGER_PARKED, LEDGER_DELIVERED);
	assert_int_equal(folder_commit(f, c), 0);
	assert_int_equal(list(f, &all).count, 1);
	assert_int_equal(list(f, &all).tries, 4);
	assert_int_equal(state_parked_count(f->state), 1);
	assert_int_equal(state_parked_bytes(f->state), 7 + STATE_PARKED_ROW);
	folder_restart(f);
	assert_true(state_ledger_load(f->state, "logs tail out", &terms));
	assert_int_equal(terms.term[LEDGER_PARKED].records, 1);
	assert_int_equal(terms.term[LEDGER_DELIVERED].bytes, 7);
	assert_int_equal(terms.term[LEDGER_RECEIVED].records, 2);
	assert_false(state_ledger_load(f->state, "no such row", &terms));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_place_is_parked_once),
		CASE(test_what_was_parked_twice_is_there_once),
		CASE(test_ready_when_the_position_is_past_it),
		CASE(test_what_a_kill_left_is_doubtful),
		CASE(test_pages),
		CASE(test_a_page_is_at_most_a_mebibyte),
		CASE(test_tried_again_and_dropped_with_the_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
