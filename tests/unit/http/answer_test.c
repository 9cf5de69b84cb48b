/*
 * What comes of an answer, without libcurl: ceilings, Retry-After, codings, turns, and a caller that wants no more.
 */
#include "http/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "unit/unit.h"

enum { MOST = 200 << 10, LONG = 100 << 10 };

/* Time goes on with every look at it. */
struct slow_clock {
	struct clock clock;
	int64_t ns, step;
};

static struct mono_time slow_mono(const struct clock *c)
{
	struct slow_clock *slow = (struct slow_clock *)c;

	slow->ns += slow->step;
	return (struct mono_time){ slow->ns };
}

struct fixture {
	struct slow_clock clock;
	struct turn turn;
	struct answers all;
	struct http_call_options options;
	struct answer answer;
	size_t pieces, taken;
	char *took; /* what came, LONG at most */
	unsigned told;
	bool refuse, give_up;
};

static bool piece(void *context, struct bytes bytes)
{
	struct fixture *f = context;

	f->pieces++;
	assert_true(f->taken + bytes.size <= LONG);
	memcpy(f->took + f->taken, bytes.data, bytes.size);
	f->taken += bytes.size;
	if (f->give_up)
		answer_give_up(&f->answer);
	return !f->refuse;
}

static void head(void *context, unsigned status, const char *type)
{
	struct fixture *f = context;

	(void)type;
	f->told = status;
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->took = malloc(LONG);
	f->clock.clock.mono = slow_mono;
	f->turn.clock = &f->clock.clock;
	f->all.turn = &f->turn;
	f->options = (struct http_call_options){
		.method = "GET", .piece = piece, .head = head, .context = f, .answer_max = MOST
	};
	answer_init(&f->answer, &f->all, &f->options);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	answer_done(&f->answer);
	free(f->took);
	free(f);
	return 0;
}

/* The lines of a head with that status, and whether the last was taken. */
static bool heads(struct fixture *f, unsigned status, const char *line)
{
	const struct answer_head known = { status, "", -1 };
	struct wall_time now = { 1700000000LL * 1000000000 };

	return answer_header(&f->answer, bytes_of("HTTP/1.1 200 OK\r\n"), &known, now) &&
	       (!line || answer_header(&f->answer, bytes_of(line), &known, now)) &&
	       answer_header(&f->answer, bytes_of("\r\n"), &known, now);
}

static struct bytes of(const char *data, size_t size)
{
	return (struct bytes){ data, size };
}

/* LONG bytes, packed. */
static struct bytes packed(char *to, size_t room)
{
	char *plain = calloc(1, LONG);
	z_stream z = { .next_in = (unsigned char *)plain,
		.avail_in = LONG,
		.next_out = (unsigned char *)to,
		.avail_out = (unsigned)room };

	for (size_t i = 0; i < LONG; i++)
		plain[i] = (char)(i * i >> 9);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	free(plain);
	return of(to, room - z.avail_out);
}

static void a_head_is_told_once_and_is_not_that_of_an_interim_answer(void **state)
{
	struct fixture *f = *state;

	assert_true(heads(f, 100, NULL));
	assert_int_equal(f->told, 0);
	assert_true(heads(f, 201, NULL));
	assert_int_equal(f->told, 201);
	f->told = 0;
	assert_true(heads(f, 201, "X-Trailer: 1\r\n"));
	assert_int_equal(f->told, 0);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->answer.retry_after_ms, -1);
	assert_true(heads(f, 503, "retry-after: 7\r\n"));
	assert_int_equal(f->answer.retry_after_ms, 7000);
	assert_true(heads(f, 503, "Retry-After: Tue, 14 Nov 2023 22:13:25 GMT\r\n")); /* now is 22:13:20 */
	assert_int_equal(f->answer.retry_after_ms, 5000);
	assert_true(heads(f, 503, "Retry-After: Tue, 14 Nov 2000 22:13:25 GMT\r\n"));
	assert_int_equal(f->answer.retry_after_ms, 0);
	assert_true(heads(f, 503, "Retry-After: 99999999999\r\n"));
	assert_int_equal(f->answer.retry_after_ms, 365LL * 86400 * 1000);
	assert_true(heads(f, 503, "Retry-After: soon\r\n"));
	assert_int_equal(f->answer.retry_after_ms, 365LL * 86400 * 1000);
}

