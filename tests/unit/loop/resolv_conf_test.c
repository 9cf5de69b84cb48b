/*
 * resolv.conf: what is taken of it, and that nothing in it can be too much.
 */
#include "loop/resolv_conf.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

static struct resolv_conf parse(const char *text)
{
	struct resolv_conf c;

	resolv_conf_parse(&c, bytes_of(text));
	return c;
}

static void a_pod_has_all_of_it(void **state)
{
	struct resolv_conf c =
		parse("# made by kubelet\nsearch shop.svc.cluster.local svc.cluster.local cluster.local.\n"
		      "nameserver 10.96.0.10\nnameserver\tfe80::1%lo\r\noptions ndots:5 timeout:2 rotate attempts:4\n");
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&c.servers[0];
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&c.servers[1];

	(void)state;
	assert_int_equal(c.servers_count, 2);
	assert_int_equal(v4->sin_addr.s_addr, htonl(0x0a60000a));
	assert_int_equal(ntohs(v4->sin_port), 53);
	assert_int_equal(v6->sin6_family, AF_INET6);
	assert_int_equal(v6->sin6_scope_id, 1);
	assert_int_equal(c.search_count, 3);
	assert_string_equal(c.search[2], "cluster.local");
	assert_int_equal(c.ndots, 5);
	assert_int_equal(c.attempts, 4);
	assert_true(c.rotate);
	assert_int_equal(c.timeout.ns, DURATION_S(2).ns);
}

static void what_it_does_not_say_is_as_in_libc(void **state)
{
	struct resolv_conf c =
		parse("search one.test\ndomain two.test\nnameserver not.a.number\noptions ndots:x timeout:0");

	(void)state;
	assert_int_equal(c.servers_count, 1);
	assert_int_equal(((const struct sockaddr_in *)&c.servers[0])->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(c.search_count, 1);
	assert_string_equal(c.search[0], "two.test");
	assert_int_equal(c.ndots, 1);
	assert_int_equal(c.attempts, 2);
	assert_false(c.rotate);
	assert_int_equal(c.timeout.ns, DURATION_S(1).ns);
}

static void an_interface_may_be_a_number(void **state)
{
	struct resolv_conf c = parse("nameserver fe80::1%7\nnameserver fe80::1%no-such-interface\n");

	(void)state;
	assert_int_equal(c.servers_count, 2);
	assert_int_equal(((const struct sockaddr_in6 *)&c.servers[0])->sin6_scope_id, 7);
	assert_int_equal(((const struct sockaddr_in6 *)&c.servers[1])->sin6_scope_id, 0);
}

/* In a namespace of its own, in which the host may have any name. */
static void search_nowhere_is_not_search_in_the_domain_of_the_host(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWUTS) < 0)
		skip();
	assert_int_equal(sethostname("a.host.test", 11), 0);
	assert_int_equal(parse("search .\n").search_count, 0);
	assert_string_equal(parse("").search[0], "host.test");
}

static void too_much_is_left_out(void **state)
{
	char text[60000] = "search";
	size_t used = strlen(text);
	struct resolv_conf c;

	(void)state;
	for (int i = 0; i < 1000; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, " domain%d.test", i);
	for (int i = 0; i < 1000; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "\nnameserver 10.0.0.%d", i % 256);
	snprintf(text + used, sizeof text - used, "\noptions ndots:99 timeout:9999 attempts:1000000\n");
	c = parse(text);
	assert_int_equal(c.search_count, SEARCH_DOMAINS_MAX);
	assert_int_equal(c.servers_count, NAME_SERVERS_MAX);
	assert_int_equal(c.ndots, 15);
	assert_int_equal(c.attempts, 5);
	assert_int_equal(c.timeout.ns, DURATION_S(30).ns);
}

static void write_file(const char *path, const char *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (int)size);
	close(fd);
}

static void a_fifo_in_its_place_is_not_waited_for(void **state)
{
	char folder[] = "/tmp/oxp-resolv-XXXXXX", path[64];
	struct resolv_conf c;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/resolv.conf", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	resolv_conf_load(&c, path);
	assert_int_equal(c.servers_count, 1);
	unlink(path);
	rmdir(folder);
	resolv_conf_load(&c, path);
	assert_int_equal(c.servers_count, 1);
}

/* 10.0.0.1 would be another server than the 10.0.0.12 that the file names. */
static void a_line_that_is_cut_off_is_left_out(void **state)
{
	static const char first[] = "nameserver 10.9.9.9\nsearch first.test\n", last[] = "\nnameserver 10.0.0.12\n";
	char folder[] = "/tmp/oxp-resolv-XXXXXX", path[64], text[RESOLV_CONF_MAX + sizeof last];
	struct resolv_conf c;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/resolv.conf", folder);
	for (size_t beyond = 0; beyond <= 3; beyond++) {
		size_t size = RESOLV_CONF_MAX + beyond, at = size - (sizeof last - 1);
		memset(text, '#', size);
		memcpy(text, first, sizeof first - 1);
		memcpy(text + at, last, sizeof last - 1);
		write_file(path, text, size);
		resolv_conf_load(&c, path);
		assert_int_equal(c.servers_count, beyond == 0 ? 2 : 1);
		assert_string_equal(c.search[0], "first.test");
	}
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pod_has_all_of_it),
		cmocka_unit_test(what_it_does_not_say_is_as_in_libc),
		cmocka_unit_test(an_interface_may_be_a_number),
		cmocka_unit_test(search_nowhere_is_not_search_in_the_domain_of_the_host),
		cmocka_unit_test(too_much_is_left_out),
		cmocka_unit_test(a_line_that_is_cut_off_is_left_out),
		cmocka_unit_test(a_fifo_in_its_place_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
