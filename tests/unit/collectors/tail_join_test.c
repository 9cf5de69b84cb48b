/*
 * Messages of several lines in files that grow by bits, across kills, ends and a pipeline that refuses or does not
 * settle: whatever the moments, the items are the messages, each once, at the offset of its last line. Random lives in
 * a simulated world (unit/sim/), too short for anything to be shipped by time. In others time passes, and batches are
 * delivered in any order: then every line is in a message that is there, whatever was parted, and twice only over
 * kills.
 *
 * OXP_SEED runs one life, OXP_SEEDS so many.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "collectors/tail/config.h"
#include "unit/fake_host.h"
#include "unit/sim/files.h"

extern const struct collector_type collector_tail;

#define PATH SIM_ROOT "/app.log"
#define CRI_OUT "2026-11-23T10:00:00Z stdout "
#define CRI_ERR "2026-11-23T10:00:00Z stderr "

enum {
	SEEDS = 200,
	LINES = 100,
	TURNS_MAX = 20000,
	LAST_TURNS_MAX = 1000000,
	MESSAGES_MAX = 4 * LINES,
	MEMORY = 8 << 20
};
enum mode { CRI_PIECES, CRI_TRACES, DOCKER_PIECES, TEXT_TRACES, TEXT_START, CRI_START, MODES };

struct wanted {
	uint64_t last; /* where its last line begins */
	char text[1024]; /* as JSON has it */
	enum log_stream stream;
	unsigned time; /* number of the first line */
};

/* A line of the file. */
struct piece {
	uint64_t at;
	enum log_stream stream;
	bool partial;
	char text[64];
};

/* A message that the destination has, under the offset of its last line; the first that came stays. */
struct there {
	uint64_t at, last;
	char *data;
};

struct world {
	struct still_clock time;
	struct loop *loop;
	struct host host;
	struct tail_config config;
	struct option_list paths, shapes;
	const char *path;
	struct sim_inode *file;
	struct random random;
	enum mode mode;
	struct buffer text; /* of the file */
	size_t written;
	struct wanted wanted[MESSAGES_MAX];
	size_t count;
	struct wanted *open[LOG_STREAMS]; /* goes on with the stream's next line */
	bool partial[LOG_STREAMS];
	unsigned lines;
	struct piece pieces[2 * LINES];
	struct there there[2 * LINES];
	size_t there_count;
	const struct batch *delivered[2 * LINES]; /* of those that are held */
	size_t delivered_count;
	unsigned kills;
};

static unsigned below(struct world *w, unsigned bound)
{
	return (unsigned)random_below(&w->random, bound);
}

static void turn(struct world *w)
{
	w->time.ns += DURATION_MS(1).ns;
	loop_turn(w->loop, DURATION_MS(0));
}

static void start(struct world *w)
{
	assert_int_equal(collector_tail.create(&w->config, &w->host, &w->host.collector), 0);
	assert_int_equal(collector_tail.start(w->host.collector), 0);
}

/* Lines. */

static bool is_wrapped(const struct world *w)
{
	return w->mode != TEXT_TRACES && w->mode != TEXT_START;
}

static void put_line(struct world *w, enum log_stream stream, bool partial, const char *text)
{
	const char *name = log_stream_name(stream);
	unsigned n = w->lines++;
	struct piece *piece = &w->pieces[n];
	int failed;

	assert_true(n < COUNT_OF(w->pieces));
	*piece = (struct piece){ .at = w->text.size, .stream = stream, .partial = partial };
	snprintf(piece->text, sizeof piece->text, "%s", text);

	if (w->mode == DOCKER_PIECES)
		failed = buffer_printf(&w->text,
			"{\"log\":\"%s%s\",\"stream\":\"%s\",\"time\":\"2026-11-23T10:00:00.%03uZ\"}\n", text,
			partial ? "" : "\\n", name, n);
	else if (is_wrapped(w))
		failed = buffer_printf(
			&w->text, "2026-11-23T10:00:00.%03uZ %s %s %s\n", n, name, partial ? "P" : "F", text);
	else
		failed = buffer_printf(&w->text, "%s\n", text);
	assert_int_equal(failed, 0);
}

static struct wanted *new_wanted(struct world *w, enum log_stream stream)
{
	struct wanted *m = &w->wanted[w->count++];

