/*
 * Steps over large requests of small spans: each slice shows few of them, however many one request has, and beside the
 * batches they take little memory. What they need for a long span is of the budget, and goes back to it.
 */
#include "pipeline/chain.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "proto/otlp_walk.h"
#include "unit/proto/otlp_builder.h"
#include "unit/unit.h"

extern const struct step_type step_span_redact, step_span_rename, step_span_limits, step_drop;

enum {
	SPANS = 60000,
	MEMORY = 64 << 20,
	BESIDE_MAX = 1 << 20,
	SPAN_MIN = 40,
	LONG = 2 << 20,
	TOO_LONG = 20 << 20,
	MEMBERS = 200
};

/* Memory that the process has, and the most of it beside what the budget has given out: --wrap in CMakeLists.txt. */

static struct {
	size_t used, most;
	const struct budget *budget;
} heap;

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

static void note(size_t before, void *now)
{
	size_t given = heap.budget ? budget_used(heap.budget) : 0;

	heap.used += (now ? malloc_usable_size(now) : 0) - before;
	if (heap.used > given && heap.used - given > heap.most)
		heap.most = heap.used - given;
}

void *__wrap_malloc(size_t size)
{
	void *now = __real_malloc(size);

	note(0, now);
	return now;
}

void *__wrap_realloc(void *old, size_t size)
{
	size_t before = old ? malloc_usable_size(old) : 0;
	void *now = __real_realloc(old, size);

	if (now || size == 0)
		note(before, now);
	return now;
}

void __wrap_free(void *old)
{
	if (old)
		note(malloc_usable_size(old), NULL);
	__real_free(old);
}

/* What a step is lent. */
struct host {
	uint64_t dropped;
};

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)h, (void)level, (void)format;
}

const struct resource *host_resource(struct host *h)
{
	(void)h;
	return NULL;
}

/* A step that only looks: it counts the spans it is shown, but those with an attribute `gone` it drops. */
struct step {
	uint64_t shown, passed;
	bool sliced, works; /* chain_go_on() or chain_work() */
};

static enum step_answer count(struct step *s, struct record *record)
{
	assert_false(s->sliced && record->view->message.size > STEP_LANE_LONG);
	if (record->view->level != OTLP_SPAN)
		return STEP_KEEP;
	s->shown++;
	return otlp_view_find(record->view, bytes_of("gone")) ? STEP_DROP : STEP_KEEP;
}

/* It may touch what is the loop's. */
static void passed(struct step *s, bool stays)
{
	assert_false(s->works);
	s->passed += stays;
}

static void forget(struct step *s)
{
	(void)s;
}

static const struct step_type counter = { .name = "counter", .apply = count, .passed = passed, .destroy = forget };

static struct batch *whole_request_of(struct budget *budget, struct buffer *body, size_t spans)
{
	struct batch *b = batch_new(budget, SIGNAL_TRACES);
	struct batch_item item = { .records = (uint32_t)spans };
	char *data;

	data = batch_block(b, body->size);
	assert_non_null(data);
	memcpy(data, body->data, body->size);
	item.data = data;
	item.size = (uint32_t)body->size;
	assert_int_equal(batch_add(b, &item), 0);
	buffer_done(body);
	return b;
}

/* The content of a message ResourceSpans, which ends, as one request. */
static struct batch *resource_spans_of(struct budget *budget, struct buffer *body, size_t spans)
{
	put_wrap(body, 0, 1);
	return whole_request_of(budget, body, spans);
}

/* The spans of `body`, which ends, as one request. */
static struct batch *request_of(struct budget *budget, struct buffer *body, size_t spans)
{
	put_wrap(body, 0, 2);
	return resource_spans_of(budget, body, spans);
}

static struct batch *batch_of(struct budget *budget, size_t spans)
{
	struct buffer body;
	size_t mark;

	buffer_init(&body, MEMORY);
	for (size_t i = 1; i <= spans; i++) {
		mark = body.size;
		put_bytes(&body, 1, "0123456789abcdef", 16);
		put_bytes(&body, 2, &i, 8);
		put_attribute(&body, 9, i % 2 ? "a" : "password", "secret");
		put_wrap(&body, mark, 2);
	}
	return request_of(budget, &body, spans);
}

/* What a long text may stand in. */
enum where { IN_ATTRIBUTE, IN_MAP, IN_NAME, IN_EVENT, WHERES };

