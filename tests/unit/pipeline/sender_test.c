/*
 * The sender alone, over a destination with moods: what it is asked with, how often, and what is let by.
 *
 * Items are told by their first byte; the destination's mood and that byte decide what becomes of a try:
 *
 *   g  is taken              r  has the connection reset       s  gets no answer, ever
 *   f  alone is answered 500       w  has the whole request answered with a firewall's 403
 *
 * A try of no items is answered in every mood but DOWN, RESETS and HANGS. Only an asked world has them.
 */
#include "unit/pipeline/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEM = 1024, ITEMS_MAX = 8192, BATCH_ITEMS = 1024, TRIES_MAX = 32768 };

enum mood { TAKES, DOWN, RESETS, FAILS, HANGS, SLOW };

struct
try {
	int64_t at;
	size_t first, items;
	uint64_t bytes;
};

struct exporter {
	struct world *world;
	enum mood mood;
	size_t under_way, most_under_way;
	struct try tries[TRIES_MAX];
	size_t count;
	uint64_t taken[ITEMS_MAX]; /* offsets, in the order they were taken */
	size_t taken_count;
	struct send *held[8]; /* `hold`: the test ends them */
	const struct batch *held_of[8];
	int64_t held_since[8];
	size_t held_count;
	bool hold;
	size_t breaths; /* sends that are answered as if it was TAKES */
	size_t empties; /* tries of no items */
	bool stray; /* the first try after one of them is to be sent elsewhere */
	bool deaf, mute; /* such a try is reset in every mood; gets no answer, ever */
};

struct world {
	BENCH;
	struct exporter exporter;
	struct sender *sender;
	struct source *source;
	uint64_t offered;
};

static bool has(const struct batch *b, const struct send *s, char kind)
{
	for (size_t i = send_first(s); i < send_end(s); i++)
		if (send_wants(s, i) && batch_item(b, i)->data[0] == kind)
			return true;
	return false;
}

/* A bulk: each item has an answer of its own. */
static void answer_items(struct exporter *e, const struct batch *b, struct send *s)
{
	for (size_t i = send_first(s); i < send_end(s); i++) {
		if (!send_wants(s, i))
			continue;
		if (e->mood == FAILS || batch_item(b, i)->data[0] == 'f')
			send_item(s, i, FAILED, "500");
		else
			e->taken[e->taken_count++] = batch_item(b, i)->offset;
	}
	send_done(s, DELIVERED, NULL);
}

static void hold_it(struct exporter *e, const struct batch *b, struct send *s)
{
	assert_true(e->held_count < COUNT_OF(e->held));
	e->held_of[e->held_count] = b;
	e->held_since[e->held_count] = e->world->clock.ns;
	e->held[e->held_count++] = s;
}

static void let_go(struct exporter *e, size_t i)
{
	e->held_count--;
	e->held[i] = e->held[e->held_count];
	e->held_of[i] = e->held_of[e->held_count];
	e->held_since[i] = e->held_since[e->held_count];
}

static void answer(struct exporter *e, const struct batch *b, struct send *s)
{
	if (e->breaths > 0) {
		e->breaths--;
		answer_items(e, b, s);
	} else if (e->mood == DOWN)
		send_done(s, RETRY, "connection refused");
	else if (e->mood == RESETS || has(b, s, 'r'))
		send_done(s, UNANSWERED, "the connection was reset");
	else if (has(b, s, 'w'))
		send_done(s, FAILED, "403 by a firewall");
	else if (e->mood == HANGS || e->mood == SLOW || has(b, s, 's'))
		hold_it(e, b, s);
	else
		answer_items(e, b, s);
}

static void note_try(struct exporter *e, const struct batch *b, struct send *s)
{
	struct try *t = &e->tries[e->count++];

	assert_true(e->count < TRIES_MAX);
	*t = (struct try){ .at = e->world->clock.ns, .first = send_first(s) };
	for (size_t i = send_first(s); i < send_end(s); i++)
		if (send_wants(s, i)) {
			t->items++;
			t->bytes += batch_item(b, i)->size;
		}
	assert_true(t->items > 0);
}

static void answer_empty(struct exporter *e, struct send *s)
{
	e->empties++;
	if (e->mute || e->mood == HANGS)
		hold_it(e, NULL, s);
	else if (e->mood == DOWN)
		send_done(s, RETRY, "connection refused");
	else if (e->mood == RESETS || e->deaf)
		send_done(s, UNANSWERED, "the connection was reset");
	else
		send_done(s, SPLIT, "400: the request has no body");
}

