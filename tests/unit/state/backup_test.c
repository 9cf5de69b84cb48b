/*
 * Backups: made of a state in use and put back, it is the same state, and no number is used twice. Whatever is damaged
 * or forged is told, and changes nothing. Whenever the process ends, there is no half backup that has the name of one,
 * and the state is the one before or the one behind.
 */
#include "state/backup.h"

#include <fcntl.h>

#include "folder.h"
#include "state/restore.h"
#include "state/verify.h"

enum { PATH_TEXT = 128, WHOLE_MAX = 1 << 20 };

struct world {
	struct folder *f;
	char kept[PATH_TEXT], target[PATH_TEXT]; /* the backup; a folder to restore into */
	int asks; /* of the watch before it ends what is under way; below 0: it never does */
	bool dies; /* with the process */
	char why[BACKUP_WHY];
	struct backup_manifest manifest;
	struct verify_report report;
};

static bool stops(void *context)
{
	struct world *w = context;

	if (w->asks < 0 || w->asks-- > 0)
		return false;
	if (w->dies)
		_exit(0);
	w->asks = 0;
	return true;
}

static int setup(void **state)
{
	struct world *w = oxp_new(sizeof *w);
	void *folder;

	folder_setup(&folder);
	w->f = folder;
	w->asks = -1;
	snprintf(w->kept, sizeof w->kept, "%.60s/kept", w->f->path);
	snprintf(w->target, sizeof w->target, "%.60s/target", w->f->path);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *folder = w->f;

	folder_teardown(&folder);
	free(w);
	return 0;
}

static int make(struct world *w)
{
	struct backup_watch watch = { stops, w };

	return backup_make(&(struct backup_order){ .state = w->f->path,
				   .to = w->kept,
				   .program = "1.2.3",
				   .now = { INT64_C(1800000000000000000) },
				   .watch = &watch },
		&w->manifest, w->why);
}

static int restore_to(struct world *w, const char *to, bool replace)
{
	struct backup_watch watch = { stops, w };

	return restore_run(&(struct restore_order){ .from = w->kept, .state = to, .replace = replace, .watch = &watch },
		&w->manifest, w->why);
}

static int verify(struct world *w, const char *path)
{
	struct backup_watch watch = { stops, w };

	return verify_run(path, &watch, &w->report, w->why);
}

static bool is_there(const char *folder, const char *name)
{
	char path[2 * PATH_TEXT];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static size_t read_all(const char *folder, const char *name, char *to)
{
	char path[2 * PATH_TEXT];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, to, WHOLE_MAX);
	assert_true(n >= 0);
	close(fd);
	return (size_t)n;
}

