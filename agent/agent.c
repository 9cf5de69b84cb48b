#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "addresses.h"
#include "base/cgroup.h"
#include "base/path.h"
#include "base/text.h"
#include "base/trim.h"
#include "http/client.h"
#include "http/taken.h"
#include "loop/lane.h"
#include "loop/resolve.h"
#include "registry.h"

enum {
	LANE_DEPTH = 256,
	CONNECTIONS_MAX = 32,
	PROBE_CONNECTIONS = 1024, /* many: under a flood each is there until so many others have come */
	PULLS_AT_ONCE = 64, /* of /metrics that are sent; the kernel keeps up to 128 KiB of each */
	CONTROL_CONNECTIONS = 16,
	ANSWERS_MAX = 1 << 20, /* bytes of health, status and listings that nobody has taken, but for the only one */
	LOOK_MS = 20, /* how often a draining agent looks whether it is done */
	KEEP_MS = 1000, /* after this much of the end what is not delivered goes to the spool */
	RESERVE_MS = 1000, /* of exit.within, for closing: the spool and the last commit */
	PATIENCE_AFTER_INTERRUPT_MS = 2000,
	HOLD_TIMEOUT_S = 5,
	TRIM_AFTER_MS = 2000,
	TELL_HELD_S = 10,
	WAITING_MAX = 600, /* of a log line */
	MEMORY_BESIDE = 20 << 20, /* that the process may need beside `memory`, see README.md */
	MEMORY_MIN = 2 << 20,
};

static const char who[] = "agent";
static const enum signal place_signals[PLACES] = { [PLACE_RECEIVE] = SIGNAL_TRACES,
	[PLACE_METRICS] = SIGNAL_METRICS,
	[PLACE_LOGS] = SIGNAL_LOGS,
	[PLACE_LOGS_STEPS] = SIGNAL_LOGS,
	[PLACE_LOGS_OUT] = SIGNAL_LOGS,
	[PLACE_TRACES_OUT] = SIGNAL_TRACES };

/* Signals of the operating system. */

static void end_now(struct agent *a)
{
	a->phase = AGENT_ENDING;
	loop_timer_clear(&a->look);
	loop_timer_clear(&a->keep);
	loop_timer_clear(&a->deadline);
	loop_stop(a->loop);
}

static bool all_quiet(const struct agent *a)
{
	for (const struct intake *i = a->intakes; i; i = i->next)
		if (i->started && i->type->quiet && !i->type->quiet(i->collector))
			return false;
	return pipeline_idle(&a->pipeline);
}

static void on_look(void *context)
{
	struct agent *a = context;

	if (all_quiet(a))
		end_now(a);
	else
		loop_timer_set(&a->look, DURATION_MS(LOOK_MS));
}

static void on_deadline(void *context)
{
	struct agent *a = context;

	log_warn(a->log, who, "exit.within is nearly over: keeping what is left for the next start");
	end_now(a);
}

/* What the end waits for, as people read it; as much as has room. */
static void list_waiting(const struct agent *a, struct buffer *to)
{
	for (const struct intake *i = a->intakes; i; i = i->next)
		if (i->started && i->type->quiet && !i->type->quiet(i->collector))
			(void)!buffer_printf(to, "%s%s", to->size ? ", " : "", i->host->name);
	for (const struct outlet *o = a->outlets; o; o = o->next)
		if (o->sender->queued_records > 0)
			(void)!buffer_printf(to, "%s%s (%llu records%s%s)", to->size ? ", " : "", o->sender->name,
				(unsigned long long)o->sender->queued_records, *o->sender->failure ? ": " : "",
				o->sender->failure);
	if (to->size == 0)
		(void)!buffer_text(to, "the last batches and what is on its way to disk");
}

static void tell_waiting(const struct agent *a)
{
	struct buffer text;

	buffer_init(&text, WAITING_MAX);
	list_waiting(a, &text);
	log_info(a->log, who, "waiting for %.*s, until %s at most", (int)text.size, text.size ? text.data : "",
		a->until);
	log_info(a->log, who, "what is not delivered goes to disk now, and doors answer when it is there");
	buffer_done(&text);
}

static void on_keep(void *context)
{
	struct agent *a = context;

	a->phase = AGENT_KEEPING;
	tell_waiting(a);
	pipeline_drain(&a->pipeline); /* an open batch, if any */
	spool_save(a);
}

static void stop_doors(struct agent *a)
{
	for (struct intake *i = a->intakes; i; i = i->next)
		if (i->started && i->type->when_full != FULL_PAUSE && i->type->stop)
			i->type->stop(i->collector);
}

