#include "series/seen.h"

#include <stdlib.h>

enum { SEEN_MIN = 64 };

static bool grow(struct seen *seen, size_t places)
{
	struct seen old = *seen;

	seen->places = calloc(places, sizeof *seen->places);
	if (!seen->places) {
		seen->places = old.places;
		return false;
	}
	seen->mask = places - 1;
	for (size_t i = 0; old.places && i <= old.mask; i++) {
		size_t at = old.places[i].hash & seen->mask;
		while (old.places[i].attempt && seen->places[at].attempt)
			at = (at + 1) & seen->mask;
		if (old.places[i].attempt)
			seen->places[at] = old.places[i];
	}
	free(old.places);
	return true;
}

void seen_begin(struct seen *seen, size_t count)
{
	seen_done(seen);
	seen->wanted = count;
	seen->attempt = 1;
}

/* For one more. */
static bool has_room(struct seen *seen)
{
	size_t places = seen->places ? 2 * (seen->mask + 1) : SEEN_MIN;

	if (seen->places && seen->count <= seen->mask / 2)
		return true;
	while (!seen->places && places < 2 * seen->wanted)
		places *= 2;
	return grow(seen, places);
}

void seen_done(struct seen *seen)
{
	free(seen->places);
	*seen = (struct seen){ .mask = 0 };
}

void seen_begin_family(struct seen *seen)
{
	seen->attempt++;
}

void seen_end_family(struct seen *seen)
{
	seen->ended = seen->attempt;
}

bool seen_add(struct seen *seen, uint64_t hash)
{
	struct seen_place *p;

	if (!has_room(seen))
		return false;
	for (size_t at = hash & seen->mask;; at = (at + 1) & seen->mask) {
		p = &seen->places[at];
		if (!p->attempt || p->hash == hash)
			break;
	}
	if (p->attempt && (p->attempt <= seen->ended || p->attempt == seen->attempt))
		return false;
	seen->count += !p->attempt;
	*p = (struct seen_place){ hash, seen->attempt };
	return true;
}
