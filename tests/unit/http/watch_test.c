/*
 * A connection that is watched: its watcher is told of its end once, however it ends, and silence does not end it.
 */
#include "http/server.h"
#include "unit/http/raw.h"

enum { SEATS = 4, WATCHED = 3 /* of these, at most */ };

struct fixture {
	struct world world;
	struct http_server *server;
	uint16_t port;
	int closed; /* how often it was told */
	int watched, refused;
	struct http_request *waiting; /* for its answer */
};

static void on_closed(void *context)
{
	((struct fixture *)context)->closed++;
}

static void watch(struct fixture *f, struct http_request *r)
{
	if (http_request_watcher(r)) {
		assert_ptr_equal(http_request_watcher(r), f);
	} else if (http_request_watch(r, on_closed, f)) {
		assert_ptr_equal(http_request_watcher(r), f);
		f->watched++;
	} else {
		assert_null(http_request_watcher(r));
		f->refused++;
	}
}

static void stay_complete(void *context, struct http_request *r)
{
	watch(context, r);
	http_respond_text(r, 200, "text/plain", "stay\n");
}

static void plain_complete(void *context, struct http_request *r)
{
	(void)context;
	http_respond_text(r, 200, "text/plain", "plain\n");
}

static void later_complete(void *context, struct http_request *r)
{
	struct fixture *f = context;

	watch(f, r);
	f->waiting = r;
}

static const char stay[] = "GET /stay HTTP/1.1\r\nHost: x\r\n\r\n", plain[] = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n",
		  later[] = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";

struct all {
	struct fixture f;
	struct http_route routes[4];
};

