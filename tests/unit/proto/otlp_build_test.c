/*
 * What the writer of OTLP messages writes, generated code and the walk read; what it counts is what it writes; and it
 * keeps within its room.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "otlp.pb-c.h"
#include "proto/otlp_build.h"
#include "proto/otlp_walk.h"

enum { ROOM = 4 << 20, SPANS = 3, LONG_TEXT = 40000 };

static const struct bytes trace_id = { "0123456789abcdef", 16 }, span_id = { "01234567", 8 };

static void write_values(struct otlp_build *b)
{
	const struct otlp_value values[] = { otlp_text(bytes_of("shop")), otlp_text((struct bytes){ "", 0 }),
		otlp_bool(true), otlp_bool(false), otlp_int(INT64_MIN), otlp_int(0), otlp_double(-0.5),
		{ .type = OTLP_VALUE_BYTES, .bytes = { "\0\xff", 2 } }, { .type = OTLP_VALUE_EMPTY } };

	for (size_t i = 0; i < COUNT_OF(values); i++)
		otlp_build_attribute(b, 9, bytes_of("key"), &values[i]);
}

/* {"deep": [[1], {"a": null}]} */
static void write_nested(struct otlp_build *b)
{
	const struct otlp_value one = otlp_int(1);
	struct otlp_attribute deep = otlp_build_attribute_begin(b, 9, bytes_of("deep")), a;
	size_t array = otlp_build_begin(b, OTLP_VALUE_ARRAY), element = otlp_build_begin(b, 1);
	size_t inner = otlp_build_begin(b, OTLP_VALUE_ARRAY), leaf = otlp_build_begin(b, 1), map;

	otlp_build_value(b, &one);
	otlp_build_end(b, leaf);
	otlp_build_end(b, inner);
	otlp_build_end(b, element);
	element = otlp_build_begin(b, 1);
	map = otlp_build_begin(b, OTLP_VALUE_MAP);
	a = otlp_build_attribute_begin(b, 1, bytes_of("a"));
	otlp_build_attribute_end(b, a);
	otlp_build_end(b, map);
	otlp_build_end(b, element);
	otlp_build_end(b, array);
	otlp_build_attribute_end(b, deep);
}

static void write_request(struct otlp_build *b, struct bytes name)
{
	size_t resource = otlp_build_begin(b, 1), scope = otlp_build_begin(b, 2);

	for (unsigned i = 0; i < SPANS; i++) {
		size_t span = otlp_build_begin(b, 2);
		otlp_build_bytes(b, 1, trace_id);
		otlp_build_bytes(b, 2, span_id);
		otlp_build_text(b, 5, name);
		otlp_build_number(b, 6, 3);
		otlp_build_fixed64(b, 7, 0x0102030405060708);
		write_values(b);
		write_nested(b);
		otlp_build_fixed32(b, 16, 0x80000001);
		otlp_build_end(b, span);
	}
	otlp_build_end(b, scope);
	otlp_build_end(b, resource);
}

/* However many bytes were left for the length, and also while it is only counted. */
static void a_length_that_was_foretold_has_its_shortest_form(void **state)
{
	static const size_t sizes[] = { 0, 1, 127, 128, 16383, 16384, LONG_TEXT };
	static const char content[LONG_TEXT] = { 'a', [LONG_TEXT - 1] = 'z' };
	char *expected = malloc(LONG_TEXT + 16), *to = malloc(LONG_TEXT + 16);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct otlp_build plain = { expected, LONG_TEXT + 16, 0 };
		otlp_build_bytes(&plain, 2, (struct bytes){ content, sizes[i] });
		for (size_t length = 1; length <= 5; length++) {
			struct otlp_build b = { to, LONG_TEXT + 16, 0 }, counted = { NULL, 0, 0 };
			size_t begun = otlp_build_begin_as(&b, 2, length);
			otlp_build_raw(&b, (struct bytes){ content, sizes[i] });
			otlp_build_end_as(&b, begun, length);
			assert_int_equal(b.size, plain.size);
			assert_memory_equal(to, expected, plain.size);
			begun = otlp_build_begin_as(&counted, 2, length);
			otlp_build_raw(&counted, (struct bytes){ content, sizes[i] });
			otlp_build_end_as(&counted, begun, length);
			assert_int_equal(counted.size, plain.size);
		}
	}
	free(expected);
	free(to);
}

