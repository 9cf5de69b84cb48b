#include "collectors/otlp_meters.h"

#include <errno.h>
#include <math.h> /* isfinite() */
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/json_writer.h"
#include "base/random.h"
#include "base/text.h"
#include "collectors/otlp_exemplars.h"
#include "component.h"
#include "proto/otlp_any.h"
#include "proto/otlp_line.h"
#include "proto/otlp_native.h"

enum {
	LOOK_MS = 2000, /* how often it looks for meters whose time is over */
	AGED_AT_ONCE = 4000, /* meters that are looked at then: less than a millisecond */
	OWN_LABELS = 2, /* job and instance */
	LATE_MAX_S = 300, /* a time that is before the latest by more than that: a clock was set back */
};

/* Who sends: what has one job and one instance. It stays until its last meter ends. */
struct otlp_resource {
	struct map_node node;
	struct otlp_resource *next;
	struct meter_owner owner; /* main: its target_info */
	uint64_t digest; /* of the message that this was made of */
	size_t job, instance; /* sizes */
	char text[]; /* both, and the size of the first in four bytes: the name of the owner */
};

enum { JOB_SIZE = sizeof(uint32_t) };

static const char *const identifying[] = { "service.namespace", "service.name", "service.instance.id", NULL };

/* A word for labels and logs. */
static const char *fault_name(enum otlp_point_fault fault)
{
	static const char *const names[] = { "broken", "name", "temporality", "value", "bounds", "scale", "resources",
		"size" };

	return fault < OTLP_POINT_BROKEN ? meter_refusal_name((enum meter_refusal)fault)
					 : names[fault - OTLP_POINT_BROKEN];
}

const char *otlp_point_fault_reason(enum otlp_point_fault fault)
{
	static const char *const reasons[OTLP_POINT_FAULTS] = {
		[METER_SERIES_CEILING] = "there are as many series as `series` allows",
		[METER_FAMILY_CEILING] = "its metric has as many series as `family` allows",
		[METER_LABEL_SIZE] = "it has more than 64 labels, or one of more than 1 KiB",
		[METER_BYTES] = "metrics.limits.bytes or memory has no room",
		[METER_TYPE_CLASH] = "a metric of that name has another type",
		[METER_LABEL_NAME] = "it has an attribute called le or quantile, which its type has itself",
		[OTLP_POINT_BROKEN] = "it cannot be read, or has no value",
		[OTLP_POINT_NAME] = "its metric has no name, or one of more than 1 KiB",
		[OTLP_POINT_TEMPORALITY] = "its temporality is neither cumulative nor delta; a sum that is not "
					   "monotonic must be cumulative",
		[OTLP_POINT_VALUE] = "a counter must be a finite number, and not below 0",
		[OTLP_POINT_BOUNDS_BAD] = "its bounds or quantiles are over 512 or not ascending numbers, or there is "
					  "not one bucket more than bounds, or buckets that do not add up to its count",
		[OTLP_POINT_SCALE] = "the scale of an exponential histogram must be -4 or above",
		[OTLP_POINT_RESOURCES] = "there are 1,000 resources with a job and an instance of their own",
		[OTLP_POINT_SIZE] = "it, its scope or its resource has more than 256 KiB, or 4,096 fields, "
				    "or it has more than 8,192 buckets of a sign",
	};

	return reasons[fault];
}

static struct mono_time now(const struct otlp_meters *m)
{
	return loop_now(host_loop(m->host));
}

/* Resources. */

static struct bytes text_of(struct bytes resource, const char *key)
{
	struct bytes name, value, found = { "", 0 };
	struct wire w = wire_of(resource);
	struct otlp_any any;
	struct wire_field f;

	while (wire_next(&w, &f) > 0) {
		if (f.number != 1 || f.type != WIRE_LENGTH || otlp_pair_read(f.bytes, &name, &value) < 0)
			continue;
		any = otlp_any_read(value);
		if (any.type == OTLP_VALUE_TEXT && bytes_are(name, key))
			found = (struct bytes){ any.bytes.data, smaller(any.bytes.size, METER_LABEL_MAX) };
	}
	return found;
}

