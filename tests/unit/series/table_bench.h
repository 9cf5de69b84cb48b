/*
 * A series table with two targets, of which one has a label of its own, and pages as text. Every step ends with
 * series_check(); a page is written in one go and in slices of every size.
 */
#ifndef OXP_TEST_TABLE_BENCH_H
#define OXP_TEST_TABLE_BENCH_H

#include "unit/unit.h"

#include <string.h>

#include "series/series.h"
#include "series/table.h"
#include "series/write.h"

struct table {
	struct series *series;
	struct series_target *app, *nginx;
};

static inline struct series_target *target(struct series *s, const struct series_label *labels, size_t count)
{
	struct series_target *t;

	assert_int_equal(series_target_new(s, labels, count, &t), 0);
	return t;
}

static inline struct table table_of(const struct series_limits *l)
{
	static const struct series_label part = { "part", "nginx" };
	struct table t = { .series = series_new(l, 17) };

	assert_non_null(t.series);
	t.app = target(t.series, NULL, 0);
	t.nginx = target(t.series, &part, 1);
	return t;
}

static inline enum exposition_fault stage(struct series_target *t, enum exposition_format format, const char *page)
{
	struct exposition_parser p;
	enum exposition_fault fault;

	exposition_init(&p, format, &exposition_limits_default, &series_events, t);
	exposition_feed(&p, page, strlen(page));
	fault = exposition_end(&p);
	exposition_done(&p);
	return fault;
}

static inline struct series_counts commit(struct table *t, struct series_target *target)
{
	struct series_counts c;
	uint64_t sum;

	series_commit(target, &c);
	series_check(t->series);
	sum = c.merged;
	for (int i = 0; i < SERIES_DROPS; i++)
		sum += c.dropped[i];
	assert_int_equal(sum, c.received);
	assert_int_equal(c.merged, series_target_count(target));
	return c;
}

/* In steps of so many. */
static inline void tidy(struct table *t, struct series_target *target, size_t count)
{
	while (series_tidy(target, count))
		series_check(t->series);
	series_check(t->series);
}

static inline struct series_counts scrape(struct table *t, struct series_target *target, const char *page)
{
	series_begin(target);
	assert_int_equal(stage(target, EXPOSITION_TEXT, page), EXPOSITION_FINE);
	return commit(t, target);
}

static inline void assert_page_in_slices(
	struct table *t, enum exposition_format format, const char *wanted, size_t budget)
{
	struct series_cursor c;
	struct buffer b;
	int more;

	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t->series, format);
	while ((more = series_write_some(&c, &b, budget)) == 1)
		;
	assert_int_equal(more, 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	assert_string_equal(b.data, wanted);
	buffer_done(&b);
}

static inline size_t page_size(struct table *t, enum exposition_format format)
{
	struct series_cursor c;
	struct buffer b;
	size_t size;

	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t->series, format);
	assert_int_equal(series_write_some(&c, &b, 1 << 20), 0);
	size = b.size;
	buffer_done(&b);
	return size;
}

static inline void assert_page_of(struct table *t, enum exposition_format format, const char *wanted)
{
	for (size_t budget = 1; budget < strlen(wanted) + 2; budget += 7)
		assert_page_in_slices(t, format, wanted, budget);
	assert_page_in_slices(t, format, wanted, 1 << 20);
}

static inline void assert_page(struct table *t, const char *wanted)
{
	assert_page_of(t, EXPOSITION_TEXT, wanted);
}

#endif
