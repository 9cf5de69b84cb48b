#include "addresses.h"

#include <errno.h>
#include <stdio.h>

#include "config/value.h"
#include "http/server.h"

enum { HOST_MAX = 64 };

static const enum part doors[] = { PART_RECEIVE, PART_METRICS, PART_LOGS }; /* that listen */

struct gathering {
	const struct agent_config *config;
	struct own_address *first, **tail;
};

/* Returns the node of one option of a component: its member, or the value written in place of the mapping. */
static const struct node *option_node(const struct node *component, const struct option *row)
{
	if (component && component->kind == NODE_MAP)
		return node_get(component, row->name);
	return row->main && component && !component->empty ? component : NULL;
}

static const struct node *item_node(const struct node *list, size_t i)
{
	const struct node *item = list && list->kind == NODE_LIST ? list->first : list;

	while (item && list->kind == NODE_LIST && i-- > 0)
		item = item->next;
	return item;
}

static void add(struct gathering *g, const struct own_address *address)
{
	struct own_address *added = config_alloc(g->config->file->arena, sizeof *added);

	*added = *address;
	*g->tail = added;
	g->tail = &added->next;
}

static void add_list(
	struct gathering *g, const struct option_list *list, const struct node *node, struct own_address like)
{
	for (size_t i = 0; i < list->count; i++) {
		like.text = list->items[i];
		like.node = item_node(node, i);
		add(g, &like);
	}
}

/* The words of what the options of access/guard.h say. */
static const char *guard_words(const char *cert, const char *client_ca, const char *auth)
{
	if (!cert)
		return auth ? "credentials" : NULL;
	if (client_ca)
		return auth ? "TLS with certificates of clients, credentials" : "TLS with certificates of clients";
	return auth ? "TLS, credentials" : "TLS";
}

static const char *path_option(const struct config_component *k, const char *name)
{
	const char *path = NULL;

	for (const struct option *row = k->type->options; row && row->name; row++)
		if (row->kind == OPTION_PATH && strcmp(row->name, name) == 0)
			memcpy(&path, (const char *)k->options + row->offset, sizeof path);
	return path;
}

static void add_component(struct gathering *g, enum part part, const struct config_component *k)
{
	const struct collector_type *type = k->type->type;
	const struct node *node = agent_config_node(g->config, k, part);
	const char *guard = guard_words(path_option(k, "cert"), path_option(k, "client_ca"), path_option(k, "auth"));
	const struct option_list *list;

	for (const struct option *row = k->type->options; row && row->name; row++) {
		if (row->kind != OPTION_ADDRESS_LIST)
			continue;
		memcpy(&list, (const char *)k->options + row->offset, sizeof list);
		add_list(g, list, option_node(node, row),
			(struct own_address){ .option = config_printf(g->config->file->arena, "%s.%s.%s",
						      part_path(part), k->name, row->name),
				.datagrams = type->datagrams && type->datagrams(k->options, row->name),
				.guard = guard,
				.takes = true });
	}
}

const struct own_address *addresses_of(const struct agent_config *c)
{
	struct gathering g = { .config = c, .tail = &g.first };
	const struct node *root = c->file->tree.root, *health = node_get(root, "health");
	const struct node *grpc = health ? node_get(health, "grpc") : NULL;
	static const struct option listen = { .name = "listen", .main = true };

	add_list(&g, c->grpc_probes, option_node(grpc, &listen), (struct own_address){ .option = "health.grpc" });
	add_list(&g, c->listen, node_get(root, "listen"),
		(struct own_address){ .option = "listen",
			.guard = guard_words(c->access.cert, c->access.client_ca, c->access.auth) });
	add(&g, &(struct own_address){
			.text = c->control, .option = "control", .node = item_node(node_get(root, "control"), 0) });
	for (size_t i = 0; i < COUNT_OF(doors); i++)
		for (const struct config_component *k = c->components[doors[i]]; k; k = k->next)
			add_component(&g, doors[i], k);
	return g.first;
}

/* Collisions. */

static void check_pair(struct agent_config *c, const struct own_address *a, const struct own_address *b)
{
	const struct own_address *at = b->node ? b : a, *other = at == b ? a : b;
	struct config_errors *e = &c->file->errors;

	if (a->datagrams != b->datagrams && strncmp(a->text, "unix:", 5) != 0)
		return; /* TCP and UDP have ports of their own */
	if (!value_addresses_meet(a->text, b->text))
		return;
	if (at->node)
		node_complain(e, at->node, "%s collides with %s of %s%s: give one of them another address", at->text,
			other->text, other->option, other->node ? "" : " (its default)");
	else
		config_complain(e, (struct config_span){ .source = NULL }, at->option, "%s collides with %s of %s",
			at->text, other->text, other->option);
}

static void check_collisions(struct agent_config *c, const struct own_address *all)
{
	for (const struct own_address *b = all; b; b = b->next)
		for (const struct own_address *a = all; a != b; a = a->next)
			check_pair(c, a, b);
}

/* Targets that lead back to us. */

