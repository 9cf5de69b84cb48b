/*
 * Series that go out by themselves, over lives of an agent with one state folder: real series, pages, pipeline, spool
 * and books, a destination with moods, and a clock that the test sets.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "admin/metrics.h"
#include "admin/outgoing.h"
#include "agent_config.h"
#include "host.h"
#include "intake.h"
#include "outlet.h"
#include "pipeline/pipeline.h"
#include "proto/samples_item.h"
#include "series/series.h"
#include "spool/books.h"
#include "spool/spool.h"
#include "state/state.h"
#include "unit/scratch.h"

enum {
	LANE = 1024,
	PATIENCE_S = 120,
	ROUND_MS = 10000, /* of the test's clock, between two rounds */
	TAKEN_MAX = 4096,
	ROOM = 64 << 20, /* `memory` of most lives */
	TIGHT = 512 << 10, /* and of one that has no room for what an earlier one left */
	FILLER = 100 << 10, /* bytes of a page that is to fill it */
};

enum mood { TAKES, AWAY };

/* An item as the destination got it. */
struct taken {
	int64_t at_ms;
	bool gone;
	uint32_t samples;
	double mark; /* the value of the series `mark`; -1: it has none */
};

struct exporter {
	enum mood mood;
	struct taken taken[TAKEN_MAX];
	size_t count;
};

static int see(void *context, const struct samples_reader *r, const struct exposition_sample *s)
{
	struct taken *t = context;

	assert_int_equal(s->excess, EXPOSITION_FITS);
	t->at_ms = r->at_ms;
	t->gone = r->gone;
	t->samples++;
	if (bytes_are(s->name, "mark"))
		t->mark = s->value;
	return 0;
}

static void take(struct exporter *e, const struct batch *b, struct send *s)
{
	for (size_t i = send_first(s); e->mood == TAKES && i < send_end(s); i++) {
		const struct batch_item *item = batch_item(b, i);
		struct taken *t = &e->taken[e->count++];
		struct samples_reader r = { .sample = see, .context = t };

		assert_true(e->count < TAKEN_MAX);
		*t = (struct taken){ .mark = -1 };
		assert_int_equal(samples_read(&r, (struct bytes){ item->data, item->size }), 0);
		assert_int_equal(t->samples, item->records);
	}
	send_done(s, e->mood == TAKES ? DELIVERED : RETRY, "away");
}

static void cancel(struct exporter *e, struct send *s)
{
	(void)e;
	send_done(s, RETRY, "cancelled");
}

static void destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type receiver = { .name = "receiver",
	.signals = SIGNAL_METRICS,
	.in_order = true,
	.tells_ends = true,
	.send = take,
	.cancel = cancel,
	.destroy = destroy };

struct life {
	struct still_clock *clock;
	struct core core;
	struct log log;
	struct intakes intakes;
	struct hosts hosts;
	struct outlets outlets;
	struct pipeline pipeline;
	struct spool spool;
	struct metrics metrics;
	struct outgoing outgoing;
	struct export_config options;
	struct exporter exporter;
	struct series_target *target;
	struct source *source;
	bool left;
};

static void on_unspool(void *life, const struct batch_row *rows, size_t count)
{
	spool_unspool(&((struct life *)life)->spool, rows, count);
}

static void on_refill(void *life)
{
	spool_refill(&((struct life *)life)->spool);
}

static const struct source_hooks hooks = { .unspool = on_unspool, .refill = on_refill };

static void on_left(void *life)
{
	((struct life *)life)->left = true;
}

static void on_committed(void *life)
{
	(void)life;
}

static void open_core(struct life *l, const char *path)
{
	char why[256];

	l->log = (struct log){ .fd = -1, .clock = &l->clock->clock };
	l->core = (struct core){ .phase = AGENT_RUNNING, .log = &l->log };
	random_seed(&l->core.random, 7);
	assert_int_equal(loop_new(&l->clock->clock, &l->core.loop), 0);
	assert_int_equal(lane_new(l->core.loop, "disk", LANE, &l->core.disk), 0);
	assert_int_equal(lane_new(l->core.loop, "cpu", LANE, &l->core.cpu), 0);
	assert_int_equal(state_open(&(struct state_options){ .path = path, .max = ROOM, .disk = l->core.disk },
				 &l->core.state, why, sizeof why),
		0);
	l->core.series = series_new(&series_limits_default, 7);
	assert_non_null(l->core.series);
	assert_int_equal(series_target_new(l->core.series, NULL, 0, &l->target), 0);
}

