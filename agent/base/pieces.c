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
