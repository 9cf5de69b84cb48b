/*
 * The `socket` collector: log lines on Unix sockets, TCP and UDP, as lines or as syslog messages.
 *
 * The number of connections is bounded, and so are the bytes of unfinished lines that all of them may hold: a peer that
 * sends slowly, or never ends a line, has a small part of its own and no more. Connections are read in turn, a slice
 * each. A peer that has sent something stays connected however long it is idle, since it may continue at any time. A
 * peer that has never sent anything is disconnected if others wait and it has been there for SILENT_S. A message with a
 * syslog head becomes an object with the fields of that head (proto/syslog.h). When memory is full no peer waits longer
 * than `patience`; after that, what comes is lost and counted. A Unix socket whose file was removed is created again.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "access/unix_guard.h"
#include "base/path.h"
#include "base/text.h"
#include "collectors/datagrams.h"
#include "collectors/listen_log.h"
#include "collectors/stream.h"
#include "config/option.h"
#include "http/listen.h"
#include "proto/syslog.h"

enum {
	LISTENERS_MAX = 8,
	ACCEPTS = 16, /* in one callback */
	WAITING_MAX = 1024, /* that are heard when the process ends */
	AGAIN_MS = 100, /* then descriptors may be had again */
	LOOK_MS = 2000, /* how often it checks for removed socket files and silent peers */
	SILENT_S = 5, /* a silent peer may be disconnected for others after this long */
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
	struct unix_guard_config guard;
	uint64_t line_max, connections, buffer;
	struct duration patience, flush;
	struct lines_multiline multiline;
};

static const struct option socket_options[] = {
	{ OPT_ADDRESSES(struct socket_config, listen), .name = "listen", .main = true, .required = true,
		.example = "unix:/run/app/log.sock",
		.help = "Addresses to listen on: unix:/path, host:port or :port." },
	{ OPT_CHOICE(struct socket_config, kind, kinds), .name = "kind", .text = "stream",
		.help = "stream: connections (Unix, TCP); datagram: whole lines, one or more in each (Unix, UDP)." },
	{ OPT_CHOICE(struct socket_config, framing, framings), .name = "framing", .text = "auto",
		.help = "How a message in a stream ends. lines: with a newline, or for syslog a zero; octets: by "
			"the count before it (RFC 6587); auto: the first message of a connection decides." },
	{ OPT_CHOICE(struct socket_config, syslog, syslogs), .name = "syslog", .text = "auto",
		.help = "auto: a message that begins with a priority is syslog (RFC 5424, RFC 3164)." },
	{ OPT_CHOICE(struct socket_config, format, lines_formats), .name = "format", .text = "auto",
		.help = LINES_FORMAT_HELP },
	{ OPT_SIZE(struct socket_config, line_max), .name = "line_max", .text = "256KiB", .min = 1024, .max = 1 << 20,
		.help = LINES_MAX_HELP },
	{ OPT_COUNT(struct socket_config, connections), .name = "connections", .text = "64", .min = 1, .max = 1024,
		.help = "Most connections at a time. A further one replaces one that has never sent anything; "
			"if there is none, it waits, which is logged and counted." },
	{ OPT_SIZE(struct socket_config, buffer), .name = "buffer", .zero = "auto", .text = "auto", .min = 4096,
		.max = 1 << 30,
		.help = "Unread bytes that the kernel is asked to hold for each socket; at most net.core.rmem_max." },
	{ OPT_DURATION(struct socket_config, patience), .name = "patience", .text = "1s", .max = 3600000,
		.help = "How long the app may have to wait if memory is full; after that, lines are lost and "
			"counted." },
	UNIX_GUARD_ROWS(struct socket_config, guard, "0660"),
	{ OPT_DURATION(struct socket_config, flush), .name = "flush", .text = "10s", .min = 10, .max = 3600000,
		.help = LINES_FLUSH_HELP },
	LINES_MULTILINE_OPTIONS(struct socket_config, multiline),
	{ .name = NULL },
};

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct collector *collector;
	struct mono_time came; /* stream.last is later than that when it has said something */
	struct stream stream;
};

/* One address. */
struct listener {
	struct collector *collector;
	const char *address;
	int trouble; /* why it cannot be opened again, which was logged; 0 */
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
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	TAILQ_HEAD(connection_list, connection) connections;
	size_t count;
	struct loop_timer again, look;
	struct unix_peers peers;
	struct unix_guard guard;
	struct syslog_now now;
	struct mono_time drained, last; /* last: when a connection came or went */
	bool stopped, unframed_told, full, full_told, starved_told;
	uint64_t *open, *accepted, *unframed, *fulls, *evicted;
};

