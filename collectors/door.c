#include "collectors/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "proto/gzip.h"

enum {
	FIRST_ROOM = 64 << 10, /* of a body that does not say its size */
	GZIP_MIN = 18, /* head and trailer */
	LINGER_S = 6, /* for an idle peer, while the process ends */
	IDLE_S = 75, /* until a connection without traffic is closed */
	SOCKET_MODE = 0660,
	TELL_DISK_S = 60,
	ANSWERS_AT_ONCE = 8,
};

const char *const door_acks[] = { "memory", "disk", NULL };

static const char no_room[] = "no room within `memory`; try again";
static const char unread[] = "too many answers wait to be read; read them and try again";
static const char no_disk[] = "it could not be put on disk; try again";
static const char ending[] = "the sidecar is ending; try again";
static const char too_large[] = "the request is larger than body_max";

/* Life of a request. */

static void request_free(struct door_request *r)
{
	r->door->open--;
	if (r->door->type->free)
		r->door->type->free(r);
	batch_free(r->batch);
	batch_free(r->packed);
	free(r);
}

enum http_take door_refuse(struct door_request *r, unsigned status, const char *message)
{
	struct http_request *request = r->request;

	++*(status == 503 ? r->door->refused_full : r->door->refused_bad);
	if (request) {
		http_context_set(request, NULL);
		r->door->type->answer(request, status, message); /* the message may stand in the request's struct */
	}
	request_free(r);
	return HTTP_ANSWERED;
}

void door_answered(struct door_request *r, const struct http_answer *answer)
{
	struct http_request *request = r->request;

	if (request) {
		http_context_set(request, NULL);
		http_respond(request, answer); /* its body may stand in the request's struct */
	}
	request_free(r);
}

/* Makes room for `size` bytes of body in all. False: no room within `memory`. */
static bool reserve(struct door_request *r, size_t size)
{
	size_t room = r->room ? 2 * r->room : FIRST_ROOM;
	char *data;

	if (size <= r->room && r->data)
		return true;
	if (room < size || r->room == 0)
		room = size ? size : FIRST_ROOM;
	data = batch_block(r->batch, room);
	if (!data)
		return false;
	if (r->size > 0)
		memcpy(data, r->data, r->size);
	r->data = data;
	r->room = room;
	return true;
}

