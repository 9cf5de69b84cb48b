/*
 * The tape and its dumps, with a real disk lane and a clock that the test moves: what sampling left out within the time
 * is offered once, marked, whatever else is in the ring, and whether there is room at once or later.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "otlp.pb-c.h"
#include "recorder/burst.h"
#include "recorder/dump.h"
#include "recorder/mark.h"
#include "unit/fake_host.h"
#include "unit/proto/otlp_builder.h"
#include "unit/scratch.h"

enum { MEMORY = 32 << 20, S = 1000000000, TURNS_MAX = 20000 };

struct bench {
	struct still_clock clock;
	struct loop *loop;
	struct host host;
	struct scratch scratch;
	struct tape tape;
	struct dump *dump;
	struct dump_config config;
	uint64_t recorded, missed;
	struct tape_wrote wrote; /* the last */
	bool killed; /* told once */
	size_t dumps;
	struct dump_result result;
};

static void on_wrote(void *context, const struct tape_wrote *wrote)
{
	struct bench *b = context;

	b->wrote = *wrote;
	b->killed = b->killed || wrote->killed;
	dump_tape_wrote(b->dump);
}

static void on_dumped(void *context, const struct dump_result *result)
{
	struct bench *b = context;

	b->dumps++;
	b->result = *result;
}

static void start(struct bench *b)
{
	fake_host_init(&b->host, b->loop, dump_collector(), MEMORY);
	b->host.signals = SIGNAL_TRACES;
	b->host.hold = b->host.only_held = true;
	b->config = (struct dump_config){ &b->tape, &b->dump };
	assert_int_equal(dump_collector()->create(&b->config, &b->host, &b->host.collector), 0);
	tape_init(&b->tape, &(struct tape_options){ .loop = b->loop,
				    .disk = b->host.disk,
				    .budget = &b->host.budget,
				    .folder = b->scratch.path,
				    .size = RING_SIZE_MIN,
				    .count_errors = true,
				    .recorded = &b->recorded,
				    .missed = &b->missed,
				    .wrote = on_wrote,
				    .context = b });
}

/* As the agent ends, or as it is killed. */
static void end(struct bench *b, bool by_itself)
{
	if (by_itself)
		tape_end(&b->tape);
	lane_free(b->host.disk);
	b->host.disk = NULL;
	tape_done(&b->tape);
	dump_collector()->destroy(b->host.collector);
	b->host.collector = NULL;
	fake_host_done(&b->host);
	b->host = (struct host){ .loop = NULL };
}

static int setup(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	*b = (struct bench){ .clock = STILL_CLOCK };
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	scratch_init(&b->scratch, "recorder");
	start(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	end(b, true);
	loop_free(b->loop);
	scratch_done(&b->scratch);
	free(b);
	return 0;
}

static void turn_until(struct bench *b, const uint64_t *counter, uint64_t wanted)
{
	for (int i = 0; i < TURNS_MAX && *counter < wanted; i++) {
		b->clock.ns += 100000000;
		loop_turn(b->loop, DURATION_MS(2));
	}
	assert_int_equal(*counter, wanted);
}

/* The loop reads the clock once a turn. */
static void pass(struct bench *b, int64_t seconds)
{
	b->clock.ns += seconds * S;
	loop_turn(b->loop, DURATION_MS(0));
}

static struct batch *batch_of(struct bench *b, unsigned spans)
{
	struct batch *batch = batch_new(&b->host.budget, SIGNAL_TRACES);
	struct buffer body;
	char *data;

	buffer_init(&body, 1 << 20);
	put_http_request(&body, spans);
	data = batch_block(batch, body.size);
	assert_non_null(data);
	memcpy(data, body.data, body.size);
	assert_int_equal(
		batch_add(batch, &(struct batch_item){ .data = data, .size = (uint32_t)body.size, .records = spans }),
		0);
	buffer_done(&body);
	return batch;
}

/* So many spans were sent, and so many left out. */
static void note(struct bench *b, unsigned sent, unsigned left_out)
{
	struct batch *batch = batch_of(b, sent);

	batch_set_aside(batch, batch_of(b, left_out));
	tape_note(&b->tape, batch);
	batch_free(batch);
}

static void dump_all(struct bench *b, const struct dump_order *order)
{
	size_t before = b->dumps;

	dump_begin(b->dump, order, on_dumped, b);
	turn_until(b, &b->dumps, before + 1);
}

/* Spans that were offered, each of which has the mark once. */
static size_t marked(const struct bench *b, const char *reason)
{
	size_t count = 0;

	for (size_t i = 0; i < b->host.held_count; i++)
		for (size_t k = 0; k < batch_items(b->host.held[i]); k++) {
			const struct batch_item *item = batch_item(b->host.held[i], k);
			Otlp__TracesRequest *r =
				otlp__traces_request__unpack(NULL, item->size, (const uint8_t *)item->data);
			const Otlp__ScopeSpans *scope = r->resource_spans[0]->scope_spans[0];
			for (size_t s = 0; s < scope->n_spans; s++) {
				const Otlp__Span *span = scope->spans[s];
				const Otlp__KeyValue *last = span->attributes[span->n_attributes - 1];
				assert_string_equal(last->key, MARK_NAME);
				assert_string_equal(last->value->string_value, reason);
			}
			assert_int_equal(scope->n_spans, item->records);
			count += scope->n_spans;
			otlp__traces_request__free_unpacked(r, NULL);
		}
	return count;
}

static const struct dump_order hour = { .reason = DUMP_COMMAND, .last = { 3600 * INT64_C(1000000000) } };

static void what_sampling_left_out_is_dumped_once(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 10; i++)
		note(b, 3, 5);
	dump_all(b, &hour);
	assert_int_equal(b->result.spans, 50);
	assert_null(b->result.error);
	assert_int_equal(marked(b, "command"), 50);
	dump_all(b, &hour);
	assert_int_equal(b->result.spans, 0);
	note(b, 1, 2);
	dump_all(b, &hour);
	assert_int_equal(b->result.spans, 2);
	dump_all(b, &(struct dump_order){ DUMP_ERRORS, hour.last, true, false });
	assert_int_equal(b->result.spans, 10 * 8 + 3);
	assert_int_equal(b->missed, 0);
}

