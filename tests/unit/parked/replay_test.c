/*
 * Replay over lives that are killed between any two steps: a parked record is parked until a destination has it, goes
 * with the change that moves the books, and is counted once, wherever a kill comes.
 */
#include "unit/unit.h"

#include "base/random.h"
#include "core.h"
#include "parked/replay.h"
#include "pipeline/sender.h"
#include "spool/books.h"
#include "unit/life.h"

enum { RECORDS = 4 };

/* Takes a record, unless its line says that it never will. */
struct exporter {
	struct world *world;
	bool away;
};

struct world {
	struct core core;
	struct pipeline pipeline;
	struct replay replay;
	struct exporter exporter;
	struct ledger_row *row;
	struct replay_result result;
	char error[REPLAY_ERROR_MAX];
	size_t answered;
	bool committed;
};

static void answer(const struct batch *b, struct send *s)
{
	for (size_t i = send_first(s); i < send_end(s); i++) {
		if (!send_wants(s, i))
			continue;
		if (memchr(batch_item(b, i)->data, '!', batch_item(b, i)->size)) {
			send_item(s, i, REJECTED, "400 still not");
			continue;
		}
		if (life_now)
			life_took(0, batch_item(b, i));
		life_step();
		send_item(s, i, DELIVERED, NULL);
	}
	send_done(s, DELIVERED, NULL);
}

static void fake_send(struct exporter *e, const struct batch *b, struct send *s)
{
	life_step();
	if (e->away)
		send_done(s, RETRY, "away");
	else
		answer(b, s);
}

static void fake_cancel(struct exporter *e, struct send *s)
{
	(void)e;
	send_done(s, RETRY, "cancelled");
}

static void fake_destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type fake_type = {
	.name = "fake", .signals = SIGNAL_LOGS, .send = fake_send, .cancel = fake_cancel, .destroy = fake_destroy
};

/* Opening, with the ledger of the source whose records are parked. */

static void open_core(struct world *w, const char *path)
{
	static const struct log quiet = { .fd = -1, .clock = &clock_system };
	struct core *c = &w->core;
	char why[FOLDER_WHY];

	c->log = (struct log *)&quiet;
	c->phase = AGENT_RUNNING;
	random_seed(&c->random, 7);
	EXPECT(loop_new(&clock_system, &c->loop) == 0 && lane_new(c->loop, "disk", LANE_DEPTH, &c->disk) == 0);
	EXPECT(state_open(&(struct state_options){ .path = path, .max = 16 << 20, .disk = c->disk }, &c->state, why,
		       sizeof why) == 0);
}

static void open_books(struct world *w, bool file)
{
	struct books_disk disk = { .spooled_to = 0 };
	uint64_t killed;

	w->row = ledger_row(&w->core.ledger, "logs", "in", "out");
	w->row->rewinds = file;
	disk.parked = state_parked_sum(w->core.state, "logs", "in", "out");
	EXPECT(books_open(w->core.state, w->row, &disk, &killed) == 0);
	EXPECT(killed == 0);
}

static void start(struct world *w, const char *path, bool file)
{
	static const struct sender_limits limits = {
		.concurrency = 1, .timeout = { 30000000000 }, .retry_first = { 1000000 }, .retry_last = { 1000000 }
	};

	open_core(w, path);
	pipeline_init(&w->pipeline, &(struct pipeline_options){ .loop = w->core.loop,
					    .random = &w->core.random,
					    .log = w->core.log,
					    .ledger = &w->core.ledger,
					    .memory = 1 << 20 });
	sender_exporter(pipeline_sender(&w->pipeline, "out", &fake_type, &limits), &w->exporter);
	replay_init(&w->replay, &w->core, &w->pipeline);
	open_books(w, file);
}

static void stop(struct world *w)
{
	lane_free(w->core.disk);
	replay_done(&w->replay);
	pipeline_done(&w->pipeline);
	EXPECT(budget_used(&w->pipeline.budget) == 0);
	state_close(w->core.state);
	ledger_done(&w->core.ledger);
	loop_free(w->core.loop);
}

#define UNTIL(w, x)                                                              \
	do {                                                                     \
		while (!(x)) {                                                   \
			life_step();                                             \
			loop_turn((w)->core.loop, DURATION_MS(2));               \
			EXPECT(ledger_imbalance((w)->row) == 0);                 \
		}                                                                \
	} while (0)

static void on_committed(void *context, int failed)
{
	EXPECT(failed == 0);
	((struct world *)context)->committed = true;
}

static void commit(struct world *w, struct state_change *c)
{
	w->committed = false;
	state_commit(w->core.state, &c, on_committed, w);
	UNTIL(w, w->committed);
}

