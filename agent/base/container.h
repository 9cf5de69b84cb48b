/*
 * Whether we run in an application's container: its network is its own, or its pod's, and its peers connect from
 * outside.
 *
 * It is one if KUBERNETES_SERVICE_HOST is set, which the kubelet does for every container, or if /.dockerenv (made by
 * Docker) or /run/.containerenv (Podman, CRI-O) exists. Only the container's owner can cause these. Three other signs
 * are not used: /proc/1/cgroup says "/" in a cgroup namespace of version 2; $container may mean anything in a shell;
 * process number 1 may be an init. A machine in a container (LXC, systemd-nspawn) counts as a machine.
 */
#ifndef OXP_CONTAINER_H
#define OXP_CONTAINER_H

#include "base/base.h"

#define CONTAINER_ROOT ""

/* `root` is put before the paths; `kubernetes` is the value of that variable, or NULL. */
bool container_is_one(const char *root, const char *kubernetes);

#endif
