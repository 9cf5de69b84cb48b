#include "pipeline/chain_spans.h"

struct look {
	struct chain_row *rows, *dropper;
	size_t count;
	struct record *record;
};

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

	(void)e;
	l->record->view = view;
	for (struct chain_row *row = l->rows; row < l->rows + l->count; row++)
		if (row->type->apply(row->step, l->record) == STEP_DROP) {
			l->dropper = row;
			row->pending += span;
			if (span)
				tell(l, row, false);
			return false;
		}
	if (span)
		tell(l, l->rows + l->count, true);
	return true;
}

bool chain_spans_look(struct chain_row *rows, size_t count, struct record *record, const struct batch_item *item)
{
	struct look l = { .rows = rows, .count = count, .record = record };
	struct otlp_edit *e = record->request;

	if (otlp_edit_run(e, (struct bytes){ item->data, item->size }, show, &l) == 0)
		return e->kept > 0 || e->dropped == 0;
	if (l.dropper)
		l.dropper->pending += item->records - e->dropped;
	return false;
}
