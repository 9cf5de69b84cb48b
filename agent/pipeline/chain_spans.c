#include "pipeline/chain_spans.h"

enum { WORD = 64 };

struct look {
	struct chain_row *rows, *dropper;
	size_t count;
	struct record *record;
	struct chain_sampled *sampled;
};

static void note(struct chain_sampled *s, bool left_out)
{
	size_t word = s->shown / WORD;
	uint64_t *bits = oxp_grow(s->bits, &s->room, word + 1, sizeof *bits);

	s->whole = s->whole && bits;
	if (bits)
		s->bits = bits;
	if (!s->whole) {
		s->unknown += left_out;
		return;
	}
	if (s->shown % WORD == 0)
		s->bits[word] = 0;
	s->bits[word] |= (uint64_t)left_out << s->shown % WORD;
	s->left_out += left_out;
	s->shown++;
}

/* Those who only look hear what the others made of the span. */
static void tell(const struct look *l, const struct chain_row *end, bool stays)
{
	for (const struct chain_row *row = l->rows; row < end; row++)
		if (row->type->passed)
			row->type->passed(row->step, stays);
}

static bool show(void *context, struct otlp_edit *e, struct otlp_view *view)
{
	bool span = view->level == OTLP_SPAN;
	struct look *l = context;
	struct chain_row *row = l->rows, *end = l->rows + l->count;

	(void)e;
	l->record->view = view;
	while (row < end && row->type->apply(row->step, l->record) != STEP_DROP)
		row++;
	if (span && l->sampled)
		note(l->sampled, row < end && row->type->samples);
	if (span)
		tell(l, row, row == end);
	if (row == end)
		return true;
	l->dropper = row;
	row->pending += span;
	return false;
}

bool chain_spans_look(struct chain_row *rows, size_t count, struct record *record, const struct batch_item *item,
	struct chain_sampled *sampled)
{
	struct look l = { .rows = rows, .count = count, .record = record, .sampled = sampled };
	struct otlp_edit *e = record->request;

	if (sampled)
		*sampled = (struct chain_sampled){ .bits = sampled->bits, .room = sampled->room, .whole = true };
	if (otlp_edit_run(e, (struct bytes){ item->data, item->size }, show, &l) == 0)
		return e->kept > 0 || e->dropped == 0;
	if (l.dropper)
		l.dropper->pending += item->records - e->dropped;
	if (sampled)
		sampled->left_out = sampled->unknown = 0;
	return false;
}

struct aside {
	const struct chain_row *rows;
	size_t count, at;
	struct record *record;
	const struct chain_sampled *sampled;
};

static bool was_left_out(struct aside *a)
{
	size_t i = a->at++;

	return i < a->sampled->shown && a->sampled->bits[i / WORD] >> i % WORD & 1;
}

static bool show_aside(void *context, struct otlp_edit *e, struct otlp_view *view)
{
	struct aside *a = context;

	(void)e;
	a->record->view = view;
	if (view->level == OTLP_SPAN && !was_left_out(a))
		return false;
	for (const struct chain_row *row = a->rows; row < a->rows + a->count; row++) {
		bool seen = row->type->samples || row->type->read;
		if (!seen && row->type->apply(row->step, a->record) == STEP_DROP)
			return false;
	}
	return true;
}

int chain_spans_look_aside(const struct chain_row *rows, size_t count, struct record *record,
	const struct batch_item *item, const struct chain_sampled *sampled)
{
	struct aside a = { .rows = rows, .count = count, .record = record, .sampled = sampled };
	int failed = otlp_edit_run(record->request, (struct bytes){ item->data, item->size }, show_aside, &a);

	if (failed)
		return failed;
	return record->request->kept > 0;
}
