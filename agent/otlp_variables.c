#include "otlp_variables.h"

#include <errno.h>
#include <strings.h>

#include "base/text.h"

/* One variable that is set. */
struct variable {
	const char *name, *value;
	bool of_signal;
};

/* What is being filled in. */
struct filling {
	struct tree *tree;
	const struct config_world *world;
	const char *signal;
	struct node *exporter;
};

static bool is_set(const struct filling *f, const char *name, struct variable *ret)
{
	ret->name = name;
	ret->value = f->world->variable(f->world->context, name);
	return ret->value && *ret->value;
}

static bool find(const struct filling *f, const char *what, struct variable *ret)
{
	struct config_arena *arena = f->tree->arena;

	ret->of_signal = is_set(f, config_printf(arena, "OTEL_EXPORTER_OTLP_%s_%s", f->signal, what), ret);
	return ret->of_signal || is_set(f, config_printf(arena, "OTEL_EXPORTER_OTLP_%s", what), ret);
}

/* Adds an option, which is said to stand in a file of the variable's name. */
static void add(const struct filling *f, const char *option, const struct variable *v, const char *text)
{
	if (!node_get(f->exporter, option))
		(void)tree_add(f->tree, f->exporter, option, tree_source_of(f->tree, v->name, v->value), text);
}

static void complain(const struct filling *f, const struct variable *v, const char *option, const char *what)
{
	const struct node *n =
		tree_add(f->tree, f->exporter, option, tree_source_of(f->tree, v->name, v->value), v->value);

	node_complain(f->tree->errors, n, "%s", what);
}

static bool is_grpc(const struct filling *f)
{
	const struct node *protocol = node_get(f->exporter, "protocol");

	return protocol && protocol->kind == NODE_TEXT && strcmp(protocol->text, "grpc") == 0;
}

/* Over gRPC an address may have no scheme; then another variable says whether it is without TLS. */
static const char *with_scheme(const struct filling *f, const char *endpoint)
{
	struct variable insecure;
	bool open = find(f, "INSECURE", &insecure) && strcasecmp(insecure.value, "true") == 0;

	if (!is_grpc(f) || strstr(endpoint, "://"))
		return endpoint;
	return config_printf(f->tree->arena, "%s%s", open ? "http://" : "https://", endpoint);
}

/* That of the signal is whole. Over gRPC there is no path to add. */
static void add_endpoint(const struct filling *f, const struct variable *v)
{
	add(f, "endpoint", v, with_scheme(f, v->value));
	if (v->of_signal && !is_grpc(f))
		add(f, "add_path", v, "false");
}

static const char *decoded(struct config_arena *arena, struct bytes coded)
{
	char *text = config_copy(arena, coded.data, coded.size), *to = text;

	for (size_t i = 0; i < coded.size; i++) {
		int byte = percent_byte(coded.data + i, coded.size - i);
		*to++ = byte > 0 ? (char)byte : coded.data[i]; /* a text has no zero in it */
		i += byte > 0 ? 2 : 0;
	}
	*to = '\0';
	return text;
}

int otlp_variable_next(const char **list, struct config_arena *arena, struct option_pair *ret)
{
	struct bytes pair = { NULL, 0 }, value;
	const char *equals;

	while (pair.size == 0 && **list) {
		size_t size = strcspn(*list, ",");
		pair = bytes_trimmed((struct bytes){ *list, size });
		*list += size + ((*list)[size] == ',');
	}
	if (pair.size == 0)
		return 0;
	equals = memchr(pair.data, '=', pair.size);
	if (!equals)
		return -EINVAL;
	value = (struct bytes){ equals + 1, (size_t)(pair.data + pair.size - equals) - 1 };
	ret->key = decoded(arena, bytes_trimmed((struct bytes){ pair.data, (size_t)(equals - pair.data) }));
	ret->value = decoded(arena, bytes_trimmed(value));
	return 1;
}

/* Headers of one name in upper and lower case are one. */
static struct node *find_header(struct node *map, const char *name)
{
	struct node *n = map->first;

