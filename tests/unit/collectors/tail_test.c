/*
 * The tail collector over real files, turned by hand. Every test keeps what it wrote as text, a `model` for each file
 * that there was, and ends with a drain; then the items must be the lines of the models: each once, under one
 * generation, at its offset, to the byte.
 *
 * Ticks are short and the sweep is an hour away, unless a test is about them: what is found is found by inotify.
 */
#include "unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/json_writer.h"
#include "collectors/tail/births.h"
#include "collectors/tail/config.h"
#include "collectors/tail/silent.h"
#include "collectors/tail/table.h"
#include "collectors/tail/tail.h"
#include "unit/descriptors.h"
#include "unit/fake_host.h"

extern const struct collector_type collector_tail;

enum { FOLDER_MAX = 64, PATHS_MAX = 4, MEMORY = 64 << 20, PATIENCE_S = 120 };

struct bench {
	struct loop *loop;
	struct host host;
	struct tail_config config;
	struct option_list list;
	char globs[PATHS_MAX][PATH_MAX];
	const char *items[PATHS_MAX];
	char folder[FOLDER_MAX];
};

struct model {
	struct buffer text;
	uint64_t generation; /* once it was found */
};

/* Files. */

static const char *path_of(const struct bench *b, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % COUNT_OF(paths)];

	snprintf(path, PATH_MAX, "%s/%s", b->folder, name);
	return path;
}

static void write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		assert_true(n > 0);
		data += n;
		size -= (size_t)n;
	}
}

static void add_bytes(struct model *m, int fd, const char *data, size_t size)
{
	if (m->text.ceiling == 0)
		buffer_init(&m->text, 64 << 20);
	assert_int_equal(buffer_append(&m->text, data, size), 0);
	write_all(fd, data, size);
}

static int open_to_write(const struct bench *b, const char *name)
{
	int fd = open(path_of(b, name), O_WRONLY | O_CREAT | O_APPEND, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void append_bytes(struct bench *b, struct model *m, const char *name, struct bytes data)
{
	int fd = open_to_write(b, name);

	add_bytes(m, fd, data.data, data.size);
	close(fd);
}

static void append(struct bench *b, struct model *m, const char *name, const char *text)
{
	append_bytes(b, m, name, bytes_of(text));
}

/* What nobody follows. */
static void put(struct bench *b, const char *name, const char *text)
{
	int fd = open_to_write(b, name);

	write_all(fd, text, strlen(text));
	close(fd);
}

static void append_lines(struct bench *b, struct model *m, const char *name, int count)
{
	int fd = open_to_write(b, name);
	char line[128];

	for (int i = 0; i < count; i++) {
		int n = snprintf(
			line, sizeof line, "{\"n\":%zu,\"message\":\"line %d of %s\"}\n", m->text.size, i, name);
		add_bytes(m, fd, line, (size_t)n);
	}
	close(fd);
}

static void rename_to(struct bench *b, const char *from, const char *to)
{
	assert_int_equal(rename(path_of(b, from), path_of(b, to)), 0);
}

/* Turning. */

static void turn(struct bench *b)
{
	loop_turn(b->loop, DURATION_MS(5));
}

#define UNTIL(b, condition)                                                                                        \
	do {                                                                                                       \
		struct mono_time until_end = mono_after(clock_system.mono(&clock_system), DURATION_S(PATIENCE_S)); \
		while (!(condition)) {                                                                             \
			turn(b);                                                                                   \
			if (clock_system.mono(&clock_system).ns > until_end.ns)                                    \
				fail_msg("still not: %s; %s", #condition, (b)->host.last_log);                     \
		}                                                                                                  \
	} while (0)

static uint64_t number(const struct bench *b, const char *name)
{
	return fake_host_number(&b->host, name);
}

/* Saved positions, without the row that says when files were looked at. */
static size_t saved_files(const struct bench *b)
{
	size_t count = 0;

	for (size_t i = 0; i < b->host.positions.count; i++)
		count += b->host.positions.rows[i].at.generation != 0;
	return count;
}

static const struct position *first_saved(const struct bench *b)
{
	size_t i = 0;

	while (b->host.positions.rows[i].at.generation == 0)
		i++;
	return &b->host.positions.rows[i].at;
}

static void watch_glob(struct bench *b, const char *glob)
{
	snprintf(b->globs[b->list.count], PATH_MAX, "%s/%s", b->folder, glob);
	b->items[b->list.count] = b->globs[b->list.count];
	b->list.count++;
}

static void start(struct bench *b)
{
	assert_int_equal(collector_tail.create(&b->config, &b->host, &b->host.collector), 0);
	assert_int_equal(collector_tail.start(b->host.collector), 0);
}

/* Followed from the first scan on. */
static void start_following(struct bench *b)
{
	start(b);
	UNTIL(b, number(b, "files") > 0 || b->host.count > 0);
}

static void drain(struct bench *b)
{
	b->host.hold = false;
	loop_soon_run(&b->host.settling);
	collector_tail.drain(b->host.collector);
	UNTIL(b, collector_tail.quiet(b->host.collector));
}

static void restart(struct bench *b)
{
	fake_host_end(&b->host);
	start(b);
}

static void wait_items(struct bench *b, size_t count)
{
	UNTIL(b, b->host.count >= count);
	assert_int_equal(b->host.count, count);
}

/* What came. */

static bool is_blank(const char *line, size_t size)
{
	return size == 0 || (size == 1 && *line == '\r');
}

static size_t next_of(const struct host *h, size_t i, uint64_t generation)
{
	while (i < h->count && h->items[i].generation != generation)
		i++;
	return i;
}

/* Whether the items of the generation are the lines of the text, in order. A CR before a line's end is part of that. */
static bool are_lines(const struct host *h, uint64_t generation, struct bytes text)
{
	size_t i = 0, at = 0, size, said;
	const char *end;

	for (; at < text.size && (end = memchr(text.data + at, '\n', text.size - at)); at += size + 1) {
		size = (size_t)(end - text.data) - at;
		if (is_blank(text.data + at, size))
			continue;
		said = size - (text.data[at + size - 1] == '\r');
		i = next_of(h, i, generation);
		if (i == h->count || h->items[i].offset != at || h->items[i].size != said ||
			memcmp(h->items[i].data, text.data + at, said) != 0)
			return false;
		i++;
	}
	return next_of(h, i, generation) == h->count;
}

static void mark_seen(struct host *h, uint64_t generation)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].generation == generation)
			h->items[i].seen = true;
}

static void assert_shipped(struct bench *b, struct model *m)
{
	struct host *h = &b->host;

	for (size_t i = 0; i < h->count && !m->generation; i++)
		if (!h->items[i].seen && are_lines(h, h->items[i].generation, buffer_bytes(&m->text)))
			m->generation = h->items[i].generation;
	if (!m->generation)
		fail_msg("no generation has the lines of a file of %zu bytes; %zu items", m->text.size, h->count);
	assert_true(are_lines(h, m->generation, buffer_bytes(&m->text)));
	mark_seen(h, m->generation);
	buffer_done(&m->text);
}

static void assert_nothing_else(const struct bench *b)
{
	for (size_t i = 0; i < b->host.count; i++)
		if (!b->host.items[i].seen)
			fail_msg("generation %llu offset %llu: %.200s", (unsigned long long)b->host.items[i].generation,
				(unsigned long long)b->host.items[i].offset, b->host.items[i].data);
}

static size_t whole_lines(const struct model *m)
{
	size_t n = m->text.size;

	while (n > 0 && m->text.data[n - 1] != '\n')
		n--;
	return n;
}

/* Everything once, everything saved. */
static void finish(struct bench *b, struct model *models, size_t count)
{
	uint64_t saved[8];

	drain(b);
	tail_collector_check(b->host.collector);
	for (size_t i = 0; i < count; i++) {
		saved[i] = whole_lines(&models[i]);
		assert_shipped(b, &models[i]);
	}
	assert_nothing_else(b);
	for (size_t i = 0; i < count; i++) {
		const struct position *at = fake_host_position(&b->host, models[i].generation);
		if (at)
			assert_int_equal(at->offset, saved[i]);
	}
}

/* Life. */

