/*
 * Reads messages of remote write 1.0 and 2.0 without the code that writes them: each series becomes one line,
 *
 *	__name__=up,job=a  3ff0000000000000@17  {trace_id=x} 3fe0000000000000@5  type=2 help=H unit=U created=0
 *
 * without the last part in 1.0. A native histogram has its fields in place of a value, `3=4008000000000000 4=6 8:02 …`.
 * Whatever is not as the specification has it is told to wrong().
 */
#ifndef OXP_TEST_REMOTE_WRITE_READER_H
#define OXP_TEST_REMOTE_WRITE_READER_H

#include <inttypes.h>
#include <stdio.h>

#include "proto/otlp_wire.h"

enum { RW_SYMBOLS_MAX = 1 << 16, RW_LINE_MAX = 1 << 16 };

struct rw_reader {
	bool is_2;
	struct bytes symbols[RW_SYMBOLS_MAX];
	size_t symbol_count, series, samples, exemplars, histograms, metadata;
	char line[RW_LINE_MAX];
	size_t size;
	void (*series_line)(void *context, const char *line);
	void (*wrong)(const char *what);
	void *context;
};

static inline void rw_need(const struct rw_reader *r, bool holds, const char *what)
{
	if (!holds)
		r->wrong(what);
}

static inline void rw_put(struct rw_reader *r, struct bytes text)
{
	size_t room = sizeof r->line - 1 - r->size, n = text.size < room ? text.size : room;

	if (n > 0)
		memcpy(r->line + r->size, text.data, n);
	r->size += n;
	r->line[r->size] = '\0';
}

#define RW_PRINT(r, ...)                                        \
	do {                                                    \
		char rw_text[128];                              \
		snprintf(rw_text, sizeof rw_text, __VA_ARGS__); \
		rw_put(r, bytes_of(rw_text));                   \
	} while (0)

/* A pair of texts, which must come behind the one before. */
static inline struct bytes rw_pair(struct rw_reader *r, struct bytes before, struct bytes name, struct bytes value)
{
	rw_need(r, name.size > 0 && value.size > 0, "an empty label");
	rw_need(r, !before.data || bytes_compare(before, name) < 0, "labels out of order");
	rw_put(r, bytes_of(before.data ? "," : ""));
	rw_put(r, name);
	rw_put(r, bytes_of("="));
	rw_put(r, value);
	return name;
}

static inline struct bytes rw_symbol(const struct rw_reader *r, uint64_t ref)
{
	rw_need(r, ref < r->symbol_count, "a symbol that is not there yet");
	return ref < r->symbol_count ? r->symbols[ref] : (struct bytes){ "", 0 };
}

static inline void rw_refs(struct rw_reader *r, struct bytes packed)
{
	const unsigned char *at = (const unsigned char *)packed.data, *end = at + packed.size;
	struct bytes before = { NULL, 0 };
	uint64_t name, value;

	while (at < end) {
		if (wire_varint(&at, end, &name) || wire_varint(&at, end, &value)) {
			r->wrong("an odd list of references");
			return;
		}
		before = rw_pair(r, before, rw_symbol(r, name), rw_symbol(r, value));
	}
}

/* Labels of 1.0, fields of that number, or of 2.0. */
static inline void rw_labels(struct rw_reader *r, struct bytes message)
{
	struct wire w = wire_of(message);
	struct bytes before = { NULL, 0 };
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0) {
		if (f.number != 1 || f.type != WIRE_LENGTH)
			continue;
		if (r->is_2)
			rw_refs(r, f.bytes);
		else
			before = rw_pair(r, before, wire_last(f.bytes, 1, NULL), wire_last(f.bytes, 2, NULL));
	}
	rw_need(r, more == 0, "a message that cannot be read");
}

/* A sample has its value in field 1 and its time in field 2; an exemplar one field later. */
static inline void rw_value(struct rw_reader *r, struct bytes message, uint32_t value)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	uint64_t bits = 0, at = 0;

	while (wire_next(&w, &f) > 0) {
		if (f.number == value && f.type == WIRE_64)
			bits = f.value;
		if (f.number == value + 1 && f.type == WIRE_VARINT)
			at = f.value;
	}
	RW_PRINT(r, "%016" PRIx64 "@%" PRId64, bits, (int64_t)at);
}

