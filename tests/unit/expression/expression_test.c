/*
 * Expressions: what is refused and where, what a condition says, ceilings, and what becomes of samples over time. What
 * values they have is compared with Prometheus' own by conformance/test_expression.py.
 */
#include "unit/unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expression/evaluate.h"
#include "expression/sampler.h"

enum { TEXT = 2 * EXPRESSION_TEXT_MAX, PAGE = 1 << 20 };

static const struct refused {
	const char *text, *why;
} no_expressions[] = {
	{ "", "at character 1: expected a number, a metric, a function or (, found the end" },
	{ "a +", "at character 4: expected a number, a metric, a function or (, found the end" },
	{ "a b", "at character 3: expected an operator or the end, found \"b\"" },
	{ "(a", "at character 3: expected ), found the end" },
	{ "sum(a", "at character 6: expected ), found the end" },
	{ "sum by a (b)", "at character 8: expected (, found \"a\"" },
	{ "sum by (1) (b)", "at character 9: expected a text in quotes, found \"1\"" },
	{ "sum by (a b) (b)", "at character 11: expected , or ), found \"b\"" },
	{ "rate(a)", "at character 6: expected a range, such as name[5m], found \")\"" },
	{ "rate(a[5m], 1)", "at character 11: expected ), found \",\"" },
	{ "abs(1)", "at character 5: expected a vector, found \")\"" },
	{ "vector(a)", "at character 8: expected a number, found \")\"" },
	{ "clamp_min(a)", "at character 12: expected ,, found \")\"" },
	{ "irate(a[5m])", "at character 1: expected a function that is known here, found \"irate\"" },
	{ "a[5m]", "at character 1: a range has no value of its own: use it in a function, such as rate(…)" },
	{ "a[5m] + 1", "at character 7: a range has no value of its own: use it in a function, such as rate(…)" },
	{ "-a[5m]", "at character 1: a range has no value of its own: use it in a function, such as rate(…)" },
	{ "rate(a[5x])", "at character 8: expected a duration, such as 5m, found \"5\"" },
	{ "rate(a[0s])", "at character 8: expected a duration, such as 5m, found \"0\"" },
	{ "rate(a[5m1h])", "at character 8: expected a duration, such as 5m, found \"5\"" },
	{ "rate(a[25h])", "at character 8: the range is longer than a day" },
	{ "rate(a[999999999y])", "at character 8: expected a duration, such as 5m, found \"999999999\"" },
	{ "rate(a[5m:1m])", "at character 8: subqueries are not part of what is understood here" },
	{ "rate(a[5m] offset 1m)", "at character 12: offset and @ are not part of what is understood here" },
	{ "{a=\"b\"}", "at character 1: the name of the metric is missing: name{label=\"value\"}" },
	{ "{__name__=~\"b\"}", "at character 10: the name of the metric can only be given with =" },
	{ "a{__name__=\"b\"}", "at character 11: the metric has a name already" },
	{ "{\"a\",\"b\"}", "at character 6: the metric has a name already" },
	{ "{\"\"}", "at character 2: the name of the metric is empty" },
	{ "a{b}", "at character 4: expected =, !=, =~ or !~, found \"}\"" },
	{ "a{b=c}", "at character 5: expected a text in quotes, found \"c\"" },
	{ "a{b=\"c}", "at character 5: expected a text in quotes, found \"\"c}\"" },
	{ "a{b=\"\\q\"}", "at character 5: there is a wrong escape in this text, or it is not UTF-8" },
	{ "a{b=\"\\xFF\"}", "at character 5: there is a wrong escape in this text, or it is not UTF-8" },
	{ "a{b=\"c\" d=\"e\"}", "at character 9: expected , or }, found \"d\"" },
	{ "a{b=~\"(\"}", "at character 4: the regular expression is wrong: " },
	{ "a{b=~\"\\x00\"}", "at character 4: a regular expression has no zero byte" },
	{ "1 < 2", "at character 3: two numbers are compared with bool, as in 1 < bool 2" },
	{ "a and 1", "at character 3: or, and, unless need vectors on both sides; vector(…) makes one of a number" },
	{ "a + on (b) group_left c",
		"at character 12: group_left and group_right are not part of what is understood here" },
	{ "1 + 2x", "at character 5: expected a number, a metric, a function or (, found \"2\"" },
	{ "a $ b", "at character 3: expected an operator or the end, found \"$\"" },
};