static void open_pipeline(struct life *l, size_t memory)
{
	pipeline_init(&l->pipeline, &(struct pipeline_options){ .loop = l->core.loop,
					    .random = &l->core.random,
					    .log = &l->log,
					    .ledger = &l->core.ledger,
					    .memory = memory,
					    .cpu = l->core.cpu });
	spool_init(&l->spool, &(struct spool_options){ .loop = l->core.loop,
				      .state = l->core.state,
				      .log = &l->log,
				      .ledger = &l->core.ledger,
				      .pipeline = &l->pipeline,
				      .memory = memory,
				      .left = on_left,
				      .committed = on_committed,
				      .context = l });
	metrics_init(&l->metrics, &(struct metrics_options){ &l->core, &l->pipeline.budget, &l->intakes, { 0 } });
	outgoing_init(
		&l->outgoing, &(struct outgoing_options){ &l->core, &l->pipeline.budget, &l->metrics, &l->spool });
	l->hosts.core = &l->core;
}

static void add_receiver(struct life *l)
{
	static const struct sender_limits limits = {
		.concurrency = 1, .timeout = { 30000000000 }, .retry_first = { 1000000 }, .retry_last = { 1000000 }
	};
	struct sender *sender = pipeline_sender(&l->pipeline, "metrics.export.receiver", &receiver, &limits);
	struct outlet *o = outlet_new(&l->outlets, &(struct outlet){ .sender = sender,
							   .host = host_new(&l->hosts, "metrics.export", "receiver"),
							   .signal = SIGNAL_METRICS,
							   .config = &l->options });
	struct books_disk disk;
	uint64_t killed;

	sender_exporter(sender, &l->exporter);
	sender_send_max(sender, 1);
	l->source = pipeline_source(&l->pipeline, &(struct source_options){ .name = "series",
							  .signal = SIGNAL_METRICS,
							  .rewind = REWIND_NONE,
							  .limits = { .bytes = 1, .records = 1, .age = DURATION_S(1) },
							  .generation = state_generation_next(l->core.state),
							  .when = samples_when,
							  .hooks = &hooks,
							  .context = l });
	source_route(l->source, sender);
	assert_int_equal(spool_restore(&l->spool, l->source, &disk), 0);
	disk.parked = (struct ledger_amount){ 0, 0 };
	assert_int_equal(books_open(l->core.state, source_row(l->source, 0), &disk, &killed), 0);
	assert_int_equal(killed, 0);
	assert_int_equal(state_generation_save(l->core.state), 0);
	outgoing_add(&l->outgoing, o, l->source, false);
}

/* A run of the agent, with the destination away. */
static struct life *begin(const struct scratch *dir, struct still_clock *clock, size_t memory)
{
	struct life *l = oxp_new(sizeof *l);

	l->clock = clock;
	l->exporter.mood = AWAY;
	l->options.metrics = (struct metrics_export){
		.interval = DURATION_MS(ROUND_MS), .queue = ROOM, .samples = 100000, .spool = true
	};
	open_core(l, dir->path);
	open_pipeline(l, memory);
	add_receiver(l);
	outgoing_start(&l->outgoing);
	return l;
}

static void turn(struct life *l)
{
	loop_turn(l->core.loop, DURATION_MS(1));
	assert_int_equal(ledger_imbalance(source_row(l->source, 0)), 0);
}

