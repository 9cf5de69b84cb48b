#include "proto/otlp_limit.h"

#include "proto/otlp_copy.h"

/* What messages hold: others, which are walked, leaves that may be cut, and what is counted. */
enum kind { COPIED, ANY, ARRAY, MAP, PAIR, EVENT, LINK, MESSAGES, TEXT = 16, BYTES, ATTRIBUTE, DROPPED };
enum { FIELDS_MAX = 8 };

static const unsigned char kinds[MESSAGES][FIELDS_MAX] = {
	[ANY] = { [OTLP_VALUE_TEXT] = TEXT,
		[OTLP_VALUE_ARRAY] = ARRAY,
		[OTLP_VALUE_MAP] = MAP,
		[OTLP_VALUE_BYTES] = BYTES },
	[ARRAY] = { [1] = ANY },
	[MAP] = { [1] = PAIR },
	[PAIR] = { [2] = ANY },
	[EVENT] = { [3] = ATTRIBUTE, [4] = DROPPED },
	[LINK] = { [4] = ATTRIBUTE, [5] = DROPPED },
};

static const struct {
	enum kind kind;
	unsigned dropped; /* the field */
} messages[] = {
	[OTLP_LIMITED_EVENT] = { EVENT, 4 },
	[OTLP_LIMITED_LINK] = { LINK, 5 },
	[OTLP_LIMITED_VALUE] = { ANY, 0 },
};

struct walk {
	const struct otlp_limits *limits;
	struct otlp_copy copy;
	uint64_t attributes; /* so far */
	uint64_t dropped; /* as the message says */
	bool changed;
};

static void cut(struct walk *w, const struct wire_field *f, bool characters)
{
	struct bytes kept = f->bytes;

	if (kept.size > w->limits->value_length) {
		w->changed = true;
		kept.size = (size_t)w->limits->value_length;
		while (characters && kept.size > 0 && ((unsigned char)kept.data[kept.size] & 0xc0) == 0x80)
			kept.size--;
	}
	otlp_build_bytes(&w->copy.to, f->number, kept);
}

static void on_attribute(struct walk *w, const struct wire_field *f)
{
	if (w->attributes++ < w->limits->attributes)
		otlp_copy_enter(&w->copy, f->number, PAIR, f->bytes);
	else
		w->changed = true;
}

static void on_field(struct walk *w, unsigned message, const struct wire_field *f, struct bytes whole)
{
	unsigned kind = f->number < FIELDS_MAX ? kinds[message][f->number] : COPIED;

	if (kind == DROPPED && f->type == WIRE_VARINT)
		w->dropped = f->value;
	else if (kind == COPIED || f->type != WIRE_LENGTH)
		otlp_build_raw(&w->copy.to, whole);
	else if (kind == ATTRIBUTE)
		on_attribute(w, f);
	else if (kind == TEXT || kind == BYTES)
		cut(w, f, kind == TEXT);
	else
		otlp_copy_enter(&w->copy, f->number, kind, f->bytes);
}

/* With no room it only counts. False: it is no such message. */
static bool build(struct walk *w, struct otlp_build to, enum otlp_limited what, struct bytes message)
{
	uint64_t most = w->limits->attributes;
	struct wire_field f;
	struct bytes raw;
	unsigned kind;

	w->attributes = w->dropped = 0;
	otlp_copy_begin(&w->copy, to, messages[what].kind, message);
	while (otlp_copy_next(&w->copy, &f, &raw, &kind))
		on_field(w, kind, &f, raw);
	if (w->attributes > most)
		w->dropped += w->attributes - most;
	if (w->dropped > 0)
		otlp_build_number(
			&w->copy.to, messages[what].dropped, w->dropped < UINT32_MAX ? w->dropped : UINT32_MAX);
	return !w->copy.failed;
}

bool otlp_limit(struct otlp_edit *e, const struct otlp_limits *limits, enum otlp_limited what, struct bytes message,
	struct bytes *ret)
{
	struct walk w;
	struct otlp_build to = { .to = NULL };

	w.limits = limits;
	w.changed = false;
	if (!build(&w, to, what, message))
		return false;
	if (!w.changed)
		return true;
	to.room = w.copy.to.size;
	to.to = otlp_edit_room(e, to.room);
	if (!to.to)
		return false;
	OXP_ASSERT(build(&w, to, what, message) && w.copy.to.size == to.room);
	*ret = (struct bytes){ to.to, to.room };
	return true;
}
