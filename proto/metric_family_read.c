#include "proto/metric_family_read.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/exposition_number.h"
#include "proto/exposition_write.h"
#include "proto/metric_family.h"
#include "proto/otlp_wire.h"

enum {
	HEADER_MAX = 20, /* bytes of a tag and a length */
	NAME_SHOWN = 60,
	SUFFIX_MAX = 16,
	NUMBERS_MAX = 3 * EXPOSITION_NUMBER_SIZE,
	SLICED_FROM = 16 << 10, /* bytes of a metric; of a smaller one all is told at once */
	PARTS_AT_ONCE = 500, /* buckets or quantiles of a larger one: a fifth of a millisecond */
	NATIVE_SIZE_MAX = NATIVE_WRITTEN_MAX + NATIVE_EXEMPLARS_MAX * (EXPOSITION_EXEMPLAR_MAX + 8),
};

void family_reader_init(struct family_reader *r, const struct exposition_limits *limits,
	const struct exposition_events *events, void *context)
{
	*r = (struct family_reader){ .events = events, .context = context, .limits = *limits };
	buffer_init(&r->partial, limits->line + HEADER_MAX);
	buffer_init(&r->name, 2 * limits->line);
	buffer_init(&r->help, limits->line);
	buffer_init(&r->unit, limits->line);
	buffer_init(&r->scratch, 8 * limits->line + (64 << 10));
	buffer_init(&r->late, limits->page);
}

void family_reader_done(struct family_reader *r)
{
	buffer_done(&r->partial);
	buffer_done(&r->name);
	buffer_done(&r->help);
	buffer_done(&r->unit);
	buffer_done(&r->scratch);
	buffer_done(&r->late);
	free(r->native);
	free(r->telling);
	r->native = NULL;
	r->telling = NULL;
}

/* Always false. */
__attribute__((cold))
PRINTF_LIKE(3, 4) static bool fail(struct family_reader *r, enum exposition_fault fault, const char *format, ...)
{
	char shown[NAME_SHOWN + 1];
	size_t size = r->named && r->name.size < NAME_SHOWN ? r->name.size : r->named ? NAME_SHOWN : 0;
	int head;
	va_list all;

	for (size_t i = 0; i < size; i++)
		shown[i] = r->name.data[i] >= ' ' && r->name.data[i] < 0x7f ? r->name.data[i] : '?';
	shown[size] = '\0';
	r->fault = fault;
	head = snprintf(r->what, sizeof r->what,
		r->named ? "family %llu \"%s\": " : "family %llu%s: ", (unsigned long long)r->number, shown);
	va_start(all, format);
	vsnprintf(r->what + head, sizeof r->what - (size_t)head, format, all);
	va_end(all);
	return false;
}

static bool no_memory(struct family_reader *r)
{
	return fail(r, EXPOSITION_NO_MEMORY, "out of memory");
}

static bool broken(struct family_reader *r, const char *message)
{
	return fail(r, EXPOSITION_BAD_LINE, "%s cannot be read: no protobuf, or cut short", message);
}

static bool check_text(struct family_reader *r, struct bytes text, const char *what)
{
	return utf8_valid(text.data, text.size) || fail(r, EXPOSITION_BAD_UTF8, "%s is not UTF-8", what);
}

static bool check_zeros(struct family_reader *r, struct bytes name, const char *what)
{
	return !exposition_has_zero(name) || fail(r, EXPOSITION_BAD_NAME, "%s has a zero in it", what);
}

/* Text as it is written in quotes; `to` has room for twice its size. */
static struct bytes escape(struct bytes text, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '\\' || c == '"' || c == '\n')
			to[n++] = '\\';
		to[n++] = c == '\n' ? 'n' : c;
	}
	return (struct bytes){ to, n };
}

static bool needs_escapes(struct bytes text)
{
	return text.size > 0 && (memchr(text.data, '\\', text.size) || memchr(text.data, '"', text.size) ||
					memchr(text.data, '\n', text.size));
}

/* A metric, as it is read. Labels stand in the order of their names. */
struct metric {
	struct family_reader *reader;
	struct bytes body; /* of the message that its type has */
	int64_t time_ms; /* 0: none */
	size_t count;
	bool quoted;
	enum exposition_excess excess;
	struct exposition_label labels[EXPOSITION_LABELS_MAX + 1]; /* and a bound */
};

/* In the scratch memory, which has the room. */
static char *scratch(struct family_reader *r)
{
	return r->scratch.data + r->scratch.size;
}

static struct bytes take_scratch(struct family_reader *r, struct bytes made)
{
	r->scratch.size += made.size;
	OXP_ASSERT(r->scratch.size <= r->scratch.room);
	return made;
}

