#include "proto/metric_family_write.h"

#include <errno.h>
#include <float.h>
#include <xxhash.h>

#include "proto/exposition_family.h"
#include "proto/metric_family.h"
#include "proto/otlp_build.h"

enum {
	LINE_BESIDE = 256, /* bytes of a metric that are not its labels, nor those of an exemplar */
	FAMILY_LENGTH = 3, /* bytes of most lengths, which are left free for them */
};

/* What a line is in its metric. */
enum part { PART_VALUE, PART_BUCKET, PART_SUM, PART_COUNT };

/* What stands in quotes: from behind the quote, up to the next that is not escaped. */
static struct bytes quoted(const char *p)
{
	const char *from = p;

	for (; *p != '"'; p++)
		p += *p == '\\';
	return (struct bytes){ from, (size_t)(p - from) };
}

/* A name, which may be in quotes, as it stands within them. *ret_rest is what comes behind it. */
static struct bytes take_name(struct bytes text, const char *ends, struct bytes *ret_rest)
{
	struct bytes name = { text.data, 0 };
	const char *behind;

	if (*text.data == '"') {
		name = quoted(text.data + 1);
		behind = name.data + name.size + 1;
	} else {
		while (name.size < text.size && !strchr(ends, text.data[name.size]))
			name.size++;
		behind = name.data + name.size;
	}
	*ret_rest = (struct bytes){ behind, (size_t)(bytes_end(text) - behind) };
	return name;
}

struct label {
	struct bytes name, value; /* with their escapes */
};

/* The next label of what stands between braces, or behind a comma there. */
static bool next_label(struct bytes *rest, struct label *ret)
{
	const char *end = bytes_end(*rest);

	if (rest->size > 0 && (*rest->data == '{' || *rest->data == ','))
		*rest = (struct bytes){ rest->data + 1, rest->size - 1 };
	if (rest->size == 0 || *rest->data == '}')
		return false;
	ret->name = take_name(*rest, "=", rest);
	ret->value = quoted(rest->data + 2);
	rest->data = ret->value.data + ret->value.size + 1;
	rest->size = (size_t)(end - rest->data);
	return true;
}

/* Without its escapes. */
static void put_unescaped(struct otlp_build *b, struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '\\' && i + 1 < text.size)
			c = text.data[++i] == 'n' ? '\n' : text.data[i];
		otlp_build_raw(b, (struct bytes){ &c, 1 });
	}
}

/* A field of text that may have escapes, with a suffix behind it. */
static void put_text(struct otlp_build *b, unsigned field, struct bytes text, const char *suffix)
{
	size_t begun = otlp_build_begin(b, field);

	if (text.size > 0 && memchr(text.data, '\\', text.size))
		put_unescaped(b, text);
	else
		otlp_build_raw(b, text);
	otlp_build_raw(b, bytes_of(suffix));
	otlp_build_end(b, begun);
}

static void put_label(struct otlp_build *b, unsigned field, const struct label *label)
{
	size_t begun = otlp_build_begin(b, field);

	put_text(b, LABEL_NAME, label->name, "");
	put_text(b, LABEL_VALUE, label->value, "");
	otlp_build_end(b, begun);
}

static void put_double(struct otlp_build *b, unsigned field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	otlp_build_fixed64(b, field, bits);
}

/* A count, which may be no whole number. */
static void put_count(struct otlp_build *b, unsigned field, unsigned float_field, double count)
{
	bool whole = count >= 0 && count < 0x1p64 && count == (double)(uint64_t)count;

	if (whole)
		otlp_build_number(b, field, (uint64_t)count);
	else if (float_field)
		put_double(b, float_field, count);
	else
		otlp_build_number(b, field, count > 0 ? (count < 0x1p64 ? (uint64_t)count : UINT64_MAX) : 0);
}

/* Seconds since 1970, to the microsecond, which is what a double has. */
static void put_time(struct otlp_build *b, unsigned field, double seconds)
{
	bool fits = seconds > -9e12 && seconds < 9e12;
	int64_t us = fits ? (int64_t)(seconds * 1e6 + (seconds < 0 ? -0.5 : 0.5)) : 0, rest = us % 1000000;
	size_t begun = otlp_build_begin(b, field);

	rest += rest < 0 ? 1000000 : 0;
	otlp_build_number(b, TIME_SECONDS, (uint64_t)((us - rest) / 1000000));
	otlp_build_number(b, TIME_NANOS, (uint64_t)rest * 1000);
	otlp_build_end(b, begun);
}

