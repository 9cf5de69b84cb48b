/*
 * The files of Unix sockets: their mode from the first moment on, and what is in their place when others can write
 * to the folder.
 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/listen.h"
#include "unit/scratch.h"

static int setup(void **state)
{
	struct scratch *b = oxp_new(sizeof *b);

	scratch_init(b, "listen");
	scratch_ours_and_shared(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	scratch_done(*state);
	free(*state);
	return 0;
}

static int listen_at(const struct scratch *b, const char *name, unsigned mode, struct listening *ret)
{
	char address[128];

	snprintf(address, sizeof address, "unix:%s/%s", b->path, name);
	return listening_open(ret, address, mode);
}

static unsigned mode_of(const struct scratch *b, const char *name)
{
	struct stat info;

	assert_int_equal(fstatat(b->fd, name, &info, AT_SYMLINK_NOFOLLOW), 0);
	return info.st_mode & 07777;
}

static void test_modes(void **state)
{
	static const unsigned modes[] = { 0600, 0660, 0666, 0777 };
	struct scratch *b = *state;
	mode_t before = umask(077);

	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		struct listening l;
		assert_int_equal(listen_at(b, "ours/sock", modes[i], &l), 0);
		assert_int_equal(mode_of(b, "ours/sock"), modes[i]);
		listening_close(&l);
	}
	assert_int_equal(umask(before), 077); /* as it was */
}

/* Nothing is bound behind a link, and nothing there is removed. */
static void test_links_in_place_of_a_socket(void **state)
{
	struct scratch *b = *state;
	struct listening l;
	struct sockaddr_un dead = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(dead.sun_path, sizeof dead.sun_path, "%.60s/ours/dead", b->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&dead, sizeof dead), 0);
	close(fd);
	assert_int_equal(symlinkat("../ours/dead", b->fd, "shared/dead"), 0);
	assert_int_equal(symlinkat("../ours/none", b->fd, "shared/none"), 0);
	assert_int_equal(symlinkat("../ours", b->fd, "shared/folder"), 0);
	assert_int_equal(listen_at(b, "shared/dead", 0666, &l), -ELOOP);
	assert_int_equal(listen_at(b, "shared/none", 0666, &l), -ELOOP);
	assert_int_equal(listen_at(b, "shared/folder/new", 0666, &l), -ELOOP);
	assert_int_equal(listen_at(b, "shared/folder/dead", 0666, &l), -ELOOP);
	assert_int_equal(faccessat(b->fd, "ours/dead", F_OK, 0), 0);
	assert_int_equal(faccessat(b->fd, "ours/none", F_OK, 0), -1);
	assert_int_equal(faccessat(b->fd, "ours/new", F_OK, 0), -1);
	listening_close(&l);
}

/* A link to a folder that only we can have made, as /var/run is. */
static void test_links_of_ours(void **state)
{
	struct scratch *b = *state;
	struct listening l;

	assert_int_equal(symlinkat("../shared", b->fd, "ours/run"), 0);
	assert_int_equal(listen_at(b, "ours/run/sock", 0660, &l), 0);
	assert_int_equal(mode_of(b, "shared/sock"), 0660);
	listening_close(&l);
	assert_int_equal(faccessat(b->fd, "shared/sock", F_OK, 0), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = { TEST(test_modes), TEST(test_links_in_place_of_a_socket),
		TEST(test_links_of_ours) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