/* A text that stands in quotes, from now on. */
static struct bytes quote(struct family_reader *r, struct bytes text, bool *ret_escaped)
{
	*ret_escaped = needs_escapes(text);
	return *ret_escaped ? take_scratch(r, escape(text, scratch(r))) : text;
}

static bool insert(struct metric *m, size_t *count, const struct exposition_label *label)
{
	size_t i = *count;
	int order = 1;

	while (i > 0 && (order = bytes_compare(label->name, m->labels[i - 1].name)) < 0)
		i--;
	if (order == 0)
		return fail(m->reader, EXPOSITION_DUPLICATE_LABEL, "a label is given twice");
	memmove(m->labels + i + 1, m->labels + i, (*count - i) * sizeof *label);
	m->labels[i] = *label;
	++*count;
	return true;
}

/* A LabelPair: its texts are checked. */
static bool read_pair(struct family_reader *r, struct bytes message, struct bytes *ret_name, struct bytes *ret_value)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	*ret_name = *ret_value = (struct bytes){ "", 0 };
	while ((more = wire_next(&w, &f)) > 0)
		if (f.type == WIRE_LENGTH && f.number == LABEL_NAME)
			*ret_name = f.bytes;
		else if (f.type == WIRE_LENGTH && f.number == LABEL_VALUE)
			*ret_value = f.bytes;
	if (more < 0)
		return broken(r, "a label");
	if (ret_name->size == 0)
		return fail(r, EXPOSITION_BAD_LABEL, "a label has no name");
	return check_text(r, *ret_name, "the name of a label") && check_text(r, *ret_value, "the value of a label");
}

static bool read_label(struct metric *m, struct bytes message)
{
	struct family_reader *r = m->reader;
	struct exposition_label label = { .quoted = false };
	bool escaped;

	if (!read_pair(r, message, &label.name, &label.value))
		return false;
	if (bytes_are(label.name, "__name__"))
		return fail(r, EXPOSITION_BAD_LABEL, "__name__ is not a label");
	if (!check_zeros(r, label.name, "the name of a label"))
		return false;
	if (label.name.size > r->limits.name)
		m->excess = EXPOSITION_NAME_SIZE;
	if (m->count == EXPOSITION_LABELS_MAX)
		m->excess = EXPOSITION_LABELS;
	if (m->excess)
		return true;
	label.quoted = !exposition_name_valid(label.name, true);
	if (label.quoted)
		label.name = quote(r, label.name, &escaped);
	label.value = quote(r, label.value, &label.escaped);
	m->quoted = m->quoted || label.quoted;
	return insert(m, &m->count, &label);
}