static void a_dump_goes_back_as_far_as_it_is_asked_to(void **state)
{
	struct bench *b = *state;
	struct dump_order newest = { .reason = DUMP_RESTART, .last = { 5 * INT64_C(1000000000) }, .from_newest = true };

	note(b, 0, 7);
	turn_until(b, &b->recorded, 7);
	pass(b, 30);
	note(b, 0, 2);
	turn_until(b, &b->recorded, 9);
	pass(b, 30);
	dump_all(b, &(struct dump_order){ .reason = DUMP_CRASH, .last = { S } });
	assert_int_equal(b->result.spans, 0);
	dump_all(b, &newest);
	assert_int_equal(b->result.spans, 2);
	assert_int_equal(marked(b, "restart"), 2);
	newest.last = hour.last; /* what is older is still there */
	dump_all(b, &newest);
	assert_int_equal(b->result.spans, 7);
}

/* More than there is room for: the rest waits until something has settled, and what is being dumped stays. */
static void a_dump_waits_for_room(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 100; i++)
		note(b, 0, 5);
	turn_until(b, &b->recorded, 500);
	b->host.backed_up = true;
	dump_begin(b->dump, &hour, on_dumped, b);
	for (int i = 0; i < 50; i++)
		loop_turn(b->loop, DURATION_MS(2));
	assert_int_equal(b->dumps, 0);
	for (int i = 0; i < 200; i++) {
		note(b, 0, 40);
		(void)tape_flush(&b->tape);
		loop_turn(b->loop, DURATION_MS(1));
	}
	assert_true(b->missed > 0);
	b->host.backed_up = false;
	dump_collector()->resume(b->host.collector);
	turn_until(b, &b->dumps, 1);
	assert_int_equal(b->result.spans, 500);
	assert_int_equal(marked(b, "command"), 500);
}

/* It does not wait for ever: meanwhile nothing new is recorded. */
static void a_dump_that_finds_no_room_gives_up(void **state)
{
	struct bench *b = *state;
	uint64_t missed;

	for (int i = 0; i < 100; i++)
		note(b, 0, 5);
	turn_until(b, &b->recorded, 500);
	b->host.backed_up = true;
	dump_begin(b->dump, &hour, on_dumped, b);
	turn_until(b, &b->dumps, 1);
	assert_int_equal(b->result.spans, 0);
	assert_non_null(strstr(b->result.error, "no room"));
	missed = b->missed;
	for (int i = 0; i < 200; i++) {
		note(b, 0, 40);
		turn_until(b, &b->recorded, 500 + 40 * (uint64_t)(i + 1));
	}
	assert_int_equal(b->missed, missed);
	b->host.backed_up = false;
	dump_collector()->resume(b->host.collector);
	dump_begin(b->dump, &hour, on_dumped, b);
	turn_until(b, &b->dumps, 2);
	assert_null(b->result.error);
	assert_true(b->result.spans > 0);
}