#define UNTIL(l, x)                                                                                              \
	do {                                                                                                     \
		struct mono_time begun_ = clock_system.mono(&clock_system);                                      \
		while (!(x)) {                                                                                   \
			turn(l);                                                                                 \
			if (mono_since(clock_system.mono(&clock_system), begun_).ns > DURATION_S(PATIENCE_S).ns) \
				fail_msg("never: %s", #x);                                                       \
		}                                                                                                \
	} while (0)

static const struct ledger_amount *term(const struct life *l, enum ledger_term t)
{
	return &source_row(l->source, 0)->live->term[t];
}

/* As the agent ends, after its last rounds. */
static void end(struct life *l)
{
	metrics_stop(&l->metrics);
	outgoing_stop(&l->outgoing);
	lane_free(l->core.cpu);
	pipeline_halt(&l->pipeline);
	spool_end(&l->spool);
	UNTIL(l, l->left && spool_is_idle(&l->spool));
	lane_free(l->core.disk);
	spool_done(&l->spool);
	outgoing_done(&l->outgoing);
	metrics_done(&l->metrics);
	pipeline_done(&l->pipeline);
	assert_int_equal(budget_used(&l->pipeline.budget), 0);
	outlets_done(&l->outlets);
	hosts_done(&l->hosts);
	series_free(l->core.series);
	state_close(l->core.state);
	counters_done(&l->core.counters);
	ledger_done(&l->core.ledger);
	loop_free(l->core.loop);
	free(l);
}

/* What the app shows from now on. */
static void show(struct life *l, struct bytes page)
{
	struct exposition_parser p;
	struct series_counts counts;

	exposition_init(&p, EXPOSITION_TEXT, &exposition_limits_default, &series_events, l->target);
	series_begin(l->target);
	assert_int_equal(exposition_feed(&p, page.data, page.size), EXPOSITION_FINE);
	assert_int_equal(exposition_end(&p), EXPOSITION_FINE);
	exposition_done(&p);
	series_commit(l->target, &counts);
	assert_int_equal(counts.received, counts.merged);
	while (series_tidy(l->target, 1000))
		;
}

/* `mark`, and as many bytes of other series as asked for. */
static void show_mark(struct life *l, unsigned mark, size_t bytes)
{
	struct buffer page;

	buffer_init(&page, SIZE_MAX);
	assert_int_equal(buffer_printf(&page, "mark %u\n", mark), 0);
	for (unsigned i = 0; page.size < bytes; i++)
		assert_int_equal(buffer_printf(&page, "filler{n=\"%u\"} 1\n", i), 0);
	show(l, buffer_bytes(&page));
	buffer_done(&page);
}

static bool is_at_rest(const struct life *l)
{
	return l->metrics.state == METRICS_IDLE && !l->metrics.shown && l->source->waiting == 0;
}

/* One round, from its timer to its last item, which is sent if it can be. */
static void pass_round(struct life *l)
{
	uint64_t before = term(l, LEDGER_RECEIVED)->records;

	l->clock->ns += DURATION_MS(ROUND_MS).ns;
	UNTIL(l, term(l, LEDGER_RECEIVED)->records > before && is_at_rest(l));
	if (l->exporter.mood == TAKES)
		UNTIL(l, term(l, LEDGER_HELD)->records == 0);
}

/* The destination is back, and takes all there is; the clock goes on, for retries, but not as far as the next round. */
static void take_all(struct life *l)
{
	l->exporter.mood = TAKES;
	for (int i = 0; i < 8; i++) {
		l->clock->ns += DURATION_S(1).ns;
		turn(l);
	}
	UNTIL(l, term(l, LEDGER_HELD)->records == 0 && is_at_rest(l));
}

static void assert_in_order(const struct exporter *e)
{
	for (size_t i = 1; i < e->count; i++)
		assert_true(e->taken[i - 1].at_ms <= e->taken[i].at_ms);
}

/* Which marks came, in their order. */
static size_t marks(const struct exporter *e, double to[TAKEN_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < e->count; i++)
		if (e->taken[i].mark >= 0)
			to[count++] = e->taken[i].mark;
	return count;
}

static void assert_marks(const struct exporter *e, unsigned first, size_t count)
{
	double found[TAKEN_MAX];

	assert_int_equal(marks(e, found), count);
	for (size_t i = 0; i < count; i++)
		assert_true(found[i] == first + i);
}

/* Rounds of a run that has nobody to give them to. */
static void leave_marks(const struct scratch *dir, struct still_clock *clock, unsigned first, size_t count)
{
	struct life *l = begin(dir, clock, ROOM);

	for (size_t i = 0; i < count; i++) {
		show_mark(l, first + (unsigned)i, FILLER);
		pass_round(l);
	}
	end(l);
}

static void test_rounds_go_on_behind_what_an_earlier_run_left(void **state)
{
	struct still_clock clock = STILL_CLOCK;
	struct scratch dir;
	struct life *l;

	(void)state;
	scratch_init(&dir, "outgoing");
	leave_marks(&dir, &clock, 0, 12);
	l = begin(&dir, &clock, TIGHT);
	assert_true(spool_is_reading(&l->spool, l->source));
	for (unsigned i = 12; i < 15; i++) {
		show_mark(l, i, 0);
		pass_round(l);
	}
	assert_true(spool_is_reading(&l->spool, l->source));
	take_all(l);
	assert_false(spool_is_reading(&l->spool, l->source));
	show_mark(l, 15, 0);
	pass_round(l);
	assert_marks(&l->exporter, 0, 16);
	assert_in_order(&l->exporter);
	assert_int_equal(term(l, LEDGER_RECEIVED)->records, term(l, LEDGER_DELIVERED)->records);
	UNTIL(l, state_spool_bytes_all(l->core.state) == 0);
	end(l);
	scratch_done(&dir);
}

/* Rounds are on their way to the disk when the last row of the earlier run has been read: they are read, too. */
static void test_the_reading_does_not_end_before_them(void **state)
{
	struct still_clock clock = STILL_CLOCK;
	struct scratch dir;
	double found[TAKEN_MAX];
	struct life *l;
	uint64_t before;
	size_t count;

	(void)state;
	scratch_init(&dir, "outgoing");
	leave_marks(&dir, &clock, 0, 12);
	l = begin(&dir, &clock, TIGHT);
	before = term(l, LEDGER_RECEIVED)->records;
	l->exporter.mood = TAKES;
	for (unsigned i = 12; i < 42; i++) {
		show_mark(l, i, 0);
		l->clock->ns += DURATION_MS(ROUND_MS).ns;
		turn(l);
		turn(l);
	}
	UNTIL(l, term(l, LEDGER_RECEIVED)->records > before);
	UNTIL(l, term(l, LEDGER_HELD)->records == 0 && is_at_rest(l));
	count = marks(&l->exporter, found);
	for (size_t i = 1; i < count; i++)
		assert_true(found[i - 1] < found[i]);
	assert_in_order(&l->exporter);
	assert_int_equal(term(l, LEDGER_RECEIVED)->records, term(l, LEDGER_DELIVERED)->records);
	end(l);
	scratch_done(&dir);
}

/* The agent ends before it has read all that an earlier run left: its last round is not lost. */
static void test_the_last_round_waits_on_disk(void **state)
{
	struct still_clock clock = STILL_CLOCK;
	struct scratch dir;
	struct life *l;

	(void)state;
	scratch_init(&dir, "outgoing");
	leave_marks(&dir, &clock, 0, 12);
	l = begin(&dir, &clock, TIGHT);
	show_mark(l, 12, 0);
	l->core.phase = AGENT_DRAINING;
	outgoing_drain(&l->outgoing);
	assert_false(outgoing_has_ended(&l->outgoing));
	UNTIL(l, is_at_rest(l));
	assert_false(outgoing_has_ended(&l->outgoing)); /* as long as it is behind others */
	end(l);
	l = begin(&dir, &clock, ROOM);
	take_all(l);
	assert_true(l->exporter.taken[l->exporter.count - 1].mark == 12);
	assert_in_order(&l->exporter);
	assert_int_equal(term(l, LEDGER_RECEIVED)->records, term(l, LEDGER_DELIVERED)->records);
	outgoing_drain(&l->outgoing);
	UNTIL(l, outgoing_has_ended(&l->outgoing));
	end(l);
	scratch_done(&dir);
}

/* Also of what no memory had room for. */
static void test_what_waits_on_disk_counts_towards_the_queue(void **state)
{
	enum { QUEUE = 800 << 10 };
	struct still_clock clock = STILL_CLOCK;
	struct scratch dir;
	struct life *l;

	(void)state;
	scratch_init(&dir, "outgoing");
	leave_marks(&dir, &clock, 0, 12);
	l = begin(&dir, &clock, TIGHT);
	l->options.metrics.queue = QUEUE;
	assert_true(term(l, LEDGER_HELD)->bytes > QUEUE);
	for (unsigned i = 12; i < 20; i++) {
		show_mark(l, i, 0);
		pass_round(l);
	}
	assert_true(term(l, LEDGER_HELD)->bytes <= QUEUE + FILLER);
	assert_true(term(l, LEDGER_DROPPED_FULL)->records > 0);
	take_all(l);
	assert_true(l->exporter.taken[l->exporter.count - 1].mark == 19);
	assert_true(l->exporter.taken[0].mark > 0);
	assert_in_order(&l->exporter);
	end(l);
	scratch_done(&dir);
}

static void test_age_is_how_long_it_has_waited(void **state)
{
	struct still_clock clock = STILL_CLOCK;
	struct scratch dir;
	struct life *l;

	(void)state;
	scratch_init(&dir, "outgoing");
	l = begin(&dir, &clock, ROOM);
	l->options.metrics.age = DURATION_S(300);
	for (unsigned i = 0; i < 10; i++) {
		show_mark(l, i, 0);
		pass_round(l);
		if (i == 4)
			clock.set += DURATION_S(86400).ns; /* the clock is set forth: nothing has waited for a day */
	}
	assert_int_equal(term(l, LEDGER_DROPPED_AGE)->records, 0);
	clock.ns += DURATION_S(250).ns;
	UNTIL(l, is_at_rest(l) && term(l, LEDGER_DROPPED_AGE)->records > 0);
	end(l);
	clock.ns += DURATION_S(3600).ns; /* between two runs */
	l = begin(&dir, &clock, ROOM);
	l->options.metrics.age = DURATION_S(300);
	show_mark(l, 100, 0);
	pass_round(l);
	take_all(l);
	assert_marks(&l->exporter, 100, 1);
	end(l);
	scratch_done(&dir);
}

/* When the round of a mark was. */
static int64_t when(const struct exporter *e, unsigned mark)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->taken[i].mark == mark)
			return e->taken[i].at_ms;
	fail_msg("%u did not come", mark);
	return 0;
}