static double real(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

/* Seconds and nanoseconds; false: neither is there. */
static bool read_time(struct bytes message, int64_t *ret_seconds, int64_t *ret_nanos)
{
	struct wire w = wire_of(message);
	struct wire_field f;

	*ret_seconds = *ret_nanos = 0;
	while (wire_next(&w, &f) > 0)
		if (f.type == WIRE_VARINT && f.number == TIME_SECONDS)
			*ret_seconds = (int64_t)f.value;
		else if (f.type == WIRE_VARINT && f.number == TIME_NANOS)
			*ret_nanos = (int64_t)f.value;
	return *ret_seconds != 0 || *ret_nanos != 0;
}

/* Samples. */

/* What is told of one; `suffix` is behind the family's name. */
struct told {
	const char *suffix;
	double value;
	struct bytes exemplar;
	bool created;
	struct bytes native;
	const struct exposition_label *bound; /* le or quantile; NULL: none */
};

/* The family's name and the suffix. A counter's _total gives way to _created. */
static struct bytes name_of(struct family_reader *r, const struct told *t)
{
	static const size_t total = sizeof "_total" - 1;
	struct bytes made = { scratch(r), r->name.size };
	size_t size = strlen(t->suffix);

	if (size == 0)
		return buffer_bytes(&r->name);
	memcpy(scratch(r), r->name.data, r->name.size);
	if (t->created && r->type == TYPE_COUNTER)
		made.size -= total;
	memcpy(scratch(r) + made.size, t->suffix, size);
	made.size += size;
	return take_scratch(r, made);
}

static bool tell(struct metric *m, const struct told *t)
{
	struct family_reader *r = m->reader;
	size_t before = r->scratch.size, count = m->count;
	struct exposition_sample s = {
		.name = name_of(r, t),
		.quoted = r->quoted,
		.labels = m->labels,
		.quoted_label = m->quoted,
		.value = t->value,
		.value_text = { "", 0 },
		.has_timestamp = m->time_ms != 0,
		.timestamp_ms = m->time_ms,
		.exemplar = t->exemplar,
		.created = t->created,
		.native = t->native,
	};

	if (t->bound && !insert(m, &count, t->bound))
		return false;
	s.label_count = count;
	if (r->events->sample(r->context, &s) != 0)
		return fail(r, EXPOSITION_STOPPED, "stopped");
	if (t->bound) { /* take it out again */
		size_t i = 0;
		while (!bytes_equal(m->labels[i].name, t->bound->name))
			i++;
		memmove(m->labels + i, m->labels + i + 1, (count - i - 1) * sizeof *m->labels);
	}
	r->scratch.size = before;
	return true;
}

/* As OpenMetrics has bounds: 1.0, not 1. */
static struct exposition_label bound_of(const char *name, double bound, char to[EXPOSITION_NUMBER_SIZE + 2])
{
	size_t size = exposition_number_format(bound, to);
	bool whole = true;

	for (size_t i = 0; i < size; i++)
		whole = whole && ((to[i] >= '0' && to[i] <= '9') || to[i] == '-');
	if (whole) {
		to[size++] = '.';
		to[size++] = '0';
	}
	return (struct exposition_label){ .name = bytes_of(name), .value = { to, size } };
}

static size_t characters(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return count;
}

/* `{…} value timestamp` being made, in `to`. */
struct exemplar {
	struct buffer *to;
	size_t characters;
	bool fits;
};

static bool put_exemplar_label(struct family_reader *r, struct exemplar *x, struct bytes message)
{
	struct bytes name, value;
	bool quoted;

	if (!read_pair(r, message, &name, &value))
		return false;
	x->characters += characters(name) + characters(value);
	x->fits = x->fits && x->characters <= EXPOSITION_EXEMPLAR_CHARACTERS && !exposition_has_zero(name) &&
		  !exposition_has_zero(value);
	if (!x->fits)
		return true;
	quoted = !exposition_name_valid(name, true);
	if (x->to->data[x->to->size - 1] != '{')
		x->to->data[x->to->size++] = ',';
	if (quoted)
		x->to->data[x->to->size++] = '"';
	x->to->size += escape(name, x->to->data + x->to->size).size;
	if (quoted)
		x->to->data[x->to->size++] = '"';
	memcpy(x->to->data + x->to->size, "=\"", 2);
	x->to->size += 2;
	x->to->size += escape(value, x->to->data + x->to->size).size;
	x->to->data[x->to->size++] = '"';
	return true;
}

/* As OpenMetrics writes it, in the scratch memory. One that a reader might not take is left out. */
static bool read_exemplar(struct family_reader *r, struct bytes message, struct bytes *ret)
{
	struct wire w = wire_of(message);
	struct exemplar x = { .to = &r->scratch, .fits = true };
	size_t from = r->scratch.size;
	int64_t seconds = 0, nanos = 0;
	bool timed = false;
	double value = 0;
	struct wire_field f;
	int more;

	r->scratch.data[r->scratch.size++] = '{';
	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == EXEMPLAR_LABEL && f.type == WIRE_LENGTH) {
			if (!put_exemplar_label(r, &x, f.bytes))
				return false;
		} else if (f.number == EXEMPLAR_VALUE && f.type == WIRE_64) {
			value = real(f.value);
		} else if (f.number == EXEMPLAR_TIME && f.type == WIRE_LENGTH) {
			timed = read_time(f.bytes, &seconds, &nanos);
		}
	if (more < 0)
		return broken(r, "an exemplar");
	memcpy(scratch(r), "} ", 2);
	r->scratch.size += 2;
	r->scratch.size += exposition_number_format(value, scratch(r));
	x.fits = x.fits && seconds > -INT64_C(9000000000000) && seconds < INT64_C(9000000000000);
	if (timed && x.fits) {
		*scratch(r) = ' ';
		r->scratch.size++;
		r->scratch.size += exposition_seconds_format(seconds * 1000 + nanos / 1000000, scratch(r));
	}
	*ret = (struct bytes){ r->scratch.data + from, r->scratch.size - from };
	if (!x.fits || ret->size > EXPOSITION_EXEMPLAR_MAX)
		ret->size = 0;
	return true;
}

static bool tell_created(struct metric *m, struct bytes time)
{
	static const char total[] = "_total";
	const struct family_reader *r = m->reader;
	size_t size = sizeof total - 1;
	int64_t seconds, nanos;
	struct told t = { .suffix = "_created", .created = true };

	if (!read_time(time, &seconds, &nanos))
		return true;
	if (r->type == TYPE_COUNTER &&
		(r->name.size <= size || memcmp(r->name.data + r->name.size - size, total, size) != 0))
		return true; /* there is no name for it */
	t.value = (double)seconds + (double)nanos / 1e9;
	return tell(m, &t);
}

