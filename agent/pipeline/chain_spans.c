#include "pipeline/chain_spans.h"

#include <errno.h>

enum { WORD = 64 };

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
static void tell(const struct chain_look *l, const struct chain_row *end, bool stays)
{
	for (const struct chain_row *row = l->rows; row < end; row++)
		if (row->type->passed)
			row->type->passed(row->step, stays);
}

/* What was taken for views of that level and below. */
static void give_back(struct chain_look *l, enum otlp_level level)
{
	const struct batch *in = l->out->in;

	for (int i = level; i < OTLP_LEVELS; i++) {
		if (l->taken[i] > 0)
			budget_give(in->budget, in->signal, l->taken[i]);
		l->taken[i] = 0;
	}
}

/* Steps find their memory taken before they begin. It stays taken until the next view of that level. */
static bool take_scratch(struct chain_look *l, enum otlp_level level, size_t size)
{
	size_t scratch = size > STEP_LINE_LONG ? size * l->scratch : 0;
	const struct batch *in = l->out->in;

	if (LIKELY(scratch == 0 && !l->holds))
		return true;
	give_back(l, level);
	if (scratch > 0 && !budget_take(in->budget, in->signal, scratch)) {
		l->failed = chain_out_no_room(l->out, scratch);
		scratch = 0;
	}
	l->taken[level] = scratch;
	l->holds = l->taken[OTLP_RESOURCE] + l->taken[OTLP_SCOPE] + scratch > 0;
	return !l->failed;
}

/* What was announced has its memory. */
static bool may_see(struct chain_look *l, const struct otlp_view *view)
{
	bool announced = l->announced;

	l->announced = false;
	return !l->failed && (announced || take_scratch(l, view->level, view->message.size));
}

/* `apart`: in a lane, where nobody may hear what became of the span. */
static bool ask_steps(struct chain_look *l, struct otlp_view *view, bool apart)
{
	bool span = view->level == OTLP_SPAN;
	struct chain_row *row = l->rows, *end = l->rows + l->count;

	l->record.view = view;
	while (row < end && row->type->apply(row->step, &l->record) != STEP_DROP)
		row++;
	if (span && l->sampled)
		note(l->sampled, row < end && row->type->samples);
	if (span && apart)
		l->hears = row;
	else if (span)
		tell(l, row, row == end);
	if (row == end)
		return true;
	l->dropper = row;
	row->pending += span;
	return false;
}

static bool show(void *context, struct otlp_edit *e, struct otlp_view *view)
{
	struct chain_look *l = context;
	bool apart = l->announced;

	(void)e;
	return may_see(l, view) && ask_steps(l, view, apart);
}

static bool was_left_out(struct chain_look *l)
{
	size_t i = l->at++;

	return i < l->sampled->shown && l->sampled->bits[i / WORD] >> i % WORD & 1;
}

static bool show_aside(void *context, struct otlp_edit *e, struct otlp_view *view)
{
	struct chain_look *l = context;

	(void)e;
	l->record.view = view;
	if (view->level == OTLP_SPAN && !was_left_out(l)) {
		l->announced = false;
		return false;
	}
	if (!may_see(l, view))
		return false;
	for (const struct chain_row *row = l->rows; row < l->rows + l->count; row++) {
		bool seen = row->type->samples || row->type->read;
		if (!seen && row->type->apply(row->step, &l->record) == STEP_DROP)
			return false;
	}
	return true;
}

static char *give_room(void *context, size_t size, size_t *ret_room)
{
	const struct chain_look *l = context;

	return chain_out_grow(l->out, size, otlp_edit_left(l->record.request), ret_room);
}

static void begin(struct chain_look *l, const struct batch_item *item, const struct otlp_editor *editor)
{
	l->item = item;
	l->dropper = NULL;
	l->announced = false;
	l->hears = NULL;
	l->failed = 0;
	otlp_edit_begin(l->record.request, (struct bytes){ item->data, item->size }, editor);
}

void chain_spans_begin(struct chain_look *l, const struct batch_item *item, struct chain_sampled *sampled)
{
	if (sampled)
		*sampled = (struct chain_sampled){ .bits = sampled->bits, .room = sampled->room, .whole = true };
	l->sampled = sampled;
	begin(l, item, &(struct otlp_editor){ show, give_room, l, STEP_LANE_LONG });
}

void chain_spans_begin_aside(struct chain_look *l, const struct batch_item *item, struct chain_sampled *sampled)
{
	l->sampled = sampled;
	l->at = 0;
	begin(l, item, &(struct otlp_editor){ show_aside, give_room, l, STEP_LANE_LONG });
}

/* A step could not do its work, or it is no request: what is left of it goes, too. */
static int drop_rest(struct chain_look *l)
{
	if (l->dropper)
		l->dropper->pending += l->item->records - l->record.request->dropped;
	if (l->sampled)
		l->sampled->left_out = l->sampled->unknown = 0;
	return -EBADMSG;
}

int chain_spans_go_on(struct chain_look *l, size_t *bytes)
{
	enum otlp_level level;
	size_t size;
	int more;

	if (l->hears)
		tell(l, l->hears, l->hears == l->rows + l->count);
	l->hears = NULL;
	more = otlp_edit_go_on(l->record.request, bytes);
	if (more == OTLP_EDIT_LONG && otlp_edit_will_show(l->record.request, &level, &size))
		l->announced = take_scratch(l, level, size);
	if (l->failed)
		return l->failed;
	return more == -EBADMSG || more == -ENOSPC ? drop_rest(l) : more;
}

void chain_spans_end(struct chain_look *l)
{
	give_back(l, OTLP_RESOURCE);
	l->holds = false;
}