static int begin(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	snprintf(b->folder, sizeof b->folder, "/tmp/oxp-tail-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	assert_int_equal(loop_new(&clock_system, &b->loop), 0);
	fake_host_init(&b->host, b->loop, &collector_tail, MEMORY);
	b->list.items = b->items;
	b->config = (struct tail_config){ .paths = &b->list,
		.line_max = 1 << 20,
		.sweep = DURATION_S(3600),
		.tick = DURATION_MS(2),
		.poll_every = DURATION_S(3600) };
	watch_glob(b, "app.log");
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	descriptors_leave_all();
	if (b->host.collector)
		tail_collector_check(b->host.collector);
	fake_host_done(&b->host);
	loop_free(b->loop);
	scratch_remove(b->folder);
	free(b);
	return 0;
}

/* Tests: growing. */

static void lines_come_as_the_file_grows(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	append_lines(b, &m, "app.log", 3);
	start(b);
	wait_items(b, 3);
	append_lines(b, &m, "app.log", 2);
	wait_items(b, 5);
	append(b, &m, "app.log", "\n\r\n{\"after\":\"empty lines\"}\r\n\n");
	wait_items(b, 6);
	finish(b, &m, 1);
	assert_int_equal(number(b, "empty_lines_total"), 3);
	assert_int_equal(number(b, "lines_total"), 6);
	assert_int_equal(number(b, "not_json_total"), 0);
	assert_int_equal(b->host.warnings, 0);
}

static void a_partial_line_waits_for_its_end(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	append(b, &m, "app.log", "{\"a\":1}\n{\"b\":");
	start(b);
	wait_items(b, 1);
	append(b, &m, "app.log", "[2,");
	append(b, &m, "app.log", "3]");
	drain(b);
	assert_int_equal(b->host.count, 1);
	append(b, &m, "app.log", "}\n{\"c\"");
	wait_items(b, 2);
	append(b, &m, "app.log", ":4}\n");
	wait_items(b, 3);
	finish(b, &m, 1);
}

static void a_partial_line_waits_across_a_restart(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	append(b, &m, "app.log", "{\"a\":1}\n{\"b\":");
	start(b);
	wait_items(b, 1);
	drain(b);
	restart(b);
	append(b, &m, "app.log", "2}\n");
	wait_items(b, 2);
	finish(b, &m, 1);
	assert_int_equal(b->host.repeated, 0);
}

static void long_lines_pass_whole_as_they_grow(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	char *piece = oxp_new(100001);

	memset(piece, 'x', 100000);
	append(b, &m, "app.log", "{\"long\":\"");
	start(b);
	for (int i = 0; i < 9; i++) {
		append(b, &m, "app.log", piece);
		turn(b);
	}
	append(b, &m, "app.log", "\"}\n{\"next\":1}\n");
	wait_items(b, 2);
	finish(b, &m, 1);
	assert_int_equal(number(b, "cut_lines_total"), 0);
	free(piece);
}

/* A last look of a run, so late that it is told from all that is there. */
static void look_and_drain(struct bench *b)
{
	int64_t now = clock_system.wall(&clock_system).ns;

	UNTIL(b, clock_system.wall(&clock_system).ns > now + DURATION_MS(2 * TAIL_BIRTH_STEP_MS).ns);
	drain(b);
}

static void start_at_the_end_skips_what_was_there(void **state)
{
	struct bench *b = *state;
	struct model before = { .generation = 0 }, after = { .generation = 0 };

	b->config.start = 1;
	append(b, &before, "app.log", "{\"old\":1}\n{\"half\":");
	start_following(b);
	append(b, &before, "app.log", "1}\n");
	append(b, &before, "app.log", "{\"new\":1}\n");
	wait_items(b, 1);
	watch_glob(b, "later.log");
	append_lines(b, &after, "later.log", 2);
	look_and_drain(b);
	restart(b);
	drain(b);
	assert_string_equal(b->host.items[0].data, "{\"new\":1}");
	assert_int_equal(b->host.items[0].offset, before.text.size - strlen("{\"new\":1}\n"));
	assert_int_equal(b->host.count, 1);
	buffer_done(&before.text);
	buffer_done(&after.text);
}

/* Tests: rotation. */

/* What came between two runs was not there at the first start. */
static void start_at_the_end_is_for_the_first_start(void **state)
{
	struct bench *b = *state;
	struct model m[4] = { { .generation = 0 } };

	b->config.start = 1;
	watch_glob(b, "day-*.log");
	append(b, &m[0], "app.log", "{\"old\":1}\n");
	start_following(b);
	append_lines(b, &m[1], "app.log", 1);
	wait_items(b, 1);
	look_and_drain(b);
	fake_host_end(&b->host);
	append_lines(b, &m[1], "app.log", 2);
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[2], "app.log", 3);
	append_lines(b, &m[3], "day-2.log", 4);
	start(b);
	wait_items(b, 10);
	drain(b);
	assert_int_equal(b->host.count, 10);
	for (size_t i = 0; i < COUNT_OF(m); i++)
		buffer_done(&m[i].text);
}

static void start_at_the_end_of_nothing_is_a_start_too(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->config.start = 1;
	start(b);
	UNTIL(b, b->host.positions.count == 1);
	fake_host_kill(&b->host);
	append_lines(b, &m, "app.log", 3);
	start(b);
	wait_items(b, 3);
	finish(b, &m, 1);
}

static void renamed_files_are_read_to_their_end(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };
	int old;

	append_lines(b, &m[0], "app.log", 3);
	start(b);
	wait_items(b, 3);
	old = open_to_write(b, "app.log");
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[1], "app.log", 2);
	wait_items(b, 5);
	add_bytes(&m[0], old, "{\"late\":1}\n", 11);
	wait_items(b, 6);
	append_lines(b, &m[1], "app.log", 1);
	wait_items(b, 7);
	finish(b, m, 2);
	assert_int_equal(number(b, "rotations_total"), 1);
	close(old);
}

static void renamed_to_another_match_keeps_its_generation(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	watch_glob(b, "app.log.*");
	append_lines(b, &m[0], "app.log", 3);
	start(b);
	wait_items(b, 3);
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[0], "app.log.1", 1);
	append_lines(b, &m[1], "app.log", 2);
	wait_items(b, 6);
	UNTIL(b, b->host.held_count == 0);
	restart(b);
	append_lines(b, &m[0], "app.log.1", 1);
	wait_items(b, 7);
	finish(b, m, 2);
	assert_string_equal(strrchr(fake_host_position(&b->host, m[0].generation)->path, '/'), "/app.log.1");
	assert_int_equal(b->host.repeated, 0);
}

/* What file systems take for the time of birth. */
static int64_t coarse_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void rotations_of_a_name_that_is_new_lose_nothing(void **state)
{
	struct bench *b = *state;
	struct model m[3] = { { .generation = 0 } };
	int64_t looked;

	start(b);
	UNTIL(b, collector_tail.began(b->host.collector));
	looked = clock_system.wall(&clock_system).ns;
	UNTIL(b, coarse_ns() > looked);
	append_lines(b, &m[0], "app.log", 3);
	rename_to(b, "app.log", "app.log.2");
	append_lines(b, &m[1], "app.log", 2);
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[2], "app.log", 1);
	wait_items(b, 6);
	finish(b, m, 3);
}

static void two_rotations_between_two_looks_lose_nothing(void **state)
{
	struct bench *b = *state;
	struct model m[3] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 3);
	start(b);
	wait_items(b, 3);
	append_lines(b, &m[0], "app.log", 2);
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[1], "app.log", 4);
	rename_to(b, "app.log.1", "app.log.2");
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[2], "app.log", 1);
	put(b, "app.log-copy", "{\"not\":\"ours\"}\n");
	wait_items(b, 10);
	finish(b, m, 3);
}

static void truncated_files_begin_anew(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 5);
	start(b);
	wait_items(b, 5);
	assert_int_equal(truncate(path_of(b, "app.log"), 0), 0);
	append_lines(b, &m[1], "app.log", 1);
	wait_items(b, 6);
	finish(b, m, 2);
	assert_int_equal(number(b, "truncations_total"), 1);
	assert_null(fake_host_position(&b->host, m[0].generation));
}

static void copy_to(struct bench *b, const struct model *m, const char *name)
{
	int fd = open_to_write(b, name);

	write_all(fd, m->text.data, m->text.size);
	close(fd);
}

/* As logrotate does it with copytruncate. */
static void copy_and_cut(struct bench *b, const struct model *m, const char *name)
{
	copy_to(b, m, name);
	assert_int_equal(truncate(path_of(b, "app.log"), 0), 0);
}

/* Lines are left to read when the file is cut. */
static void what_was_cut_is_read_in_its_copy(struct bench *b, const char *name)
{
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 5);
	start(b);
	wait_items(b, 5);
	b->host.refuse = true;
	append_lines(b, &m[0], "app.log", 5000);
	copy_and_cut(b, &m[0], name);
	append(b, &m[1], "app.log", "{\"anew\":1}\n");
	append_lines(b, &m[1], "app.log", 6);
	b->host.refuse = false;
	loop_soon_run(&b->host.room);
	wait_items(b, 5012);
	finish(b, m, 2);
	assert_int_equal(number(b, "truncations_total"), 1);
	assert_int_equal(b->host.warnings, 0);
}

static void what_was_not_read_before_a_cut_is_read_in_the_copy(void **state)
{
	what_was_cut_is_read_in_its_copy(*state, "app.log.1");
}

static void a_copy_of_a_followed_name_is_no_file_of_its_own(void **state)
{
	struct bench *b = *state;

	watch_glob(b, "*.log*");
	what_was_cut_is_read_in_its_copy(b, "app.log.1");
}

