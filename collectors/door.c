#include "collectors/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/text.h"
#include "http/taken.h"
#include "proto/gzip.h"

enum {
	FIRST_ROOM = 64 << 10, /* that a body has before any of it has come, at most */
	CUTS_MAX = 16, /* peers that go for one request's memory */
	GZIP_MIN = 18, /* head and trailer */
	GZIP_RATIO_MAX = 1032, /* of deflate: 258 bytes are two bits at least */
	LINGER_S = 6, /* for an idle peer, while the process ends */
	WAITING_MAX = 256, /* connections not let in yet: all of them are worked on before the next */
	IDLE_S = 75, /* until a connection without traffic is closed */
	SOCKET_MODE = 0660,
	TELL_DISK_S = 60,
	ANSWERS_AT_ONCE = 8,
	REPLY_INLINE_MAX = 64 << 10, /* answers up to this size are written on the loop, larger ones in the CPU lane */
	SHOWN_MAX = 100, /* of a path, in the log */
};

const char *const door_acks[] = { "memory", "disk", NULL };

static const char no_room[] = "no room within `memory`; try again";
static const char unread[] = "too many answers wait to be read; read them and try again";
static const char no_disk[] = "it could not be put on disk; try again";
static const char ending[] = "the sidecar is ending; try again";
static const char too_large[] = "the request is larger than body_max";
static const char too_large_inflated[] = "the request is larger than body_max when inflated";
static const char no_gzip[] = "the body is no gzip, is cut short, or has something behind it";

/* Memory. */

/* Whoever is slow with a body or an answer goes for the one that comes. */
static bool make_room(const struct door_request *r, int *cuts)
{
	return ++*cuts <= CUTS_MAX && http_server_cut_slow(r->door->server, r->request);
}

/* A batch with a block of that size. NULL: no room. */
static char *borrow(const struct door_request *r, size_t size, struct batch **ret)
{
	char *data = NULL;
	int cuts = 0;

	do {
		struct batch *b = host_batch_new(r->door->host, r->door->type->signal);
		data = b ? batch_block(b, size) : NULL;
		if (data)
			*ret = b;
		else
			batch_free(b);
	} while (!data && make_room(r, &cuts));
	return data;
}

static void give_back_work(struct door_request *r)
{
	batch_free(r->work_batch);
	r->work_batch = NULL;
	r->work = NULL;
}

/* A reply on its way to the peer. */
struct reply {
	struct door *door;
	struct batch *batch;
};

static void reply_gone(void *context, struct bytes bytes)
{
	struct reply *reply = context;

	reply->door->replies -= bytes.size;
	batch_free(reply->batch);
	free(reply);
}

/* The reply leaves the request. */
static struct http_page *reply_page(struct door_request *r)
{
	struct reply *reply = oxp_new(sizeof *reply);
	struct bytes bytes = { r->reply, r->reply_size };

	*reply = (struct reply){ r->door, r->reply_batch };
	r->reply_room = 0;
	r->reply_batch = NULL;
	return http_page_new(bytes, reply_gone, reply);
}

/* Life of a request. */

static void request_free(struct door_request *r)
{
	r->door->open--;
	batch_free(r->batch);
	batch_free(r->before);
	give_back_work(r);
	r->door->replies -= r->reply_room;
	batch_free(r->reply_batch);
	free(r);
}

enum http_take door_refuse(struct door_request *r, unsigned status, const char *message)
{
	struct http_request *request = r->request;

	++*(status == 503 ? r->door->refused_full : r->door->refused_bad);
	if (request) {
		http_context_set(request, NULL);
		r->door->type->answer(request, status, message); /* the message may be in the request's struct */
	}
	request_free(r);
	return HTTP_ANSWERED;
}

void door_answered(struct door_request *r, const struct http_answer *answer)
{
	struct http_request *request = r->request;
	struct http_answer full = *answer;

	if (request) {
		http_context_set(request, NULL);
		full.page = r->reply_batch ? reply_page(r) : NULL;
		http_respond(request, &full); /* its body may be in the request's struct */
		http_page_release(full.page);
	}
	request_free(r);
}

/* A peer that holds memory and does nothing with it is cut off before others are refused for long. A refused request
 * comes again. */
static enum http_take refuse_full(struct door_request *r, const char *message)
{
	if (r->size > 0)
		r->door->last = loop_now(host_loop(r->door->host));
	return door_refuse(r, 503, message);
}

