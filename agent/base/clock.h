/*
 * Time. Wall time, monotonic time and a duration are different types, so that they cannot be mixed up.
 *
 * Code asks a `struct clock` that it is given; the loop reads it once a turn. Tests give it a clock that stands still.
 */
#ifndef OXP_CLOCK_H
#define OXP_CLOCK_H

#include "base/base.h"

struct wall_time {
	int64_t ns;
}; /* since 1970-01-01T00:00:00Z */
struct mono_time {
	int64_t ns;
}; /* since some start; never goes back */
struct duration {
	int64_t ns;
};

#define DURATION_MS(ms) ((struct duration){ (int64_t)(ms)*1000000 })
#define DURATION_S(s) ((struct duration){ (int64_t)(s)*1000000000 })

struct clock {
	struct wall_time (*wall)(const struct clock *);
	struct mono_time (*mono)(const struct clock *);
};

extern const struct clock clock_system;

static inline struct duration mono_since(struct mono_time now, struct mono_time then)
{
	return (struct duration){ now.ns - then.ns };
}

/* A file's time in ns since 1970. Its owner can set it to any year: beyond 64 bits, it is the nearest that fits. */
static inline int64_t ns_of(int64_t seconds, int64_t ns)
{
	int64_t all;

	if (__builtin_mul_overflow(seconds, INT64_C(1000000000), &all) || __builtin_add_overflow(all, ns, &all))
		return seconds < 0 ? INT64_MIN : INT64_MAX;
	return all;
}

/* Peers choose some durations: one that leads beyond 64 bits never ends. */
static inline struct mono_time mono_after(struct mono_time t, struct duration d)
{
	int64_t ns;

	return (struct mono_time){ __builtin_add_overflow(t.ns, d.ns, &ns) ? INT64_MAX : ns };
}

static inline int64_t duration_ms(struct duration d)
{
	return d.ns / 1000000;
}
static inline double duration_seconds(struct duration d)
{
	return (double)d.ns * 1e-9;
}

/* What a clock of the system says. One that is set beyond 2252, or before 1970, stands there, so that the time between
 * any two fits, too. */
struct timespec;
struct wall_time wall_of_system(const struct timespec *);

enum { WALL_TEXT_SIZE = 32 };
/* 2026-11-23T04:45:06.123Z, terminated; returns its length. */
size_t wall_format(struct wall_time, char to[WALL_TEXT_SIZE]);

#endif
