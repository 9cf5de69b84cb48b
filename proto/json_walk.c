#include "proto/json_walk.h"

#include <strings.h>

enum { NAME_MAX_SIZE = 256, SURROGATE = 0xd800, SURROGATE_LOW = 0xdc00, SURROGATE_END = 0xe000, UNKNOWN = 0xfffd };

static inline void skip_space(struct json_walk *w)
{
	while (w->p < w->end && json_is_space(*w->p))
		w->p++;
}

/* Behind the opening quote; ends behind the closing one. */
static void pass_string(struct json_walk *w)
{
	w->text.data = w->p;
	for (;;) {
		w->p = w->scan->stop(w->p, w->end);
		if (w->p >= w->end || *w->p == '"')
			break;
		w->p += *w->p == '\\' ? 2 : 1;
	}
	if (w->p > w->end)
		w->p = w->end;
	w->text.size = (size_t)(w->p - w->text.data);
	if (w->p < w->end)
		w->p++;
}

static enum json_token pass_name_or_string(struct json_walk *w)
{
	w->p++;
	pass_string(w);
	skip_space(w);
	if (w->p >= w->end || *w->p != ':')
		return TOKEN_STRING;
	w->p++;
	skip_space(w);
	return TOKEN_NAME;
}

static enum json_token pass_scalar(struct json_walk *w)
{
	do
		w->p++;
	while (w->p < w->end && !json_is_space(*w->p) && *w->p != ',' && *w->p != '}' && *w->p != ']');
	return TOKEN_SCALAR;
}

enum json_token json_walk_next(struct json_walk *w)
{
	skip_space(w);
	w->at = w->p;
	if (w->p >= w->end)
		return TOKEN_END;
	switch (*w->p) {
	case '"':
		return pass_name_or_string(w);
	case '{':
		return w->p++, TOKEN_OBJECT;
	case '[':
		return w->p++, TOKEN_ARRAY;
	case '}':
	case ']':
		return w->p++, TOKEN_CLOSE;
	case ',':
		return w->p++, TOKEN_COMMA;
	default:
		return pass_scalar(w);
	}
}

bool json_walk_value(struct json_walk *w)
{
	enum json_token token = json_walk_next(w);
	const char *at = w->at;
	size_t depth = token == TOKEN_OBJECT || token == TOKEN_ARRAY;

	if (token == TOKEN_STRING)
		w->p = w->text.data + w->text.size + (w->text.data + w->text.size < w->end);
	while (depth > 0 && (token = json_walk_next(w)) != TOKEN_END) {
		depth += token == TOKEN_OBJECT || token == TOKEN_ARRAY;
		depth -= token == TOKEN_CLOSE;
	}
	w->at = at;
	return token != TOKEN_END;
}

/* Decoding. */

static unsigned hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		value = value << 4 | ((c & 15) + (c > '9' ? 9 : 0));
	}
	return value;
}

/* At the first digit of \uXXXX; moves behind it, or behind the pair that it begins. */
static unsigned code_point(const char **p, const char *end)
{
	unsigned high = hex4(*p), low;

	*p += 4;
	if (high < SURROGATE || high >= SURROGATE_END)
		return high;
	if (high >= SURROGATE_LOW || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return UNKNOWN;
	low = hex4(*p + 2);
	if (low < SURROGATE_LOW || low >= SURROGATE_END)
		return UNKNOWN;
	*p += 6;
	return 0x10000 + ((high - SURROGATE) << 10) + (low - SURROGATE_LOW);
}

static size_t utf8_put(unsigned c, char to[4])
{
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = size - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(leads[size] | c);
	return size;
}

size_t json_unescape(const char **p, const char *end, char to[4])
{
	static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
	const char *found, c = *(*p)++;

	if (c == 'u' && end - *p >= 4)
		return utf8_put(code_point(p, end), to);
	found = c ? strchr(from, c) : NULL;
	to[0] = found ? into[found - from] : c;
	return 1;
}

int json_decode(struct bytes inner, struct buffer *to)
{
	const char *p = inner.data, *end = p + inner.size;
	int failed = 0;

	while (!failed && p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		char bytes[4];
		failed = buffer_append(to, p, (size_t)((stop ? stop : end) - p));
		p = stop ? stop + 1 : end;
		if (!failed && p < end)
			failed = buffer_append(to, bytes, json_unescape(&p, end, bytes));
	}
	return failed;
}

/* Names. */

static bool same(struct bytes a, struct bytes b, bool fold)
{
	if (a.size != b.size)
		return false;
	return fold ? strncasecmp(a.data, b.data, a.size) == 0 : memcmp(a.data, b.data, a.size) == 0;
}

/* An escape is at most six times as long as what it stands for. */
static bool same_decoded(struct bytes name, struct bytes plain, bool fold)
{
	char decoded[NAME_MAX_SIZE];
	struct buffer to = { .data = decoded, .room = sizeof decoded, .ceiling = sizeof decoded };

	if (plain.size > sizeof decoded || name.size > 6 * plain.size || name.size < plain.size)
		return false;
	return json_decode(name, &to) == 0 && same(buffer_bytes(&to), plain, fold);
}

bool json_name_is(struct bytes name, struct bytes plain, bool fold)
{
	if (name.size == plain.size)
		return same(name, plain, fold) && !json_is_escaped(name); /* an escape makes it shorter */
	return json_is_escaped(name) && same_decoded(name, plain, fold);
}

bool json_name_begins(struct bytes name, struct bytes plain)
{
	char decoded[NAME_MAX_SIZE];
	struct buffer to = { .data = decoded, .room = sizeof decoded, .ceiling = sizeof decoded };

	if (json_is_escaped(name)) {
		if (json_decode(name, &to) < 0 && to.size < plain.size)
			return false;
		name = buffer_bytes(&to); /* its beginning will do */
	}
	return name.size >= plain.size && memcmp(name.data, plain.data, plain.size) == 0;
}

bool json_find(const struct json_scan *scan, struct bytes members, struct bytes name, struct bytes *ret_value)
{
	struct json_walk w = json_walk_of(scan, members);
	size_t depth = 0, floor = members.size > 0 && *members.data == '{';

	for (enum json_token t; (t = json_walk_next(&w)) != TOKEN_END;) {
		depth += t == TOKEN_OBJECT || t == TOKEN_ARRAY;
		depth -= t == TOKEN_CLOSE && depth > 0;
		if (t != TOKEN_NAME || depth != floor || !json_name_is(w.text, name, false))
			continue;
		if (!json_walk_value(&w))
			return false;
		*ret_value = (struct bytes){ w.at, (size_t)(w.p - w.at) };
		return true;
	}
	return false;
}
