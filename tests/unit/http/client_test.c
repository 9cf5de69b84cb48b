/*
 * The client against a peer that plays a script: answers whole and broken, hangs, leaves, and dies between two
 * requests. Once with libcurl, and once with an exchange of our own, which shows the same to callers.
 */
#include "http/answer.h"
#include "http/client.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>

#include "unit/http/raw.h"

enum { UPLOAD = 1 << 20, ANSWER_MAX = 100 << 10, PEERS_MAX = 16 };

struct peer;
struct coded;
typedef void peer_script(struct peer *);

/* One connection of the scripted server. `in` holds what came since the last complete request. */
struct peer {
	struct fixture *f;
	struct loop_watch watch;
	struct buffer in;
};

struct fixture {
	struct world world;
	struct http_client *client;
	struct http_call *call;
	struct loop_watch listening;
	struct peer peers[PEERS_MAX];
	size_t accepted;
	uint16_t port;
	peer_script *script; /* called for each complete request */
	const char *answer; /* what scripts send */
	unsigned requests;
	struct buffer request; /* the latest, whole */
	char url[128];
	/* The caller's side. */
	struct http_call_options options;
	uint64_t read, heads, rewinds, pieces;
	/* How often it is yet to say so, and did in all, and how many pieces it has. */
	uint64_t busy, was_busy, busy_from;
	struct buffer body;
	bool ours; /* the body stands in memory */
	bool done, refuse_piece, cancel_in_piece;
	unsigned head_status;
	struct http_reply reply;
	char error[256], type[64];
	unsigned address; /* which address was asked */
	uint64_t slow_at; /* the callback that the latest slow piece came in */
	size_t sent; /* by script_extension() */
	uint64_t sent_at; /* in this callback */
	struct resolver *resolver; /* NULL: the client's own */
	const struct coded *coded; /* what script_coded() answers, with this status */
	unsigned coded_status;
};

/* The peer. */

static void peer_close(struct peer *p)
{
	int fd = p->watch.fd;

	if (!p->f)
		return;
	loop_watch_done(&p->watch);
	close(fd);
	buffer_done(&p->in);
	p->f = NULL;
}

static void peer_send(struct peer *p, const char *data, size_t size)
{
	ssize_t n = send(p->watch.fd, data, size, MSG_NOSIGNAL);

	assert_true(n == (ssize_t)size || errno == EPIPE || errno == ECONNRESET || errno == EAGAIN || n > 0);
}

static void script_answer(struct peer *p)
{
	peer_send(p, p->f->answer, strlen(p->f->answer));
}

static void script_answer_and_close(struct peer *p)
{
	script_answer(p);
	peer_close(p);
}

static void script_hang(struct peer *p)
{
	(void)p;
}

static void script_close(struct peer *p)
{
	peer_close(p);
}

/* The second request on a connection finds it closed. */
static void script_answer_once(struct peer *p)
{
	if (p->f->requests == 2)
		peer_close(p);
	else
		script_answer(p);
}

/* The body's length as announced; SIZE_MAX while the head is not whole. */
static size_t request_size(const struct buffer *in)
{
	const char *end = in->size ? memmem(in->data, in->size, "\r\n\r\n", 4) : NULL;
	const char *length;

	if (!end)
		return SIZE_MAX;
	length = memmem(in->data, (size_t)(end - in->data), "Content-Length: ", 16);
	return (size_t)(end - in->data) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0);
}

static void peer_ready(void *context, int fd, unsigned what)
{
	struct peer *p = context;
	struct fixture *f = p->f;
	char *to = buffer_reserve(&p->in, 64 << 10);
	ssize_t n = recv(fd, to, 64 << 10, MSG_DONTWAIT);

	(void)what;
	if (n <= 0) {
		peer_close(p);
		return;
	}
	p->in.size += (size_t)n;
	if (request_size(&p->in) > p->in.size)
		return;
	f->requests++;
	buffer_clear(&f->request);
	assert_int_equal(buffer_append(&f->request, p->in.data, p->in.size), 0);
	assert_int_equal(buffer_append(&f->request, "", 1), 0);
	buffer_clear(&p->in);
	f->script(p);
}

static void peer_accept(void *context, int fd, unsigned what)
{
	struct fixture *f = context;
	struct peer *p = &f->peers[f->accepted];

	(void)what;
	assert_true(f->accepted < PEERS_MAX);
	f->accepted++;
	p->f = f;
	buffer_init(&p->in, RAW_MAX);
	loop_watch_init(&p->watch, f->world.loop, accept(fd, NULL, NULL), peer_ready, p);
	loop_watch_set(&p->watch, WATCH_READ);
}

static void peer_listen(struct fixture *f, int fd, const struct sockaddr *at, socklen_t size)
{
	assert_int_equal(bind(fd, at, size), 0);
	assert_int_equal(listen(fd, 16), 0);
	loop_watch_init(&f->listening, f->world.loop, fd, peer_accept, f);
	loop_watch_set(&f->listening, WATCH_READ);
}

static void listen_tcp(struct fixture *f)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	peer_listen(f, fd, (struct sockaddr *)&at, size);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	f->port = ntohs(at.sin_port);
}

/* The caller. */

static size_t give_body(void *context, char *to, size_t room)
{
	struct fixture *f = context;

	assert_false(f->ours);
	for (size_t i = 0; i < room; i++)
		to[i] = (char)('a' + (f->read + i) % 23);
	f->read += room;
	return room;
}

/* The same where it stands, in pieces of many sizes. */
static size_t show_body(void *context, struct bytes *to, size_t room)
{
	static char letters[23 * 4000];
	struct fixture *f = context;
	uint64_t at = f->read;
	size_t count = 0;

	for (size_t i = 0; i < sizeof letters; i++)
		letters[i] = (char)('a' + i % 23);
	for (; count < room && at < f->options.body_size; at += to[count++].size) {
		uint64_t most = at % 5 ? at % 2003 + 1 : sizeof letters - 23, left = f->options.body_size - at;
		to[count] = (struct bytes){ letters + at % 23, most < left ? most : left };
	}
	return count;
}

static void note_taken(void *context, size_t size)
{
	struct fixture *f = context;

	f->read += size;
	assert_true(f->read <= f->options.body_size);
}

static void rewind_body(void *context)
{
	struct fixture *f = context;

	f->read = 0;
	f->rewinds++;
}

