/*
 * The direct engine: one watch for each connection; a usual request is read with one recv() and answered with one
 * send().
 *
 * All connections of a server read into one buffer. A head is parsed there. Once it is complete, it is copied to its
 * connection, because handlers borrow strings from it until the answer. What came of the body with it is passed on from
 * the buffer; further pieces are received where the handler wants them, if it says so.
 * Only bytes that cannot be used yet are copied: an incomplete head, and bytes behind a request that has no answer yet.
 * The first read of a request asks for READ_FIRST bytes, and further reads for no more than its body still needs. So
 * that is the most that a connection keeps.
 *
 * One callback serves one connection, with at most READ_MAX bytes and a few answers. Nothing recurses: an answer given
 * within complete() is sent there, and the reader continues behind it; an answer given later does that in a callback of
 * its own.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "http/chunked.h"
#include "http/engine.h"
#include "http/head.h"
#include "http/pause.h"
#include "http/seats.h"

enum { READ_FIRST = 64 << 10, READ_MAX = 256 << 10, ANSWER_HEAD_MAX = 16 << 10, DATE_SIZE = 40 };
enum {
	HELD_FREE = 4 << 10, /* bytes that each connection may keep before they can be used */
	HELD_MAX = 1 << 20, /* beyond that, of all connections together: complete heads, and the bytes behind them;
			     * and no more than a quarter of the server's `room` */
};
enum { ANSWERS_AT_ONCE = 16 /* of one callback, to a peer that sends many small requests at once */ };

/* What the connections of a server share. */
struct direct {
	struct http_server *server;
	char *in; /* READ_MAX bytes */
	size_t held, held_max; /* the sum of the connections' */
	int64_t date_second;
	char date[DATE_SIZE];
};

enum step {
	STEP_HEAD, /* reading one, or waiting for it */
	STEP_LENGTH, /* reading a body of which `missing` bytes are to come */
	STEP_CHUNKED, /* reading a chunked body */
	STEP_HANDLER, /* the body is in, the answer is not out */
	STEP_ANSWER, /* the answer is being sent */
	STEP_OVER, /* to be closed from a callback of our own */
};

/*
 * Invariant: `text` holds the head, whole or not; `left` is empty unless the step is STEP_HANDLER or STEP_ANSWER, or
 * `soon` is about to go on with it; `out` and `rest` hold the answer from http_respond() on, of which `sent` bytes
 * are gone, and `rest` stands in `body` or is constant; `held` is what bytes_held() has beyond HELD_FREE.
 */
struct connection {
	struct http_connection base;
	struct http_request request;
	struct direct *direct;
	struct loop_watch watch;
	struct loop_soon soon; /* goes on with `left`, or closes */
	enum step step;
	bool reading; /* in feed(), which goes on after the answer by itself */
	bool keep_alive; /* after the answer */
	bool asks; /* whether it may send its body, and has not been told */
	uint64_t missing;
	struct http_chunked chunked;
	struct buffer text, left, out, body;
	struct bytes rest;
	size_t sent, held;
	struct http_head head;
};

static struct connection *connection_of(const struct http_request *r)
{
	return CONTAINER_OF(r, struct connection, request);
}

static bool wants_bytes(const struct connection *c)
{
	return c->step == STEP_HEAD || c->step == STEP_LENGTH || c->step == STEP_CHUNKED;
}

/* Bytes that cannot be used yet. */

/* Heads that are not whole are counted by seats.c. */
static size_t bytes_held(const struct connection *c)
{
	return c->left.size + (c->step == STEP_HEAD ? 0 : c->text.size);
}

static void count_held(struct connection *c)
{
	size_t size = bytes_held(c), held = size > HELD_FREE ? size - HELD_FREE : 0;

	c->direct->held += held - c->held;
	c->held = held;
}

/* Whether `more` bytes may be held beside those that are. */
static bool may_hold(const struct connection *c, size_t more)
{
	size_t size = bytes_held(c) + more;

	return size <= HELD_FREE || c->direct->held - c->held + size - HELD_FREE <= c->direct->held_max;
}

static void drop_head(struct connection *c)
{
	buffer_clear(&c->text);
	if (c->text.room > HELD_FREE)
		buffer_done(&c->text);
	count_held(c);
}

/* Answers. */

/* IMF-fixdate (RFC 9110, 5.6.7), made once a second. */
static const char *date(struct direct *d)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
		"Dec" };
	time_t now = (time_t)(loop_wall(d->server->loop).ns / 1000000000);
	struct tm t;

	if (d->date_second == now && d->date[0])
		return d->date;
	gmtime_r(&now, &t);
	snprintf(d->date, sizeof d->date, "%s, %02d %s %d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday,
		months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
	d->date_second = now;
	return d->date;
}

