/*
 * What a scrape leaves behind is freed bit by bit: nothing of it is seen or refused meanwhile, and no step is long.
 *
 * The oracle is a second table that is told the same and is tidied at once, each time.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "series/series.h"
#include "series/table.h"
#include "series/write.h"

enum { TARGETS = 3, PAGE = 1 << 16, LINES_MAX = 1000 };

static const struct series_limits limits = { .series = 60, .family_series = 14, .bytes = 1 << 20 };

struct table {
	struct series *series;
	struct series_target *targets[TARGETS]; /* the last two have the same labels: they contend for series */
};

static struct table table_of(const struct series_limits *l)
{
	static const struct series_label part = { "part", "nginx" };
	struct table t = { .series = series_new(l, 17) };

	assert_non_null(t.series);
	for (size_t i = 0; i < TARGETS; i++)
		assert_int_equal(series_target_new(t.series, &part, i == 0, &t.targets[i]), 0);
	return t;
}

static void feed(struct series_target *t, const char *page)
{
	struct exposition_parser p;

	exposition_init(&p, EXPOSITION_TEXT, &exposition_limits_default, &series_events, t);
	exposition_feed(&p, page, strlen(page));
	assert_int_equal(exposition_end(&p), EXPOSITION_FINE);
	exposition_done(&p);
}

static struct series_counts scrape(struct table *t, size_t target, const char *page)
{
	struct series_counts c;

	series_begin(t->targets[target]);
	feed(t->targets[target], page);
	series_commit(t->targets[target], &c);
	series_check(t->series);
	return c;
}

static void tidy(struct table *t, size_t target)
{
	while (series_tidy(t->targets[target], 1))
		series_check(t->series);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in the order of their bytes: families keep their places for as long as something is left of them. Between
 * its slices all but the last target are tidied. */
static void write_page(struct table *t, char *to, size_t budget, size_t step)
{
	char *text = oxp_new(PAGE), *lines[LINES_MAX], *rest = text;
	struct series_cursor c;
	struct buffer b;
	size_t count = 0, used = 0;
	int more;

	buffer_init(&b, PAGE);
	series_cursor_init(&c, t->series, EXPOSITION_TEXT);
	while ((more = series_write_some(&c, &b, budget)) == 1)
		(void)series_tidy(t->targets[b.size % (TARGETS - 1)], step);
	assert_int_equal(more, 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	memcpy(text, b.data, b.size);
	for (char *line; (line = strsep(&rest, "\n")); count++)
		lines[count] = line;
	qsort(lines, count, sizeof *lines, by_text);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(to + used, PAGE - used, "%s\n", lines[i]);
	buffer_done(&b);
	free(text);
}

static void assert_same(struct table *late, struct table *oracle, struct random *r)
{
	char page[PAGE], wanted[PAGE];

	series_check(late->series);
	write_page(oracle, wanted, PAGE, 0);
	write_page(late, page, 1 + random_below(r, 300), random_below(r, 3));
	assert_string_equal(page, wanted);
	for (size_t i = 0; i < TARGETS; i++)
		assert_int_equal(series_target_count(late->targets[i]), series_target_count(oracle->targets[i]));
	assert_int_equal(late->series->weight, oracle->series->weight);
}

static void make_page(struct random *r, char *to, size_t room)
{
	size_t used = 0;

	to[0] = '\0';
	for (uint64_t i = random_below(r, 50); i > 0; i--) {
		unsigned family = (unsigned)random_below(r, 8), value = (unsigned)random_below(r, 9);
		uint64_t what = random_below(r, 20);
		const char *line = what == 0   ? "# TYPE f%u counter\n"
				   : what == 1 ? "# TYPE f%u gauge\n"
				   : what == 2 ? "# HELP f%u it\n"
					       : "f%u{n=\"%u\"} %u\n";
		used += (size_t)snprintf(to + used, room - used, line, family, value, value);
	}
}

/* One thing that a collector does, to both tables. */
static void act(struct table *late, struct table *oracle, struct random *r)
{
	size_t at = random_below(r, TARGETS);
	struct series_target *both[] = { late->targets[at], oracle->targets[at] };
	uint64_t what = random_below(r, 8);
	struct series_counts counts[2];
	char page[4096];

	make_page(r, page, sizeof page);
	for (size_t i = 0; i < 2; i++) {
		struct series_target *t = both[i];
		memset(&counts[i], 0, sizeof counts[i]);
		if (!t->staged && what > 0)
			series_begin(t);
		if (t->staged && what > 1)
			feed(t, page);
		if (t->staged && what > 3)
			series_commit(t, &counts[i]);
		else if (what == 2)
			series_abandon(t);
		if (what == 0 || what == 7)
			series_target_down(t);
	}
	for (size_t i = 0; i < TARGETS; i++)
		while (series_tidy(oracle->targets[i], 1000))
			;
	assert_memory_equal(&counts[0], &counts[1], sizeof counts[0]);
}

static void what_is_left_is_never_seen(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 25; seed++) {
		struct table late = table_of(&limits), oracle = table_of(&limits);
		struct random r;
		random_seed(&r, seed);
		for (int i = 0; i < 120; i++) {
			act(&late, &oracle, &r);
			assert_same(&late, &oracle, &r);
			(void)series_tidy(late.targets[random_below(&r, TARGETS)], random_below(&r, 20));
			assert_same(&late, &oracle, &r);
		}
		for (size_t i = 0; i < TARGETS; i++) {
			series_abandon(late.targets[i]);
			series_target_down(late.targets[i]);
			tidy(&late, i);
		}
		assert_int_equal(late.series->bytes, 0);
		assert_int_equal(late.series->lines, 0);
		series_free(late.series);
		series_free(oracle.series);
	}
}

/* Whatever is staged while all of the memory is taken, and what was left is freed for it. */
static void it_holds_together_without_memory(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct series_limits tight = { .series = 60, .family_series = 14, .bytes = 2000 + 200 * seed };
		struct table t = table_of(&tight);
		struct random r;
		char page[4096];
		random_seed(&r, seed);
		for (int i = 0; i < 60; i++) {
			struct series_target *target = t.targets[random_below(&r, TARGETS)];
			struct series_counts c;
			make_page(&r, page, sizeof page);
			series_begin(target);
			feed(target, page);
			if (random_below(&r, 8) > 0)
				series_commit(target, &c);
			if (random_below(&r, 8) == 0)
				series_target_down(target);
			series_check(t.series);
		}
		series_free(t.series);
	}
}

