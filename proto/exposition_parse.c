#include "proto/exposition_parse.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "proto/exposition_number.h"

enum { FOUND_MAX = 40 };	/* bytes of the page shown in a fault */

/* What a byte may be part of. */
enum { NAME_FIRST = 1, NAME_REST = 2, LABEL_FIRST = 4, LABEL_REST = 8, ANY_FIRST = 5, ANY_REST = 10 };

static const unsigned char class_of[256] = {
	['a' ... 'z'] = NAME_FIRST | NAME_REST | LABEL_FIRST | LABEL_REST,
	['A' ... 'Z'] = NAME_FIRST | NAME_REST | LABEL_FIRST | LABEL_REST,
	['_'] = NAME_FIRST | NAME_REST | LABEL_FIRST | LABEL_REST,
	['0' ... '9'] = NAME_REST | LABEL_REST,
	[':'] = NAME_FIRST | NAME_REST,
};

/* What is left of a line. */
struct rest { const char *p, *end; };

const struct exposition_limits exposition_limits_default = {
	.line = 256 << 10, .page = 64 << 20, .name = EXPOSITION_NAME_MAX,
};

/* The value of `NAME=` among the parameters behind the first semicolon. */
static struct bytes parameter_of(struct bytes type, const char *name)
{
	size_t size = strlen(name);
	const char *p = memmem(type.data, type.size, name, size), *end = type.data + type.size, *stop;

	if (!p)
		return (struct bytes){ NULL, 0 };
	p += size + (p + size < end && p[size] == '"');
	for (stop = p; stop < end && !strchr("\"; \t", *stop);)
		stop++;
	return (struct bytes){ p, (size_t)(stop - p) };
}

static bool is_or_lacks(struct bytes type, const char *name, const char *value)
{
	struct bytes found = parameter_of(type, name);

	return found.size == 0 || bytes_are(found, value);
}

static bool is_family(struct bytes type)
{
	return media_type_is(type, "application/vnd.google.protobuf") && is_or_lacks(type, "encoding=", "delimited") &&
	       is_or_lacks(type, "proto=", "io.prometheus.client.MetricFamily");
}

enum exposition_format exposition_format(struct bytes type)
{
	struct bytes version;

	if (type.size > 0 && media_type_is(type, "text/plain"))
		return EXPOSITION_TEXT;
	if (type.size > 0 && is_family(type))
		return EXPOSITION_PROTOBUF;
	if (type.size == 0 || !media_type_is(type, "application/openmetrics-text"))
		return EXPOSITION_UNKNOWN;
	version = parameter_of(type, "version=");
	if (version.size == 0 || bytes_are(version, "1.0.0") || bytes_are(version, "0.0.1"))
		return EXPOSITION_OPENMETRICS;
	return EXPOSITION_UNKNOWN;
}

bool exposition_name_valid(struct bytes name, bool label)
{
	if (name.size == 0 || !(class_of[(unsigned char)*name.data] & (label ? LABEL_FIRST : NAME_FIRST)))
		return false;
	for (size_t i = 1; i < name.size; i++)
		if (!(class_of[(unsigned char)name.data[i]] & (label ? LABEL_REST : NAME_REST)))
			return false;
	return true;
}

bool exposition_has_zero(struct bytes text)
{
	return text.size > 0 && memchr(text.data, '\0', text.size);
}

void exposition_init(struct exposition_parser *p, enum exposition_format format, const struct exposition_limits *limits,
	const struct exposition_events *events, void *context)
{
	OXP_ASSERT(format == EXPOSITION_TEXT || format == EXPOSITION_OPENMETRICS);
	memset(p, 0, sizeof *p);
	p->events = events;
	p->context = context;
	p->limits = *limits;
	p->format = format;
	buffer_init(&p->partial, limits->line);
	buffer_init(&p->native, limits->line);
}

void exposition_done(struct exposition_parser *p)
{
	buffer_done(&p->partial);
	buffer_done(&p->native);
}

