#include "exporters/post.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/lane.h"
#include "proto/grpc_answer.h"
#include "proto/gzip.h"
#include "proto/said.h"

enum {
	FRAME_CHUNK = 64 << 10,
	HEADERS = 6 + POST_HEADERS_MAX,
	SAID_SHOWN = 240,
	GRPC_TIMEOUT_MAX = 99999999,
	BUILT_GROWTH = 8,
	BUILT_ROOM = 1 << 20
};

struct poster {
	struct poster_options o;
	char content_type[128], grpc_timeout[32];
	struct gzip *gzip; /* belongs to the CPU lane while a job of ours runs there; jobs run one after another */
};

/*
 * One POST. In the CPU lane (compressing) or on the wire (call != NULL), never both.
 *
 * Invariant: send is NULL once it was cancelled; then only the lane still holds the post.
 */
struct post {
	struct job job;
	struct poster *poster;
	struct post_items items;
	struct send *send;
	void *reader;
	struct http_call *call;
	size_t item; /* that is being framed */
	struct frame frame;
	struct pieces pieces; /* in place of items in frames, unless there are none */
	struct pieces_place place;
	uint64_t body_size;
	struct buffer packed;
	size_t packed_start, packed_out; /* where it begins; up to where it is out */
	char head[GRPC_HEAD_SIZE]; /* of a message of gRPC */
	size_t head_size, head_out;
	int failed;
};

/* Whether the whole body is in memory, made in the lane. */
static bool is_made(const struct post *p)
{
	return p->poster->o.gzip || p->poster->o.build;
}

/* Writes the next bytes of the body. */
static size_t body_next(struct post *p, char *to, size_t room)
{
	size_t wrote = 0;
	bool ended;

	if (p->pieces.count > 0)
		return pieces_read(&p->pieces, &p->place, to, room);
	while (p->item < p->items.count && wrote < room) {
		wrote += frame_put(&p->frame, post_items_at(&p->items, p->item), to + wrote, room - wrote, &ended);
		p->item += ended;
	}
	return wrote;
}

static void frame_again(struct post *p)
{
	p->item = 0;
	p->place = (struct pieces_place){ 0 };
	p->packed_out = p->packed_start;
	p->head_out = 0;
	frame_init(&p->frame, &p->poster->o.form, p->reader);
}

/* Builds the body, and packs it if it is to be. */
static void build_body(struct post *p)
{
	const struct poster_options *o = &p->poster->o;
	struct gzip *z = p->poster->gzip;
	size_t start = 0;
	struct buffer plain;

	buffer_init(&plain, BUILT_GROWTH * p->body_size + (o->build_room ? o->build_room : BUILT_ROOM));
	p->failed = o->build(o->exporter, p->reader, &p->items, &plain, &start);
	if (!o->gzip) {
		p->packed = plain;
		p->packed_start = start;
		return;
	}
	if (!p->failed)
		p->failed = gzip_begin(z, &p->packed);
	if (!p->failed)
		p->failed = gzip_feed(z, plain.data + start, plain.size - start);
	if (!p->failed)
		p->failed = gzip_end(z);
	buffer_done(&plain);
}

/* The items as they are. False: something is put around them, or there is no memory. */
static bool list_items(struct post *p)
{
	char *own;

	if (!frame_is_bare(&p->poster->o.form) || pieces_init(&p->pieces, p->items.count, 0, &own) < 0)
		return false;
	for (size_t i = 0; i < p->items.count; i++) {
		const struct batch_item *item = post_items_at(&p->items, i);
		pieces_add(&p->pieces, (struct bytes){ item->data, item->size });
	}
	return true;
}

/* The body may get shorter, never longer. */
static void gather_body(struct post *p)
{
	bool gathered = p->poster->o.gather && p->poster->o.gather(&p->items, &p->pieces);

	if (!gathered && !list_items(p))
		return;
	OXP_ASSERT(p->pieces.size <= p->body_size);
	p->body_size = p->pieces.size;
}

static void compress_pieces(struct post *p)
{
	for (size_t i = 0; i < p->pieces.count && !p->failed; i++)
		p->failed = gzip_feed(p->poster->gzip, p->pieces.list[i].data, p->pieces.list[i].size);
}

static void compress_frames(struct post *p)
{
	char *chunk = malloc(FRAME_CHUNK);
	size_t n;

	p->failed = chunk ? 0 : -ENOMEM;
	while (!p->failed && (n = body_next(p, chunk, FRAME_CHUNK)) > 0)
		p->failed = gzip_feed(p->poster->gzip, chunk, n);
	free(chunk);
}

static void compress_body(struct post *p)
{
	gather_body(p);
	p->failed = gzip_begin(p->poster->gzip, &p->packed);
	if (!p->failed && p->pieces.count > 0)
		compress_pieces(p);
	else if (!p->failed)
		compress_frames(p);
	if (!p->failed)
		p->failed = gzip_end(p->poster->gzip);
}