static struct otlp_resource *find_resource(
	const struct otlp_meters *m, uint64_t hash, struct bytes job, struct bytes instance)
{
	for (struct map_node *n = map_first(&m->resources, hash); n; n = map_next(n)) {
		struct otlp_resource *r = CONTAINER_OF(n, struct otlp_resource, node);
		if (bytes_equal((struct bytes){ r->text, r->job }, job) &&
			bytes_equal((struct bytes){ r->text + r->job, r->instance }, instance))
			return r;
	}
	return NULL;
}

static struct otlp_resource *make_resource(
	struct otlp_meters *m, uint64_t hash, struct bytes job, struct bytes instance)
{
	struct otlp_resource *r;

	uint32_t size = (uint32_t)job.size;

	if (m->resource_count == OTLP_RESOURCES_MAX)
		return NULL;
	r = calloc(1, sizeof *r + job.size + instance.size + JOB_SIZE);
	if (!r)
		return NULL;
	r->job = job.size;
	r->instance = instance.size;
	memcpy(r->text, job.data, job.size);
	memcpy(r->text + job.size, instance.data, instance.size);
	memcpy(r->text + job.size + instance.size, &size, JOB_SIZE);
	r->owner.name = (struct bytes){ r->text, job.size + instance.size + JOB_SIZE };
	r->node.hash = hash;
	map_put(&m->resources, &r->node);
	r->next = m->first;
	m->first = r;
	m->resource_count++;
	return r;
}

/* NULL: there is no room for one more. */
static struct otlp_resource *get_resource(struct otlp_meters *m, struct bytes job, struct bytes instance)
{
	uint64_t hash =
		XXH3_64bits_withSeed(instance.data, instance.size, XXH3_64bits_withSeed(job.data, job.size, m->seed));
	struct otlp_resource *r = find_resource(m, hash, job, instance);

	if (!r)
		r = make_resource(m, hash, job, instance);
	if (r)
		r->owner.alive = now(m);
	return r;
}

/* Those without meters. */
static void free_resources(struct otlp_meters *m, bool all)
{
	struct otlp_resource *r, **at = &m->first;

	while ((r = *at)) {
		if (!all && r->owner.meters > 0) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		map_remove(&m->resources, &r->node);
		m->resource_count--;
		free(r);
	}
}

static bool add_resource_labels(struct otlp_meters *m, const struct otlp_resource *r)
{
	return otlp_labels_put(&m->labels, "job", (struct bytes){ r->text, r->job }) &&
	       otlp_labels_put(&m->labels, "instance", (struct bytes){ r->text + r->job, r->instance });
}

/* A value that no label has room for, such as the arguments of a process, costs itself. Returns how many are left. */
static size_t leave_out_long(struct meter_label *labels, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (labels[i].value.size <= METER_LABEL_MAX)
			labels[kept++] = labels[i];
	return kept;
}

/* There is one for a job and an instance, also if the resource has other attributes now. */
static void show_resource(struct otlp_meters *m, struct otlp_resource *r, struct bytes message)
{
	struct meter *before = r->owner.main, *info;
	size_t count;
	bool cut;
	struct meter_wanted w = { .name = { "target_info", 11 },
		.kind = METER_GAUGE,
		.help = "What is known of what sends over OTLP.",
		.ttl = m->options.ttl,
		.owner = &r->owner,
		.as_owner = true,
		.whole = true,
		.labels = m->labels.labels };

	otlp_labels_clear(&m->labels);
	if (!otlp_labels_read(&m->labels, message, 1, "", identifying) || m->labels.count == 0)
		return;
	cut = otlp_labels_cut(&m->labels, METER_LABELS_MAX - OWN_LABELS);
	if (!add_resource_labels(m, r))
		return;
	count = otlp_labels_make(&m->labels);
	w.label_count = leave_out_long(m->labels.labels, count);
	*m->cut += cut || w.label_count < count;
	info = meters_get(m->meters, &w, now(m), NULL);
	if (before && before != info)
		meters_end(m->meters, before);
	r->owner.main = info;
	if (info)
		meter_set(info, 1, now(m));
}

