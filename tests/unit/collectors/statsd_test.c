/*
 * StatsD lines on their way to the page: what they add up to, what is refused and counted, and streams cut anywhere.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/statsd_events.h"
#include "collectors/statsd_stream.h"
#include "unit/fake_host.h"
#include "unit/series/table_bench.h"

static const struct series_limits wide = { .series = 10000, .family_series = 5000, .bytes = 4 << 20 };
static const double bounds[] = { 0.5, 5 };
static const struct statsd_options plain = { .histogram = { .bounds = bounds, .count = 2 }, .gauge_deltas = true };

struct bench {
	struct still_clock clock;
	struct loop *loop;
	struct host host;
	struct meters *meters;
	struct statsd_events events;
	struct statsd_stream stream;
	unsigned ended;
};

static void bench_init(struct bench *b, const struct statsd_options *options)
{
	const struct meters_limits limits = {
		.series = 50, .family_series = 20, .label = 32, .window = DURATION_S(10)
	};

	*b = (struct bench){ .clock = STILL_CLOCK };
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	fake_host_init(&b->host, b->loop, NULL, 1 << 20);
	b->host.series = series_new(&wide, 3);
	assert_int_equal(meters_new(b->host.series, NULL, 0, &limits, &b->meters), 0);
	statsd_events_init(&b->events, &b->host, b->meters, options);
}

static void bench_done(struct bench *b)
{
	meters_check(b->meters);
	statsd_stream_done(&b->stream);
	statsd_events_done(&b->events);
	meters_free(b->meters);
	series_free(b->host.series);
	fake_host_done(&b->host);
	loop_free(b->loop);
}

static void take(struct bench *b, const char *text)
{
	statsd_events_take(&b->events, bytes_of(text));
	meters_check(b->meters);
}

/* Only the samples, without the lines of metadata. */
static void assert_shows(struct bench *b, const char *wanted)
{
	struct series_counts counts;
	struct series_cursor c;
	struct buffer page, samples;

	meters_show(b->meters, loop_now(b->loop));
	while (meters_show_some(b->meters, 3))
		;
	meters_shown(b->meters, &counts);
	buffer_init(&page, 1 << 20);
	buffer_init(&samples, 1 << 20);
	series_cursor_init(&c, b->host.series, EXPOSITION_TEXT);
	assert_int_equal(series_write_some(&c, &page, 1 << 20), 0);
	assert_int_equal(buffer_append(&page, "", 1), 0);
	for (char *rest = page.data, *line; (line = strsep(&rest, "\n")) && *line;)
		if (*line != '#')
			assert_int_equal(buffer_printf(&samples, "%s\n", line), 0);
	assert_int_equal(buffer_append(&samples, "", 1), 0);
	assert_string_equal(samples.data, wanted);
	buffer_done(&page);
	buffer_done(&samples);
}

static void lines_become_series(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, &plain);
	take(&b, "web.hits:1|c|#a:b,c.d:e\nweb.hits:2|c|@0.5|#a:b,c.d:e\r\nweb.hits:1|c|#c.d:e,a:b\n");
	take(&b, "9lives-x:1|c\n\nfoo,t=1:1|c\nfoo[t=2]bar:1|c");
	take(&b, "level:5|g\nlevel:-2|g\nlevel:+0.5|g");
	take(&b, "took:400:600|ms|@0.5\ntook:9|h\ntook:0.1|d");
	take(&b, "odd:1|c|#bare,x:,:y,k:v");
	assert_shows(&b, "_9lives_x 1\nfoo{t=\"1\"} 1\nfoobar{t=\"2\"} 1\nlevel 3.5\nodd{k=\"v\"} 1\n"
			 "took_bucket{le=\"0.5\"} 3\ntook_bucket{le=\"5\"} 5\ntook_bucket{le=\"+Inf\"} 6\n"
			 "took_sum 11.1\ntook_count 6\nweb_hits{a=\"b\",c_d=\"e\"} 6\n");
	assert_int_equal(fake_host_number(&b.host, "statsd_bare_tags_total"), 3);
	assert_int_equal(fake_host_number(&b.host, "statsd_lines_total"), 13);
	bench_done(&b);
}

