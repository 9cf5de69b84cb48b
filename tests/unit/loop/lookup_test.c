/*
 * Answers that did not fit into a packet, from a server that is a child of the test: over TCP, in every mood.
 */
#include "loop/lookup.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

enum { PATIENCE_SECONDS = 120, SLICE_MAX_NS = 1000000, QUESTION_AT = 2, HUGE = 60000 };
enum mood { IN_BITS, FLOOD, SILENT, HANGS_UP, NOT_THERE };

struct fixture {
	struct loop *loop;
	struct resolv_conf conf;
	struct lookup_servers servers;
	struct lookup lookup;
	pid_t server;
	enum lookup_end end;
	unsigned calls;
};

/* Each of them is answered that the answer does not fit. */
static void cut_off(int udp)
{
	unsigned char q[DNS_QUESTION_MAX];
	struct sockaddr_in from;
	socklen_t from_size = sizeof from;

	for (int i = 0; i < LOOKUP_PARTS; i++) {
		ssize_t size = recvfrom(udp, q, sizeof q, 0, (struct sockaddr *)&from, &from_size);
		q[2] = 0x83;
		sendto(udp, q, (size_t)size, 0, (struct sockaddr *)&from, from_size);
	}
}

static void answer_in_bits(int fd)
{
	static unsigned char m[2 + HUGE];
	static const unsigned char v4[] = { 0xc0, 12, 0, DNS_A, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7 };

	while (recv(fd, m, QUESTION_AT, MSG_WAITALL) == QUESTION_AT) {
		size_t size = (size_t)(m[0] << 8 | m[1]);
		if (recv(fd, m + QUESTION_AT, size, MSG_WAITALL) != (ssize_t)size)
			break;
		m[QUESTION_AT + 2] = 0x81;
		if (m[QUESTION_AT + size - 3] == DNS_A) {
			m[QUESTION_AT + 7] = 1;
			memcpy(m + QUESTION_AT + size, v4, sizeof v4);
		}
		m[0] = HUGE >> 8;
		m[1] = HUGE & 0xff;
		for (size_t i = 0; i < 40; i++)
			send(fd, m + i, 1, MSG_NOSIGNAL);
		send(fd, m + 40, sizeof m - 40, MSG_NOSIGNAL);
		memset(m, 0, sizeof m);
	}
}

static void serve(int udp, int tcp, enum mood mood)
{
	static const unsigned char strange[65536] = { 0xff, 0xfe };
	int fd;

	cut_off(udp);
	fd = accept(tcp, NULL, NULL);
	if (mood == IN_BITS)
		answer_in_bits(fd);
	while (mood == FLOOD && send(fd, strange, sizeof strange, MSG_NOSIGNAL) > 0)
		;
	while (mood == SILENT)
		pause();
	_exit(0);
}

static void begin_server(struct fixture *f, enum mood mood)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(tcp, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(tcp, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(bind(udp, (struct sockaddr *)&at, size), 0);
	if (mood != NOT_THERE)
		assert_int_equal(listen(tcp, 1), 0);
	f->server = fork();
	assert_true(f->server >= 0);
	if (f->server == 0)
		serve(udp, tcp, mood);
	close(udp);
	close(tcp);
	memcpy(&f->conf.servers[0], &at, sizeof at);
}

static void on_done(void *context, enum lookup_end end)
{
	struct fixture *f = context;

	f->end = end;
	f->calls++;
}

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);

	f->conf = (struct resolv_conf){ .servers_count = 1, .attempts = 1, .timeout = DURATION_S(3) };
	f->servers.conf = &f->conf;
	assert_int_equal(loop_new(&clock_system, &f->loop), 0);
	lookup_init(&f->lookup, f->loop, &f->servers, on_done, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	lookup_done(&f->lookup);
	kill(f->server, SIGKILL);
	waitpid(f->server, NULL, 0);
	loop_free(f->loop);
	free(f);
	return 0;
}

static enum lookup_end ask(struct fixture *f, enum mood mood)
{
	int64_t began = clock_system.mono(NULL).ns;

	begin_server(f, mood);
	assert_int_equal(lookup_begin(&f->lookup, "many.test"), 0);
	while (f->calls == 0) {
		assert_true(clock_system.mono(NULL).ns - began < (int64_t)PATIENCE_SECONDS * 1000000000);
		loop_turn(f->loop, DURATION_MS(100));
	}
	assert_int_equal(f->calls, 1);
	return f->end;
}

/* Of 60,000 bytes each, the first of them one by one. */
static void answers_over_tcp_are_put_together(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, IN_BITS), LOOKUP_FOUND);
	assert_true(f->lookup.parts[LOOKUP_V6].answered);
	assert_int_equal(f->lookup.parts[LOOKUP_V4].answer.count, 1);
	assert_memory_equal(f->lookup.parts[LOOKUP_V4].answer.addresses[0], "\xc0\0\2\7", 4);
	assert_true(loop_slices(f->loop)->longest_ns < SLICE_MAX_NS);
}

static void a_flood_over_tcp_holds_nothing_up(void **state)
{
	struct fixture *f = *state;

	f->conf.timeout = DURATION_S(2ll * PATIENCE_SECONDS);
	assert_int_equal(ask(f, FLOOD), LOOKUP_FAILED);
	assert_true(loop_slices(f->loop)->longest_ns < SLICE_MAX_NS);
}

static void silence_over_tcp_ends_with_the_timeout(void **state)
{
	struct fixture *f = *state;

	f->conf.timeout = DURATION_MS(300);
	assert_int_equal(ask(f, SILENT), LOOKUP_FAILED);
}

static void a_connection_that_fails_ends_the_try(void **state)
{
	struct fixture *f = *state;

	f->conf.timeout = DURATION_S(2ll * PATIENCE_SECONDS);
	assert_int_equal(ask(f, HANGS_UP), LOOKUP_FAILED);
}

static void a_server_without_tcp_ends_the_try(void **state)
{
	struct fixture *f = *state;

	f->conf.timeout = DURATION_S(2ll * PATIENCE_SECONDS);
	assert_int_equal(ask(f, NOT_THERE), LOOKUP_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_over_tcp_are_put_together, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_over_tcp_holds_nothing_up, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_over_tcp_ends_with_the_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(a_connection_that_fails_ends_the_try, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_without_tcp_ends_the_try, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
