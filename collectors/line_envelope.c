#include "collectors/line_envelope.h"

#include <stdlib.h>
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

/* The names of `extra`, as a reader of JSON sees them. */
enum { NAME_SHOWN = 256 };

struct name {
	struct bytes text;
	size_t at; /* the place of its member in `extra` */
};

struct names {
	size_t count;
	struct name sorted[JSON_MEMBERS_MAX];
	bool known[JSON_MEMBERS_MAX]; /* by place: the object has it, or a member before it */
	struct buffer decoded;
};

static int by_text(const void *a, const void *b)
{
	struct bytes x = *(const struct bytes *)a, y = *(const struct bytes *)b;

	if (x.size != y.size)
		return (x.size > y.size) - (x.size < y.size);
	return x.size > 0 ? memcmp(x.data, y.data, x.size) : 0;
}

static int by_text_and_place(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = by_text(&x->text, &y->text);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Without its escapes. What finds no room stays as it is spelt. */
static struct bytes reads_as(struct bytes name, struct buffer *room)
{
	size_t begin = room->size;

	if (!json_is_escaped(name))
		return name;
	if (json_decode(name, room) == 0)
		return (struct bytes){ room->data + begin, room->size - begin };
	room->size = begin;
	return name;
}

/* No name gets longer, so the room for all of them does not move. */
static void list_names(struct names *n, const struct json_scan *scan, struct bytes extra)
{
	struct json_walk w = json_walk_of(scan, extra);

	if (json_is_escaped(extra) && !buffer_reserve(&n->decoded, extra.size))
		n->decoded.ceiling = 0;
	for (enum json_token t; n->count < JSON_MEMBERS_MAX && (t = json_walk_next(&w)) != TOKEN_END;) {
		struct bytes name = w.text;
		if (t != TOKEN_NAME || !json_walk_value(&w))
			continue;
		n->sorted[n->count] = (struct name){ reads_as(name, &n->decoded), n->count };
		n->count++;
	}
	if (n->count > 1)
		qsort(n->sorted, n->count, sizeof *n->sorted, by_text_and_place);
	for (size_t i = 1; i < n->count; i++)
		n->known[n->sorted[i].at] = by_text(&n->sorted[i - 1].text, &n->sorted[i].text) == 0;
}

/* The object has that name. */
static void cross_out(struct names *n, struct bytes name)
{
	char decoded[NAME_SHOWN];
	struct buffer room = { .data = decoded, .room = sizeof decoded, .ceiling = sizeof decoded };
	struct bytes text = reads_as(name, &room);
	const struct name *found = bsearch(&text, n->sorted, n->count, sizeof *n->sorted, by_text);

	while (found && found > n->sorted && by_text(&found[-1].text, &text) == 0)
		found--;
	if (found)
		n->known[found->at] = true;
}

/* One way through the object, however many names there are. */
static void cross_out_all(struct names *n, const struct json_scan *scan, const struct line_message *m)
{
	struct json_walk w = json_walk_of(scan, m->text);

	for (size_t i = 0; i < m->object->count; i++) {
		const struct json_member *member = &m->object->members[i];
		cross_out(n, (struct bytes){ m->text.data + member->name, member->name_size });
	}
	if (!m->object->more)
		return;
	json_walk_next(&w); /* the opening brace */
	for (enum json_token t; (t = json_walk_next(&w)) != TOKEN_END;) {
		struct bytes name = w.text;
		if (t == TOKEN_NAME && json_walk_value(&w))
			cross_out(n, name);
	}
}

/* Those members of `extra` that the object does not have, each name once. */
static void put_extra(struct writer *to, const struct json_scan *scan, const struct line_message *m)
{
	struct json_walk w = json_walk_of(scan, m->extra);
	struct names names = { .count = 0 };
	size_t i = 0;

	if (m->extra.size == 0)
		return;
	buffer_init(&names.decoded, m->extra.size);
	list_names(&names, scan, m->extra);
	cross_out_all(&names, scan, m);
	for (enum json_token t; i < names.count && (t = json_walk_next(&w)) != TOKEN_END;) {
		const char *from = w.at;
		if (t != TOKEN_NAME || !json_walk_value(&w) || names.known[i++])
			continue;
		writer_bytes(to, (struct bytes){ from, (size_t)(w.p - from) });
		writer_text(to, ",");
	}
	buffer_done(&names.decoded);
}

/* The runtime's time, if the object says none: `known` keeps it, or it goes where the object's blank one stands. */
static void set_time(const struct json_scan *scan, const struct line_message *m, struct line_message *known,
	struct line_envelope *ret)
{
	const struct json_member *member;
	struct log_time t;
	struct bytes value;

	if (m->time.size == 0)
		return;
	log_time_look(&t, scan, m->text.data, m->object);
	if (t.at >= 0 || t.named >= 0 || (m->object->more && json_find(scan, m->text, bytes_of("@timestamp"), &value)))
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
