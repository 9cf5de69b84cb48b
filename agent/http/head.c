#include "http/head.h"

#include <strings.h>

#include "base/text.h"

_Static_assert(HTTP_HEAD_MAX <= UINT16_MAX, "spans are of 16 bits");

enum { BAD_REQUEST = 400, TOO_LARGE = 431, BAD_VERSION = 505 };

enum { TOKEN = 1, TARGET = 2, VALUE = 4, HOST = 8 };

/* What a character may be part of: a token (RFC 9110, 5.6.2), a target (visible, RFC 9112, 3.2), a field's value
 * (RFC 9110, 5.5), a host with its port (RFC 3986, 3.2.2). */
#define SEEN (TARGET | VALUE)
static const unsigned char kinds[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = SEEN | TOKEN | HOST,
	['"'] = SEEN,
	['#'] = SEEN | TOKEN,
	['$' ... '\''] = SEEN | TOKEN | HOST,
	['(' ... ')'] = SEEN | HOST,
	['*' ... '+'] = SEEN | TOKEN | HOST,
	[','] = SEEN | HOST,
	['-' ... '.'] = SEEN | TOKEN | HOST,
	['/'] = SEEN,
	['0' ... '9'] = SEEN | TOKEN | HOST,
	[':' ... ';'] = SEEN | HOST,
	['<'] = SEEN,
	['='] = SEEN | HOST,
	['>' ... '@'] = SEEN,
	['A' ... 'Z'] = SEEN | TOKEN | HOST,
	['['] = SEEN | HOST,
	['\\'] = SEEN,
	[']'] = SEEN | HOST,
	['^'] = SEEN | TOKEN,
	['_'] = SEEN | TOKEN | HOST,
	['`'] = SEEN | TOKEN,
	['a' ... 'z'] = SEEN | TOKEN | HOST,
	['{'] = SEEN,
	['|'] = SEEN | TOKEN,
	['}'] = SEEN,
	['~'] = SEEN | TOKEN | HOST,
	[0x80 ... 0xff] = VALUE,
};

static bool all_are(struct bytes text, unsigned kind)
{
	for (size_t i = 0; i < text.size; i++)
		if (!(kinds[(unsigned char)text.data[i]] & kind))
			return false;
	return true;
}

bool http_is_token(struct bytes text)
{
	return text.size > 0 && all_are(text, TOKEN);
}

bool http_is_value(struct bytes text)
{
	return all_are(text, VALUE);
}

static bool same_word(struct bytes a, const char *word)
{
	return bytes_same_word(a, bytes_of(word));
}

static struct http_span span_of(struct bytes all, struct bytes part)
{
	return (struct http_span){ (uint16_t)(part.data - all.data), (uint16_t)part.size };
}

/* The text before `end`, which is taken away with it. False: there is no such byte. */
static bool cut(struct bytes *text, char end, struct bytes *ret)
{
	const char *at = text->size ? memchr(text->data, end, text->size) : NULL;

	if (!at)
		return false;
	*ret = (struct bytes){ text->data, (size_t)(at - text->data) };
	*text = (struct bytes){ at + 1, text->size - ret->size - 1 };
	return true;
}

bool http_list_has(struct bytes list, const char *word)
{
	struct bytes item;
	bool more = true, has = false;

	while (more && !has) {
		more = cut(&list, ',', &item);
		has = same_word(bytes_trimmed(more ? item : list), word);
	}
	return has;
}

/* RFC 9112, 2.3. A later 1.x is read as 1.1 (RFC 9110, 2.5). */
static unsigned read_version(struct http_head *h, struct bytes text)
{
	const char *v = text.data;

	if (text.size != 8 || memcmp(v, "HTTP/", 5) != 0 || v[6] != '.')
		return BAD_REQUEST;
	if (v[5] < '0' || v[5] > '9' || v[7] < '0' || v[7] > '9')
		return BAD_REQUEST;
	h->old = v[7] == '0';
	return v[5] == '1' ? 0 : BAD_VERSION;
}

/* The path and query of absolute-form, which every server must take (RFC 9112, 3.2.2). */
static struct bytes without_authority(struct bytes target)
{
	static const char scheme[] = "http://";
	size_t n = sizeof scheme - 1;

	if (target.size <= n || strncasecmp(target.data, scheme, n) != 0)
		return target;
	while (n < target.size && target.data[n] != '/' && target.data[n] != '?')
		n++;
	return (struct bytes){ target.data + n, target.size - n };
}