static void a_copy_may_keep_the_ending(void **state)
{
	struct bench *b = *state;

	watch_glob(b, "*.log");
	what_was_cut_is_read_in_its_copy(b, "app-20261129.log");
}

/* All that the copy has was read before the cut, or the file is never cut: nothing comes twice, now and after a
 * restart. */
static void a_copy_that_was_read_is_not_read_again(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };
	uint64_t scans;

	watch_glob(b, "*.log*");
	b->config.sweep = DURATION_MS(100);
	append_lines(b, &m[0], "app.log", 50);
	start(b);
	wait_items(b, 50);
	copy_to(b, &m[0], "app.log.2");
	scans = number(b, "scans_total");
	UNTIL(b, number(b, "scans_total") > scans + 3);
	copy_and_cut(b, &m[0], "app.log.1");
	append(b, &m[1], "app.log", "{\"anew\":1}\n");
	append_lines(b, &m[1], "app.log", 6);
	wait_items(b, 57);
	restart(b);
	scans = number(b, "scans_total");
	UNTIL(b, number(b, "scans_total") > scans + 3);
	assert_int_equal(b->host.count, 57);
	finish(b, m, 2);
}

static void a_file_that_was_copied_and_cut_while_nobody_looked_is_read_on(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	watch_glob(b, "*.log*");
	append_lines(b, &m[0], "app.log", 50);
	start(b);
	wait_items(b, 50);
	fake_host_end(&b->host);
	append_lines(b, &m[0], "app.log", 9);
	copy_and_cut(b, &m[0], "app.log.1");
	append(b, &m[1], "app.log", "{\"anew\":1}\n");
	append_lines(b, &m[1], "app.log", 6);
	start(b);
	wait_items(b, 66);
	finish(b, m, 2);
}

/* The pieces of a copy come with time; so far it has nothing of its own. */
static void a_file_that_only_begins_alike_is_followed(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	watch_glob(b, "*.log*");
	append(b, &m[0], "app.log", "{\"banner\":1}\n{\"a\":1}\n");
	start(b);
	wait_items(b, 2);
	append(b, &m[1], "app.log.2", "{\"banner\":1}\n");
	append(b, &m[1], "app.log.2", "{\"b\":2}\n");
	wait_items(b, 4);
	finish(b, m, 2);
}

/* A copy is no longer than what it was made of, so this one is not what `app.log` is now. */
static void what_is_longer_than_the_followed_file_is_no_copy_of_it(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	watch_glob(b, "*.log*");
	append(b, &m[0], "app.log", "{\"banner\":1}\n");
	append(b, &m[1], "app.log.1", "{\"banner\":1}\n");
	append(b, &m[1], "app.log.1", "{\"b\":2}\n");
	append(b, &m[1], "app.log.1", "{\"b\":3}\n");
	start(b);
	wait_items(b, 4);
	finish(b, m, 2);
}

static void assert_item(const struct bench *b, size_t i, uint64_t offset, const char *line)
{
	assert_int_equal(b->host.items[i].offset, offset);
	assert_int_equal(b->host.items[i].size, strlen(line));
	assert_memory_equal(b->host.items[i].data, line, strlen(line));
}

/* copytruncate under a writer that does not append: it writes on where it was, behind a hole. */
static void holes_of_stale_writers_are_no_lines(void **state)
{
	static const char line[] = "{\"a\":\"line of a stale writer\"}\n", one[] = "{\"a\":\"line of a stale writer\"}";
	const size_t n = sizeof line - 1, count = 40000;
	struct bench *b = *state;
	int fd = open(path_of(b, "app.log"), O_WRONLY | O_CREAT, 0644);

	for (size_t i = 0; i < count; i++)
		write_all(fd, line, n);
	start(b);
	wait_items(b, count);
	assert_int_equal(ftruncate(fd, 0), 0);
	UNTIL(b, number(b, "truncations_total") == 1);
	write_all(fd, line, n);
	write_all(fd, line, n);
	wait_items(b, count + 2);
	assert_int_equal(lseek(fd, 5000, SEEK_CUR), (off_t)((count + 2) * n + 5000));
	write_all(fd, line, n);
	wait_items(b, count + 3);
	close(fd);
	drain(b);
	assert_item(b, count, count * n, one);
	assert_item(b, count + 1, (count + 1) * n, one);
	assert_item(b, count + 2, (count + 2) * n + 5000, one);
	assert_int_equal(number(b, "holes_total"), 2);
	assert_int_equal(number(b, "hole_bytes_total"), count * n + 5000);
}

/* Zeros that nothing follows may be written yet; a few within a line belong to it. */
static void zeros_at_the_end_wait_for_what_follows(void **state)
{
	static const char zeros[100];
	struct bench *b = *state;
	int fd = open_to_write(b, "app.log");

	write_all(fd, "one\n", 4);
	write_all(fd, zeros, 60);
	start(b);
	wait_items(b, 1);
	write_all(fd, zeros, 40);
	write_all(fd, "t\0wo\n\0\0three\n", 13);
	wait_items(b, 3);
	assert_int_equal(ftruncate(fd, 4 << 20), 0);
	turn(b);
	write_all(fd, "four\n", 5);
	wait_items(b, 4);
	close(fd);
	drain(b);
	assert_int_equal(b->host.items[3].offset, 4 << 20);
	assert_int_equal(number(b, "holes_total"), 2);
	assert_int_equal(b->host.items[1].offset, 104);
	assert_int_equal(b->host.items[2].offset, 109);
	assert_int_equal(number(b, "hole_bytes_total"), 100 + (4 << 20) - 117);
}

static void files_written_anew_to_more_than_they_had_begin_anew(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 2);
	start(b);
	wait_items(b, 2);
	assert_int_equal(truncate(path_of(b, "app.log"), 0), 0);
	append(b, &m[1], "app.log", "{\"other\":\"beginning\"}\n");
	append_lines(b, &m[1], "app.log", 20);
	wait_items(b, 23);
	finish(b, m, 2);
	assert_int_equal(number(b, "truncations_total"), 1);
}

static void deleted_files_are_read_and_forgotten(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->config.sweep = DURATION_MS(20);
	append_lines(b, &m, "app.log", 2);
	start(b);
	wait_items(b, 2);
	append_lines(b, &m, "app.log", 3);
	append(b, &m, "app.log", "{\"last\":\"line\"}");
	assert_int_equal(unlink(path_of(b, "app.log")), 0);
	wait_items(b, 6);
	UNTIL(b, number(b, "files") == 0);
	UNTIL(b, saved_files(b) == 0);
	assert_int_equal(buffer_text(&m.text, "\n"), 0);
	finish(b, &m, 1);
}

/* Tests: finding. */

static void files_that_appear_are_found(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	b->list.count = 0;
	watch_glob(b, "*.log");
	start(b);
	for (int i = 0; i < 10; i++)
		turn(b);
	append_lines(b, &m[0], "one.log", 1);
	wait_items(b, 1);
	append_lines(b, &m[1], "two.log", 2);
	put(b, "three.txt", "{}\n");
	wait_items(b, 3);
	finish(b, m, 2);
}

static void folders_that_appear_are_found(void **state)
{
	struct bench *b = *state;
	struct model m[3] = { { .generation = 0 } };

	watch_glob(b, "late/er/*.log");
	watch_glob(b, "pod-*/x.log");
	append_lines(b, &m[0], "app.log", 1);
	start(b);
	wait_items(b, 1);
	assert_int_equal(mkdir(path_of(b, "late"), 0755), 0);
	turn(b);
	assert_int_equal(mkdir(path_of(b, "late/er"), 0755), 0);
	append_lines(b, &m[1], "late/er/a.log", 2);
	wait_items(b, 3);
	assert_int_equal(mkdir(path_of(b, "pod-7"), 0755), 0);
	append_lines(b, &m[2], "pod-7/x.log", 3);
	wait_items(b, 6);
	append_lines(b, &m[2], "pod-7/x.log", 1);
	wait_items(b, 7);
	finish(b, m, 3);
}

static void a_second_name_is_not_a_second_file(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	watch_glob(b, "*.log");
	b->config.sweep = DURATION_MS(10);
	append_lines(b, &m, "app.log", 2);
	assert_int_equal(link(path_of(b, "app.log"), path_of(b, "hard.log")), 0);
	assert_int_equal(symlink(path_of(b, "app.log"), path_of(b, "soft.log")), 0);
	start(b);
	wait_items(b, 2);
	append_lines(b, &m, "hard.log", 2);
	wait_items(b, 4);
	finish(b, &m, 1);
	assert_int_equal(number(b, "rotations_total"), 0);
}

