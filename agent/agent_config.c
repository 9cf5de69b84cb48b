#include "agent_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "config/read.h"
#include "guesses.h"
#include "http/origin.h"
#include "memory_limit.h"
#include "otlp_variables.h"
#include "registry.h"
#include "state_path.h"

enum { MIB = 1 << 20 };

static const struct option service_rows[] = {
	{ OPT_TEXT(struct agent_config, service.name), .name = "name", .example = "api",
		.help = "Name of the app; if it is missing, OTEL_SERVICE_NAME." },
	{ OPT_TEXT(struct agent_config, service.version), .name = "version", .example = "1.4.2",
		.help = "Version of the app." },
	{ OPT_TEXT(struct agent_config, service.environment), .name = "environment", .example = "production",
		.help = "Where the app runs." },
	{ .name = NULL },
};

static const struct option listen_rows[] = {
	{ OPT_ADDRESSES(struct agent_config, listen), .name = "listen", .main = true, .example = "[\":9464\"]",
		.help = "Addresses that serve /metrics and the probes." },
	{ .name = NULL },
};

static const struct option origins_rows[] = {
	{ OPT_TEXTS(struct agent_config, origins), .name = "origins", .main = true,
		.example = "[\"https://grafana.example.com\"]",
		.help = "Origins of web pages that may ask at `listen`: scheme://host:port, or *. At a loopback "
			"address, their hosts are also accepted as Host." },
	{ .name = NULL },
};

static const struct option access_rows[] = {
	GUARD_ROWS(struct agent_config, access),
	{ OPT_BOOL(struct agent_config, open_probes), .name = "open_probes", .text = "true",
		.help = "Whether probes are answered to everybody: without credentials, and without a certificate." },
	{ .name = NULL },
};

static const struct option control_rows[] = {
	{ OPT_ADDRESS(struct agent_config, control), .name = "control", .main = true,
		.example = "unix:/run/oxpecker/control.sock",
		.help = "Socket that serves the full status; if it is missing, control.sock in "
			"state.path." },
	{ .name = NULL },
};

static const struct option control_access_rows[] = {
	UNIX_GUARD_ROWS(struct agent_config, control_access, "0600"),
	{ .name = NULL },
};

static const struct option state_rows[] = {
	{ OPT_PATH(struct agent_config, state.path), .name = "path", .main = true, .example = "/var/lib/oxpecker",
		.help = "Folder of positions, spool and store. If it is missing, the first usable one of "
			"$STATE_DIRECTORY, $XDG_STATE_HOME/oxpecker, /var/lib/oxpecker, "
			"$HOME/.local/state/oxpecker and, in a container, /tmp/oxpecker." },
	{ OPT_SIZE(struct agent_config, state.max), .name = "max", .text = "1GiB", .min = 16 << 20,
		.help = "Most that positions, spool and parked records take on disk." },
	{ .name = NULL },
};

static const struct option memory_rows[] = {
	{ OPT_SIZE(struct agent_config, memory), .name = "memory", .text = "32MiB", .min = 2 << 20, .main = true,
		.help = "Most that all telemetry takes in memory; each signal is guaranteed an eighth of it." },
	{ .name = NULL },
};

static const struct option exit_rows[] = {
	{ OPT_DURATION(struct agent_config, exit.within), .name = "within", .text = "25s", .min = 1000, .main = true,
		.help = "Longest time from SIGTERM to the end; keep it below the pod's grace period." },
	{ .name = NULL },
};

static const struct option store_rows[] = {
	{ OPT_SIZE(struct agent_config, store.max), .name = "max", .text = "256MiB", .min = 1 << 20, .main = true,
		.help = "Most that the embedded store takes on disk; the oldest records are deleted first." },
	{ OPT_DURATION(struct agent_config, store.age), .name = "age", .text = "24h", .min = 1000,
		.help = "Records older than this are deleted." },
	{ OPT_DURATION(struct agent_config, store.snapshot), .name = "snapshot", .text = "15s", .min = 100,
		.zero = "off", .help = "How often the metric series are written to the store; off: never." },
	{ .name = NULL },
};

static const struct option series_rows[] = {
	{ OPT_COUNT(struct agent_config, series.series), .name = "series", .text = "40000", .min = 1, .max = 100000000,
		.help = "Series of all targets that are shown at once; what is beyond that is dropped and counted." },
	{ OPT_COUNT(struct agent_config, series.family), .name = "family", .text = "20000", .min = 1, .max = 100000000,
		.help = "Series of one family. A histogram's label set is shown whole or not at all." },
	{ OPT_SIZE(struct agent_config, series.bytes), .name = "bytes", .text = "auto", .zero = "auto", .min = 64 << 10,
		.help = "Memory of all series, within `memory`; auto: half of it. A series takes some 250 bytes and "
			"its text, and its line on the page besides." },
	{ .name = NULL },
};

