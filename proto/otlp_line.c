#include "proto/otlp_line.h"

#include <math.h>

#include "base/text.h"
#include "proto/otlp_any.h"
#include "proto/rfc3339.h"

enum { HEX_PIECE = 16, NS = 1000000000 };

void otlp_line_init(struct otlp_line *l, const struct json_scan *scan, char *to, size_t room)
{
	*l = (struct otlp_line){ .scan = scan, .to = to, .room = to ? room : 0 };
}

/* Names. */

/* The number of that name among those from `first` on; `count` if it is not there. */
static unsigned find(const struct otlp_line *l, unsigned first, struct bytes name)
{
	unsigned i = first;

	while (i < l->count && (l->taken[i].size != name.size || memcmp(l->taken[i].data, name.data, name.size) != 0))
		i++;
	return i;
}

static void add(struct otlp_line *l, struct bytes name)
{
	if (l->count < LINE_NAMES_MAX)
		l->taken[l->count++] = name;
}

bool otlp_line_has(const struct otlp_line *l, struct bytes name)
{
	return find(l, 0, name) < l->count;
}

enum line_name otlp_line_take(struct otlp_line *l, unsigned own, struct bytes name)
{
	unsigned i = find(l, 0, name);
	uint64_t bit = UINT64_C(1) << i % 64;

	if (i == l->count) {
		add(l, name);
		return LINE_NAME_FREE;
	}
	if (i >= own || l->moved[i / 64] & bit)
		return LINE_NAME_REPEATED;
	l->moved[i / 64] |= bit;
	return LINE_NAME_TAKEN;
}

void otlp_line_forget(struct otlp_line *l, unsigned count)
{
	OXP_ASSERT(count <= l->count);
	l->count = count;
	memset(l->moved, 0, sizeof l->moved);
}

/* Pieces. */

static inline void put(struct otlp_line *l, const char *data, size_t size)
{
	if (size == 0)
		return;
	if (l->to) {
		OXP_ASSERT(size <= l->room - l->size);
		memcpy(l->to + l->size, data, size);
	}
	l->size += size;
	l->last = data[size - 1];
}

static inline void put_char(struct otlp_line *l, char c)
{
	put(l, &c, 1);
}

void otlp_line_raw(struct otlp_line *l, struct bytes json)
{
	put(l, json.data, json.size);
}

void otlp_line_comma(struct otlp_line *l)
{
	if (l->last && l->last != '{' && l->last != '[')
		put_char(l, ',');
}

void otlp_line_open(struct otlp_line *l, char bracket)
{
	put_char(l, bracket);
}

void otlp_line_close(struct otlp_line *l, char bracket)
{
	put_char(l, bracket);
}

/* The quotes that json_string_append() writes go away again. */
static void put_mended(struct otlp_line *l, struct bytes text)
{
	size_t most = JSON_ESCAPE_MAX * text.size + 2;
	struct buffer b = { .ceiling = 0 };
	int failed;

	l->texts++;
	if (!l->to) {
		l->size += most;
		return;
	}
	OXP_ASSERT(most <= l->room - l->size);
	b = (struct buffer){ .data = l->to + l->size, .room = most, .ceiling = most };
	failed = json_string_append(&b, text.data, text.size);
	OXP_ASSERT(!failed && b.size >= 2);
	memmove(b.data, b.data + 1, b.size - 2);
	l->size += b.size - 2;
}

static void put_escaped(struct otlp_line *l, struct bytes text)
{
	const char *p = text.data, *end = p + text.size;
	char form[JSON_ESCAPE_MAX];

	if (UNLIKELY(!utf8_valid(text.data, text.size))) {
		put_mended(l, text);
		return;
	}
	while (p < end) {
		const char *stop = l->scan->stop(p, end);
		if (stop > end)
			stop = end; /* what stopped it is behind the text */
		put(l, p, (size_t)(stop - p));
		if (stop < end)
			put(l, form, json_escape((unsigned char)*stop++, form));
		p = stop;
	}
}

void otlp_line_text(struct otlp_line *l, struct bytes text)
{
	put_char(l, '"');
	put_escaped(l, text);
	put_char(l, '"');
}

void otlp_line_name(struct otlp_line *l, const char *prefix, struct bytes name)
{
	otlp_line_comma(l);
	put_char(l, '"');
	put(l, prefix, strlen(prefix));
	put_escaped(l, name);
	put(l, "\":", 2);
}

void otlp_line_number(struct otlp_line *l, uint64_t number)
{
	char digits[U64_DIGITS_MAX];

	put(l, digits, u64_format(number, digits));
}

