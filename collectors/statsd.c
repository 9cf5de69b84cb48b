/*
 * The `statsd` collector: metrics that are pushed, as StatsD and DogStatsD lines over UDP, TCP and Unix sockets.
 *
 * What events add up to is kept as meters (series/meters.h), and shown whenever the metrics are wanted. Datagrams are
 * read as fast as they come: there is nothing that could be full, but what the kernel drops meanwhile is counted as
 * lost. Connections are bounded: a further one replaces the one that has been silent for longest, once that is for
 * SILENT_S; until then it waits in the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access/unix_guard.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "collectors/datagram_reader.h"
#include "collectors/listen_log.h"
#include "collectors/meters_round.h"
#include "collectors/pace.h"
#include "collectors/relabelling.h"
#include "collectors/saving.h"
#include "collectors/statsd_config.h"
#include "collectors/statsd_events.h"
#include "collectors/statsd_stream.h"
#include "component.h"
#include "config/option.h"
#include "http/listen.h"
#include "proto/exposition_number.h"

enum {
	DATAGRAM_MAX = 64 << 10,
	DATAGRAM_COST = 100, /* reading one costs as much as so many bytes of it */
	PIECE = 2 << 10, /* bytes of one that are taken before the clock is looked at */
	SLICE_US = 400, /* what a callback takes at most, and a piece */
	PACE_MOST = 64 << 10, /* bytes of one callback, */
	PACE_LEAST = 2 << 10, /* where they take long */
	LAST_DATAGRAMS = 512, /* that are read of a socket whose file is gone */
	ACCEPTS = 16, /* in one callback */
	SILENT_S = 5, /* a connection is not closed for others before */
	AGAIN_MS = 100, /* then descriptors may be had again */
	LOOK_MS = 2000, /* how often it looks for removed socket files, and for meters whose time is over */
	AGED_AT_ONCE = 4000, /* meters that are looked at then: less than a millisecond */
};

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct collector *collector;
	struct statsd_stream stream;
};

/* Of the datagrams that were read last, those before `at` are handled, and `done` bytes of that one. */
struct arrivals {
	struct datagram_reader reader;
	size_t at, done;
};

/* A socket whose file was removed: what came through it, until it is empty, LAST_DATAGRAMS are read, or the next is
 * gone, too. */
struct leaving {
	struct collector *collector;
	bool open;
	struct listening listening;
	struct arrivals in;
	size_t read;
	struct loop_soon more;
};

/* One address. */
struct listener {
	struct collector *collector;
	const char *address;
	int trouble; /* why it cannot be opened again, which was logged; 0 */
	struct listening listening;
	struct loop_watch watch;
	struct arrivals in;
	struct loop_soon more;
	struct leaving leaving;
};

struct collector {
	const struct statsd_config *config;
	struct host *host;
	struct loop *loop;
	struct unix_peers peers;
	struct unix_guard guard;
	double bounds[METER_BOUNDS_MAX];
	struct meters *meters;
	struct statsd_mapping mapping;
	struct statsd_events events;
	struct listener listeners[STATSD_LISTENERS_MAX];
	size_t listener_count;
	struct pace pace;
	TAILQ_HEAD(connection_list, connection) connections;
	size_t count;
	struct loop_timer again, look;
	struct meters_round round;
	struct saving saving;
	bool stopped, full, full_told, starved_told;
	struct series_label labels[SERIES_TARGET_LABELS_MAX];
	struct relabelling relabel;
	uint64_t *open, *accepted, *fulls, *evicted, *series, *families;
};

/* The page. */

static void on_shown(void *context)
{
	struct collector *c = context;

	statsd_events_count(&c->events);
	*c->series = meters_series(c->meters);
	*c->families = meters_families(c->meters);
}

static void statsd_collect(struct collector *c, struct mono_time deadline)
{
	(void)deadline;
	meters_round_collect(&c->round);
}

/* Datagrams. */

static bool read_more(struct arrivals *in)
{
	in->at = in->done = 0;
	return datagram_reader_next(&in->reader) > 0;
}

/* Some lines of the datagram at hand, or all. Returns how many bytes they are, with what reading it costs. */
static size_t take_piece(struct collector *c, struct arrivals *in)
{
	struct bytes datagram = datagram_bytes(&in->reader, in->at);
	size_t size = datagram.size - in->done;

	if (datagram_size(&in->reader, in->at) > datagram.size)
		statsd_events_refuse(&c->events, STATSD_REFUSED_SIZE, datagram);
	else
		size = statsd_events_take_some(
			&c->events, (struct bytes){ datagram.data + in->done, datagram.size - in->done }, PIECE);
	in->done += size;
	if (in->done < datagram.size)
		return size;
	in->at++;
	in->done = 0;
	return size + DATAGRAM_COST;
}