static void it_is_freed_in_as_many_steps_as_it_is_large(void **state)
{
	struct table t = table_of(&limits);
	size_t bytes, steps = 0;

	(void)state;
	scrape(&t, 0, "a{n=\"1\"} 1\na{n=\"2\"} 1\na{n=\"3\"} 1\nb 1\n");
	tidy(&t, 0);
	bytes = t.series->bytes;
	scrape(&t, 0, "a{n=\"2\"} 1\n");
	assert_true(t.series->bytes >= bytes);
	for (; series_tidy(t.targets[0], 1); steps++)
		series_check(t.series);
	assert_true(steps >= 6 && t.series->bytes < bytes);
	assert_false(series_tidy(t.targets[0], 1));
	series_free(t.series);
}

/* A series, and the memory, of what is left are there for whoever wants them. */
static void what_is_left_is_in_nobodys_way(void **state)
{
	static const struct series_limits small = { .series = 10000, .family_series = 10000, .bytes = 20000 };
	struct table t = table_of(&small);
	char page[4096];
	size_t size = 0;

	(void)state;
	scrape(&t, 1, "a 1\n");
	scrape(&t, 1, "b 1\n");
	assert_int_equal(scrape(&t, 2, "a 2\n").merged, 1);
	series_target_down(t.targets[2]);
	for (int i = 0; i < 25; i++)
		size += (size_t)snprintf(page + size, sizeof page - size, "m%d{x=\"1\"} 1\n", i);
	assert_int_equal(scrape(&t, 1, page).dropped[SERIES_DROP_BYTES], 0);
	assert_true(2 * t.series->bytes > small.bytes);
	series_target_down(t.targets[1]);
	assert_int_equal(scrape(&t, 0, page).dropped[SERIES_DROP_BYTES], 0);
	series_free(t.series);
}

