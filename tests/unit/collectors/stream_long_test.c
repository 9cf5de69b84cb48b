/*
 * Long lines of streams are indexed and escaped in the CPU lane, and the steps see them beside the loop. Whatever
 * happens meanwhile, each line comes out once, in the order of its stream.
 */
#define LINE_MAX_HERE (512 << 10)
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/random.h"
#include "unit/collectors/stream_bench.h"

enum { LONG = 200 << 10, TURNS_MAX = 1200 };

/* In the place of what takes long with a line that is not JSON. */
struct gate {
	pthread_t loop;
	atomic_bool closed, entered;
	unsigned in_loop, in_lane; /* long lines that were shaped there */
};

static bool shape(struct lines *l, struct bytes line)
{
	struct gate *g = l->shaper;

	bool in_lane = !pthread_equal(g->loop, pthread_self());

	if (*line.data != '#' || line.size < LONG / 2)
		return false;
	g->in_loop += !in_lane;
	g->in_lane += in_lane;
	g->entered = true;
	while (g->closed && in_lane)
		sched_yield();
	buffer_clear(&l->message);
	return buffer_printf(&l->message, "{\"long\":%zu,\"what\":\"%.4s\"}", line.size, line.data + 1) == 0;
}

static void gate_init(struct bench *b, struct gate *g)
{
	*g = (struct gate){ .loop = pthread_self() };
	b->host.unfinished.most = 8 << 20;
	b->lines.shape = shape;
	b->lines.shaper = g;
}

static void put_long(struct bench *b, size_t stream, const char *what)
{
	static char text[LONG + 1];

	memset(text, 'x', LONG);
	text[0] = '#';
	memcpy(text + 1, what, 4);
	text[LONG] = '\n';
	put(b, stream, text, sizeof text);
}

static void turn_until(struct bench *b, const atomic_bool *holds)
{
	for (int i = 0; i < TURNS_MAX && !*holds; i++)
		loop_turn(b->loop, DURATION_MS(50));
	assert_true(*holds);
}

static void assert_item(const struct bench *b, size_t i, const char *text)
{
	assert_true(i < b->host.count);
	assert_non_null(strstr(b->host.items[i].data, text));
}

/* Without a turn of the loop for it. */
static void a_long_line_is_split_in_the_lane(void **state)
{
	struct bench b;
	struct gate g;

	(void)state;
	bench_init(&b, STREAM_LINES);
	gate_init(&b, &g);
	g.closed = true;
	put_long(&b, 0, "one ");
	turn_until(&b, &g.entered);
	turns(&b);
	assert_int_equal(b.host.count, 0);
	g.closed = false;
	pass(&b, 25);
	assert_int_equal(b.host.count, 1);
	assert_item(&b, 0, "one ");
	assert_true(g.in_lane == 1 && g.in_loop == 0 && b.host.prepares == 1);
	assert_true(*b.lines.lines == 1 && *b.lines.bytes == LONG + 1);
	assert_true(stream_is_empty(&b.streams[0]));
	bench_done(&b);
}

static void short_lines_stay_on_the_loop(void **state)
{
	struct bench b;
	char text[8192];

	(void)state;
	bench_init(&b, STREAM_LINES);
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\n';
	for (int i = 0; i < 100; i++)
		put(&b, 0, text, sizeof text);
	for (int i = 0; i < 10; i++)
		pass(&b, 25);
	assert_int_equal(b.host.count, 100);
	assert_int_equal(b.host.prepares, 0);
	bench_done(&b);
}

/* Escaped they are six and three times as large, which is more than the lane has for them. */
static void lines_that_grow_do_not_wait_for_room(void **state)
{
	enum { SIZE = 100 << 10 };
	static char text[SIZE + 1];
	struct bench b;

	(void)state;
	bench_init(&b, STREAM_LINES);
	b.host.unfinished.most = 8 << 20;
	memset(text, '\x01', SIZE);
	text[SIZE] = '\n';
	put(&b, 0, text, sizeof text);
	memset(text, '\xff', SIZE);
	put(&b, 0, text, sizeof text);
	put_text(&b, 0, "{\"a\":1}\n");
	for (int i = 0; i < TURNS_MAX && b.host.count < 3; i++) {
		loop_turn(b.loop, DURATION_MS(0));
		b.clock.ns += DURATION_MS(1).ns;
		assert_false(patience_waits(&b.patience));
		if (lines_lane_is_busy(&b.kind.lane))
			loop_turn(b.loop, DURATION_MS(50));
	}
	assert_int_equal(b.host.count, 3);
	assert_true(b.host.items[0].size > 6 * SIZE && b.host.items[1].size > 3 * SIZE);
	assert_int_equal(b.host.lost, 0);
	assert_int_equal(*b.lines.cut, 0);
	bench_done(&b);
}

