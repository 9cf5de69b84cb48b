/*
 * The server against plain sockets: what well-behaved and hostile peers send, and what handlers do at each moment.
 * Every test runs over both engines.
 */
#include "http/server.h"

#include <sys/stat.h>
#include <time.h>

#include "unit/descriptors.h"
#include "unit/http/raw.h"

enum { PIPELINED = 100, A_SWEEP_NS = 600 * 1000 * 1000 /* after which the server looks at all connections */ };
enum { BODY_MAX = 100 << 10, CONNECTIONS = 32, MANY = 100, BIG = 8 << 20 };

struct fixture {
	bool direct; /* the engine under test */
	struct world world;
	struct http_server *server;
	uint16_t port;
	struct raw raw;
	struct http_request *waiting; /* begun and not answered */
	struct buffer body;
	struct http_page *page;
	unsigned begun, completed, gone, pages_gone, broke_off;
	size_t in_place; /* bytes that were received where they were to be */
	unsigned declined; /* with which status, last */
	struct mono_time now;
	unsigned at_once, most_at_once; /* requests completed in one callback of the loop */
	char seen[256];
};

static enum http_take collect_begin(void *context, struct http_request *r)
{
	struct fixture *f = context;

	f->begun++;
	f->waiting = r;
	http_context_set(r, f);
	buffer_clear(&f->body);
	return HTTP_TAKEN;
}

static enum http_take collect_body(void *context, struct http_request *r, struct bytes piece)
{
	struct fixture *f = context;

	assert_ptr_equal(http_context(r), f);
	assert_int_equal(buffer_append(&f->body, piece.data, piece.size), 0);
	return HTTP_TAKEN;
}

/* Not more at a time than a third of what there is room for, so that there are several pieces. */
static char *collect_into(void *context, struct http_request *r, size_t *room)
{
	struct fixture *f = context;

	assert_ptr_equal(http_context(r), f);
	*room = smaller(*room, BODY_MAX / 3);
	return f->body.room - f->body.size < *room ? NULL : f->body.data + f->body.size;
}

static enum http_take collected_body(void *context, struct http_request *r, struct bytes piece)
{
	struct fixture *f = context;

	if (f->body.room == 0)
		assert_non_null(buffer_reserve(&f->body, BODY_MAX));
	if (piece.data != f->body.data + f->body.size)
		return collect_body(context, r, piece);
	f->in_place += piece.size;
	f->body.size += piece.size;
	return HTTP_TAKEN;
}

static void count_gone(void *context, struct http_request *r)
{
	struct fixture *f = context;

	assert_ptr_equal(r, f->waiting);
	f->waiting = NULL;
	f->gone++;
}

static void echo_complete(void *context, struct http_request *r)
{
	struct fixture *f = context;
	struct http_answer answer = { .status = 200, .content_type = "text/plain", .body = &f->body };

	f->completed++;
	snprintf(f->seen, sizeof f->seen, "%lld", (long long)http_request_content_length(r));
	http_respond(r, &answer);
	assert_null(f->body.data);
	f->waiting = NULL;
}

static void later_complete(void *context, struct http_request *r)
{
	struct fixture *f = context;

	f->completed++;
	f->waiting = r;
}

static void count_at_once(struct fixture *f)
{
	struct mono_time now = loop_now(f->world.loop);

	f->at_once = now.ns == f->now.ns ? f->at_once + 1 : 1;
	f->now = now;
	if (f->at_once > f->most_at_once)
		f->most_at_once = f->at_once;
}

static void hello_complete(void *context, struct http_request *r)
{
	struct fixture *f = context;
	const char *header = http_request_header(r, "x-prometheus-scrape-timeout-seconds");
	const char *query = http_request_query(r, "name");

	snprintf(f->seen, sizeof f->seen, "%s|%s|%s|%d", http_request_path(r), header ? header : "-",
		query ? query : "-", (int)http_request_method(r));
	count_at_once(f);
	http_respond_text(r, 200, "text/plain", "hello\n");
}

static enum http_take early_begin(void *context, struct http_request *r)
{
	static const char *const headers[] = { "Retry-After", "7", "X-Other", "yes", NULL };
	struct fixture *f = context;

	f->begun++;
	http_respond(r, &(struct http_answer){ .status = 429, .headers = headers, .constant = bytes_of("later") });
	return HTTP_ANSWERED;
}

static enum http_take never_body(void *context, struct http_request *r, struct bytes piece)
{
	(void)context, (void)r, (void)piece;
	fail_msg("a piece after the answer");
	return HTTP_TAKEN;
}

static void never_complete(void *context, struct http_request *r)
{
	(void)context, (void)r;
	fail_msg("complete after the answer");
}

static enum http_take middle_body(void *context, struct http_request *r, struct bytes piece)
{
	struct fixture *f = context;

	(void)piece;
	assert_int_equal(f->completed++, 0);
	http_respond_text(r, 400, "text/plain", "seen enough");
	return HTTP_ANSWERED;
}

static void big_complete(void *context, struct http_request *r)
{
	struct fixture *f = context;
	struct buffer big;

	buffer_init(&big, BIG);
	memset(buffer_reserve(&big, BIG), 'x', BIG);
	big.size = BIG;
	f->completed++;
	http_respond(r, &(struct http_answer){ .status = 200, .body = &big });
}

static void page_gone(void *context, struct bytes bytes)
{
	struct fixture *f = context;

	f->pages_gone++;
	free((char *)bytes.data);
}

/* One page for all who ask, made when the first does. */
static void page_complete(void *context, struct http_request *r)
{
	struct fixture *f = context;

	if (!f->page) {
		char *data = malloc(BIG);
		memset(data, 'p', BIG);
		f->page = http_page_new((struct bytes){ data, BIG }, page_gone, f);
	}
	f->completed++;
	http_respond(r, &(struct http_answer){ .status = 200, .page = f->page });
}

static void routes_init(struct http_route routes[10], struct fixture *f)
{
	const struct http_route all[] = {
		{ HTTP_GET, "/hello", .complete = hello_complete, .context = f },
		{ HTTP_POST, "/echo", collect_begin, collect_body, echo_complete, count_gone, f },
		{ HTTP_POST, "/later", collect_begin, collect_body, later_complete, count_gone, f },
		{ HTTP_GET, "/later", collect_begin, NULL, later_complete, count_gone, f },
		{ HTTP_POST, "/early", early_begin, never_body, never_complete, count_gone, f },
		{ HTTP_POST, "/middle", NULL, middle_body, never_complete, count_gone, f },
		{ HTTP_GET, "/big", .complete = big_complete, .context = f },
		{ HTTP_GET, "/page", .complete = page_complete, .context = f },
		{ HTTP_POST, "/into", collect_begin, collected_body, echo_complete, count_gone, f,
			.into = collect_into },
		{ .path = NULL },
	};

	memcpy(routes, all, sizeof all);
}

static void note_declined(void *context, const struct http_request *r, unsigned status, const char *why)
{
	struct fixture *f = context;

	assert_non_null(http_request_path(r));
	assert_int_equal(why[strlen(why) - 1], '\n');
	f->declined = status;
}