/* `{…} value timestamp`, as OpenMetrics has it. */
void family_write_exemplar(struct otlp_build *b, unsigned field, struct bytes text)
{
	struct bytes rest = text, value, time;
	struct label label;
	double number;
	size_t begun;

	if (text.size == 0)
		return;
	begun = otlp_build_begin(b, field);
	while (next_label(&rest, &label))
		put_label(b, EXEMPLAR_LABEL, &label);
	rest = (struct bytes){ rest.data + 2, rest.size > 2 ? rest.size - 2 : 0 };
	value = take_name(rest, " ", &time);
	if (exposition_number_parse(value, &number))
		put_double(b, EXEMPLAR_VALUE, number);
	if (time.size > 1 && exposition_number_parse((struct bytes){ time.data + 1, time.size - 1 }, &number))
		put_time(b, EXEMPLAR_TIME, number);
	otlp_build_end(b, begun);
}

/* Room for that many bytes behind what is there. The caller adds what it writes to the buffer. */
static int open_build(struct buffer *to, size_t most, struct otlp_build *ret)
{
	char *room;
	int failed = exposition_line_room(to, most, &room);

	if (!failed)
		*ret = (struct otlp_build){ to->data, to->size + most, to->size };
	return failed;
}

static void close_build(struct buffer *to, const struct otlp_build *b)
{
	OXP_ASSERT(b->size <= b->room);
	to->size = b->size;
}

static unsigned type_number(enum exposition_type type)
{
	switch (type) {
	case EXPOSITION_COUNTER:
		return TYPE_COUNTER;
	case EXPOSITION_SUMMARY:
		return TYPE_SUMMARY;
	case EXPOSITION_HISTOGRAM:
		return TYPE_HISTOGRAM;
	case EXPOSITION_UNTYPED:
		return TYPE_UNTYPED;
	default:
		return TYPE_GAUGE;
	}
}

static unsigned kind_field(enum exposition_type type)
{
	switch (type) {
	case EXPOSITION_COUNTER:
		return METRIC_COUNTER;
	case EXPOSITION_SUMMARY:
		return METRIC_SUMMARY;
	case EXPOSITION_HISTOGRAM:
		return METRIC_HISTOGRAM;
	case EXPOSITION_UNTYPED:
		return METRIC_UNTYPED;
	default:
		return METRIC_GAUGE;
	}
}

int family_writer_begin(struct family_writer *w, struct buffer *to, const struct family_head *head)
{
	const char *suffix = head->suffix ? head->suffix : "";
	struct bytes rest, name = take_name(head->name, "", &rest);
	struct otlp_build b;
	int failed = open_build(to, name.size + head->help.size + head->unit.size + LINE_BESIDE, &b);

	if (failed)
		return failed;
	(void)otlp_build_claim(&b, FAMILY_LENGTH);
	*w = (struct family_writer){ .type = head->type, .family = b.size, .name = name.size + strlen(suffix) };
	put_text(&b, FAMILY_NAME, name, suffix);
	if (head->help.size > 0)
		otlp_build_bytes(&b, FAMILY_HELP, head->help);
	otlp_build_number(&b, FAMILY_TYPE, type_number(w->type));
	if (head->unit.size > 0)
		otlp_build_bytes(&b, FAMILY_UNIT, head->unit);
	close_build(to, &b);
	return 0;
}

/* Ends the metric under way. */
static int end_metric(struct family_writer *w, struct buffer *to)
{
	struct otlp_build b;
	int failed = w->metric ? open_build(to, LINE_BESIDE, &b) : 0;

	if (failed || !w->metric)
		return failed;
	otlp_build_end(&b, w->kind);
	if (w->timed)
		otlp_build_number(&b, METRIC_TIME_MS, (uint64_t)w->time_ms);
	otlp_build_end(&b, w->metric);
	close_build(to, &b);
	w->metric = w->kind = 0;
	return 0;
}

int family_writer_end(struct family_writer *w, struct buffer *to)
{
	struct otlp_build b;
	int failed = end_metric(w, to);

	if (!failed && w->family)
		failed = open_build(to, LINE_BESIDE, &b);
	if (failed || !w->family)
		return failed;
	otlp_build_end_as(&b, w->family, FAMILY_LENGTH);
	close_build(to, &b);
	w->family = 0;
	return 0;
}

/* A line, as it is understood. */
struct line {
	const struct exposition_line *in;
	struct bytes labels; /* with braces, or empty */
	enum part part;
	uint64_t set;
	bool has_bound; /* le of a bucket, or a quantile: */
	double bound;
};

