/*
 * Many agents lose one server for half a minute, and it comes back: the sender's own code, as often as there are
 * agents, against a model of a server, on a clock that the test moves.
 *
 * The server works on one request after another: each costs it a fixed time, and more by its bytes. What it has taken
 * in and not answered is its work; with more than BREAKS_AT seconds of that it breaks down again. One whole batch of
 * each agent at once is five seconds of work, so a crowd that comes back as it went breaks it.
 *
 * OXP_CROWD=10000 is another crowd than the 2,000 of every run; the server is as large as the crowd is.
 */
#include "unit/pipeline/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	CROWD = 2000,
	ROUTES = 16, /* agents whose lines are the same batch, to spare memory */
	ITEM = 8 << 10,
	ITEMS = 128, /* of a batch */
	BATCHES = 8, /* that each agent has to send */
	AGENTS_BATCHES_A_SECOND = 5, /* of five agents the server takes one batch a second */
	REQUEST_US = 200, /* at a crowd of 2,000 */
	STEP_MS = 5,
	OUTAGE_S = 30,
	AFTER_S = 10,
};
static const double BREAKS_AT = 4;

struct exporter {
	struct crowd *crowd;
	int64_t served_ns; /* first taken after the outage; 0: not yet */
};

struct waiting {
	struct send *send; /* NULL once cancelled: the work is there all the same */
	struct exporter *agent;
	int64_t done_ns;
	uint64_t bytes;
};

struct crowd {
	BENCH;
	size_t agents;
	struct exporter *exporters;
	/* The server. */
	bool down, broke;
	bool hangs; /* while it is down, it takes requests, and loses them */
	int64_t back_ns, free_ns; /* free_ns: when all it has taken in is done */
	struct waiting *queue; /* a ring, with room for what can be under way */
	size_t first, waiting, room;
	/* What it saw. */
	uint64_t asked, requests, taken[AFTER_S + 1];
	double peak; /* seconds of work */
};

static int64_t cost_ns(const struct crowd *c, uint64_t bytes)
{
	double batches = (double)bytes / ((double)ITEM * ITEMS);

	return (int64_t)((batches * AGENTS_BATCHES_A_SECOND / (double)c->agents +
				 REQUEST_US * 1e-6 * CROWD / (double)c->agents) *
			 1e9);
}

static uint64_t bytes_of_send(const struct batch *b, const struct send *s)
{
	uint64_t bytes = 0;

	for (size_t i = send_first(s); i < send_end(s); i++)
		bytes += send_wants(s, i) ? batch_item(b, i)->size : 0;
	return bytes;
}

static void agent_send(struct exporter *e, const struct batch *b, struct send *s)
{
	struct crowd *c = e->crowd;
	uint64_t bytes = bytes_of_send(b, s);
	double work;

	c->asked++;
	if (c->down && c->hangs)
		return;
	if (c->down) {
		send_done(s, RETRY, "connection refused");
		return;
	}
	OXP_ASSERT(c->waiting < c->room);
	c->free_ns = (c->free_ns > c->clock.ns ? c->free_ns : c->clock.ns) + cost_ns(c, bytes);
	c->queue[(c->first + c->waiting++) % c->room] =
		(struct waiting){ .send = s, .agent = e, .done_ns = c->free_ns, .bytes = bytes };
	c->requests++;
	work = (double)(c->free_ns - c->clock.ns) * 1e-9;
	c->peak = work > c->peak ? work : c->peak;
	c->broke = c->broke || (c->back_ns && work > BREAKS_AT);
}

static void agent_cancel(struct exporter *e, struct send *s)
{
	struct crowd *c = e->crowd;

	for (size_t i = 0; i < c->waiting; i++) {
		struct waiting *w = &c->queue[(c->first + i) % c->room];
		if (w->send == s)
			w->send = NULL;
	}
	send_done(s, RETRY, "no answer in time");
}

static void agent_destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type agent_type = { .name = "agent",
	.signals = SIGNAL_LOGS,
	.has_peer = true,
	.send = agent_send,
	.cancel = agent_cancel,
	.destroy = agent_destroy };

static const struct sender_limits limits = {
	.concurrency = 2, .timeout = { 60000000000 }, .retry_first = { 500000000 }, .retry_last = { 30000000000 }
};

static void serve(struct crowd *c)
{
	while (c->waiting > 0 && c->queue[c->first].done_ns <= c->clock.ns) {
		struct waiting w = c->queue[c->first];
		int64_t second = c->back_ns ? (c->clock.ns - c->back_ns) / 1000000000 : 0;
		c->first = (c->first + 1) % c->room;
		c->waiting--;
		if (!w.send)
			continue;
		if (c->back_ns && !w.agent->served_ns)
			w.agent->served_ns = c->clock.ns;
		if (c->back_ns)
			c->taken[second < AFTER_S ? second : AFTER_S] += w.bytes;
		send_done(w.send, DELIVERED, NULL);
	}
}

