/*
 * Which answers to an OTLP request are tried again, by the tables of the specification, and what else they mean.
 */
#include "exporters/otlp_answer.h"

#include <stdio.h>

#include "unit/unit.h"

#define PROTOBUF "application/x-protobuf"
#define GRPC "application/grpc"
#define REFUSED_3 "\x0a\x06\x08\x03\x12\x02no" /* ExportTraceServiceResponse: 3 rejected, "no" */

static const struct {
	enum http_end end;
	unsigned status;
	enum outcome outcome;
	bool is_out;
	unsigned refusal;
	const char *type, *body;
} over_http[] = {
	{ HTTP_END_ANSWER, 200, DELIVERED, .type = PROTOBUF },
	{ HTTP_END_ANSWER, 200, DELIVERED, .type = "" },
	{ HTTP_END_ANSWER, 202, DELIVERED, .type = PROTOBUF },
	{ HTTP_END_ANSWER, 200, RETRY, .type = "text/html", .body = "<p>log in" },
	{ HTTP_END_ANSWER, 200, RETRY, .type = PROTOBUF, .body = "\xff" },
	{ HTTP_END_ANSWER, 302, RETRY },
	{ HTTP_END_ANSWER, 400, REJECTED },
	{ HTTP_END_ANSWER, 401, RETRY, .refusal = 401 },
	{ HTTP_END_ANSWER, 403, FAILED, .refusal = 403 },
	{ HTTP_END_ANSWER, 404, REJECTED },
	{ HTTP_END_ANSWER, 405, REJECTED },
	{ HTTP_END_ANSWER, 407, RETRY },
	{ HTTP_END_ANSWER, 408, REJECTED },
	{ HTTP_END_ANSWER, 413, SPLIT },
	{ HTTP_END_ANSWER, 422, REJECTED },
	{ HTTP_END_ANSWER, 429, RETRY },
	{ HTTP_END_ANSWER, 500, REJECTED },
	{ HTTP_END_ANSWER, 501, REJECTED },
	{ HTTP_END_ANSWER, 502, UNANSWERED, true },
	{ HTTP_END_ANSWER, 503, RETRY, true },
	{ HTTP_END_ANSWER, 504, UNANSWERED, true },
	{ HTTP_END_ANSWER, 505, REJECTED },
	{ HTTP_END_ANSWER, 511, RETRY },
	{ HTTP_END_CONNECT, 0, RETRY, true },
	{ HTTP_END_BROKEN, 0, UNANSWERED, true },
	{ HTTP_END_BROKEN, 200, UNANSWERED, true, .type = PROTOBUF },
	{ HTTP_END_TIMEOUT, 0, UNANSWERED, true },
	{ HTTP_END_NO_ROOM, 200, RETRY, .type = PROTOBUF },
	{ HTTP_END_CODING, 200, RETRY, .type = PROTOBUF },
	{ HTTP_END_CODING, 400, REJECTED },
	{ HTTP_END_TOO_LARGE, 200, REJECTED, .type = PROTOBUF },
	{ HTTP_END_TOO_LARGE, 429, RETRY },
};

static struct http_reply reply_of(enum http_end end, unsigned status, const char *type, struct bytes body)
{
	return (struct http_reply){ .end = end,
		.status = status,
		.error = end == HTTP_END_ANSWER ? "" : "it broke",
		.content_type = type ? type : "text/plain",
		.body = body,
		.retry_after_ms = -1 };
}

static void answers_over_http(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(over_http); i++) {
		const char *body = over_http[i].body ? over_http[i].body : "";
		struct http_reply r =
			reply_of(over_http[i].end, over_http[i].status, over_http[i].type, bytes_of(body));
		struct otlp_verdict v;
		otlp_judge_http(&r, &v);
		if (v.outcome != over_http[i].outcome || v.is_out != over_http[i].is_out ||
			v.refusal != over_http[i].refusal || (v.outcome != DELIVERED && !*v.reason))
			fail_msg("case %zu: outcome %d, out %d, refusal %u: %s", i, v.outcome, v.is_out, v.refusal,
				v.reason);
		assert_int_equal(v.not_before_ms, -1);
	}
}

static void a_wait_that_http_asks_for(void **state)
{
	struct http_reply r = reply_of(HTTP_END_ANSWER, 503, NULL, bytes_of(""));
	struct otlp_verdict v;

	(void)state;
	r.retry_after_ms = 7000;
	otlp_judge_http(&r, &v);
	assert_int_equal(v.not_before_ms, 7000);
}

