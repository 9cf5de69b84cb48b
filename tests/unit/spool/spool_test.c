/*
 * The spool where the disk says no: offers that find no room, rows that cannot be deleted or read, and an end that
 * waits for the disk without running the loop itself.
 */
#include "unit/unit.h"

#include "unit/spool/world.h"

static const struct world_options usual = {
	.max = 16 << 20, .memory = 8 << 20, .limits = { .bytes = 100, .records = 1, .age = DURATION_MS(1) }
};

static void in_a_life(void (*live)(struct life *))
{
	struct life *l = life_new();

	assert_true(life_live(l, 0, live));
	life_free(l);
}

static struct world *begin(struct life *l, uint64_t max, size_t memory)
{
	struct world *w = oxp_new(sizeof *w);
	struct world_options o = usual;

	o.path = l->path;
	o.max = max ? max : o.max;
	o.memory = memory ? memory : o.memory;
	world_start(w, &o);
	return w;
}

static void end(struct world *w)
{
	world_stop(w);
	free(w);
}

static void on_answered(void *context, int failed)
{
	struct world *w = context;

	w->answered += !failed;
	w->failed += failed == -ENOSPC;
}

static void offer(struct world *w, size_t count, size_t size)
{
	struct batch *b = world_records(w, 0, count, size);

	EXPECT(spool_offer(&w->spool, w->source, &b, on_answered, w) == ADMIT_TAKEN);
}

/* Of what is refused nothing is counted, nothing is sent, and the memory comes back. */
static void offer_too_much(struct life *l)
{
	struct world *w = begin(l, 1 << 20, 0);
	size_t used = budget_used(&w->pipeline.budget);

	offer(w, 2, 400 << 10);
	WORLD_UNTIL(w, w->failed == 1);
	EXPECT(w->answered == 0 && pipeline_idle(&w->pipeline));
	EXPECT(world_term(w, 0, LEDGER_RECEIVED)->records == 0);
	EXPECT(budget_used(&w->pipeline.budget) == used && state_spool_bytes_all(w->state) == 0);
	offer(w, 1, 50);
	WORLD_UNTIL(w, w->answered == 1 && pipeline_idle(&w->pipeline));
	EXPECT(world_term(w, 1, LEDGER_DELIVERED)->records == 1);
	end(w);
}

static void what_finds_no_room_is_nowhere(void **state)
{
	(void)state;
	in_a_life(offer_too_much);
}

/* In the database of a running agent. */
static void sql(const struct life *l, const char *text)
{
	struct folder f;

	snprintf(f.path, sizeof f.path, "%s", l->path);
	folder_sql(&f, text);
}