#define BATCH_ROWS(field)                                                                                              \
	{ OPT_SIZE(struct agent_config, field.bytes), .name = "bytes", .text = "1MiB", .min = 1 << 10,                 \
		.max = 64 << 20, .help = "A batch is sent once it has this many bytes." },                             \
		{ OPT_COUNT(struct agent_config, field.records), .name = "records", .text = "5000", .min = 1,          \
			.max = 1000000, .help = "Or once it has this many records." },                                 \
		{ OPT_DURATION(struct agent_config, field.age), .name = "age", .text = "1s", .min = 1, .max = 3600000, \
			.help = "Or once its first record is this old." },                                             \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

static const struct option logs_batch_rows[] = { BATCH_ROWS(logs_batch) };
static const struct option traces_batch_rows[] = { BATCH_ROWS(traces_batch) };

static const char *const recorder_words[] = { "crash", "errors", "restart", NULL };

static const struct option recorder_rows[] = {
	{ OPT_SIZE(struct agent_config, recorder.size), .name = "size", .text = "off", .zero = "off", .min = MIB,
		.max = 256 * MIB, .main = true,
		.help = "Size of the file recorder.ring in state.path, such as 16MiB. It has it from the start; when "
			"it is "
			"full, the oldest spans go." },
	{ OPT_DURATION(struct agent_config, recorder.last), .name = "last", .text = "30s", .min = 1000, .max = 86400000,
		.help = "How far back a dump goes, as far as the file does." },
	{ OPT_TEXTS(struct agent_config, recorder.when), .name = "when", .text = "crash errors restart",
		.choices = recorder_words,
		.help = "What causes a dump without being asked: the host app ends badly, an error burst, a run of the "
			"agent that was killed." },
	{ OPT_COUNT(struct agent_config, recorder.errors), .name = "errors", .text = "20", .min = 1,
		.help = "This many spans with status error, `within` that time, are an error burst." },
	{ OPT_DURATION(struct agent_config, recorder.within), .name = "within", .text = "10s", .min = 100,
		.max = 3600000, .help = "The time of an error burst." },
	{ OPT_PATH(struct agent_config, recorder.process), .name = "process", .example = "/run/app/app.pid",
		.help = "File with the number of the app's process, for `crash`. The agent has to see its processes: "
			"in a "
			"pod, shareProcessNamespace." },
	{ OPT_DURATION(struct agent_config, recorder.rest), .name = "rest", .text = "1m", .min = 1000,
		.help = "Least time between two dumps that nobody asked for." },
	{ .name = NULL },
};

/* `from_example` is the name of a collector of the signal. */
#define EXPORT_ROWS(from_example)                                                                                    \
	{ OPT_TEXTS(struct export_config, from), .name = "from", .example = (from_example),                          \
		.help = "Names of the collectors whose records go here; if it is missing, all of the signal." },     \
		{ OPT_COUNT(struct export_config, limits.concurrency), .name = "concurrency", .text = "2", .min = 1, \
			.max = 64,                                                                                   \
			.help = "Most requests under way at a time; fewer if the destination refuses or slows "      \
				"down. Above 1, the order is not kept." },                                           \
		PATIENCE_ROWS

#define PATIENCE_ROWS                                                                                                \
	{ OPT_DURATION(struct export_config, limits.retry_first), .name = "retry_first", .text = "500ms", .min = 1,  \
		.help = "Longest wait after a first failure. It doubles with each further failure, up to "           \
			"a second." },                                                                               \
		{ OPT_DURATION(struct export_config, limits.retry_last), .name = "retry_last", .text = "30s",        \
			.min = 1,                                                                                    \
			.help = "Longest wait ever. In the first ten minutes of an outage, waits stay within a "     \
				"second, or retry_first if that is more." },                                         \
		{ OPT_DURATION(struct export_config, limits.timeout), .name = "patience", .text = "60s", .min = 100, \
			.help = "A request without an outcome for this long is cancelled and tried again." },        \
	{                                                                                                            \
		.name = NULL                                                                                         \
	}