static void ends_with(struct fixture *f, enum http_end wanted)
{
	assert_int_equal(f->answer.end, wanted);
	assert_non_null(f->answer.why);
	assert_int_equal(answer_piece(&f->answer, of("x", 1)), ANSWER_OVER);
	assert_false(heads(f, 200, NULL));
}

static void a_head_has_a_ceiling(void **state)
{
	struct fixture *f = *state;
	char *line = malloc(HTTP_ANSWER_HEAD_MAX + 2);

	memset(line, 'x', HTTP_ANSWER_HEAD_MAX + 1);
	line[HTTP_ANSWER_HEAD_MAX + 1] = '\0';
	assert_false(heads(f, 200, line));
	ends_with(f, HTTP_END_BROKEN);
	free(line);
}

static void a_body_has_a_ceiling(void **state)
{
	struct fixture *f = *state;

	f->options.answer_max = 10;
	assert_true(heads(f, 200, NULL));
	assert_int_equal(answer_piece(&f->answer, of("0123456789", 10)), ANSWER_TAKEN);
	assert_int_equal(answer_piece(&f->answer, of("0", 1)), ANSWER_OVER);
	assert_int_equal(f->taken, 10);
	ends_with(f, HTTP_END_TOO_LARGE);
}

/* What the answers of other calls hold counts, but one alone is bounded by its own ceiling. */
static void answers_that_are_collected_share_a_ceiling(void **state)
{
	struct fixture *f = *state;

	f->options.piece = NULL;
	assert_true(heads(f, 200, NULL));
	f->all.collected = ANSWER_COLLECTED_MAX - 1;
	assert_int_equal(answer_piece(&f->answer, of("0", 1)), ANSWER_TAKEN);
	assert_int_equal(f->all.collected, ANSWER_COLLECTED_MAX);
	assert_int_equal(answer_piece(&f->answer, of("0", 1)), ANSWER_OVER);
	ends_with(f, HTTP_END_NO_ROOM);
	answer_done(&f->answer);
	assert_int_equal(f->all.collected, ANSWER_COLLECTED_MAX - 1);
	answer_init(&f->answer, &f->all, &f->options);
}

static void a_refusal_is_collected_up_to_a_ceiling(void **state)
{
	struct fixture *f = *state;
	char *large = calloc(1, LONG);

	assert_true(heads(f, 503, NULL));
	assert_int_equal(answer_piece(&f->answer, of(large, LONG)), ANSWER_TAKEN);
	assert_int_equal(f->pieces, 0);
	assert_int_equal(f->answer.body.size, ANSWER_REFUSAL_MAX);
	free(large);
}

static void a_caller_that_refuses_or_gives_up_gets_no_more(void **state)
{
	struct fixture *f = *state;
	char to[LONG];
	struct bytes all = packed(to, sizeof to);

	f->give_up = true;
	assert_true(heads(f, 200, "Content-Encoding: gzip\r\n"));
	assert_int_equal(answer_piece(&f->answer, all), ANSWER_OVER);
	assert_int_equal(f->pieces, 1);
	assert_int_equal(f->answer.end, HTTP_END_ANSWER); /* it was not stopped here */
	answer_done(&f->answer);
	answer_init(&f->answer, &f->all, &f->options);
	f->give_up = false;
	f->refuse = true;
	assert_true(heads(f, 200, NULL));
	assert_int_equal(answer_piece(&f->answer, of("0", 1)), ANSWER_OVER);
	ends_with(f, HTTP_END_STOPPED);
}

/* Three looks at the clock fit a turn. The piece is given again, from its start, until all of it was taken. */
static void is_taken_in_turns(struct fixture *f, struct bytes all, bool packed)
{
	enum answer_take took = ANSWER_LATER;
	unsigned turns = 0;

	f->clock.step = TURN_US * 1000 / 3;
	for (; took == ANSWER_LATER; turns++) {
		size_t before = f->taken;
		turn_begin(&f->turn);
		took = answer_piece(&f->answer, all);
		assert_true(f->taken - before <= 3 * ANSWER_GIVEN_AT_ONCE);
		assert_int_equal(answer_is_cut_short(&f->answer), packed && f->taken < LONG);
	}
	assert_int_equal(took, ANSWER_TAKEN);
	assert_in_range(turns, LONG / (3 * ANSWER_GIVEN_AT_ONCE), LONG / ANSWER_GIVEN_AT_ONCE);
	assert_int_equal(f->taken, LONG);
	for (size_t i = 0; i < LONG; i++)
		assert_int_equal(f->took[i], (char)(i * i >> 9));
}

