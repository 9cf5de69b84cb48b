#include "collectors/statsd_events.h"

#include <math.h> /* isfinite() */
#include <stdio.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "loop/loop.h"

enum { NAMES_MAX = 1 << 20 /* of a line of 64 KiB it is a fifth at most */ };

static const char help[] = "Pushed over StatsD.";

static const char *refusal_name(unsigned why)
{
	static const char *const names[] = { "set", "negative_counter", "line_size", "bad_frame" };

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
	[STATSD_REFUSED_SET] = "it is a set, which no series can show",
	[STATSD_REFUSED_NEGATIVE] = "it is below 0, and a counter never falls",
	[STATSD_REFUSED_SIZE] = "it is too long",
	[STATSD_REFUSED_FRAME] = "a length was expected before a message; the connection is closed",
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

static struct bytes escape_name(struct statsd_events *e, const struct statsd_line *l)
{
	char *to = e->names.data + e->names.size;

	if (l->name_rest.size == 0)
		return escape(e, l->name);
	memcpy(to, l->name.data, l->name.size);
	memcpy(to + l->name.size, l->name_rest.data, l->name_rest.size);
	e->names.size += l->name.size + l->name_rest.size;
	return escape(e, (struct bytes){ to, l->name.size + l->name_rest.size });
}

/* Returns how many labels there are then. One beyond the most tells the meters. */
static size_t add_tags(struct statsd_events *e, struct bytes tags, char separator, size_t count)
{
	struct statsd_tag tag;

	while (count <= METER_LABELS_MAX && statsd_tag_next(&tags, separator, &tag)) {
		if (tag.name.size == 0 || tag.value.size == 0)
			++*e->bare_tags;
		else
			e->labels[count++] = (struct meter_label){ escape(e, tag.name), tag.value };
	}
	return count;
}

static enum meter_kind kind_of(enum statsd_type type)
{
	return type == STATSD_COUNTER ? METER_COUNTER : type == STATSD_GAUGE ? METER_GAUGE : METER_HISTOGRAM;
}

static struct meter *make(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s,
	const struct meter_raw *raw)
{
	struct meter_wanted w = { .kind = kind_of(s->type),
		.help = help,
		.bounds = e->options.bounds,
		.bound_count = kind_of(s->type) == METER_HISTOGRAM ? e->options.bound_count : 0,
		.labels = e->labels,
		.ttl = e->options.ttl,
		.raw = raw };

	buffer_clear(&e->names);
	if (!buffer_reserve(&e->names, 2 * l->head.size + 2 * s->tags.size + 4))
		return NULL;
	w.name = escape_name(e, l);
	w.label_count = add_tags(e, l->name_tags, '=', 0);
	w.label_count = add_tags(e, s->tags, ':', w.label_count);
	if (raw->more.size > 0 && w.label_count <= METER_LABELS_MAX)
		e->labels[w.label_count++] = (struct meter_label){ bytes_of("container_id"), s->container };
	return meters_get(e->meters, &w, loop_now(host_loop(e->host)), NULL);
}

/* NULL: it is refused, which the meters have counted. */
static struct meter *find(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s)
{
	const struct meter_raw raw = { .kind = (unsigned char)kind_of(s->type),
		.name = l->head,
		.tags = s->tags,
		.more = e->options.container_label ? s->container : (struct bytes){ NULL, 0 } };
	struct meter *meter = meters_known(e->meters, &raw);

	return meter ? meter : make(e, l, s, &raw);
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

static bool is_taken(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s,
	struct bytes text, struct value *ret)
{
	if (!statsd_number(text, &ret->number, &ret->relative) || !isfinite(ret->number / s->rate)) {
		refuse(e, STATSD_BAD_VALUE, l->head);
		return false;
	}
	if (s->type != STATSD_COUNTER || ret->number >= 0)
		return true;
	refuse(e, STATSD_REFUSED_NEGATIVE, l->head);
	return false;
}

static void take_sample(struct statsd_events *e, const struct statsd_line *l, const struct statsd_sample *s)
{
	struct bytes values = s->values, text;
	struct meter *meter = NULL;
	struct value v;

	if (s->type == STATSD_SET) {
		refuse(e, STATSD_REFUSED_SET, l->head);
		return;
	}
	while (statsd_value_next(&values, &text)) {
		if (!is_taken(e, l, s, text, &v))
			continue;
		if (!meter)
			meter = find(e, l, s);
		if (meter)
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

void statsd_events_take(struct statsd_events *e, struct bytes text)
{
	while (text.size > 0) {
		const char *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size, whole = size + (end != NULL);
		struct bytes line = { text.data, size };
		while (line.size > 0 && (line.data[line.size - 1] == '\r' || line.data[line.size - 1] == '\0'))
			line.size--;
		if (line.size > 0)
			take_line(e, line);
		text = (struct bytes){ text.data + whole, text.size - whole };
	}
}

/* Life. */

void statsd_events_init(
	struct statsd_events *e, struct host *host, struct meters *meters, const struct statsd_options *options)
{
	*e = (struct statsd_events){ .host = host, .meters = meters, .options = *options };
	buffer_init(&e->names, NAMES_MAX);
	e->lines = host_counter(host, "statsd_lines_total", "Lines of StatsD read.");
	e->values = host_counter(host, "statsd_values_total", "Values that were counted in a series.");
	e->events = host_counter(host, "statsd_events_total", "Events of DogStatsD, which go no farther.");
	e->checks =
		host_counter(host, "statsd_service_checks_total", "Service checks of DogStatsD, which go no farther.");
	e->bare_tags =
		host_counter(host, "statsd_bare_tags_total", "Tags without a value or a name, left out of new series.");
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

void statsd_events_count(struct statsd_events *e)
{
	for (unsigned i = METER_FITS + 1; i < METER_REFUSALS; i++)
		*e->beyond[i] = meters_counts(e->meters)->by[i];
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
	json_put_array(w, "refused");
	for (unsigned i = STATSD_FINE + 1; i < STATSD_REFUSALS; i++)
		put_refusal(w, refusal_name(i), *e->refused[i], e->latest[i]);
	json_put_end(w);
	json_put_array(w, "overflow");
	for (unsigned i = METER_FITS + 1; i < METER_REFUSALS; i++)
		put_refusal(w, meter_refusal_name((enum meter_refusal)i), counts->by[i], counts->latest[i]);
	json_put_end(w);
}
