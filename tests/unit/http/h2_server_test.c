/*
 * The engine of HTTP/2 against a peer that writes frames by hand: streams, windows, answers with trailers, the ends of
 * streams and connections, seats and patience.
 */
#include "http/server.h"

#include "unit/http/h2_raw.h"

enum { BODY_MAX = 1 << 20, SEATS = 12, BIG = 300 << 10, WAITING_MAX = 1200, IDLE_S = 5, AGE_S = 60 };
enum { REFUSED_STREAM = 7, CANCEL = 8 };

struct fixture {
	struct world world;
	struct http_server *server;
	struct http_route routes[6];
	uint16_t port;
	uint64_t evicted, refused;
	struct http_request *waiting[WAITING_MAX];
	unsigned waiting_count, begun, gone, broke_off;
	uint64_t callbacks_before; /* callbacks of the loop that ended before the last one began */
	size_t taken;
	int64_t each_reading; /* by which the clock goes on with each reading */
	struct h2_peer peer;
};

static struct mono_time stepping_mono(const struct clock *c)
{
	struct world *w = CONTAINER_OF(c, struct world, clock);

	w->ahead += CONTAINER_OF(w, struct fixture, world)->each_reading;
	return (struct mono_time){ w->began + w->ahead };
}

static uint64_t callbacks(const struct fixture *f)
{
	const struct loop_slices *s = loop_slices(f->world.loop);
	uint64_t sum = 0;

	for (size_t i = 0; i < COUNT_OF(s->counts); i++)
		sum += s->counts[i];
	return sum;
}

static enum http_take begin(void *context, struct http_request *r)
{
	struct fixture *f = context;

	(void)r;
	f->begun++;
	f->callbacks_before = callbacks(f);
	return HTTP_TAKEN;
}

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	struct fixture *f = context;

	(void)r;
	f->taken += piece.size;
	return HTTP_TAKEN;
}

static void hello(void *context, struct http_request *r)
{
	static const char *const trailers[] = { "Grpc-Status", "0", NULL };

	(void)context;
	http_respond(r, &(struct http_answer){ .status = 200,
				.content_type = "application/grpc",
				.trailers = trailers,
				.constant = bytes_of("hello") });
}

static void only_trailers(void *context, struct http_request *r)
{
	static const char *const trailers[] = { "grpc-status", "12", NULL };

	(void)context;
	http_respond(r, &(struct http_answer){ .status = 200, .trailers = trailers });
}

static void later(void *context, struct http_request *r)
{
	struct fixture *f = context;

	assert_true(f->waiting_count < WAITING_MAX);
	f->waiting[f->waiting_count++] = r;
}

static void big(void *context, struct http_request *r)
{
	struct buffer body;

	(void)context;
	buffer_init(&body, BIG);
	memset(buffer_reserve(&body, BIG), 'x', BIG);
	body.size = BIG;
	http_respond(r, &(struct http_answer){ .status = 200, .body = &body });
}

static enum http_take too_early(void *context, struct http_request *r)
{
	(void)context;
	http_respond_text(r, 503, "text/plain", "no room\n");
	return HTTP_ANSWERED;
}

static void count_gone(void *context, struct http_request *r)
{
	struct fixture *f = context;

	(void)r;
	f->gone++;
}

