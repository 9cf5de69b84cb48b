/*
 * The names that a glob matches are those of glob(3), in a real folder; and links do not make more of them than there
 * are files, times TAIL_WAYS_MAX.
 */
#include "unit/scratch.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "collectors/tail/names.h"

enum { FOUND_MAX = 4000 };

struct bench {
	char folder[40];
	char *found[FOUND_MAX];
	bool may_be_link[FOUND_MAX];
	size_t count;
};

static int begin(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	snprintf(b->folder, sizeof b->folder, "/tmp/oxp-names-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	assert_int_equal(chdir(b->folder), 0);
	*state = b;
	return 0;
}

static void forget(struct bench *b)
{
	while (b->count > 0)
		free(b->found[--b->count]);
}

static int end(void **state)
{
	struct bench *b = *state;

	forget(b);
	assert_int_equal(chdir("/"), 0);
	scratch_remove(b->folder);
	free(b);
	return 0;
}

static void make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static void make_folder(const char *name)
{
	assert_int_equal(mkdir(name, 0755), 0);
}

static void make_link(const char *to, const char *name)
{
	assert_int_equal(symlink(to, name), 0);
}

static void add(void *context, const char *path, bool may_be_link)
{
	struct bench *b = context;

	assert_true(b->count < FOUND_MAX);
	b->may_be_link[b->count] = may_be_link;
	b->found[b->count++] = oxp_strdup(path);
}

static void find(struct bench *b, const char *glob, bool folders)
{
	const struct tail_names names = { .folders = folders, .visit = add, .context = b };

	forget(b);
	tail_names_visit(&names, glob);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* To glob(3) GLOB_ONLYDIR is a hint. */
static size_t keep_folders(glob_t *g)
{
	struct stat info;
	size_t kept = 0;

	for (size_t i = 0; i < g->gl_pathc; i++) {
		char *name = g->gl_pathv[i];
		bool keep = stat(name, &info) == 0 && S_ISDIR(info.st_mode);
		g->gl_pathv[i] = g->gl_pathv[kept]; /* each is freed once */
		g->gl_pathv[kept] = name;
		kept += keep;
	}
	return kept;
}

static void assert_as_glob(struct bench *b, const char *pattern, bool folders)
{
	glob_t g;
	size_t count = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0;

	if (count && folders)
		count = keep_folders(&g);
	find(b, pattern, folders);
	if (count != b->count)
		fail_msg("%s: %zu names in place of %zu", pattern, b->count, count);
	if (count) {
		qsort(b->found, count, sizeof *b->found, by_text);
		qsort(g.gl_pathv, count, sizeof *g.gl_pathv, by_text);
	}
	for (size_t i = 0; i < count; i++)
		assert_string_equal(b->found[i], g.gl_pathv[i]);
	globfree(&g);
}

static void test_the_names_are_those_of_glob(void **state)
{
	static const char *const globs[] = { "*", "*.log", "a.log", "none", "a?log", "[ab].log", "[!a]*", "*/*.log",
		"*/*/*", "sub/*.log", "sub/./a.log", "s*b/../*.log", "link/*.log", "li*/*", "dangling", "dangl*",
		"a.log/*", "\\a.log", "star\\*", "star\\**", "st[a]r*", ".*.log", "sub//*.log", "[", "[a", "*[",
		"new\nline*", "..data/*", "fifo*" };
	struct bench *b = *state;
	char absolute[PATH_MAX];

	make_file("a.log");
	make_file("b.log");
	make_file(".hidden.log");
	make_file("star*");
	make_file("starry");
	make_file("new\nline\x1b[2J");
	make_file("[a");
	make_folder("sub");
	make_file("sub/a.log");
	make_folder("sub/more");
	make_file("sub/more/c.log");
	make_folder("..1");
	make_file("..1/d.log");
	make_link("..1", "..data");
	make_link("sub", "link");
	make_link("nowhere", "dangling");
	assert_int_equal(mkfifo("fifo.log", 0600), 0);
	for (size_t i = 0; i < COUNT_OF(globs); i++) {
		assert_as_glob(b, globs[i], false);
		assert_as_glob(b, globs[i], true);
		snprintf(absolute, sizeof absolute, "%s/%s", b->folder, globs[i]);
		assert_as_glob(b, absolute, false);
	}
	assert_as_glob(b, "/", true);
	assert_as_glob(b, "/tm*", true);
}

static void test_a_name_that_is_too_long_is_none(void **state)
{
	char glob[2 * PATH_MAX];

	memset(glob, 'x', sizeof glob - 1);
	glob[sizeof glob - 1] = '\0';
	find(*state, glob, false);
	memcpy(glob, "/*/", 3);
	find(*state, glob, false);
	assert_int_equal(((struct bench *)*state)->count, 0);
}

static bool has(const struct bench *b, const char *name)
{
	for (size_t i = 0; i < b->count; i++)
		if (strcmp(b->found[i], name) == 0)
			return true;
	return false;
}

static void test_links_do_not_make_names_without_end(void **state)
{
	struct bench *b = *state;
	char name[20];

	make_file("a.log");
	make_folder("other");
	make_file("other/b.log");
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "again%d", i);
		make_link(".", name);
	}
	find(b, "*/*/*/*/*/*/*/*/*.log", false); /* 12^8 of them otherwise */
	assert_in_range(b->count, 1, 2 * TAIL_WAYS_MAX);
	find(b, "*/*/*/*/*/*/*/*", true);
	assert_in_range(b->count, 1, TAIL_WAYS_MAX * (12 + 1));
	find(b, "*/b.log", false);
	assert_int_equal(b->count, 1);
	assert_true(has(b, "other/b.log"));
}