/* The resource that the points stand in. */
static void begin_resource(struct otlp_meters *m, struct bytes message)
{
	struct bytes namespace = text_of(message, identifying[0]), name = text_of(message, identifying[1]),
		     instance = text_of(message, identifying[2]);
	char job[2 * METER_LABEL_MAX + 1];
	size_t size = 0;
	uint64_t hash;

	if (namespace.size > 0 && name.size > 0) {
		memcpy(job, namespace.data, namespace.size);
		job[namespace.size] = '/';
		size = namespace.size + 1;
	}
	memcpy(job + size, name.data, name.size);
	size += name.size;
	m->resource = get_resource(m, (struct bytes){ job, size }, instance);
	if (!m->resource)
		return;
	hash = XXH3_64bits_withSeed(message.data, message.size, m->seed);
	if ((size > 0 || instance.size > 0) && (hash != m->resource->digest || !m->resource->owner.main))
		show_resource(m, m->resource, message);
	m->resource->digest = hash;
}

/* Metrics. */

/* As much of the text as fits, without the half of a character. */
static void read_help(struct otlp_meters *m, struct bytes text)
{
	size_t size = smaller(text.size, sizeof m->help - 1);

	while (size < text.size && size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
		size--;
	if (!utf8_valid(text.data, size))
		size = 0;
	memcpy(m->help, text.data, size);
	m->help[size] = '\0';
}

static enum meter_kind kind_of(const struct otlp_metric *metric)
{
	switch (metric->kind) {
	case OTLP_SUM:
		return metric->monotonic ? METER_COUNTER : METER_GAUGE;
	case OTLP_HISTOGRAM:
		return METER_HISTOGRAM;
	case OTLP_EXPONENTIAL:
		return METER_NATIVE;
	case OTLP_SUMMARY:
		return METER_SUMMARY;
	default:
		return METER_GAUGE;
	}
}

static bool is_delta(const struct otlp_metric *metric)
{
	return metric->temporality == OTLP_DELTA && metric->kind != OTLP_GAUGE && metric->kind != OTLP_SUMMARY;
}

static bool has_fine_temporality(const struct otlp_metric *metric)
{
	if (metric->kind == OTLP_GAUGE || metric->kind == OTLP_SUMMARY)
		return true;
	if (metric->kind == OTLP_SUM && !metric->monotonic)
		return metric->temporality == OTLP_CUMULATIVE;
	return metric->temporality == OTLP_CUMULATIVE || metric->temporality == OTLP_DELTA;
}

/* Points. */

static bool ascend(const double *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!isfinite(numbers[i]) || (i > 0 && numbers[i] <= numbers[i - 1]))
			return false;
	return true;
}

/* Without bounds there may be no buckets either: all is in one. */
static bool read_buckets(struct otlp_meters *m, const struct otlp_point *p, struct meter_wanted *w)
{
	size_t count = otlp_point_numbers(p, OTLP_POINT_BOUNDS, m->numbers, OTLP_BOUNDS_MAX), buckets;

	if (count > OTLP_BOUNDS_MAX)
		return false;
	memcpy(m->bounds, m->numbers, count * sizeof *m->bounds);
	buckets = otlp_point_numbers(p, OTLP_POINT_BUCKETS, m->numbers, COUNT_OF(m->numbers));
	if (buckets == 0) {
		count = 0;
		m->numbers[0] = p->count;
	} else if (buckets != count + 1) {
		return false;
	}
	w->bound_count = count;
	return ascend(m->bounds, count);
}