static uint64_t callbacks(const struct loop *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += loop_slices(l)->counts[i];
	return sum;
}

/* All that is due now; a turn in which nothing is has one callback, the one that ends it. */
static void turn(struct crowd *c)
{
	for (int idle = 0; idle < 2;) {
		uint64_t before = callbacks(c->loop);
		loop_turn(c->loop, DURATION_MS(0));
		idle = callbacks(c->loop) - before > 1 ? 0 : idle + 1;
	}
}

static void run(struct crowd *c, int64_t seconds)
{
	for (int64_t end = c->clock.ns + seconds * 1000000000; c->clock.ns < end && !c->broke;) {
		c->clock.ns += STEP_MS * 1000000;
		serve(c);
		turn(c);
	}
}

static void offer(struct source *s, size_t batches)
{
	static char line[ITEM];

	for (size_t n = 0; n < batches; n++) {
		struct batch *b = source_batch_new(s);
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(
				batch_add(b, &(struct batch_item){ .data = line, .size = ITEM, .records = 1 }), 0);
		assert_int_equal(source_offer(s, &b), ADMIT_TAKEN);
	}
}

static void add_agents(struct crowd *c)
{
	struct source *s = NULL;

	for (size_t i = 0; i < c->agents; i++) {
		struct sender *sender = pipeline_sender(&c->pipeline, "agent", &agent_type, &limits);
		c->exporters[i].crowd = c;
		sender_exporter(sender, &c->exporters[i]);
		if (i % ROUTES == 0)
			s = pipeline_source(&c->pipeline, &(struct source_options){ .name = "in",
								  .signal = SIGNAL_LOGS,
								  .rewind = REWIND_NONE,
								  .limits = { .bytes = ITEM, .records = 1 } });
		source_route(s, sender);
	}
}

static int setup(void **state)
{
	const char *crowd = getenv("OXP_CROWD");
	struct crowd *c = calloc(1, sizeof *c);

	c->agents = crowd ? strtoul(crowd, NULL, 10) : CROWD;
	c->exporters = calloc(c->agents, sizeof *c->exporters);
	c->room = c->agents * (limits.concurrency + 4); /* and what was given up */
	c->queue = calloc(c->room, sizeof *c->queue);
	bench_init(&c->bench, (size_t)1 << 40);
	add_agents(c);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct crowd *c = *state;

	bench_done(&c->bench);
	free(c->exporters);
	free(c->queue);
	free(c);
	return 0;
}

static double latest(const struct crowd *c)
{
	int64_t latest = 0;

	for (size_t i = 0; i < c->agents; i++) {
		if (!c->exporters[i].served_ns)
			return 1e9;
		if (c->exporters[i].served_ns > latest)
			latest = c->exporters[i].served_ns;
	}
	return (double)(latest - c->back_ns) * 1e-9;
}

static void comes_back(struct crowd *c)
{
	double capacity = (double)ITEM * ITEMS * (double)c->agents / AGENTS_BATCHES_A_SECOND;
	struct source *s;

	c->down = true;
	TAILQ_FOREACH(s, &c->pipeline.sources, entry)
		offer(s, BATCHES);
	run(c, OUTAGE_S / 2);
	c->asked = 0;
	run(c, OUTAGE_S / 2);
	assert_in_range(c->asked, c->agents * OUTAGE_S / 2, 2 * c->agents * OUTAGE_S / 2);
	c->down = false;
	c->back_ns = c->clock.ns;
	run(c, AFTER_S);
	print_message("%zu agents: all served after %.2f s, at most %.2f s of work at once; of what the server can:",
		c->agents, latest(c), c->peak);
	for (int i = 0; i < AFTER_S; i++)
		print_message(" %.0f %%", 100 * (double)c->taken[i] / capacity);
	print_message("\n");
	assert_false(c->broke);
	assert_true(latest(c) <= 2);
	assert_true(c->peak <= 2.5);
	for (int i = 2; i < AFTER_S; i++)
		assert_true((double)c->taken[i] >= 0.6 * capacity);
}

static void a_crowd_comes_back_and_breaks_nothing(void **state)
{
	comes_back(*state);
}

/* It takes connections and answers nothing; then it answers new ones. */
static void a_crowd_comes_back_from_a_hang(void **state)
{
	struct crowd *c = *state;

	c->hangs = true;
	comes_back(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_crowd_comes_back_and_breaks_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_crowd_comes_back_from_a_hang, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
