#include "spool/lasting.h"

#include <stdlib.h>

static void add(void *to, uint64_t generation)
{
	struct lasting *l = to;
	uint64_t *grown;

	if (l->count > 0 && l->generations[l->count - 1] == generation)
		return;
	grown = oxp_grow(l->generations, &l->room, l->count + 1, sizeof *grown);
	OXP_ASSERT(grown && "out of memory");
	l->generations = grown;
	l->generations[l->count++] = generation;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

bool lasting_look(struct lasting *l, const struct pipeline *p)
{
	const struct source *s;
	bool known = true;

	TAILQ_FOREACH(s, &p->sources, entry)
		if (s->deliveries.hooks->look)
			known = s->deliveries.hooks->look(s->options.context, !l->looking) && known;
	l->looking = !known;
	return known;
}

void lasting_forget(struct lasting *l)
{
	l->looking = false;
}

void lasting_ask(struct lasting *l, const struct pipeline *p)
{
	const struct source *s;

	l->count = 0;
	l->looking = false;
	TAILQ_FOREACH(s, &p->sources, entry)
		if (s->deliveries.hooks->lasting)
			s->deliveries.hooks->lasting(s->options.context, add, l);
	if (l->count > 1)
		qsort(l->generations, l->count, sizeof *l->generations, by_number);
}

void lasting_done(struct lasting *l)
{
	free(l->generations);
	*l = (struct lasting){ .generations = NULL };
}

/* Whether all of it is ours: nobody can read a socket again, and what came from the spool is nowhere else. */
static bool is_all_ours(const struct delivery *d)
{
	return d->of->rewind == REWIND_NONE || d->restored;
}

static bool lasts(const struct lasting *l, uint64_t generation)
{
	return l->count > 0 && bsearch(&generation, l->generations, l->count, sizeof generation, by_number);
}

bool lasting_is_ours(const struct lasting *l, const struct send *send, size_t i)
{
	const struct delivery *d = send->delivery;

	if (!send_wants(send, i))
		return false;
	if (is_all_ours(d))
		return true;
	return d->of->hooks->lasting && !lasts(l, batch_item(d->batch, i)->generation);
}

struct portion lasting_ours(const struct lasting *l, const struct send *send)
{
	struct portion ours = { .items = 0 };

	if (is_all_ours(send->delivery))
		return (struct portion){ send->left, send_left(send) };
	for (size_t i = send_first(send); i < send_end(send); i++) {
		const struct batch_item *item = batch_item(send->delivery->batch, i);
		if (!lasting_is_ours(l, send, i))
			continue;
		ours.items++;
		ours.amount.records += item->records;
		ours.amount.bytes += item->size;
	}
	return ours;
}

bool lasting_has_none_of(const struct lasting *l, const struct batch *batch)
{
	for (size_t i = 0; i < batch_items(batch); i++)
		if (lasts(l, batch_item(batch, i)->generation))
			return false;
	return true;
}
