#include "proto/otlp_metric_name.h"

struct unit {
	const char *unit, *word;
};

static const struct unit units[] = {
	{ "d", "days" },
	{ "h", "hours" },
	{ "min", "minutes" },
	{ "s", "seconds" },
	{ "ms", "milliseconds" },
	{ "us", "microseconds" },
	{ "ns", "nanoseconds" },
	{ "By", "bytes" },
	{ "KiBy", "kibibytes" },
	{ "MiBy", "mebibytes" },
	{ "GiBy", "gibibytes" },
	{ "TiBy", "tibibytes" },
	{ "KBy", "kilobytes" },
	{ "MBy", "megabytes" },
	{ "GBy", "gigabytes" },
	{ "TBy", "terabytes" },
	{ "m", "meters" },
	{ "V", "volts" },
	{ "A", "amperes" },
	{ "J", "joules" },
	{ "W", "watts" },
	{ "g", "grams" },
	{ "Cel", "celsius" },
	{ "Hz", "hertz" },
	{ "1", "" },
	{ "%", "percent" },
};

static const struct unit per_units[] = {
	{ "s", "second" },
	{ "m", "minute" },
	{ "h", "hour" },
	{ "d", "day" },
	{ "w", "week" },
	{ "mo", "month" },
	{ "y", "year" },
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Tokens: what stands between any bytes that a name does not have, and between underscores. */

static bool is_of_token(char c)
{
	return is_letter(c) || is_digit(c) || c == ':';
}

static bool next_token(struct bytes *text, struct bytes *ret)
{
	size_t from = 0, to;

	while (from < text->size && !is_of_token(text->data[from]))
		from++;
	to = from;
	while (to < text->size && is_of_token(text->data[to]))
		to++;
	*ret = (struct bytes){ text->data + from, to - from };
	*text = (struct bytes){ text->data + to, text->size - to };
	return ret->size > 0;
}

static bool has_token(struct bytes text, struct bytes wanted)
{
	struct bytes token;

	while (next_token(&text, &token))
		if (bytes_equal(token, wanted))
			return true;
	return false;
}

/* Invariant: size <= OTLP_METRIC_NAME_MAX unless `full`. */
struct name {
	char *to;
	size_t size;
	bool full;
};

static void put(struct name *n, struct bytes token)
{
	size_t more = token.size + (n->size > 0);

	if (more > OTLP_METRIC_NAME_MAX - n->size) {
		n->full = true;
		return;
	}
	if (n->size > 0)
		n->to[n->size++] = '_';
	memcpy(n->to + n->size, token.data, token.size);
	n->size += token.size;
}

/* All tokens of a text, but for those that are left out. */
static void put_tokens(struct name *n, struct bytes text, struct bytes but)
{
	struct bytes token;

	while (next_token(&text, &token))
		if (!bytes_equal(token, but))
			put(n, token);
}

static struct bytes trim(struct bytes b)
{
	while (b.size > 0 && *b.data == ' ')
		b = (struct bytes){ b.data + 1, b.size - 1 };
	while (b.size > 0 && b.data[b.size - 1] == ' ')
		b.size--;
	return b;
}

/* The word of one part of a unit; an annotation such as {request} is no unit. */
static struct bytes word_of(struct bytes unit, const struct unit *table, size_t count)
{
	unit = trim(unit);
	if (memchr(unit.data, '{', unit.size) || memchr(unit.data, '}', unit.size))
		return (struct bytes){ "", 0 };
	for (size_t i = 0; i < count; i++)
		if (bytes_are(unit, table[i].unit))
			return bytes_of(table[i].word);
	return unit;
}

/* Each part of it, unless the name has it already. */
static void put_unit(struct name *n, const struct otlp_metric *m)
{
	struct bytes unit = m->unit, main, per = { "", 0 };
	const char *slash = memchr(unit.data, '/', unit.size);

	if (unit.size > OTLP_UNIT_MAX)
		return;
	if (slash) {
		per = (struct bytes){ slash + 1, unit.size - (size_t)(slash + 1 - unit.data) };
		per = word_of(per, per_units, COUNT_OF(per_units));
		unit.size = (size_t)(slash - unit.data);
	}
	main = word_of(unit, units, COUNT_OF(units));
	if (!has_token(m->name, main))
		put_tokens(n, main, (struct bytes){ "", 0 });
	if (per.size == 0 || has_token(m->name, per))
		return;
	put(n, bytes_of("per"));
	put_tokens(n, per, (struct bytes){ "", 0 });
}

size_t otlp_metric_name(const struct otlp_metric *m, char *to)
{
	bool ratio = m->kind == OTLP_GAUGE && bytes_are(m->unit, "1"), total = m->kind == OTLP_SUM && m->monotonic;
	const struct bytes last = bytes_of(ratio ? "ratio" : total ? "total" : "");
	struct bytes rest = m->name, token;
	struct name n = { .to = to };

	if (m->name.size > OTLP_METRIC_NAME_MAX || !next_token(&rest, &token))
		return 0;
	put_tokens(&n, m->name, last);
	put_unit(&n, m);
	if (last.size > 0)
		put(&n, last);
	n.full |= is_digit(*to) && n.size == OTLP_METRIC_NAME_MAX;
	if (n.full || !is_digit(*to))
		return n.full ? 0 : n.size;
	memmove(to + 1, to, n.size);
	*to = '_';
	return n.size + 1;
}

size_t otlp_label_name(struct bytes key, char *to)
{
	size_t size = 0;

	if (key.size > 0 && is_digit(*key.data)) {
		memcpy(to, "key_", 4);
		size = 4;
	}
	for (size_t i = 0; i < key.size; i++) {
		char c = is_letter(key.data[i]) || is_digit(key.data[i]) ? key.data[i] : '_';
		if (c != '_' || size == 0 || to[size - 1] != '_')
			to[size++] = c;
	}
	return size;
}
