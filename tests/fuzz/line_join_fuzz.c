/*
 * Any lines through the join, once in one go and once with everything forgotten and read again from the last offset now
 * and then, as after a kill or at the end of a slice: the messages must be the same, to the byte.
 *
 * The first byte says the format and what is joined, the second how often it is forgotten.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "collectors/line_join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 4096, OUT_MAX = 64 << 20 };

/* Messages as bytes; those behind `sure` begin behind the last offset. */
struct output {
	struct buffer text;
	size_t sure;
};

static void take(void *context, const struct line_message *m)
{
	struct output *out = context;

	OXP_ASSERT(m->at <= m->last && m->stream < LOG_STREAMS && m->time.size < LINE_TIME_MAX);
	if (buffer_printf(&out->text, "%llu %llu %d %d %d %zu:", (unsigned long long)m->at, (unsigned long long)m->last,
		    m->stream, m->cut, m->object != NULL, m->text.size) ||
		buffer_append(&out->text, m->time.data ? m->time.data : "", m->time.size) ||
		buffer_append(&out->text, m->text.data ? m->text.data : "", m->text.size))
		abort();
}

struct run {
	const char *data;
	size_t size;
	enum lines_format format;
	struct line_join join;
	struct output out;
};

/* One line; behind it, whether one can read again from its beginning or end. */
static size_t give(struct run *r, size_t at, size_t *restart)
{
	const char *end = memchr(r->data + at, '\n', r->size - at);
	size_t size = (end ? (size_t)(end - r->data) : r->size) - at;
	size_t behind = at + size + 1;
	char *copy = calloc(1, size + JSON_LINE_PADDING);
	uint64_t oldest;

	memcpy(copy, r->data + at, size);
	line_join_line(&r->join, r->format, (struct bytes){ copy, size }, at);
	free(copy);
	oldest = line_join_oldest(&r->join, behind);
	if (oldest >= at) {
		*restart = oldest;
		r->out.sure = r->out.text.size;
	}
	return behind;
}

static void run_all(struct run *r, unsigned forget_every)
{
	size_t restart = 0;
	unsigned lines = 0;

	for (size_t at = 0; at < r->size;) {
		at = give(r, at, &restart);
		if (!forget_every || ++lines % forget_every != 0)
			continue;
		line_join_drop(&r->join);
		r->out.text.size = r->out.sure;
		forget_every = forget_every * 2 + 1; /* so that it comes to an end */
		at = restart;
	}
	line_join_end(&r->join);
}

static void begin(struct run *r, const struct multiline *m)
{
	line_join_init(&r->join, LONGEST);
	r->join.scan = json_scan_best();
	r->join.multiline = m;
	r->join.take = take;
	r->join.context = &r->out;
	buffer_init(&r->out.text, OUT_MAX);
}

static void end(struct run *r)
{
	line_join_done(&r->join);
	buffer_done(&r->out.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct multiline m = { .shapes = 0 };
	struct line_start start;
	struct run whole, parts;

	if (size < 2)
		return 0;
	if (data[0] & 8)
		m.shapes = data[0] >> 4;
	else if (data[0] & 16 && !line_start_compile("[0-9a-f]", &start))
		m.start = &start;
	whole = (struct run){ (const char *)data + 2, size - 2, LINES_JSON + data[0] % 4, .out = { .sure = 0 } };
	parts = whole;
	begin(&whole, &m);
	begin(&parts, &m);
	run_all(&whole, 0);
	run_all(&parts, data[1] % 16 + 1);
	OXP_ASSERT(bytes_equal(buffer_bytes(&whole.out.text), buffer_bytes(&parts.out.text)));
	end(&whole);
	end(&parts);
	return 0;
}
