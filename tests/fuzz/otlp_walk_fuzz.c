/*
 * OTLP requests: what the check lets through, generated code decodes to the same counts, every span is visited and
 * has its ids, it can be written as JSON, and neither cut up nor put together with others it loses a span. What can be
 * mended passes the check then, with
 * the spans that were not refused, and mending it again changes nothing. Whatever it is, nothing reads beyond it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/otlp_group.h"
#include "proto/otlp_mend.h"
#include "proto/otlp_response.h"
#include "proto/otlp_split.h"
#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"
#include "otlp.pb-c.h"

enum { TEXT_MAX = 64 << 20 };

static void need(int holds)
{
	if (!holds)
		abort();
}

static void counts_agree(const Otlp__TracesRequest *r, const struct otlp_summary *sum)
{
	uint64_t spans = 0;

	for (size_t i = 0; i < r->n_resource_spans; i++)
		for (size_t k = 0; k < r->resource_spans[i]->n_scope_spans; k++)
			spans += r->resource_spans[i]->scope_spans[k]->n_spans;
	need(spans == sum->spans);
}

static int count_span(void *context, const struct otlp_span *s)
{
	need(s->trace_id.size == 16 && s->span_id.size == 8 && (s->parent_id.size == 0 || s->parent_id.size == 8));
	++*(uint64_t *)context;
	return 0;
}

static void count_row(void *context, const struct otlp_row *row)
{
	need(row->json[0] == '{' && row->service && row->name);
	++*(uint64_t *)context;
}

static void request_is_fine(const uint8_t *data, size_t size, const struct otlp_summary *sum)
{
	Otlp__TracesRequest *r = otlp__traces_request__unpack(NULL, size, data);
	uint64_t spans = 0, rows = 0;

	need(r != NULL);
	counts_agree(r, sum);
	otlp__traces_request__free_unpacked(r, NULL);
	need(otlp_traces_each((struct bytes){ (const char *)data, size }, count_span, &spans) == 0 &&
		spans == sum->spans);
	need(otlp_traces_rows((const char *)data, size, count_row, &rows) == 0 && rows == sum->spans);
}

/* Whatever its parts are, each is a request, and no span is missing. */
static void comes_apart(struct bytes body, size_t max, uint64_t spans)
{
	struct otlp_split plan;
	struct otlp_summary sum;
	struct otlp_split_part *parts;
	const char *at;
	size_t fault_at;
	char *to;

	otlp_split_plan(body, max, &plan);
	parts = malloc((plan.parts + 1) * sizeof *parts);
	at = to = malloc(plan.size + 1);
	need(parts && to);
	otlp_split_write(body, &plan, to, parts);
	for (size_t i = 0; i < plan.parts; i++) {
		need(otlp_traces_check(at, parts[i].size, &sum, &fault_at) == OTLP_OK);
		need(sum.spans > 0 && sum.spans == parts[i].spans);
		spans -= sum.spans;
		at += parts[i].size;
	}
	need(spans == 0 && at == to + plan.size);
	free(parts);
	free(to);
}

static uint64_t hash(uint64_t sum, struct bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		sum = (sum ^ (unsigned char)bytes.data[i]) * 0x100000001b3;
	return sum * 31 + bytes.size;
}

/* In whatever order they come. */
static int sum_up(void *context, const struct otlp_span *s)
{
	*(uint64_t *)context += hash(hash(hash(7, s->resource), s->scope), s->span);
	return 0;
}

/* Twice itself, what its second half is if that is a request, and itself again: each span keeps its resource and its
 * scope. */
static void comes_together(struct bytes body)
{
	struct bytes half = { body.data + body.size / 2, body.size - body.size / 2 };
	struct otlp_group *group = otlp_group_new(4);
	uint64_t before = 0, after = 0;
	struct pieces_place at = { 0 };
	struct otlp_summary sum;
	struct pieces pieces;
	size_t fault_at;
	char *to;

	need(group != NULL);
	if (otlp_traces_check(half.data, half.size, &sum, &fault_at))
		half.size = 0;
	const struct bytes all[] = { body, body, half, body };
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		otlp_group_add(group, all[i]);
		need(otlp_traces_each(all[i], sum_up, &before) == 0);
	}
	if (!otlp_group_end(group, &pieces))
		return;
	to = malloc(pieces.size + 1);
	need(to && pieces.size <= 3 * body.size + half.size);
	need(pieces_read(&pieces, &at, to, pieces.size + 1) == pieces.size);
	need(otlp_traces_check(to, pieces.size, &sum, &fault_at) == OTLP_OK);
	need(otlp_traces_each((struct bytes){ to, pieces.size }, sum_up, &after) == 0 && after == before);
	pieces_done(&pieces);
	free(to);
}

static uint64_t texts_of(const struct otlp_mend *m)
{
	char text[OTLP_MEND_TEXT];

	otlp_mend_tell(m, text, sizeof text);
	need(utf8_valid(text, strlen(text)) && !!text[0] == (m->refused + m->texts + m->values + m->links > 0));
	return m->refused + m->texts + m->values + m->links;
}

/* Its frame is fine, so it is mended in exactly the room that the plan names. */
static void mend(struct bytes body, const struct otlp_mend *plan)
{
	struct otlp_summary sum;
	struct otlp_mend again;
	char *to = malloc(plan->room);
	size_t at;

	need(to && plan->room >= plan->size);
	otlp_mend_write(body, plan, to);
	need(otlp_traces_check(to, plan->size, &sum, &at) == OTLP_OK && sum.spans == plan->spans);
	request_is_fine((const uint8_t *)to, plan->size, &sum);
	need(otlp_mend_plan((struct bytes){ to, plan->size }, &again, &at) == OTLP_OK);
	need(texts_of(&again) == 0 && again.size == plan->size && again.spans == plan->spans);
	free(to);
}

static void may_be_mended(struct bytes body, enum otlp_fault fault)
{
	struct otlp_mend plan;
	size_t at = 0;
	enum otlp_fault frame = otlp_mend_plan(body, &plan, &at);

	need(at <= body.size);
	need(!otlp_fault_can_be_mended(frame));
	need(fault == OTLP_OK || otlp_fault_can_be_mended(fault) || frame == fault);
	if (frame)
		return;
	need((texts_of(&plan) == 0) == (fault == OTLP_OK));
	mend(body, &plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otlp_summary sum;
	struct buffer text;
	char message[64];
	uint64_t rejected;
	size_t at = 0;
	int written;
	enum otlp_fault fault = otlp_traces_check((const char *)data, size, &sum, &at);

	need(at <= size && fault < OTLP_FAULTS);
	buffer_init(&text, TEXT_MAX);
	written = otlp_traces_to_json((const char *)data, size, &text);
	need(written == 0 || (written == -EBADMSG && text.size == 0));
	buffer_done(&text);
	need(fault || written == 0);
	if (!fault) {
		request_is_fine(data, size, &sum);
		comes_apart((struct bytes){ (const char *)data, size }, 64, sum.spans);
		comes_apart((struct bytes){ (const char *)data, size }, size / 2 + 1, sum.spans);
		comes_together((struct bytes){ (const char *)data, size });
	}
	may_be_mended((struct bytes){ (const char *)data, size }, fault);
	if (otlp_response_parse((struct bytes){ (const char *)data, size }, &rejected, message, sizeof message))
		need(rejected == 0 && message[0] == '\0');
	return 0;
}