/* Somebody else writes to the database of a running agent, and does not come to an end. */
static sqlite3 *begin_elsewhere(const struct life *l)
{
	char path[sizeof l->path + 16];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/state.db", l->path);
	EXPECT(sqlite3_open(path, &db) == SQLITE_OK);
	EXPECT(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
	return db;
}

static void fail_to_delete(struct life *l)
{
	struct world *w = begin(l, 0, 0);
	sqlite3 *other;

	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	offer(w, 1, 50);
	WORLD_UNTIL(w, w->answered == 1);
	other = begin_elsewhere(l);
	w->exporters[0].mood = w->exporters[1].mood = TAKES;
	WORLD_UNTIL(w, pipeline_idle(&w->pipeline) && w->spool.drops.later);
	EXPECT(state_spool_bytes_all(w->state) > 0);
	sqlite3_close(other);
	WORLD_UNTIL(w, state_spool_bytes_all(w->state) == 0);
	end(w);
}

static void what_could_not_be_deleted_is_deleted_later(void **state)
{
	(void)state;
	in_a_life(fail_to_delete);
}

/* A row that had no room at the start is damaged when it is read at last: its records are not held any more. */
static void leave_rows(struct life *l)
{
	struct world *w = begin(l, 0, 0);

	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	for (size_t i = 0; i < 6; i++)
		offer(w, 1, 20 << 10);
	WORLD_UNTIL(w, w->answered == 6);
	world_end(w);
	end(w);
}

static void find_one_damaged(struct life *l)
{
	struct world *w = begin(l, 0, 96 << 10);

	EXPECT(w->spool.restores.refills);
	sql(l, "UPDATE spool SET checksum = 1 WHERE id = (SELECT max(id) FROM spool WHERE key LIKE '% one')");
	WORLD_UNTIL(w, pipeline_idle(&w->pipeline) && state_spool_bytes_all(w->state) == 0);
	EXPECT(world_term(w, 0, LEDGER_DELIVERED)->records == 5);
	EXPECT(world_term(w, 0, LEDGER_DROPPED_KILLED)->records == 1);
	EXPECT(world_term(w, 1, LEDGER_DELIVERED)->records == 6);
	EXPECT(state_spool_damaged(w->state) == 1);
	end(w);
}

static void what_is_damaged_is_counted_and_holds_up_nothing(void **state)
{
	struct life *l = life_new();

	(void)state;
	assert_true(life_live(l, 0, leave_rows));
	assert_true(life_live(l, 0, find_one_damaged));
	life_free(l);
}

/* The end. */

enum { MANY = 900, UNDER_WAY = 1 << 20, ONE = 4096 };

static struct world *with_many(struct life *l)
{
	struct world *w = begin(l, 0, 0);

	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	for (size_t i = 0; i < MANY; i++) {
		struct batch *b = world_records(w, 0, 1, 100);
		EXPECT(source_offer(w->source, &b) == ADMIT_TAKEN);
	}
	pipeline_drain(&w->pipeline);
	pipeline_halt(&w->pipeline);
	return w;
}

static void end_with_many(struct life *l)
{
	struct world *w = with_many(l);
	size_t turns = 0;

	spool_end(&w->spool);
	EXPECT(!w->left && pipeline_left(&w->pipeline)); /* the disk has enough to do */
	for (; !w->left; turns++) {
		EXPECT(w->spool.leave.bytes <= UNDER_WAY + ONE);
		world_turn(w);
	}
	EXPECT(turns > 0);
	WORLD_UNTIL(w, spool_is_idle(&w->spool));
	EXPECT(w->spool.leave.bytes == 0 && spool_lost(&w->spool) == 0);
	EXPECT(state_spool_bytes_all(w->state) > MANY * 100 * LIFE_ROUTES);
	end(w);
}

static void the_end_waits_for_the_disk_from_turn_to_turn(void **state)
{
	(void)state;
	in_a_life(end_with_many);
}

static void end_in_a_hurry(struct life *l)
{
	struct world *w = with_many(l);

	spool_end(&w->spool);
	EXPECT(!w->left);
	spool_hurry(&w->spool);
	EXPECT(w->left && !pipeline_left(&w->pipeline));
	WORLD_UNTIL(w, spool_is_idle(&w->spool));
	EXPECT(state_spool_bytes_all(w->state) > MANY * 100 * LIFE_ROUTES);
	end(w);
}

static void in_a_hurry_all_goes_at_once(void **state)
{
	(void)state;
	in_a_life(end_in_a_hurry);
}

static void end_on_a_full_disk(struct life *l)
{
	struct world *w = begin(l, 1 << 20, 0);

	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	for (size_t i = 0; i < 4; i++) {
		struct batch *b = world_records(w, 0, 1, 200 << 10);
		EXPECT(source_offer(w->source, &b) == ADMIT_TAKEN);
	}
	pipeline_drain(&w->pipeline);
	spool_save(&w->spool);
	WORLD_UNTIL(w, w->spool.leave.unsaved && w->spool.leave.bytes == 0);
	EXPECT(spool_lost(&w->spool) == 0); /* destinations are still asked */
	world_end(w);
	EXPECT(spool_lost(&w->spool) == 5); /* of eight, three had room */
	end(w);
}

static void what_has_no_room_at_the_end_is_told_as_lost(void **state)
{
	(void)state;
	in_a_life(end_on_a_full_disk);
}

/* One delivery with items of a file that the next run finds, and of one that it does not: only those are written. */
static void leave_a_part(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);
	struct world_options o = usual;
	struct batch *b;

	o.path = l->path;
	o.file = true;
	o.limits.records = 8;
	o.limits.bytes = 1000;
	world_start(w, &o);
	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	b = world_records_of(w, GONE, 0, 2, 50);
	EXPECT(source_offer(w->source, &b) == ADMIT_TAKEN);
	b = world_records_of(w, LASTS, 2, 3, 50);
	EXPECT(source_offer(w->source, &b) == ADMIT_TAKEN);
	WORLD_UNTIL(w, w->exporters[1].asked > 0);
	spool_save(&w->spool);
	WORLD_UNTIL(w, w->spool.leave.bytes == 0 && w->exporters[1].asked > 2);
	world_end(w);
	EXPECT(spool_lost(&w->spool) == 0);
	end(w);
	w = oxp_new(sizeof *w);
	world_start(w, &o);
	EXPECT(w->disk_of[0].spooled.records == 2 && w->disk_of[1].spooled.records == 2);
	EXPECT(world_term(w, 1, LEDGER_RECEIVED)->records == 2 && world_term(w, 1, LEDGER_HELD)->records == 2);
	WORLD_UNTIL(w, pipeline_idle(&w->pipeline) && state_spool_bytes_all(w->state) == 0);
	EXPECT(source_row(w->source, 0)->settled.term[LEDGER_DELIVERED].records == 2);
	EXPECT(source_row(w->source, 0)->settled.term[LEDGER_RECEIVED].records == 2);
	EXPECT(source_row(w->source, 0)->settled.term[LEDGER_HELD].records == 0);
	end(w);
}

