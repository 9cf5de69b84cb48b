/*
 * A line of the CRI log format, which containerd and CRI-O write for Kubernetes:
 *
 *	2016-10-06T00:17:09.669794202Z stdout P:tag The content of the
 *
 * (kubernetes, pkg/kubelet/kuberuntime/logs, parseCRILog). The first tag is P if the runtime has split the line, at 16
 * KiB or at the end of what it had read; any other tag means that the line is whole. Further tags behind colons are
 * skipped, as the kubelet does. A malformed line is refused: there is nothing to guess from.
 */
#ifndef OXP_CRI_H
#define OXP_CRI_H

#include "proto/container_line.h"

/* The text points into the line. False if it is not a CRI line; *ret is untouched then. */
bool cri_read(struct bytes line, struct container_line *ret);

#endif
