#include "http/h2_head.h"

enum { BAD_REQUEST = 400, TOO_LARGE = 431 };

void h2_head_init(struct h2_head *h)
{
	*h = (struct h2_head){ .wrong = 0 };
	http_head_init(&h->head);
	buffer_init(&h->text, HTTP_HEAD_MAX);
}

void h2_head_done(struct h2_head *h)
{
	buffer_done(&h->text);
}

/* Its place in the text, with a zero behind it. */
static struct http_span put(struct h2_head *h, struct bytes part)
{
	struct http_span span = { (uint16_t)h->text.size, (uint16_t)part.size };
	char *to = buffer_reserve(&h->text, part.size + 1);

	if (!to) {
		h->wrong = TOO_LARGE;
		return (struct http_span){ 0, 0 };
	}
	if (part.size > 0)
		memcpy(to, part.data, part.size);
	to[part.size] = '\0';
	h->text.size += part.size + 1;
	return span;
}

static void put_target(struct h2_head *h, struct bytes target)
{
	const char *mark = target.size ? memchr(target.data, '?', target.size) : NULL;
	size_t size = mark ? (size_t)(mark - target.data) : target.size;

	h->head.path = put(h, (struct bytes){ target.data, size });
	if (mark)
		h->head.query = put(h, (struct bytes){ mark + 1, target.size - size - 1 });
}

static struct bytes text_at(const struct h2_head *h, struct http_span span)
{
	return (struct bytes){ h->text.data + span.at, span.size };
}

/* Two that differ could mean two things to two readers. */
static bool is_other_host(const struct h2_head *h, struct bytes value)
{
	for (unsigned i = 0; i < h->head.fields_count; i++)
		if (bytes_are(text_at(h, h->head.fields[i].name), "host"))
			return !bytes_same_word(text_at(h, h->head.fields[i].value), value);
	return false;
}

static void put_field(struct h2_head *h, struct bytes name, struct bytes value)
{
	struct http_field field;

	if (bytes_are(name, "host") && is_other_host(h, value))
		h->wrong = BAD_REQUEST;
	if (h->head.fields_count == HTTP_FIELDS_MAX)
		h->wrong = TOO_LARGE;
	if (h->wrong)
		return;
	field = (struct http_field){ put(h, name), put(h, value) };
	if (!h->wrong)
		h->head.fields[h->head.fields_count++] = field;
}

void h2_head_add(struct h2_head *h, struct bytes name, struct bytes value)
{
	h->listed += name.size + value.size + H2_FIELD_EXTRA;
	if (h->listed > HTTP_HEAD_MAX)
		h->wrong = TOO_LARGE;
	if (h->wrong)
		return;
	if (bytes_are(name, ":method"))
		h->head.method = put(h, value);
	else if (bytes_are(name, ":path"))
		put_target(h, value);
	else if (bytes_are(name, ":authority"))
		put_field(h, bytes_of("host"), value);
	else if (name.size > 0 && name.data[0] != ':')
		put_field(h, name, value);
}

unsigned h2_head_end(struct h2_head *h, bool ends)
{
	h->head.open_ended = !ends;
	if (!h->wrong && (h->head.method.size == 0 || h->head.path.size == 0))
		h->wrong = BAD_REQUEST;
	return h->wrong;
}
