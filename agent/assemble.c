/*
 * Builds what the configuration says: senders with their exporters, steps, sources with their collectors and routes,
 * checks. The order matters: a source is routed to senders that exist, and a collector may offer as soon as it starts.
 */
#include "agent.h"

#include <errno.h>
#include <string.h>

#include "spool/books.h"
#include "pipeline/chain_samples.h"
#include "pipeline/sender.h"
#include "proto/samples_item.h"
#include "registry.h"
#include "state/state.h"

static const enum signal pipeline_signals[] = { SIGNAL_TRACES, SIGNAL_LOGS };

/* What comes from the recorder has passed the steps. */
static struct chain *chain_of(const struct agent *a, const struct intake *i, enum signal signal)
{
	if (i->unrecorded)
		return NULL;
	return signal == SIGNAL_LOGS ? a->log_steps : a->trace_steps;
}

static struct source_options source_options(const struct agent *a, struct intake *i, enum signal signal)
{
	return (struct source_options){
		.name = i->host->name,
		.signal = signal,
		.rewind = i->type->rewind,
		.chain = chain_of(a, i, signal),
		.limits = signal == SIGNAL_LOGS ? a->config->logs_batch : a->config->traces_batch,
		.generation = i->type->rewind == REWIND_NONE ? state_generation_next(a->core.state) : 0,
		.hooks = &intake_hooks,
		.context = i,
	};
}

static void open_books(struct agent *a, struct ledger_row *row, struct books_disk *disk);

static enum signal signal_out(enum part part)
{
	return part == PART_METRICS_OUT ? SIGNAL_METRICS : part == PART_LOGS_OUT ? SIGNAL_LOGS : SIGNAL_TRACES;
}

/* The hooks of what goes out of the series. What is refused is not parked: sent again later, it would be out of
 * order. */
static void on_series_unspool(void *context, const struct batch_row *rows, size_t count)
{
	spool_unspool(context, rows, count);
}

static void on_series_refill(void *context)
{
	spool_refill(context);
}

static const struct source_hooks series_hooks = { .unspool = on_series_unspool, .refill = on_series_refill };

/* Adds the source of what goes out of the series to this exporter. */
static int add_series_source(struct agent *a, const struct outlet *o, bool any_names)
{
	struct source *s = pipeline_source(&a->pipeline,
		&(struct source_options){ .name = "series",
			.signal = SIGNAL_METRICS,
			.rewind = REWIND_NONE,
			.limits = { .bytes = 1, .records = 1, .age = DURATION_S(1) }, /* each offer goes at once */
			.generation = state_generation_next(a->core.state),
			.when = samples_when,
			.hooks = &series_hooks,
			.context = &a->spool });
	struct books_disk disk;
	int failed;

	source_route(s, o->sender);
	failed = spool_restore(&a->spool, s, &disk);
	if (failed)
		return failed;
	open_books(a, source_row(s, 0), &disk);
	outgoing_add(&a->outgoing, o, s, any_names);
	return 0;
}

static int add_exporter(struct agent *a, enum part part, const struct config_component *c)
{
	const struct exporter_type *type = c->type->type;
	const struct export_config *common = c->common;
	struct host *h = host_new(&a->hosts, part_path(part), c->name);
	struct outlet *o =
		outlet_new(&a->outlets, &(struct outlet){ .host = h,
						.sender = pipeline_sender(&a->pipeline, h->name, type, &common->limits),
						.signal = signal_out(part),
						.config = common,
						.within = a->config->delivery.within });
	struct exporter *exporter;
	int failed = type->create(c->options, h, &exporter);

	if (failed)
		return failed;
	sender_exporter(o->sender, exporter);
	if (type->send_max)
		sender_send_max(o->sender, type->send_max(c->options));
	destinations_count(&a->core.counters, o);
	if (part != PART_METRICS_OUT)
		return 0;
	return add_series_source(a, o, type->any_names && type->any_names(c->options));
}

static void open_books(struct agent *a, struct ledger_row *row, struct books_disk *disk)
{
	uint64_t killed;
	int failed;

	disk->parked = state_parked_sum(a->core.state, row->signal, row->source, row->destination);
	failed = books_open(a->core.state, row, disk, &killed);
	if (failed)
		log_warn(a->core.log, row->source, "the saved ledger has %s: the counts of this source start at zero",
			failed == -ENOSPC ? "no room for another row" : "numbers that no run reaches");
	if (killed)
		log_warn(a->core.log, row->source,
			"the last run was killed with %llu records of %s in memory; they are lost, and counted as "
			"dropped",
			(unsigned long long)killed, row->signal);
}

/* Adds a source for what the collector offers of one signal, with the ledger of earlier runs. If no exporter takes it,
 * there is none. */
static int add_source(struct agent *a, struct intake *i, enum signal signal, const char *name)
{
	struct source_options o = source_options(a, i, signal);
	struct source *s = pipeline_source(&a->pipeline, &o);
	struct books_disk disk[ROUTES_MAX];
	int failed;

	outlets_route(&a->outlets, s, name);
	if (source_routes(s) == 0) {
		pipeline_source_free(&a->pipeline, s);
		return 0;
	}
	host_add_source(i->host, s);
	failed = spool_restore(&a->spool, s, disk);
	if (failed)
		return failed; /* the books stay as they are: nobody knows what is on disk */
	for (size_t k = 0; k < source_routes(s); k++) {
		open_books(a, source_row(s, k), &disk[k]);
		if (disk[k].unheard.records > 0)
			intake_note_unheard(i);
	}
	return 0;
}