/* The beginning of `rest`, readable for people. */
static void show(const struct rest *rest, char to[4 * FOUND_MAX + 3])
{
	size_t size = (size_t)(rest->end - rest->p), n = 0;

	to[n++] = '"';
	for (size_t i = 0; i < size && i < FOUND_MAX; i++) {
		unsigned char c = (unsigned char)rest->p[i];
		if (c >= 0x20 && c < 0x7f)
			to[n++] = (char)c;
		else
			n += (size_t)snprintf(to + n, 5, "\\x%02x", c);
	}
	to[n++] = '"';
	to[n] = '\0';
}

/* Always false. `rest` is where it went wrong, or NULL when that says nothing. */
__attribute__((cold)) static bool fail(struct exposition_parser *p, enum exposition_fault fault,
	const struct rest *rest,
	const char *what)
{
	char found[4 * FOUND_MAX + 3] = "end of line";

	p->fault = fault;
	if (rest && rest->p < rest->end)
		show(rest, found);
	if (rest)
		snprintf(p->what, sizeof p->what, "line %llu: %s, found %s", (unsigned long long)p->line, what, found);
	else
		snprintf(p->what, sizeof p->what, "line %llu: %s", (unsigned long long)p->line, what);
	return false;
}

/* Always true: parsing goes on, and the sample is told without what it has. */
__attribute__((cold)) static bool exceed(struct exposition_parser *p, enum exposition_excess excess)
{
	if (!p->excess)
		p->excess = excess;
	return true;
}

static bool is_blank(const struct exposition_parser *p, char c)
{
	return c == ' ' || (c == '\t' && p->format == EXPOSITION_TEXT);
}

static bool at(const struct rest *r, char c)
{
	return r->p < r->end && *r->p == c;
}

/* In text any number of blanks; OpenMetrics has none where they are only allowed. */
static void skip_blanks(const struct exposition_parser *p, struct rest *r)
{
	while (p->format == EXPOSITION_TEXT && r->p < r->end && is_blank(p, *r->p))
		r->p++;
}

/* Between two words: one space in OpenMetrics, one or more blanks in text. */
static bool skip_gap(const struct exposition_parser *p, struct rest *r)
{
	if (r->p == r->end || !is_blank(p, *r->p))
		return false;
	r->p++;
	skip_blanks(p, r);
	return true;
}

/* Up to the next blank. */
static struct bytes read_word(const struct exposition_parser *p, struct rest *r)
{
	const char *from = r->p;

	while (r->p < r->end && !is_blank(p, *r->p))
		r->p++;
	return (struct bytes){ from, (size_t)(r->p - from) };
}

/* As many bytes as may be in a name of the kind that `classes` says. Empty if the first does not fit. */
static struct bytes read_name(struct rest *r, unsigned classes)
{
	const char *from = r->p, *p = from, *end = r->end;

	if (p < end && class_of[(unsigned char)*p] & classes & ANY_FIRST)
		while (++p < end && class_of[(unsigned char)*p] & classes & ANY_REST)
			;
	r->p = p;
	return (struct bytes){ from, (size_t)(p - from) };
}

static bool check_name(struct exposition_parser *p, struct bytes name, const char *what)
{
	if (name.size == 0)
		return fail(p, EXPOSITION_BAD_NAME, NULL, what);
	if (UNLIKELY(exposition_has_zero(name)))
		return fail(p, EXPOSITION_BAD_NAME, NULL, "a name has a zero in it");
	return LIKELY(name.size <= p->limits.name) || exceed(p, EXPOSITION_NAME_SIZE);
}

/* From behind the opening quote to behind the closing one. *ret_escaped is left alone when there is no backslash. */
static bool read_quoted(struct exposition_parser *p, struct rest *r, struct bytes *ret, bool *ret_escaped)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p != '"') {
		if (*r->p++ != '\\')
			continue;
		*ret_escaped = true;
		if (r->p == r->end || (p->format == EXPOSITION_TEXT && !memchr("\\\"n", *r->p, 3)))
			return fail(p, EXPOSITION_BAD_ESCAPE, r, "one of \\\\ \\\" \\n expected");
		r->p++;
	}
	if (r->p == r->end)
		return fail(p, EXPOSITION_BAD_LABEL, r, "closing quote expected");
	*ret = (struct bytes){ from, (size_t)(r->p++ - from) };
	return true;
}

