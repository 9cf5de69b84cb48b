/*
 * Files of an open state that are removed, renamed or replaced: it is noticed, nothing is promised that the next start
 * would not find, and it ends when the name is back.
 */
#include <fcntl.h>

#include "folder.h"

static int spool_one(struct folder *f)
{
	char letter = 'x';
	struct iovec x = { &letter, 1 };
	struct state_change *c = state_change_new();

	state_change_spool(c, "k", &(struct state_payload){ .amount = { 1, 1 }, .pieces = &x, .count = 1 });
	return folder_commit(f, c);
}

static int save_position(struct folder *f)
{
	struct state_change *c = state_change_new();

	state_change_position(c, "tail", &(struct position){ .generation = 1, .path = "" });
	return folder_commit(f, c);
}

static void look_until(struct folder *f, const char *missing)
{
	struct mono_time begun = clock_system.mono(&clock_system);

	while (strcmp(state_missing(f->state), missing) != 0) {
		state_look(f->state);
		loop_turn(f->loop, DURATION_MS(100));
		assert_true(mono_since(clock_system.mono(&clock_system), begun).ns < DURATION_S(PATIENCE_S).ns);
	}
}

static void check_missing(struct folder *f, const char *missing)
{
	assert_int_equal(spool_one(f), -ESTALE);
	assert_string_equal(state_missing(f->state), missing);
	assert_int_equal(save_position(f), 0);
	assert_int_equal(state_trouble(f->state), 0);
}

static void test_a_file_without_its_name_promises_nothing(void **state)
{
	static const char *const names[] = { "state.db", "state.db-wal", "ledger", "lock" };
	struct folder *f = *state;
	char name[128], aside[140];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		folder_file(f, names[i], name);
		snprintf(aside, sizeof aside, "%s.aside", name);
		assert_int_equal(spool_one(f), 0);
		assert_int_equal(rename(name, aside), 0);
		check_missing(f, names[i]);
		assert_int_equal(rename(aside, name), 0);
		assert_int_equal(spool_one(f), 0);
		assert_string_equal(state_missing(f->state), "");
	}
	assert_int_equal(folder_spool_bytes(f, "k"), 8);
	folder_restart(f);
	assert_int_equal(folder_spool_bytes(f, "k"), 8);
}

static void test_another_file_of_the_name_is_not_it(void **state)
{
	struct folder *f = *state;
	char name[128], aside[140];
	int fd;

	folder_file(f, "state.db", name);
	snprintf(aside, sizeof aside, "%s.aside", name);
	assert_int_equal(rename(name, aside), 0);
	fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
	check_missing(f, "state.db");
	assert_int_equal(rename(aside, name), 0);
	assert_int_equal(spool_one(f), 0);
}

/* Nothing is committed meanwhile. */
static void test_a_folder_that_was_renamed_is_noticed_at_rest(void **state)
{
	struct folder *f = *state;
	char aside[80];

	snprintf(aside, sizeof aside, "%s.aside", f->path);
	assert_int_equal(rename(f->path, aside), 0);
	look_until(f, "the folder");
	assert_int_equal(spool_one(f), -ESTALE);
	assert_int_equal(rename(aside, f->path), 0);
	look_until(f, "");
	assert_int_equal(spool_one(f), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_file_without_its_name_promises_nothing),
		TEST(test_another_file_of_the_name_is_not_it),
		TEST(test_a_folder_that_was_renamed_is_noticed_at_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
