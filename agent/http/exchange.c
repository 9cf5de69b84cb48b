#include "http/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "http/request.h"

enum { WRITE_MAX = 256 << 10, REFUSALS = 300 /* and above: statuses that make sending the rest useless */ };

enum step {
	GOES_ON,
	WAITS, /* for the kernel */
	AGAIN, /* in the next turn */
	RESENDS,
	ANSWERED,
	NO_CONNECTION,
	CUT_OFF,
	BROKEN,
	RESET,
	REFUSED,
	NOT_HTTP,
	OVER,
};

static uint64_t all_of(const struct exchange *x)
{
	return x->head.size + x->o.call->body_size;
}

static bool is_h2(const struct exchange *x)
{
	return x->o.call->http2;
}

static struct h2_client *h2_of(const struct exchange *x)
{
	return x->link->session;
}

/* Whether more of the request is to be sent, and over HTTP/2 whatever there may be. */
static bool sends(const struct exchange *x)
{
	if (is_h2(x))
		return !x->whole && !x->error && !x->o.answer->over;
	return x->out < all_of(x) && !x->error && x->o.answer->status < REFUSALS && !x->o.answer->over;
}

/* Reading. */

/* An answer that comes before the body is out counts if it refuses, or once all is sent. */
static enum step is_whole(struct exchange *x)
{
	x->whole = true;
	if (is_h2(x) || x->o.answer->status >= REFUSALS || x->out == all_of(x))
		return ANSWERED;
	return sends(x) ? GOES_ON : BROKEN;
}

/* Whether the peer has begun to answer. */
static bool answers(const struct exchange *x)
{
	return is_h2(x) ? x->reading.head.status > 0 : x->came;
}

/* Nothing more will come. A kept connection may have been closed before the request came there (RFC 9112, 9.3.1). */
static enum step at_end(struct exchange *x, int error)
{
	if (!error && reading_ends_here(&x->reading))
		return is_whole(x) == ANSWERED ? ANSWERED : BROKEN;
	if (!answers(x) && x->link->used)
		return RESENDS;
	x->error = x->error ? x->error : error;
	return !x->error && answers(x) ? CUT_OFF : BROKEN;
}

static enum step receive(struct exchange *x)
{
	ssize_t n;

	if (!x->in)
		x->in = oxp_new(EXCHANGE_READ);
	n = recv(link_fd(x->link), x->in, EXCHANGE_READ, MSG_DONTWAIT);
	if (n > 0) {
		x->came = true;
		x->unread = (struct bytes){ x->in, (size_t)n };
		return GOES_ON;
	}
	if (n < 0 && errno == EINTR)
		return AGAIN;
	if (n < 0 && errno == EAGAIN && !x->error) {
		x->may_read = false;
		return WAITS;
	}
	return at_end(x, n < 0 && errno != EAGAIN ? errno : 0);
}

static enum reading_verdict take(struct exchange *x)
{
	struct wall_time now = loop_wall(x->o.links->loop);

	return is_h2(x) ? h2_client_take(h2_of(x), &x->unread, now) : reading_take(&x->reading, &x->unread, now);
}

/* A peer that refuses a stream has not looked at the request (RFC 9113, 8.7), so that says nothing about its size. */
static enum step is_bad(const struct exchange *x)
{
	if (!is_h2(x) || !h2_client_reset(h2_of(x)))
		return NOT_HTTP;
	if (!h2_client_refused(h2_of(x)))
		return RESET;
	return x->link->used && !x->o.answer->head_told ? RESENDS : REFUSED;
}

static enum step read_on(struct exchange *x)
{
	x->put_off = false;
	switch (take(x)) {
	case READING_MORE:
		return turn_is_over(x->o.turn) ? AGAIN : GOES_ON;
	case READING_LATER:
		x->put_off = true;
		return AGAIN;
	case READING_ENDED:
		return is_whole(x);
	case READING_OVER:
		return OVER;
	case READING_BAD:
		break;
	}
	return is_bad(x);
}

/* GOES_ON: there is nothing to read now. */
static enum step read_some(struct exchange *x)
{
	enum step step = GOES_ON;

	while (step == GOES_ON && !x->whole) {
		if (x->unread.size == 0 && !x->put_off)
			step = x->may_read ? receive(x) : WAITS;
		if (step == GOES_ON)
			step = read_on(x);
	}
	return step == WAITS ? GOES_ON : step;
}

/* Writing. */