/* Whether the type is the wanted one, with or without parameters. */
static bool is_type(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return type && strncasecmp(type, wanted, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

enum http_take door_begin(struct door *d, struct http_request *request, const char *wanted)
{
	const char *encoding = http_request_header(request, "Content-Encoding");
	int64_t announced = http_request_content_length(request);
	struct door_request *r = oxp_new(d->type->request_size);

	r->door = d;
	r->request = request;
	d->open++;
	++*d->requests;
	http_context_set(request, r);
	if (d->stopped)
		return door_refuse(r, 503, ending);
	if (wanted && !is_type(http_request_header(request, "Content-Type"), wanted)) {
		snprintf(r->reason, sizeof r->reason, "Content-Type must be %s", wanted);
		return door_refuse(r, 415, r->reason);
	}
	r->gzip = encoding && strcasecmp(encoding, "gzip") == 0;
	if (encoding && !r->gzip && strcasecmp(encoding, "identity") != 0)
		return door_refuse(r, 415, "Content-Encoding must be gzip or identity");
	if (announced > (int64_t)d->body_max)
		return door_refuse(r, 413, too_large);
	r->batch = host_batch_new(d->host, d->type->signal);
	if (!r->batch || !reserve(r, announced > 0 ? (size_t)announced : 0))
		return door_refuse(r, 503, no_room);
	return HTTP_TAKEN;
}

enum http_take door_body(void *context, struct http_request *request, struct bytes piece)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (piece.size > r->door->body_max - r->size)
		return door_refuse(r, 413, too_large);
	if (!reserve(r, r->size + piece.size))
		return door_refuse(r, 503, no_room);
	memcpy(r->data + r->size, piece.data, piece.size);
	r->size += piece.size;
	return HTTP_TAKEN;
}

/* The body is here. */

/* It may be `state.max`, of which nobody else speaks. Near it some requests fit and others do not. */
static void tell_disk(struct door *d, int failed)
{
	struct mono_time now = loop_now(host_loop(d->host));

	if (d->told.ns && mono_since(now, d->told).ns < DURATION_S(TELL_DISK_S).ns)
		return;
	d->told = now;
	host_log(d->host, LOG_LEVEL_ERROR, "cannot put requests on disk, they are answered 503: %s%s",
		strerror(-failed), failed == -ENOSPC ? ", or `state.max` is reached" : "");
}

static void answer_kept(struct door_request *r)
{
	struct door *d = r->door;

	r->kept = false;
	if (!r->failed) {
		d->type->taken(r);
		return;
	}
	tell_disk(d, r->failed);
	door_refuse(r, 503, no_disk);
}

static struct door_request *take_kept(struct door *d)
{
	struct door_request *r = d->kept;

	d->kept = r->next;
	if (!d->kept)
		d->kept_last = &d->kept;
	return r;
}

/* One commit is many requests' answer, and each is a call into the kernel. */
static void answer_some(void *context)
{
	struct door *d = context;

	for (int i = 0; d->kept && (i < ANSWERS_AT_ONCE || d->stopped); i++)
		answer_kept(take_kept(d)); /* another may come meanwhile */
	if (d->kept)
		loop_soon_run(&d->answering);
}

static void on_kept(void *context, int failed)
{
	struct door_request *r = context;
	struct door *d = r->door;

	r->failed = failed;
	r->next = NULL;
	*d->kept_last = r;
	d->kept_last = &r->next;
	if (d->stopped)
		answer_some(d);
	else
		loop_soon_run(&d->answering);
}

/* Afterwards the request is gone, or waits for the disk. */
static void offer(struct door_request *r)
{
	struct door *d = r->door;
	bool fine = d->type->fill(r), kept = fine && batch_items(r->batch) > 0;

	if (kept || !fine) /* an empty one is no sign that there is more to come */
		d->last = loop_now(host_loop(d->host));
	if (kept && (d->ack == ACK_DISK || host_ends(d->host))) {
		r->kept = true;
		if (host_offer_kept(d->host, &r->batch, on_kept, r) == ADMIT_TAKEN)
			return;
		r->kept = fine = false;
	} else if (kept) {
		fine = host_offer(d->host, &r->batch) == ADMIT_TAKEN;
	}
	if (fine)
		d->type->taken(r);
	else
		door_refuse(r, 503, no_room);
}

static void look_and_offer(struct door_request *r)
{
	if (r->fault)
		door_refuse(r, 400, r->fault);
	else
		offer(r);
}

/* In the CPU lane. */
static void work_on(struct job *job)
{
	struct door_request *r = CONTAINER_OF(job, struct door_request, job);
	size_t got = 0;
	int failed = r->gzip ? gunzip_into(r->door->gunzip, r->packed_bytes, r->data, r->room, &got) : 0;

	r->short_of_room = failed == -EFBIG && r->room < r->door->body_max;
	if (failed) {
		r->fault = "the body is no gzip, is cut short, or is larger than body_max";
		return;
	}
	if (r->gzip)
		r->size = got;
	r->door->type->look(r);
}

static void worked_on(struct job *job);

static void to_lane(struct door_request *r)
{
	r->job = (struct job){ .work = work_on, .done = worked_on };
	r->in_lane = true;
	if (lane_run(host_cpu_lane(r->door->host), &r->job) == 0)
		return;
	r->in_lane = false;
	door_refuse(r, 503, "busy; try again");
}

/* Memory for the inflated body. False: refused. */
static bool reserve_inflated(struct door_request *r, size_t size)
{
	batch_free(r->batch);
	r->data = NULL;
	r->fault = NULL;
	r->size = r->room = 0;
	r->batch = host_batch_new(r->door->host, r->door->type->signal);
	if (r->batch && reserve(r, size))
		return true;
	door_refuse(r, 503, no_room);
	return false;
}

/* Of several members only the size of the last is known before: again, with more room. */
static void inflate_again(struct door_request *r)
{
	size_t max = r->door->body_max, room = 2 * r->room > FIRST_ROOM ? 2 * r->room : FIRST_ROOM;

	if (reserve_inflated(r, room < max ? room : max))
		to_lane(r);
}

/* Back on the loop. */
static void worked_on(struct job *job)
{
	struct door_request *r = CONTAINER_OF(job, struct door_request, job);

	r->in_lane = false;
	if (r->request && r->short_of_room) {
		inflate_again(r);
		return;
	}
	batch_free(r->packed);
	r->packed = NULL;
	if (r->request)
		look_and_offer(r);
	else
		request_free(r);
}

/* As much as the gzip trailer says (RFC 1952, ISIZE), within body_max. */
static void inflate(struct door_request *r)
{
	size_t size = r->size < GZIP_MIN ? 0 : gzip_inflated_size((struct bytes){ r->data, r->size });

	if (r->size < GZIP_MIN) {
		door_refuse(r, 400, "the body is no gzip");
		return;
	}
	if (size > r->door->body_max) {
		door_refuse(r, 413, "the request is larger than body_max when inflated");
		return;
	}
	r->packed = r->batch;
	r->packed_bytes = (struct bytes){ r->data, r->size };
	r->batch = NULL;
	if (reserve_inflated(r, size))
		to_lane(r);
}

void door_complete(void *context, struct http_request *request)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (r->door->stopped)
		door_refuse(r, 503, ending);
	else if (http_server_totals(r->door->server).unsent > DOOR_ANSWERS_MAX)
		door_refuse(r, 503, unread);
	else if (r->gzip)
		inflate(r);
	else if (r->size > DOOR_INLINE_MAX)
		to_lane(r);
	else {
		r->door->type->look(r);
		look_and_offer(r);
	}
}

