#include "collectors/otlp_labels.h"

#include <math.h> /* isfinite() */

#include "base/text.h"
#include "proto/exposition_number.h"
#include "proto/otlp_any.h"
#include "proto/otlp_line.h"

enum {
	TEXT_MAX = 1 << 20, /* of all labels of a point */
	VALUE_MAX = METER_LABEL_MAX + 1, /* bytes of a value that are kept: enough for the meters to refuse it */
};

void otlp_labels_init(struct otlp_labels *l)
{
	buffer_init(&l->text, TEXT_MAX);
}

void otlp_labels_done(struct otlp_labels *l)
{
	buffer_done(&l->text);
}

void otlp_labels_clear(struct otlp_labels *l)
{
	buffer_clear(&l->text);
	l->count = l->sorted = 0;
	l->more = false;
}

/* Values as texts. (OpenTelemetry specification, "Attribute": numbers as in JSON, arrays and maps as JSON.) */

static int put_text(struct buffer *to, struct bytes text)
{
	char *at;

	if (utf8_valid(text.data, text.size))
		return buffer_append(to, text.data, text.size);
	at = buffer_reserve(to, utf8_mend(text.data, text.size, NULL));
	if (!at)
		return -1;
	to->size += utf8_mend(text.data, text.size, at);
	return 0;
}

static int put_double(struct buffer *to, uint64_t bits)
{
	char text[EXPOSITION_NUMBER_SIZE];
	double value;

	memcpy(&value, &bits, sizeof value);
	return buffer_append(to, text, exposition_number_format(value, text));
}

/* Bytes without the quotes that they have in JSON. */
static int put_json(struct buffer *to, struct bytes any, bool is_bytes)
{
	struct otlp_line line;
	char *at;

	otlp_line_init(&line, json_scan_best(), NULL, 0);
	otlp_line_value(&line, any);
	at = line.broken ? NULL : buffer_reserve(to, line.size);
	if (!at)
		return -1;
	otlp_line_init(&line, json_scan_best(), at, line.size);
	otlp_line_value(&line, any);
	if (is_bytes)
		memmove(at, at + 1, line.size - 2);
	to->size += line.size - (is_bytes ? 2 : 0);
	return 0;
}

static int put_value(struct buffer *to, struct bytes value)
{
	struct otlp_any any = otlp_any_read(value);
	char text[EXPOSITION_NUMBER_SIZE];

	if (any.broken)
		return -1;
	if (any.bytes.size >= VALUE_MAX) /* it will be refused, whatever it says */
		return buffer_append(to, any.bytes.data, VALUE_MAX);
	switch (any.type) {
	case OTLP_VALUE_EMPTY:
		return 0;
	case OTLP_VALUE_TEXT:
		return put_text(to, any.bytes);
	case OTLP_VALUE_BOOL:
		return buffer_text(to, any.number ? "true" : "false");
	case OTLP_VALUE_INT:
		return buffer_append(to, text, exposition_integer_format((int64_t)any.number, text));
	case OTLP_VALUE_DOUBLE:
		return put_double(to, any.number);
	default:
		return put_json(to, value, any.type == OTLP_VALUE_BYTES);
	}
}

/* Attributes. */

