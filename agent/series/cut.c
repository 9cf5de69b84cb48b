#include "series/cut.h"

#include <xxhash.h>

enum {
	CUTS_MIN = 64,
	CUTS_MAX = 64 << 10, /* places in the table, 8 bytes each: of twice as few sets */
};

#define TYPE(name) (1u << EXPOSITION_##name)

static bool is_within(struct bytes name)
{
	return bytes_are(name, "le") || bytes_are(name, "quantile");
}

/* Behind the quote that ends what p is in. */
static const char *quote_end(const char *p)
{
	for (; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

/* Of `a="…"` or `"a"="…"` and what follows: the end of the label, behind its closing quote. `"a"` alone is a metric's
 * name, and its own end. */
static const char *label_end(const char *p, const char *end, struct bytes *ret_name)
{
	const char *equals = *p == '"' ? quote_end(p + 1) : memchr(p, '=', (size_t)(end - p));

	OXP_ASSERT(equals);
	*ret_name = (struct bytes){ p, (size_t)(equals - p) };
	return *equals == '=' ? quote_end(equals + 2) : equals;
}

uint64_t cut_set_of(const struct series *s, struct bytes text)
{
	const char *p = memchr(text.data, '{', text.size), *end = text.data + text.size, *stop;
	uint64_t hash = s->seed;
	struct bytes name;

	while (p && *p != '}' && ++p < end) {
		stop = label_end(p, end, &name);
		if (!is_within(name) && name.data + name.size < stop)
			hash = XXH3_64bits_withSeed(p, (size_t)(stop - p), hash);
		p = stop;
	}
	return hash;
}

/* Sources have label sets of the same labels; 0 stands for none. */
static uint64_t key_of(const struct origin *o, uint64_t set)
{
	return XXH3_64bits_withSeed(&o, sizeof o, set) | 1;
}

static uint64_t *place_of(const struct cuts *c, uint64_t key)
{
	size_t i = key >> 1 & c->mask;

	while (c->keys[i] && c->keys[i] != key)
		i = (i + 1) & c->mask;
	return &c->keys[i];
}

static void forget_keys(struct series_target *t)
{
	struct cuts *c = &t->cuts;

	if (c->keys)
		series_release(t->series, c->keys, (c->mask + 1) * sizeof *c->keys, 0);
	c->keys = NULL;
}

/* Room for one more; false: there is none. */
static bool grow(struct series_target *t)
{
	struct cuts *c = &t->cuts, wider = *c;

	wider.mask = c->keys ? 2 * c->mask + 1 : CUTS_MIN - 1;
	wider.keys = NULL;
	if (c->keys && c->count <= c->mask / 2)
		return true;
	if (wider.mask < CUTS_MAX)
		wider.keys = series_alloc(t->series, (wider.mask + 1) * sizeof *wider.keys, 0);
	if (!wider.keys)
		return false;
	for (size_t i = 0; c->keys && i <= c->mask; i++)
		if (c->keys[i])
			*place_of(&wider, c->keys[i]) = c->keys[i];
	forget_keys(t);
	*c = wider;
	return true;
}

void cut_note(struct series_target *t, struct origin *o, struct bytes text, enum series_drop why)
{
	unsigned type = 1u << o->slot[staged_slot(t)].type;
	uint64_t *place, key;

	if (!(type & (TYPE(HISTOGRAM) | TYPE(SUMMARY) | TYPE(GAUGEHISTOGRAM))))
		return;
	if (!o->cut)
		o->why_cut = why;
	o->cut = t->cuts.any = true;
	o->cut_whole = o->cut_whole || !text.data;
	if (o->cut_whole)
		return;
	key = key_of(o, cut_set_of(t->series, text)); /* the text may go with what is tidied */
	o->cut_whole = !grow(t);
	if (o->cut_whole)
		return;
	place = place_of(&t->cuts, key);
	t->cuts.count += !*place;
	*place = key;
}

static bool is_cut(const struct series_target *t, const struct origin *o, const struct entry *e)
{
	return o->cut_whole || *place_of(&t->cuts, key_of(o, e->set)) != 0;
}

/* Takes an entry out of the staged scrape; it is unlinked already. */
static void refuse(struct series_target *t, struct group *g, struct entry *e)
{
	unsigned slot = staged_slot(t);

	g->slot[slot].shown -= entry_visible(e) && e->slot[t->slot].group == g;
	g->slot[slot].count--;
	t->groups[slot].count--;
	t->counts.dropped[g->slot[slot].source->why_cut]++;
	entry_unstage(t, e);
}

static void cut_group(struct series_target *t, struct group *g)
{
	unsigned slot = staged_slot(t);
	struct entry *e, *last = NULL, **at = &g->slot[slot].first;

	g->slot[slot].runs = g->slot[slot].ends = 0;
	while ((e = *at)) {
		if (is_cut(t, g->slot[slot].source, e)) {
			*at = e->slot[slot].next;
			refuse(t, g, e);
		} else {
			note_run(g, slot, e, last);
			last = e;
			at = &e->slot[slot].next;
		}
	}
	g->slot[slot].last = last;
	weigh_group(g);
}

void cut_apply(struct series_target *t)
{
	unsigned slot = staged_slot(t);

	if (!t->cuts.any)
		return;
	(void)tidy_all(t); /* what is refused hangs in the visible slot, or nowhere */
	for (struct group *g = t->groups[slot].first; g; g = g->slot[slot].next)
		if (g->slot[slot].source->cut)
			cut_group(t, g);
	cut_forget(t);
}

void cut_forget(struct series_target *t)
{
	forget_keys(t);
	t->cuts = (struct cuts){ .any = false };
}
