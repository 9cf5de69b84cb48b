/*
 * What has ended between two pages, against plain sets: random pages, one after another.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/random.h"
#include "proto/series_gone.h"

enum { SERIES = 4000, PAGES = 40 };

/* One for each number: a few ways to write a series. */
static void write_series(struct buffer *to, size_t i)
{
	static const char *const forms[] = { "plain_%zu", "x{n=\"%zu\"}", "y{a=\"} \\\" {\",n=\"%zu\"}",
		"{\"q.%zu\",b=\"1\"}" };

	assert_int_equal(buffer_printf(to, forms[i % 4], i), 0);
}

static void write_page(struct buffer *to, const bool *has, struct random *random)
{
	buffer_clear(to);
	assert_int_equal(buffer_text(to, "# TYPE x gauge\n"), 0);
	for (size_t i = 0; i < SERIES; i++)
		if (has[i]) {
			write_series(to, i);
			assert_int_equal(buffer_printf(to, " %u%s\n", (unsigned)random_below(random, 100),
						 i % 3 ? "" : " # {t=\"1\"} 1"),
				0);
		}
	assert_int_equal(buffer_text(to, "# EOF\n"), 0);
}

static size_t count_lines(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += text.data[i] == '\n';
	return count;
}

static void assert_gone(const struct buffer *got, const bool *before, const bool *now)
{
	size_t count = 0;
	struct buffer line;

	buffer_init(&line, 200);
	for (size_t i = 0; i < SERIES; i++) {
		buffer_clear(&line);
		assert_int_equal(buffer_text(&line, "\n"), 0);
		write_series(&line, i);
		assert_int_equal(buffer_text(&line, " NaN\n"), 0);
		if (!before[i] || now[i])
			continue;
		count++;
		assert_non_null(memmem(got->data, got->size, line.data, line.size));
	}
	buffer_done(&line);
	assert_int_equal(count_lines(buffer_bytes(got)), count + 1);
}

static void what_is_on_the_next_page_no_more_has_ended(void **state)
{
	static bool before[SERIES], now[SERIES];
	struct series_gone *g = series_gone_new(7);
	struct buffer page, got;
	struct random random;

	(void)state;
	random_seed(&random, 5);
	buffer_init(&page, SIZE_MAX);
	for (int n = 0; n < PAGES; n++) {
		memcpy(before, now, sizeof before);
		for (size_t i = 0; n % 3 && i < SERIES; i++) /* else the same series again */
			if (random_below(&random, 1 + 500 / (size_t)(n + 1)) == 0)
				now[i] = random_below(&random, 3) > 0;
		write_page(&page, now, &random);
		buffer_init(&got, SIZE_MAX);
		assert_int_equal(buffer_text(&got, "\n"), 0);
		assert_int_equal(series_gone_next(g, buffer_bytes(&page), &got), 0);
		assert_gone(&got, before, now);
		buffer_done(&got);
	}
	assert_true(series_gone_size(g) > 0 && series_gone_size(g) < page.size / 2);
	buffer_done(&page);
	series_gone_free(g);
}

static void a_sample_with_a_time_of_its_own_does_not_end(void **state)
{
	struct series_gone *g = series_gone_new(7);
	struct buffer got;

	(void)state;
	buffer_init(&got, 100);
	assert_int_equal(series_gone_next(g, bytes_of("a 1 5\nb 1\nc 1 5 # {} 1\n# EOF\n"), &got), 0);
	assert_int_equal(series_gone_next(g, bytes_of("# EOF\n"), &got), 0);
	assert_true(bytes_are(buffer_bytes(&got), "b NaN\n"));
	buffer_done(&got);
	series_gone_free(g);
}

static void a_value_with_a_nul_is_whole(void **state)
{
	static const char page[] = "x{a=\"p\0q\"} 1\ny 1\n# EOF\n", wanted[] = "x{a=\"p\0q\"} NaN\n";
	struct series_gone *g = series_gone_new(7);
	struct buffer got;

	(void)state;
	buffer_init(&got, 1000);
	assert_int_equal(series_gone_next(g, (struct bytes){ page, sizeof page - 1 }, &got), 0);
	assert_int_equal(series_gone_next(g, bytes_of("# EOF\n"), &got), 0);
	assert_int_equal(count_lines(buffer_bytes(&got)), 2);
	assert_non_null(memmem(got.data, got.size, wanted, sizeof wanted - 1));
	buffer_done(&got);
	series_gone_free(g);
}

static void without_room_nothing_is_known_any_more(void **state)
{
	struct series_gone *g = series_gone_new(7);
	struct buffer got;

	(void)state;
	buffer_init(&got, 8);
	assert_int_equal(series_gone_next(g, bytes_of("a 1\nb 1\n"), &got), 0);
	assert_int_equal(series_gone_next(g, bytes_of(""), &got), -ENOSPC);
	assert_int_equal(got.size, 0);
	assert_int_equal(series_gone_size(g), 0);
	assert_int_equal(series_gone_next(g, bytes_of("c 1\n"), &got), 0);
	assert_int_equal(got.size, 0);
	series_gone_forget(g);
	assert_int_equal(series_gone_next(g, bytes_of(""), &got), 0);
	assert_int_equal(got.size, 0);
	buffer_done(&got);
	series_gone_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_on_the_next_page_no_more_has_ended),
		cmocka_unit_test(a_sample_with_a_time_of_its_own_does_not_end),
		cmocka_unit_test(a_value_with_a_nul_is_whole),
		cmocka_unit_test(without_room_nothing_is_known_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
