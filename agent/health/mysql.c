/*
 * The `mysql` check: fine if one can log in to MySQL or MariaDB and `SELECT 1`.
 *
 * libmariadb blocks, and what a server may ask of it is much (plugins, keys, files): it runs in a helper, and is loaded
 * there alone.
 */
#include <errno.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "base/library.h"
#include "base/text.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"
#include "health/peer_url.h"
#include "health/trust.h"

enum { DEFAULT_PORT = 3306 };

struct mysql_config {
	const char *url;
	struct trust_config trust;
	bool tls;
};

static const char *const mysql_schemes[] = { "mysql", "mariadb", NULL };

static const struct option mysql_check_options[] = {
	{ OPT_URL(struct mysql_config, url), .name = "url", .main = true, .required = true, .secret = true,
		.example = "mysql://app:${file:/run/secrets/password}@mysql:3306/shop", .choices = mysql_schemes,
		.help = "Where to log in. Behind the slash: the name of a database." },
	{ OPT_BOOL(struct mysql_config, tls), .name = "tls", .text = "false",
		.help = "Whether to speak TLS; a server without it is not fine then." },
	TRUST_ROWS(struct mysql_config, trust),
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

/* The words: url, ca, "tls" or "", "trust anyone" or "". No server gets a file that it asks for, and only one
 * that has proved who it is may ask for the password as it is (mysql_clear_password, dialog). */
static void set_up(const struct library *l, MYSQL *server, const struct look_words *words)
{
	static const char guarded[] = "mysql_native_password,caching_sha2_password,client_ed25519";
	const unsigned no = 0, over_tcp = MYSQL_PROTOCOL_TCP;
	const my_bool tls = *words->words[2] != '\0', verify = tls && !*words->words[3];

	l->options(server, MYSQL_OPT_LOCAL_INFILE, &no);
	l->options(server, MYSQL_OPT_PROTOCOL, &over_tcp);
	l->options(server, MYSQL_OPT_SSL_ENFORCE, &tls);
	l->options(server, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	if (tls && *words->words[1])
		l->options(server, MYSQL_OPT_SSL_CA, words->words[1]);
	if (!verify)
		l->options(server, MARIADB_OPT_RESTRICTED_AUTH, guarded);
}

static bool log_in(const struct library *l, MYSQL *server, const struct peer_url *u)
{
	uint64_t port = DEFAULT_PORT;

	if (*u->port && (!u64_parse(bytes_of(u->port), &port) || port > UINT16_MAX))
		return false;
	return l->connect(server, u->host, u->user, u->password, *u->path ? u->path : NULL, (unsigned)port, NULL, 0) &&
	       l->query(server, "SELECT 1") == 0;
}

/* The library quotes memory in place of the name of the plugin that it was not to use. */
static const char *reason(const char *error)
{
	if (strstr(error, "restricted_auth"))
		return "the server asks for a login that does not protect the password: set tls and verify";
	return *error ? error : "the address is not mysql://user:password@host:port/database";
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
		snprintf(why, LOOK_WHY_MAX, "%s", reason(l.error(server)));
	peer_url_done(&u);
	l.close(server);
	return fine;
}

static int mysql_create(const void *config, struct host *host, struct check **ret)
{
	const struct mysql_config *k = config;
	const char *words[] = { k->url, k->trust.ca, k->tls ? "tls" : "", k->trust.verify ? "" : "trust anyone" };

	if (peer_url_query(k->url)) {
		host_log(host, LOG_LEVEL_ERROR,
			"url: nothing is read behind its \"?\": write the options `tls`, `ca` and `verify`");
		return -EINVAL;
	}
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
