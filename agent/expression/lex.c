#include "expression/lex.h"

#include "base/text.h"
#include "proto/exposition_number.h"

static char peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->text.size ? l->text.data[l->at + ahead] : '\0';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool begins_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static void skip_blanks(struct lexer *l)
{
	for (;; l->at++) {
		char c = peek(l, 0);

		if (c == '#')
			while (l->at < l->text.size && peek(l, 0) != '\n')
				l->at++;
		else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
		if (l->at >= l->text.size)
			return;
	}
}

static void take(struct lexer *l, enum token_kind kind, size_t size)
{
	l->token = (struct token){ .kind = kind, .text = { l->text.data + l->at, size }, .at = l->at };
	l->at += size;
}

static void read_word(struct lexer *l)
{
	size_t n = 1;

	while (begins_word(peek(l, n)) || is_digit(peek(l, n)))
		n++;
	take(l, TOKEN_WORD, n);
	if (bytes_same_word(l->token.text, bytes_of("inf")) || bytes_same_word(l->token.text, bytes_of("nan")))
		l->token.kind = exposition_number_parse(l->token.text, &l->token.number) ? TOKEN_NUMBER : TOKEN_BAD;
}

static size_t digits(const struct lexer *l, size_t from)
{
	size_t n = from;

	while (is_digit(peek(l, n)))
		n++;
	return n;
}

static void read_number(struct lexer *l)
{
	size_t n = digits(l, 0), exponent;

	if (peek(l, n) == '.')
		n = digits(l, n + 1);
	if (peek(l, n) == 'e' || peek(l, n) == 'E') {
		exponent = n + 1 + (peek(l, n + 1) == '+' || peek(l, n + 1) == '-');
		if (digits(l, exponent) > exponent)
			n = digits(l, exponent);
	}
	take(l, TOKEN_NUMBER, n);
	if (begins_word(peek(l, 0)) || !exposition_number_parse(l->token.text, &l->token.number))
		l->token.kind = TOKEN_BAD;
}

static void read_text(struct lexer *l)
{
	char quote = peek(l, 0);
	size_t n = 1;

	while (l->at + n < l->text.size && peek(l, n) != quote && (quote == '`' || peek(l, n) != '\n'))
		n += peek(l, n) == '\\' && quote != '`' ? 2 : 1;
	if (l->at + n >= l->text.size || peek(l, n) != quote)
		take(l, TOKEN_BAD, smaller(n, l->text.size - l->at));
	else
		take(l, TOKEN_TEXT, n + 1);
}

static void read_sign(struct lexer *l)
{
	static const char *const twos[] = { "==", "!=", ">=", "<=", "=~", "!~" };

	for (size_t i = 0; i < COUNT_OF(twos); i++)
		if (peek(l, 0) == twos[i][0] && peek(l, 1) == twos[i][1]) {
			take(l, TOKEN_SIGN, 2);
			return;
		}
	take(l, strchr("(){}[],=<>+-*/%^", peek(l, 0)) ? TOKEN_SIGN : TOKEN_BAD, 1);
}

void lexer_next(struct lexer *l)
{
	char c;

	skip_blanks(l);
	c = peek(l, 0);
	if (l->at >= l->text.size)
		take(l, TOKEN_END, 0);
	else if (begins_word(c))
		read_word(l);
	else if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
		read_number(l);
	else if (c == '"' || c == '\'' || c == '`')
		read_text(l);
	else if (c == '\0')
		take(l, TOKEN_BAD, 1);
	else
		read_sign(l);
}

void lexer_init(struct lexer *l, struct bytes text)
{
	*l = (struct lexer){ .text = text };
	lexer_next(l);
}

/* Durations. */

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{ "y", INT64_C(365) * 24 * 3600 * 1000 },
	{ "w", INT64_C(7) * 24 * 3600 * 1000 },
	{ "d", INT64_C(24) * 3600 * 1000 },
	{ "h", 3600 * 1000 },
	{ "m", 60 * 1000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

enum { DURATION_DIGITS_MAX = 9 };

/* The unit that stands there, from `first` on; COUNT_OF(units): none. */
static size_t find_unit(struct bytes text, size_t first)
{
	size_t i = first, n = 0;

	while (n < text.size && text.data[n] >= 'a' && text.data[n] <= 'z')
		n++;
	while (i < COUNT_OF(units) && !bytes_are((struct bytes){ text.data, n }, units[i].name))
		i++;
	return i;
}

bool lexer_duration(struct lexer *l, struct duration *ret)
{
	size_t at = l->token.at, unit = 0;
	int64_t ms = 0;

	while (at < l->text.size && is_digit(l->text.data[at]) && unit < COUNT_OF(units)) {
		int64_t number = 0;
		size_t first = at;

		while (at < l->text.size && is_digit(l->text.data[at]) && at - first < DURATION_DIGITS_MAX)
			number = number * 10 + (l->text.data[at++] - '0');
		unit = find_unit((struct bytes){ l->text.data + at, l->text.size - at }, unit);
		if (unit == COUNT_OF(units) || number > INT64_MAX / 2000000 / units[unit].ms)
			return false;
		ms += number * units[unit].ms;
		at += strlen(units[unit++].name);
	}
	if (ms == 0 || ms > INT64_MAX / 1000000)
		return false;
	*ret = DURATION_MS(ms);
	l->at = at;
	lexer_next(l);
	return true;
}

/* Texts in quotes. */

static size_t put_utf8(uint32_t c, char *to)
{
	if (c < 0x80)
		return (size_t)(to[0] = (char)c, 1);
	if (c < 0x800) {
		to[0] = (char)(0xC0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	to[0] = (char)(0xE0 | c >> 12);
	to[1] = (char)(0x80 | (c >> 6 & 0x3F));
	to[2] = (char)(0x80 | (c & 0x3F));
	return 3;
}

/* That many digits of hex; -1: there are none. */
static int32_t read_hex(struct bytes text, size_t at, size_t count)
{
	int32_t value = 0;

	for (size_t i = 0; i < count; i++) {
		int digit = at + i < text.size ? hex_digit(text.data[at + i]) : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* The escape whose letter is at *at, which goes behind it. 0: it is wrong; otherwise the bytes written. */
static size_t put_escape(struct bytes text, size_t *at, char *to)
{
	static const char letters[] = "ntr\\\"'abfv", meanings[] = "\n\t\r\\\"'\a\b\f\v";
	char c = text.data[(*at)++];
	const char *letter = strchr(letters, c);
	size_t count = c == 'x' ? 2 : 4;
	int32_t value;

	if (c && letter)
		return (size_t)(to[0] = meanings[letter - letters], 1);
	if (c != 'x' && c != 'u')
		return 0;
	value = read_hex(text, *at, count);
	if (value < 0 || (value >= 0xD800 && value < 0xE000))
		return 0;
	*at += count;
	return c == 'x' ? (size_t)(to[0] = (char)value, 1) : put_utf8((uint32_t)value, to);
}

bool token_unquote(const struct token *t, char *to, size_t *ret_size)
{
	struct bytes text = { t->text.data + 1, t->text.size - 2 };
	bool raw = t->text.data[0] == '`';
	size_t at = 0, size = 0, one;

	while (at < text.size) {
		if (raw || text.data[at] != '\\') {
			to[size++] = text.data[at++];
			continue;
		}
		at++;
		one = put_escape(text, &at, to + size);
		if (one == 0)
			return false;
		size += one;
	}
	*ret_size = size;
	return utf8_valid(to, size);
}
