/*
 * Names through a small name server of our own on a loopback port, through a hosts file, and without either.
 */
#include "loop/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "unit/unit.h"

enum { PATIENCE_SECONDS = 120, QUESTION_MAX = 512, TYPE_A = 1, TYPE_AAAA = 28, NO_SUCH_NAME = 3, SERVER_FAILED = 2 };
enum { SLICE_MAX_NS = 1000000, FLOODS = 4 };

/* The clock of the system, moved ahead by a test. */
#define ASK(name, port) (&(struct resolve_question){ name, port, keep_answer, &a })

struct shifted_clock {
	struct clock clock;
	int64_t ahead;
};

struct answer {
	struct resolved got;
	unsigned calls;
};

struct fixture {
	struct shifted_clock time;
	struct mono_time began;
	struct loop *loop;
	struct resolver *resolver;
	struct loop_watch server;
	unsigned questions;
	char names[256]; /* asked for, each followed by a blank */
	bool silent, silent_v6, failing_v6;
	unsigned char ttl; /* 0: 60 seconds */
	pid_t flood[FLOODS]; /* children that send what nobody asked for as the name server */
	int tell; /* what they read; 0: there are none */
};

static struct mono_time shifted_mono(const struct clock *c)
{
	return (struct mono_time){ clock_system.mono(c).ns + ((const struct shifted_clock *)c)->ahead };
}

static void turn(struct fixture *f)
{
	assert_true(clock_system.mono(NULL).ns - f->began.ns < (int64_t)PATIENCE_SECONDS * 1000000000);
	loop_turn(f->loop, DURATION_MS(100));
}

/* Reads the name at 12 as text and returns where its type stands. */
static size_t read_name(const unsigned char *q, size_t size, char *name)
{
	size_t at = 12, used = 0;

	while (at < size && q[at] != 0 && at + q[at] < size) {
		memcpy(name + used, q + at + 1, q[at]);
		used += q[at];
		name[used++] = '.';
		at += q[at] + 1u;
	}
	name[used ? used - 1 : 0] = '\0';
	return at + 1;
}

/* What the server knows: returns an rcode, and the address bytes for the type. */
static unsigned look_up(const char *name, unsigned type, unsigned char address[16], size_t *size)
{
	*size = 0;
	if (strcasecmp(name, "both.test") != 0 && strcasecmp(name, "four.test") != 0 &&
		strcasecmp(name, "short.cluster.test") != 0)
		return strcasecmp(name, "broken.test") == 0 ? SERVER_FAILED : NO_SUCH_NAME;
	if (type == TYPE_A)
		*size = inet_pton(AF_INET, "192.0.2.7", address) == 1 ? 4 : 0;
	else if (type == TYPE_AAAA && strcasecmp(name, "both.test") == 0)
		*size = inet_pton(AF_INET6, "2001:db8::7", address) == 1 ? 16 : 0;
	return 0;
}

/* Turns the question, whose type stands at `end` - 3, into its answer; the record points back to the name. */
static size_t answer_question(unsigned char *q, size_t end, const unsigned char *address, size_t size)
{
	const unsigned char record[] = { 0xc0, 12, 0, q[end - 3], 0, 1, 0, 0, 0, 60, 0, (unsigned char)size };

	q[2] = 0x81;
	q[7] = size > 0;
	q[11] = 0;
	if (size == 0)
		return end;
	memcpy(q + end, record, sizeof record);
	memcpy(q + end + sizeof record, address, size);
	return end + sizeof record + size;
}

/* As many answers to other questions as the kernel takes: of each call it makes 64 packets. */
static void flood(int fd, int told)
{
	unsigned char packets[64 * 16] = { 0 };
	struct sockaddr_in to;

	if (read(told, &to, sizeof to) == sizeof to && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &(int){ 16 }, 4) == 0)
		for (unsigned i = 0; i < 10000000; i++)
			sendto(fd, packets, sizeof packets, 0, (const struct sockaddr *)&to, sizeof to);
	_exit(0);
}

/* They begin when they are told whom to flood. */
static void floods_begin(struct fixture *f)
{
	int tell[2];

	assert_int_equal(pipe(tell), 0);
	for (int i = 0; i < FLOODS; i++) {
		f->flood[i] = fork();
		assert_true(f->flood[i] >= 0);
		if (f->flood[i] == 0)
			flood(f->server.fd, tell[0]);
	}
	close(tell[0]);
	f->tell = tell[1];
}

