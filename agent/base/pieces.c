#include "base/pieces.h"

#include <errno.h>
#include <stdlib.h>

int pieces_init(struct pieces *p, size_t most, size_t own, char **ret_own)
{
	struct bytes *list = malloc(most * sizeof *list + own);

	if (!list)
		return -ENOMEM;
	*p = (struct pieces){ .list = list };
	*ret_own = (char *)(list + most);
	return 0;
}

void pieces_done(struct pieces *p)
{
	free(p->list);
	*p = (struct pieces){ 0 };
}

/* Pieces that touch become one. */
void pieces_add(struct pieces *p, struct bytes piece)
{
	struct bytes *last = p->count > 0 ? &p->list[p->count - 1] : NULL;

	if (piece.size == 0)
		return;
	p->size += piece.size;
	if (last && last->data + last->size == piece.data)
		last->size += piece.size;
	else
		p->list[p->count++] = piece;
}

size_t pieces_read(const struct pieces *p, struct pieces_place *from, char *to, size_t room)
{
	size_t wrote = 0;

	while (from->piece < p->count && wrote < room) {
		const struct bytes *piece = &p->list[from->piece];
		size_t left = piece->size - from->at, n = left < room - wrote ? left : room - wrote;
		memcpy(to + wrote, piece->data + from->at, n);
		wrote += n;
		from->at += n;
		if (from->at == piece->size)
			*from = (struct pieces_place){ from->piece + 1, 0 };
	}
	return wrote;
}

size_t pieces_look(const struct pieces *p, const struct pieces_place *from, struct bytes *to, size_t room)
{
	size_t left = p->count - from->piece, count = left < room ? left : room;

	for (size_t i = 0; i < count; i++)
		to[i] = p->list[from->piece + i];
	if (count > 0) {
		to[0].data += from->at;
		to[0].size -= from->at;
	}
	return count;
}

void pieces_skip(const struct pieces *p, struct pieces_place *from, size_t size)
{
	size_t left;

	while (size > 0) {
		OXP_ASSERT(from->piece < p->count);
		left = p->list[from->piece].size - from->at;
		if (size < left) {
			from->at += size;
			return;
		}
		size -= left;
		*from = (struct pieces_place){ from->piece + 1, 0 };
	}
}