/* Counter, Gauge, Untyped. */
static bool tell_plain(struct metric *m)
{
	struct wire w = wire_of(m->body);
	struct told t = { .suffix = "" };
	struct bytes time = { "", 0 }, exemplar = { NULL, 0 };
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == PLAIN_VALUE && f.type == WIRE_64)
			t.value = real(f.value);
		else if (f.number == COUNTER_CREATED && f.type == WIRE_LENGTH)
			time = f.bytes;
		else if (f.number == COUNTER_EXEMPLAR && f.type == WIRE_LENGTH)
			exemplar = f.bytes;
	if (more < 0)
		return broken(m->reader, "a metric");
	if (m->reader->type != TYPE_COUNTER)
		return tell(m, &t);
	if (exemplar.data && !read_exemplar(m->reader, exemplar, &t.exemplar))
		return false;
	return tell(m, &t) && tell_created(m, time);
}

/* What a histogram or a summary has once. */
struct ends {
	double count, sum;
	struct bytes created;
};

static bool tell_ends(struct metric *m, const struct ends *e)
{
	bool gauge = m->reader->type == TYPE_GAUGE_HISTOGRAM;

	return tell(m, &(struct told){ .suffix = gauge ? "_gsum" : "_sum", .value = e->sum }) &&
	       tell(m, &(struct told){ .suffix = gauge ? "_gcount" : "_count", .value = e->count }) &&
	       (gauge || tell_created(m, e->created));
}

static bool tell_quantile(struct metric *m, struct bytes message)
{
	struct wire w = wire_of(message);
	char text[EXPOSITION_NUMBER_SIZE + 2];
	struct exposition_label bound;
	struct told t = { .suffix = "", .bound = &bound };
	double at = 0;
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == QUANTILE_AT && f.type == WIRE_64)
			at = real(f.value);
		else if (f.number == QUANTILE_VALUE && f.type == WIRE_64)
			t.value = real(f.value);
	bound = bound_of("quantile", at, text);
	return more < 0 ? broken(m->reader, "a quantile") : tell(m, &t);
}

/* A histogram or a summary, which is told field by field. */
struct telling {
	struct metric metric;
	struct wire left; /* of its body */
	struct ends ends;
	double parts; /* a count that is not whole */
	bool ended; /* there was a bucket up to +Inf */
};

static bool tell_summary_field(struct telling *t, const struct wire_field *f)
{
	if (f->number == SUMMARY_COUNT && f->type == WIRE_VARINT)
		t->ends.count = (double)f->value;
	else if (f->number == SUMMARY_SUM && f->type == WIRE_64)
		t->ends.sum = real(f->value);
	else if (f->number == SUMMARY_CREATED && f->type == WIRE_LENGTH)
		t->ends.created = f->bytes;
	else if (f->number == SUMMARY_QUANTILE && f->type == WIRE_LENGTH)
		return tell_quantile(&t->metric, f->bytes);
	return true;
}

static bool tell_bucket_of(struct metric *m, double bound, double count, struct bytes exemplar)
{
	char text[EXPOSITION_NUMBER_SIZE + 2];
	const struct exposition_label le = bound_of("le", bound, text);

	return tell(m, &(struct told){ .suffix = "_bucket", .value = count, .exemplar = exemplar, .bound = &le });
}

/* *ret_end becomes true if it is the bucket up to +Inf. */
static bool tell_bucket(struct metric *m, struct bytes message, bool *ret_end)
{
	struct wire w = wire_of(message);
	size_t before = m->reader->scratch.size;
	struct bytes exemplar = { "", 0 };
	struct bytes seen = { NULL, 0 };
	double count = 0, parts = 0, bound = 0;
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == BUCKET_COUNT && f.type == WIRE_VARINT)
			count = (double)f.value;
		else if (f.number == BUCKET_COUNT_FLOAT && f.type == WIRE_64)
			parts = real(f.value);
		else if (f.number == BUCKET_BOUND && f.type == WIRE_64)
			bound = real(f.value);
		else if (f.number == BUCKET_EXEMPLAR && f.type == WIRE_LENGTH)
			seen = f.bytes;
	if (more < 0)
		return broken(m->reader, "a bucket");
	if (seen.data && !read_exemplar(m->reader, seen, &exemplar))
		return false;
	*ret_end = *ret_end || bound > DBL_MAX;
	if (!tell_bucket_of(m, bound, parts != 0 ? parts : count, exemplar))
		return false;
	m->reader->scratch.size = before;
	return true;
}

