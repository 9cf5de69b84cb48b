#include "proto/syslog.h"

#include <errno.h>

#include "proto/rfc3339.h"

#define ADDRESS_CHARS "0123456789abcdefABCDEF:."

enum { PRIORITY_MAX = 191, TAG_MAX = 48, PID_MAX = 128, HOST_MAX = 255 };

/* Words. */

static bool take_text(struct bytes *b, const char *text)
{
	size_t size = strlen(text);

	if (b->size < size || memcmp(b->data, text, size) != 0)
		return false;
	*b = (struct bytes){ b->data + size, b->size - size };
	return true;
}

static struct bytes take(struct bytes *b, size_t size)
{
	struct bytes taken = { b->data, size };

	*b = (struct bytes){ b->data + size, b->size - size };
	return taken;
}

/* Up to the next space, which goes too; no word when there is none. */
static struct bytes take_word(struct bytes *b)
{
	const char *space = b->size ? memchr(b->data, ' ', b->size) : NULL;
	struct bytes word = { NULL, 0 };

	if (!space)
		return word;
	word = take(b, (size_t)(space - b->data));
	take(b, 1);
	return word;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take_priority(struct bytes *b, unsigned *ret)
{
	unsigned value = 0;
	size_t at = 1;

	if (b->size < 3 || b->data[0] != '<')
		return false;
	while (at < b->size && at < 4 && is_digit(b->data[at]))
		value = value * 10 + (unsigned)(b->data[at++] - '0');
	if (at == 1 || at == b->size || b->data[at] != '>' || value > PRIORITY_MAX)
		return false;
	take(b, at + 1);
	*ret = value;
	return true;
}

/* Line ends and the zero that some end with are no part of a message. */
static struct bytes trimmed(struct bytes b)
{
	while (b.size > 0 && (b.data[b.size - 1] == '\n' || b.data[b.size - 1] == '\r' || b.data[b.size - 1] == '\0'))
		b.size--;
	return b;
}

/* Structured data. */

struct param {
	struct bytes name, value; /* as written: with backslashes */
};

static bool is_name(char c)
{
	return c > ' ' && c < 0x7f && c != '=' && c != ']' && c != '"';
}

static struct bytes take_name(struct bytes *b)
{
	size_t size = 0;

	while (size < b->size && is_name(b->data[size]))
		size++;
	return take(b, size);
}

/* A value up to its quote; a backslash includes the character behind it. */
static bool take_value(struct bytes *b, struct bytes *ret)
{
	size_t size = 0;

	while (size < b->size && b->data[size] != '"')
		size += b->data[size] == '\\' && size + 1 < b->size ? 2 : 1;
	if (size >= b->size)
		return false;
	*ret = take(b, size);
	take(b, 1);
	return true;
}

/* ` name="value"`, or the closing bracket: no name then. */
static bool take_param(struct bytes *b, struct param *ret)
{
	ret->name = (struct bytes){ NULL, 0 };
	if (take_text(b, "]"))
		return true;
	if (!take_text(b, " "))
		return false;
	ret->name = take_name(b);
	return ret->name.size > 0 && take_text(b, "=\"") && take_value(b, &ret->value);
}

static bool take_element(struct bytes *b)
{
	struct param p;
	bool fine = take_text(b, "[") && take_name(b).size > 0;

	do
		fine = fine && take_param(b, &p);
	while (fine && p.name.size > 0);
	return fine;
}

static bool take_structured(struct bytes *b, struct bytes *ret)
{
	const char *start = b->data;

	if (take_text(b, "-"))
		return true;
	if (!take_element(b))
		return false;
	while (b->size > 0 && b->data[0] == '[')
		if (!take_element(b))
			return false;
	*ret = (struct bytes){ start, (size_t)(b->data - start) };
	return true;
}

/* RFC 5424. */

static bool take_time(struct bytes word, struct syslog *s)
{
	struct rfc3339 t;

	if (bytes_are(word, "-"))
		return true;
	if (!rfc3339_read(word, &t) || !t.zoned)
		return false;
	s->has_time = true;
	s->seconds = t.seconds;
	s->nanos = t.nanos;
	return true;
}

/* A word of the head; - means none. False: it is missing. */
static bool take_field(struct bytes *b, struct bytes *ret)
{
	*ret = take_word(b);
	if (ret->size == 0)
		return false;
	if (bytes_are(*ret, "-"))
		ret->size = 0;
	return true;
}

static bool read_5424(struct bytes b, struct syslog *s)
{
	if (!take_text(&b, "1 ") || !take_time(take_word(&b), s) || !take_field(&b, &s->host) ||
		!take_field(&b, &s->app) || !take_field(&b, &s->procid) || !take_field(&b, &s->msgid) ||
		!take_structured(&b, &s->structured))
		return false;
	if (b.size > 0 && !take_text(&b, " "))
		return false;
	(void)take_text(&b, "\xef\xbb\xbf"); /* the mark of UTF-8 */
	s->message = b;
	return true;
}

/* RFC 3164. */

static int month_of(struct bytes word)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (word.size == 3 && memcmp(word.data, names + 3 * i, 3) == 0)
			return i + 1;
	return 0;
}

