/*
 * The table of malformed requests (tests/hostile/requests.txt) against both engines, whole and in pieces; and silent,
 * unfinished and stuck connections that want every seat.
 */
#include "http/server.h"

#include <poll.h>
#include <unistd.h>

#include "hostile/rows.h"
#include "unit/http/raw.h"

enum { BODY_MAX = 100 << 10, SEATS = 16, BIG = 8 << 20, AT_ONCE = 4, SMALL = 256 << 10, SOME = 1 << 20 };

struct fixture {
	bool direct;
	struct world world;
	struct http_server *server;
	struct http_route routes[8];
	uint16_t port;
	uint64_t evicted, refused;
	int waiting_max;
	size_t room;
	struct http_request *waiting[SEATS];
	size_t waiting_count;
	unsigned gone;
};

static void hello(void *context, struct http_request *r)
{
	(void)context;
	http_respond_text(r, 200, "text/plain", "hello\n");
}

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	(void)context, (void)r, (void)piece;
	return HTTP_TAKEN;
}

static void later(void *context, struct http_request *r)
{
	struct fixture *f = context;

	assert_true(f->waiting_count < SEATS);
	f->waiting[f->waiting_count++] = r;
}

static void count_gone(void *context, struct http_request *r)
{
	struct fixture *f = context;

	(void)r;
	f->gone++;
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

/* Only a test moves it on, however slow the machine is: sweeps, and the end of patience, come when it says. */
static struct mono_time standing_mono(const struct clock *c)
{
	const struct world *w = CONTAINER_OF(c, struct world, clock);

	return (struct mono_time){ w->began + w->ahead };
}

static int new_server(struct fixture *f, size_t seats)
{
	struct http_server_options o = { .name = "test",
		.body_max = BODY_MAX,
		.connections_max = seats,
		.room = f->room,
		.idle = DURATION_S(1),
		.priority = LOOP_PROBES,
		.engine = f->direct ? HTTP_DIRECT : HTTP_BY_MICROHTTPD,
		.waiting_max = f->waiting_max,
		.evicted = &f->evicted,
		.refused = &f->refused };
	int failed = http_server_new(f->world.loop, &o, f->routes, &f->server);

	if (failed)
		return failed;
	return http_server_listen(f->server, "127.0.0.1:0", &f->port);
}

static int setup(void **state, bool direct)
{
	struct fixture *f = oxp_new(sizeof *f);
	const struct http_route routes[] = {
		{ HTTP_GET, "/hello", .complete = hello },
		{ HTTP_POST, "/take", .body = take_body, .complete = hello, .gone = count_gone, .context = f },
		{ HTTP_GET, "/later", .complete = later, .gone = count_gone, .context = f },
		{ HTTP_POST, "/later", .body = take_body, .complete = later, .gone = count_gone, .context = f },
		{ HTTP_GET, "/big", .complete = big },
		{ HTTP_GET, "/few", .complete = later, .gone = count_gone, .context = f, .at_once = AT_ONCE },
		{ HTTP_GET, "/few-big", .complete = big, .at_once = AT_ONCE },
		{ .path = NULL },
	};

	f->direct = direct;
	memcpy(f->routes, routes, sizeof routes);
	world_init(&f->world);
	f->world.clock.mono = standing_mono;
	assert_int_equal(new_server(f, SEATS), 0);
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

	http_server_free(f->server);
	loop_free(f->world.loop);
	free(f);
	return 0;
}

static struct http_server_totals totals(const struct fixture *f)
{
	return http_server_totals(f->server);
}

/* The table. */

static unsigned heads(const struct raw *raw)
{
	const char *p = raw->in.data, *end = p + raw->in.size;
	unsigned count = 0;

	while (p && (p = memmem(p, (size_t)(end - p), "HTTP/1.", 7))) {
		p += 7;
		count++;
	}
	return count;
}

static unsigned status(const struct raw *raw)
{
	bool there = raw->in.size > 12 && memcmp(raw->in.data, "HTTP/1.1 ", 9) == 0;

	return there ? (unsigned)strtoul(raw->in.data + 9, NULL, 10) : 0;
}

static bool is_as_told(const struct fixture *f, const struct hostile_row *row, unsigned got)
{
	bool without_chunks = row->kind == 'b' && !f->direct;

	return got == row->status || (without_chunks && (got == 411 || got == 405 || got == 404));
}

static void check_row(struct fixture *f, const struct hostile_row *row, struct bytes bytes, size_t piece)
{
	struct raw raw;

	raw_connect(&raw, &f->world, f->port);
	for (size_t at = 0; at < bytes.size && !raw.ended; at += piece) {
		raw_send_bytes(&raw, bytes.data + at, piece < bytes.size - at ? piece : bytes.size - at);
		raw_receive(&raw);
	}
	raw_expect_end(&raw);
	if (heads(&raw) != 1 || !is_as_told(f, row, status(&raw)) || !raw_has(&raw, "onnection: close\r\n"))
		fail_msg("%s, in pieces of %zu: %.*s", row->name, piece, (int)raw.in.size, raw.in.data);
	raw_done(&raw);
}

static void every_row_is_refused_once(void **state)
{
	static const struct hostile_targets targets = { "/hello", "/take" };
	struct fixture *f = *state;
	FILE *file = fopen(unit_file("hostile/requests.txt"), "r");
	struct hostile_row row;
	struct buffer bytes;
	unsigned rows = 0;

	assert_non_null(file);
	buffer_init(&bytes, HOSTILE_MAX);
	while (hostile_next(file, &row)) {
		if (row.kind == 'o')
			continue;
		buffer_clear(&bytes);
		hostile_bytes(&row, &targets, &bytes);
		check_row(f, &row, buffer_bytes(&bytes), bytes.size);
		check_row(f, &row, buffer_bytes(&bytes), bytes.size < 1000 ? 1 : 1000);
		rows++;
	}
	assert_true(rows > 70);
	while (totals(f).open > 0 || totals(f).connections > 0)
		turn(&f->world);
	assert_true(totals(f).bad_requests + totals(f).refused_size >= 2 * rows - 4);
	assert_int_equal(f->refused, totals(f).bad_requests + totals(f).refused_size);
	buffer_done(&bytes);
	fclose(file);
}

/* Who wants every seat. */

static void connect_all(struct fixture *f, struct raw raws[SEATS], const char *text)
{
	int small = SMALL;

	for (int i = 0; i < SEATS; i++) {
		raw_connect(&raws[i], &f->world, f->port);
		assert_int_equal(setsockopt(raws[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
		raw_send(&raws[i], text);
	}
	turns(&f->world, 20);
}

static void done_all(struct raw raws[SEATS])
{
	for (int i = 0; i < SEATS; i++)
		raw_done(&raws[i]);
}

/* Not by waiting for anybody's patience: no time passes. */
static void expect_hello(struct fixture *f)
{
	struct raw raw;

	raw_connect(&raw, &f->world, f->port);
	raw_send(&raw, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	raw_expect(&raw, "hello\n");
	raw_done(&raw);
}

static void check_seats_are_given_up(struct fixture *f, const char *text)
{
	struct raw raws[SEATS];

	connect_all(f, raws, text);
	assert_int_equal(totals(f).connections, SEATS);
	expect_hello(f);
	assert_int_equal(totals(f).evicted, 1);
	assert_int_equal(f->evicted, 1);
	assert_int_equal(totals(f).timeouts, 0);
	raw_receive(&raws[0]);
	assert_true(raws[0].ended); /* the oldest, and no other */
	for (int i = 1; i < SEATS; i++) {
		raw_receive(&raws[i]);
		assert_false(raws[i].ended);
	}
	done_all(raws);
}

static void a_silent_connection_gives_up_its_seat(void **state)
{
	check_seats_are_given_up(*state, "");
}

static void an_unfinished_head_gives_up_its_seat(void **state)
{
	check_seats_are_given_up(*state, "GET /hello HTTP/1.1\r\nHost:");
}

static void an_unfinished_body_gives_up_its_seat(void **state)
{
	struct fixture *f = *state;

	check_seats_are_given_up(f, "POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
	while (f->gone == 0)
		turn(&f->world);
}

static void a_kept_connection_gives_up_its_seat(void **state)
{
	check_seats_are_given_up(*state, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
}

/* A byte now and then makes nobody younger. */
static void whoever_trickles_is_the_oldest_all_the_same(void **state)
{
	static const char text[] = "GET /hello HTTP/1.1\r\nHost: a-long-name\r\n";
	struct fixture *f = *state;
	struct raw raws[SEATS];

	connect_all(f, raws, "GET ");
	for (size_t i = 0; i < sizeof text - 5; i++) {
		raw_send_bytes(&raws[0], text + 4 + i, 1);
		turns(&f->world, 2);
	}
	expect_hello(f);
	raw_receive(&raws[0]);
	assert_true(raws[0].ended);
	assert_true(raw_has(&raws[0], "HTTP/1.1 503 "));
	done_all(raws);
}

/* Long heads without an end: what they have of memory has a ceiling, too. */
static void expect_heads(struct fixture *f, size_t room, size_t ceiling)
{
	enum { SIZE = 30 << 10, MANY = 60 };
	struct raw raws[MANY];
	char *text = malloc(SIZE);
	unsigned there = 0;

	assert_non_null(text);
	memset(text, 'x', SIZE);
	memcpy(text, "GET /hello?", 11);
	http_server_free(f->server);
	f->server = NULL;
	f->room = room;
	f->evicted = 0;
	assert_int_equal(new_server(f, MANY + 1), 0);
	for (int i = 0; i < MANY; i++) {
		raw_connect(&raws[i], &f->world, f->port);
		raw_send_bytes(&raws[i], text, SIZE);
		turns(&f->world, 5);
	}
	for (int i = 0; i < MANY; i++) {
		raw_receive(&raws[i]);
		there += !raws[i].ended;
	}
	assert_in_range(there, ceiling / SIZE - 1, ceiling / SIZE + 1);
	assert_false(raws[MANY - 1].ended);
	assert_int_equal(totals(f).evicted, MANY - there);
	expect_hello(f);
	for (int i = 0; i < MANY; i++)
		raw_done(&raws[i]);
	free(text);
}

static void unfinished_heads_have_a_ceiling(void **state)
{
	expect_heads(*state, 0, 1 << 20);
	expect_heads(*state, 2 << 20, 512 << 10);
}

/* Whoever has sent something that was not read yet is not silent. */
static void what_has_come_is_served_before_anybody_goes(void **state)
{
	enum { MANY = 10 * SEATS };
	struct fixture *f = *state;
	struct raw raws[MANY];

	for (int i = 0; i < MANY; i++) {
		raw_init(&raws[i], &f->world, tcp_connect(f->port));
		assert_true(send(raws[i].fd, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 51,
				    MSG_NOSIGNAL) == 51);
	}
	for (int i = 0; i < MANY; i++) {
		raw_expect(&raws[i], "hello\n");
		raw_done(&raws[i]);
	}
	assert_int_equal(totals(f).evicted, 0);
}

static uint64_t slices(const struct fixture *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += loop_slices(f->world.loop)->counts[i];
	return sum;
}

/* Then whoever comes waits outside, which costs nothing. */
static void what_is_handled_keeps_its_seat(void **state)
{
	enum { TURNS = 50 };
	uint64_t before;
	struct fixture *f = *state;
	struct raw raws[SEATS], other;

	connect_all(f, raws, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_int_equal(f->waiting_count, SEATS);
	raw_connect(&other, &f->world, f->port);
	raw_send(&other, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(&f->world, 20);
	raw_receive(&other);
	assert_false(other.ended);
	before = slices(f);
	turns(&f->world, TURNS);
	assert_in_range(slices(f) - before, 0, TURNS + 5);
	assert_int_equal(totals(f).evicted, 0);
	assert_int_equal(totals(f).requests, SEATS);
	http_respond_text(f->waiting[3], 200, "text/plain", "at last");
	raw_expect(&raws[3], "at last");
	raw_expect(&other, "hello\n");
	raw_done(&other);
	done_all(raws);
}

/* The door rests for a moment when all are being served. */
static void let_the_door_rest(struct fixture *f)
{
	f->world.ahead += 50000000;
	turns(&f->world, 20);
}

static void check_seats_of_who_is_gone(struct fixture *f, struct raw raws[SEATS])
{
	connect_all(f, raws, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	assert_int_equal(f->waiting_count, SEATS);
	for (int i = 4; i < SEATS; i++) {
		close(raws[i].fd);
		raws[i].fd = -1;
	}
	let_the_door_rest(f);
	assert_int_equal(f->gone, 0);
	expect_hello(f);
	expect_hello(f);
	assert_in_range(f->gone, 1, 2);
	assert_int_equal(totals(f).evicted, f->gone);
	assert_int_equal(totals(f).open, SEATS - f->gone);
}

/* What a handler has for a peer that has left is dropped when its seat is wanted, not before, and nobody else's. */
static void who_is_gone_gives_up_its_seat(void **state)
{
	struct fixture *f = *state;
	struct raw raws[SEATS];

	check_seats_of_who_is_gone(f, raws);
	for (int i = 0; i < 4; i++) {
		http_respond_text(f->waiting[i], 200, "text/plain", "at last");
		raw_expect(&raws[i], "at last");
	}
	done_all(raws);
}

/* Who has said all and waits for the answer looks the same, and has it as long as there is a seat. */
static void who_has_said_all_has_its_answer(void **state)
{
	struct fixture *f = *state;
	struct raw raws[SEATS];

	connect_all(f, raws, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	raw_done(&raws[0]);
	for (int i = 1; i < SEATS; i++)
		assert_int_equal(shutdown(raws[i].fd, SHUT_WR), 0);
	let_the_door_rest(f);
	expect_hello(f);
	assert_int_equal(totals(f).evicted, 1);
	for (int i = 1; i < SEATS; i++) {
		http_respond_text(f->waiting[i], 200, "text/plain", "at last");
		raw_expect(&raws[i], "at last");
	}
	done_all(raws);
}

/* Whoever stands there is worked on before anybody who comes now. */
static void few_wait_where_each_takes_long(void **state)
{
	enum { WAITING = 8, MANY = 30 };
	struct fixture *f = *state;
	struct sockaddr_in to = { AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
	struct pollfd peers[MANY];
	unsigned in = 0;

	f->waiting_max = WAITING;
	http_server_free(f->server);
	f->server = NULL;
	assert_int_equal(new_server(f, SEATS), 0);
	to.sin_port = htons(f->port);
	for (int i = 0; i < MANY; i++) {
		peers[i] = (struct pollfd){ socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), POLLOUT, 0 };
		(void)!connect(peers[i].fd, (struct sockaddr *)&to, sizeof to);
	}
	poll(peers, MANY, 0);
	for (int i = 0; i < MANY; i++) {
		in += (peers[i].revents & POLLOUT) != 0;
		close(peers[i].fd);
	}
	assert_in_range(in, 1, WAITING + 1);
}

static void read_some(struct raw *raw)
{
	char *to = buffer_reserve(&raw->in, SOME);
	ssize_t n;

	for (size_t left = SOME; left > 0 && (n = recv(raw->fd, to, left, MSG_DONTWAIT)) > 0; left -= (size_t)n) {
		raw->in.size += (size_t)n;
		to += n;
	}
}

static void an_answer_that_nobody_takes_gives_up_its_seat(void **state)
{
	struct fixture *f = *state;
	struct raw raws[SEATS], other;

	connect_all(f, raws, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_connect(&other, &f->world, f->port);
	raw_send(&other, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(&f->world, 20);
	assert_int_equal(totals(f).evicted, 0);
	for (int i = 0; i < 4; i++) { /* half a second each time, in which one of them reads on */
		f->world.ahead += 500000000;
		turns(&f->world, 3);
		read_some(&raws[0]);
		turns(&f->world, 3);
	}
	raw_expect(&other, "hello\n");
	assert_in_range(totals(f).evicted, 1, 2);
	while (raws[0].in.size < BIG && !raws[0].ended)
		raw_turn(&raws[0]);
	assert_true(raws[0].in.size > BIG); /* not whoever has read */
	raw_done(&other);
	done_all(raws);
}

static void expect_share(struct fixture *f, unsigned may)
{
	struct raw raws[SEATS];
	unsigned refused = 0;

	connect_all(f, raws, "GET /few HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	for (int i = 0; i < SEATS; i++) {
		raw_receive(&raws[i]);
		refused += status(&raws[i]) == 503 && raw_has(&raws[i], "Retry-After: 1\r\n");
	}
	assert_int_equal(f->waiting_count, may);
	assert_int_equal(refused, SEATS - may);
	expect_hello(f);
	http_respond_text(f->waiting[0], 200, "text/plain", "done");
	raw_expect(&raws[0], "done");
	turns(&f->world, 10);
	f->waiting_count = 0;
	raw_done(&raws[0]);
	raw_connect(&raws[0], &f->world, f->port);
	raw_send(&raws[0], "GET /few HTTP/1.1\r\nHost: x\r\n\r\n");
	while (f->waiting_count == 0)
		turn(&f->world);
	assert_int_equal(f->waiting_count, 1);
	done_all(raws);
}

/* A route whose answers take their time leaves seats for the others. */
static void a_route_has_its_share(void **state)
{
	expect_share(*state, SEATS / 4);
}

/* With libmicrohttpd each takes 16 KiB. */
static void a_route_has_its_share_of_a_small_room(void **state)
{
	struct fixture *f = *state;

	http_server_free(f->server);
	f->server = NULL;
	f->room = 50 << 10;
	assert_int_equal(new_server(f, SEATS), 0);
	expect_share(f, f->direct ? SEATS / 4 : 3);
}

/* Whoever holds answers of a route gives way to whoever comes, the oldest first, and others of it that wait stay. */
static void who_holds_a_share_gives_way(void **state)
{
	struct fixture *f = *state;
	struct raw holders[AT_ONCE], comes;

	for (int i = 0; i < AT_ONCE; i++) {
		raw_connect(&holders[i], &f->world, f->port);
		raw_send(&holders[i], "GET /few-big HTTP/1.1\r\nHost: x\r\n\r\n");
		while (totals(f).requests <= (uint64_t)i)
			turn(&f->world);
		turns(&f->world, 10);
	}
	assert_int_equal(totals(f).connections, AT_ONCE);
	raw_connect(&comes, &f->world, f->port);
	raw_send(&comes, "GET /few-big HTTP/1.1\r\nHost: x\r\n\r\n");
	while (comes.in.size < BIG)
		raw_turn(&comes);
	assert_int_equal(totals(f).timeouts, 1);
	raw_expect_end(&holders[0]);
	assert_true(holders[0].in.size < BIG);
	while (holders[1].in.size < BIG)
		raw_turn(&holders[1]);
	for (int i = 0; i < AT_ONCE; i++)
		raw_done(&holders[i]);
	raw_done(&comes);
}

#define TEST(name)                                                        \
	{ #name ", microhttpd", name, setup_microhttpd, teardown, NULL }, \
	{                                                                 \
#name ", direct", name, setup_direct, teardown, NULL      \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_row_is_refused_once),
		TEST(a_silent_connection_gives_up_its_seat),
		TEST(an_unfinished_head_gives_up_its_seat),
		TEST(an_unfinished_body_gives_up_its_seat),
		cmocka_unit_test_setup_teardown(a_kept_connection_gives_up_its_seat, setup_direct, teardown),
		TEST(whoever_trickles_is_the_oldest_all_the_same),
		TEST(unfinished_heads_have_a_ceiling),
		TEST(what_has_come_is_served_before_anybody_goes),
		TEST(what_is_handled_keeps_its_seat),
		cmocka_unit_test_setup_teardown(who_is_gone_gives_up_its_seat, setup_direct, teardown),
		cmocka_unit_test_setup_teardown(who_has_said_all_has_its_answer, setup_direct, teardown),
		TEST(few_wait_where_each_takes_long),
		TEST(an_answer_that_nobody_takes_gives_up_its_seat),
		TEST(a_route_has_its_share),
		TEST(a_route_has_its_share_of_a_small_room),
		TEST(who_holds_a_share_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
