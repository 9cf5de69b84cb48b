/*
 * The client over HTTP/2 without TLS, against a peer that sends frames by hand: head, body, trailers, and no end.
 */
#include "http/client.h"

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
	size_t accepted, requests;
	struct bytes answer; /* no bytes: the connection ends */
	struct http_call_options options;
	struct http_call *call;
	char url[64], lines[512], body[64], error[256];
	size_t given;
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

/* Whether a frame that ends the stream has come. */
static bool is_whole(const struct buffer *in)
{
	const unsigned char *p = (const unsigned char *)in->data + PREFACE,
			    *end = (const unsigned char *)in->data + in->size;

	while (end - p >= FRAME_HEAD) {
		size_t size = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		if ((size_t)(end - p) < FRAME_HEAD + size)
			return false;
		if ((p[3] == DATA || p[3] == HEADERS) && p[4] & END_STREAM)
			return true;
		p += FRAME_HEAD + size;
	}
	return false;
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
	bool was = in->size > PREFACE && is_whole(in);

	(void)what;
	if (n <= 0) {
		peer_close(f, i);
		return;
	}
	in->size += (size_t)n;
	if (was || in->size < PREFACE || !is_whole(in))
		return;
	f->requests++;
	if (f->answer.size == 0)
		peer_close(f, i);
	else
		assert_int_equal(send(fd, f->answer.data, f->answer.size, MSG_NOSIGNAL), f->answer.size);
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

	memset(to, 'x', room);
	f->given += room;
	return room;
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
	const struct loop_slices *slices = loop_slices(f->world.loop);
	uint64_t before = 0, after = 0;

	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		before += slices->counts[i];
	while (clock_system.mono(NULL).ns < until)
		turn(&f->world);
	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		after += slices->counts[i];
	return after - before;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_of_http2, setup, teardown),
		cmocka_unit_test_setup_teardown(one_call_after_another, setup, teardown),
		cmocka_unit_test_setup_teardown(a_window_that_opens_late, setup, teardown),
		cmocka_unit_test_setup_teardown(a_call_is_given_up_while_its_window_is_closed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
