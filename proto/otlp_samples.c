#include "proto/otlp_samples.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/exemplar_read.h"
#include "proto/exposition_family.h"
#include "proto/exposition_write.h"
#include "proto/native_fields.h"
#include "proto/otlp_build.h"
#include "proto/otlp_native.h"
#include "proto/samples_item.h"

enum {
	PARTS_MAX = 1024, /* buckets or quantiles of one label set; what is beyond is left out */
	LABEL_ROOM = 48,
	POINT_ROOM = 256,
	PART_ROOM = 32,
	EXEMPLAR_ROOM =
		64, /* beside what its text needs: each byte of it EXEMPLAR_GROWTH, as labels of one letter do */
	EXEMPLAR_GROWTH = 16,
	MESSAGE_ROOM = 128,
};

/* Fields. */
enum {
	REQUEST_RESOURCE_METRICS = 1,
	RESOURCE_METRICS_SCOPE_METRICS = 2,
	SCOPE_METRICS_SCOPE = 1,
	SCOPE_METRICS_METRICS = 2,
	SCOPE_NAME = 1,
	SCOPE_VERSION = 2,
	METRIC_NAME = 1,
	METRIC_DESCRIPTION = 2,
	METRIC_UNIT = 3,
	METRIC_GAUGE = 5,
	METRIC_SUM = 7,
	METRIC_HISTOGRAM = 9,
	METRIC_EXPONENTIAL = 10,
	METRIC_SUMMARY = 11,
	DATA_POINTS = 1,
	DATA_TEMPORALITY = 2,
	DATA_MONOTONIC = 3,
	POINT_START = 2,
	POINT_TIME = 3,
	NUMBER_DOUBLE = 4,
	NUMBER_EXEMPLARS = 5,
	NUMBER_ATTRIBUTES = 7,
	POINT_COUNT = 4,
	POINT_SUM = 5,
	HISTOGRAM_COUNTS = 6,
	HISTOGRAM_BOUNDS = 7,
	HISTOGRAM_EXEMPLARS = 8,
	HISTOGRAM_ATTRIBUTES = 9,
	EXPONENTIAL_ATTRIBUTES = 1,
	EXPONENTIAL_EXEMPLARS = 11,
	SUMMARY_QUANTILES = 6,
	SUMMARY_ATTRIBUTES = 7,
	QUANTILE_AT = 1,
	QUANTILE_VALUE = 2,
	EXEMPLAR_TIME = 2,
	EXEMPLAR_DOUBLE = 3,
	EXEMPLAR_SPAN = 4,
	EXEMPLAR_TRACE = 5,
	EXEMPLAR_ATTRIBUTES = 7,
	CUMULATIVE = 2,
};

/* A bucket up to `at`, or a quantile. */
struct part {
	double at, value;
	struct bytes exemplar;
};

/* The label set at hand, whose samples come one after another. */
struct point {
	bool is_open, has_value, has_sum, has_count;
	bool unfit; /* there was a native histogram of it that OTLP does not have */
	struct exposition_label labels[EXPOSITION_LABELS_MAX]; /* without le and quantile */
	size_t label_count, text; /* bytes of their texts */
	double value, sum, count;
	int64_t at_ms, created_ms;
	struct bytes exemplar; /* of the value */
	struct bytes native; /* empty: it is no native histogram */
	struct part parts[PARTS_MAX];
	size_t part_count;
};

struct builder {
	struct buffer plain; /* a text without its escapes */
	struct buffer points; /* of the metric at hand */
	struct buffer metrics; /* fields of ScopeMetrics */
	struct samples_family family; /* of the metric at hand */
	struct bytes name; /* that it has; without data: none is at hand */
	bool exponential; /* its points are native histograms */
	struct buffer natives; /* of the point at hand: those of the reader do not last */
	struct native_histogram *native; /* of the point at hand, if it is one; NULL before the first */
	uint64_t left_out; /* samples */
	struct exemplar_read exemplar;
	struct point point;
};