static void write_all(const char *folder, const char *name, const char *data, size_t size)
{
	char path[2 * PATH_TEXT];
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

/* A position, a row of the spool, a parked record, and files as components save them. */
static void fill(struct world *w)
{
	static const char zeros[4096];
	char letters[] = "payload";
	struct iovec piece = { letters, sizeof letters };
	struct state_change *c = state_change_new();
	struct state_parked parked = { .source = "s",
		.destination = "d",
		.reason = "r",
		.signal = "logs",
		.generation = 1,
		.payload = { "{}", 2 },
		.records = 1 };

	state_change_position(c, "tail", &(struct position){ .generation = 1, .offset = 7, .path = "p" });
	state_change_spool(
		c, "k", &(struct state_payload){ .amount = { 1, sizeof letters }, .pieces = &piece, .count = 1 });
	assert_int_equal(folder_commit(w->f, c), 0);
	assert_int_equal(folder_park(w->f, &parked, 1), 0);
	state_slot(w->f->state, "logs a b")->term[LEDGER_RECEIVED].records = 5;
	state_slots_save(w->f->state);
	write_all(w->f->path, "a.sums", zeros, sizeof zeros);
	write_all(w->f->path, "b.pages", zeros, 0);
}

static void test_a_backup_of_a_running_state_is_that_state(void **state)
{
	struct world *w = *state;
	uint64_t id = state_id(w->f->state), last;
	struct state *again;

	fill(w);
	last = state_generation_next(w->f->state);
	assert_int_equal(make(w), 0);
	assert_int_equal(w->manifest.count, 4);
	assert_int_equal(w->manifest.state, id);
	assert_false(is_there(w->kept, "lock"));
	assert_int_equal(verify(w, w->kept), 0);
	assert_true(w->report.whole && w->report.backup);
	assert_int_equal(w->report.has.positions, 1);
	assert_int_equal(w->report.has.spooled, 1);
	assert_int_equal(w->report.has.spool_bytes, sizeof "payload");
	assert_int_equal(w->report.has.parked, 1);

	assert_int_equal(restore_to(w, w->target, false), 0);
	assert_int_equal(folder_open(w->f, w->target, &again, w->f->why), 0);
	assert_int_equal(state_id(again), id);
	assert_false(state_is_copy(again));
	assert_int_equal(state_loss(again), STATE_NO_LOSS);
	assert_int_equal(state_parked_count(again), 1);
	assert_int_equal(state_slot(again, "logs a b")->term[LEDGER_RECEIVED].records, 5);
	assert_true(state_generation_next(again) > last + RESTORE_LEAP / 2);
	state_close(again);
	assert_false(is_there(w->target, "restore.ready") || is_there(w->target, "restore.partial"));
	assert_true(is_there(w->target, "a.sums") && is_there(w->target, "b.pages"));
	assert_int_equal(verify(w, w->target), 0);
	assert_true(w->report.whole && !w->report.backup);
}

static void test_the_ledger_is_not_ahead_of_the_database(void **state)
{
	struct world *w = *state;
	uint64_t commits = 1 << 30;
	char name[128];
	int fd;

	fill(w);
	folder_file(w->f, "ledger", name);
	fd = open(name, O_RDWR);
	assert_true(fd >= 0);
	/* the last four numbers: id, commits, generation, store */
	assert_int_equal(pwrite(fd, &commits, sizeof commits, lseek(fd, 0, SEEK_END) - 24), sizeof commits);
	assert_int_equal(make(w), -EAGAIN);
	assert_false(is_there(w->f->path, "kept") || is_there(w->f->path, "kept.partial"));
	commits = 0;
	assert_int_equal(pwrite(fd, &commits, sizeof commits, lseek(fd, 0, SEEK_END) - 24), sizeof commits);
	assert_int_equal(make(w), 0);
	close(fd);
}

/* Each file, damaged in three ways, in turn. */
static void check_damaged(struct world *w, const char *name, const char *data, size_t size)
{
	assert_int_equal(verify(w, w->kept), 0);
	if (w->report.whole)
		fail_msg("%s: whole", name);
	if (restore_to(w, w->target, false) == 0)
		fail_msg("%s: restored", name);
	assert_false(is_there(w->target, "state.db") || is_there(w->target, "restore.ready") ||
		     is_there(w->target, "restore.partial"));
	write_all(w->kept, name, data, size);
}

static void damage_each_way(struct world *w, const char *name)
{
	char *data = oxp_new(WHOLE_MAX), *changed = oxp_new(WHOLE_MAX);
	size_t size = read_all(w->kept, name, data);

	for (size_t i = 0; i < 4 && size > 0; i++) {
		memcpy(changed, data, size);
		changed[i * (size - 1) / 3] ^= 1;
		write_all(w->kept, name, changed, size);
		check_damaged(w, name, data, size);
	}
	if (size > 0) {
		write_all(w->kept, name, data, size - 1);
		check_damaged(w, name, data, size);
	}
	write_all(w->kept, name, data, size + 1);
	check_damaged(w, name, data, size);
	free(data);
	free(changed);
}

static void test_damage_of_any_file_is_told_and_changes_nothing(void **state)
{
	static const char *const names[] = { "state.db", "ledger", "a.sums", "b.pages" };
	struct world *w = *state;

	fill(w);
	assert_int_equal(make(w), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		damage_each_way(w, names[i]);
	assert_int_equal(restore_to(w, w->target, false), 0);
}

static void test_what_is_no_file_is_not_followed(void **state)
{
	static const char *const names[] = { "state.db", "ledger", "a.sums" };
	struct world *w = *state;
	char name[2 * PATH_TEXT], aside[2 * PATH_TEXT + 8];

	fill(w);
	assert_int_equal(make(w), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		for (int kind = 0; kind < 3; kind++) {
			snprintf(name, sizeof name, "%s/%s", w->kept, names[i]);
			snprintf(aside, sizeof aside, "%s.aside", name);
			assert_int_equal(rename(name, aside), 0);
			assert_int_equal(kind == 0 ? symlink(aside, name) : kind == 1 ? mkfifo(name, 0600) : 0, 0);
			assert_int_not_equal(restore_to(w, w->target, false), 0);
			assert_false(is_there(w->target, "state.db"));
			assert_int_equal(verify(w, w->kept), 0);
			assert_false(w->report.whole);
			assert_int_equal(rename(aside, name), 0);
		}
	assert_int_equal(restore_to(w, w->target, false), 0);
}

static void test_a_state_that_is_there_is_replaced_only_on_demand(void **state)
{
	struct world *w = *state;
	uint64_t id = state_id(w->f->state);
	struct state *other;

	fill(w);
	assert_int_equal(make(w), 0);
	assert_int_equal(restore_to(w, w->f->path, true), -EBUSY); /* in use */
	assert_int_equal(make(w), -EEXIST);

	assert_int_equal(folder_open(w->f, w->target, &other, w->f->why), 0);
	assert_int_not_equal(state_id(other), id);
	state_close(other);
	write_all(w->target, "other.sums", "x", 1);
	assert_int_equal(restore_to(w, w->target, false), -EEXIST);
	assert_true(is_there(w->target, "other.sums") && !is_there(w->target, "a.sums"));
	assert_int_equal(restore_to(w, w->target, true), 0);
	assert_false(is_there(w->target, "other.sums"));
	assert_int_equal(folder_open(w->f, w->target, &other, w->f->why), 0);
	assert_int_equal(state_id(other), id);
	state_close(other);
}

static void test_a_folder_that_is_none_is_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(verify(w, w->target), -ENOENT);
	assert_int_equal(restore_to(w, w->target, false), -ENOENT);
	assert_int_equal(mkdir(w->target, 0700), 0);
	assert_int_equal(verify(w, w->target), -ENOENT);
	assert_non_null(strstr(w->why, "neither a state nor a backup"));
	assert_int_equal(mkdir(w->kept, 0700), 0);
	assert_int_equal(restore_to(w, w->target, false), -ENOENT);
	assert_non_null(strstr(w->why, "no manifest"));
}

/* Ends. */

static void test_being_stopped_leaves_nothing(void **state)
{
	struct world *w = *state;
	int at = 0;

	fill(w);
	while (w->asks = at, make(w) == -EINTR) {
		assert_false(is_there(w->f->path, "kept") || is_there(w->f->path, "kept.partial"));
		at++;
	}
	assert_true(at > 4); /* it was asked at each file */
	w->asks = at = 0;
	while (w->asks = at, restore_to(w, w->target, false) == -EINTR) {
		assert_false(is_there(w->target, "state.db") || is_there(w->target, "restore.partial"));
		at++;
	}
	assert_true(at > 4);
	w->asks = -1;
	assert_int_equal(verify(w, w->target), 0);
	assert_true(w->report.whole);
}

/* Whether it ended before the watch was asked that often. */
static bool ends_in_child(struct world *w, int asks, bool restores)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		w->asks = asks;
		w->dies = true;
		_exit((restores ? restore_to(w, w->target, true) : make(w)) == 0 ? 1 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

static void test_a_kill_leaves_no_backup_that_looks_whole(void **state)
{
	struct world *w = *state;
	int at = 0;

	fill(w);
	while (!ends_in_child(w, at++, false))
		assert_false(is_there(w->f->path, "kept"));
	assert_true(at > 4);
	assert_false(is_there(w->f->path, "kept.partial"));
	assert_int_equal(verify(w, w->kept), 0);
	assert_true(w->report.whole);
}

static uint64_t id_at(struct world *w, const char *path)
{
	struct state *s;
	uint64_t id;

	assert_int_equal(folder_open(w->f, path, &s, w->f->why), 0);
	id = state_id(s);
	state_close(s);
	return id;
}

static void test_a_kill_while_it_is_restored_leaves_the_state_before(void **state)
{
	struct world *w = *state;
	uint64_t id = state_id(w->f->state), before = id_at(w, w->target);
	int at = 0;

	fill(w);
	assert_int_equal(make(w), 0);
	while (!ends_in_child(w, at++, true))
		assert_int_equal(id_at(w, w->target), before);
	assert_true(at > 4);
	assert_int_equal(id_at(w, w->target), id);
}

/* As a kill leaves it between any two renames. */
static void test_what_was_decided_is_ended_by_the_next_start(void **state)
{
	static const char *const names[] = { "state.db", "ledger", "a.sums", "b.pages" };
	struct world *w = *state;
	char ready[2 * PATH_TEXT], aside[2 * PATH_TEXT], from[3 * PATH_TEXT], to[3 * PATH_TEXT];
	uint64_t id = state_id(w->f->state);

	fill(w);
	assert_int_equal(make(w), 0);
	for (size_t placed = 0; placed <= COUNT_OF(names); placed++) {
		assert_int_equal(restore_to(w, w->target, true), 0);
		snprintf(aside, sizeof aside, "%s.aside", w->target);
		assert_int_equal(rename(w->target, aside), 0);
		(void)id_at(w, w->target); /* another state */
		snprintf(ready, sizeof ready, "%s/restore.ready", w->target);
		assert_int_equal(mkdir(ready, 0700), 0);
		for (size_t i = 0; i < COUNT_OF(names); i++) {
			snprintf(from, sizeof from, "%s/%s", aside, names[i]);
			snprintf(to, sizeof to, "%s/%s", i < placed ? w->target : ready, names[i]);
			assert_int_equal(rename(from, to), 0);
		}
		snprintf(from, sizeof from, "%s/manifest", w->kept);
		snprintf(to, sizeof to, "%s/manifest", ready);
		assert_int_equal(link(from, to), 0);
		assert_int_equal(verify(w, w->target), 0);
		assert_true(w->report.restoring);
		assert_int_equal(id_at(w, w->target), id);
		assert_false(is_there(w->target, "restore.ready"));
		assert_true(is_there(w->target, "a.sums") && is_there(w->target, "b.pages"));
		scratch_remove(w->target);
		scratch_remove(aside);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_backup_of_a_running_state_is_that_state),
		TEST(test_the_ledger_is_not_ahead_of_the_database),
		TEST(test_damage_of_any_file_is_told_and_changes_nothing),
		TEST(test_what_is_no_file_is_not_followed),
		TEST(test_a_state_that_is_there_is_replaced_only_on_demand),
		TEST(test_a_folder_that_is_none_is_told),
		TEST(test_being_stopped_leaves_nothing),
		TEST(test_a_kill_leaves_no_backup_that_looks_whole),
		TEST(test_a_kill_while_it_is_restored_leaves_the_state_before),
		TEST(test_what_was_decided_is_ended_by_the_next_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
