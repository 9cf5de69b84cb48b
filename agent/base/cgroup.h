/*
 * How much memory the kernel lets this process have: the limit of its control group, version 1 or 2. That is what a
 * container's limit sets.
 */
#ifndef OXP_CGROUP_H
#define OXP_CGROUP_H

#include "base/base.h"

#define CGROUP_OF_SELF "/proc/self/cgroup"
#define CGROUP_MOUNT "/sys/fs/cgroup"

/*
 * The smallest limit from the process's group up to the root, in bytes; UINT64_MAX if there is none, or none can be
 * read. In a container, `mount` often shows the container's own group as its root, and the path that `of_process` names
 * is not below it. Then the root is read. See cgroups(7), and the kernel's cgroup-v2 and cgroup-v1/memory documents.
 */
uint64_t cgroup_memory_limit(const char *of_process, const char *mount);

#endif
