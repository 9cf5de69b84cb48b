/*
 * The engine of HTTP/2 (RFC 9113) on nghttp2, in the clear, with prior knowledge. With engine_h2_fields.c the only
 * includer of <nghttp2/…>.
 *
 * nghttp2 knows frames, HPACK, windows and the rules of the protocol; it sees bytes from memory and gives bytes to
 * memory. All connections of a server read into one buffer, READ_MAX bytes at a time. The library gets them in steps:
 * what is left of a DATA frame at once, else STEP bytes. Between two steps we look at the clock, and what a turn has no
 * time for is kept until the next (`left`). What is sent goes through one buffer, too; what a peer does not take of it
 * is kept (`out`), and nothing is read meanwhile, so it cannot make us hold more.
 *
 * What a peer may cost, beside the ceilings that all engines have: STREAMS_EACH streams, and all peers together
 * STREAMS_ALL, or as many as a quarter of the room has place for. Beyond that, the stream that has waited for its peer
 * longest gives way, of whichever connection: its body does not come, or its answer is not taken. If it has no answer,
 * its peer is told that nothing was done (REFUSED_STREAM), so that it may send again. A block of fields is read up to
 * BLOCK_MAX decoded bytes, what is kept of the fields counts as in head.h. Frames that carry nothing are rationed
 * (h2_calm.h). All memory of a server's connections has one ceiling (h2_room.h).
 *
 * A window is opened as the handler takes a body, and no earlier. An answer may come before the end of the body: then
 * the stream is reset with NO_ERROR (8.1), so the rest is not sent. A connection that is to end is told so twice: once
 * to send no more, and once what was the last request that counts (6.8), after the peer has answered a ping.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engine.h"
#include "http/engine_h2_fields.h"
#include "http/h2_calm.h"
#include "http/h2_head.h"
#include "http/h2_room.h"
#include "http/pause.h"
#include "http/seats.h"
#include "http/turn.h"

enum {
	READ_MAX = 16 << 10,
	READS = 8, /* of one callback */
	STEP = 1 << 10,
	OUT_MAX = 8 << 10, /* no more frames are made for one send() */
	OUT_ROOM = OUT_MAX + (32 << 10), /* beside one more: of 16 KiB at most, and its head */
	KEPT_STEP = 512, /* what is kept takes a multiple of this */
	FLUSHES = 16, /* sends of one callback */
	QUEUE_MAX = 32, /* frames that wait to be sent while more is read of what has come */
};
enum {
	STREAMS_EACH = 100, /* RFC 9113, 6.5.2: no fewer, so that clients need not wait */
	STREAMS_ALL = 1024,
	STREAM_WINDOW = 256 << 10,
	CONNECTION_WINDOW = 1 << 20,
	BLOCK_MAX = 4 * HTTP_HEAD_MAX,
	HEAD_FREE = 1 << 10, /* bytes that each stream may keep of its head */
	HEADS_MAX = 1 << 20, /* beyond that, of all together; in a small room an eighth of it */
	STREAM_COST = 2 << 10, /* here and in the library */
	RETIRE_MS = 1000, /* for the peer to answer the ping */
};

/* What the connections of a server share. */
struct h2 {
	struct http_server *server;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *options;
	struct h2_room room;
	size_t streams, streams_max;
	size_t heads, heads_max; /* the sum of the streams' `held` */
	TAILQ_HEAD(, stream) theirs; /* it is the peer's turn, the longest first */
	char *in; /* READ_MAX bytes */
	struct buffer out; /* what a connection is about to send */
};

/*
 * One request.
 *
 * Invariant: from begin_stream() to stream_free() it is what the library knows the stream by; in `theirs` until the end
 * of the body, and from the answer on; `rest` is what of the answer has not been given to the library, and stands in
 * `body` or is constant.
 */
struct stream {
	struct http_request request;
	struct connection *connection;
	LIST_ENTRY(stream) sibling; /* in its connection's */
	TAILQ_ENTRY(stream) entry; /* in `theirs` */
	struct h2_head head;
	int32_t id;
	bool is_theirs;
	bool told; /* has its last word: what still comes is dropped */
	size_t held;
	struct buffer body, trailers;
	struct bytes rest;
};

