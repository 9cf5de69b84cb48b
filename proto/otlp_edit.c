#include "proto/otlp_edit.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/otlp_build.h"

#define NONE SIZE_MAX
enum { ROOM = 64 << 10, KEPT_PARTS = 256, KEPT_SPLICES = 16384, INLINE_TAG_MAX = 0x7f };

/* Memory that is lent until the next request. */
struct otlp_room {
	struct otlp_room *next;
	size_t room, used;
	char data[];
};

/* `remove` bytes at `at` become `size` others; those of a length are made when they are written. */
struct otlp_splice {
	uint32_t at, remove;
	const char *text; /* NULL: `size` is a length that is written as a varint */
	uint64_t size;
};

/*
 * A message around spans, or a view.
 *
 * Invariant: when it has a splice for its length, all messages around it have one, with lower numbers.
 */
struct frame {
	const char *field, *length, *content;
	size_t size, splice; /* its content; the splice of its length, NONE while nothing in it has changed */
	int64_t growth;
	bool kept, dropped; /* some of its spans */
};

enum { FRAME_REQUEST, FRAME_RESOURCE, FRAME_SCOPE, FRAME_SPAN, FRAMES };

struct run {
	struct otlp_edit *e;
	bool (*visit)(void *, struct otlp_edit *, struct otlp_view *);
	void *context;
	struct frame frames[FRAMES];
};

struct field {
	const char *at;
	unsigned number;
	enum wire_type type;
	uint64_t value;
	struct bytes bytes; /* the content; of a varint its bytes */
};

static bool skip_varint(const unsigned char **at, const unsigned char *end, struct field *f)
{
	const unsigned char *from = *at;

	if (wire_varint(at, end, &f->value))
		return false;
	f->bytes = (struct bytes){ (const char *)from, (size_t)(*at - from) };
	return true;
}

static bool skip_fixed(const unsigned char **at, const unsigned char *end, size_t size, struct field *f)
{
	if ((size_t)(end - *at) < size)
		return false;
	f->bytes = (struct bytes){ (const char *)*at, size };
	f->value = 0;
	memcpy(&f->value, *at, size); /* little endian, as the host is */
	*at += size;
	return true;
}

