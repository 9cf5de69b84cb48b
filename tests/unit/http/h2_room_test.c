/*
 * What a door of HTTP/2 has once for all peers, its streams and the library's memory, against peers that take all of it
 * and do nothing: whoever comes is served.
 */
#include "http/server.h"

#include "unit/http/h2_raw.h"

enum { SEATS = 64, STREAMS_ALL = 1024, HOARDERS = 56 };

struct fixture {
	struct world world;
	struct http_server *server;
	struct http_route routes[2];
	uint16_t port;
	uint64_t evicted;
	struct h2_peer peer, others[HOARDERS];
	unsigned others_count;
};

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	(void)context, (void)r, (void)piece;
	return HTTP_TAKEN;
}

static void hello(void *context, struct http_request *r)
{
	(void)context;
	http_respond_text(r, 200, "text/plain", "hello\n");
}

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);
	struct http_server_options o = { .name = "test",
		.body_max = 1 << 20,
		.connections_max = SEATS,
		.idle = DURATION_S(75),
		.priority = LOOP_PROBES,
		.engine = HTTP_2,
		.evicted = &f->evicted };

	world_init(&f->world);
	f->routes[0] = (struct http_route){
		.method = HTTP_POST, .path = "/take", .body = take_body, .complete = hello, .context = f
	};
	assert_int_equal(http_server_new(f->world.loop, &o, f->routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < f->others_count; i++)
		h2_done(&f->others[i]);
	h2_done(&f->peer);
	http_server_free(f->server);
	loop_free(f->world.loop);
	free(f);
	return 0;
}

/* So many connections, each of which says this. */
static void come(struct fixture *f, unsigned count, const char *words)
{
	for (unsigned i = 0; i < count; i++) {
		struct h2_peer *p = &f->others[f->others_count++];
		h2_connect(p, &f->world, f->port);
		h2_send(p, words);
		turns(&f->world, 2);
	}
}

/* Somebody who comes now. */
static void expect_served(struct fixture *f)
{
	struct h2_frame frame = { 0 };

	h2_connect(&f->peer, &f->world, f->port);
	h2_send(&f->peer, "headers:5:1:{post}");
	while (frame.type != H2_HEADERS) {
		while (h2_next(&f->peer, &frame) && frame.type != H2_HEADERS)
			assert_int_not_equal(frame.type, H2_RST);
		assert_false(f->peer.raw.ended && frame.type != H2_HEADERS);
		raw_turn(&f->peer.raw);
	}
	assert_true(h2_has_field(&f->peer, ":status: 200\n"));
}

/* Their window is shut. */
static void answers_that_nobody_takes_leave_streams_to_others(void **state)
{
	struct fixture *f = *state;

	come(f, STREAMS_ALL / 100 + 1, "settings:0:0:\\0\\x04\\0\\0\\0\\0 100*headers:5:+:{post}");
	while (http_server_totals(f->server).requests < STREAMS_ALL)
		turn(&f->world);
	turns(&f->world, 100);
	expect_served(f);
	assert_int_equal(http_server_totals(f->server).connections, STREAMS_ALL / 100 + 2);
}

/* The library makes room for a field as soon as it knows how long that will be: 65,536, 4,000 or 200 bytes in Huffman's
 * code, which take twice that. */
static void fields_that_never_come_leave_memory_to_others(void **state)
{
	struct fixture *f = *state;

	come(f, 40, "headers:0:1:\\x83\\x86\\x40\\xff\\x81\\xff\\x03xxxxxxxx");
	come(f, 12, "headers:0:1:\\x83\\x86\\x40\\xff\\xa1\\x1exxxxxxxx");
	come(f, 4, "headers:0:1:\\x83\\x86\\x40\\xff\\x49xxxxxxxx");
	expect_served(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_that_nobody_takes_leave_streams_to_others, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_that_never_come_leave_memory_to_others, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