static void take_head(void *context, unsigned status, const char *type)
{
	struct fixture *f = context;

	assert_int_equal(f->pieces, 0);
	f->heads++;
	f->head_status = status;
	snprintf(f->type, sizeof f->type, "%s", type);
}

static bool take_piece(void *context, struct bytes piece)
{
	struct fixture *f = context;

	assert_int_equal(f->heads, 1);
	f->pieces++;
	assert_int_equal(buffer_append(&f->body, piece.data, piece.size), 0);
	if (f->cancel_in_piece)
		http_call_cancel(f->call);
	return !f->refuse_piece;
}

static void take_reply(void *context, const struct http_reply *reply)
{
	struct fixture *f = context;

	assert_false(f->done);
	f->done = true;
	f->reply = *reply;
	if (reply->body.size > 0)
		assert_int_equal(buffer_append(&f->body, reply->body.data, reply->body.size), 0);
	snprintf(f->error, sizeof f->error, "%s", reply->error);
	snprintf(f->type, sizeof f->type, "%s", reply->content_type);
}

static int setup(void **state)
{
	static const struct http_client_options options = { .connections_max = 4 };
	struct fixture *f = oxp_new(sizeof *f);

	world_init(&f->world);
	listen_tcp(f);
	buffer_init(&f->request, RAW_MAX);
	buffer_init(&f->body, RAW_MAX);
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/path?x=1", f->port);
	f->script = script_answer;
	f->answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
	f->options = (struct http_call_options){ .method = "GET",
		.url = f->url,
		.done = take_reply,
		.context = f,
		.answer_max = ANSWER_MAX,
		.timeout = DURATION_S(60) };
	assert_int_equal(http_client_new(f->world.loop, &options, &f->client), 0);
	*state = f;
	return 0;
}

static int setup_ours(void **state)
{
	struct fixture *f;

	(void)setup(state);
	f = *state;
	f->ours = true;
	f->options.look = show_body;
	f->options.took = note_taken;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_client_free(f->client);
	resolver_free(f->resolver);
	for (size_t i = 0; i < f->accepted; i++)
		peer_close(&f->peers[i]);
	loop_watch_done(&f->listening);
	close(f->listening.fd);
	buffer_done(&f->request);
	buffer_done(&f->body);
	loop_free(f->world.loop);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	f->done = false;
	f->read = f->heads = f->pieces = 0;
	buffer_clear(&f->body);
	assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
	assert_false(f->done);
}

static void call(struct fixture *f)
{
	start(f);
	while (!f->done)
		turn(&f->world);
}

static void assert_end(struct fixture *f, enum http_end end)
{
	if (f->reply.end != end)
		fail_msg("ended as %d, not %d: %s, after %s", f->reply.end, end, f->error, f->answer);
	if (end == HTTP_END_ANSWER)
		assert_string_equal(f->error, "");
	else
		assert_true(f->error[0] != '\0');
}

static void assert_body(struct fixture *f, const char *text)
{
	assert_int_equal(f->body.size, strlen(text));
	assert_memory_equal(f->body.data, text, strlen(text));
}

static bool asked(const struct fixture *f, const char *text)
{
	return strcasestr(f->request.data, text);
}

/* Whole answers. */

static void an_answer_is_collected(void **state)
{
	struct fixture *f = *state;

	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->reply.status, 200);
	assert_body(f, "hello");
	assert_string_equal(f->type, "text/plain");
	assert_int_equal(f->reply.retry_after_ms, -1);
	assert_false(f->reply.resent);
	assert_true(asked(f, "GET /path?x=1 HTTP/1.1\r\n"));
	assert_true(asked(f, "\r\nUser-Agent: oxpecker/"));
	assert_false(asked(f, "Content-Length"));
	assert_true(asked(f, "\r\nAccept-Encoding: identity\r\n"));
}

static void headers_and_password_are_sent(void **state)
{
	static const char *const headers[] = { "Content-Type: application/x-ndjson", "X-Scope: a", NULL };
	struct fixture *f = *state;

	f->options.headers = headers;
	f->options.user_password = "Aladdin:open sesame";
	call(f);
	assert_true(asked(f, "\r\nContent-Type: application/x-ndjson\r\n"));
	assert_true(asked(f, "\r\nX-Scope: a\r\n"));
	assert_true(asked(f, "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
}

static void proxies_of_the_environment_are_not_used(void **state)
{
	char http[] = "http_proxy=http://127.0.0.1:1", all[] = "ALL_PROXY=http://127.0.0.1:1";
	char *proxied[] = { http, all, NULL };
	struct fixture *f = *state;
	char **before = environ;

	environ = proxied;
	call(f);
	environ = before;
	assert_end(f, HTTP_END_ANSWER);
}

static void upload(struct fixture *f, const char *method)
{
	f->options.method = method;
	f->options.body_size = UPLOAD;
	f->options.read = give_body;
	f->options.rewind = rewind_body;
}

static void a_body_is_streamed(void **state)
{
	struct fixture *f = *state;
	const char *body;

	upload(f, "POST");
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_true(asked(f, "POST /path"));
	assert_true(asked(f, "\r\nContent-Length: 1048576\r\n"));
	assert_false(asked(f, "Expect"));
	assert_false(asked(f, "Transfer-Encoding"));
	assert_int_equal(f->read, UPLOAD);
	body = memmem(f->request.data, f->request.size, "\r\n\r\n", 4);
	for (size_t i = 0; i < UPLOAD; i++)
		if (body[4 + i] != (char)('a' + i % 23))
			fail_msg("byte %zu", i);
}

static void a_put_and_an_empty_post_have_a_length(void **state)
{
	struct fixture *f = *state;

	f->options.method = "POST";
	call(f);
	assert_true(asked(f, "POST /path"));
	assert_true(asked(f, "\r\nContent-Length: 0\r\n"));
	upload(f, "PUT");
	call(f);
	assert_true(asked(f, "PUT /path"));
	f->options.method = "DELETE";
	f->options.body_size = 0;
	f->options.read = NULL;
	f->options.answer_max = 10;
	call(f);
	assert_true(asked(f, "DELETE /path"));
	assert_end(f, HTTP_END_ANSWER);
}

static void a_head_has_no_body(void **state)
{
	struct fixture *f = *state;

	f->options.method = "HEAD";
	f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->body.size, 0);
}

static void pieces_come_after_the_head(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_piece;
	f->options.head = take_head;
	f->answer = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
		    "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->heads, 1);
	assert_int_equal(f->head_status, 200);
	assert_int_equal(f->reply.body.size, 0);
	assert_body(f, "abcde");
	assert_string_equal(f->type, "text/x");
}

/* As often as the test says; no piece comes meanwhile. */
static bool is_busy(void *context)
{
	struct fixture *f = context;

	if (f->busy == 0)
		return false;
	assert_int_equal(f->pieces, f->busy_from);
	f->was_busy++;
	f->busy--;
	return true;
}

static bool take_piece_and_be_busy(void *context, struct bytes piece)
{
	struct fixture *f = context;

	f->busy = 50;
	f->busy_from = f->pieces + 1;
	return take_piece(context, piece);
}

static void pieces_wait_for_a_caller_that_is_busy(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n";
	char answer[sizeof head + 50000] = "";
	struct fixture *f = *state;

	f->options.piece = take_piece_and_be_busy;
	f->options.busy = is_busy;
	f->options.head = take_head;
	memset(answer, 'a', sizeof answer - 1);
	memcpy(answer, head, sizeof head - 1);
	f->answer = answer;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->body.size, 50000);
	assert_true(f->pieces > 2);
	assert_int_equal(f->was_busy, 50 * (f->pieces - 1));
	assert_int_equal(f->busy, 50); /* nobody waits behind the last piece: that is the caller's */
}

