/*
 * Heads that were read before are not read again: with and without that, the table and its pages are the same, whatever
 * changes from scrape to scrape.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "series/series.h"
#include "series/steps.h"
#include "series/table.h"
#include "series/write.h"
#include "unit/series/table_bench.h"

enum { LINES_MAX = 40, LINE_SIZE = 160, ROUNDS = 1000, PAGE_ROOM = 1 << 16 };

static const struct series_limits limits = {
	.series = 60,
	.family_series = 25,
	.bytes = 1 << 20,
	.reserved = "oxpecker_",
};

static size_t found; /* heads that on_known() has found */

static int on_meta(void *context, const struct exposition_meta *m)
{
	return series_events.meta(context, m);
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	found += s->known;
	return series_events.sample(context, s);
}

static size_t on_known(void *context, struct bytes line)
{
	return series_events.known(context, line);
}

static const struct exposition_events with = { on_meta, on_sample, on_known }, without = { on_meta, on_sample };

static enum exposition_fault stage_by(const struct exposition_events *events, struct series_target *t,
	enum exposition_format format, const char *page)
{
	struct exposition_parser p;
	enum exposition_fault fault;

	exposition_init(&p, format, &exposition_limits_default, events, t);
	exposition_feed(&p, page, strlen(page));
	fault = exposition_end(&p);
	exposition_done(&p);
	return fault;
}

static size_t found_in(struct table *t, const char *page)
{
	found = 0;
	series_begin(t->app);
	assert_int_equal(stage_by(&with, t->app, EXPOSITION_TEXT, page), EXPOSITION_FINE);
	commit(t, t->app);
	return found;
}

static void a_page_that_is_like_the_last_one_is_known(void **state)
{
	static const char first[] =
		"# TYPE h histogram\nh_bucket{method=\"GET\",le=\"1\"} 1\nh_bucket{method=\"GET\",le=\"+Inf\"} 2\n"
		"h_sum{method=\"GET\"} 3\nh_count{method=\"GET\"} 2\n# TYPE g gauge\ng 1\nu{z=\"1\", a=\"\"} 5\n";
	static const char second[] =
		"# TYPE h histogram\nh_bucket{method=\"GET\",le=\"1\"} 3\nh_bucket{method=\"GET\",le=\"+Inf\"} 4 7\n"
		"h_sum{method=\"GET\"} 3.5\nh_count{method=\"GET\"} 4\n# TYPE g gauge\ng -1\nu{z=\"1\", a=\"\"} 6\n";
	struct table t = table_of(&limits);

	(void)state;
	assert_int_equal(found_in(&t, first), 0);
	assert_int_equal(found_in(&t, second), 6);
	assert_page(&t,
		"# TYPE g gauge\ng -1\n# TYPE h histogram\nh_bucket{le=\"1\",method=\"GET\"} 3\n"
		"h_bucket{le=\"+Inf\",method=\"GET\"} 4 7\nh_sum{method=\"GET\"} 3.5\nh_count{method=\"GET\"} 4\n"
		"# TYPE u untyped\nu{z=\"1\"} 6\n");
	series_free(t.series);
}

/* What stands behind a head may make it another one. */
static void a_head_that_goes_on_is_read(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	assert_int_equal(found_in(&t, "a 1\nb{x=\"1\"} 2\nc{x=\"1\"} 3\n"), 0);
	assert_int_equal(found_in(&t, "a {x=\"1\"} 1\nb{x=\"1\",} 2\nc{x=\"1\"}  3\n"), 0);
	assert_page(
		&t, "# TYPE a untyped\na{x=\"1\"} 1\n# TYPE b untyped\nb{x=\"1\"} 2\n# TYPE c untyped\nc{x=\"1\"} 3\n");
	assert_int_equal(found_in(&t, "a {x=\"1\"} 1\nb{x=\"1\",} 2\nc{x=\"1\"} 3\n"), 3);
	series_free(t.series);
}

static void what_is_behind_a_known_head_is_checked(void **state)
{
	static const struct {
		const char *line;
		enum exposition_fault fault;
	} rows[] = {
		{ "a{x=\"1\"} x\n", EXPOSITION_BAD_VALUE },
		{ "a{x=\"1\"} 1 x\n", EXPOSITION_BAD_TIMESTAMP },
		{ "a{x=\"1\"} 1 2 3\n", EXPOSITION_TRAILING },
		{ "a{x=\"1\"} 1 \xff\n", EXPOSITION_BAD_UTF8 },
	};
	struct table t = table_of(&limits);
	char page[2000];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		scrape(&t, t.app, "a{x=\"1\"} 1\n");
		series_begin(t.app);
		assert_int_equal(stage_by(&with, t.app, EXPOSITION_TEXT, rows[i].line), rows[i].fault);
		series_abandon(t.app);
	}
	scrape(&t, t.app, "a{x=\"1\"} 1\n");
	snprintf(page, sizeof page, "a{x=\"1\"} %01500d\n", 1);
	series_begin(t.app);
	assert_int_equal(stage_by(&with, t.app, EXPOSITION_TEXT, page), EXPOSITION_FINE);
	assert_int_equal(commit(&t, t.app).dropped[SERIES_DROP_SAMPLE_SIZE], 1);
	series_free(t.series);
}