/* Whether a callback that began then, and has taken that much, may take more. */
static bool has_time(const struct collector *c, struct mono_time began, size_t size)
{
	const struct clock *clock = loop_clock(c->loop);

	return size == 0 ||
	       (size < c->pace.most && mono_since(clock->mono(clock), began).ns < DURATION_MS(1).ns * SLICE_US / 1000);
}

/* Some of those that were read; as long as a read brings as many as it can, the next ones, too. */
static void handle(struct listener *l)
{
	struct collector *c = l->collector;
	const struct clock *clock = loop_clock(c->loop);
	struct mono_time began = clock->mono(clock);
	struct arrivals *in = &l->in;
	size_t size = 0;

	do {
		while (in->at < in->reader.count && has_time(c, began, size))
			size += take_piece(c, in);
	} while (in->at == in->reader.count && in->reader.count == in->reader.at_once && has_time(c, began, size) &&
		 read_more(in));
	pace_learn(&c->pace, size, mono_since(clock->mono(clock), began));
	if (in->at < in->reader.count)
		loop_soon_run(&l->more);
	loop_watch_set(&l->watch, in->at < in->reader.count ? 0 : WATCH_READ);
}

static void on_datagrams(void *context, int fd, unsigned what)
{
	struct listener *l = context;

	(void)fd;
	(void)what;
	if (read_more(&l->in))
		handle(l);
}

static void on_more(void *context)
{
	handle(context);
}

/* Connections. */

/* What was written and is not read yet would be lost with its connection. */
static bool is_silent(const struct collector *c, const struct connection *peer)
{
	int unread = 0;

	return mono_since(loop_now(c->loop), peer->stream.last).ns >= DURATION_S(SILENT_S).ns &&
	       ioctl(peer->stream.fd, FIONREAD, &unread) == 0 && unread == 0;
}

/* For longest; NULL: there is none. */
static struct connection *silent_one(const struct collector *c)
{
	struct connection *peer, *found = NULL;

	TAILQ_FOREACH(peer, &c->connections, entry)
		if ((!found || peer->stream.last.ns < found->stream.last.ns) && is_silent(c, peer))
			found = peer;
	return found;
}

static void watch_listeners(struct collector *c)
{
	bool full = c->count >= c->config->connections;
	bool room = (!full || silent_one(c)) && !loop_timer_pending(&c->again) && !c->stopped;

	if (full && !c->full) {
		++*c->fulls;
		if (!c->full_told)
			host_log(c->host, LOG_LEVEL_WARN,
				"%zu connections are open, as many as `connections` allows: further ones wait until "
				"one of them is silent",
				c->count);
		c->full_told = true;
	}
	c->full = full;
	for (size_t i = 0; i < c->listener_count && c->config->kind == STATSD_STREAM; i++)
		loop_watch_set(&c->listeners[i].watch, room ? WATCH_READ : 0);
}

static void connection_free(struct connection *peer)
{
	struct collector *c = peer->collector;
	int fd = peer->stream.fd;

	TAILQ_REMOVE(&c->connections, peer, entry);
	*c->open = --c->count;
	statsd_stream_done(&peer->stream);
	close(fd);
	free(peer);
}

static void on_ended(struct statsd_stream *s)
{
	struct connection *peer = CONTAINER_OF(s, struct connection, stream);
	struct collector *c = peer->collector;

	connection_free(peer);
	watch_listeners(c);
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
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one); /* connections of vanished peers end */
	set_buffer(c, fd);
	TAILQ_INSERT_TAIL(&c->connections, peer, entry);
	*c->open = ++c->count;
	++*c->accepted;
	statsd_stream_init(&peer->stream, &c->events, fd, on_ended);
}

