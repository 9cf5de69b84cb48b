/*
 * A page in protobuf tells the same whole and in pieces: the events, the fault and its words. What it leaves in the
 * series table is a page that is read in each format; in protobuf it grows no more. The first byte says where the cuts
 * are.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/exposition_read.h"
#include "series/write.h"

struct sum {
	uint64_t events, hash;
};

static void add(struct sum *s, struct bytes b)
{
	for (size_t i = 0; i < b.size; i++)
		s->hash = (s->hash ^ (unsigned char)b.data[i]) * 0x100000001b3;
	s->hash += b.size + 1;
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	struct sum *s = context;

	s->events++;
	s->hash = s->hash * 31 + (uint64_t)m->what * 8 + (uint64_t)m->type;
	add(s, m->name);
	add(s, m->text);
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct sum *s = context;

	s->events++;
	s->hash = s->hash * 31 + (uint64_t)sample->timestamp_ms;
	s->hash = s->hash * 31 + (uint64_t)sample->excess;
	if (sample->excess && sample->label_count > 0)
		abort();
	add(s, sample->name);
	add(s, sample->exemplar);
	for (size_t i = 0; i < sample->label_count; i++) {
		add(s, sample->labels[i].name);
		add(s, sample->labels[i].value);
	}
	return 0;
}

static const struct exposition_events events = { on_meta, on_sample };

static void in_pieces(const char *page, size_t size, size_t step)
{
	static const struct exposition_limits limits = { .line = 300, .page = 2000, .name = 30 };
	struct family_reader whole, pieces;
	struct sum a = { 0 }, b = { 0 };

	family_reader_init(&whole, &limits, &events, &a);
	family_reader_init(&pieces, &limits, &events, &b);
	family_reader_feed(&whole, page, size);
	for (size_t at = 0; at < size; at += step)
		family_reader_feed(&pieces, page + at, step < size - at ? step : size - at);
	if (family_reader_end(&whole) != family_reader_end(&pieces))
		abort();
	/* A page that is too long is known to be so before what it has is read. */
	if (size <= limits.page && (strcmp(whole.what, pieces.what) != 0 || a.events != b.events || a.hash != b.hash))
		abort();
	if ((whole.fault != 0) != (whole.what[0] != '\0'))
		abort();
	family_reader_done(&whole);
	family_reader_done(&pieces);
}

/* Into the table. False: the page is refused. */
static bool stage(struct series_target *t, struct bytes page, enum exposition_format format)
{
	struct exposition_reader r;
	struct series_counts counts;
	bool fine;

	series_begin(t);
	exposition_read_begin(&r, format, &series_events, t);
	if (page.size > 0)
		exposition_read_feed(&r, page.data, page.size);
	fine = exposition_read_end(&r) == EXPOSITION_FINE;
	exposition_read_done(&r);
	if (fine)
		series_commit(t, &counts);
	else
		series_abandon(t);
	return fine;
}

static struct buffer page_of(struct series *s, enum exposition_format format)
{
	struct series_cursor c;
	struct buffer page;

	buffer_init(&page, series_page_max(s) + 4096);
	series_cursor_init(&c, s, format);
	c.escaping = EXPOSITION_UTF8;
	while (series_write_some(&c, &page, 100) == 1)
		;
	if (c.part != SERIES_PART_END || page.size > series_page_max(s))
		abort();
	if (format == EXPOSITION_OPENMETRICS && buffer_text(&page, "# EOF\n"))
		abort();
	return page;
}

static void through_the_table(struct bytes page)
{
	struct series *s = series_new(&series_limits_default, 7);
	struct series_target *t;
	struct buffer pages[4] = { { 0 } };

	if (!s || series_target_new(s, NULL, 0, &t))
		abort();
	if (stage(t, page, EXPOSITION_PROTOBUF)) {
		pages[0] = page_of(s, EXPOSITION_PROTOBUF);
		pages[1] = page_of(s, EXPOSITION_TEXT);
		pages[2] = page_of(s, EXPOSITION_OPENMETRICS);
		if (!stage(t, buffer_bytes(&pages[2]), EXPOSITION_OPENMETRICS) ||
			!stage(t, buffer_bytes(&pages[1]), EXPOSITION_TEXT) ||
			!stage(t, buffer_bytes(&pages[0]), EXPOSITION_PROTOBUF))
			abort();
		pages[3] = page_of(s, EXPOSITION_PROTOBUF);
		if (pages[3].size > pages[0].size)
			abort();
	}
	for (size_t i = 0; i < COUNT_OF(pages); i++)
		buffer_done(&pages[i]);
	series_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *page = (const char *)data + 1;

	if (size == 0)
		return 0;
	in_pieces(page, size - 1, data[0] % 100 + 1u);
	through_the_table((struct bytes){ page, size - 1 });
	return 0;
}
