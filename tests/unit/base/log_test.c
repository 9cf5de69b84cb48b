/*
 * The log's three forms to the byte, its levels, and how a line is cut; beside it the clock's text and the randomness
 * that is given.
 */
#include "unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/log_limit.h"
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

/* What others wrote begins no line, moves no cursor and turns no text around, in none of the forms. */
static void test_outside_text_is_defused(void **state)
{
	static const struct {
		const char *text, *plain, *json;
	} rows[] = {
		{ "a\n" WHEN " error agent: forged", "a " WHEN " error agent: forged",
			"a\\n" WHEN " error agent: forged" },
		{ "\033]0;title\007", " ]0;title ", "\\u001b]0;title\\u0007" },
		{ "\xc2\x9b"
		  "2J",
			"  2J", "  2J" }, /* the same as two bytes of UTF-8 */
		{ "\x9b"
		  "2J",
			"?2J",
			"\xef\xbf\xbd"
			"2J" }, /* or of no UTF-8 */
		{ "\x7f\x7f", "  ", "  " },
		{ "\xe2\x80\xae"
		  "gpj.exe",
			"   gpj.exe", "   gpj.exe" }, /* U+202E turns what follows */
		{ "\xe2\x81\xa6x\xe2\x80\xa8y", "   x   y", "   x   y" },
		{ "\xef\xbb\xbf"
		  "\xe2\x80\x8b.",
			"      .", "      ." },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa6",
			"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa6",
			"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa6" },
		{ "cut \xe2\x82", "cut ??", "cut \xef\xbf\xbd\xef\xbf\xbd" },
	};
	char line[1000];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(line, sizeof line, WHEN " warn  logs.export.x: %s\n", rows[i].plain);
		assert_written(LOG_FORM_TEXT, LOG_LEVEL_WARN, rows[i].text, line);
		snprintf(line, sizeof line,
			"{\"timestamp\":\"" WHEN "\",\"level\":\"warn\",\"component\":\"logs.export.x\","
			"\"message\":\"%s\"}\n",
			rows[i].json);
		assert_written(LOG_FORM_JSON, LOG_LEVEL_WARN, rows[i].text, line);
	}
}

/* A log with a limit, into a pipe. */
struct limited {
	struct still_clock clock;
	struct log_limit limit;
	struct log log;
	int ends[2];
	char text[READ_MAX + 1];
};

static struct limited *limited_new(void)
{
	struct limited *l = oxp_new(sizeof *l);

	l->clock = (struct still_clock)STILL_CLOCK;
	l->log = (struct log){ .level = LOG_LEVEL_DEBUG, .clock = &l->clock.clock, .limit = &l->limit };
	assert_int_equal(pipe2(l->ends, O_NONBLOCK), 0);
	l->log.fd = l->ends[1];
	return l;
}

static void limited_free(struct limited *l)
{
	close(l->ends[0]);
	close(l->ends[1]);
	free(l);
}

/* What was written since the last time; the number of lines. */
static unsigned written_since(struct limited *l)
{
	ssize_t n = read(l->ends[0], l->text, READ_MAX);
	unsigned lines = 0;

	l->text[n > 0 ? n : 0] = '\0';
	for (const char *p = l->text; (p = strchr(p, '\n')); p++)
		lines++;
	return lines;
}

static void say(struct limited *l, const char *who, int from, int until)
{
	for (int i = from; i < until; i++)
		log_warn(&l->log, who, "cut down: %d", i);
}

static void test_who_repeats_is_held_back(void **state)
{
	struct limited *l = limited_new();

	(void)state;
	say(l, "tail", 0, 1000);
	assert_int_equal(written_since(l), LOG_BURST);
	log_warn(&l->log, "tail", "another kind");
	say(l, "other", 0, 1);
	assert_int_equal(written_since(l), 2);
	log_tell_held(&l->log, false); /* no room yet */
	assert_int_equal(written_since(l), 0);
	l->clock.ns += DURATION_S(LOG_EVERY_S).ns;
	say(l, "tail", 1000, 1010);
	assert_int_equal(written_since(l), 2);
	assert_non_null(strstr(l->text, " warn  tail: 980 more messages like this were held back; the last: cut "
					"down: 999\n"));
	assert_non_null(strstr(l->text, "cut down: 1000\n"));
	l->clock.ns += DURATION_S(LOG_EVERY_S).ns;
	log_tell_held(&l->log, false);
	assert_int_equal(written_since(l), 1);
	assert_non_null(strstr(l->text, "9 more messages like this were held back; the last: cut down: 1009\n"));
	say(l, "tail", 0, 7);
	log_tell_held(&l->log, true); /* the end */
	assert_int_equal(written_since(l), 1);
	assert_non_null(strstr(l->text, "7 more messages like this"));
	log_tell_held(&l->log, true);
	assert_int_equal(written_since(l), 0);
	limited_free(l);
}

static void test_after_a_quiet_while_all_of_it_is_said_again(void **state)
{
	struct limited *l = limited_new();

	(void)state;
	say(l, "tail", 0, LOG_BURST);
	assert_int_equal(written_since(l), LOG_BURST);
	l->clock.ns += DURATION_S(LOG_EVERY_S * LOG_BURST).ns;
	say(l, "tail", 0, LOG_BURST);
	assert_int_equal(written_since(l), LOG_BURST);
	assert_null(strstr(l->text, "more messages like this"));
	limited_free(l);
}

