/*
 * The `unix` check: fine if a connection to a Unix stream socket can be made.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>

#include "config/option.h"
#include "health/connect.h"
#include "health/health.h"

struct unix_check_config {
	const char *path;
};

static const struct option unix_check_options[] = {
	{ OPT_TEXT(struct unix_check_config, path), .name = "path", .main = true, .required = true,
		.example = "unix:/run/app/app.sock", .help = "Socket to connect to: unix:/path, or the path." },
	{ .name = NULL },
};

struct check {
	struct connect_check connect;
	struct sockaddr_un address;
};

static void unix_check_start(struct check *c)
{
	connect_check_start(&c->connect, (const struct sockaddr *)&c->address, sizeof c->address);
}

static void unix_check_cancel(struct check *c)
{
	connect_check_cancel(&c->connect);
}

static void unix_check_destroy(struct check *c)
{
	if (!c)
		return;
	connect_check_cancel(&c->connect);
	free(c);
}

static int unix_check_create(const void *config, struct host *host, struct check **ret)
{
	const struct unix_check_config *k = config;
	const char *path = strncmp(k->path, "unix:", 5) == 0 ? k->path + 5 : k->path;
	struct check *c;

	while (path[0] == '/' && path[1] == '/')
		path++;
	if (strlen(path) == 0 || strlen(path) >= sizeof c->address.sun_path) {
		host_log(host, LOG_LEVEL_ERROR, "path: \"%s\" is empty or too long for a socket", k->path);
		return -EINVAL;
	}
	c = oxp_new(sizeof *c);
	connect_check_init(&c->connect, host);
	c->address.sun_family = AF_UNIX;
	memcpy(c->address.sun_path, path, strlen(path) + 1);
	*ret = c;
	return 0;
}

static const char *const unix_schemes[] = { "unix", NULL };

const struct check_type check_unix = {
	.name = "unix",
	.summary = "Fine if a connection to a Unix socket can be made.",
	.schemes = unix_schemes,
	.options = unix_check_options,
	.config_size = sizeof(struct unix_check_config),
	.create = unix_check_create,
	.start = unix_check_start,
	.cancel = unix_check_cancel,
	.destroy = unix_check_destroy,
};