static void wait_for_descriptors(struct collector *c, int why)
{
	if (!c->starved_told)
		host_log(c->host, LOG_LEVEL_WARN, "no more connections can be accepted for now, they wait: %s",
			strerror(why));
	c->starved_told = true;
	loop_timer_set(&c->again, DURATION_MS(AGAIN_MS));
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
	struct listener *l = context;
	struct collector *c = l->collector;
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

/* Listeners. */

static int type_of(const struct collector *c)
{
	return c->config->kind == STATSD_STREAM ? SOCK_STREAM : SOCK_DGRAM;
}

static int open_listening(const struct collector *c, const char *address, struct listening *ret)
{
	return c->config->kind == STATSD_STREAM ? listening_open(ret, address, &c->peers)
						: listening_open_datagrams(ret, address, &c->peers);
}

static void start_listener(struct listener *l)
{
	struct collector *c = l->collector;
	int fd = l->listening.fd;

	if (c->config->kind == STATSD_STREAM) {
		loop_watch_init(&l->watch, c->loop, fd, on_peer, l);
		return;
	}
	set_buffer(c, fd);
	l->in.at = l->in.done = 0;
	datagram_reader_init(&l->in.reader, c->host, SIGNAL_METRICS, fd, DATAGRAM_MAX);
	loop_soon_init(&l->more, c->loop, on_more, l);
	loop_watch_init(&l->watch, c->loop, fd, on_datagrams, l);
	loop_watch_set(&l->watch, WATCH_READ);
}

static void end_leaving(struct leaving *old)
{
	if (!old->open)
		return;
	old->open = false;
	loop_soon_done(&old->more);
	datagram_reader_done(&old->in.reader);
	listening_close(&old->listening);
}

static void stop_listener(struct listener *l)
{
	loop_watch_done(&l->watch);
	loop_soon_done(&l->more);
	datagram_reader_done(&l->in.reader);
	listening_close(&l->listening);
	end_leaving(&l->leaving);
}

static int open_listener(struct collector *c, const char *address)
{
	struct listener *l = &c->listeners[c->listener_count];
	int failed = open_listening(c, address, &l->listening);

	if (failed) {
		listen_log_failed(c->host, "listen", address, type_of(c), failed);
		return failed;
	}
	c->listener_count++;
	l->collector = c;
	l->address = address;
	start_listener(l);
	return 0;
}

/* Whoever waits at the old file is accepted first. */
static void finish(struct listener *l)
{
	struct collector *c = l->collector;

	for (size_t before = SIZE_MAX; before != c->count;) {
		before = c->count;
		on_peer(l, l->listening.fd, WATCH_READ);
	}
}

static void on_leaving(void *context)
{
	struct leaving *old = context;
	struct collector *c = old->collector;
	const struct clock *clock = loop_clock(c->loop);
	struct mono_time began = clock->mono(clock);
	struct arrivals *in = &old->in;
	size_t size = 0;

	while (has_time(c, began, size)) {
		if (in->at == in->reader.count) {
			if (old->read >= LAST_DATAGRAMS || !read_more(in)) {
				end_leaving(old);
				return;
			}
			old->read += in->reader.count;
		}
		size += take_piece(c, in);
	}
	loop_soon_run(&old->more);
}

/* The old socket is read to its end beside the new one. */
static void leave(struct listener *l)
{
	struct collector *c = l->collector;
	struct leaving *old = &l->leaving;

	end_leaving(old);
	*old = (struct leaving){ .collector = c, .open = true, .listening = l->listening };
	loop_watch_done(&l->watch);
	loop_soon_done(&l->more);
	datagram_reader_done(&l->in.reader);
	datagram_reader_init(&old->in.reader, c->host, SIGNAL_METRICS, old->listening.fd, DATAGRAM_MAX);
	loop_soon_init(&old->more, c->loop, on_leaving, old);
	loop_soon_run(&old->more);
}

static void open_anew(struct listener *l)
{
	struct listening fresh;
	int failed = open_listening(l->collector, l->address, &fresh);

	listen_log_anew(l->collector->host, l->address, type_of(l->collector), failed, l->trouble);
	l->trouble = failed;
	if (failed)
		return;
	if (l->collector->config->kind == STATSD_STREAM) {
		finish(l);
		stop_listener(l);
	} else {
		leave(l);
	}
	l->listening = fresh;
	start_listener(l);
}

static void on_look(void *context)
{
	struct collector *c = context;

	for (size_t i = 0; i < c->listener_count; i++)
		if (c->listeners[i].in.at == c->listeners[i].in.reader.count &&
			listening_is_lost(&c->listeners[i].listening))
			open_anew(&c->listeners[i]);
	watch_listeners(c);
	meters_age(c->meters, loop_now(c->loop), AGED_AT_ONCE);
	saving_look(&c->saving);
	loop_timer_set(&c->look, DURATION_MS(LOOK_MS));
}

/* Life. */

static int statsd_start(struct collector *c)
{
	const struct option_list *at = c->config->listen;
	int failed = 0;

	for (size_t i = 0; i < at->count && !failed; i++)
		failed = open_listener(c, at->items[i]);
	watch_listeners(c);
	loop_timer_set(&c->look, DURATION_MS(LOOK_MS));
	return failed;
}

static bool statsd_datagrams(const void *config, const char *option)
{
	(void)option;
	return ((const struct statsd_config *)config)->kind == STATSD_DATAGRAM;
}

static void statsd_destroy(struct collector *);

/* If there are rules, they see the labels, and the meters have none. */
static int new_meters(struct collector *c)
{
	const struct option_map *map = c->config->labels;
	const struct meters_limits limits = { .series = c->config->series,
		.family_series = c->config->family,
		.label = METER_LABEL_MAX,
		.window = c->config->set_window };
	int failed = relabelling_init(&c->relabel, c->host, c->config->relabel);

	for (size_t i = 0; i < map->count; i++)
		c->labels[i] = (struct series_label){ map->pairs[i].key, map->pairs[i].value };
	if (!failed)
		failed = meters_new(
			host_series(c->host), c->labels, c->relabel.rules ? 0 : map->count, &limits, &c->meters);
	return failed;
}

/* The file may have changed since check(). */
static int read_mapping(struct collector *c)
{
	char why[256];

	if (!c->config->mapping || statsd_mapping_read(&c->mapping, c->config->mapping, why, sizeof why))
		return 0;
	host_log(c->host, LOG_LEVEL_ERROR, "mapping: %s", why);
	return -EINVAL;
}

static void count_in(struct collector *c, struct host *host)
{
	c->open = host_gauge(host, "connections", "Open connections.");
	c->accepted = host_counter(host, "connections_total", "Connections accepted.");
	c->fulls = host_counter(
		host, "connections_full_total", "Times a connection had to wait because `connections` were open.");
	c->evicted = host_counter(host, "connections_evicted_total",
		"Connections closed to make room for others because they had been silent for longest.");
	c->series = host_gauge(host, "statsd_series", "Series that there are, without overflows.");
	c->families = host_gauge(host, "statsd_families", "Metrics that there are.");
}

static int statsd_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	struct statsd_histogram histogram;
	int failed;

	c->config = config;
	c->host = host;
	c->loop = host_loop(host);
	histogram = statsd_config_histogram(c->config, c->bounds); /* check() found it fine */
	TAILQ_INIT(&c->connections);
	c->pace = (struct pace){ .most = PACE_MOST / 4, .least = PACE_LEAST, .ceiling = PACE_MOST };
	loop_timer_init(&c->again, c->loop, on_again, c);
	loop_timer_init(&c->look, c->loop, on_look, c);
	failed = unix_guard_init_host(&c->guard, &c->config->guard, host, &c->peers);
	if (!failed)
		failed = read_mapping(c);
	if (!failed)
		failed = new_meters(c);
	if (failed) {
		statsd_destroy(c);
		return failed;
	}
	meters_round_init(&c->round, host, c->meters);
	meters_round_relabel(&c->round, &c->relabel, c->labels, c->config->labels->count);
	c->round.end = on_shown;
	c->round.context = c;
	statsd_events_init(&c->events, host, c->meters,
		&(struct statsd_options){ .histogram = histogram,
			.ttl = c->config->ttl,
			.gauge_deltas = c->config->gauge_deltas,
			.container_label = c->config->container_label,
			.mapping = c->config->mapping ? &c->mapping : NULL });
	count_in(c, host);
	saving_init(&c->saving, host, c->meters, &(struct meters_restore){ statsd_events_want, &c->events });
	*ret = c;
	return 0;
}

