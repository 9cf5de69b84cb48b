#include "collectors/statsd_events.h"

#include <math.h> /* isfinite() */
#include <stdio.h>
#include <xxhash.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "loop/loop.h"
#include "proto/exposition_parse.h"

enum { NAMES_MAX = 1 << 20 /* of a line of 64 KiB it is a fifth at most */ };

static const char help[] = "Pushed over StatsD.";

static const char *refusal_name(unsigned why)
{
	static const char *const names[] = { "negative_counter", "line_size", "bad_frame", "rule" };

	return why < STATSD_FAULTS ? statsd_fault_name(why) : names[why - STATSD_FAULTS];
}

/* What was wrong, and what was expected. */
static const char *const reasons[STATSD_REFUSALS] = {
	[STATSD_BAD_UTF8] = "it is not UTF-8",
	[STATSD_BAD_LINE] = "it is not name:value|type",
	[STATSD_BAD_TYPE] = "its type is not one of c, g, ms, h, d, s",
	[STATSD_BAD_VALUE] = "its value is not a finite number",
	[STATSD_BAD_RATE] = "its sample rate is not above 0 and up to 1",
	[STATSD_BAD_FIELD] =
		"behind the type is something that is not known: expected @rate, #tags, T…, c:…, e:… or card:…",
	[STATSD_BAD_TIMESTAMP] = "its timestamp is not in seconds since 1970",
	[STATSD_MIXED] = "it has tags in its name and behind it, or several samples with tags",
	[STATSD_BAD_EVENT] = "it begins as an event, and is none",
	[STATSD_BAD_CHECK] = "it begins as a service check, and is none",
	[STATSD_REFUSED_NEGATIVE] = "it is below 0, and a counter never falls",
	[STATSD_REFUSED_SIZE] = "it is too long, or its name has over 1,024 bytes",
	[STATSD_REFUSED_FRAME] = "a length was expected before a message; the connection is closed",
	[STATSD_REFUSED_RULE] = "a rule of `mapping` takes too many steps with its name, or makes no name or too long "
				"a text of it",
};

static void keep_name(char *to, struct bytes text)
{
	const char *end = memchr(text.data, ':', text.size);
	size_t size = end ? (size_t)(end - text.data) : text.size;

	snprintf(to, STATSD_NAME_SHOWN, "%.*s", (int)smaller(size, STATSD_NAME_SHOWN), text.data);
	text_one_line(to);
}

void statsd_events_refuse(struct statsd_events *e, enum statsd_refusal why, struct bytes text)
{
	++*e->refused[why];
	if (text.size > 0)
		keep_name(e->latest[why], text);
	if (e->told[why])
		return;
	e->told[why] = true;
	host_log(e->host, LOG_LEVEL_WARN, "StatsD: refused \"%s\" (%s): %s; further ones are counted", e->latest[why],
		refusal_name(why), reasons[why]);
}

static void refuse(struct statsd_events *e, unsigned why, struct bytes text)
{
	statsd_events_refuse(e, (enum statsd_refusal)why, text);
}

/* Names and labels. */

/* In e->names, which has the room. */
static struct bytes escape(struct statsd_events *e, struct bytes name)
{
	char *to = e->names.data + e->names.size;
	size_t size = statsd_name_escape(name, to);

	e->names.size += size;
	return (struct bytes){ to, size };
}

/* The name in one piece. */
static struct bytes join(struct statsd_events *e, const struct statsd_line *l)
{
	char *to = e->names.data + e->names.size;

	if (l->name_rest.size == 0)
		return l->name;
	memcpy(to, l->name.data, l->name.size);
	memcpy(to + l->name.size, l->name_rest.data, l->name_rest.size);
	e->names.size += l->name.size + l->name_rest.size;
	return (struct bytes){ to, l->name.size + l->name_rest.size };
}

static void add_label(struct statsd_events *e, struct bytes name, struct bytes value)
{
	e->labels[e->label_count++] = (struct meter_label){ name, value };
}

/* One label beyond the most tells the meters. */
static void add_tags(struct statsd_events *e, struct bytes tags, char separator)
{
	struct statsd_tag tag;
	size_t added = 0;

	while (added <= METER_LABELS_MAX && statsd_tag_next(&tags, separator, &tag)) {
		if (tag.name.size == 0 || tag.value.size == 0) {
			++*e->bare_tags;
			continue;
		}
		add_label(e, escape(e, tag.name), tag.value);
		added++;
	}
}

static void add_mapped(struct statsd_events *e, const struct statsd_mapped *mapped)
{
	for (size_t i = 0; i < mapped->label_count; i++)
		add_label(e, bytes_of(mapped->rule->labels[i].name), mapped->values[i]);
}