void door_gone(void *context, struct http_request *request)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (!r)
		return;
	r->request = NULL;
	if (!r->in_lane && !r->kept)
		request_free(r);
}

/* Life of a door. */

int door_init(struct door *d, const struct door_type *type, struct host *host, size_t body_max)
{
	*d = (struct door){ .type = type, .host = host, .body_max = body_max, .gunzip = gunzip_new() };
	d->kept_last = &d->kept;
	loop_soon_init(&d->answering, host_loop(host), answer_some, d);
	if (!d->gunzip)
		return -ENOMEM;
	d->requests = host_counter(host, "requests_total", "Requests that came in.");
	d->refused_full = host_counter(
		host, "refused_full_total",
		"Requests answered 503: no room in memory or on disk, or too many answers that nobody reads.");
	d->refused_bad =
		host_counter(host, "refused_bad_total", "Requests answered 4xx: malformed, too large, wrong type.");
	return 0;
}

int door_start(struct door *d, const struct option_list *addresses, size_t connections, const struct http_route *routes)
{
	const struct http_server_options o = { .name = host_name(d->host),
		.body_max = d->body_max,
		.connections_max = connections,
		.idle = DURATION_S(IDLE_S),
		.priority = LOOP_NORMAL,
		.socket_mode = SOCKET_MODE,
		.direct = true };
	int failed = http_server_new(host_loop(d->host), &o, routes, &d->server);

	for (size_t i = 0; !failed && i < addresses->count; i++) {
		failed = http_server_listen(d->server, addresses->items[i], NULL);
		if (failed)
			host_log(d->host, LOG_LEVEL_ERROR, "cannot listen on %s: %s", addresses->items[i],
				strerror(-failed));
	}
	return failed;
}

/* A host app that has a connection open may still have something to give: SDKs send every 5 seconds by default
 * (OpenTelemetry specification, "Batching processor", scheduledDelayMillis). Without a connection a moment is
 * enough. */
bool door_quiet(const struct door *d)
{
	struct duration since = mono_since(loop_now(host_loop(d->host)), d->last);
	bool connected = d->server && http_server_totals(d->server).connections > 0;

	return d->open == 0 && (d->last.ns == 0 || since.ns > DURATION_S(connected ? LINGER_S : 1).ns);
}

void door_stop(struct door *d)
{
	d->stopped = true;
	answer_some(d);
	if (d->server)
		http_server_quiesce(d->server);
}

void door_done(struct door *d)
{
	loop_soon_done(&d->answering);
	http_server_free(d->server);
	while (d->kept)
		request_free(take_kept(d));
	gunzip_free(d->gunzip);
}
