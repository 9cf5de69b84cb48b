/*
 * Streams of lines over real pipes, with a clock that stands still: whatever pieces the bytes come in, the items are
 * the lines; what is full waits for its patience and not longer, and then every record that came is taken or counted.
 */
#include "unit/collectors/stream_bench.h"

/* Lines of random sizes in pieces of random sizes. */
static void test_pieces(void **state)
{
	struct bench b;
	char *text = malloc(1 << 20), line[4096];
	size_t size = 0, count = 0;

	(void)state;
	bench_init(&b, STREAM_LINES);
	for (unsigned seed = 7; size < (1 << 20) - sizeof line; count++) {
		seed = seed * 1103515245 + 12345;
		memset(line, 'a' + (int)(count % 26), sizeof line);
		size += (size_t)snprintf(text + size, sizeof line, "{\"n\":%zu,\"t\":\"%.*s\"}\n", count,
			(int)(seed >> 16) % (count % 9 ? 90 : 3900), line);
	}
	for (size_t at = 0, piece, seed = 3; at < size; at += piece) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		piece = 1 + (seed >> 33) % 30000;
		piece = piece < size - at ? piece : size - at;
		put(&b, 0, text + at, piece);
		pass(&b, 25);
	}
	assert_int_equal(b.host.count, count);
	for (size_t i = 0, at = 0; i < count; i++) {
		assert_memory_equal(b.host.items[i].data, text + at, b.host.items[i].size);
		at += b.host.items[i].size + 1;
	}
	assert_int_equal(b.streams[0].pending.room, 0);
	free(text);
	bench_done(&b);
}

static void test_a_line_without_its_end(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	put_text(&b, 0, "{\"a\":");
	pass(&b, FLUSH_MS_HERE - 1);
	assert_int_equal(b.host.count, 0);
	put_text(&b, 0, "1}");
	pass(&b, FLUSH_MS_HERE - 1);
	assert_int_equal(b.host.count, 0); /* it was gone on with */
	pass(&b, FLUSH_MS_HERE);
	assert_string_equal(b.host.items[0].data, "{\"a\":1}");
	put_text(&b, 1, "last");
	close(b.writers[1]);
	b.writers[1] = -1;
	pass(&b, 25);
	assert_true(b.ended == 1 && b.error == 0);
	assert_string_equal(b.host.items[1].data, "{\"message\":\"last\"}");
	bench_done(&b);
}

static bool somebody(struct stream *s)
{
	return CONTAINER_OF(s->kind, struct bench, kind)->writers[0] >= 0;
}

/* Of a writer that fills blocks, half a line is no line; but the wait for a message or a line ends at some time. */
static void test_half_a_line(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	b.kind.has_writer = somebody;
	put_text(&b, 0, "{\"a\":");
	for (int i = 0; i < 10; i++)
		pass(&b, FLUSH_MS_HERE + 1);
	assert_int_equal(b.host.count, 0);
	put_text(&b, 0, "1}\n{\"b\":");
	pass(&b, 25);
	assert_string_equal(b.host.items[0].data, "{\"a\":1}");
	for (int i = 0; i < STREAM_LINE_S; i++)
		pass(&b, 1000);
	pass(&b, FLUSH_MS_HERE + 1);
	assert_string_equal(b.host.items[1].data, "{\"message\":\"{\\\"b\\\":\"}");
	put_text(&b, 0, "last");
	pass(&b, FLUSH_MS_HERE + 1);
	assert_int_equal(b.host.count, 2);
	close(b.writers[0]);
	b.writers[0] = -1;
	pass(&b, FLUSH_MS_HERE + 1);
	assert_string_equal(b.host.items[2].data, "{\"message\":\"last\"}");
	bench_done(&b);
}

/* Cut at line_max, and the rest of it is passed over in whatever pieces it comes. */
static void test_a_line_too_long(void **state)
{
	struct bench b;
	char *text = malloc(200000);

	(void)state;
	memset(text, 'x', 200000);
	bench_init(&b, STREAM_LINES);
	b.host.unfinished.most = 1 << 20;
	put(&b, 0, text, 200000);
	pass(&b, 25);
	put_text(&b, 0, "xx\n{\"a\":1}\n");
	pass(&b, 25);
	assert_int_equal(b.host.count, 2);
	assert_string_equal(b.host.items[1].data, "{\"a\":1}");
	assert_true(*b.lines.cut == 1 && *b.lines.cut_bytes == 200002 - LINE_MAX_HERE);
	free(text);
	bench_done(&b);
}

