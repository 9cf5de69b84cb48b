/*
 * The client over HTTP/2 without TLS, against a peer that sends frames by hand: head, body, trailers, and no end.
 */
#include "http/client.h"

#include "http/exchange.h"

#include "unit/http/raw.h"

enum { PEERS_MAX = 16, FRAME_HEAD = 9, DATA = 0, HEADERS = 1, END_STREAM = 1, PREFACE = 24 };

/* Frames that the peer sends once the request has come (RFC 9113, 4.1; RFC 7541, 6.2.2: literals without indexing). */
#define FRAME(size, type, flags) "\0\0" size type flags "\0\0\0\1"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define HEAD_200 FRAME("\x1", "\1", "\4") "\x88" /* :status 200, the head goes on without an end of the stream */
#define SIZED_200                \
	FRAME("\x5", "\1", "\4") \
	"\x88\xf\xd\1"           \
	"5" /* and content-length 5 */
#define TRAILERS FRAME("\xf", "\1", "\5") "\0\xbgrpc-status\0010"
#define ONLY_TRAILERS FRAME("\x11", "\1", "\5") "\x88\0\xbgrpc-status\00214"
#define BODY FRAME("\5", "\0", "\0") "hello"
#define RESET "\0\0\4\3\0\0\0\0\1\0\0\0\2" /* INTERNAL_ERROR */
#define OPENS(stream) "\0\0\4\x8\0\0\0\0" stream "\0\x10\0\0" /* WINDOW_UPDATE by a MiB; stream 0: the connection's */
#define BYTES(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}

struct fixture {
	struct world world;
	struct http_client *client;
	struct loop_watch listening, peers[PEERS_MAX];
	struct buffer in[PEERS_MAX];
	size_t seen[PEERS_MAX]; /* of that: up to the end of the latest request */
	size_t accepted, requests;
	struct bytes answer; /* no bytes: the connection ends */
	struct bytes next; /* the answer to the request after it, if any */
	struct http_call_options options;
	struct http_call *call;
	char url[64], lines[512], body[64], error[256];
	size_t given;
	bool ours; /* the body stands in memory */
	bool done;
	enum http_end end;
	unsigned status;
};

static size_t number_of(struct fixture *f, int fd)
{
	size_t i = 0;

	while (f->peers[i].fd != fd)
		i++;
	return i;
}

static size_t size_of(const unsigned char *frame)
{
	return FRAME_HEAD + ((size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2]);
}

/* The stream that the next request has ended, or 0. *seen is behind it then. */
static unsigned char next_request(const struct buffer *in, size_t *seen)
{
	size_t at = *seen ? *seen : PREFACE;

	while (in->size >= at + FRAME_HEAD) {
		const unsigned char *p = (const unsigned char *)in->data + at;
		if (in->size - at < size_of(p))
			return 0;
		at += size_of(p);
		if ((p[3] == DATA || p[3] == HEADERS) && p[4] & END_STREAM) {
			*seen = at;
			return p[8];
		}
	}
	return 0;
}

/* What is for stream 1 goes to that one. */
static void peer_answer(int fd, struct bytes answer, unsigned char stream)
{
	unsigned char copy[512], *p = copy, *end = copy + answer.size;

	assert_true(answer.size <= sizeof copy);
	memcpy(copy, answer.data, answer.size);
	for (; end - p >= FRAME_HEAD && (size_t)(end - p) >= size_of(p); p += size_of(p))
		p[8] = p[8] == 1 ? stream : p[8];
	assert_int_equal(send(fd, copy, answer.size, MSG_NOSIGNAL), answer.size);
}

static void peer_close(struct fixture *f, size_t i)
{
	int fd = f->peers[i].fd;

	if (fd < 0)
		return;
	loop_watch_done(&f->peers[i]);
	close(fd);
	f->peers[i].fd = -1;
}