/* What comes next, of head and body. Returns how many pieces. */
static size_t next_of_body(struct exchange *x, struct iovec to[EXCHANGE_PIECES])
{
	struct bytes pieces[EXCHANGE_PIECES];
	size_t count = 0, used = 0, size = 0;

	if (x->out < x->head.size)
		pieces[count++] = (struct bytes){ x->head.data + x->out, x->head.size - (size_t)x->out };
	if (x->o.call->body_size > 0)
		count += x->o.call->look(x->o.call->context, pieces + count, EXCHANGE_PIECES - count);
	for (; used < count && size < WRITE_MAX; used++) {
		size_t n = pieces[used].size < WRITE_MAX - size ? pieces[used].size : WRITE_MAX - size;
		to[used] = (struct iovec){ (char *)pieces[used].data, n };
		size += n;
	}
	OXP_ASSERT(size > 0);
	return used;
}

static size_t next_pieces(struct exchange *x, struct iovec to[EXCHANGE_PIECES])
{
	return is_h2(x) ? h2_client_pieces(h2_of(x), to) : next_of_body(x, to);
}

static void note_sent(struct exchange *x, size_t n)
{
	size_t head = x->out < x->head.size ? x->head.size - (size_t)x->out : 0;

	if (is_h2(x)) {
		h2_client_sent(h2_of(x), n);
		return;
	}
	x->out += n;
	OXP_ASSERT(x->out <= all_of(x));
	if (n > head)
		x->o.call->took(x->o.call->context, n - head);
}

/* A peer that closes may have said why before: that is read to its end. */
static enum step not_sent(struct exchange *x)
{
	if (errno == EINTR)
		return AGAIN;
	if (errno == EAGAIN) {
		x->may_write = false;
		return WAITS;
	}
	x->error = errno;
	x->may_read = true;
	return errno == EPIPE || errno == ECONNRESET ? AGAIN : BROKEN;
}

/* Over HTTP/2. nghttp2 closes the stream of a malformed answer itself, once it has said so to the peer. */
static enum step nothing_to_send(const struct exchange *x)
{
	if (h2_client_reset(h2_of(x)))
		return is_bad(x);
	return h2_client_is_over(h2_of(x)) || h2_client_is_malformed(h2_of(x)) ? NOT_HTTP : WAITS;
}

static enum step write_some(struct exchange *x)
{
	struct iovec pieces[EXCHANGE_PIECES];

