#include "collectors/line_envelope.h"

#include <string.h>

#include "base/text.h"
#include "collectors/line_origin.h"
#include "proto/bulk_line.h"
#include "proto/log_time.h"

void line_envelope_put(struct writer *w, const struct line_message *m)
{
	if (m->time.size > 0) {
		writer_text(w, "\"@timestamp\":\"");
		writer_bytes(w, m->time);
		writer_text(w, "\",");
	}
	if (m->stream) {
		writer_text(w, "\"oxpecker.stream\":\"");
		writer_text(w, log_stream_name(m->stream));
		writer_text(w, "\",");
	}
	if (m->extra.size > 0) {
		writer_bytes(w, m->extra);
		writer_text(w, ",");
	}
}

/* Whether the object has a member of that name, however it is spelt. */
static bool has(const struct json_scan *scan, const struct line_message *m, struct bytes name)
{
	struct bytes value;

	for (size_t i = 0; i < m->object->count; i++) {
		const struct json_member *member = &m->object->members[i];
		if (member->name_size != name.size && !member->name_escaped)
			continue;
		if (json_name_is((struct bytes){ m->text.data + member->name, member->name_size }, name, false))
			return true;
	}
	return m->object->more && json_find(scan, m->text, name, &value);
}

/* Those members of `extra` that the object does not have. */
static void put_extra(struct writer *to, const struct json_scan *scan, const struct line_message *m)
{
	struct json_walk w = json_walk_of(scan, m->extra);

	for (enum json_token t; (t = json_walk_next(&w)) != TOKEN_END;) {
		struct bytes name = w.text;
		const char *from = w.at;
		if (t != TOKEN_NAME || !json_walk_value(&w) || has(scan, m, name))
			continue;
		writer_bytes(to, (struct bytes){ from, (size_t)(w.p - from) });
		writer_text(to, ",");
	}
}

/* The runtime's time, if the object says none: `known` keeps it, or it goes where the object's blank one stands. */
static void set_time(const struct json_scan *scan, const struct line_message *m, struct line_message *known,
	struct line_envelope *ret)
{
	const struct json_member *member;
	struct log_time t;

	if (m->time.size == 0)
		return;
	log_time_look(&t, scan, m->text.data, m->object);
	if (t.at >= 0 || t.named >= 0 || (m->object->more && has(scan, m, bytes_of("@timestamp"))))
		known->time.size = 0;
	if (t.at >= 0 || t.named < 0 || !t.blank)
		return;
	member = &m->object->members[t.named];
	ret->blank = (struct bytes){ m->text.data + member->value, member->value_size };
	ret->time = m->time;
}

void line_envelope_of(
	const struct json_scan *scan, const struct line_message *m, struct buffer *room, struct line_envelope *ret)
{
	struct line_message known = *m;
	struct writer w;

	buffer_clear(room);
	if (m->stream && line_origin_is_said(scan, m))
		known.stream = STREAM_NONE; /* whoever has members of ours has been through an agent */
	set_time(scan, m, &known, ret);
	known.extra.size = 0;
	writer_init(&w, room);
	line_envelope_put(&w, &known);
	put_extra(&w, scan, m);
	(void)!writer_done(&w); /* nothing is left of it then */
	ret->around = buffer_bytes(room);
}

static char *put(char *to, const char *data, size_t size)
{
	memcpy(to, data, size);
	return to + size;
}

/* The text, with the time where it has none. */
static char *put_timed(char *to, struct bytes text, const struct line_envelope *e)
{
	const char *behind;

	if (e->blank.size == 0)
		return put(to, text.data, text.size);
	behind = e->blank.data + e->blank.size;
	to = put(to, text.data, (size_t)(e->blank.data - text.data));
	to = put(to, "\"", 1);
	to = put(to, e->time.data, e->time.size);
	to = put(to, "\"", 1);
	return put(to, behind, (size_t)(text.data + text.size - behind));
}

/* What stands before the closing brace, with what is around it behind the opening one. *ret_empty: there is no
 * member. */
static char *put_members(char *to, struct bytes text, const struct line_envelope *e, bool *ret_empty)
{
	size_t open = bulk_line_opening(text, ret_empty);

	if (e->around.size > 0) {
		to = put(to, text.data, open);
		to = put(to, e->around.data, e->around.size - *ret_empty);
		text = (struct bytes){ text.data + open, text.size - open };
		*ret_empty = false;
	}
	return put_timed(to, text, e);
}

struct bytes line_envelope_bare(const struct line_message *m)
{
	struct bytes text = m->text;

	while (text.data[text.size - 1] != '}')
		text.size--;
	return text;
}

size_t line_envelope_room(const struct line_message *m, const struct line_envelope *e, struct bytes origin)
{
	return m->text.size + e->around.size + e->time.size + 2 + origin.size + U64_DIGITS_MAX;
}

size_t line_envelope_write(const struct line_message *m, const struct line_envelope *e, struct bytes origin, char *to)
{
	struct bytes text = line_envelope_bare(m);
	bool empty;
	char *at;

	text.size--;
	at = put_members(to, text, e, &empty);
	if (origin.size > 0) {
		at = put(at, origin.data + empty, origin.size - empty);
		at += u64_format(m->at, at);
	}
	*at = '}';
	return (size_t)(at + 1 - to);
}