/* Together they may hold 64 KiB beyond 16 of each: whoever comes late is cut at what he has. */
static void test_a_crowd_of_unfinished_lines(void **state)
{
	struct bench b;
	char *text = malloc(50000);

	(void)state;
	memset(text, 'x', 50000);
	bench_init(&b, STREAM_LINES);
	put(&b, 0, text, 50000);
	put(&b, 1, text, 40000);
	pass(&b, 25);
	assert_true(b.host.unfinished.held == 50000 + 40000 - 2 * STREAM_FREE && b.host.count == 0);
	put(&b, 2, text, 30000);
	pass(&b, 25);
	assert_int_equal(b.host.count, 1);
	assert_non_null(strstr(b.host.items[0].data, "\"oxpecker.truncated\":true"));
	for (size_t i = 0; i < STREAMS; i++)
		put_text(&b, i, "\n{\"a\":1}\n");
	pass(&b, 25);
	assert_int_equal(b.host.count, 3 + 3);
	assert_int_equal(*b.lines.cut, 1);
	free(text);
	bench_done(&b);
}

/* What waits takes memory of its size, and a long line leaves none behind. */
static void test_memory_of_lines(void **state)
{
	struct bench b;
	char *text = malloc(100000);

	(void)state;
	memset(text, 'x', 100000);
	bench_init(&b, STREAM_LINES);
	put(&b, 0, text, 50000);
	put(&b, 1, text, 20000);
	pass(&b, 25);
	assert_true(b.streams[0].pending.size == 50000 && b.streams[0].pending.room < 64000);
	assert_true(b.streams[1].pending.size == 20000 && b.streams[1].pending.room < 26500);
	put(&b, 0, text, 15000);
	put_text(&b, 0, "\n");
	put_text(&b, 1, "\n");
	pass(&b, 25);
	assert_true(b.host.count == 2 && b.lines.message.room <= LINES_KEPT);
	assert_true(b.streams[0].pending.room == 0 && b.kind.area.room <= 2 * STREAM_CHUNK);
	free(text);
	bench_done(&b);
}

/* A second collector has its part of what all may hold, whatever the first one holds. */
static void test_collectors_share(void **state)
{
	struct bench b;
	struct quota_user other;
	char *text = malloc(50000);

	(void)state;
	memset(text, 'x', 50000);
	bench_init(&b, STREAM_LINES);
	quota_join(&b.host.unfinished, &other, 0);
	quota_change(&other, 0, 100 << 10);
	put(&b, 0, text, 40000);
	pass(&b, 25);
	assert_true(b.host.unfinished.held > b.host.unfinished.most && b.host.count == 0);
	put(&b, 1, text, 50000);
	pass(&b, 25);
	assert_true(b.host.count == 1 && *b.lines.cut == 1);
	quota_change(&other, 100 << 10, 0);
	quota_leave(&other);
	free(text);
	bench_done(&b);
}

static void test_patience(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	b.host.refuse = true;
	put_text(&b, 0, "{\"n\":1}\n\n{\"n\":2}\nrest");
	pass(&b, PATIENCE_MS - 1);
	put_text(&b, 1, "{\"n\":3}\n");
	pass(&b, 0);
	assert_true(patience_waits(&b.patience) && b.host.lost == 0 && b.host.count == 0);
	assert_true(stream_is_empty(&b.streams[1])); /* the kernel keeps it */
	pass(&b, 2); /* it is over: what there is is lost, and read on */
	assert_true(b.host.lost == 3 && b.host.lost_bytes == 3 * 7);
	assert_true(*b.lines.empty == 1 && *b.lines.lines == 0);
	put_text(&b, 1, "{\"n\":4}\n");
	pass(&b, 25);
	assert_int_equal(b.host.lost, 4); /* at once */
	b.host.refuse = false;
	put_text(&b, 1, "{\"n\":5}\n");
	pass(&b, 25);
	assert_true(b.host.count == 1 && b.patience.state == PATIENCE_LOSING);
	pass(&b, PATIENCE_MS);
	assert_string_equal(b.host.items[1].data, "{\"message\":\"rest\"}"); /* flushed meanwhile */
	put_text(&b, 1, "{\"n\":6}\n");
	pass(&b, 25);
	assert_true(b.host.count == 3 && b.patience.state == PATIENCE_FINE);
	bench_done(&b);
}

static void test_room_within_the_patience(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	b.host.refuse = true;
	put_text(&b, 0, "{\"n\":1}\n");
	put_text(&b, 1, "{\"n\":2}\n");
	pass(&b, 25);
	b.host.refuse = false;
	patience_resume(&b.patience);
	pass(&b, 25);
	pass(&b, 25);
	assert_true(b.host.count == 2 && b.host.lost == 0 && b.patience.state == PATIENCE_FINE);
	bench_done(&b);
}

