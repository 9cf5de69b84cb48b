/*
 * Text from outside as a JSON string: what reads back, and what each kind of byte costs.
 */
#include "proto/json_text.h"

#include <stdlib.h>
#include <time.h>

#include "proto/json_walk.h"
#include "unit/unit.h"

enum { SIZE = 64 << 10, TRIES = 3 };

static void what_is_written_reads_back(void **state)
{
	char text[256];
	struct buffer to, back;

	(void)state;
	for (int i = 0; i < 128; i++)
		text[i] = (char)i;
	memcpy(text + 128, "\xc3\xa9", 3);
	buffer_init(&to, 4096);
	buffer_init(&back, 4096);
	assert_int_equal(json_text_append(json_scan_best(), &to, text, 130), 0);
	assert_int_equal(to.data[0], '"');
	assert_int_equal(to.data[to.size - 1], '"');
	assert_int_equal(json_decode((struct bytes){ to.data + 1, to.size - 2 }, &back), 0);
	assert_int_equal(back.size, 130);
	assert_memory_equal(back.data, text, 130);
	buffer_done(&to);
	buffer_done(&back);
}

/* CPU time of this thread. */
static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The least of some tries: a text of that byte alone. */
static double costs(char byte)
{
	char *text = malloc(SIZE + JSON_LINE_PADDING);
	double least = 1e9;
	struct buffer to;

	memset(text, byte, SIZE);
	memset(text + SIZE, 0, JSON_LINE_PADDING);
	buffer_init(&to, 8 * SIZE);
	for (int i = 0; i < TRIES; i++) {
		double began = seconds();
		buffer_clear(&to);
		assert_int_equal(json_text_append(json_scan_best(), &to, text, SIZE), 0);
		if (seconds() - began < least)
			least = seconds() - began;
	}
	buffer_done(&to);
	free(text);
	return least;
}

/* A line may be all of one byte, and is written in one callback. */
static void no_byte_costs_much_more_than_others(void **state)
{
	double quote = costs('"');

	(void)state;
	for (int c = 0; c < ' '; c++)
		assert_true(costs((char)c) < 4 * quote);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(no_byte_costs_much_more_than_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
