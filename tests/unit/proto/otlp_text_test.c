/*
 * OTLP as JSON: a request with everything in it byte for byte, the rows of a table, and what cannot be written.
 */
#include "unit/unit.h"

#include <errno.h>
#include <jansson.h>

#include "base/random.h"
#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"
#include "unit/proto/otlp_builder.h"

enum { ROOM = 1 << 20, DEEP = 10000, MUTANTS = 5000 };

static void value_bytes(struct buffer *b, const char *key, const char *bytes, size_t size)
{
	size_t pair = b->size;

	put_text(b, 1, key);
	put_bytes(b, 2, bytes, size);
	put_wrap(b, pair, 9);
}

/* One value of each kind, with what is hard about it. */
static void put_values(struct buffer *b)
{
	put_attribute(b, 9, "text", "a \"quoted\" é\n");
	put_attribute_int(b, 9, "least", INT64_MIN);
	value_bytes(b, "true", "\x10\x01", 2);
	value_bytes(b, "false", "\x10\x00", 2);
	value_bytes(b, "tenth", "\x21\x9a\x99\x99\x99\x99\x99\xb9\x3f", 9);
	value_bytes(b, "nan", "\x21\x00\x00\x00\x00\x00\x00\xf8\x7f", 9);
	value_bytes(b, "inf", "\x21\x00\x00\x00\x00\x00\x00\xf0\xff", 9);
	value_bytes(b, "list", "\x2a\x09\x0a\x02\x18\x01\x0a\x03\x0a\x01x", 11);
	value_bytes(b, "map", "\x32\x09\x0a\x07\x0a\x01k\x12\x02\x18\x07", 11);
	value_bytes(b, "none", "", 0);
	value_bytes(b, "no list", "\x2a\x00", 2);
	value_bytes(b, "bytes0", "\x3a\x00", 2);
	value_bytes(b, "bytes1", "\x3a\x01\xff", 3);
	value_bytes(b, "bytes2", "\x3a\x02\xff\xfe", 4);
	value_bytes(b, "bytes3", "\x3a\x03\xff\xfe\xfd", 5);
	value_bytes(b, "last of three", "\x0a\x01x\x10\x01\x18\x09", 7);
}

static void put_event(struct buffer *b, const char *name)
{
	size_t mark = b->size;

	put_fixed64(b, 1, 1795348800000000005u);
	put_text(b, 2, name);
	put_attribute(b, 3, "exception.message", "no route");
	put_number(b, 4, 3);
	put_wrap(b, mark, 11);
}

