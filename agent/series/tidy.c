/*
 * What is freed behind a commit, an abandoned scrape and a target that is down, a little at a time.
 *
 * A slot that is left is taken apart from its front: entry by entry, group by group. What hangs in the other slot, too,
 * stays, whether that slot counts or is left as well. When the slot is empty, sources that no slot has are swept out.
 */
#include "series/table.h"

enum { TIDIED_FOR_ROOM = 32 }; /* steps: most free a series, which is what is wanted most often */

void slot_leave(struct series_target *t, unsigned slot)
{
	if (!slot_left(t, !slot))
		t->left = slot;
	weigh_target(t);
}

/* Whether the other slot has every entry of the group. Looking at each of 40,000 takes 6 ms. `shown` tells it if the
 * other scrape was staged beside this one, which then was visible. */
static bool has_all(const struct series_target *t, const struct group *g, unsigned slot)
{
	return t->groups[!slot].scrape > t->groups[slot].scrape && hangs(t, !slot, g->slot[!slot].scrape) &&
	       g->slot[!slot].shown == g->slot[slot].count;
}

static void tidy_entry(struct series_target *t, struct group *g, unsigned slot)
{
	struct entry *e = g->slot[slot].first;

	g->slot[slot].first = e->slot[slot].next;
	g->slot[slot].count--;
	t->groups[slot].count--;
	t->begun = true;
	if (!hangs(t, !slot, e->slot[!slot].scrape))
		entry_free(t->series, e);
}

/* All of it that had to be freed is. */
static void tidy_group(struct series_target *t, struct group *g, unsigned slot)
{
	t->groups[slot].first = g->slot[slot].next;
	t->groups[slot].count -= g->slot[slot].count;
	t->begun = false;
	g->slot[slot].scrape = 0;
	weigh_group(g);
	if (!hangs(t, !slot, g->slot[!slot].scrape))
		group_free(g);
}

static void end_slot(struct series_target *t, unsigned slot)
{
	OXP_ASSERT(t->groups[slot].count == 0);
	memset(&t->groups[slot], 0, sizeof t->groups[slot]);
	t->left = !slot;
	t->sweeping = true;
	t->bucket = 0;
}

static void tidy_slot(struct series_target *t, unsigned slot)
{
	struct group *g = t->groups[slot].first;

	if (!g)
		end_slot(t, slot);
	else if (g->slot[slot].first && (t->begun || !has_all(t, g, slot)))
		tidy_entry(t, g, slot);
	else
		tidy_group(t, g, slot);
}

static void tidy_source(void *context, struct map_node *n)
{
	struct series_target *t = context;
	struct origin *o = CONTAINER_OF(n, struct origin, node);

	if (!hangs(t, 0, o->slot[0].scrape) && !hangs(t, 1, o->slot[1].scrape))
		origin_free(t, o);
}

bool series_tidy(struct series_target *t, size_t count)
{
	for (; count > 0; count--)
		if (slot_left(t, t->left))
			tidy_slot(t, t->left);
		else if (t->sweeping)
			t->sweeping = map_each_in(&t->sources, t->bucket++, tidy_source, t);
		else
			return false;
	return true;
}

static bool has_left(const struct series_target *t)
{
	return slot_left(t, t->left) || t->sweeping;
}

bool series_is_tidy(const struct series_target *t)
{
	return !has_left(t);
}

bool tidy_all(struct series_target *t)
{
	bool any = has_left(t);

	while (series_tidy(t, SIZE_MAX))
		;
	return any;
}

bool tidy_some(struct series *s)
{
	struct series_target *t = s->targets;

	while (t && !has_left(t))
		t = t->next;
	if (t)
		(void)series_tidy(t, TIDIED_FOR_ROOM);
	return t;
}