/* Writes the host and port of a URL or address as an address. Returns false if it does not fit. */
static bool target_of(const char *text, char to[HOST_MAX])
{
	const char *slashes = strstr(text, "://"), *at;
	const char *port = slashes && strncmp(text, "https", 5) == 0 ? ":443" : ":80";
	size_t size;

	text = slashes ? slashes + 3 : text;
	size = strcspn(text, "/?#");
	at = memrchr(text, '@', size);
	if (at) {
		size -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	if (!memchr(text, ':', size) || (size > 0 && text[size - 1] == ']'))
		return snprintf(to, HOST_MAX, "%.*s%s", (int)size, text, port) < HOST_MAX;
	return snprintf(to, HOST_MAX, "%.*s", (int)size, text) < HOST_MAX;
}

/* Whether connecting to `target` from here reaches the address that we listen on. Names are not resolved here, so any
 * name but localhost counts as another machine. */
static bool leads_to(const char *target, const char *address)
{
	const char *port = strrchr(target, ':');
	char v6[HOST_MAX];

	if (value_own_address(target) || strncmp(address, "unix:", 5) == 0)
		return false;
	if (value_address_is_local(target) && strncmp(target, "localhost:", 10) != 0)
		return value_addresses_meet(target, address);
	snprintf(v6, sizeof v6, "[::1]%s", port);
	if (strncmp(target, "localhost:", 10) == 0)
		return value_addresses_meet(target, address) || value_addresses_meet(v6, address);
	if (*target == ':' || strncmp(target, "0.0.0.0:", 8) == 0) /* connecting to these reaches this machine */
		return value_addresses_meet(target, address);
	return strcmp(target, address) == 0;
}

static const struct own_address *own_at(const struct own_address *all, const char *url)
{
	char target[HOST_MAX];
	bool is_unix = strncmp(url, "unix:", 5) == 0;

	if (!is_unix && !target_of(url, target))
		return NULL;
	for (; all; all = all->next)
		if (!all->datagrams && (is_unix ? value_addresses_meet(url, all->text) : leads_to(target, all->text)))
			return all;
	return NULL;
}

/* Returns the targets that an option row holds. */
static struct option_list targets_of(const struct config_component *k, const struct option *row, const char **one)
{
	const void *field = (const char *)k->options + row->offset;
	const struct option_list *list;

	if (row->kind == OPTION_URL || row->kind == OPTION_ADDRESS) {
		memcpy(one, field, sizeof *one);
		return (struct option_list){ *one != NULL, one };
	}
	if (row->kind != OPTION_URL_LIST)
		return (struct option_list){ 0, NULL };
	memcpy(&list, field, sizeof list);
	return *list;
}

static void check_targets(struct agent_config *c, enum part part, const struct config_component *k,
	const struct option *row, const struct own_address *all)
{
	const char *one, *what = "what it sends would come back; give one of the two another port";
	struct option_list targets = targets_of(k, row, &one);

	if (part == PART_METRICS)
		what = "what it reads is ours already; expected an address of the app";
	for (size_t i = 0; i < targets.count; i++) {
		const struct own_address *own = own_at(all, targets.items[i]);
		if (own)
			agent_config_complain(c, k, part,
				config_printf(c->file->arena, "%s: %s is our own door, %s: %s", row->name,
					config_hide_passwords(c->file->arena, targets.items[i]), own->option, what));
	}
}

static void check_ways_back(struct agent_config *c, const struct own_address *all)
{
	static const enum part parts[] = { PART_METRICS_OUT, PART_LOGS_OUT, PART_TRACES_OUT, PART_METRICS };

	for (size_t i = 0; i < COUNT_OF(parts); i++)
		for (const struct config_component *k = c->components[parts[i]]; k; k = k->next)
			for (const struct option *row = k->type->options; row && row->name; row++)
				check_targets(c, parts[i], k, row, all);
}

static void check_counts(struct agent_config *c, const struct own_address *all)
{
	const char *option = NULL;
	size_t count = 0;

	for (; all; all = all->next) {
		count = all->option == option ? count + 1 : 1;
		option = all->option;
		if (count == HTTP_ADDRESSES_MAX + 1 && all->node)
			node_complain(&c->file->errors, all->node, "%s is one address too many: an option takes %d",
				all->text, HTTP_ADDRESSES_MAX);
	}
}

/* Of all its options: one of them may be empty. False also for what does not listen at all. */
static bool listens_nowhere(const struct config_component *k)
{
	const struct option_list *list;
	size_t options = 0, addresses = 0;

	for (const struct option *row = k->type->options; row && row->name; row++) {
		if (row->kind != OPTION_ADDRESS_LIST)
			continue;
		memcpy(&list, (const char *)k->options + row->offset, sizeof list);
		options++;
		addresses += list->count;
	}
	return options > 0 && addresses == 0;
}

static void check_some(struct agent_config *c)
{
	for (size_t i = 0; i < COUNT_OF(doors); i++)
		for (const struct config_component *k = c->components[doors[i]]; k; k = k->next)
			if (listens_nowhere(k))
				agent_config_complain(c, k, doors[i],
					"it listens nowhere, so nothing can come in: give it an address, or leave it "
					"out");
}

int addresses_check(struct agent_config *c)
{
	const struct own_address *all = addresses_of(c);

	check_some(c);
	check_counts(c, all);
	check_collisions(c, all);
	check_ways_back(c, all);
	return c->file->errors.count > 0 ? -EINVAL : 0;
}

static bool is_told(const struct own_address *a, enum address_reach reach)
{
	if (reach == ADDRESSES_ALL)
		return true;
	if (value_address_is_local(a->text))
		return false;
	return reach == ADDRESSES_OPEN || (a->takes && !a->datagrams && !a->guard);
}

void addresses_tell(const struct own_address *a, enum address_reach reach, char *to, size_t room)
{
	size_t size = 0;

	snprintf(to, room, "nothing");
	for (; a && size < room; a = a->next)
		if (is_told(a, reach))
			size += (size_t)snprintf(to + size, room - size, "%s%s (%s%s%s)", size ? ", " : "", a->text,
				a->option, a->guard && !a->datagrams ? ", " : "",
				a->guard && !a->datagrams ? a->guard : "");
}
