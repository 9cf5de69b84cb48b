#include "collectors/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/text.h"
#include "collectors/listen_log.h"
#include "proto/packed.h"

enum {
	LINGER_S = 6, /* for an idle peer, while the process ends */
	WAITING_MAX = 256, /* connections not let in yet: all of them are worked on before the next */
	IDLE_S = 75, /* until a connection without traffic is closed */
	AGE_S = 1800, /* until any connection is, after an answer */
	GRPC_EXTRA = 128 << 10, /* the door itself refuses what is too large over gRPC, in words of its own */
	TELL_DISK_S = 60,
	ANSWERS_AT_ONCE = 8,
	REPLY_INLINE_MAX = 64 << 10, /* answers up to this size are written on the loop, larger ones in the CPU lane */
};

const char *const door_acks[] = { "memory", "disk", NULL };

static const char no_room[] = "no room within `memory`; try again";
static const char unread[] = "too many answers wait to be read; read them and try again";
static const char no_disk[] = "it could not be put on disk; try again";
static const char ending[] = "the sidecar is ending; try again";
static const char too_large[] = "the request is larger than body_max";
static const char too_large_inflated[] = "the request is larger than body_max when inflated";
static const char too_large_ever[] = "the request takes more than `memory` allows; send less at a time";
static const char too_late[] = "the deadline of the request has passed; nothing of it was taken";

/* Life of a request. */

static void request_free(struct door_request *r)
{
	r->door->open--;
	if (r->voice)
		r->voice->done(r);
	door_body_done(&r->body);
	door_reply_done(&r->reply);
	free(r);
}

enum http_take door_refuse(struct door_request *r, unsigned status, const char *message)
{
	struct http_request *request = r->request;

	++*(status == 503 ? r->door->refused_full : r->door->refused_bad);
	if (request)
		http_context_set(request, NULL);
	if (request && r->voice)
		r->voice->refuse(r, status, message);
	else if (request)
		r->type->answer(request, status, message); /* the message may be in the request's struct */
	request_free(r);
	return HTTP_ANSWERED;
}

void door_answered(struct door_request *r, const struct http_answer *answer)
{
	struct http_request *request = r->request;
	struct http_answer full = *answer;

	if (request) {
		http_context_set(request, NULL);
		full.page = door_reply_page(&r->reply);
		if (r->voice)
			r->voice->respond(r, &full);
		else
			http_respond(request, &full); /* its body may be in the request's struct */
		http_page_release(full.page);
	}
	request_free(r);
}

/* A peer that holds memory and does nothing with it is cut off before others are refused for long. Refused requests are
 * sent again. */
static enum http_take refuse_full(struct door_request *r, const char *message)
{
	if (r->body.size > 0)
		r->door->last = loop_now(host_loop(r->door->host));
	return door_refuse(r, 503, message);
}

/* There was no room for what the request takes in all. If there is hardly ever that much, trying again does not
 * help. */
static enum http_take refuse_room(struct door_request *r, size_t takes)
{
	size_t most = host_memory_most(r->door->host, r->type->signal);

	if (takes > most - most / 8)
		return door_refuse(r, 413, too_large_ever);
	return refuse_full(r, no_room);
}

/* Room for the answer. False: refused. */
static bool reserve_reply(struct door_request *r)
{
	size_t size = r->type->reply_max(r);
	int failed = door_reply_reserve(&r->reply, r->request, size);

	if (failed == -EBUSY)
		refuse_full(r, unread);
	else if (failed)
		refuse_room(r, r->body.size + size);
	return !failed;
}

/* What is in the batch becomes `old`: the new body gets a batch of its own. False: refused. */
static bool make_old(struct door_request *r, size_t size)
{
	size_t both = r->body.size + size;

	r->fault = NULL;
	if (door_body_renew(&r->body, r->request, size))
		return true;
	refuse_room(r, both);
	return false;
}

/* Which of the types it is: `content` of the door's type, or the one that is wanted. False: none, `reason` says so. */
static bool has_type(struct door_request *r, const char *wanted)
{
	const char *const one[] = { wanted, NULL }, *const *types =
							    r->type->content && !wanted ? r->type->content : one;
	const char *type = *types ? http_request_header(r->request, "Content-Type") : "";

	for (size_t i = 0; type && types[i]; i++) {
		r->content = i;
		if (media_type_is(bytes_of(type), types[i]))
			return true;
	}
	snprintf(r->reason, sizeof r->reason, "Content-Type must be %s%s%s", *types ? types[0] : "",
		*types && types[1] ? " or " : "", *types && types[1] ? types[1] : "");
	return !*types;
}

