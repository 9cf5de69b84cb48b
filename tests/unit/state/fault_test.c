/*
 * SIGKILL in the middle of commits, a full disk, disks that fail: a position is always one that was committed, and goes
 * on being saved where the spool no longer can.
 *
 * Disks fail through the system calls of SQLite's file layer, which it lets tests replace.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "folder.h"

/* Opening frees the blocks of the WAL's index and takes them again at once, by a byte written to each page. */
enum { KILLS = 30, WAL_INDEX = 32768 };

/* The disk as the test wants it: mutable, since SQLite's calls carry no context of ours. */
static struct {
	bool full; /* no file gets longer, unless the blocks were allocated */
	long fail_at; /* the so manieth write fails; 0 for none */
	int fail_with; /* 0: EIO */
	long writes;
} disk_state;

static ssize_t write_blocks(int fd, const void *data, size_t size, off_t at)
{
	struct stat info;

	disk_state.writes++;
	if (disk_state.writes == disk_state.fail_at) {
		errno = disk_state.fail_with ? disk_state.fail_with : EIO;
		return -1;
	}
	assert_int_equal(fstat(fd, &info), 0);
	if (size == 1 && at < WAL_INDEX)
		return pwrite(fd, data, size, at);
	if (disk_state.full && (uint64_t)at + size > (uint64_t)info.st_blocks * 512) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, data, size, at);
}

/* In the place of libc's, for what state allocates itself. */
int fallocate(int fd, int mode, off_t at, off_t size)
{
	struct stat info;

	assert_int_equal(fstat(fd, &info), 0);
	if (disk_state.full && at + size > info.st_blocks * 512) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, at, size);
}

int posix_fallocate(int fd, off_t at, off_t size)
{
	return fallocate(fd, 0, at, size) < 0 ? errno : 0;
}

int fstatvfs(int fd, struct statvfs *to)
{
	char path[64];
	int failed;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	failed = statvfs(path, to);
	if (disk_state.full)
		to->f_bavail = 0;
	return failed;
}

static int disk_setup(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	memset(&disk_state, 0, sizeof disk_state);
	assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_blocks), SQLITE_OK);
	assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_blocks), SQLITE_OK);
	return folder_setup(state);
}

static int disk_teardown(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xSetSystemCall(vfs, NULL, NULL);
	return folder_teardown(state);
}

static int save(struct folder *f, uint64_t generation, uint64_t offset)
{
	struct state_change *c = state_change_new();

	state_change_position(c, "tail", &(struct position){ .generation = generation, .offset = offset });
	state_change_ledger(c, "logs tail es", &(struct ledger_terms){ .term = { { offset, offset } } });
	return folder_commit(f, c);
}

struct offsets {
	uint64_t offset[4];
};

static void see(void *context, const struct position *p)
{
	((struct offsets *)context)->offset[p->generation % 4] = p->offset;
}

static struct offsets load(struct folder *f)
{
	struct offsets o = { { 0 } };

	assert_int_equal(state_positions_load(f->state, "tail", see, &o), 0);
	return o;
}

/* In a child: commits until killed, and says what was committed. Both positions move together. */
static void commit_until_killed(struct folder *f, int told)
{
	char letter = 'x';
	struct iovec x = { &letter, 1 };
	uint64_t offset;

	if (folder_start(f) != 0)
		_exit(1);
	offset = load(f).offset[1];
	for (;;) {
		struct state_change *c = state_change_new();
		uint64_t generation = state_generation_next(f->state);
		offset++;
		state_slot(f->state, "traces otlp jaeger")->term[0].records = offset;
		state_change_position(c, "tail", &(struct position){ .generation = 1, .offset = offset });
		state_change_position(c, "tail", &(struct position){ .generation = 2, .offset = offset });
		state_change_ledger(c, "logs tail es", &(struct ledger_terms){ .term = { { offset, generation } } });
		state_change_spool(c, "k", &(struct state_payload){ .amount = { 1, 1 }, .pieces = &x, .count = 1 });
		if (folder_commit(f, c) != 0 || write(told, &offset, sizeof offset) != sizeof offset)
			_exit(1);
	}
}

