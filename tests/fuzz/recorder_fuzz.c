/*
 * The ring of the flight recorder as others may have written it, with checksums that fit: the entries of a frame stay
 * within it; what of them is marked is a request that passes the check, with as many spans as were counted, each with
 * the mark; and showing them ends.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"
#include "recorder/mark.h"
#include "recorder/ring.h"

enum { OUT_MAX = 8 << 20 };

static void need(int holds)
{
	if (!holds)
		abort();
}

static void on_row(void *context, const struct otlp_row *row)
{
	(void)context;
	need(strlen(row->trace_id) <= 32 && row->json && row->service);
}

static size_t count_marks(struct bytes all)
{
	size_t count = 0;
	const char *at = all.data, *end = all.data + all.size;

	while (at < end && (at = memmem(at, (size_t)(end - at), MARK_NAME, sizeof MARK_NAME - 1))) {
		at += sizeof MARK_NAME - 1;
		count++;
	}
	return count;
}

/* Returns how many spans the piece has; 0 after a failure, too. */
static uint64_t try_piece(struct mark *mark, struct bytes request, size_t *span)
{
	struct otlp_summary sum;
	struct buffer out;
	uint32_t spans = 0;
	size_t at;

	buffer_init(&out, OUT_MAX);
	if (mark_append(mark, request, span, &out, &spans) == 0) {
		need(otlp_traces_check(out.data, out.size, &sum, &at) == OTLP_OK);
		need(sum.spans == spans && (spans > 0 || out.size == 0));
		need(count_marks(buffer_bytes(&out)) >= spans);
	} else {
		need(out.size == 0 && *span == 0);
	}
	buffer_done(&out);
	return spans;
}

static void try_entry(struct mark *mark, const struct ring_entry *e)
{
	struct otlp_summary sum;
	uint64_t spans = 0;
	size_t span = 0, before, at;

	(void)!otlp_traces_rows(e->request.data, e->request.size, on_row, NULL);
	do {
		before = span;
		spans += try_piece(mark, e->request, &span);
		need(span == 0 || span > before);
	} while (span > 0);
	if (spans > 0)
		need(otlp_traces_check(e->request.data, e->request.size, &sum, &at) == OTLP_OK && spans <= sum.spans);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mark *mark = mark_new("crash");
	struct ring_entry e;
	struct buffer frame;
	char *padding;

	buffer_init(&frame, RING_FRAME_MAX + RING_PADDING);
	need(ring_frame_begin(&frame) == 0);
	if (buffer_append(&frame, data, size) == 0 && (padding = buffer_reserve(&frame, RING_PADDING))) {
		memset(padding, 0, RING_PADDING);
		for (size_t at = 0; ring_entry_next(&frame, &at, &e);) {
			need(e.request.data >= frame.data &&
				e.request.data + e.request.size <= frame.data + frame.size);
			try_entry(mark, &e);
		}
	}
	buffer_done(&frame);
	mark_free(mark);
	return 0;
}
