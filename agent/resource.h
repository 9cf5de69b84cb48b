/*
 * What the host app is and where it runs, under names of the Elastic Common Schema and of OpenTelemetry ("Resource
 * Semantic Conventions"). What the configuration says comes first, then OTEL_RESOURCE_ATTRIBUTES, then what Kubernetes
 * can put into variables (the downward API): POD_NAME, POD_NAMESPACE, POD_UID, POD_IP, NODE_NAME, CONTAINER_NAME, and
 * the name of the machine.
 */
#ifndef OXP_RESOURCE_H
#define OXP_RESOURCE_H

#include "component.h"
#include "config/arena.h"
#include "config/tree.h"

enum { RESOURCES_MAX = 32, RESOURCE_VALUE_MAX = 4 << 10 };

/* Adds a row behind those of `to`, which ends with one without a name, if the value is there, is no longer than
 * RESOURCE_VALUE_MAX, and no row has that name of ECS. False: there is no room for it. */
bool resource_add(struct resource to[RESOURCES_MAX + 1], const char *otel, const char *value) MUST_CHECK;
/* Adds what the variables say. NULL; or what is wrong with OTEL_RESOURCE_ATTRIBUTES, and what became of it: it is the
 * app's variable as well, so that is no reason not to start. */
const char *resource_add_variables(
	struct resource to[RESOURCES_MAX + 1], const struct config_world *, struct config_arena *) MUST_CHECK;

#endif
