#include "collectors/otlp_exemplars.h"

#include <math.h> /* isfinite() */

#include "base/text.h"
#include "proto/exposition_write.h"

enum { ID_MAX = 16, ATTRIBUTES = OTLP_EXEMPLAR_ATTRIBUTES };

/* What is written: never full, since what does not fit is left out before. */
struct text {
	char data[EXPOSITION_EXEMPLAR_MAX];
	size_t size, characters;
};

static size_t characters(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return count;
}

static void put(struct text *t, struct bytes text)
{
	memcpy(t->data + t->size, text.data, text.size);
	t->size += text.size;
}

static void put_escaped(struct text *t, struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '\\' || c == '"' || c == '\n')
			t->data[t->size++] = '\\';
		t->data[t->size++] = c == '\n' ? 'n' : c;
	}
}

/* One that does not fit, or that nobody could read, is left out. */
static void put_label(struct text *t, struct bytes name, struct bytes value)
{
	size_t count = characters(name) + characters(value);

	if (exposition_has_zero(value) || t->characters + count > EXPOSITION_EXEMPLAR_CHARACTERS ||
		name.size + 2 * value.size + 4 > sizeof t->data - 2 * EXPOSITION_NUMBER_SIZE - 4 - t->size)
		return;
	t->characters += count;
	if (t->size > 1)
		put(t, bytes_of(","));
	put(t, name);
	put(t, bytes_of("=\""));
	put_escaped(t, value);
	put(t, bytes_of("\""));
}

/* As hex. An id of zeros is none. */
static void put_id(struct text *t, const char *name, struct bytes id, size_t size)
{
	static const char none[ID_MAX];
	char hex[2 * ID_MAX + 1];

	if (id.size != size || memcmp(id.data, none, size) == 0)
		return;
	hex_format(id.data, size, hex);
	put_label(t, bytes_of(name), (struct bytes){ hex, 2 * size });
}

static bool is_taken(const struct otlp_labels *l, size_t i)
{
	struct bytes name = l->labels[i].name;

	for (size_t k = 0; k < i; k++)
		if (bytes_equal(l->labels[k].name, name))
			return true;
	return bytes_are(name, "trace_id") || bytes_are(name, "span_id");
}

static void put_number(struct text *t, double value)
{
	t->size += exposition_number_format(value, t->data + t->size);
}

static void write_exemplar(struct text *t, const struct otlp_exemplar *e, struct otlp_labels *scratch)
{
	size_t count = 0;

	t->size = t->characters = 0;
	put(t, bytes_of("{"));
	put_id(t, "trace_id", e->trace_id, ID_MAX);
	put_id(t, "span_id", e->span_id, ID_MAX / 2);
	otlp_labels_clear(scratch);
	if (otlp_labels_read(scratch, e->message, ATTRIBUTES, "", NULL))
		count = otlp_labels_make(scratch);
	for (size_t i = 0; i < count; i++)
		if (scratch->labels[i].value.size > 0 && !is_taken(scratch, i))
			put_label(t, scratch->labels[i].name, scratch->labels[i].value);
	put(t, bytes_of("} "));
	put_number(t, e->value);
	if (e->time_ns == 0)
		return;
	put(t, bytes_of(" "));
	t->size += exposition_seconds_format((int64_t)(e->time_ns / 1000000), t->data + t->size);
}

void otlp_exemplars_take(
	struct meters *meters, struct meter *meter, const struct otlp_point *p, struct otlp_labels *scratch)
{
	struct wire at = wire_of(p->message);
	struct otlp_exemplar e;
	struct text text;

	for (int i = 0; i < OTLP_EXEMPLARS_MAX && otlp_exemplar_next(p, &at, &e); i++) {
		if (!isfinite(e.value))
			continue;
		write_exemplar(&text, &e, scratch);
		meter_exemplar(meters, meter, e.value, (struct bytes){ text.data, text.size });
	}
}