/* Messages. */

static void set_now(struct lines *l)
{
	struct collector *c = l->shaper;
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
	if (!syslog_read(line, &c->now, &s))
		return false;
	buffer_clear(&l->message);
	return syslog_write(&s, l->scan, &l->message) == 0;
}

/* Connections. */

/* They are in the order in which they came. What was written and is not read yet would be lost with its connection. */
static struct connection *silent_one(const struct collector *c)
{
	struct connection *peer;
	int unread = 0;

	TAILQ_FOREACH(peer, &c->connections, entry)
		if (peer->stream.last.ns == peer->came.ns &&
			mono_since(loop_now(c->loop), peer->came).ns >= DURATION_S(SILENT_S).ns &&
			ioctl(peer->stream.fd, FIONREAD, &unread) == 0 && unread == 0)
			return peer;
	return NULL;
}

/* A peer that has sent something is never disconnected. */
static void tell_full(struct collector *c)
{
	++*c->fulls;
	if (!c->full_told)
		host_log(c->host, LOG_LEVEL_WARN,
			"%zu connections are open, as many as `connections` allows: further ones wait", c->count);
	c->full_told = true;
}

static void watch_listeners(struct collector *c)
{
	bool full = c->count >= c->config->connections;
	bool room = (!full || silent_one(c)) && !loop_timer_pending(&c->again) && !c->stopped;

	if (full && !c->full)
		tell_full(c);
	c->full = full;
	for (size_t i = 0; i < c->listener_count && c->config->kind == KIND_STREAM; i++)
		loop_watch_set(&c->listeners[i].watch, room ? WATCH_READ : 0);
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

	(void)error; /* a peer that is gone is gone */
	connection_free(peer);
	watch_listeners(c);
}

static void on_unframed(struct stream_kind *kind, unsigned count)
{
	struct collector *c = CONTAINER_OF(kind, struct collector, kind);

	*c->unframed += count;
	if (!c->unframed_told)
		host_log(c->host, LOG_LEVEL_WARN,
			"a peer that counts octets before its messages has sent something else, which is taken as a "
			"line; further ones are counted");
	c->unframed_told = true;
}

