#include "base/lent.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32 << 10 };

struct lent_chunk {
	struct lent_chunk *next;
	size_t room, used;
	char data[];
};

void lent_done(struct lent *l)
{
	for (struct lent_chunk *c; (c = l->chunks);) {
		l->chunks = c->next;
		free(c);
	}
	l->used = 0;
}

static struct lent_chunk *add_chunk(struct lent *l, size_t need)
{
	size_t room = need > CHUNK ? need : CHUNK;
	struct lent_chunk *c = malloc(sizeof *c + room);

	if (!c)
		return NULL;
	*c = (struct lent_chunk){ .next = l->chunks, .room = room };
	l->chunks = c;
	return c;
}

char *lent_room(struct lent *l, size_t size)
{
	size_t need = size + LENT_PADDING;
	struct lent_chunk *c = l->chunks;

	if (need < size || need > l->ceiling - l->used)
		return NULL;
	if (!c || need > c->room - c->used)
		c = add_chunk(l, need);
	if (!c)
		return NULL;
	l->used += need;
	c->used += need;
	memset(c->data + c->used - LENT_PADDING, 0, LENT_PADDING);
	return c->data + c->used - need;
}

struct lent_mark lent_mark(const struct lent *l)
{
	const struct lent_chunk *c = l->chunks;

	return (struct lent_mark){ .chunk = l->chunks, .chunk_used = c ? c->used : 0, .used = l->used };
}

void lent_back_to(struct lent *l, const struct lent_mark *mark)
{
	struct lent_chunk *kept = NULL;

	for (struct lent_chunk *c; (c = l->chunks) != mark->chunk;) {
		l->chunks = c->next;
		if (!c->next && c->room == CHUNK)
			kept = c;
		else
			free(c);
	}
	l->chunks = kept ? kept : l->chunks;
	if (l->chunks)
		l->chunks->used = kept ? 0 : mark->chunk_used;
	l->used = mark->used;
}
