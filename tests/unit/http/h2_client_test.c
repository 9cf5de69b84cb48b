/*
 * The client's session of HTTP/2, which sees bytes alone: what becomes of a request that the peer takes no more, and of
 * an answer that is wrong before all of the request is out.
 */
#include "http/h2_client.h"

#include "unit/unit.h"

#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define GOAWAY "\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\0" /* no stream was looked at */
#define UPPER_CASE "\0\0\6\1\4\0\0\0\1\x88\0\1X\1y" /* a name of a field that RFC 9113, 8.2.1 forbids */
#define REFUSED "\0\0\4\3\0\0\0\0\1\0\0\0\7"

enum { BODY = 1 << 20 };

struct fixture {
	struct h2_client *client;
	struct http_call_options call;
	struct answers all;
	struct answer answer;
	struct reading reading;
	size_t given;
};

static size_t look(void *context, struct bytes *to, size_t room)
{
	static const char text[BODY];
	struct fixture *f = context;

	(void)room;
	to[0] = (struct bytes){ text, BODY - f->given };
	return 1;
}

static void took(void *context, size_t size)
{
	((struct fixture *)context)->given += size;
}

static void set_up(struct fixture *f)
{
	*f = (struct fixture){ .client = h2_client_new(),
		.call = { .method = "POST", .body_size = BODY, .look = look, .took = took, .context = f } };
	assert_non_null(f->client);
	answer_init(&f->answer, &f->all, &f->call);
	reading_init(&f->reading, &f->answer);
	assert_int_equal(
		h2_client_begin(f->client, bytes_of("POST /a HTTP/1.1\r\nHost: x\r\n\r\n"), &f->call, &f->reading), 0);
}

static void tear_down(struct fixture *f)
{
	(void)!h2_client_end(f->client);
	h2_client_free(f->client);
	reading_done(&f->reading);
	answer_done(&f->answer);
}

static enum reading_verdict come(struct fixture *f, const char *data, size_t size)
{
	struct bytes in = { data, size };

	return h2_client_take(f->client, &in, (struct wall_time){ 0 });
}
#define COME(f, text) come(f, text, sizeof(text) - 1)

/* It has not been written, so it can be sent again wherever it is. */
static void a_connection_that_ends_before_the_request_was_written(void **state)
{
	struct iovec pieces[H2_CLIENT_PIECES];
	struct fixture f;
	size_t count;

	(void)state;
	set_up(&f);
	assert_int_equal(COME(&f, SETTINGS GOAWAY), READING_MORE);
	while ((count = h2_client_pieces(f.client, pieces)) > 0)
		for (size_t i = 0; i < count; i++)
			h2_client_sent(f.client, pieces[i].iov_len);
	assert_int_equal(f.given, 0);
	assert_true(h2_client_refused(f.client));
	assert_false(h2_client_is_malformed(f.client));
	tear_down(&f);
}

static void one_that_ends_behind_it(void **state)
{
	struct iovec pieces[H2_CLIENT_PIECES];
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_true(h2_client_pieces(f.client, pieces) > 0);
	assert_int_equal(COME(&f, SETTINGS GOAWAY), READING_BAD);
	assert_true(h2_client_refused(f.client));
	tear_down(&f);
	set_up(&f);
	assert_true(h2_client_pieces(f.client, pieces) > 0);
	assert_int_equal(COME(&f, SETTINGS REFUSED), READING_BAD);
	assert_true(h2_client_refused(f.client));
	tear_down(&f);
}

/* Though nothing of what was to be written has been. */
static void a_malformed_answer_is_found_at_once(void **state)
{
	struct iovec pieces[H2_CLIENT_PIECES];
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_true(h2_client_pieces(f.client, pieces) > 0);
	assert_int_equal(COME(&f, SETTINGS UPPER_CASE), READING_BAD);
	assert_true(h2_client_is_malformed(f.client));
	assert_false(h2_client_refused(f.client));
	assert_false(h2_client_reset(f.client));
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_that_ends_before_the_request_was_written),
		cmocka_unit_test(one_that_ends_behind_it),
		cmocka_unit_test(a_malformed_answer_is_found_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
