/*
 * What the process may hold of telemetry: `memory`, or less where its cgroup would kill it before it got there.
 */
#ifndef OXP_MEMORY_LIMIT_H
#define OXP_MEMORY_LIMIT_H

#include <stdint.h>

/* `limit` is the cgroup's, UINT64_MAX where there is none (base/cgroup.h). At least 2 MiB, if so many are wanted. */
uint64_t memory_within(uint64_t wanted, uint64_t limit);

#endif
