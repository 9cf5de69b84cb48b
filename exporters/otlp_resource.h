/*
 * The host app as OTLP's resource: the field `resource` of ResourceSpans, ResourceLogs and ResourceMetrics.
 */
#ifndef OXP_OTLP_RESOURCE_H
#define OXP_OTLP_RESOURCE_H

#include "base/bytes.h"
#include "component.h"

/* The caller frees its data. 0 or -ENOMEM. */
int otlp_resource_new(const struct resource *, struct bytes *ret) MUST_CHECK;

#endif
