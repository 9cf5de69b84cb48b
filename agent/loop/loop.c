/*
 * The loop on libevent. Timers stand in a heap of our own, ordered by the clock the loop was given, so that a test can
 * move time by hand; libevent has one timer armed for the earliest.
 *
 * A slice is the CPU time between the end of the callback before and the end of this one: time asleep costs no CPU, so
 * one reading of the thread's clock serves as the end of one slice and the start of the next.
 */
#include "loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { CALLBACKS_BETWEEN_LOOKS = 1, DRAIN_MAX = 4096, SHARE_NS = 1000000 };

const double loop_slice_bounds[LOOP_SLICE_BUCKETS] = { 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2e-3, 5e-3,
	10e-3, 50e-3, 250e-3 };
const char *const loop_slice_names[LOOP_SLICE_BUCKETS] = { "1e-05", "2.5e-05", "5e-05", "0.0001", "0.00025", "0.0005",
	"0.001", "0.002", "0.005", "0.01", "0.05", "0.25" };

/* Soons of one priority, in order. Invariant: `event` is armed while one waits, unless they are put aside; *last is
 * NULL. */
struct soon_queue {
	struct loop *loop;
	struct loop_soon *first, **last;
	struct event *event;
	bool aside;
};

/*
 * How much time the probes have had, so that they cannot take all of it. Beyond SHARE_NS their callbacks are put aside.
 * They come back when the others have had as much, or have nothing to do, which `relief` finds out.
 *
 * Invariant: 0 <= lead_ns; while a callback is put aside, its events are not armed, and `relief` is.
 */
struct shares {
	enum loop_priority running;
	int64_t lead_ns; /* CPU time of the probes' callbacks, less what the others have had since */
	struct loop_watch *aside;
	bool waiting; /* something was put aside */
	struct event *relief;
};

/*
 * Invariant: timers[1 … count] is a binary heap by due; timers[i]->slot == i.
 */
struct loop {
	struct event_base *base;
	const struct clock *clock;
	struct mono_time now;
	struct wall_time wall;
	struct event *alarm;
	struct loop_timer **timers;
	size_t count, room;
	struct soon_queue soons[LOOP_PRIORITIES];
	struct shares shares;
	int64_t cpu_ns;
	struct loop_slices slices;
};

static int64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_time(struct loop *l)
{
	l->now = l->clock->mono(l->clock);
	l->wall = l->clock->wall(l->clock);
}

/* Shares. */

static void watch_arm(struct loop_watch *);
static void soon_arm(struct soon_queue *);

static void aside_leave(struct loop_watch *w)
{
	if (!w->aside_link)
		return;
	*w->aside_link = w->aside_next;
	if (w->aside_next)
		w->aside_next->aside_link = w->aside_link;
	w->aside_link = NULL;
}

static void aside_enter(struct loop_watch *w)
{
	struct shares *s = &w->loop->shares;

	event_del(w->event);
	w->aside_next = s->aside;
	w->aside_link = &s->aside;
	if (w->aside_next)
		w->aside_next->aside_link = &w->aside_next;
	s->aside = w;
}

static void come_back(struct loop *l)
{
	struct loop_watch *w;

	l->shares.lead_ns = 0;
	l->shares.waiting = false;
	event_del(l->shares.relief);
	while ((w = l->shares.aside)) {
		aside_leave(w);
		watch_arm(w);
	}
	for (int i = 0; i < LOOP_PRIORITIES; i++) {
		if (l->soons[i].aside && l->soons[i].first)
			soon_arm(&l->soons[i]);
		l->soons[i].aside = false;
	}
}

/* It comes after those that were ready when it was armed. */
static void relief_arm(struct loop *l)
{
	event_add(l->shares.relief, &(struct timeval){ 0, 0 });
}

static void on_relief(evutil_socket_t fd, short what, void *context)
{
	struct loop *l = context;

	(void)fd, (void)what;
	if (event_base_get_num_events(l->base, EVENT_BASE_COUNT_ACTIVE) > 0)
		relief_arm(l);
	else
		come_back(l);
}

