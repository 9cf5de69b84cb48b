/*
 * The `scrape` collector: reads a Prometheus page of the host app, over TCP, TLS or a Unix socket, into the series
 * table.
 *
 * With `interval: auto` it scrapes when the metrics are wanted: for a pull of /metrics, or a snapshot for the embedded
 * store. The page is parsed as it arrives and committed as a whole. A page that cannot be read, is cut short or comes
 * too late leaves only oxpecker_target_up 0, and the series of the last good page go, as in Prometheus.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/access.h"
#include "base/json_writer.h"
#include "component.h"
#include "config/option.h"
#include "http/client.h"
#include "http/redirect.h"
#include "proto/exposition_read.h"
#include "proto/said.h"
#include "collectors/protocols.h"
#include "collectors/refusals.h"
#include "collectors/relabelling.h"
#include "series/series.h"

enum {
	WHY_MAX = EXPOSITION_WHAT_MAX + 64,
	SAID_SHOWN = 100,
	URL_MAX = 1024,
	REDIRECTS_MAX = 5, /* of one scrape */
	TOLD_AT_ONCE = 8, /* ways in which a target fails, until it is up again; then one in TOLD_AGAIN_S at most */
	TOLD_AGAIN_S = 10,
	TIDIED_AT_ONCE = 300, /* of what a scrape leaves behind, in a callback: a tenth of a millisecond */
};

struct scrape_config {
	const char *target;
	const char *path;
	struct duration interval, timeout;
	const struct option_map *labels;
	const struct option_list *scrape_protocols;
	bool honor_timestamps;
	bool tls;
	struct access_config access;
	const struct option_items *relabel;
};

static const struct option scrape_options[] = {
	{ OPT_ADDRESS(struct scrape_config, target), .name = "target", .main = true, .required = true,
		.example = "unix:/run/app/metrics.sock",
		.help = "Where the app serves the page: host:port, or unix:/path." },
	{ OPT_TEXT(struct scrape_config, path), .name = "path", .text = "/metrics", .help = "Path of the page." },
	{ OPT_DURATION(struct scrape_config, interval), .name = "interval", .text = "auto", .zero = "auto", .min = 100,
		.help = "Time between two scrapes; auto: scrape when somebody asks for the metrics." },
	{ OPT_DURATION(struct scrape_config, timeout), .name = "timeout", .text = "5s", .min = 10,
		.help = "A page that is not complete within this time is discarded." },
	{ OPT_MAP(struct scrape_config, labels), .name = "labels", .example = "{part: nginx}",
		.help = "Labels added to each series. Several targets need a label that tells them apart." },
	RELABELLING_ROW(struct scrape_config, relabel),
	{ OPT_TEXTS(struct scrape_config, scrape_protocols), .name = "scrape_protocols", .choices = protocols_names,
		.example = "[PrometheusText0.0.4]",
		.help = "Formats to ask the target for, the best first; without it all of these but PrometheusProto, "
			"in "
			"this order." },
	{ OPT_BOOL(struct scrape_config, honor_timestamps), .name = "honor_timestamps", .text = "true",
		.help = "Whether samples keep the times that the target gives them." },
	{ OPT_BOOL(struct scrape_config, tls), .name = "tls", .text = "false",
		.help = "Whether the target speaks TLS. The options below say who it has to be." },
	ACCESS_ROWS(struct scrape_config, access),
	ACCESS_HEADERS_ROW(struct scrape_config, access),
	{ .name = NULL },
};

/* Returns its length, which may be more than fits. */
static size_t write_url(const struct scrape_config *c, char to[URL_MAX])
{
	const char *target = c->target;

	return (size_t)snprintf(to, URL_MAX, "http%s://%s%s%s%s", c->tls ? "s" : "",
		target[0] == ':' ? "127.0.0.1" : "", strncmp(target, "unix:", 5) == 0 ? "localhost" : target,
		c->path[0] == '/' ? "" : "/", c->path);
}

/* Any other character is asked for as it is. */
static bool has_blanks(const char *path)
{
	while ((unsigned char)*path > ' ' && *path != 0x7f)
		path++;
	return *path;
}