static void an_error_is_collected_beside_pieces(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_piece;
	f->options.head = take_head;
	f->answer = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->reply.status, 503);
	assert_int_equal(f->pieces, 0);
	assert_body(f, "busy");
}

static void an_answer_without_body_has_a_head(void **state)
{
	struct fixture *f = *state;

	f->options.head = take_head;
	f->answer = "HTTP/1.1 204 No Content\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->heads, 1);
	assert_int_equal(f->head_status, 204);
}

static void redirects_are_not_followed(void **state)
{
	struct fixture *f = *state;

	f->answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->reply.status, 302);
	assert_int_equal(f->requests, 1);
}

static int64_t retry_after(struct fixture *f, const char *value)
{
	char answer[256];

	snprintf(answer, sizeof answer, "HTTP/1.1 429 Slow Down\r\nretry-after:%s\r\nContent-Length: 0\r\n\r\n", value);
	f->answer = answer;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	return f->reply.retry_after_ms;
}

static void date_ahead(char *to, size_t size, time_t seconds)
{
	time_t then = (time_t)(clock_system.wall(NULL).ns / 1000000000) + seconds;
	struct tm tm;

	gmtime_r(&then, &tm);
	strftime(to, size, " %a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	struct fixture *f = *state;
	char date[64];

	assert_int_equal(retry_after(f, " 120 "), 120000);
	assert_int_equal(retry_after(f, "0"), 0);
	date_ahead(date, sizeof date, 90);
	assert_in_range(retry_after(f, date), 80000, 90000);
	date_ahead(date, sizeof date, -90);
	assert_int_equal(retry_after(f, date), 0);
	assert_int_equal(retry_after(f, " soon"), -1);
	assert_int_equal(retry_after(f, " -5"), -1);
	assert_int_equal(retry_after(f, ""), -1);
	assert_int_equal(retry_after(f, "99999999999999999"), 365ll * 86400 * 1000);
}

/* gzip of 60,000 and of 200,000 times 'a'. */
static const char small_gz[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xac\xeb\x5f\xc2\x1a\x1e"
	"\x40\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7c\x19\x92\x89\xe2\xb2\x60\xea\x00\x00";
static const char bomb_gz[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xac\xeb\x5f\xc2\x0c\xfe"
	"\x40\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xaf\x01\x9b\x53\x69"
	"\xe0\x40\x0d\x03\x00";

static void send_gz(struct peer *p, const char *data, size_t size)
{
	char head[128];

	snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", size);
	peer_send(p, head, strlen(head));
	peer_send(p, data, size);
}

static void script_small_gz(struct peer *p)
{
	send_gz(p, small_gz, sizeof small_gz - 1);
}

static void script_bomb_gz(struct peer *p)
{
	send_gz(p, bomb_gz, sizeof bomb_gz - 1);
}

static void a_compressed_answer_is_counted_decoded(void **state)
{
	struct fixture *f = *state;

	f->script = script_small_gz;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->body.size, 60000);
	f->script = script_bomb_gz;
	call(f);
	assert_end(f, HTTP_END_TOO_LARGE);
}

/* "hello" in gzip and in the two things that are called deflate: with the head of zlib (RFC 9110, 8.4.1.2) and bare. */
#define HELLO "\xcb\x48\xcd\xc9\xc9\x07\x00"
#define HELLO_GZIP "\x1f\x8b\x08\0\0\0\0\0\x02\x03" HELLO "\x86\xa6\x10\x36\x05\0\0\0"
#define HELLO_ZLIB "\x78\x9c" HELLO "\x06\x2c\x02\x15"
#define NOTHING_GZIP "\x1f\x8b\x08\0\0\0\0\0\x02\x03\x03\0\0\0\0\0\0\0\0\0"

static const struct coded {
	const char *fields, *body;
	size_t size;
	const char *error; /* NULL: it reads as hello */
} coded[] = {
#define CODED(fields, body, error)                          \
	{                                                   \
		fields "\r\n", body, sizeof body - 1, error \
	}
	CODED("Content-Encoding: gzip", HELLO_GZIP, NULL),
	CODED("content-encoding:\tX-GZIP , identity", HELLO_GZIP, NULL),
	CODED("Content-Encoding: deflate", HELLO_ZLIB, NULL),
	CODED("Content-Encoding: deflate", HELLO, NULL),
	CODED("Content-Encoding: identity", "hello", NULL),
	CODED("Content-Encoding:", "hello", NULL),
	CODED("Content-Encoding: br", "\x0b\x02\x80hello\x03", "coded as \"br\""),
	CODED("Content-Encoding: zstd", "\x28\xb5\x2f\xfd", "coded as \"zstd\""),
	CODED("Content-Encoding: what-nobody-has-ever-heard-of", "x", "coded as \"what-nobody-has-ever-hea\""),
	CODED("Content-Encoding: gzip, gzip", HELLO_GZIP, "more than once"),
	CODED("Content-Encoding: gzip\r\nContent-Encoding: deflate", HELLO_GZIP, "more than once"),
	CODED("Content-Encoding: gzip", NOTHING_GZIP HELLO_GZIP NOTHING_GZIP, NULL),
	CODED("Content-Encoding: gzip", "hello", "or damaged"),
	CODED("Content-Encoding: gzip", "\x1f\x8b\x08\0\0\0\0\0\x02\x03" HELLO "\x86\xa6\x10\x37\x05\0\0\0",
		"or damaged"),
	CODED("Content-Encoding: gzip", HELLO_ZLIB, "or damaged"),
	CODED("Content-Encoding: gzip", HELLO_GZIP "hello", "or damaged"),
	CODED("Content-Encoding: gzip", HELLO_GZIP "\x1f\x8b", "in the middle"),
	CODED("Content-Encoding: gzip", "\x1f\x8b\x08\0\0\0\0\0\x02\x03" HELLO "\x86\xa6", "in the middle"),
	CODED("Content-Encoding: deflate", HELLO_ZLIB HELLO_ZLIB, "or damaged"),
	CODED("Content-Encoding: deflate", "\x78\x9c\xcb\x48\xcd", "in the middle"),
#undef CODED
};

static void script_coded(struct peer *p)
{
	char head[256];

	snprintf(head, sizeof head, "HTTP/1.1 %u Said\r\n%sConnection: close\r\n\r\n", p->f->coded_status,
		p->f->coded->fields);
	peer_send(p, head, strlen(head));
	peer_send(p, p->f->coded->body, p->f->coded->size);
	peer_close(p);
}

static void see_coded(struct fixture *f, const struct coded *c, unsigned status)
{
	f->coded = c;
	f->coded_status = status;
	call(f);
	assert_int_equal(f->reply.status, status);
	assert_int_equal(f->heads, 1);
	assert_int_equal(f->head_status, status);
	assert_end(f, c->error ? HTTP_END_CODING : HTTP_END_ANSWER);
	if (c->error && !strstr(f->error, c->error))
		fail_msg("%s is told as: %s", c->fields, f->error);
	if (!c->error)
		assert_body(f, "hello");
}

static void codings_are_read_or_named(void **state)
{
	struct fixture *f = *state;

	f->script = script_coded;
	f->options.head = take_head;
	for (size_t i = 0; i < COUNT_OF(coded); i++) {
		see_coded(f, &coded[i], 400);
		f->options.piece = take_piece;
		see_coded(f, &coded[i], 200);
		f->options.piece = NULL;
		peer_close(&f->peers[0]);
		f->accepted = 0;
	}
}

static void a_coding_of_no_body_is_fine(void **state)
{
	static const char *const answers[] = { "HTTP/1.1 204 Nothing\r\nContent-Encoding: br\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		f->answer = answers[i];
		call(f);
		assert_end(f, HTTP_END_ANSWER);
	}
	f->options.method = "HEAD";
	f->answer = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
}

/* What unpacks to a thousand times its size ends long before the caller has had enough: behind the first bytes of
 * bomb_gz each zero stands for 1,032 more. */
static void script_bomb(struct peer *p)
{
	enum { START = 41 };
	static char bomb[64 << 10];

	memcpy(bomb, bomb_gz, START);
	send_gz(p, bomb, sizeof bomb);
}

static bool count_piece(void *context, struct bytes piece)
{
	struct fixture *f = context;

	f->pieces += piece.size;
	return true;
}

static void a_bomb_of_pieces_is_too_large(void **state)
{
	struct fixture *f = *state;

	f->script = script_bomb;
	f->options.piece = count_piece;
	f->options.answer_max = 1 << 30;
	call(f);
	assert_end(f, HTTP_END_TOO_LARGE);
	assert_in_range(f->pieces, 1 << 20, 32 << 20);
}

static void connections_are_reused(void **state)
{
	struct fixture *f = *state;

	call(f);
	call(f);
	upload(f, "POST");
	call(f);
	assert_int_equal(f->accepted, 1);
	assert_int_equal(f->requests, 3);
	assert_false(f->reply.resent);
}

static void a_unix_socket_is_a_target(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof at.sun_path, "/tmp/oxpecker-client-%d", (int)getpid());
	unlink(at.sun_path);
	loop_watch_done(&f->listening);
	close(f->listening.fd);
	peer_listen(f, socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at);
	f->options.unix_path = at.sun_path;
	f->options.url = "http://localhost/metrics";
	call(f);
	unlink(at.sun_path);
	assert_end(f, HTTP_END_ANSWER);
	assert_true(asked(f, "GET /metrics"));
	f->options.unix_path = "/tmp/oxpecker-nobody-listens";
	call(f);
	assert_end(f, HTTP_END_CONNECT);
	assert_string_equal(f->error, "no such socket");
	f->options.unix_path = "/dev/null";
	call(f);
	assert_end(f, HTTP_END_CONNECT);
	assert_string_equal(f->error, "nothing listens on it");
}

static void a_name_is_resolved(void **state)
{
	struct fixture *f = *state;

	snprintf(f->url, sizeof f->url, "http://localhost:%u/", f->port);
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_true(asked(f, "\r\nHost: localhost:"));
	call(f);
	assert_int_equal(f->accepted, 1);
}

static void a_name_that_nobody_knows(void **state)
{
	static const char *const nobody[] = { "127.0.0.1:1", NULL };
	const struct resolver_sources sources = { .servers = nobody, .timeout = DURATION_MS(100) };
	struct fixture *f = *state;
	struct http_client_options options = { .connections_max = 4 };

	http_client_free(f->client);
	f->client = NULL;
	assert_int_equal(resolver_new_from(f->world.loop, &sources, &options.resolver), 0);
	assert_int_equal(http_client_new(f->world.loop, &options, &f->client), 0);
	f->options.url = "http://nobody.test:8080/";
	call(f);
	assert_end(f, HTTP_END_CONNECT);
	assert_int_equal(f->reply.status, 0);
	start(f);
	http_client_free(f->client);
	f->client = NULL;
	resolver_free(options.resolver);
	turns(&f->world, 5);
	assert_false(f->done);
}

/* A name with three addresses, 127.0.0.2, .3 and .1 in this order. */

static void name_of_three(struct fixture *f, in_addr_t listens_at)
{
	const struct resolver_sources sources = { .hosts_file = unit_file("unit/http/hosts") };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(listens_at) };
	struct http_client_options options = { .connections_max = 4 };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	loop_watch_done(&f->listening);
	close(f->listening.fd);
	peer_listen(f, fd, (struct sockaddr *)&at, size);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	f->port = ntohs(at.sin_port);
	http_client_free(f->client);
	f->client = NULL;
	assert_int_equal(resolver_new_from(f->world.loop, &sources, &f->resolver), 0);
	options.resolver = f->resolver;
	assert_int_equal(http_client_new(f->world.loop, &options, &f->client), 0);
	snprintf(f->url, sizeof f->url, "http://three.test:%u/", f->port);
}

