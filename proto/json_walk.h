/*
 * The tokens of JSON that is known to be valid (json_line.h has checked it): a value, or the members between two
 * braces. Nothing is decoded and nothing recurses. On invalid text the tokens are nonsense, but it never reads beyond
 * the end.
 */
#ifndef OXP_JSON_WALK_H
#define OXP_JSON_WALK_H

#include "proto/json_line.h"

enum json_token {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_SCALAR,
	TOKEN_OBJECT,
	TOKEN_ARRAY,
	TOKEN_CLOSE,
	TOKEN_COMMA
};

struct json_walk {
	const struct json_scan *scan;
	const char *p, *end; /* JSON_LINE_PADDING readable bytes stand behind `end` */
	const char *at; /* where the token begins, its quote or bracket included */
	struct bytes text; /* of a NAME or STRING, without quotes */
};

static inline struct json_walk json_walk_of(const struct json_scan *scan, struct bytes text)
{
	return (struct json_walk){ .scan = scan, .p = text.data, .end = bytes_end(text) };
}

/* The colon behind a NAME is skipped. OBJECT and ARRAY are opening brackets. */
enum json_token json_walk_next(struct json_walk *);
/* Skips one value with everything in it. False if there is none. Its text is [at, p). */
bool json_walk_value(struct json_walk *);

/* Appends the text between two quotes as UTF-8, with its escapes resolved; half a surrogate pair becomes U+FFFD. 0,
 * -ENOSPC or -ENOMEM. */
int json_decode(struct bytes inner, struct buffer *to) MUST_CHECK;
/* One escape of such a text: *p is behind its backslash, and moves behind it. Returns how many bytes of UTF-8 it stands
 * for. */
size_t json_unescape(const char **p, const char *end, char to[4]);
/* Whether a name, between its quotes, reads as `plain`; `fold` ignores the case of ASCII letters. */
bool json_name_is(struct bytes name, struct bytes plain, bool fold);
/* Whether the name, with its escapes resolved, begins with `plain`. */
bool json_name_begins(struct bytes name, struct bytes plain);
/* The value of the first member with that name, in the text of an object or in its members. False if it is not
 * there. */
bool json_find(const struct json_scan *, struct bytes members, struct bytes name, struct bytes *ret_value);

static inline bool json_is_escaped(struct bytes inner)
{
	return inner.size > 0 && memchr(inner.data, '\\', inner.size) != NULL;
}

/* What kind of value it is, by its first byte. */
static inline enum member_kind json_kind(struct bytes value)
{
	switch (value.size ? *value.data : 'n') {
	case '"':
		return MEMBER_STRING;
	case '{':
		return MEMBER_OBJECT;
	case '[':
		return MEMBER_ARRAY;
	case 't':
		return MEMBER_TRUE;
	case 'f':
		return MEMBER_FALSE;
	case 'n':
		return MEMBER_NULL;
	default:
		return MEMBER_NUMBER;
	}
}

/* A string value without its quotes. */
static inline struct bytes json_inner(struct bytes value)
{
	return (struct bytes){ value.data + 1, value.size - 2 };
}

#endif
