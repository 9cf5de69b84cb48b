/*
 * The spool and the books over lives that are killed between any two steps: what was answered for is delivered to each
 * destination, under one id; what was not is counted as lost with that life, and nothing is counted twice.
 *
 * Each test lives a script with a kill at step 1, another with one at step 2, and so on, until a life gets through.
 * Every fourth of them is killed in its second life, too. A last life has destinations that take everything.
 */
#include "unit/unit.h"

#include "unit/spool/world.h"

enum { OFFERS = 3, EACH = 2, SIZE = 60, MANY = 4 };

static const struct world_options usual = {
	.max = 16 << 20, .memory = 4 << 20, .limits = { .bytes = 200, .records = 4, .age = DURATION_MS(1) }
};

static void begin(struct world *w, struct life *l, const struct world_options *like)
{
	struct world_options o = *like;

	o.path = l->path;
	world_start(w, &o);
}

struct answer {
	struct world *world;
	unsigned first;
	size_t count;
};

static void on_answered(void *context, int failed)
{
	struct answer *a = context;

	EXPECT(failed == 0);
	for (size_t i = 0; i < a->count; i++)
		life_now->heard[a->first + i] = true;
	a->world->answered++;
	free(a);
	life_step();
}

/* The record is numbered, and known to the test, before the spool has it. */
static struct answer *make(struct world *w, size_t count)
{
	struct answer *a = oxp_new(sizeof *a);

	*a = (struct answer){ w, life_now->begun, count };
	life_now->begun += (unsigned)count;
	EXPECT(life_now->begun <= LIFE_RECORDS_MAX);
	return a;
}

static void offer_to_spool(struct world *w, size_t size)
{
	struct answer *a = make(w, EACH);
	struct batch *b = world_records(w, a->first, EACH, size);

	life_step();
	EXPECT(spool_offer(&w->spool, w->source, &b, on_answered, a) == ADMIT_TAKEN);
}

static void offer_to_memory(struct world *w)
{
	struct answer *a = make(w, EACH);
	struct batch *b = world_records(w, a->first, EACH, SIZE);

	EXPECT(source_offer(w->source, &b) == ADMIT_TAKEN);
	free(a);
	life_step();
}

/* A life whose destinations take everything, to its end. */
static void live_well(struct life *l, const struct world_options *o)
{
	struct world *w = oxp_new(sizeof *w);

	begin(w, l, o);
	WORLD_UNTIL(w, pipeline_idle(&w->pipeline) && state_spool_bytes_all(w->state) == 0);
	world_end(w);
	EXPECT(spool_lost(&w->spool) == 0);
	world_note(w, l);
	world_stop(w);
	free(w);
}

static void live_well_usual(struct life *l)
{
	live_well(l, &usual);
}

/* Bodies are answered for when they are on disk. */
static void live_by_ack(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);

	begin(w, l, &usual);
	w->exporters[1].mood = HALF;
	for (size_t i = 0; i < OFFERS; i++) {
		offer_to_spool(w, SIZE);
		if (i % 2)
			world_turn(w);
	}
	WORLD_UNTIL(w, w->answered == OFFERS && pipeline_idle(&w->pipeline));
	world_end(w);
	world_note(w, l);
	world_stop(w);
	free(w);
}

/* What later lives begin with: a state that was made, and has nothing. */
static void live_idly(struct life *l, const struct world_options *o)
{
	struct world *w = oxp_new(sizeof *w);

	begin(w, l, o);
	world_end(w);
	world_stop(w);
	free(w);
}

static void live_idly_usual(struct life *l)
{
	live_idly(l, &usual);
}

/*
 * Bodies are answered for when they are in memory; the process ends while one destination is away. Kills while an empty
 * folder is opened are those of live_by_ack().
 */
static void live_by_memory(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);

	begin(w, l, &usual);
	life_begins(l);
	w->exporters[0].mood = HALF;
	w->exporters[1].mood = AWAY;
	for (size_t i = 0; i < OFFERS; i++)
		offer_to_memory(w);
	WORLD_UNTIL(w, w->exporters[1].asked > 2);
	pipeline_drain(&w->pipeline);
	spool_save(&w->spool);
	WORLD_UNTIL(w, w->spool.leave.bytes == 0 && w->exporters[1].asked > 4);
	memset(l->heard, true, l->begun); /* a kill from here on loses nothing */
	offer_to_spool(w, SIZE);
	WORLD_UNTIL(w, w->answered == 1);
	w->exporters[1].mood = HALF; /* it is back, and has some of it when the end comes */
	WORLD_UNTIL(w, world_term(w, 1, LEDGER_DELIVERED)->records > 2);
	world_end(w);
	EXPECT(spool_lost(&w->spool) == 0);
	world_stop(w);
	free(w);
}

