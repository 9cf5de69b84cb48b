#include "base/text.h"

#include <stdlib.h>
#include <strings.h>

/* Length of the valid sequence at p, 0 if there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char low, high, size, second_low, second_high;
	} rows[] = {
		{ 0x00, 0x7f, 1, 0x80, 0xbf },
		{ 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
		{ 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f },
		{ 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf },
		{ 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t size = rows[i].size;
		if (*p < rows[i].low || *p > rows[i].high)
			continue;
		if (size > left || (size > 1 && (p[1] < rows[i].second_low || p[1] > rows[i].second_high)))
			return 0;
		for (size_t k = 2; k < size; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return size;
	}
	return 0;
}

bool utf8_valid(const char *data, size_t size)
{
	const unsigned char *p = (const unsigned char *)data, *end = p + size;

	while (p < end) {
		uint64_t eight;
		size_t n;
		if (end - p >= 8) {
			memcpy(&eight, p, 8);
			if (!(eight & 0x8080808080808080)) {
				p += 8;
				continue;
			}
		}
		n = *p < 0x80 ? 1 : utf8_sequence(p, (size_t)(end - p));
		if (!n)
			return false;
		p += n;
	}
	return true;
}

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
enum { REPLACEMENT_SIZE = sizeof replacement - 1 };

size_t utf8_mend(const char *data, size_t size, char *to)
{
	const unsigned char *p = (const unsigned char *)data, *end = p + size;
	size_t written = 0;

	while (p < end) {
		size_t n = utf8_sequence(p, (size_t)(end - p)), wide = n ? n : REPLACEMENT_SIZE;
		if (to)
			memcpy(to + written, n ? (const char *)p : replacement, wide);
		written += wide;
		p += n ? n : 1;
	}
	return written;
}

size_t json_escape(unsigned char c, char to[JSON_ESCAPE_MAX])
{
	static const char hex[] = "0123456789abcdef", short_forms[] = "b\bf\fn\nr\rt\t\"\"\\\\";

	for (size_t i = 0; i + 1 < sizeof short_forms; i += 2)
		if ((char)c == short_forms[i + 1]) {
			to[0] = '\\';
			to[1] = short_forms[i];
			return 2;
		}
	memcpy(to, "\\u00", 4);
	to[4] = hex[c >> 4];
	to[5] = hex[c & 15];
	return 6;
}

/* Writes the JSON form of one character of `n` bytes (0: a bad byte) and returns its length, at most
 * JSON_ESCAPE_MAX. */
static size_t json_character(const unsigned char *p, size_t n, char *to)
{
	if (n == 0) {
		memcpy(to, replacement, REPLACEMENT_SIZE);
		return REPLACEMENT_SIZE;
	}
	if (*p >= 0x20 && *p != '"' && *p != '\\') {
		memcpy(to, p, n);
		return n;
	}
	return json_escape(*p, to);
}

/* How many bytes from there on may be in a JSON string as they are. Only ASCII is counted. */
static size_t plain_run(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *start = p;

	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return (size_t)(p - start);
}

int json_string_append(struct buffer *b, const char *data, size_t size)
{
	const unsigned char *p = (const unsigned char *)data, *end = p + size;
	size_t before = b->size;
	int failed = buffer_append(b, "\"", 1);

	while (!failed && p < end) {
		char form[JSON_ESCAPE_MAX];
		size_t n = plain_run(p, end);
		if (n > 0) {
			failed = buffer_append(b, p, n);
			p += n;
			continue;
		}
		n = utf8_sequence(p, (size_t)(end - p));
		if (b->room - b->size >= sizeof form)
			b->size += json_character(p, n, b->data + b->size);
		else
			failed = buffer_append(b, form, json_character(p, n, form));
		p += n ? n : 1;
	}
	if (!failed)
		failed = buffer_append(b, "\"", 1);
	if (failed)
		b->size = before;
	return failed;
}

size_t u64_format(uint64_t value, char *to)
{
	char digits[U64_DIGITS_MAX];
	size_t first = sizeof digits;

	for (; value >= 100; value /= 100) { /* a division takes longer than all the rest */
		unsigned two = (unsigned)(value % 100);
		digits[--first] = (char)('0' + two % 10);
		digits[--first] = (char)('0' + two / 10);
	}
	do
		digits[--first] = (char)('0' + value % 10);
	while (value /= 10);
	memcpy(to, digits + first, sizeof digits - first);
	return sizeof digits - first;
}

void double_format(double value, char to[DOUBLE_TEXT_SIZE])
{
	enum { ALWAYS_READABLE = 15, ALWAYS_EXACT = 17 };

	for (int digits = ALWAYS_READABLE; digits <= ALWAYS_EXACT; digits++) {
		snprintf(to, DOUBLE_TEXT_SIZE, "%.*g", digits, value);
		if (strtod(to, NULL) == value)
			break;
	}
}

bool u64_parse(struct bytes text, uint64_t *ret)
{
	uint64_t value = 0;

	if (text.size == 0)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
	}
	*ret = value;
	return true;
}

void base64_group(const unsigned char *p, size_t left, char to[BASE64_GROUP + 1])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned second = left > 1 ? p[1] : 0, third = left > 2 ? p[2] : 0;
	unsigned word = (unsigned)p[0] << 16 | second << 8 | third;

	to[0] = digits[word >> 18];
	to[1] = digits[word >> 12 & 63];
	to[2] = left > 1 ? digits[word >> 6 & 63] : '=';
	to[3] = left > 2 ? digits[word & 63] : '=';
	to[4] = '\0';
}

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c == '-' ? '+' : c == '_' ? '/' : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