/* Labels being read; `all` has room for EXPOSITION_LABELS_MAX. */
struct label_list {
	struct exposition_label *all;
	size_t count;
	struct bytes name;	/* of the metric, if it was among the labels */
	bool named;
	bool quoted;		/* a label's name is in quotes */
};

/* Keeps the order of the names. */
static bool insert_label(struct exposition_parser *p, struct label_list *list, const struct exposition_label *label)
{
	size_t i = list->count;
	int order = 1;

	if (list->count == EXPOSITION_LABELS_MAX)
		return exceed(p, EXPOSITION_LABELS);
	while (i > 0 && (order = bytes_compare(label->name, list->all[i - 1].name)) < 0)
		i--;
	if (order == 0)
		return fail(p, EXPOSITION_DUPLICATE_LABEL, NULL, "a label is given twice");
	memmove(list->all + i + 1, list->all + i, (list->count - i) * sizeof *label);
	list->all[i] = *label;
	list->count++;
	list->quoted |= label->quoted;
	return true;
}

/* A quoted name without a value is the metric's. */
static bool take_metric_name(struct exposition_parser *p, struct label_list *list, struct bytes name)
{
	if (list->named)
		return fail(p, EXPOSITION_BAD_NAME, NULL, "a second metric name");
	list->name = name;
	list->named = true;
	return check_name(p, name, "metric name expected, found \"\"");
}

static bool read_label_name(struct exposition_parser *p, struct rest *r, struct exposition_label *label)
{
	bool escaped;

	label->quoted = at(r, '"');
	if (label->quoted) {
		r->p++;
		return read_quoted(p, r, &label->name, &escaped);
	}
	label->name = read_name(r, LABEL_FIRST | LABEL_REST);
	return label->name.size > 0 || fail(p, EXPOSITION_BAD_LABEL, r, "label name expected");
}

static bool read_label_value(struct exposition_parser *p, struct rest *r, struct exposition_label *label)
{
	r->p++;
	skip_blanks(p, r);
	if (!at(r, '"'))
		return fail(p, EXPOSITION_BAD_LABEL, r, "label value in quotes expected");
	r->p++;
	label->escaped = false;
	return read_quoted(p, r, &label->value, &label->escaped);
}

static bool read_label(struct exposition_parser *p, struct rest *r, struct label_list *list)
{
	struct exposition_label label;

	if (!read_label_name(p, r, &label))
		return false;
	skip_blanks(p, r);
	if (!at(r, '='))
		return label.quoted ? take_metric_name(p, list, label.name) : fail(p, EXPOSITION_BAD_LABEL, r,
			"= expected");
	if (!check_name(p, label.name, "label name expected, found \"\""))
		return false;
	if (bytes_are(label.name, "__name__"))
		return fail(p, EXPOSITION_BAD_LABEL, NULL, "__name__ is not a label");
	return read_label_value(p, r, &label) && insert_label(p, list, &label);
}

/* Behind a label: a comma, or the end. OpenMetrics wants a label behind the comma. */
static bool read_comma(struct exposition_parser *p, struct rest *r)
{
	skip_blanks(p, r);
	if (!at(r, ','))
		return at(r, '}') || fail(p, EXPOSITION_BAD_LABEL, r, ", or } expected");
	r->p++;
	skip_blanks(p, r);
	if (p->format == EXPOSITION_OPENMETRICS && at(r, '}'))
		return fail(p, EXPOSITION_BAD_LABEL, r, "label name expected");
	return true;
}

/* From the opening brace to behind the closing one; *ret_raw is what stands between them. */
static bool read_labels(struct exposition_parser *p, struct rest *r, struct label_list *list, struct bytes *ret_raw)
{
	const char *from = ++r->p;

	skip_blanks(p, r);
	while (!at(r, '}'))
		if (!read_label(p, r, list) || !read_comma(p, r))
			return false;
	*ret_raw = (struct bytes){ from, (size_t)(r->p++ - from) };
	return true;
}