/* The last number told, after at least `wanted` of them; then the child is no more. */
static uint64_t kill_after(pid_t child, int told, int wanted)
{
	uint64_t number = 0, next;

	for (int i = 0; i < wanted; i++) {
		assert_int_equal(read(told, &next, sizeof next), sizeof next);
		number = next;
	}
	kill(child, SIGKILL);
	while (read(told, &next, sizeof next) == sizeof next)
		number = next;
	waitpid(child, NULL, 0);
	return number;
}

static void test_kill_in_the_middle_of_commits(void **state)
{
	struct folder *f = *state;
	uint64_t last = 0, last_generation = 0;

	for (int i = 0; i < KILLS; i++) {
		struct ledger_terms terms;
		struct offsets o;
		uint64_t told, mapped;
		int pipes[2];
		pid_t child;

		folder_stop(f);
		assert_int_equal(pipe(pipes), 0);
		child = fork();
		if (child == 0) {
			close(pipes[0]);
			commit_until_killed(f, pipes[1]);
		}
		close(pipes[1]);
		told = kill_after(child, pipes[0], 1 + i * 7 % 40);
		close(pipes[0]);
		assert_int_equal(folder_start(f), 0);
		o = load(f);
		assert_true(o.offset[1] == told || o.offset[1] == told + 1);
		assert_true(o.offset[1] == o.offset[2] && o.offset[1] > last);
		assert_true(state_ledger_load(f->state, "logs tail es", &terms));
		assert_true(terms.term[0].records == o.offset[1] && terms.term[0].bytes > last_generation);
		assert_true(state_generation_next(f->state) > terms.term[0].bytes);
		mapped = state_slot(f->state, "traces otlp jaeger")->term[0].records;
		assert_true(mapped == o.offset[1] || mapped == o.offset[1] + 1);
		assert_int_equal(folder_spool_bytes(f, "k"), o.offset[1]);
		assert_int_equal(state_set_aside(f->state), 0);
		last = o.offset[1];
		last_generation = terms.term[0].bytes;
	}
}

static int spool_block(struct folder *f, size_t size)
{
	struct iovec block = { oxp_new(size), size };
	struct state_change *c = state_change_new();
	int failed;

	state_change_spool(c, "k", &(struct state_payload){ .amount = { 1, size }, .pieces = &block, .count = 1 });
	failed = folder_commit(f, c);
	free(block.iov_base);
	return failed;
}

static void assert_positions_go_on(struct folder *f, uint64_t rounds)
{
	for (uint64_t i = 1; i <= rounds; i++)
		assert_int_equal(save(f, i % 3, i), 0);
	assert_true(load(f).offset[rounds % 3] == rounds);
}

static void test_positions_go_on_when_the_disk_is_full(void **state)
{
	struct folder *f = *state;
	int failed = 0;

	assert_int_equal(save(f, 1, 1), 0);
	disk_state.full = true;
	for (int i = 0; i < 50 && !failed; i++)
		failed = spool_block(f, 1 << 20);
	assert_true(failed == -ENOSPC || failed == -EIO);
	assert_positions_go_on(f, 1000); /* many times through the WAL */
	folder_restart(f);
	assert_true(load(f).offset[1000 % 3] == 1000);
	assert_positions_go_on(f, 2000);
	disk_state.full = false;
	assert_int_equal(spool_block(f, 1 << 20), 0);
}

static off_t size_of_database(const struct folder *f)
{
	char path[128];
	struct stat info;

	folder_file(f, "state.db", path);
	assert_int_equal(stat(path, &info), 0);
	return info.st_size;
}

/* It cuts the file at its end. New files then need pages that nobody has blocks for, unless they are taken again. */
static void test_a_checkpoint_gives_no_blocks_away(void **state)
{
	struct folder *f = *state;
	off_t before = size_of_database(f);

	while (size_of_database(f) == before)
		assert_int_equal(spool_block(f, 64 << 10), 0);
	disk_state.full = true;
	for (uint64_t file = 1; file < 1000; file++)
		assert_int_equal(save(f, file, file), 0);
	folder_restart(f);
	assert_int_equal(save(f, 1000, 1), 0);
}