/* Neither by the first look nor by what inotify tells; a file that is followed keeps its right to be read. */
static void excluded_files_are_left_alone(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };
	char pattern[PATH_MAX];
	const char *items[] = { pattern };
	struct option_list exclude = { .items = items, .count = 1 };

	snprintf(pattern, sizeof pattern, "%s/*.d.log*", b->folder);
	b->config.exclude = &exclude;
	watch_glob(b, "*.log");
	put(b, "a.d.log", "left out\n");
	append_lines(b, &m[0], "b.log", 2);
	start_following(b);
	put(b, "c.d.log", "left out, too\n");
	append_lines(b, &m[1], "e.log", 2);
	wait_items(b, 4);
	rename_to(b, "b.log", "b.d.log.1");
	append_lines(b, &m[0], "b.d.log.1", 1);
	wait_items(b, 5);
	put(b, "a.d.log", "still left out\n");
	finish(b, m, 2);
}

static void names_are_excluded_in_any_folder(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	const char *items[] = { "*.skip.log" };
	struct option_list exclude = { .items = items, .count = 1 };

	b->config.exclude = &exclude;
	watch_glob(b, "*.log");
	put(b, "a.skip.log", "left out\n");
	append_lines(b, &m, "b.log", 2);
	start_following(b);
	put(b, "c.skip.log", "left out, too\n");
	append_lines(b, &m, "b.log", 1);
	wait_items(b, 3);
	finish(b, &m, 1);
}

/* As Kubernetes does: app.log leads through ..data, which leads to a folder with a name of its time. */
static void link_data(struct bench *b, const char *folder)
{
	assert_int_equal(symlink(folder, path_of(b, "..new")), 0);
	rename_to(b, "..new", "..data");
}

/* The old target is read to its end, the new one from its beginning; what is told of the targets is heard. */
static void a_link_that_is_switched_leads_to_another_file(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	assert_int_equal(mkdir(path_of(b, "..1"), 0755), 0);
	assert_int_equal(mkdir(path_of(b, "..2"), 0755), 0);
	append_lines(b, &m[0], "..1/app.log", 2);
	link_data(b, "..1");
	assert_int_equal(symlink("..data/app.log", path_of(b, "app.log")), 0);
	start(b);
	wait_items(b, 2);
	append_lines(b, &m[0], "..1/app.log", 1);
	wait_items(b, 3);
	append_lines(b, &m[1], "..2/app.log", 2);
	link_data(b, "..2");
	wait_items(b, 5);
	append_lines(b, &m[0], "..1/app.log", 1);
	append_lines(b, &m[1], "..2/app.log", 1);
	wait_items(b, 7);
	finish(b, m, 2);
}

/* As the kubelet does it with /var/log/containers: the link stays, its target is renamed and made anew. */
static void targets_of_links_are_rotated(void **state)
{
	struct bench *b = *state;
	struct model m[3] = { { .generation = 0 } };

	assert_int_equal(mkdir(path_of(b, "pod"), 0755), 0);
	append_lines(b, &m[0], "pod/0.log", 2);
	assert_int_equal(symlink("pod/0.log", path_of(b, "app.log")), 0);
	start(b);
	wait_items(b, 2);
	rename_to(b, "pod/0.log", "pod/0.log.1");
	append_lines(b, &m[0], "pod/0.log.1", 1);
	append_lines(b, &m[1], "pod/0.log", 2);
	wait_items(b, 5);
	drain(b);
	fake_host_end(&b->host);
	append_lines(b, &m[1], "pod/0.log", 1);
	rename_to(b, "pod/0.log", "pod/0.log.2");
	append_lines(b, &m[2], "pod/0.log", 1);
	start(b);
	wait_items(b, 7);
	finish(b, m, 3);
}

/* A second name in another folder is how a file grows here without a word from inotify. */
static void where_inotify_is_silent_files_are_asked(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->config.poll = 1;
	b->config.poll_every = DURATION_MS(5);
	assert_int_equal(mkdir(path_of(b, "elsewhere"), 0755), 0);
	append_lines(b, &m, "elsewhere/real", 1);
	assert_int_equal(link(path_of(b, "elsewhere/real"), path_of(b, "app.log")), 0);
	start(b);
	wait_items(b, 1);
	append_lines(b, &m, "elsewhere/real", 1);
	wait_items(b, 2);
	append_lines(b, &m, "elsewhere/real", 3);
	wait_items(b, 5);
	finish(b, &m, 1);
}

static void silent_file_systems_are_known(void **state)
{
	(void)state;
	assert_true(tail_is_silent(0x6969)); /* NFS */
	assert_true(tail_is_silent(0xff534d42)); /* CIFS */
	assert_true(tail_is_silent(0x65735546)); /* FUSE */
	assert_true(tail_is_silent(0x794c7630)); /* overlay */
	assert_false(tail_is_silent(0xef53)); /* ext4 */
	assert_false(tail_is_silent(0x58465342)); /* XFS */
	assert_false(tail_is_silent(0x01021994)); /* tmpfs */
}

/* inotify watches the folder of the link, so it is silent about what the link points to. */
static void the_sweep_finds_what_inotify_does_not_say(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->config.sweep = DURATION_MS(20);
	assert_int_equal(mkdir(path_of(b, "elsewhere"), 0755), 0);
	append_lines(b, &m, "elsewhere/real", 1);
	assert_int_equal(link(path_of(b, "elsewhere/real"), path_of(b, "app.log")), 0);
	start(b);
	wait_items(b, 1);
	append_lines(b, &m, "elsewhere/real", 2);
	wait_items(b, 3);
	finish(b, &m, 1);
}

/* A disk whose fsync takes long. */
struct slow_job {
	struct job job;
	int end[2]; /* the work waits for the writing end to be closed */
	bool done;
};

static void wait_for_end(struct job *job)
{
	struct slow_job *slow = CONTAINER_OF(job, struct slow_job, job);
	char byte;

	(void)!read(slow->end[0], &byte, 1);
}

static void slow_job_done(struct job *job)
{
	CONTAINER_OF(job, struct slow_job, job)->done = true;
}

static void a_new_file_does_not_wait_for_the_disk(void **state)
{
	struct bench *b = *state;
	struct slow_job slow = { .job = { .work = wait_for_end, .done = slow_job_done } };
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 1);
	start(b);
	wait_items(b, 1);
	assert_int_equal(pipe(slow.end), 0);
	assert_int_equal(lane_run(b->host.disk, &slow.job), 0);
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[1], "app.log", 2);
	wait_items(b, 3);
	assert_false(slow.done);
	close(slow.end[1]);
	UNTIL(b, slow.done);
	close(slow.end[0]);
	finish(b, m, 2);
}

static void too_many_events_are_as_good_as_a_sweep(void **state)
{
	struct bench *b = *state;
	struct model m[3] = { { .generation = 0 } };

	watch_glob(b, "*.log");
	append_lines(b, &m[0], "app.log", 1);
	append_lines(b, &m[1], "b.log", 1);
	start(b);
	wait_items(b, 2);
	for (int i = 0; i < 10000; i++) { /* the kernel keeps 16384 */
		append(b, &m[0], "app.log", "{}\n");
		append(b, &m[1], "b.log", "{}\n");
	}
	append_lines(b, &m[2], "c.log", 1);
	wait_items(b, 20003);
	finish(b, m, 3);
}

static void assert_report(struct bench *b, unsigned troubled, const char *name, const char *why)
{
	char wanted[PATH_MAX + 128];
	int size = snprintf(wanted, sizeof wanted, "{\"files\":1,\"troubled\":%u,\"troubles\":[", troubled);
	struct json_writer json;
	struct buffer report;

	buffer_init(&report, sizeof wanted);
	json_writer_init(&json, &report);
	json_put_object(&json, NULL);
	collector_tail.report(b->host.collector, &json);
	json_put_end(&json);
	assert_int_equal(json_writer_done(&json), 0);
	if (name)
		size += snprintf(wanted + size, sizeof wanted - (size_t)size, "{\"file\":\"%s\",\"why\":\"%s\"}",
			path_of(b, name), why);
	snprintf(wanted + size, sizeof wanted - (size_t)size, "]}");
	assert_int_equal(report.size, strlen(wanted));
	assert_memory_equal(report.data, wanted, report.size);
	buffer_done(&report);
}

/* Nobody may read the file; root becomes somebody. */
static void be_refused(struct bench *b, const char *name)
{
	assert_int_equal(chmod(path_of(b, name), 0), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(b->folder, 65534, 65534), 0);
	assert_int_equal(chown(path_of(b, name), 65534, 65534), 0);
	assert_int_equal(seteuid(65534), 0);
}

static void be_admitted(void)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void files_that_cannot_be_opened_are_tried_again(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	append_lines(b, &m, "app.log", 2);
	be_refused(b, "app.log");
	start(b);
	UNTIL(b, number(b, "read_errors_total") == 1);
	assert_int_equal(b->host.warnings, 1);
	assert_report(b, 1, "app.log", "Permission denied");
	assert_int_equal(chmod(path_of(b, "app.log"), 0644), 0);
	wait_items(b, 2);
	assert_report(b, 0, NULL, NULL);
	finish(b, &m, 1);
	be_admitted();
}

