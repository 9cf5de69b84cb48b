/*
 * The files of Unix sockets: their mode from the first moment on, their group, what is in their place when others can
 * write to the folder, and which users are let in.
 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
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
	return listening_open(ret, address, &(struct unix_peers){ .mode = mode });
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

/* Root can give a file to any group; others to one that they are in, or, here, to their own. */
static void test_groups(void **state)
{
	static const unsigned modes[] = { 0600, 0660, 0666 };
	struct scratch *b = *state;
	struct unix_peers p = { .has_group = true, .group = geteuid() == 0 ? 12345 : getegid() };
	struct listening l;
	struct stat info;
	char address[128];

	snprintf(address, sizeof address, "unix:%s/ours/sock", b->path);
	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		p.mode = modes[i];
		assert_int_equal(listening_open(&l, address, &p), 0);
		assert_int_equal(fstatat(b->fd, "ours/sock", &info, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(info.st_gid, p.group);
		assert_int_equal(info.st_mode & 07777, modes[i]);
		listening_close(&l);
		assert_int_equal(listening_open_datagrams(&l, address, &p), 0);
		assert_int_equal(mode_of(b, "ours/sock"), modes[i]);
		listening_close(&l);
	}
}

static int refusals;

static void refused(void *context, uid_t user, pid_t process)
{
	assert_ptr_equal(context, &refusals);
	assert_int_equal(user, 12345);
	assert_true(process > 0);
	refusals++;
}

/* Connects as another user, or as we are; the child ends then, and its connection waits, closed. */
static void connect_as(const struct sockaddr_un *to, uid_t user)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		_exit(setresuid(user, user, user) < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void accept_one(const struct unix_peers *p, const struct listening *l, bool there)
{
	int fd = unix_peers_accept(p, l->fd);

	assert_int_equal(fd >= 0, there);
	if (fd >= 0)
		close(fd);
	else
		assert_int_equal(errno, EAGAIN);
}

/* As many as one call refuses, and one more; then one that is let in. */
static void test_users(void **state)
{
	struct scratch *b = *state;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct unix_peers p = {
		.mode = 0666, .users_count = 1, .users = { 54321 }, .refused = refused, .context = &refusals
	};
	struct listening l;
	char address[128];

	if (geteuid() != 0)
		skip(); /* who cannot become another user */
	refusals = 0;
	assert_int_equal(fchmodat(b->fd, ".", 0755, 0), 0);
	assert_int_equal(fchmodat(b->fd, "ours", 0755, 0), 0);
	snprintf(to.sun_path, sizeof to.sun_path, "%.60s/ours/sock", b->path);
	snprintf(address, sizeof address, "unix:%s", to.sun_path);
	assert_int_equal(listening_open(&l, address, &p), 0);
	for (int i = 0; i <= UNIX_PEERS_REFUSED; i++)
		connect_as(&to, 12345);
	connect_as(&to, 54321);
	connect_as(&to, geteuid());
	accept_one(&p, &l, false);
	assert_int_equal(refusals, UNIX_PEERS_REFUSED);
	accept_one(&p, &l, true);
	assert_int_equal(refusals, UNIX_PEERS_REFUSED + 1);
	accept_one(&p, &l, true); /* our own */
	accept_one(&p, &l, false); /* nobody waits */
	p.users_count = 0;
	connect_as(&to, 12345);
	accept_one(&p, &l, true);
	assert_int_equal(refusals, UNIX_PEERS_REFUSED + 1);
	listening_close(&l);
}

/* Over TCP nobody has a user. */
static void test_users_over_tcp(void **state)
{
	struct unix_peers p = { .users_count = 1, .users = { 54321 }, .refused = refused, .context = &refusals };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct listening l;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	refusals = 0;
	assert_int_equal(listening_open(&l, "127.0.0.1:0", &p), 0);
	to.sin_port = htons(listening_port(&l));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	accept_one(&p, &l, true);
	assert_int_equal(refusals, 0);
	close(fd);
	listening_close(&l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = { TEST(test_modes), TEST(test_links_in_place_of_a_socket),
		TEST(test_links_of_ours), TEST(test_groups), TEST(test_users), TEST(test_users_over_tcp) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
