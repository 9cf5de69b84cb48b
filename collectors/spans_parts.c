#include "collectors/spans_parts.h"

static size_t table_size(const struct spans_parts *p)
{
	return p->plan.parts * sizeof(struct otlp_split_part);
}

void spans_parts_plan(struct spans_parts *p, struct door_request *r)
{
	struct otlp_split plan;

	if (r->body.size <= SPANS_PART_MAX)
		return;
	otlp_split_plan((struct bytes){ r->body.data, r->body.size }, SPANS_PART_MAX, &plan);
	if (plan.parts < 2)
		return;
	p->plan = plan;
	r->wants = table_size(p) + plan.size;
	r->may_stay = true;
}

size_t spans_parts_write(struct spans_parts *p, struct door_request *r)
{
	struct otlp_split_part *table = (struct otlp_split_part *)r->body.data;

	otlp_split_write(r->body.old, &p->plan, r->body.data + table_size(p), table);
	p->written = true;
	return table_size(p) + p->plan.size;
}

static bool fill_parts(const struct spans_parts *p, struct door_request *r)
{
	const struct otlp_split_part *table = (const struct otlp_split_part *)r->body.data;
	struct batch_item item = { .data = r->body.data + table_size(p) };

	for (size_t i = 0; i < p->plan.parts; i++) {
		item.size = table[i].size;
		item.records = table[i].spans;
		if (batch_add(r->body.batch, &item) < 0)
			return false;
		item.data += item.size;
	}
	return true;
}

bool spans_parts_fill(const struct spans_parts *p, struct door_request *r, uint64_t spans)
{
	struct batch_item item = { .size = (uint32_t)r->body.size, .records = (uint32_t)spans };

	if (p->written)
		return fill_parts(p, r);
	item.data = batch_block_trim(r->body.batch, r->body.size); /* a chunked body did not say its size */
	return batch_add(r->body.batch, &item) == 0;
}