/* The last byte of the address that was asked. */
static unsigned address_of(const struct peer *p)
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;

	assert_int_equal(getsockname(p->watch.fd, (struct sockaddr *)&at, &size), 0);
	return ntohl(at.sin_addr.s_addr) & 255;
}

/* 127.0.0.2 and .3 do what they do; .1 answers. */
static void script_first_hangs(struct peer *p)
{
	p->f->address = address_of(p);
	if (p->f->address == 1)
		script_answer(p);
}

static void script_first_breaks(struct peer *p)
{
	p->f->address = address_of(p);
	if (p->f->address == 1)
		script_answer(p);
	else
		peer_close(p);
}

static void script_first_is_busy(struct peer *p)
{
	static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

	p->f->address = address_of(p);
	if (p->f->address == 1)
		script_answer(p);
	else
		peer_send(p, busy, strlen(busy));
}

static void only_the_third_address_is_alive(void **state)
{
	struct fixture *f = *state;

	name_of_three(f, INADDR_LOOPBACK);
	f->options.method = "POST";
	f->options.body_size = UPLOAD;
	f->options.read = give_body;
	f->options.rewind = rewind_body;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_true(asked(f, "\r\nHost: three.test:"));
	assert_int_equal(f->read, UPLOAD);
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->accepted, 1); /* it is kept */
}