static void put(struct connection *c, const char *text)
{
	OXP_ASSERT(buffer_text(&c->out, text) == 0 && "the head of an answer is larger than ANSWER_HEAD_MAX");
}

static void put_field(struct connection *c, const char *name, const char *value)
{
	put(c, name);
	put(c, ": ");
	put(c, value);
	put(c, "\r\n");
}

static void put_number(struct connection *c, uint64_t number)
{
	char digits[24];

	digits[u64_format(number, digits)] = '\0';
	put(c, digits);
}

static void put_status(struct connection *c, unsigned status)
{
	put(c, "HTTP/1.1 ");
	put_number(c, status);
	put(c, " ");
	put(c, http_reason(status));
	put(c, "\r\n");
}

/* RFC 9110, 8.6: no length if the status allows no body. */
static bool has_length(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

static void put_head(struct connection *c, const struct http_answer *answer, size_t size)
{
	buffer_clear(&c->out);
	put_status(c, answer->status);
	put_field(c, "Date", date(c->direct));
	if (answer->content_type)
		put_field(c, "Content-Type", answer->content_type);
	for (const char *const *pair = answer->headers; pair && pair[0]; pair += 2)
		put_field(c, pair[0], pair[1]);
	if (!c->keep_alive)
		put(c, "Connection: close\r\n");
	else if (c->head.old)
		put(c, "Connection: Keep-Alive\r\n");
	if (has_length(answer->status)) {
		put(c, "Content-Length: ");
		put_number(c, size);
		put(c, "\r\n");
	}
	put(c, "\r\n");
}

static void answered(struct connection *c)
{
	http_request_end(&c->request);
	buffer_done(&c->body);
	drop_head(c);
	http_head_init(&c->head);
	http_connection_enter(&c->base, PHASE_IDLE, 0);
	c->step = c->keep_alive ? STEP_HEAD : STEP_OVER;
}

/* Sends as much as the peer takes now. */
static void push(struct connection *c)
{
	size_t head = c->sent < c->out.size ? c->out.size - c->sent : 0;
	size_t skip = head ? 0 : c->sent - c->out.size;
	struct iovec parts[] = {
		{ c->out.data + (c->out.size - head), head },
		{ c->rest.size ? (char *)c->rest.data + skip : NULL, c->rest.size - skip },
	};
	ssize_t n = http_send(&c->base, parts, 2);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->step = STEP_OVER;
	if (n > 0) {
		c->sent += (size_t)n;
		c->base.moved = loop_now(c->direct->server->loop);
	}
	if (c->sent == c->out.size + c->rest.size)
		answered(c);
}

static void answer_start(struct connection *c)
{
	c->step = STEP_ANSWER;
	http_request_enter(&c->request, PHASE_ANSWER, c->rest.size);
	push(c);
}

/* What the connection waits for now. While a handler works, a peer that keeps sending is not read, and once that is
 * known, not watched. Most peers do not keep sending, and so are spared two system calls. */
static void await(struct connection *c)
{
	if (c->step == STEP_OVER || (c->step == STEP_HEAD && c->left.size > 0) ||
		(wants_bytes(c) && !c->base.paused && http_has_more(&c->base)))
		loop_soon_run(&c->soon);
	else if (c->step == STEP_ANSWER)
		loop_watch_set(&c->watch, WATCH_WRITE);
	else if (c->step != STEP_HANDLER)
		loop_watch_set(&c->watch, c->base.paused ? 0 : WATCH_READ);
}

static void respond(struct http_request *r, const struct http_answer *answer)
{
	struct connection *c = connection_of(r);

	/* A peer that asks may leave the body out, or send it all the same: where the next head begins is unknown. */
	c->keep_alive = http_head_keeps(&c->head) && !r->close && !(c->asks && r->content_length != 0);
	put_head(c, answer, r->answer_size);
	c->sent = 0;
	c->rest = http_answer_constant(answer);
	if (answer->body) {
		c->body = *answer->body;
		*answer->body = (struct buffer){ .ceiling = c->body.ceiling };
		c->rest = buffer_bytes(&c->body);
	}
	if (r->method == HTTP_HEAD || !has_length(answer->status))
		c->rest = (struct bytes){ NULL, 0 };
	if (c->step != STEP_HANDLER)
		return; /* the rest of the body comes first */
	answer_start(c);
	if (!c->reading)
		await(c);
}

/* Requests. */

static void body_done(struct connection *c)
{
	c->step = STEP_HANDLER;
	if (c->request.responded)
		answer_start(c);
	else
		http_request_complete(&c->request);
}

static void refuse(struct connection *c, unsigned status)
{
	http_refuse(&c->base, c->step == STEP_HEAD ? NULL : &c->request, status);
	c->step = STEP_OVER;
}

/* RFC 9110, 10.1.1: nothing is said when the body has begun to come, or there is none. */
static void go_on(struct connection *c)
{
	char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
	ssize_t n = http_send(&c->base, &(struct iovec){ words, sizeof words - 1 }, 1);

	c->asks = false;
	if (n != (ssize_t)sizeof words - 1)
		c->step = STEP_OVER;
}

/* A peer that asks and is refused at its head keeps its body; whatever it had sent before it read that is dropped. */
static void decline(struct connection *c)
{
	answer_start(c);
	if (c->step == STEP_OVER)
		http_connection_linger(&c->base);
}

static void begin(struct connection *c, bool body_follows)
{
	int64_t length;

	c->asks = c->head.expects && !c->head.old && !body_follows;
	if (!http_request_begin(&c->base, &c->request, &c->head, c->text.data)) {
		c->step = STEP_OVER;
		return;
	}
	length = c->request.content_length;
	c->missing = length < 0 ? 0 : (uint64_t)length;
	c->chunked = (struct http_chunked){ 0 };
	c->step = length < 0 ? STEP_CHUNKED : STEP_LENGTH;
	if (c->step == STEP_LENGTH && c->missing == 0)
		body_done(c);
	else if (c->asks)
		(c->request.responded ? decline : go_on)(c);
}

static void head_goes_on(struct connection *c)
{
	if (c->base.pace.phase == PHASE_IDLE)
		http_connection_enter(&c->base, PHASE_HEAD, 0);
	http_seats_hold(&c->base, c->text.size);
}

/* Takes the bytes of the head from `in`. A complete head is parsed in place. */
static void feed_head(struct connection *c, struct bytes *in)
{
	size_t before = c->text.size, more = HTTP_HEAD_MAX - before;
	unsigned verdict;

	more = in->size < more ? in->size : more;
	if (before > 0)
		OXP_ASSERT(buffer_append(&c->text, in->data, more) == 0);
	verdict = http_head_parse(&c->head, before > 0 ? buffer_bytes(&c->text) : *in);
	if (verdict == HTTP_HEAD_DONE)
		more = c->head.at - before;
	if (before == 0 && verdict <= HTTP_HEAD_DONE)
		OXP_ASSERT(buffer_append(&c->text, in->data, more) == 0);
	*in = (struct bytes){ in->data + more, in->size - more };
	if (verdict == HTTP_HEAD_DONE)
		c->text.size = c->head.at;
	if (verdict == HTTP_HEAD_DONE && !may_hold(c, c->text.size))
		verdict = 431;
	if (verdict == HTTP_HEAD_DONE)
		begin(c, in->size > 0);
	else if (verdict != HTTP_HEAD_MORE)
		refuse(c, verdict);
	else
		head_goes_on(c);
	count_held(c);
}

static void feed_length(struct connection *c, struct bytes *in)
{
	struct bytes piece = { in->data, in->size < c->missing ? in->size : (size_t)c->missing };

	*in = (struct bytes){ in->data + piece.size, in->size - piece.size };
	c->missing -= piece.size;
	if (!http_request_piece(&c->request, piece))
		c->step = STEP_OVER;
	else if (c->missing == 0)
		body_done(c);
}

static void feed_chunked(struct connection *c, struct bytes *in)
{
	struct bytes piece = { NULL, 0 };

	switch (http_chunked_next(&c->chunked, in, &piece)) {
	case CHUNKED_MORE:
		break;
	case CHUNKED_PIECE:
		if (!http_request_piece(&c->request, piece))
			c->step = STEP_OVER;
		break;
	case CHUNKED_END:
		body_done(c);
		break;
	case CHUNKED_BAD:
		refuse(c, 400);
		break;
	}
}

/* A peer that has sent behind its last answer would have it reset away when the socket is closed over unread bytes. */
static void hold_rest(struct connection *c, struct bytes in)
{
	if (in.size == 0)
		return;
	if (c->step != STEP_OVER && may_hold(c, in.size))
		OXP_ASSERT(buffer_append(&c->left, in.data, in.size) == 0);
	else if (c->step == STEP_HEAD)
		refuse(c, 431);
	else if (c->step != STEP_OVER)
		c->keep_alive = !(c->request.close = true); /* bytes behind this request are not answered */
	else if (http_connection_phase(&c->base) == PHASE_IDLE)
		http_connection_linger(&c->base);
	count_held(c);
}

/* Goes through the bytes as far as requests are answered at once, keeps the rest. */
static void feed(struct connection *c, struct bytes in)
{
	int answers = 0;

	c->reading = true;
	while (in.size > 0 && wants_bytes(c) && answers < ANSWERS_AT_ONCE) {
		switch (c->step) {
		case STEP_HEAD:
			feed_head(c, &in);
			break;
		case STEP_LENGTH:
			feed_length(c, &in);
			break;
		default:
			feed_chunked(c, &in);
		}
		answers += c->step == STEP_HEAD;
	}
	c->reading = false;
	hold_rest(c, in);
}

/* Connections. */

static void connection_close(struct connection *c)
{
	http_request_end(&c->request);
	loop_watch_done(&c->watch);
	loop_soon_done(&c->soon);
	http_connection_close(&c->base);
	c->direct->held -= c->held;
	buffer_done(&c->text);
	buffer_done(&c->left);
	buffer_done(&c->out);
	buffer_done(&c->body);
	http_connection_end(&c->base);
	free(c);
}

/* Whether there may be more to read at once. */
static bool read_some(struct connection *c, size_t *budget)
{
	size_t want = smaller(*budget, c->step == STEP_LENGTH ? smaller(READ_MAX, c->missing) : READ_FIRST);
	char *theirs = c->step == STEP_LENGTH ? http_request_into(&c->request, &want) : NULL;
	char *in = theirs ? theirs : c->direct->in;
	ssize_t n = http_receive(&c->base, in, want);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		http_connection_lost(&c->base);
		c->step = STEP_OVER;
	}
	if (n <= 0)
		return false;
	*budget -= (size_t)n;
	feed(c, (struct bytes){ in, (size_t)n });
	return (size_t)n == want;
}

