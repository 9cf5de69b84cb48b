/*
 * What an `otlp` exporter without an endpoint takes from OTEL_EXPORTER_OTLP_*.
 */
#include "otlp_variables.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/unit.h"

#define P "OTEL_EXPORTER_OTLP_"

static const struct {
	const char *yaml; /* below traces.export */
	const char *variables[8]; /* "NAME=value", without their common beginning */
	const char *gets; /* what the exporter says then: "key=text;" */
	const char *complaint; /* NULL: none */
} cases[] = {
	{ "otlp:", { NULL }, "", NULL },
	{ "otlp: {}", { "ENDPOINT=http://x:4318" }, "endpoint=http://x:4318;", NULL },
	{ "otlp:", { "ENDPOINT=http://x:4318" }, "endpoint=http://x:4318;", NULL },
	{ "out: { type: otlp }", { "ENDPOINT=http://x:4318" }, "type=otlp;endpoint=http://x:4318;", NULL },
	{ "file: { path: x }", { "ENDPOINT=http://x:4318" }, "path=x;", NULL },
	{ "otlp: { type: file }", { "ENDPOINT=http://x:4318" }, "type=file;", NULL },
	/* One that names its receiver gets nothing: credentials least of all. */
	{ "otlp: http://y", { "ENDPOINT=http://x", "HEADERS=a=b", "PROTOCOL=grpc" }, "http://y", NULL },
	{ "otlp: { endpoint: http://y }", { "ENDPOINT=http://x", "HEADERS=a=b" }, "endpoint=http://y;", NULL },
	{ "otlp: {}", { "HEADERS=a=b", "TIMEOUT=7" }, "", NULL },
	/* What it says itself stays. */
	{ "otlp: { timeout: 3s }", { "ENDPOINT=http://x", "TIMEOUT=7" }, "timeout=3s;endpoint=http://x;", NULL },
	{ "otlp: { protocol: http/protobuf }", { "ENDPOINT=http://x", "PROTOCOL=grpc" },
		"protocol=http/protobuf;endpoint=http://x;", NULL },
	{ "otlp: { headers: { a: c } }", { "ENDPOINT=http://x", "HEADERS=a=b,d=e" },
		"headers={a=c;};endpoint=http://x;", NULL },
	/* That of the signal first, and as it is. */
	{ "otlp:", { "ENDPOINT=http://x", "TRACES_ENDPOINT=http://y/in" }, "endpoint=http://y/in;add_path=false;",
		NULL },
	{ "otlp:", { "ENDPOINT=http://x", "TRACES_ENDPOINT=" }, "endpoint=http://x;", NULL },
	{ "otlp:", { "ENDPOINT=http://x", "LOGS_ENDPOINT=http://y" }, "endpoint=http://x;", NULL },
	{ "otlp:", { "ENDPOINT=http://x", "TIMEOUT=1", "TRACES_TIMEOUT=2500" }, "endpoint=http://x;timeout=2500ms;",
		NULL },
	/* gRPC. */
	{ "otlp:", { "TRACES_PROTOCOL=grpc", "TRACES_ENDPOINT=http://x:4317" }, "protocol=grpc;endpoint=http://x:4317;",
		NULL },
	{ "otlp:", { "PROTOCOL=grpc", "ENDPOINT=x:4317" }, "protocol=grpc;endpoint=https://x:4317;", NULL },
	{ "otlp:", { "PROTOCOL=grpc", "ENDPOINT=x:4317", "INSECURE=True" }, "protocol=grpc;endpoint=http://x:4317;",
		NULL },
	{ "otlp:", { "PROTOCOL=grpc", "ENDPOINT=https://x", "INSECURE=true" }, "protocol=grpc;endpoint=https://x;",
		NULL },
	{ "otlp:", { "ENDPOINT=x:4318", "INSECURE=true" }, "endpoint=x:4318;", NULL },
	/* The others. */
	{ "otlp:", { "ENDPOINT=http://x", "COMPRESSION=none" }, "endpoint=http://x;gzip=false;", NULL },
	{ "otlp:", { "ENDPOINT=http://x", "COMPRESSION=gzip" }, "endpoint=http://x;gzip=true;", NULL },
	{ "otlp:", { "ENDPOINT=http://x", "COMPRESSION=zstd" }, NULL, "gzip or none" },
	{ "otlp:", { "ENDPOINT=http://x", "TIMEOUT=10s" }, NULL, "milliseconds" },
	{ "otlp:", { "ENDPOINT=http://x", "CERTIFICATE=/ca", "CLIENT_CERTIFICATE=/cert", "CLIENT_KEY=/key" },
		"endpoint=http://x;ca=/ca;cert=/cert;key=/key;", NULL },
	{ "otlp:", { "ENDPOINT=http://x", "HEADERS= api-key = a%20b%2Cc , ,X=d=e,z=%zz" },
		"endpoint=http://x;headers={api-key=a b,c;X=d=e;z=%zz;};", NULL },
	{ "otlp:", { "ENDPOINT=http://x", "HEADERS=a=b,c=d,A=e,a=f" }, "endpoint=http://x;headers={a=f;c=d;};", NULL },
	{ "otlp:", { "ENDPOINT=http://x", "HEADERS=nonsense" }, NULL, "name=value" },
	{ "otlp:", { "ENDPOINT=http://x", "HEADERS=a=$b" }, "endpoint=http://x;headers={a=$b;};", NULL },
};