static int setup(void **state)
{
	static const struct http_server_options options = { .name = "test",
		.body_max = 1 << 10,
		.connections_max = SEATS,
		.age = DURATION_S(60),
		.idle = DURATION_S(10),
		.priority = LOOP_NORMAL,
		.engine = HTTP_DIRECT };
	struct all *all = oxp_new(sizeof *all);
	struct fixture *f = &all->f;

	all->routes[0] = (struct http_route){ HTTP_GET, "/stay", .complete = stay_complete, .context = f };
	all->routes[1] = (struct http_route){ HTTP_GET, "/plain", .complete = plain_complete, .context = f };
	all->routes[2] = (struct http_route){ HTTP_GET, "/later", .complete = later_complete, .context = f };
	world_init(&f->world);
	assert_int_equal(http_server_new(f->world.loop, &options, all->routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_server_free(f->server);
	loop_free(f->world.loop);
	free(CONTAINER_OF(f, struct all, f));
	return 0;
}

static void ask(struct fixture *f, struct raw *raw, const char *request)
{
	raw_connect(raw, &f->world, f->port);
	raw_send(raw, request);
	raw_expect(raw, "\n\r\n");
	raw_expect(raw, strstr(request, "/stay") ? "stay\n" : "plain\n");
	raw_clear(raw);
}

static void until_closed(struct fixture *f, int times)
{
	while (f->closed < times)
		turn(&f->world);
	turns(&f->world, 10);
	assert_int_equal(f->closed, times);
}

static void a_peers_end_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct raw raw;

	ask(f, &raw, stay);
	raw_send(&raw, stay);
	raw_expect(&raw, "stay\n");
	turns(&f->world, 10);
	assert_int_equal(f->closed, 0);
	assert_int_equal(f->watched, 1);
	raw_done(&raw);
	until_closed(f, 1);
	ask(f, &raw, plain);
	raw_done(&raw);
	while (http_server_totals(f->server).connections > 0)
		turn(&f->world);
	assert_int_equal(f->closed, 1);
}

static void requests_in_a_row_have_one_watcher(void **state)
{
	struct fixture *f = *state;
	char many[5 * sizeof stay];
	struct raw raw;

	snprintf(many, sizeof many, "%s%s%s%s", stay, stay, stay, stay);
	raw_connect(&raw, &f->world, f->port);
	raw_send(&raw, many);
	raw_send(&raw, plain);
	raw_expect(&raw, "plain\n");
	assert_int_equal(f->watched, 1);
	raw_done(&raw);
	until_closed(f, 1);
}

static void a_peer_that_leaves_while_it_waits_is_told(void **state)
{
	struct fixture *f = *state;
	struct raw raw;

	raw_connect(&raw, &f->world, f->port);
	raw_send(&raw, later);
	while (!f->waiting)
		turn(&f->world);
	raw_done(&raw);
	turns(&f->world, 10);
	http_respond_text(f->waiting, 200, "text/plain", "to nobody");
	until_closed(f, 1);
}

/* Another one of the same server is closed meanwhile, so the time was long enough. */
static void silence_does_not_end_it(void **state)
{
	struct fixture *f = *state;
	struct raw kept, other;

	ask(f, &kept, stay);
	ask(f, &other, plain);
	f->world.ahead += DURATION_S(3600).ns;
	while (http_server_totals(f->server).connections > 1)
		turn(&f->world);
	raw_expect_end(&other);
	raw_done(&other);
	raw_send(&kept, stay);
	raw_expect(&kept, "stay\n");
	assert_false(raw_has(&kept, "Connection: close"));
	raw_clear(&kept);
	raw_send(&kept, stay);
	raw_expect(&kept, "stay\n");
	assert_int_equal(f->closed, 0);
	raw_done(&kept);
	until_closed(f, 1);
}

static void a_request_that_is_never_whole_ends_it(void **state)
{
	struct fixture *f = *state;
	struct raw raw;

	ask(f, &raw, stay);
	raw_send(&raw, "GET /st");
	turns(&f->world, 10);
	f->world.ahead += DURATION_S(60).ns;
	until_closed(f, 1);
	raw_done(&raw);
}

static void it_keeps_its_seat_and_leaves_some_to_others(void **state)
{
	struct fixture *f = *state;
	struct raw kept[WATCHED], other[3];

	for (int i = 0; i < WATCHED; i++)
		ask(f, &kept[i], stay);
	ask(f, &other[0], stay);
	assert_int_equal(f->watched, WATCHED);
	assert_int_equal(f->refused, 1);
	ask(f, &other[1], plain); /* in the place of the one before */
	ask(f, &other[2], plain);
	assert_int_equal(f->closed, 0);
	raw_done(&kept[0]);
	until_closed(f, 1);
	raw_send(&other[2], stay);
	raw_expect(&other[2], "stay\n");
	assert_int_equal(f->watched, WATCHED + 1);
	for (size_t i = 0; i < COUNT_OF(other); i++)
		raw_done(&other[i]);
	for (int i = 1; i < WATCHED; i++)
		raw_done(&kept[i]);
	until_closed(f, WATCHED + 1);
}

/* In the middle of a head it is as any other. */
static void an_eviction_is_told(void **state)
{
	struct fixture *f = *state;
	struct raw kept[WATCHED], other[2];

	for (int i = 0; i < WATCHED; i++)
		ask(f, &kept[i], stay);
	raw_send(&kept[1], "GET /st");
	turns(&f->world, 10);
	ask(f, &other[0], plain);
	raw_send(&other[0], later);
	while (!f->waiting)
		turn(&f->world);
	ask(f, &other[1], plain);
	until_closed(f, 1);
	for (int i = 0; i < WATCHED; i++)
		raw_done(&kept[i]);
	http_respond_text(f->waiting, 200, "text/plain", "late");
	raw_done(&other[0]);
	raw_done(&other[1]);
	until_closed(f, WATCHED);
}

static void the_servers_end_is_told(void **state)
{
	struct fixture *f = *state;
	struct raw idle, waits;

	ask(f, &idle, stay);
	raw_connect(&waits, &f->world, f->port);
	raw_send(&waits, later);
	while (!f->waiting)
		turn(&f->world);
	http_server_quiesce(f->server);
	assert_int_equal(f->closed, 0);
	raw_send(&idle, stay);
	raw_expect(&idle, "stay\n");
	until_closed(f, 1);
	http_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->closed, 2);
	raw_done(&idle);
	raw_done(&waits);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_peers_end_is_told_once),
		TEST(requests_in_a_row_have_one_watcher),
		TEST(a_peer_that_leaves_while_it_waits_is_told),
		TEST(silence_does_not_end_it),
		TEST(a_request_that_is_never_whole_ends_it),
		TEST(it_keeps_its_seat_and_leaves_some_to_others),
		TEST(an_eviction_is_told),
		TEST(the_servers_end_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