/*
 * Invariant: `left` is what of the last read the library has not had; `out` is what it made and the peer did not take,
 * of which `sent` bytes are gone since; `user` holds the struct itself and the room of these two, of its streams and
 * their heads, and the library's memory; in feed() while `feeding`. `over`: nothing more is read, and it is closed once
 * it was tried to send what the library has; `left_us`: nothing can be sent any more.
 */
struct connection {
	struct http_connection base;
	struct h2 *h2;
	struct loop_watch watch;
	struct loop_soon soon;
	nghttp2_session *session;
	struct h2_room_user user;
	struct h2_calm calm;
	LIST_HEAD(, stream) streams;
	size_t preface; /* bytes of it that have come */
	size_t block; /* decoded bytes of the fields that are being read */
	struct buffer left, out;
	size_t sent;
	struct mono_time retired; /* when it was told to send no more; 0: it was not */
	bool greeted; /* its preface and settings have come */
	bool ending; /* it was told which request is the last */
	bool feeding, over, left_us;
};

static struct stream *stream_of(const struct http_request *r)
{
	return CONTAINER_OF(r, struct stream, request);
}

static struct mono_time now(const struct connection *c)
{
	return loop_now(c->h2->server->loop);
}

/* Somebody outside of a callback of ours made something to send. */
static void go_on_soon(struct connection *c)
{
	if (!c->feeding)
		loop_soon_run(&c->soon);
}

/* Memory. */

static struct connection *who_has_most(const struct h2 *h)
{
	struct connection *most = NULL;
	struct http_connection *base;

	TAILQ_FOREACH(base, &h->server->connections, entry) {
		struct connection *c = CONTAINER_OF(base, struct connection, base);
		if (c->user.used > H2_SEAT_SHARE && (!most || c->user.used > most->user.used))
			most = c;
	}
	return most;
}

/* Streams. */

static void hold(struct stream *s, size_t size)
{
	size_t held = size > HEAD_FREE ? size - HEAD_FREE : 0;

	s->connection->h2->heads += held - s->held;
	s->held = held;
}

static void turn_to_us(struct stream *s)
{
	if (s->is_theirs)
		TAILQ_REMOVE(&s->connection->h2->theirs, s, entry);
	s->is_theirs = false;
}

static void turn_to_peer(struct stream *s)
{
	turn_to_us(s);
	TAILQ_INSERT_TAIL(&s->connection->h2->theirs, s, entry);
	s->is_theirs = true;
}

static void stream_free(struct stream *s)
{
	struct connection *c = s->connection;

	nghttp2_session_set_stream_user_data(c->session, s->id, NULL);
	http_request_end(&s->request);
	turn_to_us(s);
	hold(s, 0);
	h2_room_change(&c->user, sizeof *s + s->head.text.room, 0);
	LIST_REMOVE(s, sibling);
	c->h2->streams--;
	h2_head_done(&s->head);
	buffer_done(&s->body);
	buffer_done(&s->trailers);
	free(s);
}

/* Nothing came of the request, as far as its peer is concerned, unless an answer is under way. */
static void reset(struct http_request *r)
{
	struct stream *s = stream_of(r);
	struct connection *c = s->connection;
	uint32_t code = r->responded ? NGHTTP2_CANCEL : NGHTTP2_REFUSED_STREAM;

	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, code);
	stream_free(s);
	go_on_soon(c);
}

static bool make_room(struct h2 *h)
{
	struct stream *oldest = TAILQ_FIRST(&h->theirs);

	if (h->streams < h->streams_max)
		return true;
	if (!oldest)
		return false;
	http_request_evict(&oldest->request);
	return true;
}

static void begin_stream(struct connection *c, int32_t id)
{
	struct stream *s;

	if (!make_room(c->h2) || !h2_room_has(&c->user, sizeof *s)) {
		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
		return;
	}
	s = oxp_new(sizeof *s);
	s->request.connection = &c->base;
	s->connection = c;
	s->id = id;
	h2_head_init(&s->head);
	buffer_init(&s->trailers, H2_TRAILERS_MAX);
	LIST_INSERT_HEAD(&c->streams, s, sibling);
	h2_room_change(&c->user, 0, sizeof *s);
	turn_to_peer(s);
	c->h2->streams++;
	nghttp2_session_set_stream_user_data(c->session, id, s);
}

