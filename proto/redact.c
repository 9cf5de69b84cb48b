#include "proto/redact.h"

#include <xxhash.h>

#include "base/text.h"
#include "proto/text_pair.h"

enum { STRING_KEPT = 32 << 10 };
enum { CARD_DIGITS_MIN = 13, HASH_SIZE = sizeof(XXH128_canonical_t), HEX_SIZE = 2 * HASH_SIZE };

static const char mask[] = "***";

void redact_init(struct redact *r, const struct json_scan *scan, size_t ceiling)
{
	*r = (struct redact){ .scan = scan, .state = XXH3_createState() };
	OXP_ASSERT(r->state && "out of memory");
	detector_init(&r->detector, 0);
	buffer_init(&r->plain, ceiling);
	buffer_init(&r->clean, ceiling);
}

void redact_done(struct redact *r)
{
	XXH3_freeState(r->state);
	buffer_done(&r->plain);
	buffer_done(&r->clean);
}

void redact_give_back(struct redact *r, size_t kept)
{
	buffer_give_back(&r->plain, kept);
	buffer_give_back(&r->clean, kept);
}

static int append(struct buffer *out, const char *from, const char *to)
{
	return buffer_append(out, from, (size_t)(to - from));
}

static int append_hash(const struct redact *r, struct bytes what, struct buffer *out)
{
	XXH128_canonical_t canonical;
	char hex[HEX_SIZE];

	XXH3_128bits_reset(r->state);
	XXH3_128bits_update(r->state, r->salt.data, r->salt.size);
	XXH3_128bits_update(r->state, what.data, what.size);
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(r->state));
	hex_format(&canonical, HASH_SIZE, hex);
	return buffer_append(out, hex, sizeof hex);
}

int redact_stand_in(const struct redact *r, struct bytes what, struct buffer *out)
{
	if (r->with == REDACT_REMOVE)
		return 0;
	return r->with == REDACT_HASH ? append_hash(r, what, out) : buffer_append(out, mask, sizeof mask - 1);
}

/* Strings. */

/* A string on its way: the next match of each kind stays until it is passed, so that none is looked for twice. */
struct matches {
	const struct redact *r;
	struct bytes text;
	struct text_pairs pairs;
	struct detected shape, pair;
	bool shapes, named; /* there is such a match, or it was not looked for yet */
};

static void matches_begin(struct matches *m, const struct redact *r, struct bytes text)
{
	*m = (struct matches){ .r = r, .text = text, .shapes = r->detector.what, .named = r->in_text };
	if (m->named)
		text_pairs_begin(&m->pairs, &r->keys, text);
}

static bool is_passed(const struct detected *d, size_t at)
{
	return d->to == 0 || d->from < at;
}

/* The first match of the detectors, or of a value behind a name; if they overlap, both as one. */
static bool matches_next(struct matches *m, size_t at, struct detected *ret)
{
	if (m->shapes && is_passed(&m->shape, at))
		m->shapes = detect_next(&m->r->detector, m->text, at, &m->shape);
	if (m->named && is_passed(&m->pair, at))
		m->named = text_pairs_next(&m->pairs, at, &m->pair);
	if (!m->shapes || !m->named) {
		*ret = m->shapes ? m->shape : m->pair;
		return m->shapes || m->named;
	}
	*ret = m->shape.from < m->pair.from ? m->shape : m->pair;
	if (m->shape.from <= m->pair.to && m->pair.from <= m->shape.to)
		ret->to = m->shape.to > m->pair.to ? m->shape.to : m->pair.to;
	return true;
}

/* Appends the text without what is found in it, the first match being known. */
static int clean_text(struct matches *m, struct detected d, struct buffer *out)
{
	struct bytes text = m->text;
	size_t done = 0;
	int failed = 0;

	do {
		failed = buffer_append(out, text.data + done, d.from - done);
		if (!failed)
			failed = redact_stand_in(m->r, (struct bytes){ text.data + d.from, d.to - d.from }, out);
		done = d.to;
	} while (!failed && matches_next(m, done, &d));
	if (failed)
		return failed;
	return buffer_append(out, text.data + done, text.size - done);
}

