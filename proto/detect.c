#include "proto/detect.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	CARD_MIN = 13,
	CARD_MAX = 19,
	CARD_GROUP = 3, /* digits, at least */
	LOCAL_MAX = 64, /* bytes of an address before its @, RFC 5321 4.5.3.1.1 */
	DOMAIN_MAX = 255,
	BEARER_SPACES = 16,
	BEARER_MIN = 3,
	IP6_MAX = 45,
};

/* What a byte is, as flags. Words are ASCII: scripts without spaces, and “quotes”, end them. EDGE: an e-mail address
 * may begin and end with it. */
enum { DIGIT = 1, EDGE = 2, HEX = 4, LOCAL = 8, DOMAIN = 16, TOKEN = 32, JWT = 64, WORD = 128 };

#define ALL(from, to, flags) [from... to] = (flags)
enum { ALPHA = EDGE | LOCAL | DOMAIN | TOKEN | JWT | WORD };
static const uint8_t kinds[256] = {
	ALL('0', '9', DIGIT | EDGE | HEX | LOCAL | DOMAIN | TOKEN | JWT | WORD),
	ALL('a', 'f', ALPHA | HEX),
	ALL('g', 'z', ALPHA),
	ALL('A', 'F', ALPHA | HEX),
	ALL('G', 'Z', ALPHA),
	ALL(0x80, 0xff, EDGE | LOCAL | DOMAIN),
	['.'] = LOCAL | DOMAIN | TOKEN | JWT,
	['_'] = EDGE | LOCAL | TOKEN | JWT | WORD,
	['-'] = LOCAL | DOMAIN | TOKEN | JWT,
	['~'] = LOCAL | TOKEN,
	['+'] = LOCAL | TOKEN,
	['/'] = TOKEN,
	['='] = TOKEN,
	['%'] = LOCAL,
	['!'] = LOCAL,
	['#'] = LOCAL,
	['$'] = LOCAL,
	['&'] = LOCAL,
	['*'] = LOCAL,
	['\''] = LOCAL,
	['^'] = LOCAL,
};

/* Where one candidate is looked at: the text, where matches may begin, and where the mark was found. */
struct look {
	const unsigned char *text;
	size_t size, floor, at;
	struct detected *ret;
};

static inline bool is(const struct look *l, size_t i, unsigned flags)
{
	return i < l->size && kinds[l->text[i]] & flags;
}

static inline bool is_char(const struct look *l, size_t i, char c)
{
	return i < l->size && l->text[i] == (unsigned char)c;
}

static bool begins_word(const struct look *l, size_t i)
{
	return i == l->floor || !is(l, i - 1, WORD);
}

/* A "." with a digit on its other side makes one number of two. */
static bool joins_number(const struct look *l, size_t dot, size_t other)
{
	return is_char(l, dot, '.') && is(l, other, DIGIT);
}

static size_t past(const struct look *l, size_t i, unsigned flags, size_t max)
{
	size_t end = max < l->size - i ? i + max : l->size;

	while (i < end && kinds[l->text[i]] & flags)
		i++;
	return i;
}

static bool found(const struct look *l, size_t from, size_t to)
{
	*l->ret = (struct detected){ from, to };
	return true;
}

/* Cards. */

static bool luhn(const uint8_t *digits, size_t count)
{
	unsigned sum = 0, any = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned d = digits[count - 1 - i];
		any |= d;
		sum += i & 1 ? 2 * d - (d > 4 ? 9 : 0) : d;
	}
	return any && sum % 10 == 0;
}

/* Whether issuers of payment cards give out numbers of that length with this beginning. The ranges are approximate. */
static bool is_issued(const uint8_t *digits, size_t count)
{
	static const uint8_t least[10] = { [2] = 16, [3] = 14, [4] = 13, [5] = 13, [6] = 13 };
	uint8_t first = least[digits[0]];

	return first && count >= first && (digits[0] != 2 || (digits[1] >= 2 && digits[1] <= 7));
}

static bool is_uuid(const struct look *l, size_t from)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	for (i = 0; shape[i]; i++)
		if (shape[i] == '-' ? !is_char(l, from + i, '-') : !is(l, from + i, HEX))
			return false;
	return (from == 0 || !is(l, from - 1, WORD)) && !is(l, from + i, WORD);
}

/* Whether one of the groups of a UUID (RFC 9562, 4) begins there: the digits of some could be a card's. */
static bool in_uuid(const struct look *l, size_t at)
{
	static const uint8_t groups[] = { 0, 9, 14, 19, 24 };

	for (size_t i = 0; i < COUNT_OF(groups); i++)
		if (at >= groups[i] && is_uuid(l, at - groups[i]))
			return true;
	return false;
}

static bool found_card(const struct look *l, size_t end)
{
	return end && !in_uuid(l, l->at) && found(l, l->at, end);
}

