/*
 * The pipeline with an exporter that answers what the test says, on a clock that the test moves.
 */
#include "unit/pipeline/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENDS_MAX = 64, TOLD_MAX = 64 };

/* The exporter under the test's thumb: it keeps every send until the test ends it. */
struct exporter {
	struct send *open[SENDS_MAX];
	size_t open_count, sent, cancelled;
	bool at_once;
	enum outcome answer;
};

static void fake_send(struct exporter *e, const struct batch *b, struct send *s)
{
	(void)b;
	e->sent++;
	if (e->at_once)
		send_done(s, e->answer, "told to");
	else
		e->open[e->open_count++] = s;
}

static void fake_cancel(struct exporter *e, struct send *s)
{
	for (size_t i = 0; i < e->open_count; i++)
		if (e->open[i] == s)
			e->open[i] = e->open[--e->open_count];
	e->cancelled++;
	send_done(s, RETRY, "no answer in time");
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
	uint64_t told[TOLD_MAX];
	struct batch_row gone[TOLD_MAX];
	size_t gone_count;
	size_t told_count, resumed;
	enum park park; /* what becomes of what is refused */
};

static enum park on_refused(void *context, const struct refusal *refusal)
{
	(void)refusal;
	return ((struct world *)context)->park;
}

static void on_unspool(void *context, const struct batch_row *rows, size_t count)
{
	struct world *w = context;

	for (size_t i = 0; i < count; i++)
		w->gone[w->gone_count++] = rows[i];
}

static void on_settled(void *context, uint64_t token)
{
	struct world *w = context;

	w->told[w->told_count++] = token;
}

static void on_refill(void *context)
{
	((struct world *)context)->resumed++;
}

static const struct source_hooks hooks = {
	.park = on_refused, .unspool = on_unspool, .refill = on_refill, .settled = on_settled
};

/* In the place of the one before, which keeps what it has. */
static void begin_source(struct world *w, enum rewind rewind)
{
	if (w->source && source_idle(w->source))
		pipeline_source_free(&w->pipeline, w->source);
	w->source = pipeline_source(
		&w->pipeline, &(struct source_options){ .name = "in",
				      .signal = SIGNAL_LOGS,
				      .rewind = rewind,
				      .hooks = &hooks,
				      .context = w,
				      .limits = { .bytes = 1000, .records = 10, .age = DURATION_S(1) } });
}

static const struct sender_limits limits = {
	.concurrency = 2, .timeout = { 30000000000 }, .retry_first = { 1000000000 }, .retry_last = { 8000000000 }
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	bench_init(&w->bench, 1 << 20);
	begin_source(w, REWIND_SAVED);
	for (int i = 0; i < 2; i++) {
		w->senders[i] = pipeline_sender(&w->pipeline, i ? "out2" : "out", &fake_type, &limits);
		sender_exporter(w->senders[i], &w->exporters[i]);
	}
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bench_done(&w->bench);
	free(w);
	return 0;
}

/* Turns the loop until nothing is left to do at this moment of the clock. */
static void turn(struct world *w)
{
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, DURATION_MS(0));
	for (int i = 0; i < 2; i++)
		sender_check(w->senders[i]);
}

static void later(struct world *w, int64_t ms)
{
	w->clock.ns += ms * 1000000;
	turn(w);
}

static struct batch *lines(struct world *w, size_t count, size_t size, uint64_t token)
{
	struct batch *b = source_batch_new(w->source);
	char *data;

	assert_non_null(b);
	data = batch_block(b, count * size);
	assert_non_null(data);
	memset(data, 'x', count * size);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(batch_add(b, &(struct batch_item){ .data = data + i * size,
						      .size = (uint32_t)size,
						      .records = 1,
						      .offset = i * size }),
			0);
	batch_token(b, token);
	batch_check(b);
	return b;
}

static void offer(struct world *w, size_t count, size_t size, uint64_t token)
{
	struct batch *b = lines(w, count, size, token);

	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
	assert_null(b);
}

static const struct ledger_amount *term(struct world *w, int route, enum ledger_term t)
{
	const struct ledger_row *row = source_row(w->source, route);

	assert_int_equal(ledger_imbalance(row), 0);
	return &row->live->term[t];
}

/* Nothing has room on disk; what is lost then. */
static uint64_t abandon(struct world *w)
{
	const struct send *send;

	pipeline_halt(&w->pipeline);
	while ((send = pipeline_left(&w->pipeline)))
		pipeline_give_up(&w->pipeline, send->delivery->of->rewind == REWIND_SAVED);
	return pipeline_lost(&w->pipeline);
}

