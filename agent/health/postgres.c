/*
 * The `postgres` check: fine if one can log in to PostgreSQL and `SELECT 1`, as the app does with the same URL.
 *
 * libpq looks names up, reads files and computes a key from the password with as many rounds as the server wishes, all
 * in calls that block. So it runs in a helper, and is loaded there alone.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "config/option.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"
#include "health/peer_url.h"

struct postgres_config {
	const char *url;
};

static const char *const postgres_schemes[] = { "postgres", "postgresql", NULL };

static const struct option postgres_options[] = {
	{ OPT_URL(struct postgres_config, url), .name = "url", .main = true, .required = true, .secret = true,
		.example = "postgresql://app:${file:/run/secrets/password}@postgres:5432/shop?sslmode=verify-full",
		.choices = postgres_schemes,
		.help = "Where to log in, as libpq reads it (a DATABASE_URL): sslmode, sslrootcert and others may be "
			"in it." },
	{ .name = NULL },
};

struct libpq {
	__typeof__(PQconnectdbParams) *connect;
	__typeof__(PQstatus) *status;
	__typeof__(PQerrorMessage) *error;
	__typeof__(PQexec) *exec;
	__typeof__(PQresultStatus) *result_status;
	__typeof__(PQclear) *clear;
	__typeof__(PQfinish) *finish;
};

static int load(struct libpq *ret, char why[LOOK_WHY_MAX])
{
	const struct library_function functions[] = { { "PQconnectdbParams", &ret->connect },
		{ "PQstatus", &ret->status }, { "PQerrorMessage", &ret->error }, { "PQexec", &ret->exec },
		{ "PQresultStatus", &ret->result_status }, { "PQclear", &ret->clear }, { "PQfinish", &ret->finish } };

	return library_load("libpq.so.5", functions, COUNT_OF(functions), why, LOOK_WHY_MAX);
}

/* The URL without user and password, for free(). */
static char *without_login(const char *url)
{
	const char *slashes = strstr(url, "://"), *host = strrchr(url, '@');
	char *rest = oxp_strdup(url);

	if (slashes && host)
		memmove(rest + (slashes + 3 - url), host + 1, strlen(host + 1) + 1);
	return rest;
}

/*
 * libpq does not see the login in the URL: it would take it apart in another way than peer_url.h if it is not escaped,
 * and quote part of a password as a host or a port. Of a home neither passwords nor tickets nor a certificate of ours
 * are taken; the variables of libpq (PGSSLMODE and others) and root.crt hold as for the app.
 */
static PGconn *log_in(const struct libpq *pq, const char *url, const struct peer_url *u)
{
	static const char none[] = "/dev/null/none";
	const char *const names[] = { "passfile", "sslcert", "sslkey", "gssencmode", "fallback_application_name",
		"dbname", "user", "password", NULL };
	const char *const values[] = { none, none, none, "disable", "oxpecker", url, u->user, u->password, NULL };

	return pq->connect(names, values, true);
}

bool look_postgres(const struct look_words *words, char why[LOOK_WHY_MAX])
{
	struct libpq pq;
	struct peer_url u;
	char *url;
	PGconn *server;
	PGresult *got;
	bool fine = false;

	if (load(&pq, why))
		return false;
	if (!peer_url_read(words->words[0], &u)) {
		snprintf(why, LOOK_WHY_MAX, "the address is not postgresql://user:password@host:port/database");
		peer_url_done(&u);
		return false;
	}
	url = without_login(words->words[0]);
	server = log_in(&pq, url, &u);
	free(url);
	peer_url_done(&u);
	if (pq.status(server) == CONNECTION_OK) {
		got = pq.exec(server, "SELECT 1");
		fine = pq.result_status(got) == PGRES_TUPLES_OK;
		pq.clear(got);
	}
	if (!fine)
		snprintf(why, LOOK_WHY_MAX, "%s", pq.error(server));
	pq.finish(server);
	return fine;
}

static int postgres_create(const void *config, struct host *host, struct check **ret)
{
	const struct postgres_config *k = config;
	const char *query = strchr(k->url, '?');

	if (query && strchr(query, '@')) { /* is it of the login, or of the query? */
		host_log(host, LOG_LEVEL_ERROR,
			"url: an @ behind a \"?\": write %%40 there, or %%3F for a \"?\" in the password");
		return -EINVAL;
	}
	return helped_create(&(struct helped_task){ "postgres", &k->url, 1 }, host, ret);
}

const struct check_type check_postgres = {
	.name = "postgres",
	.summary = "Fine if one can log in to PostgreSQL and SELECT 1.",
	.schemes = postgres_schemes,
	.options = postgres_options,
	.config_size = sizeof(struct postgres_config),
	.create = postgres_create,
	.start = helped_start,
	.cancel = helped_cancel,
	.destroy = helped_destroy,
};