static void note_broke_off(void *context)
{
	((struct fixture *)context)->broke_off++;
}

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);
	const struct http_route routes[] = {
		{ HTTP_POST, "/take", begin, take_body, hello, count_gone, f, 0 },
		{ HTTP_POST, "/only", NULL, take_body, only_trailers, count_gone, f, 0 },
		{ HTTP_POST, "/late", begin, take_body, later, count_gone, f, 0 },
		{ HTTP_POST, "/busy", too_early, take_body, later, count_gone, f, 0 },
		{ HTTP_POST, "/huge", NULL, take_body, big, count_gone, f, 0 },
		{ .path = NULL },
	};
	struct http_server_options o = { .name = "test",
		.body_max = BODY_MAX,
		.connections_max = SEATS,
		.idle = DURATION_S(IDLE_S),
		.age = DURATION_S(AGE_S),
		.priority = LOOP_PROBES,
		.engine = HTTP_2,
		.evicted = &f->evicted,
		.refused = &f->refused,
		.broke_off = note_broke_off,
		.context = f };

	memcpy(f->routes, routes, sizeof routes);
	world_init(&f->world);
	f->world.clock.mono = stepping_mono;
	assert_int_equal(http_server_new(f->world.loop, &o, f->routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
	h2_connect(&f->peer, &f->world, f->port);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	h2_done(&f->peer);
	http_server_free(f->server);
	loop_free(f->world.loop);
	free(f);
	return 0;
}

static void go_ahead(struct fixture *f, int64_t seconds)
{
	f->world.ahead += seconds * 1000000000;
	turns(&f->world, 4);
}

static void until_waiting(struct fixture *f, unsigned count)
{
	while (f->waiting_count < count)
		raw_turn(&f->peer.raw);
}

static void until_begun(struct fixture *f, unsigned count)
{
	while (f->begun < count)
		raw_turn(&f->peer.raw);
}

static void answer(struct fixture *f, unsigned i)
{
	http_respond_text(f->waiting[i], 200, "text/plain", "late\n");
}

/* A block of fields for one of the paths of five bytes. */
#define HEAD(path) "\\x83\\x86\\x44\\x05" path "\\x41\\x01x"

static void an_answer_ends_with_its_trailers(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	h2_send(&f->peer, "headers:4:1:{post} data:1:1:abc");
	frame = h2_expect(&f->peer, H2_HEADERS, 1);
	assert_string_equal(f->peer.fields, ":status: 200\ncontent-type: application/grpc\n");
	assert_false(frame.flags & H2_END_STREAM);
	frame = h2_expect(&f->peer, H2_DATA, 1);
	assert_memory_equal(frame.payload, "hello", 5);
	assert_false(frame.flags & H2_END_STREAM);
	frame = h2_expect(&f->peer, H2_HEADERS, 1);
	assert_string_equal(f->peer.fields, "grpc-status: 0\n");
	assert_true(frame.flags & H2_END_STREAM);
	assert_int_equal(f->taken, 3);
}

static void trailers_without_a_body_are_in_the_head(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	h2_send(&f->peer, "headers:5:1:" HEAD("/only"));
	frame = h2_expect(&f->peer, H2_HEADERS, 1);
	assert_string_equal(f->peer.fields, ":status: 200\ngrpc-status: 12\n");
	assert_true(frame.flags & H2_END_STREAM);
}

static void streams_are_served_beside_each_other(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:" HEAD("/late") " headers:4:3:" HEAD("/late") " data:0:1:a data:1:3:b");
	until_waiting(f, 1);
	h2_send(&f->peer, "data:1:1:a");
	until_waiting(f, 2);
	answer(f, 1);
	h2_expect(&f->peer, H2_DATA, 1);
	answer(f, 0);
	h2_expect(&f->peer, H2_DATA, 3);
	assert_int_equal(f->taken, 3);
	assert_int_equal(http_server_totals(f->server).open, 0);
}

static void a_connection_has_a_hundred_streams(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	h2_send(&f->peer, "100*headers:5:+:" HEAD("/late"));
	until_waiting(f, 100);
	h2_send(&f->peer, "headers:5:201:" HEAD("/late"));
	frame = h2_expect(&f->peer, H2_RST, 201);
	assert_int_equal(h2_u32(frame.payload), REFUSED_STREAM);
	answer(f, 7);
	h2_expect(&f->peer, H2_DATA, 15);
	h2_send(&f->peer, "headers:5:203:" HEAD("/late"));
	until_waiting(f, 101);
}

static void of_too_many_streams_the_oldest_unfinished_gives_way(void **state)
{
	struct fixture *f = *state;
	struct h2_peer others[10];
	struct h2_frame frame;

	h2_send(&f->peer, "99*headers:4:+:" HEAD("/late") " headers:5:199:" HEAD("/late"));
	until_waiting(f, 1);
	for (unsigned i = 0; i < COUNT_OF(others); i++) {
		h2_connect(&others[i], &f->world, f->port);
		h2_send(&others[i], "100*headers:4:+:{post}");
	}
	until_begun(f, 1100);
	assert_int_equal(f->evicted, 1100 - 1024);
	assert_int_equal(f->begun - f->gone, 1024);
	frame = h2_expect(&f->peer, H2_RST, H2_ANY);
	assert_int_equal(h2_u32(frame.payload), REFUSED_STREAM);
	answer(f, 0);
	h2_expect(&f->peer, H2_DATA, 199);
	for (unsigned i = 0; i < COUNT_OF(others); i++)
		h2_done(&others[i]);
}

static void the_window_opens_as_the_body_is_taken(void **state)
{
	struct fixture *f = *state;
	size_t opened = 0;

	h2_send(&f->peer, "headers:4:1:" HEAD("/late"));
	h2_expect(&f->peer, H2_SETTINGS, 0); /* it is 64 KiB before */
	h2_send(&f->peer, "settings:1:0: 15*data:0:1:{x*16000}");
	while (f->taken < 15 * 16000)
		raw_turn(&f->peer.raw);
	while (opened < 128 << 10)
		opened += h2_u32(h2_expect(&f->peer, H2_WINDOW, 1).payload);
	assert_true(opened <= f->taken);
}

static void an_early_answer_stops_the_body(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	h2_send(&f->peer, "headers:4:1:" HEAD("/busy") " data:0:1:abc");
	h2_expect(&f->peer, H2_HEADERS, 1);
	assert_true(h2_has_field(&f->peer, ":status: 503\n"));
	frame = h2_expect(&f->peer, H2_RST, 1);
	assert_int_equal(h2_u32(frame.payload), 0);
	h2_send(&f->peer, "data:0:1:{x*10000}"); /* was on its way */
	assert_true(h2_serves(&f->peer, 3));
	assert_int_equal(f->taken, 2);
}

static void an_answer_waits_for_its_window(void **state)
{
	struct fixture *f = *state;
	size_t came = 0;

	h2_send(&f->peer, "headers:5:1:" HEAD("/huge"));
	while (came < 65535)
		came += h2_expect(&f->peer, H2_DATA, 1).size;
	assert_int_equal(came, 65535);
	h2_send(&f->peer, "window:0:0:\\0\\x0f\\0\\0 window:0:1:\\0\\x0f\\0\\0");
	while (came < BIG)
		came += h2_expect(&f->peer, H2_DATA, 1).size;
	assert_int_equal(came, BIG);
}

static void a_peer_that_opens_no_window_is_cut_off_alone(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	h2_send(&f->peer, "headers:5:1:" HEAD("/huge") " headers:5:3:" HEAD("/late"));
	until_waiting(f, 1);
	go_ahead(f, 2 * IDLE_S + BIG / HTTP_RATE_MIN + 1);
	frame = h2_expect(&f->peer, H2_RST, 1);
	assert_int_equal(h2_u32(frame.payload), CANCEL);
	answer(f, 0);
	h2_expect(&f->peer, H2_HEADERS, 3);
}

static void a_body_that_does_not_come_is_cut_off_alone(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	h2_send(&f->peer, "headers:4:1:" HEAD("/late") " headers:5:3:" HEAD("/late"));
	until_waiting(f, 1);
	go_ahead(f, 2 * IDLE_S + 1);
	frame = h2_expect(&f->peer, H2_RST, 1);
	assert_int_equal(h2_u32(frame.payload), REFUSED_STREAM);
	assert_int_equal(f->gone, 1);
	assert_int_equal(http_server_totals(f->server).timeouts, 1);
	answer(f, 0);
	h2_expect(&f->peer, H2_DATA, 3);
}

static void a_slow_stream_gives_way_alone(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:" HEAD("/late") " data:0:1:abc headers:4:3:" HEAD("/late"));
	until_begun(f, 2);
	assert_false(http_server_cut_slow(f->server, NULL));
	f->world.ahead += (int64_t)2 * HTTP_SLOW_MS * 1000000;
	h2_send(&f->peer, "data:1:3:ab");
	until_waiting(f, 1);
	assert_true(http_server_cut_slow(f->server, f->waiting[0]));
	assert_int_equal(f->gone, 1);
	assert_false(http_server_cut_slow(f->server, f->waiting[0]));
	h2_expect(&f->peer, H2_RST, 1);
	answer(f, 0);
	h2_expect(&f->peer, H2_DATA, 3);
}

static void a_peer_that_leaves_takes_its_requests_with_it(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:{post} data:0:1:abc headers:5:3:" HEAD("/late") " headers:1:5:\\x83");
	until_waiting(f, 1);
	close(f->peer.raw.fd);
	f->peer.raw.fd = -1;
	while (http_server_totals(f->server).connections > 0)
		turn(&f->world);
	assert_int_equal(f->gone, 2);
	assert_int_equal(f->broke_off, 1);
	assert_int_equal(http_server_totals(f->server).open, 0);
}

static void a_stream_that_is_reset_is_gone_alone(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:5:1:" HEAD("/late") " headers:5:3:" HEAD("/late"));
	until_waiting(f, 2);
	h2_send(&f->peer, "rst:0:1:\\0\\0\\0\\x08");
	while (f->gone == 0)
		raw_turn(&f->peer.raw);
	answer(f, 1);
	h2_expect(&f->peer, H2_DATA, 3);
}

/* It is told to send no more; once it has answered the ping, which request was the last. */
static void expect_farewell(struct fixture *f)
{
	struct h2_frame frame = h2_expect(&f->peer, H2_GOAWAY, H2_ANY);
	char words[100] = "ping:1:0:";

	assert_int_equal(h2_u32(frame.payload), 0x7fffffff);
	assert_int_equal(h2_u32(frame.payload + 4), 0);
	frame = h2_expect(&f->peer, H2_PING, H2_ANY);
	for (unsigned i = 0; i < 8; i++)
		snprintf(words + strlen(words), 8, "\\x%02x", frame.payload[i]);
	h2_send(&f->peer, "headers:5:3:" HEAD("/late")); /* had been sent before */
	h2_send(&f->peer, words);
	frame = h2_expect(&f->peer, H2_GOAWAY, H2_ANY);
	assert_int_equal(h2_u32(frame.payload), 3);
	assert_int_equal(f->waiting_count, 2);
	h2_send(&f->peer, "headers:5:5:" HEAD("/late")); /* too late: to be sent elsewhere */
	answer(f, 0);
	answer(f, 1);
	h2_expect(&f->peer, H2_DATA, 3);
	raw_expect_end(&f->peer.raw);
	assert_false(f->peer.raw.reset);
	assert_int_equal(f->waiting_count, 2);
}

static void the_end_waits_for_what_is_under_way(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:5:1:" HEAD("/late"));
	until_waiting(f, 1);
	assert_int_equal(http_server_quiesce(f->server), 1);
	expect_farewell(f);
}

static void an_old_connection_ends_in_the_same_way(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:5:1:" HEAD("/late"));
	until_waiting(f, 1);
	go_ahead(f, AGE_S + 1);
	expect_farewell(f);
}

static void a_peer_that_answers_no_ping_is_ended_all_the_same(void **state)
{
	struct fixture *f = *state;

	assert_true(h2_serves(&f->peer, 1));
	go_ahead(f, 4);
	assert_true(h2_serves(&f->peer, 3));
	for (int i = 0; i < AGE_S; i += 4) {
		go_ahead(f, 4);
		h2_serves(&f->peer, 5 + i);
	}
	go_ahead(f, 2);
	go_ahead(f, 2);
	raw_expect_end(&f->peer.raw);
}

static void a_silent_connection_is_told_and_ended(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	assert_true(h2_serves(&f->peer, 1));
	go_ahead(f, IDLE_S + 1);
	frame = h2_expect(&f->peer, H2_GOAWAY, H2_ANY);
	assert_int_equal(h2_u32(frame.payload), 1);
	assert_int_equal(h2_u32(frame.payload + 4), 0);
	raw_expect_end(&f->peer.raw);
}

static void the_silent_give_their_seats_to_others(void **state)
{
	struct fixture *f = *state;
	struct h2_peer others[SEATS];

	h2_send(&f->peer, "headers:5:1:" HEAD("/late"));
	until_waiting(f, 1);
	for (unsigned i = 0; i < SEATS; i++) {
		f->world.ahead += 1000000;
		h2_connect(&others[i], &f->world, f->port);
		h2_send(&others[i], "headers:4:1:{post}");
		until_begun(f, 2 + i);
	}
	assert_int_equal(f->evicted, 1);
	assert_true(h2_await(&others[0], H2_GOAWAY, H2_ANY, &(struct h2_frame){ 0 }));
	answer(f, 0);
	h2_expect(&f->peer, H2_DATA, 1);
	for (unsigned i = 0; i < SEATS; i++)
		h2_done(&others[i]);
}

static void the_end_of_the_server_is_told(void **state)
{
	struct fixture *f = *state;
	struct h2_frame frame;

	h2_send(&f->peer, "headers:5:1:" HEAD("/late"));
	until_waiting(f, 1);
	http_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->gone, 1);
	frame = h2_expect(&f->peer, H2_GOAWAY, H2_ANY);
	assert_int_equal(h2_u32(frame.payload), 1);
}