static void call_in_time(struct fixture *f)
{
	start(f);
	for (unsigned before = f->requests; !f->done; turn(&f->world))
		if (f->requests > before)
			f->world.ahead += 100000000;
}

/* Each call asks one; it is left when it does not serve, and stayed with while it does. */
static void goes_round(struct fixture *f, peer_script *script)
{
	static const unsigned wanted[] = { 2, 3, 1, 1, 1 };

	name_of_three(f, INADDR_ANY);
	f->script = script;
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		call_in_time(f);
		assert_int_equal(f->address, wanted[i]);
	}
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->reply.status, 200);
}

static void an_address_that_hangs_is_left(void **state)
{
	goes_round(*state, script_first_hangs);
}

static void an_address_that_breaks_is_left(void **state)
{
	goes_round(*state, script_first_breaks);
}

/* Its connection is kept, and not taken for another address. */
static void an_address_that_is_busy_is_left(void **state)
{
	goes_round(*state, script_first_is_busy);
}

/* One that nobody answers on costs two seconds, not the whole time of the call. */
static void an_address_without_a_connection_is_left(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), full[8];

	name_of_three(f, INADDR_LOOPBACK);
	at.sin_port = htons(f->port);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < COUNT_OF(full); i++) { /* nobody accepts them: the next finds no room */
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(connect(full[i], (struct sockaddr *)&at, sizeof at) == 0 || errno == EINPROGRESS);
	}
	start(f);
	turns(&f->world, 20);
	assert_false(f->done);
	f->world.ahead += 2100000000;
	while (!f->done)
		turn(&f->world);
	assert_end(f, HTTP_END_ANSWER);
	for (size_t i = 0; i < COUNT_OF(full); i++)
		close(full[i]);
	close(fd);
}

/* Peers that misbehave. */

static void a_refused_connection(void **state)
{
	struct fixture *f = *state;

	loop_watch_done(&f->listening);
	close(f->listening.fd);
	f->listening.fd = -1;
	call(f);
	assert_end(f, HTTP_END_CONNECT);
}