static bool check_path(const struct scrape_config *c, char *why, size_t room)
{
	char url[URL_MAX];

	if (has_blanks(c->path))
		snprintf(why, room, "path: has a blank or a control character; expected %%20 and the like");
	else if (write_url(c, url) >= sizeof url)
		snprintf(why, room, "path: with `target` it makes a URL of more than %d bytes", URL_MAX - 1);
	else
		return true;
	return false;
}

static bool scrape_check(const void *config, char *why, size_t room)
{
	const struct scrape_config *c = config;
	const struct access_config *a = &c->access;

	if (!check_path(c, why, room))
		return false;
	if (c->tls || (!a->ca && !a->cert && a->verify))
		return access_check(a, why, room);
	snprintf(why, room, "%s: is for TLS; set tls: true, too", a->ca ? "ca" : a->cert ? "cert" : "verify");
	return false;
}

/*
 * Invariant: a scrape is under way while it `waits` until what earlier ones left is freed, or call != NULL, or `slices`
 * is waiting: the page has come, and the rest of its last metric is being staged. The target is being staged once the
 * head has come.
 */
struct collector {
	struct host *host;
	const struct scrape_config *config;
	struct access access;
	struct series_target *target;
	struct series_label labels[SERIES_TARGET_LABELS_MAX]; /* that it was made with */
	struct relabelling relabel;
	struct http_call *call;
	struct exposition_reader page;
	struct loop_timer timer;
	struct loop_soon tidy, slices;
	bool waits;
	char accept[PROTOCOLS_ACCEPT_SIZE]; /* the header */
	char url[URL_MAX], asked[URL_MAX]; /* the target's; what is asked now, behind redirects */
	char location[URL_MAX]; /* of the answer that comes; "" for none */
	bool location_cut; /* it is longer than that */
	unsigned redirects;
	struct mono_time until; /* the scrape under way is given up then */
	struct refusals refusals;
	uint64_t bytes;
	bool lenient; /* the target does not speak HTTP to the letter: libcurl, which reads more, asks it */
	bool wanted; /* host_collected() is due */
	bool known, parsing; /* known: whether `up` says something yet */
	struct mono_time ended, good; /* the latest scrape, and the latest that was fine */
	bool was_good;
	char why[WHY_MAX]; /* the latest failed; "" when it did not */
	unsigned tellings; /* ways in which it failed that were said in the log since it was up */
	struct mono_time told; /* when the last one was */
	uint64_t *down; /* of all targets */
	uint64_t *up, *samples, *scrapes, *failures;
};

static void on_head(void *context, unsigned status, const char *content_type)
{
	struct collector *c = context;
	enum exposition_format format = *content_type ? exposition_format(bytes_of(content_type)) : EXPOSITION_TEXT;

	if (status != 200 || format == EXPOSITION_UNKNOWN)
		return;
	if (c->relabel.rules)
		exposition_read_begin(&c->page, format, &relabelling_events, &c->relabel);
	else
		exposition_read_begin(&c->page, format, &series_events, c->target);
	exposition_read_in_slices(&c->page);
	relabelling_begin(&c->relabel, c->target, c->labels, c->config->labels->count);
	series_begin(c->target);
	c->parsing = true;
}

static bool on_piece(void *context, struct bytes piece)
{
	struct collector *c = context;

	c->bytes += piece.size;
	return c->parsing && exposition_read_feed(&c->page, piece.data, piece.size) == EXPOSITION_FINE;
}

static bool on_busy(void *context)
{
	struct collector *c = context;

	return c->parsing && exposition_read_go_on(&c->page);
}

static void on_line(void *context, struct bytes line)
{
	struct collector *c = context;
	struct bytes location = http_location(line);

	if (!location.data)
		return;
	c->location_cut = location.size >= sizeof c->location;
	snprintf(c->location, sizeof c->location, "%.*s", (int)location.size, location.data);
}

static void write_status(const struct collector *c, const struct http_reply *reply, char *why)
{
	char said[SAID_SHOWN];
	bool says = said_read(reply->content_type, reply->body, said, sizeof said);

	if (says)
		access_hide(&c->access, said);
	snprintf(why, WHY_MAX, "HTTP %u%s%s", reply->status, says ? ": " : "", said);
}