/* Those that a reader takes, as they came. */
static bool put_exemplars(struct metric *m, struct otlp_build *b)
{
	struct wire w = wire_of(m->body);
	size_t before = m->reader->scratch.size;
	unsigned count = 0;
	struct bytes text;
	struct wire_field f;

	while (count < NATIVE_EXEMPLARS_MAX && wire_next(&w, &f) > 0) {
		if (f.number != HISTOGRAM_EXEMPLARS || f.type != WIRE_LENGTH || f.bytes.size > EXPOSITION_EXEMPLAR_MAX)
			continue;
		if (!read_exemplar(m->reader, f.bytes, &text))
			return false;
		m->reader->scratch.size = before;
		if (text.size == 0)
			continue;
		otlp_build_bytes(b, HISTOGRAM_EXEMPLARS, f.bytes);
		count++;
	}
	return true;
}

static bool tell_bad_native(struct family_reader *r)
{
	const struct exposition_sample s = {
		.name = buffer_bytes(&r->name), .quoted = r->quoted, .value_text = { "", 0 }, .bad_native = true
	};

	return r->events->sample(r->context, &s) == 0 || fail(r, EXPOSITION_STOPPED, "stopped");
}

/* Before its classic buckets, which it may lack. */
static bool tell_native(struct metric *m)
{
	struct family_reader *r = m->reader;
	struct otlp_build b = { .room = 0 };
	struct told t = { .suffix = "" };
	char made[NATIVE_SIZE_MAX];

	if (!native_histogram_is(m->body))
		return true;
	if (!r->native)
		r->native = native_histogram_new();
	if (!r->native)
		return no_memory(r);
	if (r->type == TYPE_GAUGE_HISTOGRAM || !native_histogram_read(r->native, m->body) ||
		!native_histogram_reduce(r->native))
		return tell_bad_native(r);
	b = (struct otlp_build){ made, sizeof made, 0 };
	native_histogram_write(r->native, &b);
	if (!put_exemplars(m, &b))
		return false;
	OXP_ASSERT(b.size <= sizeof made);
	t.native = (struct bytes){ made, b.size };
	return tell(m, &t);
}

static bool tell_histogram_field(struct telling *t, const struct wire_field *f)
{
	if (f->number == HISTOGRAM_COUNT && f->type == WIRE_VARINT)
		t->ends.count = (double)f->value;
	else if (f->number == HISTOGRAM_COUNT_FLOAT && f->type == WIRE_64)
		t->parts = real(f->value);
	else if (f->number == HISTOGRAM_SUM && f->type == WIRE_64)
		t->ends.sum = real(f->value);
	else if (f->number == HISTOGRAM_CREATED && f->type == WIRE_LENGTH)
		t->ends.created = f->bytes;
	else if (f->number == HISTOGRAM_BUCKET && f->type == WIRE_LENGTH)
		return tell_bucket(&t->metric, f->bytes, &t->ended);
	return true;
}

static bool is_summary(const struct telling *t)
{
	return t->metric.reader->type == TYPE_SUMMARY;
}

static bool tell_the_end(struct telling *t)
{
	const struct bytes none = { "", 0 };

	if (t->parts != 0)
		t->ends.count = t->parts;
	if (!is_summary(t) && !t->ended && !tell_bucket_of(&t->metric, HUGE_VAL, t->ends.count, none))
		return false;
	return tell_ends(&t->metric, &t->ends);
}

/* The next so many fields. False: that was all, or there is a fault. */
static bool tell_some(struct telling *t, size_t count)
{
	struct family_reader *r = t->metric.reader;
	struct wire_field f;
	int more = 1;

	while (!r->fault && count-- > 0 && (more = wire_next(&t->left, &f)) > 0)
		(void)(is_summary(t) ? tell_summary_field(t, &f) : tell_histogram_field(t, &f));
	if (more < 0)
		broken(r, is_summary(t) ? "a summary" : "a histogram");
	if (more == 0 && !r->fault)
		(void)tell_the_end(t);
	return more > 0 && !r->fault;
}

/* At once, unless it is large, stands where it stays, and the caller wants slices. */
static bool tell_parts(struct telling *t)
{
	struct family_reader *r = t->metric.reader;
	bool slices = r->in_slices && r->completed && t->metric.body.size > SLICED_FROM;

	t->left = wire_of(t->metric.body);
	t->ends = (struct ends){ .created = { "", 0 } };
	t->parts = 0;
	t->ended = false;
	if (!is_summary(t) && !tell_native(&t->metric))
		return false;
	if (!tell_some(t, slices ? PARTS_AT_ONCE : SIZE_MAX))
		return !r->fault;
	r->telling = malloc(sizeof *t);
	if (!r->telling)
		return no_memory(r);
	*r->telling = *t;
	return true;
}