static void note_broke_off(void *context)
{
	((struct fixture *)context)->broke_off++;
}

static const char *const let_in[] = { "https://app.example" };

struct all {
	struct fixture f;
	struct http_route routes[10];
};

static const struct http_server_options usual = { .name = "test",
	.body_max = BODY_MAX,
	.connections_max = CONNECTIONS,
	.idle = DURATION_S(1),
	.priority = LOOP_NORMAL,
	.peers = { .mode = 0660 },
	.origins = { let_in, COUNT_OF(let_in), "test.origins" },
	.declined = note_declined,
	.broke_off = note_broke_off };

static int setup(void **state, bool direct)
{
	struct all *all = oxp_new(sizeof *all);
	struct fixture *f = &all->f;
	struct http_server_options options = usual;

	f->direct = direct;
	options.engine = direct ? HTTP_DIRECT : HTTP_BY_MICROHTTPD;
	options.context = f;
	world_init(&f->world);
	buffer_init(&f->body, BODY_MAX);
	routes_init(all->routes, f);
	assert_int_equal(http_server_new(f->world.loop, &options, all->routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
	raw_connect(&f->raw, &f->world, f->port);
	*state = f;
	return 0;
}

static int setup_microhttpd(void **state)
{
	return setup(state, false);
}

static int setup_direct(void **state)
{
	return setup(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	descriptors_leave_all();
	http_server_free(f->server);
	raw_done(&f->raw);
	buffer_done(&f->body);
	loop_free(f->world.loop);
	free(CONTAINER_OF(f, struct all, f));
	return 0;
}

static struct http_server_totals totals(const struct fixture *f)
{
	return http_server_totals(f->server);
}

/* In the place of the connection before. */
static void connect_anew(struct fixture *f)
{
	raw_done(&f->raw);
	raw_connect(&f->raw, &f->world, f->port);
}

static void is_refused(struct fixture *f, const char *request)
{
	connect_anew(f);
	raw_send(&f->raw, request);
	raw_expect(&f->raw, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n");
	raw_expect_end(&f->raw);
}

/* For the next request: with libmicrohttpd a connection ends with its first answer. */
static void next_request(struct fixture *f)
{
	if (f->direct)
		return;
	raw_expect_end(&f->raw);
	assert_false(f->raw.reset);
	assert_true(raw_has(&f->raw, "Connection: close\r\n"));
	connect_anew(f);
}

/* Plain requests. */

static void a_get_is_answered(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /hello?name=a%20b&other=1 HTTP/1.1\r\nHost: x\r\n"
			  "X-Prometheus-Scrape-Timeout-Seconds: 9.5\r\n\r\n");
	raw_expect(&f->raw, "\r\n\r\nhello\n");
	assert_true(raw_has(&f->raw, "HTTP/1.1 200 OK\r\n"));
	assert_true(raw_has(&f->raw, "Content-Type: text/plain\r\n"));
	assert_string_equal(f->seen, "/hello|9.5|a b|0");
	assert_int_equal(totals(f).requests, 1);
	assert_int_equal(totals(f).open, 0);
}

static void head_is_served_by_get(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	raw_expect_end(&f->raw);
	assert_true(raw_has(&f->raw, "Content-Length: 6\r\n"));
	assert_false(raw_has(&f->raw, "hello"));
	assert_string_equal(f->seen, "/hello|-|-|4");
}

static void what_has_no_route_is_404_or_405(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "HTTP/1.1 404 ");
	raw_expect(&f->raw, "GET, HEAD /hello; POST /echo; POST /later; GET, HEAD /later; ");
	assert_int_equal(f->declined, 404);
	next_request(f);
	raw_send(&f->raw, "DELETE /later HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "HTTP/1.1 405 ");
	raw_expect(&f->raw, "Allow: POST, GET, HEAD\r\n");
	assert_int_equal(f->declined, 405);
	next_request(f);
	raw_send(&f->raw, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde");
	raw_expect(&f->raw, "HTTP/1.1 404 ");
	next_request(f);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_int_equal(totals(f).unserved, 3);
}

/* From an address that ends with a slash, and a path that was added to it. */
static void empty_parts_of_a_path_mean_nothing(void **state)
{
	static const char *const same[] = { "/hello/", "//hello", "///hello//", "/hello/?name=x" };
	static const char *const others[] = { "/hello/x", "/hell/o", "/hell", "/helloo", "/", "//", "/x/hello" };
	struct fixture *f = *state;
	char text[128];

	for (size_t i = 0; i < COUNT_OF(same); i++) {
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", same[i]);
		raw_send(&f->raw, text);
		raw_expect(&f->raw, "hello\n");
		next_request(f);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", others[i]);
		raw_send(&f->raw, text);
		raw_expect(&f->raw, "HTTP/1.1 404 ");
		next_request(f);
	}
	raw_send(&f->raw, "DELETE //later/ HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "HTTP/1.1 405 ");
	raw_expect(&f->raw, "Allow: POST, GET, HEAD\r\n");
}

/* Told before a handler hears of it. The listener is at 127.0.0.1. */
static void web_pages_of_others_are_403(void **state)
{
	static const char *const heads[] = {
		"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\n",
		"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: null\r\n",
		"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n",
		"POST /echo HTTP/1.1\r\nHost: evil.example:1\r\nOrigin: http://evil.example:1\r\n",
		"GET /hello HTTP/1.1\r\nHost: evil.example\r\n",
		"GET /nowhere HTTP/1.1\r\nHost: evil.example\r\n",
		"OPTIONS /echo HTTP/1.1\r\nHost: x\r\nOrigin: null\r\nAccess-Control-Request-Method: POST\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		raw_send(&f->raw, heads[i]);
		raw_send(&f->raw, heads[i][0] == 'P' ? "Content-Length: 3\r\n\r\nabc" : "\r\n");
		raw_expect(&f->raw, "list its origin in `test.origins`");
		assert_true(raw_has(&f->raw, "HTTP/1.1 403 "));
		assert_false(raw_has(&f->raw, "Access-Control"));
		assert_int_equal(f->declined, 403);
		f->declined = 0;
		next_request(f);
		raw_clear(&f->raw);
	}
	assert_int_equal(f->begun, 0);
	assert_int_equal(totals(f).foreign, COUNT_OF(heads));
	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://app.example\r\n"
			  "Sec-Fetch-Site: cross-site\r\nContent-Length: 3\r\n\r\nabc");
	raw_expect(&f->raw, "\r\n\r\nabc");
	assert_int_equal(totals(f).foreign, COUNT_OF(heads));
}

static void an_old_client_is_served(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /hello HTTP/1.0\r\n\r\n");
	raw_expect_end(&f->raw);
	assert_true(raw_has(&f->raw, "hello\n"));
}

static void connections_are_kept_and_pipelines_answered_in_order(void **state)
{
	struct fixture *f = *state;
	const char *one, *two;

	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	raw_clear(&f->raw);
	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
			  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
			  "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	one = memmem(f->raw.in.data, f->raw.in.size, "one", 3);
	two = memmem(f->raw.in.data, f->raw.in.size, "two", 3);
	assert_true(one && two && one < two);
	assert_int_equal(totals(f).requests, 4);
	assert_int_equal(totals(f).connections, 1);
}

static void an_old_client_may_stay(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_true(raw_has(&f->raw, "Connection: Keep-Alive\r\n"));
	raw_clear(&f->raw);
	raw_send(&f->raw, "GET /hello HTTP/1.0\r\n\r\n");
	raw_expect_end(&f->raw);
	assert_true(raw_has(&f->raw, "hello\n"));
}

static void answers_are_dated(void **state)
{
	struct fixture *f = *state;
	char date[64];
	time_t now = time(NULL);
	struct tm parts;

	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	strftime(date, sizeof date, "Date: %a, %d %b %Y %H:", gmtime_r(&now, &parts));
	if (!raw_has(&f->raw, date) && now % 3600 < 3590)
		fail_msg("%s not in %.*s", date, (int)f->raw.in.size, f->raw.in.data);
}

static unsigned count_of(const struct raw *raw, const char *text)
{
	const char *p = raw->in.data, *end = p + raw->in.size;
	unsigned count = 0;

	while (p && (p = memmem(p, (size_t)(end - p), text, strlen(text)))) {
		p += strlen(text);
		count++;
	}
	return count;
}

static void a_long_pipeline_is_answered_whole(void **state)
{
	static const char get[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fixture *f = *state;
	char all[PIPELINED * sizeof get];

	for (int i = 0; i < PIPELINED; i++)
		memcpy(all + (size_t)i * (sizeof get - 1), get, sizeof get - 1);
	raw_send_bytes(&f->raw, all, PIPELINED * (sizeof get - 1));
	while (count_of(&f->raw, "hello\n") < PIPELINED && !f->raw.ended)
		raw_turn(&f->raw);
	assert_int_equal(count_of(&f->raw, "HTTP/1.1 200 OK"), PIPELINED);
	assert_int_equal(totals(f).requests, PIPELINED);
	assert_in_range(f->most_at_once, 1, 20); /* others have their turn in between */
}

/* What follows a request that has no answer yet waits for it. */
static void a_pipeline_waits_for_the_answer_before(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
			  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsec");
	while (f->completed == 0)
		raw_turn(&f->raw);
	raw_send(&f->raw, "on");
	turns(&f->world, 20);
	assert_int_equal(totals(f).requests, 1);
	assert_int_equal(f->raw.in.size, 0);
	http_respond_text(f->waiting, 200, "text/plain", "first");
	raw_expect(&f->raw, "\r\n\r\nsecon");
	assert_true(raw_has(&f->raw, "\r\n\r\nfirstHTTP/1.1 200"));
}

/* Bodies. */

static char *body_of(size_t size)
{
	char *body = malloc(size);

	assert_non_null(body);
	for (size_t i = 0; i < size; i++)
		body[i] = (char)('a' + i % 23);
	return body;
}

static void send_post(struct fixture *f, const char *path, size_t size)
{
	char head[128];
	char *body = body_of(size);

	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path, size);
	raw_send(&f->raw, head);
	raw_send_bytes(&f->raw, body, size);
	free(body);
}

static void answers_with_the_body(struct fixture *f, size_t size)
{
	char *body = body_of(size);

	raw_expect(&f->raw, "\r\n\r\n");
	while (f->raw.in.size < size)
		raw_turn(&f->raw);
	raw_turn(&f->raw);
	assert_memory_equal(f->raw.in.data + f->raw.in.size - size, body, size);
	free(body);
}

static void a_body_comes_whole(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/echo", 47000);
	answers_with_the_body(f, 47000);
	assert_string_equal(f->seen, "47000");
	assert_int_equal(totals(f).body_bytes, 47000);
}

/* What comes with the head cannot be, as nobody knows yet whose it is; the rest of such a body is. */
static void a_body_is_received_where_the_handler_wants_it(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/into", BODY_MAX);
	answers_with_the_body(f, BODY_MAX);
	assert_in_range(f->in_place, 1, BODY_MAX);
	assert_int_equal(totals(f).body_bytes, BODY_MAX);
}

/* It leaves in the middle; then another one's body is received. */
static void a_peer_that_leaves_while_its_body_is_received(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /into HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhe");
	turns(&f->world, 3);
	raw_send(&f->raw, "llo");
	turns(&f->world, 3);
	assert_int_equal(f->in_place, 3);
	connect_anew(f);
	while (f->gone == 0)
		raw_turn(&f->raw);
	send_post(f, "/into", 10);
	answers_with_the_body(f, 10);
}

static void a_chunked_body_comes_whole(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	raw_send(&f->raw, "5\r\nhello\r\n");
	raw_send(&f->raw, "1\r\n \r\n5\r\nwor");
	raw_send(&f->raw, "ld\r\n0\r\n\r\n");
	raw_expect(&f->raw, "\r\n\r\nhello world");
	assert_string_equal(f->seen, "-1");
}

static void a_chunked_body_comes_byte_by_byte(void **state)
{
	static const char text[] = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof text - 1; i++) {
		raw_send_bytes(&f->raw, text + i, 1);
		turns(&f->world, 1);
	}
	raw_expect(&f->raw, "\r\n\r\nhello world");
	assert_int_equal(totals(f).body_bytes, 11);
	assert_int_equal(totals(f).requests, 1);
}

static void an_empty_body_completes(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	raw_expect(&f->raw, "HTTP/1.1 200");
	next_request(f);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
}

/* libmicrohttpd is not given bodies that come in chunks, since it spins on some of them. */
static void a_chunked_body_needs_a_length(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "5\r\nhello\r\n0\r\n\r\n");
	raw_expect(&f->raw, "HTTP/1.1 411 Length Required\r\nConnection: close\r\n");
	raw_expect_end(&f->raw);
	assert_false(f->raw.reset);
	assert_int_equal(f->begun, 0);
	assert_int_equal(totals(f).bad_requests, 1);
}

static void a_body_that_no_route_takes_is_400(void **state)
{
	static const char *const bodies[] = {
		"GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"GET /later HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"HEAD /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		is_refused(f, bodies[i]);
		assert_int_equal(totals(f).bad_requests, i + 1);
	}
	assert_int_equal(f->begun + f->completed, 0);
}

static void who_expects_is_told_to_continue(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	raw_expect(&f->raw, "HTTP/1.1 100 Continue\r\n\r\n");
	raw_send(&f->raw, "abc");
	raw_expect(&f->raw, "\r\n\r\nabc");
}

static void who_expects_and_is_refused_sends_no_body(void **state)
{
	static const char *const lengths[] = { "Content-Length: 50000", "Transfer-Encoding: chunked" };
	struct fixture *f = *state;
	char head[256], *body = body_of(50000);

	for (size_t i = 0; i < (f->direct ? 2 : 1); i++) {
		snprintf(head, sizeof head, "POST /early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n%s\r\n\r\n",
			lengths[i]);
		raw_send(&f->raw, head);
		raw_expect(&f->raw, "\r\n\r\nlater");
		assert_true(raw_has(&f->raw, "HTTP/1.1 429 "));
		assert_true(raw_has(&f->raw, "Connection: close\r\n"));
		assert_false(raw_has(&f->raw, "100 Continue"));
		raw_send_bytes(&f->raw, body, 50000); /* by a peer that does not wait for long */
		raw_expect_end(&f->raw);
		assert_false(f->raw.reset);
		connect_anew(f);
	}
	free(body);
}

/* Answers at other moments. */

static void an_early_answer_comes_whole(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/early", 50000);
	raw_expect(&f->raw, "\r\n\r\nlater");
	assert_true(raw_has(&f->raw, "HTTP/1.1 429 "));
	assert_true(raw_has(&f->raw, "Retry-After: 7\r\n"));
	assert_true(raw_has(&f->raw, "X-Other: yes\r\n"));
	next_request(f);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_int_equal(f->gone, 0);
}

static void an_answer_in_the_middle_of_the_body(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/middle", 90000);
	raw_expect(&f->raw, "seen enough");
	next_request(f);
	send_post(f, "/echo", 10);
	raw_expect(&f->raw, "abcdefghij");
}

static void an_answer_much_later(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/later", 1000);
	while (!f->waiting || f->completed == 0)
		raw_turn(&f->raw);
	turns(&f->world, 20);
	assert_int_equal(f->raw.in.size, 0);
	assert_int_equal(totals(f).open, 1);
	http_respond_text(f->waiting, 202, "text/plain", "at last");
	raw_expect(&f->raw, "at last");
	next_request(f);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_int_equal(f->gone, 0);
}

static uint64_t slices(const struct fixture *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += loop_slices(f->world.loop)->counts[i];
	return sum;
}

/* Neither an idle connection nor a suspended one may keep the loop busy. Each turn itself is one slice. */
static void who_waits_costs_nothing(void **state)
{
	enum { TURNS = 50 };
	struct fixture *f = *state;
	struct raw idle;
	uint64_t before;

	raw_connect(&idle, &f->world, f->port);
	send_post(f, "/later", 10);
	while (!f->waiting || f->completed == 0 || totals(f).connections < 2)
		raw_turn(&f->raw);
	turns(&f->world, 50);
	raw_send(&f->raw, "GET /hello"); /* more than anybody wants to read now */
	turns(&f->world, 10);
	before = slices(f);
	turns(&f->world, TURNS);
	assert_in_range(slices(f) - before, 0, TURNS + 5);
	http_respond_text(f->waiting, 200, "text/plain", "done");
	raw_expect(&f->raw, "done");
	raw_done(&idle);
}

static void a_large_answer_comes_whole(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	raw_expect_end(&f->raw);
	assert_true(f->raw.in.size > BIG);
}

/* Limits. */

static void an_announced_body_too_large_is_413(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/echo", BODY_MAX + 1);
	raw_expect(&f->raw, "HTTP/1.1 413 ");
	raw_expect_end(&f->raw);
	assert_int_equal(f->begun, 0);
	assert_int_equal(totals(f).refused_size, 1);
}

/* The peer sends megabytes before it looks, and must still find the answer. */
static void the_413_survives_a_peer_that_keeps_sending(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/echo", 4 << 20);
	raw_expect(&f->raw, "HTTP/1.1 413 ");
	raw_expect(&f->raw, "Connection: close\r\n");
	raw_expect_end(&f->raw);
	assert_false(f->raw.reset);
}

static void an_endless_chunked_body_is_413(void **state)
{
	struct fixture *f = *state;
	char *piece = body_of(0x4000);

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 100 && !f->raw.ended; i++) {
		raw_send(&f->raw, "4000\r\n");
		raw_send_bytes(&f->raw, piece, 0x4000);
		raw_send(&f->raw, "\r\n");
		raw_receive(&f->raw);
	}
	raw_expect(&f->raw, "HTTP/1.1 413 ");
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->completed, 0);
	assert_int_equal(totals(f).refused_size, 1);
	assert_int_equal(totals(f).open, 0);
	free(piece);
}

