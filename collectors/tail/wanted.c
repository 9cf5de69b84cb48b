#include "collectors/tail/wanted.h"

void tail_wanted_scan(struct tail_wanted *w, bool wanted)
{
	w->scan = wanted;
}

void tail_wanted_lost(struct tail_wanted *w, const char *path, const struct tail_identity *identity)
{
	tail_lost_add(&w->lost, path, identity);
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