static void what_is_no_expression_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(no_expressions); i++) {
		struct expression *e = NULL;
		char why[EXPRESSION_WHY_MAX] = "";
		assert_int_equal(expression_new(no_expressions[i].text, &e, why), -EINVAL);
		if (strstr(no_expressions[i].text, "=~\"("))
			why[strlen(no_expressions[i].why)] = '\0'; /* PCRE2 says the rest */
		assert_string_equal(why, no_expressions[i].why);
		assert_null(e);
	}
}

/* `before`, `count` times what is in the middle, and `behind`. */
static void repeat(char *to, const char *before, const char *middle, size_t count, const char *behind)
{
	size_t at = (size_t)snprintf(to, TEXT, "%s", before);

	for (size_t i = 0; i < count && at < TEXT - 1; i++)
		at += (size_t)snprintf(to + at, TEXT - at, "%s", middle);
	snprintf(to + at, TEXT - at, "%s", behind);
}

static void what_is_too_large_is_refused(void **state)
{
	static const struct {
		const char *before, *middle;
		size_t fits;
		const char *behind, *why;
	} rows[] = {
		{ "", "(", EXPRESSION_DEPTH_MAX - 1, "1", "too many parts stand in each other" },
		{ "", "-", EXPRESSION_DEPTH_MAX - 1, "1", "too many parts stand in each other" },
		{ "1", "+1", (EXPRESSION_TERMS_MAX - 1) / 2, "", "the expression has too many parts" },
		{ "a", "+a", EXPRESSION_SELECTORS_MAX - 1, "", "the expression has too many selectors" },
		{ "a{", "b=\"\",", EXPRESSION_MATCHERS_MAX, "}", "the expression has too many matchers" },
		{ "sum by (", "a,", EXPRESSION_NAMES_MAX, ") (b)", "the expression names too many labels" },
		{ "1", " ", EXPRESSION_TEXT_MAX - 1, "", "it is longer than 4096 bytes" },
	};
	char *text = oxp_new(TEXT), *all = oxp_new(TEXT);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct expression *e = NULL;
		char why[EXPRESSION_WHY_MAX] = "";
		repeat(text, rows[i].before, rows[i].middle, rows[i].fits, rows[i].behind);
		repeat(all, text, ")", rows[i].middle[0] == '(' ? rows[i].fits : 0, "");
		assert_int_equal(expression_new(all, &e, why), 0);
		expression_free(e);
		repeat(text, rows[i].before, rows[i].middle, rows[i].fits + 1, rows[i].behind);
		assert_int_equal(expression_new(text, &e, why), -EINVAL);
		assert_non_null(strstr(why, rows[i].why));
	}
	free(text);
	free(all);
}

/* An expression with its windows. */
struct bench {
	struct expression *e;
	struct windows_room room;
	struct windows *w;
	char why[VERDICT_WHY_MAX];
};

static void setup(struct bench *b, const char *text, size_t room)
{
	char why[EXPRESSION_WHY_MAX];

	assert_int_equal(expression_new(text, &b->e, why), 0);
	b->room.left = room;
	b->w = windows_new(b->e, &b->room, 7);
}

static void teardown(struct bench *b, size_t room)
{
	windows_free(b->w);
	expression_free(b->e);
	assert_int_equal(b->room.left, room); /* all of it was given back */
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context, (void)meta;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	windows_take(context, sample);
	return 0;
}

static void show(struct bench *b, int64_t ms, const char *page)
{
	static const struct exposition_events events = { on_meta, on_sample };
	struct exposition_parser parser;

	windows_begin(b->w, ms);
	exposition_init(&parser, EXPOSITION_TEXT, &exposition_limits_default, &events, b->w);
	exposition_feed(&parser, page, strlen(page));
	assert_int_equal(exposition_end(&parser), EXPOSITION_FINE);
	exposition_done(&parser);
	windows_end(b->w);
	windows_check(b->w);
}

static enum verdict ask(struct bench *b)
{
	return evaluate_condition(b->e, b->w, (struct wall_time){ 1000 }, b->why);
}