struct door_request *door_open(
	struct door *door, const struct door_type *type, struct http_request *request, const struct door_voice *voice)
{
	struct door_request *r = oxp_new(type->request_size);

	r->door = door;
	r->type = type;
	r->request = request;
	r->voice = voice;
	door_body_init(&r->body, &door->memory, type->signal);
	door_reply_init(&r->reply, &door->memory, type->signal);
	door->open++;
	++*door->requests;
	http_context_set(request, r);
	return r;
}

enum http_take door_expect(struct door_request *r, int64_t announced)
{
	if (r->door->stopped)
		return door_refuse(r, 503, ending);
	if (announced > (int64_t)r->door->body_max)
		return door_refuse(r, 413, too_large);
	if (!door_body_begin(&r->body, r->request, announced))
		return refuse_room(r, announced > 0 ? (size_t)announced : 0);
	return HTTP_TAKEN;
}

/* Whether it waited behind others that are applied, and does so no more: nothing of it is taken. */
static bool leaves_line(struct door_request *r)
{
	struct door *door = r->door;
	struct door_request **at = &door->applied;

	if (!r->applies || r->begun)
		return false;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (door->applied_last == &r->next)
		door->applied_last = at;
	r->applies = false;
	return true;
}

void door_expire(struct door_request *r)
{
	if (r->in_lane)
		r->late = true;
	else if (leaves_line(r) || (!r->offered && !r->applies))
		door_refuse(r, 504, too_late);
	else if (r->applies)
		return; /* some of it is taken */
	else
		(void)host_withdraw(r->door->host, r->type->signal, r);
}

enum http_take door_begin_as(
	struct door *door, const struct door_type *type, struct http_request *request, const char *wanted)
{
	const char *encoding = http_request_header(request, "Content-Encoding");
	struct door_request *r = door_open(door, type, request, NULL);

	if (door->stopped)
		return door_refuse(r, 503, ending);
	if (!has_type(r, wanted))
		return door_refuse(r, 415, r->reason);
	if (encoding && !packing_find(encoding, &r->packing)) {
		http_request_tell(request, "Accept-Encoding", PACKINGS); /* RFC 9110, 15.5.16; not for other reasons */
		return door_refuse(r, 415, "Content-Encoding must be one of " PACKINGS ", identity");
	}
	return door_expect(r, http_request_content_length(request));
}

enum http_take door_begin(struct door *door, struct http_request *request, const char *wanted)
{
	return door_begin_as(door, door->type, request, wanted);
}

enum http_take door_body(void *context, struct http_request *request, struct bytes piece)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (piece.size > r->door->body_max - r->body.size)
		return door_refuse(r, 413, too_large);
	if (!door_body_append(&r->body, request, piece))
		return refuse_room(r, r->body.size + piece.size);
	if (r->type->count && r->packing == PACKED_NOT)
		r->type->count(r, piece);
	return HTTP_TAKEN;
}