static const unsigned char kinds[TYPE_NUMBERS] = {
	[TYPE_COUNTER] = METRIC_COUNTER,
	[TYPE_GAUGE] = METRIC_GAUGE,
	[TYPE_SUMMARY] = METRIC_SUMMARY,
	[TYPE_UNTYPED] = METRIC_UNTYPED,
	[TYPE_HISTOGRAM] = METRIC_HISTOGRAM,
	[TYPE_GAUGE_HISTOGRAM] = METRIC_HISTOGRAM,
};

/* Its labels, its time, and where its value is. */
static bool read_metric(struct metric *m, struct bytes message)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == METRIC_LABEL && f.type == WIRE_LENGTH) {
			if (!read_label(m, f.bytes))
				return false;
		} else if (f.number == kinds[m->reader->type] && f.type == WIRE_LENGTH) {
			m->body = f.bytes;
		} else if (f.number == METRIC_TIME_MS && f.type == WIRE_VARINT) {
			m->time_ms = (int64_t)f.value;
		}
	return more == 0 || broken(m->reader, "a metric");
}

static bool tell_excess(struct family_reader *r, enum exposition_excess excess)
{
	const struct exposition_sample s = {
		.name = buffer_bytes(&r->name), .quoted = r->quoted, .value_text = { "", 0 }, .excess = excess
	};

	return r->events->sample(r->context, &s) == 0 || fail(r, EXPOSITION_STOPPED, "stopped");
}

/* Families. */

static bool tell_meta(struct family_reader *r, struct exposition_meta m)
{
	m.format = EXPOSITION_PROTOBUF;
	m.name = buffer_bytes(&r->name);
	m.quoted = r->quoted;
	if (r->excess)
		return true;
	return r->events->meta(r->context, &m) == 0 || fail(r, EXPOSITION_STOPPED, "stopped");
}

static bool tell_help(struct family_reader *r)
{
	return tell_meta(r, (struct exposition_meta){ .what = EXPOSITION_HELP, .text = buffer_bytes(&r->help) });
}

static bool tell_unit(struct family_reader *r)
{
	return tell_meta(r, (struct exposition_meta){ .what = EXPOSITION_UNIT, .text = buffer_bytes(&r->unit) });
}

/* Before its first metric. */
static bool begin_family(struct family_reader *r)
{
	static const enum exposition_type types[TYPE_NUMBERS] = {
		[TYPE_COUNTER] = EXPOSITION_COUNTER,
		[TYPE_GAUGE] = EXPOSITION_GAUGE,
		[TYPE_SUMMARY] = EXPOSITION_SUMMARY,
		[TYPE_UNTYPED] = EXPOSITION_UNTYPED,
		[TYPE_HISTOGRAM] = EXPOSITION_HISTOGRAM,
		[TYPE_GAUGE_HISTOGRAM] = EXPOSITION_GAUGEHISTOGRAM,
	};

	if (!r->named)
		return fail(r, EXPOSITION_BAD_NAME, "a name expected before the metrics");
	if (r->type >= TYPE_NUMBERS)
		return fail(
			r, EXPOSITION_BAD_TYPE, "a type from 0 to 5 expected, found %llu", (unsigned long long)r->type);
	r->begun = true;
	return tell_meta(r, (struct exposition_meta){ .what = EXPOSITION_TYPE, .type = types[r->type] }) &&
	       (r->help.size == 0 || tell_help(r)) && (r->unit.size == 0 || tell_unit(r));
}

static bool take_metric(struct family_reader *r, struct bytes message)
{
	struct telling t;
	struct metric *m = &t.metric;

	m->reader = r;
	m->body = (struct bytes){ "", 0 };
	m->time_ms = 0;
	m->count = 0;
	m->quoted = false;
	m->excess = EXPOSITION_FITS;
	if (!r->begun && !begin_family(r))
		return false;
	buffer_clear(&r->scratch);
	if (!buffer_reserve(&r->scratch,
		    4 * message.size + 2 * r->name.size + SUFFIX_MAX + NUMBERS_MAX + EXPOSITION_EXEMPLAR_MAX))
		return no_memory(r);
	if (!read_metric(m, message))
		return false;
	if (r->excess || m->excess)
		return tell_excess(r, r->excess ? r->excess : m->excess);
	if (r->type == TYPE_HISTOGRAM || r->type == TYPE_GAUGE_HISTOGRAM || r->type == TYPE_SUMMARY)
		return tell_parts(&t);
	return tell_plain(m);
}