static void conditions_have_a_verdict(void **state)
{
	static const struct {
		const char *text, *page;
		enum verdict verdict;
		const char *why;
	} rows[] = {
		{ "a < 5", "a 4\n", VERDICT_YES, "" },
		{ "a < 5", "a 0\n", VERDICT_YES, "" },
		{ "a < 5", "a 5.5\n", VERDICT_NO, "it is 5.5" },
		{ "a < bool 5", "a 5\n", VERDICT_NO, "it is 5" },
		{ "5 > a", "a{x=\"1\"} 1\na{x=\"2\"} 6\n", VERDICT_NO, "it is 6 of x=\"2\"" },
		{ "a < 5", "a{x=\"1\",y=\"2\"} +Inf\n", VERDICT_NO, "it is +Inf of x=\"1\", y=\"2\"" },
		{ "a < 5", "a{x=\"1\"} NaN\na{x=\"2\"} 6\n", VERDICT_NO, "it is 6 of x=\"2\"" },
		{ "a < 5", "a{x=\"1\"} NaN\na{x=\"2\"} 4\n", VERDICT_YES, "" },
		{ "a < 5", "a NaN\n", VERDICT_NO_DATA, "" },
		{ "a != 5", "a NaN\n", VERDICT_NO_DATA, "" },
		{ "a < 5", "b 1\n", VERDICT_NO_DATA, "" },
		{ "a / b < 5", "a 0\nb 0\n", VERDICT_NO_DATA, "" },
		{ "a < b", "a 1\nb 2\n", VERDICT_YES, "" },
		{ "a < b", "a 3\nb 2\n", VERDICT_NO, "it is 3" },
		{ "a < b", "a{x=\"1\"} 3\nb{x=\"2\"} 2\n", VERDICT_NO_DATA, "" },
		{ "scalar(a) < bool 2", "a 1\n", VERDICT_YES, "" },
		{ "scalar(a) < bool 2", "a 2\n", VERDICT_NO, "it is 2" },
		{ "scalar(a) < bool 2", "b 2\n", VERDICT_NO_DATA, "" },
		{ "absent(a)", "b 2\n", VERDICT_YES, "" },
		{ "absent(a)", "a 2\n", VERDICT_NO, "it is there" },
		{ "a < 5", "a{x=\"\\n\\\"\"} 6\n", VERDICT_NO, "it is 6 of x=\" \"\"" },
		{ "a + on () b < 1", "a{x=\"1\"} 1\na{x=\"2\"} 1\nb 1\n", VERDICT_FAILED,
			"several series on the left side match one on the right" },
		{ "a + on () b < 1", "a 1\nb{x=\"1\"} 1\nb{x=\"2\"} 1\n", VERDICT_FAILED,
			"several series on the right side have the labels that it matches by" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench b;
		setup(&b, rows[i].text, PAGE);
		show(&b, 1000, rows[i].page);
		assert_int_equal(ask(&b), rows[i].verdict);
		assert_string_equal(b.why, rows[i].why);
		teardown(&b, PAGE);
	}
}

static void only_comparisons_are_conditions(void **state)
{
	static const char *const rows[] = { "a + 1", "1", "a", "a < 1 or b < 1", "sum(a < 1)", "rate(a[1m])" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench b;
		setup(&b, rows[i], PAGE);
		assert_false(expression_is_condition(b.e));
		teardown(&b, PAGE);
	}
}

static void a_series_that_is_gone_counts_no_more(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, "a < 5", PAGE);
	show(&b, 1000, "a 6\n");
	assert_int_equal(ask(&b), VERDICT_NO);
	show(&b, 2000, "");
	assert_int_equal(ask(&b), VERDICT_NO_DATA);
	assert_int_equal(b.room.left, PAGE); /* and takes no memory */
	teardown(&b, PAGE);
}

static void samples_in_a_range_grow_old(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, "count_over_time(a[3s]) < 3", PAGE);
	for (int64_t s = 1; s < 100; s++) {
		show(&b, s * 1000, "a 1\n");
		assert_int_equal(ask(&b), s < 3 ? VERDICT_YES : VERDICT_NO);
	}
	assert_true(PAGE - b.room.left < 1024);
	show(&b, 101000, "");
	assert_int_equal(ask(&b), VERDICT_YES); /* one is left */
	show(&b, 102000, "");
	assert_int_equal(ask(&b), VERDICT_NO_DATA);
	assert_int_equal(b.room.left, PAGE);
	teardown(&b, PAGE);
}

static void time_that_goes_back_begins_anew(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, "count_over_time(a[10s]) < 2", PAGE);
	show(&b, 5000, "a 1\n");
	show(&b, 6000, "a 1\n");
	assert_int_equal(ask(&b), VERDICT_NO);
	show(&b, 6000, "a 1\n");
	assert_int_equal(ask(&b), VERDICT_YES);
	teardown(&b, PAGE);
}

