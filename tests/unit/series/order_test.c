/*
 * Families stand in the order of their names, whatever order they come and go in, and a reader gets those it names.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "series/only.h"
#include "series/order.h"
#include "unit/series/table_bench.h"

static const struct series_limits limits = {
	.series = 4000,
	.family_series = 50,
	.bytes = 4 << 20,
	.reserved = "oxpecker_",
};

/* Two targets whose families interleave, and are each other's in part. */
static void families_are_sorted_and_never_split(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app, "c 1\na{x=\"1\"} 2\nb 3\na{x=\"0\"} 4\nz 5\n");
	scrape(&t, t.nginx, "d 1\nc 2\na 3\np 4\n");
	assert_page(&t, "# TYPE a untyped\na{x=\"1\"} 2\na{x=\"0\"} 4\na{part=\"nginx\"} 3\n# TYPE b untyped\nb 3\n"
			"# TYPE c untyped\nc 1\nc{part=\"nginx\"} 2\n# TYPE d untyped\nd{part=\"nginx\"} 1\n"
			"# TYPE p untyped\np{part=\"nginx\"} 4\n# TYPE z untyped\nz 5\n");
	series_free(t.series);
}

static unsigned next(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return (unsigned)(*x >> 11);
}

/* commit() checks the list and the tree each time. */
static void they_come_and_go_in_any_order(void **state)
{
	struct table t = table_of(&limits);
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int round = 0; round < 60; round++) {
		char page[16384];
		size_t size = 0;
		for (int i = 0; i < 400; i++)
			size += (size_t)snprintf(
				page + size, sizeof page - size, "f%u{n=\"%d\"} 1\n", next(&x) % 900, i);
		scrape(&t, round % 3 ? t.app : t.nginx, page);
		tidy(&t, round % 3 ? t.app : t.nginx, 100);
	}
	series_target_down(t.app);
	series_target_down(t.nginx);
	tidy(&t, t.app, 100);
	tidy(&t, t.nginx, 100);
	assert_null(t.series->order.first);
	series_free(t.series);
}

static size_t depth(const struct family *f)
{
	size_t left = f ? depth(f->left) : 0, right = f ? depth(f->right) : 0;

	return f ? 1 + (left > right ? left : right) : 0;
}

/* As a target names them that wants the tree to be deep. */
static void names_in_order_do_not_make_it_deep(void **state)
{
	struct table t = table_of(&limits);
	char page[40000];
	size_t size = 0;

	(void)state;
	for (int i = 0; i < 3000; i++)
		size += (size_t)snprintf(page + size, sizeof page - size, "f%04d 1\n", i);
	scrape(&t, t.app, page);
	assert_in_range(depth(t.series->order.root), 12, 60);
	series_free(t.series);
}

static int own(void *context, struct buffer *to)
{
	return buffer_text(to, context);
}

/* The page of those families, in slices. The caller frees it. */
static char *page_of(struct series *s, const char *const *names, size_t count, enum exposition_format format)
{
	struct bytes wanted[8];
	struct series_cursor c;
	struct buffer b;
	int more;

	for (size_t i = 0; i < count; i++)
		wanted[i] = bytes_of(names[i]);
	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, s, format);
	c.only = count ? series_only_new(wanted, count) : NULL;
	c.own = own;
	c.own_context = (char[]){ "# own\n" };
	while ((more = series_write_some(&c, &b, 5)) == 1)
		;
	assert_int_equal(more, 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	series_only_release((struct series_only *)c.only);
	return b.data;
}

static void assert_only(struct table *t, const char *const *names, size_t count, const char *wanted)
{
	char *page = page_of(t->series, names, count, EXPOSITION_TEXT);

	assert_string_equal(page, wanted);
	free(page);
}

#define ONLY(t, wanted, ...) \
	assert_only(t, (const char *const[]){ __VA_ARGS__ }, COUNT_OF(((const char *[]){ __VA_ARGS__ })), wanted)

#define HISTOGRAM "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n"
#define COUNTER "# TYPE c_total counter\nc_total 1\n"

static void a_reader_gets_the_families_it_names(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app, "z 1\n" COUNTER HISTOGRAM "# TYPE g_total gauge\ng_total 1\nh_max 3\na 1\n");
	ONLY(&t, "# TYPE a untyped\na 1\n# own\n# TYPE z untyped\nz 1\n", "z", "a", "a", "nothing");
	ONLY(&t, COUNTER "# own\n", "c");
	ONLY(&t, COUNTER "# own\n", "c_total");
	ONLY(&t, HISTOGRAM "# own\n", "h_bucket", "h_count");
	ONLY(&t, HISTOGRAM "# TYPE h_max untyped\nh_max 3\n# own\n", "h_max", "h");
	ONLY(&t, "# own\n", "g", "z_sum", "");
	series_free(t.series);
}

static void names_ask_for_the_same_in_any_order(void **state)
{
	const struct bytes names[] = { { "a", 1 }, { "b", 1 }, { "a", 1 } };
	struct series_only *one = series_only_new(names, 2), *other = series_only_new(names + 1, 2),
			   *fewer = series_only_new(names, 1);

	(void)state;
	assert_true(series_only_same(one, other) && series_only_same(NULL, NULL));
	assert_false(series_only_same(one, fewer) || series_only_same(one, NULL) || series_only_same(NULL, one));
	series_only_release(one);
	series_only_release(other);
	series_only_release(fewer);
}

/* Between two slices families come before and behind the one that is written, and go. */
static void a_page_is_sorted_while_families_come_and_go(void **state)
{
	struct table t = table_of(&limits);
	uint64_t x = 4711;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct series_cursor c;
		struct buffer b;
		int more = 1;
		buffer_init(&b, 1 << 20);
		series_cursor_init(&c, t.series, EXPOSITION_TEXT);
		for (int slice = 0; more == 1 && slice < 500; slice++) {
			char page[1024];
			size_t size = 0;
			for (int i = 0; i < 10; i++)
				size += (size_t)snprintf(
					page + size, sizeof page - size, "f%02u{n=\"%d\"} 1\n", next(&x) % 40, i);
			scrape(&t, slice % 2 ? t.app : t.nginx, page);
			more = series_write_some(&c, &b, 60);
		}
		assert_int_equal(more, 0);
		assert_int_equal(buffer_append(&b, "", 1), 0);
		for (const char *p = strstr(b.data, "# TYPE f"), *before = "# TYPE "; p;
			p = strstr(p + 1, "# TYPE f")) {
			assert_true(strncmp(p, before, 10) > 0);
			before = p;
		}
		buffer_done(&b);
	}
	series_free(t.series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_are_sorted_and_never_split),
		cmocka_unit_test(they_come_and_go_in_any_order),
		cmocka_unit_test(names_in_order_do_not_make_it_deep),
		cmocka_unit_test(a_reader_gets_the_families_it_names),
		cmocka_unit_test(names_ask_for_the_same_in_any_order),
		cmocka_unit_test(a_page_is_sorted_while_families_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