	while (sends(x)) {
		struct msghdr message = { .msg_iov = pieces };
		ssize_t n = -1;
		if (!x->may_write)
			return WAITS;
		message.msg_iovlen = next_pieces(x, pieces);
		if (message.msg_iovlen == 0)
			return nothing_to_send(x);
		n = sendmsg(link_fd(x->link), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return not_sent(x);
		note_sent(x, (size_t)n);
		if (sends(x) && turn_is_over(x->o.turn))
			return AGAIN;
	}
	return x->whole ? is_whole(x) : WAITS;
}

/* The connection. */

static void on_ready(void *context, unsigned what);

/* Between calls the peer may ask, and tell what it likes. Up to eight reads of it; one that says more goes. */
static bool h2_rest(struct link *l)
{
	enum { READS = 8 };
	struct iovec pieces[EXCHANGE_PIECES];
	struct msghdr message = { .msg_iov = pieces };
	char in[4 << 10];
	ssize_t n = 1;

	for (int i = 0; i < READS && n > 0; i++) {
		struct bytes came = { in, 0 };
		n = recv(link_fd(l), in, sizeof in, MSG_DONTWAIT);
		came.size = n > 0 ? (size_t)n : 0;
		if (n > 0 && h2_client_take(l->session, &came, (struct wall_time){ 0 }) != READING_MORE)
			return false;
	}
	if (n >= 0 || errno != EAGAIN)
		return false;
	while ((message.msg_iovlen = h2_client_pieces(l->session, pieces)) > 0) {
		n = sendmsg(link_fd(l), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return false;
		h2_client_sent(l->session, (size_t)n);
	}
	return h2_client_is_free(l->session);
}

static void h2_forget(void *session)
{
	h2_client_free(session);
}

static bool h2_begin(struct exchange *x)
{
	struct link *l = x->link;

	if (!l->session) {
		l->session = h2_client_new();
		l->forget = h2_forget;
		l->rest = h2_rest;
	}
	return l->session && h2_client_begin(l->session, buffer_bytes(&x->head), x->o.call, &x->reading) == 0;
}

static bool begin_on(struct exchange *x)
{
	x->begun = true;
	x->o.connected(x->o.context);
	return !is_h2(x) || h2_begin(x);
}

/* Nothing of what was found out on another connection holds on this one. */
static void forget_link(struct exchange *x)
{
	x->error = 0;
	x->connecting = x->begun = x->put_off = x->came = x->whole = false;
	x->may_read = x->may_write = false;
	x->unread = (struct bytes){ NULL, 0 };
}

static void connect_anew(struct exchange *x)
{
	x->error = -link_new(x->o.links, &x->to, on_ready, x, &x->link);
	x->connecting = true;
}

static enum step advance(struct exchange *x)
{
	enum step step;

	if (!x->link)
		return NO_CONNECTION;
	if (x->connecting && !x->may_write)
		return WAITS;
	if (x->connecting) {
		x->error = link_error(x->link);
		if (x->error)
			return NO_CONNECTION;
		x->connecting = false;
	}
	if (!x->begun && !begin_on(x))
		return BROKEN;
	step = read_some(x);
	return step == GOES_ON ? write_some(x) : step;
}

static void resend(struct exchange *x)
{
	link_free(&x->link);
	forget_link(x);
	x->out = 0;
	if (x->o.call->rewind)
		x->o.call->rewind(x->o.call->context);
	connect_anew(x);
	x->o.connects(x->o.context);
	if (!x->link)
		loop_soon_run(&x->soon);
}

/* The peer waits for more, or has sent more, or will close it: the connection ends with its call. */
static bool may_be_kept(const struct exchange *x)
{
	if (is_h2(x))
		return h2_client_end(h2_of(x)) && h2_rest(x->link);
	return x->reading.keeps && x->reading.state == READING_WHOLE && x->out == all_of(x) && x->unread.size == 0;
}

static void end(struct exchange *x, enum step step)
{
	static const enum exchange_end ends[] = { [ANSWERED] = EXCHANGE_ANSWERED,
		[NO_CONNECTION] = EXCHANGE_NO_CONNECTION,
		[CUT_OFF] = EXCHANGE_BROKEN,
		[BROKEN] = EXCHANGE_BROKEN,
		[RESET] = EXCHANGE_RESET,
		[REFUSED] = EXCHANGE_BROKEN,
		[NOT_HTTP] = EXCHANGE_BROKEN,
		[OVER] = EXCHANGE_OVER };
	static const char *const whys[] = { [ANSWERED] = "",
		[NO_CONNECTION] = "no connection",
		[CUT_OFF] = "the answer was cut off",
		[BROKEN] = "the connection broke",
		[RESET] = "the peer reset the stream",
		[REFUSED] = "the peer refused the stream",
		[NOT_HTTP] = "the answer is not HTTP",
		[OVER] = "" };
	bool closed = step == BROKEN && !x->error && !answers(x);

	if (step == ANSWERED && may_be_kept(x))
		link_keep(&x->link);
	exchange_stop(x);
	x->o.ended(x->o.context, ends[step], step == NOT_HTTP ? 0 : x->error,
		closed ? "the connection was closed without an answer" : whys[step]);
}

static void go(void *context)
{
	struct exchange *x = context;
	enum step step;

	turn_begin(x->o.turn);
	x->inside = true;
	step = advance(x);
	x->inside = false;
	if (x->o.answer->over)
		step = OVER;
	if (step == AGAIN || step == GOES_ON)
		loop_soon_run(&x->soon);
	else if (step == RESENDS)
		resend(x);
	else if (step != WAITS)
		end(x, step);
}

static void on_ready(void *context, unsigned what)
{
	struct exchange *x = context;

	x->may_read |= what & WATCH_READ;
	x->may_write |= what & WATCH_WRITE;
	go(x);
}

bool exchange_init(struct exchange *x, const struct exchange_options *o)
{
	*x = (struct exchange){ .o = *o };
	loop_soon_init(&x->soon, o->links->loop, go, x);
	buffer_init(&x->head, REQUEST_HEAD_MAX);
	reading_init(&x->reading, o->answer);
	return o->call->look && request_write(o->call, &x->head) &&
	       (!is_h2(x) || h2_client_takes(buffer_bytes(&x->head)));
}

void exchange_start(struct exchange *x, const struct link_to *to)
{
	x->to = *to;
	x->to.protocol = is_h2(x) ? LINK_HTTP2 : LINK_HTTP1;
	forget_link(x);
	x->link = link_take(x->o.links, &x->to, on_ready, x);
	x->may_write = x->link != NULL;
	if (!x->link)
		connect_anew(x);
	if (!x->connecting || !x->link)
		loop_soon_run(&x->soon);
}

void exchange_stop(struct exchange *x)
{
	link_free(&x->link);
	loop_soon_done(&x->soon);
}

void exchange_done(struct exchange *x)
{
	exchange_stop(x);
	reading_done(&x->reading);
	buffer_done(&x->head);
	free(x->in);
	x->in = NULL;
}
