#include "proto/otlp_json.h"

#include <math.h>

#include "base/text.h"
#include "proto/exposition_number.h"
#include "proto/json_walk.h"
#include "proto/otlp_build.h"
#include "proto/otlp_enum.h"
#include "proto/otlp_fault.h"
#include "proto/otlp_names.h"

enum {
	FRAMES_MAX = OTLP_DEPTH_MAX + 4, /* so that a value is mended that is nested one level too deep */
	SKIP_MAX = 512, /* arrays and objects, one within another, in what is not known */
	WORD = 64,
	DIGIT = 10,
	UNICODE_DIGITS = 4,
	PLAIN_MAX = 0x7f, /* a length of one byte */
	LIKELY = 4, /* rows that are looked at before a name is read */
	BASE64_BITS = 6,
	ROOM_MORE = 80,
};

static const double EXACT = 0x1p53;

static const char not_json[] = "not JSON", not_number[] = "not a number that fits its field",
		  not_enum[] = "neither a number that fits its field nor a name of its values",
		  deep[] = "nested too deep", wrong_kind[] = "a value of the wrong kind",
		  not_base64[] = "bytes that are not base64", too_long[] = "longer than any request";

/* A message that is being read. `list`: the repeated field whose array is open, NULL if none is. */
struct frame {
	unsigned char message, length; /* length: the bytes that are left for its length */
	bool some; /* a member or element is there already, so the next one has a comma before it */
	const struct row *list, *last; /* the row that was found last: the next name is likely the one behind it */
	size_t begun; /* for otlp_build_end_as() */
};

/* Invariant: frames[0 … depth) are open, frames[0] is the request; `p` is behind what has been written to `out`. */
struct reader {
	const struct json_scan *scan;
	const char *p, *end;
	const char *fault;
	struct otlp_build out;
	unsigned depth;
	struct frame frames[FRAMES_MAX];
};

static void fail(struct reader *r, const char *why)
{
	if (!r->fault)
		r->fault = why;
}

static bool is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* Tokens. Behind `end` is padding, which may be read and means nothing. */

static inline char next(struct reader *r)
{
	while (r->p < r->end && json_is_space(*r->p))
		r->p++;
	return r->p < r->end ? *r->p : '\0';
}

static inline bool pass(struct reader *r, char c)
{
	if (next(r) != c) {
		fail(r, not_json);
		return false;
	}
	r->p++;
	return true;
}

static bool pass_escape(struct reader *r)
{
	size_t left = (size_t)(r->end - r->p), size = left > 1 && r->p[1] == 'u' ? 2 + UNICODE_DIGITS : 2;

	if (left < size || !memchr("\"\\/bfnrtu", r->p[1], sizeof "\"\\/bfnrtu" - 1))
		return false;
	for (size_t i = 2; i < size; i++)
		if (hex_digit(r->p[i]) < 0)
			return false;
	r->p += size;
	return true;
}

/* A string, without its quotes and with its escapes. */
static bool pass_string(struct reader *r, struct bytes *ret)
{
	const char *at;

	if (next(r) != '"') {
		fail(r, r->p < r->end ? wrong_kind : not_json);
		return false;
	}
	at = ++r->p;
	for (;;) {
		r->p = r->scan->stop(r->p, r->end);
		if (r->p >= r->end || *r->p == '"' || *r->p != '\\' || !pass_escape(r))
			break;
	}
	if (r->p >= r->end || *r->p != '"') {
		r->p = r->p < r->end ? r->p : r->end;
		fail(r, not_json);
		return false;
	}
	*ret = (struct bytes){ at, (size_t)(r->p++ - at) };
	return true;
}

/* A member's name, and the colon behind it. */
static bool pass_name(struct reader *r, struct bytes *ret)
{
	if (next(r) != '"') {
		fail(r, not_json);
		return false;
	}
	return pass_string(r, ret) && pass(r, ':');
}

static size_t digits(struct reader *r)
{
	const char *at = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return (size_t)(r->p - at);
}

static bool is_at(const struct reader *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static bool pass_fraction(struct reader *r)
{
	if (is_at(r, '.')) {
		r->p++;
		if (digits(r) == 0)
			return false;
	}
	if (!is_at(r, 'e') && !is_at(r, 'E'))
		return true;
	r->p++;
	r->p += is_at(r, '+') || is_at(r, '-');
	return digits(r) > 0;
}

/* (RFC 8259, 6.) False: it is none. */
static bool pass_number(struct reader *r, struct bytes *ret)
{
	const char *at = r->p;
	size_t count;
	bool zero;

	r->p += is_at(r, '-');
	zero = is_at(r, '0');
	count = digits(r);
	if (count == 0 || (zero && count > 1) || !pass_fraction(r))
		return false;
	*ret = (struct bytes){ at, (size_t)(r->p - at) };
	return true;
}

static bool pass_word(struct reader *r, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(r->end - r->p) < size || memcmp(r->p, word, size) != 0)
		return false;
	r->p += size;
	return true;
}

