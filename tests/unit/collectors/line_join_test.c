/*
 * The join by itself: what is too long, too many or too far apart is shipped, and nothing of it is lost.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/line_join.h"

#define CRI "2026-11-23T10:00:00Z "

enum { LONGEST = 1 << 20, OUT_MAX = 4096 };

struct bench {
	struct line_join join;
	struct multiline multiline;
	struct line_start start;
	struct buffer out[OUT_MAX];
	uint64_t at[OUT_MAX];
	bool cut[OUT_MAX], object[OUT_MAX];
	size_t count;
	uint64_t offset; /* of the next line */
};

static void take(void *context, const struct line_message *m)
{
	struct bench *b = context;
	struct buffer *out = &b->out[b->count];

	assert_true(b->count < OUT_MAX);
	buffer_init(out, 4 * LONGEST);
	assert_int_equal(buffer_printf(out, "%s:", log_stream_name(m->stream)), 0);
	assert_int_equal(buffer_append(out, m->text.data, m->text.size), 0);
	b->at[b->count] = m->at;
	b->object[b->count] = m->object != NULL;
	b->cut[b->count++] = m->cut;
}

static int begin(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	line_join_init(&b->join, LONGEST);
	b->join.scan = json_scan_best();
	b->join.multiline = &b->multiline;
	b->join.take = take;
	b->join.context = b;
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	line_join_done(&b->join);
	for (size_t i = 0; i < b->count; i++)
		buffer_done(&b->out[i]);
	free(b);
	return 0;
}

static void give(struct bench *b, enum lines_format format, const char *before, struct bytes text)
{
	size_t first = strlen(before), size = first + text.size;
	char *line = calloc(1, size + JSON_LINE_PADDING);

	memcpy(line, before, first);
	memcpy(line + first, text.data, text.size);
	line_join_line(&b->join, format, (struct bytes){ line, size }, b->offset);
	b->offset += size + 1;
	free(line);
}

static void give_cri(struct bench *b, const char *line)
{
	give(b, LINES_CRI, CRI, bytes_of(line));
}

static void came(struct bench *b, size_t i, const char *text)
{
	assert_true(i < b->count);
	assert_int_equal(b->out[i].size, strlen(text));
	assert_memory_equal(b->out[i].data, text, b->out[i].size);
}

static void streams_do_not_mix(void **state)
{
	struct bench *b = *state;

	give_cri(b, "stdout P a");
	give_cri(b, "stderr F b");
	give_cri(b, "stderr P {\"c\":");
	assert_int_equal(line_join_oldest(&b->join, 7777), 0);
	give_cri(b, "stdout F d");
	give_cri(b, "stderr F 1}");
	assert_false(line_join_open(&b->join));
	assert_int_equal(b->count, 3);
	came(b, 0, "stderr:b");
	came(b, 1, "stdout:ad");
	came(b, 2, "stderr:{\"c\":1}");
	assert_true(b->object[2] && !b->object[1]);
	assert_int_equal(b->at[1], 0);
}

/* Of a line that the app has ended with CR LF the runtime has taken the LF. Within a line it is the app's. */
static void the_carriage_return_of_a_line_end_goes_with_it(void **state)
{
	struct bench *b = *state;

	give_cri(b, "stdout F a\r");
	give_cri(b, "stdout P 10%\r");
	give_cri(b, "stdout F 20%\r");
	give(b, LINES_DOCKER, "{\"log\":\"c\\r\\n\",\"stream\":\"stdout\",",
		bytes_of("\"time\":\"2026-11-23T10:00:00Z\"}"));
	assert_int_equal(b->count, 3);
	came(b, 0, "stdout:a");
	came(b, 1, "stdout:10%\r20%");
	came(b, 2, "stdout:c");
}

static void what_is_left_is_shipped_or_forgotten(void **state)
{
	struct bench *b = *state;

	b->multiline.shapes = MULTILINE_PYTHON;
	give_cri(b, "stdout F Traceback (most recent call last):");
	give_cri(b, "stdout F x.Error");
	give_cri(b, "stdout F ");
	give_cri(b, "stderr P half");
	line_join_end(&b->join);
	assert_int_equal(b->count, 2);
	came(b, 0, "stdout:Traceback (most recent call last):\nx.Error");
	came(b, 1, "stderr:half");
	assert_true(b->cut[1] && !b->cut[0]);
	give_cri(b, "stderr P again");
	line_join_drop(&b->join);
	assert_false(line_join_open(&b->join));
	line_join_end(&b->join);
	assert_int_equal(b->count, 2);
}