/* Code that makes a list of them needs memory for each, as for a field. */
static bool has_too_many_arguments(struct bytes query)
{
	struct bytes argument;
	unsigned count = 0;

	while (count < HTTP_FIELDS_MAX && cut(&query, '&', &argument))
		count++;
	return count == HTTP_FIELDS_MAX;
}

static unsigned read_target(struct http_head *h, struct bytes all, struct bytes target)
{
	struct bytes rest = without_authority(target), path = rest;
	bool absolute = rest.data != target.data;

	if (target.size == 0 || !all_are(target, TARGET))
		return BAD_REQUEST;
	if (!absolute && target.data[0] != '/' && !bytes_are(target, "*"))
		return BAD_REQUEST;
	if (cut(&rest, '?', &path))
		h->query = span_of(all, rest);
	if (path.data != rest.data && has_too_many_arguments(rest))
		return TOO_LARGE;
	h->path = span_of(all, path);
	return 0;
}

/* RFC 9112, 3: one space between, no more. */
static unsigned read_request_line(struct http_head *h, struct bytes all, struct bytes line)
{
	struct bytes method, target;
	unsigned refused;

	if (!cut(&line, ' ', &method) || method.size == 0 || !all_are(method, TOKEN) || !cut(&line, ' ', &target))
		return BAD_REQUEST;
	h->method = span_of(all, method);
	refused = read_target(h, all, target);
	if (!refused)
		refused = read_version(h, line);
	h->has_line = true;
	return refused;
}

/* As for arguments. Readers of old take a comma for the end of one, too. */
static unsigned read_cookies(struct http_head *h, struct bytes value)
{
	for (size_t i = 0; i < value.size; i++)
		h->cookies += value.data[i] == ';' || value.data[i] == ',';
	return h->cookies > HTTP_COOKIES_MAX ? TOO_LARGE : 0;
}

/* The fields that say how to read on. */
static unsigned read_known(struct http_head *h, struct bytes name, struct bytes value)
{
	if (same_word(name, "Connection")) {
		h->close |= http_list_has(value, "close");
		h->keep_alive |= http_list_has(value, "keep-alive");
	} else if (same_word(name, "Transfer-Encoding")) {
		h->coded = true;
	} else if (same_word(name, "Expect")) {
		h->expects |= same_word(value, "100-continue");
	} else if (same_word(name, "Cookie")) {
		return read_cookies(h, value);
	} else if (same_word(name, "Host")) {
		return h->hosts++ > 0 || !all_are(value, HOST) ? BAD_REQUEST : 0;
	}
	return 0;
}

/* Of a length it is refused: libmicrohttpd reads it as a part of the number, and answers that twice. */
static bool ends_in_space(struct bytes value)
{
	return value.size > 0 && byte_is_blank(value.data[value.size - 1]);
}

/* RFC 9112, 5. A folded line (5.2) begins with white space, and white space before the colon (5.1) is in the name: no
 * token either way. */
static unsigned read_field(struct http_head *h, struct bytes all, struct bytes line)
{
	struct bytes name;

	if (!cut(&line, ':', &name) || name.size == 0 || !all_are(name, TOKEN) || !all_are(line, VALUE))
		return BAD_REQUEST;
	if (h->fields_count == HTTP_FIELDS_MAX)
		return TOO_LARGE;
	if (ends_in_space(line) && same_word(name, "Content-Length"))
		return BAD_REQUEST;
	line = bytes_trimmed(line);
	h->fields[h->fields_count++] = (struct http_field){ span_of(all, name), span_of(all, line) };
	return read_known(h, name, line);
}

/* RFC 9112, 3.2: HTTP/1.1 needs a Host. 6.1: a coding in HTTP/1.0 is faulty framing. */
static unsigned end_of_head(const struct http_head *h)
{
	return h->old ? (h->coded ? BAD_REQUEST : HTTP_HEAD_DONE) : (h->hosts ? HTTP_HEAD_DONE : BAD_REQUEST);
}

/* A CR that ends no line would have been a line's end to a laxer reader (RFC 9112, 2.2); the kinds do not have it.
 * Empty lines before the request line are skipped (same section). */
static unsigned read_line(struct http_head *h, struct bytes all, struct bytes line)
{
	if (!h->has_line)
		return line.size > 0 ? read_request_line(h, all, line) : HTTP_HEAD_MORE;
	return line.size > 0 ? read_field(h, all, line) : end_of_head(h);
}