static inline void rw_metadata(struct rw_reader *r, struct bytes message)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	uint64_t got[5] = { 0 };

	while (wire_next(&w, &f) > 0)
		if (f.number < COUNT_OF(got) && f.type == WIRE_VARINT)
			got[f.number] = f.value;
	RW_PRINT(r, "  type=%u help=", (unsigned)got[1]);
	rw_put(r, rw_symbol(r, got[3]));
	rw_put(r, bytes_of(" unit="));
	rw_put(r, rw_symbol(r, got[4]));
}

/* When what the sample counts began. */
static inline uint64_t rw_start(struct bytes sample)
{
	struct wire w = wire_of(sample);
	struct wire_field f;
	uint64_t start = 0;

	while (wire_next(&w, &f) > 0)
		if (f.number == 3)
			start = f.value;
	return start;
}

static inline void rw_rest(struct rw_reader *r, struct bytes message)
{
	struct wire w = wire_of(message);
	struct wire_field f;

	while (wire_next(&w, &f) > 0) {
		if (f.number == (r->is_2 ? 4 : 3)) {
			rw_put(r, bytes_of("  {"));
			rw_labels(r, f.bytes);
			rw_put(r, bytes_of("} "));
			rw_value(r, f.bytes, 2);
			r->exemplars++;
		} else if (f.number == 5 && r->is_2) {
			rw_metadata(r, f.bytes);
		} else {
			rw_need(r, f.number == 1 || f.number == 2 || f.number == (r->is_2 ? 3 : 4),
				"a field that a series does not have");
		}
	}
}

/* In the order of their numbers, whatever that of the message. */
static inline void rw_histogram(struct rw_reader *r, struct bytes message)
{
	struct wire_field f;

	for (uint32_t number = 1; number < 20; number++)
		for (struct wire w = wire_of(message); wire_next(&w, &f) > 0;) {
			if (f.number != number)
				continue;
			if (f.type != WIRE_LENGTH)
				RW_PRINT(r, "%u=%" PRIx64 " ", number, f.value);
			else
				RW_PRINT(r, "%u:", number);
			for (size_t i = 0; f.type == WIRE_LENGTH && i < f.bytes.size; i++)
				RW_PRINT(r, "%02x%s", (unsigned char)f.bytes.data[i], i + 1 < f.bytes.size ? "" : " ");
		}
	r->histograms++;
}

static inline void rw_series(struct rw_reader *r, struct bytes message)
{
	struct bytes sample = wire_last(message, 2, NULL), histogram = wire_last(message, r->is_2 ? 3 : 4, NULL);

	r->size = 0;
	rw_labels(r, message);
	rw_need(r, (sample.size > 0) != (histogram.size > 0), "a series without a sample, or with both sorts");
	rw_put(r, bytes_of("  "));
	if (histogram.size > 0)
		rw_histogram(r, histogram);
	else
		rw_value(r, sample, 1);
	rw_rest(r, message);
	if (r->is_2 && sample.size > 0)
		RW_PRINT(r, " created=%" PRIu64, rw_start(sample));
	r->samples += sample.size > 0;
	r->series++;
	if (r->series_line)
		r->series_line(r->context, r->line);
}

static inline void rw_read(struct rw_reader *r, struct bytes message)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	r->symbol_count = r->series = r->samples = r->exemplars = r->histograms = r->metadata = 0;
	while ((more = wire_next(&w, &f)) > 0) {
		if (r->is_2 && f.number == 4) {
			rw_need(r, r->symbol_count > 0 || f.bytes.size == 0, "symbol 0 is not empty");
			rw_need(r, r->symbol_count < RW_SYMBOLS_MAX, "too many symbols");
			r->symbols[r->symbol_count++] = f.bytes;
		} else if (f.number == (r->is_2 ? 5 : 1)) {
			rw_series(r, f.bytes);
		} else if (!r->is_2 && f.number == 3) {
			r->metadata++;
		} else {
			r->wrong("a field that the message does not have");
		}
	}
	rw_need(r, more == 0, "a message that cannot be read");
}

#endif