static void test_links_from_folder_to_folder_do_not_either(void **state)
{
	struct bench *b = *state;
	char name[20], to[20];

	for (int depth = 0; depth < 9; depth++) {
		snprintf(name, sizeof name, "d%d", depth);
		make_folder(name);
		for (int i = 0; i < 10 && depth < 8; i++) {
			snprintf(name, sizeof name, "d%d/%d", depth, i);
			snprintf(to, sizeof to, "../d%d", depth + 1);
			make_link(to, name);
		}
	}
	make_file("d8/a.log");
	find(b, "d0/*/*/*/*/*/*/*/*/*.log", false);
	assert_in_range(b->count, 1, TAIL_WAYS_MAX);
}

/* What does not come through a link is never left out, nor are a few other names of a folder. */
static void test_a_thousand_folders_are_all_read(void **state)
{
	struct bench *b = *state;
	char folder[20], name[40];

	for (int i = 0; i < 1000; i++) {
		snprintf(folder, sizeof folder, "pod%d", i);
		make_folder(folder);
		snprintf(name, sizeof name, "%s/a.log", folder);
		make_file(name);
		snprintf(name, sizeof name, "link%d", i);
		make_link(folder, name);
	}
	find(b, "*/a.log", false);
	assert_int_equal(b->count, 2000);
}

/* Of a plain file in a folder that tells, nobody has to ask. */
static void test_a_link_is_told_as_one(void **state)
{
	struct bench *b = *state;

	make_file("plain.log");
	make_link("plain.log", "link.log");
	find(b, "pl*.log", false);
	assert_int_equal(b->count, 1);
	assert_false(b->may_be_link[0]);
	find(b, "li*.log", false);
	assert_int_equal(b->count, 1);
	assert_true(b->may_be_link[0]);
	find(b, "link.log", false);
	assert_int_equal(b->count, 1);
	assert_true(b->may_be_link[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_the_names_are_those_of_glob),
		TEST(test_a_name_that_is_too_long_is_none),
		TEST(test_links_do_not_make_names_without_end),
		TEST(test_links_from_folder_to_folder_do_not_either),
		TEST(test_a_thousand_folders_are_all_read),
		TEST(test_a_link_is_told_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