static void a_peer_that_speaks_no_tls(void **state)
{
	struct fixture *f = *state;

	f->script = script_hang;
	f->url[0] = '\0';
	snprintf(f->url, sizeof f->url, "https://127.0.0.1:%u/", f->port);
	start(f);
	while (f->accepted == 0)
		turn(&f->world);
	peer_send(&f->peers[0], "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	while (!f->done)
		turn(&f->world);
	assert_end(f, HTTP_END_CONNECT);
}

static void a_peer_that_hangs_is_timed_out(void **state)
{
	struct fixture *f = *state;

	f->script = script_hang;
	start(f);
	while (f->requests == 0)
		turn(&f->world);
	f->world.ahead += 59ll * 1000000000;
	turns(&f->world, 10);
	assert_false(f->done);
	f->world.ahead += 2ll * 1000000000;
	while (!f->done)
		turn(&f->world);
	assert_end(f, HTTP_END_TIMEOUT);
}

static void ends_broken(struct fixture *f, peer_script *script, const char *answer)
{
	f->script = script;
	f->answer = answer;
	call(f);
	assert_end(f, HTTP_END_BROKEN);
}

static void answers_that_are_none_or_half(void **state)
{
	struct fixture *f = *state;

	ends_broken(f, script_answer_and_close, "SSH-2.0-OpenSSH_9.2\r\n");
	ends_broken(f, script_answer_and_close, "\x15\x03\x01\x00\x02\x02\x46");
	ends_broken(f, script_answer_and_close, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	assert_int_equal(f->reply.status, 200);
	ends_broken(f, script_answer_and_close, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n");
	ends_broken(f, script_answer_and_close, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
	ends_broken(f, script_answer_and_close, "HTTP/1.1 200 OK\r\nContent-Le");
	ends_broken(f, script_answer_and_close, "HTTP/1.1 200 OK\r\n\rA: b\r\n\r\nhello"); /* ends there for libcurl */
	ends_broken(f, script_close, "");
}

static void answers_whose_length_is_unsure(void **state)
{
	static const char *const heads[] = { "Content-Length: 2\r\nContent-Length: 5",
		"Content-Length: 5\r\ncontent-length:2", "Content-Length: 5\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length: 99999999999999999999999",
		"Content-Length: 5, 5", "Content-Length: +5", "Content-Length:", "Content-Length: 0x5" };
	struct fixture *f = *state;
	char answer[256];

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%s\r\n\r\n5\r\nhello\r\n0\r\n\r\n", heads[i]);
		ends_broken(f, script_answer_and_close, answer);
	}
	f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
}

static void script_gz(struct peer *p)
{
	script_answer(p);
	peer_send(p, small_gz, sizeof small_gz - 1);
	peer_close(p);
}

static void answers_in_codings_that_were_not_asked_for(void **state)
{
	static const char *const codings[] = { "gzip", "gzip, chunked", "chunked, gzip", "gzip, gzip, gzip",
		"\tdeflate ", "x-gzip", "br", "chunked\r\nTransfer-Encoding: gzip" };
	struct fixture *f = *state;
	char head[128];

	for (size_t i = 0; i < COUNT_OF(codings); i++) {
		snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n", codings[i]);
		ends_broken(f, script_gz, head);
		assert_string_equal(f->error, "the answer is in a coding that was not asked for");
	}
	ends_broken(f, script_gz,
		"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
	assert_string_equal(f->error, "the answer is in a coding that was not asked for");
	f->script = script_answer_and_close;
	f->answer = "HTTP/1.1 200 OK\r\ntransfer-encoding:Chunked \r\n\r\n1\r\na\r\n0\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
}

static void script_long_head(struct peer *p)
{
	script_answer(p);
	for (int i = 0; i < 3000; i++)
		peer_send(p, "X-Another: field of thirty bytes\r\n", 34);
}

static void a_head_without_end_is_told(void **state)
{
	struct fixture *f = *state;

	f->script = script_long_head;
	f->answer = "HTTP/1.1 200 OK\r\n";
	call(f);
	assert_end(f, HTTP_END_BROKEN);
	assert_string_equal(f->error, "the head of the answer is larger than allowed");
}

#define EXTENDED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;"

static void script_endless(struct peer *p)
{
	static const char chunk[] = "400\r\n";
	char piece[1024 + 2];

	memset(piece, 'x', sizeof piece);
	memcpy(piece + 1024, "\r\n", 2);
	script_answer(p);
	for (int i = 0; i < 2 * ANSWER_MAX / 1024; i++) {
		peer_send(p, chunk, 5);
		peer_send(p, piece, sizeof piece);
	}
}

/* In a chunk extension nobody is asked whether it goes on. */
static void script_extension(struct peer *p)
{
	static char piece[4 << 20];
	ssize_t n;

	memset(piece, 'x', sizeof piece);
	peer_send(p, EXTENDED, strlen(EXTENDED));
	n = send(p->watch.fd, piece, sizeof piece, MSG_DONTWAIT);
	assert_true(n > 1 << 20);
	p->f->sent = (size_t)n + strlen(EXTENDED);
	p->f->sent_at = callbacks_ended(&p->f->world);
}

/* Bytes of the answer that the client has not read, and perhaps some that it has. */
static size_t on_their_way(struct fixture *f)
{
	size_t sum = 0;

	for (int fd = 0; fd < 256; fd++) {
		struct sockaddr_in at, to;
		socklen_t size = sizeof at, size_to = sizeof to;
		int count = 0;
		if (getsockname(fd, (struct sockaddr *)&at, &size) || getpeername(fd, (struct sockaddr *)&to, &size_to))
			continue;
		if (ntohs(at.sin_port) == f->port && ioctl(fd, SIOCOUTQ, &count) == 0)
			sum += (size_t)count;
		if (ntohs(to.sin_port) == f->port && ioctl(fd, FIONREAD, &count) == 0)
			sum += (size_t)count;
	}
	return sum;
}

static void an_endless_extension_is_read_in_slices(void **state)
{
	struct fixture *f = *state;
	size_t read;

	f->script = script_extension;
	start(f);
	while (f->requests == 0 || on_their_way(f) >= f->sent)
		turn(&f->world);
	read = f->sent - on_their_way(f);
	assert_in_range(read, 1, (callbacks_ended(&f->world) - f->sent_at) * (512 << 10));
	http_call_cancel(f->call);
}

static void script_lengthy(struct peer *p)
{
	static char piece[64 << 10];

	memset(piece, 'x', sizeof piece);
	script_answer(p);
	peer_send(p, piece, sizeof piece);
}

/* An answer of a bulk has a length, and each read is two calls into the kernel. What ends with a read ends a
 * piece, too. */
static void an_answer_with_a_length_is_read_in_large_pieces(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_piece;
	f->options.head = take_head;
	f->script = script_lengthy;
	f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->body.size, 64 << 10);
	assert_in_range(f->pieces, (64 << 10) / ANSWER_GIVEN_AT_ONCE, (64 << 10) / ANSWER_GIVEN_AT_ONCE + 4);
}

/* What is done to it takes a millisecond, so it is the only one of its callback. Behind that the others come. */
static bool take_slow_piece(void *context, struct bytes piece)
{
	struct fixture *f = context;
	uint64_t now = callbacks_ended(&f->world);

	assert_true(now > f->slow_at);
	f->slow_at = now;
	f->world.ahead += 1000000;
	return take_piece(context, piece);
}

static void script_much(struct peer *p)
{
	char piece[1000];

	memset(piece, 'x', sizeof piece);
	script_answer(p);
	for (int i = 0; i < 100; i++)
		peer_send(p, piece, sizeof piece);
}

static void a_compressed_answer_lets_others_by(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_slow_piece;
	f->options.head = take_head;
	f->script = script_small_gz;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->body.size, 60000);
	for (size_t i = 0; i < f->body.size; i++)
		assert_int_equal(f->body.data[i], 'a');
}

static void pieces_that_take_long_let_others_by(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_slow_piece;
	f->options.head = take_head;
	f->script = script_much;
	f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->body.size, 100000);
	assert_true(f->pieces > 5);
	f->refuse_piece = true;
	call(f);
	assert_end(f, HTTP_END_STOPPED);
	assert_int_equal(f->pieces, 1);
	f->refuse_piece = false;
	f->options.answer_max = 99999; /* found in a piece that was put off */
	call(f);
	assert_end(f, HTTP_END_TOO_LARGE);
}

/* Each number of pieces once: in the socket's own callback, and in one that was put off. */
static void cancelled_while_put_off(struct fixture *f, unsigned most)
{
	for (unsigned last = 1; last <= most; last++) {
		f->cancel_in_piece = false;
		start(f);
		while (f->pieces < last) {
			assert_false(f->done);
			f->cancel_in_piece = last % 2 && f->pieces + 1 == last;
			turn(&f->world);
		}
		if (!f->cancel_in_piece)
			http_call_cancel(f->call);
		turns(&f->world, 20);
		assert_false(f->done);
	}
}

static void a_call_cancelled_while_pieces_are_put_off(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_slow_piece;
	f->options.head = take_head;
	f->script = script_much;
	f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
	cancelled_while_put_off(f, 5);
	f->script = script_small_gz;
	cancelled_while_put_off(f, 3);
}

static void an_endless_answer_is_too_large(void **state)
{
	struct fixture *f = *state;

	f->script = script_endless;
	f->answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	call(f);
	assert_end(f, HTTP_END_TOO_LARGE);
	assert_int_equal(f->reply.status, 200);
	assert_true(f->body.size <= ANSWER_MAX);
	f->options.piece = take_piece;
	f->options.head = take_head;
	call(f);
	assert_end(f, HTTP_END_TOO_LARGE);
	assert_in_range(f->body.size, 1, ANSWER_MAX);
}

/* More than one answer of ANSWER_MAX, and no end. */
static void script_long_and_hang(struct peer *p)
{
	static char piece[300 << 10];

	script_answer(p);
	memset(piece, 'x', sizeof piece);
	peer_send(p, piece, sizeof piece);
}

static void count_no_room(void *context, const struct http_reply *reply)
{
	struct fixture *f = context;

	assert_int_equal(reply->end, HTTP_END_NO_ROOM);
	assert_string_equal(reply->error, "too many large answers at a time");
	f->heads++;
}

/* One may be as large as its caller says; all of them together may not. */
static void answers_that_are_kept_have_a_ceiling_together(void **state)
{
	struct fixture *f = *state;

	f->script = script_long_and_hang;
	f->answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
	f->options.answer_max = 8 << 20;
	f->options.done = count_no_room;
	for (int i = 0; i < PEERS_MAX; i++)
		assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
	while (f->heads == 0)
		turn(&f->world);
	turns(&f->world, 20);
	assert_true(f->heads < PEERS_MAX / 2);
}

static void script_long_refusal(struct peer *p)
{
	script_endless(p);
	peer_send(p, "0\r\n\r\n", 5);
}

/* It is read to its end, since its status counts, and not held: pieces are asked for where answers may be large. */
static void of_a_long_refusal_the_beginning_is_kept(void **state)
{
	struct fixture *f = *state;

	f->script = script_long_refusal;
	f->answer = "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n";
	f->options.piece = take_piece;
	f->options.answer_max = 16 * ANSWER_MAX;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->reply.status, 503);
	assert_int_equal(f->body.size, 64 << 10);
}