/* Answers. */

static ssize_t read_h2_answer(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *context)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct h2_fields fields;
	size_t n;

	(void)source, (void)context;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = smaller(room, s->rest.size);
	if (n > 0)
		memcpy(to, s->rest.data, n);
	s->rest = (struct bytes){ s->rest.data + n, s->rest.size - n };
	if (s->rest.size > 0)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (s->trailers.size == 0)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	h2_fields_init(&fields);
	h2_fields_add_packed(&fields, buffer_bytes(&s->trailers));
	return nghttp2_submit_trailer(session, id, fields.pairs, fields.count) == 0
		       ? (ssize_t)n
		       : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void submit(struct stream *s, const struct h2_fields *fields, bool body)
{
	const nghttp2_data_provider provider = { .read_callback = read_h2_answer };
	struct connection *c = s->connection;

	if (nghttp2_submit_response(c->session, s->id, fields->pairs, fields->count, body ? &provider : NULL) != 0)
		c->over = true; /* no memory */
	turn_to_peer(s);
	go_on_soon(c);
}

static void respond(struct http_request *r, const struct http_answer *answer)
{
	struct stream *s = stream_of(r);
	struct h2_fields fields;
	bool body;

	s->rest = http_answer_constant(answer);
	if (answer->body) {
		s->body = *answer->body;
		*answer->body = (struct buffer){ .ceiling = s->body.ceiling };
		s->rest = buffer_bytes(&s->body);
	}
	body = s->rest.size > 0 && r->method != HTTP_HEAD;
	h2_fields_init(&fields);
	h2_fields_status(&fields, answer->status);
	if (answer->content_type)
		h2_fields_add(&fields, "content-type", answer->content_type);
	h2_fields_add_all(&fields, answer->headers);
	if (!answer->trailers)
		h2_fields_length(&fields, s->rest.size);
	else if (body)
		h2_fields_pack(answer->trailers, &s->trailers);
	else
		h2_fields_add_all(&fields, answer->trailers);
	submit(s, &fields, body);
	http_request_enter(r, PHASE_ANSWER, r->answer_size);
}

static void end_connection(struct connection *c, uint32_t code, const char *why)
{
	c->ending = true;
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(c->session), code,
		(const uint8_t *)why, strlen(why));
}

static void end_in_peace(struct connection *c)
{
	if (!c->ending)
		end_connection(c, NGHTTP2_NO_ERROR, "");
}

static void flush(struct connection *);

/* A connection's last word leaves at once: it is closed behind it. */
static void last_word(struct http_connection *base, struct http_request *r, unsigned status)
{
	struct connection *c = CONTAINER_OF(base, struct connection, base);
	struct stream *s = r ? stream_of(r) : NULL;
	struct h2_fields fields;

	if (!r) {
		end_in_peace(c);
		flush(c);
		return;
	}
	s->told = true;
	if (r->responded) {
		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
		go_on_soon(c);
		return;
	}
	h2_fields_init(&fields);
	h2_fields_status(&fields, status);
	submit(s, &fields, false);
}

/* What the library sees. */

static void begin_request(struct stream *s, bool ends)
{
	struct connection *c = s->connection;
	unsigned wrong = h2_head_end(&s->head, ends);
	size_t heads = c->h2->heads;

	hold(s, s->head.text.size);
	if (!wrong && s->held > 0 && heads + s->held > c->h2->heads_max)
		wrong = 431;
	if (wrong)
		http_refuse(&c->base, &s->request, wrong);
	else
		(void)!http_request_begin(&c->base, &s->request, &s->head.head, s->head.text.data);
}

/* Of the head that was being read, whatever became of it. */
static void head_ended(struct connection *c)
{
	if (c->greeted && c->base.pace.phase == PHASE_HEAD)
		http_connection_enter(&c->base, PHASE_IDLE, 0);
}

static void end_request(struct stream *s)
{
	if (!s->request.responded && !s->told)
		turn_to_us(s);
	if (!s->told)
		http_request_complete(&s->request);
}