size_t base64_parse(struct bytes text, char *to, size_t room, size_t *ret_size)
{
	enum { DIGIT_BITS = 6 };
	uint32_t word = 0;
	unsigned bits = 0;
	size_t size = 0, i = 0;

	for (; i < text.size; i++) {
		int digit = base64_digit(text.data[i]);
		if (digit < 0 || (size == room && bits + DIGIT_BITS >= 8))
			break;
		word = word << DIGIT_BITS | (uint32_t)digit;
		bits += DIGIT_BITS;
		if (bits < 8)
			continue;
		bits -= 8;
		to[size++] = (char)(word >> bits);
	}
	*ret_size = size;
	return i;
}

/* What is no digit is 0. Whether a digit of an id is a letter cannot be predicted, so nothing branches there. */
enum { HEX_DIGIT = 16 };
static const unsigned char hex_digits[256] = {
	['0'] = 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, ['A'] = 26, 27, 28, 29, 30, 31, ['a'] = 26, 27, 28, 29, 30, 31
};

bool hex_parse(struct bytes text, void *bytes, size_t size)
{
	const unsigned char *from = (const unsigned char *)text.data;
	unsigned char *to = bytes;
	unsigned all = HEX_DIGIT;

	if (text.size != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned high = hex_digits[from[2 * i]], low = hex_digits[from[2 * i + 1]];
		all &= high & low;
		to[i] = (unsigned char)(high << 4 | (low & 15));
	}
	return all & HEX_DIGIT;
}

void hex_format(const void *bytes, size_t size, char *to)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	for (size_t i = 0; i < size; i++) {
		to[2 * i] = hex[p[i] >> 4];
		to[2 * i + 1] = hex[p[i] & 15];
	}
}

enum { WORD_MAX = 64 };

static size_t edit_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(b);

	if (strlen(a) > WORD_MAX || n > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t limit = strlen(word) / 3 + 1, nearest = limit + 1;

	for (size_t i = 0; i < count; i++) {
		size_t d = edit_distance(word, candidates[i]);
		if (d < nearest) {
			nearest = d;
			best = candidates[i];
		}
	}
	return best;
}

/* Bytes that are left as they are. */
enum leave { LEAVE_NOTHING, LEAVE_TO_JSON /* control characters below a space, and bytes that are not UTF-8 */ };

/* Of a valid character of `size` bytes. */
static unsigned code_of(const unsigned char *p, size_t size)
{
	unsigned code = size == 1 ? *p : *p & (0x7fu >> size);

	for (size_t i = 1; i < size; i++)
		code = code << 6 | (p[i] & 0x3fu);
	return code;
}

static bool is_harmful(unsigned code, enum leave leave)
{
	static const struct {
		unsigned first, last;
	} ranges[] = { { 0x7f, 0x9f }, { 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb } };

	if (code < ' ')
		return leave == LEAVE_NOTHING;
	for (size_t i = 0; i < COUNT_OF(ranges); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

static void take_out(char *text, size_t left, enum leave leave)
{
	size_t n;

	for (unsigned char *p = (unsigned char *)text; left > 0; p += n, left -= n) {
		n = utf8_sequence(p, left);
		if (n == 0)
			*p = leave == LEAVE_TO_JSON ? *p : '?';
		else if (is_harmful(code_of(p, n), leave))
			memset(p, ' ', n);
		n = n ? n : 1;
	}
}

void text_one_line(char *text)
{
	take_out(text, strlen(text), LEAVE_NOTHING);
}

void text_for_json(char *text)
{
	take_out(text, strlen(text), LEAVE_TO_JSON);
}

size_t text_put(FILE *to, struct bytes text)
{
	const unsigned char *p = (const unsigned char *)text.data, *end = p + text.size;
	size_t count = 0;

	for (size_t n; p < end; p += n ? n : 1, count++) {
		n = utf8_sequence(p, (size_t)(end - p));
		if (n > 0 && !is_harmful(code_of(p, n), LEAVE_NOTHING))
			fwrite(p, 1, n, to);
		else
			fputc('?', to);
	}
	return count;
}

/* Anything that is not UTF-8 is not JSON either. */
void text_put_json(FILE *to, struct bytes json, bool lines)
{
	const unsigned char *p = (const unsigned char *)json.data, *end = p + json.size;

	for (size_t n; p < end; p += n ? n : 1) {
		n = utf8_sequence(p, (size_t)(end - p));
		if (n == 0)
			fputc('?', to);
		else if (*p < ' ')
			fputc(lines && *p == '\n' ? '\n' : ' ', to);
		else if (is_harmful(code_of(p, n), LEAVE_NOTHING))
			fprintf(to, "\\u%04x", code_of(p, n));
		else
			fwrite(p, 1, n, to);
	}
}

bool mode_parse(const char *text, unsigned *ret)
{
	unsigned mode = 0;

	for (size_t i = 0; text[i]; i++) {
		if (text[i] < '0' || text[i] > '7' || i > 3)
			return false;
		mode = mode << 3 | (unsigned)(text[i] - '0');
	}
	if (!text[0] || mode > 0777)
		return false;
	*ret = mode;
	return true;
}

bool media_type_is(struct bytes content_type, const char *type)
{
	size_t n = strlen(type);

	return content_type.size >= n && strncasecmp(content_type.data, type, n) == 0 &&
	       (content_type.size == n || strchr("; \t", content_type.data[n]));
}

bool address_split(const char *address, char **ret_host, uint16_t *ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;
	uint64_t port;

	if (!colon || n == 0 || !u64_parse(bytes_of(colon + 1), &port) || port == 0 || port > 65535)
		return false;
	if (address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	*ret_host = strndup(address, n);
	*ret_port = (uint16_t)port;
	return *ret_host;
}
