/*
 * The `otlp` door: spans over OTLP/HTTP as protobuf, on TCP and on Unix sockets.
 *
 * A body is read straight into the memory of the batch it will be, inflated into memory that the budget gave for it,
 * and checked on the wire before anybody else sees it, so that one client's bytes cannot sink a merged batch. The
 * answer says that the spans are held within the budget (`ack: memory`). Full: 503 with Retry-After. (OTLP
 * specification 1.11.0, "OTLP/HTTP": the answer has the Content-Type of the request, an error is a
 * google.rpc.Status, an empty request is fine.)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "component.h"
#include "config/option.h"
#include "http/server.h"
#include "loop/lane.h"
#include "loop/loop.h"
#include "proto/gzip.h"
#include "proto/otlp_response.h"
#include "proto/otlp_walk.h"

enum {
	FIRST_ROOM = 64 << 10, /* of a body that does not say its size */
	INLINE_MAX = 256 << 10, /* what is checked on the loop; more goes to the CPU lane */
	REASON_MAX = 256,
	LINGER_S = 6, /* for an idle peer, while the process ends */
	/* google.rpc.Code */
	RPC_INVALID_ARGUMENT = 3,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_UNAVAILABLE = 14,
};

struct otlp_door_config {
	const struct option_list *http;
	uint64_t body_max, connections;
};

static const struct option otlp_door_options[] = {
	{ OPT_ADDRESSES(struct otlp_door_config, http), .name = "http", .main = true, .text = "127.0.0.1:4318",
		.help = "Addresses that OTLP/HTTP is taken on: host:port, :port or unix:/path." },
	{ OPT_SIZE(struct otlp_door_config, body_max), .name = "body_max", .text = "8MiB", .min = 1 << 10,
		.max = 64 << 20,
		.help = "Largest request, before and after decompression; larger ones are answered 413." },
	{ OPT_COUNT(struct otlp_door_config, connections), .name = "connections", .text = "128", .min = 1, .max = 4096,
		.help = "Connections at a time; further ones wait." },
	{ .name = NULL },
};

struct collector {
	struct host *host;
	const struct otlp_door_config *config;
	struct http_server *server;
	struct http_route routes[2];
	struct gunzip *gunzip; /* the CPU lane's; jobs run one after another */
	size_t open; /* requests that have not been answered */
	uint64_t offset; /* counts bodies: a door's items have no other place */
	struct mono_time last;
	bool stopped; /* nothing more is taken */
	uint64_t *requests, *spans, *refused_full, *refused_bad;
};

/*
 * One request, from its headers to its answer.
 *
 * Invariant: data points at the newest block of `batch`, which has `room` bytes, `size` of them filled. In the lane
 * only the lane touches it; request is NULL when the peer went away meanwhile.
 */
struct body {
	struct job job;
	struct collector *door;
	struct http_request *request;
	struct batch *batch;
	char *data;
	size_t size, room;
	bool gzip, in_lane;
	bool short_of_room; /* it inflates to more than `room` */
	struct batch *packed; /* the compressed bytes while they are inflated */
	struct bytes packed_bytes;
	const char *fault; /* NULL when fine */
	char reason[REASON_MAX];
	struct otlp_summary summary;
};

static void body_free(struct body *b)
{
	b->door->open--;
	batch_free(b->batch);
	batch_free(b->packed);
	free(b);
}

static void answer(struct http_request *request, unsigned status, int code, const char *message)
{
	static const char *const later[] = { "Retry-After", "1", NULL };
	struct buffer out;

	buffer_init(&out, 4096);
	if (code && otlp_status_write(code, message, &out) < 0)
		buffer_clear(&out);
	http_respond(request, &(struct http_answer){ .status = status,
				      .content_type = "application/x-protobuf",
				      .headers = status == 503 ? later : NULL,
				      .body = &out });
	buffer_done(&out);
}

static enum http_take refuse(struct body *b, unsigned status, int code, const char *message)
{
	struct http_request *request = b->request;

	++*(status == 503 ? b->door->refused_full : b->door->refused_bad);
	http_context_set(request, NULL);
	answer(request, status, code, message); /* the message may stand in the body's struct */
	body_free(b);
	return HTTP_ANSWERED;
}

/* Makes room for `size` bytes of body in all. False: no room within `memory`. */
static bool body_reserve(struct body *b, size_t size)
{
	size_t room = b->room ? 2 * b->room : FIRST_ROOM;
	char *data;

	if (size <= b->room && b->data)
		return true;
	if (room < size || b->room == 0)
		room = size ? size : FIRST_ROOM;
	data = batch_block(b->batch, room);
	if (!data)
		return false;
	if (b->size > 0)
		memcpy(data, b->data, b->size);
	b->data = data;
	b->room = room;
	return true;
}

