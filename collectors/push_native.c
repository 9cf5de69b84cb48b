/*
 * Native histograms in the table in which the series of many pages become one.
 *
 * Each side of one has as much room as its buckets need; what is outgrown stays in the table's memory until that goes.
 */
#include "collectors/push_sum.h"
#include "proto/native_sum.h"

enum { ROOM_MIN = 8 /* buckets of a side */, NATIVE = 'N' /* begins the key */ };

struct native_key {
	char text[1 + sizeof(uint64_t)];
};

static struct bytes key_of(uint64_t group, struct native_key *key)
{
	key->text[0] = NATIVE;
	memcpy(key->text + 1, &group, sizeof group);
	return (struct bytes){ key->text, sizeof key->text };
}

struct push_native *push_sum_native(const struct push_sum *s, uint64_t group)
{
	struct native_key key;

	return push_sum_item(s, key_of(group, &key));
}

static struct push_native *native_new(struct push_sum *s, const struct push_point *p, struct push_family_total *f)
{
	struct bytes text = push_sum_copy(s, p->key);
	struct native_key key;
	struct push_native *n = text.data ? push_sum_make(s, key_of(p->group, &key), sizeof *n) : NULL;

	if (!n)
		return NULL;
	n->family = f;
	n->group = p->group;
	n->key = text;
	n->quoted = p->quoted;
	n->page = UINT64_MAX; /* none */
	native_histogram_init(&n->all, NULL, 0);
	*s->native_last = n;
	s->native_last = &n->next;
	s->series++;
	return n;
}

static bool make_room(struct push_sum *s, struct native_side *side, size_t more)
{
	size_t wanted = smaller(side->count + more, NATIVE_BUCKETS_MAX), room = side->room ? side->room : ROOM_MIN;
	struct native_bucket *wider;

	if (wanted <= side->room)
		return true;
	while (room < wanted)
		room *= 2;
	room = smaller(room, NATIVE_BUCKETS_MAX);
	wider = push_sum_allocate(s, room * sizeof *wider);
	if (!wider)
		return false;
	if (side->count > 0)
		memcpy(wider, side->buckets, side->count * sizeof *wider);
	side->buckets = wider;
	side->room = room;
	return true;
}

/* With room for what is to be added. */
static enum push_added find(struct push_sum *s, const struct push_point *p, struct push_native **ret)
{
	struct push_native *n = push_sum_native(s, p->group);
	struct push_family_total *f;

	if (!n && s->series >= PUSH_SERIES_MAX)
		return PUSH_CEILING;
	f = n ? n->family : push_sum_family(s, p->family);
	if (f && f->first && f->type != p->type)
		return PUSH_CLASH;
	if (f && !n)
		n = native_new(s, p, f);
	*ret = n;
	return n && make_room(s, &n->all.positive, p->native->positive.count) &&
			       make_room(s, &n->all.negative, p->native->negative.count)
		       ? PUSH_ADDED
		       : PUSH_NO_MEMORY;
}

static bool add(struct native_histogram *to, const struct native_histogram *from)
{
	unsigned merged = 0;

	if (from->count > NATIVE_COUNT_MAX || to->count > NATIVE_COUNT_MAX - from->count ||
		!native_histogram_add(to, from, &merged))
		return false;
	to->count += from->count;
	return native_histogram_reduce(to);
}

enum push_added push_sum_reserve_native(struct push_sum *s, const struct push_point *p)
{
	struct push_native *n;

	return find(s, p, &n);
}

enum push_added push_sum_add_native(struct push_sum *s, const struct push_point *p)
{
	struct push_native *n;
	enum push_added added = find(s, p, &n);

	if (added != PUSH_ADDED)
		return added;
	if (p->page && n->page == p->page)
		return PUSH_ADDED_BEFORE;
	n->page = p->page;
	n->broken = n->broken || !add(&n->all, p->native);
	return PUSH_ADDED;
}

struct push_point push_native_point(const struct push_native *n, uint64_t page)
{
	return (struct push_point){ .family = n->family->name,
		.quoted = n->quoted,
		.type = EXPOSITION_HISTOGRAM,
		.mode = PUSH_SUM,
		.lasting = true,
		.group = n->group,
		.key = n->key,
		.native = &n->all,
		.page = page };
}