static bool take_name(struct family_reader *r, struct bytes name)
{
	char *to;

	if (r->begun)
		return fail(r, EXPOSITION_BAD_NAME, "a name behind the metrics");
	if (name.size == 0)
		return fail(r, EXPOSITION_BAD_NAME, "an empty name");
	if (!check_text(r, name, "the name") || !check_zeros(r, name, "the name"))
		return false;
	buffer_clear(&r->name);
	to = buffer_reserve(&r->name, 2 * name.size);
	if (!to)
		return no_memory(r);
	r->quoted = !exposition_name_valid(name, false);
	r->name.size = escape(name, to).size;
	r->named = true;
	r->excess = name.size > r->limits.name ? EXPOSITION_NAME_SIZE : EXPOSITION_FITS;
	return true;
}

static bool take_text(struct family_reader *r, struct buffer *to, struct bytes text, const char *what)
{
	buffer_clear(to);
	if (!check_text(r, text, what))
		return false;
	return buffer_append(to, text.data, text.size) == 0 || no_memory(r);
}

static bool take_type(struct family_reader *r, uint64_t type)
{
	if (r->begun && type != r->type)
		return fail(r, EXPOSITION_BAD_TYPE, "another type behind the metrics");
	r->type = type;
	return true;
}

static bool take_field(struct family_reader *r, const struct wire_field *f)
{
	if (f->number == FAMILY_TYPE && f->type == WIRE_VARINT)
		return take_type(r, f->value);
	if (f->type != WIRE_LENGTH)
		return true;
	switch (f->number) {
	case FAMILY_NAME:
		return take_name(r, f->bytes);
	case FAMILY_HELP:
		return take_text(r, &r->help, f->bytes, "the help") && (!r->begun || tell_help(r));
	case FAMILY_UNIT:
		return take_text(r, &r->unit, f->bytes, "the unit") && (!r->begun || tell_unit(r));
	case FAMILY_METRIC:
		return take_metric(r, f->bytes);
	default:
		return true;
	}
}

/* The page. */

/* Behind the length of the next family. */
static void next_family(struct family_reader *r, uint64_t size)
{
	r->left = size;
	r->number++;
	r->named = r->begun = r->quoted = false;
	r->excess = EXPOSITION_FITS;
	r->type = TYPE_COUNTER; /* which proto3 does not write */
	buffer_clear(&r->name);
	buffer_clear(&r->help);
	buffer_clear(&r->unit);
}

/* A field that is too large to be held. */
__attribute__((cold)) static bool skip_field(struct family_reader *r, uint32_t number, uint64_t size)
{
	r->skipping = size;
	if (number == FAMILY_NAME)
		return fail(r, EXPOSITION_BAD_NAME, "a name of %llu bytes", (unsigned long long)size);
	if (number != FAMILY_METRIC)
		return true;
	return (r->begun || begin_family(r)) && tell_excess(r, EXPOSITION_LINE_SIZE);
}

/* How much of the bytes the length of a family takes; 0: it is cut, or at fault. */
static size_t take_length(struct family_reader *r, struct bytes from)
{
	struct wire w = wire_of(from);
	uint64_t size;

	switch (wire_varint(&w.at, w.end, &size)) {
	case WIRE_VARINT_CUT:
		r->wanted = from.size + 1;
		return 0;
	case WIRE_VARINT_LONG:
		size = UINT64_MAX;
		break;
	case WIRE_VARINT_OK:
		break;
	}
	next_family(r, size);
	if (size > r->limits.page) {
		fail(r, EXPOSITION_PAGE_SIZE, "it is longer than a page may be");
		return 0;
	}
	return (size_t)(w.at - (const unsigned char *)from.data);
}

/* The size of the field that begins there, by its tag and length; 0: that is cut, or at fault. */
static uint64_t field_size(struct family_reader *r, struct bytes from, struct wire_field *ret)
{
	struct wire w = wire_of(from);
	uint64_t tag, size = 0;
	enum wire_varint end = wire_varint(&w.at, w.end, &tag);

	if (end == WIRE_VARINT_OK) {
		*ret = (struct wire_field){ .number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7) };
		if (tag >> 3 == 0 || tag >> 3 > WIRE_FIELD_MAX || ret->type > WIRE_32 || ret->type == WIRE_GROUP ||
			ret->type == WIRE_GROUP_END)
			end = WIRE_VARINT_LONG;
		else if (ret->type == WIRE_64 || ret->type == WIRE_32)
			size = ret->type == WIRE_64 ? 8 : 4;
		else
			end = wire_varint(&w.at, w.end, &size);
	}
	if (end == WIRE_VARINT_CUT && from.size < r->left) {
		r->wanted = from.size + 1;
		return 0;
	}
	if (end != WIRE_VARINT_OK) {
		broken(r, "a field");
		return 0;
	}
	if (ret->type == WIRE_VARINT)
		size = 0;
	if (size > r->left || (size_t)(w.at - (const unsigned char *)from.data) > r->left - size) {
		fail(r, EXPOSITION_BAD_LINE, "a field is longer than the family");
		return 0;
	}
	ret->value = size;
	return (size_t)(w.at - (const unsigned char *)from.data) + size;
}

