/*
 * Log requests of OTLP as log lines: both forms byte for byte, which names give way, what is refused alone, and that no
 * line outgrows what was counted for it.
 */
#include "unit/unit.h"

#include <string.h>

#include <jansson.h>

#include "otlp_builder.h"
#include "proto/otlp_logs.h"

#define TIME UINT64_C(1795348800000000123)
#define TRACE "\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c"
#define SPAN "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74"

struct made {
	struct buffer request;
	struct otlp_logs plan;
	char *lines;
	size_t size;
};

static void wrap_text(struct buffer *b, unsigned field, const char *text)
{
	size_t any = b->size;

	put_text(b, 1, text);
	put_wrap(b, any, field);
}

/* What stands in the request becomes records of one resource and scope. */
static void wrap_records(struct buffer *b)
{
	struct buffer head;

	buffer_init(&head, 1 << 20);
	put_attribute(&head, 1, "service.name", "shop");
	put_wrap(&head, 0, 1);
	put_wrap(b, 0, 2);
	put_raw(&head, b->data, b->size);
	put_wrap(&head, 0, 1);
	buffer_clear(b);
	put_raw(b, head.data, head.size);
	buffer_done(&head);
}

static enum otlp_fault make_of(struct made *m, enum otlp_log_form form, size_t most)
{
	size_t at;
	char *body = calloc(1, m->request.size + JSON_LINE_PADDING);
	struct bytes bytes = { body, m->request.size };
	enum otlp_fault fault;

	if (m->request.size)
		memcpy(body, m->request.data, m->request.size);
	fault = otlp_logs_plan(bytes, form, most, &m->plan, &at);
	m->lines = NULL;
	if (!fault && m->plan.room <= most) {
		m->lines = malloc(m->plan.room + 1); /* ASan sees a byte too many */
		m->size = otlp_logs_write(bytes, &m->plan, m->lines);
		assert_true(m->size <= m->plan.room);
		m->lines[m->size] = '\0';
	}
	free(body);
	return fault;
}

static void done(struct made *m)
{
	buffer_done(&m->request);
	free(m->lines);
}

static void begin(struct made *m)
{
	*m = (struct made){ .size = 0 };
	buffer_init(&m->request, 16 << 20);
}

static void put_full_record(struct buffer *b)
{
	size_t record = b->size;

	put_fixed64(b, 1, TIME);
	put_fixed64(b, 11, TIME + 1000);
	put_number(b, 2, 17);
	put_text(b, 3, "ERROR");
	wrap_text(b, 5, "it \"broke\"\n");
	put_attribute_int(b, 6, "retries", -3);
	put_attribute(b, 6, "exception.type", "IOError");
	put_number(b, 7, 2);
	put_fixed32(b, 8, 1);
	put_bytes(b, 9, TRACE, 16);
	put_bytes(b, 10, SPAN, 8);
	put_text(b, 12, "order.failed");
	put_wrap(b, record, 2);
}

static void expect_lines(struct made *m, enum otlp_log_form form, const char *expected)
{
	assert_int_equal(make_of(m, form, SIZE_MAX), OTLP_OK);
	assert_string_equal(m->lines, expected);
	done(m);
}

static void a_record_has_the_names_of_ecs(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	put_full_record(&m.request);
	wrap_records(&m.request);
	expect_lines(&m, OTLP_LOG_ECS,
		"{\"@timestamp\":\"2026-11-22T12:00:00.000000123Z\",\"log.level\":\"ERROR\",\"event.severity\":17,"
		"\"message\":\"it \\\"broke\\\"\\n\",\"trace.id\":\"5b8efff798038103d269b633813fc60c\","
		"\"span.id\":\"eee19b7ec3c1b174\",\"trace.flags\":1,\"event.action\":\"order.failed\","
		"\"event.created\":\"2026-11-22T12:00:00.000001123Z\",\"otel.dropped_attributes_count\":2,"
		"\"service.name\":\"shop\",\"retries\":-3,\"error.type\":\"IOError\"}\n");
}