static void dogstatsd_gauges_have_no_deltas_if_it_is_said(void **state)
{
	struct statsd_options options = plain;
	struct bench b;

	(void)state;
	options.gauge_deltas = false;
	options.container_label = true;
	bench_init(&b, &options);
	take(&b, "level:5|g\nlevel:-2|g\nn:1|c|c:ci-1\nn:1|c|c:ci-2\nn:1|c|c:ci-2");
	assert_shows(&b, "level -2\nn{container_id=\"ci-1\"} 1\nn{container_id=\"ci-2\"} 2\n");
	bench_done(&b);
}

static void a_set_shows_how_many_values_it_had(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, &plain);
	take(&b, "users:me|s\nusers:you|s\nusers:me|s|@0.1\nusers:a:b|s");
	assert_shows(&b, "users 0\n");
	b.clock.ns += DURATION_S(10).ns;
	loop_turn(b.loop, DURATION_MS(0));
	assert_shows(&b, "users 3\n");
	bench_done(&b);
}

/* A page has no place for longer ones. */
static void names_are_as_long_as_those_of_pages(void **state)
{
	char line[2 * EXPOSITION_NAME_MAX + 100], shown[EXPOSITION_NAME_MAX + 8];
	struct bench b;

	(void)state;
	bench_init(&b, &plain);
	for (size_t size = EXPOSITION_NAME_MAX; size < sizeof line - 8; size += 100) {
		memset(line, 'x', size);
		memcpy(line + size, ":1|c", 5);
		take(&b, line);
		line[0] = '9'; /* it becomes _9 */
		take(&b, line);
	}
	memset(shown, 'x', EXPOSITION_NAME_MAX);
	memcpy(shown + EXPOSITION_NAME_MAX, " 1\n", 4);
	assert_shows(&b, shown);
	assert_int_equal(fake_host_number(&b.host, "statsd_values_total"), 1);
	assert_int_equal(fake_host_number(&b.host, "statsd_refused_total{line_size}"), 2 * 12 - 1);
	bench_done(&b);
}

static void a_container_is_no_label_unless_it_is_said(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, &plain);
	take(&b, "n:1|c|c:ci-1\nn:1|c|c:ci-2");
	assert_shows(&b, "n 2\n");
	bench_done(&b);
}

static void what_is_refused_is_counted_and_said_once(void **state)
{
	static const struct {
		const char *line, *number;
		uint64_t count;
	} rows[] = {
		{ "bad\nbad\n", "statsd_refused_total{bad_line}", 2 },
		{ "a:1|c\xff", "statsd_refused_total{bad_utf8}", 1 },
		{ "a:1|x:2|y", "statsd_refused_total{bad_type}", 2 },
		{ "a:x:1:|c", "statsd_refused_total{bad_value}", 2 },
		{ "a:1e308|c|@0.001", "statsd_refused_total{bad_value}", 1 },
		{ "a:1|c|@2", "statsd_refused_total{bad_rate}", 1 },
		{ "a:1|c|?", "statsd_refused_total{bad_field}", 1 },
		{ "a:1|d|Tx", "statsd_refused_total{bad_timestamp}", 1 },
		{ "a,b=c:1|c|#d:e", "statsd_refused_total{mixed_tags}", 1 },
		{ "_e{1,1}:a", "statsd_refused_total{bad_event}", 1 },
		{ "_sc|a|9", "statsd_refused_total{bad_check}", 1 },
		{ "a:|s", "statsd_refused_total{bad_value}", 1 },
		{ "a:-1|c", "statsd_refused_total{negative_counter}", 1 },
		{ "a:1|c\na:1|g", "statsd_overflow_total{type_clash}", 1 },
		{ "a:1|h|#le:1", "statsd_overflow_total{label_name}", 1 },
		{ "a:1|c|#__x:1", "statsd_overflow_total{label_name}", 1 },
		{ "a:1|c\na:1|c|#b:123456789012345678901234567890123", "statsd_overflow_total{label_size}", 1 },
		{ "_e{1,1}:a|b", "statsd_events_total", 1 },
		{ "_sc|a|0", "statsd_service_checks_total", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench b;
		bench_init(&b, &plain);
		take(&b, rows[i].line);
		statsd_events_count(&b.events);
		assert_int_equal(fake_host_number(&b.host, rows[i].number), rows[i].count);
		assert_int_equal(b.host.warnings, strstr(rows[i].number, "{") != NULL);
		bench_done(&b);
	}
}

static void a_refused_value_leaves_no_series(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, &plain);
	take(&b, "a:x|c\nb:-1|c\nc:|s\nd:nan|g");
	assert_int_equal(meters_families(b.meters), 0);
	bench_done(&b);
}

