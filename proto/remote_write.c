#include "proto/remote_write.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/exemplar_read.h"
#include "proto/exposition_family.h"
#include "proto/exposition_write.h"
#include "proto/native_fields.h"
#include "proto/otlp_build.h"
#include "proto/remote_write_symbols.h"
#include "proto/samples_item.h"

enum {
	LABELS_MAX = EXPOSITION_LABELS_MAX + REMOTE_WRITE_EXTERNAL_MAX + 1,
	LABEL_ROOM = 32, /* what a label takes beside its texts */
	SERIES_ROOM = 256, /* what a series takes beside its labels and its exemplar */
	NATIVE_GROWTH =
		16, /* times as many bytes as a native histogram are enough, also if it is nothing but exemplars */
};

/* Fields of prometheus.WriteRequest and what is in it. */
enum {
	V1_TIMESERIES = 1,
	V1_METADATA = 3,
	V1_LABELS = 1,
	V1_SAMPLES = 2,
	V1_EXEMPLARS = 3,
	V1_HISTOGRAMS = 4,
	V1_TYPE = 1,
	V1_FAMILY = 2,
	V1_HELP = 4,
	V1_UNIT = 5,
};

/* Of io.prometheus.write.v2.Request. */
enum {
	V2_TIMESERIES = 5,
	V2_LABELS = 1,
	V2_SAMPLES = 2,
	V2_HISTOGRAMS = 3,
	V2_EXEMPLARS = 4,
	V2_METADATA = 5,
	V2_TYPE = 1,
	V2_HELP = 3,
	V2_UNIT = 4,
};

/* Label.name, .value; Sample.value, .timestamp; Exemplar.labels, .value, .timestamp: the same in both. */
enum {
	LABEL_NAME = 1,
	LABEL_VALUE,
	SAMPLE_VALUE = 1,
	SAMPLE_TIME,
	SAMPLE_START,
	EXEMPLAR_LABELS = 1,
	EXEMPLAR_VALUE,
	EXEMPLAR_TIME
};

/* In the order of the names, no name twice, no value empty. */
struct labels {
	struct remote_write_label all[LABELS_MAX];
	size_t count, bytes; /* of their texts */
};

struct exemplar {
	struct exemplar_read read;
	struct labels labels;
	double value;
	int64_t at_ms;
};

/* A series of 2.0 that waits for the time at which it was created, which comes behind it. Its fields stand in the
 * builder's `pending`. */
struct waiting {
	size_t from, size;
	size_t native; /* bytes of its native histogram, which stand behind it; 0: it has a sample */
	uint64_t set, bits; /* of its sample, or of the sum, which is written when that time is known */
	int64_t at_ms;
};

enum { WAITING_MAX = 256 };

struct builder {
	const struct remote_write *how;
	struct remote_write_counts *counts;
	struct buffer *to;
	struct buffer text; /* texts without their escapes, of the sample at hand */
	struct buffer pending; /* series of 2.0 that wait */
	struct waiting waiting[WAITING_MAX];
	size_t waiting_count;
	struct symbols symbols;
	struct bytes told; /* the family whose metadata was written last */
	struct labels labels;
	struct exemplar exemplar;
};

static const unsigned char metadata_types[] = {
	[EXPOSITION_UNTYPED] = 0,
	[EXPOSITION_COUNTER] = 1,
	[EXPOSITION_GAUGE] = 2,
	[EXPOSITION_HISTOGRAM] = 3,
	[EXPOSITION_GAUGEHISTOGRAM] = 4,
	[EXPOSITION_SUMMARY] = 5,
	[EXPOSITION_INFO] = 6,
	[EXPOSITION_STATESET] = 7,
};

static int no_room(const struct buffer *b, size_t more)
{
	return more > b->ceiling - b->size ? -ENOSPC : -ENOMEM;
}

/* Labels. */

/* The text without its escapes, in a buffer that has room for the whole item and does not move. */
static struct bytes plain_text(struct buffer *room, struct bytes text)
{
	char *to = room->data + room->size;
	size_t size;

	if (!text.data || !memchr(text.data, '\\', text.size))
		return text;
	OXP_ASSERT(text.size <= room->room - room->size);
	size = exposition_unescape(text, EXPOSITION_OPENMETRICS, to);
	room->size += size;
	return (struct bytes){ to, size };
}

