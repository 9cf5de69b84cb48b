/*
 * What a browser needs before a page of another origin may send and read: preflights, the headers of every answer, and
 * what of a request is written back. Over both engines of HTTP/1.1.
 */
#include "http/cors.h"

#include "http/server.h"
#include "unit/http/raw.h"

#define PAGE "https://app.example"
#define ASKS "OPTIONS /traces HTTP/1.1\r\nHost: x\r\nAccess-Control-Request-Method: POST\r\n"

static const char *const listed[] = { PAGE }, *const all_in[] = { "*" };

struct fixture {
	struct world world;
	struct http_server *server;
	uint16_t port;
	struct raw raw;
	unsigned declined;
};

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	(void)context, (void)r, (void)piece;
	return HTTP_TAKEN;
}

static void respond_full(void *context, struct http_request *r)
{
	static const char *const headers[] = { "Retry-After", "1", NULL };

	(void)context;
	http_respond(r, &(struct http_answer){ .status = 503, .headers = headers, .constant = bytes_of("full\n") });
}

static void note_declined(void *context, const struct http_request *r, unsigned status, const char *why)
{
	struct fixture *f = context;

	(void)r, (void)why;
	f->declined = status;
}

static const struct http_route routes[] = {
	{ HTTP_POST, "/traces", NULL, take_body, respond_full, NULL, NULL, 0 },
	{ .path = NULL },
};

