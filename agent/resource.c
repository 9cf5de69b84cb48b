#include "resource.h"

#include <sys/utsname.h>

#include "config/option.h"
#include "otlp_variables.h"

enum { ATTRIBUTES_MAX = 16 };

/* Names that differ, and the variables that are asked for. */
static const struct {
	const char *otel, *ecs, *variable;
} rows[] = {
	{ "deployment.environment.name", "service.environment", NULL },
	{ "deployment.environment", "service.environment", NULL },
	{ "k8s.pod.name", "kubernetes.pod.name", "POD_NAME" },
	{ "k8s.namespace.name", "kubernetes.namespace", "POD_NAMESPACE" },
	{ "k8s.pod.uid", "kubernetes.pod.uid", "POD_UID" },
	{ "k8s.pod.ip", "kubernetes.pod.ip", "POD_IP" },
	{ "k8s.node.name", "kubernetes.node.name", "NODE_NAME" },
	{ "k8s.container.name", "kubernetes.container.name", "CONTAINER_NAME" },
};

static const char *ecs_of(const char *otel)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].otel, otel) == 0)
			return rows[i].ecs;
	return otel;
}

static bool is_too_long(const char *value)
{
	return strlen(value) > RESOURCE_VALUE_MAX;
}

bool resource_add(struct resource to[RESOURCES_MAX + 1], const char *otel, const char *value)
{
	const char *ecs = ecs_of(otel);
	size_t i;

	if (!value || !*value || is_too_long(value))
		return true;
	for (i = 0; to[i].name; i++)
		if (strcmp(to[i].name, ecs) == 0)
			return true;
	if (i == RESOURCES_MAX)
		return false;
	to[i] = (struct resource){ .name = ecs, .otel = otel, .value = value };
	return true;
}

/* A list that cannot be read to its end is not used at all (OpenTelemetry specification, "Resource SDK"). */
static const char *add_attributes(struct resource *to, const char *list, struct config_arena *arena)
{
	struct option_pair pairs[ATTRIBUTES_MAX], pair;
	size_t count = 0;
	const char *why = NULL;
	int more;

	while ((more = otlp_variable_next(&list, arena, &pair)) > 0 && *pair.key) {
		if (is_too_long(pair.value))
			why = "has a value of more than 4 KiB, which is left out";
		else if (count == ATTRIBUTES_MAX)
			why = "has more than 16 attributes; the first 16 are used";
		else
			pairs[count++] = pair;
	}
	if (more)
		return "is not name=value,name=value, and is not used";
	for (size_t i = 0; i < count; i++)
		OXP_ASSERT(resource_add(to, pairs[i].key, pairs[i].value));
	return why;
}

const char *resource_add_variables(
	struct resource to[RESOURCES_MAX + 1], const struct config_world *world, struct config_arena *arena)
{
	const char *list = world->variable(world->context, "OTEL_RESOURCE_ATTRIBUTES");
	const char *why = list ? add_attributes(to, list, arena) : NULL;
	struct utsname machine = { .nodename = "" };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].variable)
			OXP_ASSERT(resource_add(to, rows[i].otel, world->variable(world->context, rows[i].variable)));
	if (uname(&machine) == 0)
		OXP_ASSERT(
			resource_add(to, "host.name", config_copy(arena, machine.nodename, strlen(machine.nodename))));
	return why;
}