static void put_int(struct otlp_line *l, int64_t number)
{
	if (number < 0)
		put_char(l, '-');
	otlp_line_number(l, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

/* What is counted is the longest. */
static void put_double(struct otlp_line *l, uint64_t bits)
{
	char text[DOUBLE_TEXT_SIZE] = "";
	double value;

	memcpy(&value, &bits, sizeof value);
	if (!isfinite(value)) {
		otlp_line_raw(l, bytes_of(isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\""));
		return;
	}
	if (l->to)
		double_format(value, text);
	put(l, text, l->to ? strlen(text) : sizeof text);
}

void otlp_line_hex(struct otlp_line *l, struct bytes bytes)
{
	char text[2 * HEX_PIECE];

	put_char(l, '"');
	for (size_t i = 0; i < bytes.size; i += HEX_PIECE) {
		size_t n = bytes.size - i < HEX_PIECE ? bytes.size - i : HEX_PIECE;
		hex_format(bytes.data + i, n, text);
		put(l, text, 2 * n);
	}
	put_char(l, '"');
}

static void put_base64(struct otlp_line *l, struct bytes bytes)
{
	char group[BASE64_GROUP + 1];

	put_char(l, '"');
	for (size_t i = 0; i < bytes.size && l->to; i += 3) {
		base64_group((const unsigned char *)bytes.data + i, bytes.size - i, group);
		put(l, group, BASE64_GROUP);
	}
	if (!l->to)
		l->size += (bytes.size + 2) / 3 * BASE64_GROUP;
	put_char(l, '"');
}

void otlp_line_time(struct otlp_line *l, uint64_t unix_ns)
{
	char text[RFC3339_SIZE];
	size_t size = rfc3339_write((int64_t)(unix_ns / NS), (uint32_t)(unix_ns % NS), text);

	put_char(l, '"');
	put(l, text, size);
	put_char(l, '"');
}

/* Values. */

int otlp_pair_read(struct bytes pair, struct bytes *ret_key, struct bytes *ret_value)
{
	struct wire w = wire_of(pair);
	struct wire_field f;
	int more;

	*ret_key = *ret_value = (struct bytes){ "", 0 };
	while ((more = wire_next(&w, &f)) > 0)
		if (f.type == WIRE_LENGTH && f.number <= 2)
			*(f.number == 1 ? ret_key : ret_value) = f.bytes;
	return more;
}

/* An array or map that is being written. */
struct level {
	struct wire at;
	bool map;
	unsigned names; /* of the maps around it */
};

/* Invariant: levels[0 … depth) are open, one within another. */
struct values {
	unsigned depth;
	struct level levels[OTLP_LEVELS_MAX];
};

static void open_level(struct otlp_line *l, struct values *v, const struct otlp_any *any)
{
	bool map = any->type == OTLP_VALUE_MAP;

	if (v->depth == OTLP_LEVELS_MAX) {
		l->values++;
		put(l, "null", 4);
		return;
	}
	otlp_line_open(l, map ? '{' : '[');
	v->levels[v->depth++] = (struct level){ .at = wire_of(any->bytes), .map = map, .names = l->count };
}

static void begin_value(struct otlp_line *l, struct values *v, struct bytes value)
{
	struct otlp_any any = otlp_any_read(value);

	if (any.broken) {
		l->broken = true;
		return;
	}
	switch (any.type) {
	case OTLP_VALUE_TEXT:
		otlp_line_text(l, any.bytes);
		break;
	case OTLP_VALUE_BOOL:
		put(l, any.number ? "true" : "false", any.number ? 4 : 5);
		break;
	case OTLP_VALUE_INT:
		put_int(l, (int64_t)any.number);
		break;
	case OTLP_VALUE_DOUBLE:
		put_double(l, any.number);
		break;
	case OTLP_VALUE_BYTES:
		put_base64(l, any.bytes);
		break;
	case OTLP_VALUE_ARRAY:
	case OTLP_VALUE_MAP:
		open_level(l, v, &any);
		break;
	default:
		put(l, "null", 4);
	}
}

static void map_member(struct otlp_line *l, struct values *v, unsigned names, struct bytes pair)
{
	struct bytes key, value;

	if (otlp_pair_read(pair, &key, &value) < 0) {
		l->broken = true;
	} else if (find(l, names, key) < l->count) {
		l->repeated++;
	} else {
		add(l, key);
		otlp_line_name(l, "", key);
		begin_value(l, v, value);
	}
}

/* One element of the innermost array or map, or its end. */
static void value_step(struct otlp_line *l, struct values *v)
{
	struct level *level = &v->levels[v->depth - 1];
	struct wire_field f;
	int more = wire_next(&level->at, &f);

	if (more < 0) {
		l->broken = true;
	} else if (more == 0) {
		otlp_line_close(l, level->map ? '}' : ']');
		l->count = level->names;
		v->depth--;
	} else if (f.number == 1 && f.type == WIRE_LENGTH && level->map) {
		map_member(l, v, level->names, f.bytes);
	} else if (f.number == 1 && f.type == WIRE_LENGTH) {
		otlp_line_comma(l);
		begin_value(l, v, f.bytes);
	}
}

void otlp_line_value(struct otlp_line *l, struct bytes any)
{
	struct values v;
	unsigned names = l->count;

	v.depth = 0;
	begin_value(l, &v, any);
	while (v.depth > 0 && !l->broken)
		value_step(l, &v);
	l->count = names;
}