static void script_endless_head(struct peer *p)
{
	char line[1024];

	memset(line, 'x', sizeof line);
	memcpy(line, "X-Endless: ", 11);
	memcpy(line + sizeof line - 2, "\r\n", 2);
	script_answer(p);
	for (int i = 0; i < 100; i++)
		peer_send(p, line, sizeof line);
}

static void an_endless_head_is_broken(void **state)
{
	struct fixture *f = *state;

	ends_broken(f, script_endless_head, "HTTP/1.1 200 OK\r\n");
}

static void a_dead_kept_connection_is_told_as_resent(void **state)
{
	struct fixture *f = *state;

	f->script = script_answer_once;
	upload(f, "POST");
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_false(f->reply.resent);
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_true(f->reply.resent);
	assert_int_equal(f->rewinds, 1);
	assert_int_equal(f->accepted, 2);
	assert_int_equal(f->requests, 3);
	assert_int_equal(f->read, UPLOAD);
}

/* An answer before the body was taken, and the connection closed. */
static void early_ready(void *context, int fd, unsigned what)
{
	struct peer *p = context;
	char piece[1000];

	(void)what;
	assert_true(recv(fd, piece, sizeof piece, 0) > 0);
	script_answer(p);
	shutdown(fd, SHUT_WR);
	loop_watch_set(&p->watch, 0);
}

static void an_answer_before_the_body_is_sent(void **state)
{
	struct fixture *f = *state;

	f->answer = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";
	upload(f, "POST");
	f->options.body_size = 64 << 20;
	start(f);
	while (f->accepted == 0)
		turn(&f->world);
	f->peers[0].watch.ready = early_ready;
	while (!f->done)
		turn(&f->world);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->reply.status, 413);
	assert_true(f->read < (64 << 20));
}

/* Stopping. */

static void a_piece_may_stop_the_call(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_piece;
	f->options.head = take_head;
	f->refuse_piece = true;
	call(f);
	assert_end(f, HTTP_END_STOPPED);
	assert_int_equal(f->reply.status, 200);
}

static void a_call_cancelled_in_its_piece(void **state)
{
	struct fixture *f = *state;

	f->options.piece = take_piece;
	f->options.head = take_head;
	f->cancel_in_piece = true;
	start(f);
	while (f->pieces == 0)
		turn(&f->world);
	turns(&f->world, 5);
	assert_false(f->done);
	f->cancel_in_piece = false;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
}

static void calls_cancelled_at_other_moments(void **state)
{
	struct fixture *f = *state;

	start(f);
	http_call_cancel(f->call); /* at once */
	snprintf(f->url, sizeof f->url, "http://localhost:%u/", f->port);
	start(f);
	http_call_cancel(f->call); /* while its name is resolved */
	f->script = script_hang;
	upload(f, "POST");
	start(f);
	while (f->requests == 0)
		turn(&f->world);
	http_call_cancel(f->call); /* while it waits for the answer */
	http_call_cancel(NULL);
	turns(&f->world, 20);
	assert_false(f->done);
}

static void freeing_with_calls_under_way(void **state)
{
	struct fixture *f = *state;

	f->script = script_hang;
	start(f);
	while (f->requests == 0)
		turn(&f->world);
	snprintf(f->url, sizeof f->url, "http://localhost:%u/", f->port);
	start(f);
	http_client_free(f->client);
	f->client = NULL;
	turns(&f->world, 5);
	assert_false(f->done);
}

static void start_another(void *context, const struct http_reply *reply)
{
	struct fixture *f = context;

	assert_int_equal(reply->end, HTTP_END_ANSWER);
	f->options.done = take_reply;
	assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
}

static void a_done_may_start_the_next(void **state)
{
	struct fixture *f = *state;

	f->options.done = start_another;
	call(f);
	assert_end(f, HTTP_END_ANSWER);
	assert_int_equal(f->requests, 2);
	assert_int_equal(f->accepted, 1);
}

