/*
 * The `push` collector: takes pages of metrics in two ways, told apart by the path.
 *
 * POST /push is for the workers of a prefork server, which look like one process (push_workers.h).
 *
 * The other one is for jobs that do not live long enough to be scraped, by the API of the Pushgateway, so that its
 * clients point here unchanged: PUT, POST and DELETE of /metrics/job/NAME{/LABEL/VALUE}.
 *
 * PUT replaces all that the group has, POST the families that it brings. 200: the page was read and is held; a scrape
 * that comes later has it. 202: the group is gone. What is no page changes nothing, and is answered 400 with the line.
 * (Pushgateway 1.11, README, "API")
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "collectors/door.h"
#include "collectors/push_groups.h"
#include "collectors/push_page.h"
#include "collectors/push_workers.h"

enum { INLINE_MAX = 32 << 10 };

struct push_config {
	const struct option_list *http;
	uint64_t body_max, connections, groups;
	struct duration ttl, grace;
	enum push_mode gauges;
	const struct option_map *gauge_modes;
	const struct option_list *origins;
	const struct option_items *relabel;
	struct guard_config guard;
};

static const struct option push_options[] = {
	{ OPT_ADDRESSES(struct push_config, http), .name = "http", .main = true, .text = "127.0.0.1:9091",
		.help = "Addresses to listen on for the Pushgateway's clients: host:port, :port or unix:/path." },
	{ OPT_DURATION(struct push_config, ttl), .name = "ttl", .text = "never", .zero = "never", .min = 1000,
		.help = "A group goes when nothing was pushed to it for that long; never: when it is deleted." },
	{ OPT_COUNT(struct push_config, groups), .name = "groups", .text = "1000", .min = 1, .max = 10000,
		.help = "Most groups at a time; a push to a further one is answered 503." },
	RELABELLING_ROW(struct push_config, relabel),
	{ OPT_CHOICE(struct push_config, gauges, push_modes_words), .name = "gauges", .text = "sum",
		.help = "What the gauges of live workers become; all: one for each worker, by the label `worker`." },
	{ OPT_MAP(struct push_config, gauge_modes), .name = "gauge_modes",
		.example = "{process_start_time_seconds: min, app_queue_length: max}",
		.help = "The same for single families." },
	{ OPT_DURATION(struct push_config, grace), .name = "grace", .text = "30s", .min = 10, .max = 3600000,
		.help = "How long a worker with a name may be without a connection before it is dead." },
	DOOR_BODY_MAX_OPTION(struct push_config, body_max, "a quarter", ""),
	{ OPT_COUNT(struct push_config, connections), .name = "connections", .text = "128", .min = 1, .max = 4096,
		.help = DOOR_CONNECTIONS_HELP },
	{ OPT_TEXTS(struct push_config, origins), .name = "origins", .example = "[\"https://app.example.com\"]",
		.help = DOOR_ORIGINS_HELP },
	GUARD_ROWS(struct push_config, guard),
	{ .name = NULL },
};

struct collector {
	struct host *host;
	const struct push_config *config;
	struct door door;
	struct push_file file;
	struct push_groups groups;
	struct push_workers workers;
	struct http_route routes[7];
	bool wanted; /* host_collected() is due */
};

struct push_request {
	struct door_request base;
	struct push_key key;
	enum exposition_format format;
	bool replaces;
};

static struct push_request *push_of(struct door_request *r)
{
	return CONTAINER_OF(r, struct push_request, base);
}

static struct collector *collector_of(const struct door_request *r)
{
	return CONTAINER_OF(r->door, struct collector, door);
}

static void answer(struct http_request *request, unsigned status, const char *message)
{
	static const char *const later[] = { "Retry-After", "1", NULL };
	struct buffer out;

	buffer_init(&out, DOOR_REASON_MAX + EXPOSITION_WHAT_MAX);
	if (message && buffer_printf(&out, "%s\n", message) < 0)
		buffer_clear(&out);
	http_respond(request, &(struct http_answer){ .status = status,
				      .content_type = "text/plain; charset=utf-8",
				      .headers = status == 503 ? later : NULL,
				      .body = &out });
	buffer_done(&out);
}

static const char other_protobuf[] =
	"protobuf is read with proto=io.prometheus.client.MetricFamily; encoding=delimited";

/* The Pushgateway reads as text whatever is not protobuf, since curl calls it a form. */
static enum exposition_format format_of(struct http_request *request)
{
	const char *type = http_request_header(request, "Content-Type");

	if (type && media_type_is(bytes_of(type), "application/openmetrics-text"))
		return EXPOSITION_OPENMETRICS;
	if (type && media_type_is(bytes_of(type), "application/vnd.google.protobuf"))
		return exposition_format(bytes_of(type));
	return EXPOSITION_TEXT;
}

static void look(struct door_request *base)
{
	struct push_request *r = push_of(base);
	struct bytes text = { base->body.data, base->body.size };

	if (!push_page_check(text, r->format, base->reason, sizeof base->reason))
		base->fault = base->reason;
}