static const struct option metrics_export_rows[] = {
	{ OPT_DURATION(struct export_config, metrics.interval), .name = "interval", .text = "15s", .min = 100,
		.max = 86400000,
		.help = "How often all series go out. Targets are scraped then, and once more when the agent ends." },
	{ OPT_COUNT(struct export_config, metrics.samples), .name = "samples", .text = "2000", .min = 1, .max = 20000,
		.help = "Most samples in one request. One request is under way at a time, so that the samples of a "
			"series stay in their order." },
	{ OPT_BOOL(struct export_config, metrics.spool), .name = "spool", .text = "true",
		.help = "Whether samples that wait are also on disk, below state.path, so that they survive kill -9." },
	{ OPT_SIZE(struct export_config, metrics.queue), .name = "queue", .text = "8MiB", .min = 64 << 10,
		.help = "Most bytes of samples that wait, within `memory`; beyond that the oldest are dropped." },
	{ OPT_DURATION(struct export_config, metrics.age), .name = "age", .text = "2h", .min = 1000, .zero = "off",
		.help = "Samples that have waited for longer are dropped." },
	PATIENCE_ROWS
};
static const struct option logs_export_rows[] = { EXPORT_ROWS("[tail]") };
static const struct option traces_export_rows[] = { EXPORT_ROWS("[otlp]") };

static const struct option grpc_probes_rows[] = {
	{ OPT_ADDRESSES(struct agent_config, grpc_probes), .name = "listen", .main = true, .example = "[\":9465\"]",
		.help = "Addresses that answer grpc.health.v1, for probes over gRPC; none, unless it is set." },
	{ .name = NULL },
};

static const struct option delivery_rows[] = {
	{ OPT_DURATION(struct agent_config, delivery.within), .name = "within", .text = "30s", .min = 100, .main = true,
		.help = "How long a destination may take nothing while records wait for it, or refuse everything." },
	{ .name = NULL },
};

static const struct option check_rows[] = {
	{ OPT_DURATION(struct health_limits, interval), .name = "interval", .text = "10s", .min = 10,
		.help = "Time between two looks." },
	{ OPT_DURATION(struct health_limits, timeout), .name = "timeout", .text = "2s", .min = 10,
		.max = 1000 * HEALTH_TIMEOUT_MAX_S, .help = "If there is no answer within this time, the look fails." },
	{ OPT_COUNT(struct health_limits, success_threshold), .name = "success_threshold", .text = "1", .min = 1,
		.max = 1000, .help = "Looks in a row that have to succeed before the check is fine." },
	{ OPT_COUNT(struct health_limits, failure_threshold), .name = "failure_threshold", .text = "1", .min = 1,
		.max = 1000, .help = "Looks in a row that have to fail before it is not fine any more." },
	{ OPT_TEXTS(struct health_limits, probes), .name = "probes", .text = "readiness", .choices = health_probe_names,
		.help = "The probes that it is part of: readiness, or app, which is /health/app." },
	{ .name = NULL },
};