static void put_long(struct buffer *body, enum where where, const char *text)
{
	size_t mark = body->size, inner;

	if (where == IN_NAME) {
		put_text(body, 5, text);
	} else if (where == IN_EVENT) {
		put_attribute(body, 3, "a", text);
		put_wrap(body, mark, 11);
	} else if (where == IN_ATTRIBUTE) {
		put_attribute(body, 9, "a", text);
	} else {
		put_text(body, 1, "map");
		inner = body->size;
		put_attribute(body, 1, "a", text);
		put_wrap(body, inner, 6);
		put_wrap(body, inner, 2);
		put_wrap(body, mark, 9);
	}
}

/* A text of that size, full of what is taken out. */
static void put_secrets(struct buffer *text, size_t size)
{
	static const char secret[] = "password=1 ";

	buffer_init(text, MEMORY);
	while (text->size < size)
		put_raw(text, secret, sizeof secret - 1);
	put_raw(text, "", 1);
}

/* A span with such a text. */
static void put_long_span(struct buffer *body, size_t size, enum where where)
{
	struct buffer text;

	put_secrets(&text, size);
	buffer_init(body, MEMORY);
	put_bytes(body, 1, "0123456789abcdef", 16);
	put_bytes(body, 2, "01234567", 8);
	put_long(body, where, text.data);
	put_wrap(body, 0, 2);
	buffer_done(&text);
}

static struct batch *long_batch(struct budget *budget, size_t size, enum where where)
{
	struct buffer body;

	put_long_span(&body, size, where);
	return request_of(budget, &body, 1);
}

/* A span for which there is no room, of a resource for which there is. */
static struct batch *too_long_batch(struct budget *budget)
{
	struct buffer body, text;
	size_t mark;

	put_long_span(&body, TOO_LONG, IN_ATTRIBUTE);
	put_wrap(&body, 0, 2);
	put_secrets(&text, LONG);
	mark = body.size;
	put_attribute(&body, 1, "a", text.data);
	put_wrap(&body, mark, 1);
	buffer_done(&text);
	return resource_spans_of(budget, &body, 1);
}

struct world {
	struct budget budget;
	struct chain *chain;
	struct host host;
	struct step counter;
};

static void use(struct world *w, const struct step_type *type, const void *config)
{
	struct step *step;

	assert_int_equal(type->create(config, &w->host, &step), 0);
	assert_int_equal(chain_add(w->chain, type, step, &w->host.dropped), 0);
}

static int setup(void **state)
{
	const struct {
		const struct option_list *keys, *detect;
		unsigned with;
		const char *salt;
	} redact = { &(struct option_list){ .count = 1, .items = (const char *[]){ "password" } },
		&(struct option_list){ 0 }, 0, NULL };
	const struct {
		const struct option_map *fields;
	} rename = { &(struct option_map){ .count = 1, .pairs = (struct option_pair[]){ { "a", "b" } } } };
	struct world *w = oxp_new(sizeof *w);

	budget_init(&w->budget, MEMORY);
	w->chain = chain_new();
	use(w, &step_span_redact, &redact);
	use(w, &step_span_rename, &rename);
	assert_int_equal(chain_add(w->chain, &counter, &w->counter, &w->host.dropped), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	chain_free(w->chain);
	assert_int_equal(budget_used(&w->budget), 0);
	free(w);
	return 0;
}

static void each_slice_shows_a_few_spans(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(&w->budget, SPANS);
	struct chain_pass *p = chain_begin(w->chain, b, 0, (struct mono_time){ 1 });
	size_t slice = chain_slice(w->chain);
	uint64_t before = 0, most = 0;
	int more = 1;

	while (more > 0) {
		more = chain_go_on(p, slice);
		if (w->counter.shown - before > most)
			most = w->counter.shown - before;
		before = w->counter.shown;
	}
	assert_int_equal(more, 0);
	chain_end(p, true, &b);
	assert_int_equal(w->counter.shown, SPANS);
	assert_in_range(most, 1, slice / SPAN_MIN + 1);
	batch_check(b);
	batch_free(b);
}

/* The secret of long_batch() is gone. */
static void is_clean(const struct batch *b)
{
	const struct batch_item *item = batch_item(b, 0);

	assert_int_equal(b->records, 1);
	assert_non_null(memmem(item->data, item->size, "password=*** ", 13));
	assert_null(memmem(item->data, item->size, "password=1", 10));
}

/* Returns the most memory that the steps took beside the budget. */
static size_t run_counted(struct world *w, struct batch **b)
{
	heap.budget = &w->budget;
	heap.used = budget_used(&w->budget);
	heap.most = 0;
	assert_int_equal(chain_run(w->chain, b, 0, (struct mono_time){ 1 }), 0);
	heap.budget = NULL;
	return heap.most;
}

static void the_edits_of_a_large_request_take_little_beside_the_batches(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(&w->budget, SPANS);
	struct otlp_summary sum;
	size_t at;

	assert_in_range(run_counted(w, &b), 0, BESIDE_MAX);
	batch_check(b);
	assert_int_equal(batch_items(b), 1);
	assert_int_equal(otlp_traces_check(batch_item(b, 0)->data, batch_item(b, 0)->size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, SPANS);
	assert_null(memmem(batch_item(b, 0)->data, batch_item(b, 0)->size, "password\x12\x08\x0a\x06secret", 18));
	batch_free(b);
}

static void what_steps_need_for_a_long_span_is_within_the_budget(void **state)
{
	struct world *w = *state;

	for (enum where where = 0; where < WHERES; where++) {
		struct batch *b = long_batch(&w->budget, LONG, where);
		size_t most = run_counted(w, &b);
		assert_in_range(most, 0, BESIDE_MAX);
		is_clean(b);
		batch_free(b);
	}
}

static void what_a_resource_needed_goes_back_if_a_span_finds_no_room(void **state)
{
	struct world *w = *state;
	struct batch *b = too_long_batch(&w->budget);
	size_t before = budget_used(&w->budget);

	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), -EMSGSIZE);
	assert_int_equal(budget_used(&w->budget), before);
	batch_free(b);
}