/* The body's memory. False: no room within `memory`. */
static bool reserve(struct door_request *r, size_t size)
{
	size_t room = size ? size : FIRST_ROOM;

	r->data = borrow(r, room, &r->batch);
	r->room = r->data ? room : 0;
	return r->data;
}

/* A body has memory for what has come of it, twice at most: what it announces costs its sender nothing. */
static bool reserve_more(struct door_request *r, size_t size)
{
	int64_t announced = http_request_content_length(r->request);
	size_t room = 2 * r->room > size ? 2 * r->room : size;
	char *data;
	int cuts = 0;

	if (size <= r->room)
		return true;
	if (announced > 0 && room > (size_t)announced)
		room = (size_t)announced;
	do {
		data = batch_block_grow(r->batch, room);
	} while (!data && make_room(r, &cuts));
	if (!data)
		return false;
	r->data = data;
	r->room = room;
	return true;
}

/* Room for the answer. A large one finds it when it is the only one. */
static bool reserve_reply(struct door_request *r)
{
	struct door *door = r->door;
	size_t size = door->type->reply_max(r);
	bool fits;
	int cuts = 0;

	do {
		fits = door->replies == 0 || door->replies + size <= DOOR_ANSWERS_MAX;
	} while (!fits && make_room(r, &cuts));
	r->reply = fits ? borrow(r, size, &r->reply_batch) : NULL;
	if (r->reply) {
		door->replies += r->reply_room = size;
		return true;
	}
	refuse_full(r, fits ? no_room : unread);
	return false;
}

/* Memory for the body as it will be. False: refused. */
static bool reserve_anew(struct door_request *r, size_t size)
{
	batch_free(r->batch);
	r->data = NULL;
	r->fault = NULL;
	r->size = r->room = 0;
	r->batch = NULL;
	if (reserve(r, size))
		return true;
	refuse_full(r, no_room);
	return false;
}

/* What is in the batch becomes `old`: the new body gets a batch of its own. False: refused. */
static bool make_old(struct door_request *r, size_t size)
{
	OXP_ASSERT(!r->before);
	r->before = r->batch;
	r->old = (struct bytes){ r->data, r->size };
	r->batch = NULL;
	return reserve_anew(r, size);
}

static void old_is_done(struct door_request *r)
{
	batch_free(r->before);
	r->before = NULL;
}

enum http_take door_begin(struct door *door, struct http_request *request, const char *wanted)
{
	const char *encoding = http_request_header(request, "Content-Encoding");
	const char *type = wanted ? http_request_header(request, "Content-Type") : NULL;
	int64_t announced = http_request_content_length(request);
	struct door_request *r = oxp_new(door->type->request_size);

	r->door = door;
	r->request = request;
	door->open++;
	++*door->requests;
	http_context_set(request, r);
	if (door->stopped)
		return door_refuse(r, 503, ending);
	if (wanted && !(type && media_type_is(bytes_of(type), wanted))) {
		snprintf(r->reason, sizeof r->reason, "Content-Type must be %s", wanted);
		return door_refuse(r, 415, r->reason);
	}
	r->gzip = encoding && (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0);
	if (encoding && !r->gzip && strcasecmp(encoding, "identity") != 0)
		return door_refuse(r, 415, "Content-Encoding must be gzip or identity");
	if (announced > (int64_t)door->body_max)
		return door_refuse(r, 413, too_large);
	if (!reserve(r, announced > 0 ? smaller((size_t)announced, FIRST_ROOM) : 0))
		return refuse_full(r, no_room);
	return HTTP_TAKEN;
}

enum http_take door_body(void *context, struct http_request *request, struct bytes piece)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (piece.size > r->door->body_max - r->size)
		return door_refuse(r, 413, too_large);
	if (!reserve_more(r, r->size + piece.size))
		return refuse_full(r, no_room);
	memcpy(r->data + r->size, piece.data, piece.size);
	r->size += piece.size;
	if (r->door->type->count && !r->gzip)
		r->door->type->count(r, piece);
	return HTTP_TAKEN;
}

/* The body is here. */

/* The reason may be `state.max`, which is not reported anywhere else. Near it some requests fit and others do not. */
static void tell_disk(struct door *door, int failed)
{
	struct mono_time now = loop_now(host_loop(door->host));

	if (door->told.ns && mono_since(now, door->told).ns < DURATION_S(TELL_DISK_S).ns)
		return;
	door->told = now;
	host_log(door->host, LOG_LEVEL_ERROR, "cannot put requests on disk, they are answered 503: %s%s",
		strerror(-failed), failed == -ENOSPC ? ", or `state.max` is reached" : "");
}

