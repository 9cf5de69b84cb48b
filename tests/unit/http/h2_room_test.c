/*
 * What a door of HTTP/2 has once for all peers, its streams and its memory, against peers that take all of it and do
 * nothing: whoever comes is served, and the memory is no more than was given.
 */
#include <malloc.h>

#include "http/server.h"

#include "unit/http/h2_raw.h"

enum { SEATS = 64, STREAMS_ALL = 1024, HOARDERS = 56, SMALL_ROOM = 1 << 20 };

/* With the sanitizers, which have an allocator of their own. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

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

static int setup_with(void **state, size_t room)
{
	struct fixture *f = oxp_new(sizeof *f);
	struct http_server_options o = { .name = "test",
		.body_max = 1 << 20,
		.connections_max = SEATS,
		.room = room,
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

static int setup(void **state)
{
	return setup_with(state, 0);
}

static int setup_small(void **state)
{
	return setup_with(state, SMALL_ROOM);
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

static size_t allocated(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

/* As much as the door takes of it, without a look at what it answers. */
static void say(struct fixture *f, struct h2_peer *p, const char *words)
{
	enum { PATIENCE = 50, FEW = 4096 };
	char *copy = oxp_strdup(words);
	int few = FEW;
	struct buffer out;
	size_t sent = 0;

	setsockopt(p->raw.fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
	buffer_init(&out, FRAMES_MAX);
	frames_write(copy, &out);
	for (int left = PATIENCE; left > 0 && sent < out.size; left--) {
		ssize_t n = send(p->raw.fd, out.data + sent, out.size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		left = n > 0 ? PATIENCE : left;
		turn(&f->world);
	}
	buffer_done(&out);
	free(copy);
}

/* What all of them make the door hold is within what it was given. */
static void expect_bounded(struct fixture *f, const char *words)
{
	size_t before = allocated(), most = 0;

	for (unsigned i = 0; i < HOARDERS / 2; i++) {
		struct h2_peer *p = &f->others[f->others_count++];
		h2_connect(p, &f->world, f->port);
		say(f, p, words);
		most = most > allocated() ? most : allocated();
	}
	assert_in_range(most - before, SMALL_ROOM / 8, SMALL_ROOM);
	expect_served(f);
}

static void answers_that_are_not_read_have_a_ceiling(void **state)
{
	expect_bounded(*state, "20000*headers:5:+:{post}");
}

static void streams_and_heads_have_a_ceiling(void **state)
{
	expect_bounded(*state, "100*headers:4:+:{post}\\0\\x01a\\x7f\\xa1\\x1d{x*3872}");
}

static void fields_that_never_come_have_a_ceiling(void **state)
{
	expect_bounded(*state, "headers:0:1:\\x83\\x86\\x40\\xff\\x81\\xff\\x03xxxxxxxx");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_that_nobody_takes_leave_streams_to_others, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_that_never_come_leave_memory_to_others, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_that_are_not_read_have_a_ceiling, setup_small, teardown),
		cmocka_unit_test_setup_teardown(streams_and_heads_have_a_ceiling, setup_small, teardown),
		cmocka_unit_test_setup_teardown(fields_that_never_come_have_a_ceiling, setup_small, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
