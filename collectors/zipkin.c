/*
 * The `zipkin` door, for apps whose tracer sends Zipkin's JSON v2 over HTTP. What comes is written as OTLP
 * (proto/zipkin.h). A request that finds no room is answered 503. (Zipkin API v2: POST /api/v2/spans, answered 202.)
 */
#include <stdlib.h>

#include "base/text.h"
#include "collectors/spans_door.h"
#include "proto/zipkin.h"

struct zipkin_config {
	struct spans_door_config door;
};

static const struct option zipkin_options[] = {
	{ OPT_ADDRESSES(struct zipkin_config, door.http), .name = "http", .main = true, .text = "127.0.0.1:9411",
		.help = "Addresses to listen on for JSON v2: host:port, :port or unix:/path." },
	SPANS_DOOR_OPTIONS(struct zipkin_config, door),
	{ .name = NULL },
};

struct collector {
	const struct zipkin_config *config;
	struct spans_tally tally;
	struct spans_door door;
};

static const struct spans_form form = { "a list of Zipkin's spans", zipkin_plan, zipkin_write };

/* Zipkin's API wants no type. A web page sends its spans as plain text, since that needs no preflight: it is served if
 * its origin is, which the server has looked at by now. Without an origin, plain text is what any form may send. */
static bool needs_type(struct http_request *request)
{
	const char *type = http_request_header(request, "Content-Type");

	if (!type || !*type)
		return false;
	return !media_type_is(bytes_of(type), "text/plain") || !http_request_header(request, "Origin");
}

static enum http_take begin(void *context, struct http_request *request)
{
	return door_begin(context, request, needs_type(request) ? "application/json" : NULL);
}

static bool zipkin_check(const void *config, char *why, size_t room)
{
	return spans_door_check(&((const struct zipkin_config *)config)->door, why, room);
}

static int zipkin_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	int failed;

	c->config = config;
	spans_tally_init(&c->tally, host);
	failed = spans_door_init(&c->door, &form, host, &c->config->door, &c->tally);
	if (failed)
		free(c);
	else
		*ret = c;
	return failed;
}

static int zipkin_start(struct collector *c)
{
	return spans_door_start(&c->door, "/api/v2/spans", begin);
}

static void zipkin_resume(struct collector *c)
{
	door_resume(&c->door.door);
}

static bool zipkin_quiet(struct collector *c)
{
	return door_quiet(&c->door.door);
}

static void zipkin_report(const struct collector *c, struct json_writer *w)
{
	door_report(&c->door.door, w);
}

static void zipkin_stop(struct collector *c)
{
	door_stop(&c->door.door);
}

static void zipkin_destroy(struct collector *c)
{
	if (c)
		door_done(&c->door.door);
	free(c);
}

const struct collector_type collector_zipkin = {
	.name = "zipkin",
	.summary = "Takes spans from Zipkin's clients: JSON v2 over HTTP.",
	.signals = SIGNAL_TRACES,
	.when_full = FULL_REFUSE,
	.rewind = REWIND_NONE,
	.options = zipkin_options,
	.config_size = sizeof(struct zipkin_config),
	.check = zipkin_check,
	.create = zipkin_create,
	.start = zipkin_start,
	.resume = zipkin_resume,
	.report = zipkin_report,
	.quiet = zipkin_quiet,
	.stop = zipkin_stop,
	.destroy = zipkin_destroy,
};
