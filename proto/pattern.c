#include "proto/pattern.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/text.h"

enum { NUMBER_MAX = 64 };

static const struct {
	const char *name;
	double factor;
} units[] = { { "", 1 }, { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };

/* A number, with a unit of time behind it if `unit` allows that. */
static bool read_number(struct bytes text, bool unit, double *ret)
{
	char copy[NUMBER_MAX], *end;
	double number;

	if (text.size == 0 || text.size >= sizeof copy || byte_is_blank(text.data[0]))
		return false;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	number = strtod(copy, &end);
	if (end == copy || !isfinite(number))
		return false;
	for (size_t i = 0; i < (unit ? COUNT_OF(units) : 1); i++)
		if (strcmp(end, units[i].name) == 0) {
			*ret = number * units[i].factor;
			return true;
		}
	return false;
}

int pattern_read(struct pattern *p, const char *text)
{
	*p = (struct pattern){ .kind = PATTERN_TEXT, .negated = *text == '!' };
	text += p->negated;
	if (*text == '<' || *text == '>') {
		bool less = *text++ == '<', equal = *text == '=';
		text += equal;
		p->kind = less ? (equal ? PATTERN_AT_MOST : PATTERN_LESS) : equal ? PATTERN_AT_LEAST : PATTERN_MORE;
		return read_number(bytes_of(text), true, &p->number) ? 0 : -EINVAL;
	}
	p->text = bytes_of(text);
	return *text ? 0 : -EINVAL;
}

/* Goes back to the last * at most, so it takes at most the product of both sizes. */
static bool is_like(struct bytes text, struct bytes glob)
{
	size_t t = 0, g = 0, star = SIZE_MAX, from = 0;

	while (t < text.size) {
		if (g < glob.size && glob.data[g] == '*') {
			star = g++;
			from = t;
		} else if (g < glob.size && glob.data[g] == text.data[t]) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (g < glob.size && glob.data[g] == '*')
		g++;
	return g == glob.size;
}

static bool is_one_of(struct bytes text, struct bytes globs)
{
	const char *at = globs.data, *end = globs.data + globs.size, *bar;

	for (;; at = bar + 1) {
		bar = memchr(at, '|', (size_t)(end - at));
		if (is_like(text, (struct bytes){ at, (size_t)((bar ? bar : end) - at) }))
			return true;
		if (!bar)
			return false;
	}
}

static bool compare(const struct pattern *p, double number)
{
	switch (p->kind) {
	case PATTERN_LESS:
		return number < p->number;
	case PATTERN_AT_MOST:
		return number <= p->number;
	case PATTERN_MORE:
		return number > p->number;
	default:
		return number >= p->number;
	}
}

bool pattern_fits_text(const struct pattern *p, struct bytes text)
{
	double number;
	bool fits;

	if (p->kind == PATTERN_TEXT)
		fits = is_one_of(text, p->text);
	else
		fits = read_number(text, false, &number) && compare(p, number);
	return fits != p->negated;
}

bool pattern_fits_number(const struct pattern *p, double number)
{
	char text[DOUBLE_TEXT_SIZE];

	if (p->kind != PATTERN_TEXT)
		return compare(p, number) != p->negated;
	if (!isfinite(number))
		return p->negated;
	double_format(number, text);
	return pattern_fits_text(p, bytes_of(text));
}