/* What is asked for goes beyond all measure. */
static void end_in_anger(struct connection *c, const char *why)
{
	end_connection(c, NGHTTP2_ENHANCE_YOUR_CALM, why);
	c->over = true;
}

static const char no_memory[] = "too much memory for what was announced, or not read";

/* Not within the library: connections are closed. */
static void share_memory(struct connection *c)
{
	struct connection *most;

	while (h2_room_is_tight(&c->h2->room) && (most = who_has_most(c->h2))) {
		if (most == c) {
			end_in_anger(c, no_memory);
			return;
		}
		http_connection_evict(&most->base);
	}
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct connection *c = context;

	(void)session;
	c->block = 0;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || c->over)
		return 0;
	if (c->base.pace.phase == PHASE_IDLE)
		http_connection_enter(&c->base, PHASE_HEAD, 0);
	begin_stream(c, frame->hd.stream_id);
	return 0;
}

/* False: there is no room for it. */
static bool keep_field(struct stream *s, struct bytes name, struct bytes value)
{
	struct h2_room_user *user = &s->connection->user;
	size_t before = s->head.text.room;

	if (!h2_room_has(user, 2 * (before + name.size + value.size))) /* it grows to twice its size */
		return false;
	h2_head_add(&s->head, name, value);
	h2_room_change(user, before, s->head.text.room);
	return true;
}

static int on_h2_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
	const uint8_t *value, size_t value_size, uint8_t flags, void *context)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct connection *c = context;

	(void)flags;
	c->block += name_size + value_size + H2_FIELD_EXTRA;
	if (c->block > BLOCK_MAX && !c->over)
		end_in_anger(c, "a block of fields without end");
	if (!s || c->over || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (!keep_field(s, (struct bytes){ (const char *)name, name_size },
		    (struct bytes){ (const char *)value, value_size }))
		end_in_anger(c, no_memory);
	if (c->base.pace.phase == PHASE_HEAD)
		http_seats_hold(&c->base, s->head.text.size);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct connection *c = context;
	struct stream *s = NULL;
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (c->over)
		return 0;
	if (frame->hd.type == NGHTTP2_SETTINGS && !c->greeted) {
		c->greeted = true;
		http_connection_enter(&c->base, PHASE_IDLE, 0);
	}
	if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) && c->retired.ns)
		end_in_peace(c);
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
		s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		begin_request(s, ends);
	if (frame->hd.type == NGHTTP2_HEADERS)
		head_ended(c);
	if (s && ends)
		end_request(s);
	return 0;
}

/* The window opens by what was taken. Whatever belongs to no request any more is taken, too: it is dropped. */
static int on_h2_data(
	nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *context)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct connection *c = context;

	(void)flags;
	if (s && !s->told && !c->over)
		(void)!http_request_piece(&s->request, (struct bytes){ (const char *)data, size });
	return nghttp2_session_consume(session, id, size) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* What the library or we found broken. */
static bool blames(const nghttp2_frame *frame)
{
	uint32_t code = frame->rst_stream.error_code;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		return frame->goaway.error_code != NGHTTP2_NO_ERROR;
	return frame->hd.type == NGHTTP2_RST_STREAM && code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL &&
	       code != NGHTTP2_REFUSED_STREAM;
}

/* If an answer is out before the body has come, the rest is not wanted. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct connection *c = context;

	if (blames(frame))
		http_count_refused(c->h2->server, 400);
	if (frame->hd.type == NGHTTP2_GOAWAY && !c->ending)
		return nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL); /* its answer comes behind the notice */
	if (ends && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
		nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
		return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct connection *c = context;
	bool answered = s && s->request.responded && code == NGHTTP2_NO_ERROR;

	if (!s)
		return 0;
	stream_free(s);
	head_ended(c);
	if (!answered)
		return 0;
	h2_calm_answered(&c->calm);
	if (c->base.pace.phase == PHASE_IDLE)
		http_connection_enter(&c->base, PHASE_IDLE, 0);
	return 0;
}

/* Connections. */