static struct send *take(struct exporter *e)
{
	struct send *s;

	assert_true(e->open_count > 0);
	s = e->open[0];
	memmove(e->open, e->open + 1, --e->open_count * sizeof s);
	return s;
}

static void batch_waits_for_company_and_goes_by_age(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	offer(w, 1, 50, 1);
	offer(w, 2, 50, 2);
	turn(w);
	assert_int_equal(w->exporters[0].sent, 0);
	later(w, 1000);
	assert_int_equal(w->exporters[0].sent, 1);
	assert_int_equal(batch_items(w->exporters[0].open[0]->delivery->batch), 3);
	assert_int_equal(term(w, 0, LEDGER_HELD)->records, 3);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->bytes, 150);
	assert_int_equal(w->told_count, 2);
	assert_int_equal(w->told[0], 1);
	assert_int_equal(w->told[1], 2);
	assert_true(pipeline_idle(&w->pipeline));
}

static void batch_goes_at_once_when_large(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	offer(w, 9, 100, 1);
	offer(w, 2, 100, 2); /* both together would be over 1000 bytes */
	turn(w);
	assert_int_equal(w->exporters[0].sent, 1);
	offer(w, 8, 10, 3); /* ten records */
	turn(w);
	assert_int_equal(w->exporters[0].sent, 2);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
}

static void settled_in_order_whatever_order_they_end_in(void **state)
{
	struct world *w = *state;
	struct send *first, *second;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	offer(w, 10, 10, 2);
	turn(w);
	first = take(&w->exporters[0]);
	second = take(&w->exporters[0]);
	send_done(second, DELIVERED, NULL);
	assert_int_equal(w->told_count, 0);
	assert_int_equal(source_row(w->source, 0)->settled.term[LEDGER_DELIVERED].records, 0);
	send_done(first, DELIVERED, NULL);
	assert_int_equal(w->told_count, 2);
	assert_int_equal(w->told[0], 1);
	assert_int_equal(source_row(w->source, 0)->settled.term[LEDGER_DELIVERED].records, 20);
	assert_int_equal(source_row(w->source, 0)->settled.term[LEDGER_RECEIVED].records, 20);
}

static void every_destination_must_settle(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	source_route(w->source, w->senders[1]);
	offer(w, 10, 10, 1);
	turn(w);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	assert_int_equal(w->told_count, 0);
	send_done(take(&w->exporters[1]), REJECTED, "never");
	assert_int_equal(w->told_count, 1);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 10);
	assert_int_equal(term(w, 1, LEDGER_REJECTED)->records, 10);
}

/* No destination ever sees it, and each row of the ledger has it. */
static void what_is_refused_here_is_rejected_everywhere(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++)
		source_route(w->source, w->senders[i]);
	source_refused(w->source, 3, 120);
	turn(w);
	for (int i = 0; i < 2; i++) {
		const struct ledger_row *row = source_row(w->source, i);
		assert_int_equal(row->live->term[LEDGER_RECEIVED].records, 3);
		assert_int_equal(row->live->term[LEDGER_REJECTED].records, 3);
		assert_int_equal(row->live->term[LEDGER_REJECTED].bytes, 120);
		assert_int_equal(ledger_imbalance(row), 0);
		assert_int_equal(w->exporters[i].sent, 0);
	}
	assert_true(pipeline_idle(&w->pipeline));
}

static void only_the_named_items_are_tried_again(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	s = take(&w->exporters[0]);
	send_item(s, 3, RETRY, "429");
	send_item(s, 5, REJECTED, "400");
	send_done(s, DELIVERED, NULL);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 8);
	assert_int_equal(term(w, 0, LEDGER_REJECTED)->records, 1);
	assert_int_equal(term(w, 0, LEDGER_HELD)->records, 1);
	assert_string_equal(w->senders[0]->standing.reason, "400");
	later(w, 1000);
	s = take(&w->exporters[0]);
	assert_false(send_wants(s, 2));
	assert_true(send_wants(s, 3));
	assert_false(send_wants(s, 5));
	send_done(s, DELIVERED, NULL);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 9);
	assert_int_equal(w->told_count, 1);
}