/* With each reading of the clock a millisecond goes by: there is time for one step. */
static void what_a_turn_has_no_time_for_is_read_in_the_next(void **state)
{
	struct fixture *f = *state;
	uint64_t before_99;

	f->each_reading = 1000000;
	h2_send(&f->peer, "99*headers:4:+:{post}");
	h2_send(&f->peer, "100*window:0:0:\\0\\0\\0\\x01 500*99:0:0:{x*50}");
	while (f->begun < 99)
		raw_turn(&f->peer.raw);
	before_99 = f->callbacks_before;
	h2_send(&f->peer, "headers:4:999:{post}");
	while (f->begun < 100)
		raw_turn(&f->peer.raw);
	assert_true(f->callbacks_before - before_99 > 20);
}

static void a_peer_that_reads_nothing_is_not_read(void **state)
{
	struct fixture *f = *state;
	ssize_t n = 1;

	h2_send(&f->peer,
		"window:0:0:\\x7f\\0\\0\\0 settings:0:0:\\0\\x04\\x7f\\xff\\xff\\xff 90*headers:5:+:" HEAD("/huge"));
	for (int i = 0; i < 2000 && n > 0; i++) {
		char piece[4096] = { 0 };
		loop_turn(f->world.loop, DURATION_MS(0));
		n = send(f->peer.raw.fd, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	assert_true(n < 0);
	assert_int_equal(http_server_totals(f->server).connections, 1);
	assert_true(http_server_totals(f->server).unsent > 0);
	go_ahead(f, 2 * IDLE_S + BIG / HTTP_RATE_MIN + 1);
	go_ahead(f, 1);
	while (http_server_totals(f->server).connections > 0)
		turn(&f->world);
	assert_int_equal(http_server_totals(f->server).unsent, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_ends_with_its_trailers),
		TEST(trailers_without_a_body_are_in_the_head),
		TEST(streams_are_served_beside_each_other),
		TEST(a_connection_has_a_hundred_streams),
		TEST(of_too_many_streams_the_oldest_unfinished_gives_way),
		TEST(the_window_opens_as_the_body_is_taken),
		TEST(an_early_answer_stops_the_body),
		TEST(an_answer_waits_for_its_window),
		TEST(a_peer_that_opens_no_window_is_cut_off_alone),
		TEST(a_body_that_does_not_come_is_cut_off_alone),
		TEST(a_slow_stream_gives_way_alone),
		TEST(a_peer_that_leaves_takes_its_requests_with_it),
		TEST(a_stream_that_is_reset_is_gone_alone),
		TEST(the_end_waits_for_what_is_under_way),
		TEST(an_old_connection_ends_in_the_same_way),
		TEST(a_peer_that_answers_no_ping_is_ended_all_the_same),
		TEST(a_silent_connection_is_told_and_ended),
		TEST(the_silent_give_their_seats_to_others),
		TEST(the_end_of_the_server_is_told),
		TEST(what_a_turn_has_no_time_for_is_read_in_the_next),
		TEST(a_peer_that_reads_nothing_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
