/*
 * The `redis` check: fine if Redis, or what speaks its protocol, takes the login and answers PING.
 *
 * It speaks RESP itself (redis.io, "Redis serialization protocol specification"): three commands whose answers are one
 * line each. Debian 12's hiredis has no TLS, and takes answers of any size.
 */
#include <stdio.h>
#include <string.h>

#include "config/option.h"
#include "health/dial.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"
#include "health/peer_url.h"

enum { ANSWER_MAX = 256, ARGUMENTS_MAX = 3 };

struct redis_config {
	const char *url, *ca;
	bool verify;
};

static const char *const redis_schemes[] = { "redis", "rediss", NULL };

static const struct option redis_options[] = {
	{ OPT_URL(struct redis_config, url), .name = "url", .main = true, .required = true, .secret = true,
		.example = "rediss://app:${file:/run/secrets/password}@redis:6379/0", .choices = redis_schemes,
		.help = "Where to log in; rediss is with TLS. Behind the slash: the number of a database." },
	{ OPT_PATH(struct redis_config, ca), .name = "ca", .example = "/etc/oxpecker/ca.pem",
		.help = "File of the authorities that may have signed the server's certificate; if it is missing, "
			"those of the system." },
	{ OPT_BOOL(struct redis_config, verify), .name = "verify", .text = "true",
		.help = "Whether to check the server's certificate and name." },
	{ .name = NULL },
};

/* As an array of bulk strings. */
static bool send_command(struct dial *server, const char *const *words, size_t count)
{
	char head[32];
	int size = snprintf(head, sizeof head, "*%zu\r\n", count);

	if (!dial_write(server, head, (size_t)size))
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(words[i]);
		size = snprintf(head, sizeof head, "$%zu\r\n", length);
		if (!dial_write(server, head, (size_t)size) || !dial_write(server, words[i], length) ||
			!dial_write(server, "\r\n", 2))
			return false;
	}
	return true;
}

/* A simple string is fine; an error says why not. */
static bool ask(struct dial *server, const char *const *words, size_t count, char why[LOOK_WHY_MAX])
{
	char line[ANSWER_MAX];

	if (!send_command(server, words, count) || !dial_read_line(server, line, sizeof line)) {
		snprintf(why, LOOK_WHY_MAX, "the connection broke at %s", words[0]);
		return false;
	}
	if (*line == '+')
		return true;
	if (*line == '-')
		snprintf(why, LOOK_WHY_MAX, "%s: %s", words[0], line + 1);
	else
		snprintf(why, LOOK_WHY_MAX, "%s: the answer is not that of a Redis", words[0]);
	return false;
}

static bool ask_all(struct dial *server, const struct peer_url *u, char why[LOOK_WHY_MAX])
{
	const char *login[ARGUMENTS_MAX] = { "AUTH", u->user, u->password };
	const char *password_alone[] = { "AUTH", u->password }, *database[] = { "SELECT", u->path },
		   *ping[] = { "PING" };
	bool fine = true;

	if (*u->password && *u->user)
		fine = ask(server, login, COUNT_OF(login), why);
	else if (*u->password)
		fine = ask(server, password_alone, COUNT_OF(password_alone), why);
	if (fine && *u->path)
		fine = ask(server, database, COUNT_OF(database), why);
	return fine && ask(server, ping, COUNT_OF(ping), why);
}

bool look_redis(const struct look_words *words, char why[LOOK_WHY_MAX])
{
	struct dial *server = NULL;
	struct peer_url u;
	bool fine = false;

	if (peer_url_read(words->words[0], &u)) {
		const struct dial_options o = { .host = u.host,
			.port = *u.port ? u.port : "6379",
			.tls = strcmp(u.scheme, "rediss") == 0,
			.ca = words->words[1],
			.trust_anyone = *words->words[2] };
		server = dial_new(&o, why, LOOK_WHY_MAX);
		fine = server && ask_all(server, &u, why);
	} else {
		snprintf(why, LOOK_WHY_MAX, "the address is not redis://user:password@host:port/database");
	}
	dial_free(server);
	peer_url_done(&u);
	return fine;
}

static int redis_create(const void *config, struct host *host, struct check **ret)
{
	const struct redis_config *k = config;
	const char *words[] = { k->url, k->ca, k->verify ? "" : "trust anyone" };

	return helped_create(&(struct helped_task){ "redis", words, COUNT_OF(words) }, host, ret);
}

const struct check_type check_redis = {
	.name = "redis",
	.summary = "Fine if Redis takes the login and answers PING.",
	.schemes = redis_schemes,
	.options = redis_options,
	.config_size = sizeof(struct redis_config),
	.create = redis_create,
	.start = helped_start,
	.cancel = helped_cancel,
	.destroy = helped_destroy,
};
