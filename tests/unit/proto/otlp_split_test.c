/*
 * Large trace requests in parts: whatever the sizes, all spans are there once and in their order, each with what was
 * around it, as generated code decodes it; and no part is larger than it has to be.
 */
#include "unit/unit.h"

#include "base/random.h"
#include "proto/otlp_split.h"
#include "proto/otlp_walk.h"
#include "unit/proto/otlp_flat.h"

enum { ROOM = 16 << 20, REQUESTS = 3000, MAX = 1000, MANY = 20000 };

static const char span_id[] = "01234567";

/* How a request came apart. */
struct cut_up {
	struct otlp_split plan;
	struct otlp_split_part parts[4096];
	char *to;
};

static void cut_up(struct bytes body, size_t max, struct cut_up *c)
{
	otlp_split_plan(body, max, &c->plan);
	assert_true(c->plan.parts <= COUNT_OF(c->parts));
	c->to = malloc(c->plan.size + 1);
	assert_non_null(c->to);
	otlp_split_write(body, &c->plan, c->to, c->parts);
}

/* Returns the most bytes that a part of several spans has. */
static size_t same_spans(struct bytes body, const struct cut_up *c)
{
	struct buffer all, again;
	size_t at = 0, most = 0, fault_at;

	buffer_init(&all, ROOM);
	buffer_init(&again, ROOM);
	flatten(body, &all);
	for (size_t i = 0; i < c->plan.parts; i++) {
		struct bytes part = { c->to + at, c->parts[i].size };
		struct otlp_summary sum;
		assert_int_equal(otlp_traces_check(part.data, part.size, &sum, &fault_at), OTLP_OK);
		assert_int_equal(sum.spans, c->parts[i].spans);
		assert_true(sum.spans > 0);
		if (sum.spans > 1 && part.size > most)
			most = part.size;
		flatten(part, &again);
		at += part.size;
	}
	assert_int_equal(at, c->plan.size);
	assert_int_equal(again.size, all.size);
	if (all.size > 0)
		assert_memory_equal(again.data, all.data, all.size);
	buffer_done(&all);
	buffer_done(&again);
	return most;
}

static void put_filler(struct buffer *b, unsigned number, size_t size)
{
	static const char filler[2 * MAX];

	assert_true(size <= sizeof filler);
	put_bytes(b, number, filler, size);
}

static void put_span(struct buffer *b, uint64_t number, size_t size)
{
	size_t mark = b->size;
	char trace_id[17];

	snprintf(trace_id, sizeof trace_id, "%016llx", (unsigned long long)number);
	put_bytes(b, 1, trace_id, 16);
	put_bytes(b, 2, span_id, 8);
	put_filler(b, 5, size);
	put_wrap(b, mark, 2);
}

/* Random requests. */

static bool sometimes(struct random *r, unsigned odds)
{
	return random_below(r, odds) == 0;
}

static void make_scope_spans(struct buffer *b, struct random *r, uint64_t *number)
{
	size_t mark = b->size;

	if (!sometimes(r, 4)) {
		put_filler(b, 1, 0); /* an empty scope */
		put_text(b, 3, "schema");
	}
	for (uint64_t n = random_below(r, 12); n > 0; n--) {
		put_span(b, ++*number, sometimes(r, 20) ? MAX : random_below(r, 120));
		if (sometimes(r, 10))
			put_text(b, 1000, "?"); /* a field that nobody knows, between spans */
	}
	put_wrap(b, mark, 2);
}

static void make_resource_spans(struct buffer *b, struct random *r, uint64_t *number)
{
	size_t mark = b->size;

	if (!sometimes(r, 4))
		put_filler(b, 1, 0);
	for (uint64_t n = random_below(r, 6); n > 0; n--)
		make_scope_spans(b, r, number);
	if (sometimes(r, 3))
		put_text(b, 3, "behind"); /* what encoders write first may also come last */
	put_wrap(b, mark, 1);
	if (sometimes(r, 8))
		put_text(b, 7, "nobody knows");
}

static void random_requests_keep_their_spans(void **state)
{
	static struct cut_up c;
	struct random r;
	struct buffer b;
	size_t cuts = 0;

	(void)state;
	buffer_init(&b, ROOM);
	for (unsigned seed = 0; seed < REQUESTS; seed++) {
		uint64_t number = 0;
		random_seed(&r, seed);
		buffer_clear(&b);
		for (uint64_t n = random_below(&r, 5); n > 0; n--)
			make_resource_spans(&b, &r, &number);
		struct bytes body = { b.size ? b.data : "", b.size };
		cut_up(body, MAX / 2 + random_below(&r, MAX), &c);
		(void)same_spans(body, &c);
		cuts += c.plan.parts > 1;
		free(c.to);
	}
	assert_true(cuts > REQUESTS / 4);
	buffer_done(&b);
}

/* One app. */

static struct bytes one_app(struct buffer *b, size_t resource, size_t scope, size_t spans, size_t size)
{
	buffer_clear(b);
	put_filler(b, 1, 0);
	put_filler(b, 1000, resource);
	for (size_t i = 0, mark = b->size; i < spans; i++) {
		if (i == 0)
			put_filler(b, 1000, scope);
		put_span(b, i + 1, size);
		if (i + 1 == spans)
			put_wrap(b, mark, 2);
	}
	put_wrap(b, 0, 1);
	return (struct bytes){ b->data, b->size };
}