/* 500 spans that sampling left out are in the ring, and a dump of them has begun, which finds no room. */
static void begin_starving(struct bench *b)
{
	for (int i = 0; i < 100; i++)
		note(b, 0, 5);
	turn_until(b, &b->recorded, 500);
	b->host.backed_up = true;
	dump_begin(b->dump, &hour, on_dumped, b);
	for (int i = 0; i < TURNS_MAX && b->host.asked == 0; i++)
		loop_turn(b->loop, DURATION_MS(2));
	assert_true(b->host.asked > 0);
}

/* The first part is on its way to the disk. */
static void begin_waiting(struct bench *b, unsigned requests)
{
	for (unsigned i = 0; i < requests; i++) {
		note(b, 0, 5);
		turn_until(b, &b->recorded, 5 * (uint64_t)(i + 1));
	}
	b->host.offers_wait = true;
	dump_begin(b->dump, &hour, on_dumped, b);
	for (int i = 0; i < TURNS_MAX && !b->host.waiting.batch; i++)
		loop_turn(b->loop, DURATION_MS(2));
	assert_non_null(b->host.waiting.batch);
}

static void end_waiting(struct bench *b, int failed)
{
	batch_free(b->host.waiting.batch);
	b->host.waiting.batch = NULL;
	b->host.offers_wait = false;
	b->host.waiting.done(b->host.waiting.context, failed);
}

struct stuck {
	struct job job;
	int ends[2];
};

static void work_until_it_is_told(struct job *job)
{
	char c;

	(void)!read(CONTAINER_OF(job, struct stuck, job)->ends[0], &c, 1);
}

static void forget_job(struct job *job)
{
	(void)job;
}

/* The lane has one job that goes on until the pipe is closed, and no place for another. */
static void fill_lane(struct bench *b, struct stuck *stuck, struct job *others, size_t count)
{
	size_t given = 0;

	*stuck = (struct stuck){ .job = { .work = work_until_it_is_told, .done = forget_job } };
	assert_int_equal(pipe(stuck->ends), 0);
	assert_int_equal(lane_run(b->host.disk, &stuck->job), 0);
	do
		others[given] = (struct job){ .work = forget_job, .done = forget_job };
	while (lane_run(b->host.disk, &others[given]) == 0 && ++given < count);
	assert_true(given < count);
}

/* Of two parts, the first is taken. The second finds no room, and the lane is full when that is given up. */
static void what_is_given_up_while_the_lane_is_full_stays(void **state)
{
	struct bench *b = *state;
	struct stuck stuck;
	struct job others[64];
	uint64_t first;

	begin_waiting(b, 200);
	b->host.backed_up = true;
	end_waiting(b, 0);
	for (int i = 0; i < TURNS_MAX && b->host.asked < 2; i++)
		loop_turn(b->loop, DURATION_MS(2));
	assert_int_equal(b->host.asked, 2);
	fill_lane(b, &stuck, others, COUNT_OF(others));
	for (int i = 0; i < 30; i++)
		pass(b, 1);
	close(stuck.ends[1]);
	turn_until(b, &b->dumps, 1);
	close(stuck.ends[0]);
	first = b->result.spans;
	assert_true(first > 0 && first < 1000);
	assert_non_null(strstr(b->result.error, "no room"));
	b->host.backed_up = false;
	dump_all(b, &hour);
	assert_int_equal(first + b->result.spans, 1000);
}

static void what_the_disk_does_not_take_is_offered_without_it(void **state)
{
	struct bench *b = *state;

	begin_waiting(b, 3);
	end_waiting(b, -ENOSPC);
	turn_until(b, &b->dumps, 1);
	assert_null(b->result.error);
	assert_int_equal(b->result.spans, 15);
	assert_int_equal(marked(b, "command"), 15);
}

static void nothing_is_offered_once_the_agent_has_stopped(void **state)
{
	struct bench *b = *state;

	begin_waiting(b, 3);
	dump_collector()->stop(b->host.collector);
	end_waiting(b, -ECANCELED);
	turn_until(b, &b->dumps, 1);
	assert_non_null(strstr(b->result.error, "is ending"));
	assert_int_equal(b->result.spans, 0);
	assert_int_equal(b->host.held_count, 0);
}

