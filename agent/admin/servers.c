#include "admin/servers.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/destinations.h"
#include "admin/metrics.h"
#include "admin/overview.h"
#include "agent_config.h"
#include "core.h"
#include "health/probes.h"
#include "http/taken.h"
#include "memory_limit.h"

enum {
	PROBE_CONNECTIONS = 1024, /* a flood closes a probe's connection only after this many others */
	PULLS_AT_ONCE = 64, /* answers of /metrics being sent; the kernel buffers up to 128 KiB of each */
	CONTROL_CONNECTIONS = 16,
	GRPC_CONNECTIONS = 256,
	ANSWERS_MAX = 1 << 20, /* bytes of answers that peers have not read yet; a single answer may be larger */
	BODY_MAX = 4096,
	IDLE_S = 5,
};

static int new_server(
	struct core *core, struct http_server_options o, const struct http_route *routes, struct http_server **server)
{
	char labels[64];
	int failed;

	snprintf(labels, sizeof labels, "component=\"%s\"", o.name);
	o.evicted = &counter_row(&core->counters, COUNTER_GROWS, "connections_evicted_total", labels,
		"Connections closed to make room for others: the ones silent or unfinished for longest.")
			     ->value;
	o.refused = &counter_row(&core->counters, COUNTER_GROWS, "refused_bad_total", labels,
		"Requests answered 4xx: malformed, too large, too slow, wrong type.")
			     ->value;
	failed = http_server_new(core->loop, &o, routes, server);
	if (failed)
		log_error(core->log, "agent", "%s: cannot serve: %s", o.name, strerror(-failed));
	return failed;
}

/* `option` is the name of the option that sets the address. */
static int listen_at(const struct core *core, struct http_server *server, const char *address, const char *option)
{
	int failed = http_server_listen(server, address, NULL);
	char why[LISTEN_WHY_MAX];

	if (!failed)
		return 0;
	listen_why(address, SOCK_STREAM, failed, why);
	log_error(core->log, "agent", "cannot listen on %s: %s; set `%s` to another address", address, why, option);
	return failed;
}

static void set_routes(struct servers *s, const struct servers_options *o)
{
	bool open = o->config->open_probes;
	const struct http_route routes[] = {
		{ .path = "/metrics",
			.complete = metrics_pull,
			.gone = metrics_gone,
			.context = o->metrics,
			.at_once = PULLS_AT_ONCE },
		{ .path = "/health/liveness", .complete = probes_liveness, .context = o->health, .open = open },
		{ .path = "/health", .complete = probes_liveness, .context = o->health, .open = open },
		{ .path = "/health/startup", .complete = probes_startup, .context = o->health, .open = open },
		{ .path = "/health/readiness", .complete = probes_readiness, .context = o->health, .open = open },
		{ .path = "/ready", .complete = probes_readiness, .context = o->health, .open = open },
		{ .path = "/health/app", .complete = probes_app, .context = o->health, .open = open },
		{ .path = "/health/delivery", .complete = destinations_health, .context = o->destinations },
	};

	memcpy(s->listen_routes, routes, sizeof routes);
}

static void answer_starting(void *context, struct http_request *request)
{
	(void)context;
	http_respond_text(request, 503, "application/json", "{\"status\":\"starting\"}");
}

/* The probes alone: all others answer 503 until what they show is there. */
static void set_routes_of_start(struct servers *s, const struct servers_options *o)
{
	set_routes(s, o);
	for (struct http_route *r = s->listen_routes; r->path; r++)
		if (r->context != o->health)
			*r = (struct http_route){ .path = r->path, .complete = answer_starting };
}

static void tell_listen(void *core, enum log_level level, const char *text)
{
	log_write(((const struct core *)core)->log, level, "listen", "%s", text);
}

static void tell_control(void *core, enum log_level level, const char *text)
{
	log_write(((const struct core *)core)->log, level, "control", "%s", text);
}

static uint64_t *count(struct core *core, const char *component, const char *reason, const char *name, const char *help)
{
	char labels[64];

	snprintf(labels, sizeof labels, "component=\"%s\"%s%s%s", component, reason ? ",reason=\"" : "",
		reason ? reason : "", reason ? "\"" : "");
	return &counter_row(&core->counters, COUNTER_GROWS, name, labels, help)->value;
}

static int open_guard(struct servers *s, const struct servers_options *o)
{
	const struct guard_config *c = &o->config->access;
	struct core *core = o->core;
	struct guard_world world = { .loop = core->loop, .disk = core->disk, .tell = tell_listen, .context = core };

	if (c->cert)
		world.ends[TLS_NONE] = count(core, "listen", NULL, GUARD_HANDSHAKES, GUARD_HANDSHAKES_HELP);
	for (size_t i = TLS_NONE + 1; c->cert && i < TLS_FAULTS; i++)
		world.ends[i] = count(core, "listen", tls_faults[i], GUARD_FAILED, GUARD_FAILED_HELP);
	if (c->auth || c->client_ca)
		world.denied = count(core, "listen", NULL, GUARD_DENIED, GUARD_DENIED_HELP);
	if (c->local.users->count > 0)
		world.refused = count(core, "listen", NULL, UNIX_GUARD_REFUSED, UNIX_GUARD_REFUSED_HELP);
	return guard_init(&s->guard, c, &world, o->config->open_probes);
}

