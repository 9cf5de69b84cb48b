/*
 * Pacing: who waits for a destination, for how long at most, and what makes it one that nobody waits for. The rule
 * alone, then the pipeline that asks it.
 */
#include "unit/pipeline/bench.h"

#include <stdlib.h>

#include "pipeline/pacing.h"

enum { A_SECOND = 1000, LITTLE = PACING_MOST - 1, PLENTY = PACING_MOST };

static struct mono_time at(int64_t ms)
{
	return (struct mono_time){ DURATION_MS(ms).ns };
}

/* It has answered as often as is asked for, the last time at that moment. */
static void make_lively(struct pacing *p, int64_t ms)
{
	while (pacing_ask(p, at(ms), LITTLE) == PACING_NOT)
		pacing_took(p, at(ms));
}

static void nobody_waits_for_who_has_not_answered(void **state)
{
	struct pacing p = { 0 };

	(void)state;
	for (int i = 0; i < PACING_FEW; i++) {
		assert_int_equal(pacing_ask(&p, at(A_SECOND), PLENTY), PACING_NOT);
		pacing_took(&p, at(A_SECOND));
	}
	assert_int_equal(pacing_ask(&p, at(A_SECOND), PLENTY), PACING_ENOUGH);
	assert_int_equal(pacing_ask(&p, at(A_SECOND), LITTLE), PACING_MORE);
	pacing_failed(&p);
	assert_int_equal(pacing_ask(&p, at(A_SECOND), PLENTY), PACING_NOT);
	assert_int_equal(pacing_ask(&p, at(A_SECOND), LITTLE), PACING_NOT);
}

/* Since the last answer, or since somebody waits: whatever came later. */
static void a_stall_ends_the_wait(void **state)
{
	struct pacing p = { 0 };
	int64_t now = A_SECOND;

	(void)state;
	make_lively(&p, 1);
	assert_int_equal(pacing_ask(&p, at(now), PLENTY), PACING_ENOUGH);
	assert_int_equal(pacing_patience(&p, at(now)).ns, DURATION_MS(PACING_STALL_MS).ns);
	now += PACING_STALL_MS - 1;
	assert_int_equal(pacing_ask(&p, at(now), PLENTY), PACING_ENOUGH);
	pacing_took(&p, at(now));
	assert_int_equal(pacing_patience(&p, at(now)).ns, DURATION_MS(PACING_STALL_MS).ns);
	now += PACING_STALL_MS;
	assert_int_equal(pacing_patience(&p, at(now)).ns, 0);
	assert_int_equal(pacing_ask(&p, at(now), PLENTY), PACING_NOT);
}

/* It answers and answers, but what it has to do grows no less. */
static void no_wait_is_long(void **state)
{
	struct pacing p = { 0 };
	int64_t now = A_SECOND;

	(void)state;
	make_lively(&p, now);
	while (pacing_ask(&p, at(now), PLENTY) == PACING_ENOUGH) {
		pacing_took(&p, at(now));
		assert_true(pacing_patience(&p, at(now)).ns <= DURATION_MS(A_SECOND + PACING_WAIT_MS - now).ns);
		now++;
	}
	assert_int_equal(now - A_SECOND, PACING_WAIT_MS);
}

static int answers_until_lively(struct pacing *p, int64_t now)
{
	int answers = 0;

	for (; pacing_ask(p, at(now), LITTLE) == PACING_NOT; answers++)
		pacing_took(p, at(now));
	return answers;
}

/* So it keeps doors waiting for little of the time. */
static void who_stalls_often_has_to_answer_more(void **state)
{
	struct pacing p = { 0 };
	int64_t now = A_SECOND;

	(void)state;
	for (int asked = PACING_FEW, i = 0; i < 40; i++) {
		assert_int_equal(answers_until_lively(&p, now), asked);
		assert_int_equal(pacing_ask(&p, at(now), PLENTY), PACING_ENOUGH);
		now += PACING_STALL_MS;
		assert_int_equal(pacing_ask(&p, at(now), PLENTY), PACING_NOT);
		asked = 2 * asked < PACING_MANY ? 2 * asked : PACING_MANY;
	}
}

/* Which asking for more alone does not. */
static void a_wait_that_ends_with_an_answer_forgives_stalls(void **state)
{
	struct pacing p = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		make_lively(&p, A_SECOND);
		assert_int_equal(pacing_ask(&p, at(A_SECOND), PLENTY), PACING_ENOUGH);
		assert_int_equal(pacing_ask(&p, at(A_SECOND + PACING_STALL_MS), PLENTY), PACING_NOT);
	}
	assert_int_equal(answers_until_lively(&p, A_SECOND), PACING_FEW << 3);
	pacing_failed(&p);
	assert_int_equal(answers_until_lively(&p, A_SECOND), PACING_FEW << 3);
	assert_int_equal(pacing_ask(&p, at(A_SECOND), PLENTY), PACING_ENOUGH);
	pacing_took(&p, at(A_SECOND + 1));
	assert_int_equal(pacing_ask(&p, at(A_SECOND + 1), LITTLE), PACING_MORE);
	pacing_failed(&p);
	assert_int_equal(answers_until_lively(&p, A_SECOND), PACING_FEW);
}

/* The pipeline. Each offer is a batch, and each batch a send, which the test ends. */

enum { SENDS_MAX = 64, BATCH = PACING_MOST / 4 };

struct exporter {
	struct send *open[SENDS_MAX]; /* the oldest first */
	size_t count;
};

