/*
 * The `file` exporter and a pipe whose reader takes its time: lines come whole and once, and the disk lane, where
 * commits are made, is free meanwhile. The test plays the sender.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "unit/fake_host.h"
#include "unit/scratch.h"

enum { MEMORY = 16 << 20, LARGE = 200000, PIECE = 4096, ITEMS_MAX = 4, DEADLINE_S = 120 };

extern const struct exporter_type exporter_file;

/* The sender's part. */

struct send {
	struct exporter *exporter;
	struct batch *batch;
	bool settled[ITEMS_MAX];
	bool under_way;
	enum outcome rest;
	char reason[128];
	unsigned tries;
	void *context;
};

bool send_wants(const struct send *s, size_t i)
{
	return !s->settled[i];
}

void send_item(struct send *s, size_t i, enum outcome outcome, const char *reason)
{
	(void)reason;
	assert_true(s->under_way && !s->settled[i]);
	assert_int_equal(outcome, DELIVERED);
	s->settled[i] = true;
}

void send_done(struct send *s, enum outcome rest, const char *reason)
{
	assert_true(s->under_way);
	s->under_way = false;
	s->rest = rest;
	snprintf(s->reason, sizeof s->reason, "%s", reason ? reason : "");
	s->context = NULL;
}

void send_context_set(struct send *s, void *context)
{
	s->context = context;
}

void *send_context(const struct send *s)
{
	return s->context;
}

/* The world. */

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct host host;
	struct exporter *exporter, *other; /* both write to the FIFO */
	int reader;
	struct buffer got, expected;
	char *large;
};

static struct exporter *exporter_of(struct fixture *f, const char *path)
{
	const struct {
		const char *path;
	} config = { path };
	struct exporter *e = NULL;

	assert_int_equal(exporter_file.create(&config, &f->host, &e), 0);
	return e;
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char path[128];

	scratch_init(&f->scratch, "file");
	snprintf(path, sizeof path, "%s/fifo", f->scratch.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	f->reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(f->reader >= 0);
	assert_int_equal(loop_new(&clock_system, &f->loop), 0);
	fake_host_init(&f->host, f->loop, NULL, MEMORY);
	f->exporter = exporter_of(f, path);
	f->other = exporter_of(f, path);
	buffer_init(&f->got, 16 << 20);
	buffer_init(&f->expected, 16 << 20);
	f->large = malloc(LARGE + 1);
	memset(f->large, 'x', LARGE);
	f->large[LARGE] = '\0';
	*state = f;
	return 0;
}

static void destroy_exporters(struct fixture *f)
{
	exporter_file.destroy(f->exporter);
	exporter_file.destroy(f->other);
	f->exporter = f->other = NULL;
}

static int end(void **state)
{
	struct fixture *f = *state;

	destroy_exporters(f);
	fake_host_done(&f->host);
	loop_free(f->loop);
	if (f->reader >= 0)
		close(f->reader);
	scratch_done(&f->scratch);
	buffer_done(&f->got);
	buffer_done(&f->expected);
	free(f->large);
	free(f);
	return 0;
}

static struct send send_of(struct fixture *f, struct exporter *e, size_t count, const char *const *lines)
{
	struct send s = { .exporter = e, .batch = batch_new(&f->host.budget, SIGNAL_LOGS) };

	assert_non_null(s.batch);
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(lines[i]);
		char *data = batch_block(s.batch, size);
		assert_non_null(data);
		memcpy(data, lines[i], size);
		assert_int_equal(batch_add(s.batch, &(struct batch_item){ data, (uint32_t)size, 1, 1, i }), 0);
	}
	return s;
}

static void expect_line(struct fixture *f, const char *line)
{
	assert_int_equal(buffer_printf(&f->expected, "%s\n", line), 0);
}

static void go(struct send *s)
{
	s->under_way = true;
	s->tries++;
	exporter_file.send(s->exporter, s->batch, s);
}

/* What comes is what was expected, from the first byte on. */
static void read_piece(struct fixture *f)
{
	char piece[PIECE];
	ssize_t got = read(f->reader, piece, sizeof piece);

	if (got <= 0)
		return;
	assert_true(f->got.size + (size_t)got <= f->expected.size);
	assert_memory_equal(piece, f->expected.data + f->got.size, (size_t)got);
	assert_int_equal(buffer_append(&f->got, piece, (size_t)got), 0);
}

static bool is_all_read(const struct fixture *f)
{
	return f->got.size == f->expected.size;
}

static struct mono_time deadline(void)
{
	return mono_after(clock_system.mono(&clock_system), DURATION_S(DEADLINE_S));
}

static void turn(struct fixture *f, struct mono_time until)
{
	assert_true(clock_system.mono(&clock_system).ns < until.ns);
	loop_turn(f->loop, DURATION_MS(20));
}

/* Reads meanwhile, and tries again as the sender does. */
static void deliver(struct fixture *f, struct send *s)
{
	struct mono_time until = deadline();

	while (s->under_way || s->rest == RETRY) {
		if (!s->under_way)
			go(s);
		turn(f, until);
		read_piece(f);
	}
	assert_int_equal(s->rest, DELIVERED);
}

static void read_the_rest(struct fixture *f)
{
	struct mono_time until = deadline();

	while (!is_all_read(f)) {
		turn(f, until);
		read_piece(f);
	}
}