static bool is_complex(const struct family_writer *w)
{
	return w->type == EXPOSITION_HISTOGRAM || w->type == EXPOSITION_SUMMARY;
}

static bool find_part(const struct family_writer *w, struct bytes suffix, bool native, enum part *ret)
{
	enum exposition_suffix found;

	*ret = PART_VALUE;
	if (native)
		return suffix.size == 0 && w->type == EXPOSITION_HISTOGRAM;
	if (!is_complex(w))
		return suffix.size == 0;
	if (!exposition_suffix_find(w->type, suffix, &found))
		return false;
	*ret = found == EXPOSITION_BUCKET  ? PART_BUCKET
	       : found == EXPOSITION_SUM   ? PART_SUM
	       : found == EXPOSITION_COUNT ? PART_COUNT
					   : PART_VALUE;
	return found == EXPOSITION_NO_SUFFIX ? w->type == EXPOSITION_SUMMARY : found != EXPOSITION_CREATED;
}

/* Whether the label is no label of the metric, but a bound. */
static bool is_bound(const struct family_writer *w, const struct label *label)
{
	return (w->type == EXPOSITION_HISTOGRAM && bytes_are(label->name, "le")) ||
	       (w->type == EXPOSITION_SUMMARY && bytes_are(label->name, "quantile"));
}

static bool read_bound(struct line *l, const struct label *label)
{
	if (l->part != PART_BUCKET && l->part != PART_VALUE)
		return false;
	l->has_bound = true;
	return exposition_number_parse(label->value, &l->bound);
}

/* Name and labels. False: no metric can have these. */
static bool read_head(const struct family_writer *w, struct line *l)
{
	struct bytes head = l->in->head, name, rest;
	struct label label;

	if (*head.data == '{')
		name = take_name((struct bytes){ head.data + 1, head.size - 1 }, "", &l->labels);
	else
		name = take_name(head, "{", &l->labels);
	if (name.size < w->name || !find_part(w, (struct bytes){ name.data + w->name, name.size - w->name },
					   l->in->native.size > 0, &l->part))
		return false;
	for (rest = l->labels; next_label(&rest, &label);) {
		if (is_bound(w, &label)) {
			if (!read_bound(l, &label))
				return false;
			continue;
		}
		l->set = XXH3_64bits_withSeed(label.name.data, label.name.size, l->set);
		l->set = XXH3_64bits_withSeed(label.value.data, label.value.size, l->set);
	}
	if (l->in->native.size > 0)
		return !l->has_bound;
	return !is_complex(w) || l->has_bound == (l->part == PART_BUCKET || l->part == PART_VALUE);
}

static void begin_metric(struct family_writer *w, struct otlp_build *b, const struct line *l)
{
	struct bytes rest = l->labels;
	struct label label;

	w->metric = otlp_build_begin(b, FAMILY_METRIC);
	while (next_label(&rest, &label))
		if (!is_bound(w, &label))
			put_label(b, METRIC_LABEL, &label);
	w->kind = otlp_build_begin(b, kind_field(w->type));
	w->set = l->set;
	w->timed = w->native = false;
}

static void put_bucket(struct otlp_build *b, const struct line *l)
{
	size_t begun = otlp_build_begin(b, HISTOGRAM_BUCKET);

	put_count(b, BUCKET_COUNT, BUCKET_COUNT_FLOAT, l->in->value);
	put_double(b, BUCKET_BOUND, l->bound);
	family_write_exemplar(b, BUCKET_EXEMPLAR, l->in->exemplar);
	otlp_build_end(b, begun);
}

static void put_quantile(struct otlp_build *b, const struct line *l)
{
	size_t begun = otlp_build_begin(b, SUMMARY_QUANTILE);

	put_double(b, QUANTILE_AT, l->bound);
	put_double(b, QUANTILE_VALUE, l->in->value);
	otlp_build_end(b, begun);
}

/* Its count, and so its last bucket, which readers make up if it is missing. */
static bool is_told_by_native(const struct family_writer *w, const struct line *l)
{
	bool last = l->part == PART_BUCKET && l->bound > DBL_MAX && l->in->exemplar.size == 0;

	return w->native && (last || l->part == PART_COUNT);
}