/* All sections of the file. `part` says what components a section holds, or PARTS if none. */
static const struct {
	struct config_section section;
	enum part part;
} layout[] = {
	{ { .path = "service", .help = "The app that the agent runs beside.", .options = service_rows }, PARTS },
	{ { .path = "listen",
		  .kind = SECTION_VALUE,
		  .options = listen_rows,
		  .help = "Addresses that serve /metrics and the probes. If it is missing: 127.0.0.1:9464, in a "
			  "container :9464." },
		PARTS },
	{ { .path = "origins",
		  .kind = SECTION_VALUE,
		  .options = origins_rows,
		  .help = "Web pages that may ask at `listen`; each door for telemetry has its own list." },
		PARTS },
	{ { .path = "access", .options = access_rows, .help = "Who may ask at `listen`, and over what." }, PARTS },
	{ { .path = "control", .kind = SECTION_VALUE, .options = control_rows, .help = "Socket of the full status." },
		PARTS },
	{ { .path = "control_access", .options = control_access_rows, .help = "Who may connect to `control`." },
		PARTS },
	{ { .path = "state", .options = state_rows, .help = "What survives the process." }, PARTS },
	{ { .path = "memory",
		  .kind = SECTION_VALUE,
		  .options = memory_rows,
		  .help = "Most that all telemetry takes in memory, pages and answers included. At most half of "
			  "the cgroup's limit; less, down to five sixteenths, if that would not leave 22 MiB." },
		PARTS },
	{ { .path = "exit", .options = exit_rows, .help = "How the process ends." }, PARTS },
	{ { .path = "store",
		  .options = store_rows,
		  .help = "The embedded store, which keeps every signal that has no exporter." },
		PARTS },
	{ { .path = "receive",
		  .noun = "door",
		  .kind = SECTION_COMPONENTS,
		  .help = "Doors that take spans, log records and metrics. If it is missing: otlp." },
		PART_RECEIVE },
	{ { .path = "metrics.limits",
		  .options = series_rows,
		  .help = "Ceilings of the series. What they drop is on /status, with the family's name." },
		PARTS },
	{ { .path = "metrics.collect",
		  .noun = "collector",
		  .kind = SECTION_COMPONENTS,
		  .help = "Where metrics come from." },
		PART_METRICS },
	{ { .path = "metrics.steps",
		  .noun = "step",
		  .kind = SECTION_STEPS,
		  .help = "What is done to samples of all collectors and doors before they are shown, in this order." },
		PART_METRICS_STEPS },
	{ { .path = "metrics.export",
		  .noun = "exporter",
		  .kind = SECTION_COMPONENTS,
		  .help = "Where series are pushed to. They are served on /metrics in any case.",
		  .options = metrics_export_rows,
		  .common_size = sizeof(struct export_config) },
		PART_METRICS_OUT },
	{ { .path = "logs.batch", .options = logs_batch_rows, .help = "How log lines are batched." }, PARTS },
	{ { .path = "logs.collect", .noun = "collector", .kind = SECTION_COMPONENTS, .help = "Where logs come from." },
		PART_LOGS },
	{ { .path = "logs.steps",
		  .noun = "step",
		  .kind = SECTION_STEPS,
		  .help = "What is done to log lines before they are batched, in this order." },
		PART_LOGS_STEPS },
	{ { .path = "logs.export",
		  .noun = "exporter",
		  .kind = SECTION_COMPONENTS,
		  .help = "Where logs go. If it is missing: to the embedded store.",
		  .options = logs_export_rows,
		  .common_size = sizeof(struct export_config) },
		PART_LOGS_OUT },
	{ { .path = "traces.batch", .options = traces_batch_rows, .help = "How spans are batched." }, PARTS },
	{ { .path = "traces.recorder",
		  .options = recorder_rows,
		  .help = "The flight recorder keeps the last seconds of all spans in a file, also of those that "
			  "`sample` drops. A dump sends those: `oxpecker recorder dump`, or by itself." },
		PARTS },
	{ { .path = "traces.steps",
		  .noun = "step",
		  .kind = SECTION_STEPS,
		  .help = "What is done to spans before they are batched, in this order." },
		PART_TRACES_STEPS },
	{ { .path = "traces.export",
		  .noun = "exporter",
		  .kind = SECTION_COMPONENTS,
		  .help = "Where spans go. If it is missing: to the embedded store.",
		  .options = traces_export_rows,
		  .common_size = sizeof(struct export_config) },
		PART_TRACES_OUT },
	{ { .path = "health.delivery",
		  .options = delivery_rows,
		  .help = "When /health/delivery answers 503. Liveness and readiness never depend on destinations." },
		PARTS },
	{ { .path = "health.grpc",
		  .options = grpc_probes_rows,
		  .help = "Probes over gRPC. The services are liveness, startup, readiness, app and delivery." },
		PARTS },
	{ { .path = "health.checks",
		  .noun = "check",
		  .kind = SECTION_COMPONENTS,
		  .help = "What the host app needs to be ready.",
		  .options = check_rows,
		  .common_size = sizeof(struct health_limits) },
		PART_CHECKS },
};

const char *part_path(enum part part)
{
	for (size_t i = 0; i < COUNT_OF(layout); i++)
		if (layout[i].part == part)
			return layout[i].section.path;
	return NULL;
}

/* Adds a row to a table of types that ends with a row without a name. */
static void add_type(struct config_type **table, const struct config_type *row)
{
	size_t n = 0;

	while (*table && (*table)[n].name)
		n++;
	*table = realloc(*table, (n + 2) * sizeof **table);
	OXP_ASSERT(*table && "out of memory");
	(*table)[n] = *row;
	(*table)[n + 1] = (struct config_type){ .name = NULL };
}

static void add_collectors(struct agent_config *c)
{
	for (const struct collector_type *const *t = registry_collectors; *t; t++) {
		const struct config_type row = { .name = (*t)->name,
			.summary = (*t)->summary,
			.options = (*t)->options,
			.config_size = (*t)->config_size,
			.type = *t };
		enum part part = (*t)->signals & SIGNAL_TRACES ? PART_RECEIVE
				 : (*t)->signals & SIGNAL_LOGS ? PART_LOGS
							       : PART_METRICS;
		add_type(&c->types[part], &row);
	}
}

