#include "proto/json_line.h"

#include "base/text.h"
#ifdef __x86_64__
#include <immintrin.h>
#endif

/* The scanners. */

static inline bool stops(unsigned char c)
{
	return c == '"' || c == '\\' || c < 0x20;
}

static const char *stop_scalar(const char *p, const char *end)
{
	while (p < end && !stops((unsigned char)*p))
		p++;
	return p;
}

static uint64_t block_scalar(const char *p, uint64_t *ret_high)
{
	uint64_t stop = 0, high = 0;

	for (int i = 0; i < JSON_BLOCK; i++) {
		stop |= (uint64_t)stops((unsigned char)p[i]) << i;
		high |= (uint64_t)((unsigned char)p[i] >> 7) << i;
	}
	*ret_high = high;
	return stop;
}

#ifdef __x86_64__
static inline unsigned stops_sse2(__m128i v)
{
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	__m128i text = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(text, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v)));
}

static const char *stop_sse2(const char *p, const char *end)
{
	for (; p < end; p += 16) {
		unsigned mask = stops_sse2(_mm_loadu_si128((const __m128i *)p));
		if (mask)
			return p + __builtin_ctz(mask);
	}
	return end;
}

static uint64_t block_sse2(const char *p, uint64_t *ret_high)
{
	uint64_t stop = 0, high = 0;

	for (int i = 0; i < JSON_BLOCK; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
		stop |= (uint64_t)stops_sse2(v) << i;
		high |= (uint64_t)(unsigned)_mm_movemask_epi8(v) << i;
	}
	*ret_high = high;
	return stop;
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline unsigned stops_avx2(__m256i v)
{
	const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\');
	const __m256i control = _mm256_set1_epi8(0x1f);
	__m256i text = _mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, backslash));

	return (unsigned)_mm256_movemask_epi8(_mm256_or_si256(text, _mm256_cmpeq_epi8(_mm256_min_epu8(v, control), v)));
}

AVX2 static const char *stop_avx2(const char *p, const char *end)
{
	for (; p < end; p += 32) {
		unsigned mask = stops_avx2(_mm256_loadu_si256((const __m256i *)p));
		if (mask)
			return p + __builtin_ctz(mask);
	}
	return end;
}

AVX2 static uint64_t block_avx2(const char *p, uint64_t *ret_high)
{
	__m256i a = _mm256_loadu_si256((const __m256i *)p), b = _mm256_loadu_si256((const __m256i *)(p + 32));

	*ret_high = (uint64_t)(unsigned)_mm256_movemask_epi8(b) << 32 | (unsigned)_mm256_movemask_epi8(a);
	return (uint64_t)stops_avx2(b) << 32 | stops_avx2(a);
}
#endif

const struct json_scan json_scans[] = {
#ifdef __x86_64__
	{ "avx2", stop_avx2, block_avx2 },
	{ "sse2", stop_sse2, block_sse2 },
#endif
	{ "scalar", stop_scalar, block_scalar },
	{ .name = NULL },
};

bool json_scan_runs(const struct json_scan *scan)
{
#ifdef __x86_64__
	if (scan->stop == stop_avx2)
		return __builtin_cpu_supports("avx2");
#endif
	return scan->name != NULL;
}

const struct json_scan *json_scan_best(void)
{
	const struct json_scan *scan = json_scans;

	while (!json_scan_runs(scan))
		scan++;
	return scan;
}

/* The grammar. If a function returns true, the cursor is behind what the function is named for; if it returns false,
 * `fault` says why. */

struct cursor {
	const struct json_scan *scan;
	const char *p, *end;
	/* Blocks are looked at once, in their order: `stop` belongs to the one before `ahead`, `high` to all of
	 * them. */
	const char *ahead;
	uint64_t stop, high;
	enum json_fault fault;
	bool escaped; /* the last string had a backslash */
};

static void next_block(struct cursor *c)
{
	size_t left = (size_t)(c->end - c->ahead);
	uint64_t high;

	c->stop = c->scan->block(c->ahead, &high);
	c->high |= left < JSON_BLOCK ? high & ((UINT64_C(1) << left) - 1) : high;
	c->ahead += JSON_BLOCK;
}

