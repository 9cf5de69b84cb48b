#include "series/escape.h"

#include <errno.h>

struct bytes escape_family(struct series *s, const struct family *f, enum exposition_escaping escaping)
{
	struct bytes name = family_name(f);
	char *to;

	if (!f->quoted)
		return name;
	buffer_clear(&s->names);
	to = buffer_reserve(&s->names, EXPOSITION_ESCAPED_MAX * (name.size + 1));
	if (!to)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ to, exposition_name_escape(name, false, escaping, to) };
}

/* Behind a quote, up to the next that is not escaped. */
static struct bytes quoted(const char *p)
{
	const char *from = p;

	for (; *p != '"'; p++)
		p += *p == '\\';
	return (struct bytes){ from, (size_t)(p - from) };
}

/* Escapes into `names`, which has the room. */
static struct bytes escaped(struct series *s, struct bytes name, bool label, enum exposition_escaping escaping)
{
	char *to = s->names.data + s->names.size;
	size_t size = exposition_name_escape(name, label, escaping, to);

	s->names.size += size;
	return (struct bytes){ to, size };
}

/* The name of a sample: that of its family, and a suffix that stays. */
static struct bytes sample_name(
	struct series *s, const struct family *f, struct bytes name, enum exposition_escaping escaping)
{
	struct bytes family = escaped(s, family_name(f), false, escaping);

	memcpy(s->names.data + s->names.size, name.data + f->size, name.size - f->size);
	s->names.size += name.size - f->size;
	return (struct bytes){ family.data, family.size + name.size - f->size };
}

/* From behind the brace or comma to behind the value. */
static const char *read_label(
	struct series *s, struct bytes rest, struct exposition_label *label, enum exposition_escaping escaping)
{
	const char *p = rest.data;

	if (*p == '"') {
		struct bytes name = quoted(p + 1);
		label->name = escaped(s, name, true, escaping);
		p = name.data + name.size + 1;
	} else {
		const char *equals = memchr(p, '=', rest.size);
		OXP_ASSERT(equals);
		label->name = (struct bytes){ p, (size_t)(equals - p) };
		p = equals;
	}
	label->value = quoted(p + 2);
	return label->value.data + label->value.size + 1;
}

/* As head_render() wrote it. */
static int read_series(
	struct series *s, const struct family *f, struct bytes text, enum exposition_escaping escaping, struct head *h)
{
	const char *p = text.data, *end = p + text.size;
	int failed = 0;

	if (p[0] == '{') {
		struct bytes name = quoted(p + 2);
		h->name = sample_name(s, f, name, escaping);
		p = name.data + name.size + 1;
	} else {
		while (*p != '{')
			p++;
		h->name = (struct bytes){ text.data, (size_t)(p - text.data) };
	}
	while (p + 1 < end && !failed) {
		struct exposition_label label = { .quoted = false };
		p = read_label(s, (struct bytes){ p + 1, (size_t)(end - p) - 1 }, &label, escaping);
		failed = head_insert(h, &label);
	}
	return failed;
}

int escape_series(struct series *s, const struct family *f, const struct entry *e, enum exposition_escaping escaping,
	struct bytes *ret)
{
	struct head h;
	int failed;

	buffer_clear(&s->names);
	if (!buffer_reserve(&s->names, EXPOSITION_ESCAPED_MAX * (e->size + 1)))
		return -ENOMEM;
	h.quoted = false;
	h.labels = h.own;
	h.count = 0;
	failed = read_series(s, f, (struct bytes){ e->text, e->size }, escaping, &h);
	if (failed)
		return failed;
	*ret = head_render(s, &h);
	return ret->data ? 0 : -ENOMEM;
}