static void add_exporters(struct agent_config *c)
{
	for (const struct exporter_type *const *t = registry_exporters; *t; t++) {
		const struct config_type row = { .name = (*t)->name,
			.summary = (*t)->summary,
			.options = (*t)->options,
			.config_size = (*t)->config_size,
			.type = *t };
		if ((*t)->signals & SIGNAL_LOGS)
			add_type(&c->types[PART_LOGS_OUT], &row);
		if ((*t)->signals & SIGNAL_TRACES)
			add_type(&c->types[PART_TRACES_OUT], &row);
		if ((*t)->signals & SIGNAL_METRICS)
			add_type(&c->types[PART_METRICS_OUT], &row);
	}
}

static void add_steps(struct agent_config *c)
{
	for (const struct step_type *const *t = registry_steps; *t; t++) {
		enum part part = (*t)->signals & SIGNAL_TRACES    ? PART_TRACES_STEPS
				 : (*t)->signals & SIGNAL_METRICS ? PART_METRICS_STEPS
								  : PART_LOGS_STEPS;
		add_type(&c->types[part], &(struct config_type){ .name = (*t)->name,
						  .summary = (*t)->summary,
						  .options = (*t)->options,
						  .config_size = (*t)->config_size,
						  .type = *t });
	}
}

static void add_checks(struct agent_config *c)
{
	for (const struct check_type *const *t = registry_checks; *t; t++)
		add_type(&c->types[PART_CHECKS], &(struct config_type){ .name = (*t)->name,
							 .summary = (*t)->summary,
							 .options = (*t)->options,
							 .config_size = (*t)->config_size,
							 .schemes = (*t)->schemes,
							 .type = *t });
}

struct agent_config *agent_config_new(void)
{
	struct agent_config *c = oxp_new(sizeof *c);

	add_collectors(c);
	add_exporters(c);
	add_steps(c);
	add_checks(c);
	c->sections = oxp_new((COUNT_OF(layout) + 1) * sizeof *c->sections);
	for (size_t i = 0; i < COUNT_OF(layout); i++) {
		c->sections[i] = layout[i].section;
		if (layout[i].part != PARTS)
			c->sections[i].types = c->types[layout[i].part];
	}
	c->file = config_new(c->sections, c);
	c->file->errors.hints = config_guesses;
	return c;
}

void agent_config_free(struct agent_config *c)
{
	if (!c)
		return;
	config_free(c->file);
	for (int i = 0; i < PARTS; i++)
		free(c->types[i]);
	free(c->sections);
	free(c);
}

/* Returns the content of a section that is not written: one component with default options. */
static const struct config_component *default_component(struct agent_config *c, enum part part, const char *name)
{
	struct config_component *k = config_alloc(c->file->arena, sizeof *k);
	const struct option_reader reader = { c->file->arena, &c->file->errors };
	size_t common = part == PART_RECEIVE ? 0 : sizeof(struct export_config);
	struct option_set sets[2];

	for (k->type = c->types[part]; strcmp(k->type->name, name) != 0; k->type++)
		OXP_ASSERT(k->type->name);
	k->name = name;
	k->options = config_alloc(c->file->arena, k->type->config_size + 1);
	k->common = config_alloc(c->file->arena, common + 1);
	sets[0] = (struct option_set){ k->type->options, k->options };
	sets[1] = (struct option_set){ common ? logs_export_rows : NULL, k->common };
	options_read(&reader, sets, 2, NULL, NULL);
	return k;
}

const struct node *agent_config_node(const struct agent_config *c, const struct config_component *k, enum part part)
{
	struct node *section = c->file->tree.root;
	char path[64];

	snprintf(path, sizeof path, "%s", part_path(part));
	for (char *rest = path, *name; section && (name = strsep(&rest, "."));)
		section = node_get(section, name);
	return section ? node_get(section, k->name) : NULL;
}

/* Returns the option named by the first word of a complaint, as in "index: …" or "password without user", or NULL. */
static const struct option *first_option(const struct option *rows, const char *what)
{
	struct bytes word = { what, strspn(what, "abcdefghijklmnopqrstuvwxyz0123456789_") };

	while (rows && rows->name && !bytes_are(word, rows->name))
		rows++;
	return rows && rows->name ? rows : NULL;
}