/* Whether the callback is to be put aside. */
static bool has_had_its_share(struct loop *l, enum loop_priority priority)
{
	if (priority == LOOP_NORMAL || l->shares.lead_ns <= SHARE_NS)
		return false;
	l->shares.waiting = true;
	relief_arm(l);
	return true;
}

static void share_count(struct loop *l, int64_t took)
{
	struct shares *s = &l->shares;

	s->lead_ns += s->running == LOOP_NORMAL ? -took : took;
	if (s->lead_ns < 0)
		s->lead_ns = 0;
	if (s->lead_ns == 0 && s->waiting)
		come_back(l);
	s->running = LOOP_NORMAL;
}

static void slice_end(struct loop *l)
{
	int64_t cpu = thread_cpu_ns(), took = cpu - l->cpu_ns;
	size_t i = 0;

	l->cpu_ns = cpu;
	while (i < LOOP_SLICE_BUCKETS && (double)took * 1e-9 > loop_slice_bounds[i])
		i++;
	l->slices.counts[i]++;
	l->slices.sum_ns += (uint64_t)took;
	if ((uint64_t)took > l->slices.longest_ns)
		l->slices.longest_ns = (uint64_t)took;
	share_count(l, took);
}

/* The heap. */

static void heap_put(struct loop *l, size_t at, struct loop_timer *t)
{
	l->timers[at] = t;
	t->slot = at;
}

static void heap_up(struct loop *l, size_t at)
{
	struct loop_timer *t = l->timers[at];

	for (; at > 1 && t->due.ns < l->timers[at / 2]->due.ns; at /= 2)
		heap_put(l, at, l->timers[at / 2]);
	heap_put(l, at, t);
}

static void heap_down(struct loop *l, size_t at)
{
	struct loop_timer *t = l->timers[at];

	for (size_t child; (child = 2 * at) <= l->count; at = child) {
		if (child < l->count && l->timers[child + 1]->due.ns < l->timers[child]->due.ns)
			child++;
		if (t->due.ns <= l->timers[child]->due.ns)
			break;
		heap_put(l, at, l->timers[child]);
	}
	heap_put(l, at, t);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
	size_t at = t->slot;
	struct loop_timer *last = l->timers[l->count--];

	t->slot = 0;
	if (last == t)
		return;
	heap_put(l, at, last);
	heap_up(l, at);
	heap_down(l, last->slot);
}

static void heap_add(struct loop *l, struct loop_timer *t)
{
	l->timers = oxp_grow(l->timers, &l->room, l->count + 2, sizeof(struct loop_timer *));
	OXP_ASSERT(l->timers && "out of memory");
	heap_put(l, ++l->count, t);
	heap_up(l, l->count);
}

/* Arms libevent's one timer for the earliest of ours. */
static void arm(struct loop *l)
{
	int64_t ns;

	if (l->count == 0) {
		event_del(l->alarm);
		return;
	}
	ns = l->timers[1]->due.ns - l->clock->mono(l->clock).ns;
	if (ns < 0)
		ns = 0;
	event_add(l->alarm, &(struct timeval){ ns / 1000000000, (ns % 1000000000 + 999) / 1000 });
}

/* Fires one due timer, so that a more urgent callback can come between two of them. */
static void on_alarm(evutil_socket_t fd, short what, void *context)
{
	struct loop *l = context;
	struct loop_timer *t;

	(void)fd, (void)what;
	read_time(l);
	if (l->count > 0 && l->timers[1]->due.ns <= l->now.ns) {
		t = l->timers[1];
		heap_remove(l, t);
		t->fire(t->context);
	}
	arm(l);
	slice_end(l);
}

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_callback *fire, void *context)
{
	*t = (struct loop_timer){ .loop = l, .fire = fire, .context = context };
}

