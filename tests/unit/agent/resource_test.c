/*
 * What is known of the host app: of the configuration, of OTEL_RESOURCE_ATTRIBUTES, of Kubernetes' variables.
 */
#include "resource.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/unit.h"

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X512 X64 X64 X64 X64 X64 X64 X64 X64
#define LONG X512 X512 X512 X512 X512 X512 X512 X512 "x" /* more than 4 KiB */

static const struct row {
	const char *service; /* of the configuration */
	const char *variables[8]; /* "NAME=value" */
	const char *gets; /* "ECS|OpenTelemetry=value;", without host.name unless that is a variable's */
	const char *wrong; /* what is said of the list */
} table[] = {
	{ NULL, { NULL }, "", NULL },
	{ "shop", { NULL }, "service.name|service.name=shop;", NULL },
	{ NULL,
		{ "POD_NAME=p-1", "POD_NAMESPACE=n", "POD_UID=u", "POD_IP=10.0.0.1", "NODE_NAME=node",
			"CONTAINER_NAME=app" },
		"kubernetes.pod.name|k8s.pod.name=p-1;kubernetes.namespace|k8s.namespace.name=n;"
		"kubernetes.pod.uid|k8s.pod.uid=u;kubernetes.pod.ip|k8s.pod.ip=10.0.0.1;"
		"kubernetes.node.name|k8s.node.name=node;kubernetes.container.name|k8s.container.name=app;",
		NULL },
	{ NULL, { "POD_NAME=", "POD_IP=::1" }, "kubernetes.pod.ip|k8s.pod.ip=::1;", NULL },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=team=a%20b%2Cc, deployment.environment = test ,,x.y=1=2" },
		"team|team=a b,c;service.environment|deployment.environment=test;x.y|x.y=1=2;", NULL },
	/* What is there stays: the configuration, then the list, then the others. */
	{ "shop", { "OTEL_RESOURCE_ATTRIBUTES=service.name=other,service.version=2" },
		"service.name|service.name=shop;service.version|service.version=2;", NULL },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=k8s.pod.name=a,host.name=h,k8s.pod.name=b", "POD_NAME=c" },
		"kubernetes.pod.name|k8s.pod.name=a;host.name|host.name=h;", NULL },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=a,deployment.environment=b" },
		"service.environment|deployment.environment.name=a;", NULL },
	/* Of a list that cannot be read nothing counts; of the others, all. */
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=a=b,nonsense", "POD_NAME=p" }, "kubernetes.pod.name|k8s.pod.name=p;",
		"is not used" },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES==b" }, "", "is not used" },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=a=b,=c" }, "", "is not used" },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=1=,2=,3=,4=,5=,6=,7=,8=,9=,10=,11=,12=,13=,14=,15=,16=z" }, "16|16=z;",
		NULL },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=1=,2=,3=,4=,5=,6=,7=,8=,9=,10=,11=,12=,13=,14=,15=,16=z,17=y" }, "16|16=z;",
		"the first 16 are used" },
	{ NULL, { "OTEL_RESOURCE_ATTRIBUTES=a=b,long=" LONG ",c=d" }, "a|a=b;c|c=d;", "4 KiB, which is left out" },
	{ LONG, { "POD_NAME=" LONG, "POD_UID=u" }, "kubernetes.pod.uid|k8s.pod.uid=u;", NULL },
};

static const char *variable(void *row, const char *name)
{
	const char *const *v = ((const struct row *)row)->variables;
	size_t size = strlen(name);

	for (; *v; v++)
		if (strncmp(*v, name, size) == 0 && (*v)[size] == '=')
			return *v + size + 1;
	return NULL;
}

static void the_first_that_says_something_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct resource rows[RESOURCES_MAX + 1] = { { .name = NULL } };
		struct config_world world = { .context = (void *)&table[i], .variable = variable };
		struct config_arena *arena = config_arena_new();
		bool host = strstr(table[i].gets, "host.name") != NULL, machine = false;
		const char *wrong;
		char got[1024] = "";
		size_t n = 0;
		assert_true(resource_add(rows, "service.name", table[i].service));
		wrong = resource_add_variables(rows, &world, arena);
		assert_true(!wrong == !table[i].wrong && (!wrong || strstr(wrong, table[i].wrong)));
		for (const struct resource *r = rows; r->name; r++) {
			bool last = strcmp(r->name, "host.name") == 0 && !host;
			machine |= last && *r->value;
			if (!last)
				n += (size_t)snprintf(got + n, sizeof got - n, "%s|%s=%s;", r->name, r->otel, r->value);
		}
		assert_string_equal(got, table[i].gets);
		assert_true(machine || host);
		config_arena_free(arena);
	}
}

static void there_is_room_for_some(void **state)
{
	struct resource rows[RESOURCES_MAX + 1] = { { .name = NULL } };
	static char names[RESOURCES_MAX + 1][8];

	(void)state;
	for (int i = 0; i <= RESOURCES_MAX; i++) {
		snprintf(names[i], sizeof names[i], "n%d", i);
		assert_int_equal(resource_add(rows, names[i], "x"), i < RESOURCES_MAX);
	}
	assert_null(rows[RESOURCES_MAX].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_says_something_counts),
		cmocka_unit_test(there_is_room_for_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