static void a_body_of_just_the_limit_is_taken(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/later", BODY_MAX);
	while (f->completed == 0)
		raw_turn(&f->raw);
	assert_int_equal(f->body.size, BODY_MAX);
	http_respond_text(f->waiting, 200, "text/plain", "taken");
	raw_expect(&f->raw, "taken");
}

static void an_endless_head_is_refused(void **state)
{
	struct fixture *f = *state;
	char line[128];

	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 2000 && !f->raw.ended; i++) {
		snprintf(line, sizeof line, "X-Filler-%d: %064d\r\n", i, i);
		raw_send(&f->raw, line);
		raw_receive(&f->raw);
	}
	raw_expect_end(&f->raw);
	assert_true(raw_has(&f->raw, "HTTP/1.1 431 ") || f->raw.in.size == 0);
	while (totals(f).connections > 0)
		turn(&f->world);
	assert_int_equal(totals(f).refused_size, 1);
}

static void an_endless_target_is_refused(void **state)
{
	struct fixture *f = *state;
	char *target = body_of(64 << 10);

	raw_send(&f->raw, "GET /");
	raw_send_bytes(&f->raw, target, 64 << 10);
	raw_expect_end(&f->raw);
	while (totals(f).connections > 0)
		turn(&f->world);
	free(target);
}