static void fake_send(struct exporter *e, const struct batch *b, struct send *s)
{
	if (send_first(s) == send_end(s)) {
		answer_empty(e, s);
		return;
	}
	note_try(e, b, s);
	if (e->stray && e->empties > 0) {
		e->stray = false;
		send_elsewhere(s);
		send_done(s, RETRY, "one of its hosts is away");
		return;
	}
	if (e->hold)
		hold_it(e, b, s);
	else
		answer(e, b, s);
}

static void fake_cancel(struct exporter *e, struct send *s)
{
	for (size_t i = 0; i < e->held_count; i++)
		if (e->held[i] == s) {
			let_go(e, i);
			break;
		}
	send_done(s, RETRY, "no answer in time");
}

static void fake_destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type fake_type = { .name = "fake",
	.signals = SIGNAL_LOGS,
	.has_peer = true,
	.send = fake_send,
	.cancel = fake_cancel,
	.destroy = fake_destroy };

static const struct exporter_type asked_type = { .name = "asked",
	.signals = SIGNAL_LOGS,
	.has_peer = true,
	.empty_sends = true,
	.send = fake_send,
	.cancel = fake_cancel,
	.destroy = fake_destroy };

static const struct exporter_type ordered_type = { .name = "ordered",
	.signals = SIGNAL_LOGS,
	.in_order = true,
	.send = fake_send,
	.cancel = fake_cancel,
	.destroy = fake_destroy };

static const struct sender_limits limits = {
	.concurrency = 2, .timeout = { 30000000000 }, .retry_first = { 500000000 }, .retry_last = { 30000000000 }
};

static int set_up(void **state, const struct exporter_type *type)
{
	struct world *w = calloc(1, sizeof *w);

	bench_init(&w->bench, 64 << 20);
	w->source = pipeline_source(
		&w->pipeline, &(struct source_options){ .name = "in",
				      .signal = SIGNAL_LOGS,
				      .rewind = REWIND_NONE,
				      .limits = { .bytes = BATCH_ITEMS * ITEM, .records = 1, .age = DURATION_S(1) } });
	w->sender = pipeline_sender(&w->pipeline, "out", type, &limits);
	w->exporter.world = w;
	sender_exporter(w->sender, &w->exporter);
	source_route(w->source, w->sender);
	*state = w;
	return 0;
}

static int setup(void **state)
{
	return set_up(state, &fake_type);
}

static int setup_asked(void **state)
{
	return set_up(state, &asked_type);
}

static int setup_ordered(void **state)
{
	return set_up(state, &ordered_type);
}

static int teardown(void **state)
{
	struct world *w = *state;

	bench_done(&w->bench);
	free(w);
	return 0;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 12; i++)
		loop_turn(w->loop, DURATION_MS(0));
	sender_check(w->sender);
}

/* In steps of a tenth of a second, so that what is due has its turn about when it is due. */
static void later(struct world *w, int64_t ms)
{
	for (int64_t end = w->clock.ns + ms * 1000000; w->clock.ns < end;) {
		w->clock.ns += 100000000;
		turn(w);
	}
}

static const struct ledger_amount *term(struct world *w, enum ledger_term t)
{
	const struct ledger_row *row = source_row(w->source, 0);

	assert_int_equal(ledger_imbalance(row), 0);
	return &row->live->term[t];
}

/* One batch of these items, each of its kind. */
static void offer(struct world *w, const char *kinds, size_t size)
{
	struct batch *b = source_batch_new(w->source);
	size_t count = strlen(kinds);
	char *data = batch_block(b, count * size);

	assert_non_null(data);
	for (size_t i = 0; i < count; i++) {
		memset(data + i * size, kinds[i], size);
		assert_int_equal(batch_add(b, &(struct batch_item){ .data = data + i * size,
						      .size = (uint32_t)size,
						      .records = 1,
						      .offset = w->offered++ }),
			0);
	}
	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
}

/* Of good items, as large as they get. */
static void offer_large(struct world *w)
{
	char kinds[BATCH_ITEMS + 1];

	memset(kinds, 'g', BATCH_ITEMS);
	kinds[BATCH_ITEMS] = '\0';
	offer(w, kinds, ITEM);
}