/* All pieces are out in the end, in messages that are no longer than they may be. */
static void endless_pieces_are_cut(void **state)
{
	static char piece[100 << 10];
	struct bench *b = *state;
	size_t all = 0;

	memset(piece, 'x', sizeof piece);
	for (int i = 0; i < 50; i++)
		give(b, LINES_CRI, CRI "stdout P ", (struct bytes){ piece, sizeof piece });
	line_join_end(&b->join);
	assert_in_range(b->count, 5, 6);
	for (size_t i = 0; i < b->count; i++) {
		assert_true(b->cut[i] && b->out[i].size <= LONGEST + 7);
		all += b->out[i].size - strlen("stdout:");
	}
	assert_int_equal(all, 50 * sizeof piece);
}

static void endless_traces_are_several(void **state)
{
	struct bench *b = *state;

	b->multiline.shapes = MULTILINE_JAVA;
	give(b, LINES_TEXT, "a.Error", bytes_of(""));
	for (int i = 1; i < 3 * JOIN_LINES_MAX; i++)
		give(b, LINES_TEXT, "\tat f(x)", bytes_of(""));
	line_join_end(&b->join);
	assert_int_equal(b->count, 3);
	assert_int_equal(b->out[0].size, strlen(":a.Error") + (JOIN_LINES_MAX - 1) * strlen("\n\tat f(x)"));
}

/* Two streams in which something is open all the time have offsets to read again from. */
static void one_can_restart_now_and_then(void **state)
{
	struct bench *b = *state;
	uint64_t restart = 0;

	b->multiline.start = &b->start;
	assert_null(line_start_compile("first", &b->start));
	for (int i = 0; i < 3000; i++) {
		uint64_t at = b->offset, oldest;
		give_cri(b, i % 2 ? (i % 6 == 1 ? "stdout F first" : "stdout F more")
				  : (i % 10 == 0 ? "stderr F first" : "stderr F more"));
		oldest = line_join_oldest(&b->join, b->offset);
		restart = oldest >= at ? oldest : restart;
		assert_true(b->offset - restart <= 2 * JOIN_SPAN_CALM);
	}
}

/* A piece whose rest does not come holds up the other stream only so far. */
static void a_lonely_piece_is_given_up(void **state)
{
	static char text[16 << 10];
	struct bench *b = *state;

	memset(text, 'y', sizeof text);
	give_cri(b, "stdout P lonely");
	for (int i = 0; i < 70; i++)
		give(b, LINES_CRI, CRI "stderr F ", (struct bytes){ text, sizeof text });
	assert_int_equal(b->count, 71);
	assert_false(line_join_open(&b->join));
}

static void a_line_longer_than_all_passes(void **state)
{
	struct bench *b = *state;
	size_t size = 2 * LONGEST;
	char *text = malloc(size);

	memset(text, 'z', size);
	b->multiline.shapes = MULTILINE_GO;
	give(b, LINES_CRI, CRI "stdout F panic: ", (struct bytes){ text, size });
	give(b, LINES_CRI, CRI "stdout P ", (struct bytes){ text, size });
	give_cri(b, "stdout F end");
	give(b, LINES_DOCKER, "{\"log\":\"", (struct bytes){ text, size });
	assert_int_equal(b->count, 4);
	assert_int_equal(b->join.malformed, 1);
	assert_int_equal(b->out[0].size, size + strlen("stdout:panic: "));
	came(b, 2, "stdout:end");
	free(text);
}

static void the_first_line_tells(void **state)
{
	static const struct {
		const char *line;
		enum lines_format format;
	} firsts[] = {
		{ CRI "stdout F x", LINES_CRI },
		{ CRI "stdout", LINES_JSON },
		{ "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T10:00:00Z\"}", LINES_DOCKER },
		{ "{\"log\":\"a\",\"time\":\"2026-11-23T10:00:00Z\"}", LINES_JSON },
		{ "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"now\"}", LINES_JSON },
		{ "text", LINES_JSON },
		{ "", LINES_JSON },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(firsts); i++) {
		char padded[256] = "";
		memcpy(padded, firsts[i].line, strlen(firsts[i].line));
		assert_int_equal(line_join_detect(json_scan_best(), (struct bytes){ padded, strlen(firsts[i].line) }),
			firsts[i].format);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(streams_do_not_mix, begin, end),
		cmocka_unit_test_setup_teardown(what_is_left_is_shipped_or_forgotten, begin, end),
		cmocka_unit_test_setup_teardown(the_carriage_return_of_a_line_end_goes_with_it, begin, end),
		cmocka_unit_test_setup_teardown(endless_pieces_are_cut, begin, end),
		cmocka_unit_test_setup_teardown(endless_traces_are_several, begin, end),
		cmocka_unit_test_setup_teardown(one_can_restart_now_and_then, begin, end),
		cmocka_unit_test_setup_teardown(a_lonely_piece_is_given_up, begin, end),
		cmocka_unit_test_setup_teardown(a_line_longer_than_all_passes, begin, end),
		cmocka_unit_test_setup_teardown(the_first_line_tells, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
