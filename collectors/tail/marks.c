#include "collectors/tail/marks.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct tail_mark *find_mark(const struct tail_marks *m, uint64_t dev, uint64_t inode)
{
	const uint64_t key[] = { dev, inode };
	size_t at = XXH3_64bits(key, sizeof key) & (m->room - 1);

	while (m->items[at].used && (m->items[at].dev != dev || m->items[at].inode != inode))
		at = (at + 1) & (m->room - 1);
	return &m->items[at];
}

static void grow_marks(struct tail_marks *m, size_t room)
{
	struct tail_marks grown = { .count = m->count, .room = room };

	grown.items = oxp_new(grown.room * sizeof *grown.items);
	for (size_t i = 0; i < m->room; i++)
		if (m->items[i].used)
			*find_mark(&grown, m->items[i].dev, m->items[i].inode) = m->items[i];
	free(m->items);
	*m = grown;
}

void tail_marks_reserve(struct tail_marks *m, size_t count)
{
	size_t room = m->room ? m->room : 64;

	while (room / 2 < m->count + count)
		room *= 2;
	if (room > m->room)
		grow_marks(m, room);
}

static struct tail_mark *put_mark(struct tail_marks *m, uint64_t dev, uint64_t inode)
{
	struct tail_mark *mark;

	tail_marks_reserve(m, 1);
	mark = find_mark(m, dev, inode);
	if (!mark->used) {
		*mark = (struct tail_mark){ .dev = dev, .inode = inode, .used = true };
		m->count++;
	}
	return mark;
}

void tail_marks_know(struct tail_marks *m, const struct tail_identity *identity)
{
	put_mark(m, identity->dev, identity->inode)->known = true;
}

void tail_marks_found(struct tail_marks *m, const struct tail_identity *identity)
{
	put_mark(m, identity->dev, identity->inode)->found = true;
}

void tail_marks_rotated(struct tail_marks *m, const struct tail_identity *identity)
{
	put_mark(m, identity->dev, identity->inode)->rotated = true;
}

struct tail_mark tail_marks_of(const struct tail_marks *m, const struct tail_identity *identity)
{
	return m->room ? *find_mark(m, identity->dev, identity->inode) : (struct tail_mark){ .used = false };
}

bool tail_marks_meet_folder(struct tail_marks *m, const char *path)
{
	struct tail_mark *mark = put_mark(m, 0, XXH3_64bits(path, strlen(path)));
	bool found = mark->found;

	mark->found = true;
	return !found;
}

void tail_marks_clear(struct tail_marks *m)
{
	free(m->items);
	*m = (struct tail_marks){ .items = NULL };
}