/* Has these bytes kept; there is room for them, since read_some() asked before it read. */
static void keep(struct connection *c, struct buffer *b, struct bytes bytes)
{
	size_t before = b->room;
	char *to = buffer_reserve_step(b, bytes.size, KEPT_STEP);

	OXP_ASSERT(to && "more is left than is read or made at a time");
	memcpy(to, bytes.data, bytes.size);
	b->size += bytes.size;
	h2_room_change(&c->user, before, b->room);
}

static void forget(struct connection *c, struct buffer *b)
{
	h2_room_change(&c->user, b->room, 0);
	buffer_done(b);
}

static void connection_close(struct connection *c)
{
	while (!LIST_EMPTY(&c->streams))
		stream_free(LIST_FIRST(&c->streams));
	loop_watch_done(&c->watch);
	loop_soon_done(&c->soon);
	nghttp2_session_del(c->session);
	http_connection_close(&c->base);
	forget(c, &c->left);
	forget(c, &c->out);
	h2_room_change(&c->user, sizeof *c, 0);
	OXP_ASSERT(c->user.used == 0);
	http_connection_end(&c->base);
	free(c);
}

static void see_sent(struct connection *c)
{
	size_t waits = c->out.size - c->sent;

	if (waits == 0 && c->base.pace.phase == PHASE_ANSWER)
		http_connection_enter(&c->base, PHASE_IDLE, 0);
	else if (waits > 0 && (c->base.pace.phase == PHASE_IDLE || c->base.pace.phase == PHASE_HEAD))
		http_connection_enter(&c->base, PHASE_ANSWER, waits);
}

/* As much as the peer takes now: how much that is. */
static size_t put(struct connection *c, struct bytes bytes)
{
	ssize_t n = http_send(&c->base, &(struct iovec){ (char *)bytes.data, bytes.size }, 1);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->over = c->left_us = true;
	if (n <= 0)
		return 0;
	c->base.moved = now(c);
	return (size_t)n;
}

/* Of what is kept. */
static void push(struct connection *c)
{
	c->sent += put(c, (struct bytes){ c->out.data + c->sent, c->out.size - c->sent });
	if (c->sent == c->out.size) {
		forget(c, &c->out);
		c->sent = 0;
	}
	see_sent(c);
}

/* What the library has to say, as much as goes at a time. False: nothing. */
static bool fill(struct connection *c)
{
	struct buffer *out = &c->h2->out;
	const uint8_t *data;
	ssize_t n = 1;

	buffer_clear(out);
	while (out->size < OUT_MAX && (n = nghttp2_session_mem_send(c->session, &data)) > 0)
		OXP_ASSERT(buffer_append(out, data, (size_t)n) == 0 && "a frame is larger than OUT_ROOM");
	if (n < 0)
		c->over = true;
	return out->size > 0;
}

/* What the peer does not take is kept. */
static void send_filled(struct connection *c)
{
	struct bytes all = buffer_bytes(&c->h2->out);
	size_t sent = put(c, all);

	if (sent < all.size && !c->left_us)
		keep(c, &c->out, (struct bytes){ all.data + sent, all.size - sent });
	see_sent(c);
}

static void flush(struct connection *c)
{
	if (c->preface < NGHTTP2_CLIENT_MAGIC_LEN)
		return; /* it may speak something else */
	for (int i = 0; i < FLUSHES && !c->left_us && c->out.size == 0 && fill(c); i++)
		send_filled(c);
	if (c->out.size == 0 && nghttp2_session_want_write(c->session))
		go_on_soon(c);
}

static void keep_left(struct connection *c, struct bytes in)
{
	forget(c, &c->left);
	if (in.size > 0 && !c->over)
		keep(c, &c->left, in);
}

/* Gives the library some of the bytes, and takes them away. */
static void feed_some(struct connection *c, struct bytes *in)
{
	size_t data = h2_calm_data_left(&c->calm), step = smaller(in->size, data > STEP ? data : STEP);
	const char *wrong = h2_calm_see(&c->calm, now(c), (struct bytes){ in->data, step });
	ssize_t n = wrong ? 0 : nghttp2_session_mem_recv(c->session, (const uint8_t *)in->data, step);

	if (wrong) {
		end_in_anger(c, wrong);
	} else if (n < 0) {
		http_count_refused(c->h2->server, 400);
		c->over = true;
	} else {
		*in = (struct bytes){ in->data + n, in->size - (size_t)n };
	}
}