/* Parked as by a run before: of a file with its position behind them, or of a socket, whose ledger knows them. */
static void park(struct world *w, bool file, const char *last)
{
	struct state_change *c = state_change_new();
	struct ledger_terms terms = { .term = { [LEDGER_RECEIVED] = { RECORDS, 0 },
					      [LEDGER_PARKED] = { RECORDS, 0 } } };
	char text[32];

	for (unsigned i = 0; i < RECORDS; i++) {
		int size = snprintf(text, sizeof text, "%u %s", i, i == RECORDS - 1 ? last : "");
		terms.term[LEDGER_RECEIVED].bytes = terms.term[LEDGER_PARKED].bytes += (uint64_t)size;
		state_change_park(c, &(struct state_parked){ .source = "in",
					     .destination = "out",
					     .reason = "400",
					     .signal = "logs",
					     .tries = 1,
					     .records = 1,
					     .generation = 3,
					     .offset = i,
					     .placed = file,
					     .payload = { text, (size_t)size } });
	}
	state_change_position(c, "in", &(struct position){ .generation = 3, .offset = RECORDS });
	if (file)
		state_change_ledger(c, "logs in out", &terms);
	else
		*state_slot(w->core.state, "logs in out") = terms;
	commit(w, c);
}

static void prepare(struct life *l, bool file, const char *last)
{
	struct world *w = oxp_new(sizeof *w);

	start(w, l->path, file);
	park(w, file, last);
	stop(w);
	free(w);
	l->begun = RECORDS;
}

static void prepare_file(struct life *l)
{
	prepare(l, true, "");
}

static void prepare_socket(struct life *l)
{
	prepare(l, false, "");
}

static void prepare_stubborn(struct life *l)
{
	prepare(l, true, "!");
}

static void on_replayed(void *context, const struct replay_result *result)
{
	struct world *w = context;

	w->answered++;
	w->result = *result;
	snprintf(w->error, sizeof w->error, "%s", result->error);
	w->result.error = w->error;
}

static void replay_all(struct world *w)
{
	replay_begin(&w->replay, &(struct replay_order){ .from = "" }, on_replayed, w);
	UNTIL(w, w->answered == 1 && !w->replay.busy);
}

static void live(struct life *l, bool file)
{
	struct world *w = oxp_new(sizeof *w);

	start(w, l->path, file);
	replay_all(w);
	EXPECT(w->result.waiting == 0 && !w->result.more);
	l->terms[0] = *w->row->live;
	l->terms[1] = w->row->settled;
	l->parked = state_parked_count(w->core.state);
	stop(w);
	free(w);
}

static void live_file(struct life *l)
{
	live(l, true);
}

static void live_socket(struct life *l)
{
	live(l, false);
}

/* Every record has come to the destination, none is parked, and the books say so: those that were saved, too. */
static void check(const struct life *l, bool file)
{
	assert_int_equal(l->parked, 0);
	for (unsigned n = 0; n < RECORDS; n++)
		assert_true(life_times(l, 0, n) > 0);
	assert_int_equal(life_distinct(l, 0), RECORDS);
	for (int i = 0; i < 1 + file; i++) {
		const struct ledger_amount *t = l->terms[i].term;
		assert_int_equal(t[LEDGER_RECEIVED].records, RECORDS);
		assert_int_equal(t[LEDGER_DELIVERED].records, RECORDS);
		assert_int_equal(t[LEDGER_DELIVERED].bytes, t[LEDGER_RECEIVED].bytes);
		assert_int_equal(t[LEDGER_PARKED].records, 0);
		assert_int_equal(t[LEDGER_HELD].records, 0);
	}
}

static void at_every_step(void (*prepare_it)(struct life *), void (*script)(struct life *), bool file)
{
	bool ended = false;
	long step = 1;

	for (; !ended; step++) {
		struct life *l = life_new();
		assert_true(life_live(l, 0, prepare_it));
		ended = life_live(l, step, script);
		assert_true(life_live(l, 0, script));
		check(l, file);
		for (unsigned n = 0; n < RECORDS; n++)
			assert_true(life_times(l, 0, n) <= (ended ? 1 : 2));
		life_free(l);
	}
	print_message("%ld steps\n", step);
	assert_true(step > 20);
}

static void records_of_a_file_are_delivered_and_counted_once_wherever_a_kill_comes(void **state)
{
	(void)state;
	at_every_step(prepare_file, live_file, true);
}

static void records_of_a_socket_are_delivered_and_counted_once_wherever_a_kill_comes(void **state)
{
	(void)state;
	at_every_step(prepare_socket, live_socket, false);
}

static void what_is_refused_again_stays_parked(void **state)
{
	struct life *l = life_new();

	(void)state;
	assert_true(life_live(l, 0, prepare_stubborn));
	assert_true(life_live(l, 0, live_file));
	assert_int_equal(l->parked, 1);
	assert_int_equal(life_distinct(l, 0), RECORDS - 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(l->terms[i].term[LEDGER_PARKED].records, 1);
		assert_int_equal(l->terms[i].term[LEDGER_DELIVERED].records, RECORDS - 1);
	}
	assert_true(life_live(l, 0, live_file)); /* a second slice finds the source of the first one idle */
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