/* Positions need no new block: that they are saved is no sign of room. That there is some is found by them, too. */
static void assert_in_trouble_while_full(struct folder *f, size_t block)
{
	int failed = 0;

	disk_state.full = true;
	for (int i = 0; i < 50 && !failed; i++)
		failed = spool_block(f, block);
	assert_int_equal(state_trouble(f->state), failed);
	for (uint64_t i = 1; i < 20; i++) {
		assert_int_equal(save(f, 1, i), 0);
		assert_int_equal(state_trouble(f->state), -ENOSPC);
	}
	disk_state.full = false;
	assert_int_equal(save(f, 1, 20), 0);
	assert_int_equal(save(f, 1, 21), 0);
	assert_int_equal(state_trouble(f->state), 0);
	assert_int_equal(spool_block(f, block), 0);
}

static void test_trouble_stays_until_there_is_room(void **state)
{
	assert_in_trouble_while_full(*state, 1 << 20);
}

static void test_a_ledger_that_was_cut_and_has_no_room_is_trouble(void **state)
{
	struct folder *f = *state;
	char name[128];

	state_slot(f->state, "traces otlp jaeger")->term[LEDGER_RECEIVED].records = 42;
	folder_file(f, "ledger", name);
	assert_int_equal(save(f, 1, 1), 0);
	assert_int_equal(truncate(name, 0), 0);
	disk_state.full = true;
	assert_int_equal(save(f, 1, 2), 0);
	assert_int_equal(state_trouble(f->state), -ENOSPC);
	disk_state.full = false;
	assert_int_equal(save(f, 1, 3), 0);
	assert_int_equal(state_trouble(f->state), 0);
	folder_restart(f);
	assert_int_equal(state_slot(f->state, "traces otlp jaeger")->term[LEDGER_RECEIVED].records, 42);
}

/* In a database with free pages enough it is the WAL that has none. */
static void test_trouble_stays_until_the_wal_has_room(void **state)
{
	enum { BLOCKS = 10 }; /* MiB: more than the WAL may have from before */
	struct folder *f = *state;

	for (int i = 0; i < BLOCKS; i++)
		assert_int_equal(spool_block(f, 1 << 20), 0);
	for (uint64_t id = 1; id <= BLOCKS; id++) {
		f->asked++;
		state_spool_drop(f->state, &id, 1, folder_answer, f);
		assert_int_equal(folder_wait(f), 0);
	}
	folder_restart(f); /* so that the WAL is cut to what is kept of one */
	assert_in_trouble_while_full(f, BLOCKS << 20);
}

/* What shares a transaction with a spool that finds no room is saved all the same. */
static void test_a_failing_neighbour_takes_nothing_along(void **state)
{
	struct folder *f = *state;
	struct iovec block = { oxp_new(8 << 20), 8 << 20 };
	size_t before = f->answered;

	disk_state.full = true;
	for (int i = 0; i < 6; i++) {
		struct state_change *c = state_change_new();
		if (i % 2)
			state_change_spool(
				c, "k", &(struct state_payload){ .amount = { 1, 1 }, .pieces = &block, .count = 1 });
		else
			state_change_position(c, "tail", &(struct position){ .generation = 1, .offset = (uint64_t)i });
		folder_ask(f, &c);
	}
	folder_wait(f);
	for (size_t i = 0; i < 6; i++)
		assert_true((f->answers[before + i] == 0) == (i % 2 == 0));
	assert_int_equal(load(f).offset[1], 4);
	assert_int_equal(folder_spool_bytes(f, "k"), 0);
	free(block.iov_base);
}

/* Whichever write fails: the commit says so, or it is there; and the next one works. */
static void test_any_write_may_fail(void **state)
{
	struct folder *f = *state;
	uint64_t expected = 0, offset = 0;
	int failures = 0;

	for (long at = 1; at < 60; at++) {
		int failed;
		disk_state.writes = 0;
		disk_state.fail_at = at % 12 + 1;
		failed = save(f, 1, ++offset);
		disk_state.fail_at = 0;
		failures += failed != 0;
		expected = failed ? expected : offset;
		if (at % 7 == 0)
			folder_restart(f);
		assert_true(load(f).offset[1] == expected);
		assert_int_equal(save(f, 1, ++offset), 0);
		expected = offset;
	}
	assert_true(failures > 5);
}

