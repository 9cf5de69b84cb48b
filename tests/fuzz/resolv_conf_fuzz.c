/*
 * A resolv.conf of any bytes: there is a server to ask, and every number is one that can be worked with.
 */
#include <stdint.h>
#include <stdlib.h>

#include "loop/resolv_conf.h"

static void expect(bool fine)
{
	if (!fine)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct resolv_conf c;

	expect(copy);
	memcpy(copy, data, size);
	resolv_conf_parse(&c, (struct bytes){ copy, size });
	free(copy);
	expect(c.servers_count > 0 && c.servers_count <= NAME_SERVERS_MAX);
	for (size_t i = 0; i < c.servers_count; i++)
		expect(c.servers[i].ss_family == AF_INET || c.servers[i].ss_family == AF_INET6);
	expect(c.search_count <= SEARCH_DOMAINS_MAX);
	for (size_t i = 0; i < c.search_count; i++)
		expect(c.search[i][0] && memchr(c.search[i], 0, SEARCH_DOMAIN_SIZE));
	expect(c.ndots <= 15 && c.attempts > 0 && c.attempts <= 5);
	expect(c.timeout.ns >= DURATION_S(1).ns && c.timeout.ns <= DURATION_S(30).ns);
	return 0;
}
