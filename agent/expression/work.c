#include "expression/work.h"

#include <stdlib.h>
#include <xxhash.h>

#include "expression/label_set.h"

enum { BLOCK_BYTES = 64 << 10, ALIGNMENT = 16 };

struct work_block {
	struct work_block *next;
	size_t used, room;
	char data[] __attribute__((aligned(ALIGNMENT)));
};

void work_init(struct work *w)
{
	*w = (struct work){ .blocks = NULL };
}

void work_done(struct work *w)
{
	while (w->blocks) {
		struct work_block *next = w->blocks->next;
		free(w->blocks);
		w->blocks = next;
	}
}

bool work_fail(struct work *w, const char *why)
{
	if (!w->why)
		w->why = why;
	return false;
}

static struct work_block *add_block(struct work *w, size_t size)
{
	size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
	struct work_block *b = room > WORK_BYTES_MAX - w->held ? NULL : malloc(sizeof *b + room);

	if (!b) {
		work_fail(w, "it needs more memory than an expression may take");
		return NULL;
	}
	*b = (struct work_block){ .next = w->blocks, .room = room };
	w->blocks = b;
	w->held += room;
	return b;
}

void *work_alloc(struct work *w, size_t size)
{
	struct work_block *b = w->blocks;

	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!b || b->room - b->used < size)
		b = add_block(w, size);
	if (!b)
		return NULL;
	b->used += size;
	return b->data + b->used - size;
}

bool value_vector(struct work *w, size_t most, struct value *ret)
{
	*ret = (struct value){ .kind = VALUE_VECTOR };
	ret->elements = work_alloc(w, (most + 1) * sizeof *ret->elements);
	return ret->elements;
}

bool groups_init(struct groups *g, struct work *w, size_t most)
{
	size_t places = 4;

	while (places < 2 * (most + 1))
		places *= 2;
	*g = (struct groups){ .work = w, .most = most, .mask = places - 1 };
	g->places = work_alloc(w, places * sizeof *g->places);
	g->labels = work_alloc(w, (most + 1) * sizeof *g->labels);
	if (!g->places || !g->labels)
		return false;
	memset(g->places, 0, places * sizeof *g->places);
	return true;
}

/* The place of these labels, or the free one that they would have. */
static size_t find_place(const struct groups *g, struct bytes labels)
{
	size_t place = XXH3_64bits(labels.data ? labels.data : "", labels.size) & g->mask;

	while (g->places[place] && !bytes_equal(g->labels[g->places[place] - 1], labels))
		place = (place + 1) & g->mask;
	return place;
}

static bool filter(const struct groups *g, struct bytes *labels, const struct label_list *list)
{
	char *to = list ? work_alloc(g->work, labels->size) : NULL;

	if (list && !to)
		return false;
	if (list)
		*labels = (struct bytes){ to, label_set_filter(*labels, list, to) };
	return true;
}

size_t groups_find(const struct groups *g, struct bytes labels, const struct label_list *list)
{
	size_t place;

	if (!filter(g, &labels, list))
		return SIZE_MAX;
	place = find_place(g, labels);
	return g->places[place] ? g->places[place] - 1 : SIZE_MAX;
}

size_t groups_add(struct groups *g, struct bytes labels, const struct label_list *list, bool *ret_new)
{
	size_t place;

	if (!filter(g, &labels, list))
		return SIZE_MAX;
	place = find_place(g, labels);
	*ret_new = !g->places[place];
	if (*ret_new) {
		OXP_ASSERT(g->count < g->most);
		g->labels[g->count] = labels;
		g->places[place] = (uint32_t)++g->count;
	}
	return g->places[place] - 1;
}