/* What is not known. */

/* Invariant: bit i of `objects` says whether level i is an object. */
struct skip {
	unsigned depth;
	uint64_t objects[SKIP_MAX / WORD];
};

static bool in_object(const struct skip *s)
{
	return s->objects[(s->depth - 1) / WORD] >> (s->depth - 1) % WORD & 1;
}

static void skip_open(struct reader *r, struct skip *s, bool object)
{
	uint64_t bit = UINT64_C(1) << s->depth % WORD;

	if (s->depth == SKIP_MAX) {
		fail(r, deep);
		return;
	}
	r->p++;
	s->objects[s->depth / WORD] = object ? s->objects[s->depth / WORD] | bit : s->objects[s->depth / WORD] & ~bit;
	s->depth++;
}

static void skip_scalar(struct reader *r)
{
	struct bytes text;
	char c = next(r);

	if (c == '"')
		(void)pass_string(r, &text);
	else if (!pass_word(r, "true") && !pass_word(r, "false") && !pass_word(r, "null") && !pass_number(r, &text))
		fail(r, not_json);
}

static void skip_name(struct reader *r)
{
	struct bytes name;

	(void)pass_name(r, &name);
}

/* Behind a value: closes what ends here, and stands before the next value, if there is one. */
static void skip_ends(struct reader *r, struct skip *s)
{
	while (s->depth > 0 && !r->fault && next(r) == (in_object(s) ? '}' : ']')) {
		r->p++;
		s->depth--;
	}
	if (s->depth > 0 && pass(r, ',') && in_object(s))
		skip_name(r);
}

static void skip_value(struct reader *r)
{
	struct skip s = { .depth = 0 };

	do {
		char c = next(r);
		if (c != '{' && c != '[') {
			skip_scalar(r);
			skip_ends(r, &s);
			continue;
		}
		skip_open(r, &s, c == '{');
		if (!r->fault && next(r) == (c == '{' ? '}' : ']'))
			skip_ends(r, &s);
		else if (!r->fault && c == '{')
			skip_name(r);
	} while (s.depth > 0 && !r->fault);
}

/* Leaves. */

static void read_text(struct reader *r, const struct row *row)
{
	struct bytes text;
	struct buffer to;
	size_t begun;
	char *at;
	int failed;

	if (!pass_string(r, &text))
		return;
	if (!json_is_escaped(text)) {
		otlp_build_bytes(&r->out, row->number, text);
		return;
	}
	begun = otlp_build_begin(&r->out, row->number);
	at = otlp_build_claim(&r->out, text.size);
	if (!at) {
		fail(r, too_long);
		return;
	}
	to = (struct buffer){ .data = at, .room = text.size, .ceiling = text.size };
	failed = json_decode(text, &to);
	OXP_ASSERT(!failed); /* an escape is longer than what it stands for */
	otlp_build_cut(&r->out, begun + to.size);
	otlp_build_end(&r->out, begun);
}

/* What is not a text of hex becomes one byte, which is no id. */
static void read_hex(struct reader *r, const struct row *row)
{
	static const struct bytes no_id = { "", 1 };
	size_t begun = r->out.size;
	struct bytes text;
	char *to;

	if (next(r) != '"') {
		skip_value(r);
		otlp_build_bytes(&r->out, row->number, no_id);
		return;
	}
	if (!pass_string(r, &text))
		return;
	otlp_build_tag(&r->out, row->number, WIRE_LENGTH);
	otlp_build_varint(&r->out, text.size / 2);
	to = otlp_build_claim(&r->out, text.size / 2);
	if (!to || hex_parse(text, to, text.size / 2))
		return;
	otlp_build_cut(&r->out, begun);
	otlp_build_bytes(&r->out, row->number, no_id);
}

static void read_base64(struct reader *r, const struct row *row)
{
	struct bytes text;
	size_t size;
	char *to;

	if (!pass_string(r, &text))
		return;
	while (text.size > 0 && text.data[text.size - 1] == '=')
		text.size--;
	size = text.size * BASE64_BITS / 8;
	otlp_build_tag(&r->out, row->number, WIRE_LENGTH);
	otlp_build_varint(&r->out, size);
	to = otlp_build_claim(&r->out, size);
	if ((to || size == 0) && base64_parse(text, to, size, &size) < text.size)
		fail(r, not_base64);
}

