/*
 * The `socket` collector: log lines on Unix sockets, TCP and UDP, as lines or as syslog messages.
 *
 * Connections are bounded, and so is what all of them may hold of lines without an end: a peer that sends slowly, or
 * never ends a line, has a small part for itself and no more. They take turns, a slice each. A message with the head of
 * a syslog becomes an object with what the head says (proto/syslog.h). When memory is full nobody waits for longer than
 * `patience`; then what comes is lost, and counted.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "collectors/datagrams.h"
#include "collectors/stream.h"
#include "config/option.h"
#include "http/listen.h"
#include "proto/syslog.h"

enum {
	DOORS_MAX = 8,
	ACCEPTS = 16, /* in one callback */
	AGAIN_MS = 100, /* then descriptors may be had again */
	UNFINISHED_MAX = 4 << 20, /* of lines without an end, beyond STREAM_FREE of each */
	FLUSH_MS = 10000, /* then such a line goes out as it is */
	OFFSET_S = 60, /* local time is asked for its offset so often */
};

enum { KIND_STREAM, KIND_DATAGRAM };
enum { SYSLOG_AUTO, SYSLOG_OFF };
static const char *const kinds[] = { "stream", "datagram", NULL };
static const char *const framings[] = { "auto", "lines", "octets", NULL }; /* enum stream_framing */
static const char *const syslogs[] = { "auto", "off", NULL };

struct socket_config {
	const struct option_list *listen;
	unsigned kind, framing, syslog, format;
	const char *mode;
	uint64_t line_max, connections, buffer;
	struct duration patience;
};

static const struct option socket_options[] = {
	{ OPT_ADDRESSES(struct socket_config, listen), .name = "listen", .main = true, .required = true,
		.example = "unix:/run/app/log.sock", .help = "Addresses: unix:/path, host:port or :port." },
	{ OPT_CHOICE(struct socket_config, kind, kinds), .name = "kind", .text = "stream",
		.help = "stream: connections (Unix, TCP); datagram: one or more whole lines each (Unix, UDP)." },
	{ OPT_CHOICE(struct socket_config, framing, framings), .name = "framing", .text = "auto",
		.help = "How a message of a stream ends: with its line, or octets counted before it (RFC 6587); auto: "
			"as "
			"the first of a connection does." },
	{ OPT_CHOICE(struct socket_config, syslog, syslogs), .name = "syslog", .text = "auto",
		.help = "auto: what begins with a priority is a syslog message (RFC 5424, RFC 3164)." },
	{ OPT_CHOICE(struct socket_config, format, lines_formats), .name = "format", .text = "auto",
		.help = LINES_FORMAT_HELP },
	{ OPT_SIZE(struct socket_config, line_max), .name = "line_max", .text = "256KiB", .min = 1024, .max = 1 << 20,
		.help = LINES_MAX_HELP },
	{ OPT_COUNT(struct socket_config, connections), .name = "connections", .text = "64", .min = 1, .max = 1024,
		.help = "Connections at a time; further ones wait." },
	{ OPT_SIZE(struct socket_config, buffer), .name = "buffer", .zero = "auto", .text = "auto", .min = 4096,
		.max = 1 << 30,
		.help = "What the kernel is asked to keep of unread bytes, of each socket; at most "
			"net.core.rmem_max." },
	{ OPT_DURATION(struct socket_config, patience), .name = "patience", .text = "1s", .max = 3600000,
		.help = "How long the app may wait when memory is full; then lines are lost and counted." },
	{ OPT_TEXT(struct socket_config, mode), .name = "mode", .text = "0660",
		.help = "Permissions of a Unix socket's file, in octal." },
	{ .name = NULL },
};

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct collector *collector;
	struct stream stream;
};

/* One address. */
struct door {
	struct collector *collector;
	struct listening listening;
	struct loop_watch watch; /* of streams */
	struct datagrams datagrams;
};

struct collector {
	const struct socket_config *config;
	struct host *host;
	struct loop *loop;
	struct lines lines;
	struct patience patience;
	struct stream_kind kind;
	struct door doors[DOORS_MAX];
	size_t door_count;
	TAILQ_HEAD(, connection) connections;
	size_t count;
	struct loop_timer again;
	struct syslog_now now;
	struct mono_time drained, last; /* last: when a connection came or went */
	bool stopped, broken_told;
	uint64_t *open, *accepted, *broken, *syslog;
};

/* Messages. */