/* Its size, not what is in it, was known when the others were begun. */
static void what_could_not_be_opened_at_first_begins_at_the_same_end(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	int fd = open_to_write(b, "app.log");

	b->config.start = 1;
	add_bytes(&m, fd, "{\"old\":1}\n", 10);
	be_refused(b, "app.log");
	start(b);
	UNTIL(b, number(b, "read_errors_total") == 1 && collector_tail.began(b->host.collector));
	add_bytes(&m, fd, "{\"new\":1}\n", 10);
	close(fd);
	assert_int_equal(chmod(path_of(b, "app.log"), 0644), 0);
	wait_items(b, 1);
	drain(b);
	assert_int_equal(b->host.items[0].offset, 10);
	assert_int_equal(b->host.count, 1);
	be_admitted();
	buffer_done(&m.text);
}

/* Tests: compressed files. */

static const struct bytes packed_kinds[] = {
	{ "\x1f\x8b\b\0\nabc\n", 9 },
	{ "\x1f\x9d\x90\nabc\n", 8 },
	{ "BZh91AY&SY\nabc\n", 15 },
	{ "\xfd"
	  "7zXZ\0\nabc\n",
		11 },
	{ "\x28\xb5\x2f\xfd\nabc\n", 9 },
	{ "\x04\x22\x4d\x18\nabc\n", 9 },
	{ "PK\3\4\nabc\n", 9 },
};

static void put_packed(struct bench *b, size_t kind, size_t size)
{
	char name[32];
	int fd;

	snprintf(name, sizeof name, "%zu.log", kind);
	fd = open_to_write(b, name);
	write_all(fd, packed_kinds[kind].data, size);
	close(fd);
}

static void compressed_files_are_no_text(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	watch_glob(b, "*.log");
	for (size_t i = 0; i < COUNT_OF(packed_kinds); i++)
		put_packed(b, i, packed_kinds[i].size);
	append(b, &m, "app.log", "BZh the bee\n");
	start(b);
	UNTIL(b, number(b, "files") == COUNT_OF(packed_kinds) + 1);
	wait_items(b, 1);
	drain(b);
	assert_int_equal(b->host.count, 1);
	assert_int_equal(saved_files(b), 1);
	buffer_done(&m.text);
}

/* As gzip makes its file: empty at first. */
static void what_turns_out_to_be_compressed_is_no_text(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	watch_glob(b, "*.log");
	for (size_t i = 0; i < COUNT_OF(packed_kinds); i++)
		put_packed(b, i, 0);
	start(b);
	UNTIL(b, number(b, "files") == COUNT_OF(packed_kinds) && saved_files(b) == COUNT_OF(packed_kinds));
	for (size_t i = 0; i < COUNT_OF(packed_kinds); i++)
		put_packed(b, i, packed_kinds[i].size);
	append(b, &m, "app.log", "{\"a\":1}\n");
	wait_items(b, 1);
	UNTIL(b, saved_files(b) == 1);
	finish(b, &m, 1);
}

/* By their byte order mark, there at once or only later; NULs and U+FFFD are no line of anybody's. */
static void wide_text_is_left_out_with_a_word(void **state)
{
	static const struct bytes wide[] = { { "\xff\xfe{\0}\0\n\0", 8 }, { "\xfe\xff\0{\0}\0\n", 8 },
		{ "\xff\xfe\0\0{\0\0\0\n\0\0\0", 12 }, { "\0\0\xfe\xff\0\0\0{\0\0\0\n", 12 } };
	struct bench *b = *state;
	char name[32];

	watch_glob(b, "*.log");
	put(b, "late.log", "");
	start(b);
	UNTIL(b, number(b, "files") == 1 && saved_files(b) == 1);
	for (size_t i = 0; i <= COUNT_OF(wide); i++) {
		int fd;
		snprintf(name, sizeof name, "%zu.log", i);
		fd = open_to_write(b, i < COUNT_OF(wide) ? name : "late.log");
		write_all(fd, wide[i % COUNT_OF(wide)].data, wide[i % COUNT_OF(wide)].size);
		close(fd);
	}
	UNTIL(b, b->host.warnings == COUNT_OF(wide) + 1);
	assert_non_null(strstr(b->host.last_log, "UTF-16"));
	drain(b);
	assert_int_equal(b->host.count, 0);
}

/* It waits, since nobody knows yet whether gzip has finished it; then somebody writes text into it. */
static void what_turns_out_to_be_text_is_followed(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	uint64_t scans;

	b->config.gzip = true;
	b->config.sweep = DURATION_MS(100);
	put(b, "app.log", packed_kinds[0].data);
	start(b);
	UNTIL(b, number(b, "files") == 1);
	assert_int_equal(truncate(path_of(b, "app.log"), 0), 0);
	append(b, &m, "app.log", "{\"a\":1}\nhalf");
	wait_items(b, 1);
	scans = number(b, "scans_total");
	UNTIL(b, number(b, "scans_total") > scans + 3);
	append(b, &m, "app.log", "way\n");
	wait_items(b, 2);
	assert_string_equal(b->host.items[1].data, "{\"message\":\"halfway\"}");
	buffer_done(&m.text);
}

static void what_rotation_compresses_is_no_text(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 2);
	start(b);
	wait_items(b, 2);
	rename_to(b, "app.log", "app.log.tmp");
	put(b, "app.log.2026-01-01.zip", "PK\3\4abc\ndef\n");
	put(b, "app.log.2026-01-02", "PK\3\4abc\ndef\n");
	assert_int_equal(unlink(path_of(b, "app.log.tmp")), 0);
	append_lines(b, &m[1], "app.log", 1);
	wait_items(b, 3);
	finish(b, m, 2);
}

/* Tests: lines. */

static void what_is_no_json_goes_as_text(void **state)
{
	static const char raw[] = "plain \"text\"\t\x01\n"
				  "{\"cut\":\n"
				  "nul \0 and \xff\xc3( bad\n"
				  "{\"fine\":true}\n"
				  "\xc3\xa4 tail \\\n";
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	struct host *h = &b->host;

	append_bytes(b, &m, "app.log", (struct bytes){ raw, sizeof raw - 1 });
	start(b);
	wait_items(b, 5);
	drain(b);
	assert_string_equal(h->items[0].data, "{\"message\":\"plain \\\"text\\\"\\t\\u0001\"}");
	assert_string_equal(h->items[1].data, "{\"message\":\"{\\\"cut\\\":\"}");
	assert_string_equal(h->items[2].data, "{\"message\":\"nul \\u0000 and \xef\xbf\xbd\xef\xbf\xbd( bad\"}");
	assert_string_equal(h->items[3].data, "{\"fine\":true}");
	assert_string_equal(h->items[4].data, "{\"message\":\"\xc3\xa4 tail \\\\\"}");
	assert_int_equal(h->items[4].offset, sizeof raw - 1 - strlen("\xc3\xa4 tail \\\n"));
	assert_int_equal(number(b, "not_json_total"), 4);
	buffer_done(&m.text);
}

/* Its offset is behind the mark. */
static void a_mark_at_the_beginning_is_no_part_of_the_first_line(void **state)
{
	struct bench *b = *state;

	put(b, "app.log", "\xef\xbb\xbf{\"n\":1}\n\xef\xbb\xbf{\"n\":2}\n");
	start(b);
	wait_items(b, 2);
	drain(b);
	assert_string_equal(b->host.items[0].data, "{\"n\":1}");
	assert_int_equal(b->host.items[0].offset, 3);
	assert_string_equal(b->host.items[1].data, "{\"message\":\"\xef\xbb\xbf{\\\"n\\\":2}\"}");
}

static void text_is_text_even_if_it_looks_like_json(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->config.format = 2;
	append(b, &m, "app.log", "{\"a\":1}\n");
	start(b);
	wait_items(b, 1);
	drain(b);
	assert_string_equal(b->host.items[0].data, "{\"message\":\"{\\\"a\\\":1}\"}");
	buffer_done(&m.text);
}

/* Lines of all lengths around the chunk and around the longest. */
static void ten_mebibytes_without_an_end_are_cut(void **state)
{
	static const char prefix[] = "{\"message\":\"", suffix[] = "\",\"oxpecker.truncated\":true}";
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	size_t size = 10 << 20;
	char *big = oxp_new(size + 1);

	for (size_t i = 0; i < size; i += 2)
		memcpy(big + i, "\xc3\xa4", 2);
	append(b, &m, "app.log", "{\"before\":1}\nx");
	append(b, &m, "app.log", big);
	start(b);
	wait_items(b, 2);
	append(b, &m, "app.log", big);
	append(b, &m, "app.log", "\n{\"after\":1}\n");
	wait_items(b, 3);
	drain(b);
	assert_int_equal(b->host.items[1].size, sizeof prefix + sizeof suffix - 2 + (1 << 20) - 1);
	assert_memory_equal(b->host.items[1].data, "{\"message\":\"x\xc3\xa4", 15);
	assert_string_equal(
		b->host.items[1].data + b->host.items[1].size - 30, "\xc3\xa4\",\"oxpecker.truncated\":true}");
	assert_int_equal(b->host.items[2].offset, m.text.size - strlen("{\"after\":1}\n"));
	assert_int_equal(number(b, "cut_lines_total"), 1);
	assert_int_equal(number(b, "cut_bytes_total"), 1 + 2 * size - ((1 << 20) - 1));
	assert_int_equal(number(b, "bytes_total"), m.text.size);
	buffer_done(&m.text);
	free(big);
}