static void statsd_report(const struct collector *c, struct json_writer *w)
{
	json_put_array(w, "listen");
	for (size_t i = 0; i < c->listener_count; i++)
		json_put_string(w, NULL, c->listeners[i].address);
	json_put_end(w);
	json_put_u64(w, "series", meters_series(c->meters));
	json_put_u64(w, "families", meters_families(c->meters));
	statsd_events_report(&c->events, w);
	saving_report(&c->saving, w);
	relabelling_report(&c->relabel, w);
	refusals_report(&c->round.refusals, w);
}

static void statsd_stop(struct collector *c)
{
	c->stopped = true;
	loop_timer_clear(&c->look);
	loop_timer_clear(&c->again);
	for (size_t i = 0; i < c->listener_count; i++) {
		loop_watch_set(&c->listeners[i].watch, 0);
		loop_soon_done(&c->listeners[i].more);
		end_leaving(&c->listeners[i].leaving);
	}
	saving_end(&c->saving);
}

static void statsd_destroy(struct collector *c)
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
	meters_round_done(&c->round);
	statsd_events_done(&c->events);
	statsd_mapping_done(&c->mapping);
	meters_free(c->meters);
	saving_done(&c->saving);
	relabelling_done(&c->relabel);
	free(c);
}

const struct collector_type collector_statsd = {
	.name = "statsd",
	.summary = "Takes StatsD and DogStatsD metrics over UDP, TCP and Unix sockets.",
	.signals = SIGNAL_METRICS,
	.when_full = FULL_DROP,
	.rewind = REWIND_NONE,
	.options = statsd_options,
	.config_size = sizeof(struct statsd_config),
	.check = statsd_config_check,
	.datagrams = statsd_datagrams,
	.create = statsd_create,
	.start = statsd_start,
	.collect = statsd_collect,
	.report = statsd_report,
	.stop = statsd_stop,
	.destroy = statsd_destroy,
};
