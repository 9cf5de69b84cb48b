#include "loop/lookup.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/random.h"

enum {
	KERNEL_KEEPS = 16 << 10, /* bytes that came and were not read */
	REST_MS = 1000, /* the other half of an answer has this much time */
};

static void on_packets(void *context, int fd, unsigned what);
static void on_stream(void *context, int fd, unsigned what);
static void on_timeout(void *context);

void lookup_init(struct lookup *l, struct loop *loop, struct lookup_servers *servers,
	void (*done)(void *, enum lookup_end), void *context)
{
	*l = (struct lookup){ .loop = loop, .servers = servers, .done = done, .context = context, .fd = -1 };
	loop_timer_init(&l->timer, loop, on_timeout, l);
}

static void end_try(struct lookup *l)
{
	loop_timer_clear(&l->timer);
	loop_watch_done(&l->watch);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void lookup_done(struct lookup *l)
{
	end_try(l);
	loop_timer_done(&l->timer);
}

/* Servers. */

static size_t first_server(struct lookup *l)
{
	struct lookup_servers *servers = l->servers;

	if (servers->conf->rotate)
		servers->first++;
	else if (servers->until.ns <= loop_now(l->loop).ns)
		servers->first = 0;
	return servers->first;
}

/* The server of this try did not answer. */
static void pass_over(struct lookup *l)
{
	struct lookup_servers *servers = l->servers;
	size_t count = servers->conf->servers_count;

	if (servers->first % count != (l->first + l->tries - 1) % count)
		return;
	servers->first++;
	servers->until = mono_after(loop_now(l->loop), DURATION_S(LOOKUP_PASSED_OVER_SECONDS));
}

static int open_socket(const struct sockaddr_storage *server, int type)
{
	bool v4 = server->ss_family == AF_INET;
	int fd = socket(server->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ KERNEL_KEEPS }, sizeof(int));
	if (connect(fd, (const struct sockaddr *)server,
		    v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) == 0 ||
		errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

/* False: one of them did not go. The kernel tells a sender of the second one that nobody listens, and the reader of
 * the socket nothing any more. */
static bool send_questions(const struct lookup *l)
{
	for (int i = 0; i < LOOKUP_PARTS; i++)
		if (!l->parts[i].answered && send(l->fd, l->parts[i].question, l->parts[i].size, 0) < 0)
			return false;
	return true;
}

/* In one piece, which a new connection has room for. */
static bool send_over_tcp(const struct lookup *l)
{
	char questions[LOOKUP_PARTS * (2 + DNS_QUESTION_MAX)];
	size_t size = 0;

	for (int i = 0; i < LOOKUP_PARTS; i++) {
		const struct lookup_part *part = &l->parts[i];
		if (part->answered)
			continue;
		questions[size++] = (char)(part->size >> 8);
		questions[size++] = (char)part->size;
		memcpy(questions + size, part->question, part->size);
		size += part->size;
	}
	return send(l->fd, questions, size, 0) == (ssize_t)size;
}

/* Tries. */

static void begin_try(struct lookup *l, bool over_tcp)
{
	const struct resolv_conf *conf = l->servers->conf;
	const struct sockaddr_storage *server;
	struct duration patience = conf->timeout;

	l->tries += !over_tcp;
	server = &conf->servers[(l->first + l->tries - 1) % conf->servers_count];
	l->over_tcp = over_tcp;
	l->heard = false;
	l->strange = l->stream.used = l->stream.skip = 0;
	l->fd = open_socket(server, over_tcp ? SOCK_STREAM : SOCK_DGRAM);
	if (l->fd >= 0) {
		loop_watch_init(&l->watch, l->loop, l->fd, over_tcp ? on_stream : on_packets, l);
		loop_watch_set(&l->watch, over_tcp ? WATCH_WRITE : WATCH_READ);
	}
	if (l->fd < 0 || (!over_tcp && !send_questions(l)))
		patience = DURATION_MS(0);
	loop_timer_set(&l->timer, patience);
}

static size_t addresses(const struct lookup *l)
{
	return l->parts[LOOKUP_V4].answer.count + l->parts[LOOKUP_V6].answer.count;
}

static bool all_answered(const struct lookup *l)
{
	return l->parts[LOOKUP_V4].answered && l->parts[LOOKUP_V6].answered;
}

/* What this server could not answer is asked again. Returns whether that is since it did not fit into a packet. */
static bool reopen(struct lookup *l)
{
	bool cut = false;

	for (int i = 0; i < LOOKUP_PARTS; i++) {
		struct lookup_part *part = &l->parts[i];
		bool failed = part->answered && part->answer.code != DNS_FINE && part->answer.code != DNS_NO_NAME;
		cut = cut || (failed && part->answer.code == DNS_CUT);
		l->failed = l->failed || failed;
		part->answered = part->answered && !failed;
	}
	return cut;
}

static void end(struct lookup *l, enum lookup_end how)
{
	end_try(l);
	l->done(l->context, how);
}

/* This server has said all that it will. */
static void next_try(struct lookup *l)
{
	const struct resolv_conf *conf = l->servers->conf;
	bool cut = reopen(l);

	end_try(l);
	if (l->tries > 0 && !l->heard)
		pass_over(l);
	if (addresses(l) > 0)
		end(l, LOOKUP_FOUND);
	else if (all_answered(l))
		end(l, LOOKUP_NONE);
	else if (cut && !l->over_tcp)
		begin_try(l, true);
	else if (l->tries < conf->servers_count * conf->attempts)
		begin_try(l, false);
	else
		end(l, l->failed ? LOOKUP_FAILED : LOOKUP_SILENT);
}

static void on_timeout(void *context)
{
	next_try(context);
}

int lookup_begin(struct lookup *l, const char *name)
{
	static const enum dns_type types[LOOKUP_PARTS] = { DNS_A, DNS_AAAA };
	struct random random = { { 0 } };
	int failed = random_seed_kernel(&random);

	if (failed)
		return failed;
	for (int i = 0; i < LOOKUP_PARTS; i++) {
		struct lookup_part *part = &l->parts[i];
		*part = (struct lookup_part){ .size = 0 };
		part->size = dns_question_write((uint16_t)random_next(&random), name, types[i], part->question);
		if (part->size == 0)
			return -EINVAL;
	}
	l->first = first_server(l);
	l->tries = 0;
	l->failed = false;
	loop_timer_set(&l->timer, DURATION_MS(0));
	return 0;
}

/* Answers. */

static void take_packet(struct lookup *l, struct bytes packet)
{
	for (int i = 0; i < LOOKUP_PARTS; i++) {
		struct lookup_part *part = &l->parts[i];
		struct bytes question = { part->question, part->size };
		if (part->answered || !dns_answer_read(question, packet, &part->answer))
			continue;
		part->answered = l->heard = true;
		if (addresses(l) > 0)
			loop_timer_set(&l->timer, DURATION_MS(REST_MS));
		return;
	}
	l->strange++;
}

static void after_packets(struct lookup *l)
{
	if (all_answered(l) || l->strange >= LOOKUP_STRANGE_MAX)
		next_try(l);
}

static void on_packets(void *context, int fd, unsigned what)
{
	struct lookup *l = context;
	char packet[LOOKUP_PACKET_MAX];

	(void)what;
	for (int i = 0; i < LOOKUP_READS; i++) {
		ssize_t size = recv(fd, packet, sizeof packet, 0);
		if (size < 0 && errno == EAGAIN)
			break;
		if (size < 0) { /* nobody listens there */
			next_try(l);
			return;
		}
		take_packet(l, (struct bytes){ packet, (size_t)size });
	}
	after_packets(l);
}

/* Reads once. Returns what recv() did. */
static ssize_t read_stream(struct lookup_stream *s, int fd, size_t *ret_whole)
{
	char skipped[LOOKUP_PACKET_MAX];
	size_t size = s->used < 2 ? 0 : (size_t)(s->bytes[0] << 8 | s->bytes[1]);
	size_t looked_at = size < LOOKUP_PACKET_MAX ? size : LOOKUP_PACKET_MAX;
	ssize_t got;

	*ret_whole = 0;
	if (s->skip > 0) {
		got = recv(fd, skipped, s->skip < sizeof skipped ? s->skip : sizeof skipped, 0);
		s->skip -= got > 0 ? (size_t)got : 0;
		return got;
	}
	got = recv(fd, s->bytes + s->used, (s->used < 2 ? 2 : 2 + looked_at) - s->used, 0);
	s->used += got > 0 ? (size_t)got : 0;
	if (s->used > 2 && s->used == 2 + looked_at) {
		*ret_whole = looked_at;
		s->skip = size - looked_at;
		s->used = 0;
	}
	return got;
}

static void on_stream(void *context, int fd, unsigned what)
{
	struct lookup *l = context;
	size_t whole;

	if (what & WATCH_WRITE) {
		loop_watch_set(&l->watch, WATCH_READ);
		if (!send_over_tcp(l))
			next_try(l);
		return;
	}
	for (int i = 0; i < LOOKUP_READS; i++) {
		ssize_t size = read_stream(&l->stream, fd, &whole);
		if (size < 0 && errno == EAGAIN)
			break;
		if (size <= 0) { /* an empty message too, which no answer is */
			next_try(l);
			return;
		}
		if (whole > 0)
			take_packet(l, (struct bytes){ (const char *)l->stream.bytes + 2, whole });
	}
	after_packets(l);
}