/* In its place by its name; false if there is one of that name. */
static bool insert(struct labels *l, const struct remote_write_label *label)
{
	size_t i = l->count;

	while (i > 0 && bytes_compare(l->all[i - 1].name, label->name) > 0)
		i--;
	if (i > 0 && bytes_equal(l->all[i - 1].name, label->name))
		return false;
	OXP_ASSERT(l->count < COUNT_OF(l->all));
	memmove(l->all + i + 1, l->all + i, (l->count - i) * sizeof l->all[0]);
	l->all[i] = *label;
	l->count++;
	l->bytes += label->name.size + label->value.size;
	return true;
}

static void take_labels(struct builder *b, const struct exposition_sample *s, struct labels *to)
{
	to->count = to->bytes = 0;
	for (size_t i = 0; i < s->label_count; i++) {
		const struct exposition_label *l = &s->labels[i];
		const struct remote_write_label label = { l->quoted ? plain_text(&b->text, l->name) : l->name,
			l->escaped ? plain_text(&b->text, l->value) : l->value };
		if (label.value.size > 0) /* an empty one is none */
			(void)insert(to, &label);
	}
}

static void take_series(struct builder *b, const struct exposition_sample *s)
{
	const struct remote_write *how = b->how;
	struct bytes name = s->quoted ? plain_text(&b->text, s->name) : s->name;

	take_labels(b, s, &b->labels);
	(void)insert(&b->labels, &(struct remote_write_label){ { "__name__", 8 }, name });
	for (size_t i = 0; i < how->external_count; i++)
		(void)insert(&b->labels, &how->external[i]);
}

static bool take_exemplar(struct builder *b, const struct exposition_sample *s, int64_t at_ms)
{
	struct exemplar *x = &b->exemplar;

	x->labels.count = x->labels.bytes = 0;
	if (s->exemplar.size == 0 || !exemplar_read(s->exemplar, &x->read))
		return false;
	for (size_t i = 0; i < x->read.count; i++)
		(void)insert(
			&x->labels, &(struct remote_write_label){ x->read.labels[i].name, x->read.labels[i].value });
	x->value = x->read.value;
	x->at_ms = x->read.has_time ? x->read.at_ms : at_ms;
	return true;
}

/* Values. */

static uint64_t bits_of(const struct samples_reader *r, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return r->gone ? REMOTE_WRITE_STALE : bits;
}

static int64_t time_of(const struct samples_reader *r, const struct exposition_sample *s)
{
	return s->has_timestamp ? s->timestamp_ms : r->at_ms;
}

/* `start_ms`: when what it counts began; 0: nobody says. Of 2.0 only. */
static void put_sample(struct otlp_build *m, unsigned field, uint64_t bits, int64_t at_ms, int64_t start_ms)
{
	size_t sample = otlp_build_begin(m, field);

	otlp_build_fixed64(m, SAMPLE_VALUE, bits);
	otlp_build_number(m, SAMPLE_TIME, (uint64_t)at_ms);
	if (start_ms > 0)
		otlp_build_number(m, SAMPLE_START, (uint64_t)start_ms);
	otlp_build_end(m, sample);
}

static struct native_sample native_of(struct bytes native, uint64_t sum_bits, int64_t at_ms, int64_t start_ms)
{
	struct native_sample made = { .native = native, .at_ms = at_ms, .start_ms = start_ms };

	memcpy(&made.sum, &sum_bits, sizeof made.sum);
	return made;
}

/* The next exemplar of a native histogram. */
static bool take_native_exemplar(struct builder *b, struct wire *native, int64_t at_ms)
{
	struct exemplar *x = &b->exemplar;
	struct remote_write_label label;
	struct native_exemplar e;

	if (!native_exemplar_next(native, &e))
		return false;
	x->labels.count = x->labels.bytes = 0;
	while (x->labels.count < LABELS_MAX && native_exemplar_label(&e.labels, &label.name, &label.value))
		if (label.name.size > 0 && label.value.size > 0)
			(void)insert(&x->labels, &label);
	x->value = e.value;
	x->at_ms = e.at_ms > 0 ? e.at_ms : at_ms;
	b->counts->exemplars++;
	return true;
}