/* The first quote, backslash or control character from p on; at or behind the end: there is none. */
static inline const char *next_stop(struct cursor *c)
{
	for (const char *from = c->p;;) {
		if (from < c->ahead) {
			uint64_t left = c->stop >> (JSON_BLOCK - (c->ahead - from));
			if (LIKELY(left))
				return from + __builtin_ctzll(left);
			from = c->ahead;
		}
		if (c->ahead >= c->end)
			return c->end;
		next_block(c);
	}
}

static bool fail(struct cursor *c, enum json_fault fault)
{
	c->fault = c->p >= c->end ? JSON_CUT : fault;
	return false;
}

static inline void skip_space(struct cursor *c)
{
	while (c->p < c->end && json_is_space(*c->p))
		c->p++;
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* At a backslash. */
static bool escape(struct cursor *c)
{
	if (c->end - c->p < 2 || !memchr("\"\\/bfnrtu", c->p[1], 9))
		return c->p++, fail(c, JSON_SYNTAX);
	if (c->p[1] == 'u') {
		for (int i = 2; i < 6; i++)
			if (c->end - c->p <= i || !is_hex(c->p[i]))
				return c->p += 2, fail(c, JSON_SYNTAX);
		c->p += 4;
	}
	c->p += 2;
	c->escaped = true;
	return true;
}

/* A string that has an escape, or does not end. */
__attribute__((noinline)) static bool odd_string(struct cursor *c)
{
	for (;;) {
		c->p = next_stop(c);
		if (UNLIKELY(c->p >= c->end)) {
			c->p = c->end;
			return fail(c, JSON_CUT);
		}
		if (LIKELY(*c->p == '"')) {
			c->p++;
			return true;
		}
		if (*c->p != '\\')
			return fail(c, JSON_CONTROL);
		if (!escape(c))
			return false;
	}
}

/* Behind the opening quote; ends behind the closing one. */
static inline bool string(struct cursor *c)
{
	const char *stop = next_stop(c);

	c->escaped = false;
	if (LIKELY(stop < c->end && *stop == '"')) {
		c->p = stop + 1;
		return true;
	}
	c->p = stop; /* blocks before it are not looked at again */
	return odd_string(c);
}

static bool digits(struct cursor *c)
{
	const char *start = c->p;

	while (c->p < c->end && is_digit(*c->p))
		c->p++;
	return c->p > start || fail(c, JSON_SYNTAX);
}

static bool number(struct cursor *c)
{
	if (*c->p == '-')
		c->p++;
	if (c->p < c->end && *c->p == '0')
		c->p++;
	else if (!digits(c))
		return false;
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (!digits(c))
			return false;
	}
	if (c->p < c->end && (*c->p | 0x20) == 'e') {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
			c->p++;
		return digits(c);
	}
	return true;
}

static bool word(struct cursor *c, const char *text, size_t size)
{
	if ((size_t)(c->end - c->p) < size || memcmp(c->p, text, size) != 0)
		return fail(c, JSON_SYNTAX);
	c->p += size;
	return true;
}

/* A value that is not a bracket. */
static inline bool simple(struct cursor *c, uint8_t *kind)
{
	switch (*c->p) {
	case '"':
		*kind = MEMBER_STRING;
		c->p++;
		return string(c);
	case 't':
		*kind = MEMBER_TRUE;
		return word(c, "true", 4);
	case 'f':
		*kind = MEMBER_FALSE;
		return word(c, "false", 5);
	case 'n':
		*kind = MEMBER_NULL;
		return word(c, "null", 4);
	default:
		*kind = MEMBER_NUMBER;
		return (*c->p == '-' || is_digit(*c->p)) ? number(c) : fail(c, JSON_SYNTAX);
	}
}

/* At a member's name; ends behind the colon. */
static bool name(struct cursor *c)
{
	skip_space(c);
	if (c->p >= c->end || *c->p != '"')
		return fail(c, JSON_SYNTAX);
	c->p++;
	if (!string(c))
		return false;
	skip_space(c);
	if (c->p >= c->end || *c->p != ':')
		return fail(c, JSON_SYNTAX);
	c->p++;
	skip_space(c);
	return true;
}

/* Open brackets below the line's own, one bit each: 1 for an object. */
struct nest {
	uint64_t objects;
	unsigned depth;
};

static bool open_bracket(struct cursor *c, struct nest *n)
{
	if (n->depth == JSON_DEPTH_MAX - 1)
		return fail(c, JSON_DEEP);
	n->objects = n->objects << 1 | (*c->p++ == '{');
	n->depth++;
	return true;
}