/*
 * What was heard of is delivered; the rest is delivered or lost, and all of it is counted. Books are exact if all of it
 * was heard of. Else a record may have been delivered from memory just before the kill, and one may be in a row though
 * it was delivered: books see no more than the sum.
 */
static void check(const struct life *l, size_t route, bool exact)
{
	const struct ledger_amount *t = l->terms[route].term;
	uint64_t delivered = t[LEDGER_DELIVERED].records, killed = t[LEDGER_DROPPED_KILLED].records;

	for (unsigned n = 0; n < l->begun; n++)
		if (l->heard[n] && life_times(l, route, n) == 0)
			fail_msg("record %u was answered for, and never came to %zu", n, route);
	assert_int_equal(t[LEDGER_RECEIVED].records, delivered + killed);
	assert_int_equal(t[LEDGER_HELD].records, 0);
	assert_int_equal(t[LEDGER_HELD].bytes, 0);
	assert_true(t[LEDGER_RECEIVED].records <= l->begun);
	if (exact || !memchr(l->heard, false, l->begun)) {
		assert_int_equal(killed, 0);
		assert_int_equal(delivered, life_distinct(l, route));
	}
}

static void check_all(const struct life *l, bool exact)
{
	assert_int_equal(l->spool_bytes, 0);
	for (size_t i = 0; i < LIFE_ROUTES; i++)
		check(l, i, exact);
}

static void check_exactly(const struct life *l, bool killed)
{
	(void)killed;
	check_all(l, true);
}

static void check_the_sum(const struct life *l, bool killed)
{
	(void)killed;
	check_all(l, false);
}

static void lives_without_a_kill(void (*script)(struct life *), unsigned records)
{
	struct life *l = life_new();

	assert_true(life_live(l, 0, script));
	assert_true(life_live(l, 0, live_well_usual));
	check_all(l, true);
	assert_int_equal(l->begun, records);
	for (unsigned n = 0; n < records; n++)
		assert_true(life_times(l, 0, n) == 1 && life_times(l, 1, n) == 1);
	life_free(l);
}

/* What was delivered in part when the end came is written anew: only what is left of it comes again. */
static void without_a_kill_nothing_comes_twice(void **state)
{
	(void)state;
	lives_without_a_kill(live_by_ack, OFFERS * EACH);
	lives_without_a_kill(live_by_memory, (OFFERS + 1) * EACH);
}

static void what_is_answered_for_is_delivered_wherever_a_kill_comes(void **state)
{
	(void)state;
	life_at_every_step(
		&(struct life_script){
			.live = live_by_ack, .after = live_well_usual, .twice = true, .check = check_exactly },
		50);
}

static void what_memory_had_is_delivered_or_counted_wherever_a_kill_comes(void **state)
{
	(void)state;
	life_at_every_step(&(struct life_script){ .before = live_idly_usual,
				   .live = live_by_memory,
				   .after = live_well_usual,
				   .twice = true,
				   .check = check_the_sum },
		50);
}

/* A file that the next run will not find. */

static const struct world_options of_file = { .max = 16 << 20,
	.memory = 4 << 20,
	.limits = { .bytes = 200, .records = 4, .age = DURATION_MS(1) },
	.file = true };

static void live_well_with_file(struct life *l)
{
	live_well(l, &of_file);
}

static void live_idly_with_file(struct life *l)
{
	live_idly(l, &of_file);
}

static void leave(struct world *w)
{
	struct answer *a = make(w, EACH);
	struct batch *b = world_records(w, a->first, EACH, SIZE);

	life_step();
	EXPECT(spool_leave(&w->spool, w->source, &b, on_answered, a) == ADMIT_TAKEN);
}