static int compare(struct bytes a, struct bytes b)
{
	size_t n = smaller(a.size, b.size);
	int order = n > 0 ? memcmp(a.data, b.data, n) : 0;

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* Into its list, by its key. */
static void insert(struct otlp_labels *l, const struct otlp_labelled *a)
{
	size_t i = l->count++;

	for (; i > l->sorted && compare(a->key, l->attributes[i - 1].key) < 0; i--)
		l->attributes[i] = l->attributes[i - 1];
	l->attributes[i] = *a;
}

/* The name; a prefix is one of a label already. */
static bool put_name(struct otlp_labels *l, struct otlp_labelled *a, const char *prefix)
{
	char *at;

	a->name = l->text.size;
	if (buffer_text(&l->text, prefix))
		return false;
	at = buffer_reserve(&l->text, a->key.size + OTLP_LABEL_EXTRA);
	if (!at)
		return false;
	l->text.size += otlp_label_name(a->key, at);
	a->name_size = l->text.size - a->name;
	return true;
}

static bool is_one_of(struct bytes key, const char *const *names)
{
	for (; names && *names; names++)
		if (bytes_are(key, *names))
			return true;
	return false;
}

/* One without a key is none. */
static bool add(struct otlp_labels *l, struct bytes pair, const char *prefix, const char *const *but)
{
	struct otlp_labelled a = { .joined = false };
	struct bytes value;

	if (otlp_pair_read(pair, &a.key, &value) < 0)
		return false;
	if (a.key.size == 0 || is_one_of(a.key, but))
		return true;
	a.key.size = smaller(a.key.size, VALUE_MAX);
	if (!put_name(l, &a, prefix))
		return false;
	a.value = l->text.size;
	if (put_value(&l->text, value))
		return false;
	a.value_size = l->text.size - a.value;
	insert(l, &a);
	return true;
}

static bool same_name(const struct otlp_labels *l, const struct otlp_labelled *a, const struct otlp_labelled *b)
{
	return a->name_size == b->name_size &&
	       memcmp(l->text.data + a->name, l->text.data + b->name, a->name_size) == 0;
}

/* Makes room before it: the buffer may move. */
static bool append(struct otlp_labels *l, size_t at, size_t size)
{
	char *to = buffer_reserve(&l->text, size);

	if (!to)
		return false;
	memcpy(to, l->text.data + at, size);
	l->text.size += size;
	return true;
}

/* All later ones of its name, which follow in the order of their keys. */
static bool join(struct otlp_labels *l, struct otlp_labelled *a, size_t from)
{
	bool begun = false;
	size_t at = l->text.size;

	for (size_t i = from; i < l->count; i++) {
		struct otlp_labelled *other = &l->attributes[i];
		if (other->joined || !same_name(l, a, other))
			continue;
		if (!begun && !append(l, a->value, a->value_size))
			return false;
		begun = other->joined = true;
		if (buffer_text(&l->text, ";") || !append(l, other->value, other->value_size))
			return false;
	}
	if (begun) {
		a->value = at;
		a->value_size = l->text.size - at;
	}
	return true;
}

bool otlp_labels_read(
	struct otlp_labels *l, struct bytes message, unsigned field, const char *prefix, const char *const *but)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0 && !l->more) {
		if (f.number != field || f.type != WIRE_LENGTH)
			continue;
		l->more = l->count == OTLP_LABELS_MAX;
		if (!l->more && !add(l, f.bytes, prefix, but))
			return false;
	}
	for (size_t i = l->sorted; i < l->count; i++)
		if (!l->attributes[i].joined && !join(l, &l->attributes[i], i + 1))
			return false;
	l->sorted = l->count;
	return more >= 0;
}

bool otlp_labels_put(struct otlp_labels *l, const char *name, struct bytes value)
{
	struct otlp_labelled a = { .name = l->text.size, .name_size = strlen(name) };

	if (value.size == 0)
		return true;
	l->more |= l->count == OTLP_LABELS_MAX;
	if (l->more)
		return true;
	if (buffer_text(&l->text, name))
		return false;
	a.value = l->text.size;
	if (put_text(&l->text, (struct bytes){ value.data, smaller(value.size, VALUE_MAX) }))
		return false;
	a.value_size = l->text.size - a.value;
	l->attributes[l->count++] = a;
	l->sorted = l->count;
	return true;
}

bool otlp_labels_cut(struct otlp_labels *l, size_t count)
{
	if (l->count <= count)
		return false;
	l->count = l->sorted = count;
	l->more = false;
	return true;
}

size_t otlp_labels_make(struct otlp_labels *l)
{
	size_t count = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct otlp_labelled *a = &l->attributes[i];
		if (!a->joined || l->more)
			l->labels[count++] = (struct meter_label){ { l->text.data + a->name, a->name_size },
				{ l->text.data + a->value, a->value_size } };
	}
	return count;
}
