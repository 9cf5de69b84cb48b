#include "http/accept.h"

#include <string.h>

#include "base/bytes.h"

enum { NOT_NAMED = -1, WEIGHT_MAX = 1000 };

/* The text before `end`, or all of it, which is taken away with the mark. */
static struct bytes take(struct bytes *text, char end)
{
	const char *at = text->size ? memchr(text->data, end, text->size) : NULL;
	struct bytes before = { text->data, at ? (size_t)(at - text->data) : text->size };

	*text = at ? (struct bytes){ at + 1, text->size - before.size - 1 } : (struct bytes){ NULL, 0 };
	return bytes_trimmed(before);
}

static bool is_word(struct bytes text, const char *word)
{
	return bytes_same_word(text, bytes_of(word));
}

/* 0 to 1 with at most three digits (RFC 9110, 12.4.2), in thousandths. */
static int read_weight(struct bytes text)
{
	int weight = 0, unit = WEIGHT_MAX / 10;

	if (text.size == 0 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1'))
		return 0;
	if (text.size > 1 && text.data[1] != '.')
		return 0;
	weight = (text.data[0] - '0') * WEIGHT_MAX;
	for (size_t i = 2; i < text.size; i++, unit /= 10) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return 0;
		weight += (text.data[i] - '0') * unit;
	}
	return weight <= WEIGHT_MAX ? weight : 0;
}

static int weight_of(struct bytes parameters)
{
	int weight = WEIGHT_MAX;

	while (parameters.size > 0) {
		struct bytes value = take(&parameters, ';'), name = take(&value, '=');
		if (is_word(name, "q"))
			weight = read_weight(bytes_trimmed(value));
	}
	return weight;
}

bool http_accept_next(struct bytes *rest, struct http_accepted *ret)
{
	if (rest->size == 0)
		return false;
	ret->parameters = take(rest, ',');
	ret->what = take(&ret->parameters, ';');
	ret->weight = weight_of(ret->parameters);
	return true;
}

struct bytes http_accept_parameter(struct bytes parameters, const char *name)
{
	while (parameters.size > 0) {
		struct bytes value = take(&parameters, ';');
		if (!is_word(take(&value, '='), name))
			continue;
		value = bytes_trimmed(value);
		if (value.size > 1 && value.data[0] == '"' && value.data[value.size - 1] == '"')
			value = (struct bytes){ value.data + 1, value.size - 2 };
		return value;
	}
	return (struct bytes){ NULL, 0 };
}

bool http_accepts_gzip(const char *accept_encoding)
{
	struct bytes rest = bytes_of(accept_encoding ? accept_encoding : "");
	int gzip = NOT_NAMED, identity = NOT_NAMED, any = NOT_NAMED;

	for (struct http_accepted a; http_accept_next(&rest, &a);)
		if (is_word(a.what, "gzip") || is_word(a.what, "x-gzip"))
			gzip = a.weight > gzip ? a.weight : gzip;
		else if (is_word(a.what, "identity"))
			identity = a.weight;
		else if (is_word(a.what, "*"))
			any = a.weight;
	gzip = gzip == NOT_NAMED ? any : gzip;
	return gzip > 0 && gzip >= identity;
}
