/*
 * The answers of OTLP/HTTP: read whatever they hold and within their memory, and written byte for byte.
 */
#include "unit/unit.h"

#include <errno.h>

#include "proto/otlp_response.h"
#include "unit/proto/otlp_builder.h"

enum { ROOM = 2 << 20 };

static int parse(const struct buffer *b, uint64_t *rejected, char message[16])
{
	*rejected = 77;
	memcpy(message, "before", sizeof "before");
	return otlp_response_parse(buffer_bytes(b), rejected, message, 16);
}

static void full_success_is_empty(void **state)
{
	struct buffer b;
	uint64_t rejected;
	char message[16];

	(void)state;
	buffer_init(&b, ROOM);
	assert_int_equal(otlp_response_write(0, "", &b), 0);
	assert_int_equal(b.size, 0);
	assert_int_equal(parse(&b, &rejected, message), 0);
	assert_int_equal(rejected, 0);
	assert_string_equal(message, "");
	buffer_done(&b);
}

static void partial_success_is_read(void **state)
{
	struct buffer b;
	uint64_t rejected;
	char message[16];

	(void)state;
	buffer_init(&b, ROOM);
	put_number(&b, 1, 12);
	put_text(&b, 2, "a message longer than its room");
	put_text(&b, 9, "unknown");
	put_wrap(&b, 0, 1);
	assert_int_equal(parse(&b, &rejected, message), 0);
	assert_int_equal(rejected, 12);
	assert_string_equal(message, "a message longe");
	buffer_clear(&b);
	put_number(&b, 1, (uint64_t)-5);
	put_wrap(&b, 0, 1);
	assert_int_equal(parse(&b, &rejected, message), 0);
	assert_int_equal(rejected, 0);
	buffer_clear(&b);
	assert_int_equal(otlp_response_write(3, "late", &b), 0);
	assert_true(bytes_equal(buffer_bytes(&b), (struct bytes){ "\x0a\x08\x08\x03\x12\x04late", 10 }));
	buffer_done(&b);
}

static void other_bytes_are_no_answer(void **state)
{
	struct buffer b;
	uint64_t rejected;
	char message[16];

	(void)state;
	buffer_init(&b, ROOM);
	put_raw(&b, "<html>", 6);
	assert_int_equal(parse(&b, &rejected, message), -EBADMSG);
	assert_int_equal(rejected, 0);
	assert_string_equal(message, "");
	buffer_clear(&b);
	put_raw(&b, "\x0a\x05\x08", 3);
	assert_int_equal(parse(&b, &rejected, message), -EBADMSG);
	buffer_done(&b);
}

static void unknown_bytes(struct buffer *b, size_t size)
{
	char *to;

	buffer_clear(b);
	put_tag(b, 15, 2);
	put_varint(b, size);
	to = buffer_reserve(b, size);
	assert_non_null(to);
	memset(to, 0, size);
	b->size += size;
}

/* A megabyte of unknown fields would take tens of megabytes to keep. */
static void memory_has_a_ceiling(void **state)
{
	struct buffer b;
	uint64_t rejected;
	char message[16];

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < 1000; i++)
		put_number(&b, 15, 1);
	assert_int_equal(parse(&b, &rejected, message), 0);
	while (b.size < OTLP_RESPONSE_MAX)
		put_number(&b, 15, 1);
	assert_int_equal(parse(&b, &rejected, message), -EBADMSG);
	unknown_bytes(&b, OTLP_RESPONSE_MAX - 5);
	assert_int_equal(parse(&b, &rejected, message), 0);
	unknown_bytes(&b, OTLP_RESPONSE_MAX);
	assert_int_equal(parse(&b, &rejected, message), -EBADMSG);
	buffer_done(&b);
}

static void a_status_is_written(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	assert_int_equal(otlp_status_write(3, "no", &b), 0);
	assert_true(bytes_equal(buffer_bytes(&b), (struct bytes){ "\x08\x03\x12\x02no", 6 }));
	buffer_clear(&b);
	assert_int_equal(otlp_status_write(0, "", &b), 0);
	assert_int_equal(b.size, 0);
	buffer_done(&b);
}

#define PARTIAL "\x0a\x08\x08\x03\x12\x04late"
#define PROTOBUF "application/x-protobuf"
#define JSON "application/json"