static void answer_kept(struct door_request *r)
{
	struct door *door = r->door;

	r->kept = false;
	if (!r->failed) {
		door->type->taken(r);
		return;
	}
	tell_disk(door, r->failed);
	door_refuse(r, 503, no_disk);
}

static struct door_request *take_kept(struct door *door)
{
	struct door_request *r = door->kept;

	door->kept = r->next;
	if (!door->kept)
		door->kept_last = &door->kept;
	return r;
}

/* One commit is many requests' answer, and each is a call into the kernel. */
static void answer_some(void *context)
{
	struct door *door = context;

	for (int i = 0; door->kept && (i < ANSWERS_AT_ONCE || door->stopped); i++)
		answer_kept(take_kept(door)); /* another may come meanwhile */
	if (door->kept)
		loop_soon_run(&door->answering);
}

static void on_spooled(void *context, int failed)
{
	struct door_request *r = context;
	struct door *door = r->door;

	r->failed = failed;
	r->next = NULL;
	*door->kept_last = r;
	door->kept_last = &r->next;
	if (door->stopped)
		answer_some(door);
	else
		loop_soon_run(&door->answering);
}

/* Afterwards the request is gone, or waits for the disk. */
static void offer(struct door_request *r)
{
	struct door *door = r->door;
	bool fine = door->type->fill(r), kept = fine && batch_items(r->batch) > 0;

	give_back_work(r);
	if (kept) /* an empty request does not mean that more will come */
		door->last = loop_now(host_loop(door->host));
	if (kept && (door->ack == ACK_DISK || host_ends(door->host))) {
		r->kept = true;
		if (host_offer_spooled(door->host, &r->batch, on_spooled, r) == ADMIT_TAKEN)
			return;
		r->kept = fine = false;
	} else if (kept) {
		fine = host_offer(door->host, &r->batch) == ADMIT_TAKEN;
	}
	if (fine)
		door->type->taken(r);
	else
		refuse_full(r, no_room);
}

static void inflate_body(struct door_request *r)
{
	const struct door_type *type = r->door->type;
	size_t got = 0;
	int failed = gunzip_into(r->door->gunzip, r->old, r->data, r->room, &got);

	r->short_of_room = failed == -EFBIG && r->room < r->door->body_max;
	r->over_max = failed == -EFBIG && !r->short_of_room;
	if (failed) {
		r->fault = r->over_max ? too_large_inflated : no_gzip;
		return;
	}
	r->size = got;
	if (type->count)
		type->count(r, (struct bytes){ r->data, r->size });
	if (!type->need)
		type->look(r);
}

/* In the CPU lane. A request whose peer has gone takes no time there. */
static void work_on(struct job *job)
{
	struct door_request *r = CONTAINER_OF(job, struct door_request, job);

	if (atomic_load(&r->gone))
		return;
	switch (r->stage) {
	case DOOR_INFLATE:
		inflate_body(r);
		break;
	case DOOR_LOOK:
		r->door->type->look(r);
		break;
	case DOOR_MEND:
		r->door->type->mend(r);
		break;
	case DOOR_WRITE:
		r->door->type->write(r);
		break;
	}
}

static void worked_on(struct job *job);

static void to_lane(struct door_request *r, enum door_stage stage)
{
	r->stage = stage;
	r->job = (struct job){ .work = work_on, .done = worked_on };
	r->in_lane = true;
	if (lane_run(host_cpu_lane(r->door->host), &r->job) == 0)
		return;
	r->in_lane = false;
	door_refuse(r, 503, "busy; try again");
}

/* The answer is there, before anything is taken: it keeps no more than it needs. */
static void written(struct door_request *r)
{
	r->reply = batch_block_trim(r->reply_batch, r->reply_size);
	r->door->replies -= r->reply_room - r->reply_size;
	r->reply_room = r->reply_size;
	offer(r);
}

/* The body is what will be offered. */
static void write_reply(struct door_request *r)
{
	const struct door_type *type = r->door->type;

	if (!type->reply_max) {
		offer(r);
	} else if (!reserve_reply(r)) {
		return;
	} else if (r->reply_room > REPLY_INLINE_MAX) {
		to_lane(r, DOOR_WRITE);
	} else {
		type->write(r);
		written(r);
	}
}