static bool pass_bool(struct reader *r, uint64_t *ret)
{
	*ret = *r->p == 't';
	return pass_word(r, "true") || pass_word(r, "false");
}

/* 1e3 and 1.0 are whole numbers, too (ProtoJSON), as far as a double is exact. */
static bool whole_of_real(struct bytes text, bool is_signed, uint64_t *ret)
{
	double real;

	if (!exposition_number_parse(text, &real) || !(real >= -EXACT && real <= EXACT))
		return false;
	*ret = (uint64_t)(int64_t)real;
	return real == (double)(int64_t)real && (is_signed || real >= 0);
}

/* A whole number, with a sign or without: its bits. False if it has a fraction, or does not fit. */
static bool whole(struct bytes text, bool is_signed, uint64_t *ret)
{
	bool minus = text.size > 0 && *text.data == '-';
	uint64_t value = 0, most = is_signed ? (uint64_t)INT64_MAX + minus : UINT64_MAX;

	for (size_t i = minus; i < text.size; i++) {
		unsigned digit = (unsigned)(text.data[i] - '0');
		if (digit >= DIGIT)
			return whole_of_real(text, is_signed, ret);
		if (value > (most - digit) / DIGIT)
			return false;
		value = value * DIGIT + digit;
	}
	*ret = minus ? -value : value;
	return is_signed || !minus || value == 0;
}

/* A number, or a string that has one. */
static bool pass_number_or_text(struct reader *r, struct bytes *ret)
{
	const char *behind, *end = r->end;
	struct bytes text;
	bool fine;

	if (next(r) != '"')
		return pass_number(r, ret);
	if (!pass_string(r, &text))
		return false;
	behind = r->p;
	r->p = text.data;
	r->end = text.data + text.size;
	fine = pass_number(r, ret) && r->p == r->end;
	r->p = behind;
	r->end = end;
	return fine;
}

