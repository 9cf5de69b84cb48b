/*
 * Parking with a real state folder: what is refused is on disk before its collector hears of it, once however often it
 * is refused, and what finds no room is counted as rejected and holds up nobody.
 */
#include "unit/state/folder.h"

#include "parked/parking.h"
#include "pipeline/pipeline.h"

enum { KIB = 1 << 10, LARGE = 600 * KIB };

/* Refuses each item on its own, or all together. */
struct exporter {
	bool whole, hold;
	enum outcome answer;
	size_t sent;
	struct send *held;
};

static void answer(struct exporter *e, struct send *s)
{
	for (size_t i = send_first(s); i < send_end(s) && !e->whole; i++)
		if (send_wants(s, i))
			send_item(s, i, e->answer, "400 no");
	send_done(s, e->whole ? e->answer : DELIVERED, "400 no");
}

static void fake_send(struct exporter *e, const struct batch *b, struct send *s)
{
	(void)b;
	e->sent++;
	if (e->hold)
		e->held = s;
	else
		answer(e, s);
}

static void fake_cancel(struct exporter *e, struct send *s)
{
	e->held = NULL;
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
	struct folder *folder;
	struct random random;
	struct log log;
	struct ledger ledger;
	struct pipeline pipeline;
	struct parking parking;
	struct exporter exporter;
	struct sender *sender;
	struct source *source;
	size_t told;
	uint64_t offset;
};

static enum park on_refused(void *context, const struct refusal *refusal)
{
	return parking_park(&((struct world *)context)->parking, refusal);
}

static void on_settled(void *context, uint64_t token)
{
	(void)token;
	((struct world *)context)->told++;
}

static const struct source_hooks hooks = { .park = on_refused, .settled = on_settled };

/* In the place of the one before, which keeps what it has. */
static void begin_source(struct world *w, enum rewind rewind)
{
	w->source =
		pipeline_source(&w->pipeline, &(struct source_options){ .name = "in",
						      .signal = SIGNAL_LOGS,
						      .rewind = rewind,
						      .hooks = &hooks,
						      .context = w,
						      .limits = { .bytes = 1, .records = 1, .age = DURATION_S(1) } });
	source_route(w->source, w->sender);
}

/* A large state.max, so that it is not parking that is full first. */
static void reopen(struct folder *f, uint64_t max)
{
	char why[FOLDER_WHY];

	folder_stop(f);
	assert_int_equal(loop_new(&clock_system, &f->loop), 0);
	assert_int_equal(lane_new(f->loop, "disk", LANE_DEPTH, &f->disk), 0);
	assert_int_equal(state_open(&(struct state_options){ .path = f->path, .max = max, .disk = f->disk }, &f->state,
				 why, sizeof why),
		0);
}

static void start(struct world *w)
{
	static const struct sender_limits limits = {
		.concurrency = 1, .timeout = { 30000000000 }, .retry_first = { 1000000 }, .retry_last = { 2000000 }
	};
	struct loop *loop = w->folder->loop;

	w->log = (struct log){ .fd = -1, .clock = &clock_system };
	random_seed(&w->random, 7);
	pipeline_init(&w->pipeline,
		&(struct pipeline_options){
			.loop = loop, .random = &w->random, .log = &w->log, .ledger = &w->ledger, .memory = 32 << 20 });
	parking_init(&w->parking, loop, w->folder->state, &w->log);
	w->sender = pipeline_sender(&w->pipeline, "out", &fake_type, &limits);
	sender_exporter(w->sender, &w->exporter);
	begin_source(w, REWIND_SAVED);
	w->exporter.answer = REJECTED;
}

static int setup(void **state)
{
	struct world *w = oxp_new(sizeof *w);
	void *folder;

	folder_setup(&folder);
	w->folder = folder;
	start(w);
	*state = w;
	return 0;
}

static int setup_large(void **state)
{
	struct world *w = oxp_new(sizeof *w);
	void *folder;

	folder_setup(&folder);
	w->folder = folder;
	reopen(w->folder, 256 << 20);
	start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *folder = w->folder;

	lane_free(w->folder->disk); /* what is being written comes back first */
	parking_done(&w->parking);
	pipeline_done(&w->pipeline);
	ledger_done(&w->ledger);
	w->folder->disk = NULL;
	folder_teardown(&folder);
	free(w);
	return 0;
}

static void offer(struct world *w, size_t count, size_t size)
{
	struct batch *b = source_batch_new(w->source);
	char *data;

	assert_non_null(b);
	data = batch_block(b, size);
	assert_non_null(data);
	memset(data, 'x', size);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(batch_add(b, &(struct batch_item){ .data = data,
						      .size = (uint32_t)size,
						      .records = 1,
						      .generation = 1,
						      .offset = w->offset++ }),
			0);
	batch_token(b, 1);
	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
}

static uint64_t term(const struct world *w, enum ledger_term t)
{
	const struct ledger_row *row = source_row(w->source, 0);

	assert_int_equal(ledger_imbalance(row), 0);
	return row->live->term[t].records;
}