static void one_that_waits_for_the_lane_ends_with_the_agent(void **state)
{
	struct bench *b = *state;
	struct stuck stuck;
	struct job others[64];

	begin_waiting(b, 3);
	fill_lane(b, &stuck, others, COUNT_OF(others));
	end_waiting(b, 0);
	assert_int_equal(b->dumps, 0);
	dump_collector()->stop(b->host.collector);
	assert_int_equal(b->dumps, 1);
	assert_non_null(strstr(b->result.error, "is ending"));
	assert_int_equal(b->result.spans, 15);
	close(stuck.ends[1]);
	end(b, true);
	close(stuck.ends[0]);
	start(b);
}

/* The ring is full of what was to be dumped. */
static void an_agent_that_ends_in_a_dump_was_not_killed(void **state)
{
	struct bench *b = *state;

	begin_starving(b);
	for (int i = 0; i < 200; i++) {
		note(b, 0, 40);
		(void)tape_flush(&b->tape);
		loop_turn(b->loop, DURATION_MS(1));
	}
	assert_true(b->missed > 0);
	dump_collector()->stop(b->host.collector);
	assert_int_equal(b->dumps, 1);
	note(b, 0, 40);
	end(b, true);
	start(b);
	tape_open(&b->tape);
	note(b, 0, 1);
	turn_until(b, &b->recorded, b->recorded + 1);
	assert_false(b->killed);
}

/* It writes what it has in memory, and that it ended, once the lane is empty. */
static void an_agent_that_ends_while_the_lane_is_full_was_not_killed(void **state)
{
	struct bench *b = *state;
	struct stuck stuck;
	struct job others[64];

	note(b, 0, 5);
	turn_until(b, &b->recorded, 5);
	note(b, 0, 3);
	fill_lane(b, &stuck, others, COUNT_OF(others));
	tape_end(&b->tape);
	close(stuck.ends[1]);
	end(b, false);
	close(stuck.ends[0]);
	assert_int_equal(b->recorded, 8);
	start(b);
	tape_open(&b->tape);
	note(b, 0, 1);
	turn_until(b, &b->recorded, 9);
	assert_false(b->killed);
	dump_all(b, &hour);
	assert_int_equal(b->result.spans, 9);
}

/* A dump that waits holds it: what finds no place is missed, and the next frame is written as soon as there is one. */
static void a_ring_that_a_dump_holds_has_not_failed(void **state)
{
	struct bench *b = *state;
	uint64_t missed = 0;

	begin_starving(b);
	for (int i = 0; i < TURNS_MAX && b->missed == 0; i++) {
		note(b, 0, 40);
		(void)tape_flush(&b->tape);
		loop_turn(b->loop, DURATION_MS(1));
	}
	assert_true(b->missed > 0);
	assert_int_equal(b->wrote.failed, 0);
	b->host.backed_up = false;
	dump_collector()->resume(b->host.collector);
	turn_until(b, &b->dumps, 1);
	missed = b->missed;
	note(b, 0, 40);
	dump_all(b, &hour); /* behind all that was noted */
	assert_true(b->result.spans >= 40);
	assert_int_equal(b->missed, missed);
}

static void the_next_run_knows_whether_this_one_was_killed(void **state)
{
	struct bench *b = *state;

	note(b, 0, 5);
	turn_until(b, &b->recorded, 5);
	assert_false(b->killed);
	end(b, false);
	start(b);
	tape_open(&b->tape);
	note(b, 0, 1);
	turn_until(b, &b->recorded, 6);
	assert_true(b->killed);
	b->killed = false;
	end(b, true);
	start(b);
	note(b, 0, 1);
	turn_until(b, &b->recorded, 7);
	assert_false(b->killed);
}

/* The file is taken away: a new one is begun, and nothing is held up. */
static void a_ring_that_is_taken_away_is_made_anew(void **state)
{
	struct bench *b = *state;

	note(b, 0, 5);
	turn_until(b, &b->recorded, 5);
	assert_int_equal(unlinkat(b->scratch.fd, RING_NAME, 0), 0);
	note(b, 0, 6);
	turn_until(b, &b->recorded, 11);
	assert_int_equal(faccessat(b->scratch.fd, RING_NAME, F_OK, 0), 0);
	dump_all(b, &hour);
	assert_int_equal(b->result.spans, 6);
}