/* Reads group after group, and remembers the longest sequence of them that is a card. */
static bool card(const struct look *l)
{
	uint8_t digits[CARD_MAX];
	size_t count = 0, i = l->at, best = 0, group;

	if (!begins_word(l, i) || (i > 1 && joins_number(l, i - 1, i - 2)))
		return false;
	do {
		for (group = 0; is(l, i, DIGIT); i++, group++) {
			if (count == CARD_MAX)
				return found_card(l, best);
			digits[count++] = l->text[i] - '0';
		}
		if (count >= CARD_MIN && !is(l, i, WORD) && !joins_number(l, i, i + 1) && is_issued(digits, count) &&
			luhn(digits, count))
			best = i;
	} while (group >= CARD_GROUP && (is_char(l, i, ' ') || is_char(l, i, '-')) && is(l, ++i, DIGIT));
	return found_card(l, best);
}

/* IP addresses. */

/* One decimal part of at most 255. Returns the offset behind it, or 0 if it is not one. */
static size_t octet(const struct look *l, size_t i)
{
	unsigned value = 0;
	size_t from = i;

	for (; is(l, i, DIGIT) && i - from < 3; i++)
		value = value * 10 + l->text[i] - '0';
	return i > from && value <= 255 ? i : 0;
}

static size_t four_octets(const struct look *l, size_t i)
{
	for (int part = 0; part < 4; part++) {
		if (part > 0 && !is_char(l, i++, '.'))
			return 0;
		i = octet(l, i);
		if (i == 0)
			return 0;
	}
	return is(l, i, WORD) || joins_number(l, i, i + 1) ? 0 : i;
}

static bool ip4(const struct look *l)
{
	size_t end;

	if (!begins_word(l, l->at) || (l->at > 1 && joins_number(l, l->at - 1, l->at - 2)))
		return false;
	end = four_octets(l, l->at);
	return end && found(l, l->at, end);
}

/* Groups of an IPv6 address as they are read. */
struct groups {
	unsigned count, digits;
	bool gap; /* "::" was there */
};

/* At a group or a colon; moves behind it. False: the address ends here. */
static bool ip6_step(const struct look *l, struct groups *g, size_t *i)
{
	size_t end = past(l, *i, HEX, 5), v4;

	if (end > *i) {
		v4 = is_char(l, end, '.') && g->count <= 6 ? four_octets(l, *i) : 0;
		g->count += v4 ? 2 : 1;
		g->digits = (unsigned)(end - *i);
		*i = v4 ? v4 : end;
		return !v4 && g->digits <= 4 && g->count <= 8;
	}
	if (!is_char(l, *i, ':'))
		return false;
	if (is_char(l, *i + 1, ':')) {
		if (g->gap)
			return false;
		g->gap = true;
		*i += 2;
		return true;
	}
	if (g->count == 0 || !is(l, *i + 1, HEX))
		return false;
	*i += 1;
	return true;
}

/* Whether what stands before is the colon of an earlier group, not of a word as in "peer:fe80::1". */
static bool follows_group(const struct look *l, size_t from)
{
	size_t i, colon = from - 1;

	if (from == l->floor || !is_char(l, colon, ':'))
		return false;
	for (i = colon; i > l->floor && colon - i < 5 && is(l, i - 1, HEX);)
		i--;
	return i == colon ? is_char(l, colon - 1, ':') : begins_word(l, i);
}

static bool ip6_from(const struct look *l, size_t from)
{
	struct groups g = { 0 };
	size_t i = from;

	if (!begins_word(l, from) || follows_group(l, from))
		return false;
	while (i - from < IP6_MAX && ip6_step(l, &g, &i))
		;
	if (g.digits > 4 || is(l, i, WORD) || (is_char(l, i, ':') && is_char(l, i + 1, ':')))
		return false;
	if (g.gap ? g.count == 0 || g.count > 7 : g.count != 8)
		return false;
	return found(l, from, i);
}

/* At the first colon: what stands before it are at most four hex digits. */
static bool ip6(const struct look *l)
{
	size_t from = l->at;

	while (from > l->floor && l->at - from < 5 && is(l, from - 1, HEX))
		from--;
	return ip6_from(l, from);
}

/* Addresses of people. */

static size_t domain(const struct look *l, size_t from)
{
	size_t end = past(l, from, DOMAIN, DOMAIN_MAX), dot;

	while (end > from && !is(l, end - 1, EDGE))
		end--;
	for (dot = end; dot > from && l->text[dot - 1] != '.';)
		dot--;
	return dot > from + 1 && end - dot >= 2 && !is(l, dot, DIGIT) ? end : 0;
}

static bool email(const struct look *l, size_t at_size)
{
	size_t from = l->at, end;

	while (from > l->floor && l->at - from < LOCAL_MAX && is(l, from - 1, LOCAL))
		from--;
	while (from < l->at && !is(l, from, EDGE))
		from++;
	end = from < l->at ? domain(l, l->at + at_size) : 0;
	return end && found(l, from, end);
}

/* Whether the number is a part of an address: "bob.10.0.0.1@example.com" is one match, not a number in it. */
static bool with_email(const struct look *l)
{
	struct detected number = *l->ret;
	struct look at = *l;

	at.at = number.to;
	if (!is_char(l, at.at, '@') || !email(&at, 1))
		return true;
	if (number.from < l->ret->from)
		l->ret->from = number.from;
	return true;
}