static void assert_taken_once_in_order(const struct exporter *e, size_t count)
{
	assert_int_equal(e->taken_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(e->taken[i], i);
}

/* Also by little; but a single item goes as it is. */
static void no_send_of_several_items_is_over_its_ceiling(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	const size_t most = BATCH_ITEMS * ITEM * 9 / 10;

	sender_send_max(w->sender, most);
	offer_large(w);
	turn(w);
	assert_int_equal(e->count, 2);
	assert_int_equal(e->tries[0].items, BATCH_ITEMS * 9 / 10);
	assert_true(e->tries[0].bytes <= most && e->tries[1].bytes <= most);
	offer(w, "g", 2 * most);
	turn(w);
	assert_int_equal(e->count, 3);
	assert_taken_once_in_order(e, BATCH_ITEMS + 1);
}

/* One request at a time and of little, about a second apart for ten minutes; then rarely. */
static void a_dead_destination_is_asked_with_little_and_often(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	size_t steady;

	e->mood = DOWN;
	offer_large(w);
	offer_large(w);
	later(w, 600000);
	steady = e->count;
	assert_in_range(steady, 600, 1300);
	for (size_t i = 4; i < steady; i++) {
		assert_in_range(e->tries[i].at - e->tries[i - 1].at, 400000000, 1100000000);
		assert_true(e->tries[i].bytes <= BATCH_ITEMS * ITEM / (i < 10 ? 1 : WINDOW_PARTS));
	}
	later(w, 1200000);
	assert_in_range(e->count - steady, 1200 / 30, 2 * 1200 / 30 + 10);
	e->mood = TAKES;
	later(w, 31000);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, 2 * BATCH_ITEMS);
	assert_taken_once_in_order(e, 2 * BATCH_ITEMS);
}

/* Six tries of an outage of 30 s, each with its own luck. */
static void it_is_back_within_moments_of_the_destination(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	for (int i = 1; i <= 6; i++) {
		e->mood = DOWN;
		offer_large(w);
		later(w, 30000);
		e->mood = TAKES;
		later(w, 1100);
		assert_true(e->taken_count > (size_t)(i - 1) * BATCH_ITEMS);
		later(w, 900);
		assert_taken_once_in_order(e, (size_t)i * BATCH_ITEMS);
	}
}

/* After an outage sends grow from little to whole batches, and only then there are two. */
static void the_window_opens_step_by_step(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	uint64_t last = BATCH_ITEMS * ITEM / WINDOW_PARTS;
	size_t first;

	e->mood = DOWN;
	for (int i = 0; i < 4; i++)
		offer_large(w);
	later(w, 20000);
	first = e->count;
	e->mood = TAKES;
	later(w, 2000);
	assert_taken_once_in_order(e, 4 * BATCH_ITEMS);
	for (size_t i = first; i < e->count; i++) {
		assert_true(e->tries[i].bytes <= 2 * last + last / 2); /* what is left of a batch goes along */
		last = e->tries[i].bytes > last ? e->tries[i].bytes : last;
	}
	assert_int_equal(last, BATCH_ITEMS * ITEM);
	assert_true(e->count - first >= 8);
}

/* Of those that are held. */
static void end_first(struct exporter *e, enum outcome outcome)
{
	struct send *first = e->held[0];

	assert_true(e->held_count > 0);
	let_go(e, 0);
	send_done(first, outcome, NULL);
}

/* What others were told, too, is not what all of them do at the same moment. */
static void what_was_asked_for_is_obeyed_and_a_little_more(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	int64_t asked, waited, least = INT64_MAX, most = 0;
	size_t first;

	e->hold = true;
	for (int i = 0; i < 5; i++) {
		offer(w, "g", 10);
		turn(w);
		send_not_before(e->held[0], 20000);
		asked = w->clock.ns;
		first = e->count;
		e->held_count = 0;
		send_done(e->held[0], RETRY, "503");
		later(w, 22000);
		waited = e->tries[first].at - asked;
		assert_in_range(waited, 20000000000, 21100000000);
		least = waited < least ? waited : least;
		most = waited > most ? waited : most;
		end_first(e, DELIVERED);
		turn(w);
	}
	assert_true(most > least);
}

/* Until nothing is held, `seconds` at most. */
static void until_settled(struct world *w, int64_t seconds)
{
	for (int64_t i = 0; i < seconds && term(w, LEDGER_HELD)->records > 0; i++)
		later(w, 1000);
}

/* What a scout brought is there twice: leaves one of each, and returns their number. */
static size_t forget_twins(struct exporter *e)
{
	static bool seen[ITEMS_MAX];
	size_t count = 0;

	memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < e->taken_count; i++)
		if (!seen[e->taken[i]]) {
			seen[e->taken[i]] = true;
			e->taken[count++] = e->taken[i];
		}
	return e->taken_count = count;
}

/* Good items are there once, the others are refused, whatever stands where. */
static void assert_sorted_out(struct world *w, size_t good, size_t bad)
{
	struct exporter *e = &w->exporter;
	static bool seen[ITEMS_MAX];

	memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < e->taken_count; i++) {
		assert_false(seen[e->taken[i]]);
		seen[e->taken[i]] = true;
	}
	assert_int_equal(e->taken_count, good);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, good);
	assert_int_equal(term(w, LEDGER_REJECTED)->records, bad);
	assert_int_equal(term(w, LEDGER_HELD)->records, 0);
}