static uint64_t exemplar_bits(const struct exemplar *x)
{
	uint64_t bits;

	memcpy(&bits, &x->value, sizeof bits);
	return bits;
}

/* 1.0. */

static void put_labels(struct otlp_build *m, const struct labels *l)
{
	for (size_t i = 0; i < l->count; i++) {
		size_t label = otlp_build_begin(m, V1_LABELS);
		otlp_build_bytes(m, LABEL_NAME, l->all[i].name);
		otlp_build_bytes(m, LABEL_VALUE, l->all[i].value);
		otlp_build_end(m, label);
	}
}

static size_t labels_room(const struct labels *l)
{
	return l->bytes + l->count * LABEL_ROOM;
}

static void put_exemplar_1(const struct exemplar *x, struct otlp_build *m)
{
	size_t exemplar = otlp_build_begin(m, V1_EXEMPLARS);

	put_labels(m, &x->labels);
	otlp_build_fixed64(m, EXEMPLAR_VALUE, exemplar_bits(x));
	otlp_build_number(m, EXEMPLAR_TIME, (uint64_t)x->at_ms);
	otlp_build_end(m, exemplar);
}

static void put_native_1(
	struct builder *b, const struct samples_reader *r, const struct exposition_sample *s, struct otlp_build *m)
{
	struct native_sample native = native_of(s->native, bits_of(r, s->value), time_of(r, s), 0);
	struct wire exemplars = wire_of(s->native);

	native_sample_write(&native, V1_HISTOGRAMS, m);
	while (take_native_exemplar(b, &exemplars, time_of(r, s)))
		put_exemplar_1(&b->exemplar, m);
}

static int put_series_1(
	struct builder *b, const struct samples_reader *r, const struct exposition_sample *s, bool has_x)
{
	size_t room = SERIES_ROOM + labels_room(&b->labels) + (has_x ? labels_room(&b->exemplar.labels) : 0) +
		      NATIVE_GROWTH * s->native.size,
	       series;
	struct otlp_build m = { buffer_reserve(b->to, room), room, 0 };

	if (!m.to)
		return no_room(b->to, room);
	series = otlp_build_begin(&m, V1_TIMESERIES);
	put_labels(&m, &b->labels);
	if (s->native.size > 0)
		put_native_1(b, r, s, &m);
	else
		put_sample(&m, V1_SAMPLES, bits_of(r, s->value), time_of(r, s), 0);
	if (has_x)
		put_exemplar_1(&b->exemplar, &m);
	otlp_build_end(&m, series);
	OXP_ASSERT(m.size <= room);
	b->to->size += m.size;
	return 0;
}

/* Once for a family of the request. */
static int put_metadata_1(struct builder *b, const struct samples_family *f)
{
	size_t room = SERIES_ROOM + f->name.size + f->help.size + f->unit.size, metadata;
	struct otlp_build m = { buffer_reserve(b->to, room), room, 0 };

	if (!m.to)
		return no_room(b->to, room);
	metadata = otlp_build_begin(&m, V1_METADATA);
	otlp_build_number(&m, V1_TYPE, metadata_types[f->type]);
	otlp_build_bytes(&m, V1_FAMILY, f->quoted ? plain_text(&b->text, f->name) : f->name);
	otlp_build_bytes(&m, V1_HELP, plain_text(&b->text, f->help));
	otlp_build_bytes(&m, V1_UNIT, plain_text(&b->text, f->unit));
	otlp_build_end(&m, metadata);
	b->to->size += m.size;
	return 0;
}

static int add_1(struct builder *b, const struct samples_reader *r, const struct exposition_sample *s, bool has_x)
{
	const struct samples_family *f = &r->family;
	int failed = 0;

	if (f->name.size > 0 && f->name.data != b->told.data) {
		b->told = f->name;
		failed = put_metadata_1(b, f);
	}
	if (failed)
		return failed;
	return put_series_1(b, r, s, has_x);
}

/* 2.0. */

