/*
 * What is opened through links and what is not, in folders of all kinds. Some of it takes root, to give a link to
 * somebody else; a container, where more is refused, is what tests/e2e/test_links.py makes.
 */
#include "unit/unit.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "unit/scratch.h"

enum { SOMEBODY = 4711, NAME_ROOM = 200 };

struct bench {
	struct scratch folder;
	char text[8][NAME_ROOM];
	unsigned next;
};

static int setup(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	scratch_init(&b->folder, "path");
	scratch_ours_and_shared(&b->folder);
	assert_int_equal(mkdirat(b->folder.fd, "target", 0700), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	scratch_done(&b->folder);
	free(b);
	return 0;
}

static const char *in(struct bench *b, const char *name)
{
	char *to = b->text[b->next++ % COUNT_OF(b->text)];
	struct scratch folder = b->folder; /* a copy: to GCC 14 all of *b may be what is written to */

	snprintf(to, NAME_ROOM, "%s/%s", folder.path, name);
	return to;
}

static void put(struct bench *b, const char *name, const char *text)
{
	int fd = openat(b->folder.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int mode_of(struct bench *b, const char *name)
{
	struct stat info;

	assert_int_equal(fstatat(b->folder.fd, name, &info, AT_SYMLINK_NOFOLLOW), 0);
	return info.st_mode & 07777;
}

/* Whether that folder can be opened, and where it is then. */
static int folder(struct bench *b, const char *name, const char *where)
{
	struct path_folder f;
	int failed = path_folder_open(in(b, name), false, &f);

	if (!failed)
		assert_string_equal(f.name, in(b, where));
	path_folder_close(&f);
	return failed;
}

static void test_folders_are_made(void **state)
{
	struct bench *b = *state;
	struct path_folder f;
	mode_t before = umask(0);

	assert_int_equal(path_folder_open(in(b, "ours/a//b/../c/"), true, &f), 0);
	umask(before);
	assert_string_equal(f.name, in(b, "ours/a/c"));
	assert_int_equal(mode_of(b, "ours/a"), 0700);
	assert_int_equal(mode_of(b, "ours/a/c"), 0700);
	path_folder_close(&f);
	assert_int_equal(path_folder_open(in(b, "ours/none"), false, &f), -ENOENT);
	put(b, "ours/file", "x");
	assert_int_equal(path_folder_open(in(b, "ours/file"), false, &f), -ENOTDIR);
	assert_int_equal(path_folder_open(in(b, "ours/file/a"), true, &f), -ENOTDIR);
	assert_int_equal(path_folder_open("/", false, &f), 0);
	assert_string_equal(f.name, "/");
	path_folder_close(&f);
}

static void test_links_to_folders(void **state)
{
	struct bench *b = *state;
	struct path_folder f;

	assert_int_equal(symlinkat("../target", b->folder.fd, "ours/link"), 0);
	assert_int_equal(symlinkat(in(b, "target"), b->folder.fd, "shared/link"), 0);
	assert_int_equal(symlinkat("loop", b->folder.fd, "ours/loop"), 0);
	assert_int_equal(folder(b, "ours/link", "target"), 0);
	assert_int_equal(folder(b, "shared/link", "target"), -ELOOP);
	assert_int_equal(folder(b, "ours/loop", ""), -ELOOP);
	assert_int_equal(path_folder_open(in(b, "shared/link/new"), true, &f), -ELOOP);
	assert_int_equal(faccessat(b->folder.fd, "target/new", F_OK, 0), -1);
	assert_int_equal(fchmodat(b->folder.fd, "shared", 01777, 0), 0); /* as /tmp: nobody can exchange ours */
	assert_int_equal(folder(b, "shared/link", "target"), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchownat(b->folder.fd, "shared/link", SOMEBODY, 0, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(folder(b, "shared/link", "target"), -ELOOP);
	assert_int_equal(fchownat(b->folder.fd, "ours", SOMEBODY, 0, 0), 0);
	assert_int_equal(folder(b, "ours/link", "target"), -ELOOP);
}

static int ours(struct bench *b, const char *name, int flags)
{
	int folder_fd = openat(b->folder.fd, "shared", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	fd = path_ours_open(folder_fd, name, flags);
	close(folder_fd);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void test_a_file_of_ours(void **state)
{
	struct bench *b = *state;
	mode_t before = umask(0);

	assert_int_equal(ours(b, "new", O_RDWR | O_CREAT), 0);
	umask(before);
	assert_int_equal(mode_of(b, "shared/new"), 0600);
	assert_int_equal(ours(b, "new", O_RDWR | O_CREAT), 0);
	assert_int_equal(ours(b, "none", O_RDWR), -ENOENT);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchownat(b->folder.fd, "shared/new", SOMEBODY, 0, 0), 0);
	assert_int_equal(ours(b, "new", O_RDWR | O_CREAT), -EKEYREJECTED);
	/* Then the folder and what is in it belong to the same user. */
	assert_int_equal(fchownat(b->folder.fd, "shared", SOMEBODY, 0, 0), 0);
	assert_int_equal(ours(b, "new", O_RDWR | O_CREAT), 0);
}

static void test_what_was_planted_in_place_of_a_file_of_ours(void **state)
{
	struct bench *b = *state;
	struct stat victim;

	put(b, "target/victim", "dear");
	assert_int_equal(symlinkat("../target/victim", b->folder.fd, "shared/soft"), 0);
	assert_int_equal(symlinkat("../target/none", b->folder.fd, "shared/dangling"), 0);
	assert_int_equal(linkat(b->folder.fd, "target/victim", b->folder.fd, "shared/hard", 0), 0);
	assert_int_equal(mkfifoat(b->folder.fd, "shared/fifo", 0600), 0);
	assert_int_equal(mkdirat(b->folder.fd, "shared/folder", 0700), 0);
	assert_int_equal(ours(b, "soft", O_RDWR | O_CREAT | O_TRUNC), -ELOOP);
	assert_int_equal(ours(b, "dangling", O_RDWR | O_CREAT), -ELOOP);
	assert_int_equal(ours(b, "hard", O_RDWR | O_CREAT | O_TRUNC), -EMLINK);
	assert_int_equal(ours(b, "fifo", O_RDWR | O_CREAT), -EBADF);
	assert_int_equal(ours(b, "folder", O_RDONLY), -EBADF);
	assert_int_equal(fstatat(b->folder.fd, "target/victim", &victim, 0), 0);
	assert_int_equal(victim.st_size, 4);
	assert_int_equal(faccessat(b->folder.fd, "target/none", F_OK, 0), -1);
	for (const char *names = "soft\0dangling\0hard\0fifo\0folder\0"; *names; names += strlen(names) + 1) {
		int folder_fd = openat(b->folder.fd, "shared", O_PATH | O_CLOEXEC), failed;
		failed = path_ours_check(folder_fd, names);
		close(folder_fd);
		assert_true(failed < 0);
		assert_non_null(strstr(path_why(failed), "expected")); /* and what to do */
	}
}

/* Where it would be opened, or why not. */
static int entry(struct bench *b, const char *name, char to[NAME_ROOM])
{
	struct path_entry p;
	char link[64], real[PATH_MAX];
	int failed = path_entry_open(in(b, name), &p);
	ssize_t n;

	if (failed)
		return failed;
	snprintf(link, sizeof link, "/proc/self/fd/%d", p.fd);
	n = readlink(link, real, sizeof real - 1);
	assert_true(n > (ssize_t)strlen(b->folder.path));
	real[n] = '\0';
	snprintf(to, NAME_ROOM, "%.90s/%.90s", real + strlen(b->folder.path) + 1, p.name);
	path_entry_close(&p);
	return 0;
}

static void test_entries(void **state)
{
	struct bench *b = *state;
	char at[NAME_ROOM];
	struct path_entry p;
	int fd;

	put(b, "target/file", "x");
	assert_int_equal(symlinkat("../target/file", b->folder.fd, "ours/link"), 0);
	assert_int_equal(symlinkat("../target/new", b->folder.fd, "ours/dangling"), 0);
	assert_int_equal(symlinkat("../target/file", b->folder.fd, "shared/link"), 0);
	assert_int_equal(entry(b, "ours/new", at), 0);
	assert_string_equal(at, "ours/new");
	assert_int_equal(entry(b, "ours/link", at), 0);
	assert_string_equal(at, "target/file");
	assert_int_equal(entry(b, "ours/dangling", at), 0);
	assert_string_equal(at, "target/new");
	assert_int_equal(entry(b, "shared/link", at), -ELOOP);
	assert_int_equal(entry(b, "none/new", at), -ENOENT);
	assert_int_equal(path_entry_open("/dev/stdout", &p), 0);
	fd = path_entry_get(&p, O_WRONLY, 0);
	assert_true(fd >= 0 || fd == -EACCES || fd == -ENXIO); /* whatever our own output is */
	if (fd >= 0)
		close(fd);
	path_entry_close(&p);
}

static int read_open(struct bench *b, const char *name, struct path_found *ret)
{
	int fd = path_read_open(in(b, name), ret);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void test_reading_what_others_write(void **state)
{
	struct bench *b = *state;
	struct path_found f;

	put(b, "shared/plain", "x");
	put(b, "target/secret", "x");
	assert_int_equal(symlinkat("../target/secret", b->folder.fd, "shared/out"), 0);
	assert_int_equal(symlinkat("../target", b->folder.fd, "shared/folder"), 0);
	assert_int_equal(symlinkat("../shared/plain", b->folder.fd, "ours/link"), 0);
	assert_int_equal(symlinkat("/proc/self/environ", b->folder.fd, "shared/environ"), 0);
	assert_int_equal(read_open(b, "shared/plain", &f), 0);
	assert_true(!f.strange && !f.planted);
	assert_string_equal(f.name, in(b, "shared/plain"));
	assert_int_equal(read_open(b, "ours/link", &f), 0);
	assert_true(!f.strange);
	assert_string_equal(f.name, in(b, "shared/plain"));
	assert_int_equal(read_open(b, "shared/out", &f), 0);
	assert_true(f.strange);
	assert_string_equal(f.name, in(b, "target/secret"));
	assert_int_equal(read_open(b, "shared/folder/secret", &f), 0);
	assert_true(f.strange);
	assert_string_equal(f.name, in(b, "target/secret"));
	assert_int_equal(read_open(b, "shared/environ", &f), 0);
	assert_true(f.strange);
	assert_int_equal(strncmp(f.name, "/proc/", 6), 0);
}

static void test_reading_opens_nothing_but_files(void **state)
{
	struct bench *b = *state;
	struct path_found f;

	assert_int_equal(mkfifoat(b->folder.fd, "shared/fifo", 0600), 0);
	assert_int_equal(symlinkat("/dev/zero", b->folder.fd, "shared/zero"), 0);
	assert_int_equal(symlinkat("round", b->folder.fd, "shared/round"), 0);
	assert_int_equal(read_open(b, "shared/fifo", &f), -EBADF);
	assert_int_equal(read_open(b, "shared/zero", &f), -EBADF);
	assert_int_equal(read_open(b, "shared", &f), -EBADF);
	assert_int_equal(read_open(b, "shared/round", &f), -ELOOP);
	assert_int_equal(read_open(b, "shared/none", &f), -ENOENT);
}

static void test_second_names_of_somebody_elses_file(void **state)
{
	struct bench *b = *state;
	struct path_found f;

	put(b, "target/file", "x");
	assert_int_equal(linkat(b->folder.fd, "target/file", b->folder.fd, "ours/hard", 0), 0);
	assert_int_equal(linkat(b->folder.fd, "target/file", b->folder.fd, "shared/hard", 0), 0);
	assert_int_equal(read_open(b, "ours/hard", &f), 0);
	assert_false(f.planted); /* nobody else can have made that one */
	if (geteuid() != 0)
		return;
	assert_int_equal(read_open(b, "shared/hard", &f), 0);
	assert_true(f.planted);
	assert_int_equal(fchownat(b->folder.fd, "shared", SOMEBODY, 0, 0), 0);
	assert_int_equal(read_open(b, "shared/hard", &f), 0);
	assert_true(f.planted);
	assert_int_equal(fchownat(b->folder.fd, "target/file", SOMEBODY, 0, 0), 0); /* its own, rotated with link() */
	assert_int_equal(read_open(b, "shared/hard", &f), 0);
	assert_false(f.planted);
}

static void test_below(void **state)
{
	(void)state;
	assert_true(path_is_below("/var/log/a", "/var/log"));
	assert_true(path_is_below("/var/log/a", "/var/log//"));
	assert_true(path_is_below("/a", "/"));
	assert_false(path_is_below("/var/logs/a", "/var/log"));
	assert_false(path_is_below("/var/log", "/var/log"));
	assert_false(path_is_below("pipe:[1]", "/"));
}

/* What is missing then is not the folder. */
static void without_proc_that_is_what_is_missing(void **state)
{
	struct bench *b = *state;
	struct path_folder f;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			mount("none", "/proc", "tmpfs", 0, NULL) < 0)
			_exit(2);
		_exit(path_folder_open(b->folder.path, false, &f) != -ENOSYS || !strstr(path_why(-ENOSYS), "/proc"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_folders_are_made),
		TEST(test_links_to_folders),
		TEST(test_a_file_of_ours),
		TEST(test_what_was_planted_in_place_of_a_file_of_ours),
		TEST(test_entries),
		TEST(test_reading_what_others_write),
		TEST(test_reading_opens_nothing_but_files),
		TEST(test_second_names_of_somebody_elses_file),
		TEST(without_proc_that_is_what_is_missing),
		cmocka_unit_test(test_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