static void fake_send(struct exporter *e, const struct batch *b, struct send *s)
{
	(void)b;
	assert_true(e->count < SENDS_MAX);
	e->open[e->count++] = s;
}

static void fake_cancel(struct exporter *e, struct send *s)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->open[i] == s)
			e->open[i] = e->open[--e->count];
	send_done(s, RETRY, "cancelled");
}

static void fake_destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type fake_type = {
	.name = "fake", .signals = SIGNAL_LOGS, .send = fake_send, .cancel = fake_cancel, .destroy = fake_destroy
};

struct world {
	BENCH;
	struct exporter exporters[2];
	struct sender *senders[2];
	struct source *source;
	size_t told;
};

static void on_refill(void *context)
{
	((struct world *)context)->told++;
}

static const struct source_hooks hooks = { .refill = on_refill };

static void turn(struct world *w)
{
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, DURATION_MS(0));
}

static void later(struct world *w, int64_t ms)
{
	w->clock.ns += ms * 1000000;
	turn(w);
}

static void begin(struct world *w, size_t destinations)
{
	static const struct sender_limits limits = { .concurrency = 2,
		.timeout = { 30000000000 },
		.retry_first = { 1000000000 },
		.retry_last = { 8000000000 } };

	*w = (struct world){ 0 };
	bench_init(&w->bench, 64 << 20);
	w->source =
		pipeline_source(&w->pipeline, &(struct source_options){ .name = "in",
						      .signal = SIGNAL_LOGS,
						      .hooks = &hooks,
						      .context = w,
						      .limits = { .bytes = 1, .records = 1, .age = DURATION_S(1) } });
	for (size_t i = 0; i < destinations; i++) {
		w->senders[i] = pipeline_sender(&w->pipeline, i ? "out2" : "out", &fake_type, &limits);
		sender_exporter(w->senders[i], &w->exporters[i]);
		source_route(w->source, w->senders[i]);
	}
}

static void end(struct world *w)
{
	pipeline_halt(&w->pipeline);
	bench_done(&w->bench);
}

static void offer(struct world *w, size_t count)
{
	while (count-- > 0) {
		struct batch *b = source_batch_new(w->source);
		char *data = batch_block(b, BATCH);
		assert_non_null(data);
		memset(data, 'x', BATCH);
		assert_int_equal(batch_add(b, &(struct batch_item){ .data = data, .size = BATCH, .records = 1 }), 0);
		assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
	}
	turn(w);
}

/* The oldest of its sends. */
static void answer(struct world *w, int destination, enum outcome outcome)
{
	struct exporter *e = &w->exporters[destination];
	struct send *s = e->open[0];

	assert_true(e->count > 0);
	memmove(e->open, e->open + 1, --e->count * sizeof s);
	send_done(s, outcome, "told to");
	turn(w);
}

static void take_all(struct world *w, int destination)
{
	while (w->exporters[destination].count > 0)
		answer(w, destination, DELIVERED);
}

static void a_door_waits_until_something_has_settled(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	offer(&w, 6);
	assert_false(source_has_enough(w.source)); /* nothing is known of it */
	take_all(&w, 0);
	offer(&w, 3);
	assert_false(source_has_enough(w.source));
	offer(&w, 1);
	w.told = 0;
	assert_true(source_has_enough(w.source));
	turn(&w);
	assert_int_equal(w.told, 0);
	answer(&w, 0, DELIVERED);
	assert_int_equal(w.told, 1);
	assert_false(source_has_enough(w.source));
	answer(&w, 0, DELIVERED); /* nobody waits */
	assert_int_equal(w.told, 1);
	end(&w);
}

static void nobody_waits_for_one_that_stalls_or_fails(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	offer(&w, 4);
	take_all(&w, 0);
	offer(&w, 5);
	assert_true(source_has_enough(w.source));
	w.told = 0;
	later(&w, PACING_STALL_MS);
	assert_int_equal(w.told, 1);
	assert_false(source_has_enough(w.source));
	take_all(&w, 0);
	offer(&w, 8);
	assert_true(source_has_enough(w.source)); /* it has answered often enough since */
	w.told = 0;
	answer(&w, 0, RETRY);
	assert_int_equal(w.told, 1);
	assert_false(source_has_enough(w.source));
	take_all(&w, 0);
	end(&w);
}

/* For one that is behind, or away, it piles up. */
static void the_first_that_is_done_sets_the_pace(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 2);
	offer(&w, 4);
	take_all(&w, 0);
	offer(&w, 4);
	assert_true(source_has_enough(w.source)); /* nothing is known of the other */
	take_all(&w, 1);
	assert_false(source_has_enough(w.source));
	offer(&w, 4);
	assert_true(source_has_enough(w.source));
	take_all(&w, 0);
	assert_int_equal(w.senders[1]->queued_bytes, PACING_MOST);
	assert_false(source_has_enough(w.source));
	take_all(&w, 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits_for_who_has_not_answered),
		cmocka_unit_test(a_stall_ends_the_wait),
		cmocka_unit_test(no_wait_is_long),
		cmocka_unit_test(who_stalls_often_has_to_answer_more),
		cmocka_unit_test(a_wait_that_ends_with_an_answer_forgives_stalls),
		cmocka_unit_test(a_door_waits_until_something_has_settled),
		cmocka_unit_test(nobody_waits_for_one_that_stalls_or_fails),
		cmocka_unit_test(the_first_that_is_done_sets_the_pace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