/* 1 with the next field, 0 at the end, -EBADMSG. */
static inline int next_field(struct wire *w, struct field *f)
{
	uint64_t tag;

	f->bytes = (struct bytes){ "", 0 };
	if (w->at == w->end)
		return 0;
	f->at = (const char *)w->at;
	if (UNLIKELY(wire_varint(&w->at, w->end, &tag) || tag >> 3 > WIRE_FIELD_MAX))
		return -EBADMSG;
	f->number = (unsigned)(tag >> 3);
	f->type = (enum wire_type)(tag & 7);
	switch (f->type) {
	case WIRE_LENGTH:
		if (wire_varint(&w->at, w->end, &f->value) || f->value > (size_t)(w->end - w->at))
			return -EBADMSG;
		f->bytes = (struct bytes){ (const char *)w->at, f->value };
		w->at += f->value;
		return 1;
	case WIRE_VARINT:
		return skip_varint(&w->at, w->end, f) ? 1 : -EBADMSG;
	case WIRE_64:
		return skip_fixed(&w->at, w->end, 8, f) ? 1 : -EBADMSG;
	case WIRE_32:
		return skip_fixed(&w->at, w->end, 4, f) ? 1 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

/* Memory. */

struct otlp_edit *otlp_edit_new(size_t ceiling)
{
	struct otlp_edit *e = oxp_new(sizeof *e);

	e->ceiling = ceiling;
	return e;
}

static void free_rooms(struct otlp_edit *e, bool all)
{
	struct otlp_room *kept = NULL;

	for (struct otlp_room *r; (r = e->rooms);) {
		e->rooms = r->next;
		if (all || kept || r->room > ROOM)
			free(r);
		else
			kept = r;
	}
	e->rooms = kept;
	if (kept) {
		kept->next = NULL;
		kept->used = 0;
	}
}

static void free_view(struct otlp_view *v, size_t beyond)
{
	if (v->room <= beyond)
		return;
	free(v->parts);
	*v = (struct otlp_view){ .level = v->level };
}

static void free_to(struct otlp_edit *e, size_t parts, size_t splices)
{
	for (int i = 0; i < OTLP_LEVELS; i++)
		free_view(&e->views[i], parts);
	free_view(&e->other, parts);
	if (e->room > splices) {
		free(e->splices);
		e->splices = NULL;
		e->room = e->count = 0;
	}
}

void otlp_edit_forget(struct otlp_edit *e)
{
	free_rooms(e, false);
	free_to(e, KEPT_PARTS, KEPT_SPLICES);
}

void otlp_edit_free(struct otlp_edit *e)
{
	if (!e)
		return;
	free_rooms(e, true);
	free_to(e, 0, 0);
	free(e);
}

char *otlp_edit_room(struct otlp_edit *e, size_t size)
{
	struct otlp_room *r = e->rooms;
	size_t need = size + OTLP_EDIT_PADDING, room = need > ROOM ? need : ROOM;

	if (need > e->ceiling - e->used)
		return NULL;
	if (!r || need > r->room - r->used) {
		r = malloc(sizeof *r + room);
		if (!r)
			return NULL;
		*r = (struct otlp_room){ .next = e->rooms, .room = room };
		e->rooms = r;
	}
	e->used += need;
	r->used += need;
	memset(r->data + r->used - OTLP_EDIT_PADDING, 0, OTLP_EDIT_PADDING);
	return r->data + r->used - need;
}

static bool add_splice(struct otlp_edit *e, const struct otlp_splice *s)
{
	if (e->count == e->room) {
		struct otlp_splice *grown;
		if ((e->count + 1) * sizeof *grown > e->ceiling - e->used)
			return false;
		grown = oxp_grow(e->splices, &e->room, e->count + 1, sizeof *grown);
		if (!grown)
			return false;
		e->splices = grown;
	}
	e->splices[e->count++] = *s;
	return true;
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

/* Views. */

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
	struct field f;
	int more;

	p->key = (struct bytes){ "", 0 };
	p->value = (struct bytes){ NULL, 0 };
	if (LIKELY(read_plain_pair(p, (const unsigned char *)pair.data, pair.size)))
		return true;
	while ((more = next_field(&w, &f)) > 0) {
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
	struct field f;
	int more;

	while ((more = next_field(&w, &f)) > 0)
		if (f.number == 3 && f.type == WIRE_VARINT)
			v->status = f.value;
	return !more;
}

/* What a span's fields say that no step edits. */
static bool read_span_field(struct otlp_view *v, const struct field *f)
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

static int read_part(struct otlp_view *v, const struct field *f, const char *end)
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

static int read_view(struct otlp_view *v, enum otlp_level level, struct bytes message)
{
	static const unsigned attributes[OTLP_LEVELS] = { [OTLP_RESOURCE] = OTLP_RESOURCE_ATTRIBUTES,
		[OTLP_SCOPE] = OTLP_SCOPE_ATTRIBUTES,
		[OTLP_SPAN] = OTLP_SPAN_ATTRIBUTES };
	struct wire w = wire_of(message);
	struct field f;
	int more, failed = 0;

	v->level = level;
	v->attributes = attributes[level];
	v->message = message;
	v->count = 0;
	v->changed = false;
	v->trace_id = v->span_id = (struct bytes){ "", 0 };
	v->kind = v->status = v->start_ns = v->end_ns = 0;
	while (!failed && (more = next_field(&w, &f)) > 0) {
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

struct otlp_any_value otlp_any_read(struct bytes value)
{
	struct otlp_any_value any = { .type = OTLP_ANY_NONE, .bytes = { "", 0 } };
	struct wire w;
	struct field f;

	if (!value.data)
		return any;
	w = wire_of(value);
	while (next_field(&w, &f) > 0)
		if (f.number >= OTLP_ANY_TEXT && f.number <= OTLP_ANY_BYTES)
			any = (struct otlp_any_value){ (enum otlp_any)f.number, f.bytes, f.value };
	return any;
}

struct bytes otlp_view_attribute(const struct otlp_view *v, const char *key)
{
	const struct otlp_part *p = otlp_view_find(v, bytes_of(key));
	struct otlp_any_value any = { .type = OTLP_ANY_NONE };

	if (p)
		any = otlp_any_read(p->value);
	return any.type == OTLP_ANY_TEXT ? any.bytes : (struct bytes){ "", 0 };
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

bool otlp_view_count(struct otlp_edit *e, struct otlp_view *v, unsigned field, uint64_t more)
{
	struct otlp_part *p = last_field(v, field);
	struct wire w = wire_of(p ? p->value : (struct bytes){ "", 0 });
	struct otlp_build b = { .room = 10 };
	uint64_t count = 0;

	if (w.at < w.end && wire_varint(&w.at, w.end, &count))
		return false;
	b.to = otlp_edit_room(e, b.room);
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

/* Splices. */

static struct frame frame_of(const struct field *f)
{
	struct wire w = { (const unsigned char *)f->at, (const unsigned char *)f->bytes.data };
	uint64_t tag;
	enum wire_varint bad = wire_varint(&w.at, w.end, &tag);

	OXP_ASSERT(!bad);
	return (struct frame){ .field = f->at,
		.length = (const char *)w.at,
		.content = f->bytes.data,
		.size = f->bytes.size,
		.splice = NONE };
}

static uint32_t place(const struct run *r, const char *at)
{
	return (uint32_t)(at - r->e->body.data);
}

/* The messages down to that one will have other lengths. */
static bool mark(struct run *r, unsigned frame)
{
	unsigned first = frame + 1;

	while (first > 1 && r->frames[first - 1].splice == NONE)
		first--;
	for (unsigned i = first; i <= frame; i++) {
		struct frame *f = &r->frames[i];
		f->splice = r->e->count;
		if (!add_splice(r->e, &(struct otlp_splice){ .at = place(r, f->length),
					      .remove = (uint32_t)(f->content - f->length) }))
			return false;
	}
	return true;
}

/* Ends a message that stays: its length is known now. */
static void close_frame(struct run *r, unsigned frame)
{
	struct frame *f = &r->frames[frame];
	uint64_t size = (uint64_t)((int64_t)f->size + f->growth);

	if (f->splice == NONE)
		return;
	r->e->splices[f->splice].size = size;
	f[-1].growth += f->growth + (int64_t)wire_varint_size(size) - (f->content - f->length);
}

/* Spans that go one after the other are one splice: most of a large request may go. */
static bool add_removal(struct otlp_edit *e, uint32_t at, uint32_t size)
{
	struct otlp_splice *last = e->count > 0 ? &e->splices[e->count - 1] : NULL;

	if (last && last->text && last->size == 0 && last->at + last->remove == at) {
		last->remove += size;
		return true;
	}
	return add_splice(e, &(struct otlp_splice){ .at = at, .remove = size, .text = "" });
}

/* Leaves the whole message out. */
static bool drop_frame(struct run *r, unsigned frame)
{
	struct frame *f = &r->frames[frame];
	size_t whole = (size_t)(f->content - f->field) + f->size;

	if (f->splice != NONE)
		r->e->count = f->splice;
	f[-1].growth -= (int64_t)whole;
	f[-1].dropped = true;
	return mark(r, frame - 1) && add_removal(r->e, place(r, f->field), (uint32_t)whole);
}

static size_t pair_size(const struct otlp_part *p)
{
	size_t value = p->value.data ? 1 + wire_varint_size(p->value.size) + p->value.size : 0;

	return 1 + wire_varint_size(p->key.size) + p->key.size + value;
}

static size_t part_size(const struct otlp_view *v, const struct otlp_part *p)
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

static void build_part(struct otlp_build *b, const struct otlp_view *v, const struct otlp_part *p)
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

static bool splice_part(struct run *r, const struct otlp_view *v, const struct otlp_part *p, struct frame *f)
{
	const char *at = p->at ? p->at : f->content + f->size;
	struct otlp_splice s = { .at = place(r, at), .remove = p->size, .text = "" };
	struct otlp_build b = { .to = NULL };

	if (p->state == OTLP_PART_EDITED) {
		b.room = part_size(v, p);
		b.to = otlp_edit_room(r->e, b.room);
		if (!b.to)
			return false;
		build_part(&b, v, p);
		OXP_ASSERT(b.size == b.room);
		s.text = b.to;
		s.size = b.size;
	}
	f->growth += (int64_t)s.size - (int64_t)s.remove;
	return add_splice(r->e, &s);
}

/* The view's own frame is the last. */
static bool splice_view(struct run *r, const struct otlp_view *v, unsigned frame)
{
	bool fine = mark(r, frame);

	for (size_t i = 0; i < v->count && fine; i++) {
		const struct otlp_part *p = &v->parts[i];
		if (p->state == OTLP_PART_SAME || (p->state == OTLP_PART_GONE && !p->at))
			continue;
		fine = splice_part(r, v, p, &r->frames[frame]);
	}
	if (fine)
		close_frame(r, frame);
	return fine;
}

/* A resource or scope that the message did not have; it goes to its beginning, before everything else in it. */
static bool insert_view(struct run *r, const struct otlp_view *v, unsigned around)
{
	struct frame *f = &r->frames[around];
	struct otlp_build b = { .to = NULL };
	size_t size = 0;

	for (size_t i = 0; i < v->count; i++)
		size += v->parts[i].state == OTLP_PART_EDITED ? part_size(v, &v->parts[i]) : 0;
	b.room = 1 + wire_varint_size(size) + size;
	b.to = otlp_edit_room(r->e, b.room);
	if (!b.to || !mark(r, around))
		return false;
	otlp_build_tag(&b, 1, WIRE_LENGTH);
	otlp_build_varint(&b, size);
	for (size_t i = 0; i < v->count; i++)
		if (v->parts[i].state == OTLP_PART_EDITED)
			build_part(&b, v, &v->parts[i]);
	OXP_ASSERT(b.size == b.room);
	f->growth += (int64_t)b.size;
	return add_splice(r->e, &(struct otlp_splice){ .at = place(r, f->content), .text = b.to, .size = b.size });
}

/* The walk. */

static int take_span(struct run *r, const struct field *f)
{
	struct otlp_view *v = &r->e->views[OTLP_SPAN];
	int failed = read_view(v, OTLP_SPAN, f->bytes);

	r->frames[FRAME_SPAN] = frame_of(f);
	if (failed == -EBADMSG)
		return failed;
	if (!failed && r->visit(r->context, r->e, v)) {
		r->e->kept++;
		r->frames[FRAME_SCOPE].kept = true;
		return !v->changed || splice_view(r, v, FRAME_SPAN) ? 0 : -ENOSPC;
	}
	r->e->dropped++;
	r->e->dropped_bytes += (size_t)(f->bytes.data - f->at) + f->bytes.size;
	return drop_frame(r, FRAME_SPAN) ? 0 : -ENOSPC;
}

/* The last field 1 of a message: its resource or scope. */
static int find_head(struct bytes message, struct field *ret, bool *ret_there)
{
	struct wire w = wire_of(message);
	struct field f;
	int more;

	*ret_there = false;
	while ((more = next_field(&w, &f)) > 0)
		if (f.number == 1 && f.type == WIRE_LENGTH) {
			*ret = f;
			*ret_there = true;
		}
	return more;
}

/* Shows the resource or scope that spans are shown with. */
static int show_head(struct run *r, enum otlp_level level, struct bytes message, unsigned around)
{
	struct otlp_view *v = &r->e->views[level];
	struct field f;
	bool there;
	int failed = find_head(message, &f, &there);

	if (!failed)
		failed = read_view(v, level, there ? f.bytes : (struct bytes){ "", 0 });
	if (failed)
		return failed;
	if (!r->visit(r->context, r->e, v))
		return -ENOSPC;
	return there || !v->changed || insert_view(r, v, around) ? 0 : -ENOSPC;
}

/* At a resource or scope in the walk, within the message `around`. */
static int pass_head(struct run *r, enum otlp_level level, const struct field *f, unsigned around)
{
	struct otlp_view *v = &r->e->views[level];
	int failed;

	if (v->message.data != f->bytes.data) {
		v = &r->e->other;
		failed = read_view(v, level, f->bytes);
		if (failed)
			return failed;
		if (!r->visit(r->context, r->e, v))
			return -ENOSPC;
	}
	if (!v->changed)
		return 0;
	r->frames[around + 1] = frame_of(f);
	return splice_view(r, v, around + 1) ? 0 : -ENOSPC;
}

static int end_frame(struct run *r, unsigned frame)
{
	struct frame *f = &r->frames[frame];

	if (f->dropped && !f->kept)
		return drop_frame(r, frame) ? 0 : -ENOSPC;
	f[-1].kept |= f->kept;
	f[-1].dropped |= f->dropped;
	close_frame(r, frame);
	return 0;
}

static int take_scope(struct run *r, const struct field *scope)
{
	struct wire w = wire_of(scope->bytes);
	struct field f;
	int more, failed;

	r->frames[FRAME_SCOPE] = frame_of(scope);
	failed = show_head(r, OTLP_SCOPE, scope->bytes, FRAME_SCOPE);
	while (!failed && (more = next_field(&w, &f)) != 0) {
		if (more < 0)
			return more;
		if (f.type == WIRE_LENGTH && f.number == 2)
			failed = take_span(r, &f);
		else if (f.type == WIRE_LENGTH && f.number == 1)
			failed = pass_head(r, OTLP_SCOPE, &f, FRAME_SCOPE);
	}
	if (failed)
		return failed;
	return end_frame(r, FRAME_SCOPE);
}

static int take_resource(struct run *r, const struct field *resource)
{
	struct wire w = wire_of(resource->bytes);
	struct field f;
	int more, failed;

	r->frames[FRAME_RESOURCE] = frame_of(resource);
	failed = show_head(r, OTLP_RESOURCE, resource->bytes, FRAME_RESOURCE);
	while (!failed && (more = next_field(&w, &f)) != 0) {
		if (more < 0)
			return more;
		if (f.type == WIRE_LENGTH && f.number == 2)
			failed = take_scope(r, &f);
		else if (f.type == WIRE_LENGTH && f.number == 1)
			failed = pass_head(r, OTLP_RESOURCE, &f, FRAME_RESOURCE);
	}
	if (failed)
		return failed;
	return end_frame(r, FRAME_RESOURCE);
}

int otlp_edit_run(struct otlp_edit *e, struct bytes body, bool (*visit)(void *, struct otlp_edit *, struct otlp_view *),
	void *context)
{
	struct run r = { .e = e, .visit = visit, .context = context };
	struct wire w;
	struct field f;
	int more, failed = 0;

	OXP_ASSERT(body.size <= UINT32_MAX);
	free_rooms(e, false);
	e->used = e->count = 0;
	e->body = body.size > 0 ? body : (struct bytes){ "", 0 };
	e->kept = e->dropped = e->dropped_bytes = 0;
	w = wire_of(e->body);
	r.frames[FRAME_REQUEST] = (struct frame){ .splice = NONE };
	while (!failed && (more = next_field(&w, &f)) != 0) {
		if (more < 0)
			return more;
		if (f.type == WIRE_LENGTH && f.number == 1)
			failed = take_resource(&r, &f);
	}
	e->size = (size_t)((int64_t)body.size + r.frames[FRAME_REQUEST].growth);
	return failed;
}

void otlp_edit_write(const struct otlp_edit *e, char *to)
{
	struct otlp_build b = { .to = to, .room = e->size };
	const char *at = e->body.data;

	for (size_t i = 0; i < e->count; i++) {
		const struct otlp_splice *s = &e->splices[i];
		const char *from = e->body.data + s->at;
		otlp_build_raw(&b, (struct bytes){ at, (size_t)(from - at) });
		if (s->text)
			otlp_build_raw(&b, (struct bytes){ s->text, s->size });
		else
			otlp_build_varint(&b, s->size);
		at = from + s->remove;
	}
	otlp_build_raw(&b, (struct bytes){ at, (size_t)(e->body.data + e->body.size - at) });
	OXP_ASSERT(b.size == e->size);
}