static void floods_end(struct fixture *f)
{
	close(f->tell);
	for (int i = 0; i < FLOODS; i++) {
		kill(f->flood[i], SIGKILL);
		waitpid(f->flood[i], NULL, 0);
	}
}

static void tell_floods(struct fixture *f, const struct sockaddr_in *to)
{
	for (int i = 0; i < FLOODS; i++)
		assert_int_equal(write(f->tell, to, sizeof *to), sizeof *to);
}

static void serve_question(void *context, int fd, unsigned what)
{
	struct fixture *f = context;
	unsigned char q[2 * QUESTION_MAX], address[16];
	char name[QUESTION_MAX];
	struct sockaddr_in from;
	socklen_t from_size = sizeof from;
	ssize_t n = recvfrom(fd, q, QUESTION_MAX, 0, (struct sockaddr *)&from, &from_size);
	size_t at, size, used = strlen(f->names);
	unsigned rcode;

	(void)what;
	assert_true(n > 16);
	f->questions++;
	at = read_name(q, (size_t)n, name);
	snprintf(f->names + used, sizeof f->names - used, "%s ", name);
	if (f->tell && f->questions == 1)
		tell_floods(f, &from);
	if (f->silent || (f->silent_v6 && q[at + 1] == TYPE_AAAA))
		return;
	rcode = look_up(strcmp(name, "moody.test") == 0 ? f->questions == 1 ? "broken.test" : "four.test" : name,
		q[at + 1], address, &size);
	if (f->failing_v6 && q[at + 1] == TYPE_AAAA)
		rcode = SERVER_FAILED;
	q[3] = (unsigned char)(0x80 | rcode);
	size = answer_question(q, at + 4, address, size);
	if (f->ttl && size > at + 4)
		q[at + 4 + 9] = f->ttl;
	sendto(fd, q, size, 0, (struct sockaddr *)&from, from_size);
}

static void server_open(struct fixture *f, char address[32])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	loop_watch_init(&f->server, f->loop, fd, serve_question, f);
	loop_watch_set(&f->server, WATCH_READ);
}

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);
	char address[32];
	const char *servers[] = { address, NULL };
	struct resolver_sources sources = { servers, unit_file("unit/loop/hosts"), "cluster.test", DURATION_MS(200) };

	f->time = (struct shifted_clock){ { clock_system.wall, shifted_mono }, 0 };
	f->began = clock_system.mono(NULL);
	assert_int_equal(loop_new(&f->time.clock, &f->loop), 0);
	server_open(f, address);
	assert_int_equal(resolver_new_from(f->loop, &sources, &f->resolver), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	resolver_free(f->resolver);
	loop_watch_done(&f->server);
	close(f->server.fd);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void keep_answer(void *context, const struct resolved *got)
{
	struct answer *a = context;

	a->got = *got;
	a->calls++;
}

static struct answer ask_for(struct fixture *f, const char *name)
{
	struct answer a = { 0 };
	struct resolve *q;

	assert_int_equal(resolve_start(f->resolver, ASK(name, 8080), &q), 0);
	assert_int_equal(a.calls, 0);
	while (a.calls == 0)
		turn(f);
	assert_int_equal(a.calls, 1);
	return a;
}

static void assert_address(const struct sockaddr_storage *a, const char *text)
{
	char digits[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

	if (a->ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, digits, sizeof digits);
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, digits, sizeof digits);
	assert_string_equal(digits, text);
	assert_int_equal(ntohs(a->ss_family == AF_INET ? v4->sin_port : v6->sin6_port), 8080);
}

static void restart_with(struct fixture *f, const char *first, const char *second, struct duration timeout)
{
	const char *const servers[] = { first, second, NULL };
	const struct resolver_sources sources = { .servers = servers, .timeout = timeout };

	resolver_free(f->resolver);
	assert_int_equal(resolver_new_from(f->loop, &sources, &f->resolver), 0);
}

static void server_address(struct fixture *f, char address[32])
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;

	assert_int_equal(getsockname(f->server.fd, (struct sockaddr *)&at, &size), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(at.sin_port));
}