static void serve_reads(struct connection *c)
{
	size_t budget = READ_MAX;

	while (wants_bytes(c) && c->left.size == 0 && budget > 0)
		if (!read_some(c, &budget))
			return;
}

/* A request that has begun is read to its end. */
static bool pauses(struct connection *c)
{
	return c->step == STEP_HEAD && c->text.size == 0 && http_connection_pauses(&c->base);
}

static void end_turn(struct connection *c)
{
	if (c->step == STEP_OVER)
		connection_close(c);
	else
		await(c);
}

static void on_ready(void *context, int fd, unsigned what)
{
	struct connection *c = context;

	(void)fd, (void)what;
	if (c->base.pace.phase == PHASE_OVER)
		c->step = STEP_OVER;
	if (c->step == STEP_HANDLER)
		loop_watch_set(&c->watch, 0);
	else if (c->step == STEP_ANSWER)
		push(c);
	else if (!pauses(c))
		serve_reads(c);
	end_turn(c);
}

static void read_on(struct http_connection *base)
{
	on_ready(CONTAINER_OF(base, struct connection, base), base->fd, WATCH_READ);
}

static void on_soon(void *context)
{
	struct connection *c = context;
	struct buffer left = c->left;

	buffer_init(&c->left, READ_FIRST);
	count_held(c);
	if (c->step == STEP_HEAD)
		feed(c, buffer_bytes(&left));
	buffer_done(&left);
	if (c->base.pace.phase == PHASE_OVER)
		c->step = STEP_OVER;
	else if (http_has_more(&c->base) && !pauses(c))
		serve_reads(c);
	end_turn(c);
}

