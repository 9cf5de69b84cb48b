/*
 * The JSON writer and the text writer below it: what is written to the letter, the first failure is kept and undoes
 * everything, and each mistake of a caller aborts. That it parses, whatever is written: tests/fuzz/json_writer_fuzz.c.
 */
#include "unit/unit.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json_writer.h"

enum { PLENTY = 1 << 16 };

static void assert_text(const struct buffer *b, const char *text)
{
	assert_int_equal(b->size, strlen(text));
	assert_memory_equal(b->data, text, b->size);
}

static void put_values(struct json_writer *w)
{
	json_put_object(w, NULL);
	json_put_string(w, "text", "a \"b\"\n\xff");
	json_put_string(w, "na\"me", NULL);
	json_put_bytes(w, "bytes", (struct bytes){ "a\0b", 3 });
	json_put_u64(w, "most", UINT64_MAX);
	json_put_i64(w, "least", INT64_MIN);
	json_put_bool(w, "yes", true);
	json_put_bool(w, "no", false);
	json_put_null(w, "nothing");
	json_put_array(w, "list");
	json_put_u64(w, NULL, 0);
	json_put_object(w, NULL);
	json_put_end(w);
	json_put_array(w, NULL);
	json_put_end(w);
	json_put_raw(w, NULL, bytes_of("[1, 2]"));
	json_put_end(w);
	json_raw_end(w, buffer_text(json_raw_begin(w, "raw"), "{}"));
	json_put_members(w, bytes_of("\"m\":1,\"n\":[]"));
	json_put_string(w, "last", "");
	json_put_end(w);
	json_put_line_end(w);
}

static const char values[] = "{\"text\":\"a \\\"b\\\"\\n\xef\xbf\xbd\",\"na\\\"me\":null,\"bytes\":\"a\\u0000b\","
			     "\"most\":18446744073709551615,\"least\":-9223372036854775808,\"yes\":true,\"no\":false,"
			     "\"nothing\":null,\"list\":[0,{},[],[1, 2]],\"raw\":{},\"m\":1,\"n\":[],\"last\":\"\"}\n";

static void test_every_value_to_the_letter(void **state)
{
	struct json_writer w;
	struct buffer b;

	(void)state;
	buffer_init(&b, PLENTY);
	json_writer_init(&w, &b);
	put_values(&w);
	assert_int_equal(json_writer_done(&w), 0);
	assert_text(&b, values);
	buffer_done(&b);
}

static void test_numbers(void **state)
{
	static const double numbers[] = { 0.1, DBL_MAX, DBL_TRUE_MIN, -3, NAN, INFINITY, -INFINITY };
	struct json_writer w;
	struct buffer b;

	(void)state;
	buffer_init(&b, PLENTY);
	json_writer_init(&w, &b);
	json_put_array(&w, NULL);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		json_put_double(&w, NULL, numbers[i]);
	json_put_fixed(&w, NULL, 1.23456, 3);
	json_put_fixed(&w, NULL, -0.5, 0);
	json_put_fixed(&w, NULL, NAN, 3);
	json_put_end(&w);
	assert_int_equal(json_writer_done(&w), 0);
	assert_text(&b, "[0.1,1.7976931348623157e+308,4.94065645841247e-324,-3,null,null,null,"
			"1.235,-0,null]");
	buffer_done(&b);
}

static void test_a_single_value_is_a_text(void **state)
{
	struct json_writer w;
	struct buffer b;

	(void)state;
	buffer_init(&b, PLENTY);
	json_writer_init(&w, &b);
	json_put_string(&w, NULL, "x");
	assert_int_equal(json_writer_done(&w), 0);
	assert_text(&b, "\"x\"");
	buffer_done(&b);
}

/* At each ceiling that is too low the text is gone, what stood before it is not, and the failure is told. */
static void test_a_ceiling_undoes_all_of_it(void **state)
{
	static const char before[] = "before";
	struct json_writer w;
	struct buffer b;

	(void)state;
	for (size_t ceiling = strlen(before); ceiling <= strlen(before) + strlen(values) + 1; ceiling++) {
		bool fits = ceiling >= strlen(before) + strlen(values);
		buffer_init(&b, ceiling);
		assert_int_equal(buffer_text(&b, before), 0);
		json_writer_init(&w, &b);
		put_values(&w);
		assert_int_equal(json_writer_done(&w), fits ? 0 : -ENOSPC);
		assert_int_equal(b.size, fits ? strlen(before) + strlen(values) : strlen(before));
		assert_memory_equal(b.data, before, strlen(before));
		buffer_check(&b);
		buffer_done(&b);
	}
}

