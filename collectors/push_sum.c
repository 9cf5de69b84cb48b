#include "collectors/push_sum.h"

#include <math.h>
#include <stdalign.h>

#include <xxhash.h>

enum {
	SLOTS_FIRST = 64,
	BLOCK_FIRST = 4 << 10,
	BLOCK_MAX = 64 << 10,
	NAME_SHORT = 256,
	MOVES = 8 /* places, for each new item */
};

/* The first character of a key says what it is of: '0' to '3' are those of push_point.c, 'N' is push_native.c's. */
enum { FAMILY = 'F', LONG_FAMILY = 'L', MARK = 'M' };

/* Memory. */

void *push_sum_allocate(struct push_sum *s, size_t size)
{
	void *found;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > s->left) {
		size_t block = size > s->block ? size : s->block;
		if (!s->batch)
			s->batch = host_batch_new(s->host, SIGNAL_METRICS);
		s->free = s->batch ? batch_block(s->batch, block) : NULL;
		s->left = s->free ? block : 0;
		if (!s->free)
			return NULL;
		s->block = s->block < BLOCK_MAX ? 2 * s->block : BLOCK_MAX;
	}
	found = s->free;
	s->free += size;
	s->left -= size;
	memset(found, 0, size);
	return found;
}

struct bytes push_sum_copy(struct push_sum *s, struct bytes text)
{
	char *to = push_sum_allocate(s, text.size + 1);

	if (!to)
		return (struct bytes){ NULL, 0 };
	memcpy(to, text.data, text.size);
	return (struct bytes){ to, text.size };
}

/* Items. */

static uint64_t hash_of(const struct push_sum *s, struct bytes key)
{
	return XXH3_64bits_withSeed(key.data, key.size, s->seed);
}

/* The slot with that key, or a free one. NULL in place of a key: a free one. */
static struct push_item **slot_of(const struct push_slots *slots, uint64_t hash, const struct bytes *key)
{
	struct push_item **all = slots->at;
	size_t at = hash & (slots->room - 1);

	while (all[at] && !(key && all[at]->hash == hash && bytes_equal(all[at]->key, *key)))
		at = (at + 1) & (slots->room - 1);
	return &all[at];
}

void *push_sum_item(const struct push_sum *s, struct bytes key)
{
	uint64_t hash = hash_of(s, key);
	struct push_item *found = s->wide.room ? *slot_of(&s->wide, hash, &key) : NULL;

	return found || !s->narrow.room ? found : *slot_of(&s->narrow, hash, &key);
}

/* They stay in the narrow table, too, where they are passed on the way to others. */
static void move_some(struct push_sum *s, size_t count)
{
	for (; s->moved < s->narrow.room && count > 0; count--) {
		struct push_item *item = s->narrow.at[s->moved++];
		if (item)
			*slot_of(&s->wide, item->hash, NULL) = item;
	}
	if (s->narrow.room == 0 || s->moved < s->narrow.room)
		return;
	batch_free(s->narrow.batch);
	s->narrow = (struct push_slots){ .room = 0 };
}

static bool grow(struct push_sum *s)
{
	struct push_slots wider = { .room = s->wide.room ? 2 * s->wide.room : SLOTS_FIRST };

	move_some(s, SIZE_MAX); /* there is none: each new item has moved more than there are for it */
	wider.batch = host_batch_new(s->host, SIGNAL_METRICS);
	wider.at = wider.batch ? (void *)batch_block(wider.batch, wider.room * sizeof *wider.at) : NULL;
	if (!wider.at) {
		batch_free(wider.batch);
		return false;
	}
	memset(wider.at, 0, wider.room * sizeof *wider.at);
	s->narrow = s->wide;
	s->wide = wider;
	s->moved = 0;
	return true;
}

/* A new item, which is not there. NULL: no memory, and nothing has changed. */
void *push_sum_make(struct push_sum *s, struct bytes key, size_t size)
{
	struct push_item *item;

	if (2 * (s->count + 1) > s->wide.room && !grow(s))
		return NULL;
	key = push_sum_copy(s, key);
	item = key.data ? push_sum_allocate(s, size) : NULL;
	if (!item)
		return NULL;
	item->hash = hash_of(s, key);
	item->key = key;
	*slot_of(&s->wide, item->hash, NULL) = item;
	s->count++;
	move_some(s, MOVES);
	return item;
}

/* Families. */

static struct bytes family_key(const struct push_sum *s, struct bytes name, char text[NAME_SHORT])
{
	XXH128_hash_t hash;

	text[0] = FAMILY;
	if (name.size < NAME_SHORT) {
		memcpy(text + 1, name.data, name.size);
		return (struct bytes){ text, name.size + 1 };
	}
	hash = XXH3_128bits_withSeed(name.data, name.size, s->seed);
	text[0] = LONG_FAMILY;
	memcpy(text + 1, &hash, sizeof hash);
	return (struct bytes){ text, 1 + sizeof hash };
}

struct push_family_total *push_sum_family(struct push_sum *s, struct bytes name)
{
	char text[NAME_SHORT];
	struct bytes key = family_key(s, name, text);
	struct push_family_total *f = push_sum_item(s, key);

