/*
 * The client, asked by a peer that answers anything: with libcurl, without, and over HTTP/2. However the bytes are cut,
 * the call ends once, within its time, an answer has a status of its own, nobody is given more than was asked for, and
 * nothing spins meanwhile.
 *
 * The first byte: how many cuts (0 to 7), whether the stream ends with the last bytes (8), whether the answer is taken
 * in pieces (16) and whether that takes long (32). Then two bytes for each cut, and what is sent.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/client.h"

enum way { LIBCURL, OURS, HTTP2 };
enum { CUTS_MAX = 7, ANSWER_MAX = 4000, TURNS = 12, TURNS_MAX = 2000, TIMEOUT_S = 60, SLOW_NS = 1000000 };

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

struct run {
	struct clock clock;
	int64_t ahead;
	struct loop *loop;
	struct http_client *client;
	struct sockaddr_un at;
	int listening, peer;
	bool slow, done;
	unsigned heads;
	size_t taken;
};

static struct mono_time moved_clock(const struct clock *c)
{
	return (struct mono_time){ clock_system.mono(c).ns + ((const struct run *)c)->ahead };
}

static void on_head(void *context, unsigned status, const char *content_type)
{
	struct run *run = context;

	check(++run->heads == 1, "two heads");
	check(status >= 200 && content_type, "the head of no answer");
}

static bool on_piece(void *context, struct bytes piece)
{
	struct run *run = context;

	run->ahead += run->slow ? SLOW_NS : 0;
	run->taken += piece.size;
	check(run->heads == 1, "a piece before the head");
	check(run->taken <= ANSWER_MAX, "more pieces than were asked for");
	return true;
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct run *run = context;

	check(!run->done, "it ended twice");
	run->done = true;
	check(reply->end != HTTP_END_ANSWER || reply->status >= 200, "an answer of no status");
	check(reply->end == HTTP_END_ANSWER || reply->error[0], "a failure that says nothing");
	check(reply->body.size <= ANSWER_MAX, "more of a body than was asked for");
}

static void run_init(struct run *run)
{
	char folder[] = "/tmp/oxpecker-fuzz-XXXXXX";

	*run = (struct run){ .clock = { clock_system.wall, moved_clock }, .at.sun_family = AF_UNIX, .peer = -1 };
	check(loop_new(&run->clock, &run->loop) == 0, "no loop");
	check(http_client_new(run->loop, &(struct http_client_options){ .connections_max = 1 }, &run->client) == 0,
		"no client");
	check(mkdtemp(folder) != NULL, "no folder");
	snprintf(run->at.sun_path, sizeof run->at.sun_path, "%s/s", folder);
	run->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	check(bind(run->listening, (struct sockaddr *)&run->at, sizeof run->at) == 0, "no address");
	check(listen(run->listening, 4) == 0, "no socket");
}

static void run_done(struct run *run)
{
	http_client_free(run->client);
	loop_free(run->loop);
	close(run->listening);
	if (run->peer >= 0)
		close(run->peer);
	unlink(run->at.sun_path);
	*strrchr(run->at.sun_path, '/') = '\0';
	rmdir(run->at.sun_path);
}

static void turn(struct run *run, int times)
{
	while (times-- > 0)
		loop_turn(run->loop, DURATION_MS(0));
}

/* A body of none: what has these is sent without libcurl. */
static size_t look(void *context, struct bytes *to, size_t room)
{
	(void)context, (void)to, (void)room;
	return 0;
}

static void took(void *context, size_t size)
{
	(void)context, (void)size;
}

static void ask(struct run *run, bool pieces, enum way way)
{
	struct http_call_options o = { .method = "GET",
		.url = "http://localhost/metrics",
		.unix_path = run->at.sun_path,
		.head = on_head,
		.piece = pieces ? on_piece : NULL,
		.look = way != LIBCURL ? look : NULL,
		.took = way != LIBCURL ? took : NULL,
		.http2 = way == HTTP2,
		.done = on_done,
		.context = run,
		.answer_max = ANSWER_MAX,
		.timeout = DURATION_S(TIMEOUT_S) };
	struct http_call *call;

	check(http_call_start(run->client, &o, &call) == 0, "no call");
	for (int i = 0; i < TURNS_MAX && run->peer < 0; i++) {
		turn(run, 1);
		run->peer = accept4(run->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	check(run->peer >= 0, "it does not connect");
	turn(run, TURNS);
}

static void send_piece(struct run *run, struct bytes piece)
{
	(void)!send(run->peer, piece.data, piece.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	turn(run, TURNS);
}

static uint64_t slices(const struct run *run)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += loop_slices(run->loop)->counts[i];
	return sum;
}

static void answer(struct run *run, const uint8_t *cuts, unsigned count, struct bytes all)
{
	for (unsigned i = 0; i < count && all.size > 0; i++) {
		size_t size = (cuts[2 * i] | (size_t)cuts[2 * i + 1] << 8) % all.size;
		send_piece(run, (struct bytes){ all.data, size });
		all = (struct bytes){ all.data + size, all.size - size };
	}
	send_piece(run, all);
}

static void try(const uint8_t *data, size_t size, enum way way)
{
	unsigned count = data[0] & CUTS_MAX;
	struct run run;
	uint64_t before;

	run_init(&run);
	run.slow = data[0] & 32;
	ask(&run, data[0] & 16, way);
	answer(&run, data + 1, count, (struct bytes){ (const char *)data + 1 + 2 * count, size - 1 - 2 * count });
	if (data[0] & 8)
		shutdown(run.peer, SHUT_RDWR);
	turn(&run, 8 * TURNS);
	before = slices(&run);
	turn(&run, TURNS);
	check(slices(&run) - before <= TURNS + 2, "it spins");
	run.ahead += (TIMEOUT_S + 1) * 1000000000ll;
	turn(&run, TURNS);
	check(run.done, "it does not end");
	run_done(&run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size < 1 + 2 * (size_t)(data[0] & CUTS_MAX))
		return 0;
	for (enum way way = LIBCURL; way <= HTTP2; way++)
		try(data, size, way);
	return 0;
}
