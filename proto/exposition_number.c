#include "proto/exposition_number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

/* 2^53 and 10^22 are the ends of what a double holds exactly, so that one division rounds once and right. */
#define EXACT_DIGITS_MAX ((uint64_t)1 << 53)
enum { EXACT_POWER_MAX = 22 };

static const double powers[EXACT_POWER_MAX + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A number as it stands in the text. */
struct decimal {
	uint64_t digits;	/* without the point; meaningless when there are more than 18 of them */
	unsigned count;		/* of digits, leading zeros not counted */
	unsigned fraction;	/* how many of all digits are behind the point */
	bool any, exponent;
};

static const char *read_digits(const char *p, const char *end, struct decimal *d, bool fraction)
{
	for (; p < end && is_digit(*p); p++) {
		d->digits = d->digits * 10 + (unsigned)(*p - '0');
		d->count += d->count > 0 || *p != '0';
		d->fraction += fraction;
		d->any = true;
	}
	return p;
}

/* Behind the `e`: where the exponent ends, or NULL when there is none. */
static const char *skip_exponent(const char *p, const char *end)
{
	const char *digits;

	if (p < end && (*p == '+' || *p == '-'))
		p++;
	for (digits = p; p < end && is_digit(*p);)
		p++;
	return p > digits ? p : NULL;
}

static bool read_decimal(const char *p, const char *end, struct decimal *d)
{
	p = read_digits(p, end, d, false);
	if (p < end && *p == '.')
		p = read_digits(p + 1, end, d, true);
	if (d->any && p < end && (*p == 'e' || *p == 'E')) {
		d->exponent = true;
		p = skip_exponent(p + 1, end);
	}
	return d->any && p == end;
}

static bool parse_word(const char *p, size_t size, bool negative, double *ret)
{
	if (size == 3 && strncasecmp(p, "nan", 3) == 0)
		*ret = NAN;
	else if ((size == 3 && strncasecmp(p, "inf", 3) == 0) || (size == 8 && strncasecmp(p, "infinity", 8) == 0))
		*ret = negative ? -INFINITY : INFINITY;
	else
		return false;
	return true;
}

/* The grammar was checked before, so only overflow is left to refuse. The program keeps the C locale. */
static bool parse_slowly(struct bytes text, double *ret)
{
	char copy[EXPOSITION_NUMBER_MAX + 1];
	double value;

	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	value = strtod(copy, NULL);
	if (isinf(value))
		return false;
	*ret = value;
	return true;
}

bool exposition_number_parse(struct bytes text, double *ret)
{
	const char *p = text.data, *end;
	struct decimal d = { 0 };
	bool negative;

	if (text.size == 0 || text.size > EXPOSITION_NUMBER_MAX)
		return false;
	end = p + text.size;
	negative = *p == '-';
	p += negative || *p == '+';
	if (!read_decimal(p, end, &d))
		return parse_word(p, (size_t)(end - p), negative, ret);
	if (d.exponent || d.count > 18 || d.digits > EXACT_DIGITS_MAX || d.fraction > EXACT_POWER_MAX)
		return parse_slowly(text, ret);
	*ret = d.fraction ? (double)d.digits / powers[d.fraction] : (double)d.digits;
	if (negative)
		*ret = -*ret;
	return true;
}

bool exposition_integer_parse(struct bytes text, int64_t *ret)
{
	bool negative = text.size > 0 && *text.data == '-';
	uint64_t size;

	if (negative)
		text = (struct bytes){ text.data + 1, text.size - 1 };
	if (!u64_parse(text, &size) || size > INT64_MAX)
		return false;
	*ret = negative ? -(int64_t)size : (int64_t)size;
	return true;
}

size_t exposition_integer_format(int64_t value, char to[EXPOSITION_NUMBER_SIZE])
{
	size_t sign = value < 0;

	*to = '-';
	return sign + u64_format(value < 0 ? -(uint64_t)value : (uint64_t)value, to + sign);
}

static size_t format_word(const char *word, char *to)
{
	size_t size = strlen(word);

	memcpy(to, word, size);
	return size;
}

size_t exposition_number_format(double value, char to[EXPOSITION_NUMBER_SIZE])
{
	int size = 0;

	if (isnan(value))
		return format_word("NaN", to);
	if (isinf(value))
		return format_word(value > 0 ? "+Inf" : "-Inf", to);
	if (fabs(value) < 1e15 && value == (double)(int64_t)value && !(value == 0 && signbit(value)))
		return exposition_integer_format((int64_t)value, to);
	/* Fifteen digits are never too many for a normal double, and zeros at the end are not printed. */
	for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
		size = snprintf(to, EXPOSITION_NUMBER_SIZE, "%.*g", digits, value);
		if (strtod(to, NULL) == value)
			break;
	}
	return (size_t)size;
}