static void take(struct http_server *s, int fd, struct tls *tls)
{
	struct direct *d = s->engine_own;
	struct connection *c = oxp_new(sizeof *c);
	struct loop *loop = s->loop;
	int one = 1;

	/* Refused by a Unix socket, which has nothing to delay. */
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c->direct = d;
	buffer_init(&c->text, HTTP_HEAD_MAX);
	buffer_init(&c->left, READ_FIRST);
	buffer_init(&c->out, ANSWER_HEAD_MAX);
	http_connection_begin(&c->base, s, fd);
	c->base.tls = tls;
	loop_soon_init(&c->soon, loop, on_soon, c);
	loop_watch_init(&c->watch, loop, fd, on_ready, c);
	c->soon.priority = c->watch.priority = s->options.priority;
	loop_watch_set(&c->watch, WATCH_READ);
	if (http_has_more(&c->base))
		loop_soon_run(&c->soon);
}

static void drop(struct http_connection *c)
{
	connection_close(CONTAINER_OF(c, struct connection, base));
}

/* The engine. */

static int start(struct http_server *s)
{
	struct direct *d = oxp_new(sizeof *d);

	d->server = s;
	d->in = malloc(READ_MAX);
	OXP_ASSERT(d->in && "out of memory");
	d->held_max = s->options.room > 0 ? smaller(HELD_MAX, s->options.room / 4) : HELD_MAX;
	s->engine_own = d;
	return 0;
}

static void stop(struct http_server *s)
{
	struct direct *d = s->engine_own;

	while (!TAILQ_EMPTY(&s->connections))
		drop(TAILQ_FIRST(&s->connections));
	if (d)
		free(d->in);
	free(d);
}

const struct http_engine http_engine_direct = {
	.chunked = true,
	.drops_handled = true,
	.start = start,
	.take = take,
	.drop = drop,
	.read_on = read_on,
	.last_word = http_last_word,
	.stop = stop,
	.answer = respond,
};