static void a_packed_body_is_unpacked_in_turns_each_byte_once(void **state)
{
	struct fixture *f = *state;
	char to[LONG];
	struct bytes all = packed(to, sizeof to);

	assert_true(heads(f, 200, "Content-Encoding: gzip\r\n"));
	assert_false(answer_is_cut_short(&f->answer));
	is_taken_in_turns(f, all, true);
}

static void a_plain_body_is_given_in_turns_each_byte_once(void **state)
{
	struct fixture *f = *state;
	char *all = malloc(LONG);

	for (size_t i = 0; i < LONG; i++)
		all[i] = (char)(i * i >> 9);
	assert_true(heads(f, 200, NULL));
	is_taken_in_turns(f, of(all, LONG), false);
	free(all);
}

static void a_plain_piece_waits_for_the_next_turn(void **state)
{
	struct fixture *f = *state;

	assert_true(heads(f, 200, NULL));
	turn_begin(&f->turn);
	f->clock.ns += (TURN_US + 1) * 1000;
	assert_int_equal(answer_piece(&f->answer, of("0", 1)), ANSWER_LATER);
	assert_int_equal(f->taken, 0);
	turn_begin(&f->turn);
	assert_int_equal(answer_piece(&f->answer, of("0", 1)), ANSWER_TAKEN);
	assert_int_equal(f->taken, 1);
}

/* `chunked` codes a transfer, not a content. */
static void a_coding_that_is_not_read_is_named(void **state)
{
	static const char *const codings[] = { "br", "zstd", "chunked", "gzip, br" };

	for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
		struct fixture *f = *state;
		char line[64];
		snprintf(line, sizeof line, "Content-Encoding: %s\r\n", codings[i]);
		assert_false(heads(f, 200, line));
		ends_with(f, HTTP_END_CODING);
		assert_non_null(strstr(f->answer.why, i < 3 ? codings[i] : "more than once"));
		answer_done(&f->answer);
		answer_init(&f->answer, &f->all, &f->options);
	}
}

static void note_line(void *context, struct bytes line)
{
	struct fixture *f = context;

	assert_true(line.size > 2);
	memcpy(f->took + f->taken, line.data, line.size - 2);
	f->taken += line.size - 2;
	f->took[f->taken++] = '|';
}

/* libcurl gives the lines behind a body one by one, or as one if a piece of the body was put off. */
static void lines_behind_the_body_are_told_one_by_one(void **state)
{
	const struct answer_head known = { 200, "", -1 };
	struct wall_time now = { 0 };
	struct fixture *f = *state;

	assert_true(heads(f, 200, NULL));
	f->options.line = note_line;
	assert_true(answer_header(&f->answer, bytes_of("a: 0\r\nRetry-After: 7\r\nb: \r\n"), &known, now));
	assert_true(answer_header(&f->answer, bytes_of("c: 1\r\n"), &known, now));
	f->took[f->taken] = '\0';
	assert_string_equal(f->took, "a: 0|Retry-After: 7|b: |c: 1|");
	assert_int_equal(f->answer.retry_after_ms, 7000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_head_is_told_once_and_is_not_that_of_an_interim_answer),
		TEST(retry_after_is_seconds_or_a_date),
		TEST(a_head_has_a_ceiling),
		TEST(a_body_has_a_ceiling),
		TEST(answers_that_are_collected_share_a_ceiling),
		TEST(a_refusal_is_collected_up_to_a_ceiling),
		TEST(a_caller_that_refuses_or_gives_up_gets_no_more),
		TEST(a_packed_body_is_unpacked_in_turns_each_byte_once),
		TEST(a_plain_body_is_given_in_turns_each_byte_once),
		TEST(a_plain_piece_waits_for_the_next_turn),
		TEST(a_coding_that_is_not_read_is_named),
		TEST(lines_behind_the_body_are_told_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
