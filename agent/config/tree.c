#include "config/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { PATH_TEXT_MAX = 512, LIST_MAX = 240 };

void tree_init(struct tree *t, struct config_arena *arena, struct config_errors *errors)
{
	*t = (struct tree){ .arena = arena, .errors = errors, .root = config_alloc(arena, sizeof *t->root) };
	t->root->kind = NODE_MAP;
}

const struct config_source *tree_source_of(struct tree *t, const char *name, const char *text)
{
	struct config_source *source = config_alloc(t->arena, sizeof *source);
	size_t size = strlen(text);

	*source = (struct config_source){ config_copy(t->arena, name, strlen(name)), config_copy(t->arena, text, size),
		size };
	return source;
}

struct node *tree_add(
	struct tree *t, struct node *map, const char *key, const struct config_source *source, const char *text)
{
	struct node *n = config_alloc(t->arena, sizeof *n);
	struct config_span span = { source, 0, source->size };

	OXP_ASSERT(map->kind == NODE_MAP && !node_get(map, key));
	*n = (struct node){ .kind = text ? NODE_TEXT : NODE_MAP,
		.quoted = true,
		.key = key,
		.text = text ? config_copy(t->arena, text, strlen(text)) : NULL,
		.parent = map,
		.span = span,
		.key_span = span };
	if (map->last)
		map->last->next = n;
	else
		map->first = n;
	map->last = n;
	map->count++;
	t->nodes++;
	return n;
}

struct node *node_get(const struct node *n, const char *key)
{
	for (struct node *child = n->first; child; child = child->next)
		if (child->key && strcmp(child->key, key) == 0)
			return child;
	return NULL;
}

struct node *node_after(const struct node *top, const struct node *n)
{
	if (n->first)
		return n->first;
	while (n != top && !n->next)
		n = n->parent;
	return n == top ? NULL : n->next;
}

const char *node_kind_name(const struct node *n)
{
	static const char *const names[] = { "a value", "a list", "a mapping" };

	return names[n->kind];
}

static size_t position_in_list(const struct node *n)
{
	size_t i = 0;

	for (const struct node *other = n->parent->first; other != n; other = other->next)
		i++;
	return i;
}

/* One word of a path, with control characters out of it: a key may hold anything. */
static int print_word(const struct node *n, char *to, size_t size)
{
	int length;

	if (!n->key)
		return snprintf(to, size, "[%zu]", position_in_list(n));
	length = snprintf(to, size, "%s%.64s", n->parent->parent ? "." : "", n->key);
	for (char *p = to; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return length;
}

const char *node_path(struct config_arena *arena, const struct node *n)
{
	const struct node *chain[TREE_DEPTH_MAX + 1];
	char path[PATH_TEXT_MAX] = "";
	size_t depth = 0, size = 0;

	for (; n && n->parent && depth < COUNT_OF(chain); n = n->parent)
		chain[depth++] = n;
	while (depth-- > 0 && size < sizeof path - 1)
		size += (size_t)print_word(chain[depth], path + size, sizeof path - size);
	return config_copy(arena, path, strlen(path));
}

/* Beyond the ceiling errors are only counted: a path costs a walk. */
static void complain(
	struct config_errors *e, const struct node *n, struct config_span span, const char *format, va_list args)
{
	char what[CONFIG_WHAT_MAX];

	if (e->count >= CONFIG_ERRORS_MAX) {
		e->count++;
		return;
	}
	vsnprintf(what, sizeof what, format, args);
	config_complain(e, span, node_path(e->arena, n), "%s", what);
}

void node_complain(struct config_errors *e, const struct node *n, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(e, n, n->span, format, args);
	va_end(args);
}

void key_complain(struct config_errors *e, const struct node *n, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(e, n, n->key_span, format, args);
	va_end(args);
}

/* The words with a comma between, as many as there is room for. */
static void list_words(const char *const *words, size_t count, char *to, size_t room)
{
	size_t size = 0;

	*to = '\0';
	for (size_t i = 0; i < count; i++) {
		size_t left = room - size, more = strlen(words[i]) + 2;
		if (i && strcmp(words[i], words[i - 1]) == 0)
			continue;
		if (more + sizeof ", …" > left) {
			snprintf(to + size, left, ", …");
			return;
		}
		size += (size_t)snprintf(to + size, left, "%s%s", i ? ", " : "", words[i]);
	}
}

void key_unknown(struct config_errors *e, const struct node *n, const char *const *known, size_t count)
{
	const char *near = nearest_word(n->key, known, count), *hint = config_hint(e, node_path(e->arena, n));
	char list[LIST_MAX];

	if (hint) {
		key_complain(e, n, "unknown key; %s", hint);
		return;
	}
	if (near) {
		key_complain(e, n, "unknown key; did you mean \"%s\"?", near);
		return;
	}
	list_words(known, count, list, sizeof list);
	key_complain(e, n, "unknown key%s%s", *list ? "; known keys: " : "", list);
}
