/*
 * What a client reads in answers of gRPC: status, message, details, and the message of the body.
 */
#include "proto/grpc_answer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/gzip.h"
#include "proto/otlp_build.h"
#include "unit/unit.h"

/* Status { code 14, details: RetryInfo { 2 s } }, as Go writes it. */
#define DETAILS_2S "CA4aMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAg"

static const struct {
	const char *lines[4];
	int status;
	int64_t retry_ms;
	const char *said;
} heads[] = {
	{ { "HTTP/2 200 \r\n", "content-type: application/grpc\r\n" }, GRPC_STATUS_NONE, -1, "" },
	{ { "grpc-status: 0\r\n" }, GRPC_STATUS_OK, -1, "" },
	{ { "Grpc-Status:14\r\n", "grpc-message: try later\r\n" }, GRPC_STATUS_UNAVAILABLE, -1, "try later" },
	{ { "grpc-status: 13", "grpc-message: na%C3%AFve 100%25 %zz %" }, GRPC_STATUS_INTERNAL, -1,
		"na\xc3\xafve 100% %zz %" },
	{ { "grpc-status: 2", "grpc-message: a%0Ab%00c%1b[31m%ff" }, GRPC_STATUS_UNKNOWN, -1, "a b c [31m?" },
	{ { "grpc-status: 16" }, GRPC_STATUS_UNAUTHENTICATED, -1, "" },
	{ { "grpc-status: 99" }, 99, -1, "" },
	{ { "grpc-status: " }, GRPC_STATUS_UNKNOWN, -1, "" },
	{ { "grpc-status: -1" }, GRPC_STATUS_UNKNOWN, -1, "" },
	{ { "grpc-status: 99999999999999999999" }, GRPC_STATUS_UNKNOWN, -1, "" },
	{ { "grpc-status: 14", "grpc-status: 8" }, GRPC_STATUS_RESOURCE_EXHAUSTED, -1, "" },
	{ { "grpc-statusx: 14", "xgrpc-status: 8", "grpc-status" }, GRPC_STATUS_NONE, -1, "" },
	{ { "grpc-status: 8", "grpc-status-details-bin: " DETAILS_2S "\r\n" }, GRPC_STATUS_RESOURCE_EXHAUSTED, 2000,
		"" },
	{ { "grpc-status: 8", "grpc-status-details-bin: " DETAILS_2S "==\r\n" }, GRPC_STATUS_RESOURCE_EXHAUSTED, 2000,
		"" },
	{ { "grpc-status: 8", "grpc-status-details-bin: CAgSBWZ1bGwu" }, GRPC_STATUS_RESOURCE_EXHAUSTED, -1, "" },
	{ { "grpc-status: 8", "grpc-status-details-bin: !!" }, GRPC_STATUS_RESOURCE_EXHAUSTED, -1, "" },
	{ { "grpc-status: 8", "grpc-status-details-bin: " }, GRPC_STATUS_RESOURCE_EXHAUSTED, -1, "" },
};

static void heads_and_trailers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct grpc_answer a;
		grpc_answer_init(&a);
		for (size_t k = 0; k < COUNT_OF(heads[i].lines) && heads[i].lines[k]; k++)
			grpc_answer_line(&a, bytes_of(heads[i].lines[k]));
		if (a.status != heads[i].status || a.retry_ms != heads[i].retry_ms)
			fail_msg("case %zu: status %d, retry in %lld ms", i, a.status, (long long)a.retry_ms);
		assert_string_equal(a.said, heads[i].said);
	}
}

/* The line of the details in which RetryInfo has these bytes as its delay. */
static void write_details(struct bytes delay, char *to)
{
	char status[256];
	struct otlp_build b = { status, sizeof status, 0 };
	size_t any = otlp_build_begin(&b, 3), info;

	otlp_build_text(&b, 1, bytes_of("type.googleapis.com/google.rpc.RetryInfo"));
	info = otlp_build_begin(&b, 2);
	otlp_build_bytes(&b, 1, delay);
	otlp_build_end(&b, info);
	otlp_build_end(&b, any);
	to = stpcpy(to, "grpc-status-details-bin: ");
	for (size_t i = 0; i < b.size; i += 3, to += BASE64_GROUP)
		base64_group((const unsigned char *)status + i, b.size - i < 3 ? b.size - i : 3, to);
}