/* Of two labels with one name the last counts: that of the rule, unless it honors those of the line. */
static void add_labels(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s,
	const struct statsd_mapped *mapped)
{
	bool honor = mapped->rule && mapped->rule->honor_labels;

	e->label_count = 0;
	if (honor)
		add_mapped(e, mapped);
	add_tags(e, l->name_tags.size > 0 ? l->name_tags : s->tags, l->name_tags.size > 0 ? '=' : ':');
	if (e->options.container_label && s->container.size > 0)
		add_label(e, bytes_of("container_id"), s->container);
	if (!honor)
		add_mapped(e, mapped);
}

static enum meter_kind kind_of(enum statsd_type type)
{
	static const enum meter_kind kinds[] = {
		[STATSD_COUNTER] = METER_COUNTER,
		[STATSD_GAUGE] = METER_GAUGE,
		[STATSD_TIMER] = METER_HISTOGRAM,
		[STATSD_HISTOGRAM] = METER_HISTOGRAM,
		[STATSD_DISTRIBUTION] = METER_HISTOGRAM,
		[STATSD_SET] = METER_SET,
	};

	return kinds[type];
}

static struct duration ttl_of(const struct statsd_events *e, const struct statsd_rule *rule)
{
	const struct statsd_mapping *mapping = e->options.mapping;

	if (rule && rule->ttl.ns > 0)
		return rule->ttl;
	return mapping && mapping->rules.ttl.ns > 0 ? mapping->rules.ttl : e->options.ttl;
}

static struct statsd_histogram histogram_of(const struct statsd_events *e, const struct statsd_rule *rule)
{
	const struct statsd_mapping *mapping = e->options.mapping;

	if (!mapping)
		return e->options.histogram;
	return statsd_histogram_or(rule ? &rule->histogram : &mapping->rules.histogram, &e->options.histogram);
}

static void want_histogram(struct meter_wanted *w, const struct statsd_histogram *h)
{
	w->bounds = h->bounds;
	w->bound_count = h->count;
	if (h->factor > 1)
		w->native = (struct meter_native_wanted){ native_schema(h->factor), h->most };
}

/* What made a meter. If other bounds or native ones are asked for anywhere, all histograms begin anew: which of them
 * share a family is known only as they come. */
static uint64_t origin_of(const struct statsd_events *e, const struct statsd_rule *rule, enum meter_kind kind)
{
	return (rule ? rule->digest : 0) ^ (kind == METER_HISTOGRAM ? e->histograms : 0);
}

static uint64_t digest_histogram(const struct statsd_histogram *h, uint64_t before)
{
	uint64_t made = XXH3_64bits_withSeed(h->bounds, h->count * sizeof *h->bounds, before);

	if (h->factor > 1)
		made = XXH3_64bits_withSeed(&h->factor, sizeof h->factor, made + h->most);
	return made;
}

static uint64_t digest_histograms(const struct statsd_options *o)
{
	uint64_t made = digest_histogram(&o->histogram, 0);
	const struct statsd_rules *rules = o->mapping ? &o->mapping->rules : NULL;

	if (!rules)
		return made;
	made = digest_histogram(&rules->histogram, made);
	for (size_t i = 0; i < rules->count; i++)
		made = digest_histogram(&rules->rules[i].histogram, made);
	return made;
}

bool statsd_events_want(void *events, struct bytes owner, struct meter_wanted *w)
{
	const struct statsd_events *e = events;
	const struct statsd_rules *rules = e->options.mapping ? &e->options.mapping->rules : NULL;
	const struct statsd_rule *rule = NULL;

	for (size_t i = 0; rules && i < rules->count && !rule; i++)
		if (origin_of(e, &rules->rules[i], w->kind) == w->origin && !rules->rules[i].drops)
			rule = &rules->rules[i];
	if (owner.size > 0 || (!rule && w->origin != origin_of(e, NULL, w->kind)))
		return false;
	w->ttl = ttl_of(e, rule);
	w->help = rule && rule->help ? rule->help : help;
	return true;
}

/* False: it goes no farther, which was counted. */
static bool map_name(struct statsd_events *e, const struct statsd_line *l, enum meter_kind kind, struct bytes name,
	struct statsd_mapped *ret)
{
	enum statsd_fit fit =
		e->options.mapping ? statsd_mapping_find(e->options.mapping, name, kind, ret) : STATSD_UNMAPPED;

	if (fit == STATSD_UNMAPPED)
		*ret = (struct statsd_mapped){ .name = name };
	if (fit == STATSD_DROPPED)
		++*e->dropped;
	else if (fit == STATSD_EXCESS || ret->name.size == 0)
		refuse(e, STATSD_REFUSED_RULE, l->head);
	else
		return true;
	return false;
}

