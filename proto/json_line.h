/*
 * The JSON line index: one log line checked as a whole and its top-level members found, without decoding anything.
 *
 * json_line_index() accepts exactly the objects of RFC 8259 (white space around them allowed) that are valid UTF-8 and
 * nest no deeper than JSON_DEPTH_MAX; such a line can be put into a bulk as it is. Escapes of lone surrogates (\ud800)
 * pass, since the grammar allows them; so do repeated names. Members beyond JSON_MEMBERS_MAX are checked but not
 * indexed. The caller guarantees JSON_LINE_PADDING readable bytes behind the line; they never influence the result.
 */
#ifndef OXP_JSON_LINE_H
#define OXP_JSON_LINE_H

#include "base/bytes.h"

enum { JSON_MEMBERS_MAX = 128, JSON_DEPTH_MAX = 64, JSON_LINE_PADDING = 64, JSON_BLOCK = 64 };

enum member_kind { MEMBER_STRING, MEMBER_NUMBER, MEMBER_TRUE, MEMBER_FALSE, MEMBER_NULL, MEMBER_OBJECT, MEMBER_ARRAY };

/* Offsets into the line; the name without its quotes, the value with quotes or brackets. */
struct json_member {
	uint32_t name, name_size, value, value_size;
	uint8_t kind; /* enum member_kind */
	bool name_escaped; /* there is a backslash in it */
};

struct json_line {
	size_t count; /* indexed */
	bool more; /* there are members beyond JSON_MEMBERS_MAX */
	struct json_member members[JSON_MEMBERS_MAX];
};

/* White space between tokens (RFC 8259, 2). */
static inline bool json_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum json_fault {
	JSON_FINE,
	JSON_NOT_OBJECT,
	JSON_SYNTAX,
	JSON_CONTROL,
	JSON_UTF8,
	JSON_DEEP,
	JSON_CUT,
	JSON_TRAILING
};

/* Ways to scan strings, one for each kind of machine; all give the same answers. */
struct json_scan {
	const char *name;
	/* The first quote, backslash or control character from p on; may look at, not count, the padding behind
	 * `end`. */
	const char *(*stop)(const char *p, const char *end);
	/* The same for JSON_BLOCK bytes at once, all of which are readable: a bit for each byte that stops. *ret_high:
	 * one for each byte from 0x80 on. */
	uint64_t (*block)(const char *p, uint64_t *ret_high);
};
extern const struct json_scan json_scans[]; /* best first, ends with one without a name */
const struct json_scan *json_scan_best(void); /* the first that this machine can run */
bool json_scan_runs(const struct json_scan *);

enum json_fault json_line_index(const struct json_scan *, const char *line, size_t size, struct json_line *ret);

#endif