static void drain(struct agent *a, struct duration patience)
{
	struct wall_time until = loop_wall(a->loop);

	patience.ns = patience.ns > 0 ? patience.ns : 0;
	until.ns += patience.ns;
	wall_format(until, a->until);
	log_info(a->log, who, "ending: reading and sending what is there, until %s at most", a->until);
	a->phase = AGENT_DRAINING;
	for (struct intake *i = a->intakes; i; i = i->next)
		if (i->started && i->type->drain)
			i->type->drain(i->collector);
	pipeline_drain(&a->pipeline);
	loop_timer_set(&a->look, DURATION_MS(LOOK_MS));
	loop_timer_set(&a->keep, DURATION_MS(KEEP_MS));
	loop_timer_set(&a->deadline, patience);
}

/* SIGTERM is what an orchestrator says: the app may still be running. SIGINT comes from a person who wants to be
 * done. A terminal that is closed says SIGHUP, and some say SIGQUIT: as SIGTERM. */
static void on_terminate(void *context, int number)
{
	struct agent *a = context;

	if (a->phase == AGENT_ENDING)
		return; /* it is: what is on its way to the disk is waited for */
	if (a->phase >= AGENT_DRAINING) {
		log_warn(a->log, who, "asked again: ending now");
		end_now(a);
		return;
	}
	if (number != SIGINT) {
		drain(a, (struct duration){ a->config->exit.within.ns - DURATION_MS(RESERVE_MS).ns });
		return;
	}
	drain(a, DURATION_MS(PATIENCE_AFTER_INTERRUPT_MS));
	stop_doors(a);
}

/* Their default is to end the process at once. */
static void on_other_signal(void *context, int number)
{
	const struct agent *a = context;

	log_warn(a->log, who, "signal %d (%s) means nothing here; SIGTERM ends the agent", number, strsignal(number));
}

static const struct {
	int number;
	void (*arrived)(void *, int);
} signal_rows[AGENT_SIGNALS] = { { SIGTERM, on_terminate }, { SIGINT, on_terminate }, { SIGHUP, on_terminate },
	{ SIGQUIT, on_terminate }, { SIGUSR1, on_other_signal }, { SIGUSR2, on_other_signal } };