static struct meter *make(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s,
	const struct meter_raw *raw, double *ret_factor)
{
	struct meter_wanted w = { .kind = kind_of(s->type), .labels = e->labels, .raw = raw };
	struct statsd_mapped mapped;
	struct statsd_histogram histogram;

	buffer_clear(&e->names);
	if (!buffer_reserve(&e->names, 2 * l->head.size + 2 * s->tags.size + STATSD_MADE_MAX + 4) ||
		!map_name(e, l, w.kind, join(e, l), &mapped))
		return NULL;
	histogram = histogram_of(e, mapped.rule);
	w.name = escape(e, mapped.name);
	if (w.name.size > EXPOSITION_NAME_MAX) {
		statsd_events_refuse(e, STATSD_REFUSED_SIZE, l->head);
		return NULL;
	}
	w.help = mapped.rule && mapped.rule->help ? mapped.rule->help : help;
	if (w.kind == METER_HISTOGRAM)
		want_histogram(&w, &histogram);
	w.ttl = ttl_of(e, mapped.rule);
	w.saved = w.kind != METER_SET;
	w.origin = origin_of(e, mapped.rule, w.kind);
	w.factor = *ret_factor = mapped.rule ? mapped.rule->scale : 1;
	add_labels(e, l, s, &mapped);
	w.label_count = e->label_count;
	return meters_get(e->meters, &w, loop_now(host_loop(e->host)), NULL);
}

/* NULL: it is refused, which was counted. */
static struct meter *find(
	struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s, double *ret_factor)
{
	const struct meter_raw raw = { .kind = (unsigned char)kind_of(s->type),
		.name = l->head,
		.tags = s->tags,
		.more = e->options.container_label ? s->container : (struct bytes){ NULL, 0 } };
	struct meter *meter = meters_known(e->meters, &raw, ret_factor);

	return meter ? meter : make(e, l, s, &raw, ret_factor);
}

/* Values. */

struct value {
	double number;
	bool relative;
};

static void apply(struct statsd_events *e, struct meter *meter, const struct statsd_sample *s, const struct value *v)
{
	struct mono_time now = loop_now(host_loop(e->host));

	++*e->values;
	if (s->type == STATSD_COUNTER)
		meter_add(meter, v->number / s->rate, now);
	else if (s->type == STATSD_GAUGE && v->relative && e->options.gauge_deltas)
		meter_add(meter, v->number, now);
	else if (s->type == STATSD_GAUGE)
		meter_set(meter, v->number, now);
	else
		meter_observe(meter, s->type == STATSD_TIMER ? v->number / 1000 : v->number, 1 / s->rate, now);
}

/* What the series can have. */
static bool is_possible(
	struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s, const struct value *v)
{
	if (!isfinite(v->number / s->rate))
		refuse(e, STATSD_BAD_VALUE, l->head);
	else if (s->type == STATSD_COUNTER && v->number < 0)
		refuse(e, STATSD_REFUSED_NEGATIVE, l->head);
	else
		return true;
	return false;
}

static bool is_taken(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s,
	struct bytes text, struct value *ret)
{
	if (statsd_number(text, &ret->number, &ret->relative))
		return is_possible(e, l, s, ret);
	refuse(e, STATSD_BAD_VALUE, l->head);
	return false;
}

/* What a set has is any text, colons included. */
static void take_member(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s)
{
	struct meter *meter;
	double factor;

	if (s->values.size == 0) {
		refuse(e, STATSD_BAD_VALUE, l->head);
		return;
	}
	meter = find(e, l, s, &factor);
	if (!meter)
		return;
	++*e->values;
	meter_insert(e->meters, meter, s->values, loop_now(host_loop(e->host)));
}

static void take_sample(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s)
{
	struct bytes values = s->values, text;
	struct meter *meter = NULL;
	double factor = 1;
	struct value v;

	if (s->type == STATSD_SET) {
		take_member(e, l, s);
		return;
	}
	while (statsd_value_next(&values, &text)) {
		if (!is_taken(e, l, s, text, &v))
			continue;
		if (!meter)
			meter = find(e, l, s, &factor);
		v.number *= factor;
		if (meter && is_possible(e, l, s, &v))
			apply(e, meter, s, &v);
	}
}

/* Lines. */

static void take_line(struct statsd_events *e, struct bytes line)
{
	struct statsd_line l;
	struct statsd_sample s;
	enum statsd_fault fault = statsd_line_read(line, &l);

	++*e->lines;
	if (fault) {
		refuse(e, fault, line);
		return;
	}
	*e->events += l.kind == STATSD_EVENT;
	*e->checks += l.kind == STATSD_CHECK;
	while (statsd_sample_next(&l, &s, &fault))
		if (fault)
			refuse(e, fault, l.head);
		else
			take_sample(e, &l, &s);
}

