#include "collectors/tail/scan.h"

void tail_scan_clear(struct tail_scan *s)
{
	tail_walk_clear(&s->walk);
	tail_found_clear(&s->rotated);
	tail_found_clear(&s->copies);
	tail_lost_clear(&s->lost);
	tail_cut_clear(&s->cuts);
	tail_marks_clear(&s->marks);
}

bool tail_scan_has_copy(const struct tail_scan *s, uint64_t generation)
{
	for (size_t i = 0; i < s->copies.count; i++)
		if (s->copies.items[i].generation == generation)
			return true;
	return false;
}

static void find_lost(struct tail_scan *s)
{
	struct tail_lost_search search = {
		.globs = &s->asked.globs, .marks = &s->marks, .budget = &s->left, .found = &s->rotated
	};

	tail_lost_search(&s->lost, &search);
	s->unlisted = search.unlisted;
}

static void find_copies(struct tail_scan *s)
{
	const struct clock *clock = s->asked.clock;
	struct tail_cut_search search = { .now = clock->wall(clock), .budget = &s->left, .found = &s->copies };

	tail_cut_search(&s->cuts, &search);
}

void tail_scan_work(struct job *job)
{
	struct tail_scan *s = CONTAINER_OF(job, struct tail_scan, job);
	const struct tail_question *asked = &s->asked;
	const struct mono_time began = asked->clock->mono(asked->clock);

	s->left = asked->room;
	s->walk = (struct tail_walk){ .globs = &asked->globs,
		.inotify = asked->inotify,
		.silence.all = asked->all_silent,
		.marks = &s->marks,
		.budget = &s->left };
	tail_walk(&s->walk);
	find_lost(s);
	find_copies(s);
	s->took = mono_since(asked->clock->mono(asked->clock), began);
}