/* Tokens. */

static bool bearer(const struct look *l)
{
	static const char word[] = "bearer";
	size_t i, end;

	if (!begins_word(l, l->at) || l->size - l->at < sizeof word - 1)
		return false;
	for (i = 0; word[i]; i++)
		if ((l->text[l->at + i] | 0x20) != (unsigned char)word[i])
			return false;
	i += l->at;
	for (end = i; is_char(l, i, ' ') && i - end < BEARER_SPACES;)
		i++;
	if (i == end)
		return false;
	end = past(l, i, TOKEN, SIZE_MAX);
	return end - i >= BEARER_MIN && found(l, i, end);
}

/* Only if no byte of a token stands before it, so that a run of such bytes is read once. %20 is a space. */
static bool begins_token(const struct look *l, size_t i)
{
	return i == 0 || !is(l, i - 1, JWT) ||
	       (i > 2 && is_char(l, i - 3, '%') && is(l, i - 2, HEX) && is(l, i - 1, HEX));
}

/* At the J of eyJ. */
static bool jwt(const struct look *l)
{
	size_t from = l->at - 2, end, dots = 0;

	if (l->at < 2 + l->floor || l->text[from] != 'e' || l->text[from + 1] != 'y' || !begins_token(l, from))
		return false;
	end = past(l, from, JWT, SIZE_MAX);
	for (size_t i = from; i < end; i++)
		dots += l->text[i] == '.';
	return dots >= 2 && found(l, from, end);
}

/* Candidates: digits and a B where a word begins, colon, @, % and J. */

static inline bool is_word(unsigned char c)
{
	return kinds[c] & WORD;
}

static inline bool is_mark(unsigned char before, unsigned char c)
{
	switch (c) {
	case '0' ... '9':
	case 'b':
	case 'B':
		return !is_word(before);
	case ':':
	case '@':
	case '%':
	case 'J':
		return true;
	default:
		return false;
	}
}

static size_t next_scalar(const unsigned char *text, size_t size, size_t at)
{
	while (at < size && !is_mark(at ? text[at - 1] : ' ', text[at]))
		at++;
	return at;
}

#ifdef __SSE2__
static inline __m128i in_range(__m128i v, char from, char to)
{
	__m128i above = _mm_sub_epi8(v, _mm_set1_epi8(from));

	return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(to - from))), above);
}

static inline __m128i equals(__m128i v, char c)
{
	return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

static inline __m128i words_of(__m128i v)
{
	__m128i letters = in_range(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 'z');

	return _mm_or_si128(_mm_or_si128(letters, equals(v, '_')), in_range(v, '0', '9'));
}

static size_t next_sse2(const unsigned char *text, size_t size, size_t at)
{
	if (at == 0 && size > 0 && is_mark(' ', text[at++]))
		return 0;
	for (; at < size; at += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(text + at));
		__m128i before = _mm_loadu_si128((const __m128i *)(text + at - 1));
		__m128i begins = _mm_or_si128(in_range(v, '0', '9'), equals(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'b'));
		__m128i always = _mm_or_si128(
			_mm_or_si128(equals(v, ':'), equals(v, '@')), _mm_or_si128(equals(v, '%'), equals(v, 'J')));
		__m128i marks = _mm_or_si128(always, _mm_andnot_si128(words_of(before), begins));
		unsigned mask = (unsigned)_mm_movemask_epi8(marks);
		if (mask) {
			at += (size_t)__builtin_ctz(mask);
			return at < size ? at : size;
		}
	}
	return size;
}
#endif

const struct detect_skip detect_skips[] = {
#ifdef __SSE2__
	{ "sse2", next_sse2 },
#endif
	{ "scalar", next_scalar },
	{ .name = NULL },
};

void detector_init(struct detector *d, unsigned what)
{
	*d = (struct detector){ .what = what, .skip = detect_skips };
}

static bool look_at_number(const struct detector *d, const struct look *l)
{
	if (!(d->what & DETECT_IP && ip4(l)) && !(d->what & DETECT_CARD && card(l)))
		return false;
	return d->what & DETECT_EMAIL ? with_email(l) : true;
}

static bool look_at(const struct detector *d, const struct look *l)
{
	switch (l->text[l->at]) {
	case ':':
		return d->what & DETECT_IP && ip6(l);
	case '@':
		return d->what & DETECT_EMAIL && email(l, 1);
	case '%':
		return d->what & DETECT_EMAIL && is_char(l, l->at + 1, '4') && is_char(l, l->at + 2, '0') &&
		       email(l, 3);
	case 'b':
	case 'B':
		return d->what & DETECT_BEARER && bearer(l);
	case 'J':
		return d->what & DETECT_BEARER && jwt(l);
	default:
		return look_at_number(d, l);
	}
}

bool detect_next(const struct detector *d, struct bytes text, size_t at, struct detected *ret)
{
	struct look l = { .text = (const unsigned char *)text.data, .size = text.size, .floor = at, .ret = ret };

	while ((at = d->skip->next(l.text, l.size, at)) < l.size) {
		l.at = at++;
		if (look_at(d, &l))
			return true;
	}
	return false;
}
