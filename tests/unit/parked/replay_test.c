/*
 * Replay over lives that are killed between any two steps: a parked record is parked until a destination has it, goes
 * with the change that moves the books, and is counted once, wherever a kill comes.
 */
#include "unit/unit.h"

#include "unit/parked/world.h"

static void prepare_stubborn(struct life *l)
{
	prepare(l, true, "!");
}

struct told {
	size_t count, waiting;
	bool more;
};

static void on_replayed(void *context, const struct replay_result *result)
{
	struct told *told = context;

	told->count++;
	told->waiting = result->waiting;
	told->more = result->more;
}

static void live(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);
	struct told told = { .count = 0 };

	start(w, l->path, l->file);
	replay_begin(&w->parked.replay, &(struct replay_order){ .from = "" }, on_replayed, &told);
	UNTIL(w, told.count > 0 && !w->parked.replay.busy);
	EXPECT(told.count == 1 && told.waiting == 0 && !told.more);
	note(w, l);
	stop(w);
	free(w);
}

/* Every record has come to the destination, none is parked, and the books say so: those that were saved, too. */
static void check(const struct life *l, bool killed)
{
	assert_int_equal(l->parked, 0);
	for (unsigned n = 0; n < RECORDS; n++)
		assert_in_range(life_times(l, 0, n), 1, killed ? 2 : 1);
	assert_int_equal(life_distinct(l, 0), RECORDS);
	for (int i = 0; i < 1 + l->file; i++) {
		const struct ledger_amount *t = l->terms[i].term;
		assert_int_equal(t[LEDGER_RECEIVED].records, BEFORE + RECORDS);
		assert_int_equal(t[LEDGER_DELIVERED].records, BEFORE + RECORDS);
		assert_int_equal(t[LEDGER_DELIVERED].bytes, t[LEDGER_RECEIVED].bytes);
		assert_int_equal(t[LEDGER_PARKED].records, 0);
		assert_int_equal(t[LEDGER_HELD].records, 0);
	}
}

static void replay_at_every_step(void (*before)(struct life *))
{
	life_at_every_step(&(struct life_script){ .before = before, .live = live, .after = live, .check = check }, 20);
}

static void records_of_a_file_are_delivered_and_counted_once_wherever_a_kill_comes(void **state)
{
	(void)state;
	replay_at_every_step(prepare_file);
}

static void records_of_a_socket_are_delivered_and_counted_once_wherever_a_kill_comes(void **state)
{
	(void)state;
	replay_at_every_step(prepare_socket);
}

static void what_is_refused_again_stays_parked(void **state)
{
	struct life *l = life_new();

	(void)state;
	assert_true(life_live(l, 0, prepare_stubborn));
	assert_true(life_live(l, 0, live));
	assert_int_equal(l->parked, 1);
	assert_int_equal(life_distinct(l, 0), RECORDS - 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(l->terms[i].term[LEDGER_PARKED].records, 1);
		assert_int_equal(l->terms[i].term[LEDGER_DELIVERED].records, BEFORE + RECORDS - 1);
	}
	assert_true(life_live(l, 0, live)); /* a second slice finds the source of the first one idle */
	assert_int_equal(l->parked, 1);
	life_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_a_file_are_delivered_and_counted_once_wherever_a_kill_comes),
		cmocka_unit_test(records_of_a_socket_are_delivered_and_counted_once_wherever_a_kill_comes),
		cmocka_unit_test(what_is_refused_again_stays_parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