static void read_double(struct reader *r, const struct row *row)
{
	static const char *const words[] = { "\"NaN\"", "\"Infinity\"", "\"-Infinity\"" };
	static const double values[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
	struct bytes text = { "", 0 };
	double real = 0;
	uint64_t bits;
	size_t i = 0;

	(void)next(r);
	while (i < COUNT_OF(words) && !pass_word(r, words[i]))
		i++;
	if (i < COUNT_OF(words))
		real = values[i];
	else if (!pass_number_or_text(r, &text) || !exposition_number_parse(text, &real))
		fail(r, not_number);
	memcpy(&bits, &real, sizeof bits);
	otlp_build_fixed64(&r->out, row->number, bits);
}

/* Numbers of 32 bits are cut to these, so that -1 takes five bytes; receivers cut it as well. */
static void read_whole(struct reader *r, const struct row *row)
{
	bool is_signed = row->form == ENUM || row->form == INT64 || row->form == SINT32;
	uint64_t value = 0;
	struct bytes text;

	(void)next(r);
	if (row->form == BOOL ? !pass_bool(r, &value)
			      : !pass_number_or_text(r, &text) || !whole(text, is_signed, &value))
		fail(r, not_number);
	if (row->form == ENUM || row->form == UINT32)
		value = (uint32_t)value;
	if (row->form == SINT32) /* zigzag */
		value = (uint32_t)value << 1 ^ (value >> 31 & 1 ? UINT32_MAX : 0);
	if (row->type == WIRE_64)
		otlp_build_fixed64(&r->out, row->number, value);
	else if (row->type == WIRE_32)
		otlp_build_fixed32(&r->out, row->number, (uint32_t)value);
	else
		otlp_build_number(&r->out, row->number, value);
}

/* A number as it should be, or the name that it has. */
static void read_enum(struct reader *r, const struct row *row)
{
	struct bytes name;
	uint64_t value = 0;

	if (next(r) != '"' || r->p + 1 >= r->end || !is_capital(r->p[1])) {
		read_whole(r, row);
		return;
	}
	if (pass_string(r, &name) && !otlp_enum_parse(row->name, name, &value))
		fail(r, not_enum);
	otlp_build_number(&r->out, row->number, value);
}

/* How many bytes the length of a message will likely take: moving all of a large request costs as much as a tenth of
 * reading it. */
static size_t length_of(const struct reader *r, unsigned message)
{
	switch (message) {
	case RESOURCE_SPANS:
	case SCOPE_SPANS:
	case RESOURCE_LOGS:
	case SCOPE_LOGS:
		return wire_varint_size((size_t)(r->end - r->p) / 2);
	case SPAN:
	case LOG_RECORD:
		return 2;
	default:
		return 1;
	}
}

static void begin_message(struct reader *r, const struct row *row)
{
	size_t length = length_of(r, row->message);

	if (r->depth == FRAMES_MAX) {
		skip_value(r);
		return;
	}
	if (next(r) != '{') {
		fail(r, r->p < r->end ? wrong_kind : not_json);
		return;
	}
	r->p++;
	r->frames[r->depth++] = (struct frame){ .message = row->message,
		.length = (unsigned char)length,
		.last = rows[row->message],
		.begun = otlp_build_begin_as(&r->out, row->number, length) };
}

static inline bool is_there(const struct reader *r, const char *at, const char *text, size_t size)
{
	return r->end - at >= (ptrdiff_t)size && memcmp(at, text, size) == 0;
}

#define IS_THERE(r, at, text) is_there(r, at, text, sizeof text - 1)
#define PLAIN_HEAD "{\"key\":\""
#define PLAIN_VALUE "\",\"value\":{\"stringValue\":\""
#define PLAIN_END "\"}}"

/*
 * An attribute as nearly all are: a short text, without an escape or a space between the tokens. Most of any request
 * consists of these, and this way they take a third of the time. False: it may be any other, and stays.
 */
static inline bool read_plain_attribute(struct reader *r, const struct row *row)
{
	const char *key = r->p + sizeof PLAIN_HEAD - 1, *key_end, *text, *text_end;
	size_t key_size, text_size, size;
	char *to;

	if (!IS_THERE(r, r->p, PLAIN_HEAD))
		return false;
	key_end = r->scan->stop(key, r->end);
	if (!IS_THERE(r, key_end, PLAIN_VALUE))
		return false;
	text = key_end + sizeof PLAIN_VALUE - 1;
	text_end = r->scan->stop(text, r->end);
	if (!IS_THERE(r, text_end, PLAIN_END))
		return false;
	key_size = (size_t)(key_end - key);
	text_size = (size_t)(text_end - text);
	size = key_size + text_size + 6;
	to = size <= PLAIN_MAX ? otlp_build_claim(&r->out, size + 2) : NULL;
	if (!to)
		return false;
	*to++ = (char)(row->number << 3 | WIRE_LENGTH);
	*to++ = (char)size;
	*to++ = 1 << 3 | WIRE_LENGTH;
	*to++ = (char)key_size;
	memcpy(to, key, key_size);
	to += key_size;
	*to++ = 2 << 3 | WIRE_LENGTH;
	*to++ = (char)(text_size + 2);
	*to++ = 1 << 3 | WIRE_LENGTH;
	*to++ = (char)text_size;
	memcpy(to, text, text_size);
	r->p = text_end + sizeof PLAIN_END - 1;
	return true;
}

static void read_value(struct reader *r, const struct row *row)
{
	switch (row->form) {
	case MESSAGE:
		if (row->message != KEY_VALUE || !read_plain_attribute(r, row))
			begin_message(r, row);
		break;
	case TEXT:
		read_text(r, row);
		break;
	case HEX:
		read_hex(r, row);
		break;
	case BASE64:
		read_base64(r, row);
		break;
	case DOUBLE:
		read_double(r, row);
		break;
	case ENUM:
		read_enum(r, row);
		break;
	default:
		read_whole(r, row);
	}
}

/* Messages. */

static bool has_name(const struct row *row, struct bytes name)
{
	return row->size == name.size && memcmp(row->name, name.data, name.size) == 0;
}

/* Whether it is the name that the .proto file has: start_time for startTime. */
static bool has_proto_name(const struct row *row, struct bytes name)
{
	size_t at = 0;

	for (const char *c = row->name; *c; c++) {
		if (is_capital(*c) && (at >= name.size || name.data[at++] != '_'))
			return false;
		if (at >= name.size || name.data[at++] != (is_capital(*c) ? *c - 'A' + 'a' : *c))
			return false;
	}
	return at == name.size;
}

/* NULL: the message has no such field. */
static const struct row *find_row(struct frame *f, struct bytes name)
{
	const struct row *first = rows[f->message];

	for (const struct row *row = f->last; row->number; row++)
		if (has_name(row, name))
			return f->last = row;
	for (const struct row *row = first; row < f->last; row++)
		if (has_name(row, name))
			return f->last = row;
	for (const struct row *row = first; row->number; row++)
		if (has_proto_name(row, name) ||
			(json_is_escaped(name) && json_name_is(name, bytes_of(row->name), false)))
			return row;
	return NULL;
}

static inline uint64_t load(const char *from, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, from, size);
	return word;
}

