/*
 * An exposition page tells the same whole and in pieces: the events, the fault and its words. The first byte chooses
 * the format and where the cuts are.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/exposition_parse.h"

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
	if (sample->excess && (sample->label_count > 0 || sample->value_text.size > 0))
		abort();
	add(s, sample->name);
	add(s, sample->raw_labels);
	add(s, sample->value_text);
	add(s, sample->exemplar);
	for (size_t i = 0; i < sample->label_count; i++) {
		add(s, sample->labels[i].name);
		add(s, sample->labels[i].value);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct exposition_events events = { on_meta, on_sample };
	static const struct exposition_limits limits = { .line = 300, .page = 2000, .name = 30 };
	const char *text = (const char *)data + 1;
	struct exposition_parser whole, pieces;
	struct sum a = { 0 }, b = { 0 };
	size_t step;

	if (size == 0)
		return 0;
	exposition_init(&whole, data[0] & 1 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT, &limits, &events, &a);
	exposition_init(&pieces, whole.format, &limits, &events, &b);
	exposition_feed(&whole, text, size - 1);
	step = (data[0] >> 1) % 100 + 1;
	for (size_t at = 0; at < size - 1; at += step)
		exposition_feed(&pieces, text + at, step < size - 1 - at ? step : size - 1 - at);
	if (exposition_end(&whole) != exposition_end(&pieces) || strcmp(whole.what, pieces.what) != 0)
		abort();
	if (a.events != b.events || a.hash != b.hash || (whole.fault != 0) != (whole.what[0] != '\0'))
		abort();
	exposition_done(&whole);
	exposition_done(&pieces);
	return 0;
}
