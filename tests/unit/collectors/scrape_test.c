/*
 * A target that is asked again and again: what its scrapes leave in the table is freed between them, a little at a
 * time. The test answers in its place.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "access/access.h"
#include "series/series.h"
#include "series/table.h"
#include "unit/fake_host.h"

enum { MEMORY = 64 << 20, SERIES = 5000, LINE = 40, TURNS_MAX = 1000 };

/* As in the collector, in this order. */
struct scrape_options {
	const char *target, *path;
	struct duration interval, timeout;
	const struct option_map *labels;
	const struct option_list *scrape_protocols;
	bool honor_timestamps;
	bool tls;
	struct access_config access;
	const struct option_items *relabel;
};

extern const struct collector_type collector_scrape;

/* What the target was asked; its answer is the test's. */
static struct {
	struct http_call_options asked;
	size_t asks;
} world;

int __wrap_http_call_start(struct http_client *, const struct http_call_options *, struct http_call **ret);
int __wrap_http_call_start(struct http_client *client, const struct http_call_options *options, struct http_call **ret)
{
	(void)client;
	world.asked = *options;
	world.asks++;
	*ret = (struct http_call *)&world;
	return 0;
}

void __wrap_http_call_cancel(struct http_call *);
void __wrap_http_call_cancel(struct http_call *call)
{
	assert_ptr_equal(call, &world);
}

uint64_t *host_own_gauge(struct host *h, const char *label, const char *name, const char *help)
{
	(void)label;
	return host_gauge(h, name, help);
}

uint64_t *host_common_gauge(struct host *h, const char *name, const char *help)
{
	return host_gauge(h, name, help);
}

static const struct option_map none;
static const struct scrape_options usual = { .target = "unix:/app.sock",
	.path = "/metrics",
	.timeout = { 5000000000 },
	.labels = &none,
	.access = { .headers = &none, .verify = true } };

struct bench {
	struct still_clock clock;
	struct loop *loop;
	struct host host;
	struct collector *scrape;
};

static void bench_init(struct bench *b)
{
	static const char *const text = "PrometheusText0.0.4";
	static const struct option_list protocols = { .count = 1, .items = &text };
	static struct scrape_options options;

	options = usual;
	options.scrape_protocols = &protocols;
	memset(&world, 0, sizeof world);
	*b = (struct bench){ .clock = STILL_CLOCK };
	assert_int_equal(sizeof options, collector_scrape.config_size);
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	fake_host_init(&b->host, b->loop, NULL, MEMORY);
	b->host.series = series_new(&series_limits_default, 3);
	assert_non_null(b->host.series);
	assert_int_equal(collector_scrape.create(&options, &b->host, &b->scrape), 0);
}

static void bench_done(struct bench *b)
{
	collector_scrape.stop(b->scrape);
	collector_scrape.destroy(b->scrape);
	series_free(b->host.series);
	fake_host_done(&b->host);
	loop_free(b->loop);
}

static void pull(struct bench *b)
{
	collector_scrape.collect(b->scrape, mono_after(loop_now(b->loop), DURATION_S(5)));
}

/* A page of series that no other page has. */
static void answer(char letter)
{
	const struct http_reply reply = { .end = HTTP_END_ANSWER, .status = 200, .content_type = "text/plain" };
	char *page = oxp_new(SERIES * LINE);
	size_t size = 0;

	for (int i = 0; i < SERIES; i++)
		size += (size_t)snprintf(page + size, SERIES * LINE - size, "m{%c=\"%d\"} 1\n", letter, i);
	world.asked.head(world.asked.context, 200, "text/plain");
	assert_true(world.asked.piece(world.asked.context, (struct bytes){ page, size }));
	world.asked.done(world.asked.context, &reply);
	free(page);
}

static void a_target_is_asked_once_what_it_left_is_freed(void **state)
{
	struct bench b;
	size_t turns = 0;

	(void)state;
	bench_init(&b);
	pull(&b);
	answer('a');
	pull(&b);
	answer('b');
	assert_int_equal(b.host.collected, 2);
	assert_int_equal(b.host.series->entries.count, 2 * SERIES);
	pull(&b);
	pull(&b);
	assert_int_equal(world.asks, 2);
	for (; world.asks == 2 && turns < TURNS_MAX; turns++) {
		size_t before = b.host.series->entries.count;
		loop_turn(b.loop, DURATION_MS(0));
		assert_in_range(b.host.series->entries.count, before - SERIES / 5, before);
	}
	assert_int_equal(world.asks, 3);
	assert_int_equal(b.host.series->entries.count, SERIES);
	answer('c');
	assert_int_equal(b.host.collected, 3);
	bench_done(&b);
}

static void fail_with(enum http_end end)
{
	const struct http_reply reply = { .end = end, .error = "it broke", .content_type = "" };

	world.asked.done(world.asked.context, &reply);
}

static void pull_and_tidy(struct bench *b)
{
	pull(b);
	for (size_t turns = 0, before = world.asks; world.asks == before && turns < TURNS_MAX; turns++)
		loop_turn(b->loop, DURATION_MS(0));
}