static void many_series(char *page, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(page + at, PAGE - at, "a{x=\"%zu\"} 1\n", i);
}

/* What is left out is told, and the next page that fits counts again. */
static void ceilings_fail_the_look_alone(void **state)
{
	static const size_t rooms[] = { PAGE, 4096 };
	char *page = oxp_new(PAGE);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rooms); i++) {
		struct bench b;
		setup(&b, "count(a) < 2000", rooms[i]);
		many_series(page, WINDOW_SERIES_MAX + 1);
		show(&b, 1000, page);
		assert_int_equal(ask(&b), VERDICT_FAILED);
		assert_string_equal(b.why, "there is no room for all series of it; ask for fewer, or a shorter range");
		show(&b, 2000, "a{x=\"1\"} 1\n");
		assert_int_equal(ask(&b), VERDICT_YES);
		teardown(&b, rooms[i]);
	}
	free(page);
}

/* 16 selectors of large label sets: what is made of them does not fit. */
static void an_evaluation_has_a_ceiling(void **state)
{
	char *page = oxp_new(PAGE), labels[900];
	struct bench b;
	size_t at = 0;

	(void)state;
	memset(labels, 'x', sizeof labels);
	for (size_t i = 0; i < 1000; i++)
		at += (size_t)snprintf(page + at, PAGE - at, "a{x=\"%zu\",y=\"%.900s\"} 1\n", i, labels);
	setup(&b, "a+a+a+a+a+a+a < 100", 64 << 20);
	show(&b, 1000, page);
	assert_int_equal(ask(&b), VERDICT_FAILED);
	assert_string_equal(b.why, "it needs more memory than an expression may take");
	teardown(&b, 64 << 20);
	free(page);
}

/* The sampler. */

struct asker {
	struct bench b;
	struct sampled sampled;
	struct sampler *sampler;
	unsigned told;
	bool again;
	const char *failed;
};

static void on_done(void *context, const char *failed)
{
	struct asker *a = context;

	a->told++;
	a->failed = failed;
	if (a->again)
		sampler_want(a->sampler, &a->sampled);
}

static void on_ask(void *context)
{
	++*(unsigned *)context;
}

/* Returns in how many calls. */
static unsigned end_page(struct sampler *s, const char *failed)
{
	unsigned calls = 0;

	while (sampler_end(s, failed))
		calls++;
	return calls;
}

static void one_page_serves_all_that_wanted_it(void **state)
{
	struct asker a = { .told = 0 }, b = { .told = 0 };
	struct asker *all[] = { &a, &b };
	struct sampler s;
	unsigned asked = 0;

	(void)state;
	sampler_init(&s, 1);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		setup(&all[i]->b, "x < 1", PAGE);
		all[i]->sampler = &s;
		all[i]->sampled = (struct sampled){ .windows = all[i]->b.w, .done = on_done, .context = all[i] };
		sampler_add(&s, &all[i]->sampled);
	}
	sampler_want(&s, &a.sampled);
	sampler_serve(&s, on_ask, &asked);
	assert_int_equal(asked, 1);
	sampler_want(&s, &b.sampled); /* too late for this page */
	sampler_begin(&s, 1000);
	assert_int_equal(end_page(&s, NULL), 2); /* one at a time */
	assert_int_equal(a.told, 1);
	assert_int_equal(b.told, 0);
	assert_int_equal(asked, 2);
	a.again = true;
	sampler_want(&s, &a.sampled);
	sampler_cancel(&a.sampled);
	assert_int_equal(end_page(&s, "why"), 1);
	assert_int_equal(a.told, 1);
	assert_int_equal(b.told, 1);
	assert_string_equal(b.failed, "why");
	assert_int_equal(asked, 2); /* nobody wants one */
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		sampler_remove(&s, &all[i]->sampled);
		teardown(&all[i]->b, PAGE);
	}
	assert_null(s.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_expression_is_refused),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(conditions_have_a_verdict),
		cmocka_unit_test(only_comparisons_are_conditions),
		cmocka_unit_test(a_series_that_is_gone_counts_no_more),
		cmocka_unit_test(samples_in_a_range_grow_old),
		cmocka_unit_test(time_that_goes_back_begins_anew),
		cmocka_unit_test(ceilings_fail_the_look_alone),
		cmocka_unit_test(an_evaluation_has_a_ceiling),
		cmocka_unit_test(one_page_serves_all_that_wanted_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