/* Name and labels. */
static bool read_head(struct exposition_parser *p, struct rest *r, struct exposition_sample *s, struct label_list *list)
{
	const char *from = r->p;

	s->head = s->name = read_name(r, NAME_FIRST | NAME_REST);
	list->named = s->name.size > 0;
	if (list->named && !check_name(p, s->name, ""))
		return false;
	skip_blanks(p, r);
	if (at(r, '{')) {
		if (!read_labels(p, r, list, &s->raw_labels))
			return false;
		s->head.size = (size_t)(r->p - from);
		s->quoted = s->name.size == 0;
	} else if (list->named && !(r->p < r->end && is_blank(p, *r->p)) && r->p == s->name.data + s->name.size) {
		return fail(p, EXPOSITION_BAD_NAME, r, "{ or a value expected behind the name");
	}
	if (!list->named)
		return fail(p, EXPOSITION_BAD_NAME, &(struct rest){ from, r->end }, "metric name expected");
	if (s->quoted)
		s->name = list->name;
	s->label_count = list->count;
	s->quoted_label = list->quoted;
	return true;
}

/* What stands between two texts of the word, of which the second may be empty: all up to its end. */
static struct bytes between(struct bytes word, const char *before, const char *behind)
{
	const char *from = memmem(word.data, word.size, before, strlen(before)), *end = bytes_end(word), *to;

	if (!from)
		return (struct bytes){ NULL, 0 };
	from += strlen(before);
	to = memmem(from, (size_t)(end - from), behind, strlen(behind));
	return (struct bytes){ from, to ? (size_t)(to - from) : 0 };
}

/* As exposition_write_native() has it. */
static bool read_native(struct exposition_parser *p, struct bytes word, struct exposition_sample *s)
{
	struct bytes sum = between(word, "{sum:", ","), text = between(word, ",native:", "}");
	char *to = buffer_reserve(&p->native, text.size + 1);
	size_t size = 0;

	if (!to)
		return fail(p, EXPOSITION_NO_MEMORY, NULL, "out of memory");
	if (text.size == 0 || !exposition_number_parse(sum, &s->value) ||
		base64_parse(text, to, text.size, &size) < text.size - smaller(text.size, 2))
		return fail(p, EXPOSITION_BAD_VALUE, NULL, "a native histogram expected");
	s->native = (struct bytes){ to, size };
	return true;
}

static bool read_value(struct exposition_parser *p, struct rest *r, struct exposition_sample *s)
{
	struct rest from;

	if (p->format == EXPOSITION_OPENMETRICS && !skip_gap(p, r))
		return fail(p, EXPOSITION_BAD_VALUE, r, "a space and a value expected");
	skip_blanks(p, r);
	from = *r;
	s->value_text = read_word(p, r);
	if (UNLIKELY(p->natives && at(&from, '{')))
		return read_native(p, s->value_text, s);
	if (s->value_text.size > EXPOSITION_NUMBER_MAX)
		return exceed(p, EXPOSITION_NUMBER_LENGTH);
	return exposition_number_parse(s->value_text, &s->value) || fail(p, EXPOSITION_BAD_VALUE, &from,
		"value expected");
}

/* Seconds with a fraction, as milliseconds; what is beyond them ends there. */
static bool seconds_parse(struct bytes text, int64_t *ret_ms)
{
	double seconds;

	if (!exposition_number_parse(text, &seconds) || isnan(seconds))
		return false;
	if (seconds > -9e15 && seconds < 9e15)
		*ret_ms = (int64_t)(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5));
	else
		*ret_ms = seconds < 0 ? INT64_MIN : INT64_MAX;
	return true;
}

static bool timestamp_parse(const struct exposition_parser *p, struct bytes text, int64_t *ret_ms)
{
	return p->format == EXPOSITION_TEXT ? exposition_integer_parse(text, ret_ms) : seconds_parse(text, ret_ms);
}

/* As they are meant: an escape is one. */
static size_t characters(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++) {
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
		i += text.data[i] == '\\';
	}
	return count;
}

/* Whether every reader takes it: Prometheus refuses a page for a time without end, and for a zero. */
static bool exemplar_fits(const struct label_list *list, struct bytes text, int64_t at_ms)
{
	size_t count = 0;

	if (exposition_has_zero(text))
		return false;
	for (size_t i = 0; i < list->count; i++)
		count += characters(list->all[i].name) + characters(list->all[i].value);
	return count <= EXPOSITION_EXEMPLAR_CHARACTERS && text.size <= EXPOSITION_EXEMPLAR_MAX && at_ms > INT64_MIN &&
	       at_ms < INT64_MAX;
}