static void lines_of_every_length_around_the_limits(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	char line[2100];
	size_t cut = 0, around = strlen("{\"message\":\"\",\"oxpecker.truncated\":true}");

	b->config.line_max = 1024;
	for (size_t size = 1000; size < 1050; size++) {
		memset(line, 'x', size);
		memcpy(line, "{\"x\":\"", 6);
		memcpy(line + size - 2, "\"}\n", 4);
		append(b, &m, "app.log", line);
		cut += size > 1024;
	}
	start(b);
	wait_items(b, 50);
	drain(b);
	for (size_t i = 0, at = 0; i < 50; at += 1001 + i++) {
		assert_int_equal(b->host.items[i].offset, at);
		if (1000 + i <= 1024)
			assert_memory_equal(b->host.items[i].data, m.text.data + at, 1000 + i);
		else
			assert_int_equal(b->host.items[i].size, around + 1024 + 3 + (i == 25)); /* escaped quotes */
	}
	assert_int_equal(number(b, "cut_lines_total"), cut);
	buffer_done(&m.text);
}

static void the_rest_of_a_cut_line_stays_away_after_a_kill(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	char *big = oxp_new((2 << 20) + 1);

	memset(big, 'x', 2 << 20);
	append(b, &m, "app.log", big);
	start(b);
	wait_items(b, 1);
	UNTIL(b, saved_files(b) == 1 && first_saved(b)->offset > 1 << 20);
	fake_host_kill(&b->host);
	append(b, &m, "app.log", "rest\n{\"after\":1}\n");
	start(b);
	wait_items(b, 2);
	drain(b);
	assert_string_equal(b->host.items[1].data, "{\"after\":1}");
	buffer_done(&m.text);
	free(big);
}

/* Tests: room. */

static void a_full_pipeline_stops_the_reading_and_no_more(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	size_t count, asked;

	fake_host_memory(&b->host, 4 << 20);
	b->host.hold = true;
	append_lines(b, &m, "app.log", 150000);
	assert_true(m.text.size > 6 << 20);
	start(b);
	UNTIL(b, b->host.budget.used[1] > (5 << 20) / 2);
	do {
		count = b->host.count;
		for (int i = 0; i < 20; i++)
			turn(b);
	} while (b->host.count > count);
	asked = b->host.asked;
	assert_true(count > 0 && count < 150000);
	for (int i = 0; i < 1000; i++)
		loop_turn(b->loop, DURATION_MS(0));
	assert_int_equal(b->host.count, count);
	assert_true(b->host.asked - asked < 10);
	fake_host_settle(&b->host, 1);
	UNTIL(b, b->host.count > count);
	b->host.hold = false;
	loop_soon_run(&b->host.settling);
	wait_items(b, 150000);
	finish(b, &m, 1);
	assert_int_equal(number(b, "lines_total"), 150000);
	assert_int_equal(number(b, "bytes_total"), fake_host_position(&b->host, m.generation)->offset);
}

static void a_refused_offer_is_made_again(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->host.refuse = true;
	append_lines(b, &m, "app.log", 5);
	append(b, &m, "app.log", "\n\n");
	start_following(b);
	UNTIL(b, b->host.budget.used[1] == 0 && b->host.commits_done > 0);
	for (int i = 0; i < 10; i++)
		turn(b);
	assert_int_equal(number(b, "lines_total"), 0);
	assert_int_equal(number(b, "empty_lines_total"), 0);
	b->host.refuse = false;
	loop_soon_run(&b->host.room);
	wait_items(b, 5);
	finish(b, &m, 1);
	assert_int_equal(number(b, "empty_lines_total"), 2);
}

/* Nobody frees any memory, since nothing is under way: the line must not wait for ever. */
static void a_line_that_never_fits_is_cut(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	char *big = oxp_new((1 << 20) + 1);

	fake_host_memory(&b->host, 1 << 20);
	memset(big, 'x', (1 << 20) - 100);
	memcpy(big, "{\"x\":\"", 6);
	memcpy(big + (1 << 20) - 103, "\"}\n", 4);
	append(b, &m, "app.log", big);
	append(b, &m, "app.log", "{\"after\":1}\n");
	start(b);
	wait_items(b, 2);
	drain(b);
	assert_string_equal(b->host.items[1].data, "{\"after\":1}");
	assert_int_equal(number(b, "cut_lines_total"), 1);
	buffer_done(&m.text);
	free(big);
}

static void a_busy_file_does_not_starve_the_others(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };
	size_t i = 0;

	watch_glob(b, "small.log");
	append_lines(b, &m[0], "app.log", 1);
	append(b, &m[1], "small.log", "{\"small\":0}\n");
	start(b);
	wait_items(b, 2); /* neither waits for the disk any more */
	append_lines(b, &m[0], "app.log", 150000);
	append(b, &m[1], "small.log", "{\"small\":1}\n");
	wait_items(b, 150003);
	while (strcmp(b->host.items[i].data, "{\"small\":1}") != 0)
		i++;
	assert_true(i < 30000);
	finish(b, m, 2);
}

/* Tests: positions. */

static void positions_follow_what_has_settled(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	uint64_t first;

	b->host.hold = true;
	append_lines(b, &m, "app.log", 2);
	first = m.text.size;
	start(b);
	wait_items(b, 2);
	append_lines(b, &m, "app.log", 2);
	wait_items(b, 4);
	UNTIL(b, b->host.held_count == 2);
	assert_int_equal(fake_host_position(&b->host, b->host.items[0].generation)->offset, 0);
	fake_host_settle(&b->host, 1);
	UNTIL(b, fake_host_position(&b->host, b->host.items[0].generation)->offset == first);
	fake_host_kill(&b->host);
	b->host.hold = false;
	start(b);
	UNTIL(b, b->host.repeated == 2);
	finish(b, &m, 1);
	assert_int_equal(b->host.count, 4);
}

static void many_settled_batches_are_few_commits(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	size_t before;

	append_lines(b, &m, "app.log", 1);
	start(b);
	wait_items(b, 1);
	before = b->host.commits_done;
	for (size_t i = 0; i < 30; i++) {
		append_lines(b, &m, "app.log", 1);
		wait_items(b, i + 2);
	}
	assert_true(b->host.commits_done - before < 15);
	finish(b, &m, 1);
}

static void rotation_while_down_loses_nothing(void **state)
{
	struct bench *b = *state;
	struct model m[3] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 3);
	start(b);
	wait_items(b, 3);
	drain(b);
	fake_host_end(&b->host);
	append_lines(b, &m[0], "app.log", 2);
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[1], "app.log", 4);
	rename_to(b, "app.log.1", "app.log.2");
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[2], "app.log", 1);
	start(b);
	wait_items(b, 10);
	finish(b, m, 3);
	assert_int_equal(b->host.repeated, 0);
}

static void a_rotated_file_with_bytes_left_is_found_after_a_kill(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 3);
	start(b);
	wait_items(b, 3);
	b->host.refuse = true;
	append_lines(b, &m[0], "app.log", 2);
	rename_to(b, "app.log", "odd-name");
	append_lines(b, &m[1], "app.log", 1);
	UNTIL(b, number(b, "files") == 2);
	fake_host_kill(&b->host);
	b->host.refuse = false;
	start(b);
	UNTIL(b, b->host.count == 6);
	finish(b, m, 2);
}

static void another_file_under_a_known_inode_is_another_file(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 2);
	start(b);
	wait_items(b, 2);
	drain(b);
	fake_host_end(&b->host);
	assert_int_equal(truncate(path_of(b, "app.log"), 0), 0);
	append(b, &m[1], "app.log", "{\"other\":\"file\"}\n");
	append_lines(b, &m[1], "app.log", 5);
	start(b);
	wait_items(b, 8);
	finish(b, m, 2);
	assert_int_equal(saved_files(b), 1);
}

/* As an app does that begins its log with a banner, and whose log is cut down when it starts. */
static void what_was_written_anew_while_down_begins_anew(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };
	char banner[401];

	memset(banner, '=', 399);
	snprintf(banner + 399, 2, "\n");
	append(b, &m[0], "app.log", banner);
	append_lines(b, &m[0], "app.log", 3);
	b->config.format = 2;
	start(b);
	wait_items(b, 4);
	UNTIL(b, saved_files(b) == 1 && first_saved(b)->offset == m[0].text.size);
	b->host.hold = true;
	append_lines(b, &m[0], "app.log", 30);
	wait_items(b, 34);
	fake_host_kill(&b->host);
	b->host.hold = false;
	assert_int_equal(truncate(path_of(b, "app.log"), 0), 0);
	append(b, &m[1], "app.log", banner);
	append(b, &m[1], "app.log", "{\"another\":\"run\"}\n");
	append_lines(b, &m[1], "app.log", 20);
	start(b);
	wait_items(b, 34 + 22);
	drain(b);
	assert_int_equal(number(b, "truncations_total"), 1);
	assert_int_equal(b->host.repeated, 0);
	for (size_t i = 34; i < 56; i++)
		assert_true(b->host.items[i].generation != b->host.items[0].generation);
	buffer_done(&m[0].text);
	buffer_done(&m[1].text);
}

