/*
 * Whether we run in an application's container, whose network is its own (or its pod's) and whose neighbours come from
 * outside.
 *
 * What tells: KUBERNETES_SERVICE_HOST, which the kubelet gives every container; /.dockerenv, which Docker makes; and
 * /run/.containerenv, which Podman and CRI-O make. Only who runs the container can put these there. Not asked:
 * /proc/1/cgroup, which says "/" within a cgroup namespace of version 2; $container, a word that a shell may have for
 * anything; the number of a process, which is 1 for an init, too. A machine in a container (LXC, systemd-nspawn) is a
 * machine here.
 */
#ifndef OXP_CONTAINER_H
#define OXP_CONTAINER_H

#include "base/base.h"

#define CONTAINER_ROOT ""

/* `root` is what stands before the paths; `kubernetes` is the value of that variable, or NULL. */
bool container_is_one(const char *root, const char *kubernetes);

#endif
