/*
 * The loop: one thread, all state. Wraps libevent so that no other file includes it.
 *
 * Every callback of the program runs here, one after another. Its CPU time is measured and goes into the slices, which
 * /metrics shows as oxpecker_loop_slice_seconds. A callback with more than about a millisecond of work does a part of
 * it and calls loop_soon_run() for the rest, or gives the work to a lane (lane.h).
 *
 * Watches, timers and soons are embedded in their owner's struct: _init, use, _done. _done may be called twice, on
 * zeroed memory, and from within the callback itself; the callback is not called again after it.
 */
#ifndef OXP_LOOP_H
#define OXP_LOOP_H

#include "base/clock.h"

struct loop;
struct event;

/* Lower runs first: between any two callbacks the loop looks for a more urgent one. But peers decide how much work
 * there is for LOOP_PROBES, so while other callbacks wait it gets half of the time, by the millisecond. */
enum loop_priority { LOOP_PROBES, LOOP_NORMAL, LOOP_PRIORITIES };

/* 0 or -errno. From here on the whole process ignores SIGPIPE and SIGXFSZ; code that starts a child resets it there. */
int loop_new(const struct clock *, struct loop **ret) MUST_CHECK;
void loop_free(struct loop *); /* after the _done of everything embedded elsewhere */
void loop_run(struct loop *); /* until loop_stop() */
void loop_stop(struct loop *);
/* One pass: waits for work for at most `patience`, and does it. For tests. */
void loop_turn(struct loop *, struct duration patience);

/* The time at which the current callback began; one reading for everything it does. */
struct mono_time loop_now(const struct loop *);
struct wall_time loop_wall(const struct loop *);
const struct clock *loop_clock(const struct loop *);

typedef void loop_callback(void *context);

/* Calls back while a descriptor is readable or writable (hang-up counts as both). With WATCH_EDGE: once when it is
 * watched, and whenever something new has come. */
enum { WATCH_READ = 1, WATCH_WRITE = 2, WATCH_EDGE = 4 };
struct loop_watch {
	struct loop *loop;
	struct event *event;
	void (*ready)(void *context, int fd, unsigned what);
	void *context;
	int fd;
	unsigned what; /* what is waited for now */
	enum loop_priority priority;
	struct loop_watch *aside_next, **aside_link; /* while it waits for its share */
};
void loop_watch_init(struct loop_watch *, struct loop *, int fd, void (*ready)(void *, int, unsigned), void *context);
void loop_watch_set(struct loop_watch *, unsigned what); /* 0 stops waiting; may be called in the callback */
void loop_watch_done(struct loop_watch *); /* before the descriptor is closed */

/* A moment in time, by the loop's clock. Fires once for each _set. */
struct loop_timer {
	struct loop *loop;
	loop_callback *fire;
	void *context;
	struct mono_time due;
	size_t slot; /* in the loop's heap, from 1; 0 when not set */
};
void loop_timer_init(struct loop_timer *, struct loop *, loop_callback *, void *context);
void loop_timer_set(struct loop_timer *, struct duration from_now); /* again: moves it */
void loop_timer_clear(struct loop_timer *);
void loop_timer_done(struct loop_timer *);
static inline bool loop_timer_pending(const struct loop_timer *t)
{
	return t->slot != 0;
}

/* "Soon": after the current callback, behind anything that is ready and more urgent. Soons run in the order in which
 * they were asked for. */
struct loop_soon {
	struct loop *loop;
	struct loop_soon *next, **link; /* while waiting */
	loop_callback *run;
	void *context;
	enum loop_priority priority;
	bool waiting;
};
void loop_soon_init(struct loop_soon *, struct loop *, loop_callback *, void *context);
void loop_soon_run(struct loop_soon *); /* calling it twice before it ran is the same as once */
void loop_soon_done(struct loop_soon *);

/* A signal, as a loop event. */
struct loop_signal {
	struct loop *loop;
	struct event *event;
	void (*arrived)(void *context, int number);
	void *context;
};
/* 0 or -errno. */
int loop_signal_init(struct loop_signal *, struct loop *, int number, void (*)(void *, int), void *context) MUST_CHECK;
void loop_signal_done(struct loop_signal *);

/* How long callbacks took, in CPU time. counts[i] took at most loop_slice_bounds[i] seconds; the last counts all that
 * took longer. */
enum { LOOP_SLICE_BUCKETS = 12 };
extern const double loop_slice_bounds[LOOP_SLICE_BUCKETS];
extern const char *const loop_slice_names[LOOP_SLICE_BUCKETS]; /* the same as text, as %g has it */
struct loop_slices {
	uint64_t counts[LOOP_SLICE_BUCKETS + 1];
	uint64_t sum_ns, longest_ns;
};
const struct loop_slices *loop_slices(const struct loop *);

#endif