static void a_record_has_the_names_of_the_data_model(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	put_full_record(&m.request);
	wrap_records(&m.request);
	expect_lines(&m, OTLP_LOG_OTEL,
		"{\"@timestamp\":\"2026-11-22T12:00:00.000000123Z\",\"observed_timestamp\":"
		"\"2026-11-22T12:00:00.000001123Z\",\"severity_number\":17,\"severity_text\":\"ERROR\",\"body\":"
		"{\"text\":\"it \\\"broke\\\"\\n\"},\"event_name\":\"order.failed\",\"trace_id\":"
		"\"5b8efff798038103d269b633813fc60c\",\"span_id\":\"eee19b7ec3c1b174\",\"trace_flags\":1,"
		"\"dropped_attributes_count\":2,\"attributes\":{\"retries\":-3,\"exception.type\":\"IOError\"},"
		"\"resource\":{\"attributes\":{\"service.name\":\"shop\"}},\"scope\":{\"attributes\":{}}}\n");
}

/* The second line copies what the first one wrote of the resource. */
static void a_record_that_says_little_is_a_short_line(void **state)
{
	struct made m;
	size_t record;

	(void)state;
	begin(&m);
	put_bytes(&m.request, 2, "", 0);
	record = m.request.size;
	put_number(&m.request, 2, 10);
	put_fixed64(&m.request, 11, TIME);
	put_bytes(&m.request, 9, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	put_wrap(&m.request, record, 2);
	wrap_records(&m.request);
	expect_lines(&m, OTLP_LOG_ECS,
		"{\"service.name\":\"shop\"}\n{\"@timestamp\":\"2026-11-22T12:00:00.000000123Z\","
		"\"log.level\":\"info\",\"event.severity\":10,\"service.name\":\"shop\"}\n");
}

static void lines_without_resource_and_scope_have_no_comma_too_many(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	for (int i = 0; i < 2; i++) {
		size_t record = m.request.size;
		wrap_text(&m.request, 5, "a");
		put_attribute(&m.request, 6, "k", "v");
		put_wrap(&m.request, record, 2);
	}
	put_wrap(&m.request, 0, 2);
	put_wrap(&m.request, 0, 1);
	expect_lines(&m, OTLP_LOG_ECS, "{\"message\":\"a\",\"k\":\"v\"}\n{\"message\":\"a\",\"k\":\"v\"}\n");
}

/* Elasticsearch refuses a document that has a name twice. */
static void a_name_that_is_taken_gives_way(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	for (int i = 0; i < 2; i++) {
		size_t record = m.request.size;
		wrap_text(&m.request, 5, "a");
		put_attribute(&m.request, 6, "message", "own");
		put_attribute(&m.request, 6, "service.name", "other");
		put_attribute(&m.request, 6, "k", "first");
		put_attribute(&m.request, 6, "k", "second");
		put_attribute(&m.request, 6, "message", "again");
		put_attribute(&m.request, 6, "deployment.environment", "old");
		put_attribute(&m.request, 6, "deployment.environment.name", "new");
		put_wrap(&m.request, record, 2);
	}
	wrap_records(&m.request);
	assert_int_equal(make_of(&m, OTLP_LOG_ECS, SIZE_MAX), OTLP_OK);
	assert_string_equal(m.lines + m.size / 2, m.lines + m.size - m.size / 2);
	assert_memory_equal(m.lines, m.lines + m.size / 2, m.size / 2);
	assert_string_equal(m.lines + m.size / 2,
		"{\"message\":\"a\",\"service.name\":\"shop\",\"attributes.message\":\"own\","
		"\"attributes.service.name\":\"other\",\"k\":\"first\",\"service.environment\":\"old\","
		"\"deployment.environment.name\":\"new\"}\n");
	assert_int_equal(m.plan.repeated, 4);
	done(&m);
}

/* One record whose body is what `put` writes as an AnyValue. */
static void expect_body(void (*put)(struct buffer *), enum otlp_log_form form, const char *expected)
{
	struct made m;
	char line[512];

	begin(&m);
	put(&m.request);
	put_wrap(&m.request, 0, 5);
	put_wrap(&m.request, 0, 2);
	put_wrap(&m.request, 0, 2);
	put_wrap(&m.request, 0, 1);
	snprintf(line, sizeof line, "{%s}\n", expected);
	if (form == OTLP_LOG_OTEL)
		snprintf(line, sizeof line,
			"{\"body\":{%s},\"attributes\":{},\"resource\":{\"attributes\":{}},\"scope\":{\"attributes\":"
			"{}}}\n",
			expected);
	expect_lines(&m, form, line);
}

static void put_int(struct buffer *b)
{
	put_number(b, 3, (uint64_t)INT64_MIN);
}

static void put_true(struct buffer *b)
{
	put_number(b, 2, 1);
}

static void put_half(struct buffer *b)
{
	put_fixed64(b, 4, 0x3fe0000000000000u);
}

static void put_infinity(struct buffer *b)
{
	put_fixed64(b, 4, 0xfff0000000000000u);
}

static void put_octets(struct buffer *b)
{
	put_bytes(b, 7, "\0\1\2\3", 4);
}

static void put_map(struct buffer *b)
{
	size_t pair = b->size, any;

	put_attribute(b, 1, "a", "1");
	put_attribute(b, 1, "a", "2");
	pair = b->size;
	put_text(b, 1, "in");
	any = b->size;
	put_attribute(b, 1, "a", "3");
	put_wrap(b, any, 6);
	put_wrap(b, any, 2);
	put_wrap(b, pair, 1);
	put_wrap(b, 0, 6);
}

static void put_array(struct buffer *b)
{
	size_t at = b->size;

	put_number(b, 3, 7);
	put_wrap(b, at, 1);
	put_bytes(b, 1, "", 0);
	put_wrap(b, at, 5);
}

static void a_body_of_each_kind_has_its_member(void **state)
{
	static const struct {
		void (*put)(struct buffer *);
		const char *ecs, *otel;
	} rows[] = {
		{ put_int, "\"message\":\"-9223372036854775808\"", "\"text\":\"-9223372036854775808\"" },
		{ put_true, "\"message\":\"true\"", "\"text\":\"true\"" },
		{ put_half, "\"message\":\"0.5\"", "\"text\":\"0.5\"" },
		{ put_infinity, "\"message\":\"-Infinity\"", "\"text\":\"-Infinity\"" },
		{ put_octets, "\"body\":\"AAECAw==\"", "\"text\":\"AAECAw==\"" },
		{ put_map, "\"body\":{\"a\":\"1\",\"in\":{\"a\":\"3\"}}",
			"\"structured\":{\"a\":\"1\",\"in\":{\"a\":\"3\"}}" },
		{ put_array, "\"body\":[7,null]", "\"structured\":{\"value\":[7,null]}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		expect_body(rows[i].put, OTLP_LOG_ECS, rows[i].ecs);
		expect_body(rows[i].put, OTLP_LOG_OTEL, rows[i].otel);
	}
}

static void text_that_is_not_utf8_is_mended(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	wrap_text(&m.request, 5, "a\xff\"\x01");
	put_attribute(&m.request, 6, "\xc3", "\xe2\x82\xac");
	put_wrap(&m.request, 0, 2);
	put_wrap(&m.request, 0, 2);
	put_wrap(&m.request, 0, 1);
	assert_int_equal(make_of(&m, OTLP_LOG_ECS, SIZE_MAX), OTLP_OK);
	assert_string_equal(m.lines, "{\"message\":\"a\xef\xbf\xbd\\\"\\u0001\",\"\xef\xbf\xbd\":\"\xe2\x82\xac\"}\n");
	assert_int_equal(m.plan.texts, 2);
	done(&m);
}

static void put_with_id(struct buffer *b, unsigned field, size_t size)
{
	size_t record = b->size;

	put_bytes(b, field, TRACE, size);
	put_wrap(b, record, 2);
}

static void a_record_with_an_id_of_the_wrong_size_is_refused_alone(void **state)
{
	static const struct {
		unsigned field;
		size_t size;
		enum otlp_fault fault;
	} rows[] = { { 9, 15, OTLP_LOG_TRACE_ID }, { 9, 8, OTLP_LOG_TRACE_ID }, { 10, 16, OTLP_LOG_SPAN_ID },
		{ 10, 1, OTLP_LOG_SPAN_ID } };
	char told[256];
	struct made m;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin(&m);
		put_full_record(&m.request);
		put_with_id(&m.request, rows[i].field, rows[i].size);
		put_full_record(&m.request);
		wrap_records(&m.request);
		assert_int_equal(make_of(&m, OTLP_LOG_ECS, SIZE_MAX), OTLP_OK);
		assert_int_equal(m.plan.records, 2);
		assert_int_equal(m.plan.refused, 1);
		assert_int_equal(m.plan.number, 2);
		assert_int_equal(m.plan.fault, rows[i].fault);
		otlp_logs_tell(&m.plan, told, sizeof told);
		assert_non_null(strstr(told, "1 of 3 log records refused; the first is record 2: a "));
		done(&m);
	}
}

/* Whatever is cut off, the request is refused as a whole, or what is left of it is a message. */
static void a_request_that_is_cut_is_no_message(void **state)
{
	struct made m;
	size_t whole, refused = 0;

	(void)state;
	begin(&m);
	put_full_record(&m.request);
	wrap_records(&m.request);
	whole = m.request.size;
	for (size_t size = 1; size < whole; size++) {
		m.request.size = size;
		refused += make_of(&m, OTLP_LOG_ECS, SIZE_MAX) == OTLP_WIRE;
		free(m.lines);
		m.lines = NULL;
	}
	assert_int_equal(refused, whole - 1);
	done(&m);
}

/* 20,000 records of two bytes with a resource of 60 kB would be more than a gigabyte. */
static void lines_have_a_ceiling(void **state)
{
	struct made m;
	char *large = malloc(60001);
	size_t mark;

	(void)state;
	begin(&m);
	memset(large, 'x', 60000);
	large[60000] = '\0';
	put_attribute(&m.request, 1, "k", large);
	put_wrap(&m.request, 0, 1);
	mark = m.request.size;
	for (int i = 0; i < 20000; i++)
		put_bytes(&m.request, 2, "", 0);
	put_wrap(&m.request, mark, 2);
	put_wrap(&m.request, 0, 1);
	assert_int_equal(make_of(&m, OTLP_LOG_ECS, 1 << 20), OTLP_OK);
	assert_true(m.plan.room > 1 << 20 && m.plan.room < 2 << 20);
	free(large);
	done(&m);
}

/* Deeper than OTLP_LEVELS_MAX a value is null, and what stands around it stays. */
static void a_value_nested_too_deep_is_null(void **state)
{
	struct made m;
	json_t *line;

	(void)state;
	begin(&m);
	put_number(&m.request, 3, 1);
	for (int i = 0; i < OTLP_LEVELS_MAX + 2; i++) {
		put_wrap(&m.request, 0, 1);
		put_wrap(&m.request, 0, 5);
	}
	put_wrap(&m.request, 0, 5);
	put_wrap(&m.request, 0, 2);
	put_wrap(&m.request, 0, 2);
	put_wrap(&m.request, 0, 1);
	assert_int_equal(make_of(&m, OTLP_LOG_ECS, SIZE_MAX), OTLP_OK);
	assert_int_equal(m.plan.values, 1);
	assert_non_null(strstr(m.lines, "[null]"));
	line = json_loads(m.lines, 0, NULL);
	assert_non_null(line);
	json_decref(line);
	done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_has_the_names_of_ecs),
		cmocka_unit_test(a_record_has_the_names_of_the_data_model),
		cmocka_unit_test(a_record_that_says_little_is_a_short_line),
		cmocka_unit_test(lines_without_resource_and_scope_have_no_comma_too_many),
		cmocka_unit_test(a_name_that_is_taken_gives_way),
		cmocka_unit_test(a_body_of_each_kind_has_its_member),
		cmocka_unit_test(text_that_is_not_utf8_is_mended),
		cmocka_unit_test(a_record_with_an_id_of_the_wrong_size_is_refused_alone),
		cmocka_unit_test(a_request_that_is_cut_is_no_message),
		cmocka_unit_test(lines_have_a_ceiling),
		cmocka_unit_test(a_value_nested_too_deep_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
