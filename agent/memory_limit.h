/*
 * How much telemetry the process may hold: `memory`, or less if the cgroup would kill the process before it got there.
 */
#ifndef OXP_MEMORY_LIMIT_H
#define OXP_MEMORY_LIMIT_H

#include <stdint.h>

/* `limit` is the cgroup's, UINT64_MAX if there is none (base/cgroup.h). Not less than 2 MiB, unless less is wanted. */
uint64_t memory_within(uint64_t wanted, uint64_t limit);

#endif