static const char *what_is_unread(struct collector *c, char *why)
{
	if (exposition_read_end(&c->page) == EXPOSITION_FINE)
		return NULL;
	snprintf(why, WHY_MAX, "no exposition: %s", exposition_read_what(&c->page));
	return why;
}

/* NULL if the page was fine, otherwise why it was not. */
static const char *what_is_wrong(struct collector *c, const struct http_reply *reply, char *why)
{
	if (reply->end == HTTP_END_ANSWER && reply->status != 200)
		write_status(c, reply, why);
	else if ((reply->end == HTTP_END_ANSWER || reply->end == HTTP_END_STOPPED) && !c->parsing)
		snprintf(why, WHY_MAX, "\"%s\" is not an exposition format that is read here", reply->content_type);
	else if (reply->end != HTTP_END_ANSWER && reply->end != HTTP_END_STOPPED)
		snprintf(why, WHY_MAX, "%s", reply->error);
	else
		return what_is_unread(c, why);
	return why;
}

static void commit(struct collector *c)
{
	struct series_counts counts;

	series_commit(c->target, &counts);
	relabelling_end(&c->relabel, &counts);
	host_samples(c->host, &counts, c->bytes);
	*c->samples = counts.merged;
	refusals_tell(&c->refusals, c->host, c->config->target, &counts);
}

/* Each reason is said when it is new. */
static void tell_failure(struct collector *c, const char *why)
{
	struct mono_time now = loop_now(host_loop(c->host));

	if (!c->known || *c->up)
		c->tellings = 0;
	else if (strcmp(why, c->why) == 0)
		return;
	if (c->tellings >= TOLD_AT_ONCE && mono_since(now, c->told).ns < DURATION_S(TOLD_AGAIN_S).ns)
		return;
	c->tellings++;
	c->told = now;
	host_log(c->host, LOG_LEVEL_WARN, "no metrics from %s: %s", c->config->target, why);
}

static void give_up(struct collector *c, const char *why)
{
	series_abandon(c->target);
	series_target_down(c->target);
	*c->samples = 0;
	++*c->failures;
	tell_failure(c, why);
}

/* Ends the scrape, however it went, and reports that it has ended. */
static void end_scrape(struct collector *c, const char *why)
{
	bool wanted = c->wanted;

	c->call = NULL;
	if (why)
		give_up(c, why);
	else
		commit(c);
	loop_soon_run(&c->tidy);
	if (!why && c->known && !*c->up)
		host_log(c->host, LOG_LEVEL_INFO, "metrics from %s again", c->config->target);
	exposition_read_done(&c->page);
	c->parsing = c->wanted = false;
	*c->down += (uint64_t) !!why - (uint64_t)(c->known && !*c->up);
	c->known = true;
	*c->up = !why;
	snprintf(c->why, sizeof c->why, "%s", why ? why : "");
	c->ended = loop_now(host_loop(c->host));
	if (!why)
		c->good = c->ended;
	c->was_good = c->was_good || !why;
	if (c->config->interval.ns)
		loop_timer_set(&c->timer, c->config->interval);
	if (wanted)
		host_collected(c->host);
}

static bool is_under_way(const struct collector *c)
{
	return c->call || c->waits || c->slices.waiting;
}

static void ask(struct collector *c);

/* Whether the answer leads to another one, which is asked for, or writes why it does not. */
static bool is_redirected(struct collector *c, const struct http_reply *reply, char *why)
{
	char to[URL_MAX];
	int failed;

	if (reply->end != HTTP_END_ANSWER || !http_is_redirect(reply->status) || !c->location[0])
		return false;
	failed = c->location_cut ? -ENAMETOOLONG : http_redirect(c->asked, c->location, to, sizeof to);
	if (!failed && c->redirects++ < REDIRECTS_MAX) {
		memcpy(c->asked, to, sizeof to);
		ask(c);
		return true;
	}
	snprintf(why, WHY_MAX, "HTTP %u to %.100s, %s", reply->status, c->location,
		failed == -EXDEV ? "which is another server; name it as target"
		: failed         ? "which is no URL that can be asked"
				 : "which has been redirected too often");
	access_hide(&c->access, why);
	return false;
}

