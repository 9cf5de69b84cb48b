/*
 * The head of a request and a chunked body behind it. The first byte says where the rest is cut in two: whole or cut,
 * the verdict, the spans and the decoded data are the same. Spans stay within the head, and strings end within it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "http/accept.h"
#include "http/chunked.h"
#include "http/head.h"
#include "http/cors.h"
#include "http/origin.h"

/* A copy of just that size, so that a byte read beyond is found. */
static char *copy_of(const void *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	return copy;
}

static unsigned parse_part(struct http_head *h, const uint8_t *data, size_t size)
{
	char *copy = copy_of(data, size);
	unsigned verdict = http_head_parse(h, (struct bytes){ copy, size });

	free(copy);
	return verdict;
}

/* What is read of single fields, with any of them as each. */
static void use_value(const char *value)
{
	static const char *const listed[] = { "https://app.example", "null" };
	static const struct http_origins origins = { listed, 2, NULL };
	const struct http_sender as_origin = { .host = "app.example", .origin = value },
				 as_host = { .host = value, .origin = "http://app.example:1" };
	char names[HTTP_CORS_NAMES_MAX + 1];

	http_origin_is_foreign(&as_origin, &origins);
	http_origin_is_foreign(&as_host, &origins);
	http_host_is_foreign(value, "app", &origins);
	http_origin_wrong(value);
	http_accepts_gzip(value);
	http_cors_names(bytes_of(value), names);
	OXP_ASSERT(strlen(names) <= HTTP_CORS_NAMES_MAX && !strpbrk(names, "\r\n:"));
}

static void use_strings(struct http_head *h, const uint8_t *data)
{
	char *text = copy_of(data, h->at);
	size_t used;

	http_head_strings(h, text);
	used = strlen(http_head_path(h, text)) + strlen(text + h->method.at);
	for (unsigned i = 0; i < h->fields_count; i++) {
		used += strlen(text + h->fields[i].name.at) + strlen(text + h->fields[i].value.at);
		use_value(text + h->fields[i].value.at);
	}
	http_head_query(h, text, "no such name");
	http_head_asks(h, text, "no such name");
	if (used > h->at || h->fields_count > HTTP_FIELDS_MAX)
		abort();
	free(text);
}

struct decoded {
	uint64_t hash;
	size_t size, behind;
	enum http_chunked_verdict verdict;
};

static void decode_some(struct http_chunked *c, struct decoded *d, const uint8_t *data, size_t size)
{
	char *copy = copy_of(data, size);
	struct bytes in = { copy, size }, piece;

	while ((d->verdict = http_chunked_next(c, &in, &piece)) == CHUNKED_PIECE) {
		for (size_t i = 0; i < piece.size; i++)
			d->hash = d->hash * 31 + (unsigned char)piece.data[i];
		d->size += piece.size;
	}
	d->behind = in.size;
	free(copy);
}

static struct decoded decode(const uint8_t *data, size_t size, size_t cut)
{
	struct decoded d = { 0 };
	struct http_chunked c = { 0 };

	decode_some(&c, &d, data, cut);
	if (d.verdict == CHUNKED_MORE)
		decode_some(&c, &d, data + cut, size - cut);
	else
		d.behind += size - cut;
	return d;
}

static void check_body(const uint8_t *data, size_t size, size_t cut)
{
	struct decoded whole = decode(data, size, size), pieces = decode(data, size, cut);

	if (whole.verdict != pieces.verdict || whole.size != pieces.size || whole.hash != pieces.hash)
		abort();
	if (whole.verdict == CHUNKED_END && whole.behind != pieces.behind)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head whole, pieces;
	unsigned verdict, again;
	size_t cut;

	if (size == 0)
		return 0;
	cut = (size - 1) * data[0] / 255;
	data++;
	size--;
	http_head_init(&whole);
	verdict = parse_part(&whole, data, size);
	http_head_init(&pieces);
	again = parse_part(&pieces, data, cut);
	if (again == HTTP_HEAD_MORE)
		again = parse_part(&pieces, data, size);
	if (verdict != again || (verdict == HTTP_HEAD_DONE && (whole.at != pieces.at || whole.close != pieces.close)))
		abort();
	if (memcmp(whole.fields, pieces.fields, whole.fields_count * sizeof whole.fields[0]) != 0)
		abort();
	if (verdict != HTTP_HEAD_DONE)
		return 0;
	use_strings(&whole, data);
	check_body(data + whole.at, size - whole.at, cut > whole.at ? cut - whole.at : 0);
	return 0;
}
