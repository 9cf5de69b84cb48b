/*
 * Editing an OTLP trace request without decoding it: the caller is shown its resources, scopes and spans one by one,
 * each as a view, and edits the view; what was edited is spliced into the bytes.
 *
 *	otlp_edit_run()   walks the request: shows each view, notes the edits as splices
 *	otlp_edit_write() copies the request with its splices, and with the lengths of the messages around them
 *
 * A view indexes what can be edited of one message: its attributes, its texts, its events and links. Everything else
 * is copied as it is. The edits of one caller are what the next one sees. An attribute that is edited is written anew
 * from its key and its value. A KeyValue in which either stands twice, or which has fields that are unknown, counts as
 * edited.
 *
 * A resource is shown before its spans, wherever it stands in the bytes, and so is a scope. If it stands twice, the
 * last one is the one that spans are shown with (as in otlp_traces_each()); the others are shown, too. A resource that
 * is missing is shown as an empty one.
 *
 * The body is one that passed otlp_traces_check(), with DETECT_PADDING readable bytes behind it. There is no recursion,
 * and memory for splices and new texts is at most the ceiling given at birth.
 */
#ifndef OXP_OTLP_EDIT_H
#define OXP_OTLP_EDIT_H

#include "proto/otlp_wire.h"

enum {
	OTLP_PARTS_MAX = 16384, /* of a view; what has more cannot be edited */
	OTLP_EDIT_PADDING = 16, /* readable bytes behind those of otlp_edit_room() */
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

struct otlp_splice;
struct otlp_room;

struct otlp_edit {
	size_t ceiling, used; /* bytes of everything below */
	struct otlp_room *rooms;
	struct otlp_splice *splices;
	size_t count, room;
	struct bytes body;
	size_t size; /* of the edited request */
	struct otlp_view views[OTLP_LEVELS]; /* those that spans are shown with, and the span at hand */
	struct otlp_view other; /* a resource or scope that stands twice */
	uint64_t kept, dropped, dropped_bytes; /* spans */
};

struct otlp_edit *otlp_edit_new(size_t ceiling) __attribute__((returns_nonnull));
void otlp_edit_free(struct otlp_edit *); /* NULL is fine */
/* Gives back memory that a large request took. */
void otlp_edit_forget(struct otlp_edit *);

/*
 * Shows each resource, then its scopes, each before its spans. `visit` edits the view and answers whether a span stays;
 * scopes and resources go when all of their spans have gone. False for one of these means that it cannot be edited. 0;
 * -EBADMSG: the body is not such a request after all; -ENOSPC: a resource or scope cannot be edited, or splices are
 * beyond the ceiling. After an error nothing can be written.
 */
int otlp_edit_run(struct otlp_edit *, struct bytes body, bool (*visit)(void *, struct otlp_edit *, struct otlp_view *),
	void *context) MUST_CHECK;
static inline bool otlp_edit_changed(const struct otlp_edit *e)
{
	return e->count > 0;
}
/* Writes `size` bytes: the edited request. */
void otlp_edit_write(const struct otlp_edit *, char *to);

/* For a visitor. */

/* Bytes until the next otlp_edit_run(); NULL beyond the ceiling. */
char *otlp_edit_room(struct otlp_edit *, size_t size) MUST_CHECK;

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
/* What is given must live until the request is written. */
void otlp_part_rename(struct otlp_view *, struct otlp_part *, struct bytes key);
void otlp_part_value(struct otlp_view *, struct otlp_part *, struct bytes value);
/* False: no room. */
bool otlp_view_add(struct otlp_view *, struct bytes key, struct bytes value) MUST_CHECK;
/* Sets a field of a text or a message; an empty one is taken out. False: no room. */
bool otlp_view_set(struct otlp_view *, unsigned field, struct bytes content) MUST_CHECK;
/* Adds to a field that is a count. False: no room. */
bool otlp_view_count(struct otlp_edit *, struct otlp_view *, unsigned field, uint64_t more) MUST_CHECK;

/* An AnyValue on the wire. */
enum otlp_any {
	OTLP_ANY_NONE,
	OTLP_ANY_TEXT,
	OTLP_ANY_BOOL,
	OTLP_ANY_INT,
	OTLP_ANY_DOUBLE,
	OTLP_ANY_ARRAY,
	OTLP_ANY_MAP,
	OTLP_ANY_BYTES
};
struct otlp_any_value {
	enum otlp_any type;
	struct bytes bytes; /* of a text, bytes, an array, a map */
	uint64_t number; /* of the others */
};
/* The last one, if there are several. */
struct otlp_any_value otlp_any_read(struct bytes value);

#endif
