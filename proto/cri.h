/*
 * A line of the CRI log format, which containerd and CRI-O write for Kubernetes:
 *
 *	2016-10-06T00:17:09.669794202Z stdout P:tag The content of the
 *
 * (kubernetes, pkg/kubelet/kuberuntime/logs, parseCRILog). The first tag is P where the runtime has split the line, at
 * 16 KiB or where it had read no further; whatever else it says the line is whole, and further tags behind colons are
 * passed over, as the kubelet does. Nothing but the time may follow from a line that is malformed, so there is no
 * guessing: false.
 */
#ifndef OXP_CRI_H
#define OXP_CRI_H

#include "proto/container_line.h"

/* The text borrows the line's bytes. *ret is untouched when it is no such line. */
bool cri_read(struct bytes line, struct container_line *ret);

#endif