/* Reports the complaint at the option it begins with if that option is written, otherwise at the component. */
static void complain_at(
	struct agent_config *c, const struct node *n, const struct config_component *k, const char *what)
{
	const struct option *o = n ? first_option(k->type->options, what) : NULL;
	const struct node *option = o ? node_get(n, o->name) : NULL;
	const char *rest = option && what[strlen(o->name)] == ':' ? what + strlen(o->name) + 2 : what;

	if (option)
		node_complain(&c->file->errors, option, "%s", rest);
	else if (o && o->main && n->kind != NODE_MAP)
		node_complain(&c->file->errors, n, "%s", what);
	else if (n && n->key)
		key_complain(&c->file->errors, n, "%s", what);
	else if (n)
		node_complain(&c->file->errors, n, "%s: %s", k->name, what);
	else
		config_complain(&c->file->errors, (struct config_span){ .source = NULL }, k->name, "%s", what);
}

void agent_config_complain(struct agent_config *c, const struct config_component *k, enum part part, const char *what)
{
	complain_at(c, agent_config_node(c, k, part), k, what);
}

static const enum part ways_in[] = { PART_LOGS, PART_RECEIVE };

static bool brings(const struct config_component *k, enum signal signal)
{
	return ((const struct collector_type *)k->type->type)->signals & signal;
}

static bool is_collector(const struct agent_config *c, enum signal signal, const char *name)
{
	if (c->recorder.on && signal == SIGNAL_TRACES && strcmp(name, "recorder") == 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(ways_in); i++)
		for (const struct config_component *k = c->components[ways_in[i]]; k; k = k->next)
			if (brings(k, signal) && strcmp(k->name, name) == 0)
				return true;
	return false;
}

static const char *collector_names(struct agent_config *c, enum signal signal)
{
	const char *names = "";

	for (size_t i = 0; i < COUNT_OF(ways_in); i++)
		for (const struct config_component *k = c->components[ways_in[i]]; k; k = k->next)
			if (brings(k, signal))
				names = config_printf(c->file->arena, "%s%s%s.%s", names, *names ? ", " : "",
					part_path(ways_in[i]), k->name);
	if (c->recorder.on && signal == SIGNAL_TRACES)
		names = config_printf(c->file->arena, "%s%straces.recorder", names, *names ? ", " : "");
	return *names ? names : "none";
}

bool recorder_config_has(const struct recorder_config *c, const char *word)
{
	for (size_t i = 0; i < c->when->count; i++)
		if (strcmp(c->when->items[i], word) == 0)
			return true;
	return false;
}

static const struct node *recorder_node(const struct agent_config *c)
{
	const struct node *traces = node_get(c->file->tree.root, "traces");

	return traces ? node_get(traces, "recorder") : NULL;
}

/* A collector of spans could have its name, which `from` could then not tell apart. */
static void check_recorder(struct agent_config *c)
{
	const struct node *n = recorder_node(c);

	c->recorder.on = c->recorder.size > 0;
	if (n && n->kind == NODE_MAP && n->first && !node_get(n, "size"))
		key_complain(
			&c->file->errors, n, "nothing is recorded without `size`; expected one, such as size: 16MiB");
	for (const struct config_component *k = c->components[PART_RECEIVE]; k; k = k->next)
		if (c->recorder.on && strcmp(k->name, "recorder") == 0)
			agent_config_complain(
				c, k, PART_RECEIVE, "the flight recorder has this name; expected another one");
}

/* `from` names collectors of the signal. */
static void check_from(struct agent_config *c, enum part out, enum signal signal)
{
	for (const struct config_component *k = c->components[out]; k; k = k->next) {
		const struct export_config *common = k->common;
		for (size_t i = 0; common->from && i < common->from->count; i++)
			if (!is_collector(c, signal, common->from->items[i]))
				agent_config_complain(c, k, out,
					config_printf(c->file->arena,
						"from: no collector is named \"%s\"; those that can be named: %s",
						common->from->items[i], collector_names(c, signal)));
	}
}

/* Whether some exporter takes what that collector brings of the signal. */
static bool has_exporter(const struct agent_config *c, enum part out, const char *collector)
{
	for (const struct config_component *k = c->components[out]; k; k = k->next) {
		const struct export_config *common = k->common;
		if (common->from->count == 0)
			return true;
		for (size_t i = 0; i < common->from->count; i++)
			if (strcmp(common->from->items[i], collector) == 0)
				return true;
	}
	return false;
}

