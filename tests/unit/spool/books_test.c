/*
 * The books: a row of the ledger is brought to where the last run left it, whatever of it is on disk.
 */
#include "unit/state/folder.h"

#include "spool/books.h"

static struct ledger_row *row_of(struct ledger *ledger, bool rewinds)
{
	struct ledger_row *row = ledger_row(ledger, "logs", "in", "out");

	row->rewinds = rewinds;
	return row;
}

/* What the last run left in mapped memory. */
static struct ledger_terms *left(struct folder *f, uint64_t received, uint64_t delivered, uint64_t held)
{
	struct ledger_terms *t = state_slot(f->state, "logs in out");

	assert_non_null(t);
	t->term[LEDGER_RECEIVED] = (struct ledger_amount){ received, received * 10 };
	t->term[LEDGER_DELIVERED] = (struct ledger_amount){ delivered, delivered * 10 };
	t->term[LEDGER_HELD] = (struct ledger_amount){ held, held * 10 };
	return t;
}

static struct ledger_amount of(uint64_t records)
{
	return (struct ledger_amount){ records, records * 10 };
}

/* Opens, and says how many records were lost with the last run. */
static uint64_t open_row(struct folder *f, struct ledger_row *row, const struct books_disk *disk)
{
	uint64_t killed;

	assert_int_equal(books_open(f->state, row, disk, &killed), 0);
	assert_int_equal(ledger_imbalance(row), 0);
	assert_int_equal(row->live->term[LEDGER_DROPPED_KILLED].bytes, killed * 10);
	return killed;
}

/* The last run has saved that of the row. */
static void save_row(struct folder *f, const struct ledger_terms *saved)
{
	struct state_change *c = state_change_new();

	state_change_ledger(c, "logs in out", saved);
	assert_int_equal(folder_commit(f, c), 0);
	folder_restart(f);
}

static void what_was_held_and_is_not_on_disk_is_lost(void **state)
{
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);

	left(*state, 10, 4, 6);
	assert_int_equal(open_row(*state, row, &(struct books_disk){ .spooled = of(2), .parked = of(1) }), 3);
	assert_int_equal(row->live->term[LEDGER_HELD].records, 2);
	assert_int_equal(row->live->term[LEDGER_PARKED].records, 1);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].records, 4);
	ledger_done(&ledger);
}

static void what_the_last_run_ended_well_is_as_it_was(void **state)
{
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);

	left(*state, 10, 10, 0);
	assert_int_equal(open_row(*state, row, &(struct books_disk){ .spooled_to = 1 }), 0);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].records, 10);
	ledger_done(&ledger);
}

/* Its row was written, and the kill came before it was counted. */
static void what_nobody_heard_of_did_come_in(void **state)
{
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);

	left(*state, 10, 8, 2);
	assert_int_equal(open_row(*state, row, &(struct books_disk){ .spooled = of(5), .unheard = of(3) }), 0);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 13);
	assert_int_equal(row->live->term[LEDGER_HELD].records, 5);
	ledger_done(&ledger);
}

/* It was delivered, and the kill came before its row went: it will be delivered again. */
static void what_is_found_twice_is_held(void **state)
{
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);

	left(*state, 10, 9, 1);
	assert_int_equal(open_row(*state, row, &(struct books_disk){ .spooled = of(4) }), 0);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].records, 6);
	assert_int_equal(row->live->term[LEDGER_HELD].records, 4);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 10);
	ledger_done(&ledger);
}

/* They are counted as rejected before their rows go. */
static void what_was_being_dropped_is_parked_or_rejected(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);
	struct ledger_terms *t = left(f, 10, 7, 0);

	t->term[LEDGER_REJECTED] = t->term[LEDGER_DROPPING] = of(3);
	assert_int_equal(open_row(f, row, &(struct books_disk){ .parked = of(3) }), 0);
	assert_int_equal(row->live->term[LEDGER_PARKED].records, 3);
	assert_int_equal(row->live->term[LEDGER_REJECTED].records, 0);
	t->term[LEDGER_PARKED] = of(0);
	t->term[LEDGER_REJECTED] = t->term[LEDGER_DROPPING] = of(3);
	assert_int_equal(open_row(f, row, &(struct books_disk){ .parked = of(0) }), 0);
	assert_int_equal(row->live->term[LEDGER_REJECTED].records, 3);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].records, 7);
	assert_int_equal(row->live->term[LEDGER_DROPPING].records, 0);
	ledger_done(&ledger);
}

/* A ledger that is gone, or older: what is on disk did come in. */
static void what_is_on_disk_beyond_the_ledger_did_come_in(void **state)
{
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);

	assert_int_equal(open_row(*state, row, &(struct books_disk){ .spooled = of(4), .parked = of(2) }), 0);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 6);
	ledger_done(&ledger);
}

static void where_counted_rows_end_is_known_to_the_next_run(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);

	assert_true(books_spooled_to(f->state, row) == UINT64_MAX); /* nobody has said */
	open_row(f, row, &(struct books_disk){ .spooled = of(1), .spooled_to = 8 });
	assert_int_equal(books_spooled_to(f->state, row), 8);
	row->rewinds = true;
	assert_int_equal(books_spooled_to(f->state, row), 0); /* it was never saved, and knows of no row */
	ledger_done(&ledger);
}