static void mended(struct door_request *r)
{
	old_is_done(r);
	write_reply(r);
}

static void mend(struct door_request *r)
{
	bool large = r->size > DOOR_MEND_INLINE_MAX;

	if (!make_old(r, r->wants))
		return;
	if (large) {
		to_lane(r, DOOR_MEND);
	} else {
		r->door->type->mend(r);
		mended(r);
	}
}

/* The body was checked, or the check on the loop asks for the lane. */
static void looked_at(struct door_request *r)
{
	if (r->fault)
		door_refuse(r, r->over_max ? 413 : 400, r->fault);
	else if (r->later)
		to_lane(r, DOOR_LOOK);
	else if (r->wants > 0)
		mend(r);
	else
		write_reply(r);
}

static void look_at(struct door_request *r)
{
	const struct door_type *type = r->door->type;

	if (type->need) {
		r->work = borrow(r, type->need(r), &r->work_batch);
		if (!r->work) {
			refuse_full(r, no_room);
			return;
		}
	}
	if (r->size > DOOR_INLINE_MAX) {
		to_lane(r, DOOR_LOOK);
	} else {
		type->look(r);
		looked_at(r);
	}
}

/* Of several members only the size of the last was known, or it was not true: again, with more room. */
static void inflate_again(struct door_request *r)
{
	size_t room = 2 * r->room > FIRST_ROOM ? 2 * r->room : FIRST_ROOM;

	if (reserve_anew(r, smaller(room, r->door->body_max)))
		to_lane(r, DOOR_INFLATE);
}

static void inflated(struct door_request *r)
{
	if (r->short_of_room) {
		inflate_again(r);
		return;
	}
	old_is_done(r);
	if (r->door->type->need && !r->fault)
		look_at(r);
	else
		looked_at(r);
}

/* Back on the loop. */
static void worked_on(struct job *job)
{
	struct door_request *r = CONTAINER_OF(job, struct door_request, job);

	r->in_lane = false;
	if (!r->request) {
		request_free(r);
		return;
	}
	switch (r->stage) {
	case DOOR_INFLATE:
		inflated(r);
		break;
	case DOOR_LOOK:
		looked_at(r);
		break;
	case DOOR_MEND:
		mended(r);
		break;
	case DOOR_WRITE:
		written(r);
		break;
	}
}

/* Into as much room as the trailer says (RFC 1952, ISIZE). That is only a hint: anyone can write it, and if the body is
 * cut short the last bytes are something else. Whether it exceeds body_max shows when it is inflated. */
static void inflate(struct door_request *r)
{
	size_t size;

	if (r->size < GZIP_MIN) {
		door_refuse(r, 400, no_gzip);
		return;
	}
	size = smaller(gzip_inflated_size((struct bytes){ r->data, r->size }), r->size * GZIP_RATIO_MAX);
	if (make_old(r, smaller(size, r->door->body_max)))
		to_lane(r, DOOR_INFLATE);
}

void door_complete(void *context, struct http_request *request)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (r->door->stopped)
		door_refuse(r, 503, ending);
	else if (r->gzip)
		inflate(r);
	else
		look_at(r);
}

void door_gone(void *context, struct http_request *request)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (!r)
		return;
	r->request = NULL;
	atomic_store(&r->gone, true);
	if (!r->in_lane && !r->kept)
		request_free(r);
}

/* Requests that this door declines. */

bool door_check_origins(const struct option_list *origins, char *why, size_t room)
{
	for (size_t i = 0; i < origins->count; i++) {
		const char *wrong = http_origin_wrong(origins->items[i]);
		if (wrong) {
			snprintf(why, room, "origins: \"%.100s\" %s", origins->items[i], wrong);
			return false;
		}
	}
	return true;
}

static enum door_declined kind_of(const struct http_request *request, unsigned status)
{
	if (status != 403)
		return status == 404 ? DOOR_NO_PATH : DOOR_NO_METHOD;
	return http_request_header(request, "Origin") || http_request_header(request, "Sec-Fetch-Site")
		       ? DOOR_OTHERS_PAGE
		       : DOOR_OTHERS_NAME;
}

/* Each kind for itself: what a stranger sends does not keep the app's mistake from the log. `why` ends with a line
 * end. */