/* As file systems do that are mounted again. */
static void other_devices(struct bench *b)
{
	for (size_t i = 0; i < b->host.positions.count; i++)
		b->host.positions.rows[i].at.dev++;
}

static void what_is_mounted_again_is_read_on(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 3);
	start(b);
	wait_items(b, 3);
	drain(b);
	fake_host_end(&b->host);
	other_devices(b);
	append_lines(b, &m[0], "app.log", 2);
	start(b);
	wait_items(b, 5);
	drain(b);
	fake_host_end(&b->host);
	other_devices(b);
	append_lines(b, &m[0], "app.log", 2);
	rename_to(b, "app.log", "app.log.1");
	append_lines(b, &m[1], "app.log", 2);
	start(b);
	wait_items(b, 9);
	finish(b, m, 2);
	assert_int_equal(number(b, "vanished_files_total"), 0);
}

/* Whether the table finds the position of a file of 5 bytes, "a\nb\nc", that was read up to its 4th. */
static bool is_claimed(int fd, const struct position *then, const struct tail_identity *now)
{
	struct tail_table *t = oxp_new(sizeof *t);
	struct tail_closer closer = { .stopped = true };
	struct tail_saved *s;

	tail_table_init(t, &closer);
	tail_table_remember(t, then);
	assert_int_equal(tail_table_claim(t, now, fd, &s), 0);
	tail_table_done(t);
	free(t);
	free(s);
	return s != NULL;
}

/* NFS tells no birth: another file may have the inode by then. */
static void where_no_birth_is_told_bytes_tell_what_is_mounted_again(void **state)
{
	struct bench *b = *state;
	const struct tail_identity now = { .dev = 2, .inode = 7 };
	struct position then = { .generation = 1,
		.dev = 1,
		.inode = 7,
		.offset = 4,
		.path = "a",
		.head_hash = XXH3_64bits("a\nb", 3),
		.head_size = 3,
		.before_hash = XXH3_64bits("\nb\n", 3),
		.before_size = 3 };
	int fd;

	put(b, "app.log", "a\nb\nc");
	fd = open(path_of(b, "app.log"), O_RDONLY);
	assert_true(is_claimed(fd, &then, &now));
	then.before_hash++;
	assert_false(is_claimed(fd, &then, &now));
	then.dev = 2;
	assert_true(is_claimed(fd, &then, &now));
	then.inode++;
	assert_false(is_claimed(fd, &then, &now));
	close(fd);
}

static void what_is_gone_while_down_is_told_once(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	append_lines(b, &m[0], "app.log", 2);
	start(b);
	wait_items(b, 2);
	drain(b);
	fake_host_end(&b->host);
	assert_int_equal(saved_files(b), 1);
	assert_int_equal(unlink(path_of(b, "app.log")), 0);
	for (int i = 0; i < 2; i++) {
		start(b);
		UNTIL(b, number(b, "scans_total") > 0);
		drain(b);
		assert_int_equal(number(b, "vanished_files_total"), 1);
		fake_host_end(&b->host);
	}
	start(b);
	append_lines(b, &m[1], "app.log", 2);
	wait_items(b, 4);
	finish(b, m, 2);
}

/* Moved away and back, or on a volume that was not mounted for a while. */
static void what_comes_back_is_read_on(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	append_lines(b, &m, "app.log", 2);
	start(b);
	wait_items(b, 2);
	drain(b);
	fake_host_end(&b->host);
	assert_int_equal(mkdir(path_of(b, "elsewhere"), 0755), 0);
	rename_to(b, "app.log", "elsewhere/app.log");
	start(b);
	UNTIL(b, number(b, "vanished_files_total") == 1);
	drain(b);
	fake_host_end(&b->host);
	start(b);
	append_lines(b, &m, "elsewhere/app.log", 1);
	rename_to(b, "elsewhere/app.log", "app.log");
	wait_items(b, 3);
	finish(b, &m, 1);
	assert_int_equal(b->host.repeated, 0);
	assert_int_equal(saved_files(b), 1);
}

/* Until nobody knows the file that it led to before. */
static void a_link_that_leads_back_is_read_on(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	b->config.sweep = DURATION_MS(5);
	append_lines(b, &m[0], "one.data", 2);
	append_lines(b, &m[1], "two.data", 2);
	assert_int_equal(symlink("one.data", path_of(b, "app.log")), 0);
	start(b);
	wait_items(b, 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(symlink(i % 2 ? "one.data" : "two.data", path_of(b, "next")), 0);
		rename_to(b, "next", "app.log");
		append_lines(b, &m[1 - i % 2], i % 2 ? "one.data" : "two.data", 1);
		UNTIL(b, b->host.count == 5 + (size_t)i && number(b, "files") == 1);
	}
	finish(b, m, 2);
	assert_int_equal(b->host.repeated, 0);
}

/* However many there were, only the positions of the last TAIL_AWAY_MAX stay. */
static void positions_of_what_is_away_have_a_ceiling(void **state)
{
	enum { MORE = 20 };
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	struct position at = { .inode = 1, .birth_ns = 1, .head_size = 1, .path = "" };

	start(b);
	drain(b);
	for (unsigned i = 0; i < TAIL_AWAY_MAX + MORE; i++, at.inode++) {
		at.generation = host_generation_next(&b->host);
		host_position_put(&b->host, &at);
	}
	fake_host_end(&b->host);
	append_lines(b, &m, "app.log", 1);
	start(b);
	wait_items(b, 1);
	UNTIL(b, saved_files(b) == TAIL_AWAY_MAX + 1);
	assert_null(fake_host_position(&b->host, MORE));
	assert_non_null(fake_host_position(&b->host, MORE + 1));
	finish(b, &m, 1);
}

static void a_folder_that_is_away_keeps_its_positions(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->list.count = 0;
	watch_glob(b, "volume/app.log");
	assert_int_equal(mkdir(path_of(b, "volume"), 0755), 0);
	append_lines(b, &m, "volume/app.log", 2);
	start(b);
	wait_items(b, 2);
	drain(b);
	fake_host_end(&b->host);
	rename_to(b, "volume", "unmounted");
	start(b);
	drain(b);
	assert_int_equal(saved_files(b), 1);
	restart(b);
	rename_to(b, "unmounted", "volume");
	append_lines(b, &m, "volume/app.log", 1);
	wait_items(b, 3);
	finish(b, &m, 1);
	assert_int_equal(b->host.repeated, 0);
}

static void a_folder_that_is_away_for_long_keeps_its_positions(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->list.count = 0;
	b->config.sweep = DURATION_MS(5);
	watch_glob(b, "volume/app.log");
	assert_int_equal(mkdir(path_of(b, "volume"), 0755), 0);
	append_lines(b, &m, "volume/app.log", 2);
	start(b);
	wait_items(b, 2);
	UNTIL(b, number(b, "files") == 1);
	rename_to(b, "volume", "unmounted");
	UNTIL(b, number(b, "files") == 0);
	rename_to(b, "unmounted", "volume");
	append_lines(b, &m, "volume/app.log", 1);
	wait_items(b, 3);
	finish(b, &m, 1);
	assert_int_equal(saved_files(b), 1);
}

static void another_number_is_no_rotation(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	b->list.count = 0;
	watch_glob(b, "worker1");
	append_lines(b, &m[0], "worker1", 2);
	start(b);
	wait_items(b, 2);
	put(b, "worker10", "nobody asked for this\n");
	assert_int_equal(unlink(path_of(b, "worker1")), 0);
	append_lines(b, &m[1], "worker1", 1);
	wait_items(b, 3);
	finish(b, m, 2);
}

static void while_commits_fail_new_files_wait(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	watch_glob(b, "new.log");
	append_lines(b, &m[0], "app.log", 12); /* more than TAIL_HEAD_MAX bytes: its beginning is saved */
	start(b);
	wait_items(b, 12);
	UNTIL(b, b->host.commits_done >= 2);
	b->host.commit_error = -ENOSPC;
	append_lines(b, &m[0], "app.log", 1);
	append_lines(b, &m[1], "new.log", 2);
	UNTIL(b, b->host.commits_failed >= 2);
	append_lines(b, &m[0], "app.log", 1);
	wait_items(b, 14);
	assert_int_equal(b->host.warnings, 1);
	b->host.commit_error = 0;
	wait_items(b, 16);
	UNTIL(b, fake_host_position(&b->host, b->host.items[0].generation)->offset == m[0].text.size);
	finish(b, m, 2);
}