static void put_part(struct family_writer *w, struct otlp_build *b, const struct line *l)
{
	bool histogram = w->type == EXPOSITION_HISTOGRAM;

	if (l->in->native.size > 0)
		otlp_build_raw(b, l->in->native);
	else if (is_told_by_native(w, l))
		;
	else if (l->part == PART_BUCKET)
		put_bucket(b, l);
	else if (l->part == PART_SUM)
		put_double(b, histogram ? HISTOGRAM_SUM : SUMMARY_SUM, l->in->value);
	else if (l->part == PART_COUNT)
		put_count(b, histogram ? HISTOGRAM_COUNT : SUMMARY_COUNT, histogram ? HISTOGRAM_COUNT_FLOAT : 0,
			l->in->value);
	else if (w->type == EXPOSITION_SUMMARY)
		put_quantile(b, l);
	else
		put_double(b, PLAIN_VALUE, l->in->value);
	w->native = w->native || l->in->native.size > 0;
	if (w->type == EXPOSITION_COUNTER)
		family_write_exemplar(b, COUNTER_EXEMPLAR, l->in->exemplar);
	if (l->in->has_timestamp && !w->timed) {
		w->timed = true;
		w->time_ms = l->in->timestamp_ms;
	}
}

int family_writer_line(struct family_writer *w, struct buffer *to, const struct exposition_line *in)
{
	struct line l = { .in = in };
	struct otlp_build b;
	int failed = 0;

	OXP_ASSERT(w->family);
	if (!read_head(w, &l))
		return -EINVAL;
	if (!is_complex(w) || !w->metric || w->set != l.set)
		failed = end_metric(w, to);
	if (!failed)
		failed = open_build(to, 2 * (in->head.size + in->exemplar.size) + in->native.size + LINE_BESIDE, &b);
	if (failed)
		return failed;
	if (!w->metric)
		begin_metric(w, &b, &l);
	put_part(w, &b, &l);
	close_build(to, &b);
	return 0;
}

int family_writer_created(struct family_writer *w, struct buffer *to, double seconds)
{
	struct otlp_build b;
	int failed = open_build(to, LINE_BESIDE, &b);

	OXP_ASSERT(w->kind);
	if (failed)
		return failed;
	put_time(&b,
		w->type == EXPOSITION_COUNTER     ? COUNTER_CREATED
		: w->type == EXPOSITION_HISTOGRAM ? HISTOGRAM_CREATED
						  : SUMMARY_CREATED,
		seconds);
	close_build(to, &b);
	return 0;
}

/* Text of our own that becomes families. */
struct reading {
	struct family_writer *writer;
	struct buffer *to;
	struct bytes help; /* as it stands in the text */
	int failed;
};

static int begin_read_family(struct reading *r, const struct exposition_meta *m)
{
	struct buffer help;
	struct family_head head = { .name = m->name, .type = m->type };
	char *plain;
	int failed = family_writer_end(r->writer, r->to);

	buffer_init(&help, r->help.size + 1);
	plain = buffer_reserve(&help, r->help.size + 1);
	if (!plain)
		return -ENOMEM;
	head.help = (struct bytes){ plain, exposition_unescape(r->help, m->format, plain) };
	r->help.size = 0;
	if (!failed)
		failed = family_writer_begin(r->writer, r->to, &head);
	buffer_done(&help);
	return failed;
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	struct reading *r = context;

	if (m->what == EXPOSITION_HELP)
		r->help = m->text;
	else if (m->what == EXPOSITION_TYPE)
		r->failed = begin_read_family(r, m);
	return r->failed;
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct reading *r = context;
	const char *end = s->raw_labels.data ? s->raw_labels.data + s->raw_labels.size + 1 : bytes_end(s->name);
	const struct exposition_line line = {
		.head = { s->name.data, (size_t)(end - s->name.data) },
		.value = s->value,
		.has_timestamp = s->has_timestamp,
		.timestamp_ms = s->timestamp_ms,
		.exemplar = s->exemplar,
	};

	r->failed = family_writer_line(r->writer, r->to, &line);
	OXP_ASSERT(r->failed != -EINVAL);
	return r->failed;
}

int family_writer_text(struct family_writer *w, struct bytes text, enum exposition_format format, struct buffer *to)
{
	static const struct exposition_events events = { on_meta, on_sample };
	struct exposition_parser parser;
	struct reading r = { .writer = w, .to = to };
	enum exposition_fault fault;

	if (text.size == 0)
		return 0;
	exposition_init(&parser, format, &exposition_limits_default, &events, &r);
	fault = exposition_feed(&parser, text.data, text.size);
	OXP_ASSERT(!fault || fault == EXPOSITION_STOPPED);
	exposition_done(&parser);
	return r.failed;
}
