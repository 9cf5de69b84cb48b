#include "proto/series_gone.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zstd.h>

enum {
	BLOCK = 64 << 10, /* bytes of text that are packed together, and one series more */
	LEVEL = 1, /* of zstd */
};

/* Series of a page: name{labels} and a line end for each. */
struct block {
	struct block *next;
	size_t size; /* packed */
	size_t text; /* its size before */
	char packed[];
};

struct series_gone {
	uint64_t seed;
	uint64_t sum, count; /* of the hashes of the series of the page before */
	struct block *blocks;
	size_t size; /* of all of them */
};

/* Hashes of a page, by open addressing; 0 is a free place. */
struct hashes {
	uint64_t *places;
	size_t mask;
};

struct series_gone *series_gone_new(uint64_t seed)
{
	struct series_gone *g = oxp_new(sizeof *g);

	g->seed = seed;
	return g;
}

void series_gone_forget(struct series_gone *g)
{
	for (struct block *b; (b = g->blocks);) {
		g->blocks = b->next;
		free(b);
	}
	g->size = 0;
	g->sum = g->count = 0;
}

void series_gone_free(struct series_gone *g)
{
	if (!g)
		return;
	series_gone_forget(g);
	free(g);
}

size_t series_gone_size(const struct series_gone *g)
{
	return g->size;
}

static uint64_t hash_of(const struct series_gone *g, struct bytes series)
{
	uint64_t hash = XXH3_64bits_withSeed(series.data, series.size, g->seed);

	return hash ? hash : 1;
}

/* Behind the closing quote; NULL: there is none. */
static const char *behind_quoted(const char *p, const char *end)
{
	while (p < end && *p != '"')
		p += *p == '\\' ? 2 : 1;
	return p < end ? p + 1 : NULL;
}

/* Behind the name and the labels of a line. */
static const char *behind_series(const char *p, const char *end)
{
	while (p && p < end && *p != '{' && *p != ' ')
		p++;
	if (p == end || *p == ' ')
		return p;
	for (p++; p && p < end && *p != '}';)
		p = *p == '"' ? behind_quoted(p + 1, end) : p + 1;
	return p && p < end ? p + 1 : NULL;
}

static bool has_time(const char *value, const char *end)
{
	const char *blank = value < end ? memchr(value + 1, ' ', (size_t)(end - value - 1)) : NULL;

	return blank && blank + 1 < end && blank[1] != '#';
}

/* The next series of a page that is of interest here. False: there are no more. */
static bool next_series(struct bytes *page, struct bytes *ret)
{
	while (page->size > 0) {
		const char *line = page->data, *end = memchr(line, '\n', page->size), *behind;
		if (!end)
			end = line + page->size;
		page->size -= (size_t)(end - line) + (end < line + page->size);
		page->data = line + ((size_t)(end - line) + 1);
		behind = *line == '#' ? NULL : behind_series(line, end);
		if (!behind || has_time(behind, end))
			continue;
		*ret = (struct bytes){ line, (size_t)(behind - line) };
		return true;
	}
	return false;
}

static void add_hash(struct hashes *h, uint64_t hash)
{
	size_t at = hash & h->mask;

	while (h->places[at])
		at = (at + 1) & h->mask;
	h->places[at] = hash;
}

static bool has_hash(const struct hashes *h, uint64_t hash)
{
	size_t at = hash & h->mask;

	while (h->places[at] && h->places[at] != hash)
		at = (at + 1) & h->mask;
	return h->places[at] == hash;
}

static int hash_page(const struct series_gone *g, struct bytes page, uint64_t count, struct hashes *ret)
{
	struct bytes series;
	size_t room = 16;

	while (room < 2 * count)
		room *= 2;
	ret->places = calloc(room, sizeof *ret->places);
	ret->mask = room - 1;
	if (!ret->places)
		return -ENOMEM;
	while (next_series(&page, &series))
		add_hash(ret, hash_of(g, series));
	return 0;
}

/* A label's value may have any character of UTF-8, NUL among them. */
static int append_ended(struct buffer *to, struct bytes series)
{
	int failed = buffer_append(to, series.data, series.size);

	if (failed)
		return failed;
	return buffer_text(to, " NaN\n");
}