static void feed(struct connection *c, struct bytes in, struct turn *turn)
{
	bool time = true;

	c->feeding = true;
	while (in.size > 0 && time && !c->over && c->out.size == 0) {
		feed_some(c, &in);
		time = !turn_is_over(turn);
		if (nghttp2_session_get_outbound_queue_size(c->session) > QUEUE_MAX)
			flush(c); /* what a peer asks for is not piled up */
	}
	c->feeding = false;
	keep_left(c, in);
}

/* What the connection waits for now; it may be closed here. */
static void await(struct connection *c)
{
	bool done = !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session);

	if (c->out.size == 0 && done)
		c->over = true;
	if (c->over) {
		if (!c->left_us)
			http_connection_linger(&c->base);
		connection_close(c);
		return;
	}
	if (c->out.size > 0) {
		loop_watch_set(&c->watch, WATCH_WRITE);
		return;
	}
	loop_watch_set(&c->watch, c->left.size > 0 || c->base.paused ? 0 : WATCH_READ);
	if (c->left.size > 0 || (!c->base.paused && http_has_more(&c->base)))
		loop_soon_run(&c->soon);
}

/* A peer that speaks something else is told so in HTTP/1.1, which most of them speak. */
static bool speaks_other(struct connection *c, struct bytes in)
{
	size_t at = c->preface, n = smaller(in.size, NGHTTP2_CLIENT_MAGIC_LEN - at);

	c->preface += n;
	return n > 0 && memcmp(in.data, &NGHTTP2_CLIENT_MAGIC[at], n) != 0;
}

/* Whether there may be more to read at once, and time for it. */
static bool read_some(struct connection *c, struct turn *turn)
{
	struct bytes in = { c->h2->in, 0 };
	ssize_t n;

	if (!h2_room_has(&c->user, READ_MAX + OUT_ROOM)) {
		end_in_anger(c, no_memory);
		return false;
	}
	n = http_receive(&c->base, c->h2->in, READ_MAX);
	in.size = n > 0 ? (size_t)n : 0;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		http_connection_lost(&c->base);
		c->over = c->left_us = true;
	}
	if (n <= 0)
		return false;
	if (speaks_other(c, in)) {
		http_count_refused(c->base.server, 505);
		http_last_word(&c->base, NULL, 505);
		c->preface = 0; /* nothing else is to be sent */
		c->over = true;
		return false;
	}
	if (!c->greeted && c->base.pace.phase == PHASE_IDLE)
		http_connection_enter(&c->base, PHASE_HEAD, 0);
	feed(c, in, turn);
	share_memory(c);
	return n == READ_MAX && c->left.size == 0 && c->out.size == 0 && !c->over && !turn_is_over(turn);
}

/* A body of many frames takes few callbacks. */
static void serve_reads(struct connection *c)
{
	struct turn turn = { .clock = loop_clock(c->h2->server->loop) };
	int reads = 1;

	turn_begin(&turn);
	while (read_some(c, &turn) && reads < READS && c->base.pace.phase != PHASE_OVER)
		reads++;
}

static void see_cut(struct connection *c)
{
	if (c->base.pace.phase == PHASE_OVER)
		c->over = c->left_us = true;
}

static void end_turn(struct connection *c)
{
	see_cut(c);
	flush(c);
	await(c);
}

static void on_ready(void *context, int fd, unsigned what)
{
	struct connection *c = context;

	(void)fd;
	if (what & WATCH_WRITE)
		push(c);
	else if (c->base.pace.phase != PHASE_OVER && !http_connection_pauses(&c->base))
		serve_reads(c);
	end_turn(c);
}

static void read_on(struct http_connection *base)
{
	struct connection *c = CONTAINER_OF(base, struct connection, base);

	if (c->out.size > 0 || c->left.size > 0)
		end_turn(c); /* they come first */
	else
		on_ready(c, base->fd, WATCH_READ);
}