static void a_flood_of_tags_overflows(void **state)
{
	struct bench b;
	char line[64];

	(void)state;
	bench_init(&b, &plain);
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof line, "hits:1|c|#id:%d", i);
		take(&b, line);
	}
	take(&b, "hits:1|c|#id:3");
	statsd_events_count(&b.events);
	assert_int_equal(meters_series(b.meters), 20);
	assert_int_equal(fake_host_number(&b.host, "statsd_overflow_total{family_ceiling}"), 980);
	assert_int_equal(fake_host_number(&b.host, "statsd_values_total"), 1001);
	bench_done(&b);
}

static void on_ended(struct statsd_stream *s)
{
	struct bench *b = CONTAINER_OF(s, struct bench, stream);

	loop_watch_set(&s->watch, 0);
	b->ended++;
}

/* Feeds the text in pieces of that size over a socket that is closed then, until the stream has ended. */
static void stream_text(struct bench *b, const char *text, size_t size, size_t piece)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	statsd_stream_init(&b->stream, &b->events, ends[0], on_ended);
	for (size_t at = 0; at < size && !b->ended; at += piece) {
		size_t n = smaller(piece, size - at);
		(void)!send(ends[1], text + at, n, MSG_NOSIGNAL);
		loop_turn(b->loop, DURATION_MS(100));
	}
	close(ends[1]);
	while (!b->ended)
		loop_turn(b->loop, DURATION_MS(100));
	statsd_stream_done(&b->stream);
	close(ends[0]);
}

/* Whole lines, however few bytes are asked for. */
static void a_datagram_is_taken_in_pieces(void **state)
{
	static const char lines[] = "a:1|c\nbb:2|c\r\n\na:3|c\nlast:1|c";

	(void)state;
	for (size_t piece = 1; piece <= sizeof lines; piece++) {
		struct bytes text = { lines, sizeof lines - 1 };
		struct bench b;
		bench_init(&b, &plain);
		while (text.size > 0) {
			size_t size = statsd_events_take_some(&b.events, text, piece);
			assert_in_range(size, 1, piece + sizeof "bb:2|c\r\n" - 2);
			text = (struct bytes){ text.data + size, text.size - size };
		}
		assert_shows(&b, "a 4\nbb 2\nlast 1\n");
		assert_int_equal(fake_host_number(&b.host, "statsd_lines_total"), 4);
		bench_done(&b);
	}
}

static void a_stream_may_be_cut_anywhere(void **state)
{
	static const char lines[] = "a:1|c\nbb:2|c\r\n\na:3|c\nlast:1|c";
	static const char *const short_ones[] = { "a:1", "a\n", "", "\n\n\n", "a" };

	(void)state;
	for (size_t piece = 1; piece < sizeof lines; piece++) {
		struct bench b;
		bench_init(&b, &plain);
		stream_text(&b, lines, sizeof lines - 1, piece);
		assert_shows(&b, "a 4\nbb 2\nlast 1\n");
		assert_int_equal(fake_host_number(&b.host, "statsd_lines_total"), 4);
		bench_done(&b);
	}
	for (size_t i = 0; i < COUNT_OF(short_ones); i++) {
		struct bench b;
		bench_init(&b, &plain);
		stream_text(&b, short_ones[i], strlen(short_ones[i]), 1);
		assert_int_equal(fake_host_number(&b.host, "statsd_refused_total{bad_line}"),
			short_ones[i][0] && short_ones[i][0] != '\n');
		bench_done(&b);
	}
}