static void numbers_need_no_server(void **state)
{
	struct fixture *f = *state;
	struct answer a = ask_for(f, "10.1.2.3");

	assert_int_equal(a.got.failed, 0);
	assert_int_equal(a.got.count, 1);
	assert_address(&a.got.addresses[0], "10.1.2.3");
	a = ask_for(f, "::1");
	assert_address(&a.got.addresses[0], "::1");
	assert_int_equal(f->questions, 0);
}

static void the_hosts_file_needs_no_server(void **state)
{
	struct fixture *f = *state;
	struct answer a = ask_for(f, "localhost");

	assert_int_equal(a.got.failed, 0);
	assert_address(&a.got.addresses[0], "127.0.0.1");
	a = ask_for(f, "printer.test");
	assert_address(&a.got.addresses[0], "192.0.2.99");
	a = ask_for(f, "PRINTER.test");
	assert_int_equal(a.got.count, 2);
	assert_address(&a.got.addresses[1], "2001:db8::99");
	assert_int_equal(f->questions, 0);
}

static void an_address_may_name_its_interface(void **state)
{
	struct fixture *f = *state;
	static const char *const hosts[] = { "fe80::1%lo", "fe80::1%1", "linked.test" };

	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		struct answer a = ask_for(f, hosts[i]);
		assert_int_equal(a.got.count, 1);
		assert_address(&a.got.addresses[0], "fe80::1");
		assert_int_equal(((const struct sockaddr_in6 *)&a.got.addresses[0])->sin6_scope_id, 1);
	}
	assert_int_equal(f->questions, 0);
}

static void both_families_come_ipv4_first(void **state)
{
	struct fixture *f = *state;
	struct answer a = ask_for(f, "both.test");

	assert_int_equal(a.got.failed, 0);
	assert_int_equal(a.got.count, 2);
	assert_address(&a.got.addresses[0], "192.0.2.7");
	assert_address(&a.got.addresses[1], "2001:db8::7");
}

static void one_family_is_enough(void **state)
{
	struct fixture *f = *state;
	struct answer a = ask_for(f, "four.test");

	assert_int_equal(a.got.failed, 0);
	assert_int_equal(a.got.count, 1);
}

/* As with servers that drop AAAA: what was found does not wait for the timeout. */
static void one_family_is_enough_if_the_other_is_silent(void **state)
{
	struct fixture *f = *state;
	char ours[32];

	server_address(f, ours);
	f->silent_v6 = true;
	restart_with(f, ours, NULL, DURATION_S(2ll * PATIENCE_SECONDS));
	assert_int_equal(ask_for(f, "four.test").got.count, 1);
}

static void one_family_is_enough_if_the_other_fails(void **state)
{
	struct fixture *f = *state;

	f->failing_v6 = true;
	assert_int_equal(ask_for(f, "four.test").got.count, 1);
	assert_int_equal(f->questions, 2);
}

static void a_short_name_is_searched(void **state)
{
	struct fixture *f = *state;
	struct answer a = ask_for(f, "short");

	assert_int_equal(a.got.failed, 0);
	assert_address(&a.got.addresses[0], "192.0.2.7");
}

/* The timeout is longer than the patience of the test. */
static void a_server_that_is_not_there_costs_no_time(void **state)
{
	struct fixture *f = *state;
	char ours[32];

	server_address(f, ours);
	restart_with(f, "127.0.0.1:1", ours, DURATION_S(2ll * PATIENCE_SECONDS));
	assert_int_equal(ask_for(f, "four.test").got.failed, 0);
}

static unsigned packets_at(int fd)
{
	unsigned count = 0;

	while (recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) >= 0)
		count++;
	return count;
}

/* A socket that nobody reads is one. */
static int silent_server(char address[32])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

/* Each name would take its timeout otherwise. */
static void a_silent_server_is_passed_over_for_a_while(void **state)
{
	struct fixture *f = *state;
	char ours[32], silent[32];
	int fd = silent_server(silent);

	server_address(f, ours);
	restart_with(f, silent, ours, DURATION_MS(200));
	assert_int_equal(ask_for(f, "four.test").got.failed, 0);
	assert_int_equal(packets_at(fd), 2);
	assert_int_equal(ask_for(f, "both.test").got.failed, 0);
	assert_int_equal(packets_at(fd), 0);
	f->time.ahead += 61ll * 1000000000;
	ask_for(f, "10.0.0.1"); /* the loop reads the time in a callback */
	assert_int_equal(ask_for(f, "four.test").got.failed, 0);
	assert_int_equal(packets_at(fd), 2);
	close(fd);
}