/* In the CPU lane. */
static void make_body(struct job *job)
{
	struct post *p = CONTAINER_OF(job, struct post, job);

	if (p->poster->o.build)
		build_body(p);
	else
		compress_body(p);
}

static void post_free(struct post *p)
{
	if (p->reader && p->poster->o.discard)
		p->poster->o.discard(p->reader);
	batch_unkeep(p->items.batch);
	buffer_done(&p->packed);
	pieces_done(&p->pieces);
	free(p->items.picked);
	free(p);
}

/* Ends the post before its send: the send's end may free the poster's owner. */
static void give_up(struct post *p, const char *why)
{
	struct send *send = p->send;

	post_free(p);
	send_done(send, RETRY, why);
}

/* Copies as much as fits of what is behind *out. */
static size_t copy_next(struct bytes all, size_t *out, char *to, size_t room)
{
	size_t left = all.size - *out, n = left < room ? left : room;

	if (n > 0)
		memcpy(to, all.data + *out, n);
	*out += n;
	return n;
}

static size_t on_read(void *context, char *to, size_t room)
{
	struct post *p = context;

	if (p->head_out < p->head_size)
		return copy_next((struct bytes){ p->head, p->head_size }, &p->head_out, to, room);
	return is_made(p) ? copy_next(buffer_bytes(&p->packed), &p->packed_out, to, room) : body_next(p, to, room);
}

/* Whether all of the body stands in memory. */
static bool stands(const struct post *p)
{
	return is_made(p) || p->pieces.count > 0 || p->body_size == 0;
}

static size_t on_look(void *context, struct bytes *to, size_t room)
{
	const struct post *p = context;
	const struct bytes head = { p->head + p->head_out, p->head_size - p->head_out };
	size_t count = 0;

	OXP_ASSERT(room > 1);
	if (head.size > 0)
		to[count++] = head;
	if (!is_made(p))
		return count + pieces_look(&p->pieces, &p->place, to + count, room - count);
	if (p->packed_out < p->packed.size)
		to[count++] = (struct bytes){ p->packed.data + p->packed_out, p->packed.size - p->packed_out };
	return count;
}

static void on_took(void *context, size_t size)
{
	struct post *p = context;
	size_t head = p->head_size - p->head_out < size ? p->head_size - p->head_out : size;

	p->head_out += head;
	if (is_made(p))
		p->packed_out += size - head;
	else
		pieces_skip(&p->pieces, &p->place, size - head);
}

static void on_rewind(void *context)
{
	frame_again(context);
}

static void on_line(void *context, struct bytes line)
{
	struct post *p = context;

	p->poster->o.line(p->reader, line);
}

static bool on_piece(void *context, struct bytes piece)
{
	struct post *p = context;

	return p->poster->o.piece(p->reader, piece);
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct post *p = context;
	struct poster *poster = p->poster;

	p->call = NULL;
	poster->o.ended(poster->o.exporter, p->send, p->reader, reply);
	post_free(p);
}

/* The credentials may differ with each post. */
static void list_headers(const struct poster *poster, const char *headers[HEADERS + ACCESS_LINES_MAX + 1])
{
	size_t n = 0;

	headers[n++] = poster->content_type;
	if (poster->o.grpc) {
		headers[n++] = "TE: trailers";
		headers[n++] = "grpc-accept-encoding: identity,gzip";
		headers[n++] = poster->grpc_timeout;
	}
	if (poster->o.gzip)
		headers[n++] = poster->o.grpc ? "grpc-encoding: gzip" : "Content-Encoding: gzip";
	for (size_t i = 0; poster->o.headers && poster->o.headers[i]; i++)
		headers[n++] = poster->o.headers[i];
	if (poster->o.access)
		n += access_list(poster->o.access, headers + n);
	headers[n] = NULL;
}

/* Returns the size of the whole body. */
static uint64_t put_head(struct post *p)
{
	uint64_t size = is_made(p) ? p->packed.size - p->packed_start : p->body_size;

	if (!p->poster->o.grpc)
		return size;
	OXP_ASSERT(size <= UINT32_MAX);
	p->head_size = GRPC_HEAD_SIZE;
	grpc_head_write(p->poster->o.gzip, (uint32_t)size, p->head);
	return size + GRPC_HEAD_SIZE;
}