/* `month day hh:mm:ss` of that year as seconds, as if it were UTC. */
static bool moment_of(int64_t year, int month, const char *day, int64_t *ret)
{
	char text[] = "0000-00-00T00:00:00Z";
	struct rfc3339 t;

	for (int i = 3; i >= 0; i--, year /= 10)
		text[i] = (char)('0' + year % 10);
	text[5] = (char)('0' + month / 10);
	text[6] = (char)('0' + month % 10);
	text[8] = day[0] == ' ' ? '0' : day[0];
	text[9] = day[1];
	memcpy(text + 11, day + 3, 8);
	if (!rfc3339_read((struct bytes){ text, sizeof text - 1 }, &t))
		return false;
	*ret = t.seconds;
	return true;
}

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)(a - b) : (uint64_t)(b - a);
}

/* `Nov 23 04:45:06 `, of the year that brings it nearest to now. */
static bool take_plain_time(struct bytes *b, const struct syslog_now *now, struct syslog *s)
{
	static const size_t size = sizeof "Nov 23 04:45:06 " - 1;
	int64_t year = civil_from_seconds(now->seconds).year, seconds;
	int month = b->size >= size ? month_of((struct bytes){ b->data, 3 }) : 0;
	bool found = false;

	if (!month || b->data[3] != ' ' || b->data[6] != ' ' || b->data[size - 1] != ' ')
		return false;
	for (int64_t y = year - 1; y <= year + 1 && y > 0; y++) {
		if (!moment_of(y, month, b->data + 4, &seconds))
			continue;
		seconds -= now->offset;
		if (!found || distance(seconds, now->seconds) < distance(s->seconds, now->seconds))
			s->seconds = seconds;
		found = true;
	}
	s->has_time = found;
	if (found)
		take(b, size);
	return found;
}

/* Many send RFC 3164 with a time of RFC 3339. */
static bool take_any_time(struct bytes *b, const struct syslog_now *now, struct syslog *s)
{
	struct bytes rest = *b, word = take_word(&rest);

	if (take_plain_time(b, now, s))
		return true;
	if (word.size < sizeof "2026-11-23T04:45:06Z" - 1 || !take_time(word, s))
		return false;
	*b = rest;
	return true;
}

static bool is_tag(char c)
{
	return c > ' ' && c < 0x7f && c != ':' && c != '[' && c != ']';
}

/* NAME: or NAME[PID]: and a space. With `pid_only` just the latter. */
static bool take_tag(struct bytes *b, bool pid_only, struct syslog *s)
{
	struct bytes rest = *b, name, pid = { NULL, 0 };
	size_t size = 0;

	while (size < rest.size && size <= TAG_MAX && is_tag(rest.data[size]))
		size++;
	if (size == 0 || size > TAG_MAX)
		return false;
	name = take(&rest, size);
	if (take_text(&rest, "[")) {
		for (size = 0; size < rest.size && size <= PID_MAX && is_tag(rest.data[size]);)
			size++;
		pid = take(&rest, size);
		if (size == 0 || size > PID_MAX || !take_text(&rest, "]"))
			return false;
	}
	if (!take_text(&rest, ":") || (pid_only && pid.size == 0))
		return false;
	(void)take_text(&rest, " ");
	s->app = name;
	s->procid = pid;
	*b = rest;
	return true;
}

/* An IPv6 address has colons, and is not a tag. */
static bool has_address(struct bytes b)
{
	struct bytes word = take_word(&b);
	size_t colons = 0;

	for (size_t i = 0; i < word.size; i++) {
		colons += word.data[i] == ':';
		if (!strchr(ADDRESS_CHARS, word.data[i]) || !word.data[i])
			return false;
	}
	return colons >= 2;
}

static void read_3164(struct bytes b, const struct syslog_now *now, struct syslog *s)
{
	struct bytes rest;

	if (!take_any_time(&b, now, s)) {
		(void)take_tag(&b, true, s);
	} else if (has_address(b) || !take_tag(&b, false, s)) { /* with a host before it, then */
		rest = b;
		s->host = take_word(&rest);
		if (s->host.size > 0 && s->host.size <= HOST_MAX) {
			b = rest;
			(void)take_tag(&b, false, s);
		} else {
			s->host.size = 0;
		}
	}
	s->message = b;
}

bool syslog_read(struct bytes text, const struct syslog_now *now, struct syslog *ret)
{
	struct bytes b = trimmed(text);
	struct syslog s = { 0 };
	unsigned priority;

	if (!take_priority(&b, &priority))
		return false;
	if (!read_5424(b, &s)) {
		s = (struct syslog){ 0 };
		read_3164(b, now, &s);
	}
	s.priority = priority;
	*ret = s;
	return true;
}