static void waits_and_probes_with_one(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	for (uint64_t i = 0; i < 4; i++)
		offer(w, 10, 10, i);
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 2);
	send_done(take(&w->exporters[0]), RETRY, "refused");
	send_done(take(&w->exporters[0]), RETRY, "refused");
	assert_int_equal(w->senders[0]->state, SENDER_WAITING);
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 0);
	later(w, 2000);
	assert_int_equal(w->exporters[0].open_count, 1); /* one probe at a time */
	s = take(&w->exporters[0]);
	send_not_before(s, 60000);
	send_done(s, RETRY, "asked to wait");
	later(w, 59000);
	assert_int_equal(w->exporters[0].open_count, 0);
	later(w, 2000);
	assert_int_equal(w->exporters[0].open_count, 1);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 1); /* fine again: one, then two */
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 2);
	w->exporters[0].at_once = true;
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 40);
	assert_int_equal(w->told_count, 4);
}

/* Two were under way; the first is asked to wait a minute, the other's connection only breaks. */
static void a_time_that_was_asked_for_holds_for_the_next_failure_too(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	offer(w, 10, 10, 2);
	turn(w);
	s = take(&w->exporters[0]);
	send_not_before(s, 60000);
	send_done(s, RETRY, "asked to wait");
	send_done(take(&w->exporters[0]), RETRY, "broke");
	later(w, 59000);
	assert_int_equal(w->exporters[0].open_count, 0);
	later(w, 2000);
	assert_int_equal(w->exporters[0].open_count, 1);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
}

static void nobody_makes_us_wait_for_ever(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	s = take(&w->exporters[0]);
	send_not_before(s, UINT64_MAX);
	send_done(s, RETRY, "come back never");
	later(w, 3599000);
	assert_int_equal(w->exporters[0].open_count, 0);
	later(w, 2000);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
}

static void another_host_is_tried_at_once(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	s = take(&w->exporters[0]);
	send_elsewhere(s);
	send_done(s, RETRY, "the first host is gone");
	assert_int_equal(w->senders[0]->state, SENDER_FINE);
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 1);
	send_done(take(&w->exporters[0]), RETRY, "the second as well");
	assert_int_equal(w->senders[0]->state, SENDER_WAITING);
	later(w, 1000);
	s = take(&w->exporters[0]);
	send_elsewhere(s);
	send_done(s, RETRY, "still");
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 1); /* the probe goes on elsewhere */
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	assert_int_equal(w->senders[0]->state, SENDER_FINE);
	assert_int_equal(w->senders[0]->retries, 3);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 10);
}

static void as_many_at_a_time_as_are_taken_well(void **state)
{
	struct world *w = *state;
	struct sender *s = w->senders[0];

	window_init(&s->window, 5);
	source_route(w->source, s);
	for (uint64_t i = 0; i < 30; i++)
		offer(w, 10, 10, i);
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 2);
	for (int i = 0; i < 16; i++) {
		send_done(take(&w->exporters[0]), DELIVERED, NULL);
		turn(w);
	}
	assert_int_equal(w->exporters[0].open_count, 5);
	for (int i = 0; i < 5; i++)
		send_done(take(&w->exporters[0]), RETRY, "429");
	assert_int_equal(window_size(&s->window), 2); /* one refusal, told five times */
	later(w, 8001);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_in_range(w->exporters[0].open_count, 2, 3);
	w->exporters[0].at_once = true;
	while (w->exporters[0].open_count)
		send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->told_count, 30);
}

static void back_off_stays_under_its_ceiling(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	w->exporters[0].at_once = true;
	w->exporters[0].answer = RETRY;
	offer(w, 10, 10, 1);
	turn(w);
	for (int i = 0; i < 40; i++) {
		size_t before = w->exporters[0].sent;
		assert_int_equal(w->senders[0]->state, SENDER_WAITING);
		later(w, 8001);
		assert_true(w->exporters[0].sent > before);
	}
	w->exporters[0].answer = DELIVERED;
	later(w, 8001);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 10);
}

static void a_send_without_an_answer_is_cancelled(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	later(w, 29999);
	assert_int_equal(w->exporters[0].cancelled, 0);
	later(w, 2);
	assert_int_equal(w->exporters[0].cancelled, 1);
	assert_int_equal(term(w, 0, LEDGER_HELD)->records, 10);
	w->exporters[0].at_once = true;
	later(w, 1000);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 10);
	assert_int_equal(w->senders[0]->resent, 10);
}