static void check_way_out(struct agent_config *c, enum part in)
{
	for (const struct config_component *k = c->components[in]; k; k = k->next) {
		bool logs = brings(k, SIGNAL_LOGS), traces = brings(k, SIGNAL_TRACES);
		if ((logs && has_exporter(c, PART_LOGS_OUT, k->name)) ||
			(traces && has_exporter(c, PART_TRACES_OUT, k->name)))
			continue;
		agent_config_complain(c, k, in,
			config_printf(c->file->arena,
				"no exporter takes its records: name \"%s\" in `from` of one below %s%s%s, or leave "
				"`from` out there",
				k->name, logs ? part_path(PART_LOGS_OUT) : "", logs && traces ? " or " : "",
				traces ? part_path(PART_TRACES_OUT) : ""));
	}
}

static void check_way_out_of_recorder(struct agent_config *c)
{
	if (c->recorder.on && !has_exporter(c, PART_TRACES_OUT, "recorder"))
		key_complain(&c->file->errors, recorder_node(c),
			"no exporter takes its dumps: name \"recorder\" in `from` of one below %s, or leave `from` out "
			"there",
			part_path(PART_TRACES_OUT));
}

/* What a collector brings has somewhere to go. If a name in `from` is wrong, that alone is told. */
static void check_routes(struct agent_config *c)
{
	size_t errors = c->file->errors.count;

	check_from(c, PART_LOGS_OUT, SIGNAL_LOGS);
	check_from(c, PART_TRACES_OUT, SIGNAL_TRACES);
	for (size_t i = 0; i < COUNT_OF(ways_in) && c->file->errors.count == errors; i++)
		check_way_out(c, ways_in[i]);
	if (c->file->errors.count == errors)
		check_way_out_of_recorder(c);
}

/* Asks each exporter whether its options fit together. It is asked only if each option is fine. */
static void check_together(struct agent_config *c, enum part out)
{
	char why[256];

	for (const struct config_component *k = c->components[out]; k; k = k->next) {
		const struct exporter_type *type = k->type->type;
		if (type->check && !type->check(k->options, why, sizeof why))
			agent_config_complain(c, k, out, config_printf(c->file->arena, "%s", why));
	}
}

static void check_origins(struct agent_config *c)
{
	for (size_t i = 0; i < c->origins->count; i++) {
		const char *wrong = http_origin_wrong(c->origins->items[i]);
		if (wrong)
			node_complain(&c->file->errors, node_get(c->file->tree.root, "origins"), "\"%.100s\" %s",
				c->origins->items[i], wrong);
	}
}

static void check_access(struct agent_config *c)
{
	const struct node *at = node_get(c->file->tree.root, "access");
	const struct node *control = node_get(c->file->tree.root, "control_access");
	char why[256];

	if (at && !guard_check(&c->access, why, sizeof why))
		node_complain(&c->file->errors, at, "%s", why);
	if (control && !unix_guard_check(&c->control_access, why, sizeof why))
		node_complain(&c->file->errors, control, "%s", why);
}

/* Does the same for each collector. */
static void check_collectors(struct agent_config *c, enum part in)
{
	char why[256];

	for (const struct config_component *k = c->components[in]; k; k = k->next) {
		const struct collector_type *type = k->type->type;
		if (type->check && !type->check(k->options, why, sizeof why))
			agent_config_complain(c, k, in, config_printf(c->file->arena, "%s", why));
	}
}

/* And for each check of health. */
static void check_checks(struct agent_config *c)
{
	char why[256];

	for (const struct config_component *k = c->components[PART_CHECKS]; k; k = k->next) {
		const struct check_type *type = k->type->type;
		if (type->check && !type->check(k->options, why, sizeof why))
			agent_config_complain(c, k, PART_CHECKS, config_printf(c->file->arena, "%s", why));
	}
}

/* A line that `memory` has no room for would be lost. */
static void check_line_max(struct agent_config *c)
{
	unsigned long long most = memory_line_max(c->memory);

	for (const struct config_component *k = c->components[PART_LOGS]; k; k = k->next) {
		const struct collector_type *type = k->type->type;
		unsigned long long longest = type->line_max ? type->line_max(k->options) : 0;
		if (longest > most)
			agent_config_complain(c, k, PART_LOGS,
				config_printf(c->file->arena,
					"line_max: lines of %llu KiB do not fit into memory (%llu MiB), which has room "
					"for "
					"%llu KiB: lower line_max, or set memory: %lluMiB",
					longest >> 10, (unsigned long long)c->memory >> 20, most >> 10,
					(unsigned long long)(memory_for_line(longest) + MIB - 1) / MIB));
	}
}