/* The next complete line, without its end. False: it has not arrived yet. */
static bool next_line(struct http_head *h, struct bytes all, struct bytes *ret)
{
	const char *end = h->searched < all.size ? memchr(all.data + h->searched, '\n', all.size - h->searched) : NULL;

	h->searched = end ? (size_t)(end - all.data) + 1 : all.size;
	if (!end)
		return false;
	*ret = (struct bytes){ all.data + h->at, h->searched - 1 - h->at };
	h->at = h->searched;
	return true;
}

void http_head_init(struct http_head *h)
{
	memset(h, 0, offsetof(struct http_head, fields));
}

unsigned http_head_parse(struct http_head *h, struct bytes all)
{
	unsigned verdict = HTTP_HEAD_MORE;
	struct bytes line;

	if (all.size > HTTP_HEAD_MAX)
		all.size = HTTP_HEAD_MAX;
	while (verdict == HTTP_HEAD_MORE && next_line(h, all, &line)) {
		if (line.size == 0 || line.data[line.size - 1] != '\r')
			return BAD_REQUEST;
		line.size--;
		verdict = read_line(h, all, line);
	}
	return verdict == HTTP_HEAD_MORE && all.size == HTTP_HEAD_MAX ? TOO_LARGE : verdict;
}

bool http_head_keeps(const struct http_head *h)
{
	return !h->close && (!h->old || h->keep_alive);
}

/* Strings. */

/* Decodes in place, but for %00; returns the size, which is no larger. */
static size_t decode(char *text, size_t size, bool plus)
{
	size_t to = 0;

	for (size_t i = 0; i < size; i++) {
		int byte = percent_byte(text + i, size - i);
		text[to++] = byte > 0 ? (char)byte : plus && text[i] == '+' ? ' ' : text[i];
		i += byte > 0 ? 2 : 0;
	}
	return to;
}

static size_t put_string(char *to, const char *from, size_t size)
{
	memmove(to, from, size);
	size = decode(to, size, true);
	to[size] = '\0';
	return size + 1;
}

/* name=value&other=1 becomes name, zero, value, zero, other, zero, 1, zero. A name without a value is left out, because
 * it could not be told from a missing one; the last one stands behind all, as the flag. */
static void query_strings(struct http_head *h, char *text)
{
	struct bytes rest = { text + h->query.at, h->query.size }, name, value, flag = { NULL, 0 };
	char *to = text + h->query.at;
	bool more = h->query.size > 0;

	while (more) {
		more = cut(&rest, '&', &value);
		value = more ? value : rest;
		if (!cut(&value, '=', &name)) {
			flag = more ? flag : value;
			continue;
		}
		to += put_string(to, name.data, name.size);
		to += put_string(to, value.data, value.size);
	}
	h->query.size = (uint16_t)(to - (text + h->query.at));
	h->flag = (struct http_span){ .at = (uint16_t)(to - text), .size = (uint16_t)flag.size };
	if (flag.size)
		put_string(to, flag.data, flag.size);
}

void http_head_strings(struct http_head *h, char *text)
{
	query_strings(h, text);
	h->path.size = (uint16_t)decode(text + h->path.at, h->path.size, false);
	text[h->path.at + h->path.size] = '\0';
	text[h->method.at + h->method.size] = '\0';
	for (unsigned i = 0; i < h->fields_count; i++) {
		const struct http_field *f = &h->fields[i];
		text[f->name.at + f->name.size] = '\0';
		text[f->value.at + f->value.size] = '\0';
	}
}

const char *http_head_field(const struct http_head *h, const char *text, const char *name)
{
	size_t size = strlen(name);

	for (unsigned i = 0; i < h->fields_count; i++) {
		const struct http_field *f = &h->fields[i];
		if (f->name.size == size && strncasecmp(text + f->name.at, name, size) == 0)
			return text + f->value.at;
	}
	return NULL;
}

const char *http_head_query(const struct http_head *h, const char *text, const char *name)
{
	return http_head_query_next(h, text, name, NULL);
}

const char *http_head_query_next(const struct http_head *h, const char *text, const char *name, const char *before)
{
	const char *from = text + h->query.at, *end = from + h->query.size;
	const char *p = before ? before + strlen(before) + 1 : from;

	while (p < end) {
		const char *value = p + strlen(p) + 1;
		if (strcmp(p, name) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

bool http_head_asks(const struct http_head *h, const char *text, const char *name)
{
	return (h->flag.size && strcmp(text + h->flag.at, name) == 0) || http_head_query(h, text, name);
}

const char *http_head_path(const struct http_head *h, const char *text)
{
	return h->path.size ? text + h->path.at : "/";
}