	while (n && strcasecmp(n->key, name) != 0)
		n = n->next;
	return n;
}

static void add_headers(const struct filling *f, const struct variable *v)
{
	const struct config_source *source = tree_source_of(f->tree, v->name, v->value);
	struct node *map = tree_add(f->tree, f->exporter, "headers", source, NULL);
	const char *list = v->value;
	struct option_pair pair;
	struct node *before;
	int more;

	while ((more = otlp_variable_next(&list, f->tree->arena, &pair)) > 0) {
		before = find_header(map, pair.key);
		if (before)
			before->text = pair.value; /* the last one counts, as in SDKs */
		else
			(void)tree_add(f->tree, map, pair.key, source, pair.value);
	}
	if (more < 0) {
		config_mask(map->span); /* an excerpt would show what may be a secret */
		node_complain(f->tree->errors, map, "has no = in it; expected name=value,name=value");
	}
}

/* A number of milliseconds. */
static void add_timeout(const struct filling *f, const struct variable *v)
{
	uint64_t ms;

	if (u64_parse(bytes_of(v->value), &ms))
		add(f, "timeout", v, config_printf(f->tree->arena, "%sms", v->value));
	else
		complain(f, v, "timeout", "is not a number of milliseconds");
}

static void add_compression(const struct filling *f, const struct variable *v)
{
	bool gzip = strcmp(v->value, "gzip") == 0;

	if (gzip || strcmp(v->value, "none") == 0)
		add(f, "gzip", v, gzip ? "true" : "false");
	else
		complain(f, v, "gzip", "is not known; expected gzip or none");
}

static void add_as_it_is(const struct filling *f, const struct variable *v, const char *option)
{
	add(f, option, v, v->value);
}

/* In this order: whether it is gRPC decides what an endpoint is. */
static const struct {
	const char *what, *option;
	void (*add)(const struct filling *, const struct variable *); /* NULL: as it is */
} variables[] = {
	{ "PROTOCOL", "protocol", NULL },
	{ "ENDPOINT", "endpoint", add_endpoint },
	{ "HEADERS", "headers", add_headers },
	{ "TIMEOUT", "timeout", add_timeout },
	{ "COMPRESSION", "gzip", add_compression },
	{ "CERTIFICATE", "ca", NULL },
	{ "CLIENT_CERTIFICATE", "cert", NULL },
	{ "CLIENT_KEY", "key", NULL },
};

static void fill(struct filling *f)
{
	struct variable v;

	if (!find(f, "ENDPOINT", &v))
		return;
	if (f->exporter->kind == NODE_TEXT)
		f->exporter->kind = NODE_MAP;
	for (size_t i = 0; i < COUNT_OF(variables); i++) {
		if (node_get(f->exporter, variables[i].option) || !find(f, variables[i].what, &v))
			continue;
		if (variables[i].add)
			variables[i].add(f, &v);
		else
			add_as_it_is(f, &v, variables[i].option);
	}
}

/* Whether it is an exporter of that type that names no receiver. */
static bool is_silent(const struct node *n)
{
	const struct node *type = n->kind == NODE_MAP ? node_get(n, "type") : NULL;
	const char *name = type && type->kind == NODE_TEXT ? type->text : n->key;

	if (strcmp(name, "otlp") != 0)
		return false;
	return n->kind == NODE_TEXT ? n->empty : n->kind == NODE_MAP && !node_get(n, "endpoint");
}

void otlp_variables_fill(struct tree *t, const struct config_world *world, const char *section, const char *signal)
{
	struct node *n = t->root;

	for (size_t size; n && *section; section += size + (section[size] == '.')) {
		size = strcspn(section, ".");
		n = node_get(n, config_copy(t->arena, section, size));
	}
	for (n = n && n->kind == NODE_MAP ? n->first : NULL; n; n = n->next)
		if (is_silent(n))
			fill(&(struct filling){ t, world, signal, n });
}