/* The issue's own: three documents and nothing else in the world. */
static void the_one_that_breaks_the_connection_is_found(void **state)
{
	struct world *w = *state;

	offer(w, "grg", 10);
	until_settled(w, 60);
	assert_sorted_out(w, 2, 1);
	assert_non_null(strstr(w->sender->standing.reason,
		"failed again when tried alone, while others were taken: the connection was reset"));
}

static void the_one_that_is_never_answered_is_found(void **state)
{
	struct world *w = *state;

	offer(w, "gsg", 10);
	until_settled(w, 600);
	assert_int_equal(forget_twins(&w->exporter), 2);
	assert_sorted_out(w, 2, 1);
}

/* At each item, of batches of each size, also two of them, with others behind. */
static void bad_ones_are_found_wherever_they_stand(void **state)
{
	struct world *w = *state;
	size_t good = 0, bad = 0;

	for (size_t size = 2; size <= 9; size++)
		for (size_t at = 0; at < size; at++) {
			char kinds[10] = "ggggggggg";
			kinds[size] = '\0';
			kinds[at] = "rw"[at % 2];
			kinds[(at * 2 + 1) % size] = 'r';
			for (size_t i = 0; i < size; i++)
				*(kinds[i] == 'g' ? &good : &bad) += 1;
			offer(w, kinds, 10);
			offer(w, "ggg", 10);
			good += 3;
		}
	until_settled(w, 3600);
	assert_sorted_out(w, good, bad);
}

/* Among as many as fill a batch: a few dozen tries, not one for each. */
static void one_of_a_thousand_is_found(void **state)
{
	struct world *w = *state;
	char kinds[BATCH_ITEMS + 1];

	memset(kinds, 'g', BATCH_ITEMS);
	kinds[BATCH_ITEMS] = '\0';
	kinds[700] = 'r';
	offer(w, kinds, ITEM);
	offer_large(w);
	until_settled(w, 600);
	assert_sorted_out(w, 2 * BATCH_ITEMS - 1, 1);
	assert_true(w->exporter.count < 120);
}

/* Nothing is taken at all: that is the destination, and nobody is refused for it. */
static void one_alone_in_the_world_waits_for_a_second(void **state)
{
	struct world *w = *state;

	offer(w, "r", 10);
	later(w, 1200000);
	assert_int_equal(term(w, LEDGER_HELD)->records, 1);
	offer(w, "g", 10);
	until_settled(w, 120);
	assert_sorted_out(w, 1, 1);
}

static void comes_back(struct world *w, enum mood mood)
{
	struct exporter *e = &w->exporter;
	size_t asked;

	e->mood = mood;
	for (int i = 0; i < 3; i++)
		offer_large(w);
	offer(w, "ggg", 10);
	later(w, 900000);
	assert_int_equal(term(w, LEDGER_HELD)->records, 3 * BATCH_ITEMS + 3);
	asked = e->count;
	e->mood = TAKES;
	until_settled(w, 60);
	assert_sorted_out(w, 3 * BATCH_ITEMS + 3, 0);
	assert_true(e->count - asked < 100);
}

/* It takes one and is away again: what waits is not refused in a row for that one. */
static void an_outage_that_pauses_refuses_one_each_time_at_most(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	uint64_t refused;

	e->mood = RESETS;
	for (int i = 0; i < 12; i++)
		offer(w, "g", 10);
	later(w, 120000);
	for (size_t pauses = 1; pauses <= 3; pauses++) {
		e->breaths = 1;
		later(w, 120000);
		assert_int_equal(e->taken_count, pauses);
		assert_true(term(w, LEDGER_REJECTED)->records <= pauses);
	}
	refused = term(w, LEDGER_REJECTED)->records;
	e->mood = TAKES;
	until_settled(w, 60);
	assert_sorted_out(w, 12 - refused, refused);
}

static void an_outage_of_resets_refuses_nobody(void **state)
{
	comes_back(*state, RESETS);
}

static void an_outage_of_500_refuses_nobody(void **state)
{
	comes_back(*state, FAILS);
}

static void who_is_answered_500_alone_lets_others_by(void **state)
{
	struct world *w = *state;

	offer(w, "f", 10);
	later(w, 600000);
	assert_int_equal(term(w, LEDGER_HELD)->records, 1);
	assert_true(w->exporter.count >= 8);
	offer(w, "ggg", 10);
	until_settled(w, 60);
	assert_sorted_out(w, 3, 1);
	assert_string_equal(w->sender->standing.reason, "500");
}

