#include "proto/statsd.h"

#include <math.h> /* isfinite() */

#include "base/text.h"
#include "proto/exposition_number.h"

const char *statsd_fault_name(enum statsd_fault fault)
{
	static const char *const names[STATSD_FAULTS] = {
		[STATSD_FINE] = "none",
		[STATSD_BAD_UTF8] = "bad_utf8",
		[STATSD_BAD_LINE] = "bad_line",
		[STATSD_BAD_TYPE] = "bad_type",
		[STATSD_BAD_VALUE] = "bad_value",
		[STATSD_BAD_RATE] = "bad_rate",
		[STATSD_BAD_FIELD] = "bad_field",
		[STATSD_BAD_TIMESTAMP] = "bad_timestamp",
		[STATSD_MIXED] = "mixed_tags",
		[STATSD_BAD_EVENT] = "bad_event",
		[STATSD_BAD_CHECK] = "bad_check",
	};

	return names[fault];
}

static struct bytes from(struct bytes b, size_t at)
{
	return (struct bytes){ b.data + at, b.size - at };
}

static bool begins_with(struct bytes b, const char *text)
{
	size_t size = strlen(text);

	return b.size >= size && memcmp(b.data, text, size) == 0;
}

/* Up to the first of these two bytes, or all of it. */
static size_t up_to(struct bytes b, char stop, char other)
{
	size_t i = 0;

	while (i < b.size && b.data[i] != stop && b.data[i] != other)
		i++;
	return i;
}

/* Takes everything before the byte, and the byte itself. False: it is not there. */
static bool take_to(struct bytes *b, char stop, struct bytes *ret)
{
	const char *at = b->size > 0 ? memchr(b->data, stop, b->size) : NULL;

	if (!at)
		return false;
	*ret = (struct bytes){ b->data, (size_t)(at - b->data) };
	*b = from(*b, ret->size + 1);
	return true;
}

/* Events and service checks. */

/* Takes the digits before `stop`, which are a number below a thousand million. */
static bool take_count(struct bytes *b, char stop, size_t *ret)
{
	struct bytes digits;
	uint64_t count;

	if (!take_to(b, stop, &digits) || digits.size > 9 || !u64_parse(digits, &count))
		return false;
	*ret = (size_t)count;
	return true;
}

/* {title,text}:TITLE|TEXT|…, with the sizes in bytes. */
static bool is_event(struct bytes b)
{
	size_t title, text;

	b = from(b, 1);
	if (!take_count(&b, ',', &title) || !take_count(&b, '}', &text))
		return false;
	if (b.size < 2 + title + text || title == 0 || b.data[0] != ':' || b.data[1 + title] != '|')
		return false;
	b = from(b, 2 + title + text);
	return b.size == 0 || b.data[0] == '|';
}

/* NAME|STATUS|… */
static bool is_check(struct bytes b)
{
	struct bytes name;

	return take_to(&b, '|', &name) && name.size > 0 && b.size > 0 && b.data[0] >= '0' && b.data[0] <= '3' &&
	       (b.size == 1 || b.data[1] == '|');
}

/* Lines. */

/* Splits the tags off the name. */
static void split_name(struct statsd_line *l)
{
	struct bytes name = l->head;
	const char *open = memchr(name.data, '[', name.size), *close = memchr(name.data, ']', name.size);
	size_t at;

	l->name = name;
	if (open && close > open) {
		l->name = (struct bytes){ name.data, (size_t)(open - name.data) };
		l->name_tags = (struct bytes){ open + 1, (size_t)(close - open) - 1 };
		l->name_rest = from(name, (size_t)(close - name.data) + 1);
		return;
	}
	if (open || close)
		return; /* they belong to the name */
	at = up_to(name, '#', ',');
	if (at == name.size)
		return;
	l->name = (struct bytes){ name.data, at };
	l->name_tags = from(name, at + 1);
}

enum statsd_fault statsd_line_read(struct bytes line, struct statsd_line *ret)
{
	struct statsd_line l = { .kind = STATSD_METRIC, .left = line };

	if (!utf8_valid(line.data, line.size))
		return STATSD_BAD_UTF8;
	if (begins_with(line, "_e{") || begins_with(line, "_sc|")) {
		l.kind = line.data[1] == 'e' ? STATSD_EVENT : STATSD_CHECK;
		l.left = from(line, l.kind == STATSD_EVENT ? 2 : 4);
		*ret = l;
		if (l.kind == STATSD_EVENT)
			return is_event(l.left) ? STATSD_FINE : STATSD_BAD_EVENT;
		return is_check(l.left) ? STATSD_FINE : STATSD_BAD_CHECK;
	}
	if (!take_to(&l.left, ':', &l.head) || l.head.size == 0 || l.left.size == 0 ||
		!memchr(l.left.data, '|', l.left.size))
		return STATSD_BAD_LINE;
	split_name(&l);
	if (l.name.size + l.name_rest.size == 0)
		return STATSD_BAD_LINE;
	l.tagged = memmem(l.left.data, l.left.size, "|#", 2);
	if (l.tagged && l.name_tags.size > 0)
		return STATSD_MIXED;
	*ret = l;
	return STATSD_FINE;
}

/* Samples. */