/* Nothing is offered: the page stays with its group. */
static bool fill(struct door_request *r)
{
	(void)r;
	return true;
}

static void taken(struct door_request *base)
{
	struct push_request *r = push_of(base);
	struct collector *c = collector_of(base);
	const char *why = push_groups_full(&c->groups, &r->key, r->replaces);
	struct push_page page = { .replaces = r->replaces, .format = r->format };

	if (why) {
		door_refuse(base, 503, why);
		return;
	}
	page.text.data = batch_block_trim(base->body.batch, base->body.size);
	page.text.size = base->body.size;
	page.batch = base->body.batch;
	if (!push_groups_take(&c->groups, &r->key, &page)) {
		door_refuse(base, 503, "no memory for the group; try again");
		return;
	}
	base->body.batch = NULL;
	door_answered(base, &(struct http_answer){ .status = 200 });
}

/* A refusal of a page is the group's last failure. */
static void refuse(struct door_request *base, unsigned status, const char *message)
{
	if (status == 400)
		push_groups_failed(&collector_of(base)->groups, &push_of(base)->key);
	answer(base->request, status, message);
}

static void respond(struct door_request *base, const struct http_answer *said)
{
	http_respond(base->request, said);
}

static void done(struct door_request *base)
{
	(void)base;
}

static const struct door_voice voice = { .refuse = refuse, .respond = respond, .done = done };

static enum http_take begin(void *context, struct http_request *request)
{
	struct collector *c = CONTAINER_OF(context, struct collector, door);
	enum http_take take = door_begin(&c->door, request, NULL);
	struct push_request *r;
	const char *why;

	if (take == HTTP_ANSWERED)
		return take;
	r = push_of(http_context(request));
	r->base.voice = &voice;
	r->replaces = http_request_method(request) == HTTP_PUT;
	r->format = format_of(request);
	why = push_path_read(bytes_of(http_request_path(request)), &r->key);
	if (why)
		return door_refuse(&r->base, 404, why);
	if (r->format == EXPOSITION_UNKNOWN)
		return door_refuse(&r->base, 415, other_protobuf);
	why = push_groups_full(&c->groups, &r->key, r->replaces);
	return why ? door_refuse(&r->base, 503, why) : HTTP_TAKEN;
}

static const struct door_type type = { .signal = SIGNAL_METRICS,
	.request_size = sizeof(struct push_request),
	.inline_max = INLINE_MAX,
	.look = look,
	.fill = fill,
	.taken = taken,
	.answer = answer };

/* Workers. */

static const char worker_path[] = "/push", worker_header[] = "X-Oxpecker-Worker";

/* What the connection is watched with; NULL: there is no more place for workers. */
static struct push_link *link_of(struct collector *c, struct http_request *request)
{
	struct push_link *link = http_request_watcher(request);

	if (link)
		return link;
	link = oxp_new(sizeof *link);
	link->all = &c->workers;
	if (!http_request_process(request, link->process))
		link->process[0] = '\0';
	if (http_request_watch(request, push_link_closed, link))
		return link;
	free(link);
	return NULL;
}

static void worker_taken(struct door_request *base)
{
	struct collector *c = collector_of(base);
	struct push_link *link = base->request ? link_of(c, base->request) : NULL;
	struct push_worker_page page = { .text.format = push_of(base)->format };

	if (!link) {
		door_refuse(base, 503, "as many workers are connected as `connections` allows, less a quarter");
		return;
	}
	if (push_workers_full(&c->workers, link)) {
		door_refuse(base, 503, "what was pushed before is still being summed up; try again");
		return;
	}
	page.text.text.data = batch_block_trim(base->body.batch, base->body.size);
	page.text.text.size = base->body.size;
	page.batch = base->body.batch;
	base->body.batch = NULL;
	push_workers_take(link, http_request_header(base->request, worker_header), &page);
	door_answered(base, &(struct http_answer){ .status = 200 });
}

static void worker_refuse(struct door_request *base, unsigned status, const char *message)
{
	answer(base->request, status, message);
}

static const struct door_voice worker_voice = { .refuse = worker_refuse, .respond = respond, .done = done };

static const struct door_type worker_type = { .signal = SIGNAL_METRICS,
	.request_size = sizeof(struct push_request),
	.inline_max = INLINE_MAX,
	.look = look,
	.fill = fill,
	.taken = worker_taken,
	.answer = answer };

static enum http_take worker_begin(void *context, struct http_request *request)
{
	struct collector *c = CONTAINER_OF(context, struct collector, door);
	const char *name = http_request_header(request, worker_header), *why = NULL;
	enum http_take take = door_begin_as(&c->door, &worker_type, request, NULL);
	struct push_request *r;

	if (take == HTTP_ANSWERED)
		return take;
	r = push_of(http_context(request));
	r->base.voice = &worker_voice;
	r->format = format_of(request);
	if (r->format == EXPOSITION_UNKNOWN)
		return door_refuse(&r->base, 415, other_protobuf);
	if (name && !push_worker_name_fine(name, &why))
		return door_refuse(&r->base, 400, why);
	return HTTP_TAKEN;
}