static void in_company_eight_tries_are_enough(void **state)
{
	struct world *w = *state;

	offer(w, "gfgf", 10);
	until_settled(w, 60);
	assert_sorted_out(w, 2, 2);
	assert_int_equal(w->exporter.count, 8);
}

/* What a reader of files brings: one large line after another, as soon as it may. */
static void read_on(struct world *w, const char *lines, int64_t seconds)
{
	const struct still_clock *clock = &w->clock;

	for (int64_t end = clock->ns + seconds * 1000000000; clock->ns < end; later(w, 1000))
		while (*lines && !sender_is_backed_up(w->sender, 0, BATCH_ITEMS * ITEM, true)) {
			char kinds[2] = { *lines++, '\0' };
			offer(w, kinds, 900 << 10);
		}
	assert_int_equal(*lines, '\0');
}

/* As many as fill what is held of files, and as many again. */
static void several_large_ones_let_others_by(void **state)
{
	struct world *w = *state;

	read_on(w, "rrrrrrrrggggggggggg", 600);
	until_settled(w, 60);
	assert_sorted_out(w, 11, 8);
}

static void several_large_ones_without_memory_to_spare_wait(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 4; i++)
		offer(w, "r", 900 << 10);
	later(w, 600000);
	assert_true(sender_is_backed_up(w->sender, 0, BATCH_ITEMS * ITEM, false));
	assert_false(sender_is_backed_up(w->sender, 0, BATCH_ITEMS * ITEM, true));
	assert_true(sender_is_backed_up(w->sender, 2 * BATCH_ITEMS * ITEM, BATCH_ITEMS * ITEM, true));
	w->exporter.mood = TAKES;
	offer(w, "g", 10);
	assert_true(sender_is_backed_up(w->sender, 0, BATCH_ITEMS * ITEM, true));
	assert_int_equal(term(w, LEDGER_REJECTED)->records, 0);
}

static void whom_a_firewall_takes_offence_at_is_found(void **state)
{
	struct world *w = *state;

	offer(w, "w", 10);
	offer(w, "gggg", 10);
	offer(w, "ggwg", 10);
	until_settled(w, 120);
	assert_sorted_out(w, 7, 2);
}

/* A destination that takes connections and answers nothing. */

/* What it took while it hung is lost; it answers what comes from now on. */
static void comes_to(struct world *w)
{
	w->exporter.mood = TAKES;
}

/* The timeout is 30 s: the outage ends within the first send, a probe, or between them; one item waits, or batches
 * behind it. */
static void after_a_hang(struct world *w, int64_t seconds, size_t batches)
{
	struct exporter *e = &w->exporter;
	uint64_t before = term(w, LEDGER_DELIVERED)->records, all;
	size_t asked = e->count;

	e->mood = HANGS;
	offer(w, "g", ITEM);
	for (size_t i = 0; i < batches; i++)
		offer_large(w);
	all = before + 1 + batches * BATCH_ITEMS;
	later(w, seconds * 1000);
	assert_true(e->count - asked <= 3 + 2 * (size_t)seconds);
	assert_true(e->held_count <= 2 + SCOUTS_MAX);
	for (size_t i = asked + 3; i < e->count; i++)
		assert_true(e->tries[i].bytes <= BATCH_ITEMS * ITEM / WINDOW_PARTS);
	comes_to(w);
	later(w, 1500);
	assert_true(term(w, LEDGER_DELIVERED)->records > before);
	later(w, 1500);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, all);
	assert_int_equal(forget_twins(e), all - before);
	assert_int_equal(term(w, LEDGER_HELD)->records, 0);
	e->taken_count = 0;
}

static void it_is_back_within_moments_of_one_that_hung(void **state)
{
	static const int64_t seconds[] = { 2, 8, 23, 29, 31, 44, 70 };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT_OF(seconds); i++)
		after_a_hang(w, seconds[i], i % 3);
}

/* For ten minutes about a second apart; then what is waited for is all there is. */
static void one_that_hangs_is_asked_less_often_in_time(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	size_t steady;

	e->mood = HANGS;
	offer_large(w);
	offer_large(w);
	later(w, 600000);
	steady = e->count;
	assert_in_range(steady, 600, 1300);
	later(w, 60000);
	steady = e->count;
	later(w, 1200000);
	assert_true(e->count - steady <= 1200 / 15);
	comes_to(w);
	later(w, 62000);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, 2 * BATCH_ITEMS);
}

/* One of two is answered "later", and the other not at all. */
static void what_was_asked_for_holds_for_scouts_too(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	e->mood = HANGS;
	offer_large(w);
	offer_large(w);
	turn(w);
	assert_int_equal(e->count, 2);
	send_not_before(e->held[0], 20000);
	end_first(e, RETRY);
	later(w, 19500);
	assert_int_equal(e->count, 2);
	later(w, 2500);
	assert_true(e->count > 2);
}