static void pass_marks(struct life *l, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		show_mark(l, i, 0);
		pass_round(l);
	}
}

static void test_times_go_on_if_the_clock_is_set_back(void **state)
{
	struct still_clock clock = STILL_CLOCK;
	struct scratch dir;
	struct life *l;

	(void)state;
	scratch_init(&dir, "outgoing");
	l = begin(&dir, &clock, ROOM);
	l->exporter.mood = TAKES;
	pass_marks(l, 0, 3);
	clock.set -= DURATION_S(60).ns;
	pass_marks(l, 3, 150);
	for (unsigned i = 1; i < 150; i++) {
		int64_t apart = when(&l->exporter, i) - when(&l->exporter, i - 1);
		assert_in_range(apart, ROUND_MS * 9 / 10, ROUND_MS);
	}
	assert_int_equal(when(&l->exporter, 149), still_wall(&clock.clock).ns / 1000000); /* it has caught up */
	clock.set -= DURATION_S(86400).ns;
	pass_marks(l, 150, 152);
	assert_int_equal(when(&l->exporter, 151), still_wall(&clock.clock).ns / 1000000); /* at once */
	end(l);
	scratch_done(&dir);
}

/* A sample that nobody could read from an item: its target has labels of its own. */
static void put_wide(struct buffer *page, unsigned n)
{
	assert_int_equal(buffer_printf(page, "wide{n=\"%u\"", n), 0);
	for (unsigned i = 1; i < EXPOSITION_LABELS_MAX; i++)
		assert_int_equal(buffer_printf(page, ",l%u=\"1\"", i), 0);
	assert_int_equal(buffer_text(page, "} 1\n"), 0);
}