static int take_signals(struct agent *a)
{
	struct sigaction before;
	int failed = 0;

	for (size_t i = 0; i < AGENT_SIGNALS && !failed; i++) {
		int number = signal_rows[i].number;
		if (number == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue; /* nohup */
		failed = loop_signal_init(&a->signals[i], a->loop, number, signal_rows[i].arrived, a);
	}
	return failed;
}

/* Building. */

/* The disk that state is on fails us, or works again. */
static void on_state_trouble(void *context, const struct state *state)
{
	const struct agent *a = context;
	int failed = state_trouble(state);

	if (!failed)
		log_info(a->log, "state", "%s takes everything again", a->config->state.path);
	else if (failed == -ENOSPC)
		log_error(a->log, "state",
			"no room in %s: spool and parked records are refused, positions go on in blocks owned before",
			a->config->state.path);
	else
		log_error(a->log, "state", "cannot write to %s: %s", a->config->state.path, strerror(-failed));
}

static const struct {
	const char *name; /* on /status */
	const char *what;
} losses[] = {
	[STATE_NO_LOSS] = { "", "" },
	[STATE_EMPTY] = { "state.db is empty",
		"state.db is empty or was removed, though there was a state: positions, spool and parked records are "
		"gone; files are read from where `start` says, and what was sent before may be sent twice" },
	[STATE_OLDER] = { "state.db is older",
		"state.db lacks what was saved last: it is an older copy, or its WAL was removed; the positions since "
		"then are gone: files are read from the older ones, and what was sent since may be sent twice" },
	[STATE_OTHER] = { "state.db is another",
		"state.db and ledger are not of one state: one of them was replaced; files are read from the positions "
		"in state.db, whosesoever they are, and the ledger's rows of socket doors go on" },
	[STATE_NO_LEDGER] = { "ledger is empty",
		"ledger is empty or was removed, though there was a state: what socket doors took, and what became of "
		"it, is counted from nothing; positions are as they were" },
};

static void count_loss(struct agent *a)
{
	++counter_row(&a->counters, COUNTER_GROWS, "state_losses_total", "",
		"Files under `state` that were found to be missing, older or another's.")
		  ->value;
}

/* The folder cannot be used: what to do about it, where it is not somebody else's. */
static void tell_no_state(const struct agent *a, const char *why, int failed)
{
	bool ours = failed == -EACCES || failed == -EROFS || failed == -EPERM || failed == -ENOENT ||
		    failed == -ENOTDIR;

	if (ours)
		log_error(a->log, who,
			"state.path: %s; give `state` in the configuration (or --set state=/FOLDER, or "
			"$STATE_DIRECTORY) a folder that user %u may write to, in a container on a volume",
			why, geteuid());
	else
		log_error(a->log, who, "state.path: %s", why);
}

static void tell_state(struct agent *a, const char *path)
{
	if (a->config->state.temporary)
		log_warn(a->log, who,
			"state is in %s because no better folder can be written to; it is lost when the container "
			"goes: set `state` to a folder on a volume",
			path);
	if (state_loss(a->state)) {
		count_loss(a);
		log_error(a->log, who, "in %s, %s", path, losses[state_loss(a->state)].what);
	}
	if (state_is_copy(a->state))
		log_warn(a->log, who,
			"%s is a copy of another state: its lines have ids of their own from now on; those that were "
			"under way when it was copied may come once more",
			path);
	if (state_set_aside(a->state))
		log_error(a->log, who,
			"%s held files that are damaged: set aside as *.corrupt-*; positions, spool or ledger begin "
			"anew",
			path);
}

static int start_services(struct agent *a)
{
	struct state_options options = { .path = a->config->state.path,
		.max = a->config->state.max,
		.trouble = on_state_trouble,
		.damaged = spool_damaged,
		.context = a };
	char why[256] = "";
	int failed = lane_new(a->loop, "oxp-cpu", LANE_DEPTH, &a->cpu);

	if (!failed)
		failed = lane_new(a->loop, "oxp-disk", LANE_DEPTH, &a->disk);
	if (!failed)
		failed = resolver_new(a->loop, &a->resolver);
	if (!failed)
		failed = http_client_new(a->loop,
			&(struct http_client_options){ .connections_max = CONNECTIONS_MAX, .resolver = a->resolver },
			&a->http);
	if (failed) {
		log_error(a->log, who, "cannot start: %s", strerror(-failed));
		return failed;
	}
	options.disk = a->disk;
	failed = state_open(&options, &a->state, why, sizeof why);
	if (failed)
		tell_no_state(a, why, failed);
	else
		tell_state(a, options.path);
	return failed;
}

/* What a source tells, for its collector. */

static enum park on_refused(void *context, const struct refusal *refusal)
{
	struct intake *i = context;

	return parking_park(&i->agent->parking, refusal);
}

static void on_unspool(void *context, const struct batch_row *rows, size_t count)
{
	struct intake *i = context;

	spool_unspool(i->agent, rows, count);
}

static void on_room(void *context)
{
	struct intake *i = context;

	spool_refill(i->agent);
	if (i->collector && i->type->resume)
		i->type->resume(i->collector);
}

static void on_settled(void *context, uint64_t token)
{
	struct intake *i = context;

	if (i->type->settled)
		i->type->settled(i->collector, token);
}

static const struct source_hooks intake_hooks = {
	.park = on_refused, .unspool = on_unspool, .refill = on_room, .settled = on_settled
};

static struct source_options source_options(const struct agent *a, struct intake *i, enum signal signal)
{
	return (struct source_options){
		.name = i->host->name,
		.signal = signal,
		.rewind = i->type->rewind,
		.chain = signal == SIGNAL_LOGS ? a->log_steps : NULL,
		.limits = signal == SIGNAL_LOGS ? a->config->logs_batch : a->config->traces_batch,
		.generation = i->type->rewind == REWIND_NONE ? state_generation_next(a->state) : 0,
		.hooks = &intake_hooks,
		.context = i,
	};
}

static bool takes_from(const struct outlet *o, const char *collector)
{
	const struct option_list *from = o->config->from;

	for (size_t i = 0; from && i < from->count; i++)
		if (strcmp(from->items[i], collector) == 0)
			return true;
	return !from || from->count == 0;
}

/* Every exporter of the signal that takes from this collector. */
static void route(struct agent *a, struct source *s, const char *collector)
{
	for (struct outlet *o = a->outlets; o; o = o->next)
		if (o->signal == s->options.signal && takes_from(o, collector))
			source_route(s, o->sender);
}

static struct host *add_host(struct agent *a, enum place place, const char *name)
{
	struct host *h = host_new(a, place_path(place), name);

	h->next = a->hosts;
	a->hosts = h;
	return h;
}

static int add_exporter(struct agent *a, enum place place, const struct config_component *c)
{
	const struct exporter_type *type = c->type->type;
	struct outlet *o = oxp_new(sizeof *o), **at = &a->outlets;
	struct exporter *exporter;
	int failed;

	while (*at)
		at = &(*at)->next;
	*at = o;
	o->agent = a;
	o->config = c->common;
	o->signal = place_signals[place];
	o->host = add_host(a, place, c->name);
	o->sender = pipeline_sender(&a->pipeline, o->host->name, type, &o->config->limits);
	failed = type->create(c->options, o->host, &exporter);
	if (failed)
		return failed;
	sender_exporter(o->sender, exporter);
	destinations_count(a, o);
	return 0;
}

static void open_books(struct agent *a, struct ledger_row *row, struct books_disk *disk)
{
	uint64_t killed;

	disk->parked = state_parked_sum(a->state, row->signal, row->source, row->destination);
	if (books_open(a->state, row, disk, &killed) < 0)
		log_warn(a->log, row->source, "the saved ledger is full: this row starts from nothing");
	if (killed)
		log_warn(a->log, row->source,
			"the last run was killed with %llu records of %s in memory: lost, and counted",
			(unsigned long long)killed, row->signal);
}

/* A source for what the collector offers, with the ledger of earlier runs. */
static int add_source(struct agent *a, struct intake *i, enum place place, const char *name)
{
	struct source_options o = source_options(a, i, place_signals[place]);
	struct books_disk disk[ROUTES_MAX];
	int failed;

	i->host->source = pipeline_source(&a->pipeline, &o);
	route(a, i->host->source, name);
	if (source_routes(i->host->source) == 0) {
		log_error(a->log, i->host->name, "no exporter takes from it: see `from` of %s",
			place_path(place == PLACE_LOGS ? PLACE_LOGS_OUT : PLACE_TRACES_OUT));
		return -EINVAL;
	}
	failed = spool_restore(a, i->host->source, disk);
	for (size_t k = 0; k < source_routes(i->host->source); k++)
		open_books(a, source_row(i->host->source, k), &disk[k]);
	return failed;
}

static int add_collector(struct agent *a, enum place place, const struct config_component *c)
{
	struct intake *i = oxp_new(sizeof *i), **at = &a->intakes;
	int failed = 0;

	while (*at)
		at = &(*at)->next;
	*at = i;
	i->agent = a;
	i->type = c->type->type;
	i->host = add_host(a, place, c->name);
	if (place == PLACE_METRICS) {
		metrics_add(&a->metrics, i);
		open_books(a, i->host->samples, &(struct books_disk){ .spooled_to = 0 });
	} else {
		failed = add_source(a, i, place, c->name);
	}
	return failed ? failed : i->type->create(c->options, i->host, &i->collector);
}

static int add_step(struct agent *a, enum place place, const struct config_component *c)
{
	const struct step_type *type = c->type->type;
	struct host *h = add_host(a, place, c->name);
	struct step *step;
	int failed = type->create(c->options, h, &step);

	if (failed)
		return failed;
	if (!a->log_steps)
		a->log_steps = chain_new();
	failed = chain_add(a->log_steps, type, step,
		host_counter(h, "step_dropped_records_total", "Records that this step left out."));
	if (failed) {
		host_log(h, LOG_LEVEL_ERROR, "%s",
			failed == -EEXIST ? "one step of its kind is enough" : "too many steps");
		type->destroy(step);
	}
	return failed;
}

static int add_check(struct agent *a, enum place place, const struct config_component *c)
{
	const struct check_type *type = c->type->type;
	struct host *h = add_host(a, place, c->name);
	struct health_check *slot = health_add(&a->health, h->name, type, c->common);
	struct check *check;
	int failed;

	h->checked = health_checked;
	h->context = slot;
	failed = type->create(c->options, h, &check);
	if (!failed)
		health_check_set(slot, check);
	return failed;
}

/* Exporters first: sources are routed to what is there. */
static int add_components(struct agent *a)
{
	static const struct {
		enum place place;
		int (*add)(struct agent *, enum place, const struct config_component *);
	} order[] = { { PLACE_LOGS_OUT, add_exporter }, { PLACE_TRACES_OUT, add_exporter },
		{ PLACE_LOGS_STEPS, add_step }, { PLACE_LOGS, add_collector }, { PLACE_METRICS, add_collector },
		{ PLACE_RECEIVE, add_collector }, { PLACE_CHECKS, add_check } };

	for (size_t i = 0; i < COUNT_OF(order); i++)
		for (const struct config_component *c = a->config->components[order[i].place]; c; c = c->next) {
			int failed = order[i].add(a, order[i].place, c);
			if (failed) {
				log_error(a->log, who, "cannot start %s.%s (%s:%u): %s", place_path(order[i].place),
					c->name, c->place.file ? c->place.file : "built-in defaults", c->place.line,
					strerror(-failed));
				return failed;
			}
		}
	return 0;
}

/* What sockets bring is known by the number of this run: it is on disk before they open. */
static void save_numbers(struct agent *a)
{
	int failed = state_generation_save(a->state);

	if (failed)
		log_warn(a->log, who, "the numbers of this run could not be saved: %s; the next may use them again",
			strerror(-failed));
}

static int start_collectors(struct agent *a)
{
	save_numbers(a);
	for (struct intake *i = a->intakes; i; i = i->next) {
		int failed = i->type->start(i->collector);
		if (failed) {
			log_error(a->log, i->host->name, "cannot start: %s", strerror(-failed));
			return failed;
		}
		i->started = true;
	}
	return 0;
}

static void know_store(struct agent *a)
{
	uint64_t known = state_store_known(a->state), id = store_id(a->store);

	if (known && known != id) {
		count_loss(a);
		log_error(a->log, "store",
			"in %s, store.db is empty, was removed or is another, though there was one: what it held is "
			"gone",
			a->config->state.path);
	}
	state_store_know(a->state, id);
}

struct store *agent_store(struct agent *a)
{
	const struct store_limits limits = { a->config->store.max, a->config->store.age };
	char why[256];

	if (a->store)
		return a->store;
	if (store_open(a->config->state.path, &limits, &a->store, why, sizeof why) < 0)
		log_error(a->log, "store", "%s", why);
	else
		know_store(a);
	return a->store;
}

/* The doors of the agent itself. */

static void on_status(void *context, struct http_request *request)
{
	struct agent *a = context;
	struct buffer out;

	buffer_init(&out, REPORT_MAX);
	if (report_write(&a->report, loop_wall(a->loop), &out))
		http_respond_text(request, 500, "text/plain", "the report is too large\n");
	else
		http_respond(request,
			&(struct http_answer){ .status = 200, .content_type = "application/json", .body = &out });
	buffer_done(&out);
}

static int listen_on(struct agent *a, struct http_server_options o, const struct http_route *routes,
	struct http_server **server)
{
	char labels[64];
	int failed;

	snprintf(labels, sizeof labels, "component=\"%s\"", o.name);
	o.evicted = &counter_row(&a->counters, COUNTER_GROWS, "connections_evicted_total", labels,
			"Connections that were silent or unfinished for longest when others needed their place.")
			     ->value;
	failed = http_server_new(a->loop, &o, routes, server);
	if (failed)
		log_error(a->log, who, "%s: cannot serve: %s", o.name, strerror(-failed));
	return failed;
}

static int listen_at(struct agent *a, struct http_server *server, const char *address)
{
	int failed = http_server_listen(server, address, NULL);
	char why[LISTEN_WHY_MAX];

	if (!failed)
		return 0;
	listen_why(address, SOCK_STREAM, failed, why);
	log_error(a->log, who, "cannot listen on %s: %s; `%s` in the configuration moves it", address, why,
		server == a->listen ? "listen" : "control");
	return failed;
}

static int open_doors(struct agent *a)
{
	const struct http_server_options probes = { .name = "listen",
		.body_max = 4096,
		.connections_max = PROBE_CONNECTIONS,
		.answers_max = ANSWERS_MAX,
		.idle = { HOLD_TIMEOUT_S * 1000000000LL },
		.priority = LOOP_PROBES,
		.socket_mode = 0660,
		.origins = { a->config->origins->items, a->config->origins->count, "origins" } };
	static const struct http_server_options control = { .name = "control",
		.body_max = 4096,
		.connections_max = CONTROL_CONNECTIONS,
		.answers_max = ANSWERS_MAX,
		.idle = { HOLD_TIMEOUT_S * 1000000000LL },
		.priority = LOOP_PROBES,
		.socket_mode = 0600 };
	int failed;

	a->routes[0] = (struct http_route){
		.path = "/metrics",
		.complete = metrics_pull,
		.gone = metrics_gone,
		.context = &a->metrics,
		.at_once = PULLS_AT_ONCE,
	};
	a->routes[1] =
		(struct http_route){ .path = "/health/liveness", .complete = health_liveness, .context = &a->health };
	a->routes[2] = (struct http_route){ .path = "/health", .complete = health_liveness, .context = &a->health };
	a->routes[3] =
		(struct http_route){ .path = "/health/readiness", .complete = health_readiness, .context = &a->health };
	a->routes[4] = (struct http_route){ .path = "/ready", .complete = health_readiness, .context = &a->health };
	a->routes[5] = (struct http_route){ .path = "/health/delivery", .complete = destinations_health, .context = a };
	a->control_routes[0] = (struct http_route){ .path = "/status", .complete = on_status, .context = a };
	a->control_routes[1] = a->routes[3]; /* for `oxpecker health`, whatever strangers do to `listen` */
	parked_routes(&a->parked, &a->control_routes[2]);
	failed = listen_on(a, probes, a->routes, &a->listen);
	if (!failed)
		failed = listen_on(a, control, a->control_routes, &a->control);
	for (size_t i = 0; i < a->config->listen->count && !failed; i++)
		failed = listen_at(a, a->listen, a->config->listen->items[i]);
	return failed ? failed : listen_at(a, a->control, a->config->control);
}

/* Sections of the report. */

static int report_sources(void *context, struct buffer *out)
{
	const struct agent *a = context;
	const char *comma = "[";
	int failed = 0;

	for (const struct intake *i = a->intakes; i && !failed; i = i->next, comma = ",")
		failed = buffer_printf(out, "%s{\"name\":\"%s\"", comma, i->host->name) ||
			 (i->collector && i->type->report && i->type->report(i->collector, out)) ||
			 buffer_text(out, "}");
	return failed ? failed : buffer_text(out, a->intakes ? "]" : "[]");
}

static int report_checks(void *context, struct buffer *out)
{
	const struct agent *a = context;
	const char *comma = "[";
	int failed = 0;

	for (const struct health_check *c = a->health.checks; c && !failed; c = c->next, comma = ",")
		failed = buffer_printf(out, "%s{\"name\":\"%s\",\"fine\":%s,\"why\":", comma, c->name,
				 c->fine ? "true" : "false") ||
			 json_string_append(out, c->why, strlen(c->why)) || buffer_text(out, "}");
	return failed ? failed : buffer_text(out, a->health.checks ? "]" : "[]");
}

static int report_state(void *context, struct buffer *out)
{
	const struct agent *a = context;
	const char *path = a->config->state.path, *error = "";

	if (state_trouble(a->state))
		error = strerror(-state_trouble(a->state));
	return buffer_text(out, "{\"path\":") || json_string_append(out, path, strlen(path)) ||
	       buffer_printf(out,
		       ",\"lost\":\"%s\",\"max_bytes\":%llu,\"spool_bytes\":%llu,\"failed_commits\":%llu,\"error\":",
		       losses[state_loss(a->state)].name,
		       (unsigned long long)a->config->state.max,
		       (unsigned long long)state_spool_bytes_all(a->state),
		       (unsigned long long)state_failures(a->state)) ||
	       json_string_append(out, error, strlen(error)) || buffer_text(out, "}");
}

/*
 * A ceiling that the kernel would not let us reach is none: the process would be killed first, with all it holds. The
 * rest of the limit is for what is not telemetry, and for pages of files, which are charged, too.
 */
static uint64_t memory_within(const struct agent *a, uint64_t wanted, uint64_t limit)
{
	uint64_t rest = limit > MEMORY_BESIDE ? limit - MEMORY_BESIDE : 0, most = limit / 2 < rest ? limit / 2 : rest;

	most = most > limit / 8 * 3 ? most : limit / 8 * 3;
	most = most > MEMORY_MIN ? most : MEMORY_MIN;
	if (wanted <= most)
		return wanted;
	log_info(a->log, who,
		"memory: %llu KiB in place of %llu KiB, as this process may have %llu KiB in all (its cgroup's limit)",
		(unsigned long long)most >> 10, (unsigned long long)wanted >> 10, (unsigned long long)limit >> 10);
	return most;
}

static double read_memory(void *context)
{
	return (double)budget_used(&((struct agent *)context)->pipeline.budget);
}

static double read_damaged(void *context)
{
	return (double)state_spool_damaged(((struct agent *)context)->state);
}

static void add_numbers(struct agent *a)
{
	struct counter *damaged = counter_row(&a->counters, COUNTER_GROWS, "spool_damaged_rows_total", "",
		"Rows of the spool whose bytes are not what was written: set aside, not sent.");
	struct counter *memory = counter_row(
		&a->counters, COUNTER_GAUGE, "memory_used_bytes", "", "Bytes of telemetry alive in the process.");

	damaged->read = read_damaged;
	damaged->context = a;
	memory->read = read_memory;
	memory->context = a;
	counter_row(&a->counters, COUNTER_GAUGE, "memory_limit_bytes", "", "Its ceiling.")->value =
		a->pipeline.budget.limit;
	a->report = (struct report){
		.ledger = &a->ledger, .counters = &a->counters, .version = OXP_VERSION, .started = loop_wall(a->loop)
	};
	report_add(&a->report, "sources", report_sources, a);
	report_add(&a->report, "destinations", destinations_report, a);
	report_add(&a->report, "checks", report_checks, a);
	report_add(&a->report, "state", report_state, a);
	report_add(&a->report, "parked", parked_report, &a->parked);
	report_add(&a->report, "mapping_conflicts", conflicts_report, &a->conflicts);
}

static void on_tell_held(void *context)
{
	struct agent *a = context;

	log_tell_held(a->log, false);
	loop_timer_set(&a->tell_held, DURATION_S(TELL_HELD_S));
}

/* The start has touched code that is not needed again. */
static void on_settled_in(void *context)
{
	struct agent *a = context;

	log_debug(a->log, who, "gave back the pages of %zu bytes of code", trim_text());
}

static bool have_begun(void *context)
{
	const struct agent *a = context;

	for (const struct intake *i = a->intakes; i; i = i->next)
		if (i->type->began && !i->type->began(i->collector))
			return false;
	return true;
}

static bool take_for_series(void *context, size_t bytes)
{
	return budget_take(context, SIGNAL_METRICS, bytes);
}

static void give_by_series(void *context, size_t bytes)
{
	budget_give(context, SIGNAL_METRICS, bytes);
}

/* Where we can be reached, and from how far. */
static void tell_start(const struct agent *a)
{
	const struct own_address *own = addresses_of(a->config);
	char all[LOG_LINE_MAX / 2], exposed[LOG_LINE_MAX / 4];

	addresses_tell(own, ADDRESSES_ALL, all, sizeof all);
	addresses_tell(own, ADDRESSES_OPEN, exposed, sizeof exposed);
	log_info(a->log, who,
		"oxpecker " OXP_VERSION " is running, pid %d, state in %s; listens on %s; exposed beyond this %s: %s",
		getpid(), a->config->state.path, all, a->config->in_container ? "container" : "machine", exposed);
}

static struct series *new_series(struct agent *a)
{
	struct series_limits limits = series_limits_default;

	limits.take = take_for_series;
	limits.give = give_by_series;
	limits.context = &a->pipeline.budget;
	return series_new(&limits, random_next(&a->random));
}

int agent_start(struct agent *a, const struct agent_config *config, struct log *log)
{
	int failed = loop_new(&clock_system, &a->loop);

	a->config = config;
	a->log = log;
	if (!failed)
		failed = random_seed_kernel(&a->random);
	if (!failed)
		failed = start_services(a);
	if (failed)
		return failed;
	pipeline_init(&a->pipeline, &(struct pipeline_options){ .loop = a->loop,
					    .random = &a->random,
					    .log = log,
					    .ledger = &a->ledger,
					    .memory = memory_within(a, config->memory,
						    cgroup_memory_limit(CGROUP_OF_SELF, CGROUP_MOUNT)) });
	parking_init(&a->parking, a->loop, a->state, log);
	parked_init(&a->parked, a);
	a->series = new_series(a);
	if (!a->series)
		return -ENOMEM;
	health_init(&a->health, a->loop, log);
	a->health.began = have_begun;
	a->health.context = a;
	metrics_init(&a->metrics, a);
	add_numbers(a);
	loop_timer_init(&a->look, a->loop, on_look, a);
	loop_timer_init(&a->deadline, a->loop, on_deadline, a);
	loop_timer_init(&a->keep, a->loop, on_keep, a);
	failed = add_components(a);
	if (!failed)
		spool_tell_left(a);
	if (!failed)
		failed = take_signals(a);
	if (!failed)
		failed = start_collectors(a);
	if (!failed)
		failed = open_doors(a);
	if (failed)
		return failed;
	metrics_start(&a->metrics);
	health_start(&a->health);
	loop_timer_init(&a->leave_again, a->loop, spool_leave, a);
	loop_timer_init(&a->tell_held, a->loop, on_tell_held, a);
	loop_timer_set(&a->tell_held, DURATION_S(TELL_HELD_S));
	loop_timer_init(&a->settled_in, a->loop, on_settled_in, a);
	loop_timer_set(&a->settled_in, DURATION_MS(TRIM_AFTER_MS));
	a->phase = AGENT_RUNNING;
	tell_start(a);
	return 0;
}

void agent_run(struct agent *a)
{
	loop_run(a->loop);
}

/* Ending. */

void agent_committed(struct agent *a)
{
	if (--a->commits == 0)
		loop_stop(a->loop);
}

static void on_committed(void *context, int failed)
{
	struct agent *a = context;

	if (failed)
		log_error(a->log, who, "the last positions could not be saved: %s", strerror(-failed));
	agent_committed(a);
}

static void give_up_commits(void *context)
{
	struct agent *a = context;

	log_error(a->log, who, "the last positions could not be saved in time");
	loop_stop(a->loop);
}

/* A slow disk: what is left is copied at once, and goes with the last commit. */
static void copy_the_rest(void *context)
{
	loop_stop(((struct agent *)context)->loop);
}

/* The disk has so long from now on. */
static void limit_commits(struct agent *a, loop_callback *over)
{
	loop_timer_done(&a->deadline);
	loop_timer_init(&a->deadline, a->loop, over, a);
	loop_timer_set(&a->deadline, DURATION_MS(2 * RESERVE_MS));
}

/* The loop turns until the spool and the last positions are on disk. */
static void commit_all(struct agent *a)
{
	struct state_change *last = state_change_new();

	limit_commits(a, give_up_commits);
	a->commits++;
	for (struct intake *i = a->intakes; i; i = i->next)
		if (i->collector && i->type->rewind == REWIND_SAVED && i->host->source) {
			a->commits++;
			host_positions_commit(i->host, on_committed, a);
		}
	/* Commits end in their order: behind this one none is under way, those of doors and of rows included. */
	state_commit(a->state, &last, on_committed, a);
	if (a->commits > 0)
		loop_run(a->loop);
	loop_timer_clear(&a->deadline);
}

static void stop_collectors(struct agent *a)
{
	http_server_free(a->listen);
	http_server_free(a->control);
	a->listen = a->control = NULL;
	for (struct intake *i = a->intakes; i; i = i->next)
		if (i->collector && i->type->stop)
			i->type->stop(i->collector);
}

static void destroy_components(struct agent *a)
{
	for (struct intake *i; (i = a->intakes);) {
		a->intakes = i->next;
		if (i->collector)
			i->type->destroy(i->collector);
		free(i);
	}
	health_done(&a->health);
	pipeline_done(&a->pipeline);
	chain_free(a->log_steps);
	a->log_steps = NULL;
	for (struct outlet *o; (o = a->outlets);) {
		a->outlets = o->next;
		free(o);
	}
	for (struct host *h; (h = a->hosts);) {
		a->hosts = h->next;
		host_free(h);
	}
}

static void say_goodbye(struct agent *a, uint64_t lost)
{
	if (a->phase < AGENT_RUNNING)
		return;
	log_tell_held(a->log, true);
	if (lost)
		log_error(a->log, who, "ended: %llu records lost", (unsigned long long)lost);
	else
		log_info(a->log, who, "ended: nothing was lost");
}

/* What comes now finds nobody, and must not end the process by its default with another status. */
static void drop_signals(struct agent *a)
{
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < AGENT_SIGNALS; i++)
		sigaddset(&ours, signal_rows[i].number);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	for (size_t i = 0; i < AGENT_SIGNALS; i++)
		loop_signal_done(&a->signals[i]);
}