static void too_large_is_split_down_to_one(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	for (int i = 0; i < 200 && w->told_count == 0; i++) {
		while (w->exporters[0].open_count) {
			struct send *s = take(&w->exporters[0]);
			bool holds_the_large = send_first(s) <= 6 && send_end(s) > 6;
			send_done(s, holds_the_large ? SPLIT : DELIVERED, "413");
		}
		turn(w);
	}
	assert_int_equal(term(w, 0, LEDGER_REJECTED)->records, 1);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 9);
	assert_int_equal(w->told_count, 1);
	assert_int_equal(w->senders[0]->failing_since.ns, 0);
}

static void some_refused_without_names(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	s = take(&w->exporters[0]);
	send_partial(s, 3, "three of them");
	send_done(s, DELIVERED, NULL);
	assert_int_equal(term(w, 0, LEDGER_REJECTED)->records, 3);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 7);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->bytes, 70);
	assert_int_equal(abandon(w), 3); /* nobody has them */
}

/* Others of the batch were settled before: the count is of those that are left. */
static void some_refused_without_names_of_what_was_left(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	s = take(&w->exporters[0]);
	send_item(s, 0, DELIVERED, NULL);
	send_done(s, RETRY, "the rest later");
	later(w, 1000);
	s = take(&w->exporters[0]);
	send_partial(s, 2, "two of them");
	send_done(s, DELIVERED, NULL);
	assert_int_equal(term(w, 0, LEDGER_REJECTED)->records, 2);
	assert_int_equal(term(w, 0, LEDGER_DELIVERED)->records, 8);
	assert_int_equal(abandon(w), 2);
}

/* Refused with no room to park it is lost; what is parked already, and stays, is not. */
static void what_is_refused_and_has_no_room_is_lost(void **state)
{
	struct world *w = *state;

	w->park = PARK_AS_IT_IS;
	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	send_done(take(&w->exporters[0]), REJECTED, "never");
	assert_int_equal(pipeline_lost(&w->pipeline), 0);
	w->park = PARK_NOT;
	offer(w, 10, 10, 2);
	turn(w);
	send_done(take(&w->exporters[0]), REJECTED, "never");
	assert_int_equal(term(w, 0, LEDGER_REJECTED)->records, 20);
	assert_int_equal(abandon(w), 10);
}

/* An item can be refused as too large, and that is what is remembered when the destination is well again. */
static void the_last_refusal_is_remembered(void **state)
{
	struct world *w = *state;
	struct send *s;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	send_done(take(&w->exporters[0]), RETRY, "down");
	later(w, 8001);
	s = take(&w->exporters[0]);
	for (size_t i = 0; i < 10; i++)
		send_item(s, i, SPLIT, "too large");
	send_done(s, DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->senders[0]->state, SENDER_FINE);
	assert_string_equal(w->senders[0]->standing.reason, "too large");
	assert_int_equal(w->senders[0]->standing.last_delivered.ns, 0); /* it took nothing */
	assert_int_equal(term(w, 0, LEDGER_REJECTED)->records, 10);
	assert_int_equal(w->told_count, 1);
}

static void refuses_beyond_memory_and_tells_of_room(void **state)
{
	struct world *w = *state;
	struct batch *b;
	int taken = 0;

	begin_source(w, REWIND_NONE);
	source_route(w->source, w->senders[0]);
	while ((b = source_batch_new(w->source)) && batch_block(b, 20000)) {
		char *data = b->blocks->data;
		if (batch_add(b, &(struct batch_item){ .data = data, .size = 20000, .records = 1 }) < 0)
			break;
		batch_token(b, (uint64_t)taken++);
		assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
		turn(w);
	}
	batch_free(b);
	budget_check(&w->pipeline.budget);
	assert_in_range(taken, 30, 52);
	w->resumed = 0;
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->resumed, 1);
	w->exporters[0].at_once = true;
	while (w->exporters[0].open_count)
		send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->told_count, taken);
}

/* Bytes that memory has room for stay in the file when a destination has enough to do; it is told of each send that
 * ends. */
