#include "proto/trace_state.h"

enum { DIGITS = 14, DIGIT_BITS = 4, PRECISION = 4, PRECISION_MAX = 12, MEMBERS_MAX = 32, OT_MAX = 256 };

/* The part up to the next `end`, which is passed; *rest has no data behind the last one. */
static struct bytes next_part(struct bytes *rest, char end)
{
	const char *at = memchr(rest->data, end, rest->size);
	struct bytes part = { rest->data, at ? (size_t)(at - rest->data) : rest->size };

	if (at)
		*rest = (struct bytes){ at + 1, rest->size - part.size - 1 };
	else
		*rest = (struct bytes){ NULL, 0 };
	return part;
}

static bool begins_with(struct bytes text, const char *with)
{
	size_t size = strlen(with);

	return text.size >= size && memcmp(text.data, with, size) == 0;
}

static bool is_ot(struct bytes member)
{
	return begins_with(bytes_trimmed(member), "ot=");
}

static struct bytes value_of_ot(struct bytes state)
{
	while (state.data) {
		struct bytes member = bytes_trimmed(next_part(&state, ','));
		if (is_ot(member))
			return (struct bytes){ member.data + 3, member.size - 3 };
	}
	return (struct bytes){ NULL, 0 };
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits are missing at the end. */
static bool read_digits(struct bytes text, size_t least, uint64_t *ret)
{
	uint64_t number = 0;

	if (text.size < least || text.size > DIGITS)
		return false;
	for (size_t i = 0; i < DIGITS; i++) {
		int digit = i < text.size ? digit_of(text.data[i]) : 0;
		if (digit < 0)
			return false;
		number = number << DIGIT_BITS | (unsigned)digit;
	}
	*ret = number;
	return true;
}

struct sampling trace_state_sampling(struct bytes state, struct bytes trace_id)
{
	struct bytes ot = value_of_ot(state);
	struct sampling s = { .has_threshold = false };

	OXP_ASSERT(trace_id.size == 16);
	for (size_t i = 9; i < 16; i++)
		s.randomness = s.randomness << 8 | (unsigned char)trace_id.data[i];
	while (ot.data) {
		struct bytes part = next_part(&ot, ';');
		struct bytes value = { part.data + 3, part.size < 3 ? 0 : part.size - 3 };
		if (begins_with(part, "th:"))
			s.has_threshold = read_digits(value, 1, &s.threshold);
		else if (begins_with(part, "rv:"))
			(void)read_digits(value, DIGITS, &s.randomness);
	}
	return s;
}

uint64_t sampling_threshold(double probability)
{
	uint64_t kept = (uint64_t)(probability * 0x1p56 + 0.5), threshold, unit;
	int halvings = 0, precision;

	if (kept == 0)
		return SAMPLING_END;
	while (probability < 0.5) {
		probability *= 2;
		halvings++;
	}
	precision = PRECISION + halvings / DIGIT_BITS; /* digits f at the beginning do not count */
	precision = precision < PRECISION_MAX ? precision : PRECISION_MAX;
	unit = UINT64_C(1) << DIGIT_BITS * (DIGITS - precision);
	threshold = (SAMPLING_END - kept + unit / 2) / unit * unit;
	return threshold < SAMPLING_END ? threshold : SAMPLING_END - unit;
}

static size_t put(char *to, size_t at, struct bytes what)
{
	if (what.size > 0)
		memcpy(to + at, what.data, what.size);
	return at + what.size;
}

static size_t put_threshold(char *to, size_t at, uint64_t threshold)
{
	int shift = DIGIT_BITS * (DIGITS - 1);

	at = put(to, at, bytes_of("th:"));
	do {
		to[at++] = "0123456789abcdef"[threshold >> shift & 15];
		threshold &= (UINT64_C(1) << shift) - 1;
		shift -= DIGIT_BITS;
	} while (threshold > 0);
	return at;
}

/* The member `ot` without its threshold; 0 if nothing is left. */
static size_t put_ot(char *to, struct bytes ot)
{
	size_t at = 3;

	memcpy(to, "ot=", 3);
	while (ot.data) {
		struct bytes part = next_part(&ot, ';');
		if (part.size == 0 || begins_with(part, "th:"))
			continue;
		if (at > 3)
			to[at++] = ';';
		at = put(to, at, part);
	}
	return at;
}

size_t trace_state_write(struct bytes state, uint64_t threshold, char *to)
{
	size_t at = put_ot(to, value_of_ot(state)), members = 0;

	if (threshold < SAMPLING_END && at + 1 + 3 + DIGITS <= OT_MAX) {
		if (at > 3)
			to[at++] = ';';
		at = put_threshold(to, at, threshold);
	}
	if (at == 3)
		at = 0;
	members = at > 0;
	while (state.data && members < MEMBERS_MAX) {
		struct bytes member = bytes_trimmed(next_part(&state, ','));
		if (member.size == 0 || is_ot(member))
			continue;
		if (at > 0)
			to[at++] = ',';
		at = put(to, at, member);
		members++;
	}
	return at;
}
