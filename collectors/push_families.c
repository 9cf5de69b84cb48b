#include "collectors/push_families.h"

#include <stdlib.h>

#include <xxhash.h>

#include "proto/exposition_family.h"

enum { ROOM_FIRST = 64 };

static uint64_t hash_of(struct bytes name, uint64_t seed)
{
	return XXH3_64bits_withSeed(name.data, name.size, seed);
}

static void begin_family(struct push_family *f, struct bytes name)
{
	f->size = name.size;
	f->hash = hash_of(name, f->seed);
	f->type = EXPOSITION_UNTYPED;
	f->changes++;
}

static bool is_prefix(const struct push_family *f, struct bytes name)
{
	return f->size > 0 && name.size >= f->size && hash_of((struct bytes){ name.data, f->size }, f->seed) == f->hash;
}

void push_family_meta(struct push_family *f, const struct exposition_meta *m)
{
	if (m->name.size != f->size || !is_prefix(f, m->name))
		begin_family(f, m->name);
	if (m->what == EXPOSITION_TYPE)
		f->type = m->type;
}

void push_family_sample(struct push_family *f, const struct exposition_sample *sample)
{
	struct bytes name = sample->name;
	enum exposition_suffix suffix;

	if (sample->created)
		return;
	if (!is_prefix(f, name) ||
		!exposition_suffix_find(f->type, (struct bytes){ name.data + f->size, name.size - f->size }, &suffix))
		begin_family(f, name);
}

static struct push_shown *slot_of(struct push_families *s, uint64_t hash)
{
	size_t at = hash & (s->room - 1);

	while (s->slots[at].page && s->slots[at].hash != hash)
		at = (at + 1) & (s->room - 1);
	return &s->slots[at];
}

static bool grow(struct push_families *s)
{
	struct push_families larger = { .room = s->room ? 2 * s->room : ROOM_FIRST, .count = s->count };

	larger.slots = calloc(larger.room, sizeof *larger.slots);
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i].page)
			*slot_of(&larger, s->slots[i].hash) = s->slots[i];
	free(s->slots);
	*s = larger;
	return true;
}

static struct push_shown *claim(struct push_families *s, uint64_t hash, unsigned page)
{
	struct push_shown *slot;

	if (2 * (s->count + 1) > s->room && !grow(s))
		return NULL;
	slot = slot_of(s, hash);
	if (!slot->page) {
		*slot = (struct push_shown){ hash, page };
		s->count++;
	}
	return slot;
}

bool push_families_show(struct push_families *s, const struct push_family *f, unsigned page)
{
	const struct push_shown *slot = claim(s, f->hash, page);

	return slot && slot->page == page;
}

bool push_families_hide(struct push_families *s, const char *name, uint64_t seed)
{
	return claim(s, hash_of(bytes_of(name), seed), UINT32_MAX) != NULL;
}

void push_families_done(struct push_families *s)
{
	free(s->slots);
	*s = (struct push_families){ 0 };
}
