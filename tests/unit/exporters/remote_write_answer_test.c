/*
 * What each answer to a request of remote write means, as a table.
 */
#include "unit/unit.h"

#include "exporters/remote_write_answer.h"

static const struct {
	enum http_end end;
	unsigned status;
	bool keep_429;
	enum outcome outcome;
	unsigned refusal;
} rows[] = {
	{ HTTP_END_ANSWER, 200, true, DELIVERED, 0 },
	{ HTTP_END_ANSWER, 204, true, DELIVERED, 0 },
	{ HTTP_END_TOO_LARGE, 200, true, DELIVERED, 0 }, /* nobody reads the body */
	{ HTTP_END_CODING, 200, true, DELIVERED, 0 },
	{ HTTP_END_ANSWER, 301, true, RETRY, 0 },
	{ HTTP_END_ANSWER, 400, true, REJECTED, 0 },
	{ HTTP_END_TOO_LARGE, 400, true, REJECTED, 0 },
	{ HTTP_END_ANSWER, 401, true, REJECTED, 401 },
	{ HTTP_END_ANSWER, 403, true, REJECTED, 403 },
	{ HTTP_END_ANSWER, 404, true, REJECTED, 0 },
	{ HTTP_END_ANSWER, 413, true, REJECTED, 0 },
	{ HTTP_END_ANSWER, 415, true, REJECTED, 0 },
	{ HTTP_END_ANSWER, 429, true, RETRY, 0 },
	{ HTTP_END_ANSWER, 429, false, REJECTED, 0 },
	{ HTTP_END_ANSWER, 500, true, RETRY, 0 },
	{ HTTP_END_ANSWER, 503, false, RETRY, 0 },
	{ HTTP_END_CONNECT, 0, true, RETRY, 0 },
	{ HTTP_END_BROKEN, 0, true, RETRY, 0 },
	{ HTTP_END_BROKEN, 200, true, RETRY, 0 },
	{ HTTP_END_TIMEOUT, 0, true, RETRY, 0 },
	{ HTTP_END_NO_ROOM, 200, true, RETRY, 0 },
};

static struct http_reply reply_of(enum http_end end, unsigned status)
{
	return (struct http_reply){ .end = end,
		.status = status,
		.error = "",
		.content_type = "",
		.body = { "why", 3 },
		.retry_after_ms = 1500 };
}

static void each_answer_means_what_the_specification_says(void **state)
{
	struct remote_verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_reply reply = reply_of(rows[i].end, rows[i].status);
		remote_judge(&reply, &(struct remote_write_counts){ .samples = 10 }, NULL, rows[i].keep_429, &v);
		assert_int_equal(v.outcome, rows[i].outcome);
		assert_int_equal(v.refusal, rows[i].refusal);
		assert_int_equal(v.not_before_ms, v.outcome == RETRY ? 1500 : -1);
		assert_int_equal(v.refused, 0);
		assert_true((v.outcome == DELIVERED) == !*v.reason);
	}
}

static struct remote_written written_of(const char *const *lines)
{
	struct remote_written w = { .said = false };

	for (; *lines; lines++)
		remote_written_line(&w, bytes_of(*lines));
	return w;
}

static struct remote_verdict judge_2(unsigned status, const char *const *lines, uint64_t histograms)
{
	const struct remote_write_counts sent = { .samples = 10, .histograms = histograms };
	struct remote_written w = written_of(lines);
	struct http_reply reply = reply_of(HTTP_END_ANSWER, status);
	struct remote_verdict v;

	remote_judge(&reply, &sent, &w, true, &v);
	return v;
}

static void a_receiver_of_2_says_what_it_has_written(void **state)
{
	static const char *const all[] = { "HTTP/1.1 204 No Content\r\n",
		"x-prometheus-remote-write-samples-written:  10 \r\n", NULL };
	static const char *const some[] = { "X-Prometheus-Remote-Write-Samples-Written: 7\r\n", NULL };
	static const char *const more[] = { "X-Prometheus-Remote-Write-Samples-Written: 700\r\n", NULL };
	static const char *const others[] = { "X-Prometheus-Remote-Write-Exemplars-Written: 1\r\n", NULL };
	static const char *const bad[] = { "X-Prometheus-Remote-Write-Samples-Written: -3\r\n", NULL };
	static const char *const none[] = { "X-Prometheus-Remote-Write-Version: 2.0.0\r\n", "Server: x\r\n", NULL };
	static const char *const before[] = { "X-Prometheus-Remote-Write-Samples-Written: 9\r\n", "HTTP/1.1 400\r\n",
		NULL };
	static const struct {
		unsigned status;
		const char *const *lines;
		enum outcome outcome;
		uint64_t refused;
	} cases[] = { { 204, all, DELIVERED, 0 }, { 204, some, DELIVERED, 3 }, { 200, more, DELIVERED, 0 },
		{ 200, others, DELIVERED, 10 }, { 200, bad, DELIVERED, 10 }, { 200, none, REJECTED, 0 },
		{ 400, all, DELIVERED, 0 }, { 400, some, DELIVERED, 3 }, { 400, others, REJECTED, 0 },
		{ 400, none, REJECTED, 0 }, { 400, before, REJECTED, 0 }, { 503, some, RETRY, 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct remote_verdict v = judge_2(cases[i].status, cases[i].lines, 0);
		assert_int_equal(v.outcome, cases[i].outcome);
		assert_int_equal(v.refused, cases[i].refused);
		assert_true((v.outcome == DELIVERED && v.refused == 0 && cases[i].status / 100 == 2) == !*v.reason);
	}
}

/* Beside samples, of which each receiver has a number of its own. */
static void so_it_is_with_native_histograms(void **state)
{
	static const char samples[] = "X-Prometheus-Remote-Write-Samples-Written: 10\r\n";
	static const char *const all[] = { samples, "x-prometheus-remote-write-histograms-written: 4\r\n", NULL };
	static const char *const some[] = { samples, "X-Prometheus-Remote-Write-Histograms-Written: 1\r\n", NULL };
	static const char *const alone[] = { "X-Prometheus-Remote-Write-Histograms-Written: 400\r\n", NULL };
	static const char *const none[] = { samples, NULL };
	static const struct {
		unsigned status;
		const char *const *lines;
		uint64_t refused;
	} cases[] = { { 204, all, 0 }, { 200, some, 3 }, { 200, alone, 10 }, { 200, none, 4 }, { 400, alone, 10 },
		{ 400, some, 3 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct remote_verdict v = judge_2(cases[i].status, cases[i].lines, 4);
		assert_int_equal(v.outcome, DELIVERED);
		assert_int_equal(v.refused, cases[i].refused);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_means_what_the_specification_says),
		cmocka_unit_test(a_receiver_of_2_says_what_it_has_written),
		cmocka_unit_test(so_it_is_with_native_histograms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