/* They have their turn before the next long line of the same stream. */
static void other_streams_wait_in_line(void **state)
{
	struct bench b;
	struct gate g;

	(void)state;
	bench_init(&b, STREAM_LINES);
	gate_init(&b, &g);
	g.closed = true;
	put_long(&b, 0, "one ");
	turn_until(&b, &g.entered);
	put_long(&b, 0, "two ");
	put_text(&b, 1, "{\"a\":1}\n");
	put_text(&b, 2, "{\"b\":2}\n");
	b.clock.ns += DURATION_MS(25).ns;
	turns(&b);
	assert_int_equal(b.host.count, 0);
	g.closed = false;
	for (int i = 0; i < 4; i++)
		pass(&b, 25);
	assert_int_equal(b.host.count, 4);
	assert_item(&b, 0, "one ");
	assert_item(&b, 3, "two ");
	bench_done(&b);
}

/* Without room for it the line waits, and is lost when patience is over. */
static void a_long_line_without_room_waits_and_is_counted(void **state)
{
	struct bench b;
	struct gate g;

	(void)state;
	bench_init(&b, STREAM_LINES);
	gate_init(&b, &g);
	b.host.refuse = true;
	put_long(&b, 0, "one ");
	pass(&b, 25);
	pass(&b, PATIENCE_MS / 2);
	assert_true(patience_waits(&b.patience) && b.host.lost == 0);
	b.host.refuse = false;
	patience_resume(&b.patience);
	pass(&b, 25);
	assert_int_equal(b.host.count, 1);
	b.host.refuse = true;
	put_long(&b, 0, "two ");
	pass(&b, 25);
	for (int i = 0; i < 4; i++)
		pass(&b, PATIENCE_MS / 2);
	assert_true(b.host.lost == 1 && b.host.lost_bytes == LONG);
	assert_true(stream_is_empty(&b.streams[0]));
	bench_done(&b);
}

/* Steps that find no room: the line is split anew, and comes once. It need not be told of room, if another stream finds
 * some. */
static void what_steps_have_no_room_for_is_offered_again(void **state)
{
	struct bench b;
	struct gate g;

	(void)state;
	bench_init(&b, STREAM_LINES);
	gate_init(&b, &g);
	b.host.offers_wait = true;
	put_long(&b, 0, "one ");
	for (int i = 0; i < TURNS_MAX && !b.host.preparing.batch; i++)
		loop_turn(b.loop, DURATION_MS(50));
	put_text(&b, 1, "{\"a\":1}\n");
	turns(&b);
	assert_int_equal(b.host.count, 0);
	b.host.offers_wait = false;
	fake_host_prepared(&b.host, -ENOMEM);
	pass(&b, 25);
	pass(&b, 25);
	assert_int_equal(b.host.count, 2);
	assert_int_equal(b.host.lost, 0);
	bench_done(&b);
}

/* The process ends, or the peer of the stream is dropped, while the lane has its line. */
static void what_the_lane_has_at_the_end_is_taken_once(void **state)
{
	struct bench b;
	struct gate g;

	(void)state;
	for (int at_steps = 0; at_steps < 2; at_steps++) {
		bench_init(&b, STREAM_LINES);
		gate_init(&b, &g);
		b.host.offers_wait = at_steps;
		g.closed = !at_steps;
		put_long(&b, 0, "one ");
		turn_until(&b, &g.entered);
		for (int i = 0; i < TURNS_MAX && at_steps && !b.host.preparing.batch; i++)
			loop_turn(b.loop, DURATION_MS(50));
		put_text(&b, 0, "{\"a\":1}\n");
		put_text(&b, 1, "{\"b\":1}\n");
		g.closed = false;
		patience_end(&b.patience);
		for (size_t i = 0; i < STREAMS; i++)
			stream_finish(&b.streams[i]);
		assert_int_equal(b.host.count, 3);
		assert_item(&b, 0, "one ");
		assert_int_equal(b.host.lost, 0);
		bench_done(&b);
	}
}

/* Not even a stream that waited for the lane. */
static void nothing_is_read_after_the_end(void **state)
{
	struct bench b;
	struct gate g;

	(void)state;
	bench_init(&b, STREAM_LINES);
	gate_init(&b, &g);
	g.closed = true;
	put_long(&b, 0, "one ");
	turn_until(&b, &g.entered);
	put_text(&b, 1, "{\"b\":1}\n");
	turns(&b);
	assert_true(b.streams[1].in_line);
	g.closed = false;
	patience_end(&b.patience);
	for (size_t i = 0; i < STREAMS; i++)
		stream_finish(&b.streams[i]);
	assert_int_equal(b.host.count, 2);
	put_text(&b, 1, "{\"b\":2}\n");
	for (int i = 0; i < 4; i++)
		pass(&b, 25);
	assert_int_equal(b.host.count, 2);
	bench_done(&b);
}

