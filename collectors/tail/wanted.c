#include "collectors/tail/wanted.h"

#include <string.h>

/* Names that come and go without end fill no memory. */
enum { TAIL_UNSEEN_MAX = 256 };

void tail_wanted_scan(struct tail_wanted *w, bool wanted)
{
	w->scan = wanted;
}

void tail_wanted_lost(struct tail_wanted *w, const char *path, const struct tail_identity *identity)
{
	tail_lost_add(&w->lost, path, identity);
}

bool tail_wanted_unseen(struct tail_wanted *w, const char *path, const struct tail_identity *since)
{
	const struct tail_lost *last = w->lost.count > 0 ? &w->lost.items[w->lost.count - 1] : NULL;

	if (last && tail_same(&last->identity, since) && strcmp(last->path, path) == 0)
		return true;
	if (w->unseen == TAIL_UNSEEN_MAX)
		return false;
	w->unseen++;
	tail_wanted_lost(w, path, since);
	return true;
}

void tail_wanted_copy(struct tail_wanted *w, const struct position *at, bool before)
{
	tail_cut_add(&w->cuts, at, before);
}

void tail_wanted_take_copies(struct tail_wanted *w, struct tail_cut_list *to)
{
	while (w->cuts.count > 0)
		tail_cut_move(&w->cuts, to);
}

void tail_wanted_take(struct tail_wanted *w, struct tail_lost_list *to)
{
	w->unseen = 0;
	while (w->lost.count > 0)
		tail_lost_move(&w->lost, to);
}

void tail_wanted_again(struct tail_wanted *w, struct tail_lost_list *from)
{
	tail_lost_move(from, &w->lost);
}

void tail_wanted_done(struct tail_wanted *w)
{
	tail_lost_clear(&w->lost);
	tail_cut_clear(&w->cuts);
}