/* How much of the bytes is taken: the next field, or a part of one that is too large. 0: it is cut, or at fault. */
static size_t take_next(struct family_reader *r, struct bytes from)
{
	struct wire_field f;
	uint64_t size, body;
	struct wire w;

	if (r->left == 0)
		return take_length(r, from);
	from.size = from.size < r->left ? from.size : (size_t)r->left;
	size = field_size(r, from, &f);
	if (size == 0)
		return 0;
	body = f.type == WIRE_LENGTH ? f.value : 0;
	if (body > r->limits.line) {
		if (!skip_field(r, f.number, body))
			return 0;
		r->left -= size;
		return (size_t)(size - body);
	}
	if (size > from.size) {
		r->wanted = (size_t)size;
		return 0;
	}
	w = wire_of((struct bytes){ from.data, (size_t)size });
	if (wire_next(&w, &f) <= 0 || !take_field(r, &f)) {
		if (!r->fault)
			broken(r, "a field");
		return 0;
	}
	r->left -= size;
	return (size_t)size;
}

static struct bytes behind(struct bytes b, size_t size)
{
	return (struct bytes){ b.data + size, b.size - size };
}

static struct bytes skip(struct family_reader *r, struct bytes data)
{
	size_t size = r->skipping < data.size ? (size_t)r->skipping : data.size;

	r->skipping -= size;
	return behind(data, size);
}

/* Completes what was cut, as far as the bytes go. */
static struct bytes complete(struct family_reader *r, struct bytes data)
{
	size_t more = r->wanted - r->partial.size, used;

	more = more < data.size ? more : data.size;
	if (buffer_append(&r->partial, data.data, more)) {
		no_memory(r);
		return data;
	}
	data = behind(data, more);
	if (r->partial.size < r->wanted)
		return data;
	r->completed = true;
	used = take_next(r, buffer_bytes(&r->partial));
	r->completed = false;
	OXP_ASSERT(used == 0 || used == r->partial.size);
	if (used > 0 && !r->telling)
		buffer_clear(&r->partial);
	return data;
}

/* What is told now is of the next one, unless one is under way. */
static void leave_family(struct family_reader *r)
{
	if (r->left > 0 || r->skipping > 0)
		return;
	r->number++;
	r->named = false;
}

/* What is behind a metric that is not told yet waits for it. */
static void take_all(struct family_reader *r, struct bytes left)
{
	while (left.size > 0 && !r->fault && !r->telling) {
		size_t used;
		if (r->skipping > 0) {
			left = skip(r, left);
			continue;
		}
		if (r->partial.size > 0) {
			left = complete(r, left);
			continue;
		}
		used = take_next(r, left);
		if (used == 0 && !r->fault) {
			used = left.size;
			if (buffer_append(&r->partial, left.data, left.size))
				no_memory(r);
		}
		left = behind(left, used);
	}
	if (left.size > 0 && r->telling && buffer_append(&r->late, left.data, left.size))
		no_memory(r);
}

void family_reader_in_slices(struct family_reader *r)
{
	r->in_slices = true;
}

bool family_reader_is_behind(const struct family_reader *r)
{
	return r->telling != NULL;
}

bool family_reader_go_on(struct family_reader *r)
{
	struct buffer late = r->late;

	if (!r->telling || (!r->fault && tell_some(r->telling, PARTS_AT_ONCE)))
		return r->telling != NULL;
	free(r->telling);
	r->telling = NULL;
	buffer_clear(&r->partial);
	buffer_init(&r->late, r->limits.page);
	take_all(r, buffer_bytes(&late));
	buffer_done(&late);
	return r->telling != NULL;
}

enum exposition_fault family_reader_feed(struct family_reader *r, const char *data, size_t size)
{
	while (family_reader_go_on(r))
		;
	if (!r->fault && size > r->limits.page - r->bytes) {
		leave_family(r);
		fail(r, EXPOSITION_PAGE_SIZE, "the page is too long");
	}
	r->bytes += r->fault ? 0 : size;
	take_all(r, (struct bytes){ data, size });
	return r->fault;
}

enum exposition_fault family_reader_end(struct family_reader *r)
{
	while (family_reader_go_on(r))
		;
	if (!r->fault && (r->left > 0 || r->skipping > 0 || r->partial.size > 0)) {
		leave_family(r);
		fail(r, EXPOSITION_CUT, "the page ends in the middle of it");
	}
	return r->fault;
}
