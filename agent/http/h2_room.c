#include "http/h2_room.h"

#include <malloc.h>
#include <stdlib.h>

enum {
	SEAT_MEMORY = 64 << 10, /* for each seat, */
	SEATS_LEAST = 128, /* and for so many at least, */
	ROOM_LEAST = 512 << 10, /* and never less than this */
};

size_t h2_room_init(struct h2_room *r, size_t seats, size_t limit)
{
	size_t fit;

	*r = (struct h2_room){ .most = (seats > SEATS_LEAST ? seats : SEATS_LEAST) * SEAT_MEMORY };
	if (limit > 0)
		r->most = smaller(r->most, limit > ROOM_LEAST ? limit : ROOM_LEAST);
	fit = r->most / H2_SEAT_SHARE;
	return smaller(seats, fit);
}

bool h2_room_has(const struct h2_room_user *u, size_t more)
{
	return u->room->used + more <= u->room->most;
}

void h2_room_change(struct h2_room_user *u, size_t before, size_t now)
{
	OXP_ASSERT(u->used >= before && u->room->used >= u->used);
	u->used += now - before;
	u->room->used += now - before;
}

bool h2_room_is_tight(const struct h2_room *r)
{
	return r->used > r->most / 2;
}

static void *counted(struct h2_room_user *u, void *memory)
{
	h2_room_change(u, 0, memory ? malloc_usable_size(memory) : 0);
	return memory;
}

static void *memory_new(size_t size, void *user)
{
	return h2_room_has(user, size) ? counted(user, malloc(size)) : NULL;
}

static void *memory_zeroed(size_t count, size_t size, void *user)
{
	return h2_room_has(user, count * size) ? counted(user, calloc(count, size)) : NULL;
}

static void memory_free(void *memory, void *user)
{
	h2_room_change(user, memory ? malloc_usable_size(memory) : 0, 0);
	free(memory);
}

static void *memory_resize(void *memory, size_t size, void *user)
{
	size_t before = memory ? malloc_usable_size(memory) : 0;
	void *resized = h2_room_has(user, size) ? realloc(memory, size) : NULL;

	if (resized)
		h2_room_change(user, before, 0);
	return counted(user, resized);
}

void h2_room_join(struct h2_room *r, struct h2_room_user *u)
{
	*u = (struct h2_room_user){ .room = r, .memory = { u, memory_new, memory_free, memory_zeroed, memory_resize } };
}
