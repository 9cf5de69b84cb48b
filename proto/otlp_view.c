#include "proto/otlp_view.h"

#include <stdlib.h>

#include "proto/otlp_raw.h"

enum { INLINE_TAG_MAX = 0x7f };

void otlp_view_forget(struct otlp_view *v, size_t beyond)
{
	if (v->room <= beyond)
		return;
	free(v->parts);
	*v = (struct otlp_view){ .level = v->level };
}

static struct otlp_part *new_part(struct otlp_view *v)
{
	if (UNLIKELY(v->count == v->room)) {
		struct otlp_part *grown;
		if (v->count == OTLP_PARTS_MAX)
			return NULL;
		grown = oxp_grow(v->parts, &v->room, v->count + 1, sizeof *grown);
		if (!grown)
			return NULL;
		v->parts = grown;
	}
	return &v->parts[v->count++];
}

/* Nearly every KeyValue is a key and a value, both shorter than 128 bytes, in this order. */
static inline bool read_plain_pair(struct otlp_part *p, const unsigned char *at, size_t size)
{
	size_t key;

	if (size < 4 || at[0] != (1 << 3 | WIRE_LENGTH) || at[1] > INLINE_TAG_MAX || at[1] + 4u > size)
		return false;
	key = at[1];
	if (at[key + 2] != (2 << 3 | WIRE_LENGTH) || at[key + 3] > INLINE_TAG_MAX || key + 4u + at[key + 3] != size)
		return false;
	p->key = (struct bytes){ (const char *)at + 2, key };
	p->value = (struct bytes){ (const char *)at + key + 4, at[key + 3] };
	return true;
}

static bool read_pair(struct otlp_view *v, struct otlp_part *p, struct bytes pair)
{
	struct wire w = wire_of(pair);
	unsigned keys = 0, values = 0, others = 0;
	struct otlp_raw f;
	int more;

	p->key = (struct bytes){ "", 0 };
	p->value = (struct bytes){ NULL, 0 };
	if (LIKELY(read_plain_pair(p, (const unsigned char *)pair.data, pair.size)))
		return true;
	while ((more = otlp_raw_next(&w, &f)) > 0) {
		if (f.type == WIRE_LENGTH && f.number == 1)
			p->key = f.bytes;
		else if (f.type == WIRE_LENGTH && f.number == 2)
			p->value = f.bytes;
		keys += f.number == 1;
		values += f.number == 2;
		others += f.number > 2 || f.number == 0;
	}
	if (keys > 1 || values > 1 || others > 0) {
		p->state = OTLP_PART_EDITED;
		v->changed = true;
	}
	return !more;
}

static bool read_status(struct otlp_view *v, struct bytes status)
{
	struct wire w = wire_of(status);
	struct otlp_raw f;
	int more;

	while ((more = otlp_raw_next(&w, &f)) > 0)
		if (f.number == 3 && f.type == WIRE_VARINT)
			v->status = f.value;
	return !more;
}

/* What a span's fields say that no step edits. */
static bool read_span_field(struct otlp_view *v, const struct otlp_raw *f)
{
	switch (f->number) {
	case OTLP_SPAN_TRACE_ID:
		v->trace_id = f->bytes;
		return f->bytes.size == 16;
	case OTLP_SPAN_SPAN_ID:
		v->span_id = f->bytes;
		return f->bytes.size == 8;
	case OTLP_SPAN_KIND:
		v->kind = f->value;
		return true;
	case OTLP_SPAN_START:
		v->start_ns = f->value;
		return true;
	case OTLP_SPAN_END:
		v->end_ns = f->value;
		return true;
	case OTLP_SPAN_STATUS:
		return read_status(v, f->bytes);
	default:
		return true;
	}
}

static bool is_part(enum otlp_level level, unsigned field)
{
	static const uint32_t parts[OTLP_LEVELS] = {
		[OTLP_RESOURCE] = 1 << OTLP_RESOURCE_ATTRIBUTES | 1 << 2,
		[OTLP_SCOPE] = 1 << OTLP_SCOPE_NAME | 1 << OTLP_SCOPE_ATTRIBUTES | 1 << 4,
		[OTLP_SPAN] = 1 << OTLP_SPAN_TRACE_STATE | 1 << OTLP_SPAN_NAME | 1 << OTLP_SPAN_ATTRIBUTES |
			      1 << OTLP_SPAN_DROPPED_ATTRIBUTES | 1 << OTLP_SPAN_EVENTS | 1 << OTLP_SPAN_LINKS |
			      1 << OTLP_SPAN_DROPPED_EVENTS | 1 << OTLP_SPAN_DROPPED_LINKS | 1 << OTLP_SPAN_STATUS,
	};

	return field < 32 && parts[level] >> field & 1;
}

