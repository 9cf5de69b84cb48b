/*
 * What the kernel lets this process have: the memory limit of its control group, version 1 or 2, which is what a
 * container's limit is.
 */
#ifndef OXP_CGROUP_H
#define OXP_CGROUP_H

#include "base/base.h"

#define CGROUP_OF_SELF "/proc/self/cgroup"
#define CGROUP_MOUNT "/sys/fs/cgroup"

/*
 * The smallest limit from the process's group up to the root, in bytes; UINT64_MAX: none, or none that can be read. In
 * a container the path that `of_process` names is often not below `mount`, which shows the container's own group as its
 * root: then that is asked. See cgroups(7), and the kernel's cgroup-v2 and cgroup-v1/memory documents.
 */
uint64_t cgroup_memory_limit(const char *of_process, const char *mount);

#endif