/* More kinds than are remembered: who is forgotten tells first what it held back. */
static void test_kinds_are_bounded(void **state)
{
	struct limited *l = limited_new();
	char who[16];

	(void)state;
	say(l, "first", 0, LOG_BURST + 5);
	assert_int_equal(written_since(l), LOG_BURST);
	for (int i = 0; i < LOG_KINDS; i++) {
		l->clock.ns++;
		snprintf(who, sizeof who, "who %d", i);
		say(l, who, 0, 1);
	}
	assert_int_equal(written_since(l), LOG_KINDS + 1);
	assert_non_null(strstr(l->text, "first: 5 more messages like this"));
	limited_free(l);
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

/* A pipe of two pages, and everything that was logged to it before somebody read it. */
struct unread {
	int ends[2];
	struct log_limit limit;
	struct log log;
	char *got;
};

static void unread_begin(struct unread *u, enum log_form form)
{
	*u = (struct unread){ .got = oxp_new(READ_MAX + 1) };
	assert_int_equal(pipe(u->ends), 0);
	assert_true(fcntl(u->ends[1], F_SETPIPE_SZ, 8192) >= 8192);
	u->log = (struct log){
		.fd = u->ends[1], .level = LOG_LEVEL_INFO, .form = form, .clock = &still.clock, .limit = &u->limit
	};
}

static char *unread_read(struct unread *u)
{
	ssize_t n = read(u->ends[0], u->got, READ_MAX);

	assert_true(n > 0);
	u->got[n] = '\0';
	return u->got;
}

static void unread_end(struct unread *u)
{
	close(u->ends[0]);
	close(u->ends[1]);
	free(u->got);
}

static void test_a_log_that_nobody_reads_holds_nothing_up(void **state)
{
	struct unread u;
	char expected[512];
	int written = 0;

	(void)state;
	unread_begin(&u, LOG_FORM_TEXT);
	for (int i = 0; i < LOG_BURST; i++)
		log_write(&u.log, LOG_LEVEL_INFO, "x", "%d %0500d", i, 0);
	for (const char *c = unread_read(&u); *c; c++)
		written += *c == '\n';
	assert_in_range(written, 1, LOG_BURST - 1);
	assert_int_equal(u.got[strlen(u.got) - 1], '\n');
	log_write(&u.log, LOG_LEVEL_INFO, "x", "again");
	snprintf(expected, sizeof expected,
		WHEN " warn  agent: %d messages are missing here: nobody read what was logged, or there was no room "
		     "for it\n" WHEN " info  x: again\n",
		LOG_BURST - written);
	assert_string_equal(unread_read(&u), expected);
	log_write(&u.log, LOG_LEVEL_INFO, "x", "again");
	assert_string_equal(unread_read(&u), WHEN " info  x: again\n");
	unread_end(&u);
}

/* A line that is larger than what the pipe takes at once. */
static void test_a_line_that_was_cut_ends_before_the_next(void **state)
{
	struct unread u;
	char text[LOG_LINE_MAX], *got;

	(void)state;
	memset(text, 1, sizeof text - 1); /* \u0001 */
	text[sizeof text - 1] = '\0';
	unread_begin(&u, LOG_FORM_JSON);
	log_write(&u.log, LOG_LEVEL_INFO, "x", "%s", text);
	got = unread_read(&u);
	assert_null(strchr(got, '\n'));
	log_write(&u.log, LOG_LEVEL_INFO, "x", "again");
	got = unread_read(&u);
	assert_int_equal(got[0], '\n');
	assert_non_null(strstr(got, "\"1 messages are missing"));
	assert_non_null(strstr(got, "\"message\":\"again\"}\n"));
	unread_end(&u);
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
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -86400000000000, "1969-12-31T00:00:00.000Z" },
	};
	char to[WALL_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(wall_format((struct wall_time){ rows[i].ns }, to), strlen(rows[i].text));
		assert_string_equal(to, rows[i].text);
	}
}

/* Whatever it is set to. */
static void test_a_clock_beyond_what_fits_stands(void **state)
{
	static const struct {
		struct timespec is;
		const char *text;
	} rows[] = {
		{ { 1795409106, 123999999 }, "2026-11-23T04:45:06.123Z" },
		{ { -1, 999000000 }, "1970-01-01T00:00:00.000Z" },
		{ { INT64_MAX / 1000000000, 0 }, "2252-04-13T23:47:16.000Z" },
		{ { INT64_C(253402300799), 999999999 }, "2252-04-13T23:47:16.000Z" },
		{ { INT64_MAX, 0 }, "2252-04-13T23:47:16.000Z" },
		{ { INT64_MIN, 0 }, "1970-01-01T00:00:00.000Z" },
	};
	char to[WALL_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		(void)wall_format(wall_of_system(&rows[i].is), to);
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
		cmocka_unit_test(test_outside_text_is_defused),
		cmocka_unit_test(test_who_repeats_is_held_back),
		cmocka_unit_test(test_after_a_quiet_while_all_of_it_is_said_again),
		cmocka_unit_test(test_kinds_are_bounded),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_a_long_line_is_cut),
		cmocka_unit_test(test_a_log_that_cannot_be_written),
		cmocka_unit_test(test_a_log_that_nobody_reads_holds_nothing_up),
		cmocka_unit_test(test_a_line_that_was_cut_ends_before_the_next),
		cmocka_unit_test(test_wall_time_as_text),
		cmocka_unit_test(test_a_clock_beyond_what_fits_stands),
		cmocka_unit_test(test_the_system_clock_goes_on),
		cmocka_unit_test(test_a_seed_says_all),
		cmocka_unit_test(test_random_below),
		cmocka_unit_test(test_the_kernel_gives_another_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
