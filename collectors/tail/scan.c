#include "collectors/tail/scan.h"

#include "collectors/tail/unseen.h"

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

static void find_unseen(struct tail_scan *s)
{
	struct tail_unseen unseen = { .globs = &s->asked.globs,
		.births = &s->asked.births,
		.now = s->now,
		.since = s->asked.unseen,
		.budget = &s->left,
		.lost = &s->lost };

	if (s->asked.unseen.birth_ns)
		tail_unseen_search(&unseen, &s->walk.folders);
}

static void find_lost(struct tail_scan *s)
{
	struct tail_lost_search search = { .globs = &s->asked.globs,
		.births = &s->asked.births,
		.now = s->now,
		.marks = &s->marks,
		.budget = &s->left,
		.found = &s->rotated };

	tail_lost_search(&s->lost, &search);
	s->unlisted = search.unlisted;
}

static void find_copies(struct tail_scan *s)
{
	struct tail_cut_search search = { .births = &s->asked.births,
		.now = s->now,
		.known_before = s->asked.known_before,
		.budget = &s->left,
		.found = &s->copies };

	tail_cut_search(&s->cuts, &search);
}

static bool was_clock_set(const struct tail_question *asked)
{
	struct tail_births births = asked->births;

	return tail_births_look(&births, asked->clock->wall(asked->clock), asked->clock->mono(asked->clock));
}

void tail_scan_work(struct job *job)
{
	struct tail_scan *s = CONTAINER_OF(job, struct tail_scan, job);
	const struct tail_question *asked = &s->asked;
	const struct mono_time began = asked->clock->mono(asked->clock);

	s->left = asked->room;
	s->now = began;
	s->walk = (struct tail_walk){ .globs = &asked->globs,
		.births = &asked->births,
		.now = s->now,
		.inotify = asked->inotify,
		.silence.all = asked->all_silent,
		.marks = &s->marks,
		.budget = &s->left };
	find_copies(s); /* first: one that was compressed meanwhile is found by the walk */
	tail_walk(&s->walk);
	find_unseen(s);
	find_lost(s);
	s->clock_set = was_clock_set(asked);
	s->took = mono_since(asked->clock->mono(asked->clock), began);
}