static Otlp__TracesRequest *read_request(const struct otlp_build *b)
{
	Otlp__TracesRequest *r = otlp__traces_request__unpack(NULL, b->size, (const uint8_t *)b->to);
	struct otlp_summary sum;
	size_t at;

	assert_true(b->size <= b->room);
	assert_non_null(r);
	assert_int_equal(otlp_traces_check(b->to, b->size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, SPANS);
	/* Generated code writes everything in its shortest form, too. */
	assert_int_equal(otlp__traces_request__get_packed_size(r), b->size);
	return r;
}

static void every_value_is_read_as_it_was_written(void **state)
{
	struct otlp_build b = { malloc(ROOM), ROOM, 0 };
	Otlp__TracesRequest *r;
	Otlp__Span *s;

	(void)state;
	write_request(&b, bytes_of("GET /"));
	r = read_request(&b);
	s = r->resource_spans[0]->scope_spans[0]->spans[SPANS - 1];
	assert_string_equal(s->name, "GET /");
	assert_memory_equal(s->trace_id.data, trace_id.data, 16);
	assert_int_equal(s->kind, 3);
	assert_true(s->start_time_unix_nano == 0x0102030405060708 && s->flags == 0x80000001);
	assert_int_equal(s->n_attributes, 10);
	assert_string_equal(s->attributes[0]->value->string_value, "shop");
	assert_int_equal(s->attributes[1]->value->value_case, OTLP__ANY_VALUE__VALUE_STRING_VALUE);
	assert_true(s->attributes[2]->value->bool_value);
	assert_int_equal(s->attributes[3]->value->value_case, OTLP__ANY_VALUE__VALUE_BOOL_VALUE);
	assert_true(s->attributes[4]->value->int_value == INT64_MIN);
	assert_int_equal(s->attributes[5]->value->value_case, OTLP__ANY_VALUE__VALUE_INT_VALUE);
	assert_true(s->attributes[6]->value->double_value == -0.5);
	assert_memory_equal(s->attributes[7]->value->bytes_value.data, "\0\xff", 2);
	assert_int_equal(s->attributes[8]->value->value_case, OTLP__ANY_VALUE__VALUE__NOT_SET);
	otlp__traces_request__free_unpacked(r, NULL);
	free(b.to);
}

static void arrays_and_maps_stand_in_each_other(void **state)
{
	struct otlp_build b = { malloc(ROOM), ROOM, 0 };
	Otlp__TracesRequest *r;
	Otlp__KeyValue *deep;
	Otlp__AnyValue **values;

	(void)state;
	write_request(&b, bytes_of("n"));
	r = read_request(&b);
	deep = r->resource_spans[0]->scope_spans[0]->spans[0]->attributes[9];
	assert_string_equal(deep->key, "deep");
	assert_int_equal(deep->value->array_value->n_values, 2);
	values = deep->value->array_value->values;
	assert_int_equal(values[0]->array_value->values[0]->int_value, 1);
	assert_string_equal(values[1]->kvlist_value->values[0]->key, "a");
	otlp__traces_request__free_unpacked(r, NULL);
	free(b.to);
}

static void lengths_of_any_width_are_right(void **state)
{
	static const size_t sizes[] = { 1, 100, 126, 127, 128, 129, 16000, 16382, 16383, 16384, 16385, LONG_TEXT };
	struct otlp_build b = { malloc(ROOM), ROOM, 0 };
	char *text = malloc(LONG_TEXT);
	Otlp__TracesRequest *r;

	(void)state;
	memset(text, 'x', LONG_TEXT);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		otlp_build_cut(&b, 0);
		write_request(&b, (struct bytes){ text, sizes[i] });
		r = read_request(&b);
		assert_int_equal(strlen(r->resource_spans[0]->scope_spans[0]->spans[1]->name), sizes[i]);
		otlp__traces_request__free_unpacked(r, NULL);
	}
	free(text);
	free(b.to);
}

/* Every room from none to exactly enough: the size is the same, and ASan sees a byte written behind. */
static void what_is_counted_is_what_is_written(void **state)
{
	struct otlp_build counted = { 0 }, whole = { malloc(ROOM), ROOM, 0 };
	const struct bytes name = { "two hundred\xff bytes", 18 };

	(void)state;
	write_request(&counted, name);
	write_request(&whole, name);
	assert_int_equal(counted.size, whole.size);
	for (size_t room = 0; room <= counted.size; room++) {
		struct otlp_build b = { malloc(room + !room), room, 0 };
		write_request(&b, name);
		assert_int_equal(b.size, counted.size);
		if (room == counted.size)
			assert_memory_equal(b.to, whole.to, room);
		free(b.to);
	}
	free(whole.to);
}

static void text_that_is_not_utf8_is_mended(void **state)
{
	struct otlp_build b = { malloc(ROOM), ROOM, 0 };
	Otlp__TracesRequest *r;

	(void)state;
	write_request(&b, (struct bytes){ "a\xff\xc3(", 4 });
	r = read_request(&b);
	assert_string_equal(r->resource_spans[0]->scope_spans[0]->spans[0]->name, "a\xef\xbf\xbd\xef\xbf\xbd(");
	otlp__traces_request__free_unpacked(r, NULL);
	free(b.to);
}

/* Also where it had no room. */
static void a_span_is_taken_back(void **state)
{
	struct otlp_build first = { malloc(ROOM), ROOM, 0 };
	Otlp__TracesRequest *r;

	(void)state;
	write_request(&first, bytes_of("first"));
	for (size_t room = first.size; room < first.size + 50; room++) {
		struct otlp_build b = { malloc(room), room, 0 };
		size_t before;
		write_request(&b, bytes_of("first"));
		before = b.size;
		write_request(&b, bytes_of("second"));
		otlp_build_cut(&b, before);
		r = read_request(&b);
		assert_int_equal(r->n_resource_spans, 1);
		otlp__traces_request__free_unpacked(r, NULL);
		free(b.to);
	}
	free(first.to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_is_read_as_it_was_written),
		cmocka_unit_test(a_length_that_was_foretold_has_its_shortest_form),
		cmocka_unit_test(arrays_and_maps_stand_in_each_other),
		cmocka_unit_test(lengths_of_any_width_are_right),
		cmocka_unit_test(what_is_counted_is_what_is_written),
		cmocka_unit_test(text_that_is_not_utf8_is_mended),
		cmocka_unit_test(a_span_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
