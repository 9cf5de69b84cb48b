/*
 * The `jaeger` doors, for apps whose tracer speaks Jaeger's own protocol: Thrift over HTTP, as Jaeger's collector took
 * it, and over UDP, as the agent beside the app did. What comes is written as OTLP (proto/jaeger.h).
 *
 * Over HTTP a request that finds no room is answered 503. Over UDP nothing is answered: datagrams wait in the kernel
 * for a second, then they are lost and counted. (Jaeger, "APIs": POST /api/traces; agent.thrift: emitBatch.)
 *
 * Clients that ask how much to sample are told beside these doors (jaeger_sampling.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "collectors/jaeger_sampling.h"
#include "collectors/spans_door.h"
#include "collectors/spans_udp.h"
#include "http/listen.h"
#include "http/taken.h"
#include "proto/jaeger.h"

enum { LISTENERS_MAX = 16, PATIENCE_S = 1, LAST_WORDS_MS = 1000 };

struct jaeger_config {
	struct spans_door_config door;
	struct jaeger_sampling_config sampling;
	const struct option_list *compact, *binary;
	uint64_t buffer;
};

static const struct option jaeger_options[] = {
	{ OPT_ADDRESSES(struct jaeger_config, door.http), .name = "http", .text = "127.0.0.1:14268",
		.help = "Addresses to listen on for Thrift over HTTP: host:port, :port or unix:/path; [] for none." },
	{ OPT_ADDRESSES(struct jaeger_config, compact), .name = "compact", .text = "127.0.0.1:6831",
		.help = "Addresses to listen on for compact Thrift over UDP: host:port or :port; [] for none." },
	{ OPT_ADDRESSES(struct jaeger_config, binary), .name = "binary", .text = "127.0.0.1:6832",
		.help = "Addresses to listen on for binary Thrift over UDP: host:port or :port; [] for none." },
	{ OPT_SIZE(struct jaeger_config, buffer), .name = "buffer", .zero = "auto", .text = "auto", .min = 4096,
		.max = 1 << 30,
		.help = "Unread bytes that the kernel is asked to hold for each UDP socket; at most "
			"net.core.rmem_max." },
	JAEGER_SAMPLING_OPTIONS(struct jaeger_config, sampling),
	SPANS_DOOR_OPTIONS(struct jaeger_config, door),
	{ .name = NULL },
};

/* One UDP address. */
struct listener {
	struct listening listening;
	struct spans_udp udp;
};

struct collector {
	const struct jaeger_config *config;
	struct host *host;
	struct spans_tally tally;
	struct spans_door door;
	struct jaeger_sampling sampling;
	struct patience patience;
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	bool stopped;
};

/* Forms. */

static const char *plan_http(struct bytes body, struct otlp_made *ret, size_t *ret_at)
{
	return jaeger_plan(&(struct jaeger_source){ body, THRIFT_BINARY, false }, ret, ret_at);
}

static void write_http(struct bytes body, const struct otlp_made *made, char *to)
{
	jaeger_write(&(struct jaeger_source){ body, THRIFT_BINARY, false }, made, to);
}

static const char *plan_compact(struct bytes body, struct otlp_made *ret, size_t *ret_at)
{
	return jaeger_plan(&(struct jaeger_source){ body, THRIFT_COMPACT, true }, ret, ret_at);
}

static void write_compact(struct bytes body, const struct otlp_made *made, char *to)
{
	jaeger_write(&(struct jaeger_source){ body, THRIFT_COMPACT, true }, made, to);
}

static const char *plan_binary(struct bytes body, struct otlp_made *ret, size_t *ret_at)
{
	return jaeger_plan(&(struct jaeger_source){ body, THRIFT_BINARY, true }, ret, ret_at);
}

static void write_binary(struct bytes body, const struct otlp_made *made, char *to)
{
	jaeger_write(&(struct jaeger_source){ body, THRIFT_BINARY, true }, made, to);
}

static const struct spans_form http_form = { "a batch of Jaeger's in binary Thrift", plan_http, write_http };
static const struct spans_form compact_form = { "a call of Jaeger's emitBatch in compact Thrift", plan_compact,
	write_compact };
static const struct spans_form binary_form = { "a call of Jaeger's emitBatch in binary Thrift", plan_binary,
	write_binary };

/* Life. */

static enum http_take begin(void *context, struct http_request *request)
{
	static const char other[] = "application/vnd.apache.thrift.binary";
	const char *type = http_request_header(request, "Content-Type");
	bool is_other = type && media_type_is(bytes_of(type), other);

	return door_begin(context, request, is_other ? other : "application/x-thrift");
}