static int no_room(const struct buffer *b, size_t more)
{
	return more > b->ceiling - b->size ? -ENOSPC : -ENOMEM;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static uint64_t ns_of_ms(int64_t ms)
{
	return ms > 0 && ms < INT64_MAX / 1000000 ? (uint64_t)ms * 1000000 : 0;
}

/* Valid until the next one. The buffer has room for the whole item. */
static struct bytes plain_text(struct builder *b, struct bytes text)
{
	if (text.size == 0 || !memchr(text.data, '\\', text.size))
		return text;
	OXP_ASSERT(text.size <= b->plain.room);
	return (struct bytes){ b->plain.data, exposition_unescape(text, EXPOSITION_OPENMETRICS, b->plain.data) };
}

/* Points. */

static void put_attribute(struct builder *b, struct otlp_build *m, unsigned field, const struct exposition_label *l)
{
	struct otlp_attribute begun;
	size_t pair;

	if (!l->quoted || !memchr(l->name.data, '\\', l->name.size)) {
		struct otlp_value value = otlp_text(plain_text(b, l->value));
		otlp_build_attribute(m, field, l->name, &value);
		return;
	}
	pair = otlp_build_begin(m, field); /* the name is written before the value needs the buffer */
	otlp_build_text(m, 1, plain_text(b, l->name));
	begun = (struct otlp_attribute){ pair, otlp_build_begin(m, 2) };
	otlp_build_value(m, &(struct otlp_value){ .type = OTLP_VALUE_TEXT, .bytes = plain_text(b, l->value) });
	otlp_build_attribute_end(m, begun);
}

static void put_labels(struct builder *b, struct otlp_build *m, unsigned field)
{
	const struct point *p = &b->point;

	for (size_t i = 0; i < p->label_count; i++)
		put_attribute(b, m, field, &p->labels[i]);
}

static void put_times(const struct point *p, struct otlp_build *m)
{
	if (p->created_ms > 0)
		otlp_build_fixed64(m, POINT_START, ns_of_ms(p->created_ms));
	otlp_build_fixed64(m, POINT_TIME, ns_of_ms(p->at_ms));
}

/* Ids of a trace have fields of their own; all else is an attribute. */
static void put_exemplar_label(const struct exemplar_label *l, struct otlp_build *m)
{
	static const struct {
		const char *name;
		unsigned field;
		size_t size;
	} ids[] = { { "trace_id", EXEMPLAR_TRACE, 16 }, { "span_id", EXEMPLAR_SPAN, 8 } };
	struct otlp_value value = otlp_text(l->value);
	char id[16];

	for (size_t i = 0; i < COUNT_OF(ids); i++)
		if (bytes_are(l->name, ids[i].name) && l->value.size == 2 * ids[i].size &&
			hex_parse(l->value, id, ids[i].size)) {
			otlp_build_bytes(m, ids[i].field, (struct bytes){ id, ids[i].size });
			return;
		}
	otlp_build_attribute(m, EXEMPLAR_ATTRIBUTES, l->name, &value);
}

static void put_exemplar(struct builder *b, struct bytes text, struct otlp_build *m, unsigned field)
{
	struct exemplar_read *x = &b->exemplar;
	size_t exemplar;

	if (text.size == 0 || !exemplar_read(text, x))
		return;
	exemplar = otlp_build_begin(m, field);
	otlp_build_fixed64(m, EXEMPLAR_TIME, ns_of_ms(x->has_time ? x->at_ms : b->point.at_ms));
	otlp_build_fixed64(m, EXEMPLAR_DOUBLE, bits_of(x->value));
	for (size_t i = 0; i < x->count; i++)
		put_exemplar_label(&x->labels[i], m);
	otlp_build_end(m, exemplar);
}

static void put_number(struct builder *b, struct otlp_build *m)
{
	const struct point *p = &b->point;

	put_times(p, m);
	otlp_build_fixed64(m, NUMBER_DOUBLE, bits_of(p->value));
	put_labels(b, m, NUMBER_ATTRIBUTES);
	put_exemplar(b, p->exemplar, m, NUMBER_EXEMPLARS);
}

static uint64_t whole(double count)
{
	return count > 0 && count < 0x1p63 ? (uint64_t)count : 0;
}

static void put_sums(const struct point *p, uint64_t count, struct otlp_build *m)
{
	put_times(p, m);
	otlp_build_fixed64(m, POINT_COUNT, count);
	if (p->has_sum)
		otlp_build_fixed64(m, POINT_SUM, bits_of(p->sum));
}

static void put_fixed(struct otlp_build *m, uint64_t value)
{
	char *to = otlp_build_claim(m, sizeof value);

	for (unsigned i = 0; to && i < sizeof value; i++)
		to[i] = (char)(value >> 8 * i);
}

static int compare_parts(const void *a, const void *b)
{
	double x = ((const struct part *)a)->at, y = ((const struct part *)b)->at;

	return (x > y) - (x < y);
}

/* In the order of their bounds, no bound twice: they may have been written in two ways. */
static void sort_parts(struct point *p)
{
	size_t count = 0;

	qsort(p->parts, p->part_count, sizeof p->parts[0], compare_parts);
	for (size_t i = 0; i < p->part_count; i++)
		if (count == 0 || p->parts[count - 1].at < p->parts[i].at)
			p->parts[count++] = p->parts[i];
	p->part_count = count;
}

/* Buckets of a page are cumulative, and the last one is all; those of OTLP are not, and its last has no bound. */
static void put_histogram(struct builder *b, struct otlp_build *m)
{
	struct point *p = &b->point;
	uint64_t all, before = 0;
	size_t bounds;

	sort_parts(p);
	bounds = p->part_count;
	while (bounds > 0 && isinf(p->parts[bounds - 1].at))
		bounds--;
	all = whole(bounds < p->part_count ? p->parts[bounds].value : p->count);
	put_sums(p, all, m);
	otlp_build_tag(m, HISTOGRAM_COUNTS, WIRE_LENGTH);
	otlp_build_varint(m, (bounds + 1) * sizeof all);
	for (size_t i = 0; i <= bounds; i++) {
		uint64_t up_to = i < bounds ? whole(p->parts[i].value) : all;
		put_fixed(m, up_to > before ? up_to - before : 0);
		before = up_to > before ? up_to : before;
	}
	otlp_build_tag(m, HISTOGRAM_BOUNDS, WIRE_LENGTH);
	otlp_build_varint(m, bounds * sizeof all);
	for (size_t i = 0; i < bounds; i++)
		put_fixed(m, bits_of(p->parts[i].at));
	put_labels(b, m, HISTOGRAM_ATTRIBUTES);
	for (size_t i = 0; i < p->part_count; i++)
		put_exemplar(b, p->parts[i].exemplar, m, HISTOGRAM_EXEMPLARS);
}

static void put_summary(struct builder *b, struct otlp_build *m)
{
	const struct point *p = &b->point;

	put_sums(p, whole(p->count), m);
	for (size_t i = 0; i < p->part_count; i++) {
		size_t quantile = otlp_build_begin(m, SUMMARY_QUANTILES);
		otlp_build_fixed64(m, QUANTILE_AT, bits_of(p->parts[i].at));
		otlp_build_fixed64(m, QUANTILE_VALUE, bits_of(p->parts[i].value));
		otlp_build_end(m, quantile);
	}
	put_labels(b, m, SUMMARY_ATTRIBUTES);
}

static void put_native_exemplar(const struct point *p, const struct native_exemplar *e, struct otlp_build *m)
{
	size_t exemplar = otlp_build_begin(m, EXPONENTIAL_EXEMPLARS);
	struct wire labels = e->labels;
	struct exemplar_label label;

	otlp_build_fixed64(m, EXEMPLAR_TIME, ns_of_ms(e->at_ms > 0 ? e->at_ms : p->at_ms));
	otlp_build_fixed64(m, EXEMPLAR_DOUBLE, bits_of(e->value));
	while (native_exemplar_label(&labels, &label.name, &label.value))
		put_exemplar_label(&label, m);
	otlp_build_end(m, exemplar);
}

static void put_native(struct builder *b, struct otlp_build *m)
{
	struct point *p = &b->point;
	struct wire exemplars = wire_of(p->native);
	struct native_exemplar e;
	bool fits;

	if (p->created_ms == 0)
		p->created_ms = native_fields_created(p->native);
	put_times(p, m);
	fits = otlp_native_write(b->native, m);
	OXP_ASSERT(fits); /* as read_native() saw */
	otlp_build_fixed64(m, POINT_SUM, bits_of(p->sum));
	put_labels(b, m, EXPONENTIAL_ATTRIBUTES);
	while (native_exemplar_next(&exemplars, &e))
		put_native_exemplar(p, &e, m);
}

/* Twice what it needs at most, since texts that are mended get longer. */
static size_t room_of(const struct point *p)
{
	size_t room = POINT_ROOM + 3 * p->text + p->label_count * LABEL_ROOM + p->part_count * PART_ROOM;

	room += EXEMPLAR_ROOM + EXEMPLAR_GROWTH * p->exemplar.size;
	if (p->native.size > 0)
		room += OTLP_NATIVE_ROOM + EXEMPLAR_GROWTH * p->native.size;
	for (size_t i = 0; i < p->part_count; i++)
		room += EXEMPLAR_ROOM + EXEMPLAR_GROWTH * p->parts[i].exemplar.size;
	return room;
}

/* The label set is over. */
static int end_point(struct builder *b)
{
	struct point *p = &b->point;
	size_t room = room_of(p), point;
	struct otlp_build m;

	if (!p->is_open)
		return 0;
	p->is_open = false;
	if (!p->has_value && !p->has_sum && !p->has_count && p->part_count == 0) {
		b->left_out += p->unfit;
		return 0; /* only when it was created */
	}
	m = (struct otlp_build){ buffer_reserve(&b->points, room), room, 0 };
	if (!m.to)
		return no_room(&b->points, room);
	point = otlp_build_begin(&m, DATA_POINTS);
	if (p->native.size > 0)
		put_native(b, &m);
	else if (b->family.type == EXPOSITION_HISTOGRAM)
		put_histogram(b, &m);
	else if (b->family.type == EXPOSITION_SUMMARY)
		put_summary(b, &m);
	else
		put_number(b, &m);
	otlp_build_end(&m, point);
	OXP_ASSERT(m.size <= room);
	b->points.size += m.size;
	return 0;
}

/* Metrics. */

static unsigned field_of(enum exposition_type type)
{
	switch (type) {
	case EXPOSITION_COUNTER:
	case EXPOSITION_INFO:
	case EXPOSITION_STATESET:
		return METRIC_SUM;
	case EXPOSITION_HISTOGRAM:
		return METRIC_HISTOGRAM;
	case EXPOSITION_SUMMARY:
		return METRIC_SUMMARY;
	default:
		return METRIC_GAUGE;
	}
}

/* The metric at hand is over. */
static int end_metric(struct builder *b)
{
	const struct samples_family *f = &b->family;
	unsigned field = b->exponential ? METRIC_EXPONENTIAL : field_of(f->type);
	int failed = end_point(b);
	size_t room = MESSAGE_ROOM + 3 * (b->name.size + f->help.size + f->unit.size) + b->points.size, metric, data;
	struct otlp_build m;

	if (failed || b->points.size == 0)
		return failed;
	m = (struct otlp_build){ buffer_reserve(&b->metrics, room), room, 0 };
	if (!m.to)
		return no_room(&b->metrics, room);
	metric = otlp_build_begin(&m, SCOPE_METRICS_METRICS);
	otlp_build_text(&m, METRIC_NAME, plain_text(b, b->name));
	if (f->help.size > 0)
		otlp_build_text(&m, METRIC_DESCRIPTION, plain_text(b, f->help));
	if (f->unit.size > 0)
		otlp_build_text(&m, METRIC_UNIT, plain_text(b, f->unit));
	data = otlp_build_begin(&m, field);
	otlp_build_raw(&m, buffer_bytes(&b->points));
	if (field == METRIC_SUM || field == METRIC_HISTOGRAM || field == METRIC_EXPONENTIAL)
		otlp_build_number(&m, DATA_TEMPORALITY, CUMULATIVE);
	if (f->type == EXPOSITION_COUNTER)
		otlp_build_number(&m, DATA_MONOTONIC, 1);
	otlp_build_end(&m, data);
	otlp_build_end(&m, metric);
	OXP_ASSERT(m.size <= room);
	b->metrics.size += m.size;
	buffer_clear(&b->points);
	return 0;
}

static int begin_metric(struct builder *b, const struct samples_family *f, struct bytes name)
{
	int failed = end_metric(b);

	b->family = *f;
	b->name = name;
	b->exponential = false;
	return failed;
}

/* Samples. */

static bool is_part(const struct exposition_label *l)
{
	return bytes_are(l->name, "le") || bytes_are(l->name, "quantile");
}

static bool has_parts(enum exposition_type type)
{
	return type == EXPOSITION_HISTOGRAM || type == EXPOSITION_SUMMARY;
}

/* Whether the sample belongs to the label set at hand. */
static bool is_of_point(const struct point *p, const struct exposition_sample *s, bool parts)
{
	size_t n = 0;

	for (size_t i = 0; i < s->label_count; i++) {
		const struct exposition_label *l = &s->labels[i];
		if ((parts && is_part(l)) || l->value.size == 0)
			continue;
		if (n >= p->label_count || !bytes_equal(p->labels[n].name, l->name) ||
			!bytes_equal(p->labels[n].value, l->value))
			return false;
		n++;
	}
	return n == p->label_count;
}

static int begin_point(struct builder *b, const struct exposition_sample *s, int64_t at_ms, bool parts)
{
	struct point *p = &b->point;
	int failed = end_point(b);

	p->is_open = true;
	p->has_value = p->has_sum = p->has_count = p->unfit = false;
	p->label_count = p->text = p->part_count = 0;
	p->value = p->sum = p->count = 0;
	p->created_ms = 0;
	p->at_ms = at_ms;
	p->exemplar = p->native = (struct bytes){ NULL, 0 };
	for (size_t i = 0; i < s->label_count; i++) {
		const struct exposition_label *l = &s->labels[i];
		if ((parts && is_part(l)) || l->value.size == 0)
			continue;
		p->labels[p->label_count++] = *l;
		p->text += l->name.size + l->value.size;
	}
	return failed;
}

static void add_part(struct builder *b, const struct exposition_sample *s)
{
	struct point *p = &b->point;
	struct part part = { .value = s->value, .exemplar = s->exemplar };

	for (size_t i = 0; i < s->label_count && p->part_count < PARTS_MAX; i++)
		if (is_part(&s->labels[i]) && exposition_number_parse(s->labels[i].value, &part.at) &&
			!isnan(part.at)) {
			p->parts[p->part_count++] = part;
			return;
		}
	b->left_out++;
}

static void set_value(struct point *p, const struct exposition_sample *s)
{
	p->has_value = true;
	p->value = s->value;
	p->exemplar = s->exemplar;
}

static void add_to_point(struct builder *b, const struct exposition_sample *s, enum exposition_suffix suffix)
{
	struct point *p = &b->point;

	switch (suffix) {
	case EXPOSITION_CREATED:
		p->created_ms = s->value > 0 && s->value < 9e12 ? (int64_t)(s->value * 1e3) : 0;
		return;
	case EXPOSITION_SUM:
		p->has_sum = true;
		p->sum = s->value;
		return;
	case EXPOSITION_COUNT:
		p->has_count = true;
		p->count = s->value;
		return;
	case EXPOSITION_BUCKET:
		add_part(b, s);
		return;
	default:
		set_value(p, s);
	}
}

/* What the sample is to its family. False: it is none of it. */
static bool suffix_of(const struct samples_reader *r, const struct exposition_sample *s, enum exposition_suffix *ret)
{
	struct bytes family = r->family.name, rest = { s->name.data, s->name.size };

	if (!family.data || s->name.size < family.size || memcmp(s->name.data, family.data, family.size) != 0)
		return false;
	rest.data += family.size;
	rest.size -= family.size;
	if (field_of(r->family.type) == METRIC_GAUGE) {
		*ret = EXPOSITION_NO_SUFFIX;
		return rest.size == 0;
	}
	return exposition_suffix_find(r->family.type, rest, ret);
}

static int add_loose(struct builder *b, const struct samples_reader *r, const struct exposition_sample *s)
{
	const struct samples_family none = { .type = EXPOSITION_UNTYPED };
	int failed = begin_metric(b, &none, s->name);

	if (!failed)
		failed = begin_point(b, s, s->has_timestamp ? s->timestamp_ms : r->at_ms, false);
	set_value(&b->point, s);
	return failed;
}

/* Counters are called as their samples. */
static struct bytes metric_name(
	const struct samples_reader *r, const struct exposition_sample *s, enum exposition_suffix suffix)
{
	if (has_parts(r->family.type) || suffix == EXPOSITION_CREATED)
		return r->family.name;
	return s->name;
}

/* 1: OTLP has it, and it is the one at hand; 0; -ENOMEM. */
static int read_native(struct builder *b, struct bytes native)
{
	if (!b->native)
		b->native = native_histogram_new();
	if (!b->native)
		return -ENOMEM;
	return native_histogram_read_written(b->native, native) && otlp_native_fits(b->native);
}

/* What the page has of its label set beside it is told, which follows; else it is left out. */
static int add_unfit(struct builder *b, const struct samples_reader *r, const struct exposition_sample *s)
{
	int failed = 0;

	if (r->family.type != EXPOSITION_HISTOGRAM || !bytes_equal(r->family.name, s->name)) {
		b->left_out++;
		return 0;
	}
	if (b->family.name.data != r->family.name.data || b->exponential)
		failed = begin_metric(b, &r->family, r->family.name);
	if (!failed)
		failed = begin_point(b, s, s->has_timestamp ? s->timestamp_ms : r->at_ms, true);
	b->point.unfit = true;
	b->point.created_ms = native_fields_created(s->native);
	return failed;
}

static int add_native(struct builder *b, const struct samples_reader *r, const struct exposition_sample *s)
{
	struct point *p = &b->point;
	int failed = end_point(b), fits;

	if (failed)
		return failed;
	fits = read_native(b, s->native);
	if (fits <= 0)
		return fits < 0 ? fits : add_unfit(b, r, s);
	if (b->family.name.data != r->family.name.data || !b->exponential)
		failed = begin_metric(b, &r->family, s->name);
	b->exponential = true;
	if (!failed)
		failed = begin_point(b, s, s->has_timestamp ? s->timestamp_ms : r->at_ms, true);
	buffer_clear(&b->natives);
	if (!failed)
		failed = buffer_append(&b->natives, s->native.data, s->native.size);
	p->native = buffer_bytes(&b->natives);
	p->has_sum = true;
	p->sum = s->value;
	return failed;
}

/* What else a page has of a label set that is a native histogram: when it was created, and classic buckets. */
static bool is_told(const struct builder *b, const struct exposition_sample *s)
{
	const struct point *p = &b->point;

	return p->is_open && p->native.size > 0 && is_of_point(p, s, true);
}

static int add(struct builder *b, const struct samples_reader *r, const struct exposition_sample *s,
	enum exposition_suffix suffix)
{
	bool parts = has_parts(r->family.type), again;
	int failed = 0;

	if (b->family.name.data == r->family.name.data && is_told(b, s)) {
		if (suffix == EXPOSITION_CREATED)
			add_to_point(b, s, suffix);
		return 0;
	}
	if (b->family.name.data != r->family.name.data || b->exponential)
		failed = begin_metric(b, &r->family, metric_name(r, s, suffix));
	if (failed)
		return failed;
	/* A value follows another of the same labels if one of a type without parts is told twice. */
	again = b->point.is_open && is_of_point(&b->point, s, parts) && (parts || suffix == EXPOSITION_CREATED);
	if (!again)
		failed = begin_point(b, s, s->has_timestamp ? s->timestamp_ms : r->at_ms, parts);
	if (parts && suffix == EXPOSITION_NO_SUFFIX)
		add_part(b, s); /* a quantile */
	else
		add_to_point(b, s, suffix);
	return failed;
}

static int on_sample(void *context, const struct samples_reader *r, const struct exposition_sample *s)
{
	enum exposition_suffix suffix;

	if (r->gone || s->excess)
		return 0;
	if (s->native.size > 0)
		return add_native(context, r, s);
	if (!suffix_of(r, s, &suffix))
		return add_loose(context, r, s);
	return add(context, r, s, suffix);
}

/* What stands around the metrics. */
static int wrap(const struct builder *b, struct bytes resource, struct buffer *to)
{
	size_t room = MESSAGE_ROOM + resource.size + b->metrics.size, resource_metrics, scope_metrics, scope;
	struct otlp_build m = { buffer_reserve(to, room), room, 0 };

	if (!m.to)
		return no_room(to, room);
	resource_metrics = otlp_build_begin(&m, REQUEST_RESOURCE_METRICS);
	otlp_build_raw(&m, resource);
	scope_metrics = otlp_build_begin(&m, RESOURCE_METRICS_SCOPE_METRICS);
	scope = otlp_build_begin(&m, SCOPE_METRICS_SCOPE);
	otlp_build_text(&m, SCOPE_NAME, bytes_of("oxpecker"));
	otlp_build_text(&m, SCOPE_VERSION, bytes_of(OXP_VERSION));
	otlp_build_end(&m, scope);
	otlp_build_raw(&m, buffer_bytes(&b->metrics));
	otlp_build_end(&m, scope_metrics);
	otlp_build_end(&m, resource_metrics);
	OXP_ASSERT(m.size <= room);
	to->size += m.size;
	return 0;
}

static int build(struct builder *b, struct bytes resource, struct bytes item, struct buffer *to)
{
	struct samples_reader reader = { .sample = on_sample, .context = b };
	int failed = buffer_reserve(&b->plain, item.size + 1) ? 0 : -ENOMEM, bad;

	if (failed)
		return failed;
	bad = samples_read(&reader, item);
	if (bad && bad != -EBADMSG)
		return bad;
	failed = end_metric(b);
	if (!failed && b->metrics.size > 0)
		failed = wrap(b, resource, to);
	if (failed)
		return failed;
	return bad;
}

int otlp_samples_build(struct bytes resource, struct bytes item, struct buffer *to, uint64_t *ret_left_out)
{
	struct builder *b = oxp_new(sizeof *b);
	int failed;

	buffer_init(&b->plain, SIZE_MAX);
	buffer_init(&b->points, SIZE_MAX);
	buffer_init(&b->metrics, SIZE_MAX);
	buffer_init(&b->natives, SIZE_MAX);
	failed = build(b, resource, item, to);
	*ret_left_out = b->left_out;
	buffer_done(&b->plain);
	buffer_done(&b->points);
	buffer_done(&b->metrics);
	buffer_done(&b->natives);
	free(b->native);
	free(b);
	return failed;
}
