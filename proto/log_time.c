#include "proto/log_time.h"

enum {
	DIGITS_MAX = 19,
	NANO_DIGITS = 9,
	FIRST = 100000000, /* March of 1973; a smaller number says how long something took */
};

/* By their length first, because nearly no name of a line is one of them. */
static const struct {
	const char *name;
	uint8_t size;
	enum log_time_name kind;
} names[] = {
	{ "@timestamp", 10, LOG_TIME_OWN },
	{ "timestamp", 9, LOG_TIME_OWN },
	{ "time", 4, LOG_TIME_OWN },
	{ "ts", 2, LOG_TIME_OWN },
	{ "asctime", 7, LOG_TIME_OWN },
	{ "instant", 7, LOG_TIME_OWN },
	{ "timeMillis", 10, LOG_TIME_OWN },
	{ "datetime", 8, LOG_TIME_MAYBE },
	{ "date", 4, LOG_TIME_MAYBE },
	{ "event_time", 10, LOG_TIME_MAYBE },
	{ "eventTime", 9, LOG_TIME_MAYBE },
	{ "t", 1, LOG_TIME_MAYBE },
};

/* In its own letters. */
static bool is_document(struct bytes name)
{
	return json_name_is(name, bytes_of("@timestamp"), false);
}

enum log_time_name log_time_of_name(struct bytes name)
{
	bool escaped = json_is_escaped(name);

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if ((escaped || name.size == names[i].size) &&
			json_name_is(name, (struct bytes){ names[i].name, names[i].size }, true))
			return i == 0 && is_document(name) ? LOG_TIME_DOCUMENT : names[i].kind;
	return LOG_TIME_NONE;
}

static size_t take_digits(struct bytes *text, size_t most, uint64_t *value)
{
	size_t digits = 0;

	for (; digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++)
		if (digits < most)
			*value = *value * 10 + (uint64_t)(text->data[digits] - '0');
	*text = (struct bytes){ text->data + digits, text->size - digits };
	return digits;
}

/* Digits behind the point, as nanoseconds. */
static bool take_fraction(struct bytes *text, uint64_t *nanos)
{
	size_t digits;

	*nanos = 0;
	if (text->size == 0 || *text->data != '.')
		return true;
	*text = (struct bytes){ text->data + 1, text->size - 1 };
	digits = take_digits(text, NANO_DIGITS, nanos);
	for (size_t i = digits; i < NANO_DIGITS; i++)
		*nanos *= 10;
	return digits > 0;
}

static bool set_moment(uint64_t seconds, uint64_t nanos, struct rfc3339 *ret)
{
	static const uint64_t last = 253402300799; /* of the year 9999 */

	if (seconds < FIRST || seconds > last || nanos >= 1000000000)
		return false;
	*ret = (struct rfc3339){ .seconds = (int64_t)seconds, .nanos = (uint32_t)nanos, .zoned = true };
	return true;
}

/* Seconds have at most 11 digits until the year 5138; each unit that is a thousand times smaller has three more. */
static bool read_number(struct bytes text, struct rfc3339 *ret)
{
	uint64_t whole = 0, nanos, unit = 1;
	size_t digits = take_digits(&text, DIGITS_MAX, &whole);

	if (digits == 0 || digits > DIGITS_MAX || !take_fraction(&text, &nanos) || text.size > 0)
		return false;
	for (uint64_t at_most = 99999999999; whole / unit > at_most; unit *= 1000)
		if (unit == 1000000000)
			return false;
	return set_moment(whole / unit, whole % unit * (1000000000 / unit) + nanos / unit, ret);
}

/* "instant": {"epochSecond": 1795409106, "nanoOfSecond": 123456000} */
static bool read_instant(const struct json_scan *scan, struct bytes object, struct rfc3339 *ret)
{
	struct bytes seconds, rest;
	uint64_t whole = 0, nanos = 0;

	if (!json_find(scan, object, bytes_of("epochSecond"), &seconds) ||
		!json_find(scan, object, bytes_of("nanoOfSecond"), &rest))
		return false;
	if (take_digits(&seconds, DIGITS_MAX, &whole) == 0 || seconds.size > 0)
		return false;
	if (take_digits(&rest, DIGITS_MAX, &nanos) == 0 || rest.size > 0)
		return false;
	return set_moment(whole, nanos, ret);
}

bool log_time_read(const struct json_scan *scan, struct bytes value, struct rfc3339 *ret)
{
	enum member_kind kind = json_kind(value);

	if (kind == MEMBER_OBJECT)
		return read_instant(scan, value, ret);
	if (kind == MEMBER_NUMBER)
		return read_number(value, ret);
	return kind == MEMBER_STRING && (rfc3339_read(json_inner(value), ret) || read_number(json_inner(value), ret));
}

bool log_time_blank(struct bytes value)
{
	return bytes_are(value, "null") || bytes_are(value, "\"\"");
}

static void init(struct log_time *t)
{
	*t = (struct log_time){ .at = -1, .named = -1 };
}

static void look_at(struct log_time *t, const struct json_scan *scan, int number, struct bytes name, struct bytes value)
{
	enum log_time_name kind = log_time_of_name(name);

	if (kind == LOG_TIME_DOCUMENT && t->named < 0) {
		t->named = number;
		t->blank = log_time_blank(value);
	}
	if (kind <= t->kind || !log_time_read(scan, value, &t->when))
		return;
	t->kind = kind;
	t->at = number;
}

/* Most names in a line do not begin with one of the letters above. */
static inline bool may_tell(const char *line, const struct json_member *m)
{
	switch (line[m->name] | 0x20) {
	case '@' | 0x20:
	case 'a':
	case 'd':
	case 'e':
	case 'i':
	case 't':
		return m->name_size > 0;
	default:
		return m->name_escaped;
	}
}

void log_time_look(struct log_time *t, const struct json_scan *scan, const char *line, const struct json_line *index)
{
	init(t);
	for (size_t i = 0; i < index->count; i++) {
		const struct json_member *m = &index->members[i];
		if (!may_tell(line, m))
			continue;
		look_at(t, scan, (int)i, (struct bytes){ line + m->name, m->name_size },
			(struct bytes){ line + m->value, m->value_size });
	}
}

void log_time_look_edited(struct log_time *t, const struct json_edit *e)
{
	init(t);
	for (size_t i = 0; i < e->count; i++)
		if (!json_edit_gone(e, i))
			look_at(t, e->scan, (int)i, json_edit_name(e, i), json_edit_value(e, i));
}

bool log_time_make_way(struct json_edit *e)
{
	int i;

	while ((i = json_edit_find(e, bytes_of("@timestamp"))) >= 0) {
		if (!log_time_blank(json_edit_value(e, (size_t)i)))
			return false;
		json_edit_drop(e, (size_t)i);
	}
	return !json_edit_has(e, bytes_of("@timestamp"));
}

int log_time_of_line(const struct json_scan *scan, const char *line, const struct json_line *index, struct rfc3339 *ret)
{
	struct log_time t;

	log_time_look(&t, scan, line, index);
	if (t.at >= 0)
		*ret = t.when;
	return t.at;
}