/* `{labels} value [timestamp]` and the end of the line; kept as it is written. One beyond a ceiling is left out. */
static bool read_exemplar(struct exposition_parser *p, struct rest *r, struct exposition_sample *s)
{
	struct exposition_label labels[EXPOSITION_LABELS_MAX];
	struct label_list list = { .all = labels };
	struct exposition_sample unused = { 0 };
	enum exposition_excess before = p->excess;
	const char *from = r->p;
	struct bytes text;

	if (!at(r, '{'))
		return fail(p, EXPOSITION_BAD_EXEMPLAR, r, "labels of the exemplar expected");
	if (!read_labels(p, r, &list, &unused.raw_labels))
		return false;
	if (list.named)
		return fail(p, EXPOSITION_BAD_EXEMPLAR, NULL, "an exemplar has no name");
	if (!read_value(p, r, &unused))
		return false;
	if (skip_gap(p, r) && !timestamp_parse(p, read_word(p, r), &unused.timestamp_ms))
		return fail(p, EXPOSITION_BAD_EXEMPLAR, NULL, "timestamp of the exemplar expected");
	text = (struct bytes){ from, (size_t)(r->p - from) };
	if (p->excess == before && exemplar_fits(&list, text, unused.timestamp_ms))
		s->exemplar = text;
	p->excess = before;
	return true;
}

/* What may follow the value: a timestamp, in OpenMetrics also ` # ` and an exemplar. */
static bool read_tail(struct exposition_parser *p, struct rest *r, struct exposition_sample *s)
{
	bool exemplars = p->format == EXPOSITION_OPENMETRICS, gap = skip_gap(p, r);
	struct rest from = *r;

	if (gap && r->p < r->end && !(exemplars && *r->p == '#')) {
		if (!timestamp_parse(p, read_word(p, r), &s->timestamp_ms))
			return fail(p, EXPOSITION_BAD_TIMESTAMP, &from, "timestamp expected");
		s->has_timestamp = true;
		gap = skip_gap(p, r);
	}
	if (exemplars && gap && at(r, '#')) {
		r->p++;
		if (!skip_gap(p, r))
			return fail(p, EXPOSITION_BAD_EXEMPLAR, r, "a space and an exemplar expected");
		if (!read_exemplar(p, r, s))
			return false;
		gap = false;
	}
	if (r->p < r->end || (gap && exemplars))
		return fail(p, EXPOSITION_TRAILING, r, "end of line expected");
	return true;
}

/* Behind the head. */
static bool take_rest(struct exposition_parser *p, struct rest *r, struct exposition_sample *s)
{
	if (!read_value(p, r, s))
		return false;
	if (r->p < r->end && !read_tail(p, r, s))
		return false;
	if (UNLIKELY(p->excess))
		*s = (struct exposition_sample){
			.name = s->name, .quoted = s->quoted, .excess = p->excess, .known = s->known
		};
	return p->events->sample(p->context, s) == 0 || fail(p, EXPOSITION_STOPPED, NULL, "stopped");
}

static bool take_sample(struct exposition_parser *p, struct rest *r)
{
	struct exposition_label labels[EXPOSITION_LABELS_MAX];
	struct label_list list = { .all = labels };
	struct exposition_sample s = { .labels = labels };

	return read_head(p, r, &s, &list) && take_rest(p, r, &s);
}

/* Behind a known head: one space and a value. Anything else is left to read_head(), such as labels behind a blank. */
static bool goes_on(const char *p, const char *end)
{
	return end - p > 1 && p[0] == ' ' && p[1] != ' ' && p[1] != '\t' && p[1] != '{';
}

/* How many bytes of the line are a head that need not be read. */
static size_t known_head(const struct exposition_parser *p, struct bytes line)
{
	size_t size = 0;

	if (p->events->known && line.size > 0 && *line.data != '#')
		size = p->events->known(p->context, line);
	return size > 0 && goes_on(line.data + size, bytes_end(line)) ? size : 0;
}

static bool take_known(struct exposition_parser *p, struct rest r)
{
	struct exposition_sample s = { .known = true };

	return take_rest(p, &r, &s);
}

