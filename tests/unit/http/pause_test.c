/*
 * Connections that are not read while their route has enough, with both engines that ask: which ones, what ends it, in
 * which order they go on, and that nothing is left of one that ends meanwhile.
 */
#include "http/server.h"

#include "unit/http/h2_raw.h"

enum { BODY_MAX = 1 << 20, SEATS = 4, PEERS = 3 };

struct fixture {
	struct world world;
	struct http_server *server;
	struct http_route routes[3];
	uint16_t port;
	struct h2_peer peers[PEERS]; /* of HTTP/1.1 only `raw` is used */
	bool http2;
	unsigned begun, asked;
	unsigned room; /* requests until there is enough */
	uint64_t evicted;
};

static enum http_take begin(void *context, struct http_request *r)
{
	struct fixture *f = context;

	(void)r;
	f->begun++;
	f->room -= f->room > 0;
	return HTTP_TAKEN;
}

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	(void)context, (void)r, (void)piece;
	return HTTP_TAKEN;
}

static void complete(void *context, struct http_request *r)
{
	(void)context;
	http_respond_text(r, 200, "text/plain", "taken");
}

static bool enough(void *context)
{
	struct fixture *f = context;

	f->asked++;
	return f->room == 0;
}

static void set_up(struct fixture *f, bool http2)
{
	const struct http_route routes[] = {
		{ HTTP_POST, "/take", begin, take_body, complete, NULL, f, .enough = enough },
		{ HTTP_POST, "/free", begin, take_body, complete, NULL, f },
		{ .path = NULL },
	};
	struct http_server_options o = { .name = "test",
		.body_max = BODY_MAX,
		.connections_max = SEATS,
		.idle = DURATION_S(60),
		.priority = LOOP_NORMAL,
		.engine = http2 ? HTTP_2 : HTTP_DIRECT,
		.evicted = &f->evicted };

	*f = (struct fixture){ .http2 = http2, .room = 1000 };
	memcpy(f->routes, routes, sizeof routes);
	world_init(&f->world);
	assert_int_equal(http_server_new(f->world.loop, &o, f->routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
	for (int i = 0; i < PEERS; i++)
		h2_connect(&f->peers[i], &f->world, f->port);
}

static void tear_down(struct fixture *f)
{
	for (int i = 0; i < PEERS; i++)
		h2_done(&f->peers[i]);
	http_server_free(f->server);
	loop_free(f->world.loop);
}

/* Over HTTP/2 each one on a stream of its own. */
static void post(struct fixture *f, int peer, int number, const char *path)
{
	struct h2_peer *p = &f->peers[peer];
	char text[256];

	if (f->http2)
		snprintf(text, sizeof text, "headers:4:%d:\\x83\\x86\\x44\\x05%s\\x41\\x01x data:1:%d:ab",
			2 * number + 1, path, 2 * number + 1);
	else
		snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", path);
	if (f->http2)
		h2_send(p, text);
	else
		raw_send(&p->raw, text);
}

static void expect_answer(struct fixture *f, int peer, int number)
{
	struct h2_peer *p = &f->peers[peer];

	if (f->http2) {
		h2_expect(p, H2_DATA, 2 * number + 1);
	} else {
		raw_expect(&p->raw, "\r\n\r\ntaken");
		raw_clear(&p->raw);
	}
}

static void post_and_expect(struct fixture *f, int peer, int number, const char *path)
{
	post(f, peer, number, path);
	expect_answer(f, peer, number);
}

/* Until it was asked about that peer's request, and that is all that comes of it. */
static void is_not_read(struct fixture *f, int peer, int number)
{
	unsigned asked = f->asked, begun = f->begun;

	post(f, peer, number, "/take");
	while (f->asked == asked)
		turn(&f->world);
	turns(&f->world, 20);
	assert_int_equal(f->begun, begun);
}

static void it_is_read_when_there_is_not_enough_any_more(bool http2)
{
	struct fixture f;

	set_up(&f, http2);
	f.room = 1;
	post_and_expect(&f, 0, 0, "/take");
	is_not_read(&f, 0, 1);
	http_server_go_on(f.server); /* too early */
	turns(&f.world, 20);
	assert_int_equal(f.begun, 1);
	f.room = 5;
	http_server_go_on(f.server);
	expect_answer(&f, 0, 1);
	post_and_expect(&f, 0, 2, "/take");
	tear_down(&f);
}

/* What a connection will ask for is not known before. */
static void others_are_read(bool http2)
{
	struct fixture f;

	set_up(&f, http2);
	f.room = 1;
	post_and_expect(&f, 0, 0, "/take");
	is_not_read(&f, 0, 1);
	post_and_expect(&f, 1, 0, "/take");
	post_and_expect(&f, 2, 0, "/free");
	post_and_expect(&f, 2, 1, "/free");
	assert_int_equal(f.begun, 4);
	tear_down(&f);
}

/* No more of them than there is room for. */
static void they_go_on_in_their_order(bool http2)
{
	struct fixture f;

	set_up(&f, http2);
	for (int i = 0; i < PEERS; i++)
		post_and_expect(&f, i, 0, "/take");
	f.room = 0;
	is_not_read(&f, 1, 1);
	is_not_read(&f, 2, 1);
	is_not_read(&f, 0, 1);
	for (int i = 0; i < PEERS; i++) {
		f.room = 1;
		http_server_go_on(f.server);
		expect_answer(&f, (i + 1) % PEERS, 1);
		turns(&f.world, 20);
		assert_int_equal(f.begun, PEERS + 1 + i);
	}
	tear_down(&f);
}

static void one_that_ends_meanwhile_leaves_nothing(bool http2)
{
	struct fixture f;

	set_up(&f, http2);
	for (int i = 0; i < PEERS; i++)
		post_and_expect(&f, i, 0, "/take");
	f.room = 0;
	is_not_read(&f, 0, 1);
	is_not_read(&f, 1, 1);
	h2_done(&f.peers[0]);
	f.peers[0] = (struct h2_peer){ .raw = { .fd = -1 } };
	f.room = 9;
	http_server_go_on(f.server);
	expect_answer(&f, 1, 1);
	while (http_server_totals(f.server).connections > PEERS - 1)
		turn(&f.world);
	f.room = 0;
	is_not_read(&f, 1, 2);
	tear_down(&f); /* while it is paused */
}

static void the_end_waits_for_nobody(bool http2)
{
	struct fixture f;

	set_up(&f, http2);
	f.room = 1;
	post_and_expect(&f, 0, 0, "/take");
	is_not_read(&f, 0, 1);
	http_server_quiesce(f.server);
	if (http2) {
		while (http_server_totals(f.server).connections > 0)
			raw_turn(&f.peers[0].raw), f.world.ahead += 1000000;
	} else {
		expect_answer(&f, 0, 1);
	}
	tear_down(&f);
}

#define BOTH(test)                         \
	static void test##_1(void **state) \
	{                                  \
		(void)state;               \
		test(false);               \
	}                                  \
	static void test##_2(void **state) \
	{                                  \
		(void)state;               \
		test(true);                \
	}
BOTH(it_is_read_when_there_is_not_enough_any_more)
BOTH(others_are_read)
BOTH(they_go_on_in_their_order)
BOTH(one_that_ends_meanwhile_leaves_nothing)
BOTH(the_end_waits_for_nobody)

/* Its rest came when there was enough. */
static void a_request_that_has_begun_is_read_to_its_end(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, false);
	post_and_expect(&f, 0, 0, "/take");
	raw_send(&f.peers[0].raw, "POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
	while (f.begun < 2)
		turn(&f.world);
	f.room = 0;
	raw_send(&f.peers[0].raw, "cd");
	expect_answer(&f, 0, 1);
	tear_down(&f);
}

#define TEST(test) cmocka_unit_test(test##_1), cmocka_unit_test(test##_2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_read_when_there_is_not_enough_any_more),
		TEST(others_are_read),
		TEST(they_go_on_in_their_order),
		TEST(one_that_ends_meanwhile_leaves_nothing),
		TEST(the_end_waits_for_nobody),
		cmocka_unit_test(a_request_that_has_begun_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
