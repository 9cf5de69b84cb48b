#include "loop/pen.h"

#include <stdlib.h>
#include <sys/stat.h>

/* The first of `turns` has the pen, and has been told if `begun`. */
struct pen {
	struct pens *all;
	struct pen *next;
	dev_t device;
	ino_t inode;
	unsigned refs;
	bool begun;
	TAILQ_HEAD(, pen_turn) turns;
	struct loop_soon soon;
};

static void begin_first(void *context)
{
	struct pen *p = context;
	struct pen_turn *first = TAILQ_FIRST(&p->turns);

	if (!first || p->begun)
		return;
	p->begun = true;
	first->begin(first->context);
}

static struct pen *pen_new(struct pens *all, struct loop *loop, const struct stat *info)
{
	struct pen *p = oxp_new(sizeof *p);

	p->all = all;
	p->next = all->first;
	p->device = info->st_dev;
	p->inode = info->st_ino;
	TAILQ_INIT(&p->turns);
	loop_soon_init(&p->soon, loop, begin_first, p);
	all->first = p;
	return p;
}

struct pen *pen_ref(struct pens *all, struct loop *loop, int fd)
{
	struct stat info;
	struct pen *p = all->first;

	if (fstat(fd, &info) < 0)
		info = (struct stat){ .st_dev = 0 }; /* closed standard output */
	while (p && (p->device != info.st_dev || p->inode != info.st_ino))
		p = p->next;
	if (!p)
		p = pen_new(all, loop, &info);
	p->refs++;
	return p;
}

void pen_unref(struct pen *p)
{
	struct pen **at;

	if (!p || --p->refs > 0)
		return;
	OXP_ASSERT(TAILQ_EMPTY(&p->turns));
	for (at = &p->all->first; *at != p; at = &(*at)->next)
		;
	*at = p->next;
	loop_soon_done(&p->soon);
	free(p);
}

void pen_wait(struct pen *p, struct pen_turn *turn, loop_callback *begin, void *context)
{
	OXP_ASSERT(!turn->pen);
	*turn = (struct pen_turn){ .pen = p, .begin = begin, .context = context };
	TAILQ_INSERT_TAIL(&p->turns, turn, entry);
	loop_soon_run(&p->soon);
}

void pen_leave(struct pen_turn *turn)
{
	struct pen *p = turn->pen;

	if (!p)
		return;
	if (TAILQ_FIRST(&p->turns) == turn)
		p->begun = false;
	TAILQ_REMOVE(&p->turns, turn, entry);
	turn->pen = NULL;
	loop_soon_run(&p->soon);
}