static void urls_that_are_none(void **state)
{
	static const char *const wrong[] = {
		"",
		"nonsense",
		"file:///etc/passwd",
		"ftp://127.0.0.1/",
		"http://",
		"gopher://x/",
		"http://127.0.0.1:99999/",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		f->options.url = wrong[i];
		if (http_call_start(f->client, &f->options, &f->call) != -EINVAL)
			fail_msg("%s was taken", wrong[i]);
	}
}

static void who_waits_costs_nothing(void **state)
{
	enum { TURNS = 50 };
	struct fixture *f = *state;
	uint64_t before = 0, after = 0;

	f->script = script_hang;
	start(f);
	while (f->requests == 0)
		turn(&f->world);
	turns(&f->world, 50);
	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		before += loop_slices(f->world.loop)->counts[i];
	turns(&f->world, TURNS);
	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		after += loop_slices(f->world.loop)->counts[i];
	assert_in_range(after - before, 0, TURNS + 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OURS(name)                                               \
	{                                                        \
		"ours: " #name, name, setup_ours, teardown, NULL \
	}

static int run_with_libcurl(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_collected),
		TEST(headers_and_password_are_sent),
		TEST(proxies_of_the_environment_are_not_used),
		TEST(a_body_is_streamed),
		TEST(a_put_and_an_empty_post_have_a_length),
		TEST(a_head_has_no_body),
		TEST(pieces_come_after_the_head),
		TEST(pieces_wait_for_a_caller_that_is_busy),
		TEST(an_error_is_collected_beside_pieces),
		TEST(an_answer_without_body_has_a_head),
		TEST(redirects_are_not_followed),
		TEST(retry_after_is_seconds_or_a_date),
		TEST(answers_whose_length_is_unsure),
		TEST(answers_in_codings_that_were_not_asked_for),
		TEST(a_compressed_answer_is_counted_decoded),
		TEST(codings_are_read_or_named),
		TEST(a_coding_of_no_body_is_fine),
		TEST(a_bomb_of_pieces_is_too_large),
		TEST(connections_are_reused),
		TEST(a_unix_socket_is_a_target),
		TEST(a_name_is_resolved),
		TEST(a_name_that_nobody_knows),
		TEST(only_the_third_address_is_alive),
		TEST(an_address_that_hangs_is_left),
		TEST(an_address_that_breaks_is_left),
		TEST(an_address_that_is_busy_is_left),
		TEST(an_address_without_a_connection_is_left),
		TEST(a_refused_connection),
		TEST(a_peer_that_speaks_no_tls),
		TEST(a_peer_that_hangs_is_timed_out),
		TEST(answers_that_are_none_or_half),
		TEST(of_a_long_refusal_the_beginning_is_kept),
		TEST(pieces_that_take_long_let_others_by),
		TEST(a_compressed_answer_lets_others_by),
		TEST(an_endless_extension_is_read_in_slices),
		TEST(an_answer_with_a_length_is_read_in_large_pieces),
		TEST(a_head_without_end_is_told),
		TEST(a_call_cancelled_while_pieces_are_put_off),
		TEST(an_endless_answer_is_too_large),
		TEST(answers_that_are_kept_have_a_ceiling_together),
		TEST(an_endless_head_is_broken),
		TEST(a_dead_kept_connection_is_told_as_resent),
		TEST(an_answer_before_the_body_is_sent),
		TEST(a_piece_may_stop_the_call),
		TEST(a_call_cancelled_in_its_piece),
		TEST(calls_cancelled_at_other_moments),
		TEST(freeing_with_calls_under_way),
		TEST(a_done_may_start_the_next),
		TEST(urls_that_are_none),
		TEST(who_waits_costs_nothing),
	};

	return cmocka_run_group_tests_name("with libcurl", tests, NULL, NULL);
}

static int run_ours(void)
{
	const struct CMUnitTest tests[] = {
		OURS(an_answer_is_collected),
		OURS(proxies_of_the_environment_are_not_used),
		OURS(a_body_is_streamed),
		OURS(a_put_and_an_empty_post_have_a_length),
		OURS(a_head_has_no_body),
		OURS(pieces_come_after_the_head),
		OURS(an_error_is_collected_beside_pieces),
		OURS(an_answer_without_body_has_a_head),
		OURS(redirects_are_not_followed),
		OURS(retry_after_is_seconds_or_a_date),
		OURS(answers_whose_length_is_unsure),
		OURS(answers_in_codings_that_were_not_asked_for),
		OURS(a_compressed_answer_is_counted_decoded),
		OURS(codings_are_read_or_named),
		OURS(a_coding_of_no_body_is_fine),
		OURS(a_bomb_of_pieces_is_too_large),
		OURS(connections_are_reused),
		OURS(a_unix_socket_is_a_target),
		OURS(a_name_is_resolved),
		OURS(a_name_that_nobody_knows),
		OURS(only_the_third_address_is_alive),
		OURS(an_address_that_hangs_is_left),
		OURS(an_address_that_breaks_is_left),
		OURS(an_address_that_is_busy_is_left),
		OURS(an_address_without_a_connection_is_left),
		OURS(a_refused_connection),
		OURS(a_peer_that_hangs_is_timed_out),
		OURS(answers_that_are_none_or_half),
		OURS(of_a_long_refusal_the_beginning_is_kept),
		OURS(pieces_that_take_long_let_others_by),
		OURS(a_compressed_answer_lets_others_by),
		OURS(an_answer_with_a_length_is_read_in_large_pieces),
		OURS(a_head_without_end_is_told),
		OURS(a_call_cancelled_while_pieces_are_put_off),
		OURS(an_endless_answer_is_too_large),
		OURS(answers_that_are_kept_have_a_ceiling_together),
		OURS(an_endless_head_is_broken),
		OURS(a_dead_kept_connection_is_told_as_resent),
		OURS(an_answer_before_the_body_is_sent),
		OURS(a_piece_may_stop_the_call),
		OURS(a_call_cancelled_in_its_piece),
		OURS(calls_cancelled_at_other_moments),
		OURS(freeing_with_calls_under_way),
		OURS(a_done_may_start_the_next),
		OURS(who_waits_costs_nothing),
	};

	return cmocka_run_group_tests_name("without it", tests, NULL, NULL);
}

int main(void)
{
	int failed = run_with_libcurl();

	return failed + run_ours();
}