static void without_a_ring_spans_are_missed_and_a_dump_says_so(void **state)
{
	struct bench *b = *state;

	assert_int_equal(mkdirat(b->scratch.fd, RING_NAME, 0700), 0);
	note(b, 0, 5);
	turn_until(b, &b->missed, 5);
	assert_true(b->wrote.failed < 0);
	dump_all(b, &hour);
	assert_non_null(b->result.error);
	assert_int_equal(unlinkat(b->scratch.fd, RING_NAME, AT_REMOVEDIR), 0);
}

/* A request of one span with an attribute that is 2, and with that status. */
static void note_status(struct bench *b, unsigned status)
{
	struct batch *batch = batch_new(&b->host.budget, SIGNAL_TRACES);
	struct buffer body;
	size_t mark;
	char *data;

	buffer_init(&body, 1 << 20);
	put_bytes(&body, 1, "0123456789abcdef", 16);
	put_bytes(&body, 2, "12345678", 8);
	put_attribute_int(&body, 9, "retries", 2);
	mark = body.size;
	put_number(&body, 3, status);
	put_wrap(&body, mark, 15);
	for (unsigned field = 2; field <= 4; field++)
		put_wrap(&body, 0, field == 4 ? 1 : 2);
	data = batch_block(batch, body.size);
	memcpy(data, body.data, body.size);
	assert_int_equal(
		batch_add(batch, &(struct batch_item){ .data = data, .size = (uint32_t)body.size, .records = 1 }), 0);
	tape_note(&b->tape, batch);
	batch_free(batch);
	buffer_done(&body);
}

static void spans_with_errors_are_counted(void **state)
{
	struct bench *b = *state;

	note_status(b, 1);
	turn_until(b, &b->recorded, 1);
	assert_int_equal(b->wrote.errors, 0);
	note_status(b, 2);
	note_status(b, 0);
	note_status(b, 2);
	turn_until(b, &b->recorded, 4);
	assert_int_equal(b->wrote.errors, 2);
}

/* `memory` is full: the recorder goes without. */
static void beyond_memory_spans_are_missed(void **state)
{
	struct bench *b = *state;
	struct batch *batch = batch_of(b, 4);
	size_t limit = b->host.budget.limit;

	memset(b->host.budget.guaranteed, 0, sizeof b->host.budget.guaranteed);
	b->host.budget.limit = budget_used(&b->host.budget);
	tape_note(&b->tape, batch);
	assert_int_equal(b->missed, 4);
	b->host.budget.limit = limit;
	batch_free(batch);
}

static void note_bytes(struct bench *b, size_t size)
{
	struct batch *batch = batch_new(&b->host.budget, SIGNAL_TRACES);
	char *data = batch_block(batch, size);

	assert_non_null(data);
	memset(data, 'x', size);
	assert_int_equal(
		batch_add(batch, &(struct batch_item){ .data = data, .size = (uint32_t)size, .records = 1 }), 0);
	tape_note(&b->tape, batch);
	batch_free(batch);
}

/* The second would fill the frame, but for what stands before it. */
static void a_request_that_just_does_not_fit_is_in_the_next_frame(void **state)
{
	struct bench *b = *state;
	size_t first = 200000;

	note_bytes(b, first);
	note_bytes(b, ring_frame_max(RING_SIZE_MIN) - ring_frame_head() - ring_entry_size(first));
	assert_int_equal(b->missed, 0);
	turn_until(b, &b->recorded, 2);
}

static void what_is_no_request_is_not_marked(void **state)
{
	struct mark *mark = mark_new("crash");
	struct buffer to;
	uint32_t spans;
	size_t span = 0;

	(void)state;
	buffer_init(&to, 1 << 20);
	assert_int_equal(mark_append(mark, bytes_of("no request"), &span, &to, &spans), -EBADMSG);
	assert_int_equal(mark_append(mark, (struct bytes){ "", 0 }, &span, &to, &spans), -EBADMSG);
	assert_int_equal(to.size, 0);
	buffer_done(&to);
	mark_free(mark);
}

/* One request of spans that have nothing but ids, of which the second has the span's number; a resource for each
 * RUN of them. */
enum { TINY = 7000, RUN = 1000 };

