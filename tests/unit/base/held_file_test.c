/*
 * A held file: what is put in its place is looked at before anything reads it.
 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/held_file.h"
#include "base/path.h"
#include "unit/scratch.h"

struct bench {
	struct scratch folder;
	char name[PATH_MAX];
	struct held_file file;
};

static void bench_init(struct bench *b)
{
	scratch_init(&b->folder, "held");
	snprintf(b->name, sizeof b->name, "%s/ca.pem", b->folder.path);
	held_file_init(&b->file);
}

static void bench_done(struct bench *b)
{
	held_file_done(&b->file);
	scratch_done(&b->folder);
}

static void put(struct bench *b, const char *text)
{
	int fd = openat(b->folder.fd, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(renameat(b->folder.fd, "new", b->folder.fd, "ca.pem"), 0);
}

static void assert_held(struct bench *b, const char *text)
{
	char there[64] = "";
	FILE *file = fopen(b->file.path, "re");

	assert_non_null(file);
	assert_int_equal(fread(there, 1, sizeof there - 1, file), strlen(text));
	fclose(file);
	assert_string_equal(there, text);
}

static void a_renewed_file_has_the_same_path(void **state)
{
	char path[HELD_FILE_PATH];
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(held_file_renew(&b.file, b.name), -ENOENT);
	put(&b, "one");
	assert_int_equal(held_file_renew(&b.file, b.name), 0);
	memcpy(path, b.file.path, sizeof path);
	put(&b, "other");
	assert_held(&b, "one");
	assert_int_equal(held_file_renew(&b.file, b.name), 0);
	assert_held(&b, "other");
	assert_string_equal(b.file.path, path);
	bench_done(&b);
}

/* Each of these would hold up whoever opens or reads it. */
static void what_is_no_file_does_not_take_its_place(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	put(&b, "one");
	assert_int_equal(held_file_renew(&b.file, b.name), 0);
	assert_int_equal(unlink(b.name), 0);
	assert_int_equal(mkfifo(b.name, 0600), 0);
	assert_int_equal(held_file_renew(&b.file, b.name), -EBADF);
	assert_int_equal(unlink(b.name), 0);
	assert_int_equal(symlink("/dev/zero", b.name), 0);
	assert_int_equal(held_file_renew(&b.file, b.name), -EBADF);
	assert_int_equal(unlink(b.name), 0);
	assert_int_equal(mkdir(b.name, 0700), 0);
	assert_int_equal(held_file_renew(&b.file, b.name), -EBADF);
	assert_int_equal(rmdir(b.name), 0);
	put(&b, "huge");
	assert_int_equal(truncate(b.name, HELD_FILE_MAX + 1), 0);
	assert_int_equal(held_file_renew(&b.file, b.name), -EFBIG);
	assert_held(&b, "one");
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_renewed_file_has_the_same_path),
		cmocka_unit_test(what_is_no_file_does_not_take_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