static void lengths_before_messages_are_told_from_lines(void **state)
{
	static const char framed[] = "\x0b\0\0\0a:1|c\na:2|c\0\0\0\0\x07\0\0\0bb:3|c\n";

	(void)state;
	for (size_t piece = 1; piece < sizeof framed; piece++) {
		struct bench b;
		bench_init(&b, &plain);
		stream_text(&b, framed, sizeof framed - 1, piece);
		assert_shows(&b, "a 3\nbb 3\n");
		assert_int_equal(b.host.warnings, 0);
		bench_done(&b);
	}
}

/* A line feed in one of its first two bytes. */
static void a_length_may_look_like_an_empty_line(void **state)
{
	static const size_t sizes[] = { 10, 10 << 8, (10 << 8) + 5, (10 << 8) + 10 };
	static const char line[] = "hits:1|c\n";
	char text[STATSD_LENGTH + (11 << 8)];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct bench b;
		memset(text, '\n', sizeof text);
		memcpy(text, (char[STATSD_LENGTH]){ (char)(sizes[i] & 255), (char)(sizes[i] >> 8) }, STATSD_LENGTH);
		memcpy(text + STATSD_LENGTH, line, sizeof line - 1);
		bench_init(&b, &plain);
		stream_text(&b, text, STATSD_LENGTH + sizes[i], 1);
		assert_shows(&b, "hits 1\n");
		assert_int_equal(b.host.warnings, 0);
		bench_done(&b);
	}
}

static void a_broken_frame_ends_the_connection(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} rows[] = {
		{ "\x05\0\0\0a:1|c\xff\xff\xff\xff", 13 }, /* a length of 4 GiB */
		{ "\0\0\x01\0a", 5 },
		{ "\x05\0\0\0a:1|c\x09\0\0\0b:1|c", 18 }, /* cut */
		{ "\x05\0\0\0a:1|c\x09\0", 11 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench b;
		bench_init(&b, &plain);
		stream_text(&b, rows[i].bytes, rows[i].size, rows[i].size);
		assert_int_equal(fake_host_number(&b.host, "statsd_refused_total{bad_frame}"), 1);
		assert_int_equal(b.ended, 1);
		bench_done(&b);
	}
}

static void a_line_without_an_end_is_refused_and_left_out(void **state)
{
	size_t size = 3 * STATSD_LINE_MAX;
	char *text = malloc(size + 32);

	(void)state;
	memset(text, 'x', size);
	memcpy(text, "a:1|c\n", 6);
	memcpy(text + size, "\nb:1|c\n", 8);
	for (size_t piece = 1000; piece < 2 * STATSD_LINE_MAX; piece += 7001) {
		struct bench b;
		bench_init(&b, &plain);
		stream_text(&b, text, size + 7, piece);
		assert_shows(&b, "a 1\nb 1\n");
		assert_int_equal(fake_host_number(&b.host, "statsd_refused_total{line_size}"), 1);
		assert_int_equal(fake_host_number(&b.host, "statsd_lines_total"), 2);
		bench_done(&b);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_series),
		cmocka_unit_test(dogstatsd_gauges_have_no_deltas_if_it_is_said),
		cmocka_unit_test(a_set_shows_how_many_values_it_had),
		cmocka_unit_test(a_container_is_no_label_unless_it_is_said),
		cmocka_unit_test(names_are_as_long_as_those_of_pages),
		cmocka_unit_test(what_is_refused_is_counted_and_said_once),
		cmocka_unit_test(a_refused_value_leaves_no_series),
		cmocka_unit_test(a_flood_of_tags_overflows),
		cmocka_unit_test(a_datagram_is_taken_in_pieces),
		cmocka_unit_test(a_stream_may_be_cut_anywhere),
		cmocka_unit_test(lengths_before_messages_are_told_from_lines),
		cmocka_unit_test(a_length_may_look_like_an_empty_line),
		cmocka_unit_test(a_broken_frame_ends_the_connection),
		cmocka_unit_test(a_line_without_an_end_is_refused_and_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