static void a_file_is_not_read_far_ahead(void **state)
{
	struct world *w = *state;
	struct batch *b;
	uint64_t offered = 0;

	source_route(w->source, w->senders[0]);
	source_route(w->source, w->senders[1]);
	w->exporters[1].at_once = true;
	while (offered < 50 && (b = source_batch_new(w->source))) {
		batch_free(b);
		offer(w, 10, 100, offered++);
		turn(w);
	}
	assert_int_equal(offered, 3); /* two under way, and one more */
	assert_int_equal(w->resumed, 0);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->resumed, 1);
	b = source_batch_new(w->source);
	assert_non_null(b);
	batch_free(b);
	send_done(take(&w->exporters[0]), RETRY, "down"); /* one at a time now */
	turn(w);
	assert_null(source_batch_new(w->source));
	w->exporters[0].at_once = true;
	later(w, 8001);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	assert_int_equal(w->told_count, 3);
}

static void a_flood_leaves_the_guaranteed_part(void **state)
{
	struct world *w = *state;
	struct budget *b = &w->pipeline.budget;
	size_t flood = 0;

	while (budget_take(b, SIGNAL_TRACES, 1024))
		flood += 1024;
	assert_true(budget_take(b, SIGNAL_LOGS, b->guaranteed[1]));
	assert_false(budget_take(b, SIGNAL_LOGS, 1024));
	budget_check(b);
	budget_give(b, SIGNAL_TRACES, flood);
	budget_give(b, SIGNAL_LOGS, b->guaranteed[1]);
}

static void count_call(void *context)
{
	++*(unsigned *)context;
}

static void room_is_told_of_when_it_is_enough(void **state)
{
	unsigned told = 0;
	struct budget b;

	(void)state;
	budget_init(&b, 8192);
	b.freed = count_call;
	b.context = &told;
	assert_true(budget_take(&b, SIGNAL_LOGS, 6000));
	assert_false(budget_take(&b, SIGNAL_LOGS, 2000));
	assert_false(budget_take(&b, SIGNAL_LOGS, 3000));
	budget_give(&b, SIGNAL_LOGS, 100);
	assert_int_equal(told, 0);
	budget_give(&b, SIGNAL_LOGS, 1800);
	assert_int_equal(told, 1);
	budget_give(&b, SIGNAL_LOGS, 4100);
	assert_int_equal(told, 1);
}

static enum sender_verdict verdict(const struct world *w)
{
	return sender_verdict(w->senders[0], DURATION_S(30));
}

/* One try that failed is no answer, and neither is a quiet time. */
static void a_destination_stalls_when_nothing_settles_for_long(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporters[0];
	struct send *s;

	source_route(w->source, w->senders[0]);
	later(w, 3600000);
	assert_int_equal(verdict(w), SENDER_DELIVERS); /* nothing waits */
	offer(w, 10, 10, 1);
	turn(w);
	send_done(take(e), RETRY, "refused");
	for (int i = 0; i < 29; i++) {
		later(w, 1000);
		while (e->open_count > 0)
			send_done(take(e), RETRY, "refused");
	}
	assert_int_equal(verdict(w), SENDER_DELIVERS);
	later(w, 9000);
	assert_int_equal(verdict(w), SENDER_STALLED);
	assert_string_equal(w->senders[0]->standing.failure, "refused");
	s = take(e);
	send_item(s, 3, RETRY, "429");
	send_done(s, DELIVERED, NULL); /* nine of ten: it takes what it can */
	assert_int_equal(verdict(w), SENDER_DELIVERS);
	assert_int_equal(w->senders[0]->queued_records, 1);
	later(w, 9000);
	send_done(take(e), DELIVERED, NULL);
	later(w, 3600000);
	assert_int_equal(verdict(w), SENDER_DELIVERS);
	assert_string_equal(w->senders[0]->standing.failure, "");
}

/* A send without an answer is cancelled after `timeout` and tried again: no way to look fine. */
static void a_destination_that_hangs_stalls(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	turn(w);
	later(w, 30001);
	assert_int_equal(w->exporters[0].cancelled, 1);
	assert_int_equal(verdict(w), SENDER_STALLED);
}

static void a_destination_refuses_when_it_takes_nothing_for_long(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporters[0];
	struct send *s;

	source_route(w->source, w->senders[0]);
	e->at_once = true;
	e->answer = REJECTED;
	for (uint64_t i = 0; i < 30; i++) {
		offer(w, 10, 10, i);
		later(w, 1000);
	}
	assert_int_equal(verdict(w), SENDER_DELIVERS);
	for (uint64_t i = 30; i < 33; i++) {
		offer(w, 10, 10, i);
		later(w, 1000);
	}
	assert_int_equal(verdict(w), SENDER_REFUSES);
	assert_string_equal(w->senders[0]->standing.failure, ""); /* what may quote a record is not for everybody */
	e->at_once = false;
	offer(w, 10, 10, 40);
	turn(w);
	s = take(e);
	send_item(s, 3, DELIVERED, NULL);
	send_done(s, REJECTED, "never");
	assert_int_equal(verdict(w), SENDER_DELIVERS);
	assert_int_equal(w->senders[0]->standing.last_delivered.ns, w->clock.ns);
}