static void start(struct fixture *f, enum http_speaker engine, const char *const *origins)
{
	const struct http_server_options options = { .name = "test",
		.body_max = 1 << 10,
		.connections_max = 8,
		.idle = DURATION_S(75),
		.priority = LOOP_NORMAL,
		.engine = engine,
		.origins = { origins, origins ? 1 : 0, "test.origins" },
		.declined = note_declined,
		.context = f };

	world_init(&f->world);
	f->declined = 0;
	assert_int_equal(http_server_new(f->world.loop, &options, routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
}

static void stop(struct fixture *f)
{
	http_server_free(f->server);
	loop_free(f->world.loop);
}

/* The whole answer is in `raw`, with a zero behind it. */
static const char *ask(struct fixture *f, const char *head)
{
	raw_connect(&f->raw, &f->world, f->port);
	raw_send(&f->raw, head);
	raw_send(&f->raw, "Connection: close\r\n\r\n");
	raw_expect_end(&f->raw);
	*buffer_reserve(&f->raw.in, 1) = '\0';
	return f->raw.in.data;
}

static bool answer_has(struct fixture *f, const char *head, const char *line)
{
	bool has = strstr(ask(f, head), line) != NULL;

	raw_done(&f->raw);
	return has;
}

static void has(const char *answer, const char *line)
{
	if (!strstr(answer, line))
		fail_msg("no %s in %s", line, answer);
}

static void has_not(const char *answer, const char *line)
{
	if (strstr(answer, line))
		fail_msg("%s in %s", line, answer);
}

static void for_each_engine(void (*test)(struct fixture *), const char *const *origins)
{
	static const enum http_speaker engines[] = { HTTP_BY_MICROHTTPD, HTTP_DIRECT };
	struct fixture f;

	for (size_t i = 0; i < COUNT_OF(engines); i++) {
		start(&f, engines[i], origins);
		test(&f);
		stop(&f);
	}
}

static void ask_before_sending(struct fixture *f)
{
	const char *answer =
		ask(f, ASKS "Origin: " PAGE "\r\nAccess-Control-Request-Headers: content-type,traceparent\r\n");

	has(answer, "HTTP/1.1 204 No Content\r\n");
	has(answer, "Access-Control-Allow-Origin: " PAGE "\r\n");
	has(answer, "Access-Control-Allow-Methods: POST\r\n");
	has(answer, "Access-Control-Allow-Headers: content-type, traceparent\r\n");
	has(answer, "Access-Control-Max-Age: 7200\r\n");
	has(answer, "Vary: Origin\r\n");
	has_not(answer, "Access-Control-Allow-Credentials");
	has_not(answer, "Content-Length");
	raw_done(&f->raw);
	assert_false(answer_has(f, ASKS "Origin: " PAGE "\r\n", "Access-Control-Allow-Headers"));
	assert_int_equal(f->declined, 0);
	assert_int_equal(http_server_totals(f->server).unserved, 0);
}

static void a_preflight_is_answered(void **state)
{
	(void)state;
	for_each_engine(ask_before_sending, listed);
}

static void ask_for_nothing(struct fixture *f)
{
	static const char *const heads[] = {
		"OPTIONS /traces HTTP/1.1\r\nHost: x\r\nOrigin: " PAGE "\r\n", /* asks for no method */
		ASKS, /* comes from no page */
		"OPTIONS /traces HTTP/1.1\r\nHost: x\r\n",
		"PATCH /traces HTTP/1.1\r\nHost: x\r\nOrigin: " PAGE "\r\nAccess-Control-Request-Method: POST\r\n",
	};

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		assert_true(answer_has(f, heads[i], "HTTP/1.1 405 "));
		assert_int_equal(f->declined, 405);
	}
	assert_true(answer_has(f,
		"OPTIONS /nowhere HTTP/1.1\r\nHost: x\r\nOrigin: " PAGE "\r\nAccess-Control-Request-Method: POST\r\n",
		"HTTP/1.1 404 "));
}

static void what_is_no_preflight_is_405(void **state)
{
	(void)state;
	for_each_engine(ask_for_nothing, listed);
}

/* With the answer a page is told to come back later; without its headers it would see a broken network. */
static void send_and_read(struct fixture *f)
{
	const char *answer = ask(f, "POST /traces HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nOrigin: " PAGE "\r\n");

	has(answer, "HTTP/1.1 503 ");
	has(answer, "Retry-After: 1\r\n");
	has(answer, "Access-Control-Allow-Origin: " PAGE "\r\n");
	has(answer, "Access-Control-Expose-Headers: Retry-After\r\n");
	has(answer, "Vary: Origin\r\n");
	raw_done(&f->raw);
	answer = ask(f, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nOrigin: " PAGE "\r\n");
	has(answer, "HTTP/1.1 404 ");
	has(answer, "Access-Control-Allow-Origin: " PAGE "\r\n");
	raw_done(&f->raw);
	answer = ask(f, "POST /traces HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n");
	has(answer, "Vary: Origin\r\n"); /* as a cache would keep it for a page */
	has_not(answer, "Access-Control");
	raw_done(&f->raw);
}

/* Bodies that the server refuses itself, unread or in the middle. */
static void send_too_much(struct fixture *f)
{
	static const char *const origins[] = { PAGE, "http://other.example" };
	char head[512];

	for (size_t i = 0; i < COUNT_OF(origins); i++) {
		snprintf(head, sizeof head,
			"POST /traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\nOrigin: %s\r\n", origins[i]);
		has(ask(f, head), "HTTP/1.1 413 ");
		(i == 0 ? has : has_not)(f->raw.in.data, "Access-Control-Allow-Origin: " PAGE "\r\n");
		has(f->raw.in.data, "Vary: Origin\r\n");
		raw_done(&f->raw);
	}
}

static void a_page_can_read_that_it_sent_too_much(void **state)
{
	(void)state;
	for_each_engine(send_too_much, listed);
}

static void every_answer_to_a_page_can_be_read(void **state)
{
	(void)state;
	for_each_engine(send_and_read, listed);
}

static void is_refused(struct fixture *f)
{
	static const char *const origins[] = { "http://evil.example", "null", "", "http://app.example",
		PAGE ".evil.example", PAGE "/", PAGE " " PAGE };
	char head[512];

	for (size_t i = 0; i < COUNT_OF(origins); i++) {
		snprintf(head, sizeof head, ASKS "Origin: %s\r\n", origins[i]);
		has(ask(f, head), "HTTP/1.1 403 ");
		has_not(f->raw.in.data, "Access-Control");
		raw_done(&f->raw);
		assert_int_equal(f->declined, 403);
	}
}

static void other_pages_get_no_permission(void **state)
{
	(void)state;
	for_each_engine(is_refused, listed);
	for_each_engine(is_refused, NULL);
}

static void all_are_let_in(struct fixture *f)
{
	char head[1024];

	assert_true(answer_has(f, ASKS "Origin: null\r\n", "Access-Control-Allow-Origin: null\r\n"));
	assert_true(answer_has(f, ASKS "Origin: http://a.example:81\r\n", "-Allow-Origin: http://a.example:81\r\n"));
	assert_false(answer_has(f, ASKS "Origin: http://a.example http://b.example\r\n", "Access-Control"));
	assert_false(answer_has(f, ASKS "Origin: http://caf\xc3\xa9.example\r\n", "Access-Control"));
	snprintf(head, sizeof head, ASKS "Origin: http://%0*d\r\n", HTTP_CORS_ORIGIN_MAX, 1);
	assert_false(answer_has(f, head, "Access-Control"));
}

static void a_star_writes_back_what_is_an_origin(void **state)
{
	(void)state;
	for_each_engine(all_are_let_in, all_in);
}

static void names_are_checked(void **state)
{
	static const struct {
		const char *asked, *allowed;
	} rows[] = {
		{ "", "" },
		{ "content-type", "content-type" },
		{ "Content-Type,\tcontent-encoding , traceparent,b3",
			"Content-Type, content-encoding, traceparent, b3" },
		{ ", ,,x-api-key,", "x-api-key" },
		{ "authorization,uber-trace-id", "authorization, uber-trace-id" },
		{ "a b,c", "c" },
		{ "a\r\nSet-Cookie: x=1,c", "c" },
		{ "a:b,\"c\",d;e,<f>,caf\xc3\xa9,g", "g" },
		{ "*", "*" }, /* a token; with us it is a name as any other */
		{ "Host,origin,Cookie,Sec-Fetch-Site,proxy-authorization,content-length,second", "second" },
		{ "access-control-request-method,Transfer-Encoding,te,tea", "tea" },
	};
	char names[HTTP_CORS_NAMES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		http_cors_names(bytes_of(rows[i].asked), names);
		assert_string_equal(names, rows[i].allowed);
	}
}

static void names_are_bounded(void **state)
{
	char asked[2 * HTTP_CORS_NAMES_MAX], names[HTTP_CORS_NAMES_MAX + 1];

	(void)state;
	memset(asked, 'a', sizeof asked);
	http_cors_names((struct bytes){ asked, HTTP_CORS_NAMES_MAX }, names);
	assert_int_equal(strlen(names), HTTP_CORS_NAMES_MAX);
	http_cors_names((struct bytes){ asked, HTTP_CORS_NAMES_MAX + 1 }, names);
	assert_string_equal(names, "");
	asked[HTTP_CORS_NAMES_MAX - 3] = ',';
	asked[HTTP_CORS_NAMES_MAX - 1] = ',';
	http_cors_names((struct bytes){ asked, HTTP_CORS_NAMES_MAX + 1 }, names);
	assert_int_equal(strlen(names), HTTP_CORS_NAMES_MAX);
	asked[HTTP_CORS_NAMES_MAX - 3] = 'a'; /* the names between the commas have one byte too many now */
	http_cors_names((struct bytes){ asked, HTTP_CORS_NAMES_MAX + 2 }, names);
	assert_int_equal(strlen(names), HTTP_CORS_NAMES_MAX - 1);
	for (size_t i = 0; i < sizeof asked; i++)
		asked[i] = i % 2 ? ',' : 'x';
	http_cors_names((struct bytes){ asked, sizeof asked }, names);
	assert_int_equal(strlen(names), HTTP_CORS_NAMES_MAX); /* "x", and ", x" 341 times */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_preflight_is_answered),
		cmocka_unit_test(what_is_no_preflight_is_405),
		cmocka_unit_test(every_answer_to_a_page_can_be_read),
		cmocka_unit_test(a_page_can_read_that_it_sent_too_much),
		cmocka_unit_test(other_pages_get_no_permission),
		cmocka_unit_test(a_star_writes_back_what_is_an_origin),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(names_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
