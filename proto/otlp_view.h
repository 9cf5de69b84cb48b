/*
 * A view of a resource, a scope or a span on the wire: an index of what can be edited of it, namely its attributes, its
 * texts, its events and links. Everything else of the message is copied as it is (otlp_edit.h).
 *
 * The edits of one caller are what the next one sees. An attribute that is edited is written anew from its key and its
 * value. A KeyValue in which either stands twice, or which has fields that are unknown, counts as edited.
 */
#ifndef OXP_OTLP_VIEW_H
#define OXP_OTLP_VIEW_H

#include "base/lent.h"
#include "proto/otlp_any.h"

enum {
	OTLP_PARTS_MAX = 16384, /* of a view; what has more cannot be edited */
};

enum otlp_level { OTLP_RESOURCE, OTLP_SCOPE, OTLP_SPAN, OTLP_LEVELS };

/* Numbers of fields (opentelemetry-proto 1.x, trace.proto, common.proto, resource.proto). */
enum {
	OTLP_SPAN_TRACE_ID = 1,
	OTLP_SPAN_SPAN_ID = 2,
	OTLP_SPAN_TRACE_STATE = 3,
	OTLP_SPAN_NAME = 5,
	OTLP_SPAN_KIND = 6,
	OTLP_SPAN_START = 7,
	OTLP_SPAN_END = 8,
	OTLP_SPAN_ATTRIBUTES = 9,
	OTLP_SPAN_DROPPED_ATTRIBUTES = 10,
	OTLP_SPAN_EVENTS = 11,
	OTLP_SPAN_DROPPED_EVENTS = 12,
	OTLP_SPAN_LINKS = 13,
	OTLP_SPAN_DROPPED_LINKS = 14,
	OTLP_SPAN_STATUS = 15,
	OTLP_RESOURCE_ATTRIBUTES = 1,
	OTLP_SCOPE_NAME = 1,
	OTLP_SCOPE_ATTRIBUTES = 3,
};

enum otlp_part_state { OTLP_PART_SAME, OTLP_PART_GONE, OTLP_PART_EDITED };

/* A field of the message that may be edited. */
struct otlp_part {
	const char *at; /* its tag; NULL if it was added */
	uint32_t size; /* of the field, its tag and length among it; 0 if it was added */
	uint16_t field;
	uint8_t wire; /* enum wire_type */
	uint8_t state;
	struct bytes key; /* of an attribute */
	/* Of an attribute: its AnyValue, without data if it has none; else the field's content; of a varint: its
	 * bytes. */
	struct bytes value;
};

struct otlp_view {
	enum otlp_level level;
	unsigned attributes; /* number of the field that holds them */
	struct bytes message; /* as it came; empty if it is missing */
	struct otlp_part *parts;
	size_t count, room;
	bool changed;
	/* Of a span, as it came. The ids have 16 and 8 bytes. */
	struct bytes trace_id, span_id;
	uint64_t kind, status, start_ns, end_ns;
};

/* 0; -EBADMSG: it is no such message; -ENOSPC: it has more than OTLP_PARTS_MAX parts, or there is no memory. */
int otlp_view_read(struct otlp_view *, enum otlp_level, struct bytes message) MUST_CHECK;
/* Gives back the memory of more than that many parts; a view has none once it was forgotten beyond 0. */
void otlp_view_forget(struct otlp_view *, size_t beyond);
/* What becomes of a part that was edited, as a field of its message. */
size_t otlp_part_size(const struct otlp_view *, const struct otlp_part *);
void otlp_part_build(struct otlp_build *, const struct otlp_view *, const struct otlp_part *);

static inline bool otlp_is_attribute(const struct otlp_view *v, const struct otlp_part *p)
{
	return p->field == v->attributes && p->state != OTLP_PART_GONE;
}

/* The attribute of that name, or NULL. */
struct otlp_part *otlp_view_find(const struct otlp_view *, struct bytes key);
/* The content of the last field of that number, or "". Not for attributes. */
struct bytes otlp_view_text(const struct otlp_view *, unsigned field);
/* The text of an attribute that is one, or "". */
struct bytes otlp_view_attribute(const struct otlp_view *, const char *key);

void otlp_part_drop(struct otlp_view *, struct otlp_part *);
/* What is given must live until the view is written. */
void otlp_part_rename(struct otlp_view *, struct otlp_part *, struct bytes key);
void otlp_part_value(struct otlp_view *, struct otlp_part *, struct bytes value);
/* False: no room. */
bool otlp_view_add(struct otlp_view *, struct bytes key, struct bytes value) MUST_CHECK;
/* Sets a field of a text or a message; an empty one is taken out. False: no room. */
bool otlp_view_set(struct otlp_view *, unsigned field, struct bytes content) MUST_CHECK;
/* Adds to a field that is a count. False: no room. */
bool otlp_view_count(struct lent *, struct otlp_view *, unsigned field, uint64_t more) MUST_CHECK;

#endif
