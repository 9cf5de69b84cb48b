/*
 * Whole servers, one of each engine, fed with the same bytes cut at the same bytes. However they are cut: never more
 * heads than requests, none of either engine spins, a peer that leaves is let go, and the verdict on the first request
 * is the same. Only of bodies in chunks, which libmicrohttpd is never given, may the engines say different things: 411
 * there, and where no route is found 404 or 405 at once.
 *
 * The first byte: how many cuts (0 to 7), and whether the end of the stream comes with the last bytes (8). Then two
 * bytes for each cut, and what is sent.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engine.h"

enum { CUTS_MAX = 7, BODY_MAX = 1000, TURNS = 12, LAST_TURNS = 60, OUT_MAX = 1 << 20 };

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void hello(void *context, struct http_request *r)
{
	(void)context;
	http_respond_text(r, 200, "text/plain", http_request_query(r, "q") ? "asked\n" : "hello\n");
}

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	(void)context, (void)r, (void)piece;
	return HTTP_TAKEN;
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/hello", .complete = hello },
	{ HTTP_POST, "/take", .body = take_body, .complete = hello },
	{ .path = NULL },
};

struct run {
	struct loop *loop;
	struct http_server *server;
	int fd; /* of the peer */
	struct buffer out;
};

static void run_init(struct run *run, bool direct)
{
	static const int buffer = 1 << 20;
	struct http_server_options o = { .name = "fuzz",
		.body_max = BODY_MAX,
		.connections_max = 2,
		.idle = DURATION_S(5),
		.priority = LOOP_PROBES,
		.engine = direct ? HTTP_DIRECT : HTTP_BY_MICROHTTPD };
	int pair[2];

	check(loop_new(&clock_system, &run->loop) == 0, "no loop");
	check(http_server_new(run->loop, &o, routes, &run->server) == 0, "no server");
	check(run->server->engine->start(run->server) == 0, "no engine");
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "no sockets");
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	run->fd = pair[0];
	buffer_init(&run->out, OUT_MAX);
	run->server->engine->take(run->server, pair[1], NULL);
}

static void run_done(struct run *run)
{
	http_server_free(run->server);
	close(run->fd);
	buffer_done(&run->out);
	loop_free(run->loop);
}

static void turn(struct run *run, int times)
{
	char piece[4096];
	ssize_t n;

	while (times-- > 0) {
		loop_turn(run->loop, DURATION_MS(0));
		while ((n = recv(run->fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
			check(buffer_append(&run->out, piece, (size_t)n) == 0, "endless answers");
	}
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
	(void)!send(run->fd, piece.data, piece.size, MSG_DONTWAIT | MSG_NOSIGNAL);
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
	before = slices(run);
	turn(run, TURNS);
	check(slices(run) - before <= TURNS + 2, "it spins");
	shutdown(run->fd, SHUT_WR);
	turn(run, LAST_TURNS);
	check(http_server_totals(run->server).connections == 0, "whoever left was not let go");
	check(http_server_totals(run->server).open == 0, "a request was left open");
}

/* The status of the first answer, 0 for none. Interim ones are skipped. */
static unsigned first_status(struct bytes out, unsigned *ret_heads)
{
	static const char start[] = "HTTP/1.1 ";
	unsigned first = 0;
	const char *p;

	*ret_heads = 0;
	while (out.size > 0 && (p = memmem(out.data, out.size, start, sizeof start - 1))) {
		unsigned status = (unsigned)strtoul(p + sizeof start - 1, NULL, 10);
		out = (struct bytes){ p + 1, out.size - (size_t)(p + 1 - out.data) };
		*ret_heads += status >= 200;
		first = first ? first : status >= 200 ? status : 0;
	}
	return first;
}

static bool agree(unsigned microhttpd, unsigned direct)
{
	bool for_its_chunks = direct == 0 || direct == 400 || direct == 413;

	if (microhttpd == direct)
		return true;
	if (microhttpd == 411)
		return for_its_chunks || direct == 200;
	return (microhttpd == 404 || microhttpd == 405) && for_its_chunks;
}

static unsigned verdict(bool direct, const uint8_t *cuts, unsigned count, struct bytes all, bool end)
{
	struct run run;
	struct http_server_totals t;
	unsigned heads, status;

	run_init(&run, direct);
	feed(&run, cuts, count, all, end);
	t = http_server_totals(run.server);
	check(buffer_append(&run.out, "", 1) == 0, "endless answers");
	status = first_status(buffer_bytes(&run.out), &heads);
	check(heads <= t.requests + t.bad_requests + t.refused_size, "more heads than requests");
	check(direct || heads <= 1, "more than one answer of libmicrohttpd");
	run_done(&run);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned count = size > 0 ? data[0] & 7 : 0, microhttpd, direct;
	struct bytes all;
	bool end;

	if (size < 1 + 2 * (size_t)count)
		return 0;
	end = data[0] & 8;
	all = (struct bytes){ (const char *)data + 1 + 2 * count, size - 1 - 2 * count };
	microhttpd = verdict(false, data + 1, count, all, end);
	direct = verdict(true, data + 1, count, all, end);
	if (agree(microhttpd, direct))
		return 0;
	fprintf(stderr, "microhttpd says %u, direct %u\n", microhttpd, direct);
	abort();
}