static void until_a_part_is_out(struct fixture *f)
{
	struct mono_time until = deadline();
	int size = 0;

	while (size < PIECE) {
		turn(f, until);
		assert_int_equal(ioctl(f->reader, FIONREAD, &size), 0);
	}
}

struct commit {
	struct job job;
	bool back;
};

static void commit_work(struct job *job)
{
	(void)job;
}

static void commit_done(struct job *job)
{
	CONTAINER_OF(job, struct commit, job)->back = true;
}

static void commit(struct fixture *f)
{
	struct commit c = { .job = { .work = commit_work, .done = commit_done } };
	struct mono_time until = deadline();

	assert_int_equal(lane_run(f->host.disk, &c.job), 0);
	while (!c.back)
		turn(f, until);
}

/* The cases. */

/* The reader reads on only after a commit has been made. */
static void commits_are_made_within_a_line(void **state)
{
	struct fixture *f = *state;
	const char *const lines[] = { f->large, "last" };
	struct send s = send_of(f, f->exporter, COUNT_OF(lines), lines);
	struct mono_time until = deadline();

	expect_line(f, f->large);
	expect_line(f, "last");
	go(&s);
	while (s.under_way || s.rest == RETRY) {
		if (!s.under_way)
			go(&s);
		turn(f, until);
		commit(f);
		read_piece(f);
	}
	assert_int_equal(s.rest, DELIVERED);
	read_the_rest(f);
	batch_unref(s.batch);
}

static void a_line_that_was_begun_is_ended_before_the_next(void **state)
{
	struct fixture *f = *state;
	const char *const lines[] = { "first", f->large, "third" }, *const others[] = { "other" };
	struct send cancelled = send_of(f, f->exporter, COUNT_OF(lines), lines);
	struct send second = send_of(f, f->exporter, COUNT_OF(others), others);
	struct send third = send_of(f, f->other, COUNT_OF(others), others);

	expect_line(f, "first");
	expect_line(f, f->large);
	expect_line(f, "other");
	expect_line(f, "other");
	expect_line(f, "third");
	go(&cancelled);
	until_a_part_is_out(f);
	go(&second);
	go(&third);
	exporter_file.cancel(f->exporter, &cancelled);
	assert_false(cancelled.under_way);
	deliver(f, &second);
	deliver(f, &third);
	assert_int_equal(second.tries + third.tries, 2);
	deliver(f, &cancelled); /* what is out of it does not come again */
	read_the_rest(f);
	batch_unref(cancelled.batch);
	batch_unref(second.batch);
	batch_unref(third.batch);
}

/* Standard output is shared like that. */
static void two_exporters_take_turns(void **state)
{
	struct fixture *f = *state;
	const char *const lines[] = { f->large }, *const others[] = { "other" };
	struct send a = send_of(f, f->exporter, COUNT_OF(lines), lines);
	struct send b = send_of(f, f->other, COUNT_OF(others), others);

	expect_line(f, f->large);
	expect_line(f, "other");
	go(&a);
	until_a_part_is_out(f);
	go(&b);
	deliver(f, &a);
	deliver(f, &b);
	read_the_rest(f);
	batch_unref(a.batch);
	batch_unref(b.batch);
}

static void whom_nobody_reads_is_told(void **state)
{
	struct fixture *f = *state;
	const char *const lines[] = { f->large };
	struct send s = send_of(f, f->exporter, COUNT_OF(lines), lines);
	struct mono_time until = deadline();

	go(&s);
	while (s.under_way)
		turn(f, until);
	assert_int_equal(s.rest, RETRY);
	assert_string_equal(s.reason, "nobody reads what was written");
	expect_line(f, f->large);
	deliver(f, &s);
	read_the_rest(f);
	batch_unref(s.batch);
}

static void a_reader_that_goes_ends_the_send(void **state)
{
	struct fixture *f = *state;
	const char *const lines[] = { f->large };
	struct send s = send_of(f, f->exporter, COUNT_OF(lines), lines);
	struct mono_time until = deadline();

	go(&s);
	until_a_part_is_out(f);
	close(f->reader);
	f->reader = -1;
	while (s.under_way)
		turn(f, until);
	assert_int_equal(s.rest, REJECTED);
	assert_string_equal(s.reason, strerror(EPIPE));
	batch_unref(s.batch);
}

static void a_line_that_is_cut_at_the_end_is_told(void **state)
{
	struct fixture *f = *state;
	const char *const lines[] = { f->large };
	struct send s = send_of(f, f->exporter, COUNT_OF(lines), lines);

	go(&s);
	until_a_part_is_out(f);
	exporter_file.cancel(f->exporter, &s);
	assert_int_equal(s.rest, RETRY);
	commit(f); /* the lane is empty behind it */
	destroy_exporters(f);
	assert_int_equal(f->host.warnings, 1);
	assert_non_null(strstr(f->host.last_log, "the last line is cut after"));
	batch_unref(s.batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commits_are_made_within_a_line, begin, end),
		cmocka_unit_test_setup_teardown(a_line_that_was_begun_is_ended_before_the_next, begin, end),
		cmocka_unit_test_setup_teardown(two_exporters_take_turns, begin, end),
		cmocka_unit_test_setup_teardown(whom_nobody_reads_is_told, begin, end),
		cmocka_unit_test_setup_teardown(a_reader_that_goes_ends_the_send, begin, end),
		cmocka_unit_test_setup_teardown(a_line_that_is_cut_at_the_end_is_told, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