static void a_stream_that_goes_leaves_the_lane_to_others(void **state)
{
	struct bench b;
	struct gate g;
	int fd;

	(void)state;
	bench_init(&b, STREAM_LINES);
	gate_init(&b, &g);
	g.closed = true;
	put_long(&b, 0, "one ");
	turn_until(&b, &g.entered);
	put_long(&b, 1, "two ");
	turns(&b);
	g.closed = false;
	fd = b.streams[0].fd;
	stream_done(&b.streams[0]);
	b.streams[0] = (struct stream){ .fd = fd };
	for (int i = 0; i < TURNS_MAX && b.host.count == 0; i++)
		pass(&b, 25);
	assert_int_equal(b.host.count, 1);
	assert_item(&b, 0, "two ");
	bench_done(&b);
}

/* What is to be passed over of a frame is known once the frame is taken, not before. */
static void a_cut_frame_that_finds_no_room_keeps_its_bytes(void **state)
{
	struct bench b;
	size_t size = LINE_MAX_HERE + 100000;
	char *text = malloc(size + 64);
	int head = snprintf(text, 64, "%zu <1>", size);

	(void)state;
	bench_init(&b, STREAM_OCTETS);
	b.host.unfinished.most = 8 << 20;
	b.host.refuse = true;
	memset(text + head, 'y', size - 3);
	put(&b, 0, text, (size_t)head + size - 3);
	put_text(&b, 0, "5 <1>ab");
	for (int i = 0; i < 12; i++)
		pass(&b, 25);
	assert_true(patience_waits(&b.patience));
	b.host.refuse = false;
	patience_resume(&b.patience);
	for (int i = 0; i < 12; i++)
		pass(&b, 25);
	assert_int_equal(b.host.count, 2);
	assert_item(&b, 1, "<1>ab");
	assert_int_equal(*b.lines.cut_bytes, size - LINE_MAX_HERE);
	free(text);
	bench_done(&b);
}

/* Lines of all sizes in three streams, while the pipeline has room or not: each stream's come out whole, in order. */
static void random_lives(void **state)
{
	static char text[300 << 10];
	struct random random;

	(void)state;
	random_seed(&random, 5);
	for (int life = 0; life < 12; life++) {
		struct bench b;
		size_t sent[STREAMS] = { 0 }, came[STREAMS] = { 0 };
		bench_init(&b, STREAM_LINES);
		b.host.unfinished.most = 8 << 20;
		for (int i = 0; i < 40; i++) {
			size_t stream = random_below(&random, STREAMS), size = 20 + random_below(&random, 200), head;
			if (random_below(&random, 4) == 0)
				size = 20000 + random_below(&random, sizeof text - 20000);
			head = (size_t)snprintf(
				text, sizeof text, "{\"s\":%zu,\"n\":%zu,\"t\":\"", stream, sent[stream]++);
			memset(text + head, 'z', size);
			memcpy(text + head + size - 3, "\"}\n", 3);
			put(&b, stream, text, head + size);
			b.host.refuse = random_below(&random, 3) == 0;
			pass(&b, 25);
			patience_resume(&b.patience);
		}
		b.host.refuse = false;
		for (int i = 0; i < TURNS_MAX && b.host.count < 40; i++) {
			patience_resume(&b.patience);
			pass(&b, 7);
		}
		assert_int_equal(b.host.count, 40);
		for (size_t i = 0; i < 40; i++) {
			size_t stream, number;
			assert_int_equal(sscanf(b.host.items[i].data, "{\"s\":%zu,\"n\":%zu", &stream, &number), 2);
			assert_int_equal(number, came[stream]++);
		}
		assert_int_equal(b.host.lost, 0);
		bench_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_line_is_split_in_the_lane),
		cmocka_unit_test(short_lines_stay_on_the_loop),
		cmocka_unit_test(lines_that_grow_do_not_wait_for_room),
		cmocka_unit_test(other_streams_wait_in_line),
		cmocka_unit_test(a_long_line_without_room_waits_and_is_counted),
		cmocka_unit_test(what_steps_have_no_room_for_is_offered_again),
		cmocka_unit_test(what_the_lane_has_at_the_end_is_taken_once),
		cmocka_unit_test(nothing_is_read_after_the_end),
		cmocka_unit_test(a_stream_that_goes_leaves_the_lane_to_others),
		cmocka_unit_test(a_cut_frame_that_finds_no_room_keeps_its_bytes),
		cmocka_unit_test(random_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