void loop_timer_set(struct loop_timer *t, struct duration from_now)
{
	struct loop *l = t->loop;

	if (t->slot)
		heap_remove(l, t);
	t->due = mono_after(l->clock->mono(l->clock), from_now);
	heap_add(l, t);
	if (t->slot == 1)
		arm(l);
}

void loop_timer_clear(struct loop_timer *t)
{
	if (t->slot)
		heap_remove(t->loop, t);
}

void loop_timer_done(struct loop_timer *t)
{
	loop_timer_clear(t);
}

/* Watches. */

static void on_ready(evutil_socket_t fd, short what, void *context)
{
	struct loop_watch *w = context;
	struct loop *l = w->loop;

	if (has_had_its_share(l, w->priority)) {
		aside_enter(w);
		return;
	}
	read_time(l);
	l->shares.running = w->priority;
	w->ready(w->context, fd, (what & EV_READ ? WATCH_READ : 0) | (what & EV_WRITE ? WATCH_WRITE : 0));
	slice_end(l);
}

void loop_watch_init(struct loop_watch *w, struct loop *l, int fd, void (*ready)(void *, int, unsigned), void *context)
{
	*w = (struct loop_watch){ .loop = l, .ready = ready, .context = context, .fd = fd, .priority = LOOP_NORMAL };
}

static void watch_arm(struct loop_watch *w)
{
	unsigned what = w->what;
	short wanted = (short)(EV_PERSIST | (what & WATCH_READ ? EV_READ : 0) | (what & WATCH_WRITE ? EV_WRITE : 0) |
			       (what & WATCH_EDGE ? EV_ET : 0));

	if (!w->event)
		w->event = event_new(w->loop->base, w->fd, wanted, on_ready, w);
	else
		event_assign(w->event, w->loop->base, w->fd, wanted, on_ready, w);
	OXP_ASSERT(w->event);
	event_priority_set(w->event, w->priority);
	event_add(w->event, NULL);
}

void loop_watch_set(struct loop_watch *w, unsigned what)
{
	if (what == w->what)
		return;
	if (w->event)
		event_del(w->event);
	w->what = what;
	if (!what)
		aside_leave(w);
	else if (!w->aside_link)
		watch_arm(w);
}

void loop_watch_done(struct loop_watch *w)
{
	aside_leave(w);
	if (w->event)
		event_free(w->event);
	w->event = NULL;
	w->what = 0;
}

/* Soons. */

static void soon_take(struct soon_queue *q, struct loop_soon *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	else
		q->last = s->link;
	s->next = NULL;
	s->link = NULL;
	s->waiting = false;
}

/* Through a timer of zero time, not event_active(): events that the kernel has ready get their turn in between. */
static void soon_arm(struct soon_queue *q)
{
	event_add(q->event, &(struct timeval){ 0, 0 });
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
	struct soon_queue *q = context;
	struct loop *l = q->loop;
	struct loop_soon *s = q->first;

	(void)fd, (void)what;
	if (!s)
		return;
	q->aside = has_had_its_share(l, s->priority);
	if (q->aside)
		return;
	soon_take(q, s);
	if (q->first)
		soon_arm(q);
	read_time(l);
	l->shares.running = s->priority;
	s->run(s->context);
	slice_end(l);
}

void loop_soon_init(struct loop_soon *s, struct loop *l, loop_callback *run, void *context)
{
	*s = (struct loop_soon){ .loop = l, .run = run, .context = context, .priority = LOOP_NORMAL };
}

void loop_soon_run(struct loop_soon *s)
{
	struct soon_queue *q = &s->loop->soons[s->priority];

	if (s->waiting)
		return;
	if (!q->first)
		soon_arm(q);
	s->waiting = true;
	s->next = NULL;
	s->link = q->last;
	*q->last = s;
	q->last = &s->next;
}

void loop_soon_done(struct loop_soon *s)
{
	if (s->waiting)
		soon_take(&s->loop->soons[s->priority], s);
}

