#include "access/guard.h"

#include <errno.h>
#include <stdio.h>

enum { TEXT_MAX = 512 };

const char *const guard_tls_words[] = { [GUARD_TLS_12] = "1.2", [GUARD_TLS_13] = "1.3", NULL };

static const char *what_is_wrong(const struct guard_config *c)
{
	if (!c->cert != !c->key)
		return "cert and key go together";
	if (c->client_ca && !c->cert)
		return "client_ca without cert and key: it says whom to trust over TLS";
	if (c->client_names->count > 0 && !c->client_ca)
		return "client_names without client_ca: anyone could have such a name";
	if (c->client_names->count > TLS_NAMES_MAX)
		return "client_names has more than 64 of them";
	for (size_t i = 0; i < c->client_names->count; i++)
		if (!*c->client_names->items[i])
			return "client_names has an empty name";
	return NULL;
}

bool guard_check(const struct guard_config *c, char *why, size_t room)
{
	const char *wrong = what_is_wrong(c);

	if (wrong)
		snprintf(why, room, "%s", wrong);
	return !wrong && unix_guard_check(&c->local, why, room);
}

/* Who only leaves, as a check of a port does, or is too slow, is counted and no more. */
static void greeted(void *context, const char *peer, enum tls_fault fault, const char *why)
{
	const struct guard *g = context;
	char text[TEXT_MAX];

	++*g->world.ends[fault];
	if (fault == TLS_NONE || fault == TLS_LEFT || fault == TLS_LATE)
		return;
	snprintf(text, sizeof text, "a TLS handshake with %s failed: %s", peer, why);
	g->world.tell(g->world.context, LOG_LEVEL_WARN, text);
}

static void tell_if_over(const struct guard *g, const char *cert)
{
	char text[TEXT_MAX];

	if (tls_keys_end(g->keys).ns > loop_wall(g->world.loop).ns)
		return;
	snprintf(text, sizeof text, "%s: the certificate has run out; clients will not trust it", cert);
	g->world.tell(g->world.context, LOG_LEVEL_WARN, text);
}

/* Who may ask. */

static bool allows(void *context, const struct http_request *r)
{
	const struct guard *g = context;
	const char *given = http_request_header(r, "Authorization"), *wrong = NULL;
	char text[TEXT_MAX];

	if (g->some_open && g->keys && g->asks && !http_request_is_known(r))
		wrong = "its peer presented no certificate";
	else if (g->allowed.path && !credentials_have(&g->allowed.in_force, given))
		wrong = given ? "its credentials are wrong" : "it has no credentials";
	if (!wrong)
		return true;
	++*g->world.denied;
	snprintf(text, sizeof text, "a request for %.100s is answered 401: %s", http_request_path(r), wrong);
	g->world.tell(g->world.context, LOG_LEVEL_WARN, text);
	return false;
}

static int init_tls(struct guard *g, const struct guard_config *c)
{
	struct tls_keys_options o = { .files = { .cert = c->cert, .key = c->key, .client_ca = c->client_ca },
		.disk = g->world.disk,
		.tell = g->world.tell,
		.context = g->world.context };
	int failed;

	o.files.names = c->client_names->items;
	o.files.names_count = c->client_names->count;
	o.files.only_13 = c->tls_min == GUARD_TLS_13;
	o.files.optional = g->some_open;
	failed = tls_keys_new(g->world.loop, &o, &g->keys);
	if (!failed)
		tell_if_over(g, c->cert);
	return failed;
}

int guard_init(struct guard *g, const struct guard_config *c, const struct guard_world *world, bool some_open)
{
	int failed;

	*g = (struct guard){ .world = *world,
		.cert = c->cert,
		.asks = c->client_ca,
		.some_open = some_open,
		.allowed = { .path = c->auth, .disk = world->disk, .tell = world->tell, .context = world->context } };
	g->local = (struct unix_guard){ world->refused, world->tell, world->context };
	failed = unix_guard_init(&g->local, &c->local, &g->peers);
	if (!failed && c->cert)
		failed = init_tls(g, c);
	if (!failed && c->auth)
		failed = allowed_init(&g->allowed, world->loop);
	return failed;
}

static void tell_host(void *context, enum log_level level, const char *text)
{
	host_log(context, level, "%s", text);
}

int guard_init_host(struct guard *g, const struct guard_config *c, struct host *host)
{
	struct guard_world world = {
		.loop = host_loop(host), .disk = host_disk_lane(host), .tell = tell_host, .context = host
	};

	if (c->cert)
		world.ends[TLS_NONE] = host_counter(host, GUARD_HANDSHAKES, GUARD_HANDSHAKES_HELP);
	for (size_t i = TLS_NONE + 1; c->cert && i < TLS_FAULTS; i++)
		world.ends[i] = host_counter_by(host, tls_faults[i], GUARD_FAILED, GUARD_FAILED_HELP);
	if (c->auth)
		world.denied = host_counter(host, GUARD_DENIED, GUARD_DENIED_HELP);
	if (c->local.users->count > 0)
		world.refused = host_counter(host, UNIX_GUARD_REFUSED, UNIX_GUARD_REFUSED_HELP);
	return guard_init(g, c, &world, false);
}

void guard_done(struct guard *g)
{
	allowed_done(&g->allowed);
	tls_keys_free(g->keys);
	g->keys = NULL;
}

void guard_serve(struct guard *g, struct http_server_options *o)
{
	bool asks = g->allowed.path || (g->some_open && g->keys && g->asks);

	o->secure = (struct http_secure){ g->keys, greeted, asks ? allows : NULL, g };
	o->peers = g->peers;
}

void guard_report(const struct guard *g, struct json_writer *w)
{
	const char *wrong = g->keys ? tls_keys_wrong(g->keys) : NULL;

	if (!wrong)
		return;
	json_put_array(w, "troubles");
	json_put_object(w, NULL);
	json_put_string(w, "file", g->cert);
	json_put_string(w, "why", wrong);
	json_put_end(w);
	json_put_end(w);
}
