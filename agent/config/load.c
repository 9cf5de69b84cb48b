#include "config/load.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "config/read.h"
#include "config/value.h"

enum { WORDS_MAX = 128 };	/* sections, or types of one section */

struct config *config_new(const struct config_section *sections, void *target)
{
	struct config *c = oxp_new(sizeof *c);
	size_t count = 0;

	while (sections[count].path)
		count++;
	c->sections = sections;
	c->target = target;
	c->arena = config_arena_new();
	c->errors.arena = c->arena;
	c->components = config_alloc(c->arena, (count + 1) * sizeof *c->components);
	tree_init(&c->tree, c->arena, &c->errors);
	return c;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	config_arena_free(c->arena);
	free(c);
}

int config_file(const char *path, struct buffer *to)
{
	return config_world_system.file(NULL, path, to);
}

struct config_component *config_components(const struct config *c, const char *path)
{
	for (size_t i = 0; c->sections[i].path; i++)
		if (strcmp(c->sections[i].path, path) == 0)
			return c->components[i];
	return NULL;
}

static struct option_reader reader(struct config *c)
{
	return (struct option_reader){ c->arena, &c->errors };
}

/* Components. */

static const struct config_type *find_type(const struct config_section *s, const char *name)
{
	for (const struct config_type *t = s->types; t && t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

/* The value that this component gives to the main option of `t`, or NULL. */
static const char *main_text(const struct config_type *t, const struct node *n)
{
	const struct option *main = option_main(t->options);

	if (n->kind == NODE_MAP)
		n = main ? node_get(n, main->name) : NULL;
	return n && n->kind == NODE_TEXT ? n->text : NULL;
}

static const struct config_type *find_scheme(const struct config_section *s, const struct node *n)
{
	for (const struct config_type *t = s->types; t && t->name; t++) {
		const char *text = t->schemes ? main_text(t, n) : NULL;
		if (text && value_is_one_of(value_scheme(text), t->schemes))
			return t;
	}
	return NULL;
}

static const char *type_names(struct config *c, const struct config_section *s)
{
	const char *names = "", *comma = "";

	for (const struct config_type *t = s->types; t && t->name; t++, comma = ", ")
		names = config_printf(c->arena, "%s%s%s", names, comma, t->name);
	return *names ? names : "(none)";
}

static const char *nearest_type(const struct config_section *s, const char *word)
{
	const char *names[WORDS_MAX];
	size_t count = 0;

	for (const struct config_type *t = s->types; t && t->name && count < WORDS_MAX; t++)
		names[count++] = t->name;
	return nearest_word(word, names, count);
}

/* What says which type a component is, other than its name. */
static const char *other_ways(struct config *c, const struct config_section *s)
{
	const char *all = "", *comma = "";

	for (const struct config_type *t = s->types; t && t->name; t++)
		for (const char *const *scheme = t->schemes; scheme && *scheme; scheme++, comma = ", ")
			all = config_printf(c->arena, "%s%s%s", all, comma, *scheme);
	return *all ? config_printf(c->arena, "begin its address with a scheme, one of %s, or add `type`", all)
		    : "add `type`";
}

/* What to do about a word that is not a type of the section. */
static const char *advice(struct config *c, const struct config_section *s, const char *word, bool named)
{
	const char *near = nearest_type(s, word), *names = type_names(c, s);
	const char *hint = config_hint(&c->errors, config_printf(c->arena, "%s.%s", s->path, word));

	if (hint)
		return hint;
	if (near)
		return config_printf(c->arena, "did you mean \"%s\"? Available: %s", near, names);
	if (!named)
		return config_printf(c->arena, "available: %s", names);
	return config_printf(c->arena, "available: %s; if this is a name of your own, %s", names, other_ways(c, s));
}

static void unknown_type(
	struct config *c, const struct config_section *s, const struct node *n, const struct node *type)
{
	const char *noun = s->noun ? s->noun : "type";

	if (type)
		node_complain(&c->errors, type, "unknown %s %s; %s", noun,
			type->secret ? "type" : config_quote(c->arena, type->text), advice(c, s, type->text, false));
	else
		key_complain(&c->errors, n, "unknown %s %s; %s", noun, config_quote(c->arena, n->key),
			advice(c, s, n->key, true));
}

/* The type is given, or follows from the scheme, or from the name. NULL after a complaint. */
static const struct config_type *type_of(struct config *c, const struct config_section *s, const struct node *n)
{
	const struct node *type = node_get(n, "type");
	const struct config_type *found;

	if (type && type->kind != NODE_TEXT) {
		node_complain(&c->errors, type, "%s; expected one of %s", node_kind_name(type), type_names(c, s));
		return NULL;
	}
	if (type && type->empty)
		type = NULL;
	found = type ? find_type(s, type->text) : find_scheme(s, n);
	if (!found && !type)
		found = find_type(s, n->key);
	if (!found)
		unknown_type(c, s, n, type);
	return found;
}

static bool check_name(struct config *c, const struct node *n)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t size = strlen(n->key);

	if (size > 0 && size <= COMPONENT_NAME_MAX && strspn(n->key, fine) == size)
		return true;
	key_complain(&c->errors, n, "not a name; expected 1 to 63 letters, digits, _ and -");
	return false;
}

struct type_config { const char *type; };

static const struct option type_rows[] = {
	{ OPT_TEXT(struct type_config, type), .name = "type",
		.help = "The type; if it is missing, the name is the type." },
	{ .name = NULL },
};

static struct config_component *read_component(struct config *c, const struct config_section *s, const struct node *n)
{
	const struct config_type *type = check_name(c, n) ? type_of(c, s, n) : NULL;
	struct config_component *made;
	struct option_reader r = reader(c);

	if (!type)
		return NULL;
	made = config_alloc(c->arena, sizeof *made);
	*made = (struct config_component){
		.name = n->key, .type = type, .mark = config_mark(n->key_span),
		.common = s->common_size ? config_alloc(c->arena, s->common_size) : NULL,
		.options = type->config_size ? config_alloc(c->arena, type->config_size) : NULL,
	};
	options_read(&r, (struct option_set[]){
		{ type->options, made->options }, { s->options, made->common },
		{ type_rows, config_alloc(c->arena, sizeof(struct type_config)) },
	}, 3, n, n);
	return made;
}

static void read_components(struct config *c, const struct config_section *s, const struct node *n,
			    struct config_component **tail)
{
	if (n->kind != NODE_MAP)
		node_complain(&c->errors, n, "%s; expected a mapping of names to components", node_kind_name(n));
	for (const struct node *child = n->kind == NODE_MAP ? n->first : NULL; child; child = child->next) {
		*tail = read_component(c, s, child);
		if (*tail)
			tail = &(*tail)->next;
	}
}

/* `- redact: {…}`, or the name alone. Returns a node with the name as its key. */
static const struct node *step_node(struct config *c, const struct node *item)
{
	struct node *named;

	if (item->kind == NODE_MAP && item->count == 1)
		return item->first;
	if (item->kind != NODE_TEXT || item->empty) {
		node_complain(&c->errors, item, "%s; expected one step: a name, or `name: {…}`",
			      item->kind == NODE_TEXT ? "nothing" : node_kind_name(item));
		return NULL;
	}
	named = config_alloc(c->arena, sizeof *named);
	*named = (struct node){ .kind = NODE_TEXT, .text = "", .empty = true, .key = item->text, .parent = item->parent,
				.span = item->span, .key_span = item->span };
	return named;
}

static void read_steps(
	struct config *c, const struct config_section *s, const struct node *n, struct config_component **tail)
{
	if (n->kind != NODE_LIST)
		node_complain(&c->errors, n, "%s; expected a list of steps", node_kind_name(n));
	for (const struct node *item = n->kind == NODE_LIST ? n->first : NULL; item; item = item->next) {
		const struct node *step = step_node(c, item);
		*tail = step ? read_component(c, s, step) : NULL;
		if (*tail)
			tail = &(*tail)->next;
	}
}

/* Sections. */

/* NULL when nothing is written there. */
static const struct node *find_section(const struct config *c, const char *path)
{
	const struct node *n = c->tree.root;

	for (size_t size; n && *path; path += size + (path[size] == '.')) {
		const struct node *child = n->first;
		size = strcspn(path, ".");
		while (child && !(child->key && bytes_are((struct bytes){ path, size }, child->key)))
			child = child->next;
		n = child;
	}
	return n && n->kind == NODE_TEXT && n->empty ? NULL : n;
}

/* What a complaint about a missing option names if the file does not have the section. */
static const struct node *section_node(struct config *c, const char *path)
{
	struct node *n = config_alloc(c->arena, sizeof *n);

	*n = (struct node){ .kind = NODE_MAP, .key = path, .parent = c->tree.root, .span = c->tree.root->span,
			    .key_span = c->tree.root->span };
	return n;
}

static void read_section(struct config *c, size_t i)
{
	const struct config_section *s = &c->sections[i];
	const struct node *n = find_section(c, s->path);
	struct option_reader r = reader(c);
	struct option_set set = { s->options, c->target };

	switch (s->kind) {
	case SECTION_OPTIONS:
		options_read(&r, &set, 1, n, n ? n : section_node(c, s->path));
		break;
	case SECTION_VALUE:
		option_read(&r, s->options, n, c->target);
		break;
	case SECTION_COMPONENTS:
		if (n)
			read_components(c, s, n, &c->components[i]);
		break;
	case SECTION_STEPS:
		if (n)
			read_steps(c, s, n, &c->components[i]);
		break;
	}
}

/* Words that are allowed below `prefix` ("" or "logs"). The path of a section shows whether more words follow. */
struct words {
	const char *items[WORDS_MAX];
	size_t count;
};

static void gather_words(struct config *c, const char *prefix, struct words *ret)
{
	size_t size = strlen(prefix);

	ret->count = 0;
	for (const struct config_section *s = c->sections; s->path && ret->count < WORDS_MAX; s++) {
		const char *rest = s->path + size + (size > 0);
		if (strncmp(s->path, prefix, size) == 0 && (size == 0 || s->path[size] == '.'))
			ret->items[ret->count++] = config_copy(c->arena, rest, strcspn(rest, "."));
	}
}

static bool is_section(const struct config *c, const char *path)
{
	for (const struct config_section *s = c->sections; s->path; s++)
		if (strcmp(s->path, path) == 0)
			return true;
	return false;
}

static void check_key(struct config *c, const struct words *known, const struct node *n)
{
	for (size_t i = 0; i < known->count; i++)
		if (strcmp(known->items[i], n->key) == 0)
			return;
	key_unknown(&c->errors, n, known->items, known->count);
}

/* Checks the keys of the mappings that lead to sections. The reader of a section checks what is in it. */
static void check_keys(struct config *c, const struct node *map, const char *path)
{
	struct words known;

	gather_words(c, path, &known);
	if (map->kind == NODE_TEXT && map->empty)
		return;
	if (map->kind != NODE_MAP)
		node_complain(&c->errors, map, "%s; expected a mapping", node_kind_name(map));
	for (const struct node *n = map->kind == NODE_MAP ? map->first : NULL; n; n = n->next)
		check_key(c, &known, n);
}

static bool led_before(const struct config *c, const struct config_section *s, const char *way)
{
	size_t size = strlen(way);

	for (const struct config_section *earlier = c->sections; earlier < s; earlier++)
		if (strncmp(earlier->path, way, size) == 0 && earlier->path[size] == '.')
			return true;
	return false;
}

static void check_way(struct config *c, const struct config_section *s, const char *way)
{
	const struct node *n = find_section(c, way);

	OXP_ASSERT(!is_section(c, way));
	if (n && !led_before(c, s, way))
		check_keys(c, n, way);
}

/* Every way to a section: "logs" for "logs.collect" and "logs.export", deeper ones alike. */
static void check_ways(struct config *c)
{
	check_keys(c, c->tree.root, "");
	for (const struct config_section *s = c->sections; s->path; s++)
		for (const char *dot = strchr(s->path, '.'); dot; dot = strchr(dot + 1, '.'))
			check_way(c, s, config_copy(c->arena, s->path, (size_t)(dot - s->path)));
}

/* Values of rows that are `verbatim` are not expanded. */

static bool is_verbatim(const struct option *rows, const char *key)
{
	for (; rows && rows->name; rows++)
		if (rows->verbatim && strcmp(rows->name, key) == 0)
			return true;
	return false;
}

static const struct config_type *likely_type(const struct config_section *s, const struct node *n)
{
	const struct node *type = node_get(n, "type");

	return find_type(s, type && type->kind == NODE_TEXT && !type->empty ? type->text : n->key);
}

static void mark_component(const struct config_section *s, struct node *n)
{
	const struct config_type *t = likely_type(s, n);

	for (struct node *option = n->first; t && n->kind == NODE_MAP && option; option = option->next)
		for (struct node *at = is_verbatim(t->options, option->key) ? option : NULL; at;
			at = (struct node *)node_after(option, at))
			at->verbatim = true;
}

static void mark_verbatim(const struct config *c)
{
	for (const struct config_section *s = c->sections; s->path; s++) {
		const struct node *n = s->kind == SECTION_COMPONENTS ? find_section(c, s->path) : NULL;
		for (struct node *child = n && n->kind == NODE_MAP ? n->first : NULL; child; child = child->next)
			mark_component(s, child);
	}
}

static int build_tree(struct config *c, const struct config_input *input)
{
	int failed = tree_load(&c->tree, input->name, input->text);

	for (const char *const *set = input->sets; set && *set && !failed; set++)
		failed = tree_set(&c->tree, *set);
	if (!failed)
		mark_verbatim(c);
	if (!failed)
		failed = tree_expand(&c->tree, input->world);
	if (!failed && input->fill)
		input->fill(&c->tree, input->world);
	return failed;
}

int config_load(struct config *c, const struct config_input *input)
{
	int failed = build_tree(c, input);

	if (failed)
		return failed;
	for (size_t i = 0; c->sections[i].path; i++)
		read_section(c, i);
	check_ways(c);
	return c->errors.count ? -EINVAL : 0;
}