static void peer_ready(void *context, int fd, unsigned what)
{
	struct fixture *f = context;
	size_t i = number_of(f, fd);
	struct buffer *in = &f->in[i];
	ssize_t n = recv(fd, buffer_reserve(in, 64 << 10), 64 << 10, MSG_DONTWAIT);
	unsigned char stream;

	(void)what;
	if (n <= 0) {
		peer_close(f, i);
		return;
	}
	in->size += (size_t)n;
	stream = next_request(in, &f->seen[i]);
	if (!stream)
		return;
	f->requests++;
	if (f->answer.size == 0)
		peer_close(f, i);
	else
		peer_answer(fd, f->answer, stream);
	f->answer = f->next.size ? f->next : f->answer;
}

static void peer_accept(void *context, int fd, unsigned what)
{
	struct fixture *f = context;
	size_t i = f->accepted++;

	(void)what;
	assert_true(i < PEERS_MAX);
	buffer_init(&f->in[i], RAW_MAX);
	loop_watch_init(&f->peers[i], f->world.loop, accept(fd, NULL, NULL), peer_ready, f);
	loop_watch_set(&f->peers[i], WATCH_READ);
}

static void listen_tcp(struct fixture *f)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	loop_watch_init(&f->listening, f->world.loop, fd, peer_accept, f);
	loop_watch_set(&f->listening, WATCH_READ);
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/a.b/C", ntohs(at.sin_port));
}

static size_t give_body(void *context, char *to, size_t room)
{
	struct fixture *f = context;

	assert_false(f->ours);
	memset(to, 'x', room);
	f->given += room;
	return room;
}

/* The same where it stands, in pieces of many sizes. */
static size_t show_body(void *context, struct bytes *to, size_t room)
{
	static char text[23 * 2000];
	struct fixture *f = context;
	size_t at = f->given, count = 0;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 23);
	for (; count < room && at < f->options.body_size; at += to[count++].size) {
		size_t most = at % 5 ? at % 2003 + 1 : sizeof text - 23, left = f->options.body_size - at;
		to[count] = (struct bytes){ text + at % 23, most < left ? most : left };
	}
	return count;
}

static void note_taken(void *context, size_t size)
{
	((struct fixture *)context)->given += size;
}

static void rewind_body(void *context)
{
	((struct fixture *)context)->given = 0;
}

static void take_line(void *context, struct bytes line)
{
	struct fixture *f = context;
	size_t used = strlen(f->lines);

	while (line.size > 0 && strchr("\r\n", line.data[line.size - 1]))
		line.size--;
	snprintf(f->lines + used, sizeof f->lines - used, "%.*s|", (int)line.size, line.data);
}

static void take_reply(void *context, const struct http_reply *reply)
{
	struct fixture *f = context;

	f->done = true;
	f->end = reply->end;
	f->status = reply->status;
	snprintf(f->body, sizeof f->body, "%.*s", (int)reply->body.size, reply->body.data ? reply->body.data : "");
	snprintf(f->error, sizeof f->error, "%s", reply->error);
}