static const struct {
	const char *type, *body;
	int failed;
	uint64_t rejected;
	const char *message;
} answers[] = {
	{ PROTOBUF, "", 0, 0, "" },
	{ "Application/X-Protobuf; charset=utf-8", "", 0, 0, "" },
	{ "application/protobuf", PARTIAL, 0, 3, "late" },
	{ "application/octet-stream", "", 0, 0, "" },
	{ "", "", 0, 0, "" },
	{ "", PARTIAL, 0, 3, "late" },
	{ JSON, "{}", 0, 0, "" },
	{ JSON, "", 0, 0, "" }, /* as Prometheus and others have it, and the Collector takes it */
	{ JSON "; charset=utf-8", "", 0, 0, "" },
	{ JSON "; charset=utf-8", " {\"partialSuccess\":{}}\n", 0, 0, "" },
	{ JSON, "{\"partialSuccess\":null}", 0, 0, "" },
	{ JSON, "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"late\"}}", 0, 3, "late" },
	{ JSON, "{\"partialSuccess\":{\"rejectedSpans\":3}}", 0, 3, "" },
	{ JSON, "{\"partialSuccess\":{\"rejectedSpans\":\"9223372036854775807\"}}", 0, INT64_MAX, "" },
	{ JSON, "{\"partialSuccess\":{\"rejectedSpans\":\"9223372036854775808\"}}", 0, 0, "" },
	{ JSON, "{\"partialSuccess\":{\"rejectedSpans\":-3,\"errorMessage\":7}}", 0, 0, "" },
	/* a portal, a proxy, another service */
	{ "text/html", "<html><body>Log in</body></html>", -EBADMSG, 0, "" },
	{ "text/html; charset=utf-8", "", -EBADMSG, 0, "" },
	{ "", "<html><body>Log in</body></html>", -EBADMSG, 0, "" },
	{ PROTOBUF, "<html><body>Log in</body></html>", -EBADMSG, 0, "" },
	{ "text/plain", "", -EBADMSG, 0, "" },
	{ "text/plain", "OK", -EBADMSG, 0, "" },
	{ "", "OK", -EBADMSG, 0, "" },
	{ "application/x-protobuffer", "", -EBADMSG, 0, "" },
	{ JSON, " ", -EBADMSG, 0, "" },
	{ JSON, "[]", -EBADMSG, 0, "" },
	{ JSON, "{\"error\":\"log in\"}", -EBADMSG, 0, "" },
	{ JSON, "{\"partialSuccess\":true}", -EBADMSG, 0, "" },
	{ JSON, "{} {}", -EBADMSG, 0, "" },
	{ PROTOBUF, "{\"partialSuccess\":{}}", -EBADMSG, 0, "" },
};

static void an_answer_is_known_by_its_type_and_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		uint64_t rejected = 77;
		char message[16] = "before";
		if (otlp_answer_parse(answers[i].type, bytes_of(answers[i].body), &rejected, message, sizeof message) !=
			answers[i].failed)
			fail_msg("row %zu", i);
		assert_int_equal(rejected, answers[i].rejected);
		assert_string_equal(message, answers[i].message);
	}
}

static void a_full_buffer_is_left_alone(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 5);
	assert_int_equal(otlp_status_write(3, "no", &b), -ENOSPC);
	assert_int_equal(otlp_response_write(3, "no", &b), -ENOSPC);
	assert_int_equal(b.size, 0);
	buffer_done(&b);
}

static int parse_status(const struct buffer *b, char message[16])
{
	memcpy(message, "before", sizeof "before");
	return otlp_status_parse(buffer_bytes(b), message, 16);
}

static void the_message_of_a_status_is_read(void **state)
{
	struct buffer b;
	char message[16];

	(void)state;
	buffer_init(&b, ROOM);
	assert_int_equal(otlp_status_write(3, "bad span", &b), 0);
	put_text(&b, 3, "details");
	assert_int_equal(parse_status(&b, message), 0);
	assert_string_equal(message, "bad span");
	put_text(&b, 2, "a message longer than its room");
	assert_int_equal(parse_status(&b, message), 0);
	assert_string_equal(message, "a message longe");
	put_raw(&b, "\x12", 1);
	assert_int_equal(parse_status(&b, message), -EBADMSG);
	assert_string_equal(message, "");
	buffer_clear(&b);
	assert_int_equal(otlp_status_write(3, "", &b), 0);
	assert_int_equal(parse_status(&b, message), -EBADMSG);
	buffer_done(&b);
}

/* Readers of ProtoJSON take both names of a field. */
static void partial_success_may_have_its_first_name(void **state)
{
	const struct bytes body =
		bytes_of("{\"partial_success\":{\"rejected_spans\":\"2\",\"error_message\":\"late\"}}");
	uint64_t rejected;
	char message[16];

	(void)state;
	assert_int_equal(otlp_answer_parse("application/json", body, &rejected, message, sizeof message), 0);
	assert_int_equal(rejected, 2);
	assert_string_equal(message, "late");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_success_is_empty),
		cmocka_unit_test(partial_success_is_read),
		cmocka_unit_test(other_bytes_are_no_answer),
		cmocka_unit_test(memory_has_a_ceiling),
		cmocka_unit_test(a_status_is_written),
		cmocka_unit_test(an_answer_is_known_by_its_type_and_bytes),
		cmocka_unit_test(a_full_buffer_is_left_alone),
		cmocka_unit_test(the_message_of_a_status_is_read),
		cmocka_unit_test(partial_success_may_have_its_first_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