size_t statsd_events_take_some(struct statsd_events *e, struct bytes text, size_t bytes)
{
	size_t at = 0;

	while (at < text.size && at < bytes) {
		const char *end = memchr(text.data + at, '\n', text.size - at);
		struct bytes line = { text.data + at, end ? (size_t)(end - text.data) - at : text.size - at };
		at += line.size + (end != NULL);
		while (line.size > 0 && (line.data[line.size - 1] == '\r' || line.data[line.size - 1] == '\0'))
			line.size--;
		if (line.size > 0)
			take_line(e, line);
	}
	return at;
}

void statsd_events_take(struct statsd_events *e, struct bytes text)
{
	(void)statsd_events_take_some(e, text, text.size);
}

/* Life. */

void statsd_events_init(
	struct statsd_events *e, struct host *host, struct meters *meters, const struct statsd_options *options)
{
	*e = (struct statsd_events){ .host = host, .meters = meters, .options = *options };
	e->histograms = digest_histograms(options);
	buffer_init(&e->names, NAMES_MAX);
	e->lines = host_counter(host, "statsd_lines_total", "Lines of StatsD read.");
	e->values = host_counter(host, "statsd_values_total", "Values that were counted in a series.");
	e->events = host_counter(host, "statsd_events_total", "Events of DogStatsD, which go no farther.");
	e->checks =
		host_counter(host, "statsd_service_checks_total", "Service checks of DogStatsD, which go no farther.");
	e->bare_tags =
		host_counter(host, "statsd_bare_tags_total", "Tags without a value or a name, left out of new series.");
	e->dropped = host_counter(host, "statsd_dropped_total", "Samples that a rule of `mapping` drops.");
	for (unsigned i = STATSD_FINE + 1; i < STATSD_REFUSALS; i++)
		e->refused[i] = host_counter_by(
			host, refusal_name(i), "statsd_refused_total", "Lines, or parts of them, that were refused.");
	for (unsigned i = METER_FITS + 1; i < METER_REFUSALS; i++)
		e->beyond[i] = host_counter_by(host, meter_refusal_name((enum meter_refusal)i), "statsd_overflow_total",
			"Values that went into the overflow of their family, or nowhere.");
}

void statsd_events_done(struct statsd_events *e)
{
	buffer_done(&e->names);
}

static void tell_overflow(struct statsd_events *e, enum meter_refusal why)
{
	static const char *const what[METER_REFUSALS] = {
		[METER_SERIES_CEILING] = "beyond `series` values go into series with overflow=\"true\", or nowhere",
		[METER_FAMILY_CEILING] = "beyond `family` values go into a series with overflow=\"true\"",
		[METER_LABEL_SIZE] =
			"if labels are too long or too many, values go into a series with overflow=\"true\"",
		[METER_BYTES] = "without room in metrics.limits.bytes or `memory` values go into series with "
				"overflow=\"true\", or nowhere",
		[METER_TYPE_CLASH] = "it came as another type before, and this one is refused",
		[METER_MEMBERS] = "its set has more values than are kept",
		[METER_LABEL_NAME] = "a label that begins with __, or is le of a histogram, is refused",
	};

	e->beyond_told[why] = true;
	host_log(e->host, LOG_LEVEL_WARN,
		"StatsD: not every value of %s has a series of its own (%s): %s; further ones are counted",
		meters_counts(e->meters)->latest[why], meter_refusal_name(why), what[why]);
}

void statsd_events_count(struct statsd_events *e)
{
	for (unsigned i = METER_FITS + 1; i < METER_REFUSALS; i++) {
		*e->beyond[i] = meters_counts(e->meters)->by[i];
		if (*e->beyond[i] > 0 && !e->beyond_told[i])
			tell_overflow(e, (enum meter_refusal)i);
	}
}

static void put_refusal(struct json_writer *w, const char *reason, uint64_t count, const char *latest)
{
	if (count == 0)
		return;
	json_put_object(w, NULL);
	json_put_string(w, "reason", reason);
	json_put_u64(w, "count", count);
	json_put_string(w, "latest", latest);
	json_put_end(w);
}

void statsd_events_report(const struct statsd_events *e, struct json_writer *w)
{
	const struct meters_counts *counts = meters_counts(e->meters);

	json_put_u64(w, "lines", *e->lines);
	json_put_u64(w, "values", *e->values);
	json_put_u64(w, "events", *e->events);
	json_put_u64(w, "service_checks", *e->checks);
	json_put_u64(w, "dropped_by_rules", *e->dropped);
	json_put_array(w, "refused");
	for (unsigned i = STATSD_FINE + 1; i < STATSD_REFUSALS; i++)
		put_refusal(w, refusal_name(i), *e->refused[i], e->latest[i]);
	json_put_end(w);
	json_put_array(w, "overflow");
	for (unsigned i = METER_FITS + 1; i < METER_REFUSALS; i++)
		put_refusal(w, meter_refusal_name((enum meter_refusal)i), counts->by[i], counts->latest[i]);
	json_put_end(w);
}
