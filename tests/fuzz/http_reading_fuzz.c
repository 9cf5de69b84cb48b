/*
 * The answer to a request of ours, read without libcurl (http/reading.h). Whole, or cut as the first bytes say: the
 * verdict, the status, the body and what is left behind it are the same, and no byte beyond is read.
 *
 * The first byte: how many cuts (0 to 7), whether the method is HEAD (8), and whether some bytes are put off (16). Then
 * a byte for each cut.
 */
#include <stdint.h>
#include <stdlib.h>

#include "http/reading.h"

enum { CUTS_MAX = 7, MOST = 4000 };

struct now {
	struct clock clock;
	int64_t ns, step;
};

static struct mono_time mono(const struct clock *c)
{
	struct now *now = (struct now *)c;

	now->ns += now->step;
	return (struct mono_time){ now->ns };
}

struct read {
	struct now now;
	struct turn turn;
	struct answers all;
	struct http_call_options options;
	struct answer answer;
	struct reading reading;
	enum reading_verdict verdict;
	size_t unread;
};

static void begin(struct read *r, const char *method, bool puts_off)
{
	*r = (struct read){ .now = { .clock.mono = mono, .step = puts_off ? TURN_US * 1000 / 3 : 0 },
		.options = { .method = method, .answer_max = MOST } };
	r->turn.clock = &r->now.clock;
	r->all.turn = &r->turn;
	answer_init(&r->answer, &r->all, &r->options);
	reading_init(&r->reading, &r->answer);
	r->verdict = READING_MORE;
}

static void end(struct read *r)
{
	reading_done(&r->reading);
	answer_done(&r->answer);
}

static void give(struct read *r, const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct bytes in = { copy, size };

	memcpy(copy, data, size);
	do {
		turn_begin(&r->turn);
		r->verdict = reading_take(&r->reading, &in, (struct wall_time){ 0 });
	} while (r->verdict == READING_LATER);
	OXP_ASSERT(r->verdict != READING_MORE || in.size == 0);
	r->unread = in.size;
	free(copy);
}

static void give_cut(struct read *r, const uint8_t *cuts, unsigned count, const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i <= count; i++) {
		size_t n = i < count && cuts[i] < size ? cuts[i] : size;
		if (i == count)
			n = size;
		if (r->verdict == READING_MORE)
			give(r, data, n);
		else
			r->unread += n;
		data += n;
		size -= n;
	}
}

static void compare(const struct read *a, const struct read *b)
{
	OXP_ASSERT(a->verdict == b->verdict && a->reading.head.status == b->reading.head.status);
	OXP_ASSERT(a->answer.status == b->answer.status && a->answer.head_told == b->answer.head_told);
	if (a->verdict == READING_OVER || a->verdict == READING_BAD)
		return;
	OXP_ASSERT(a->unread == b->unread && a->reading.keeps == b->reading.keeps);
	OXP_ASSERT(reading_ends_here(&a->reading) == reading_ends_here(&b->reading));
	OXP_ASSERT(bytes_equal(buffer_bytes(&a->answer.body), buffer_bytes(&b->answer.body)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned count = size > 0 ? data[0] & CUTS_MAX : 0;
	const char *method = size > 0 && data[0] & 8 ? "HEAD" : "POST";
	struct read whole, cut;

	if (size < 1 + (size_t)count)
		return 0;
	begin(&whole, method, false);
	begin(&cut, method, data[0] & 16);
	give(&whole, data + 1 + count, size - 1 - count);
	give_cut(&cut, data + 1, count, data + 1 + count, size - 1 - count);
	compare(&whole, &cut);
	OXP_ASSERT(whole.answer.body.size <= MOST && (!whole.answer.head_told || whole.answer.status >= 200));
	end(&whole);
	end(&cut);
	return 0;
}
