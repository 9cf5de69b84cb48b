/*
 * How the bytes of an answer are read: what it is, where it ends, and what is no HTTP. Each is read whole, and cut in
 * two at every byte: the same comes out.
 */
#include "http/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

enum { MOST = 1 << 10 };

struct fixture {
	struct still_clock clock;
	struct turn turn;
	struct answers all;
	struct http_call_options options;
	struct answer answer;
	struct reading reading;
	enum reading_verdict verdict;
	size_t unread;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->clock = (struct still_clock)STILL_CLOCK;
	f->turn.clock = &f->clock.clock;
	turn_begin(&f->turn);
	f->all.turn = &f->turn;
	f->options = (struct http_call_options){ .method = "POST", .answer_max = MOST };
	*state = f;
	return 0;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static void start(struct fixture *f)
{
	answer_init(&f->answer, &f->all, &f->options);
	reading_init(&f->reading, &f->answer);
	f->verdict = READING_MORE;
	f->unread = 0;
}

static void stop(struct fixture *f)
{
	reading_done(&f->reading);
	answer_done(&f->answer);
}

/* A copy of its own, so that a byte read beyond is found. */
static void give(struct fixture *f, const char *data, size_t size)
{
	char *copy;
	struct bytes in;

	if (f->verdict != READING_MORE) {
		f->unread += size;
		return;
	}
	copy = malloc(size ? size : 1);
	memcpy(copy, data, size);
	in = (struct bytes){ copy, size };
	f->verdict = reading_take(&f->reading, &in, (struct wall_time){ 0 });
	f->unread = in.size;
	free(copy);
}

struct wanted {
	const char *answer, *body;
	enum reading_verdict verdict;
	unsigned status;
	bool keeps, ends_here;
};

static void assert_is(const struct fixture *f, const struct wanted *w, size_t cut)
{
	struct bytes body = buffer_bytes(&f->answer.body);

	if (f->verdict != w->verdict)
		fail_msg("%d, not %d, cut at %zu: %s", f->verdict, w->verdict, cut, w->answer);
	if (w->verdict == READING_BAD || w->verdict == READING_OVER)
		return;
	assert_int_equal(f->reading.head.status, w->status);
	if (!bytes_are(body, w->body))
		fail_msg("%.*s, cut at %zu: %s", (int)body.size, body.data, cut, w->answer);
	assert_int_equal(f->reading.keeps, w->keeps);
	assert_int_equal(reading_ends_here(&f->reading), w->ends_here);
}

static void reads(struct fixture *f, const struct wanted *w)
{
	size_t size = strlen(w->answer);

	for (size_t cut = 0; cut <= size; cut++) {
		start(f);
		give(f, w->answer, cut);
		give(f, w->answer + cut, size - cut);
		assert_is(f, w, cut);
		stop(f);
	}
}

#define OK "HTTP/1.1 200 OK\r\n"

static void whole_answers(void **state)
{
	static const struct wanted cases[] = {
		{ OK "Content-Length: 5\r\n\r\nhello", "hello", READING_ENDED, 200, true, false },
		{ OK "content-length:\t 5 \r\nX-Y:\r\n\r\nhello", "hello", READING_ENDED, 200, true, false },
		{ OK "Content-Length: 0\r\n\r\n", "", READING_ENDED, 200, true, false },
		{ "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", "x", READING_ENDED, 200, true, false },
		{ "HTTP/1.1 299 \r\nContent-Length: 1\r\n\r\nx", "x", READING_ENDED, 299, true, false },
		{ "HTTP/1.7 404 No\r\nContent-Length: 1\r\n\r\nx", "x", READING_ENDED, 404, true, false },
		{ "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", "", READING_ENDED, 204, true, false },
		{ "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", "", READING_ENDED, 304, true, false },
		{ "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hm\r\nContent-Type: x\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
			"x", READING_ENDED, 200, true, false },
		{ OK "Transfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n", "hello!",
			READING_ENDED, 200, true, false },
		{ OK "Transfer-Encoding: Chunked \r\nConnection: a, close,b\r\n\r\n0\r\n\r\n", "", READING_ENDED, 200,
			false, false },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", READING_ENDED, 200, false, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		reads(f, &cases[i]);
}

static void answers_that_are_not_whole(void **state)
{
	static const struct wanted cases[] = {
		{ "", "", READING_MORE, 0, false, false },
		{ OK "Content-Length: 5\r\n\r\nhell", "hell", READING_MORE, 200, true, false },
		{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello", READING_MORE, 200, true, false },
		{ OK "\r\nto the end", "to the end", READING_MORE, 200, true, true },
		{ OK "Transfer-Encoding: identity\r\n\r\nto the end", "to the end", READING_MORE, 200, true, true },
		{ "HTTP/1.1 100 Go\r\n\r\n", "", READING_MORE, 100, true, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		reads(f, &cases[i]);
}

static void what_is_no_http(void **state)
{
	static const char *const bad[] = { "SSH-2.0-x\r\n", "HTTP/2 200\r\n", "HTTP/2.0 200 OK\r\n",
		"HTTP/0.9 200 OK\r\n", "HTTP/1.x 200 OK\r\n", "http/1.1 200 OK\r\n", "HTTP/1.1  200 OK\r\n",
		"HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 000 OK\r\n", "HTTP/1.1 099 OK\r\n",
		"HTTP/1.1 2x0 OK\r\n", "HTTP/1.1 200 O\x01K\r\n", "HTTP/1.1 200 O\rK\r\n", "HTTP/1.1 200 OK\n",
		"\r\n" OK, "\n", "HTTP/1.1 101 Switching\r\n", OK "A: b\n", OK "\n", OK "A : b\r\n", OK " A: b\r\n",
		OK ": b\r\n", OK "A\r\n", OK "A: b\r\n c\r\n", OK "A: b\x7f\r\n", OK "A: b\rc\r\n", OK "A(: b\r\n",
		OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", OK "Transfer-Encoding: chunked\r\n\r\n1\r\nxy" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		reads(f, &(struct wanted){ bad[i], "", READING_BAD, 0, false, false });
}

static void what_the_answer_stops(void **state)
{
	static const char *const over[] = { OK "Content-Length: 2\r\nContent-Length: 5\r\n",
		OK "Transfer-Encoding: gzip\r\n", OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		OK "Content-Length: 99999999999999999999\r\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(over); i++)
		reads(f, &(struct wanted){ over[i], "", READING_OVER, 0, false, false });
}

static void what_is_behind_an_answer_is_left(void **state)
{
	struct fixture *f = *state;

	start(f);
	give(f, OK "Content-Length: 2\r\n\r\nok" OK, strlen(OK "Content-Length: 2\r\n\r\nok" OK));
	assert_int_equal(f->verdict, READING_ENDED);
	assert_int_equal(f->unread, strlen(OK));
	stop(f);
}

static void a_line_without_end_has_a_ceiling(void **state)
{
	struct fixture *f = *state;
	char piece[1000];
	size_t given = 0;

	memset(piece, 'x', sizeof piece);
	start(f);
	give(f, OK "A: ", strlen(OK "A: "));
	for (; f->verdict == READING_MORE; given += sizeof piece)
		give(f, piece, sizeof piece);
	assert_int_equal(f->verdict, READING_BAD);
	assert_in_range(given, 60 << 10, HTTP_ANSWER_HEAD_MAX + sizeof piece);
	stop(f);
}

static void heads_without_end_have_a_ceiling(void **state)
{
	static const char early[] = "HTTP/1.1 103 Hm\r\n\r\n";
	struct fixture *f = *state;
	size_t given = 0;

	start(f);
	for (; f->verdict == READING_MORE; given += sizeof early - 1)
		give(f, early, sizeof early - 1);
	assert_int_equal(f->verdict, READING_OVER);
	assert_in_range(given, 60 << 10, HTTP_ANSWER_HEAD_MAX + sizeof early);
	stop(f);
}

/* The caller takes a while for each piece. */
static void what_is_put_off_comes_once(void **state)
{
	static const char *const answers[] = { OK "Content-Length: 9\r\n\r\n123456789",
		OK "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n6;x\r\n456789\r\n0\r\n\r\n", OK "\r\n123456789" };
	struct fixture *f = *state;
	unsigned put_off;

	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct bytes in = bytes_of(answers[i]);
		start(f);
		put_off = 0;
		while (in.size > 0) {
			f->turn.began.ns = f->clock.ns - (put_off % 2 ? 0 : 2 * TURN_US * 1000);
			f->verdict = reading_take(&f->reading, &in, (struct wall_time){ 0 });
			put_off += f->verdict == READING_LATER || put_off % 2;
			assert_true(f->verdict <= READING_ENDED);
		}
		assert_true(put_off > 0);
		assert_true(bytes_are(buffer_bytes(&f->answer.body), "123456789"));
		stop(f);
		f->turn.began.ns = f->clock.ns;
	}
}

static void a_type_is_told_up_to_its_ceiling(void **state)
{
	struct fixture *f = *state;
	char line[1000];

	start(f);
	memset(line, 't', sizeof line);
	give(f, OK "Content-Type: ", strlen(OK "Content-Type: "));
	give(f, line, sizeof line);
	give(f, "\r\n\r\n", 4);
	assert_int_equal(f->verdict, READING_MORE);
	assert_int_equal(strlen(f->reading.head.content_type), READING_TYPE_MAX - 1);
	stop(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_answers),
		TEST(answers_that_are_not_whole),
		TEST(what_is_no_http),
		TEST(what_the_answer_stops),
		TEST(what_is_behind_an_answer_is_left),
		TEST(a_line_without_end_has_a_ceiling),
		TEST(heads_without_end_have_a_ceiling),
		TEST(what_is_put_off_comes_once),
		TEST(a_type_is_told_up_to_its_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
