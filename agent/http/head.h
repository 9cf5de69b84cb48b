/*
 * The head of an HTTP/1.1 request, read strictly (RFC 9112): what could mean two things to two readers is refused,
 * since that is how requests are smuggled past a proxy. Bare LF, bare CR, folded lines, white space before a colon,
 * control characters, a missing or second Host, a transfer coding in HTTP/1.0 are 400.
 *
 * Pure, and the same however the bytes are cut: the caller shows all bytes of the head that have come so far, as
 * often as more come, and each line is looked at once. Nothing is copied; spans are offsets, so the bytes may move
 * between calls. What a length or a coding means is judged elsewhere (serving.c), the same for every engine.
 */
#ifndef OXP_HTTP_HEAD_H
#define OXP_HTTP_HEAD_H

#include "base/bytes.h"

enum {
	HTTP_HEAD_MAX = 32 << 10,
	HTTP_FIELDS_MAX = 100, /* and as many arguments of a query */
	HTTP_COOKIES_MAX = 200, /* more than browsers keep for a host */
};

struct http_span {
	uint16_t at, size;
};
struct http_field {
	struct http_span name, value;
};

/*
 * Invariant: at <= searched <= HTTP_HEAD_MAX; the bytes before `at` have been read for good. Spans stand before `at`,
 * and each is followed by a byte of no other span, so that a zero may be put there.
 */
struct http_head {
	size_t at, searched;
	struct http_span method, path, query;
	struct http_span flag; /* of the query, after http_head_strings(): its last name, if that has no value */
	unsigned fields_count, hosts, cookies;
	bool has_line; /* the request line has been read */
	bool old; /* HTTP/1.0 */
	bool coded; /* there is a Transfer-Encoding */
	bool close, keep_alive; /* options of Connection */
	bool expects; /* Expect: 100-continue */
	bool open_ended; /* without a Content-Length a body follows all the same (h2_head.h) */
	struct http_field fields[HTTP_FIELDS_MAX];
};

enum { HTTP_HEAD_MORE = 0, HTTP_HEAD_DONE = 1 };

void http_head_init(struct http_head *);
/* HTTP_HEAD_MORE, HTTP_HEAD_DONE (the body begins at head->at), or the status to refuse with: 400, 431, 505. `all`
 * begins with the first byte of the head, also the next time. */
unsigned http_head_parse(struct http_head *, struct bytes all) MUST_CHECK;
/* Whether the connection is kept after the answer (RFC 9112, 9.3). */
bool http_head_keeps(const struct http_head *);

/* Whether it can be the name of a field (RFC 9110, 5.6.2). */
bool http_is_token(struct bytes);
/* Whether it can be a field's value: no control characters but tabs (RFC 9110, 5.5). */
bool http_is_value(struct bytes);
/* Whether that list of words has this one (RFC 9110, 5.6.1). */
bool http_list_has(struct bytes list, const char *word);

/* Makes strings of the spans of a finished head, in place: zeros behind them, escapes of the path and the query decoded
 * (+ is a space in the query), as far as they are valid and not zero. To be called once; spans are not to be used as
 * sizes afterwards. */
void http_head_strings(struct http_head *, char *text);
/* After http_head_strings(). NULL when absent; the name in any case. The first of several. */
const char *http_head_field(const struct http_head *, const char *text, const char *name);
/* After http_head_strings(). NULL when absent or without a value. */
const char *http_head_query(const struct http_head *, const char *text, const char *name);
/* The value behind that one of the same name, which NULL stands before. */
const char *http_head_query_next(const struct http_head *, const char *text, const char *name, const char *value);
/* After http_head_strings(). Whether the name has a value, or stands last without one, as in ?verbose. */
bool http_head_asks(const struct http_head *, const char *text, const char *name);
const char *http_head_path(const struct http_head *, const char *text);

#endif
