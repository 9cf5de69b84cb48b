#include "proto/otlp_mend.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/otlp_field.h"

#define NONE SIZE_MAX
enum { VARINT_DIGITS = 7, NAME_SHOWN = 32, EDIT_SIZE_MAX = (1 << 30) - 1 };

enum edit_kind {
	EDIT_LENGTH, /* `at` a message's length: it is `size` now */
	EDIT_TEXT, /* `at` a string's length: mended, it has `size` bytes */
	EDIT_DROP, /* `at` a field: `size` bytes from there on are left out */
};

/* Edits are in the order of the request: that of a message comes before those of its content. */
struct edit {
	uint32_t at;
	uint32_t kind : 2, size : 30;
};
_Static_assert(OTLP_MEND_MAX <= EDIT_SIZE_MAX / 3, "a mended request may be thrice as long");

/*
 * What is known of a message of the walk, beside its frame.
 *
 * Invariant: when it has an edit, all messages around it have one, with lower numbers.
 */
struct layer {
	const unsigned char *field; /* its tag */
	size_t edit; /* of its length; NONE while nothing in it has changed */
	int64_t growth; /* of its content */
	uint64_t texts, values, links; /* as they were before it */
	bool kept, refused; /* some of its spans are taken; are refused */
	enum otlp_fault fault; /* why it is left out */
};

struct survey {
	struct walk walk;
	const unsigned char *start, *end;
	struct edit *edits; /* NULL: they are only counted */
	size_t count, most; /* now, and at any time so far */
	struct otlp_mend sum;
	struct otlp_summary walked;
	unsigned doomed; /* depth of the current message that will be left out as a whole; 0: none */
	struct layer layers[OTLP_DEPTH_MAX];
};

/* Where the parts of a length-delimited field are. */
struct head {
	const unsigned char *length, *content;
	size_t size;
};

static struct head head_of(const struct survey *s, const unsigned char *field)
{
	struct head h = { .length = field };
	uint64_t tag, size = 0;
	enum wire_varint bad = wire_varint(&h.length, s->end, &tag);

	h.content = h.length;
	bad = bad ? bad : wire_varint(&h.content, s->end, &size);
	OXP_ASSERT(!bad); /* the walk has read it */
	h.size = size;
	return h;
}

static void add_edit(struct survey *s, enum edit_kind kind, const unsigned char *at, uint64_t size)
{
	if (s->edits)
		s->edits[s->count] = (struct edit){
			.at = (uint32_t)(at - s->start), .kind = kind, .size = (uint32_t)size & EDIT_SIZE_MAX
		};
	s->count++;
	if (s->most < s->count)
		s->most = s->count;
}

/* The current messages down to that depth will have other lengths. */
static void mark(struct survey *s, unsigned depth)
{
	unsigned first = depth + 1;

	while (first > 1 && s->layers[first - 1].edit == NONE)
		first--;
	for (unsigned i = first; i <= depth; i++) {
		s->layers[i].edit = s->count;
		add_edit(s, EDIT_LENGTH, head_of(s, s->layers[i].field).length, 0);
	}
}

static void drop_field(struct survey *s, unsigned depth, const unsigned char *field)
{
	struct head h = head_of(s, field);
	size_t whole = (size_t)(h.content - field) + h.size;

	mark(s, depth);
	add_edit(s, EDIT_DROP, field, whole);
	s->layers[depth].growth -= (int64_t)whole;
}

static void mend_text(struct survey *s)
{
	unsigned depth = s->walk.depth;
	struct head h = head_of(s, s->walk.field);
	size_t size = utf8_mend((const char *)h.content, h.size, NULL);

	mark(s, depth);
	add_edit(s, EDIT_TEXT, h.length, size);
	s->layers[depth].growth +=
		(int64_t)size - (int64_t)h.size + (int64_t)wire_varint_size(size) - (h.content - h.length);
	s->sum.texts++;
}

static void empty_value(struct survey *s)
{
	drop_field(s, s->walk.depth, s->walk.field);
	s->sum.values++;
}

static void doom(struct survey *s, unsigned depth, enum otlp_fault fault)
{
	if (s->doomed)
		return;
	s->doomed = depth;
	s->layers[depth].fault = fault;
}