/* The process ends while it waits: nothing waits any more, and nothing is forgotten. */
static void test_the_end_of_one_that_waits(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	b.host.refuse = true;
	put_text(&b, 0, "{\"n\":1}\n{\"n\":2}\npart");
	pass(&b, 25);
	assert_true(patience_waits(&b.patience));
	patience_end(&b.patience);
	stream_finish(&b.streams[0]);
	assert_true(b.host.lost == 3 && stream_is_empty(&b.streams[0]));
	bench_done(&b);
}

static void test_frames(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_AUTO);
	put_text(&b, 0, "6 <1>a\nb");
	pass(&b, 25);
	put_text(&b, 0, "6 <1>c\n\n5 <1");
	pass(&b, 25);
	put_text(&b, 1, "7 no frame\n");
	pass(&b, 25);
	put_text(&b, 0, ">d");
	pass(&b, 25);
	assert_int_equal(b.host.count, 3);
	assert_string_equal(b.host.items[0].data, "{\"message\":\"<1>a\\nb\"}");
	assert_string_equal(b.host.items[2].data, "{\"message\":\"7 no frame\"}");
	put_text(&b, 0, "e");
	pass(&b, 25);
	assert_string_equal(b.host.items[3].data, "{\"message\":\"<1>de\"}");
	assert_true(b.ended == 0 && b.unframed == 0);
	bench_done(&b);
}

/* Lines' ends behind frames, a line between them, and one that looks like the head of a frame at first. */
static void test_frames_and_what_is_none(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_AUTO);
	put_text(&b, 0, "5 <1>ab\n5 <1>cd\r\nnonsense\n404 <html>\n5 <1>ef");
	pass(&b, 25);
	assert_int_equal(b.host.count, 5);
	assert_string_equal(b.host.items[1].data, "{\"message\":\"<1>cd\"}");
	assert_string_equal(b.host.items[2].data, "{\"message\":\"nonsense\"}");
	assert_string_equal(b.host.items[3].data, "{\"message\":\"404 <html>\"}");
	assert_string_equal(b.host.items[4].data, "{\"message\":\"<1>ef\"}");
	put_text(&b, 1, "404 <html>\n{\"n\":1}\n");
	pass(&b, 25);
	assert_string_equal(b.host.items[6].data, "{\"n\":1}");
	assert_true(b.ended == 0 && b.unframed == 2);
	bench_done(&b);
}

/* Cut at line_max, or where it stopped when the process ends; what comes behind it is not lost. */
static void test_frames_that_are_cut(void **state)
{
	struct bench b;
	char *text = malloc(100000);

	(void)state;
	memset(text, 'x', 100000);
	memcpy(text, "99990 <1>", 9);
	bench_init(&b, STREAM_AUTO);
	put(&b, 0, text, 90000);
	pass(&b, 25);
	pass(&b, 25);
	put(&b, 0, text + 90000, 9996);
	put_text(&b, 0, "5 <1>ab100 <1>half");
	pass(&b, 25);
	pass(&b, FLUSH_MS_HERE);
	assert_int_equal(b.host.count, 2);
	assert_non_null(strstr(b.host.items[0].data, "\"oxpecker.truncated\":true"));
	assert_string_equal(b.host.items[1].data, "{\"message\":\"<1>ab\"}");
	assert_true(*b.lines.cut == 1 && *b.lines.cut_bytes == 99990 - LINE_MAX_HERE);
	patience_end(&b.patience);
	stream_finish(&b.streams[0]);
	assert_string_equal(b.host.items[2].data, "{\"message\":\"<1>half\",\"oxpecker.truncated\":true}");
	free(text);
	bench_done(&b);
}

static bool any_shape(struct lines *l, struct bytes line)
{
	buffer_clear(&l->message);
	return *line.data == '<' && buffer_text(&l->message, "{\"syslog\":") == 0 &&
	       buffer_printf(&l->message, "%zu}", line.size) == 0;
}