static void garbage_is_refused(void **state)
{
	static const char *const garbage[] = {
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nabcd",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabcd",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcd\r\n0\r\n\r\n",
		"GET /hello HTTP/1.1\r\n\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(garbage); i++) {
		connect_anew(f);
		raw_send(&f->raw, garbage[i]);
		raw_expect_end(&f->raw);
		if (f->raw.in.size > 0 && !raw_has(&f->raw, "HTTP/1.1 4"))
			fail_msg("%zu: %.*s", i, (int)f->raw.in.size, f->raw.in.data);
	}
	assert_int_equal(f->completed, 0);
	assert_true(totals(f).bad_requests >= 5);
}

static void doubtful_heads_are_refused(void **state)
{
	static const char *const doubtful[] = {
		"GET /hello HTTP/1.1\nHost: x\n\n",
		"GET /hello HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
		"GET /hello HTTP/1.1\r\nHost : x\r\n\r\n",
		"GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"GET hello HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(doubtful); i++) {
		is_refused(f, doubtful[i]);
		assert_int_equal(totals(f).bad_requests, i + 1);
	}
	assert_int_equal(f->completed, 0);
	assert_int_equal(f->gone, f->begun);
	assert_int_equal(totals(f).open, 0);
}

/* Heads are kept until the answer has gone, those of all peers together up to a ceiling; a usual one always has its
 * seat. Those that are not whole: hostile_test.c. */