/* Texts that are cut are copied. */
static void what_limits_need_for_a_long_span_is_within_the_budget(void **state)
{
	const struct {
		uint64_t attributes, value_length, events, links, event_attributes, link_attributes;
	} limits = { .value_length = LONG - 10 };
	struct world *w = *state;

	chain_free(w->chain);
	w->chain = chain_new();
	use(w, &step_span_limits, &limits);
	for (enum where where = 0; where < WHERES; where++) {
		struct batch *b = long_batch(&w->budget, LONG, where);
		assert_in_range(run_counted(w, &b), 0, BESIDE_MAX);
		batch_free(b);
	}
}

/* A line of more members than are indexed, of which one, behind them, is to go, and another is that long. */
static struct batch *long_line(struct budget *budget, size_t size)
{
	struct batch *b = batch_new(budget, SIGNAL_LOGS);
	char *line = batch_block(b, size + MEMBERS * 8 + 64);
	int head = 0;

	for (int i = 0; i < MEMBERS; i++)
		head += snprintf(line + head, 32, "%s\"%d\":0", i ? "," : "{", i);
	head += snprintf(line + head, 32, ",\"gone\":1,\"m\":\"");
	memset(line + head, 'x', size);
	memcpy(line + head + size, "\"}", 2);
	assert_int_equal(batch_add(b, &(struct batch_item){ line, (uint32_t)(head + size + 2), 1, 1, 1 }), 0);
	return b;
}

static void drop_takes_no_more_than_two_copies_of_a_long_line_and_keeps_none(void **state)
{
	const struct {
		const struct option_list *keys;
		const struct option_map *where;
	} drop = { .keys = &(struct option_list){ .count = 1, .items = (const char *[]){ "gone" } } };
	struct world *w = *state;
	struct batch *b = long_line(&w->budget, LONG);
	size_t size = batch_item(b, 0)->size, used;

	chain_free(w->chain);
	w->chain = chain_new();
	use(w, &step_drop, &drop);
	assert_in_range(run_counted(w, &b), 0, 2 * LONG + BESIDE_MAX);
	assert_int_equal(batch_item(b, 0)->size, size - strlen("\"gone\":1,"));
	used = heap.used;
	batch_free(b);
	assert_in_range(used, 0, LONG + LONG / 2);
}

/* Requests of which some takes long. */
enum much { LONG_SPAN, LONG_SPAN_UNCHANGED, LONG_RESOURCE, LATE_EDIT, LATE_RESOURCE, LATE_DROP, MUCHES };

static void put_plain_span(struct buffer *body, const char *key, const char *value)
{
	size_t mark = body->size;

	put_bytes(body, 1, "0123456789abcdef", 16);
	put_bytes(body, 2, "01234567", 8);
	put_attribute(body, 9, key, value);
	put_wrap(body, mark, 2);
}

