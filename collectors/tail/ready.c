#include "collectors/tail/ready.h"

void tail_ready_init(struct tail_ready *r, struct loop *loop, loop_callback *take_turn, void *context)
{
	TAILQ_INIT(&r->files);
	loop_soon_init(&r->run, loop, take_turn, context);
}

void tail_ready_done(struct tail_ready *r)
{
	loop_soon_done(&r->run);
}

static bool may_be_read(const struct tail_file *f)
{
	return tail_file_trait(f)->open && f->birth == TAIL_BORN && !f->leaving;
}

void tail_ready_check(const struct tail_ready *r)
{
	const struct tail_file *f;

	TAILQ_FOREACH(f, &r->files, ready_entry)
		OXP_ASSERT(f->ready && may_be_read(f));
}

void tail_ready_add(struct tail_ready *r, struct tail_file *f)
{
	if (!f->ready && may_be_read(f)) {
		f->ready = true;
		TAILQ_INSERT_TAIL(&r->files, f, ready_entry);
	}
	if (f->ready && r->room == TAIL_ROOM)
		loop_soon_run(&r->run);
}

void tail_ready_remove(struct tail_ready *r, struct tail_file *f)
{
	if (f->ready)
		TAILQ_REMOVE(&r->files, f, ready_entry);
	f->ready = false;
}

struct tail_file *tail_ready_first(const struct tail_ready *r)
{
	return r->room == TAIL_ROOM ? TAILQ_FIRST(&r->files) : NULL;
}

void tail_ready_pass(struct tail_ready *r, struct tail_file *f)
{
	TAILQ_REMOVE(&r->files, f, ready_entry);
	TAILQ_INSERT_TAIL(&r->files, f, ready_entry);
}

void tail_ready_go(struct tail_ready *r)
{
	if (!TAILQ_EMPTY(&r->files) && r->room == TAIL_ROOM)
		loop_soon_run(&r->run);
}

void tail_ready_room(struct tail_ready *r, enum tail_room room)
{
	if (r->room != TAIL_NO_MORE)
		r->room = room;
}
