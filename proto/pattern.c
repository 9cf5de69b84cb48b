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

/* Up to the next *, or all of it, which is taken away with the star. */
static struct bytes take_piece(struct bytes *glob)
{
	const char *star = glob->size > 0 ? memchr(glob->data, '*', glob->size) : NULL;
	struct bytes piece = { glob->data, star ? (size_t)(star - glob->data) : glob->size };

	*glob = star ? (struct bytes){ star + 1, glob->size - piece.size - 1 } : (struct bytes){ NULL, 0 };
	return piece;
}

static bool begins_with(struct bytes text, struct bytes piece)
{
	return piece.size == 0 || (piece.size <= text.size && memcmp(text.data, piece.data, piece.size) == 0);
}

/* Apps make texts of megabytes: each piece is looked for by memmem(), behind the one before. */
static bool is_like(struct bytes text, struct bytes glob)
{
	struct bytes piece = take_piece(&glob);

	if (!glob.data)
		return bytes_equal(text, piece);
	if (!begins_with(text, piece))
		return false;
	text = (struct bytes){ text.data + piece.size, text.size - piece.size };
	for (piece = take_piece(&glob); glob.data; piece = take_piece(&glob)) {
		const char *at = piece.size > 0 ? memmem(text.data, text.size, piece.data, piece.size) : text.data;
		if (!at)
			return false;
		at += piece.size;
		text = (struct bytes){ at, text.size - (size_t)(at - text.data) };
	}
	return piece.size <= text.size &&
	       begins_with((struct bytes){ text.data + (text.size - piece.size), piece.size }, piece);
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

static bool is_word(struct bytes text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_are(text, words[i]))
			return true;
	return false;
}

bool pattern_is_of(const struct pattern *p, const char *const *words, size_t count)
{
	const char *at = p->text.data, *end = at + p->text.size, *bar;

	if (p->kind != PATTERN_TEXT)
		return false;
	for (; at <= end; at = bar + 1) {
		bar = memchr(at, '|', (size_t)(end - at));
		bar = bar ? bar : end;
		if (!is_word((struct bytes){ at, (size_t)(bar - at) }, words, count))
			return false;
	}
	return true;
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