/* As live_by_memory(), and what was not read yet goes to the disk and no farther. */
static void live_by_file(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);

	begin(w, l, &of_file);
	life_begins(l);
	w->exporters[0].mood = HALF;
	w->exporters[1].mood = AWAY;
	for (size_t i = 0; i < OFFERS; i++)
		offer_to_memory(w);
	WORLD_UNTIL(w, w->exporters[1].asked > 2);
	pipeline_drain(&w->pipeline);
	spool_save(&w->spool);
	WORLD_UNTIL(w, w->spool.leave.bytes == 0 && w->exporters[1].asked > 4);
	memset(l->heard, true, l->begun); /* a kill from here on loses nothing */
	leave(w);
	WORLD_UNTIL(w, w->answered == 1);
	spool_save(&w->spool); /* now and then */
	leave(w);
	w->exporters[1].mood = HALF;
	WORLD_UNTIL(w, w->answered == 2 && world_term(w, 1, LEDGER_DELIVERED)->records > 2);
	world_end(w);
	EXPECT(spool_lost(&w->spool) == 0);
	world_stop(w);
	free(w);
}

/* The books balance; what was delivered before a kill that came before they were saved, they do not know. */
static void check_file(const struct life *l, bool killed)
{
	assert_int_equal(l->spool_bytes, 0);
	for (size_t i = 0; i < LIFE_ROUTES; i++) {
		const struct ledger_amount *t = l->terms[i].term;
		for (unsigned n = 0; n < l->begun; n++)
			assert_true(!l->heard[n] || life_times(l, i, n) > 0);
		assert_int_equal(t[LEDGER_RECEIVED].records, t[LEDGER_DELIVERED].records);
		assert_int_equal(t[LEDGER_HELD].records, 0);
		assert_true(t[LEDGER_DELIVERED].records <= life_distinct(l, i));
		assert_true(killed || t[LEDGER_DELIVERED].records == l->begun);
	}
}

static void what_a_removed_file_had_is_delivered_wherever_a_kill_comes(void **state)
{
	(void)state;
	life_at_every_step(&(struct life_script){ .before = live_idly_with_file,
				   .live = live_by_file,
				   .after = live_well_with_file,
				   .twice = true,
				   .check = check_file },
		50);
}

static void without_a_kill_nothing_of_a_file_comes_twice(void **state)
{
	struct life *l = life_new();

	(void)state;
	assert_true(life_live(l, 0, live_by_file));
	assert_true(life_live(l, 0, live_well_with_file));
	assert_int_equal(l->begun, (OFFERS + 2) * EACH);
	for (unsigned n = 0; n < l->begun; n++)
		assert_true(life_times(l, 0, n) == 1 && life_times(l, 1, n) == 1);
	life_free(l);
}

/* More than has room in memory waits on disk, and comes as there is room. */

static const struct world_options small = {
	.max = 16 << 20, .memory = 32 << 10, .limits = { .bytes = 12 << 10, .records = 100, .age = DURATION_MS(1) }
};

static void live_beyond_memory(struct life *l)
{
	struct world_options wide = small;
	struct world *w = oxp_new(sizeof *w);

	wide.memory = 8 << 20;
	begin(w, l, &wide);
	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	for (size_t i = 0; i < MANY; i++)
		offer_to_spool(w, 6 << 10);
	WORLD_UNTIL(w, w->answered == MANY);
	world_end(w);
	world_stop(w);
	free(w);
}

static void live_well_small(struct life *l)
{
	live_well(l, &small);
}

static void check_all_came(const struct life *l, bool killed)
{
	(void)killed;
	check_all(l, true);
	assert_int_equal(life_distinct(l, 0), MANY * EACH);
	assert_int_equal(life_distinct(l, 1), MANY * EACH);
}

static void what_has_no_room_in_memory_comes_wherever_a_kill_comes(void **state)
{
	(void)state;
	life_at_every_step(&(struct life_script){ .before = live_beyond_memory,
				   .live = live_well_small,
				   .after = live_well_small,
				   .check = check_all_came },
		50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_kill_nothing_of_a_file_comes_twice),
		cmocka_unit_test(what_a_removed_file_had_is_delivered_wherever_a_kill_comes),
		cmocka_unit_test(without_a_kill_nothing_comes_twice),
		cmocka_unit_test(what_is_answered_for_is_delivered_wherever_a_kill_comes),
		cmocka_unit_test(what_memory_had_is_delivered_or_counted_wherever_a_kill_comes),
		cmocka_unit_test(what_has_no_room_in_memory_comes_wherever_a_kill_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