static void tell_once(struct door *door, const struct http_request *request, unsigned status, const char *why)
{
	bool *told = &door->told_once[kind_of(request, status)];
	char path[SHOWN_MAX + 1];

	if (*told)
		return;
	*told = true;
	snprintf(path, sizeof path, "%s", http_request_path(request));
	text_one_line(path);
	host_log(door->host, LOG_LEVEL_WARN, "a request for %s is answered %u: %.*s; further ones are counted", path,
		status, (int)strcspn(why, "\n"), why);
}

void door_unserved(struct door *door, const struct http_request *request, unsigned status, const char *why)
{
	++*door->unserved;
	tell_once(door, request, status, why);
}

static void on_declined(void *context, const struct http_request *request, unsigned status, const char *why)
{
	struct door *door = context;

	if (status != 403) {
		door_unserved(door, request, status, why);
		return;
	}
	++*door->foreign;
	tell_once(door, request, status, why);
}

/* Life of a door. */

int door_init(struct door *door, const struct door_type *type, struct host *host, size_t body_max)
{
	*door = (struct door){ .type = type, .host = host, .body_max = body_max, .gunzip = gunzip_new() };
	door->kept_last = &door->kept;
	loop_soon_init(&door->answering, host_loop(host), answer_some, door);
	if (!door->gunzip)
		return -ENOMEM;
	door->requests = host_counter(host, "requests_total", "Requests received.");
	door->refused_full = host_counter(host, "refused_full_total",
		"Requests answered 503: no room in memory or on disk, or too many answers left unread.");
	door->refused_bad =
		host_counter(host, "refused_bad_total", "Requests answered 4xx: malformed, too large, wrong type.");
	door->foreign = host_counter(host, "refused_origin_total",
		"Requests refused because they came from a web page that `origins` does not list.");
	door->unserved = host_counter(
		host, "unserved_total", "Requests for a path or method that is not served, answered 404 or 405.");
	return 0;
}

static void tell_failed(const struct door *door, const char *address, int failed)
{
	char why[LISTEN_WHY_MAX];

	listen_why(address, SOCK_STREAM, failed, why);
	host_log(door->host, LOG_LEVEL_ERROR, "cannot listen on %s: %s; set `%s.http` to another address", address, why,
		host_name(door->host));
}

int door_start(
	struct door *door, const struct option_list *addresses, size_t connections, const struct http_route *routes)
{
	uint64_t *evicted = host_counter(door->host, "connections_evicted_total",
		"Connections closed to make room for others: the ones silent or unfinished for longest.");
	struct http_server_options o = { .name = host_name(door->host),
		.body_max = door->body_max,
		.connections_max = connections,
		.idle = DURATION_S(IDLE_S),
		.priority = LOOP_NORMAL,
		.socket_mode = SOCKET_MODE,
		.direct = true,
		.waiting_max = WAITING_MAX,
		.evicted = evicted,
		.origins = { .option = door->origins_option },
		.declined = on_declined,
		.context = door };
	int failed;

	snprintf(door->origins_option, sizeof door->origins_option, "%s.origins", host_name(door->host));
	if (door->origins) {
		o.origins.items = door->origins->items;
		o.origins.count = door->origins->count;
	}
	failed = http_server_new(host_loop(door->host), &o, routes, &door->server);
	for (size_t i = 0; !failed && i < addresses->count; i++) {
		failed = http_server_listen(door->server, addresses->items[i], NULL);
		if (failed)
			tell_failed(door, addresses->items[i], failed);
	}
	return failed;
}

/* A host app that has a connection open may still have something to give: SDKs send every 5 seconds by default
 * (OpenTelemetry specification, "Batching processor", scheduledDelayMillis). Without a connection a moment is
 * enough. */
bool door_quiet(const struct door *door)
{
	struct duration since = mono_since(loop_now(host_loop(door->host)), door->last);
	bool connected = door->server && http_server_totals(door->server).connections > 0;

	return door->open == 0 && (door->last.ns == 0 || since.ns > DURATION_S(connected ? LINGER_S : 1).ns);
}

void door_stop(struct door *door)
{
	door->stopped = true;
	answer_some(door);
	if (door->server)
		http_server_quiesce(door->server);
}

void door_done(struct door *door)
{
	loop_soon_done(&door->answering);
	http_server_free(door->server);
	while (door->kept)
		request_free(take_kept(door));
	gunzip_free(door->gunzip);
}
