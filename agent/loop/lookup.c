#include "loop/lookup.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/random.h"

enum {
	PACKET_MAX = 2048, /* of a longer one, what is behind is not read */
	KERNEL_KEEPS = 16 << 10, /* bytes that came and were not read */
	REST_MS = 1000, /* the other half of an answer has this much time */
};

static void on_packets(void *context, int fd, unsigned what);
static void on_timeout(void *context);

void lookup_init(struct lookup *l, struct loop *loop, const struct resolv_conf *conf,
	void (*done)(void *, enum lookup_end), void *context)
{
	*l = (struct lookup){ .loop = loop, .conf = conf, .done = done, .context = context, .fd = -1 };
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

static int open_socket(const struct sockaddr_storage *server)
{
	bool v4 = server->ss_family == AF_INET;
	int fd = socket(server->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ KERNEL_KEEPS }, sizeof(int));
	if (connect(fd, (const struct sockaddr *)server,
		    v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool send_questions(const struct lookup *l)
{
	bool sent = false;

	for (int i = 0; i < LOOKUP_PARTS; i++)
		if (!l->parts[i].answered)
			sent |= send(l->fd, l->parts[i].question, l->parts[i].size, 0) > 0;
	return sent;
}

/* Parts that this server could not answer are asked of the next one. */
static void begin_try(struct lookup *l)
{
	const struct resolv_conf *conf = l->conf;
	struct duration patience = conf->timeout;

	l->fd = open_socket(&conf->servers[l->tries++ % conf->servers_count]);
	l->strange = 0;
	if (l->fd >= 0) {
		loop_watch_init(&l->watch, l->loop, l->fd, on_packets, l);
		loop_watch_set(&l->watch, WATCH_READ);
	}
	if (l->fd < 0 || !send_questions(l))
		patience = DURATION_MS(0);
	loop_timer_set(&l->timer, patience);
}

static size_t addresses(const struct lookup *l)
{
	return l->parts[LOOKUP_V4].answer.count + l->parts[LOOKUP_V6].answer.count;
}

static void end(struct lookup *l, enum lookup_end how)
{
	end_try(l);
	l->done(l->context, how);
}

/* This server has said all that it will. */
static void next_try(struct lookup *l)
{
	end_try(l);
	if (addresses(l) > 0)
		end(l, LOOKUP_FOUND);
	else if (l->tries < l->conf->servers_count * l->conf->attempts)
		begin_try(l);
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
	l->tries = 0;
	l->failed = false;
	loop_timer_set(&l->timer, DURATION_MS(0));
	return 0;
}

/* False: the packet answers nothing that was asked. A part that failed stays open for the next server. */
static bool take_packet(struct lookup *l, struct bytes packet)
{
	for (int i = 0; i < LOOKUP_PARTS; i++) {
		struct lookup_part *part = &l->parts[i];
		struct bytes question = { part->question, part->size };
		if (!part->answered && dns_answer_read(question, packet, &part->answer)) {
			part->answered = true;
			return true;
		}
	}
	return false;
}

/* Both parts are answered. A part that failed is asked again, of the next server, unless the other is enough. */
static void conclude(struct lookup *l)
{
	bool failed = false;

	for (int i = 0; i < LOOKUP_PARTS; i++) {
		bool this_one = l->parts[i].answer.code == DNS_FAILED;
		failed = failed || this_one;
		l->parts[i].answered = !this_one;
	}
	l->failed = l->failed || failed;
	if (failed)
		next_try(l);
	else
		end(l, addresses(l) > 0 ? LOOKUP_FOUND : LOOKUP_NONE);
}

static void after_packets(struct lookup *l)
{
	if (l->parts[LOOKUP_V4].answered && l->parts[LOOKUP_V6].answered)
		conclude(l);
	else if (l->strange >= LOOKUP_STRANGE_MAX)
		next_try(l);
	else if (addresses(l) > 0)
		loop_timer_set(&l->timer, DURATION_MS(REST_MS));
}

static void on_packets(void *context, int fd, unsigned what)
{
	struct lookup *l = context;
	char packet[PACKET_MAX];

	(void)what;
	for (int i = 0; i < LOOKUP_READS; i++) {
		ssize_t size = recv(fd, packet, sizeof packet, 0);
		if (size < 0 && errno == EAGAIN)
			break;
		if (size < 0) { /* nobody listens there */
			next_try(l);
			return;
		}
		if (!take_packet(l, (struct bytes){ packet, (size_t)size }))
			l->strange++;
	}
	after_packets(l);
}
