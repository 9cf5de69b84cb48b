/*
 * Lines of text 0.0.4, the texts of numbers, and names and escapes on their way there.
 */
#include "unit/unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "proto/exposition_write.h"

static void numbers_are_short_and_exact(void **state)
{
	static const struct { double value; const char *text; } rows[] = {
		{ 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -17, "-17" }, { 0.1, "0.1" }, { 1.0 / 3,
			"0.3333333333333333" },
		{ 1e21, "1e+21" }, { 123456789012345, "123456789012345" }, { 9007199254740992, "9007199254740992" },
		{ 5e-324, "5e-324" }, { 0.1 + 0.2, "0.30000000000000004" }, { NAN, "NaN" },
		{ INFINITY, "+Inf" }, { -INFINITY, "-Inf" }, { 1.7976931348623157e308, "1.7976931348623157e+308" },
	};
	char to[EXPOSITION_NUMBER_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t size = exposition_number_format(rows[i].value, to);
		assert_true(bytes_are((struct bytes){ to, size }, rows[i].text));
	}
}

/* Whatever double: its text is taken again and is the same double; so is what strtod() makes of short decimals. */
static void numbers_come_back(void **state)
{
	struct random random;
	char to[EXPOSITION_NUMBER_SIZE + 1];

	(void)state;
	random_seed(&random, 7);
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = random_next(&random);
		double value, back;
		memcpy(&value, &bits, sizeof value);
		if (i % 2)
			value = (double)(bits % 100000000) / (double)(1 + bits / 7 % 1000);
		if (isnan(value))
			continue;
		to[exposition_number_format(value, to)] = '\0';
		assert_true(exposition_number_parse(bytes_of(to), &back));
		assert_true(back == value && back == strtod(to, NULL));
	}
}

static void integers_come_back(void **state)
{
	static const int64_t rows[] = { 0, 1, -1, 1700000000123, INT64_MAX, -INT64_MAX };
	char to[EXPOSITION_NUMBER_SIZE];
	int64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(exposition_integer_parse((struct bytes){ to, exposition_integer_format(rows[i], to) },
			&back));
		assert_true(back == rows[i]);
	}
	assert_true(bytes_are((struct bytes){ to, exposition_integer_format(INT64_MIN, to) }, "-9223372036854775808"));
	assert_false(exposition_integer_parse(bytes_of("-"), &back));
	assert_false(exposition_integer_parse(bytes_of("+1"), &back));
}

static void lines_are_whole(void **state)
{
	struct exposition_line line = { .head = bytes_of("a{b=\"c\"}"), .value = 2.5 };
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(
		exposition_write_help(&b, bytes_of("a"), bytes_of("one\\two\nthree \"four\""), EXPOSITION_TEXT), 0);
	assert_int_equal(exposition_write_type(&b, bytes_of("a"), EXPOSITION_STATESET, EXPOSITION_TEXT), 0);
	assert_int_equal(exposition_write_sample(&b, &line, EXPOSITION_TEXT), 0);
	line.value_text = bytes_of("2.50");
	line.has_timestamp = true;
	line.timestamp_ms = -7;
	assert_int_equal(exposition_write_sample(&b, &line, EXPOSITION_TEXT), 0);
	assert_true(bytes_are(buffer_bytes(&b), "# HELP a one\\\\two\\nthree \"four\"\n# TYPE a gauge\n"
		"a{b=\"c\"} 2.5\na{b=\"c\"} 2.50 -7\n"));
	buffer_done(&b);
}

static void openmetrics_says_it_in_its_own_words(void **state)
{
	struct exposition_line line = { .head = bytes_of("a{b=\"c\"}"), .value = 2.5, .has_timestamp = true };
	static const int64_t times[] = { 1700000000123, -7, 0 };
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(exposition_write_help(&b, bytes_of("a"), bytes_of("one\\two\nthree \"four\""),
				 EXPOSITION_OPENMETRICS), 0);
	assert_int_equal(exposition_write_type(&b, bytes_of("a"), EXPOSITION_UNTYPED, EXPOSITION_OPENMETRICS), 0);
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		line.timestamp_ms = times[i];
		assert_int_equal(exposition_write_sample(&b, &line, EXPOSITION_OPENMETRICS), 0);
	}
	assert_true(bytes_are(buffer_bytes(&b), "# HELP a one\\\\two\\nthree \\\"four\\\"\n# TYPE a unknown\n"
		"a{b=\"c\"} 2.5 1700000000.123\na{b=\"c\"} 2.5 -0.007\na{b=\"c\"} 2.5 0.000\n"));
	buffer_done(&b);
}