/* Of one block: those that are not among the hashes. */
static int append_missing(const struct series_gone *g, const struct hashes *now, struct bytes text, struct buffer *to)
{
	int failed = 0;

	while (text.size > 0 && !failed) {
		const char *end = memchr(text.data, '\n', text.size);
		struct bytes series = { text.data, (size_t)(end - text.data) };
		if (!has_hash(now, hash_of(g, series)))
			failed = append_ended(to, series);
		text.data = end + 1;
		text.size -= series.size + 1;
	}
	return failed;
}

static int unpack(ZSTD_DCtx *zstd, const struct block *b, struct buffer *text)
{
	char *room;
	size_t got;

	buffer_clear(text);
	room = buffer_reserve(text, b->text);
	if (!room)
		return -ENOMEM;
	got = ZSTD_decompressDCtx(zstd, room, b->text, b->packed, b->size);
	if (ZSTD_isError(got))
		return -ENOMEM;
	text->size = got;
	return 0;
}

static int find_missing(const struct series_gone *g, const struct hashes *now, struct buffer *to)
{
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	struct buffer text;
	int failed = zstd ? 0 : -ENOMEM;

	buffer_init(&text, SIZE_MAX);
	for (const struct block *b = g->blocks; b && !failed; b = b->next) {
		failed = unpack(zstd, b, &text);
		if (!failed)
			failed = append_missing(g, now, buffer_bytes(&text), to);
	}
	buffer_done(&text);
	ZSTD_freeDCtx(zstd);
	return failed;
}

/* Empties TEXT and PACKED. */
static int keep_block(struct series_gone *g, ZSTD_CCtx *zstd, struct buffer *text, struct buffer *packed)
{
	size_t most = ZSTD_compressBound(text->size), size;
	char *room = buffer_reserve(packed, most);
	struct block *b;

	if (!room)
		return -ENOMEM;
	size = ZSTD_compressCCtx(zstd, room, most, text->data, text->size, LEVEL);
	if (ZSTD_isError(size))
		return -ENOMEM;
	b = malloc(sizeof *b + size);
	if (!b)
		return -ENOMEM;
	*b = (struct block){ .next = g->blocks, .size = size, .text = text->size };
	memcpy(b->packed, room, size);
	g->blocks = b;
	g->size += sizeof *b + size;
	buffer_clear(text);
	buffer_clear(packed);
	return 0;
}

static int keep_page(struct series_gone *g, struct bytes page)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	struct buffer text, packed;
	struct bytes series;
	int failed = zstd ? 0 : -ENOMEM;

	buffer_init(&text, SIZE_MAX);
	buffer_init(&packed, SIZE_MAX);
	while (!failed && next_series(&page, &series)) {
		failed = buffer_append(&text, series.data, series.size);
		if (!failed)
			failed = buffer_text(&text, "\n");
		if (!failed && text.size >= BLOCK)
			failed = keep_block(g, zstd, &text, &packed);
	}
	if (!failed && text.size > 0)
		failed = keep_block(g, zstd, &text, &packed);
	buffer_done(&text);
	buffer_done(&packed);
	ZSTD_freeCCtx(zstd);
	return failed;
}

/* The page has other series than the one before. */
static int change(struct series_gone *g, struct bytes page, uint64_t count, struct buffer *to)
{
	struct hashes now = { NULL, 0 };
	int failed = 0;

	if (g->count > 0) {
		failed = hash_page(g, page, count, &now);
		if (!failed)
			failed = find_missing(g, &now, to);
		free(now.places);
	}
	series_gone_forget(g);
	if (failed)
		return failed;
	return keep_page(g, page);
}

int series_gone_next(struct series_gone *g, struct bytes page, struct buffer *to)
{
	uint64_t sum = 0, count = 0;
	struct bytes rest = page, series;
	size_t before = to->size;
	int failed;

	while (next_series(&rest, &series)) {
		sum += hash_of(g, series);
		count++;
	}
	if (count == g->count && sum == g->sum)
		return 0;
	failed = change(g, page, count, to);
	if (failed) {
		series_gone_forget(g);
		to->size = before;
		return failed;
	}
	g->sum = sum;
	g->count = count;
	return 0;
}