static bool is_protobuf(const char *type)
{
	static const char wanted[] = "application/x-protobuf";
	size_t n = sizeof wanted - 1;

	return type && strncasecmp(type, wanted, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static const char ending[] = "the sidecar is ending; try again";

static enum http_take otlp_begin(void *context, struct http_request *request)
{
	struct collector *d = context;
	const char *encoding = http_request_header(request, "Content-Encoding");
	int64_t announced = http_request_content_length(request);
	struct body *b = oxp_new(sizeof *b);

	*b = (struct body){ .door = d, .request = request };
	d->open++;
	d->last = loop_now(host_loop(d->host));
	++*d->requests;
	http_context_set(request, b);
	if (d->stopped)
		return refuse(b, 503, RPC_UNAVAILABLE, ending);
	if (!is_protobuf(http_request_header(request, "Content-Type")))
		return refuse(b, 415, RPC_INVALID_ARGUMENT, "Content-Type must be application/x-protobuf");
	b->gzip = encoding && strcasecmp(encoding, "gzip") == 0;
	if (encoding && !b->gzip && strcasecmp(encoding, "identity") != 0)
		return refuse(b, 415, RPC_INVALID_ARGUMENT, "Content-Encoding must be gzip or identity");
	if (announced > (int64_t)d->config->body_max)
		return refuse(b, 413, RPC_INVALID_ARGUMENT, "the request is larger than body_max");
	b->batch = host_batch_new(d->host, SIGNAL_TRACES);
	if (!b->batch || !body_reserve(b, announced > 0 ? (size_t)announced : 0))
		return refuse(b, 503, RPC_UNAVAILABLE, "no room within `memory`; try again");
	return HTTP_TAKEN;
}

static enum http_take otlp_body(void *context, struct http_request *request, struct bytes piece)
{
	struct body *b = http_context(request);

	(void)context;
	if (piece.size > b->door->config->body_max - b->size)
		return refuse(b, 413, RPC_INVALID_ARGUMENT, "the request is larger than body_max");
	if (!body_reserve(b, b->size + piece.size))
		return refuse(b, 503, RPC_UNAVAILABLE, "no room within `memory`; try again");
	memcpy(b->data + b->size, piece.data, piece.size);
	b->size += piece.size;
	return HTTP_TAKEN;
}

static void check_body(struct body *b)
{
	size_t at = 0;
	enum otlp_fault fault = otlp_traces_check(b->data, b->size, &otlp_limits_default, &b->summary, &at);

	if (fault == OTLP_OK)
		return;
	snprintf(b->reason, sizeof b->reason, "no OTLP trace request: %s at byte %zu", otlp_fault_name(fault), at);
	b->fault = b->reason;
}

/* In the CPU lane. */
static void work_on_body(struct job *job)
{
	struct body *b = CONTAINER_OF(job, struct body, job);
	size_t got = 0;

	if (b->gzip) {
		int failed = gunzip_into(b->door->gunzip, b->packed_bytes, b->data, b->room, &got);
		b->short_of_room = failed == -EFBIG && b->room < b->door->config->body_max;
		if (failed) {
			b->fault = "the body is no gzip, is cut short, or is larger than body_max";
			return;
		}
		b->size = got;
	}
	check_body(b);
}

static void offer_body(struct body *b)
{
	struct collector *d = b->door;
	struct http_request *request = b->request;
	struct batch_item item = {
		.size = (uint32_t)b->size, .records = (uint32_t)b->summary.spans, .offset = d->offset++
	};

	if (b->fault) {
		refuse(b, 400, RPC_INVALID_ARGUMENT, b->fault);
		return;
	}
	item.data = batch_block_trim(b->batch, b->size); /* a chunked body did not say its size */
	if (b->summary.spans > 0 && (batch_add(b->batch, &item) < 0 || host_offer(d->host, &b->batch) != ADMIT_TAKEN)) {
		refuse(b, 503, RPC_UNAVAILABLE, "no room within `memory`; try again");
		return;
	}
	*d->spans += b->summary.spans;
	body_free(b);
	http_context_set(request, NULL);
	answer(request, 200, 0, NULL);
}

static void to_lane(struct body *b);

/* Of several members only the size of the last is known before: again, with more room. */
static void inflate_again(struct body *b)
{
	size_t max = b->door->config->body_max, room = 2 * b->room > FIRST_ROOM ? 2 * b->room : FIRST_ROOM;

	batch_free(b->batch);
	b->data = NULL;
	b->fault = NULL;
	b->size = b->room = 0;
	b->batch = host_batch_new(b->door->host, SIGNAL_TRACES);
	if (b->batch && body_reserve(b, room < max ? room : max))
		to_lane(b);
	else
		refuse(b, 503, RPC_UNAVAILABLE, "no room within `memory`; try again");
}

/* Back on the loop. */
static void body_worked_on(struct job *job)
{
	struct body *b = CONTAINER_OF(job, struct body, job);

	b->in_lane = false;
	if (b->request && b->short_of_room) {
		inflate_again(b);
		return;
	}
	batch_free(b->packed);
	b->packed = NULL;
	if (b->request)
		offer_body(b);
	else
		body_free(b);
}

/* Memory for the inflated body: as much as the gzip trailer says (RFC 1952, ISIZE), within body_max. */
static const char *reserve_inflated(struct body *b)
{
	size_t size = b->size < 18 ? 0 : gzip_inflated_size((struct bytes){ b->data, b->size });

	if (b->size < 18)
		return "the body is no gzip";
	if (size > b->door->config->body_max)
		return "the request is larger than body_max when inflated";
	b->packed = b->batch;
	b->packed_bytes = (struct bytes){ b->data, b->size };
	b->data = NULL;
	b->size = b->room = 0;
	b->batch = host_batch_new(b->door->host, SIGNAL_TRACES);
	return b->batch && body_reserve(b, size) ? NULL : "";
}

static void to_lane(struct body *b)
{
	b->job = (struct job){ .work = work_on_body, .done = body_worked_on };
	b->in_lane = true;
	if (lane_run(host_cpu_lane(b->door->host), &b->job) == 0)
		return;
	b->in_lane = false;
	refuse(b, 503, RPC_UNAVAILABLE, "busy; try again");
}

static void otlp_complete(void *context, struct http_request *request)
{
	struct body *b = http_context(request);
	const char *why = b->gzip && !b->door->stopped ? reserve_inflated(b) : NULL;

	(void)context;
	if (b->door->stopped)
		refuse(b, 503, RPC_UNAVAILABLE, ending);
	else if (why && *why)
		refuse(b, strstr(why, "larger") ? 413 : 400, RPC_INVALID_ARGUMENT, why);
	else if (why)
		refuse(b, 503, RPC_UNAVAILABLE, "no room within `memory`; try again");
	else if (b->gzip || b->size > INLINE_MAX)
		to_lane(b);
	else {
		check_body(b);
		offer_body(b);
	}
}

static void otlp_gone(void *context, struct http_request *request)
{
	struct body *b = http_context(request);

	(void)context;
	if (!b)
		return;
	b->request = NULL;
	if (!b->in_lane)
		body_free(b);
}

static int otlp_door_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *d = oxp_new(sizeof *d);

	d->host = host;
	d->config = config;
	d->routes[0] = (struct http_route){ .method = HTTP_POST,
		.path = "/v1/traces",
		.begin = otlp_begin,
		.body = otlp_body,
		.complete = otlp_complete,
		.gone = otlp_gone,
		.context = d };
	d->requests = host_counter(host, "requests_total", "OTLP requests that came in.");
	d->spans = host_counter(host, "spans_total", "Spans taken.");
	d->refused_full = host_counter(host, "refused_full_total", "Requests answered 503 for want of memory.");
	d->refused_bad =
		host_counter(host, "refused_bad_total", "Requests answered 4xx: no OTLP, too large, wrong type.");
	d->gunzip = gunzip_new();
	if (!d->gunzip) {
		free(d);
		return -ENOMEM;
	}
	*ret = d;
	return 0;
}

static int otlp_door_start(struct collector *d)
{
	const struct http_server_options o = { .name = host_name(d->host),
		.body_max = d->config->body_max,
		.connections_max = d->config->connections,
		.idle = DURATION_S(75),
		.priority = LOOP_NORMAL,
		.socket_mode = 0660,
		.direct = true };
	int failed = http_server_new(host_loop(d->host), &o, d->routes, &d->server);

	for (size_t i = 0; !failed && i < d->config->http->count; i++) {
		failed = http_server_listen(d->server, d->config->http->items[i], NULL);
		if (failed)
			host_log(d->host, LOG_LEVEL_ERROR, "cannot listen on %s: %s", d->config->http->items[i],
				strerror(-failed));
	}
	return failed;
}

/* A host app that has a connection open may still have spans to give: SDKs send every 5 seconds by default
 * (OpenTelemetry specification, "Batching processor", scheduledDelayMillis). Without a connection a moment is
 * enough. */
static bool otlp_door_quiet(struct collector *d)
{
	struct duration since = mono_since(loop_now(host_loop(d->host)), d->last);
	bool connected = http_server_totals(d->server).connections > 0;

	return d->open == 0 && (d->last.ns == 0 || since.ns > DURATION_S(connected ? LINGER_S : 1).ns);
}

static void otlp_door_stop(struct collector *d)
{
	d->stopped = true;
	if (d->server)
		http_server_quiesce(d->server);
}

static void otlp_door_destroy(struct collector *d)
{
	if (!d)
		return;
	http_server_free(d->server);
	gunzip_free(d->gunzip);
	free(d);
}

const struct collector_type collector_otlp = {
	.name = "otlp",
	.summary = "Takes spans over OTLP/HTTP (protobuf) on TCP and Unix sockets.",
	.signals = SIGNAL_TRACES,
	.when_full = FULL_REFUSE,
	.rewind = REWIND_NONE,
	.options = otlp_door_options,
	.config_size = sizeof(struct otlp_door_config),
	.create = otlp_door_create,
	.start = otlp_door_start,
	.quiet = otlp_door_quiet,
	.stop = otlp_door_stop,
	.destroy = otlp_door_destroy,
};