/* Our own reader of HTTP is strict, and libcurl is not. */
static void a_target_that_cannot_be_read_is_asked_by_libcurl(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	pull(&b);
	assert_non_null(world.asked.look);
	world.asked.head(world.asked.context, 200, "text/plain");
	assert_true(world.asked.piece(world.asked.context, bytes_of("a 1\nb")));
	fail_with(HTTP_END_BROKEN); /* in the middle of a page */
	assert_int_equal(world.asks, 2);
	assert_int_equal(b.host.collected, 0);
	assert_null(world.asked.look);
	answer('a');
	assert_int_equal(b.host.collected, 1);
	assert_int_equal(b.host.series->entries.count, SERIES);
	pull(&b);
	assert_int_equal(world.asks, 3);
	assert_null(world.asked.look); /* it is known by now */
	fail_with(HTTP_END_BROKEN);
	assert_int_equal(world.asks, 3);
	assert_int_equal(b.host.collected, 2);
	pull_and_tidy(&b);
	assert_non_null(world.asked.look); /* it may be another one now */
	fail_with(HTTP_END_TIMEOUT);
	assert_int_equal(world.asks, 4);
	assert_int_equal(b.host.collected, 3);
	bench_done(&b);
}

static size_t varint(uint64_t value, char *to)
{
	size_t n = 0;

	for (; value > 0x7f; value >>= 7)
		to[n++] = (char)(value | 0x80);
	to[n++] = (char)value;
	return n;
}

/* A field, behind what `to` has room for in front of it. Returns where it begins. */
static char *wrap(char *body, size_t size, char tag)
{
	char head[11] = { tag };
	size_t n = 1 + varint(size, head + 1);

	memcpy(body - n, head, n);
	return body - n;
}

enum { BUCKETS = 15000, BUCKET = 11, IN_FRONT = 64 };

/* A page in protobuf that is one histogram of many buckets. */
static char *large_page(char **ret_from, size_t *ret_size)
{
	char *room = oxp_new(IN_FRONT + BUCKETS * BUCKET), *end = room + IN_FRONT, *from = end;

	for (unsigned i = 0; i < BUCKETS; i++, end += BUCKET) {
		double bound = i;
		memcpy(end, "\x1a\x09\x11", 3);
		memcpy(end + 3, &bound, sizeof bound);
	}
	from = wrap(from, (size_t)(end - from), 7 << 3 | 2);
	from = wrap(from, (size_t)(end - from), 4 << 3 | 2);
	from -= 5;
	memcpy(from, "\x0a\x01h\x18\x04", 5);
	from = wrap(from, (size_t)(end - from), 0) + 1;
	*ret_from = from;
	*ret_size = (size_t)(end - from);
	return room;
}

/* All but the end of the page comes; while it is being staged the caller says that it is busy. */
static void give_large_page(struct bench *b, bool to_its_end)
{
	static const char type[] =
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
	const struct http_reply reply = { .end = HTTP_END_ANSWER, .status = 200, .content_type = type };
	enum { PIECE = 16 << 10 };
	char *from, *room;
	size_t size;

	room = large_page(&from, &size);
	pull(b);
	world.asked.head(world.asked.context, 200, type);
	for (size_t at = 0; at < size; at += PIECE) {
		struct bytes piece = { from + at, size - at < PIECE ? size - at : PIECE };
		assert_false(world.asked.busy(world.asked.context));
		assert_true(world.asked.piece(world.asked.context, piece));
	}
	if (to_its_end)
		world.asked.done(world.asked.context, &reply);
	free(room);
}

static void a_large_metric_is_staged_in_slices(void **state)
{
	struct bench b;
	size_t turns = 0;

	(void)state;
	bench_init(&b);
	give_large_page(&b, true);
	assert_int_equal(b.host.collected, 0);
	while (b.host.collected == 0 && turns < TURNS_MAX) {
		size_t before = b.host.series->entries.count;
		pull(&b); /* which is answered by the scrape that is under way */
		loop_turn(b.loop, DURATION_MS(0));
		assert_in_range(b.host.series->entries.count, before, before + 1000);
		turns++;
	}
	assert_int_equal(world.asks, 1);
	assert_int_equal(b.host.collected, 1);
	assert_true(turns >= BUCKETS / 1000);
	assert_int_equal(b.host.series->entries.count, BUCKETS + 3);
	give_large_page(&b, false);
	assert_true(world.asked.busy(world.asked.context));
	bench_done(&b);
	bench_init(&b);
	give_large_page(&b, true);
	bench_done(&b); /* the end comes first */
}

static void the_end_may_come_before_it_is_asked(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	pull(&b);
	answer('a');
	pull(&b);
	answer('b');
	pull(&b);
	bench_done(&b);
	assert_int_equal(world.asks, 2);
}

static void a_page_that_cannot_be_asked_for_is_refused(void **state)
{
	static const struct {
		const char *path;
		bool fine;
	} rows[] = { { "/metrics", true }, { "metrics?a=%20b&c[]=\xc3\xa9", true }, { "", true }, { "/a b", false },
		{ "/a\r\nX-Y: z", false }, { "/a\t", false }, { "/a\x7f", false } };
	struct scrape_options o = usual;
	char path[2000], why[256] = "";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		o.path = rows[i].path;
		assert_int_equal(collector_scrape.check(&o, why, sizeof why), rows[i].fine);
	}
	assert_non_null(strstr(why, "path: has a blank"));
	memset(path, 'x', sizeof path);
	o.path = path;
	for (size_t size = sizeof path - 1; size > 0; size /= 2) {
		path[size] = '\0';
		assert_int_equal(collector_scrape.check(&o, why, sizeof why), size < 1000);
	}
	assert_non_null(strstr(why, "path: with `target`"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_asked_once_what_it_left_is_freed),
		cmocka_unit_test(the_end_may_come_before_it_is_asked),
		cmocka_unit_test(a_target_that_cannot_be_read_is_asked_by_libcurl),
		cmocka_unit_test(a_large_metric_is_staged_in_slices),
		cmocka_unit_test(a_page_that_cannot_be_asked_for_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