/* The first match in a string; one with escapes is looked at as it reads, in r->plain. */
static enum redacted search(struct redact *r, struct bytes inner, struct matches *m, struct detected *ret)
{
	if (json_is_escaped(inner)) {
		buffer_clear(&r->plain);
		if (json_decode(inner, &r->plain) || !buffer_reserve(&r->plain, DETECT_PADDING))
			return REDACT_FAILED;
		inner = buffer_bytes(&r->plain);
	}
	matches_begin(m, r, inner);
	return matches_next(m, 0, ret) ? REDACT_FOUND : REDACT_NOTHING;
}

static int append_plain(struct redact *r, struct matches *m, struct detected d, struct buffer *out)
{
	int failed;

	buffer_clear(&r->clean);
	failed = clean_text(m, d, &r->clean);
	buffer_give_back(&r->plain, STRING_KEPT); /* a long string stands in two buffers at a time, not in three */
	if (!failed)
		failed = json_string_append(out, r->clean.size ? r->clean.data : "", r->clean.size);
	buffer_give_back(&r->clean, STRING_KEPT);
	return failed;
}

static int append_quoted(struct matches *m, struct detected d, struct buffer *out)
{
	int failed = buffer_append(out, "\"", 1);

	if (!failed)
		failed = clean_text(m, d, out);
	if (failed)
		return failed;
	return buffer_append(out, "\"", 1);
}

/* Appends `before`, and the string without what is found in it. Appends nothing if nothing is found. */
static enum redacted clean_string(struct redact *r, struct bytes before, struct bytes inner, struct buffer *out)
{
	enum redacted found;
	struct matches m;
	struct detected d;
	int failed;

	if (!r->detector.what && !r->in_text)
		return REDACT_NOTHING;
	found = search(r, inner, &m, &d);
	if (found != REDACT_FOUND)
		return found;
	if (buffer_append(out, before.data, before.size))
		return REDACT_FAILED;
	failed = m.text.data == inner.data ? append_quoted(&m, d, out) : append_plain(r, &m, d, out);
	return failed ? REDACT_FAILED : REDACT_FOUND;
}

enum redacted redact_text(struct redact *r, struct bytes text, struct buffer *out)
{
	struct matches m;
	struct detected d;

	if (!r->detector.what && !r->in_text)
		return REDACT_NOTHING;
	matches_begin(&m, r, text);
	if (!matches_next(&m, 0, &d))
		return REDACT_NOTHING;
	return clean_text(&m, d, out) ? REDACT_FAILED : REDACT_FOUND;
}

/* Without a fraction that says nothing: 4111111111111111.0 */
static struct bytes whole_number(struct bytes number)
{
	const char *dot = memchr(number.data, '.', number.size);
	size_t size = number.size;

	while (dot && number.data[size - 1] == '0')
		size--;
	return (struct bytes){ number.data, dot == number.data + size - 1 ? size - 1 : number.size };
}

bool redact_is_card(const struct redact *r, struct bytes number)
{
	struct bytes digits;
	struct detected d;

	if (!(r->detector.what & DETECT_CARD))
		return false;
	digits = whole_number(number);
	return digits.size >= CARD_DIGITS_MIN && detect_next(&r->detector, digits, 0, &d) && d.from == 0 &&
	       d.to == digits.size;
}

/* A number that is a card becomes a string, because it would not be a number without its digits. */
static enum redacted clean_number(struct redact *r, struct bytes before, struct bytes number, struct buffer *out)
{
	if (!redact_is_card(r, number))
		return REDACT_NOTHING;
	if (buffer_append(out, before.data, before.size) || buffer_append(out, "\"", 1) ||
		redact_stand_in(r, number, out) || buffer_append(out, "\"", 1))
		return REDACT_FAILED;
	return REDACT_FOUND;
}

enum redacted redact_whole(struct redact *r, struct bytes value, struct buffer *out)
{
	bool string = json_kind(value) == MEMBER_STRING;
	struct bytes what = string ? json_inner(value) : value;

	buffer_clear(&r->plain);
	if (string && json_is_escaped(what)) {
		if (json_decode(what, &r->plain))
			return REDACT_FAILED;
		what = buffer_bytes(&r->plain);
	}
	if (buffer_append(out, "\"", 1) || redact_stand_in(r, what, out) || buffer_append(out, "\"", 1))
		return REDACT_FAILED;
	return REDACT_FOUND;
}

/* Values with others in them. */

/*
 * Everything before `copied` is in the output, or was cut. A bit of `kept` says whether the object at that depth has a
 * member so far that stays: then a member is cut with the comma before it, otherwise with the one behind it.
 */