	assert_true(w->count <= MESSAGES_MAX);
	*m = (struct wanted){ .stream = stream, .time = w->lines };
	return m;
}

/* Of the line that is put next. */
static void add_text(struct world *w, struct wanted *m, const char *between, const char *text)
{
	size_t size = strlen(m->text);

	snprintf(m->text + size, sizeof m->text - size, "%s%s", between, text);
	m->last = w->text.size;
}

/* A piece of a line. */
static void pieces(struct world *w, enum log_stream stream)
{
	bool partial = below(w, 3) > 0;
	char text[64];

	snprintf(text, sizeof text, "piece %u of %s.", w->lines, log_stream_name(stream));
	if (!w->partial[stream])
		w->open[stream] = new_wanted(w, stream);
	add_text(w, w->open[stream], "", text);
	put_line(w, stream, partial, text);
	w->partial[stream] = partial;
}

/* A line of a trace, or one that is ordinary. */
static void traces(struct world *w, enum log_stream stream)
{
	static const char *const frames[] = { "    at f (a.js:1:2)", "Caused by: x", "    ... 2 more" };
	unsigned kind = below(w, 4);
	char text[64];

	snprintf(text, sizeof text, kind == 0 ? "ordinary %u" : "java.lang.Error: %u", w->lines);
	if (kind > 1 && w->open[stream]) {
		const char *frame = frames[below(w, COUNT_OF(frames))];
		add_text(w, w->open[stream], "\\n", frame);
		put_line(w, stream, false, frame);
		return;
	}
	w->open[stream] = new_wanted(w, stream);
	add_text(w, w->open[stream], "", text);
	put_line(w, stream, false, text);
	if (kind == 0)
		w->open[stream] = NULL;
}

/* A line that begins a message by the pattern, or goes on. */
static void starts(struct world *w, enum log_stream stream)
{
	bool first = !w->open[stream] || below(w, 3) == 0;
	char text[64];

	snprintf(text, sizeof text, "%s %u", first ? "2026" : "more", w->lines);
	if (first)
		w->open[stream] = new_wanted(w, stream);
	add_text(w, w->open[stream], first ? "" : "\\n", text);
	put_line(w, stream, false, text);
}

static void write_line(struct world *w)
{
	static void (*const kinds[MODES])(struct world *, enum log_stream) = { [CRI_PIECES] = pieces,
		[DOCKER_PIECES] = pieces,
		[CRI_TRACES] = traces,
		[TEXT_TRACES] = traces,
		[CRI_START] = starts,
		[TEXT_START] = starts };

	kinds[w->mode](w, is_wrapped(w) ? STREAM_STDOUT + below(w, 2) : STREAM_NONE);
}

static void write_bytes(struct world *w, size_t size)
{
	sim_write(w->file, w->written, (struct bytes){ w->text.data + w->written, size });
	w->written += size;
}

/* What became of them. */

static void print_wanted(const struct wanted *m, char *to, size_t room)
{
	if (m->stream)
		snprintf(to, room,
			"{\"@timestamp\":\"2026-11-23T10:00:00.%03uZ\",\"oxpecker.stream\":\"%s\",\"message\":\"%s\"}",
			m->time, log_stream_name(m->stream), m->text);
	else
		snprintf(to, room, "{\"message\":\"%s\"}", m->text);
}

static const struct fake_item *item_at(const struct host *h, uint64_t offset)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].offset == offset)
			return &h->items[i];
	return NULL;
}

static void check_all(struct world *w, uint64_t seed)
{
	char text[1200];

	for (size_t i = 0; i < w->count; i++) {
		const struct fake_item *item;
		print_wanted(&w->wanted[i], text, sizeof text);
		item = item_at(&w->host, w->wanted[i].last);
		if (!item || strcmp(item->data, text) != 0)
			fail_msg("seed %llu, offset %llu: wanted %s, came %s", (unsigned long long)seed,
				(unsigned long long)w->wanted[i].last, text, item ? item->data : "nothing");
	}
	assert_int_equal(w->host.count, w->count);
	assert_int_equal(fake_host_position(&w->host, w->host.items[0].generation)->offset, w->text.size);
}

/* A life. */

static const char *const shape[] = { "java" };