static void heads_have_a_ceiling_together(void **state)
{
	enum { PEERS = CONNECTIONS - 2, LONG = 30 << 10 };
	struct fixture *f = *state;
	struct raw peers[PEERS * 2];
	struct http_server_options more = usual;
	struct http_server *s;
	uint16_t port;
	char *text = malloc(LONG + 1);
	size_t refused = 0;

	more.engine = HTTP_DIRECT;
	more.connections_max = PEERS * 2 + 1;
	assert_int_equal(http_server_new(f->world.loop, &more, CONTAINER_OF(f, struct all, f)->routes, &s), 0);
	assert_int_equal(http_server_listen(s, "127.0.0.1:0", &port), 0);
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	for (size_t i = 0; i < COUNT_OF(peers); i++) {
		raw_connect(&peers[i], &f->world, port);
		raw_send(&peers[i], "GET /page HTTP/1.1\r\nHost: x\r\nX-Long: ");
		raw_send(&peers[i], text);
		raw_send(&peers[i], "\r\n\r\n");
		turns(&f->world, 3);
	}
	turns(&f->world, 20);
	for (size_t i = 0; i < COUNT_OF(peers); i++) {
		raw_receive(&peers[i]);
		refused += raw_has(&peers[i], "431");
	}
	assert_in_range(refused, 15, COUNT_OF(peers) - 30);
	raw_done(&f->raw);
	raw_connect(&f->raw, &f->world, port);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "200 OK");
	for (size_t i = 0; i < COUNT_OF(peers); i++)
		raw_done(&peers[i]);
	http_server_free(s);
	http_page_release(f->page);
	free(text);
}

static void hold_complete(void *context, struct http_request *r)
{
	((struct fixture *)context)->waiting = r; /* the newest one */
}

static void hold_gone(void *context, struct http_request *r)
{
	(void)context, (void)r;
}

/* libmicrohttpd touches half of a connection's memory. So those with large heads are few, and others take little. */
static void large_heads_are_few_at_a_time(void **state)
{
	enum { PEERS = 20, LARGE = 16, LONG = 3000 };
	struct fixture *f = *state;
	const struct http_route routes[] = {
		{ HTTP_GET, "/hold", .complete = hold_complete, .gone = hold_gone, .context = f },
		{ HTTP_GET, "/hello", .complete = hello_complete, .context = f },
		{ .path = NULL },
	};
	struct raw peers[PEERS];
	struct http_server_options more = usual;
	struct http_server *s;
	char text[LONG + 1];
	uint16_t port;
	size_t refused = 0;

	more.engine = HTTP_BY_MICROHTTPD;
	more.connections_max = 4 * PEERS;
	assert_int_equal(http_server_new(f->world.loop, &more, routes, &s), 0);
	assert_int_equal(http_server_listen(s, "127.0.0.1:0", &port), 0);
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	for (size_t i = 0; i < PEERS; i++) {
		raw_connect(&peers[i], &f->world, port);
		raw_send(&peers[i], "GET /hold HTTP/1.1\r\nHost: x\r\nX-Long: ");
		raw_send(&peers[i], text);
		raw_send(&peers[i], "\r\n\r\n");
		turns(&f->world, 10);
	}
	for (size_t i = 0; i < PEERS; i++) {
		raw_receive(&peers[i]);
		refused += raw_has(&peers[i], "HTTP/1.1 503 ");
	}
	assert_int_equal(refused, PEERS - LARGE);
	raw_done(&f->raw);
	raw_connect(&f->raw, &f->world, port);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "200 OK");
	http_respond_text(f->waiting, 200, "text/plain", "done"); /* it leaves, and makes room */
	turns(&f->world, 20);
	raw_done(&f->raw);
	raw_connect(&f->raw, &f->world, port);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: ");
	raw_send(&f->raw, text);
	raw_send(&f->raw, "\r\n\r\n");
	raw_expect(&f->raw, "hello");
	for (size_t i = 0; i < PEERS; i++)
		raw_done(&peers[i]);
	http_server_free(s);
}

/* What comes behind a request whose answer is not taken counts, too: beyond the ceiling it is let go, and the answer is
 * the connection's last. */
static void what_comes_behind_has_a_ceiling_together(void **state)
{
	enum { PEERS = CONNECTIONS - 2, BEHIND = 1500 };
	static const char hello[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char page[] = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fixture *f = *state;
	struct raw peers[PEERS], *first = &peers[0], *last = &peers[PEERS - 1];
	struct buffer all;

	buffer_init(&all, 1 << 20);
	assert_int_equal(buffer_text(&all, page), 0);
	for (int i = 0; i < BEHIND; i++)
		assert_int_equal(buffer_text(&all, hello), 0);
	for (size_t i = 0; i < PEERS; i++) {
		raw_connect(&peers[i], &f->world, f->port);
		raw_send_bytes(&peers[i], all.data, all.size);
		while (f->completed <= i)
			turn(&f->world);
	}
	raw_expect_end(last);
	assert_true(last->in.size > BIG && last->in.size < BIG + 500);
	while (first->in.size < BIG + 1000 && !first->ended)
		raw_turn(first);
	assert_true(first->in.size >= BIG + 1000);
	for (size_t i = 0; i < PEERS; i++)
		raw_done(&peers[i]);
	http_page_release(f->page);
	buffer_done(&all);
}

static void another_version_is_505(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /hello HTTP/3.0\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "HTTP/1.1 505 ");
	raw_expect_end(&f->raw);
}

/* A proxy's form. */
static void an_absolute_target_is_taken(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET http://x:1/hello?name=y HTTP/1.1\r\nHost: x:1\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_string_equal(f->seen, "/hello|-|y|0");
}

/* The rest must not reset the answer away. */
static void a_last_answer_survives_what_is_sent_behind_it(void **state)
{
	static const char get[] = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	enum { BEHIND = 300000 };
	struct fixture *f = *state;
	char *all = body_of(BEHIND);

	memcpy(all, get, sizeof get - 1);
	raw_send_bytes(&f->raw, all, BEHIND);
	raw_expect_end(&f->raw);
	assert_true(raw_has(&f->raw, "hello\n"));
	assert_false(f->raw.reset);
	assert_int_equal(totals(f).requests, 1);
	assert_int_equal(totals(f).bad_requests, 0);
	free(all);
}

/* Slow peers. */

static void expect_408(struct fixture *f)
{
	for (int i = 0; i < 40 && !f->raw.ended; i++) {
		f->world.ahead += 500000000;
		raw_turn(&f->raw);
	}
	raw_expect(&f->raw, "HTTP/1.1 408 ");
	raw_expect_end(&f->raw);
	while (totals(f).connections > 0)
		raw_turn(&f->raw);
	assert_int_equal(totals(f).timeouts, 1);
}

static void a_slow_head_is_408(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /hello HTT");
	expect_408(f);
	assert_int_equal(f->gone, 0);
}

static void a_slow_body_is_408(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
	while (f->begun == 0)
		raw_turn(&f->raw);
	expect_408(f);
	assert_int_equal(f->gone, 1);
}

static void who_does_not_take_the_answer_is_cut_off(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	while (f->completed == 0)
		turn(&f->world);
	f->world.ahead += (BIG / HTTP_RATE_MIN - 10ll) * 1000000000;
	turns(&f->world, 10);
	assert_int_equal(totals(f).connections, 1);
	f->world.ahead += 20ll * 1000000000;
	while (totals(f).connections > 0)
		turn(&f->world);
	assert_int_equal(totals(f).timeouts, 1);
}