static void test_opening_on_a_failing_disk(void **state)
{
	struct folder *f = *state;
	int refused = 0;

	assert_int_equal(save(f, 1, 77), 0);
	for (long at = 1; at < 20; at++) {
		folder_stop(f);
		disk_state.writes = 0;
		disk_state.fail_at = at;
		refused += folder_start(f) != 0;
		disk_state.fail_at = 0;
		folder_stop(f);
		assert_int_equal(folder_start(f), 0);
		assert_int_equal(state_set_aside(f->state), 0);
		assert_int_equal(load(f).offset[1], 77);
	}
	assert_true(refused > 0);
}

/* A quota, a limit on the size of files, a volume that became read-only: that is what people can mend. */
static void a_failed_write_is_told_as_the_system_told_it(void **state)
{
	static const int causes[] = { EFBIG, EDQUOT, EROFS, EACCES, EIO };
	struct folder *f = *state;

	assert_int_equal(save(f, 1, 1), 0);
	for (size_t i = 0; i < COUNT_OF(causes); i++) {
		disk_state.fail_with = causes[i];
		disk_state.fail_at = disk_state.writes + 1;
		assert_int_equal(save(f, 1, 2), -causes[i]);
		assert_int_equal(save(f, 1, 3), 0);
	}
}

static bool count_row(void *context, uint64_t id, const struct ledger_amount *amount, struct bytes payload)
{
	(void)id, (void)amount, (void)payload;
	++*(unsigned *)context;
	return true;
}

static unsigned rows_of(struct folder *f, const char *key)
{
	unsigned rows = 0;
	uint64_t damaged;

	assert_int_equal(state_spool_load(f->state, key, count_row, &rows, &damaged), 0);
	assert_int_equal(damaged, 0);
	return rows;
}

static void spool_rows(struct state_change *c, const char *key, unsigned count, uint64_t *ids)
{
	static char data[8 << 10];
	static struct iovec piece = { data, sizeof data };

	for (unsigned i = 0; i < count; i++)
		state_change_spool(c, key,
			&(struct state_payload){
				.amount = { 1, 1 }, .pieces = &piece, .count = 1, .ret_id = ids ? &ids[i] : NULL });
}

/* A change that is larger than SQLite's cache writes before it is committed, and SQLite may roll it back then. */
static void test_a_change_that_fails_deletes_no_row(void **state)
{
	enum { ROWS = 100 };
	struct folder *f = *state;
	struct state_change *c = state_change_new();
	uint64_t ids[ROWS];
	int failed = -EIO;

	spool_rows(c, "old", ROWS, ids);
	assert_int_equal(folder_commit(f, c), 0);
	for (long n = 1; failed; n += 31) {
		c = state_change_new();
		for (unsigned i = 0; i < ROWS; i++) {
			spool_rows(c, "new", 1, NULL);
			state_change_unspool(c, ids[i]);
		}
		disk_state.writes = 0;
		disk_state.fail_at = n;
		failed = folder_commit(f, c);
		disk_state.fail_at = 0;
		assert_int_equal(rows_of(f, "old"), failed ? ROWS : 0);
		assert_int_equal(rows_of(f, "new"), failed ? 0 : ROWS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill_in_the_middle_of_commits, folder_setup, folder_teardown),
#define TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)
		TEST(test_positions_go_on_when_the_disk_is_full),
		TEST(test_a_checkpoint_gives_no_blocks_away),
		TEST(test_trouble_stays_until_there_is_room),
		TEST(test_a_ledger_that_was_cut_and_has_no_room_is_trouble),
		TEST(test_trouble_stays_until_the_wal_has_room),
		TEST(test_a_failing_neighbour_takes_nothing_along),
		TEST(test_any_write_may_fail),
		TEST(test_a_change_that_fails_deletes_no_row),
		TEST(test_opening_on_a_failing_disk),
		TEST(a_failed_write_is_told_as_the_system_told_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
