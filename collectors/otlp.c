/*
 * The `otlp` door: spans over OTLP/HTTP as protobuf, on TCP and on Unix sockets.
 *
 * A body is checked on the wire before anything else sees it, so one client's bytes cannot sink a merged batch. A wrong
 * frame is answered 400. If the frame is fine, a fault costs only the part that has it, and the answer reports it as a
 * partial success: what can be mended is mended (proto/otlp_mend.h), and a span that cannot be is refused. The answer
 * says that the spans are held within the budget (`ack: memory`) or on disk (`ack: disk`). If there is no room it is
 * 503 with Retry-After, and nothing of the request is taken. (OTLP specification 1.11.0, "OTLP/HTTP": the answer has
 * the Content-Type of the request, an error is a google.rpc.Status, an empty request is fine.)
 */
#include <stdio.h>
#include <stdlib.h>

#include "collectors/door.h"
#include "proto/otlp_mend.h"
#include "proto/otlp_response.h"
#include "proto/otlp_walk.h"

enum {
	/* google.rpc.Code */
	RPC_INVALID_ARGUMENT = 3,
	RPC_UNAVAILABLE = 14,
	TELL_MENDED_S = 60,
	ANSWER_MAX = 4096,
};

struct otlp_door_config {
	const struct option_list *http;
	uint64_t body_max, connections;
	enum door_ack ack;
	const struct option_list *origins;
};

static const struct option otlp_door_options[] = {
	{ OPT_ADDRESSES(struct otlp_door_config, http), .name = "http", .main = true, .text = "127.0.0.1:4318",
		.help = "Addresses to listen on for OTLP/HTTP: host:port, :port or unix:/path." },
	{ OPT_SIZE(struct otlp_door_config, body_max), .name = "body_max", .text = "8MiB", .min = 1 << 10,
		.max = 64 << 20,
		.help = "Largest request, both before and after decompression; a larger one is answered 413." },
	{ OPT_COUNT(struct otlp_door_config, connections), .name = "connections", .text = "128", .min = 1, .max = 4096,
		.help = DOOR_CONNECTIONS_HELP },
	{ OPT_CHOICE(struct otlp_door_config, ack, door_acks), .name = "ack", .text = "memory", .help = DOOR_ACK_HELP },
	{ OPT_TEXTS(struct otlp_door_config, origins), .name = "origins", .example = "[\"https://app.example.com\"]",
		.help = DOOR_ORIGINS_HELP },
	{ .name = NULL },
};

struct collector {
	struct door door;
	const struct otlp_door_config *config;
	struct http_route routes[2];
	struct mono_time told; /* when it was logged that a request was mended; 0: never */
	uint64_t *spans, *refused, *texts, *values, *links;
};

struct otlp_request {
	struct door_request base;
	struct otlp_mend mend; /* `room` is 0 when all was fine; `span` is never set */
};

static struct otlp_request *otlp_of(struct door_request *r)
{
	return CONTAINER_OF(r, struct otlp_request, base);
}

static void answer(struct http_request *request, unsigned status, const char *message)
{
	static const char *const later[] = { "Retry-After", "1", NULL };
	int code = status == 503 ? RPC_UNAVAILABLE : RPC_INVALID_ARGUMENT;
	struct buffer out;

	buffer_init(&out, ANSWER_MAX);
	if (message && otlp_status_write(code, message, &out) < 0)
		buffer_clear(&out);
	http_respond(request, &(struct http_answer){ .status = status,
				      .content_type = "application/x-protobuf",
				      .headers = status == 503 ? later : NULL,
				      .body = &out });
	buffer_done(&out);
}

/* `reason` says what was done. */
static enum otlp_fault plan_mending(struct door_request *r, size_t *at)
{
	struct otlp_mend *m = &otlp_of(r)->mend;
	enum otlp_fault fault;

	r->later = !r->in_lane && r->body.size > DOOR_MEND_INLINE_MAX;
	if (r->later)
		return OTLP_OK;
	fault = otlp_mend_plan((struct bytes){ r->body.data, r->body.size }, m, at);
	if (fault)
		return fault;
	otlp_mend_tell(m, r->reason, sizeof r->reason);
	m->span = (struct bytes){ "", 0 };
	if (m->spans == 0) /* there is nothing to write */
		return OTLP_OK;
	r->wants = m->room;
	r->over_max = m->size > r->door->body_max || m->room > 2 * r->door->body_max;
	if (r->over_max)
		r->fault = "what is wrong in the request takes more than body_max to mend: send less at a time";
	return OTLP_OK;
}

static void otlp_look(struct door_request *r)
{
	size_t at = 0;
	struct otlp_summary sum;
	enum otlp_fault fault = otlp_traces_check(r->body.data, r->body.size, &sum, &at);

	otlp_of(r)->mend = (struct otlp_mend){ .spans = sum.spans };
	if (otlp_fault_can_be_mended(fault))
		fault = plan_mending(r, &at);
	if (fault == OTLP_OK)
		return;
	snprintf(r->reason, sizeof r->reason, "not an OTLP trace request: %s at byte %zu", otlp_fault_name(fault), at);
	r->fault = r->reason;
}

