/*
 * What makes the recorder send what it has by itself, how often, and what it says of that. The tape and its dumps have
 * tests of their own (dump_test.c).
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "base/json_writer.h"
#include "core.h"
#include "recorder/recorder.h"
#include "status/counters.h"
#include "unit/fake_host.h"
#include "unit/proto/otlp_builder.h"
#include "unit/scratch.h"

enum { MEMORY = 32 << 20, TURNS_MAX = 20000, REST_S = 60 };

struct bench {
	struct still_clock clock;
	struct loop *loop;
	struct log log;
	struct core core;
	struct host host;
	struct scratch scratch;
	struct recorder recorder;
	struct buffer report;
};

static int setup(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	*b = (struct bench){ .clock = STILL_CLOCK };
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	scratch_init(&b->scratch, "recorder");
	fake_host_init(&b->host, b->loop, dump_collector(), MEMORY);
	b->host.signals = SIGNAL_TRACES;
	b->host.hold = b->host.only_held = true;
	b->log = (struct log){ .fd = -1, .level = LOG_LEVEL_ERROR, .clock = &b->clock.clock };
	b->core = (struct core){ .loop = b->loop,
		.disk = b->host.disk,
		.log = &b->log,
		.state_path = b->scratch.path,
		.phase = AGENT_RUNNING };
	recorder_init(&b->recorder, &(struct recorder_options){ .core = &b->core,
					    .budget = &b->host.budget,
					    .on = true,
					    .when = { [DUMP_CRASH] = true },
					    .size = RING_SIZE_MIN,
					    .last = DURATION_S(30),
					    .errors = 1,
					    .within = DURATION_S(10),
					    .rest = DURATION_S(REST_S) });
	assert_int_equal(dump_collector()->create(&b->recorder.dump_config, &b->host, &b->host.collector), 0);
	recorder_start(&b->recorder);
	buffer_init(&b->report, 1 << 16);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	dump_collector()->stop(b->host.collector);
	recorder_end(&b->recorder);
	lane_free(b->host.disk);
	b->host.disk = NULL;
	recorder_done(&b->recorder);
	dump_collector()->destroy(b->host.collector);
	b->host.collector = NULL;
	fake_host_done(&b->host);
	counters_done(&b->core.counters);
	loop_free(b->loop);
	scratch_done(&b->scratch);
	buffer_done(&b->report);
	free(b);
	return 0;
}

static void note(struct bench *b, unsigned spans)
{
	struct batch *batch = batch_new(&b->host.budget, SIGNAL_TRACES),
		     *aside = batch_new(&b->host.budget, SIGNAL_TRACES);
	struct buffer body;
	char *data;

	buffer_init(&body, 1 << 20);
	put_http_request(&body, spans);
	data = batch_block(aside, body.size);
	assert_non_null(data);
	memcpy(data, body.data, body.size);
	assert_int_equal(
		batch_add(aside, &(struct batch_item){ .data = data, .size = (uint32_t)body.size, .records = spans }),
		0);
	batch_set_aside(batch, aside);
	recorder_note(&b->recorder, batch);
	batch_free(batch);
	buffer_done(&body);
}

static void turn_until_quiet(struct bench *b)
{
	for (int i = 0; i < TURNS_MAX && dump_is_busy(b->recorder.dump); i++) {
		b->clock.ns += 10000000;
		loop_turn(b->loop, DURATION_MS(2));
	}
	assert_false(dump_is_busy(b->recorder.dump));
}

static void pass(struct bench *b, int64_t seconds)
{
	b->clock.ns += seconds * 1000000000;
	loop_turn(b->loop, DURATION_MS(0));
}

static const char *report(struct bench *b)
{
	struct json_writer w;

	buffer_clear(&b->report);
	json_writer_init(&w, &b->report);
	json_put_object(&w, NULL);
	recorder_report(&b->recorder, "recorder", &w);
	json_put_end(&w);
	assert_int_equal(json_writer_done(&w), 0);
	assert_int_equal(buffer_append(&b->report, "", 1), 0);
	return b->report.data;
}

static void what_happens_by_itself_happens_once_in_rest(void **state)
{
	struct bench *b = *state;

	recorder_broke_off(&b->recorder, "one");
	assert_true(dump_is_busy(b->recorder.dump));
	recorder_broke_off(&b->recorder, "two");
	turn_until_quiet(b);
	recorder_broke_off(&b->recorder, "three");
	assert_false(dump_is_busy(b->recorder.dump));
	assert_int_equal(*b->recorder.skipped, 2);
	pass(b, REST_S);
	recorder_broke_off(&b->recorder, "four");
	assert_true(dump_is_busy(b->recorder.dump));
	assert_int_equal(*b->recorder.dumps[DUMP_CRASH], 2);
}

/* Also while the next one is under way. */
static void the_report_is_of_the_dump_that_ended_last(void **state)
{
	struct bench *b = *state;

	assert_null(strstr(report(b), "last_dump"));
	note(b, 3);
	recorder_broke_off(&b->recorder, "one");
	turn_until_quiet(b);
	assert_non_null(strstr(report(b), "a client of one"));
	assert_non_null(strstr(report(b), "\"spans\":3"));
	pass(b, REST_S);
	note(b, 2);
	recorder_broke_off(&b->recorder, "two");
	assert_non_null(strstr(report(b), "\"dumping\":true"));
	assert_non_null(strstr(report(b), "a client of one"));
	turn_until_quiet(b);
	assert_non_null(strstr(report(b), "a client of two"));
	assert_non_null(strstr(report(b), "\"spans\":2"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_happens_by_itself_happens_once_in_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(the_report_is_of_the_dump_that_ended_last, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