/* A zero ends what begins as a syslog message, also when its lines were taken for messages before; nothing else. */
static void test_zeros(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_AUTO);
	b.lines.shape = any_shape;
	put(&b, 0, "<1>a\0<1>bc\nd\n\0\n<1>", 18);
	pass(&b, 25);
	assert_int_equal(b.host.count, 2);
	assert_string_equal(b.host.items[0].data, "{\"syslog\":4}");
	assert_string_equal(b.host.items[1].data, "{\"syslog\":7}");
	put(&b, 0, "e\nf\0", 4);
	put_text(&b, 1, "<1>line\n");
	pass(&b, 25);
	assert_true(b.host.count == 4 && stream_is_empty(&b.streams[0]));
	assert_string_equal(b.host.items[2].data, "{\"syslog\":6}");
	assert_string_equal(b.host.items[3].data, "{\"syslog\":7}");
	put(&b, 1, "<1>a\0b\n<1>c\n", 12);
	put(&b, 2, "a\0b\n", 4);
	pass(&b, 25);
	assert_int_equal(b.host.count, 7);
	assert_string_equal(b.host.items[4].data, "{\"syslog\":6}");
	assert_string_equal(b.host.items[6].data, "{\"message\":\"a\\u0000b\"}");
	put(&b, 1, "<1>bc\0<1>d\0", 11);
	pass(&b, 25);
	assert_int_equal(b.host.count, 9);
	assert_string_equal(b.host.items[8].data, "{\"syslog\":4}");
	bench_done(&b);
}

/* A trace in pieces is one message, ended by the next line, by time, or by the end. */
static void test_messages_of_several_lines(void **state)
{
	static const char *const java[] = { "java" };
	const struct option_list shapes = { .items = java, .count = 1 };
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	lines_join_messages(&b.lines, &b.host, &(struct lines_multiline){ &shapes, NULL });
	put_text(&b, 0, "{\"n\":1}\njava.lang.Error: boom\n\tat a.b(C.java:1)\n\tat a");
	pass(&b, 25);
	assert_int_equal(b.host.count, 1);
	put_text(&b, 1, "{\"n\":2}\n");
	pass(&b, 25);
	assert_int_equal(b.host.count, 2);
	put_text(&b, 0, ".d(C.java:2)\nnext\n");
	pass(&b, 25);
	assert_string_equal(b.host.items[2].data,
		"{\"message\":\"java.lang.Error: boom\\n\\tat a.b(C.java:1)\\n\\tat a.d(C.java:2)\"}");
	assert_string_equal(b.host.items[3].data, "{\"message\":\"next\"}");
	put_text(&b, 0, "java.lang.Error: two\n\tat a.b(C.java:1)\n");
	pass(&b, FLUSH_MS_HERE - 30);
	assert_int_equal(b.host.count, 4);
	pass(&b, 60);
	assert_int_equal(b.host.count, 5);
	assert_true(stream_is_empty(&b.streams[0]));
	put_text(&b, 0, "java.lang.Error: three\n\tat a.b(C.java:1)\n");
	pass(&b, 25);
	patience_end(&b.patience);
	stream_finish(&b.streams[0]);
	assert_string_equal(b.host.items[5].data, "{\"message\":\"java.lang.Error: three\\n\\tat a.b(C.java:1)\"}");
	bench_done(&b);
}

/* A FIFO whose writer has gone: what it left goes out, and the next one is heard. */
static void test_an_end_that_is_none(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	b.kind.comes_back = true;
	put_text(&b, 0, "last");
	close(b.writers[0]);
	b.writers[0] = -1;
	pass(&b, 25);
	pass(&b, 25);
	assert_string_equal(b.host.items[0].data, "{\"message\":\"last\"}");
	assert_true(b.ended == 0 && b.streams[0].alone && stream_is_quiet(&b.streams[0], (struct mono_time){ 0 }));
	bench_done(&b);
}

/* Whatever pieces come and wait for room: what is read into is one for all. */
static void test_unfinished_lines_have_the_memory_they_need(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	for (size_t i = 0; i < STREAMS; i++)
		put_text(&b, i, "{\"n\":1}\nunfinished");
	pass(&b, 25);
	for (size_t i = 0; i < STREAMS; i++)
		assert_true(b.streams[i].pending.size == 10 && b.streams[i].pending.room < 4096);
	for (size_t i = 0; i < STREAMS; i++)
		put_text(&b, i, "\n");
	pass(&b, 25);
	for (size_t i = 0; i < STREAMS; i++)
		put_text(&b, i, "nothing but unfinished");
	pass(&b, 25);
	for (size_t i = 0; i < STREAMS; i++)
		assert_true(b.streams[i].pending.size == 22 && b.streams[i].pending.room < 4096);
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_a_line_without_its_end),
		cmocka_unit_test(test_half_a_line),
		cmocka_unit_test(test_a_line_too_long),
		cmocka_unit_test(test_a_crowd_of_unfinished_lines),
		cmocka_unit_test(test_memory_of_lines),
		cmocka_unit_test(test_collectors_share),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_room_within_the_patience),
		cmocka_unit_test(test_the_end_of_one_that_waits),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_frames_and_what_is_none),
		cmocka_unit_test(test_frames_that_are_cut),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_messages_of_several_lines),
		cmocka_unit_test(test_an_end_that_is_none),
		cmocka_unit_test(test_unfinished_lines_have_the_memory_they_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