static void test_an_excess_is_dropped_and_counted(void **state)
{
	const struct series_label label = { "zone", "a" };
	struct still_clock clock = STILL_CLOCK;
	struct scratch dir;
	struct buffer page;
	struct life *l;

	(void)state;
	scratch_init(&dir, "outgoing");
	l = begin(&dir, &clock, ROOM);
	l->exporter.mood = TAKES;
	series_target_free(l->target);
	assert_int_equal(series_target_new(l->core.series, &label, 1, &l->target), 0);
	buffer_init(&page, SIZE_MAX);
	assert_int_equal(buffer_text(&page, "mark 1\nwide 1\n"), 0);
	for (unsigned i = 0; i < 5; i++) {
		put_wide(&page, i);
		assert_int_equal(buffer_printf(&page, "wide{o=\"%u\"} 1\n", i), 0);
	}
	show(l, buffer_bytes(&page));
	pass_round(l);
	assert_int_equal(term(l, LEDGER_DROPPED_CEILING)->records, 5);
	assert_true(term(l, LEDGER_DROPPED_CEILING)->bytes > 5 * (EXPOSITION_LABELS_MAX * 4));
	assert_int_equal(term(l, LEDGER_RECEIVED)->records, 5 + term(l, LEDGER_DELIVERED)->records);
	show(l, bytes_of("mark 2\n")); /* what has ended, and was never sent, is not told */
	pass_round(l);
	assert_int_equal(term(l, LEDGER_DROPPED_CEILING)->records, 5);
	assert_int_equal(l->exporter.taken[l->exporter.count - 1].gone, true);
	assert_int_equal(l->exporter.taken[l->exporter.count - 1].samples, 6);
	assert_int_equal(source_lost_records(l->source), 0); /* the exit status says nothing of it */
	buffer_done(&page);
	end(l);
	scratch_done(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_go_on_behind_what_an_earlier_run_left),
		cmocka_unit_test(test_the_reading_does_not_end_before_them),
		cmocka_unit_test(test_the_last_round_waits_on_disk),
		cmocka_unit_test(test_what_waits_on_disk_counts_towards_the_queue),
		cmocka_unit_test(test_age_is_how_long_it_has_waited),
		cmocka_unit_test(test_times_go_on_if_the_clock_is_set_back),
		cmocka_unit_test(test_an_excess_is_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