static enum otlp_point_fault read_native(struct otlp_meters *m, const struct otlp_point *p, struct meter_state *s)
{
	static const enum otlp_point_fault faults[] = { [OTLP_NATIVE_FINE] = OTLP_POINT_FINE,
		[OTLP_NATIVE_MANY] = OTLP_POINT_SIZE,
		[OTLP_NATIVE_SCALE] = OTLP_POINT_SCALE,
		[OTLP_NATIVE_BUCKETS] = OTLP_POINT_BOUNDS_BAD };

	*s = (struct meter_state){
		.native = &m->native.all, .created_ns = p->start_ns, .sum = p->sum, .no_sum = !p->has_sum
	};
	return faults[otlp_native_read(p, &m->native)];
}

/* A histogram that may have observations below zero has a sum that may fall: it is left out (OpenMetrics 1.0,
 * "Histogram"). */
static enum otlp_point_fault read_state(
	struct otlp_meters *m, const struct otlp_point *p, struct meter_wanted *w, struct meter_state *s)
{
	*s = (struct meter_state){ .buckets = m->numbers, .values = m->values, .count = p->count, .sum = p->sum };
	w->bounds = m->bounds;
	if (w->kind == METER_SUMMARY) {
		w->bound_count = otlp_point_quantiles(p, m->bounds, m->values, OTLP_BOUNDS_MAX);
		return w->bound_count <= OTLP_BOUNDS_MAX && ascend(m->bounds, w->bound_count) ? OTLP_POINT_FINE
											      : OTLP_POINT_BOUNDS_BAD;
	}
	if (!read_buckets(m, p, w))
		return OTLP_POINT_BOUNDS_BAD;
	s->no_sum = !p->has_sum || (w->bound_count > 0 && m->bounds[0] < 0);
	return OTLP_POINT_FINE;
}

static enum otlp_point_fault read_value(
	struct otlp_meters *m, const struct otlp_point *p, struct meter_wanted *w, struct meter_state *s)
{
	if (w->kind == METER_NATIVE)
		return read_native(m, p, s);
	if (w->kind == METER_HISTOGRAM || w->kind == METER_SUMMARY)
		return read_state(m, p, w, s);
	if (!p->has_value)
		return OTLP_POINT_BROKEN;
	return w->kind == METER_GAUGE || (isfinite(p->value) && p->value >= 0) ? OTLP_POINT_FINE : OTLP_POINT_VALUE;
}

/* False: it cannot be read. */
static bool read_labels(struct otlp_meters *m, const struct otlp_point *p, struct meter_wanted *w)
{
	static const char *const but[] = { "name", "version", "schema_url", NULL };
	struct otlp_labels *l = &m->labels;
	bool broken = false;

	otlp_labels_clear(l);
	if (!otlp_labels_read(l, p->message, p->attributes, "", NULL))
		return false;
	if (m->options.scope_labels) {
		struct bytes name = wire_last(p->scope, 1, &broken), version = wire_last(p->scope, 2, &broken);
		if (broken || !otlp_labels_read(l, p->scope, 3, "otel_scope_", but) ||
			!otlp_labels_put(l, "otel_scope_name", name) ||
			!otlp_labels_put(l, "otel_scope_version", version) ||
			!otlp_labels_put(l, "otel_scope_schema_url", p->scope_schema))
			return false;
	}
	if (!add_resource_labels(m, m->resource))
		return false;
	w->label_count = otlp_labels_make(l);
	w->labels = l->labels;
	return true;
}

/* Whether it changes the meter, which remembers it then. */
static bool is_news(struct otlp_meters *m, struct meter *meter, const struct otlp_point *p)
{
	struct meter_sent *sent = meter_sent(meter), before = *sent;

	if (p->time_ns == 0)
		return true;
	if (is_delta(&p->metric) && p->time_ns == before.time && p->start_ns == before.start) {
		++*m->repeated;
		return false;
	}
	if (!is_delta(&p->metric) && p->start_ns == before.start && p->time_ns < before.time &&
		before.time - p->time_ns < (uint64_t)DURATION_S(LATE_MAX_S).ns) {
		++*m->late;
		return false;
	}
	*sent = (struct meter_sent){ p->start_ns, p->time_ns };
	return true;
}