static void what_the_next_run_finds_is_not_written(void **state)
{
	(void)state;
	in_a_life(leave_a_part);
}

/* A row of what a file had cannot be read: it is lost, and not delivered. */
static void find_one_of_a_file_damaged(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);
	struct world_options o = usual;
	struct batch *b;

	o.path = l->path;
	o.file = true;
	world_start(w, &o);
	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	b = world_records_of(w, GONE, 0, 2, 50);
	EXPECT(source_offer(w->source, &b) == ADMIT_TAKEN);
	WORLD_UNTIL(w, w->exporters[1].asked > 0);
	world_end(w);
	end(w);
	sql(l, "UPDATE spool SET checksum = 1 WHERE key LIKE '% one'");
	w = oxp_new(sizeof *w);
	world_start(w, &o);
	EXPECT(world_term(w, 0, LEDGER_DELIVERED)->records == 0 && world_term(w, 0, LEDGER_HELD)->records == 0);
	EXPECT(world_term(w, 0, LEDGER_DROPPED_KILLED)->records == 2);
	EXPECT(world_term(w, 1, LEDGER_HELD)->records == 2 && world_term(w, 1, LEDGER_DROPPED_KILLED)->records == 0);
	end(w);
}

static void what_is_damaged_of_a_file_was_not_delivered(void **state)
{
	(void)state;
	in_a_life(find_one_of_a_file_damaged);
}

/* What has no room is told, counted as dropped{exit} in the saved row, and its file is named. */
static void leave_on_a_full_disk(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);
	struct world_options o = usual;
	struct batch *b;

	o.path = l->path;
	o.file = true;
	o.max = 1 << 20;
	world_start(w, &o);
	w->exporters[0].mood = w->exporters[1].mood = AWAY;
	b = world_records_of(w, GONE, 0, 2, 400 << 10);
	EXPECT(source_offer(w->source, &b) == ADMIT_TAKEN);
	WORLD_UNTIL(w, w->exporters[1].asked > 0);
	world_end(w);
	EXPECT(spool_lost(&w->spool) == 4 && w->named_lost == 4);
	EXPECT(world_term(w, 0, LEDGER_DROPPED_EXIT)->records == 2 && world_term(w, 0, LEDGER_HELD)->records == 0);
	EXPECT(source_row(w->source, 1)->settled.term[LEDGER_DROPPED_EXIT].bytes == 800 << 10);
	end(w);
	w = oxp_new(sizeof *w);
	world_start(w, &o);
	EXPECT(world_term(w, 1, LEDGER_RECEIVED)->records == 2 && world_term(w, 1, LEDGER_DROPPED_EXIT)->records == 2);
	end(w);
}

static void what_has_no_room_of_a_file_is_counted_and_named(void **state)
{
	(void)state;
	in_a_life(leave_on_a_full_disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_finds_no_room_is_nowhere),
		cmocka_unit_test(what_could_not_be_deleted_is_deleted_later),
		cmocka_unit_test(what_is_damaged_is_counted_and_holds_up_nothing),
		cmocka_unit_test(the_end_waits_for_the_disk_from_turn_to_turn),
		cmocka_unit_test(in_a_hurry_all_goes_at_once),
		cmocka_unit_test(what_has_no_room_at_the_end_is_told_as_lost),
		cmocka_unit_test(what_the_next_run_finds_is_not_written),
		cmocka_unit_test(what_is_damaged_of_a_file_was_not_delivered),
		cmocka_unit_test(what_has_no_room_of_a_file_is_counted_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