/* The numbers of the labels' texts, as a packed field. */
static int put_refs(struct builder *b, unsigned field, const struct labels *l, struct otlp_build *m)
{
	uint32_t refs[2 * LABELS_MAX];
	size_t size = 0;

	for (size_t i = 0; i < 2 * l->count; i++) {
		const struct remote_write_label *label = &l->all[i / 2];
		int failed = symbols_put(&b->symbols, i % 2 ? label->value : label->name, b->to, &refs[i]);
		if (failed)
			return failed;
		size += wire_varint_size(refs[i]);
	}
	otlp_build_tag(m, field, WIRE_LENGTH);
	otlp_build_varint(m, size);
	for (size_t i = 0; i < 2 * l->count; i++)
		otlp_build_varint(m, refs[i]);
	return 0;
}

static int put_exemplar_2(struct builder *b, struct otlp_build *m)
{
	size_t exemplar = otlp_build_begin(m, V2_EXEMPLARS);
	int failed = put_refs(b, EXEMPLAR_LABELS, &b->exemplar.labels, m);

	otlp_build_fixed64(m, EXEMPLAR_VALUE, exemplar_bits(&b->exemplar));
	otlp_build_number(m, EXEMPLAR_TIME, (uint64_t)b->exemplar.at_ms);
	otlp_build_end(m, exemplar);
	return failed;
}

static int put_metadata_2(struct builder *b, const struct samples_family *f, struct otlp_build *m)
{
	size_t metadata = otlp_build_begin(m, V2_METADATA);
	uint32_t help, unit;
	int failed = symbols_put(&b->symbols, plain_text(&b->text, f->help), b->to, &help);

	if (!failed)
		failed = symbols_put(&b->symbols, plain_text(&b->text, f->unit), b->to, &unit);
	if (failed)
		return failed;
	otlp_build_number(m, V2_TYPE, metadata_types[f->type]);
	otlp_build_number(m, V2_HELP, help);
	otlp_build_number(m, V2_UNIT, unit);
	otlp_build_end(m, metadata);
	return 0;
}

/* Of the labels that all series of a label set have: without the bucket and the quantile. */
static uint64_t set_of(const struct exposition_sample *s)
{
	uint64_t set = 14695981039346656037u; /* FNV-1a: what looks alike by chance costs a time of creation */

	for (size_t i = 0; i < s->label_count; i++) {
		const struct exposition_label *l = &s->labels[i];
		if (bytes_are(l->name, "le") || bytes_are(l->name, "quantile"))
			continue;
		for (size_t k = 0; k < l->name.size + l->value.size; k++) {
			char c = k < l->name.size ? l->name.data[k] : l->value.data[k - l->name.size];
			set = (set ^ (unsigned char)c) * 1099511628211u;
		}
	}
	return set;
}

/* Writes the series that wait, those of that label set as created at that time; 0: none is. */
static int flush_2(struct builder *b, uint64_t set, int64_t created_ms)
{
	for (size_t i = 0; i < b->waiting_count; i++) {
		const struct waiting *w = &b->waiting[i];
		struct bytes native = { b->pending.data + w->from + w->size, w->native };
		int64_t start_ms = w->set == set ? created_ms : w->native > 0 ? native_fields_created(native) : 0;
		struct native_sample n = native_of(native, w->bits, w->at_ms, start_ms);
		size_t room = w->size + w->native + SERIES_ROOM, series;
		struct otlp_build m = { buffer_reserve(b->to, room), room, 0 };
		if (!m.to)
			return no_room(b->to, room);
		series = otlp_build_begin(&m, V2_TIMESERIES);
		otlp_build_raw(&m, (struct bytes){ b->pending.data + w->from, w->size });
		if (w->native > 0)
			native_sample_write(&n, V2_HISTOGRAMS, &m);
		else
			put_sample(&m, V2_SAMPLES, w->bits, w->at_ms, start_ms);
		otlp_build_end(&m, series);
		b->to->size += m.size;
	}
	b->waiting_count = 0;
	buffer_clear(&b->pending);
	return 0;
}

static int put_series_2(
	struct builder *b, const struct samples_reader *r, const struct exposition_sample *s, bool has_x)
{
	size_t room = SERIES_ROOM + (b->labels.count + b->exemplar.labels.count) * LABEL_ROOM +
		      NATIVE_GROWTH * s->native.size;
	struct wire exemplars = wire_of(s->native);
	struct otlp_build m = { buffer_reserve(&b->pending, room), room, 0 };
	int failed;

