#include "proto/otlp_redact.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/otlp_copy.h"

enum { NUMBER_SIZE = 32, TEXT_KEPT = 32 << 10, STEP = 4 << 10 };

/* What messages hold: others, which are walked, or leaves. */
enum kind { ANY, ARRAY, MAP, PAIR, EVENT, LINK, STATUS, MESSAGES, COPIED = 0, TEXT = 16, INT, DOUBLE };
enum { FIELDS_MAX = 8 };

/* 0 (ANY is never in its own field): a field that is copied. An AnyValue stands as ANY + MESSAGES there. */
enum { VALUE = ANY + MESSAGES };
static const unsigned char kinds[MESSAGES][FIELDS_MAX] = {
	[ANY] = { [1] = TEXT, [3] = INT, [4] = DOUBLE, [5] = ARRAY, [6] = MAP, [7] = TEXT },
	[ARRAY] = { [1] = VALUE },
	[MAP] = { [1] = PAIR },
	[PAIR] = { [2] = VALUE },
	[EVENT] = { [2] = TEXT, [3] = PAIR },
	[LINK] = { [4] = PAIR },
	[STATUS] = { [2] = TEXT },
};

struct walk {
	struct otlp_redact *r;
	struct otlp_copy copy;
	bool found;
};

void otlp_redact_init(struct otlp_redact *r, size_t ceiling)
{
	redact_init(&r->redact, json_scan_best(), ceiling);
	buffer_init(&r->text, ceiling);
	buffer_init(&r->message, ceiling);
}

void otlp_redact_done(struct otlp_redact *r)
{
	redact_done(&r->redact);
	buffer_done(&r->text);
	buffer_done(&r->message);
}

void otlp_redact_forget(struct otlp_redact *r, size_t kept)
{
	struct buffer *all[] = { &r->text, &r->message, &r->redact.plain, &r->redact.clean };

	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (all[i]->room > kept)
			buffer_done(all[i]);
}

/* r->text becomes the clean form of the text. Of a long one that is about as much as there is, not up to twice that. */
static enum redacted clean_text(struct otlp_redact *r, struct bytes text)
{
	buffer_clear(&r->text);
	if (text.size > TEXT_KEPT)
		(void)!buffer_reserve_step(&r->text, text.size + text.size / 4, STEP);
	return redact_text(&r->redact, text, &r->text);
}

/* r->text becomes what stands in place of the number, if it is a card. */
static enum redacted clean_number(struct otlp_redact *r, const char *digits)
{
	char padded[NUMBER_SIZE + DETECT_PADDING] = "";
	size_t size = strlen(digits);

	memcpy(padded, digits, size);
	if (!redact_is_card(&r->redact, (struct bytes){ padded, size }))
		return REDACT_NOTHING;
	buffer_clear(&r->text);
	if (r->redact.with == REDACT_REMOVE)
		return REDACT_FOUND;
	return redact_stand_in(&r->redact, (struct bytes){ padded, size }, &r->text) ? REDACT_FAILED : REDACT_FOUND;
}

static enum redacted clean_int(struct otlp_redact *r, uint64_t number)
{
	char digits[NUMBER_SIZE];

	if (!(r->redact.detector.what & DETECT_CARD) || number > INT64_MAX)
		return REDACT_NOTHING;
	digits[u64_format(number, digits)] = '\0';
	return clean_number(r, digits);
}

static enum redacted clean_double(struct otlp_redact *r, uint64_t bits)
{
	char digits[NUMBER_SIZE];
	double number;

	memcpy(&number, &bits, sizeof number);
	if (!(r->redact.detector.what & DETECT_CARD) || !(number >= 0 && number < 1e19) ||
		number != (double)(uint64_t)number)
		return REDACT_NOTHING;
	digits[u64_format((uint64_t)number, digits)] = '\0';
	return clean_number(r, digits);
}

/* r->text becomes what stands in place of the whole value. False: no room. */
static bool stand_in(struct otlp_redact *r, struct bytes value)
{
	struct otlp_any any = otlp_any_read(value);
	struct bytes what = any.type == OTLP_VALUE_TEXT || any.type == OTLP_VALUE_BYTES ? any.bytes : value;

	buffer_clear(&r->text);
	return !redact_stand_in(&r->redact, what, &r->text);
}

/* Values and messages with others in them. */