static void parts_are_as_large_as_they_may_be(void **state)
{
	static struct cut_up c;
	struct buffer b;
	struct bytes body;
	size_t most;

	(void)state;
	buffer_init(&b, ROOM);
	body = one_app(&b, 40, 20, MANY, 50);
	cut_up(body, 64 << 10, &c);
	most = same_spans(body, &c);
	assert_true(most <= 64 << 10 && most > (64 << 10) - 200);
	assert_true(c.plan.size < body.size + c.plan.parts * 100);
	assert_int_equal(c.plan.parts, body.size / ((64 << 10) - 200) + 1);
	free(c.to);
	buffer_done(&b);
}

static void what_fits_stays_as_it_is(void **state)
{
	static struct cut_up c;
	struct buffer one, all;
	struct bytes body;

	(void)state;
	buffer_init(&one, ROOM);
	buffer_init(&all, ROOM);
	body = one_app(&one, 40, 20, 10, 50);
	for (size_t n = 0; n < 4; n++)
		put_raw(&all, body.data, body.size);
	cut_up(buffer_bytes(&all), 2 * body.size, &c);
	assert_int_equal(c.plan.parts, 2);
	assert_int_equal(c.parts[0].size, 2 * body.size);
	assert_int_equal(c.parts[1].spans, 20);
	assert_int_equal(c.plan.size, all.size);
	assert_memory_equal(c.to, all.data, all.size);
	free(c.to);
	buffer_done(&one);
	buffer_done(&all);
}

static void a_span_that_is_too_large_is_alone(void **state)
{
	static struct cut_up c;
	struct buffer b;
	struct bytes body;

	(void)state;
	buffer_init(&b, ROOM);
	put_span(&b, 1, 10);
	put_span(&b, 2, MAX + 1);
	put_span(&b, 3, 10);
	put_wrap(&b, 0, 2);
	put_wrap(&b, 0, 1);
	body = (struct bytes){ b.data, b.size };
	cut_up(body, MAX, &c);
	assert_true(same_spans(body, &c) <= MAX);
	assert_int_equal(c.plan.parts, 3);
	assert_true(c.parts[1].size > MAX);
	free(c.to);
	buffer_done(&b);
}

/* Otherwise a request of a large resource and many spans would become many times as large. */
static void what_is_dear_to_repeat_stays_whole(void **state)
{
	const struct {
		size_t resource, scope;
		bool whole;
	} cases[] = { { MAX / OTLP_SPLIT_REPEATED - 7, 0, false }, { MAX / OTLP_SPLIT_REPEATED, 0, true },
		{ 0, MAX / OTLP_SPLIT_REPEATED - 7, false }, { 0, MAX / OTLP_SPLIT_REPEATED, true } };
	static struct cut_up c;
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bytes body = one_app(&b, cases[i].resource, cases[i].scope, 100, 50);
		cut_up(body, MAX, &c);
		assert_true((same_spans(body, &c) <= MAX) == !cases[i].whole);
		assert_true((c.plan.parts == 1) == cases[i].whole);
		assert_true(c.plan.size <= 2 * body.size);
		free(c.to);
	}
	buffer_done(&b);
}

/* No encoder writes a resource in many pieces between scope spans, and each would be repeated. */
static void a_resource_in_many_pieces_stays_whole(void **state)
{
	static struct cut_up c;
	struct buffer b;
	struct bytes body;

	(void)state;
	buffer_init(&b, ROOM);
	for (unsigned i = 0; i < 20; i++) {
		size_t mark = b.size;
		put_span(&b, i + 1, 100);
		put_wrap(&b, mark, 2);
		put_text(&b, 1000, "x");
	}
	put_wrap(&b, 0, 1);
	body = (struct bytes){ b.data, b.size };
	cut_up(body, MAX, &c);
	assert_true(same_spans(body, &c) == body.size);
	assert_int_equal(c.plan.parts, 1);
	free(c.to);
	buffer_done(&b);
}

static void without_spans_there_are_no_parts(void **state)
{
	static struct cut_up c;
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < 8; i++)
		put_filler(&b, 7, MAX);
	cut_up((struct bytes){ b.data, b.size }, MAX, &c);
	assert_int_equal(c.plan.parts + c.plan.size, 0);
	free(c.to);
	cut_up((struct bytes){ "", 0 }, MAX, &c);
	assert_int_equal(c.plan.parts + c.plan.size, 0);
	free(c.to);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_requests_keep_their_spans),
		cmocka_unit_test(parts_are_as_large_as_they_may_be),
		cmocka_unit_test(what_fits_stays_as_it_is),
		cmocka_unit_test(a_span_that_is_too_large_is_alone),
		cmocka_unit_test(what_is_dear_to_repeat_stays_whole),
		cmocka_unit_test(a_resource_in_many_pieces_stays_whole),
		cmocka_unit_test(without_spans_there_are_no_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