static void set_now(struct collector *c)
{
	time_t now = (time_t)(loop_wall(c->loop).ns / 1000000000);
	struct tm local;

	if (now / OFFSET_S != c->now.seconds / OFFSET_S)
		c->now.offset = localtime_r(&now, &local) ? (int32_t)local.tm_gmtoff : 0;
	c->now.seconds = now;
}

static bool shape(struct lines *l, struct bytes line)
{
	struct collector *c = l->shaper;
	struct syslog s;

	if (*line.data != '<')
		return false;
	set_now(c);
	if (!syslog_read(line, &c->now, &s))
		return false;
	buffer_clear(&l->message);
	if (syslog_write(&s, l->scan, &l->message) < 0)
		return false;
	++*c->syslog;
	return true;
}

/* Connections. */

static void watch_doors(struct collector *c)
{
	bool room = c->count < c->config->connections && !loop_timer_pending(&c->again) && !c->stopped;

	for (size_t i = 0; i < c->door_count && c->config->kind == KIND_STREAM; i++)
		loop_watch_set(&c->doors[i].watch, room ? WATCH_READ : 0);
}

static void connection_free(struct connection *peer)
{
	struct collector *c = peer->collector;
	int fd = peer->stream.fd;

	TAILQ_REMOVE(&c->connections, peer, entry);
	*c->open = --c->count;
	c->last = loop_now(c->loop);
	stream_done(&peer->stream);
	close(fd);
	free(peer);
}

static void on_ended(struct stream *s, int error)
{
	struct connection *peer = CONTAINER_OF(s, struct connection, stream);
	struct collector *c = peer->collector;

	if (error == EPROTO) {
		++*c->broken;
		if (!c->broken_told)
			host_log(c->host, LOG_LEVEL_WARN,
				"a peer's message was cut short, longer than line_max or framed otherwise: its "
				"connection ends here; further ones are counted");
		c->broken_told = true;
	}
	connection_free(peer);
	watch_doors(c);
}

static void set_buffer(struct collector *c, int fd)
{
	int size = (int)c->config->buffer;

	if (size > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static void connection_new(struct collector *c, int fd)
{
	struct connection *peer = oxp_new(sizeof *peer);
	int one = 1;

	peer->collector = c;
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one); /* whoever is gone leaves his place */
	set_buffer(c, fd);
	TAILQ_INSERT_TAIL(&c->connections, peer, entry);
	*c->open = ++c->count;
	++*c->accepted;
	c->last = loop_now(c->loop);
	stream_init(&peer->stream, &c->kind, fd);
}

static void on_peer(void *context, int fd, unsigned what)
{
	struct collector *c = context;
	int peer = 0;

	(void)what;
	for (int i = 0; i < ACCEPTS && peer >= 0 && c->count < c->config->connections; i++) {
		peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer >= 0)
			connection_new(c, peer);
	}
	if (peer < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		loop_timer_set(&c->again, DURATION_MS(AGAIN_MS));
	watch_doors(c);
}

static void on_again(void *context)
{
	watch_doors(context);
}

/* Who waits offers again, in turns, until there is no room once more. */
static void go_on(void *context)
{
	struct collector *c = context;
	struct connection *peer, *next;

	for (size_t i = 0; i < c->door_count && c->config->kind == KIND_DATAGRAM; i++)
		datagrams_go_on(&c->doors[i].datagrams);
	for (peer = TAILQ_FIRST(&c->connections); peer; peer = next) {
		next = TAILQ_NEXT(peer, entry);
		stream_go_on(&peer->stream);
	}
}

/* Life. */

static const char *reason(int failed)
{
	return failed == -EADDRINUSE ? "somebody listens there" : strerror(-failed);
}

static int open_door(struct collector *c, const char *address, unsigned mode)
{
	struct door *d = &c->doors[c->door_count];
	bool stream = c->config->kind == KIND_STREAM;
	int failed = stream ? listening_open(&d->listening, address, mode)
			    : listening_open_datagrams(&d->listening, address, mode);

	if (failed) {
		host_log(c->host, LOG_LEVEL_ERROR, "cannot listen on %s: %s", address, reason(failed));
		return failed;
	}
	c->door_count++;
	d->collector = c;
	if (stream) {
		loop_watch_init(&d->watch, c->loop, d->listening.fd, on_peer, c);
		return 0;
	}
	set_buffer(c, d->listening.fd);
	datagrams_init(&d->datagrams, c->host, &c->lines, &c->patience, d->listening.fd);
	return 0;
}

static int socket_start(struct collector *c)
{
	const struct option_list *at = c->config->listen;
	unsigned mode;
	int failed = 0;

	if (!mode_parse(c->config->mode, &mode) || at->count > DOORS_MAX) {
		host_log(c->host, LOG_LEVEL_ERROR,
			"mode has to be an octal number up to 0777, and %d addresses are "
			"the most",
			DOORS_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < at->count && !failed; i++)
		failed = open_door(c, at->items[i], mode);
	watch_doors(c);
	return failed;
}

static int socket_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);

	c->config = config;
	c->host = host;
	c->loop = host_loop(host);
	TAILQ_INIT(&c->connections);
	lines_init(&c->lines, host, (enum lines_format)c->config->format, c->config->line_max);
	c->lines.shape = c->config->syslog == SYSLOG_AUTO ? shape : NULL;
	c->lines.shaper = c;
	patience_init(&c->patience, host, c->config->patience, go_on, c);
	loop_timer_init(&c->again, c->loop, on_again, c);
	c->kind = (struct stream_kind){ .host = host,
		.lines = &c->lines,
		.patience = &c->patience,
		.flush = DURATION_MS(FLUSH_MS),
		.framing = (enum stream_framing)c->config->framing,
		.held_max = UNFINISHED_MAX,
		.ended = on_ended };
	c->open = host_gauge(host, "connections", "Connections that are open.");
	c->accepted = host_counter(host, "connections_total", "Connections that came.");
	c->broken = host_counter(host, "broken_frames_total", "Connections ended for a message that is not whole.");
	c->syslog = host_counter(host, "syslog_messages_total", "Messages with the head of a syslog.");
	*ret = c;
	return 0;
}