/* Closes every bracket that closes here; then either all are closed, or the next value begins. */
static bool after_value(struct cursor *c, struct nest *n)
{
	while (n->depth > 0) {
		skip_space(c);
		if (c->p >= c->end)
			return fail(c, JSON_CUT);
		if (*c->p == ',') {
			c->p++;
			return !(n->objects & 1) || name(c);
		}
		if (*c->p != (n->objects & 1 ? '}' : ']'))
			return fail(c, JSON_SYNTAX);
		c->p++;
		n->objects >>= 1;
		n->depth--;
	}
	return true;
}

/* Behind an opening bracket: if it is empty, it closes; otherwise the first value begins. *ret_empty tells. */
static bool begin_bracket(struct cursor *c, struct nest *n, bool *ret_empty)
{
	skip_space(c);
	*ret_empty = c->p < c->end && *c->p == (n->objects & 1 ? '}' : ']');
	if (*ret_empty) {
		c->p++;
		n->objects >>= 1;
		n->depth--;
		return after_value(c, n);
	}
	return !(n->objects & 1) || name(c);
}

/* An object or array, with everything in it. */
static bool nested(struct cursor *c)
{
	struct nest n = { 0 };
	uint8_t kind;
	bool empty;

	do {
		skip_space(c);
		if (c->p >= c->end)
			return fail(c, JSON_CUT);
		if (*c->p == '{' || *c->p == '[') {
			if (!open_bracket(c, &n) || !begin_bracket(c, &n, &empty))
				return false;
		} else if (!simple(c, &kind) || !after_value(c, &n)) {
			return false;
		}
	} while (n.depth > 0);
	return true;
}

static bool value(struct cursor *c, uint8_t *kind)
{
	if (c->p >= c->end)
		return fail(c, JSON_CUT);
	if (*c->p != '{' && *c->p != '[')
		return simple(c, kind);
	*kind = *c->p == '{' ? MEMBER_OBJECT : MEMBER_ARRAY;
	return nested(c);
}

static bool member(struct cursor *c, const char *line, struct json_line *ret)
{
	struct json_member spare, *m = ret->count < JSON_MEMBERS_MAX ? &ret->members[ret->count] : &spare;
	const char *start, *close;

	skip_space(c);
	start = c->p + 1;
	if (c->p >= c->end || *c->p != '"')
		return fail(c, JSON_SYNTAX);
	c->p++;
	if (!string(c))
		return false;
	close = c->p - 1;
	m->name = (uint32_t)(start - line);
	m->name_size = (uint32_t)(close - start);
	m->name_escaped = c->escaped;
	skip_space(c);
	if (c->p >= c->end || *c->p != ':')
		return fail(c, JSON_SYNTAX);
	c->p++;
	skip_space(c);
	m->value = (uint32_t)(c->p - line);
	if (!value(c, &m->kind))
		return false;
	m->value_size = (uint32_t)(c->p - line) - m->value;
	if (m == &spare)
		ret->more = true;
	else
		ret->count++;
	return true;
}

static bool object(struct cursor *c, const char *line, struct json_line *ret)
{
	skip_space(c);
	if (c->p < c->end && *c->p == '}') {
		c->p++;
		return true;
	}
	for (;;) {
		if (!member(c, line, ret))
			return false;
		skip_space(c);
		if (c->p >= c->end || (*c->p != ',' && *c->p != '}'))
			return fail(c, JSON_SYNTAX);
		if (*c->p++ == '}')
			return true;
	}
}

enum json_fault json_line_index(const struct json_scan *scan, const char *line, size_t size, struct json_line *ret)
{
	struct cursor c = { .scan = scan, .p = line, .end = line + size, .ahead = line };

	ret->count = 0;
	ret->more = false;
	skip_space(&c);
	if (c.p >= c.end || *c.p != '{')
		return JSON_NOT_OBJECT;
	c.p++;
	if (!object(&c, line, ret))
		return c.fault;
	skip_space(&c);
	if (c.p < c.end)
		return JSON_TRAILING;
	while (c.ahead < c.end)
		next_block(&c);
	return !c.high || utf8_valid(line, size) ? JSON_FINE : JSON_UTF8;
}
