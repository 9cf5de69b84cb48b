#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct wall_time system_wall(const struct clock *c)
{
	(void)c;
	return (struct wall_time){ read_clock(CLOCK_REALTIME) };
}

static struct mono_time system_mono(const struct clock *c)
{
	(void)c;
	return (struct mono_time){ read_clock(CLOCK_MONOTONIC) };
}

const struct clock clock_system = { .wall = system_wall, .mono = system_mono };

size_t wall_format(struct wall_time t, char to[WALL_TEXT_SIZE])
{
	time_t seconds = t.ns / 1000000000;
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(to, WALL_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(to + n, WALL_TEXT_SIZE - n, ".%03dZ", (int)(t.ns / 1000000 % 1000));
	return n;
}
