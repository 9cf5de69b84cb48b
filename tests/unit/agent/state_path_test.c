/*
 * Where state is by default, in file systems as machines and containers have them. The tests may run as root, to whom
 * every folder is open: what cannot be written to is below a plain file.
 */
#include "unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state_path.h"

struct fixture {
	char root[64];
	struct config_arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);
	char path[128];
	FILE *file;

	snprintf(f->root, sizeof f->root, "/tmp/oxp-state-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(path, sizeof path, "%s/file", f->root);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	f->arena = config_arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	scratch_remove(f->root);
	config_arena_free(f->arena);
	free(f);
	return 0;
}

static void make(const struct fixture *f, const char *path)
{
	char whole[128];

	snprintf(whole, sizeof whole, "%s%s", f->root, path);
	assert_int_equal(mkdir(whole, 0700), 0);
}

/* `expected` stands behind the root where it begins with a slash. */
static void assert_path(const struct fixture *f, struct state_path_world w, const char *expected, bool temporary)
{
	const char *path;
	bool found;

	w.root = f->root;
	path = state_path_default(f->arena, &w, &found);
	if (*expected == '/') {
		assert_memory_equal(path, f->root, strlen(f->root));
		path += strlen(f->root);
	}
	assert_string_equal(path, expected);
	assert_int_equal(found, temporary);
}

static const char *below(const struct fixture *f, const char *path)
{
	return config_printf(f->arena, "%s%s", f->root, path);
}

static void test_what_is_said_is_taken(void **state)
{
	struct fixture *f = *state;

	assert_path(f, (struct state_path_world){ .state_directory = "x/a:x/b", .xdg_state_home = "y" }, "x/a", false);
	assert_path(f, (struct state_path_world){ .state_directory = "", .xdg_state_home = "y" }, "y/oxpecker", false);
}

static void test_on_a_machine(void **state)
{
	struct fixture *f = *state;
	struct state_path_world w = { .home = below(f, "/users/me"), .tmpdir = below(f, "/tmp") };

	assert_path(f, w, "/users/me/.local/state/oxpecker", false);
	make(f, "/var");
	make(f, "/var/lib");
	assert_path(f, w, "/users/me/.local/state/oxpecker", false);
	make(f, "/var/lib/oxpecker");
	assert_path(f, w, "/var/lib/oxpecker", false);
}

/* Nobody's word, no home, and /tmp is everybody's on a machine. */
static void test_without_any_folder(void **state)
{
	struct fixture *f = *state;

	make(f, "/tmp");
	assert_path(f, (struct state_path_world){ .home = NULL }, "/var/lib/oxpecker", false);
	assert_path(f, (struct state_path_world){ .home = below(f, "/file/home") }, "/var/lib/oxpecker", false);
}

static void test_a_user_without_a_home_in_a_container(void **state)
{
	struct fixture *f = *state;
	struct state_path_world w = { .home = below(f, "/file"), .in_container = true };

	assert_path(f, (struct state_path_world){ .tmpdir = below(f, "/file"), .in_container = true },
		"/var/lib/oxpecker", false);
	make(f, "/tmp");
	assert_path(f, w, "/tmp/oxpecker", true);
	make(f, "/volume");
	w.tmpdir = below(f, "/volume");
	assert_path(f, w, "/volume/oxpecker", true);
	make(f, "/var");
	make(f, "/var/lib");
	make(f, "/var/lib/oxpecker");
	assert_path(f, w, "/var/lib/oxpecker", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_what_is_said_is_taken),
		TEST(test_on_a_machine),
		TEST(test_without_any_folder),
		TEST(test_a_user_without_a_home_in_a_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