static void world_begin(struct world *w, uint64_t seed, enum mode mode)
{
	random_seed(&w->random, seed);
	w->mode = mode;
	w->time = (struct still_clock)STILL_CLOCK;
	w->time.ns += (int64_t)seed;
	sim_files_begin(&(struct sim_files_options){
		.random = &w->random, .ns = &w->time.ns, .births = true, .events_max = 1024 });
	w->file = sim_create(PATH);
	w->path = PATH;
	w->paths = (struct option_list){ .items = &w->path, .count = 1 };
	w->shapes = (struct option_list){ .items = shape, .count = mode == CRI_TRACES || mode == TEXT_TRACES };
	w->config = (struct tail_config){ .paths = &w->paths,
		.line_max = 1 << 20,
		.sweep = DURATION_S(3600),
		.tick = DURATION_MS(2),
		.poll_every = DURATION_S(3600),
		.multiline = { &w->shapes, mode == CRI_START || mode == TEXT_START ? "\\d{4}" : NULL } };
	buffer_init(&w->text, 1 << 20);
	assert_int_equal(loop_new(&w->time.clock, &w->loop), 0);
	fake_host_init(&w->host, w->loop, &collector_tail, MEMORY);
}

static void world_end(struct world *w)
{
	fake_host_done(&w->host);
	loop_free(w->loop);
	buffer_done(&w->text);
	sim_close(w->file);
	sim_files_end();
	free(w);
}

static void faults_end(struct world *w)
{
	w->host.hold = w->host.refuse = false;
	loop_soon_run(&w->host.settling);
	loop_soon_run(&w->host.room);
}

static void disturb(struct world *w)
{
	switch (below(w, 12)) {
	case 0:
		fake_host_kill(&w->host);
		start(w);
		break;
	case 1:
		w->host.hold = true;
		break;
	case 2:
		w->host.refuse = true;
		break;
	case 3:
		faults_end(w);
		break;
	}
}

