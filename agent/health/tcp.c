/*
 * The `tcp` check: fine if a TCP connection can be made.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "config/option.h"
#include "health/connect.h"
#include "health/health.h"
#include "loop/resolve.h"

struct tcp_check_config {
	const char *address;
};

static const struct option tcp_check_options[] = {
	{ OPT_TEXT(struct tcp_check_config, address), .name = "address", .main = true, .required = true,
		.example = "tcp://postgres:5432", .help = "Address to connect to: tcp://host:port, or host:port." },
	{ .name = NULL },
};

struct check {
	struct connect_check connect;
	char *name;
	uint16_t port;
	struct resolve *resolve;
	struct resolved found;
	size_t first, tried; /* of the addresses: where a look begins, and how many it has tried */
};

/* One address of the name after another, until there is a connection. */
static bool try_next(struct connect_check *connect)
{
	struct check *c = CONTAINER_OF(connect, struct check, connect);
	const struct sockaddr *address;

	if (c->tried >= c->found.count)
		return false;
	address = (const struct sockaddr *)&c->found.addresses[(c->first + c->tried++) % c->found.count];
	connect_check_start(&c->connect, address,
		address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	return true;
}

static void on_resolved(void *context, const struct resolved *r)
{
	struct check *c = context;

	c->resolve = NULL;
	c->found = *r;
	c->tried = 0;
	if (r->failed || r->count == 0)
		host_checked(c->connect.host, false, "unknown host name");
	else
		try_next(&c->connect);
}

static void tcp_check_start(struct check *c)
{
	const struct resolve_question question = { c->name, c->port, on_resolved, c };

	if (resolve_start(host_resolver(c->connect.host), &question, &c->resolve) < 0)
		host_checked(c->connect.host, false, "cannot resolve the name");
}

static void tcp_check_cancel(struct check *c)
{
	if (c->resolve)
		resolve_cancel(c->resolve);
	c->resolve = NULL;
	if (c->connect.fd >= 0) /* time is up: the next look begins with the next address */
		c->first += c->tried;
	connect_check_cancel(&c->connect);
}

static void tcp_check_destroy(struct check *c)
{
	if (!c)
		return;
	tcp_check_cancel(c);
	free(c->name);
	free(c);
}

static int tcp_check_create(const void *config, struct host *host, struct check **ret)
{
	const struct tcp_check_config *k = config;
	struct check *c = oxp_new(sizeof *c);
	const char *address = strncmp(k->address, "tcp://", 6) == 0 ? k->address + 6 : k->address;

	connect_check_init(&c->connect, host);
	c->connect.again = try_next;
	if (!address_split(address, &c->name, &c->port)) {
		host_log(host, LOG_LEVEL_ERROR, "address: \"%s\" is not host:port", k->address);
		tcp_check_destroy(c);
		return -EINVAL;
	}
	*ret = c;
	return 0;
}

static const char *const tcp_schemes[] = { "tcp", NULL };

const struct check_type check_tcp = {
	.name = "tcp",
	.summary = "Fine if a TCP connection can be made.",
	.schemes = tcp_schemes,
	.options = tcp_check_options,
	.config_size = sizeof(struct tcp_check_config),
	.create = tcp_check_create,
	.start = tcp_check_start,
	.cancel = tcp_check_cancel,
	.destroy = tcp_check_destroy,
};