static enum otlp_fault note(struct survey *s, enum otlp_fault fault)
{
	struct head h;

	if (!otlp_fault_can_be_mended(fault))
		return fault;
	if (fault == OTLP_DEEP) {
		h = head_of(s, s->walk.field);
		s->walk.at = h.content + h.size;
	}
	if (s->doomed)
		return OTLP_OK;
	if (fault == OTLP_UTF8)
		mend_text(s);
	else if (fault == OTLP_DEEP)
		empty_value(s);
	else
		doom(s, s->walk.depth, fault);
	return OTLP_OK;
}

static void begin_message(struct survey *s)
{
	s->layers[s->walk.depth] = (struct layer){ .field = s->walk.field,
		.edit = NONE,
		.texts = s->sum.texts,
		.values = s->sum.values,
		.links = s->sum.links };
}

static void refuse_span(struct survey *s, const struct layer *l)
{
	struct head h = head_of(s, l->field);

	s->sum.refused_bytes += (size_t)(h.content - l->field) + h.size;
	if (s->sum.refused++ > 0)
		return;
	s->sum.fault = l->fault;
	s->sum.number = s->walked.spans;
	s->sum.span = (struct bytes){ (const char *)h.content, h.size };
}

/* Undoes what was done within it. */
static void leave_out(struct survey *s, unsigned depth, unsigned message)
{
	struct layer *l = &s->layers[depth];

	if (l->edit != NONE)
		s->count = l->edit;
	s->sum.texts = l->texts;
	s->sum.values = l->values;
	s->sum.links = l->links + (message == LINK);
	if (message == SPAN)
		refuse_span(s, l);
	l[-1].refused |= message != LINK;
	drop_field(s, depth - 1, l->field);
}

static void take_message(struct survey *s, unsigned depth, unsigned message)
{
	struct layer *l = &s->layers[depth];
	struct head h;
	uint64_t size;

	s->sum.spans += message == SPAN;
	l[-1].kept |= l->kept || message == SPAN;
	if (l->edit == NONE)
		return;
	h = head_of(s, l->field);
	size = (uint64_t)((int64_t)h.size + l->growth);
	if (s->edits)
		s->edits[l->edit].size = (uint32_t)size & EDIT_SIZE_MAX;
	l[-1].growth += l->growth + (int64_t)wire_varint_size(size) - (h.content - h.length);
}

static void end_message(struct survey *s)
{
	unsigned depth = s->walk.depth, message = s->walk.frames[depth].message;
	const struct layer *l = &s->layers[depth];
	bool hollow = l->refused && !l->kept;
	enum otlp_fault fault = pop(&s->walk, &s->walked);

	if (fault)
		doom(s, depth, fault);
	if (s->doomed != depth && !hollow) {
		take_message(s, depth, message);
		return;
	}
	s->doomed = 0;
	leave_out(s, depth, message);
}

static enum otlp_fault survey_step(struct survey *s)
{
	unsigned depth = s->walk.depth;
	enum otlp_fault fault;

	if (s->walk.at == s->walk.end) {
		end_message(s);
		return OTLP_OK;
	}
	fault = field(&s->walk);
	if (s->walk.depth > depth)
		begin_message(s);
	return fault ? note(s, fault) : OTLP_OK;
}

/* `edits` has room for everything that a survey without edits counted at most. */
static enum otlp_fault survey(struct survey *s, struct bytes body, struct edit *edits)
{
	enum otlp_fault fault = OTLP_OK;

	OXP_ASSERT(body.size <= OTLP_MEND_MAX);
	walk_start(&s->walk, body.data, body.size);
	s->start = s->walk.at;
	s->end = s->walk.end;
	s->edits = edits;
	s->count = s->most = s->doomed = 0;
	s->sum = (struct otlp_mend){ .fault = OTLP_OK };
	s->walked = (struct otlp_summary){ 0 };
	s->layers[0] = (struct layer){ .edit = NONE };
	while (!fault && (s->walk.depth > 0 || s->walk.at < s->walk.end))
		fault = survey_step(s);
	s->sum.size = (size_t)((int64_t)body.size + s->layers[0].growth);
	s->sum.room = s->sum.size + sizeof(struct edit) + s->most * sizeof(struct edit);
	return fault;
}

