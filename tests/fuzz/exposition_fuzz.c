/*
 * An exposition page tells the same whole and in pieces, and with heads that are known: the events, the fault and its
 * words. The first byte chooses the format and where the cuts are.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/exposition_parse.h"

enum { HEADS_MAX = 1000 };

struct sum {
	uint64_t events, hash;
	uint64_t samples; /* another sum, of their heads and values, without the names of those that are too large */
	struct head {
		struct bytes text;
		uint64_t hash;
	} heads[HEADS_MAX]; /* of the samples, in their order */
	size_t count;
	bool knows; /* the heads are those of an earlier page; the next one is expected */
	size_t next;
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

/* Of its name and labels. */
static uint64_t hash_of(const struct exposition_sample *sample)
{
	struct sum s = { 0 };

	add(&s, sample->name);
	add(&s, sample->raw_labels);
	for (size_t i = 0; i < sample->label_count; i++) {
		add(&s, sample->labels[i].name);
		add(&s, sample->labels[i].value);
	}
	return s.hash;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct sum *s = context;

	s->events++;
	s->hash = s->hash * 31 + (uint64_t)sample->timestamp_ms;
	s->hash = s->hash * 31 + (uint64_t)sample->excess;
	if (sample->excess && (sample->label_count > 0 || sample->value_text.size > 0))
		abort();
	s->hash = s->hash * 31 + hash_of(sample);
	s->samples = s->samples * 31 + (uint64_t)sample->excess + (uint64_t)sample->timestamp_ms;
	if (!sample->excess)
		s->samples = s->samples * 31 + (sample->known ? s->heads[s->next - 1].hash : hash_of(sample));
	add(s, sample->value_text);
	add(s, sample->exemplar);
	if (!s->knows && s->count < HEADS_MAX)
		s->heads[s->count++] = (struct head){ sample->head, hash_of(sample) };
	return 0;
}

/* Heads that are not found are passed over. */
static size_t on_known(void *context, struct bytes line)
{
	struct sum *s = context;

	for (size_t i = s->next; i < s->count; i++) {
		struct bytes head = s->heads[i].text;
		if (head.size > 0 && line.size >= head.size && memcmp(head.data, line.data, head.size) == 0) {
			s->next = i + 1;
			return head.size;
		}
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct exposition_events events = { on_meta, on_sample };
	static const struct exposition_events knowing = { on_meta, on_sample, on_known };
	static const struct exposition_limits limits = { .line = 300, .page = 2000, .name = 30 };
	const char *text = (const char *)data + 1;
	struct exposition_parser whole, pieces, known;
	struct sum a = { 0 }, b = { 0 }, c = { .knows = true };
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
	memcpy(c.heads, a.heads, sizeof c.heads);
	c.count = a.count;
	exposition_init(&known, whole.format, &limits, &knowing, &c);
	exposition_feed(&known, text, size - 1);
	if (exposition_end(&known) != whole.fault || strcmp(known.what, whole.what) != 0 || c.events != a.events ||
		c.samples != a.samples)
		abort();
	exposition_done(&known);
	exposition_done(&whole);
	exposition_done(&pieces);
	return 0;
}
