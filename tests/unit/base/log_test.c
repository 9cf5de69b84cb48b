/*
 * The log's three forms to the byte, its levels, and how a line is cut; beside it the clock's text and the randomness
 * that is given.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/random.h"

#define WHEN "2023-11-14T22:13:21.000Z"
enum { READ_MAX = 16 * LOG_LINE_MAX };

static const struct still_clock still = STILL_CLOCK;

/* Writes one line in that form and returns what came out, to be freed. */
static char *written(enum log_form form, enum log_level level, const char *text)
{
	int ends[2];
	struct log log = { .level = LOG_LEVEL_INFO, .form = form, .clock = &still.clock };
	char *line = oxp_new(READ_MAX + 1);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	log.fd = ends[1];
	log_write(&log, level, "logs.export.x", "%s", text);
	close(ends[1]);
	n = read(ends[0], line, READ_MAX);
	close(ends[0]);
	assert_true(n >= 0);
	return line;
}

static void assert_written(enum log_form form, enum log_level level, const char *text, const char *line)
{
	char *got = written(form, level, text);

	assert_string_equal(got, line);
	free(got);
}

static void test_forms(void **state)
{
	(void)state;
	assert_written(LOG_FORM_TEXT, LOG_LEVEL_WARN, "refused", WHEN " warn  logs.export.x: refused\n");
	assert_written(LOG_FORM_TEXT, LOG_LEVEL_WARN, "HTTP 502: <html>\r\n\033[2J",
		WHEN " warn  logs.export.x: HTTP 502: <html>   [2J\n");
	assert_written(LOG_FORM_TEXT, LOG_LEVEL_ERROR, "", WHEN " error logs.export.x: \n");
	assert_written(LOG_FORM_COLOUR, LOG_LEVEL_INFO, "fine",
		"\033[2m" WHEN "\033[0m \033[32minfo \033[0m \033[1mlogs.export.x\033[0m: fine\n");
	assert_written(LOG_FORM_JSON, LOG_LEVEL_WARN, "say \"no\"\n\xff",
		"{\"timestamp\":\"" WHEN "\",\"level\":\"warn\",\"component\":\"logs.export.x\","
		"\"message\":\"say \\\"no\\\"\\n\xef\xbf\xbd\"}\n");
}

static void test_levels(void **state)
{
	(void)state;
	assert_written(LOG_FORM_TEXT, LOG_LEVEL_DEBUG, "not asked for", "");
	assert_written(LOG_FORM_JSON, LOG_LEVEL_DEBUG, "not asked for", "");
	assert_written(LOG_FORM_TEXT, LOG_LEVEL_INFO, "asked for", WHEN " info  logs.export.x: asked for\n");
}

/* Every form still ends its line, also where each byte becomes six. */
static void test_a_long_line_is_cut(void **state)
{
	static const enum log_form forms[] = { LOG_FORM_TEXT, LOG_FORM_COLOUR, LOG_FORM_JSON };
	char text[3 * LOG_LINE_MAX];

	(void)state;
	memset(text, '\001', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		char *line = written(forms[i], LOG_LEVEL_ERROR, text);
		size_t n = strlen(line), per = forms[i] == LOG_FORM_JSON ? 6 : 1;
		assert_true(n > per * (LOG_LINE_MAX - 1) && n < per * LOG_LINE_MAX + 200);
		assert_int_equal(line[n - 1], '\n');
		assert_true(per == 1 || line[n - 2] == '}');
		free(line);
	}
}

static void test_a_log_that_cannot_be_written(void **state)
{
	const struct log log = { .fd = -1, .level = LOG_LEVEL_DEBUG, .clock = &still.clock };

	(void)state;
	log_error(&log, "agent", "nobody hears this");
}

static void test_wall_time_as_text(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1795409106123999999, "2026-11-23T04:45:06.123Z" },
		{ 1709164800001000000, "2024-02-29T00:00:00.001Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854Z" },
	};
	char to[WALL_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(wall_format((struct wall_time){ rows[i].ns }, to), strlen(rows[i].text));
		assert_string_equal(to, rows[i].text);
	}
}

static void test_the_system_clock_goes_on(void **state)
{
	struct mono_time before = clock_system.mono(&clock_system), after = clock_system.mono(&clock_system);

	(void)state;
	assert_true(mono_since(after, before).ns >= 0);
	assert_true(clock_system.wall(&clock_system).ns > 1700000000000000000);
	assert_true(mono_after(before, DURATION_S(2)).ns - before.ns == 2000000000);
	assert_int_equal(duration_ms(DURATION_S(3)), 3000);
}

static void test_a_seed_says_all(void **state)
{
	struct random a, b, c;
	size_t same = 0;

	(void)state;
	random_seed(&a, 1);
	random_seed(&b, 1);
	random_seed(&c, 2);
	for (int i = 0; i < 1000; i++) {
		uint64_t x = random_next(&a);
		assert_true(x == random_next(&b));
		same += x == random_next(&c);
	}
	assert_int_equal(same, 0);
}

/* Each of ten values about as often as the others, none beyond. */
static void test_random_below(void **state)
{
	struct random r;
	unsigned counts[10] = { 0 };

	(void)state;
	random_seed(&r, 7);
	for (int i = 0; i < 100000; i++) {
		uint64_t x = random_below(&r, 10);
		assert_true(x < 10);
		counts[x]++;
	}
	for (size_t i = 0; i < 10; i++)
		assert_in_range(counts[i], 9500, 10500);
	for (int i = 0; i < 100; i++)
		assert_true(random_below(&r, 1) == 0);
}

static void test_the_kernel_gives_another_seed(void **state)
{
	struct random a, b;

	(void)state;
	assert_int_equal(random_seed_kernel(&a), 0);
	assert_int_equal(random_seed_kernel(&b), 0);
	assert_true(random_next(&a) != random_next(&b));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_a_long_line_is_cut),
		cmocka_unit_test(test_a_log_that_cannot_be_written),
		cmocka_unit_test(test_wall_time_as_text),
		cmocka_unit_test(test_the_system_clock_goes_on),
		cmocka_unit_test(test_a_seed_says_all),
		cmocka_unit_test(test_random_below),
		cmocka_unit_test(test_the_kernel_gives_another_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