/* Whether the target is asked once more, by libcurl: what it said was cut off, or is no HTTP for our own reader, which
 * wants CR LF behind each line and the like. As long as libcurl gets answers, it asks. */
static bool is_asked_leniently(struct collector *c, const struct http_reply *reply)
{
	bool again = reply->end == HTTP_END_BROKEN && !c->lenient;

	c->lenient = again || (c->lenient && reply->end == HTTP_END_ANSWER);
	if (!again)
		return false;
	exposition_read_done(&c->page);
	c->parsing = false;
	c->bytes = 0;
	ask(c);
	return true;
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct collector *c = context;
	char why[WHY_MAX] = "";

	access_answered(&c->access, reply->status);
	if (is_asked_leniently(c, reply) || is_redirected(c, reply, why))
		return;
	if (reply->end == HTTP_END_ANSWER && c->parsing && exposition_read_is_behind(&c->page)) {
		c->call = NULL;
		loop_soon_run(&c->slices);
		return;
	}
	end_scrape(c, *why ? why : what_is_wrong(c, reply, why));
}

/* Of a page that has come whole. */
static void on_slice(void *context)
{
	struct collector *c = context;
	char why[WHY_MAX];

	if (exposition_read_go_on(&c->page))
		loop_soon_run(&c->slices);
	else
		end_scrape(c, what_is_unread(c, why));
}

/* There is no body. With these two, a call in the clear needs no libcurl (http/call.h), which was a sixth of what a
 * page of 1,000 series cost. */
static size_t look(void *context, struct bytes *to, size_t room)
{
	(void)context, (void)to, (void)room;
	return 0;
}

static void took(void *context, size_t size)
{
	(void)context, (void)size;
}

static void ask(struct collector *c)
{
	const char *target = c->config->target, *headers[ACCESS_LINES_MAX + 2] = { c->accept };
	const struct http_call_options o = {
		.method = "GET",
		.url = c->asked,
		.unix_path = strncmp(target, "unix:", 5) == 0 ? target + 5 : NULL,
		.headers = headers,
		.user_password = c->access.user_password,
		.tls = c->config->tls ? access_tls(&c->access) : NULL,
		.look = c->lenient ? NULL : look,
		.took = c->lenient ? NULL : took,
		.head = on_head,
		.piece = on_piece,
		.busy = on_busy,
		.line = on_line,
		.done = on_done,
		.context = c,
		.answer_max = exposition_limits_default.page,
		.timeout = mono_since(c->until, loop_now(host_loop(c->host))),
	};

	headers[1 + access_list(&c->access, headers + 1)] = NULL;
	c->location[0] = '\0';
	c->call = NULL;
	if (http_call_start(host_http(c->host), &o, &c->call) < 0)
		end_scrape(c, "cannot start a request");
}

/* A page needs the place of the one before the last, and to free all of that at once takes long. */
static void tidy(struct collector *c)
{
	if (series_tidy(c->target, TIDIED_AT_ONCE)) {
		loop_soon_run(&c->tidy);
	} else if (c->waits) {
		c->waits = false;
		ask(c);
	}
}

static void on_tidy(void *context)
{
	tidy(context);
}

static void scrape(struct collector *c, struct duration timeout)
{
	memcpy(c->asked, c->url, sizeof c->url);
	c->redirects = 0;
	c->until = mono_after(loop_now(host_loop(c->host)), timeout);
	c->bytes = 0;
	++*c->scrapes;
	c->waits = true;
	tidy(c);
}

static void on_timer(void *context)
{
	struct collector *c = context;

	if (!is_under_way(c))
		scrape(c, c->config->timeout);
}

static void scrape_collect(struct collector *c, struct mono_time deadline)
{
	struct duration left = mono_since(deadline, loop_now(host_loop(c->host))), timeout = c->config->timeout;

	if (c->config->interval.ns && !c->wanted && c->known) {
		host_collected(c->host);
		return;
	}
	c->wanted = true;
	if (!is_under_way(c))
		scrape(c, left.ns < timeout.ns ? left : timeout);
}

