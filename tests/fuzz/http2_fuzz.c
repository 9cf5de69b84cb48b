/*
 * A whole server of HTTP/2, fed with bytes cut anywhere, which hold frames and what HPACK unpacks. However they are
 * cut: it does not spin, a peer that leaves is let go, every request that begins is answered or gone, and no more is
 * held than the ceilings say.
 *
 * The first byte: how many cuts (0 to 7), whether the end of the stream comes with the last bytes (8), whether requests
 * are answered at once or at the end (16), and whether the preface and an empty SETTINGS frame are put before what is
 * sent (32). Then two bytes for each cut, and what is sent.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engine.h"

enum { CUTS_MAX = 7, BODY_MAX = 1000, TURNS = 12, LAST_TURNS = 60, OUT_MAX = 1 << 20, WAITING_MAX = 100 };

static const char opening[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";

struct run {
	struct loop *loop;
	struct http_server *server;
	int fd; /* of the peer */
	size_t out;
	bool later;
	struct http_request *waiting[WAITING_MAX];
	unsigned count, begun, ended;
};

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static enum http_take begin(void *context, struct http_request *r)
{
	struct run *run = context;

	run->begun++;
	http_context_set(r, run);
	return HTTP_TAKEN;
}

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	check(http_context(r) == context, "a piece of no request");
	check(piece.size <= BODY_MAX, "a piece above body_max");
	return HTTP_TAKEN;
}

static void respond(struct run *run, struct http_request *r)
{
	static const char *const trailers[] = { "grpc-status", "0", NULL };

	run->ended++;
	http_respond(r, &(struct http_answer){ .status = 200, .trailers = trailers, .constant = bytes_of("hello") });
}

static void complete(void *context, struct http_request *r)
{
	struct run *run = context;

	if (run->later) {
		check(run->count < WAITING_MAX, "more requests than streams");
		run->waiting[run->count++] = r;
	} else {
		respond(run, r);
	}
}

static void gone(void *context, struct http_request *r)
{
	struct run *run = context;

	run->ended++;
	for (unsigned i = 0; i < run->count; i++)
		if (run->waiting[i] == r)
			run->waiting[i] = run->waiting[--run->count];
}

static void run_init(struct run *run, const struct http_route *routes)
{
	struct http_server_options o = { .name = "fuzz",
		.body_max = BODY_MAX,
		.connections_max = 2,
		.idle = DURATION_S(5),
		.priority = LOOP_PROBES,
		.engine = HTTP_2 };
	int pair[2];

	check(loop_new(&clock_system, &run->loop) == 0, "no loop");
	check(http_server_new(run->loop, &o, routes, &run->server) == 0, "no server");
	check(run->server->engine->start(run->server) == 0, "no engine");
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "no sockets");
	run->fd = pair[0];
	run->server->engine->take(run->server, pair[1], NULL);
}

static void turn(struct run *run, int times)
{
	char piece[16384];
	ssize_t n;

	while (times-- > 0) {
		loop_turn(run->loop, DURATION_MS(0));
		while ((n = recv(run->fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
			run->out += (size_t)n;
	}
	check(run->out < OUT_MAX, "endless answers");
}

static uint64_t slices(const struct run *run)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += loop_slices(run->loop)->counts[i];
	return sum;
}

/* What is not taken by a server that has closed is no matter. */
static void send_piece(struct run *run, struct bytes piece)
{
	while (piece.size > 0) {
		ssize_t n = send(run->fd, piece.data, piece.size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			return;
		piece = (struct bytes){ piece.data + n, piece.size - (size_t)n };
		turn(run, 1);
	}
}

static void feed(struct run *run, const uint8_t *cuts, unsigned count, struct bytes all, bool end)
{
	uint64_t before;

	for (unsigned i = 0; i < count && all.size > 0; i++) {
		size_t size = (cuts[2 * i] | (size_t)cuts[2 * i + 1] << 8) % all.size;
		send_piece(run, (struct bytes){ all.data, size });
		all = (struct bytes){ all.data + size, all.size - size };
		turn(run, TURNS);
	}
	send_piece(run, all);
	if (end)
		shutdown(run->fd, SHUT_WR);
	turn(run, LAST_TURNS);
	while (run->count > 0)
		respond(run, run->waiting[--run->count]);
	turn(run, LAST_TURNS);
	before = slices(run);
	turn(run, TURNS);
	check(slices(run) - before <= TURNS + 2, "it spins");
	shutdown(run->fd, SHUT_WR);
	turn(run, LAST_TURNS);
	check(http_server_totals(run->server).connections == 0, "whoever left was not let go");
	check(http_server_totals(run->server).open == 0, "a request was left open");
	check(http_server_totals(run->server).unsent == 0, "an answer was left");
	check(run->begun == run->ended, "a request neither answered nor gone, or both");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned count = size > 0 ? data[0] & 7 : 0;
	struct run run = { .later = size > 0 && (data[0] & 16) };
	const struct http_route routes[] = {
		{ HTTP_POST, "/take", begin, take_body, complete, gone, &run, 0 },
		{ .path = NULL },
	};

	if (size < 1 + 2 * (size_t)count)
		return 0;
	run_init(&run, routes);
	if (data[0] & 32)
		send_piece(&run, (struct bytes){ opening, sizeof opening });
	feed(&run, data + 1, count, (struct bytes){ (const char *)data + 1 + 2 * count, size - 1 - 2 * (size_t)count },
		data[0] & 8);
	http_server_free(run.server);
	close(run.fd);
	loop_free(run.loop);
	return 0;
}