static enum otlp_point_fault apply_native(
	struct otlp_meters *m, struct meter *meter, bool delta, const struct meter_state *s)
{
	unsigned merged = 0;
	int failed = delta ? meter_add_native(meter, s, now(m), &merged) : meter_set_native(meter, s, now(m));

	*m->coarser += m->native.merged > 0 || merged > 0;
	return !failed             ? OTLP_POINT_FINE
	       : failed == -ERANGE ? OTLP_POINT_BOUNDS_BAD
				   : (enum otlp_point_fault)METER_BYTES;
}

static enum otlp_point_fault apply(
	struct otlp_meters *m, struct meter *meter, const struct otlp_point *p, const struct meter_state *s)
{
	enum meter_kind kind = meter_kind(meter);
	bool delta = is_delta(&p->metric);

	if (kind == METER_NATIVE)
		return apply_native(m, meter, delta, s);
	if (kind == METER_HISTOGRAM && delta)
		meter_add_state(meter, s, now(m));
	else if (kind == METER_HISTOGRAM || kind == METER_SUMMARY)
		meter_set_state(meter, s, now(m));
	else if (delta)
		meter_add(meter, p->value, now(m));
	else
		meter_set(meter, p->value, now(m));
	return OTLP_POINT_FINE;
}

static void end(struct otlp_meters *m, const struct meter_wanted *w)
{
	struct meter *meter = meters_find(m->meters, w);

	if (meter)
		meters_end(m->meters, meter);
}

/* What labels a series has depends on it. */
static uint64_t origin_of(const struct otlp_meters *m)
{
	return 1 + m->options.scope_labels;
}

static bool has_exemplars(enum meter_kind kind)
{
	return kind == METER_COUNTER || kind == METER_HISTOGRAM || kind == METER_NATIVE;
}

static enum otlp_point_fault take(struct otlp_meters *m, const struct otlp_point *p)
{
	struct meter_wanted w = { .name = { m->name, m->name_size },
		.kind = kind_of(&p->metric),
		.help = m->help,
		.ttl = m->options.ttl,
		.owner = &m->resource->owner,
		.as_owner = is_delta(&p->metric),
		.whole = !is_delta(&p->metric),
		.saved = is_delta(&p->metric),
		.origin = origin_of(m) };
	enum otlp_point_fault fault = OTLP_POINT_FINE;
	enum meter_refusal why;
	struct meter_state state;
	struct meter *meter;

	if (!read_labels(m, p, &w))
		return OTLP_POINT_BROKEN;
	if (p->flags & OTLP_NO_RECORDED_VALUE) {
		end(m, &w);
		return OTLP_POINT_FINE;
	}
	fault = read_value(m, p, &w, &state);
	if (fault)
		return fault;
	meter = meters_get(m->meters, &w, now(m), &why);
	if (!meter)
		return (enum otlp_point_fault)why;
	*m->overflow += why != METER_FITS;
	if (why == METER_FITS && !is_news(m, meter, p))
		return OTLP_POINT_FINE;
	fault = apply(m, meter, p, &state);
	if (!fault && why == METER_FITS && has_exemplars(w.kind))
		otlp_exemplars_take(m->meters, meter, p, &m->labels);
	return fault;
}

static void refuse(struct otlp_meters *m, enum otlp_point_fault fault, struct bytes name)
{
	++*m->refused[fault];
	snprintf(m->latest[fault], SERIES_NAME_SHOWN, "%.*s", (int)smaller(name.size, SERIES_NAME_SHOWN), name.data);
	text_one_line(m->latest[fault]);
	if (m->told[fault])
		return;
	m->told[fault] = true;
	host_log(m->host, LOG_LEVEL_WARN, "a point of the metric \"%s\" is refused (%s): %s; further ones are counted",
		m->latest[fault], fault_name(fault), otlp_point_fault_reason(fault));
}

