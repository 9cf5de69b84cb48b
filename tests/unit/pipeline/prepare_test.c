/*
 * Offers whose steps take longer than a slice: others have their turn in between, what comes out is the same, and an
 * offer that fails has not happened.
 */
#include "pipeline/prepare.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/pipeline/bench.h"

enum { LINES = 4000, LINE = 64, MEMORY = 16 << 20, TURNS_MAX = 1000, LONG = 1 << 20 };

/* What a step is lent. */
struct host {
	uint64_t dropped;
};

/* A step that writes a member into each second line, and has its books: they count only if the batch is taken. */
struct step {
	uint64_t seen, taken, failed;
	pthread_t seen_in; /* which thread showed it the last long line */
	atomic_bool closed, entered; /* it waits at a long line while it is closed */
};

static void wait_at(struct step *s)
{
	s->seen_in = pthread_self();
	s->entered = true;
	while (s->closed)
		sched_yield();
}

static enum step_answer apply(struct step *s, struct record *record)
{
	s->seen++;
	if (record->edit->text.size > LONG / 2)
		wait_at(s);
	if (s->seen % 2 == 0)
		assert_int_equal(json_edit_append(record->edit, bytes_of("added"), bytes_of("true")), 0);
	return STEP_KEEP;
}

static void ended(struct step *s, bool taken)
{
	if (taken)
		s->taken += s->seen;
	else
		s->failed++;
	s->seen = 0;
}

static void no_destroy(struct step *s)
{
	(void)s;
}

static const struct step_type marker = {
	.name = "marker", .signals = SIGNAL_LOGS, .apply = apply, .ended = ended, .destroy = no_destroy
};

struct exporter {
	size_t count, marked, twos, threes; /* the last two: what stands for so many lines */
};

static void take(struct exporter *e, const struct batch *b, struct send *s)
{
	for (size_t i = send_first(s); i < send_end(s); i++) {
		const struct batch_item *item = batch_item(b, i);
		e->marked += memmem(item->data, item->size, "added", 5) != NULL;
		e->twos += memmem(item->data, item->size, "\"times\":2", 9) != NULL;
		e->threes += memmem(item->data, item->size, "\"times\":3", 9) != NULL;
		e->count++;
	}
	batch_check(b);
	send_done(s, DELIVERED, NULL);
}

static void no_cancel(struct exporter *e, struct send *s)
{
	(void)e, (void)s;
}