static void put_link(struct buffer *b)
{
	size_t mark = b->size;

	put_bytes(b, 1, "fedcba9876543210", 16);
	put_bytes(b, 2, "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8);
	put_text(b, 3, "a=1");
	put_attribute(b, 4, "why", "batch");
	put_number(b, 5, 4);
	put_fixed32(b, 6, 0x101);
	put_wrap(b, mark, 13);
}

/* Every field of a span, events between attributes, and a field nobody knows. */
static void put_full_span(struct buffer *b)
{
	size_t mark = b->size, status;

	put_bytes(b, 1, "0123456789abcdef", 16);
	put_bytes(b, 2, "01234567", 8);
	put_text(b, 3, "rojo=00f067aa0ba902b7");
	put_bytes(b, 4, "76543210", 8);
	put_event(b, "first");
	put_values(b);
	put_event(b, "second");
	put_text(b, 5, "an earlier name");
	put_text(b, 5, "POST /orders");
	put_number(b, 6, 2);
	put_fixed64(b, 7, 1795348800000000000u);
	put_fixed64(b, 8, UINT64_MAX);
	put_number(b, 10, 1);
	put_number(b, 12, 2);
	put_link(b);
	put_number(b, 14, 5);
	status = b->size;
	put_text(b, 2, "failed");
	put_number(b, 3, 2);
	put_wrap(b, status, 15);
	put_fixed32(b, 16, 0x301);
	put_text(b, 500, "from later");
	put_wrap(b, mark, 2);
}

static void put_entity(struct buffer *b)
{
	size_t mark = b->size;

	put_text(b, 1, "https://opentelemetry.io/schemas/1.30.0");
	put_text(b, 2, "service");
	put_text(b, 3, "service.name");
	put_text(b, 3, "service.namespace");
	put_text(b, 4, "service.version");
	put_wrap(b, mark, 3);
}

static void put_full_request(struct buffer *b)
{
	size_t group = b->size, mark = b->size;

	put_attribute(b, 1, "service.name", "shop");
	put_attribute(b, 1, "host.name", "h1");
	put_number(b, 2, 6);
	put_entity(b);
	put_wrap(b, mark, 1);
	mark = b->size;
	put_text(b, 1, "lib");
	put_text(b, 2, "1.0");
	put_attribute(b, 3, "scoped", "yes");
	put_number(b, 4, 7);
	put_wrap(b, mark, 1);
	put_full_span(b);
	put_text(b, 3, "https://opentelemetry.io/schemas/1.30.0");
	put_wrap(b, mark, 2);
	put_text(b, 3, "https://opentelemetry.io/schemas/1.29.0");
	put_wrap(b, group, 1);
}

static void is_golden(const struct buffer *text, const char *path)
{
	static char golden[16 << 10];
	FILE *file = fopen(unit_file(path), "rb");
	size_t size;

	assert_non_null(file);
	size = fread(golden, 1, sizeof golden, file);
	fclose(file);
	if (size != text->size + 1 || memcmp(golden, text->data, text->size) != 0)
		fail_msg("%s differs from:\n%.*s", path, (int)text->size, text->data);
}

static void a_full_request_is_golden(void **state)
{
	struct buffer b, text;
	struct otlp_summary sum;
	size_t at;

	(void)state;
	buffer_init(&b, ROOM);
	buffer_init(&text, ROOM);
	put_full_request(&b);
	put_http_request(&b, 1);
	assert_int_equal(otlp_traces_check(b.data, b.size, &sum, &at), OTLP_OK);
	assert_int_equal(otlp_traces_to_json(b.data, b.size, &text), 0);
	is_golden(&text, "golden/otlp/traces.json");
	buffer_done(&b);
	buffer_done(&text);
}

static void nothing_is_an_empty_object(void **state)
{
	struct buffer text;

	(void)state;
	buffer_init(&text, ROOM);
	assert_int_equal(otlp_traces_to_json(NULL, 0, &text), 0);
	assert_true(bytes_are(buffer_bytes(&text), "{}"));
	buffer_done(&text);
}

static void what_does_not_fit_leaves_nothing(void **state)
{
	struct buffer b, text, whole;

	(void)state;
	buffer_init(&b, ROOM);
	buffer_init(&whole, ROOM);
	put_full_request(&b);
	assert_int_equal(otlp_traces_to_json(b.data, b.size, &whole), 0);
	for (size_t ceiling = 5; ceiling < whole.size + 5; ceiling++) {
		buffer_init(&text, ceiling);
		assert_int_equal(buffer_text(&text, "first"), 0);
		assert_int_equal(otlp_traces_to_json(b.data, b.size, &text), -ENOSPC);
		assert_true(bytes_are(buffer_bytes(&text), "first"));
		buffer_done(&text);
	}
	buffer_done(&b);
	buffer_done(&whole);
}

static void depth_has_an_end(void **state)
{
	struct buffer b, text;

	(void)state;
	buffer_init(&b, ROOM);
	buffer_init(&text, ROOM);
	put_text(&b, 1, "x");
	for (size_t i = 0; i < DEEP; i++) {
		put_wrap(&b, 0, 1);
		put_wrap(&b, 0, 5);
	}
	put_wrap(&b, 0, 2);
	put_wrap(&b, 0, 9);
	for (size_t i = 0; i < 2; i++)
		put_wrap(&b, 0, 2);
	put_wrap(&b, 0, 1);
	assert_int_equal(otlp_traces_to_json(b.data, b.size, &text), -EBADMSG);
	assert_int_equal(text.size, 0);
	buffer_done(&b);
	buffer_done(&text);
}

/* A span with an event whose attribute is as deep as values may be: the deepest that messages nest. */
static void put_deepest(struct buffer *b)
{
	put_text(b, 1, "x");
	for (size_t i = 0; i < OTLP_LEVELS_MAX; i++) {
		put_wrap(b, 0, 2);
		put_wrap(b, 0, 1);
		put_wrap(b, 0, 6);
	}
	put_wrap(b, 0, 2);
	put_wrap(b, 0, 3);
	put_wrap(b, 0, 11);
	put_bytes(b, 1, "0123456789abcdef", 16);
	put_bytes(b, 2, "01234567", 8);
	for (size_t i = 0; i < 2; i++)
		put_wrap(b, 0, 2);
	put_wrap(b, 0, 1);
}

static size_t count_levels(json_t *value)
{
	size_t levels = 0;

	for (json_t *map; (map = json_object_get(value, "kvlistValue")); levels++)
		value = json_object_get(json_array_get(json_object_get(map, "values"), 0), "value");
	assert_string_equal(json_string_value(json_object_get(value, "stringValue")), "x");
	return levels;
}

static void row_is_as_deep(void *context, const struct otlp_row *row)
{
	json_t *json = json_loads(row->json, 0, NULL), *event = json_array_get(json_object_get(json, "events"), 0);
	json_t *attribute = json_array_get(json_object_get(event, "attributes"), 0);

	*(size_t *)context += count_levels(json_object_get(attribute, "value"));
	json_decref(json);
}

static void the_deepest_that_passes_is_json(void **state)
{
	struct buffer b, text;
	struct otlp_summary sum;
	size_t at, levels = 0;
	json_t *json;

	(void)state;
	buffer_init(&b, ROOM);
	buffer_init(&text, ROOM);
	put_deepest(&b);
	assert_int_equal(otlp_traces_check(b.data, b.size, &sum, &at), OTLP_OK);
	assert_int_equal(otlp_traces_to_json(b.data, b.size, &text), 0);
	json = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	json_decref(json);
	assert_int_equal(otlp_traces_rows(b.data, b.size, row_is_as_deep, &levels), 0);
	assert_int_equal(levels, OTLP_LEVELS_MAX);
	buffer_done(&b);
	buffer_done(&text);
}

/* Whatever passes the check can be written, and is JSON. */
static void mutants_that_pass_are_json(void **state)
{
	struct buffer good, b, text;
	struct random r;
	struct otlp_summary sum;
	size_t at, passed = 0;

	(void)state;
	random_seed(&r, 7);
	buffer_init(&good, ROOM);
	buffer_init(&b, ROOM);
	buffer_init(&text, ROOM);
	put_full_request(&good);
	for (size_t i = 0; i < MUTANTS; i++) {
		json_t *json;
		buffer_clear(&b);
		buffer_clear(&text);
		put_raw(&b, good.data, good.size);
		b.data[random_below(&r, b.size)] = (char)random_below(&r, 256);
		if (otlp_traces_check(b.data, b.size, &sum, &at))
			continue;
		passed++;
		assert_int_equal(otlp_traces_to_json(b.data, b.size, &text), 0);
		json = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		json_decref(json);
	}
	assert_in_range(passed, MUTANTS / 4, MUTANTS - 1);
	buffer_done(&good);
	buffer_done(&b);
	buffer_done(&text);
}

struct seen {
	size_t rows;
	char text[4096];
};

static void see(void *context, const struct otlp_row *row)
{
	struct seen *seen = context;

	seen->rows++;
	snprintf(seen->text, sizeof seen->text, "%s|%s|%s|%s|%s|%u|%u|%llu|%llu|%s", row->trace_id, row->span_id,
		row->parent_id, row->service, row->name, row->kind, row->status, (unsigned long long)row->start_ns,
		(unsigned long long)row->end_ns, row->json);
}

static void rows_have_what_a_table_shows(void **state)
{
	static const char begin[] =
		"30313233343536373839616263646566|3031323334353637|3736353433323130|shop|POST /orders|2|2|"
		"1795348800000000000|18446744073709551615|{\"traceState\":\"rojo=00f067aa0ba902b7\",\"attributes\":[";
	static const char end[] = "\"status\":{\"message\":\"failed\",\"code\":2},\"flags\":769}";
	struct seen seen = { 0 };
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	put_http_request(&b, 4);
	put_full_request(&b);
	assert_int_equal(otlp_traces_rows(b.data, b.size, see, &seen), 0);
	assert_int_equal(seen.rows, 5);
	assert_memory_equal(seen.text, begin, strlen(begin));
	assert_string_equal(seen.text + strlen(seen.text) - strlen(end), end);
	buffer_done(&b);
}

static void a_root_without_resource_is_a_row(void **state)
{
	struct seen seen = { 0 };
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	put_bytes(&b, 1, "0123456789abcdef", 16);
	put_bytes(&b, 2, "01234567", 8);
	for (size_t i = 0; i < 2; i++)
		put_wrap(&b, 0, 2);
	put_wrap(&b, 0, 1);
	assert_int_equal(otlp_traces_rows(b.data, b.size, see, &seen), 0);
	assert_string_equal(seen.text, "30313233343536373839616263646566|3031323334353637||||0|0|0|0|{}");
	assert_int_equal(otlp_traces_rows(b.data, b.size - 1, see, &seen), -EBADMSG);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_request_is_golden),
		cmocka_unit_test(nothing_is_an_empty_object),
		cmocka_unit_test(what_does_not_fit_leaves_nothing),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(the_deepest_that_passes_is_json),
		cmocka_unit_test(mutants_that_pass_are_json),
		cmocka_unit_test(rows_have_what_a_table_shows),
		cmocka_unit_test(a_root_without_resource_is_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
