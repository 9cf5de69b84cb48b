/*
 * An offer of which steps leave nothing: nothing is written, and done() comes within the call. A door that has stopped
 * answers there, and its request is gone when the call returns.
 */
#include "spool/offer.h"

#include <stdlib.h>

#include "unit/pipeline/bench.h"

struct step {
	uint64_t dropped;
};

static enum step_answer drop(struct step *s, struct record *record)
{
	(void)s, (void)record;
	return STEP_DROP;
}

static void no_destroy(struct step *s)
{
	(void)s;
}

static const struct step_type dropper = {
	.name = "dropper", .signals = SIGNAL_LOGS, .apply = drop, .destroy = no_destroy
};

struct exporter {
	size_t sends;
};

static void take(struct exporter *e, const struct batch *b, struct send *s)
{
	(void)b;
	e->sends++;
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

/* As a door's, it owns its batch until that is offered. */
struct request {
	struct batch *batch;
	size_t *answered;
};

static void on_done(void *context, int failed)
{
	struct request *r = context;

	assert_int_equal(failed, 0);
	++*r->answered;
	batch_free(r->batch);
	free(r);
}

static struct request *request_of(struct source *s, size_t *answered)
{
	struct request *r = calloc(1, sizeof *r);
	char *data;

	*r = (struct request){ .batch = source_batch_new(s), .answered = answered };
	data = batch_block(r->batch, 7);
	assert_non_null(data);
	memcpy(data, "{\"a\":1}", 7);
	assert_int_equal(batch_add(r->batch, &(struct batch_item){ .data = data, .size = 7, .records = 1 }), 0);
	return r;
}

static void a_request_may_go_within_the_call(void **state)
{
	static const struct sender_limits limits = { .concurrency = 1,
		.timeout = { 30000000000 },
		.retry_first = { 1000000000 },
		.retry_last = { 8000000000 } };
	struct bench bench = { .loop = NULL };
	struct exporter exporter = { 0 };
	struct step step = { 0 };
	struct chain *chain = chain_new();
	size_t answered = 0;
	struct source *source;
	struct sender *sender;
	struct request *r;

	(void)state;
	bench_init(&bench, 1 << 20);
	assert_int_equal(chain_add(chain, &dropper, &step, &step.dropped), 0);
	sender = pipeline_sender(&bench.pipeline, "out", &taker, &limits);
	sender_exporter(sender, &exporter);
	source = pipeline_source(
		&bench.pipeline, &(struct source_options){ .name = "in",
					 .signal = SIGNAL_LOGS,
					 .rewind = REWIND_NONE,
					 .generation = 7,
					 .chain = chain,
					 .limits = { .bytes = 1 << 20, .records = 1000, .age = DURATION_S(1) } });
	source_route(source, sender);
	r = request_of(source, &answered);
	assert_int_equal(offer_to_disk(NULL, source, &r->batch, on_done, r), ADMIT_TAKEN);
	assert_int_equal(answered, 1);
	assert_int_equal(step.dropped, 1);
	source_drain(source);
	assert_int_equal(exporter.sends, 0);
	assert_int_equal(ledger_imbalance(source_row(source, 0)), 0);
	bench_done(&bench);
	chain_free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_may_go_within_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