static void on_soon(void *context)
{
	struct connection *c = context;
	struct turn turn = { .clock = loop_clock(c->h2->server->loop) };
	struct bytes left = { c->h2->in, c->left.size };

	turn_begin(&turn);
	if (left.size > 0) {
		memcpy(c->h2->in, c->left.data, left.size);
		feed(c, left, &turn);
	}
	share_memory(c);
	see_cut(c);
	if (c->left.size == 0 && c->out.size == 0 && !c->over && http_has_more(&c->base) &&
		!http_connection_pauses(&c->base))
		serve_reads(c);
	end_turn(c);
}

static int greet(struct connection *c)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_EACH },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};
	int failed = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings));

	if (failed)
		return failed;
	return nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}

static void take(struct http_server *s, int fd, struct tls *tls)
{
	struct h2 *h = s->engine_own;
	struct connection *c = oxp_new(sizeof *c);
	int one = 1;

	/* Refused by a Unix socket, which has nothing to delay. */
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c->h2 = h;
	h2_room_join(&h->room, &c->user);
	h2_room_change(&c->user, 0, sizeof *c);
	LIST_INIT(&c->streams);
	buffer_init(&c->left, READ_MAX);
	buffer_init(&c->out, OUT_ROOM);
	http_connection_begin(&c->base, s, fd);
	c->base.tls = tls;
	h2_calm_init(&c->calm, now(c), NGHTTP2_CLIENT_MAGIC_LEN);
	loop_soon_init(&c->soon, s->loop, on_soon, c);
	loop_watch_init(&c->watch, s->loop, fd, on_ready, c);
	c->soon.priority = c->watch.priority = s->options.priority;
	if (nghttp2_session_server_new3(&c->session, h->callbacks, c, h->options, &c->user.memory) != 0 ||
		greet(c) != 0) {
		connection_close(c);
		return;
	}
	loop_watch_set(&c->watch, WATCH_READ);
	if (http_has_more(&c->base))
		loop_soon_run(&c->soon);
}

static void drop(struct http_connection *c)
{
	connection_close(CONTAINER_OF(c, struct connection, base));
}

static void retire(struct http_connection *base)
{
	struct connection *c = CONTAINER_OF(base, struct connection, base);

	if (!c->retired.ns) {
		c->retired = now(c);
		nghttp2_submit_shutdown_notice(c->session);
	} else if (mono_since(now(c), c->retired).ns > DURATION_MS(RETIRE_MS).ns) {
		end_in_peace(c);
	}
	go_on_soon(c);
}

/* The engine. */

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_h2_field);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_h2_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

static int start(struct http_server *s)
{
	struct h2 *h = oxp_new(sizeof *h);

	s->engine_own = h;
	h->server = s;
	s->options.connections_max = h2_room_init(&h->room, s->options.connections_max, s->options.room);
	h->streams_max = smaller(STREAMS_ALL, h->room.most / 4 / STREAM_COST);
	h->heads_max = smaller(HEADS_MAX, h->room.most / 8);
	buffer_init(&h->out, OUT_ROOM);
	TAILQ_INIT(&h->theirs);
	h->in = malloc(READ_MAX);
	OXP_ASSERT(h->in && "out of memory");
	if (nghttp2_session_callbacks_new(&h->callbacks) != 0 || nghttp2_option_new(&h->options) != 0)
		return -ENOMEM;
	set_callbacks(h->callbacks);
	nghttp2_option_set_no_auto_window_update(h->options, 1);
	nghttp2_option_set_no_closed_streams(h->options, 1);
	nghttp2_option_set_peer_max_concurrent_streams(h->options, STREAMS_EACH);
	return 0;
}

/* Peers hear which of their requests count before they see the end. */
static void stop(struct http_server *s)
{
	struct h2 *h = s->engine_own;

	while (!TAILQ_EMPTY(&s->connections)) {
		struct http_connection *c = TAILQ_FIRST(&s->connections);
		last_word(c, NULL, 503);
		drop(c);
	}
	if (h) {
		nghttp2_session_callbacks_del(h->callbacks);
		nghttp2_option_del(h->options);
		free(h->in);
		buffer_done(&h->out);
	}
	free(h);
}

const struct http_engine http_engine_h2 = {
	.chunked = true,
	.drops_handled = true,
	.start = start,
	.take = take,
	.drop = drop,
	.reset = reset,
	.read_on = read_on,
	.last_word = last_word,
	.retire = retire,
	.stop = stop,
	.answer = respond,
};