/* Attributes come in runs, and nearly every one is short and plain. Ends at anything else, and where parts have no
 * room. */
static inline void read_plain_attributes(struct otlp_view *v, struct wire *w)
{
	const unsigned char *at = w->at, tag = (unsigned char)(v->attributes << 3 | WIRE_LENGTH);

	for (; w->end - at >= 2 && at[0] == tag && at[1] <= INLINE_TAG_MAX && at[1] <= w->end - at - 2; v->count++) {
		struct otlp_part *p = v->count < v->room ? &v->parts[v->count] : NULL;
		if (!p || !read_plain_pair(p, at + 2, at[1]))
			break;
		p->at = (const char *)at;
		p->size = 2 + at[1];
		p->field = (uint16_t)v->attributes;
		p->wire = WIRE_LENGTH;
		p->state = OTLP_PART_SAME;
		at += 2 + at[1];
	}
	w->at = at;
}

static int read_part(struct otlp_view *v, const struct otlp_raw *f, const char *end)
{
	struct otlp_part *p = new_part(v);

	if (!p)
		return -ENOSPC;
	*p = (struct otlp_part){ .at = f->at,
		.size = (uint32_t)(end - f->at),
		.field = (uint16_t)f->number,
		.wire = (uint8_t)f->type,
		.value = f->bytes };
	if (f->number != v->attributes)
		return 0;
	return f->type == WIRE_LENGTH && read_pair(v, p, f->bytes) ? 0 : -EBADMSG;
}

int otlp_view_read(struct otlp_view *v, enum otlp_level level, struct bytes message)
{
	static const unsigned attributes[OTLP_LEVELS] = { [OTLP_RESOURCE] = OTLP_RESOURCE_ATTRIBUTES,
		[OTLP_SCOPE] = OTLP_SCOPE_ATTRIBUTES,
		[OTLP_SPAN] = OTLP_SPAN_ATTRIBUTES };
	struct wire w = wire_of(message);
	struct otlp_raw f;
	int more, failed = 0;

	v->level = level;
	v->attributes = attributes[level];
	v->message = message;
	v->count = 0;
	v->changed = false;
	v->trace_id = v->span_id = (struct bytes){ "", 0 };
	v->kind = v->status = v->start_ns = v->end_ns = 0;
	while (!failed && (more = otlp_raw_next(&w, &f)) > 0) {
		if (is_part(level, f.number))
			failed = read_part(v, &f, (const char *)w.at);
		if (level == OTLP_SPAN && !failed && !read_span_field(v, &f))
			failed = -EBADMSG;
		read_plain_attributes(v, &w);
	}
	if (failed)
		return failed;
	return more;
}

struct otlp_part *otlp_view_find(const struct otlp_view *v, struct bytes key)
{
	for (size_t i = 0; i < v->count; i++) {
		struct otlp_part *p = &v->parts[i];
		if (p->key.size == key.size && otlp_is_attribute(v, p) && bytes_equal(p->key, key))
			return p;
	}
	return NULL;
}

/* The last one that is there, or NULL. */
static struct otlp_part *last_field(const struct otlp_view *v, unsigned field)
{
	for (size_t i = v->count; i-- > 0;)
		if (v->parts[i].field == field && v->parts[i].state != OTLP_PART_GONE)
			return &v->parts[i];
	return NULL;
}

struct bytes otlp_view_text(const struct otlp_view *v, unsigned field)
{
	const struct otlp_part *p = last_field(v, field);

	return p ? p->value : (struct bytes){ "", 0 };
}

struct bytes otlp_view_attribute(const struct otlp_view *v, const char *key)
{
	const struct otlp_part *p = otlp_view_find(v, bytes_of(key));
	struct otlp_any any = { .type = OTLP_VALUE_EMPTY };

	if (p)
		any = otlp_any_read(p->value);
	return any.type == OTLP_VALUE_TEXT ? any.bytes : (struct bytes){ "", 0 };
}

void otlp_part_drop(struct otlp_view *v, struct otlp_part *p)
{
	p->state = OTLP_PART_GONE;
	v->changed = true;
}