uint64_t agent_stop(struct agent *a)
{
	uint64_t lost = 0;

	if (a->pipeline.sender_world.loop) {
		stop_collectors(a);
		lane_free(a->cpu); /* what it still holds comes back: bodies are offered, posts go out */
		a->cpu = NULL;
		parking_flush(&a->parking); /* before the rows go that it stands in */
		limit_commits(a, copy_the_rest);
		lost = pipeline_abandon(&a->pipeline, spool_keep, a);
		lost -= pipeline_lost(&a->pipeline); /* there may be more by the last commit */
		spool_keep_end(a);
		parking_flush(&a->parking);
		if (a->leaving)
			spool_leave(a);
		commit_all(a);
		lane_free(a->disk);
		a->disk = NULL;
		lost += a->unkept + pipeline_lost(&a->pipeline);
		parking_done(&a->parking);
		parked_done(&a->parked);
		spool_done(a);
		destroy_components(a);
		metrics_done(&a->metrics);
		say_goodbye(a, lost);
	}
	lane_free(a->cpu);
	lane_free(a->disk);
	http_client_free(a->http);
	resolver_free(a->resolver);
	state_close(a->state);
	store_close(a->store);
	series_free(a->series);
	counters_done(&a->counters);
	conflicts_done(&a->conflicts);
	ledger_done(&a->ledger);
	loop_timer_done(&a->tell_held);
	loop_timer_done(&a->settled_in);
	loop_timer_done(&a->leave_again);
	loop_timer_done(&a->look);
	loop_timer_done(&a->deadline);
	loop_timer_done(&a->keep);
	drop_signals(a);
	loop_free(a->loop);
	return lost;
}