/* Answers what was held for that long, oldest first. */
static void answer_slowly(struct world *w, int64_t ms)
{
	struct exporter *e = &w->exporter;

	for (size_t i = 0; i < e->held_count;) {
		struct send *s = e->held[i];
		const struct batch *b = e->held_of[i];
		if (w->clock.ns - e->held_since[i] < ms * 1000000) {
			i++;
			continue;
		}
		let_go(e, i);
		answer_items(e, b, s);
		i = 0;
	}
}

static void until(struct world *w, int64_t ms, int64_t slowness)
{
	for (int64_t end = w->clock.ns + ms * 1000000; w->clock.ns < end; turn(w)) {
		w->clock.ns += 100000000;
		answer_slowly(w, slowness);
	}
}

/* Five seconds for each answer, whatever is in it. It has been fast so far, so it is thought to hang at first. After a
 * few answers it is known to be slow. */
static void a_slow_one_is_waited_for_and_left_alone(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	size_t asked;

	for (int i = 0; i < 20; i++) {
		offer(w, "g", 10);
		turn(w);
	}
	e->mood = SLOW;
	for (int i = 0; i < 6; i++)
		offer_large(w);
	until(w, 16000, 5000);
	assert_true(term(w, LEDGER_DELIVERED)->records >= 20 + 4 * BATCH_ITEMS);
	assert_true(e->count <= 20 + 6 + 12);
	until(w, 14000, 5000);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, 20 + 6 * BATCH_ITEMS);
	assert_string_equal(sender_state_name(w->sender->state), "fine");
	asked = e->count;
	e->taken_count = 0;
	for (int i = 0; i < 2; i++)
		offer_large(w);
	until(w, 10500, 5000);
	assert_int_equal(e->count - asked, 2); /* no scout */
	assert_int_equal(e->taken_count, 2 * BATCH_ITEMS);
	assert_int_equal(w->sender->retries, 0);
}

/* After an outage it needs five seconds for each: it is recovered, by the first of them. */
static void one_that_comes_back_slow_is_recovered(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	e->mood = DOWN;
	offer_large(w);
	offer_large(w);
	later(w, 20000);
	e->mood = SLOW;
	until(w, 7000, 5000);
	assert_true(e->taken_count > 0);
	assert_string_equal(sender_state_name(w->sender->state), "fine");
	for (int i = 0; i < 600 && term(w, LEDGER_HELD)->records > 0; i++) {
		size_t held = e->held_count;
		assert_true(held <= 2 + SCOUTS_MAX);
		until(w, 1000, 5000);
	}
	forget_twins(e);
	assert_int_equal(e->taken_count, 2 * BATCH_ITEMS);
}

/* It hangs for one item only. Others of the same send are taken, and no item that is slow by itself is called back. */
static void what_hangs_by_itself_has_its_whole_timeout(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	offer(w, "s", 10);
	later(w, 29000);
	assert_int_equal(w->sender->retries, 0);
	assert_in_range(e->count, 20, 60);
	assert_true(e->held_count <= 1 + SCOUTS_MAX);
	later(w, 1100);
	assert_int_equal(w->sender->retries, 1);
	assert_int_equal(TAILQ_FIRST(&w->sender->queue)->suspicion.strikes, 3);
}

/* Nothing to compare it with but an empty request, which the destination answers. */
static void one_alone_is_refused_beside_an_answer_to_nothing(void **state)
{
	struct world *w = *state;

	offer(w, "r", 10);
	until_settled(w, 60);
	assert_sorted_out(w, 0, 1);
	assert_string_equal(w->sender->standing.reason,
		"failed again when tried alone, while empty requests were answered: the connection was reset");
	assert_true(w->exporter.count >= 4); /* three tries make a suspect, one more is beside an answer */
}

static void one_alone_that_is_never_answered_is_refused(void **state)
{
	struct world *w = *state;

	offer(w, "s", 10);
	until_settled(w, 600);
	assert_sorted_out(w, 0, 1);
}

/* Good ones of every hundred, or none at all, and good ones behind: all of it in a minute. */
static void sorts_out(struct world *w, size_t every)
{
	char kinds[BATCH_ITEMS + 1];
	size_t good = 0;

	for (int batch = 0; batch < 3; batch++) {
		memset(kinds, 'r', BATCH_ITEMS);
		kinds[BATCH_ITEMS] = '\0';
		for (size_t i = 0; every > 0 && i < BATCH_ITEMS; i += every, good++)
			kinds[i] = 'g';
		offer(w, kinds, ITEM);
	}
	offer(w, "ggg", 10);
	for (int i = 0; i < 600 && term(w, LEDGER_HELD)->records > 0; later(w, 100), i++)
		for (int k = 0; k < 600; k++)
			loop_turn(w->loop, DURATION_MS(0));
	assert_sorted_out(w, good + 3, 3 * BATCH_ITEMS - good);
}

