/*
 * Bodies that are not offered but applied in slices: each is applied once and answered, also if the door stops in the
 * middle of it.
 */
#include "collectors/door.h"

#include "unit/fake_host.h"
#include "unit/http/raw.h"

enum { MEMORY = 1 << 20, BODY_MAX = 64 << 10, SLICES = 5 };

struct fixture {
	struct world world;
	struct host host;
	struct door door;
	char path[64];
	const char *address;
	struct option_list addresses;
	struct http_route routes[2];
};

/* Of the bodies that were applied. */
static size_t slices, taken_count;
static bool holds; /* the first is never done */
static struct door_request *newest; /* that was filled */

static void look(struct door_request *r)
{
	(void)r;
}

static bool fill(struct door_request *r)
{
	newest = r;
	return true;
}

static bool apply(struct door_request *r)
{
	(void)r;
	return ++slices % SLICES != 0 || holds;
}

static void taken(struct door_request *r)
{
	taken_count++;
	door_answered(r, &(struct http_answer){ .status = 200 });
}

static void answer(struct http_request *request, unsigned status, const char *message)
{
	http_respond_text(request, status, "text/plain", message);
}

static const struct door_type type = { .signal = SIGNAL_METRICS,
	.request_size = sizeof(struct door_request),
	.look = look,
	.fill = fill,
	.apply = apply,
	.taken = taken,
	.answer = answer };

static enum http_take begin_request(void *context, struct http_request *request)
{
	return door_begin(context, request, NULL);
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .address = f->path };
	slices = taken_count = 0;
	holds = false;
	newest = NULL;
	snprintf(f->path, sizeof f->path, "unix:/tmp/oxp-door-test-%d.sock", (int)getpid());
	f->addresses = (struct option_list){ 1, &f->address };
	world_init(&f->world);
	fake_host_init(&f->host, f->world.loop, NULL, MEMORY);
	assert_int_equal(door_init(&f->door, &type, &f->host, BODY_MAX), 0);
	f->routes[0] = (struct http_route){ .method = HTTP_POST,
		.path = "/",
		.begin = begin_request,
		.body = door_body,
		.into = door_into,
		.complete = door_complete,
		.gone = door_gone,
		.context = &f->door };
	assert_int_equal(door_start(&f->door, &f->addresses, 8, f->routes), 0);
}

static void end(struct fixture *f)
{
	door_done(&f->door);
	fake_host_done(&f->host);
	loop_free(f->world.loop);
}

static void post(struct fixture *f, struct raw *raw)
{
	raw_init(raw, &f->world, unix_connect(f->path + 5));
	raw_send(raw, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
}

static void bodies_are_applied_one_after_another(void **state)
{
	struct fixture f;
	struct raw one, two;

	(void)state;
	begin(&f);
	post(&f, &one);
	post(&f, &two);
	raw_expect_end(&one);
	raw_expect_end(&two);
	assert_true(raw_has(&one, "HTTP/1.1 200 ") && raw_has(&two, "HTTP/1.1 200 "));
	assert_int_equal(slices, 2 * SLICES);
	assert_int_equal(taken_count, 2);
	raw_done(&one);
	raw_done(&two);
	end(&f);
}

static void what_is_being_applied_when_the_door_stops_is_applied_once(void **state)
{
	struct fixture f;
	struct raw one, two;

	(void)state;
	begin(&f);
	post(&f, &one);
	post(&f, &two);
	while (slices == 0)
		turn(&f.world);
	door_stop(&f.door);
	turns(&f.world, 3);
	raw_expect_end(&one);
	raw_expect_end(&two);
	assert_int_equal(f.door.open, 0);
	assert_int_equal(slices, taken_count * SLICES);
	assert_true(taken_count >= 1);
	raw_done(&one);
	raw_done(&two);
	end(&f);
}

/* The one that waits for the first; the first has begun. */
static struct door_request *waiting(struct fixture *f, struct raw *one, struct raw *two)
{
	struct door_request *first;

	holds = true;
	post(f, one);
	while (slices == 0)
		turn(&f->world);
	first = newest;
	door_expire(first);
	post(f, two);
	while (newest == first)
		turn(&f->world);
	return newest;
}

/* One that was begun is applied to its end, and answered for. */
static void what_waits_beyond_its_deadline_is_not_applied(void **state)
{
	struct fixture f;
	struct raw one, two;

	(void)state;
	begin(&f);
	door_expire(waiting(&f, &one, &two));
	raw_expect_end(&two);
	assert_true(raw_has(&two, "HTTP/1.1 504 "));
	assert_int_equal(f.door.open, 1);
	holds = false;
	raw_expect_end(&one);
	assert_true(raw_has(&one, "HTTP/1.1 200 "));
	assert_int_equal(taken_count, 1);
	raw_done(&one);
	raw_done(&two);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_applied_one_after_another),
		cmocka_unit_test(what_is_being_applied_when_the_door_stops_is_applied_once),
		cmocka_unit_test(what_waits_beyond_its_deadline_is_not_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
