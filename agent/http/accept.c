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

bool http_accepts_gzip(const char *accept_encoding)
{
	struct bytes rest = bytes_of(accept_encoding ? accept_encoding : "");
	int gzip = NOT_NAMED, identity = NOT_NAMED, any = NOT_NAMED;

	while (rest.size > 0) {
		struct bytes parameters = take(&rest, ','), coding = take(&parameters, ';');
		int weight = weight_of(parameters);
		if (is_word(coding, "gzip") || is_word(coding, "x-gzip"))
			gzip = weight > gzip ? weight : gzip;
		else if (is_word(coding, "identity"))
			identity = weight;
		else if (is_word(coding, "*"))
			any = weight;
	}
	gzip = gzip == NOT_NAMED ? any : gzip;
	return gzip > 0 && gzip >= identity;
}

bool http_accepts_openmetrics(const char *accept)
{
	struct bytes rest = bytes_of(accept ? accept : "");
	int open = NOT_NAMED, plain = NOT_NAMED;

	while (rest.size > 0) {
		struct bytes parameters = take(&rest, ','), type = take(&parameters, ';');
		int weight = weight_of(parameters);
		if (is_word(type, "application/openmetrics-text"))
			open = weight > open ? weight : open;
		else if (is_word(type, "text/plain"))
			plain = weight > plain ? weight : plain;
	}
	return open > 0 && open >= plain;
}