/* The model: two tables that are told the same. */

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return *x;
}

static void new_line(uint64_t *x, char to[LINE_SIZE])
{
	static const char *const types[] = { "counter", "gauge", "histogram", "summary" };
	static const char *const suffixes[] = { "", "_sum", "_count", "_bucket", "_total" };
	static const char *const labels[] = { "", "{b=\"1\",a=\"%u\"}", "{a=\"%u\"}", "{a=\"\",c=\"%u\"}",
		"{ b=\"%u\" , a=\"1\"}", "{le=\"%u\",a=\"\\\"}\"}", "{\"u.v\"=\"%u\"}", " {a=\"%u\"}" };
	char head[100];
	unsigned family = (unsigned)(next(x) % 5);

	if (next(x) % 6 == 0) {
		snprintf(to, LINE_SIZE, "# TYPE f%u %s\n", family, types[next(x) % COUNT_OF(types)]);
		return;
	}
	snprintf(head, sizeof head, "f%u%s%s", family, suffixes[next(x) % COUNT_OF(suffixes)],
		labels[next(x) % COUNT_OF(labels)]);
	snprintf(to, LINE_SIZE - 40, head, (unsigned)(next(x) % 4));
	snprintf(to + strlen(to), 40, next(x) % 9 ? " %u\n" : " %u 17\n", (unsigned)(next(x) % 100));
}

/* Some lines change, and two may change places. */
static void change(uint64_t *x, char lines[LINES_MAX][LINE_SIZE])
{
	char kept[LINE_SIZE];

	for (uint64_t count = next(x) % 3; count > 0; count--)
		new_line(x, lines[next(x) % LINES_MAX]);
	if (next(x) % 4 == 0) {
		size_t a = next(x) % LINES_MAX, b = next(x) % LINES_MAX;
		memcpy(kept, lines[a], LINE_SIZE);
		memmove(lines[a], lines[b], LINE_SIZE);
		memcpy(lines[b], kept, LINE_SIZE);
	}
}

static void join(char lines[LINES_MAX][LINE_SIZE], char page[LINES_MAX * LINE_SIZE])
{
	size_t size = 0;

	for (size_t i = 0; i < LINES_MAX; i++)
		size += (size_t)snprintf(page + size, LINE_SIZE, "%s", lines[i]);
}

static void page_of(struct table *t, enum exposition_format format, struct buffer *to)
{
	struct series_cursor c;

	buffer_clear(to);
	series_cursor_init(&c, t->series, format);
	assert_int_equal(series_write_some(&c, to, PAGE_ROOM), 0);
}

static void assert_alike(struct table *a, struct table *b)
{
	struct buffer x, y;

	buffer_init(&x, PAGE_ROOM);
	buffer_init(&y, PAGE_ROOM);
	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_PROTOBUF; format++) {
		page_of(a, (enum exposition_format)format, &x);
		page_of(b, (enum exposition_format)format, &y);
		assert_true(bytes_equal(buffer_bytes(&x), buffer_bytes(&y)));
	}
	buffer_done(&x);
	buffer_done(&y);
}

static void scrape_both(struct table *a, struct table *b, bool nginx, const char *page)
{
	struct series_target *x = nginx ? a->nginx : a->app, *y = nginx ? b->nginx : b->app;
	struct series_counts c, d;

	series_begin(x);
	series_begin(y);
	assert_int_equal(stage_by(&with, x, EXPOSITION_TEXT, page), EXPOSITION_FINE);
	assert_int_equal(stage_by(&without, y, EXPOSITION_TEXT, page), EXPOSITION_FINE);
	series_check(a->series);
	c = commit(a, x);
	d = commit(b, y);
	assert_memory_equal(c.dropped, d.dropped, sizeof c.dropped);
	assert_int_equal(c.merged, d.merged);
}

static void knowing_changes_nothing(void **state)
{
	struct table a = table_of(&limits), b = table_of(&limits);
	char lines[2][LINES_MAX][LINE_SIZE], page[LINES_MAX * LINE_SIZE];
	uint64_t x = 88172645463325252u, down;

	(void)state;
	found = 0;
	for (size_t i = 0; i < LINES_MAX; i++)
		new_line(&x, lines[0][i]), new_line(&x, lines[1][i]);
	for (int round = 0; round < ROUNDS; round++) {
		bool nginx = next(&x) % 3 == 0;
		change(&x, lines[nginx]);
		join(lines[nginx], page);
		scrape_both(&a, &b, nginx, page);
		down = next(&x) % 50;
		if (down == 0)
			series_target_down(a.app), series_target_down(b.app);
		if (down % 5 == 0)
			tidy(&a, a.app, 3), tidy(&b, b.app, 3);
		assert_alike(&a, &b);
	}
	assert_true(found > ROUNDS * 2);
	series_free(a.series);
	series_free(b.series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_that_is_like_the_last_one_is_known),
		cmocka_unit_test(a_head_that_goes_on_is_read),
		cmocka_unit_test(what_is_behind_a_known_head_is_checked),
		cmocka_unit_test(knowing_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