static void partial_success(void **state)
{
	struct http_reply r = reply_of(HTTP_END_ANSWER, 200, PROTOBUF, bytes_of(REFUSED_3));
	struct bytes framed = { "\0\0\0\0\x8" REFUSED_3, 13 };
	struct otlp_asked asked = { 1, 100 };
	struct grpc_answer a;
	struct otlp_verdict v;

	(void)state;
	otlp_judge_http(&r, &v);
	assert_int_equal(v.outcome, DELIVERED);
	assert_int_equal(v.refused, 3);
	assert_string_equal(v.reason, "no");
	grpc_answer_init(&a);
	a.status = GRPC_STATUS_OK;
	r = reply_of(HTTP_END_ANSWER, 200, GRPC, framed);
	otlp_judge_grpc(&r, &a, &asked, &v);
	assert_int_equal(v.outcome, DELIVERED);
	assert_int_equal(v.refused, 3);
	assert_string_equal(v.reason, "no");
}

/* The codes of gRPC ("OTLP/gRPC Response", Failures). The credentials are our own rule. */
static const struct {
	int status;
	enum outcome outcome, with_retry_info;
	bool is_out;
	unsigned refusal;
} codes[] = {
	{ GRPC_STATUS_OK, DELIVERED, DELIVERED },
	{ GRPC_STATUS_CANCELLED, UNANSWERED, UNANSWERED },
	{ GRPC_STATUS_UNKNOWN, REJECTED, REJECTED },
	{ GRPC_STATUS_INVALID_ARGUMENT, REJECTED, REJECTED },
	{ GRPC_STATUS_DEADLINE_EXCEEDED, UNANSWERED, UNANSWERED },
	{ GRPC_STATUS_NOT_FOUND, REJECTED, REJECTED },
	{ GRPC_STATUS_ALREADY_EXISTS, REJECTED, REJECTED },
	{ GRPC_STATUS_PERMISSION_DENIED, FAILED, FAILED, .refusal = 403 },
	{ GRPC_STATUS_RESOURCE_EXHAUSTED, REJECTED, RETRY },
	{ GRPC_STATUS_FAILED_PRECONDITION, REJECTED, REJECTED },
	{ GRPC_STATUS_ABORTED, FAILED, FAILED },
	{ GRPC_STATUS_OUT_OF_RANGE, FAILED, FAILED },
	{ GRPC_STATUS_UNIMPLEMENTED, REJECTED, REJECTED },
	{ GRPC_STATUS_INTERNAL, REJECTED, REJECTED },
	{ GRPC_STATUS_UNAVAILABLE, RETRY, RETRY, .is_out = true },
	{ GRPC_STATUS_DATA_LOSS, FAILED, FAILED },
	{ GRPC_STATUS_UNAUTHENTICATED, RETRY, RETRY, .refusal = 401 },
	{ GRPC_STATUSES, REJECTED, REJECTED },
};

