/*
 * What every unit test includes: cmocka with what it needs before it, a clock that stands still until told,
 * and the files in tests/.
 */
#ifndef OXP_UNIT_H
#define OXP_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

struct still_clock {
	struct clock clock;
	int64_t ns;
	int64_t set; /* by how much the wall clock was set, forth or back */
};

static inline struct wall_time still_wall(const struct clock *c)
{
	const struct still_clock *still = (const struct still_clock *)c;

	return (struct wall_time){ 1700000000000000000 + still->ns + still->set };
}

static inline struct mono_time still_mono(const struct clock *c)
{
	return (struct mono_time){ ((const struct still_clock *)c)->ns };
}

#define STILL_CLOCK                                                                   \
	{                                                                             \
		.clock = { .wall = still_wall, .mono = still_mono }, .ns = 1000000000 \
	}

/* Names of files are relative to tests/, so a test started by hand in another folder says why it fails. */
static inline const char *unit_file(const char *name)
{
	if (access(name, R_OK) < 0)
		fail_msg("cannot read %s; expected tests/ as the working directory: cd there, or use ctest -R", name);
	return name;
}

#endif