static void start_call(struct post *p)
{
	const struct poster *poster = p->poster;
	struct access *access = poster->o.access;
	const char *headers[HEADERS + ACCESS_LINES_MAX + 1];
	const struct http_call_options o = {
		.method = "POST",
		.url = poster->o.target ? poster->o.target(poster->o.exporter, p->reader) : poster->o.url,
		.unix_path = poster->o.unix_path,
		.headers = headers,
		.body_size = put_head(p),
		.read = on_read,
		.rewind = on_rewind,
		.look = stands(p) ? on_look : NULL,
		.took = stands(p) ? on_took : NULL,
		.piece = poster->o.piece ? on_piece : NULL,
		.line = poster->o.line ? on_line : NULL,
		.done = on_done,
		.context = p,
		.answer_max = poster->o.answer_max,
		.timeout = poster->o.timeout,
		.user_password = access ? access->user_password : NULL,
		.tls = access ? access_tls(access) : NULL,
		.http2 = poster->o.grpc,
	};

	list_headers(poster, headers);
	if (http_call_start(host_http(poster->o.host), &o, &p->call) < 0)
		give_up(p, "cannot start a request: out of memory or of descriptors");
}

/* Back on the loop. */
static void on_made(struct job *job)
{
	struct post *p = CONTAINER_OF(job, struct post, job);

	frame_again(p);
	if (!p->send)
		post_free(p);
	else if (p->failed)
		give_up(p, "cannot make the request: out of memory");
	else
		start_call(p);
}

/* Notes which items the send wants, so that the lane need not ask. */
static bool pick_items(struct post *p)
{
	size_t first = send_first(p->send), end = send_end(p->send), n = 0;

	for (size_t i = first; i < end; i++)
		n += send_wants(p->send, i);
	p->items.first = first;
	p->items.count = n;
	if (n < end - first) {
		p->items.picked = malloc(n * sizeof *p->items.picked);
		if (!p->items.picked)
			return false;
		for (size_t i = first, k = 0; i < end; i++)
			if (send_wants(p->send, i))
				p->items.picked[k++] = (uint32_t)i;
	}
	for (size_t i = 0; i < n; i++)
		p->body_size += is_made(p) ? frame_room(&p->poster->o.form, post_items_at(&p->items, i))
					   : frame_size(&p->frame, post_items_at(&p->items, i));
	return true;
}

void poster_send(struct poster *poster, const struct batch *batch, struct send *send)
{
	struct post *p = oxp_new(sizeof *p);

	*p = (struct post){ .job = { .work = make_body, .done = on_made },
		.poster = poster,
		.items = { .batch = batch_keep(batch) },
		.send = send };
	send_context_set(send, p);
	if (poster->o.begin)
		p->reader = poster->o.begin(poster->o.exporter, batch, send);
	frame_again(p);
	if (!pick_items(p)) {
		give_up(p, "out of memory");
		return;
	}
	buffer_init(&p->packed, p->body_size + p->body_size / 8 + FRAME_CHUNK);
	if (!is_made(p)) {
		gather_body(p);
		start_call(p);
	} else if (lane_run(host_cpu_lane(poster->o.host), &p->job) < 0) {
		give_up(p, "the CPU lane is full");
	}
}

void poster_cancel(struct poster *poster, struct send *send)
{
	struct post *p = send_context(send);

	(void)poster;
	p->send = NULL;
	if (p->call) {
		http_call_cancel(p->call);
		post_free(p);
	}
	send_done(send, RETRY, "no answer in time");
}

void *poster_asking(const struct send *send)
{
	const struct post *p = send_context(send);

	return p->call ? p->reader : NULL;
}

/* A deadline has eight digits at most. */
static long long grpc_ms(struct duration timeout)
{
	int64_t ms = duration_ms(timeout);

	return ms < GRPC_TIMEOUT_MAX ? ms : GRPC_TIMEOUT_MAX;
}

int poster_new(const struct poster_options *o, struct poster **ret)
{
	struct poster *poster = oxp_new(sizeof *poster);

	poster->o = *o;
	snprintf(poster->content_type, sizeof poster->content_type, "Content-Type: %s", o->content_type);
	snprintf(poster->grpc_timeout, sizeof poster->grpc_timeout, "grpc-timeout: %lldm", grpc_ms(o->timeout));
	poster->gzip = o->gzip ? gzip_new() : NULL;
	if (o->gzip && !poster->gzip) {
		free(poster);
		return -ENOMEM;
	}
	*ret = poster;
	return 0;
}

void poster_free(struct poster *poster)
{
	if (!poster)
		return;
	gzip_free(poster->gzip);
	free(poster);
}

const char *post_reason(const struct http_reply *reply, char *to, size_t room)
{
	char said[SAID_SHOWN];

	if (reply->end == HTTP_END_CODING)
		snprintf(to, room, "HTTP %u, but %s", reply->status, reply->error);
	else if (reply->end != HTTP_END_ANSWER)
		snprintf(to, room, "%s", *reply->error ? reply->error : "the connection broke");
	else if (said_read(reply->content_type, reply->body, said, sizeof said))
		snprintf(to, room, "HTTP %u: %s", reply->status, said);
	else
		snprintf(to, room, "HTTP %u", reply->status);
	return to;
}
