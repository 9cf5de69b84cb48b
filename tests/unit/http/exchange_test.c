/*
 * A request on a connection of our own, step by step: what is sent when, what an answer before its end means, and which
 * connections are kept. What every call promises is in client_test.c, which runs with these, too.
 */
#include "http/client.h"

#include "http/link.h"
#include "unit/http/raw.h"

enum { BODY = 24 << 20, KEPT_MAX = 2, BUFFER = 64 << 10 };

struct fixture {
	struct world world;
	struct http_client *client;
	struct http_call *call;
	int listening;
	struct raw peer; /* the latest connection */
	char url[64];
	char *body;
	struct http_call_options options;
	uint64_t taken, rewinds;
	bool done, cancels;
	int64_t slow; /* ns that each write takes */
	unsigned writes;
	struct http_reply reply;
	char error[128];
};

/* The caller. */

static size_t no_read(void *context, char *to, size_t room)
{
	(void)context, (void)to, (void)room;
	fail_msg("the body is read, as for libcurl");
	return 0;
}

/* In three pieces. */
static size_t look(void *context, struct bytes *to, size_t room)
{
	struct fixture *f = context;
	uint64_t left = f->options.body_size - f->taken;
	const char *from = f->body + f->taken;

	assert_true(room >= 3 && left > 0);
	if (left < 3) {
		to[0] = (struct bytes){ from, (size_t)left };
		return 1;
	}
	to[0] = (struct bytes){ from, 1 };
	to[1] = (struct bytes){ from + 1, (size_t)left / 2 };
	to[2] = (struct bytes){ from + 1 + left / 2, (size_t)(left - left / 2) - 1 };
	return 3;
}

static void took(void *context, size_t size)
{
	struct fixture *f = context;

	f->taken += size;
	f->writes++;
	f->world.ahead += f->slow;
	assert_true(f->taken <= f->options.body_size);
	if (f->cancels)
		http_call_cancel(f->call);
}

static void again(void *context)
{
	struct fixture *f = context;

	f->taken = 0;
	f->rewinds++;
}

static void take_reply(void *context, const struct http_reply *reply)
{
	struct fixture *f = context;

	assert_false(f->done);
	f->done = true;
	f->reply = *reply;
	snprintf(f->error, sizeof f->error, "%s", reply->error);
}

static void begin(struct fixture *f, uint64_t size)
{
	f->done = false;
	f->taken = f->rewinds = f->writes = 0;
	f->options.body_size = size;
	assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
}

static void wait_done(struct fixture *f)
{
	while (!f->done)
		turn(&f->world);
}

static void assert_end(const struct fixture *f, enum http_end end, unsigned status, const char *error)
{
	if (f->reply.end != end || f->reply.status != status || strcmp(f->error, error) != 0)
		fail_msg("%d, %u, %s; not %d, %u, %s", f->reply.end, f->reply.status, f->error, end, status, error);
}

/* The peer. */

