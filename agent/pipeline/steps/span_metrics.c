/*
 * The step `span_metrics`: counts spans and their durations by service, name, kind and status, as they are where it
 * stands among the steps: behind what edits them, and before `sample`. The table is series/span_table.h.
 *
 * What it counts of a batch is in a tally until the batch is taken, so a request that is refused and sent again counts
 * once. An exemplar names a trace that all steps keep. Alone it reads requests a slice at a time, without an index.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "config/option.h"
#include "config/value.h"
#include "loop/loop.h"
#include "pipeline/batch.h"
#include "pipeline/span_where.h"
#include "pipeline/step.h"
#include "proto/exposition_number.h"
#include "proto/otlp_spans.h"
#include "series/span_table.h"

enum { NAME_MAX_SIZE = 128, NUMBER_SIZE = 32, SETS_MAX = 10000 };

struct metrics_config {
	enum span_names names;
	const struct option_list *dimensions, *buckets;
	uint64_t label_sets;
	struct duration expire;
	bool exemplars;
};

struct dimension {
	enum otlp_level level;
	struct bytes key;
	char label[NAME_MAX_SIZE + 1];
};

/* Invariant: `tally` is there while a batch is under way of which a span was seen. */
struct step {
	struct loop *loop;
	struct span_table *table;
	struct span_tally *tally;
	struct dimension dimensions[SPAN_DIMENSIONS_MAX];
	size_t count;
	struct bytes service; /* of the resource at hand */
	struct bytes values[SPAN_DIMENSIONS_MAX]; /* of the resource and the span at hand */
	char numbers[SPAN_DIMENSIONS_MAX][NUMBER_SIZE]; /* that are in `values` */
	bool reading; /* within a request: */
	struct otlp_spans at;
	const char *resource; /* whose values these are */
	struct span_counted span; /* the one at hand, and when it came; what it points to lasts until passed() */
	struct mono_time now;
	struct bytes trace_id, span_id; /* of it */
};

/* Belongs to a batch. */
struct note {
	struct batch_note base;
	struct loop *loop;
	struct span_tally *tally;
};

static const char *const names[] = { "milliseconds", "seconds", "tempo", NULL };

static const struct option rows[] = {
	{ OPT_TEXTS(struct metrics_config, dimensions), .name = "dimensions", .main = true,
		.example = "[http.request.method, resource.deployment.environment.name]",
		.help = "Attributes that become further labels; resource.X is the attribute X of the resource." },
	{ OPT_TEXTS(struct metrics_config, buckets), .name = "buckets",
		.text = "2ms 4ms 6ms 8ms 10ms 50ms 100ms 200ms 400ms 800ms 1s 1400ms 2s 5s 10s 15s",
		.help = "Bounds of the histogram, ascending." },
	{ OPT_CHOICE(struct metrics_config, names, names), .name = "names", .text = "milliseconds",
		.help = "What the series are called: traces_span_metrics_calls_total and "
			"traces_span_metrics_duration_milliseconds, which Jaeger reads, the same in seconds, or as "
			"Grafana Tempo has them." },
	{ OPT_COUNT(struct metrics_config, label_sets), .name = "label_sets", .text = "1000", .min = 1, .max = SETS_MAX,
		.help = "Most label sets, each a counter and a histogram; spans beyond count under \"other\"." },
	{ OPT_DURATION(struct metrics_config, expire), .name = "expire", .text = "15m", .zero = "never", .min = 1000,
		.help = "A label set that no span has touched for this long goes." },
	{ OPT_BOOL(struct metrics_config, exemplars), .name = "exemplars", .text = "true",
		.help = "Shows the id of a trace with each bucket, to those who ask for OpenMetrics." },
	{ .name = NULL },
};

/* Options. */

static bool read_bounds(const struct option_list *list, uint64_t *to, char *why, size_t room)
{
	struct duration last = { 0 }, d = { 0 };

	snprintf(why, room, "buckets: at most %d", SPAN_BOUNDS_MAX);
	if (list->count > SPAN_BOUNDS_MAX)
		return false;
	for (size_t i = 0; i < list->count; i++, last = d) {
		const char *wrong = value_duration(list->items[i], &d);
		if (wrong)
			snprintf(why, room, "buckets: \"%s\" %s; expected durations, such as 5ms", list->items[i],
				wrong);
		else if (d.ns <= last.ns)
			snprintf(why, room, "buckets: \"%s\" is not above what comes before it", list->items[i]);
		if (wrong || d.ns <= last.ns)
			return false;
		to[i] = (uint64_t)d.ns;
	}
	return true;
}