/* The last word overlaps the one before it. A call would take longer than all else that is done for a name. */
static inline bool same_name(const char *a, const char *b, size_t size)
{
	if (size >= 8 && size <= 16)
		return load(a, 8) == load(b, 8) && load(a + size - 8, 8) == load(b + size - 8, 8);
	if (size >= 4 && size < 8)
		return load(a, 4) == load(b, 4) && load(a + size - 4, 4) == load(b + size - 4, 4);
	if (size == 3)
		return load(a, 2) == load(b, 2) && a[2] == b[2];
	return memcmp(a, b, size) == 0;
}

/* Passes the name and its colon if it is one of the next few that are likely, written as nearly all are: without an
 * escape, and with nothing before the colon. NULL: it may be any name, and stays. */
static inline const struct row *pass_likely(struct reader *r, struct frame *f)
{
	const struct row *row = f->last, *end = row + LIKELY;

	if (next(r) != '"')
		return NULL;
	for (; row->number && row < end; row++) {
		const char *behind = r->p + 1 + row->size;
		if (r->end - behind < 2 || behind[0] != '"' || behind[1] != ':')
			continue;
		if (!same_name(r->p + 1, row->name, row->size))
			continue;
		r->p = behind + 2;
		return f->last = row;
	}
	return NULL;
}

static void read_member(struct reader *r, struct frame *f)
{
	const struct row *row = pass_likely(r, f);
	struct bytes name;

	if (!row) {
		if (!pass_name(r, &name))
			return;
		row = find_row(f, name);
	}
	if (!row || next(r) == 'n') {
		skip_value(r);
	} else if (!row->repeated) {
		read_value(r, row);
	} else if (next(r) == '[') {
		r->p++;
		f->list = row;
		f->some = false;
	} else {
		fail(r, r->p < r->end ? wrong_kind : not_json);
	}
}

static void end_message(struct reader *r)
{
	r->p++;
	if (--r->depth > 0)
		otlp_build_end_as(&r->out, r->frames[r->depth].begun, r->frames[r->depth].length);
}

/* One member or element, or the end of what they are in. */
static void read_step(struct reader *r)
{
	struct frame *f = &r->frames[r->depth - 1];
	bool ends = next(r) == (f->list ? ']' : '}');

	if (ends && f->list) {
		r->p++;
		f->list = NULL;
		f->some = true;
		return;
	}
	if (ends) {
		end_message(r);
		return;
	}
	if (f->some && !pass(r, ','))
		return;
	f->some = true;
	if (!f->list)
		read_member(r, f);
	else if (next(r) == 'n')
		skip_value(r);
	else
		read_value(r, f->list);
}

size_t otlp_json_room(struct bytes text, enum otlp_json_request request)
{
	size_t numbers = 0;

	for (size_t i = 0; request == OTLP_JSON_METRICS && i < text.size; i++)
		numbers += text.data[i] == ',' || text.data[i] == '[';
	return text.size + ROOM_MORE + numbers * sizeof(double);
}

const char *otlp_json_read(
	struct bytes text, enum otlp_json_request request, char *to, size_t *ret_size, size_t *ret_at)
{
	static const unsigned char messages[] = {
		[OTLP_JSON_TRACES] = REQUEST, [OTLP_JSON_LOGS] = LOGS_REQUEST, [OTLP_JSON_METRICS] = METRICS_REQUEST
	};
	unsigned char message = messages[request];
	struct reader r;

	r.scan = json_scan_best();
	r.p = text.data;
	r.end = text.data + text.size;
	r.fault = NULL;
	r.out = (struct otlp_build){ to, otlp_json_room(text, request), 0 };
	r.frames[0] = (struct frame){ .message = message, .last = rows[message] };
	r.depth = text.size > 0 && pass(&r, '{');
	while (r.depth > 0 && !r.fault)
		read_step(&r);
	if (!r.fault && text.size > 0 && next(&r))
		r.fault = not_json;
	if (!r.fault && r.out.size > r.out.room)
		r.fault = too_long;
	*ret_size = r.out.size;
	*ret_at = text.size > 0 ? (size_t)(r.p - text.data) : 0;
	return r.fault;
}