/* An attribute that is named by a key goes, or gets another value. */
static void take_out(struct walk *w, unsigned field, struct bytes key, struct bytes pair)
{
	struct otlp_value text = { .type = OTLP_VALUE_TEXT };

	w->found = true;
	if (w->r->redact.with == REDACT_REMOVE)
		return;
	w->copy.failed = !stand_in(w->r, wire_last(pair, 2, NULL));
	text.bytes = buffer_bytes(&w->r->text);
	otlp_build_attribute(&w->copy.to, field, key, &text);
}

static void on_pair(struct walk *w, const struct wire_field *f)
{
	struct bytes key = wire_last(f->bytes, 1, NULL);

	if (redact_is_plain_key(&w->r->redact, key))
		take_out(w, f->number, key, f->bytes);
	else
		otlp_copy_enter(&w->copy, f->number, PAIR, f->bytes);
}

/* Of a leaf: appends its clean form, or the field as it is. A number that is a card becomes a text. */
static void on_leaf(struct walk *w, unsigned kind, const struct wire_field *f, struct bytes raw)
{
	enum redacted found = kind == INT      ? clean_int(w->r, f->value)
			      : kind == DOUBLE ? clean_double(w->r, f->value)
					       : clean_text(w->r, f->bytes);

	w->copy.failed = found == REDACT_FAILED;
	if (found != REDACT_FOUND) {
		otlp_build_raw(&w->copy.to, raw);
		return;
	}
	w->found = true;
	otlp_build_bytes(&w->copy.to, kind == TEXT ? f->number : OTLP_VALUE_TEXT, buffer_bytes(&w->r->text));
}

static void on_field(struct walk *w, unsigned message, const struct wire_field *f, struct bytes raw)
{
	unsigned kind = f->number < FIELDS_MAX ? kinds[message][f->number] : COPIED;

	if (kind == PAIR && f->type == WIRE_LENGTH)
		on_pair(w, f);
	else if (kind >= TEXT)
		on_leaf(w, kind, f, raw);
	else if (kind != COPIED && f->type == WIRE_LENGTH)
		otlp_copy_enter(&w->copy, f->number, kind == VALUE ? ANY : kind, f->bytes);
	else
		otlp_build_raw(&w->copy.to, raw);
}

static bool rewrite(struct walk *w, struct otlp_build to, enum kind kind, struct bytes message)
{
	struct wire_field f;
	struct bytes raw;
	unsigned within;

	w->found = false;
	otlp_copy_begin(&w->copy, to, kind, message);
	while (otlp_copy_next(&w->copy, &f, &raw, &within))
		on_field(w, within, &f, raw);
	return !w->copy.failed;
}

/* r->message becomes the clean form of the message. */
static enum redacted clean_message(struct otlp_redact *r, enum kind kind, struct bytes message)
{
	struct walk w;
	size_t room = message.size + message.size / 2 + 64;
	bool failed;

	w.r = r;
	do {
		struct otlp_build to = { .room = room };
		buffer_clear(&r->message);
		to.to = buffer_reserve_step(&r->message, room, STEP);
		failed = !to.to || !rewrite(&w, to, kind, message);
		room = failed ? 0 : w.copy.to.size;
	} while (!failed && room > w.copy.to.room);
	r->message.size = room;
	buffer_give_back(&r->text, TEXT_KEPT); /* a long text stands in two places at a time, not in three */
	return failed ? REDACT_FAILED : w.found ? REDACT_FOUND : REDACT_NOTHING;
}

/* Parts of a view. */

static bool keep(struct otlp_edit *e, struct bytes made, struct bytes *ret)
{
	char *to = otlp_edit_room(e, made.size);

	if (!to)
		return false;
	if (made.size > 0)
		memcpy(to, made.data, made.size);
	*ret = (struct bytes){ to, made.size };
	return true;
}

/* r->text as a value. */
static bool keep_text(struct otlp_redact *r, struct otlp_edit *e, enum otlp_value_type type, struct bytes *ret)
{
	struct otlp_build b = { .room = 1 + wire_varint_size(r->text.size) + r->text.size };

	b.to = otlp_edit_room(e, b.room);
	if (!b.to)
		return false;
	otlp_build_bytes(&b, type, buffer_bytes(&r->text));
	*ret = (struct bytes){ b.to, b.size };
	return true;
}

/* Of a value that is one field. */
static enum redacted clean_any(struct otlp_redact *r, const struct otlp_any *any)
{
	if (any->type == OTLP_VALUE_TEXT || any->type == OTLP_VALUE_BYTES)
		return clean_text(r, any->bytes);
	if (any->type == OTLP_VALUE_INT)
		return clean_int(r, any->number);
	return any->type == OTLP_VALUE_DOUBLE ? clean_double(r, any->number) : REDACT_NOTHING;
}