/* Callers with less patience than resolv.conf would never get to the next server otherwise. */
static void a_server_that_was_silent_until_the_question_was_cancelled_is_passed_over(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	struct resolve *q;
	char ours[32], silent[32];
	int fd = silent_server(silent);

	server_address(f, ours);
	restart_with(f, silent, ours, DURATION_S(2ll * PATIENCE_SECONDS));
	assert_int_equal(resolve_start(f->resolver, ASK("four.test", 1), &q), 0);
	while (packets_at(fd) == 0)
		turn(f);
	f->time.ahead += 2ll * 1000000000;
	ask_for(f, "10.0.0.1"); /* the loop reads the time in a callback */
	resolve_cancel(q);
	assert_int_equal(ask_for(f, "four.test").got.failed, 0);
	assert_int_equal(packets_at(fd), 0);
	close(fd);
}

/* As servers do that cannot handle AAAA. */
static void what_failed_is_asked_again_though_the_other_half_is_missing(void **state)
{
	struct fixture *f = *state;
	char ours[32];

	server_address(f, ours);
	f->silent_v6 = true;
	restart_with(f, ours, NULL, DURATION_MS(200));
	assert_int_equal(ask_for(f, "moody.test").got.failed, 0);
}

static void no_such_name_is_not_no_answer(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask_for(f, "nobody.test").got.failed, -ENOENT);
	assert_int_equal(ask_for(f, "broken.test").got.failed, -EAGAIN);
	f->silent = true;
	assert_int_equal(ask_for(f, "four.test").got.failed, -EAGAIN);
}

static void names_found_are_kept_a_while(void **state)
{
	struct fixture *f = *state;
	unsigned asked;

	ask_for(f, "four.test");
	asked = f->questions;
	assert_int_equal(ask_for(f, "four.test").got.failed, 0);
	assert_int_equal(f->questions, asked);
	resolver_forget(f->resolver, "four.test");
	ask_for(f, "four.test");
	assert_true(f->questions > asked);
	asked = f->questions;
	f->time.ahead += (RESOLVE_CACHED_SECONDS + 1ll) * 1000000000;
	ask_for(f, "10.0.0.1"); /* the loop reads the time in a callback */
	ask_for(f, "four.test");
	assert_true(f->questions > asked);
}

static void nothing_is_kept_for_longer_than_the_server_allows(void **state)
{
	struct fixture *f = *state;
	unsigned asked;

	f->ttl = 5;
	ask_for(f, "both.test");
	asked = f->questions;
	f->time.ahead += 4ll * 1000000000;
	ask_for(f, "10.0.0.1"); /* the loop reads the time in a callback */
	ask_for(f, "both.test");
	assert_int_equal(f->questions, asked);
	f->time.ahead += 2ll * 1000000000;
	ask_for(f, "10.0.0.1");
	ask_for(f, "both.test");
	assert_true(f->questions > asked);
}

static void what_is_kept_has_a_ceiling(void **state)
{
	struct fixture *f = *state;
	char name[32];
	struct answer a;

	for (int i = 0; i < 2 * RESOLVE_CACHED_MAX; i++) {
		snprintf(name, sizeof name, "host%d.test", i);
		a = ask_for(f, name);
		assert_int_equal(a.got.failed, 0);
	}
	assert_address(&a.got.addresses[0], "192.0.2.100");
}

static void a_cancelled_question_is_silent(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	struct resolve *number, *name;

	assert_int_equal(resolve_start(f->resolver, ASK("10.0.0.1", 1), &number), 0);
	assert_int_equal(resolve_start(f->resolver, ASK("four.test", 1), &name), 0);
	resolve_cancel(number);
	resolve_cancel(name);
	ask_for(f, "both.test");
	assert_int_equal(a.calls, 0);
}

static void freeing_with_questions_open_is_silent(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	struct resolve *kept, *cancelled;

	f->silent = true;
	assert_int_equal(resolve_start(f->resolver, ASK("four.test", 1), &kept), 0);
	assert_int_equal(resolve_start(f->resolver, ASK("both.test", 1), &cancelled), 0);
	while (f->questions < 4)
		turn(f);
	resolve_cancel(cancelled);
	resolver_free(f->resolver);
	f->resolver = NULL;
	turn(f);
	assert_int_equal(a.calls, 0);
}