static void forget(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type taker = {
	.name = "taker", .signals = SIGNAL_LOGS, .send = take, .cancel = no_cancel, .destroy = forget
};

struct world {
	BENCH;
	struct exporter exporter;
	struct step step;
	struct host host;
	struct chain *chain;
	struct source *source;
	size_t refills;
	int ended[4]; /* what became of the offers, in the order of their ends */
	size_t ended_count, others_ended;
};

static void on_refill(void *context)
{
	((struct world *)context)->refills++;
}

static const struct source_hooks hooks = { .refill = on_refill };
static const struct sender_limits limits = {
	.concurrency = 1, .timeout = { 30000000000 }, .retry_first = { 1000000000 }, .retry_last = { 8000000000 }
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sender *sender;

	bench_init(&w->bench, MEMORY);
	w->chain = chain_new();
	assert_int_equal(chain_add(w->chain, &marker, &w->step, &w->host.dropped), 0);
	sender = pipeline_sender(&w->pipeline, "out", &taker, &limits);
	sender_exporter(sender, &w->exporter);
	w->source = pipeline_source(
		&w->pipeline, &(struct source_options){ .name = "in",
				      .signal = SIGNAL_LOGS,
				      .rewind = REWIND_NONE,
				      .generation = 7,
				      .chain = w->chain,
				      .hooks = &hooks,
				      .context = w,
				      .limits = { .bytes = 1 << 20, .records = 100000, .age = DURATION_S(1) } });
	source_route(w->source, sender);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	assert_int_equal(ledger_imbalance(source_row(w->source, 0)), 0);
	bench_done(&w->bench);
	chain_free(w->chain);
	free(w);
	return 0;
}

static struct batch *batch_of(struct world *w, size_t lines)
{
	struct batch *b = source_batch_new(w->source);
	char *data = batch_block(b, lines * LINE);

	assert_non_null(data);
	for (size_t i = 0; i < lines; i++) {
		struct batch_item item = { .data = data + i * LINE, .size = LINE, .records = 1 };
		snprintf(data + i * LINE, LINE, "{\"number\":%-52zu}", i);
		data[i * LINE + LINE - 1] = ' ';
		assert_int_equal(batch_add(b, &item), 0);
	}
	return b;
}

static void on_done(void *context, int failed)
{
	struct world *w = context;

	w->ended[w->ended_count++] = failed;
}

static void on_other(void *others_ended, int failed)
{
	assert_int_equal(failed, 0);
	++*(size_t *)others_ended;
}

static enum admit offer(struct world *w, size_t lines)
{
	struct batch *b = batch_of(w, lines);
	enum admit admit = source_offer_long(w->source, &b, on_done, w);

	assert_int_equal(b == NULL, admit == ADMIT_TAKEN || admit == ADMIT_WAITS);
	batch_free(b);
	return admit;
}

static size_t turns_until_ended(struct world *w, size_t count)
{
	size_t turns = 0;

	for (; w->ended_count < count && turns < TURNS_MAX; turns++)
		loop_turn(w->loop, DURATION_MS(0));
	assert_int_equal(w->ended_count, count);
	return turns;
}

static void deliver(struct world *w)
{
	w->clock.ns += DURATION_S(2).ns;
	for (int i = 0; i < 50; i++)
		loop_turn(w->loop, DURATION_MS(0));
}

/* A few at once; many a slice at a time, and each line comes out once, as the steps made it. */
static void a_large_batch_is_prepared_in_slices(void **state)
{
	struct world *w = *state;

	assert_int_equal(offer(w, 10), ADMIT_TAKEN);
	assert_int_equal(w->ended_count, 0);
	assert_int_equal(offer(w, LINES), ADMIT_WAITS);
	assert_false(source_idle(w->source));
	assert_in_range(turns_until_ended(w, 1), LINES * LINE / (64 << 10), TURNS_MAX);
	assert_int_equal(w->ended[0], 0);
	deliver(w);
	assert_int_equal(w->exporter.count, LINES + 10);
	assert_int_equal(w->exporter.marked, LINES / 2 + 5);
	assert_int_equal(w->step.taken, LINES + 10);
	assert_true(source_idle(w->source));
}

/* What cannot wait finds no room meanwhile, and is told as soon as there is. */
static void others_are_told_when_the_chain_is_free(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 1);

	assert_int_equal(offer(w, LINES), ADMIT_WAITS);
	loop_turn(w->loop, DURATION_MS(0));
	assert_int_equal(source_offer(w->source, &b), ADMIT_FULL);
	assert_int_equal(w->refills, 0);
	(void)turns_until_ended(w, 1);
	deliver(w);
	assert_int_equal(w->refills, 1);
	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
	deliver(w);
	assert_int_equal(w->exporter.count, LINES + 1);
}

/* Large offers without end: a collector that tries again some ms after it was told has its turn after each of them. */
static void large_offers_crowd_nobody_out(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 1);

	assert_int_equal(offer(w, LINES), ADMIT_WAITS);
	assert_int_equal(offer(w, LINES), ADMIT_WAITS);
	loop_turn(w->loop, DURATION_MS(0));
	assert_int_equal(source_offer(w->source, &b), ADMIT_FULL);
	(void)turns_until_ended(w, 1);
	w->clock.ns += DURATION_MS(10).ns;
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, DURATION_MS(0));
	assert_int_equal(w->refills, 1);
	assert_int_equal(w->ended_count, 1);
	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
	w->clock.ns += DURATION_MS(50).ns;
	(void)turns_until_ended(w, 2);
	deliver(w);
	assert_int_equal(w->exporter.count, 2 * LINES + 1);
}

/* Whatever comes while a large one is under way waits in line, also if it is small. */
static void the_line_keeps_its_order(void **state)
{
	struct world *w = *state;

	assert_int_equal(offer(w, LINES), ADMIT_WAITS);
	assert_int_equal(offer(w, 1), ADMIT_WAITS);
	(void)turns_until_ended(w, 1);
	assert_int_equal(w->step.taken, LINES);
	(void)turns_until_ended(w, 2);
	assert_int_equal(w->step.taken, LINES + 1);
	assert_int_equal(w->ended[1], 0);
	deliver(w);
	assert_int_equal(w->exporter.count, LINES + 1);
}

/* At whatever memory is left: all of it, or nothing has happened. */
static void without_room_nothing_has_happened(void **state)
{
	struct world *w = *state;
	size_t limit = w->pipeline.budget.limit, number = 0;

	for (size_t left = 0; left < LINES * LINE; left += 64 << 10) {
		struct batch *b = batch_of(w, LINES);
		w->pipeline.budget.limit = budget_used(&w->pipeline.budget) + left;
		memset(w->pipeline.budget.guaranteed, 0, sizeof w->pipeline.budget.guaranteed);
		assert_int_equal(source_offer_long(w->source, &b, on_done, w), ADMIT_WAITS);
		(void)turns_until_ended(w, 1);
		assert_int_equal(w->ended[0], -ENOMEM);
		w->ended_count = 0;
		w->pipeline.budget.limit = limit;
		assert_int_equal(budget_used(&w->pipeline.budget), 0);
		number++;
	}
	assert_int_equal(w->step.failed, number);
	assert_int_equal(w->step.taken, 0);
	deliver(w);
	assert_int_equal(w->exporter.count, 0);
}