static void retry_info(void **state)
{
	static const struct {
		struct bytes delay; /* Duration */
		int64_t ms;
	} cases[] = {
		{ { "", 0 }, 0 },
		{ { "\x08\x01", 2 }, 1000 },
		{ { "\x10\x80\xca\xb5\xee\x01", 6 }, 500 },
		{ { "\x08\x02\x10\x80\xca\xb5\xee\x01", 8 }, 2500 },
		{ { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, 0 }, /* -1 s */
		{ { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10 }, INT64_C(31536000000) },
		{ { "\x08", 1 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char line[512];
		struct grpc_answer a;
		write_details(cases[i].delay, line);
		grpc_answer_init(&a);
		grpc_answer_line(&a, bytes_of(line));
		if (a.retry_ms != cases[i].ms)
			fail_msg("case %zu: %lld ms, not %lld", i, (long long)a.retry_ms, (long long)cases[i].ms);
	}
}

static void assert_message(bool gzip, struct bytes body, int failed, const char *text)
{
	struct grpc_answer a;
	struct bytes message = { NULL, 0 };
	struct buffer room;

	grpc_answer_init(&a);
	grpc_answer_line(&a, bytes_of(gzip ? "grpc-encoding: gzip\r\n" : "grpc-encoding: identity\r\n"));
	buffer_init(&room, GRPC_MESSAGE_MAX);
	assert_int_equal(grpc_answer_message(&a, body, &room, &message), failed);
	if (!failed)
		assert_true(bytes_are(message, text));
	buffer_done(&room);
}

static void messages(void **state)
{
	(void)state;
	assert_message(false, (struct bytes){ NULL, 0 }, 0, "");
	assert_message(false, (struct bytes){ "\0\0\0\0\0", 5 }, 0, "");
	assert_message(true, (struct bytes){ "\0\0\0\0\3abc", 8 }, 0, "abc");
	assert_message(false, (struct bytes){ "\0\0\0\0", 4 }, -EBADMSG, NULL);
	assert_message(false, (struct bytes){ "\0\0\0\0\4abc", 8 }, -EBADMSG, NULL);
	assert_message(false, (struct bytes){ "\0\0\0\0\1abc", 8 }, -EBADMSG, NULL);
	assert_message(false, (struct bytes){ "\2\0\0\0\3abc", 8 }, -EBADMSG, NULL);
	assert_message(false, (struct bytes){ "\1\0\0\0\3abc", 8 }, -EBADMSG, NULL); /* in what coding? */
	assert_message(true, (struct bytes){ "\1\0\0\0\3abc", 8 }, -EBADMSG, NULL);
	assert_message(true, (struct bytes){ "\1\0\0\0\0", 5 }, -EBADMSG, NULL);
}

static void packed(struct buffer *to, size_t size)
{
	struct gzip *z = gzip_new();
	char *text = oxp_new(size + 1);
	char head[GRPC_HEAD_SIZE];

	memset(text, 'a', size);
	buffer_init(to, 1 << 20);
	assert_int_equal(buffer_append(to, head, sizeof head), 0);
	assert_int_equal(gzip_begin(z, to), 0);
	assert_int_equal(gzip_feed(z, text, size), 0);
	assert_int_equal(gzip_end(z), 0);
	grpc_head_write(true, (uint32_t)(to->size - GRPC_HEAD_SIZE), to->data);
	gzip_free(z);
	free(text);
}

/* As Go's servers answer a compressed request, whatever the client says that it takes. */
static void messages_in_gzip(void **state)
{
	struct buffer body;

	(void)state;
	packed(&body, 3);
	assert_message(true, buffer_bytes(&body), 0, "aaa");
	buffer_done(&body);
	packed(&body, 0);
	assert_message(true, buffer_bytes(&body), 0, "");
	buffer_done(&body);
	packed(&body, GRPC_MESSAGE_MAX + 1);
	assert_message(true, buffer_bytes(&body), -EFBIG, NULL);
	buffer_done(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_and_trailers),
		cmocka_unit_test(retry_info),
		cmocka_unit_test(messages),
		cmocka_unit_test(messages_in_gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