static const char *variable(void *context, const char *name)
{
	const char *const *variables = context;
	size_t size = strlen(name), prefix = strlen(P);

	assert_memory_equal(name, P, prefix);
	for (size_t i = 0; i < COUNT_OF(cases[0].variables) && variables[i]; i++)
		if (strncmp(variables[i], name + prefix, size - prefix) == 0 && variables[i][size - prefix] == '=')
			return variables[i] + size - prefix + 1;
	return NULL;
}

static void print(const struct node *n, struct buffer *to)
{
	if (n->kind == NODE_TEXT)
		assert_int_equal(buffer_text(to, n->text), 0);
	for (const struct node *child = n->first; child; child = child->next) {
		assert_int_equal(buffer_printf(to, "%s=%s", child->key, child->kind == NODE_MAP ? "{" : ""), 0);
		print(child, to);
		assert_int_equal(buffer_text(to, child->kind == NODE_MAP ? "};" : ";"), 0);
	}
}

/* The exporter as the tree has it then, and the first complaint. */
static void fill(size_t i, struct config_arena *arena, struct buffer *gets, struct config_errors *errors)
{
	const struct config_world world = { (void *)cases[i].variables, variable, NULL };
	char yaml[256];
	struct tree tree;

	snprintf(yaml, sizeof yaml, "traces: { export: { %s } }", cases[i].yaml);
	tree_init(&tree, arena, errors);
	assert_int_equal(tree_load(&tree, "x", bytes_of(yaml)), 0);
	otlp_variables_fill(&tree, &world, "traces.export", "TRACES");
	print(node_get(node_get(tree.root, "traces"), "export")->first, gets);
	assert_int_equal(buffer_append(gets, "", 1), 0);
}

static void what_is_taken_from_the_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_arena *arena = config_arena_new();
		struct config_errors errors = { .arena = arena };
		struct buffer gets;
		buffer_init(&gets, 4096);
		fill(i, arena, &gets, &errors);
		if (cases[i].gets && strcmp(gets.data, cases[i].gets) != 0)
			fail_msg("case %zu: %s", i, gets.data);
		assert_int_equal(errors.count, cases[i].complaint != NULL);
		if (cases[i].complaint) {
			struct config_mark mark = config_mark(errors.items[0].span);
			assert_memory_equal(mark.file, P, strlen(P));
			assert_non_null(strstr(errors.items[0].what, cases[i].complaint));
		}
		buffer_done(&gets);
		config_arena_free(arena);
	}
}

/* No section, or one that is no mapping: nothing to do. */
static void odd_trees(void **state)
{
	static const char *const trees[] = { "", "traces:", "traces: x", "traces: { export: [otlp] }",
		"traces: { export: { otlp: [a] } }", "traces: { export: { otlp: { type: [a] } } }" };
	static const char *const variables[8] = { "ENDPOINT=http://x" };
	const struct config_world world = { (void *)variables, variable, NULL };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(trees); i++) {
		struct config_arena *arena = config_arena_new();
		struct config_errors errors = { .arena = arena };
		struct tree tree;
		tree_init(&tree, arena, &errors);
		assert_int_equal(tree_load(&tree, "x", bytes_of(trees[i])), 0);
		otlp_variables_fill(&tree, &world, "traces.export", "TRACES");
		assert_int_equal(errors.count, 0);
		config_arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_from_the_environment),
		cmocka_unit_test(odd_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
