/*
 * The gRPC of a door against a peer that writes frames by hand: one message a call however it is cut, what becomes of
 * each fault, deadlines, and memory that is given back.
 */
#include "collectors/grpc.h"

#include <errno.h>

#include "proto/grpc.h"
#include "unit/fake_host.h"
#include "unit/http/h2_raw.h"

enum { MEMORY = 1 << 20, BODY_MAX = 64 << 10, SEATS = 8 };

struct fixture {
	struct world world;
	struct host host;
	struct door door;
	struct door_entry entry;
	struct http_route routes[3];
	struct h2_peer peer;
	char path[64];
	char taken[256]; /* the last one */
	unsigned count;
};

struct request {
	struct door_request base;
};

static void look(struct door_request *r)
{
	if (r->body.size > 0 && r->body.data[0] == '!')
		r->fault = "it begins with !";
}

static bool fill(struct door_request *r)
{
	struct fixture *f = CONTAINER_OF(r->door, struct fixture, door);
	struct batch_item item = { .size = (uint32_t)r->body.size, .records = 1 };

	item.data = batch_block_trim(r->body.batch, r->body.size);
	snprintf(f->taken, sizeof f->taken, "%.*s", (int)r->body.size, item.data);
	f->count += !f->host.refuse && r->body.size > 0;
	return r->body.size == 0 || batch_add(r->body.batch, &item) == 0;
}

static void taken(struct door_request *r)
{
	door_answered(r, &(struct http_answer){ .status = 200, .constant = bytes_of("yes") });
}

static void answer(struct http_request *r, unsigned status, const char *message)
{
	(void)r, (void)status, (void)message;
	fail_msg("an answer of HTTP over gRPC");
}

static const struct door_type type = { .signal = SIGNAL_TRACES,
	.request_size = sizeof(struct request),
	.look = look,
	.fill = fill,
	.taken = taken,
	.answer = answer };

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);
	struct option_list addresses = { 1, (const char *const[]){ f->path } };

	snprintf(f->path, sizeof f->path, "unix:/tmp/oxp-grpc-test-%d.sock", (int)getpid());
	world_init(&f->world);
	fake_host_init(&f->host, f->world.loop, NULL, MEMORY);
	f->host.signals = SIGNAL_TRACES;
	f->host.only_held = true;
	assert_int_equal(door_init(&f->door, &type, &f->host, BODY_MAX), 0);
	f->entry = (struct door_entry){ &f->door, &type };
	f->routes[0] = grpc_route(&f->entry, "/a.B/C");
	f->routes[1] = grpc_route_others(&f->door);
	assert_int_equal(door_start_grpc(&f->door, &addresses, SEATS, f->routes), 0);
	f->peer = (struct h2_peer){ .at = 0 };
	raw_init(&f->peer.raw, &f->world, unix_connect(f->path + 5));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	h2_done(&f->peer);
	door_done(&f->door);
	fake_host_done(&f->host);
	loop_free(f->world.loop);
	free(f);
	return 0;
}

/* POST /a.B/C of application/grpc; further fields may follow. */
#define HEAD "\\x83\\x86\\x44\\x06/a.B/C\\x41\\x01x\\x5f\\x10application/grpc"
#define PROTO "\\x83\\x86\\x44\\x06/a.B/C\\x41\\x01x\\x5f\\x16application/grpc+proto"
#define GZIP HEAD "\\x40\\x0dgrpc-encoding\\x04gzip"
/* "abc" as Python's gzip writes it. */
#define ABC_GZIP "\\x1f\\x8b\\x08\\0\\0\\0\\0\\0\\x02\\x03\\x4b\\x4c\\x4a\\x06\\0\\xc2\\x41\\x24\\x35\\x03\\0\\0\\0"