/* To free all of it for one sample would take as long as all of it is large. */
static void no_more_is_freed_than_is_wanted(void **state)
{
	enum { SERIES = 1000, ROOM = 40 * SERIES };
	struct table t = table_of(&series_limits_default);
	char *page = oxp_new(ROOM);
	size_t size = 0;

	(void)state;
	for (int i = 0; i < SERIES; i++)
		size += (size_t)snprintf(page + size, ROOM - size, "a{n=\"%d\"} 1\n", i);
	scrape(&t, 1, page);
	scrape(&t, 1, "b 1\n");
	assert_int_equal(t.series->entries.count, SERIES + 1);
	series_begin(t.targets[0]);
	t.series->limits.bytes = t.series->bytes;
	feed(t.targets[0], "c 1\nd 2\n# TYPE e counter\ne 3\n");
	assert_in_range(t.series->entries.count, SERIES / 2, SERIES);
	assert_int_equal(t.targets[0]->groups[staged_slot(t.targets[0])].count, 3);
	series_check(t.series);
	free(page);
	series_free(t.series);
}

static char *many(int count, int families)
{
	enum { LINE = 40 };
	size_t used = 0, room = (size_t)count * LINE;
	char *page = oxp_new(room);

	for (int i = 0; i < count; i++)
		used += (size_t)snprintf(page + used, room - used, "a%d{n=\"%d\"} 1\n", i % families, i);
	return page;
}

/* Nor is all of it in the way of another target's series of the same name. */
static void a_name_is_free_at_once(void **state)
{
	enum { SERIES = 500 };
	struct table t = table_of(&series_limits_default);
	char *page = many(SERIES, 1), shown[PAGE];
	struct series_target *left = t.targets[1];

	(void)state;
	scrape(&t, 1, page);
	series_target_down(left);
	assert_int_equal(scrape(&t, 2, "a0{n=\"7\"} 2\na0{n=\"8\"} 3\n").merged, 2);
	assert_int_equal(left->groups[left->slot].count, SERIES);
	write_page(&t, shown, PAGE, 0);
	assert_string_equal(shown, "\n# TYPE a0 untyped\na0{n=\"7\"} 2\na0{n=\"8\"} 3\n");
	tidy(&t, 1);
	assert_int_equal(t.series->entries.count, 2);
	assert_int_equal(scrape(&t, 1, page).dropped[SERIES_DROP_DUPLICATE], 2);
	free(page);
	series_free(t.series);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The least of a few, since a machine may be busy with something else. */
static int64_t cost_of_commit(struct series_target *t, const char *before, const char *page)
{
	struct series_counts c;
	int64_t least = INT64_MAX;

	for (int i = 0; i < 2; i++) {
		int64_t begun, took;
		series_begin(t);
		feed(t, before);
		series_commit(t, &c);
		series_begin(t);
		feed(t, page);
		begun = cpu_ns();
		series_commit(t, &c);
		took = cpu_ns() - begun;
		least = took < least ? took : least;
	}
	return least;
}

static void a_commit_is_short_whatever_stays_or_vanishes(void **state)
{
	struct table t = table_of(&series_limits_default);
	char *families = many(20000, 20000), *series = many(40000, 100);

	(void)state;
	assert_true(cost_of_commit(t.targets[1], families, families) < 500000);
	scrape(&t, 0, families);
	assert_true(cost_of_commit(t.targets[1], families, families) < 500000);
	series_target_down(t.targets[0]);
	assert_true(cost_of_commit(t.targets[1], series, "") < 500000);
	free(families);
	free(series);
	series_free(t.series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_is_never_seen),
		cmocka_unit_test(it_holds_together_without_memory),
		cmocka_unit_test(it_is_freed_in_as_many_steps_as_it_is_large),
		cmocka_unit_test(what_is_left_is_in_nobodys_way),
		cmocka_unit_test(no_more_is_freed_than_is_wanted),
		cmocka_unit_test(a_name_is_free_at_once),
		cmocka_unit_test(a_commit_is_short_whatever_stays_or_vanishes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