static void until_told(struct world *w, size_t told)
{
	struct mono_time begun = clock_system.mono(&clock_system);

	while (w->told < told) {
		loop_turn(w->folder->loop, DURATION_MS(10));
		term(w, LEDGER_HELD);
		sender_check(w->sender);
		assert_true(mono_since(clock_system.mono(&clock_system), begun).ns < DURATION_S(PATIENCE_S).ns);
	}
}

static void refused_items_are_on_disk_before_anybody_is_told(void **state)
{
	struct world *w = *state;

	w->exporter.hold = true;
	offer(w, 3, 10);
	while (!w->exporter.held)
		loop_turn(w->folder->loop, DURATION_MS(10));
	send_item(w->exporter.held, 1, REJECTED, "400 no");
	send_done(w->exporter.held, DELIVERED, NULL);
	assert_int_equal(term(w, LEDGER_DELIVERED), 2);
	assert_int_equal(term(w, LEDGER_HELD), 1);
	assert_int_equal(w->told, 0);
	until_told(w, 1);
	assert_int_equal(folder_number(w->folder, "SELECT count(*) FROM parked WHERE offset = 1 AND tries = 1"), 1);
	assert_int_equal(term(w, LEDGER_PARKED), 1);
	assert_int_equal(source_row(w->source, 0)->settled.term[LEDGER_PARKED].records, 1);
}

static void a_whole_send_is_parked_item_by_item(void **state)
{
	struct world *w = *state;

	w->exporter.whole = true;
	offer(w, 5, 10);
	until_told(w, 1);
	assert_int_equal(folder_number(w->folder, "SELECT count(*) FROM parked WHERE reason = '400 no'"), 5);
	assert_int_equal(term(w, LEDGER_PARKED), 5);
	w->exporter.answer = SPLIT;
	offer(w, 3, 10);
	until_told(w, 2);
	assert_int_equal(term(w, LEDGER_PARKED), 8);
}

static void refused_twice_it_is_parked_once(void **state)
{
	struct world *w = *state;

	offer(w, 4, 10);
	until_told(w, 1);
	w->offset = 0;
	offer(w, 6, 10);
	until_told(w, 2);
	assert_int_equal(folder_number(w->folder, "SELECT count(*) FROM parked"), 6);
	assert_int_equal(state_parked_count(w->folder->state), 6);
	assert_int_equal(state_parked_bytes(w->folder->state), 6 * (10 + STATE_PARKED_ROW));
	begin_source(w, REWIND_NONE); /* a socket has no places: nothing is the same */
	w->offset = 0;
	offer(w, 2, 10);
	until_told(w, 3);
	assert_int_equal(state_parked_count(w->folder->state), 8);
}

static void without_room_it_is_rejected(void **state)
{
	struct world *w = *state;

	offer(w, 10, LARGE);
	until_told(w, 1);
	assert_int_equal(term(w, LEDGER_PARKED), 6); /* of 4 MiB */
	assert_int_equal(term(w, LEDGER_REJECTED), 4);
	offer(w, 1, STATE_PAYLOAD_MAX + 1);
	until_told(w, 2);
	assert_int_equal(term(w, LEDGER_REJECTED), 5);
	assert_true(w->parking.full && w->parking.large && !w->parking.failing);
}

static void when_the_disk_fails_it_is_rejected(void **state)
{
	struct world *w = *state;

	folder_sql(w->folder, "ALTER TABLE parked RENAME TO elsewhere");
	offer(w, 3, 10);
	until_told(w, 1);
	assert_int_equal(term(w, LEDGER_REJECTED), 3);
	assert_int_equal(state_parked_count(w->folder->state), 0);
	assert_true(w->parking.failing);
	folder_sql(w->folder, "ALTER TABLE elsewhere RENAME TO parked");
	offer(w, 1, 10);
	until_told(w, 2);
	assert_int_equal(term(w, LEDGER_PARKED), 1);
	assert_false(w->parking.failing);
}

static void what_waits_for_the_disk_has_a_ceiling(void **state)
{
	struct world *w = *state;

	w->exporter.whole = true;
	offer(w, 20, LARGE);
	until_told(w, 1);
	assert_int_equal(term(w, LEDGER_PARKED), 20);
	assert_true(w->exporter.sent > 1); /* 12 MiB of copies in groups of 4 */
	assert_int_equal(state_parked_count(w->folder->state), 20);
}

static void at_the_end_what_waits_is_written(void **state)
{
	struct world *w = *state;

	w->exporter.hold = true;
	offer(w, 1, 10);
	while (!w->exporter.held)
		loop_turn(w->folder->loop, DURATION_MS(10));
	send_done(w->exporter.held, REJECTED, "no");
	parking_flush(&w->parking);
	assert_null(w->parking.open);
	lane_free(w->folder->disk);
	w->folder->disk = NULL;
	assert_int_equal(w->told, 1);
	assert_int_equal(term(w, LEDGER_PARKED), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(refused_items_are_on_disk_before_anybody_is_told),
		CASE(a_whole_send_is_parked_item_by_item),
		CASE(refused_twice_it_is_parked_once),
		CASE(without_room_it_is_rejected),
		CASE(when_the_disk_fails_it_is_rejected),
		cmocka_unit_test_setup_teardown(what_waits_for_the_disk_has_a_ceiling, setup_large, teardown),
		CASE(at_the_end_what_waits_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