/* Of a file: what was saved with the position, whatever came after it. */
static void a_row_that_rewinds_goes_on_from_what_was_saved(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, true);
	struct state_change *c = state_change_new();
	uint64_t killed;

	state_change_ledger(c, "logs in out", &(struct ledger_terms){ .term = { { 7, 70 }, { 7, 70 } } });
	assert_int_equal(folder_commit(f, c), 0);
	folder_restart(f);
	assert_int_equal(books_open(f->state, row, &(struct books_disk){ .spooled_to = 0 }, &killed), 0);
	assert_int_equal(killed, 0);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 7);
	assert_int_equal(row->settled.term[LEDGER_DELIVERED].bytes, 70);
	ledger_done(&ledger);
}

/* What a file had that nobody can read again is in the spool. The saved row knows the rows before `spooled_to`. */
static struct ledger_terms saved_with_rows(uint64_t received, uint64_t delivered, uint64_t held)
{
	struct ledger_terms t = { .term = { [LEDGER_RECEIVED] = of(received),
					  [LEDGER_DELIVERED] = of(delivered),
					  [LEDGER_HELD] = of(held),
					  [LEDGER_SPOOLED_TO] = { 5, 0 } } };

	return t;
}

static void rows_of_a_file_that_are_new_are_received(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, true);
	const struct ledger_terms saved = saved_with_rows(10, 8, 2);
	const struct books_disk disk = { .spooled = of(5), .unheard = of(3), .spooled_to = 9 };

	save_row(f, &saved);
	assert_int_equal(books_spooled_to(f->state, row), 5);
	assert_int_equal(open_row(f, row, &disk), 0);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 13);
	assert_int_equal(row->live->term[LEDGER_HELD].records, 5);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].records, 8);
	assert_memory_equal(&row->settled, row->live, sizeof row->settled);
	assert_int_equal(row->settled.term[LEDGER_SPOOLED_TO].records, 9);
	ledger_done(&ledger);
}

/* The kill came between the commit that deleted them and the next that saves the ledger. */
static void rows_of_a_file_that_have_gone_were_delivered(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, true);
	const struct ledger_terms saved = saved_with_rows(10, 4, 6);

	save_row(f, &saved);
	assert_int_equal(open_row(f, row, &(struct books_disk){ .spooled = of(2), .spooled_to = 5 }), 0);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 10);
	assert_int_equal(row->live->term[LEDGER_HELD].records, 2);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].bytes, 80);
	ledger_done(&ledger);
}

/* Of six rows that the last run knew two are there, three cannot be read, and one is gone. */
static void what_cannot_be_read_was_not_delivered(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, true);
	const struct ledger_terms saved = saved_with_rows(10, 4, 6);
	const struct books_disk disk = { .spooled = of(2), .damaged = of(3), .spooled_to = 5 };
	uint64_t killed;

	save_row(f, &saved);
	assert_int_equal(books_open(f->state, row, &disk, &killed), 0);
	assert_int_equal(ledger_imbalance(row), 0);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 10);
	assert_int_equal(row->live->term[LEDGER_HELD].records, 2);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].records, 5);
	assert_int_equal(row->live->term[LEDGER_DROPPED_KILLED].bytes, 30);
	assert_memory_equal(&row->settled, row->live, sizeof row->settled);
	ledger_done(&ledger);
}

/* The ledger says that they are delivered, and they will be sent again. */
static void rows_of_a_file_that_are_still_there_are_held(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, true);
	const struct ledger_terms saved = saved_with_rows(10, 10, 0);

	save_row(f, &saved);
	assert_int_equal(open_row(f, row, &(struct books_disk){ .spooled = of(2), .spooled_to = 5 }), 0);
	assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 10);
	assert_int_equal(row->live->term[LEDGER_HELD].records, 2);
	assert_int_equal(row->live->term[LEDGER_DELIVERED].records, 8);
	ledger_done(&ledger);
}

static void a_ledger_that_is_full_is_told(void **state)
{
	struct folder *f = *state;
	struct ledger ledger = { NULL };
	struct ledger_row *row = row_of(&ledger, false);
	char key[32];
	uint64_t killed;

	for (int i = 0; i < STATE_SLOTS; i++) {
		snprintf(key, sizeof key, "logs %d out", i);
		assert_non_null(state_slot(f->state, key));
	}
	assert_int_equal(books_open(f->state, row, &(struct books_disk){ .spooled_to = 0 }, &killed), -ENOSPC);
	assert_ptr_equal(row->live, &row->own);
	ledger_done(&ledger);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_cannot_be_read_was_not_delivered),
		CASE(what_was_held_and_is_not_on_disk_is_lost),
		CASE(what_the_last_run_ended_well_is_as_it_was),
		CASE(what_nobody_heard_of_did_come_in),
		CASE(what_is_found_twice_is_held),
		CASE(what_was_being_dropped_is_parked_or_rejected),
		CASE(what_is_on_disk_beyond_the_ledger_did_come_in),
		CASE(where_counted_rows_end_is_known_to_the_next_run),
		CASE(a_row_that_rewinds_goes_on_from_what_was_saved),
		CASE(rows_of_a_file_that_are_new_are_received),
		CASE(rows_of_a_file_that_have_gone_were_delivered),
		CASE(rows_of_a_file_that_are_still_there_are_held),
		CASE(a_ledger_that_is_full_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