enum otlp_fault otlp_mend_plan(struct bytes body, struct otlp_mend *ret, size_t *ret_at)
{
	struct survey s;
	enum otlp_fault fault = survey(&s, body, NULL);

	*ret = s.sum;
	*ret_at = fault ? (size_t)(s.walk.field - s.start) : body.size;
	return fault;
}

static char *put_varint(char *to, uint64_t value)
{
	for (; value >> VARINT_DIGITS; value >>= VARINT_DIGITS)
		*to++ = (char)(value | 0x80);
	*to++ = (char)value;
	return to;
}

static char *put_bytes(char *to, const unsigned char *from, const unsigned char *until)
{
	if (until > from)
		memcpy(to, from, (size_t)(until - from));
	return to + (until - from);
}

/* Writes a new length, and the text that has it. */
static char *put_length(const struct survey *s, const struct edit *e, const unsigned char **at, char *to)
{
	uint64_t size = 0;
	enum wire_varint bad = wire_varint(at, s->end, &size);

	OXP_ASSERT(!bad);
	to = put_varint(to, e->size);
	if (e->kind == EDIT_TEXT) {
		to += utf8_mend((const char *)*at, size, to);
		*at += size;
	}
	return to;
}

/* Copies the request with its edits; returns the end of what was written. */
static char *apply(const struct survey *s, char *to)
{
	const unsigned char *at = s->start;

	for (const struct edit *e = s->edits; e < s->edits + s->count; e++) {
		to = put_bytes(to, at, s->start + e->at);
		at = s->start + e->at;
		if (e->kind == EDIT_DROP)
			at += e->size;
		else
			to = put_length(s, e, &at, to);
	}
	return put_bytes(to, at, s->end);
}

/* The edits are stored behind what is written. */
static struct edit *edits_behind(char *to, size_t size)
{
	uintptr_t at = (uintptr_t)(to + size), step = _Alignof(struct edit);

	return (struct edit *)(to + size + (step - at % step) % step);
}

void otlp_mend_write(struct bytes body, const struct otlp_mend *plan, char *to)
{
	struct survey s;
	enum otlp_fault fault = survey(&s, body, edits_behind(to, plan->size));

	const char *end;

	OXP_ASSERT(!fault && s.sum.size == plan->size && s.sum.room == plan->room);
	end = apply(&s, to);
	OXP_ASSERT(end == to + plan->size);
}

/* Telling. */

struct told {
	char *to;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void tell(struct told *n, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(n->to, n->room, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= n->room)
		size = n->room ? (int)n->room - 1 : 0;
	n->to += size;
	n->room -= (size_t)size;
}

/* The beginning of the span's name, "" when it has none. */
static void name_of(struct bytes span, char to[3 * NAME_SHOWN + 1])
{
	struct bytes name = wire_last(span, 5, NULL);
	size_t size = name.size < NAME_SHOWN ? name.size : NAME_SHOWN;

	while (size > 0 && size < name.size && ((unsigned char)name.data[size] & 0xc0) == 0x80)
		size--;
	to[utf8_mend(name.data, size, to)] = '\0';
	text_one_line(to);
}

void otlp_mend_tell(const struct otlp_mend *m, char *to, size_t room)
{
	struct told n = { to, room };
	char name[3 * NAME_SHOWN + 1];

	to[0] = '\0';
	if (m->refused) {
		name_of(m->span, name);
		tell(&n, "%llu of %llu spans refused; the first is span %llu, \"%s\": %s",
			(unsigned long long)m->refused, (unsigned long long)(m->refused + m->spans),
			(unsigned long long)m->number, name, otlp_fault_name(m->fault));
	}
	if (m->texts)
		tell(&n, "%sstrings that were not UTF-8: %llu (each bad byte is now U+FFFD)", n.to > to ? "; " : "",
			(unsigned long long)m->texts);
	if (m->values)
		tell(&n, "%svalues nested deeper than %d levels: %llu (now empty)", n.to > to ? "; " : "",
			OTLP_LEVELS_MAX, (unsigned long long)m->values);
	if (m->links)
		tell(&n, "%slinks with an id of the wrong size: %llu (left out)", n.to > to ? "; " : "",
			(unsigned long long)m->links);
}