static void all_bad_ones_but_every_hundredth_are_found(void **state)
{
	sorts_out(*state, 100);
}

static void nothing_but_bad_ones_are_found(void **state)
{
	sorts_out(*state, 0);
}

/* As many as fill half of the memory: no reader may bring anything to compare them with. */
static void bad_ones_that_fill_the_memory_let_others_by(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 40; i++)
		offer(w, "r", 900 << 10);
	assert_true(budget_used(&w->pipeline.budget) > w->pipeline.budget.limit / 2);
	until_settled(w, 120);
	assert_sorted_out(w, 0, 40);
}

/* Whether a request is answered says nothing of 500: the same answer would come to whatever is sent. */
static void an_answer_to_nothing_is_no_comparison_for_500(void **state)
{
	struct world *w = *state;

	offer(w, "f", 10);
	offer(w, "w", 10);
	later(w, 600000);
	assert_int_equal(term(w, LEDGER_HELD)->records, 2);
	assert_int_equal(w->exporter.empties, 0);
}

/* It never answers an empty request, but takes what is good. */
static void a_destination_that_is_deaf_to_nothing_is_sent_all_pieces(void **state)
{
	struct world *w = *state;

	w->exporter.deaf = true;
	offer(w, "rrg", 10);
	offer(w, "rrr", 10);
	later(w, 120000);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, 1);
	assert_true(w->exporter.empties > 0);
	offer(w, "ggg", 10);
	later(w, 120000);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, 4);
}

/* It costs little to ask again, and what waits may fare better. */
static void an_empty_send_is_not_waited_for_long(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;
	size_t tries;

	e->mute = true;
	offer(w, "r", 10);
	while (!e->empties)
		later(w, 100);
	tries = e->count;
	later(w, 3500);
	assert_in_range(e->count, tries + 1, tries + 2);
	later(w, 600000);
	assert_int_equal(term(w, LEDGER_HELD)->records, 1);
}

/* The try that was to be compared with it was no try, and the next ones are in an outage. */
static void an_answer_to_nothing_is_not_kept_for_an_outage(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	e->stray = true;
	offer(w, "r", 10);
	while (!e->empties)
		later(w, 100);
	assert_false(e->stray);
	e->mood = RESETS;
	later(w, 600000);
	assert_int_equal(term(w, LEDGER_REJECTED)->records, 0);
	assert_int_equal(term(w, LEDGER_HELD)->records, 1);
}

/* It hung until two tries had no answer. Whenever it comes back after that, something is taken within two seconds. */
static void it_is_back_soon_if_it_is_asked_with_nothing_meanwhile(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	for (int64_t ms = 0; ms <= 4000; ms += 250) {
		uint64_t before = term(w, LEDGER_DELIVERED)->records;
		size_t empties = e->empties;

		e->mood = HANGS;
		offer(w, "g", 10);
		while (e->empties == empties)
			later(w, 50);
		later(w, ms);
		comes_to(w);
		later(w, 2000);
		assert_int_equal(term(w, LEDGER_DELIVERED)->records, before + 1);
	}
}

/* It goes away while pieces are being compared, and is back later: none is refused meanwhile. */
static void who_goes_away_in_between_has_nothing_refused(void **state)
{
	struct world *w = *state;
	uint64_t refused;

	offer(w, "rgrrrrgr", 10);
	while (!w->exporter.empties)
		later(w, 100);
	w->exporter.mood = RESETS;
	turn(w);
	refused = term(w, LEDGER_REJECTED)->records;
	later(w, 600000);
	assert_int_equal(term(w, LEDGER_REJECTED)->records, refused);
	w->exporter.mood = TAKES;
	until_settled(w, 120);
	assert_sorted_out(w, 2, 6);
}

/* Whatever fails, and in whichever way, what came first is taken first, and one goes out at a time. */
static void what_is_to_be_in_order_is_taken_in_order(void **state)
{
	static const enum mood moods[] = { RESETS, FAILS, HANGS, DOWN };
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	sender_send_max(w->sender, 1);
	for (size_t i = 0; i < COUNT_OF(moods); i++) {
		offer(w, "rgg", 10);
		offer(w, "g", 10);
		e->mood = moods[i];
		later(w, 100000);
		assert_int_equal(e->taken_count, 4 * i);
		e->mood = TAKES;
		e->breaths = 1; /* what resets the connection is taken once */
		later(w, 40000);
		assert_taken_once_in_order(e, 4 * (i + 1));
		assert_int_equal(e->under_way + e->held_count, 0);
	}
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, 4 * COUNT_OF(moods));
}