/* The same, of the other kinds, as their libraries write it. */
#define DEFLATE HEAD "\\x40\\x0dgrpc-encoding\\x07deflate"
#define ABC_DEFLATE "\\x78\\x9c\\x4b\\x4c\\x4a\\x06\\0\\x02\\x4d\\x01\\x27"
#define ZSTD HEAD "\\x40\\x0dgrpc-encoding\\x04zstd"
#define ABC_ZSTD "\\x28\\xb5\\x2f\\xfd\\x20\\x03\\x19\\0\\0abc"

static void expect_status(struct fixture *f, int stream, const char *status)
{
	char line[64];

	snprintf(line, sizeof line, "grpc-status: %s\n", status);
	do
		h2_expect(&f->peer, H2_HEADERS, stream);
	while (!strstr(f->peer.fields, "grpc-status: "));
	if (!h2_has_field(&f->peer, line))
		fail_msg("stream %d: instead of %s %s", stream, status, f->peer.fields);
}

static void expect_taken(struct fixture *f, int stream, const char *what)
{
	struct h2_frame frame = h2_expect(&f->peer, H2_DATA, stream);

	assert_int_equal(frame.size, GRPC_HEAD_SIZE + 3);
	assert_memory_equal(frame.payload, "\0\0\0\0\3yes", frame.size);
	expect_status(f, stream, "0");
	assert_string_equal(f->taken, what);
}

static void a_message_is_taken_however_it_is_cut(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:" HEAD " data:1:1:\\0\\0\\0\\0\\x03abc");
	expect_taken(f, 1, "abc");
	h2_send(&f->peer,
		"headers:4:3:" HEAD " data:0:3:\\0 data:0:3:\\0\\0 data:0:3:\\0\\x03a data:0:3:b data:0:3:c data:1:3:");
	expect_taken(f, 3, "abc");
	h2_send(&f->peer, "headers:4:5:" GZIP " data:1:5:\\x01\\0\\0\\0\\x17" ABC_GZIP);
	expect_taken(f, 5, "abc");
	h2_send(&f->peer, "headers:4:7:" GZIP " data:1:7:\\0\\0\\0\\0\\x03xyz");
	expect_taken(f, 7, "xyz");
	h2_send(&f->peer, "headers:4:9:" PROTO " data:1:9:\\0\\0\\0\\0\\0");
	expect_status(f, 9, "0");
	h2_send(&f->peer, "headers:4:11:" DEFLATE " data:1:11:\\x01\\0\\0\\0\\x0b" ABC_DEFLATE);
	expect_taken(f, 11, "abc");
	h2_send(&f->peer, "headers:4:13:" ZSTD " data:1:13:\\x01\\0\\0\\0\\x0c" ABC_ZSTD);
	expect_taken(f, 13, "abc");
	assert_int_equal(f->count, 6);
}