static void socket_resume(struct collector *c)
{
	patience_resume(&c->patience);
}

static void socket_drain(struct collector *c)
{
	c->drained = loop_now(c->loop);
}

static struct mono_time later(struct mono_time a, struct mono_time b)
{
	return a.ns > b.ns ? a : b;
}

/* Nothing waits, and nobody has said anything for a while. */
static bool socket_quiet(struct collector *c)
{
	struct mono_time last = later(c->drained, c->last);
	const struct connection *peer;
	bool empty = true;

	TAILQ_FOREACH(peer, &c->connections, entry)
	{
		empty = empty && stream_is_empty(&peer->stream);
		last = later(last, peer->stream.last);
	}
	for (size_t i = 0; i < c->door_count && c->config->kind == KIND_DATAGRAM; i++) {
		empty = empty && datagrams_are_empty(&c->doors[i].datagrams);
		last = later(last, c->doors[i].datagrams.last);
	}
	return empty && duration_ms(mono_since(loop_now(c->loop), last)) >= STREAM_LAST_WORDS_MS;
}

static void socket_stop(struct collector *c)
{
	struct connection *peer;

	if (c->stopped)
		return;
	c->stopped = true;
	patience_end(&c->patience);
	watch_doors(c);
	TAILQ_FOREACH(peer, &c->connections, entry)
	stream_finish(&peer->stream);
	for (size_t i = 0; i < c->door_count && c->config->kind == KIND_DATAGRAM; i++)
		datagrams_finish(&c->doors[i].datagrams);
}

static void socket_destroy(struct collector *c)
{
	struct connection *peer;

	if (!c)
		return;
	while ((peer = TAILQ_FIRST(&c->connections)))
		connection_free(peer);
	for (size_t i = 0; i < c->door_count; i++) {
		loop_watch_done(&c->doors[i].watch);
		datagrams_done(&c->doors[i].datagrams);
		listening_close(&c->doors[i].listening);
	}
	loop_timer_done(&c->again);
	patience_done(&c->patience);
	lines_done(&c->lines);
	free(c);
}

const struct collector_type collector_socket = {
	.name = "socket",
	.summary = "Takes log lines and syslog messages on Unix sockets, TCP and UDP.",
	.signals = SIGNAL_LOGS,
	.when_full = FULL_DROP,
	.rewind = REWIND_NONE,
	.options = socket_options,
	.config_size = sizeof(struct socket_config),
	.create = socket_create,
	.start = socket_start,
	.resume = socket_resume,
	.drain = socket_drain,
	.quiet = socket_quiet,
	.stop = socket_stop,
	.destroy = socket_destroy,
};