/* The teardown frees resolver and loop without another turn. */
static void ending_with_questions_open_leaks_nothing(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	struct resolve *open, *cancelled;

	assert_int_equal(resolve_start(f->resolver, ASK("four.test", 1), &open), 0);
	assert_int_equal(resolve_start(f->resolver, ASK("both.test", 1), &cancelled), 0);
	resolve_cancel(cancelled);
}

static void names_that_are_none_are_refused(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	struct resolve *q;
	char name[400];

	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(resolve_start(f->resolver, ASK("", 1), &q), -EINVAL);
	assert_int_equal(resolve_start(f->resolver, ASK(name, 1), &q), -EINVAL);
	name[200] = '\0'; /* a label may have 63 */
	assert_int_not_equal(ask_for(f, name).got.failed, 0);
}

static void questions_have_a_ceiling(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	struct resolve *q;

	for (int i = 0; i < RESOLVES_MAX; i++)
		assert_int_equal(resolve_start(f->resolver, ASK("10.0.0.1", 1), &q), 0);
	assert_int_equal(resolve_start(f->resolver, ASK("10.0.0.1", 1), &q), -EAGAIN);
	while (a.calls < RESOLVES_MAX)
		turn(f);
}

/* Also a sender that never pauses gets no more than a slice at a time, and an end. */
static void a_flood_of_answers_holds_nothing_up(void **state)
{
	struct fixture *f = *state;

	f->silent = true;
	floods_begin(f);
	assert_int_equal(ask_for(f, "four.test").got.failed, -EAGAIN);
	floods_end(f);
	assert_true(loop_slices(f->loop)->longest_ns < SLICE_MAX_NS);
}

static void a_large_hosts_file_holds_nothing_up(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/oxp-hosts-XXXXXX";
	const struct resolver_sources sources = { .hosts_file = path };
	FILE *hosts = fdopen(mkstemp(path), "w");
	struct answer a;

	assert_non_null(hosts);
	for (int i = 0; i < 100000; i++)
		fprintf(hosts, "10.%d.%d.%d a%d.of.test\tname%d # %d\n", i >> 16, i >> 8 & 255, i & 255, i, i, i);
	assert_int_equal(fclose(hosts), 0);
	resolver_free(f->resolver);
	assert_int_equal(resolver_new_from(f->loop, &sources, &f->resolver), 0);
	a = ask_for(f, "name99999");
	unlink(path);
	assert_int_equal(a.got.failed, 0);
	assert_address(&a.got.addresses[0], "10.1.134.159");
	assert_true(loop_slices(f->loop)->longest_ns < SLICE_MAX_NS);
}

static void the_system_resolves_localhost(void **state)
{
	struct fixture *f = *state;
	struct resolver *ours = f->resolver;
	struct answer a;

	assert_int_equal(resolver_new(f->loop, &f->resolver), 0);
	a = ask_for(f, "localhost");
	assert_int_equal(a.got.failed, 0);
	resolver_free(f->resolver);
	f->resolver = ours;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_need_no_server, setup, teardown),
		cmocka_unit_test_setup_teardown(the_hosts_file_needs_no_server, setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_may_name_its_interface, setup, teardown),
		cmocka_unit_test_setup_teardown(both_families_come_ipv4_first, setup, teardown),
		cmocka_unit_test_setup_teardown(one_family_is_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(one_family_is_enough_if_the_other_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(one_family_is_enough_if_the_other_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(a_short_name_is_searched, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_is_not_there_costs_no_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_failed_is_asked_again_though_the_other_half_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(no_such_name_is_not_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(names_found_are_kept_a_while, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_kept_for_longer_than_the_server_allows, setup, teardown),
		cmocka_unit_test_setup_teardown(a_silent_server_is_passed_over_for_a_while, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_server_that_was_silent_until_the_question_was_cancelled_is_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_kept_has_a_ceiling, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_question_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_with_questions_open_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(ending_with_questions_open_leaks_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(names_that_are_none_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(questions_have_a_ceiling, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_of_answers_holds_nothing_up, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_hosts_file_holds_nothing_up, setup, teardown),
		cmocka_unit_test_setup_teardown(the_system_resolves_localhost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
