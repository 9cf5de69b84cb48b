/*
 * The `mysql` check: fine if one can log in to MySQL or MariaDB and `SELECT 1`.
 *
 * libmariadb blocks, and what a server may ask of it is much (plugins, keys, files): it runs in a helper, and is loaded
 * there alone.
 */
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "base/library.h"
#include "base/text.h"
#include "config/option.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"
#include "health/peer_url.h"

enum { DEFAULT_PORT = 3306 };

struct mysql_config {
	const char *url, *ca;
	bool tls, verify;
};

static const char *const mysql_schemes[] = { "mysql", "mariadb", NULL };

static const struct option mysql_check_options[] = {
	{ OPT_URL(struct mysql_config, url), .name = "url", .main = true, .required = true, .secret = true,
		.example = "mysql://app:${file:/run/secrets/password}@mysql:3306/shop", .choices = mysql_schemes,
		.help = "Where to log in. Behind the slash: the name of a database." },
	{ OPT_BOOL(struct mysql_config, tls), .name = "tls", .text = "false",
		.help = "Whether to speak TLS; a server without it is not fine then." },
	{ OPT_PATH(struct mysql_config, ca), .name = "ca", .example = "/etc/oxpecker/ca.pem",
		.help = "File of the authorities that may have signed the server's certificate; if it is missing, "
			"those of the system." },
	{ OPT_BOOL(struct mysql_config, verify), .name = "verify", .text = "true",
		.help = "Whether to check the server's certificate and name." },
	{ .name = NULL },
};

struct library {
	__typeof__(mysql_init) *init;
	__typeof__(mysql_options) *options;
	__typeof__(mysql_real_connect) *connect;
	__typeof__(mysql_query) *query;
	__typeof__(mysql_error) *error;
	__typeof__(mysql_close) *close;
};

static int load(struct library *ret, char why[LOOK_WHY_MAX])
{
	const struct library_function functions[] = { { "mysql_init", &ret->init }, { "mysql_options", &ret->options },
		{ "mysql_real_connect", &ret->connect }, { "mysql_query", &ret->query }, { "mysql_error", &ret->error },
		{ "mysql_close", &ret->close } };

	return library_load("libmariadb.so.3", functions, COUNT_OF(functions), why, LOOK_WHY_MAX);
}

/* The words: url, ca, "tls" or "", "trust anyone" or "". No server gets a file that it asks for. */
static void set_up(const struct library *l, MYSQL *server, const struct look_words *words)
{
	const unsigned no = 0, over_tcp = MYSQL_PROTOCOL_TCP;
	const my_bool tls = *words->words[2] != '\0', verify = tls && !*words->words[3];

	l->options(server, MYSQL_OPT_LOCAL_INFILE, &no);
	l->options(server, MYSQL_OPT_PROTOCOL, &over_tcp);
	l->options(server, MYSQL_OPT_SSL_ENFORCE, &tls);
	l->options(server, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	if (tls && *words->words[1])
		l->options(server, MYSQL_OPT_SSL_CA, words->words[1]);
}

static bool log_in(const struct library *l, MYSQL *server, const struct peer_url *u)
{
	uint64_t port = DEFAULT_PORT;

	if (*u->port && (!u64_parse(bytes_of(u->port), &port) || port > UINT16_MAX))
		return false;
	return l->connect(server, u->host, u->user, u->password, *u->path ? u->path : NULL, (unsigned)port, NULL, 0) &&
	       l->query(server, "SELECT 1") == 0;
}

bool look_mysql(const struct look_words *words, char why[LOOK_WHY_MAX])
{
	struct library l;
	struct peer_url u;
	MYSQL *server;
	bool fine = false;

	if (load(&l, why))
		return false;
	server = l.init(NULL);
	if (!server) {
		snprintf(why, LOOK_WHY_MAX, "out of memory");
		return false;
	}
	set_up(&l, server, words);
	fine = peer_url_read(words->words[0], &u) && log_in(&l, server, &u);
	if (!fine)
		snprintf(why, LOOK_WHY_MAX, "%s",
			*l.error(server) ? l.error(server)
					 : "the address is not mysql://user:password@host:port/database");
	peer_url_done(&u);
	l.close(server);
	return fine;
}

static int mysql_create(const void *config, struct host *host, struct check **ret)
{
	const struct mysql_config *k = config;
	const char *words[] = { k->url, k->ca, k->tls ? "tls" : "", k->verify ? "" : "trust anyone" };

	return helped_create(&(struct helped_task){ "mysql", words, COUNT_OF(words) }, host, ret);
}

const struct check_type check_mysql = {
	.name = "mysql",
	.summary = "Fine if one can log in to MySQL or MariaDB and SELECT 1.",
	.schemes = mysql_schemes,
	.options = mysql_check_options,
	.config_size = sizeof(struct mysql_config),
	.create = mysql_create,
	.start = helped_start,
	.cancel = helped_cancel,
	.destroy = helped_destroy,
};