/* Whoever offered it takes it back, from the midst of the line and from under way, and the others go on. */
static void what_is_withdrawn_has_not_happened(void **state)
{
	struct world *w = *state;
	struct batch *other = batch_of(w, 7);

	assert_int_equal(offer(w, LINES), ADMIT_WAITS);
	assert_int_equal(source_offer_long(w->source, &other, on_other, &w->others_ended), ADMIT_WAITS);
	assert_false(source_withdraw(w->source, &other));
	loop_turn(w->loop, DURATION_MS(0));
	assert_true(source_withdraw(w->source, w));
	assert_int_equal(w->ended_count, 1);
	assert_int_equal(w->ended[0], -ETIMEDOUT);
	assert_int_equal(w->step.taken, 0);
	while (w->others_ended == 0)
		loop_turn(w->loop, DURATION_MS(0));
	assert_int_equal(w->step.taken, 7);
	assert_false(source_withdraw(w->source, w));
	deliver(w);
	assert_int_equal(w->exporter.count, 7);
	assert_int_equal(budget_used(&w->pipeline.budget), 0);
	assert_true(source_idle(w->source));
}

/* Long lines, of which the step changes each second one. */
static enum admit offer_long_lines(struct world *w, size_t lines)
{
	struct batch *b = source_batch_new(w->source);
	enum admit admit;

	for (size_t i = 0; i < lines; i++) {
		char *data = batch_block(b, LONG);
		assert_non_null(data);
		memset(data, 'x', LONG);
		memcpy(data, "{\"a\":\"", 6);
		memcpy(data + LONG - 2, "\"}", 2);
		assert_int_equal(batch_add(b, &(struct batch_item){ .data = data, .size = LONG, .records = 1 }), 0);
	}
	admit = source_offer_long(w->source, &b, on_done, w);
	batch_free(b);
	return admit;
}

static void turn_until(struct world *w, const atomic_bool *holds)
{
	for (int i = 0; i < 600 && !*holds; i++)
		loop_turn(w->loop, DURATION_MS(50));
	assert_true(*holds);
}

static void wait_until_ended(struct world *w)
{
	for (int i = 0; i < 600 && w->ended_count == 0; i++)
		loop_turn(w->loop, DURATION_MS(50));
	assert_int_equal(w->ended_count, 1);
}

/* The loop turns while the step is at work, and what comes out is the same. */
static void a_long_line_is_shown_in_the_lane(void **state)
{
	struct world *w = *state;

	w->step.closed = true;
	assert_int_equal(offer_long_lines(w, 3), ADMIT_WAITS);
	turn_until(w, &w->step.entered);
	assert_int_equal(w->ended_count, 0);
	assert_false(source_withdraw(w->source, w));
	w->step.closed = false;
	wait_until_ended(w);
	assert_int_equal(w->ended[0], 0);
	assert_false(pthread_equal(w->step.seen_in, pthread_self()));
	deliver(w);
	assert_int_equal(w->exporter.count, 3);
	assert_int_equal(w->exporter.marked, 1);
	assert_int_equal(w->step.taken, 3);
	assert_int_equal(budget_used(&w->pipeline.budget), 0);
}

/* Folds lines of equal size, as far as the books of one batch go. */
struct folder {
	size_t size, count, runs;
	unsigned on_loop; /* long lines that it saw there */
	pthread_t loop;
};

static void note_thread(struct folder *f)
{
	f->on_loop += pthread_equal(f->loop, pthread_self()) != 0;
}

static bool folds(struct step *s, struct record *record)
{
	struct folder *f = (struct folder *)s;

	note_thread(f);
	f->count += f->size == record->edit->text.size;
	return f->size == record->edit->text.size;
}

static enum step_answer begin_run(struct step *s, struct record *record)
{
	struct folder *f = (struct folder *)s;

	note_thread(f);
	f->size = record->edit->text.size;
	f->count = 1;
	return STEP_KEEP;
}

static void folded(struct step *s, struct record *record)
{
	static const char *const digits[] = { "0", "1", "2", "3", "4" };
	struct folder *f = (struct folder *)s;

	note_thread(f);
	f->runs++;
	assert_int_equal(json_edit_append(record->edit, bytes_of("times"), bytes_of(digits[f->count])), 0);
}

static void end_folding(struct step *s, bool taken)
{
	(void)taken;
	((struct folder *)s)->size = 0;
}

static const struct step_type folder_type = { .name = "folder",
	.signals = SIGNAL_LOGS,
	.folds = folds,
	.folded = folded,
	.apply = begin_run,
	.ended = end_folding,
	.destroy = no_destroy };

