/*
 * A loop that only the test's clock moves (loop/loop.h), in place of the one on libevent: of what is ready (the first
 * due timer, the first soon, a descriptor) each turn does one thing, which the seed chooses. So a life is the same each
 * time, and callbacks come in every order that the contract allows.
 */
#include "loop/loop.h"

#include <poll.h>
#include <stdlib.h>

#include "base/random.h"

enum { TIMERS_MAX = 64, WATCHES_MAX = 8 };

struct loop {
	const struct clock *clock;
	struct random random;
	struct loop_timer *timers[TIMERS_MAX]; /* in no order; a timer's slot is one more than its index */
	size_t timer_count;
	struct loop_watch *watches[WATCHES_MAX];
	size_t watch_count;
	struct loop_soon *first, **last;
};

int loop_new(const struct clock *clock, struct loop **ret)
{
	struct loop *l = oxp_new(sizeof *l);

	l->clock = clock;
	l->last = &l->first;
	random_seed(&l->random, (uint64_t)clock->mono(clock).ns);
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	OXP_ASSERT(l->timer_count == 0 && l->watch_count == 0 && !l->first);
	free(l);
}

struct mono_time loop_now(const struct loop *l)
{
	return l->clock->mono(l->clock);
}

struct wall_time loop_wall(const struct loop *l)
{
	return l->clock->wall(l->clock);
}

const struct clock *loop_clock(const struct loop *l)
{
	return l->clock;
}

/* Timers. */

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_callback *fire, void *context)
{
	*t = (struct loop_timer){ .loop = l, .fire = fire, .context = context };
}

void loop_timer_set(struct loop_timer *t, struct duration from_now)
{
	struct loop *l = t->loop;

	t->due = mono_after(loop_now(l), from_now);
	if (t->slot)
		return;
	OXP_ASSERT(l->timer_count < TIMERS_MAX);
	l->timers[l->timer_count++] = t;
	t->slot = l->timer_count;
}

void loop_timer_clear(struct loop_timer *t)
{
	struct loop *l = t->loop;

	if (!t->slot)
		return;
	l->timers[t->slot - 1] = l->timers[--l->timer_count];
	l->timers[t->slot - 1]->slot = t->slot;
	t->slot = 0;
}

void loop_timer_done(struct loop_timer *t)
{
	loop_timer_clear(t);
}

static struct loop_timer *due_timer(const struct loop *l)
{
	struct loop_timer *first = NULL;

	for (size_t i = 0; i < l->timer_count; i++)
		if (l->timers[i]->due.ns <= loop_now(l).ns && (!first || l->timers[i]->due.ns < first->due.ns))
			first = l->timers[i];
	return first;
}

/* Watches. */

void loop_watch_init(struct loop_watch *w, struct loop *l, int fd, void (*ready)(void *, int, unsigned), void *context)
{
	*w = (struct loop_watch){ .loop = l, .ready = ready, .context = context, .fd = fd };
	OXP_ASSERT(l->watch_count < WATCHES_MAX);
	l->watches[l->watch_count++] = w;
}

void loop_watch_set(struct loop_watch *w, unsigned what)
{
	w->what = what;
}

void loop_watch_done(struct loop_watch *w)
{
	struct loop *l = w->loop;

	for (size_t i = 0; l && i < l->watch_count; i++)
		if (l->watches[i] == w)
			l->watches[i] = l->watches[--l->watch_count];
	w->what = 0;
}

static struct loop_watch *ready_watch(const struct loop *l)
{
	for (size_t i = 0; i < l->watch_count; i++) {
		struct pollfd p = { .fd = l->watches[i]->fd, .events = POLLIN };
		if (l->watches[i]->what && poll(&p, 1, 0) > 0)
			return l->watches[i];
	}
	return NULL;
}

/* Soons. */

void loop_soon_init(struct loop_soon *s, struct loop *l, loop_callback *run, void *context)
{
	*s = (struct loop_soon){ .loop = l, .run = run, .context = context };
}

void loop_soon_run(struct loop_soon *s)
{
	struct loop *l = s->loop;

	if (s->waiting)
		return;
	s->waiting = true;
	s->next = NULL;
	s->link = l->last;
	*l->last = s;
	l->last = &s->next;
}

void loop_soon_done(struct loop_soon *s)
{
	if (!s->waiting)
		return;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	else
		s->loop->last = s->link;
	s->waiting = false;
}

/* Turning. */

enum kind { A_TIMER, A_WATCH, A_SOON };

static void do_one(struct loop *l, enum kind kind)
{
	struct loop_timer *t = kind == A_TIMER ? due_timer(l) : NULL;
	struct loop_watch *w = kind == A_WATCH ? ready_watch(l) : NULL;
	struct loop_soon *s = kind == A_SOON ? l->first : NULL;

	if (t) {
		loop_timer_clear(t);
		t->fire(t->context);
	} else if (w) {
		w->ready(w->context, w->fd, w->what);
	} else if (s) {
		loop_soon_done(s);
		s->run(s->context);
	}
}

void loop_turn(struct loop *l, struct duration patience)
{
	enum kind ready[3];
	size_t count = 0;

	(void)patience;
	if (due_timer(l))
		ready[count++] = A_TIMER;
	if (ready_watch(l))
		ready[count++] = A_WATCH;
	if (l->first)
		ready[count++] = A_SOON;
	if (count > 0)
		do_one(l, ready[random_below(&l->random, count)]);
}
