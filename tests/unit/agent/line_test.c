/*
 * The command line: where options may stand, what belongs to whom.
 */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>

#include "cli/line.h"

struct options {
	const char *limit;
	bool follow;
};

static const struct command_option first_options[] = { { .name = "--loud", .text = "" }, { .name = NULL } };
static const struct command_option second_options[] = {
	{ .name = "--limit", .value = "N", .text = "", .at = offsetof(struct options, limit) },
	{ .name = "--follow", .alias = "-f", .text = "", .at = offsetof(struct options, follow) },
	{ .name = NULL },
};
static const struct command first = { .name = "first", .words = "", .options = first_options, .options_size = 1 };
static const struct command second = { .name = "second",
	.words = "WORD",
	.words_max = 1,
	.options = second_options,
	.options_size = sizeof(struct options) };
static const struct command *const commands[] = { &first, &second, NULL };

#define PARSE(line, ...) line_parse(commands, (const char *const[]){ "oxpecker", __VA_ARGS__, NULL }, line)

static void test_the_first_command_is_meant_when_none_is_named(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(line_parse(commands, (const char *const[]){ "oxpecker", NULL }, &l), 0);
	assert_ptr_equal(l.command, &first);
	line_done(&l);
}

static void test_options_stand_anywhere(void **state)
{
	struct line l;
	const struct options *o;

	(void)state;
	assert_int_equal(PARSE(&l, "--limit", "3", "--config", "f", "second", "word", "-f"), 0);
	o = l.options;
	assert_ptr_equal(l.command, &second);
	assert_string_equal(o->limit, "3");
	assert_true(o->follow);
	assert_string_equal(l.config, "f");
	assert_int_equal(l.word_count, 1);
	assert_string_equal(l.words[0], "word");
	line_done(&l);
}

static void test_a_value_may_look_like_an_option_or_a_command(void **state)
{
	struct line l;
	const struct options *o;

	(void)state;
	assert_int_equal(PARSE(&l, "second", "--limit", "--follow", "--config", "first"), 0);
	o = l.options;
	assert_ptr_equal(l.command, &second);
	assert_string_equal(o->limit, "--follow");
	assert_false(o->follow);
	assert_string_equal(l.config, "first");
	line_done(&l);
}

static void test_each_set_counts(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(PARSE(&l, "--set", "a=1", "second", "--set", "-h"), 0);
	assert_int_equal(l.set_count, 2);
	assert_string_equal(l.sets[0], "a=1");
	assert_string_equal(l.sets[1], "-h");
	assert_null(l.sets[2]);
	assert_false(l.help);
	line_done(&l);
}

static void test_what_belongs_elsewhere_is_refused(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(PARSE(&l, "--limit", "3"), -EINVAL);
	line_done(&l);
	assert_int_equal(PARSE(&l, "second", "--loud"), -EINVAL);
	line_done(&l);
	assert_int_equal(PARSE(&l, "--loud"), 0);
	line_done(&l);
}

static void test_unknown_words_and_those_too_many_are_refused(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(PARSE(&l, "third"), -EINVAL);
	line_done(&l);
	assert_int_equal(PARSE(&l, "first", "word"), -EINVAL);
	line_done(&l);
	assert_int_equal(PARSE(&l, "second", "word", "word"), -EINVAL);
	line_done(&l);
	assert_int_equal(PARSE(&l, "--quiet"), -EINVAL);
	line_done(&l);
	assert_int_equal(PARSE(&l, "second", "--limit"), -EINVAL);
	line_done(&l);
}

static void test_help_is_about_the_command_wherever_it_stands(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(PARSE(&l, "-h", "second"), 0);
	assert_true(l.help);
	assert_ptr_equal(l.command, &second);
	line_done(&l);
	assert_int_equal(PARSE(&l, "--help"), 0);
	assert_true(l.help);
	assert_null(l.command);
	line_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_command_is_meant_when_none_is_named),
		cmocka_unit_test(test_options_stand_anywhere),
		cmocka_unit_test(test_a_value_may_look_like_an_option_or_a_command),
		cmocka_unit_test(test_each_set_counts),
		cmocka_unit_test(test_what_belongs_elsewhere_is_refused),
		cmocka_unit_test(test_unknown_words_and_those_too_many_are_refused),
		cmocka_unit_test(test_help_is_about_the_command_wherever_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
