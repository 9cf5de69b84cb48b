/*
 * The memory of a door's requests: it follows what has come, others go for it, and all of it is given back.
 */
#include "collectors/door_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/fake_host.h"
#include "unit/unit.h"

enum { MEMORY = 16 << 20, MIB = 1 << 20, FIRST = 64 << 10, SPARE = 4 << 10, CUTS = 16 };

/* The server's part. */

struct http_request {
	int64_t announced; /* -1: in chunks */
};

struct http_server {
	struct door_body *slow; /* of a peer that gives way; NULL: there is none */
	bool pretends; /* peers are cut off that hold nothing */
	unsigned cut;
};

int64_t http_request_content_length(const struct http_request *r)
{
	return r->announced;
}

bool http_server_cut_slow(struct http_server *s, const struct http_request *than)
{
	(void)than;
	s->cut += s->pretends || s->slow;
	if (!s->slow)
		return s->pretends;
	door_body_done(s->slow);
	s->slow = NULL;
	return true;
}

struct fixture {
	struct host host;
	struct http_server server;
	struct door_memory memory;
	struct http_request request;
	struct door_body body;
	struct door_reply reply;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	budget_init(&f->host.budget, MEMORY);
	door_memory_init(&f->memory, &f->host);
	door_memory_serve(&f->memory, &f->server);
	door_body_init(&f->body, &f->memory, SIGNAL_TRACES);
	door_reply_init(&f->reply, &f->memory, SIGNAL_TRACES);
	f->request.announced = -1;
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	door_body_done(&f->body);
	door_reply_done(&f->reply);
	assert_int_equal(budget_used(&f->host.budget), 0);
	assert_int_equal(f->memory.replies, 0);
	free(f);
	return 0;
}

static void used_is_at_most(const struct fixture *f, size_t most)
{
	assert_true(budget_used(&f->host.budget) <= most + SPARE);
}

enum { WHOLE = 2 << 20, PIECE = 1000 };

static void holds_the_whole(const struct fixture *f)
{
	assert_int_equal(f->body.size, WHOLE);
	for (size_t i = 0; i < WHOLE; i++)
		assert_int_equal((unsigned char)f->body.data[i], (i / PIECE) & 255);
}

/* A body of WHOLE bytes comes in pieces, and never has more than `times` what has come. */
static void comes_in_pieces(struct fixture *f, size_t times)
{
	char piece[PIECE];

	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	used_is_at_most(f, FIRST);
	for (size_t came = 0; came < WHOLE; came += sizeof piece) {
		size_t size = WHOLE - came < sizeof piece ? WHOLE - came : sizeof piece;
		memset(piece, (int)(came / sizeof piece), sizeof piece);
		assert_true(door_body_append(&f->body, &f->request, (struct bytes){ piece, size }));
		used_is_at_most(f, came + size < FIRST ? FIRST : times * (came + size));
	}
	holds_the_whole(f);
}

/* What is announced costs its sender nothing, so it costs nothing here. */
static void a_body_has_memory_for_eight_times_of_what_has_come(void **state)
{
	struct fixture *f = *state;

	f->request.announced = WHOLE;
	comes_in_pieces(f, 8);
	assert_int_equal(f->body.room, WHOLE); /* never more than was announced */
}

static void a_body_that_announces_nothing_has_twice_of_what_has_come(void **state)
{
	comes_in_pieces(*state, 2);
}

/* With nothing left, a body has what it needs and no more. */
static void a_body_that_cannot_have_more_has_what_it_needs(void **state)
{
	struct fixture *f = *state;
	struct bytes piece = { calloc(1, FIRST), FIRST };
	struct door_body other;

	door_body_init(&other, &f->memory, SIGNAL_TRACES);
	f->request.announced = WHOLE;
	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	assert_true(door_body_append(&f->body, &f->request, piece));
	assert_true(door_body_begin(&other, &f->request, FIRST));
	assert_true(
		door_body_renew(&other, &f->request, budget_most(&f->host.budget, SIGNAL_TRACES) - 3 * FIRST - SPARE));
	assert_true(door_body_append(&f->body, &f->request, (struct bytes){ piece.data, FIRST / 2 }));
	assert_int_equal(f->body.room, FIRST + FIRST / 2);
	door_body_done(&other);
	free((char *)piece.data);
}

static void a_body_is_received_where_it_stays(void **state)
{
	struct fixture *f = *state;
	size_t room;
	char *to;

	f->request.announced = WHOLE;
	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	for (size_t came = 0; came < WHOLE; came += room) {
		room = MIB;
		to = door_body_into(&f->body, &f->request, &room);
		assert_ptr_equal(to, f->body.data + came);
		assert_in_range(room, 1, MIB);
		for (size_t i = 0; i < room; i++)
			to[i] = (char)((came + i) / PIECE);
		assert_true(door_body_append(&f->body, &f->request, (struct bytes){ to, room }));
		assert_ptr_equal(f->body.data + came, to);
		used_is_at_most(f, came + room < FIRST ? FIRST : 8 * (came + room));
	}
	holds_the_whole(f);
}