static int accept_now(const struct fixture *f)
{
	return accept4(f->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void next_peer(struct fixture *f)
{
	int fd = -1;

	raw_done(&f->peer);
	for (; fd < 0; fd = accept_now(f))
		turn(&f->world);
	raw_init(&f->peer, &f->world, fd);
}

static void wait_request(struct fixture *f)
{
	const char *body;

	raw_expect(&f->peer, "\r\n\r\n");
	do {
		raw_turn(&f->peer);
		body = (const char *)memmem(f->peer.in.data, f->peer.in.size, "\r\n\r\n", 4) + 4;
	} while ((size_t)(f->peer.in.data + f->peer.in.size - body) < f->options.body_size);
}

/* A request and its answer on the latest connection, or a new one. */
static void one(struct fixture *f, bool anew, const char *answer)
{
	begin(f, 3);
	if (anew)
		next_peer(f);
	raw_clear(&f->peer);
	raw_expect(&f->peer, "\r\n\r\nabc");
	raw_send(&f->peer, answer);
	wait_done(f);
}

static int setup(void **state)
{
	static const struct http_client_options options = { .connections_max = KEPT_MAX };
	struct fixture *f = oxp_new(sizeof *f);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int room = BUFFER;

	world_init(&f->world);
	f->peer.fd = -1;
	f->body = oxp_new(BODY);
	for (size_t i = 0; i < BODY; i++)
		f->body[i] = (char)('a' + i % 23);
	f->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(setsockopt(f->listening, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
	assert_int_equal(bind(f->listening, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(f->listening, 16), 0);
	assert_int_equal(getsockname(f->listening, (struct sockaddr *)&at, &size), 0);
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/v1/traces?a=b", ntohs(at.sin_port));
	f->options = (struct http_call_options){ .method = "POST",
		.url = f->url,
		.read = no_read,
		.rewind = again,
		.look = look,
		.took = took,
		.done = take_reply,
		.context = f,
		.answer_max = 1000,
		.timeout = DURATION_S(60) };
	assert_int_equal(http_client_new(f->world.loop, &options, &f->client), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_client_free(f->client);
	raw_done(&f->peer);
	close(f->listening);
	loop_free(f->world.loop);
	free(f->body);
	free(f);
	return 0;
}

#define FINE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Sending. */

static void the_head_is_as_libcurl_writes_it(void **state)
{
	static const char *const headers[] = { "Content-Type: application/x-protobuf", "X-Empty:", "X-One:  two ",
		NULL };
	struct fixture *f = *state;
	char wanted[512];
	int port;

	f->options.headers = headers;
	one(f, true, FINE);
	assert_int_equal(sscanf(f->url, "http://127.0.0.1:%d", &port), 1);
	snprintf(wanted, sizeof wanted,
		"POST /v1/traces?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: oxpecker/" OXP_VERSION
		"\r\nAccept: */*\r\nAccept-Encoding: identity\r\nContent-Type: application/x-protobuf\r\n"
		"X-One:  two \r\nContent-Length: 3\r\n\r\nabc",
		port);
	assert_int_equal(f->peer.in.size, strlen(wanted));
	assert_memory_equal(f->peer.in.data, wanted, strlen(wanted));
	f->options.headers = NULL;
	begin(f, 0);
	raw_clear(&f->peer);
	raw_expect(&f->peer, "\r\nContent-Length: 0\r\n\r\n");
}

static void an_accept_of_the_caller_replaces_ours(void **state)
{
	static const char *const headers[] = { "Accept: text/plain", NULL };
	struct fixture *f = *state;

	f->options.headers = headers;
	one(f, true, FINE);
	assert_true(raw_has(&f->peer, "\r\nAccept-Encoding: identity\r\nAccept: text/plain\r\n"));
	assert_false(raw_has(&f->peer, "*/*"));
}

/* Each write takes a millisecond, so there is one a turn. */
static void a_large_body_lets_others_by(void **state)
{
	struct fixture *f = *state;
	unsigned before;

	f->slow = 1000000;
	f->options.timeout = DURATION_S(100000);
	begin(f, BODY);
	next_peer(f);
	while (f->taken < BODY) {
		before = f->writes;
		raw_turn(&f->peer);
		assert_true(f->writes - before <= 2); /* of the socket, and of what was put off */
	}
	assert_true(f->writes >= BODY / (256 << 10));
	wait_request(f);
	assert_memory_equal(f->peer.in.data + f->peer.in.size - BODY, f->body, BODY);
	raw_send(&f->peer, FINE);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
}

/* Nothing is done while the peer takes nothing. */
static void a_slow_reader_costs_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t before;
	unsigned writes;

	begin(f, BODY);
	next_peer(f);
	do {
		before = f->taken;
		turns(&f->world, 50);
	} while (f->taken > before);
	assert_in_range(f->taken, 1, BODY - 1);
	writes = f->writes;
	turns(&f->world, 50);
	assert_int_equal(f->writes, writes);
	wait_request(f);
	raw_send(&f->peer, FINE);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
}

static void a_peer_that_takes_nothing_is_timed_out(void **state)
{
	struct fixture *f = *state;

	begin(f, BODY);
	next_peer(f);
	turns(&f->world, 50);
	f->world.ahead += DURATION_S(61).ns;
	wait_done(f);
	assert_end(f, HTTP_END_TIMEOUT, 0, "no whole answer within 60 s");
	raw_expect_end(&f->peer);
}

/* Answers before the body is out. */

static void a_refusal_ends_the_sending(void **state)
{
	struct fixture *f = *state;

	begin(f, BODY);
	next_peer(f);
	turns(&f->world, 50);
	raw_send(&f->peer, "HTTP/1.1 401 Who\r\nContent-Length: 2\r\n\r\n");
	turns(&f->world, 50);
	assert_false(f->done);
	f->writes = 0;
	raw_receive(&f->peer);
	turns(&f->world, 50); /* there is room again */
	assert_int_equal(f->writes, 0);
	raw_send(&f->peer, "no");
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 401, "");
	raw_expect_end(&f->peer);
	one(f, true, FINE);
	assert_end(f, HTTP_END_ANSWER, 200, "");
}

static void the_peer_refuses_and_resets(void **state)
{
	struct fixture *f = *state;

	begin(f, BODY);
	next_peer(f);
	turns(&f->world, 50);
	assert_true(send(f->peer.fd, "HTTP/1.1 413 Big\r\nContent-Length: 3\r\n\r\nbig", 42, MSG_NOSIGNAL) > 0);
	raw_done(&f->peer); /* with bytes unread, which is a reset */
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 413, "");
}

static void success_counts_once_all_is_sent(void **state)
{
	struct fixture *f = *state;

	begin(f, BODY);
	next_peer(f);
	turns(&f->world, 50);
	raw_send(&f->peer, FINE);
	turns(&f->world, 50);
	assert_false(f->done);
	wait_request(f);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
	begin(f, BODY);
	raw_clear(&f->peer);
	raw_expect(&f->peer, "\r\n\r\n");
	raw_send(&f->peer, FINE);
	raw_done(&f->peer);
	wait_done(f);
	assert_int_equal(f->reply.end, HTTP_END_BROKEN);
	assert_true(f->taken < BODY);
}

/* Connections that break. */

static void a_connection_that_breaks(void **state)
{
	struct fixture *f = *state;

	begin(f, BODY);
	next_peer(f);
	turns(&f->world, 50);
	raw_done(&f->peer);
	wait_done(f);
	assert_int_equal(f->reply.end, HTTP_END_BROKEN);
	assert_int_equal(f->rewinds, 0); /* it was no kept one */
	begin(f, 3);
	next_peer(f);
	raw_expect(&f->peer, "abc");
	raw_done(&f->peer);
	wait_done(f);
	assert_end(f, HTTP_END_BROKEN, 0, "the connection was closed without an answer");
	begin(f, 3);
	next_peer(f);
	raw_expect(&f->peer, "abc");
	raw_send(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok");
	raw_done(&f->peer);
	wait_done(f);
	assert_end(f, HTTP_END_BROKEN, 200, "the answer was cut off");
}

static void a_kept_one_that_breaks_is_resent_once(void **state)
{
	struct fixture *f = *state;

	one(f, true, FINE);
	begin(f, BODY);
	raw_clear(&f->peer);
	raw_expect(&f->peer, "\r\n\r\n");
	next_peer(f); /* closes the other */
	assert_int_equal(f->rewinds, 1);
	wait_request(f);
	assert_memory_equal(f->peer.in.data + f->peer.in.size - BODY, f->body, BODY);
	raw_done(&f->peer);
	wait_done(f);
	assert_end(f, HTTP_END_BROKEN, 0, "the connection was closed without an answer");
	assert_true(f->reply.resent);
	assert_int_equal(f->rewinds, 1);
}

/* The peer has read the request, so it may have acted on it. */
static void a_kept_one_with_half_an_answer_is_not_resent(void **state)
{
	struct fixture *f = *state;

	one(f, true, FINE);
	begin(f, 3);
	raw_clear(&f->peer);
	raw_expect(&f->peer, "\r\n\r\nabc");
	raw_send(&f->peer, "HTTP/1.1 2");
	raw_done(&f->peer);
	wait_done(f);
	assert_end(f, HTTP_END_BROKEN, 0, "the answer was cut off");
	assert_int_equal(f->rewinds, 0);
}

/* The request may have arrived on the first one: so this is no failure to connect. */
static void a_kept_one_that_breaks_with_none_after_it(void **state)
{
	struct fixture *f = *state;

	one(f, true, FINE);
	close(f->listening);
	f->listening = -1;
	begin(f, 3);
	raw_clear(&f->peer);
	raw_expect(&f->peer, "\r\n\r\nabc");
	raw_done(&f->peer);
	wait_done(f);
	assert_int_equal(f->rewinds, 1);
	assert_int_equal(f->reply.end, HTTP_END_BROKEN);
	assert_non_null(strstr(f->error, "Failed to connect"));
}

/* Where nobody accepts, and the next finds no room. */
static void fill(const struct fixture *f, int full[], size_t count)
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;

	assert_int_equal(getsockname(f->listening, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(listen(f->listening, 0), 0);
	for (size_t i = 0; i < count; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(connect(full[i], (struct sockaddr *)&at, size) == 0 || errno == EINPROGRESS);
	}
}

/* Two seconds are for each connection, also for the one after a kept one that was long silent. */
static void a_kept_one_that_breaks_late_with_nobody_after_it(void **state)
{
	struct fixture *f = *state;
	int full[8];

	one(f, true, FINE);
	fill(f, full, COUNT_OF(full));
	begin(f, 3);
	raw_clear(&f->peer);
	raw_expect(&f->peer, "\r\n\r\nabc");
	f->world.ahead += DURATION_S(3).ns;
	turns(&f->world, 5);
	assert_false(f->done);
	raw_done(&f->peer);
	while (f->rewinds == 0)
		turn(&f->world);
	turns(&f->world, 5);
	assert_false(f->done);
	f->world.ahead += DURATION_MS(2100).ns;
	wait_done(f);
	assert_end(f, HTTP_END_BROKEN, 0, "no connection within 2 s");
	for (size_t i = 0; i < COUNT_OF(full); i++)
		close(full[i]);
}

/* Keeping. */

/* A name with three addresses, of which the last is listened at. */
static void use_name_of_three(struct fixture *f, struct resolver **ret)
{
	const struct resolver_sources sources = { .hosts_file = unit_file("unit/http/hosts") };
	struct http_client_options options = { .connections_max = KEPT_MAX };
	struct sockaddr_in at;
	socklen_t size = sizeof at;

	assert_int_equal(getsockname(f->listening, (struct sockaddr *)&at, &size), 0);
	snprintf(f->url, sizeof f->url, "http://three.test:%u/", ntohs(at.sin_port));
	http_client_free(f->client);
	f->client = NULL;
	assert_int_equal(resolver_new_from(f->world.loop, &sources, ret), 0);
	options.resolver = *ret;
	assert_int_equal(http_client_new(f->world.loop, &options, &f->client), 0);
}

/* After "busy" the other two are asked first, and refuse. */
static void a_kept_one_after_addresses_that_refuse(void **state)
{
	struct fixture *f = *state;
	struct resolver *resolver;

	use_name_of_three(f, &resolver);
	one(f, true, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno");
	assert_end(f, HTTP_END_ANSWER, 503, "");
	raw_clear(&f->peer);
	begin(f, 3);
	while (!raw_has(&f->peer, "\r\n\r\nabc") && !f->done)
		raw_turn(&f->peer);
	assert_false(f->done);
	raw_send(&f->peer, FINE);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
	assert_int_equal(f->rewinds, 0);
	http_client_free(f->client);
	f->client = NULL;
	resolver_free(resolver);
}

/* The next peer, while nothing comes on the connection that is kept. */
static void next_beside(struct fixture *f, struct raw *kept)
{
	int fd = -1;

	*kept = f->peer;
	raw_clear(kept);
	for (; fd < 0; fd = accept_now(f)) {
		raw_turn(kept);
		assert_int_equal(kept->in.size, 0);
	}
	raw_init(&f->peer, &f->world, fd);
}

/* The same peer is asked over HTTP/1.1, over HTTP/2, and both once more. */
static void each_protocol_has_connections_of_its_own(void **state)
{
	static const char settings[] = "\0\0\0\4\0\0\0\0\0", preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	char fine2[] = "\0\0\1\1\5\0\0\0\1\x88";
	struct fixture *f = *state;
	struct raw http1;

	one(f, true, FINE);
	f->options.http2 = true;
	begin(f, 3);
	next_beside(f, &http1);
	raw_expect(&f->peer, "abc");
	assert_memory_equal(f->peer.in.data, preface, strlen(preface));
	raw_send_bytes(&f->peer, settings, sizeof settings - 1);
	raw_send_bytes(&f->peer, fine2, sizeof fine2 - 1);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
	f->options.http2 = false;
	begin(f, 3);
	raw_expect(&http1, "\r\n\r\nabc");
	assert_memory_equal(http1.in.data, "POST ", 5);
	raw_send(&http1, FINE);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
	f->options.http2 = true;
	raw_receive(&f->peer);
	raw_clear(&f->peer);
	begin(f, 3);
	raw_expect(&f->peer, "abc");
	fine2[8] = 3; /* its stream */
	raw_send_bytes(&f->peer, fine2, sizeof fine2 - 1);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
	raw_done(&http1);
}

/* The end may come with the last bytes of the answer. */
static void one_that_is_closed_with_its_answer_is_not_kept(void **state)
{
	struct fixture *f = *state;

	begin(f, 3);
	next_peer(f);
	raw_expect(&f->peer, "\r\n\r\nabc");
	assert_int_equal(send(f->peer.fd, FINE, strlen(FINE), MSG_NOSIGNAL), strlen(FINE));
	shutdown(f->peer.fd, SHUT_WR);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
	turns(&f->world, 5);
	raw_receive(&f->peer);
	assert_true(f->peer.ended);
}

static void which_connections_are_kept(void **state)
{
	static const struct {
		const char *answer;
		bool kept;
	} cases[] = {
		{ FINE, true },
		{ "HTTP/1.1 204 No\r\n\r\n", true },
		{ "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", true },
		{ "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hm\r\nConnection: close\r\n\r\n" FINE, true },
		{ "HTTP/1.1 200 OK\r\nconnection: x, Close\r\nContent-Length: 2\r\n\r\nok", false },
		{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false },
		{ FINE "more", false },
		{ "HTTP/1.1 204 No\r\n\r\nmore", false },
	};
	struct fixture *f = *state;
	bool kept = false;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		one(f, !kept, cases[i].answer);
		assert_int_equal(f->reply.end, HTTP_END_ANSWER);
		assert_false(f->reply.resent);
		kept = cases[i].kept;
		turns(&f->world, 5);
		raw_receive(&f->peer);
		if (f->peer.ended == kept)
			fail_msg("after %s", cases[i].answer);
	}
}

static void what_idles_and_is_closed_is_not_used(void **state)
{
	struct fixture *f = *state;

	one(f, true, FINE);
	shutdown(f->peer.fd, SHUT_WR);
	begin(f, 3); /* before the loop has seen it */
	next_peer(f);
	raw_expect(&f->peer, "abc");
	raw_send(&f->peer, FINE);
	wait_done(f);
	assert_end(f, HTTP_END_ANSWER, 200, "");
	assert_false(f->reply.resent);
	raw_send(&f->peer, "HTTP/1.1 408 Too late\r\n\r\n"); /* to nobody */
	raw_expect_end(&f->peer);
	f->world.ahead += DURATION_S(1).ns;
	one(f, true, FINE);
	f->world.ahead += DURATION_S(LINK_IDLE_S + 1).ns;
	one(f, true, FINE);
	assert_end(f, HTTP_END_ANSWER, 200, "");
}

static void count_reply(void *context, const struct http_reply *reply)
{
	assert_int_equal(reply->status, 200);
	((struct fixture *)context)->rewinds++;
}

static void no_more_are_kept_than_allowed(void **state)
{
	enum { CALLS = KEPT_MAX + 2 };
	struct fixture *f = *state;
	struct raw peers[CALLS];
	size_t ended = 0;

	f->options.done = count_reply;
	f->options.body_size = 0;
	for (size_t i = 0; i < CALLS; i++) {
		assert_int_equal(http_call_start(f->client, &f->options, &f->call), 0);
		next_peer(f);
		peers[i] = f->peer;
		f->peer.fd = -1;
		buffer_init(&f->peer.in, RAW_MAX);
	}
	for (size_t i = 0; i < CALLS; i++)
		raw_send(&peers[i], FINE);
	while (f->rewinds < CALLS)
		turn(&f->world);
	for (size_t i = 0; i < CALLS; i++) {
		raw_receive(&peers[i]);
		ended += peers[i].ended;
		raw_done(&peers[i]);
	}
	assert_int_equal(ended, CALLS - KEPT_MAX);
}

/* Stopping. */

static void a_call_cancelled_while_it_sends(void **state)
{
	struct fixture *f = *state;

	f->cancels = true;
	begin(f, BODY);
	next_peer(f);
	raw_expect_end(&f->peer);
	assert_int_equal(f->writes, 1);
	f->cancels = false;
	begin(f, BODY);
	next_peer(f);
	http_call_cancel(f->call);
	raw_expect_end(&f->peer);
	assert_false(f->done);
	begin(f, BODY);
	next_peer(f);
	http_client_free(f->client);
	f->client = NULL;
	raw_expect_end(&f->peer);
	assert_false(f->done);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_head_is_as_libcurl_writes_it),
		TEST(an_accept_of_the_caller_replaces_ours),
		TEST(a_large_body_lets_others_by),
		TEST(a_slow_reader_costs_nothing),
		TEST(a_peer_that_takes_nothing_is_timed_out),
		TEST(a_refusal_ends_the_sending),
		TEST(the_peer_refuses_and_resets),
		TEST(success_counts_once_all_is_sent),
		TEST(a_connection_that_breaks),
		TEST(a_kept_one_that_breaks_is_resent_once),
		TEST(a_kept_one_with_half_an_answer_is_not_resent),
		TEST(a_kept_one_that_breaks_with_none_after_it),
		TEST(a_kept_one_that_breaks_late_with_nobody_after_it),
		TEST(a_kept_one_after_addresses_that_refuse),
		TEST(each_protocol_has_connections_of_its_own),
		TEST(one_that_is_closed_with_its_answer_is_not_kept),
		TEST(which_connections_are_kept),
		TEST(what_idles_and_is_closed_is_not_used),
		TEST(no_more_are_kept_than_allowed),
		TEST(a_call_cancelled_while_it_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
