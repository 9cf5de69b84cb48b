/*
 * A scrape begins, becomes visible, or is given up.
 */
#include "series/cut.h"
#include "series/series.h"
#include "series/table.h"

static bool clashes(const struct group *g, unsigned slot)
{
	for (const struct group *other = g->family->groups; other; other = other->sibling)
		if (other != g && group_visible(other) && group_type(other, other->target->slot) != group_type(g, slot))
			return true;
	return false;
}

/* Takes a group out of the staged scrape; the caller has unlinked it. */
static void refuse_group(struct series_target *t, struct group *g, unsigned slot)
{
	if (g->slot[slot].count > 0)
		count_dropped(t, SERIES_DROP_TYPE_CLASH, family_name(g->family), g->slot[slot].count);
	t->groups[slot].count -= g->slot[slot].count;
	for (struct entry *e = g->slot[slot].first, *next; e; e = next) {
		next = e->slot[slot].next;
		entry_unstage(t, e);
	}
	g->slot[slot].scrape = 0;
	weigh_group(g);
	if (!group_visible(g))
		group_free(g);
}

/* A group that is visible with its type clashes with nothing, since whatever came later would have been refused. */
static void refuse_clashes(struct series_target *t, unsigned slot)
{
	struct group **at = &t->groups[slot].first;

	if (t->doubts == 0 || t->series->shared == 0)
		return;
	(void)tidy_all(t); /* what is refused hangs in the visible slot, or nowhere */
	while (*at) {
		struct group *g = *at;
		if (clashes(g, slot)) {
			*at = g->slot[slot].next;
			refuse_group(t, g, slot);
		} else {
			at = &g->slot[slot].next;
		}
	}
}

void series_commit(struct series_target *t, struct series_counts *ret)
{
	unsigned slot = staged_slot(t);

	OXP_ASSERT(t->staged);
	cut_apply(t);
	refuse_clashes(t, slot);
	t->counts.merged = t->groups[slot].count + t->merged;
	*ret = t->counts;
	t->visible = t->staged;
	t->staged = 0;
	t->slot = slot;
	slot_leave(t, !slot);
	t->series->version++;
	if (t->series->steps.step)
		t->series->steps.stepped(t->series->steps.context, t->stepped);
}

void series_abandon(struct series_target *t)
{
	if (!t->staged)
		return;
	t->staged = 0;
	cut_forget(t);
	slot_leave(t, staged_slot(t));
}

/* What is being staged may clash by now with what others make visible. */
void series_target_down(struct series_target *t)
{
	if (!t->visible)
		return;
	t->visible = 0;
	t->doubts++;
	slot_leave(t, t->slot);
	t->series->version++;
}

void series_begin(struct series_target *t)
{
	series_abandon(t);
	(void)tidy_all(t);
	worst_refresh(&t->series->worst);
	t->staged = ++t->series->scrapes;
	t->groups[staged_slot(t)].scrape = t->staged;
	t->source = NULL;
	t->latest = t->known = NULL;
	t->known_group = NULL;
	t->doubts = 0;
	memset(&t->counts, 0, sizeof t->counts);
	memset(t->stepped, 0, sizeof t->stepped);
	t->merged = 0;
}