enum otlp_point_fault otlp_meters_take(struct otlp_meters *m, const struct otlp_point *p)
{
	enum otlp_point_fault fault;

	if (!loop_timer_pending(&m->look))
		loop_timer_set(&m->look, DURATION_MS(LOOK_MS));
	if (otlp_point_is_large(p)) {
		refuse(m, OTLP_POINT_SIZE, p->metric.name);
		return OTLP_POINT_SIZE;
	}
	if (p->resources != m->resource_number)
		begin_resource(m, p->resource);
	if (p->metrics != m->metric_number) {
		m->name_size = otlp_metric_name(&p->metric, m->name);
		read_help(m, p->metric.description);
	}
	m->resource_number = p->resources;
	m->metric_number = p->metrics;
	meters_round_changed(&m->round);
	fault = p->broken                           ? OTLP_POINT_BROKEN
		: !m->resource                      ? OTLP_POINT_RESOURCES
		: m->name_size == 0                 ? OTLP_POINT_NAME
		: !has_fine_temporality(&p->metric) ? OTLP_POINT_TEMPORALITY
						    : take(m, p);
	if (fault)
		refuse(m, fault, p->metric.name);
	else
		++*m->points;
	return fault;
}

void otlp_meters_begin(struct otlp_meters *m)
{
	m->resource_number = m->metric_number = 0;
}

/* Time. */

static void on_look(void *context)
{
	struct otlp_meters *m = context;

	meters_age(m->meters, now(m), AGED_AT_ONCE);
	saving_look(&m->saving);
	free_resources(m, false);
	m->resource_number = 0; /* what was remembered may be gone */
	*m->series = meters_series(m->meters);
	if (m->resource_count > 0 || meters_families(m->meters) > 0)
		loop_timer_set(&m->look, DURATION_MS(LOOK_MS));
}

/* Saving. */

/* As meters_restore.wanted. An overflow has no owner. */
static bool want(void *context, struct bytes owner, struct meter_wanted *w)
{
	struct otlp_meters *m = context;
	struct otlp_resource *r;
	size_t texts = owner.size - JOB_SIZE;
	uint32_t job;

	w->ttl = m->options.ttl;
	if (w->origin != origin_of(m) || w->kind == METER_GAUGE)
		return false;
	if (!w->whole)
		return owner.size == 0;
	if (owner.size < JOB_SIZE)
		return false;
	memcpy(&job, owner.data + texts, JOB_SIZE);
	if (job > texts)
		return false;
	r = get_resource(m, (struct bytes){ owner.data, job }, (struct bytes){ owner.data + job, texts - job });
	w->owner = r ? &r->owner : NULL;
	return r;
}

void otlp_meters_save(struct otlp_meters *m)
{
	saving_init(&m->saving, m->host, m->meters, &(struct meters_restore){ want, m });
	if (m->resource_count > 0 || meters_families(m->meters) > 0)
		loop_timer_set(&m->look, DURATION_MS(LOOK_MS));
}

void otlp_meters_answer(struct otlp_meters *m, size_t count)
{
	saving_now(&m->saving, count);
}

void otlp_meters_end(struct otlp_meters *m)
{
	saving_end(&m->saving);
}

/* Life. */

