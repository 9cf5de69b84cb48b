#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define NS INT64_C(1000000000)
#define SECONDS_MAX (INT64_MAX / NS - INT64_C(10) * 365 * 86400)

struct wall_time wall_of_system(const struct timespec *t)
{
	if (t->tv_sec < 0)
		return (struct wall_time){ 0 };
	if (t->tv_sec > SECONDS_MAX)
		return (struct wall_time){ SECONDS_MAX * NS };
	return (struct wall_time){ t->tv_sec * NS + t->tv_nsec };
}

static struct wall_time system_wall(const struct clock *c)
{
	struct timespec t;

	(void)c;
	clock_gettime(CLOCK_REALTIME, &t);
	return wall_of_system(&t);
}

static struct mono_time system_mono(const struct clock *c)
{
	struct timespec t;

	(void)c;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct mono_time){ (int64_t)t.tv_sec * NS + t.tv_nsec };
}

const struct clock clock_system = { .wall = system_wall, .mono = system_mono };

size_t wall_format(struct wall_time t, char to[WALL_TEXT_SIZE])
{
	int64_t rest = (t.ns % NS + NS) % NS; /* also before 1970 */
	time_t seconds = (t.ns - rest) / NS;
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(to, WALL_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(to + n, WALL_TEXT_SIZE - n, ".%03dZ", (int)(rest / 1000000));
	return n;
}