static void what_is_wrong_is_told_and_nothing_is_taken(void **state)
{
	static const struct {
		const char *status, *frames;
	} rows[] = {
		{ "3", "headers:5:1:" HEAD },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\0\\0\\0" },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\0\\0\\0\\0\\x04abc" },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\0\\0\\0\\0\\x02abc" },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\0\\0\\0\\0\\x01a\\0\\0\\0\\0\\x01a" },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\0\\0\\0\\0\\0x" },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\x02\\0\\0\\0\\x01a" },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\xff\\0\\0\\0\\x01a" },
		{ "3", "headers:4:1:" HEAD " data:1:1:\\0\\0\\0\\0\\x02!a" },
		{ "3", "headers:4:1:" GZIP " data:1:1:\\x01\\0\\0\\0\\x03abc" },
		{ "3", "headers:4:1:" HEAD "\\x40\\x0cgrpc-timeout\\x02ab data:1:1:\\0\\0\\0\\0\\x01a" },
		{ "8", "headers:4:1:" HEAD " data:0:1:\\0\\0\\x01\\0\\x01" },
		{ "8", "headers:4:1:" HEAD " data:0:1:\\0\\xff\\xff\\xff\\xffabc" },
		{ "12", "headers:4:1:" HEAD "\\x40\\x0dgrpc-encoding\\x02br data:1:1:\\x01\\0\\0\\0\\x01a" },
		{ "3", "headers:4:1:" ZSTD " data:1:1:\\x01\\0\\0\\0\\x03abc" },
		{ "3", "headers:4:1:" DEFLATE " data:1:1:\\x01\\0\\0\\0\\x03abc" },
		{ "12", "headers:4:1:\\x83\\x86\\x44\\x06/a.B/D\\x41\\x01x\\x5f\\x10application/grpc "
			"data:1:1:\\0\\0\\0\\0\\x01a" },
		{ "13", "headers:4:1:" HEAD " data:1:1:\\x01\\0\\0\\0\\x03abc" },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		h2_done(&f->peer);
		f->peer = (struct h2_peer){ .at = 0 };
		raw_init(&f->peer.raw, &f->world, unix_connect(f->path + 5));
		h2_send(&f->peer, rows[i].frames);
		expect_status(f, 1, rows[i].status);
		assert_true(h2_has_field(&f->peer, ":status: 200\n"));
		assert_true(h2_has_field(&f->peer, "grpc-message: "));
		assert_int_equal(f->door.open, 0);
		h2_send(&f->peer, "headers:4:3:" HEAD " data:1:3:\\0\\0\\0\\0\\0");
		expect_status(f, 3, "0");
	}
	assert_int_equal(f->count, 0);
}

static void what_is_not_grpc_is_told_in_http(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:\\x83\\x86\\x44\\x06/a.B/C\\x41\\x01x\\x5f\\x0atext/plain data:1:1:abc");
	h2_expect(&f->peer, H2_HEADERS, 1);
	assert_true(h2_has_field(&f->peer, ":status: 415\n"));
	h2_send(&f->peer, "headers:5:3:\\x82\\x86\\x44\\x06/a.B/C\\x41\\x01x");
	h2_expect(&f->peer, H2_HEADERS, 3);
	assert_true(h2_has_field(&f->peer, ":status: 405\n"));
	assert_true(h2_has_field(&f->peer, "allow: POST\n"));
}

static void a_call_ends_with_its_deadline(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:" HEAD "\\x40\\x0cgrpc-timeout\\x032Sm data:0:1:\\0\\0\\0\\0\\x03a");
	expect_status(f, 1, "3");
	h2_send(&f->peer, "headers:4:3:" HEAD "\\x40\\x0cgrpc-timeout\\x022S data:0:3:\\0\\0\\0\\0\\x03a");
	h2_send(&f->peer, "headers:4:7:" HEAD "\\x40\\x0cgrpc-timeout\\x029S data:0:7:\\0\\0\\0\\0\\x03a");
	while (f->door.open < 2)
		raw_turn(&f->peer.raw);
	f->world.ahead += INT64_C(3000000000);
	expect_status(f, 3, "4");
	h2_send(&f->peer, "data:1:7:bc");
	expect_taken(f, 7, "abc");
	assert_int_equal(f->count, 1);
}

/* Its deadline passes, or it is cancelled, while it waits for steps: nothing of it is taken. */
static void a_call_that_nobody_waits_for_is_taken_back(void **state)
{
	struct fixture *f = *state;

	f->host.offers_wait = true;
	h2_send(&f->peer, "headers:4:1:" HEAD "\\x40\\x0cgrpc-timeout\\x022S data:1:1:\\0\\0\\0\\0\\x03abc");
	while (!f->host.waiting.batch)
		raw_turn(&f->peer.raw);
	f->world.ahead += INT64_C(3000000000);
	expect_status(f, 1, "4");
	assert_null(f->host.waiting.batch);
	h2_send(&f->peer, "headers:4:3:" HEAD " data:1:3:\\0\\0\\0\\0\\x03abc");
	while (!f->host.waiting.batch)
		raw_turn(&f->peer.raw);
	h2_send(&f->peer, "rst:0:3:\\0\\0\\0\\x08");
	while (f->door.open > 0)
		raw_turn(&f->peer.raw);
	assert_null(f->host.waiting.batch);
	assert_int_equal(budget_used(&f->host.budget), 0);
	f->host.offers_wait = false;
	h2_send(&f->peer, "headers:4:5:" HEAD " data:1:5:\\0\\0\\0\\0\\x03abc");
	expect_taken(f, 5, "abc");
}