static bool is_taken(const struct dimension *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(all[k].label, all[i].label) == 0)
			return true;
	return false;
}

/* A label is named like its attribute; resource.X like X, as other span metrics have it. */
static bool read_dimensions(const struct option_list *list, struct dimension *to, char *why, size_t room)
{
	snprintf(why, room, "dimensions: at most %d", SPAN_DIMENSIONS_MAX);
	if (list->count > SPAN_DIMENSIONS_MAX)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		struct span_name name = span_name_of(list->items[i]);
		size_t size = strlen(name.name);
		to[i] = (struct dimension){ .level = name.level, .key = { name.name, size } };
		snprintf(why, room,
			"dimensions: \"%.64s\"; expected names of attributes with at most %d characters, which become "
			"labels of different names that no series here has yet",
			list->items[i], NAME_MAX_SIZE);
		if (size > NAME_MAX_SIZE || !span_label_name(to[i].key, to[i].label) || is_taken(to, i))
			return false;
	}
	return true;
}

static bool check(const void *config, char *why, size_t room)
{
	const struct metrics_config *c = config;
	struct dimension dimensions[SPAN_DIMENSIONS_MAX];
	uint64_t bounds[SPAN_BOUNDS_MAX];

	return read_dimensions(c->dimensions, dimensions, why, room) && read_bounds(c->buckets, bounds, why, room);
}

static int make_table(struct step *s, const struct metrics_config *c, struct host *host, const uint64_t *bounds)
{
	const char *labels[SPAN_DIMENSIONS_MAX];
	struct span_table_options o = { .names = c->names,
		.bounds_ns = bounds,
		.bound_count = c->buckets->count,
		.dimensions = labels,
		.dimension_count = s->count,
		.sets = c->label_sets,
		.age = c->expire,
		.exemplars = c->exemplars };

	for (size_t i = 0; i < s->count; i++)
		labels[i] = s->dimensions[i].label;
	o.beyond = host_counter(host, "span_metrics_other_total",
		"Spans that span_metrics counts under \"other\", because there was no room for their labels.");
	return span_table_new(host_series(host), &o, &s->table);
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct metrics_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	uint64_t bounds[SPAN_BOUNDS_MAX];
	char why[256];
	bool fine = read_dimensions(c->dimensions, s->dimensions, why, sizeof why) &&
		    read_bounds(c->buckets, bounds, why, sizeof why);
	int failed;

	OXP_ASSERT(fine && "check() has been asked");
	s->loop = host_loop(host);
	s->count = c->dimensions->count;
	failed = make_table(s, c, host, bounds);
	if (failed) {
		if (failed == -EEXIST)
			host_log(host, LOG_LEVEL_ERROR, "there is another step span_metrics; only one is allowed");
		free(s);
		return failed;
	}
	*ret = s;
	return 0;
}

/* Values. */

/* The text of an AnyValue; a number's is in `number`. */
static struct bytes text_of(struct bytes value, char *number)
{
	struct otlp_any any = otlp_any_read(value);
	double real;

	switch (any.type) {
	case OTLP_VALUE_TEXT:
		return any.bytes;
	case OTLP_VALUE_BOOL:
		return bytes_of(any.number ? "true" : "false");
	case OTLP_VALUE_INT:
		return (struct bytes){ number, exposition_integer_format((int64_t)any.number, number) };
	case OTLP_VALUE_DOUBLE:
		memcpy(&real, &any.number, sizeof real);
		return (struct bytes){ number, exposition_number_format(real, number) };
	default:
		return (struct bytes){ "", 0 };
	}
}

/* `value` is that of dimension i. */
static void set_value(struct step *s, size_t i, struct bytes value)
{
	s->values[i] = text_of(value, s->numbers[i]);
}

static uint64_t duration_of(uint64_t start_ns, uint64_t end_ns)
{
	return end_ns > start_ns ? end_ns - start_ns : 0;
}

/* Among other steps: views. */

static void view_values(struct step *s, const struct otlp_view *v)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct otlp_part *part;
		if (s->dimensions[i].level != v->level)
			continue;
		part = otlp_view_find(v, s->dimensions[i].key);
		set_value(s, i, part ? part->value : (struct bytes){ "", 0 });
	}
}