static void test_the_first_failure_is_the_one_told(void **state)
{
	struct writer w;
	struct buffer b;

	(void)state;
	buffer_init(&b, 8);
	writer_init(&w, &b);
	writer_text(&w, "1234");
	writer_fail(&w, 0);
	writer_printf(&w, "%d", 567);
	writer_fail(&w, -EIO);
	writer_text(&w, "too long for what is left");
	writer_u64(&w, 8);
	writer_quoted(&w, bytes_of(""));
	assert_text(&b, "1234567"); /* after a failure even what fits is not appended */
	assert_int_equal(writer_done(&w), -EIO);
	assert_int_equal(b.size, 0);
	buffer_done(&b);
}

static void test_text_in_every_form(void **state)
{
	struct writer w;
	struct buffer b;

	(void)state;
	buffer_init(&b, PLENTY);
	writer_init(&w, &b);
	writer_text(&w, "a");
	writer_bytes(&w, (struct bytes){ NULL, 0 });
	writer_printf(&w, "%s=%d", "b", -1);
	writer_u64(&w, UINT64_MAX);
	writer_quoted(&w, bytes_of("\\"));
	assert_int_equal(writer_done(&w), 0);
	assert_text(&b, "ab=-118446744073709551615\"\\\\\"");
	buffer_done(&b);
}

/* Mistakes abort, each in a process of its own. */
static void member_without_a_name(struct json_writer *w)
{
	json_put_object(w, NULL);
	json_put_u64(w, NULL, 1);
}

static void element_with_a_name(struct json_writer *w)
{
	json_put_array(w, NULL);
	json_put_u64(w, "x", 1);
}

static void members_of_an_array(struct json_writer *w)
{
	json_put_array(w, NULL);
	json_put_members(w, bytes_of("\"x\":1"));
}

static void text_with_a_name(struct json_writer *w)
{
	json_put_u64(w, "x", 1);
}

static void second_text(struct json_writer *w)
{
	json_put_u64(w, NULL, 1);
	json_put_u64(w, NULL, 2);
}

static void end_of_nothing(struct json_writer *w)
{
	json_put_end(w);
}

static void left_open(struct json_writer *w)
{
	json_put_object(w, NULL);
	(void)!json_writer_done(w);
}

static void no_text(struct json_writer *w)
{
	(void)!json_writer_done(w);
}

static void too_deep(struct json_writer *w)
{
	for (int i = 0; i <= JSON_WRITER_DEPTH; i++)
		json_put_array(w, NULL);
}

static void test_mistakes_abort(void **state)
{
	static void (*const mistakes[])(struct json_writer *) = { member_without_a_name, element_with_a_name,
		members_of_an_array, text_with_a_name, second_text, end_of_nothing, left_open, no_text, too_deep };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			struct json_writer w;
			struct buffer b;
			signal(SIGABRT, SIG_DFL);
			close(STDERR_FILENO);
			buffer_init(&b, PLENTY);
			json_writer_init(&w, &b);
			mistakes[i](&w);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

static void test_as_deep_as_it_says(void **state)
{
	struct json_writer w;
	struct buffer b;

	(void)state;
	buffer_init(&b, PLENTY);
	json_writer_init(&w, &b);
	for (int i = 0; i < JSON_WRITER_DEPTH; i++)
		json_put_array(&w, NULL);
	for (int i = 0; i < JSON_WRITER_DEPTH; i++)
		json_put_end(&w);
	assert_int_equal(json_writer_done(&w), 0);
	assert_int_equal(b.size, 2 * JSON_WRITER_DEPTH);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_value_to_the_letter),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_a_single_value_is_a_text),
		cmocka_unit_test(test_a_ceiling_undoes_all_of_it),
		cmocka_unit_test(test_the_first_failure_is_the_one_told),
		cmocka_unit_test(test_text_in_every_form),
		cmocka_unit_test(test_mistakes_abort),
		cmocka_unit_test(test_as_deep_as_it_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