static bool type_of(struct bytes word, enum exposition_type *ret)
{
	static const struct { const char *word; enum exposition_type type; } rows[] = {
		{ "counter", EXPOSITION_COUNTER }, { "gauge", EXPOSITION_GAUGE }, { "histogram", EXPOSITION_HISTOGRAM },
		{ "summary", EXPOSITION_SUMMARY }, { "untyped", EXPOSITION_UNTYPED }, { "unknown", EXPOSITION_UNTYPED },
		{ "info", EXPOSITION_INFO }, { "stateset", EXPOSITION_STATESET },
		{ "gaugehistogram", EXPOSITION_GAUGEHISTOGRAM },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (bytes_are(word, rows[i].word)) {
			*ret = rows[i].type;
			return true;
		}
	return false;
}

static bool read_family_name(struct exposition_parser *p, struct rest *r, struct exposition_meta *m)
{
	bool escaped;

	m->quoted = at(r, '"');
	if (m->quoted) {
		r->p++;
		return read_quoted(p, r, &m->name, &escaped) && check_name(p, m->name,
			"metric name expected, found \"\"");
	}
	m->name = read_name(r, NAME_FIRST | NAME_REST);
	if (m->name.size == 0 || (r->p < r->end && !is_blank(p, *r->p)))
		return fail(p, EXPOSITION_BAD_NAME, r, "metric name expected");
	return check_name(p, m->name, "");
}

static bool read_type(struct exposition_parser *p, struct rest *r, struct exposition_meta *m)
{
	struct rest from = *r;

	m->text = read_word(p, r);
	if (!type_of(m->text, &m->type))
		return fail(p, EXPOSITION_BAD_TYPE, &from, "type expected");
	skip_blanks(p, r);
	return r->p == r->end || fail(p, EXPOSITION_TRAILING, r, "end of line expected");
}

static bool take_meta(struct exposition_parser *p, struct rest *r, enum exposition_what what)
{
	struct exposition_meta m = { .format = p->format, .what = what };

	if (!read_family_name(p, r, &m))
		return false;
	if (!skip_gap(p, r) && (what == EXPOSITION_TYPE || r->p < r->end))
		return fail(p, EXPOSITION_BAD_LINE, r, "a blank expected");
	if (what == EXPOSITION_TYPE && !read_type(p, r, &m))
		return false;
	if (what != EXPOSITION_TYPE)
		m.text = (struct bytes){ r->p, (size_t)(r->end - r->p) };
	if (p->excess) /* nor has its family any sample that fits */
		return true;
	return p->events->meta(p->context, &m) == 0 || fail(p, EXPOSITION_STOPPED, NULL, "stopped");
}

/* In text, anything that is not known to be metadata is a comment; so is a bare `# HELP`. */
static bool take_text_comment(struct exposition_parser *p, struct rest *r)
{
	struct bytes word;
	bool help;

	r->p++;
	skip_blanks(p, r);
	word = read_word(p, r);
	help = bytes_are(word, "HELP");
	if (!help && !bytes_are(word, "TYPE"))
		return true;
	skip_blanks(p, r);
	return r->p == r->end || take_meta(p, r, help ? EXPOSITION_HELP : EXPOSITION_TYPE);
}

static bool starts_with(const struct rest *r, const char *word, size_t size)
{
	return (size_t)(r->end - r->p) >= size && memcmp(r->p, word, size) == 0;
}

static bool take_openmetrics_comment(struct exposition_parser *p, struct rest *r)
{
	static const char *const words[] = {
		[EXPOSITION_HELP] = "# HELP ", [EXPOSITION_TYPE] = "# TYPE ", [EXPOSITION_UNIT] = "# UNIT ",
	};

	if (starts_with(r, "# EOF", 5) && r->end - r->p == 5)
		return p->ended = true;
	for (unsigned i = 0; i < COUNT_OF(words); i++)
		if (starts_with(r, words[i], 7)) {
			r->p += 7;
			return take_meta(p, r, (enum exposition_what)i);
		}
	return fail(p, EXPOSITION_BAD_LINE, r, "# HELP, # TYPE, # UNIT or # EOF expected");
}

static bool take_line(struct exposition_parser *p, struct bytes line)
{
	struct rest r = { line.data, bytes_end(line) };
	bool text = p->format == EXPOSITION_TEXT;
	size_t known = known_head(p, line);

	p->line++;
	p->excess = EXPOSITION_FITS;
	if (!utf8_valid(line.data + known, line.size - known))
		return fail(p, EXPOSITION_BAD_UTF8, NULL, "not UTF-8");
	if (LIKELY(known))
		return take_known(p, (struct rest){ line.data + known, r.end });
	skip_blanks(p, &r);
	if (r.p == r.end)
		return text || fail(p, EXPOSITION_BAD_LINE, &r, "sample or metadata expected");
	if (*r.p != '#')
		return take_sample(p, &r);
	return text ? take_text_comment(p, &r) : take_openmetrics_comment(p, &r);
}

/* Whether `more` bytes of the current line still fit. */
static bool page_has_room(struct exposition_parser *p, size_t more)
{
	if (LIKELY(more <= p->limits.page - p->bytes))
		return true;
	p->line++;
	return fail(p, EXPOSITION_PAGE_SIZE, NULL, "the page is too long");
}

static bool add_partial(struct exposition_parser *p, const char *data, size_t size)
{
	if (LIKELY(buffer_append(&p->partial, data, size) == 0))
		return true;
	p->line++;
	return fail(p, EXPOSITION_NO_MEMORY, NULL, "out of memory");
}

/* From here on, the line is looked at no more. `data` is what follows its first part. */
__attribute__((cold)) static void begin_skipping(struct exposition_parser *p, struct bytes data)
{
	struct rest first = { p->partial.data, bytes_end(buffer_bytes(&p->partial)) };
	struct rest more = { data.data, bytes_end(data) };

	skip_blanks(p, &first);
	skip_blanks(p, &more);
	p->comment = at(first.p < first.end ? &first : &more, '#');
	p->skipping = true;
	buffer_clear(&p->partial);
}

/* Whatever it had. */
__attribute__((cold)) static void end_skipping(struct exposition_parser *p)
{
	static const struct exposition_sample sample = { .excess = EXPOSITION_LINE_SIZE };

	p->line++;
	p->skipping = false;
	if (!p->comment && p->events->sample(p->context, &sample) != 0)
		fail(p, EXPOSITION_STOPPED, NULL, "stopped");
}

static void end_line(struct exposition_parser *p, struct bytes last)
{
	if (UNLIKELY(p->skipping))
		end_skipping(p);
	else
		take_line(p, p->partial.size > 0 ? buffer_bytes(&p->partial) : last);
	buffer_clear(&p->partial);
}

/* Takes what comes before the next line feed, and returns what comes behind it. */
static const char *feed_line(struct exposition_parser *p, const char *data, const char *end)
{
	const char *feed = memchr(data, '\n', (size_t)(end - data)), *stop = feed ? feed : end;
	struct bytes part = { data, (size_t)(stop - data) };

	if (!page_has_room(p, part.size))
		return end;
	p->bytes += part.size;
	if (!p->skipping && UNLIKELY(part.size > p->limits.line - p->partial.size))
		begin_skipping(p, part);
	if (!p->skipping && (!feed || p->partial.size > 0) && !add_partial(p, part.data, part.size))
		return end;
	if (!feed)
		return end;
	end_line(p, part);
	if (!p->fault && p->bytes++ == p->limits.page)
		fail(p, EXPOSITION_PAGE_SIZE, NULL, "the page is too long");
	return feed + 1;
}

enum exposition_fault exposition_feed(struct exposition_parser *p, const char *data, size_t size)
{
	const char *end = data + size;

	while (data < end && !p->fault) {
		if (!p->ended) {
			data = feed_line(p, data, end);
			continue;
		}
		p->line++;
		fail(p, EXPOSITION_TRAILING, &(struct rest){ data, data + 1 }, "nothing expected behind # EOF");
	}
	return p->fault;
}

enum exposition_fault exposition_end(struct exposition_parser *p)
{
	if (!p->fault && (p->partial.size > 0 || p->skipping))
		end_line(p, (struct bytes){ NULL, 0 });
	if (!p->fault && p->format == EXPOSITION_OPENMETRICS && !p->ended) {
		p->line++;
		fail(p, EXPOSITION_CUT, NULL, "# EOF expected, found the end");
	}
	return p->fault;
}