	if (!m.to)
		return -ENOMEM;
	failed = put_refs(b, V2_LABELS, &b->labels, &m);
	if (!failed && has_x)
		failed = put_exemplar_2(b, &m);
	while (!failed && take_native_exemplar(b, &exemplars, time_of(r, s)))
		failed = put_exemplar_2(b, &m);
	if (!failed)
		failed = put_metadata_2(b, &r->family, &m);
	if (failed)
		return failed;
	b->waiting[b->waiting_count++] = (struct waiting){ b->pending.size, m.size, s->native.size, set_of(s),
		bits_of(r, s->value), time_of(r, s) };
	otlp_build_raw(&m, s->native);
	OXP_ASSERT(m.size <= room);
	b->pending.size += m.size;
	return 0;
}

/* Whether the sample is when a label set of its family was created. In what has ended, families are not told. */
static bool is_created(const struct samples_reader *r, const struct exposition_sample *s)
{
	struct bytes suffix = exposition_suffixes[EXPOSITION_CREATED], family = r->family.name;
	bool has_end = s->name.size > suffix.size &&
		       memcmp(s->name.data + s->name.size - suffix.size, suffix.data, suffix.size) == 0;

	if (r->gone || !has_end)
		return has_end;
	return s->name.size == family.size + suffix.size && memcmp(s->name.data, family.data, family.size) == 0 &&
	       (r->family.type == EXPOSITION_COUNTER || r->family.type == EXPOSITION_HISTOGRAM ||
		       r->family.type == EXPOSITION_SUMMARY);
}

static int add_2(struct builder *b, const struct samples_reader *r, const struct exposition_sample *s, bool has_x)
{
	int failed = 0;

	if (r->family.name.data != b->told.data || b->waiting_count == WAITING_MAX)
		failed = flush_2(b, 0, 0);
	b->told = r->family.name;
	if (failed)
		return failed;
	return put_series_2(b, r, s, has_x);
}

static int on_sample(void *context, const struct samples_reader *r, const struct exposition_sample *s)
{
	struct builder *b = context;
	bool has_x;

	buffer_clear(&b->text);
	if (s->excess)
		return 0;
	if (b->how->version == REMOTE_WRITE_2 && is_created(r, s))
		return flush_2(b, set_of(s), s->value > 0 && s->value < 9e15 ? (int64_t)(s->value * 1e3) : 0);
	take_series(b, s);
	has_x = !r->gone && take_exemplar(b, s, time_of(r, s));
	if (!has_x)
		b->exemplar.labels.count = b->exemplar.labels.bytes = 0; /* also of what has ended */
	b->counts->samples += s->native.size == 0;
	b->counts->histograms += s->native.size > 0;
	b->counts->exemplars += has_x;
	return b->how->version == REMOTE_WRITE_2 ? add_2(b, r, s, has_x) : add_1(b, r, s, has_x);
}

static int build(struct builder *b, struct bytes item)
{
	struct samples_reader reader = { .sample = on_sample, .context = b };
	int failed = buffer_reserve(&b->text, item.size + 1) ? 0 : -ENOMEM, bad;

	if (!failed && b->how->version == REMOTE_WRITE_2)
		failed = symbols_begin(&b->symbols, b->to);
	if (failed)
		return failed;
	bad = samples_read(&reader, item);
	if (bad && bad != -EBADMSG)
		return bad;
	failed = flush_2(b, 0, 0);
	if (failed)
		return failed;
	return bad;
}

int remote_write_build(
	const struct remote_write *how, struct bytes item, struct buffer *to, struct remote_write_counts *ret)
{
	struct builder *b = oxp_new(sizeof *b);
	int failed;

	*ret = (struct remote_write_counts){ 0 };
	b->how = how;
	b->counts = ret;
	b->to = to;
	buffer_init(&b->text, SIZE_MAX);
	buffer_init(&b->pending, SIZE_MAX);
	failed = build(b, item);
	symbols_done(&b->symbols);
	buffer_done(&b->text);
	buffer_done(&b->pending);
	free(b);
	return failed;
}