static void what_a_request_may_have_follows_memory(void **state)
{
	static const struct {
		uint64_t memory, configured, part, expected;
	} rows[] = {
		{ 32 << 20, 0, 4, 8 << 20 },
		{ 32 << 20, 0, 2, 16 << 20 },
		{ 10 << 20, 0, 4, 10 << 18 },
		{ 256 << 20, 0, 4, 64 << 20 },
		{ UINT64_C(1) << 32, 0, 4, 64 << 20 },
		{ 32 << 20, 1 << 10, 4, 1 << 10 },
		{ 32 << 20, 64 << 20, 4, 64 << 20 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fake_host_memory(&f->host, rows[i].memory);
		assert_int_equal(door_body_max(&f->host, rows[i].configured, (unsigned)rows[i].part), rows[i].expected);
	}
	fake_host_memory(&f->host, MEMORY);
}

/* What some clients send if they have none (gRPC over HTTP/2: eight digits of hours at most). */
static void a_deadline_in_many_years_is_as_good_as_none(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:" HEAD "\\x40\\x0cgrpc-timeout\\x0999999999H data:0:1:\\0\\0\\0\\0\\x03a");
	while (f->door.open < 1)
		raw_turn(&f->peer.raw);
	f->world.ahead += INT64_C(30000000000);
	turns(&f->world, 4);
	h2_send(&f->peer, "data:1:1:bc");
	expect_taken(f, 1, "abc");
}

static void no_room_is_told_with_the_time_to_try_again(void **state)
{
	struct fixture *f = *state;

	f->host.refuse = true;
	h2_send(&f->peer, "headers:4:1:" HEAD " data:1:1:\\0\\0\\0\\0\\x03abc");
	expect_status(f, 1, "14");
	assert_true(h2_has_field(&f->peer, "grpc-status-details-bin: CA4S"));
	assert_int_equal(fake_host_number(&f->host, "refused_full_total"), 1);
	f->host.refuse = false;
	h2_send(&f->peer, "headers:4:3:" HEAD " data:1:3:\\0\\0\\0\\0\\x03abc");
	expect_taken(f, 3, "abc");
	door_stop(&f->door);
	h2_send(&f->peer, "headers:4:5:" HEAD " data:1:5:\\0\\0\\0\\0\\x03abc");
	expect_status(f, 5, "14");
}

static void a_peer_that_vanishes_gives_its_memory_back(void **state)
{
	struct fixture *f = *state;

	h2_send(&f->peer, "headers:4:1:" HEAD " data:0:1:\\0\\0\\0\\xff\\0{x*16000} headers:4:3:" HEAD
			  " data:0:3:\\0\\0\\0\\xff\\0{x*9000}");
	while (f->door.open < 2 || budget_used(&f->host.budget) < 25000)
		raw_turn(&f->peer.raw);
	close(f->peer.raw.fd);
	f->peer.raw.fd = -1;
	while (f->door.open > 0)
		turn(&f->world);
	assert_int_equal(budget_used(&f->host.budget), 0);
	assert_int_equal(f->count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_taken_however_it_is_cut),
		TEST(what_is_wrong_is_told_and_nothing_is_taken),
		TEST(what_is_not_grpc_is_told_in_http),
		TEST(a_call_ends_with_its_deadline),
		TEST(a_deadline_in_many_years_is_as_good_as_none),
		TEST(a_call_that_nobody_waits_for_is_taken_back),
		TEST(what_a_request_may_have_follows_memory),
		TEST(no_room_is_told_with_the_time_to_try_again),
		TEST(a_peer_that_vanishes_gives_its_memory_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