static bool read_type(struct bytes text, enum statsd_type *ret)
{
	static const char *const types[] = {
		[STATSD_COUNTER] = "c",
		[STATSD_GAUGE] = "g",
		[STATSD_TIMER] = "ms",
		[STATSD_HISTOGRAM] = "h",
		[STATSD_DISTRIBUTION] = "d",
		[STATSD_SET] = "s",
	};

	for (unsigned i = 0; i < COUNT_OF(types); i++)
		if (bytes_are(text, types[i])) {
			*ret = (enum statsd_type)i;
			return true;
		}
	return false;
}

static enum statsd_fault read_rate(struct bytes text, struct statsd_sample *s)
{
	if (!exposition_number_parse(text, &s->rate) || !(s->rate >= STATSD_RATE_MIN && s->rate <= 1))
		return STATSD_BAD_RATE;
	return STATSD_FINE;
}

static enum statsd_fault read_timestamp(struct bytes text, struct statsd_sample *s)
{
	uint64_t seconds;

	if (!u64_parse(text, &seconds) || seconds == 0 || seconds > INT64_MAX)
		return STATSD_BAD_TIMESTAMP;
	s->timestamp = (int64_t)seconds;
	return STATSD_FINE;
}

static enum statsd_fault read_text(struct bytes text, struct bytes *ret)
{
	if (text.size == 0 || ret->data)
		return STATSD_BAD_FIELD;
	*ret = text;
	return STATSD_FINE;
}

static enum statsd_fault read_field(struct bytes field, struct statsd_sample *s)
{
	if (begins_with(field, "@"))
		return read_rate(from(field, 1), s);
	if (begins_with(field, "T"))
		return read_timestamp(from(field, 1), s);
	if (begins_with(field, "c:"))
		return read_text(from(field, 2), &s->container);
	if (begins_with(field, "e:"))
		return read_text(from(field, 2), &s->external);
	if (begins_with(field, "card:"))
		return read_text(from(field, 5), &s->cardinality);
	if (!begins_with(field, "#") || s->tags.data)
		return STATSD_BAD_FIELD;
	s->tags = from(field, 1);
	return STATSD_FINE;
}

/* Whether a colon in the field belongs to it. Elsewhere another sample begins behind it. */
static bool has_colons(struct bytes field)
{
	return begins_with(field, "#") || begins_with(field, "c:") || begins_with(field, "e:") ||
	       begins_with(field, "card:");
}

/* Reads what follows the value, up to the end of the sample. */
static enum statsd_fault read_fields(struct bytes *left, struct statsd_sample *s)
{
	enum statsd_fault fault = STATSD_FINE;
	size_t size = up_to(*left, '|', ':');
	struct bytes field = { left->data, size };

	if (!read_type(field, &s->type))
		fault = STATSD_BAD_TYPE;
	*left = from(*left, size);
	while (left->size > 0 && left->data[0] == '|') {
		enum statsd_fault found;
		*left = from(*left, 1);
		size = up_to(*left, '|', has_colons(*left) ? '|' : ':');
		field = (struct bytes){ left->data, size };
		found = read_field(field, s);
		fault = fault ? fault : found;
		*left = from(*left, size);
	}
	return fault;
}

bool statsd_sample_next(struct statsd_line *l, struct statsd_sample *ret, enum statsd_fault *ret_fault)
{
	*ret = (struct statsd_sample){ .rate = 1 };
	if (l->kind != STATSD_METRIC || !l->left.data)
		return false;
	if (!take_to(&l->left, '|', &ret->values)) {
		l->left = (struct bytes){ NULL, 0 };
		*ret_fault = STATSD_BAD_LINE;
		return true;
	}
	*ret_fault = read_fields(&l->left, ret);
	if (l->left.size > 0 && l->tagged) {
		*ret_fault = STATSD_MIXED;
		l->left.size = 0;
	}
	l->left = l->left.size > 0 ? from(l->left, 1) : (struct bytes){ NULL, 0 };
	return true;
}

/* Values and tags. */

bool statsd_value_next(struct bytes *values, struct bytes *ret)
{
	if (!values->data)
		return false;
	if (take_to(values, ':', ret))
		return true;
	*ret = *values;
	*values = (struct bytes){ NULL, 0 };
	return true;
}

bool statsd_number(struct bytes value, double *ret, bool *ret_relative)
{
	double number;

	if (!exposition_number_parse(value, &number) || !isfinite(number))
		return false;
	*ret = number;
	*ret_relative = value.data[0] == '+' || value.data[0] == '-';
	return true;
}

bool statsd_tag_next(struct bytes *tags, char separator, struct statsd_tag *ret)
{
	struct bytes tag;

	if (!tags->data || tags->size == 0)
		return false;
	if (!take_to(tags, ',', &tag)) {
		tag = *tags;
		*tags = (struct bytes){ NULL, 0 };
	}
	if (separator == ':' && begins_with(tag, "#"))
		tag = from(tag, 1);
	*ret = (struct statsd_tag){ .value = tag };
	if (!take_to(&ret->value, separator, &ret->name))
		*ret = (struct statsd_tag){ .name = tag };
	return true;
}

static bool is_classic(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

size_t statsd_name_escape(struct bytes name, char *to)
{
	size_t size = 0;
	char last = '\0';

	if (name.size > 0 && name.data[0] >= '0' && name.data[0] <= '9')
		to[size++] = '_';
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		bool continues = ((unsigned char)c & 0xc0) == 0x80; /* of a character in UTF-8 */
		if (is_classic(c))
			to[size++] = c;
		else if (!continues && !(c == '-' && last == '-'))
			to[size++] = '_';
		last = c;
	}
	return size;
}
