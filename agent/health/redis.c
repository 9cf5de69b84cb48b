/*
 * The `redis` check: fine if Redis, or what speaks its protocol, takes the login and answers PING.
 *
 * It speaks RESP itself (redis.io, "Redis serialization protocol specification"): three commands whose answers are one
 * line each. Debian 12's hiredis has no TLS, and takes answers of any size.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "health/dial.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"
#include "health/peer_url.h"
#include "health/trust.h"
#include "loop/child.h"

enum { ANSWER_MAX = 256, ARGUMENTS_MAX = 3, COMMAND_MAX = CHILD_TASK_MAX + 128 };

struct redis_config {
	const char *url;
	struct trust_config trust;
};

static const char *const redis_schemes[] = { "redis", "rediss", NULL };

static const struct option redis_options[] = {
	{ OPT_URL(struct redis_config, url), .name = "url", .main = true, .required = true, .secret = true,
		.example = "rediss://app:${file:/run/secrets/password}@redis:6379/0", .choices = redis_schemes,
		.help = "Where to log in; rediss is with TLS. Behind the slash: the number of a database." },
	TRUST_ROWS(struct redis_config, trust),
	{ .name = NULL },
};

/* As an array of bulk strings, in one piece. */
static bool send_command(struct dial *server, const char *const *words, size_t count)
{
	struct buffer command;
	int failed;
	bool sent;

	buffer_init(&command, COMMAND_MAX);
	failed = buffer_printf(&command, "*%zu\r\n", count);
	for (size_t i = 0; i < count && !failed; i++)
		failed = buffer_printf(&command, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
	sent = !failed && dial_write(server, command.data, command.size);
	buffer_done(&command);
	return sent;
}

/* Whether a simple string is what a Redis answers: POP3 and others greet with one, too. */
static bool is_fine(const char *command, const char *line)
{
	return *line == '+' && (strcmp(command, "PING") != 0 || strcmp(line, "+PONG") == 0);
}

/* An error says why not, also if the peer was gone before it was asked. */
static bool ask(struct dial *server, const char *const *words, size_t count, char why[LOOK_WHY_MAX])
{
	char line[ANSWER_MAX];
	bool sent = send_command(server, words, count);

	if (!dial_read_line(server, line, sizeof line) || (!sent && *line == '+')) {
		snprintf(why, LOOK_WHY_MAX, "the connection broke at %s", words[0]);
		return false;
	}
	if (is_fine(words[0], line))
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
	const char *words[] = { k->url, k->trust.ca, k->trust.verify ? "" : "trust anyone" };

	if (peer_url_query(k->url)) {
		host_log(host, LOG_LEVEL_ERROR,
			"url: nothing is read behind its \"?\": write rediss for TLS, and the options `ca` and "
			"`verify`");
		return -EINVAL;
	}
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