static void set_buffer(struct collector *c, int fd)
{
	int size = (int)c->config->buffer;

	if (size > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static void wait_for_descriptors(struct collector *c, int why)
{
	if (!c->starved_told)
		host_log(c->host, LOG_LEVEL_WARN, "no more connections can be accepted for now, they wait: %s",
			strerror(why));
	c->starved_told = true;
	loop_timer_set(&c->again, DURATION_MS(AGAIN_MS));
}

static void connection_new(struct collector *c, int fd)
{
	struct connection *peer = oxp_new(sizeof *peer);
	int one = 1;

	peer->collector = c;
	peer->came = loop_now(c->loop);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one); /* connections of vanished peers end */
	set_buffer(c, fd);
	TAILQ_INSERT_TAIL(&c->connections, peer, entry);
	*c->open = ++c->count;
	++*c->accepted;
	c->last = loop_now(c->loop);
	stream_init(&peer->stream, &c->kind, fd);
}

static int accept_one(struct collector *c, int fd)
{
	struct connection *silent = c->count < c->config->connections ? NULL : silent_one(c);
	int peer = unix_peers_accept(&c->peers, fd);

	if (peer >= 0 && silent) {
		++*c->evicted;
		connection_free(silent);
	}
	if (peer >= 0)
		connection_new(c, peer);
	return peer;
}

static void on_peer(void *context, int fd, unsigned what)
{
	struct collector *c = context;
	int peer = 0;

	(void)what;
	for (int i = 0; i < ACCEPTS && peer >= 0 && (c->count < c->config->connections || silent_one(c)); i++)
		peer = accept_one(c, fd);
	if (peer < 0 && listening_starved(errno))
		wait_for_descriptors(c, errno);
	watch_listeners(c);
}

static void on_again(void *context)
{
	watch_listeners(context);
}

/* Streams that wait offer again, in turn, until there is no room any more. */
static void go_on(void *context)
{
	struct collector *c = context;
	struct connection *peer, *next;

	for (size_t i = 0; i < c->listener_count && c->config->kind == KIND_DATAGRAM; i++)
		datagrams_go_on(&c->listeners[i].datagrams);
	for (peer = TAILQ_FIRST(&c->connections); peer; peer = next) {
		next = TAILQ_NEXT(peer, entry);
		stream_go_on(&peer->stream);
	}
}

/* Life. */

static int type_of(const struct collector *c)
{
	return c->config->kind == KIND_STREAM ? SOCK_STREAM : SOCK_DGRAM;
}

static int open_listening(const struct collector *c, const char *address, struct listening *ret)
{
	return c->config->kind == KIND_STREAM ? listening_open(ret, address, &c->peers)
					      : listening_open_datagrams(ret, address, &c->peers);
}

static void start_listener(struct listener *listener)
{
	struct collector *c = listener->collector;

	if (c->config->kind == KIND_STREAM) {
		loop_watch_init(&listener->watch, c->loop, listener->listening.fd, on_peer, c);
		return;
	}
	set_buffer(c, listener->listening.fd);
	datagrams_init(&listener->datagrams, c->host, &c->lines, &c->patience, listener->listening.fd);
}

static void stop_listener(struct listener *listener)
{
	loop_watch_done(&listener->watch);
	datagrams_done(&listener->datagrams);
	listening_close(&listener->listening);
}

static int open_listener(struct collector *c, const char *address)
{
	struct listener *listener = &c->listeners[c->listener_count];
	int failed = open_listening(c, address, &listener->listening);

	if (failed) {
		listen_log_failed(c->host, "listen", address, type_of(c), failed);
		return failed;
	}
	c->listener_count++;
	listener->collector = c;
	listener->address = address;
	start_listener(listener);
	return 0;
}

/* Peers that came through the old file are accepted first. */
static void open_anew(struct listener *listener)
{
	struct collector *c = listener->collector;
	struct listening fresh;
	int failed = open_listening(c, listener->address, &fresh);

	listen_log_anew(c->host, listener->address, type_of(c), failed, listener->trouble);
	listener->trouble = failed;
	if (failed)
		return;
	for (size_t before = SIZE_MAX; c->config->kind == KIND_STREAM && before != c->count;) {
		before = c->count;
		on_peer(c, listener->listening.fd, WATCH_READ);
	}
	if (c->config->kind == KIND_DATAGRAM)
		datagrams_finish(&listener->datagrams);
	stop_listener(listener);
	listener->listening = fresh;
	start_listener(listener);
	watch_listeners(c);
}

static void on_look(void *context)
{
	struct collector *c = context;

	for (size_t i = 0; i < c->listener_count && !patience_waits(&c->patience); i++)
		if (listening_is_lost(&c->listeners[i].listening))
			open_anew(&c->listeners[i]);
	watch_listeners(c);
	loop_timer_set(&c->look, DURATION_MS(LOOK_MS));
}

static int socket_start(struct collector *c)
{
	const struct option_list *at = c->config->listen;
	int failed = 0;

	for (size_t i = 0; i < at->count && !failed; i++)
		failed = open_listener(c, at->items[i]);
	watch_listeners(c);
	loop_timer_set(&c->look, DURATION_MS(LOOK_MS));
	return failed;
}

static uint64_t socket_line_max(const void *config)
{
	return ((const struct socket_config *)config)->line_max;
}

static bool check_peers(const struct socket_config *c, char *why, size_t room)
{
	if (c->kind == KIND_DATAGRAM)
		return unix_guard_check_datagrams(&c->guard, c->listen, why, room);
	return unix_guard_check(&c->guard, why, room);
}

static bool socket_check(const void *config, char *why, size_t room)
{
	const struct socket_config *socket = config;
	bool wants_multiline = socket->multiline.start || socket->multiline.shapes->count > 0;

	if (socket->listen->count > LISTENERS_MAX)
		snprintf(why, room, "listen: %zu addresses, and %d are the most of one socket", socket->listen->count,
			LISTENERS_MAX);
	else if (socket->kind == KIND_DATAGRAM && wants_multiline)
		snprintf(why, room, "multiline is for streams: a datagram does not go on in another");
	else if (socket->kind == KIND_DATAGRAM && socket->framing == STREAM_OCTETS)
		snprintf(why, room, "framing is for streams: a datagram is a message, or lines");
	else
		return check_peers(socket, why, room) && lines_multiline_check(&socket->multiline, why, room);
	return false;
}

static bool socket_datagrams(const void *config, const char *option)
{
	(void)option;
	return ((const struct socket_config *)config)->kind == KIND_DATAGRAM;
}

static int socket_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	int failed = unix_guard_init_host(&c->guard, &((const struct socket_config *)config)->guard, host, &c->peers);

	if (failed) {
		free(c);
		return failed;
	}
	c->config = config;
	c->host = host;
	c->loop = host_loop(host);
	TAILQ_INIT(&c->connections);
	lines_init(&c->lines, host, (enum lines_format)c->config->format, c->config->line_max);
	lines_join_messages(&c->lines, host, &c->config->multiline);
	c->lines.shape = c->config->syslog == SYSLOG_AUTO ? shape : NULL;
	c->lines.begin = set_now;
	c->lines.shaper = c;
	patience_init(&c->patience, host, c->config->patience, go_on, c);
	loop_timer_init(&c->again, c->loop, on_again, c);
	loop_timer_init(&c->look, c->loop, on_look, c);
	stream_kind_init(&c->kind, host, &c->lines, &c->patience, c->config->connections);
	c->kind.flush = c->config->flush;
	c->kind.framing = (enum stream_framing)c->config->framing;
	c->kind.ended = on_ended;
	c->kind.unframed = on_unframed;
	c->open = host_gauge(host, "connections", "Open connections.");
	c->accepted = host_counter(host, "connections_total", "Connections accepted.");
	c->fulls = host_counter(
		host, "connections_full_total", "Times a connection had to wait because `connections` were open.");
	c->evicted = host_counter(host, "connections_evicted_total",
		"Connections closed to make room for others because they had never sent anything.");
	c->unframed = host_counter(
		host, "unframed_messages_total", "Messages without a length from a peer that sends counted frames.");
	c->lines.shaped = host_counter(host, "syslog_messages_total", "Messages with a syslog header.");
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

/* Nothing waits, and no peer has sent anything for a while. */
static bool socket_quiet(struct collector *c)
{
	struct mono_time last = later(c->drained, c->last);
	struct connection *peer, *next;
	bool quiet = true;

	for (peer = TAILQ_FIRST(&c->connections); peer; peer = next) {
		next = TAILQ_NEXT(peer, entry);
		quiet = stream_is_quiet(&peer->stream, last) && quiet;
	}
	for (size_t i = 0; i < c->listener_count && c->config->kind == KIND_DATAGRAM; i++) {
		quiet = quiet && datagrams_are_empty(&c->listeners[i].datagrams);
		last = later(last, c->listeners[i].datagrams.last);
	}
	return quiet && duration_ms(mono_since(loop_now(c->loop), last)) >= STREAM_LAST_WORDS_MS;
}

/* A peer that has connected but was not accepted may have written already, and believes that it was read. */
static void hear_waiting(struct collector *c, int fd)
{
	int peer;

	for (int i = 0; i < WAITING_MAX && (peer = unix_peers_accept(&c->peers, fd)) >= 0; i++) {
		connection_new(c, peer);
		stream_finish(&TAILQ_LAST(&c->connections, connection_list)->stream);
		connection_free(TAILQ_LAST(&c->connections, connection_list));
	}
}

static void socket_stop(struct collector *c)
{
	struct connection *peer;

	if (c->stopped)
		return;
	c->stopped = true;
	loop_timer_clear(&c->look);
	patience_end(&c->patience);
	watch_listeners(c);
	TAILQ_FOREACH(peer, &c->connections, entry)
		stream_finish(&peer->stream);
	for (size_t i = 0; i < c->listener_count; i++)
		if (c->config->kind == KIND_DATAGRAM)
			datagrams_finish(&c->listeners[i].datagrams);
		else
			hear_waiting(c, c->listeners[i].listening.fd);
}

static void socket_destroy(struct collector *c)
{
	struct connection *peer;

	if (!c)
		return;
	while ((peer = TAILQ_FIRST(&c->connections)))
		connection_free(peer);
	for (size_t i = 0; i < c->listener_count; i++)
		stop_listener(&c->listeners[i]);
	loop_timer_done(&c->again);
	loop_timer_done(&c->look);
	stream_kind_done(&c->kind);
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
	.check = socket_check,
	.line_max = socket_line_max,
	.datagrams = socket_datagrams,
	.create = socket_create,
	.start = socket_start,
	.resume = socket_resume,
	.drain = socket_drain,
	.quiet = socket_quiet,
	.stop = socket_stop,
	.destroy = socket_destroy,
};