/* Tests: the end. */

static void drain_waits_for_no_tick(void **state)
{
	struct bench *b = *state;
	struct model m[2] = { { .generation = 0 } };

	b->config.tick = DURATION_S(3600);
	watch_glob(b, "new.log");
	append_lines(b, &m[0], "app.log", 1);
	start(b);
	wait_items(b, 1);
	append_lines(b, &m[0], "app.log", 2);
	append_lines(b, &m[1], "new.log", 3);
	append(b, &m[1], "new.log", "{\"half\":");
	assert_false(collector_tail.quiet(b->host.collector));
	finish(b, m, 2);
	assert_int_equal(b->host.count, 6);
	append_lines(b, &m[0], "app.log", 1);
	assert_false(collector_tail.quiet(b->host.collector));
	UNTIL(b, collector_tail.quiet(b->host.collector));
	assert_int_equal(b->host.count, 7);
	buffer_done(&m[0].text);
}

static void drain_is_not_quiet_before_all_is_saved(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	b->host.hold = true;
	append_lines(b, &m, "app.log", 2);
	start(b);
	wait_items(b, 2);
	collector_tail.drain(b->host.collector);
	for (int i = 0; i < 20; i++) {
		turn(b);
		assert_false(collector_tail.quiet(b->host.collector));
	}
	b->host.commit_error = -EIO;
	fake_host_settle(&b->host, 1);
	UNTIL(b, b->host.commits_failed > 0);
	assert_false(collector_tail.quiet(b->host.collector));
	b->host.commit_error = 0;
	finish(b, &m, 1);
}

static void stopping_puts_what_settled(void **state)
{
	struct bench *b = *state;
	struct model m = { .generation = 0 };

	append_lines(b, &m, "app.log", 2);
	start(b);
	wait_items(b, 2);
	UNTIL(b, b->host.held_count == 0);
	fake_host_end(&b->host);
	assert_int_equal(saved_files(b), 1);
	assert_int_equal(first_saved(b)->offset, m.text.size);
	start(b);
	append_lines(b, &m, "app.log", 1);
	wait_items(b, 3);
	finish(b, &m, 1);
	assert_int_equal(b->host.repeated, 0);
}

/* Kills at every moment of a file's life while it grows and rotates. */
static void kills_at_any_moment_lose_and_change_nothing(void **state)
{
	struct bench *b = *state;
	struct model m[3] = { { .generation = 0 } };

	for (int round = 0, file = 0; round < 60; round++) {
		start(b);
		append_lines(b, &m[file], "app.log", 1 + round % 7);
		for (int i = 0; i < round % 11; i++)
			turn(b);
		if (round % 25 == 23) /* what no life has found before it is renamed is nobody's */
			UNTIL(b, saved_files(b) > (size_t)file);
		if (round % 25 == 24) {
			rename_to(b, "app.log", file ? "app.log.1" : "app.log.2");
			file++;
			append_lines(b, &m[file], "app.log", 1);
		}
		fake_host_kill(&b->host);
	}
	start(b);
	drain(b);
	for (size_t i = 0; i < COUNT_OF(m); i++)
		assert_shipped(b, &m[i]);
	assert_nothing_else(b);
}

static void stop_and_destroy_without_start(void **state)
{
	struct bench *b = *state;

	assert_int_equal(collector_tail.create(&b->config, &b->host, &b->host.collector), 0);
	collector_tail.stop(b->host.collector);
	collector_tail.destroy(b->host.collector);
	b->host.collector = NULL;
	collector_tail.destroy(NULL);
}

static void a_followed_file_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct tail_file) <= 300);
}

/* More than half of them are taken when it starts. */
static void files_share_the_descriptors_that_are_left(void **state)
{
	enum { LEFT = 60, TAKEN = 40 };
	struct bench *b = *state;
	struct model m = { .generation = 0 };
	int taken[TAKEN];

	append_lines(b, &m, "app.log", 1);
	descriptors_leave(LEFT);
	for (int i = 0; i < TAKEN; i++) {
		taken[i] = dup(STDERR_FILENO);
		assert_true(taken[i] >= 0);
	}
	start(b);
	wait_items(b, 1);
	for (int i = 0; i < TAKEN; i++)
		close(taken[i]);
	descriptors_leave_all();
	finish(b, &m, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

static const struct CMUnitTest tests[] = {
	TEST(lines_come_as_the_file_grows),
	TEST(a_partial_line_waits_for_its_end),
	TEST(a_partial_line_waits_across_a_restart),
	TEST(long_lines_pass_whole_as_they_grow),
	TEST(start_at_the_end_skips_what_was_there),
	TEST(start_at_the_end_is_for_the_first_start),
	TEST(start_at_the_end_of_nothing_is_a_start_too),
	TEST(renamed_files_are_read_to_their_end),
	TEST(renamed_to_another_match_keeps_its_generation),
	TEST(rotations_of_a_name_that_is_new_lose_nothing),
	TEST(two_rotations_between_two_looks_lose_nothing),
	TEST(truncated_files_begin_anew),
	TEST(what_was_not_read_before_a_cut_is_read_in_the_copy),
	TEST(a_copy_of_a_followed_name_is_no_file_of_its_own),
	TEST(a_copy_may_keep_the_ending),
	TEST(a_copy_that_was_read_is_not_read_again),
	TEST(a_file_that_was_copied_and_cut_while_nobody_looked_is_read_on),
	TEST(a_file_that_only_begins_alike_is_followed),
	TEST(what_is_longer_than_the_followed_file_is_no_copy_of_it),
	TEST(holes_of_stale_writers_are_no_lines),
	TEST(zeros_at_the_end_wait_for_what_follows),
	TEST(files_written_anew_to_more_than_they_had_begin_anew),
	TEST(deleted_files_are_read_and_forgotten),
	TEST(files_that_appear_are_found),
	TEST(folders_that_appear_are_found),
	TEST(a_second_name_is_not_a_second_file),
	TEST(excluded_files_are_left_alone),
	TEST(names_are_excluded_in_any_folder),
	TEST(a_link_that_is_switched_leads_to_another_file),
	TEST(targets_of_links_are_rotated),
	TEST(where_inotify_is_silent_files_are_asked),
	TEST(silent_file_systems_are_known),
	TEST(the_sweep_finds_what_inotify_does_not_say),
	TEST(a_new_file_does_not_wait_for_the_disk),
	TEST(too_many_events_are_as_good_as_a_sweep),
	TEST(files_that_cannot_be_opened_are_tried_again),
	TEST(what_could_not_be_opened_at_first_begins_at_the_same_end),
	TEST(compressed_files_are_no_text),
	TEST(what_turns_out_to_be_compressed_is_no_text),
	TEST(wide_text_is_left_out_with_a_word),
	TEST(what_turns_out_to_be_text_is_followed),
	TEST(what_rotation_compresses_is_no_text),
	TEST(what_is_no_json_goes_as_text),
	TEST(a_mark_at_the_beginning_is_no_part_of_the_first_line),
	TEST(text_is_text_even_if_it_looks_like_json),
	TEST(ten_mebibytes_without_an_end_are_cut),
	TEST(lines_of_every_length_around_the_limits),
	TEST(the_rest_of_a_cut_line_stays_away_after_a_kill),
	TEST(a_full_pipeline_stops_the_reading_and_no_more),
	TEST(a_refused_offer_is_made_again),
	TEST(a_line_that_never_fits_is_cut),
	TEST(a_busy_file_does_not_starve_the_others),
	TEST(positions_follow_what_has_settled),
	TEST(many_settled_batches_are_few_commits),
	TEST(rotation_while_down_loses_nothing),
	TEST(a_rotated_file_with_bytes_left_is_found_after_a_kill),
	TEST(another_file_under_a_known_inode_is_another_file),
	TEST(what_was_written_anew_while_down_begins_anew),
	TEST(what_is_mounted_again_is_read_on),
	TEST(where_no_birth_is_told_bytes_tell_what_is_mounted_again),
	TEST(files_share_the_descriptors_that_are_left),
	TEST(what_is_gone_while_down_is_told_once),
	TEST(what_comes_back_is_read_on),
	TEST(a_link_that_leads_back_is_read_on),
	TEST(positions_of_what_is_away_have_a_ceiling),
	TEST(a_folder_that_is_away_keeps_its_positions),
	TEST(a_folder_that_is_away_for_long_keeps_its_positions),
	TEST(another_number_is_no_rotation),
	TEST(while_commits_fail_new_files_wait),
	TEST(drain_waits_for_no_tick),
	TEST(drain_is_not_quiet_before_all_is_saved),
	TEST(stopping_puts_what_settled),
	TEST(kills_at_any_moment_lose_and_change_nothing),
	TEST(stop_and_destroy_without_start),
	cmocka_unit_test(a_followed_file_is_small),
};

int main(void)
{
	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