static size_t put_many_spans(struct buffer *body)
{
	size_t count = 0;

	for (; body->size < LONG; count++)
		put_plain_span(body, "c", "d");
	return count;
}

/* A resource behind a message of many spans. */
static struct batch *late_resource(struct budget *budget)
{
	struct buffer body;
	size_t spans, mark, resource;

	buffer_init(&body, MEMORY);
	spans = put_many_spans(&body);
	put_wrap(&body, 0, 2);
	put_wrap(&body, 0, 1);
	mark = resource = body.size;
	put_attribute(&body, 1, "password", "1");
	put_wrap(&body, resource, 1);
	resource = body.size;
	put_plain_span(&body, "c", "d");
	put_wrap(&body, resource, 2);
	put_wrap(&body, mark, 1);
	return whole_request_of(budget, &body, spans + 1);
}

static struct batch *late_span(struct budget *budget, const char *key)
{
	struct buffer body;
	size_t spans;

	buffer_init(&body, MEMORY);
	spans = put_many_spans(&body);
	put_plain_span(&body, key, "1");
	put_plain_span(&body, "c", "d");
	put_plain_span(&body, key, "1");
	return request_of(budget, &body, spans + 3);
}

static struct batch *long_among_others(struct budget *budget, enum much much)
{
	struct buffer body, text;

	buffer_init(&body, MEMORY);
	put_secrets(&text, LONG);
	put_plain_span(&body, "password", "1");
	if (much == LONG_SPAN_UNCHANGED) {
		memset(text.data, 'x', text.size - 1);
		put_plain_span(&body, "c", text.data);
	}
	put_wrap(&body, 0, 2);
	if (much == LONG_RESOURCE) {
		size_t mark = body.size;
		put_attribute(&body, 1, "a", text.data);
		put_wrap(&body, mark, 1);
	}
	buffer_done(&text);
	return resource_spans_of(budget, &body, much == LONG_SPAN_UNCHANGED ? 2 : 1);
}

static struct batch *much_batch(struct budget *budget, enum much much)
{
	switch (much) {
	case LONG_SPAN:
		return long_batch(budget, LONG, IN_EVENT);
	case LATE_EDIT:
		return late_span(budget, "password");
	case LATE_DROP:
		return late_span(budget, "gone");
	case LATE_RESOURCE:
		return late_resource(budget);
	default:
		return long_among_others(budget, much);
	}
}

static void what_takes_long_is_work_of_its_own(void **state)
{
	for (enum much much = 0; much < MUCHES; much++) {
		struct world *w = *state;
		struct batch *b = much_batch(&w->budget, much);
		struct chain_pass *p = chain_begin(w->chain, b, 0, (struct mono_time){ 1 });
		unsigned works = 0;
		int pace;

		w->counter.passed = w->counter.shown = 0;
		do {
			const struct otlp_build *out = &w->chain->request->out;
			size_t before = out->size;
			w->counter.sliced = true;
			pace = chain_go_on(p, chain_slice(w->chain));
			assert_true(out->size <= before + 2 * STEP_LANE_LONG);
			w->counter.sliced = false;
			w->counter.works = pace == CHAIN_WORK;
			if (pace == CHAIN_WORK)
				chain_work(p);
			works += w->counter.works;
			w->counter.works = false;
		} while (pace > 0);
		assert_int_equal(pace, CHAIN_ALL);
		assert_in_range(works, 1, 4);
		assert_int_equal(w->counter.passed, w->counter.shown - (much == LATE_DROP ? 2 : 0));
		chain_end(p, true, &b);
		batch_check(b);
		assert_int_equal(b->records, w->counter.passed);
		assert_null(memmem(batch_item(b, 0)->data, batch_item(b, 0)->size, "password=1", 10));
		assert_null(memmem(batch_item(b, 0)->data, batch_item(b, 0)->size, "gone", 4));
		batch_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_slice_shows_a_few_spans, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_edits_of_a_large_request_take_little_beside_the_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(what_steps_need_for_a_long_span_is_within_the_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_a_resource_needed_goes_back_if_a_span_finds_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(what_limits_need_for_a_long_span_is_within_the_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(
			drop_takes_no_more_than_two_copies_of_a_long_line_and_keeps_none, setup, teardown),
		cmocka_unit_test_setup_teardown(what_takes_long_is_work_of_its_own, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
