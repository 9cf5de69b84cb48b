#include "pipeline/prepare.h"

#include <errno.h>
#include <stdlib.h>

#include "loop/lane.h"

enum { REST_MS = 50 /* longer than collectors wait until they try again */ };

struct preparing {
	TAILQ_ENTRY(preparing) entry;
	struct source *source;
	struct batch *batch;
	struct chain_pass *pass; /* NULL while it waits */
	struct job job;
	bool in_lane; /* the pass is the lane's until the job comes back */
	void (*done)(void *, int failed, struct batch *);
	void *context;
	const void *owner;
};

/* An offer that is prepared, and taken then. */
struct taking {
	struct source *source;
	void (*done)(void *, int failed);
	void *context;
};

static void end(struct preparations *p, struct preparing *one, int failed)
{
	TAILQ_REMOVE(&p->line, one, entry);
	if (one->pass)
		chain_end(one->pass, failed == 0, &one->batch);
	source_waited(one->source);
	if (failed) {
		batch_free(one->batch);
		one->batch = NULL;
	}
	one->done(one->context, failed, one->batch);
	free(one);
}

/* Those that were turned away come before the next in the line. */
static void passed(struct preparations *p, struct preparing *one, int failed)
{
	if (chain_was_wanted(one->source->options.chain)) {
		loop_timer_set(&p->rest, DURATION_MS(REST_MS));
		loop_soon_run(p->room);
	}
	end(p, one, failed);
}

bool source_withdraw(struct source *s, const void *owner)
{
	struct preparations *p = s->world->preparations;
	struct preparing *one;

	TAILQ_FOREACH(one, &p->line, entry)
		if (one->owner == owner)
			break;
	if (!one || one->in_lane)
		return false;
	if (one->pass)
		passed(p, one, -ETIMEDOUT);
	else
		end(p, one, -ETIMEDOUT);
	return true;
}

static void work(struct job *job)
{
	chain_work(CONTAINER_OF(job, struct preparing, job)->pass);
}

static void worked(struct job *job)
{
	struct preparing *one = CONTAINER_OF(job, struct preparing, job);

	one->in_lane = false;
	loop_soon_run(&one->source->world->preparations->next);
}

static void give_work(struct preparations *p, struct preparing *one)
{
	one->job = (struct job){ .work = work, .done = worked };
	one->in_lane = p->cpu && lane_run(p->cpu, &one->job) == 0;
	if (!one->in_lane)
		chain_work(one->pass);
}

static void go_on(void *context)
{
	struct preparations *p = context;
	struct preparing *one = TAILQ_FIRST(&p->line);
	int more;

	if (!one || one->in_lane || loop_timer_pending(&p->rest))
		return;
	if (!one->pass)
		one->pass = source_pass_begin(one->source, one->batch);
	more = chain_go_on(one->pass, chain_slice(one->source->options.chain));
	if (more == CHAIN_WORK)
		give_work(p, one);
	else if (more != CHAIN_MORE)
		passed(p, one, more);
	one = TAILQ_FIRST(&p->line);
	if (one && !one->in_lane)
		loop_soon_run(&p->next);
}

void preparations_init(struct preparations *p, struct loop *loop, struct lane *cpu, struct loop_soon *room)
{
	*p = (struct preparations){ .cpu = cpu, .room = room };
	TAILQ_INIT(&p->line);
	loop_soon_init(&p->next, loop, go_on, p);
	loop_timer_init(&p->rest, loop, go_on, p);
}

void preparations_halt(struct preparations *p)
{
	struct preparing *one;

	while ((one = TAILQ_FIRST(&p->line))) {
		if (one->in_lane)
			lane_take_back(p->cpu, &one->job);
		end(p, one, -ECANCELED);
	}
	p->cpu = NULL;
}

void preparations_done(struct preparations *p)
{
	OXP_ASSERT(TAILQ_EMPTY(&p->line));
	loop_soon_done(&p->next);
	loop_timer_done(&p->rest);
}

static bool must_wait(const struct source *s, const struct batch *batch)
{
	return s->options.chain && batch_items(batch) > 0 &&
	       (batch_size(batch) > chain_slice(s->options.chain) || !TAILQ_EMPTY(&s->world->preparations->line));
}

enum admit source_prepare_long(struct source *s, struct batch **batch,
	void (*done)(void *context, int failed, struct batch *prepared), void *context, const void *owner)
{
	struct preparations *p = s->world->preparations;
	struct preparing *one;

	if (!must_wait(s, *batch))
		return source_prepare(s, batch);
	one = oxp_new(sizeof *one);
	*one = (struct preparing){ .source = s, .batch = *batch, .done = done, .context = context, .owner = owner };
	*batch = NULL;
	TAILQ_INSERT_TAIL(&p->line, one, entry);
	source_wait(s);
	loop_soon_run(&p->next);
	return ADMIT_WAITS;
}

static void on_prepared(void *context, int failed, struct batch *batch)
{
	struct taking *t = context;

	if (!failed)
		source_take(t->source, &batch);
	t->done(t->context, failed);
	free(t);
}

enum admit source_offer_long(
	struct source *s, struct batch **batch, void (*done)(void *context, int failed), void *context)
{
	struct taking *t;

	if (!must_wait(s, *batch))
		return source_offer(s, batch);
	t = oxp_new(sizeof *t);
	*t = (struct taking){ .source = s, .done = done, .context = context };
	return source_prepare_long(s, batch, on_prepared, t, context);
}