/* Asks each step about its options. Complaints are reported at the step's node in the list. */
static void check_steps(struct agent_config *c, enum part part, const char *signal)
{
	const struct node *parent = node_get(c->file->tree.root, signal),
			  *list = parent ? node_get(parent, "steps") : NULL;
	const struct node *item = list ? list->first : NULL, *step;
	char why[256];

	for (const struct config_component *k = c->components[part]; k && item; k = k->next, item = item->next) {
		const struct step_type *type = k->type->type;
		step = item->kind == NODE_MAP && item->first ? item->first : item;
		if (type->check && !type->check(k->options, why, sizeof why))
			complain_at(c, step, k, why);
	}
}

static void fill_resource(struct agent_config *c, const struct config_world *world)
{
	OXP_ASSERT(resource_add(c->resource, "service.name", c->service.name) &&
		   resource_add(c->resource, "service.version", c->service.version) &&
		   resource_add(c->resource, "deployment.environment.name", c->service.environment));
	c->resource_wrong = resource_add_variables(c->resource, world, c->file->arena);
}

/* On a plain machine, clients run on the same machine. In a container, Prometheus and the kubelet are outside. */
static void fill_listen(struct agent_config *c, const struct config_world *world)
{
	static const char *const machine[] = { "127.0.0.1:9464" }, *const container[] = { ":9464" };
	static const struct option_list defaults[] = { { 1, machine }, { 1, container } };
	const struct node *n = node_get(c->file->tree.root, "listen");

	c->in_container = container_is_one(CONTAINER_ROOT, world->variable(world->context, "KUBERNETES_SERVICE_HOST"));
	if (!n || n->empty)
		c->listen = &defaults[c->in_container];
}

static void fill_in(struct agent_config *c, const struct config_world *world)
{
	const struct state_path_world paths = { .root = "",
		.state_directory = world->variable(world->context, "STATE_DIRECTORY"),
		.xdg_state_home = world->variable(world->context, "XDG_STATE_HOME"),
		.home = world->variable(world->context, "HOME"),
		.tmpdir = world->variable(world->context, "TMPDIR"),
		.in_container = c->in_container };

	if (!c->service.name)
		c->service.name = world->variable(world->context, "OTEL_SERVICE_NAME");
	if (!c->state.path)
		c->state.path = state_path_default(c->file->arena, &paths, &c->state.temporary);
	if (!c->control)
		c->control = config_printf(c->file->arena, "unix:%s/control.sock", c->state.path);
}

static void fill_from_variables(struct tree *tree, const struct config_world *world)
{
	otlp_variables_fill(tree, world, part_path(PART_TRACES_OUT), "TRACES");
	otlp_variables_fill(tree, world, part_path(PART_LOGS_OUT), "LOGS");
	otlp_variables_fill(tree, world, part_path(PART_METRICS_OUT), "METRICS");
}

int agent_config_load(struct agent_config *c, const struct config_input *input)
{
	struct config_input filled = *input;
	int failed;

	filled.fill = fill_from_variables;
	failed = config_load(c->file, &filled);
	c->name = input->name;
	if (failed)
		return failed;
	for (int i = 0; i < PARTS; i++)
		c->components[i] = config_components(c->file, part_path(i));
	if (!c->components[PART_RECEIVE] && !node_get(c->file->tree.root, "receive"))
		c->components[PART_RECEIVE] = default_component(c, PART_RECEIVE, "otlp");
	if (!c->components[PART_LOGS_OUT])
		c->components[PART_LOGS_OUT] = default_component(c, PART_LOGS_OUT, "store");
	if (!c->components[PART_TRACES_OUT])
		c->components[PART_TRACES_OUT] = default_component(c, PART_TRACES_OUT, "store");
	check_recorder(c);
	check_routes(c);
	check_origins(c);
	check_access(c);
	check_collectors(c, PART_RECEIVE);
	check_collectors(c, PART_METRICS);
	check_collectors(c, PART_LOGS);
	check_checks(c);
	check_line_max(c);
	check_together(c, PART_METRICS_OUT);
	check_together(c, PART_LOGS_OUT);
	check_together(c, PART_TRACES_OUT);
	check_steps(c, PART_METRICS_STEPS, "metrics");
	check_steps(c, PART_LOGS_STEPS, "logs");
	check_steps(c, PART_TRACES_STEPS, "traces");
	fill_listen(c, input->world);
	fill_in(c, input->world);
	fill_resource(c, input->world);
	return c->file->errors.count > 0 ? -EINVAL : 0;
}