struct pass {
	struct redact *r;
	struct json_walk walk;
	struct buffer *out;
	const char *copied, *comma;
	uint64_t kept;
	unsigned depth;
	enum redacted answer;
};

static void fail_if(struct pass *p, int failed)
{
	p->answer = failed ? REDACT_FAILED : REDACT_FOUND;
}

static void cut(struct pass *p, const char *name, const char *end)
{
	struct json_walk ahead = p->walk;
	const char *from = p->kept & 1 ? p->comma : name;

	if (!(p->kept & 1) && json_walk_next(&ahead) == TOKEN_COMMA) {
		end = ahead.p;
		p->walk.p = end;
	}
	fail_if(p, append(p->out, p->copied, from));
	p->copied = end;
}

/* At a name that is one of the keys. */
static void take_out(struct pass *p)
{
	const char *name = p->walk.at, *end;
	struct bytes value;

	if (!json_walk_value(&p->walk))
		return;
	end = p->walk.p;
	value = (struct bytes){ p->walk.at, (size_t)(end - p->walk.at) };
	if (p->r->with == REDACT_REMOVE) {
		cut(p, name, end);
		return;
	}
	p->kept |= 1;
	fail_if(p, append(p->out, p->copied, value.data));
	if (p->answer != REDACT_FAILED)
		p->answer = redact_whole(p->r, value, p->out);
	p->copied = end;
}

bool redact_is_key(const struct redact *r, struct bytes name)
{
	return r->shallow ? key_set_has(&r->keys, name) : key_set_has_word(&r->keys, name);
}

bool redact_is_plain_key(const struct redact *r, struct bytes name)
{
	return r->shallow ? key_set_has_plain(&r->keys, name) : key_set_has_plain_word(&r->keys, name);
}

static void on_name(struct pass *p)
{
	if ((!p->r->shallow || p->depth == 0) && redact_is_key(p->r, p->walk.text))
		take_out(p);
	else
		p->kept |= 1;
}

/* At a string or another value without brackets. */
static void on_value(struct pass *p, bool string)
{
	struct bytes before = { p->copied, (size_t)(p->walk.at - p->copied) };
	const char *end = string ? p->walk.text.data + p->walk.text.size + 1 : p->walk.p;
	struct bytes number = { p->walk.at, (size_t)(end - p->walk.at) };
	enum redacted found =
		string ? clean_string(p->r, before, p->walk.text, p->out) : clean_number(p->r, before, number, p->out);

	if (found == REDACT_NOTHING)
		return;
	p->answer = found;
	p->copied = end;
}

static void on_bracket(struct pass *p, bool opens)
{
	if (opens && p->depth == JSON_DEPTH_MAX)
		p->answer = REDACT_FAILED;
	p->depth += opens ? 1 : -1u;
	p->kept = opens ? p->kept << 1 : p->kept >> 1;
}

static void on_token(struct pass *p, enum json_token token)
{
	switch (token) {
	case TOKEN_NAME:
		on_name(p);
		break;
	case TOKEN_STRING:
	case TOKEN_SCALAR:
		on_value(p, token == TOKEN_STRING);
		break;
	case TOKEN_COMMA:
		p->comma = p->walk.at;
		break;
	case TOKEN_OBJECT:
	case TOKEN_ARRAY:
	case TOKEN_CLOSE:
		on_bracket(p, token != TOKEN_CLOSE);
		break;
	default:
		break;
	}
}

enum redacted redact_json(struct redact *r, struct bytes text, struct buffer *out)
{
	struct pass p = { .r = r,
		.walk = json_walk_of(r->scan, text),
		.out = out,
		.copied = text.data,
		.comma = text.data,
		.kept = 1 }; /* members with a comma before each */
	enum json_token token;

	if (json_kind(text) == MEMBER_STRING)
		return clean_string(r, (struct bytes){ text.data, 0 }, json_inner(text), out);
	if (text.size > 0 && *text.data >= '0' && *text.data <= '9')
		return clean_number(r, (struct bytes){ text.data, 0 }, text, out);
	while (p.answer != REDACT_FAILED && (token = json_walk_next(&p.walk)) != TOKEN_END)
		on_token(&p, token);
	if (p.answer == REDACT_FOUND && append(out, p.copied, text.data + text.size))
		return REDACT_FAILED;
	return p.answer;
}