static void drain(struct world *w)
{
	faults_end(w);
	collector_tail.drain(w->host.collector);
	for (int i = 0; !collector_tail.quiet(w->host.collector); i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
}

static void live(uint64_t seed)
{
	struct world *w = oxp_new(sizeof *w);

	world_begin(w, seed, (enum mode)(seed % MODES));
	start(w);
	for (int i = 0; i < LINES; i++) {
		write_line(w);
		while (w->written < w->text.size && below(w, 4) > 0) {
			write_bytes(w, 1 + below(w, (unsigned)(w->text.size - w->written)));
			for (unsigned turns = below(w, 4); turns > 0; turns--)
				turn(w);
			disturb(w);
		}
	}
	for (unsigned stream = 0; stream < LOG_STREAMS; stream++)
		while (w->partial[stream])
			pieces(w, (enum log_stream)stream);
	write_bytes(w, w->text.size - w->written);
	drain(w);
	check_all(w, seed);
	world_end(w);
}

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void messages_come_whole_and_once(void **state)
{
	unsigned long one = number_from("OXP_SEED", 0), seeds = number_from("OXP_SEEDS", SEEDS);

	(void)state;
	for (unsigned long seed = one ? one : 1; seed <= (one ? one : seeds); seed++)
		live(seed);
}

/* Lives in which time passes. */

static bool is_delivered(const struct world *w, const struct batch *b)
{
	for (size_t i = 0; i < w->delivered_count; i++)
		if (w->delivered[i] == b)
			return true;
	return false;
}

static void create(struct world *w, const struct batch_item *item)
{
	struct there *t = &w->there[w->there_count];
	const char *at;

	for (size_t i = 0; i < w->there_count; i++)
		if (w->there[i].last == item->offset)
			return;
	assert_true(++w->there_count < COUNT_OF(w->there));
	*t = (struct there){ .last = item->offset, .data = strndup(item->data, item->size) };
	at = strstr(t->data, "\"oxpecker.offset\":");
	assert_non_null(at);
	t->at = strtoull(strchr(at, ':') + 1, NULL, 10);
}

/* One of those that are held, whichever; those that settle do so in their order. */
static void deliver_some(struct world *w)
{
	const struct batch *b = w->host.held_count ? w->host.held[below(w, (unsigned)w->host.held_count)] : NULL;

	if (b && !is_delivered(w, b)) {
		for (size_t i = 0; i < batch_items(b); i++)
			create(w, batch_item(b, i));
		assert_true(w->delivered_count < COUNT_OF(w->delivered));
		w->delivered[w->delivered_count++] = b;
	}
	while (w->host.held_count > 0 && is_delivered(w, w->host.held[0])) {
		const struct batch *first = w->host.held[0];
		for (size_t i = 0; i < w->delivered_count; i++)
			if (w->delivered[i] == first)
				w->delivered[i--] = w->delivered[--w->delivered_count];
		fake_host_settle(&w->host, 1);
	}
}

static void pass_time(struct world *w)
{
	static const unsigned waits[] = { 0, 0, 100, 300, 1300, 5300 };

	w->time.ns += DURATION_MS(waits[below(w, COUNT_OF(waits))]).ns;
	for (unsigned turns = below(w, 8); turns > 0; turns--)
		turn(w);
	if (below(w, 4) == 0)
		deliver_some(w);
	if (below(w, 24) > 0)
		return;
	fake_host_kill(&w->host);
	w->delivered_count = 0;
	w->kills++;
	start(w);
}

static bool has(const struct there *t, const struct world *w, const struct piece *line)
{
	for (const struct piece *last = w->pieces; last < w->pieces + w->lines; last++)
		if (last->at == t->last)
			return last->stream == line->stream && t->at <= line->at && line->at <= t->last;
	return false;
}

static void check_text(const struct world *w, const struct there *t)
{
	char text[LINES * sizeof(struct piece)] = "\"message\":\"";
	const char *between = "", *found;

	for (const struct piece *line = w->pieces; line < w->pieces + w->lines; line++) {
		size_t size = strlen(text);
		if (!has(t, w, line))
			continue;
		snprintf(text + size, sizeof text - size, "%s%s", between, line->text);
		between = line->partial ? "" : "\\n";
	}
	found = strstr(t->data, text);
	if (!found || found[strlen(text)] != '"')
		fail_msg("at %llu: wanted %s, came %s", (unsigned long long)t->last, text, t->data);
}

static void check_there(const struct world *w, uint64_t seed)
{
	for (const struct piece *line = w->pieces; line < w->pieces + w->lines; line++) {
		unsigned times = 0;
		for (size_t i = 0; i < w->there_count; i++)
			times += has(&w->there[i], w, line);
		if (times == 0 || (times > 1 && w->kills == 0))
			fail_msg("seed %llu: the line at %llu came %u times", (unsigned long long)seed,
				(unsigned long long)line->at, times);
	}
	for (size_t i = 0; i < w->there_count; i++)
		check_text(w, &w->there[i]);
}

static void live_for_long(uint64_t seed)
{
	struct world *w = oxp_new(sizeof *w);

	world_begin(w, seed, (enum mode)(seed % MODES));
	w->config.origin = w->host.only_held = w->host.hold = true;
	start(w);
	for (int i = 0; i < LINES; i++) {
		write_line(w);
		write_bytes(w, w->text.size - w->written - below(w, 2));
		pass_time(w);
	}
	write_bytes(w, w->text.size - w->written);
	collector_tail.drain(w->host.collector);
	for (int i = 0; !collector_tail.quiet(w->host.collector); i++) {
		assert_true(i < LAST_TURNS_MAX);
		turn(w);
		deliver_some(w);
	}
	check_there(w, seed);
	for (size_t i = 0; i < w->there_count; i++)
		free(w->there[i].data);
	world_end(w);
}

static void no_line_is_lost_over_time(void **state)
{
	unsigned long one = number_from("OXP_SEED", 0), seeds = number_from("OXP_SEEDS", SEEDS);

	(void)state;
	for (unsigned long seed = one ? one : 1; seed <= (one ? one : seeds); seed++)
		live_for_long(seed);
}

/* Time. */

static int64_t shipped_after_ms(struct world *w, size_t count)
{
	int64_t began = w->time.ns;

	for (int i = 0; w->host.count < count; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	return (w->time.ns - began) / 1000000;
}

static void put_text(struct world *w, const char *text)
{
	assert_int_equal(buffer_text(&w->text, text), 0);
	write_bytes(w, strlen(text));
}

/* What stands behind it may be the beginning of a line, and that changes nothing. */
static void a_trace_waits_a_second(void **state)
{
	struct world *w = oxp_new(sizeof *w);
	int64_t took;

	(void)state;
	world_begin(w, 1, TEXT_TRACES);
	put_text(w, "ordinary\n");
	start(w);
	shipped_after_ms(w, 1);
	put_text(w, "a.Error: x\n\tat f(x)\n\ta");
	took = shipped_after_ms(w, 2);
	assert_in_range(took, 1000, 1500);
	assert_string_equal(w->host.items[1].data, "{\"message\":\"a.Error: x\\n\\tat f(x)\"}");
	put_text(w, "t g(x)\n\tat h(x)\nordinary\n");
	assert_in_range(shipped_after_ms(w, 4), 0, 500);
	assert_string_equal(w->host.items[2].data, "{\"message\":\"\\tat g(x)\\n\\tat h(x)\"}");
	world_end(w);
}

/* Killed before its position was saved, it comes again with the line that came meanwhile: as another document, so that
 * nothing is missing. */
static void what_time_has_ended_may_be_more_after_a_kill(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	(void)state;
	world_begin(w, 1, TEXT_TRACES);
	put_text(w, "ordinary\na.Error: x\n\tat f(x)\n");
	start(w);
	w->host.may_go_back = true;
	shipped_after_ms(w, 1);
	turn(w);
	w->host.hold = true;
	shipped_after_ms(w, 2);
	assert_string_equal(w->host.items[1].data, "{\"message\":\"a.Error: x\\n\\tat f(x)\"}");
	fake_host_kill(&w->host);
	put_text(w, "\tat g(x)\n");
	start(w);
	shipped_after_ms(w, 3);
	assert_string_equal(w->host.items[2].data, "{\"message\":\"a.Error: x\\n\\tat f(x)\\n\\tat g(x)\"}");
	assert_int_not_equal(w->host.items[1].offset, w->host.items[2].offset);
	world_end(w);
}

/* One message has one name, whatever has ended it: time before a kill, and after it what stands behind it by then, time
 * again or the end. */
static void what_time_has_ended_has_its_name_after_a_kill(void **state)
{
	static const struct {
		enum mode mode;
		const char *message, *next;
	} cases[] = {
		{ TEXT_START, "2026 hello\npart of hello\n", "2026 goodbye\n" },
		{ TEXT_START, "2026 hello\n", "2026 goodbye\n" },
		{ TEXT_START, "2026 hello\n", "" },
		{ TEXT_START, "2026 hello\n", NULL },
		{ TEXT_TRACES, "a.Error: x\n\tat f(x)\n", "ordinary\n" },
		{ TEXT_TRACES, "a.Error: x\n\tat f(x)\n", "{\"n\":1}\n" },
		{ CRI_START, CRI_OUT "F 2026 hello\n" CRI_OUT "P part \n" CRI_OUT "F of hello\n", CRI_OUT "F 2026\n" },
		{ CRI_START, CRI_OUT "F 2026 out\n" CRI_ERR "F more\n" CRI_OUT "F of out\n", CRI_ERR "F 2026\n" },
		{ CRI_PIECES, CRI_OUT "P a\n" CRI_OUT "P b\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world *w = oxp_new(sizeof *w);
		size_t before;
		world_begin(w, 1, cases[i].mode);
		put_text(w, cases[i].message);
		start(w);
		w->host.hold = true;
		shipped_after_ms(w, 1);
		before = w->host.count;
		fake_host_kill(&w->host);
		put_text(w, cases[i].next ? cases[i].next : "");
		start(w);
		drain(w);
		assert_int_equal(w->host.repeated, before);
		assert_int_equal(w->host.count, before + (cases[i].next && *cases[i].next));
		world_end(w);
	}
}

static void run_ms(struct world *w, int64_t ms)
{
	for (int64_t until = w->time.ns + ms * 1000000; w->time.ns < until;)
		turn(w);
}

/* Delivered before it, they would have the id of both after a kill, and it would be lost. Other lines do not wait. */
static void lines_that_go_on_wait_for_what_time_has_ended(void **state)
{
	static const struct {
		enum mode mode;
		const char *message, *before, *more, *next;
		size_t first, second; /* messages that come while nothing settles, and then */
	} cases[] = {
		{ TEXT_START, "2026 hello\n", "", "more of it\n", "2026 bye\n", 1, 3 },
		{ TEXT_START, "2026 hello\n", "2026 next\n2026 third\n", "", "more of third\n2026 bye\n", 4, 4 },
		{ TEXT_TRACES, "a.Error: x\n\tat f(x)\n", "", "\tat g(x)\n", "ordinary\n", 1, 3 },
		{ TEXT_TRACES, "a.Error: x\n\tat f(x)\n", "ordinary\n", "", "\tat g(x)\nordinary\n", 4, 4 },
		{ CRI_PIECES, CRI_OUT "P a\n", CRI_ERR "F other\n", CRI_OUT "F b\n", CRI_OUT "F c\n", 2, 4 },
		{ CRI_START, CRI_OUT "F 2026 hello\n", CRI_ERR "F 2026 a\n" CRI_ERR "F 2026 b\n", CRI_OUT "F more\n",
			CRI_OUT "F 2026\n" CRI_ERR "F 2026\n", 2, 6 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world *w = oxp_new(sizeof *w);
		world_begin(w, 1, cases[i].mode);
		put_text(w, cases[i].message);
		start(w);
		w->host.hold = true;
		shipped_after_ms(w, 1);
		put_text(w, cases[i].before);
		put_text(w, cases[i].more);
		run_ms(w, 20);
		put_text(w, cases[i].next);
		run_ms(w, 7000);
		assert_int_equal(w->host.count, cases[i].first);
		faults_end(w);
		run_ms(w, 7000);
		assert_int_equal(w->host.count, cases[i].second);
		world_end(w);
	}
}

static void a_piece_waits_five_seconds(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	(void)state;
	world_begin(w, 1, CRI_PIECES);
	put_text(w, "2026-11-23T10:00:00Z stdout F whole\n");
	start(w);
	shipped_after_ms(w, 1);
	put_text(w, "2026-11-23T10:00:00Z stdout P a\n");
	assert_in_range(shipped_after_ms(w, 2), 5000, 5600);
	assert_non_null(strstr(w->host.items[1].data, "\"message\":\"a\",\"oxpecker.truncated\":true}"));
	assert_int_equal(fake_host_number(&w->host, "cut_lines_total"), 1);
	world_end(w);
}

static void put_lines_of(struct world *w, unsigned count, unsigned size)
{
	char *line = malloc(size + 1);

	memset(line, 'x', size);
	line[size] = 0;
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(buffer_printf(&w->text, "2026-11-23T10:00:00Z stderr F %s\n", line), 0);
	free(line);
	write_bytes(w, w->text.size - w->written);
}

/* More than a slice, and more than fits the queue, between two pieces. A message comes where its last line stands. */
static void pieces_far_apart(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	(void)state;
	world_begin(w, 1, CRI_PIECES);
	put_text(w, "2026-11-23T10:00:00Z stdout P fa\n");
	put_lines_of(w, 25, 16 << 10);
	start(w);
	for (int i = 0; i < 200; i++)
		turn(w);
	assert_int_equal(w->host.count, 0);
	put_text(w, "2026-11-23T10:00:00Z stdout F r\n");
	shipped_after_ms(w, 26);
	assert_non_null(strstr(w->host.items[25].data, "\"message\":\"far\"}"));
	put_text(w, "2026-11-23T10:00:00Z stdout P too fa\n");
	put_lines_of(w, 600, 10);
	put_text(w, "2026-11-23T10:00:00Z stdout F r\n");
	shipped_after_ms(w, 26 + 602);
	assert_non_null(strstr(w->host.items[26].data, "\"message\":\"too fa\",\"oxpecker.truncated\":true}"));
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_whole_and_once),
		cmocka_unit_test(no_line_is_lost_over_time),
		cmocka_unit_test(a_trace_waits_a_second),
		cmocka_unit_test(what_time_has_ended_may_be_more_after_a_kill),
		cmocka_unit_test(what_time_has_ended_has_its_name_after_a_kill),
		cmocka_unit_test(lines_that_go_on_wait_for_what_time_has_ended),
		cmocka_unit_test(a_piece_waits_five_seconds),
		cmocka_unit_test(pieces_far_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