static int new_listen(struct servers *s, const struct servers_options *o)
{
	struct http_server_options options = { .name = "listen",
		.body_max = BODY_MAX,
		.connections_max = PROBE_CONNECTIONS,
		.room = memory_of_listener(o->core->beside),
		.answers_max = ANSWERS_MAX,
		.idle = DURATION_S(IDLE_S),
		.priority = LOOP_PROBES,
		.engine = HTTP_DIRECT, /* Prometheus keeps its connection */
		.origins = { o->config->origins->items, o->config->origins->count, "origins" } };

	int failed = open_guard(s, o);

	s->unguarded = failed;
	if (failed)
		return failed;
	guard_serve(&s->guard, &options);
	return new_server(o->core, options, s->listen_routes, &s->listen);
}

void servers_open_probes(struct servers *s, const struct servers_options *o)
{
	const struct option_list *at = o->config->listen;
	int failed;

	set_routes_of_start(s, o);
	failed = new_listen(s, o);
	for (size_t i = 0; i < at->count && !failed; i++)
		failed = http_server_listen(s->listen, at->items[i], NULL);
	if (failed)
		servers_close(s);
}

static int open_listen(struct servers *s, const struct servers_options *o)
{
	const struct option_list *at = o->config->listen;
	bool there = s->listen;
	int failed;

	set_routes(s, o);
	if (there || s->unguarded)
		return s->unguarded;
	failed = new_listen(s, o);
	for (size_t i = 0; i < at->count && !failed; i++)
		failed = listen_at(o->core, s->listen, at->items[i], "listen");
	return failed;
}

static int new_grpc(struct servers *s, const struct servers_options *o)
{
	const struct http_server_options options = { .name = "health.grpc",
		.body_max = BODY_MAX,
		.connections_max = GRPC_CONNECTIONS,
		.room = memory_of_listener(o->core->beside),
		.answers_max = ANSWERS_MAX,
		.idle = DURATION_S(IDLE_S),
		.priority = LOOP_PROBES,
		.peers = s->guard.peers,
		.engine = HTTP_2 };

	s->grpc_probes.health = o->health;
	grpc_probes_routes(&s->grpc_probes, s->grpc_routes);
	return new_server(o->core, options, s->grpc_routes, &s->grpc);
}

static int open_grpc(struct servers *s, const struct servers_options *o)
{
	const struct option_list *at = o->config->grpc_probes;
	int failed = at->count > 0 ? new_grpc(s, o) : 0;

	s->grpc_probes.destinations = o->destinations;
	for (size_t i = 0; i < at->count && !failed; i++)
		failed = listen_at(o->core, s->grpc, at->items[i], "health.grpc");
	return failed;
}

static int guard_control(struct servers *s, const struct servers_options *o, struct unix_peers *ret)
{
	const struct unix_guard_config *c = &o->config->control_access;

	s->control_guard = (struct unix_guard){ .tell = tell_control, .context = o->core };
	if (c->users->count > 0)
		s->control_guard.refused = count(o->core, "control", NULL, UNIX_GUARD_REFUSED, UNIX_GUARD_REFUSED_HELP);
	return unix_guard_init(&s->control_guard, c, ret);
}

static int open_control(struct servers *s, const struct servers_options *o)
{
	struct http_server_options options = { .name = "control",
		.body_max = BODY_MAX,
		.connections_max = CONTROL_CONNECTIONS,
		.room = memory_of_listener(o->core->beside),
		.answers_max = ANSWERS_MAX,
		.idle = DURATION_S(IDLE_S),
		.priority = LOOP_PROBES };
	int failed = guard_control(s, o, &options.peers);

	if (failed)
		return failed;

	s->control_routes[0] =
		(struct http_route){ .path = "/status", .complete = overview_answer, .context = o->overview };
	/* `oxpecker health` asks here, so it works whatever strangers do to `listen`. */
	s->control_routes[1] =
		(struct http_route){ .path = "/health/readiness", .complete = probes_readiness, .context = o->health };
	parked_routes(o->parked, &s->control_routes[2]);
	recorder_routes(o->recorder, &s->control_routes[2 + PARKED_ROUTES]);
	failed = new_server(o->core, options, s->control_routes, &s->control);
	if (failed)
		return failed;
	return listen_at(o->core, s->control, o->config->control, "control");
}

int servers_open(struct servers *s, const struct servers_options *o)
{
	int failed = open_listen(s, o);

	if (!failed)
		failed = open_grpc(s, o);
	if (!failed)
		failed = open_control(s, o);
	return failed;
}

void servers_close(struct servers *s)
{
	http_server_free(s->listen);
	http_server_free(s->control);
	http_server_free(s->grpc);
	s->listen = s->control = s->grpc = NULL;
	guard_done(&s->guard);
}

void servers_report(void *context, const char *name, struct json_writer *w)
{
	const struct servers *s = context;

	json_put_object(w, name);
	guard_report(&s->guard, w);
	json_put_end(w);
}