static int soons_init(struct loop *l)
{
	for (int i = 0; i < LOOP_PRIORITIES; i++) {
		struct soon_queue *q = &l->soons[i];
		q->loop = l;
		q->last = &q->first;
		q->event = evtimer_new(l->base, on_soon, q);
		if (!q->event)
			return -ENOMEM;
		event_priority_set(q->event, i);
	}
	return 0;
}

/* Signals. */

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct loop_signal *s = context;
	struct loop *l = s->loop;

	(void)what;
	read_time(l);
	s->arrived(s->context, number);
	slice_end(l);
}

int loop_signal_init(struct loop_signal *s, struct loop *l, int number, void (*arrived)(void *, int), void *context)
{
	*s = (struct loop_signal){ .loop = l, .arrived = arrived, .context = context };
	s->event = evsignal_new(l->base, number, on_signal, s);
	if (!s->event)
		return -ENOMEM;
	return event_add(s->event, NULL) < 0 ? -errno : 0;
}

void loop_signal_done(struct loop_signal *s)
{
	if (s->event)
		event_free(s->event);
	s->event = NULL;
}

/* The loop itself. */

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_max_dispatch_interval(config, NULL, CALLBACKS_BETWEEN_LOOKS, LOOP_PROBES + 1);
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (base)
		event_base_priority_init(base, LOOP_PRIORITIES);
	return base;
}

int loop_new(const struct clock *clock, struct loop **ret)
{
	struct loop *l = oxp_new(sizeof *l);

	/* Peers go away, and files reach the limit of `ulimit -f`; whoever writes to them gets the error. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	l->clock = clock;
	l->base = base_new();
	l->shares.running = LOOP_NORMAL;
	l->alarm = l->base ? evtimer_new(l->base, on_alarm, l) : NULL;
	l->shares.relief = l->base ? evtimer_new(l->base, on_relief, l) : NULL;
	if (!l->alarm || !l->shares.relief || soons_init(l) < 0) {
		loop_free(l);
		return -ENOMEM;
	}
	event_priority_set(l->alarm, LOOP_NORMAL);
	event_priority_set(l->shares.relief, LOOP_NORMAL);
	read_time(l);
	l->cpu_ns = thread_cpu_ns();
	*ret = l;
	return 0;
}

/* What evdns still wants to give back: the callbacks of questions that ended with their resolver. */
static void drain(struct loop *l)
{
	for (int i = 0; i < DRAIN_MAX && event_base_get_num_events(l->base, EVENT_BASE_COUNT_ACTIVE) > 0; i++)
		event_base_loop(l->base, EVLOOP_NONBLOCK);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->alarm)
		event_free(l->alarm);
	if (l->shares.relief)
		event_free(l->shares.relief);
	for (int i = 0; i < LOOP_PRIORITIES; i++)
		if (l->soons[i].event)
			event_free(l->soons[i].event);
	if (l->base)
		drain(l);
	if (l->base)
		event_base_free(l->base);
	free(l->timers);
	free(l);
}

void loop_run(struct loop *l)
{
	l->cpu_ns = thread_cpu_ns();
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

void loop_turn(struct loop *l, struct duration patience)
{
	struct event *limit = evtimer_new(l->base, (event_callback_fn)event_get_callback(l->alarm), l);

	OXP_ASSERT(limit);
	l->cpu_ns = thread_cpu_ns();
	arm(l);
	event_add(limit, &(struct timeval){ patience.ns / 1000000000, patience.ns % 1000000000 / 1000 });
	event_base_loop(l->base, EVLOOP_ONCE);
	event_free(limit);
}

struct mono_time loop_now(const struct loop *l)
{
	return l->now;
}

struct wall_time loop_wall(const struct loop *l)
{
	return l->wall;
}

const struct clock *loop_clock(const struct loop *l)
{
	return l->clock;
}

const struct loop_slices *loop_slices(const struct loop *l)
{
	return &l->slices;
}