static void draining_waits_for_nothing(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	offer(w, 1, 10, 1);
	pipeline_drain(&w->pipeline);
	turn(w);
	assert_int_equal(w->exporters[0].open_count, 1);
	send_done(take(&w->exporters[0]), RETRY, "down");
	offer(w, 1, 10, 2);
	later(w, 150);
	assert_int_equal(w->exporters[0].open_count, 1); /* not after seconds of back-off */
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	turn(w);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	assert_true(pipeline_idle(&w->pipeline));
}

static void what_is_left_at_the_end(void **state)
{
	struct world *w = *state;

	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 1);
	offer(w, 1, 10, 2);
	turn(w);
	assert_int_equal(abandon(w), 0); /* a file: read again by the next start */
	assert_int_equal(w->told_count, 0);
	assert_int_equal(w->exporters[0].cancelled, 1);
	begin_source(w, REWIND_NONE);
	source_route(w->source, w->senders[0]);
	offer(w, 10, 10, 3);
	turn(w);
	assert_int_equal(abandon(w), 10);
	assert_int_equal(source_row(w->source, 0)->live->term[LEDGER_DROPPED_EXIT].records, 10);
}

/* As a door does that answers for it: prepared, put on disk as row `id` of the first route and `id` + 100 of the
 * second, then taken. */
static void offer_with_rows(struct world *w, size_t count, uint64_t id)
{
	struct batch *b = lines(w, count, 10, id);

	assert_int_equal(source_prepare(w->source, &b), ADMIT_TAKEN);
	source_wait(w->source);
	assert_false(pipeline_idle(&w->pipeline));
	assert_int_equal(term(w, 0, LEDGER_RECEIVED)->records, term(w, 0, LEDGER_HELD)->records);
	source_waited(w->source);
	for (size_t i = 0; i < source_routes(w->source); i++)
		batch_row_add(b, i, id + 100 * i);
	source_take(w->source, &b);
	assert_null(b);
}

static void rows_go_when_their_route_has_settled(void **state)
{
	struct world *w = *state;
	struct send *first, *second;

	begin_source(w, REWIND_NONE);
	source_route(w->source, w->senders[0]);
	source_route(w->source, w->senders[1]);
	offer_with_rows(w, 4, 1);
	offer_with_rows(w, 6, 2); /* one batch, of two rows for each route */
	turn(w);
	first = take(&w->exporters[0]);
	second = take(&w->exporters[1]);
	assert_int_equal(first->delivery->row_count, 4);
	for (size_t i = 0; i < 5; i++)
		send_item(second, i, DELIVERED, NULL);
	send_done(second, RETRY, "the rest later");
	assert_int_equal(w->gone_count, 0);
	send_done(first, SPLIT, "too large");
	turn(w);
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	assert_int_equal(w->gone_count, 0); /* of the other half nobody knows yet */
	send_done(take(&w->exporters[0]), DELIVERED, NULL);
	assert_int_equal(w->gone_count, 2);
	assert_true(w->gone[0].id + w->gone[1].id == 3 && w->gone[0].route + w->gone[1].route == 0);
	later(w, 10000);
	send_done(take(&w->exporters[1]), DELIVERED, NULL);
	assert_int_equal(w->gone_count, 4);
	assert_true(w->gone[2].id + w->gone[3].id == 203 && w->gone[2].route + w->gone[3].route == 2);
	assert_true(pipeline_idle(&w->pipeline));
}

static void what_has_rows_is_let_go_at_the_end(void **state)
{
	struct world *w = *state;

	begin_source(w, REWIND_NONE);
	source_route(w->source, w->senders[0]);
	assert_int_equal(abandon(w), 0);
	offer_with_rows(w, 3, 1);
	assert_true(pipeline_idle(&w->pipeline));
	assert_int_equal(term(w, 0, LEDGER_HELD)->records, 3);
	assert_int_equal(w->gone_count, 0);
}