static size_t otlp_mend_body(struct door_request *r)
{
	otlp_mend_write(r->body.old, &otlp_of(r)->mend, r->body.data);
	return otlp_of(r)->mend.size;
}

/* An empty request is fine and nothing to keep. */
static bool otlp_fill(struct door_request *r)
{
	uint64_t spans = otlp_of(r)->mend.spans;
	struct batch_item item = { .size = (uint32_t)r->body.size, .records = (uint32_t)spans };

	item.data = batch_block_trim(r->body.batch, r->body.size); /* a chunked body did not say its size */
	return spans == 0 || batch_add(r->body.batch, &item) == 0;
}

static void tell_mended(struct collector *c, const char *what)
{
	struct mono_time now = loop_now(host_loop(c->door.host));

	if (c->told.ns && mono_since(now, c->told).ns < DURATION_S(TELL_MENDED_S).ns)
		return;
	c->told = now;
	host_log(c->door.host, LOG_LEVEL_WARN, "a request was mended, or taken without some of its spans: %s", what);
}

static void count_mended(struct collector *c, const struct otlp_mend *m)
{
	*c->refused += m->refused;
	*c->texts += m->texts;
	*c->values += m->values;
	*c->links += m->links;
	if (m->refused)
		host_refused(c->door.host, SIGNAL_TRACES, m->refused, m->refused_bytes);
}

/* (OTLP specification, "Partial Success": with no span refused the message is a warning.) */
static void otlp_taken(struct door_request *r)
{
	struct collector *c = CONTAINER_OF(r->door, struct collector, door);
	const struct otlp_mend *m = &otlp_of(r)->mend;
	struct buffer out;

	*c->spans += m->spans;
	buffer_init(&out, ANSWER_MAX);
	if (m->room > 0) {
		count_mended(c, m);
		tell_mended(c, r->reason);
		if (otlp_response_write(m->refused, r->reason, &out) < 0)
			buffer_clear(&out);
	}
	door_answered(r,
		&(struct http_answer){
			.status = 200, .content_type = "application/x-protobuf", .body = out.size > 0 ? &out : NULL });
	buffer_done(&out);
}

static const struct door_type otlp_door = { .signal = SIGNAL_TRACES,
	.request_size = sizeof(struct otlp_request),
	.look = otlp_look,
	.mend = otlp_mend_body,
	.fill = otlp_fill,
	.taken = otlp_taken,
	.answer = answer };

static enum http_take otlp_begin(void *context, struct http_request *request)
{
	return door_begin(context, request, "application/x-protobuf");
}

static bool otlp_door_check(const void *config, char *why, size_t room)
{
	return door_check_origins(((const struct otlp_door_config *)config)->origins, why, room);
}

static int otlp_door_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	int failed;

	c->config = config;
	failed = door_init(&c->door, &otlp_door, host, c->config->body_max);
	if (failed) {
		free(c);
		return failed;
	}
	c->door.ack = c->config->ack;
	c->door.origins = c->config->origins;
	c->spans = host_counter(host, "spans_total", "Spans accepted.");
	c->refused = host_counter(host, "spans_refused_total",
		"Spans refused because their ids are not valid; the rest of the request was taken.");
	c->texts = host_counter(host, "strings_mended_total",
		"Strings in spans that were not UTF-8; each bad byte was replaced by U+FFFD.");
	c->values = host_counter(
		host, "values_emptied_total", "Attribute values emptied because they were nested too deep.");
	c->links = host_counter(host, "links_left_out_total", "Span links left out because an id had the wrong size.");
	c->routes[0] = (struct http_route){ .method = HTTP_POST,
		.path = "/v1/traces",
		.begin = otlp_begin,
		.body = door_body,
		.complete = door_complete,
		.gone = door_gone,
		.context = &c->door };
	*ret = c;
	return 0;
}

static int otlp_door_start(struct collector *c)
{
	return door_start(&c->door, c->config->http, c->config->connections, c->routes);
}

static bool otlp_door_quiet(struct collector *c)
{
	return door_quiet(&c->door);
}

static void otlp_door_stop(struct collector *c)
{
	door_stop(&c->door);
}

static void otlp_door_destroy(struct collector *c)
{
	if (c)
		door_done(&c->door);
	free(c);
}

const struct collector_type collector_otlp = {
	.name = "otlp",
	.summary = "Takes spans over OTLP/HTTP (protobuf) on TCP and Unix sockets.",
	.signals = SIGNAL_TRACES,
	.when_full = FULL_REFUSE,
	.rewind = REWIND_NONE,
	.options = otlp_door_options,
	.config_size = sizeof(struct otlp_door_config),
	.check = otlp_door_check,
	.create = otlp_door_create,
	.start = otlp_door_start,
	.quiet = otlp_door_quiet,
	.stop = otlp_door_stop,
	.destroy = otlp_door_destroy,
};