static void note_tiny(struct bench *b)
{
	struct batch *batch = batch_new(&b->host.budget, SIGNAL_TRACES);
	struct buffer body;
	char *data;

	buffer_init(&body, 1 << 20);
	for (uint32_t i = 0; i < TINY;) {
		size_t resource = body.size, scope;
		put_attribute(&body, 1, "run", "x");
		put_wrap(&body, resource, 1);
		scope = body.size;
		do {
			size_t span = body.size;
			uint64_t id = ++i;
			put_bytes(&body, 1, "0123456789abcdef", 16);
			put_bytes(&body, 2, &id, sizeof id);
			put_wrap(&body, span, 2);
		} while (i % RUN);
		put_wrap(&body, scope, 2);
		put_wrap(&body, resource, 1);
	}
	data = batch_block(batch, body.size);
	assert_non_null(data);
	memcpy(data, body.data, body.size);
	assert_int_equal(
		batch_add(batch, &(struct batch_item){ .data = data, .size = (uint32_t)body.size, .records = TINY }),
		0);
	tape_note(&b->tape, batch);
	batch_free(batch);
	buffer_done(&body);
}

static void is_next(const Otlp__Span *span, uint64_t *number)
{
	++*number;
	assert_memory_equal(span->span_id.data, number, sizeof *number);
	assert_int_equal(span->n_attributes, 1);
	assert_string_equal(span->attributes[0]->key, MARK_NAME);
}

/* Each has its resource. */
static void has_next(const Otlp__TracesRequest *r, uint64_t *number)
{
	for (size_t i = 0; i < r->n_resource_spans; i++) {
		const Otlp__ResourceSpans *resource = r->resource_spans[i];
		const Otlp__ScopeSpans *scope = resource->scope_spans[0];
		assert_string_equal(resource->resource->attributes[0]->key, "run");
		assert_true(scope->n_spans > 0);
		for (size_t k = 0; k < scope->n_spans; k++)
			is_next(scope->spans[k], number);
	}
}

/* The mark is larger than they are: marked at once, they would take many times the memory of the request. */
static void very_many_spans_are_marked_piece_by_piece(void **state)
{
	struct bench *b = *state;
	uint64_t number = 0;

	note_tiny(b);
	dump_all(b, &(struct dump_order){ DUMP_COMMAND, hour.last, true, false });
	assert_int_equal(b->result.spans, TINY);
	for (size_t i = 0; i < b->host.held_count; i++)
		for (size_t k = 0; k < batch_items(b->host.held[i]); k++) {
			const struct batch_item *item = batch_item(b->host.held[i], k);
			Otlp__TracesRequest *r =
				otlp__traces_request__unpack(NULL, item->size, (const uint8_t *)item->data);
			assert_non_null(r);
			assert_true(item->size <= 320 << 10);
			has_next(r, &number);
			otlp__traces_request__free_unpacked(r, NULL);
		}
	assert_int_equal(number, TINY);
	dump_all(b, &hour);
	assert_int_equal(b->result.spans, 0);
}

static void a_burst_is_so_many_within_so_long(void **state)
{
	static const struct {
		int64_t ms;
		uint64_t count, burst;
	} rows[] = { { 0, 5, 0 }, { 500, 4, 0 }, { 900, 1, 10 }, { 1700, 5, 0 }, { 2200, 4, 0 }, { 2600, 6, 15 },
		{ 100000, 9, 0 }, { 100010, 20, 29 } };
	struct burst b;

	(void)state;
	burst_init(&b, 10, DURATION_S(1));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(
			burst_add(&b, (struct mono_time){ rows[i].ms * 1000000 }, rows[i].count), rows[i].burst);
	burst_forget(&b);
	assert_int_equal(burst_add(&b, (struct mono_time){ INT64_C(100020) * 1000000 }, 9), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_sampling_left_out_is_dumped_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dump_goes_back_as_far_as_it_is_asked_to, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dump_waits_for_room, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dump_that_finds_no_room_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_given_up_while_the_lane_is_full_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_disk_does_not_take_is_offered_without_it, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_offered_once_the_agent_has_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_waits_for_the_lane_ends_with_the_agent, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_ends_in_a_dump_was_not_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_agent_that_ends_while_the_lane_is_full_was_not_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_that_a_dump_holds_has_not_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_next_run_knows_whether_this_one_was_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_that_is_taken_away_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_ring_spans_are_missed_and_a_dump_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(beyond_memory_spans_are_missed, setup, teardown),
		cmocka_unit_test_setup_teardown(spans_with_errors_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_that_just_does_not_fit_is_in_the_next_frame, setup, teardown),
		cmocka_unit_test_setup_teardown(very_many_spans_are_marked_piece_by_piece, setup, teardown),
		cmocka_unit_test(what_is_no_request_is_not_marked),
		cmocka_unit_test(a_burst_is_so_many_within_so_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
