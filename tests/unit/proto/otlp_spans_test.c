/*
 * The cursor over the spans of a request: it finds what otlp_traces_each() finds, wherever it stops, and never does
 * more at a time than it was told.
 */
#include "unit/unit.h"

#include <errno.h>

#include "proto/otlp_spans.h"
#include "unit/proto/otlp_builder.h"

enum { ROOM = 4 << 20, SPANS = 7, FOUND_MAX = 100 };

struct found {
	struct otlp_span spans[FOUND_MAX];
	size_t count;
};

static int on_span(void *context, const struct otlp_span *span)
{
	struct found *f = context;

	assert_true(f->count < FOUND_MAX);
	f->spans[f->count++] = *span;
	return 0;
}

static void assert_same(const struct otlp_span *a, const struct otlp_span *b)
{
	assert_true(a->span.data == b->span.data && a->span.size == b->span.size);
	assert_true(bytes_equal(a->resource, b->resource) && bytes_equal(a->name, b->name));
	assert_true(bytes_equal(a->trace_id, b->trace_id) && bytes_equal(a->span_id, b->span_id));
	assert_true(bytes_equal(a->parent_id, b->parent_id));
	assert_true(a->kind == b->kind && a->status == b->status);
	assert_true(a->start_ns == b->start_ns && a->end_ns == b->end_ns);
}

/* Stopped after every `step` bytes. Returns how often. */
static size_t walk(const struct buffer *b, size_t step, struct found *ret)
{
	struct otlp_spans c;
	struct otlp_span span;
	enum otlp_spans_answer answer;
	size_t left = step, pauses = 0;

	ret->count = 0;
	otlp_spans_begin(&c, buffer_bytes(b));
	while ((answer = otlp_spans_next(&c, &left, &span)) != OTLP_SPANS_END) {
		pauses += answer == OTLP_SPANS_PAUSE;
		if (answer == OTLP_SPANS_PAUSE)
			left = step;
		else
			on_span(ret, &span);
	}
	return pauses;
}

static void assert_found(const struct buffer *b)
{
	static const size_t steps[] = { 1, 3, 10, 100, 1000, ROOM };
	struct found each = { .count = 0 }, found;

	assert_int_equal(otlp_traces_each(buffer_bytes(b), on_span, &each), 0);
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		walk(b, steps[i], &found);
		assert_int_equal(found.count, each.count);
		for (size_t k = 0; k < each.count; k++)
			assert_same(&found.spans[k], &each.spans[k]);
	}
}

static void put_resource(struct buffer *b, const char *service)
{
	size_t resource = b->size, mark = b->size, span;

	put_attribute(b, 1, "service.name", service);
	put_attribute_int(b, 1, "zone", 4);
	put_wrap(b, mark, 1);
	for (int scope = 0; scope < 2; scope++) {
		mark = b->size;
		put_text(b, 3, "a schema");
		for (unsigned i = 0; i < SPANS; i++)
			put_http_span(b, i);
		span = b->size;
		put_bytes(b, 1, "0123456789abcdef", 16);
		put_bytes(b, 2, "abcdefgh", 8);
		put_bytes(b, 15, "\x12\x03why\x18\x02", 7);
		put_number(b, 200, 1); /* a field that is not known, with a tag of two bytes */
		put_fixed32(b, 16, 256);
		put_wrap(b, span, 2);
		put_wrap(b, mark, 2);
	}
	put_wrap(b, resource, 1);
}

static void it_finds_what_is_there_wherever_it_stops(void **state)
{
	struct buffer b;
	struct found found;

	(void)state;
	buffer_init(&b, ROOM);
	assert_found(&b);
	put_resource(&b, "shop");
	put_resource(&b, "cart");
	assert_found(&b);
	assert_int_equal(walk(&b, ROOM, &found), 0);
	assert_int_equal(found.count, 4 * (SPANS + 1));
	assert_true(walk(&b, 1, &found) >= found.count);
	buffer_done(&b);
}

static void attributes_are_found_by_name(void **state)
{
	struct bytes value;
	struct buffer b;
	struct found found;

	(void)state;
	buffer_init(&b, ROOM);
	put_resource(&b, "shop");
	walk(&b, ROOM, &found);
	value = otlp_span_attribute(found.spans[0].span, bytes_of("http.route"));
	assert_true(bytes_are(value, "\x0a\x0e/api/users/:id"));
	value = otlp_resource_attribute(found.spans[0].resource, bytes_of("zone"));
	assert_true(bytes_are(value, "\x18\x04"));
	assert_int_equal(otlp_span_attribute(found.spans[0].span, bytes_of("zone")).size, 0);
	assert_int_equal(otlp_span_attribute(found.spans[0].span, bytes_of("")).size, 0);
	buffer_done(&b);
}

/* A million empty scopes are many steps, and one span with a million attributes is not read to its end. */
static void what_is_hostile_takes_no_longer_than_it_may(void **state)
{
	enum { MANY = 1000000 };
	struct buffer b;
	struct found found;

	(void)state;
	buffer_init(&b, ROOM);
	for (int i = 0; i < MANY; i++)
		put_raw(&b, "\x12\x00", 2);
	put_wrap(&b, 0, 1);
	assert_true(walk(&b, 4096, &found) > MANY / 1024 - 2);
	assert_int_equal(found.count, 0);
	buffer_clear(&b);
	for (int i = 0; i < MANY; i++)
		put_raw(&b, "\x4a\x00", 2);
	put_text(&b, 5, "behind them");
	put_wrap(&b, 0, 2);
	put_wrap(&b, 0, 2);
	put_wrap(&b, 0, 1);
	assert_int_equal(walk(&b, ROOM, &found), 0);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.spans[0].name.size, 0);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_finds_what_is_there_wherever_it_stops),
		cmocka_unit_test(attributes_are_found_by_name),
		cmocka_unit_test(what_is_hostile_takes_no_longer_than_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