static void answers_share_a_page(void **state)
{
	struct fixture *f = *state;
	struct raw other;

	raw_connect(&other, &f->world, f->port);
	raw_send(&f->raw, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_send(&other, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	while (f->completed < 2)
		turn(&f->world);
	http_page_release(f->page);
	while (f->raw.in.size < BIG || other.in.size < BIG) {
		raw_turn(&f->raw);
		raw_receive(&other);
	}
	while (f->pages_gone == 0)
		raw_turn(&f->raw);
	assert_int_equal(f->pages_gone, 1);
	assert_int_equal(totals(f).unsent, 0);
	raw_done(&other);
}

static void who_holds_a_page_is_cut_off_it(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	while (f->completed == 0)
		turn(&f->world);
	turns(&f->world, 10);
	http_page_release(f->page);
	assert_int_equal(f->pages_gone, 0);
	http_server_cut_page(f->server, f->page);
	while (f->pages_gone == 0 || totals(f).connections > 0)
		turn(&f->world);
	assert_int_equal(f->pages_gone, 1);
}

/* Who takes nothing goes; who takes something now and then, or has not been silent for long enough, stays. */
static void the_slowest_reader_is_cut_off_first(void **state)
{
	struct fixture *f = *state;
	struct raw later;

	raw_connect(&later, &f->world, f->port);
	raw_send(&f->raw, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	while (f->completed == 0 || totals(f).unsent < BIG)
		turn(&f->world);
	turns(&f->world, 10);
	assert_false(http_server_cut_slow(f->server, NULL));
	raw_send(&later, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	while (f->completed == 1)
		turn(&f->world);
	while (!http_server_cut_slow(f->server, NULL)) {
		f->world.ahead += A_SWEEP_NS;
		raw_turn(&later);
	}
	assert_false(http_server_cut_slow(f->server, NULL));
	raw_expect_end(&f->raw);
	while (totals(f).connections > 1)
		turn(&f->world);
	assert_int_equal(totals(f).connections, 1);
	assert_int_equal(totals(f).unsent, BIG);
	raw_done(&later);
}

/* Half of it comes at once, then a byte every 600 ms: none is ever a second late, and it will not be whole in ten. */
static void a_body_that_drips_is_cut_off(void **state)
{
	static const char half[20001] = { [0 ... 19999] = 'x' };
	struct fixture *f = *state;
	int bytes = 0;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n");
	raw_send(&f->raw, half);
	while (f->body.size < sizeof half - 1)
		turn(&f->world);
	while (!http_server_cut_slow(f->server, NULL)) {
		f->world.ahead += A_SWEEP_NS;
		raw_send(&f->raw, "y");
		turns(&f->world, 10);
		bytes++;
	}
	assert_in_range(bytes, 4, 12);
	assert_false(http_server_cut_slow(f->server, NULL));
	if (f->direct)
		assert_int_equal(totals(f).connections, 0); /* what it held is free at once */
	raw_expect_end(&f->raw);
}

/* Whoever it is done for stays. */
static void nobody_is_cut_off_for_himself(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n");
	while (f->begun == 0)
		turn(&f->world);
	f->world.ahead += 2 * (int64_t)A_SWEEP_NS;
	turns(&f->world, 10);
	assert_false(http_server_cut_slow(f->server, f->waiting));
	assert_true(http_server_cut_slow(f->server, NULL));
}

static void a_handler_may_take_its_time(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/later", 10);
	while (f->completed == 0)
		raw_turn(&f->raw);
	f->world.ahead += 3600ll * 1000000000;
	turns(&f->world, 10);
	http_respond_text(f->waiting, 200, "text/plain", "an hour later");
	raw_expect(&f->raw, "an hour later");
}

static void an_idle_connection_is_closed(void **state)
{
	struct fixture *f = *state;

	if (f->direct) {
		raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
		raw_expect(&f->raw, "hello\n");
		raw_clear(&f->raw);
	}
	while (totals(f).connections < 1)
		turn(&f->world);
	turns(&f->world, 10);
	assert_int_equal(totals(f).connections, 1);
	f->world.ahead += 1600000000;
	while (totals(f).connections > 0)
		turn(&f->world);
	raw_expect_end(&f->raw);
	assert_int_equal(f->raw.in.size, 0);
	assert_int_equal(totals(f).timeouts, 0);
}

/* Peers that leave. */

static void a_peer_that_leaves_mid_body_is_gone(void **state)
{
	struct fixture *f = *state;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
	while (f->begun == 0)
		raw_turn(&f->raw);
	raw_done(&f->raw);
	while (f->gone == 0 || totals(f).connections > 0)
		turn(&f->world);
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->completed, 0);
	assert_int_equal(f->broke_off, f->direct);
	raw_connect(&f->raw, &f->world, f->port);
}

static void a_peer_that_left_while_it_waited(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/later", 10);
	while (f->completed == 0)
		raw_turn(&f->raw);
	raw_done(&f->raw);
	turns(&f->world, 10);
	http_respond_text(f->waiting, 200, "text/plain", "to nobody");
	while (totals(f).connections > 0)
		turn(&f->world);
	assert_int_equal(f->gone, 0);
	assert_int_equal(f->broke_off, 0);
	raw_connect(&f->raw, &f->world, f->port);
}

/* Many. */

static void more_connections_than_seats_are_served_in_turn(void **state)
{
	struct fixture *f = *state;
	struct raw many[MANY];

	raw_done(&f->raw);
	for (int i = 0; i < MANY; i++) {
		raw_connect(&many[i], &f->world, f->port);
		raw_send(&many[i], "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
		assert_true(totals(f).connections <= CONNECTIONS);
	}
	for (int i = 0; i < MANY; i++) {
		raw_expect(&many[i], "hello\n");
		raw_done(&many[i]);
	}
	assert_int_equal(totals(f).requests, MANY);
	raw_connect(&f->raw, &f->world, f->port);
}

static void a_full_door_opens_when_all_leave_at_once(void **state)
{
	static const struct linger reset = { 1, 0 };
	struct fixture *f = *state;
	struct raw many[CONNECTIONS];

	raw_done(&f->raw);
	for (int i = 0; i < CONNECTIONS; i++)
		raw_connect(&many[i], &f->world, f->port);
	while (totals(f).connections < CONNECTIONS)
		turn(&f->world);
	for (int i = 0; i < CONNECTIONS; i++) {
		setsockopt(many[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		raw_done(&many[i]);
	}
	raw_connect(&f->raw, &f->world, f->port);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
}

static void seats_are_shared_by_addresses(void **state)
{
	struct fixture *f = *state;
	struct raw many[CONNECTIONS], other;
	uint16_t port;

	raw_done(&f->raw);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &port), 0);
	for (int i = 0; i < CONNECTIONS; i++)
		raw_connect(&many[i], &f->world, f->port);
	while (totals(f).connections < CONNECTIONS)
		turn(&f->world);
	raw_connect(&other, &f->world, port);
	raw_send(&other, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	raw_expect(&other, "hello\n");
	assert_int_equal(totals(f).evicted, 1);
	assert_int_equal(totals(f).connections, CONNECTIONS - 1);
	for (int i = 0; i < CONNECTIONS; i++)
		raw_done(&many[i]);
	raw_done(&other);
	raw_connect(&f->raw, &f->world, f->port);
}

/* Others have used up all of them: one connection is served with the spare one, the next waits, and the loop does not
 * spin. */
static void a_want_of_descriptors_passes(void **state)
{
	struct fixture *f = *state;
	struct raw other;
	uint64_t before;

	raw_connect(&other, &f->world, f->port);
	descriptors_leave(0);
	raw_send(&f->raw, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	while (!f->waiting)
		raw_turn(&f->raw);
	raw_send(&other, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(&f->world, 5);
	before = slices(f);
	turns(&f->world, 50);
	assert_in_range(slices(f) - before, 0, 55);
	assert_int_equal(totals(f).connections, 1);
	assert_int_equal(totals(f).evicted, 0);
	http_respond_text(f->waiting, 200, "text/plain", "first");
	f->waiting = NULL;
	raw_expect(&f->raw, "first");
	raw_expect(&other, "hello\n"); /* with the same one */
	descriptors_leave_all();
	raw_done(&other);
}

/* The same without a word from any connection: the descriptors of others come back. */
static void descriptors_that_come_back_are_noticed(void **state)
{
	struct fixture *f = *state;
	struct raw other;

	raw_connect(&other, &f->world, f->port);
	descriptors_leave(0);
	raw_send(&f->raw, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	while (!f->waiting)
		raw_turn(&f->raw);
	raw_send(&other, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(&f->world, 20);
	assert_int_equal(totals(f).requests, 1);
	descriptors_leave_all();
	f->world.ahead += 150000000;
	raw_expect(&other, "hello\n");
	http_respond_text(f->waiting, 200, "text/plain", "first");
	f->waiting = NULL;
	raw_done(&other);
}

/* The silent ones have descriptors: as many as others need. */
static void a_want_of_descriptors_is_a_want_of_seats(void **state)
{
	struct fixture *f = *state;
	struct raw many[3], other;

	for (int i = 0; i < 3; i++)
		raw_connect(&many[i], &f->world, f->port);
	raw_connect(&other, &f->world, f->port);
	assert_int_equal(send(other.fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 33, 0), 33);
	descriptors_leave(2);
	raw_expect(&other, "hello\n");
	assert_in_range(totals(f).evicted, 1, 4);
	descriptors_leave_all();
	for (int i = 0; i < 3; i++)
		raw_done(&many[i]);
	raw_done(&other);
}

/* Addresses. */

static void socket_path(char path[64], const char *name)
{
	snprintf(path, 64, "/tmp/oxpecker-test-%d-%s", (int)getpid(), name);
	unlink(path);
}

static void a_unix_socket_serves_and_its_file_goes(void **state)
{
	struct fixture *f = *state;
	char path[64], address[80];
	struct stat st;
	struct raw raw;

	socket_path(path, "serves");
	snprintf(address, sizeof address, "unix:%s", path);
	assert_int_equal(http_server_listen(f->server, address, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	raw_init(&raw, &f->world, unix_connect(path));
	raw_send(&raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&raw, "hello\n");
	raw_done(&raw);
	http_server_quiesce(f->server);
	assert_int_equal(stat(path, &st), -1);
}

static void a_dead_socket_is_replaced_a_live_one_refused(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char path[64], address[80];
	struct http_server *other;
	const struct http_route none[] = { { .path = NULL } };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	socket_path(path, "dead");
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	close(fd);
	snprintf(address, sizeof address, "unix:%s", path);
	assert_int_equal(http_server_listen(f->server, address, NULL), 0);
	assert_int_equal(http_server_new(f->world.loop, &usual, none, &other), 0);
	assert_int_equal(http_server_listen(other, address, NULL), -EADDRINUSE);
	http_server_free(other);
	assert_int_equal(access(path, F_OK), 0);
}

static void other_files_are_left_alone(void **state)
{
	struct fixture *f = *state;
	char path[64], address[80];
	int fd;

	socket_path(path, "file");
	snprintf(address, sizeof address, "unix:%s", path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(http_server_listen(f->server, address, NULL), -EEXIST);
	unlink(path);
	assert_int_equal(http_server_listen(f->server, address, NULL), 0);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600); /* somebody's, in place of ours */
	close(fd);
	http_server_quiesce(f->server);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void addresses_that_are_none_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"localhost",
		"localhost:",
		"example.com:80",
		"127.0.0.1:70000",
		"1.2.3.4.5:80",
		"unix:relative",
		"unix:",
		"::1:80",
		"127.0.0.1:-1",
	};
	struct fixture *f = *state;
	char deep[200];

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (http_server_listen(f->server, wrong[i], NULL) != -EINVAL)
			fail_msg("%s was taken", wrong[i]);
	memset(deep, 'x', sizeof deep);
	memcpy(deep, "unix:/", 6);
	deep[sizeof deep - 1] = '\0';
	assert_int_equal(http_server_listen(f->server, deep, NULL), -ENAMETOOLONG);
}

static void every_address_and_localhost(void **state)
{
	struct fixture *f = *state;
	char address[32];
	uint16_t port = 0;

	assert_int_equal(http_server_listen(f->server, ":0", &port), 0);
	assert_int_not_equal(port, 0);
	snprintf(address, sizeof address, "127.0.0.1:%u", f->port);
	assert_int_equal(http_server_listen(f->server, address, NULL), -EADDRINUSE);
	raw_done(&f->raw);
	raw_connect(&f->raw, &f->world, port);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_int_equal(http_server_listen(f->server, "localhost:0", NULL), 0);
}

/* Ends. */

static void quiescing_finishes_what_is_under_way(void **state)
{
	struct fixture *f = *state;

	send_post(f, "/later", 10);
	while (f->completed == 0)
		raw_turn(&f->raw);
	assert_int_equal(http_server_quiesce(f->server), 1);
	assert_int_equal(tcp_connect(f->port), -1);
	http_respond_text(f->waiting, 200, "text/plain", "finished");
	raw_expect(&f->raw, "finished");
	assert_true(raw_has(&f->raw, "Connection: close\r\n"));
	raw_expect_end(&f->raw);
	assert_int_equal(http_server_quiesce(f->server), 0);
}

static void freeing_tells_what_is_open(void **state)
{
	struct fixture *f = *state;
	struct raw raw;

	send_post(f, "/later", 10);
	while (f->completed == 0)
		raw_turn(&f->raw);
	raw_connect(&raw, &f->world, f->port);
	raw_send(&raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&raw, "hello\n");
	http_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->gone, 1);
	raw_expect_end(&f->raw);
	raw_done(&raw);
}

static void freeing_in_the_middle_of_bodies_and_answers(void **state)
{
	struct fixture *f = *state;
	struct raw raw;

	raw_send(&f->raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
	while (f->begun == 0)
		raw_turn(&f->raw);
	raw_connect(&raw, &f->world, f->port);
	raw_send(&raw, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	while (f->completed == 0)
		turn(&f->world);
	http_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->gone, 1);
	raw_done(&raw);
}

#define TEST(name)                                                        \
	{ #name ", microhttpd", name, setup_microhttpd, teardown, NULL }, \
	{                                                                 \
#name ", direct", name, setup_direct, teardown, NULL      \
	}

static unsigned status_of(struct fixture *f, uint16_t port, const char *path, struct raw *raw)
{
	unsigned status = 0;

	raw_connect(raw, &f->world, port);
	raw_send(raw, "GET ");
	raw_send(raw, path);
	raw_send(raw, " HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(raw, "\r\n\r\n");
	assert_int_equal(sscanf(raw->in.data, "HTTP/1.1 %u", &status), 1);
	return status;
}

static void a_connection_ends_at_its_age_after_an_answer(void **state)
{
	struct fixture *f = *state;
	struct http_server_options aging = usual;
	struct http_server *s;
	uint16_t port;

	aging.engine = HTTP_DIRECT;
	aging.age = DURATION_S(60);
	aging.idle = DURATION_S(50);
	assert_int_equal(http_server_new(f->world.loop, &aging, CONTAINER_OF(f, struct all, f)->routes, &s), 0);
	assert_int_equal(http_server_listen(s, "127.0.0.1:0", &port), 0);
	raw_done(&f->raw);
	assert_int_equal(status_of(f, port, "/hello", &f->raw), 200);
	f->world.ahead += 40ll * 1000000000;
	raw_clear(&f->raw);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_false(raw_has(&f->raw, "Connection: close"));
	f->world.ahead += 40ll * 1000000000;
	raw_clear(&f->raw);
	raw_send(&f->raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&f->raw, "hello\n");
	assert_true(raw_has(&f->raw, "Connection: close"));
	raw_expect_end(&f->raw);
	http_server_free(s);
}

/* A large one is answered when it is the only one; further ones get 503, small ones always their answer. Each 503 has
 * whoever takes nothing cut off, once that has been for long enough. */
static void bodies_have_a_ceiling_together(void **state)
{
	struct fixture *f = *state;
	struct http_server_options few = usual;
	struct raw raw[5];
	struct http_server *s;
	uint16_t port;

	few.engine = f->direct ? HTTP_DIRECT : HTTP_BY_MICROHTTPD;
	few.answers_max = 1 << 20;
	assert_int_equal(http_server_new(f->world.loop, &few, CONTAINER_OF(f, struct all, f)->routes, &s), 0);
	assert_int_equal(http_server_listen(s, "127.0.0.1:0", &port), 0);
	assert_int_equal(status_of(f, port, "/big", &raw[0]), 200);
	assert_int_equal(status_of(f, port, "/big", &raw[1]), 503);
	assert_int_equal(status_of(f, port, "/hello", &raw[2]), 200);
	assert_int_equal(status_of(f, port, "/big", &raw[3]), 503);
	for (turns(&f->world, 10); http_server_totals(s).unsent > 0; turns(&f->world, 10)) {
		raw_done(&raw[3]);
		f->world.ahead += A_SWEEP_NS;
		assert_int_equal(status_of(f, port, "/big", &raw[3]), 503);
	}
	assert_int_equal(status_of(f, port, "/big", &raw[4]), 200);
	for (size_t i = 0; i < COUNT_OF(raw); i++)
		raw_done(&raw[i]);
	http_server_free(s);
}

/* What peers make the server keep. */
static int run_memory_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(large_heads_are_few_at_a_time, setup_microhttpd, teardown),
		cmocka_unit_test_setup_teardown(heads_have_a_ceiling_together, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(what_comes_behind_has_a_ceiling_together, setup_direct, teardown),
		TEST(answers_share_a_page),
		TEST(bodies_have_a_ceiling_together),
		TEST(who_holds_a_page_is_cut_off_it),
		TEST(the_slowest_reader_is_cut_off_first),
		TEST(a_body_that_drips_is_cut_off),
		TEST(nobody_is_cut_off_for_himself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

static int run_seat_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(more_connections_than_seats_are_served_in_turn),
		TEST(a_full_door_opens_when_all_leave_at_once),
		TEST(seats_are_shared_by_addresses),
		TEST(a_want_of_descriptors_passes),
		TEST(descriptors_that_come_back_are_noticed),
		TEST(a_want_of_descriptors_is_a_want_of_seats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_get_is_answered),
		TEST(head_is_served_by_get),
		TEST(what_has_no_route_is_404_or_405),
		TEST(empty_parts_of_a_path_mean_nothing),
		TEST(web_pages_of_others_are_403),
		TEST(an_old_client_is_served),
		cmocka_unit_test_setup_teardown(an_old_client_may_stay, setup_direct, teardown),
		TEST(answers_are_dated),
		cmocka_unit_test_setup_teardown(
			connections_are_kept_and_pipelines_answered_in_order, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(a_connection_ends_at_its_age_after_an_answer, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(a_long_pipeline_is_answered_whole, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(a_pipeline_waits_for_the_answer_before, setup_direct, teardown),
		TEST(a_body_comes_whole),
		cmocka_unit_test_setup_teardown(a_body_is_received_where_the_handler_wants_it, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_leaves_while_its_body_is_received, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(a_chunked_body_comes_whole, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(a_chunked_body_comes_byte_by_byte, setup_direct, teardown),
		TEST(an_empty_body_completes),
		TEST(who_expects_is_told_to_continue),
		TEST(who_expects_and_is_refused_sends_no_body),
		cmocka_unit_test_setup_teardown(a_chunked_body_needs_a_length, setup_microhttpd, teardown),
		TEST(a_body_that_no_route_takes_is_400),
		TEST(an_early_answer_comes_whole),
		TEST(an_answer_in_the_middle_of_the_body),
		TEST(an_answer_much_later),
		TEST(who_waits_costs_nothing),
		TEST(a_large_answer_comes_whole),
		TEST(an_announced_body_too_large_is_413),
		TEST(the_413_survives_a_peer_that_keeps_sending),
		cmocka_unit_test_setup_teardown(an_endless_chunked_body_is_413, setup_direct, teardown),
		TEST(a_body_of_just_the_limit_is_taken),
		TEST(an_endless_head_is_refused),
		TEST(an_endless_target_is_refused),
		TEST(garbage_is_refused),
		TEST(doubtful_heads_are_refused),
		TEST(another_version_is_505),
		TEST(an_absolute_target_is_taken),
		TEST(a_last_answer_survives_what_is_sent_behind_it),
		TEST(a_slow_head_is_408),
		TEST(a_slow_body_is_408),
		TEST(who_does_not_take_the_answer_is_cut_off),
		TEST(a_handler_may_take_its_time),
		TEST(an_idle_connection_is_closed),
		TEST(a_peer_that_leaves_mid_body_is_gone),
		TEST(a_peer_that_left_while_it_waited),
		TEST(a_unix_socket_serves_and_its_file_goes),
		TEST(a_dead_socket_is_replaced_a_live_one_refused),
		TEST(other_files_are_left_alone),
		TEST(addresses_that_are_none_are_refused),
		TEST(every_address_and_localhost),
		TEST(quiescing_finishes_what_is_under_way),
		TEST(freeing_tells_what_is_open),
		TEST(freeing_in_the_middle_of_bodies_and_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) + run_seat_tests() + run_memory_tests();
}
