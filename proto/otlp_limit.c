#include "proto/otlp_limit.h"

#include "proto/otlp_build.h"
#include "proto/otlp_fault.h"

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

/* A message on its way into another. */
struct walk {
	const struct otlp_limits *limits;
	struct otlp_build to;
	uint64_t attributes; /* so far */
	uint64_t dropped; /* as the message says */
	bool changed, failed;
	unsigned depth;
	struct {
		struct wire at;
		size_t begun;
		enum kind kind;
	} frames[OTLP_DEPTH_MAX];
};

static void enter(struct walk *w, unsigned field, enum kind kind, struct bytes message)
{
	if (w->depth == OTLP_DEPTH_MAX) {
		w->failed = true;
		return;
	}
	w->frames[w->depth].begun = field ? otlp_build_begin(&w->to, field) : 0;
	w->frames[w->depth].at = wire_of(message);
	w->frames[w->depth].kind = kind;
	w->depth++;
}

static void leave(struct walk *w)
{
	w->depth--;
	if (w->frames[w->depth].begun)
		otlp_build_end(&w->to, w->frames[w->depth].begun);
}

static void cut(struct walk *w, const struct wire_field *f, bool characters)
{
	struct bytes kept = f->bytes;

	if (kept.size > w->limits->value_length) {
		w->changed = true;
		kept.size = (size_t)w->limits->value_length;
		while (characters && kept.size > 0 && ((unsigned char)kept.data[kept.size] & 0xc0) == 0x80)
			kept.size--;
	}
	otlp_build_bytes(&w->to, f->number, kept);
}

static void on_attribute(struct walk *w, const struct wire_field *f)
{
	if (w->attributes++ < w->limits->attributes)
		enter(w, f->number, PAIR, f->bytes);
	else
		w->changed = true;
}

static void on_field(struct walk *w, const struct wire_field *f, struct bytes whole)
{
	enum kind message = w->frames[w->depth - 1].kind;
	unsigned kind = f->number < FIELDS_MAX ? kinds[message][f->number] : COPIED;

	if (kind == DROPPED && f->type == WIRE_VARINT)
		w->dropped = f->value;
	else if (kind == COPIED || f->type != WIRE_LENGTH)
		otlp_build_raw(&w->to, whole);
	else if (kind == ATTRIBUTE)
		on_attribute(w, f);
	else if (kind == TEXT || kind == BYTES)
		cut(w, f, kind == TEXT);
	else
		enter(w, f->number, (enum kind)kind, f->bytes);
}

static void walk_on(struct walk *w)
{
	struct wire *at = &w->frames[w->depth - 1].at;
	const char *from = (const char *)at->at;
	struct wire_field f;
	int more = wire_next(at, &f);

	if (more < 0)
		w->failed = true;
	else if (more > 0)
		on_field(w, &f, (struct bytes){ from, (size_t)((const char *)at->at - from) });
	else
		leave(w);
}

/* With no room it only counts. False: it is no such message. */
static bool build(struct walk *w, enum otlp_limited what, struct bytes message)
{
	uint64_t most = w->limits->attributes;

	enter(w, 0, messages[what].kind, message);
	while (w->depth > 0 && !w->failed)
		walk_on(w);
	if (w->attributes > most)
		w->dropped += w->attributes - most;
	if (w->dropped > 0)
		otlp_build_number(&w->to, messages[what].dropped, w->dropped < UINT32_MAX ? w->dropped : UINT32_MAX);
	return !w->failed;
}

bool otlp_limit(struct otlp_edit *e, const struct otlp_limits *limits, enum otlp_limited what, struct bytes message,
	struct bytes *ret)
{
	struct walk w;
	size_t size;

	w.limits = limits;
	w.to = (struct otlp_build){ .to = NULL };
	w.attributes = w.dropped = w.depth = 0;
	w.changed = w.failed = false;
	if (!build(&w, what, message))
		return false;
	if (!w.changed)
		return true;
	size = w.to.size;
	w.to = (struct otlp_build){ .to = otlp_edit_room(e, size), .room = size };
	if (!w.to.to)
		return false;
	w.attributes = w.dropped = 0;
	OXP_ASSERT(build(&w, what, message) && w.to.size == size);
	*ret = (struct bytes){ w.to.to, size };
	return true;
}