/* Each growth copies what is there. */
static void a_body_in_small_pieces_grows_a_few_times(void **state)
{
	struct fixture *f = *state;
	size_t room, before = 0, grown = 0;
	char *to;

	f->request.announced = WHOLE;
	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	for (size_t came = 0; came < WHOLE; came += room) {
		room = WHOLE - came;
		to = door_body_into(&f->body, &f->request, &room);
		room = room < PIECE ? room : PIECE;
		memset(to, (int)(came / PIECE), room);
		assert_true(door_body_append(&f->body, &f->request, (struct bytes){ to, room }));
		grown += f->body.room != before;
		before = f->body.room;
	}
	holds_the_whole(f);
	assert_in_range(grown, 2, 6);
}

static void a_small_body_has_what_it_announces(void **state)
{
	struct fixture *f = *state;

	f->request.announced = 10;
	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	assert_int_equal(f->body.room, 10);
	used_is_at_most(f, 10);
}

static void a_slow_peer_goes_for_one_that_comes(void **state)
{
	struct fixture *f = *state;
	struct door_body slow;

	door_body_init(&slow, &f->memory, SIGNAL_TRACES);
	assert_true(door_body_begin(&slow, &f->request, f->request.announced));
	assert_true(door_body_renew(&slow, &f->request, MEMORY / 2 + MIB));
	f->server.slow = &slow;
	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	assert_int_equal(f->server.cut, 0);
	assert_true(door_body_renew(&f->body, &f->request, MEMORY / 2 + MIB));
	assert_int_equal(f->server.cut, 1);
	door_body_done(&slow);
}

static void the_peers_that_are_cut_off_for_one_request_are_few(void **state)
{
	struct fixture *f = *state;

	f->server.pretends = true;
	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	assert_false(door_body_work(&f->body, &f->request, 2 * MEMORY));
	assert_int_equal(f->server.cut, CUTS);
}

static void a_body_that_begins_again_keeps_the_old_one_until_it_is_done(void **state)
{
	struct fixture *f = *state;

	assert_true(door_body_begin(&f->body, &f->request, f->request.announced));
	assert_true(door_body_append(&f->body, &f->request, bytes_of("packed")));
	assert_true(door_body_renew(&f->body, &f->request, MIB));
	assert_int_equal(f->body.size, 0);
	assert_memory_equal(f->body.old.data, "packed", f->body.old.size);
	assert_true(door_body_restart(&f->body, &f->request, 2 * MIB));
	assert_int_equal(f->body.room, 2 * MIB);
	assert_true(door_body_restart(&f->body, &f->request, 3 * MIB));
	assert_int_equal(f->body.room, 3 * MIB);
	assert_memory_equal(f->body.old.data, "packed", f->body.old.size);
	used_is_at_most(f, FIRST + 3 * MIB);
	door_body_old_done(&f->body);
	assert_null(f->body.old.data);
	used_is_at_most(f, 3 * MIB);
}

static void a_large_answer_finds_room_when_it_is_the_only_one(void **state)
{
	struct fixture *f = *state;
	struct door_reply other;
	struct http_page *page;

	door_reply_init(&other, &f->memory, SIGNAL_TRACES);
	assert_int_equal(door_reply_reserve(&f->reply, &f->request, DOOR_ANSWERS_MAX + 1), 0);
	assert_int_equal(door_reply_reserve(&other, &f->request, 1), -EBUSY);
	memcpy(f->reply.data, "answer", 6);
	door_reply_filled(&f->reply, 6);
	door_reply_trim(&f->reply);
	used_is_at_most(f, 6);
	assert_int_equal(door_reply_reserve(&other, &f->request, 2 * MEMORY), -EBUSY);
	page = door_reply_page(&f->reply);
	assert_null(door_reply_page(&f->reply)); /* it has left */
	assert_int_equal(f->memory.replies, 6);
	assert_memory_equal(http_page_bytes(page).data, "answer", 6);
	http_page_release(page);
	assert_int_equal(f->memory.replies, 0);
	assert_int_equal(door_reply_reserve(&other, &f->request, 2 * MEMORY), -ENOMEM);
	door_reply_done(&other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_body_has_memory_for_eight_times_of_what_has_come),
		TEST(a_body_that_announces_nothing_has_twice_of_what_has_come),
		TEST(a_body_that_cannot_have_more_has_what_it_needs),
		TEST(a_body_is_received_where_it_stays),
		TEST(a_body_in_small_pieces_grows_a_few_times),
		TEST(a_small_body_has_what_it_announces),
		TEST(a_slow_peer_goes_for_one_that_comes),
		TEST(the_peers_that_are_cut_off_for_one_request_are_few),
		TEST(a_body_that_begins_again_keeps_the_old_one_until_it_is_done),
		TEST(a_large_answer_finds_room_when_it_is_the_only_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