static void merging_keeps_items_and_charge(void **state)
{
	struct world *w = *state;
	struct batch *into = lines(w, 3, 10, 1), *from = lines(w, 4, 20, 2);

	batch_row_add(from, 3, 77);
	assert_int_equal(batch_merge(into, &from), 0);
	assert_null(from);
	batch_check(into);
	assert_int_equal(batch_items(into), 7);
	assert_true(into->row_count == 1 && into->rows[0].id == 77 && into->rows[0].route == 3);
	assert_int_equal(batch_size(into), 110);
	assert_int_equal(batch_item(into, 6)->offset, 60);
	assert_int_equal(into->token_count, 2);
	batch_free(into);
}

static void trimming_gives_back(void **state)
{
	struct world *w = *state;
	struct batch *b = source_batch_new(w->source);
	char *data = batch_block(b, 100000);
	size_t before = budget_used(&w->pipeline.budget);

	memset(data, 'y', 100);
	data = batch_block_trim(b, 100);
	assert_int_equal(data[99], 'y');
	assert_int_equal(budget_used(&w->pipeline.budget), before - 99900);
	batch_check(b);
	batch_free(b);
}

static void growing_takes_what_is_more(void **state)
{
	struct world *w = *state;
	struct batch *b = source_batch_new(w->source);
	char *data = batch_block(b, 100);
	size_t before = budget_used(&w->pipeline.budget), limit = w->pipeline.budget.limit;

	memset(data, 'y', 100);
	data = batch_block_grow(b, 1000);
	assert_non_null(data);
	assert_int_equal(data[0] + data[99], 'y' + 'y');
	assert_int_equal(budget_used(&w->pipeline.budget), before + 900);
	assert_null(batch_block_grow(b, limit));
	assert_int_equal(budget_used(&w->pipeline.budget), before + 900);
	memset(data, 'z', 1000);
	batch_check(b);
	batch_free(b);
}

/* What was taken at once is all there is: the budget stays as it is, whatever is added. */
static void what_is_reserved_needs_no_budget(void **state)
{
	struct world *w = *state;
	struct budget *budget = &w->pipeline.budget;
	struct batch *b = source_batch_new(w->source);
	size_t before = budget_used(budget), used;
	char *data;

	assert_true(batch_reserve(b, 10000));
	used = budget_used(budget);
	assert_int_equal(used, before + 10000);
	data = batch_block(b, 4000);
	memset(data, 'x', 4000);
	data[7] = '\n';
	assert_int_equal(batch_add(b, &(struct batch_item){ .data = data, .size = 4000, .records = 1 }), 0);
	assert_null(batch_block(b, 4000));
	assert_int_equal(budget_used(budget), used);
	batch_check(b);
	batch_unreserve(b);
	assert_in_range(budget_used(budget), before + 8000, before + 9999);
	assert_non_null(batch_block(b, 4000));
	batch_check(b);
	assert_false(batch_reserve(b, budget->limit));
	batch_check(b);
	batch_free(b);
	assert_int_equal(budget_used(budget), 0);
}

/* Items that stand in a block go with it when it moves, in whatever order they were added; others stay. */
static void items_move_with_their_block(void **state)
{
	struct world *w = *state;
	struct batch *b = source_batch_new(w->source);
	char *first = batch_block(b, 8), *second = batch_block(b, 100000);

	memcpy(first, "{\"a\":1}", 7);
	memcpy(second, "{\"b\":2}{\"c\":3}", 14);
	assert_int_equal(batch_add(b, &(struct batch_item){ .data = first, .size = 7, .records = 1 }), 0);
	assert_int_equal(batch_replace_last(b, second, 7), 0);
	assert_int_equal(batch_add(b, &(struct batch_item){ .data = first, .size = 7, .records = 1 }), 0);
	assert_int_equal(batch_add(b, &(struct batch_item){ .data = second + 7, .size = 7, .records = 1 }), 0);
	second = batch_block_trim(b, 14);
	batch_check(b);
	assert_ptr_equal(batch_item(b, 0)->data, second);
	assert_memory_equal(batch_item(b, 0)->data, "{\"b\":2}", 7);
	assert_ptr_equal(batch_item(b, 1)->data, first);
	assert_memory_equal(batch_item(b, 2)->data, "{\"c\":3}", 7);
	batch_free(b);
}

static void add(struct batch *b, const char *text)
{
	char *block = batch_block(b, strlen(text));

	assert_non_null(block);
	memcpy(block, text, strlen(text));
	assert_int_equal(
		batch_add(b, &(struct batch_item){ .data = block, .size = (uint32_t)strlen(text), .records = 1 }), 0);
	batch_check(b);
	assert_memory_equal(block, text, strlen(text)); /* a collector may look at its bytes again */
}