char *door_into(void *context, struct http_request *request, size_t *room)
{
	struct door_request *r = http_context(request);

	(void)context;
	return door_body_into(&r->body, request, room);
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

static void answer_due(struct door_request *r)
{
	struct door *door = r->door;

	r->offered = false;
	if (!r->failed) {
		r->type->taken(r);
	} else if (r->failed == -ENOMEM) {
		refuse_room(r, 2 * r->body.size + r->reply.size); /* steps need the body and a copy */
	} else if (r->failed == -EMSGSIZE) {
		door_refuse(r, 413, too_large_ever);
	} else if (r->failed == -ETIMEDOUT) {
		door_refuse(r, 504, too_late);
	} else if (r->failed == -ECANCELED) {
		door_refuse(r, 503, ending);
	} else {
		tell_disk(door, r->failed);
		door_refuse(r, 503, no_disk);
	}
}

static struct door_request *take_due(struct door *door)
{
	struct door_request *r = door->due;

	door->due = r->next;
	if (!door->due)
		door->due_last = &door->due;
	return r;
}

/* One commit may answer many requests, and each answer is a call into the kernel. */
static void answer_some(void *context)
{
	struct door *door = context;

	for (int i = 0; door->due && (i < ANSWERS_AT_ONCE || door->stopped); i++)
		answer_due(take_due(door)); /* another may come meanwhile */
	if (door->due)
		loop_soon_run(&door->answering);
}

static void on_offered(void *context, int failed)
{
	struct door_request *r = context;
	struct door *door = r->door;

	r->failed = failed;
	r->next = NULL;
	*door->due_last = r;
	door->due_last = &r->next;
	if (door->stopped)
		answer_some(door);
	else
		loop_soon_run(&door->answering);
}

/* ADMIT_WAITS: on_offered() says what became of it, and may have done so by now. */
static enum admit hand_over(struct door_request *r)
{
	struct door *door = r->door;
	enum admit admit;

	r->offered = true;
	if (door->ack == ACK_DISK || host_ends(door->host)) {
		if (host_offer_spooled(door->host, &r->body.batch, on_offered, r) == ADMIT_TAKEN)
			return ADMIT_WAITS;
		admit = ADMIT_FULL;
	} else {
		admit = host_offer_long(door->host, &r->body.batch, on_offered, r);
	}
	r->offered = admit == ADMIT_WAITS;
	return admit;
}

/* Bodies that are not offered. */

static struct door_request *take_applied(struct door *door)
{
	struct door_request *r = door->applied;

	door->applied = r->next;
	if (!door->applied)
		door->applied_last = &door->applied;
	return r;
}

static void apply_some(void *context)
{
	struct door *door = context;
	struct door_request *r = door->applied;

	if (!r)
		return; /* door_stop() has done it */
	r->begun = true;
	if (!r->type->apply(r)) {
		(void)take_applied(door);
		r->applies = false;
		r->type->taken(r);
	}
	if (door->applied)
		loop_soon_run(&door->applying);
}

static void apply(struct door_request *r)
{
	struct door *door = r->door;

	if (r->body.size > 0)
		door->last = loop_now(host_loop(door->host));
	r->applies = true;
	r->next = NULL;
	*door->applied_last = r;
	door->applied_last = &r->next;
	loop_soon_run(&door->applying);
}

/* Afterwards the request has been answered, or waits for steps or for the disk. */
static void offer(struct door_request *r)
{
	struct door *door = r->door;
	bool fine = r->type->fill(r), any = fine && batch_items(r->body.batch) > 0;
	enum admit admit = fine ? ADMIT_TAKEN : ADMIT_FULL;

	door_body_work_done(&r->body);
	if (fine && r->type->apply) {
		apply(r);
		return;
	}
	if (any) { /* an empty request does not mean that more will come */
		door->last = loop_now(host_loop(door->host));
		admit = hand_over(r);
	}
	if (admit == ADMIT_TAKEN)
		r->type->taken(r);
	else if (admit != ADMIT_WAITS)
		refuse_room(r, r->body.size + r->reply.size);
}

static void inflate_body(struct door_request *r)
{
	const struct door_type *type = r->type;
	struct unpacker *unpacker = r->door->unpacker;
	struct door_body *body = &r->body;
	struct buffer to = { .data = body->data, .room = body->room, .ceiling = body->room };
	int failed = packed_undo(unpacker, r->packing, body->old, &to);
	bool short_of_room = failed == -EFBIG && body->room < r->door->body_max;

	r->next_room = body->room;
	if (short_of_room)
		failed = packed_guess_again(unpacker, r->packing, body->old, r->door->body_max, &r->next_room);
	r->short_of_room = short_of_room && !failed;
	r->over_max = failed == -EFBIG;
	if (failed)
		r->fault = r->over_max ? too_large_inflated : packing_fault(r->packing);
	if (failed || r->short_of_room)
		return;
	door_body_filled(body, to.size);
	if (type->count)
		type->count(r, buffer_bytes(&to));
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
		r->type->look(r);
		break;
	case DOOR_MEND:
		door_body_filled(&r->body, r->type->mend(r));
		break;
	case DOOR_WRITE:
		door_reply_filled(&r->reply, r->type->write(r));
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
	door_reply_trim(&r->reply);
	offer(r);
}

/* The body is what will be offered. */
static void write_reply(struct door_request *r)
{
	const struct door_type *type = r->type;

	if (!type->reply_max) {
		offer(r);
	} else if (!reserve_reply(r)) {
		return;
	} else if (r->reply.room > REPLY_INLINE_MAX) {
		to_lane(r, DOOR_WRITE);
	} else {
		door_reply_filled(&r->reply, type->write(r));
		written(r);
	}
}

static void look_at(struct door_request *r);

static void mended(struct door_request *r)
{
	bool again = r->again;

	door_body_old_done(&r->body);
	r->again = false;
	r->wants = 0;
	if (r->fault)
		door_refuse(r, 400, r->fault);
	else if (again)
		look_at(r);
	else
		write_reply(r);
}

static void mend(struct door_request *r)
{
	bool large = r->body.size > DOOR_MEND_INLINE_MAX;

	if (r->may_stay && !door_body_renew(&r->body, r->request, r->wants)) {
		door_body_restore(&r->body);
		write_reply(r);
	} else if (!r->may_stay && !make_old(r, r->wants)) {
		return;
	} else if (large) {
		to_lane(r, DOOR_MEND);
	} else {
		door_body_filled(&r->body, r->type->mend(r));
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
	const struct door_type *type = r->type;

	if (type->need && !door_body_work(&r->body, r->request, type->need(r))) {
		refuse_full(r, no_room);
		return;
	}
	if (r->body.size > (type->inline_max ? type->inline_max : DOOR_INLINE_MAX)) {
		to_lane(r, DOOR_LOOK);
	} else {
		type->look(r);
		looked_at(r);
	}
}

/* The size was wrong, that of the last of several members, or guessed. Again, with more room. */
static void inflate_again(struct door_request *r)
{
	size_t both = r->body.old.size + r->next_room;

	if (door_body_restart(&r->body, r->request, r->next_room))
		to_lane(r, DOOR_INFLATE);
	else
		refuse_room(r, both);
}

static void inflated(struct door_request *r)
{
	if (r->short_of_room) {
		inflate_again(r);
		return;
	}
	door_body_old_done(&r->body);
	if (r->type->need && !r->fault)
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
	if (r->late) {
		door_refuse(r, 504, too_late);
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

/* Whether it exceeds body_max shows when it is inflated: what it says of its size anyone can write. */
static void inflate(struct door_request *r)
{
	size_t size = packed_guess(r->packing, (struct bytes){ r->body.data, r->body.size });

	if (make_old(r, smaller(size, r->door->body_max)))
		to_lane(r, DOOR_INFLATE);
}

bool door_enough(void *context)
{
	const struct door *door = context;

	return host_has_enough(door->host, door->type->signal);
}

bool door_entry_enough(void *context)
{
	const struct door_entry *entry = context;

	return host_has_enough(entry->door->host, entry->type->signal);
}

void door_complete(void *context, struct http_request *request)
{
	struct door_request *r = http_context(request);

	(void)context;
	if (r->door->stopped)
		door_refuse(r, 503, ending);
	else if (r->packing != PACKED_NOT)
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
	if (r->applies)
		return;
	if (r->offered && r->voice) /* a call that was cancelled, as clients do when the deadline passes */
		(void)host_withdraw(r->door->host, r->type->signal, r);
	else if (!r->in_lane && !r->offered)
		request_free(r);
}

/* Life of a door. */

size_t door_body_max(const struct host *host, uint64_t configured, unsigned part)
{
	return configured > 0 ? configured : smaller(host_memory(host) / part, DOOR_BODY_CEILING);
}

int door_init(struct door *door, const struct door_type *type, struct host *host, size_t body_max)
{
	*door = (struct door){ .type = type, .host = host, .body_max = body_max, .unpacker = unpacker_new() };
	door_memory_init(&door->memory, host);
	door->due_last = &door->due;
	door->applied_last = &door->applied;
	loop_soon_init(&door->answering, host_loop(host), answer_some, door);
	loop_soon_init(&door->applying, host_loop(host), apply_some, door);
	if (!door->unpacker)
		return -ENOMEM;
	door->requests = host_counter(host, "requests_total", "Requests received.");
	door->refused_full = host_counter(host, "refused_full_total",
		"Requests answered 503: no room in memory or on disk, or too many answers left unread.");
	door->refused_bad = host_counter(
		host, "refused_bad_total", "Requests answered 4xx: malformed, too large, too slow, wrong type.");
	door_declined_init(&door->declined, host);
	return 0;
}

static int listen_on(struct door *door, struct http_server *server, const struct door_way *way)
{
	int failed = 0;

	door_memory_serve(&door->memory, server);
	for (size_t i = 0; !failed && i < way->addresses->count; i++) {
		failed = http_server_listen(server, way->addresses->items[i], NULL);
		if (failed)
			listen_log_failed(door->host, way->option, way->addresses->items[i], SOCK_STREAM, failed);
	}
	return failed;
}

int door_open_way(struct door *door, const struct door_way *way)
{
	struct http_server *server;
	uint64_t *evicted = host_counter(door->host, "connections_evicted_total",
		"Connections closed to make room for others: the ones silent or unfinished for longest.");
	struct http_server_options o = { .name = host_name(door->host),
		.body_max = door->body_max + (way->engine == HTTP_2 ? GRPC_EXTRA : 0),
		.connections_max = way->connections,
		.room = host_room(door->host),
		.age = DURATION_S(AGE_S),
		.idle = DURATION_S(IDLE_S),
		.priority = LOOP_NORMAL,
		.engine = way->engine,
		.waiting_max = WAITING_MAX,
		.evicted = evicted,
		.refused = door->refused_bad,
		.origins = { .option = door->origins_option },
		.declined = door_declined_note,
		.broke_off = door_broke_off,
		.context = &door->declined };
	int failed;

	snprintf(door->origins_option, sizeof door->origins_option, "%s.origins", host_name(door->host));
	if (door->origins) {
		o.origins.items = door->origins->items;
		o.origins.count = door->origins->count;
	}
	failed = door->guarded && door->memory.servers_count == 0
			 ? guard_init_host(&door->guard, door->guarded, door->host)
			 : 0;
	if (failed)
		return failed;
	guard_serve(&door->guard, &o);
	failed = http_server_new(host_loop(door->host), &o, way->routes, &server);
	if (failed)
		return failed;
	return listen_on(door, server, way);
}

int door_start(
	struct door *door, const struct option_list *addresses, size_t connections, const struct http_route *routes)
{
	return door_open_way(door, &(struct door_way){ "http", HTTP_DIRECT, addresses, connections, routes });
}

int door_start_grpc(
	struct door *door, const struct option_list *addresses, size_t connections, const struct http_route *routes)
{
	return door_open_way(door, &(struct door_way){ "grpc", HTTP_2, addresses, connections, routes });
}

/* A host app that has a connection open may still have something to send: by default, SDKs send every 5 seconds
 * (OpenTelemetry specification, "Batching processor", scheduledDelayMillis). Without a connection, a moment is
 * enough. */
bool door_quiet(const struct door *door)
{
	struct duration since = mono_since(loop_now(host_loop(door->host)), door->last);
	bool connected = false;

	for (size_t i = 0; i < door->memory.servers_count; i++)
		connected |= http_server_totals(door->memory.servers[i]).connections > 0;
	return door->open == 0 && (door->last.ns == 0 || since.ns > DURATION_S(connected ? LINGER_S : 1).ns);
}

void door_resume(struct door *door)
{
	for (size_t i = 0; i < door->memory.servers_count; i++)
		http_server_go_on(door->memory.servers[i]);
}

void door_report(const struct door *door, struct json_writer *w)
{
	guard_report(&door->guard, w);
}

void door_stop(struct door *door)
{
	door->stopped = true;
	answer_some(door);
	while (door->applied)
		apply_some(door);
	for (size_t i = 0; i < door->memory.servers_count; i++)
		http_server_quiesce(door->memory.servers[i]);
}

void door_done(struct door *door)
{
	loop_soon_done(&door->answering);
	loop_soon_done(&door->applying);
	for (size_t i = 0; i < door->memory.servers_count; i++)
		http_server_free(door->memory.servers[i]);
	guard_done(&door->guard);
	while (door->due)
		request_free(take_due(door));
	while (door->applied)
		request_free(take_applied(door));
	unpacker_free(door->unpacker);
}