static bool is_one_field(struct bytes value)
{
	struct wire w = wire_of(value.data ? value : (struct bytes){ "", 0 });
	struct wire_field f;

	return wire_next(&w, &f) <= 0 || w.at == w.end;
}

/* A short text in which nothing can be found, as nearly all are. */
static bool is_plain_text(const struct otlp_redact *r, struct bytes value)
{
	const unsigned char *p = (const unsigned char *)value.data;

	return value.size >= 2 && p[0] == (OTLP_VALUE_TEXT << 3 | WIRE_LENGTH) && p[1] == value.size - 2 &&
	       redact_finds_nothing(&r->redact, (struct bytes){ value.data + 2, value.size - 2 });
}

/* A number that is no card, as it is if cards are not looked for. */
static bool is_plain_number(const struct otlp_redact *r, struct bytes value)
{
	const unsigned char *p = (const unsigned char *)value.data;

	if (r->redact.detector.what & DETECT_CARD || value.size < 2 || p[0] != (OTLP_VALUE_INT << 3 | WIRE_VARINT))
		return false;
	for (size_t i = 1; i + 1 < value.size; i++)
		if (p[i] < 0x80)
			return false;
	return p[value.size - 1] < 0x80;
}

static bool clean_attribute(struct otlp_redact *r, struct otlp_edit *e, struct otlp_view *v, struct otlp_part *p)
{
	struct otlp_any any;
	bool deep;
	enum redacted found;
	struct bytes value;

	if (is_plain_text(r, p->value) || is_plain_number(r, p->value))
		return true;
	any = otlp_any_read(p->value);
	deep = any.type == OTLP_VALUE_ARRAY || any.type == OTLP_VALUE_MAP || !is_one_field(p->value);
	found = deep ? clean_message(r, ANY, p->value) : clean_any(r, &any);
	if (found != REDACT_FOUND)
		return found == REDACT_NOTHING;
	if (deep ? !keep(e, buffer_bytes(&r->message), &value)
		 : !keep_text(r, e, any.type == OTLP_VALUE_BYTES ? OTLP_VALUE_BYTES : OTLP_VALUE_TEXT, &value))
		return false;
	otlp_part_value(v, p, value);
	return true;
}

static bool on_attribute(struct otlp_redact *r, struct otlp_edit *e, struct otlp_view *v, struct otlp_part *p)
{
	struct bytes value;

	if (!redact_is_plain_key(&r->redact, p->key))
		return clean_attribute(r, e, v, p);
	if (r->redact.with == REDACT_REMOVE) {
		otlp_part_drop(v, p);
		return true;
	}
	if (!stand_in(r, p->value) || !keep_text(r, e, OTLP_VALUE_TEXT, &value))
		return false;
	otlp_part_value(v, p, value);
	return true;
}

static bool on_message(struct otlp_redact *r, struct otlp_edit *e, struct otlp_view *v, struct otlp_part *p)
{
	enum kind kind = p->field == OTLP_SPAN_EVENTS ? EVENT : p->field == OTLP_SPAN_LINKS ? LINK : STATUS;
	enum redacted found = clean_message(r, kind, p->value);
	struct bytes made;

	if (found != REDACT_FOUND)
		return found == REDACT_NOTHING;
	if (!keep(e, buffer_bytes(&r->message), &made))
		return false;
	otlp_part_value(v, p, made);
	return true;
}

static bool on_name(struct otlp_redact *r, struct otlp_edit *e, struct otlp_view *v, struct otlp_part *p)
{
	enum redacted found = clean_text(r, p->value);
	struct bytes made;

	if (found != REDACT_FOUND)
		return found == REDACT_NOTHING;
	if (!keep(e, buffer_bytes(&r->text), &made))
		return false;
	otlp_part_value(v, p, made);
	return true;
}

static bool on_part(struct otlp_redact *r, struct otlp_edit *e, struct otlp_view *v, struct otlp_part *p)
{
	if (p->field == v->attributes)
		return on_attribute(r, e, v, p);
	if (v->level != OTLP_SPAN || p->wire != WIRE_LENGTH || p->field == OTLP_SPAN_TRACE_STATE)
		return true;
	return p->field == OTLP_SPAN_NAME ? on_name(r, e, v, p) : p->value.size == 0 || on_message(r, e, v, p);
}

bool otlp_redact_view(struct otlp_redact *r, struct otlp_edit *e, struct otlp_view *v)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->parts[i].state != OTLP_PART_GONE && !on_part(r, e, v, &v->parts[i]))
			return false;
	return true;
}