	if (f)
		return f;
	name = push_sum_copy(s, name);
	f = name.data ? push_sum_make(s, key, sizeof *f) : NULL;
	if (!f)
		return NULL;
	f->name = name;
	f->last = &f->first;
	*s->last = f;
	s->last = &f->next;
	s->families++;
	return f;
}

void push_sum_help(struct push_sum *s, struct bytes family, struct bytes text, enum exposition_format format)
{
	struct push_family_total *f = s->families < PUSH_SERIES_MAX ? push_sum_family(s, family) : NULL;

	if (!f || f->format)
		return;
	text = push_sum_copy(s, text);
	f->help = text;
	f->format = text.data ? format : EXPOSITION_UNKNOWN;
}

/* Totals. */

/* Exact, but for what two numbers cannot hold (Knuth's TwoSum, twice). */
static void sum(struct push_total *t, double value, double rest)
{
	double high = t->high + value, part = high - t->high;
	double error = (t->high - (high - part)) + (value - part), low = t->low + rest + error;

	t->high = high + low;
	t->low = low - (t->high - high);
	if (!isfinite(t->high) || !isfinite(t->low))
		t->low = 0;
	if (!isfinite(high))
		t->high = high;
}

static void put(struct push_total *t, const struct push_point *p, bool first)
{
	bool bound = p->mode == PUSH_MIN || p->mode == PUSH_MAX; /* for which any number beats NaN */
	bool replaces = first || p->mode == PUSH_ALL || (p->mode == PUSH_MIN && p->value < t->high) ||
			(p->mode == PUSH_MAX && p->value > t->high) ||
			(p->mode == PUSH_LATEST && p->page > t->newest) || (bound && isnan(t->high));

	if (p->mode == PUSH_SUM && !first) {
		sum(t, p->value, p->rest);
	} else if (replaces) {
		t->high = p->value;
		t->low = p->rest;
	}
}

static struct push_total *total_new(struct push_sum *s, const struct push_point *p, struct push_family_total *f)
{
	struct push_total *t = push_sum_make(s, p->key, sizeof *t);

	if (!t)
		return NULL;
	t->family = f;
	t->group = p->group;
	t->quoted = p->quoted;
	t->lasting = p->lasting;
	t->grows = p->grows;
	t->mode = p->mode;
	if (!f->first)
		f->type = p->type;
	*f->last = t;
	f->last = &t->next;
	s->series++;
	return t;
}

enum push_added push_sum_add(struct push_sum *s, const struct push_point *p)
{
	struct push_total *t = push_sum_item(s, p->key);
	struct push_family_total *f;
	bool first = !t;

	if (!t && s->series >= PUSH_SERIES_MAX)
		return PUSH_CEILING;
	f = t ? t->family : push_sum_family(s, p->family);
	if (f && f->first && (f->type != p->type || (t && t->mode != p->mode)))
		return PUSH_CLASH;
	if (t && p->page && t->page == p->page)
		return PUSH_ADDED_BEFORE;
	if (f && !t)
		t = total_new(s, p, f);
	if (!t)
		return PUSH_NO_MEMORY;
	put(t, p, first);
	t->page = p->page;
	t->newest = p->page > t->newest ? p->page : t->newest;
	return PUSH_ADDED;
}

const struct push_total *push_sum_find(const struct push_sum *s, struct bytes key)
{
	return push_sum_item(s, key);
}

double push_total_value(const struct push_total *t)
{
	return t->high;
}

struct push_point push_total_point(const struct push_total *t, uint64_t page)
{
	return (struct push_point){ .family = t->family->name,
		.quoted = t->quoted,
		.type = t->family->type,
		.mode = t->mode,
		.lasting = t->lasting,
		.grows = t->grows,
		.group = t->group,
		.key = t->item.key,
		.value = t->high,
		.rest = t->low,
		.page = page };
}

const struct push_total *push_sum_next(const struct push_sum *s, const struct push_total *t)
{
	const struct push_family_total *f = t ? t->family->next : s->first;

	if (t && t->next)
		return t->next;
	while (f && !f->first)
		f = f->next;
	return f ? f->first : NULL;
}

/* Marks. */

static struct bytes mark_key(uint64_t number, char text[1 + sizeof number])
{
	text[0] = MARK;
	memcpy(text + 1, &number, sizeof number);
	return (struct bytes){ text, 1 + sizeof number };
}

bool push_sum_marked(const struct push_sum *s, uint64_t number)
{
	char text[1 + sizeof number];

	return push_sum_item(s, mark_key(number, text));
}

bool push_sum_mark(struct push_sum *s, uint64_t number)
{
	char text[1 + sizeof number];

	return push_sum_marked(s, number) || push_sum_make(s, mark_key(number, text), sizeof(struct push_item));
}

void push_sum_init(struct push_sum *s, struct host *host, uint64_t seed)
{
	*s = (struct push_sum){ .host = host, .seed = seed, .block = BLOCK_FIRST };
	s->last = &s->first;
	s->native_last = &s->native;
}

void push_sum_done(struct push_sum *s)
{
	batch_free(s->batch);
	batch_free(s->wide.batch);
	batch_free(s->narrow.batch);
	*s = (struct push_sum){ 0 };
}