void otlp_part_rename(struct otlp_view *v, struct otlp_part *p, struct bytes key)
{
	p->key = key;
	p->state = OTLP_PART_EDITED;
	v->changed = true;
}

void otlp_part_value(struct otlp_view *v, struct otlp_part *p, struct bytes value)
{
	p->value = value;
	p->state = OTLP_PART_EDITED;
	v->changed = true;
}

static struct otlp_part *add_part(struct otlp_view *v, unsigned field, enum wire_type wire)
{
	struct otlp_part *p = new_part(v);

	if (!p)
		return NULL;
	*p = (struct otlp_part){ .field = (uint16_t)field, .wire = (uint8_t)wire, .state = OTLP_PART_EDITED };
	v->changed = true;
	return p;
}

bool otlp_view_add(struct otlp_view *v, struct bytes key, struct bytes value)
{
	struct otlp_part *p = add_part(v, v->attributes, WIRE_LENGTH);

	if (!p)
		return false;
	p->key = key;
	p->value = value;
	return true;
}

/* Takes out all fields of that number but the one given. */
static void only(struct otlp_view *v, unsigned field, const struct otlp_part *but)
{
	for (size_t i = 0; i < v->count; i++) {
		struct otlp_part *p = &v->parts[i];
		if (p->field == field && p != but && p->state != OTLP_PART_GONE)
			otlp_part_drop(v, p);
	}
}

bool otlp_view_set(struct otlp_view *v, unsigned field, struct bytes content)
{
	struct otlp_part *p = last_field(v, field);

	if (content.size == 0) {
		only(v, field, NULL);
		return true;
	}
	if (!p)
		p = add_part(v, field, WIRE_LENGTH);
	if (!p)
		return false;
	only(v, field, p);
	otlp_part_value(v, p, content);
	return true;
}

bool otlp_view_count(struct lent *lent, struct otlp_view *v, unsigned field, uint64_t more)
{
	struct otlp_part *p = last_field(v, field);
	struct wire w = wire_of(p ? p->value : (struct bytes){ "", 0 });
	struct otlp_build b = { .room = 10 };
	uint64_t count = 0;

	if (w.at < w.end && wire_varint(&w.at, w.end, &count))
		return false;
	b.to = lent_room(lent, b.room);
	if (!b.to)
		return false;
	if (!p)
		p = add_part(v, field, WIRE_VARINT);
	if (!p)
		return false;
	count += more;
	otlp_build_varint(&b, count < UINT32_MAX ? count : UINT32_MAX);
	only(v, field, p);
	otlp_part_value(v, p, (struct bytes){ b.to, b.size });
	return true;
}

/* Writing. */

static size_t pair_size(const struct otlp_part *p)
{
	size_t value = p->value.data ? 1 + wire_varint_size(p->value.size) + p->value.size : 0;

	return 1 + wire_varint_size(p->key.size) + p->key.size + value;
}

size_t otlp_part_size(const struct otlp_view *v, const struct otlp_part *p)
{
	size_t content = p->field == v->attributes ? pair_size(p) : p->value.size;

	return 1 + (p->wire == WIRE_LENGTH ? wire_varint_size(content) : 0) + content; /* tags are below 16 */
}

static char *put_short(char *to, unsigned field, struct bytes bytes)
{
	to[0] = (char)(field << 3 | WIRE_LENGTH);
	to[1] = (char)bytes.size;
	memcpy(to + 2, bytes.data, bytes.size);
	return to + 2 + bytes.size;
}

static void build_pair(struct otlp_build *b, const struct otlp_part *p)
{
	size_t size = pair_size(p);
	char *to;

	otlp_build_varint(b, size);
	if (size <= INLINE_TAG_MAX && p->value.data) {
		to = otlp_build_claim(b, size);
		OXP_ASSERT(to);
		put_short(put_short(to, 1, p->key), 2, p->value);
		return;
	}
	otlp_build_bytes(b, 1, p->key);
	if (p->value.data)
		otlp_build_bytes(b, 2, p->value);
}

void otlp_part_build(struct otlp_build *b, const struct otlp_view *v, const struct otlp_part *p)
{
	otlp_build_tag(b, p->field, (enum wire_type)p->wire);
	if (p->wire == WIRE_VARINT) {
		otlp_build_raw(b, p->value);
	} else if (p->field != v->attributes) {
		otlp_build_varint(b, p->value.size);
		otlp_build_raw(b, p->value);
	} else {
		build_pair(b, p);
	}
}