static int setup(void **state)
{
	static const struct http_client_options options = { .connections_max = 4 };
	struct fixture *f = oxp_new(sizeof *f);

	world_init(&f->world);
	listen_tcp(f);
	f->options = (struct http_call_options){ .method = "POST",
		.url = f->url,
		.body_size = 1000,
		.read = give_body,
		.rewind = rewind_body,
		.line = take_line,
		.done = take_reply,
		.context = f,
		.answer_max = 1000,
		.http2 = true,
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
	for (size_t i = 0; i < f->accepted; i++) {
		peer_close(f, i);
		buffer_done(&f->in[i]);
	}
	loop_watch_done(&f->listening);
	close(f->listening.fd);
	loop_free(f->world.loop);
	free(f);
	return 0;
}

static void call(struct fixture *f)
{
	f->done = false;
	f->lines[0] = '\0';
	f->given = 0;
	assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
	while (!f->done)
		turn(&f->world);
}

/* How answers end, and what of their head and trailers is told. */
static const struct {
	struct bytes answer;
	enum http_end end;
	unsigned status;
	const char *lines, *body;
} cases[] = {
	{ BYTES(SETTINGS HEAD_200 BODY TRAILERS), HTTP_END_ANSWER, 200, "HTTP/2 200 ||grpc-status: 0|", "hello" },
	{ BYTES(SETTINGS SIZED_200 BODY TRAILERS), HTTP_END_ANSWER, 200,
		"HTTP/2 200 |content-length: 5||grpc-status: 0|", "hello" },
	{ BYTES(SETTINGS HEAD_200 TRAILERS), HTTP_END_ANSWER, 200, "HTTP/2 200 ||grpc-status: 0|", "" },
	{ BYTES(SETTINGS ONLY_TRAILERS), HTTP_END_ANSWER, 200, "HTTP/2 200 |grpc-status: 14||", "" },
	{ BYTES(SETTINGS RESET), HTTP_END_STREAM, 0, "", "" },
	{ { NULL, 0 }, HTTP_END_BROKEN, 0, "", "" },
	{ BYTES("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), HTTP_END_BROKEN, 0, "", "" },
};

static void answers_of_http2(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		f->answer = cases[i].answer;
		call(f);
		if (f->end != cases[i].end || f->status != cases[i].status)
			fail_msg("case %zu: ended as %d with %u: %s", i, f->end, f->status, f->error);
		assert_string_equal(f->lines, cases[i].lines);
		assert_string_equal(f->body, cases[i].body);
		assert_int_equal(f->given, 1000);
	}
}

/* libcurl before 8.0 would break the connection with the second request. */
static void one_call_after_another(void **state)
{
	struct fixture *f = *state;

	f->answer = cases[0].answer;
	for (unsigned i = 1; i <= 3; i++) {
		call(f);
		assert_int_equal(f->end, HTTP_END_ANSWER);
		assert_int_equal(f->requests, i);
	}
	assert_int_equal(f->accepted, f->ours ? 1 : 3);
}

/* Windows that open late: which one the peer opens first, and which later. */
static const struct {
	struct bytes first, second;
} windows[] = {
	{ BYTES(SETTINGS OPENS("\1")), BYTES(OPENS("\0")) },
	{ BYTES(SETTINGS OPENS("\0")), BYTES(OPENS("\1")) },
	{ BYTES(SETTINGS), BYTES(OPENS("\0") OPENS("\1")) },
};

static void peer_send(struct fixture *f, struct bytes frames)
{
	assert_int_equal(send(f->peers[f->accepted - 1].fd, frames.data, frames.size, MSG_NOSIGNAL), frames.size);
}

/* The callbacks of the loop in the next 50 ms. */
static uint64_t callbacks(struct fixture *f)
{
	int64_t until = clock_system.mono(NULL).ns + 50000000;
	uint64_t before = callbacks_ended(&f->world);

	while (clock_system.mono(NULL).ns < until)
		turn(&f->world);
	return callbacks_ended(&f->world) - before;
}

static struct mono_time stopped_mono(const struct clock *c)
{
	return (struct mono_time){ ((const struct world *)c)->ahead };
}

static void stop_clock(struct world *w)
{
	w->ahead = w->clock.mono(&w->clock).ns;
	w->clock.mono = stopped_mono;
}

/* Starts one, which comes as far as the windows of its connection let it. */
static void call_up_to_its_windows(struct fixture *f, struct bytes first)
{
	size_t i = f->accepted;

	f->done = false;
	f->given = 0;
	f->options.body_size = 500000;
	assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
	while (f->accepted <= i || f->in[i].size < 65535)
		turn(&f->world);
	peer_send(f, first);
}

/* While a window is closed, the call costs next to nothing. Once it is open, no timer is needed to go on. */
static void a_window_that_opens_late(void **state)
{
	struct fixture *f = *state;
	uint64_t turns;

	f->answer = cases[0].answer;
	for (size_t i = 0; i < COUNT_OF(windows); i++) {
		call_up_to_its_windows(f, windows[i].first);
		turns = callbacks(f);
		if (turns >= 100)
			fail_msg("case %zu: %ju callbacks in 50 ms", i, (uintmax_t)turns);
		stop_clock(&f->world);
		peer_send(f, windows[i].second);
		while (!f->done)
			turn(&f->world);
		assert_int_equal(f->end, HTTP_END_ANSWER);
		f->world.clock.mono = world_mono;
		f->world.ahead = 0;
		peer_close(f, i); /* the next has a connection, and windows, of its own */
		callbacks(f);
	}
}

static void a_call_is_given_up_while_its_window_is_closed(void **state)
{
	struct fixture *f = *state;

	call_up_to_its_windows(f, windows[0].first);
	callbacks(f);
	http_call_cancel(f->call);
	assert_in_range(callbacks(f), 0, 100);
	assert_int_equal(f->peers[0].fd, -1);
	f->answer = cases[0].answer;
	f->options.body_size = 1000;
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
}

/* Without libcurl. */

static void a_body_arrives_as_it_stands(void **state)
{
	struct fixture *f = *state;
	const unsigned char *p, *end;
	size_t at = 0;

	f->answer = cases[0].answer;
	f->options.body_size = 60000;
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
	p = (const unsigned char *)f->in[0].data + PREFACE;
	for (end = p + f->in[0].size - PREFACE; p < end; p += size_of(p))
		for (size_t i = FRAME_HEAD; p[3] == DATA && i < size_of(p); i++, at++)
			if (p[i] != 'a' + at % 23)
				fail_msg("byte %zu", at);
	assert_int_equal(at, 60000);
}

#define PING(flags) "\0\0\x8\6" flags "\0\0\0\0abcdefgh"
#define GOAWAY "\0\0\x8\7\0\0\0\0\0\0\0\0\1\0\0\0\0"
#define REFUSED "\0\0\4\3\0\0\0\0\1\0\0\0\7"
#define NO_ERROR "\0\0\4\3\0\0\0\0\1\0\0\0\0"

static void a_kept_connection_answers_pings(void **state)
{
	static const char ack[] = PING("\1");
	struct fixture *f = *state;

	f->answer = cases[0].answer;
	call(f);
	peer_send(f, (struct bytes)BYTES(SETTINGS PING("\0")));
	while (!memmem(f->in[0].data, f->in[0].size, ack, sizeof ack - 1))
		turn(&f->world);
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
	assert_int_equal(f->accepted, 1);
}

static void a_kept_connection_that_is_ended_is_not_used(void **state)
{
	static const struct bytes ends[] = { BYTES(GOAWAY), BYTES("HTTP/1.1 408 Request Timeout\r\n\r\n") };
	struct fixture *f = *state;

	f->answer = cases[0].answer;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		call(f);
		assert_int_equal(f->end, HTTP_END_ANSWER);
		peer_send(f, ends[i]);
		while (f->peers[i].fd >= 0)
			turn(&f->world);
	}
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
	assert_int_equal(f->accepted, 3);
	f->answer = (struct bytes){ NULL, 0 };
	f->next = cases[0].answer;
	call(f); /* its end is found by the request, which goes again */
	assert_int_equal(f->end, HTTP_END_ANSWER);
	assert_int_equal(f->accepted, 4);
	assert_int_equal(f->requests, 5);
}

/* The peer says that it has not looked at it (RFC 9113, 8.7). On a new connection it means it; but unlike any
 * other reset, that is no word about the request. */
static void a_refused_stream(void **state)
{
	struct fixture *f = *state;

	f->answer = (struct bytes)BYTES(SETTINGS REFUSED);
	call(f);
	assert_int_equal(f->end, HTTP_END_BROKEN);
	assert_string_equal(f->error, "the peer refused the stream");
	f->answer = cases[0].answer;
	f->next = (struct bytes)BYTES(REFUSED);
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
	assert_int_equal(f->accepted, 2);
	f->next = cases[0].answer;
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
	assert_int_equal(f->accepted, 3);
	assert_int_equal(f->requests, 4);
}

/* A connection field, a name in upper case, and lengths that do not fit: nghttp2 resets such a stream by itself. */
static void a_malformed_answer_ends_the_call(void **state)
{
	static const struct bytes malformed[] = {
		BYTES(SETTINGS FRAME("\x13", "\1", "\5") "\x88\0\xa"
							 "connection\5close"),
		BYTES(SETTINGS FRAME("\6", "\1", "\4") "\x88\0\1X\1y"),
		BYTES(SETTINGS SIZED_200 TRAILERS),
		BYTES(SETTINGS SIZED_200 BODY BODY),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(malformed); i++) {
		f->answer = malformed[i];
		call(f);
		if (f->end != HTTP_END_BROKEN || strcmp(f->error, "the answer is not HTTP") != 0)
			fail_msg("case %zu: ended as %d: %s", i, f->end, f->error);
		assert_int_equal(f->requests, i + 1);
	}
	f->answer = cases[0].answer;
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
}

/* One exchange after another over the same links, without the client around them. */
struct bare {
	struct links links;
	struct turn turn;
	struct answers all;
	struct answer answer;
	struct exchange exchange;
	bool ended;
	enum exchange_end end;
};

static void ignore(void *context)
{
	(void)context;
}

static void note_end(void *context, enum exchange_end end, int error, const char *why)
{
	struct bare *b = context;

	(void)error, (void)why;
	b->ended = true;
	b->end = end;
}

static void begin_bare(struct fixture *f, struct bare *b)
{
	const struct exchange_options o = { .links = &b->links,
		.turn = &b->turn,
		.answer = &b->answer,
		.call = &f->options,
		.connects = ignore,
		.connected = ignore,
		.ended = note_end,
		.context = b };
	struct sockaddr_storage at;
	struct link_to to;
	socklen_t size = sizeof at;

	f->given = 0;
	b->ended = false;
	answer_init(&b->answer, &b->all, &f->options);
	assert_true(exchange_init(&b->exchange, &o));
	assert_int_equal(getsockname(f->listening.fd, (struct sockaddr *)&at, &size), 0);
	link_to_address(&to, &at, ntohs(((struct sockaddr_in *)(void *)&at)->sin_port));
	exchange_start(&b->exchange, &to);
}

static void end_bare(struct fixture *f, struct bare *b)
{
	while (!b->ended)
		turn(&f->world);
	assert_int_equal(b->end, EXCHANGE_ANSWERED);
	exchange_done(&b->exchange);
	answer_done(&b->answer);
}

/* A kept connection was taken for it, and ends before it is written there: it goes on a new one. */
static void a_connection_that_ends_before_the_request_is_written(void **state)
{
	struct fixture *f = *state;
	struct bare *b = oxp_new(sizeof *b);

	f->answer = cases[0].answer;
	b->turn.clock = loop_clock(f->world.loop);
	b->all.turn = &b->turn;
	f->options.line = NULL;
	links_init(&b->links, f->world.loop, 4);
	begin_bare(f, b);
	end_bare(f, b);
	begin_bare(f, b);
	loop_soon_done(&b->exchange.soon); /* what has come is seen first */
	peer_send(f, (struct bytes)BYTES(GOAWAY));
	end_bare(f, b);
	assert_int_equal(f->accepted, 2);
	assert_int_equal(f->requests, 2);
	links_done(&b->links);
	free(b);
}

/* The word to the peer that its answer is malformed cannot be written, and the call does not wait for that. */
static void a_malformed_answer_of_a_peer_that_reads_nothing(void **state)
{
	static const struct bytes open = BYTES(OPENS("\0") OPENS("\1"));
	static const struct bytes malformed = BYTES(FRAME("\6", "\1", "\4") "\x88\0\1X\1y");
	struct fixture *f = *state;
	size_t given = 0;
	int still = 0;

	f->options.body_size = 64 << 20;
	f->done = false;
	assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
	while (f->accepted == 0 || f->in[0].size == 0)
		turn(&f->world);
	loop_watch_set(&f->peers[0], 0);
	peer_send(f, (struct bytes)BYTES(SETTINGS));
	for (int i = 0; i < 60; i++)
		peer_send(f, open);
	for (; still < 100; still = f->given == given ? still + 1 : 0) {
		given = f->given;
		turn(&f->world);
	}
	assert_true(f->given < f->options.body_size);
	peer_send(f, malformed);
	while (!f->done)
		turn(&f->world);
	assert_int_equal(f->end, HTTP_END_BROKEN);
	assert_string_equal(f->error, "the answer is not HTTP");
}

/* A server that has had enough answers, and resets the stream without an error (RFC 9113, 8.1). */
static void an_answer_before_the_body_is_out(void **state)
{
	static const struct bytes early[] = { BYTES(SETTINGS ONLY_TRAILERS), BYTES(SETTINGS ONLY_TRAILERS NO_ERROR) };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(early); i++) {
		f->lines[0] = '\0';
		call_up_to_its_windows(f, early[i]);
		while (!f->done)
			turn(&f->world);
		assert_int_equal(f->end, HTTP_END_ANSWER);
		assert_string_equal(f->lines, "HTTP/2 200 |grpc-status: 14||");
		while (i == 0 && f->peers[i].fd >= 0) /* its stream is still open, so the connection ends */
			turn(&f->world);
	}
	peer_send(f, (struct bytes)BYTES(OPENS("\0")));
	f->answer = cases[0].answer;
	f->options.body_size = 1000;
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
	assert_int_equal(f->accepted, COUNT_OF(early));
}