/* Routes. */

static void on_delete(void *context, struct http_request *request)
{
	struct collector *c = CONTAINER_OF(context, struct collector, door);
	struct push_key key;
	const char *why = push_path_read(bytes_of(http_request_path(request)), &key);

	if (!why)
		push_groups_delete(&c->groups, &key);
	answer(request, why ? 404 : 202, why);
}

static void on_healthy(void *context, struct http_request *request)
{
	(void)context;
	answer(request, 200, "OK");
}

static struct http_route page_route(struct collector *c, enum http_method method, const char *path)
{
	return (struct http_route){ .method = method,
		.path = path,
		.begin = strcmp(path, worker_path) == 0 ? worker_begin : begin,
		.body = door_body,
		.into = door_into,
		.complete = door_complete,
		.gone = door_gone,
		.context = &c->door };
}

static void make_routes(struct collector *c)
{
	struct http_route *to = c->routes;

	*to++ = (struct http_route){ .method = HTTP_GET, .path = "/-/healthy", .complete = on_healthy };
	*to++ = (struct http_route){ .method = HTTP_GET, .path = "/-/ready", .complete = on_healthy };
	*to++ = page_route(c, HTTP_POST, worker_path);
	*to++ = page_route(c, HTTP_PUT, "*");
	*to++ = page_route(c, HTTP_POST, "*");
	*to++ = (struct http_route){ .method = HTTP_DELETE, .path = "*", .complete = on_delete, .context = &c->door };
}

/* The groups or the workers are as they were asked for. */
static void on_ready(void *context)
{
	struct collector *c = context;

	if (c->wanted && !c->workers.asked && push_groups_ready(&c->groups)) {
		c->wanted = false;
		host_collected(c->host);
	}
}

static bool push_check(const void *config, char *why, size_t room)
{
	const struct push_config *c = config;

	return door_check_origins(c->origins, why, room) && guard_check(&c->guard, why, room) &&
	       push_modes_check(c->gauge_modes, why, room);
}

static void push_destroy(struct collector *c)
{
	if (c) {
		door_done(&c->door);
		push_file_close(&c->file);
		push_groups_done(&c->groups);
		push_workers_done(&c->workers);
		push_file_done(&c->file);
	}
	free(c);
}

static int push_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	struct push_workers_options workers;
	int failed;

	c->host = host;
	c->config = config;
	push_file_init(&c->file, host);
	failed = door_init(&c->door, &type, host, door_body_max(host, c->config->body_max, DOOR_BODY_PART));
	if (!failed)
		failed = push_groups_init(&c->groups, host,
			&(struct push_options){ c->config->ttl, c->config->groups, c->config->relabel, &c->file });
	workers = (struct push_workers_options){ { c->config->gauges, c->config->gauge_modes }, c->config->grace,
		c->config->connections, &c->file };
	push_workers_init(&c->workers, host, &workers);
	if (!failed)
		failed = push_workers_relabel(&c->workers, c->config->relabel);
	if (failed) {
		push_destroy(c);
		return failed;
	}
	c->door.origins = c->config->origins;
	c->door.guarded = &c->config->guard;
	c->groups.ready = on_ready;
	c->workers.ready = on_ready;
	c->groups.context = c->workers.context = c;
	make_routes(c);
	*ret = c;
	return 0;
}

static int push_start(struct collector *c)
{
	struct push_visit groups = push_groups_visit(&c->groups), workers = push_workers_visit(&c->workers);

	push_file_restore(&c->file, &groups, &workers);
	return door_start(&c->door, c->config->http, c->config->connections, c->routes);
}

/* A pull has what was answered for before it came. */
static void push_collect(struct collector *c, struct mono_time deadline)
{
	bool workers = push_workers_ask(&c->workers), groups = push_groups_ask(&c->groups);

	(void)deadline;
	c->wanted = !workers || !groups;
	if (!c->wanted)
		host_collected(c->host);
}

static void push_report(const struct collector *c, struct json_writer *w)
{
	push_groups_report(&c->groups, w);
	push_workers_report(&c->workers, w);
	push_file_report(&c->file, w);
	door_report(&c->door, w);
}

static bool push_quiet(struct collector *c)
{
	return c->door.open == 0;
}

static void push_stop(struct collector *c)
{
	door_stop(&c->door);
	push_file_end(&c->file);
}

const struct collector_type collector_push = {
	.name = "push",
	.summary = "Takes pages from jobs that do not live long, as the Pushgateway does, and from workers.",
	.signals = SIGNAL_METRICS,
	.when_full = FULL_REFUSE,
	.rewind = REWIND_NONE,
	.options = push_options,
	.config_size = sizeof(struct push_config),
	.check = push_check,
	.create = push_create,
	.start = push_start,
	.collect = push_collect,
	.report = push_report,
	.quiet = push_quiet,
	.stop = push_stop,
	.destroy = push_destroy,
};
