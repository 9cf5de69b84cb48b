/*
 * Which process made a connection: always the same text for one, another for each other; none where nobody can say.
 */
#include "base/peer_process.h"

#include "unit/unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A listener without a file. */
static int listener(struct sockaddr_un *at, socklen_t *size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*size = sizeof at->sun_family; /* the kernel finds a name */
	assert_int_equal(bind(fd, (struct sockaddr *)at, *size), 0);
	*size = sizeof *at;
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static int connect_to(const struct sockaddr_un *at, socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)at, size) == 0 ? fd : -1;
}

static void take(int from, char to[PEER_PROCESS_ROOM])
{
	int fd = accept(from, NULL, NULL);

	assert_true(fd >= 0);
	assert_true(peer_process(fd, to));
	close(fd);
}

static void each_process_has_one(void **state)
{
	char own[PEER_PROCESS_ROOM], again[PEER_PROCESS_ROOM], child[2][PEER_PROCESS_ROOM];
	struct sockaddr_un at;
	socklen_t size;
	int from = listener(&at, &size), one = connect_to(&at, size), two = connect_to(&at, size), hold[2];

	(void)state;
	take(from, own);
	take(from, again);
	assert_string_equal(own, again);
	for (int i = 0; i < 2; i++) {
		pid_t pid;
		char c;
		assert_int_equal(pipe(hold), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(hold[1]);
			_exit(connect_to(&at, size) < 0 || read(hold[0], &c, 1) != 0); /* it lives until it is told */
		}
		take(from, child[i]);
		close(hold[0]);
		close(hold[1]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_string_not_equal(child[i], own);
	}
	assert_string_not_equal(child[0], child[1]);
	for (size_t i = 0; own[i]; i++)
		assert_in_range(own[i], ' ', '~');
	close(one);
	close(two);
	close(from);
}

static void nobody_knows_it_of_tcp(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int from = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET, SOCK_STREAM, 0), fd;
	char text[PEER_PROCESS_ROOM] = "as it was";
	socklen_t size = sizeof at;

	(void)state;
	assert_int_equal(bind(from, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(from, 1), 0);
	assert_int_equal(getsockname(from, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(connect(to, (struct sockaddr *)&at, size), 0);
	fd = accept(from, NULL, NULL);
	assert_false(peer_process(fd, text));
	assert_false(peer_process(-1, text));
	assert_string_equal(text, "as it was");
	close(fd);
	close(to);
	close(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_process_has_one),
		cmocka_unit_test(nobody_knows_it_of_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