/* Lines of that many bytes beyond LONG, each a text of its own. */
static struct batch *long_lines(struct world *w, const size_t *more, size_t count)
{
	struct batch *b = source_batch_new(w->source);

	for (size_t i = 0; i < count; i++) {
		size_t size = LONG + more[i];
		char *data = batch_block(b, size);
		assert_non_null(data);
		memset(data, 'x', size);
		memcpy(data, "{\"a\":\"", 6);
		memcpy(data + size - 2, "\"}", 2);
		assert_int_equal(batch_add(b, &(struct batch_item){ .data = data, .size = size, .records = 1 }), 0);
	}
	return b;
}

/* Beside a step that folds, too: it is asked in the lane, and what stands for a run is edited and written there, at the
 * next line and at the end. */
static void long_lines_beside_a_step_that_folds_are_shown_in_the_lane(void **state)
{
	static const size_t more[] = { 0, 0, 0, 5, 7, 7 };
	struct folder folder = { .loop = pthread_self() };
	struct world *w = *state;
	struct batch *b;

	assert_int_equal(chain_add(w->chain, &folder_type, (struct step *)&folder, &w->host.dropped), 0);
	b = long_lines(w, more, COUNT_OF(more));
	assert_int_equal(source_offer_long(w->source, &b, on_done, w), ADMIT_WAITS);
	wait_until_ended(w);
	assert_int_equal(w->ended[0], 0);
	assert_int_equal(folder.on_loop, 0);
	assert_int_equal(folder.runs, 2);
	deliver(w);
	assert_int_equal(w->exporter.count, 3);
	assert_int_equal(w->exporter.threes, 1);
	assert_int_equal(w->exporter.twos, 1);
	assert_int_equal(budget_used(&w->pipeline.budget), 0);
}

/* Two offers, of which nothing has happened. */
static void both_are_cancelled(const struct world *w)
{
	assert_int_equal(w->ended_count, 2);
	assert_int_equal(w->ended[0], -ECANCELED);
	assert_int_equal(w->ended[1], -ECANCELED);
	assert_int_equal(w->step.taken, 0);
	assert_int_equal(budget_used(&w->pipeline.budget), 0);
}

static void what_is_in_the_lane_at_the_end_has_not_happened(void **state)
{
	struct world *w = *state;

	w->step.closed = true;
	assert_int_equal(offer_long_lines(w, 2), ADMIT_WAITS);
	assert_int_equal(offer(w, 1), ADMIT_WAITS);
	turn_until(w, &w->step.entered);
	w->step.closed = false;
	pipeline_halt(&w->pipeline);
	both_are_cancelled(w);
	loop_turn(w->loop, DURATION_MS(0));
}

/* Long lines without room for what becomes of them: whatever was begun is undone. */
static void without_room_for_a_long_line_nothing_has_happened(void **state)
{
	struct world *w = *state;
	size_t limit = w->pipeline.budget.limit;

	assert_int_equal(offer_long_lines(w, 3), ADMIT_WAITS);
	memset(w->pipeline.budget.guaranteed, 0, sizeof w->pipeline.budget.guaranteed);
	w->pipeline.budget.limit = budget_used(&w->pipeline.budget) + LONG + LONG / 2;
	wait_until_ended(w);
	assert_int_equal(w->ended[0], -ENOMEM);
	assert_int_equal(w->step.taken, 0);
	w->pipeline.budget.limit = limit;
	assert_int_equal(budget_used(&w->pipeline.budget), 0);
}

/* At the end of the process what waits is nowhere, whether steps have seen a part of it or not. */
static void what_waits_at_the_end_has_not_happened(void **state)
{
	struct world *w = *state;

	assert_int_equal(offer(w, LINES), ADMIT_WAITS);
	assert_int_equal(offer(w, 1), ADMIT_WAITS);
	loop_turn(w->loop, DURATION_MS(0));
	pipeline_halt(&w->pipeline);
	both_are_cancelled(w);
	assert_true(source_idle(w->source));
}

int main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WORLD(a_large_batch_is_prepared_in_slices),
		WORLD(others_are_told_when_the_chain_is_free),
		WORLD(large_offers_crowd_nobody_out),
		WORLD(the_line_keeps_its_order),
		WORLD(without_room_nothing_has_happened),
		WORLD(what_is_withdrawn_has_not_happened),
		WORLD(what_waits_at_the_end_has_not_happened),
		WORLD(a_long_line_is_shown_in_the_lane),
		WORLD(long_lines_beside_a_step_that_folds_are_shown_in_the_lane),
		WORLD(what_is_in_the_lane_at_the_end_has_not_happened),
		WORLD(without_room_for_a_long_line_nothing_has_happened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