/* A resource that stands twice is shown twice; spans are shown with the last. A lane may show them: it must not touch
 * the table, which belongs to the loop. */
static enum step_answer apply(struct step *s, struct record *record)
{
	const struct otlp_view *v = record->view;

	if (v == &record->request->views[OTLP_RESOURCE]) {
		s->service = otlp_view_attribute(v, "service.name");
		view_values(s, v);
	} else if (v->level == OTLP_SPAN) {
		s->span = (struct span_counted){ .name = otlp_view_text(v, OTLP_SPAN_NAME),
			.kind = v->kind,
			.status = v->status,
			.duration_ns = duration_of(v->start_ns, v->end_ns) };
		view_values(s, v);
		s->now = record->now;
		s->trace_id = v->trace_id;
		s->span_id = v->span_id;
	}
	return STEP_KEEP;
}

static void passed(struct step *s, bool stays)
{
	if (UNLIKELY(!s->tally))
		s->tally = span_tally_new(s->table);
	s->span.service = s->service;
	s->span.dimensions = s->values;
	if (span_tally_add(s->tally, &s->span, s->now) && stays)
		span_tally_exemplar(s->tally, s->trace_id, s->span_id);
}

/* Alone: a cursor. */

static void read_resource(struct step *s, struct bytes resource)
{
	struct otlp_any service = otlp_any_read(otlp_resource_attribute(resource, bytes_of("service.name")));

	s->resource = resource.data;
	s->service = service.type == OTLP_VALUE_TEXT ? service.bytes : (struct bytes){ "", 0 };
	for (size_t i = 0; i < s->count; i++)
		if (s->dimensions[i].level == OTLP_RESOURCE)
			set_value(s, i, otlp_resource_attribute(resource, s->dimensions[i].key));
}

static void read_span(struct step *s, const struct otlp_span *span, struct mono_time now)
{
	s->span = (struct span_counted){ .name = span->name,
		.kind = span->kind,
		.status = span->status,
		.duration_ns = duration_of(span->start_ns, span->end_ns) };
	if (span->resource.data != s->resource)
		read_resource(s, span->resource);
	for (size_t i = 0; i < s->count; i++)
		if (s->dimensions[i].level == OTLP_SPAN)
			set_value(s, i, otlp_span_attribute(span->span, s->dimensions[i].key));
	s->now = now;
	s->trace_id = span->trace_id;
	s->span_id = span->span_id;
	passed(s, true);
}

static bool read_some(struct step *s, struct record *record, struct bytes request, size_t *bytes)
{
	enum otlp_spans_answer answer;
	struct otlp_span span;

	if (!s->reading) {
		otlp_spans_begin(&s->at, request);
		s->resource = NULL;
	}
	while ((answer = otlp_spans_next(&s->at, bytes, &span)) == OTLP_SPANS_ONE)
		read_span(s, &span, record->now);
	s->reading = answer == OTLP_SPANS_PAUSE;
	return s->reading;
}

/* The end of a batch. */

static void end_note(struct batch_note *base, bool taken)
{
	struct note *n = CONTAINER_OF(base, struct note, base);

	span_tally_end(n->tally, taken, loop_now(n->loop), loop_wall(n->loop));
	free(n);
}

static struct batch_note *give_note(struct step *s)
{
	struct note *n;

	if (!s->tally)
		return NULL;
	n = oxp_new(sizeof *n);
	*n = (struct note){ .base.end = end_note, .loop = s->loop, .tally = s->tally };
	span_tally_close(s->tally);
	s->tally = NULL;
	return &n->base;
}

static void ended(struct step *s, bool taken)
{
	(void)taken;
	s->reading = false;
	if (!s->tally)
		return;
	span_tally_close(s->tally);
	span_tally_end(s->tally, false, loop_now(s->loop), loop_wall(s->loop));
	s->tally = NULL;
}

static void destroy(struct step *s)
{
	if (s)
		span_table_free(s->table);
	free(s);
}

const struct step_type step_span_metrics = {
	.name = "span_metrics",
	.summary = "Counts spans and their durations, as series on /metrics.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct metrics_config),
	.check = check,
	.create = create,
	.apply = apply,
	.read = read_some,
	.passed = passed,
	.note = give_note,
	.ended = ended,
	.destroy = destroy,
};