/* What people look for: whether it works, how much it brings, and since when. Ages are null before the first scrape. */
static void put_age(const struct collector *c, struct json_writer *w, const char *name, bool known, struct mono_time at)
{
	if (known)
		json_put_fixed(w, name, duration_seconds(mono_since(loop_now(host_loop(c->host)), at)), 3);
	else
		json_put_null(w, name);
}

static void scrape_report(const struct collector *c, struct json_writer *w)
{
	json_put_string(w, "target", c->config->target);
	if (c->known)
		json_put_bool(w, "up", *c->up);
	else
		json_put_null(w, "up");
	json_put_u64(w, "series", series_target_count(c->target));
	put_age(c, w, "seconds_since_scrape", c->known, c->ended);
	put_age(c, w, "seconds_since_good_scrape", c->was_good, c->good);
	json_put_string(w, "error", c->why);
	relabelling_report(&c->relabel, w);
	refusals_report(&c->refusals, w);
}

static int scrape_start(struct collector *c)
{
	if (c->config->interval.ns)
		loop_timer_set(&c->timer, DURATION_MS(0));
	return 0;
}

static void scrape_stop(struct collector *c)
{
	loop_timer_clear(&c->timer);
	if (c->call)
		http_call_cancel(c->call);
	c->call = NULL;
	c->waits = false;
	loop_soon_done(&c->slices);
}

static void scrape_destroy(struct collector *c)
{
	if (!c)
		return;
	scrape_stop(c);
	loop_timer_done(&c->timer);
	loop_soon_done(&c->tidy);
	exposition_read_done(&c->page);
	series_target_free(c->target);
	relabelling_done(&c->relabel);
	access_done(&c->access);
	free(c);
}

static int new_target(struct collector *c)
{
	const struct option_map *map = c->config->labels;
	int failed;

	if (map->count > SERIES_TARGET_LABELS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < map->count; i++)
		c->labels[i] = (struct series_label){ map->pairs[i].key, map->pairs[i].value };
	failed = relabelling_init(&c->relabel, c->host, c->config->relabel);
	if (!failed)
		failed = relabelling_target(&c->relabel, host_series(c->host), c->labels, map->count, &c->target);
	if (!failed)
		series_target_honor_timestamps(c->target, c->config->honor_timestamps);
	if (failed == -EINVAL)
		host_log(c->host, LOG_LEVEL_ERROR,
			"labels: not the name of a label; expected letters, digits and _, not beginning with a digit");
	return failed;
}

static int scrape_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	int failed;

	c->host = host;
	c->config = config;
	(void)write_url(c->config, c->url); /* which check() found to fit */
	protocols_accept(c->config->scrape_protocols, c->accept);
	loop_timer_init(&c->timer, host_loop(host), on_timer, c);
	loop_soon_init(&c->tidy, host_loop(host), on_tidy, c);
	loop_soon_init(&c->slices, host_loop(host), on_slice, c);
	failed = access_init(&c->access, &c->config->access, host);
	if (!failed)
		failed = new_target(c);
	if (failed) {
		scrape_destroy(c);
		return failed;
	}
	c->up = host_own_gauge(host, "target", "target_up", "1 if the last scrape of the target succeeded, else 0.");
	c->down = host_common_gauge(host, "targets_down", "Targets whose last scrape failed.");
	c->samples = host_own_gauge(host, "target", "target_samples", "Samples from the last scrape of the target.");
	c->scrapes = host_counter(host, "scrapes_total", "Scrapes started.");
	c->failures = host_counter(host, "scrape_failures_total", "Scrapes that failed.");
	*ret = c;
	return 0;
}

const struct collector_type collector_scrape = {
	.name = "scrape",
	.summary = "Reads a Prometheus page over TCP or a Unix socket.",
	.signals = SIGNAL_METRICS,
	.when_full = FULL_PAUSE,
	.rewind = REWIND_NONE,
	.options = scrape_options,
	.config_size = sizeof(struct scrape_config),
	.check = scrape_check,
	.create = scrape_create,
	.start = scrape_start,
	.collect = scrape_collect,
	.report = scrape_report,
	.stop = scrape_stop,
	.destroy = scrape_destroy,
};