static void set_buffer(const struct collector *c, int fd)
{
	int size = (int)c->config->buffer;

	if (size > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int listen_on(struct collector *c, const struct option_list *addresses, const struct spans_form *form)
{
	int failed = 0;

	for (size_t i = 0; i < addresses->count && !failed; i++) {
		struct listener *l = &c->listeners[c->listener_count];
		failed = listening_open_datagrams(&l->listening, addresses->items[i], NULL);
		if (failed) {
			char why[LISTEN_WHY_MAX];
			listen_why(addresses->items[i], SOCK_DGRAM, failed, why);
			host_log(c->host, LOG_LEVEL_ERROR,
				"cannot listen on %s: %s; set `%s.%s` to another address, or to [] for none",
				addresses->items[i], why, host_name(c->host),
				form == &compact_form ? "compact" : "binary");
			continue;
		}
		c->listener_count++;
		set_buffer(c, l->listening.fd);
		spans_udp_init(&l->udp, form, &c->tally, &c->patience, l->listening.fd);
	}
	return failed;
}

static int jaeger_start(struct collector *c)
{
	int failed = spans_door_start(&c->door, "/api/traces", begin);

	if (!failed)
		failed = jaeger_sampling_start(&c->sampling, &c->config->sampling, &c->door.door);
	if (!failed)
		failed = listen_on(c, c->config->compact, &compact_form);
	if (!failed)
		failed = listen_on(c, c->config->binary, &binary_form);
	return failed;
}

static void go_on(void *context)
{
	struct collector *c = context;

	for (size_t i = 0; i < c->listener_count; i++)
		spans_udp_go_on(&c->listeners[i].udp);
}

static bool check_udp(const struct option_list *addresses, const char *name, char *why, size_t room)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (strncmp(addresses->items[i], "unix:", 5) != 0)
			continue;
		snprintf(why, room, "%s: %s is no address of UDP; expected host:port or :port", name,
			addresses->items[i]);
		return false;
	}
	return true;
}

static bool jaeger_check(const void *config, char *why, size_t room)
{
	const struct jaeger_config *c = config;

	if (!check_udp(c->compact, "compact", why, room) || !check_udp(c->binary, "binary", why, room))
		return false;
	if (c->compact->count + c->binary->count > LISTENERS_MAX) {
		snprintf(why, room, "compact and binary: %zu addresses, and %d are the most",
			c->compact->count + c->binary->count, LISTENERS_MAX);
		return false;
	}
	return jaeger_sampling_check(&c->sampling, why, room) && spans_door_check(&c->door, why, room);
}

static bool jaeger_datagrams(const void *config, const char *option)
{
	(void)config;
	return strcmp(option, "compact") == 0 || strcmp(option, "binary") == 0;
}

static int jaeger_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	int failed;

	c->config = config;
	c->host = host;
	spans_tally_init(&c->tally, host);
	failed = spans_door_init(&c->door, &http_form, host, &c->config->door, &c->tally);
	if (failed) {
		free(c);
		return failed;
	}
	patience_init_spans(&c->patience, host, DURATION_S(PATIENCE_S), go_on, c);
	*ret = c;
	return 0;
}

static void jaeger_resume(struct collector *c)
{
	patience_resume(&c->patience);
	door_resume(&c->door.door);
}

/* Nobody says that the last datagram has come. */
static bool jaeger_quiet(struct collector *c)
{
	bool quiet = door_quiet(&c->door.door);

	for (size_t i = 0; i < c->listener_count; i++) {
		const struct spans_udp *u = &c->listeners[i].udp;
		struct duration since = mono_since(loop_now(host_loop(c->host)), u->last);
		quiet = quiet && spans_udp_is_empty(u) &&
			(u->last.ns == 0 || since.ns >= DURATION_MS(LAST_WORDS_MS).ns);
	}
	return quiet;
}

static void jaeger_report(const struct collector *c, struct json_writer *w)
{
	door_report(&c->door.door, w);
}

static void jaeger_stop(struct collector *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	patience_end(&c->patience);
	for (size_t i = 0; i < c->listener_count; i++)
		spans_udp_finish(&c->listeners[i].udp);
	door_stop(&c->door.door);
}

static void jaeger_destroy(struct collector *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->listener_count; i++) {
		spans_udp_done(&c->listeners[i].udp);
		listening_close(&c->listeners[i].listening);
	}
	patience_done(&c->patience);
	door_done(&c->door.door);
	free(c);
}

const struct collector_type collector_jaeger = {
	.name = "jaeger",
	.summary = "Takes spans from Jaeger's own clients: Thrift over HTTP and UDP.",
	.signals = SIGNAL_TRACES,
	.when_full = FULL_REFUSE, /* its UDP sockets lose, as FULL_DROP says */
	.rewind = REWIND_NONE,
	.options = jaeger_options,
	.config_size = sizeof(struct jaeger_config),
	.check = jaeger_check,
	.datagrams = jaeger_datagrams,
	.create = jaeger_create,
	.start = jaeger_start,
	.resume = jaeger_resume,
	.report = jaeger_report,
	.quiet = jaeger_quiet,
	.stop = jaeger_stop,
	.destroy = jaeger_destroy,
};