static bool take_slow_piece(void *context, struct bytes piece)
{
	struct fixture *f = context;
	size_t used = strlen(f->body);

	f->world.ahead += 1000000;
	snprintf(f->body + used, sizeof f->body - used, "%.*s", (int)piece.size, piece.data);
	return true;
}

static void take_end(void *context, const struct http_reply *reply)
{
	struct fixture *f = context;

	f->done = true;
	f->end = reply->end;
}

static void what_is_put_off_comes_once(void **state)
{
	struct fixture *f = *state;

	f->answer = (struct bytes)BYTES(SETTINGS HEAD_200 BODY BODY BODY BODY TRAILERS);
	f->options.piece = take_slow_piece;
	f->options.done = take_end;
	call(f);
	assert_int_equal(f->end, HTTP_END_ANSWER);
	assert_string_equal(f->body, "hellohellohellohello");
	assert_string_equal(f->lines, "HTTP/2 200 ||grpc-status: 0|");
	f->body[0] = '\0';
	call(f);
	assert_int_equal(f->accepted, 1);
	f->options.answer_max = 12;
	call(f);
	assert_int_equal(f->end, HTTP_END_TOO_LARGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OURS(name)                                               \
	{                                                        \
		"ours: " #name, name, setup_ours, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_of_http2),
		TEST(one_call_after_another),
		TEST(a_window_that_opens_late),
		TEST(a_call_is_given_up_while_its_window_is_closed),
		OURS(answers_of_http2),
		OURS(one_call_after_another),
		OURS(a_window_that_opens_late),
		OURS(a_call_is_given_up_while_its_window_is_closed),
		OURS(a_body_arrives_as_it_stands),
		OURS(a_kept_connection_answers_pings),
		OURS(a_kept_connection_that_is_ended_is_not_used),
		OURS(a_refused_stream),
		OURS(a_malformed_answer_ends_the_call),
		OURS(a_connection_that_ends_before_the_request_is_written),
		OURS(a_malformed_answer_of_a_peer_that_reads_nothing),
		OURS(an_answer_before_the_body_is_out),
		OURS(what_is_put_off_comes_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