/* The oldest first, but for what is under way; the others are sent. */
static void what_waits_can_be_shed(void **state)
{
	struct world *w = *state;
	struct exporter *e = &w->exporter;

	e->hold = true;
	for (int i = 0; i < 4; i++)
		offer(w, "g", 10);
	turn(w);
	assert_int_equal(e->held_count, 1);
	sender_shed(w->sender, LEDGER_DROPPED_AGE);
	sender_shed(w->sender, LEDGER_DROPPED_FULL);
	assert_int_equal(term(w, LEDGER_DROPPED_AGE)->records, 1);
	assert_int_equal(term(w, LEDGER_DROPPED_FULL)->records, 1);
	assert_int_equal(term(w, LEDGER_HELD)->records, 2);
	assert_int_equal(source_lost_records(w->source), 2);
	sender_check(w->sender);
	e->hold = false;
	answer(e, e->held_of[0], e->held[0]);
	e->held_count = 0;
	turn(w);
	assert_int_equal(e->taken_count, 2);
	assert_int_equal(e->taken[0], 0);
	assert_int_equal(e->taken[1], 3);
	assert_null(sender_oldest_waiting(w->sender));
}

#define ORDERED(f) cmocka_unit_test_setup_teardown(f, setup_ordered, teardown)
#define ASKED(f) cmocka_unit_test_setup_teardown(f, setup_asked, teardown)
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_dead_destination_is_asked_with_little_and_often),
		CASE(it_is_back_within_moments_of_the_destination),
		CASE(no_send_of_several_items_is_over_its_ceiling),
		CASE(the_window_opens_step_by_step),
		CASE(what_was_asked_for_is_obeyed_and_a_little_more),
		CASE(the_one_that_breaks_the_connection_is_found),
		CASE(the_one_that_is_never_answered_is_found),
		CASE(bad_ones_are_found_wherever_they_stand),
		CASE(one_of_a_thousand_is_found),
		CASE(one_alone_in_the_world_waits_for_a_second),
		CASE(an_outage_that_pauses_refuses_one_each_time_at_most),
		CASE(an_outage_of_resets_refuses_nobody),
		CASE(an_outage_of_500_refuses_nobody),
		CASE(who_is_answered_500_alone_lets_others_by),
		CASE(in_company_eight_tries_are_enough),
		CASE(several_large_ones_let_others_by),
		CASE(several_large_ones_without_memory_to_spare_wait),
		CASE(whom_a_firewall_takes_offence_at_is_found),
		CASE(it_is_back_within_moments_of_one_that_hung),
		CASE(one_that_hangs_is_asked_less_often_in_time),
		CASE(what_was_asked_for_holds_for_scouts_too),
		CASE(a_slow_one_is_waited_for_and_left_alone),
		CASE(one_that_comes_back_slow_is_recovered),
		CASE(what_hangs_by_itself_has_its_whole_timeout),
		ORDERED(what_is_to_be_in_order_is_taken_in_order),
		ORDERED(what_waits_can_be_shed),
		ASKED(one_alone_is_refused_beside_an_answer_to_nothing),
		ASKED(it_is_back_within_moments_of_one_that_hung),
		ASKED(one_that_hangs_is_asked_less_often_in_time),
		ASKED(what_was_asked_for_holds_for_scouts_too),
		ASKED(a_slow_one_is_waited_for_and_left_alone),
		ASKED(one_that_comes_back_slow_is_recovered),
		ASKED(what_hangs_by_itself_has_its_whole_timeout),
		ASKED(one_alone_that_is_never_answered_is_refused),
		ASKED(all_bad_ones_but_every_hundredth_are_found),
		ASKED(nothing_but_bad_ones_are_found),
		ASKED(bad_ones_that_fill_the_memory_let_others_by),
		ASKED(an_answer_to_nothing_is_no_comparison_for_500),
		ASKED(a_destination_that_is_deaf_to_nothing_is_sent_all_pieces),
		ASKED(an_empty_send_is_not_waited_for_long),
		ASKED(an_answer_to_nothing_is_not_kept_for_an_outage),
		ASKED(it_is_back_soon_if_it_is_asked_with_nothing_meanwhile),
		ASKED(who_goes_away_in_between_has_nothing_refused),
		ASKED(an_outage_of_resets_refuses_nobody),
		ASKED(an_outage_of_500_refuses_nobody),
		ASKED(a_dead_destination_is_asked_with_little_and_often),
		ASKED(bad_ones_are_found_wherever_they_stand),
		ASKED(one_of_a_thousand_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