static void count_in(struct otlp_meters *m, struct host *host)
{
	m->points = host_counter(host, "metric_points_total", "Points of metrics accepted.");
	m->late = host_counter(host, "metric_points_late_total",
		"Points that were older than the latest of their series, which stays.");
	m->repeated = host_counter(
		host, "metric_points_repeated_total", "Deltas with the times of the one before, which were not added.");
	m->coarser = host_counter(host, "metric_points_coarser_total",
		"Points of exponential histograms whose series lost resolution, since it had too many buckets.");
	m->cut = host_counter(host, "metric_resources_cut_total",
		"Times target_info of a resource was made without some of its attributes: those beyond 62, or a value "
		"of over 1 KiB.");
	m->overflow = host_counter(
		host, "metric_points_overflow_total", "Deltas that went into the overflow of their family.");
	m->series = host_gauge(host, "metric_series", "Series that there are, without overflows.");
	for (unsigned i = OTLP_POINT_FINE + 1; i < OTLP_POINT_FAULTS; i++)
		m->refused[i] = host_counter_by(host, fault_name((enum otlp_point_fault)i),
			"metric_points_refused_total", "Points of metrics refused; the rest of the request was taken.");
}

int otlp_meters_new(struct host *host, const struct otlp_meters_options *options, struct otlp_meters **ret)
{
	struct otlp_meters *m = oxp_new(sizeof *m);
	int failed = map_init(&m->resources);

	m->host = host;
	m->options = *options;
	m->options.limits.window = DURATION_MS(LOOK_MS); /* of sets, which do not come */
	m->seed = random_next(host_random(host));
	otlp_labels_init(&m->labels);
	loop_timer_init(&m->look, host_loop(host), on_look, m);
	if (!failed)
		failed = relabelling_init(&m->relabel, host, options->relabel);
	if (!failed)
		failed = meters_new(host_series(host), NULL, 0, &m->options.limits, &m->meters);
	if (failed) {
		otlp_meters_free(m);
		return failed;
	}
	meters_round_init(&m->round, host, m->meters);
	meters_round_relabel(&m->round, &m->relabel, NULL, 0);
	count_in(m, host);
	*ret = m;
	return 0;
}

void otlp_meters_free(struct otlp_meters *m)
{
	if (!m)
		return;
	loop_timer_done(&m->look);
	meters_round_done(&m->round);
	meters_free(m->meters);
	saving_done(&m->saving);
	relabelling_done(&m->relabel);
	free_resources(m, true);
	map_done(&m->resources);
	otlp_labels_done(&m->labels);
	free(m);
}

bool otlp_meters_any(const struct otlp_meters *m)
{
	return meters_families(m->meters) > 0 || series_target_count(meters_target(m->meters)) > 0;
}

void otlp_meters_collect(struct otlp_meters *m)
{
	if (m->round.showing || otlp_meters_any(m))
		meters_round_collect(&m->round);
	else
		host_collected(m->host);
}

void otlp_meters_report(const struct otlp_meters *m, struct json_writer *w)
{
	uint64_t came = *m->points;

	for (unsigned i = OTLP_POINT_FINE + 1; i < OTLP_POINT_FAULTS; i++)
		came += *m->refused[i];
	if (came == 0 && meters_families(m->meters) == 0)
		return;
	json_put_object(w, "metrics");
	json_put_u64(w, "series", meters_series(m->meters));
	json_put_u64(w, "families", meters_families(m->meters));
	json_put_u64(w, "resources", m->resource_count);
	json_put_u64(w, "points", *m->points);
	json_put_array(w, "refused");
	for (unsigned i = OTLP_POINT_FINE + 1; i < OTLP_POINT_FAULTS; i++) {
		if (*m->refused[i] == 0)
			continue;
		json_put_object(w, NULL);
		json_put_string(w, "reason", fault_name((enum otlp_point_fault)i));
		json_put_u64(w, "count", *m->refused[i]);
		json_put_string(w, "latest", m->latest[i]);
		json_put_string(w, "why", otlp_point_fault_reason((enum otlp_point_fault)i));
		json_put_end(w);
	}
	json_put_end(w);
	saving_report(&m->saving, w);
	relabelling_report(&m->relabel, w);
	refusals_report(&m->round.refusals, w);
	json_put_end(w);
}