static void codes_of_grpc(void **state)
{
	struct http_reply r = reply_of(HTTP_END_ANSWER, 200, GRPC, bytes_of(""));
	struct otlp_asked asked = { 10, 1000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		for (int again = 0; again < 2; again++) {
			struct grpc_answer a;
			struct otlp_verdict v;
			grpc_answer_init(&a);
			a.status = codes[i].status;
			a.retry_ms = again ? 3000 : -1;
			snprintf(a.said, sizeof a.said, "%s", "words");
			otlp_judge_grpc(&r, &a, &asked, &v);
			if (v.outcome != (again ? codes[i].with_retry_info : codes[i].outcome) ||
				v.is_out != (codes[i].is_out && !again) || v.refusal != codes[i].refusal)
				fail_msg("status %d: outcome %d, out %d, refusal %u", a.status, v.outcome, v.is_out,
					v.refusal);
			assert_int_equal(v.not_before_ms, again ? 3000 : -1);
			assert_true(v.outcome == DELIVERED || strstr(v.reason, ": words"));
		}
}

/* A message may be over a limit of the server, which it tells in one way or another. */
static void messages_that_are_too_large(void **state)
{
	static const struct {
		int status;
		enum http_end end;
		size_t items, bytes;
		const char *said;
		enum outcome outcome;
	} cases[] = {
		{ GRPC_STATUS_RESOURCE_EXHAUSTED, HTTP_END_ANSWER, 9, OTLP_GRPC_LARGE, "", SPLIT },
		{ GRPC_STATUS_RESOURCE_EXHAUSTED, HTTP_END_ANSWER, 9, OTLP_GRPC_LARGE - 1, "quota", REJECTED },
		{ GRPC_STATUS_RESOURCE_EXHAUSTED, HTTP_END_ANSWER, 9, 5000,
			"grpc: received message larger than max (5000 vs. 4096)", SPLIT },
		{ GRPC_STATUS_RESOURCE_EXHAUSTED, HTTP_END_ANSWER, 9, 5000,
			"gRPC message exceeds maximum size 4096: 5000", SPLIT },
		{ GRPC_STATUS_RESOURCE_EXHAUSTED, HTTP_END_STREAM, 9, OTLP_GRPC_LARGE, "", SPLIT },
		{ GRPC_STATUS_UNAVAILABLE, HTTP_END_STREAM, 9, OTLP_GRPC_LARGE, "", RETRY },
		{ GRPC_STATUS_NONE, HTTP_END_STREAM, 9, OTLP_GRPC_LARGE, "", SPLIT },
		{ GRPC_STATUS_NONE, HTTP_END_STREAM, 9, OTLP_GRPC_LARGE - 1, "", UNANSWERED },
		{ GRPC_STATUS_NONE, HTTP_END_STREAM, 1, OTLP_GRPC_LARGE, "", UNANSWERED },
		{ GRPC_STATUS_NONE, HTTP_END_STREAM, 1, OTLP_GRPC_TOO_LARGE, "", SPLIT },
		{ GRPC_STATUS_NONE, HTTP_END_BROKEN, 9, OTLP_GRPC_TOO_LARGE, "", UNANSWERED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct http_reply r = reply_of(cases[i].end, 200, GRPC, bytes_of(""));
		struct otlp_asked asked = { cases[i].items, cases[i].bytes };
		struct grpc_answer a;
		struct otlp_verdict v;
		grpc_answer_init(&a);
		a.status = cases[i].status;
		snprintf(a.said, sizeof a.said, "%s", cases[i].said);
		otlp_judge_grpc(&r, &a, &asked, &v);
		if (v.outcome != cases[i].outcome)
			fail_msg("case %zu: outcome %d: %s", i, v.outcome, v.reason);
	}
}

/* What has no status of gRPC comes from something else, or broke off. */
static void answers_without_a_status(void **state)
{
	static const struct {
		unsigned status;
		enum http_end end;
		const char *type;
		enum outcome outcome;
		const char *word;
	} cases[] = {
		{ 200, HTTP_END_ANSWER, "text/html", RETRY, "is the endpoint right?" },
		{ 200, HTTP_END_ANSWER, "", RETRY, "is the endpoint right?" },
		{ 200, HTTP_END_ANSWER, "application/grpc+proto", UNANSWERED, "before its status" },
		{ 302, HTTP_END_ANSWER, "", RETRY, "redirect" },
		{ 404, HTTP_END_ANSWER, "text/html", REJECTED, "404" },
		{ 429, HTTP_END_ANSWER, "", RETRY, "429" },
		{ 401, HTTP_END_ANSWER, "", RETRY, "401" },
		{ 502, HTTP_END_ANSWER, "", UNANSWERED, "502" },
		{ 503, HTTP_END_ANSWER, "", RETRY, "503" },
		{ 0, HTTP_END_CONNECT, "", RETRY, "it broke" },
		{ 0, HTTP_END_BROKEN, "", UNANSWERED, "it broke" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct http_reply r = reply_of(cases[i].end, cases[i].status, cases[i].type, bytes_of(""));
		struct otlp_asked asked = { 1, 100 };
		struct grpc_answer a;
		struct otlp_verdict v;
		grpc_answer_init(&a);
		otlp_judge_grpc(&r, &a, &asked, &v);
		if (v.outcome != cases[i].outcome || !strstr(v.reason, cases[i].word))
			fail_msg("case %zu: outcome %d: %s", i, v.outcome, v.reason);
	}
}

/* It was taken, but nobody can say how much of it. */
static void messages_that_cannot_be_read(void **state)
{
	struct http_reply r = reply_of(HTTP_END_ANSWER, 200, GRPC, (struct bytes){ "\1\0\0\0\1x", 6 });
	struct otlp_asked asked = { 1, 100 };
	struct grpc_answer a;
	struct otlp_verdict v;

	(void)state;
	grpc_answer_init(&a);
	a.status = GRPC_STATUS_OK;
	otlp_judge_grpc(&r, &a, &asked, &v);
	assert_int_equal(v.outcome, REJECTED);
	r = reply_of(HTTP_END_ANSWER, 200, GRPC, (struct bytes){ "\0\0\0\0\1\xff", 6 });
	otlp_judge_grpc(&r, &a, &asked, &v);
	assert_int_equal(v.outcome, REJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_over_http),
		cmocka_unit_test(a_wait_that_http_asks_for),
		cmocka_unit_test(partial_success),
		cmocka_unit_test(codes_of_grpc),
		cmocka_unit_test(messages_that_are_too_large),
		cmocka_unit_test(answers_without_a_status),
		cmocka_unit_test(messages_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