/* Some exporter takes one of its signals: agent_config_load() sees to that. */
static int add_sources(struct agent *a, struct intake *i, const char *name)
{
	int failed = 0;

	for (size_t k = 0; k < COUNT_OF(pipeline_signals) && !failed; k++)
		if (i->type->signals & pipeline_signals[k])
			failed = add_source(a, i, pipeline_signals[k], name);
	OXP_ASSERT(failed || i->host->sources[0]);
	return failed;
}

static int add_collector(struct agent *a, enum part part, const struct config_component *c)
{
	struct intake *i = intake_new(&a->intakes, c->type->type, host_new(&a->hosts, part_path(part), c->name));
	int failed = 0;

	if (i->type->signals & SIGNAL_METRICS) {
		metrics_add(&a->metrics, i);
		open_books(a, i->host->samples, &(struct books_disk){ .spooled_to = 0 });
	}
	if (part != PART_METRICS)
		failed = add_sources(a, i, c->name);
	if (failed)
		return failed;
	return intake_create(i, c->options);
}

static struct chain **steps_of(struct agent *a, enum part part)
{
	return part == PART_METRICS_STEPS ? &a->metric_steps
	       : part == PART_LOGS_STEPS  ? &a->log_steps
					  : &a->trace_steps;
}

static int add_step(struct agent *a, enum part part, const struct config_component *c)
{
	const struct step_type *type = c->type->type;
	struct host *h = host_new(&a->hosts, part_path(part), c->name);
	struct chain **chain = steps_of(a, part);
	struct step *step;
	int failed = type->create(c->options, h, &step);

	if (failed)
		return failed;
	if (!*chain)
		*chain = chain_new();
	if (part == PART_METRICS_STEPS)
		chain_takes_samples(*chain, a->core.series);
	failed = chain_add(
		*chain, type, step, host_counter(h, "step_dropped_records_total", "Records dropped by this step."));
	if (failed) {
		host_log(h, LOG_LEVEL_ERROR, "%s",
			failed == -EEXIST ? "only one step of this type is allowed" : "there are too many steps");
		type->destroy(step);
	}
	return failed;
}

static int add_recorder(struct agent *a)
{
	struct intake *i = intake_new(&a->intakes, dump_collector(), host_new(&a->hosts, "traces", "recorder"));
	int failed;

	intake_set_unrecorded(i);
	failed = add_sources(a, i, "recorder");
	if (failed)
		return failed;
	if (a->trace_steps)
		chain_set_aside(a->trace_steps, a->recorder.missed);
	return intake_create(i, &a->recorder.dump_config);
}

static int add_check(struct agent *a, enum part part, const struct config_component *c)
{
	const struct check_type *type = c->type->type;
	struct host *h = host_new(&a->hosts, part_path(part), c->name);
	struct health_check *slot = health_add(&a->health, h->name, type, c->common);
	struct check *check;
	int failed;

	host_set_check(h, health_checked, slot);
	probes_count(&a->core.counters, slot);
	failed = type->create(c->options, h, &check);
	if (!failed)
		health_check_set(slot, check);
	return failed;
}

bool assemble_wants_store(const struct agent_config *config)
{
	static const enum part out[] = { PART_LOGS_OUT, PART_TRACES_OUT };

	for (size_t i = 0; i < COUNT_OF(out); i++)
		for (const struct config_component *c = config->components[out[i]]; c; c = c->next)
			if (((const struct exporter_type *)c->type->type)->stores)
				return true;
	return config->components[PART_METRICS] && config->store.snapshot.ns > 0;
}

int assemble(struct agent *a)
{
	static const struct {
		enum part part;
		int (*add)(struct agent *, enum part, const struct config_component *);
	} order[] = { { PART_METRICS_OUT, add_exporter }, { PART_LOGS_OUT, add_exporter },
		{ PART_TRACES_OUT, add_exporter }, { PART_LOGS_STEPS, add_step }, { PART_TRACES_STEPS, add_step },
		{ PART_METRICS_STEPS, add_step }, { PART_LOGS, add_collector }, { PART_METRICS, add_collector },
		{ PART_RECEIVE, add_collector }, { PART_CHECKS, add_check } };

	for (size_t i = 0; i < COUNT_OF(order); i++)
		for (const struct config_component *c = a->config->components[order[i].part]; c; c = c->next) {
			int failed = order[i].add(a, order[i].part, c);
			if (failed) {
				log_error(a->core.log, "agent", "cannot start %s.%s (%s:%u): %s",
					part_path(order[i].part), c->name,
					c->mark.file ? c->mark.file : "built-in defaults", c->mark.line,
					strerror(-failed));
				return failed;
			}
		}
	return a->config->recorder.on ? add_recorder(a) : 0;
}