static void a_full_buffer_stays_as_it_was(void **state)
{
	struct exposition_line line = { .head = bytes_of("a") };
	struct buffer b;

	(void)state;
	buffer_init(&b, 16);
	assert_int_equal(buffer_text(&b, "x"), 0);
	assert_int_equal(
		exposition_write_help(&b, bytes_of("a"), bytes_of("too much for it"), EXPOSITION_TEXT), -ENOSPC);
	assert_int_equal(exposition_write_type(&b, bytes_of("a"), EXPOSITION_COUNTER, EXPOSITION_TEXT), -ENOSPC);
	assert_int_equal(exposition_write_sample(&b, &line, EXPOSITION_TEXT), -ENOSPC);
	assert_true(bytes_are(buffer_bytes(&b), "x"));
	buffer_done(&b);
}

static void type_words(void **state)
{
	static const char *const words[] = { "untyped", "counter", "gauge", "histogram", "summary", "gauge", "gauge",
		"histogram" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		struct buffer b;
		buffer_init(&b, 4096);
		assert_int_equal(exposition_write_type(&b, bytes_of("x"), (enum exposition_type)i, EXPOSITION_TEXT), 0);
		assert_memory_equal(b.data + 9, words[i], strlen(words[i]));
		assert_int_equal(b.size, 10 + strlen(words[i]));
		buffer_done(&b);
	}
}

static void escapes_and_names(void **state)
{
	static const struct { const char *name; bool label; const char *classic; } names[] = {
		{ "my.name", false, "my_name" }, { "a:b", false, "a:b" }, { "a:b", true, "a_b" }, { "9a", false, "_a" },
		{ "a9", true, "a9" }, { "\xc3\xa9t\xc3\xa9", false, "_t_" }, { "a\\\"b\\\\", false, "a_b_" },
	};
	char to[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_true(bytes_are((struct bytes){ to, exposition_name_escape(bytes_of(names[i].name),
			names[i].label, EXPOSITION_UNDERSCORES, to) },
			names[i].classic));
	assert_true(bytes_are((struct bytes){ to, exposition_unescape(bytes_of("a\\\\n\\n\\\"\\q\\"), EXPOSITION_TEXT,
		to) },
		"a\\n\n\\\"\\q\\"));
	assert_true(bytes_are((struct bytes){ to, exposition_unescape(bytes_of("\\\"\\n"), EXPOSITION_OPENMETRICS,
		to) }, "\"\n"));
	assert_true(bytes_are((struct bytes){ to, exposition_value_copy(bytes_of("\\\\q\\q\\\"\\n"), to) },
		"\\\\q\\\\q\\\"\\n"));
}

/* What prometheus/common makes of them (model.EscapeName). */
static void names_are_escaped_by_each_scheme(void **state)
{
	static const struct { const char *name, *underscores, *dots, *values, *utf8; } rows[] = {
		{ "no:escaping.required", "no:escaping_required", "no:escaping_dot_required",
			"U__no:escaping_2e_required", "\"no:escaping.required\"" },
		{ "mysystem.prod.west.cpu.load", "mysystem_prod_west_cpu_load",
			"mysystem_dot_prod_dot_west_dot_cpu_dot_load", "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load",
			"\"mysystem.prod.west.cpu.load\"" },
		{ "mysystem.prod.west.cpu.load_total", "mysystem_prod_west_cpu_load_total",
			"mysystem_dot_prod_dot_west_dot_cpu_dot_load__total",
			"U__mysystem_2e_prod_2e_west_2e_cpu_2e_load__total", "\"mysystem.prod.west.cpu.load_total\"" },
		{ "http.status:sum", "http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum",
			"\"http.status:sum\"" },
		{ "label with \xf0\x9f\x98\xb1", "label_with__", "label__with____", "U__label_20_with_20__1f631_",
			"\"label with \xf0\x9f\x98\xb1\"" },
		{ "\xe8\x8a\xb1\xe7\x81\xab", "__", "____", "U___82b1__706b_", "\"\xe8\x8a\xb1\xe7\x81\xab\"" },
		{ "\xc4\x8f", "_", "__", "U___10f_", "\"\xc4\x8f\"" },
		{ "0a\\n\\\"\\\\", "_a___", "__a______", "U___30_a_a__22__5c_", "\"0a\\n\\\"\\\\\"" },
	};
	char to[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *const wanted[] = { rows[i].underscores, rows[i].dots, rows[i].values, rows[i].utf8 };
		for (unsigned e = 0; e < EXPOSITION_ESCAPINGS; e++) {
			struct bytes name = bytes_of(rows[i].name);
			size_t size = exposition_name_escape(name, false, (enum exposition_escaping)e, to);
			if (!bytes_are((struct bytes){ to, size }, wanted[e]))
				fail_msg("%s becomes %.*s, not %s", rows[i].name, (int)size, to, wanted[e]);
			assert_true(size <= EXPOSITION_ESCAPED_MAX * (name.size + 1));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_short_and_exact),
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(integers_come_back),
		cmocka_unit_test(lines_are_whole),
		cmocka_unit_test(openmetrics_says_it_in_its_own_words),
		cmocka_unit_test(a_full_buffer_stays_as_it_was),
		cmocka_unit_test(type_words),
		cmocka_unit_test(escapes_and_names),
		cmocka_unit_test(names_are_escaped_by_each_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