/* What a bulk or a file would read as several lines. The newest block stays the one that can be trimmed. */
static void an_item_is_one_line(void **state)
{
	static const char text[] = "{\"a\":\r\n{\"delete\":{}}\n}", line[] = "{\"a\":  {\"delete\":{}} }";
	struct world *w = *state;
	struct batch *b = source_batch_new(w->source);
	char *data;

	add(b, text);
	assert_int_equal(batch_item(b, 0)->size, sizeof line - 1);
	assert_memory_equal(batch_item(b, 0)->data, line, sizeof line - 1);
	data = batch_block(b, 100000);
	memcpy(data, text, sizeof text);
	assert_int_equal(batch_replace_last(b, data, sizeof text - 1), 0);
	assert_memory_equal(batch_item(b, 0)->data, line, sizeof line - 1);
	assert_int_equal(batch_size(b), sizeof line - 1);
	data = batch_block_trim(b, sizeof text);
	assert_string_equal(data, text);
	batch_check(b);
	batch_free(b);
}

/* Taken or not: never half of it, and never as it was. */
static void without_room_no_item_enters(void **state)
{
	static const char text[] = "{\"a\":\n1}";
	struct world *w = *state;
	struct batch *b = source_batch_new(w->source);
	char *data = batch_block(b, sizeof text);
	const struct batch_item item = { .data = memcpy(data, text, sizeof text), .size = sizeof text - 1 };

	assert_int_equal(batch_add(b, &item), 0); /* there is room for more items now */
	w->pipeline.budget.limit = budget_used(&w->pipeline.budget);
	memset(w->pipeline.budget.guaranteed, 0, sizeof w->pipeline.budget.guaranteed);
	assert_int_equal(batch_add(b, &item), -ENOMEM);
	assert_int_equal(batch_replace_last(b, data, sizeof text - 1), -ENOMEM);
	assert_int_equal(batch_items(b), 1);
	batch_check(b);
	batch_free(b);
}

/* A span request is no line: its bytes stay what they are. */
static void other_signals_have_any_bytes(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_new(&w->pipeline.budget, SIGNAL_TRACES);

	add(b, "\n\r\n");
	assert_memory_equal(batch_item(b, 0)->data, "\n\r\n", 3);
	batch_free(b);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(batch_waits_for_company_and_goes_by_age),
		CASE(batch_goes_at_once_when_large),
		CASE(settled_in_order_whatever_order_they_end_in),
		CASE(every_destination_must_settle),
		CASE(what_is_refused_here_is_rejected_everywhere),
		CASE(only_the_named_items_are_tried_again),
		CASE(waits_and_probes_with_one),
		CASE(a_time_that_was_asked_for_holds_for_the_next_failure_too),
		CASE(nobody_makes_us_wait_for_ever),
		CASE(another_host_is_tried_at_once),
		CASE(as_many_at_a_time_as_are_taken_well),
		CASE(back_off_stays_under_its_ceiling),
		CASE(a_send_without_an_answer_is_cancelled),
		CASE(too_large_is_split_down_to_one),
		CASE(some_refused_without_names),
		CASE(some_refused_without_names_of_what_was_left),
		CASE(what_is_refused_and_has_no_room_is_lost),
		CASE(the_last_refusal_is_remembered),
		CASE(refuses_beyond_memory_and_tells_of_room),
		CASE(a_file_is_not_read_far_ahead),
		CASE(a_flood_leaves_the_guaranteed_part),
		cmocka_unit_test(room_is_told_of_when_it_is_enough),
		CASE(a_destination_stalls_when_nothing_settles_for_long),
		CASE(a_destination_that_hangs_stalls),
		CASE(a_destination_refuses_when_it_takes_nothing_for_long),
		CASE(draining_waits_for_nothing),
		CASE(what_is_left_at_the_end),
		CASE(rows_go_when_their_route_has_settled),
		CASE(what_has_rows_is_let_go_at_the_end),
		CASE(merging_keeps_items_and_charge),
		CASE(trimming_gives_back),
		CASE(growing_takes_what_is_more),
		CASE(what_is_reserved_needs_no_budget),
		CASE(items_move_with_their_block),
		CASE(an_item_is_one_line),
		CASE(without_room_no_item_enters),
		CASE(other_signals_have_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
